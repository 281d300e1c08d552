"""From words to an exit code: what is answered before anything heavy is imported."""

import errno
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from configs import sprites
from input_pipeline import source
from ssa2d_jax.cli import app, commands, config, help
from ssa2d_jax.cli.arguments import FLAGS
from ssa2d_jax.cli.commands import COMMANDS
from ssa2d_jax.runtime import processes

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("jax", "tensorflow", "cv2", "av", "matplotlib", "orbax", "flax")


def _light(words, program):
    """Runs `words` in a process of its own -> (exit code, output, heavy modules that were imported)."""
    default = None if program == "ssa2d" else "train"
    code = (
        "import sys\nfrom ssa2d_jax.cli import app\n"
        f"code = app.main({list(words)!r}, program={program!r}, default_command={default!r})\n"
        f"print('imported:', *[name for name in {HEAVY!r} if name in sys.modules])\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    output, _, imported = done.stdout.rpartition("imported:")
    return done.returncode, output + done.stderr, imported.split()


@pytest.mark.parametrize(
    ("program", "words", "code", "answer"),
    [
        ("ssa2d", [], 0, "usage: ssa2d <command>"),
        ("ssa2d", ["--help"], 0, "predict         label every pixel"),
        (
            "ssa2d",
            ["predict", "--help"],
            0,
            "usage: ssa2d predict [--workdir=...] --input=... --output=... [--conf",
        ),
        ("main.py", ["--mode=predict", "-h"], 0, "  python main.py --mode=predict --input=clip.mp4 --output=out"),
        ("main.py", ["--config=configs/sprites.py", "--help"], 0, "usage: python main.py --mode=<command>"),
        ("main.py", ["--help"], 0, "usage: python main.py --mode=<command>"),
        ("ssa2d", ["fly"], 2, "error: the command is 'fly'; allowed: train, prepare, check, eval, predict"),
        ("main.py", ["--mode=fly"], 2, "error: --mode is 'fly'; allowed: train"),
        ("main.py", ["--config=configs/sprites.py"], 2, "error: --mode=train needs --workdir, the folder of the run"),
        ("main.py", ["--workdir=w"], 2, "error: --mode=train needs --config, a Python config file"),
        ("ssa2d", ["predict", "--workdir=w", "--input=a.mp4"], 2, "error: ssa2d predict needs --output, a folder"),
        ("ssa2d", ["predict", "--workdri=w"], 2, "error: unknown flag --workdri; did you mean --workdir?"),
        ("ssa2d", ["predict", "--workdir=w", "clip.mp4"], 2, "unexpected argument clip.mp4; did you mean --input=clip"),
        ("ssa2d", ["eval", "clip.mp4"], 2, "error: unexpected argument clip.mp4; pass options as --name=value"),
        ("main.py", ["train", "--workdir=w"], 2, "error: unexpected argument train; did you mean --mode=train?"),
        ("main.py", ["--mode=test"], 2, "error: --mode is 'test'; did you mean eval?"),
        ("ssa2d", ["--mode=predict"], 2, "error: the command is '--mode=predict'; did you mean ssa2d predict?"),
        (
            "ssa2d",
            ["predict", "--input=ftp://a.org/b.mp4", f"--workdir={__file__}", "--output=out"],
            2,
            "error: --input=ftp://a.org/b.mp4: such addresses are not read; download the video first (curl ",
        ),
        (
            "ssa2d",
            ["report", "--workdir=/nowhere"],
            2,
            "error: /nowhere: no such folder; --workdir is a folder",
        ),
        ("ssa2d", ["report", "--workdir=a", "--workdir=b"], 2, "error: --workdir is given 2 times (a, b); give one"),
        (
            "ssa2d",
            ["predict", "--workdir=/nowhere", "--input=a.mp4", "--output=out"],
            2,
            "error: /nowhere holds no run (no such folder); train first: ssa2d train --workdir=/nowhere",
        ),
        (
            "main.py",
            ["--mode=eval", "--workdir=/nowhere"],
            2,
            "error: /nowhere holds no run (no such folder); train first: python main.py --mode=train --workdir=",
        ),
        (
            "main.py",
            ["--config=configs/sprites.py", "--workdir=w", "--config.train.batch_sise=4"],
            2,
            "error: --config.train.batch_sise: unknown option; did you mean --config.train.batch_size?",
        ),
        (
            "main.py",
            ["--config=configs/sprites.py", "--workdir=w", "--config.train.phases=((1.0, 0.1, 0.1),)"],
            2,
            "error: --config.train.phases was renamed: use --config.train.lr_phases",
        ),
        (
            "main.py",
            ["--config=configs/a2d.py:small", "--workdir=w", "--config.data.root=/nowhere/Release"],
            2,
            "error: /nowhere/Release: no such folder; config.data.root has to be",
        ),
        (
            "main.py",
            ["--config=configs/a2d.py:kinetics", "--workdir=w", "--config.init.encoder_weights=/gone/rgb.h5"],
            2,
            "error: config.init.encoder_weights: /gone/rgb.h5: no such file or folder",
        ),
        ("main.py", ["--config=configs/sprites.py:big", "--workdir=w"], 2, "has no variant 'big'; allowed: "),
        (
            "main.py",
            ["--config=configs/folder.py:smal,flow", "--workdir=w"],
            2,
            "error: --config=configs/folder.py:smal,flow: configs/folder.py has no variant 'smal'; did you mean small?",
        ),
        (
            "main.py",
            ["--config=configs/folder.py:sprits", "--workdir=w"],
            2,
            "has no variant 'sprits'; did you mean sprites?",
        ),
        (
            "main.py",
            ["--config=configs/folder.py:sprites,no_atrous", "--workdir=w"],
            2,
            "error: --config=configs/folder.py:sprites,no_atrous: sprites, the network of the included "
            "weights, can't be combined",
        ),
        (
            "main.py",
            ["--config=./configs/sprite.py:tiny", "--workdir=w"],
            2,
            "did you mean configs/sprites.py:tiny?",
        ),
        ("ssa2d", ["report", "--workdir=w", "--format=coco"], 2, "error: --format=coco: report writes no labels"),
        (
            "ssa2d",
            ["predict", "--input=a.mp4", "--output=out", "--format=coco", "--config.predict.formats=cvat"],
            2,
            "error: --format and --config.predict.formats are both given; give one of them",
        ),
        ("ssa2d", ["predikt"], 2, "error: the command is 'predikt'; did you mean predict?"),
        ("ssa2d", ["--version"], 0, "ssa2d_jax 0."),
        ("ssa2d", ["report", "--workdir=w", "--config.predict.opacty=1"], 2, "error: ssa2d report uses no options"),
        (
            "main.py",
            ["--config=README.md", "--workdir=w"],
            2,
            "error: --config=README.md: not a config; there are configs/a2d.py, configs/folder.py, configs/sprites.py",
        ),
        (
            "main.py",
            ["--config=configs/sprite.py:tiny", "--workdir=w"],
            2,
            "error: --config=configs/sprite.py:tiny: no such file; there are configs/a2d.py, configs/folder.py, "
            "configs/sprites.py, configs/vidor.py; did you mean configs/sprites.py:tiny?",
        ),
        (
            "main.py",
            ["--config=main.py", "--workdir=w"],
            2,
            "error: --config=main.py: the file has no attribute 'get_config'",
        ),
        (
            "main.py",
            ["--config=configs/sprites.py", "--workdir=README.md"],
            2,
            "error: README.md is a file, not a folder; to start from its weights",
        ),
        ("main.py", ["--config=/nowhere/config.json", "--workdir=w"], 2, "/nowhere/config.json: no such file"),
    ],
)
def test_words_are_checked_before_anything_heavy_is_imported(program, words, code, answer):
    exit_code, output, imported = _light(words, program)
    assert (exit_code, imported) == (code, []), output
    assert answer in output, output


def test_a_folder_of_runs_names_its_runs_and_a_run_its_options(tmp_path, capsys):
    for name in ("a", "more/b"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text(json.dumps(sprites.get_config("tiny").to_dict()))
    predict = ["predict", "--input=a.mp4", "--output=out"]
    assert app.main([*predict, f"--workdir={tmp_path}"]) == 2
    runs = f"there are {tmp_path / 'a'}, {tmp_path / 'more/b'}; did you mean --workdir={tmp_path / 'a'}?"
    assert f"{tmp_path} holds no run itself; {runs}" in capsys.readouterr().err
    assert app.main([*predict, f"--workdir={tmp_path / 'a'}", "--config.predict.opacty=1"]) == 2
    assert "did you mean --config.predict.opacity?" in capsys.readouterr().err


def test_every_command_has_a_page_of_options_that_exist_and_examples_that_parse():
    assert help.PAGES.keys() == COMMANDS.keys()
    known = config.known_options()
    for name, page in help.PAGES.items():
        text = help.command_page("ssa2d", name, known)
        assert all(f"--config.{key}" in text for key in page.options), name
        for example in page.examples:
            words = {word.partition("=")[0].removeprefix("--").partition(".")[0] for word in example.split()}
            assert words <= {*FLAGS, "examples"} and text.count(f"ssa2d {name} {example}\n") <= 1, example
            needed = set(COMMANDS[name].needs) - ({"workdir"} if COMMANDS[name].has_default_run else set())
            assert words >= needed, example


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space and start the same command again, or choose another path"),
        (errno.EACCES, "choose a path where you have permission, or change that of this one"),
        (errno.ENOTDIR, "choose another path or fix this one"),
    ],
)
def test_what_the_system_refuses_is_one_line_with_a_remedy(monkeypatch, capsys, number, remedy):
    def refused(_):
        raise OSError(number, os.strerror(number), "out/labels.npz")

    monkeypatch.setitem(COMMANDS, "doctor", app.Command("", refused, config=app.ConfigSource.NONE))
    assert app.main(["doctor"]) == 2
    usable = "everything saved so far is still usable"
    assert capsys.readouterr().err == f"error: out/labels.npz: {os.strerror(number)}; {remedy}; {usable}\n"


