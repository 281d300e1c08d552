"""Classes are found by their names, however these are written."""

import unicodedata

import pytest

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.results import find_class
from ssa2d_jax.utils.errors import InputError

SPACE = LabelSpace.from_names(
    ("B\u00e4r", "dog"), ("carry/hold (an object)", "run"), (("B\u00e4r", "run"), ("dog", "carry/hold (an object)"))
)


def test_a_class_is_found_by_any_spelling_of_its_name():
    assert find_class(SPACE, "carry/hold (an object)") == ("action", 1)
    assert find_class(SPACE, "dog-carry/hold (an object)") == ("joint", 2)
    for form in ("NFC", "NFD"):
        assert find_class(SPACE, unicodedata.normalize(form, "B\u00e4r-run")) == ("joint", 1)
    assert find_class(SPACE, " dog\u00a0") == ("actor", 2)
    with pytest.raises(InputError, match="no class 'carry/hold'; did you mean|no class 'carry/hold'; the actors are"):
        find_class(SPACE, "carry/hold")


def test_classes_with_such_names_come_back_from_a_saved_run():
    assert LabelSpace.from_json(SPACE.to_json()) == SPACE
