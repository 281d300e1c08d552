"""Where frames come from: files, cameras, arrays, iterators, and and the errors for anything else."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video import sources
from ssa2d_jax.video.writer import VideoWriter
from tests.fixtures.encoded_video import encode, square

FRAMES = np.random.default_rng(0).integers(0, 256, (5, 8, 12, 3)).astype(np.uint8)


class Camera:
    """Stands in for cv2.VideoCapture: gives `left` frames, then it is unplugged."""

    left, released = 3, False

    def __init__(self, number):
        self.number = number

    def isOpened(self):  # noqa: N802
        return self.number == 0

    def read(self):
        type(self).left -= 1
        return (True, FRAMES[0][..., ::-1].copy()) if type(self).left >= 0 else (False, None)

    def release(self):
        type(self).released = True


@pytest.mark.parametrize("frames", [FRAMES, list(FRAMES), (frame for frame in FRAMES)])
def test_pictures_of_any_iterable(frames):
    source = sources.open_frames(frames)
    assert (source.height, source.width, source.rate) == (8, 12, None)
    assert source.frames == (None if not hasattr(frames, "__len__") else 5)
    read = list(source)
    np.testing.assert_array_equal(np.stack([frame.rgb for frame in read]), FRAMES)
    assert [frame.pts * frame.time_base for frame in read] == [Fraction(i, 25) for i in range(5)]
    assert source.error is None


def test_a_folder_of_pictures_is_a_video(tmp_path):
    for i, frame in enumerate(FRAMES):
        cv2.imwrite(str(tmp_path / f"{i:05d}.png"), frame[..., ::-1])
    (tmp_path / "notes.txt").touch()
    source = sources.open_frames(tmp_path)
    assert source.frames == 5
    read = list(source)
    np.testing.assert_array_equal(np.stack([frame.rgb for frame in read]), FRAMES)
    assert [frame.pts * frame.time_base for frame in read] == [Fraction(i, 25) for i in range(5)]
    (tmp_path / "00003.png").write_bytes(b"no picture")
    source = sources.open_frames(tmp_path)
    assert len(list(source)) == 3 and "00003.png: not a picture that can be read" in str(source.error)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="none: no frame in this folder"):
        sources.open_frames(tmp_path / "none")


def test_pictures_are_ordered_by_their_numbers(tmp_path):
    for i in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((4, 4, 3), i, np.uint8))
    (tmp_path / "._1.png").write_bytes(b"of macOS")
    assert [int(frame.rgb[0, 0, 0]) for frame in sources.open_frames(tmp_path)] == [1, 2, 10]
    cv2.imwrite(str(tmp_path / "0.png"), np.full((4, 4), 40000, np.uint16))
    assert [int(frame.rgb[0, 0, 0]) for frame in sources.open_frames(tmp_path)] == [40000 >> 8, 1, 2, 10]


def test_a_picture_that_is_refilled_is_copied():
    buffer = np.zeros((4, 4, 3), np.uint8)

    def camera():
        for i in range(3):
            buffer[:] = i
            yield buffer

    read = list(sources.open_frames(camera()))
    assert [int(frame.rgb.max()) for frame in read] == [0, 1, 2]


def test_an_error_of_the_callers_iterator_is_not_changed():
    def broken():
        raise RuntimeError("out of cheese")
        yield

    with pytest.raises(RuntimeError, match="out of cheese"):
        sources.open_frames(broken())


def test_a_source_is_read_once():
    source = sources.open_frames(FRAMES)
    assert len(list(source)) == 5
    with pytest.raises(ValueError, match="were read already"):
        list(source)


def test_a_file_name_may_be_a_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with VideoWriter(tmp_path / "a.mp4", height=8, width=12, time_base=Fraction(1, 25)) as writer:
        writer.write(FRAMES[0], 0)
    (tmp_path / "a.mp4").rename(tmp_path / "0")
    source = sources.open_frames("0")
    assert (source.name, len(list(source))) == ("0", 1)


def test_a_camera_that_is_unplugged_ends_with_an_error(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr(Camera, "left", 3)
    source = sources.open_frames("0")
    read = list(source)
    assert len(read) == 3 and Camera.released
    np.testing.assert_array_equal(read[0].rgb, FRAMES[0])
    assert "camera 0 gives no more frames; was it unplugged?" in str(source.error)
    assert [frame.pts for frame in read] == sorted(frame.pts for frame in read)
    with pytest.raises(InputError, match="camera 3 can't be opened; is it plugged in"):
        sources.open_frames(3)


def test_a_missing_camera_is_one_line(capfd):
    with pytest.raises(InputError, match="camera 987 can't be opened"):
        sources.open_frames("987")
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""  # OpenCV's own warnings are silenced


def test_a_stopped_source_ends():
    source = sources.open_frames(FRAMES)
    read = []
    for frame in source:
        read.append(frame)
        if len(read) == 2:
            source.stop()
    assert len(read) == 2 and source.error is None


@pytest.mark.parametrize("wrap", [lambda frames: frames, list, lambda frames: map(Image.fromarray, frames)])
def test_grey_pictures_and_a_fourth_channel(wrap):
    grey = sources.open_frames(wrap(FRAMES[..., 0]))
    np.testing.assert_array_equal([frame.rgb for frame in grey], np.repeat(FRAMES[..., :1], 3, axis=-1))
    alpha = sources.open_frames(wrap(np.concatenate([FRAMES, FRAMES[..., :1]], axis=-1)))
    np.testing.assert_array_equal([frame.rgb for frame in alpha], FRAMES)


def test_files_of_pictures(tmp_path):
    files = [tmp_path / f"{name}.png" for name in "badec"]
    for file, frame in zip(files, FRAMES, strict=True):
        Image.fromarray(frame).save(file)
    for given in (files, list(map(str, files)), (file.as_uri() for file in files)):
        np.testing.assert_array_equal([frame.rgb for frame in sources.open_frames(given)], FRAMES)
    source = sources.open_frames([*files, tmp_path / "none.png"])
    assert len(list(source)) == 5 and "none.png" in str(source.error)


@pytest.mark.parametrize("mode", ["P", "1", "LA", "CMYK"])
def test_pillow_pictures_whose_numbers_are_no_rgb(mode):
    pictures = [Image.fromarray(frame).convert(mode) for frame in FRAMES]
    read = [frame.rgb for frame in sources.open_frames(pictures)]
    np.testing.assert_array_equal(read, [np.asarray(picture.convert("RGB")) for picture in pictures])


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (FRAMES.astype(np.float32), "frame 0 is float32 .8, 12, 3.; pictures uint8"),
        (FRAMES[..., :2], "frame 0 is uint8 .8, 12, 2."),
        (FRAMES[0], r"frames are one picture \[8, 12, 3\]; as a clip of one frame: frames\[None\]"),
        (FRAMES[:0], "no frames; give at least one"),
        (iter(()), "no frames; give at least one"),
        (1.5, "frames are float; give a path"),
        (np.zeros((1, 100, 200, 3), np.uint8), "frame 0 has 200x100 pixels, more than the limit of 9999"),
        ("none.mp4", "none.mp4: no such file"),
        ("20240131123456", "20240131123456: no such file"),
        ("\u00b2", "no such file"),
    ],
)
def test_anything_else_is_an_error(frames, message):
    with pytest.raises(InputError, match=message):
        sources.open_frames(frames, max_pixels=9999)


def test_frames_of_two_sizes_end_at_the_second():
    source = sources.open_frames([FRAMES[0], FRAMES[1], FRAMES[2][:4]])
    assert len(list(source)) == 2
    assert "frames: frame 2 is 12x4, the first 12x8 pixels" in str(source.error)


@pytest.mark.parametrize(
    "frames, remedy",
    [
        (FRAMES / 255.0, r"frame 0 is float64 \[8, 12, 3\].*; as bytes: \(255 \* frames\).round"),
        (FRAMES.astype(np.float32), r"as bytes: frames.round"),
        (FRAMES.transpose(0, 3, 1, 2), r"uint8 \[3, 8, 12\].*; channels come last: frames.transpose\(0, 2, 3, 1\)"),
        (FRAMES.transpose(0, 3, 1, 2) / 255.0, r"frames.transpose\(0, 2, 3, 1\).*; as bytes: \(255 \* frames\)"),
        (FRAMES.astype(np.int64), r"frames.astype\(np.uint8\)$"),
    ],
)
def test_pictures_of_another_form_are_refused_with_a_remedy_that_works(frames, remedy):
    with pytest.raises(InputError, match=remedy) as error:
        sources.open_frames(frames)
    for line in str(error.value).split("; ")[2:]:
        code = line.split(": ")[1].split(", of a tensor")[0]
        frames = eval(code, {"frames": frames, "np": np})
    assert (frames.dtype, frames.shape) == (np.uint8, FRAMES.shape)


def test_remarks_about_a_video_are_kept_and_printed(tmp_path, capsys):
    encode(tmp_path / "a.mp4", [square(0)] * 3, aspect=Fraction(2))
    source = sources.open_frames(tmp_path / "a.mp4")
    (remark,) = source.remarks
    assert "its pixels have the shape 2:1" in remark and remark in capsys.readouterr().err


def test_a_single_picture_is_turned_upright_by_its_exif(tmp_path):
    exif = Image.Exif()
    exif[0x112] = 6  # a quarter turn
    for name in ("a.jpg", "a.png", "a.tif"):
        Image.fromarray(FRAMES[0]).save(tmp_path / name, exif=exif)
        (frame,) = sources.open_frames(tmp_path / name)
        assert frame.rgb.shape == (12, 8, 3)


def test_names_that_are_none():
    for name in ("x" * 5000, -1):
        with pytest.raises(InputError, match=r"no such file|cameras have numbers from 0"):
            sources.open_frames(name)
    with pytest.raises(InputError, match=r"one picture with channels first, or grey frames\?"):
        sources.open_frames(np.zeros((3, 50, 60), np.uint8))
