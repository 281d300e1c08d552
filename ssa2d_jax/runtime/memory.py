"""How much memory a compiled training step takes, and how much there is, before the first step runs."""

from pathlib import Path

import jax

_GIB = 2**30
_CGROUP, _MEMINFO = Path("/sys/fs/cgroup"), Path("/proc/meminfo")


def memory_note(compiled: jax.stages.Compiled, *, clips: int, parts: int) -> str:
    """A line about the memory of a compiled training step, by the compiler's own count; "" if it gives none.

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
    line = f"memory: a step of {clips} clips takes {_gib(needed)} beside the state"
    if free is None or needed <= 0:
        return line
    line += f"; {_gib(free)} are free"
    per_device, smallest = clips // jax.device_count(), parts * jax.device_count()
    fitting = int(clips * free / needed) // smallest * smallest
    if needed <= free:
        return f"{line}, enough for up to about {fitting} clips" if fitting > clips else line
    enough = (n for n in range(parts + 1, per_device + 1) if per_device % n == 0 and needed * parts / n <= free)
    remedy = f"--config.train.grad_accum_steps={accumulated}" if (accumulated := next(enough, None)) else ""
    smaller = f"--config.train.batch_size={fitting}" if fitting else "a smaller --config.data.size"
    return f"{line}: too few; {' or '.join(filter(None, (remedy, smaller)))} would fit"


def _gib(size: float) -> str:
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
    """What a container's limit leaves, of the cgroup (version 2) that the process is in."""
    try:
        limit, used = ((_CGROUP / f"memory.{name}").read_text().strip() for name in ("max", "current"))
        cached = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines()).get("file", "0")
        return None if limit == "max" else int(limit) - int(used) + int(cached)
    except (OSError, ValueError):
        return None
