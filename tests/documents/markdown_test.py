"""Markdown files: short lines, short tables, and only files and options that exist."""

import functools
import re
import subprocess
from pathlib import Path

import pytest

from configs import default

ROOT = Path(__file__).resolve().parents[2]
LONGEST_LINE, LONGEST_TABLE = 120, 40
SUFFIXES = (".py", ".md", ".txt", ".toml", ".json", ".csv", ".npz", ".ipynb", ".safetensors", ".ckpt")
BUILT = "docs/_build"  # what `make docs` writes
HISTORY = "CHANGELOG.md"  # names files and options of the past
LINK = re.compile(r"!?\[[^\]]*\]\([^)]*\)")


@functools.cache
def _repository_files():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in names if (ROOT / name).exists()]


def _documents(left_out=None):
    return [name for name in _repository_files() if name.endswith(".md") and name != left_out]


@functools.cache
def _top_folders():
    return {name.split("/")[0] for name in _repository_files() if "/" in name}


def _lines(document):
    return (ROOT / document).read_text().splitlines()


def _text_lines(lines):
    """(number, line) of everything outside code blocks."""
    fenced = False
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield number, line


def _is_table(line):
    return line.lstrip().startswith("|")


def _long_lines(lines):
    prose = [(number, line) for number, line in _text_lines(lines) if not _is_table(line)]
    return [number for number, line in prose if len(line) > LONGEST_LINE and not LINK.fullmatch(line.strip())]


def _table_sizes(lines):
    """The number of lines of every table."""
    sizes, previous = [], 0
    for number, line in _text_lines(lines):
        if _is_table(line):
            if previous and number == previous + 1:
                sizes[-1] += 1
            else:
                sizes.append(1)
            previous = number
    return sizes


def _code_spans(lines):
    return re.findall(r"`([^`]+)`", "\n".join(line for _, line in _text_lines(lines)))


def _named_paths(lines, top_folders):
    """Paths in code spans that begin with a top-level folder of the repository; placeholders end them."""
    folders = "|".join(sorted(map(re.escape, top_folders)))
    pattern = re.compile(rf"(?<![\w./<>*-])(?:{folders})/[\w./-]*")
    return {path.rstrip(".") for span in _code_spans(lines) for path in pattern.findall(span)}


def _link_targets(lines):
    """Files that links and images name; addresses and places in the same file are left out."""
    targets = re.findall(r"\]\(([^)\s]+)\)", "\n".join(line for _, line in _text_lines(lines)))
    return {target.split("#")[0] for target in targets if "://" not in target and not target.startswith("#")}


def _places(lines):
    """The places in a file that a link can name after #: its headings and anchors."""
    text = "\n".join(line for _, line in _text_lines(lines))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a name="([^"]+)">', text))


def _missing_places(document):
    """Links to a place that the Markdown file they name doesn't have."""
    text = "\n".join(line for _, line in _text_lines(_lines(document)))
    links = [link for link in re.findall(r"\]\(([^)\s]+#[^)\s]+|#[^)\s]+)\)", text) if "://" not in link]
    parts = [(link, *link.split("#")) for link in links]
    target = lambda name: (ROOT / document).parent / name if name else ROOT / document
    return [link for link, name, place in parts if place not in _places(target(name).read_text().splitlines())]


def _option_names(config, prefix=""):
    for key, value in config.items():
        yield prefix + key
        if hasattr(value, "items"):
            yield from _option_names(value, f"{prefix}{key}.")


def _named_options(lines, groups):
    """Options written as config.x.y anywhere, or as x.y in a code span."""
    named = re.findall(r"(?<![\w/.])config\.([a-z]\w*(?:\.[a-z]\w*)*)", "\n".join(lines).replace("--", ""))
    spans = (re.match(r"([a-z]\w*)(?:\.[a-z]\w*)+(?=$|=)", span) for span in _code_spans(lines))
    named += [match[0] for match in spans if match and match[1] in groups]
    return {name for name in named if not f".{name}".endswith(SUFFIXES)}


@pytest.mark.parametrize("document", _documents())
def test_lines_of_prose_are_short(document):
    assert _long_lines(_lines(document)) == []


@pytest.mark.parametrize("document", _documents())
def test_a_table_fits_on_a_screen(document):
    assert max(_table_sizes(_lines(document)), default=0) <= LONGEST_TABLE


@pytest.mark.parametrize("document", _documents(HISTORY))
def test_every_named_file_exists(document):
    paths = _named_paths(_lines(document), _top_folders())
    assert [path for path in sorted(paths) if not path.startswith(BUILT) and not (ROOT / path).exists()] == []
    folder = (ROOT / document).parent
    assert [target for target in sorted(_link_targets(_lines(document))) if not (folder / target).exists()] == []
    assert _missing_places(document) == []


@pytest.mark.parametrize("document", _documents(HISTORY))
def test_every_named_option_exists(document):
    config = default.get_config()
    assert _named_options(_lines(document), set(config)) - set(_option_names(config)) == set()


def test_the_checks_find_what_is_wrong():
    long = "word " * 25
    lines = [long, "    " + long, "```", long, "```", "| " + long, f"[{long}](x.md)", f"see [{long}](x.md)"]
    assert _long_lines(lines) == [1, 8]
    assert _table_sizes(["| a |", "|---|", "| b |", "", "| c |"]) == [3, 1]
    lines = ["`tools/x.py` and `python main.py --config=configs/a.py:flow`, `tests/<room>/`, `runs/tools/y`, tools/z"]
    assert _named_paths(lines, {"tools", "configs", "tests"}) == {"tools/x.py", "configs/a.py", "tests/"}
    assert _places(["## Kinetics weights and fine-tuning", '<a name="tracks"></a>**T**', "    # x"]) == {
        "kinetics-weights-and-fine-tuning",
        "tracks",
    }
    assert _link_targets(["[a](docs/b.md#c), [d](#e), [f](https://g.h/i)"]) == {"docs/b.md"}
    lines = [
        "`train.lr`, `train.json`, `other.x`, `train.rate=3`",
        "    --config.data.x.y=1 runs/config.json config.model",
    ]
    assert _named_options(lines, {"train", "data"}) == {"train.lr", "train.rate", "data.x.y", "model"}


def test_there_are_documents_with_files_and_options():
    lines = _lines("docs/training.md")
    assert len(_documents()) > 15
    assert len(_named_paths(lines, _top_folders())) > 3 and len(_named_options(lines, set(default.get_config()))) > 20
