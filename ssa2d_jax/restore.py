"""A trained network from its workdir, ready to evaluate or predict."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from ssa2d_jax import optimizer, settings, steps
from ssa2d_jax.checkpoints import Checkpoints
from ssa2d_jax.label_space import LabelSpace
from ssa2d_jax.progress import say
from ssa2d_jax.ssa2d import SSA2D


@dataclasses.dataclass(frozen=True)
class Run:
    """A network, its weights and statistics, and after how many updates they were saved."""

    model: SSA2D
    variables: Any
    step: int


def load_run(workdir: Path, config: ConfigDict, space: LabelSpace) -> Run:
    """Restores checkpoint `config.eval.step` of the run in `workdir` (0 = newest, -1 = best).

    Raises InputError when `workdir` holds no run, or one of another network than `config` describes.
    """
    saved = settings.network_of(workdir, config)
    model = steps.build_model(saved.model, space, stats_axis=None)
    tx = optimizer.make_optimizer(saved.train, schedule=lambda _: 0.0)
    template = jax.eval_shape(lambda: steps.init_state(model, tx, saved))
    place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    template = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), template)
    checkpoints = Checkpoints(workdir / "checkpoints", read_only=True)
    step, state = checkpoints.restore(template, config.eval.step)
    say(f"restored {checkpoints.folder / str(step)}")
    return Run(model, state.variables(), step)
