"""Counting for the score where a pixel may have several actions; what the counts mean is in several_scores.py."""

import jax
import jax.numpy as jnp
import numpy as np

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.models.ssa2d import Outputs
from ssa2d_jax.steps import label_grid

BINS, _REACH = 256, 12.0  # of the histograms for average precision: logits from -_REACH to _REACH
Arrays = dict[str, jax.Array]


def decisions(actor_logits: jax.Array, action_logits: jax.Array, threshold: float) -> tuple[jax.Array, jax.Array]:
    """-> actor class int32 [...], and which actions bool [..., A]: those whose probability reaches `threshold`."""
    least = np.log(threshold) - np.log1p(-threshold)
    return jnp.argmax(actor_logits, -1).astype(jnp.int32), action_logits >= least


def count(outputs: Outputs, batch: Arrays, space: LabelSpace, threshold: float) -> tuple[Arrays, jax.Array]:
    """Counts over the batch's valid labelled frames, one frame a clip after another (maps are large).

    -> (counts int32 by name, and each clip's own [B, 2] float32: the sum of |S∩P| / |S∪P| of joint labels over the
    pixels that truth or prediction calls foreground, and their number). The counts:

    actor                 [actors, actors]                    confusion matrix [truth, prediction]
    action, joint         [3, actors or 1, actions]           pixels hit, of the truth, predicted; action 0 = background
    <kind>_overlap        [sizes of the intersection, sizes of the union]    pixels by what their two sets share
    <kind>_overlap_frequent                                   the same, of the frequent classes alone
    precision             [2, A, BINS]                        pixels with the action and all, by the action's logit
    frames                []                                  labelled frames counted
    """
    by_label = {key: jnp.moveaxis(batch[key], 1, 0) for key in ("label_time", "label_valid", "actor", "action")}

    def of_frames(frame: Arrays) -> Arrays:
        one = batch | {key: value[:, None] for key, value in frame.items()}
        actor, action = (
            label_grid.resample_to_labels(outputs.actor, one)[:, 0],
            label_grid.resample_to_labels(outputs.action, one)[:, 0],
        )
        counted = label_grid.valid_pixel_mask(one["actor"], one)[:, 0]
        counts = jax.vmap(lambda *x: _count_frame(*x, space, threshold))(
            actor, action, one["actor"][:, 0].astype(jnp.int32), one["action"][:, 0], counted
        )
        clips = counts.pop("agreement")
        return jax.tree.map(lambda x: x.sum(0), counts) | {"agreement": clips}

    counts = jax.tree.map(lambda x: x.sum(0), jax.lax.map(of_frames, by_label))
    agreement = counts.pop("agreement")
    frames = jnp.sum(batch["label_valid"] & batch["clip_valid"][:, None], dtype=jnp.int32)
    return counts | {"frames": frames}, agreement


def _count_frame(
    actor_logits: jax.Array,
    action_logits: jax.Array,
    actor: jax.Array,
    action: jax.Array,
    counted: jax.Array,
    space: LabelSpace,
    threshold: float,
) -> Arrays:
    """`count` for one frame: logits [h, w, C], labels [h, w] and [h, w, A], counted [h, w]."""
    flat = lambda x: x.reshape(-1, *x.shape[2:])
    action_logits, action, counted = flat(action_logits), flat(action), flat(counted)
    p_actor, p_action = decisions(flat(actor_logits), action_logits, threshold)
    actor = jnp.where(counted, flat(actor), 0)
    counts = {"actor": _histogram((actor, p_actor), (len(space.actors),) * 2, counted)}
    none = jnp.zeros_like(actor)
    # A pair needs both: where the actor or every action is missing, the joint label is background.
    sides = {
        "action": ((none, with_background(action)), (none, with_background(p_action))),
        "joint": (_pairs(actor, action), _pairs(p_actor, p_action)),
    }
    for kind, (truth, prediction) in sides.items():
        rows = 1 if kind == "action" else len(space.actors)
        counts[kind] = _hits(truth, prediction, counted, rows)
        counts[f"{kind}_overlap"] = _overlap(truth, prediction, counted)
        if space.frequent:
            few = [_only(side, space, joint=kind == "joint") for side in (truth, prediction)]
            counts[f"{kind}_overlap_frequent"] = _overlap(*few, counted & few[0][1].any(-1))
    counts["agreement"] = _agreement(*sides["joint"], counted)
    scale = BINS / (2 * _REACH)
    bins = jnp.clip(jnp.floor((action_logits + _REACH) * scale), 0, BINS - 1).astype(jnp.int32)
    of_class = jnp.broadcast_to(jnp.arange(bins.shape[1]), bins.shape)
    shape = (bins.shape[1], BINS)
    counts["precision"] = jnp.stack(
        [_histogram((of_class, bins), shape, where) for where in (action & counted[:, None], counted[:, None])]
    )
    return counts


