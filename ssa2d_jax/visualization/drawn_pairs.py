"""What is drawn of a frame where a pixel may have several actions."""

import dataclasses

import numpy as np

from ssa2d_jax.data.label_space import LabelSpace

_MOST = 254  # different pairs that one picture can show
_NAMED = 3  # actions named of one


@dataclasses.dataclass(frozen=True)
class DrawnPairs:
    """What is drawn of a frame: a map uint8 [H, W] of numbers, and for each number a name and a colour.

    Has the names that overlay.py reads of a LabelSpace; number 0 is the background.
    """

    map: np.ndarray
    joint: tuple[str, ...]
    joint_colours: np.ndarray


def draw_pairs(actor: np.ndarray, chosen: np.ndarray, best: np.ndarray, space: LabelSpace) -> DrawnPairs:
    """The pairs of actor and strongest action as one small map.

    actor uint8 [H, W]; chosen bool [H, W, A], the actions a pixel has; best [H, W] the strongest of them, from 1
    (0: none). A pair's name lists the actions that half of its pixels have, three at most. Where either is
    missing, it is background.
    """
    pair = np.where((actor > 0) & (best > 0), actor.astype(np.int32) * 256 + best, 0)
    found, place, count = np.unique(pair, return_inverse=True, return_counts=True)
    place = place.reshape(pair.shape)
    kept = [i for i in np.argsort(-count, kind="stable") if found[i]][:_MOST]
    number = np.zeros(len(found), np.uint8)
    names, colours = ["background"], [(0, 0, 0)]
    for k, i in enumerate(kept, 1):
        one, action = divmod(int(found[i]), 256)
        share = chosen[place == i].mean(0)
        others = [int(j) + 1 for j in np.argsort(-share, kind="stable") if share[j] >= 0.5 and j + 1 != action]
        doing = [space.actions[each] for each in (action, *others)]
        number[i] = k
        names.append(f"{space.actors[one]}-" + "+".join(doing[:_NAMED] + ["..."] * (len(doing) > _NAMED)))
        colours.append(space.colour(one, action))
    return DrawnPairs(number[place], tuple(names), np.array(colours, np.uint8))
