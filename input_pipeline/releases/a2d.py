"""Reads a release in A2D's layout: videoset.csv, annotations (.mat, which is HDF5), codes of labels."""

import csv
import dataclasses
import functools
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Bool, Int64

from input_pipeline.releases.regions import Regions, Splits, is_plain_name
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.reader import MAX_PIXELS

_SPLITS = {"0": "train", "1": "test"}
_VALID_CODES = frozenset(10 * actor + action for actor, action in A2D.pairs)
_COLUMNS = 9
_MAX_INSTANCES = 255
_MAX_REGIONS = 65_535


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of videoset.csv; the split is "train" or "test"."""

    video: str
    split: str


class A2DRelease:
    """A release in A2D's layout."""

    space = A2D
    first_number = 1
    ignored = "regions with a code outside the valid pairs"

    def __init__(self, root: Path) -> None:
        self.root = root

    @functools.cached_property
    def splits(self) -> Splits:
        """The videos of every split, in order."""
        rows = read_videoset(self.root)
        return {split: tuple(row.video for row in rows if row.split == split) for split in _SPLITS.values()}

    def frame_number(self, name: str, frame: int) -> int:
        """The number of a frame, counted from 1."""
        return frame + self.first_number

    def video(self, name: str) -> Path:
        """The file of a video. Raises InputError if it is missing."""
        path = clip_path(self.root, name)
        if not path.is_file():
            raise InputError(f"{path}: no such file, but videoset.csv lists it")
        return path

    def labels(self, name: str) -> dict[int, Path]:
        """The annotations of a video by frame, counted from 0, in order."""
        return {number - 1: path for number, path in annotations(self.root, name).items()}

    def regions(self, name: str, frame: int, label: Path) -> Regions:
        """Reads the annotation of a frame of a video."""
        return read_annotation(label)

    def instance_name(self, name: str, code: int) -> str:
        """What messages call a code that is ignored."""
        return str(code)

    def nothing_to_learn(self, name: str, codes: Collection[int]) -> str:
        """Nothing: the official release has such frames, and they are built."""
        return ""

    def span_warnings(self, name: str, frames: int) -> list[str]:
        """No warnings: there are no rows."""
        return []

    def unseen_rows(self, name: str, regions: Mapping[int, Regions]) -> list[str]:
        """No problems: only the annotations say who does what."""
        return []

    def dataset_problems(self) -> list[str]:
        """No problems: the classes are given."""
        return []

    def warnings(self) -> list[str]:
        """No warnings: everything that videoset.csv lists is read."""
        return []

    def fingerprint(self) -> str:
        """Eight hex digits that change with the list of videos and with name or size of a clip or annotation."""
        return fingerprint(self.root)


def read_videoset(root: Path) -> list[Row]:
    """Reads videoset.csv in `root`. Raises InputError with file and row if it cannot be used."""
    path = _videoset_path(root)
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a csv file ({error})") from error
    rows: dict[str, Row] = {}
    for number, line in enumerate(lines, 1):
        if not any(cell.strip() for cell in line) or (number == 1 and _is_header(line)):
            continue
        row = _read_row(f"{path}, row {number}", [cell.strip() for cell in line])
        if row.video in rows:
            raise InputError(f"{path}, row {number}: video {row.video!r} is listed twice")
        rows[row.video] = row
    if not rows:
        raise InputError(f"{path}: lists no video")
    return list(rows.values())


