import pytest

from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import convert, make_video

TRACK = (
    '<track id="0" label="dog:running"><box frame="{f}" outside="0" keyframe="1" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    '<box frame="{g}" outside="1" keyframe="1" xtl="1" ytl="1" xbr="9" ybr="9"/></track>'
)


def _convert(tmp_path, last, frames, kind="task", step=""):
    (tmp_path / "annotations.xml").write_text(
        f"<annotations><meta><{kind}><start_frame>0</start_frame><stop_frame>{last}</stop_frame><frame_filter>{step}"
        "</frame_filter><labels><label><name>dog:running</name></label></labels><source>long.mp4</source>"
        f"</{kind}></meta>{TRACK.format(f=0, g=2)}</annotations>"
    )
    make_video(tmp_path / "videos", "long.mp4", frames)
    return convert(tmp_path / "annotations.xml", tmp_path / "out", tmp_path / "videos")


def test_a_task_that_is_longer_than_the_video_is_refused(tmp_path):
    with pytest.raises(
        InputError, match="the frames of long go to 39 in the tool, but .*videos/long.mp4 has 20: it is"
    ):
        _convert(tmp_path, last=39, frames=20)


@pytest.mark.parametrize(("frames", "times"), [(40, ", 2 times as many"), (24, ", 6/5 times as many")])
def test_a_task_that_is_shorter_than_the_video_is_a_warning(tmp_path, frames, times):
    report = _convert(tmp_path, last=19, frames=frames)
    assert (
        f"warning: the frames of long go to 19 in the tool, but {tmp_path}/videos/long.mp4 has {frames}{times}."
        in report
    )


@pytest.mark.parametrize(
    ("last", "frames", "kind"), [(19, 20, "task"), (19, 21, "task"), (20, 20, "task"), (9, 20, "job")]
)
def test_a_task_of_the_whole_video_and_a_job_of_a_part_of_it_are_none(tmp_path, last, frames, kind):
    assert "warning" not in _convert(tmp_path, last, frames, kind)


def test_the_end_of_a_task_with_a_frame_step_is_not_its_last_frame(tmp_path):
    assert "warning" not in _convert(tmp_path, last=18, frames=20, step="step=2")
