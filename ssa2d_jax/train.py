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

from ssa2d_jax import initial, locks, metrics, optimizer, parallel, pictures, settings, steps
from ssa2d_jax.batch import Batches, InputError, Source, check_batch
from ssa2d_jax.checkpoints import Checkpoints
from ssa2d_jax.clip_scores import ClipScores
from ssa2d_jax.evaluate import check_splits, evaluate, publish
from ssa2d_jax.files import replace_text
from ssa2d_jax.history import History
from ssa2d_jax.progress import counted, duration, is_time, say
from ssa2d_jax.signals import Stopped, StopSignal

# What metrics/training.csv says of the updates since its row before: means, and the rate.
COURSE = (
    "update", "loss", "actor", "action", "mask", "gradient_norm", "learning_rate",
    "steps_per_second", "clips_per_second",
)  # fmt: skip


_FEW, _MORE = 100, 150  # updates: below the first a network that learns anything is an exception
_SILENT = 20.0  # seconds at most between two lines


class Diverged(RuntimeError):
    """The loss is no longer finite: the message says at which update and what to try."""


def make_step(config: ConfigDict, source: Source) -> tuple[Any, Any, Any]:
    """-> the network, its optimizer and the compiled update (see parallel.pmap_train_step) that `config` describes."""
    train = config.train
    schedule = optimizer.learning_rate(train.phases, source.train_clips, train.batch_size)
    rule = optimizer.make_optimizer(train, schedule)
    model = steps.build_model(config.model, source.space, stats_axis=steps.DEVICES)
    update = parallel.pmap_train_step(
        model,
        rule,
        weights={
            "actor": config.loss.actor_weight,
            "action": config.loss.action_weight,
            "mask": config.loss.mask_weight,
        },
        microbatches=train.microbatches,
        ema_decay=train.ema_decay,
        frozen=train.encoder_rate == 0,
    )
    return model, rule, update


class Training:
    """A training run's fixed parts: model, compiled steps, schedule, checkpoints, writer."""

    def __init__(
        self,
        config: ConfigDict,
        workdir: Path,
        source: Source,
        read_weights: initial.ReadWeights | None = None,
    ):
        train = config.train
        self.read_weights = read_weights
        self.config, self.workdir, self.source, self.space = config, workdir, source, source.space
        self.total = sum(optimizer.phase_lengths(train.phases, source.train_clips, train.batch_size))
        self.schedule = optimizer.learning_rate(train.phases, source.train_clips, train.batch_size)
        self.model, self.optimizer, self.train_step = make_step(config, source)
        threshold = config.eval.threshold
        self.eval_step = parallel.pmap_eval_step(self.model, self.space, threshold)
        self.label_maps = pictures.label_maps(self.model, self.space, threshold)
        self.checkpoints = Checkpoints(workdir / "checkpoints", keep=train.keep)
        self.writer = metric_writers.SummaryWriter(str(workdir))
        self.stop = StopSignal("saving after this update")

    def initial_state(self) -> steps.TrainState:
        """The newest checkpoint's state, or a fresh one, which starts from what `config.init` names."""
        fresh = not self.checkpoints.steps()
        # Read before what takes long, so that a wrong file is said at once.
        sources = initial.read(self.config.init, self.read_weights) if fresh else None
        state = steps.init_state(self.model.clone(stats_axis=None), self.optimizer, self.config)
        if not fresh:
            step, state = self.checkpoints.restore(state)
            say(f"resumed from {self.checkpoints.folder / str(step)}")
        else:
            state, told = initial.start(state, sources, self.space)
            account = self.workdir / "initial_weights.txt"
            account.unlink(missing_ok=True)  # of a start that saved nothing
            if told:
                say(told)
                replace_text(account, told + "\n")
            text = parameter_overview.get_parameter_overview(state.params, include_stats=False)
            knobs = settings.flat(self.config.to_dict())
            told = "\n".join(f"config.{knob} = {value!r}" for knob, value in knobs.items())
            self.writer.write_texts(0, {"config": f"```\n{told}\n```", "parameters": f"```\n{text}\n```"})
            (self.workdir / "parameters.txt").write_text(text + "\n")
        return parallel.replicate(state)

    def open_tables(self, done: int) -> None:
        """The run's course so far, `done` updates: training.csv and scores.csv in metrics/."""
        folder = self.workdir / "metrics"
        figures = [f"{kind}_{score}" for kind in metrics.KINDS for score in metrics.SCORES]
        self.course = History(folder / "training.csv", COURSE, done)
        self.scores = History(folder / "scores.csv", ["update", "split", *figures], done, keys=2)

    def save(self, state: steps.TrainState, joint_miou: float | None) -> None:
        self.checkpoints.save(int(state.step), state, json.loads(json.dumps(self.config.to_dict())), joint_miou)


