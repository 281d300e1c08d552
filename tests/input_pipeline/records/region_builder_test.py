"""Building shards: what is left out is named, nothing old or incomplete is used, the archive is unpacked."""

import csv
import io
import multiprocessing
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from input_pipeline.records import clip_record, region_builder
from input_pipeline.records import prepare as shards
from input_pipeline.records.options import RegionOptions
from input_pipeline.records.prepare import PROBLEMS, _DownloadConfig, count_left_out, prepare_regions
from input_pipeline.releases import a2d, layouts
from input_pipeline.sprites import a2d_files
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video import optical_flow
from tests.fixtures import a2d_release as fixture
from tests.fixtures import folder_release

SETTINGS = {"clip_frames": 8, "frame_step": 1, "label_span": 6, "store_height": 0, "jpeg_quality": 90}


def prepare(release, prepared, **changes):
    how = {"processes": changes.pop("processes", 1), "strict": changes.pop("strict", False)}
    return prepare_regions(str(release), str(prepared), RegionOptions(**SETTINGS | changes), **how)


def records(builder, split):
    files = [str(path) for path in builder.info.splits[split].filepaths]
    return [builder.info.features.deserialize_example(data) for data in tf.data.TFRecordDataset(files)]


def problems(builder):
    with open(Path(builder.data_path) / PROBLEMS, newline="") as file:
        return {row["video"]: row["reason"] for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return fixture.write_release(tmp_path_factory.mktemp("complete") / "Release", train=3, test=2)


@pytest.fixture(scope="module")
def builder(release, tmp_path_factory):
    return prepare(release, tmp_path_factory.mktemp("prepared"))


def test_every_labelled_frame_is_in_one_record(builder):
    # Labels at 7, 12, 17 with a span of 6: 7 and 12 share a record, 17 has its own.
    assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
        "train": 6,
        "test": 4,
    }
    assert builder.info.metadata["label_frames"] == {"train": 9, "test": 6}
    assert builder.info.metadata["labels_a_clip"] == {"train": 2, "test": 2}
    assert builder.info.metadata["label_size"] == {"train": [32, 48], "test": [32, 48]}
    assert problems(builder) == {}
    labelled = [
        (record["video"].numpy().decode(), frame)
        for record in records(builder, "train")
        for frame in record["label_frame"].numpy()
    ]
    assert sorted(labelled) == [(f"v{i:02d}", frame) for i in range(3) for frame in (7, 12, 17)]


def test_label_of_frame_k_is_on_decoded_frame_k_minus_1(builder):
    for record in records(builder, "test"):
        first, positions = int(record["first_frame"]), record["label_position"].numpy()
        assert (first + positions + 1).tolist() == record["label_frame"].numpy().tolist()
        # Windows of 7 frames around the labels: 12 - 1 - 7 = 4 to 7 - 1 + 7 = 13; 9 to 23, the video's last.
        assert (first, len(record["frames"])) in {(4, 10), (9, 15)}
        for position in range(len(record["frames"])):
            red = tf.io.decode_jpeg(record["frames"][position]).numpy()[..., 0].mean()
            assert red == pytest.approx(8 * (first + position), abs=4)
        labels = tf.io.decode_png(record["regions"][0], dtype=tf.uint16).numpy()[..., 0]
        assert ((labels > 0) == (fixture.label(record["label_frame"].numpy()[0]) > 0)).all()


def test_prepared_shards_are_found_again(release, builder, monkeypatch):
    monkeypatch.setattr(shards, "_build", lambda builder: pytest.fail("built again"))
    again = prepare(release, Path(builder.data_path).parents[2])
    assert again.data_path == builder.data_path and again.info.splits["train"].num_examples == 6


@pytest.mark.parametrize("name", list(SETTINGS))
def test_other_options_get_other_shards(release, builder, monkeypatch, name):
    built = []
    monkeypatch.setattr(shards, "_build", lambda builder: built.append(builder))
    monkeypatch.setattr(
        shards, "_open", lambda path, kind, folder, config: region_builder.A2d(data_dir=folder, config=config)
    )
    monkeypatch.setattr(shards, "_read_problems", lambda builder: [])
    other = prepare(release, Path(builder.data_path).parents[2], **{name: SETTINGS[name] + 1})
    assert [unbuilt.data_path for unbuilt in built] == [other.data_path] != [builder.data_path]


