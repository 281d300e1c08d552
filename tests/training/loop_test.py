"""The training loop at toy size: resume, stop, divergence, scores against an oracle written here."""

import csv
import dataclasses
import errno
import itertools
import json
import os
import shutil
import signal
import time
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.evaluation import html_report
from ssa2d_jax.evaluation.clip_agreement import ClipAgreement
from ssa2d_jax.evaluation.evaluate import evaluate, evaluate_run
from ssa2d_jax.evaluation.latency import write_speed_if_missing
from ssa2d_jax.runs.checkpoints import Checkpoints
from ssa2d_jax.runs.load_run import load_run
from ssa2d_jax.runs.overrides import set_option
from ssa2d_jax.steps import devices
from ssa2d_jax.steps.inputs import normalize
from ssa2d_jax.training import loop, setup
from ssa2d_jax.training.log import TrainLog
from ssa2d_jax.training.loop import short_training_warning, train
from ssa2d_jax.training.profile import profile
from ssa2d_jax.utils import csv_history, locks
from ssa2d_jax.utils.errors import Diverged, InputError
from ssa2d_jax.utils.signals import Stopped, StopSignal
from tests.fixtures.toy import toy_batch, toy_config, toy_source


def _final(workdir):
    """Arrays of the newest checkpoint, by name."""
    run = load_run(workdir, toy_config("pooled"))
    return run.step, jax.tree.leaves(run.variables)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A run of 4 steps with pictures, and its workdir."""
    workdir, config = tmp_path_factory.mktemp("unbroken"), toy_config("pooled")
    config.train.image_clips = 1
    results = train(config, workdir, toy_source())
    return workdir, results


def test_a_run_leaves_what_the_readme_promises(unbroken):
    workdir, results = unbroken
    saved = json.loads((workdir / "metrics" / "test.json").read_text())
    assert saved == results["test"]
    assert saved["step"] == 4 and saved["frames"] == 8
    assert {"config.json", "parameters.txt", "checkpoints", "metrics"} <= {path.name for path in workdir.iterdir()}
    assert list(workdir.glob("events.out.tfevents.*"))
    (row,) = csv_history.read_rows(workdir / "metrics" / "training.csv")
    assert row["step"] == "4" and float(row["loss"]) > 0 and row["learning_rate"] == "0.001"
    (row,) = csv_history.read_rows(workdir / "metrics" / "scores.csv")
    assert (row["step"], row["split"]) == ("4", "test")
    assert float(row["joint_miou"]) == pytest.approx(saved["joint"]["miou"], rel=1e-4)
    with open(workdir / "metrics" / "test_per_clip.csv", newline="") as file:
        clips = list(csv.DictReader(file))
    assert {one["clip"] for one in clips} == {f"clip {i}" for i in range(4)}
    assert sum(int(one["labelled_frames"]) for one in clips) == 8
    assert float(clips[0]["agreement"]) <= float(clips[-1]["agreement"])
    assert Checkpoints(workdir / "checkpoints", read_only=True).best_step() == 4


def test_a_run_is_timed_once_and_reported_with_its_pictures(unbroken, tmp_path):
    workdir = shutil.copytree(unbroken[0], tmp_path / "run")
    write_speed_if_missing(workdir)
    first = (workdir / "speed.json").read_text()
    assert json.loads(first)["milliseconds_a_frame"] > 0 and json.loads(first)["clip"] == [4, 32, 32]
    write_speed_if_missing(workdir)
    assert (workdir / "speed.json").read_text() == first
    assert (workdir / "pictures/test_clip_0.png").exists() and (workdir / "pictures/test_confusion_joint.png").exists()
    page = html_report.write_report(tmp_path, "test").read_text()
    assert "data:image/png" in page and "Time and score" in page


def test_a_stopped_run_goes_on_to_the_same_bits(unbroken, tmp_path):
    source = toy_source()

    def stopping(step):
        for done, batch in enumerate(source.train_batches(step), step):
            if done == 2:  # the third batch is being asked for: SIGTERM arrives during the third step
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    broken = dataclasses.replace(source, train_batches=stopping)
    with pytest.raises(Stopped, match="after step 3; saved"):
        train(toy_config("pooled"), tmp_path, broken)
    assert Checkpoints(tmp_path / "checkpoints", read_only=True).steps() == [3]
    train(toy_config("pooled"), tmp_path, source)
    step, arrays = _final(tmp_path)
    expected_step, expected = _final(unbroken[0])
    assert step == expected_step == 4
    for one, other in zip(arrays, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    # The row of losses, a mean over steps before and after, is the unbroken run's, too.
    rows = [csv_history.read_rows(workdir / "metrics/training.csv") for workdir in (tmp_path, unbroken[0])]
    without_times = [[{key: x for key, x in row.items() if "second" not in key} for row in one] for one in rows]
    assert without_times[0] == without_times[1] and len(rows[0]) == 1


def test_a_signal_while_the_step_is_compiled_says_what_it_waits_for(capsys):
    training = types.SimpleNamespace(stop=StopSignal(setup.SAVING), config=toy_config())

    def step(state, batch):
        os.kill(os.getpid(), signal.SIGTERM)
        return state, batch

    compiled = types.SimpleNamespace(memory_analysis=lambda: None)
    step.lower = lambda *_: types.SimpleNamespace(compile=lambda: compiled)
    training.train_step = step
    with training.stop:
        assert loop._compiling(training)(1, 2) == (1, 2)
    assert (
        "SIGTERM: saving after the first step, when the compiler is done, which can't be st" in capsys.readouterr().err
    )
    assert training.stop.message == setup.SAVING


def test_a_stopped_run_that_cannot_be_saved_is_stopped_all_the_same(tmp_path):
    def stopping(step):
        shutil.rmtree(tmp_path / "checkpoints")
        (tmp_path / "checkpoints").write_text("no folder")
        os.kill(os.getpid(), signal.SIGTERM)
        yield toy_batch(1)

    with pytest.raises(Stopped, match="stopped by SIGTERM with an error: checkpoint .*1 could not be written"):
        train(toy_config("pooled"), tmp_path, dataclasses.replace(toy_source(), train_batches=stopping))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_an_evaluation_loses_no_step(unbroken, tmp_path, number):
    def stopping(split):
        os.kill(os.getpid(), number)
        yield toy_batch(1000)

    with pytest.raises(Stopped, match=f"stopped by {number.name} after step 4; saved") as stopped:
        train(toy_config("pooled"), tmp_path, dataclasses.replace(toy_source(), eval_batches=stopping))
    assert stopped.value.signal == number
    assert Checkpoints(tmp_path / "checkpoints", read_only=True).steps() == [4]
    if number == signal.SIGTERM:  # what it saved is the same
        assert train(toy_config("pooled"), tmp_path, toy_source()) == unbroken[1]


def test_a_workdir_in_use_is_refused(tmp_path):
    with (
        locks.try_lock(tmp_path / ".lock", "free"),
        pytest.raises(InputError, match="another process trains here"),
    ):
        train(toy_config("pooled"), tmp_path, toy_source())


def test_scores_on_other_data_do_not_replace_the_runs_own(unbroken, tmp_path):
    shutil.copytree(unbroken[0], tmp_path / "run")
    run = load_run(tmp_path / "run", toy_config("pooled"))
    source = dataclasses.replace(toy_source(), identity="other batches")
    evaluate_run(run, tmp_path / "run", source, ("test",), published=False, threshold=run.threshold)
    scores = {path.stem: json.loads(path.read_text())["data"] for path in (tmp_path / "run/metrics").glob("*.json")}
    assert scores == {"test": toy_source().identity, "another_test": "other batches"}


def test_tensorboard_has_losses_rates_scores_and_pictures(unbroken):
    events = EventAccumulator(str(unbroken[0]), size_guidance={"tensors": 0})
    events.Reload()
    tags = set(events.Tags()["tensors"])
    expected = {"loss", "actor", "action", "mask", "gradient_norm", "learning_rate"}
    expected = {f"train/{name}" for name in expected} | {"config", "parameters"}
    expected |= {f"test/{kind}_{score}" for kind in ("actor", "action", "joint") for score in ("glo", "ave", "miou")}
    pictures = {
        "test/clip_0",
        "test/best_0",
        "test/worst_0",
        *(f"test/confusion_{kind}" for kind in ("actor", "action", "joint")),
    }
    assert expected | pictures <= tags
    assert "config.model.encoder_width = 0.0625" in events.Tensors("config")[0].tensor_proto.string_val[0].decode()
    score = events.Tensors("test/joint_miou")[0]
    assert score.step == 4 and make_ndarray(score.tensor_proto) == pytest.approx(unbroken[1]["test"]["joint"]["miou"])
    for tag in pictures:
        width, height, png = events.Tensors(tag)[0].tensor_proto.string_val
        assert int(width) > 100 and int(height) > 30 and png.startswith(b"\x89PNG")


def test_a_few_steps_are_traced_and_nothing_is_saved(tmp_path):
    folder = profile(toy_config("pooled"), tmp_path, toy_source(), steps=1)
    assert list(folder.glob("*.xplane.pb")) and list(folder.glob("*.trace.json.gz"))
    assert [path.name for path in tmp_path.iterdir()] == ["plugins"]
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(InputError, match="holds a run; give --mode=profile its own --workdir"):
        profile(toy_config("pooled"), tmp_path / "run", toy_source())


def test_a_finished_run_is_scored_again_only_if_its_scores_are_gone(unbroken, tmp_path, capsys):
    workdir = shutil.copytree(unbroken[0], tmp_path / "run")

    def no_batches(_):
        raise AssertionError("nothing is left to do")

    source = dataclasses.replace(toy_source(), train_batches=no_batches)
    assert train(toy_config("pooled"), workdir, dataclasses.replace(source, eval_batches=no_batches)) == unbroken[1]
    said = capsys.readouterr().err
    assert f"finished before: {workdir / 'metrics/test.json'}" in said
    assert f"nothing is left to do; to score it again: python main.py --mode=eval --workdir={workdir}" in said
    (workdir / "metrics/test.json").unlink()
    assert train(toy_config("pooled"), workdir, source) == unbroken[1]
    assert "evaluating test" in capsys.readouterr().err


def test_scores_say_how_many_videos_they_leave_out(unbroken, tmp_path, capsys):
    workdir, results = unbroken
    assert results["test"]["left_out_videos"] == 0
    shutil.copytree(workdir, tmp_path / "run")
    source = dataclasses.replace(toy_source(), left_out={"test": 3})
    again = train(toy_config("pooled"), tmp_path / "run", source)
    assert again["test"]["left_out_videos"] == 3
    assert "3 videos of this split could not be used" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_the_run_and_saves_nothing_of_it(tmp_path, monkeypatch):
    config = toy_config("pooled")
    config.train.save_every = 1

    def broken_at_3(state, batch):
        done = state.step + 1
        loss = jnp.where(done == 3, jnp.nan, 1.0)
        return state.replace(step=done), dict.fromkeys(("loss", "actor", "action", "mask", "gradient_norm"), loss)

    parts = setup.make_step(config, toy_source())

    monkeypatch.setattr(setup, "make_step", lambda *_: parts._replace(train_step=jax.jit(broken_at_3)))
    with pytest.raises(Diverged, match="no longer finite at step 3 .*usable: .*step 2.*config.train.lr_phases"):
        train(config, tmp_path, toy_source())
    assert max(Checkpoints(tmp_path / "checkpoints", read_only=True).steps()) == 2


def test_another_config_is_refused_before_anything_happens(unbroken):
    config = toy_config("pooled")
    config.seed = 5
    with pytest.raises(InputError, match="config.seed: saved 0, given 5"):
        train(config, unbroken[0], toy_source())


def test_a_score_over_part_of_a_split_is_no_score(unbroken):
    run = load_run(unbroken[0], toy_config("pooled"))
    step = devices.pmap_eval_step(run.model, A2D, run.threshold)
    with pytest.raises(InputError, match="9 labelled frames but 8 were read"):
        evaluate(step, run.variables, iter([toy_batch(1000)]), A2D, 9, "test")


def _interpolated(grid, size):
    """Plain linear interpolation of [n, ..] along its first axis to `size`, half-pixel centres, edges repeated."""
    out = np.empty((size, *grid.shape[1:]))
    for i in range(size):
        position = min(max((i + 0.5) * len(grid) / size - 0.5, 0), len(grid) - 1)
        low = int(position)
        high = min(low + 1, len(grid) - 1)
        out[i] = (1 - (position - low)) * grid[low] + (position - low) * grid[high]
    return out


def _oracle_frame(logits, frames, time, network, size):
    """[t, y, x, C] logits -> [h, w, C] at frame `time`, by way of the network's input size."""
    at_time = _interpolated(logits, frames)[time]
    for axis, (pixels, native) in enumerate(zip(network, size, strict=True)):
        moved = np.moveaxis(at_time, axis, 0)
        at_time = np.moveaxis(_interpolated(_interpolated(moved, pixels), native), 0, axis)
    return at_time


