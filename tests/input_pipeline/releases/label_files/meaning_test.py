"""Which instances a PNG means whose numbers a program has changed."""

import numpy as np
import pytest

from input_pipeline.releases.label_files import meaning, png
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.raw_png import write_raw_png

# The first colours of DAVIS, from its files.
DAVIS = [
    (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (128, 128, 128),
    (64, 0, 0), (191, 0, 0), (64, 128, 0), (191, 128, 0), (64, 0, 128), (191, 0, 128), (64, 128, 128), (191, 128, 128),
    (0, 64, 0), (128, 64, 0), (0, 191, 0), (128, 191, 0), (0, 64, 128), (128, 64, 128),
]  # fmt: skip
VOC = [tuple(192 if channel == 191 else channel for channel in colour) for colour in DAVIS]
VOID = (224, 224, 192)  # number 255 of PASCAL VOC
OWN = [(0, 0, 0), (250, 50, 83), (51, 221, 255), (10, 20, 30)]


def _read(path, numbers, instances, bits=8, colours=None):
    """What is read of a picture with these numbers side by side, in their order."""
    picture = np.repeat(np.array([numbers] * 3), 2, axis=1)
    read, remark = meaning.read_instances(write_raw_png(path / "a.png", picture, bits, colours), instances)
    assert (read == read[0]).all() and (read[:, ::2] == read[:, 1::2]).all()
    return read[0, ::2].tolist(), bool(remark)


@pytest.mark.parametrize("palette", [DAVIS, VOC], ids=["davis", "voc"])
@pytest.mark.parametrize("length", [3, 8, 22])
def test_palettes_in_order_are_read_by_number(tmp_path, palette, length):
    numbers = list(range(length))
    for instances in ((1, 2), (7,), range(1, 30)):
        assert _read(tmp_path, numbers, instances, colours=palette[:length]) == (numbers, False)
    beyond = [0, 1, 2, 40, 255]  # without a colour
    assert _read(tmp_path, beyond, (1, 2, 40), colours=palette[:length]) == (beyond, False)


def test_davis_with_256_colours_is_read_by_number(tmp_path):
    palette = DAVIS + [(level, level, level) for level in range(22, 256)]
    numbers = [0, 7, 1, 64, 128, 22, 255]  # 128 has the same colour as 7
    assert _read(tmp_path, numbers, (1, 7, 22, 64, 128), colours=palette) == (numbers, False)
    everything = list(range(256))
    assert _read(tmp_path, everything, everything, colours=palette) == (everything, False)


@pytest.mark.parametrize(
    ("order", "bits"),
    [((2, 1, 0), 2), ((0, 2, 1), 2), ((0, 2), 1), ((2,), 1), ((9, 0, 16, 21), 2), ((0, 9, 8, 7, 6, 5, 4, 3, 2, 1), 4)],
)
@pytest.mark.parametrize("palette", [DAVIS, VOC], ids=["davis", "voc"])
def test_known_colours_in_another_order_are_read_by_colour(tmp_path, palette, order, bits):
    colours = [palette[number] for number in order]
    assert _read(tmp_path, list(range(len(order))), range(1, 22), bits, colours) == (list(order), True)


def test_the_border_that_is_ignored_is_known_by_its_colour(tmp_path):
    assert _read(tmp_path, [0, 1], (1, 2), 1, [VOC[0], VOID]) == ([0, 255], True)
    assert _read(tmp_path, [0, 1, 2, 3], (1, 2), 2, [VOC[0], VOID, VOC[2], VOC[1]]) == ([0, 255, 2, 1], True)


def test_palettes_of_your_own_are_read_by_number(tmp_path):
    assert _read(tmp_path, [0, 1, 2], (1, 2), colours=OWN) == ([0, 1, 2], False)
    assert _read(tmp_path, [0, 2, 1], (1, 2), colours=[OWN[0], VOC[2], OWN[1]]) == ([0, 2, 1], False)
    # The colour of DAVIS's 2, which the video does not have
    assert _read(tmp_path, [0, 1], (1,), colours=[OWN[0], VOC[2]]) == ([0, 1], False)
    assert _read(tmp_path, [0, 1], (1,), 1, [(0, 0, 0), (255, 255, 255)]) == ([0, 1], False)


@pytest.mark.parametrize("rest", [OWN[1:], [OWN[1]] * 253])
def test_a_colour_that_davis_has_by_chance_is_read_by_number(tmp_path, rest):
    colours = [VOC[0], VOC[2], VOC[1], *rest]
    for numbers in ([0, 1], [0, 2], [0, 1, 2]):
        assert _read(tmp_path, numbers, (1, 2), colours=colours) == (numbers, False)


def test_two_meanings_are_an_error(tmp_path):
    colours = [VOC[0], VOC[2], VOC[1], VOC[3]]  # a program that shrinks PNGs leaves no colour that does not occur
    with pytest.raises(InputError, match=r"a\.png: numbers and colours of its palette disagree: 1 has the colour of 2"):
        _read(tmp_path, [0, 1], (1, 2), colours=colours)
    for padding in ([VOC[0]] * 252, [(level, level, level) for level in range(4, 256)]):
        with pytest.raises(InputError, match="1 has the colour of 2"):
            _read(tmp_path, [0, 1], (1, 2), colours=colours + padding)
    with pytest.raises(InputError, match="1 has the colour of 255"):
        _read(tmp_path, [0, 1], (1, 255), colours=[(0, 0, 0), (255, 255, 255)])
    with pytest.raises(InputError, match="says 1 in 2 bits, or 85 as brightness"):
        _read(tmp_path, [0, 1], (1, 85), bits=2)


WHITE, BLACK = (255, 255, 255), (0, 0, 0)
MACINTOSH = [WHITE, *[(51 * (n % 5), 204, n) for n in range(254)], BLACK]  # white first, black last


@pytest.mark.parametrize(
    ("colours", "numbers", "bits"),
    [
        ([WHITE, BLACK], [0, 1], 1),
        ([WHITE, BLACK], [0], 1),
        ([WHITE, BLACK], [1], 1),
        ([WHITE, BLACK] + [BLACK] * 254, [0, 1], 8),
        ([OWN[1], BLACK], [0, 1], 1),
        (MACINTOSH, [0, 255], 8),
        ([(255 - level,) * 3 for level in range(256)], [0, 255], 8),
    ],
)
def test_another_background_than_number_0_is_an_error(tmp_path, colours, numbers, bits):
    with pytest.raises(InputError, match=r"a\.png: (black is number|white is number 0|numbers and colours)"):
        _read(tmp_path, numbers, (1, *range(3, 20)), bits, colours)


def test_a_white_background_of_ones_own_is_read_by_number_or_an_error(tmp_path):
    for colours in ([WHITE, VOC[1], VOC[2]], [WHITE, VOC[2], VOC[1]], [VOC[7], VOC[1], VOC[2]], [VOC[1], VOC[2]]):
        with pytest.raises(InputError, match="numbers and colours of its palette disagree: 0 has the colour of"):
            _read(tmp_path, list(range(len(colours))), (1, 2, 7), colours=colours)
    assert _read(tmp_path, [0, 1], (1, 2), colours=[WHITE, OWN[1]]) == ([0, 1], False)
    assert _read(tmp_path, [0, 1, 2], (1, 2), colours=[WHITE, OWN[1], BLACK]) == ([0, 1, 2], False)
    assert _read(tmp_path, [0, 19, 255], (1, 19), colours=[(128, 64, 128)] * 20 + [BLACK] * 236) == (
        [0, 19, 255],
        False,
    )


def test_black_that_fills_a_palette_is_no_colour(tmp_path):
    assert _read(tmp_path, [0, 1, 3], (1, 3), colours=[*VOC[:3], *[BLACK] * 253]) == ([0, 1, 3], False)


def test_swapped_backgrounds_are_not_plain(tmp_path):
    is_plain = lambda colours: meaning.is_plain(
        png.read_header(write_raw_png(tmp_path / "p.png", np.array([[0, 1]]), 8, colours))
    )
    assert not is_plain([WHITE, BLACK]) and not is_plain([OWN[1], BLACK])
    assert is_plain([BLACK, WHITE]) and is_plain([WHITE, OWN[1]]) and is_plain(OWN) and is_plain(VOC)


def test_grey_palettes_are_read_by_brightness(tmp_path):
    grey = lambda *levels: [(level, level, level) for level in levels]
    assert _read(tmp_path, [0, 1, 2], (1, 2), 2, grey(0, 2, 1)) == ([0, 2, 1], True)
    assert _read(tmp_path, [0, 1, 2], (5, 255), 2, grey(0, 255, 5)) == ([0, 255, 5], True)
    assert _read(tmp_path, [0, 1, 2], (1, 2), colours=grey(*range(256))) == ([0, 1, 2], False)


def test_grey_of_few_bits_is_read_by_number_unless_only_the_brightness_is_an_instance(tmp_path):
    for bits, number, brightness in ((1, 1, 255), (2, 2, 170), (4, 3, 51)):
        assert _read(tmp_path, [0, number], (number,), bits) == ([0, number], False)
        assert _read(tmp_path, [0, number], (brightness,), bits) == ([0, brightness], True)
        assert _read(tmp_path, [0, number], (9,), bits) == ([0, number], False)


def test_eight_bits_that_may_have_been_sixteen_are_an_error(tmp_path):
    for instances in ((257, 514), (1, 2, 257, 514)):
        with pytest.raises(InputError, match=r"says 1, 2 in 8 bits, but .* made that of 257, 514 in 16 bits"):
            _read(tmp_path, [0, 1, 2, 255], instances)
        assert _read(tmp_path, [0, 1, 2], instances, 16) == ([0, 1, 2], False)
    assert _read(tmp_path, [0, 1, 2], (1, 2, 257)) == ([0, 1, 2], False)


def test_a_colour_with_two_numbers_in_one_video_is_an_error(tmp_path):
    picture = np.array([[0, 1, 2]])
    write = lambda name, colours: write_raw_png(tmp_path / name, picture, 2, colours)
    one, same = write("1.png", OWN), write("2.png", OWN[:3])
    meaning.check_together([one, same, write("3.png", DAVIS[:3]), write("4.png", [DAVIS[i] for i in (0, 2, 1)])])
    swapped = write("5.png", [OWN[i] for i in (0, 2, 1)])
    message = r"5\.png: the colour \(51, 221, 255\) is number 1 in its palette, but 2 in 1\.png"
    with pytest.raises(InputError, match=message):
        meaning.check_together([one, same, swapped])
    repeated = write("6.png", [OWN[0], OWN[2], OWN[2]])
    meaning.check_together([one, repeated])


def test_white_of_few_bits_beside_255_is_an_error(tmp_path):
    deep = write_raw_png(tmp_path / "1.png", np.array([[0, 1, 255]]), 8)
    plain = write_raw_png(tmp_path / "2.png", np.array([[0, 1, 2]]), 8)
    white = write_raw_png(tmp_path / "3.png", np.array([[0, 1]]), 1)
    dark = write_raw_png(tmp_path / "4.png", np.array([[0, 1]]), 2)
    with pytest.raises(InputError, match=r"3\.png: has 1 bit, and white may be 255, which 1\.png has in 8 bits"):
        meaning.check_together([plain, deep, dark, white])
    meaning.check_together([plain, white, dark])
    meaning.check_together([plain, deep, dark])
    deep.write_bytes(deep.read_bytes()[:43])
    meaning.check_together([deep, white])


def test_what_earlier_versions_read_alike_is_plain(tmp_path):
    def plain(bits, colours=None):
        path = write_raw_png(tmp_path / "a.png", np.zeros((2, 2), int), bits, colours)
        return meaning.is_plain(png.read_header(path))

    assert [plain(bits) for bits in (1, 2, 4, 8, 16)] == [True, False, False, True, True]
    assert plain(8, DAVIS) and plain(2, VOC[:3]) and plain(8, OWN) and plain(1, [(0, 0, 0), (255, 255, 255)])
    assert not plain(2, [DAVIS[i] for i in (0, 2, 1)]) and not plain(1, [DAVIS[2]])
