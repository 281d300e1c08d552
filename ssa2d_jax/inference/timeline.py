"""Who does what when, as a chart over time."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MultipleLocator

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.events import Course, FrameTimes, action_name
from ssa2d_jax.inference.tracks import Segment, Track
from ssa2d_jax.utils.text import plural
from ssa2d_jax.visualization.charts import (
    CHARTS_CAN_SHAPE,
    LETTER_WIDTH,
    count_columns,
    escape_label,
    shorten,
    to_png,
    to_svg,
)
from ssa2d_jax.visualization.letters import drawable
from ssa2d_jax.visualization.text import readable_on

MAX_TRACKS = 30
_BAR = 0.7  # height of a track's bars, as a share of its row
_LANE = 0.45  # height of a row of several lanes, for each of them
_LONGEST_NAME = 24  # columns of an actor or action in the name of a row; the legend has twice as many
_WIDTH, _ROW = 9.0, 0.34  # inches
_GREY = "#e4e4e4"
_PIXELS = 1350  # the picture's width in pixels, about: bars that are narrower than one are merged
_NARROW = 0.003  # of the whole time: a shorter bar has no white edge, which would hide it
_LEGEND_ENTRIES, _LEGEND_COLUMNS, _LEGEND_LINE = 15, 5, 0.2  # a line's height in inches
_LEGEND_MARK = 0.5  # inches beside a text
_CUT: dict[str, Any] = {"color": "#555555", "linestyle": "dashed", "linewidth": 0.8}
_LONG = 600.0  # seconds, from which on the axis shows hours, minutes and seconds
_STEPS, _MOST_TICKS = (60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 43_200), 11  # seconds between ticks


def timeline(
    tracks: Sequence[Track],
    space: LabelSpace,
    times: FrameTimes,
    *,
    max_tracks: int = MAX_TRACKS,
) -> str:
    """Draws a bar for each track, grey while it lasts, with the colours of its actions as on the overlay.

    Multi-label: a bar has a lane for each action.

    Args:
        tracks: at least one.
        space: the classes.
        times: of the clip's frames.
        max_tracks: if there are more, those with the most frames are drawn, and the title says so.

    Returns:
        The SVG.
    """
    if not tracks:
        raise ValueError("a timeline needs at least one track")
    return to_svg(_draw([Course.of(track, space) for track in tracks], space, times, max_tracks, legend=False))


def write_timeline(
    path: Path, courses: Sequence[Course], space: LabelSpace, times: FrameTimes, *, max_tracks: int = MAX_TRACKS
) -> None:
    """Writes the chart of `timeline` with the video's cuts and a legend; an SVG file if `path` ends in .svg, else PNG.

    Without a track it says so.
    """
    figure = _draw(courses, space, times, max_tracks, legend=True)
    if path.suffix.lower() == ".svg":
        path.write_text(to_svg(figure), encoding="utf-8")
    else:
        path.write_bytes(to_png(figure))


@dataclasses.dataclass(frozen=True)
class _Row:
    """A track's place in the chart, in rows from the top."""

    course: Course
    top: float
    height: float

    @property
    def actions(self) -> list[int]:
        return list(dict.fromkeys(segment.action for segment in self.course.segments if segment.action))


def _draw(courses: Sequence[Course], space: LabelSpace, times: FrameTimes, max_tracks: int, *, legend: bool) -> Figure:
    longest = sorted(courses, key=lambda course: -course.frames)[:max_tracks]
    rows = _arrange(sorted(longest, key=lambda course: course.number), space)
    entries = _legend(rows, space, times) if legend else []
    columns = _count_legend_columns(entries)
    lines = -(-len(entries) // columns)
    height = 0.7 + _ROW * (sum(row.height for row in rows) or 1) + _LEGEND_LINE * lines
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        _draw_track(axes, row, space, times)
    _draw_axes(axes, rows, space, times)
    if not rows:
        axes.text(0.5, 0.5, "no actor was visible long enough for a track", transform=axes.transAxes, ha="center")
    if len(rows) < len(courses):
        left_out = f" ({len(courses) - len(rows)} left out)" if legend else ""
        axes.set_title(f"the {len(rows)} longest of {len(courses)} tracks{left_out}", fontsize=9, loc="left")
    if legend:
        for cut in times.cuts:
            axes.axvline(cut, **_CUT, zorder=0.5)  # behind the bars: tracks end there anyway
    if entries:
        figure.legend(handles=entries, loc="outside lower center", ncols=columns, frameon=False, fontsize=8)
    return figure


def _arrange(courses: Iterable[Course], space: LabelSpace) -> list[_Row]:
    """A row for each track; multi-label: higher for several actions, which have a lane each."""
    rows: list[_Row] = []
    for course in courses:
        row = _Row(course, rows[-1].top + rows[-1].height if rows else 0.0, 1.0)
        lanes = len(row.actions) if space.multilabel else 1
        rows.append(dataclasses.replace(row, height=max(1.0, _LANE * lanes)))
    return rows


def _draw_axes(axes: Axes, rows: Sequence[_Row], space: LabelSpace, times: FrameTimes) -> None:
    """Names of the rows, and the axis of time."""
    names = [escape_label(_track_name(row, space), 4 * _LONGEST_NAME) for row in rows]
    axes.set_yticks([row.top + row.height / 2 for row in rows], names, fontsize=8)
    axes.set_ylim(rows[-1].top + rows[-1].height + 0.1 if rows else 1, -0.1)  # the first track on top
    axes.set_xlim(0, times.duration or 1)
    axes.set_xlabel("seconds")
    if times.duration >= _LONG:
        axes.set_xlabel("hours:minutes:seconds")
        step = next((step for step in _STEPS if times.duration / step <= _MOST_TICKS), times.duration)
        axes.xaxis.set_major_locator(MultipleLocator(step))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda second, _: _clock(second)))
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.tick_params(left=False)
    axes.spines[["left", "top", "right"]].set_visible(False)


