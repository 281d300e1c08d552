"""Clips of a release in VidOR's layout: which ones are taken, and the records of one video's. No framework in here."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.records import clip_record
from input_pipeline.releases import vidor
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.video.optical_flow import FlowTrack
from ssa2d_jax.video.reader import probe, read_frames

STEPS = (1, 2)  # every frame, or every second one
_SLACK = 0.02  # share of a video's frames by which its container may disagree with the annotation


@dataclasses.dataclass(frozen=True)
class Clip:
    """Every `step`-th frame of a video from `start` (from 0) on."""

    start: int
    step: int


Planned = tuple[Path, tuple[Clip, ...]]  # a video's annotation, and what is taken of it


@dataclasses.dataclass(frozen=True)
class Outline:
    """What choosing clips needs of an annotation: frames, and (predicate, begin, end) of every relation."""

    path: Path
    frames: int
    relations: tuple[tuple[int, int, int], ...]


@dataclasses.dataclass(frozen=True)
class Options:
    """How records are made; see configs/default.py."""

    release: Path
    clip_frames: int
    labels_per_clip: int
    store_height: int
    jpeg_quality: int
    flow: str
    flow_height: int
    spatial: bool


def outline(path: Path, options: Options) -> Outline:
    """The outline of the annotation in `path`; InputError if it can't be used."""
    one = vidor.read_annotation(path, options.release, spatial=options.spatial)
    return Outline(path, len(one.boxes), tuple((r.predicate, r.begin, r.end) for r in one.relations))


def drawn_evenly(outlines: Sequence[Outline], clips: int, clip_frames: int, seed: int) -> dict[Path, tuple[Clip, ...]]:
    """About `clips` clips, drawn evenly over the predicates that occur: one of its instances, a moment in it.

    Step 1 or 2, as far as the video is long enough. A clip that is drawn twice is taken once.
    """
    instances: dict[int, list[tuple[Outline, int, int]]] = {}
    for one in outlines:
        for predicate, begin, end in one.relations:
            instances.setdefault(predicate, []).append((one, begin, end))
    rng, drawn, deck = np.random.default_rng(seed), {}, []
    predicates = sorted(instances)
    for _ in range(clips if predicates else 0):
        deck = deck or rng.permutation(predicates).tolist()
        choices = instances[deck.pop()]
        one, begin, end = choices[rng.integers(len(choices))]
        steps = [step for step in STEPS if (clip_frames - 1) * step < one.frames] or [1]
        step = int(rng.choice(steps))
        span = (clip_frames - 1) * step + 1
        start = int(rng.integers(begin, end)) - span // 2
        drawn.setdefault(one.path, set()).add(Clip(max(0, min(start, one.frames - span)), step))
    return {
        path: tuple(sorted(clips, key=lambda clip: (clip.start, clip.step))) for path, clips in sorted(drawn.items())
    }


