"""Renders a small world with a fish as a folder of your own data: labels.csv, videos/, labels/.

python -m input_pipeline.sprites.render_folder --folder data/fish --train_clips 120 --test_clips 24
"""

import argparse
import dataclasses
import functools
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from input_pipeline.sprites import a2d_files, dealing
from input_pipeline.sprites.figures.figure import FISH
from input_pipeline.sprites.motion import SWIMMING
from input_pipeline.sprites.rendered_folder import render_clips, render_once, run_command
from input_pipeline.sprites.world import plan_clip
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.utils.images import encode_png
from ssa2d_jax.utils.text import csv_text

WORLD = 1  # increased whenever the same seed draws other clips
COLUMNS = ("video", "instance", "actor", "action", "split")
# The fish is new; cat and ball do here what they do in the sprites world.
PAIRS = (
    ("fish", "swimming"), ("fish", "jumping"), ("fish", "none"), ("cat", "jumping"), ("cat", "running"),
    ("ball", "rolling"), ("ball", "jumping"),
)  # fmt: skip
_CODES = {
    10 * (FISH if actor == "fish" else A2D.actors.index(actor))
    + (SWIMMING if action == "swimming" else A2D.actions.index(action)): (actor, action)
    for actor, action in PAIRS
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderRenderOptions(dealing.DealtOptions):
    """Options of a rendered folder."""

    seed: int = 0
    size: tuple[int, int] = (128, 128)
    frames: int = 20
    labelled: int = 5
    max_actors: int = 3


class _Task(NamedTuple):
    """One clip to render: split (0 train, 1 test), its number in the split, the label code of each actor."""

    split: int
    clip: int
    codes: tuple[int, ...]


def render_folder(folder: str | Path, options: FolderRenderOptions, processes: int = 2) -> None:
    """Writes labels.csv, videos/<video>.mp4 and labels/<video>/<frame>.png, as a user's own data would be.

    The pairs of `PAIRS` are equally frequent in both splits. Instance k of a video is its k-th actor from far to
    near. The folder appears when it is complete; a folder that already holds the same rendering stays unchanged.

    Args:
        folder: the new folder.
        options: of the rendering.
        processes: that render in parallel; the labels do not depend on it.

    Raises:
        InputError: an option has an impossible value, or the folder holds anything else.
    """
    options.check("fish world", most_actors=len(PAIRS), processes=processes)
    render = lambda partial: _render(partial, options, processes)
    render_once(Path(folder).absolute(), {"fish_world": WORLD}, options, render)


def _render(folder: Path, options: FolderRenderOptions, processes: int) -> None:
    (folder / "videos").mkdir()
    (folder / "labels").mkdir()
    tasks = []
    for split, name in enumerate(SPLITS):
        rng = np.random.default_rng([FISH, options.seed, split])
        hands = dealing.deal_codes(rng, list(_CODES), options.clips(name), options.max_actors)
        tasks += [_Task(split, clip, hand) for clip, hand in enumerate(hands)]
    rows = render_clips(functools.partial(_render_clip, folder, options), tasks, processes)
    table = csv_text([COLUMNS, *(row for of_clip in rows for row in of_clip)])
    (folder / "labels.csv").write_text(table, encoding="utf-8")


def _render_clip(folder: Path, options: FolderRenderOptions, task: _Task) -> list[tuple[str, int, str, str, str]]:
    """Writes one video and its instance PNGs; returns its rows of labels.csv."""
    rng = np.random.default_rng([FISH, options.seed, task.split, task.clip])
    numbers = dealing.labelled_numbers(rng, options.frames, options.labelled)
    middle, margin = (numbers[0] + numbers[-1]) / 2, (numbers[-1] - numbers[0]) / 2
    clip = plan_clip(rng, task.codes, options.size, options.frames, middle, margin)
    video = f"{SPLITS[task.split]}_{task.clip:04d}"
    labels = folder / "labels" / video
    labels.mkdir()
    pictures, visible = [], set[int]()
    for number, (rgb, owners) in enumerate(clip.frames()):
        pictures.append(rgb)
        if number in numbers:
            visible |= set(np.unique(owners).tolist()) - {0}
            (labels / f"{number:05d}.png").write_bytes(encode_png(owners))
    a2d_files.write_clip(folder / "videos" / f"{video}.mp4", pictures)
    names = [_CODES[sprite.code] for sprite in clip.sprites]
    return [(video, instance, *names[instance - 1], SPLITS[task.split]) for instance in sorted(visible)]


def main() -> int:
    """Runs the command line and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, help="the new folder")
    defaults = (("seed", 0), ("train_clips", 120), ("test_clips", 24), ("frames", 20), ("labelled", 5),
                ("max_actors", 3), ("height", 128), ("width", 128), ("processes", 2))  # fmt: skip
    for name, default in defaults:
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    options = FolderRenderOptions(
        seed=args.seed, train_clips=args.train_clips, test_clips=args.test_clips,
        size=(args.height, args.width), frames=args.frames, labelled=args.labelled, max_actors=args.max_actors,
    )  # fmt: skip
    return run_command(lambda: render_folder(args.folder, options, args.processes))


if __name__ == "__main__":
    sys.exit(main())
