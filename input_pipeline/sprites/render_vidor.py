"""Renders a release in VidOR's layout: figures that do things to one another, with boxes and relations.

python -m input_pipeline.sprites_vidor --folder data/sprites_vidor/Release --train_clips 400 --test_clips 60
"""

import argparse
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from input_pipeline.releases.vidor import FOLDERS
from input_pipeline.sprites import a2d_files
from input_pipeline.sprites.motion import motion
from input_pipeline.sprites.rendered_folder import render_once
from input_pipeline.sprites.world import Clip, Sprite, background, camera, look
from input_pipeline.workers import run_tasks
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.utils.errors import InputError

WORLD = 1  # goes up whenever the same seed draws other clips
PLACE = "0000"  # the one folder of videos
_NAMES = {name: name for name in A2D.actors} | {"ball": "ball/sports_ball"}
_ACTOR = {name: number for number, name in enumerate(A2D.actors)}
_ACTION = {name: number for number, name in enumerate(A2D.actions)}
_SIZES = {"adult": (0.5, 0.75), "baby": (0.4, 0.55), "ball": (0.16, 0.22), "bird": (0.25, 0.35), "car": (0.45, 0.65),
          "cat": (0.35, 0.45), "dog": (0.4, 0.5)}  # fmt: skip
_FOOT = {"adult": 0.5, "baby": 0.5, "ball": 0.5, "bird": 0.3, "car": 0.25, "cat": 0.33, "dog": 0.33}
_PEOPLE, _ANIMALS = ("adult", "baby"), ("cat", "dog")


class _Interplay(NamedTuple):
    """Who does what to whom: how subject and object move, where the object is, in sizes of the subject.

    `place(t, subject's x, speed)` -> the object's distance (x, y) from the subject's middle, both [F], facing right.
    """

    predicates: tuple[str, ...]
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    subject_does: str
    object_does: str
    speed: float  # of the subject, frame heights a frame
    place: Callable[[np.ndarray], tuple[Any, Any]] | None  # None: beside it on the ground, `gap` ahead
    gap: float = 0.0  # frame heights
    still: tuple[str, ...] | None = None  # predicates while all stand still; None: they never do


_HELD = lambda t: (0.24, 0.08)  # noqa: E731
_INTERPLAYS = (
    _Interplay(("chase", "watch"), (*_PEOPLE, *_ANIMALS), ("bird", *_ANIMALS), "running", "running", 0.02, None,
               gap=0.45, still=("watch",)),
    _Interplay(("watch",), (*_PEOPLE, *_ANIMALS), ("bird", *_ANIMALS), "none", "none", 0.0, None, gap=0.45),
    _Interplay(("push",), _PEOPLE, ("car",), "walking", "running", 0.008, None, gap=0.4, still=("lean_on",)),
    _Interplay(("lean_on",), _PEOPLE, ("car",), "none", "none", 0.0, None, gap=0.4),
    _Interplay(("hold",), _PEOPLE, ("ball",), "none", "none", 0.0, _HELD),
    _Interplay(("carry", "hold"), _PEOPLE, ("ball",), "walking", "none", 0.012, _HELD, still=("hold",)),
    _Interplay(("kick",), _PEOPLE, ("ball",), "none", "rolling", 0.0, lambda t: (0.3 + 0.4 * abs(_saw(t)), -0.38),
               still=()),
    _Interplay(("throw",), _PEOPLE, ("ball",), "none", "none", 0.0,
               lambda t: (0.24, 0.1 + 1.6 * abs(_saw(t)) * (1 - abs(_saw(t)))), still=()),
    _Interplay(("ride",), (*_PEOPLE, "dog"), ("car",), "none", "running", 0.015, lambda t: (0.0, None)),
    _Interplay(("bite",), _ANIMALS, ("ball",), "eating", "none", 0.0, lambda t: (0.5, -0.15)),
)  # fmt: skip
PREDICATES = tuple(sorted({name for one in _INTERPLAYS for name in (*one.predicates, *(one.still or ()))}))


def _saw(t: np.ndarray) -> np.ndarray:
    """From -1 to 1 and back again in 16 frames."""
    return 1 - 4 * np.abs((t / 16) % 1.0 - 0.5)


