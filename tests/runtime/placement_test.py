"""Where this process stands among those of its run: from flags, or from what a cluster sets."""

import pytest

from ssa2d_jax.cli import app
from ssa2d_jax.cli.arguments import parse
from ssa2d_jax.runtime.placement import Placement, find_placement
from ssa2d_jax.utils.errors import InputError

SLURM = {
    "SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "n[1-2]", "SLURM_NTASKS": "16", "SLURM_PROCID": "9",
    "SLURM_LOCALID": "1",
}  # fmt: skip
OPEN_MPI = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3"}


def _place(*flags):
    words = parse("train", "train", flags)
    return find_placement(words.coordinator, words.process_id, words.process_count)


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch):
    for name in (*SLURM, *OPEN_MPI, "KUBERNETES_SERVICE_HOST", "TPU_WORKER_HOSTNAMES"):
        monkeypatch.delenv(name, raising=False)


def test_without_flags_and_cluster_there_is_one_process():
    assert _place() is None and _place("--process_count=1") is None


def test_flags_say_it_all():
    flags = "--coordinator=node1:9876", "--process_id=1", "--process_count=2"
    assert _place(*flags) == Placement(2, 1, "node1:9876")
    assert _place("--coordinator=auto") == Placement(None, None, None)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--process_id=1"], "missing: --coordinator, --process_count"),
        (["--coordinator=a:1", "--process_id=2", "--process_count=2"], "--process_id is 2; allowed: 0 to 1"),
        (["--coordinator=a:1", "--process_id=-1", "--process_count=2"], "--process_id is -1; allowed: 0 to 1"),
        (["--coordinator=a:1", "--process_id=0", "--process_count=0"], "--process_count is 0; allowed: 1 or more"),
        (["--coordinator=a", "--process_id=0", "--process_count=2"], "--coordinator is 'a'; allowed: host:port"),
        (["--coordinator=a:99999", "--process_id=0", "--process_count=2"], "--coordinator is 'a:99999'; allowed"),
        (["--process_count=two"], "--process_count is 'two'; a whole number is needed"),
    ],
)
def test_flags_that_cannot_be_are_named(flags, said):
    with pytest.raises(InputError) as error:
        _place(*flags)
    assert said in str(error.value)


def test_what_a_cluster_leaves_empty_is_unset_and_what_is_no_number_is_named(monkeypatch):
    for name, text in (SLURM | {"SLURM_NTASKS": ""}).items():
        monkeypatch.setenv(name, text)
    assert _place() is None
    monkeypatch.setenv("SLURM_NTASKS", "2(x2)")
    with pytest.raises(InputError, match=r"variable SLURM_NTASKS is '2\(x2\)', which is no whole number"):
        _place()
    assert _place("--process_count=1") is None
    assert _place("--coordinator=a:1", "--process_id=1", "--process_count=2") == Placement(2, 1, "a:1")


def test_slurm_and_open_mpi_are_asked(monkeypatch):
    with monkeypatch.context() as patch:
        for name, value in SLURM.items():
            patch.setenv(name, value)
        assert _place() == Placement(16, 9, None)  # jax finds the coordinator
        assert _place("--process_count=1") is None
        patch.setenv("SLURM_NTASKS", "1")
        assert _place() is None
    for name, value in OPEN_MPI.items():
        monkeypatch.setenv(name, value)
    assert _place("--coordinator=node1:9876") == Placement(4, 3, "node1:9876")


def test_a_batch_script_that_is_no_step_of_slurm_is_one_process(monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID"):
        monkeypatch.setenv(name, SLURM[name])
    assert _place() is None


def test_commands_that_one_process_does_have_nothing_to_do_in_the_others(monkeypatch, capsys, tmp_path):
    for name, value in OPEN_MPI.items():
        monkeypatch.setenv(name, value)
    assert app.main(["report", f"--workdir={tmp_path}"]) == 0
    assert "process 3: nothing to do; ssa2d report works in process 0 alone" in capsys.readouterr().out
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    assert app.main(["report", f"--workdir={tmp_path}"]) == 2
    assert "was scored on 'test'" in capsys.readouterr().err