def test_a_full_disk_is_named_by_the_output(monkeypatch, capsys):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setitem(COMMANDS, "doctor", app.Command("", full, config=app.ConfigSource.NONE))
    assert app.main(["doctor", "--output=out"]) == 2
    assert capsys.readouterr().err.startswith("error: out: No space left on device; free some space")


def test_logs_of_xla_are_the_users_choice(monkeypatch, capsys):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    assert app.main(["--version"]) == 0 and os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    assert app.main(["--version"]) == 0 and os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"


def test_a_missing_package_is_named_with_its_extra(monkeypatch, capsys):
    def needs_tensorflow(_):
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

    monkeypatch.setitem(COMMANDS, "doctor", app.Command("", needs_tensorflow, config=app.ConfigSource.NONE))
    assert app.main(["doctor"]) == 2
    assert "pip install '<checkout>[train]'" in capsys.readouterr().err


def test_flags_take_their_value_in_one_word_or_two(monkeypatch):
    seen = []
    monkeypatch.setitem(COMMANDS, "export", app.Command("", seen.append, config=app.ConfigSource.RUN))
    assert app.main(["export", "--output", "out", "--config.predict.opacity", "0.5"]) == 0
    assert app.main(["--mode", "export", "--output=out"], default_command="train") == 0
    assert [str(arguments.output) for arguments in seen] == ["out", "out"]
    assert seen[0].options == {"predict.opacity": "0.5"}


