"""The archive of label maps: what is written can be read, and errors leave nothing."""

import numpy as np
import pytest

from ssa2d_jax.inference.label_archive import LabelArchive


def test_label_archive_reads_back_without_pickle(tmp_path):
    maps = np.random.RandomState(0).randint(0, 44, (2, 5, 6, 7)).astype(np.uint8)
    with LabelArchive(tmp_path / "labels.npz", {"actor": (6, 7), "joint": (6, 7)}) as archive:
        for actor, joint in zip(*maps, strict=True):
            archive.append(actor=actor, joint=joint)
    with np.load(tmp_path / "labels.npz", allow_pickle=False) as saved:
        assert sorted(saved) == ["actor", "joint"]
        np.testing.assert_array_equal(saved["actor"], maps[0])
        np.testing.assert_array_equal(saved["joint"], maps[1])
    assert [file.name for file in tmp_path.iterdir()] == ["labels.npz"]


def test_label_archive_refuses_other_shapes_and_names(tmp_path):
    def new_archive():
        return LabelArchive(tmp_path / "labels.npz", {"actor": (2, 2)})

    with pytest.raises(ValueError, match=r"expected uint8 \(2, 2\)"), new_archive() as archive:
        archive.append(actor=np.zeros((2, 3), np.uint8))
    with pytest.raises(ValueError, match=r"expected \['actor'\]"), new_archive() as archive:
        archive.append(action=np.zeros((2, 2), np.uint8))
    assert not list(tmp_path.iterdir())
