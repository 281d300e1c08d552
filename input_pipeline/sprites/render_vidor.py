"""Renders a release in VidOR's layout: figures that interact, with boxes and relations.

python -m input_pipeline.sprites.render_vidor --folder data/sprites_vidor/Release --train_clips 400 --test_clips 60
"""

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from input_pipeline.sprites import a2d_files
from input_pipeline.sprites.motion import Times, motion
from input_pipeline.sprites.rendered_folder import RenderOptions, render_clips, render_once, run_command
from input_pipeline.sprites.world import Sprite, SpriteClip, draw_background, draw_camera, draw_look
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.data.vidor_classes import SPLIT_FOLDERS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import size_text

WORLD = 1  # increased whenever the same seed draws other clips
VIDEO_FOLDER = "0000"  # the only folder of videos
_CATEGORIES = {name: name for name in A2D.actors} | {"ball": "ball/sports_ball"}
_ACTOR = {name: number for number, name in enumerate(A2D.actors)}
_ACTION = {name: number for number, name in enumerate(A2D.actions)}
_SIZES = {"adult": (0.5, 0.75), "baby": (0.4, 0.55), "ball": (0.16, 0.22), "bird": (0.25, 0.35), "car": (0.45, 0.65),
          "cat": (0.35, 0.45), "dog": (0.4, 0.5)}  # fmt: skip
_FOOT = {"adult": 0.5, "baby": 0.5, "ball": 0.5, "bird": 0.3, "car": 0.25, "cat": 0.33, "dog": 0.33}
_PEOPLE, _ANIMALS = ("adult", "baby"), ("cat", "dog")

Offset = tuple[float | Times, float | Times | None]


class _Path(NamedTuple):
    """Where a figure is: at `x` + facing * `forward` and `y` + `height`, in frame heights; None: as its action does."""

    x: float
    y: float
    facing: int
    forward: Times | None = None
    height: Times | float = 0.0


class _Interaction(NamedTuple):
    """Who does what to whom, and how both move."""

    predicates: tuple[str, ...]
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    subject_action: str  # an action of A2D
    object_action: str
    speed: float  # of the subject, frame heights per frame
    # times -> (forward, up) from the subject's middle to the object's, in sizes of the subject; up None: the subject is
    # on top of the object. No function: the object stands on the ground, `gap` in front of the subject.
    offset: Callable[[Times], Offset] | None
    gap: float = 0.0  # frame heights
    still: tuple[str, ...] | None = None  # predicates while both stand still; None: they always move


_HELD = lambda t: (0.24, 0.08)  # noqa: E731
_INTERACTIONS = (
    _Interaction(("chase", "watch"), (*_PEOPLE, *_ANIMALS), ("bird", *_ANIMALS), "running", "running", 0.02, None,
                 gap=0.45, still=("watch",)),
    _Interaction(("watch",), (*_PEOPLE, *_ANIMALS), ("bird", *_ANIMALS), "none", "none", 0.0, None, gap=0.45),
    _Interaction(("push",), _PEOPLE, ("car",), "walking", "running", 0.008, None, gap=0.4, still=("lean_on",)),
    _Interaction(("lean_on",), _PEOPLE, ("car",), "none", "none", 0.0, None, gap=0.4),
    _Interaction(("hold",), _PEOPLE, ("ball",), "none", "none", 0.0, _HELD),
    _Interaction(("carry", "hold"), _PEOPLE, ("ball",), "walking", "none", 0.012, _HELD, still=("hold",)),
    _Interaction(("kick",), _PEOPLE, ("ball",), "none", "rolling", 0.0, lambda t: (0.3 + 0.4 * abs(_saw(t)), -0.38),
                 still=()),
    _Interaction(("throw",), _PEOPLE, ("ball",), "none", "none", 0.0,
                 lambda t: (0.24, 0.1 + 1.6 * abs(_saw(t)) * (1 - abs(_saw(t)))), still=()),
    _Interaction(("ride",), (*_PEOPLE, "dog"), ("car",), "none", "running", 0.015, lambda t: (0.0, None)),
    _Interaction(("bite",), _ANIMALS, ("ball",), "eating", "none", 0.0, lambda t: (0.5, -0.15)),
)  # fmt: skip
PREDICATES = tuple(
    sorted({name for interaction in _INTERACTIONS for name in (*interaction.predicates, *(interaction.still or ()))})
)


def _saw(t: Times) -> Times:
    """From -1 to 1 and back in 16 frames."""
    return 1 - 4 * np.abs((t / 16) % 1.0 - 0.5)


@dataclasses.dataclass(frozen=True)
class Scene:
    """A clip with one or two interactions, and sometimes with somebody who does not interact."""

    clip: SpriteClip
    names: list[str]  # the actor of every sprite
    relations: list[tuple[int, str, int, int, int]]  # subject, predicate, object, begin, end; sprites by their index


