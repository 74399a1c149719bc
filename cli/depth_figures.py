"""The figures of the study of depth, one for each question."""

import math
import os
import pathlib
from typing import Any

from kzoo.cli.figures import GREY, new, save, tidy
from kzoo.training.depth_stacks import RECIPES

# A colour and a dash for each recipe, the same in every figure.
_STYLES: dict[str, tuple[str, Any]] = {
    "plain": ("#9ca3af", "-"),
    "plain-norm": ("#9ca3af", "--"),
    "none": ("#111827", "-"),
    "pre": ("#1f4e79", "-"),
    "pre-rms": ("#1f4e79", "--"),
    "pre-gpt2": ("#1f4e79", ":"),
    "post": ("#d1662b", "-"),
    "deep-norm": ("#d1662b", "--"),
    "sandwich": ("#3d8f5f", "-"),
    "parallel": ("#3d8f5f", "--"),
    "re-zero": ("#8e4585", "-"),
    "layer-scale": ("#8e4585", "--"),
    "t-fixup": ("#b5952c", "-"),
}
_KINDS = {"mlp": "multi-layer perceptron", "encoder": "Transformer encoder"}


def draw_depth(tables: dict, folder: str | os.PathLike) -> list[pathlib.Path]:
    """Draw the four figures of a study.

    Args:
        tables: What `run_study` or `read_tables` returned.
        folder: Where the PNG files go; made if it does not exist.

    Returns:
        The files.
    """
    folder = pathlib.Path(folder)
    layers, losses, rates = tables["layers"], tables["losses"], tables["rates"]
    figures = {
        "gradients": _by_layer(layers, "gradient", "norm of the gradient"),
        "activations": _by_layer(layers, "activation", "standard deviation"),
        "losses": _losses(losses),
        "rates": _rates(rates),
    }
    files = []
    for name, figure in figures.items():
        path = folder / f"depth-{name}.png"
        save(figure, path)
        files.append(path)
    return files


def _panels(rows, title):
    kinds = [kind for kind in _KINDS if any(row["kind"] == kind for row in rows)]
    figure, axes = new(5.2 * len(kinds) + 1.6, 4.2, ncols=len(kinds), squeeze=False)
    figure.suptitle(title, fontsize=12, x=0.08, ha="left", color="#111827")
    for kind, panel in zip(kinds, axes[0], strict=True):
        tidy(panel)
        panel.set_title(_KINDS[kind], fontsize=10, loc="left", color=GREY)
    return figure, dict(zip(kinds, axes[0], strict=True))


def _line(panel, name, points, **kwargs):
    color, dash = _STYLES[name]
    points = sorted(p for p in points if math.isfinite(p[1]))
    given: dict[str, Any] = {
        "color": color,
        "linestyle": dash,
        "linewidth": 1.6,
        **kwargs,
    }
    if len(points) == 1:  # a line of one point would not be seen
        given.setdefault("marker", "o")
    if points:
        panel.plot(*zip(*points, strict=True), **given)


def _legend(figure, rows, extra=()):
    from matplotlib.lines import Line2D

    names = [name for name in _STYLES if any(row["recipe"] == name for row in rows)]
    handles = [
        Line2D([], [], color=_STYLES[n][0], linestyle=_STYLES[n][1], label=label)
        for n in names
        for label in [RECIPES[n].label]
    ]
    figure.legend(
        handles=[*handles, *extra],
        loc="center left",
        bbox_to_anchor=(0.91, 0.5),
        frameon=False,
        fontsize=9,
    )


def _by_layer(rows, column, name):
    words = {
        "gradient": "Gradient of each block's weights before training",
        "activation": "Output of each block before training",
    }
    figure, panels = _panels(rows, words[column])
    for kind, panel in panels.items():
        depth = max(row["depth"] for row in rows if row["kind"] == kind)
        deep = [r for r in rows if r["kind"] == kind and r["depth"] == depth]
        for recipe in _STYLES:
            points = [
                # Zero has no logarithm: what float32 cannot hold is left out.
                (r["layer"], r[column] or math.nan)
                for r in deep
                if r["recipe"] == recipe
            ]
            _line(panel, recipe, points)
        _plain_log_axis(panel)
        panel.set_xlabel(f"block, of {depth}", fontsize=9, color=GREY)
        panel.set_ylabel(name, fontsize=9, color=GREY)
    _legend(figure, rows)
    return figure


def _losses(rows):
    from matplotlib.lines import Line2D

    figure, panels = _panels(rows, "Loss after a fixed number of steps")
    for kind, panel in panels.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        for recipe in _STYLES:
            mine = [row for row in of_kind if row["recipe"] == recipe]
            for warm in (False, True):
                points = [
                    (r["depth"], r["last"]) for r in mine if bool(r["warmup"]) == warm
                ]
                marker = {"marker": "^", "markerfacecolor": "white"} if warm else {}
                _line(
                    panel, recipe, points, **{"marker": "o", "markersize": 4, **marker}
                )
        _depth_axis(panel, of_kind)
        rate = of_kind[0]["rate"]
        panel.set_ylabel(f"loss, learning rate {rate:g}", fontsize=9, color=GREY)
        panel.set_ylim(bottom=0)
    extra = []
    if any(row["warmup"] for row in rows):
        extra = [
            Line2D(
                [],
                [],
                color=GREY,
                linestyle="",
                marker="^",
                markerfacecolor="white",
                label="with warm-up",
            )
        ]
    _legend(figure, rows, extra)
    return figure


def _rates(rows):
    figure, panels = _panels(rows, "Largest learning rate that learns, no warm-up")
    for kind, panel in panels.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        found = [row["largest_rate"] for row in of_kind]
        floor = min((r for r in found if math.isfinite(r)), default=1e-4) / 3
        below = floor / 1.15
        names = [n for n in _STYLES if any(r["recipe"] == n for r in of_kind)]
        for index, recipe in enumerate(names):
            # Rates lie on a grid: lines that coincide are moved apart a little.
            shift = 1.03 ** (index - len(names) / 2)
            points = [
                (
                    r["depth"],
                    (r["largest_rate"] if r["largest_rate"] > 0 else below) * shift,
                )
                for r in of_kind
                if r["recipe"] == recipe
            ]
            _line(panel, recipe, points, marker="o", markersize=4)
        panel.axhline(floor, color="#c4c8ce", linewidth=0.8)
        panel.annotate(
            "learns at no rate tried",
            (0.02, floor),
            xycoords=("axes fraction", "data"),
            xytext=(0, -10),
            textcoords="offset points",
            fontsize=8,
            color=GREY,
        )
        _plain_log_axis(panel)
        panel.set_yticks(sorted({rate for rate in found if math.isfinite(rate)}))
        _depth_axis(panel, of_kind)
        panel.set_ylabel("learning rate", fontsize=9, color=GREY)
    _legend(figure, rows)
    return figure


def _plain_log_axis(panel):
    """Let the numbers of a logarithmic axis be written as 0.01, without a formula."""
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    panel.yaxis.set_major_formatter("{x:g}")
    # Within a decade the numbers between the powers of ten are all there are.
    panel.yaxis.set_minor_formatter("{x:g}" if high < 10 * low else "")


def _depth_axis(panel, rows):
    depths = sorted({row["depth"] for row in rows})
    panel.set_xscale("log", base=2)
    panel.set_xticks(depths, [str(depth) for depth in depths])
    panel.minorticks_off()
    panel.set_xlabel("blocks", fontsize=9, color=GREY)
