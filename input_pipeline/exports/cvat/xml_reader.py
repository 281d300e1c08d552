"""Reads "CVAT for video 1.1" and "CVAT for images 1.1": XML in which every frame of the video has its own number."""

import dataclasses
import functools
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from input_pipeline.exports.actions import Attribute, find_action
from input_pipeline.exports.cvat.meta import Label, Task, read_labels, read_tasks
from input_pipeline.exports.cvat.shapes import AREAS, Area, interpolate, read_area, why_unknown
from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.picture_names import group_pictures, name_of
from input_pipeline.exports.files.safe_xml import Element, parse_xml
from input_pipeline.exports.labelled import Export, LabelledVideo, ReadOptions, Shape, Size, Track, left_out_remarks
from input_pipeline.exports.tracks import TrackBuilder
from ssa2d_jax.data.export_formats import CVAT_TRACK
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few

VIDEO, IMAGES = "CVAT for video 1.1", "CVAT for images 1.1"
_NO_TRACKS = (
    '"CVAT for images" has no tracks, so that numbers do not follow an object, and does not say which shapes are '
    'interpolated; "CVAT for video" has both'
)
_END_UNKNOWN = "CVAT doesn't write whether a shape in the last frame but one ends there"
_MOST_BETWEEN = 4_000_000  # shapes that are computed: of 20 tracks in two hours


def find_cvat(archive: Archive) -> list[str]:
    """The XML files that look like CVAT's."""
    return [name for name in archive.ending_with(".xml") if b"<annotations>" in archive.read(name)[:4096]]


def read_cvat(archive: Archive, options: ReadOptions) -> Export:
    """Reads the XML files of CVAT in an export. Raises InputError if they can't be used."""
    exports = [_read_file(archive, name, options) for name in find_cvat(archive)]
    tools = sorted({export.tool for export in exports})
    return Export(
        " and ".join(tools),
        [video for export in exports for video in export.videos],
        "; ".join(dict.fromkeys(export.action for export in exports)),
        list(dict.fromkeys(remark for export in exports for remark in export.remarks)),
    )


def _read_file(archive: Archive, name: str, options: ReadOptions) -> Export:
    place = archive.place(name)
    root = parse_xml(archive.read(name), place)
    try:
        tasks, labels = read_tasks(root, name_of(archive.path)), read_labels(root)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error
    reader = _Reader(place, labels, options)
    if root.find("track") is not None:
        return Export(VIDEO, reader.read_tracks(root, tasks), reader.source.sentence, reader.remarks())
    if root.find("image") is not None:
        videos = reader.read_images(root, tasks)
        return Export(IMAGES, videos, reader.source.sentence, reader.remarks())
    raise InputError(f"{place}: has neither tracks nor images; nothing was labelled, or it is another kind of XML")


