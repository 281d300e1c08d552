"""What the head of CVAT's XML says: the tasks with their frames and videos, and the labels with their attributes."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from input_pipeline.exports.actions import Attribute
from input_pipeline.exports.files.archive import MOST_FILES
from input_pipeline.exports.files.safe_xml import Element
from input_pipeline.exports.labelled import MOST_FRAMES, Size
from input_pipeline.exports.splits import split_of
from input_pipeline.exports.writing.media import VIDEOS
from ssa2d_jax.utils.errors import InputError

_STEP = re.compile(r"step\s*=\s*(\d+)")


@dataclasses.dataclass(frozen=True)
class Task:
    """A task of CVAT.

    Attributes:
        id: Of the task; "" if it has none.
        offset: What the XML of a project adds to the frames of this task: those of the tasks before it.
        name: Of the video, without its ending, or of the task.
        first: The video's frame at which it starts.
        last: The video's frame at which it stops, included; None if it isn't known.
        step: Its frames are every `step`-th of the video.
        size: Height and width of the video; None for pictures.
        has_video: Whether it is about a video's file.
        split: "train", "test" or "".
        subset: CVAT's name for it, which is a folder of the pictures of a project.
        is_job: Whether the export is a job's, of which a task may have several.
    """

    id: str
    offset: int
    name: str
    first: int
    last: int | None
    step: int
    size: Size | None
    has_video: bool
    split: str
    subset: str = ""
    is_job: bool = False

    @property
    def pictures(self) -> dict[int, str]:
        """The names, without their endings, that CVAT gives to pictures of a video's frames."""
        if self.last is None or not self.has_video or self.last - self.first > MOST_FILES * self.step:
            return {}
        folder = f"{self.subset}/" if self.subset else ""
        frames = range(self.first, self.last + 1, self.step)
        return {frame: f"{folder}frame_{frame + self.offset:06}" for frame in frames}

    def holds(self, frame: int) -> bool:
        """Whether a frame of the video is one of the task."""
        last = MOST_FRAMES if self.last is None else self.last
        return self.first <= frame <= last and (frame - self.first) % self.step == 0

    @property
    def frames_text(self) -> str:
        """Its frames in words."""
        end = f"to {self.last}" if self.last is not None else "on"
        return f"from {self.first} {end}" + (f" in steps of {self.step}" if self.step > 1 else "")


@dataclasses.dataclass(frozen=True)
class Label:
    """A label and its attributes."""

    name: str
    attributes: Sequence[Attribute]


def read_tasks(root: Element, default: str) -> list[Task]:
    """The tasks of an export, of which a project has several; `default` names one without a name."""
    meta = root.find("meta")
    tasks = [] if meta is None else meta.findall("task") or meta.findall("job")
    if meta is not None and tasks:
        return [_read_task(meta, tasks[0], default, 0, "")]
    of_project = [] if meta is None else meta.findall("project/tasks/task")
    if meta is None or not of_project:
        return [Task("", 0, default, 0, None, 1, None, False, "")]
    read = []
    offsets: dict[str, int] = {}
    for task in of_project:
        subset = _text(task, "subset")
        task_read = _read_task(meta, task, default, offsets.get(subset, 0), subset or "default")
        size = _whole(_text(task, "size") or "0", "size")
        offsets[subset] = offsets.get(subset, 0) + task_read.first + task_read.step * size
        read.append(task_read)
    return read


def _read_task(meta: Element, task: Element, default: str, offset: int, folder: str) -> Task:
    source = _text(task, "source") or _text(meta, "source")
    size = task.find("original_size")
    size = meta.find("original_size") if size is None else size
    step = _STEP.search(_text(task, "frame_filter"))
    has_video = bool(source) or _text(task, "mode") == "interpolation"
    last = _text(task, "stop_frame")
    return Task(
        _text(task, "id"),
        offset,
        PurePosixPath(source.replace("\\", "/")).stem or _without_ending(_text(task, "name")) or default,
        _whole(_text(task, "start_frame") or "0", "start_frame"),
        _whole(last, "stop_frame") if last else None,
        max(1, int(step[1])) if step else 1,
        None if size is None else (_whole(_text(size, "height"), "height"), _whole(_text(size, "width"), "width")),
        has_video,
        split_of(_text(task, "subset")),
        folder,
        task.tag == "job",
    )


def _without_ending(name: str) -> str:
    """The name of a task, which people often call like its video."""
    return name[: -len(PurePosixPath(name).suffix)] if name.lower().endswith(VIDEOS) else name


def read_labels(root: Element) -> list[Label]:
    """The labels, with the attributes that a person can set."""
    return [
        Label(
            _text(label, "name"),
            [
                Attribute(
                    _text(attribute, "name"),
                    _text(attribute, "mutable").lower() == "true",
                    _text(attribute, "input_type") == "checkbox",
                )
                for attribute in label.iterfind("attributes/attribute")
            ],
        )
        for label in root.iterfind("meta//labels/label")
    ]


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _whole(text: str, name: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) >= MOST_FRAMES:
        raise InputError(f"{name} is {text[:40]!r}; expected a whole number below {MOST_FRAMES}")
    return int(text)
