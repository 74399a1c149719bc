"""The picture of an attention: one large map, and a small one for each head."""

import os
import warnings

import numpy as np

from kzoo.cli.attention_reading import AttentionMap
from kzoo.cli.figures import GREY, INK, PAPER, save

# Fonts with Chinese and Japanese, where the machine has one.
_FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "PingFang SC")
_SMALL_COLUMNS = 8


def draw_attention(
    found: AttentionMap,
    path: str | os.PathLike,
    *,
    layer: int | None = None,
    head: int | None = None,
    title: str = "",
) -> None:
    """Draw the scores of one layer as a PNG.

    Args:
        found: The scores.
        path: The file to write.
        layer: From 1; None is the last.
        head: From 1; None is the mean, with every head small beside it.
        title: What stands above.

    Raises:
        InputError: If there is no such layer or head.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scores, number = found.heads(layer, head)
    rows, columns = scores.shape
    every = found.scores[number - 1]
    small = 0 if head is not None or len(every) == 1 else len(every)
    small_rows = -(-small // _SMALL_COLUMNS)
    cell = min(0.34, 16 / max(rows, columns))
    width = max(columns * cell + 2.2, 6.0)
    height = rows * cell + 2.0
    with rc_context({"font.family": _families()}), warnings.catch_warnings():
        # A glyph that no font has is drawn as a box; the page shows every one.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure = Figure(
            figsize=(width, height + 1.5 * small_rows),
            dpi=160,
            facecolor=PAPER,
            layout="constrained",
        )
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            1 + small_rows,
            max(min(small, _SMALL_COLUMNS), 1),
            height_ratios=[height, *[1.5] * small_rows],
        )
        _large(figure.add_subplot(grid[0, :]), found, scores, cell)
        for index in range(small):
            place = divmod(index, _SMALL_COLUMNS)
            axes = figure.add_subplot(grid[1 + place[0], place[1]])
            axes.imshow(every[index], cmap=_blues(), vmin=0, vmax=1, aspect="auto")
            axes.set_xticks([])
            axes.set_yticks([])
            _light(axes)
            axes.set_title(f"head {index + 1}", fontsize=8, color=GREY, pad=3)
        which = "mean of the heads" if head is None else f"head {head}"
        what = f"{found.name}-attention, layer {number} of {len(found.scores)}, {which}"
        shown = f"{title}\n{what}" if title else what
        figure.suptitle(shown, fontsize=10, color=GREY, parse_math=False)
        save(figure, path)


def _large(axes, found, scores, cell):
    axes.imshow(scores, cmap=_blues(), vmin=0, vmax=max(scores.max(), 1e-6))
    size = max(4.5, min(9.0, cell * 27))
    # A dollar is one, and begins no formula.
    plain = {"fontsize": size, "parse_math": False}
    axes.set_xticks(range(len(found.read)), found.read, rotation=60, ha="left", **plain)
    axes.set_yticks(range(len(found.readers)), found.readers, **plain)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    _light(axes)
    if scores.size <= 400:
        for row, column in np.ndindex(scores.shape):
            value = scores[row, column]
            if value >= 0.1:
                dark = value > 0.6 * scores.max()
                axes.text(
                    column,
                    row,
                    f"{value:.1f}".lstrip("0"),
                    ha="center",
                    va="center",
                    fontsize=max(4.5, size - 2),
                    color=PAPER if dark else "#111827",
                )


def _light(axes):
    for side in axes.spines.values():
        side.set_color("#c4c8ce")


def _blues():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("ink", [PAPER, "#9dbcd8", INK])


def _families() -> list[str]:
    """Return the fonts to look for a letter in, of those that are there."""
    from matplotlib import font_manager

    known = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FONTS if name in known)]
