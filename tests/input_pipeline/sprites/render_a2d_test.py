"""The sprites world in A2D's layout: exact labels, all 43 pairs, the same labels for the same seed."""

import collections
import csv
import dataclasses
import hashlib
import json
from pathlib import Path

import av
import cv2
import h5py
import numpy as np
import pytest

from input_pipeline.sprites import a2d_files
from input_pipeline.sprites.contact_sheet import draw_pair_sheet
from input_pipeline.sprites.figures.figure import figure
from input_pipeline.sprites.figures.shapes import Look, Pose
from input_pipeline.sprites.motion import motion
from input_pipeline.sprites.render_a2d import A2dRenderOptions, _tasks, main, render_a2d
from input_pipeline.sprites.world import plan_clip
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.utils.errors import InputError

CODES = [10 * actor + action for actor, action in A2D.pairs]
SMALL = A2dRenderOptions(seed=3, train_clips=12, test_clips=2, size=(48, 64), frames=20)
# A folder that was rendered earlier is accepted only as long as this text stays the same.
RENDER_JSON = """{
 "world": 5,
 "seed": 3,
 "train_clips": 12,
 "test_clips": 2,
 "size": [
  48,
  64
 ],
 "frames": 20,
 "labelled": 5,
 "max_actors": 4
}
"""
GREY = Look((200, 60, 60), (60, 200, 60), (60, 60, 200), (230, 160, 40), (40, 40, 40), 3)


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sprites") / "release"
    render_a2d(folder, SMALL, processes=2)
    return folder


def _rows(folder: Path) -> list[list[str]]:
    with open(folder / "videoset.csv") as file:
        return list(csv.reader(file))


def _mats(folder: Path) -> list[Path]:
    return sorted((folder / "Annotations/mat").rglob("*.mat"))


def _label_hashes(folder: Path) -> dict[str, str]:
    files = [*_mats(folder), *sorted((folder / "Annotations/col").rglob("*.png")), folder / "videoset.csv"]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_folder_has_what_a_release_has(release):
    rows = _rows(release)
    assert len(rows) == 14 and [row[-1] for row in rows] == ["0"] * 12 + ["1"] * 2
    for vid, label, _, _, height, width, frames, annotated, _ in rows:
        assert int(label) in CODES
        assert (height, width, frames, annotated) == ("48", "64", "20", "5")
        with av.open(str(release / "clips320H" / f"{vid}.mp4")) as container:
            shapes = [frame.to_ndarray(format="rgb24").shape for frame in container.decode(video=0)]
        assert shapes == [(48, 64, 3)] * 20
        numbers = sorted(int(path.stem) for path in (release / "Annotations/mat" / vid).iterdir())
        # Five frames, 2 apart: the middle of frames 1..20 is 10.5, rounded down to 10, and moved by 2 at most.
        assert np.diff(numbers).tolist() == [2, 2, 2, 2] and 8 <= numbers[2] <= 12
        assert numbers == sorted(int(path.stem) for path in (release / "Annotations/col" / vid).iterdir())
    readme = (release / "README").read_text().splitlines()
    table = readme[readme.index("NAME ID Valid R G B") + 1 :]
    assert len(table) == 63 and sum(line.split()[2] == "1" for line in table) == 43
    assert "adult-climbing 11 1 51 1 1" in table and "dog-crawling 72 1 102 1 61" in table


def test_mat_layout(release):
    instances = collections.Counter()
    for path in _mats(release):
        assert path.read_bytes()[:19] == b"MATLAB 7.3 MAT-file"
        with h5py.File(path) as file:
            code_map, masks = file["reS_id"][...], file["reMask"][...]
            codes, boxes = file["id"][...], file["reBBox"][...]
            names = ["".join(map(chr, file[reference][...].ravel())) for reference in file["class"][0]]
            assert file["class"].dtype == h5py.ref_dtype and file[file["class"][0, 0]].dtype == np.uint16
        assert code_map.shape == (64, 48)  # (W, H)
        count = codes.shape[1]
        instances[count] += 1
        assert masks.shape == ((64, 48) if count == 1 else (count, 64, 48))
        assert codes.shape == (1, count) and codes.dtype.kind == "f" and boxes.shape == (4, count)
        masks = masks.reshape(count, 64, 48)
        assert set(np.unique(code_map)) == {0, *codes[0].astype(int)} - ({0} if (code_map > 0).all() else set())
        assert (masks.sum(axis=0) == (code_map > 0)).all()  # the union, and no pixel is in two masks
        for mask, code, name, box in zip(masks, codes[0].astype(int), names, boxes.T, strict=True):
            assert code in CODES and (code_map[mask == 1] == code).all() and mask.any()
            assert name == f"{A2D.actors[code // 10]}-{A2D.actions[code % 10]}"
            columns, rows = np.nonzero(mask)
            assert box.tolist() == [columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1]
        picture = cv2.imread(str(release / "Annotations/col" / path.parent.name / f"{path.stem}.png"))[..., ::-1]
        palette = np.zeros((100, 3), np.uint8)
        palette[CODES] = [A2D.colour(*divmod(code, 10)) for code in CODES]
        assert (picture == palette[code_map.T]).all()
    assert instances[1] > 0 and sum(instances.values()) - instances[1] > 0  # both layouts of reMask were seen


