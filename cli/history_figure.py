"""The picture of one training's course, or of several over each other."""

import math
import os
import pathlib
from collections.abc import Iterable

from kzoo.cli.figures import GREY, new, save, tidy
from kzoo.errors import unknown_name
from kzoo.training.history import TIMINGS

AXES = {"epoch": "epoch", "step": "step", "seconds": "seconds of training"}
# Told apart by people who do not see red and green, too.
_COLOURS = ("#1f4e79", "#d1662b", "#3d8f5f", "#8e4585", "#b5952c", "#4b5563")
_NOT_DRAWN = {*TIMINGS, "kind", "epoch", "step", "skipped_steps"}
_DASHED = (0, (3, 2))
_ACROSS = 3  # panels in a row


def draw_history(
    runs: dict[str, list[dict]], path: str | os.PathLike, by: str = "epoch"
) -> list[str]:
    """Draw loss, metrics and learning rate: training dashed, validation solid.

    Args:
        runs: For each run's name the rows of its history.
        path: The PNG file to write.
        by: What lies along the horizontal axis: `epoch`, `step` or `seconds`. By
            step, the rows of single steps are drawn as well.

    Returns:
        The names of the panels.

    Raises:
        InputError: If there is no such axis.
    """
    if by not in AXES:
        raise unknown_name("axis", by, AXES)
    panels = _panels(runs.values())
    across = min(len(panels), _ACROSS)
    down = math.ceil(len(panels) / across)
    legend = 0.3 * math.ceil(len(runs) / 3) + 0.45
    height = 3.3 * down + legend
    figure, axes = new(
        4.6 * across,
        height,
        nrows=down,
        ncols=across,
        squeeze=False,
        gridspec_kw={"wspace": 0.28, "hspace": 0.42, "top": 1 - legend / height},
    )
    flat = list(axes.flat)
    for name, panel in zip(panels, flat, strict=False):
        _draw(panel, name, runs, by)
    for panel in flat[len(panels) :]:
        panel.set_visible(False)
    _explain(figure, panels, runs)
    save(figure, path)
    return panels


def short_names(folders: Iterable[pathlib.Path]) -> list[str]:
    """Return a name for each folder: as much of its end as tells it apart.

    Args:
        folders: The folders.

    Example:
        >>> short_names([pathlib.Path("a/x"), pathlib.Path("b/x")])
        ['a/x', 'b/x']
    """
    parts = [folder.resolve().parts for folder in folders]
    for count in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(one[-count:]) for one in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return [str(folder) for folder in folders]


def _panels(histories) -> list[str]:
    """Return what there is to draw: the loss first, the learning rate last."""
    names = {}
    for rows in histories:
        for row in rows:
            for name, value in row.items():
                name = name.removeprefix("val_")
                if name not in _NOT_DRAWN and isinstance(value, int | float):
                    names[name] = None
    rest = [name for name in names if name not in ("loss", "learning_rate")]
    ends = [name for name in ("loss",) if name in names]
    return [*ends, *rest, *(n for n in ("learning_rate",) if n in names)]


def _draw(axes, name: str, runs: dict[str, list[dict]], by: str) -> None:
    tidy(axes)
    axes.set_title(name.replace("_", " "), fontsize=12, fontweight="bold", loc="left")
    axes.set_xlabel(AXES[by], color=GREY)
    if by == "epoch":
        axes.xaxis.get_major_locator().set_params(integer=True)
    values = []
    for index, rows in enumerate(runs.values()):
        colour = _COLOURS[index % len(_COLOURS)]
        for key, style in ((name, _DASHED), (f"val_{name}", "solid")):
            points = list(_points(rows, key, by))
            if not points:
                continue
            solid = name == "learning_rate" or style == "solid"
            values += [value for _, value in points]
            axes.plot(
                *zip(*points, strict=True),
                linestyle="solid" if solid else style,
                marker="o" if len(points) < 25 else None,
                markersize=3.5,
                color=colour,
                # Lines that lie on each other are both seen.
                linewidth=1.7 if len(runs) == 1 else max(1.2, 3.2 - 0.8 * index),
            )
    if values and min(values) > 0 and max(values) / min(values) > 100:
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _points(rows: list[dict], key: str, by: str):
    """Yield (x, value); a row of a step only where steps are what is drawn along."""
    seconds = 0.0
    for row in rows:
        if row.get("kind") == "epoch":
            seconds += row.get("seconds") or 0.0
        elif by != "step":
            continue
        value = row.get(key)
        x = seconds if by == "seconds" else row.get(by)
        if isinstance(value, int | float) and x is not None and math.isfinite(value):
            yield x, value


def _explain(figure, panels: list[str], runs: dict[str, list[dict]]) -> None:
    from matplotlib.lines import Line2D

    keys = {key for rows in runs.values() for row in rows for key in row}
    styles = [Line2D([], [], color=GREY, linestyle=_DASHED, label="training")]
    if any(f"val_{name}" in keys for name in panels):
        styles.insert(0, Line2D([], [], color=GREY, label="validation"))
    places = [(styles, "upper right", 0.92)]
    if len(runs) > 1:
        colours = [_COLOURS[i % len(_COLOURS)] for i in range(len(runs))]
        named = [
            Line2D([], [], color=colour, linewidth=3, label=name)
            for colour, name in zip(colours, runs, strict=True)
        ]
        places.append((named, "upper left", 0.11))
    for lines, corner, x in places:
        figure.legend(
            handles=lines,
            loc=corner,
            bbox_to_anchor=(x, 1.0),
            ncols=2 if lines is styles else 3,
            frameon=False,
            fontsize=9,
            labelcolor=GREY,
        )
