"""Pictures of videos: which belong together, and the frames' numbers in their names."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ssa2d_jax.utils.errors import InputError

_NUMBER = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*)", re.DOTALL)
_PLAIN = ("", "frame", "frames", "img", "image", "images", "picture", "im")  # prefixes that name no video
# Folders of exports that name no video either.
_FOLDERS = ("", ".", "images", "image", "train", "test", "val", "valid", "default", "obj_train_data", "data", "frames",
            "jpegimages", "annotations", "labelme", "json", "jsons", "img", "imgs", "pictures", "labels")  # fmt: skip
_FILES = re.compile(r"coco|cvat|annotations?|labels|export|result|instances.*", re.IGNORECASE)  # of many exports


def group_pictures(names: Iterable[str], place: str, default: str) -> dict[str, dict[int, str]]:
    """The pictures of every video by the number in their names, in order.

    Pictures belong to one video if they lie in one folder and their names differ only in their last number. The video
    has the name of what stands before the number, or of the folder, or `default`.

    Raises:
        InputError: A name has no number, or two pictures have the same.
    """
    groups: dict[str, dict[int, str]] = {}
    folders: dict[str, str] = {}
    for name in sorted(set(names)):
        path = PurePosixPath(name)
        found = _NUMBER.fullmatch(path.stem)
        if found is None:
            raise InputError(
                f"{place}: the picture {name!r} has no frame number in its name, so it is not known which pictures are "
                "a video's and in which order; name them <video>/00000.jpg, <video>/00001.jpg, ..."
            )
        key = f"{path.parent}/{found['before']}*{found['after']}"
        folders.setdefault(key, _video_name(path, found["before"], default))
        pictures = groups.setdefault(key, {})
        other = pictures.setdefault(int(found["number"]), name)
        if other != name:
            raise InputError(f"{place}: the pictures {other!r} and {name!r} have the same frame number; keep one")
    return _by_name(groups, folders)


def name_of(export: Path) -> str:
    """What a video is called whose export doesn't name it: as the export, or the folder of one with a usual name."""
    path = export.absolute()
    if path.is_file() and (path.suffix.lower() == ".zip" or not _FILES.fullmatch(path.stem)):
        return path.stem
    folders = [folder for folder in ((path, *path.parents) if path.is_dir() else path.parents) if folder.name]
    return next((folder.name for folder in folders if folder.name.lower() not in _FOLDERS), path.stem)


def own_folder(path: PurePosixPath) -> str:
    """The innermost folder of a picture whose name is not a usual one; "" if there is none."""
    parts = [part for part in path.parent.parts if part.lower() not in (*_FOLDERS, "/")]
    return parts[-1] if parts else ""


def _video_name(path: PurePosixPath, before: str, default: str) -> str:
    prefix = before.strip(" _-.")
    return prefix if prefix.lower() not in _PLAIN else own_folder(path) or default


def _by_name(groups: Mapping[str, dict[int, str]], names: Mapping[str, str]) -> dict[str, dict[int, str]]:
    """Groups by the names of their videos, with a number behind a name that several would have."""
    videos: dict[str, dict[int, str]] = {}
    for key, pictures in groups.items():
        name, count = names[key], 1
        while name in videos:
            count += 1
            name = f"{names[key]}-{count}"
        videos[name] = dict(sorted(pictures.items()))
    return videos
