"""Labels of one frame and of a whole clip, and their overlays."""

import dataclasses
import functools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference import tracker
from ssa2d_jax.inference.frame_labels import FrameLabels
from ssa2d_jax.inference.multilabel_frame_labels import unpack_actions
from ssa2d_jax.inference.tracker import Region, Track
from ssa2d_jax.video.writer import VideoWriter
from ssa2d_jax.visualization.drawn_pairs import DrawnPairs, draw_pairs
from ssa2d_jax.visualization.overlay import draw_boxes, draw_overlay

OPACITY = 0.55


@dataclasses.dataclass(frozen=True)
class FrameResult:
    """One frame and its labels.

    index          of the frame, from 0
    frame          uint8 RGB [H, W, 3]; shown at `pts` ticks of `time_base` seconds
    labels         label maps, and pixels and confidence by class (see `FrameLabels`)
    probabilities  float32 [h, w, C] on the network's own grid: actor classes, action classes, foreground
    cut            whether a new shot begins here (see cuts.py)
    """

    index: int
    frame: np.ndarray
    pts: int | None
    time_base: Fraction
    labels: FrameLabels
    probabilities: np.ndarray
    space: LabelSpace
    cut: bool = False

    @property
    def seconds(self) -> float | None:
        """When the frame is shown, None if that isn't known."""
        return None if self.pts is None else float(self.pts * self.time_base)

    @property
    def actor(self) -> np.ndarray:
        """Actor classes, uint8 [H, W]."""
        return self.labels.maps["actor"]

    @property
    def action(self) -> np.ndarray:
        """Action classes, uint8 [H, W]; where a pixel may have several, the strongest."""
        return self.labels.maps["action"]

    @property
    def joint(self) -> np.ndarray:
        """Joint classes, uint8 [H, W]: numbers of `space.joint`. Where a pixel may have several actions there are none:
        ValueError."""
        if self.space.multilabel:
            raise ValueError("a pixel may have several actions here, so it has no one joint class; see `actions`")
        return self.labels.maps["joint"]

    @property
    def actions(self) -> np.ndarray:
        """Which actions each pixel has, bool [H, W, A], background left out (class 1 + its place)."""
        if self.space.multilabel:
            return unpack_actions(self.labels.maps["actions"], self.space)
        return self.action[..., None] == np.arange(1, len(self.space.actions))

    def overlay(
        self,
        opacity: float = OPACITY,
        instances: Sequence[tuple[Track, Region]] | None = None,
        *,
        scale: int = 1,
    ) -> np.ndarray:
        """The frame with its labels, class names and a legend, uint8 [H, W, 3]; `scale` times as large: on a small
        frame names leave little room.

        With `instances`, as `Tracker.add` gives them, boxes with the tracks' numbers take the class names' place.
        """
        labels, space = self.labels, self.space
        frame = _enlarged(self.frame, scale, cv2.INTER_LINEAR)
        larger = lambda maps: _enlarged(maps, scale, cv2.INTER_NEAREST)
        if instances is not None:
            if space.multilabel:
                shown = DrawnPairs(self.actor, space.actors, np.array(space.actor_colours, np.uint8))
            else:
                shown = DrawnPairs(self.joint, space.joint, space.joint_colours)
            picture = draw_overlay(frame, larger(shown.map), shown, opacity=opacity, names=None)
            return draw_boxes(picture, [_boxed(track, region, space, scale) for track, region in instances])
        if not space.multilabel:
            return draw_overlay(frame, larger(self.joint), space, opacity=opacity, names=_names(labels, space))
        pairs = draw_pairs(self.actor, self.actions, self.action, space)
        return draw_overlay(frame, larger(pairs.map), pairs, opacity=opacity, names={})


@dataclasses.dataclass(frozen=True, repr=False)
class Result:
    """The labels of a whole clip: `frames`, one result each, and the same as arrays."""

    frames: tuple[FrameResult, ...]
    space: LabelSpace
    rate: Fraction | None

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        height, width = self.frames[0].frame.shape[:2]
        return f"<Result: {len(self)} frames of {width}x{height}>"

    def __getitem__(self, index: int) -> FrameResult:
        return self.frames[index]

    @functools.cached_property
    def actor(self) -> np.ndarray:
        """Actor classes, uint8 [T, H, W]."""
        return np.stack([frame.actor for frame in self.frames])

    @functools.cached_property
    def action(self) -> np.ndarray:
        """Action classes, uint8 [T, H, W]; where a pixel may have several, the strongest."""
        return np.stack([frame.action for frame in self.frames])

    @functools.cached_property
    def joint(self) -> np.ndarray:
        """Joint classes, uint8 [T, H, W]; ValueError where a pixel may have several actions."""
        return np.stack([frame.joint for frame in self.frames])

    @functools.cached_property
    def probabilities(self) -> np.ndarray:
        """float32 [T, h, w, C] on the network's own grid: actor classes, action classes, foreground."""
        return np.stack([frame.probabilities for frame in self.frames])

    def to_tracks(
        self, *, gap: int = 8, least: int = tracker.LEAST_FRAMES, least_confidence: float = 0.0
    ) -> list[Track]:
        """The clip's instances over time (see `tracks.Tracker`, also for the options), by their first frame."""
        return tracker.track(self.frames, self.space, gap=gap, least=least, least_confidence=least_confidence)

    def overlay(self, opacity: float = OPACITY) -> np.ndarray:
        """The frames with their labels, class names and legends, uint8 [T, H, W, 3]."""
        return np.stack([frame.overlay(opacity) for frame in self.frames])

    def write_overlay(self, path: str | Path, opacity: float = OPACITY, *, scale: int = 1) -> None:
        """Writes the overlay as an mp4 of the frames' own timing and of `scale` times their size."""
        first = self.frames[0]
        height, width = (scale * side for side in first.frame.shape[:2])
        with VideoWriter(path, height=height, width=width, time_base=first.time_base, rate=self.rate) as writer:
            for frame in self.frames:
                writer.write(frame.overlay(opacity, scale=scale), frame.pts)


def _enlarged(picture: np.ndarray, scale: int, how: int) -> np.ndarray:
    return picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)


def _boxed(track: Track, region: Region, space: LabelSpace, scale: int) -> tuple[tuple[int, ...], str, tuple[int, ...]]:
    """Box, text and colour of an instance: "dog 2 running"."""
    action = track.latest_action(space)
    doing = f" {space.actions[action]}" if action else ""
    box = tuple(scale * side for side in region.box)
    return box, f"{space.actors[track.actor]} {track.number}{doing}", space.colour(track.actor, max(action, 1))


def _names(labels: FrameLabels, space: LabelSpace) -> dict[int, str]:
    """What is written near each class of the frame: "dog-running 87%", its mean confidence there."""
    pixels, confidence = labels.pixels["joint"], labels.confidence["joint"]
    present = np.flatnonzero(pixels)
    return {int(j): f"{space.joint[j]} {100 * confidence[j] / pixels[j]:.0f}%" for j in present}