def _videoset_path(root: Path) -> Path:
    path = root / "videoset.csv"
    if not root.is_dir():
        raise InputError(
            f"{root}: no such folder; config.data.root must be a release in A2D's layout. It is needed even if its "
            "shards have been built: its content decides which shards belong to it"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file; {root} is not a release in A2D's layout")
    return path


def _is_header(line: list[str]) -> bool:
    return len(line) >= _COLUMNS and not any(cell.strip().isdecimal() for cell in line[1:])


def _read_row(place: str, cells: list[str]) -> Row:
    if len(cells) < _COLUMNS:
        raise InputError(f"{place}: has {plural(len(cells), 'column')}, expected {_COLUMNS}")
    if cells[-1] not in _SPLITS:
        raise InputError(f"{place}: split is {cells[-1]!r}; allowed: 0 (train) or 1 (test)")
    if not is_plain_name(cells[0]):
        raise InputError(f"{place}: {cells[0]!r} is not a plain video name")
    return Row(cells[0], _SPLITS[cells[-1]])


def clip_path(root: Path, video: str) -> Path:
    """The file of a video."""
    return root / "clips320H" / f"{video}.mp4"


def annotations(root: Path, video: str) -> dict[int, Path]:
    """The annotations of a video by frame, counted from 1 as in their names, in order."""
    folder = root / "Annotations" / "mat" / video
    files = [path for ending in ("*.mat", "*.h5") for path in folder.glob(ending)]
    numbered: dict[int, Path] = {}
    for path in sorted(files):
        if not path.stem.isdecimal():
            continue
        other = numbered.setdefault(int(path.stem), path)
        if other != path:
            raise InputError(f"{path}: {other.name} is a label of frame {int(path.stem)}, too; keep one")
    if not numbered:
        raise InputError(f"{folder}: has no annotation (%05d.mat) for video {video}")
    if min(numbered) < 1:
        raise InputError(f"{numbered[min(numbered)]}: frame numbers start at 1")
    return dict(sorted(numbered.items()))


def fingerprint(root: Path) -> str:
    """Eight hex digits that change with the list of videos and with name or size of a clip or annotation."""
    digest = hashlib.sha256(_videoset_path(root).read_bytes())
    for pattern in ("clips320H/*", "Annotations/mat/*/*"):
        for path in sorted(root.glob(pattern)):
            digest.update(f"{path.relative_to(root).as_posix()}:{path.stat().st_size};".encode())
    return digest.hexdigest()[:8]


def read_annotation(path: Path) -> Regions:
    """Reads one labelled frame. `reS_id` is the label of a pixel; the instance masks only divide equal labels.

    Raises:
        InputError: The file is not HDF5, or `reS_id` is missing or unusable.
    """
    try:
        with h5py.File(path, "r") as file:
            codes = _read_codes(path, file)
            masks = _read_masks(path, file, codes.shape)
    except (OSError, KeyError, RuntimeError, TypeError, MemoryError) as error:
        raise InputError(f"{path}: not a readable MATLAB v7.3 (HDF5) file ({error})") from error
    return _divide(path, codes.T, masks)


def _read_codes(path: Path, file: h5py.File) -> Int64[np.ndarray, "W H"]:
    """`reS_id`, transposed as in the file."""
    stored = _dataset(file, "reS_id")
    if stored is None:
        raise InputError(f"{path}: has no reS_id, only {sorted(file)}; the annotation is incomplete")
    if len(stored.shape) != 2 or not 0 < stored.size <= MAX_PIXELS:
        raise InputError(
            f"{path}: reS_id has shape {stored.shape}; expected (width, height) with at most {MAX_PIXELS} pixels"
        )
    if stored.dtype.kind not in "uif":
        raise InputError(f"{path}: reS_id is {stored.dtype}; expected whole numbers")
    codes = np.asarray(stored)
    if codes.dtype.kind == "f" and not (np.isfinite(codes).all() and (codes == np.rint(codes)).all()):
        raise InputError(f"{path}: reS_id has values that are not whole numbers")
    return codes.astype(np.int64)


def _dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    """A dataset of the file; None if it is missing, or its link, storage or virtual layout is in another file."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return None
    stored = file[name]
    inside = isinstance(stored, h5py.Dataset) and not stored.external and not stored.is_virtual
    return stored if inside else None


def _read_masks(path: Path, file: h5py.File, shape: tuple[int, ...]) -> Bool[np.ndarray, "N H W"]:
    """Instance masks; in the file they are [N, W, H], or [W, H] for a single one. Empty if they do not fit `shape`."""
    stored = _dataset(file, "reMask")
    if stored is None or len(stored.shape) not in (2, 3) or stored.shape[-2:] != shape:
        return np.zeros((0, shape[1], shape[0]), bool)  # not needed: reS_id has everything that is scored
    instances = stored.size // (shape[0] * shape[1])
    if instances > _MAX_INSTANCES:
        raise InputError(f"{path}: reMask has {instances} instances; at most {_MAX_INSTANCES} are allowed")
    if stored.dtype.kind not in "buif":
        raise InputError(f"{path}: reMask is {stored.dtype}; expected numbers")
    masks = np.zeros((instances, *shape), bool)
    for i in range(instances):  # one at a time: a file of a few kilobytes can contain gigabytes of float64
        masks[i] = (stored if stored.ndim == 2 else stored[i])[...] != 0
    return masks.transpose(0, 2, 1)


def _divide(path: Path, codes: Int64[np.ndarray, "H W"], masks: Bool[np.ndarray, "N H W"]) -> Regions:
    """One region for every different pair of instance and code; code 0 is the background of all instances."""
    instance = np.zeros(codes.shape, np.int64)
    for number, mask in enumerate(masks, 1):
        instance[mask] = number
    values, value = np.unique(codes, return_inverse=True)
    key = instance * len(values) + value.reshape(codes.shape)
    keys, place = np.unique(np.where(codes == 0, -1, key), return_inverse=True)
    background = int(keys[0] == -1)
    region_codes = values[keys[background:] % len(values)]
    if len(region_codes) > _MAX_REGIONS:
        raise InputError(f"{path}: has {len(region_codes)} regions; at most {_MAX_REGIONS} can be stored")
    region_map = place.reshape(codes.shape) + 1 - background
    ignore = np.array([code not in _VALID_CODES for code in region_codes], bool)
    actor, action = np.where(ignore, 0, region_codes // 10), np.where(ignore, 0, region_codes % 10)
    actions = np.zeros((len(region_codes), len(A2D.actions)), bool)
    actions[np.flatnonzero(~ignore), action[~ignore]] = True
    return Regions(region_map.astype(np.uint16), actor, actions, ignore, region_codes)
