"""Who does what from when to when, for people who observe behaviour: events.csv, and a project for BORIS.

A row is a bout: one action of one track, without a break. Bouts cover a track from its first to its last frame: where
it does none of the actions, it has a bout of "none". A bout includes the frames in which the actor is hidden, if they
are no more than the tracker bridges (`MAX_GAP` in tracker.py) and the action is the same before and after.

events.csv has the columns of the table that BORIS exports as "aggregated events" (https://www.boris.unito.it), and a
few more. BORIS reads no such table; it opens events.boris, which has the same bouts as a project.
"""

import array
import csv
import dataclasses
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.tracker import TrackableFrame
from ssa2d_jax.inference.tracks import SMOOTH, Segment, Track
from ssa2d_jax.utils.errors import InputError

EVENTS_CSV, EVENTS_BORIS = "events.csv", "events.boris"
TIMELINE = "timeline.png"  # which timeline.py draws
COLUMNS = (
    "Observation id", "Media file name", "Media duration (s)", "FPS (frame/s)", "Subject", "Actor", "Behavior",
    "Behavior type", "Start (s)", "Stop (s)", "Duration (s)", "Image index start", "Image index stop", "Confidence",
)  # fmt: skip
NO_ACTION = "none"
_USUAL_RATE = 25  # frames per second, of frames that do not say when they are shown
_BORIS_FORMAT = "7.0"  # of its project files
_BORIS_PLAYERS = 8


class FrameTimes:
    """When the frames of a video are shown, in seconds from the first one, and where it cuts.

    Eight bytes a frame. No frame is shown before the frame before it.
    """

    def __init__(self, usual: float) -> None:
        """Starts without a frame; `usual` is the time between two frames that do not say when they are shown."""
        self.usual, self.cuts = usual, array.array("d")
        self._seconds, self._first = array.array("d"), 0.0

    @classmethod
    def at_rate(cls, rate: Fraction | None, frames: Iterable[TrackableFrame] = ()) -> "FrameTimes":
        """Starts with `frames`, by default none, of a video of `rate` frames per second; None: unknown."""
        times = cls(float(1 / (rate or _USUAL_RATE)))
        for frame in frames:
            times.add(frame.seconds, cut=frame.cut)
        return times

    def __len__(self) -> int:
        return len(self._seconds)

    def add(self, seconds: float | None, *, cut: bool = False) -> None:
        """Appends a frame.

        Args:
            seconds: when it is shown; None: unknown.
            cut: whether a new shot begins with it.
        """
        if not self._seconds:
            self._first = seconds or 0.0
            self._seconds.append(0.0)
            return
        before = self._seconds[-1]
        self._seconds.append(before + self.usual if seconds is None else max(seconds - self._first, before))
        if cut:
            self.cuts.append(self._seconds[-1])

    def start(self, frame: int) -> float:
        """When a frame is shown."""
        return self._seconds[frame]

    def stop(self, frame: int) -> float:
        """When a frame is no longer shown: when the next one is; after the last one, the usual time later."""
        return self._seconds[frame + 1] if frame + 1 < len(self) else self._seconds[frame] + self.usual

    @property
    def duration(self) -> float:
        """The seconds of the whole video."""
        return self.stop(len(self) - 1) if self._seconds else 0.0


@dataclasses.dataclass(frozen=True)
class Course:
    """What a track does when, without its masks and probabilities.

    A few hundred bytes, and about as many for each segment: a long track whose action flickers has many.

    Attributes:
        number: of the track.
        actor: class.
        first: its first frame.
        last: its last frame.
        frames: the number of frames that show it.
        segments: its actions, by first frame; action 0: none.
    """

    number: int
    actor: int
    first: int
    last: int
    frames: int
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, track: Track, space: LabelSpace, smooth: int = SMOOTH) -> "Course":
        """The course of a track; for `smooth` see `Track.segments`."""
        segments = track.segments(space, smooth)
        if space.multilabel:
            segments += _idle(track, space, smooth)
        segments.sort(key=lambda segment: (segment.first, segment.action))
        number, actor, frames = track.number, track.actor, track.frames
        return cls(number, actor, frames[0], frames[-1], len(frames), tuple(segments))

    def subject(self, space: LabelSpace) -> str:
        """The track's name: "dog 1"."""
        return f"{space.actors[self.actor]} {self.number}"


def _idle(track: Track, space: LabelSpace, smooth: int) -> Iterator[Segment]:
    """Yields a segment of action 0 for every run of frames in which the track does nothing."""
    idle = np.array(track.frame_actions(space, smooth)) == 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], idle.astype(np.int8), [0]])))
    for start, end in edges.reshape(-1, 2).tolist():
        strongest = np.stack(track.actions[start:end]).max(-1)
        yield Segment(0, track.frames[start], track.frames[end - 1], float(1 - strongest.mean()))


@dataclasses.dataclass(frozen=True)
class Observation:
    """What the tables say about the video.

    Attributes:
        name: a short one.
        media: the video file; None: a camera or pictures.
        rate: frames per second; None: unknown.
    """

    name: str
    media: Path | None
    rate: float | None


