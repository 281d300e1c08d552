"""Your own data as JSON give the same records as PNGs, and every problem has a message that names its place."""

import copy
import csv
import json
import shutil
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from input_pipeline import check
from input_pipeline.records.prepare import PROBLEMS
from input_pipeline.releases import layouts, youtube_vis
from ssa2d_jax.data.label_space import IGNORE, LabelSpace
from ssa2d_jax.inference import predict, track_files
from ssa2d_jax.inference.tracker import Tracker
from ssa2d_jax.utils.errors import InputError, Problems
from tests.fixtures import folder_release
from tests.fixtures import youtube_vis_json as fixture
from tests.fixtures.folder_release import LABELLED, SIZE
from tests.fixtures.prepared_folder import prepare_folder


def _records(builder):
    """All records by split, video and first frame, as they are stored."""
    records = {}
    for split in ("train", "test"):
        files = [str(path) for path in builder.info.splits[split].filepaths]
        for data in tf.data.TFRecordDataset(files):
            record = builder.info.features.deserialize_example_np(data.numpy())
            records[split, record["video"], int(record["first_frame"])] = record
    return records


@pytest.mark.parametrize(
    ("form", "davis"), [("split", False), ("split", True), ("one", True), ("tracks", False), ("tracks", True)]
)
def test_json_gives_the_records_that_pngs_give(tmp_path, form, davis):
    pngs = folder_release.write_folder(tmp_path / "pngs", davis=davis)
    root = fixture.write_release(tmp_path / "json", form, davis)
    expected, builder = prepare_folder(pngs, tmp_path / "prepared"), prepare_folder(root, tmp_path / "prepared")
    assert builder.info.metadata["label_frames"] == {"train": 6, "test": 2}
    assert builder.space == expected.space
    records, expected_records = _records(builder), _records(expected)
    assert records.keys() == expected_records.keys() and len(records) == 8
    for key, record in records.items():
        for name, value in record.items():
            np.testing.assert_equal(value, expected_records[key][name], err_msg=f"{key} {name}")


def _release(root, change, form="one"):
    """Pictures and instances.json of video a, which `change` has changed."""
    folder_release.write_folder(root, davis=True, count=fixture.COUNT)
    (root / "labels.csv").unlink()
    data = fixture.vis(["a"], pictures=True, compressed=False)
    change(data)
    (root / "instances.json").write_text(json.dumps(data))
    return layouts.open_folder(root)


def _square(top, left):
    mask = np.zeros(SIZE, bool)
    mask[top : top + 10, left : left + 10] = True
    return mask


def test_a_later_mask_lies_on_an_earlier_one_and_null_is_ignored(tmp_path):
    def change(data):
        first, second = data["annotations"][1:]
        del data["annotations"][0]
        first["segmentations"] = [fixture.run_lengths(_square(0, 0), True)] + [None] * 18 + [
            fixture.run_lengths(np.zeros(SIZE, bool), False)
        ]  # fmt: skip
        second["segmentations"] = [fixture.run_lengths(_square(5, 5), True)] * 2 + [None] * 18
        second["action"] = ["driving", None] + ["waiting"] * 18

    release = _release(tmp_path, change)
    labels = release.labels("a")
    assert list(labels) == [0, 1, 19]  # an empty mask labels its frame, no mask doesn't
    assert release.space.joint == ("background", "fork lift-driving", "worker-lifting")  # nobody waits
    regions = release.regions("a", 0, labels[0])
    worker, lift = (regions.actor[number - 1] for number in (regions.map[0, 0], regions.map[7, 7]))
    assert (release.space.actors[worker], release.space.actors[lift]) == ("worker", "fork lift")
    np.testing.assert_array_equal(regions.map == regions.map[7, 7], _square(5, 5))
    np.testing.assert_array_equal(regions.map > 0, _square(0, 0) | _square(5, 5))
    regions = release.regions("a", 1, labels[1])
    assert regions.codes.tolist() == [IGNORE] and regions.ignore.tolist() == [True]
    np.testing.assert_array_equal(regions.map, _square(5, 5))
    assert release.regions("a", 19, labels[19]).map.max() == 0
    (result,) = list(check.check_release(layouts.open_folder(tmp_path)))[:1]
    assert result.problems == () and (result.frames, result.labelled) == (20, 3)


