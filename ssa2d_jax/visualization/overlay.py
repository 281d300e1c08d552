"""Draws joint labels onto frames: tint, contour, class names and a legend."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from ssa2d_jax.data.label_space import BACKGROUND, IGNORE, LabelSpace
from ssa2d_jax.visualization.drawn_pairs import DrawnPairs
from ssa2d_jax.visualization.text import BLACK, WHITE, draw_text, readable_on, text_size

_ANALYSIS_SIDE = 320  # regions are looked for at this size at most: names needn't sit to the pixel
_SMALLEST_SHARE = 0.001  # of the frame: a class with less gets no name of its own, the legend still lists it
_MOST_NAMES = 8  # names on one frame
_IGNORE_GREY = 127
_COMPARISON_HEIGHT = 256  # pixels; smaller frames are enlarged to it
_TABLE_LETTERS = 9  # pixels
_LIGHTEST, _DARKEST = np.array([255.0, 255.0, 255.0]), np.array([8.0, 69.0, 148.0])


def draw_overlay(
    frame: np.ndarray,
    joint: np.ndarray,
    space: LabelSpace | DrawnPairs,
    *,
    opacity: float,
    names: Mapping[int, str] | None,
) -> np.ndarray:
    """The frame with its joint labels: uint8 [H, W, 3] and [H, W] -> uint8 [H, W, 3].

    `opacity` in [0, 1] is that of the tint in `space.joint_colours`; a thin contour bounds every class.
    `names` maps a joint class to what is written near its biggest region (a class that isn't in it: its plain
    name); None = no names and no legend. Letters grow with the frame.
    """
    if frame.shape != (*joint.shape, 3):
        raise ValueError(f"frame is {frame.shape}, its labels are {joint.shape}; both need the same size")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is {opacity}, allowed is 0 to 1")
    picture = _tinted(frame, joint, space, opacity)
    if names is None:
        return picture
    counts = np.bincount(joint.ravel(), minlength=256)
    counts[[BACKGROUND, IGNORE]] = 0
    present = [int(number) for number in np.argsort(-counts, kind="stable") if counts[number]]
    taken = [_draw_legend(picture, present, space)]
    named = [number for number in present if counts[number] >= _SMALLEST_SHARE * joint.size]
    small, scale = _small(joint)
    for number in named[:_MOST_NAMES]:
        if not (small == number).any():  # scattered pixels, lost on the way to analysis size
            continue
        region = tuple(round(side * scale) for side in _biggest_region(small == number))
        text = names.get(number, space.joint[number])
        _draw_name(picture, text, region, space.joint_colours[number], taken)
    return picture


def draw_boxes(
    picture: np.ndarray, boxes: Sequence[tuple[tuple[int, int, int, int], str, tuple[int, ...]]]
) -> np.ndarray:
    """`picture`, uint8 [H, W, 3], with boxes: each (x, y, width, height), what is written at it, and its colour."""
    picture = picture.copy()
    height, width = picture.shape[:2]
    letters, taken = letter_height(height, width), []
    for box, _, colour in boxes:
        x, y, wide, tall = box
        cv2.rectangle(
            picture, (x, y), (x + wide - 1, y + tall - 1), tuple(int(c) for c in colour), max(1, letters // 8)
        )
    for box, text, colour in boxes:
        _draw_name(picture, text, box, colour, taken)
    return picture


def letter_height(height: int, width: int) -> int:
    """Height in pixels of the letters on a picture of this size: 8 at 128 pixels, 10 at 320, 21 at 1080."""
    return round(6 + 0.014 * min(height, width))


def _tinted(frame: np.ndarray, joint: np.ndarray, space: LabelSpace | DrawnPairs, opacity: float) -> np.ndarray:
    table = np.full((256, 3), _IGNORE_GREY, np.uint8)
    table[: len(space.joint_colours)] = space.joint_colours
    tint = cv2.LUT(cv2.merge([joint] * 3), table[None])  # [H, W, 3]
    blend = cv2.addWeighted(frame, 1 - opacity, tint, opacity, 0)
    actors = (joint != BACKGROUND).astype(np.uint8)
    picture = frame.copy()
    cv2.copyTo(blend, actors, picture)
    reach = 1 + 2 * max(1, round(min(joint.shape) / 720))
    kernel = np.ones((reach, reach), np.uint8)
    edge = (cv2.dilate(joint, kernel) != cv2.erode(joint, kernel)).astype(np.uint8) * actors
    # Half-way to white: a contour in the class's own colour would vanish where that colour is nearly black.
    cv2.copyTo(cv2.addWeighted(tint, 0.5, np.full_like(tint, 255), 0.5, 0), edge, picture)
    return picture


def _small(joint: np.ndarray) -> tuple[np.ndarray, float]:
    """The labels at analysis size and the factor back to their own."""
    scale = max(1.0, max(joint.shape) / _ANALYSIS_SIDE)
    size = tuple(max(1, round(side / scale)) for side in joint.shape[::-1])
    return cv2.resize(joint, size, interpolation=cv2.INTER_NEAREST), scale


def _biggest_region(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, width, height of the biggest connected region of bool [h, w], which needs one."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(pixels.astype(np.uint8), connectivity=8)
    regions = stats[1:]  # row 0 is the background
    return tuple(int(side) for side in regions[np.argmax(regions[:, cv2.CC_STAT_AREA])][:4])


def _draw_name(picture: np.ndarray, text: str, region, colour, taken: list) -> None:
    """Writes `text` above, in or below the region unless the `taken` boxes leave no room; adds its own."""
    height, width = picture.shape[:2]
    letters = letter_height(height, width)
    wide, tall = text_size(text, letters)
    left, top, region_width, region_height = region
    x = int(np.clip(left + (region_width - wide) // 2, 0, max(0, width - wide)))
    rows = [top - tall - 1, top + 1, top + region_height + 1]
    rows += [top + step * (tall + 1) for step in (1, 2, 3, -2, -3)]
    boxes = [(x, int(np.clip(y, 0, max(0, height - tall))), wide, tall) for y in rows]
    free = [box for box in boxes if not any(_overlap(box, other) for other in taken)]
    if free:
        draw_text(picture, text, *free[0][:2], letters, readable_on(colour), colour)
        taken.append(free[0])


def _overlap(one: tuple, other: tuple) -> bool:
    return all(one[k] < other[k] + other[k + 2] and other[k] < one[k] + one[k + 2] for k in (0, 1))


def _draw_legend(picture: np.ndarray, present: list[int], space: LabelSpace | DrawnPairs) -> tuple[int, int, int, int]:
    """Swatches and names of the classes, biggest first, along the lower edge; returns the box used."""
    height, width = picture.shape[:2]
    letters = letter_height(height, width)
    tall = text_size("A", letters)[1]
    items, right = [], 0
    for number in present:
        step = tall + text_size(space.joint[number], letters)[0]
        if right + step > width:
            break
        items.append((number, right))
        right += step
    if not items:
        return 0, height, 0, 0
    rest = f"+{len(present) - len(items)}" if len(items) < len(present) else ""
    top = height - tall
    picture[top:, :right] //= 3  # a dark strip: letters stay readable on any scene
    for number, left in items:
        inset = max(1, tall // 4)
        colour = tuple(int(channel) for channel in space.joint_colours[number])
        corners = (left + inset, top + inset), (left + tall - inset, height - 1 - inset)
        cv2.rectangle(picture, *corners, colour, -1)
        cv2.rectangle(picture, *corners, WHITE, 1)  # some colours are nearly black
        draw_text(picture, space.joint[number], left + tall, top, letters, WHITE)
    if rest:
        draw_text(picture, rest, min(right, width - text_size(rest, letters)[0]), top, letters, WHITE, BLACK)
    return 0, top, right, tall


def comparison(
    frame: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    mask: np.ndarray,
    space: LabelSpace | tuple[DrawnPairs, DrawnPairs],
    caption: str = "frame",
) -> np.ndarray:
    """One picture uint8 [h, 4 w, 3]: frame | truth | prediction | mask, each with its caption.

    frame uint8 [y, x, 3]; truth uint8 [H, W] and prediction uint8 [y, x], joint classes (255 = ignore, grey);
    mask [y, x] in [0, 1], drawn from black to white. The sizes y, x may differ: all are brought to the
    truth's size, and small ones to a height at which names can be read. `space` names the classes: of both, or of
    truth and prediction each.
    """
    height, width = truth.shape
    scale = max(1.0, _COMPARISON_HEIGHT / height)
    size = (round(width * scale), round(height * scale))
    frame = cv2.resize(np.asarray(frame), size, interpolation=cv2.INTER_LINEAR)
    nearest = [cv2.resize(np.asarray(maps), size, interpolation=cv2.INTER_NEAREST) for maps in (truth, prediction)]
    spaces = space if isinstance(space, tuple) else (space, space)
    drawn = [
        draw_overlay(frame, labels, one, opacity=0.65, names={}) for labels, one in zip(nearest, spaces, strict=True)
    ]
    grey = np.rint(255 * np.clip(np.asarray(mask), 0, 1)).astype(np.uint8)
    grey = cv2.cvtColor(cv2.resize(grey, size, interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2RGB)
    panels = zip((caption, "truth", "prediction", "mask"), (frame, *drawn, grey), strict=True)
    return np.hstack([_captioned(panel, caption) for caption, panel in panels])


def tile(frame: np.ndarray, joint: np.ndarray, space: LabelSpace, caption: str, width: int = 320) -> np.ndarray:
    """A frame with its joint labels (255 = ignore, grey), `width` pixels wide, under a caption: uint8 [h, width, 3]."""
    height = max(1, round(frame.shape[0] * width / frame.shape[1]))
    small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    labels = cv2.resize(joint, (width, height), interpolation=cv2.INTER_NEAREST)
    return _captioned(draw_overlay(small, labels, space, opacity=0.5, names={}), caption)[:, :width]


def contact_sheet(tiles: Sequence[np.ndarray], columns: int = 4) -> np.ndarray:
    """Tiles of one width, row by row, each row as high as its highest: uint8 [H, W, 3]."""
    rows = []
    for start in range(0, len(tiles), columns):
        some = list(tiles[start : start + columns])
        some += [np.zeros_like(some[0])] * (columns - len(some) if len(tiles) > columns else 0)
        height = max(len(one) for one in some)
        rows.append(np.hstack([np.pad(one, ((0, height - len(one) + 2), (0, 2), (0, 0))) for one in some]))
    return np.vstack(rows)


def _captioned(panel: np.ndarray, caption: str) -> np.ndarray:
    height, width = panel.shape[:2]
    letters = letter_height(height, width) + 2
    strip = np.full((text_size(caption, letters)[1], width, 3), 40, np.uint8)
    draw_text(strip, caption, 0, 0, letters, WHITE)
    return np.pad(np.vstack([strip, panel]), ((0, 0), (0, 2), (0, 0)))  # a thin black line between panels


def confusion_picture(matrix: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """A confusion matrix [truth, prediction] of counts as a picture uint8 [H, W, 3], in percent of every row.

    White to blue with the share; what rounds to 0 % stays without a number, a row without truth is grey.
    """
    matrix = np.asarray(matrix, np.float64)
    if matrix.shape != (len(names), len(names)):
        raise ValueError(f"matrix is {matrix.shape}, expected ({len(names)}, {len(names)}): one row a name")
    totals = matrix.sum(axis=1, keepdims=True)
    percent = 100 * np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    cell = text_size("100", _TABLE_LETTERS)[0] + 4
    cells = _LIGHTEST + (_DARKEST - _LIGHTEST) * percent[..., None] / 100
    cells[totals[:, 0] == 0] = 225
    table = np.kron(np.rint(cells).astype(np.uint8), np.ones((cell, cell, 1), np.uint8))
    table[::cell] = table[:, ::cell] = 205  # grid lines
    for row, column in np.argwhere(percent >= 0.5):
        text = f"{percent[row, column]:.0f}"
        width, tall = text_size(text, _TABLE_LETTERS)
        left, top = column * cell + (cell - width) // 2 + 1, row * cell + (cell - tall) // 2 + 1
        draw_text(table, text, left, top, _TABLE_LETTERS, readable_on(cells[row, column]))
    return _with_names(table, names, cell)


def _with_names(table: np.ndarray, names: tuple[str, ...], cell: int) -> np.ndarray:
    """The table with rows named at its left and columns, read upwards, above it; a title in the corner."""
    letters = _TABLE_LETTERS
    side = max(text_size(name, letters)[0] for name in (*names, "columns: prediction")) + 6
    rows = np.full((len(table), side, 3), 255, np.uint8)
    for number, name in enumerate(names):
        width, tall = text_size(name, letters)
        draw_text(rows, name, side - width - 2, number * cell + (cell - tall) // 2 + 1, letters, BLACK)
    columns = np.full((len(table), side, 3), 255, np.uint8)
    for number, name in enumerate(names):
        tall = text_size(name, letters)[1]
        draw_text(columns, name, 2, number * cell + (cell - tall) // 2 + 1, letters, BLACK)
    # Turned by a quarter to the left, the lowest row would come last: it is column order already.
    columns = np.rot90(columns)
    corner = np.full((side, side, 3), 255, np.uint8)
    for number, text in enumerate(("rows: truth", "columns: prediction", "% of the row")):
        draw_text(corner, text, 2, 4 + number * (letters + 8), letters, BLACK)
    picture = np.vstack([np.hstack([corner, columns]), np.hstack([rows, table])])
    return np.pad(picture, ((0, 6), (0, 6), (0, 0)), constant_values=255)
