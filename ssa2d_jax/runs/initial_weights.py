"""What a fresh run starts from: random weights, trained I3D in the encoder, or all of an earlier run."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.pretrained.place import Weights, place
from ssa2d_jax.runs import weights_file
from ssa2d_jax.runs.checkpoints import Checkpoints
from ssa2d_jax.runs.run import run_label_space
from ssa2d_jax.steps.state import TrainState
from ssa2d_jax.utils.errors import InputError

ReadWeights = Callable[[str], Weights]
FRESH = "random"
FETCHED_WEIGHTS = "i3d_kinetics400_rgb.safetensors"
_SHOWN = 6


@dataclasses.dataclass(frozen=True)
class Sources:
    """What `config.init` names, read: an earlier run, where it is from, its classes; file and I3D weights by stream."""

    run: tuple[dict[str, Any], str, LabelSpace] | None
    weights: dict[str, tuple[str, Weights]]


def check_paths(init: ConfigDict, workdir: Path) -> None:
    """InputError where what `init` names is not there, to be said before data are prepared, not hours later.

    A run that has a checkpoint in `workdir` needs none of it any more.
    """
    if any((workdir / "checkpoints").glob("[0-9]*")):
        return
    for knob, path in init.items():
        # A TensorFlow checkpoint goes by a prefix that is no file itself.
        if path and not Path(path).exists() and not Path(f"{path}.index").exists():
            made = "; make weights fetches it" if Path(path).name == FETCHED_WEIGHTS else ""
            raise InputError(f"config.init.{knob}: {path}: no such file or folder{made}")


def read_sources(init: ConfigDict, read_weights: ReadWeights | None) -> Sources:
    """Reads all that `config.init` names, by `read_weights` if it is a file of I3D weights; InputError if it can't."""
    run = (*load_variables(Path(init.run)), run_label_space(Path(init.run))) if init.run else None
    files = {"rgb": init.encoder_weights, "flow": init.flow_weights}
    return Sources(run, {stream: (path, read_weights(path)) for stream, path in files.items() if path})


def apply_weights(state: TrainState, sources: Sources, space: LabelSpace) -> tuple[TrainState, str]:
    """`state`, of a network for `space`, with the weights of `sources`.

    -> (state, table of what came from where; "" if all is random).

    Raises InputError, with nothing loaded, where something doesn't fit.
    """
    variables: dict[str, Any] = {"params": state.params, "batch_stats": state.batch_stats}
    origin, skipped = dict.fromkeys(flatten_dict(variables, sep="/"), FRESH), {}
    if sources.run:
        found, where, classes = sources.run
        variables, origin = from_run(variables, found, where, head_outputs(space, classes))
    for stream, (path, weights) in sources.weights.items():
        before = flatten_dict(variables, sep="/")
        variables, skipped[path] = place(variables, weights, stream, path)
        after = flatten_dict(variables, sep="/")
        origin |= {name: path for name in after if after[name] is not before[name]}
    if set(origin.values()) == {FRESH}:
        return state, ""
    variables = jax.tree.map(jnp.asarray, variables)
    params = variables["params"]
    ema = jax.tree.map(jnp.copy, params) if state.ema else {}
    return state.replace(params=params, batch_stats=variables["batch_stats"], ema=ema), origin_table(
        origin, variables, skipped
    )


def load_variables(path: Path) -> tuple[dict[str, Any], str]:
    """Parameters (averaged ones, if it has them) and statistics of the run in `path`, a workdir or an exported file.

    -> (variables, where exactly they are from). Of a workdir, the newest checkpoint.
    """
    if path.is_file():
        return weights_file.load_file(path)[0], str(path)
    if not (path / "checkpoints").is_dir():
        raise InputError(f"{path} is no run: needed is a workdir with checkpoints, or an exported .safetensors file")
    checkpoints = Checkpoints(path / "checkpoints", read_only=True)
    step, variables = checkpoints.restore_variables()
    return variables, str(path / "checkpoints" / str(step))


