"""Reads all of a release before anything is built or trained, and lists every problem with file and frame."""

import collections
import dataclasses
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.releases.layouts import AnyRelease
from input_pipeline.releases.regions import Regions
from ssa2d_jax.data.label_space import IGNORE, LabelSpace
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.reader import read_frames

Show = Callable[[str, np.ndarray, np.ndarray], None]  # caption, uint8 RGB [H, W, 3], joint classes uint8 [H, W]
_MOST_TILES, _TILES_A_VIDEO = 200, 3


@dataclasses.dataclass(frozen=True)
class VideoCheck:
    """A video that was read, and its problems.

    frames    how many were read; all there are, where `whole`
    labelled  labelled frames, None where their list can't be used
    shown     of them, on a contact sheet
    doings    each action of an instance counted once: how many labels show, and how many of these the shown frames do
    pairs     labelled frames by (actor, action)
    """

    name: str
    split: str
    problems: tuple[str, ...]
    frames: int
    labelled: int | None
    whole: bool = True
    shown: int = 0
    doings: tuple[int, int] = (0, 0)
    pairs: dict[tuple[int, int], int] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        """The video in a line, with what was read of it."""
        if not self.frames and self.labelled is None:
            return f"{self.name} ({self.split}): nothing read"
        frames = plural(self.frames, "frame") + ("" if self.whole else " read") if self.frames else "no frame read"
        labels = "labels not read" if self.labelled is None else f"{self.labelled} labelled"
        return f"{self.name} ({self.split}): {frames}, {labels}" + (f", {self.shown} shown" if self.shown else "")


