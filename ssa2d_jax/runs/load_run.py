"""A trained network, read from its workdir or from an exported file, ready to evaluate or predict."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

from flax.typing import VariableDict
from ml_collections import ConfigDict

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.pretrained.shipped import shipped_name
from ssa2d_jax.runs import weights_file
from ssa2d_jax.runs.claim import check_same_network
from ssa2d_jax.runs.defaults import THRESHOLD
from ssa2d_jax.runs.saved_config import SavedConfig, add_missing_keys, read_run_config, read_run_labels
from ssa2d_jax.runs.weights_file import check_tree
from ssa2d_jax.runs.workdir import NEWEST, Workdir
from ssa2d_jax.runtime.finite import non_finite_arrays
from ssa2d_jax.runtime.platforms import local_devices
from ssa2d_jax.steps.state import build_model, variable_shapes
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.text import first_few


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained network: its weights and statistics, the step they were saved at, the run's config and classes."""

    model: SSA2D
    variables: VariableDict
    step: int
    config: ConfigDict
    space: LabelSpace
    about: str = ""  # what the weights are good for, if their file says so

    @property
    def threshold(self) -> float:
        """Multi-label data: a pixel has every action whose probability is at least this."""
        return self.config.get("eval", {}).get("threshold", THRESHOLD)


class SavedVariables(NamedTuple):
    """Parameters (averaged ones, if there are any) and statistics as they were saved, and the file or checkpoint."""

    step: int
    variables: VariableDict
    source: str
    about: str = ""


def run_config(workdir: Path) -> SavedConfig:
    """The config of the run in `workdir`, a folder or an exported file; InputError if it is neither."""
    return weights_file.load_metadata(workdir)["config"] if workdir.is_file() else read_run_config(workdir)


def run_label_space(workdir: Path) -> LabelSpace:
    """The classes of the run in `workdir`, a folder or an exported file."""
    return weights_file.label_space_of(workdir) if workdir.is_file() else read_run_labels(workdir, run_config(workdir))


def check_label_space(workdir: Path, trained: LabelSpace, data: LabelSpace) -> None:
    """Raises InputError if the classes of the run in `workdir` are not those of the data."""
    if trained.has_classes_of(data):
        return
    run_names, data_names = (set(space.joint) | set(space.actors) | set(space.actions) for space in (trained, data))
    only = {"only in the run": run_names - data_names, "only in the data": data_names - run_names}
    lines = [f"{where}: {first_few(sorted(names))}" for where, names in only.items() if names]
    raise InputError(f"{workdir} was trained for other classes than these data have ({'; '.join(lines)})")


def load_variables(path: Path, step: int = NEWEST) -> SavedVariables:
    """Reads the weights of the run in `path`, a workdir or an exported file.

    Args:
        step: of a workdir, the checkpoint: a step, the newest (0) or the best (-1).

    Raises:
        InputError: `path` is not a run, it has no such checkpoint, or the checkpoint is damaged.
    """
    if path.is_file():
        if step > 0:
            raise InputError(f"config.eval.step is {step}, but {path} holds one step only; leave the option out")
        variables, metadata = weights_file.load_file(path)
        check_finite(variables, str(path))
        name = shipped_name(path)
        source = f"{name}, weights that come with the package" if name else str(path)
        return SavedVariables(metadata["step"], variables, source, str(metadata.get("about", "")))
    folder = Workdir(path).checkpoints
    if not folder.is_dir():
        raise InputError(f"{path} is not a run; give a workdir with checkpoints, or an exported .safetensors file")
    from ssa2d_jax.runs.checkpoints import Checkpoints  # half a second, which an exported file doesn't need

    step, variables = Checkpoints(folder, read_only=True).restore_variables(step)
    return SavedVariables(step, variables, str(folder / str(step)))


def check_finite(variables: VariableDict, source: str) -> None:
    """Raises InputError if a value of `variables`, which are from `source`, is not finite."""
    names = non_finite_arrays(variables)
    if names:
        raise InputError(f"{source} has values that are not finite ({first_few(names)}): its training diverged")


def load_run(workdir: Path, config: ConfigDict) -> Run:
    """Reads checkpoint `config.eval.step` of the run in `workdir` (0 = newest, -1 = best), or an exported file.

    Raises:
        InputError: `workdir` is not a run, or `config` describes another network than the run's.
    """
    saved = check_same_network(run_config(workdir), config, workdir)
    saved.eval.mask_vote = config.eval.mask_vote
    return _load(workdir, saved, config.eval.step)


def load_run_as_saved(workdir: Path, step: int = NEWEST) -> Run:
    """Reads checkpoint `step` of the run in `workdir`, or an exported file, without comparing configs."""
    return _load(workdir, ConfigDict(add_missing_keys(run_config(workdir))), step)


def _load(workdir: Path, config: ConfigDict, step: int) -> Run:
    local_devices()  # an error in a line if there are none
    space = run_label_space(workdir)
    step, variables, source, about = load_variables(workdir, step)
    model = build_model(config.model, space, stats_axis=None)
    expected = variable_shapes(model, config)
    check_tree(expected, variables, source if workdir.is_file() else f"checkpoint {source}")
    log(f"restored {source}")
    if about:
        log(f"note: {about}")
    model = model.clone(mask_vote=float(config.eval.mask_vote))
    return Run(model, variables, step, config, space, about)
