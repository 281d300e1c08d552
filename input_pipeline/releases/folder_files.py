"""Where the files of your own data are."""

import difflib
import functools
import hashlib
import itertools
import re
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path

from input_pipeline.releases.label_files import meaning, png
from input_pipeline.releases.tables.video_names import composed, spelling_in
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import is_clutter
from ssa2d_jax.utils.text import first_few, plural
from ssa2d_jax.video.container import VIDEO_SUFFIXES
from ssa2d_jax.video.pictures import describe_numbers, read_picture_folder

ONE_JSON = "instances.json"
SPLIT_JSON = tuple(f"{split}.json" for split in SPLITS)
TRACKS = "tracks.json"
# What predict writes into a folder of labels: tracks.json may be read, the others are no labels.
PREDICTED = frozenset(
    (TRACKS, "overlay.mp4", "labels.npz", "summary.json", "tracks.csv", "timeline.png", "events.csv", "events.boris")
)
VIDEO_FOLDERS = ("videos", "JPEGImages/480p", "JPEGImages")
LABEL_FOLDERS = ("labels", "Annotations/480p", "Annotations")
_NUMBERS = re.compile(r"\d+")
_ALIKE = 0.8  # ratio of difflib: one letter more, less or different in a word of six
_MOST_LOOKED_AT = 10_000  # files of a folder that may be the missing one
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
        raise InputError(f"{root}: has no folder {' or '.join(VIDEO_FOLDERS)} with the videos{_other(root, _is_video)}")
    found = folder.glob(f"{_escape(name)}.*") if name.isascii() else folder.iterdir()
    found = (path for path in found if path.is_file() and not is_clutter(path.name))
    paths = sorted(path for path in found if composed(path.stem) == composed(name))
    whole = folder / spelling_in(folder, name)  # a folder, or a file named with its ending to tell a.mov from a.mp4
    paths += [whole] if whole.is_dir() or (whole.is_file() and not paths) else []
    if len(paths) == 1:
        return paths[0]
    if paths:
        files = ", ".join(path.name for path in paths)
        raise InputError(f"{place}: video {name}: {folder} has several with that name: {files}; keep one")
    raise InputError(f"{place}: video {name}: {folder} has none with that name{_suggestion(name, folder, known)}")


def video_folder(root: Path) -> Path | None:
    """The folder of the videos: the first of `VIDEO_FOLDERS` that is there."""
    return next((root / folder for folder in VIDEO_FOLDERS if (root / folder).is_dir()), None)


def find_file(root: Path, name: str) -> Path | None:
    """The video file of this name, which has its ending; None if there is none."""
    folder = video_folder(root)
    path = folder / spelling_in(folder, name) if folder else None
    return path if path and path.is_file() else None


def _suggestion(name: str, folder: Path, known: Container[str]) -> str:
    """A question whether the video in `folder` with the most similar name is meant; or nothing.

    A name that is written elsewhere, too, has to be more similar, and not another number of the same words.
    """
    names = _names_in(folder, folder.stat().st_mtime_ns)
    others = {other.casefold(): other for other in names if other not in known}
    compared = others if len(others) <= _MOST_COMPARED else ()
    same = [name.casefold()] if name.casefold() in others else []
    nearest = same or difflib.get_close_matches(name.casefold(), compared, n=1)
    if nearest:
        return f"; did you mean {others[nearest[0]]!r}?"
    words = _NUMBERS.sub("", name.casefold())
    written = {other.casefold(): other for other in names if _NUMBERS.sub("", other.casefold()) != words}
    nearest = difflib.get_close_matches(name.casefold(), written, n=1, cutoff=_ALIKE)
    return f"; did you mean {written[nearest[0]]!r}?" if nearest and len(written) <= _MOST_COMPARED else ""


def _other(root: Path, is_wanted: Callable[[Path], bool]) -> str:
    """Which other folders of the data have such files, in words."""
    own = {folder.split("/")[0] for folder in (*VIDEO_FOLDERS, *LABEL_FOLDERS)}
    folders = [path for path in list_folder(root) if path.is_dir() and path.name not in own]
    found = [path.name for path in folders if any(map(is_wanted, itertools.islice(path.rglob("*"), _MOST_LOOKED_AT)))]
    return f"; it has {first_few(found)} with such files: rename the folder" if found else ""


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in (*VIDEO_SUFFIXES, ".jpg", ".jpeg") and path.is_file()


@functools.lru_cache(maxsize=4)
def _names_in(folder: Path, _changed: int) -> tuple[str, ...]:
    """Names of the videos in `folder` when it last changed at time `_changed`, in order."""
    return tuple(sorted({path.name if path.is_dir() else path.stem for path in list_folder(folder)}))