def train(
    config: ConfigDict,
    workdir: Path,
    source: Source,
    read_weights: initial.ReadWeights | None = None,
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
    with claimed(workdir, config, source):
        run = Training(config, workdir, source, read_weights)
        try:
            return _train(run)
        except (InputError, Diverged) as error:
            if run.stop.requested:  # who trains several runs must not go on with the next
                raise Stopped(run.stop.requested, f"with an error: {error}") from error
            raise


@contextlib.contextmanager
def claimed(workdir: Path, config: ConfigDict, source: Source) -> Iterator[None]:
    """While it is entered, `workdir` is that of `config`'s run on `source`, and no other process trains in it.

    InputError where one does, or where another run has saved anything.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with locks.alone(workdir / ".lock", f"{workdir}: another process trains here; wait for it, or use another"):
        settings.claim_workdir(workdir, config, source.identity, source.space)
        yield


def _train(run: Training) -> dict[str, Any]:
    config, workdir, source = run.config, run.workdir, run.source
    state = run.initial_state()
    run.open_tables(int(state.step))
    millions = parameter_count(state.params) / 1e6
    say(f"{millions:.2f} M parameters, {counted(jax.local_device_count(), 'device')}, {counted(run.total, 'update')}")
    say(f"watch it: tensorboard --logdir {workdir}")
    done, results = int(state.step), {}
    if done >= run.total:
        return evaluate_splits(run, state)
    if run.total < _FEW and not done and not config.init.run:
        say(_more_updates(run))
    say("compiling the update, which takes a minute or two on a CPU")
    log, stop = Log(run, done), run.stop
    with stop:
        for batch in itertools.islice(source.train_batches(done), run.total - done):
            if log.first:
                check_batch(batch)
            state, sums = run.train_step(state, parallel.shard(batch))
            done += 1
            log.add(done, sums)
            joint_miou = None
            if not stop.requested and is_time(done, config.train.eval_every or run.total, run.total):
                log.flush()
                try:
                    results = evaluate_splits(run, state)
                except BaseException:
                    run.save(state, None)  # whatever the evaluation ran into, the updates are not lost
                    raise
                joint_miou = results[config.train.eval_splits[0]]["joint"]["miou"]
                log.skip_time()
            if joint_miou is not None or stop.requested or is_time(done, config.train.save_every, run.total):
                log.flush()
                run.save(state, joint_miou)
            if stop.requested:
                raise _stopped(stop, done)
    run.writer.flush()
    say(f"trained {done} updates in {duration(time.monotonic() - log.start)}; everything is in {workdir}")
    return results


def _more_updates(run: Training) -> str:
    """What to say of a training that is over too soon, with a line to copy."""
    train, clips = run.config.train, run.source.train_clips
    epochs = sum(phase[0] for phase in train.phases)
    times = math.ceil(_MORE * train.batch_size / (epochs * clips))
    phases = ",".join(f"({epochs * times:g},{start:g},{end:g})" for epochs, start, end in train.phases)
    return (
        f"{counted(run.total, 'update')} ({epochs:g} epochs of {counted(clips, 'clip')}, {train.batch_size} an update) "
        f'will hardly teach it anything; {times} times as many, in another workdir: "--config.train.phases=({phases},)"'
    )


def profile(config: ConfigDict, workdir: Path, source: Source, updates: int = 3) -> Path:
    """Traces `updates` updates of a fresh network into `workdir`, for TensorBoard's profiler; saves nothing else.

    -> the trace's folder. The updates before, which compile, are left out. InputError where `workdir` has a run.
    """
    if (workdir / "checkpoints").exists():
        raise InputError(f"{workdir} holds a run; give --mode=profile a folder of its own")
    model, optimizer, train_step = make_step(config, source)
    state = parallel.replicate(steps.init_state(model.clone(stats_axis=None), optimizer, config))
    batches = source.train_batches(0)
    for number in range(updates + 2):
        if number == 2:
            jax.profiler.start_trace(str(workdir))
            start = time.monotonic()
        with jax.profiler.StepTraceAnnotation("update", step_num=number):
            state, sums = train_step(state, parallel.shard(next(batches)))
            jax.block_until_ready(sums)
    seconds = time.monotonic() - start
    jax.profiler.stop_trace()
    folder = max((workdir / "plugins" / "profile").iterdir())
    say(f"{updates} updates in {seconds:.2f} s; trace in {folder}")
    say(f"open it: pip install xprof, then tensorboard --logdir {workdir}, or ui.perfetto.dev with its *.trace.json.gz")
    return folder


def evaluate_splits(run: Training, state: steps.TrainState) -> dict[str, Any]:
    """Evaluates every split of `train.eval_splits`; scores and pictures go to TensorBoard and metrics/."""
    results, step = {}, int(state.step)
    for split in run.config.train.eval_splits:
        frames = run.source.label_frames[split]
        batches = _until(run.stop, run.source.eval_batches(split), step)
        clips = ClipScores(run.config.train.image_clips)
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
        figures = {f"{kind}_{score}": results[split][kind][score] for kind in metrics.KINDS for score in metrics.SCORES}
        scalars = {f"{split}/{name}": value for name, value in figures.items()}
        precision = results[split].get("mean_average_precision", {})
        scalars |= {f"{split}/{kind}_mean_average_precision": value for kind, value in precision.items()}
        run.writer.write_scalars(step, scalars)
        run.scores.add({"update": step, "split": split} | figures)
        images = pictures.draw(run.label_maps, state.variables(), counts, clips, run.space)
        run.writer.write_images(step, {f"{split}/{name}": image[None] for name, image in images.items()})
        pictures.save(run.workdir / "pictures", split, images)
    run.writer.flush()
    return results


def parameter_count(params: Any) -> int:
    """Number of trained values."""
    return sum(x.size for x in jax.tree.leaves(params))


class Log:
    """Means of the loss between two lines of the log; fetched one update late, so the device never waits."""

    def __init__(self, run: Training, done: int):
        self.run, self.first, self.start = run, True, time.monotonic()
        self._pending: tuple[int, Any] | None = None
        self._sums: dict[str, float] = {}
        self._count, self._since, self._began, self._last = 0, self.start, done, self.start
        self._said, self._unsaid = self.start, list[dict[str, float]]()

    def add(self, done: int, sums: Any) -> None:
        """Takes update `done`'s metrics and deals with those of the update before."""
        self.flush()
        self._pending = (done, sums)
        if self.first:  # compiling is not part of the rate
            jax.block_until_ready(sums)
            self.first, self._since, self._began = False, time.monotonic(), done
            say(f"compiled, and update {done} of {self.run.total} done, in {duration(self._since - self.start)}")
            self._said = self._since

    def skip_time(self) -> None:
        """Leaves what was just done, which was no training, out of the rate."""
        self._since += time.monotonic() - self._last

    def flush(self) -> None:
        """Fetches what is pending; raises Diverged if the loss in it is not finite."""
        if self._pending is None:
            return
        (done, sums), self._pending = self._pending, None
        self._last = time.monotonic()
        values = {name: float(value) for name, value in jax.device_get(sums).items()}
        if not math.isfinite(values["loss"]) or not math.isfinite(values["gradient_norm"]):
            raise Diverged(
                f"the loss is no longer finite at update {done} (loss {values['loss']}, gradient norm "
                f"{values['gradient_norm']}); usable: {self.run.checkpoints.steps_text()}. "
                "Try a lower rate in config.train.phases, or config.train.clip_gradient"
            )
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in values.items()}
        self._count += 1
        self._unsaid.append(values)
        if is_time(done, self.run.config.train.log_every, self.run.total):
            self._write(done)
        elif self._last - self._said >= _SILENT:
            self._say(done, self._means(done)[1])

    def _means(self, done: int) -> tuple[dict[str, float], float]:
        """Means since the last row, and updates a second (nan where that can't be known yet)."""
        means = {name: value / self._count for name, value in self._sums.items()}
        seconds = time.monotonic() - self._since
        return means, (done - self._began) / seconds if done > self._began else float("nan")

    def _say(self, done: int, rate: float) -> None:
        """A line with the losses' means since the line before."""
        run, self._said = self.run, time.monotonic()
        some, self._unsaid = self._unsaid, []
        if rate == rate:
            left = duration((run.total - done) / rate)
            mean = lambda name: sum(one[name] for one in some) / len(some)
            parts = "  ".join(f"{name} {mean(name):.3f}" for name in ("loss", "actor", "action", "mask"))
            say(f"update {done}/{run.total}  {parts}  {rate * run.config.train.batch_size:.1f} clips/s  {left} left")

    def _write(self, done: int) -> None:
        run = self.run
        means, rate = self._means(done)
        scalars = {f"train/{name}": value for name, value in means.items()}
        scalars |= {"train/learning_rate": float(run.schedule(done - 1))}
        if rate == rate:
            scalars |= {
                "train/steps_per_second": rate,
                "train/clips_per_second": rate * run.config.train.batch_size,
            }
        self._say(done, rate)
        run.writer.write_scalars(done, scalars)
        run.course.add({"update": done} | {name.removeprefix("train/"): value for name, value in scalars.items()})
        self._sums, self._count, self._since, self._began = {}, 0, time.monotonic(), done


def _until(stop: StopSignal, batches: Batches, done: int) -> Batches:
    """Passes `batches` on; raises Stopped once a signal was noted."""
    for batch in batches:
        if stop.requested:
            raise _stopped(stop, done)
        yield batch


def _stopped(stop: StopSignal, done: int) -> Stopped:
    return Stopped(stop.requested, f"after update {done}; saved. The same command goes on from there")
