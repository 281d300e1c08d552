"""Reads Label Studio's JSON and JSON-MIN: brushes, polygons and boxes of pictures, and boxes of videos."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from input_pipeline.exports.actions import SEPARATOR, ActionSource, Attribute, find_action
from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.json_files import Entry, entries, find_json
from input_pipeline.exports.files.picture_names import group_pictures, name_of
from input_pipeline.exports.label_studio.regions import NO_AREAS, Region, boxes_by_frame, draw_region, read_regions
from input_pipeline.exports.labelled import Export, LabelledVideo, ReadOptions, Shape, Track, left_out_remarks
from input_pipeline.exports.tracks import TrackBuilder
from input_pipeline.releases.json_fields import error_place, shorten
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural

TOOL = "Label Studio"
_UPLOAD = re.compile(r"[0-9a-f]{8}-")  # which Label Studio puts before the name of an uploaded file
_TIMELINE = "timeline"  # in the place of an attribute
_LABEL_KEYS = ("brushlabels", "polygonlabels", "rectanglelabels", "ellipselabels", "keypointlabels", "timelinelabels")


def find_label_studio(archive: Archive) -> list[str]:
    """The JSON files with tasks of Label Studio."""

    def is_form(content: object) -> bool:
        first: object = content[0] if isinstance(content, list) and content else None
        if not isinstance(first, dict):
            return False
        return ("data" in first and "annotations" in first) or "annotation_id" in first

    return find_json(archive, ('"annotation',), is_form)


def read_label_studio(archive: Archive, options: ReadOptions) -> Export:
    """Reads the tasks of an export. Raises InputError if they can't be used."""
    tasks: list[_Task] = []
    problems: list[str] = []
    for name in find_label_studio(archive):
        place = archive.place(name)
        content = entries(archive.read_json(name), place)
        is_min = "annotation_id" in content[0]
        results = _minimal(place, content) if is_min else _full(place, content, problems)
        for task, source, listed in results:
            with error_place(f"{place}: task {task}"):
                tasks.append(_Task(f"{place}: task {task}", source, read_regions(listed)))
    reader = _Reader(archive, tasks, options.action_attribute)
    return Export(TOOL, reader.videos(), reader.source.sentence, [*reader.remarks(), *problems])


def _full(place: str, content: Sequence[Entry], problems: list[str]) -> list[tuple[object, str, list[Entry]]]:
    """The tasks of JSON: their number, where picture or video is, and the results of their only annotation."""
    tasks = []
    for task in content:
        listed = [
            one for one in entries(task.get("annotations"), f"{place}: annotations") if not one.get("was_cancelled")
        ]
        chosen = [one for one in listed if one.get("ground_truth")] if len(listed) > 1 else listed
        if len(chosen) > 1 or (listed and not chosen):
            problems.append(
                f"{place}: task {task.get('id')} is not labelled: it has {len(listed)} annotations; delete all but "
                "one, or mark one as ground truth"
            )
        elif chosen:
            results = entries(chosen[0].get("result"), f"{place}: task {task.get('id')}: result")
            tasks.append((task.get("id"), _source(place, task.get("data")), results))
    return tasks


def _minimal(place: str, content: Sequence[Entry]) -> list[tuple[object, str, list[Entry]]]:
    """The tasks of JSON-MIN, which says no more which choice is of which region."""
    tasks = []
    counts = Counter(str(task.get("id")) for task in content)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise InputError(f"{place}: several annotations of task {twice[0]}; delete all but one, or export as JSON")
    for task in content:
        results: list[Entry] = []
        for tag, values in task.items():
            for value in values if isinstance(values, list) else []:
                if isinstance(value, dict):
                    kind = next((key for key in _LABEL_KEYS if key in value), "videorectangle")
                    results.append({"id": f"{tag} {len(results) + 1}", "type": kind, "value": value, **value})
        data = {name: value for name, value in task.items() if isinstance(value, str)}
        tasks.append((task.get("id"), _source(place, data), results))
    return tasks


