"""Labels of one frame and of a whole clip, and their overlays."""

import dataclasses
import functools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from ssa2d_jax.data.box import Box
from ssa2d_jax.data.export_formats import split_formats
from ssa2d_jax.data.find_class import find_class
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.events import Course, FrameTimes, Observation, write_events
from ssa2d_jax.inference.exports.options import DEFAULT_EXPORT, ExportOptions
from ssa2d_jax.inference.exports.write import write_clip
from ssa2d_jax.inference.frame_labels import FrameLabels, unpack_actions
from ssa2d_jax.inference.tracker import MAX_GAP, MIN_AREA, MIN_FRAMES, Tracker, find_tracks
from ssa2d_jax.inference.tracks import Region, Track
from ssa2d_jax.utils.files import check_place
from ssa2d_jax.utils.images import resize
from ssa2d_jax.utils.text import first_few, plural, size_text
from ssa2d_jax.video.writer import VideoWriter
from ssa2d_jax.visualization.drawn_pairs import DrawnPairs, draw_pairs
from ssa2d_jax.visualization.enlarge import enlarge_labels, enlargement
from ssa2d_jax.visualization.overlay import MIN_NAMED_CONFIDENCE, MIN_NAMED_SHARE, draw_boxes, draw_overlay

OPACITY = 0.55


@dataclasses.dataclass(frozen=True, repr=False)
class FrameResult:
    """One frame and its labels.

    Attributes:
        index: of the frame, from 0.
        frame: RGB.
        pts: when the frame is shown, in ticks of `time_base` seconds; None: unknown.
        labels: label maps and their statistics.
        probabilities: on the network's own grid: actor classes, action classes, foreground.
        space: the classes.
        cut: whether a new shot begins here (see video/shot_boundaries.py).
    """

    index: int
    frame: UInt8[np.ndarray, "H W 3"]
    pts: int | None
    time_base: Fraction
    labels: FrameLabels
    probabilities: Float32[np.ndarray, "h w P"]
    space: LabelSpace
    cut: bool = False

    def __repr__(self) -> str:
        height, width = self.frame.shape[:2]
        time = "" if self.seconds is None else f" at {self.seconds:.2f} s"
        pixels = self.labels.pixels["joint"]
        largest = [j for j in np.argsort(-pixels[1:], kind="stable") + 1 if pixels[j]]
        names = [f"{self.space.joint[j]} {100 * pixels[j] / (height * width):.0f} %" for j in largest]
        return f"<FrameResult {self.index}{time}: {width}x{height}, {first_few(names, 3) or 'background only'}>"

    @property
    def seconds(self) -> float | None:
        """When the frame is shown; None if that is unknown."""
        return None if self.pts is None else float(self.pts * self.time_base)

    @property
    def actor(self) -> UInt8[np.ndarray, "H W"]:
        """Actor classes."""
        return self.labels.maps["actor"]

    @property
    def action(self) -> UInt8[np.ndarray, "H W"]:
        """Action classes; multi-label: the strongest of a pixel."""
        return self.labels.maps["action"]

    @property
    def joint(self) -> UInt8[np.ndarray, "H W"]:
        """Joint classes, numbers of `space.joint`; raises ValueError for multi-label classes."""
        if self.space.multilabel:
            raise ValueError("a pixel may have several actions here, so it has no single joint class; use `actions`")
        return self.labels.maps["joint"]

    @property
    def actions(self) -> Bool[np.ndarray, "H W A"]:
        """Which actions each pixel has; without the background: action class a is at a - 1."""
        if self.space.multilabel:
            return unpack_actions(self.labels.maps["actions"], self.space)
        return self.action[..., None] == np.arange(1, len(self.space.actions))

    def mask(self, name: str) -> Bool[np.ndarray, "H W"]:
        """Which pixels have a class, by its name: an actor ("dog"), an action ("running") or a pair ("dog-running").

        Raises:
            InputError: there is no such class; says which one may be meant.
        """
        kind, number = find_class(self.space, name)
        if not self.space.multilabel:
            return np.equal(self.labels.maps[kind], number)
        if kind == "actor":
            return self.actor == number
        if number == 0:
            return np.equal(self.action, 0)
        actor, action = self.space.pairs[number - 1] if kind == "joint" else (0, number)
        doing = self.actions[..., action - 1]
        return doing & (self.actor == actor) if kind == "joint" else doing

    def overlay(
        self, opacity: float = OPACITY, instances: Sequence[tuple[Track, Region]] | None = None, *, scale: int = 1
    ) -> UInt8[np.ndarray, "H2 W2 3"]:
        """Draws the labels, the actors' names and a legend on the frame.

        Args:
            opacity: of the labels, 0 to 1.
            instances: as `Tracker.add` returns them; boxes with the tracks' numbers replace the names.
            scale: the picture is this many times as large as the frame, by default as large. A small frame leaves
                little room for names; 0 = automatic, see `enlargement` in visualization/enlarge.py.
        """
        space = self.space
        height, width = self.frame.shape[:2]
        scale = enlargement(height, width, scale)
        frame = resize(self.frame, (scale * height, scale * width))
        if not space.multilabel:
            pairs = DrawnPairs(self.joint, space.joint, space.joint_colours, space.pairs)
        elif instances is None:
            pairs = draw_pairs(self.actor, self.actions, self.action, space)
        else:
            pairs = DrawnPairs(self.actor, space.actors, np.array(space.actor_colours, np.uint8), ())
        labels = enlarge_labels(pairs.map, scale)
        if instances is not None:
            picture = draw_overlay(frame, labels, pairs, opacity=opacity, names=False)
            return draw_boxes(picture, [_instance_box(track, region, space, scale) for track, region in instances])
        confidence = lambda number: self._pair_confidence(*pairs.pairs[number - 1])
        return draw_overlay(frame, labels, pairs, opacity=opacity, confidence=confidence)

    def _pair_confidence(self, actor: int, action: int) -> Float32[np.ndarray, "h w"]:
        """The product of the probabilities of an actor and an action class, on the network's own grid."""
        first_action = len(self.space.actors) - self.space.multilabel  # multi-label: the background has no output
        return self.probabilities[..., actor] * self.probabilities[..., first_action + action]


