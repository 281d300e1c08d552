"""The study of a recipe's parts on kept endpoints: files, order, folds, table."""

import argparse
import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, IGNORE, KINDS
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress
from tools import endpoint_files, fold_study, fold_training
from tools.endpoint_files import EndpointFiles, endpoints_given

SIZE = (32, 48)
SHAPES = {"Conv3d_2c_3x3": (8, 8, 12, 6), "Mixed_3c": (8, 4, 6, 6), "Mixed_4f": (4, 2, 3, 8), "Mixed_5c": (4, 2, 3, 8)}


def _batch(name, seed, size=SIZE, labels=1):
    """A batch of one clip: a square that runs or flies, on noise that says which."""
    rng = np.random.default_rng(seed)
    actor, action = np.zeros((2, 1, labels, *size), np.uint8)
    actor[..., 8:24, 8:24], action[..., 8:24, 8:24] = (4, 4) if seed % 2 else (1, 7)
    video = rng.integers(0, 128, (1, 16, *SIZE, 3)).astype(np.uint8) + 127 * (seed % 2)
    return {
        "video": video, "actor": actor, "action": action, "clip_id": [f"{name}:3"],
        "label_time": np.full((1, labels), 3, np.int32), "label_valid": np.ones((1, labels), bool),
        "label_size": np.array([size], np.int32), "clip_valid": np.ones(1, bool),
    }  # fmt: skip


