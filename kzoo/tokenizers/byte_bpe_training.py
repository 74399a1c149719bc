"""Learning byte-level merges, the same ones from the same texts."""

import re
from collections.abc import Iterable

from kzoo.errors import InputError
from kzoo.tokenizers.byte_alphabet import characters_of_bytes
from kzoo.tokenizers.text_input import as_text


def learn(
    cls,
    texts: Iterable[str | bytes],
    vocabulary_size: int,
    min_frequency: int,
    options: dict,
) -> tuple[list[str], list[tuple[str, str]], tuple[str, ...]]:
    """Return the tokens and merges that texts yield, and what there is to say.

    The alphabet is the 256 bytes in a fixed order, so ids depend on counts alone; the
    Rust trainer breaks ties between pairs by their ids.

    Args:
        cls: `ByteBPETokenizer`.
        texts: The texts. Special tokens in them part words and are not learnt.
        vocabulary_size: Tokens wanted.
        min_frequency: How often a pair occurs to be joined.
        options: The constructor's other arguments.

    Returns:
        The tokens, the merges, and notes for the user.

    Raises:
        InputError: A vocabulary too small for the special tokens and the bytes.
    """
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    special = _special_tokens(options)
    bare = cls([*special, *characters_of_bytes()], [], **options)
    least = bare.vocabulary_size
    if vocabulary_size < least:
        raise InputError(
            "A byte-level vocabulary holds the special tokens and the 256 bytes.",
            f"vocabulary_size={vocabulary_size}",
            f"Pass {least} or more.",
        )
    rust = Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(
        add_prefix_space=bare.add_prefix_space
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        min_frequency=min_frequency,
        special_tokens=bare.vocabulary,
        initial_alphabet=list(characters_of_bytes()),
        show_progress=False,
    )
    parts = re.compile("|".join(map(re.escape, special)))
    rust.train_from_iterator(
        (part for text in texts for part in parts.split(as_text(text)) if part),
        trainer,
    )
    model = json.loads(rust.to_str())["model"]
    ids = model["vocab"]
    vocabulary = sorted(ids, key=ids.__getitem__)
    merges = [tuple(merge) for merge in model["merges"]]
    notes = ()
    if len(vocabulary) < vocabulary_size:
        notes = (
            f"the texts yield {len(vocabulary)} tokens, fewer than the "
            f"{vocabulary_size} asked for",
        )
    return vocabulary, merges, notes


def _special_tokens(options: dict) -> list[str]:
    """Return the special tokens that constructor arguments name, in a fixed order."""
    names = ("start_token", "cls_token", "pad_token", "end_token", "sep_token")
    names = (*names, "unknown_token", "mask_token")
    named = {"end_token": "<|endoftext|>", **options}
    listed = [named.get(name) for name in names]
    listed += options.get("extra_special_tokens", ())
    return list(dict.fromkeys(token for token in listed if token))