def plan_scene(rng: np.random.Generator, interactions: list[_Interaction], size: tuple[int, int], count: int) -> Scene:
    """Draws the figures, the camera and the background of `count` frames of `size` (height, width) at random."""
    times = np.arange(count) - count / 2
    camera = draw_camera(rng, times)
    names: list[str] = []
    sprites: list[Sprite] = []
    relations: list[tuple[int, str, int, int, int]] = []
    aspect = size[1] / size[0]
    for i, interaction in enumerate(interactions):
        floor = -0.42 + 0.3 * i / max(1, len(interactions))
        begin, end = _moving_frames(rng, count) if interaction.still is not None else (0, count)
        moving_times = np.clip(np.arange(count), begin, end - 1) - count / 2
        pair = _draw_pair(rng, interaction, moving_times, aspect, floor)
        spans = _predicate_spans(interaction, begin, end, count)
        relations += [(len(sprites), predicate, len(sprites) + 1, *span) for predicate, span in spans.items()]
        names += [name for name, _ in pair]
        sprites += [sprite for _, sprite in pair]
    if rng.random() < 0.5:
        name = str(rng.choice(["adult", "bird", "cat", "dog"]))
        names.append(name)
        x = rng.uniform(-0.4, 0.4) * aspect
        sprites.append(_draw_figure(rng, name, "walking", times, _Path(x, -0.1, int(rng.choice([-1, 1])))))
    # In this order, an object that is held or kicked is in front of its subject.
    return Scene(SpriteClip(size, camera, sprites, draw_background(rng, sprites, size)), names, relations)