def test_same_release_same_bytes(release, builder, tmp_path):
    again = prepare(release, tmp_path)
    files = [path for split in SPLITS for path in builder.info.splits[split].filepaths]
    assert len(files) >= 2
    for file in files:
        assert (Path(again.data_path) / Path(file).name).read_bytes() == Path(file).read_bytes()


@pytest.mark.parametrize(
    ("clips", "size", "expected"),
    [(1, 1 << 20, 1), (5, 1 << 20, 5), (300, 1 << 20, 8), (12_000, 16 << 30, 256)],
)
def test_number_of_shards(clips, size, expected):
    assert _DownloadConfig().get_shard_config().get_number_shards(size, clips) == expected


def test_frames_are_stored_at_the_given_height(release, tmp_path):
    record = records(prepare(release, tmp_path, store_height=16), "train")[0]
    assert tf.io.decode_jpeg(record["frames"][0]).shape == (16, 24, 3)
    assert record["label_size"].numpy().tolist() == [32, 48]


def test_building_logs_only_what_a_user_needs(release, tmp_path, capfd, caplog):
    prepare(release, tmp_path)
    out, err = capfd.readouterr()
    assert out == "" and not caplog.records
    assert [line.split()[0] for line in err.splitlines()] == ["building", "built:"]


def broken_release(folder):
    """Train: g is good, each of the others is broken in another way. Test: t is good."""
    names = ("g", "nomp4", "nomat", "text", "cut", "past", "size", "nohdf5", "noresid", "code")
    fixture.write_videoset(folder, dict.fromkeys(names, 0) | {"t": 1})
    for name in (*names, "t"):
        fixture.write_video(folder, name, label_size=(48, 32) if name == "size" else None)
    clips = folder / "clips320H"
    (clips / "nomp4.mp4").unlink()
    for path in (folder / "Annotations/mat/nomat").iterdir():
        path.unlink()
    (clips / "text.mp4").write_text("no video")
    (clips / "cut.mp4").write_bytes((clips / "cut.mp4").read_bytes()[:-200])
    fixture.write_mat(fixture.mat_path(folder, "past", 25), fixture.label(25))
    fixture.mat_path(folder, "nohdf5", 12).write_text("no HDF5")
    fixture.write_mat(fixture.mat_path(folder, "noresid", 7), None, reMask=[[1.0]])
    codes = fixture.label(7)
    codes[codes == 34] = 99
    fixture.write_mat(fixture.mat_path(folder, "code", 7), codes)
    return folder


def test_what_is_left_out_is_named(tmp_path, capfd):
    builder = prepare(broken_release(tmp_path / "Release"), tmp_path / "prepared")
    reasons, logged = problems(builder), capfd.readouterr().err
    expected = {
        "nomp4": "nomp4.mp4: no such file",
        "nomat": "nomat: has no annotation",
        "text": "text.mp4: not a video",
        "cut": "cut.mp4: ",
        "past": "past.mp4: frame 25 is labelled, but the video has 24 frames",
        "size": "the label of frame 7 is 32x48, the video is 48x32",
        "nohdf5": "00012.mat: not a readable MATLAB v7.3",
        "noresid": "00007.mat: has no reS_id",
    }
    assert set(reasons) == set(expected)
    for video, words in expected.items():
        assert words in reasons[video] and words in logged
    assert "8 videos left out" in logged and "{'99': 1}" in logged
    assert count_left_out(builder) == {"train": 8, "test": 0}
    assert builder.info.metadata["label_frames"] == {"train": 6, "test": 3}  # g, code; t
    assert builder.info.metadata["ignored_codes"] == {"train": {"99": 1}, "test": {}}
    prepare(tmp_path / "Release", tmp_path / "prepared")  # the shards exist; the missing videos are logged again
    logged = capfd.readouterr().err
    assert "8 videos left out" in logged and all(words in logged for words in expected.values())
    with pytest.raises(InputError, match="8 videos had to be left out"):
        prepare(tmp_path / "Release", tmp_path / "prepared", strict=True)


def test_fixed_release_is_built_again(tmp_path):
    folder = fixture.write_release(tmp_path / "Release", train=2, test=1)
    clip = folder / "clips320H/v01.mp4"
    content = clip.read_bytes()
    clip.write_bytes(content[:300])
    assert set(problems(prepare(folder, tmp_path / "prepared"))) == {"v01"}
    clip.write_bytes(content)
    assert prepare(folder, tmp_path / "prepared", strict=True).info.metadata["label_frames"]["train"] == 6