def _log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def _unequal_batches(count, batch_size):
    """`count` clips of unequal label sizes in batches of `batch_size`, the last filled up with invalid clips."""
    sizes, rng = [(40, 56), (24, 30), (64, 33)], np.random.default_rng(5)
    clips = []
    for i in range(count):
        clip = toy_batch(i, batch=1)
        height, width = sizes[i % 3]
        for key in ("actor", "action"):
            clip[key] = np.full((1, 2, 64, 64), 255, np.uint8)
        joint = rng.integers(0, 44, (2, height, width))
        joint[rng.random(joint.shape) < 0.1] = 255
        table = lambda values: np.append(values, np.zeros(212, int)).astype(np.uint8)  # noqa: B023
        for key, values in (("actor", A2D.pair_actor), ("action", A2D.pair_action)):
            clip[key][0, :, :height, :width] = np.where(joint == 255, 255, table(values)[np.minimum(joint, 255)])
        clip["label_size"] = np.array([[height, width]], np.int32)
        clip["label_valid"][0, 1] = i != 1
        clips.append(clip)
    for start in range(0, count, batch_size):
        part = clips[start : start + batch_size]
        lacking = batch_size - len(part)
        part = part + [{**part[0], "clip_valid": np.zeros(1, bool)}] * lacking
        yield {key: np.concatenate([clip[key] for clip in part]) for key in part[0]}


