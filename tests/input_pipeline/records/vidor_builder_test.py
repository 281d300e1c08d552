"""VidOR's shards: the same from processes, Beam and a resumed build, and every unusable video is named."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from input_pipeline import dataset
from input_pipeline.examples import Augmentation, ClipOptions
from input_pipeline.records import vidor_clips
from input_pipeline.records.options import VidorOptions
from input_pipeline.records.prepare import PROBLEMS, prepare_vidor
from input_pipeline.records.vidor_plan import ClipSpan
from ssa2d_jax.data.batch import check_batch
from ssa2d_jax.data.vidor_classes import ACTIONS, OBJECTS
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import vidor_release as fixture

SETTINGS = dict(clip_frames=8, labels_per_clip=2, clips_per_video=3, store_height=0, jpeg_quality=95)
DOG = 1 + OBJECTS.index("dog")


def build(release, prepared, **changes):
    how = {name: changes.pop(name) for name in ("processes", "beam", "strict") if name in changes}
    return prepare_vidor(str(release), str(prepared), VidorOptions(**SETTINGS | changes), **{"processes": 1} | how)


def shards(builder):
    """split -> sorted records, byte for byte except for the order of their fields, which protobuf does not define."""
    fields = lambda data: sorted(  # noqa: E731
        (name, value.SerializeToString()) for name, value in tf.train.Example.FromString(data).features.feature.items()
    )
    return {
        split: sorted(fields(data) for data in tf.data.TFRecordDataset(info.filepaths).as_numpy_iterator())
        for split, info in builder.info.splits.items()
    }


def problems(builder):
    with open(Path(builder.data_path) / PROBLEMS, newline="") as file:
        return {row["video"]: row["reason"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return fixture.write_release(tmp_path_factory.mktemp("vidor") / "Release")


@pytest.fixture(scope="module")
def builder(release, tmp_path_factory):
    return build(release, tmp_path_factory.mktemp("prepared"))


def test_counts(builder):
    assert builder.info.metadata["label_frames"]["test"] == 2 * 3 * 2  # videos, clips of 24 frames, labels
    assert builder.info.splits["test"].num_examples == 6
    assert builder.info.metadata["label_size"]["test"] == list(fixture.SIZE)
    assert 4 <= builder.info.splits["train"].num_examples <= 12  # less the clips that were drawn twice
    assert not builder.parts.exists()


def test_two_processes_build_the_same_as_one(release, builder, tmp_path):
    assert shards(build(release, tmp_path, processes=2)) == shards(builder)


def test_beam_builds_the_same(release, builder, tmp_path):
    pytest.importorskip("apache_beam")
    words = "--runner=DirectRunner --direct_running_mode=multi_processing --direct_num_workers=2"
    assert shards(build(release, tmp_path, beam=words)) == shards(builder)
    assert build(release, tmp_path).info.metadata == builder.info.metadata


def test_beam_that_is_missing_or_misspelt_is_named(release, tmp_path):
    with pytest.raises(InputError, match="config.data.beam"):
        build(release, tmp_path, beam="DirectRunner")


def test_an_interrupted_build_continues_after_the_finished_videos(release, builder, tmp_path, monkeypatch, capsys):
    real, seen = vidor_clips.make_records, []

    def third_fails(plan, root, options):
        seen.append(plan[0].stem)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return real(plan, root, options)

    monkeypatch.setattr(vidor_clips, "make_records", third_fails)
    with pytest.raises(KeyboardInterrupt):
        build(release, tmp_path)
    before = list(seen)
    (part,) = tmp_path.glob(f"vidor/*/parts/*/*{before[0]}.tfrecord")
    part.write_bytes(part.read_bytes()[:-7])  # damages the records of the first video
    assert shards(build(release, tmp_path)) == shards(builder)
    assert before[0] in seen[3:] and before[1] not in seen[3:]
    assert "1 of 4 videos were finished before" in capsys.readouterr().err


def test_batches_carry_sets_of_actions(builder):
    options = dataset.BatchOptions(ClipOptions(size=(16, 32), clip_frames=8, frame_step=1, multilabel=True))
    batches = list(dataset.eval_batches(builder, "test", options, batch_size=4))
    for batch in batches:
        check_batch(batch)
        assert batch["action"].shape == (*batch["actor"].shape, len(ACTIONS))
    assert sum(batch["label_valid"][batch["clip_valid"]].sum() for batch in batches) == 12
    (chosen, i), = [(batch, i) for batch in batches for i, clip in enumerate(batch["clip_id"])
                 if clip == "200:3,7" and batch["clip_valid"][i]]  # fmt: skip
    assert chosen["label_time"][i].tolist() == [2, 6]
    expected = np.zeros(chosen["actor"].shape[2:], bool)
    expected[4:20, 2 : 2 + 16] = True  # frame 2, from 0
    np.testing.assert_array_equal(chosen["actor"][i, 0] == DOG, expected)
    for name in ("chase", "watch"):
        np.testing.assert_array_equal(chosen["action"][i, 0, ..., ACTIONS.index(name)], expected)
    assert chosen["action"].sum() == 2 * (chosen["actor"] == DOG).sum()
    augment = Augmentation(
        crop_scale=(0.7, 1.0), crop_aspect=(0.9, 1.1), flip=True, jitter_time=True,
        brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1,
    )  # fmt: skip
    batches = dataset.train_batches(builder, options, augment, batch_size=4, seed=0, start_step=0, shuffle_buffer=10)
    batch = next(batches)
    check_batch(batch)
    np.testing.assert_array_equal(batch["action"][..., ACTIONS.index("chase")], batch["actor"] == DOG)


def test_unusable_videos_are_listed_and_the_others_are_built(tmp_path, capsys):
    release = fixture.write_release(tmp_path / "Release", train=2)
    (release / "annotation/training/0000/bad.json").write_text("{not JSON")
    fixture.write_annotation(release, "train", fixture.annotation("lost"))
    fixture.write_annotation(release, "train", fixture.annotation("away", video_path="../../../etc/passwd"))
    lacking = {key: value for key, value in fixture.annotation("lacking").items() if key != "trajectories"}
    fixture.write_annotation(release, "train", lacking)
    unknown = fixture.annotation("unknown", **{"subject/objects": [{"tid": 2, "category": "dragon"}]})
    fixture.write_annotation(release, "test", unknown)
    # Half of the clips go to each of three predicates, so that every video is drawn.
    reasons = problems(build(release, tmp_path / "prepared", clips_per_video=30, processes=2))
    assert set(reasons) == {"bad", "lost", "away", "lacking", "unknown"}
    expected = {
        "bad": "not a JSON file", "lost": "no such file", "away": "leads out of", "lacking": "trajectories",
        "unknown": "dragon",
    }  # fmt: skip
    for name, reason in expected.items():
        assert reason in reasons[name], name
    assert "5 videos left out" in capsys.readouterr().err
    with pytest.raises(InputError, match="5 videos had to be left out"):
        build(release, tmp_path / "prepared", clips_per_video=30, strict=True)


def test_nothing_usable_is_an_error(tmp_path):
    release = fixture.write_release(tmp_path / "Release", train=1, test=1)
    (release / "video/0000/200.mp4").unlink()
    with pytest.raises(InputError, match="no usable video in the test split(.|\n)*200.mp4"):
        build(release, tmp_path / "prepared")
    (release / "annotation/training/0000/100.json").write_text("[]")
    with pytest.raises(InputError, match="no usable video in the train split(.|\n)*100.json"):
        build(release, tmp_path / "prepared")


def test_another_error_is_not_taken_for_unusable_videos(tmp_path, monkeypatch):
    release = fixture.write_release(tmp_path / "Release", train=1, test=1)
    (release / "annotation/validation/0000/bad.json").write_text("{not JSON")

    def broken(plan, root, options):
        raise RuntimeError("the real reason")

    monkeypatch.setattr(vidor_clips, "make_records", broken)
    with pytest.raises(RuntimeError, match="the real reason"):
        build(release, tmp_path / "prepared")


def test_the_same_video_in_two_folders_is_two_videos(tmp_path):
    release = fixture.write_release(tmp_path / "Release", train=1, test=1)
    twin = release / "annotation/validation/0001/200.json"
    twin.parent.mkdir()
    twin.write_text((release / "annotation/validation/0000/200.json").read_text())
    assert build(release, tmp_path / "prepared").info.splits["test"].num_examples == 6


def test_without_relations_there_is_nothing_to_learn(tmp_path):
    release = fixture.write_release(tmp_path / "Release", train=0)
    fixture.write_annotation(release, "train", fixture.annotation("7") | {"relation_instances": []})
    with pytest.raises(InputError, match="no video of the train split has a relation"):
        build(release, tmp_path / "prepared")


def test_notes_name_the_video(tmp_path):
    path = fixture.write_annotation(tmp_path, "train", fixture.annotation("7"))
    plan = (path, (ClipSpan(0, 1),))
    options = VidorOptions(**SETTINGS)
    assert vidor_clips.records_of_video(plan, folder=tmp_path, root=tmp_path, options=options) == []
    (note,) = tmp_path.glob("*.json")
    assert json.loads(note.read_text())["video"] == "7" and "7.mp4" in json.loads(note.read_text())["problem"]


def test_features_are_read_by_tfds_itself(builder):
    ds = builder.as_dataset(split="test")
    assert sum(1 for _ in tfds.as_numpy(ds)) == 6
