"""The ablation table: every variant and seed once, resumed, failures listed, differences between the same seeds."""

import csv
import json

import pytest

from configs import a2d, default
from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.runtime import processes
from ssa2d_jax.training import ablation
from ssa2d_jax.utils import locks
from ssa2d_jax.utils.errors import OF_ALL, Diverged, InputError
from tests.fixtures.toy import toy_config, toy_source


def config_of(variants, seeds):
    config = toy_config()
    config.ablate.variants, config.ablate.seeds = variants, seeds
    config.train.lr_phases = ((0.5, 1e-3, 1e-3),)  # one step
    return config


def scored(joint):
    return {kind: {"miou": joint + i} for i, kind in enumerate(reversed(KINDS))}


@pytest.fixture
def trained(monkeypatch):
    """Every call of `train` is noted instead; a joint mIoU of 30 + seed, 2 less for each option that is off."""
    calls = []

    def train(config, workdir, source, read_weights):
        calls.append((workdir.parent.name, config.seed, config.model.atrous, config.model.actor_prior))
        if (workdir.parent.name, config.seed) == ("no_atrous", 2):
            raise Diverged("the loss is no longer finite at step 7")
        result = scored(30 + config.seed - 2 * (not config.model.atrous) - 3 * (config.model.actor_prior == "off"))
        (workdir / "metrics").mkdir(exist_ok=True)
        saved = result | {"step": 1, "data": source.identity}
        (workdir / "metrics" / "test.json").write_text(json.dumps(saved))
        return {"test": saved}

    monkeypatch.setattr(ablation, "train", train)
    return calls


def run(config, workdir):
    return ablation.run_ablation(config, default.NETWORK_VARIANTS, workdir, lambda _: toy_source(4))


def test_every_variant_is_trained_once_with_every_seed_and_not_again(trained, tmp_path, capfd):
    config = config_of(("full", "no_atrous", "no_actor_prior"), (0, 1))
    run(config, tmp_path)
    expected = [(variant, seed, variant != "no_atrous", "off" if variant == "no_actor_prior" else "concat")
                for seed in (0, 1) for variant in config.ablate.variants]  # fmt: skip
    assert trained == expected
    assert run(config, tmp_path)["no_atrous"][1]["joint"] == 29 and trained == expected  # nothing was trained again
    assert "finished before" in capfd.readouterr().err
    # One more variant: only that is trained.
    run(config_of(("full", "no_multi_scale"), (0,)), tmp_path)
    assert trained[len(expected) :] == [("no_multi_scale", 0, True, "concat")]


def test_the_table_has_means_deviations_and_differences(trained, tmp_path):
    config = config_of(("full", "no_atrous"), (0, 1))
    config.eval.published = True
    run(config, tmp_path)
    table = Workdir(tmp_path).ablation_table.read_text()
    assert "| full | 32.5 ± 0.7 | 31.5 ± 0.7 | 30.5 ± 0.7 | 2 | 67.5 / 46.5 / 34.6 |" in table
    assert "| no atrous | 30.5 ± 0.7 (-2.0) | 29.5 ± 0.7 (-2.0) | 28.5 ± 0.7 (-2.0) | 2 | 62.0 / 41.6 / 31.7 |" in table
    with open(Workdir(tmp_path).ablation_csv, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["form"] for row in rows] == ["full", "no_atrous"]
    assert float(rows[1]["joint"]) == 28.5 and float(rows[1]["joint_difference"]) == -2


def test_a_run_that_fails_is_listed_and_the_others_are_done(trained, tmp_path):
    with pytest.raises(
        InputError, match="1 of 4 runs failed, the others are done: .*seed2: the loss is no longer finite"
    ):
        run(config_of(("full", "no_atrous"), (2, 3)), tmp_path)
    assert [call[:2] for call in trained] == [("full", 2), ("no_atrous", 2), ("full", 3), ("no_atrous", 3)]
    # Only seed 3 has both: 31 - 33, not 31 - 32.
    assert "| no atrous | 33.0 (-2.0) | 32.0 (-2.0) | 31.0 (-2.0) | 1 |" in Workdir(tmp_path).ablation_table.read_text()


