"""Reads a release in A2D's layout: videoset.csv, annotations (.mat, which is HDF5), label codes."""

import csv
import dataclasses
import functools
import hashlib
import re
from pathlib import Path

import h5py
import numpy as np

from input_pipeline.releases.regions import Regions
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import MAX_PIXELS

_SPLITS = {"0": "train", "1": "test"}
_VIDEO_NAME = re.compile(r"[\w\-][\w. \-]*")  # a leading "-" is common: the names are YouTube's
_VALID_CODES = frozenset(10 * actor + action for actor, action in A2D.pairs)
_COLUMNS = 9
_MAX_INSTANCES = 255
_MAX_REGIONS = 65_535


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of videoset.csv."""

    video: str
    split: str  # "train" or "test"


class Release:
    """A release in A2D's layout, as `a2d_clips` reads any."""

    space = A2D
    first_number = 1  # of the frames, as they are told
    ignored = "regions with a code outside the valid pairs"

    def __init__(self, root: Path):
        self.root = root

    @functools.cached_property
    def splits(self) -> dict[str, tuple[str, ...]]:
        """The videos of every split, in order."""
        rows = read_videoset(self.root)
        return {split: tuple(row.video for row in rows if row.split == split) for split in _SPLITS.values()}

    def video(self, name: str) -> Path:
        """The video's file; InputError if it isn't there."""
        path = clip_path(self.root, name)
        if not path.is_file():
            raise InputError(f"{path}: no such file, though videoset.csv lists it")
        return path

    def labelled(self, name: str) -> dict[int, Path]:
        """Labelled frames of a video: number from 0, ascending -> its file."""
        return {number - 1: path for number, path in annotations(self.root, name).items()}

    def regions(self, name: str, frame: int, label: Path) -> Regions:
        """What `label` says of frame `frame` of a video."""
        return read_annotation(label)

    def instance_name(self, name: str, code: int) -> str:
        """What to call a code that is ignored."""
        return str(code)

    def unseen_rows(self, name: str, regions: dict[int, Regions]) -> list[str]:
        """What the release says of a video and no labelled frame shows."""
        return []

    def dataset_problems(self) -> list[str]:
        """What is wrong with more than a video."""
        return []

    def warnings(self) -> list[str]:
        """What is left out on purpose and may be meant otherwise."""
        return []

    def fingerprint(self) -> str:
        """Eight hex digits, others where the release is another."""
        return fingerprint(self.root)


def read_videoset(release: Path) -> list[Row]:
    """The rows of `release`/videoset.csv. InputError names file and row of whatever can't be used."""
    path = release / "videoset.csv"
    if not release.is_dir():
        raise InputError(
            f"{release}: no such folder; config.data.root has to be a release in A2D's layout. "
            "It is needed even when its shards are prepared: what it holds says which shards belong to it"
        )
    if not path.is_file():
        raise InputError(f"{path}: no such file; {release} is not a release in A2D's layout")
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a csv file ({error})") from error
    rows, seen = [], set()
    for number, line in enumerate(lines, 1):
        if not any(cell.strip() for cell in line) or (number == 1 and _is_header(line)):
            continue
        row = _row(path, number, [cell.strip() for cell in line])
        if row.video in seen:
            raise InputError(f"{path}, row {number}: video {row.video!r} is listed twice")
        seen.add(row.video)
        rows.append(row)
    if not rows:
        raise InputError(f"{path}: lists no video")
    return rows


def _is_header(line: list[str]) -> bool:
    return len(line) >= _COLUMNS and not any(cell.strip().isdecimal() for cell in line[1:])


def _row(path: Path, number: int, cells: list[str]) -> Row:
    if len(cells) < _COLUMNS:
        raise InputError(f"{path}, row {number}: {len(cells)} columns, expected {_COLUMNS}")
    if cells[-1] not in _SPLITS:
        raise InputError(f"{path}, row {number}: split is {cells[-1]!r}, allowed: 0 (train) or 1 (test)")
    if not is_plain_name(cells[0]):
        raise InputError(f"{path}, row {number}: {cells[0]!r} is not a plain video name")
    return Row(cells[0], _SPLITS[cells[-1]])


def is_plain_name(video: str) -> bool:
    """Whether a video may be called so: no path leads out of the release by it."""
    return bool(_VIDEO_NAME.fullmatch(video)) and ".." not in video


def clip_path(release: Path, video: str) -> Path:
    return release / "clips320H" / f"{video}.mp4"


def annotations(release: Path, video: str) -> dict[int, Path]:
    """Labelled frames of a video, from the folder listing: number from 1, ascending -> its file."""
    folder = release / "Annotations" / "mat" / video
    files = [path for ending in ("*.mat", "*.h5") for path in folder.glob(ending)]
    numbered: dict[int, Path] = {}
    for path in sorted(files):
        if not path.stem.isdecimal():
            continue
        first = numbered.setdefault(int(path.stem), path)
        if first != path:
            raise InputError(f"{path}: frame {int(path.stem)} is labelled in {first.name}, too")
    if not numbered:
        raise InputError(f"{folder}: no annotation (%05d.mat) for video {video}")
    if min(numbered) < 1:
        raise InputError(f"{numbered[min(numbered)]}: frame numbers start at 1")
    return dict(sorted(numbered.items()))


