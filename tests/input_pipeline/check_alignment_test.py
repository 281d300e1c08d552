"""Labels that fit a neighbouring frame better than their own are found; others are not."""

import numpy as np
import pytest
from PIL import Image

from input_pipeline import check
from input_pipeline.check_alignment import edge_strength, find_border, find_shift, relative_strength
from input_pipeline.releases import layouts

SIZE, COUNT = (48, 80), 16


def _frame(rng, corner):
    """A noisy picture and the mask of a square of 14 pixels whose upper left corner is at `corner`."""
    mask = np.zeros(SIZE, np.uint8)
    y, x = corner
    mask[y : y + 14, x : x + 14] = 1
    grey = np.where(mask > 0, 190, 80) + rng.normal(0, 8, SIZE)
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, -1), mask


def _write(root, shift, speed=2, videos="abcd"):
    """Videos with moving squares; the label of every third frame is that of the frame `shift` later."""
    rng = np.random.default_rng(0)
    for k, name in enumerate(videos):
        drawn = [_frame(rng, (5 + 4 * k, 4 + speed * i)) for i in range(COUNT)]
        for i, (rgb, _) in enumerate(drawn):
            path = root / "JPEGImages" / name / f"{i:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rgb).save(path)
        for i in range(1, COUNT - 1, 3):
            path = root / "Annotations" / name / f"{i:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawn[i + shift][1]).save(path)
    rows = "".join(f"{name},1,dog,running\n" for name in videos)
    (root / "labels.csv").write_text(f"video,instance,actor,action\n{rows}")
    return root


def _remarks(root):
    release = layouts.open_folder(root)
    return [line for line in check.video_warnings(list(check.check_release(release))) if "fit the frame" in line]


def test_the_border_has_the_pixels_on_both_sides():
    regions = np.zeros((6, 6), np.uint16)
    regions[2:4, 2:4] = 3
    border = find_border(regions)
    found = np.zeros((6, 6), int)
    found[border.rows, border.columns] = 1
    assert found.tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert len(find_border(np.ones((4, 4), np.uint16)).rows) == 0
    rim = np.zeros((4, 6), np.uint16)
    rim[:, :2] = 1
    assert find_border(rim).columns.tolist() == [1, 2, 1, 2] and find_border(rim).rows.tolist() == [1, 1, 2, 2]


def test_the_strength_of_an_edge_is_the_gradients_length():
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 4:] = 10
    regions = np.zeros((8, 8), np.uint16)
    regions[:, 4:] = 1
    assert edge_strength(picture, find_border(regions)) == pytest.approx(40)  # Sobel: 1 + 2 + 1 times the step
    assert edge_strength(np.full_like(picture, 9), find_border(regions)) == 0
    # Of the columns 1 to 6, which are compared, two are at the edge.
    assert relative_strength(picture, find_border(regions)) == pytest.approx((40 + 1) / (40 / 3 + 1))


@pytest.mark.parametrize("speed", [1, 2, 4])
def test_labels_of_a_neighbouring_frame_are_found(tmp_path, speed):
    assert _remarks(_write(tmp_path / "right", 0, speed)) == []
    (before,) = _remarks(_write(tmp_path / "from1", -1, speed))
    assert before.startswith("labels fit the frame before them better than their own (")
    assert before.endswith("of 20 that were compared): are they counted from 1?")
    (after,) = _remarks(_write(tmp_path / "late", 1, speed))
    assert after.startswith("labels fit the frame after them better than their own (")


def test_few_or_still_labels_say_nothing(tmp_path):
    assert _remarks(_write(tmp_path / "few", -1, videos="a")) == []
    assert _remarks(_write(tmp_path / "still", -1, speed=0)) == []


def test_a_shift_must_be_clear():
    better, worse, alike = (1.1, 1.0, 0.9), (0.9, 1.0, 0.9), (1.0, 1.0, 1.0)
    assert "before them better than their own (20 of 23 that" in find_shift([better] * 20 + [worse] * 3)
    assert find_shift([better] * 11 + [worse] * 5) == ""
    assert "before them better than their own (10 of 30 that" in find_shift([better] * 10 + [alike] * 20)
    assert find_shift([(1.01, 1.0, 0.9)] * 16) == "" and find_shift([better] * 7) == "" and find_shift([]) == ""
    assert "after" in find_shift([(0.9, 1.0, 1.1)] * 8)
    assert find_shift([(1.1, 1.0, 1.1)] * 16) == ""  # before or after?
    assert find_shift([(9.0, 1.0, 1.0), *[worse] * 15]) == ""  # a single label decides nothing
