"""Your own data: what is read, how it becomes records, and a message for every problem."""

import csv
import itertools
import pickle
import re
import shutil
import unicodedata
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from input_pipeline import check
from input_pipeline.records.prepare import PROBLEMS
from input_pipeline.releases import a2d, folder, folder_table, layouts
from input_pipeline.releases.folder_base import instance_regions
from input_pipeline.releases.regions import UnknownInstances
from input_pipeline.releases.tables.rows import Row
from ssa2d_jax.data.label_space import A2D, IGNORE, LabelSpace
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import a2d_release
from tests.fixtures import folder_release as fixture
from tests.fixtures.prepared_folder import OPTIONS, prepare_folder


def records(builder, split):
    files = [str(path) for path in builder.info.splits[split].filepaths]
    return [builder.info.features.deserialize_example(data) for data in tf.data.TFRecordDataset(files)]


@pytest.mark.parametrize("davis", [False, True])
def test_videos_and_davis_folders_become_records(tmp_path, davis):
    root = fixture.write_folder(tmp_path / "own", davis=davis)
    builder = prepare_folder(root, tmp_path / "prepared")
    space = builder.space
    assert space.actors == ("background", "fork lift", "worker")
    assert space.actions == ("background", "driving", "lifting", "waiting", "walking")
    assert space.joint[1:] == ("fork lift-driving", "fork lift-waiting", "worker-lifting", "worker-walking")
    assert builder.info.metadata["label_frames"] == {"train": 6, "test": 2}  # the fourth video is for the test
    assert {record["video"].numpy().decode() for record in records(builder, "test")} == {"d"}
    of_a = [record for record in records(builder, "train") if record["video"].numpy() == b"a"]
    seen = {}
    for record in of_a:
        for label, position in enumerate(record["label_position"].numpy()):
            number = int(record["first_frame"]) + position
            picture = cv2.imdecode(np.frombuffer(record["frames"][position].numpy(), np.uint8), cv2.IMREAD_COLOR)
            assert abs(float(picture[..., 2].mean()) - 8 * number) < 6  # red says the frame's number
            regions = cv2.imdecode(np.frombuffer(record["regions"][label].numpy(), np.uint8), cv2.IMREAD_UNCHANGED)
            kinds = [0, *(
                (space.actors[int(actor)], space.actions[int(row.argmax())]) if not skip else IGNORE
                for actor, row, skip in zip(
                    record["region_actor"].numpy(), record["region_actions"].numpy(), record["region_ignore"].numpy(),
                    strict=True,
                )
            )]  # fmt: skip
            seen[int(number)] = regions, kinds
    assert set(seen) == set(fixture.LABELLED)
    for number, (regions, kinds) in seen.items():
        truth = fixture.instances("a", number)
        second = ("fork lift", "driving" if number < 10 else "waiting")
        expected = {0: 0, 1: ("worker", "lifting"), 2: second, 255: IGNORE}
        assert [kinds[r] for r in regions.ravel()] == [expected[i] for i in truth.ravel()]


def test_splits_as_given_and_a_single_video(tmp_path):
    table = "video,instance,actor,action,split\n" + "".join(
        f"{name},{i},worker,walking,{'test' if name == 'b' else 'train'}\n"
        for name, numbers in fixture.INSTANCES.items() for i in numbers
    )  # fmt: skip
    root = fixture.write_folder(tmp_path / "own", table=table)
    assert layouts.open_folder(root).splits == {"train": ("a", "c", "d"), "test": ("b",)}
    (root / "labels.csv").write_text("video,instance,actor,action\nb,1,worker,walking\n")
    assert layouts.open_folder(root).splits == {"train": ("b",), "test": ("b",)}
    builder = prepare_folder(root, tmp_path / "prepared")
    assert builder.info.metadata["label_frames"] == {"train": 2, "test": 2}


def test_a_video_may_be_named_with_its_ending(tmp_path):
    root = fixture.write_folder(tmp_path / "own", table=fixture.TABLE.replace("b,1,", "b.mp4,1,"))
    release = layouts.open_folder(root)
    assert release.splits == {"train": ("a", "b", "c"), "test": ("d",)}
    assert release.video("b").name == "b.mp4" and list(release.labels("b")) == list(fixture.LABELLED)