def evenly_spaced(outlines: Iterable[Outline], clips_per_video: int, clip_frames: int) -> dict[Path, tuple[Clip, ...]]:
    """For every video up to `clips_per_video` clips at step 1 that don't overlap, spread over its length."""
    plan = {}
    for one in outlines:
        count = max(1, min(clips_per_video, one.frames // clip_frames))
        room = max(0, one.frames - clip_frames)
        starts = [room // 2] if count == 1 else np.rint(np.linspace(0, room, count)).astype(int).tolist()
        plan[one.path] = tuple(Clip(start, 1) for start in starts)
    return plan


def records(planned: Planned, options: Options) -> list[tuple[str, dict[str, Any]]]:
    """(key, clip record) of every planned clip of one video; InputError if annotation or video can't be used.

    Where the container ends a little before the annotation does (`_SLACK`), the last clip is so much shorter.
    """
    path, clips = planned
    one = vidor.read_annotation(path, options.release, spatial=options.spatial)
    numbers = {clip: _numbers(clip, options.clip_frames, len(one.boxes)) for clip in clips}
    frames, flow = _read(path, one, numbers, options)
    numbers = {clip: [n for n in taken if n in frames] for clip, taken in numbers.items()}
    actions = len(vidor.predicates(options.spatial))
    made = []
    for clip, taken in numbers.items():
        if not taken:
            continue
        positions = sorted(
            {int((i + 0.5) * len(taken) / options.labels_per_clip) for i in range(options.labels_per_clip)}
        )
        kept = dataclasses.replace(one, relations=_long_enough(one, taken))
        regions = [vidor.regions(kept, taken[position], actions) for position in positions]
        window = clip_record.Window(tuple(positions), 0, len(taken) - 1)
        record = clip_record.encode(one.video_id, window, [frames[n] for n in taken], flow[clip], regions)
        record["first_frame"] = clip.start
        record["label_frame"] = np.array([taken[position] + 1 for position in positions], np.int64)
        made.append((f"{path.parent.name}-{path.stem}:{clip.start:06d}:{clip.step}", record))
    return made


def records_of_video(planned: Planned, *, folder: Path, options: Options) -> list[tuple[str, dict[str, Any]]]:
    """`records`, and a note in `folder` of what came of it; a video that can't be used gives none."""
    try:
        made = records(planned, options)
    except (InputError, OSError, ValueError) as error:
        note(folder, planned[0], {"problem": str(error)})
        return []
    sizes = [record["label_size"].tolist() for _, record in made]
    counts = [len(record["label_frame"]) for _, record in made]
    note(folder, planned[0], {"labels": counts, "size": np.max(sizes, axis=0).tolist()})
    return made


def part(folder: Path, annotation: Path) -> Path:
    """Where the finished records of a video are kept in `folder`; its note is beside it."""
    return folder / f"{annotation.parent.name}-{annotation.stem}.tfrecord"


def note(folder: Path, annotation: Path, what: dict[str, Any]) -> None:
    """Writes what came of a video, as JSON."""
    path = part(folder, annotation).with_suffix(".json")
    replace_text(path, json.dumps(what | {"video": annotation.stem}))


def _numbers(clip: Clip, clip_frames: int, frames: int) -> list[int]:
    """The frames (from 0) that a clip takes, as far as the video has them."""
    return [n for n in range(clip.start, clip.start + clip_frames * clip.step, clip.step) if n < frames]


def _long_enough(one: vidor.Annotation, taken: Sequence[int]) -> list[vidor.Relation]:
    """The relations whose predicate is seen (someone in the picture does it) in half of the `taken` frames at least."""
    seen: dict[int, set[int]] = {}
    for relation in one.relations:
        frames = (n for n in taken if relation.begin <= n < relation.end and relation.subject in one.boxes[n])
        seen.setdefault(relation.predicate, set()).update(frames)
    return [relation for relation in one.relations if 2 * len(seen[relation.predicate]) >= len(taken)]


def _read(
    path: Path, one: vidor.Annotation, numbers: Mapping[Clip, Sequence[int]], options: Options
) -> tuple[dict[int, bytes], dict[Clip, list[bytes]]]:
    """Every frame that a clip takes as JPEG, and every clip's flow as PNG (none where it isn't wanted)."""
    if not one.video.is_file():
        raise InputError(f"{one.video}: no such file, though {path} names it")
    announced = probe(one.video).frames
    if announced and abs(announced - len(one.boxes)) > 1 + _SLACK * len(one.boxes):
        raise InputError(f"{one.video}: has {announced} frames, {path} describes {len(one.boxes)}")
    wanted = {n for taken in numbers.values() for n in taken}
    frames: dict[int, bytes] = {}
    tracks = {clip: FlowTrack(options.flow, 1, options.flow_height) for clip in numbers if options.flow}
    flow: dict[Clip, list[np.ndarray]] = {clip: [] for clip in numbers}
    after = {clip: taken[-1] + clip.step for clip, taken in numbers.items()}  # gives the last frame its flow
    needed = sorted(wanted | (set(after.values()) & set(range(len(one.boxes))) if options.flow else set()))
    # One thread: processes run side by side.
    for n, frame in zip(needed, read_frames(one.video, threads=1, numbers=set(needed)), strict=False):
        if frame.rgb.shape[:2] != one.size:
            sizes = "{1}x{0}, {2} describes {4}x{3}".format(*frame.rgb.shape[:2], path, *one.size)
            raise InputError(f"{one.video}: frame {n} is {sizes}")
        if n in wanted:
            frames[n] = clip_record.jpeg(
                frame.rgb, store_height=options.store_height, jpeg_quality=options.jpeg_quality
            )
        for clip, track in tracks.items():
            if n in numbers[clip] or n == after[clip]:
                ready = track.add(frame.rgb)
                flow[clip] += [] if ready is None else [ready]
    missing = min(wanted - frames.keys(), default=len(one.boxes))
    if not frames or len(one.boxes) - missing > 1 + _SLACK * len(one.boxes):
        raise InputError(f"{one.video}: ends before frame {missing}, {path} describes {len(one.boxes)}")
    for clip, track in tracks.items():
        flow[clip] = (flow[clip] + track.finish())[: sum(n in frames for n in numbers[clip])]
    return frames, {clip: [clip_record.flow_png(each) for each in flow[clip]] for clip in flow}