def test_evaluation_equals_a_plain_oracle(unbroken):
    run = load_run(unbroken[0], toy_config("pooled"))
    count, batch_size = 6, 4
    frames = 2 * count - 1
    counts = evaluate(
        devices.pmap_eval_step(run.model, A2D, run.threshold),
        run.variables,
        _unequal_batches(count, batch_size),
        A2D,
        frames,
        "test",
        clips := ClipAgreement(keep=1),
    )
    agreement = []
    matrices = {
        "actor": np.zeros((8, 8), int),
        "action": np.zeros((10, 10), int),
        "joint": np.zeros((44, 44), int),
    }
    forward = jax.jit(lambda video: run.model.apply(run.variables, normalize(video)))
    for clip in itertools.islice(_unequal_batches(count, 1), count):
        outputs = jax.tree.map(np.asarray, forward(jnp.asarray(clip["video"])))
        height, width = clip["label_size"][0]
        agreeing = foreground = 0
        for label in np.flatnonzero(clip["label_valid"][0]):
            time = clip["label_time"][0, label]
            logits = [_oracle_frame(x[0], 4, time, (32, 32), (height, width)) for x in (outputs.actor, outputs.action)]
            p_actor, p_action = map(_log_softmax, logits)
            pairs = [(0, 0), *A2D.pairs]
            answers = {
                "actor": p_actor.argmax(-1),
                "action": p_action.argmax(-1),
                "joint": np.stack([p_actor[..., a] + p_action[..., b] for a, b in pairs], -1).argmax(-1),
            }
            actor, action = (clip[key][0, label, :height, :width].astype(int) for key in ("actor", "action"))
            joint = np.array(
                [pairs.index((a, b)) if a != 255 else 255 for a, b in zip(actor.flat, action.flat, strict=True)]
            )
            truths = {"actor": actor.ravel(), "action": action.ravel(), "joint": joint}
            for kind, matrix in matrices.items():
                for true, answer in zip(truths[kind], answers[kind].ravel(), strict=True):
                    if true != 255:
                        matrix[true, answer] += 1
            counted = (joint != 255) & ((joint > 0) | (answers["joint"].ravel() > 0))
            foreground += counted.sum()
            agreeing += (counted & (joint == answers["joint"].ravel())).sum()
        agreement.append(100 * agreeing / foreground)
    assert [row[:2] for row in clips.rows] == [(f"clip {i}", 1 if i == 1 else 2) for i in range(count)]
    np.testing.assert_allclose([row[2] for row in clips.rows], agreement, atol=0.05)
    assert clips.shown_clips()["worst_0"][0] == f"clip {np.argmin(agreement)}: {min(agreement):.0f} %"
    assert counts.frames == frames
    for kind, matrix in matrices.items():
        assert matrix.sum() == counts.matrices[kind].sum() > 0
        differing = np.abs(matrix - counts.matrices[kind]).sum() / 2
        assert differing <= 1e-4 * matrix.sum(), f"{kind}: {differing} pixels of {matrix.sum()}"


