"""What may have been meant: messages for commands, configs, variants and inputs that don't exist; what comes next."""

import difflib
import re
from collections.abc import Collection
from pathlib import Path

from ssa2d_jax.utils import commands

# Words of other programs for commands of this one.
_SYNONYMS = {
    "test": "eval", "evaluate": "eval", "score": "eval", "val": "eval", "validate": "check", "infer": "predict",
    "inference": "predict", "label": "predict", "detect": "predict", "run": "predict", "fit": "train", "serve": "web",
}  # fmt: skip
_NO_CONFIGS = ("default", "__init__")  # files of configs/ that describe no experiment
_NO_VARIANT = re.compile(r"has no variant '(?P<name>[^']*)'; allowed: (?P<allowed>.*)")


def unknown_command(name: str, known: Collection[str], program: str) -> str:
    """A message for a command that is not in the table; `name` is the word in its place."""
    is_console = program == commands.CONSOLE
    flag = "the command" if is_console else "--mode"
    word = name.removeprefix("--mode=") if is_console else name
    near = [word] if word in known else difflib.get_close_matches(word, known, 1) or [_SYNONYMS.get(word, "")]
    start = f"{flag} is {name!r}"
    if near[0]:
        return f"{start}; did you mean {f'ssa2d {near[0]}' if is_console and word != name else near[0]}?"
    return f"{start}; allowed: {', '.join(known)}; --help explains them"


def unexpected_word(word: str, command: str) -> str:
    """A message for a word that belongs to no flag of `command`."""
    if command == "predict":
        return f"unexpected argument {word}; did you mean --input={word}?"
    return f"unexpected argument {word}; pass options as --name=value"


def missing_config(path: Path, variant: str, needed: str, checkout: Path | None) -> str:
    """A message for a --config that is no Python file.

    Args:
        path: what was given, without its variant.
        variant: the variant with its colon, "" for none.
        needed: what --config takes.
        checkout: where configs/ lies; None where the package is installed without it.
    """
    what = "no such file" if path.suffix == ".py" else "not a config"
    folder = path.parent if path.parent.name == "configs" else Path("configs")
    names = sorted(file.stem for file in folder.glob("*.py") if file.stem not in _NO_CONFIGS)
    start = f"--config={path}{variant}: {what}"
    if not names and checkout is not None:
        folder = Path("configs")
        names = sorted(file.stem for file in (checkout / folder).glob("*.py") if file.stem not in _NO_CONFIGS)
    if not names:
        return f"{start}; --config needs {needed}; the configs are in a checkout of the project, this is none"
    near = difflib.get_close_matches(path.stem, names, 1)
    hint = f"; did you mean {folder / near[0]}.py{variant}?" if near else f"; --config needs {needed}"
    return f"{start}; there are {', '.join(f'{folder / name}.py' for name in names)}{hint}"


def config_error(place: str, text: str) -> str:
    """A message for a config file that raises an error, whose last line is `text`; an unknown variant gets a hint."""
    found = _NO_VARIANT.search(text)
    if found is None:
        return f"--config={place}: {text}"
    near = difflib.get_close_matches(found["name"], found["allowed"].split(", "), 1)
    hint = f"did you mean {near[0]}? " if near else ""
    path = place.partition(":")[0]
    return f"--config={place}: {path} has no variant {found['name']!r}; {hint}allowed: {found['allowed']}"


def missing_input(text: str, needed: str) -> str:
    """A message for an --input that does not exist; `needed` says what it takes."""
    if "://" in text:
        return (
            f"--input={text}: such addresses are not read; download the video first (curl -L -o clip.mp4 '{text}'; "
            "of a video site with yt-dlp) and give the file"
        )
    return f"{text}: no such file or folder; --input is {needed}"


def after_training(workdir: Path) -> str:
    """What to do with the run in `workdir` when its training has ended: a command to copy."""
    words = f"--workdir={workdir}", "--input=path/to/videos", "--output=predicted"
    return f"label videos with it: {commands.command('predict', *words)}"