Side = tuple[jax.Array, jax.Array]  # actor int32 [P] and set bool [P, 1 + A] of every pixel's labels


def with_background(actions: jax.Array) -> jax.Array:
    """Sets of actions bool [..., A] -> with the background, the lack of any, before them: bool [..., 1 + A]."""
    return jnp.concatenate([~actions.any(-1, keepdims=True), actions], axis=-1)


def _pairs(actor: jax.Array, actions: jax.Array) -> Side:
    some = (actor > 0) & actions.any(-1)
    return jnp.where(some, actor, 0), with_background(actions & some[:, None])


def _only(side: Side, space: LabelSpace, joint: bool) -> Side:
    """What of the labels is background or frequent."""
    actor, labels_ = side
    keep = jnp.isin(jnp.arange(labels_.shape[1]), jnp.array([0, *space.frequent[1]]))
    labels_ = labels_ & keep
    if joint:
        labels_ = labels_ & jnp.isin(actor, jnp.array([0, *space.frequent[0]]))[:, None]
    return actor, labels_


def _hits(truth: Side, prediction: Side, counted: jax.Array, actors: int) -> jax.Array:
    """[3, actors, 1 + A] int32: pixels on which truth and prediction agree, of the truth, of the prediction."""
    both = (truth[0] == prediction[0])[:, None] & truth[1] & prediction[1]
    sums = []
    for actor, sets in ((truth[0], both), *(truth, prediction)):
        rows = jax.nn.one_hot(actor, actors, dtype=jnp.float32) * counted[:, None]
        # Sums of ones, exact in float32 up to 2^24: more pixels than a frame may have.
        sums.append(jnp.matmul(rows.T, sets.astype(jnp.float32), precision=label_grid.HIGHEST))
    return jnp.stack(sums).astype(jnp.int32)


def _overlap(truth: Side, prediction: Side, counted: jax.Array) -> jax.Array:
    """[2 + A, 3 + 2 A] int32: counted pixels by the size of their sets' intersection and union."""
    classes = truth[1].shape[1]
    return _histogram(_shared_and_union(truth, prediction), (classes + 1, 2 * classes + 1), counted)


def _agreement(truth: Side, prediction: Side, counted: jax.Array) -> jax.Array:
    """[2] float32: over counted pixels that either side calls foreground, the sum of |S∩P| / |S∪P|, and how many."""
    shared, union = _shared_and_union(truth, prediction)
    foreground = counted & ~(truth[1][:, 0] & prediction[1][:, 0])
    return jnp.stack([jnp.sum(foreground * shared / union), jnp.sum(foreground, dtype=jnp.float32)])


def _shared_and_union(truth: Side, prediction: Side) -> tuple[jax.Array, jax.Array]:
    """|S∩P| and |S∪P| of every pixel; no set is empty, since the background is one of the labels."""
    both = (truth[0] == prediction[0])[:, None] & truth[1] & prediction[1]
    sizes = [side[1].sum(-1) for side in (truth, prediction)]
    shared = both.sum(-1)
    return shared, sizes[0] + sizes[1] - shared


def _histogram(index: tuple[jax.Array, jax.Array], shape: tuple[int, int], counted: jax.Array) -> jax.Array:
    """How often each pair of indices occurs where `counted`: int32 of `shape`."""
    cells = shape[0] * shape[1]
    cell = jnp.where(counted, index[0] * shape[1] + index[1], cells)
    return jnp.bincount(cell.ravel(), length=cells + 1)[:-1].reshape(shape)
