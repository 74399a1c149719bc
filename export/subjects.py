"""Which subject a model is exported as."""

import keras

from kzoo.errors import InputError
from kzoo.export.call_subject import CallSubject
from kzoo.export.causal_lm_subject import CausalLMSubject
from kzoo.export.classifier_subject import ClassifierSubject
from kzoo.export.options import SearchOptions
from kzoo.export.subject import Subject
from kzoo.export.translator_subject import TranslatorSubject

# The `task` of a model of the zoo -> its subject.
SUBJECTS = {
    "classification": ClassifierSubject,
    "causal_lm": CausalLMSubject,
    "translation": TranslatorSubject,
}

_DEFAULTS = SearchOptions()


def subject_of(
    model,
    *,
    input_signature=None,
    samples=None,
    search: SearchOptions | None = None,
) -> Subject:
    """Return the subject of a model: its family's own, or its `call`.

    Args:
        model: A model of kzoo or any other `keras.Model`.
        input_signature: See `CallSubject`; for models outside the zoo only.
        samples: See `CallSubject`.
        search: How a translator searches; None for the defaults.

    Raises:
        InputError: If it is no Keras model, a family with inputs of its own is given
            others, or a model that does not search is told how.
    """
    if not isinstance(model, keras.Model):
        raise InputError(
            "Only a Keras model is exported.",
            f"model of type {type(model).__name__}",
            "Pass a keras.Model.",
        )
    task = getattr(model, "task", None)
    if search is not None and task != "translation":
        given = {k: v for k, v in vars(search).items() if v != getattr(_DEFAULTS, k)}
        raise InputError(
            "Only a translator's artefact is told how to search.",
            f"{', '.join(f'{k}={v}' for k, v in given.items()) or 'search options'} "
            f"for a {type(model).__name__}",
            "Leave that out.",
        )
    if task not in SUBJECTS:
        return CallSubject(model, input_signature=input_signature, samples=samples)
    if input_signature is not None or samples is not None:
        raise InputError(
            "A model of the zoo has its own inputs.",
            f"input_signature or samples for a {type(model).__name__}",
            "Leave them out.",
        )
    if search is not None:
        return TranslatorSubject(model, search)
    return SUBJECTS[task](model)
