"""Reads COCO panoptic: a JSON file that says what each colour of the PNGs stands for."""

from pathlib import PurePosixPath

from input_pipeline.exports.actions import Attribute, find_action
from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.json_files import Entry, entries, find_json, text
from input_pipeline.exports.formats.png_masks import Instance, MaskFiles, decode_colours, read_masks
from input_pipeline.exports.labelled import Export, ReadOptions
from input_pipeline.releases.json_fields import error_place, read_number, shorten
from ssa2d_jax.utils.errors import InputError


def find_panoptic(archive: Archive) -> list[str]:
    """The JSON files of COCO panoptic."""

    def is_form(content: object) -> bool:
        listed = content.get("annotations") if isinstance(content, dict) else None
        first: object = listed[0] if isinstance(listed, list) and listed else None
        return isinstance(first, dict) and "segments_info" in first

    return find_json(archive, ('"segments_info"', '"categories"'), is_form)


def read_panoptic(archive: Archive, options: ReadOptions) -> Export:
    """Reads the only panoptic file of an export. Raises InputError if it can't be used."""
    found = find_panoptic(archive)
    if len(found) > 1:
        raise InputError(f"{archive.path}: has {len(found)} panoptic files; give one with its folder of PNGs")
    place = archive.place(found[0])
    content = archive.read_json(found[0])
    assert isinstance(content, dict), "as found"
    with error_place(place):
        listed = entries(content.get("categories"), "categories")
        categories = {read_number(one, "id", 0): text(one.get("name"), "a category's name") for one in listed}
        segments: dict[str, dict[int, Entry]] = {}
        for annotation in entries(content["annotations"], "annotations"):
            name = _find_png(archive, found[0], text(annotation.get("file_name"), "file_name"))
            info = entries(annotation.get("segments_info"), "segments_info")
            segments[name] = {read_number(one, "id", 1): one for one in info}
        every = [segment for of_file in segments.values() for segment in of_file.values()]
        names = {name for segment in every for name in _attributes(segment)}
        source = None
        if not options.table:
            source = find_action(place, [Attribute(name, True) for name in sorted(names)], categories.values(),
                                 options.action_attribute)  # fmt: skip

    def identify(name: str, value: int) -> Instance | None:
        if value == 0:
            return None
        segment = segments[name].get(value)
        if segment is None:
            raise InputError(f"{archive.place(name)}: has the colour of id {value}, which segments_info does not name")
        category = segment.get("category_id")
        if type(category) is not int or category not in categories:
            raise InputError(f"{place}: category_id is {shorten(category)}, which no category has")
        label, attributes = categories[category], _attributes(segment)
        actor, action = source.actor_and_action(label, attributes) if source else (label, None)
        track = attributes.get("track_id", "")
        number = int(track) if track.isdecimal() else value
        return Instance(value, number, actor, action, bool(segment.get("iscrowd")), is_tracked=track.isdecimal())

    files = {name: PurePosixPath(name).name for name in segments}
    export = read_masks(archive, MaskFiles("COCO panoptic", files, identify, decode_colours), options)
    if source is None:
        return export
    return Export(export.tool, export.videos, source.sentence, export.remarks)


def _attributes(segment: Entry) -> dict[str, str]:
    attributes = segment.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise InputError(f"the attributes of a segment are {shorten(attributes)}; expected an object")
    return {name: str(value) for name, value in attributes.items()}


def _find_png(archive: Archive, json_name: str, name: str) -> str:
    """A PNG by its name, in the folder that is called as the JSON file, or anywhere."""
    file = PurePosixPath(name).name
    folder = PurePosixPath(json_name).with_suffix("")
    if str(folder / file) in archive.names:
        return str(folder / file)
    found = [one for one in archive.ending_with(".png") if PurePosixPath(one).name == file]
    if len(found) != 1:
        raise InputError(f"{len(found)} files are called {file}; expected one")
    return found[0]
