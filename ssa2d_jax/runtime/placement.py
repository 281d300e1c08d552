"""Where this process stands among those of its run: from flags, or from what Slurm, Open MPI or Kubernetes set."""

import dataclasses
import importlib.util
import os

from ssa2d_jax.utils.errors import InputError

AUTO = "auto"  # as --coordinator: jax's own detection, for clusters that set no variable
_SLURM = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID")


@dataclasses.dataclass(frozen=True)
class Placement:
    """Which process this is, of how many, and where the first one is reached; None: jax finds out."""

    count: int | None
    index: int | None
    coordinator: str | None


def find_placement(coordinator: str | None, index: int | None, count: int | None) -> Placement | None:
    """The place of this process among those of a run; None for a run of one process, which is the rule.

    Args:
        coordinator: what --coordinator says.
        index: what --process_id says.
        count: what --process_count says.

    Raises:
        InputError: the flags don't say enough, or what can't be.
    """
    is_given = None not in (coordinator, index, count)
    cluster = None if count == 1 or is_given else _find_cluster()
    if count == 1 or (cluster is None and coordinator is None and index is None and count is None):
        return None
    if coordinator == AUTO:
        return Placement(count, index, None)
    if cluster is None:
        flags = {"coordinator": coordinator, "process_id": index, "process_count": count}
        missing = [f"--{flag}" for flag, value in flags.items() if value is None]
        if missing:
            raise InputError(
                f"several processes need --coordinator, --process_id and --process_count; missing: {', '.join(missing)}"
            )
        cluster = Placement(count, index, coordinator)
    placement = Placement(
        cluster.count if count is None else count,
        cluster.index if index is None else index,
        coordinator or cluster.coordinator,
    )
    _check(placement)
    return placement


def _check(placement: Placement) -> None:
    count, index, coordinator = placement.count, placement.index, placement.coordinator
    if count is not None and count < 1:
        raise InputError(f"--process_count is {count}; allowed: 1 or more")
    if count is not None and index is not None and not 0 <= index < count:
        raise InputError(f"--process_id is {index}; allowed: 0 to {count - 1}, each in one process")
    host, _, port = (coordinator or "host:1").rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(
            f"--coordinator is {coordinator!r}; allowed: host:port, an address of the machine of process 0 that all "
            "others reach, and a free port, e.g. node1:9876"
        )


def _find_cluster() -> Placement | None:
    """What a cluster says of a job of several processes."""
    if all(name in os.environ for name in _SLURM) and _number("SLURM_NTASKS", 1) > 1:
        return Placement(_number("SLURM_NTASKS", 1), _number("SLURM_PROCID", 0), None)
    if _number("OMPI_COMM_WORLD_SIZE", 1) > 1:
        return Placement(_number("OMPI_COMM_WORLD_SIZE", 1), _number("OMPI_COMM_WORLD_RANK", 0), None)
    is_indexed_job = "KUBERNETES_SERVICE_HOST" in os.environ and "JOB_COMPLETION_INDEX" in os.environ
    if is_indexed_job and importlib.util.find_spec("kubernetes") is not None:
        return Placement(None, _number("JOB_COMPLETION_INDEX", 0), None)
    if "," in os.environ.get("TPU_WORKER_HOSTNAMES", ""):
        return Placement(None, None, None)
    return None


def _number(name: str, unset: int) -> int:
    """The number in an environment variable; `unset` if there is none or it is empty."""
    text = os.environ.get(name, "").strip()
    if text and not text.isdecimal():
        raise InputError(
            f"the environment variable {name} is {text!r}, which is no whole number; unset it, or give "
            "--coordinator, --process_id and --process_count (--process_count=1 for a run of one process)"
        )
    return int(text) if text else unset
