"""The command `ssa2d web`: what it needs, its options, and the examples."""

import importlib.util
import subprocess
import sys

import pytest

from ssa2d_jax.web import server


@pytest.mark.parametrize(
    "options, gradio, message",
    [
        ([], None, "the page needs Gradio; install it: pip install '<checkout>[web]'"),
        (["--workdir={}"], "installed", "holds no run"),
        (["--examples={}/gone"], "installed", "no such folder; --examples is a folder of videos"),
    ],
)
def test_the_command_names_what_is_missing(tmp_path, monkeypatch, capsys, options, gradio, message):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: gradio if name == "gradio" else find(name, *rest)
    )
    assert server.main([option.format(tmp_path) for option in options]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ") and message in errors


@pytest.mark.parametrize("option", ["--port=70000", "--port=0", "--max_seconds=nan", "--max_megabytes=-1"])
def test_options_out_of_range_are_refused(capsys, option):
    with pytest.raises(SystemExit) as stopped:
        server.main([option])
    assert stopped.value.code == 2 and f"error: {option.split('=')[0]} is" in capsys.readouterr().err


def test_as_a_module_it_takes_the_same_options_and_imports_nothing_heavy_before_they_are_checked():
    program = (
        "import runpy, sys\n"
        "sys.argv = ['server.py', '--port=0']\n"
        "try:\n    runpy.run_module('ssa2d_jax.web.server', run_name='__main__')\n"
        "except SystemExit as stopped:\n    assert stopped.code == 2\n"
        "assert not {'jax', 'cv2', 'av', 'numpy', 'gradio'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "error: --port is 0; allowed: 1 to 65535" in done.stderr, done.stderr


def test_visitors_can_pick_from_the_first_examples(tmp_path, capsys):
    for number in range(103):
        (tmp_path / f"{number:03d}.mp4").touch()
    (tmp_path / "notes.txt").touch()
    examples = server.find_examples(tmp_path)
    assert len(examples) == 100 and examples["099.mp4"] == tmp_path / "099.mp4"
    assert "103 clips; visitors can pick from the first 100" in capsys.readouterr().err
