import csv
import errno
import json
import multiprocessing
import os
import resource
import signal
import wave
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D, KINDS
from ssa2d_jax.inference import timeline
from ssa2d_jax.inference.exports.options import ExportOptions
from ssa2d_jax.inference.predict import OUTPUTS, PredictOptions, predict_many, predict_path, predict_video
from ssa2d_jax.inference.tracker import MIN_AREA
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.signals import Stopped
from ssa2d_jax.video import optical_flow
from ssa2d_jax.video.reader import read_frames
from ssa2d_jax.video.writer import VideoWriter
from tests.fixtures.encoded_video import encode, lost_in_the_middle, square
from tests.fixtures.toy_detector import DOG_RUNNING, detector, make_video, red_is_a_dog


def outputs(folder):
    with np.load(folder / "labels.npz", allow_pickle=False) as saved:
        labels = {kind: saved[kind] for kind in saved}
    with av.open(str(folder / "overlay.mp4")) as container:
        frames = list(container.decode(video=0))
        rate = container.streams.video[0].average_rate
    return labels, frames, rate, json.loads((folder / "summary.json").read_text())


def run(
    path,
    folder,
    opacity=0.5,
    tracks=True,
    draw_tracks=False,
    scale=1,
    track_confidence=0.0,
    track_area=MIN_AREA,
    **changes,
):
    limits = {"track_confidence": track_confidence, "track_area": track_area}
    options = PredictOptions(opacity, tracks, draw_tracks, scale=scale, **limits)
    return predict_video(path, folder, detector=detector(**changes), options=options)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 40])
def test_labels_follow_the_frames(tmp_path, count):
    returned = run(make_video(tmp_path / "a.mp4", count), tmp_path / "out", step=1200)
    labels, frames, rate, summary = outputs(tmp_path / "out")
    assert {kind: maps.shape for kind, maps in labels.items()} == dict.fromkeys(KINDS, (count, 64, 96))
    assert labels["joint"].dtype == np.uint8 and set(np.unique(labels["joint"])) == {0, DOG_RUNNING}
    for i in range(count):
        columns = np.nonzero(labels["joint"][i, 4])[0]
        assert abs(columns.min() - i) <= 4 and abs(columns.max() - (i + 23)) <= 4, i
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(i, 25) for i in range(count)]
    assert (frames[0].height, frames[0].width, rate) == (64, 96, 25)
    assert summary == returned
    assert (summary["frames"], summary["rate"], summary["height"], summary["width"]) == (count, 25.0, 64, 96)
    assert summary["step"] == 1200 and summary["complete"] is True
    assert summary["windows"] == {1: 1, 15: 1, 16: 1, 17: 2, 40: 4}[count]
    assert summary["joint"]["dog-running"]["frames"] == count
    assert summary["joint"]["dog-running"]["share"] == pytest.approx(16 * 24 / (64 * 96), rel=0.2)
    # At most p(dog) * p(running) = 0.9125 * 0.82, less at the rim.
    assert 0.5 < summary["joint"]["dog-running"]["confidence"] < 0.9125 * 0.82
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(OUTPUTS)
    found = json.loads((tmp_path / "out" / "tracks.json").read_text())["annotations"]
    assert len(found) == summary["tracks"] == (count >= 4)  # what shows up in fewer frames is flicker
    for dog in found:
        assert (dog["category"], dog["frames"]) == ("dog", list(range(count)))
        assert dog["actions"] == [
            {"action": "running", "first": 0, "last": count - 1, "score": pytest.approx(0.8, abs=0.1)}
        ]


def test_overlay_is_drawn_on_the_frame_it_belongs_to(tmp_path):
    run(make_video(tmp_path / "a.mp4", 20), tmp_path / "out", opacity=1.0, scale=4)
    labels, frames, _, _ = outputs(tmp_path / "out")
    for i in (0, 10, 19):
        picture = frames[i].to_ndarray(format="rgb24").astype(int)
        np.testing.assert_allclose(picture[4 * 10, 4 * (i + 12)], A2D.joint_colours[DOG_RUNNING], atol=12)
        np.testing.assert_allclose(picture[4 * 40, 4 * 80], (90, 90, 90), atol=6)


