"""Finds the frames of an export's videos: pictures or videos in the export, or in the folder that the user names."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from input_pipeline.exports.files.archive import Archive, link_or_copy
from input_pipeline.exports.files.picture_names import name_of
from input_pipeline.exports.labelled import LabelledVideo, Size
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural, size_text
from ssa2d_jax.video.pictures import PICTURES, list_pictures
from ssa2d_jax.video.reader import probe, read_frames

VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".ogv", ".gif")
_COUNT_DIFFERENCE = 1  # between a tool that computes it from the duration and the file
_LAST_NUMBER = re.compile(r"(\d+)\D*$")


@dataclasses.dataclass(frozen=True)
class MediaOptions:
    """What the user says about the videos of an export: `config.convert`.

    Attributes:
        videos: The folder with the videos, which come before pictures in the export; None if they are in the export,
            or beside it.
        first_frame: The video's frame that the number 0 in a picture's name stands for.
        frame_step: The video's frames from one number to the next.
    """

    videos: Path | None = None
    first_frame: int = 0
    frame_step: int = 1


@dataclasses.dataclass(frozen=True)
class Frames:
    """Where the frames of a video come from.

    Attributes:
        path: The video's file; None for pictures.
        in_archive: The video's name in the export, in place of `path`.
        pictures: The pictures, in order: names in the export, or paths.
        positions: The position, from 0, of every labelled frame in the video or among the pictures.
        remarks: What was guessed.
        other_name: Of the video, if the labels have no name for it.
    """

    path: Path | None = None
    in_archive: str = ""
    pictures: Sequence[str | Path] = ()
    positions: Mapping[int, int] = dataclasses.field(default_factory=dict)
    remarks: Sequence[str] = ()
    other_name: str = ""

    def write(self, archive: Archive, folder: Path, name: str) -> Path:
        """Writes the frames into `folder` under the name of the video; returns the file, or the folder of pictures."""
        if not self.pictures:
            source = PurePosixPath(self.in_archive) if self.in_archive else PurePosixPath(str(self.path))
            target = folder / f"{name}{source.suffix.lower()}"
            if self.in_archive:
                archive.copy(self.in_archive, target)
            elif self.path is not None:
                link_or_copy(self.path, target)
            return target
        pictures = folder / name
        pictures.mkdir()
        for position, picture in enumerate(self.pictures):
            target = pictures / f"{position:05}{PurePosixPath(str(picture)).suffix.lower()}"
            if isinstance(picture, Path):
                link_or_copy(picture, target)
            else:
                archive.copy(picture, target)
        return pictures


def find_frames(archive: Archive, video: LabelledVideo, options: MediaOptions, is_only: bool) -> Frames:
    """Finds the frames of a video.

    Args:
        archive: The export.
        video: Its labels.
        options: Where else to look.
        is_only: Whether it is the export's only video: then a single video has any name.

    Raises:
        InputError: There are none, or several.
    """
    files = {} if options.videos else dict(_pictures_of(archive, video))
    if files:
        order = sorted(files)
        pictures = [files[number] for number in order]
        return Frames(pictures=pictures, positions=_ranks(order), remarks=_step_remarks(video, order))
    inside = [] if options.videos else archive.ending_with(*VIDEOS)
    found = [name for name in inside if PurePosixPath(name).stem == video.name] or (inside if is_only else [])
    if len(found) == 1:
        return Frames(in_archive=found[0], positions=_positions(video, options))
    folder = options.videos or (archive.path if archive.path.is_dir() else archive.path.parent)
    is_named = video.name != name_of(archive.path)
    path, remarks = _find_in(folder, video, is_only and options.videos is not None, is_named)
    other_name = "" if is_named or not remarks else path.name if path.is_dir() else path.stem
    video = dataclasses.replace(video, name=other_name or video.name)
    if path.is_dir():
        found_pictures = _match_folder(path, video)
        remarks += found_pictures.remarks
        return dataclasses.replace(found_pictures, remarks=remarks, other_name=other_name)
    remarks += _number_remarks(video, options)
    return Frames(path=path, positions=_positions(video, options), remarks=remarks, other_name=other_name)


def _pictures_of(archive: Archive, video: LabelledVideo) -> list[tuple[int, str]]:
    """The pictures of a video that lie in the export, by frame."""
    by_end: dict[str, list[str]] = {}
    labels = set(video.label_files)
    pictures = [name for name in archive.ending_with(*PICTURES) if name not in labels]
    for name in pictures:
        by_end.setdefault(PurePosixPath(name).name, []).append(name)
    found = []
    for frame, picture in video.pictures.items():
        path = PurePosixPath(picture)
        names = [name for end in (path.name, *(f"{path.name}{ending}" for ending in (".PNG", ".png", ".jpg")))
                 for name in by_end.get(end, [])]  # fmt: skip
        matching = [
            name for name in names if f"/{name}".endswith((f"/{picture}", f"/{picture}{PurePosixPath(name).suffix}"))
        ]
        if len(matching or names) == 1:
            found.append((frame, (matching or names)[0]))
    return found


def _find_in(folder: Path, video: LabelledVideo, takes_any: bool, is_named: bool) -> tuple[Path, list[str]]:
    """The video, or its folder of pictures, in a folder; `is_named`: the export says the video's name."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; config.convert.videos is the folder with the videos")
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    videos = [path for path in entries if path.is_file() and path.suffix.lower() in VIDEOS]
    folders = [path for path in entries if path.is_dir() and list_pictures(path)]
    found = [path for path in videos if path.stem == video.name] + [path for path in folders if path.name == video.name]
    if len(found) > 1:
        raise InputError(
            f"{folder}: has several videos {video.name}: {first_few([path.name for path in found])}; keep one"
        )
    if found:
        return found[0], []
    if takes_any and len(videos) + len(folders) == 1:
        path = (videos + folders)[0]
        if is_named:
            return path, [f"the labels of {video.name} are taken for those of {path}, the only video there"]
        name = path.name if path.is_dir() else path.stem
        return path, [f"the export names no video; it is called {name}, as {path}, the only video there"]
    others = f"; {folder} has {first_few([path.name for path in videos + folders])}" if videos or folders else ""
    hint = "" if is_named else ". The export names no video: put its video alone into the folder, or name both alike"
    raise InputError(
        f"{video.place}: the video {video.name} is neither in the export nor in {folder}; name the folder with the "
        f"videos (or with a folder of pictures for each): --config.convert.videos=<folder>{others}{hint}"
    )


