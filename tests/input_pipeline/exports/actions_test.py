import pytest

from input_pipeline.exports.actions import Attribute, find_action
from ssa2d_jax.utils.errors import InputError


def test_the_attribute_is_guessed_by_its_name_and_then_by_being_the_only_mutable_one():
    by_name = find_action("x", [Attribute("colour", True), Attribute("Action")], ["dog"], "")
    assert by_name.attribute == "Action" and "guessed: by its name" in by_name.sentence
    mutable = find_action(
        "x", [Attribute("colour"), Attribute("does", True), Attribute("seen", True, True)], ["dog"], ""
    )
    assert mutable.attribute == "does" and "may change over time" in mutable.sentence
    assert mutable.actor_and_action("dog", {"does": " runs "}) == ("dog", "runs")
    assert mutable.actor_and_action("dog", {"does": "__undefined__"}) == ("dog", None)
    assert mutable.actor_and_action("dog", {}) == ("dog", None)


def test_the_chosen_attribute_is_taken_and_a_missing_one_is_an_error():
    attributes = [Attribute("action", True), Attribute("colour")]
    assert find_action("x", attributes, ["dog"], "colour").attribute == "colour"
    with pytest.raises(InputError, match=r"no label has the attribute 'verb' .*; there are 'action', 'colour'"):
        find_action("x", attributes, ["dog"], "verb")


def test_two_that_it_may_be_are_an_error():
    with pytest.raises(InputError, match=r"not clear which attribute is the action; .*'gait', 'mood'"):
        find_action("x", [Attribute("gait", True), Attribute("mood", True)], ["dog"], "")


def test_labels_may_hold_the_action():
    source = find_action("x", [Attribute("occluded", True)], ["dog:running", "bird: flying"], "")
    assert source.actor_and_action("bird: flying", {}) == ("bird", "flying")
    assert source.actor_and_action("cat", {}) == ("cat", None)


def test_without_any_action_there_is_nothing_to_learn():
    with pytest.raises(InputError, match="says who is where, but not what they do"):
        find_action("x", [Attribute("occluded")], ["dog"], "")
