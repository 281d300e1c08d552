"""What a fresh run starts from, and its table of origins; exporting a run and reading it back."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors.numpy import save_file

from ssa2d_jax.data.label_space import A2D, LabelSpace, vidor
from ssa2d_jax.models.ssa2d import SSA2D, Outputs
from ssa2d_jax.runs import initial_weights, weights_file
from ssa2d_jax.runs.checkpoints import Checkpoints
from ssa2d_jax.runs.claim import claim_workdir
from ssa2d_jax.runs.load_run import check_label_space, load_run, load_run_as_saved, load_variables
from ssa2d_jax.runs.saved_config import RENAMED_KEYS
from ssa2d_jax.steps import optimizer
from ssa2d_jax.steps.state import TrainState, build_model, init_variables, variable_shapes
from ssa2d_jax.steps.train_step import summed_loss
from ssa2d_jax.training import setup
from ssa2d_jax.training.loop import train
from ssa2d_jax.training.setup import Training
from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import fake_weights
from tests.fixtures.toy import toy_batch, toy_config, toy_source

_KNOWN = {}  # tracing takes seconds


def _variables(config, space=A2D, seed=0):
    """Random variables of a model, without compiling it."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape, np.float32), _shapes(config, space))


def _shapes(config, space):
    key = (str(config.model), space.heads)
    if key not in _KNOWN:
        model = build_model(config.model, space, stats_axis=None)
        _KNOWN[key] = variable_shapes(model, config)
    return _KNOWN[key]


def _state(variables, ema=False):
    params = variables["params"]
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=variables["batch_stats"],
        opt_state={},
        ema=dict(params) if ema else {},
    )


def _exported(path, config, variables, step=7, space=A2D):
    weights_file.save_run(path, variables, step=step, config=config.to_dict(), space=space, workdir=path.parent / "run")
    return path


def _assert_equal(one, other):
    one, other = flatten_dict(dict(one), sep="/"), flatten_dict(dict(other), sep="/")
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_encoder_weights_fill_the_encoder_and_the_table_says_so():
    config = toy_config()
    config.model.encoder_width = 1.0
    config.init.encoder_weights = "i3d.h5"
    variables = _variables(config)
    weights = fake_weights.weights(head=True)
    state, table = initial_weights.apply_weights(
        _state(variables, ema=True), initial_weights.read_sources(config.init, {"i3d.h5": weights}.__getitem__), A2D
    )
    stem = state.params["encoder"]["rgb"]["Conv3d_1a_7x7"]["conv_3d"]["kernel"]
    np.testing.assert_array_equal(stem, weights["Conv3d_1a_7x7/conv_3d/kernel"])
    _assert_equal(state.ema, state.params)
    _assert_equal(state.params["actor_decoder"], variables["params"]["actor_decoder"])
    lines = {line.split()[0]: line for line in table.splitlines()}
    assert lines["encoder/rgb"].endswith("i3d.h5") and lines["encoder/Mixed_5c"].endswith("i3d.h5")
    assert lines["actor_head"].endswith("random")
    assert "left out of i3d.h5: Logits (2 tensors)" in table


def test_without_anything_named_the_state_is_left_alone():
    state = _state({"params": {"encoder": {"a": np.ones(2)}}, "batch_stats": {}})
    assert initial_weights.apply_weights(state, initial_weights.read_sources(toy_config().init, None), A2D) == (
        state,
        "",
    )


@pytest.mark.parametrize("kind", ["workdir", "file"])
def test_an_earlier_run_gives_all_but_outputs_for_other_classes(tmp_path, kind):
    config = toy_config()
    before = _variables(config)
    if kind == "file":
        config.init.run = str(_exported(tmp_path / "x.safetensors", config, before))
    else:
        config.init.run = str(tmp_path)
        claim_workdir(tmp_path, toy_config(), "toy", A2D)
        Checkpoints(tmp_path / "checkpoints").save(3, _state(before), {})
    fewer = vidor(False)
    fresh = _variables(config, fewer, seed=1)
    state, table = initial_weights.apply_weights(_state(fresh), initial_weights.read_sources(config.init, None), fewer)
    for module, params in state.params.items():
        if module != "actor_head":
            _assert_equal(params, (fresh if module == "action_head" else before)["params"][module])
    _assert_equal(state.batch_stats, before["batch_stats"])
    for name, params in flatten_dict(state.params["actor_head"], sep="/").items():
        old, new = (flatten_dict(one["params"]["actor_head"], sep="/")[name] for one in (before, fresh))
        for number, actor in enumerate(fewer.actors):
            told_before = actor in A2D.actors
            there = old[..., A2D.actors.index(actor)] if told_before else new[..., number]
            np.testing.assert_array_equal(params[..., number], there)
    lines = {line.split()[0]: line for line in table.splitlines()}
    assert ", but random for aircraft, antelope" in lines["actor_head"] and lines["actor_head"].endswith(" and 68 more")
    assert "adult" not in lines["actor_head"]
    assert lines["action_head"].endswith("random")  # several actions a pixel, one there
    assert lines["mask_head"].endswith("x.safetensors" if kind == "file" else "checkpoints/3")