def test_an_empty_input_is_no_input(capsys):
    assert app.main(["predict", "--workdir=w", "--input=", "--output=out"]) == 2
    assert "needs --input, a video" in capsys.readouterr().err


def test_a_mode_is_given_once(capsys):
    assert app.main(["--mode=eval", "--mode=predict"], default_command="train") == 2
    assert "--mode is given more than once" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:the load_module")  # by which ml_collections reads config files
def test_commands_on_data_need_a_checkout(monkeypatch, capsys):
    monkeypatch.setattr(app.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(app, "add_checkout", lambda: None)
    assert app.main(["prepare", "--config=configs/sprites.py:tiny"]) == 2
    assert (
        "ssa2d prepare needs a checkout of the project; there: python main.py --mode=prepare" in capsys.readouterr().err
    )


def test_every_process_reads_its_own_share(monkeypatch):
    seen, order = {}, []
    opened = types.SimpleNamespace(identity="data", label_frames={"test": 3})
    monkeypatch.setattr(processes, "index", lambda: 1)
    monkeypatch.setattr(processes, "count", lambda: 3)
    monkeypatch.setattr(processes, "on_first", lambda work: order.append("first prepares"))
    monkeypatch.setattr(processes, "check_same", lambda what, value: order.append(what))
    monkeypatch.setattr(source, "open_batches", lambda config, **share: seen.update(share) or opened)
    assert commands._open_batches(sprites.get_config("tiny")) is opened
    assert seen == {"process_index": 1, "process_count": 3}
    assert order == ["the options", "first prepares", "the prepared data"]


def test_report_takes_its_split_from_the_config(tmp_path, monkeypatch, capsys):
    config = sprites.get_config("tiny")
    config.train.eval_splits = ("train",)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    assert app.main(["report", f"--workdir={tmp_path}", f"--config={tmp_path / 'config.json'}"]) == 2
    assert "was scored on 'train'" in capsys.readouterr().err
