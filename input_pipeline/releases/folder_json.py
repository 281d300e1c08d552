"""Your own data with JSON instead of labels.csv and PNGs."""

import dataclasses
import functools
from collections.abc import Collection, Mapping
from pathlib import Path

from input_pipeline.releases import folder_files, folder_table, youtube_vis
from input_pipeline.releases.folder_base import FolderRelease, instance_regions
from input_pipeline.releases.folder_files import ONE_JSON, SPLIT_JSON, TRACKS, list_videos
from input_pipeline.releases.folder_table import Table
from input_pipeline.releases.label_files import unread
from input_pipeline.releases.regions import Regions
from input_pipeline.releases.tables.rows import Rows
from input_pipeline.releases.tables.video_names import composed, find_meanings
from input_pipeline.releases.youtube_vis import LabelledFrame, Video
from ssa2d_jax.data.batch import SPLITS
from ssa2d_jax.utils.errors import InputError, Problems
from ssa2d_jax.utils.text import plural
from ssa2d_jax.video.pictures import list_pictures


@dataclasses.dataclass(frozen=True)
class _Contents:
    """What several JSON files hold.

    Attributes:
        videos: Videos by name, in order.
        keys: Which file every video is in.
        unusable: The problems of videos whose own tracks.json cannot be used.
        problems: All problems.
    """

    videos: Mapping[str, Video]
    keys: Mapping[str, str]
    unusable: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]


