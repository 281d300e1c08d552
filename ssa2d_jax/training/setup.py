"""What a training run consists of: its workdir, network, compiled steps, checkpoints, tables and TensorBoard."""

import functools
import json
from pathlib import Path
from typing import NamedTuple

import jax
import optax
from clu import metric_writers, parameter_overview
from ml_collections import ConfigDict, FrozenConfigDict

from ssa2d_jax.data.batch import Source
from ssa2d_jax.data.label_space import KINDS, LabelSpace
from ssa2d_jax.evaluation.evaluate import Evaluator
from ssa2d_jax.evaluation.metrics import SCORES, Result
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.runs import initial_weights, saved_config
from ssa2d_jax.runs.checkpoints import Checkpoints
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.runtime import processes
from ssa2d_jax.runtime.finite import non_finite_arrays
from ssa2d_jax.steps import devices, optimizer, schedule
from ssa2d_jax.steps.device_axis import DEVICES
from ssa2d_jax.steps.state import TrainState, build_model, init_state
from ssa2d_jax.training.log import ADVICE, COLUMNS, NoTable, RowTable, TrainLog
from ssa2d_jax.training.open_rows import EMPTY, OpenRow, read_open_row, write_open_row
from ssa2d_jax.utils.csv_history import CsvHistory
from ssa2d_jax.utils.errors import Diverged
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import compile_note, log, waiting
from ssa2d_jax.utils.signals import StopSignal
from ssa2d_jax.utils.text import first_few

SAVING = "saving after this step"  # at SIGTERM or Ctrl-C
SAVING_FIRST = (
    "saving after the first step, when the compiler is done, which can't be stopped; kill -9 ends everything at once, "
    "and loses nothing that was saved before"
)


class StepParts(NamedTuple):
    """A network, its optimizer, and the compiled training step (see `devices.pmap_train_step`)."""

    model: SSA2D
    optimizer: optax.GradientTransformation
    train_step: devices.TrainStep


def make_step(config: ConfigDict, source: Source) -> StepParts:
    """The network and training step that `config` describes, for the classes and the number of clips of `source`.

    Equal ones of a process are compiled once, until `jax.clear_caches()`, which an ablation calls after every run: its
    further seeds read the programs from the compile cache of the disk.
    """
    model, train, loss = (FrozenConfigDict(part) for part in (config.model, config.train, config.loss))
    return _step_of(model, train, loss, source.space, source.train_clips)


@functools.lru_cache(maxsize=32)
def _step_of(
    network: FrozenConfigDict, train: FrozenConfigDict, loss: FrozenConfigDict, space: LabelSpace, clips: int
) -> StepParts:
    rule = optimizer.make_optimizer(train, _schedule(train, clips))
    model = build_model(network, space, stats_axis=DEVICES)
    train_step = devices.pmap_train_step(
        model,
        rule,
        loss_weights=loss_weights(loss),
        microbatches=train.grad_accum_steps,
        ema_decay=train.ema_decay,
        freeze_encoder=train.encoder_lr_scale == 0,
    )
    return StepParts(model, rule, train_step)


def loss_weights(loss: ConfigDict | FrozenConfigDict) -> dict[str, float]:
    """How much the loss of every branch counts, by `config.loss`."""
    return {branch: loss[f"{branch}_weight"] for branch in ("actor", "action", "mask")}


def total_steps(config: ConfigDict, source: Source) -> int:
    """Number of training steps of all phases together."""
    train = config.train
    return sum(schedule.phase_lengths(train.lr_phases, source.train_clips, train.batch_size, train.min_steps))


def _schedule(train: ConfigDict | FrozenConfigDict, clips: int) -> optax.Schedule:
    return schedule.learning_rate(train.lr_phases, clips, train.batch_size, train.min_steps)


