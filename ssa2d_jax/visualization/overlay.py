"""Draws joint labels on frames: tint, contour, the names of actors and a legend."""

import dataclasses
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from ssa2d_jax.data.box import Box
from ssa2d_jax.data.label_space import BACKGROUND, IGNORE, LabelSpace
from ssa2d_jax.data.palette import Colour, as_colour
from ssa2d_jax.visualization.drawn_pairs import DrawnPairs
from ssa2d_jax.visualization.legend import draw_legend
from ssa2d_jax.visualization.text import draw_text, readable_on, text_size

Classes = LabelSpace | DrawnPairs  # what gives joint classes a name and a colour
Confidence = Callable[[int], Float[np.ndarray, "h w"]]  # the probability of a joint class, on a grid of any size

MIN_NAMED_SHARE = 0.01  # of the frame: a smaller actor gets no name
MIN_NAMED_CONFIDENCE = 0.15  # an actor of a lower one gets no name
_MIN_LEGEND_SHARE = 0.001  # of the frame: a smaller class is not in the legend
_ANALYSIS_SIDE = 192  # pixels; actors are searched at this size at most: names needn't be placed exactly
_MAX_NAMES = 8  # on one frame
_MAX_COVERED = 0.3  # of a name's box: covers that much of other actors only if there is no other place
_IGNORE_GREY = 127


def draw_overlay(
    frame: UInt8[np.ndarray, "H W 3"],
    joint: UInt8[np.ndarray, "H W"],
    space: Classes,
    *,
    opacity: float,
    names: bool = True,
    confidence: Confidence | None = None,
) -> UInt8[np.ndarray, "H W 3"]:
    """Draws joint labels on a copy of the frame: every class tinted in its colour, with a thin contour.

    Each actor, a connected region of one actor class, gets one name, that of the joint class that most of its pixels
    have, unless it covers less than 1 % of the frame. Names and legend never cover one another; a name that finds no
    free place is left out. Letters grow with the frame.

    Args:
        frame: RGB.
        joint: joint classes.
        space: names and colours of the classes.
        opacity: of the tint, 0 to 1.
        names: whether to draw names and a legend.
        confidence: if given, a name also says the actor's mean confidence in percent; below 15 % there is no name.
    """
    if frame.shape != (*joint.shape, 3):
        raise ValueError(f"frame is {frame.shape}, its labels are {joint.shape}; both must have the same size")
    if np.ndim(opacity):
        raise ValueError("opacity is an array; it must be a number from 0 to 1")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is {opacity}; allowed: 0 to 1")
    picture = _tint(frame, joint, space, opacity)
    if not names:
        return picture
    counts = cv2.calcHist([joint], [0], None, [256], [0, 256]).ravel()  # faster than np.bincount
    counts[[BACKGROUND, IGNORE]] = 0
    order = np.argsort(-counts, kind="stable")
    entries = [
        (number, space.joint[number], as_colour(space.joint_colours[number].tolist()))
        for number in order[counts[order] >= max(1, _MIN_LEGEND_SHARE * joint.size)].tolist()
    ]
    taken = [draw_legend(picture, entries, letter_height(*joint.shape))] if entries else []
    small, scale = _shrink(joint)
    for region in _named_regions(small, space, confidence)[:_MAX_NAMES]:
        _draw_name(picture, region.scaled(scale), taken)
    return picture


