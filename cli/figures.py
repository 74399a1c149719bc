"""The pictures of an evaluation, and what all pictures share."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

# One ink for the data, one for what it is compared with, grey for the rest.
INK, OTHER, GREY, PAPER = "#1f4e79", "#d1662b", "#6b7280", "#ffffff"


def new(width: float, height: float, **kwargs):
    """Return a figure and its axes on the Agg canvas, which needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=160, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(**kwargs)


def tidy(axes) -> None:
    """Leave an axes' two inner lines, light, with a grid behind the data."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#c4c8ce")
    axes.tick_params(colors=GREY, labelsize=9, length=3)
    axes.grid(axis="y", color="#e8eaed", linewidth=0.8)
    axes.set_axisbelow(True)


def save(figure, path: str | os.PathLike) -> None:
    """Write a figure as a PNG that appears whole or not at all.

    Texts are drawn as they are: a dollar sign, which a label may have, begins no
    formula.
    """
    from matplotlib.text import Text

    from kzoo.files import replacing

    for text in figure.findobj(Text):
        text.set_parse_math(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", bbox_inches="tight", pad_inches=0.2)


def confusion(
    metrics: dict[str, Any], label_names: Sequence[str], path: str | os.PathLike
) -> None:
    """Draw the confusion matrix: counts, and the share of each true label.

    Args:
        metrics: What `classification_metrics` returned.
        label_names: The names of its rows.
        path: The PNG file to write.
    """
    from matplotlib.colors import LinearSegmentedColormap

    counts = np.array(metrics["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    classes = len(label_names)
    side = min(max(3.2, 0.75 * classes + 1.8), 14.0)
    figure, axes = new(side + 0.6, side)
    blues = LinearSegmentedColormap.from_list("ink", [PAPER, "#9dbcd8", INK])
    axes.imshow(shares, cmap=blues, vmin=0, vmax=1, aspect="equal")
    if classes <= 20:
        size = 11 if classes <= 6 else 8
        for row in range(classes):
            for column in range(classes):
                dark = shares[row, column] > 0.62
                axes.text(
                    column,
                    row,
                    f"{counts[row, column]:,}\n{shares[row, column]:.1%}",
                    ha="center",
                    va="center",
                    fontsize=size,
                    linespacing=1.4,
                    color=PAPER if dark else "#111827",
                )
    long = max(len(name) for name in label_names) > 9 and classes > 2
    ticks = range(classes)
    axes.set_xticks(
        ticks, label_names, rotation=40 if long else 0, ha="right" if long else "center"
    )
    axes.set_yticks(ticks, label_names)
    axes.set_xticks(np.arange(-0.5, classes), minor=True)
    axes.set_yticks(np.arange(-0.5, classes), minor=True)
    axes.grid(which="minor", color=PAPER, linewidth=2)
    axes.tick_params(which="both", length=0, labelsize=10)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("predicted label", color=GREY, labelpad=8)
    axes.set_ylabel("true label", color=GREY, labelpad=8)
    axes.set_title(
        f"{metrics['accuracy']:.2%} of {metrics['examples']:,} right",
        fontsize=12,
        fontweight="bold",
        loc="left",
        pad=22,
    )
    axes.text(
        0,
        1.02,
        "each row adds up to 100 %",
        transform=axes.transAxes,
        fontsize=9,
        color=GREY,
        va="bottom",
    )
    save(figure, path)


def calibration(metrics: dict[str, Any], path: str | os.PathLike) -> None:
    """Draw the reliability diagram, with how many examples each bin has.

    Args:
        metrics: What `classification_metrics` returned.
        path: The PNG file to write.
    """
    rows = metrics["calibration"]
    low = np.array([row["low"] for row in rows])
    width = np.array([row["high"] - row["low"] for row in rows])
    accuracy = np.array([row["accuracy"] for row in rows])
    confidence = np.array([row["confidence"] for row in rows])
    counts = np.array([row["count"] for row in rows])
    classes = len(metrics["labels"])
    left = min(float(low.min()), 1 / classes)
    left = np.floor(left * 20) / 20
    figure, (top, bottom) = new(
        5.2,
        5.6,
        nrows=2,
        sharex=True,
        gridspec_kw={"height_ratios": (4, 1), "hspace": 0.12},
    )
    tidy(top)
    tidy(bottom)
    top.plot([left, 1], [left, 1], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
    top.text(
        0.97,
        0.985,
        "perfectly calibrated",
        ha="right",
        va="bottom",
        fontsize=9,
        color=GREY,
    )
    top.bar(low, accuracy, width * 0.94, align="edge", color=INK, alpha=0.22)
    top.plot(confidence, accuracy, "o-", color=INK, markersize=5, linewidth=1.6)
    top.set_ylim(0, 1.06)
    top.set_xlim(left, 1.0)
    top.set_ylabel("share that is right", color=GREY)
    top.set_title(
        f"Calibration error {metrics['calibration_error']:.3f}",
        fontsize=12,
        fontweight="bold",
        loc="left",
        pad=22,
    )
    mean = float((confidence * counts).sum() / counts.sum())
    gap = mean - metrics["accuracy"]
    leaning = "too sure" if gap > 0 else "not sure enough"
    leaning = "about as sure as right" if abs(gap) < 0.02 else leaning
    top.text(
        0,
        1.03,
        f"mean score {mean:.3f}, accuracy {metrics['accuracy']:.3f}: on the whole "
        f"{leaning}",
        transform=top.transAxes,
        fontsize=9,
        color=GREY,
    )
    bottom.bar(low, counts / counts.sum(), width * 0.94, align="edge", color=INK)
    bottom.set_ylabel("examples", color=GREY)
    bottom.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    bottom.set_xlabel("score of the predicted label", color=GREY)
    figure.align_ylabels()
    save(figure, path)
