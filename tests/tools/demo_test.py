"""The demo: it begins, goes on or starts over; what the weights say before; the page; what is printed."""

import csv
import json
import re
import signal
import sys
import time
import types

import numpy as np
import pytest

from configs import folder
from input_pipeline.sprites.render_folder import PAIRS
from ssa2d_jax.cli.arguments import parse
from ssa2d_jax.data.label_space import A2D, LabelSpace
from ssa2d_jax.evaluation import metrics
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils.csv_history import CsvHistory
from ssa2d_jax.utils.errors import InputError
from tools import demo, demo_page, demo_steps
from tools.demo_steps import Paths, Sizes
from tools.demo_terminal import Background, Terminal, last_line

FISH = LabelSpace.from_names(
    tuple(sorted({actor for actor, _ in PAIRS})),
    tuple(sorted({action for _, action in PAIRS})),
    tuple(sorted(PAIRS)),
)


def test_a_demo_of_another_kind_is_started_over_and_other_files_are_left_alone(tmp_path, capsys):
    paths = Paths(tmp_path / "demo")
    demo._check_folder(paths)
    demo._claim(paths, {"weights": 1})
    (paths.folder / "data").mkdir()
    demo._check_folder(paths)
    demo._claim(paths, {"weights": 1})
    assert (paths.folder / "data").exists() and not capsys.readouterr().out
    demo._claim(paths, {"weights": 2})
    assert not (paths.folder / "data").exists() and "starting over" in capsys.readouterr().out
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="holds something else"):
        demo._check_folder(Paths(mine))
    with pytest.raises(InputError, match="is a file"):
        demo._check_folder(Paths(mine / "thesis.tex"))
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]


def test_errors_are_one_line(tmp_path, capsys, monkeypatch):
    words = [f"--workdir={tmp_path / 'demo'}", f"--weights={tmp_path / 'none.safetensors'}"]
    assert demo.main(words) == 2

    def interrupt(*_):
        raise KeyboardInterrupt

    def full(*_):
        raise OSError(28, "No space left on device", "runs/demo/data")

    for function, code in ((interrupt, 130), (full, 2)):
        monkeypatch.setattr(demo, "_run", function)
        assert demo.main(words) == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and lines[1].startswith("interrupted; ") and "No space left on device" in lines[2]


