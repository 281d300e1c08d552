"""The training loop: set up, restore, {step, log, evaluate?, save?}, finish."""

import itertools
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.typing import VariableDict
from ml_collections import ConfigDict

from ssa2d_jax.data.batch import Batches, Source, check_batch
from ssa2d_jax.evaluation.evaluate import SplitScores, check_splits
from ssa2d_jax.runs import config_paths, initial_weights
from ssa2d_jax.runs.claim import claim_run
from ssa2d_jax.runtime import processes
from ssa2d_jax.runtime.memory import memory_note
from ssa2d_jax.steps import devices, schedule
from ssa2d_jax.steps.state import TrainState
from ssa2d_jax.steps.train_step import Sums
from ssa2d_jax.training.log import TrainLog
from ssa2d_jax.training.setup import SAVING, SAVING_FIRST, Training
from ssa2d_jax.utils.commands import command
from ssa2d_jax.utils.errors import Diverged, InputError
from ssa2d_jax.utils.progress import compile_note, duration, is_due, log, waiting
from ssa2d_jax.utils.signals import Stopped, StopSignal
from ssa2d_jax.utils.text import plural

# A network that learns anything in fewer steps than _FEW is an exception, also one that begins with an earlier run's
# weights in fewer than _FEW_MORE; _ENOUGH is what the message suggests.
_FEW, _FEW_MORE, _ENOUGH = 100, 40, 150

Results = dict[str, Mapping[str, Any]]  # split -> the content of its metrics/<split>.json


def train(
    config: ConfigDict,
    workdir: Path,
    source: Source,
    read_weights: initial_weights.ReadWeights | None = None,
) -> Results:
    """Trains `config` in `workdir`, from its newest checkpoint if there is one, and ends with an evaluation.

    A run that was killed and is started again ends with the same parameters as an unbroken one.

    Args:
        read_weights: reads the files of I3D weights that `config.init` may name; only a fresh run reads them.

    Returns:
        The last evaluation, by split.

    Raises:
        Diverged: the loss is no longer finite.
        Stopped: after SIGTERM or Ctrl-C.
        InputError: the workdir or a checkpoint does not fit, or another process trains there.
    """
    check_splits(config.train.eval_splits, source)
    processes.on_first(lambda: config_paths.check_workdir(workdir))
    with claim_run(workdir, config, source):
        training = Training(config, workdir, source, read_weights)
        try:
            return _train(training)
        except (InputError, Diverged) as error:
            if training.stop.requested:  # a caller that trains several runs must not go on with the next
                raise Stopped(training.stop.requested, f"with an error: {error}") from error
            raise


def _train(training: Training) -> Results:
    state = training.resume_or_initialize()
    step, total, stop = int(state.step), training.total, training.stop
    training.open_tables(step)
    _log_start(training, state)
    results: Results = {}
    if step >= total:
        return processes.on_first(lambda: _finished_before(training, step)) or evaluate_splits(training, state)
    train_log = training.new_log(step)
    with stop:
        for batch in itertools.islice(training.source.train_batches(step), total - step):
            if not train_log.compiled:
                check_batch(batch)
            step_function = training.train_step if train_log.compiled else _compiling(training)
            state, metrics = step_function(state, devices.shard(batch))
            step += 1
            train_log.add(step, metrics)
            joint_miou = None
            stopped = training.agreement.offer(stop.requested)
            if not stopped and _is_evaluation_due(training, step):
                results = _evaluate(training, state, train_log)
                joint_miou = results[training.config.train.eval_splits[0]]["joint"]["miou"]
            if joint_miou is not None or stopped or is_due(step, training.config.train.save_every, total):
                train_log.flush()
                training.save(state, joint_miou, train_log.open_row())
            if stopped:
                raise _stopped(stopped, step)
    training.writer.flush()
    passed = duration(time.monotonic() - train_log.start)
    log(f"trained {plural(step, 'step')} in {passed}; everything is in {training.files.folder}")
    return results


def _compiling(training: Training) -> Callable[[TrainState, devices.Shards], tuple[TrainState, Sums]]:
    """The training step for the first time, which compiles it: it says so, and waits for the result."""

    def first_step(state: TrainState, batch: devices.Shards) -> tuple[TrainState, Sums]:
        training.stop.message = SAVING_FIRST
        with waiting("compiling the training step", compile_note("a minute or more")):
            compiled = training.train_step.lower(state, batch).compile()  # which the call below finds
            train = training.config.train
            if note := memory_note(compiled, clips=train.batch_size, parts=train.grad_accum_steps):
                log(note)
            result = jax.block_until_ready(training.train_step(state, batch))
        training.stop.message = SAVING
        return result

    return first_step