def test_a_label_belongs_to_the_picture_of_its_name(tmp_path):
    def change(data):
        video = data["videos"][0]
        video["file_names"], video["length"] = video["file_names"][::3], 7
        for annotation in data["annotations"]:
            annotation["segmentations"] = [None] * 6 + annotation["segmentations"][LABELLED[1] : LABELLED[1] + 1]
            if isinstance(annotation.get("action"), list):
                annotation["action"] = [None] * 6 + ["waiting"]

    release = _release(tmp_path, change)
    (number,) = release.labels("a")
    assert number == 18 and str(release.labels("a")[18]).endswith("instances.json: a, frame 6 (00018.jpg)")
    truth = folder_release.instances("a", LABELLED[1])
    regions = release.regions("a", 18, release.labels("a")[18])
    np.testing.assert_array_equal(regions.map > 0, truth > 0)
    assert release.unseen_rows("a", {18: regions}) == []
    (tmp_path / "JPEGImages/480p/a/00018.jpg").unlink()
    with pytest.raises(InputError, match=r"frame 6 \(00018.jpg\): .*a does not have that picture"):
        release.labels("a")


def test_what_predict_writes_is_read(tmp_path):
    space = LabelSpace.from_names(("cat", "dog"), ("run", "sit"), (("cat", "sit"), ("dog", "run"), ("dog", "sit")))
    dog = np.zeros((6, *SIZE), np.uint8)
    for i in range(6):
        dog[i, 4:16, 2 * i : 2 * i + 12] = 2
    tracker = Tracker(space, threshold=0.5)
    for i, actor in enumerate(dog):
        probabilities = np.tile(np.float32([0.1, 0.1, 0.8, 0.1, 0.6, 0.3]), (*SIZE, 1))
        tracker.add(i, actor, probabilities, i / 25)
    folder_release.write_folder(tmp_path)
    (tmp_path / "labels.csv").unlink()
    with track_files.TrackFiles(
        tmp_path / "labels" / "b",
        space,
        video={"file_name": "b.mp4", "height": SIZE[0], "width": SIZE[1]},
    ) as files:
        files.add(tracker.finish())
        files.end(20)
    release = layouts.open_folder(tmp_path)
    assert release.splits == {"train": ("b",), "test": ("b",)}
    assert release.space.joint == ("background", "dog-run")
    labels = release.labels("b")
    assert list(labels) == list(range(6))
    for number, label in labels.items():
        regions = release.regions("b", number, label)
        np.testing.assert_array_equal(regions.map, dog[number] // 2)
        assert regions.actor.tolist() == [1] and not regions.ignore.any()
    before = release.fingerprint()
    path = tmp_path / "labels" / "b" / "tracks.json"
    path.write_text(path.read_text().replace('"run"', '"sit"'))  # corrected by hand, of the same size
    corrected = layouts.open_folder(tmp_path)
    assert corrected.space.joint == ("background", "dog-sit") and corrected.fingerprint() != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("categories"), "has no list 'categories'"),
        (lambda data: data["videos"].append(3), r"videos\[1\]: has no id"),
        (lambda data: data["videos"].append({"id": 1}), r"videos\[1\]: another entry has the same id 1"),
        (lambda data: data["videos"].append(data["videos"][0] | {"id": 2}), "video a occurs twice"),
        (lambda data: data["videos"][0].pop("height"), r"videos\[0\] \(id 1\): height is missing; expected"),
        (lambda data: data["videos"][0].update(width="48"), "width is '48'; expected a whole number, 1 or more"),
        (lambda data: data["videos"][0].update(width=1 << 30), "1073741824x32 pixels; at most 9437184"),
        (lambda data: data["videos"][0].update(width=10**4000), r"width is 1000+\.\.\.0+; expected a whole number, 1"),
        (lambda data: data["videos"][0].pop("file_names"), "file_name is missing; expected a text, or file_names"),
        (lambda data: data["videos"][0].update(file_names="a"), "file_names is 'a'; expected a list"),
        (lambda data: data["videos"][0].update(file_names=[]), "file_names must be one or more different pictures"),
        (lambda data: data["videos"][0].update(length=19), "length is 19, but there are 20 file_names"),
        (lambda data: data["annotations"][1].pop("id"), r"annotations\[1\]: has no id"),
        (lambda data: data["annotations"][1].pop("video_id"), "video_id is missing; expected a whole number"),
        (lambda data: data["annotations"][1].update(video_id=8), "video_id is 8, but no video has that id"),
        (lambda data: data["annotations"][1].update(category_id=8), "category_id is 8, but no category has that id"),
        (lambda data: data["annotations"][1].update(category="cat"), "category is 'cat', but category_id 3 is"),
        (lambda data: data["categories"][0].update(name="\ud800"), "category 3 is '.ud800'; a class name is printable"),
        (lambda data: data["annotations"][1].update(iscrowd=[]), "iscrowd is ..; allowed: 0 or 1"),
        (lambda data: data["annotations"][1].pop("action"), r"annotations\[1\] \(id 1\): action is missing"),
        (lambda data: data["annotations"][1].update(action=7), "action is 7; a class name is printable"),
        (lambda data: data["annotations"][1].update(action="background"), "action is 'background'; a class name"),
        (lambda data: data["annotations"][1].update(action=["run"]), "1 action, but 20 segmentations"),
        (lambda data: data["annotations"][1].update(action=["run", 7] * 10), r"action\[1\] is 7; a class name"),
        (lambda data: data["annotations"][1].update(actions=[]), "has both action and actions; keep one"),
        (lambda data: data["annotations"][1].pop("segmentations"), "segmentations is missing; expected a list"),
        (lambda data: data["annotations"][1]["segmentations"].pop(), "19 segmentations, but video a has 20 frames"),
        (lambda data: data["annotations"][1].update(frames=[1, 2]), "20 segmentations, but 2 frames"),
        (lambda data: data["annotations"][1].update(frames=[2, 1]), "frames must be ascending numbers from 0 to 19"),
        (lambda data: data["annotations"][1].update(frames=[20]), "frames must be ascending numbers from 0 to 19"),
        (lambda data: data["annotations"].clear(), "no annotation has an action"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named_with_its_place(tmp_path, change, message):
    with pytest.raises(InputError, match=rf"instances\.json: .*{message}"):
        _ = _release(tmp_path, change).space


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../a/0.jpg", r"file_names\[3\] is '../a/0.jpg'; expected '<video>/<picture>'"),
        ("/etc/0.jpg", "expected '<video>/<picture>'"),
        ("0.jpg", "expected '<video>/<picture>'"),
        ("a/..", "expected '<video>/<picture>'"),
        ("a/\ud800", "expected '<video>/<picture>'"),
        (3, "expected '<video>/<picture>'"),
        ("b/00003.jpg", "file_names must be one or more different pictures in the same folder"),
        ("a/00002.jpg", "file_names must be one or more different pictures"),
    ],
)
def test_no_file_name_leads_out_of_its_folder(tmp_path, name, message):
    with pytest.raises(
        InputError, match=rf"videos\[0\] \(id 1\): {message if 'expected' not in message else '.*' + message}"
    ):
        _ = _release(tmp_path, lambda data: data["videos"][0]["file_names"].__setitem__(3, name)).space


