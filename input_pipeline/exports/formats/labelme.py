"""Reads labelme's JSON files, one for each picture, beside the pictures."""

import base64
import binascii
import functools
import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool
from PIL import Image

from input_pipeline.exports import drawing
from input_pipeline.exports.actions import SEPARATOR, is_of_tools
from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.json_files import Entry, entries, find_json, point_numbers, text
from input_pipeline.exports.formats.labelme_pictures import PictureVideo, find_videos
from input_pipeline.exports.labelled import Draw, Export, LabelledVideo, ReadOptions, Shape, Size, left_out_remarks
from input_pipeline.exports.tracks import TrackBuilder
from input_pipeline.releases.json_fields import error_place, shorten
from ssa2d_jax.data.export_formats import LABELME_MARK, mark_labelme
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural, size_text
from ssa2d_jax.video.frame import MAX_PIXELS

TOOL = "labelme"
_DRAWN = ("polygon", "rectangle", "circle", "oriented_rectangle")
_NO_AREAS = ("line", "linestrip", "point", "points")
_PLACES = {
    "label": f"the labels, as actor{SEPARATOR}action",
    "flags": "the flags of the shapes",
    "description": "the descriptions of the shapes",
}


def find_labelme(archive: Archive) -> list[str]:
    """The JSON files of labelme."""
    is_form = lambda content: isinstance(content, dict) and isinstance(content.get("shapes"), list)
    return find_json(archive, ('"shapes"', '"imagePath"'), is_form)


def read_labelme(archive: Archive, options: ReadOptions) -> Export:
    """Reads the JSON files of labelme in an export. Raises InputError if they can't be used."""
    files = {name: archive.read_json(name) for name in find_labelme(archive)}
    contents = {name: content for name, content in files.items() if isinstance(content, dict)}
    reader = _Reader(archive, contents, options.action_attribute)
    videos = [reader.read_video(video) for video in find_videos(archive, contents)]
    unused = [name for name in archive.ending_with(".json") if name not in files]
    others = [f"no JSON files of labelme, so not used: {first_few(unused)}"] if unused else []
    return Export(TOOL, videos, reader.sentence, [*reader.remarks(), *others])


class _Reader:
    """Reads the shapes of all files of an export, and counts what it leaves out."""

    def __init__(self, archive: Archive, contents: Mapping[str, Entry], chosen: str) -> None:
        self._archive, self._contents = archive, contents
        self._where = _find_action(archive, {name: self._shapes(name) for name in contents}, chosen)
        how = "as it says" if chosen else "guessed; it chooses another"
        self.sentence = f"{_PLACES[self._where]} (config.convert.action_attribute: {how})"
        self._left_out: dict[str, list[str]] = {}
        self._empty = 0
        self._unnamed = False
        flags = [content.get("flags") for content in contents.values()]
        self._unused = {name for of_file in flags if isinstance(of_file, dict) for name in of_file if of_file[name]}

    def remarks(self) -> list[str]:
        """What was left out or guessed, in words."""
        remarks = left_out_remarks(self._left_out)
        if self._empty:
            remarks.append(f"{plural(self._empty, 'picture')} with no shape: labelled as background")
        if self._unused:
            remarks.append(f"flags of whole pictures are not used: {first_few(sorted(self._unused))}")
        if self._unnamed:
            remarks.append("shapes without a group_id: every one is an instance, and does not follow an object")
        return remarks

    def _shapes(self, name: str) -> list[Entry]:
        return entries(self._contents[name].get("shapes"), f"{self._archive.place(name)}: shapes")

    def read_video(self, video: PictureVideo) -> LabelledVideo:
        """Reads the files of a video."""
        tracks = TrackBuilder()
        empty, unknown, sizes = [], {}, set()
        for frame, name in video.files.items():
            shapes = self._shapes(name)
            sizes.add(_size(self._archive.place(name), self._contents[name]))
            try:
                read = [self._read_shape(name, index, shape) for index, shape in enumerate(shapes)]
            except InputError as error:
                unknown[frame] = f"{self._archive.place(name)}: {error}"
                continue
            for actor, group, shape in [entry for entry in read if entry is not None]:
                tracks.add(frame, actor, shape, group)
                self._unnamed |= group is None
            empty += [frame] if not shapes else []
        self._empty += len(empty)
        if len(sizes) > 1:
            raise InputError(
                f"{self._archive.path}: the pictures of {video.name} have several sizes; convert each by itself"
            )
        place = str(self._archive.path)
        return LabelledVideo(
            video.name,
            place,
            tracks.tracks(),
            sizes.pop(),
            video.pictures,
            empty=empty,
            unknown=unknown,
            has_exact_pictures=True,
            missing_pictures=video.missing,
        )

    def _read_shape(self, name: str, index: int, shape: Entry) -> tuple[str, int | None, Shape] | None:
        place = f"shape {index + 1} ({shorten(shape.get('label'))})"
        label, kind, group = text(shape.get("label"), f"{place}: label"), shape.get("shape_type"), shape.get("group_id")
        if kind in _NO_AREAS:
            self._left_out.setdefault(str(kind), []).append(f"{name}, {place}")
            return None
        if group is not None and type(group) is not int:
            raise InputError(f"{place}: group_id is {shorten(group)}; expected a whole number")
        actor, _, action = label.partition(SEPARATOR)
        if self._where != "label":
            action = _flag(place, shape) if self._where == "flags" else str(shape.get("description") or "")
            actor = label
        draw = _read_outline(place, shape)
        done, is_predicted = action.strip() or None, _is_predicted(place, shape)
        return actor.strip(), group, Shape(draw, done, (index,), False, kind == "rectangle", is_predicted)


