"""Writing videos: sizes, times and colours, and what is left after errors."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.writer import VideoWriter


def write(path, pts, *, height=48, width=64, time_base=Fraction(1, 25), rate=Fraction(25)):
    with VideoWriter(path, height=height, width=width, time_base=time_base, rate=rate) as writer:
        for ticks in pts:
            writer.write(np.full((height, width, 3), (255, 1, 153), np.uint8), ticks)


def read(path):
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return (
            frames,
            [frame.pts * frame.time_base for frame in frames],
            container.streams.video[0].average_rate,
        )


def test_constant_rate_count_size_and_colour(tmp_path):
    write(
        tmp_path / "a.mp4",
        range(0, 10 * 1001, 1001),
        time_base=Fraction(1, 30000),
        rate=Fraction(30000, 1001),
    )
    frames, times, rate = read(tmp_path / "a.mp4")
    assert times == [Fraction(1001, 30000) * i for i in range(10)]
    assert rate == Fraction(30000, 1001)
    assert (frames[0].height, frames[0].width, frames[0].format.name) == (48, 64, "yuv420p")
    np.testing.assert_allclose(frames[5].to_ndarray(format="rgb24")[24, 32], (255, 1, 153), atol=4)


def test_variable_rate_keeps_every_time(tmp_path):
    write(tmp_path / "a.mp4", [0, 40, 50, 200, 230, 400], time_base=Fraction(1, 1000))
    assert read(tmp_path / "a.mp4")[1] == [Fraction(t, 1000) for t in (0, 40, 50, 200, 230, 400)]


def test_times_count_from_the_first_frame_and_always_grow(tmp_path):
    write(tmp_path / "a.mp4", [100, 101, 101, None, 110])
    assert read(tmp_path / "a.mp4")[1] == [Fraction(t, 25) for t in (0, 1, 2, 3, 10)]


def test_stream_without_times_gets_the_rate(tmp_path):
    write(tmp_path / "a.mp4", [None] * 4, time_base=Fraction(1, 1_200_000), rate=Fraction(24))
    assert read(tmp_path / "a.mp4")[1] == [Fraction(i, 24) for i in range(4)]


def test_time_base_too_fine_for_mp4_is_rounded(tmp_path):
    write(tmp_path / "a.mp4", [0, 40_000_000, 80_000_000], time_base=Fraction(1, 10**9))
    assert read(tmp_path / "a.mp4")[1] == [Fraction(t, 25) for t in (0, 1, 2)]


@pytest.mark.parametrize("height, width", [(49, 64), (48, 65), (33, 31), (1, 1)])
def test_odd_sizes_stay_exact(tmp_path, height, width):
    write(tmp_path / "a.mp4", range(3), height=height, width=width)
    frames, _, _ = read(tmp_path / "a.mp4")
    assert [(f.height, f.width, f.format.name) for f in frames] == [(height, width, "yuv444p")] * 3


def test_nothing_is_left_after_an_exception(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"earlier")
    with (
        pytest.raises(RuntimeError),
        VideoWriter(tmp_path / "a.mp4", height=8, width=8, time_base=Fraction(1, 25)) as w,
    ):
        w.write(np.zeros((8, 8, 3), np.uint8), 0)
        raise RuntimeError
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"earlier"


def test_wrong_size_and_no_frames_are_errors(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", height=8, width=8, time_base=Fraction(1, 25))
    with pytest.raises(InputError, match=r"frame 0 is uint8 \(8, 9, 3\), expected uint8 \(8, 8, 3\)"):
        writer.write(np.zeros((8, 9, 3), np.uint8), 0)
    with pytest.raises(InputError, match="no frame was written"):
        writer.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("height, width", [(48, 64), (720, 1280)])
def test_two_readers_see_the_colours_that_were_written(tmp_path, height, width):
    colours = np.array([[220, 40, 40], [40, 200, 60], [30, 60, 210], [230, 200, 40]], np.uint8)
    rgb = np.broadcast_to(np.repeat(colours, width // 4, axis=0), (height, width, 3))
    with VideoWriter(tmp_path / "a.mp4", height=height, width=width, time_base=Fraction(1, 25)) as writer:
        writer.write(rgb, 0)
    middles = np.s_[height // 2, width // 8 :: width // 4]
    by_av = read(tmp_path / "a.mp4")[0][0].to_ndarray(format="rgb24")
    by_opencv = cv2.VideoCapture(str(tmp_path / "a.mp4")).read()[1][..., ::-1]
    np.testing.assert_allclose(by_av[middles], colours, atol=4)
    np.testing.assert_allclose(by_opencv[middles], colours, atol=4)


def test_pixels_keep_their_shape(tmp_path):
    aspect = Fraction(16, 11)
    with VideoWriter(tmp_path / "a.mp4", height=8, width=8, time_base=Fraction(1, 25), pixel_aspect=aspect) as writer:
        writer.write(np.zeros((8, 8, 3), np.uint8), 0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == aspect
