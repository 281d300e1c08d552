"""The Python API: whole clips and streams, from a run and from from any network."""

import json
from fractions import Fraction

import numpy as np
import pytest

import ssa2d_jax
from ssa2d_jax.data.label_space import A2D, VIDOR
from ssa2d_jax.inference.detector import Detector
from ssa2d_jax.inference.results import Result
from ssa2d_jax.inference.tracker import Tracker
from ssa2d_jax.inference.windows import WindowOptions
from ssa2d_jax.runs import weights_file
from ssa2d_jax.runs.load_run import load_run
from ssa2d_jax.steps.forward import make_forward
from ssa2d_jax.training.loop import train
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import probe, read_frames
from ssa2d_jax.video.writer import VideoWriter
from tests.fixtures.toy import toy_config, toy_source
from tests.fixtures.toy_detector import DOG_RUNNING, SETTINGS, make_video, red_is_a_dog


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(toy_config("pooled"), folder, toy_source())
    return folder


def test_a_clip_and_its_stream_have_the_same_labels(tmp_path):
    path = make_video(tmp_path / "a.mp4", 40)
    detector = Detector(red_is_a_dog, **SETTINGS)
    result = detector(path)
    assert repr(result) == "<Result: 40 frames of 96x64>"
    assert len(result) == 40 and result.actor.shape == result.action.shape == result.joint.shape == (40, 64, 96)
    assert set(np.unique(result.joint)) == {0, DOG_RUNNING}
    assert result.probabilities.shape == (40, 16, 16, 8 + 10 + 1)
    stream = detector.stream(path)
    frames = list(stream)
    assert stream.windows.count == 4 and [frame.index for frame in frames] == list(range(40))
    pictures = np.stack([frame.rgb for frame in read_frames(path)])
    for other in (frames, detector(pictures).frames, detector(iter(pictures)).frames):
        np.testing.assert_array_equal(np.stack([frame.joint for frame in other]), result.joint)
    assert frames[3].actions[..., A2D.actions.index("running") - 1].sum() == (result.action[3] > 0).sum()
    (dog,) = result.to_tracks()
    assert A2D.actors[dog.actor] == "dog" and dog.frames == list(range(40)) and dog.seconds[5] == pytest.approx(0.2)
    overlay = result.overlay(opacity=1.0)  # as large as the frames
    np.testing.assert_allclose(overlay[3, 14, 12].astype(int), A2D.joint_colours[DOG_RUNNING], atol=1)
    larger = result[3].overlay(opacity=1.0, scale=4)
    assert larger.shape == (256, 384, 3)
    np.testing.assert_allclose(larger[4 * 14 + 1, 4 * 12 + 1].astype(int), overlay[3, 14, 12], atol=1)
    result.write_overlay(tmp_path / "larger.mp4", scale=2)
    assert next(read_frames(tmp_path / "larger.mp4")).rgb.shape == (128, 192, 3)
    assert result[3].overlay().shape == (64, 96, 3)
    assert result[3].overlay(scale=0).shape == (256, 384, 3)  # automatic: four times as large
    result.write_overlay(tmp_path / "overlay.mp4")
    written = list(read_frames(tmp_path / "overlay.mp4"))
    assert len(written) == 40 and written[0].rgb.shape == (256, 384, 3)
    assert [frame.pts * frame.time_base for frame in written] == [frame.pts * frame.time_base for frame in frames]


def test_results_print_in_a_line(tmp_path):
    result = Detector(red_is_a_dog, **SETTINGS)(make_video(tmp_path / "a.mp4", 6))
    (dog,) = result.to_tracks()
    share = 100 * (result[2].joint == DOG_RUNNING).mean()
    assert repr(result[2]) == f"<FrameResult 2 at 0.08 s: 96x64, dog-running {share:.0f} %>"
    assert repr(dog) == f"<Track 1: dog, 6 frames from 0 to 5, confidence {dog.confidence:.2f}>"
    ((_, region),), _ = Tracker(A2D, threshold=0.5).add_result(result[0])
    for printed in (result[0].labels, region, result):
        assert len(repr(printed)) < 120


