"""The results for single videos that an unfinished VidOR build keeps on disk. No framework in here."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from input_pipeline.records.clip_record import Record
from ssa2d_jax.utils.files import replace_text


@dataclasses.dataclass(frozen=True)
class Note:
    """What became of a video: its clips, or the reason why it can't be used.

    Attributes:
        video: id of the video.
        labels: labelled frames of each of its clips; empty if the video can't be used.
        size: the largest (height, width) of its label maps.
        problem: why the video can't be used.
        remark: what is unusual about a video that is used.
    """

    video: str
    labels: Sequence[int] = ()
    size: Sequence[int] = (0, 0)
    problem: str = ""
    remark: str = ""


def records_file(folder: Path, annotation: Path) -> Path:
    """The file in `folder` with the finished records of a video; the note of the video is beside it."""
    return folder / f"{annotation.parent.name}-{annotation.stem}.tfrecord"


def note_file(folder: Path, annotation: Path) -> Path:
    """The file in `folder` with the note of a video."""
    return records_file(folder, annotation).with_suffix(".json")


def note_problem(folder: Path, annotation: Path, problem: object) -> None:
    """Writes the note of a video that can't be used."""
    _write(folder, annotation, {"problem": str(problem)})


def note_records(folder: Path, annotation: Path, records: Sequence[Record], remark: str = "") -> None:
    """Writes the note of a video that has clips."""
    size = np.max([record["label_size"] for record in records], axis=0).tolist()
    labels = [len(record["label_frame"]) for record in records]
    _write(folder, annotation, {"labels": labels, "size": size, "remark": remark})


def read_note(path: Path) -> Note:
    """Reads a note."""
    return Note(**json.loads(path.read_text()))


def _write(folder: Path, annotation: Path, content: dict[str, Any]) -> None:
    replace_text(note_file(folder, annotation), json.dumps(content | {"video": annotation.stem}))
