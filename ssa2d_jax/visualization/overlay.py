"""Draws joint labels on frames: tint, contour, class names and a legend."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from ssa2d_jax.data.box import Box
from ssa2d_jax.data.label_space import BACKGROUND, IGNORE, LabelSpace
from ssa2d_jax.data.palette import Colour, as_colour
from ssa2d_jax.visualization.drawn_pairs import DrawnPairs
from ssa2d_jax.visualization.text import BLACK, WHITE, draw_text, readable_on, text_size

Classes = LabelSpace | DrawnPairs  # what gives joint classes a name and a colour

_ANALYSIS_SIDE = 320  # pixels; regions are searched at this size at most: names needn't be placed exactly
_MIN_SHARE = 0.001  # of the frame: a smaller class is not named, but is in the legend
_MAX_NAMES = 8  # on one frame
_IGNORE_GREY = 127


def draw_overlay(
    frame: UInt8[np.ndarray, "H W 3"],
    joint: UInt8[np.ndarray, "H W"],
    space: Classes,
    *,
    opacity: float,
    names: Mapping[int, str] | None,
) -> UInt8[np.ndarray, "H W 3"]:
    """Draws joint labels on a copy of the frame: every class tinted in its colour, with a thin contour.

    Args:
        frame: RGB.
        joint: joint classes.
        space: names and colours of the classes.
        opacity: of the tint, 0 to 1.
        names: by class, the text near its biggest region; other classes get their plain name. None = no names and no
            legend. Letters grow with the frame.
    """
    if frame.shape != (*joint.shape, 3):
        raise ValueError(f"frame is {frame.shape}, its labels are {joint.shape}; both must have the same size")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is {opacity}; allowed: 0 to 1")
    picture = _tint(frame, joint, space, opacity)
    if names is None:
        return picture
    counts = np.bincount(joint.ravel(), minlength=256)
    counts[[BACKGROUND, IGNORE]] = 0
    present = [int(number) for number in np.argsort(-counts, kind="stable") if counts[number]]
    taken = [_draw_legend(picture, present, space)]
    named = [number for number in present if counts[number] >= _MIN_SHARE * joint.size]
    small, scale = _shrink(joint)
    for number in named[:_MAX_NAMES]:
        if not (small == number).any():  # scattered pixels, lost by shrinking
            continue
        left, top, width, height = (round(side * scale) for side in _biggest_region(small == number))
        text = names.get(number, space.joint[number])
        _draw_name(picture, text, (left, top, width, height), as_colour(space.joint_colours[number].tolist()), taken)
    return picture


def draw_boxes(
    picture: UInt8[np.ndarray, "H W 3"], boxes: Sequence[tuple[Box, str, Colour]]
) -> UInt8[np.ndarray, "H W 3"]:
    """Draws boxes, each with its text and colour, on a copy of the picture."""
    picture = picture.copy()
    letters = letter_height(*picture.shape[:2])
    taken: list[Box] = []
    for (left, top, width, height), _, colour in boxes:
        corner = (left + width - 1, top + height - 1)
        cv2.rectangle(picture, (left, top), corner, colour, max(1, letters // 8))
    for box, text, colour in boxes:
        _draw_name(picture, text, box, colour, taken)
    return picture


def letter_height(height: int, width: int) -> int:
    """The height in pixels of letters on a picture of this size: 8 at 128 pixels, 10 at 320, 21 at 1080."""
    return round(6 + 0.014 * min(height, width))


def _tint(
    frame: UInt8[np.ndarray, "H W 3"], joint: UInt8[np.ndarray, "H W"], space: Classes, opacity: float
) -> UInt8[np.ndarray, "H W 3"]:
    table = np.full((256, 3), _IGNORE_GREY, np.uint8)
    table[: len(space.joint_colours)] = space.joint_colours
    tint = cv2.LUT(cv2.merge([joint] * 3), table[None])
    blend = cv2.addWeighted(frame, 1 - opacity, tint, opacity, 0)
    actors = (joint != BACKGROUND).astype(np.uint8)
    picture = frame.copy()
    cv2.copyTo(blend, actors, picture)
    reach = 1 + 2 * max(1, round(min(joint.shape) / 720))
    kernel = np.ones((reach, reach), np.uint8)
    edge = (cv2.dilate(joint, kernel) != cv2.erode(joint, kernel)).astype(np.uint8) * actors
    # Half way to white: a contour in the class's own colour would be invisible where that colour is nearly black.
    cv2.copyTo(cv2.addWeighted(tint, 0.5, np.full_like(tint, 255), 0.5, 0), edge, picture)
    return picture


def _shrink(joint: UInt8[np.ndarray, "H W"]) -> tuple[UInt8[np.ndarray, "h w"], float]:
    """The labels at the size of the analysis, and the factor back to their own size."""
    scale = max(1.0, max(joint.shape) / _ANALYSIS_SIDE)
    size = tuple(max(1, round(side / scale)) for side in joint.shape[::-1])
    return cv2.resize(joint, size, interpolation=cv2.INTER_NEAREST), scale


def _biggest_region(pixels: Bool[np.ndarray, "h w"]) -> Box:
    """The box of the biggest connected region of true pixels; there must be one."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(pixels.astype(np.uint8), connectivity=8)
    regions = stats[1:]  # row 0 is the background
    left, top, width, height, _ = regions[np.argmax(regions[:, cv2.CC_STAT_AREA])].tolist()
    return left, top, width, height


