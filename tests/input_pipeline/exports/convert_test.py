import base64
import dataclasses
import functools
import io
import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from input_pipeline import check
from input_pipeline.exports.convert import ConvertOptions, convert_export
from input_pipeline.releases.layouts import open_release
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.exports.options import ExportOptions
from ssa2d_jax.inference.exports.write import write_formats
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.images import encode_png
from ssa2d_jax.video.reader import read_frames
from tests.fixtures import export_clip
from tests.fixtures.exports import DATA, convert, make_video, read_labels, read_rows


@pytest.fixture
def videos(tmp_path):
    make_video(tmp_path / "videos", "park (1).mp4", 20)
    return tmp_path / "videos"


def test_the_folder_passes_the_check(tmp_path, videos):
    convert(DATA / "cvat/video.xml", tmp_path / "out", videos)
    result = check.run_check(open_release("folder", tmp_path / "out"), tmp_path / "checked")
    assert not result.problems
    assert (tmp_path / "checked/check.png").is_file()


def test_a_zip_with_the_video_and_a_folder_without_an_option_need_no_other_place(tmp_path, videos):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as file:
        file.write(DATA / "cvat/video.xml", "annotations.xml")
        file.write(videos / "park (1).mp4", "any name.mp4")
    convert(tmp_path / "export.zip", tmp_path / "zipped")
    shutil.copyfile(DATA / "cvat/video.xml", videos / "annotations.xml")
    convert(videos, tmp_path / "beside")
    for folder in ("zipped", "beside"):
        assert len(read_labels(tmp_path / folder, "park_1")) == 8
        assert [path.name for path in (tmp_path / folder / "videos").iterdir()] == ["park_1.mp4"]


