"""Renders the sprites world as a release in A2D's layout.

python -m input_pipeline.sprites.render_a2d --folder data/sprites --seed 0 --train_clips 1500 --test_clips 200
python -m input_pipeline.sprites.render_a2d --contact_sheet sheet.png
"""

import argparse
import dataclasses
import functools
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from input_pipeline.sprites import a2d_files, dealing
from input_pipeline.sprites.contact_sheet import draw_pair_sheet
from input_pipeline.sprites.rendered_folder import render_clips, render_once, run_command
from input_pipeline.sprites.world import plan_clip
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.label_space import A2D

WORLD = 5  # increased whenever the same seed draws other clips


class _Task(NamedTuple):
    """One clip to render."""

    seed: int
    split: int  # 0 train, 1 test
    clip: int  # its number in the split
    codes: tuple[int, ...]  # the label code of each actor


@dataclasses.dataclass(frozen=True, kw_only=True)
class A2dRenderOptions(dealing.DealtOptions):
    """Options of a rendered release in A2D's layout."""

    size: tuple[int, int] = (128, 128)
    frames: int = 32
    labelled: int = 5
    max_actors: int = 4


def render_a2d(folder: str | Path, options: A2dRenderOptions, processes: int = 2) -> None:
    """Writes a rendered release in A2D's layout to `folder`: README, videoset.csv, clips320H/ and Annotations/.

    The 43 actor-action pairs are equally frequent in both splits. The folder appears when it is complete; a folder
    that already holds the same rendering stays unchanged.

    Args:
        folder: of the release.
        options: of the rendering.
        processes: that render in parallel; the labels do not depend on it.

    Raises:
        InputError: an option has an impossible value, or the folder holds anything else.
    """
    options.check("sprites world", most_actors=8, processes=processes)
    render = lambda partial: _render(partial, options, processes)
    render_once(Path(folder).absolute(), {"world": WORLD}, options, render)


def _render(folder: Path, options: A2dRenderOptions, processes: int) -> None:
    (folder / "clips320H").mkdir(parents=True)
    tasks = [task for split in range(2) for task in _tasks(options, split)]
    rows = render_clips(functools.partial(_render_clip, folder, options), tasks, processes)
    a2d_files.write_readme(folder / "README")
    a2d_files.write_videoset(folder / "videoset.csv", rows)


def _tasks(options: A2dRenderOptions, split: int) -> list[_Task]:
    """The clips of a split, and which of the 43 pairs appear in each."""
    rng = np.random.default_rng([options.seed, split])
    codes = [10 * actor + action for actor, action in A2D.pairs]
    hands = dealing.deal_codes(rng, codes, options.clips(SPLITS[split]), options.max_actors)
    return [_Task(options.seed, split, clip, hand) for clip, hand in enumerate(hands)]


def _render_clip(folder: Path, options: A2dRenderOptions, task: _Task) -> list[object]:
    """Writes one clip and its annotations; returns its row of videoset.csv."""
    height, width = options.size
    rng = np.random.default_rng([task.seed, task.split, task.clip])
    numbers = dealing.labelled_numbers(rng, options.frames, options.labelled)
    middle, margin = (numbers[0] + numbers[-1]) / 2, (numbers[-1] - numbers[0]) / 2
    clip = plan_clip(rng, task.codes, (height, width), options.frames, middle, margin)
    codes = [sprite.code for sprite in clip.sprites]
    # World and seed are in the name, so that videoset.csv alone identifies the rendering.
    video = f"w{WORLD}s{task.seed}_{SPLITS[task.split]}_{task.clip:05d}"
    mats, colours = (folder / "Annotations" / kind / video for kind in ("mat", "col"))
    mats.mkdir(parents=True)
    colours.mkdir(parents=True)
    pictures = []
    for number, (rgb, owners) in enumerate(clip.frames(), start=1):
        pictures.append(rgb)
        if number - 1 in numbers:
            a2d_files.write_annotation(mats / f"{number:05d}.mat", owners, codes)
            a2d_files.write_colours(colours / f"{number:05d}.png", owners, codes)
    a2d_files.write_clip(folder / "clips320H" / f"{video}.mp4", pictures)
    times = "00:00:00", f"00:00:{round(len(pictures) / a2d_files.FRAME_RATE):02d}"
    return [video, task.codes[0], *times, height, width, len(pictures), len(numbers), task.split]


def main() -> int:
    """Runs the command line and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", help="folder of the new release")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train_clips", type=int, default=1500)
    parser.add_argument("--test_clips", type=int, default=200)
    parser.add_argument("--height", type=int, default=128)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--labelled", type=int, default=5, help="annotated frames per clip")
    parser.add_argument("--max_actors", type=int, default=4)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--contact_sheet", metavar="PNG", help="draw all 43 pairs into this file")
    args = parser.parse_args()
    if not args.folder and not args.contact_sheet:
        parser.error("nothing to do; pass --folder, --contact_sheet, or both")
    size = (args.height, args.width)

    def command() -> None:
        if args.contact_sheet:
            draw_pair_sheet(args.contact_sheet, seed=args.seed, size=size)
        if args.folder:
            options = A2dRenderOptions(
                seed=args.seed, train_clips=args.train_clips, test_clips=args.test_clips,
                size=size, frames=args.frames, labelled=args.labelled, max_actors=args.max_actors,
            )  # fmt: skip
            render_a2d(args.folder, options, args.processes)

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
