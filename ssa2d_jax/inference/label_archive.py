"""Label maps of a video in one labels.npz, written frame by frame, in memory that does not grow with its length."""

import gzip
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import UInt8

_LEVEL = 1  # label maps are nearly constant: higher levels take several times as long and save little
_CHUNK = 1 << 20


class LabelArchive:
    """Arrays uint8 [frames, ...] by name, which np.load(path) reads afterwards.

    A .npy file starts with its shape, and the number of frames is only known at the end: until `close`, maps wait in
    compressed temporary files in a folder beside `path`. As a context manager: the file appears when the block ends;
    if it ends by an exception, nothing is left, and a file that was at `path` before stays.
    """

    def __init__(self, path: str | Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Starts without frames; `shapes` are those of a frame's maps, by name."""
        self.path = Path(path)
        self.frames = 0
        self._shapes = dict(shapes)
        self._folder = Path(tempfile.mkdtemp(prefix=f".{self.path.stem}-", dir=self.path.parent))
        self._files = {name: gzip.GzipFile(self._folder / f"{name}.gz", "wb", _LEVEL) for name in shapes}

    def append(self, **maps: UInt8[np.ndarray, "..."]) -> None:
        """Appends a frame: a map for every name. ValueError for other names, shapes or types."""
        if maps.keys() != self._files.keys():
            raise ValueError(f"{self.path}: got maps {sorted(maps)}, expected {sorted(self._files)}")
        for name, labels in maps.items():
            if labels.shape != self._shapes[name] or labels.dtype != np.uint8:
                expected = f"uint8 {self._shapes[name]}"
                raise ValueError(f"{self.path}: map {name!r} is {labels.dtype} {labels.shape}, expected {expected}")
            self._files[name].write(np.ascontiguousarray(labels).data)
        self.frames += 1

    def close(self) -> None:
        """Writes the archive and moves it to `path`."""
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
        """Copys the maps of this name from their temporary file into the archive."""
        header = {"descr": "|u1", "fortran_order": False, "shape": (self.frames, *self._shapes[name])}
        # A fixed date: the same labels give the same bytes.
        member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        source = gzip.GzipFile(self._folder / f"{name}.gz", "rb")
        with source, target.open(member, "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, header)
            shutil.copyfileobj(source, entry, _CHUNK)

    def discard(self) -> None:
        """Removes the temporary files; `path` does not change."""
        for file in self._files.values():
            file.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "LabelArchive":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
