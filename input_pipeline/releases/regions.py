"""What every release of labelled regions offers, and the regions of one labelled frame."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt16

from ssa2d_jax.data.class_names import JOINERS
from ssa2d_jax.data.label_space import IGNORE, LabelSpace
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few

LONGEST_NAME = 255  # bytes, of a file's name
_MOST_NUMBERS = 20  # that a message names
Label = TypeVar("Label")  # where the label of one frame is: a file, or an entry of a JSON file
Splits = Mapping[str, tuple[str, ...]]  # split -> videos


@dataclasses.dataclass(frozen=True)
class Regions:
    """The regions of one labelled frame: a region number for every pixel, and a table of the regions.

    Attributes:
        map: Region of every pixel: 0 = background, region r >= 1 is row r - 1 of the table.
        actor: Actor class of every region, 0 where ignored.
        actions: Whether a region does an action.
        ignore: Regions whose code is not a valid pair of actor and action.
        codes: The regions' numbers in the annotation.
        remark: What may be a mistake in the label, though it can be read; else "".
    """

    map: UInt16[np.ndarray, "H W"]
    actor: Int64[np.ndarray, " R"]
    actions: Bool[np.ndarray, "R A"]
    ignore: Bool[np.ndarray, " R"]
    codes: Int64[np.ndarray, " R"]
    remark: str = ""


class UnknownInstances(InputError):
    """The label of a frame has numbers that the release does not know: they are `numbers` of the label `label`."""

    def __init__(self, label: object, numbers: Sequence[int], reason: str) -> None:
        self.label, self.numbers, self.reason = label, tuple(numbers), reason
        super().__init__(f"{label}: {describe_instances(self.numbers)} {reason}")

    def __reduce__(self) -> Any:  # for another process
        return type(self), (self.label, self.numbers, self.reason)


def describe_instances(numbers: Sequence[int]) -> str:
    """Numbers of instances as the subject of a message: "instance 3 is", "instances 3, 4 and 2 more are"."""
    named = first_few([str(number) for number in numbers], _MOST_NUMBERS)
    return f"instance {named} is" if len(numbers) == 1 else f"instances {named} are"


def turned_hint(label: Sequence[int], frame: Sequence[int]) -> str:
    """What to add to a message that a label and its frame have different sizes (height, width), if one is turned."""
    is_turned = tuple(label[:2]) == (frame[1], frame[0])
    return ": is the label turned by 90 degrees? Draw it on the upright video, as players show it" if is_turned else ""


class Release(Protocol[Label]):
    """A release whose labelled frames are divided into regions."""

    @property
    def space(self) -> LabelSpace:
        """The classes of the labels. Raises InputError if the release cannot be used."""

    @property
    def splits(self) -> Splits:
        """The videos of every split, in order."""

    @property
    def first_number(self) -> int:
        """The number that messages give to a video's first frame."""

    @property
    def ignored(self) -> str:
        """Description of the regions that are ignored."""

    def frame_number(self, name: str, frame: int) -> int:
        """The number that messages and rows give to a frame of a video, counted from 0."""

    def video(self, name: str) -> Path:
        """The file of a video or the folder of its frames. Raises InputError if it is missing."""

    def labels(self, name: str) -> Mapping[int, Label]:
        """The labels of a video by frame, counted from 0, in order. Raises InputError if there are none."""

    def regions(self, name: str, frame: int, label: Label) -> Regions:
        """Reads the label of a frame of a video. Raises InputError if it cannot be used."""

    def instance_name(self, name: str, code: int) -> str:
        """What messages call the region of a video with this code."""

    def nothing_to_learn(self, name: str, codes: Collection[int]) -> str:
        """Why labels of a video that show only these ignored regions must not be built; "" if they may."""

    def unseen_rows(self, name: str, regions: Mapping[int, Regions]) -> list[str]:
        """Problems: what the release states about a video, but none of the labelled frames `regions` shows."""

    def span_warnings(self, name: str, frames: int) -> list[str]:
        """Warnings: rows of a video of so many frames that begin or end after it."""

    def dataset_problems(self) -> list[str]:
        """Problems that concern more than one video."""

    def warnings(self) -> list[str]:
        """What is left out on purpose and may be a mistake."""

    def fingerprint(self) -> str:
        """Eight hex digits that change with the release. Raises InputError if the release is not there."""


def joint_classes(regions: Regions, space: LabelSpace) -> UInt8[np.ndarray, "H W"]:
    """The joint class of every pixel, `IGNORE` where the release does not say one."""
    classes = np.full(len(regions.actor) + 1, IGNORE, np.uint8)
    classes[0] = 0
    known = np.flatnonzero(~regions.ignore)
    classes[known + 1] = space.joint_of[regions.actor[known], regions.actions[known].argmax(-1)]
    return classes[regions.map]


def is_plain_name(video: str) -> bool:
    """Whether a video may have this name: no path with it leads out of the release."""
    printable = all(character.isprintable() or character in JOINERS for character in video)
    leads_out = not video or video.startswith(".") or "/" in video or "\\" in video
    return printable and not leads_out and len(video.encode()) <= LONGEST_NAME
