"""Reads COCO instances ("COCO 1.0" of CVAT): polygons and run lengths of pictures, with attributes."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from input_pipeline.exports import drawing
from input_pipeline.exports.actions import ActionSource, Attribute, find_action
from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.json_files import Entry, entries, find_json, numbers, text
from input_pipeline.exports.files.picture_names import group_pictures, name_of
from input_pipeline.exports.labelled import Draw, Export, LabelledVideo, ReadOptions, Shape, Size
from input_pipeline.exports.splits import split_of
from input_pipeline.exports.tracks import TrackBuilder
from input_pipeline.exports.writing.media import VIDEOS
from input_pipeline.releases import coco_rle
from input_pipeline.releases.json_fields import error_place, read_number, shorten
from ssa2d_jax.data.export_formats import CONTRIBUTOR
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural
from ssa2d_jax.video.frame import MAX_PIXELS

TOOL = "COCO instances"
_TRACKS = ("track_id", "instance_id")  # attributes, or fields, that tell an object from others in all frames
_CROWDS = "are marked as crowds, as some programs mark every painted mask; they have an action, so they are read"


def find_coco(archive: Archive) -> list[str]:
    """The JSON files with instances in COCO's form."""

    def is_form(content: object) -> bool:
        if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
            return False
        first: object = next(iter(content["annotations"]), None)
        return "images" in content and not (isinstance(first, dict) and "segments_info" in first)

    return find_json(archive, ('"images"', '"annotations"', '"categories"'), is_form)


def read_coco(archive: Archive, options: ReadOptions) -> Export:
    """Reads the COCO files of an export. Raises InputError if they can't be used."""
    files = []
    for name in find_coco(archive):
        content = archive.read_json(name)
        assert isinstance(content, dict), "as found"
        with error_place(archive.place(name)):
            files.append(_File(archive, name, content))
    attributes = []
    for file in files:
        with error_place(file.place):
            attributes += file.attributes()
    labels = [label for file in files for label in file.categories.values()]
    place, has_boxes = archive.places(find_coco(archive)), any(file.is_own for file in files)
    source = find_action(place, _merged(attributes), labels, options.action_attribute, has_boxes=has_boxes)
    videos: list[LabelledVideo] = []
    remarks: list[str] = []
    for file in files:
        videos += file.read_videos(source)
        remarks += file.remarks()
    remarks.append("COCO has no order of depth: where shapes overlap, the later one in the file is on top")
    return Export(TOOL, videos, source.sentence, remarks)


def _merged(attributes: Sequence[Attribute]) -> list[Attribute]:
    merged: dict[str, Attribute] = {}
    for attribute in attributes:
        other = merged.get(attribute.name, attribute)
        is_mutable, is_checkbox = attribute.is_mutable and other.is_mutable, attribute.is_checkbox and other.is_checkbox
        merged[attribute.name] = Attribute(attribute.name, is_mutable, is_checkbox)
    return list(merged.values())


