"""Bouts: who does what from when to when, as a table and as a project for BORIS."""

import csv
import io
import json
from pathlib import Path

import pytest

from ssa2d_jax.data.label_space import A2D, VIDOR, LabelSpace
from ssa2d_jax.inference.events import COLUMNS, Course, FrameTimes, Observation, boris_project, events_csv
from tests.inference.timeline_test import SECONDS, make_track

RUNNING, JUMPING, NONE = (A2D.actions.index(name) for name in ("running", "jumping", "none"))
DOG, BALL, ADULT = (A2D.actors.index(name) for name in ("dog", "ball", "adult"))
VIDEO = Observation("clip", Path("videos/clip.mp4"), 10.0)


def tenths(count=40):
    times = FrameTimes(usual=0.1)
    for second in SECONDS[:count]:
        times.add(second)
    return times


def courses():
    running, jumping = {i: [RUNNING] for i in range(15)}, {i: [JUMPING] for i in range(15, 25)}
    tracks = [
        make_track(4, A2D, BALL, {i: [JUMPING] for i in (*range(10, 14), *range(18, 20))}),  # hidden for four frames
        make_track(1, A2D, DOG, running | jumping | {i: [RUNNING] for i in range(25, 40)}),
        make_track(5, A2D, ADULT, {i: [NONE] for i in range(20)}),
    ]
    return [Course.of(track, A2D) for track in tracks]


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_row_is_a_bout_in_seconds_from_the_first_frame():
    rows = read(events_csv(courses(), A2D, tenths(), VIDEO))
    assert tuple(rows[0]) == COLUMNS and COLUMNS[7:11] == (
        "Behavior type", "Start (s)", "Stop (s)", "Duration (s)",
    )  # fmt: skip
    found = [(row["Subject"], row["Behavior"], float(row["Start (s)"]), float(row["Stop (s)"])) for row in rows]
    change, back = found[0][3], found[3][3]  # probabilities are averaged over 8 frames
    assert change == pytest.approx(1.5, abs=0.2) and back == pytest.approx(2.5, abs=0.2)
    assert found == [
        ("dog 1", "running", 0.0, change), ("adult 5", "none", 0.0, 2.0), ("ball 4", "jumping", 1.0, 2.0),
        ("dog 1", "jumping", change, back), ("dog 1", "running", back, 4.0),
    ]  # fmt: skip
    for row in rows:
        assert float(row["Duration (s)"]) == pytest.approx(float(row["Stop (s)"]) - float(row["Start (s)"]))
        assert (row["Media file name"], row["Media duration (s)"], row["FPS (frame/s)"]) == (
            "clip.mp4", "4.000", "10.000",
        )  # fmt: skip
    assert (rows[2]["Actor"], rows[2]["Image index start"], rows[2]["Image index stop"]) == ("ball", "10", "19")


def test_several_actions_overlap_and_an_idle_actor_does_none():
    track = make_track(1, VIDOR, 5, {i: [3, 7] if i < 20 else [] for i in range(40)})
    rows = read(events_csv([Course.of(track, VIDOR)], VIDOR, tenths(), VIDEO))
    assert [row["Behavior"] for row in rows] == [VIDOR.actions[3], VIDOR.actions[7], "none"]
    assert rows[0]["Stop (s)"] == rows[1]["Stop (s)"] == rows[2]["Start (s)"] and rows[2]["Stop (s)"] == "4.000"


def test_times_that_are_unknown_or_go_back():
    times = FrameTimes(usual=0.25)
    for second in (None, None, 7.0, 6.0, None):
        times.add(second, cut=second == 7.0)
    assert [times.start(i) for i in range(5)] == [0.0, 0.25, 7.0, 7.0, 7.25]
    assert times.stop(4) == times.duration == 7.5 and list(times.cuts) == [7.0] and FrameTimes(1.0).duration == 0.0


def test_the_project_for_boris_has_a_start_and_a_stop_for_each_bout():
    # The keys are those that BORIS 8.27 read without a complaint, and exported as the same bouts.
    project = json.loads(boris_project(courses(), A2D, tenths(), VIDEO, Path("out")))
    names = [subject["name"] for subject in project["subjects_conf"].values()]
    behaviours = {behaviour["code"]: behaviour["type"] for behaviour in project["behaviors_conf"].values()}
    assert names == ["dog 1", "ball 4", "adult 5"] and project["project_format_version"] == "7.0"
    assert behaviours == dict.fromkeys(("running", "none", "jumping"), "State event")
    observation = project["observations"]["clip"]
    assert observation["type"] == "MEDIA" and observation["file"]["1"] == ["../videos/clip.mp4"]
    assert observation["media_info"]["length"] == {"../videos/clip.mp4": 4.0}
    events = observation["events"]
    assert [event[0] for event in events] == sorted(event[0] for event in events) and len(events) == 10
    bouts = read(events_csv(courses(), A2D, tenths(), VIDEO))
    for column, ends in (("Start (s)", slice(0, None, 2)), ("Stop (s)", slice(1, None, 2))):
        dog = [event[0] for event in events if event[1:3] == ["dog 1", "running"]][ends]
        wanted = [float(row[column]) for row in bouts if (row["Subject"], row["Behavior"]) == ("dog 1", "running")]
        assert dog == wanted


NAMES = [
    "carry/hold (an object)",
    'sit, then "stand"',
    "\u0926\u094c\u0921\u093c\u0928\u093e",
    "sport: run; =1+1",
    "a|b",
]


def test_names_of_any_kind_come_back_from_the_table_and_fit_boris():
    space = LabelSpace.from_names(
        ("d\u00f6g, small",), tuple(NAMES), tuple(("d\u00f6g, small", name) for name in NAMES)
    )
    track = make_track(1, space, 1, {i: [1 + i // 8] for i in range(40)})
    text = events_csv([Course.of(track, space)], space, tenths(), VIDEO)
    assert [row["Behavior"] for row in read(text)] == NAMES
    assert {row["Actor"] for row in read(text)} == {"d\u00f6g, small"}
    project = json.loads(boris_project([Course.of(track, space)], space, tenths(), VIDEO, Path("out")))
    codes = [behaviour["code"] for behaviour in project["behaviors_conf"].values()]
    assert codes == [*NAMES[:-1], "a/b"]  # BORIS allows no | in a name
    assert {event[2] for event in project["observations"]["clip"]["events"]} == set(codes)


def test_a_camera_is_a_live_observation_and_no_track_an_empty_one():
    live = json.loads(boris_project(courses(), A2D, tenths(), Observation("camera 0", None, None), Path("out")))
    assert live["observations"]["camera 0"]["type"] == "LIVE" and len(live["observations"]["camera 0"]["events"]) == 10
    assert events_csv([], A2D, tenths(), VIDEO).splitlines() == [",".join(COLUMNS)]
    assert json.loads(boris_project([], A2D, tenths(), VIDEO, Path("out")))["observations"]["clip"]["events"] == []