def test_a_run_of_another_budget_is_not_taken_for_this_one(trained, tmp_path):
    run(config_of(("full",), (0,)), tmp_path)
    config = config_of(("full",), (0,))
    config.train.lr_phases = ((1.5, 1e-3, 1e-3),)
    run(config, tmp_path)
    assert len(trained) == 2  # one step is not three


def test_a_run_that_another_process_trains_is_left_alone(trained, tmp_path):
    folder = tmp_path / "full/seed0"
    folder.mkdir(parents=True)
    with (
        locks.try_lock(folder / ".lock", "free"),
        pytest.raises(InputError, match="1 of 2 runs failed.*another process trains here"),
    ):
        run(config_of(("full",), (0, 1)), tmp_path)
    assert [call[:2] for call in trained] == [("full", 1)]
    assert not (folder / "config.json").exists()


def test_what_fails_in_one_of_several_processes_alone_ends_all(trained, tmp_path, monkeypatch):
    """The next run would begin in this process while the others still are in this one."""
    monkeypatch.setattr(processes, "count", lambda: 2)
    monkeypatch.setattr(processes, "on_first", lambda work: work())
    error = InputError("this process has other data")

    def source(config):
        if config.seed == 0:
            raise error
        return toy_source(4)

    config = config_of(("full",), (0, 1))
    with pytest.raises(InputError, match="^this process has other data"):
        ablation.run_ablation(config, default.NETWORK_VARIANTS, tmp_path, source)
    assert not trained
    error.add_note(OF_ALL)
    with pytest.raises(InputError, match="1 of 2 runs failed, the others are done"):
        ablation.run_ablation(config, default.NETWORK_VARIANTS, tmp_path, source)
    assert [call[:2] for call in trained] == [("full", 1)]


def test_unknown_variants_are_named(tmp_path):
    with pytest.raises(InputError, match=r"names \['no_decoder'\]; there are \['full', 'no_actor_prior'"):
        run(config_of(("full", "no_decoder"), (0,)), tmp_path)


def test_a_config_that_is_an_ablation_already_is_refused(trained, tmp_path):
    config = config_of(("full", "no_atrous"), (0,))
    config.model.atrous = False
    with pytest.raises(InputError, match="an ablation already .model.atrous = False."):
        run(config, tmp_path)
    assert not trained


@pytest.mark.parametrize("config", [a2d.get_config(name) for name in ("", "kinetics", "frozen", "mixed_4f,flow")])
def test_every_full_model_of_the_configs_can_be_ablated(config):
    config.ablate.variants = ("full", "no_actor_prior", "no_ssa_masking", "no_atrous", "no_multi_scale")
    ablation._check_variants(config, default.NETWORK_VARIANTS)
    config.ablate.variants = ("full", "no_action_context" if config.model.action_context else "action_context")
    ablation._check_variants(config, default.NETWORK_VARIANTS)


def test_a_variant_that_changes_nothing_is_refused(trained, tmp_path):
    config = config_of(("full", "no_atrous", "s3d"), (0,))
    config.model.encoder = "s3d"
    with pytest.raises(InputError, match="s3d changes nothing"):
        run(config, tmp_path)
    assert not trained


@pytest.mark.parametrize("options", [{"encoder": "s3d"}, {"encoder": "s3d", "feature_gating": True}])
def test_any_encoder_may_be_the_full_models(trained, tmp_path, options):
    config = config_of(("full", "no_atrous"), (0,))
    config.model.update(options)
    assert set(run(config, tmp_path)) == {"full", "no_atrous"}


def test_variants_are_really_trained(tmp_path):
    config = config_of(("full", "no_actor_prior"), (0,))
    config.model.encoder = "pooled"
    config.train.lr_phases = toy_config().train.lr_phases  # a program that the loop's tests compile as well
    scores = ablation.run_ablation(config, default.NETWORK_VARIANTS, tmp_path, lambda _: toy_source())
    assert set(scores) == {"full", "no_actor_prior"}
    saved = json.loads((tmp_path / "no_actor_prior" / "seed0" / "config.json").read_text())
    assert saved["model"]["actor_prior"] == "off"
    parameters = [(tmp_path / variant / "seed0" / "parameters.txt").read_text() for variant in scores]
    assert parameters[0] != parameters[1]
    for variant in scores:
        result = json.loads((tmp_path / variant / "seed0" / "metrics" / "test.json").read_text())
        assert result["step"] == 4 and result["joint"]["miou"] == scores[variant][0]["joint"]
