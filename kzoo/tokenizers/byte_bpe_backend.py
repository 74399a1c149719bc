"""The Rust tokenizer that a `ByteBPETokenizer` describes."""

from kzoo.tokenizers.parallelism import make_forks_quiet


def build_backend(tokenizer):
    """Return the `tokenizers.Tokenizer` of a description.

    Args:
        tokenizer: A `ByteBPETokenizer`.

    Returns:
        A `tokenizers.Tokenizer`, complete with frame and decoder, so that its JSON
        serves other programs too.
    """
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        processors,
    )

    make_forks_quiet()
    space = tokenizer.add_prefix_space
    backend = Tokenizer(
        models.BPE(vocab=dict(tokenizer._id_of), merges=tokenizer.merges)
    )
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
    backend.decoder = decoders.ByteLevel()
    if tokenizer.is_framed:
        backend.post_processor = processors.RobertaProcessing(
            sep=(tokenizer.sep_token, tokenizer.sep_id),
            cls=(tokenizer.cls_token, tokenizer.cls_id),
            trim_offsets=True,
            add_prefix_space=space,
        )
    else:
        backend.post_processor = processors.ByteLevel(trim_offsets=False)
    backend.add_special_tokens(
        [
            AddedToken(token, lstrip=takes_space(tokenizer, token), normalized=False)
            for token in tokenizer.special_tokens
        ]
    )
    backend.encode_special_tokens = not tokenizer.special_tokens_in_text
    return backend


def takes_space(tokenizer, token: str) -> bool:
    """Return whether whitespace before a special token belongs to it.

    Args:
        tokenizer: A `ByteBPETokenizer`.
        token: One of its special tokens.

    Returns:
        True for the mask token, unless `mask_takes_space` is False.
    """
    return tokenizer.mask_takes_space and token == tokenizer.mask_token
