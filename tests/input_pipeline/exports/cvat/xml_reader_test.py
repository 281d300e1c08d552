import json
import re
import shutil

import numpy as np
import pytest

from input_pipeline.exports import drawing
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.exports import DATA, SIZE, convert, make_video, read_labels, read_rows

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><name>park</name><mode>interpolation</mode>
<start_frame>{first}</start_frame><stop_frame>{last}</stop_frame><frame_filter>{step}</frame_filter>
<labels><label><name>dog</name><attributes><attribute><name>action</name><mutable>True</mutable>
<input_type>select</input_type></attribute></attributes></label>{labels}</labels>
<original_size><width>40</width><height>30</height></original_size><source>park.mp4</source></task></meta>
{body}</annotations>"""
RUNNING = '<attribute name="action">running</attribute>'


def _shape(frame, kind="box", outside=0, key=1, attributes=RUNNING, **fields):
    fields = fields or {"xtl": 2, "ytl": 3, "xbr": 10, "ybr": 9}
    text = " ".join(f'{name}="{value}"' for name, value in fields.items())
    state = f'keyframe="{key}" outside="{outside}" occluded="0" z_order="0"'
    return f'<{kind} frame="{frame}" {state} {text}>{attributes}</{kind}>'


def _track(*shapes, label="dog", number=0):
    return f'<track id="{number}" label="{label}" source="manual">{"".join(shapes)}</track>'


def _export(tmp_path, *tracks, first=0, last=9, step="", labels="", frames=20):
    source = tmp_path / "annotations.xml"
    source.write_text(HEAD.format(first=first, last=last, step=step, labels=labels, body="".join(tracks)))
    make_video(tmp_path / "videos", "park.mp4", frames)
    return source


def _convert(tmp_path, *tracks, **options):
    report = convert(_export(tmp_path, *tracks, **options), tmp_path / "out", tmp_path / "videos")
    return report, read_rows(tmp_path / "out"), read_labels(tmp_path / "out", "park")


@pytest.fixture
def videos(tmp_path):
    make_video(tmp_path / "videos", "park (1).mp4", 20)
    make_video(tmp_path / "videos", "second.mp4", 6)
    return tmp_path / "videos"


def test_tracks_that_cvat_wrote_are_read(tmp_path, videos):
    report = convert(DATA / "cvat/video.xml", tmp_path / "out", videos)
    for line in (
        "tool: CVAT for video 1.1",
        "action: the attribute 'activity' (guessed: by its name; config.convert.action_attribute chooses another)",
        "videos: 1 (park_1), with 4 tracks",
        "labelled frames: 8; in 7 a person drew a shape, in 1 the tool drew all of them between those",
        "boxes were filled in 7 frames: the network learns rectangles from them",
        "ignored where the action isn't known: park_1: track 2 (car) in 2 frames. An actor that rests is learned only "
        "with an action of its own, as 'none'",
        "note: 1 shape of kind 'points' left out, whose pixels are background, or what else is drawn there: only",
        "note: labels without the attribute 'activity', so ignored: 'car'",
    ):
        assert any(found.startswith(line) for found in report.splitlines()), line
    assert read_rows(tmp_path / "out") == [
        ("park_1", "1", "dog", "running", "4", "10"),
        ("park_1", "1", "dog", "eating", "12", "14"),
        ("park_1", "2", "bird", "flying", "6", "12"),
        ("park_1", "2", "bird", "sitting", "14", "18"),
        ("park_1", "4", "dog", "running", "10", "10"),
        ("park_1", "5", "bird", "flying", "16", "16"),
    ]
    labels = read_labels(tmp_path / "out", "park_1")
    assert list(labels) == [4, 6, 8, 10, 12, 14, 16, 18]  # every second frame of the video, from the fourth on
    first = drawing.draw_coco_polygons([np.array([[4.0, 4], [16, 5], [15, 14], [9, 17], [3, 12]])], SIZE)
    np.testing.assert_array_equal(labels[4], first)
    mask = drawing.draw_runs((3, 2, 4, 3, 2, 5, 1), 28, 20, 8, 4, SIZE)
    np.testing.assert_array_equal(labels[10] == 4, mask)
    ellipse = drawing.draw_ellipse((10.5, 22), (5, 4), 0.0, SIZE)
    np.testing.assert_array_equal(labels[8] == 255, ellipse)
    assert np.argwhere(labels[16] == 5).tolist() == [[y, x] for y in range(2) for x in range(3)]


def test_key_frames_alone_give_the_same_as_all_frames_that_cvat_lists(tmp_path, videos):
    text = (DATA / "cvat/video.xml").read_text()
    keys = re.sub(r"<(polygon|box|ellipse) (?=[^>]*keyframe=\"0\").*?</\1>\s*", "", text, flags=re.DOTALL)
    assert keys.count("keyframe=") < text.count("keyframe=")
    (tmp_path / "keys.xml").write_text(keys)
    convert(tmp_path / "keys.xml", tmp_path / "keys", videos)
    convert(DATA / "cvat/video.xml", tmp_path / "all", videos)
    ours, theirs = read_labels(tmp_path / "keys", "park_1"), read_labels(tmp_path / "all", "park_1")
    assert [*ours, 18] == list(theirs)  # whether the mask in frame 16 ends there is not written
    for frame in ours:
        np.testing.assert_array_equal(ours[frame], theirs[frame])
    assert read_rows(tmp_path / "keys")[:3] == read_rows(tmp_path / "all")[:3]


def test_frames_that_nobody_drew_can_be_left_out(tmp_path, videos):
    report = convert(DATA / "cvat/video.xml", tmp_path / "out", videos, interpolated=False)
    assert list(read_labels(tmp_path / "out", "park_1")) == [4, 6, 8, 10, 12, 14, 16]
    assert "not labelled: 1 frame in which the tool drew all shapes" in report


def test_a_project_counts_the_frames_of_its_tasks_on_and_on(tmp_path, videos):
    convert(DATA / "cvat/project.xml", tmp_path / "out", videos)
    assert list(read_labels(tmp_path / "out", "second")) == [2, 3, 4, 5]
    assert list(read_labels(tmp_path / "out", "park_1")) == [4, 6, 8, 10, 12, 14, 16, 18]
    assert ("second", "1", "dog", "eating", "2", "5") in read_rows(tmp_path / "out")


def test_cvat_for_images_of_a_video_gives_the_same_labels_without_tracks(tmp_path, videos):
    report = convert(DATA / "cvat/images.xml", tmp_path / "images", videos)
    convert(DATA / "cvat/video.xml", tmp_path / "video", videos)
    assert "tool: CVAT for images 1.1" in report
    assert 'note: "CVAT for images" has no tracks' in report
    images, video = read_labels(tmp_path / "images", "park_1"), read_labels(tmp_path / "video", "park_1")
    for frame in video:
        np.testing.assert_array_equal(images[frame] > 0, video[frame] > 0)
        np.testing.assert_array_equal(images[frame] == 255, video[frame] == 255)


def test_pictures_are_matched_by_name(tmp_path):
    pictures = tmp_path / "videos/clip"
    pictures.mkdir(parents=True)
    for frame in range(8):
        shutil.copyfile(DATA / "labelme/walk/00000.jpg", pictures / f"{frame * 5:05}.jpg")
    convert(DATA / "cvat/pictures.xml", tmp_path / "out", tmp_path / "videos")
    assert sorted(path.name for path in (tmp_path / "out/videos/clip").iterdir()) == [f"{n:05}.jpg" for n in range(8)]
    assert list(read_labels(tmp_path / "out", "clip")) == list(range(8))


def _of_pictures(folder, names, *, last, source="", step=1, frame=1):
    """A track that is drawn in one frame, and pictures of these names in a folder; where the label lies."""
    folder.mkdir()
    pictures = folder / "pictures/walk"
    pictures.mkdir(parents=True)
    for name in names:
        shutil.copyfile(DATA / "labelme/walk/00000.jpg", pictures / name)
    box = '<box frame="{}" outside="{}" keyframe="1" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    (folder / "annotations.xml").write_text(
        f"<annotations><meta><task><name>walk</name><stop_frame>{last}</stop_frame>"
        f"<frame_filter>step={step}</frame_filter><labels><label><name>dog:running</name></label></labels>{source}"
        f'</task></meta><track id="0" label="dog:running">{box.format(frame, 0)}{box.format(frame + step, 1)}</track>'
        "</annotations>"
    )
    report = convert(folder / "annotations.xml", folder / "out", folder / "pictures")
    return report, list(read_labels(folder / "out", "walk"))


_WALK = "<source>walk.mp4</source>"


def test_labels_of_a_task_count_its_pictures_from_0_whatever_their_names_say(tmp_path):
    names = [f"{number:03}.jpg" for number in range(1, 6)]
    report, places = _of_pictures(tmp_path / "pictures", names, last=4)
    assert places == [1]
    assert "count its pictures from 0, so that frame 0 is 001.jpg" in report
    assert _of_pictures(tmp_path / "video", names, last=4, source=_WALK)[1] == [1]
    assert _of_pictures(tmp_path / "gaps", ["07.jpg", "09.jpg", "11.jpg"], last=2)[1] == [1]


def test_pictures_of_some_of_a_videos_frames_are_found_by_number_or_counted(tmp_path):
    named = [f"frame_{number:06}.jpg" for number in (0, 10, 20, 30)]
    assert _of_pictures(tmp_path / "named", named, last=30, source=_WALK, step=10, frame=10)[1] == [1]
    new = [f"{number:03}.jpg" for number in (1, 2, 3, 4)]
    assert _of_pictures(tmp_path / "counted", new, last=30, source=_WALK, step=10, frame=10)[1] == [1]
    assert _of_pictures(tmp_path / "few", named[1:], last=30, source=_WALK, step=10, frame=10)[1] == [0]
    with pytest.raises(InputError, match="go to 30, counted from 0, but .*walk has only 4 pictures"):
        _of_pictures(tmp_path / "lost", new, last=30, source=_WALK, step=2, frame=2)


def test_pictures_whose_order_depends_on_the_program_are_refused(tmp_path):
    names = [f"{number}.jpg" for number in range(1, 12)]
    with pytest.raises(InputError, match="10 comes before 9 by letters"):
        _of_pictures(tmp_path / "pictures", names, last=10)
    source = tmp_path / "pictures/annotations.xml"
    head, _ = source.read_text().split("<track")
    box = '<box label="dog:running" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    image = f'<image id="1" name="walk/10.jpg" width="40" height="30">{box}</image>'  # the second by letters
    source.write_text(f"{head}{image}</annotations>")
    convert(source, tmp_path / "named", tmp_path / "pictures/pictures")
    assert list(read_labels(tmp_path / "named", "walk")) == [9]


def test_what_datumaro_writes_is_read(tmp_path):
    make_video(tmp_path / "videos", "any.mp4", 10)
    convert(DATA / "datumaro/cvat.xml", tmp_path / "out", tmp_path / "videos")
    labels = read_labels(tmp_path / "out", "default")
    assert list(labels) == [4, 6, 8]
    assert [row[2:] for row in read_rows(tmp_path / "out")] == [
        ("dog", "running", "4", "6"), ("dog", "eating", "8", "8"), ("bird", "flying", "4", "8")
    ]  # fmt: skip
    for frame, expected in json.loads((DATA / "datumaro/instances.json").read_text()).items():
        np.testing.assert_array_equal(labels[int(frame)], expected)


def test_a_shape_lasts_until_it_is_outside_or_the_task_ends(tmp_path):
    _, rows, labels = _convert(tmp_path, _track(_shape(2), _shape(4), _shape(6, outside=1)))
    assert list(labels) == [2, 3, 4, 5]
    assert rows == [("park", "1", "dog", "running", "2", "5")]


def test_a_track_without_an_end_lasts_until_the_task_stops(tmp_path):
    _, _, labels = _convert(tmp_path, _track(_shape(6)), last=9, frames=20)
    assert list(labels) == [6, 7, 8, 9]


def test_a_shape_in_the_last_frame_but_one_leaves_the_last_one_open(tmp_path):
    report, _, labels = _convert(tmp_path, _track(_shape(2), _shape(3, outside=1)), _track(_shape(8), number=1))
    assert list(labels) == [2, 8]
    assert "1 frame not labelled: CVAT doesn't write whether a shape in the last frame but one ends there" in report


def test_a_frame_is_not_labelled_where_a_mask_is_not_known(tmp_path):
    mask = {"rle": "0, 6", "left": 20, "top": 20, "width": 3, "height": 2}
    report, _, labels = _convert(
        tmp_path,
        _track(_shape(2, "mask", **mask), _shape(5, "mask", outside=1, **mask)),
        _track(_shape(2), _shape(7), _shape(8, outside=1), number=1),
    )
    assert list(labels) == [2, 5, 6, 7]
    assert "2 frames not labelled: CVAT doesn't interpolate masks between key frames" in report


def test_an_action_lasts_until_the_next_key_frame_that_states_another(tmp_path):
    eating = '<attribute name="action">eating</attribute>'
    _, rows, _ = _convert(
        tmp_path, _track(_shape(0), _shape(2, attributes=""), _shape(4, attributes=eating), _shape(6, outside=1))
    )
    assert rows == [("park", "1", "dog", "running", "0", "3"), ("park", "1", "dog", "eating", "4", "5")]


def test_an_attribute_that_is_missing_on_some_tracks_ignores_them(tmp_path):
    report, rows, labels = _convert(
        tmp_path,
        _track(_shape(0), _shape(1, outside=1)),
        _track(_shape(0, xtl=20, ytl=3, xbr=30, ybr=9, attributes=""), _shape(1, outside=1), number=1),
    )
    assert rows == [("park", "1", "dog", "running", "0", "0")]
    assert np.unique(labels[0]).tolist() == [0, 1, 255]
    assert "ignored where the action isn't known: park: track 1 (dog) in 1 frame" in report


def test_two_labels_of_one_name_are_one_class_and_said(tmp_path):
    report, _, _ = _convert(tmp_path, _track(_shape(0), _shape(1, outside=1)), labels="<label><name>dog</name></label>")
    assert "note: labels of one name are one class: 'dog'" in report


@pytest.mark.parametrize("points", ["3,3;9,9", "3,3"])
def test_a_frame_with_a_polygon_of_two_points_is_left_out_and_named(tmp_path, points):
    report, _, labels = _convert(
        tmp_path, _track(_shape(0), _shape(2, outside=1)),
        _track(_shape(1, "polygon", points=points), _shape(2, "polygon", outside=1, points=points), number=1),
    )  # fmt: skip
    assert list(labels) == [0]
    count = points.count(",")
    assert (
        f"left out: {tmp_path}/annotations.xml: park, frame 1 is not labelled: track 1 (dog): its polygon has {count}"
        in report
    )


def test_a_mask_outside_of_the_frame_leaves_out_its_frame(tmp_path):
    mask = {"rle": "0, 6", "left": 38, "top": 20, "width": 3, "height": 2}
    report, _, labels = _convert(
        tmp_path, _track(_shape(0), _shape(2, outside=1)),
        _track(_shape(1, "mask", **mask), _shape(2, "mask", outside=1, **mask), number=1),
    )  # fmt: skip
    assert list(labels) == [0]
    assert (
        "frame 1 is not labelled: track 1 (dog): its mask of 3x2 at 38, 20 does not lie inside the frame of 40x30"
        in report
    )


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        ([_shape(3)], {"step": "step=2"}, r"track 0 \(dog\), frame 3: is no frame .* from 0 to 9 in steps of 2"),
        ([_shape(12)], {}, r"frame 12: is no frame of the task, whose frames go from 0 to 9"),
        ([_shape("x")], {}, r"frame x: is no frame of the task"),
        ([_shape(1), _shape(1)], {}, r"frame 1: has two shapes in this frame"),
        ([_shape(1, xtl="x", ytl=1, xbr=2, ybr=3)], {}, r"frame 1: 'x' is not a number"),
        ([_shape(1, xtl=1, ytl=1, xbr=2)], {}, r"frame 1: a box has no ybr"),
        ([_shape(1, "polygon", points="1,2;3")], {}, r"frame 1: its points are not pairs of x and y"),
        ([_shape(1, "mask", rle="1, x", left=1, top=1, width=2, height=2)], {}, r"frame 1: the run lengths of a mask"),
        ([_shape(1), _shape(2, outside=1)], {"first": "one"}, r"start_frame is 'one'; expected a whole number"),
    ],
)  # fmt: skip
def test_damage_is_named_with_its_place(tmp_path, shapes, options, message):
    with pytest.raises(InputError, match=message):
        _convert(tmp_path, _track(*shapes), **options)


def test_a_task_with_another_frame_step_than_the_video_is_refused(tmp_path):
    source = _export(tmp_path, _track(_shape(40), _shape(50, outside=1)), last=90, step="step=10", frames=10)
    with pytest.raises(InputError, match=r"frame 40 of park is labelled, which is frame 40 of .*park.mp4, .* has 10"):
        convert(source, tmp_path / "out", tmp_path / "videos")


def test_labels_of_another_size_than_the_video_are_refused(tmp_path):
    source = _export(tmp_path, _track(_shape(1), _shape(2, outside=1)))
    make_video(tmp_path / "videos", "park.mp4", 10, (48, 64))
    with pytest.raises(InputError, match=r"the labels of park are 40x30, but .*/videos/park.mp4 has frames of 64x48"):
        convert(source, tmp_path / "out", tmp_path / "videos")


def test_masks_with_one_track_id_are_one_instance(tmp_path):
    mask = {"rle": "0, 6", "left": 20, "top": 20, "width": 3, "height": 2}
    named = f'{RUNNING}<attribute name="track_id">7</attribute>'
    shapes = [
        _track(_shape(n, "mask", attributes=named, **mask), _shape(n + 1, "mask", outside=1, **mask), number=n)
        for n in (1, 4, 6)
    ]
    other = _track(_shape(1, attributes=named.replace("7", "")), _shape(2, outside=1), number=9)
    _, rows, labels = _convert(tmp_path, *shapes, other)
    assert rows == [("park", "1", "dog", "running", "1", "6"), ("park", "2", "dog", "running", "1", "1")]
    assert list(labels) == [1, 4, 6]


def test_a_task_may_be_called_like_its_video(tmp_path):
    source = _export(tmp_path, _track(_shape(1), _shape(2, outside=1)))
    text = (
        source.read_text()
        .replace("<name>park</name>", "<name>park.mp4</name>")
        .replace("<source>park.mp4</source>", "")
    )
    source.write_text(text)
    convert(source, tmp_path / "out", tmp_path / "videos")
    assert list(read_labels(tmp_path / "out", "park")) == [1]


def test_a_track_that_was_imported_and_not_changed_is_not_drawn_by_a_person(tmp_path):
    imported = _track(_shape(0), _shape(1, key=0), _shape(2), _shape(3, outside=1)).replace("manual", "file")
    corrected = _track(_shape(2), _shape(3, outside=1), number=1).replace("manual", "semi-auto")
    report, _, labels = _convert(tmp_path, imported, corrected)
    assert list(labels) == [0, 1, 2]
    assert "in 1 a person drew a shape, in 0 the tool drew all of them between those, in 2 all were pre" in report


def test_checkboxes_of_a_person_are_not_taken_for_actions(tmp_path):
    box = "<attribute><name>{}</name><mutable>True</mutable><input_type>checkbox</input_type></attribute>"
    source = _export(tmp_path, _track(_shape(1, attributes='<attribute name="wet">true</attribute>')))
    text = source.read_text().replace("<attributes>", f"<attributes>{box.format('wet')}{box.format('blurred')}", 1)
    text = text.replace("<name>action</name><mutable>True", "<name>colour</name><mutable>False")
    source.write_text(text)
    with pytest.raises(InputError, match="xml: it is not clear which attribute is the action; .*'wet', 'bl"):
        convert(source, tmp_path / "out", tmp_path / "videos")
    convert(source, tmp_path / "out", tmp_path / "videos", action_attribute="wet,blurred")
    assert [row[2:4] for row in read_rows(tmp_path / "out")] == [("dog", "wet")]


@pytest.mark.parametrize(("mode", "ids", "names"), [("interpolation", (1, 1), "ab"), ("annotation", (1, 2), "aa")])
def test_two_images_that_are_one_frame_are_refused(tmp_path, mode, ids, names):
    box = '<box label="dog" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    image = f'<image id="{{}}" name="{{}}_1.jpg" width="40" height="30">{box}</image>'
    source = _export(tmp_path, *(image.format(*one) for one in zip(ids, names, strict=True)))
    text = source.read_text().replace("interpolation", mode)
    source.write_text(text if mode == "interpolation" else text.replace("<source>park.mp4</source>", ""))
    with pytest.raises(InputError, match="two images have one name, or are one frame"):
        convert(source, tmp_path / "out", tmp_path / "videos")


def test_what_would_take_all_memory_is_not_interpolated(tmp_path, monkeypatch):
    def polygon(points):
        return ";".join(f"{2 + place % 7},{3 + place % 5}" for place in range(points))

    many, few = polygon(4001), polygon(4000)
    ends = {"outside": 1, "points": "2,2;9,2;9,9"}
    tracks = [
        _track(_shape(0, "polygon", points=many), _shape(2, "polygon", points=few), _shape(3, "polygon", **ends)),
        _track(_shape(4, "polygon", points=few), _shape(6, "polygon", points=few), _shape(7, "polygon", **ends)),
    ]
    report, _, labels = _convert(tmp_path, *tracks)
    assert list(labels) == [0, 2, 4, 5, 6]
    assert "1 frame not labelled: polygons of more than 4000 points are not interpolated" in report
    monkeypatch.setattr("input_pipeline.exports.cvat.xml_reader._MOST_BETWEEN", 4)
    source = _export(tmp_path, _track(_shape(0)), _track(_shape(3), number=1), last=3)
    convert(source, tmp_path / "some", tmp_path / "videos")
    source = _export(tmp_path, _track(_shape(0)), _track(_shape(1), number=1), last=3)
    with pytest.raises(InputError, match="annotations.xml: more than 4 shapes lie between key frames; does stop_frame"):
        convert(source, tmp_path / "more", tmp_path / "videos")


def test_options_that_change_nothing_and_elements_that_are_not_known_are_named(tmp_path):
    source = _export(tmp_path, _track(_shape(1), _shape(2, outside=1), '<brush frame="3"/>'))
    report = convert(source, tmp_path / "out", tmp_path / "videos", first_frame=1)
    assert (
        "park: config.convert.first_frame and frame_step are not used, as the labels count the video's frames" in report
    )
    assert "1 shape of kind 'brush' left out" in report
    assert "are not used" not in convert(source, tmp_path / "other", tmp_path / "videos")


def test_an_image_of_a_task_that_is_not_named_is_refused(tmp_path):
    box = '<box label="dog" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    source = _export(tmp_path, f'<image id="1" task_id="7" name="frame_000001" width="40" height="30">{box}</image>')
    with pytest.raises(InputError, match="an image is of task '7', which its head does not name"):
        convert(source, tmp_path / "out", tmp_path / "videos")


def test_labels_of_one_name_are_one_class_whichever_has_the_attribute(tmp_path):
    labels = "<label><name>dog</name></label><label><name>cat</name></label>"
    report, rows, _ = _convert(tmp_path, _track(_shape(1), _shape(2, outside=1)), labels=labels)
    assert rows == [("park", "1", "dog", "running", "1", "1")]
    assert "labels of one name are one class: 'dog'" in report
    assert "labels without the attribute 'action', so ignored: 'cat'" in report.splitlines()[-1]


def test_why_there_is_nothing_to_learn_is_said(tmp_path):
    source = _export(
        tmp_path, _track(_shape(1, attributes=""), _shape(2, outside=1, attributes=""), '<points frame="3"/>')
    )
    with pytest.raises(
        InputError, match="(?s)in which someone does something\naction: the attribute 'action' .*'points' l"
    ):
        convert(source, tmp_path / "out", tmp_path / "videos")
