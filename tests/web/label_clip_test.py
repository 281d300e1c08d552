"""A clip's result, its limits, and what is said about one that cannot be used."""

import csv
import re
from fractions import Fraction

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import read_frames
from ssa2d_jax.web import html
from ssa2d_jax.web.label_clip import label_clip
from ssa2d_jax.web.limits import Limits
from tests.fixtures.toy_detector import DOG_RUNNING, detector, make_video

LIMITS = Limits(seconds=2, megabytes=1)


def test_a_clip_gives_overlay_tracks_timeline_and_shares(tmp_path):
    clip, reports = make_video(tmp_path / "a.mp4", 20), []
    out = tmp_path / "out"
    out.mkdir()
    labelled = label_clip(detector(), clip, out, LIMITS, lambda *report: reports.append(report))
    assert reports == [(i + 1, 20) for i in range(20)]
    assert (labelled.frames, labelled.tracks, labelled.broken) == (20, 1, None)
    overlay = list(read_frames(labelled.overlay))
    assert len(overlay) == 20 and overlay[0].rgb.shape == (256, 384, 3)  # four times as large
    assert np.abs(overlay[5].rgb[2::4, 2::4].astype(int) - next(read_frames(clip)).rgb).max() > 50  # something is drawn
    table, entries = labelled.tables
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 20 and {(row["actor"], row["action"]) for row in rows} == {("dog", "running")}
    assert '"length": 20' in entries.read_text()
    assert "<!-- dog 1: running -->" in labelled.timeline
    shares = {name: row["share"] for name, row in labelled.shares.items() if row["frames"]}
    assert set(shares) == {"background", A2D.joint[DOG_RUNNING]} and sum(shares.values()) == pytest.approx(1)
    assert shares["dog-running"] == pytest.approx(1 / 16, abs=0.02)  # a quarter of the height and of the width
    assert html.summary(labelled) == "<div class=message role=status>20 frames labelled, 1 track.</div>"
    assert html.timeline(labelled).count("<svg") == 1 and "<?xml" not in html.timeline(labelled)


def test_a_clip_of_one_frame_has_no_track(tmp_path):
    labelled = label_clip(detector(), make_video(tmp_path / "a.mp4", 1), tmp_path, LIMITS)
    assert (labelled.frames, labelled.tracks, labelled.timeline) == (1, 0, None)
    assert "1 frame labelled, no actor was visible long enough" in html.summary(labelled)
    assert html.timeline(labelled) == ""


def _refused(tmp_path, clip, limits=LIMITS):
    with pytest.raises(InputError) as caught:
        label_clip(detector(), clip, tmp_path, limits)
    assert str(tmp_path) not in str(caught.value)  # messages name it without its folder
    return str(caught.value)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("text.mp4", b"no video at all " * 100, "text.mp4: not a video that FFmpeg can read"),
        ("empty.mp4", b"", "empty.mp4: the file is empty"),
        ("big.mp4", bytes(1_100_000), "big.mp4 has 1.05 MB; at most 1 MB are allowed"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.ts\n", "list.mp4: "),
        ("gone.mp4", None, "gone.mp4: no such file"),
    ],
)
def test_what_is_no_clip_is_said(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert _refused(tmp_path, tmp_path / name).startswith(message)


def test_a_clip_without_a_frame_is_said(tmp_path):
    whole = make_video(tmp_path / "whole.mp4", 3).read_bytes()
    index = whole[: whole.index(b"mdat") - 4]  # tables of frames that aren't there
    (tmp_path / "none.mp4").write_bytes(index)
    assert re.match(
        r"none\.mp4: (breaks off after 0|no frame could be decoded)", _refused(tmp_path, tmp_path / "none.mp4")
    )


def test_too_long_is_said_before_anything_is_labelled(tmp_path):
    clip = make_video(tmp_path / "long.mp4", 60)
    with pytest.raises(
        InputError, match="^long.mp4 is 2.4 seconds long; at most 2 seconds with 60 frames per second are allowed"
    ):
        label_clip(detector(), clip, tmp_path, LIMITS, progress=lambda *_: pytest.fail("a frame was labelled"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.mp4"]


def test_a_clip_that_says_little_of_its_length_is_stopped_at_the_limit(tmp_path):
    times = [0, 10, 20, 500]
    clip = make_video(tmp_path / "jump.mp4", 4, pts=times, time_base=Fraction(1, 100))
    # A rate that the container made up: its frames over that is a moment.
    limits = Limits(seconds=4, megabytes=1)
    assert _refused(tmp_path, clip, limits).startswith("jump.mp4 is longer than 4 seconds")
    many = make_video(tmp_path / "many.mp4", 70, pts=range(70), time_base=Fraction(1, 1000))
    assert _refused(tmp_path, many, Limits(seconds=1, megabytes=1)).startswith("many.mp4 has more than 60 frames")
    assert sorted(path.name for path in tmp_path.glob("*overlay*")) == []


def test_too_many_pixels_are_said_and_a_portrait_may_have_as_many(tmp_path):
    limits = Limits(seconds=2, megabytes=1, width=96, height=64)
    big = make_video(tmp_path / "big.mp4", 2, height=66, width=96)
    assert _refused(tmp_path, big, limits).startswith("big.mp4 has 96x66 pixels; at most 96x64")
    portrait = make_video(tmp_path / "portrait.mp4", 2, height=96, width=64)
    assert label_clip(detector(), portrait, tmp_path, limits).frames == 2


def test_a_clip_that_breaks_off_is_labelled_up_to_there(tmp_path):
    whole = make_video(tmp_path / "whole.mp4", 40, noise=100).read_bytes()
    clip = tmp_path / "cut.mp4"
    clip.write_bytes(whole[: len(whole) * 2 // 3])
    labelled = label_clip(detector(), clip, tmp_path, LIMITS)
    assert 0 < labelled.frames < 40 and labelled.broken.startswith("cut.mp4: breaks off after")
    assert len(list(read_frames(labelled.overlay))) == labelled.frames
    assert "Only what could be read is shown: cut.mp4" in html.summary(labelled)


def test_what_progress_raises_ends_the_work_and_leaves_no_overlay(tmp_path):
    def stop(done, total):
        if done == 3:
            raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        label_clip(detector(), make_video(tmp_path / "a.mp4", 30), tmp_path, LIMITS, stop)
    assert list(tmp_path.glob("*overlay*")) == []