def action_name(space: LabelSpace, action: int) -> str:
    """The name of an action class; class 0 is no action."""
    return space.actions[action] if action else NO_ACTION


def write_events(
    path: Path,
    courses: Sequence[Course],
    space: LabelSpace,
    times: FrameTimes,
    observation: Observation,
    folder: Path | None = None,
) -> None:
    """Writes a table if `path` ends in .csv, a project for BORIS if it ends in .boris.

    `folder` is where the file will go, if it is written in another place first.

    Raises:
        InputError: `path` ends in something else.
    """
    if path.suffix == ".csv":
        text = events_csv(courses, space, times, observation)
    elif path.suffix == ".boris":
        text = boris_project(courses, space, times, observation, folder or path.parent)
    else:
        raise InputError(f"{path}: the name must end in .csv (a table) or .boris (a project for BORIS)")
    path.write_text(text, encoding="utf-8", newline="")


def events_csv(courses: Iterable[Course], space: LabelSpace, times: FrameTimes, observation: Observation) -> str:
    """The text of events.csv: a row for each bout, by start."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    media = observation.media.name if observation.media else ""
    rate = f"{observation.rate:.3f}" if observation.rate else ""
    for course, bout in _bouts(courses):
        start, stop = times.start(bout.first), times.stop(bout.last)
        rows.writerow((
            observation.name, media, f"{times.duration:.3f}", rate, course.subject(space), space.actors[course.actor],
            action_name(space, bout.action), "STATE", f"{start:.3f}", f"{stop:.3f}", f"{stop - start:.3f}",
            bout.first, bout.last, f"{bout.confidence:.4f}",
        ))  # fmt: skip
    return text.getvalue()


def _bouts(courses: Iterable[Course]) -> list[tuple[Course, Segment]]:
    """All bouts by start, then by track and action."""
    bouts = [(course, segment) for course in courses for segment in course.segments]
    return sorted(bouts, key=lambda bout: (bout[1].first, bout[0].number, bout[1].action))


def boris_project(
    courses: Sequence[Course], space: LabelSpace, times: FrameTimes, observation: Observation, folder: Path
) -> str:
    """The text of a BORIS project with one observation: two events for each bout, its start and its stop.

    Args:
        courses: of the tracks.
        space: the classes.
        times: of the frames.
        observation: the video.
        folder: where the project will lie; it names the video relative to that.
    """
    # BORIS joins names by "|" and allows none in a name.
    plain = lambda name: name.replace("|", "/")
    numbered = lambda entries: {str(i): entry for i, entry in enumerate(entries)}
    bouts = _bouts(courses)
    events: list[list[Any]] = []
    for course, bout in bouts:
        behaviour = [plain(course.subject(space)), plain(action_name(space, bout.action)), "", ""]
        events.append([round(times.start(bout.first), 3), *behaviour, bout.first])
        events.append([round(times.stop(bout.last), 3), *behaviour, bout.last])
    actions = list(dict.fromkeys(plain(action_name(space, bout.action)) for _, bout in bouts))
    project = {
        "time_format": "s",
        "project_date": "",
        "project_name": observation.name,
        "project_description": "tracks and actions found by ssa2d_jax",
        "project_format_version": _BORIS_FORMAT,
        "subjects_conf": numbered(
            {"key": "", "name": plain(course.subject(space)), "description": space.actors[course.actor]}
            for course in sorted(courses, key=lambda course: course.number)
        ),
        "behaviors_conf": numbered(
            {"type": "State event", "key": "", "code": name, "description": "", "category": "", "modifiers": {},
             "excluded": "", "coding map": ""}
            for name in actions
        ),
        "observations": {observation.name: _boris_observation(events, times, observation, folder)},
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }  # fmt: skip
    return json.dumps(project, indent=1, allow_nan=False) + "\n"


def _boris_observation(
    events: list[list[Any]], times: FrameTimes, observation: Observation, folder: Path
) -> dict[str, Any]:
    """An observation of a video file; one of a camera or of pictures is a live one."""
    common: dict[str, Any] = {
        "date": "2000-01-01T00:00:00.000",  # BORIS wants one; when the video was taken is unknown
        "description": "",
        "time offset": 0.0,
        "independent_variables": {},
        "observation time interval": [0, 0],
        "events": sorted(events, key=lambda event: event[0]),
    }
    if observation.media is None:
        live = {"type": "LIVE", "file": {}, "scan_sampling_time": 0, "start_from_current_time": False}
        live_events = [event[:-1] for event in common["events"]]  # without the number of the frame
        return {**common, **live, "start_from_current_epoch_time": False, "events": live_events}
    media = _relative(observation.media, folder)
    files = {str(player): [media] if player == 1 else [] for player in range(1, _BORIS_PLAYERS + 1)}
    return {
        **common,
        "type": "MEDIA",
        "file": files,
        "media_info": {
            "length": {media: round(times.duration, 3)},
            "fps": {media: observation.rate or round(1 / times.usual, 3)},
            "hasVideo": {media: True},
            "hasAudio": {media: False},
            "offset": {"1": 0.0},
        },
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
    }


def _relative(path: Path, folder: Path) -> str:
    """The path from `folder`, so that both can be moved together; the whole path if there is none."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return str(path.resolve())
