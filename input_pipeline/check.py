"""Reads all of a release before anything is built or trained, and lists every problem with file and frame."""

import collections
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from input_pipeline import a2d_clips
from input_pipeline.a2d_release import Regions
from ssa2d_jax import video
from ssa2d_jax.batch import InputError
from ssa2d_jax.label_space import IGNORE, LabelSpace


@dataclasses.dataclass(frozen=True)
class Checked:
    """A video that was read: its problems, and the labelled frame in the middle, for a contact sheet.

    frame   uint8 RGB [H, W, 3], None where there is none to show
    joint   joint classes uint8 [H, W], 255 = ignored
    pairs   labelled frames by (actor, action)
    """

    name: str
    split: str
    problems: tuple[str, ...]
    frames: int
    labelled: int
    frame: np.ndarray | None = None
    joint: np.ndarray | None = None
    pairs: dict[tuple[int, int], int] = dataclasses.field(default_factory=dict)


def check_release(layout: str, root: Path) -> Iterator[Checked]:
    """Every video of the release, one after another. InputError where its list of videos can't be used."""
    a2d_clips.opened.cache_clear()
    release = a2d_clips.opened(layout, root.absolute())
    done = set()
    for split, names in release.splits.items():
        for name in names:
            if name not in done:  # a single video is in both splits
                done.add(name)
                yield _checked(release, split, name)


def classes_seen_once(checked: list[Checked], space: LabelSpace) -> list[str]:
    """Pairs that a single video shows: nothing can be both trained on and tested."""
    videos: collections.Counter[tuple[int, int]] = collections.Counter()
    where = {}
    for one in checked:
        videos.update(one.pairs.keys())
        where |= dict.fromkeys(one.pairs, one.name)
    return [
        f"{space.actors[a]}-{space.actions[b]} is in one video alone ({where[a, b]}): trained on or tested, not both"
        for (a, b), count in sorted(videos.items())
        if count == 1
    ]


def _checked(release: a2d_clips.AnyRelease, split: str, name: str) -> Checked:
    problems: list[str] = []
    try:
        path, files = release.video(name), release.labelled(name)
    except (InputError, OSError) as error:
        return Checked(name, split, (str(error),), 0, 0)
    regions: dict[int, Regions] = {}
    for frame, file in files.items():
        try:
            regions[frame] = release.regions(name, frame, file)
        except (InputError, OSError) as error:
            problems.append(str(error))
    shown, pictures = sorted(regions)[len(regions) // 2] if regions else None, {}
    count = 0
    try:
        for count, frame in enumerate(video.read_frames(path), 1):
            one = regions.get(count - 1)
            if one is not None and one.map.shape != frame.rgb.shape[:2]:
                sizes = f"{one.map.shape[1]}x{one.map.shape[0]}, the frame {frame.rgb.shape[1]}x{frame.rgb.shape[0]}"
                problems.append(f"{files[count - 1]}: the label is {sizes} pixels")
            elif count - 1 == shown:
                pictures[shown] = frame.rgb
    except (InputError, OSError) as error:
        problems.append(str(error))
    problems += [
        f"{files[frame]}: labels frame {frame} (from 0), but {path} has {count} frames"
        for frame in files
        if frame >= count
    ]
    for frame, one in regions.items():
        lacking = [int(code) for code in one.codes[one.ignore] if code != IGNORE]
        if lacking:
            problems.append(f"{files[frame]}: {release.ignored.split(',')[0]}: {lacking}; they will count nowhere")
    problems += release.unused(name, regions)
    pairs: collections.Counter[tuple[int, int]] = collections.Counter()
    for one in regions.values():
        pairs.update({(int(a), int(row.argmax())) for a, row in zip(one.actor, one.actions, strict=True) if a})
    joint = _joint(regions[shown], release.space) if shown in pictures else None
    return Checked(name, split, tuple(problems), count, len(files), pictures.get(shown), joint, dict(pairs))


def _joint(one: Regions, space: LabelSpace) -> np.ndarray:
    labels = np.full(len(one.actor) + 1, IGNORE, np.uint8)
    labels[0] = 0
    known = np.flatnonzero(~one.ignore)
    labels[known + 1] = space.joint_of[one.actor[known], one.actions[known].argmax(-1)]
    return labels[one.map]