class _Reader:
    """Reads the elements of one file, and counts what it leaves out."""

    def __init__(self, place: str, labels: Sequence[Label], options: ReadOptions) -> None:
        self.place = place
        attributes = [attribute for label in labels for attribute in label.attributes]
        names = Counter(label.name for label in labels)
        has_boxes = any(
            one.name == CVAT_TRACK and not one.is_mutable for one in attributes
        )  # as those of predict --format
        self.source = find_action(place, _merged(attributes), names, options.action_attribute, has_boxes=has_boxes)
        self._wanted = f"the attribute {self.source.attribute!r}" if self.source.attribute else "these attributes"
        self._left_out: dict[str, list[str]] = {}
        self._between = 0
        self._has_untracked = False  # shapes of pictures that say of no track
        self._twice = [repr(name) for name, count in names.items() if count > 1]
        wanted = {*self.source.checkboxes, self.source.attribute} - {""}
        have = {label.name for label in labels if wanted & {one.name for one in label.attributes}}
        self._without = [repr(name) for name in names if wanted and name not in have]

    def remarks(self) -> list[str]:
        """What was left out, in words."""
        remarks = [*left_out_remarks(self._left_out), *([_NO_TRACKS] if self._has_untracked else [])]
        if self._twice:
            remarks.append(f"labels of one name are one class: {first_few(self._twice)}")
        if self._without:
            remarks.append(f"labels without {self._wanted}, so ignored: {first_few(self._without)}")
        return remarks

    def read_tracks(self, root: Element, tasks: Sequence[Task]) -> list[LabelledVideo]:
        """The videos of "CVAT for video", one for each task that has tracks."""
        by_id = {task.id: task for task in tasks}
        elements: dict[str, list[Element]] = {}
        for element in root.iterfind("track"):
            elements.setdefault(element.get("task_id") or tasks[0].id, []).append(element)
        self._check_tasks("a track", elements, by_id)
        # CVAT's server lists every frame of a track; other programs may list key frames alone.
        is_complete = any(area.get("keyframe") == "0" for track in root.iterfind("track") for area in track)
        videos = []
        for task_id, of_task in elements.items():
            task = by_id[task_id]
            tracks, gaps = TrackBuilder(), {}
            for element in of_task:
                gaps.update(self._read_track(element, task, is_complete, tracks))
            videos.append(_video(self.place, task, tracks.tracks(), gaps))
        return videos

    def _read_track(self, element: Element, task: Task, is_complete: bool, tracks: TrackBuilder) -> dict[int, str]:
        """Adds a track, and returns the frames in which it is not known, with the reason."""
        name = f"track {element.get('id', '?')} ({element.get('label', '')})"
        areas = dict(self._areas(element, task, name))
        ordered = sorted(areas.items())
        gaps: dict[int, str] = {}
        between: dict[int, Area] = {}
        if not is_complete:
            ordered = list(_carry_attributes(ordered))
            between, gaps = _fill(ordered, task)
            self._between += len(between)
            if self._between > _MOST_BETWEEN:
                raise InputError(
                    f"{self.place}: more than {_MOST_BETWEEN:,} shapes lie between key frames; does stop_frame fit the "
                    "video? Export fewer frames at a time"
                )
        label = element.get("label", "")
        actor, _ = self.source.actor_and_action(label, {})
        for frame, area in sorted((*ordered, *between.items()), key=lambda entry: entry[0]):
            if not area.is_outside:
                tracks.add(frame, actor, self._shape(label, area), area.track or name)
        return gaps

    def _areas(self, element: Element, task: Task, name: str) -> Iterator[tuple[int, Area]]:
        seen: set[int] = set()
        for child in element:
            text = child.get("frame", "")
            place = f"{self.place}: {name}, frame {text or '?'}"
            if self._is_area(child, place):
                frame = int(text) - task.offset if text.isdecimal() and len(text) < 10 else -1
                if not task.holds(frame):
                    raise InputError(f"{place}: is no frame of the task, whose frames go {task.frames_text}")
                if frame in seen:
                    raise InputError(f"{place}: has two shapes in this frame")
                seen.add(frame)
                yield frame, _at(place, child, element.get("source", ""))

    def read_images(self, root: Element, tasks: Sequence[Task]) -> list[LabelledVideo]:
        """The videos of "CVAT for images"."""
        videos = []
        by_id = {task.id: task for task in tasks}
        images: dict[str, list[Element]] = {}
        for image in root.iterfind("image"):
            images.setdefault(image.get("task_id") or tasks[0].id, []).append(image)
        self._check_tasks("an image", images, by_id)
        for task_id, of_task in images.items():
            task = by_id[task_id]
            if task.has_video:
                groups = {task.name: {self._frame_of(image, task): image.get("name", "") for image in of_task}}
            else:
                groups = group_pictures((image.get("name", "") for image in of_task), self.place, task.name)
            by_name = {image.get("name", ""): image for image in of_task}
            if len(by_name) < len(of_task) or sum(map(len, groups.values())) < len(of_task):
                raise InputError(f"{self.place}: two images have one name, or are one frame; keep one of them")
            for video, pictures in groups.items():
                frames = {frame: by_name[picture] for frame, picture in pictures.items()}
                videos.append(self._read_frames(task, video, frames, pictures))
        return videos

    def _check_tasks(self, subject: str, elements: Mapping[str, object], tasks: Mapping[str, Task]) -> None:
        unknown = sorted(elements.keys() - tasks.keys())
        if unknown:
            raise InputError(f"{self.place}: {subject} is of task {unknown[0]!r}, which its head does not name")

    def _frame_of(self, image: Element, task: Task) -> int:
        text = image.get("id", "")
        frame = int(text) - task.offset if text.isdecimal() and len(text) < 10 else -1
        if not task.holds(frame):
            place = f"{self.place}: image {image.get('name')!r}"
            raise InputError(f"{place}: is no frame of the task, whose frames go {task.frames_text}")
        return frame

    def _read_frames(
        self, task: Task, video: str, images: Mapping[int, Element], pictures: Mapping[int, str]
    ) -> LabelledVideo:
        """A video of frames in which shapes have no tracks: the n-th shape of a label is called its n-th track."""
        tracks = TrackBuilder()
        sizes: set[Size] = set()
        for frame, image in images.items():
            sizes.add(_image_size(self.place, image))
            for index, child in enumerate(image):
                label = child.get("label", "")
                place = f"{self.place}: image {image.get('name')}, {child.tag} {label!r}"
                if not self._is_area(child, place):
                    continue
                area = _at(place, child)
                if area.is_outside:  # datumaro lists objects that are hidden
                    continue
                shape = self._shape(label, dataclasses.replace(area, is_key=True))  # which are drawn is not written
                actor, _ = self.source.actor_and_action(label, {})
                self._has_untracked |= area.track is None
                tracks.add(frame, actor, dataclasses.replace(shape, layer=(area.layer, index)), area.track)
        if len(sizes) > 1:
            raise InputError(f"{self.place}: the pictures of {video} have several sizes; export each video by itself")
        made = _video(self.place, task, tracks.tracks(), {})
        return dataclasses.replace(
            made, name=video, size=sizes.pop(), pictures=dict(pictures), has_video_numbers=task.has_video
        )

    def _is_area(self, element: Element, place: str) -> bool:
        if element.tag not in AREAS:
            self._left_out.setdefault(element.tag, []).append(place.removeprefix(f"{self.place}: "))
        return element.tag in AREAS

    def _shape(self, label: str, area: Area) -> Shape:
        draw = area.draw()
        try:
            _, action = self.source.actor_and_action(label, area.attributes)
        except InputError as error:  # which leaves out its frame alone
            action, draw = None, functools.partial(_refuse, str(error))
        return Shape(draw, action, (area.layer,), not area.is_key, area.kind == "box", area.is_predicted)


