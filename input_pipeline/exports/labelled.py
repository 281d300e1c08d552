"""What every labelling tool's export says, in one form: videos, the tracks in them, and a track's shapes by frame."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from jaxtyping import Bool

from ssa2d_jax.utils.text import first_few, plural

MOST_FRAMES = 1_000_000  # of a video: eleven hours
Size = tuple[int, int]  # height, width
Draw = Callable[[Size], Bool[np.ndarray, "H W"]]


@dataclasses.dataclass(frozen=True)
class Shape:
    """An area that a track covers in a frame.

    Attributes:
        draw: Draws the area as the tool does into a frame of a size. Raises InputError if that is impossible.
        action: What the track does in this frame; None where the export doesn't say it.
        layer: Shapes of a higher layer cover those of a lower one; in the same layer the later track is on top.
        is_interpolated: Whether the tool drew it between the shapes of a person.
        is_box: Whether it is a filled rectangle.
        is_predicted: Whether a network drew it, or it was imported, and no person has changed it.
    """

    draw: Draw
    action: str | None = None
    layer: tuple[int, ...] = ()
    is_interpolated: bool = False
    is_box: bool = False
    is_predicted: bool = False


@dataclasses.dataclass(frozen=True)
class Track:
    """An instance: what messages call it, its actor class (None: its pixels are ignored), and its shapes by frame."""

    name: str
    actor: str | None
    shapes: Mapping[int, Sequence[Shape]]


@dataclasses.dataclass(frozen=True)
class LabelledVideo:
    """A video of an export.

    Attributes:
        name: The name of the video's file without its ending, or of the folder of its pictures.
        place: The file with its labels, for messages.
        tracks: In the order in which they are drawn.
        size: Height and width of the labels; None if the export doesn't say it.
        pictures: Names of the pictures by frame, where the labels name them; they may lie in the export.
        has_exact_pictures: Whether `pictures` are names in the export, so that no other picture is meant by one that
            isn't there.
        label_files: Names in the export of pictures that are labels, and so no frames of the video.
        has_video_numbers: Whether frames have the numbers of the video's frames, counted from 0; else they have the
            numbers that the pictures have in their names.
        empty: Frames that a person has seen and left empty.
        unknown: Frames in which a track is not known, with the reason; they are not labelled.
        count: The number of frames that the tool has counted in the video's file; None if the export doesn't say it.
        last: The last of the video's frames that the tool shows, which need not be its end; None if it isn't known.
        split: "train", "test" or, if the export doesn't divide the videos, "".
        is_part: Whether the tool shows a part of the video, as a job.
        missing_pictures: Where the pictures are that can't be used, in words.
    """

    name: str
    place: str
    tracks: Sequence[Track]
    size: Size | None = None
    pictures: Mapping[int, str] = dataclasses.field(default_factory=dict)
    has_video_numbers: bool = False
    empty: Sequence[int] = ()
    label_files: Collection[str] = ()
    unknown: Mapping[int, str] = dataclasses.field(default_factory=dict)
    count: int | None = None
    last: int | None = None
    split: str = ""
    has_exact_pictures: bool = False
    is_part: bool = False
    missing_pictures: str = ""

    def frames(self) -> list[int]:
        """The labelled frames, in order."""
        shown = {frame for track in self.tracks for frame in track.shapes}
        return sorted((shown | set(self.empty)) - self.unknown.keys())


@dataclasses.dataclass(frozen=True)
class Export:
    """What a reader understood.

    Attributes:
        tool: The tool and its format, for the report.
        videos: At least one.
        action: Where the actions come from, in words.
        remarks: What was guessed, merged or left out, in words.
    """

    tool: str
    videos: Sequence[LabelledVideo]
    action: str
    remarks: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """What the user says about an export: `config.convert`.

    Attributes:
        tool: Name of its format in `READERS`; "" recognises it.
        action_attribute: The attribute that is the action; "" guesses it.
        table: A csv file of who does what when, for exports that have no actions; "" for none.
    """

    tool: str = ""
    action_attribute: str = ""
    table: str = ""


def left_out_remarks(kinds: Mapping[str, Sequence[str]]) -> list[str]:
    """Remarks about shapes that cover no area; `kinds` has the place of each."""
    return [
        f"{plural(len(places), 'shape')} of kind {kind!r} left out, whose pixels are background, or what else is drawn "
        f"there: only areas can be learned. Draw the object as an area, too: {first_few(list(dict.fromkeys(places)))}"
        for kind, places in kinds.items()
    ]