@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # of ml_collections
def test_the_training_is_a_command_that_the_command_line_takes(tmp_path):
    config = folder.get_config("sprites").to_dict()
    config["model"]["encoder_width"] = 0.0625  # of other weights than the included ones
    trained_size, config["data"]["size"] = config["data"]["size"], (32, 32)
    network = demo_steps.network_options(config)
    assert network == {"model.encoder_width": 0.0625, "data.size": (32, 32)}
    config["data"]["size"] = (trained_size[0] // 2, 4 * trained_size[1])  # too large for the time that a demo has
    network = demo_steps.network_options(config)
    assert network == {"model.encoder_width": 0.0625}
    words = demo_steps.fish_command(Paths(tmp_path), Sizes(), "other.safetensors", network)
    options = parse("train", "train", words).config
    assert options.init.run == "other.safetensors" and options.model.encoder_width == 0.0625
    assert options.data.root == str(tmp_path / "data/fish") and options.train.encoder_lr_scale == 0
    epochs = sum(phase[0] for phase in options.train.lr_phases)
    assert epochs == Sizes().epochs and epochs * Sizes().fish_train / options.train.batch_size >= 60


def test_labels_of_the_fish_world_in_classes_of_the_weights():
    actors, actions = demo_steps._translate(FISH, A2D)
    for actor, action in PAIRS:
        pair = FISH.actors.index(actor), FISH.actions.index(action)
        expected = ("adult", "climbing") if actor == "fish" else (actor, action)
        assert (A2D.actors[actors[pair[0]]], A2D.actions[actions[pair]]) == expected
    assert actors[0] == actions[0, 0] == 0 and actors[255] == actions[255, 255] == 255


def test_scores_before_count_fish_as_mistakes_of_others(tmp_path, monkeypatch):
    """Six pixels: a cat labelled as such, a fish taken for a cat, a ball that is missed, background three times."""
    names = [("cat", "jumping"), ("fish", "swimming"), ("ball", "rolling"), None, None, None]
    truth = [(FISH.actors.index(n[0]), FISH.actions.index(n[1])) if n else (0, 0) for n in names]
    batch = {
        "actor": np.array([a for a, _ in truth], np.uint8),
        "action": np.array([b for _, b in truth], np.uint8),
    }
    cat = A2D.actors.index("cat"), A2D.actions.index("jumping")
    prediction = {"actor": [cat[0]] * 2 + [0] * 4, "action": [cat[1]] * 2 + [0] * 4}

    class Source:
        space, label_frames = FISH, {"test": 1}
        eval_batches = staticmethod(lambda split: iter([batch]))

    class Run:
        space, variables, eval_step = A2D, {}, None

    def evaluate(step, variables, batches, space, frames, split):
        totals = metrics.ConfusionTotals.empty(space)
        for batch in batches:
            joint = lambda maps: space.joint_of[np.array(maps["actor"]), np.array(maps["action"])]
            for kind, maps in {"actor": lambda m: m["actor"], "action": lambda m: m["action"], "joint": joint}.items():
                np.add.at(totals.matrices[kind], (maps(batch), maps(prediction)), 1)
        return totals

    monkeypatch.setattr(demo_steps, "_source", lambda config, run: Source)
    monkeypatch.setattr("ssa2d_jax.evaluation.evaluate.evaluate", evaluate)
    ious = demo_steps.score_before(Run, Run, Paths(tmp_path))
    assert ious["cat"] == ious["cat-jumping"] == 50.0  # one hit; the fish that is taken for a cat enlarges the union
    assert ious["fish"] == ious["fish-swimming"] == 0 and ious["ball-rolling"] == 0
    assert set(ious) == {*FISH.actors, *FISH.joint}


def _finished_demo(folder) -> tuple[Paths, demo_page.Results]:
    """The files of a demo, with made-up numbers."""
    paths = Paths(folder)
    for path in (paths.sprites, paths.before, paths.after, paths.data):
        path.mkdir(parents=True)
    columns = ("Subject", "Behavior", "Start (s)", "Stop (s)", "Duration (s)", "Confidence")
    with open(paths.sprites / "events.csv", "w", newline="") as file:
        csv.writer(file).writerows([columns, *[("cat <1>", "jumping", "0.0", "2.5", "2.5", "0.9")] * 15])
    for workdir, space in ((paths.sprites, A2D), (paths.run, FISH)):
        totals = metrics.ConfusionTotals.empty(space)
        for kind, matrix in totals.matrices.items():
            matrix += np.eye(len(space.names[kind]), dtype=np.int64) * 7 + 1
        totals.frames = 900
        metrics.write_scores(Workdir(workdir), "test", totals.to_result(80), totals.per_class(), space)
    (paths.run / "config.json").write_text(json.dumps(folder_config()))
    history = CsvHistory(Workdir(paths.run).training_history, ("step", "loss", "actor", "action"), 0)
    for step in (5, 10):
        history.add({"step": step, "loss": 9.0 / step, "actor": 3.0, "action": 4.0})
    scores = CsvHistory(Workdir(paths.run).score_history, ("step", "split", "joint_miou"), 0, key_columns=2)
    scores.add({"step": 10, "split": "test", "joint_miou": 44.0})
    before = dict.fromkeys((*FISH.actors, *FISH.joint), 0.0) | {"cat": 61.0}
    result = json.loads(Workdir(paths.sprites).scores("test").read_text())
    words = demo_steps.fish_command(paths, Sizes(), "sprites", {})
    times = {"Draw": 3.0, "Train": 61.0}
    ious = demo_steps.read_ious(paths.run)
    return paths, demo_page.Results(
        result, before, ious, "only <drawn> clips", words, times, 70.0, 150, ((192, 192), (128, 128))
    )


def folder_config():
    return folder.get_config("sprites").to_dict()


def test_the_page_shows_everything_and_fetches_nothing(tmp_path):
    paths, results = _finished_demo(tmp_path / "demo")
    demo_page.write(paths, results)
    text = paths.page.read_text()
    assert "http" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.S)  # apart from the names of SVG's elements
    for address in ("sprites/overlay.mp4", "sprites/timeline.png", "fish_before/overlay.mp4", "fish_after/overlay.mp4"):
        assert f"src='{address}'" in text
    assert "cat &lt;1&gt;" in text and "only &lt;drawn&gt; clips" in text and "And 3 more rows" in text
    assert "all background" in text and text.count("<svg") == 3 and "1 min 01 s" in text and "1 min 10 s" in text
    rows = re.findall(r"<tr><td( class=new)?>([\w-]+)</td><td>([\d.]+)</td><td>([\d.]+)</td></tr>", text)
    marked = {name for new, name, *_ in rows if new}
    assert marked == {"fish", "fish-swimming", "fish-jumping", "fish-none"} and len(rows) == 10
    # 7 + 1 of 8 + 2 * (n - 1) pixels, with n = 4 actors and the background among them
    assert ("", "cat", "61.0", f"{100 * 8 / (8 + 2 * 3):.1f}") in rows


