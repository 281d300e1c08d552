"""The README and docs/options.md describe what exists: every option with its default, every file they name."""

import re
from pathlib import Path

from configs import default

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
OPTIONS = (ROOT / "docs/options.md").read_text()


def _options(config, prefix=""):
    for key, value in config.items():
        if hasattr(value, "items"):
            yield from _options(value, f"{prefix}{key}.")
        else:
            yield prefix + key, repr(value)


def _listed_options(text):
    """Name and default of every row of the tables of options."""
    rows = re.findall(r"^\| `([a-z_0-9.]+)` \| `(.*?)` \| \S", text, re.MULTILINE)
    assert len(rows) == len(dict(rows)), "an option is listed twice"
    return dict(rows)


def test_every_option_is_listed_with_its_default():
    assert _listed_options(OPTIONS) == dict(_options(default.get_config()))


def test_options_in_the_readme_have_their_default():
    listed = _listed_options(README)
    assert len(listed) > 15
    assert listed.items() <= dict(_options(default.get_config())).items()


def test_every_file_in_the_readme_exists():
    named = re.findall(r"(?:configs|docs|benchmarks|ssa2d_jax|tools|notebooks)/[\w/]+\.(?:py|md|png|ipynb)", README)
    assert len(named) > 5
    assert [name for name in named if not (ROOT / name).is_file()] == []