def test_an_exported_file_with_other_bytes_is_refused(tmp_path):
    config = toy_config()
    path = _exported(tmp_path / "x.safetensors", config, _variables(config))
    weights_file.load_file(path)
    data = bytearray(path.read_bytes())
    data[-2000] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="x.safetensors is damaged: its weights are not as they were saved"):
        weights_file.load_file(path)


@pytest.mark.parametrize("actors", [("cat", "dog"), ("dog", "adult", "cat"), ("zebra", "dog")])
def test_outputs_are_taken_by_name_wherever_they_are(tmp_path, actors):
    config, before = toy_config(), _variables(toy_config())
    config.init.run = str(_exported(tmp_path / "x.safetensors", config, before))
    own = LabelSpace.from_names(actors, ("running",), (("dog", "running"),))
    fresh = _variables(config, own, seed=1)
    state, table = initial_weights.apply_weights(_state(fresh), initial_weights.read_sources(config.init, None), own)
    for head, names, known in (("actor_head", own.actors, A2D.actors), ("action_head", own.actions, A2D.actions)):
        for name, params in flatten_dict(state.params[head], sep="/").items():
            old, new = (flatten_dict(one["params"][head], sep="/")[name] for one in (before, fresh))
            for number, one in enumerate(names):
                there = old[..., known.index(one)] if one in known else new[..., number]
                np.testing.assert_array_equal(params[..., number], there)
    lines = {line.split()[0]: line for line in table.splitlines()}
    assert lines["actor_head"].endswith("but random for zebra" if "zebra" in actors else "x.safetensors")
    assert lines["action_head"].endswith("x.safetensors")


@pytest.mark.parametrize("branch", ["actor", "action"])
@pytest.mark.parametrize("names", [("climbing", "jumping"), ("jumping", "zooming", "climbing"), ("zooming",)])
def test_the_clips_context_goes_by_the_names_of_classes(tmp_path, names, branch):
    def classes(names):
        """Those of the branch, with one class of the other kind."""
        sides = (names, ("one",)) if branch == "actor" else (("one",), names)
        return LabelSpace.from_names(*sides, tuple((a, b) for a in sides[0] for b in sides[1]))

    config, known = toy_config("pooled"), ("jumping", "running")
    config.model.action_context = config.model.actor_context = True
    before = _variables(config, classes(known))
    config.init.run = str(_exported(tmp_path / "x.safetensors", config, before, space=classes(known)))
    space, context = classes(names), f"{branch}_context"
    fresh = _variables(config, space, seed=1)
    state, table = initial_weights.apply_weights(_state(fresh), initial_weights.read_sources(config.init, None), space)
    kernel, old, new = (one[context]["kernel"] for one in (state.params, before["params"], fresh["params"]))
    for number, name in enumerate(names):
        there = old[..., known.index(name)] if name in known else new[..., number]
        np.testing.assert_array_equal(kernel[..., number], there)
    line = next(line for line in table.splitlines() if line.startswith(context))
    assert "jumping" not in line and ("climbing" in line) == ("climbing" in names)


def test_a_network_without_context_has_no_outputs_for_it(tmp_path):
    config = toy_config("pooled")
    model = build_model(config.model, A2D, stats_axis=None)
    only = tuple(initial_weights.head_outputs(A2D, A2D))
    assert {"actor_context", "action_context"} < set(only)
    variables = init_variables(model, config, only)
    assert not {"actor_context", "action_context"} & set(variables["params"])
    assert np.asarray(variables["params"]["actor_head"]["kernel"]).any()


def test_heads_of_as_many_other_classes_start_afresh(tmp_path):
    config, before = toy_config(), _variables(toy_config())
    config.init.run = str(_exported(tmp_path / "x.safetensors", config, before))
    fresh = _variables(config, seed=1)
    actions = [name.upper() for name in A2D.actions[1:]]
    own = LabelSpace.from_names(A2D.actors[1:], tuple(actions), (("dog", "RUNNING"),))
    state, _ = initial_weights.apply_weights(_state(fresh), initial_weights.read_sources(config.init, None), own)
    for module, params in state.params.items():  # the actors are the same
        _assert_equal(params, (fresh if module == "action_head" else before)["params"][module])