def test_a_split_without_clips_is_an_error(tmp_path, capfd):
    fixture.write_videoset(tmp_path / "Release", {"a": 0, "b": 1})
    fixture.write_video(tmp_path / "Release", "a")
    with pytest.raises(InputError, match="no usable video in the test split"):
        prepare(tmp_path / "Release", tmp_path / "prepared")
    assert "b.mp4: no such file" in capfd.readouterr().err
    assert not list((tmp_path / "prepared").rglob("*.tfrecord*"))


def test_processes_build_the_same_shards_and_name_the_same_problems(tmp_path):
    release = tmp_path / "Release"
    fixture.write_videoset(release, {"a": 0, "b": 1, "c": 0})
    for name in ("a", "b"):
        fixture.write_video(release, name)
    single, double = (prepare(release, tmp_path / str(count), processes=count) for count in (1, 2))
    assert problems(single) == problems(double) and "c.mp4: no such file" in problems(double)["c"]
    for split, info in single.info.splits.items():
        pairs = zip(info.filepaths, double.info.splits[split].filepaths, strict=True)
        assert all(Path(a).read_bytes() == Path(b).read_bytes() for a, b in pairs)


def _prepare_slowly(release, prepared):
    encode = clip_record.encode

    def stop(video, *args, **kwargs):
        if video == "v02":
            multiprocessing.Event().wait()  # until it is killed
        return encode(video, *args, **kwargs)

    clip_record.encode = stop
    prepare(release, prepared)


def test_killed_build_is_never_taken_for_a_complete_one(release, builder, tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=_prepare_slowly, args=(release, tmp_path))
    process.start()
    for _ in range(600):
        if list(tmp_path.rglob("*incomplete*")):
            break
        process.join(0.1)
    process.kill()
    process.join()
    stale = list(tmp_path.rglob("*incomplete*"))
    assert stale
    built = prepare(release, tmp_path)
    assert built.info.splits["train"].num_examples == 6 and not any(path.exists() for path in stale)


def test_build_without_its_last_file_is_built_again(release, tmp_path):
    built = prepare(release, tmp_path)
    (Path(built.data_path) / PROBLEMS).unlink()
    file = Path(built.info.splits["train"].filepaths[0])
    file.write_bytes(b"half")
    again = prepare(release, tmp_path)
    assert len(records(again, "train")) == 6 and problems(again) == {}


def test_the_second_of_two_builds_waits_for_the_first(release, tmp_path, capfd):
    with ThreadPoolExecutor(2) as pool:
        first, second = [pool.submit(prepare, release, tmp_path) for _ in range(2)]
        assert first.result().data_path == second.result().data_path
    logged = capfd.readouterr().err
    assert logged.count("built:") == 1 and "another process is preparing this data" in logged


def test_place_for_shards_is_a_file(release, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="config.data.shards_dir has to be"):
        prepare(release, tmp_path / "file")


@pytest.mark.parametrize("name", ["dataset_info.json", "metadata.json"])
@pytest.mark.parametrize("content", ["", "{}", '{"na'])
def test_damaged_description_of_the_shards(release, builder, tmp_path, name, content):
    prepared = shutil.copytree(Path(builder.data_path).parents[2], tmp_path / "prepared")
    place = prepared / Path(builder.data_path).relative_to(Path(builder.data_path).parents[2])
    (place / name).write_text(content)
    with pytest.raises(InputError, match="describe these shards are damaged; delete the folder") as error:
        prepare(release, prepared)
    assert str(place) in str(error.value)


def test_missing_release(tmp_path, builder):
    with pytest.raises(InputError, match="no such folder; .*needed even if its shards have been built"):
        prepare(tmp_path / "gone", Path(builder.data_path).parents[2])


def archive(folder, release):
    """The release as a .tar.bz, like the official one, with a member whose path leaves the folder."""
    with tarfile.open(folder / "A2D_main_1_0.tar.bz", "w:bz2") as tar:
        tar.add(release, "Release")
        evil = tarfile.TarInfo("../escaped.txt")
        evil.size = 4
        tar.addfile(evil, io.BytesIO(b"evil"))
    return folder / "A2D_main_1_0.tar.bz"


