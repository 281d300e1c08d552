"""The pictures of a video that lie in its export."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from input_pipeline.exports.files.archive import Archive
from input_pipeline.exports.files.picture_names import own_folder
from input_pipeline.exports.labelled import LabelledVideo
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few
from ssa2d_jax.video.pictures import PICTURES

_ENDINGS = ("", ".PNG", ".png", ".jpg")  # that labels may leave out


def pictures_of(archive: Archive, video: LabelledVideo) -> dict[int, str]:
    """The names in the export of a video's pictures, by frame; frames without one are left out.

    Labels may name a picture by a path on another machine. Then it is looked for by its name, but not in the folder of
    another video, and all pictures of a video are in one folder.

    Raises:
        InputError: Several pictures may be meant.
    """
    if video.has_exact_pictures:
        names = set(archive.names)
        return {frame: picture for frame, picture in video.pictures.items() if picture in names}
    by_name: dict[str, list[str]] = {}
    labels = set(video.label_files)
    for name in archive.ending_with(*PICTURES):
        if name not in labels:
            by_name.setdefault(PurePosixPath(name).name, []).append(name)
    matching: dict[int, list[str]] = {}
    moved: dict[int, list[str]] = {}
    for frame, picture in video.pictures.items():
        base = PurePosixPath(picture).name
        names_of_base = [name for ending in _ENDINGS for name in by_name.get(base + ending, [])]
        matching[frame] = [name for name in names_of_base if _ends_with(name, picture)]
        moved[frame] = [name for name in names_of_base if not _is_of_another(name, picture)]
    return _in_one_folder(archive, video, matching) or _in_one_folder(archive, video, moved)


def _ends_with(name: str, picture: str) -> bool:
    return f"/{name}".endswith((f"/{picture}", f"/{picture}{PurePosixPath(name).suffix}"))


def _is_of_another(name: str, picture: str) -> bool:
    """Whether the folders of a picture in the export and in the labels are called as two videos are."""
    there, said = own_folder(PurePosixPath(name)), own_folder(PurePosixPath(picture))
    return bool(there and said) and there != said


def _in_one_folder(archive: Archive, video: LabelledVideo, found: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """The pictures in the folder that has most of them. Raises InputError if a picture may be one of several."""
    several = next((names for names in found.values() if len(names) > 1), None)
    if several:
        raise InputError(
            f"{archive.path}: a picture of {video.name} may be {first_few(several)}; keep the pictures of one video "
            "only, or name their folders in the labels"
        )
    counts = Counter(_folder(names[0]) for names in found.values() if names)
    folder = max(counts, key=lambda name: counts[name], default="")
    return {frame: names[0] for frame, names in found.items() if names and _folder(names[0]) == folder}


def _folder(name: str) -> str:
    return str(PurePosixPath(name).parent)