@pytest.mark.parametrize("name", ["..", "../a.mp4", "/a.mp4", "c\\a.mp4", ""])
def test_no_video_file_leads_out_of_its_folder(tmp_path, name):
    def change(data):
        data["videos"][0]["file_name"] = name
        del data["videos"][0]["file_names"]

    with pytest.raises(InputError, match="is not a plain video name"):
        _ = _release(tmp_path, change).space


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([{"action": "run", "first": 0, "last": 20}], r"actions\[0\] is .*frames from 0 to 19"),
        ([{"action": "run", "first": 5, "last": 4}], "frames from 0 to 19"),
        ([{"action": "run", "first": 0}], "frames from 0 to 19"),
        (["run"], "frames from 0 to 19"),
        ([{"first": 0, "last": 4}], "has no action"),
        (
            [{"action": "sit", "first": 4, "last": 9}, {"action": "run", "first": 0, "last": 4}],
            r"actions\[0\]: instance 2 of a does sit and run at the same time \(actions\[1\]\); give each action",
        ),
        ({}, "actions is {}; expected a list"),
    ],
)
def test_segments_that_cannot_be_used_are_named(tmp_path, segments, message):
    def change(data):
        del data["annotations"][1]["action"]
        data["annotations"][1]["actions"] = segments

    with pytest.raises(InputError, match=rf"annotations\[1\] \(id 1\).*{message}"):
        _ = _release(tmp_path, change).space


@pytest.mark.parametrize("data", [b"{", b"\xff", b"[" * 100_000, b"[]", b'"a"', b'{"videos": ' + b"9" * 5000 + b"}"])
def test_a_file_that_is_not_such_json_is_named(tmp_path, data):
    (tmp_path / "instances.json").write_bytes(data)
    with pytest.raises(InputError, match="instances.json: (not a JSON file|has no list 'videos')"):
        youtube_vis.read_videos(tmp_path / "instances.json")


def test_all_problems_are_listed(tmp_path):
    def change(data):
        data["annotations"][1]["category_id"], data["annotations"][2]["action"] = 8, ""

    with pytest.raises(Problems, match="category_id is 8.*and 1 more problem; --mode=check lists all") as error:
        _ = _release(tmp_path, change).space
    assert len(error.value.args) == 2 and "action is ''" in error.value.args[1]


