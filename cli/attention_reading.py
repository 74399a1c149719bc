"""What a model attends to in a text: tokens and scores, ready to be drawn."""

import dataclasses

import numpy as np

from kzoo.errors import InputError, unknown_name


@dataclasses.dataclass(frozen=True)
class AttentionMap:
    """The scores of one kind of attention.

    Args:
        name: `self`, or of a translator `cross`, `encoder` or `decoder`.
        readers: The token of each of the T queries, as shown.
        read: The token of each of the S keys.
        scores: (layers, N, T, S), each row of S summing to one.
    """

    name: str
    readers: list[str]
    read: list[str]
    scores: np.ndarray

    def heads(self, layer: int | None, head: int | None) -> tuple[np.ndarray, int]:
        """Return the scores of a layer, (T, S), and the layer's number.

        Args:
            layer: From 1; None is the last.
            head: From 1; None is the mean of all.

        Raises:
            InputError: If there is no such layer or head.
        """
        layers, heads = self.scores.shape[:2]
        for name, value, count in (("layer", layer, layers), ("head", head, heads)):
            if value is not None and not 1 <= value <= count:
                raise InputError(
                    f"The model has {count} {name}s, counted from 1.",
                    f"--{name} {value}",
                    f"Pass 1 to {count}.",
                )
        number = layer or layers
        scores = self.scores[number - 1]
        return (scores.mean(axis=0) if head is None else scores[head - 1]), number


def read_attention(model, text: str, target: str | None = None) -> list[AttentionMap]:
    """Return a model's attention to a text, the most telling kind first.

    Args:
        model: A model of the zoo with its tokenizer.
        text: The text; for a translator the source.
        target: For a translator the translation, by default its own.

    Returns:
        One map of a classifier or GPT-2; three of a translator.

    Raises:
        InputError: If the text has no tokens or too many, or a target is given to a
            model that translates nothing.
    """
    if model.task == "translation":
        return _translator(model, text, target)
    if target is not None:
        raise InputError(
            "Only a translator has a target text.",
            f"--target-text {target!r} for a {type(model).__name__}",
            "Leave it out.",
        )
    tokenizer = model.require_tokenizer()
    encoded = tokenizer.encode_batch([text])
    ids = np.asarray(encoded.ids[0])[None]
    _check_length(ids, model)
    inputs = {"token_ids": ids, "padding_mask": np.ones(ids.shape, bool)}
    tokens = [_shown(tokenizer, index) for index in ids[0]]
    scores = _stacked(model.attention_scores(inputs))
    size = scores.shape[-1]  # an encoder may read the first tokens alone
    return [AttentionMap("self", tokens[:size], tokens[:size], scores)]


def pick(maps: list[AttentionMap], name: str | None) -> AttentionMap:
    """Return the map of a name, or the first.

    Raises:
        InputError: If there is none of that name.
    """
    if name is None:
        return maps[0]
    named = {one.name: one for one in maps}
    if name not in named:
        raise unknown_name("kind of attention", name, named)
    return named[name]


def _translator(model, text, target):
    from kzoo.generation import iter_translations

    tokenizer = model.require_tokenizer()
    source = np.asarray(tokenizer.encode_source([text]).ids[0])[None]
    _check_length(source, model)
    if target is None:
        (found,) = next(iter_translations(model, [text]))
        # One that never ends is as long as it can be.
        ids = [*found.token_ids, model.end_id][: model.max_sequence_length]
    else:
        ids = tokenizer.encode_target([target]).ids[0]
    given = np.array([[model.start_id, *ids[:-1]]])
    _check_length(given, model)
    scores = model.attention_scores(
        {
            "encoder_token_ids": source,
            "encoder_padding_mask": np.ones(source.shape, bool),
            "decoder_token_ids": given,
            "decoder_padding_mask": np.ones(given.shape, bool),
        }
    )
    read = [_shown(tokenizer.source, index) for index in source[0]]
    # A query is named after the token that it gives, a key after that which it holds.
    written = [_shown(tokenizer.target, index) for index in ids]
    held = ["<s>", *written[:-1]]
    return [
        AttentionMap("cross", written, read, _stacked(scores["cross"])),
        AttentionMap("encoder", read, read, _stacked(scores["encoder"])),
        AttentionMap("decoder", written, held, _stacked(scores["decoder"])),
    ]


def _check_length(ids, model):
    longest = model.max_sequence_length
    if not 1 <= ids.shape[1] <= longest:
        raise InputError(
            "A text to draw has one token or more, and no more than the model reads.",
            f"{ids.shape[1]} tokens, max_sequence_length={longest}",
            "Pass another text.",
        )


def _stacked(scores) -> np.ndarray:
    """Return the scores of all layers for the one text, (layers, N, T, S) float32."""
    import keras

    arrays = [
        np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")))
        for x in scores
    ]
    return np.concatenate(arrays)  # the batch is the one text


def _shown(tokenizer, index: int) -> str:
    """Return a token as people read it; white space becomes a sign."""
    if hasattr(tokenizer, "token_bytes"):
        token = tokenizer.token_bytes(int(index)).decode("utf-8", "replace")
        return token.replace("\n", "⏎").replace(" ", "·") or "<special>"
    return tokenizer.vocabulary[int(index)].replace("▁", "·")
