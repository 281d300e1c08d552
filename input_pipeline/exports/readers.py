"""The formats of labelling tools that are read, and which of them an export has."""

import dataclasses
from collections.abc import Callable, Sequence

from input_pipeline.exports.cvat.xml_reader import find_cvat, read_cvat
from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.safe_xml import parse_xml
from input_pipeline.exports.formats import mask_formats
from input_pipeline.exports.formats.coco import find_coco, read_coco
from input_pipeline.exports.formats.coco_panoptic import find_panoptic, read_panoptic
from input_pipeline.exports.formats.labelme import find_labelme, read_labelme
from input_pipeline.exports.formats.mots_text import find_mots_text, read_mots_text
from input_pipeline.exports.formats.object_folders import find_objects, read_objects
from input_pipeline.exports.label_studio.reader import find_label_studio, read_label_studio
from input_pipeline.exports.labelled import Export, ReadOptions
from input_pipeline.exports.writing.media import VIDEOS
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import did_you_mean, first_few, plural


@dataclasses.dataclass(frozen=True)
class Reader:
    """A format: its title, the files of an export that have it, what reads them, and the ending of such files."""

    title: str
    find: Callable[[Archive], Sequence[str]]
    read: Callable[[Archive, ReadOptions], Export]
    ending: str = ""


# A new format is a module of this room and a line here; its name is a value of config.convert.tool.
READERS: dict[str, Reader] = {
    "cvat": Reader("CVAT for video 1.1, CVAT for images 1.1 (annotations.xml)", find_cvat, read_cvat, ".xml"),
    "coco": Reader(
        "COCO instances, as CVAT's COCO 1.0 (JSON with images and annotations)", find_coco, read_coco, ".json"
    ),
    "labelme": Reader("labelme (a JSON file for each picture)", find_labelme, read_labelme, ".json"),
    "label_studio": Reader("Label Studio's JSON or JSON-MIN", find_label_studio, read_label_studio, ".json"),
    "panoptic": Reader("COCO panoptic (JSON and a folder of PNGs)", find_panoptic, read_panoptic, ".json"),
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
        return _read(archive, options, _named(archive, options.tool))
    found = find_formats(archive)
    if not found:
        for name in archive.ending_with(".json", ".xml"):
            _check_readable(archive, name)
        raise _unknown(archive)
    if len(found) > 1:
        choices = "; ".join(
            f"{name} ({READERS[name].title}: {first_few(files, shown=2)})" for name, files in found.items()
        )
        raise InputError(
            f"{archive.path}: may be of several formats: {choices}; choose one: --config.convert.tool=<name>"
        )
    return _read(archive, options, next(iter(found)))


def _named(archive: Archive, tool: str) -> str:
    """The key of the format that the user names."""
    name = tool.strip().lower()
    if name not in READERS:
        raise InputError(f"config.convert.tool is {tool!r}{did_you_mean(name, READERS)}; allowed: {', '.join(READERS)}")
    if not READERS[name].find(archive):
        raise InputError(f"{archive.path}: has no {READERS[name].title} (config.convert.tool){_zips(archive)}")
    return name


def _read(archive: Archive, options: ReadOptions, name: str) -> Export:
    ending = READERS[name].ending
    found = set(READERS[name].find(archive)) if ending else set()
    for file in archive.ending_with(ending) if ending else ():
        if file not in found:  # else it was read, or its reader names what is wrong
            _check_readable(archive, file)
    return READERS[name].read(archive, options)


def _check_readable(archive: Archive, name: str) -> None:
    """Raises InputError for a file that is cut, empty or no text of its kind, and that may hold labels."""
    try:
        if name.lower().endswith(".json"):
            archive.read_json(name)
        else:
            parse_xml(archive.read(name), archive.place(name))
    except InputError as error:
        raise InputError(
            f"{error}. It may hold labels: export or save it again, or move it out of {archive.path}"
        ) from error


def _unknown(archive: Archive) -> InputError:
    formats = "; ".join(reader.title for reader in READERS.values())
    return InputError(
        f"{archive.path}: no known export of a labelling tool; it has {plural(len(archive.names), 'file')} "
        f"({first_few(archive.names)}){_zips(archive)}. Known: {formats}. YouTube-VIS JSON is data without conversion"
    )


def _zips(archive: Archive) -> str:
    """What to do with zips in a folder."""
    zips = archive.ending_with(".zip")
    if not zips:
        return ""
    videos = f" --config.convert.videos={archive.path}" if archive.ending_with(*VIDEOS) else ""
    each = f", each by itself; {first_few(zips)} are exports of their own" if len(zips) > 1 else ""
    return f"; give the zip itself: --input={archive.place(zips[0])}{videos}{each}"