class _File:
    """The content of one file."""

    def __init__(self, archive: Archive, name: str, content: Entry) -> None:
        self._archive, self._name, self.place = archive, name, archive.place(name)
        images = [(read_number(one, "id", 0), one) for one in entries(content.get("images"), "images")]
        self._images = dict(images)
        if len(self._images) < len(images):
            raise InputError("two images have the same id")
        listed = entries(content.get("categories"), "categories")
        self.categories = {read_number(one, "id", 0): text(one.get("name"), "a category's name") for one in listed}
        self._annotations = entries(content["annotations"], "annotations")
        info = content.get("info")
        self.is_own = isinstance(info, dict) and info.get("contributor") == CONTRIBUTOR  # as predict --format=coco
        self._default = _named_video(info) or name_of(archive.path)
        self._crowds = 0
        self._nameless = 0
        names = Counter(self.categories.values())
        self._twice = [repr(label) for label, count in names.items() if count > 1]

    def attributes(self) -> list[Attribute]:
        """The attributes that the annotations have."""
        return [
            Attribute(name, isinstance(value, bool | str), isinstance(value, bool))  # a number is no action
            for annotation in self._annotations
            for name, value in _attributes(annotation).items()
        ]

    def remarks(self) -> list[str]:
        """What was guessed, in words."""
        place = PurePosixPath(self._name).name
        remarks = [f"{place}: {plural(self._crowds, 'annotation')} {_CROWDS}"] if self._crowds else []
        if self._twice:
            remarks.append(f"{place}: categories of one name are one class: {first_few(self._twice)}")
        if self._nameless:
            count = plural(self._nameless, "annotation")
            remarks.append(f"{place}: {count} without a track_id: instances of one picture, which follow no object")
        return remarks

    def read_videos(self, action: ActionSource) -> list[LabelledVideo]:
        """The videos of the file; `action` says where the actions are."""
        place = self.place
        names = {key: text(one.get("file_name"), f"{place}: file_name") for key, one in self._images.items()}
        names = {key: name.replace("\\", "/") for key, name in names.items()}
        if len(set(names.values())) < len(names):
            raise InputError(f"{place}: two images have the same file_name")
        groups = group_pictures(names.values(), place, self._default)
        image_of = {name: key for key, name in names.items()}
        by_image: dict[int, list[tuple[int, Entry]]] = {}
        for index, annotation in enumerate(self._annotations):
            image = annotation.get("image_id")
            if type(image) is not int or image not in self._images:
                raise InputError(f"{place}: annotation {index + 1} has image_id {shorten(image)}, which no image has")
            by_image.setdefault(image, []).append((index, annotation))
        videos = []
        for video, pictures in groups.items():
            images = {frame: image_of[picture] for frame, picture in pictures.items()}
            if any(image in by_image for image in images.values()):
                videos.append(self._read_video(video, pictures, images, by_image, action))
        return videos

    def _read_video(
        self,
        video: str,
        pictures: Mapping[int, str],
        images: Mapping[int, int],
        by_image: Mapping[int, Sequence[tuple[int, Entry]]],
        action: ActionSource,
    ) -> LabelledVideo:
        place = self.place
        sizes = {_size(place, self._images[image]) for image in images.values()}
        if len(sizes) > 1:
            raise InputError(f"{place}: the pictures of {video} have several sizes; export each video by itself")
        tracks, unknown, size = TrackBuilder(), {}, sizes.pop()
        for frame, image in images.items():
            try:
                for actor, track, shape in self._shapes(by_image.get(image, ()), action):
                    tracks.add(frame, actor, shape, track)
            except InputError as error:
                unknown[frame] = f"{place}: {error}"
        split = split_of(self._name)
        return LabelledVideo(video, place, tracks.tracks(), size, pictures, unknown=unknown, split=split)

    def _shapes(
        self, annotations: Sequence[tuple[int, Entry]], action: ActionSource
    ) -> Iterator[tuple[str, object, Shape]]:
        for index, annotation in annotations:
            with error_place(f"annotation {index + 1}"):
                category = annotation.get("category_id")
                if type(category) is not int or category not in self.categories:
                    raise InputError(f"category_id is {shorten(category)}, which no category has")
                attributes = _attributes(annotation)
                texts = {name: str(value) for name, value in attributes.items()}
                actor, done = action.actor_and_action(self.categories[category], texts)
                is_crowd = annotation.get("iscrowd") in (1, True)
                self._crowds += is_crowd and done is not None
                track = next((attributes[name] for name in _TRACKS if name in attributes), None)
                self._nameless += track is None
                draw, is_box = _outline(annotation)
                is_interpolated = attributes.get("keyframe") is False
                is_predicted = "score" in attributes  # as COCO's results have it, and predict --format=coco
                yield actor, track, Shape(draw, done, (index,), is_interpolated, is_box, is_predicted)


def _named_video(info: object) -> str:
    """The video that `predict --format=coco` names in the head of its file; "" in files of other programs."""
    head = info if isinstance(info, dict) else {}
    name = head.get("description")
    if not isinstance(name, str) or "/" in name or "\\" in name:
        return ""
    path = PurePosixPath(name)
    return path.stem if path.suffix.lower() in VIDEOS else name if head.get("contributor") == CONTRIBUTOR else ""


def _attributes(annotation: Entry) -> dict[str, object]:
    """The attributes of an annotation, and the fields that some programs write beside them."""
    attributes = annotation.get("attributes") or {}
    if not isinstance(attributes, dict):
        raise InputError(f"the attributes of an annotation are {shorten(attributes)}; expected an object")
    beside = {name: annotation.get(name) for name in (*_TRACKS, "action", "score")}
    every = {**beside, **attributes}
    return {name: value for name, value in every.items() if isinstance(value, str | int | float | bool)}


def _size(place: str, image: Entry) -> Size:
    with error_place(f"{place}: image {shorten(image.get('file_name'))}"):
        height, width = read_number(image, "height", 1), read_number(image, "width", 1)
        if height * width > MAX_PIXELS:
            raise InputError(f"has {width}x{height} pixels; at most {MAX_PIXELS} are read")
        return height, width


def _outline(annotation: Entry) -> tuple[Draw, bool]:
    """What draws an annotation, and whether it is only a box."""
    outline = annotation.get("segmentation")
    if isinstance(outline, dict):
        return functools.partial(coco_rle.decode, outline), False
    if isinstance(outline, list) and outline:
        parts = [drawing.as_points(numbers(part, "a polygon")) for part in outline]
        return functools.partial(drawing.draw_coco_polygons, parts), False
    box = numbers(annotation.get("bbox"), "there is no segmentation, and bbox")
    if len(box) != 4 or min(box[2:]) < 0:
        raise InputError(f"bbox is {shorten(box)}; expected left, top, width and height")
    corners = drawing.as_points([box[0], box[1], box[0] + box[2], box[1] + box[3]])
    return functools.partial(drawing.draw_coco_box, corners, 0.0), True
