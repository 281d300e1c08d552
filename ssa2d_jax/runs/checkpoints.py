"""Saving and restoring runs with Orbax: atomic, checked when read, the newest and the best kept."""

import json
import logging
import zlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text

METRIC = "joint_miou"
CHECKSUMS = "crc32.json"
NEWEST, BEST = 0, -1
_SHOWN = 8


class Checkpoints:
    """The checkpoints of one run, in `<folder>/<step>/`.

    Kept are the newest `keep` and the one with the best joint mIoU. A checkpoint appears under its final
    name only when it is whole, so a kill at any moment leaves the ones before it usable.
    """

    def __init__(self, folder: str | Path, keep: int = 1, read_only: bool = False):
        self.folder = Path(folder).absolute()
        logging.getLogger("absl").addFilter(_quiet_orbax)
        policy = checkpoint_managers.AnyPreservationPolicy(
            [
                checkpoint_managers.LatestN(keep),
                checkpoint_managers.BestN(
                    get_metric_fn=lambda metrics: metrics[METRIC], n=1, keep_checkpoints_without_metrics=False
                ),
            ]
        )
        options = ocp.CheckpointManagerOptions(
            preservation_policy=None if read_only else policy,
            best_fn=lambda metrics: metrics[METRIC],
            enable_async_checkpointing=False,
            cleanup_tmp_directories=not read_only,
            read_only=read_only,
            create=not read_only,
        )
        handlers = {"state": ocp.StandardCheckpointHandler(), "config": ocp.JsonCheckpointHandler()}
        _check_scores(self.folder)
        self._manager = ocp.CheckpointManager(self.folder, options=options, item_handlers=handlers)

    def steps(self) -> list[int]:
        """Steps of the checkpoints on disk, ascending."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """Step of the checkpoint with the best joint mIoU among those that were evaluated, None if none was."""
        scored = [(self._manager.metrics(step) or {}, step) for step in self.steps()]
        scored = [(metrics[METRIC], step) for metrics, step in scored if METRIC in metrics]
        return max(scored)[1] if scored else None

    def save(self, step: int, state: Any, config: dict[str, Any], joint_miou: float | None = None) -> None:
        """Writes checkpoint `step`; `joint_miou` in percent if this state was just evaluated.

        Raises InputError when the disk refuses; the checkpoints before stay as they were.
        """
        args = ocp.args.Composite(state=ocp.args.StandardSave(state), config=ocp.args.JsonSave(config))
        metrics = None if joint_miou is None else {METRIC: joint_miou}
        try:
            self._manager.save(step, args=args, metrics=metrics, force=True)
            self._manager.wait_until_finished()
            _write_checksums(self.folder / str(step))
        except (OSError, ValueError) as error:  # tensorstore reports a full disk as ValueError
            raise InputError(
                f"checkpoint {self.folder / str(step)} could not be written ({_first_line(error)}); "
                f"usable: {self.steps_text()}. Free some space and start the same command again"
            ) from error

    def restore(self, template: Any, step: int = NEWEST) -> tuple[int, Any]:
        """-> (step, state) of checkpoint `step`, or of the newest (0) or best (-1).

        `template` is a state of the right tree, shapes and dtypes. Raises InputError when there is no such
        checkpoint, when it is damaged, or when it belongs to another architecture.
        """
        step, found = self._found(step)
        check_tree(template, found, f"checkpoint {self.folder / str(step)}")
        return step, self._read(step, template)

    def restore_variables(self, step: int = NEWEST) -> tuple[int, dict[str, Any]]:
        """-> (step, params and batch_stats) of a checkpoint as it is, whatever model and optimizer it is of.

        The parameters are the averaged ones where there are any. Raises InputError like `restore`.
        """
        step, found = self._found(step)
        place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        template = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), found)
        state = self._read(step, template)
        return step, {"params": state.get("ema") or state["params"], "batch_stats": state["batch_stats"]}

    def _found(self, step: int) -> tuple[int, Any]:
        """-> (step, the saved state's tree with shapes and dtypes)."""
        step = self._resolve(step)
        path = self.folder / str(step)
        try:
            _verify_checksums(path)
            found = self._manager.item_metadata(step)["state"]
            found = getattr(found, "tree", found)
            if found is None:
                raise ValueError("it holds no state")
        except Exception as error:  # whatever a damaged file makes Orbax raise
            raise self._damaged(path, step, error) from error
        return step, found

    def _read(self, step: int, template: Any) -> Any:
        try:
            args = ocp.args.Composite(state=ocp.args.StandardRestore(template))
            return self._manager.restore(step, args=args)["state"]
        except Exception as error:
            raise self._damaged(self.folder / str(step), step, error) from error

    def steps_text(self) -> str:
        """The steps on disk in words, for messages."""
        return ", ".join(f"step {step}" for step in self.steps()) or "none"

    def _resolve(self, step: int) -> int:
        steps = self.steps()
        if not steps:
            raise InputError(f"{self.folder} holds no checkpoint; train first (--mode=train)")
        if step == NEWEST:
            return steps[-1]
        if step == BEST:
            best = self.best_step()
            if best is None:
                raise InputError(f"no checkpoint in {self.folder} was evaluated; choose config.eval.step among {steps}")
            return best
        if step not in steps:
            raise InputError(f"{self.folder} holds no checkpoint of step {step}; there are {self.steps_text()}")
        return step

    def _damaged(self, path: Path, step: int, error: Exception) -> InputError:
        others = [other for other in self.steps() if other != step]
        before = max((other for other in others if other < step), default=max(others, default=None))
        advice = (
            f"The checkpoint before it is step {before}: to go on from there, delete {path} and start again; "
            f"to evaluate or predict with it, --config.eval.step={before}"
            if before is not None
            else "There is no other checkpoint; delete it and train again"
        )
        return InputError(f"checkpoint {path} is damaged ({_first_line(error)}). {advice}")


def check_tree(template: Any, found: Any, what: str) -> None:
    """Raises InputError, which lists the differences, unless `found` has the names, shapes and dtypes of `template`."""
    differences = _tree_differences(template, found)
    if differences and all(line.startswith("opt_state/") for line in differences):
        raise InputError(
            f"{what} fits this network, but not its optimizer: {differences[0]}; it was saved by another version of "
            "this program. It can be evaluated; to train on, begin another --workdir with --config.init.run=<this one>"
        )
    if differences:
        raise InputError(
            f"{what} is of another architecture: "
            + "; ".join(differences[:_SHOWN])
            + (f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else "")
            + ". Use the config that it was trained with (config.json in its workdir)"
        )


def _quiet_orbax(record: logging.LogRecord) -> bool:
    return "orbax" not in record.pathname  # its errors are raised, too


def _first_line(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line if len(line) <= 200 else f"{line[:80]} ... {line[-120:]}"  # the cause stands at the end


def _named_leaves(tree: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        "/".join(str(getattr(k, "key", getattr(k, "name", getattr(k, "idx", k)))) for k in path): leaf
        for path, leaf in leaves
    }


def _check_scores(folder: Path) -> None:
    """Raises InputError for a checkpoint whose scores are damaged; Orbax reads those of all of them at once."""
    for path in folder.glob("*/metrics/metrics"):
        try:
            json.loads(path.read_text())
        except (OSError, ValueError) as error:
            step = path.parent.parent
            raise InputError(f"{path} is damaged ({_first_line(error)}); delete {step} to go on without it") from error


def _checksums(folder: Path) -> dict[str, int]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CHECKSUMS)
    return {str(path.relative_to(folder)): zlib.crc32(path.read_bytes()) for path in files}


def _write_checksums(folder: Path) -> None:
    replace_text(folder / CHECKSUMS, json.dumps(_checksums(folder)))


def _verify_checksums(folder: Path) -> None:
    """Raises ValueError unless every file is as it was saved; passes where a kill left no checksums behind."""
    if not (folder / CHECKSUMS).exists():
        return
    saved, there = json.loads((folder / CHECKSUMS).read_text()), _checksums(folder)
    for name, checksum in saved.items():
        if there.get(name) != checksum:
            raise ValueError(f"{name} is missing" if name not in there else f"{name} is not as it was saved")


def _tree_differences(template: Any, found: Any) -> list[str]:
    wanted = {
        name: (tuple(np.shape(leaf)), np.dtype(leaf.dtype).name) for name, leaf in _named_leaves(template).items()
    }
    there = {name: (tuple(leaf.shape), np.dtype(leaf.dtype).name) for name, leaf in _named_leaves(found).items()}
    missing = [f"{name} is missing" for name in wanted.keys() - there.keys()]
    extra = [f"{name} is not in this model" for name in there.keys() - wanted.keys()]
    changed = [
        f"{name} is {_shape_text(there[name])}, this model has {_shape_text(wanted[name])}"
        for name in wanted.keys() & there.keys()
        if wanted[name] != there[name]
    ]
    return sorted(changed) + sorted(missing) + sorted(extra)


def _shape_text(leaf: tuple[tuple[int, ...], str]) -> str:
    shape, dtype = leaf
    return f"{list(shape)} {dtype}"
