"""The Rust tokenizer that a `WordPieceTokenizer` describes."""

from kzoo.tokenizers.parallelism import make_forks_quiet


def build_backend(tokenizer):
    """Return the `tokenizers.Tokenizer` of a description.

    Args:
        tokenizer: A `WordPieceTokenizer`.

    Returns:
        A `tokenizers.Tokenizer`, complete with template and decoder, so that its
        JSON serves other programs too.
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
    backend = Tokenizer(
        models.WordPiece(
            vocab=dict(tokenizer._id_of),
            unk_token=tokenizer.unknown_token,
            continuing_subword_prefix=tokenizer.continuing_prefix,
            max_input_chars_per_word=tokenizer.max_characters_per_word,
        )
    )
    backend.normalizer = build_normalizer(tokenizer)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix=tokenizer.continuing_prefix)
    cls, sep = tokenizer.cls_token, tokenizer.sep_token
    backend.post_processor = processors.TemplateProcessing(
        single=f"{cls}:0 $A:0 {sep}:0",
        pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
        special_tokens=[(cls, tokenizer.cls_id), (sep, tokenizer.sep_id)],
    )
    special = sorted(set(tokenizer.special_tokens), key=tokenizer.token_to_id)
    backend.add_special_tokens(
        [AddedToken(token, normalized=False, special=True) for token in special]
    )
    return backend


def build_normalizer(tokenizer):
    """Return the Rust normalizer alone.

    Args:
        tokenizer: A `WordPieceTokenizer`.

    Returns:
        A `tokenizers.normalizers.BertNormalizer`.
    """
    from tokenizers.normalizers import BertNormalizer

    return BertNormalizer(
        clean_text=tokenizer.clean_text,
        handle_chinese_chars=tokenizer.split_chinese_characters,
        strip_accents=tokenizer.strip_accents,
        lowercase=tokenizer.lowercase,
    )
