"""Checks one video of a release: reads its labels, reads its frames, and compares the two."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from input_pipeline.check_alignment import Alignment, Strengths
from input_pipeline.check_labels import InstanceAction, Show, Tiles, VideoLabels, instance_actions
from input_pipeline.releases.regions import Label, Regions, Release, UnknownInstances, describe_instances, turned_hint
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.text import plural, size_text
from ssa2d_jax.video.pictures import describe_numbers
from ssa2d_jax.video.reader import read_frames

Pairs = dict[tuple[int, int], int]  # labelled frames by (actor, action)


@dataclasses.dataclass(frozen=True)
class VideoCheck:
    """The result for one video.

    Attributes:
        name: Name of the video.
        split: Its split, or both separated by a comma.
        problems: All problems of the video.
        frames: Frames that were read; all frames of the video if `whole`.
        labelled: Labelled frames; None if the list of labels cannot be used.
        whole: Whether the video was read to its end.
        shown: Labelled frames on the contact sheet.
        instance_actions: How many different actions of instances the labels have, and how many of these are shown.
        pairs: Labelled frames by (actor, action).
        warnings: What may be a mistake in the video's labels or rows.
        numbers: The numbers in the names of its pictures, in words; "" if they are the positions.
        strengths: Of some labels, the edges on their borders in the frames before, of and after them.
    """

    name: str
    split: str
    problems: tuple[str, ...]
    frames: int
    labelled: int | None
    whole: bool = True
    shown: int = 0
    instance_actions: tuple[int, int] = (0, 0)
    pairs: Pairs = dataclasses.field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    numbers: str = ""
    strengths: tuple[Strengths, ...] = ()

    def __str__(self) -> str:
        """One line that says what was read of the video."""
        if not self.frames and self.labelled is None:
            return f"{self.name} ({self.split}): nothing read"
        frames = plural(self.frames, "frame") + ("" if self.whole else " read") if self.frames else "no frame read"
        frames += f", {self.numbers}" if self.numbers else ""
        labels = "labels not read" if self.labelled is None else f"{self.labelled} labelled"
        return f"{self.name} ({self.split}): {frames}, {labels}" + (f", {self.shown} shown" if self.shown else "")


@dataclasses.dataclass(frozen=True)
class VideoFrames:
    """What was read of a video's frames.

    Attributes:
        count: Frames that were read.
        whole: Whether the video was read to its end.
        shown: Frames that were put on the contact sheet.
        problems: Why frames cannot be used.
        strengths: Of some labels, the edges on their borders in the frames before, of and after them.
    """

    count: int
    whole: bool
    shown: tuple[int, ...]
    problems: tuple[str, ...]
    strengths: tuple[Strengths, ...]


@dataclasses.dataclass(frozen=True)
class CrossCheck:
    """What labels, frames and rows of a video say about each other; see VideoCheck."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    instance_actions: tuple[int, int]
    pairs: Pairs


def check_video(release: Release[Label], split: str, name: str, max_tiles: int, show: Show | None) -> VideoCheck:
    """Checks a video and shows at most `max_tiles` of its labelled frames."""
    try:
        path = release.video(name)
    except (InputError, OSError) as error:
        return VideoCheck(name, split, _messages(error), 0, None, whole=False)
    labels = read_labels(release, name)
    frames = read_video(release, name, path, labels, max_tiles, show)
    compared = cross_check(release, name, path, labels, frames)
    problems = dict.fromkeys(labels.problems + frames.problems + compared.problems)  # once, if two steps found it
    return VideoCheck(
        name,
        split,
        tuple(problems),
        frames.count,
        len(labels.labels) if labels.listed else None,
        frames.whole,
        len(frames.shown),
        compared.instance_actions,
        compared.pairs,
        compared.warnings,
        _picture_numbers(release, name, path, frames.count),
        frames.strengths,
    )


def _picture_numbers(release: Release[Label], name: str, path: Path, count: int) -> str:
    """The numbers in the names of pictures, in words, if they are not the positions."""
    numbers = [release.frame_number(name, position) for position in range(count)]
    first = release.first_number
    return f"numbered {describe_numbers(numbers)}" if numbers != list(range(first, first + count)) else ""


def read_labels(release: Release[Label], name: str) -> VideoLabels[Label]:
    """Reads all labels of a video, one at a time."""
    try:
        labels = release.labels(name)
    except (InputError, OSError) as error:
        return VideoLabels({}, {}, _messages(error), listed=False)
    regions: dict[int, Regions] = {}
    problems: list[str] = []
    of_labels: list[tuple[Label, str]] = []
    unknown: list[UnknownInstances] = []
    for frame, label in labels.items():
        try:
            read = release.regions(name, frame, label)
            # Together the maps may take gigabytes. Only their size is kept: an array that stores a single number.
            regions[frame] = dataclasses.replace(read, map=np.broadcast_to(read.map.dtype.type(0), read.map.shape))
        except UnknownInstances as error:
            unknown.append(error)
        except (InputError, OSError) as error:
            text = str(error).removeprefix(f"{label}: ")
            if text == str(error):
                problems.append(text)
            else:
                of_labels.append((label, text))
    return VideoLabels(labels, regions, (*problems, *_merge(of_labels), *_merge_unknown(unknown)))