def _fill(ordered: Sequence[tuple[int, Area]], task: Task) -> tuple[dict[int, Area], dict[int, str]]:
    """What CVAT draws where nothing is listed, by frame; and the frames in which it draws nothing that is known."""
    between: dict[int, Area] = {}
    gaps: dict[int, str] = {}
    for (start, first), (end, second) in itertools.pairwise(ordered):
        frames = range(start + task.step, end, task.step) if not first.is_outside else range(0)
        if reason := why_unknown(first, second):
            gaps.update(dict.fromkeys(frames, reason))
        else:
            between.update({frame: interpolate(first, second, (frame - start) / (end - start)) for frame in frames})
    start, last = ordered[-1] if ordered else (0, None)
    if last is None or last.is_outside or task.last is None:
        return between, gaps
    frames = range(start + task.step, task.last + 1, task.step)
    if len(ordered) == 1 and len(frames) == 1:
        gaps.update(dict.fromkeys(frames, _END_UNKNOWN))
    elif last.kind == "mask":
        gaps.update(dict.fromkeys(frames, why_unknown(last, last)))
    else:
        between.update(dict.fromkeys(frames, dataclasses.replace(last, is_key=False)))
    return between, gaps


def _carry_attributes(ordered: Sequence[tuple[int, Area]]) -> Iterator[tuple[int, Area]]:
    """Gives a key frame the attributes that it doesn't state of the one before, as CVAT does."""
    carried: dict[str, str] = {}
    for frame, area in ordered:
        carried = {**carried, **area.attributes}
        yield frame, dataclasses.replace(area, attributes=carried)


def _video(place: str, task: Task, tracks: Sequence[Track], gaps: Mapping[int, str]) -> LabelledVideo:
    return LabelledVideo(
        task.name,
        place,
        tracks,
        task.size,
        task.pictures,
        True,
        unknown=dict(gaps),
        last=task.last if task.has_video else None,
        split=task.split,
        is_part=task.is_job,
    )


def _merged(attributes: Sequence[Attribute]) -> list[Attribute]:
    """One attribute for each name, mutable if it is that in any label."""
    merged: dict[str, Attribute] = {}
    for attribute in attributes:
        other = merged.get(attribute.name, attribute)
        merged[attribute.name] = Attribute(
            attribute.name, attribute.is_mutable or other.is_mutable, attribute.is_checkbox and other.is_checkbox
        )
    return list(merged.values())


def _refuse(reason: str, size: Size) -> NoReturn:
    raise InputError(reason)


def _at(place: str, element: Element, source: str = "") -> Area:
    try:
        return read_area(element, source)
    except InputError as error:
        raise InputError(f"{place}: {error}") from error


def _image_size(place: str, image: Element) -> Size:
    width, height = image.get("width", ""), image.get("height", "")
    if not width.isdecimal() or not height.isdecimal():
        raise InputError(f"{place}: image {image.get('name')!r} has no width and height")
    return int(height), int(width)