class Training:
    """The fixed parts of a training run: network, compiled steps, checkpoints, tables, TensorBoard."""

    def __init__(
        self,
        config: ConfigDict,
        workdir: Path,
        source: Source,
        read_weights: initial_weights.ReadWeights | None = None,
    ):
        train = config.train
        self.config, self.source, self.files = config, source, Workdir(workdir)
        self.read_weights = read_weights
        self.total = total_steps(config, source)
        self.model, self.optimizer, self.train_step = make_step(config, source)
        self.evaluator = Evaluator.from_model(
            self.model.clone(mask_vote=float(config.eval.mask_vote)),
            source.space,
            source,
            workdir,
            threshold=config.eval.threshold,
            published=config.eval.published,
            image_clips=train.image_clips,
        )
        if processes.is_first():
            self.checkpoints = Checkpoints(self.files.checkpoints, keep=train.keep_checkpoints)
            self.writer: metric_writers.MetricWriter = metric_writers.SummaryWriter(str(workdir))
        else:  # the first process writes for all
            self.writer = metric_writers.MultiWriter([])
        self.stop = StopSignal(SAVING)
        self.agreement = devices.Agreement()
        self.history: RowTable
        self.scores: RowTable

    def resume_or_initialize(self) -> TrainState:
        """The state of the newest checkpoint; without one a fresh state, with the weights that `config.init` names.

        The first of several processes makes it, and the others get its arrays.
        """
        if processes.count() == 1:
            return devices.replicate(self._make_state())
        made: list[TrainState] = []
        processes.on_first(lambda: made.append(self._make_state()))
        model = self.model.clone(stats_axis=None)
        template = jax.eval_shape(lambda: init_state(model, self.optimizer, self.config))
        return devices.replicate(processes.broadcast(made[0] if made else None, template))

    def _make_state(self) -> TrainState:
        is_fresh = not self.checkpoints.steps()
        # Files are read before the network is initialized, which takes long: a wrong file is an error at once.
        sources = initial_weights.read_sources(self.config.init, self.read_weights) if is_fresh else None
        model = self.model.clone(stats_axis=None)
        if sources is None:
            expected = jax.eval_shape(lambda: init_state(model, self.optimizer, self.config))
            step, state = self.checkpoints.restore(expected)
            log(f"resumed from {self.checkpoints.folder / str(step)}")
        else:
            space = self.source.space
            with waiting("initializing the network", compile_note("up to a minute")):
                # All but the heads comes from the earlier run, if there is one.
                only = tuple(initial_weights.head_outputs(space, space)) if sources.run else None
                state = init_state(model, self.optimizer, self.config, only)
            state, table = initial_weights.apply_weights(state, sources, self.source.space)
            self._describe_start(state, table)
        return state

    def _describe_start(self, state: TrainState, origin_table: str) -> None:
        """Writes where the weights came from, the parameters and the config."""
        self.files.initial_weights.unlink(missing_ok=True)  # of an earlier start that saved nothing
        if origin_table:
            log(origin_table)
            replace_text(self.files.initial_weights, origin_table + "\n")
        overview = parameter_overview.get_parameter_overview(state.params, include_stats=False)
        options = saved_config.flatten(self.config.to_dict())
        lines = "\n".join(f"config.{key} = {value!r}" for key, value in options.items())
        self.writer.write_texts(0, {"config": f"```\n{lines}\n```", "parameters": f"```\n{overview}\n```"})
        self.files.parameters.write_text(overview + "\n")

    def open_tables(self, step: int) -> None:
        """Opens the tables of the run, which the first process writes; rows after step `step` are dropped."""
        if not processes.is_first():
            self.history, self.scores = NoTable(), NoTable()
            return
        names = [f"{kind}_{score}" for kind in KINDS for score in SCORES]
        self.history = CsvHistory(self.files.training_history, COLUMNS, step)
        self.scores = CsvHistory(self.files.score_history, ["step", "split", *names], step, key_columns=2)

    def new_log(self, step: int) -> TrainLog:
        """The log of the training from now on, after step `step`."""
        train = self.config.train
        return TrainLog(
            step,
            total=self.total,
            batch_size=train.batch_size,
            log_every=train.log_every,
            schedule=_schedule(train, self.source.train_clips),
            writer=self.writer,
            table=self.history,
            usable_checkpoints=self.usable,
            open_row=read_open_row(self.files.open_rows, step),
        )

    def write_scores(self, step: int, split: str, result: Result) -> None:
        """Writes the scores on a split to TensorBoard and to the table of scores."""
        values = {f"{kind}_{score}": result[kind][score] for kind in KINDS for score in SCORES}
        scalars = {f"{split}/{name}": value for name, value in values.items()}
        precision = result.get("mean_average_precision", {})
        scalars |= {f"{split}/{kind}_mean_average_precision": value for kind, value in precision.items()}
        self.writer.write_scalars(step, scalars)
        self.scores.add({"step": step, "split": split, **values})

    def save(self, state: TrainState, joint_miou: float | None, open_row: OpenRow = EMPTY) -> None:
        """Saves a checkpoint; `joint_miou` in percent if the state was just evaluated. Raises Diverged, see `check`."""
        self.check(state)
        processes.on_first(lambda: self.save_here(state, joint_miou, open_row))

    def save_here(self, state: TrainState, joint_miou: float | None, open_row: OpenRow = EMPTY) -> None:
        """Saves a checkpoint if this is the first process, without waiting for the others."""
        if not processes.is_first():
            return
        write_open_row(self.files.open_rows, int(state.step), open_row)
        config = json.loads(json.dumps(self.config.to_dict()))
        # Orbax takes arrays that other processes don't have for parts of a whole, unless they are numpy's.
        saved = state if processes.count() == 1 else jax.device_get(state)
        self.checkpoints.save(int(state.step), saved, config, joint_miou)

    def usable(self) -> str:
        """The checkpoints on disk, for messages."""
        return self.checkpoints.steps_text() if processes.is_first() else "what the first process says"

    def check(self, state: TrainState) -> None:
        """Raises Diverged if a parameter or statistic is not finite: the loss shows it only one step later."""
        names = non_finite_arrays({"params": state.params, "batch_stats": state.batch_stats, "ema": state.ema})
        if names:
            raise Diverged(
                f"the network is no longer finite after step {int(state.step)}, whose loss still was "
                f"({first_few(names)}); nothing of it is saved; usable: {self.usable()}. {ADVICE}"
            )
