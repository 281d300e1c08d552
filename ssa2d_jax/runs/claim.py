"""Whose a workdir is: the config and the data that it was begun with."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from ssa2d_jax.data.batch import Source
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.runs.saved_config import add_missing_keys, flatten, read_config
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.runtime import processes
from ssa2d_jax.utils import locks
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import log

# Groups and options that may differ between two trainings in one workdir: they change neither the weights nor their
# order. (Folders may move: claim_workdir compares the data themselves.)
_FREE = (
    "ablate", "convert", "eval", "predict", "data.decode_threads", "data.strict", "data.root", "data.shards_dir",
    "data.sprites.processes", "data.processes", "data.beam",
    "train.log_every", "train.eval_every", "train.save_every", "train.keep_checkpoints", "train.image_clips",
)  # fmt: skip
# What determines the shape of the network and of its input. Evaluation and prediction need the same values here.
_NETWORK = ("model", "data.layout", "data.spatial", "data.clip_frames", "data.frame_step", "data.size")
_FLOW = ("data.flow", "data.flow_height")  # only if the network has a stream for optical flow
# What the last bits of a training's results depend on besides its config and data, and what messages call it.
_MACHINE = {
    "backend": "JAX's backend",
    "cores": "the number of cores",
    "devices": "the number of devices",
    "processes": "the number of processes",
    "jax": "JAX",
    "jaxlib": "jaxlib",
}
_FREE_NETWORK = ("model.freeze_encoder_stats", "model.batch_norm_momentum")


@contextlib.contextmanager
def claim_run(workdir: Path, config: ConfigDict, source: Source) -> Iterator[None]:
    """Inside the block, `workdir` belongs to `config`'s run on `source`, and no other training goes on in it.

    Of several processes that train together, the first one claims it.

    Raises:
        InputError: another process trains there, or another run has saved something there.
    """
    with contextlib.ExitStack() as held:

        def claim() -> None:
            workdir.mkdir(parents=True, exist_ok=True)
            refusal = f"{workdir}: another process trains here; wait for it, or use another --workdir"
            held.enter_context(locks.try_lock(Workdir(workdir).lock, refusal))
            claim_workdir(workdir, config, source.identity, source.space)
            record_machine(workdir)

        processes.on_first(claim)
        yield


def usable_cores() -> int:
    """The number of cores that this process may use: XLA divides its work by it, and so rounds differently."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def record_machine(workdir: Path) -> None:
    """Writes what the run in `workdir` is computed with, and logs a warning if that was something else before."""
    files = Workdir(workdir)
    versions = {name: metadata.version(name) for name in ("jax", "jaxlib")}
    now: dict[str, Any] = {
        "backend": jax.default_backend(),
        "cores": usable_cores(),
        "devices": jax.device_count(),
        "processes": processes.count(),
        **versions,
    }
    try:
        before = json.loads(files.machine.read_text()) if files.has_checkpoint() else {}
    except (OSError, ValueError):  # a run of an older version
        before = {}
    changes = [
        f"{name} was {before[key]} and is {now[key]}"
        for key, name in _MACHINE.items()
        if isinstance(before, dict) and before.get(key, now[key]) != now[key]
    ]
    if changes:
        log(f"warning: {'; '.join(changes)}: from here on, it rounds differently than an unbroken run")
    replace_text(files.machine, json.dumps(now, indent=1) + "\n")


def claim_workdir(workdir: Path, config: ConfigDict, data: str, space: LabelSpace) -> None:
    """Writes the config, the identity of the data and the classes into `workdir`.

    Args:
        data: which data these are (`Source.identity`).

    Raises:
        InputError: a run with another config or on other data has saved something there.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    files = Workdir(workdir)
    if files.has_checkpoint():
        if not files.config.exists():
            raise InputError(
                f"{files.config} is missing, but there are checkpoints; restore it, or use another --workdir"
            )
        _check_equal(
            read_config(files.config), workdir, config,
            matters=lambda key: not _is_within(key, _FREE),
            advice="Use another --workdir, or the saved config.",
        )  # fmt: skip
        saved_data = files.data.read_text().strip() if files.data.exists() else data
        if saved_data != data:
            raise InputError(
                f"{workdir} was started with other data: saved {saved_data}, now {data}. "
                "Use another --workdir, or the same data as before"
            )
    replace_text(files.config, json.dumps(config.to_dict(), indent=2) + "\n")
    replace_text(files.data, data + "\n")
    replace_text(files.labels, json.dumps(space.to_json(), indent=1) + "\n")


def same_in_all(config: ConfigDict) -> dict[str, Any]:
    """The options that all processes of a run need alike: folders and numbers of helpers are each machine's own."""
    own = ("data.root", "data.shards_dir", "data.processes", "data.sprites.processes", "data.decode_threads", "init")
    return {key: value for key, value in flatten(config.to_dict()).items() if not _is_within(key, own)}


def check_same_network(saved: Mapping[str, Any], config: ConfigDict, path: Path) -> ConfigDict:
    """`saved`, the config of the run in `path`, as a ConfigDict; InputError if `config` describes another network."""
    groups = _NETWORK + _FLOW if config.model.flow else _NETWORK
    _check_equal(
        saved, path, config,
        matters=lambda key: _is_within(key, groups) and not _is_within(key, _FREE_NETWORK),
        advice="Leave out --config to use the run's own config, or give that config.",
    )  # fmt: skip
    return ConfigDict(add_missing_keys(saved))


def _check_equal(
    saved: Mapping[str, Any], owner: Path, config: ConfigDict, *, matters: Callable[[str], bool], advice: str
) -> None:
    """Raises InputError with all options that matter and differ between `saved` and `config`."""
    before, now = (flatten(add_missing_keys(values)) for values in (saved, config.to_dict()))
    lines = [
        f"  config.{key}: saved {before.get(key, 'absent')!r}, given {now.get(key, 'absent')!r}"
        for key in sorted(before.keys() | now.keys())
        if matters(key) and _comparable(key, before) != _comparable(key, now)
    ]
    if lines:
        raise InputError(f"{owner} belongs to another config:\n" + "\n".join(lines) + f"\n{advice}")


def _comparable(key: str, config: Mapping[str, Any]) -> Any:
    """The value of an option; for the files in `init` the name only: they are not read again, and folders may move."""
    value = config.get(key, ...)
    return Path(value).name if key.startswith("init.") and isinstance(value, str) else value


def _is_within(key: str, groups: tuple[str, ...]) -> bool:
    return any(key == group or key.startswith(group + ".") for group in groups)