def test_masks_of_classes_by_name(tmp_path):
    result = Detector(red_is_a_dog, **SETTINGS)(make_video(tmp_path / "a.mp4", 6))
    for name in ("dog", "running", "dog-running"):
        assert result.mask(name).shape == (6, 64, 96) and result.mask(name).dtype == bool
        np.testing.assert_array_equal(result[3].mask(name), result.mask(name)[3])
    np.testing.assert_array_equal(result.mask("dog-running"), result.joint == DOG_RUNNING)
    np.testing.assert_array_equal(result.mask("running"), result.action == A2D.actions.index("running"))
    assert not result.mask("cat").any() and (result.mask("background") == (result.actor == 0)).all()
    with pytest.raises(InputError, match="no class 'dog-runing'; did you mean 'dog-running'"):
        result.mask("dog-runing")
    with pytest.raises(InputError, match="no class 'xyzzy'; the actors are adult, baby, .*; the actions climbing, "):
        result[0].mask("xyzzy")


def test_timeline_and_events_are_written_where_a_file_can_be(tmp_path):
    result = Detector(red_is_a_dog, **SETTINGS)(make_video(tmp_path / "a.mp4", 10))
    result.write_timeline(tmp_path / "timeline.png")
    result.write_timeline(tmp_path / "timeline.svg", result.to_tracks())
    assert "<!-- dog 1: running -->" in (tmp_path / "timeline.svg").read_text()
    assert (tmp_path / "timeline.png").read_bytes().startswith(b"\x89PNG")
    result.write_events(tmp_path / "events.csv")
    assert "dog 1,dog,running,STATE,0.000,0.400" in (tmp_path / "events.csv").read_text()
    result.write_events(tmp_path / "events.boris", video=str(tmp_path / "a.mp4"))
    assert json.loads((tmp_path / "events.boris").read_text())["observations"]["a"]["file"]["1"] == ["a.mp4"]
    with pytest.raises(InputError, match=r"events.txt: the name must end in .csv \(a table\) or .boris"):
        result.write_events(tmp_path / "events.txt")
    for write in (result.write_overlay, result.write_timeline, result.write_events):
        with pytest.raises(InputError, match="this is a folder; give the path of a file, e.g. "):
            write(tmp_path)
        with pytest.raises(InputError, match="there is no folder .*missing; make it first, or choose another place"):
            write(tmp_path / "missing" / "overlay.mp4")


def test_tracks_end_where_the_video_cuts():
    one, other = np.zeros((12, 64, 96, 3), np.uint8), np.full((8, 64, 96, 3), (0, 0, 255), np.uint8)
    one[:, :32, :48, 0] = other[:, :32, :48, 0] = 255  # a dog in both
    other[:, :32, :48, 2] = 0
    result = Detector(red_is_a_dog, **SETTINGS)(np.concatenate([one, other]))
    assert [frame.index for frame in result.frames if frame.cut] == [12]
    assert [track.frames for track in result.to_tracks()] == [list(range(12)), list(range(12, 20))]
    assert result.to_tracks(min_area=0.9) == []


def test_from_a_run_and_from_its_exported_file(workdir, tmp_path):
    assert ssa2d_jax.Detector is Detector
    detector = ssa2d_jax.Detector.from_run(workdir)
    assert (detector.step, detector.size) == (4, (32, 32))
    assert detector.window_options == WindowOptions(clip_frames=4, frame_step=1, overlap=2, batch_size=1)
    pictures = np.random.default_rng(0).integers(0, 256, (6, 40, 50, 3)).astype(np.uint8)
    result = detector(pictures)
    run = load_run(workdir, toy_config("pooled"))
    path = tmp_path / "model.safetensors"
    weights_file.save_run(path, run.variables, step=4, config=run.config.to_dict(), space=A2D, workdir=workdir)
    again = Detector.from_run(path)(pictures)
    np.testing.assert_array_equal(again.probabilities, result.probabilities)
    # One window of the size that the network sees: the network's very probabilities.
    small = np.ascontiguousarray(pictures[:4, :32, :32])
    actor, action, mask = make_forward(run.model, run.variables)(small[None])
    expected = np.concatenate([actor[0], action[0], mask[0][..., None]], -1)
    np.testing.assert_allclose(detector(small).probabilities, expected, atol=1e-5)
    assert Detector.from_run(workdir, backend="jax").backend == "jax"
    assert Detector.from_run(workdir, overlap=0, batch_size=2, step=-1).window_options.overlap == 0


