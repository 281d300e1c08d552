"""Where the files of your own data lie."""

import difflib
import functools
import re
from collections.abc import Container
from pathlib import Path

from input_pipeline.releases import folder_table
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.reader import list_pictures

ONE_JSON = "instances.json"
SPLIT_JSON = tuple(f"{split}.json" for split in SPLITS)
TRACKS = "tracks.json"
VIDEO_FOLDERS = ("videos", "JPEGImages/480p", "JPEGImages")
LABEL_FOLDERS = ("labels", "Annotations/480p", "Annotations")
_MOST_COMPARED = 200  # names with one that isn't there


def frames_path(release: Path, name: str, place: str, known: Container[str]) -> Path:
    """The file, or the folder of frames, of a video that `place` names; InputError if there is none, or several.

    What it may be called instead is none of the names that are `known`, of this video and others.
    """
    places = [release / folder for folder in VIDEO_FOLDERS if (release / folder).is_dir()]
    if not places:
        raise InputError(f"{release}: no folder {' or '.join(VIDEO_FOLDERS)} for the videos")
    found = sorted(path for path in places[0].glob(f"{_escaped(name)}.*") if path.is_file() and path.stem == name)
    found += [places[0] / name] if (places[0] / name).is_dir() else []
    if len(found) != 1:
        ending = Path(name).suffix if not found and (places[0] / name).is_file() else ""
        if ending:
            raise InputError(
                f"{place}: video {name} has to be named without its ending {ending}: {name[: -len(ending)]}"
            )
        if found:
            told = ", ".join(path.name for path in found)
            raise InputError(f"{place}: video {name}: {places[0]} has several of that name: {told}")
        raise InputError(f"{place}: video {name}: {places[0]} has none of that name{_meant(name, places[0], known)}")
    return found[0]


def _meant(name: str, folder: Path, known: Container[str]) -> str:
    """Which of the videos in `folder` that aren't `known` is called nearly as `name` is, as a question; or nothing."""
    others = {other.casefold(): other for other in _names_in(folder, folder.stat().st_mtime_ns) if other not in known}
    few = others if len(others) <= _MOST_COMPARED else ()
    nearest = [name.casefold()] if name.casefold() in others else difflib.get_close_matches(name.casefold(), few, n=1)
    return f"; did you mean {others[nearest[0]]!r}?" if nearest else ""


@functools.lru_cache(maxsize=4)
def _names_in(folder: Path, _changed: int) -> tuple[str, ...]:
    """The videos in `folder`, as they are called, in order."""
    there = (path for path in folder.iterdir() if not path.name.startswith("."))
    return tuple(sorted({path.name if path.is_dir() else path.stem for path in there}))


def labelled_frames(release: Path, name: str, frames: Path) -> dict[int, Path]:
    """Labelled frames of a video, whose file or folder is `frames`: number from 0, ascending -> its PNG.

    InputError if there are none.
    """
    places = _label_folders(release)
    if not places:
        raise InputError(f"{release}: no folder {' or '.join(LABEL_FOLDERS)} for the instance PNGs")
    folder = next((place / name for place in places if any((place / name).glob("*.png"))), places[0] / name)
    files = sorted(folder.glob("*.png"))
    if not files:
        raise InputError(f"{folder}: no instance PNG (<frame>.png) for video {name}")
    if frames.is_dir():
        stems = {path.stem: number for number, path in enumerate(list_pictures(frames))}
        for path in files:
            if path.stem not in stems:
                raise InputError(f"{path}: labels a frame that {frames} doesn't have")
        return {stems[path.stem]: path for path in files}
    numbered: dict[int, Path] = {}
    for path in files:
        if not path.stem.isdecimal():
            raise InputError(f"{path}: the name has to be the frame's number, from 0")
        if int(path.stem) in numbered:
            raise InputError(f"{path}: frame {int(path.stem)} is labelled in {numbered[int(path.stem)].name}, too")
        numbered[int(path.stem)] = path
    return dict(sorted(numbered.items()))


def _label_folders(release: Path) -> list[Path]:
    """The folders for labels that there are: tracks.json may lie in labels/, and PNGs where DAVIS has them."""
    return [release / folder for folder in LABEL_FOLDERS if (release / folder).is_dir()]


def _tracks_in(release: Path) -> dict[str, Path]:
    """What predict has written into the folders of the labels, by video, in order of names."""
    found = [path for folder in _label_folders(release)[::-1] for path in folder.glob(f"*/{TRACKS}")]
    return dict(sorted({path.parent.name: path for path in found}.items()))


def _listed(names: list[str]) -> str:
    """How many videos, and the names of the first few."""
    return f"{plural(len(names), 'video')} ({folder_table.few(names)})"


def _escaped(name: str) -> str:
    return re.sub(r"([\[\]?*])", r"[\1]", name)