def test_averaged_parameters_are_taken_where_there_are_any(tmp_path):
    averaged = {"encoder": {"a": np.full(2, 5.0)}}
    state = _state({"params": {"encoder": {"a": np.ones(2)}}, "batch_stats": {"encoder": {"b": np.ones(2)}}})
    Checkpoints(tmp_path / "checkpoints").save(3, state.replace(ema=averaged), {})
    _, variables, source, _ = load_variables(tmp_path)
    np.testing.assert_array_equal(variables["params"]["encoder"]["a"], [5, 5])
    assert source.endswith("checkpoints/3")


def test_another_network_is_refused_with_its_differences(tmp_path):
    config = toy_config()
    config.init.run = str(_exported(tmp_path / "x.safetensors", config, _variables(config)))
    config.model.multi_scale = False
    with pytest.raises(InputError, match=r"x.safetensors is of another network: .*pyramid_16.*not in this model"):
        initial_weights.apply_weights(_state(_variables(config)), initial_weights.read_sources(config.init, None), A2D)
    with pytest.raises(InputError, match="is not a run"):
        load_variables(tmp_path / "nowhere")


def test_a_run_with_another_encoder_is_refused(tmp_path):
    config = toy_config()
    config.init.run = str(_exported(tmp_path / "x.safetensors", config, _variables(config)))
    config.model.encoder = "s3d"
    with pytest.raises(InputError, match=r"x.safetensors is of another network: .*encoder/.*give config.model as that"):
        initial_weights.apply_weights(_state(_variables(config)), initial_weights.read_sources(config.init, None), A2D)
    with pytest.raises(InputError, match="model.encoder: saved 'i3d', given 's3d'"):
        load_run(tmp_path / "x.safetensors", config)


def test_export_and_reading_back_is_exact(tmp_path):
    config, run = toy_config(), tmp_path / "run"
    config.model.update(encoder="s3d", feature_gating=True)
    (run / "metrics").mkdir(parents=True)
    (run / "metrics" / "test.json").write_text(json.dumps({"step": 7, "joint": {"miou": 3.5}}))
    (run / "metrics" / "train.json").write_text(json.dumps({"step": 6}))
    (run / "data.txt").write_text("toy\n")
    variables = _variables(config)
    path = _exported(tmp_path / "out" / "x.safetensors", config, variables)
    path = path.rename(tmp_path / "x.safetensors")
    here = json.loads(json.dumps(config.to_dict()))
    here["data"]["root"], here["init"]["encoder_weights"] = "/home/somebody/Release", "weights/i3d.safetensors"
    weights_file.save_run(path, variables, step=7, config=here, space=A2D, workdir=run)
    found = load_run(path, config)
    _assert_equal(found.variables, variables)
    here["data"]["root"] = "elsewhere/Release"  # no absolute path of this machine
    assert found.step == 7 and found.config.to_dict() == here
    metadata = weights_file.load_file(path)[1]
    assert metadata["scores"] == {"test": {"step": 7, "joint": {"miou": 3.5}}}
    assert metadata["labels"]["actors"] == list(A2D.actors) and metadata["data"] == "toy"
    assert weights_file.results_folder(path) == tmp_path / "x_scores"
    assert (tmp_path / "x_scores" / "data.txt").read_text() == "toy\n"


def test_the_mask_branchs_vote_is_the_runs_unless_the_config_says_otherwise(tmp_path):
    config = toy_config()
    config.eval.mask_vote = 0.5
    path = _exported(tmp_path / "x.safetensors", config, _variables(config))
    assert load_run_as_saved(path).model.mask_vote == 0.5
    config.eval.mask_vote = 2
    assert load_run(path, config).model.mask_vote == 2.0


def test_exported_files_that_do_not_fit_are_refused(tmp_path):
    config = toy_config()
    variables = _variables(config)
    path = _exported(tmp_path / "x.safetensors", config, variables)
    other = toy_config()
    other.model.atrous = False
    with pytest.raises(InputError, match="x.safetensors belongs to another config.*\n.*atrous"):
        load_run(path, other)
    with pytest.raises(InputError, match="other classes"):
        check_label_space(path, load_run(path, config).space, vidor(False))
    flat = flatten_dict(dict(variables), sep="/")
    flat.pop("params/actor_head/bias")
    with pytest.raises(InputError, match="actor_head/bias is missing"):
        load_run(_exported(tmp_path / "y.safetensors", config, unflatten_dict(flat, sep="/")), config)
    save_file({"a": np.zeros(1)}, tmp_path / "foreign.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="holds no run of this project"):
        load_run(tmp_path / "foreign.safetensors", config)
    safetensors_file.save(tmp_path / "z.safetensors", {"Conv3d_1a_7x7/conv_3d/kernel": np.zeros(1)}, {"kind": "i3d"})
    with pytest.raises(InputError, match="config.init.encoder_weights"):
        load_run(tmp_path / "z.safetensors", config)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="can't be read as .safetensors"):
        load_run(path, config)
    with pytest.raises(InputError, match="x.safetensors is a file.*config.init.run"):
        train(config, path, toy_source())
    with pytest.raises(InputError, match="name such a file"):
        _exported(tmp_path / "x.pt", config, variables)