def test_tracks_may_be_left_out_or_drawn(tmp_path):
    make_video(tmp_path / "a.mp4", 20)
    run(tmp_path / "a.mp4", tmp_path / "out", draw_tracks=True)
    _, drawn, _, summary = outputs(tmp_path / "out")
    assert summary["tracks"] == 1
    run(tmp_path / "a.mp4", tmp_path / "out", track_confidence=0.99)
    assert outputs(tmp_path / "out")[3]["tracks"] == 0
    run(tmp_path / "a.mp4", tmp_path / "out", track_area=0.9)
    assert outputs(tmp_path / "out")[3]["tracks"] == 0
    run(tmp_path / "a.mp4", tmp_path / "out", tracks=False)  # those of the earlier run go, too
    _, plain, _, summary = outputs(tmp_path / "out")
    assert summary["tracks"] is None
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["labels.npz", "overlay.mp4", "summary.json"]
    pictures = [frames[10].to_ndarray(format="rgb24").astype(int) for frames in (drawn, plain)]
    assert np.abs(pictures[0] - pictures[1]).max() > 50


def test_small_videos_have_a_larger_overlay_and_labels_of_their_own_size(tmp_path):
    make_video(tmp_path / "a.mp4", 3)
    summary = run(tmp_path / "a.mp4", tmp_path / "out", scale=0)
    labels, frames, _, _ = outputs(tmp_path / "out")
    assert (frames[0].height, frames[0].width) == (256, 384) and labels["joint"].shape == (3, 64, 96)
    assert (summary["height"], summary["width"]) == (64, 96)
    with pytest.raises(InputError, match=r"scale is 99; allowed for frames of 96x64: 0 .automatic. to 85"):
        run(tmp_path / "a.mp4", tmp_path / "other", scale=99)
    assert not (tmp_path / "other").exists()


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_events_and_timeline_tell_when_who_did_what(tmp_path):
    pts = [5000 + 40 * i for i in range(19)] + [5900]  # milliseconds; the first frame is not shown at 0
    make_video(tmp_path / "a.mp4", 20, pts=pts, time_base=Fraction(1, 1000))
    run(tmp_path / "a.mp4", tmp_path / "out")
    (row,) = rows_of(tmp_path / "out" / "events.csv")
    assert (row["Subject"], row["Behavior"], row["Behavior type"]) == ("dog 1", "running", "STATE")
    assert (row["Start (s)"], row["Media file name"], row["Observation id"]) == ("0.000", "a.mp4", "a")
    assert 0.9 < float(row["Stop (s)"]) < 0.96 and row["Stop (s)"] == row["Duration (s)"]
    (observation,) = json.loads((tmp_path / "out" / "events.boris").read_text())["observations"].values()
    assert observation["file"]["1"] == ["../a.mp4"]
    assert [event[:3] for event in observation["events"]] == [
        [0.0, "dog 1", "running"], [float(row["Stop (s)"]), "dog 1", "running"],
    ]  # fmt: skip
    picture = cv2.imread(str(tmp_path / "out" / "timeline.png"))
    assert (picture == A2D.joint_colours[DOG_RUNNING][::-1]).all(-1).sum() > 1000


def test_variable_rate_and_odd_size(tmp_path):
    pts = [0, 40, 50, 200, 230, 400, 1000]
    make_video(tmp_path / "a.mp4", 7, height=63, width=97, pts=pts, time_base=Fraction(1, 1000))
    run(tmp_path / "a.mp4", tmp_path / "out")
    labels, frames, _, _ = outputs(tmp_path / "out")
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(t, 1000) for t in pts]
    assert (frames[0].height, frames[0].width) == (63, 97) and labels["actor"].shape == (7, 63, 97)


def test_rotated_video_comes_out_upright(tmp_path):
    make_video(tmp_path / "flat.mp4", 5)
    with av.open(str(tmp_path / "flat.mp4")) as source, av.open(str(tmp_path / "a.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)  # counterclockwise: what was on the right is now on top
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    run(tmp_path / "a.mp4", tmp_path / "out")
    labels, frames, _, _ = outputs(tmp_path / "out")
    assert labels["joint"].shape == (5, 96, 64)
    assert (frames[0].height, frames[0].width, frames[0].rotation) == (96, 64, 0)
    rows, columns = np.nonzero(labels["joint"][0])
    assert rows.mean() > 60 and columns.mean() < 30  # the square, upper left before, is lower left


def test_broken_off_video_is_finished_up_to_there(tmp_path):
    make_video(tmp_path / "a.mp4", 60, noise=60)
    whole = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputError, match=r"a\.mp4.*frame.*the \d+ frames that were read are done"):
        run(tmp_path / "a.mp4", tmp_path / "out")
    labels, frames, _, summary = outputs(tmp_path / "out")
    assert 5 < summary["frames"] < 60 and summary["complete"] is False
    assert len(frames) == len(labels["joint"]) == summary["frames"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(OUTPUTS)
    assert int(rows_of(tmp_path / "out" / "events.csv")[-1]["Image index stop"]) == summary["frames"] - 1


def write_sound(path):
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))