def test_annotation_of_known_pixels(tmp_path):
    owners = np.zeros((4, 6), np.uint8)  # H 4, W 6
    owners[1, 2:5] = 1
    owners[3, 0] = 3
    a2d_files.write_annotation(tmp_path / "a.mat", owners, [18, 57, 77])
    with h5py.File(tmp_path / "a.mat") as file:
        assert file["id"][...].tolist() == [[18.0, 77.0]]  # 57 has no visible pixel: no entry
        assert file["reBBox"][...].T.tolist() == [[3, 2, 5, 2], [1, 4, 1, 4]]
        assert file["reS_id"][2:5, 1].tolist() == [18, 18, 18] and file["reS_id"][0, 3] == 77
        assert file["reMask"].shape == (2, 6, 4)


def test_labels_show_where_the_video_changes():
    """The pixels of a single actor differ from the background of the same clip; others don't."""
    rng = np.random.default_rng(5)
    clip = plan_clip(rng, [57], (64, 64), 20, 10, 6)
    rgb, owners = next(clip.frames())
    clip.sprites = []
    empty, no_owners = next(clip.frames())
    changed = (rgb != empty).any(axis=-1)
    assert not no_owners.any() and owners.any()
    edge = cv2.dilate((owners > 0).astype(np.uint8), np.ones((3, 3))) > 0
    assert not changed[~edge].any()
    assert changed[owners > 0].mean() > 0.95


def test_nearer_actor_hides_the_farther():
    clip = plan_clip(np.random.default_rng(0), [39, 59], (64, 64), 20, 10, 6)
    far, near = (sprite.__class__(**{**vars(sprite), "x": 0.0, "y": 0.0, "size": size})
                 for sprite, size in zip(clip.sprites, (0.3, 0.6), strict=True))  # fmt: skip
    clip.sprites = [far, near]
    _, together = list(clip.frames())[10]
    clip.sprites = [near]
    _, alone = list(clip.frames())[10]
    assert ((together == 2) == (alone == 1)).all()


def test_seed_decides_the_labels_and_processes_do_not(release, tmp_path):
    first = _label_hashes(release)
    render_a2d(tmp_path / "again", SMALL, processes=1)
    assert _label_hashes(tmp_path / "again") == first and len(first) == 2 * 14 * 5 + 1
    render_a2d(tmp_path / "other", dataclasses.replace(SMALL, seed=4, train_clips=1, test_clips=1), processes=1)
    other = _label_hashes(tmp_path / "other")
    assert not set(other.values()) & set(first.values())


def test_the_same_frames_give_the_same_file(tmp_path):
    clips = [
        [rgb for rgb, _ in plan_clip(np.random.default_rng([1, i]), [11, 75], size, 20, 10, 4).frames()]
        for i, size in enumerate(((128, 128), (48, 64), (32, 48)))
    ]
    files = set()
    for _ in range(10):
        for frames in clips:
            a2d_files.write_clip(tmp_path / "clip.mp4", frames)
            files.add(hashlib.sha256((tmp_path / "clip.mp4").read_bytes()).hexdigest())
    assert len(files) == 3


def test_train_and_test_are_different_clips(release):
    maps = []
    for vid in ("w5s3_train_00000", "w5s3_test_00000"):
        with h5py.File(sorted((release / "Annotations/mat" / vid).iterdir())[0]) as file:
            maps.append(file["reS_id"][...])
    assert (maps[0] != maps[1]).any()


def test_pairs_are_equally_frequent():
    options = A2dRenderOptions(seed=0, train_clips=430, test_clips=60, max_actors=4)
    for split in range(2):
        tasks = _tasks(options, split)
        actors = collections.Counter(len(task.codes) for task in tasks)
        counts = collections.Counter(code for task in tasks for code in task.codes)
        assert set(actors) == {1, 2, 3, 4} and min(actors.values()) > len(tasks) / 4 * 0.6
        assert set(counts) == set(CODES)
        # Every deck is dealt completely, except the last one.
        assert max(counts.values()) - min(counts.values()) <= 1


