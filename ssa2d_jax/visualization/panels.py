"""Pictures made of several: labelled frames side by side, contact sheets, confusion matrices."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Num, UInt8

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.visualization.drawn_pairs import DrawnPairs
from ssa2d_jax.visualization.overlay import Classes, draw_overlay, letter_height
from ssa2d_jax.visualization.text import BLACK, WHITE, draw_text, readable_on, text_size

_COMPARISON_HEIGHT = 256  # pixels; smaller frames are enlarged to it
_TABLE_LETTERS = 9  # pixels
_SMALLEST_LETTERS = 7  # pixels, of captions
_LIGHTEST, _DARKEST = np.array([255.0, 255.0, 255.0]), np.array([8.0, 69.0, 148.0])


def draw_comparison(
    frame: UInt8[np.ndarray, "y x 3"],
    truth: UInt8[np.ndarray, "H W"],
    prediction: UInt8[np.ndarray, "y2 x2"],
    mask: Num[np.ndarray, "y3 x3"],
    space: LabelSpace | tuple[DrawnPairs, DrawnPairs],
    caption: str = "frame",
) -> UInt8[np.ndarray, "h w 3"]:
    """Draws four panels with captions in a row: frame, truth, prediction, mask.

    All are resized to the truth's size, and small ones enlarged until names are readable.

    Args:
        frame: RGB.
        truth: joint classes; 255 = ignore, drawn grey.
        prediction: joint classes.
        mask: values in [0, 1], drawn from black to white.
        space: names and colours of the classes, for both or for truth and prediction.
        caption: of the frame.
    """
    height, width = truth.shape
    scale = max(1.0, _COMPARISON_HEIGHT / height)
    size = (round(width * scale), round(height * scale))
    frame = cv2.resize(np.asarray(frame), size, interpolation=cv2.INTER_LINEAR)
    maps = [cv2.resize(np.asarray(labels), size, interpolation=cv2.INTER_NEAREST) for labels in (truth, prediction)]
    spaces: tuple[Classes, Classes] = space if isinstance(space, tuple) else (space, space)
    overlays = [
        draw_overlay(frame, labels, classes, opacity=0.65) for labels, classes in zip(maps, spaces, strict=True)
    ]
    grey = np.rint(255 * np.clip(np.asarray(mask), 0, 1)).astype(np.uint8)
    grey = cv2.cvtColor(cv2.resize(grey, size, interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2RGB)
    panels = zip((caption, "truth", "prediction", "mask"), (frame, *overlays, grey), strict=True)
    return np.hstack([_add_caption(panel, text) for text, panel in panels])


def draw_tile(
    frame: UInt8[np.ndarray, "H W 3"],
    joint: UInt8[np.ndarray, "H W"],
    space: LabelSpace,
    caption: str,
    width: int = 320,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draws a frame with its joint labels (255 = ignore, grey), `width` pixels wide, under a caption."""
    height = max(1, round(frame.shape[0] * width / frame.shape[1]))
    small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    labels = cv2.resize(joint, (width, height), interpolation=cv2.INTER_NEAREST)
    return _add_caption(draw_overlay(small, labels, space, opacity=0.5), caption)[:, :width]


def contact_sheet(tiles: Sequence[UInt8[np.ndarray, "_ w 3"]], columns: int = 4) -> UInt8[np.ndarray, "H W 3"]:
    """Puts tiles of one width into rows, each row as high as its highest tile."""
    rows = []
    for start in range(0, len(tiles), columns):
        row = list(tiles[start : start + columns])
        row += [np.zeros_like(row[0])] * (columns - len(row) if len(tiles) > columns else 0)
        height = max(len(tile) for tile in row)
        rows.append(np.hstack([np.pad(tile, ((0, height - len(tile) + 2), (0, 2), (0, 0))) for tile in row]))
    return np.vstack(rows)


