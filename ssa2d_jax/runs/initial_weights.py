"""What a fresh run starts from: random weights, trained I3D in the encoder, or all weights of an earlier run."""

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from flax.typing import VariableDict
from jaxtyping import Shaped
from ml_collections import ConfigDict

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.pretrained.load_encoder import Weights, fill_encoder
from ssa2d_jax.pretrained.shipped import find_run
from ssa2d_jax.runs.load_run import check_finite, load_variables, run_label_space
from ssa2d_jax.steps.state import TrainState
from ssa2d_jax.utils.array_trees import compare_arrays
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few

ReadWeights = Callable[[str], Weights]
Origin = dict[str, str]  # name of a tensor -> where its values are from
RANDOM = "random"
_BACKGROUND = "background"  # the first actor and, unless there are several actions a pixel, the first action
_SHOWN = 6


@dataclasses.dataclass(frozen=True)
class EarlierRun:
    """The weights of an earlier run, the file or checkpoint they are from, and the run's classes."""

    variables: VariableDict
    source: str
    space: LabelSpace


@dataclasses.dataclass(frozen=True)
class Sources:
    """What `config.init` names, read: an earlier run; by stream, a file and its I3D weights."""

    run: EarlierRun | None
    weights: dict[str, tuple[str, Weights]]


def read_sources(init: ConfigDict, read_weights: ReadWeights | None) -> Sources:
    """Reads everything that `config.init` names; InputError if that is not possible.

    Args:
        read_weights: reads a file of I3D weights; needed if `init` names one.
    """
    run = None
    if init.run:
        path = find_run(init.run)
        saved = load_variables(path)
        run = EarlierRun(saved.variables, saved.source, run_label_space(path))
    paths = {"rgb": init.encoder_weights, "flow": init.flow_weights}
    weights: dict[str, tuple[str, Weights]] = {}
    for stream, file in paths.items():
        if file:
            assert read_weights is not None, "config.init names weights, but nothing can read them"
            weights[stream] = file, read_weights(file)
    return Sources(run, weights)


def apply_weights(state: TrainState, sources: Sources, space: LabelSpace) -> tuple[TrainState, str]:
    """Puts the weights of `sources` into a fresh state.

    Args:
        space: the classes of the state's network.

    Returns:
        The new state, and a table of what came from where; "" if all weights are random.

    Raises:
        InputError: something does not fit; nothing is loaded then.
    """
    variables: VariableDict = {"params": state.params, "batch_stats": state.batch_stats}
    origin: Origin = dict.fromkeys(flatten_dict(variables, sep="/"), RANDOM)
    unused: dict[str, list[str]] = {}
    if sources.run:
        heads = head_outputs(space, sources.run.space)
        variables, origin = from_run(variables, sources.run.variables, sources.run.source, heads)
    for stream, (path, weights) in sources.weights.items():
        before = flatten_dict(variables, sep="/")
        variables, unused[path] = fill_encoder(variables, weights, stream, path)
        after = flatten_dict(variables, sep="/")
        origin |= {name: path for name in after if after[name] is not before[name]}
    if set(origin.values()) == {RANDOM}:
        return state, ""
    variables = jax.tree.map(jnp.asarray, variables)
    check_finite(variables, "config.init: what it names")
    params = variables["params"]
    ema = jax.tree.map(jnp.copy, params) if state.ema else {}
    state = dataclasses.replace(state, params=params, batch_stats=variables["batch_stats"], ema=ema)
    return state, origin_table(origin, variables, unused)


