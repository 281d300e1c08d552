"""Charts as SVG: bars and curves of runs, for the report."""

import io
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import ft2font
from matplotlib.figure import Figure
from matplotlib.text import Text

from ssa2d_jax.visualization.letters import chart_families, drawable

_COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#f0e442",
    "#444444",
)  # also for colour-blind people
CHARTS_CAN_SHAPE = hasattr(ft2font, "__libraqm_version__")  # matplotlib, from 3.11 on; see letters.CAN_SHAPE
LETTER_WIDTH = 0.055  # inches: about the width of a letter at 8 points
_SHORT = 20  # columns of a label for which a chart of usual height has room


def bars(names: Sequence[str], values: Mapping[str, Sequence[float]]) -> str:
    """An SVG with a bar for each class and run, side by side.

    `values` has, for every run, a number for each of `names`, the classes; NaN means no bar.
    """
    labels = [escape_label(name) for name in names]
    longest = max(map(count_columns, labels), default=0)
    size = (
        min(13.0, max(5.0, 1.5 + 0.12 * len(names) * (1.5 + len(values)))),
        3.6 + LETTER_WIDTH * max(0, longest - _SHORT),
    )
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(values)
    for i, (run, heights) in enumerate(values.items()):
        positions = np.arange(len(names)) + (i - (len(values) - 1) / 2) * width
        axes.bar(positions, np.nan_to_num(heights), width, label=escape_label(run), color=_COLOURS[i % len(_COLOURS)])
    axes.set_xticks(range(len(names)), labels, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylabel("IoU, percent")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    if len(values) > 1:
        figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return to_svg(figure)


def time_and_score(runs: Sequence[tuple[str, float, float]]) -> str:
    """An SVG with a point for each run: (name, milliseconds per frame, joint mIoU in percent)."""
    figure = Figure(figsize=(6.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for i, (name, milliseconds, score) in enumerate(runs):
        axes.scatter([milliseconds], [score], color=_COLOURS[i % len(_COLOURS)], label=escape_label(name), zorder=2)
    axes.set_xlabel("milliseconds per frame")
    axes.set_ylabel("joint mIoU, percent")
    axes.set_xlim(0, 1.15 * max(milliseconds for _, milliseconds, _ in runs))
    axes.set_ylim(0, 1.15 * max(1.0, *(score for *_, score in runs)))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return to_svg(figure)


def curves(runs: Mapping[str, tuple[Sequence[float], Sequence[float]]], ylabel: str) -> str:
    """An SVG with a line for each run, by name: (training steps, values)."""
    figure = Figure(figsize=(6.5, 3.2), layout="constrained")
    axes = figure.subplots()
    for i, (name, (steps, values)) in enumerate(runs.items()):
        marker = "o" if len(steps) < 20 else ""
        axes.plot(
            steps, values, marker + "-", color=_COLOURS[i % len(_COLOURS)], label=escape_label(name), markersize=3
        )
    axes.set_xlabel("training steps")
    axes.set_ylabel(ylabel)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if len(runs) > 1:
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return to_svg(figure)


def escape_label(name: str, longest: int = 40) -> str:
    """A name for matplotlib to show unchanged: it sets text between dollars as a formula and hides a leading "_".

    Letters that no font here has are written in Latin ones. A name of more than `longest` columns is shortened: it
    would leave no room for the chart.
    """
    name = shorten(drawable(name, CHARTS_CAN_SHAPE), longest)
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def shorten(text: str, longest: int) -> str:
    """A text of at most `longest` columns: start and end of a longer one, with "…" between."""
    if count_columns(text) <= longest:
        return text
    start, end = 0, len(text)
    while count_columns(text[: start + 1]) <= longest // 2:
        start += 1
    while end > start and count_columns(text[end - 1 :]) < longest - longest // 2:
        end -= 1
    return f"{text[:start]}…{text[end:]}"


def count_columns(text: str) -> int:
    """About how many Latin letters are as wide as a text: Chinese characters, emoji and M count twice."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" or character in "MW@" for character in text)
    return wide + sum(unicodedata.category(character)[0] != "M" for character in text)


def to_svg(figure: Figure) -> str:
    """The figure as SVG, the same at any time of day."""
    text = io.StringIO()
    _choose_fonts(figure)
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def to_png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as PNG, the same at any time of day."""
    content = io.BytesIO()
    _choose_fonts(figure)
    figure.savefig(content, format="png", dpi=dpi, metadata={"Software": None})
    return content.getvalue()


def _choose_fonts(figure: Figure) -> None:
    """Gives texts whose letters matplotlib's own font lacks the fonts that have them."""
    for text in figure.findobj(Text):
        families = chart_families([text.get_text()])
        if families:
            text.set_fontfamily([*text.get_fontfamily(), *families])
