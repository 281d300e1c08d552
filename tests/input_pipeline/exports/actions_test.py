import pytest

from input_pipeline.exports.actions import Attribute, find_action
from ssa2d_jax.utils.errors import InputError


def test_the_attribute_is_guessed_by_its_name_and_then_by_being_the_only_mutable_one():
    by_name = find_action("x", [Attribute("colour", True), Attribute("Action")], ["dog"], "")
    assert by_name.attribute == "Action" and "guessed: by its name" in by_name.sentence
    mutable = find_action(
        "x", [Attribute("colour"), Attribute("does", True), Attribute("seen", True, True)], ["dog"], ""
    )
    assert mutable.attribute == "does" and "the only one that it can be" in mutable.sentence
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


def _boxes(*names):
    return [Attribute(name, is_mutable=True, is_checkbox=True) for name in names]


def test_checkboxes_of_predict_are_actions_if_nothing_else_may_change():
    attributes = [*_boxes("running", "eating", "occluded"), Attribute("colour")]
    source = find_action("x", attributes, ["dog"], "", has_boxes=True)
    assert source.sentence == (
        "a checkbox for each action: 'running', 'eating' (guessed, as predict writes them; "
        "config.convert.action_attribute chooses some)"
    )
    assert source.actor_and_action("dog", {"running": "false", "eating": "true"}) == ("dog", "eating")
    assert source.actor_and_action("dog", {"eating": "True", "occluded": "true"}) == ("dog", "eating")
    assert source.actor_and_action("dog", {"running": "false"}) == ("dog", None)
    with pytest.raises(InputError, match="has the actions running, eating; a pixel can have one"):
        source.actor_and_action("dog", {"running": "true", "eating": "true"})


def test_checkboxes_are_chosen_by_name():
    attributes = [*_boxes("running", "eating", "blurred"), Attribute("mood", True)]
    assert find_action("x", attributes, ["dog"], "").attribute == "mood"
    assert find_action("x", attributes, ["dog"], "running, eating").checkboxes == ("running", "eating")
    one = find_action("x", attributes, ["dog"], "running")
    assert one.actor_and_action("dog", {"running": "true"}) == ("dog", "running")
    assert one.actor_and_action("dog", {"running": "false"}) == ("dog", None)
    with pytest.raises(InputError, match="no label has the attribute 'running,flying'"):
        find_action("x", attributes, ["dog"], "running,flying")


def test_checkboxes_of_a_person_may_say_anything_so_they_are_not_guessed():
    with pytest.raises(InputError, match=r"not clear which .*'seen', 'blurred', or checkboxes, one for each action"):
        find_action("x", _boxes("seen", "blurred"), ["dog"], "")


def test_a_single_checkbox_is_not_guessed():
    with pytest.raises(InputError, match=r"not clear which .*'seen', or checkboxes, one for each action, with commas"):
        find_action("x", _boxes("seen"), ["dog"], "", has_boxes=True)