def _source(place: str, data: object) -> str:
    """Where the task's picture or video is."""
    if not isinstance(data, dict):
        raise InputError(f"{place}: data of a task is {shorten(data)}; expected an object")
    known = [data[name] for name in ("video", "image") if isinstance(data.get(name), str)]
    paths = [value for value in data.values() if isinstance(value, str) and PurePosixPath(_file_name(value)).suffix]
    found = known or paths
    if not found:
        raise InputError(f"{place}: data of a task, {shorten(data)}, names no picture and no video")
    return found[0]


def _file_name(address: str) -> str:
    """The name of the file that an address of Label Studio stands for, with its folders where these mean something."""
    parts = urlsplit(address)
    local = parse_qs(parts.query).get("d")
    if local:
        return local[0].lstrip("/")
    path = PurePosixPath(unquote(parts.path or address))
    if "upload" in path.parts:
        return _UPLOAD.sub("", path.name, count=1)
    return str(path).lstrip("/")


class _Task:
    """A task: its place for messages, its file, and its regions."""

    def __init__(self, place: str, source: str, regions: Sequence[Region]) -> None:
        self.place, self.file, self.regions = place, _file_name(source), regions
        self.is_video = any("sequence" in region.value or region.kind == "timeline" for region in regions)


class _Reader:
    """Reads the regions of all tasks, and counts what it leaves out."""

    def __init__(self, archive: Archive, tasks: Sequence[_Task], chosen: str) -> None:
        self._archive, self._tasks, place = archive, tasks, archive.places(find_label_studio(archive))
        regions = [region for task in tasks for region in task.regions]
        of_areas = [region for region in regions if region.kind]  # others are about whole tasks
        attributes = {name: Attribute(name, True) for region in of_areas for name in region.attributes}
        self._has_timeline = any(region.kind == "timeline" for region in regions) and chosen in ("", _TIMELINE)
        if self._has_timeline and attributes and not chosen:
            raise InputError(
                f"{place}: it is not clear where the action is; give --config.convert.action_attribute=, one of "
                f"{', '.join((_TIMELINE, *attributes))}"
            )
        if self._has_timeline:
            self.source = ActionSource(_TIMELINE, "the timeline labels of the videos")
        else:
            labels = [label for region in regions for label in region.labels]
            self.source = find_action(place, list(attributes.values()), labels, chosen)
        self._left_out: dict[str, list[str]] = {}
        self._several = 0

    def remarks(self) -> list[str]:
        """What was left out or guessed, in words."""
        remarks = left_out_remarks(self._left_out)
        if self._several:
            remarks.append(
                f"{plural(self._several, 'region')} in frames without an action: several objects are there, and a "
                f"timeline label says which one only as actor{SEPARATOR}action"
            )
        if any(not task.is_video for task in self._tasks):
            remarks.append("regions of pictures have no tracks: every one is an instance of one picture")
        return remarks

    def videos(self) -> list[LabelledVideo]:
        """The videos, and the pictures grouped to videos."""
        pictures = [task for task in self._tasks if not task.is_video]
        by_name = {task.file: task for task in pictures}
        if len(by_name) < len(pictures):
            raise InputError(f"{self._archive.path}: several tasks are of one picture; delete all but one")
        groups = group_pictures(by_name, str(self._archive.path), name_of(self._archive.path))
        read = [
            self._read_pictures(video, {frame: by_name[name] for frame, name in names.items()}, names)
            for video, names in groups.items()
        ]
        for task in [task for task in self._tasks if task.is_video]:
            with error_place(task.place):
                read.append(self._read_video(task))
        return read

    def _read_pictures(self, video: str, tasks: Mapping[int, _Task], names: Mapping[int, str]) -> LabelledVideo:
        tracks, unknown = TrackBuilder(), {}
        sizes = {region.size for task in tasks.values() for region in task.regions if region.size}
        if len(sizes) > 1:
            raise InputError(f"{self._archive.path}: the pictures of {video} have several sizes; export them alone")
        for frame, task in tasks.items():
            try:
                for index, region in enumerate(task.regions):
                    if self._is_area(region, task):
                        actor, shape = self._read_region(index, region)
                        tracks.add(frame, actor, shape)
            except InputError as error:
                unknown[frame] = f"{task.place}: {error}"
        size = next(iter(sizes), None)
        return LabelledVideo(video, str(self._archive.path), tracks.tracks(), size, names, unknown=unknown)

    def _is_area(self, region: Region, task: _Task) -> bool:
        if region.kind in NO_AREAS:
            self._left_out.setdefault(region.kind, []).append(f"{task.file}, region {region.id}")
        return region.kind not in ("", "timeline", *NO_AREAS)

    def _read_region(self, index: int, region: Region) -> tuple[str, Shape]:
        if region.is_rotated:
            raise InputError(f"region {region.id}: the picture was turned when it was labelled; turn the file instead")
        actor, action = self.source.actor_and_action(_label(region), region.attributes)
        try:
            draw = draw_region(region)
        except InputError as error:
            raise InputError(f"region {region.id}: {error}") from error
        return actor, Shape(draw, action, (index,), False, region.kind == "rectangle", region.is_predicted)

    def _read_video(self, task: _Task) -> LabelledVideo:
        present: Counter[int] = Counter()
        read = []
        for region in task.regions:
            if self._is_area(region, task):
                listed = list(boxes_by_frame(region))
                present.update(frame for frame, _, _ in listed)
                read.append((region, listed))
        timeline = _timeline(task.regions) if self._has_timeline else []
        tracks = []
        for region, listed in read:
            actor, action = self.source.actor_and_action(_label(region), region.attributes)
            shapes = {}
            for frame, draw, is_drawn in listed:
                done = action
                if self._has_timeline:
                    done = _action_at(timeline, frame, actor, present[frame] == 1)
                    self._several += done is None and present[frame] > 1
                shapes[frame] = [Shape(draw, done, (), not is_drawn, True, region.is_predicted)]
            tracks.append(Track(f"region {region.id} ({actor})", actor, shapes))
        counts = [region.value.get("framesCount") for region, _ in read]
        count = next((one for one in counts if type(one) is int), None)
        name = PurePosixPath(task.file).stem
        return LabelledVideo(name, task.place, tracks, has_video_numbers=True, count=count)


