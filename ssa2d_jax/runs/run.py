"""A trained network from its workdir or an exported file, ready to evaluate or predict."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.runs import weights_file
from ssa2d_jax.runs.checkpoints import Checkpoints, check_tree
from ssa2d_jax.runs.saved_config import add_missing_keys, check_same_network, read_run_config, read_run_labels
from ssa2d_jax.steps.state import build_model, init_variables
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log


@dataclasses.dataclass(frozen=True)
class Run:
    """A network, its weights and statistics, after how many updates they were saved, the run's config and classes."""

    model: SSA2D
    variables: Any
    step: int
    config: ConfigDict
    space: LabelSpace

    @property
    def threshold(self) -> float:
        """Where a pixel may have several actions: it has those of this probability."""
        return self.config.get("eval", {}).get("threshold", 0.5)


def run_config(workdir: Path) -> dict[str, Any]:
    """The config of the run in `workdir`, a folder or an exported file; InputError if it is neither."""
    return weights_file.load_metadata(workdir)["config"] if workdir.is_file() else read_run_config(workdir)


def run_label_space(workdir: Path) -> LabelSpace:
    """The classes of the run in `workdir`, a folder or an exported file."""
    return weights_file.label_space_of(workdir) if workdir.is_file() else read_run_labels(workdir, run_config(workdir))


def check_label_space(workdir: Path, trained: LabelSpace, data: LabelSpace) -> None:
    """InputError unless the run in `workdir` has the classes of the data."""
    if trained.to_json() != data.to_json():
        sets = [set(one.joint) | set(one.actors) | set(one.actions) for one in (trained, data)]
        lines = [
            f"{what}: {', '.join(sorted(some)[:5])}{' ...' if len(some) > 5 else ''}"
            for what, some in (("only the run has", sets[0] - sets[1]), ("only the data have", sets[1] - sets[0]))
            if some
        ]
        raise InputError(f"{workdir} was trained for other classes than these data have ({'; '.join(lines)})")


def load_run(workdir: Path, config: ConfigDict) -> Run:
    """Restores checkpoint `config.eval.step` of the run in `workdir` (0 = newest, -1 = best), or an exported file.

    Raises InputError when `workdir` holds no run, or one of another network than `config` describes.
    """
    return _loaded(workdir, check_same_network(run_config(workdir), config, workdir), config.eval.step)


def load_run_as_saved(workdir: Path, step: int = 0) -> Run:
    """The same without a config to compare: checkpoint `step`, as the run's own config has it."""
    return _loaded(workdir, ConfigDict(add_missing_keys(run_config(workdir))), step)


def _loaded(workdir: Path, saved: ConfigDict, step: int) -> Run:
    space = run_label_space(workdir)
    if workdir.is_file():
        if step > 0:
            raise InputError(f"config.eval.step is {step}, but {workdir} holds one step only; leave it out")
        variables, metadata = weights_file.load_file(workdir)
        step, what = metadata["step"], str(workdir)
    else:
        checkpoints = Checkpoints(workdir / "checkpoints", read_only=True)
        step, variables = checkpoints.restore_variables(step)
        what = f"checkpoint {checkpoints.folder / str(step)}"
    model = build_model(saved.model, space, stats_axis=None)
    check_tree(jax.eval_shape(lambda: init_variables(model, saved)), variables, what)
    log(f"restored {what.removeprefix('checkpoint ')}")
    return Run(model, variables, step, saved, space)
