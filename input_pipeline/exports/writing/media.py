"""Finds the frames of an export's videos: pictures or videos in the export, or in the folder that the user names."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.picture_names import name_of
from input_pipeline.exports.labelled import LabelledVideo
from input_pipeline.exports.writing.comparison import compare
from input_pipeline.exports.writing.folder_pictures import match_folder
from input_pipeline.exports.writing.frames import Frames
from input_pipeline.exports.writing.own_pictures import pictures_of
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural
from ssa2d_jax.video.pictures import list_pictures

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".ogv", ".gif")


@dataclasses.dataclass(frozen=True)
class MediaOptions:
    """What the user says about the videos of an export: `config.convert`.

    Attributes:
        videos: The folder with videos, of which one with a video's name comes before pictures in the export; None if
            they are in the export, or beside it.
        first_frame: The video's frame that the number 0 in a picture's name stands for.
        frame_step: The video's frames from one number to the next.
    """

    videos: Path | None = None
    first_frame: int = 0
    frame_step: int = 1

    @property
    def has_default_numbers(self) -> bool:
        """Whether the numbers in pictures' names are the video's frames."""
        return (self.first_frame, self.frame_step) == (0, 1)


class _Folder:
    """The videos in a folder: files, and folders of pictures. Raises InputError if there is no such folder."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise InputError(f"{path}: no such folder; config.convert.videos is the folder with the videos")
        self.path = path
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        self._files = [entry for entry in entries if entry.is_file() and entry.suffix.lower() in VIDEOS]
        self._folders = [entry for entry in entries if entry.is_dir()]

    def named(self, name: str) -> Path | None:
        """The video of this name. Raises InputError if there are several."""
        found = [path for path in self._files if path.stem == name]
        found += [path for path in self._folders if path.name == name and _has_pictures(path)]
        if len(found) > 1:
            names = first_few([path.name for path in found])
            raise InputError(f"{self.path}: has several videos {name}: {names}; keep one")
        return found[0] if found else None

    def videos(self) -> list[Path]:
        """All of them."""
        return self._files + [path for path in self._folders if _has_pictures(path)]

    def only(self) -> Path | None:
        """The video, if there is no other."""
        videos = self.videos() if len(self._files) < 2 else []
        return videos[0] if len(videos) == 1 else None


def find_frames(archive: Archive, video: LabelledVideo, options: MediaOptions, is_only: bool) -> Frames:
    """Finds the frames of a video.

    These are, in this order: a video of its name in the folder that the user gives; its pictures in the export; a video
    of its name in the export, or beside it; and where the export has no other video, the only one in the folder, or in
    the export.

    Args:
        archive: The export.
        video: Its labels.
        options: Where else to look.
        is_only: Whether it is the export's only video: then a single video has any name.

    Raises:
        InputError: There are none, or several; or pictures in the export are not the frames of the video.
    """
    is_named = video.name != name_of(archive.path)
    folder = _Folder(options.videos or (archive.path if archive.path.is_dir() else archive.path.parent))
    named, only = folder.named(video.name), folder.only() if is_only and options.videos else None
    pictures = pictures_of(archive, video)
    if named and options.videos:
        return _of_path(archive, video, options, named, pictures)
    if pictures:
        return _choose(archive, video, options, pictures, only, is_named)
    inside = archive.ending_with(*VIDEOS)
    alike = [name for name in inside if PurePosixPath(name).stem == video.name]
    if len(alike) == 1:
        return Frames(in_archive=alike[0], positions=_positions(video, options), remarks=_unused_folder(video, options))
    if named:
        return _of_path(archive, video, options, named, pictures)
    if only:
        return _of_only(archive, video, options, only, is_named)
    if is_only and len(inside) == 1:
        warnings = [_other_name(video, archive.place(inside[0]))] if is_named else []
        return Frames(in_archive=inside[0], positions=_positions(video, options), warnings=warnings)
    raise _missing(archive, video, folder, is_named)


def _has_pictures(folder: Path) -> bool:
    try:
        return bool(list_pictures(folder))
    except InputError:  # it is read, and named, where it is used
        return True


def _missing(archive: Archive, video: LabelledVideo, folder: _Folder, is_named: bool) -> InputError:
    names = [path.name for path in folder.videos()]
    others = f"; {folder.path} has {first_few(names)}" if names else ""
    hint = (
        f". Call the video {video.name}, as the export does, or put it alone into the folder if the export has no other"
        if is_named
        else ". The export names no video: put its video alone into the folder, or name both alike"
    )
    outside = f". {video.missing_pictures}" if video.missing_pictures else ""
    return InputError(
        f"{video.place}: the video {video.name} is neither in the export nor in {folder.path}; name the folder with "
        "the videos (or with a folder of pictures for each): --config.convert.videos=<folder>"
        f"{others}{hint}{outside}"
    )


