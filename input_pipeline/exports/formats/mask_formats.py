"""Formats with a PNG for each frame: MOTS, KITTI, segmentation masks, and those of SAM 2, Cutie and XMem."""

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.formats.png_masks import (
    Instance,
    MaskFiles,
    decode_colours,
    decode_numbers,
    in_folder,
    is_numbered,
    read_masks,
)
from input_pipeline.exports.labelled import Export, ReadOptions
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural

_MOTS_CLASSES = {1: "car", 2: "pedestrian"}  # where no file names others
_MOTS_IGNORED = 10
_IGNORED = 255
_KITTI_LABELS = "label_colors.txt"


def _pngs(archive: Archive, folder: str) -> dict[str, str]:
    return in_folder(archive.ending_with(".png"), folder)


def _lines(archive: Archive, ending: str) -> list[str]:
    """The lines of the file of an export that ends so; none without it."""
    names = [name for name in archive.names if PurePosixPath(name).name == ending]
    if not names:
        return []
    try:
        text = archive.read(names[0], 1 << 20).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{archive.place(names[0])}: not a text in UTF-8") from error
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def find_mots(archive: Archive) -> list[str]:
    """The PNGs of MOTS, in folders `instances`."""
    return list(_pngs(archive, "instances"))


def read_mots(archive: Archive, options: ReadOptions) -> Export:
    """Reads MOTS: the class times 1000 plus the number of the instance."""
    identify = functools.partial(_identify_mots, mots_classes(archive))
    return read_masks(archive, MaskFiles("MOTS PNG", _pngs(archive, "instances"), identify, decode_numbers), options)


def mots_classes(archive: Archive) -> Mapping[int, str]:
    """The classes of MOTS by number: those of labels.txt, or car and pedestrian."""
    return dict(enumerate(_lines(archive, "labels.txt"), 1)) or _MOTS_CLASSES


def mots_class(classes: Mapping[int, str], number: int, subject: str) -> str | None:
    """The class of a number, None if it is ignored; `subject` is what a message says of an unknown one."""
    if number not in classes and number != _MOTS_IGNORED:
        raise InputError(f"{subject} is of no class; known: 1 to {len(classes)} ({', '.join(classes.values())})")
    return classes.get(number)


def _identify_mots(labels: Mapping[int, str], name: str, value: int) -> Instance | None:
    number = value // 1000
    if value == 0:
        return None
    actor = mots_class(labels, number, f"{name}: the value {value}")
    return Instance(value, value, actor, is_ignored=actor is None)


def find_kitti(archive: Archive) -> list[str]:
    """The PNGs of KITTI, in folders `instance` beside `label_colors.txt`."""
    return list(_pngs(archive, "instance")) if _has(archive, _KITTI_LABELS) else []


def read_kitti(archive: Archive, options: ReadOptions) -> Export:
    """Reads KITTI's segmentation: the class times 256 plus the number of the instance."""
    labels = [line.split()[-1] for line in _lines(archive, _KITTI_LABELS)]
    files = _pngs(archive, "instance")
    identify = functools.partial(_identify_kitti, dict(enumerate(labels)))
    others = [*_pngs(archive, "semantic"), *_pngs(archive, "semantic_rgb")]
    return read_masks(archive, MaskFiles("KITTI segmentation", files, identify, decode_numbers, others), options)


def _identify_kitti(labels: Mapping[int, str], name: str, value: int) -> Instance | None:
    number = value >> 8
    if value == 0 or labels.get(number) == "background":
        return None
    if number not in labels:
        raise InputError(f"{name}: has the value {value}, of class {number}; {_KITTI_LABELS} has {len(labels)} classes")
    return Instance(value, value, labels[number], is_tracked=False)


def find_step(archive: Archive) -> list[str]:
    """The PNGs of KITTI-STEP, in folders `panoptic_maps`."""
    return list(_pngs(archive, "panoptic_maps"))


def read_step(archive: Archive, options: ReadOptions) -> Export:
    """Reads KITTI-STEP: the class is in red, the number of the instance in green and blue."""
    files = _pngs(archive, "panoptic_maps")
    return read_masks(archive, MaskFiles("KITTI-STEP", files, _identify_step, decode_colours), options)


def _identify_step(name: str, value: int) -> Instance | None:
    kind, high, low = value & 255, value >> 8 & 255, value >> 16
    if kind == _IGNORED:
        return Instance(value, value, is_ignored=True)
    number = kind * 1000 + high * 256 + low
    return Instance(value, number) if high or low else None  # without a number: street, sky, ...


