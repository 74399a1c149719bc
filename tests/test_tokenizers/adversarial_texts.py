"""A seeded generator of texts that tokenizers get wrong."""

import random

SPECIAL = ["[CLS]", "[SEP]", "[MASK]", "[UNK]", "[PAD]"]
PIECES = [
    # precomposed and combining accents, ligatures, special casings
    *"éÉüßẞİıŁłøÆœÅſΣσςΑΆἈ",
    *("e\u0301", "A\u030a", "o\u0302\u0323", "q\u0307\u0323", "i\u0307", "I\u0307"),
    *("ﬁ", "ﬄ", "ŉ", "ǰ", "ΐ", "և", "ﬓ", "Ǆ", "ǅ", "ΑΣ ΟΔΟΣ", "straße", "Gròßﬁ"),
    # full-width, CJK with extension planes and compatibility forms
    *(
        "ＡＢｃ",
        "１２",
        "，",
        "。",
        "、",
        "「",
        "漢字",
        "𠀋",
        "𪜀",
        "𫠝",
        "𰀀",
        "\uf900",
        "〇",
    ),
    # Hangul: composed, jamo, half-width; kana with marks
    *("한국어", "각", "\u1112\u1161\u11ab", "ㅎ", "ﾊﾝ", "が", "か\u3099", "ガ"),
    # emoji, joiners, variation selectors, flags, tags
    *("👍🏽", "👩\u200d👩\u200d👧", "❤\ufe0f", "🇩🇪", "🏴\U000e0067\U000e007f", "😀"),
    # Arabic, Hebrew, Devanagari, Thai, Tamil, Balinese, Tibetan, Hangul tone marks
    *("مُحَمَّد", "שָׁלוֹם", "क्षि", "ก้ำ", "கோ", "ᬓ᭄ᬱ", "ཀྵ", "가\u302e", "बि"),
    # control, format, private use, unassigned, noncharacters
    *("\x00", "\x01", "\x07", "\x1c", "\x7f", "\x85", "\x9f", "\xad", "\u200b"),
    *("\u200e", "\u2060", "\ufeff", "\ue000", "\U000f0000", "\u0378", "\U0003fffe"),
    *("\ufdd0", "\uffff", "\ufffd", "\U000e0001"),
    # whitespace of all kinds
    *" \t\n\r\v\f\xa0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
    # punctuation, among it what Unicode calls symbols
    *"!$+<=>^`|~#'\"()*,-./:;?@[]_{}\\¡§«»¿·‐—…‹›‽℀€₿∞",
    # marks that survive stripping, in orders that are not canonical
    *("\U0001d16d\U0001d165", "\U0001d15e\u1b44", "\u302e\u1b44\u0345", "\u0345\u0f71"),
    *("\U0001d15e", "\U0001d1bd", "\u0344", "\u0958", "\u2adc", "\ufb2c", "\u212b"),
    *("\u08d4\u1b44", "\u1b44\u0300\u1baa", "\U0001d16d\u034f\U0001d165", "\u0f73"),
    # words
    *("the", "film", "was", "unbelievable", "GOOD", "don't", "U.S.A.", "3.14", "##s"),
    *("a", "b", "Z", "##", "#", "antidisestablishmentarianism", "qzxqzx"),
    *("[mask]", "[Mask]", "[CLS", "CLS]", "[[CLS]]", "[CLS][SEP]", "[MA\x00SK]"),
    *("[MA\u0301SK]", "[CL[SEP]S]", *SPECIAL),
]
BROKEN = [
    b"\xff", b"\xfe", b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1", b"\xc3", b"\xe4\xb8",
    b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xed\xa0", b"\xf0\x9f", b"\xf0\x9f\x98",
    b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe0\x80\x80",
    b"\xf0\x80\x80\x80", b"\xe4\xb8[MASK]", b"\xf0[CLS]", b"\xc3a", b"\xe4\xb8\xc3\xa9",
    b"\xef\xbf\xbd", b"\xef\xbb\xbf",
]  # fmt: skip


def random_character(rng: random.Random) -> str:
    """Return one scalar value: mostly low, sometimes from anywhere."""
    limit = rng.choice([0x80, 0x250, 0x600, 0x2100, 0x3200, 0x10000, 0x20000, 0x110000])
    code = rng.randrange(limit)
    return chr(code) if not 0xD800 <= code < 0xE000 else "x"


def adversarial_texts(count: int, seed: int = 0) -> list[str]:
    """Return `count` texts: the fixed hard ones, then random mixtures."""
    rng = random.Random(seed)
    texts = ["", " ", " \t\n ", "\u3000", "\x00", "é", "[MASK]", "a\x00b", "\ufffd"]
    texts += [letter * length for letter in "xé漢" for length in (99, 100, 101, 200)]
    texts += ["e\u0301" * 100, "e\u0301" * 101, "\u0301" * 300, "İ" * 60, "각" * 40]
    texts += ["a\u200b" * 150, "ﬀ" * 101, "\U0001d15e" * 51, " ".join("x" * 300)]
    while len(texts) < count:
        parts = []
        for _ in range(rng.randrange(1, 12)):
            kind = rng.random()
            if kind < 0.55:
                parts.append(rng.choice(PIECES))
            elif kind < 0.85:
                parts.append(random_character(rng))
            else:
                parts.append(" ")
        texts.append("".join(parts))
    return texts[:count]


def broken_texts(count: int, seed: int = 0) -> list[bytes]:
    """Return `count` texts of bytes that are not UTF-8, or only nearly."""
    rng = random.Random(seed)
    texts = list(BROKEN)
    while len(texts) < count:
        parts = []
        for _ in range(rng.randrange(1, 9)):
            kind = rng.random()
            if kind < 0.4:
                parts.append(rng.choice(BROKEN))
            elif kind < 0.6:
                parts.append(bytes(rng.randrange(0x80, 0x100) for _ in range(3)))
            elif kind < 0.8:
                parts.append(rng.choice(PIECES).encode()[: rng.randrange(1, 6)])
            else:
                parts.append(rng.choice(PIECES).encode())
        texts.append(b"".join(parts))
    return texts[:count]