def test_a_workdir_knows_what_it_began_with_by_name(tmp_path):
    config = toy_config()
    config.init.run = "runs/first/"
    claim_workdir(tmp_path, config, "toy", A2D)
    (tmp_path / "checkpoints" / "1").mkdir(parents=True)
    config.init.run = "elsewhere/first"  # folders may move
    claim_workdir(tmp_path, config, "toy", A2D)
    config.init.run = "runs/second"
    with pytest.raises(InputError, match="config.init.run"):
        claim_workdir(tmp_path, config, "toy", A2D)


def test_only_a_fresh_run_reads_what_it_begins_with(tmp_path, capsys, monkeypatch):
    config = toy_config()
    made_up = lambda *_: jax.tree.map(jnp.asarray, _state(_variables(config, seed=1)))
    monkeypatch.setattr(setup, "init_state", made_up)  # compiles for longer than all else here takes
    path = _exported(tmp_path / "x.safetensors", config, _variables(config))
    config.init.run = str(path)
    run = Training(config, tmp_path / "run", toy_source())
    state = run.resume_or_initialize()
    _assert_equal(state.variables(), weights_file.load_file(path)[0])
    assert "mask_head" in capsys.readouterr().err
    assert "mask_head" in (tmp_path / "run" / "initial_weights.txt").read_text()
    run.save(state.replace(step=state.step + 1), None)
    path.unlink()
    again = Training(config, tmp_path / "run", toy_source()).resume_or_initialize()
    assert int(again.step) == 1
    _assert_equal(again.variables(), state.variables())


class _TwoNumbers(SSA2D):
    """In place of SSA2D: logits that are the product of a number of the encoder and one of a head."""

    def apply(self, variables, video, *_, train, clip_keys, mutable):
        batch, time, height, width, _ = video.shape
        scale = variables["params"]["encoder"]["a"] * variables["params"]["head"]["b"]
        grid = lambda classes, stride: (
            scale * jnp.ones((batch, time // 2, height // stride, width // stride, 1)) * jnp.arange(classes)
        )
        return Outputs(actor=grid(8, 4), action=grid(10, 4), mask=grid(2, 2)), {"batch_stats": {}}


def test_a_frozen_encoder_has_no_gradient():
    params = {"encoder": {"a": jnp.float32(0.5)}, "head": {"b": jnp.float32(0.5)}}
    weights = dict(actor=1.0, action=1.0, mask=1.0)
    for frozen in (False, True):
        loss = partial(summed_loss, model=_TwoNumbers(classes=A2D.heads), loss_weights=weights, freeze_encoder=frozen)
        gradient, _ = jax.jit(jax.grad(loss, has_aux=True))(params, {}, toy_batch(0))
        assert float(gradient["head"]["b"]) != 0
        assert (float(gradient["encoder"]["a"]) == 0) == frozen


@pytest.mark.parametrize("rate", [0.5, 0.0])
def test_the_encoders_wait_goes_on_after_a_checkpoint(tmp_path, rate):
    config = toy_config()
    config.train.update(dict(encoder_lr_scale=rate, encoder_frozen_steps=2))
    tx = optimizer.make_optimizer(config.train, lambda _: 0.1)
    params = {part: {"kernel": jnp.ones((2, 3))} for part in ("encoder", "actor_head")}
    state = _state({"params": params, "batch_stats": {"encoder": {"b": jnp.ones(2)}}}).replace(
        opt_state=tx.init(params)
    )

    def step(state):
        updates, opt_state = tx.update(state.params, state.opt_state, state.params)
        return state.replace(params=optax.apply_updates(state.params, updates), opt_state=opt_state)

    state = step(state)
    Checkpoints(tmp_path).save(1, state, {})
    _, resumed = Checkpoints(tmp_path, read_only=True).restore(state)
    for _ in range(3):
        state, resumed = step(state), step(resumed)
        jax.tree.map(np.testing.assert_array_equal, state, resumed)
    assert (state.params["encoder"]["kernel"] != 1).all() == (rate > 0)


def test_a_file_exported_with_old_names_of_options_is_read(tmp_path):
    config = toy_config()
    older = json.loads(json.dumps(config.to_dict()))
    for old, new in RENAMED_KEYS.items():
        group, name = new.split(".")
        older[group][old.split(".")[1]] = older[group].pop(name)
    path = tmp_path / "x.safetensors"
    weights_file.save_run(path, _variables(config), step=7, config=older, space=A2D, workdir=tmp_path / "run")
    found = load_run(path, config)
    assert found.config.to_dict() == json.loads(json.dumps(config.to_dict()))
