"""One rule for what counts as a text: a `str`, or bytes of UTF-8."""

from kzoo.errors import InputError


def as_text(value: object) -> str:
    r"""Return `value` as a `str` that UTF-8 can write.

    Each ill-formed part of bytes becomes U+FFFD, as Unicode recommends (one for
    each maximal part). Lone surrogates of a `str`, which no UTF-8 holds, go the
    same way.

    Args:
        value: A `str`, or bytes.

    Returns:
        The text.

    Raises:
        InputError: `value` is neither.

    Example:
        >>> as_text(b"caf\xc3\xa9 \xff")
        'café �'
    """
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            value = value.encode("utf-8", "surrogatepass")
        else:
            return str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    raise InputError(
        "A text is a str or bytes.",
        f"text={value!r} of type {type(value).__name__}",
        "Pass str or bytes, or a 2-tuple of them for a pair of texts.",
    )


def as_pair(value: object) -> tuple[str, str | None]:
    """Return a text, or a pair of texts, as `(first, second or None)`.

    Args:
        value: A `str`, bytes, or a 2-tuple of them.

    Returns:
        Both texts; the second is None where there is no pair.

    Raises:
        InputError: `value` is nothing of the kind.

    Example:
        >>> as_pair(("one", b"two"))
        ('one', 'two')
    """
    if not isinstance(value, tuple):
        return as_text(value), None
    if len(value) != 2:
        raise InputError(
            "A pair of texts is a tuple of two.",
            f"len(text)={len(value)}",
            "Pass (first, second).",
        )
    return as_text(value[0]), as_text(value[1])