def _finished_before(training: Training, step: int) -> Results:
    """The scores of a run that ended with step `step`, by split, if all are on disk; {} if one is missing."""
    results: Results = {}
    for split in training.config.train.eval_splits:
        path = training.files.scores(split)
        saved = read_scores(path, step, training.source, split)
        if saved is None:
            return {}
        log(f"finished before: {path}")
        results[split] = saved
    log(f"nothing is left to do; to score it again: {command('eval', f'--workdir={training.files.folder}')}")
    return results


def read_scores(path: Path, step: int, source: Source, split: str) -> Mapping[str, Any] | None:
    """The scores in `path`, metrics/<split>.json, if they are those of step `step` on `source`, or else None."""
    left_out = source.left_out[split]
    try:
        saved = json.loads(path.read_text())
        # Older scores do not say what was left out.
        found = saved["step"], saved["data"], saved.get("left_out_videos", left_out)
        return saved if found == (step, source.identity, left_out) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not scored yet


def _log_start(training: Training, state: TrainState) -> None:
    """Logs the size of the network and of the training, and a warning if the training is very short."""
    millions = sum(x.size for x in jax.tree.leaves(state.params)) / 1e6
    device_count = plural(jax.device_count(), "device")
    if processes.count() > 1:
        device_count += f" of {processes.count()} processes"
    log(f"{millions:.2f} M parameters, {device_count}, {plural(training.total, 'step')}")
    train, clips = training.config.train, training.source.train_clips
    planned = sum(schedule.phase_lengths(train.lr_phases, clips, train.batch_size))
    if planned < train.min_steps:
        log(
            f"config.train.lr_phases give {plural(planned, 'step')}; config.train.min_steps makes them "
            f"{training.total}, {training.total * train.batch_size / clips:.0f} epochs of {plural(clips, 'clip')}"
        )
    log(f"watch it: tensorboard --logdir {training.files.folder}")
    if train.batch_size > clips:
        known = plural(clips, "training clip")
        log(f"a batch of {train.batch_size} is more than the {known}: a step sees some of them twice")
    few = _FEW_MORE if training.config.init.run else _FEW
    if training.total < few and not int(state.step):
        log(short_training_warning(training.config, clips, training.total))


def short_training_warning(config: ConfigDict, clips: int, steps: int) -> str:
    """Says that `steps` training steps, on `clips` clips, are too few, with an option to copy."""
    train = config.train
    return (
        f"{plural(steps, 'step')} ({steps * train.batch_size / clips:.0f} epochs of {plural(clips, 'clip')}, "
        f"{train.batch_size} per step) is too short to learn from; for {_ENOUGH} steps, in another workdir: "
        f"--config.train.min_steps={_ENOUGH}"
    )


def _is_evaluation_due(training: Training, step: int) -> bool:
    return is_due(step, training.config.train.eval_every or training.total, training.total)


def _evaluate(training: Training, state: TrainState, train_log: TrainLog) -> Results:
    """Evaluates during training; if that fails, a usable state is saved first, so that no training step is lost."""
    train_log.flush()
    training.check(state)
    try:
        results = evaluate_splits(training, state)
    except Diverged:
        raise
    except BaseException:  # perhaps of this process alone, then no other one waits for it
        training.save_here(state, None, train_log.open_row())
        raise
    train_log.exclude_pause()
    return results


def evaluate_splits(training: Training, state: TrainState) -> Results:
    """Evaluates every split of `train.eval_splits`; scores and pictures go to TensorBoard and into the workdir."""
    results: Results = {}
    step, variables = int(state.step), state.variables()
    for split in training.config.train.eval_splits:
        batches = _until_stopped(training.stop, training.source.eval_batches(split), step)
        scores = training.evaluator.score(split, step, variables, batches)
        results[split] = scores.result
        training.write_scores(step, split, scores.result)
        images = _draw(training, scores, variables)
        training.writer.write_images(step, {f"{split}/{name}": image[None] for name, image in images.items()})
    training.writer.flush()
    return results


def _draw(training: Training, scores: SplitScores, variables: VariableDict) -> dict[str, np.ndarray]:
    """Draws the pictures of a split; if that fails, its scores go, too: a split with scores counts as finished."""
    try:
        return training.evaluator.draw(scores, variables)
    except BaseException:
        if processes.is_first():
            training.files.scores(scores.name).unlink(missing_ok=True)
        raise


def _until_stopped(stop: StopSignal, batches: Batches, step: int) -> Batches:
    """Passes `batches` on; raises Stopped after a signal to any of the processes."""
    for batch in batches:
        if stopped := processes.largest(stop.requested):
            raise _stopped(stopped, step)
        yield batch


def _stopped(signal_number: int, step: int) -> Stopped:
    return Stopped(signal_number, f"after step {step}; saved. The same command goes on from there")
