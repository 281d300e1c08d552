"""What matters in a bug report: versions, devices, memory, the decoder, and whether a small network runs."""

import functools
import importlib.util
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib import metadata
from pathlib import Path

import numpy as np
from jaxtyping import Float32

import ssa2d_jax
from ssa2d_jax.cli.compile_cache import cache_folder
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import compile_note, waiting

_GIB = 2**30


# What is missing without the packages of an extra.
_EXTRAS = {
    "train": "labelling videos does not need it, training does",
    "openvino": "labelling videos on a CPU is faster with it",
}


def report() -> Iterator[tuple[str, str]]:
    """Yields (subject, finding), one after another.

    A finding that fails is reported as FAILED with the reason, and the next one follows.
    """
    yield "ssa2d_jax", ssa2d_jax.__version__
    yield "Python", f"{sys.version.split()[0]}, {platform.platform()}"
    for name, extra in _packages().items():
        yield name, _version(name) or _missing(extra)
    findings: dict[str, Callable[[], str]] = {
        "devices": _devices,
        "processors": lambda: str(os.cpu_count()),
        "memory": lambda: f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / _GIB:.1f} GiB",
        "free disk space here": lambda: f"{shutil.disk_usage('.').free / _GIB:.1f} GiB",
        "XLA_FLAGS": lambda: os.environ.get("XLA_FLAGS", "") or "none",
        "compiled programs": _compiled_programs,
        "decoder": _decoder,
        "video, written and read": _video,
        "a small network": _network,
        "the same in OpenVINO": _network_in_openvino,
    }
    for subject, find in findings.items():
        start = time.monotonic()
        finding = _result_of(find)
        seconds = time.monotonic() - start
        yield subject, f"{finding} ({seconds:.1f} s)" if seconds > 0.5 else finding


def _result_of(find: Callable[[], str]) -> str:
    """What `find` returns, or that it failed."""
    try:
        return find()
    except InputError as error:
        return f"FAILED: {error}"
    except Exception as error:  # whatever is broken
        lines = str(error).strip().splitlines()
        return f"FAILED: {type(error).__name__}: {lines[0] if lines else ''}"


def _packages() -> dict[str, str]:
    """The packages that this one asks for by name, each with its extra, "train", "openvino" or none ("").

    Those of the other extras are left out. Of two builds of a package the installed one is listed.
    """
    try:
        requirements = metadata.requires("ssa2d_jax") or []
    except metadata.PackageNotFoundError:  # a checkout that is not installed
        path = Path(__file__).resolve().parents[2] / "requirements.txt"
        requirements = path.read_text().splitlines() if path.is_file() else []
    packages: dict[str, str] = {}
    for line in requirements:
        name, extra = re.match(r"[A-Za-z][\w.-]*", line), re.search(r"extra == ['\"](\w+)", line)
        if name and (extra is None or extra.group(1) in _EXTRAS):
            packages[name.group()] = extra.group(1) if extra else ""
    twice = [package for package in packages if f"{package}-cpu" in packages]
    for package in twice:
        del packages[package if _version(f"{package}-cpu") else f"{package}-cpu"]
    return packages


def _devices() -> str:
    from ssa2d_jax.runtime.platforms import local_devices

    devices = []
    for device in local_devices():
        limit = (device.memory_stats() or {}).get("bytes_limit")
        devices.append(f"{device.device_kind} ({device.platform}{f', {limit / _GIB:.1f} GiB' if limit else ''})")
    return ", ".join(devices)


def _compiled_programs() -> str:
    """Where they are kept, and how large they are together."""
    folder = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR") or cache_folder())
    size = sum(path.stat().st_size for path in folder.glob("*-cache")) if folder.is_dir() else 0
    return f"{folder}, {size / 2**20:.0f} MiB"


def _decoder() -> str:
    import av

    versions = ", ".join(f"{name} {'.'.join(map(str, version))}" for name, version in av.library_versions.items())
    return f"FFmpeg: {versions}; H.264 {'can' if 'libx264' in av.codecs_available else 'CANNOT'} be written"


def _version(name: str) -> str:
    """The version of an installed package, "" if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _missing(extra: str) -> str:
    if not extra:
        return "not installed, but needed: pip install -e ."
    return f"not installed; {_EXTRAS[extra]}: pip install -e '.[{extra}]'"


def _video() -> str:
    from ssa2d_jax.video import sources
    from ssa2d_jax.video.writer import VideoWriter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.mp4"
        with VideoWriter(path, height=64, width=96, time_base=Fraction(1, 25)) as writer:
            for i in range(8):
                writer.write(np.full((64, 96, 3), 30 * i, np.uint8), i)
        values = [int(frame.rgb.mean()) for frame in sources.open_frames(path)]
    return "works" if np.abs(np.array(values) - 30 * np.arange(8)).max() < 4 else f"FAILED: {values} is not 0, 30, ..."


def _network() -> str:
    """Runs it in jax."""
    from ssa2d_jax.runtime.platforms import local_devices

    local_devices()
    with waiting("compiling a small network", compile_note("up to a minute")):
        actor, action, _ = _outputs("jax")
    sums = [float(np.abs(one.sum(-1) - 1).max()) for one in (actor, action)]
    return "works" if max(sums) < 1e-4 else f"FAILED: probabilities are off by {max(sums):.3g}"


def _network_in_openvino() -> str:
    """Runs it there, too, and compares."""
    if importlib.util.find_spec("openvino") is None:
        return "not installed"
    differences = [float(np.abs(x - y).max()) for x, y in zip(_outputs("jax"), _outputs("openvino"), strict=True)]
    return "works" if max(differences) < 1e-4 else f"FAILED: probabilities differ by {max(differences):.3g}"


@functools.cache
def _outputs(backend: str) -> list[Float32[np.ndarray, "..."]]:
    """The probabilities of a small network with random variables."""
    import jax
    import jax.numpy as jnp

    from ssa2d_jax.backends.choice import make_network
    from ssa2d_jax.data.label_space import A2D
    from ssa2d_jax.models.ssa2d import SSA2D

    model = SSA2D(classes=A2D.heads, encoder_width=0.0625, decoder_width=0.0625)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 4, 32, 32, 3)))
    values = np.random.default_rng(0)
    variables = jax.tree.map(lambda x: 0.1 * values.standard_normal(x.shape, np.float32), shapes)
    variables["batch_stats"] = jax.tree.map(lambda x: np.abs(x) + 0.1, variables["batch_stats"])
    clips = values.integers(0, 256, (1, 4, 32, 32, 3)).astype(np.uint8)
    return [np.asarray(array) for array in make_network(model, variables, backend=backend)(clips)]
