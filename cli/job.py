"""What a training is asked to be, checked before anything is loaded."""

import dataclasses
import json
import pathlib

from kzoo.cli.adaptation_options import AdaptationOptions
from kzoo.cli.data_options import DataOptions
from kzoo.cli.language_model_options import LanguageModelOptions
from kzoo.cli.overrides import parse_overrides
from kzoo.cli.train_options import ModelOptions, TrainOptions
from kzoo.cli.translator_options import TranslatorOptions
from kzoo.errors import InputError, unknown_name

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
DECAYS = ("linear", "cosine", "constant", "inverse-sqrt")
OPTIMIZERS = ("adamw", "muon")
_EXAMPLES = {
    "classifier": "encoder-small",
    "gpt2": "gpt2-tiny",
    "translator": "translator-small",
}
_OF_LABELS = ("cased", "class_weights", "label_column", "pair_column")
_OF_PAIRS = ("source_language", "target_language", "source_column", "target_column")
_MONITORS = ("val_loss", "val_accuracy", "loss", "accuracy")
_OF_DEVICES = ("mirrored", "data-parallel", "model-parallel")
OF_TEXTS = ("val_bleu", "val_chrf")
MONITORS = {
    "classifier": _MONITORS,
    "gpt2": _MONITORS,
    "translator": (*OF_TEXTS, "val_loss", "val_perplexity"),
}


@dataclasses.dataclass
class Job:
    """Everything that a training was asked to be."""

    spec: str
    validation: str | None
    out: pathlib.Path
    data: DataOptions
    model: ModelOptions
    train: TrainOptions
    family: str = "classifier"
    language: LanguageModelOptions = dataclasses.field(
        default_factory=LanguageModelOptions
    )
    translator: TranslatorOptions = dataclasses.field(default_factory=TranslatorOptions)
    adaptation: AdaptationOptions = dataclasses.field(default_factory=AdaptationOptions)
    # Whether what is in the run folder stays: the training goes on.
    goes_on: bool = False

    def check(self) -> None:
        """Refuse what contradicts itself, before anything is loaded.

        Raises:
            InputError: If options are missing, unknown or exclude each other.
        """
        model, train = self.model, self.train
        from kzoo.cli.resuming import parse_every

        if parse_every(train.checkpoint_every) == (None, None) and train.resume:
            raise InputError(
                "A run is gone on with from its checkpoints.",
                "--resume --checkpoint-every 0",
                "Leave one of them out.",
            )
        if (model.preset is None) == (model.source is None):
            raise InputError(
                "A training starts from a preset or from trained weights.",
                "both --preset and --from" if model.preset else "neither",
                f"Pass --preset {_EXAMPLES[self.family]}, or --from FOLDER.",
            )
        if train.epochs and train.steps:
            raise InputError(
                "A training is as long as its epochs or its steps say.",
                f"--epochs {train.epochs} --steps {train.steps}",
                "Leave one of them out.",
            )
        if train.precision not in PRECISIONS:
            raise unknown_name("precision", train.precision, PRECISIONS)
        monitors = MONITORS[self.family]
        if train.monitor not in (None, *monitors):
            raise unknown_name("value to monitor", train.monitor, monitors)
        if train.decay not in (None, *DECAYS):
            raise unknown_name("decay", train.decay, DECAYS)
        if train.optimizer not in (None, *OPTIMIZERS):
            raise unknown_name("optimizer", train.optimizer, OPTIMIZERS)
        for name, value in (
            ("beta-2", train.beta_2),
            ("ema", train.ema),
            ("label-smoothing", train.label_smoothing),
        ):
            if value is not None and not 0 <= value < 1:
                raise InputError(
                    "A share is at least 0 and below 1.",
                    f"--{name} {value}",
                    "Leave it out for none.",
                )
        if train.devices is not None and train.strategy not in _OF_DEVICES:
            raise InputError(
                "Devices are counted where they share a batch.",
                f"--devices {train.devices} --strategy {train.strategy}",
                "Pass --strategy mirrored, or data-parallel on JAX, or leave it out.",
            )
        if train.mesh is not None and train.strategy != "model-parallel":
            raise InputError(
                "A mesh says how weights are cut over devices.",
                f"--mesh {train.mesh} --strategy {train.strategy}",
                "Pass --strategy model-parallel, or leave it out.",
            )
        if train.learning_rate is not None and train.learning_rate <= 0:
            raise InputError(
                "A learning rate is positive.", "--learning-rate 0", "Try 1e-3."
            )
        if model.source and (model.vocabulary_size or model.cased or model.tokenizer):
            raise InputError(
                "Trained weights keep the tokenizer that they were trained with.",
                "--tokenizer, --vocabulary-size or --cased beside --from",
                "Leave it out.",
            )
        parse_overrides(model.set)
        class_weights(train)
        self.adaptation.check(model.source)
        self._refuse_others()

    def _refuse_others(self) -> None:
        """Refuse the options of other families."""
        if self.family != "gpt2":
            self.language.refuse(self.family)
        if self.family != "translator":
            self.translator.refuse(self.family)
            self._refuse(_OF_PAIRS, "Two languages are for translators.")
        if self.family == "gpt2":
            self._refuse(
                (*_OF_LABELS, "label_smoothing"),
                "A language model has neither labels nor pairs, and keeps case.",
            )
        if self.family == "translator":
            self._refuse(
                (*_OF_LABELS, "text_column"),
                "A translator has no labels, and keeps case.",
            )
            self._check_batches()

    def _refuse(self, names: tuple[str, ...], rule: str) -> None:
        for name in names:
            for options in (self.model, self.train, self.data):
                if getattr(options, name, None):
                    raise InputError(
                        rule,
                        f"--{name.replace('_', '-')} for {self.family}",
                        "Leave it out.",
                    )

    def _check_batches(self) -> None:
        options = self.translator
        if self.model.source and options.of_tokenizer:
            raise InputError(
                "Trained weights keep the tokenizer that they were trained with.",
                "--joint, --separate-vocabularies, --byte-fallback or --normalization "
                "beside --from",
                "Leave it out.",
            )
        if self.train.batch_size and options.batch_tokens:
            raise InputError(
                "A batch has a number of pairs or a number of tokens.",
                f"--batch-size {self.train.batch_size} --batch-tokens "
                f"{options.batch_tokens}",
                "Leave one of them out.",
            )
        if self.train.monitor in OF_TEXTS and options.validation_size == 0:
            raise InputError(
                "BLEU and chrF are measured on some sentences.",
                f"--monitor {self.train.monitor} --validation-size 0",
                "Pass more sentences, or --monitor val_loss.",
            )
        if options.average_every and not options.average_last:
            raise InputError(
                "A mean is one of the last so many weights.",
                f"--average-every {options.average_every} without --average-last",
                "Pass --average-last 5.",
            )
        if options.long_pairs not in (None, "drop", "error"):
            raise unknown_name(
                "way to take long pairs", options.long_pairs, ("drop", "error")
            )


def class_weights(options: TrainOptions) -> str | dict | None:
    """Return what `--class-weights` says.

    Raises:
        InputError: If it is neither `balanced` nor a JSON object.
    """
    given = options.class_weights
    if given is None or given == "balanced":
        return given
    try:
        weights = json.loads(given)
    except ValueError:
        weights = None
    if not isinstance(weights, dict):
        raise InputError(
            "Class weights are balanced, or a JSON object of a weight for each label.",
            f"--class-weights {given}",
            "Write --class-weights '{\"spam\": 3}'.",
        )
    return weights
