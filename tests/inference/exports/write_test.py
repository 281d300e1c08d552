import errno
import json
from fractions import Fraction

import numpy as np
import pytest

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.exports import coco
from ssa2d_jax.inference.exports.options import ExportOptions
from ssa2d_jax.inference.exports.write import check_formats, convert_tracks
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.writer import VideoWriter
from tests.fixtures import export_clip
from tests.fixtures.toy_detector import detector, make_video

ALL = ("cvat", "coco", "youtube_vis", "labelme")
FILES = {"cvat.xml", "cvat_labels.json", "coco.json", "youtube_vis.json", "labelme"}


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    "formats, options, message",
    [
        (("cvta",), {}, "formats are 'cvta'; did you mean 'cvat'.; allowed: .* cvat, coco"),
        (("coco", "coco"), {}, "formats are 'coco,coco'; allowed"),
        (("coco",), {"shapes": "boxes"}, "shapes are 'boxes'; allowed: 'masks' or 'polygons'"),
        (("coco",), {"iou": 1.5}, "iou is 1.5"),
        (("coco",), {"step": 0}, "step is 0"),
    ],
)
def test_options_that_are_not_allowed(formats, options, message):
    with pytest.raises(InputError, match=message):
        check_formats(formats, ExportOptions(**options))


def test_names_that_no_tool_reads_back():
    space = LabelSpace.from_names(("dog\n",), ("run",), (("dog\n", "run"),))
    with pytest.raises(InputError, match="characters that can't be printed"):
        check_formats(("coco",), ExportOptions(), space)
    check_formats((), ExportOptions(), space)


def test_a_prediction_is_written_anew_in_other_formats(tmp_path, capsys):
    tracks_json = export_clip.write_tracks(tmp_path / "a")
    convert_tracks(tracks_json, tmp_path / "b", ALL)
    assert names(tmp_path / "b") == FILES | {"summary.json"}
    assert "clip.mp4: CVAT for video 1.1: 3 tracks" in capsys.readouterr().err
    convert_tracks(tracks_json, tmp_path / "b", ("coco",), ExportOptions(step=2))  # its own files are replaced
    assert len(json.loads((tmp_path / "b" / "coco.json").read_text())["images"]) == 12
    with pytest.raises(InputError, match="choose a format"):
        convert_tracks(tracks_json, tmp_path / "c", ())
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", ["cvat.xml", "cvat_labels.json", "coco.json", "youtube_vis.json", "labelme"])
def test_corrections_are_never_overwritten(tmp_path, name):
    tracks_json = export_clip.write_tracks(tmp_path / "a")
    convert_tracks(tracks_json, tmp_path / "b", ALL)
    path = tmp_path / "b" / name
    path = path / "frame_000003.json" if path.is_dir() else path
    path.write_text("mine")
    with pytest.raises(InputError, match=f"{name}: was changed after it was written"):
        convert_tracks(tracks_json, tmp_path / "b", ALL)
    assert path.read_text() == "mine"


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    tracks_json = export_clip.write_tracks(tmp_path / "a")
    convert_tracks(tracks_json, tmp_path / "b", ("coco",))
    before = (tmp_path / "b" / "coco.json").read_bytes()

    def fails(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(coco, "write_coco", fails)
    with pytest.raises(OSError, match="No space left"):
        convert_tracks(tracks_json, tmp_path / "b", ("coco",))
    assert (tmp_path / "b" / "coco.json").read_bytes() == before and names(tmp_path / "b") == {
        "coco.json",
        "summary.json",
    }


def test_pictures_come_from_the_video_of_the_prediction(tmp_path):
    tracks_json = export_clip.write_tracks(tmp_path / "a")
    pictures = ExportOptions(pictures=True, step=8)
    with pytest.raises(InputError, match="the pictures need the video"):
        convert_tracks(tracks_json, tmp_path / "b", ("labelme",), pictures)
    with VideoWriter(tmp_path / "v.mp4", height=60, width=80, time_base=Fraction(1, 25), rate=Fraction(25)) as writer:
        for i in range(24):
            writer.write(np.full((60, 80, 3), 10 * i, np.uint8), i)
    (tmp_path / "a" / "summary.json").write_text(json.dumps({"video": str(tmp_path / "v.mp4")}))
    convert_tracks(tracks_json, tmp_path / "b", ("labelme",), pictures)
    expected = {f"frame_0000{i:02d}{suffix}" for i in (0, 8, 16) for suffix in (".json", ".jpg")}
    assert names(tmp_path / "b" / "labelme") == expected


def test_a_result_writes_the_same_files_from_python(tmp_path):
    result = detector()(make_video(tmp_path / "a.mp4", 20))
    result.write_labels(tmp_path / "out", ALL, video="a.mp4", options=ExportOptions(pictures=True, step=5))
    assert names(tmp_path / "out") == FILES | {"summary.json"}
    assert names(tmp_path / "out" / "labelme") == {
        f"frame_0000{i:02d}{suffix}" for i in (0, 5, 10, 15) for suffix in (".json", ".jpg")
    }
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [entry["attributes"]["action"] for entry in content["annotations"]] == ["running"] * 4
    result.write_labels(tmp_path / "out", ("coco", "labelme"))
    assert names(tmp_path / "out") == FILES | {"summary.json"}
    (tmp_path / "out" / "labelme" / "frame_000000.json").write_text("mine")
    with pytest.raises(InputError, match="labelme: was changed after it was written"):
        result.write_labels(tmp_path / "out", ("coco", "labelme"))
    with pytest.raises(InputError, match="formats are 'yolo'"):
        result.write_labels(tmp_path / "out", ("yolo",))
