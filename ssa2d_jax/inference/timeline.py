"""Who does what when, as a chart over time."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.tracker import Segment, Track
from ssa2d_jax.visualization.charts import _label, to_svg
from ssa2d_jax.visualization.text import readable_on

_BAR = 0.7  # height of a track's bar, of its row
_LETTERS = 0.055  # inches: about the width of a letter at 8 points


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
        lanes = len(actions) if space.multilabel else 1
        for segment in segments:
            lane = actions.index(segment.action) if space.multilabel else 0
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
    return to_svg(figure)


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