def _add_caption(panel: UInt8[np.ndarray, "H W 3"], caption: str) -> UInt8[np.ndarray, "H2 W2 3"]:
    """Adds a strip with the caption above the panel; of one that is too long, the end in smaller letters."""
    height, width = panel.shape[:2]
    letters = letter_height(height, width) + 2
    strip = np.full((text_size(caption, letters)[1], width, 3), 40, np.uint8)
    while letters > _SMALLEST_LETTERS and text_size(caption, letters)[0] > width:
        letters -= 1
    text, dropped = caption, 0
    while text_size(text, letters)[0] > width and dropped < len(caption):
        dropped += 1
        text = "..." + caption[dropped:]
    draw_text(strip, text, 0, 0, letters, WHITE)
    return np.pad(np.vstack([strip, panel]), ((0, 0), (0, 2), (0, 0)))  # a thin black line between panels


def draw_confusion(matrix: Num[np.ndarray, "truth prediction"], names: Sequence[str]) -> UInt8[np.ndarray, "H W 3"]:
    """Draws a confusion matrix of counts, in percent of every row.

    Cells go from white to blue with the percentage. Percentages that round to 0 are left out; a row without truth is
    grey.
    """
    matrix = np.asarray(matrix, np.float64)
    if matrix.shape != (len(names), len(names)):
        raise ValueError(f"matrix is {matrix.shape}, expected ({len(names)}, {len(names)}): one row for each name")
    totals = matrix.sum(axis=1, keepdims=True)
    percent = 100 * np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    cell = text_size("100", _TABLE_LETTERS)[0] + 4
    cells = _LIGHTEST + (_DARKEST - _LIGHTEST) * percent[..., None] / 100
    cells[totals[:, 0] == 0] = 225
    table = np.kron(np.rint(cells).astype(np.uint8), np.ones((cell, cell, 1), np.uint8))
    table[::cell] = table[:, ::cell] = 205  # grid lines
    _draw_numbers(table, percent, cells, cell)
    return _add_names(table, names, cell)


def _draw_numbers(
    table: UInt8[np.ndarray, "H W 3"],
    percent: Float[np.ndarray, "truth prediction"],
    colours: Float[np.ndarray, "truth prediction 3"],
    cell: int,
) -> None:
    """Draws the percentages into the cells of the table, each `cell` pixels wide and high."""
    for row, column in np.argwhere(percent >= 0.5).tolist():
        text = f"{percent[row, column]:.0f}"
        width, height = text_size(text, _TABLE_LETTERS)
        left, top = column * cell + (cell - width) // 2 + 1, row * cell + (cell - height) // 2 + 1
        draw_text(table, text, left, top, _TABLE_LETTERS, readable_on(colours[row, column]))


def _add_names(table: UInt8[np.ndarray, "H W 3"], names: Sequence[str], cell: int) -> UInt8[np.ndarray, "H2 W2 3"]:
    """Adds the names of the rows at the left, of the columns (upwards) above, and a title in the corner."""
    letters = _TABLE_LETTERS
    side = max(text_size(name, letters)[0] for name in (*names, "columns: prediction")) + 6
    rows = np.full((len(table), side, 3), 255, np.uint8)
    for number, name in enumerate(names):
        width, height = text_size(name, letters)
        draw_text(rows, name, side - width - 2, number * cell + (cell - height) // 2 + 1, letters, BLACK)
    columns = np.full((len(table), side, 3), 255, np.uint8)
    for number, name in enumerate(names):
        height = text_size(name, letters)[1]
        draw_text(columns, name, 2, number * cell + (cell - height) // 2 + 1, letters, BLACK)
    columns = np.rot90(columns)  # a quarter turn to the left puts the first row into the first column
    corner = np.full((side, side, 3), 255, np.uint8)
    for number, text in enumerate(("rows: truth", "columns: prediction", "% of the row")):
        draw_text(corner, text, 2, 4 + number * (letters + 8), letters, BLACK)
    picture = np.vstack([np.hstack([corner, columns]), np.hstack([rows, table])])
    return np.pad(picture, ((0, 6), (0, 6), (0, 0)), constant_values=255)
