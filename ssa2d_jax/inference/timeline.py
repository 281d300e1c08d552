"""Who does what when, as a chart over time."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.tracks import Segment, Track
from ssa2d_jax.visualization.charts import escape_label, to_svg
from ssa2d_jax.visualization.text import readable_on

_BAR = 0.7  # height of a track's bar, as a share of its row
_LETTER_WIDTH = 0.055  # inches: about the width of a letter at 8 points
_GREY = "#e4e4e4"


def timeline(
    tracks: Sequence[Track],
    space: LabelSpace,
    seconds: Sequence[float],
    *,
    max_tracks: int = 30,
) -> str:
    """Draws a bar for each track, grey while it lasts, with the colours of its actions as on the overlay.

    Multi-label: a bar has a lane for each action.

    Args:
        tracks: at least one.
        space: the classes.
        seconds: when each frame of the clip begins, and when the last one ends: one number more than there are frames.
        max_tracks: if there are more, those with the most frames are drawn, and the title says so.

    Returns:
        The SVG.
    """
    if not tracks:
        raise ValueError("a timeline needs at least one track")
    longest = sorted(tracks, key=lambda track: -len(track.frames))[:max_tracks]
    drawn = sorted(longest, key=lambda track: track.number)
    figure = Figure(figsize=(9.0, 0.7 + 0.34 * len(drawn)), layout="constrained")
    axes = figure.subplots()
    times = [second - seconds[0] for second in seconds]
    names = [_draw_track(axes, row, track, track.segments(space), space, times) for row, track in enumerate(drawn)]
    axes.set_yticks(range(len(drawn)), names, fontsize=8)
    axes.set_ylim(len(drawn) - 0.4, -0.6)  # the first track on top
    axes.set_xlim(0, times[-1])
    axes.set_xlabel("seconds")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.tick_params(left=False)
    axes.spines[["left", "top", "right"]].set_visible(False)
    if len(drawn) < len(tracks):
        axes.set_title(f"the {len(drawn)} longest of {len(tracks)} tracks", fontsize=9, loc="left")
    return to_svg(figure)


def _draw_track(
    axes: Axes, row: int, track: Track, segments: Sequence[Segment], space: LabelSpace, times: Sequence[float]
) -> str:
    """Draws a track's bar and its segments; returns the name of its row."""
    actions = list(dict.fromkeys(segment.action for segment in segments))
    first, end = times[track.frames[0]], times[track.frames[-1] + 1]
    axes.barh(row, end - first, _BAR, first, color=_GREY)
    lanes = len(actions) if space.multilabel else 1
    for segment in segments:
        lane = actions.index(segment.action) if space.multilabel else 0
        _draw_segment(axes, segment, track, space, times, row - _BAR / 2 + _BAR * lane / lanes, _BAR / lanes)
    return escape_label(_track_name(track, actions, space))


def _track_name(track: Track, actions: Sequence[int], space: LabelSpace) -> str:
    """The track in words: "dog 1: running, jumping"."""
    names = ", ".join(space.actions[action] for action in actions[:2]) + (", ..." if len(actions) > 2 else "")
    return f"{space.actors[track.actor]} {track.number}: {names or 'no action'}"


def _draw_segment(
    axes: Axes, segment: Segment, track: Track, space: LabelSpace, times: Sequence[float], top: float, height: float
) -> None:
    """Draws an action's bar, and its name if there is room."""
    first, end = times[segment.first], times[segment.last + 1]
    colour, name = space.colour(track.actor, segment.action), space.actions[segment.action]
    axes.barh(top, end - first, height, first, align="edge", color=_share(colour), edgecolor="white", linewidth=0.5)
    room = 6.0 * (end - first) / times[-1]  # inches, roughly
    if height > 0.5 and len(name) * _LETTER_WIDTH < room:
        centre = ((first + end) / 2, top + height / 2)
        letters = _share(readable_on(colour))
        axes.text(*centre, escape_label(name), ha="center", va="center", fontsize=8, color=letters)


def _share(rgb: Sequence[int]) -> tuple[float, ...]:
    """A colour as matplotlib takes it."""
    return tuple(channel / 255 for channel in rgb)
