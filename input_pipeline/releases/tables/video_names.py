"""Which video a name in a table means, where the table or the file system has changed its spelling."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ssa2d_jax.data.class_names import clean_name
from ssa2d_jax.utils.files import is_clutter
from ssa2d_jax.utils.text import first_few

_NUMBER = re.compile(r"0*(\d+)(?:[.,]0)?", re.ASCII)


class Meaning(NamedTuple):
    """What a name in a table means: the name of a video, and the warning or the problem that comes with it."""

    video: str
    guess: str = ""
    problem: str = ""


def spelling_in(folder: Path, name: str) -> str:
    """How `folder` spells the name of a file or folder: a letter with a mark is one character there, or several."""
    if name.isascii() or not folder.is_dir() or (folder / name).exists():
        return name
    spelled = [path.name for path in folder.iterdir() if composed(path.name) == composed(name)]
    return spelled[0] if len(spelled) == 1 else name


def composed(name: str) -> str:
    """A name with every letter and its marks as one character, if Unicode has it (NFC)."""
    return unicodedata.normalize("NFC", name)


def find_meanings(names: Collection[str], folder: Path | None) -> dict[str, Meaning]:
    """What every name in a table means, given the folder with the videos.

    A name without any such video is left as it is.
    """
    videos = _Videos(folder, names)
    return {name: videos.meaning(name) for name in names}


class _Videos:
    """The videos in a folder by the spellings that a table may have, and the names in the table."""

    def __init__(self, folder: Path | None, names: Collection[str]) -> None:
        paths = [path for path in folder.iterdir() if not is_clutter(path.name)] if folder else []
        self.stems = _grouped((composed(path.name if path.is_dir() else path.stem), path.name) for path in paths)
        self.files = _grouped((composed(path.name).casefold(), path.name) for path in paths if path.is_file())
        self.clean = _grouped((clean_name(stem), stem) for stem in self.stems)
        self.numbers = _grouped((_number(stem), stem) for stem in self.stems if stem.isdecimal())
        self.numbers_in_table = _grouped((_number(name), name) for name in names)

    def meaning(self, name: str) -> Meaning:
        """What one of the names means."""
        video = composed(name)
        if video in self.stems:
            return Meaning(video)
        files = self.files.get(video.casefold(), [])
        files = [file for file in files if composed(file) == video] or files
        if len(files) == 1:  # written with its ending, which tells a.mov from a.mp4
            stem = composed(Path(files[0]).stem)
            return Meaning(stem if len(self.stems[stem]) == 1 else composed(files[0]))
        clean = self.clean.get(clean_name(name), [])
        return Meaning(clean[0]) if len(clean) == 1 else self._numbered(name)

    def _numbered(self, name: str) -> Meaning:
        """The video whose name is the same number with more zeros, if there can only be one."""
        number = _number(name)
        same = self.numbers.get(number, []) if number else []
        if not same:
            return Meaning(composed(name))
        if len(same) == 1 and self.numbers_in_table[number] == [name]:
            guess = f"video {name} is read as {same[0]}: the table seems to have lost zeros"
            return Meaning(same[0], guess=guess if same[0] != number else "")
        others = first_few(sorted({*same, *self.numbers_in_table[number]} - {name}))
        return Meaning(composed(name), problem=f"video {name} may be {others}; write its name in full, with all zeros")


def _number(name: str) -> str:
    """The number that a name is, without zeros at its start and without .0 at its end; "" if it is none."""
    match = _NUMBER.fullmatch(name)
    return match[1] if match else ""


def _grouped(pairs: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups
