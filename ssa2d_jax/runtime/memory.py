"""How much memory a compiled training step takes, and how much there is, before the first step runs."""

from pathlib import Path

import jax

from ssa2d_jax.utils.text import plural

_GIB = 2**30
_CLOSE = 8  # times the batch: how many more clips fit is not said, as other limits come first
_MEMINFO, _PROCESS_CGROUP, _CGROUPS = Path("/proc/meminfo"), Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def memory_note(compiled: jax.stages.Compiled, *, clips: int, parts: int) -> str:
    """A line about the memory of a compiled training step, by the compiler's own count; "" if it gives none.

    What would fit is estimated as if all of it grew with the clips, though gradients don't.

    Args:
        compiled: the step, which holds the same on every device of this process.
        clips: of a batch, on all devices of all processes.
        parts: in which the step processes them, one after the other (`train.grad_accum_steps`).
    """
    stats, free = compiled.memory_analysis(), free_bytes()
    if stats is None:
        return ""
    share = jax.local_device_count() if jax.default_backend() == "cpu" else 1  # devices on one memory
    # The state is there already, and its memory is used again for the new one.
    needed = share * (stats.temp_size_in_bytes + stats.output_size_in_bytes - stats.alias_size_in_bytes)
    line = f"memory: a step of {plural(clips, 'clip')} takes {_gib(needed)} beside weights and optimizer"
    if jax.process_count() > 1:
        line += " in each process"
    if free is None or needed <= 0:
        return line
    line += f"; free: {_gib(free)}"
    per_device, smallest = clips // jax.device_count(), parts * jax.device_count()
    fitting = int(clips * free / needed) // smallest * smallest
    if needed <= free:
        return f"{line}, enough for about {fitting} clips" if clips < fitting < _CLOSE * clips else line
    enough = (n for n in range(parts + 1, per_device + 1) if per_device % n == 0 and needed * parts / n <= free)
    remedy = f"--config.train.grad_accum_steps={accumulated}" if (accumulated := next(enough, None)) else ""
    smaller = f"--config.train.batch_size={fitting}" if fitting else "a smaller --config.data.size"
    return f"{line}, which is too little; {' or '.join(filter(None, (remedy, smaller)))} may fit"


def _gib(size: float) -> str:
    if size < 0.1 * _GIB:
        return f"{size / 2**20:.0f} MiB"
    return f"{size / _GIB:.2f} GiB" if size < 10 * _GIB else f"{size / _GIB:.0f} GiB"


def free_bytes() -> int | None:
    """What is free on a device: of an accelerator's own memory, or of the machine's and the container's; None: unknown.

    Several devices of a CPU share it.
    """
    stats = jax.local_devices()[0].memory_stats() or {}
    if "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    known = [size for size in (_available(), _left_in_container()) if size is not None]
    return min(known, default=None)


def _available() -> int | None:
    """What the system can give without swapping (Linux)."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None


def _left_in_container() -> int | None:
    """What the limits of the control groups leave that the process is in (containers, Slurm), of both versions."""
    try:
        lines = [line.split(":", 2) for line in _PROCESS_CGROUP.read_text().splitlines()]
    except OSError:
        return None
    left: list[int] = []
    for _, controllers, path in lines:
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _CGROUPS / "memory" if controllers else _CGROUPS
        group = root / path.lstrip("/")  # in a container it may be called otherwise than outside; the root counts then
        left += filter(None, (_left_in_group(folder) for folder in (group, *group.parents)))
    return min(left, default=None)


def _left_in_group(folder: Path) -> int | None:
    """What one group may still take: up to its limit, and what the system keeps of files that it can drop at once."""
    for limit, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        try:
            most, now = int((folder / limit).read_text()), int((folder / used).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):  # "max": no limit
            continue
        return max(1, most - now + int(stat.get("total_inactive_file", stat.get("inactive_file", 0))))
    return None
