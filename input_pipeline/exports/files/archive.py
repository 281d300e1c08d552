"""The files of an export, which is a folder, a zip or a single file: read within limits, and never outside of it."""

import abc
import json
import os
import shutil
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import is_clutter
from ssa2d_jax.utils.text import first_few, plural

MOST_FILES = 300_000
MOST_BYTES = 512 << 20  # of a file that is read as a whole
MOST_RATIO = 100  # bytes of a zip's files to bytes of the zip, beyond a first gigabyte
_FREE_BYTES = 1 << 30
_MOST_CONTENTS = 32 << 20  # bytes of a zip's table of contents
_END, _END_64, _LOCATOR_64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"


class Archive(abc.ABC):
    """The files of an export by name: paths below it, separated by "/"."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abc.abstractmethod
    def names(self) -> tuple[str, ...]:
        """The files' names, in order."""

    @abc.abstractmethod
    def read(self, name: str, limit: int = MOST_BYTES) -> bytes:
        """The content of a file. Raises InputError if it has more than `limit` bytes or can't be read."""

    @abc.abstractmethod
    def copy(self, name: str, target: Path) -> None:
        """Writes a file to `target`, which must not exist."""

    def place(self, name: str) -> str:
        """What messages call a file."""
        return f"{self.path}: {name}"

    def places(self, names: Sequence[str]) -> str:
        """What messages call several files."""
        return self.place(names[0]) if len(names) == 1 else f"{self.path} ({first_few(names, shown=3)})"

    def ending_with(self, *endings: str) -> list[str]:
        """The names with one of these endings, whatever their case."""
        return [name for name in self.names if name.lower().endswith(endings)]

    def read_json(self, name: str) -> object:
        """The content of a JSON file. Raises InputError if it is none."""
        try:
            return json.loads(self.read(name).decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.place(name)}: not a JSON file in UTF-8 ({error})") from error


class FolderArchive(Archive):
    """An export that was unpacked, or a single file of one."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._root = path.parent if path.is_file() else path
        names = []
        for name in [path.name] if path.is_file() else _walk(path):
            names.append(name)
            if len(names) > MOST_FILES:
                raise InputError(f"{path}: has more than {MOST_FILES:,} files; give the folder of one export")
        self._names = tuple(sorted(names))

    @property
    def names(self) -> tuple[str, ...]:
        """The files' names, in order."""
        return self._names

    def place(self, name: str) -> str:
        """What messages call a file."""
        return str(self._root / name)

    def read(self, name: str, limit: int = MOST_BYTES) -> bytes:
        """The content of a file. Raises InputError if it has more than `limit` bytes or can't be read."""
        file = self._root / name
        try:
            _check_bytes(self.place(name), file.stat().st_size, limit)
            return file.read_bytes()
        except OSError as error:
            raise InputError(f"{file}: {error.strerror}") from error

    def copy(self, name: str, target: Path) -> None:
        """Writes a file to `target`: the same data under another name where the disk can do that."""
        link_or_copy(self._root / name, target)


