"""Files with several pictures: all of them are frames, or it is an error, never only the first one."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import probe, read_frames
from ssa2d_jax.video.sources import open_frames

LEVELS = (0, 60, 120, 180, 240)


def _write(path, mode="RGB", levels=LEVELS, **options):
    pages = [Image.fromarray(np.full((8, 12, 3), level, np.uint8)).convert(mode) for level in levels]
    path.parent.mkdir(exist_ok=True)
    pages[0].save(path, save_all=True, append_images=pages[1:], **options)
    return path


@pytest.mark.parametrize("name", ["0.tif", "0.webp", "0.png"])
def test_a_file_of_several_pictures_is_no_frame_of_a_folder_or_list(tmp_path, name):
    path = _write(tmp_path / "clip" / name)
    message = rf"{name}: has 5 pictures, but is one frame here; give the file itself as the video, or save each picture"
    with pytest.raises(InputError, match=message):
        list(read_frames(path.parent))
    with pytest.raises(InputError, match=message):
        list(open_frames([path]).frames)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_deflate"}, {"big_tiff": True}])
def test_the_pages_of_a_tiff_are_frames(tmp_path, options):
    path = _write(tmp_path / "stack.tif", **options)
    frames = list(read_frames(path))
    assert [frame.rgb.mean() for frame in frames] == list(LEVELS) and frames[0].rgb.shape == (8, 12, 3)
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(number, 25) for number in range(5)]
    assert [frame.number for frame in read_frames(path, numbers={1, 4})] == [1, 4]
    assert (probe(path).frames, probe(path).total) == (5, 5)
    with pytest.raises(InputError, match=r"stack\.tif: frame 0"):
        list(read_frames(path, max_pixels=50))


def test_deep_pages_are_read_as_deep_pictures_are(tmp_path):
    pages = [Image.fromarray(np.full((8, 12), 257 * level, np.uint16)) for level in LEVELS]
    pages[0].save(tmp_path / "deep.tif", save_all=True, append_images=pages[1:])
    assert [frame.rgb.mean() for frame in read_frames(tmp_path / "deep.tif")] == list(LEVELS)


@pytest.mark.parametrize("name", ["a.webp", "a.tif"])
def test_animations_are_turned_upright(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter clockwise
    for levels in (LEVELS, LEVELS[:1]):
        path = _write(tmp_path / name, exif=exif, levels=levels)
        assert {frame.rgb.shape for frame in read_frames(path)} == {(12, 8, 3)}


def test_previews_are_no_pictures_of_their_own(tmp_path):
    picture, small = (Image.new("RGB", size, (200, 100, 50)) for size in ((12, 8), (6, 4)))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    (tmp_path / "clip").mkdir()
    picture.save(tmp_path / "clip" / "0.tif", save_all=True, append_images=[small])
    picture.save(tmp_path / "clip" / "1.jpg", format="MPO", save_all=True, append_images=[small])
    with Image.open(tmp_path / "clip" / "0.tif") as written:
        assert written.n_frames == 2
    frames = list(read_frames(tmp_path / "clip"))
    assert [frame.rgb.shape for frame in frames] == [(8, 12, 3)] * 2
    np.testing.assert_allclose(frames[1].rgb[0, 0], (200, 100, 50), atol=4)


def test_a_damaged_stack_is_an_error(tmp_path):
    path = _write(tmp_path / "stack.tif")
    path.write_bytes(path.read_bytes()[:700])  # FFmpeg reads a frame of this, but PyAV fails
    with pytest.raises(InputError, match=r"stack\.tif"):
        list(read_frames(path))
