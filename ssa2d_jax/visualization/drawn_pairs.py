"""What to draw of a frame whose labels are multi-label."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Integer, UInt8

from ssa2d_jax.data.label_space import LabelSpace

_MAX_PAIRS = 254  # that one picture can show
_MAX_NAMES = 3  # of the actions of a pair


@dataclasses.dataclass(frozen=True)
class DrawnPairs:
    """A map of numbers, and a name, a colour and a pair for each number; number 0 is the background.

    Has the attributes of a LabelSpace that overlay.py reads.
    """

    map: UInt8[np.ndarray, "H W"]
    joint: tuple[str, ...]
    joint_colours: UInt8[np.ndarray, "numbers 3"]
    pairs: tuple[tuple[int, int], ...]  # of numbers 1, 2, ...: actor class and the class of its strongest action


def draw_pairs(
    actor: Integer[np.ndarray, "H W"],
    chosen: Bool[np.ndarray, "H W A"],
    best: Integer[np.ndarray, "H W"],
    space: LabelSpace,
) -> DrawnPairs:
    """Puts the pairs of actor and strongest action into one map; a pixel without actor or action is background.

    A pair's name lists the actions that at least half of its pixels have, at most three.

    Args:
        actor: actor classes.
        chosen: which actions a pixel has.
        best: the strongest of these, an action class; 0 = none.
        space: the classes.
    """
    pair = np.where((actor > 0) & (best > 0), actor.astype(np.int32) * 256 + best, 0)
    present, index, count = np.unique(pair, return_inverse=True, return_counts=True)
    index = index.reshape(pair.shape)
    kept = [i for i in np.argsort(-count, kind="stable") if present[i]][:_MAX_PAIRS]
    numbers = np.zeros(len(present), np.uint8)
    names, colours, pairs = ["background"], [(0, 0, 0)], []
    for number, i in enumerate(kept, 1):
        actor_class, action = divmod(int(present[i]), 256)
        share = chosen[index == i].mean(0)
        others = [int(j) + 1 for j in np.argsort(-share, kind="stable") if share[j] >= 0.5 and j + 1 != action]
        actions = [space.actions[a] for a in (action, *others)]
        numbers[i] = number
        names.append(
            f"{space.actors[actor_class]}-" + "+".join(actions[:_MAX_NAMES] + ["..."] * (len(actions) > _MAX_NAMES))
        )
        colours.append(space.colour(actor_class, action))
        pairs.append((actor_class, action))
    return DrawnPairs(numbers[index], tuple(names), np.array(colours, np.uint8), tuple(pairs))