@dataclasses.dataclass(frozen=True)
class HeadOutputs:
    """The classes of a head's outputs, in order: of this network, and of an earlier run."""

    names: tuple[str, ...]
    run_names: tuple[str, ...]

    @property
    def shared(self) -> list[str]:
        """Classes that both have; empty if only the background is shared."""
        shared = [name for name in self.names if name in self.run_names]
        return shared if set(shared) - {_BACKGROUND} else []

    def origin(self, source: str) -> str:
        """Where the head's tensors are from, if the run's are from `source`."""
        shared = set(self.shared)
        new = [name for name in self.names if name not in shared]
        if not shared:
            return RANDOM
        return f"{source}, but random for {first_few(new, _SHOWN)}" if new else source

    def merge(
        self, fresh: Shaped[jax.Array, "*shape classes"], run: Shaped[jax.Array, "*shape run_classes"]
    ) -> Shaped[np.ndarray, "*shape classes"]:
        """A tensor of the head with the run's values for shared classes and fresh ones for the others."""
        result = np.array(fresh)
        places = [self.names.index(name) for name in self.shared]
        run_places = [self.run_names.index(name) for name in self.shared]
        result[..., places] = np.asarray(run)[..., run_places]
        return result


def head_outputs(space: LabelSpace, run_space: LabelSpace) -> dict[str, HeadOutputs]:
    """The outputs of the modules with one for each class, of a network for `space` and of a run for `run_space`."""
    actions, run_actions = space.action_outputs, run_space.action_outputs
    if space.multilabel != run_space.multilabel:  # one has a sigmoid, the other a softmax
        run_actions = ()
    without = lambda names: tuple(name for name in names if name != _BACKGROUND)
    return {
        "actor_head": HeadOutputs(space.actors, run_space.actors),
        "action_head": HeadOutputs(actions, run_actions),
        "actor_context": HeadOutputs(without(space.actors), without(run_space.actors)),
        "action_context": HeadOutputs(without(actions), without(run_actions)),
    }


def from_run(
    variables: VariableDict, run_variables: VariableDict, source: str, heads: Mapping[str, HeadOutputs]
) -> tuple[VariableDict, Origin]:
    """Takes the values of an earlier run's variables; in heads, the outputs for classes of the same name.

    Returns:
        The new variables, and the origin of every tensor.

    Raises:
        InputError: a tensor is missing, unexpected or of another shape, apart from the number of classes; the message
            lists the differences.
    """
    fresh, saved = flatten_dict(variables, sep="/"), flatten_dict(run_variables, sep="/")
    head_of = {name: heads[_module(name)] for name in (*fresh, *saved) if _module(name) in heads}
    differences = compare_arrays(fresh, saved, dtypes=False, free_last_axis=head_of).lines()
    if differences:
        raise InputError(
            f"config.init.run: {source} is of another network: {first_few(differences, _SHOWN, '; ')}. "
            "Only the classes of the heads may differ; give config.model as that run has it"
        )
    merged = {name: head_of[name].merge(fresh[name], saved[name]) for name in fresh if name in head_of}
    origin = {name: head_of[name].origin(source) if name in head_of else source for name in fresh}
    return unflatten_dict(saved | merged, sep="/"), origin


def origin_table(origin: Origin, variables: VariableDict, unused: Mapping[str, list[str]]) -> str:
    """A table: part of the network, number of its values, where they are from; then what of the files is not used."""
    sizes = {name: array.size for name, array in flatten_dict(variables, sep="/").items()}
    rows: dict[tuple[str, str], int] = {}
    for name, source in origin.items():
        _, module, rest = name.split("/", 2)
        part = f"{module}/{rest.split('/')[0]}" if module == ENCODER else module
        rows[part, source] = rows.get((part, source), 0) + sizes[name]
    lines = [f"{'initial weights':<24}{'values':>12}  from"]
    lines += [f"{part:<24}{values:>12,}  {source}" for (part, source), values in sorted(rows.items())]
    for path, names in unused.items():
        blocks = sorted({name.split("/")[0] for name in names})
        if blocks:
            lines.append(f"left out of {path}: {', '.join(blocks)} ({len(names)} tensors), which this network lacks")
    return "\n".join(lines)


def _module(name: str) -> str:
    return name.split("/")[1]
