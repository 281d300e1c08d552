import os
import stat
import struct
import zipfile

import pytest

from input_pipeline.exports.files import archive
from input_pipeline.exports.files.archive import open_archive
from ssa2d_jax.utils.errors import InputError


def _zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


def test_a_zip_a_folder_and_a_file_offer_their_files(tmp_path):
    files = {"a/one.json": "{}", "two.xml": "<a/>", "__MACOSX/._two.xml": "?", "a/.hidden": "?"}
    zipped = open_archive(_zip(tmp_path / "export.zip", files))
    with zipfile.ZipFile(tmp_path / "export.zip") as file:
        file.extractall(tmp_path / "unpacked")
    folder = open_archive(tmp_path / "unpacked")
    assert zipped.names == folder.names == ("a/one.json", "two.xml")
    assert zipped.read("two.xml") == folder.read("two.xml") == b"<a/>"
    assert open_archive(tmp_path / "unpacked/two.xml").names == ("two.xml",)
    assert zipped.ending_with(".xml") == ["two.xml"]
    for one in (zipped, folder):
        one.copy("a/one.json", tmp_path / f"{type(one).__name__}.json")
        assert (tmp_path / f"{type(one).__name__}.json").read_text() == "{}"


@pytest.mark.parametrize(
    "name", ["../outside.txt", "a/../../outside.txt", "/etc/outside.txt", "C:/outside.txt", "a\\b", "."]
)
def test_a_file_outside_of_the_folder_is_refused(tmp_path, name):
    path = _zip(tmp_path / "export.zip", {"annotations.xml": "<a/>", "x": ""})
    data = path.read_bytes()
    entry = zipfile.ZipInfo("placeholder")
    entry.filename = name
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(entry, "?")
    assert path.read_bytes() != data
    with pytest.raises(InputError, match=r"would lie outside of the folder; nothing of this zip is read"):
        open_archive(path)


def test_a_link_a_password_and_a_double_name_are_refused(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="'link' is a link"):
        open_archive(tmp_path / "link.zip")
    with zipfile.ZipFile(tmp_path / "double.zip", "w") as file, pytest.warns(UserWarning):
        file.writestr("a", "1")
        file.writestr("a", "2")
    with pytest.raises(InputError, match="two files 'a'"):
        open_archive(tmp_path / "double.zip")
    data = bytearray(_zip(tmp_path / "locked.zip", {"a": "1"}).read_bytes())
    data[data.rindex(b"PK\1\2") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    with pytest.raises(InputError, match="'a' has a password"):
        open_archive(tmp_path / "locked.zip")


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "_FREE_BYTES", 1 << 20)
    path = _zip(tmp_path / "bomb.zip", {"annotations.xml": bytes(8 << 20)})
    with pytest.raises(InputError, match=r"that unpack to 8,388,608: a zip bomb"):
        open_archive(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    opened = open_archive(_zip(tmp_path / "export.zip", {"a.json": "x" * 100}))
    with pytest.raises(InputError, match=r"a.json: has 100 bytes; at most 99 are read"):
        opened.read("a.json", 99)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    path = _zip(tmp_path / "export.zip", {str(number): "" for number in range(4)})
    with pytest.raises(InputError, match=r"has 4 files; at most 3 are read"):
        open_archive(path)
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "unpacked")
    with pytest.raises(InputError, match="has more than 3 files"):
        open_archive(tmp_path / "unpacked")


@pytest.mark.parametrize("is_large", [False, True])
def test_a_table_of_contents_of_a_million_entries_is_not_even_read(tmp_path, monkeypatch, is_large):
    monkeypatch.setattr(zipfile, "ZipFile", lambda path: pytest.fail("was read"))
    monkeypatch.setattr(zipfile, "is_zipfile", lambda path: True)
    size = 60 << 20
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF if is_large else size, 0, 0)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1 << 20, 1 << 20, size, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    (tmp_path / "export.zip").write_bytes((record + locator if is_large else b"") + end)
    with pytest.raises(InputError, match=r"its table of contents has 62,914,560 bytes"):
        open_archive(tmp_path / "export.zip")


def test_what_is_no_zip_is_refused(tmp_path):
    (tmp_path / "export.zip").write_bytes(b"PK\3\4 and then it breaks off")
    with pytest.raises(InputError, match="not a zip that can be read; export it again"):
        open_archive(tmp_path / "export.zip")
    with pytest.raises(InputError, match="no such file or folder"):
        open_archive(tmp_path / "none.zip")


def test_a_damaged_file_in_a_zip_is_an_error(tmp_path):
    path = _zip(tmp_path / "export.zip", {"a.json": os.urandom(400)})
    data = bytearray(path.read_bytes())
    data[100] ^= 255
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a.json: damaged"):
        open_archive(path).read("a.json")


def test_json_with_a_byte_order_mark_is_read_and_other_text_is_an_error(tmp_path):
    opened = open_archive(_zip(tmp_path / "export.zip", {"a.json": b"\xef\xbb\xbf[1]", "b.json": b"\xff\xfe"}))
    assert opened.read_json("a.json") == [1]
    with pytest.raises(InputError, match=r"b.json: not a JSON file in UTF-8"):
        opened.read_json("b.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"deep.json: not a JSON file"):
        open_archive(tmp_path / "deep.json").read_json("deep.json")


def test_a_link_out_of_a_folder_is_refused_and_one_inside_is_read(tmp_path):
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "export").mkdir()
    (tmp_path / "export/a.json").write_text("[2]")
    (tmp_path / "export/b.json").symlink_to(tmp_path / "export/a.json")
    os.mkfifo(tmp_path / "export/pipe.json")
    opened = open_archive(tmp_path / "export")
    assert opened.names == ("a.json", "b.json") and opened.read_json("b.json") == [2]
    (tmp_path / "export/c.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(InputError, match="c.json: is a link to a file outside of the export"):
        open_archive(tmp_path / "export")
