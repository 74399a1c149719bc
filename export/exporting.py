"""`to_saved_model` and `to_onnx`: declare, write, validate, publish."""

import dataclasses
import os

import keras

from kzoo.errors import InputError
from kzoo.export import manifest
from kzoo.export.child import write_in_child
from kzoo.export.errors import ExportError
from kzoo.export.options import Options, SearchOptions
from kzoo.export.publish import publishing
from kzoo.export.report import ExportReport
from kzoo.export.subjects import subject_of
from kzoo.export.validation import check, check_texts
from kzoo.export.writers import ONNX, SAVED_MODEL, writer_of


def to_saved_model(
    model,
    folder: str | os.PathLike,
    *,
    layout: str = "plain",
    name: str = "model",
    version: int = 1,
    overwrite: bool = False,
    texts=None,
    input_signature=None,
    samples=None,
    **search,
) -> ExportReport:
    """Write a model as a TensorFlow SavedModel that is proven equal to it.

    A classifier gets the signatures `serving_default`, text to label and scores, and
    `tokens`, ids to logits; a translator `serving_default`, text to translation and
    score, and `tokens`, ids to ids. Any other model gets `serving_default`, its call
    under its own input names. On JAX and torch a TensorFlow-backend process writes it.

    Args:
        model: A model of kzoo or any `keras.Model`.
        folder: Where the artefact shall stand.
        layout: `"plain"` or `"tf-serving"` (`NAME/VERSION/` with warm-up records).
        name: NAME of that layout.
        version: VERSION of that layout.
        overwrite: Replace what stands at `folder`.
        texts: More texts (str or bytes) to compare on, for models that take texts.
        input_signature: What the call of a subclassed model takes: one
            `keras.InputSpec`, or a dict or list of them.
        samples: Inputs to compare on, dicts by input name, for models outside the
            zoo.
        **search: For a translator, how it searches: `num_beams` (4), `length_penalty`
            (1), `max_new_tokens`, `max_ratio`; see `kzoo.export.SearchOptions`.

    Returns:
        What the validation measured.

    Raises:
        InputError: If an argument is wrong, or `folder` is not free.
        ExportError: If writing or validation fails. Nothing is published then.

    Example:
        >>> to_saved_model(model, "artefact").passed  # doctest: +SKIP
        True
    """
    options = Options("float32", name, version, _search(search))
    given = {"input_signature": input_signature, "samples": samples}
    return _export(model, folder, SAVED_MODEL, layout, options, overwrite, texts, given)


def to_onnx(
    model,
    folder: str | os.PathLike,
    *,
    precision: str = "float32",
    layout: str = "plain",
    name: str = "model",
    version: int = 1,
    overwrite: bool = False,
    texts=None,
    input_signature=None,
    samples=None,
    **search,
) -> ExportReport:
    """Write a model as ONNX files that are proven equal to it.

    A classifier gets `model.onnx`, ids to logits in standard operators, and
    `text.onnx`, text to label and scores by onnxruntime-extensions; a translator
    `generate.onnx` and `text.onnx`, with the search inside. Any other model gets
    `model.onnx`, its call under its own input names.

    Args:
        model: A model of kzoo or any `keras.Model`.
        folder: Where the artefact shall stand.
        precision: `"float32"`; `"float16"`, `"int8"` or `"int4"` for weights of that
            type, held to wider criteria (`kzoo.export.CRITERIA`).
        layout: `"plain"`, `"triton"` (`NAME/config.pbtxt`, `NAME/VERSION/model.onnx`)
            or `"huggingface"` (beside `config.json` and the tokenizer's files).
        name: NAME of a model repository.
        version: VERSION of a model repository.
        overwrite: Replace what stands at `folder`.
        texts: More texts (str or bytes) to compare on, for models that take texts.
        input_signature: See `to_saved_model`.
        samples: See `to_saved_model`.
        **search: See `to_saved_model`.

    Returns:
        What the validation measured.

    Raises:
        InputError: If an argument is wrong, or `folder` is not free.
        ExportError: If an operation has no ONNX form, or writing or validation fails.
            Nothing is published then.

    Example:
        >>> to_onnx(model, "artefact", precision="int8").passed  # doctest: +SKIP
        True
    """
    options = Options(precision, name, version, _search(search))
    given = {"input_signature": input_signature, "samples": samples}
    return _export(model, folder, ONNX, layout, options, overwrite, texts, given)


def _export(model, folder, format, layout, options, overwrite, texts, given):
    writer = writer_of(format, layout, options.precision)
    _check_options(options)
    subject = subject_of(model, **given, search=options.search)
    subject = writer.subject(subject)
    check_texts(subject, texts)
    signatures = writer.signatures(subject, options)
    with publishing(folder, overwrite=overwrite) as work:
        if keras.backend.backend() == "tensorflow":
            writer.write(subject, work, options)
        else:
            write_in_child(
                model,
                work,
                options,
                format=format,
                layout=layout,
                input_signature=given["input_signature"],
            )
        report = check(
            subject,
            work,
            signatures,
            format=format,
            layout=layout,
            precision=options.precision,
            texts=texts,
        )
        report = dataclasses.replace(report, folder=os.fspath(folder))
        if not report.passed:
            raise ExportError(
                "The artefact differs from the model, so it was not published. "
                f"Received: {' '.join(report.reasons)}",
                report,
            )
        manifest.write(
            work,
            format=format,
            layout=layout,
            options=dataclasses.replace(options, search=subject.search),
            family=subject.family,
            signatures=signatures,
            label_names=subject.label_names,
            weights=manifest.weights_fingerprint(model),
            report=report,
        )
    return report


def _search(given):
    if unknown := sorted(set(given) - set(SearchOptions.__dataclass_fields__)):
        raise TypeError(f"an export takes no argument {unknown[0]!r}")
    return SearchOptions(**given) if given else None


def _check_options(options):
    if not options.name or not options.name.replace("-", "").replace("_", "").isalnum():
        raise InputError(
            "A model's name in a repository is letters, digits, '-' and '_'.",
            f"name={options.name!r}",
            "Choose another name.",
        )
    version = options.version
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InputError(
            "A model's version is a whole number of 1 or more.",
            f"version={version!r}",
            "Pass version=1.",
        )
