"""Compiled programs are kept between starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ssa2d_jax.cli import compile_cache

SCRIPT = """
from ssa2d_jax.cli.compile_cache import use_compile_cache
use_compile_cache()
import jax
from jax import monitoring
hits = []
monitoring.register_event_listener(lambda name, **_: hits.append(name) if name.endswith("/cache_hits") else None)
print(float(jax.jit(lambda x: (x @ x).sum())(jax.numpy.ones((4, 4)))), len(hits))
"""


def start(home):
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    environment |= {"XDG_CACHE_HOME": str(home), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    return subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)


def test_a_second_start_reads_what_the_first_compiled_and_damage_heals(tmp_path):
    first, second = start(tmp_path), start(tmp_path)
    assert first.stdout == "64.0 0\n"
    value, hits = second.stdout.split()
    assert value == "64.0" and int(hits) > 0
    entries = list(tmp_path.rglob("*-cache"))
    assert entries and all(path.is_relative_to(tmp_path / "ssa2d_jax") for path in entries)
    for path in entries:
        path.write_bytes(path.read_bytes()[:100])
    damaged, healed, after = start(tmp_path), start(tmp_path), start(tmp_path)
    assert damaged.stdout == "64.0 0\n" and "Error reading" not in damaged.stderr + healed.stderr
    assert after.stdout == second.stdout


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A process that has not imported jax and keeps no compiled programs yet."""
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("warnings.showwarning", print)
    yield monkeypatch
    for name in ("JAX_COMPILATION_CACHE_DIR", "JAX_COMPILATION_CACHE_MAX_SIZE"):
        os.environ.pop(name, None)


def test_processors_have_folders_of_their_own(fresh, tmp_path):
    names = set()
    for flags in ("sse avx", "sse avx avx512"):
        fresh.setattr(compile_cache, "_processor", lambda flags=flags: flags)
        names.add(compile_cache.cache_folder())
    assert len(names) == 2 and all(folder.parent == tmp_path / "ssa2d_jax" for folder in names)
    fresh.setenv("XDG_CACHE_HOME", "relative")  # which the XDG specification says to ignore
    assert compile_cache.cache_folder().parent == Path.home() / ".cache" / "ssa2d_jax"


def test_a_folder_of_the_users_is_left_alone(fresh):
    fresh.setenv("JAX_COMPILATION_CACHE_DIR", "/somewhere")
    compile_cache.use_compile_cache()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "/somewhere"


def test_no_place_for_a_cache_is_no_error(fresh, tmp_path):
    (tmp_path / "ssa2d_jax").write_text("a file, not a folder")
    compile_cache.use_compile_cache()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
