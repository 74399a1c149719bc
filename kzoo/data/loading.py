"""From a data spec, examples or plain texts to batches ready for `fit`."""

import importlib
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kzoo.data.examples import Examples, Text
from kzoo.data.order import BatchOrder
from kzoo.data.specs import read
from kzoo.data.token_batches import TokenBatches
from kzoo.data.token_rows import tokenize
from kzoo.data.translation_batches import TranslationBatches
from kzoo.errors import InputError

# What loads the data of a model, by its task.
_TASKS = {
    "classification": ("kzoo.data.loading", "load_labelled"),
    "causal_lm": ("kzoo.data.packed_loading", "load_packed"),
    "translation": ("kzoo.data.translation_loading", "load_translation"),
}


def load(spec: str | os.PathLike, split: str, model, **options):
    """Read a split and return its batches, tokenised for a model.

    Args:
        spec: The data spec: for a classifier see `kzoo.data.read`, for a language
            model `kzoo.data.read_corpus`, for a translator `kzoo.data.read_pairs`.
        split: `train`, `validation`, `test` or `all`.
        model: A model of the zoo; its `task`, `tokenizer` and `max_sequence_length`
            are used.
        **options: `batch_size`, `seed`, `shuffle`, `progress` and the other arguments
            of `load_labelled` for a classifier, of `load_packed` for a language
            model, of `load_translation` for a translator.

    Returns:
        On the TensorFlow backend a `tf.data.Dataset`, on JAX and PyTorch a
        `keras.utils.PyDataset`, of batches as `fit` takes them. Its attribute
        `batches` is what is behind it.

    Raises:
        InputError: If the data or an option is not fit for the model.

    Example:
        >>> import kzoo
        >>> model = kzoo.models.TextClassifier.from_preset(run)  # doctest: +SKIP
        >>> train = kzoo.data.load("demo:reviews", "train", model)  # doctest: +SKIP
        >>> model.fit(train)  # doctest: +SKIP
    """
    task = getattr(model, "task", None)
    if task not in _TASKS:
        raise InputError(
            f"Data is loaded for a model whose task is {' or '.join(_TASKS)}.",
            f"model.task={task!r}",
            "Pass a TextClassifier, a GPT2CausalLM or a Translator.",
        )
    module, name = _TASKS[task]
    return getattr(importlib.import_module(module), name)(spec, split, model, **options)


def load_labelled(
    spec: str | os.PathLike,
    split: str,
    model,
    *,
    batch_size: int = 32,
    seed: int = 0,
    shuffle: bool | None = None,
    max_length: int | None = None,
    length_multiple: int | None = None,
    window: int = 64,
    drop_remainder: bool = False,
    class_weights: str | Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **read_options,
):
    """Read a split of labelled texts and return its batches for a classifier.

    Args:
        spec: The data spec, see `kzoo.data.read`.
        split: `train`, `validation`, `test` or `all`.
        model: A classifier: its `tokenizer`, `label_names` and
            `max_sequence_length` are used.
        batch_size: Examples per batch.
        seed: Fixes the order of every epoch.
        shuffle: `None` shuffles `train` and nothing else.
        max_length: Most tokens of a text; `None` is `model.max_sequence_length`.
        length_multiple: What the width of a batch is rounded up to; `None` is finer
            for short texts than for long ones.
        window: Batches that are sorted by length together.
        drop_remainder: Whether a last, smaller batch is left out.
        class_weights: `"balanced"`, or a weight for each label name.
        progress: Called as `progress(done, total)` while tokenising.
        **read_options: The arguments of `kzoo.data.ReadOptions`.

    Returns:
        On the TensorFlow backend a `tf.data.Dataset`, on JAX and PyTorch a
        `keras.utils.PyDataset`, of `(inputs, labels)` or `(inputs, labels, weights)`.
        Its attribute `batches` is the `TokenBatches` behind it.

    Raises:
        InputError: If the data or an option is not fit for the model.
    """
    known = getattr(model, "label_names", None)
    if known and read_options.get("label_names") is None:
        read_options["label_names"] = tuple(known)
    return batches(
        read(spec, split, **read_options),
        model.tokenizer,
        batch_size=batch_size,
        seed=seed,
        shuffle=split == "train" if shuffle is None else shuffle,
        max_length=at_most(max_length, model.max_sequence_length),
        length_multiple=length_multiple,
        window=window,
        drop_remainder=drop_remainder,
        class_weights=class_weights,
        progress=progress,
    )


def batches(examples: Examples | Sequence[Text], tokenizer, **options):
    """Return the batches of examples already read, or of plain texts to predict on.

    Args:
        examples: Examples, or texts without labels.
        tokenizer: A tokenizer of `kzoo.tokenizers`.
        **options: The arguments of `kzoo.data.token_batches_of`.

    Returns:
        What `kzoo.data.load` returns; without labels each batch is `(inputs,)`.

    Raises:
        InputError: If an option is not fit for the examples.
    """
    return for_backend(token_batches_of(examples, tokenizer, **options))


