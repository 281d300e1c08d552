"""The Colab notebook: it is up to date with its source, and its cells run from start to end."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat

from tests.fixtures.xla_flags import QUICK_COMPILES

ROOT = Path(__file__).resolve().parents[2]
NAME = "ssa2d_colab.ipynb"  # in notebooks/


def test_the_notebook_is_up_to_date_with_its_source():
    command = [sys.executable, "-m", "tools.make_notebook", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_its_cells_run_from_start_to_end(tmp_path):
    left_out = shutil.ignore_patterns(".*", "data", "runs", "weights", "__pycache__", "tests")
    shutil.copytree(ROOT, tmp_path / "repo", ignore=left_out)
    folder = tmp_path / "repo/notebooks"
    book = nbformat.read(folder / NAME, as_version=4)
    settings = book.cells[1]
    demo = 'DEMO = "--test_clips=4 --fish_train=8 --fish_test=4 --epochs=2 --clip_frames=20"'
    changes = {'VARIANT = ""': 'VARIANT = "tiny"', "FOLDER_EPOCHS = 100": "FOLDER_EPOCHS = 4", 'DEMO = ""': demo}
    for setting, value in changes.items():
        assert settings.source.count(setting) == 1
        settings.source = settings.source.replace(setting, value)
    nbformat.write(book, folder / NAME)
    code = (
        "import nbformat, nbclient, sys\n"
        "book = nbformat.read(sys.argv[1], as_version=4)\n"
        "try:\n"
        "    nbclient.NotebookClient(book, timeout=1500, kernel_name='python3').execute()\n"
        "finally:\n"
        "    nbformat.write(book, sys.argv[1])\n"
    )
    command = [sys.executable, "-c", code, NAME]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"XLA_FLAGS": QUICK_COMPILES},
        capture_output=True,
        text=True,
        check=False,
        timeout=3000,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    book = nbformat.read(folder / NAME, as_version=4)
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert {"image/svg+xml", "image/png", "text/html"} <= kinds  # curves, pictures, the overlay as a video
    text = "".join(output.get("text", "") for output in outputs)
    assert text.count("this model (step") >= 2 and "no problem found" in text
    assert "Traceback" not in text and "error:" not in text
    scores = json.loads((tmp_path / "repo/runs/own/metrics/test.json").read_text())
    assert scores["frames"] > 0
    assert "fish-swimming" in text and (tmp_path / "repo/runs/demo/index.html").exists()  # the demo
    assert "person" in json.loads((tmp_path / "repo/runs/own/labels.json").read_text())["actors"]
    results = zipfile.ZipFile(tmp_path / "repo/ssa2d_results.zip").namelist()
    files = {"overlay.mp4", "labels.npz", "summary.json", "tracks.json", "tracks.csv"}
    for network in ("sprites", "own"):
        assert {f"{network}.safetensors", *(f"{network}/{name}" for name in files)} <= set(results)
