"""Names of classes: any printable text in one spelling."""

import unicodedata

import pytest

from ssa2d_jax.data.class_names import clean_name, is_class_name

NAMES = [
    "carry/hold (an object)", "कुत्ता", "สุนัข", "كَلْب", "می‌دود", "狗", "Bär", "sit & wait", "no. 1", "2 legs up",
    "sport: run", "sit, then stand", "👩‍🚀", "a", "N/A", "$5", "_x", "<b>", "é" * 100,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_any_printable_text_is_a_name_and_has_one_spelling(name):
    assert is_class_name(name) and clean_name(name) == name
    assert clean_name(unicodedata.normalize("NFD", f"\ufeff {name}\u00a0\u200f")) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "background", "a" * 101, "a\tb", "a\nb", "a\0", "a\u202eb", "a\u00adb", "\ud800", "\ue000", "-", "?", "(/)",
        "\u05b4x",
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_no_name(name):
    assert not is_class_name(name)


def test_spaces_of_every_kind_are_spaces():
    assert clean_name("\u3000fork\u00a0lift\u2009 ") == "fork lift"