def test_official_archive(release, tmp_path, monkeypatch):
    path = archive(tmp_path, release)
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda self, url: path)
    builder = prepare("", tmp_path / "prepared")
    assert builder.info.metadata["label_frames"] == {"train": 9, "test": 6}
    assert not list(tmp_path.rglob("escaped.txt"))
    path.unlink()
    assert prepare("", tmp_path / "prepared").info.metadata["label_frames"] == {"train": 9, "test": 6}


def test_archive_that_cannot_be_downloaded(tmp_path, monkeypatch, capfd):
    def fail(self, url):
        raise ConnectionError("no network")

    monkeypatch.setattr(tfds.download.DownloadManager, "download", fail)
    with pytest.raises(InputError, match="no network.*unpack it yourself and set config.data.root"):
        prepare("", tmp_path / "prepared")
    (tmp_path / "cut.tar.bz2").write_bytes(b"BZh91AY&SY, and no more")
    monkeypatch.setattr(tfds.download.DownloadManager, "download", lambda self, url: tmp_path / "cut.tar.bz2")
    with pytest.raises(InputError, match="can't be downloaded and unpacked"):
        prepare("", tmp_path / "prepared")
    assert "1.9 GB" in capfd.readouterr().err


def test_release_that_is_an_empty_folder(tmp_path):
    (tmp_path / "Release").mkdir()
    with pytest.raises(InputError, match=r"videoset\.csv: no such file"):
        prepare(tmp_path / "Release", tmp_path / "prepared")


def test_a_new_layout_is_one_line_of_the_table(tmp_path, monkeypatch):
    monkeypatch.setitem(layouts.LAYOUTS, "other", layouts.open_folder)
    folder = folder_release.write_folder(tmp_path / "own")
    builder, own = (prepare(folder, tmp_path / "prepared", layout=name) for name in ("other", "folder"))
    assert builder.space.actors == own.space.actors == ("background", "fork lift", "worker")
    assert builder.info.metadata["label_frames"] == own.info.metadata["label_frames"] == {"train": 6, "test": 2}
    assert builder.data_path != own.data_path


def test_sprites_release(tmp_path):
    from input_pipeline.sprites.render_a2d import A2dRenderOptions, render_a2d

    options = A2dRenderOptions(seed=1, train_clips=2, test_clips=1, size=(48, 64), frames=20)
    render_a2d(tmp_path / "Release", options, processes=1)
    rows = a2d.read_videoset(tmp_path / "Release")
    assert len(rows) == 3
    builder = prepare(tmp_path / "Release", tmp_path / "prepared", label_span=13, clip_frames=16, strict=True)
    assert builder.info.metadata["label_frames"] == {"train": 10, "test": 5}  # five per clip


def test_records_hold_the_flow_from_each_frame_to_the_clips_next(tmp_path):
    release = tmp_path / "Release"
    fixture.write_videoset(release, {"a": 0, "b": 1})
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (32, 120, 3)).astype(np.uint8), (0, 0), 2)
    noise = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)
    for name in "ab":
        fixture.write_video(release, name, labelled=(12,), count=24)
        # Stands still up to frame 9 (from 0), then moves to the right by a pixel per frame.
        moved = [max(0, i - 9) for i in range(24)]
        frames = [np.ascontiguousarray(noise[:, 60 - m : 108 - m]) for m in moved]
        a2d_files.write_clip(release / "clips320H" / f"{name}.mp4", frames)
    for step in (1, 2):
        builder = prepare(
            release, tmp_path / "prepared", clip_frames=4, label_span=1, frame_step=step, flow="dis", flow_height=32
        )
        (record,) = records(builder, "train")
        first, count = int(record["first_frame"]), len(record["frames"])
        flow = [cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED) for png in record["flow"].numpy()]
        assert len(flow) == count == 1 + 2 * 3 * step and first == 11 - 3 * step and flow[0].shape == (32, 96)
        right, down = (
            (optical_flow.unpack(np.stack(flow).astype(np.float32)) * 20)
            .reshape(count, 32, 2, 48)[:, 6:-6, :, 6:-6]
            .transpose(2, 0, 1, 3)
        )
        moves = [moved[min(first + i + step, 23)] - moved[first + i] for i in range(count)]
        np.testing.assert_allclose(np.median(right, axis=(1, 2)), moves, atol=0.35)
        np.testing.assert_allclose(np.median(down, axis=(1, 2)), 0, atol=0.2)
