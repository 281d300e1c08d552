"""Scores of written predictions: exact for a perfect one, and lower by what is wrong."""

import json

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, KINDS
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import a2d_release
from tools.score_predicted import score

COUNT = 24


@pytest.fixture
def release(tmp_path):
    root = tmp_path / "Release"
    a2d_release.write_video(root, "clip")
    a2d_release.write_videoset(root, {"clip": 1})
    return root


def _predict(folder, change=lambda maps: None, **changes):
    """The labels themselves as predictions, after `change`; `changes` of the summary."""
    maps = {kind: np.zeros((COUNT, *a2d_release.SIZE), np.uint8) for kind in KINDS}
    for number in (7, 12, 17):
        codes = a2d_release.label(number)
        for code in a2d_release.CODES:
            actor, action = divmod(code, 10)
            maps["actor"][number - 1][codes == code] = actor
            maps["action"][number - 1][codes == code] = action
            maps["joint"][number - 1][codes == code] = A2D.joint_of[actor, action]
    change(maps)
    (folder / "clip").mkdir(parents=True)
    np.savez(folder / "clip" / "labels.npz", **maps)
    summary = {"step": 7, "complete": True} | {kind: dict.fromkeys(A2D.names[kind]) for kind in KINDS}
    (folder / "clip" / "summary.json").write_text(json.dumps(summary | changes))
    return folder


def test_perfect_predictions_score_100(release, tmp_path):
    result = score("a2d", release, _predict(tmp_path / "predicted"))
    assert (result["step"], result["frames"]) == (7, 3)
    assert {kind: result[kind]["miou"] for kind in KINDS} == dict.fromkeys(KINDS, 100.0)
    assert result["boundary"] == dict.fromkeys(KINDS, 100.0) and 0 < result["flicker"] < 100  # three frames have labels


def test_a_wrong_action_costs_the_classes_concerned_and_no_actor(release, tmp_path):
    running = A2D.actions.index("running")

    def change(maps):
        dogs = maps["actor"] == A2D.actors.index("dog")
        maps["action"][dogs] = running
        maps["joint"][dogs] = A2D.joint_of[A2D.actors.index("dog"), running]

    result = score("a2d", release, _predict(tmp_path / "predicted", change))
    assert result["actor"]["miou"] == 100
    # background, climbing, flying right; jumping missed; running wrong
    assert result["action"]["miou"] == result["joint"]["miou"] == pytest.approx(100 * 3 / 5)


def test_predictions_of_another_size_or_none_are_an_error(release, tmp_path):
    with pytest.raises(InputError, match="nothing: no such folder; predict the test videos of"):
        score("a2d", release, tmp_path / "nothing")
    with pytest.raises(InputError, match="has no folder with labels.npz of a test video"):
        score("a2d", release, tmp_path)
    one = _predict(tmp_path / "one") / "clip"
    with pytest.raises(InputError, match="holds labels.npz itself: .* name the folder around it"):
        score("a2d", release, one)
    predicted = _predict(tmp_path / "predicted", lambda maps: maps.update(actor=maps["actor"][:, ::2]))
    with pytest.raises(InputError, match=r"clip, frame 6: the label is \(32, 48\), the predictions are .*again"):
        score("a2d", release, predicted)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"complete": False}, "was not labelled to its end"),
        ({"joint": {"background": None}}, "other joint classes than the release"),
        ({"step": None}, "is no summary that predict wrote"),
    ],
)
def test_predictions_that_do_not_fit_are_an_error(release, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        score("a2d", release, _predict(tmp_path / "predicted", **changes))


def test_a_damaged_archive_is_an_error(release, tmp_path):
    path = _predict(tmp_path / "predicted") / "clip" / "labels.npz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="labels.npz holds no label maps"):
        score("a2d", release, tmp_path / "predicted")
