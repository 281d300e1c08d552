"""The formats of labelling tools that are read, and which of them an export has."""

import dataclasses
from collections.abc import Callable, Sequence

from input_pipeline.exports.cvat.xml_reader import find_cvat, read_cvat
from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.formats import mask_formats
from input_pipeline.exports.formats.coco import find_coco, read_coco
from input_pipeline.exports.formats.coco_panoptic import find_panoptic, read_panoptic
from input_pipeline.exports.formats.labelme import find_labelme, read_labelme
from input_pipeline.exports.formats.mots_text import find_mots_text, read_mots_text
from input_pipeline.exports.formats.object_folders import find_objects, read_objects
from input_pipeline.exports.label_studio.reader import find_label_studio, read_label_studio
from input_pipeline.exports.labelled import Export, ReadOptions
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural


@dataclasses.dataclass(frozen=True)
class Reader:
    """A format: its title, the files of an export that have it, and what reads them."""

    title: str
    find: Callable[[Archive], Sequence[str]]
    read: Callable[[Archive, ReadOptions], Export]


# A new format is a module of this room and a line here; its name is a value of config.convert.tool.
READERS: dict[str, Reader] = {
    "cvat": Reader("CVAT for video 1.1, CVAT for images 1.1 (annotations.xml)", find_cvat, read_cvat),
    "coco": Reader("COCO instances, as CVAT's COCO 1.0 (JSON with images and annotations)", find_coco, read_coco),
    "labelme": Reader("labelme (a JSON file for each picture)", find_labelme, read_labelme),
    "label_studio": Reader("Label Studio's JSON or JSON-MIN", find_label_studio, read_label_studio),
    "panoptic": Reader("COCO panoptic (JSON and a folder of PNGs)", find_panoptic, read_panoptic),
    "segmentation_mask": Reader(
        "Segmentation mask 1.1 (labelmap.txt, SegmentationClass, SegmentationObject)",
        mask_formats.find_segmentation,
        mask_formats.read_segmentation,
    ),
    "mots": Reader("MOTS PNG (folders instances)", mask_formats.find_mots, mask_formats.read_mots),
    "mots_text": Reader("MOTS txt (a text file for each video)", find_mots_text, read_mots_text),
    "kitti": Reader("KITTI (label_colors.txt, folders instance)", mask_formats.find_kitti, mask_formats.read_kitti),
    "kitti_step": Reader("KITTI-STEP (folders panoptic_maps)", mask_formats.find_step, mask_formats.read_step),
    "png": Reader(
        "PNGs with a number for each object, as of SAM 2, Cutie and XMem",
        mask_formats.find_pngs,
        mask_formats.read_pngs,
    ),
    "png_objects": Reader("PNGs in a folder for each object, as of SAM 2", find_objects, read_objects),
}
_LAST = ("png", "png_objects")  # of any program: only where no other format is found


def find_formats(archive: Archive) -> dict[str, list[str]]:
    """The formats that an export may have, each with the files that show it."""
    found = {name: list(reader.find(archive)) for name, reader in READERS.items() if name not in _LAST}
    found = {name: files for name, files in found.items() if files}
    last = {} if found else {name: list(READERS[name].find(archive)) for name in _LAST}
    return found or {name: files for name, files in last.items() if files}


def read_export(archive: Archive, options: ReadOptions) -> Export:
    """Recognises the format of an export and reads it. Raises InputError if it is none, or several, of `READERS`."""
    if options.tool:
        if options.tool not in READERS:
            raise InputError(f"config.convert.tool is {options.tool!r}; allowed: {', '.join(READERS)}")
        if not READERS[options.tool].find(archive):
            raise InputError(f"{archive.path}: has no {READERS[options.tool].title} (config.convert.tool)")
        return READERS[options.tool].read(archive, options)
    found = find_formats(archive)
    if not found:
        formats = "; ".join(reader.title for reader in READERS.values())
        raise InputError(
            f"{archive.path}: no known export of a labelling tool; it has {plural(len(archive.names), 'file')} "
            f"({first_few(archive.names)}). Known: {formats}. YouTube-VIS JSON is data without conversion"
        )
    if len(found) > 1:
        choices = "; ".join(
            f"{name} ({READERS[name].title}: {first_few(files, shown=2)})" for name, files in found.items()
        )
        raise InputError(
            f"{archive.path}: may be of several formats: {choices}; choose one: --config.convert.tool=<name>"
        )
    return READERS[next(iter(found))].read(archive, options)
