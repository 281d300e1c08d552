"""The training loop: set up, restore, {step, log?, evaluate?, save?}, finish."""

import contextlib
import itertools
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
from clu import metric_writers, parameter_overview
from ml_collections import ConfigDict

from ssa2d_jax.data.batch import Batches, Source, check_batch
from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.evaluation import metrics, pictures
from ssa2d_jax.evaluation.clip_agreement import ClipAgreement
from ssa2d_jax.evaluation.evaluate import check_splits, evaluate, publish
from ssa2d_jax.runs import initial_weights, saved_config
from ssa2d_jax.runs.checkpoints import Checkpoints
from ssa2d_jax.runs.compatibility import claim_workdir
from ssa2d_jax.steps import devices, optimizer
from ssa2d_jax.steps.inputs import DEVICES
from ssa2d_jax.steps.state import TrainState, build_model, init_state
from ssa2d_jax.training.log import COLUMNS, TrainLog
from ssa2d_jax.utils import locks
from ssa2d_jax.utils.csv_history import CsvHistory
from ssa2d_jax.utils.errors import Diverged, InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import duration, is_due, log
from ssa2d_jax.utils.signals import Stopped, StopSignal
from ssa2d_jax.utils.text import plural

_FEW, _MORE = 100, 150  # updates: below the first a network that learns anything is an exception


def make_step(config: ConfigDict, source: Source) -> tuple[Any, Any, Any]:
    """-> the network, its optimizer and the compiled update (see parallel.pmap_train_step) that `config` describes."""
    train = config.train
    schedule = optimizer.learning_rate(train.lr_phases, source.train_clips, train.batch_size)
    rule = optimizer.make_optimizer(train, schedule)
    model = build_model(config.model, source.space, stats_axis=DEVICES)
    update = devices.pmap_train_step(
        model,
        rule,
        weights={
            "actor": config.loss.actor_weight,
            "action": config.loss.action_weight,
            "mask": config.loss.mask_weight,
        },
        microbatches=train.grad_accum_steps,
        ema_decay=train.ema_decay,
        frozen=train.encoder_lr_scale == 0,
    )
    return model, rule, update


class Training:
    """A training run's fixed parts: model, compiled steps, schedule, checkpoints, writer."""

    def __init__(
        self,
        config: ConfigDict,
        workdir: Path,
        source: Source,
        read_weights: initial_weights.ReadWeights | None = None,
    ):
        train = config.train
        self.read_weights = read_weights
        self.config, self.workdir, self.source, self.space = config, workdir, source, source.space
        self.total = sum(optimizer.phase_lengths(train.lr_phases, source.train_clips, train.batch_size))
        self.schedule = optimizer.learning_rate(train.lr_phases, source.train_clips, train.batch_size)
        self.model, self.optimizer, self.train_step = make_step(config, source)
        threshold = config.eval.threshold
        self.eval_step = devices.pmap_eval_step(self.model, self.space, threshold)
        self.label_maps = pictures.compile_label_maps(self.model, self.space, threshold)
        self.checkpoints = Checkpoints(workdir / "checkpoints", keep=train.keep_checkpoints)
        self.writer = metric_writers.SummaryWriter(str(workdir))
        self.stop = StopSignal("saving after this update")

    def initial_state(self) -> TrainState:
        """The newest checkpoint's state, or a fresh one, which starts from what `config.init` names."""
        fresh = not self.checkpoints.steps()
        # Read before what takes long, so that a wrong file is said at once.
        sources = initial_weights.read_sources(self.config.init, self.read_weights) if fresh else None
        state = init_state(self.model.clone(stats_axis=None), self.optimizer, self.config)
        if not fresh:
            step, state = self.checkpoints.restore(state)
            log(f"resumed from {self.checkpoints.folder / str(step)}")
        else:
            state, told = initial_weights.apply_weights(state, sources, self.space)
            account = self.workdir / "initial_weights.txt"
            account.unlink(missing_ok=True)  # of a start that saved nothing
            if told:
                log(told)
                replace_text(account, told + "\n")
            text = parameter_overview.get_parameter_overview(state.params, include_stats=False)
            knobs = saved_config.flatten(self.config.to_dict())
            told = "\n".join(f"config.{knob} = {value!r}" for knob, value in knobs.items())
            self.writer.write_texts(0, {"config": f"```\n{told}\n```", "parameters": f"```\n{text}\n```"})
            (self.workdir / "parameters.txt").write_text(text + "\n")
        return devices.replicate(state)

    def open_tables(self, done: int) -> None:
        """The run's course so far, `done` updates: training.csv and scores.csv in metrics/."""
        folder = self.workdir / "metrics"
        figures = [f"{kind}_{score}" for kind in KINDS for score in metrics.SCORES]
        self.history = CsvHistory(folder / "training.csv", COLUMNS, done)
        self.scores = CsvHistory(folder / "scores.csv", ["step", "split", *figures], done, key_columns=2)

    def new_log(self, step: int) -> TrainLog:
        """The log of the training from here on, `step` steps done."""
        train = self.config.train
        return TrainLog(
            step,
            total=self.total,
            batch_size=train.batch_size,
            log_every=train.log_every,
            schedule=self.schedule,
            writer=self.writer,
            table=self.history,
            usable_checkpoints=self.checkpoints.steps_text,
        )

    def save(self, state: TrainState, joint_miou: float | None) -> None:
        self.checkpoints.save(int(state.step), state, json.loads(json.dumps(self.config.to_dict())), joint_miou)


