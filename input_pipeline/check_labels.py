"""The labels of a video that is checked, and those of them that the contact sheet shows."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Generic

import numpy as np
from jaxtyping import UInt8

from input_pipeline.releases.regions import Label, Regions, Release, joint_classes

# Takes a caption, a frame and the joint class of every pixel.
Show = Callable[[str, UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W"]], None]
InstanceAction = tuple[int, int, int]  # code of the instance, actor, action


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


class Tiles(Generic[Label]):
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
        fitting = {frame: instance_actions(label) for frame, label in regions if label.map.shape == size}
        self._chosen = _choose_frames(fitting, self._most)

    def add(self, number: int, rgb: UInt8[np.ndarray, "H W 3"]) -> None:
        """Shows a frame if it was chosen. Raises InputError if its label can no longer be read."""
        if self._show is None or number not in self._chosen:
            return
        regions = self._release.regions(self._name, number, self._labels.labels[number])
        joint = joint_classes(regions, self._release.space)
        self._show(f"{self._name}, frame {self._release.frame_number(self._name, number)}", rgb, joint)
        self.shown.append(number)


def instance_actions(regions: Regions) -> set[InstanceAction]:
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
