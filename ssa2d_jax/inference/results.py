"""Labels of one frame and of a whole clip, and their overlays."""

import dataclasses
import functools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from ssa2d_jax.data.box import Box
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.frame_labels import FrameLabels, unpack_actions
from ssa2d_jax.inference.tracker import MAX_GAP, MIN_FRAMES, Tracker, find_tracks
from ssa2d_jax.inference.tracks import Region, Track
from ssa2d_jax.utils.images import resize
from ssa2d_jax.video.writer import VideoWriter
from ssa2d_jax.visualization.drawn_pairs import DrawnPairs, draw_pairs
from ssa2d_jax.visualization.overlay import draw_boxes, draw_overlay

OPACITY = 0.55


@dataclasses.dataclass(frozen=True)
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

    def overlay(
        self,
        opacity: float = OPACITY,
        instances: Sequence[tuple[Track, Region]] | None = None,
        *,
        scale: int = 1,
    ) -> UInt8[np.ndarray, "H2 W2 3"]:
        """Draws the labels, class names and a legend on the frame.

        Args:
            opacity: of the labels, 0 to 1.
            instances: as `Tracker.add` returns them; boxes with the tracks' numbers replace the class names.
            scale: the picture is this many times as large as the frame: a small frame leaves little room for names.
        """
        space = self.space
        frame = resize(self.frame, (scale * self.frame.shape[0], scale * self.frame.shape[1]))
        if instances is not None:
            if space.multilabel:
                pairs = DrawnPairs(self.actor, space.actors, np.array(space.actor_colours, np.uint8))
            else:
                pairs = DrawnPairs(self.joint, space.joint, space.joint_colours)
            picture = draw_overlay(frame, _enlarge_labels(pairs.map, scale), pairs, opacity=opacity, names=None)
            return draw_boxes(picture, [_instance_box(track, region, space, scale) for track, region in instances])
        if not space.multilabel:
            joint, names = _enlarge_labels(self.joint, scale), _class_names(self.labels, space)
            return draw_overlay(frame, joint, space, opacity=opacity, names=names)
        pairs = draw_pairs(self.actor, self.actions, self.action, space)
        return draw_overlay(frame, _enlarge_labels(pairs.map, scale), pairs, opacity=opacity, names={})


@dataclasses.dataclass(frozen=True, repr=False)
class Result:
    """The labels of a whole clip: one result for each frame, and the same as arrays."""

    frames: tuple[FrameResult, ...]
    space: LabelSpace
    rate: Fraction | None  # frames per second
    threshold: float  # multi-label: from this probability on a pixel, or an instance, has an action

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        height, width = self.frames[0].frame.shape[:2]
        return f"<Result: {len(self)} frames of {width}x{height}>"

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
        self, *, max_gap: int = MAX_GAP, min_frames: int = MIN_FRAMES, min_confidence: float = 0.0
    ) -> list[Track]:
        """Finds the clip's instances over time, in order of their first frame; for the options see `Tracker`."""
        tracker = Tracker(
            self.space,
            threshold=self.threshold,
            max_gap=max_gap,
            min_frames=min_frames,
            min_confidence=min_confidence,
        )
        return find_tracks(self.frames, tracker)

    def overlay(self, opacity: float = OPACITY) -> UInt8[np.ndarray, "T H W 3"]:
        """Draws the labels, class names and a legend on every frame."""
        return np.stack([frame.overlay(opacity) for frame in self.frames])

    def write_overlay(self, path: str | Path, opacity: float = OPACITY, *, scale: int = 1) -> None:
        """Writes the overlay as an mp4 with the timing of the frames and `scale` times their size."""
        first = self.frames[0]
        height, width = (scale * side for side in first.frame.shape[:2])
        with VideoWriter(path, height=height, width=width, time_base=first.time_base, rate=self.rate) as writer:
            for frame in self.frames:
                writer.write(frame.overlay(opacity, scale=scale), frame.pts)


def _enlarge_labels(labels: UInt8[np.ndarray, "H W"], scale: int) -> UInt8[np.ndarray, "H2 W2"]:
    """A label map that is `scale` times as large."""
    if scale == 1:
        return labels
    return cv2.resize(labels, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)


def _instance_box(track: Track, region: Region, space: LabelSpace, scale: int) -> tuple[Box, str, tuple[int, int, int]]:
    """Box, text and colour of an instance: "dog 2 running"."""
    action = track.latest_action(space)
    name = f" {space.actions[action]}" if action else ""
    x, y, width, height = region.box
    box = (scale * x, scale * y, scale * width, scale * height)
    return box, f"{space.actors[track.actor]} {track.number}{name}", space.colour(track.actor, max(action, 1))


def _class_names(labels: FrameLabels, space: LabelSpace) -> dict[int, str]:
    """What is written near each class of the frame: "dog-running 87%", its mean confidence there."""
    pixels, confidence = labels.pixels["joint"], labels.confidence["joint"]
    present = np.flatnonzero(pixels)
    return {int(j): f"{space.joint[j]} {100 * confidence[j] / pixels[j]:.0f}%" for j in present}
