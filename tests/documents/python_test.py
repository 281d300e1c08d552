"""The Python code in the documents runs, with a toy network."""

import ast
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from ssa2d_jax.inference.detector import Detector
from ssa2d_jax.inference.predict import predict_path
from tests.fixtures import toy_detector

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = {"README.md": 1, "docs/python_api.md": 8, "docs/predict.md": 3, "docs/faq.md": 1, "docs/label_formats.md": 1}
NOT_REQUIRED = {"pandas"}  # a block that imports it runs where it is installed


class _Tensor:
    """The methods of a PyTorch tensor that the documents use."""

    def __init__(self, array):
        self.array = array

    def permute(self, *axes):
        return _Tensor(self.array.transpose(axes))

    def cpu(self):
        return self

    def numpy(self):
        return self.array


def _blocks(text):
    """The indented blocks of a document that are Python code with a call in it."""
    for block in re.findall(r"(?:^    .*\n(?:\n(?=    ))*)+", text, re.MULTILINE):
        code = "\n".join(line[4:] for line in block.splitlines())
        try:
            ast.parse(code)
        except SyntaxError:  # a command, a table
            continue
        if "(" in code:
            yield code


def _is_installed(code):
    return all(importlib.util.find_spec(name) for name in NOT_REQUIRED if f"import {name}" in code)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # short code leaves files open
@pytest.mark.parametrize("name", BLOCKS)
def test_python_code_in_a_document_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    detector = toy_detector.detector()
    monkeypatch.setattr(Detector, "from_run", lambda *arguments, **options: detector)
    for clip in ("clip.mp4", "long.mp4"):
        toy_detector.make_video(tmp_path / clip, 24)
    text = (ROOT / name).read_text()
    if "out/labels.npz" in text:
        predict_path("clip.mp4", "out", detector=detector)
    (tmp_path / "labels/garden").mkdir(parents=True)
    result = detector("clip.mp4")
    frames = np.stack([frame.frame for frame in result.frames])
    names = {
        "detector": detector,
        "result": result,
        "bgr": frames[..., ::-1],
        "video": frames / 255,
        "tensor": _Tensor(frames.transpose(0, 3, 1, 2)),
        "boxes": {1: (10, 20, 30, 40)},
        "height": 64,
        "width": 96,
    }
    blocks = list(_blocks(text))
    assert len(blocks) == BLOCKS[name]
    for code in filter(_is_installed, blocks):
        exec(compile(code, name, "exec"), names)
    if name == "README.md":
        assert "dog 1: running, frames 0 to 23" in capsys.readouterr().out
        assert names["dogs"].shape == (24, 64, 96) and names["dogs"].any() and names["mask"].dtype == bool
    if name == "docs/label_formats.md":
        assert (tmp_path / "labels/garden/00012.png").is_file()
