"""A toy config and toy batches: the real constructors at the smallest size."""

import jax
import numpy as np

from configs import default
from ssa2d_jax import steps
from ssa2d_jax.batch import Source
from ssa2d_jax.restore import Run


def toy_config():
    config = default.get_config()
    config.data.clip_frames, config.data.size = 4, (32, 32)
    config.data.processes = 1
    config.model.encoder_width = config.model.decoder_width = 0.0625
    config.train.batch_size, config.eval.batch_size = 4, 4
    config.train.phases = ((2.0, 1e-3, 1e-3),)
    config.train.image_clips = 1
    return config


def toy_batch(seed, batch=4, labelled=2, frames=4, size=(32, 32)):
    """Random video, blocks of a valid actor-action pair as labels."""
    rng = np.random.default_rng(seed)
    actor, action = (np.zeros((batch, labelled, *size), np.uint8) for _ in range(2))
    for i in range(batch):
        top, left = rng.integers(0, 16, 2)
        actor[i, :, top : top + 12, left : left + 12] = 1 + i % 7
        action[i, :, top : top + 12, left : left + 12] = 9
    return {
        "video": rng.integers(0, 256, (batch, frames, *size, 3)).astype(np.uint8),
        "label_time": rng.integers(0, frames, (batch, labelled)).astype(np.int32),
        "label_valid": np.ones((batch, labelled), bool),
        "actor": actor,
        "action": action,
        "label_size": np.full((batch, 2), size, np.int32),
        "clip_valid": np.ones(batch, bool),
    }


def toy_source(train_clips=8):
    """Endless training batches that follow from the update's number; one evaluation batch."""

    def train_batches(step):
        while True:
            yield toy_batch(step)
            step += 1

    return Source(
        train_clips=train_clips,
        label_frames={"test": 8},
        left_out={"test": 0},
        identity=f"toy batches, {train_clips} clips",
        train_batches=train_batches,
        eval_batches=lambda split: iter([toy_batch(1000)]),
    )


def several_batch(seed):
    """`toy_batch` with two actions, the first two, wherever there is an actor."""
    batch = toy_batch(seed)
    action = np.zeros((*batch["actor"].shape, 42), bool)
    action[..., :2] = (batch["actor"] > 0)[..., None]
    return batch | {"action": action}


def toy_run(space, flow=False):
    """A network with random weights and statistics."""
    config = toy_config()
    config.model.flow = flow
    model = steps.build_model(config.model, space, stats_axis=None)
    variables = jax.eval_shape(lambda: steps.init_variables(model, config))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda x: 0.3 * rng.standard_normal(x.shape, np.float32), variables)
    variables["batch_stats"] = jax.tree.map(lambda x: np.abs(x) + 0.1, variables["batch_stats"])
    return Run(model, variables, 7, config, space)