def test_what_is_no_run_and_windows_that_do_not_fit_are_said(workdir, tmp_path):
    with pytest.raises(InputError, match="holds no run"):
        Detector.from_run(tmp_path)
    with pytest.raises(InputError, match="overlap is 4 frames, allowed is 0 to 3"):
        Detector.from_run(workdir, overlap=4)
    with pytest.raises(InputError, match="no checkpoint of step 3"):
        Detector.from_run(workdir, step=3)
    with pytest.raises(InputError, match="backend is 'tpu'; allowed: one of auto, jax, openvino"):
        Detector.from_run(workdir, backend="tpu")


def test_frames_that_break_off_come_before_the_error():
    pictures = [np.zeros((8, 8, 3), np.uint8)] * 20 + [np.zeros((4, 8, 3), np.uint8)]
    found = []
    with pytest.raises(InputError, match="frame 20 is 8x4"):
        for frame in Detector(red_is_a_dog, **SETTINGS).stream(pictures):
            found.append(frame.index)
    assert found == list(range(20))


def test_several_actions_a_pixel():
    def forward(frames):
        shape = (*frames.shape[:2], 8, 8)
        actor = np.broadcast_to(np.eye(81)[5], (*shape, 81))
        action = np.broadcast_to(np.isin(np.arange(42), (3, 7)) * [0.9], (*shape, 42))
        return actor.astype(np.float32), action.astype(np.float32), np.ones(shape, np.float32)

    settings = SETTINGS | {"space": VIDOR, "size": (16, 16), "window_options": WindowOptions(4, overlap=2)}
    frame = Detector(forward, **settings)(np.zeros((4, 16, 16, 3), np.uint8))[0]
    assert frame.actions.shape == (16, 16, 42) and frame.actions[..., [3, 7]].all() and frame.actions.sum() == 512
    assert (frame.actor == 5).all() and (frame.action == 4).all()
    assert frame.overlay(scale=1).shape == (16, 16, 3) and frame.overlay(scale=3).shape == (48, 48, 3)
    assert frame.overlay(instances=[], scale=2).shape == (32, 32, 3)
    first, other = f"{VIDOR.actors[5]}-{VIDOR.actions[4]}", f"{VIDOR.actors[6]}-{VIDOR.actions[4]}"
    assert frame.mask(first).all() and frame.mask(VIDOR.actions[8]).all() and frame.mask(VIDOR.actors[5]).all()
    assert not frame.mask(other).any() and not frame.mask(VIDOR.actions[1]).any()
    with pytest.raises(ValueError, match="no single joint class"):
        frame.joint  # noqa: B018


def test_an_overlay_has_pixels_of_the_form_of_the_video(tmp_path):
    path = tmp_path / "a.mp4"
    aspect = Fraction(16, 11)
    with VideoWriter(path, height=64, width=96, time_base=Fraction(1, 25), pixel_aspect=aspect) as writer:
        for i in range(4):
            writer.write(np.full((64, 96, 3), 90, np.uint8), i)
    result = Detector(red_is_a_dog, **SETTINGS)(path)
    assert result.pixel_aspect == aspect
    for scale in (1, 2):
        result.write_overlay(tmp_path / "overlay.mp4", scale=scale)
        assert probe(tmp_path / "overlay.mp4").pixel_aspect == aspect
    assert Result(result.frames, result.space, result.rate, result.threshold).pixel_aspect == 1


def test_labels_and_events_carry_the_name_of_the_video(tmp_path):
    path = tmp_path / "my garden.mp4"
    with VideoWriter(path, height=64, width=96, time_base=Fraction(1, 25)) as writer:
        for i in range(4):
            writer.write(np.full((64, 96, 3), (250, 0, 0), np.uint8), i)
    detector = Detector(red_is_a_dog, **SETTINGS)
    result = detector(path)
    assert result.video == str(path) and detector(np.zeros((4, 64, 96, 3), np.uint8)).video == ""
    result.write_labels(tmp_path / "out", "CVAT, labelme")
    assert "<name>my garden.mp4</name>" in (tmp_path / "out/cvat.xml").read_text()
    for file in (tmp_path / "out/labelme").glob("*.json"):
        assert json.loads(file.read_text())["video"] == "my garden.mp4"
    with pytest.raises(InputError, match="formats are 'cvatt'; did you mean 'cvat'\\?; allowed"):
        result.write_labels(tmp_path / "other", "cvatt")