class JsonRelease(FolderRelease):
    """Your own data with JSON: `files` by split, by video, or only one."""

    ignored = "annotations without an action at that frame, and crowds (255)"

    def __init__(self, root: Path, files: Mapping[str, Path], other_videos: Collection[str] = ()) -> None:
        """`other_videos` are known, too, but not in the files."""
        super().__init__(root)
        self._files, self._other_videos = files, other_videos

    @property
    def tables(self) -> tuple[Path, ...]:
        """The files with the actions."""
        return tuple(self._files.values())

    @functools.cached_property
    def _contents(self) -> _Contents:
        """The files' contents. Problems of a tracks.json only matter to its video while there are other videos."""
        contents = self._without_twins(_read_files(self._files))
        nothing_usable = len(contents.unusable) == len(self._files) and not self._other_videos
        if contents.problems and (nothing_usable or not contents.unusable):
            raise Problems(*contents.problems)
        return contents

    def _without_twins(self, contents: _Contents) -> _Contents:
        """The contents without videos that are the file of another video, named with its ending."""
        named = [name for name, video in contents.videos.items() if video.file == name]
        problems = {}
        for name, (video, *_) in find_meanings(named, folder_files.video_folder(self.root)).items():
            if video != name and (video in contents.videos or video in self._other_videos):
                same = f"{self._files[contents.keys[name]]}: {name} is the video {video}, which has other labels"
                problems[name] = (f"{same}; delete one of the two",)
        return dataclasses.replace(
            contents,
            videos={name: video for name, video in contents.videos.items() if name not in problems},
            unusable={**contents.unusable, **problems},
            problems=(*contents.problems, *(problem for (problem,) in problems.values())),
        )

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        return frozenset((*self._contents.videos, *self._other_videos))

    @functools.cached_property
    def rows(self) -> Rows:
        """The rows by video. Without given splits, videos without any mask are left out."""
        videos = self._contents.videos.items()
        return {name: video.rows for name, video in videos if video.frames or self._splits_given}

    @property
    def unusable(self) -> tuple[str, ...]:
        """Videos whose own file cannot be used."""
        return tuple(self._contents.unusable)

    def read_table(self) -> Table:
        """Reads the files that can be used."""
        rows, keys = self.rows, self._contents.keys
        if not any(rows.values()):
            raise InputError(f"{self.tables[0]}: {self._why_nothing_is_labelled()}")
        if not self._splits_given:
            splits = dict(folder_table.choose_splits(list(rows)))
            splits["train"] += self.unusable  # so that they are reported together with other unusable videos
            return Table(rows, splits, folder_table.space_of(self.root, rows), splits_given=False)
        splits = {split: tuple(name for name in self._contents.videos if keys[name] == split) for split in SPLITS}
        for split, names in splits.items():
            if not names:
                raise InputError(f"{self._files[split]}: contains no video")
            if not any(self._contents.videos[name].frames for name in names):
                raise InputError(f"{self._files[split]}: has no annotation with a mask: nothing in it is labelled")
        return Table(rows, splits, folder_table.space_of(self.root, rows), splits_given=True)

    def video(self, name: str) -> Path:
        """The file of a video or the folder of its frames. Raises InputError if it is missing."""
        contents = self._contents
        if name in contents.unusable:
            raise Problems(*contents.unusable[name])
        path = self._file(name)
        file = contents.videos[name].file
        of_file = folder_files.find_file(self.root, file) if file else None
        frames = of_file or folder_files.frames_path(self.root, name, str(path), self._known)
        if contents.videos[name].has_pictures and not frames.is_dir():
            raise InputError(f"{frames}: not a folder, but {path.name} has file_names, the pictures in a folder")
        return frames

    def labels(self, name: str) -> dict[int, LabelledFrame]:
        """The labelled frames of a video by frame of its file or folder, counted from 0, in order."""
        video = self._contents.videos[name]
        if not video.frames:
            raise InputError(f"{self._file(name)}: no annotation has a mask for video {name}")
        if not video.has_pictures:
            return {frame.number: frame for frame in video.frames}
        folder = self.video(name)
        numbers = {composed(path.name): number for number, path in enumerate(list_pictures(folder))}
        frames = {composed(frame.picture or ""): frame for frame in video.frames}
        for picture, frame in frames.items():
            if picture not in numbers:
                raise InputError(f"{frame}: {folder} does not have that picture")
        return dict(sorted((numbers[picture], frame) for picture, frame in frames.items()))

    def regions(self, name: str, frame: int, label: LabelledFrame) -> Regions:
        """Draws a labelled frame of a video."""
        return instance_regions(label.draw(), label.number, self.rows[name], self.space)

    def instance_name(self, name: str, code: int) -> str:
        """What messages call an instance of a video."""
        return self._contents.videos[name].names[code]

    def unseen_rows(self, name: str, regions: Mapping[int, Regions]) -> list[str]:
        """Problems: actions of a video that none of its labelled frames shows."""
        frames = self.labels(name)
        return [
            f"{row.place}: no mask shows {row.action} in frames {row.first} to {row.last} of {name}"
            for row in self.rows[name]
            if not any(
                row.instance in label.codes and row.covers(frames[number].number) for number, label in regions.items()
            )
        ]

    def warnings(self) -> list[str]:
        """What is left out on purpose and may be a mistake."""
        one_file = any(path.name == ONE_JSON for path in self.tables)
        advice = f"to choose others, write {' and '.join(SPLIT_JSON)} instead of {ONE_JSON}" if one_file else ""
        files = " and ".join(sorted({path.name for path in self.tables}))
        from_tracks = any(path.name == TRACKS for path in self.tables)
        tracks = [] if from_tracks else list(folder_files.tracks_files(self.root))
        return [
            *folder_table.class_warnings(self.root, self.table, advice),
            *self.unlabelled_warnings(),
            *unread.unread_videos(self.root, {*self._known, *(self._files if from_tracks else ())}, files),
            *unread.unread_labels(self.root, (), files),
            *([f"{self.root}: {TRACKS} of {list_videos(tracks)}, not read: {files} has the labels"] if tracks else []),
        ]

    def unlabelled_warnings(self) -> list[str]:
        """Warns of videos without any mask."""
        videos = self._contents.videos
        names = [name for name in videos if name not in self.rows]
        left_out = [f"{self.root}: {list_videos(names)} without any mask, left out"] if names else []
        return left_out + self._crowd_warnings()

    def _crowd_warnings(self) -> list[str]:
        """Warns of crowds that have an action: some programs mark every mask that was painted as a crowd."""
        crowds = {name: video.crowds for name, video in self._contents.videos.items() if video.crowds}
        if not crowds:
            return []
        count, videos = plural(sum(crowds.values()), "annotation"), list_videos(list(crowds))
        return [
            f"{self.root}: {count} of {videos} with an action, but iscrowd 1: ignored; set iscrowd to 0 to use them"
        ]

    def _why_nothing_is_labelled(self) -> str:
        videos = self._contents.videos.values()
        if any(video.frames for video in videos):
            return "no annotation has an action: every mask is of a crowd (iscrowd 1), or has null for its action"
        return "no annotation has an action: nothing is labelled; give the file that has the annotations"

    @property
    def _splits_given(self) -> bool:
        return any(path.name in SPLIT_JSON for path in self.tables)

    def _file(self, name: str) -> Path:
        """The file that a video is in."""
        return self._files[self._contents.keys[name]]


def _read_files(files: Mapping[str, Path]) -> _Contents:
    videos: dict[str, Video] = {}
    keys: dict[str, str] = {}
    unusable: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for key, path in files.items():
        try:
            in_file = youtube_vis.read_videos(path, key if path.name == TRACKS else None)
        except InputError as error:
            problems += error.args
            if path.name == TRACKS:
                unusable[key] = error.args
            continue
        repeated = [name for name in in_file if name in keys]
        problems += [f"{path}: video {name} is in {files[keys[name]].name}, too; keep one" for name in repeated]
        videos |= in_file
        keys |= dict.fromkeys(in_file, key)
    return _Contents({name: videos[name] for name in sorted(videos)}, keys, unusable, tuple(problems))
