import types

import jax
import jax.numpy as jnp
import pytest

from ssa2d_jax.runtime import memory
from ssa2d_jax.runtime.memory import free_bytes, memory_note

GIB = 2**30


def _compiled(temp):
    """A step of four devices that takes `temp` bytes on each, in the state's place."""
    stats = types.SimpleNamespace(temp_size_in_bytes=temp, output_size_in_bytes=100, alias_size_in_bytes=100)
    return types.SimpleNamespace(memory_analysis=lambda: stats)


@pytest.mark.parametrize(
    ("clips", "parts", "free", "said"),
    [
        (
            8,
            1,
            11,
            "a step of 8 clips takes 2.00 GiB beside the state; 11 GiB are free, enough for up to about 44 clips",
        ),
        (16, 1, 2.2, "a step of 16 clips takes 2.00 GiB beside the state; 2.20 GiB are free"),
        (16, 1, 1.5, "1.50 GiB are free: too few; --config.train.grad_accum_steps=2 or --config.train.batch_size=12"),
        (16, 2, 1.1, "too few; --config.train.grad_accum_steps=4 or --config.train.batch_size=8 would fit"),
        (4, 1, 0.1, "free: too few; a smaller --config.data.size would fit"),
        (8, 1, None, "memory: a step of 8 clips takes 2.00 GiB beside the state"),
    ],
)
def test_the_note_says_what_fits(clips, parts, free, said, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: None if free is None else free * GIB)
    note = memory_note(_compiled(GIB // 2), clips=clips, parts=parts)
    assert said in note and note.startswith("memory: ")
    if free is None or free > 2:
        assert note.endswith(said)


def test_a_compiler_that_does_not_count_gives_no_note():
    assert memory_note(types.SimpleNamespace(memory_analysis=lambda: None), clips=4, parts=1) == ""


def test_a_real_step_needs_more_for_more_clips():
    def needed(clips):
        step = jax.pmap(lambda state, x: (state, jnp.sin(x) @ jnp.cos(x).T), in_axes=(None, 0), donate_argnums=0)
        compiled = step.lower(jnp.zeros(3), jnp.zeros((4, clips, 1000))).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert needed(2000) > 1.5 * needed(1000) > 0


def test_free_memory_is_known_here_and_a_containers_limit_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert free_bytes() is None
    (tmp_path / "meminfo").write_text("MemTotal:  16384 kB\nMemAvailable:    8192 kB\n")
    assert free_bytes() == 8 * 2**20
    for name, text in (("max", "4194304\n"), ("current", "3145728\n"), ("stat", "anon 5\nfile 1048576\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert free_bytes() == 2 * 2**20
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes() == 8 * 2**20
