"""What lies in the folders of your own data and is not read: nothing is left out without a word."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from input_pipeline.releases import folder_files
from input_pipeline.releases.folder_files import LABEL_FOLDERS, PREDICTED, VIDEO_FOLDERS, list_folder, list_videos
from input_pipeline.releases.tables.video_names import composed
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural
from ssa2d_jax.video.pictures import PICTURES, read_picture_folder

_MOST = 20  # lines about folders
_NESTED = frozenset(folder for folders in (VIDEO_FOLDERS, LABEL_FOLDERS) for folder in folders if "/" in folder)


def unread_videos(root: Path, named: Collection[str], table: str) -> list[str]:
    """Warnings of videos that `table` does not name, of unread files among pictures, and of unread video folders."""
    chosen = folder_files.video_folder(root)
    if chosen is None:
        return []
    whole = lambda path: path.is_dir() or composed(path.name) in named  # a name may have its ending
    names = {composed(path.name if whole(path) else path.stem) for path in list_folder(chosen)}
    nested = {folder.split("/")[1] for folder in _NESTED if root / folder.split("/")[0] == chosen}
    strays = sorted(names - set(named) - nested)
    lines = [f"{chosen}: {list_videos(strays)} that {table} does not name"] if strays else []
    others = [root / folder for folder in VIDEO_FOLDERS if root / folder not in (chosen, *chosen.parents)]
    lines += [f"{other}: not read: the videos are those in {chosen}" for other in others if list_folder(other)]
    return [*lines, *_shorten(_unread_pictures(chosen, named))]


def _unread_pictures(chosen: Path, named: Iterable[str]) -> Iterator[str]:
    for folder in (chosen / name for name in sorted(named)):
        if not folder.is_dir():
            continue
        try:
            pictures = read_picture_folder(folder)
        except InputError:  # a problem of the video
            continue
        if pictures.masks:
            yield f"{folder}: {_list(pictures.masks)} taken for masks: neither frames nor labels"
        if pictures.unread:
            yield f"{folder}: {_list(pictures.unread)} not read: frames are pictures ({', '.join(PICTURES)})"


def unread_labels(root: Path, named: Collection[str], table: str) -> list[str]:
    """Warnings of what is in the folders of labels of the videos in `table`, or beside them, and is not read."""
    folders = folder_files.label_folders(root)
    nested = {folder.name for folder in folders if folder.parent in folders}
    strays: dict[str, bool] = {}  # folders of no video, and whether they have PNGs
    lines = []
    for folder in folders:
        entries = list_folder(folder)
        files = [path for path in entries if not path.is_dir() and path.name not in PREDICTED]
        lines += [f"{folder}: {_list(files)} not read: labels are in a folder of their video"] if files else []
        for path in (path for path in entries if path.is_dir() and composed(path.name) not in {*named, *nested}):
            strays[path.name] = strays.get(path.name, False) or bool(folder_files.label_pngs(path))
    labelled, others = (sorted(name for name, has in strays.items() if has is wanted) for wanted in (True, False))
    others = [name for name in others if any(_leftovers(folder / name) for folder in folders)]
    reason = "that {table} does not name" if named else "are not read: {table} has the labels"
    return [
        *([f"{root}: instance PNGs of {list_videos(labelled)} {reason.format(table=table)}"] if labelled else []),
        *([f"{root}: {_folders(others)} of no video that {table} names, not read"] if others else []),
        *lines,
        *_shorten(_unread_files(folders, named)),
    ]


def _unread_files(folders: Iterable[Path], named: Iterable[str]) -> Iterator[str]:
    for name in sorted(named):
        chosen: Path | None = None
        for folder in (folder / name for folder in folders):
            if folder_files.label_pngs(folder) and chosen:
                yield f"{folder}: its labels are not read: those in {chosen} are"
                continue
            chosen = chosen or (folder if folder_files.label_pngs(folder) else None)
            if files := _leftovers(folder):
                yield f"{folder}: {_list(files)} not read: labels are <frame>.png"


def _leftovers(folder: Path) -> list[Path]:
    """What is in a video's folder of labels besides PNGs and what predict writes."""
    labels = set(folder_files.label_pngs(folder))
    return [path for path in list_folder(folder) if path not in labels and path.name not in PREDICTED]


def _list(paths: Collection[Path]) -> str:
    names = first_few([path.name for path in paths], shown=3)
    verb = "is" if len(paths) == 1 else "are"
    return f"{plural(len(paths), 'file')} ({names}) {verb}"


def _folders(names: list[str]) -> str:
    return f"{plural(len(names), 'folder')} of labels ({first_few(names)})"


def _shorten(lines: Iterable[str]) -> list[str]:
    """At most `_MOST` lines, and the number of others."""
    every = list(lines)
    more = len(every) - _MOST
    return [*every[:_MOST], *([f"and {plural(more, 'more folder')} with files that are not read"] if more > 0 else [])]