def test_broken_masks_are_named_with_video_and_frame_and_their_video_left_out(tmp_path):
    root = fixture.write_release(tmp_path / "own", "split", davis=True)
    data = json.loads((root / "train.json").read_text())
    of_b = [annotation for annotation in data["annotations"] if annotation["video_id"] == 2 and "action" in annotation]
    of_b[0]["segmentations"][3] = {"size": list(SIZE), "counts": "~"}
    of_b[0]["segmentations"][12] = {"size": [4, 4], "counts": [16]}
    of_c = [annotation for annotation in data["annotations"] if annotation["video_id"] == 3 and "action" in annotation]
    of_c[0]["segmentations"] = [None] * 20
    (root / "train.json").write_text(json.dumps(data))
    results = {video.name: video.problems for video in check.check_release(layouts.open_folder(root))}
    assert results["a"] == results["d"] == ()
    place = f"{root / 'train.json'}: b, frame"
    assert results["b"][0].startswith(
        f"{place} 3 (00003.jpg): annotation {of_b[0]['id']}, worker: its counts contain '~'"
    )
    assert results["b"][1].startswith(f"{place} 12 (00012.jpg): annotation {of_b[0]['id']}, worker: its size is [4, 4]")
    assert any(problem.endswith("no mask shows lifting in frames 0 to 19 of c") for problem in results["c"])
    builder = prepare_folder(root, tmp_path / "prepared")
    with open(Path(builder.data_path) / PROBLEMS, newline="") as file:
        assert [row["video"] for row in csv.DictReader(file)] == ["b"]


def test_the_check_reads_a_file_once(tmp_path, monkeypatch):
    root, read = fixture.write_release(tmp_path / "own", "one"), []
    original = youtube_vis.read_videos
    monkeypatch.setattr(youtube_vis, "read_videos", lambda *args: read.append(args[0]) or original(*args))
    release = layouts.open_folder(root)
    assert (
        release.dataset_problems() == []
        and len(release.warnings()) == 1
        and len(list(check.check_release(release))) == 4
    )
    assert read == [root / "instances.json"]


def test_preparing_reads_a_file_once_and_again_when_it_has_changed(tmp_path, monkeypatch):
    root, read = fixture.write_release(tmp_path / "own", "one"), []
    original = youtube_vis.read_videos
    monkeypatch.setattr(youtube_vis, "read_videos", lambda *args: read.append(args[0]) or original(*args))
    assert "worker" in prepare_folder(root, tmp_path / "prepared").space.actors
    assert read == [root / "instances.json"]
    content = (root / "instances.json").read_text()
    (root / "instances.json").write_text(content.replace('"worker"', '"walker"'))
    assert "walker" in prepare_folder(root, tmp_path / "prepared").space.actors
    assert read == [root / "instances.json"] * 2


def test_labels_of_another_size_and_without_an_action_are_reported_once(tmp_path):
    def change(data):
        del data["annotations"][1]["action"]
        data["annotations"][1]["actions"] = [{"action": "lifting", "first": 5, "last": 7}]

    _release(tmp_path, change)
    for path in (tmp_path / "JPEGImages/480p/a").iterdir():
        cv2.imwrite(str(path), cv2.imread(str(path))[:16])
    (video,) = check.check_release(layouts.open_folder(tmp_path))
    sizes, silent, unused = video.problems
    assert "a, frame 3 (00003.jpg): the label is 48x32 pixels, the frame 48x16 (the same in 1 more label)" in sizes
    assert "without an action at that frame: annotation 1, worker; they will be ignored (the same in 1" in silent
    assert unused.endswith("no mask shows lifting in frames 5 to 7 of a")


