"""The mean of a training's last weights, kept where it is better than the best."""

from collections.abc import Callable
from typing import Any

from kzoo.cli.console import Console
from kzoo.cli.training_start import Start


def try_average(
    start: Start, keeper, save: Callable[[], None], console: Console
) -> dict[str, Any]:
    """Validate the mean of the last weights, and save it if it is the best so far.

    Without anything to validate on it is saved as asked for.

    Args:
        start: What was trained, with its `average`.
        keeper: The `kzoo.training.BestPreset` of the training.
        save: Saves the model as it is.
        console: Where the outcome is told.

    Returns:
        For the run's record: `weights` (of how many it is the mean), `kept`, and its
        `metrics`.
    """
    average = start.average
    with average.applied():
        logs = _validated(start)
        kept = keeper.monitor is None or keeper.is_better(logs[keeper.monitor])
        if kept:
            save()
    figures = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
    console.say(
        f"Mean of the last {average.count} weights: {figures or 'not validated'}; "
        + ("kept" if kept else "not better, not kept")
    )
    return {"weights": average.count, "kept": kept, "metrics": logs}


def _validated(start: Start) -> dict[str, float]:
    if start.validation is None:
        return {}
    found = start.model.evaluate(start.validation, return_dict=True, verbose=0)
    logs = {f"val_{name}": float(value) for name, value in found.items()}
    if start.scores is not None:
        scores = start.scores.score()
        logs["val_bleu"], logs["val_chrf"] = scores["bleu"], scores["chrf"]
    return logs