def labelled_frames(root: Path, name: str, frames: Path) -> dict[int, Path]:
    """The PNGs of a video by frame, counted from 0, in order.

    Args:
        root: The folder of the data.
        name: Name of the video.
        frames: Its file, or the folder of its frames: then a PNG has the name of a picture, or the number in it.

    Raises:
        InputError: There are none, or one does not belong to a frame.
    """
    folders = label_folders(root)
    if not folders:
        other = _other(root, _is_label)
        raise InputError(f"{root}: has no folder {' or '.join(LABEL_FOLDERS)} with the instance PNGs{other}")
    places = [folder / spelling_in(folder, name) for folder in folders]
    folder = next((place for place in places if label_pngs(place)), places[0])
    files = label_pngs(folder)
    if not files:
        raise InputError(f"{folder}: has no instance PNG (<frame>.png) for video {name}{_other_files(folder)}")
    return _match_pictures(files, frames) if frames.is_dir() else number_files(files)


def _other_files(folder: Path) -> str:
    """What a folder without PNGs holds instead, in words."""
    others = [path.name for path in list_folder(folder) if path.is_file() and path.name not in PREDICTED]
    jpeg = "; JPEG changes the numbers of pixels, write PNG" if any(map(_is_jpeg, others)) else ""
    return f", but {first_few(others, shown=3)}{jpeg}" if others else ""


def _is_jpeg(name: str) -> bool:
    return name.lower().endswith((".jpg", ".jpeg"))


def _match_pictures(files: Iterable[Path], folder: Path) -> dict[int, Path]:
    pictures = read_picture_folder(folder)
    by_name = {path.stem: position for position, path in enumerate(pictures.frames)}
    by_number = {number: position for position, number in enumerate(pictures.numbers or ())}
    labels: dict[int, Path] = {}
    for path in files:
        position = by_name.get(path.stem, by_number.get(int(path.stem)) if path.stem.isdecimal() else None)
        if position is None:
            numbers = f"; theirs are {describe_numbers(pictures.numbers)}" if pictures.numbers else ""
            raise InputError(f"{path}: {folder} has no picture with that name{numbers}")
        other = labels.setdefault(position, path)
        if other != path:
            raise InputError(f"{path}: {other.name} is a label of {pictures.frames[position].name}, too; keep one")
    return dict(sorted(labels.items()))


def label_pngs(folder: Path) -> list[Path]:
    """The PNGs in the folder of a video's labels, whatever the case of their endings, by name."""
    return [path for path in list_folder(folder) if _is_label(path) and path.is_file()]


def list_folder(folder: Path) -> list[Path]:
    """What a person has put into a folder, by name; nothing if there is no such folder."""
    return sorted(path for path in folder.iterdir() if not is_clutter(path.name)) if folder.is_dir() else []


def _is_label(path: Path) -> bool:
    return path.suffix.lower() == ".png" and path.name not in PREDICTED


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
    paths = [path for path in paths if not is_clutter(path.parent.name)]
    return dict(sorted({composed(path.parent.name): path for path in paths}.items()))


def list_videos(names: Sequence[str]) -> str:
    """The number of videos and the names of the first few."""
    return f"{plural(len(names), 'video')} ({first_few(names)})"


def fingerprint(root: Path, tables: Iterable[Path], renumbered: bool = False) -> str:
    """Eight hex digits that change with the content of `tables` and with name or size of a video or PNG label.

    They also change where earlier versions took other files for frames, read other numbers from a PNG, or counted the
    frames of rows in another way (`renumbered`).
    """
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in tables))
    digest.update(b"renumbered;" if renumbered else b"")
    for folder in (*VIDEO_FOLDERS, *LABEL_FOLDERS):
        for path in sorted((root / folder).rglob("*")) if (root / folder).is_dir() else ():
            parts = path.relative_to(root / folder).parts
            is_label = _is_label(path) and not any(map(is_clutter, parts))  # predict writes into labels/, too
            if path.is_file() and (folder in VIDEO_FOLDERS or is_label):
                digest.update(f"{path.relative_to(root).as_posix()}:{path.stat().st_size};".encode())
                if folder in LABEL_FOLDERS and not _is_plain(path):
                    digest.update(b"rewritten;")
            elif folder in VIDEO_FOLDERS and path.is_dir() and _has_masks(path):
                digest.update(b"masks;")
    return digest.hexdigest()[:8]


def _is_plain(label: Path) -> bool:
    header = png.read_header(label)
    return header is None or meaning.is_plain(header)


def _has_masks(folder: Path) -> bool:
    try:
        return bool(read_picture_folder(folder).masks)
    except InputError:
        return True


def _escape(name: str) -> str:
    """`name` as a pattern of glob that matches only itself."""
    return re.sub(r"([\[\]?*])", r"[\1]", name)
