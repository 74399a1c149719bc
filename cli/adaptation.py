"""Freezing and adapters in a training: which weights of the model train."""

import re
from typing import Any

from kzoo.cli.adaptation_options import AdaptationOptions
from kzoo.cli.console import Console
from kzoo.errors import InputError


def adapt(
    model, options: AdaptationOptions, console: Console, train: str | None = None
) -> dict[str, Any]:
    """Freeze weights of a model and put adapters beside them, as options say.

    Args:
        model: The model, before it is compiled.
        options: What is asked for; nothing is done if that is nothing.
        console: Where the counts are told.
        train: What trains beside adapters unless the options say so.

    Returns:
        For the run's record: the options, and the numbers of parameters before and
        after; empty if nothing was asked for.

    Raises:
        InputError: If a pattern matches nothing, or is none.
    """
    from kzoo.training import enable_lora, freeze, parameter_counts

    asked = options.to_record()
    if not asked:
        return {}
    for name, value in asked.items():
        if isinstance(value, str):
            _check_pattern(name, value)
    before = parameter_counts(model)
    if options.lora_rank is not None:
        after = enable_lora(
            model,
            options.lora_rank,
            pattern=options.lora_pattern,
            alpha=options.lora_alpha,
            train=options.lora_train or train,
        )
    else:
        after = freeze(model, options.freeze or "")
    if not after.trainable:
        raise InputError(
            "Some weights train.",
            f"--freeze {options.freeze}, which matches all",
            "Freeze fewer of them.",
        )
    console.say(
        f"  {after.trainable:,} of {after.total:,} parameters train "
        f"({after.trainable / after.total:.1%}); before, {before.trainable:,} of "
        f"{before.total:,}"
    )
    return {
        "adaptation": {
            **asked,
            "before": before._asdict(),
            "after": after._asdict(),
        }
    }


def _check_pattern(name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise InputError(
            "A pattern is a regular expression.",
            f"--{name.replace('_', '-')} {pattern} ({error})",
            "Escape its special characters with a backslash.",
        ) from error
