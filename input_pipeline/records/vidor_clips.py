"""Makes the clip records of one video of a release in VidOR's layout. No framework in here."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from input_pipeline.records import clip_record, vidor_notes
from input_pipeline.records.clip_record import Record
from input_pipeline.records.options import VidorOptions
from input_pipeline.records.vidor_plan import ClipSpan, VideoPlan
from input_pipeline.releases import vidor
from input_pipeline.releases.regions import turned_hint
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural, size_text
from ssa2d_jax.video.optical_flow import FlowTrack
from ssa2d_jax.video.reader import Frame, probe, read_frames

_SLACK = 0.02  # the lengths of video and annotation may differ by this share (and one frame)


def records_of_video(plan: VideoPlan, *, folder: Path, root: Path, options: VidorOptions) -> list[tuple[str, Record]]:
    """`make_records`, with a note of the result in `folder`; empty for a video that can't be used."""
    annotation, _ = plan
    try:
        records, remark = make_records(plan, root, options)
    except (InputError, OSError, ValueError) as error:
        vidor_notes.note_problem(folder, annotation, error)
        return []
    vidor_notes.note_records(folder, annotation, [record for _, record in records], remark)
    return records


def make_records(plan: VideoPlan, root: Path, options: VidorOptions) -> tuple[list[tuple[str, Record]], str]:
    """Makes the (key, record) of every planned clip of one video, and says what is unusual about the video ("").

    Where the video ends a little earlier than its annotation, the last clip is shorter.

    Raises:
        InputError, OSError, ValueError: the annotation or the video can't be used.
    """
    path, spans = plan
    annotation = vidor.read_annotation(path, root, spatial=options.spatial)
    remark = _check_length(path, annotation)
    planned = {span: _frame_numbers(span, options.clip_frames, len(annotation.boxes)) for span in spans}
    frames, flow = _read(path, annotation, planned, options)
    records = []
    for span, planned_numbers in planned.items():
        numbers = [number for number in planned_numbers if number in frames]
        if numbers:
            key = f"{path.parent.name}-{path.stem}:{span.start:06d}:{span.step}"
            encoded = [frames[number] for number in numbers]
            records.append((key, _record(annotation, numbers, encoded, flow[span], options)))
    return records, remark


def _record(
    annotation: vidor.Annotation,
    numbers: Sequence[int],
    frames: Sequence[bytes],
    flow: Sequence[bytes],
    options: VidorOptions,
) -> Record:
    """The record of a clip with the frames `numbers` of the video; its labelled frames are evenly spaced."""
    spacing = len(numbers) / options.labels_per_clip
    positions = sorted({int((i + 0.5) * spacing) for i in range(options.labels_per_clip)})
    actions = len(vidor.predicates(options.spatial))
    long_enough = dataclasses.replace(annotation, relations=_visible_relations(annotation, numbers))
    regions = [vidor.regions(long_enough, numbers[position], actions) for position in positions]
    window = clip_record.Window(tuple(positions), 0, len(numbers) - 1)  # counted in the clip, not in the video
    record = clip_record.encode(annotation.video_id, window, frames, flow, regions)
    record["first_frame"] = numbers[0]
    record["label_frame"] = np.array([numbers[position] + 1 for position in positions], np.int64)
    return record


def _frame_numbers(span: ClipSpan, clip_frames: int, frames: int) -> list[int]:
    """The frames of a clip, from 0, without those beyond the `frames` frames of the video."""
    return list(range(span.start, min(span.start + clip_frames * span.step, frames), span.step))


def _visible_relations(annotation: vidor.Annotation, numbers: Sequence[int]) -> list[vidor.Relation]:
    """The relations of all predicates that can be seen in at least half of the frames `numbers`.

    A predicate is seen in a frame if the subject of one of its relations has a box there.
    """
    seen: dict[int, set[int]] = {}
    for relation in annotation.relations:
        frames = (n for n in numbers if relation.begin <= n < relation.end and relation.subject in annotation.boxes[n])
        seen.setdefault(relation.predicate, set()).update(frames)
    return [relation for relation in annotation.relations if 2 * len(seen[relation.predicate]) >= len(numbers)]