def _choose(
    archive: Archive,
    video: LabelledVideo,
    options: MediaOptions,
    pictures: Mapping[int, str],
    only: Path | None,
    is_named: bool,
) -> Frames:
    """The pictures in the export, or the only video of the folder if the export names none and they are its frames."""
    order = sorted(pictures)
    own = Frames(
        pictures=[pictures[number] for number in order],
        positions={number: position for position, number in enumerate(order)},
        remarks=_step_remarks(video, order),
    )
    if only is None:
        return dataclasses.replace(own, remarks=[*own.remarks, *_unused_folder(video, options)])
    if is_named:
        warning = f"{only} is not used: it is not called {video.name}, whose pictures are in the export"
        return dataclasses.replace(own, warnings=[warning])
    try:
        return _of_only(archive, video, options, only, is_named, pictures)
    except InputError as error:
        return dataclasses.replace(own, warnings=[f"{only} is not used, but the pictures in the export: {error}"])


def _of_only(
    archive: Archive,
    video: LabelledVideo,
    options: MediaOptions,
    path: Path,
    is_named: bool,
    pictures: Mapping[int, str] | None = None,
) -> Frames:
    """The only video of the folder, which has another name than the export says, or gives the video its name."""
    if is_named:
        frames = _of_path(archive, video, options, path, {})
        return dataclasses.replace(frames, warnings=[_other_name(video, str(path)), *frames.warnings])
    name = path.name if path.is_dir() else path.stem
    frames = _of_path(archive, dataclasses.replace(video, name=name), options, path, pictures or {})
    remark = f"the export names no video; it is called {name}, as {path}, the only video there"
    return dataclasses.replace(frames, remarks=[remark, *frames.remarks], other_name=name)


def _unused_folder(video: LabelledVideo, options: MediaOptions) -> list[str]:
    return [f"{options.videos} has no video {video.name}, so that in the export is used"] if options.videos else []


def _other_name(video: LabelledVideo, place: str) -> str:
    return (
        f"the labels of {video.name} are taken for those of {place}, the only video there, which has another name; is "
        "it the one that was labelled?"
    )


def _of_path(
    archive: Archive, video: LabelledVideo, options: MediaOptions, path: Path, pictures: Mapping[int, str]
) -> Frames:
    """A video's file or folder, compared with pictures of the export, by frame."""
    if path.is_dir():
        return match_folder(path, video)
    number_of = {frame: _number(frame, video, options) for frame in {*pictures, *video.frames()}}
    labelled = set(video.frames()) & pictures.keys() or set(pictures)
    compared = compare(archive, {number_of[frame]: pictures[frame] for frame in labelled}, path) if labelled else None
    if compared is None:
        return Frames(path=path, positions=_positions(video, options), remarks=_number_remarks(video, options))
    shown = plural(len(compared.numbers), "picture")
    is_from_one = compared.shift == -1
    if compared.shift is None or (is_from_one and (video.has_video_numbers or not options.has_default_numbers)):
        raise InputError(
            f"{video.place}: {shown} of {video.name} in the export were compared with {path}: they are not its frames "
            f"{_listed(compared.numbers)} (from 0; config.convert.first_frame and frame_step change the numbers); most "
            f"like them are its frames {_listed(compared.nearest)}, with a difference of {compared.difference:.1f} of "
            "255 on average. Another frame rate, or another video? Give the labelled one; without a video of that "
            "name, the pictures in the export are used"
        )
    if is_from_one:
        options = dataclasses.replace(options, first_frame=-1)
    remarks = [f"{shown} of {video.name} in the export equal the frames of {path} with their numbers"]
    if not video.has_video_numbers and options.has_default_numbers:
        remarks[0] += ", counted from 0"
    if is_from_one:
        remarks[0] += ", counted from 1: taken as with --config.convert.first_frame=-1"
    if not compared.is_settled:
        remarks = [
            f"{shown} of {video.name} in the export are as like the frames of {path} with their numbers as others near "
            "them",
            *_number_remarks(video, options),
        ]
    return Frames(path=path, positions=_positions(video, options), remarks=remarks)


def _listed(numbers: Sequence[int]) -> str:
    return first_few([str(number) for number in numbers])


def _number(frame: int, video: LabelledVideo, options: MediaOptions) -> int:
    return frame if video.has_video_numbers else options.first_frame + frame * options.frame_step


def _positions(video: LabelledVideo, options: MediaOptions) -> dict[int, int]:
    return {frame: _number(frame, video, options) for frame in video.frames()}


def _number_remarks(video: LabelledVideo, options: MediaOptions) -> list[str]:
    """What to compare where the numbers in pictures' names are taken for frames of a video."""
    if video.has_video_numbers or not options.has_default_numbers:
        return []
    numbers = sorted(video.pictures) or video.frames()
    first = (
        f"; the first is {numbers[0]}: if ffmpeg counted from 1, give --config.convert.first_frame=-1"
        if numbers and numbers[0] == 1
        else ""
    )
    return [f"the numbers in the names of {video.name}'s pictures are taken for the video's frames, from 0{first}"]


def _step_remarks(video: LabelledVideo, numbers: Sequence[int]) -> list[str]:
    """What is lost where the export has only some pictures of a video."""
    if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return []
    return [
        f"the pictures of {video.name} have the numbers {_listed(numbers)}: they are taken for neighbouring frames. "
        "With the video (config.convert.videos), clips have all frames between, too"
    ]
