"""Folds of the training videos: every one is tested once, and the test split never."""

import pytest

from input_pipeline.releases.layouts import open_release
from ssa2d_jax.utils.errors import InputError
from tests.fixtures import a2d_release, folder_release
from tools.folds import divide, make_folds


def test_folds_of_a2d_divide_the_training_videos_and_leave_the_test_split_out(tmp_path):
    root = tmp_path / "Release"
    splits = {f"clip{number}": int(number == 4) for number in range(5)}
    for name in splits:
        a2d_release.write_video(root, name)
    a2d_release.write_videoset(root, splits)
    folders = make_folds("a2d", root, tmp_path / "folds", 2)
    releases = [open_release("a2d", folder) for folder in folders]
    tested = [set(release.splits["test"]) for release in releases]
    assert sorted(len(names) for names in tested) == [2, 2]
    assert set.union(*tested) == {"clip0", "clip1", "clip2", "clip3"}
    for release, names in zip(releases, tested, strict=True):
        assert set(release.splits["train"]) == {"clip0", "clip1", "clip2", "clip3"} - names
        name = release.splits["train"][0]
        assert release.video(name).is_file()
        frame, label = next(iter(release.labels(name).items()))
        original = open_release("a2d", root)
        assert (release.regions(name, frame, label).map == original.regions(name, frame, label).map).all()
    assert make_folds("a2d", root, tmp_path / "folds", 2) == folders  # again, over what is there


def test_folds_of_a_folder_keep_its_rows(tmp_path):
    root = tmp_path / "own"
    folder_release.write_folder(root)
    original = open_release("folder", root)
    train = set(original.splits["train"])
    assert len(train) == 3
    folders = make_folds("folder", root, tmp_path / "folds", 2)
    releases = [open_release("folder", folder) for folder in folders]
    assert set(releases[0].splits["test"]) | set(releases[1].splits["test"]) == train
    assert not set(releases[0].splits["test"]) & set(releases[1].splits["test"])
    for release in releases:
        assert set(release.splits["train"]) == train - set(release.splits["test"])
        for name in train:
            for frame, label in release.labels(name).items():
                found, expected = release.regions(name, frame, label), original.regions(name, frame, label)
                assert (found.map == expected.map).all() and len(found.actor) == len(expected.actor)
                names = lambda regions, space: [space.actors[actor] for actor in regions.actor]
                assert names(found, release.space) == names(expected, original.space)


def test_every_fold_has_its_share_of_every_kind():
    kinds = {f"v{number:02d}": ("walking",) if number < 9 else ("running",) for number in range(15)}
    fold_of = divide(kinds, 3)
    for kind in set(kinds.values()):
        sizes = [sum(fold_of[name] == fold for name in kinds if kinds[name] == kind) for fold in range(3)]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("folds", [1, 9])
def test_too_few_videos_or_folds_are_an_error(tmp_path, folds):
    root = tmp_path / "Release"
    for name in ("one", "two"):
        a2d_release.write_video(root, name)
    a2d_release.write_videoset(root, {"one": 0, "two": 0})
    with pytest.raises(InputError, match="2 training videos can't be divided"):
        make_folds("a2d", root, tmp_path / "folds", folds)
    with pytest.raises(InputError, match="labels.csv: no such file"):
        make_folds("folder", root, tmp_path / "folds", 2)


def test_rows_of_the_test_split_never_come_in(tmp_path):
    root = tmp_path / "own"
    folder_release.write_folder(root)
    for folder in ("videos", "labels"):  # a training video whose name begins with that of a test video
        for path in (root / folder).glob("a*"):
            path.rename(path.with_name(path.name.replace("a", "d.x", 1)))
    rows = [line for line in folder_release.TABLE.splitlines() if not line.startswith("a,")]
    (root / "labels.csv").write_text(
        "\ufeff" + "\n".join([*rows, "d.x.mp4,1,worker,lifting,,", "d.x,2,fork lift,driving,,"])
    )
    original = open_release("folder", root).splits
    assert {*original["train"], *original["test"]} == {"b", "c", "d", "d.x"}
    for folder in make_folds("folder", root, tmp_path / "folds", 2):
        splits = open_release("folder", folder).splits
        assert {*splits["train"], *splits["test"]} == set(original["train"])


def test_a_videoset_as_spreadsheets_save_it(tmp_path):
    root = tmp_path / "Release"
    for name in ("one", "two", "three"):
        a2d_release.write_video(root, name)
    a2d_release.write_videoset(root, {"one": 0, "two": 0, "three": 1}, header=True)
    path = root / "videoset.csv"
    path.write_text("\ufeff" + path.read_text().replace(",", ", "))
    tested = [open_release("a2d", folder).splits["test"] for folder in make_folds("a2d", root, tmp_path / "folds", 2)]
    assert sorted(tested) == [("one",), ("two",)]


def test_the_output_is_a_folder_of_its_own(tmp_path):
    root, other = tmp_path / "Release", tmp_path / "Other"
    for release in (root, other):
        for name in ("one", "two"):
            a2d_release.write_video(release, name)
        a2d_release.write_videoset(release, {"one": 0, "two": 0})
    with pytest.raises(InputError, match="is in the release"):
        make_folds("a2d", root, root / "folds", 2)
    make_folds("a2d", root, tmp_path / "folds", 2)
    with pytest.raises(InputError, match="is not of this release; choose an empty folder"):
        make_folds("a2d", other, tmp_path / "folds", 2)


def test_tracks_beside_the_table_are_refused(tmp_path):
    root = tmp_path / "own"
    folder_release.write_folder(root)
    (root / "labels/b/tracks.json").write_text("{}")
    with pytest.raises(InputError, match="has tracks.json beside labels.csv .videos b"):
        make_folds("folder", root, tmp_path / "folds", 2)