def test_a_video_named_with_its_ending_is_not_the_other_one_of_its_name(tmp_path):
    root = fixture.write_folder(tmp_path / "own", table=fixture.TABLE.replace("b,1,", "b.mp4,1,"))
    shutil.copy(root / "videos/a.mp4", root / "videos/b.mov")
    shutil.move(root / "labels/b", root / "labels/b.mp4")
    release = layouts.open_folder(root)
    assert release.video("b.mp4").name == "b.mp4" and list(release.labels("b.mp4")) == list(fixture.LABELLED)


def test_names_on_disk_and_in_the_table_may_be_composed_differently(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "B\u00e4r") for form in ("NFC", "NFD"))
    for number, (of_video, of_labels, of_row) in enumerate(itertools.product((composed, decomposed), repeat=3)):
        root = fixture.write_folder(tmp_path / str(number), table=fixture.TABLE.replace("b,1", f"{of_row},1"))
        shutil.move(root / "videos/b.mp4", root / f"videos/{of_video}.mp4")
        shutil.move(root / "labels/b", root / "labels" / of_labels)
        release = layouts.open_folder(root)
        assert composed in release.splits["test"] + release.splits["train"]
        assert [problem for video in check.check_release(release) for problem in video.problems] == []
        assert not [warning for warning in release.warnings() if "does not name" in warning]


def test_numbers_of_ignored_regions_are_ignored_without_a_problem(tmp_path):
    root = fixture.write_folder(tmp_path / "own", table=fixture.TABLE + "*,10000,ignore,,,\nb,7,ignore,,0,5\n")
    for name in fixture.INSTANCES:
        for number in fixture.LABELLED:
            picture = fixture.instances(name, number).astype(np.uint16)
            picture[28:] = 10000
            picture[26:28] = 7 if name == "b" and number <= 5 else 0
            cv2.imwrite(str(root / f"labels/{name}/{number:05d}.png"), picture)
    release = layouts.open_folder(root)
    assert [problem for video in check.check_release(release) for problem in video.problems] == []
    regions = release.regions("b", 3, release.labels("b")[3])
    assert regions.codes.tolist() == [1, IGNORE] and regions.ignore.tolist() == [False, True]
    assert (regions.map[26:] == 2).all() and (regions.map[:2] == 2).all() and (regions.map[20:26] == 0).all()


def test_strangers_in_many_labels_are_one_problem_of_their_video(tmp_path):
    root = fixture.write_folder(tmp_path / "own")
    for number in (*fixture.LABELLED, 13, 14):
        picture = fixture.instances("b", 3).astype(np.uint16)
        picture[28:] = 10000 + number
        cv2.imwrite(str(root / f"labels/b/{number:05d}.png"), picture)
    results = {video.name: video.problems for video in check.check_release(layouts.open_folder(root))}
    (problem,) = results["b"]
    assert problem == (
        f"{root / 'labels/b/00003.png'} and 3 more labels: instances 10003, 10012, 10013, 10014 are not in labels.csv "
        "(video b); to ignore a number as 255, add a row of it with the actor ignore and no action"
    )
    error = pickle.loads(pickle.dumps(UnknownInstances(root / "x.png", [3, 4], "not in labels.csv (video b)")))
    assert str(error) == f"{root / 'x.png'}: instances 3, 4 are not in labels.csv (video b)" and error.numbers == (3, 4)


def test_a_missing_video_is_named_with_its_lines_and_a_suggestion(tmp_path):
    table = fixture.TABLE.replace("b,1,", "pnod,1,") + "clip 2,1,worker,walking,,\nx,1,worker,walking,,\n"
    root = fixture.write_folder(tmp_path / "own", table=table.replace("a,", "A_day,"))
    for name, other in (("a", "a_day"), ("b", "Pond"), ("d", "d1"), ("d", "clip 1")):
        shutil.copy(root / "videos" / f"{name}.mp4", root / "videos" / f"{other}.mp4")
    (root / "labels.csv").write_text((root / "labels.csv").read_text() + "clip 1,1,worker,walking,,\n")
    release, folder = layouts.open_folder(root), root / "videos"

    def error_of(name):
        with pytest.raises(InputError) as error:
            release.video(name)
        return str(error.value).removeprefix(f"{root / 'labels.csv'}, ")

    none = f"{folder} has none with that name"
    assert error_of("pnod") == f"line 5: video pnod: {none}; did you mean 'Pond'?"
    assert error_of("A_day") == f"line 2 (and 2 more lines): video A_day: {none}; did you mean 'a_day'?"
    assert error_of("clip 2") == f"line 9: video clip 2: {none}"  # clip 1 has a line of its own
    assert error_of("x") == f"line 10: video x: {none}"


