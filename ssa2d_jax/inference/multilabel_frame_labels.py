"""Label maps of a frame where a pixel may have several actions, and how such labels are drawn."""

import numpy as np

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.frame_labels import FrameLabels, interpolated_strips


def multilabel_frame_labels(
    grid: np.ndarray, height: int, width: int, space: LabelSpace, threshold: float
) -> FrameLabels:
    """Probabilities float32 [h, w, actor + action classes (+ more, unused)] -> labels of [height, width].

    Linear interpolation of the probabilities. Maps: `actor` the most probable class, `actions` the actions whose
    probability reaches `threshold`, bit-packed uint8 [H, W, ceil(A / 8)] (np.unpackbits on the last axis, first A), and
    `action` the most probable of these, from 1, or 0. Pixels and confidence are counted for actor, for every action,
    and for every pair of the two (joint class 1 + (actor - 1) * A + action - 1).
    """
    actors, actions = space.heads
    maps = {
        "actor": np.empty((height, width), np.uint8),
        "action": np.empty((height, width), np.uint8),
        "actions": np.empty((height, width, -(-actions // 8)), np.uint8),
    }
    sizes = {kind: len(names) for kind, names in space.names.items()}
    pixels = {kind: np.zeros(size, np.int64) for kind, size in sizes.items()}
    confidence = {kind: np.zeros(size) for kind, size in sizes.items()}
    for strip, planes in interpolated_strips(grid, height, width, actors + actions):
        p_actor, p_action = planes[:actors], planes[actors:]
        actor, chosen = p_actor.argmax(0), p_action >= threshold  # [N], [A, N]
        best, any_action = p_action.argmax(0), chosen.any(0)
        maps["actor"][strip] = actor.reshape(-1, width)
        maps["action"][strip] = np.where(any_action, best + 1, 0).reshape(-1, width)
        maps["actions"][strip] = np.packbits(chosen.T, axis=-1).reshape(-1, width, maps["actions"].shape[-1])
        of_actor = np.take_along_axis(p_actor, actor[None], 0)[0]
        _tally(pixels["actor"], confidence["actor"], actor, of_actor)
        _tally(pixels["action"], confidence["action"], 0, 1 - p_action.max(0), ~any_action)
        _tally(pixels["joint"], confidence["joint"], 0, np.maximum(p_actor[0], 1 - p_action.max(0)),
               ~any_action | (actor == 0))  # fmt: skip
        for action in np.flatnonzero(chosen.any(1)):
            where = chosen[action]
            _tally(pixels["action"], confidence["action"], action + 1, p_action[action], where)
            pair = 1 + (actor - 1) * actions + action
            _tally(pixels["joint"], confidence["joint"], pair, of_actor * p_action[action], where & (actor > 0))
    return FrameLabels(maps, pixels, confidence)


def _tally(pixels: np.ndarray, confidence: np.ndarray, classes, values: np.ndarray, where=True) -> None:
    where = np.broadcast_to(where, values.shape)
    classes = np.broadcast_to(classes, values.shape)[where]
    pixels += np.bincount(classes, minlength=len(pixels))
    confidence += np.bincount(classes, values[where], minlength=len(pixels))


def unpack_actions(actions: np.ndarray, space: LabelSpace) -> np.ndarray:
    """The `actions` map of `frame_sets`, uint8 [..., ceil(A / 8)] -> bool [..., A]."""
    return np.unpackbits(actions, axis=-1, count=space.heads[1]).astype(bool)