def _find_action(archive: Archive, shapes: Mapping[str, Sequence[Entry]], chosen: str) -> str:
    """Where the actions of the shapes in all files are: a key of `_PLACES`.

    Raises InputError if that is nowhere, or not clear.
    """
    if chosen:
        if chosen not in _PLACES:
            raise InputError(f"config.convert.action_attribute is {chosen!r}; of labelme: {', '.join(_PLACES)}")
        return chosen
    says: dict[str, Callable[[Entry], bool]] = {
        "label": lambda shape: SEPARATOR in str(shape.get("label")),
        "flags": lambda shape: bool(_true_flags(shape)),
        "description": lambda shape: bool(str(shape.get("description") or "").strip()),
    }
    found: dict[str, list[str]] = {where: [] for where in says}
    for name, of_file in shapes.items():
        with error_place(archive.place(name)):
            for where, test in says.items():
                found[where] += [name] if any(map(test, of_file)) else []
    places = [where for where, names in found.items() if names]
    if not places:
        raise InputError(
            f"{archive.places(list(shapes))}: says who is where, but not what they do; set a flag for the action of "
            f"each shape, or write it into the description, or label shapes as dog{SEPARATOR}running"
        )
    if len(places) > 1:
        examples = ", ".join(f"{where} (as in {found[where][0]})" for where in places)
        raise InputError(
            f"{archive.path}: it is not clear where the action is; give --config.convert.action_attribute=, one of "
            f"{examples}"
        )
    return places[0]


def _true_flags(shape: Entry) -> list[str]:
    flags = shape.get("flags") or {}
    if not isinstance(flags, dict):
        raise InputError(f"the flags of a shape are {shorten(flags)}; expected an object")
    return [name for name, is_set in flags.items() if is_set is True and not is_of_tools(name)]


def _flag(place: str, shape: Entry) -> str:
    flags = _true_flags(shape)
    if len(flags) > 1:
        raise InputError(f"{place}: has the flags {first_few(flags)}; a pixel can have one action")
    return flags[0] if flags else ""


def _size(place: str, content: Entry) -> Size | None:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    if height is None and width is None:
        return None
    if type(height) is not int or type(width) is not int or not 0 < height * width <= MAX_PIXELS:
        raise InputError(f"{place}: imageHeight is {shorten(height)} and imageWidth {shorten(width)}; expected pixels")
    return height, width


def _read_outline(place: str, shape: Entry) -> Draw:
    kind = shape.get("shape_type") or "polygon"  # old versions of labelme knew polygons alone
    flat = point_numbers(shape.get("points"), f"{place}: points")
    try:
        points = drawing.as_points(flat)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    if kind in _DRAWN:
        return functools.partial(drawing.draw_pillow, kind, points)
    if kind != "mask":
        known = ", ".join((*_DRAWN, "mask", *_NO_AREAS))
        raise InputError(f"{place}: its shape_type is {shorten(kind)}; known: {known}")
    if len(points) != 2:
        raise InputError(f"{place}: a mask has 2 points, but this one has {len(points)}")
    (left, top), (right, bottom) = points.astype(int).tolist()
    patch = _read_mask(place, shape.get("mask"))
    size = bottom - top + 1, right - left + 1
    if patch.shape != size:
        raise InputError(f"{place}: its mask has {size_text(patch.shape)} pixels, its points enclose {size_text(size)}")
    return functools.partial(drawing.draw_patch, patch, left, top)


def _is_predicted(place: str, shape: Entry) -> bool:
    """Whether a shape is as `predict --format=labelme` wrote it."""
    if LABELME_MARK not in shape:
        return False
    mask = _read_mask(place, shape.get("mask")) if shape.get("shape_type") == "mask" else None
    return bool(shape[LABELME_MARK] == mark_labelme(shape, mask))


def _read_mask(place: str, encoded: object) -> Bool[np.ndarray, "h w"]:
    try:
        data = base64.b64decode(text(encoded, f"{place}: mask"), validate=True)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise InputError(f"{place}: its mask has more than {MAX_PIXELS} pixels")
            values = np.asarray(picture)
    except InputError:
        raise
    except (binascii.Error, OSError, ValueError, SyntaxError) as error:
        raise InputError(f"{place}: its mask is no PNG in base64 ({error})") from error
    if values.ndim != 2:
        raise InputError(f"{place}: its mask has colours; expected one number for each pixel")
    return values.astype(bool)
