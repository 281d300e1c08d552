"""Reading videos: every frame, upright, in order; an error is one line."""

import gc
import struct
import subprocess
import sys
import wave
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import VideoInfo, probe, read_frames
from ssa2d_jax.video.writer import VideoWriter
from tests.fixtures.encoded_video import encode, noise


def write(path, frames=20, height=48, width=64, noisy=False):
    """Frame k has red 10 * k % 250; the upper left quarter has green 200."""
    rng = np.random.default_rng(0)
    with VideoWriter(path, height=height, width=width, time_base=Fraction(1, 25), rate=Fraction(25)) as writer:
        for k in range(frames):
            rgb = np.zeros((height, width, 3), np.uint8)
            rgb[..., 0] = 10 * k % 250
            rgb[: height // 2, : width // 2, 1] = 200
            if noisy:
                rgb[..., 2] = rng.integers(0, 256, rgb.shape[:2])
            writer.write(rgb, k)
    return path


def error_of(path, **kwargs):
    with pytest.raises(InputError) as error:
        for _ in read_frames(path, **kwargs):
            pass
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("size", [(48, 64), (47, 65)])
def test_every_frame_in_order_with_its_time(tmp_path, size):
    path = write(tmp_path / "a.mp4", height=size[0], width=size[1])
    frames = list(read_frames(path))
    assert [frame.rgb.shape for frame in frames] == [(*size, 3)] * 20 and frames[0].rgb.dtype == np.uint8
    np.testing.assert_allclose([frame.rgb[40, 60, 0] for frame in frames], np.arange(20) * 10, atol=4)
    np.testing.assert_allclose(frames[7].rgb[5, 5], (70, 200, 0), atol=6)
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(k, 25) for k in range(20)]
    assert probe(path) == VideoInfo(rate=Fraction(25), frames=20, total=20)


