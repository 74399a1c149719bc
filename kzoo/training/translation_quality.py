"""How good translations are: sacreBLEU's figures, with its own signatures."""

from collections.abc import Sequence
from typing import Any

from kzoo.errors import InputError

# As sacreBLEU chooses by language; without mecab, Japanese and Korean by characters.
_BY_LANGUAGE = {
    **dict.fromkeys(("zh", "zho", "cmn", "chi", "yue"), "zh"),
    **dict.fromkeys(("ja", "jpn", "ko", "kor", "th", "tha"), "char"),
}


def score_translations(
    hypotheses: Sequence[str],
    references: Sequence[str],
    *,
    tokenize: str = "13a",
    ter: bool = False,
) -> dict[str, Any]:
    """Return BLEU and chrF of translations, as the package `sacrebleu` has them.

    Texts are taken as they are, cased and detokenised. BLEU is sacreBLEU's default,
    exponential smoothing and all; `bleu_lowercase` is the same of lower-cased texts,
    for comparison with those who train on such.

    Args:
        hypotheses: n translations.
        references: n right ones.
        tokenize: How sacreBLEU finds words: `"13a"`, `"zh"`, `"char"`, `"intl"`, ...;
            see `bleu_tokenizer`.
        ter: Whether the translation edit rate is computed too, which is slow.

    Returns:
        `bleu`, `bleu_lowercase`, `chrf` (chrF2) and, if asked for, `ter`, all in
        percent; `brevity_penalty`, `length_ratio` (lengths in words of BLEU);
        `signatures`, sacreBLEU's own, by the same names.

    Raises:
        InputError: If there are none, or not as many as references, or sacreBLEU has
            no such way to find words.

    Example:
        >>> found = score_translations(["A dog runs here."], ["A dog runs there."])
        >>> round(found["bleu"], 2), found["signatures"]["bleu"].split("|")[0]
        (42.73, 'nrefs:1')

    Reference:
        Post 2018, arXiv:1804.08771; Popovic 2015, W15-3049.
    """
    from sacrebleu.metrics import BLEU, CHRF, TER

    hypotheses, references = list(hypotheses), list(references)
    if not references or len(hypotheses) != len(references):
        raise InputError(
            "Every translation has its reference.",
            f"{len(hypotheses):,} translations and {len(references):,} references",
            "Pass as many of one as of the other.",
        )
    check_bleu_tokenizer(tokenize)
    metrics: dict[str, Any] = {
        "bleu": BLEU(tokenize=tokenize),
        "bleu_lowercase": BLEU(tokenize=tokenize, lowercase=True),
        "chrf": CHRF(),
    }
    if ter:
        metrics["ter"] = TER()
    scores = {
        name: metric.corpus_score(hypotheses, [references])
        for name, metric in metrics.items()
    }
    bleu = scores["bleu"]
    return {
        **{name: float(score.score) for name, score in scores.items()},
        "brevity_penalty": float(bleu.bp),
        "length_ratio": float(bleu.ratio),
        "signatures": {
            name: str(metric.get_signature()) for name, metric in metrics.items()
        },
    }


def bleu_tokenizer(language: str | None) -> str:
    """Return how BLEU finds the words of a language.

    Args:
        language: A code such as `"en"`, `"zh"` or `"zh_CN"`; None if it has no name.

    Returns:
        `"zh"` for Chinese, `"char"` for Japanese, Korean and Thai, else `"13a"`.

    Example:
        >>> bleu_tokenizer("de"), bleu_tokenizer("cmn_Hans")
        ('13a', 'zh')
    """
    code = (language or "").lower().replace("_", "-").split("-")[0]
    return _BY_LANGUAGE.get(code, "13a")


def check_bleu_tokenizer(name: str) -> None:
    """Refuse a tokenizer that sacreBLEU has not, or whose package is absent.

    Args:
        name: As `score_translations` takes it.

    Raises:
        InputError: If it cannot be used.
    """
    from sacrebleu.metrics import BLEU

    known = sorted(BLEU.TOKENIZERS)
    if name not in known:
        raise InputError(
            "BLEU's words are found as sacreBLEU does.",
            f"tokenize={name!r}",
            f"Known: {', '.join(known)}.",
        )
    try:
        BLEU(tokenize=name)
    except (ImportError, RuntimeError, OSError) as error:
        raise InputError(
            "BLEU's words are found as sacreBLEU does.",
            f"tokenize={name!r} ({' '.join(str(error).split())})",
            "Install or fetch what it names, or pass 'char'.",
        ) from error