def _moving_frames(rng: np.random.Generator, count: int) -> tuple[int, int]:
    """(begin, end) of the frames with motion: all frames, or all but a part at the beginning or at the end."""
    if rng.random() < 0.5:
        return 0, count
    cut = int(rng.integers(count // 4, count // 2))
    return (cut, count) if rng.random() < 0.5 else (0, count - cut)


def _predicate_spans(interaction: _Interaction, begin: int, end: int, count: int) -> dict[str, tuple[int, int]]:
    """(begin, end) of every predicate of an interaction that moves in the frames `begin` to `end` - 1 of `count`."""
    moving, still = (begin, end), (0, begin) if begin else (end, count)
    spans = dict.fromkeys(interaction.predicates, moving)
    for name in interaction.still or ():
        spans[name] = (0, count) if name in spans else still
    return {name: span for name, span in spans.items() if span[0] < span[1]}


def _draw_pair(
    rng: np.random.Generator, interaction: _Interaction, times: Times, aspect: float, floor: float
) -> list[tuple[str, Sprite]]:
    """(name, sprite) of subject and object; `times` are constant while both stand still."""
    subject, other = str(rng.choice(interaction.subjects)), str(rng.choice(interaction.objects))
    facing = int(rng.choice([-1, 1]))
    size, other_size = (rng.uniform(*_SIZES[name]) for name in (subject, other))
    travel = interaction.speed * rng.uniform(0.8, 1.2) * times
    centre = rng.uniform(-0.25, 0.25) * aspect
    y = floor + _FOOT[subject] * size
    ground = floor + _FOOT[other] * other_size
    ahead: float | Times
    if interaction.offset is None:
        ahead, other_y = interaction.gap + 0.4 * (other_size - 0.4), np.full(times.shape, ground)
    else:
        forward, up = interaction.offset(times)
        ahead = forward * size
        if up is None:  # on top of it
            y = ground + 0.2 * other_size + 0.25 * size
            other_y = np.full(times.shape, ground)
        else:
            other_y = y + up * size + 0.0 * times
    start = centre - facing * 0.5 * float(np.mean(ahead))
    path = _Path(start, y, facing, travel)
    other_path = _Path(start, 0.0, facing, travel + ahead, other_y)
    return [
        (subject, _draw_figure(rng, subject, interaction.subject_action, times, path, size)),
        (other, _draw_figure(rng, other, interaction.object_action, times, other_path, other_size)),
    ]


def _draw_figure(
    rng: np.random.Generator, name: str, action: str, times: Times, path: _Path, size: float | None = None
) -> Sprite:
    """A figure whose limbs move as in `action`."""
    size = size or rng.uniform(*_SIZES[name])
    poses = motion(_ACTOR[name], _ACTION[action], rng, times)
    if path.forward is not None:
        height = path.height + np.zeros(times.shape)
        tilts = [pose.tilt if name == "ball" else 0.0 for pose in poses]
        poses = [
            pose._replace(x=float(a) / size, y=float(b) / size, tilt=tilt, spread=False, fours=False, crouch=0.0)
            for pose, a, b, tilt in zip(poses, path.forward, height, tilts, strict=True)
        ]
    return Sprite(10 * _ACTOR[name] + _ACTION[action], size, path.x, path.y, path.facing, draw_look(rng), poses)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VidorRenderOptions(RenderOptions):
    """Options of a rendered release in VidOR's layout."""

    size: tuple[int, int] = (96, 128)
    frames: int = 48


def render_vidor(folder: str | Path, options: VidorRenderOptions, processes: int = 2) -> None:
    """Writes a rendered release in VidOR's layout to `folder`: annotation/ and video/.

    The interactions are equally frequent in both splits. The folder appears when it is complete; a folder that
    already holds the same rendering stays unchanged.

    Args:
        folder: of the release.
        options: of the rendering.
        processes: that render in parallel; the annotations do not depend on it.

    Raises:
        InputError: an option has an impossible value, or the folder holds anything else.
    """
    train_clips, test_clips, size = options.train_clips, options.test_clips, options.size
    is_possible_size = size[0] % 2 == size[1] % 2 == 0 and min(size) >= 32
    if not is_possible_size or options.frames < 16 or min(train_clips, test_clips) < 1 or options.seed < 0:
        raise InputError(
            f"sprites world: {train_clips} and {test_clips} clips of {options.frames} frames, {size_text(size)}, "
            f"seed {options.seed}; needed are 1 clip or more in each split, 16 frames or more, even sizes of 32 or "
            "more, a seed of 0 or more"
        )
    render = lambda partial: _render(partial, options, processes)
    render_once(Path(folder).absolute(), {"vidor_world": WORLD}, options, render)


def _render(folder: Path, options: VidorRenderOptions, processes: int) -> None:
    for split, split_folder in SPLIT_FOLDERS.items():
        (folder / "annotation" / split_folder / VIDEO_FOLDER).mkdir(parents=True)
        (folder / "video" / VIDEO_FOLDER).mkdir(parents=True, exist_ok=True)
        tasks = [(split, clip) for clip in range(options.clips(split))]
        render_clips(functools.partial(_render_clip, folder, options), tasks, processes)


def _render_clip(folder: Path, options: VidorRenderOptions, task: tuple[str, int]) -> None:
    """Writes the video and the annotation of `task`, (split, number of the clip)."""
    split, clip = task
    height, width = options.size
    rng = np.random.default_rng([options.seed, list(SPLIT_FOLDERS).index(split), clip])
    interactions = [_INTERACTIONS[clip % len(_INTERACTIONS)]]
    if rng.random() < 0.4:
        interactions.append(_INTERACTIONS[rng.integers(len(_INTERACTIONS))])
    scene = plan_scene(rng, interactions, (height, width), options.frames)
    tids = sorted(rng.choice(3 * len(scene.names), len(scene.names), replace=False).tolist())  # with gaps
    pictures, trajectories = [], []
    for rgb, owners in scene.clip.frames():
        pictures.append(rgb)
        trajectories.append(
            [_box(tid, owners == owner) for owner, tid in enumerate(tids, 1) if (owners == owner).any()]
        )
    video_id = f"{'12'[split == 'test']}{options.seed:03d}{clip:06d}"
    a2d_files.write_clip(folder / "video" / VIDEO_FOLDER / f"{video_id}.mp4", pictures)
    annotation = {
        "version": "rendered", "video_id": video_id, "video_hash": "", "video_path": f"{VIDEO_FOLDER}/{video_id}.mp4",
        "frame_count": len(pictures), "fps": float(a2d_files.FRAME_RATE),
        "width": width, "height": height,
        "subject/objects": [
            {"tid": tid, "category": _CATEGORIES[name]} for tid, name in zip(tids, scene.names, strict=True)
        ],
        "trajectories": trajectories,
        "relation_instances": [
            {"subject_tid": tids[subject], "object_tid": tids[other], "predicate": predicate,
             "begin_fid": begin, "end_fid": end}
            for subject, predicate, other, begin, end in scene.relations
        ],
    }  # fmt: skip
    annotations = folder / "annotation" / SPLIT_FOLDERS[split] / VIDEO_FOLDER
    (annotations / f"{video_id}.json").write_text(json.dumps(annotation))


def _box(tid: int, mask: Bool[np.ndarray, "H W"]) -> dict[str, Any]:
    """The bounding box of a mask that is not empty, as VidOR's JSON."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    corners = {"xmin": columns[0], "ymin": rows[0], "xmax": columns[-1] + 1, "ymax": rows[-1] + 1}
    return {"tid": tid, "bbox": {key: int(value) for key, value in corners.items()}, "generated": 0, "tracker": "none"}


def main() -> int:
    """Runs the command line and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, help="folder of the new release")
    for name, default in (("seed", 0), ("train_clips", 400), ("test_clips", 60), ("frames", 48), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--width", type=int, default=128)
    args = parser.parse_args()
    options = VidorRenderOptions(
        seed=args.seed, train_clips=args.train_clips, test_clips=args.test_clips,
        size=(args.height, args.width), frames=args.frames,
    )  # fmt: skip
    return run_command(lambda: render_vidor(args.folder, options, args.processes))


if __name__ == "__main__":
    sys.exit(main())
