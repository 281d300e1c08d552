"""Labels of the labelling loop in one form, from a release or a tracks.json, and what differs between two of them."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import UInt16

from input_pipeline.releases.a2d import A2DRelease
from input_pipeline.releases.layouts import AnyRelease
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.exports.clip import read_clip
from ssa2d_jax.inference.track_files import TrackFiles
from ssa2d_jax.inference.tracks import Region, Track
from ssa2d_jax.video.reader import read_frames


@dataclasses.dataclass(frozen=True)
class Label:
    """A labelled frame: the number of the instance in every pixel, 0 = nobody; actor and action of each number."""

    numbers: UInt16[np.ndarray, "H W"]
    classes: Mapping[int, tuple[str, str]]


Labels = dict[int, Label]  # by frame, from 0; only frames that show someone


def read_labels(release: AnyRelease, video: str) -> tuple[Labels, int]:
    """The labels of a video of a release, and the number of regions without a class, which are left out.

    A2D does not follow an instance from frame to frame: there the n-th region of an actor class is one instance.
    """
    labels: Labels = {}
    known: dict[tuple[str, int], int] = {}  # a number for each actor class and instance
    left_out = 0
    for frame, label in release.labels(video).items():
        regions = release.regions(video, frame, label)
        left_out += int(regions.ignore.sum())
        numbers, classes = np.zeros(regions.map.shape, np.uint16), {}
        for row in np.flatnonzero(~regions.ignore).tolist():
            actor = release.space.actors[regions.actor[row]]
            action = release.space.actions[regions.actions[row].argmax()]
            key = actor, row if isinstance(release, A2DRelease) else int(regions.codes[row])
            number = known.setdefault(key, len(known) + 1)
            numbers[regions.map == row + 1], classes[number] = number, (actor, action)
        if classes:
            labels[frame] = Label(numbers, classes)
    return labels, left_out


def write_tracks(folder: Path, video: Path, labels: Labels, space: LabelSpace) -> None:
    """Writes the labels of a video as the tracks.json that predict would write for them."""
    tracks: dict[int, Track] = {}
    for frame, label in sorted(labels.items()):
        for number, (actor, action) in label.classes.items():
            mask = label.numbers == number
            y, x = np.nonzero(mask)
            left, top, width, height = int(x.min()), int(y.min()), int(np.ptp(x)) + 1, int(np.ptp(y)) + 1
            done = np.zeros(len(space.actions), np.float32)
            done[space.actions.index(action)] = 1
            crop = mask[top : top + height, left : left + width]
            region = Region(space.actors.index(actor), (left, top, width, height), crop, len(x), 1.0, done)
            track = tracks.setdefault(number, Track(number, region.actor, mask.shape, 0.5))
            track.add(frame, None, region)
    folder.mkdir(parents=True)
    height, width = next(iter(labels.values())).numbers.shape
    about: dict[str, str | int] = {"file_name": video.name, "height": height, "width": width}
    with TrackFiles(folder, space, video=about, smooth=1) as files:
        files.add(tracks.values())
        files.end(sum(1 for _ in read_frames(video)))


def read_tracks(path: Path) -> Labels:
    """The labels in a tracks.json."""
    clip = read_clip(path)
    labels: Labels = {}
    for frame, shown in clip.by_frame():
        numbers, classes = np.zeros((clip.height, clip.width), np.uint16), {}
        for track, i in shown:
            x, y, width, height = track.boxes[i]
            numbers[y : y + height, x : x + width][track.crop(i)] = track.number
            classes[track.number] = track.actor, track.actions[i][0] if track.actions[i] else ""
        if classes:
            labels[frame] = Label(numbers, classes)
    return labels


@dataclasses.dataclass
class Comparison:
    """How much of the labels came back.

    Attributes:
        masks: That there were.
        found: That there are now.
        equal: With the same pixels.
        classes: With the same actor class and action.
        tracks: Instances that there were.
        followed: Those that are one instance in all their frames again, which is no other's.
    """

    HEADER: ClassVar[str] = " " * 23 + "    masks    found    equal  classes   tracks followed"
    masks: int = 0
    found: int = 0
    equal: int = 0
    classes: int = 0
    tracks: int = 0
    followed: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return self.masks == self.found == self.equal == self.classes and self.tracks == self.followed

    def __str__(self) -> str:
        counts = "".join(f"{count:>9}" for count in dataclasses.astuple(self))
        return counts if self.is_equal else f"{counts}  DIFFERENT"


def compare(expected: Mapping[str, Labels], found: Mapping[str, Labels]) -> Comparison:
    """Compares the labels of videos, mask by mask."""
    result = Comparison(found=sum(len(label.classes) for labels in found.values() for label in labels.values()))
    for video, labels in expected.items():
        pairs: set[tuple[int, int]] = set()
        for frame, label in labels.items():
            other = found.get(video, {}).get(frame)
            for number, names in label.classes.items():
                result.masks += 1
                if other is None or other.numbers.shape != label.numbers.shape:
                    pairs.add((number, 0))
                    continue
                mask = label.numbers == number
                match = int(np.bincount(other.numbers[mask], minlength=1).argmax()) if mask.any() else 0
                result.equal += match > 0 and bool(((other.numbers == match) == mask).all())
                result.classes += other.classes.get(match) == names
                pairs.add((number, match))
        before, after = Counter(number for number, _ in pairs), Counter(match for _, match in pairs)
        result.tracks += len(before)
        result.followed += sum(match > 0 and before[number] == after[match] == 1 for number, match in pairs)
    return result
