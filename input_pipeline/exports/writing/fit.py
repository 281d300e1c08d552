"""Whether labels fit the video that they are written beside."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from input_pipeline.exports.labelled import LabelledVideo, Size
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import size_text
from ssa2d_jax.video.reader import probe, read_frames

_COUNT_DIFFERENCE = 1  # between a tool that computes it from the duration and the file
_USUAL_RATIO = 6  # 30 frames per second to 25; the largest denominator of two usual frame rates


def check_frames(path: Path, video: LabelledVideo, positions: Mapping[int, int], source: str) -> Size:
    """The size of the labels.

    Args:
        path: The video that they are written beside, a file or a folder.
        video: The labels.
        positions: The position of every labelled frame in the video.
        source: What messages call the video.

    Raises:
        InputError: The labels don't fit the video.
    """
    count = probe(path).frames
    beyond = [frame for frame, place in positions.items() if place < 0 or (count is not None and place >= count)]
    if beyond and (positions[beyond[0]] < 0 or not _has_frame(path, max(positions.values()))):
        frame = beyond[0]
        raise InputError(
            f"{video.place}: frame {frame} of {video.name} is labelled, which is frame {positions[frame]} of {source}, "
            f"counted from 0, but that has {count}. Were the labels made with another frame step "
            "(config.convert.frame_step, config.convert.first_frame), on another video, or on a copy of another frame "
            "rate?"
        )
    if video.count is not None and count is not None and abs(video.count - count) > _COUNT_DIFFERENCE:
        raise InputError(
            f"{video.place}: the tool has counted {video.count} frames in {video.name}, but {source} has {count}, so "
            "that its numbers mean other frames. Set the frame rate of the video in the tool, and label again"
        )
    if video.last is not None and count is not None and path.is_file() and video.last >= count + _COUNT_DIFFERENCE:
        raise InputError(
            f"{video.place}: the frames of {video.name} go to {video.last} in the tool, but {source} has {count}: it "
            "is another video, or a copy of another frame rate. Use the one that was labelled"
        )
    first = next(iter(read_frames(path, numbers={0})), None)
    if first is None:
        raise InputError(f"{source}: has no frame that can be read")
    size = first.rgb.shape[0], first.rgb.shape[1]
    if video.size is not None and video.size != size:
        raise InputError(
            f"{video.place}: the labels of {video.name} are {size_text(video.size)}, but {source} has frames of "
            f"{size_text(size)}; use the video that was labelled, in the same size"
        )
    return size


def length_warnings(path: Path, video: LabelledVideo, source: str) -> list[str]:
    """Says where a tool shows fewer frames than the video's file has, which may be one of another frame rate."""
    count = probe(path).frames if path.is_file() else None
    if count is None or video.last is None or video.is_part or count <= video.last + 1 + _COUNT_DIFFERENCE:
        return []
    shown = video.last + 1
    ratio = Fraction(count, shown).limit_denominator(_USUAL_RATIO)
    is_usual = abs(count - ratio * shown) <= _COUNT_DIFFERENCE * ratio
    times = f", {ratio} times as many" if is_usual else ""
    return [
        f"the frames of {video.name} go to {video.last} in the tool, but {source} has {count}{times}. That is right if "
        "the task ends before the video. If the video is a copy of another frame rate, the labels are on wrong frames: "
        "look at the contact sheet of check"
    ]


def _has_frame(path: Path, number: int) -> bool:
    """Whether a video has a frame, however many its container states."""
    return next(iter(read_frames(path, numbers={number})), None) is not None
