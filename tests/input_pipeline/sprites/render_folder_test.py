"""The fish world: a folder that the reader of users' own data takes, exact labels, the same files for the same seed."""

import collections
import csv
import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest

from input_pipeline.releases.layouts import open_release
from input_pipeline.sprites import render_folder
from input_pipeline.sprites.figures.figure import FISH, figure
from input_pipeline.sprites.figures.shapes import Pose
from input_pipeline.sprites.motion import SWIMMING, motion
from input_pipeline.sprites.render_folder import PAIRS, FolderRenderOptions
from input_pipeline.sprites.world import draw_look, plan_clip
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.utils.errors import InputError

SMALL = FolderRenderOptions(train_clips=10, test_clips=4, size=(48, 64), labelled=3)
FISH_ACTIONS = {"swimming": SWIMMING, "jumping": A2D.actions.index("jumping"), "none": A2D.actions.index("none")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fish") / "world"
    render_folder.render_folder(path, SMALL, processes=1)
    return path


def test_the_reader_of_own_data_takes_it(folder):
    release = open_release("folder", folder)
    assert {split: len(names) for split, names in release.splits.items()} == {"train": 10, "test": 4}
    assert set(release.space.joint[1:]) == {"-".join(pair) for pair in PAIRS}
    assert release.warnings() == []
    for name in (*release.splits["train"], *release.splits["test"]):
        labels = release.labels(name)
        assert len(labels) == 3 and np.diff(list(labels)).tolist() == [2, 2]
        regions = {frame: release.regions(name, frame, label) for frame, label in labels.items()}
        assert release.unseen_rows(name, regions) == []


def test_masks_are_where_the_figures_are_and_rows_say_who_they_are(folder, monkeypatch, tmp_path):
    clips = []
    plan = lambda *arguments: clips.append(plan_clip(*arguments)) or clips[-1]
    monkeypatch.setattr(render_folder, "plan_clip", plan)
    render_folder.render_folder(tmp_path / "again", SMALL, processes=1)
    with open(folder / "labels.csv", newline="") as file:
        rows = {(row["video"], int(row["instance"])): (row["actor"], row["action"]) for row in csv.DictReader(file)}
    videos = [f"train_{i:04d}" for i in range(10)] + [f"test_{i:04d}" for i in range(4)]
    seen = set()
    for video, clip in zip(videos, clips, strict=True):
        frames = list(clip.frames())
        for png in (folder / "labels" / video).iterdir():
            instances = cv2.imread(str(png), cv2.IMREAD_UNCHANGED)
            assert (instances == frames[int(png.stem)][1]).all()
            seen |= {(video, instance) for instance in np.unique(instances).tolist() if instance}
        for instance, sprite in enumerate(clip.sprites, 1):
            actor, action = divmod(sprite.code, 10)
            names = ("fish" if actor == 8 else A2D.actors[actor], A2D.actions[action] if action else "swimming")
            assert rows.get((video, instance), names) == names
    assert seen == set(rows)


def test_seed_decides_the_files_and_processes_do_not(folder, tmp_path):
    hashes = lambda root: {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }
    render_folder.render_folder(tmp_path / "again", SMALL, processes=2)
    assert hashes(tmp_path / "again") == hashes(folder)
    render_folder.render_folder(tmp_path / "fewer", replace(SMALL, train_clips=1), processes=1)
    tests = lambda root: {name: code for name, code in hashes(root).items() if "test_" in name}
    assert tests(tmp_path / "fewer") == tests(folder)


def test_impossible_options_are_refused(tmp_path):
    for change, message in (
        ({"size": (128, 64)}, "size is 128x64, the width must be 0.75 to 3 times the height"),
        ({"max_actors": 8}, "max_actors is 8, 1 to 7 are allowed"),
        ({"frames": 6}, "frames is 6, 3 labelled frames need 10"),
    ):
        with pytest.raises(InputError, match=f"fish world: {message}"):
            render_folder.render_folder(tmp_path / "r", replace(SMALL, **change))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", range(5))
def test_sixteen_frames_show_what_a_fish_does(seed):
    times = np.arange(16.0) - 8
    moves = {}
    for name, action in FISH_ACTIONS.items():
        poses = motion(FISH, action, np.random.default_rng(seed), times)
        track = {field: np.array([getattr(pose, field) for pose in poses]) for field in ("x", "y", "gait", "tilt")}
        moves[name] = track
    swum = moves["swimming"]
    speed = np.hypot(np.diff(swum["x"]), np.diff(swum["y"]))
    assert (speed > 0.029).all() and (speed < 0.046).all() and np.ptp(swum["gait"]) > 1.5 * 2 * np.pi
    assert np.allclose(np.arctan2(np.diff(swum["y"]), np.diff(swum["x"])), swum["tilt"][1:])  # along its own axis
    jumped = moves["jumping"]
    assert np.ptp(jumped["y"]) > 0.2 and jumped["y"].min() >= 0 and np.ptp(jumped["tilt"]) > 1
    assert np.ptp(moves["none"]["x"]) == np.ptp(moves["none"]["y"]) == 0


def test_a_single_frame_does_not_reveal_what_a_fish_does():
    seen = collections.defaultdict(collections.Counter)
    for name, action in FISH_ACTIONS.items():
        for seed in range(300):
            rng = np.random.default_rng([seed, action])
            (pose,) = motion(FISH, action, rng, np.array([rng.uniform(0, 20)]))
            bent = np.sin(pose.gait) * pose.stride
            seen[round(np.clip(pose.tilt, -1, 1) * 1.5), round(bent * 1.5)][name] += 1
    shares = [max(counts.values()) / counts.total() for counts in seen.values() if counts.total() >= 60]
    assert len(shares) >= 5 and max(shares) < 0.75


def test_a_fish_bends_and_is_as_large_as_the_others():
    look = draw_look(np.random.default_rng(0))
    outlines = []
    for gait in (0.0, np.pi):
        points = np.array([p for shape in figure(FISH, Pose(stride=0.8, gait=gait), look) for p in shape.points])
        assert 0.7 < np.ptp(points, axis=0).max() < 1.1
        outlines.append(points)
    moved = np.abs(outlines[0] - outlines[1]).max(axis=1)
    assert moved[outlines[0][:, 0] > 0.2].max() == 0 and moved.max() > 0.2  # the head stays, the tail beats


def test_command_line(tmp_path, monkeypatch, capsys):
    words = ["--train_clips", "1", "--test_clips", "1", "--height", "32", "--width", "32", "--processes", "1"]
    monkeypatch.setattr("sys.argv", ["render_folder", "--folder", str(tmp_path / "f"), *words])
    assert render_folder.main() == 0 and (tmp_path / "f/labels.csv").is_file()
    monkeypatch.setattr("sys.argv", ["render_folder", "--folder", str(tmp_path / "f"), *words, "--seed", "9"])
    assert render_folder.main() == 2
    assert capsys.readouterr().err.count("error: ") == 1
