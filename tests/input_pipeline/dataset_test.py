"""Batches: every clip once, the same after resuming, divided among processes without gaps."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from input_pipeline import dataset
from input_pipeline.examples import Augmentation, ClipOptions
from input_pipeline.records.options import RegionOptions
from input_pipeline.records.prepare import prepare_regions
from input_pipeline.releases import a2d
from ssa2d_jax.data.batch import check_batch
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import a2d_release as fixture

CLIP = {"clip_frames": 8, "frame_step": 1}
SHAPE = ClipOptions(size=(16, 32), **CLIP)
AUGMENT = Augmentation(
    crop_scale=(0.5, 1.0), crop_aspect=(0.8, 1.25), flip=True, jitter_time=True,
    brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05,
)  # fmt: skip
PLAIN = Augmentation(
    crop_scale=(1.0, 1.0), crop_aspect=(0.8, 1.25), flip=False, jitter_time=False,
    brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """7 train videos of two records each: 14 clips. 5 test videos, w03 and w04 of another size: 10 clips."""
    folder = fixture.write_release(tmp_path_factory.mktemp("complete") / "Release", train=7, test=5)
    fixture.write_video(folder, "w03", size=(32, 80))
    fixture.write_video(folder, "w04", size=(68, 40))
    return folder


def prepare(release, prepared):
    options = RegionOptions(label_span=6, store_height=0, jpeg_quality=90, **CLIP)
    return prepare_regions(str(release), str(prepared), options, processes=1)


@pytest.fixture(scope="module")
def builder(release, tmp_path_factory):
    return prepare(release, tmp_path_factory.mktemp("prepared"))


def train(builder, batches, start_step=0, batch_size=4, seed=0, augment=AUGMENT, **others):
    endless = dataset.train_batches(
        builder, dataset.BatchOptions(SHAPE, **others), augment,
        batch_size=batch_size, seed=seed, start_step=start_step, shuffle_buffer=100,
    )  # fmt: skip
    return list(itertools.islice(endless, batches))


def evaluate(builder, split="test", batch_size=4, **others):
    options = dataset.BatchOptions(SHAPE, **others)
    return list(dataset.eval_batches(builder, split, options, batch_size=batch_size))


def names(batches):
    pairs = [pair for batch in batches for pair in zip(batch["clip_id"], batch["clip_valid"], strict=True)]
    return [name for name, valid in pairs if valid]


def assert_same(left, right):
    assert left.keys() == right.keys()
    for key in left:
        np.testing.assert_array_equal(left[key], right[key], err_msg=key)


def all_names(letter, count):
    return sorted(f"{letter}{i:02d}:{frames}" for i in range(count) for frames in ("7,12", "17"))


def test_training_batches_keep_the_contract(builder):
    assert dataset.num_train_clips(builder) == 14
    for batch in train(builder, 4):
        check_batch(batch)
        assert batch["video"].shape == (4, 8, 16, 32, 3) and batch["actor"].shape == (4, 2, 16, 32)
        assert batch["clip_valid"].all() and (batch["label_size"] == (16, 32)).all()
        for i, name in enumerate(batch["clip_id"]):
            assert batch["label_valid"][i].tolist() == [True, name.endswith("7,12")]
        assert (batch["actor"][~batch["label_valid"]] == 255).all()
        assert set(np.unique(batch["actor"][batch["label_valid"]])) <= {0, 1, 3, 7}


def test_every_epoch_has_every_clip_once_and_its_rest_begins_the_next(builder):
    seen = names(train(builder, 14))  # 56 clips: 4 epochs of 14, which 4 doesn't divide
    epochs = [seen[i : i + 14] for i in range(0, 56, 14)]
    assert all(sorted(epoch) == all_names("v", 7) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_same_seed_same_bits_other_seed_other_order(builder):
    once, again, other = train(builder, 5), train(builder, 5), train(builder, 5, seed=1)
    for left, right in zip(once, again, strict=True):
        assert_same(left, right)
    assert names(once) != names(other)
    threads = train(builder, 5, decode_threads=2)
    for left, right in zip(once, threads, strict=True):
        assert_same(left, right)


@pytest.mark.parametrize("step", [1, 3, 4, 9])
def test_resuming_equals_going_on(builder, step):
    uninterrupted, resumed = train(builder, 12), train(builder, 12 - step, start_step=step)
    for left, right in zip(uninterrupted[step:], resumed, strict=True):
        assert_same(left, right)


def test_augmentation_changes_from_epoch_to_epoch(builder):
    videos = {}
    for batch in train(builder, 7):  # two epochs
        for name, video in zip(batch["clip_id"], batch["video"], strict=True):
            videos.setdefault(name, []).append(video)
    assert all(len(two) == 2 and not np.array_equal(*two) for two in videos.values())


@pytest.mark.parametrize("count", [2, 3, 6])
def test_processes_divide_every_training_batch(builder, count):
    """Also with more processes than files, an epoch that ends inside a batch, and a start in the middle."""
    whole = train(builder, 9, batch_size=6, start_step=2)
    parts = [
        train(builder, 9, batch_size=6, start_step=2, process_index=index, process_count=count)
        for index in range(count)
    ]
    for number, batch in enumerate(whole):
        for key, value in batch.items():
            joined = np.concatenate([part[number][key] for part in parts])
            np.testing.assert_array_equal(joined, value, err_msg=f"{key} of batch {number}")
    assert {len(batch["clip_id"]) for part in parts for batch in part} == {6 // count}


def test_batches_that_cannot_be_divided(builder):
    with pytest.raises(InputError, match="batch size 4 can't be divided among 3 processes"):
        train(builder, 1, process_count=3)
    with pytest.raises(InputError, match="batch size 4 can't be divided among 3 processes"):
        evaluate(builder, process_count=3)


def test_evaluation_has_every_labelled_frame_once(builder):
    batches = evaluate(builder)
    assert sorted(names(batches)) == all_names("w", 5) and len(batches) == 3
    assert [int(batch["clip_valid"].sum()) for batch in batches] == [4, 4, 2]
    valid = sum(int((batch["label_valid"] & batch["clip_valid"][:, None]).sum()) for batch in batches)
    assert valid == dataset.num_label_frames(builder, "test") == 15
    for batch in batches:
        check_batch(batch)
        assert batch["video"].shape == (4, 8, 16, 32, 3)
        assert batch["actor"].shape[2] % 64 == 0 and batch["actor"].shape[3] % 64 == 0


def test_evaluation_maps_are_the_annotations_exactly(release, builder):
    compared = 0
    for batch in evaluate(builder) + evaluate(builder, "train"):
        for i in np.flatnonzero(batch["clip_valid"]):
            video, frames = batch["clip_id"][i].split(":")
            height, width = batch["label_size"][i]
            for j, frame in enumerate(map(int, frames.split(","))):
                regions = a2d.read_annotation(fixture.mat_path(release, video, frame))
                truth = fixture.label(frame, regions.map.shape)
                assert truth.shape == (height, width)
                joint = 10 * batch["actor"][i, j].astype(int) + batch["action"][i, j]
                np.testing.assert_array_equal(joint[:height, :width], truth)
                assert (batch["actor"][i, j, height:] == 255).all() and (batch["action"][i, j, :, width:] == 255).all()
                red = batch["video"][i, batch["label_time"][i, j], 8, 16, 0]
                assert abs(int(red) - 8 * (frame - 1)) <= 6
                compared += 1
    assert compared == 15 + 21


@pytest.mark.parametrize("count", [2, 4, 11])  # 11: more than there are clips
def test_processes_divide_the_evaluation_evenly(builder, count):
    parts = [
        evaluate(builder, batch_size=count * 2, process_index=index, process_count=count) for index in range(count)
    ]
    assert {len(part) for part in parts} == {-(-10 // (2 * count))}
    joined = [list(itertools.chain(*(batch["clip_id"] for batch in row))) for row in zip(*parts, strict=True)]
    assert joined == [batch["clip_id"] for batch in evaluate(builder, batch_size=count * 2)]
    assert sorted(itertools.chain(*(names(part) for part in parts))) == all_names("w", 5)
    # 68x80 is the highest and the widest of the split.
    assert {batch["actor"].shape for part in parts for batch in part} == {(2, 2, 128, 128)}


def test_clips_shorter_than_the_window(tmp_path):
    folder = tmp_path / "Release"
    fixture.write_videoset(folder, {"a": 0, "b": 1})
    fixture.write_video(folder, "a", labelled=(1,), count=1)
    fixture.write_video(folder, "b", labelled=(1, 5), count=5)
    short = prepare(folder, tmp_path / "prepared")
    (batch,) = evaluate(short)
    # Five frames in a clip of eight, the labels in its middle: one repeated before, two after.
    red = batch["video"][0, :, 8, 16, 0].astype(int)
    np.testing.assert_allclose(red, [0, 0, 8, 16, 24, 32, 32, 32], atol=4)
    assert batch["label_time"][0].tolist() == [1, 5] and batch["clip_valid"].tolist() == [True] + [False] * 3
    for j, frame in enumerate((1, 5)):
        joint = 10 * batch["actor"][0, j, :32, :48].astype(int) + batch["action"][0, j, :32, :48]
        np.testing.assert_array_equal(joint, fixture.label(frame))
    (batch,) = train(short, 1)  # one clip four times, each time with another random start
    assert batch["clip_id"] == ["a:1"] * 4 and len(set(batch["label_time"][:, 0])) > 1


def copy_of(builder, release, folder):
    again = prepare(release, folder)
    return again, [Path(path) for path in again.info.splits["test"].filepaths]


def test_missing_and_damaged_shards_are_named(release, builder, tmp_path):
    again, files = copy_of(builder, release, tmp_path)
    data = bytearray(files[2].read_bytes())
    data[len(data) // 2] ^= 255
    files[2].write_bytes(data)
    with pytest.raises(InputError, match="damaged") as error:
        evaluate(again)
    assert str(files[2]) in str(error.value) and f"delete the folder {files[2].parent}" in str(error.value)
    files[2].write_bytes(b"")  # TensorFlow alone would take it for a shard without records
    with pytest.raises(InputError, match=f"{files[2].name}: this shard is damaged .it has another size"):
        evaluate(again)
    files[2].unlink()
    with pytest.raises(InputError, match="shard is missing") as error:
        evaluate(again)
    assert str(files[2]) in str(error.value)
    with pytest.raises(InputError, match="shard is missing"):
        dataset.check_shards(again)
    dataset.check_shards(builder)
    assert len(train(again, 4)) == 4  # the other split is complete


def test_unknown_split(builder):
    with pytest.raises(InputError, match=r"no split 'val', only \['test', 'train'\]"):
        evaluate(builder, "val")