def draw_boxes(
    picture: UInt8[np.ndarray, "H W 3"], boxes: Sequence[tuple[Box, str, Colour]]
) -> UInt8[np.ndarray, "H W 3"]:
    """Draws boxes, each with its text (may be "") and colour, on a copy of the picture."""
    picture = picture.copy()
    letters = letter_height(*picture.shape[:2])
    taken: list[Box] = []
    for (left, top, width, height), _, colour in boxes:
        corner = (left + width - 1, top + height - 1)
        cv2.rectangle(picture, (left, top), corner, colour, max(1, letters // 8))
    for box, text, colour in boxes:
        if text:
            _draw_name(picture, _Named((text,), box, colour), taken)
    return picture


def letter_height(height: int, width: int) -> int:
    """The height in pixels of capital letters on a picture of this size: 8 at 128 pixels, 11 at 384, 21 at 1080."""
    return round(6 + 0.014 * min(height, width))


@dataclasses.dataclass(frozen=True)
class _Named:
    """A region with a name: texts to try, the longest first, its box, its colour, and the pixels of other regions."""

    texts: tuple[str, ...]
    box: Box
    colour: Colour
    others: Bool[np.ndarray, "h w"] | None = None  # of the whole picture, at any size

    def scaled(self, scale: float) -> "_Named":
        """The same in a picture that is `scale` times as large."""
        left, top, width, height = (round(side * scale) for side in self.box)
        return dataclasses.replace(self, box=(left, top, width, height))


def _tint(
    frame: UInt8[np.ndarray, "H W 3"], joint: UInt8[np.ndarray, "H W"], space: Classes, opacity: float
) -> UInt8[np.ndarray, "H W 3"]:
    picture = frame.copy()
    actors = (joint != BACKGROUND).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(actors)
    reach = max(1, round(min(joint.shape) / 720))
    # With the background around it that ends the contour; the rest of the picture stays.
    inside = np.s_[max(0, top - reach) : top + height + reach, max(0, left - reach) : left + width + reach]
    if width:  # else there are no actors
        _tint_part(picture[inside], joint[inside], actors[inside], space, opacity, reach)
    return picture


def _tint_part(
    picture: UInt8[np.ndarray, "h w 3"],
    joint: UInt8[np.ndarray, "h w"],
    actors: UInt8[np.ndarray, "h w"],
    space: Classes,
    opacity: float,
    reach: int,
) -> None:
    """Tints a part of a picture, which changes; the contour is `reach` pixels wide on either side of a border."""
    table = np.full((256, 3), _IGNORE_GREY, np.uint8)
    table[: len(space.joint_colours)] = space.joint_colours
    tint = cv2.LUT(cv2.merge([joint] * 3), table[None])
    kernel = np.ones((1 + 2 * reach, 1 + 2 * reach), np.uint8)
    edge = (cv2.dilate(joint, kernel) != cv2.erode(joint, kernel)).astype(np.uint8) * actors
    cv2.copyTo(cv2.addWeighted(picture, 1 - opacity, tint, opacity, 0), actors, picture)
    # Half way to white: a contour in the class's own colour would be invisible where that colour is nearly black.
    cv2.copyTo(cv2.addWeighted(tint, 0.5, np.full_like(tint, 255), 0.5, 0), edge, picture)


def _shrink(joint: UInt8[np.ndarray, "H W"]) -> tuple[UInt8[np.ndarray, "h w"], float]:
    """The labels at the size of the analysis, and the factor back to their own size."""
    scale = max(1.0, max(joint.shape) / _ANALYSIS_SIDE)
    size = tuple(max(1, round(side / scale)) for side in joint.shape[::-1])
    return cv2.resize(joint, size, interpolation=cv2.INTER_NEAREST), scale


def _named_regions(joint: UInt8[np.ndarray, "h w"], space: Classes, confidence: Confidence | None) -> list[_Named]:
    """The actors that get a name, the largest first."""
    actor_of = np.zeros(256, np.uint8)
    actor_of[1 : 1 + len(space.pairs)] = [actor for actor, _ in space.pairs][:255]
    actor_of[IGNORE] = 0
    actors = actor_of[joint]
    found = []
    for actor in np.unique(actors[actors > 0]):
        _, labels, stats, _ = cv2.connectedComponentsWithStats((actors == actor).astype(np.uint8), connectivity=8)
        for i in np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= MIN_NAMED_SHARE * joint.size) + 1:  # 0: the rest
            region = labels == i
            number = int(np.bincount(joint[region]).argmax())
            texts: tuple[str, ...] = (space.joint[number],)
            if confidence is not None:
                share = _mean(confidence(number), region & (joint == number))
                texts = (f"{texts[0]} {100 * share:.0f}%", *texts) if share >= MIN_NAMED_CONFIDENCE else ()
            left, top, width, height, area = stats[i].tolist()
            colour = as_colour(space.joint_colours[number].tolist())
            found.append((area, _Named(texts, (left, top, width, height), colour, (actors > 0) & ~region)))
    return [named for _, named in sorted(found, key=lambda entry: -entry[0]) if named.texts]


def _mean(values: Float[np.ndarray, "y x"], region: Bool[np.ndarray, "h w"]) -> float:
    """The mean over a region of values on a grid of another size."""
    return float(cv2.resize(np.asarray(values, np.float32), region.shape[::-1])[region].mean())


def _draw_name(picture: UInt8[np.ndarray, "H W 3"], named: _Named, taken: list[Box]) -> None:
    """Draws the longest text that fits above, in or below the region, where the `taken` boxes leave room.

    Adds its own box to them.
    """
    letters = letter_height(*picture.shape[:2])
    for text in named.texts:
        boxes = _places(named.box, text_size(text, letters), picture.shape[:2])
        free = [box for box in boxes if not any(_overlap(box, other) for other in taken)]
        if free:
            good = [box for box in free if _covered(named.others, box, picture.shape[:2]) <= _MAX_COVERED]
            chosen = (good or free)[0]
            draw_text(picture, text, *chosen[:2], letters, readable_on(named.colour), named.colour)
            taken.append(chosen)
            return


def _places(region: Box, text: tuple[int, int], picture: tuple[int, ...]) -> list[Box]:
    """Boxes for a text of (width, height) near a region that lie in a picture of (height, width), the best first."""
    height, width = picture[:2]
    text_width, text_height = text
    if text_width > width or text_height > height:
        return []
    left, top, region_width, region_height = region
    middle = left + (region_width - text_width) // 2
    rows = [top - text_height - 1, top + 1, top + region_height + 1]
    rows += [top + step * (text_height + 1) for step in (1, 2, 3, -2, -3)]
    columns = (middle, left, left + region_width - text_width)
    places = [(int(np.clip(x, 0, width - text_width)), y) for x in columns for y in rows]
    inside = [place for place in places if 0 <= place[1] <= height - text_height]
    return [(x, y, text_width, text_height) for x, y in dict.fromkeys(inside)]


def _covered(others: Bool[np.ndarray, "h w"] | None, box: Box, size: tuple[int, ...]) -> float:
    """The share of a box, in a picture of (height, width), that belongs to other regions."""
    if others is None:
        return 0.0
    (down, right), (left, top, width, height) = (others.shape[k] / size[k] for k in (0, 1)), box
    part = others[int(top * down) : int((top + height) * down) + 1, int(left * right) : int((left + width) * right) + 1]
    return float(part.mean()) if part.size else 0.0


def _overlap(first: Box, second: Box) -> bool:
    return all(first[k] < second[k] + second[k + 2] and second[k] < first[k] + first[k + 2] for k in (0, 1))