def test_a_release_has_to_be_given(tmp_path):
    with pytest.raises(InputError, match="config.data.root is ''"):
        prepare_folder("", tmp_path / "prepared")


def _spoil(root, name):
    label = root / "labels" / "b" / "00003.png"
    if name == "unknown":
        picture = fixture.instances("b", 3)
        picture[20:] = 7
        fixture.write_png(label, picture)
        return "00003.png: instance 7 is not in labels.csv"
    if name == "colours":
        Image.fromarray(np.zeros((*fixture.SIZE, 3), np.uint8)).save(label)
        return "00003.png: has the colour mode RGB; expected one number per pixel"
    if name == "size":
        fixture.write_png(label, fixture.instances("b", 3)[:16])
        return "label.*48x16"
    if name == "late":
        shutil.move(label, label.with_name("00077.png"))
        return "frame 77.*20 frames"
    if name == "cut":
        label.write_bytes(label.read_bytes()[:50])
        return "00003.png: not a readable PNG"
    if name == "name":
        shutil.move(label, label.with_name("first.png"))
        return "first.png: the name must be the number of the frame"
    if name == "unlabelled":
        shutil.rmtree(root / "labels" / "b")
        return "labels/b: has no instance PNG"
    if name == "frame":
        place = root / "videos" / "b"
        place.mkdir()
        for i, frame in enumerate(fixture.frames(20, fixture.SIZE)):
            cv2.imwrite(str(place / f"{i:05d}.png"), frame[:16] if i == 5 else frame)
        (root / "videos" / "b.mp4").unlink()
        return "frame 5 is 48x16"
    if name == "video":
        (root / "videos" / "b.mp4").write_text("no video")
        return "b.mp4: not a video"
    shutil.copy(root / "videos" / "b.mp4", root / "videos" / "b.mkv")
    return "several with that name: b.mkv, b.mp4"


