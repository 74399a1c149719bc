"""Texts that byte-level tokenizers get wrong, and the tokenizers to try them on."""

import json
import random
import shutil

from test_tokenizers.adversarial_texts import adversarial_texts, broken_texts

GPT2 = "<|endoftext|>"
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
PIECES = [
    # contractions, and what only looks like one
    *("'s", "'S", "'ll", "'l", "'re", "'r", "'ve", "'d", "'m", "'t", "''s", " 's"),
    *("!'s", "'", "''", "ab'cd", "'s's", "'sre", "\u2019s", "'lls", "I'LL", "don't"),
    # whitespace of all kinds, in runs
    *(" ", "  ", "   ", "\n", "\n\n", "\t", "\r\n", "\u3000", "\xa0", "\u2028", "\x85"),
    *("\x1c", "\u1680", "\u200b", "\v", "\f", " \n ", "\u2003 "),
    # letters, numbers and signs, alone and behind a blank
    *(
        "a",
        "the",
        " the",
        "Z",
        "é",
        "ß",
        "9",
        " 42",
        "\u00b2",
        "½",
        "Ⅷ",
        "٣",
        "!",
        "?!",
    ),
    *(" ...", "#", "# #", "§", "漢字", "日本語", "мама", "😀", "👩\u200d👧", "🇩🇪"),
    *(
        "e\u0301",
        "क्षि",
        "\x00",
        "\x01",
        "\x7f",
        "\xad",
        "\ufeff",
        "\ufffd",
        "\U0003fffe",
    ),
    # special tokens, whole and broken
    *(GPT2, GPT2[:-1], f" {GPT2}", f"{GPT2}{GPT2}", "<|", "<<s>", "<s", "s>"),
    *(*ROBERTA, " <mask>", "\n\u3000<mask>", "<mask> ", "<mask>  <mask>"),
]


def byte_texts(count: int, seed: int = 0) -> list[str]:
    """Return `count` texts: fixed ones, mixtures of pieces, adversarial ones."""
    rng = random.Random(seed)
    texts = [
        "",
        *PIECES,
        "a" * 1000,
        "ab" * 300,
        " " * 300,
        "\u00e9" * 150,
        "a \n" * 50,
    ]
    mixed = count - count // 3
    while len(texts) < mixed:
        parts = [rng.choice(PIECES) for _ in range(rng.randrange(1, 12))]
        texts.append("".join(parts))
    return [*texts[:mixed], *adversarial_texts(count - mixed, seed=seed + 1)]


def broken_byte_texts(count: int, seed: int = 0) -> list[bytes]:
    """Return texts of bytes that are not UTF-8; without U+0000, which ONNX Runtime's
    Python cuts bytes at.
    """
    texts = [text for text in broken_texts(2 * count, seed) if b"\0" not in text]
    return texts[:count]


def write_gpt2(folder, data):
    """Write GPT-2's vocabulary under transformers' names."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(data / "gpt2_bpe" / "encoder.json", folder / "vocab.json")
    shutil.copy(data / "gpt2_bpe" / "vocab.bpe", folder / "merges.txt")
    return folder


def write_roberta(folder, data):
    """Write RoBERTa's kind of vocabulary: GPT-2's, and five special tokens."""
    write_gpt2(folder, data)
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    vocabulary |= {t: len(vocabulary) + i for i, t in enumerate(ROBERTA)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    return folder
