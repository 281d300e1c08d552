"""Which pictures the JSON files of labelme are about, and which pictures are a video."""

import dataclasses
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.json_files import Entry, text
from input_pipeline.exports.files.picture_names import group_pictures, name_of, own_folder
from input_pipeline.exports.writing.media import VIDEOS
from ssa2d_jax.data.export_formats import LABELME_VIDEO
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few
from ssa2d_jax.video.pictures import PICTURES


@dataclasses.dataclass(frozen=True)
class PictureVideo:
    """A video of pictures.

    Attributes:
        name: Of the video.
        files: The JSON files, by frame.
        pictures: The pictures, by frame: names in the export, of which those of JSON files need not be there.
        missing: Where pictures of JSON files are that aren't in the export, in words.
    """

    name: str
    files: Mapping[int, str]
    pictures: Mapping[int, str]
    missing: str


def find_videos(archive: Archive, contents: Mapping[str, Entry]) -> list[PictureVideo]:
    """The videos of the JSON files, with all other pictures in the folders of theirs.

    A JSON file is about the picture that it names by a path from its own folder; where that is not in the export, about
    the one of that name beside it.

    Args:
        archive: The export.
        contents: Of the JSON files, by name.

    Raises:
        InputError: Two files are about one picture, or pictures have no frame numbers.
    """
    names = set(archive.names)
    folders = {str(PurePosixPath(name).parent) for name in archive.ending_with(*PICTURES)}
    files: dict[str, str] = {}
    outside: dict[str, str] = {}
    for name, content in contents.items():
        said = text(content.get("imagePath"), f"{archive.place(name)}: imagePath").replace("\\", "/")
        picture = _picture(name, said, names, folders)
        if picture in files:
            raise InputError(
                f"{archive.path}: the JSON files {files[picture]} and {name} are of the same picture; keep one for each"
            )
        files[picture] = name
        if picture not in names and _is_outside(name, said):
            outside[picture] = f"{archive.place(name)} names {said}"
    used = {str(PurePosixPath(picture).parent) for picture in files}
    beside = [name for name in archive.ending_with(*PICTURES) if str(PurePosixPath(name).parent) in used]
    default = name_of(archive.path)
    found = []
    for video, pictures in group_pictures([*files, *beside], str(archive.path), default).items():
        own = {frame: files[picture] for frame, picture in pictures.items() if picture in files}
        lost = [outside[picture] for picture in pictures.values() if picture in outside]
        if own:
            name = _said_video([contents[file] for file in own.values()]) or _named(video, own, default)
            found.append(PictureVideo(name, own, pictures, _missing(archive, lost)))
    return _with_own_names(found)


def _picture(name: str, said: str, names: set[str], folders: set[str]) -> str:
    """The name in the export of the picture that a JSON file is about; it need not be there."""
    folder = PurePosixPath(name).parent
    beside = str(folder / PurePosixPath(said).name)
    if _is_outside(name, said):
        return beside
    path = posixpath.normpath(str(folder / said))
    if path in names or (beside not in names and posixpath.dirname(path) in folders):
        return path
    return beside


def _is_outside(name: str, said: str) -> bool:
    path = posixpath.normpath(str(PurePosixPath(name).parent / said))
    return path.startswith(("../", "/")) or path == ".." or ":" in path


def _said_video(contents: Sequence[Entry]) -> str:
    """The video that `predict --format=labelme` names in its files; "" in files of other programs."""
    said = {str(content.get(LABELME_VIDEO) or "") for content in contents}
    name = said.pop() if len(said) == 1 else ""
    path = PurePosixPath(name)
    if not name.isprintable() or "/" in name or "\\" in name:
        return ""
    return path.stem if path.suffix.lower() in VIDEOS else name


def _named(video: str, files: Mapping[int, str], default: str) -> str:
    """The video's name, or where its pictures' folder has none, the one of the folder of the JSON files."""
    folders = {own_folder(PurePosixPath(name)) for name in files.values()}
    return (folders.pop() or video) if video == default and len(folders) == 1 else video


def _with_own_names(videos: list[PictureVideo]) -> list[PictureVideo]:
    """The videos, with a number behind a name that an earlier one has."""
    taken: set[str] = set()
    named = []
    for video in videos:
        name, count = video.name, 1
        while name in taken:
            count += 1
            name = f"{video.name}-{count}"
        taken.add(name)
        named.append(dataclasses.replace(video, name=name))
    return named


def _missing(archive: Archive, lost: list[str]) -> str:
    if not lost:
        return ""
    return (
        f"pictures outside of {archive.path} are not read ({first_few(lost, shown=1)}); give the folder that holds "
        "both as --input"
    )