def test_what_is_no_video_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video")
    write_sound(tmp_path / "sound.mp4")
    for name in ("empty.mp4", "text.mp4", "sound.mp4", "missing.mp4"):
        with pytest.raises(InputError, match=name):
            predict_path(tmp_path / name, tmp_path / "out", detector=detector())
    with pytest.raises(InputError, match=r"a\.mp4"):
        run(make_video(tmp_path / "a.mp4", 2), tmp_path / "out", max_pixels=64 * 96 - 1)
    assert not (tmp_path / "out").exists()


def test_earlier_outputs_stay_until_the_end(tmp_path):
    make_video(tmp_path / "a.mp4", 20)
    run(tmp_path / "a.mp4", tmp_path / "out")
    before = {name: (tmp_path / "out" / name).read_bytes() for name in OUTPUTS}

    def fails(video):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.mp4", tmp_path / "out", forward=fails)
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    run(tmp_path / "a.mp4", tmp_path / "out", opacity=1.0)
    assert (tmp_path / "out" / "overlay.mp4").read_bytes() != before["overlay.mp4"]
    assert (tmp_path / "out" / "labels.npz").read_bytes() == before["labels.npz"]


def test_ctrl_c_leaves_what_was_done_playable(tmp_path):
    make_video(tmp_path / "a.mp4", 60)
    windows = []

    def forward(video):
        windows.append(len(video))
        if len(windows) == 3:  # the first only compiles
            os.kill(os.getpid(), signal.SIGINT)
        return red_is_a_dog(video)

    with pytest.raises(Stopped, match=r"stopped by SIGINT after \d+ frames, which are done") as stopped:
        run(tmp_path / "a.mp4", tmp_path / "out", forward=forward)
    assert stopped.value.signal == signal.SIGINT
    labels, frames, _, summary = outputs(tmp_path / "out")
    assert summary["frames"] == len(frames) == len(labels["joint"]) and 24 <= summary["frames"] < 40
    assert summary["complete"] is False
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(OUTPUTS)
    assert int(rows_of(tmp_path / "out" / "events.csv")[-1]["Image index stop"]) == summary["frames"] - 1


