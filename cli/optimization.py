"""From settings to the optimizer of a training."""

import math
from typing import Any

from kzoo.errors import InputError


def set_steps(settings: dict[str, Any], steps_per_epoch: int) -> None:
    """Settle how long a training is: `epochs`, `total_steps` and `warmup_steps`.

    Args:
        settings: The settings; they are changed.
        steps_per_epoch: Steps of an epoch of the data.
    """
    if settings.get("steps"):
        settings["epochs"] = math.ceil(settings["steps"] / steps_per_epoch)
        settings["total_steps"] = settings["steps"]
    else:
        settings["total_steps"] = settings["epochs"] * steps_per_epoch
    warmup = settings["warmup"]
    if warmup < 1:
        warmup = int(warmup * settings["total_steps"])
    settings["warmup_steps"] = int(warmup)


def set_length(
    settings: dict[str, Any], asked_warmup: float | None, steps_per_epoch: int
) -> None:
    """Settle the length as `set_steps`; the recipe's warm-up is a tenth at most.

    Args:
        settings: The settings; they are changed.
        asked_warmup: What `--warmup` says, which stays as it is.
        steps_per_epoch: Steps of an epoch of the data.
    """
    set_steps(settings, steps_per_epoch)
    if asked_warmup is None:
        # The recipe's warm-up is for its own number of steps.
        settings["warmup_steps"] = min(
            settings["warmup_steps"], settings["total_steps"] // 10
        )


def make_optimizer(settings: dict[str, Any]):
    """Return AdamW or Muon under the schedule that settings ask for.

    Args:
        settings: The settings, after `set_steps`.

    Returns:
        The optimizer.

    Raises:
        InputError: If the warm-up is not shorter than the training.
    """
    from kzoo.training import WarmupDecay, adamw, muon

    schedule = WarmupDecay(
        settings["learning_rate"],
        total_steps=settings["total_steps"],
        warmup_steps=settings["warmup_steps"],
        decay=settings["decay"],
        end=settings.get("min_learning_rate") or 0.0,
    )
    more: dict[str, Any] = {}
    if settings["ema"]:
        more = {"use_ema": True, "ema_momentum": settings["ema"]}
    if (settings.get("accumulate") or 1) > 1:
        more["gradient_accumulation_steps"] = settings["accumulate"]
    if settings.get("beta_2"):
        more["beta_2"] = settings["beta_2"]
    if settings.get("decay_embeddings") is False:
        more["not_decayed"] = ("embeddings",)
    make = muon if settings.get("optimizer") == "muon" else adamw
    return make(
        schedule,
        weight_decay=settings["weight_decay"],
        clip_norm=settings["clip_norm"] or None,
        **more,
    )


def jit_compile(settings: dict[str, Any]) -> bool | str:
    """Return what `--jit` asks for, as `keras.Model.compile` takes it."""
    jit = settings.get("jit")
    return "auto" if jit is None else jit


def set_steps_per_execution(
    model, settings: dict[str, Any], steps_per_epoch: int
) -> None:
    """Let a compiled model take as many steps at once as `--steps-per-execution` says.

    Args:
        model: The model.
        settings: The settings, after `set_steps`.
        steps_per_epoch: Steps of an epoch of the data.

    Raises:
        InputError: If the backend takes one at a time, or an epoch would end amid
            them.
    """
    import keras

    steps = settings.get("steps_per_execution") or 1
    if steps == 1:
        return
    if keras.backend.backend() == "torch":
        raise InputError(
            "PyTorch takes one step at a time.",
            f"--steps-per-execution {steps} --backend torch",
            "Leave it out.",
        )
    if steps_per_epoch % steps or settings["total_steps"] % steps:
        raise InputError(
            "An epoch is a number of whole executions, and so is the training.",
            f"--steps-per-execution {steps}, with {steps_per_epoch:,} steps in an "
            f"epoch and {settings['total_steps']:,} in all",
            f"Pass a divisor of {math.gcd(steps_per_epoch, settings['total_steps'])}.",
        )
    model.steps_per_execution = steps
