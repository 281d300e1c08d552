"""The timeline of tracks: which bars it has, where, in which colour, and what it says."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, VIDOR, LabelSpace
from ssa2d_jax.inference.events import Course, FrameTimes
from ssa2d_jax.inference.timeline import timeline, write_timeline
from ssa2d_jax.inference.tracks import Region, Segment, Track
from ssa2d_jax.runs.defaults import THRESHOLD

SECONDS = [2 + i / 10 for i in range(40)]  # frames of a tenth of a second; the clip begins at 2 s


def make_track(number, space, actor, frame_actions):
    """A track from frame -> action classes."""
    track = Track(number, actor, (8, 8), THRESHOLD)
    for frame, actions in frame_actions.items():
        probabilities = np.zeros(space.heads[1], np.float32)
        probabilities[np.array(actions, int) - space.multilabel] = 0.9
        region = Region(actor, (0, 0, 4, 4), np.ones((4, 4), bool), 16, 0.9, probabilities)
        track.add(frame, SECONDS[frame], region)
    return track


def frame_times(count, cut_at=()):
    times = FrameTimes(usual=0.1)
    for i in range(count):
        times.add(i / 10, cut=i in cut_at)
    return times


def drawn(svg):
    """Texts and filled rectangles (x, y, width, height, colour) of an SVG by matplotlib, which must be whole XML."""
    ElementTree.fromstring(svg)
    rectangles = []
    for path, colour in re.findall(r'<path d="([^"]*)"[^>]*style="fill: (#\w+)', svg):
        numbers = np.array(re.findall(r"[ML] (\S+) (\S+)", path), float)
        if len(numbers) == 4:
            (left, top), (right, bottom) = numbers.min(0), numbers.max(0)
            rectangles.append((left, top, right - left, bottom - top, colour))
    return re.findall(r"<!-- (.*?) -->", svg), rectangles


def coloured(rectangles, space, actor, action):
    wanted = "#{:02x}{:02x}{:02x}".format(*space.colour(actor, action))
    return [rectangle for rectangle in rectangles if rectangle[-1] == wanted]


def test_bars_lie_where_the_tracks_are_and_have_their_actions_colours():
    running, jumping = A2D.actions.index("running"), A2D.actions.index("jumping")
    dog, ball = A2D.actors.index("dog"), A2D.actors.index("ball")
    tracks = [
        make_track(1, A2D, dog, {i: [running] for i in range(20)} | {i: [jumping] for i in range(20, 40)}),
        make_track(4, A2D, ball, {i: [jumping] for i in range(10, 20)}),
    ]
    texts, rectangles = drawn(timeline(tracks, A2D, frame_times(40)))
    assert {"dog 1: running, jumping", "ball 4: jumping", "running", "jumping", "seconds"} <= set(texts)
    grey = sorted((r for r in rectangles if r[-1] == "#e4e4e4"), key=lambda r: r[1])
    (whole, part) = grey  # the dog's bar above the ball's
    assert part[2] / whole[2] == pytest.approx(10 / 40, abs=0.01)
    assert (part[0] - whole[0]) / whole[2] == pytest.approx(10 / 40, abs=0.01)
    (first,), (second,) = coloured(rectangles, A2D, dog, running), coloured(rectangles, A2D, dog, jumping)
    assert first[2] / whole[2] == pytest.approx(0.5, abs=0.08)  # probabilities are averaged over 8 frames
    assert second[0] == pytest.approx(first[0] + first[2], abs=0.1)
    assert first[2] + second[2] == pytest.approx(whole[2], abs=0.1)
    assert len(coloured(rectangles, A2D, ball, jumping)) == 1


def test_several_actions_at_once_have_lanes():
    track = make_track(1, VIDOR, 5, {i: [3, 7] for i in range(30)})
    _, rectangles = drawn(timeline([track], VIDOR, frame_times(40)))
    (one,), (other,) = coloured(rectangles, VIDOR, 5, 3), coloured(rectangles, VIDOR, 5, 7)
    assert one[0] == other[0] and one[2] == other[2]
    assert other[1] == pytest.approx(one[1] + one[3], abs=0.1)
    idle = make_track(2, VIDOR, 5, {i: [] for i in range(30)})
    assert f"{VIDOR.actors[5]} 2: no action" in drawn(timeline([idle], VIDOR, frame_times(40)))[0]


def test_of_many_tracks_the_longest_are_drawn_and_it_says_so():
    tracks = [make_track(i, A2D, 1, {frame: [1] for frame in range(i)}) for i in range(4, 24)]
    texts, rectangles = drawn(timeline(tracks, A2D, frame_times(40), max_tracks=5))
    assert "the 5 longest of 20 tracks" in texts and sum(r[-1] == "#e4e4e4" for r in rectangles) == 5
    assert [text.split(":")[0] for text in texts if text.startswith("adult")] == [f"adult {i}" for i in range(19, 24)]


def test_names_are_letters_only_and_no_track_is_an_error():
    space = LabelSpace.from_names(("<b>--$x$",), ("a-->&",), (("<b>--$x$", "a-->&"),))
    svg = timeline([make_track(1, space, 1, {i: [1] for i in range(30)})], space, frame_times(40))
    ElementTree.fromstring(svg)
    assert "<b>" not in svg
    with pytest.raises(ValueError, match="at least one track"):
        timeline([], A2D, frame_times(40))


def test_the_file_has_a_legend_cuts_and_says_what_is_left_out(tmp_path):
    tracks = [make_track(i, A2D, 1 + i % 7, {frame: [7] for frame in range(10)}) for i in range(1, 41)]
    courses = [Course.of(track, A2D) for track in tracks]
    write_timeline(tmp_path / "a.svg", courses, A2D, frame_times(40, cut_at=(20, 30)))
    texts, rectangles = drawn((tmp_path / "a.svg").read_text())
    assert "the 30 longest of 40 tracks (10 left out)" in texts and sum(r[-1] == "#e4e4e4" for r in rectangles) == 30
    assert {"dog running", "adult running", "2 cuts"} <= set(texts)
    assert (tmp_path / "a.svg").read_text().count("stroke-dasharray") == 3  # two and the legend
    for name in ("b.png", "c.png"):
        write_timeline(tmp_path / name, courses, A2D, frame_times(40))
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()


def test_a_video_without_tracks_and_an_hour_of_one(tmp_path):
    write_timeline(tmp_path / "a.svg", [], A2D, frame_times(5))
    assert "no actor was visible long enough for a track" in drawn((tmp_path / "a.svg").read_text())[0]
    track = Course.of(make_track(1, A2D, 7, {i: [7] for i in range(40)}), A2D)
    write_timeline(tmp_path / "b.svg", [track], A2D, frame_times(36_000))
    texts, rectangles = drawn((tmp_path / "b.svg").read_text())
    assert {"hours:minutes:seconds", "0:30:00", "1:00:00"} <= set(texts)
    assert coloured(rectangles, A2D, 7, 7)


def test_several_actions_have_lanes_high_enough_for_names(tmp_path):
    track = Course.of(make_track(1, VIDOR, 5, {i: list(range(1, 7)) for i in range(40)}), VIDOR)
    write_timeline(tmp_path / "a.svg", [track], VIDOR, frame_times(40))
    texts, _ = drawn((tmp_path / "a.svg").read_text())
    assert set(VIDOR.actions[1:7]) <= set(texts)


def test_bars_narrower_than_a_pixel_are_merged_to_the_action_that_lasts_longest(tmp_path):
    # An hour in which a dog runs for three frames and jumps for one, again and again; in the middle it walks.
    running, jumping, walking = (A2D.actions.index(name) for name in ("running", "jumping", "walking"))
    segments = [
        Segment(action, first + start, first + end, 0.5)
        for first in range(0, 36_000, 4)
        for action, start, end in ((running, 0, 2), (jumping, 3, 3))
        if not 16_000 <= first < 20_000
    ]
    segments = (*segments[:8000], Segment(walking, 16_000, 19_999, 0.5), *segments[8000:])
    course = Course(1, 7, 0, 35_999, 36_000, segments)
    write_timeline(tmp_path / "a.svg", [course], A2D, frame_times(36_000))
    _, rectangles = drawn((tmp_path / "a.svg").read_text())
    runs, walks = coloured(rectangles, A2D, 7, running), coloured(rectangles, A2D, 7, walking)
    (whole,) = (r for r in rectangles if r[-1] == "#e4e4e4")
    assert 300 < len(rectangles) < 1500  # of 16,001 segments
    bars = [bar for bar in runs if bar[1] == runs[0][1]]
    assert sum(bar[2] for bar in bars) == pytest.approx(whole[2] * 8 / 9, rel=0.01)
    assert [bar[2] for bar in walks if bar[1] == runs[0][1]] == [pytest.approx(whole[2] / 9, rel=0.01)]


def test_names_of_any_length_leave_room_for_the_bars(recwarn):
    actor, action = "w" * 99 + "o", "a very long name " * 5 + "end"
    space = LabelSpace.from_names((actor,), (action, "🇩🇪" * 40), ((actor, action), (actor, "🇩🇪" * 40)))
    track = make_track(3, space, 1, {i: [1 + i // 20] for i in range(40)})
    texts, rectangles = drawn(timeline([track], space, frame_times(40)))
    (name,) = [text for text in texts if " 3: " in text]
    shown, actions = name.split(" 3: ")
    assert shown == "w" * 12 + "…" + "w" * 10 + "o" and actions.count("…") == 2
    assert sum(width for *_, width, _, _ in coloured(rectangles, space, 1, 1)) > 80  # points
    assert not [warning for warning in recwarn if "constrained_layout" in str(warning.message)]


def test_a_legend_of_long_names_has_fewer_columns(tmp_path):
    actions = tuple(f"{number} an action with a name of forty letters" for number in range(5))
    space = LabelSpace.from_names(("dog",), actions, tuple(("dog", action) for action in actions))
    track = make_track(1, space, 1, {i: [1 + i // 8] for i in range(40)})
    write_timeline(tmp_path / "t.svg", [Course.of(track, space)], space, frame_times(40))
    svg = (tmp_path / "t.svg").read_text()
    width = float(re.search(r'viewBox="0 0 (\S+)', svg)[1])
    legend = svg[svg.index('id="legend_1"') :]
    places = [float(x) for x in re.findall(r"<!-- dog \d an action.*? -->\s*<g [^>]*translate\((\S+) ", legend)]
    assert len(places) == 5 and len(set(places)) == 3 and min(places) > 0 and max(places) < 0.72 * width