def test_ctrl_c_while_the_timeline_is_drawn_loses_nothing(tmp_path, monkeypatch):
    make_video(tmp_path / "a.mp4", 5)
    draw = timeline.write_timeline

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        draw(*arguments)

    monkeypatch.setattr(timeline, "write_timeline", interrupted)
    with pytest.raises(Stopped, match="after 5 frames, which are done"):
        run(tmp_path / "a.mp4", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted(OUTPUTS)


def test_a_timeline_that_fails_is_left_out_and_a_full_disk_is_an_error(tmp_path, monkeypatch, capsys):
    make_video(tmp_path / "a.mp4", 5)
    run(tmp_path / "a.mp4", tmp_path / "out")
    errors = [ValueError("no font"), OSError(errno.ENOSPC, "No space left on device")]

    def fails(path, *arguments):
        path.touch()
        raise errors.pop(0)

    monkeypatch.setattr(timeline, "write_timeline", fails)
    summary = run(tmp_path / "a.mp4", tmp_path / "out")
    assert summary["timeline_crc32"] is None and summary["events_csv_crc32"] is not None
    assert "timeline.png is left out, since it could not be drawn: ValueError('no font')" in capsys.readouterr().err
    left = sorted({*OUTPUTS} - {"timeline.png"})  # that of the earlier run is gone, too
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == left
    with pytest.raises(OSError, match="No space left"):
        run(tmp_path / "a.mp4", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == left


EXPORTED = ["cvat.xml", "cvat_labels.json", "coco.json", "youtube_vis.json", "labelme"]


def run_with_formats(path, folder, formats=("cvat", "coco", "youtube_vis", "labelme"), **options):
    chosen = PredictOptions(formats=formats, export=ExportOptions(pictures=True, step=2), **options)
    return predict_video(path, folder, detector=detector(), options=chosen)


def test_formats_of_labelling_tools_come_beside_the_others(tmp_path, capsys):
    make_video(tmp_path / "a.mp4", 20)
    summary = run_with_formats(tmp_path / "a.mp4", tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted([*OUTPUTS, *EXPORTED])
    pictures = sorted(path.name for path in (tmp_path / "out" / "labelme").iterdir())
    assert pictures == sorted(f"frame_{i:06d}{suffix}" for i in range(0, 20, 2) for suffix in (".jpg", ".json"))
    assert cv2.imread(str(tmp_path / "out" / "labelme" / pictures[0])).shape == (64, 96, 3)
    assert all(summary[key] is not None for key in ("cvat_xml_crc32", "coco_json_crc32", "labelme_crc32"))
    run_with_formats(tmp_path / "a.mp4", tmp_path / "out", ("coco",))  # those of the earlier run go
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == sorted([*OUTPUTS, "coco.json"])
    log = capsys.readouterr().err
    assert "a.mp4: COCO 1.0: 1 track, one frame in 2" in log and "a.mp4: YouTube-VIS: 1 track\n" in log
    with pytest.raises(InputError, match="formats are coco, but no tracks are kept"):
        run_with_formats(tmp_path / "a.mp4", tmp_path / "other", ("coco",), tracks=False)
    with pytest.raises(InputError, match="formats are 'voc'; allowed"):
        run_with_formats(tmp_path / "a.mp4", tmp_path / "other", ("voc",))
    assert not (tmp_path / "other").exists()


def test_pictures_of_a_folder_keep_their_names_in_labelling_tools(tmp_path):
    (tmp_path / "in").mkdir()
    for i, frame in enumerate(read_frames(make_video(tmp_path / "a.mp4", 8))):
        cv2.imwrite(str(tmp_path / "in" / f"p{i}.png"), frame.rgb[..., ::-1])
    options = PredictOptions(formats=("coco", "labelme"), export=ExportOptions(pictures=True))
    predict_path(tmp_path / "in", tmp_path / "out", detector=detector(), options=options)
    assert json.loads((tmp_path / "out" / "coco.json").read_text())["images"][3]["file_name"] == "p3.png"
    assert sorted(path.name for path in (tmp_path / "out" / "labelme").iterdir()) == [f"p{i}.json" for i in range(8)]
    content = json.loads((tmp_path / "out" / "labelme" / "p3.json").read_text())
    assert (tmp_path / "out" / "labelme" / content["imagePath"]).resolve() == tmp_path / "in" / "p3.png"


@pytest.mark.parametrize("name", EXPORTED)
def test_what_was_corrected_in_a_tool_is_not_overwritten(tmp_path, name):
    make_video(tmp_path / "a.mp4", 5)
    run_with_formats(tmp_path / "a.mp4", tmp_path / "out")
    run_with_formats(tmp_path / "a.mp4", tmp_path / "out")
    path = tmp_path / "out" / name
    (path / "frame_000000.json" if path.is_dir() else path).write_text("mine")
    for formats in ((), ("coco",)):
        with pytest.raises(InputError, match=rf"{name}: was changed after it was written.*not overwritten"):
            run_with_formats(tmp_path / "a.mp4", tmp_path / "out", formats)


@pytest.mark.parametrize("name", ["tracks.json", "timeline.png", "events.csv", "events.boris"])
def test_what_a_user_has_or_changed_is_not_overwritten(tmp_path, name):
    make_video(tmp_path / "a.mp4", 5)
    run(tmp_path / "a.mp4", tmp_path / "changed")
    (tmp_path / "own").mkdir()
    for folder in ("changed", "own"):
        (tmp_path / folder / name).write_text("mine")
        for tracks in (True, False):
            with pytest.raises(InputError, match=rf"{name}: was changed after it was written.*not overwritten"):
                run(tmp_path / "a.mp4", tmp_path / folder, tracks=tracks)
        assert (tmp_path / folder / name).read_text() == "mine"


def test_output_never_overwrites_the_input(tmp_path):
    make_video(tmp_path / "overlay.mp4", 2)
    with pytest.raises(InputError, match="would overwrite it"):
        run(tmp_path / "overlay.mp4", tmp_path)


def test_folder_goes_on_when_one_fails(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    make_video(tmp_path / "in" / "a.mp4", 3)
    (tmp_path / "in" / "b.mp4").write_text("not a video")
    make_video(tmp_path / "in" / "c.mp4", 4)
    (tmp_path / "in" / "notes.txt").touch()
    with pytest.raises(InputError, match=r"1 of 3 videos failed.*b\.mp4"):
        predict_path(tmp_path / "in", tmp_path / "out", detector=detector())
    assert [outputs(tmp_path / "out" / name)[3]["frames"] for name in ("a", "c")] == [3, 4]
    assert "skipped 1 file without a video's suffix: notes.txt" in capsys.readouterr().err
    assert sorted(folder.name for folder in (tmp_path / "out").iterdir()) == ["a", "c"]


def test_a_folder_of_frames_is_one_video(tmp_path):
    for i, frame in enumerate(read_frames(make_video(tmp_path / "a.mp4", 20))):
        (tmp_path / "in").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "in" / f"{i:05d}.png"), frame.rgb[..., ::-1])
    (summary,) = predict_path(tmp_path / "in", tmp_path / "out", detector=detector())
    assert summary["frames"] == 20 and summary["joint"]["dog-running"]["frames"] == 20
    assert len(outputs(tmp_path / "out")[1]) == 20
    with pytest.raises(InputError, match="in: the output's pictures would be frames of the next run"):
        predict_path(tmp_path / "in", tmp_path / "x" / ".." / "in", detector=detector())
    assert len(list((tmp_path / "in").iterdir())) == 20


def test_masks_and_what_systems_leave_are_not_predicted(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for i, frame in enumerate(read_frames(make_video(tmp_path / "a.mp4", 20))):
        cv2.imwrite(str(tmp_path / "in" / f"{i:05d}.JPG"), frame.rgb[..., ::-1])
        cv2.imwrite(str(tmp_path / "in" / f"{i:05d}.png"), frame.rgb[..., 0])
    for name in ("._00000.jpg", "Thumbs.db", "._b.mp4"):
        (tmp_path / "in" / name).write_bytes(b"")
    (summary,) = predict_path(tmp_path / "in", tmp_path / "out", detector=detector())
    assert summary["frames"] == 20 and summary["joint"]["dog-running"]["frames"] == 20
    text = "in: 20 frames; masks and other files beside them are no frames: 00000.png, 00001.png, 00002.png, "
    assert text in capsys.readouterr().err
    cv2.imwrite(str(tmp_path / "in" / "00000.png"), np.zeros((64, 96, 3), np.uint8))
    with pytest.raises(InputError, match=r"in: two pictures of one frame: 00000.JPG and 00000.png and 1|00000.JPG"):
        predict_path(tmp_path / "in", tmp_path / "out2", detector=detector())
    (tmp_path / "videos").mkdir()
    make_video(tmp_path / "videos" / "a.MP4", 3)
    for name in ("._a.MP4", "desktop.ini", ".DS_Store"):
        (tmp_path / "videos" / name).write_bytes(b"")
    capsys.readouterr()
    (summary,) = predict_path(tmp_path / "videos", tmp_path / "out3", detector=detector())
    assert summary["frames"] == 3 and "skipped" not in capsys.readouterr().err


def test_folders_without_videos_and_videos_of_one_name(tmp_path):
    with pytest.raises(InputError, match="no video in this folder"):
        predict_path(tmp_path, tmp_path / "out", detector=detector())
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
    with pytest.raises(InputError, match="same folder"):
        predict_many([tmp_path / "x" / "a.mp4", tmp_path / "y" / "a.mp4"], tmp_path / "out", detector=detector())


def thirty_squares(video):
    actor, action, mask = red_is_a_dog(video)
    for number in range(30):
        row, column = divmod(number, 6)
        actor[..., row * 3 : row * 3 + 2, column * 2, :] = np.eye(8)[1 + number % 7]
        action[..., row * 3 : row * 3 + 2, column * 2, :] = np.eye(10)[1 + number % 9]
    return actor, action, mask


def _peak(path, folder, forward):
    """Peak memory in KiB of this process, which has done nothing but this one prediction."""
    run(path, folder, forward=forward)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_memory_depends_neither_on_length_nor_on_regions(tmp_path):
    short, long = make_video(tmp_path / "short.mp4", 100), make_video(tmp_path / "long.mp4", 2000)
    peaks = []
    for path, forward in ((short, red_is_a_dog), (short, thirty_squares), (long, red_is_a_dog)):
        with multiprocessing.get_context("spawn").Pool(1) as fresh:
            peaks.append(fresh.apply(_peak, (path, tmp_path / "out", forward)))
    assert max(peaks) < 1.05 * min(peaks)  # 1900 more frames would be 33 MiB as they are, 23 MiB of labels


def test_two_streams_get_the_flow_of_each_frame_to_the_next(tmp_path):
    seen = []

    def forward(frames):
        seen.append(frames)
        return red_is_a_dog(frames)

    # The whole picture moves two pixels right a frame, at twice the network's size.
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (64, 200, 3)).astype(np.uint8), (0, 0), 3)
    noise = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)
    with VideoWriter(tmp_path / "a.mp4", height=64, width=96, time_base=Fraction(1, 25), rate=Fraction(25)) as writer:
        for i in range(20):
            writer.write(np.ascontiguousarray(noise[:, 100 - 2 * i : 196 - 2 * i]), i)
    run(tmp_path / "a.mp4", tmp_path / "out", forward=forward, flow=("dis", 64), size=(32, 48))
    assert [window.shape for window in seen] == [(1, 16, 32, 48, 5)] * 3  # the first only compiles
    flow = optical_flow.unpack(seen[2][0, ..., 3:].astype(np.float32)) * optical_flow.BOUND
    np.testing.assert_allclose(np.median(flow[:, 4:-4, 4:-4], axis=(1, 2)), [[1, 0]] * 16, atol=0.2)
    plain = run(tmp_path / "a.mp4", tmp_path / "plain", size=(32, 48))
    assert plain["windows"] == 2
    np.testing.assert_array_equal(outputs(tmp_path / "plain")[0]["joint"], outputs(tmp_path / "out")[0]["joint"])


