"""Four fake devices for every test, so that nothing is only ever tried on one; quick compiles, each done once."""

import os
import tempfile
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

import tests.fixtures.typechecker  # noqa: F401  found by its name below
from tests.fixtures.xla_flags import QUICK_COMPILES

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
if "PYTEST_XDIST_WORKER" not in os.environ:  # workers inherit all of this
    flags = os.environ.get("XLA_FLAGS", ""), "--xla_force_host_platform_device_count=4", QUICK_COMPILES
    os.environ["XLA_FLAGS"] = " ".join(flags)
    # All temporary files of the tests, TensorFlow's too, are deleted at the end; pytest keeps its own elsewhere.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    _SESSION = tempfile.TemporaryDirectory(prefix="ssa2d-tests-", ignore_cleanup_errors=True)
    os.environ["TMPDIR"] = tempfile.tempdir = _SESSION.name
    # Several tests, and the processes that they start, compile the same programs.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(_SESSION.name, "compiled"))
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

# Shapes and dtypes in annotations are checked at every call, before any of these packages is imported.
install_import_hook(
    [f"ssa2d_jax.{room}" for room in ("models", "steps", "data", "inference")], "tests.fixtures.typechecker.typecheck"
)

from ssa2d_jax.utils import commands  # noqa: E402

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


@pytest.fixture(autouse=True)
def _program():
    """Messages name main.py's commands again after a test that was the console command."""
    yield
    commands.use_program(commands.MAIN)


# The files that take longest, which start first, so that no worker is left alone with one at the end.
_LONGEST = (
    "tests/end_to_end/notebook_test.py",
    "tests/end_to_end/main_test.py",
    "tests/steps/devices_test.py",
    "tests/end_to_end/older_runs_test.py",
    "tests/end_to_end/vidor_test.py",
    "tests/training/loop_test.py",
)


def pytest_collection_modifyitems(items):
    rank = {file: number for number, file in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.split("::")[0], len(_LONGEST)))
