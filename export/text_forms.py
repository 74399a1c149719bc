"""The tokenizers that artefacts which say something can have inside."""

from kzoo.export.graph_tokenizers import GraphForms, graph_forms, has_graph_forms


def text_forms(tokenizer) -> GraphForms | None:
    """Return the forms of a tokenizer that go both ways, to ids and back.

    Args:
        tokenizer: A tokenizer of `kzoo.tokenizers`, or None.

    Returns:
        Its forms; None where it has none, or no way back.
    """
    if not has_graph_forms(tokenizer):
        return None
    forms = graph_forms(tokenizer)
    return None if forms.onnx_decoder is None else forms


def text_limitations(tokenizer, forms: GraphForms | None) -> list[str]:
    """Return what an artefact's text form cannot do, or why there is none.

    Args:
        tokenizer: The model's tokenizer, or None.
        forms: What `text_forms` gave.

    Returns:
        A sentence for each.
    """
    if tokenizer is None:
        return ["The model has no tokenizer, so there is no text form."]
    if forms is None:
        name = type(tokenizer).__name__
        return [f"A {name} has no form inside a graph, so there is no text form."]
    return list(forms.limitations(tokenizer))
