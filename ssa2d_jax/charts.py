"""Charts of the report and the timeline of a clip's tracks, as SVG."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssa2d_jax.drawing import readable_on
from ssa2d_jax.label_space import LabelSpace
from ssa2d_jax.tracks import Segment, Track

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#444444")  # told apart by all
_BAR = 0.7  # height of a track's bar, of its row
_LETTERS = 0.055  # inches: about the width of a letter at 8 points


def bars(names: Sequence[str], values: Mapping[str, Sequence[float]]) -> str:
    """A bar a class and run, side by side: `values` has a number (or NaN: no bar) a name for every run. -> SVG."""
    figure = Figure(
        figsize=(min(13.0, max(5.0, 1.5 + 0.12 * len(names) * (1.5 + len(values)))), 3.6), layout="constrained"
    )
    axes = figure.subplots()
    width = 0.8 / len(values)
    for i, (run, heights) in enumerate(values.items()):
        place = np.arange(len(names)) + (i - (len(values) - 1) / 2) * width
        axes.bar(place, np.nan_to_num(heights), width, label=_label(run), color=_COLOURS[i % len(_COLOURS)])
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylabel("IoU, percent")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    if len(values) > 1:
        figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return _svg(figure)


def time_and_score(runs: Sequence[tuple[str, float, float]]) -> str:
    """A point a run: (name, milliseconds a frame, joint mIoU in percent). -> SVG."""
    figure = Figure(figsize=(6.5, 3.6), layout="constrained")
    axes = figure.subplots()
    for i, (name, milliseconds, score) in enumerate(runs):
        axes.scatter([milliseconds], [score], color=_COLOURS[i % len(_COLOURS)], label=_label(name), zorder=2)
    axes.set_xlabel("milliseconds a frame")
    axes.set_ylabel("joint mIoU, percent")
    axes.set_xlim(0, 1.15 * max(milliseconds for _, milliseconds, _ in runs))
    axes.set_ylim(0, 1.15 * max(1.0, *(score for *_, score in runs)))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return _svg(figure)


def curves(runs: Mapping[str, tuple[Sequence[float], Sequence[float]]], ylabel: str) -> str:
    """A line a run over its updates: name -> (updates, values). -> SVG."""
    figure = Figure(figsize=(6.5, 3.2), layout="constrained")
    axes = figure.subplots()
    for i, (name, (updates, values)) in enumerate(runs.items()):
        mark = "o" if len(updates) < 20 else ""
        axes.plot(updates, values, mark + "-", color=_COLOURS[i % len(_COLOURS)], label=_label(name), markersize=3)
    axes.set_xlabel("updates")
    axes.set_ylabel(ylabel)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if len(runs) > 1:
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return _svg(figure)


def timeline(
    tracks: Sequence[Track], space: LabelSpace, seconds: Sequence[float], *, threshold: float = 0.5, most: int = 30
) -> str:
    """A bar a track, grey where it is there, coloured by what it does (`space.colour`, as on the overlay). -> SVG.

    `seconds` is when each frame of the clip begins and when the last one ends: one more than there are frames. Where
    several actions go together (`threshold` as in `Track.segments`), a track's bar has a lane for each. Of more than
    `most` tracks those of most frames are drawn, and their number is told. ValueError without a track.
    """
    if not tracks:
        raise ValueError("a timeline needs a track at least")
    drawn = sorted(sorted(tracks, key=lambda track: -len(track.frames))[:most], key=lambda track: track.number)
    figure = Figure(figsize=(9.0, 0.7 + 0.34 * len(drawn)), layout="constrained")
    axes = figure.subplots()
    shown = [(second - seconds[0]) for second in seconds]
    names = []
    for row, track in enumerate(drawn):
        segments = track.segments(space, threshold=threshold)
        actions = list(dict.fromkeys(segment.action for segment in segments))
        names.append(_label(_track_name(track, actions, space)))
        first, end = shown[track.frames[0]], shown[track.frames[-1] + 1]
        axes.barh(row, end - first, _BAR, first, color="#e4e4e4")
        lanes = len(actions) if space.several else 1
        for segment in segments:
            lane = actions.index(segment.action) if space.several else 0
            _draw_segment(axes, segment, track, space, shown, row - _BAR / 2 + _BAR * lane / lanes, _BAR / lanes)
    axes.set_yticks(range(len(drawn)), names, fontsize=8)
    axes.set_ylim(len(drawn) - 0.4, -0.6)  # the first track on top
    axes.set_xlim(0, shown[-1])
    axes.set_xlabel("seconds")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.tick_params(left=False)
    axes.spines[["left", "top", "right"]].set_visible(False)
    if len(drawn) < len(tracks):
        axes.set_title(f"the {len(drawn)} longest of {len(tracks)} tracks", fontsize=9, loc="left")
    return _svg(figure)


def _track_name(track: Track, actions: Sequence[int], space: LabelSpace) -> str:
    """In words: "dog 1: running, jumping"."""
    doing = ", ".join(space.actions[action] for action in actions[:2]) + (", ..." if len(actions) > 2 else "")
    return f"{space.actors[track.actor]} {track.number}: {doing or 'nothing'}"


def _draw_segment(
    axes: Axes, segment: Segment, track: Track, space: LabelSpace, seconds: Sequence[float], top: float, height: float
) -> None:
    first, end = seconds[segment.first], seconds[segment.last + 1]
    colour, name = space.colour(track.actor, segment.action), space.actions[segment.action]
    as_share = lambda rgb: tuple(channel / 255 for channel in rgb)
    axes.barh(top, end - first, height, first, align="edge", color=as_share(colour), edgecolor="white", linewidth=0.5)
    room = 6.0 * (end - first) / seconds[-1]  # inches, about
    if height > 0.5 and len(name) * _LETTERS < room:
        colour = as_share(readable_on(colour))
        axes.text((first + end) / 2, top + height / 2, _label(name), ha="center", va="center", fontsize=8, color=colour)


def _label(name: str) -> str:
    """`name` as it is: matplotlib would set what stands between dollars as a formula, and hide what begins with "_"."""
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