def test_the_summary_has_the_scores_once_and_what_is_next(tmp_path):
    paths, results = _finished_demo(tmp_path / "demo")
    lines = demo_page.summary(paths, results)
    assert len(lines) < 30
    text = "\n".join(lines)
    assert text.count("all background") == 1 and str(paths.page) in text and "ssa2d predict" in text
    assert re.search(r"fish-swimming +0\.0 +\d+\.\d  new", text)


def test_steps_show_the_last_line_of_their_log_and_take_their_messages(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tools.demo_terminal._TICK", 0.5)
    terminal = Terminal(tmp_path / "demo.log")
    with terminal.step("Draw"):
        print("rendering: 3 of 9 clips", file=sys.stderr, flush=True)
        time.sleep(1.2)
    assert "rendering" not in capsys.readouterr().err and 1.0 < terminal.times["Draw"] < 30
    assert last_line(tmp_path / "demo.log") == "rendering: 3 of 9 clips" and last_line(tmp_path / "none") == ""
    printed = []
    monkeypatch.setattr(sys, "__stdout__", types.SimpleNamespace(isatty=lambda: False, write=printed.append, flush=int))
    with terminal.step("Label"):  # which has said nothing so far
        time.sleep(2.2)
        print("9 of 20 frames", file=sys.stderr, flush=True)
        time.sleep(1.2)
    lines = "".join(printed).splitlines()
    assert lines[0].strip() in ("1 s", "2 s") and lines[-1].endswith("9 of 20 frames")


def test_a_failed_process_is_an_error_and_leaving_ends_one_that_runs(tmp_path):
    failing = [sys.executable, "-c", "import sys; print('error: no such folder'); sys.exit(2)"]
    with (
        Background(failing, tmp_path, tmp_path / "a.log") as process,
        pytest.raises(InputError, match="no such folder"),
    ):
        process.wait()
    start, sleeping = time.monotonic(), [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(KeyboardInterrupt), Background(sleeping, tmp_path, tmp_path / "b.log") as process:
        raise KeyboardInterrupt
    assert process._process.returncode is not None and time.monotonic() - start < 30


def test_a_second_interrupt_kills_a_process_that_does_not_end(tmp_path, monkeypatch):
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)"
    log = tmp_path / "a.log"
    with (
        pytest.raises(KeyboardInterrupt),
        Background([sys.executable, "-c", f"{stubborn}; time.sleep(60)"], tmp_path, log) as process,
    ):
        while last_line(log) != "up":
            time.sleep(0.02)
        wait = process._process.wait
        interrupted = iter([True])

        def interrupt_once(*arguments):
            if next(interrupted, False):
                raise KeyboardInterrupt
            return wait(*arguments)

        monkeypatch.setattr(process._process, "wait", interrupt_once)
        raise KeyboardInterrupt
    assert process._process.returncode == -signal.SIGKILL


def test_sigterm_ends_the_demo_as_an_interrupt_does(tmp_path, capsys, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(demo, "_run", lambda *_: signal.raise_signal(signal.SIGTERM))
    assert demo.main([f"--workdir={tmp_path}"]) == 130 and signal.getsignal(signal.SIGTERM) == before
    assert capsys.readouterr().err.startswith("interrupted; ")
