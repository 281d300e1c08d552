"""Files are whole or not there, also when the disk is full."""

import errno
from pathlib import Path

import pytest

from ssa2d_jax.utils.files import is_clutter, replace_bytes, replace_text, write_if_permitted


def test_a_file_is_replaced_as_a_whole(tmp_path):
    replace_text(tmp_path / "a.txt", "one")
    replace_text(tmp_path / "a.txt", "two")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "two")]


def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    replace_bytes(path, b"old")
    write = Path.write_bytes

    def full(file, data):
        write(file, data[:1])
        raise OSError(errno.ENOSPC, "No space left on device")  # as a write does, without a name

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device: .*a.bin") as error:
        replace_bytes(path, b"new")
    assert error.value.errno == errno.ENOSPC and error.value.filename == str(path)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.bin", b"old")]


def test_what_systems_leave_is_known_by_its_name():
    left = ("._a.mp4", ".DS_Store", "Thumbs.db", "THUMBS.DB", "desktop.ini", "@eaDir", "__MACOSX", "#recycle")
    left += ("a.mp4:Zone.Identifier", "labels.csv~")
    assert all(map(is_clutter, left))
    assert not any(map(is_clutter, ("a.mp4", "_a.mp4", "thumbs.png", "eaDir", "-x.mp4")))


def test_what_may_not_be_written_is_said_and_work_goes_on(tmp_path, capsys):
    def refuse():
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / "a.txt"))

    assert not write_if_permitted(refuse, tmp_path)
    assert f"not written: {tmp_path / 'a.txt'}: Read-only file system; copy {tmp_path} to" in capsys.readouterr().err
    assert write_if_permitted(lambda: replace_text(tmp_path / "b.txt", "b"), tmp_path)
    assert (tmp_path / "b.txt").read_text() == "b" and not capsys.readouterr().err


def test_a_full_disk_is_not_taken_for_a_read_only_one(tmp_path):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_if_permitted(full, tmp_path)
