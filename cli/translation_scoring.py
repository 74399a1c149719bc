"""BLEU in `kzoo train translator`: greedy after each epoch, by beams at the end."""

import dataclasses
from typing import Any

from kzoo.cli.bars import bar
from kzoo.cli.console import Console
from kzoo.errors import InputError

_BATCH = 64
_SHOWN = 3
_NAMES = ("source", "reference", "translation")


@dataclasses.dataclass
class Scoring:
    """What is translated to score a training.

    Args:
        model: The translator.
        callback: A `kzoo.training.TranslationScores`, greedy.
        beams: Beams of the last measurement.
        console: Where it is told.
    """

    model: Any
    callback: Any
    beams: int
    console: Console

    @classmethod
    def of(
        cls, model, split, settings: dict[str, Any], console: Console
    ) -> "Scoring | None":
        """Return the scoring that settings ask for, or None.

        Args:
            model: The translator.
            split: What is validated on, a `kzoo.cli.translation_data.Split`.
            settings: `validation_size`, `validation_beams`, `bleu_tokenize`; the last
                is settled.
            console: Where it is told.

        Raises:
            InputError: If sacreBLEU has no such way to find words.
        """
        from kzoo.cli.translation_data import sample
        from kzoo.training import TranslationScores
        from kzoo.training.translation_quality import bleu_tokenizer

        if not settings["validation_size"]:
            return None
        pairs = split.pairs
        some = sample(pairs, settings["validation_size"])
        # A model that knows little yet would go on to its last position.
        longest = 2 * int(split.tokens.targets.lengths.max()) + 8
        options = {"max_new_tokens": min(longest, model.max_sequence_length)}
        if settings.get("bleu_tokenize") is None:
            settings["bleu_tokenize"] = bleu_tokenizer(pairs.target_language)
        callback = TranslationScores(
            lambda texts: model.translate(
                texts, num_beams=1, batch_size=_BATCH, **options
            ),
            some.sources,
            some.targets,
            tokenize=settings["bleu_tokenize"],
        )
        console.say(
            f"  BLEU is measured on {len(some):,} of {len(pairs):,} validation pairs"
        )
        return cls(model, callback, settings["validation_beams"], console)

    def finish(self) -> dict[str, Any]:
        """Translate by beams with the model as it is, and tell what came of it.

        Returns:
            For the run's record: the scores, signatures and first translations.
        """
        from kzoo.training import score_translations

        scores = self.callback
        translations = translate_all(
            self.model, scores.sources, self.console, num_beams=self.beams
        )
        found = score_translations(
            translations, scores.references, tokenize=scores.tokenize
        )
        self.console.heading(
            f"Validation by {self.beams} beams, {len(translations):,} sentences"
        )
        tell_scores(found, self.console)
        self.console.say()
        rows = zip(scores.sources, scores.references, translations, strict=True)
        first = [dict(zip(_NAMES, row, strict=True)) for row in rows]
        for row in first[:_SHOWN]:
            for name, text in row.items():
                self.console.say(f"  {name:11}  {text}")
            self.console.say()
        return {
            "translation": {
                "num_beams": self.beams,
                "sentences": len(translations),
                **found,
                "examples": first[:_SHOWN],
            }
        }


def translate_all(model, texts: list[str], console: Console, **options) -> list[str]:
    """Return the translations of many texts, with a bar.

    Args:
        model: The translator.
        texts: The texts.
        console: Where progress is shown.
        **options: Those of `model.translate`.

    Returns:
        The best translation of each, in order.
    """
    # In the order of their lengths, so that the texts of a batch are alike.
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    size = 4 * options.setdefault("batch_size", 16)
    found = [""] * len(texts)
    with bar("translating", unit="sentences", quiet=console.as_json) as progress:
        for first in range(0, len(order), size):
            some = order[first : first + size]
            for i, text in zip(
                some, model.translate([texts[i] for i in some], **options), strict=True
            ):
                found[i] = text
            progress(min(first + size, len(texts)), len(texts))
    return found


def check_lengths(
    model, texts: list[str], split: bool, before: int = 0, what: str = "line"
) -> None:
    """Refuse a text that the model has no positions for, by its number.

    Args:
        model: The translator.
        texts: The texts.
        split: Whether their sentences are translated one by one.
        before: How many texts came before these.
        what: What the number counts.

    Raises:
        InputError: If there is one.
    """
    from kzoo.generation.sentences import split_sentences

    for number, text in enumerate(texts, before + 1):
        # A token is a character at least, or one of the bytes of one.
        if 4 * len(text) < model.max_sequence_length:
            continue
        parts = split_sentences(text) if split else [text]
        longest = max(map(len, model.tokenizer.encode_source(parts).ids), default=0)
        if longest > model.max_sequence_length:
            raise InputError(
                "A text to translate has at most as many tokens as the model has "
                "positions.",
                f"a {'sentence' if split else 'text'} of {longest:,} tokens in {what} "
                f"{number}, max_sequence_length={model.max_sequence_length}",
                "Shorten it." if split else "Pass --split-sentences, or shorten it.",
            )


def tell_scores(found: dict[str, Any], console: Console) -> None:
    """Print the scores that `score_translations` returns, with their signatures."""
    names = {
        "bleu": "BLEU",
        "bleu_lowercase": "BLEU, lower case",
        "chrf": "chrF2",
        "ter": "TER",
    }
    signatures = found["signatures"]
    for name, shown in names.items():
        if name in found:
            console.say(f"  {shown:16}  {found[name]:6.2f}  {signatures[name]}")
