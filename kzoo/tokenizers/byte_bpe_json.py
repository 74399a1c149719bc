"""What a `tokenizer.json` must say to be a `ByteBPETokenizer`."""

import os

from kzoo.errors import InputError


def arguments_of_json(content: dict, path: str | os.PathLike) -> dict:
    """Return what a `tokenizer.json` says.

    Its `truncation` and `padding` are left aside: they belong to the call.

    Args:
        content: The parsed file.
        path: Where it lies, for the messages.

    Returns:
        `vocabulary`, `merges`, `add_prefix_space`; `added`, each special token and
        whether it takes the whitespace before it; `frame`, the cls and sep tokens,
        empty where texts are not framed.

    Raises:
        InputError: A component that GPT-2's and RoBERTa's tokenizers do not have.
    """
    reader = _Reader(content, path)
    if content.get("normalizer") is not None:
        raise reader.refuse("a normalizer", "no normalizer")
    read = reader.model() | reader.pre_tokenizer()
    reader.typed("decoder", "ByteLevel")
    read["added"] = reader.added_tokens(read["vocabulary"])
    return {**read, "frame": reader.frame()}


class _Reader:
    """One `tokenizer.json`, and the errors that name its parts."""

    def __init__(self, content: dict, path: str | os.PathLike) -> None:
        self.content = content
        self.path = path

    def refuse(self, what: str, expected: str) -> InputError:
        return InputError(
            f"A byte-level BPE tokenizer.json has {expected}.",
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
        component = self.content.get("model")
        # The first files of the library name no type.
        if not isinstance(component, dict) or component.get("type", "BPE") != "BPE":
            component = self.typed("model", "BPE")
        for key in (
            "dropout",
            "continuing_subword_prefix",
            "end_of_word_suffix",
            "byte_fallback",
            "ignore_merges",
        ):
            if component.get(key):
                raise self.refuse(f"model.{key}={component[key]!r}", f"no {key}")
        ids = component.get("vocab")
        if not isinstance(ids, dict) or sorted(ids.values()) != list(range(len(ids))):
            raise self.refuse("model.vocab", "ids from 0 on without a gap")
        merges = component.get("merges")
        if not isinstance(merges, list):
            raise self.refuse("model.merges", "a list of merges")
        return {"vocabulary": sorted(ids, key=ids.__getitem__), "merges": merges}

    def pre_tokenizer(self) -> dict:
        component = self.typed("pre_tokenizer", "ByteLevel")
        if not component.get("use_regex", True):
            raise self.refuse("pre_tokenizer.use_regex=false", "GPT-2's words")
        return {"add_prefix_space": bool(component.get("add_prefix_space", True))}

    def frame(self) -> dict[str, str]:
        """Return the cls and sep tokens; nothing where texts are not framed."""
        component = self.content.get("post_processor")
        if component is None:
            return {}
        types = ("ByteLevel", "RobertaProcessing", "TemplateProcessing")
        component = self.typed("post_processor", *types)
        if component["type"] == "RobertaProcessing":
            return {"cls_token": component["cls"][0], "sep_token": component["sep"][0]}
        if component["type"] == "ByteLevel":
            return {}
        single = [_piece(piece) for piece in component.get("single", [])]
        pair = [_piece(piece) for piece in component.get("pair", [])]
        if single == ["$A"] and pair in (["$A", "$B"], []):
            return {}
        if len(single) == 3 and single[1] == "$A":
            cls, _, sep = single
            if pair in ([*single, sep, "$B", sep], []):
                return {"cls_token": cls, "sep_token": sep}
        raise self.refuse(
            "another template in post_processor",
            "the template <s> A </s>, and <s> A </s></s> B </s> for pairs, or none",
        )

    def added_tokens(self, vocabulary: list[str]) -> dict[str, bool]:
        """Return the added tokens, each with whether it takes whitespace before it."""
        ids = {token: index for index, token in enumerate(vocabulary)}
        found = {}
        listed = self.content.get("added_tokens") or []
        for token in sorted(listed, key=lambda token: token["id"]):
            text, index = token["content"], token["id"]
            if text not in ids and index == len(vocabulary):
                ids[text] = index
                vocabulary.append(text)
            unusual = token.get("rstrip") or token.get("single_word")
            if ids.get(text) != index or not token.get("special") or unusual:
                raise self.refuse(
                    f"added token {text!r} with id={index}",
                    "added tokens that are special, matched as they are, and follow "
                    "the vocabulary without a gap",
                )
            found[text] = bool(token.get("lstrip", False))
        return found


def _piece(piece: dict) -> str:
    """Return a token, "$A" or "$B": one part of a template."""
    ((kind, value),) = piece.items()
    return f"${value.get('id')}" if kind == "Sequence" else value.get("id")
