"""Label maps of a video into one labels.npz, frame by frame, in memory that doesn't grow with its length."""

import gzip
import os
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np

_LEVEL = 1  # label maps are nearly constant: higher levels take several times as long for little
_CHUNK = 1 << 20


class LabelArchive:
    """Arrays uint8 [frames, height, width], one for every name, that np.load(path) reads afterwards.

    `names` may say of each what follows: {"actor": (), "actions": (6,)} makes `actions` [frames, height, width, 6].

    A .npy file starts with its shape, and the frame count is known only at the end: until `close`, maps wait
    in compressed temporary files in a folder beside `path`. As a context manager: the file appears when the
    block ends; when it ends by an exception, nothing is left and a file that was at `path` before stays.
    """

    def __init__(self, path, names: Iterable[str] | Mapping[str, tuple[int, ...]], *, height: int, width: int):
        self.path = pathlib.Path(path)
        self.frames = 0
        more = names if isinstance(names, Mapping) else dict.fromkeys(names, ())
        self._shapes = {name: (height, width, *more[name]) for name in more}
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix=f".{self.path.stem}-", dir=self.path.parent))
        self._files = {name: gzip.GzipFile(self._folder / f"{name}.gz", "wb", _LEVEL) for name in more}

    def append(self, **maps: np.ndarray) -> None:
        """One frame: a map uint8 [height, width, ...] for every name; ValueError for anything else."""
        if maps.keys() != self._files.keys():
            raise ValueError(f"{self.path}: got maps {sorted(maps)}, expected {sorted(self._files)}")
        for name, labels in maps.items():
            if labels.shape != self._shapes[name] or labels.dtype != np.uint8:
                expected = f"uint8 {self._shapes[name]}"
                raise ValueError(f"{self.path}: map {name!r} is {labels.dtype} {labels.shape}, expected {expected}")
            self._files[name].write(np.ascontiguousarray(labels).data)
        self.frames += 1

    def close(self) -> None:
        """Writes the archive and gives it its name."""
        archive = self._folder / "archive.npz"
        try:
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as target:
                for name, file in self._files.items():
                    file.close()
                    self._copy(name, target)
            os.replace(archive, self.path)
        finally:
            self.discard()

    def _copy(self, name: str, target: zipfile.ZipFile) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": (self.frames, *self._shapes[name])}
        # A fixed date: the same labels are the same bytes.
        member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        source = gzip.GzipFile(self._folder / f"{name}.gz", "rb")
        with source, target.open(member, "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, header)
            shutil.copyfileobj(source, entry, _CHUNK)

    def discard(self) -> None:
        """Removes the temporary files; `path` stays as it is."""
        for file in self._files.values():
            file.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "LabelArchive":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
