"""The numbers that a PNG stores, whatever its depth."""

import itertools

import numpy as np
import pytest
from PIL import Image

from input_pipeline.releases.label_files import png
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.raw_png import write_raw_png

FORMS = [("grey", bits) for bits in (1, 2, 4, 8, 16)] + [("palette", bits) for bits in (1, 2, 4, 8)]


@pytest.mark.parametrize(("form", "bits"), FORMS)
def test_the_stored_numbers_are_read_at_every_depth(tmp_path, form, bits):
    numbers = np.random.default_rng(bits).integers(0, 1 << bits, (9, 13))
    colours = None if form == "grey" else np.random.default_rng(0).integers(0, 256, (1 << bits, 3))
    for transparent, interlaced in itertools.product((False, True), repeat=2):
        path = write_raw_png(tmp_path / "a.png", numbers, bits, colours, transparent, interlaced)
        read, header = png.read_numbers(path)
        np.testing.assert_array_equal(read, numbers)
        assert header.bits == bits and header.is_grey == (form == "grey")
        assert header.colours.tolist() == ([] if colours is None else colours.tolist())


def test_what_is_no_png_has_no_header(tmp_path):
    path = write_raw_png(tmp_path / "a.png", np.ones((4, 4), int), 8)
    content = path.read_bytes()
    for data in (b"", b"no picture", content[:7], content[:20], content[:33]):
        path.write_bytes(data)
        assert png.read_header(path) is None
        with pytest.raises(InputError, match=r"a\.png: not a readable PNG"):
            png.read_numbers(path)


def test_colours_are_refused_with_their_mode(tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="has the colour mode RGB; expected one number per pixel"):
        png.read_numbers(tmp_path / "a.png")
