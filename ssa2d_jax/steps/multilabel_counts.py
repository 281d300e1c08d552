"""Counts for the score of multi-label data; evaluation/multilabel_metrics.py defines the score."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32, Integer

from ssa2d_jax.data.label_space import IGNORE, LabelSpace
from ssa2d_jax.models.ssa2d import Outputs
from ssa2d_jax.steps import label_grid
from ssa2d_jax.steps.inputs import DeviceBatch

BINS, _REACH = 256, 12.0  # of the histograms for average precision: logits from -_REACH to _REACH
Array = Any  # jax.Array of int32 on the device, np.ndarray of int64 on the host, which adds up a whole split


class SetCounts(NamedTuple):
    """Counts of one kind of label sets, actions or joint labels, on valid pixels.

    The first three are tables over actors (a single row for actions) and actions, action 0 = background: pixels where
    truth and prediction have the class, where the truth has it, where the prediction has it. `overlap` counts pixels by
    the sizes of the intersection and of the union of their two sets, `frequent_overlap` the same for the frequent
    classes alone, if the label space has any.
    """

    hit: Int[Array, "rows actions+1"]
    truth: Int[Array, "rows actions+1"]
    prediction: Int[Array, "rows actions+1"]
    overlap: Int[Array, "actions+2 2*actions+3"]
    frequent_overlap: Int[Array, "actions+2 2*actions+3"] | None


class PixelCounts(NamedTuple):
    """All counts for the score, of a frame, a batch or a split."""

    actor: Int[Array, "actors actors"]  # confusion matrix [truth, prediction]
    action: SetCounts
    joint: SetCounts
    precision: Int[Array, "2 actions bins"]  # pixels with the action, and all, by the action's logit
    frames: Int[Array, ""]  # labelled frames


class Sets(NamedTuple):
    """The label sets of pixels: `member` says which actions, after the background, belong to a pixel's set.

    In a joint set, the actions belong to `actor`; for sets of actions alone, `actor` is 0 everywhere.
    """

    actor: Int32[jax.Array, " P"]
    member: Bool[jax.Array, "P actions+1"]


def decisions(
    actor_logits: Float[jax.Array, "*pixels actors"],
    action_logits: Float[jax.Array, "*pixels actions"],
    threshold: float,
) -> tuple[Int32[jax.Array, "*pixels"], Bool[jax.Array, "*pixels actions"]]:
    """Decides the actor of every pixel and its actions: those whose probability reaches `threshold`."""
    threshold_logit = np.log(threshold) - np.log1p(-threshold)
    return jnp.argmax(actor_logits, -1).astype(jnp.int32), action_logits >= threshold_logit


def count(
    outputs: Outputs, batch: DeviceBatch, space: LabelSpace, threshold: float
) -> tuple[PixelCounts, Float32[jax.Array, "B 2"]]:
    """Counts over the batch's valid labelled frames, one frame of every clip at a time, because the maps are large.

    Returns:
        The counts, and the agreement of each clip: over the pixels that truth or prediction calls foreground, the sum
        of |S∩P| / |S∪P| of joint labels, and the number of these pixels.
    """
    labels = {
        "label_time": batch["label_time"],
        "label_valid": batch["label_valid"],
        "actor": batch["actor"],
        "action": batch["action"],
    }
    by_label = {key: jnp.moveaxis(array, 1, 0) for key, array in labels.items()}

    def count_label(frame: Mapping[str, jax.Array]) -> tuple[PixelCounts, Float32[jax.Array, "B 2"]]:
        single = cast(DeviceBatch, {**batch, **{key: array[:, None] for key, array in frame.items()}})
        counts, agreement = jax.vmap(partial(count_frame, space=space, threshold=threshold))(
            label_grid.resample_to_labels(outputs.actor, single)[:, 0],
            label_grid.resample_to_labels(outputs.action, single)[:, 0],
            single["actor"][:, 0].astype(jnp.int32),
            single["action"][:, 0],
            label_grid.valid_frames(single)[:, 0],
        )
        return jax.tree.map(lambda x: x.sum(0), counts), agreement

    return jax.tree.map(lambda x: x.sum(0), jax.lax.map(count_label, by_label))


def count_frame(
    actor_logits: Float[jax.Array, "h w actors"],
    action_logits: Float[jax.Array, "h w actions"],
    actor: Int32[jax.Array, "h w"],
    action: Bool[jax.Array, "h w actions"],
    frame_valid: Bool[jax.Array, ""],
    *,
    space: LabelSpace,
    threshold: float,
) -> tuple[PixelCounts, Float32[jax.Array, "2"]]:
    """`count` for one frame of one clip."""
    flat = lambda x: x.reshape(-1, *x.shape[2:])
    valid = flat(frame_valid & (actor != IGNORE))
    action_logits, action = flat(action_logits), flat(action)
    best_actor, predicted = decisions(flat(actor_logits), action_logits, threshold)
    actor = jnp.where(valid, flat(actor), 0)
    truth, prediction = joint_sets(actor, action), joint_sets(best_actor, predicted)
    counts = PixelCounts(
        actor=_histogram((actor, best_actor), (len(space.actors),) * 2, valid),
        action=_count_sets(action_sets(action), action_sets(predicted), valid, space, joint=False),
        joint=_count_sets(truth, prediction, valid, space, joint=True),
        precision=_logit_histograms(action_logits, action, valid),
        frames=frame_valid.astype(jnp.int32),
    )
    return counts, _agreement(truth, prediction, valid)


def with_background(actions: Bool[jax.Array, "*pixels actions"]) -> Bool[jax.Array, "*pixels actions+1"]:
    """Puts the background, which is the lack of any action, before the actions."""
    return jnp.concatenate([~actions.any(-1, keepdims=True), actions], axis=-1)


def action_sets(actions: Bool[jax.Array, "P actions"]) -> Sets:
    """The sets of actions alone."""
    return Sets(jnp.zeros(actions.shape[0], jnp.int32), with_background(actions))


def joint_sets(actor: Int32[jax.Array, " P"], actions: Bool[jax.Array, "P actions"]) -> Sets:
    """The sets of pairs; where the actor or every action is missing, the joint label is background."""
    has_pair = (actor > 0) & actions.any(-1)
    return Sets(jnp.where(has_pair, actor, 0), with_background(actions & has_pair[:, None]))


def _count_sets(
    truth: Sets, prediction: Sets, valid: Bool[jax.Array, " P"], space: LabelSpace, *, joint: bool
) -> SetCounts:
    both = (truth.actor == prediction.actor)[:, None] & truth.member & prediction.member
    rows = len(space.actors) if joint else 1
    frequent_overlap = None
    if space.frequent:
        kept_truth, kept_prediction = (
            _keep_frequent(sets, space.frequent, joint=joint) for sets in (truth, prediction)
        )
        frequent_overlap = _overlap(kept_truth, kept_prediction, valid & kept_truth.member.any(-1))
    return SetCounts(
        hit=_class_counts(Sets(truth.actor, both), valid, rows),
        truth=_class_counts(truth, valid, rows),
        prediction=_class_counts(prediction, valid, rows),
        overlap=_overlap(truth, prediction, valid),
        frequent_overlap=frequent_overlap,
    )


def _keep_frequent(sets: Sets, frequent: tuple[tuple[int, ...], tuple[int, ...]], *, joint: bool) -> Sets:
    """Removes all labels except the background and the frequent classes (actors, actions)."""
    actors, actions = frequent
    member = sets.member & jnp.isin(jnp.arange(sets.member.shape[1]), jnp.array([0, *actions]))
    if joint:
        member = member & jnp.isin(sets.actor, jnp.array([0, *actors]))[:, None]
    return Sets(sets.actor, member)


def _class_counts(sets: Sets, valid: Bool[jax.Array, " P"], rows: int) -> Int32[jax.Array, "{rows} classes"]:
    """Counts the valid pixels with each pair of actor and action."""
    in_row = jax.nn.one_hot(sets.actor, rows, dtype=jnp.float32) * valid[:, None]
    # Sums of ones, exact in float32 up to 2^24: more pixels than a frame may have.
    return jnp.matmul(in_row.T, sets.member.astype(jnp.float32), precision=label_grid.HIGHEST).astype(jnp.int32)


def _overlap(truth: Sets, prediction: Sets, valid: Bool[jax.Array, " P"]) -> Int32[jax.Array, "_ _"]:
    """Counts the valid pixels by the sizes of their sets' intersection and union: [2 + A, 3 + 2 A]."""
    classes = truth.member.shape[1]
    return _histogram(_shared_and_union(truth, prediction), (classes + 1, 2 * classes + 1), valid)