class Scene(Clip):
    """A clip of one or two interplays and now and then somebody who does nothing to anyone.

    `relations`: (subject, predicate, object, begin, end), subject and object being indices into `sprites`.
    """

    def __init__(self, rng: np.random.Generator, kinds: list[_Interplay], size: tuple[int, int], count: int):
        self.size = size
        times = np.arange(count) - count / 2
        self.camera = camera(rng, times)
        names, sprites, relations = [], [], []
        aspect = size[1] / size[0]
        for i, kind in enumerate(kinds):
            floor = -0.42 + 0.3 * i / max(1, len(kinds))
            begin, end = _span(rng, count) if kind.still is not None else (0, count)
            pair = _interplay(rng, kind, np.clip(np.arange(count), begin, end - 1) - count / 2, aspect, floor)
            spans = _spans(kind, begin, end, count)
            relations += [(len(sprites), name, len(sprites) + 1, *span) for name, span in spans.items()]
            names += [name for name, _ in pair]
            sprites += [sprite for _, sprite in pair]
        if rng.random() < 0.5:
            name = str(rng.choice(["adult", "bird", "cat", "dog"]))
            names.append(name)
            x = rng.uniform(-0.4, 0.4) * aspect
            sprites.append(_figure(rng, name, "walking", times, x, -0.1, int(rng.choice([-1, 1]))))
        # Painter's order as drawn here: what is held or kicked is before who does it.
        self.names, self.sprites, self.relations = names, sprites, relations
        self._background = background(rng, sprites, size)