class _ClipFlow:
    """Estimates the flow from each frame of a clip to its next frame."""

    def __init__(self, numbers: Sequence[int], step: int, options: VidorOptions):
        self.numbers = {*numbers, numbers[-1] + step}  # the last frame of the clip needs the frame after it
        self._track = FlowTrack(options.flow, 1, options.flow_height)
        self._flow: list[np.ndarray] = []

    def add(self, frame: Frame) -> None:
        """Adds the next frame of the video; ignores frames that are not in the clip."""
        if frame.number in self.numbers:
            ready = self._track.add(frame.rgb)
            self._flow += [] if ready is None else [ready]

    def finish(self, count: int) -> list[bytes]:
        """The encoded flow of the `count` frames that the clip has."""
        return [clip_record.encode_flow(packed) for packed in (self._flow + self._track.finish())[:count]]


def _read(
    path: Path, annotation: vidor.Annotation, planned: Mapping[ClipSpan, Sequence[int]], options: VidorOptions
) -> tuple[dict[int, bytes], dict[ClipSpan, list[bytes]]]:
    """Reads the frames of the planned clips.

    Returns:
        Every frame by its number as JPEG, and the flow of every clip as PNG (empty if the records have no flow).
    """
    length = len(annotation.boxes)
    flows = {span: _ClipFlow(numbers, span.step, options) for span, numbers in planned.items()} if options.flow else {}
    in_clips = {number for numbers in planned.values() for number in numbers}
    needed = in_clips.union(*(flow.numbers for flow in flows.values())) & set(range(length))
    frames: dict[int, bytes] = {}
    # One thread: several processes read videos at the same time.
    for frame in read_frames(annotation.video, threads=1, numbers=needed, strict=True):
        _check_size(path, annotation, frame)
        if frame.number in in_clips:
            frames[frame.number] = clip_record.encode_frame(
                frame.rgb, store_height=options.store_height, jpeg_quality=options.jpeg_quality
            )
        for flow in flows.values():
            flow.add(frame)
        if frame.number == max(needed):
            break  # what is damaged behind it is of no interest
    first_missing = min(in_clips - frames.keys(), default=length)
    if not frames or length - first_missing > 1 + _SLACK * length:
        raise InputError(f"{annotation.video}: ends before frame {first_missing}, but {path} describes {length} frames")
    counts = {span: sum(number in frames for number in numbers) for span, numbers in planned.items()}
    empty: dict[ClipSpan, list[bytes]] = {span: [] for span in planned}
    return frames, empty | {span: flow.finish(counts[span]) for span, flow in flows.items()}


def _check_length(path: Path, annotation: vidor.Annotation) -> str:
    """Compares the numbers of frames of a video and its annotation.

    If the container states another number than the annotation, the frames are counted: a video that was trimmed without
    encoding it again has frames that are not shown, which some containers count, too.

    Returns:
        A remark if the container's number is wrong, else "".

    Raises:
        InputError: The video is missing or has another number of frames.
    """
    video, described = annotation.video, len(annotation.boxes)
    if not video.is_file():
        raise InputError(f"{video}: no such file, but {path} names it")
    announced = probe(video).frames
    if not announced or _is_about(announced, described):
        return ""
    count = sum(1 for _ in read_frames(video, threads=1))
    if not _is_about(count, described):
        raise InputError(f"{video}: has {plural(count, 'frame')}, but {path} describes {described}")
    stated = plural(announced, "frame")
    return f"{video}: the file states {stated}, but {count} can be read: used, since {path} has {described}"


def _is_about(count: int, described: int) -> bool:
    return abs(count - described) <= 1 + _SLACK * described


def _check_size(path: Path, annotation: vidor.Annotation, frame: Frame) -> None:
    shape = frame.rgb.shape
    if shape[:2] != annotation.size:
        raise InputError(
            f"{annotation.video}: frame {frame.number} is {size_text(shape)}, "
            f"but {path} describes {size_text(annotation.size)}{turned_hint(annotation.size, shape)}"
        )