def check_release(release: AnyRelease, show: Show | None = None) -> Iterator[VideoCheck]:
    """Every video of the release, one after another. InputError where its list of videos can't be used.

    `show` is given, one after another, the labelled frames that a contact sheet needs to have every instance in each of
    its actions: three a video at most, and one of every so many videos where there are more than `_MOST_TILES`.
    """
    splits: dict[str, list[str]] = {}  # a single video is in both
    for split, names in release.splits.items():
        for name in names:
            splits.setdefault(name, []).append(split)
    every, room = -(-len(splits) // _MOST_TILES), _MOST_TILES
    for i, (name, some) in enumerate(splits.items()):
        others = (len(splits) - 1 - i) // every  # which are to have one each
        most = min(_TILES_A_VIDEO, max(1, room - others)) if show and i % every == 0 else 0
        one = _check_video(release, ", ".join(some), name, most, show)
        room -= one.shown
        yield one


def own_folder(prepared: str, root: Path) -> Path:
    """A folder in `prepared` for what is written about the release in `root`: others have others."""
    return Path(prepared) / "check" / f"{root.name}_{zlib.crc32(str(root).encode()):08x}"


def one_sided(checked: list[VideoCheck], space: LabelSpace) -> list[str]:
    """Pairs of actor and action that only one split shows: trained on and never scored, or the other way round."""
    splits: dict[tuple[int, int], set[str]] = {}
    for one in checked:
        for pair in one.pairs:
            splits.setdefault(pair, set()).update(one.split.split(", "))
    told = {
        "train": "is trained on, but in no video of the test split",
        "test": "is scored, but in no video to train on",
    }
    return [
        f"{space.actors[a]}-{space.actions[b]} {told[next(iter(some))]}"
        for (a, b), some in sorted(splits.items())
        if len(some) == 1
    ]


def coverage(checked: list[VideoCheck]) -> str:
    """How much of the labels the contact sheet shows, in words."""
    labelled, shown = sum(one.labelled or 0 for one in checked), sum(one.shown for one in checked)
    drawn, seen = (sum(some) for some in zip(*(one.doings for one in checked), strict=True))
    told = f"shown: {shown} of {plural(labelled, 'labelled frame')}"
    return told + (f"; not shown: {drawn - seen} of the {drawn} actions of all instances" if seen < drawn else "")


def _check_video(release: AnyRelease, split: str, name: str, most: int, show: Show | None) -> VideoCheck:
    problems: list[str] = []
    files: dict[int, Any] | None = None
    try:
        path = release.video(name)
    except (InputError, OSError) as error:
        return VideoCheck(name, split, _told(error), 0, None, whole=False)
    try:
        files = release.labelled(name)
    except (InputError, OSError) as error:
        problems += _told(error)
    labelled, files = None if files is None else len(files), files or {}
    regions: dict[int, Regions] = {}
    for frame, file in files.items():
        try:
            one = release.regions(name, frame, file)
            # Of the maps only the size is kept, in an array that holds one number: together they may be gigabytes.
            regions[frame] = dataclasses.replace(one, map=np.broadcast_to(one.map.dtype.type(0), one.map.shape))
        except (InputError, OSError) as error:
            problems.append(str(error))
    doing = {frame: _doing(one) for frame, one in regions.items()}
    chosen, shown = [], []
    count, size, number, whole = 0, None, release.first_number, False
    sizes: list[tuple[Any, str]] = []
    try:
        for count, frame in enumerate(read_frames(path), 1):
            if size is None:
                size = frame.rgb.shape
                chosen = _chosen({i: what for i, what in doing.items() if regions[i].map.shape == size[:2]}, most)
            if frame.rgb.shape != size:
                told = "{1}x{0}, the first {4}x{3}".format(*frame.rgb.shape, *size)
                problems.append(f"{path}: frame {count - 1 + number} is {told} pixels")
                break
            one = regions.get(count - 1)
            if one is not None and one.map.shape != frame.rgb.shape[:2]:
                told = f"{one.map.shape[1]}x{one.map.shape[0]}, the frame {frame.rgb.shape[1]}x{frame.rgb.shape[0]}"
                sizes.append((files[count - 1], f"the label is {told} pixels"))
            elif count - 1 in chosen:
                joint = _joint(release.regions(name, count - 1, files[count - 1]), release.space)
                show(f"{name}, frame {count - 1 + number}", frame.rgb, joint)
                shown.append(count - 1)
        else:
            whole = True
    except (InputError, OSError) as error:
        problems.append(str(error))
    problems += _gathered(sizes)
    length = f"{path} has {plural(count, 'frame')}, counted from {number}"
    problems += [
        f"{files[frame]}: labels frame {frame + number}, but {length}" for frame in files if whole and frame >= count
    ]
    silent = [
        (files[frame], [release.instance_name(name, int(code)) for code in one.codes[one.ignore] if code != IGNORE])
        for frame, one in regions.items()
    ]
    ignored = release.ignored.split(",")[0]
    problems += _gathered(
        [(file, f"{ignored}: {', '.join(some)}; they will count nowhere") for file, some in silent if some]
    )
    if labelled == len(regions):  # otherwise what seems to be in no label may be in one that can't be read
        problems += release.unseen_rows(name, regions)
    pairs: collections.Counter[tuple[int, int]] = collections.Counter()
    for one in regions.values():
        pairs.update({(int(a), int(row.argmax())) for a, row in zip(one.actor, one.actions, strict=True) if a})
    doings = len(set().union(*doing.values())), len(set().union(*(doing[frame] for frame in shown)))
    return VideoCheck(name, split, tuple(problems), count, labelled, whole, len(shown), doings, dict(pairs))


def _doing(one: Regions) -> set[tuple[int, int, int]]:
    """Who does what in a labelled frame: (code, actor, action)."""
    rows = zip(one.codes, one.actor, one.actions, one.ignore, strict=True)
    return {(int(code), int(actor), int(row.argmax())) for code, actor, row, ignored in rows if not ignored}


def _chosen(doing: dict[int, set[tuple[int, int, int]]], most: int) -> list[int]:
    """Few frames, at most so many, that show all of who does what: whichever adds most, of equals the middlemost."""
    if not doing:
        return []
    middle = sorted(doing)[len(doing) // 2]
    frames = sorted(doing, key=lambda frame: abs(frame - middle))
    chosen, seen = [], set()
    while len(chosen) < most:
        best = max(frames, key=lambda frame: len(doing[frame] - seen))
        if chosen and doing[best] <= seen:
            break
        chosen.append(best)
        seen |= doing[best]
    return chosen


def _told(error: InputError | OSError) -> tuple[str, ...]:
    return error.args if isinstance(error, Problems) else (str(error),)


def _gathered(found: list[tuple[Any, str]]) -> list[str]:
    """What is wrong with labels, (which, what), told once where it is the same for several."""
    files: dict[str, list[Any]] = {}
    for file, what in found:
        files.setdefault(what, []).append(file)
    more = lambda some: f" (the same in {plural(len(some) - 1, 'more label')})" if len(some) > 1 else ""
    return [f"{some[0]}: {what}{more(some)}" for what, some in files.items()]


def _joint(one: Regions, space: LabelSpace) -> np.ndarray:
    labels = np.full(len(one.actor) + 1, IGNORE, np.uint8)
    labels[0] = 0
    known = np.flatnonzero(~one.ignore)
    labels[known + 1] = space.joint_of[one.actor[known], one.actions[known].argmax(-1)]
    return labels[one.map]
