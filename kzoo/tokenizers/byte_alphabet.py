"""The printable characters that stand for bytes in a byte-level vocabulary."""

import functools


@functools.cache
def characters_of_bytes() -> tuple[str, ...]:
    r"""Return the character that stands for each byte, by value.

    A byte that Latin-1 prints stands for itself. The others (controls, spaces, the
    soft hyphen) take the characters from U+0100 on, in order: a space is `Ġ`, a line
    feed `Ċ`.

    Returns:
        256 characters, pairwise different.

    Example:
        >>> [characters_of_bytes()[byte] for byte in b"A \n"]
        ['A', 'Ġ', 'Ċ']

    Reference:
        Radford et al. 2019, "Language Models are Unsupervised Multitask Learners",
        section 2.2.
    """
    printed = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    other = iter(range(0x100, 0x200))
    return tuple(
        chr(byte) if byte in printed else chr(next(other)) for byte in range(256)
    )


@functools.cache
def bytes_of_characters() -> dict[str, int]:
    """Return the byte of each character of `characters_of_bytes`."""
    return {character: byte for byte, character in enumerate(characters_of_bytes())}


def bytes_of_token(token: str) -> bytes:
    r"""Return the bytes that a token of a byte-level vocabulary spells.

    Args:
        token: The token; one with a character that stands for no byte is its own
            UTF-8.

    Returns:
        The bytes, which need not be UTF-8.

    Example:
        >>> bytes_of_token("Ġcaf"), bytes_of_token("Ã")
        (b' caf', b'\xc3')
    """
    table = bytes_of_characters()
    try:
        return bytes(table[character] for character in token)
    except KeyError:
        return token.encode("utf-8")
