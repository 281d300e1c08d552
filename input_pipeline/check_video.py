"""Checks one video of a release: reads its labels, reads its frames, and compares the two."""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic

import numpy as np
from jaxtyping import UInt8

from input_pipeline.releases.regions import (
    Label,
    Regions,
    Release,
    UnknownInstances,
    describe_numbers,
    joint_classes,
)
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.text import plural, size_text
from ssa2d_jax.video.reader import read_frames

# Takes a caption, a frame and the joint class of every pixel.
Show = Callable[[str, UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W"]], None]
InstanceAction = tuple[int, int, int]  # code of the instance, actor, action
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

    def __str__(self) -> str:
        """One line that says what was read of the video."""
        if not self.frames and self.labelled is None:
            return f"{self.name} ({self.split}): nothing read"
        frames = plural(self.frames, "frame") + ("" if self.whole else " read") if self.frames else "no frame read"
        labels = "labels not read" if self.labelled is None else f"{self.labelled} labelled"
        return f"{self.name} ({self.split}): {frames}, {labels}" + (f", {self.shown} shown" if self.shown else "")


@dataclasses.dataclass(frozen=True)
class VideoLabels(Generic[Label]):
    """The labels of a video, by frame from 0.

    Attributes:
        labels: All labels that the release lists.
        regions: The regions of every label that can be read; their maps hold zeros and only have the right size.
        problems: Why labels cannot be read.
        listed: Whether the release could list the labels.
    """

    labels: Mapping[int, Label]
    regions: Mapping[int, Regions]
    problems: tuple[str, ...]
    listed: bool = True

    @property
    def complete(self) -> bool:
        """Whether every label was read."""
        return self.listed and len(self.regions) == len(self.labels)


@dataclasses.dataclass(frozen=True)
class VideoFrames:
    """What was read of a video's frames.

    Attributes:
        count: Frames that were read.
        whole: Whether the video was read to its end.
        shown: Frames that were put on the contact sheet.
        problems: Why frames cannot be used.
    """

    count: int
    whole: bool
    shown: tuple[int, ...]
    problems: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class CrossCheck:
    """What labels, frames and rows of a video say about each other; see VideoCheck."""

    problems: tuple[str, ...]
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
    return VideoCheck(
        name,
        split,
        labels.problems + frames.problems + compared.problems,
        frames.count,
        len(labels.labels) if labels.listed else None,
        frames.whole,
        len(frames.shown),
        compared.instance_actions,
        compared.pairs,
    )


def read_labels(release: Release[Label], name: str) -> VideoLabels[Label]:
    """Reads all labels of a video, one at a time."""
    try:
        labels = release.labels(name)
    except (InputError, OSError) as error:
        return VideoLabels({}, {}, _messages(error), listed=False)
    regions: dict[int, Regions] = {}
    problems = []
    unknown: list[UnknownInstances] = []
    for frame, label in labels.items():
        try:
            read = release.regions(name, frame, label)
            # Together the maps may take gigabytes. Only their size is kept: an array that stores a single number.
            regions[frame] = dataclasses.replace(read, map=np.broadcast_to(read.map.dtype.type(0), read.map.shape))
        except UnknownInstances as error:
            unknown.append(error)
        except (InputError, OSError) as error:
            problems.append(str(error))
    return VideoLabels(labels, regions, (*problems, *_merge_unknown(unknown)))


def read_video(
    release: Release[Label], name: str, path: Path, labels: VideoLabels[Label], max_tiles: int, show: Show | None
) -> VideoFrames:
    """Reads all frames of a video, compares their sizes with those of the labels, and shows some labelled frames."""
    first = release.first_number
    tiles = _Tiles(release, name, labels, max_tiles, show)
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
                problems.append(
                    f"{path}: frame {number + first} is {size_text(shape)} pixels, the first frame {size_text(size)}"
                )
                break
            regions = labels.regions.get(number)
            if regions is not None and regions.map.shape != shape:
                text = f"the label is {size_text(regions.map.shape)} pixels, the frame {size_text(shape)}"
                mismatches.append((labels.labels[number], text))
            else:
                tiles.add(number, frame.rgb)
        else:
            whole = True
    except (InputError, OSError) as error:
        problems.append(str(error))
    return VideoFrames(count, whole, tuple(tiles.shown), (*problems, *_merge(mismatches)))


def cross_check(
    release: Release[Label], name: str, path: Path, labels: VideoLabels[Label], frames: VideoFrames
) -> CrossCheck:
    """Finds labels without a frame, instances without an action, and rows that no label shows."""
    first = release.first_number
    problems = [
        f"{label}: labels frame {frame + first}, but {path} has {plural(frames.count, 'frame')}, counted from {first}"
        for frame, label in labels.labels.items()
        if frames.whole and frame >= frames.count
    ]
    problems += _ignored_instances(release, name, labels)
    if labels.complete:  # a row that seems to be shown nowhere may be shown by a label that cannot be read
        problems += release.unseen_rows(name, labels.regions)
    actions = {frame: _instance_actions(regions) for frame, regions in labels.regions.items()}
    shown = set[InstanceAction]().union(*(actions[frame] for frame in frames.shown))
    pairs: collections.Counter[tuple[int, int]] = collections.Counter()
    for regions in labels.regions.values():
        rows = zip(regions.actor, regions.actions, strict=True)
        pairs.update({(int(actor), int(row.argmax())) for actor, row in rows if actor})
    counts = len(set[InstanceAction]().union(*actions.values())), len(shown)
    return CrossCheck(tuple(problems), counts, dict(pairs))


class _Tiles(Generic[Label]):
    """The labelled frames of a video that the contact sheet shows."""

    def __init__(
        self, release: Release[Label], name: str, labels: VideoLabels[Label], most: int, show: Show | None
    ) -> None:
        self._release, self._name, self._labels, self._most, self._show = release, name, labels, most, show
        self._chosen: list[int] = []
        self.shown: list[int] = []

    def choose(self, size: tuple[int, ...]) -> None:
        """Chooses among the labels whose size is that of the video."""
        regions = self._labels.regions.items()
        fitting = {frame: _instance_actions(label) for frame, label in regions if label.map.shape == size}
        self._chosen = _choose_frames(fitting, self._most)

    def add(self, number: int, rgb: UInt8[np.ndarray, "H W 3"]) -> None:
        """Shows a frame if it was chosen. Raises InputError if its label can no longer be read."""
        if self._show is None or number not in self._chosen:
            return
        regions = self._release.regions(self._name, number, self._labels.labels[number])
        joint = joint_classes(regions, self._release.space)
        self._show(f"{self._name}, frame {number + self._release.first_number}", rgb, joint)
        self.shown.append(number)


def _instance_actions(regions: Regions) -> set[InstanceAction]:
    """Which instances do what in a labelled frame."""
    rows = zip(regions.codes, regions.actor, regions.actions, regions.ignore, strict=True)
    return {(int(code), int(actor), int(row.argmax())) for code, actor, row, ignored in rows if not ignored}


def _choose_frames(actions: Mapping[int, set[InstanceAction]], most: int) -> list[int]:
    """Chooses at most `most` frames that together show as many actions of instances as possible.

    Takes the frame that adds most, again and again; among equals the one nearest to the middle.
    """
    if not actions:
        return []
    middle = sorted(actions)[len(actions) // 2]
    frames = sorted(actions, key=lambda frame: abs(frame - middle))
    chosen: list[int] = []
    seen: set[InstanceAction] = set()
    while len(chosen) < most:
        best = max(frames, key=lambda frame: len(actions[frame] - seen))
        if chosen and actions[best] <= seen:
            break
        chosen.append(best)
        seen |= actions[best]
    return chosen


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
    return [f"{labels}: {describe_numbers(numbers)} {errors[0].reason}"]


def _messages(error: InputError | OSError) -> tuple[str, ...]:
    return error.args if isinstance(error, Problems) else (str(error),)
