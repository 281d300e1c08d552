"""What a fresh run starts from: random weights, trained I3D in the encoder, or all of an earlier run."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from ssa2d_jax import encoder_weights, exported, restore
from ssa2d_jax.batch import InputError
from ssa2d_jax.checkpoints import Checkpoints
from ssa2d_jax.encoder_weights import Weights
from ssa2d_jax.encoders import ENCODER
from ssa2d_jax.label_space import LabelSpace
from ssa2d_jax.steps import TrainState

ReadWeights = Callable[[str], Weights]
HEADS = ("actor_head", "action_head")  # their sizes are those of the label space
FRESH = "random"
FETCHED = "i3d_kinetics400_rgb.safetensors"
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
            made = "; make weights fetches it" if Path(path).name == FETCHED else ""
            raise InputError(f"config.init.{knob}: {path}: no such file or folder{made}")


def read(init: ConfigDict, read_weights: ReadWeights | None) -> Sources:
    """Reads all that `config.init` names, by `read_weights` if it is a file of I3D weights; InputError if it can't."""
    run = (*load_variables(Path(init.run)), restore.saved_space(Path(init.run))) if init.run else None
    files = {"rgb": init.encoder_weights, "flow": init.flow_weights}
    return Sources(run, {stream: (path, read_weights(path)) for stream, path in files.items() if path})


def start(state: TrainState, sources: Sources, space: LabelSpace) -> tuple[TrainState, str]:
    """`state`, of a network for `space`, with the weights of `sources`.

    -> (state, table of what came from where; "" if all is random).

    Raises InputError, with nothing loaded, where something doesn't fit.
    """
    variables: dict[str, Any] = {"params": state.params, "batch_stats": state.batch_stats}
    origin, skipped = dict.fromkeys(flatten_dict(variables, sep="/"), FRESH), {}
    if sources.run:
        found, where, classes = sources.run
        variables, origin = from_run(variables, found, where, other_heads(space, classes))
    for stream, (path, weights) in sources.weights.items():
        before = flatten_dict(variables, sep="/")
        variables, skipped[path] = encoder_weights.place(variables, weights, stream, path)
        after = flatten_dict(variables, sep="/")
        origin |= {name: path for name in after if after[name] is not before[name]}
    if set(origin.values()) == {FRESH}:
        return state, ""
    variables = jax.tree.map(jnp.asarray, variables)
    params = variables["params"]
    ema = jax.tree.map(jnp.copy, params) if state.ema else {}
    return state.replace(params=params, batch_stats=variables["batch_stats"], ema=ema), table(
        origin, variables, skipped
    )


def load_variables(path: Path) -> tuple[dict[str, Any], str]:
    """Parameters (averaged ones, if it has them) and statistics of the run in `path`, a workdir or an exported file.

    -> (variables, where exactly they are from). Of a workdir, the newest checkpoint.
    """
    if path.is_file():
        return exported.load(path)[0], str(path)
    if not (path / "checkpoints").is_dir():
        raise InputError(f"{path} is no run: needed is a workdir with checkpoints, or an exported .safetensors file")
    checkpoints = Checkpoints(path / "checkpoints", read_only=True)
    step, variables = checkpoints.restore_variables()
    return variables, str(path / "checkpoints" / str(step))


def other_heads(space: LabelSpace, other: LabelSpace) -> set[str]:
    """The heads that can't be handed over between networks for these classes: their outputs mean something else."""
    same = {"actor_head": space.actors == other.actors,
            "action_head": (space.actions, space.several) == (other.actions, other.several)}  # fmt: skip
    return {head for head in HEADS if not same[head]}


def from_run(
    variables: Any, found: Any, source: str, other_classes: set[str] = frozenset()
) -> tuple[dict[str, Any], dict[str, str]]:
    """`variables` as they are in `found`, those of an earlier run -> (variables, origin of every tensor).

    A head of another size, or named in `other_classes`, stays as it is. Raises InputError, which lists the differences,
    if any other tensor is missing, left over or of another shape.
    """
    wanted, there = flatten_dict(variables, sep="/"), flatten_dict(found, sep="/")
    other = {name for name in wanted.keys() & there.keys() if wanted[name].shape != there[name].shape}
    afresh = {head for head in HEADS if head in other_classes or any(_module(name) == head for name in other)}
    differences = sorted(
        [f"{name} is {list(there[name].shape)}, this model has {list(wanted[name].shape)}"
         for name in other if _module(name) not in afresh]
        + [f"{name} is missing" for name in wanted.keys() - there.keys()]
        + [f"{name} is not in this model" for name in there.keys() - wanted.keys()]
    )  # fmt: skip
    if differences:
        more = f"; and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
        raise InputError(
            f"config.init.run: {source} is of another network: {'; '.join(differences[:_SHOWN])}{more}. "
            "Only heads may differ; give config.model as that run has it"
        )
    origin = {name: FRESH if _module(name) in afresh else source for name in wanted}
    return unflatten_dict({n: wanted[n] if origin[n] == FRESH else there[n] for n in wanted}, sep="/"), origin


def table(origin: dict[str, str], variables: Any, skipped: dict[str, list[str]]) -> str:
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
