"""The network that a config describes, and the state that a training step reads and writes."""

from collections.abc import Callable, Sequence
from typing import Any, no_type_check

import flax.struct
import jax
import jax.numpy as jnp
import optax
from flax.typing import Collection, VariableDict
from jaxtyping import Int32
from ml_collections import ConfigDict

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.initializers import draw_together, undrawn
from ssa2d_jax.models.lowering import Lowering, use_lowering
from ssa2d_jax.models.ssa2d import SSA2D


@no_type_check  # at run time: jax rebuilds the state with other leaves than arrays (shapes, shardings, None)
@flax.struct.dataclass
class TrainState:
    """All that a training step reads and writes, and all that a checkpoint holds."""

    step: Int32[jax.Array, ""]  # training steps done
    params: Collection
    batch_stats: Collection
    opt_state: Any  # of optax
    ema: Collection  # moving average of the parameters, {} if it is switched off

    def variables(self) -> dict[str, Collection]:
        """Returns what evaluation and prediction use: the averaged parameters if there are any."""
        return {"params": self.ema or self.params, "batch_stats": self.batch_stats}


def build_model(config: ConfigDict, space: LabelSpace, stats_axis: str | None) -> SSA2D:
    """Builds the network that `config.model` describes, with heads for the classes of `space`.

    Args:
        stats_axis: the device axis over which batch norm shares statistics, None for one device.
    """
    fields = dict(config)
    fields["context_endpoints"] = tuple(fields["context_endpoints"])
    dtype = jnp.bfloat16 if fields.pop("bfloat16") else jnp.float32
    return SSA2D(classes=space.heads, has_background=not space.multilabel, stats_axis=stats_axis, dtype=dtype, **fields)


def init_state(
    model: SSA2D, optimizer: optax.GradientTransformation, config: ConfigDict, only: Sequence[str] | None = None
) -> TrainState:
    """Makes the state before the first step; its weights depend on `config.seed` (on one backend and XLA version).

    Args:
        model: the network.
        optimizer: whose state is made, too.
        config: of the run.
        only: modules that get random values; all others are zeros, which the caller replaces. That compiles much
            faster. None: all.
    """
    variables = init_variables(model, config, only)
    params = variables["params"]
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=variables["batch_stats"],
        opt_state=jax.jit(optimizer.init)(params),
        ema=jax.tree.map(jnp.copy, params) if config.train.ema_decay > 0 else {},
    )


def init_variables(model: SSA2D, config: ConfigDict, only: Sequence[str] | None = None) -> VariableDict:
    """Makes random parameters and initial statistics, `params` and `batch_stats`; for `only` see `init_state`."""
    arguments = _init_arguments(model, config)
    init = draw_together(_init_without_computing(model))
    if only is None:
        return jax.jit(init)(*arguments)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), variable_shapes(model, config))
    # XLA leaves out what the result does not need.
    chosen = jax.jit(lambda *x: _chosen(init(*x)["params"], only))
    return {**zeros, "params": {**zeros["params"], **chosen(*arguments)}}


def variable_shapes(model: SSA2D, config: ConfigDict) -> VariableDict:
    """Shapes and dtypes of what `init_variables` makes; nothing is computed."""
    with undrawn():
        return jax.eval_shape(_init_without_computing(model), *_init_arguments(model, config))


def _init_arguments(model: SSA2D, config: ConfigDict) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    shape = (1, config.data.clip_frames, *config.data.size)
    flow = jnp.zeros((*shape, 2)) if model.flow else None
    # The "rbg" generator compiles several times faster than the default one.
    return jax.random.key(config.seed, impl="rbg"), jnp.zeros((*shape, 3)), flow


def _init_without_computing(model: SSA2D) -> Callable[..., VariableDict]:
    def init(key: jax.Array, *inputs: jax.Array | None) -> VariableDict:
        with use_lowering(Lowering.SHAPES):
            return model.init(key, *inputs)

    return init


def _chosen(params: Collection, names: Sequence[str]) -> Collection:
    return {name: params[name] for name in names if name in params}  # not every network has all modules
