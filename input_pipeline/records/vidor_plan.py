"""Chooses the clips of a release in VidOR's layout. No framework in here."""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from input_pipeline.records.options import VidorOptions
from input_pipeline.releases import vidor

STEPS = (1, 2)  # every frame, or every second frame


@dataclasses.dataclass(frozen=True, order=True)
class ClipSpan:
    """The frames of a clip: every `step`-th frame of a video from `start` on, counted from 0."""

    start: int
    step: int


VideoPlan = tuple[Path, tuple[ClipSpan, ...]]  # the annotation of a video, and the clips that are taken from it
Plan = dict[Path, tuple[ClipSpan, ...]]


@dataclasses.dataclass(frozen=True)
class Outline:
    """The parts of an annotation that choosing clips needs."""

    path: Path
    frames: int
    relations: tuple[tuple[int, int, int], ...]  # (predicate, begin, end)


def read_outline(path: Path, root: Path, options: VidorOptions) -> Outline:
    """Reads the outline of the annotation in `path`. Raises InputError if it can't be used."""
    annotation = vidor.read_annotation(path, root, spatial=options.spatial)
    relations = tuple((relation.predicate, relation.begin, relation.end) for relation in annotation.relations)
    return Outline(path, len(annotation.boxes), relations)


def draw_evenly(outlines: Sequence[Outline], clips: int, clip_frames: int, seed: int) -> Plan:
    """Draws clips so that every predicate of `outlines` is drawn equally often.

    For a predicate, one of its relations is drawn, then a moment of the relation, which becomes the clip's middle, and
    a step of `STEPS` for which the video is long enough. The result has fewer than `clips` clips where the same clip
    is drawn twice.
    """
    relations: dict[int, list[tuple[Outline, int, int]]] = {}
    for outline in outlines:
        for predicate, begin, end in outline.relations:
            relations.setdefault(predicate, []).append((outline, begin, end))
    rng = np.random.default_rng(seed)
    plan: dict[Path, set[ClipSpan]] = {}
    deck: list[int] = []
    predicates = sorted(relations)
    for _ in range(clips if predicates else 0):
        deck = deck or rng.permutation(predicates).tolist()
        choices = relations[deck.pop()]
        outline, begin, end = choices[rng.integers(len(choices))]
        steps = [step for step in STEPS if (clip_frames - 1) * step < outline.frames] or [1]
        step = int(rng.choice(steps))
        length = (clip_frames - 1) * step + 1
        start = int(rng.integers(begin, end)) - length // 2
        plan.setdefault(outline.path, set()).add(ClipSpan(max(0, min(start, outline.frames - length)), step))
    return {path: tuple(sorted(spans)) for path, spans in sorted(plan.items())}


def space_evenly(outlines: Iterable[Outline], clips_per_video: int, clip_frames: int) -> Plan:
    """For every video up to `clips_per_video` clips with step 1, spread over its length without overlap."""
    plan = {}
    for outline in outlines:
        count = max(1, min(clips_per_video, outline.frames // clip_frames))
        room = max(0, outline.frames - clip_frames)
        starts = [room // 2] if count == 1 else np.rint(np.linspace(0, room, count)).astype(int).tolist()
        plan[outline.path] = tuple(ClipSpan(start, 1) for start in starts)
    return plan