def read_video(
    release: Release[Label], name: str, path: Path, labels: VideoLabels[Label], max_tiles: int, show: Show | None
) -> VideoFrames:
    """Reads all frames of a video, compares their sizes with those of the labels, and shows some labelled frames."""
    tiles = Tiles(release, name, labels, max_tiles, show)
    alignment = Alignment(release, name, labels)
    count, whole, size = 0, False, None
    problems: list[str] = []
    mismatches: list[tuple[Label, str]] = []
    try:
        for number, frame in enumerate(read_frames(path)):
            count, shape = number + 1, frame.rgb.shape[:2]
            if size is None:
                size = shape
                tiles.choose(size)
            if shape != size:
                place = f"{path}: frame {release.frame_number(name, number)}"
                problems.append(f"{place} is {size_text(shape)} pixels, the first frame {size_text(size)}")
                break
            alignment.add(number, frame.rgb)
            regions = labels.regions.get(number)
            if regions is not None and regions.map.shape != shape:
                text = f"the label is {size_text(regions.map.shape)} pixels, the frame {size_text(shape)}"
                hint = turned_hint(regions.map.shape, shape)
                mismatches.append((labels.labels[number], text + hint))
            else:
                tiles.add(number, frame.rgb)
        else:
            whole = True
    except (InputError, OSError) as error:
        problems.append(str(error))
    return VideoFrames(count, whole, tuple(tiles.shown), (*problems, *_merge(mismatches)), alignment.strengths())


def cross_check(
    release: Release[Label], name: str, path: Path, labels: VideoLabels[Label], frames: VideoFrames
) -> CrossCheck:
    """Finds labels without a frame, instances without an action, and rows that no label shows."""
    first = release.first_number
    problems = [
        f"{label}: labels frame {release.frame_number(name, frame)}, but {path} has {plural(frames.count, 'frame')}, "
        f"counted from {first}"
        for frame, label in labels.labels.items()
        if frames.whole and frame >= frames.count
    ]
    problems += _ignored_instances(release, name, labels)
    if labels.complete:  # a row that seems to be shown nowhere may be shown by a label that cannot be read
        problems += release.unseen_rows(name, labels.regions)
    remarks = ((labels.labels[frame], regions.remark) for frame, regions in labels.regions.items() if regions.remark)
    spans = release.span_warnings(name, frames.count) if frames.whole and frames.count else []
    actions = {frame: instance_actions(regions) for frame, regions in labels.regions.items()}
    shown = set[InstanceAction]().union(*(actions[frame] for frame in frames.shown))
    pairs: collections.Counter[tuple[int, int]] = collections.Counter()
    for regions in labels.regions.values():
        rows = zip(regions.actor, regions.actions, strict=True)
        pairs.update({(int(actor), int(row.argmax())) for actor, row in rows if actor})
    counts = len(set[InstanceAction]().union(*actions.values())), len(shown)
    return CrossCheck(tuple(problems), (*_merge(remarks), *spans), counts, dict(pairs))


def _ignored_instances(release: Release[Label], name: str, labels: VideoLabels[Label]) -> list[str]:
    """Instances that are labelled, but do nothing that the release knows."""
    reason = release.ignored.split(",")[0]
    problems = []
    for frame, regions in labels.regions.items():
        codes = regions.codes[regions.ignore]
        names = [release.instance_name(name, int(code)) for code in codes if code != IGNORE]
        if names:
            problems.append((labels.labels[frame], f"{reason}: {', '.join(names)}; they will be ignored"))
    return _merge(problems)


def _merge(problems: Iterable[tuple[Label, str]]) -> list[str]:
    """Reports every problem of labels, (label, problem), once, with the number of labels that have it."""
    labels: dict[str, list[Label]] = {}
    for label, text in problems:
        labels.setdefault(text, []).append(label)
    more = lambda count: f" (the same in {plural(count, 'more label')})" if count else ""
    return [f"{same[0]}: {text}{more(len(same) - 1)}" for text, same in labels.items()]


def _merge_unknown(errors: Sequence[UnknownInstances]) -> list[str]:
    """One problem for all numbers that a release does not know, however many labels have them."""
    if len(errors) < 2:
        return [str(error) for error in errors]
    numbers = sorted({number for error in errors for number in error.numbers})
    labels = f"{errors[0].label} and {plural(len(errors) - 1, 'more label')}"
    return [f"{labels}: {describe_instances(numbers)} {errors[0].reason}"]


def _messages(error: InputError | OSError) -> tuple[str, ...]:
    return error.args if isinstance(error, Problems) else (str(error),)
