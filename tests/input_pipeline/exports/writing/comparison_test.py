import numpy as np

from input_pipeline.exports.files.archive import open_archive
from input_pipeline.exports.writing.comparison import compare
from ssa2d_jax.utils.images import encode_png
from tests.fixtures.encoded_video import encode


def _scene(i, noise=60):
    """A still background with a square of 1 % of the pixels that moves a pixel a frame."""
    rgb = (60 + np.random.default_rng(7).integers(0, noise, (120, 160, 3))).astype(np.uint8)
    rgb[50:62, 10 + i : 26 + i] = 220
    return rgb


def _compare(tmp_path, pictures, frames=60, noise=60):
    video = encode(tmp_path / "clip.mp4", [_scene(i, noise) for i in range(frames)])
    (tmp_path / "pictures").mkdir()
    for number, rgb in pictures.items():
        (tmp_path / f"pictures/{number}.png").write_bytes(rgb if isinstance(rgb, bytes) else encode_png(rgb))
    return compare(open_archive(tmp_path / "pictures"), {number: f"{number}.png" for number in pictures}, video)


def test_a_small_thing_that_moves_is_enough_to_tell_neighbouring_frames_apart(tmp_path):
    found = _compare(tmp_path, {number: _scene(number) for number in range(5, 50, 5)})
    assert (found.shift, found.is_settled) == (0, True)
    assert len(found.numbers) == 5 and list(found.nearest) == list(found.numbers)


def test_numbers_from_1_and_other_rates_are_seen(tmp_path):
    assert _compare(tmp_path, {number: _scene(number - 1) for number in range(5, 50, 5)}).shift == -1
    (tmp_path / "rate").mkdir()
    found = _compare(tmp_path / "rate", {number: _scene(2 * number) for number in (4, 10, 15, 20, 27)})
    assert found.shift is None and list(found.nearest) == [8, 20, 30, 40, 54]


def test_frames_of_another_rate_are_seen_though_the_first_have_the_same_numbers(tmp_path):
    pictures = {number: _scene(number * 6 // 5 + 10 * (number > 9), 2) for number in (2, 4, 10, 16, 20)}
    found = _compare(tmp_path, pictures, noise=2)
    assert found.shift is None and list(found.nearest) == [2, 4, 22, 29, 34]


def test_numbers_beyond_the_video_do_not_fit(tmp_path):
    assert _compare(tmp_path, {number: _scene(5) for number in (70, 80)}).shift is None


def test_pictures_that_cannot_be_read_are_not_compared(tmp_path):
    assert _compare(tmp_path, {3: b"no picture"}) is None
