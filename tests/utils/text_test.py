"""Pieces of text that messages and tables share."""

from ssa2d_jax.utils.text import csv_text, first_few, plural


def test_one_is_singular():
    assert [plural(n, "clip") for n in (0, 1, 2, 1234)] == ["0 clips", "1 clip", "2 clips", "1,234 clips"]


def test_a_long_list_shows_its_first_items_and_the_number_of_others():
    assert first_few([]) == ""
    assert first_few(["a", "b"]) == "a, b"
    assert first_few(list("abcde")) == "a, b, c, d, e"
    assert first_few(list("abcdef")) == "a, b, c, d, e and 1 more"
    assert first_few(list("abcde"), 2) == "a, b and 3 more"
    assert first_few(list("abcde"), shown=2, separator="; ") == "a; b; and 3 more"


def test_csv_text_quotes_what_needs_it():
    assert csv_text([("name", "value"), ("a, b", 1), ('say "c"', None)]) == (
        'name,value\r\n"a, b",1\r\n"say ""c""",\r\n'
    )