def _encode(video):
    """Endpoints that show the square and the mean grey."""
    endpoints = {}
    for name, shape in SHAPES.items():
        x = np.full((1, *shape), video.mean() / 255, np.float32)
        x[:, :, shape[1] // 4 : shape[1] * 3 // 4, shape[2] // 6 : shape[2] // 2, ::2] += 1
        endpoints[name] = x
    return endpoints


def _write(folder, batches):
    return endpoint_files.write(folder, batches, _encode, Progress("encoding", "clips", None))


def test_a_network_takes_given_endpoints_for_its_encoders():
    model = SSA2D(classes=(8, 10), encoder="pooled", encoder_width=0.0625, decoder_width=0.0625)
    video = jax.random.normal(jax.random.key(1), (1, 4, 32, 32, 3))
    variables = jax.jit(model.init)(jax.random.key(0), video)
    encoder = {kind: tree["encoder"] for kind, tree in variables.items() if "encoder" in tree}
    endpoints = model.bind(variables)._encoder(False).clone(name=None, parent=None).apply(encoder, video, None)
    rest = {kind: {k: v for k, v in tree.items() if k != "encoder"} for kind, tree in variables.items()}
    with endpoints_given(endpoints):
        found = model.apply(rest, jnp.zeros_like(video))
        fresh = jax.eval_shape(model.init, jax.random.key(0), video)
    for one, other in zip(found, model.apply(variables, video), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert "encoder" not in fresh["params"]
    with pytest.raises(Exception, match="encoder"):
        model.apply(rest, video)


def test_files_hold_endpoints_and_labels_padded_to_one_size(tmp_path):
    batches = [_batch("a", 0), _batch("b", 1, size=(40, 32), labels=2)]
    clips = _write(tmp_path / "kept", batches)
    assert clips.clip_ids == ["a:3", "b:3"]
    labels, endpoints = clips.read([1, 0])
    assert {name: x.shape for name, x in endpoints.items()} == {name: (2, *shape) for name, shape in SHAPES.items()}
    np.testing.assert_allclose(endpoints["Mixed_4f"][0], _encode(batches[1]["video"])["Mixed_4f"][0], rtol=1e-3)
    assert labels["actor"].shape == (2, 2, 40, 48) and labels["label_size"].tolist() == [[40, 32], [32, 48]]
    np.testing.assert_array_equal(labels["action"][0, :, :, :32], batches[1]["action"][0])
    assert (labels["actor"][1, 1] == IGNORE).all() and labels["label_valid"].tolist() == [[True, True], [True, False]]
    assert labels["clip_valid"].all()


def test_finished_files_are_read_and_half_written_ones_begun_again(tmp_path):
    def breaks():
        yield _batch("a", 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _write(tmp_path / "kept", breaks())
    assert not (tmp_path / "kept").exists()
    _write(tmp_path / "kept", [_batch("b", 1)])
    assert _write(tmp_path / "kept", breaks()).clip_ids == ["b:3"]


def test_a_disk_that_is_too_small_is_an_error_before_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(endpoint_files.shutil, "disk_usage", lambda folder: argparse.Namespace(free=10**5))
    batches = iter([_batch("a", 0), _batch("b", 1)])
    with pytest.raises(InputError, match="needs 0.0 GB .*fewer --versions"):
        endpoint_files.write(tmp_path / "kept", batches, _encode, Progress("encoding", "clips", 10))
    assert next(batches)["clip_id"] == ["b:3"]


def test_every_epoch_has_every_clip_in_its_next_version():
    order = fold_training._order([[10, 11], [20, 21], [30]], 9, seed=4)
    assert [sorted(order[i : i + 3]) for i in (0, 3, 6)] == [[10, 20, 30], [11, 21, 30], [10, 20, 30]]
    assert order == fold_training._order([[10, 11], [20, 21], [30]], 9, seed=4)
    assert fold_training._order([[number] for number in range(99)], 99, 0) != sorted(range(99))


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    return argparse.Namespace(
        release="nowhere", workdir=tmp_path_factory.mktemp("study"), size="32,48", epochs=24, folds=2, seeds="0",
    )  # fmt: skip


def _config(arguments, name="full"):
    config = fold_study.read_variant("a2d", name, arguments)
    config.model.decoder_width = 0.0625
    return config


@pytest.fixture(scope="module")
def clips(arguments):
    names = [f"video{number}" for number in range(8)]
    batches = [_batch(name, number) for number, name in enumerate(names)]
    plain, augmented = (_write(arguments.workdir / kind, many) for kind, many in (("p", batches), ("a", batches * 2)))
    return fold_training.Clips(augmented, plain, {name: number // 2 % 2 for number, name in enumerate(names)}, A2D, "x")


def test_a_fold_is_scored_by_a_network_that_learned_on_the_others(arguments, clips):
    config = _config(arguments)
    config.train.lr_phases = ((10.0, 0.0, 2e-3), (150.0, 2e-3, 0.0))
    matrices = fold_training.score(config, fold_training.train(config, clips, fold=1), clips, fold=1)
    assert matrices["joint"].sum() == 4 * SIZE[0] * SIZE[1]
    truth = matrices["joint"].sum(1)
    names = {A2D.joint[number] for number in np.flatnonzero(truth)}
    assert names == {"background", "adult-running", "bird-flying"}
    shown = np.flatnonzero(truth)
    assert not np.delete(matrices["joint"].sum(0), shown).any()  # no pair that the other folds don't show
    hits = np.diag(matrices["joint"])[shown] / truth[shown]
    assert (hits > 0.5).all(), hits


def test_finished_results_are_not_made_again_unless_something_changed(arguments, clips, monkeypatch):
    trained, scored = [], []

    def train(config, clips, fold):
        trained.append((config.seed, fold))
        return {"params": {"head": {"kernel": np.full((2, 3), fold + 1)}}}

    def score(config, variables, clips, fold):
        scored.append(variables["params"]["head"]["kernel"].tolist())
        return {kind: np.eye(len(A2D.names[kind]), dtype=np.int64) * (fold + 1) for kind in KINDS}

    monkeypatch.setattr(fold_study, "train", train)
    monkeypatch.setattr(fold_study, "score", score)
    run = partial(fold_study._score_variant, "full", clips=clips, arguments=arguments)
    results = run(config=_config(arguments))
    assert trained == [(0, 0), (0, 1)] and results[1, 0]["joint"][0, 0] == 2
    assert scored == [[[1] * 3] * 2, [[2] * 3] * 2]
    run(config=_config(arguments))
    assert len(trained) == len(scored) == 2
    run(config=_config(arguments, "train.ema_decay=0.5"))
    assert len(trained) == len(scored) == 4
    run(config=_config(arguments, "eval.mask_vote=0.0"))  # the same weights decide in another way
    assert len(trained) == 4 and scored[4:] == scored[:2]
    run(config=_config(arguments), clips=clips._replace(mark="corrected labels"))
    assert len(trained) == 6 and len(scored) == 8


def test_the_table_compares_fold_by_fold():
    def result(*shares):
        """Confusion matrices of two classes; the IoU of both is share / (200 - share)."""
        return {
            (fold, 0): {kind: np.array([[share, 100 - share], [100 - share, share]]) for kind in KINDS}
            for fold, share in enumerate(shares)
        }

    rows = fold_study.markdown({"full": result(80, 80, 80), "other": result(80, 60, 70)}).splitlines()
    assert rows[2] == "| full | 66.7 | 66.7 | 66.7 | 66.7 |  |  |"
    iou = lambda share: 100 * share / (200 - share)
    differences = np.array([0, iou(60) - iou(80), iou(70) - iou(80)])
    visible = 4.303 * differences.std(ddof=1) / 3**0.5
    assert rows[3] == f"| other | {iou(70):.1f} | {iou(70):.1f} | {iou(70):.1f} | {iou(70):.1f} | " + (
        f"{differences.mean():+.1f} | {visible:.1f} |"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such", "no variant 'no_such'"),
        ("train.emma=0.5", "train.emma can't be '0.5'"),
        ("train.ema_decay=much", "train.ema_decay can't be 'much'"),
        ("s3d", "has to be the frozen I3D"),
        ("augment.flip=False", "data and augmentation; leave them"),
        ("no_atrous+data.clip_frames=8", "data and augmentation; leave them"),
    ],
)
def test_wrong_variants_are_an_error(arguments, name, message):
    with pytest.raises(ValueError, match=message):
        fold_study.read_variant("a2d", name, arguments)


def test_variants_change_what_they_name(arguments):
    config = fold_study.read_variant("folder", "no_atrous+train.ema_decay=0.5", arguments)
    assert not config.model.atrous and config.train.ema_decay == 0.5 and config.model.actor_context
    assert [row[0] for row in config.train.lr_phases] == [1.0, 23.0] and config.data.layout == "folder"
    assert config.train.min_steps == 0  # or --epochs would say nothing
    assert fold_study.read_variant("a2d", "train.min_steps=60", arguments).train.min_steps == 60


def test_wrong_data_are_one_line_and_an_exit_code(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(
        "sys.argv", ["fold_study", f"--release={tmp_path / 'nowhere'}", f"--workdir={tmp_path / 'study'}"]
    )
    assert fold_study.main() == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_files_say_what_they_hold(tmp_path):
    _write(tmp_path / "kept", [_batch("a", 0)])
    about = json.loads((tmp_path / "kept/about.json").read_text())
    assert about == {"clip_ids": ["a:3"], "shapes": {name: list(shape) for name, shape in SHAPES.items()}}
    assert EndpointFiles(tmp_path / "kept").clip_ids == ["a:3"]
