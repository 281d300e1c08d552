"""Shards say which way of reading videos they were built with; those of earlier versions are named and still read."""

from pathlib import Path

import pytest

from input_pipeline.records import reader_version
from input_pipeline.records.options import RegionOptions
from input_pipeline.records.prepare import prepare_regions
from tests.fixtures import a2d_release as fixture

OPTIONS = RegionOptions(clip_frames=8, frame_step=1, label_span=6, store_height=0, jpeg_quality=90)


def test_shards_of_an_earlier_version_are_opened_with_a_warning(tmp_path, capsys):
    release = str(fixture.write_release(tmp_path / "Release", train=1, test=1))
    prepare = lambda: prepare_regions(release, str(tmp_path / "prepared"), OPTIONS, processes=1)
    folder = Path(prepare().data_path)
    assert prepare().data_path == folder
    assert "earlier version" not in capsys.readouterr().err
    (folder / "video_reader.txt").unlink()  # as in shards of before
    shards = {path: path.stat().st_mtime_ns for path in folder.glob("*tfrecord*")}
    builder = prepare()
    assert builder.info.splits["train"].num_examples and shards
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*tfrecord*")} == shards
    warning = f"{folder}: built by an earlier version; videos that are interlaced, HDR or untagged HD"
    assert capsys.readouterr().err.count(warning) == 1


@pytest.mark.parametrize(("text", "warns"), [("1\n", True), ("", True), ("\xff", True), ("2\n", False), ("9\n", False)])
def test_only_versions_before_a_change_are_warned_of(tmp_path, capsys, text, warns):
    (tmp_path / "video_reader.txt").write_text(text, encoding="latin-1")
    reader_version.warn_of_earlier(tmp_path)
    assert ("warning" in capsys.readouterr().err) == warns
    reader_version.note_version(tmp_path)
    reader_version.warn_of_earlier(tmp_path)
    assert not capsys.readouterr().err
