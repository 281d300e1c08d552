"""Letters on pictures: a font that has them, or Latin ones; never a box."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from ssa2d_jax.visualization import charts, letters, text
from ssa2d_jax.visualization.letters import DEJAVU, drawable, fonts_for, split_by_font, to_latin

STIX = Path(matplotlib.get_data_path()) / "fonts/ttf/STIXGeneral.ttf"
WATCH = "\u231a"  # STIX has it, DejaVu has not


@pytest.fixture(autouse=True)
def _no_system_fonts(monkeypatch):
    """Whatever the system has, only DejaVu and what a test adds."""
    _use_fonts(monkeypatch)
    yield
    _forget()


def _use_fonts(monkeypatch, *fonts):
    monkeypatch.setattr(letters, "system_fonts", lambda: fonts)
    _forget()


def _forget():
    letters._fonts_with.cache_clear()
    text._ink.cache_clear()


@pytest.mark.parametrize(
    ("name", "latin"),
    [
        ("कुत्ता", "kuttaa"), ("हिंदी", "hindii"), ("สุนัข", "sunakh"), ("كلب", "klb"), ("שלום", "shlvm"), ("개", "gae"),
        ("とり", "tori"), ("狗", "U+72D7"), ("🐕", "[dog]"), ("Bär", "Bar"), ("१२", "12"), ("a b-c", "a b-c"),
    ],
)  # fmt: skip
def test_letters_that_no_font_has_are_written_in_latin_ones(name, latin):
    assert to_latin(name) == latin and latin.isascii()


def test_only_words_without_a_font_are_changed(capfd):
    letters._warn_of_letters.cache_clear()
    assert drawable("Bär-कुत्ता 95%") == "Bär-kuttaa 95%" and drawable("कुत्ता") == "kuttaa"
    assert drawable("dog-running") == "dog-running" and drawable("كلب", can_shape=True) == "كلب"
    assert drawable("كلب-Bär", can_shape=False) == "klb-Bär"  # joined, and from right to left
    assert capfd.readouterr().err.count("no font here has Devanagari letters: pictures show them in Latin ones") == 1


@pytest.mark.parametrize(
    ("name", "letters_of"),
    [
        ("🐕", "emoji and other symbols"), ("🧑‍🦱", "emoji and other symbols"), ("🏃🏽", "emoji and other symbols"),
        ("🇩🇪", "emoji and other symbols"), ("ö🐕", "emoji and other symbols"), ("狗", "Chinese characters"),
        ("とり", "Japanese letters"), ("개", "Korean letters"), ("สุนัข", "Thai letters"), ("हिंदी", "Devanagari letters"),
        ("ᏣᎳ", "Cherokee letters"),
    ],
)  # fmt: skip
def test_letters_without_a_font_are_called_by_their_script(capfd, name, letters_of):
    letters._warn_of_letters.cache_clear()
    drawable(name)
    assert capfd.readouterr().err.startswith(f"no font here has {letters_of}: pictures show them in Latin ones")


def test_letters_that_are_only_not_joined_need_no_font(capfd):
    letters._warn_of_shaping.cache_clear()
    assert drawable("كلب", can_shape=False) == "klb" and drawable("e\u0301", can_shape=False) == "e"
    warned = capfd.readouterr().err
    assert "Arabic letters can't be joined here" in warned and "no font" not in warned
    assert "accents that stand behind their letter can't be joined here" in warned


def test_flags_are_the_letters_of_their_country():
    assert to_latin("🇩🇪") == "DE" and to_latin("🏃🏽") == "[runner]"


def test_a_font_of_the_system_is_taken_where_it_has_the_letters(monkeypatch):
    assert drawable(f"dog {WATCH}") == "dog [watch]" and fonts_for(WATCH) == ()
    _use_fonts(monkeypatch, STIX)
    assert drawable(f"dog {WATCH}") == f"dog {WATCH}" and fonts_for(WATCH) == (DEJAVU, STIX)
    assert split_by_font(f"dog {WATCH}") == [(STIX, f"dog {WATCH}")]
    assert split_by_font(f"{WATCH}\u0561x") == [(STIX, WATCH), (DEJAVU, "\u0561x")]  # an Armenian letter, not in STIX


def _ink(name):
    picture = np.zeros((*text.text_size(name, 12)[::-1], 3), np.uint8)
    text.draw_text(picture, name, 0, 0, 12, (255, 255, 255))
    return picture[..., 0]


def test_no_text_is_drawn_with_boxes(monkeypatch):
    np.testing.assert_array_equal(_ink("狗"), _ink("U+72D7"))
    before = _ink(f"{WATCH}\u0561")
    _use_fonts(monkeypatch, STIX)
    assert _ink(f"{WATCH}\u0561").shape[1] < before.shape[1]  # one glyph instead of a word
    assert (_ink(WATCH) > 0).any()


@pytest.mark.skipif(not letters.CAN_SHAPE, reason="Pillow without raqm")
def test_arabic_letters_are_joined_and_run_from_right_to_left():
    word, turned = _ink("كلب"), _ink("بلك")
    isolated = sum(text.text_size(letter, 12)[0] - text.text_size("", 12)[0] for letter in "كلب")
    assert word.shape[1] - text.text_size("", 12)[0] < isolated
    assert word.shape != turned.shape or (word != turned).any()


def test_marks_above_and_below_letters_stay_in_the_box():
    tall, plain = _ink("x\u0302\u0301\u0323\u0323x"), _ink("xx")
    assert tall.shape[0] == plain.shape[0]
    higher, lower = np.flatnonzero(tall.any(1))[[0, -1]], np.flatnonzero(plain.any(1))[[0, -1]]
    assert higher[0] < lower[0] and higher[1] > lower[1]  # the marks are there
    font = text._fitting_font(DEJAVU, "x\u0302\u0301\u0323\u0323x", 12, 4)
    _, top, _, bottom = font.getbbox("x\u0302\u0301\u0323\u0323x", anchor="ls")
    assert -top <= 16 and bottom <= 4  # none is cut off


def test_charts_show_the_letters_too(monkeypatch):
    assert charts.escape_label("狗 $5") == r"U+72D7 \$5"
    _use_fonts(monkeypatch, STIX)
    figure = Figure()
    shown = figure.text(0.5, 0.5, charts.escape_label(WATCH))
    assert "<svg" in charts.to_svg(figure)
    assert shown.get_text() == WATCH and shown.get_fontfamily()[-1] == "STIXGeneral"
