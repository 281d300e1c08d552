"""Saving and restoring runs with Orbax: atomic, checked when read, the newest and the best kept."""

import json
import os
import re
import zlib
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp
from jaxtyping import PyTree
from orbax.checkpoint import checkpoint_managers
from orbax.checkpoint.options import MultiprocessingOptions

from ssa2d_jax.runs.saved_config import SavedConfig
from ssa2d_jax.runs.weights_file import check_tree
from ssa2d_jax.runs.workdir import BEST, NEWEST
from ssa2d_jax.runtime.finite import non_finite_arrays
from ssa2d_jax.runtime.orbax_noise import silence_orbax
from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.text import first_few

METRIC = "joint_miou"
CHECKSUMS = "crc32.json"

State = TypeVar("State")  # a tree of arrays


class Checkpoints:
    """The checkpoints of one run, in `<folder>/<step>/`.

    The newest `keep` are kept, and the one with the best joint mIoU. A checkpoint gets its final name only when it is
    complete, so a kill at any moment leaves the earlier ones usable.
    """

    def __init__(self, folder: str | Path, keep: int = 1, read_only: bool = False):
        self.folder = Path(folder).absolute()
        silence_orbax()
        if not read_only:
            self.folder.mkdir(parents=True, exist_ok=True)
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
            create=False,
            multiprocessing_options=_this_process_alone() if jax.process_count() > 1 else MultiprocessingOptions(),
        )
        handlers = {"state": ocp.StandardCheckpointHandler(), "config": ocp.JsonCheckpointHandler()}
        _check_scores(self.folder)
        self._manager = ocp.CheckpointManager(self.folder, options=options, item_handlers=handlers)

    def steps(self) -> list[int]:
        """Steps of the checkpoints on disk, ascending."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """Step of the evaluated checkpoint with the best joint mIoU; None if no checkpoint was evaluated."""
        metrics = {step: self._manager.metrics(step) or {} for step in self.steps()}
        scored = [(values[METRIC], step) for step, values in metrics.items() if METRIC in values]
        return max(scored)[1] if scored else None

    def save(self, step: int, state: PyTree, config: SavedConfig, joint_miou: float | None = None) -> None:
        """Writes checkpoint `step`.

        Args:
            joint_miou: in percent, if this state was just evaluated.

        Raises:
            InputError: it could not be written; the earlier checkpoints are unchanged.
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

    def restore(self, template: State, step: int = NEWEST) -> tuple[int, State]:
        """Reads checkpoint `step`, or the newest (0) or best (-1).

        Args:
            template: a state with the expected tree, shapes and dtypes; `jax.eval_shape` gives it without any work.

        Returns:
            The step, and the state, on the first device.

        Raises:
            InputError: there is no such checkpoint, it is damaged, it belongs to another architecture, or it has values
                that aren't finite.
        """
        step, found = self._read_tree(step)
        check_tree(template, found, f"checkpoint {self.folder / str(step)}")
        state = self._read(step, _on_first_device(template))
        self._check_finite(step, state)
        return step, state

    def restore_variables(self, step: int = NEWEST) -> tuple[int, dict[str, Any]]:
        """Reads the network's variables of a checkpoint, of whatever model and optimizer.

        Returns:
            The step, and `params` (the averaged parameters, if there are any) and `batch_stats`.

        Raises:
            InputError: as in `restore`.
        """
        step, found = self._read_tree(step)
        state = self._read(step, _on_first_device(found))
        variables = {"params": state.get("ema") or state["params"], "batch_stats": state["batch_stats"]}
        self._check_finite(step, variables)
        return step, variables

    def _read_tree(self, step: int) -> tuple[int, dict[str, Any]]:
        """The step, and the saved state's tree with shapes and dtypes."""
        step = self._resolve(step)
        path = self.folder / str(step)
        try:
            _verify_checksums(path)
            metadata = self._manager.item_metadata(step)["state"]
            tree = getattr(metadata, "tree", metadata)
            if tree is None:
                raise ValueError("it holds no state")
        except Exception as error:  # whatever a damaged file makes Orbax raise
            raise self._damaged(path, step, error) from error
        return step, tree

    def _read(self, step: int, template: Any) -> Any:
        try:
            args = ocp.args.Composite(state=ocp.args.StandardRestore(template))
            return self._manager.restore(step, args=args)["state"]
        except Exception as error:
            raise self._damaged(self.folder / str(step), step, error) from error

    def _check_finite(self, step: int, state: Any) -> None:
        """Raises InputError if a value of the checkpoint isn't finite, as versions until 0.1 could save them."""
        names = non_finite_arrays(state)
        if names:
            raise InputError(
                f"checkpoint {self.folder / str(step)} has values that are not finite ({first_few(names)}): "
                f"its training diverged. {self._advice(step)}"
            )

    def steps_text(self) -> str:
        """The steps on disk as text, for messages."""
        return ", ".join(f"step {step}" for step in self.steps()) or "none"

    def _resolve(self, step: int) -> int:
        steps = self.steps()
        if not steps:
            raise InputError(f"{self.folder} holds no checkpoint; train first ({commands.short('train')})")
        if step == NEWEST:
            return steps[-1]
        if step == BEST:
            best = self.best_step()
            if best is None:
                raise InputError(f"no checkpoint in {self.folder} was evaluated; choose config.eval.step from {steps}")
            return best
        if step not in steps:
            raise InputError(f"{self.folder} holds no checkpoint of step {step}; there are {self.steps_text()}")
        return step

    def _damaged(self, path: Path, step: int, error: Exception) -> InputError:
        return InputError(f"checkpoint {path} is damaged ({_first_line(error)}). {self._advice(step)}")

    def _advice(self, step: int) -> str:
        """What to do without checkpoint `step`."""
        others = [other for other in self.steps() if other != step]
        earlier = max((other for other in others if other < step), default=max(others, default=None))
        if earlier is None:
            return "There is no other checkpoint; delete it and train again"
        return (
            f"The checkpoint before it is step {earlier}: to continue from it, delete {self.folder / str(step)} and "
            f"start again; to evaluate or predict with it, --config.eval.step={earlier}"
        )


def _this_process_alone() -> MultiprocessingOptions:
    """Of several processes each reads and writes by itself (only the first one writes); Orbax waits for no other."""
    index = jax.process_index()
    return MultiprocessingOptions(
        primary_host=index, active_processes={index}, barrier_sync_key_prefix=f"process{index}"
    )


def _first_line(error: Exception) -> str:
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    if code := re.search(r"os_error_code\W+(\d+)", line):  # tensorstore has the system's words only in some messages
        return f"{os.strerror(int(code[1]))}; {line[:80]} ..."
    return line if len(line) <= 200 else f"{line[:80]} ... {line[-120:]}"  # the cause is at the end


def _on_first_device(tree: PyTree) -> PyTree:
    """The shapes and dtypes of the arrays of `tree`, with the place that they shall have."""
    sharding = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree)


def _check_scores(folder: Path) -> None:
    """Raises InputError if the scores of any checkpoint are damaged; Orbax reads all scores at once."""
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
    """Raises ValueError if a file has changed; accepts a folder that a kill left without checksums."""
    if not (folder / CHECKSUMS).exists():
        return
    saved, present = json.loads((folder / CHECKSUMS).read_text()), _checksums(folder)
    for name, checksum in saved.items():
        if present.get(name) != checksum:
            raise ValueError(f"{name} is missing" if name not in present else f"{name} is not as it was saved")
