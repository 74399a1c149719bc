"""Validating an artefact against the model it came from."""

import os
import pathlib

from kzoo.errors import InputError
from kzoo.export import manifest
from kzoo.export.comparing import compare
from kzoo.export.errors import ExportError
from kzoo.export.full_precision import full_precision
from kzoo.export.options import Options
from kzoo.export.report import ExportReport
from kzoo.export.running import run
from kzoo.export.signature import TENSORFLOW, Signature
from kzoo.export.subject import Subject
from kzoo.export.subjects import subject_of
from kzoo.export.writers import writer_of


def validate(
    folder: str | os.PathLike,
    model,
    *,
    texts=None,
    input_signature=None,
    samples=None,
) -> ExportReport:
    """Check an artefact against the model again.

    The files' hashes, the weights' fingerprint, the signatures' names, types and
    axes, and the answers: the artefact runs in a fresh process that has neither Keras
    nor kzoo, on inputs of several shapes and on texts that tokenizers disagree on.

    Args:
        folder: An artefact that `to_saved_model` or `to_onnx` wrote.
        model: The model it came from.
        texts: More texts (str or bytes) to compare on, in both forms.
        input_signature: As it was given for the export.
        samples: As they were given for the export.

    Returns:
        The figures; `passed` is False, with reasons, if anything differs.

    Raises:
        InputError: If the folder is no artefact of kzoo, or texts are given for a
            model that takes none.

    Example:
        >>> validate("artefact", model).passed  # doctest: +SKIP
        True
    """
    known = manifest.read(folder)
    folder = pathlib.Path(folder)
    names = ("precision", "name", "version", "search")
    options = Options.from_dict({name: known.get(name) for name in names})
    subject = subject_of(
        model,
        input_signature=input_signature,
        samples=samples,
        search=options.search,
    )
    writer = writer_of(known["artefact"], known["layout"], options.precision)
    subject = writer.subject(subject)
    check_texts(subject, texts)
    reasons = manifest.changed_files(folder, known["files"])
    if manifest.weights_fingerprint(model) != known["weights_sha256"]:
        reasons.append("The model's weights are not those that were exported.")
    if tuple(subject.label_names) != tuple(known["label_names"]):
        reasons.append(
            f"The model's labels are {subject.label_names}, those of the artefact "
            f"{tuple(known['label_names'])}."
        )
    if writer.signatures(subject, options) != known["signatures"]:
        reasons.append("The model's signatures are not those of the artefact.")
    return check(
        subject,
        folder,
        known["signatures"],
        format=known["artefact"],
        layout=known["layout"],
        precision=options.precision,
        texts=texts,
        reasons=reasons,
    )


def check(
    subject: Subject,
    folder: pathlib.Path,
    signatures: tuple[Signature, ...],
    *,
    format: str,
    layout: str,
    precision: str,
    texts=None,
    reasons=(),
) -> ExportReport:
    """Run every signature of an artefact and compare with the subject's answers.

    Args:
        subject: What was exported.
        folder: The artefact.
        signatures: What it promises.
        format: Its format.
        layout: Its layout.
        precision: The type of its weights, which decides the criteria.
        texts: More texts to compare on.
        reasons: Why it is already known to be wrong.

    Returns:
        The report.
    """
    with full_precision():
        plans = [subject.plan(signature, texts) for signature in signatures]
    reports, imports, reasons = [], (), list(reasons)
    try:
        requests = [(s, p.calls) for s, p in zip(signatures, plans, strict=True)]
        answers = run(folder, requests)
    except ExportError as error:
        reasons.append(str(error))
    else:
        imports = answers.imports
        for index, (signature, plan) in enumerate(zip(signatures, plans, strict=True)):
            opened = _opened(signature, answers.inputs[index], answers.outputs[index])
            report = compare(
                signature,
                plan.calls,
                answers.calls[index],
                plan.expected,
                subject.criteria(signature, precision),
                opened,
                explains=plan.explains,
                shortfall=plan.shortfall,
                fill_id=plan.fill_id,
            )
            reports.append(report)
            reasons += report.reasons
    return ExportReport(
        folder=str(folder),
        format=format,
        layout=layout,
        precision=precision,
        signatures=tuple(reports),
        imports=imports,
        limitations=tuple(subject.limitations),
        passed=not reasons,
        reasons=tuple(reasons),
    )


def check_texts(subject: Subject, texts) -> None:
    """Raise if there are texts to compare on and the model takes none.

    Raises:
        InputError: If so.
    """
    if texts is not None and subject.text_signature() is None:
        raise InputError(
            "Texts are compared where the model takes texts.",
            f"texts for a {type(subject.model).__name__} without a tokenizer",
            "Leave them out.",
        )


def _opened(signature, inputs, outputs):
    """Return a sentence for each name, type or axis that is not as declared."""
    sentences = []
    for kind, specs, found in (
        ("input", signature.inputs, inputs),
        ("output", signature.outputs, outputs),
    ):
        if {spec.name for spec in specs} != found.keys():
            sentences.append(
                f"{signature.name} has the {kind}s {sorted(found)}, declared are "
                f"{sorted(spec.name for spec in specs)}."
            )
            continue
        for spec in specs:
            wanted = spec.shape if signature.runtime == TENSORFLOW else spec.axes
            dtype, shape = found[spec.name]
            if (dtype, tuple(shape)) != (spec.dtype, wanted):
                sentences.append(
                    f"{signature.name}: the {kind} {spec.name} is {dtype} {shape}, "
                    f"declared is {spec.dtype} {list(wanted)}."
                )
    return sentences
