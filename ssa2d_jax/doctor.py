"""What matters in a bug report: versions, devices, memory, the decoder, and whether a small network runs."""

import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from importlib import metadata
from pathlib import Path

import av
import jax
import jax.numpy as jnp
import numpy as np

import ssa2d_jax
from ssa2d_jax import sources, steps
from ssa2d_jax.label_space import A2D
from ssa2d_jax.ssa2d import SSA2D
from ssa2d_jax.video_writer import VideoWriter

_GIB = 2**30


def report(requirements: Path) -> Iterator[tuple[str, str]]:
    """(what, finding), one after another; `requirements`: the file that lists the packages."""
    yield "ssa2d_jax", ssa2d_jax.__version__
    yield "Python", f"{sys.version.split()[0]}, {platform.platform()}"
    for name in _names(requirements):
        yield name, _version(name)
    yield "devices", ", ".join(f"{one.id}: {one.device_kind} ({one.platform})" for one in jax.local_devices())
    for device in jax.local_devices():
        stats = device.memory_stats() or {}
        if "bytes_limit" in stats:
            used = stats.get("bytes_in_use", 0) / _GIB
            yield f"memory of device {device.id}", f"{stats['bytes_limit'] / _GIB:.1f} GiB, {used:.1f} in use"
    yield (
        "processors",
        f"{os.cpu_count()}, {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else '?'} usable",
    )
    yield "memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / _GIB:.1f} GiB"
    yield "free disk space here", f"{shutil.disk_usage('.').free / _GIB:.1f} GiB"
    yield "XLA_FLAGS", os.environ.get("XLA_FLAGS", "") or "none"
    versions = ", ".join(f"{name} {'.'.join(map(str, version))}" for name, version in av.library_versions.items())
    yield "decoder", f"FFmpeg: {versions}; H.264 {'can' if 'libx264' in av.codecs_available else 'can NOT'} be written"
    for name, test in (("video, written and read", _video), ("a small network", _network)):
        start = time.monotonic()
        try:
            found = test()
        except Exception as error:  # whatever is broken: to be told, not to end the report
            found = f"FAILED: {type(error).__name__}: {error}"
        yield name, f"{found} ({time.monotonic() - start:.1f} s)"


def _names(requirements: Path) -> list[str]:
    lines = requirements.read_text().splitlines()
    return [re.match(r"[\w-]+", line).group() for line in lines if line[:1].isalpha()]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _video() -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.mp4"
        with VideoWriter(path, height=64, width=96, time_base=Fraction(1, 25)) as writer:
            for i in range(8):
                writer.write(np.full((64, 96, 3), 30 * i, np.uint8), i)
        values = [int(frame.rgb.mean()) for frame in sources.open_source(path)]
    return "well" if np.abs(np.array(values) - 30 * np.arange(8)).max() < 4 else f"FAILED: {values} is not 0, 30, ..."


def _network() -> str:
    model = SSA2D(classes=A2D.heads, encoder_width=0.0625, decoder_width=0.0625)
    variables = jax.jit(model.init)(jax.random.key(0, impl="rbg"), jnp.zeros((1, 4, 32, 32, 3)))
    actor, action, _ = steps.make_forward(model, variables)(np.zeros((1, 4, 32, 32, 3), np.uint8))
    sums = [float(jnp.abs(one.sum(-1) - 1).max()) for one in (actor, action)]
    return "well" if max(sums) < 1e-4 else f"FAILED: probabilities are off by {max(sums):.3g}"