def _label(region: Region) -> str:
    if len(region.labels) != 1:
        raise InputError(f"region {region.id}: has the labels {first_few(region.labels) or 'none'}; expected one")
    return region.labels[0]


def _timeline(regions: Sequence[Region]) -> list[tuple[int, int, str]]:
    """First and last frame, from 0, and the label of every range."""
    ranges = []
    for region in regions:
        for span in entries(region.value.get("ranges"), "ranges") if region.kind == "timeline" else []:
            first, last = span.get("start"), span.get("end")
            if type(first) is not int or type(last) is not int or not 1 <= first <= last:
                raise InputError(f"region {region.id}: a range is {shorten(span)}; expected start and end, from 1")
            ranges += [(first - 1, last - 1, label) for label in region.labels]
    return ranges


def _action_at(timeline: Sequence[tuple[int, int, str]], frame: int, actor: str, is_alone: bool) -> str | None:
    """What an actor does in a frame: labels "actor:action" are about its class, others about one who is alone."""
    labels = [label.partition(SEPARATOR) for first, last, label in timeline if first <= frame <= last]
    own = {action.strip() for name, colon, action in labels if colon and name.strip() == actor}
    own |= {name.strip() for name, colon, _ in labels if not colon and is_alone}
    if len(own) > 1:
        raise InputError(f"frame {frame + 1}: {actor} does {' and '.join(sorted(own))}; a pixel can have one action")
    return own.pop() if own else None
