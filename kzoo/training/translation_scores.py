"""BLEU and chrF of a translator while it is trained."""

from collections.abc import Callable, Sequence

import keras

from kzoo.errors import InputError
from kzoo.training.translation_quality import check_bleu_tokenizer, score_translations


class TranslationScores(keras.callbacks.Callback):
    """Translate some sentences after each epoch; add `val_bleu` and `val_chrf`.

    Callbacks after this one find both among the logs, such as
    `BestPreset(save, "val_bleu")` and `keras.callbacks.EarlyStopping("val_bleu")`.

    Args:
        translate: Called with the sources; returns a translation of each, such as
            `lambda texts: model.translate(texts, num_beams=1)`.
        sources: What is translated, a part of the validation split.
        references: The right translations.
        tokenize: How BLEU finds words, see `score_translations`.

    Attributes:
        translations: Those of the last epoch, for callbacks that show some.
        signatures: sacreBLEU's own, of the figures.

    Raises:
        InputError: If there are no sources, or not as many as references.

    Example:
        >>> scores = TranslationScores(list, ["A dog."], ["A dog."])
        >>> logs = {}
        >>> scores.on_epoch_end(0, logs)
        >>> round(logs["val_chrf"])
        100
    """

    def __init__(
        self,
        translate: Callable[[list[str]], Sequence[str]],
        sources: Sequence[str],
        references: Sequence[str],
        *,
        tokenize: str = "13a",
    ) -> None:
        super().__init__()
        if not len(sources) or len(sources) != len(references):
            raise InputError(
                "Every source has its reference.",
                f"{len(sources):,} sources and {len(references):,} references",
                "Pass as many of one as of the other.",
            )
        check_bleu_tokenizer(tokenize)
        self.translate = translate
        self.sources = list(sources)
        self.references = list(references)
        self.tokenize = tokenize
        self.translations: list[str] = []
        self.signatures: dict[str, str] = {}

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Translate and score."""
        found = self.score()
        if logs is not None:
            logs["val_bleu"], logs["val_chrf"] = found["bleu"], found["chrf"]

    def score(self) -> dict:
        """Translate with the model as it is, and return what came of it."""
        self.translations = list(self.translate(self.sources))
        found = score_translations(
            self.translations, self.references, tokenize=self.tokenize
        )
        self.signatures = found["signatures"]
        return found