def test_pictures_in_the_export_are_the_video(tmp_path):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as file:
        file.write(DATA / "cvat/video.xml", "annotations.xml")
        for frame in range(4, 19, 2):
            file.write(DATA / "labelme/walk/00000.jpg", f"images/frame_{frame:06}.PNG")
    convert(tmp_path / "export.zip", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out/videos/park_1").iterdir()) == [f"{n:05}.png" for n in range(8)]
    assert read_rows(tmp_path / "out")[0] == ("park_1", "1", "dog", "running", "0", "3")


def test_a_picture_that_is_missing_in_the_export_leaves_out_its_frame(tmp_path):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as file:
        file.write(DATA / "cvat/video.xml", "annotations.xml")
        for frame in range(6, 19, 2):
            file.write(DATA / "labelme/walk/00000.jpg", f"images/frame_{frame:06}.PNG")
    report = convert(tmp_path / "export.zip", tmp_path / "out")
    assert "note: park (1): frames without a picture, so not labelled: 4" in report
    assert len(read_labels(tmp_path / "out", "park_1")) == 7


def test_a_missing_video_names_the_option(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        InputError, match=r"the video park \(1\) is neither in the export nor in .*--config.convert.videos="
    ):
        convert(DATA / "cvat/video.xml", tmp_path / "out", tmp_path / "empty")
    with pytest.raises(InputError, match="none: no such folder; config.convert.videos"):
        convert(DATA / "cvat/video.xml", tmp_path / "out", tmp_path / "none")


def test_pictures_of_some_frames_are_said_and_a_named_video_comes_before_them(tmp_path, videos):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as file:
        file.write(DATA / "cvat/video.xml", "annotations.xml")
        frames = list(read_frames(videos / "park (1).mp4"))
        for frame in range(4, 19, 2):
            file.writestr(f"images/frame_{frame:06}.PNG", encode_png(frames[frame].rgb))
    report = convert(tmp_path / "export.zip", tmp_path / "pictures")
    assert "have the numbers 4, 6, 8, 10, 12 and 3 more: they are taken for neighbouring frames" in report
    report = convert(tmp_path / "export.zip", tmp_path / "video", videos)
    assert "neighbouring" not in report
    assert [path.name for path in (tmp_path / "video/videos").iterdir()] == ["park_1.mp4"]


def test_nothing_is_left_of_a_conversion_that_fails(tmp_path):
    (tmp_path / "videos").mkdir()
    make_video(tmp_path / "videos", "park (1).mp4", 6)
    message = r"frame 6 of .*/videos/park \(1\).mp4, counted from 0, but that has 6. .* a copy of another frame rate"
    with pytest.raises(InputError, match=message):
        convert(DATA / "cvat/video.xml", tmp_path / "out", tmp_path / "videos")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["videos"]


def test_an_output_that_exists_is_not_touched(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/labels.csv").write_text("mine")
    with pytest.raises(InputError, match="exists already; give --output a new folder"):
        convert_export(DATA / "cvat/video.xml", tmp_path / "out", ConvertOptions())
    assert (tmp_path / "out/labels.csv").read_text() == "mine"


def test_what_is_no_export_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(
        InputError, match=r"no known export of a labelling tool; it has 1 file \(notes.txt\). Known: .*CVAT"
    ):
        convert(tmp_path / "notes.txt", tmp_path / "out")
    with pytest.raises(InputError, match=r"config.convert.tool is 'paint'; allowed: cvat, coco, labelme"):
        convert(tmp_path / "notes.txt", tmp_path / "out", tool="paint")
    with pytest.raises(InputError, match=r"notes.txt: has no CVAT for video 1.1"):
        convert(tmp_path / "notes.txt", tmp_path / "out", tool="cvat")


def test_more_than_254_tracks_are_numbered_past_255(tmp_path):
    track = (
        '<track id="{n}" label="dog:running"><box frame="{f}" outside="0" xtl="1" ytl="1" xbr="9" ybr="9"/>'
        '<box frame="{g}" outside="1" xtl="1" ytl="1" xbr="9" ybr="9"/></track>'
    )
    tracks = "".join(track.format(n=n, f=n, g=n + 1) for n in range(256))
    (tmp_path / "annotations.xml").write_text(
        "<annotations><meta><task><stop_frame>300</stop_frame><labels><label><name>dog:running</name></label></labels>"
        f"<source>long.mp4</source></task></meta>{tracks}</annotations>"
    )
    make_video(tmp_path / "videos", "long.mp4", 301)
    convert(tmp_path / "annotations.xml", tmp_path / "out", tmp_path / "videos")
    numbers = [int(row[1]) for row in read_rows(tmp_path / "out")]
    assert numbers == [*range(1, 255), 256, 257]
    labels = read_labels(tmp_path / "out", "long")
    assert {frame: int(label.max()) for frame, label in labels.items()} == dict(enumerate(numbers))
    assert labels[255].dtype == np.uint16


_PREDICTED = ["cvat.xml", "coco.json", "labelme", "polygons/cvat.xml", "polygons/labelme"]


def _predictions(folder):
    """Predictions in the formats of the tools, and their video; frames 0 to 23 show tracks."""
    tracks = export_clip.write_tracks(folder, export_clip.PLAIN_SPACE)
    write_formats(tracks, folder, ("cvat", "coco", "labelme"))
    (folder / "polygons").mkdir()
    write_formats(tracks, folder / "polygons", ("cvat", "labelme"), ExportOptions(shapes="polygons"))
    make_video(folder / "videos", "clip.mp4", 24, (60, 80))


@pytest.mark.parametrize("name", _PREDICTED)
def test_predictions_are_not_taken_for_what_a_person_drew(tmp_path, name):
    _predictions(tmp_path)
    report = convert(tmp_path / name, tmp_path / "own", tmp_path / "videos").splitlines()
    assert report[0].startswith("tool: ") and report[0].endswith(" (predictions)")
    assert (
        "labelled frames: 24; in 0 a person drew a shape, in 0 the tool drew all of them between those, in 24 all were "
        "predicted or imported, and nobody has changed them"
    ) in report


def _change_cvat(folder):
    text = (folder / "cvat.xml").read_text()
    (folder / "cvat.xml").write_text(text.replace('source="auto"', 'source="semi-auto"', 1))


def _change_in_cvat(folder, old, new, name="cvat.xml"):
    """Sets an attribute, of which CVAT doesn't note that a person has changed it."""
    text = (folder / name).read_text()
    head, shapes = text.split("</meta>")
    assert f">{old}<" in shapes
    (folder / name).write_text(head + "</meta>" + shapes.replace(f">{old}<", f">{new}<", 1))


def _change_coco(folder):
    content = json.loads((folder / "coco.json").read_text())
    del content["annotations"][0]["score"]
    (folder / "coco.json").write_text(json.dumps(content))


def _change_labelme(folder, change):
    path = folder / "labelme/frame_000000.json"
    content = json.loads(path.read_text())
    change(content["shapes"][0])
    path.write_text(json.dumps(content))


def _move(shape):
    shape["points"] = [[x + 1, y] for x, y in shape["points"]]


def _relabel(shape):
    shape["label"] = "bird"


def _reflag(shape):
    shape["flags"] = {name: name == "eating" for name in shape["flags"]}


def _repaint(shape):
    shape["mask"] = base64.b64encode(encode_png(np.ones((23, 23), np.uint8))).decode()


_CVAT = [("running", "barking"), ("1", "77")]  # an action, and a track's number


@pytest.mark.parametrize(
    ("name", "change"),
    [("cvat.xml", _change_cvat), ("coco.json", _change_coco)]
    + [("cvat.xml", functools.partial(_change_in_cvat, old=old, new=new)) for old, new in _CVAT]
    + [("labelme", functools.partial(_change_labelme, change=one)) for one in (_move, _relabel, _reflag, _repaint)],
)
def test_a_prediction_that_a_person_has_changed_is_drawn(tmp_path, name, change):
    _predictions(tmp_path)
    change(tmp_path)
    report = convert(tmp_path / name, tmp_path / "own", tmp_path / "videos")
    assert "(predictions)" not in report
    assert "labelled frames: 24; in 1 a person drew a shape" in report and "in 23 all were predicted" in report


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cvat.xml", _change_cvat),
        ("coco.json", _change_coco),
        ("labelme", functools.partial(_change_labelme, change=_move)),
    ],
)
def test_predictions_that_nobody_has_changed_can_be_left_out(tmp_path, name, change):
    _predictions(tmp_path)
    with pytest.raises(InputError, match="not labelled: 24 frames in which all shapes were predicted or imported, and"):
        convert(tmp_path / name, tmp_path / "own", tmp_path / "videos", predicted=False)
    change(tmp_path)
    report = convert(tmp_path / name, tmp_path / "own", tmp_path / "videos", predicted=False)
    assert "labelled frames: 1; in 1 a person drew a shape, in 0 the tool drew all of them between those\n" in report
    assert "not labelled: 23 frames in which all shapes were predicted or imported, and nobody changed them" in report
    assert list(read_labels(tmp_path / "own", "clip")) == [0]
    convert(tmp_path / name, tmp_path / "all", tmp_path / "videos")
    kept, whole = read_labels(tmp_path / "own", "clip")[0], read_labels(tmp_path / "all", "clip")[0]
    np.testing.assert_array_equal(kept > 0, whole > 0)