def _agreement(truth: Sets, prediction: Sets, valid: Bool[jax.Array, " P"]) -> Float32[jax.Array, "2"]:
    """A clip's agreement in one frame, see `count`."""
    shared, union = _shared_and_union(truth, prediction)
    foreground = valid & ~(truth.member[:, 0] & prediction.member[:, 0])
    return jnp.stack([jnp.sum(foreground * shared / union), jnp.sum(foreground, dtype=jnp.float32)])


def _shared_and_union(truth: Sets, prediction: Sets) -> tuple[Integer[jax.Array, " P"], Integer[jax.Array, " P"]]:
    """|S∩P| and |S∪P| of every pixel; no set is empty, because the background is one of the labels."""
    both = (truth.actor == prediction.actor)[:, None] & truth.member & prediction.member
    shared = both.sum(-1)
    return shared, truth.member.sum(-1) + prediction.member.sum(-1) - shared


def _logit_histograms(
    logits: Float[jax.Array, "P actions"], action: Bool[jax.Array, "P actions"], valid: Bool[jax.Array, " P"]
) -> Int32[jax.Array, "2 actions bins"]:
    """Counts valid pixels by each action's logit: those with the action, and all."""
    scale = BINS / (2 * _REACH)
    bins = jnp.clip(jnp.floor((logits + _REACH) * scale), 0, BINS - 1).astype(jnp.int32)
    classes = bins.shape[1]
    of_class = jnp.broadcast_to(jnp.arange(classes), bins.shape)
    pixels = (action & valid[:, None], valid[:, None])
    return jnp.stack([_histogram((of_class, bins), (classes, BINS), where) for where in pixels])


def _histogram(
    index: tuple[Integer[jax.Array, "*n"], Integer[jax.Array, "*n"]],
    shape: tuple[int, int],
    where: Bool[jax.Array, "..."],
) -> Int32[jax.Array, "{shape[0]} {shape[1]}"]:
    """Counts how often each pair of indices occurs, among those that `where` selects."""
    cells = shape[0] * shape[1]
    cell = jnp.where(where, index[0] * shape[1] + index[1], cells)
    return jnp.bincount(cell.ravel(), length=cells + 1)[:-1].reshape(shape)