def train(
    config: ConfigDict,
    workdir: Path,
    source: Source,
    read_weights: initial_weights.ReadWeights | None = None,
) -> dict[str, Any]:
    """Trains `config` in `workdir`, going on from its newest checkpoint, and ends with an evaluation.

    `read_weights` reads the files of I3D weights that `config.init` may name; only a fresh run reads them.

    -> the last evaluation by split (see evaluate.publish). A run that was killed and is started again ends
    with the parameters of an unbroken one. Raises Diverged when the loss is no longer finite, Stopped
    after SIGTERM or Ctrl-C, InputError for a workdir or checkpoint that doesn't fit, or one in use.
    """
    check_splits(config.train.eval_splits, source)
    if workdir.is_file():
        raise InputError(f"{workdir} is a file; to begin with it, give a folder and --config.init.run={workdir}")
    with claim_run(workdir, config, source):
        run = Training(config, workdir, source, read_weights)
        try:
            return _train(run)
        except (InputError, Diverged) as error:
            if run.stop.requested:  # who trains several runs must not go on with the next
                raise Stopped(run.stop.requested, f"with an error: {error}") from error
            raise


@contextlib.contextmanager
def claim_run(workdir: Path, config: ConfigDict, source: Source) -> Iterator[None]:
    """While it is entered, `workdir` is that of `config`'s run on `source`, and no other process trains in it.

    InputError where one does, or where another run has saved anything.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with locks.try_lock(workdir / ".lock", f"{workdir}: another process trains here; wait for it, or use another"):
        claim_workdir(workdir, config, source.identity, source.space)
        yield


def _train(run: Training) -> dict[str, Any]:
    config, workdir, source = run.config, run.workdir, run.source
    state = run.initial_state()
    run.open_tables(int(state.step))
    millions = parameter_count(state.params) / 1e6
    log(f"{millions:.2f} M parameters, {plural(jax.local_device_count(), 'device')}, {plural(run.total, 'update')}")
    log(f"watch it: tensorboard --logdir {workdir}")
    done, results = int(state.step), {}
    if done >= run.total:
        return evaluate_splits(run, state)
    if run.total < _FEW and not done and not config.init.run:
        log(_more_updates(run))
    log("compiling the update, which takes a minute or two on a CPU")
    train_log, stop = run.new_log(done), run.stop
    with stop:
        for batch in itertools.islice(source.train_batches(done), run.total - done):
            if not train_log.compiled:
                check_batch(batch)
            state, sums = run.train_step(state, devices.shard(batch))
            done += 1
            train_log.add(done, sums)
            joint_miou = None
            if not stop.requested and is_due(done, config.train.eval_every or run.total, run.total):
                train_log.flush()
                try:
                    results = evaluate_splits(run, state)
                except BaseException:
                    run.save(state, None)  # whatever the evaluation ran into, the updates are not lost
                    raise
                joint_miou = results[config.train.eval_splits[0]]["joint"]["miou"]
                train_log.exclude_pause()
            if joint_miou is not None or stop.requested or is_due(done, config.train.save_every, run.total):
                train_log.flush()
                run.save(state, joint_miou)
            if stop.requested:
                raise _stopped(stop, done)
    run.writer.flush()
    log(f"trained {done} updates in {duration(time.monotonic() - train_log.start)}; everything is in {workdir}")
    return results


def _more_updates(run: Training) -> str:
    """What to say of a training that is over too soon, with a line to copy."""
    train, clips = run.config.train, run.source.train_clips
    epochs = sum(phase[0] for phase in train.lr_phases)
    times = math.ceil(_MORE * train.batch_size / (epochs * clips))
    phases = ",".join(f"({epochs * times:g},{start:g},{end:g})" for epochs, start, end in train.lr_phases)
    return (
        f"{plural(run.total, 'update')} ({epochs:g} epochs of {plural(clips, 'clip')}, {train.batch_size} an update) "
        f"will hardly teach it anything; {times} times as many, in another workdir: "
        f'"--config.train.lr_phases=({phases},)"'
    )


def evaluate_splits(run: Training, state: TrainState) -> dict[str, Any]:
    """Evaluates every split of `train.eval_splits`; scores and pictures go to TensorBoard and metrics/."""
    results, step = {}, int(state.step)
    for split in run.config.train.eval_splits:
        frames = run.source.label_frames[split]
        batches = _until(run.stop, run.source.eval_batches(split), step)
        clips = ClipAgreement(run.config.train.image_clips)
        counts = evaluate(run.eval_step, state.variables(), batches, run.space, frames, split, clips)
        results[split], _ = publish(
            counts,
            clips,
            step,
            split,
            run.workdir,
            run.space,
            left_out=run.source.left_out[split],
            data=run.source.identity,
            published=run.config.eval.published,
        )
        figures = {f"{kind}_{score}": results[split][kind][score] for kind in KINDS for score in metrics.SCORES}
        scalars = {f"{split}/{name}": value for name, value in figures.items()}
        precision = results[split].get("mean_average_precision", {})
        scalars |= {f"{split}/{kind}_mean_average_precision": value for kind, value in precision.items()}
        run.writer.write_scalars(step, scalars)
        run.scores.add({"step": step, "split": split} | figures)
        images = pictures.draw(run.label_maps, state.variables(), counts, clips, run.space)
        run.writer.write_images(step, {f"{split}/{name}": image[None] for name, image in images.items()})
        pictures.save(run.workdir / "pictures", split, images)
    run.writer.flush()
    return results


def parameter_count(params: Any) -> int:
    """Number of trained values."""
    return sum(x.size for x in jax.tree.leaves(params))


def _until(stop: StopSignal, batches: Batches, done: int) -> Batches:
    """Passes `batches` on; raises Stopped once a signal was noted."""
    for batch in batches:
        if stop.requested:
            raise _stopped(stop, done)
        yield batch


def _stopped(stop: StopSignal, done: int) -> Stopped:
    return Stopped(stop.requested, f"after update {done}; saved. The same command goes on from there")
