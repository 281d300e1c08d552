"""Training and scoring of decoders on kept endpoints, a fold at a time; tools/fold_study.py compares them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax.typing import VariableDict
from ml_collections import ConfigDict

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.evaluation.metrics import ConfusionTotals, Matrix
from ssa2d_jax.runs.defaults import THRESHOLD
from ssa2d_jax.steps import optimizer, schedule
from ssa2d_jax.steps.device_axis import DEVICES
from ssa2d_jax.steps.eval_step import eval_step
from ssa2d_jax.steps.state import TrainState, build_model, init_state
from ssa2d_jax.steps.train_step import train_step
from ssa2d_jax.training.setup import loss_weights
from ssa2d_jax.utils.progress import Progress
from tools.endpoint_files import EndpointFiles, endpoints_given, video_of

_BATCH = 8


class Clips(NamedTuple):
    """The training clips of a release: augmented and as they are, with the fold of each video.

    `mark` stands for the data and for how they were read.
    """

    augmented: EndpointFiles
    plain: EndpointFiles
    fold_of: Mapping[str, int]
    space: LabelSpace
    mark: str


def train(config: ConfigDict, clips: Clips, fold: int) -> VariableDict:
    """Trains the decoders on all folds but one, and returns their variables, averaged where the config says so."""
    versions: dict[str, list[int]] = {}
    for number in _outside_fold(clips, fold):
        versions.setdefault(clips.augmented.clip_ids[number], []).append(number)
    model = build_model(config.model, clips.space, stats_axis=DEVICES)
    phases = config.train.lr_phases, len(versions), _BATCH, config.train.min_steps
    rule = optimizer.make_optimizer(config.train, schedule.learning_rate(*phases))
    shape = (config.data.clip_frames, *config.data.size)
    options = dict(microbatches=1, ema_decay=config.train.ema_decay)
    step = _compiled(
        partial(train_step, model=model, optimizer=rule, loss_weights=loss_weights(config.loss), **options), shape
    )
    total = sum(schedule.phase_lengths(*phases))
    order = _order(list(versions.values()), total * _BATCH, config.seed)
    state = _start(config, model, rule, clips)
    progress = Progress("training", "steps", total)
    for number in range(total):
        state, _ = step(state, *clips.augmented.read(order[number * _BATCH : (number + 1) * _BATCH]))
        progress.add(1)
    return state.variables()


def score(config: ConfigDict, variables: VariableDict, clips: Clips, fold: int) -> dict[str, Matrix]:
    """The confusion matrices, by kind of label, of trained decoders on the fold that they didn't learn from."""
    space = _taught(clips, _outside_fold(clips, fold))
    model = build_model(config.model, space, stats_axis=DEVICES).clone(mask_vote=float(config.eval.mask_vote))
    shape = (config.data.clip_frames, *config.data.size)
    count = _compiled(partial(eval_step, model=model, space=space, threshold=THRESHOLD), shape)
    totals = ConfusionTotals.empty(space)
    for number, name in enumerate(clips.plain.clip_ids):
        if clips.fold_of[video_of(name)] == fold:
            counts, _ = count(variables, *clips.plain.read([number]))
            totals.add(counts)
    return totals.matrices


def _outside_fold(clips: Clips, fold: int) -> list[int]:
    names = clips.augmented.clip_ids
    return [number for number, name in enumerate(names) if clips.fold_of[video_of(name)] != fold]


def _taught(clips: Clips, inside: Sequence[int]) -> LabelSpace:
    """The classes, of which the clips in training show only some pairs."""
    labels = clips.augmented.labels
    codes = np.unique(labels["actor"][inside].astype(np.int64) * 256 + labels["action"][inside])
    return clips.space.taught([divmod(int(code), 256) for code in codes])


def _order(versions: Sequence[Sequence[int]], count: int, seed: int) -> list[int]:
    """Numbers of clips: every clip once an epoch, in random order, and one version after the other."""
    numbers: list[int] = []
    while len(numbers) < count:
        epoch = len(numbers) // len(versions)
        order = np.random.default_rng((seed, epoch)).permutation(len(versions))
        numbers += [versions[clip][epoch % len(versions[clip])] for clip in order]
    return numbers[:count]


def _compiled(function: Callable[..., Any], shape: tuple[int, ...]) -> Callable[..., Any]:
    """A step on endpoints: (state or variables, labels, endpoints) -> what `function` returns."""

    def run(state: Any, labels: Any, endpoints: Any) -> Any:
        video = jnp.zeros((len(labels["clip_valid"]), *shape, 3), jnp.uint8)  # only its shape is read
        with endpoints_given(endpoints):
            return function(state, {**labels, "video": video})

    # The steps sum over an axis of devices; here it has the length 1.
    over_devices = jax.vmap(run, in_axes=(None, 0, 0), axis_name=DEVICES)
    add_axis, drop_axis = (partial(jax.tree.map, take) for take in (lambda x: x[None], lambda x: x[0]))
    return jax.jit(lambda state, *arrays: drop_axis(over_devices(state, *map(add_axis, arrays))))


def _start(config: ConfigDict, model: Any, rule: Any, clips: Clips) -> TrainState:
    _, endpoints = clips.plain.read([0])
    with endpoints_given({name: jnp.asarray(x) for name, x in endpoints.items()}):
        return init_state(model.clone(stats_axis=None), rule, config)
