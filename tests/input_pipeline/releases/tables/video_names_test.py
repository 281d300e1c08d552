"""Names of videos in tables: other spellings of one name are found, and two videos are never confused."""

import unicodedata

import pytest

from input_pipeline.releases.tables.video_names import find_meanings, spelling_in

NFC, NFD = (unicodedata.normalize(form, "Bär läuft") for form in ("NFC", "NFD"))


def _folder(tmp_path, *files):
    for file in files:
        (tmp_path / file).mkdir() if file.endswith("/") else (tmp_path / file).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("files", "name", "video"),
    [
        (["a.mp4"], "a", "a"),
        (["a.mp4"], "a.mp4", "a"),
        (["a.MOV"], "a.mov", "a"),
        (["a.mov", "a.mp4"], "a.mov", "a.mov"),
        (["x.tar.mp4"], "x.tar", "x.tar"),
        (["x.tar.mp4"], "x.tar.mp4", "x.tar"),
        (["a.b.mp4", "a.b"], "a.b", "a.b"),
        (["a/"], "a", "a"),
        ([f"{NFD}.mp4"], NFC, NFC),
        ([f"{NFD}.mp4"], NFD, NFC),
        ([f"{NFC}.mp4"], NFD + ".mp4", NFC),
        (["clip .mp4"], "clip", "clip "),
        (["a.mp4"], "b", "b"),
        (["17.mp4", "00017.mp4"], "17", "17"),
        (["17.mp4"], "17.0", "17"),
    ],
)
def test_a_name_means_the_video_that_it_can_only_mean(tmp_path, files, name, video):
    assert find_meanings([name], _folder(tmp_path, *files)) == {name: (video, "", "")}


def test_zeros_that_a_spreadsheet_has_lost_are_a_warning(tmp_path):
    folder = _folder(tmp_path, "00017.mp4", "018/", "0.mp4")
    meanings = find_meanings(["17", "18.0", "0"], folder)
    assert {name: meaning.video for name, meaning in meanings.items()} == {"17": "00017", "18.0": "018", "0": "0"}
    assert meanings["17"].guess == "video 17 is read as 00017: the table seems to have lost zeros"
    assert meanings["0"].guess == "" and not any(meaning.problem for meaning in meanings.values())


def test_a_number_that_may_be_two_videos_is_a_problem(tmp_path):
    folder = _folder(tmp_path, "00017.mp4", "017.mp4", "08.mp4")
    meaning = find_meanings(["17"], folder)["17"]
    assert meaning.problem == "video 17 may be 00017, 017; write its name in full, with all zeros"
    both = find_meanings(["8", "08"], folder)
    assert both["08"].video == "08" and both["08"].problem == ""
    assert both["8"].problem == "video 8 may be 08; write its name in full, with all zeros"


def test_without_a_folder_names_stay():
    assert find_meanings(["17", NFD], None) == {"17": ("17", "", ""), NFD: (NFC, "", "")}


def test_a_folder_spells_a_name_in_its_own_way(tmp_path):
    folder = _folder(tmp_path, NFD + "/")
    assert spelling_in(folder, NFC) == NFD and spelling_in(folder, NFD) == NFD
    assert spelling_in(folder, "ä") == "ä" and spelling_in(folder / "none", NFC) == NFC
    (folder / NFC).mkdir()
    assert spelling_in(folder, NFC) == NFC
