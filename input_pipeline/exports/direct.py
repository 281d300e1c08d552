"""An export in the place of a folder of your own data: converted once into a cache, and again when it has changed."""

import hashlib
from pathlib import Path

from input_pipeline.exports.convert import ConvertOptions, convert_export
from input_pipeline.exports.files.archive import FolderArchive, open_archive
from input_pipeline.exports.readers import READERS, find_formats
from input_pipeline.exports.writing.media import VIDEOS
from input_pipeline.exports.writing.report import read_report
from input_pipeline.releases.folder_files import ONE_JSON, SPLIT_JSON, tracks_files
from input_pipeline.releases.folder_table import TABLE
from ssa2d_jax.utils import locks

_OWN = (TABLE, ONE_JSON, *SPLIT_JSON)


def convert_once(root: Path, cache: Path, options: ConvertOptions) -> tuple[Path, list[str]]:
    """The folder of your own data that `root` is or stands for, and what was understood, in lines for people.

    Args:
        root: A folder of your own data, which is returned as it is, or an export of a labelling tool.
        cache: The folder for what is converted.
        options: How exports are converted.

    Raises:
        InputError: The export can't be used, or it isn't clear how.
    """
    if not is_export(root):
        return root, []
    folder = cache / "converted" / f"{root.stem}-{_fingerprint(root, options)}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locks.wait_for_lock(folder.parent / ".lock", "another process converts an export; waiting for it"):
        if not (folder / TABLE).is_file():
            convert_export(root, folder, options)
    return folder, [*read_report(folder), f"converted: {folder}"]


def is_export(root: Path) -> bool:
    """Whether `root` is an export of a labelling tool and no folder of your own data."""
    if root.is_file():
        return True
    if not root.is_dir() or any((root / name).is_file() for name in _OWN) or tracks_files(root):
        return False
    return bool(find_formats(open_archive(root)))


def _videos(root: Path, videos: Path | None) -> list[Path]:
    """The videos, and pictures in folders, in the folder that the user names, or the videos beside a file."""
    if videos is None:
        beside = sorted(root.parent.iterdir()) if root.is_file() else []
        return [path for path in beside if path.suffix.lower() in VIDEOS]
    found = sorted(videos.iterdir()) if videos.is_dir() else []
    return [file for path in found for file in (sorted(path.iterdir()) if path.is_dir() else [path])]


def _fingerprint(root: Path, options: ConvertOptions) -> str:
    """Eight hex digits that change with the options, and with name, size or time of a file."""
    digest = hashlib.sha256(f"{sorted(READERS)} {options}".encode())
    paths = [root] if root.is_file() else [root / name for name in FolderArchive(root).names]
    for path in (
        *paths,
        *_videos(root, options.media.videos),
        *([Path(options.read.table)] if options.read.table else []),
    ):
        state = path.stat() if path.exists() else None
        digest.update(f"{path.absolute()}:{state and (state.st_size, state.st_mtime_ns)};".encode())
    return digest.hexdigest()[:8]