def _clock(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{second:02d}"


def _draw_track(axes: Axes, row: _Row, space: LabelSpace, times: FrameTimes) -> None:
    """Draws a track's bar and its segments."""
    course, actions = row.course, row.actions
    first, end = times.start(course.first), times.stop(course.last)
    top, height = row.top + row.height * (1 - _BAR) / 2, row.height * _BAR
    axes.barh(top, end - first, height, first, align="edge", color=_GREY)
    lanes = [[action] for action in actions] if space.multilabel else [actions]
    for number, lane in enumerate(lanes):
        place = top + height * number / len(lanes), height / len(lanes)
        segments = [segment for segment in course.segments if segment.action in lane]
        for action, first, end in _bars(segments, times):
            _draw_segment(axes, course.actor, action, space, (first, end), times.duration, place)


_Bar = tuple[int, float, float]  # an action, from one second to another


def _bars(segments: Iterable[Segment], times: FrameTimes) -> Iterator[_Bar]:
    """Yields a bar for each segment of a lane; those narrower than a pixel become one with their neighbours.

    So a lane has at most two for each pixel of the picture's width. A merged bar has the action that lasts longest in
    it.
    """
    pixel = times.duration / _PIXELS
    narrow: list[_Bar] = []
    for segment in segments:
        bar = segment.action, times.start(segment.first), times.stop(segment.last)
        is_narrow = bar[2] - bar[1] < pixel
        if narrow and not (is_narrow and bar[1] - narrow[-1][2] < pixel and bar[2] - narrow[0][1] < 2 * pixel):
            yield _merge(narrow)
            narrow = []
        if is_narrow:
            narrow.append(bar)
        else:
            yield bar
    if narrow:
        yield _merge(narrow)


def _merge(bars: Sequence[_Bar]) -> _Bar:
    """One bar from the start of the first to the end of the last."""
    lasting: dict[int, float] = {}
    for action, first, end in bars:
        lasting[action] = lasting.get(action, 0.0) + end - first
    return max(lasting, key=lambda action: lasting[action]), bars[0][1], bars[-1][2]


def _track_name(row: _Row, space: LabelSpace) -> str:
    """The track in words: "dog 1: running, jumping"."""
    actions = row.actions
    named = [_short_name(space.actions[action]) for action in actions[:2]]
    names = ", ".join(named) + (", ..." if len(actions) > 2 else "")
    return f"{_short_name(space.actors[row.course.actor])} {row.course.number}: {names or 'no action'}"


def _short_name(name: str) -> str:
    return shorten(drawable(name, CHARTS_CAN_SHAPE), _LONGEST_NAME)


def _count_legend_columns(entries: Sequence[Artist]) -> int:
    """How many columns of the longest entry the chart's width has room for."""
    longest = max((count_columns(str(entry.get_label())) for entry in entries), default=0)
    return max(1, min(_LEGEND_COLUMNS, int(_WIDTH / (LETTER_WIDTH * longest + _LEGEND_MARK))))


def _draw_segment(
    axes: Axes,
    actor: int,
    action: int,
    space: LabelSpace,
    shown: tuple[float, float],
    duration: float,
    lane: tuple[float, float],
) -> None:
    """Draws an action's bar, from one second to another in a lane (top, height), and its name if there is room."""
    (first, end), (top, height) = shown, lane
    colour, name = space.colour(actor, action), space.actions[action]
    edge = 0.5 if end - first > _NARROW * duration else 0.0
    bar = Rectangle((first, top), end - first, height, facecolor=_share(colour), edgecolor="white", linewidth=edge)
    axes.add_patch(bar)
    letters = 8 if height > 0.5 else 6
    room = 6.0 * (end - first) / duration  # inches, roughly
    if height > 0.3 and count_columns(name) * LETTER_WIDTH * letters / 8 < room:
        centre = ((first + end) / 2, top + height / 2)
        ink = _share(readable_on(colour))
        axes.text(*centre, escape_label(name), ha="center", va="center", fontsize=letters, color=ink, clip_on=True)


def _legend(rows: Sequence[_Row], space: LabelSpace, times: FrameTimes) -> list[Artist]:
    """Entries for the colours of the pairs of actor and action, of those that last longest if there are many."""
    lasting: dict[tuple[int, int], int] = {}
    for row in rows:
        for segment in row.course.segments:
            pair = row.course.actor, segment.action
            lasting[pair] = lasting.get(pair, 0) + segment.last - segment.first + 1
    pairs = [pair for pair in sorted(lasting, key=lambda pair: -lasting[pair]) if pair[1]]
    names = {
        pair: escape_label(f"{space.actors[pair[0]]} {space.actions[pair[1]]}", 2 * _LONGEST_NAME) for pair in pairs
    }
    entries: list[Artist] = [
        Patch(color=_share(space.colour(*pair)), label=names[pair]) for pair in sorted(pairs[:_LEGEND_ENTRIES])
    ]
    if len(pairs) > _LEGEND_ENTRIES:
        entries.append(Patch(color="none", label=f"+{len(pairs) - _LEGEND_ENTRIES} more"))
    if any(action == 0 for _, action in lasting):
        entries.append(Patch(color=_GREY, label=action_name(space, 0)))
    if times.cuts:
        entries.append(Line2D([], [], **_CUT, label=plural(len(times.cuts), "cut")))
    return entries


def _share(rgb: Sequence[int]) -> tuple[float, float, float]:
    """A colour as matplotlib takes it."""
    red, green, blue = (channel / 255 for channel in rgb)
    return red, green, blue