def token_batches_of(
    examples: Examples | Sequence[Text],
    tokenizer,
    *,
    batch_size: int = 32,
    seed: int = 0,
    shuffle: bool | None = None,
    max_length: int | None = None,
    length_multiple: int | None = None,
    window: int = 64,
    drop_remainder: bool = False,
    class_weights: str | Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TokenBatches:
    """Tokenise examples and return their batches as NumPy arrays.

    Args:
        examples: Examples, or texts without labels.
        tokenizer: A tokenizer of `kzoo.tokenizers`.
        batch_size: Examples per batch.
        seed: Fixes the order of every epoch.
        shuffle: `None` shuffles examples with labels. For predictions use False:
            `order.inverse` then puts them in the order of the examples.
        max_length: Most tokens of a text; `None` cuts nothing.
        length_multiple: What the width of a batch is rounded up to; `None` is finer
            for short texts than for long ones.
        window: Batches that are sorted by length together.
        drop_remainder: Whether a last, smaller batch is left out.
        class_weights: `"balanced"`, or a weight for each label name.
        progress: Called as `progress(done, total)` while tokenising.

    Returns:
        The batches.

    Raises:
        InputError: If class weights are given for names that are no labels.
    """
    if not isinstance(examples, Examples):
        examples = Examples(list(examples), None, ())
    rows = tokenize(examples.texts, tokenizer, max_length, progress)
    notes = examples.notes
    full = 0 if max_length is None else int((rows.lengths >= max_length).sum())
    if full:
        notes = (
            *notes,
            f"{full:,} of {len(rows):,} texts fill all {max_length} tokens allowed; "
            "what is longer was cut",
        )
    order = BatchOrder(
        rows.lengths,
        batch_size,
        seed=seed,
        shuffle=examples.labels is not None if shuffle is None else shuffle,
        window=window,
        drop_remainder=drop_remainder,
    )
    weights = None
    if class_weights is not None:
        weights = sample_weights(examples, class_weights)
    return TokenBatches(
        rows,
        order,
        labels=examples.labels,
        weights=weights,
        label_names=examples.label_names,
        pad_id=tokenizer.pad_id,
        max_length=max_length,
        length_multiple=length_multiple,
        notes=notes,
    )


def for_backend(source: TokenBatches | TranslationBatches):
    """Return batches in the form that `fit` takes on the backend in use.

    Args:
        source: The batches.

    Returns:
        A `tf.data.Dataset` on TensorFlow, else a `keras.utils.PyDataset`.
    """
    import keras

    if keras.backend.backend() == "tensorflow":
        from kzoo.data.tensorflow_dataset import as_tf_dataset

        return as_tf_dataset(source)
    from kzoo.data.python_dataset import TokenDataset

    return TokenDataset(source)


def sample_weights(
    examples: Examples, class_weights: str | Mapping[str, float]
) -> np.ndarray:
    r"""Return the weight of each example, from that of its class.

    `"balanced"` gives class c of C the weight $n / (C\,n_c)$: every class counts the
    same and the mean weight is 1.

    Args:
        examples: Labelled examples.
        class_weights: `"balanced"`, or a weight for each label name; 1 where a name
            is left out.

    Returns:
        (n,) float32.

    Raises:
        InputError: If there are no labels, a name is unknown or a weight negative.
    """
    names = examples.label_names
    if examples.labels is None:
        raise InputError("Class weights need labelled examples.", "labels=None")
    if class_weights == "balanced":
        counts = np.array(list(examples.label_counts.values()))
        per_class = counts.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
    elif isinstance(class_weights, Mapping):
        unknown = [name for name in class_weights if name not in names]
        wrong = [v for v in class_weights.values() if not float(v) >= 0]
        if unknown or wrong:
            raise InputError(
                "Class weights are numbers of 0 or more, by label name.",
                f"class_weights={dict(class_weights)!r}",
                f"Labels: {', '.join(names)}.",
            )
        per_class = np.array([class_weights.get(name, 1.0) for name in names])
    else:
        raise InputError(
            "Class weights are 'balanced' or a weight for each label name.",
            f"class_weights={class_weights!r}",
            "Pass 'balanced' or a dict.",
        )
    return per_class.astype("float32")[examples.labels]


def at_most(max_length: int | None, limit: int | None) -> int | None:
    """Return the most tokens of a text: what is asked for, within a model's limit.

    Args:
        max_length: What is asked for; `None` is the limit.
        limit: What the model has positions for, if that is limited.

    Returns:
        The number, or `None` where nothing limits it.

    Raises:
        InputError: If more is asked for than the model has.
    """
    if max_length is None or limit is None:
        return limit if max_length is None else max_length
    if max_length > limit:
        raise InputError(
            "A text is no longer than what the model has positions for.",
            f"max_length={max_length}, model.max_sequence_length={limit}",
            f"Pass {limit} or less.",
        )
    return max_length
