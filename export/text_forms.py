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
