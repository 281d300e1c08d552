"""Pictures made of several: comparisons, contact sheets, confusion matrices."""

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, IGNORE
from ssa2d_jax.visualization.panels import contact_sheet, draw_comparison, draw_confusion, draw_tile

DOG_RUNNING = A2D.joint.index("dog-running")


def test_comparison_has_four_panels_of_the_truths_shape():
    truth = np.zeros((128, 192), np.uint8)
    truth[40:80, 40:80] = DOG_RUNNING
    truth[:8] = IGNORE
    frame = np.full((64, 64, 3), 90, np.uint8)
    picture = draw_comparison(frame, truth, np.zeros((128, 192), np.uint8), (truth == DOG_RUNNING).astype(float), A2D)
    height, width = picture.shape[:2]
    assert width == 4 * (384 + 2) and 256 < height < 300
    frame_panel, truth_panel, prediction_panel, mask_panel = np.split(picture[height - 256 :, :], 4, axis=1)
    np.testing.assert_array_equal(frame_panel[:, :384], np.full((256, 384, 3), 90))
    np.testing.assert_array_equal(prediction_panel, frame_panel)
    np.testing.assert_array_equal(truth_panel[8, 190], (114, 114, 114))  # 0.35 * 90 + 0.65 * 127 = 114.05
    assert (mask_panel[120, 120] == 255).all() and not mask_panel[200, 300].any()


def test_confusion_shades_rows_by_share():
    matrix = np.array([[3, 1, 0], [0, 0, 0], [0, 0, 5]])
    picture = draw_confusion(matrix, ("background", "adult", "baby"))
    side = (picture.shape[0] - 6) // 3
    assert picture.shape[0] == picture.shape[1]
    cell = next(size for size in range(10, side) if (picture[-7 - size, -10] == 205).all())
    corner = lambda row, column: picture[-6 - (3 - row) * cell + 2, -6 - (3 - column) * cell + 2]
    # From white to (8, 69, 148): 75 % is (69.75, 115.5, 174.75), 25 % is (193.25, 208.5, 228.25).
    np.testing.assert_array_equal(corner(0, 0), (70, 116, 175))
    np.testing.assert_array_equal(corner(0, 1), (193, 208, 228))
    np.testing.assert_array_equal(corner(1, 1), (225, 225, 225))
    np.testing.assert_array_equal(corner(2, 2), (8, 69, 148))


def test_confusion_needs_a_name_for_every_row():
    with pytest.raises(ValueError, match=r"matrix is \(2, 2\), expected \(3, 3\)"):
        draw_confusion(np.zeros((2, 2)), ("a", "b", "c"))


def test_a_contact_sheet_has_rows_of_tiles():
    frame, joint = np.full((30, 40, 3), 90, np.uint8), np.zeros((30, 40), np.uint8)
    tile = draw_tile(frame, joint, A2D, "a caption", width=80)
    assert tile.shape[1] == 80 and tile.shape[0] > 60
    np.testing.assert_array_equal(tile[-60:], np.full((60, 80, 3), 90))
    tall = np.pad(tile, ((0, 5), (0, 0), (0, 0)))
    height = len(tile)
    assert contact_sheet([tile, tile], columns=4).shape == (height + 2, 2 * 82, 3)
    sheet = contact_sheet([tile, tall, tile], columns=2)
    assert sheet.shape == (height + 5 + 2 + height + 2, 2 * 82, 3)
    np.testing.assert_array_equal(sheet[:height, :80], tile)
    assert not sheet[height + 7 :, 82:].any()  # an empty place


def test_a_long_caption_keeps_its_end_and_stays_in_its_strip():
    frame, joint = np.full((30, 40, 3), 90, np.uint8), np.zeros((30, 40), np.uint8)
    strips = [draw_tile(frame, joint, A2D, f"{start} clip: 54 %", width=160)[:-120] for start in ("1" * 60, "2" * 60)]
    assert strips[0].shape[0] < 20 and np.all(strips[0][:, -2:] == 40)  # no letter reaches the edge
    end = np.s_[:, 115:]  # digits have one width
    np.testing.assert_array_equal(strips[0][end], strips[1][end])
    assert (strips[0][end] > 200).any()