def test_a_mask_that_labelme_has_encoded_anew_is_a_prediction_still(tmp_path):
    _predictions(tmp_path)

    def encode(shape):  # as labelme does: other bytes, and 255 for 1
        values = np.asarray(Image.open(io.BytesIO(base64.b64decode(shape["mask"]))))
        file = io.BytesIO()
        Image.fromarray((values * 255).astype(np.uint8)).save(file, "PNG")
        before, shape["mask"] = shape["mask"], base64.b64encode(file.getvalue()).decode()
        assert before != shape["mask"]

    _change_labelme(tmp_path, encode)
    assert "in 24 all were predicted" in convert(tmp_path / "labelme", tmp_path / "own", tmp_path / "videos")


@pytest.mark.parametrize("name", ["cvat.xml", "coco.json", "polygons/cvat.xml"])
def test_several_actions_at_once_are_checkboxes_and_frames_with_two_ticks_are_left_out(tmp_path, name):
    space = LabelSpace.from_names(("dog", "cat", "bird"), ("running", "eating", "flying", "sitting", "barking"), ())
    space = dataclasses.replace(space, multilabel=True)
    tracks = export_clip.write_tracks(tmp_path, space)
    write_formats(tracks, tmp_path, ("cvat", "coco"))
    (tmp_path / "polygons").mkdir()
    write_formats(tracks, tmp_path / "polygons", ("cvat",), ExportOptions(shapes="polygons"))
    make_video(tmp_path / "videos", "clip.mp4", 24, (60, 80))
    report = convert(tmp_path / name, tmp_path / "own", tmp_path / "videos")
    assert "action: a checkbox for each action: 'running', 'eating', 'flying', 'sitting', 'barking' (guessed" in report
    assert list(read_labels(tmp_path / "own", "clip")) == list(range(12))  # from frame 12 on, all bark, too
    assert {row[2:4] for row in read_rows(tmp_path / "own")} == {("dog", "running"), ("cat", "flying")}
    assert ", barking; a pixel can have one" in report
    assert "in 12 all were predicted or imported" in report


