"""From the tracks of a video to instance numbers per pixel, and to the rows of who does what when."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import UInt16

from input_pipeline.exports.labelled import LabelledVideo, Shape, Size, Track
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils.errors import InputError

_MOST_NUMBERS = (1 << 16) - 1
Done = tuple[int, str]  # a track's number, and an action


@dataclasses.dataclass(frozen=True)
class FrameLabel:
    """The label of a frame.

    Attributes:
        frame: As the export counts.
        numbers: An instance number for every pixel, 0 = background, 255 = ignored.
        actions: The action of every instance that can be seen.
        without_action: Names of the tracks that are ignored in this frame, as their action isn't known.
        hidden: Names of the tracks that others cover completely.
        is_interpolated: Whether the tool drew all shapes between others.
        is_predicted: Whether no shape was drawn by a person, and some were predicted.
        has_boxes: Whether a shape is a filled box.
    """

    frame: int
    numbers: UInt16[np.ndarray, "H W"]
    actions: Mapping[int, str]
    without_action: Sequence[str]
    hidden: Sequence[str]
    is_interpolated: bool
    is_predicted: bool
    has_boxes: bool


@dataclasses.dataclass(frozen=True)
class Row:
    """What an instance does from one frame to another, both included."""

    number: int
    actor: str
    action: str
    first: int
    last: int


def number_tracks(video: LabelledVideo) -> dict[int, Track]:
    """The tracks of a video by the numbers that stand for them in PNGs: from 1, without 255, which is ignored."""
    tracks = [track for track in video.tracks if track.actor is not None]
    numbers = [number for number in range(1, len(tracks) + 2) if number != IGNORE][: len(tracks)]
    if numbers and numbers[-1] > _MOST_NUMBERS:
        raise InputError(
            f"{video.place}: {video.name} has {len(tracks)} tracks; at most {_MOST_NUMBERS - 1} are possible"
        )
    return dict(zip(numbers, tracks, strict=True))


def draw_frames(video: LabelledVideo, frames: Collection[int], size: Size, problems: list[str]) -> Iterator[FrameLabel]:
    """Yields the labels of frames. One with a shape that can't be drawn is left out and named in `problems`."""
    number_of = {id(track): number for number, track in number_tracks(video).items()}
    by_frame: dict[int, list[tuple[int, Track, Shape]]] = {frame: [] for frame in frames}
    for track in video.tracks:
        for frame in track.shapes.keys() & by_frame.keys():
            by_frame[frame] += [(number_of.get(id(track), IGNORE), track, shape) for shape in track.shapes[frame]]
    for frame, shapes in by_frame.items():
        try:
            yield _draw(frame, sorted(shapes, key=lambda entry: entry[2].layer), size)
        except InputError as error:
            problems.append(f"{video.place}: {video.name}, frame {frame} is not labelled: {error}")


def _draw(frame: int, shapes: Sequence[tuple[int, Track, Shape]], size: Size) -> FrameLabel:
    numbers = np.zeros(size, np.uint16)
    actions: dict[int, str] = {}
    without: list[str] = []
    for number, track, shape in shapes:
        try:
            mask = shape.draw(size)
        except InputError as error:
            raise InputError(f"{track.name}: {error}") from error
        if shape.action is None or number == IGNORE:
            numbers[mask] = IGNORE
            without += [track.name] if number != IGNORE else []
            continue
        if actions.setdefault(number, shape.action) != shape.action:
            raise InputError(
                f"{track.name}: does {actions[number]!r} and {shape.action!r}; a pixel can have one action"
            )
        numbers[mask] = number
    seen = set(np.unique(numbers).tolist())
    hidden = [track.name for number, track, shape in shapes if shape.action is not None and number not in seen]
    return FrameLabel(
        frame,
        numbers,
        {number: action for number, action in actions.items() if number in seen},
        without,
        list(dict.fromkeys(hidden)),
        bool(shapes) and all(shape.is_interpolated for _, _, shape in shapes),
        _is_predicted([shape for _, _, shape in shapes]),
        any(shape.is_box for _, _, shape in shapes),
    )


def _is_predicted(shapes: Sequence[Shape]) -> bool:
    predicted = [shape.is_predicted for shape in shapes]
    return any(predicted) and all(shape.is_predicted or shape.is_interpolated for shape in shapes)


def find_rows(tracks: Mapping[int, Track], actions: Mapping[int, Mapping[int, str]]) -> list[Row]:
    """The rows of a video.

    Args:
        tracks: By number.
        actions: What the instances do that can be seen, by the position of the labelled frame and number.
    """
    rows = []
    for number, track in tracks.items():
        done = [(frame, actions[frame][number]) for frame in sorted(actions) if number in actions[frame]]
        start = 0
        for place, (frame, action) in enumerate(done):
            if place + 1 == len(done) or done[place + 1][1] != action:
                rows.append(Row(number, track.actor or "", action, done[start][0], frame))
                start = place + 1
    return rows