class ZipArchive(Archive):
    """An export as a zip."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        _check_contents(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise InputError(f"{path}: not a zip that can be read ({error}); export it again") from error
        entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        _check_entries(path, entries)
        self._entries = {entry.filename: entry for entry in entries if not _is_clutter(entry.filename)}

    @property
    def names(self) -> tuple[str, ...]:
        """The files' names, in order."""
        return tuple(sorted(self._entries))

    def read(self, name: str, limit: int = MOST_BYTES) -> bytes:
        """The content of a file. Raises InputError if it has more than `limit` bytes or can't be read."""
        _check_bytes(self.place(name), self._entries[name].file_size, limit)
        try:
            return self._zip.read(self._entries[name])
        except Exception as error:  # zipfile, zlib, lzma and bz2 have errors of their own
            raise InputError(f"{self.place(name)}: damaged ({error}); export it again") from error

    def copy(self, name: str, target: Path) -> None:
        """Unpacks a file to `target`."""
        try:
            with self._zip.open(self._entries[name]) as source, target.open("xb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
        except OSError:
            raise
        except Exception as error:
            raise InputError(f"{self.place(name)}: damaged ({error}); export it again") from error


def open_archive(path: Path) -> Archive:
    """Opens a folder, a zip (whatever its name) or a single file. Raises InputError if it can't be used."""
    if not path.exists():
        raise InputError(
            f"{path}: no such file or folder; --input is the export of a labelling tool, a zip or a folder"
        )
    if path.is_file() and zipfile.is_zipfile(path):
        return ZipArchive(path)
    if path.suffix.lower() == ".zip":
        raise InputError(f"{path}: not a zip that can be read; export it again")
    return FolderArchive(path)


def link_or_copy(source: Path, target: Path) -> None:
    """Gives a file another name, as a hard link where the disk allows it, else as a copy."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not _is_clutter(name)]
        for name in files:
            file = Path(folder) / name
            if not _is_clutter(name) and file.is_file():
                if file.is_symlink() and not file.resolve().is_relative_to(root.resolve()):
                    raise InputError(f"{file}: is a link to a file outside of the export; copy the file there")
                yield file.relative_to(root).as_posix()


def _is_clutter(name: str) -> bool:
    """Whether a system wrote the file or folder beside what a person wanted."""
    return any(map(is_clutter, PurePosixPath(name).parts))


def _check_bytes(place: str, size: int, limit: int) -> None:
    if size > limit:
        raise InputError(f"{place}: has {size:,} bytes; at most {limit:,} are read. Export fewer frames at a time")


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Raises InputError unless all entries are plain files inside the zip, and not too many or too large."""
    if len(entries) > MOST_FILES:
        raise InputError(f"{path}: has {plural(len(entries), 'file')}; at most {MOST_FILES:,} are read")
    names: set[str] = set()
    for entry in entries:
        name = entry.filename
        parts = PurePosixPath(name).parts
        if not parts or "\\" in name or ":" in parts[0] or name.startswith("/") or ".." in parts:
            raise InputError(f"{path}: its file {name!r} would lie outside of the folder; nothing of this zip is read")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise InputError(f"{path}: its file {name!r} is a link; nothing of this zip is read")
        if entry.flag_bits & 1:
            raise InputError(f"{path}: its file {name!r} has a password; write the zip without one")
        if name in names:
            raise InputError(f"{path}: has two files {name!r}; export it again")
        names.add(name)
    total, packed = sum(entry.file_size for entry in entries), path.stat().st_size
    if total > MOST_RATIO * packed + _FREE_BYTES:
        raise InputError(f"{path}: {packed:,} bytes that unpack to {total:,}: a zip bomb; nothing of it is read")


def _check_contents(path: Path) -> None:
    """Raises InputError if the zip's table of contents is so long that reading it alone would take minutes."""
    size = _contents_size(path)
    if size > _MOST_CONTENTS:
        raise InputError(
            f"{path}: its table of contents has {size:,} bytes; at most {_MOST_CONTENTS:,} (about {MOST_FILES:,} "
            "files) are read. Export fewer frames at a time"
        )


def _contents_size(path: Path) -> int:
    """The size of a zip's table of contents as its end states it; 0 if there is no such end."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        start = max(0, length - (1 << 16) - 22 - 20)
        file.seek(start)
        tail = file.read()
        end = tail.rfind(_END)
        if end < 0 or len(tail) < end + 22:
            return 0
        size = int(struct.unpack_from("<L", tail, end + 12)[0])
        if end >= 20 and tail[end - 20 : end - 16] == _LOCATOR_64:
            file.seek(min(struct.unpack_from("<Q", tail, end - 12)[0], length))
            record = file.read(56)
            if len(record) == 56 and record[:4] == _END_64:
                return int(struct.unpack_from("<Q", record, 40)[0])
        return size
