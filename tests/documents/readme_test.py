"""The README says what is there: every knob with its default, every file that it names."""

import re
from pathlib import Path

from configs import default

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def _knobs(config, prefix=""):
    for key, value in config.items():
        if hasattr(value, "items"):
            yield from _knobs(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def test_every_knob_is_listed_with_its_default():
    listed = dict(re.findall(r"^\| `([a-z_0-9.]+)` \| `(.*?)` \|", README, re.MULTILINE))
    assert listed == {name: repr(value) for name, value in _knobs(default.get_config())}


def test_every_file_that_it_names_is_there():
    named = re.findall(r"(?:configs|docs|benchmarks|ssa2d_jax)/[\w/]+\.(?:py|md|png)", README)
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).is_file()] == []
