"""What a `tokenizer.json` must say to be a `WordPieceTokenizer`."""

import os

from kzoo.errors import InputError

_FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


def arguments_of_json(
    content: dict, path: str | os.PathLike, names: dict[str, str] | None = None
) -> dict:
    """Return the constructor arguments of a `tokenizer.json`.

    Its `truncation` and `padding` are left aside: they belong to the call.

    Args:
        content: The parsed file.
        path: Where it lies, for the messages.
        names: Special tokens that files beside it name, such as `mask_token`.

    Returns:
        Arguments of `WordPieceTokenizer`.

    Raises:
        InputError: A component that BERT's tokenizer does not have.
    """
    reader = _Reader(content, path)
    arguments = {**reader.model(), **reader.normalizer()}
    reader.typed("pre_tokenizer", "BertPreTokenizer")
    if content.get("decoder") is not None:
        reader.typed("decoder", "WordPiece")
    arguments |= reader.post_processor()
    arguments |= {"pad_token": "[PAD]", "mask_token": "[MASK]", **(names or {})}
    reader.check_added_tokens(arguments)
    return arguments


class _Reader:
    """One `tokenizer.json`, and the errors that name its parts."""

    def __init__(self, content: dict, path: str | os.PathLike) -> None:
        self.content = content
        self.path = path

    def refuse(self, what: str, expected: str) -> InputError:
        return InputError(
            f"A WordPiece tokenizer.json has {expected}.",
            f"{what} in {str(self.path)!r}",
            "This component is not supported.",
        )

    def typed(self, part: str, *types: str) -> dict:
        """Return a component, which is of one of the given types."""
        component = self.content.get(part)
        received = component.get("type") if isinstance(component, dict) else None
        if not isinstance(component, dict) or received not in types:
            expected = f"the {part} {' or '.join(types)}"
            raise self.refuse(f"{part}={received or component!r}", expected)
        return component

    def model(self) -> dict:
        component = self.typed("model", "WordPiece")
        ids = component.get("vocab")
        if not isinstance(ids, dict) or sorted(ids.values()) != list(range(len(ids))):
            raise self.refuse("model.vocab", "ids from 0 on without a gap")
        return {
            "vocabulary": sorted(ids, key=ids.__getitem__),
            "unknown_token": component.get("unk_token", "[UNK]"),
            "continuing_prefix": component.get("continuing_subword_prefix", "##"),
            "max_characters_per_word": component.get("max_input_chars_per_word", 100),
        }

    def normalizer(self) -> dict:
        component = self.typed("normalizer", "BertNormalizer")
        return {
            "clean_text": component.get("clean_text", True),
            "split_chinese_characters": component.get("handle_chinese_chars", True),
            "strip_accents": component.get("strip_accents"),
            "lowercase": component.get("lowercase", True),
        }

    def post_processor(self) -> dict:
        component = self.typed("post_processor", "TemplateProcessing", "BertProcessing")
        if component["type"] == "BertProcessing":
            return {"cls_token": component["cls"][0], "sep_token": component["sep"][0]}
        single = [_piece(piece) for piece in component.get("single", [])]
        pair = [_piece(piece) for piece in component.get("pair", [])]
        if len(single) == 3:
            cls, sep = single[0][0], single[2][0]
            expected = [(cls, 0), ("$A", 0), (sep, 0)]
            both = [*expected, ("$B", 1), (sep, 1)]
            if single == expected and pair in (both, []):
                return {"cls_token": cls, "sep_token": sep}
        raise self.refuse(
            "another template in post_processor",
            "the template [CLS] A [SEP], and [CLS] A [SEP] B [SEP] for pairs",
        )

    def check_added_tokens(self, arguments: dict) -> None:
        """Check that only special tokens are added, and without conditions."""
        ids = {token: index for index, token in enumerate(arguments["vocabulary"])}
        special = {arguments[key] for key in arguments if key.endswith("_token")}
        for token in self.content.get("added_tokens") or []:
            text = token.get("content")
            for flag, value in _FLAGS.items():
                if token.get(flag, value) != value:
                    raise self.refuse(
                        f"added token {text!r} with {flag}={token[flag]}",
                        "added tokens that are matched exactly",
                    )
            if text not in special or ids.get(text) != token.get("id"):
                raise self.refuse(
                    f"added token {text!r} with id={token.get('id')}",
                    "no added tokens but the five special ones of model.vocab",
                )


def _piece(piece: dict) -> tuple[str, int]:
    """Return (token or "$A" or "$B", segment) of one part of a template."""
    ((kind, value),) = piece.items()
    name = value.get("id")
    return (f"${name}" if kind == "Sequence" else name), value.get("type_id", 0)