def _span(rng: np.random.Generator, count: int) -> tuple[int, int]:
    """Frames in which they move: all of them, or all but a part at the beginning or end."""
    if rng.random() < 0.5:
        return 0, count
    cut = int(rng.integers(count // 4, count // 2))
    return (cut, count) if rng.random() < 0.5 else (0, count - cut)


def _spans(kind: _Interplay, begin: int, end: int, count: int) -> dict[str, tuple[int, int]]:
    """Frames of every predicate of an interplay that moves from `begin` to `end` - 1."""
    moving, still = (begin, end), (0, begin) if begin else (end, count)
    spans = dict.fromkeys(kind.predicates, moving)
    for name in kind.still or ():
        spans[name] = (0, count) if name in spans else still
    return {name: span for name, span in spans.items() if span[0] < span[1]}


def _interplay(
    rng: np.random.Generator, kind: _Interplay, times: np.ndarray, aspect: float, floor: float
) -> list[tuple[str, Sprite]]:
    """Subject and object: (name, sprite) each. `times` stand still where nothing happens."""
    subject, other = str(rng.choice(kind.subjects)), str(rng.choice(kind.objects))
    facing = int(rng.choice([-1, 1]))
    size, other_size = (rng.uniform(*_SIZES[name]) for name in (subject, other))
    travel = kind.speed * rng.uniform(0.8, 1.2) * times
    centre = rng.uniform(-0.25, 0.25) * aspect
    y = floor + _FOOT[subject] * size
    other_y = floor + _FOOT[other] * other_size
    if kind.place is None:
        ahead, other_y = kind.gap + 0.4 * (other_size - 0.4), np.full(times.shape, other_y)
    else:
        ahead, up = kind.place(times)
        ahead = ahead * size
        if up is None:  # on top of it
            y = other_y + 0.2 * other_size + 0.25 * size
            other_y = np.full(times.shape, other_y)
        else:
            other_y = y + up * size + 0.0 * times
    start = centre - facing * 0.5 * float(np.mean(ahead))
    one = _figure(rng, subject, kind.subject_does, times, start, y, facing, size, travel)
    two = _figure(rng, other, kind.object_does, times, start, 0.0, facing, other_size, travel + ahead, other_y)
    return [(subject, one), (other, two)]


def _figure(
    rng: np.random.Generator,
    name: str,
    does: str,
    times: np.ndarray,
    x: float,
    y: float,
    facing: int,
    size: float | None = None,
    forward: np.ndarray | None = None,
    height: np.ndarray | None = None,
) -> Sprite:
    """A figure that moves its limbs as `does`, at `x` + facing * `forward` and `y` + `height` (frame heights)."""
    size = size or rng.uniform(*_SIZES[name])
    poses = motion(_ACTOR[name], _ACTION[does], rng, times)
    if forward is not None:
        level = np.zeros(times.shape) if height is None else height
        tilts = [pose.tilt if name == "ball" else 0.0 for pose in poses]
        poses = [
            pose._replace(x=float(a) / size, y=float(b) / size, tilt=tilt, spread=False, fours=False, crouch=0.0)
            for pose, a, b, tilt in zip(poses, forward, level, tilts, strict=True)
        ]
    return Sprite(10 * _ACTOR[name] + _ACTION[does], size, x, y, facing, look(rng), poses)


def render_vidor(
    folder: str | Path,
    *,
    seed: int,
    train_clips: int,
    test_clips: int,
    size: tuple[int, int] = (96, 128),
    frames: int = 48,
    processes: int = 2,
) -> None:
    """Writes annotation/ and video/ of a rendered release in VidOR's layout to `folder`.

    `size` is (height, width) in pixels. The interplays are equally frequent in both splits. The annotations depend on
    the parameters alone, not on `processes`. The folder appears when it is whole; one that holds the same rendering
    is left as it is. Raises InputError for a size that can't be drawn and a folder that holds anything else.
    """
    if size[0] % 2 or size[1] % 2 or min(size) < 32 or frames < 16 or min(train_clips, test_clips) < 1 or seed < 0:
        raise InputError(
            f"sprites world: {train_clips} and {test_clips} clips of {frames} frames, {size[1]}x{size[0]}, "
            f"seed {seed}: needed are a clip for each split, 16 frames, even sizes from 32 up, and a seed from 0 up"
        )
    parameters = {
        "vidor_world": WORLD, "seed": seed, "train_clips": train_clips, "test_clips": test_clips,
        "size": list(size), "frames": frames,
    }  # fmt: skip
    render_once(Path(folder).absolute(), parameters, lambda partial: _render(partial, parameters, processes))


def _render(folder: Path, parameters: dict[str, Any], processes: int) -> None:
    for split, place in FOLDERS.items():
        (folder / "annotation" / place / PLACE).mkdir(parents=True)
        (folder / "video" / PLACE).mkdir(parents=True, exist_ok=True)
        tasks = [(split, index) for index in range(parameters[f"{split}_clips"])]
        run_tasks(functools.partial(_render_clip, folder, parameters), tasks, processes)


def _render_clip(folder: Path, parameters: dict[str, Any], task: tuple[str, int]) -> None:
    split, index = task
    height, width = parameters["size"]
    rng = np.random.default_rng([parameters["seed"], list(FOLDERS).index(split), index])
    kinds = [_INTERPLAYS[index % len(_INTERPLAYS)]]
    if rng.random() < 0.4:
        kinds.append(_INTERPLAYS[rng.integers(len(_INTERPLAYS))])
    scene = Scene(rng, kinds, (height, width), parameters["frames"])
    tids = sorted(rng.choice(3 * len(scene.names), len(scene.names), replace=False).tolist())  # with gaps
    pictures, trajectories = [], []
    for rgb, owners in scene.frames():
        pictures.append(rgb)
        trajectories.append(
            [_box(tid, owners == owner) for owner, tid in enumerate(tids, 1) if (owners == owner).any()]
        )
    video_id = f"{'12'[split == 'test']}{parameters['seed']:03d}{index:06d}"
    a2d_files.write_clip(folder / "video" / PLACE / f"{video_id}.mp4", pictures)
    annotation = {
        "version": "rendered", "video_id": video_id, "video_hash": "", "video_path": f"{PLACE}/{video_id}.mp4",
        "frame_count": len(pictures), "fps": float(a2d_files.FRAMES_A_SECOND),
        "width": width, "height": height,
        "subject/objects": [
            {"tid": tid, "category": _NAMES[name]} for tid, name in zip(tids, scene.names, strict=True)
        ],
        "trajectories": trajectories,
        "relation_instances": [
            {"subject_tid": tids[subject], "object_tid": tids[other], "predicate": predicate,
             "begin_fid": begin, "end_fid": end}
            for subject, predicate, other, begin, end in scene.relations
        ],
    }  # fmt: skip
    (folder / "annotation" / FOLDERS[split] / PLACE / f"{video_id}.json").write_text(json.dumps(annotation))


def _box(tid: int, mask: np.ndarray) -> dict[str, Any]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    corners = {"xmin": columns[0], "ymin": rows[0], "xmax": columns[-1] + 1, "ymax": rows[-1] + 1}
    return {"tid": tid, "bbox": {key: int(value) for key, value in corners.items()}, "generated": 0, "tracker": "none"}


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, help="where the release is written")
    for name, default in (("seed", 0), ("train_clips", 400), ("test_clips", 60), ("frames", 48), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--height", type=int, default=96)
    parser.add_argument("--width", type=int, default=128)
    args = vars(parser.parse_args())
    size = args.pop("height"), args.pop("width")
    try:
        render_vidor(**args, size=size)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; nothing was left behind", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