def _match_folder(folder: Path, video: LabelledVideo) -> Frames:
    """Labelled frames and the pictures of a folder: by place where labels count the video's frames, else by name."""
    pictures = list_pictures(folder)
    if video.has_video_numbers:
        return _match_places(folder, video, pictures)
    by_name = {path.stem: position for position, path in enumerate(pictures)}
    numbers = _numbers(pictures)
    if numbers and video.pictures and min(video.pictures) == 0 and min(numbers) == 1:
        raise InputError(
            f"{video.place}: the numbers in the names of {video.name}'s pictures begin at 0, those in {folder} at 1; "
            "give the video, or rename the pictures so that both are equal"
        )
    positions = {}
    for frame in video.frames():
        stem = PurePosixPath(video.pictures.get(frame, "")).stem
        position = by_name.get(stem, numbers.get(frame))
        if position is None:
            raise _no_picture(folder, video, frame)
        positions[frame] = position
    return Frames(pictures=pictures, positions=positions)


def _match_places(folder: Path, video: LabelledVideo, pictures: Sequence[Path]) -> Frames:
    """The n-th picture is frame n, from 0, whatever numbers the names have.

    Pictures of some frames of a video have to be named by those, as CVAT does, or be as many as the tool has.
    """
    numbers, listed = _numbers(pictures), sorted(video.pictures)
    places = {frame: frame for frame in video.frames()}
    remarks: list[str] = []
    if listed and len(pictures) <= listed[-1]:
        counted = set(range(1, len(pictures) + 1))  # as ffmpeg counts pictures, which are no frames' numbers
        if set(places) <= numbers.keys() <= set(listed) and numbers.keys() != counted:
            places = {frame: numbers[frame] for frame in places}
        elif len(listed) == len(pictures):
            places = {frame: place for place, frame in enumerate(listed) if frame in places}
        else:
            raise InputError(
                f"{video.place}: the frames of {video.name} go to {listed[-1]}, counted from 0, but {folder} has only "
                f"{plural(len(pictures), 'picture')}, which are not named by the frames' numbers; give the video"
            )
    elif not listed and [path.name for path in pictures] != sorted(path.name for path in pictures):
        raise InputError(
            f"{video.place}: labels of {video.name} count its pictures, but the order of those in {folder} is not "
            "clear: 10 comes before 9 by letters, as tools sort, and after it by number; export as CVAT for images, "
            "which names them, or name them with as many digits each before labelling"
        )
    elif numbers and min(numbers) > 0:
        remarks = [
            f"the labels of {video.name} count its pictures from 0, so that frame 0 is {pictures[0].name}, whatever "
            "number that has"
        ]
    beyond = [frame for frame, place in places.items() if place >= len(pictures)]
    if beyond:
        raise _no_picture(folder, video, beyond[0])
    return Frames(pictures=pictures, positions=places, remarks=remarks)


