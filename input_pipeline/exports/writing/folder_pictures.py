"""Which picture of a folder each labelled frame of a video is."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from input_pipeline.exports.labelled import LabelledVideo
from input_pipeline.exports.writing.frames import Frames
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.pictures import list_pictures

_LAST_NUMBER = re.compile(r"(\d+)\D*$")


def match_folder(folder: Path, video: LabelledVideo) -> Frames:
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
