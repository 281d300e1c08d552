"""The files of pages: whose they are, and when they are deleted."""

import pytest

from ssa2d_jax.web.sessions import PageClosed, Sessions


def test_a_closed_page_keeps_nothing_and_gets_nothing_and_others_keep_theirs(tmp_path):
    sessions = Sessions(tmp_path)
    shared, own = tmp_path / "shared.mp4", tmp_path / "own.mp4"
    for file in (shared, own):
        file.touch()
    for page, files in {"one": (shared, own), "other": (shared,)}.items():
        for file in files:
            sessions.add_upload(page, file)
        (sessions.new_folder(page) / "overlay.mp4").touch()
    assert len(list(tmp_path.glob("result-*/overlay.mp4"))) == 2
    (sessions.new_folder("one") / "overlay.mp4").touch()  # replaces its first
    assert len(list(tmp_path.glob("result-*/overlay.mp4"))) == 2
    sessions.check_open("one")
    sessions.close("one")
    assert shared.exists() and not own.exists() and len(list(tmp_path.glob("result-*/overlay.mp4"))) == 1
    with pytest.raises(PageClosed):
        sessions.check_open("one")
    with pytest.raises(PageClosed):
        sessions.new_folder("one")
    sessions.close("other")
    assert list(tmp_path.iterdir()) == []