@dataclasses.dataclass(frozen=True, repr=False)
class Result:
    """The labels of a whole clip: one result for each frame, and the same as arrays."""

    frames: tuple[FrameResult, ...]
    space: LabelSpace
    rate: Fraction | None  # frames per second
    threshold: float  # multi-label: from this probability on a pixel, or an instance, has an action
    pixel_aspect: Fraction = Fraction(1)  # the width of a pixel as shown, divided by its height
    video: str = ""  # the path of the video, or of the folder of its pictures; "" if the frames came as arrays

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        return f"<Result: {plural(len(self), 'frame')} of {size_text(self.frames[0].frame.shape)}>"

    def __getitem__(self, index: int) -> FrameResult:
        return self.frames[index]

    @functools.cached_property
    def actor(self) -> UInt8[np.ndarray, "T H W"]:
        """Actor classes."""
        return np.stack([frame.actor for frame in self.frames])

    @functools.cached_property
    def action(self) -> UInt8[np.ndarray, "T H W"]:
        """Action classes; multi-label: the strongest of a pixel."""
        return np.stack([frame.action for frame in self.frames])

    @functools.cached_property
    def joint(self) -> UInt8[np.ndarray, "T H W"]:
        """Joint classes; raises ValueError for multi-label classes."""
        return np.stack([frame.joint for frame in self.frames])

    @functools.cached_property
    def probabilities(self) -> Float32[np.ndarray, "T h w P"]:
        """Probabilities on the network's own grid: actor classes, action classes, foreground."""
        return np.stack([frame.probabilities for frame in self.frames])

    def to_tracks(
        self,
        *,
        max_gap: int = MAX_GAP,
        min_frames: int = MIN_FRAMES,
        min_confidence: float = 0.0,
        min_area: float = MIN_AREA,
    ) -> list[Track]:
        """Finds the clip's instances over time, in order of their first frame; for the options see `Tracker`."""
        tracker = Tracker(
            self.space,
            threshold=self.threshold,
            max_gap=max_gap,
            min_frames=min_frames,
            min_confidence=min_confidence,
            min_area=min_area,
        )
        return find_tracks(self.frames, tracker)

    def mask(self, name: str) -> Bool[np.ndarray, "T H W"]:
        """Which pixels have a class, by its name; see `FrameResult.mask`."""
        return np.stack([frame.mask(name) for frame in self.frames])

    def overlay(self, opacity: float = OPACITY, *, scale: int = 1) -> UInt8[np.ndarray, "T H2 W2 3"]:
        """`FrameResult.overlay` of every frame, with the same options; by default as large as the frames."""
        return np.stack([frame.overlay(opacity, scale=scale) for frame in self.frames])

    def write_overlay(self, path: str | Path, opacity: float = OPACITY, *, scale: int = 0) -> None:
        """Writes the overlay as an mp4 with the timing of the frames and the form of their pixels.

        For options see `FrameResult.overlay`; by default (`scale` 0) the picture of a small clip is enlarged.

        Raises:
            InputError: `path` is a folder, or lies in none.
        """
        path, first = check_place(path, "overlay.mp4"), self.frames[0]
        height, width, _ = first.frame.shape
        factor = enlargement(height, width, scale)
        form = {"height": factor * height, "width": factor * width, "pixel_aspect": self.pixel_aspect}
        with VideoWriter(path, **form, time_base=first.time_base, rate=self.rate) as writer:
            for frame in self.frames:
                writer.write(frame.overlay(opacity, scale=factor), frame.pts)

    def write_timeline(self, path: str | Path, tracks: Sequence[Track] | None = None) -> None:
        """Writes a picture of the tracks over time, coloured by action; SVG if `path` ends in .svg, else PNG.

        Args:
            path: of the picture.
            tracks: None: those of `to_tracks()`.

        Raises:
            InputError: `path` is a folder, or lies in none.
        """
        from ssa2d_jax.inference.timeline import write_timeline  # matplotlib takes half a second

        place, times = check_place(path, "timeline.png"), FrameTimes.at_rate(self.rate, self.frames)
        write_timeline(place, self._courses(tracks), self.space, times)

    def write_events(self, path: str | Path, tracks: Sequence[Track] | None = None, *, video: str = "") -> None:
        """Writes what the tracks do from when to when, in seconds from the first frame; see events.py.

        Args:
            path: of a table (.csv) or of a project for BORIS (.boris).
            tracks: None: those of `to_tracks()`.
            video: the clip's file, which the table names; "": that of the result.

        Raises:
            InputError: `path` is a folder, lies in none, or ends in something else.
        """
        place, name = check_place(path, "events.csv"), video or self.video
        rate = float(self.rate) if self.rate else None
        observation = Observation(Path(name).stem or "clip", Path(name) if name else None, rate)
        write_events(place, self._courses(tracks), self.space, FrameTimes.at_rate(self.rate, self.frames), observation)

    def write_labels(
        self,
        folder: str | Path,
        formats: str | Sequence[str],
        tracks: Sequence[Track] | None = None,
        *,
        video: str = "",
        options: ExportOptions = DEFAULT_EXPORT,
    ) -> None:
        """Writes the tracks into a folder as imports of labelling tools, to be corrected there; see exports/write.py.

        Args:
            folder: an existing one, or one to be made; files of an earlier call are replaced.
            formats: of "cvat", "coco", "youtube_vis", "labelme"; a text like "cvat,coco", or a list.
            tracks: None: those of `to_tracks()`.
            video: the clip's file, or the folder of its pictures; "": that of the result.
            options: what is written.

        Raises:
            InputError: a format is unknown or can't hold the classes' names; a file in `folder` was changed by hand.
        """
        found = self.to_tracks() if tracks is None else tracks
        frames = [frame.frame for frame in self.frames]
        names = split_formats(formats if isinstance(formats, str) else ",".join(formats))
        write_clip(found, self.space, frames, Path(folder), names, options, video or self.video or "clip")

    def _courses(self, tracks: Sequence[Track] | None) -> list[Course]:
        return [Course.of(track, self.space) for track in (self.to_tracks() if tracks is None else tracks)]


def _instance_box(track: Track, region: Region, space: LabelSpace, scale: int) -> tuple[Box, str, tuple[int, int, int]]:
    """Box, text and colour of an instance: "dog 2 running"; a small or doubtful one has a box without text."""
    action = track.latest_action(space)
    name = f" {space.actions[action]}" if action else ""
    is_named = region.area >= MIN_NAMED_SHARE * np.prod(track.size) and region.confidence >= MIN_NAMED_CONFIDENCE
    text = f"{space.actors[track.actor]} {track.number}{name}" if is_named else ""
    x, y, width, height = region.box
    return (scale * x, scale * y, scale * width, scale * height), text, space.colour(track.actor, max(action, 1))