def find_segmentation(archive: Archive) -> list[str]:
    """The PNGs of "Segmentation mask 1.1", in folders `SegmentationObject`, beside `labelmap.txt`."""
    return list(_pngs(archive, "SegmentationObject")) if _has(archive, "labelmap.txt") else []


def read_segmentation(archive: Archive, options: ReadOptions) -> Export:
    """Reads CVAT's "Segmentation mask 1.1": a colour for each object, and one for each class."""
    classes = _labelmap(_lines(archive, "labelmap.txt"))
    objects = _pngs(archive, "SegmentationObject")
    kinds = {picture: name for name, picture in _pngs(archive, "SegmentationClass").items()}

    @functools.lru_cache(maxsize=2)
    def class_of(name: str) -> Mapping[int, int]:
        if objects[name] not in kinds:
            raise InputError(f"{archive.place(name)}: has no picture of classes in SegmentationClass")
        instances, colours = decode_colours(archive.read(name)), decode_colours(archive.read(kinds[objects[name]]))
        if instances.shape != colours.shape:
            raise InputError(f"{archive.place(name)}: has another size than its picture in SegmentationClass")
        return dict(zip(instances.ravel().tolist(), colours.ravel().tolist(), strict=True))

    def identify(name: str, value: int) -> Instance | None:
        colour = class_of(name)[value]
        if value == 0 or classes.get(colour) == "background":
            return None
        if colour not in classes:
            rgb = ", ".join(str(colour >> shift & 255) for shift in (0, 8, 16))
            raise InputError(
                f"{archive.place(name)}: has an object in the colour {rgb}, which labelmap.txt does not name"
            )
        return Instance(value, _voc_number(value), classes[colour], is_tracked=False)

    masks = MaskFiles("Segmentation mask 1.1", objects, identify, decode_colours, list(kinds.values()))
    return read_masks(archive, masks, options)


def _labelmap(lines: Sequence[str]) -> dict[int, str]:
    """The names of classes by R + 256 G + 65536 B. A class without a colour has the one of its place in PASCAL VOC."""
    classes = {}
    for index, line in enumerate(lines):
        fields = re.fullmatch(r"(?P<name>.*?):(?P<rgb>(\d+,\d+,\d+)?):[^:]*:[^:]*", line)
        if fields is None:
            raise InputError(f"labelmap.txt: line {line[:80]!r} is not name:red,green,blue:parts:actions")
        rgb = [int(part) for part in fields["rgb"].split(",")] if fields["rgb"] else _voc_colour(index)
        classes[rgb[0] + (rgb[1] << 8) + (rgb[2] << 16)] = fields["name"].strip()
    return classes


def _voc_colour(number: int) -> list[int]:
    """The colour of a number in PASCAL VOC: its bits in turn, the lowest first, are the highest bits of R, G and B."""
    return [sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)]


def _voc_number(colour: int) -> int:
    """The number of a colour in PASCAL VOC."""
    channels = [colour >> shift & 255 for shift in (0, 8, 16)]
    return sum((channels[channel] >> (7 - bit) & 1) << (3 * bit + channel) for bit in range(8) for channel in range(3))


def find_pngs(archive: Archive) -> list[str]:
    """PNGs of one number for each pixel, in an export that has nothing else."""
    names = archive.ending_with(".png")
    if archive.ending_with(".json", ".xml") or _has(archive, "labels.csv"):
        return []
    return [name for name in names if is_numbered(archive.read(name))]


def read_pngs(archive: Archive, options: ReadOptions) -> Export:
    """Reads PNGs as SAM 2, Cutie and XMem write them, with a value for each object."""
    files = {name: name for name in find_pngs(archive)}
    masks = MaskFiles("PNGs with a number for each object", files, _identify_png, decode_numbers)
    export = read_masks(archive, masks, options)
    coloured = [name for name in archive.ending_with(".png") if name not in files]
    if not coloured:
        return export
    remark = f"{plural(len(coloured), 'PNG')} in colour, so not read as labels: {first_few(coloured)}"
    return dataclasses.replace(export, remarks=[*export.remarks, remark])


def _identify_png(name: str, value: int) -> Instance | None:
    return Instance(value, value, is_ignored=value == _IGNORED) if value else None


def _has(archive: Archive, name: str) -> bool:
    return any(PurePosixPath(one).name == name for one in archive.names)