@dataclasses.dataclass(frozen=True)
class HeadOutputs:
    """Which outputs of a head mean what those of an earlier run's do: classes in order, here and there."""

    here: tuple[str, ...]
    there: tuple[str, ...]

    @property
    def known(self) -> list[str]:
        """The classes of both; none where the background is all that is."""
        both = [name for name in self.here if name in self.there]
        return both if set(both) - {"background"} else []

    def origin(self, source: str) -> str:
        """What to say of the head's tensors, if the run's are from `source`."""
        known = set(self.known)
        new = [name for name in self.here if name not in known]
        told = ", ".join(new[:_SHOWN]) + (f" and {len(new) - _SHOWN} more" if len(new) > _SHOWN else "")
        return f"{source}, but random for {told}" if known and new else source if known else FRESH

    def filled(self, fresh: Any, found: Any) -> Any:
        """`fresh`, [..., classes], with what `found` has of the known ones."""
        result, known = np.array(fresh), self.known
        result[..., [self.here.index(name) for name in known]] = np.asarray(found)[
            ..., [self.there.index(name) for name in known]
        ]
        return result


def head_outputs(space: LabelSpace, other: LabelSpace) -> dict[str, HeadOutputs]:
    """The classes of the heads, those of a network for `space` and those of a run for `other`."""
    actions = space.action_outputs, other.action_outputs
    if space.multilabel != other.multilabel:  # sigmoid here and softmax there
        actions = space.action_outputs, ()
    return {"actor_head": HeadOutputs(space.actors, other.actors), "action_head": HeadOutputs(*actions)}


def from_run(
    variables: Any, found: Any, source: str, heads: Mapping[str, HeadOutputs]
) -> tuple[dict[str, Any], dict[str, str]]:
    """`variables` as they are in `found`, those of an earlier run -> (variables, origin of every tensor).

    Of heads the outputs for classes of the same name are taken; the others stay as they are. Raises InputError, which
    lists the differences, if any tensor is missing, left over or of another shape, apart from the number of classes.
    """
    wanted, there = flatten_dict(variables, sep="/"), flatten_dict(found, sep="/")
    shape = lambda name, array: array.shape[:-1] if _module(name) in heads else array.shape
    other = {name for name in wanted.keys() & there.keys() if shape(name, wanted[name]) != shape(name, there[name])}
    differences = sorted(
        [f"{name} is {list(there[name].shape)}, this model has {list(wanted[name].shape)}" for name in other]
        + [f"{name} is missing" for name in wanted.keys() - there.keys()]
        + [f"{name} is not in this model" for name in there.keys() - wanted.keys()]
    )  # fmt: skip
    if differences:
        more = f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise InputError(
            f"config.init.run: {source} is of another network: {'; '.join(differences[:_SHOWN])}{more}. "
            "Only heads may differ; give config.model as that run has it"
        )
    origin = {name: heads[_module(name)].origin(source) if _module(name) in heads else source for name in wanted}
    taken = there | {
        name: heads[_module(name)].filled(wanted[name], there[name]) for name in wanted if _module(name) in heads
    }
    return unflatten_dict(taken, sep="/"), origin


def origin_table(origin: dict[str, str], variables: Any, skipped: dict[str, list[str]]) -> str:
    """Part of the network, its values, and where they are from; then what of the files was left out."""
    sizes = {name: array.size for name, array in flatten_dict(variables, sep="/").items()}
    rows: dict[tuple[str, str], int] = {}
    for name, source in origin.items():
        _, module, rest = name.split("/", 2)
        part = f"{module}/{rest.split('/')[0]}" if module == ENCODER else module
        rows[part, source] = rows.get((part, source), 0) + sizes[name]
    lines = [f"{'initial weights':<24}{'values':>12}  from"]
    lines += [f"{part:<24}{values:>12,}  {source}" for (part, source), values in sorted(rows.items())]
    for path, names in skipped.items():
        blocks = sorted({name.split("/")[0] for name in names})
        if blocks:
            lines.append(f"left out of {path}: {', '.join(blocks)} ({len(names)} tensors), which have no place here")
    return "\n".join(lines)


def _module(name: str) -> str:
    return name.split("/")[1]