def test_a_person_who_waits_is_told_of_the_first_step_and_then_every_twenty_seconds(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    sink = types.SimpleNamespace(write_scalars=lambda *_: None, add=lambda *_: None)
    log = TrainLog(
        0,
        total=1000,
        batch_size=4,
        log_every=50,
        schedule=lambda step: 1e-3,
        writer=sink,
        table=sink,
        usable_checkpoints=lambda: "none",
    )
    sums = dict.fromkeys(("loss", "actor", "action", "mask", "gradient_norm"), 1.0)
    clock[0] = 75.0
    log.add(1, sums)
    assert capsys.readouterr().err == "compiled; step 1 of 1000 done in 1 min 15 s\n"
    for step in range(2, 56):
        clock[0] += 8.0
        log.add(step, sums | {"loss": float(step)})  # which fetches the metrics of the step before it
    lines = capsys.readouterr().err.splitlines()
    assert [int(line.split()[1].split("/")[0]) for line in lines] == [*range(3, 50, 3), 50, 53]
    assert all("actor 1.000" in line and "0.5 clips/s" in line for line in lines[:-1]), lines
    losses = [float(line.split()[3]) for line in lines]  # means since the line before
    assert losses[:3] == [2.0, 5.0, 8.0] and losses[-2:] == [49.5, 52.0]
    assert lines[0].endswith("2 h 12 min left")


@pytest.mark.parametrize(
    ("clips", "said"), [(3, "a batch of 4 is more than the 3 training clips: a step sees"), (4, "")]
)
def test_a_batch_of_more_clips_than_there_are_is_said(clips, said, capsys):
    source = dataclasses.replace(toy_source(), train_clips=clips)
    files = types.SimpleNamespace(folder="run")
    training = types.SimpleNamespace(config=toy_config(), source=source, total=200, files=files)
    loop._log_start(training, types.SimpleNamespace(params={}, step=0))
    found = capsys.readouterr().err
    assert "200 steps" in found and (said in found if said else "is more than" not in found)


@pytest.mark.parametrize(("least", "said"), [(200, True), (2, False), (0, False)])
def test_a_lengthened_training_is_said_with_its_epochs(least, said, capsys):
    source, config = dataclasses.replace(toy_source(), train_clips=8), toy_config()
    config.train.lr_phases, config.train.min_steps = ((1.0, 0.0, 1e-3), (4.0, 1e-3, 0.0)), least
    total = setup.total_steps(config, source)
    assert total == (200 if said else 10)
    files = types.SimpleNamespace(folder="run")
    training = types.SimpleNamespace(config=config, source=source, total=total, files=files)
    loop._log_start(training, types.SimpleNamespace(params={}, step=0))
    text = "config.train.lr_phases give 10 steps; config.train.min_steps makes them 200, 100 epochs of 8 clips"
    assert (text in capsys.readouterr().err) == said


@pytest.mark.parametrize(("least", "epochs"), [(0, 20), (60, 48)])
def test_a_training_that_is_over_too_soon_says_so_with_an_option_to_copy(least, epochs):
    source, config = dataclasses.replace(toy_source(), train_clips=5), toy_config("pooled")
    config.train.lr_phases, config.train.min_steps = ((1.0, 0.0, 2e-3), (19.0, 2e-3, 0.0)), least
    steps = setup.total_steps(config, source)
    text = short_training_warning(config, clips=5, steps=steps)
    assert text.startswith(f"{least or 25} steps ({epochs} epochs of 5 clips, 4 per step) is too short to learn from")
    option, _, value = text.rpartition(" ")[2].partition("=")
    set_option(config, option.removeprefix("--config."), value)
    assert setup.total_steps(config, source) == 150


def test_a_network_that_the_last_step_broke_is_not_saved(tmp_path, monkeypatch):
    """The loss of that step is still finite: it was computed before."""
    pmap_train_step = devices.pmap_train_step

    def broken_at_4(*args, **kwargs):
        inner = pmap_train_step(*args, **kwargs)

        def step(state, batch):
            state, metrics = inner(state, batch)
            if int(state.step) == 4:
                params = dict(state.params)
                params["actor_head"] = params["actor_head"] | {"bias": params["actor_head"]["bias"] * np.nan}
                state = state.replace(params=params)
            return state, metrics

        step.lower = inner.lower
        return step

    monkeypatch.setattr(devices, "pmap_train_step", broken_at_4)
    monkeypatch.setattr(setup, "_step_of", setup._step_of.__wrapped__)  # neither an earlier test's nor for a later one
    config = toy_config("pooled")
    config.train.save_every = 2
    said = "no longer finite after step 4, .*params/actor_head/bias.; nothing of it is saved; usable: step 2"
    with pytest.raises(Diverged, match=said):
        train(config, tmp_path, toy_source())
    assert Checkpoints(tmp_path / "checkpoints", read_only=True).steps() == [2]
    assert not (tmp_path / "metrics/test.json").exists()


def test_outputs_that_are_not_finite_get_no_score(unbroken):
    run = load_run(unbroken[0], toy_config("pooled"))
    step = devices.pmap_eval_step(run.model, A2D, run.threshold)
    head = run.variables["params"]["mask_head"]
    huge = {**run.variables["params"], "mask_head": head | {"bias": jnp.full_like(head["bias"], jnp.inf)}}
    with pytest.raises(Diverged, match="outputs for 'test' are not finite"):
        evaluate(step, {**run.variables, "params": huge}, iter([toy_batch(1000)]), A2D, 8, "test")


def test_the_scores_of_a_run_in_a_read_only_folder_are_printed(unbroken, tmp_path, monkeypatch, capsys):
    workdir = shutil.copytree(unbroken[0], tmp_path / "run")
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    run = load_run(workdir, toy_config("pooled"))

    def refuse(*paths):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    evaluate_run(run, workdir, toy_source(), ("test",), published=False, threshold=0.5, image_clips=1)
    html_report.write_report(workdir, "test")
    said = capsys.readouterr().err
    assert said.count("this model (step 4)") == 2
    assert f"not written: {workdir / 'metrics/test.json'}: Read-only" in said
    assert f"not written: {workdir / 'report.html'}: Read-only" in said
    assert {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()} == before
