"""Four fake devices for every test, so that nothing is only ever tried on one; quick compiles, each done once."""

import os
import tempfile
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

import tests.fixtures.typechecker  # noqa: F401  found by its name below

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
# Toy models compile for longer than they run, so XLA's optimizer is told to do little.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "")
    + " --xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
    + " --xla_llvm_disable_expensive_passes=true"
)
# Several tests and the processes that they start compile the same programs.
_CACHE = tempfile.TemporaryDirectory(prefix="ssa2d-compiled-")
os.environ["JAX_COMPILATION_CACHE_DIR"] = _CACHE.name
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "1"

# Shapes and dtypes in annotations are checked at every call, before any of these packages is imported.
install_import_hook(
    [f"ssa2d_jax.{room}" for room in ("models", "steps", "data", "inference")], "tests.fixtures.typechecker.typecheck"
)

# Every compiled program maps memory many times over; Linux allows 65530 mappings a process and XLA dies beyond that.
_MAPPINGS = Path("/proc/self/maps")
_MANY = 15_000


@pytest.fixture(autouse=True)
def _few_programs_at_once():
    """Forgets compiled programs before there are too many of them for one process."""
    yield
    if _MAPPINGS.exists() and _MAPPINGS.read_bytes().count(b"\n") > _MANY:
        import jax

        jax.clear_caches()