def fingerprint(release: Path) -> str:
    """Eight hex digits that change when the list of videos does, or name or size of a clip or annotation."""
    digest = hashlib.sha256((release / "videoset.csv").read_bytes())
    for pattern in ("clips320H/*", "Annotations/mat/*/*"):
        for path in sorted(release.glob(pattern)):
            digest.update(f"{path.relative_to(release).as_posix()}:{path.stat().st_size};".encode())
    return digest.hexdigest()[:8]


def read_annotation(path: Path) -> Regions:
    """One labelled frame. The label of a pixel is `reS_id`'s; the instance masks only divide equal labels.

    InputError when the file is not HDF5 or lacks `reS_id`.
    """
    try:
        with h5py.File(path, "r") as file:
            codes = _codes(path, file)
            masks = _masks(file, codes.shape)
    except (OSError, KeyError, RuntimeError, TypeError, MemoryError) as error:
        raise InputError(f"{path}: not a MATLAB v7.3 (HDF5) file that can be read ({error})") from error
    return _regions(path, codes.T, masks)


def _codes(path: Path, file: h5py.File) -> np.ndarray:
    """`reS_id` as the file has it: [W, H] int64."""
    stored = _dataset(file, "reS_id")
    if stored is None:
        raise InputError(f"{path}: holds no reS_id, only {sorted(file)}; the annotation is incomplete")
    if len(stored.shape) != 2 or not 0 < stored.size <= MAX_PIXELS:
        raise InputError(
            f"{path}: reS_id has shape {stored.shape}, expected (width, height), at most {MAX_PIXELS} pixels"
        )
    if stored.dtype.kind not in "uif":
        raise InputError(f"{path}: reS_id is {stored.dtype}, expected whole numbers")
    codes = np.asarray(stored)
    if codes.dtype.kind == "f" and not (np.isfinite(codes).all() and (codes == np.rint(codes)).all()):
        raise InputError(f"{path}: reS_id holds values that are not whole numbers")
    return codes.astype(np.int64)


def _dataset(file: h5py.File, name: str) -> h5py.Dataset | None:
    """The dataset itself, never one whose link, storage or virtual layout lies in another file."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        return None
    stored = file[name]
    inside = isinstance(stored, h5py.Dataset) and not stored.external and not stored.is_virtual
    return stored if inside else None


def _masks(file: h5py.File, shape: tuple[int, int]) -> np.ndarray:
    """Instance masks as [N, H, W] bool; in the file they are (N, W, H), or (W, H) when there is one."""
    stored = _dataset(file, "reMask")
    if stored is None or len(stored.shape) not in (2, 3) or stored.shape[-2:] != shape:
        return np.zeros((0, shape[1], shape[0]), bool)  # of no use; reS_id says all that is scored
    instances = stored.size // (shape[0] * shape[1])
    if instances > _MAX_INSTANCES:
        raise InputError(f"{file.filename}: reMask holds {instances} instances; {_MAX_INSTANCES} are allowed")
    if stored.dtype.kind not in "buif":
        raise InputError(f"{file.filename}: reMask is {stored.dtype}, expected numbers")
    masks = np.zeros((instances, *shape), bool)
    for i in range(instances):  # one at a time: a file of a few kilobytes may hold gigabytes of float64
        masks[i] = (stored if stored.ndim == 2 else stored[i])[...] != 0
    return masks.transpose(0, 2, 1)


def _regions(path: Path, codes: np.ndarray, masks: np.ndarray) -> Regions:
    instance = np.zeros(codes.shape, np.int64)
    for number, mask in enumerate(masks, 1):
        instance[mask] = number
    values, value = np.unique(codes, return_inverse=True)
    key = instance * len(values) + value.reshape(codes.shape)
    keys, number = np.unique(np.where(codes == 0, -1, key), return_inverse=True)
    background = int(keys[0] == -1)
    region_codes = values[keys[background:] % len(values)]
    if len(region_codes) > _MAX_REGIONS:
        raise InputError(f"{path}: {len(region_codes)} regions; at most {_MAX_REGIONS} can be stored")
    region_map = number.reshape(codes.shape) + 1 - background
    ignore = np.array([code not in _VALID_CODES for code in region_codes], bool)
    actor, action = np.where(ignore, 0, region_codes // 10), np.where(ignore, 0, region_codes % 10)
    actions = np.zeros((len(region_codes), len(A2D.actions)), bool)
    actions[np.flatnonzero(~ignore), action[~ignore]] = True
    return Regions(region_map.astype(np.uint16), actor, actions, ignore, region_codes)