def _draw_name(picture: UInt8[np.ndarray, "H W 3"], text: str, region: Box, colour: Colour, taken: list[Box]) -> None:
    """Draws `text` above, in or below the region if the `taken` boxes leave room; adds its own box to them."""
    height, width = picture.shape[:2]
    letters = letter_height(height, width)
    text_width, text_height = text_size(text, letters)
    left, top, region_width, region_height = region
    x = int(np.clip(left + (region_width - text_width) // 2, 0, max(0, width - text_width)))
    rows = [top - text_height - 1, top + 1, top + region_height + 1]
    rows += [top + step * (text_height + 1) for step in (1, 2, 3, -2, -3)]
    boxes = [(x, int(np.clip(y, 0, max(0, height - text_height))), text_width, text_height) for y in rows]
    free = [box for box in boxes if not any(_overlap(box, other) for other in taken)]
    if free:
        draw_text(picture, text, *free[0][:2], letters, readable_on(colour), colour)
        taken.append(free[0])


def _overlap(first: Box, second: Box) -> bool:
    return all(first[k] < second[k] + second[k + 2] and second[k] < first[k] + first[k + 2] for k in (0, 1))


def _draw_legend(picture: UInt8[np.ndarray, "H W 3"], present: Sequence[int], space: Classes) -> Box:
    """Draws colours and names of the classes, biggest first, along the lower edge; returns the box it uses."""
    height, width = picture.shape[:2]
    letters = letter_height(height, width)
    line = text_size("A", letters)[1]
    items, right = [], 0
    for number in present:
        step = line + text_size(space.joint[number], letters)[0]
        if right + step > width:
            break
        items.append((number, right))
        right += step
    if not items:
        return 0, height, 0, 0
    rest = f"+{len(present) - len(items)}" if len(items) < len(present) else ""
    top = height - line
    picture[top:, :right] //= 3  # a dark strip keeps letters readable on any scene
    for number, left in items:
        inset = max(1, line // 4)
        colour = as_colour(space.joint_colours[number].tolist())
        corners = (left + inset, top + inset), (left + line - inset, height - 1 - inset)
        cv2.rectangle(picture, *corners, colour, -1)
        cv2.rectangle(picture, *corners, WHITE, 1)  # some colours are nearly black
        draw_text(picture, space.joint[number], left + line, top, letters, WHITE)
    if rest:
        draw_text(picture, rest, min(right, width - text_size(rest, letters)[0]), top, letters, WHITE, BLACK)
    return 0, top, right, line
