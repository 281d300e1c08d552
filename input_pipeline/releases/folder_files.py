"""Where the files of your own data are."""

import difflib
import functools
import hashlib
import re
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from input_pipeline.releases.tables.video_names import composed, spelling_in
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural
from ssa2d_jax.video.reader import list_pictures

ONE_JSON = "instances.json"
SPLIT_JSON = tuple(f"{split}.json" for split in SPLITS)
TRACKS = "tracks.json"
_TIMELINE = "timeline.png"  # a picture that predict writes beside it; no label
VIDEO_FOLDERS = ("videos", "JPEGImages/480p", "JPEGImages")
LABEL_FOLDERS = ("labels", "Annotations/480p", "Annotations")
_MOST_COMPARED = 200  # file names that are compared with a missing one


def frames_path(root: Path, name: str, place: str, known: Container[str]) -> Path:
    """Finds the file of a video or the folder of its frames.

    Args:
        root: The folder of the data.
        name: Name of the video.
        place: Where that name is written.
        known: Names of all videos that are written anywhere: no suggestion for a missing one.

    Raises:
        InputError: There is no such video, or there are several.
    """
    folder = video_folder(root)
    if folder is None:
        raise InputError(f"{root}: has no folder {' or '.join(VIDEO_FOLDERS)} with the videos")
    candidates = folder.glob(f"{_escape(name)}.*") if name.isascii() else folder.iterdir()
    paths = sorted(path for path in candidates if path.is_file() and composed(path.stem) == composed(name))
    whole = folder / spelling_in(folder, name)  # a folder, or a file named with its ending to tell a.mov from a.mp4
    paths += [whole] if whole.is_dir() or (whole.is_file() and not paths) else []
    if len(paths) == 1:
        return paths[0]
    if paths:
        files = ", ".join(path.name for path in paths)
        raise InputError(f"{place}: video {name}: {folder} has several with that name: {files}; keep one")
    raise InputError(f"{place}: video {name}: {folder} has none with that name{_suggestion(name, folder, known)}")


def video_folder(root: Path) -> Path | None:
    """The folder with the videos: the first one that is there."""
    return next((root / folder for folder in VIDEO_FOLDERS if (root / folder).is_dir()), None)


def find_file(root: Path, name: str) -> Path | None:
    """The video file of this name, which has its ending; None if there is none."""
    folder = video_folder(root)
    path = folder / spelling_in(folder, name) if folder else None
    return path if path and path.is_file() else None


def _suggestion(name: str, folder: Path, known: Container[str]) -> str:
    """A question whether the video in `folder` with the most similar name is meant; or nothing."""
    others = {other.casefold(): other for other in _names_in(folder, folder.stat().st_mtime_ns) if other not in known}
    compared = others if len(others) <= _MOST_COMPARED else ()
    same = [name.casefold()] if name.casefold() in others else []
    nearest = same or difflib.get_close_matches(name.casefold(), compared, n=1)
    return f"; did you mean {others[nearest[0]]!r}?" if nearest else ""


@functools.lru_cache(maxsize=4)
def _names_in(folder: Path, _changed: int) -> tuple[str, ...]:
    """Names of the videos in `folder` when it last changed at time `_changed`, in order."""
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return tuple(sorted({path.name if path.is_dir() else path.stem for path in paths}))


def labelled_frames(root: Path, name: str, frames: Path) -> dict[int, Path]:
    """The PNGs of a video by frame, counted from 0, in order.

    Args:
        root: The folder of the data.
        name: Name of the video.
        frames: Its file, or the folder of its frames: then a PNG belongs to the picture with the same name.

    Raises:
        InputError: There are none, or one does not belong to a frame.
    """
    folders = label_folders(root)
    if not folders:
        raise InputError(f"{root}: has no folder {' or '.join(LABEL_FOLDERS)} with the instance PNGs")
    places = [folder / spelling_in(folder, name) for folder in folders]
    folder = next((place for place in places if _label_pngs(place)), places[0])
    files = _label_pngs(folder)
    if not files:
        raise InputError(f"{folder}: has no instance PNG (<frame>.png) for video {name}")
    if not frames.is_dir():
        return number_files(files)
    numbers = {path.stem: number for number, path in enumerate(list_pictures(frames))}
    for path in files:
        if path.stem not in numbers:
            raise InputError(f"{path}: {frames} has no picture with that name")
    return {numbers[path.stem]: path for path in files}


def _label_pngs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.png") if path.name != _TIMELINE)


def number_files(files: Iterable[Path]) -> dict[int, Path]:
    """Files by the frame number that is their name, in order of the numbers."""
    numbered: dict[int, Path] = {}
    for path in files:
        if not path.stem.isdecimal():
            raise InputError(f"{path}: the name must be the number of the frame, counted from 0")
        other = numbered.setdefault(int(path.stem), path)
        if other != path:
            raise InputError(f"{path}: {other.name} is a label of frame {int(path.stem)}, too; keep one")
    return dict(sorted(numbered.items()))


def label_folders(root: Path) -> list[Path]:
    """The existing folders for labels; tracks.json files may be in labels/ while PNGs are where DAVIS has them."""
    return [root / folder for folder in LABEL_FOLDERS if (root / folder).is_dir()]


def tracks_files(root: Path) -> dict[str, Path]:
    """The tracks.json files that predict has written into the folders for labels, by video, ordered by name."""
    paths = [path for folder in label_folders(root)[::-1] for path in folder.glob(f"*/{TRACKS}")]
    return dict(sorted({composed(path.parent.name): path for path in paths}.items()))


def list_videos(names: Sequence[str]) -> str:
    """The number of videos and the names of the first few."""
    return f"{plural(len(names), 'video')} ({first_few(names)})"


def fingerprint(root: Path, tables: Iterable[Path]) -> str:
    """Eight hex digits that change with the content of `tables` and with name or size of a video or PNG label."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in tables))
    for folder in (*VIDEO_FOLDERS, *LABEL_FOLDERS):
        for path in sorted((root / folder).rglob("*")) if (root / folder).is_dir() else ():
            is_label = path.suffix == ".png" and path.name != _TIMELINE  # predict writes into labels/, too
            if path.is_file() and (folder in VIDEO_FOLDERS or is_label):
                digest.update(f"{path.relative_to(root).as_posix()}:{path.stat().st_size};".encode())
    return digest.hexdigest()[:8]


def _escape(name: str) -> str:
    """`name` as a pattern of glob that matches only itself."""
    return re.sub(r"([\[\]?*])", r"[\1]", name)