def test_one_form_is_read_and_two_or_none_are_errors(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such folder"):
        layouts.open_folder(tmp_path / "nowhere")
    with pytest.raises(InputError, match="expected labels.csv, or train.json and test.json, or instances.json"):
        layouts.open_folder(tmp_path)
    root = fixture.write_release(tmp_path / "own", "split")
    (root / "labels.csv").write_text(folder_release.TABLE)
    with pytest.raises(
        InputError, match="own: has labels.csv and train.json and test.json; expected only labels.csv, or"
    ):
        layouts.open_folder(root)
    (root / "labels.csv").unlink()
    (root / "test.json").write_text((root / "train.json").read_text())
    with pytest.raises(Problems, match="test.json: video a is in train.json, too"):
        _ = layouts.open_folder(root).space
    (root / "test.json").unlink()
    with pytest.raises(InputError, match="own: has train.json; expected only"):
        layouts.open_folder(root)


def test_a_tracks_file_that_cannot_be_used_leaves_out_its_video_alone(tmp_path):
    root = fixture.write_release(tmp_path / "own", "tracks")
    (root / "labels/b/tracks.json").write_text(json.dumps(fixture.tracks("a")))
    data = fixture.tracks("c")
    del data["annotations"][0]["category_id"], data["annotations"][1]["id"]
    (root / "labels/c/tracks.json").write_text(json.dumps(data))
    (root / "labels/a\\1").mkdir()
    data = fixture.tracks("a")
    data["videos"][0]["file_name"] = "a\\1.mp4"
    (root / "labels/a\\1/tracks.json").write_text(json.dumps(data))
    results = {video.name: video.problems for video in check.check_release(layouts.open_folder(root))}
    assert results["a"] == results["d"] == ()
    (of_b,), (name,) = results["b"], results["a\\1"]
    assert "labels/b/tracks.json: " in of_b and "is video 'a', but the file is in the folder of video b" in of_b
    assert "labels/a\\1/tracks.json: " in name and "is not a plain video name (printable, without /" in name
    assert name.endswith("; rename the video before predicting")
    assert len(results["c"]) == 2 and all("labels/c/tracks.json: annotations[" in problem for problem in results["c"])
    builder = prepare_folder(root, tmp_path / "prepared")
    assert builder.info.metadata["label_frames"] == {"train": 2, "test": 2}
    with open(Path(builder.data_path) / PROBLEMS, newline="") as file:
        assert {row["video"] for row in csv.DictReader(file)} == {"a\\1", "b", "c"}
    for name in "ad":
        (root / f"labels/{name}/tracks.json").write_text("{")
    with pytest.raises(Problems, match="and 5 more problems"):
        _ = layouts.open_folder(root).space


def test_pngs_beside_json_are_not_read_and_named(tmp_path):
    root = fixture.write_release(tmp_path / "own", "one", davis=True)
    folder_release.write_png(root / "Annotations" / "480p" / "e" / "00000.png", np.zeros(SIZE, np.uint8))
    release = layouts.open_folder(root)
    chosen = "the test split, chosen by name, is d"
    advice = "to choose others, write train.json and test.json instead of instances.json"
    assert (release.dataset_problems(), release.warnings()) == (
        [],
        [
            f"{root}: {chosen}; {advice}",
            f"{root}: instance PNGs of 1 video (e) are not read: instances.json has the labels",
        ],
    )


def test_splits_are_chosen_among_videos_with_masks(tmp_path, capfd):
    root = fixture.write_release(tmp_path / "own", "tracks")
    for name in ("b", "d"):  # as predict writes where it finds nobody
        data = fixture.tracks(name) | {"annotations": []}
        (root / "labels" / name / "tracks.json").write_text(json.dumps(data))
    release = layouts.open_folder(root)
    assert release.splits == {"train": ("a",), "test": ("c",)}
    warning = f"{root}: 2 videos (b, d) without any mask, left out"
    assert release.warnings() == [f"{root}: the test split, chosen by name, is c", warning]
    builder = prepare_folder(root, tmp_path / "prepared")
    assert builder.info.metadata["label_frames"] == {"train": 2, "test": 2} and warning in capfd.readouterr().err


def test_files_and_pictures_are_not_confused(tmp_path):
    root = fixture.write_release(tmp_path / "own", "one", davis=False)
    data = fixture.vis(["a"], pictures=True)
    (root / "instances.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match="a.mp4: not a folder, but instances.json has file_names"):
        layouts.open_folder(root).video("a")
    other = copy.deepcopy(data)
    for annotation in other["annotations"]:
        annotation["segmentations"] = [None] * 20
    (root / "instances.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="no annotation has a mask for video a"):
        layouts.open_folder(root).labels("a")


def _joined(root, tracks_of):
    """Hand-drawn labels of all videos but c, and tracks.json of some."""
    folder_release.write_folder(root)
    table = folder_release.TABLE.splitlines(keepends=True)
    (root / "labels.csv").write_text("".join(line for line in table if not line.startswith("c,")))
    for path in (root / "labels/c").iterdir():
        path.unlink()
    for name in tracks_of:
        (root / "labels" / name / "tracks.json").write_text(json.dumps(fixture.tracks(name)))
    return layouts.open_folder(root)


def test_tracks_are_read_beside_labels_drawn_by_hand(tmp_path):
    drawn_release = layouts.open_folder(folder_release.write_folder(tmp_path / "whole"))
    joined = _joined(tmp_path / "joined", ("a", "c"))
    assert joined.space == drawn_release.space
    assert joined.splits == {"train": ("a", "b", "c"), "test": ("d",)}
    drawn, read, both = joined.warnings()
    assert drawn.endswith("chosen by name, is d; to choose others, add a column split (train or test) to labels.csv")
    assert read == f"{joined.root}: tracks.json of 1 video (c): trained on, never scored"
    assert both == f"{joined.root}: tracks.json of 1 video (a), not read: labels.csv names the same"
    for name in "abcd":
        assert joined.video(name).name == f"{name}.mp4"
        frames = joined.labels(name)
        assert list(frames) == list(drawn_release.labels(name))
        ours = {number: joined.regions(name, number, label) for number, label in frames.items()}
        for number, label in drawn_release.labels(name).items():
            np.testing.assert_array_equal(
                *(_labels(regions) for regions in (ours[number], drawn_release.regions(name, number, label)))
            )
        assert joined.unseen_rows(name, ours) == []
    assert [problem for video in check.check_release(joined) for problem in video.problems] == []


def test_frames_of_tracks_are_positions_whatever_the_names_of_pictures(tmp_path):
    """As predict counts them: a folder's first picture is frame 0."""
    root = fixture.write_release(tmp_path / "own", "tracks", davis=True)
    pictures = sorted((root / "JPEGImages/480p/a").iterdir(), reverse=True)
    for path in pictures:
        path.rename(path.with_stem(f"{5 * int(path.stem) + 1:05d}"))
    data = fixture.tracks("a")
    data["videos"][0] = {key: data["videos"][0][key] for key in ("id", "height", "width", "length")} | {
        "file_name": "a"
    }
    (root / "labels/a/tracks.json").write_text(json.dumps(data))
    release = layouts.open_folder(root)
    assert list(release.labels("a")) == list(folder_release.LABELLED)
    results = {result.name: result for result in check.check_release(release)}
    assert results["a"].problems == () and results["a"].warnings == ()
    waits = {}
    for frame, label in release.labels("a").items():
        regions = release.regions("a", frame, label)
        waits[frame] = "waiting" in [release.space.actions[int(row.argmax())] for row in regions.actions]
    assert waits == {3: False, 12: True}  # from frame 10 on, which is picture 00051


def _labels(regions):
    """Actor and action of every pixel, [H, W, 2]; ignored and background are different."""
    actor, action = np.append(regions.actor, 0), np.append(regions.actions.argmax(-1), 0)
    ignore = np.append(regions.ignore, False)
    order = np.roll(np.arange(len(actor)), 1)  # 0 is the background, region r is row r - 1
    return np.stack([np.where(ignore, 255, kind)[order][regions.map] for kind in (actor, action)], -1)


def test_a_new_class_in_tracks_and_a_broken_file_beside_labels_drawn_by_hand(tmp_path):
    data = fixture.tracks("c")
    data["categories"][0]["name"] = "boss"
    _joined(tmp_path, ("a", "b"))
    (tmp_path / "labels/c/tracks.json").write_text(json.dumps(data))
    assert "boss" in layouts.open_folder(tmp_path).space.actors
    (tmp_path / "labels/c/tracks.json").write_text("{")
    results = {video.name: video.problems for video in check.check_release(layouts.open_folder(tmp_path))}
    (of_c,) = results.pop("c")
    assert "labels/c/tracks.json: not a JSON file" in of_c and list(results.values()) == [()] * 3


def test_a_single_video_drawn_by_hand_beside_tracks_is_still_in_both_splits(tmp_path):
    root = folder_release.write_folder(tmp_path)
    (root / "labels.csv").write_text("video,instance,actor,action\nb,1,worker,walking\n")
    (root / "labels/c/tracks.json").write_text(json.dumps(fixture.tracks("c")))
    release = layouts.open_folder(root)
    assert release.splits == {"train": ("b", "c"), "test": ("b",)}
    assert "video b is trained on and scored" in release.warnings()[0]


def test_splits_that_are_given_stay_and_tracks_join_the_training_split(tmp_path):
    _joined(tmp_path, ("c",))
    rows = (tmp_path / "labels.csv").read_text().splitlines()
    given = [rows[0] + ",split", *(row + (",test" if row[0] in "ab" else ",train") for row in rows[1:])]
    (tmp_path / "labels.csv").write_text("\n".join(given))
    release = layouts.open_folder(tmp_path)
    assert release.splits == {"train": ("d", "c"), "test": ("a", "b")}
    assert [warning for warning in release.warnings() if "chosen" in warning] == []


def test_records_come_from_both_and_only_files_that_are_read_change_the_fingerprint(tmp_path):
    release = _joined(tmp_path / "own", ("a", "c"))
    before = release.fingerprint()
    builder = prepare_folder(release.root, tmp_path / "prepared")
    assert builder.info.metadata["label_frames"] == {"train": 6, "test": 2}
    assert {video for split, video, _ in _records(builder) if split == "train"} == {b"a", b"b", b"c"}
    (release.root / "labels/a/tracks.json").write_text("{}")  # labels.csv tells of a
    (release.root / "labels/c/overlay.mp4").write_text("as predict writes it")
    for video in "ac":
        (release.root / f"labels/{video}/timeline.png").write_text("as predict writes it")
    assert sorted(layouts.open_folder(release.root).labels("a")) == sorted(release.labels("a"))
    assert layouts.open_folder(release.root).fingerprint() == before
    data = fixture.tracks("c")
    data["categories"][0]["name"] = "boss"
    (release.root / "labels/c/tracks.json").write_text(json.dumps(data))
    assert layouts.open_folder(release.root).fingerprint() != before


def test_pngs_may_lie_where_davis_has_them_and_tracks_in_labels(tmp_path):
    root = folder_release.write_folder(tmp_path, davis=True)
    table = folder_release.TABLE.splitlines(keepends=True)
    (root / "labels.csv").write_text("".join(line for line in table if not line.startswith("c,")))
    (root / "labels/c").mkdir(parents=True)
    (root / "labels/c/tracks.json").write_text(json.dumps(fixture.tracks("c")))
    release = layouts.open_folder(root)
    assert [list(release.labels(name)) for name in "abcd"] == [list(LABELLED)] * 4


NAMES = [
    "IMG_0001.MOV", "a+b (1).mp4", "x.tar.mp4", "my clip.v2.mp4", "GX010042..MP4", "B\u00e4r, 2. Versuch [neu].mkv",
    "Ba\u0308r & Co.avi", "\u0915\u0941\u0924\u094d\u0924\u093e.mp4", "100%.mp4", "a'b#~!.webm", " x .mp4", "-q.mp4",
]  # fmt: skip


def _predict(names, labels):
    """Writes tracks.json of videos with these names into the folders that predict gives them; returns their names."""
    folders = predict._folders([Path("new") / name for name in names], labels)
    for path, folder in folders.items():
        tracks = fixture.tracks("b")
        tracks["videos"][0]["file_name"] = path.name
        folder.mkdir(parents=True)
        (folder / "tracks.json").write_text(json.dumps(tracks))
    return [folder.name for folder in folders.values()]


@pytest.mark.parametrize("names", [NAMES, ["IMG_0001.MOV", "IMG_0001.mp4", "b.mp4", "b.x.mp4"]], ids=["names", "twins"])
def test_tracks_of_videos_with_any_name_are_read_again(tmp_path, names):
    root = folder_release.write_folder(tmp_path / "own")
    video = (root / "videos/b.mp4").read_bytes()
    for folder in ("videos", "labels"):
        shutil.rmtree(root / folder)
    (root / "labels.csv").unlink()
    (root / "videos").mkdir()
    for name in names:
        (root / "videos" / name).write_bytes(video)
    folders = _predict(names, root / "labels")
    release = layouts.open_folder(root)
    results = {result.name: result for result in check.check_release(release)}
    assert sorted(results) == sorted(unicodedata.normalize("NFC", folder) for folder in folders)
    assert [problem for result in results.values() for problem in result.problems] == []
    assert {result.labelled for result in results.values()} == {2}
    assert sorted(release.video(name).name for name in results) == sorted(names)
    builder = prepare_folder(root, tmp_path / "prepared")
    assert builder.info.metadata["label_frames"]["train"] == 2 * len(release.splits["train"])


def test_a_video_of_tracks_is_the_file_that_they_name(tmp_path):
    root = fixture.write_release(tmp_path / "own", "tracks")
    shutil.copy(root / "videos/a.mp4", root / "videos/b.MOV")
    release = layouts.open_folder(root)
    assert release.video("b").name == "b.mp4"
    shutil.move(root / "videos/b.mp4", root / "videos/b.avi")
    with pytest.raises(InputError, match="has several with that name: b.MOV, b.avi; keep one"):
        release.video("b")


def test_one_video_under_two_names_is_not_read_twice(tmp_path):
    root = fixture.write_release(tmp_path / "tracks", "tracks")
    _predict(["b.mp4", "b.mov"], root / "labels_of_both")  # when there was a b.mov, too
    shutil.copytree(root / "labels_of_both/b.mp4", root / "labels/b.mp4")
    results = {video.name: video.problems for video in check.check_release(layouts.open_folder(root))}
    twin = "labels/b.mp4/tracks.json: b.mp4 is the video b, which has other labels; delete one of the two"
    assert results.pop("b.mp4") == (f"{root}/{twin}",) and set(results.values()) == {()}
    joined = folder_release.write_folder(tmp_path / "joined")
    shutil.copytree(root / "labels_of_both/b.mp4", joined / "labels/b.mp4")
    results = {video.name: video.problems for video in check.check_release(layouts.open_folder(joined))}
    assert results.pop("b.mp4") == (f"{joined}/{twin}",) and set(results.values()) == {()}


def _quirk(tmp_path, change):
    release = _release(tmp_path, change)
    (result,) = {video.name: video for video in check.check_release(release)}.values()
    return release, result


def _as_texts(data):
    for key in ("videos", "annotations", "categories"):
        for entry in data[key]:
            entry["id"] = f"v{entry['id']}"
    for entry in data["annotations"]:
        entry["video_id"], entry["category_id"] = f"v{entry['video_id']}", f"v{entry['category_id']}"


def _mixed(data):
    data["videos"][0]["id"] = "1"
    for entry in data["annotations"]:
        entry["category_id"] = float(entry["category_id"])


def _nulls(data):
    data["videos"][0]["length"] = None
    for entry in data["annotations"][1:]:
        entry.update(
            area=None, bbox=None, areas=None, bboxes=[None], iscrowd=None, frames=None, actions=None, category=None
        )


def _lists(data):
    for entry in data["annotations"]:
        entry["segmentations"] = [[mask] for mask in entry["segmentations"]]


def _floats(data):
    data["videos"][0].update(width=48.0, height=32.0, length=20.0)
    for entry in data["annotations"]:
        for mask in filter(None, entry["segmentations"]):
            mask["counts"], mask["size"] = list(map(float, mask["counts"])), [32.0, 48.0]


@pytest.mark.parametrize("change", [_as_texts, _mixed, _nulls, _lists, _floats])
def test_other_ways_of_writing_the_same_are_read(tmp_path, change):
    expected, _ = _quirk(tmp_path / "plain", lambda data: None)
    release, result = _quirk(tmp_path / "other", change)
    assert result.problems == () and release.space == expected.space and list(release.labels("a")) == list(LABELLED)
    for number, label in release.labels("a").items():
        ours, plain = release.regions("a", number, label), expected.regions("a", number, expected.labels("a")[number])
        np.testing.assert_array_equal(ours.map, plain.map)
        np.testing.assert_array_equal(ours.actions, plain.actions)


def test_a_file_without_annotations_says_so(tmp_path):
    with pytest.raises(
        InputError, match="instances.json: no annotation has an action: nothing is labelled; give the file"
    ):
        _ = _release(tmp_path / "one", lambda data: data.update(annotations=None)).space
    root = fixture.write_release(tmp_path / "split", "split")
    data = json.loads((root / "test.json").read_text())
    (root / "test.json").write_text(json.dumps(data | {"annotations": None}))
    with pytest.raises(InputError, match="test.json: has no annotation with a mask: nothing in it is labelled"):
        _ = layouts.open_folder(root).space


def test_masks_that_a_program_marks_as_crowds_are_named(tmp_path):
    def some(data):
        data["annotations"][2]["iscrowd"] = 1

    warnings = _release(tmp_path / "some", some).warnings()
    text = "1 annotation of 1 video (a) with an action, but iscrowd 1: ignored; set iscrowd to 0 to use them"
    assert f"{tmp_path / 'some'}: {text}" in warnings

    def every(data):
        for annotation in data["annotations"]:
            annotation["iscrowd"] = True

    with pytest.raises(InputError, match=r"no annotation has an action: every mask is of a crowd \(iscrowd 1\)"):
        _ = _release(tmp_path / "all", every).space


def test_a_mask_of_a_turned_video_and_lists_of_masks_are_named(tmp_path):
    def change(data):
        masks = [annotation["segmentations"] for annotation in data["annotations"]]
        masks[0][3] = masks[0][3] | {"size": [48, 32]}
        masks[0][12] = [masks[0][12]] * 2
        masks[1][4] = []

    release = _release(tmp_path, change)
    errors = []
    for number, label in release.labels("a").items():
        with pytest.raises(InputError) as error:
            release.regions("a", number, label)
        errors.append(str(error.value))
    turned, empty, many = errors
    assert "size is [48, 32]; the video's is [32, 48] (height, width): is the label turned by 90 degrees?" in turned
    assert "is an empty list; expected run lengths, or null in a frame without a mask" in empty
    assert "has a list of 2 run lengths in a frame; join them: pycocotools.mask.merge" in many