def test_ten_bits(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        for _ in range(3):
            rgb = np.full((48, 64, 3), (200, 100, 50), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())
    frames = list(read_frames(tmp_path / "a.mp4"))
    assert len(frames) == 3
    np.testing.assert_allclose(frames[1].rgb[20, 20], (200, 100, 50), atol=4)


# Where the green quarter (upper left as stored) has to show, by the display matrix a, b, c, d of the track.
@pytest.mark.parametrize(
    ("matrix", "shape", "green"),
    [
        ((0, 1, -1, 0), (64, 48), (5, 40)),  # a quarter clockwise: upper right
        ((0, -1, 1, 0), (64, 48), (60, 5)),  # a quarter counter-clockwise: lower left
        ((-1, 0, 0, -1), (48, 64), (40, 60)),  # upside down: lower right
        ((-1, 0, 0, 1), (48, 64), (5, 60)),  # mirrored left to right: upper right
        ((1, 0, 0, -1), (48, 64), (40, 5)),  # mirrored top to bottom: lower left
        ((0, 1, 1, 0), (64, 48), (5, 5)),  # rows as columns: upper left
        ((0, -1, -1, 0), (64, 48), (60, 40)),  # the same, turned round: lower right
        ((1, 0, 0, 1), (48, 64), (5, 5)),
    ],
)
def test_rotation_and_mirroring_are_applied(tmp_path, matrix, shape, green):
    data = bytearray(write(tmp_path / "a.mp4", frames=2).read_bytes())
    start = data.index(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 8  # flags, times and ids, reserved, layer to volume
    a, b, c, d = (value << 16 for value in matrix)
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(data)
    frames = list(read_frames(tmp_path / "turned.mp4"))
    assert len(frames) == 2
    for rgb in (frame.rgb for frame in frames):
        assert rgb.shape == (*shape, 3) and rgb.flags.c_contiguous
        assert (rgb[..., 1] > 150).mean() == pytest.approx(0.25, abs=0.02)
        assert rgb[green][1] > 150


def test_frames_are_released_without_the_garbage_collector(tmp_path):
    path = write(tmp_path / "a.mp4", frames=40)
    gc.collect()
    gc.disable()
    try:
        for _ in read_frames(path):
            pass
        alive = sum(isinstance(item, av.VideoFrame) for item in gc.get_objects())
    finally:
        gc.enable()
    assert alive <= 2


def test_missing_empty_and_foreign_files(tmp_path):
    assert "no such file" in error_of(tmp_path / "none.mp4")
    assert "no frame in this folder" in error_of(tmp_path)
    (tmp_path / "empty.mp4").write_bytes(b"")
    assert "is empty" in error_of(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("not a video, only words\n" * 50)
    assert "not a video" in error_of(tmp_path / "text.mp4")


def test_sound_alone(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    assert "no video stream" in error_of(tmp_path / "a.wav") and "only audio" in error_of(tmp_path / "a.wav")


def test_a_cover_picture_is_not_a_video(tmp_path):
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as container:
        cover, sound = container.add_stream("mjpeg"), container.add_stream("aac", rate=8000)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
        container.mux(cover.encode(picture) + cover.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        container.mux(sound.encode(silence) + sound.encode())
    assert "no video stream" in error_of(tmp_path / "a.m4a")


def test_playlist_is_not_followed(tmp_path):
    write(tmp_path / "a.mp4", frames=2)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n")
    error_of(tmp_path / "list.m3u8")
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile a.mp4\n")
    error_of(tmp_path / "list.ffconcat")


def test_breaking_off_gives_frames_then_error(tmp_path):
    data = write(tmp_path / "a.mp4", frames=60, noisy=True).read_bytes()  # index first, then frames
    (tmp_path / "half.mp4").write_bytes(data[: len(data) // 2])
    frames = []
    with pytest.raises(InputError, match=r"half\.mp4: breaks off after \d+ of 60 frames") as error:
        for frame in read_frames(tmp_path / "half.mp4"):
            frames.append(frame)
    assert 15 <= len(frames) <= 30 and f"after {len(frames)} of 60" in str(error.value)
    np.testing.assert_allclose(frames[7].rgb[40, 60, 0], 70, atol=25)


def test_cut_between_two_frames(tmp_path):
    data = write(tmp_path / "a.mp4", frames=60, noisy=True).read_bytes()
    with av.open(str(tmp_path / "a.mp4")) as container:
        positions = [packet.pos for packet in container.demux(video=0) if packet.size]
    (tmp_path / "cut.mp4").write_bytes(data[: positions[30]])
    assert "breaks off after 30 of 60 frames" in error_of(tmp_path / "cut.mp4")


def write_stream(path, frames=60, gaps=(1,)):
    """Noise in the container that the name implies; frame k is shown gaps[k % len(gaps)] / 25 s."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        ticks = 0
        for k in range(frames):
            picture = av.VideoFrame.from_ndarray(rng.integers(0, 256, (48, 64, 3), np.uint8), format="rgb24")
            picture.pts, picture.time_base = ticks, Fraction(1, 25)
            ticks += gaps[k % len(gaps)]
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.mov"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_other_containers_that_break_off(tmp_path, name, share):
    data = write_stream(tmp_path / name).read_bytes()
    assert len(list(read_frames(tmp_path / name))) == 60
    (tmp_path / f"cut_{name}").write_bytes(data[: int(len(data) * share)])
    message = error_of(tmp_path / f"cut_{name}")
    if name == "a.mov":  # its index is at its end
        assert "not a video that FFmpeg can read" in message
    else:
        read = int(message.split("breaks off after ")[1].split()[0])
        assert 60 * share - 10 < read < 60 * share + 10


def test_transport_stream_ends_where_it_is_cut(tmp_path):
    data = write_stream(tmp_path / "a.ts").read_bytes()
    assert len(list(read_frames(tmp_path / "a.ts"))) == 60
    (tmp_path / "cut.ts").write_bytes(data[: len(data) // 2 // 188 * 188])
    assert 20 < len(list(read_frames(tmp_path / "cut.ts"))) < 40


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_rate_and_a_long_last_frame(tmp_path, name):
    frames = list(read_frames(write_stream(tmp_path / name, frames=12, gaps=(1, 5, 12))))
    assert len(frames) == 12
    times = [float(frame.pts * frame.time_base) for frame in frames]
    steps = [1, 5, 12] * 3 + [1, 5]
    np.testing.assert_allclose(np.diff(times), np.array(steps) / 25, atol=2e-3)


def test_frames_whose_data_are_all_missing(tmp_path):
    data = write(tmp_path / "a.mp4", frames=60, noisy=True).read_bytes()
    (tmp_path / "none.mp4").write_bytes(data[: data.index(b"mdat") + 40])
    error_of(tmp_path / "none.mp4")


def test_too_many_pixels(tmp_path):
    path = write(tmp_path / "a.mp4", frames=2)
    assert "64x48 pixels, more than the limit of 3071" in error_of(path, max_pixels=48 * 64 - 1)
    assert len(list(read_frames(path, max_pixels=48 * 64))) == 2


def test_only_the_frames_asked_for_are_given(tmp_path):
    path = write(tmp_path / "a.mp4", frames=12)
    for numbers in ({0, 5, 11}, range(4), ()):
        assert [frame.number for frame in read_frames(path, numbers=numbers)] == sorted(numbers)
    (chosen,) = read_frames(path, numbers={5})
    every = list(read_frames(path))
    assert [frame.number for frame in every] == list(range(12))
    np.testing.assert_array_equal(chosen.rgb, every[5].rgb)
    assert (chosen.pts, chosen.time_base) == (every[5].pts, every[5].time_base)


def test_the_package_offers_the_reader_and_needs_no_av_for_optical_flow():
    script = """
import sys
from ssa2d_jax.video import optical_flow
assert "av" not in sys.modules
import ssa2d_jax.video
from ssa2d_jax.video import probe, read_frames
assert read_frames is ssa2d_jax.video.reader.read_frames and "av" in sys.modules
try:
    ssa2d_jax.video.nothing
except AttributeError as error:
    assert "nothing" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("ending", ["ts", "mpg", "nut"])
def test_a_video_too_short_for_a_rate_is_read(tmp_path, ending, count):
    """FFmpeg knows no rate of these: None in PyAV 18, 0/0 in 19."""
    codec = "mpeg2video" if ending == "mpg" else "libx264"
    path = encode(tmp_path / f"a.{ending}", [noise(i) for i in range(count)], codec=codec)
    assert len(list(read_frames(path))) == count