def test_corrected_tracks_are_not_overwritten(tmp_path):
    (tmp_path / "in").mkdir()
    for name in "ab":
        make_video(tmp_path / "in" / f"{name}.mp4", 8)
    predicted = lambda: predict_path(tmp_path / "in", tmp_path / "out", detector=detector())
    predicted()
    assert len(predicted()) == 2  # nobody changed anything
    path = tmp_path / "out/a/tracks.json"
    path.write_text(path.read_text().replace("running", "sliding"))
    (tmp_path / "out/b/labels.npz").unlink()
    with pytest.raises(InputError, match="1 of 2 videos failed.*a/tracks.json: was changed.*another output folder"):
        predicted()
    assert "sliding" in path.read_text() and (tmp_path / "out/b/labels.npz").exists()
    (tmp_path / "out/a/summary.json").unlink()
    with pytest.raises(InputError, match="was changed after it was written, or summary.json beside it is missing"):
        run(tmp_path / "in/a.mp4", tmp_path / "out/a", tracks=False)
    for name in ("tracks.json", "timeline.png", "events.csv", "events.boris"):
        (tmp_path / "out/a" / name).unlink()
    run(tmp_path / "in/a.mp4", tmp_path / "out/a", tracks=False)
    path = tmp_path / "out/b/events.boris"
    path.write_text(path.read_text().replace("running", "sliding"))  # as if it was saved by BORIS
    with pytest.raises(InputError, match="b/events.boris: was changed.*another output folder"):
        run(tmp_path / "in/b.mp4", tmp_path / "out/b")


