"""The README is short; every page is in the site; options and commands in the documents are those of the code."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from configs import default
from ssa2d_jax.cli.arguments import parse
from ssa2d_jax.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
OPTION_PAGES = {"training.md": 15, "predict.md": 8}  # with tables of options, and how many they list at least
LONGEST_README = 150
TARGETS = {".venv/installed", *re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}


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


def _commands(path):
    """The words of every command in the code blocks of a document, without the comment behind it."""
    for line in path.read_text().splitlines():
        words = shlex.split(line, comments=True) if re.match(r" {4,}(?:python|ssa2d|make) ", line) else []
        if words:
            yield words


def _check(words):
    """Raises an error unless the command line is one that the program takes."""
    program, *rest = words
    if program == "make":
        assert {word for word in rest if "=" not in word} <= TARGETS
    elif rest[0] == "-m":
        assert importlib.util.find_spec(rest[1]) is not None
    elif rest[0] == "main.py":
        modes = [word.removeprefix("--mode=") for word in rest if word.startswith("--mode=")] or ["train"]
        _check_flags(modes[0], [word for word in rest[1:] if not word.startswith("--mode=")])
    elif program == "ssa2d":
        _check_flags(rest[0], rest[1:])
    else:
        assert (ROOT / rest[0]).exists() or rest[0] == "exported/run_exported.py"


def _check_flags(command, words):
    assert command in COMMANDS
    if not COMMANDS[command].run_with_words:
        parse(command, command, words)


def test_the_readme_is_short():
    assert len(README.splitlines()) <= LONGEST_README


def test_every_page_is_in_the_site():
    contents = re.findall(r"```\{toctree\}\n(.*?)```", (ROOT / "docs/index.md").read_text(), re.DOTALL)
    listed = re.findall(r"^(?:\w.*<)?(\w+)>?$", "\n".join(contents), re.MULTILINE)
    assert sorted(listed) == sorted(page.stem for page in PAGES if page.stem != "index")


def test_the_readme_links_every_page_but_those_of_the_site_alone():
    alone = {"index", "contributing", "changelog", "api_reference"}
    assert [page.name for page in PAGES if page.stem not in alone and f"docs/{page.name}" not in README] == []


def test_every_option_is_listed_with_its_default():
    assert _listed_options((ROOT / "docs/options.md").read_text()) == dict(_options(default.get_config()))


@pytest.mark.parametrize("name", OPTION_PAGES)
def test_options_on_other_pages_have_their_default(name):
    listed = _listed_options((ROOT / "docs" / name).read_text())
    assert len(listed) >= OPTION_PAGES[name]
    assert listed.items() <= dict(_options(default.get_config())).items()


@pytest.mark.filterwarnings("ignore:the load_module")  # by which ml_collections reads config files
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_are_such_that_the_program_takes(path):
    for words in _commands(path):
        _check(words)


@pytest.mark.filterwarnings("ignore:the load_module")
def test_commands_are_found_and_wrong_ones_refused():
    assert sum(len(list(_commands(path))) for path in DOCUMENTS) > 40
    with pytest.raises(Exception, match="lr_phase"):
        _check(shlex.split("python main.py --config=configs/a2d.py --workdir=runs/a --config.train.lr_phase=3"))
    with pytest.raises(Exception, match="tinny"):
        _check(shlex.split("python main.py --config=configs/sprites.py:tinny --workdir=runs/a"))
    for wrong in ("make nonsense", "ssa2d guess", "python -m tools.nonsense"):
        with pytest.raises(AssertionError):
            _check(shlex.split(wrong))