def test_finished_rendering_is_left_alone_and_another_refused(release, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in release.rglob("*")}
    render_a2d(release, SMALL, processes=1)
    assert {path: path.stat().st_mtime_ns for path in release.rglob("*")} == before
    with pytest.raises(InputError, match="seed is 3 in the folder, 9 in the request"):
        render_a2d(release, dataclasses.replace(SMALL, seed=9))
    assert json.loads((release / "render.json").read_text())["seed"] == 3
    assert (release / "render.json").read_text() == RENDER_JSON
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="not a rendered release"):
        render_a2d(tmp_path / "mine", SMALL)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_interrupted_rendering_is_not_taken_for_complete(tmp_path, monkeypatch):
    folder = tmp_path / "release"
    killed = tmp_path / "release.incomplete"  # left by a killed process
    (killed / "clips320H").mkdir(parents=True)
    (killed / "render.json").write_text("{}")
    written = []

    def stop_at_third(path, frames):
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt
        path.write_bytes(b"")

    with monkeypatch.context() as patch:
        patch.setattr(a2d_files, "write_clip", stop_at_third)
        with pytest.raises(KeyboardInterrupt):
            render_a2d(folder, SMALL, processes=1)
    assert not folder.exists() and not killed.exists()
    render_a2d(folder, dataclasses.replace(SMALL, train_clips=3, test_clips=1), processes=1)
    assert len(_rows(folder)) == 4 and len(list((folder / "clips320H").iterdir())) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": (47, 64)}, "size is 47x64, both must be even"),
        ({"size": (64, 32)}, "the width must be 0.75 to 3 times the height"),
        ({"frames": 13}, "frames is 13, 5 labelled frames need 14"),
        ({"labelled": 9, "frames": 32}, "labelled is 9, 1 to 8"),
        ({"max_actors": 0}, "max_actors is 0, 1 to 8"),
        ({"test_clips": 0}, "test_clips is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_impossible_parameters_are_refused(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        render_a2d(tmp_path / "r", dataclasses.replace(SMALL, **change))
    assert not list(tmp_path.iterdir())


def test_command_line_reports_errors_in_one_line(release, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["sprites", "--folder", str(release), "--seed", "9"])
    assert main() == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def _tracks(code: int, seed: int) -> dict[str, np.ndarray]:
    times = np.arange(16.0) - 8
    poses = motion(code // 10, code % 10, np.random.default_rng(seed), times)
    return {name: np.array([getattr(pose, name) for pose in poses], np.float64) for name in Pose._fields}


@pytest.mark.parametrize("seed", range(5))
def test_sixteen_frames_show_the_action(seed):
    for code in CODES:
        track, name = _tracks(code, seed), A2D.actions[code % 10]
        speed = np.abs(np.diff(track["x"])).mean()
        turned = abs(track["tilt"][-1] - track["tilt"][0])
        if name == "none":
            assert np.ptp(track["x"]) == np.ptp(track["y"]) == np.ptp(track["dip"]) == 0 and turned < 0.1
        elif name == "rolling":
            assert 0.72 * 2 * np.pi < turned * 16 / 15 <= 1.07 * 2 * np.pi
        elif name == "climbing":
            assert (np.diff(track["y"]) >= 0.025 - 1e-9).all() and speed == 0
        elif name == "jumping":
            assert np.ptp(track["y"]) > 0.25 and track["y"].min() >= 0 and speed <= 0.02
        elif name == "eating":
            assert np.ptp(track["dip"]) > 0.6 and speed == 0
        elif name == "flying":
            assert speed >= 0.04 - 1e-9 and (code != 44 or np.ptp(np.sin(track["wing"])) > 1)
        elif name == "running":
            assert speed >= 0.05 - 1e-9
        elif name == "walking":
            assert 0.015 - 1e-9 <= speed <= 0.025 + 1e-9
            assert 0.9 < np.ptp(track["gait"]) * 16 / 15 / (2 * np.pi) < 1.3
        else:
            assert name == "crawling" and speed <= 0.012 + 1e-9


def _posture(actor: int, pose: Pose) -> tuple:
    """What a single frame shows of an actor's posture."""
    tilt = pose.tilt % (2 * np.pi)
    angle = "level" if min(tilt, 2 * np.pi - tilt) < 0.35 else "steep" if 1.0 < tilt < 1.7 else "turned"
    arms_up = actor <= 2 and not pose.fours and pose.arms > 0.6
    return actor, angle, pose.fours or pose.crouch > 0.65, arms_up, actor == 4 and pose.spread


def test_a_single_frame_does_not_reveal_the_action():
    seen = collections.defaultdict(collections.Counter)
    for code in CODES:
        for seed in range(200):
            rng = np.random.default_rng([seed, code])
            (pose,) = motion(code // 10, code % 10, rng, np.array([rng.uniform(0, 20)]))
            seen[_posture(code // 10, pose)][code % 10] += 1
    shares = [max(counts.values()) / counts.total() for counts in seen.values() if counts.total() >= 60]
    assert len(shares) > 20 and max(shares) < 0.8


def test_figures_are_distinct_and_of_similar_size():
    shapes = {actor: figure(actor, Pose(stride=0.5, gait=1.0), GREY) for actor in range(1, 8)}
    for parts in shapes.values():
        points = np.array([point for shape in parts for point in shape.points])
        assert 0.7 < np.ptp(points, axis=0).max() < 1.1
    outlines = {tuple((shape.kind, len(shape.points)) for shape in parts) for parts in shapes.values()}
    assert len(outlines) >= 6  # adult and baby share their parts, in other proportions


def test_contact_sheet_has_a_row_per_pair(tmp_path):
    draw_pair_sheet(tmp_path / "sheet.png", size=(32, 32), across=3)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (43 * 32, 3 * 32, 3)