def test_the_overlay_of_an_anamorphic_broadcast_has_its_shape_and_begins_at_zero(tmp_path):
    frames = [square(i, 64, 96) for i in range(20)]
    encode(tmp_path / "a.ts", frames, aspect=Fraction(16, 11), start=25 * 3600)
    predict_video(tmp_path / "a.ts", tmp_path / "out", detector=detector())
    with av.open(str(tmp_path / "out/overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(16, 11)
        assert (stream.height / 64, stream.width / 96) == (stream.height // 64,) * 2
        assert [frame.time for frame in container.decode(stream)][:2] == pytest.approx([0, 0.04], abs=1e-3)


def test_what_follows_damage_is_labelled_and_strict_stops(tmp_path):
    path = lost_in_the_middle(tmp_path)
    with pytest.raises(InputError, match=r"damaged near frame 28 .*the \d+ frames that were read are done"):
        predict_video(path, tmp_path / "out", detector=detector())
    with pytest.raises(InputError, match=r"stops there.*the \d+ frames that were read are done"):
        predict_video(path, tmp_path / "strict", detector=detector(), options=PredictOptions(strict=True))
    for name, words in (("out", "1 frame decoded in part from 1.12 s on"), ("strict", "stops there")):
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        assert not summary["complete"] and words in summary["remarks"][-1]
    frames = [len(np.load(tmp_path / name / "labels.npz")["actor"]) for name in ("out", "strict")]
    assert frames[0] >= 58 and 20 < frames[1] < 40
