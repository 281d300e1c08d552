"""Reads a whole release before anything is built or trained, and lists every problem with its file and frame."""

import dataclasses
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from input_pipeline.check_alignment import find_shift
from input_pipeline.check_labels import Show
from input_pipeline.check_video import VideoCheck, check_video
from input_pipeline.releases.regions import Label, Release
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.images import write_png
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.text import plural
from ssa2d_jax.visualization import panels

SHEET = "check.png"
_MOST_TILES, _TILES_PER_VIDEO = 200, 3
_MOST_WARNINGS = 20  # of videos
_ONE_SIDED = {
    "train": "is trained on, but no video of the test split shows it",
    "test": "is scored, but no video of the training split shows it",
}


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """The result for a whole release.

    Attributes:
        space: The classes of the labels.
        videos: The result for every video.
        problems: All problems, of the release and of its videos.
        warnings: What may be a mistake.
        sheet: The contact sheet; None if there is no labelled frame to show.
    """

    space: LabelSpace
    videos: tuple[VideoCheck, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    sheet: Path | None

    def summary(self) -> list[str]:
        """Lines that name the contact sheet, the warnings, and how many videos and classes there are."""
        sheet = [] if self.sheet is None else [f"look at {self.sheet}: {coverage(self.videos)}"]
        counts = {
            "video": len(self.videos),
            "actor": len(self.space.actors) - 1,
            "action": len(self.space.actions) - 1,
            "pair": len(self.space.pairs),
        }
        totals = ", ".join(plural(count, unit) for unit, count in counts.items())
        return [*sheet, *(f"warning: {warning}" for warning in self.warnings), totals]


def run_check(release: Release[Label], folder: Path) -> CheckResult:
    """Checks a release, logs every video and its problems, and writes the contact sheet check.png into `folder`.

    Raises:
        InputError: The table of the release cannot be used. Its problems are logged and no video is read.
    """
    try:
        space = release.space
    except Problems as error:
        log("\n".join(error.args))
        problems = plural(len(error.args), "problem")
        raise InputError(f"{problems}, listed above; fix the table first: no video was read") from error
    log(f"reading {plural(len(_splits_by_video(release)), 'video')}")
    problems_of_release = release.dataset_problems()
    for problem in problems_of_release:
        log(problem)
    tiles: list[UInt8[np.ndarray, "H W 3"]] = []
    videos = []
    show: Show = lambda caption, frame, joint: tiles.append(panels.draw_tile(frame, joint, space, caption))
    for video in check_release(release, show):
        log("\n  ".join([str(video), *video.problems]))
        videos.append(video)
    sheet = folder / SHEET
    if tiles:
        folder.mkdir(parents=True, exist_ok=True)
        write_png(sheet, panels.contact_sheet(tiles))
    return CheckResult(
        space,
        tuple(videos),
        (*problems_of_release, *(problem for video in videos for problem in video.problems)),
        (*release.warnings(), *video_warnings(videos), *find_one_sided_pairs(videos, space)),
        sheet if tiles else None,
    )


def check_release(release: Release[Label], show: Show | None = None) -> Iterator[VideoCheck]:
    """Checks the videos of a release one after another.

    Args:
        release: The release to check.
        show: Takes the labelled frames for the contact sheet, one after another: at most three of a video, and together
            at most `_MOST_TILES`, chosen so that they show every instance in each of its actions. If there are more
            videos than that, only every n-th video is shown.

    Raises:
        InputError: The list of videos cannot be used.
    """
    videos = _splits_by_video(release)
    step, free_tiles = -(-len(videos) // _MOST_TILES), _MOST_TILES
    for i, (name, splits) in enumerate(videos.items()):
        later = (len(videos) - 1 - i) // step  # videos that need one tile each
        most = min(_TILES_PER_VIDEO, max(1, free_tiles - later)) if show and i % step == 0 else 0
        video = check_video(release, ", ".join(splits), name, most, show)
        free_tiles -= video.shown
        yield video


def output_folder(shards_dir: str, root: Path) -> Path:
    """The folder in `shards_dir` for what a check writes about the release in `root`, a different one for each."""
    return Path(shards_dir) / "check" / f"{root.name}_{zlib.crc32(str(root).encode()):08x}"


def video_warnings(videos: Sequence[VideoCheck]) -> list[str]:
    """The first warnings of the videos, the number of others, and whether the labels fit other frames better."""
    warnings = [warning for video in videos for warning in video.warnings]
    more = len(warnings) - _MOST_WARNINGS
    rest = [f"and {plural(more, 'more warning')} of videos"] if more > 0 else []
    shift = find_shift([strengths for video in videos for strengths in video.strengths])
    return [*warnings[:_MOST_WARNINGS], *rest, *([shift] if shift else [])]


def find_one_sided_pairs(videos: Sequence[VideoCheck], space: LabelSpace) -> list[str]:
    """Pairs of actor and action that only one split shows: they are trained on but never scored, or the reverse."""
    splits: dict[tuple[int, int], set[str]] = {}
    for video in videos:
        for pair in video.pairs:
            splits.setdefault(pair, set()).update(video.split.split(", "))
    return [
        f"{space.actors[actor]}-{space.actions[action]} {_ONE_SIDED[next(iter(names))]}"
        for (actor, action), names in sorted(splits.items())
        if len(names) == 1
    ]


def coverage(videos: Sequence[VideoCheck]) -> str:
    """How many of the labels the contact sheet shows, in words."""
    labelled, shown = sum(video.labelled or 0 for video in videos), sum(video.shown for video in videos)
    actions, seen = (sum(counts) for counts in zip(*(video.instance_actions for video in videos), strict=True))
    missing = f"; missing are {actions - seen} of the {actions} actions of all instances" if seen < actions else ""
    return f"shows {shown} of {plural(labelled, 'labelled frame')}{missing}"


def _splits_by_video(release: Release[Label]) -> dict[str, list[str]]:
    """The splits of every video: a single video is in both."""
    splits: dict[str, list[str]] = {}
    for split, names in release.splits.items():
        for name in names:
            splits.setdefault(name, []).append(split)
    return splits
