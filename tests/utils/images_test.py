"""Resizing and encoding pictures."""

import cv2
import numpy as np
import pytest

from ssa2d_jax.utils import images

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 18, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "interpolation"),
    [
        ((6, 9), cv2.INTER_AREA),
        ((24, 36), cv2.INTER_LINEAR),
        ((12, 19), cv2.INTER_LINEAR),
    ],
)
@pytest.mark.parametrize("picture", [PICTURE, PICTURE[..., 0].astype(np.float32)])
def test_areas_are_averaged_if_both_sides_shrink(picture, size, interpolation):
    resized = images.resize(picture, size)
    assert resized.shape[:2] == size and resized.dtype == picture.dtype
    np.testing.assert_array_equal(resized, cv2.resize(picture, size[::-1], interpolation=interpolation))


@pytest.mark.parametrize("picture", [PICTURE, PICTURE.astype(np.float32)])
def test_each_axis_is_resized_by_its_own_rule(picture):
    resized = images.resize(picture, (6, 36))
    rows = picture.astype(float).reshape(6, 2, 18, 3).mean(axis=1)
    np.testing.assert_allclose(resized[:, 0], rows[:, 0], atol=0.51)
    np.testing.assert_allclose(resized[:, 1], 0.75 * rows[:, 0] + 0.25 * rows[:, 1], atol=0.51)
    stripes = np.zeros((40, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.ptp(images.resize(stripes, (96, 32))) <= 1  # nothing aliases, though the other side grows


def test_a_picture_of_the_right_size_is_not_copied():
    assert images.resize(PICTURE, (12, 18)) is PICTURE


def test_png_is_lossless_and_rgb():
    for picture in (PICTURE, PICTURE[..., 0], PICTURE[:, ::-1]):
        data = np.frombuffer(images.encode_png(picture, 9), np.uint8)
        decoded = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(decoded[..., ::-1] if picture.ndim == 3 else decoded, picture)


def test_jpeg_is_rgb_and_grows_with_quality():
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    decoded = cv2.imdecode(np.frombuffer(images.encode_jpeg(red, 95), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(decoded[8, 8], (0, 0, 200), atol=4)
    assert len(images.encode_jpeg(PICTURE, 20)) < len(images.encode_jpeg(PICTURE, 95))


@pytest.mark.parametrize("encode", [images.encode_png, lambda picture: images.encode_jpeg(picture, 90)])
def test_a_picture_that_cannot_be_encoded_is_an_error(monkeypatch, encode):
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, np.zeros(0, np.uint8)))
    with pytest.raises(OSError, match=r"a picture of shape \(12, 18, 3\) could not be encoded as \.(png|jpg)"):
        encode(PICTURE)