def test_classes_that_differ_only_in_case_are_refused_and_the_tool_named_as_the_place_to_mend(tmp_path, videos):
    text = (DATA / "cvat/video.xml").read_text()
    (tmp_path / "annotations.xml").write_text(text.replace(">eating<", ">Running<"))
    message = "actions 'Running' and 'running' differ only in case; if they are the same, spell them alike in the tool"
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "annotations.xml", tmp_path / "out", videos)
    assert not (tmp_path / "out").exists()


def test_two_exports_are_joined_as_the_docs_say(tmp_path, videos):
    convert(DATA / "cvat/video.xml", tmp_path / "own", videos)
    text = (DATA / "cvat/video.xml").read_text()
    (tmp_path / "annotations.xml").write_text(text.replace("park (1).mp4", "other.mp4"))
    make_video(videos, "other.mp4", 20)
    convert(tmp_path / "annotations.xml", tmp_path / "more", videos)
    for folder in ("videos", "labels"):
        for path in (tmp_path / "more" / folder).iterdir():
            path.rename(tmp_path / "own" / folder / path.name)
    rows = (tmp_path / "more/labels.csv").read_text().splitlines()[1:]
    with open(tmp_path / "own/labels.csv", "a") as file:
        file.write("\n".join(rows) + "\n")
    result = check.run_check(open_release("folder", tmp_path / "own"), tmp_path / "checked")
    assert not result.problems and len(result.videos) == 2


def test_a_folder_with_a_zip_names_the_zip(tmp_path, videos):
    with zipfile.ZipFile(videos / "a.zip", "w") as file:
        file.write(DATA / "cvat/video.xml", "annotations.xml")
    message = r"give the zip itself: --input=.*/videos/a.zip --config.convert.videos=.*/videos\. Known"
    with pytest.raises(InputError, match=message):
        convert(videos, tmp_path / "out")
    with pytest.raises(InputError, match=r"Is a.zip an export of a labelling tool\? Give the zip itself as data.root"):
        open_release("folder", videos)
    shutil.copyfile(videos / "a.zip", videos / "b.zip")
    with pytest.raises(InputError, match="each by itself; a.zip, b.zip are exports of their own"):
        convert(videos, tmp_path / "out")


def test_the_name_of_a_format_may_have_capitals_and_a_misspelt_one_is_named(tmp_path, videos):
    convert(DATA / "cvat/video.xml", tmp_path / "out", videos, tool="CVAT")
    with pytest.raises(InputError, match="config.convert.tool is 'labelmee'; did you mean 'labelme'\\?; allowed: cvat"):
        convert(DATA / "cvat/video.xml", tmp_path / "other", videos, tool="labelmee")


@pytest.mark.parametrize("content", ["", '{"images": [], "annotations": [{"id": 1, "ima'])
def test_a_coco_file_that_was_cut_is_an_error_beside_another_and_alone(tmp_path, content):
    _predictions(tmp_path)
    (tmp_path / "export").mkdir()
    (tmp_path / "export/instances_val.json").write_text(content)
    message = (
        "instances_val.json: not a JSON file in UTF-8 .*It may hold labels: export or save it again, or move it out"
    )
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "export", tmp_path / "own", tmp_path / "videos")
    shutil.copyfile(tmp_path / "coco.json", tmp_path / "export/instances_train.json")
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "export", tmp_path / "own", tmp_path / "videos")