def _numbers(pictures: Sequence[Path]) -> dict[int, int]:
    """The pictures' places by the last numbers in their names; empty unless every picture has its own."""
    numbers = {int(found[1]): place for place, path in enumerate(pictures) if (found := _LAST_NUMBER.search(path.stem))}
    return numbers if len(numbers) == len(pictures) else {}


def _no_picture(folder: Path, video: LabelledVideo, frame: int) -> InputError:
    return InputError(f"{video.place}: frame {frame} of {video.name}: {folder} has no picture with that number")


def _positions(video: LabelledVideo, options: MediaOptions) -> dict[int, int]:
    if video.has_video_numbers:
        return {frame: frame for frame in video.frames()}
    return {frame: options.first_frame + frame * options.frame_step for frame in video.frames()}


def _number_remarks(video: LabelledVideo, options: MediaOptions) -> list[str]:
    """What to compare where the numbers in pictures' names are taken for frames of a video."""
    if video.has_video_numbers or (options.first_frame, options.frame_step) != (0, 1):
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
    listed = first_few([str(number) for number in numbers])
    return [
        f"the pictures of {video.name} have the numbers {listed}: they are taken for neighbouring frames. With the "
        "video (config.convert.videos), clips have all frames between, too"
    ]


def _ranks(numbers: Sequence[int]) -> dict[int, int]:
    return {number: position for position, number in enumerate(numbers)}


def check_frames(path: Path, video: LabelledVideo, positions: Mapping[int, int]) -> Size:
    """The size of the labels. Raises InputError if the labels don't fit the video in `path`, a file or folder."""
    count = probe(path).frames
    beyond = [frame for frame, place in positions.items() if place < 0 or (count is not None and place >= count)]
    if beyond and (positions[beyond[0]] < 0 or not _has_frame(path, max(positions.values()))):
        frame = beyond[0]
        raise InputError(
            f"{video.place}: frame {frame} of {video.name} is labelled, which is frame {positions[frame]} of {path}, "
            f"counted from 0, but that has {count}. Were the labels made with another frame step "
            "(config.convert.frame_step, config.convert.first_frame), or on another video?"
        )
    if video.count is not None and count is not None and abs(video.count - count) > _COUNT_DIFFERENCE:
        raise InputError(
            f"{video.place}: the tool has counted {video.count} frames in {video.name}, but {path} has {count}, so "
            "that its numbers mean other frames. Set the frame rate of the video in the tool, and label again"
        )
    first = next(iter(read_frames(path, numbers={0})), None)
    if first is None:
        raise InputError(f"{path}: has no frame that can be read")
    size = first.rgb.shape[0], first.rgb.shape[1]
    if video.size is not None and video.size != size:
        raise InputError(
            f"{video.place}: the labels of {video.name} are {size_text(video.size)}, but {path.name} has frames of "
            f"{size_text(size)}; use the video that was labelled, in the same size"
        )
    return size


def _has_frame(path: Path, number: int) -> bool:
    """Whether a video has a frame, however many its container states."""
    return next(iter(read_frames(path, numbers={number})), None) is not None
