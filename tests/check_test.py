"""What --mode=check says of data of one's own, and what its contact sheet shows."""

from types import SimpleNamespace

import folder_fixture
import pytest

import main
from configs import folder
from input_pipeline import a2d_clips
from ssa2d_jax.batch import InputError


@pytest.fixture
def checked(monkeypatch):
    """Runs --mode=check on a folder, in this process; check.png goes beside the folder."""

    def run(root):
        config = folder.get_config()
        config.data.release = str(root)
        a2d_clips.opened.cache_clear()
        monkeypatch.setattr(main, "_OUTPUT", SimpleNamespace(value=str(root.parent)))
        monkeypatch.setattr(main, "_checked", lambda config: config)
        main._check(config)

    return run


def test_one_is_singular_and_nothing_is_said_twice(tmp_path, checked, capfd):
    root = folder_fixture.write_folder(tmp_path / "own", table="video,instance,actor,action\nb,1,worker,walking\n")
    checked(root)
    said = capfd.readouterr().out
    assert "1 video, 1 actor, 1 action, 1 pair\n" in said and "no problem found" in said
    with open(root / "labels.csv", "a") as file:
        file.write("b,7,worker,walking\n")
    with pytest.raises(InputError, match=r"^1 problem, listed above$"):
        checked(root)
    assert capfd.readouterr().err.count("instance 7 of b") == 1
    (root / "labels.csv").write_text("video,instance,actor,action\nb,0,worker,walking\n")
    with pytest.raises(InputError, match=r"^1 problem, listed above, to be mended first: no video was read$"):
        checked(root)