KINDS = ["frame", "unknown", "colours", "size", "late", "cut", "name", "unlabelled", "video", "two"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_with_a_problem_is_left_out_and_found_by_the_check(tmp_path, kind):
    root = fixture.write_folder(tmp_path / "own")
    message = _spoil(root, kind)
    results = {result.name: result for result in check.check_release(layouts.open_folder(root))}
    assert [name for name, result in results.items() if result.problems] == ["b"]
    assert _matches(message, results["b"].problems)
    builder = prepare_folder(root, tmp_path / "prepared")
    with open(Path(builder.data_path) / PROBLEMS, newline="") as file:
        problems = {row["video"]: row["reason"] for row in csv.DictReader(file)}
    assert set(problems) == {"b"} and _matches(message, problems.values())


def test_classes_that_differ_only_in_case_are_a_problem(tmp_path):
    root = fixture.write_folder(tmp_path / "own", table=fixture.TABLE.replace("c,3,fork lift", "c,3,Fork lift"))
    assert layouts.open_folder(root).dataset_problems() == [
        f"{root}: actors 'Fork lift' and 'fork lift' differ only in case; if they are the same, spell them alike"
    ]
    with pytest.raises(InputError, match="actors 'Fork lift' and 'fork lift' differ only in case"):
        prepare_folder(root, tmp_path / "prepared")


@pytest.mark.parametrize("numbers", [(0, 1, 2), (3, 255, 65535), (0, 7, 65536, 1 << 31)])
def test_regions_are_numbered_in_order_of_their_instances(numbers):
    instances = np.random.default_rng(0).choice(numbers, fixture.SIZE)
    row = Row("labels.csv, line 2", "a", 7, "worker", "lifting", 0, None)
    regions = instance_regions(instances, 0, (row,), folder_table.space_of(Path(), {"a": (row,)}))
    expected = [number for number in numbers if number]
    assert regions.codes.tolist() == expected and regions.ignore.tolist() == [number != 7 for number in expected]
    assert regions.map.dtype == np.uint16
    np.testing.assert_array_equal(np.int64([0, *expected])[regions.map], instances)


def test_maps_of_a_video_are_not_in_memory_all_at_once(tmp_path, monkeypatch):
    root = fixture.write_folder(tmp_path / "own")
    for number in range(20):
        fixture.write_png(root / "labels" / "a" / f"{number:05d}.png", fixture.instances("a", number))
    references, alive = [], []
    original = instance_regions

    def count_maps(*args):
        result = original(*args)
        references.append(weakref.ref(result.map))
        alive.append(sum(ref() is not None for ref in references))
        return result

    monkeypatch.setattr(folder, "instance_regions", count_maps)
    show = lambda *shown: None
    results = {result.name: result for result in check.check_release(layouts.open_folder(root), show)}
    assert results["a"].labelled == 20 and results["a"].problems == () and results["a"].shown == 2
    assert max(alive) <= 2
    alive.clear()
    prepare_folder(root, tmp_path / "prepared")
    assert len(alive) == 20 + 3 * 2 and max(alive) <= OPTIONS.label_span


def test_what_labels_csv_leaves_out_is_a_warning(tmp_path):
    root = fixture.write_folder(tmp_path / "more")
    (drawn,) = layouts.open_folder(root).warnings()
    assert drawn.endswith("chosen by name, is d; to choose others, add a column split (train or test) to labels.csv")
    for name in ("e", "g", "h", "i", "j", "k"):
        shutil.copytree(root / "labels" / "a", root / "labels" / name)
    (root / "labels" / "f").mkdir()
    release = layouts.open_folder(root)
    assert release.dataset_problems() == []
    assert release.warnings() == [
        drawn,
        f"{root}: instance PNGs of 6 videos (e, g, h, i, j and 1 more) that labels.csv does not name",
    ]


def test_a_video_that_cannot_be_read_is_reported_once(tmp_path):
    root = fixture.write_folder(tmp_path / "own")
    (root / "videos" / "a.mp4").write_text("no video")
    original = (root / "videos" / "b.mp4").read_bytes()
    (root / "videos" / "b.mp4").write_bytes(original[: len(original) // 2])
    shutil.move(root / "labels" / "c" / "00003.png", root / "labels" / "c" / "00020.png")
    results = {result.name: result.problems for result in check.check_release(layouts.open_folder(root))}
    assert [len(results[name]) for name in "abcd"] == [1, 1, 1, 0]
    assert "a.mp4: not a video" in results["a"][0] and "b.mp4: " in results["b"][0]
    assert "labels frame 20, but" in results["c"][0]


def test_two_releases_have_folders_of_their_own(tmp_path):
    places = {check.output_folder("data", tmp_path / name / "own") for name in ("one", "two")}
    assert len(places) == 2 and all(place.parent == Path("data/check") for place in places)


def _matches(message, problems):
    return any(re.search(message, problem) for problem in problems)


def test_the_check_shows_what_it_read(tmp_path):
    root = fixture.write_folder(tmp_path / "own", davis=True)
    with open(root / "labels.csv", "a") as file:
        file.write("d,2,worker,walking,,\n")  # nobody has drawn it
        file.write("b,1,worker,lifting,500,510\n")
        file.write("b,1,worker,walking,511,\n")
    (root / "labels.csv").write_text(
        (root / "labels.csv").read_text().replace("b,1,worker,walking,,", "b,1,worker,walking,0,499")
    )
    shown = {}
    show = lambda caption, frame, joint: shown.update({caption: (frame, joint)})
    results = {result.name: result for result in check.check_release(layouts.open_folder(root), show)}
    assert results["a"].problems == () and (results["a"].frames, results["a"].labelled) == (20, 2)
    assert list(shown) == ["a, frame 3", "a, frame 12", "b, frame 12", "c, frame 12", "d, frame 12"]
    for number, classes in ((3, {0, 1, 3, IGNORE}), (12, {0, 2, 3, IGNORE})):
        frame, joint = shown[f"a, frame {number}"]
        assert frame.shape == (32, 48, 3) and abs(float(frame[..., 0].mean()) - 8 * number) < 6
        assert set(np.unique(joint)) == classes
    assert results["a"].pairs == {(2, 2): 2, (1, 1): 1, (1, 3): 1}
    nobody, what = (
        "labels.csv, line {}: instance {} of {} is drawn in no labelled frame",
        "; draw it, or delete this line$",
    )
    assert _matches(nobody.format(9, 2, "d") + what, results["d"].problems)
    assert _matches(nobody.format(10, 1, "b") + " from 500 to 510" + what, results["b"].problems)
    assert _matches(nobody.format(11, 1, "b") + " from 511 on" + what, results["b"].problems)
    space = layouts.open_folder(root).space
    # d alone is for the test, and shows a worker who walks, as b does.
    assert check.find_one_sided_pairs(list(results.values()), space) == [
        f"{pair} is trained on, but no video of the test split shows it"
        for pair in ("fork lift-driving", "fork lift-waiting", "worker-lifting")
    ]
    result = check.VideoCheck("a", "train, test", (), 9, 1, pairs={(1, 1): 1})
    assert check.find_one_sided_pairs([result], space) == []
    result = check.VideoCheck("a", "test", (), 9, 1, pairs={(1, 1): 1})
    assert check.find_one_sided_pairs([result], space) == [
        "fork lift-driving is scored, but no video of the training split shows it"
    ]


def test_a_release_in_a2ds_layout_is_checked_too(tmp_path):
    root = a2d_release.write_release(tmp_path / "Release", train=2, test=1)
    (root / "clips320H" / "v01.mp4").unlink()
    results = {result.name: result for result in check.check_release(a2d.A2DRelease(root))}
    assert results["v00"].problems == results["w00"].problems == () and results["v00"].labelled == 3
    assert _matches("v01.mp4: no such file", results["v01"].problems)


def test_label_spaces_survive_json():
    own = LabelSpace.from_names(("cat", "dog"), ("run", "sit"), (("cat", "sit"), ("dog", "run")))
    assert LabelSpace.from_json(own.to_json()) == own and LabelSpace.from_json(A2D.to_json()) is A2D
    renamed = LabelSpace.from_names(A2D.actors[1:], A2D.actions[1:], (("dog", "running"),))
    assert LabelSpace.from_json(renamed.to_json()) == renamed != A2D
    older = {key: value for key, value in A2D.to_json().items() if key != "pairs"}
    assert LabelSpace.from_json(older) is A2D
    with pytest.raises((ValueError, KeyError)):
        LabelSpace.from_json({"actors": ["background"], "actions": [], "several": True})
    many = LabelSpace.from_names(
        ("dog",), tuple(f"trick {i}" for i in range(200)), tuple(("dog", f"trick {i}") for i in range(200))
    )
    assert len({tuple(colour) for colour in many.joint_colours}) > 100


def test_classes_that_are_spelled_almost_alike_are_a_warning(tmp_path):
    root = fixture.write_folder(tmp_path / "own", table=fixture.TABLE.replace("d,1,worker", "d,1,wroker"))
    (warning,) = [result for result in layouts.open_folder(root).warnings() if "alike" in result]
    assert warning == f"{root}: actors 'worker' and 'wroker' are spelled almost alike; is one of them a mistake?"


def test_classes_that_are_similar_on_purpose_are_no_warning():
    similar = lambda *actions: folder_table.similar_names(
        LabelSpace.from_names(("dog",), actions, (("dog", actions[0]),))
    )
    assert similar("standing", "standing up", "walking", "talking", "trick 1", "trick 12", "female", "male") == []
    many = [f"walking{letter}" for letter in "abcdefgh"]
    assert len(similar(*many)) == 6 and similar(*many)[-1].startswith("and 23 more pairs")


def test_given_splits_are_no_warning_and_a_single_video_is(tmp_path):
    rows = fixture.TABLE.splitlines()
    given = "\n".join([rows[0] + ",split", *(row + (",test" if row[0] == "d" else ",train") for row in rows[1:])])
    assert layouts.open_folder(fixture.write_folder(tmp_path / "given", table=given)).warnings() == []
    single = "\n".join(row for row in rows if row[0] in "vb")
    root = fixture.write_folder(tmp_path / "single", table=single)
    assert "video b is trained on and scored" in layouts.open_folder(root).warnings()[0]


def test_masks_of_0_and_255_get_a_hint(tmp_path):
    root = fixture.write_folder(tmp_path / "own")
    for path in sorted((root / "labels").glob("b/*.png")):
        mask = np.asarray(Image.open(path)) > 0
        Image.fromarray((255 * mask).astype(np.uint8)).save(path)
    results = {result.name: result for result in check.check_release(layouts.open_folder(root), lambda *shown: None)}
    assert _matches("instance 1 of b is .*; its PNGs hold 0 and 255 alone, .*write the number", results["b"].problems)
    builder = prepare_folder(root, tmp_path / "prepared")
    with open(Path(builder.data_path) / PROBLEMS, newline="") as file:
        ((name, reason),) = [(row["video"], row["reason"]) for row in csv.DictReader(file)]
    assert (
        name == "b" and "b show no instance: their PNGs hold 0 and 255 alone, and 255 is ignored: write the" in reason
    )
    table = fixture.TABLE.replace("b,1,", "b,255,")
    (root / "labels.csv").write_text(table)
    results = {result.name: result for result in check.check_release(layouts.open_folder(root))}
    assert results["b"].problems == results["b"].warnings == ()


def _write_masks(root, number):
    """Replaces all labels by masks of 0 and `number`."""
    for path in sorted((root / "labels").glob("*/*.png")):
        mask = (np.asarray(Image.open(path)) > 0) & (np.asarray(Image.open(path)) < 255)
        Image.fromarray((number * mask).astype(np.uint8)).save(path)


@pytest.mark.parametrize(("number", "reason"), [(255, "no usable video"), (0, "no label of the train split shows an")])
def test_a_data_set_that_teaches_nothing_is_not_built(tmp_path, number, reason):
    root = fixture.write_folder(tmp_path / "own")
    _write_masks(root, number)
    with pytest.raises(InputError, match=reason):
        prepare_folder(root, tmp_path / "prepared")
    assert not list((tmp_path / "prepared").rglob("*.tfrecord*"))


def test_rows_that_cover_no_labelled_frame_teach_nothing(tmp_path):
    root = fixture.write_folder(
        tmp_path / "own", table=fixture.TABLE.replace("b,1,worker,walking,,", "b,1,worker,walking,15,")
    )
    builder = prepare_folder(root, tmp_path / "prepared")
    with open(Path(builder.data_path) / PROBLEMS, newline="") as file:
        ((name, reason),) = [(row["video"], row["reason"]) for row in csv.DictReader(file)]
    assert name == "b"
    assert reason.endswith(
        "the labels of b show nothing that could be learned, only 1, 255: instances without a row in labels.csv for "
        "that frame, and 255"
    )


def test_single_labels_without_an_instance_are_built_and_named(tmp_path, capsys):
    root = fixture.write_folder(tmp_path / "own")
    fixture.write_png(root / "labels/b/00003.png", 255 * (fixture.instances("b", 3) > 0).astype(np.uint8))
    (warning,) = next(r for r in check.check_release(layouts.open_folder(root)) if r.name == "b").warnings
    assert warning.endswith("b/00003.png: holds 0 and 255 alone, and 255 is ignored: it shows no instance")
    builder = prepare_folder(root, tmp_path / "prepared")
    assert builder.info.metadata["label_frames"] == {"train": 6, "test": 2}
    logged = capsys.readouterr().err
    assert "train: 1 label without an instance that is learned, in b" in logged
    assert "train: 1 label to look at:" in logged and "00003.png: holds 0 and 255 alone" in logged


@pytest.mark.parametrize(
    ("ours", "theirs", "read"),
    [
        ("labels", "masks", lambda release: release.labels("b")),
        ("labels", "annotations/480p", lambda release: release.labels("b")),
        ("videos", "clips", lambda release: release.video("b")),
    ],
)
def test_a_folder_of_another_name_is_named(tmp_path, ours, theirs, read):
    root = fixture.write_folder(tmp_path / "own")
    (root / theirs).parent.mkdir(exist_ok=True)
    (root / ours).rename(root / theirs)
    folder = theirs.split("/")[0]
    with pytest.raises(InputError, match=rf"has no folder {ours} or .*; it has {folder} with such files: rename"):
        read(layouts.open_folder(root))
