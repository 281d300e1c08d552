import multiprocessing
import resource
import shutil
import signal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssa2d_jax.runs.checkpoints import BEST, NEWEST, Checkpoints
from ssa2d_jax.steps.state import TrainState
from ssa2d_jax.utils.errors import InputError


def _state(step=0, width=3):
    params = {"layer": {"kernel": jnp.full((2, width), float(step)), "bias": jnp.arange(4.0)}}
    optimizer = optax.adamw(1e-3)
    return TrainState(
        step=jnp.asarray(step, jnp.int32), params=params, batch_stats={"mean": jnp.ones(2)},
        opt_state=optimizer.init(params), ema={},
    )  # fmt: skip


def _saved(folder, scores, keep=2):
    """Checkpoints 1, 2, ... with joint mIoU `scores`, None = not evaluated."""
    checkpoints = Checkpoints(folder, keep=keep)
    for step, score in enumerate(scores, 1):
        checkpoints.save(step, _state(step), {"seed": 0}, score)
    return checkpoints


def _damage(folder, step):
    file = max(
        (path for path in (folder / str(step) / "state").rglob("*") if path.is_file()),
        key=lambda p: p.stat().st_size,
    )
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 255
    file.write_bytes(bytes(data))


def test_what_was_saved_comes_back_exactly(tmp_path):
    _saved(tmp_path, [None])
    step, state = Checkpoints(tmp_path, read_only=True).restore(_state())
    assert step == 1
    assert jax.tree.structure(state) == jax.tree.structure(_state())
    jax.tree.map(np.testing.assert_array_equal, state, _state(1))
    assert (tmp_path / "1" / "state").is_dir()


def test_the_newest_and_the_best_are_kept(tmp_path):
    checkpoints = _saved(tmp_path, [10.0, 50.0, None, 20.0, None])
    assert checkpoints.steps() == [2, 4, 5]
    assert checkpoints.best_step() == 2
    again = Checkpoints(tmp_path, keep=1)  # a new process knows the scores, too
    again.save(6, _state(6), {}, 30.0)
    assert again.steps() == [2, 6] and again.best_step() == 2


def test_steps_are_chosen_by_number_newest_or_best(tmp_path):
    _saved(tmp_path, [10.0, 50.0, None])
    checkpoints = Checkpoints(tmp_path, read_only=True)
    assert [checkpoints.restore(_state(), step)[0] for step in (NEWEST, BEST, 2)] == [3, 2, 2]
    with pytest.raises(InputError, match="no checkpoint of step 9; there are step 2, step 3"):
        checkpoints.restore(_state(), 9)


def test_no_checkpoint_and_no_score_are_said(tmp_path):
    with pytest.raises(InputError, match="holds no checkpoint"):
        Checkpoints(tmp_path / "empty").restore(_state())
    checkpoints = _saved(tmp_path / "run", [None])
    with pytest.raises(InputError, match="was evaluated"):
        checkpoints.restore(_state(), BEST)


def test_another_architecture_is_named_by_its_arrays(tmp_path):
    _saved(tmp_path, [None])
    with pytest.raises(InputError, match="another architecture") as error:
        Checkpoints(tmp_path, read_only=True).restore(_state(width=5))
    assert "params/layer/kernel is [2, 3] float32, this model has [2, 5] float32" in str(error.value)


def test_an_optimizer_of_another_version_is_not_called_another_architecture(tmp_path):
    _saved(tmp_path, [None])
    state = _state()
    with pytest.raises(InputError, match="not its optimizer: opt_state/.*init.run") as error:
        Checkpoints(tmp_path, read_only=True).restore(state.replace(opt_state=optax.sgd(1e-3).init(state.params)))
    assert "architecture" not in str(error.value)


def test_a_damaged_newest_checkpoint_offers_the_one_before(tmp_path):
    _saved(tmp_path, [None, None])
    _damage(tmp_path, 2)
    checkpoints = Checkpoints(tmp_path, read_only=True)
    with pytest.raises(InputError, match="2 is damaged .*not as it was saved.*before it is step 1.*eval.step=1"):
        checkpoints.restore(_state())
    assert checkpoints.restore(_state(), 1)[0] == 1


def test_damaged_scores_are_named(tmp_path):
    _saved(tmp_path, [10.0])
    (tmp_path / "1" / "metrics" / "metrics").write_text("{")
    with pytest.raises(InputError, match="1/metrics/metrics is damaged .*delete .*1 to go on"):
        Checkpoints(tmp_path)


def test_a_checkpoint_without_its_arrays_is_damaged(tmp_path):
    _saved(tmp_path, [None, None])
    shutil.rmtree(tmp_path / "2" / "state")
    with pytest.raises(InputError, match="2 is damaged.*missing.*before it is step 1"):
        Checkpoints(tmp_path, read_only=True).restore(_state())


def _save_with_little_room(folder):
    """Saves checkpoint 2 where no file may grow beyond 20,000 bytes -> what it raised."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writes fail, as they do on a full disk
    checkpoints = Checkpoints(folder)
    state = _state(2, width=100_000)
    state = state.replace(params=[jax.random.normal(jax.random.key(0), (100_000,)) for _ in range(40)])
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        checkpoints.save(2, state, {})
    except InputError as error:
        return str(error)
    return "saved"


def test_where_the_disk_refuses_the_last_checkpoint_stays_usable(tmp_path, capfd):
    _saved(tmp_path, [None])
    with multiprocessing.get_context("spawn").Pool(1) as other:
        said = other.apply(_save_with_little_room, (tmp_path,))
    assert "Traceback" not in capfd.readouterr().err  # of the writes that end after the first one has failed
    assert "2 could not be written" in said and "usable: step 1" in said and "too large" in said
    assert Checkpoints(tmp_path).restore(_state())[0] == 1


def test_what_a_kill_left_half_written_is_not_taken_for_a_checkpoint(tmp_path):
    _saved(tmp_path, [None])
    half = tmp_path / "2.orbax-checkpoint-tmp"
    shutil.copytree(tmp_path / "1", half)
    (half / "_CHECKPOINT_METADATA").unlink()
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.steps() == [1]
    checkpoints.save(2, _state(2), {})
    assert checkpoints.restore(_state())[0] == 2


def test_another_precision_is_not_called_another_architecture(tmp_path):
    _saved(tmp_path, [None])
    with jax.enable_x64(True):
        template = jax.tree.map(lambda x: x.astype(jnp.float64) if x.dtype == jnp.float32 else x, _state())
    with pytest.raises(InputError, match="of another precision: .*float32, this model has .*float64.*JAX_ENABLE_X64"):
        Checkpoints(tmp_path, read_only=True).restore(template)


def test_a_checkpoint_that_an_earlier_version_saved_of_a_diverged_network_is_refused(tmp_path):
    checkpoints = _saved(tmp_path, [None])
    state = _state(2)
    state.params["layer"]["bias"] = jnp.array([0.0, jnp.nan, 0.0, 0.0])
    checkpoints.save(2, state, {})
    said = "2 has values that are not finite .params/layer/bias.: .*before it is step 1.*--config.eval.step=1"
    with pytest.raises(InputError, match=said):
        checkpoints.restore(_state())
    with pytest.raises(InputError, match=said):
        checkpoints.restore_variables()
    assert checkpoints.restore_variables(1)[0] == 1
