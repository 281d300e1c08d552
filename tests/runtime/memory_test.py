import types

import jax
import jax.numpy as jnp
import pytest

from ssa2d_jax.runtime import memory
from ssa2d_jax.runtime.memory import free_bytes, memory_note

MIB, GIB = 2**20, 2**30


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
            "a step of 8 clips takes 2.00 GiB beside weights and optimizer; free: 11 GiB, enough for about 44 clips",
        ),
        (8, 1, 16, "beside weights and optimizer; free: 16 GiB"),
        (16, 1, 2.2, "a step of 16 clips takes 2.00 GiB beside weights and optimizer; free: 2.20 GiB"),
        (
            16,
            1,
            1.5,
            "free: 1.50 GiB, which is too little; --config.train.grad_accum_steps=2 or --config.train.batch_size=12",
        ),
        (16, 2, 1.1, "which is too little; --config.train.grad_accum_steps=4 or --config.train.batch_size=8 may fit"),
        (4, 1, 0.1, "0.10 GiB, which is too little; a smaller --config.data.size may fit"),
        (8, 1, None, "memory: a step of 8 clips takes 2.00 GiB beside weights and optimizer"),
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


def test_a_containers_limit_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_PROCESS_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "groups")
    assert free_bytes() is None
    (tmp_path / "meminfo").write_text("MemTotal:  16384 kB\nMemAvailable:    8192 kB\n")
    assert free_bytes() == 8 * MIB
    (tmp_path / "cgroup").write_text("0::/slurm/job/step\n")
    _group(tmp_path / "groups/slurm/job", {"max": 4 * MIB, "current": 3 * MIB}, "anon 5\ninactive_file 1048576\n")
    assert free_bytes() == 2 * MIB
    _group(tmp_path / "groups/slurm/job/step", {"max": "max", "current": 3 * MIB}, "")
    assert free_bytes() == 2 * MIB
    (tmp_path / "cgroup").write_text("5:cpu,cpuacct:/slurm/job\n4:memory:/elsewhere/outside\n")
    assert free_bytes() == 8 * MIB
    _group(
        tmp_path / "groups/memory", {"limit_in_bytes": 6 * MIB, "usage_in_bytes": 5 * MIB}, "total_inactive_file 7\n"
    )
    assert free_bytes() == MIB + 7


def _group(folder, sizes, stat):
    folder.mkdir(parents=True)
    for name, size in sizes.items():
        (folder / f"memory.{name}").write_text(f"{size}\n")
    (folder / "memory.stat").write_text(stat)
