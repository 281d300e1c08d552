"""What formats have in common that write a PNG for each frame, in which a pixel's value tells its instance."""

import dataclasses
import functools
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
from jaxtyping import Bool, Int64
from PIL import Image

from input_pipeline.exports import drawing
from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.picture_names import group_pictures, name_of
from input_pipeline.exports.formats.doers import Doers
from input_pipeline.exports.labelled import Export, LabelledVideo, ReadOptions, Shape, Size
from input_pipeline.exports.splits import split_of
from input_pipeline.exports.tracks import TrackBuilder
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.frame import MAX_PIXELS

Values = Int64[np.ndarray, "H W"]
_ONE_CHANNEL = ("1", "L", "P", "I", "I;16", "I;16B")
_LARGEST = (1 << 31) - 1


@dataclasses.dataclass(frozen=True)
class Instance:
    """What a pixel value stands for.

    Attributes:
        value: The value.
        number: Of the instance, for the table.
        actor: Its actor class; None if the export doesn't say it.
        action: What it does; None if the export doesn't say it.
        is_ignored: Whether its pixels are ignored.
        is_tracked: Whether the number is the same in all frames.
    """

    value: int
    number: int
    actor: str | None = None
    action: str | None = None
    is_ignored: bool = False
    is_tracked: bool = True


Identify = Callable[[str, int], Instance | None]  # a PNG and a value in it -> an instance; None: background


@dataclasses.dataclass(frozen=True)
class MaskFiles:
    """The PNGs of a format.

    Attributes:
        tool: Its title.
        files: The PNGs, and for each the name of its picture: <video>/<frame>.
        identify: What a value in a PNG stands for.
        decode: From the file's content to a number for each pixel.
        others: Other pictures that are labels, too.
    """

    tool: str
    files: Mapping[str, str]
    identify: Identify
    decode: Callable[[bytes], Values]
    others: Sequence[str] = ()


def read_masks(archive: Archive, masks: MaskFiles, options: ReadOptions) -> Export:
    """Reads the PNGs of a format, and who does what from the table that the user names."""
    doers = Doers(options)
    reader = _Reader(archive, masks, doers)
    names = group_pictures(masks.files.values(), str(archive.path), name_of(archive.path))
    png_of = {picture: png for png, picture in masks.files.items()}
    if len(png_of) < len(masks.files):
        raise InputError(f"{archive.path}: several PNGs are of one frame")
    videos = [
        reader.read_video(video, {frame: png_of[picture] for frame, picture in pictures.items()}, pictures)
        for video, pictures in names.items()
    ]
    remarks = ["objects are numbered anew in each frame: numbers do not follow an object"] if reader.untracked else []
    return doers.export(str(archive.path), masks.tool, videos, remarks)


def decode_numbers(data: bytes) -> Values:
    """The stored number of every pixel. Raises InputError for a PNG with colours."""
    picture = _open(data)
    if picture.mode not in _ONE_CHANNEL:
        raise InputError(f"has the colour mode {picture.mode}; expected one number for each pixel")
    return np.asarray(picture).astype(np.int64)


def decode_colours(data: bytes) -> Values:
    """R + 256 G + 65536 B of every pixel."""
    channels = np.asarray(_open(data).convert("RGB")).astype(np.int64)
    return channels @ np.array([1, 1 << 8, 1 << 16])


def is_numbered(data: bytes) -> bool:
    """Whether a PNG has one number for each pixel, or is so damaged that nobody knows; only its head is read."""
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            return picture.mode in _ONE_CHANNEL
    except Exception:  # a damaged PNG can make Pillow raise anything; reading it says which
        return True


def _open(data: bytes) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data), formats=("PNG",))
        if picture.width * picture.height > MAX_PIXELS:
            raise InputError(f"has {picture.width}x{picture.height} pixels; at most {MAX_PIXELS} are read")
        picture.load()
    except InputError:
        raise
    except Exception as error:  # a damaged PNG can make Pillow raise anything
        raise InputError(f"not a PNG that can be read ({error})") from error
    return picture


class _Reader:
    def __init__(self, archive: Archive, masks: MaskFiles, doers: Doers) -> None:
        self._archive, self._masks, self._doers = archive, masks, doers
        self.untracked = False
        self._values = functools.lru_cache(maxsize=2)(self._read)  # a frame is drawn instance after instance

    def _read(self, name: str) -> Values:
        try:
            return self._masks.decode(self._archive.read(name))
        except InputError as error:
            raise InputError(f"{self._archive.place(name)}: {error}") from error

    def read_video(self, video: str, files: Mapping[int, str], pictures: Mapping[int, str]) -> LabelledVideo:
        """Reads the PNGs of a video by frame."""
        tracks, empty, sizes = TrackBuilder(), [], set()
        for frame, name in files.items():
            values = self._values(name)
            sizes.add(values.shape)
            if values.min() < 0 or values.max() > _LARGEST:
                raise InputError(f"{self._archive.place(name)}: has values below 0 or above {_LARGEST}")
            found = [self._masks.identify(name, value) for value in np.unique(values).tolist()]
            instances = [instance for instance in found if instance is not None]
            for instance in instances:
                actor, action = None, None
                if not instance.is_ignored:
                    actor, action = self._doers.find(video, frame, instance.number, instance.actor, instance.action)
                shape = Shape(functools.partial(self._draw, name, instance.value), action)
                self.untracked |= not instance.is_tracked
                tracks.add(frame, actor, shape, instance.number if instance.is_tracked else None)
            empty += [frame] if not instances else []
        if len(sizes) > 1:
            raise InputError(f"{self._archive.path}: the PNGs of {video} have several sizes")
        height, width = sizes.pop()
        place = str(self._archive.path)
        return LabelledVideo(
            video,
            place,
            tracks.tracks(),
            (height, width),
            _stems(pictures),
            empty=empty,
            split=split_of(next(iter(pictures.values()))),
            label_files=(*self._masks.files, *self._masks.others),
        )

    def _draw(self, name: str, value: int, size: Size) -> Bool[np.ndarray, "H W"]:
        return drawing.draw_whole(self._values(name) == value, size)


def _stems(pictures: Mapping[int, str]) -> dict[int, str]:
    """Names without endings: the pictures have others than the PNGs."""
    return {frame: str(PurePosixPath(name).with_suffix("")) for frame, name in pictures.items()}


def in_folder(names: Sequence[str], folder: str) -> dict[str, str]:
    """PNGs that lie in a folder of this name, and each without it: a/instances/001.png -> a/001.png."""
    found = {}
    for name in names:
        parts = PurePosixPath(name).parts
        if folder in parts[:-1]:
            found[name] = str(PurePosixPath(*(part for part in parts if part != folder)))
    return found
