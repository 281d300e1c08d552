"""Two processes of two devices each, and one of four: the same run."""

import json

import jax
import numpy as np
import pytest

from ssa2d_jax.runs.checkpoints import Checkpoints
from tests.fixtures.main_process import SHORT_CLIPS
from tests.fixtures.several_processes import finish, start


def _flags(folder, workdir, *flags):
    """Flags for a small run: 10 clips in batches of 8, and 10 to evaluate in batches of 4, so the last one is short."""
    return (
        "--config=configs/sprites.py:tiny,no_multi_scale,no_atrous",
        f"--workdir={folder / workdir}",
        f"--config.data.root={folder / 'Release'}",
        f"--config.data.shards_dir={folder / 'prepared'}",
        "--config.data.sprites.test_clips=5",
        "--config.data.sprites.train_clips=5",
        *SHORT_CLIPS,
        "--config.train.batch_size=8",
        "--config.eval.batch_size=4",
        "--config.train.image_clips=0",  # drawn clips take a program of their own
        "--config.train.lr_phases=((3.2, 1e-3, 1e-3),)",
        *flags,
    )


def test_two_processes_do_what_one_does(tmp_path, run_here):
    started = start(["main.py", *_flags(tmp_path, "two")])
    (code, _, said), (code_1, _, said_1) = finish(started)
    assert code == code_1 == 0, said + said_1
    assert "4 devices of 2 processes" in said and not said_1  # the first one alone talks
    code, _, alone = run_here(*_flags(tmp_path, "one"))
    assert code == 0, alone

    (step, two), (step_1, one) = (
        Checkpoints(tmp_path / name / "checkpoints", read_only=True).restore_variables() for name in ("two", "one")
    )
    assert step == step_1 == 4
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), two, one)
    names = [{path.name for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert len(names[0]) == len(names[1]) and {name for name in names[0] ^ names[1] if "tfevents" not in name} == set()
    for name in ("test.json", "test_per_class.csv", "test_per_clip.csv", "scores.csv"):
        assert (tmp_path / "two/metrics" / name).read_text() == (tmp_path / "one/metrics" / name).read_text(), name
    scores = json.loads((tmp_path / "two/metrics/test.json").read_text())
    assert scores["frames"] == 15  # every labelled frame once
    # With another number of processes the run goes on; here nothing is left to do.
    code, _, again = run_here(*_flags(tmp_path, "two"))
    assert code == 0 and "finished before" in again and "the number of processes was 2 and is 1" in again, again


@pytest.mark.parametrize("option", ["--config.train.batch_size=6"])
def test_a_batch_that_the_devices_of_all_processes_do_not_divide(tmp_path, option):
    started = start(["main.py", *_flags(tmp_path, "two", option)])
    ended = finish(started, timeout=60)
    for code, _, said in ended:
        assert code == 2, said
        assert "config.train.batch_size is 6; allowed: a multiple of 4 (4 devices x" in said and "Traceback" not in said
