import pytest

from tools import read_exports


def test_what_is_made_comes_back_through_pycocotools(tmp_path):
    read_exports.make(tmp_path)
    assert read_exports.compare(tmp_path, read_exports.read_pycocotools(tmp_path)) == (49, 0, 49, 1.0, 49)


def test_masks_and_names_that_are_lost_are_counted(tmp_path):
    read_exports.make(tmp_path)
    (first, *others) = read_exports.read_pycocotools(tmp_path)
    track, frame, actor, _, mask = first
    half = mask.copy()
    half[:, : mask.any(0).argmax() + 1] = 0
    count, lost, equal, least, named = read_exports.compare(tmp_path, [(track, frame, actor, "no", half), *others[1:]])
    assert (count, lost, equal, named) == (48, 1, 47, 47)
    assert least == pytest.approx(half.sum() / mask.sum())
