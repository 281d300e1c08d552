"""Cross-validation: from the training videos of a release, releases in which every fold once is the test split.

python -m tools.folds --release=path/to/Release [--layout=folder] --output=data/folds [--folds=3]

Choices (options, lengths, parts of the network) are made on these; the test split is left for the last number. The
folds have the same mix of what a video's first row says, as far as that goes. Only the table is written anew
(videoset.csv, or labels.csv with its column split); everything else is linked to the release.
"""

import argparse
import csv
import io
import os
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from input_pipeline.releases import folder_files
from input_pipeline.releases.folder_table import REQUIRED
from input_pipeline.releases.layouts import open_release
from input_pipeline.releases.tables.csv_text import read_csv
from input_pipeline.releases.tables.rows import EVERY_VIDEO
from input_pipeline.releases.tables.video_names import find_meanings
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.text import first_few, plural

TABLES = {"a2d": "videoset.csv", "folder": "labels.csv"}
# Of labels.csv as it is written: the video first and the split last, as in videoset.csv.
_HEADER = ("video", "actor", "action", "instance", "first", "last", "split")
Rows = list[list[str]]


def main() -> int:
    """Runs the command line and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--layout", choices=sorted(TABLES), default="a2d")
    parser.add_argument("--output", type=Path, required=True, help="folder for fold_0, fold_1 and so on")
    parser.add_argument("--folds", type=int, default=3)
    arguments = parser.parse_args()
    try:
        folders = make_folds(arguments.layout, arguments.release, arguments.output, arguments.folds)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(map(str, folders)))
    return 0


def make_folds(layout: str, release: Path, output: Path, folds: int) -> list[Path]:
    """Writes the releases.

    Returns:
        Their folders.

    Raises:
        InputError: the release can't be read, has no such table, has labels beside it or too few training videos; or
            `output` holds something else.
    """
    path = release / TABLES[layout]
    if not path.is_file():
        raise InputError(f"{path}: no such file; folds can only be made of a release with this table")
    if output.resolve().is_relative_to(release.resolve()):
        raise InputError(f"{output} is in the release, which would be linked into its folds; choose another --output")
    if layout == "folder" and (tracks := folder_files.tracks_files(release)):
        raise InputError(
            f"{release} has tracks.json beside {path.name} (videos {first_few(sorted(tracks))}); move them"
        )
    videos = open_release(layout, release).splits["train"]
    if not 2 <= folds <= len(videos):
        raise InputError(f"{plural(len(videos), 'training video')} can't be divided into {folds} folds")
    rows = [row for row in _READERS[layout](path) if row[0] in (*videos, EVERY_VIDEO)]
    kinds = {row[0]: tuple(row[1:3] if layout == "folder" else row[1:2]) for row in reversed(rows)}
    fold_of = divide({name: kinds[name] for name in videos}, folds)
    return [_write_fold(layout, release, output / f"fold_{fold}", rows, fold_of, fold) for fold in range(folds)]


def divide(kinds: Mapping[str, tuple[str, ...]], folds: int) -> dict[str, int]:
    """The fold of every video: those of one kind, by name, go to the folds in turn, and the next kind goes on."""
    alike = defaultdict(list)
    for name, kind in kinds.items():
        alike[kind].append(name)
    ordered = [name for kind in sorted(alike) for name in sorted(alike[kind])]
    return {name: number % folds for number, name in enumerate(ordered)}


def _read_videoset(path: Path) -> Rows:
    """The rows of videoset.csv, which a release has read without an error; the header, if any, names no video."""
    lines = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    return [[cell.strip() for cell in line] for line in lines if line]


def _read_labels(path: Path) -> Rows:
    """The rows of labels.csv in the order of `_HEADER`, with the names that their videos have."""
    text = read_csv(path, REQUIRED)
    lines = [text.by_column(f"{path}, line {number}", cells) for number, cells in text.lines]
    names = {line["video"] for line in lines} - {EVERY_VIDEO}
    video_of = {
        name: meaning.video for name, meaning in find_meanings(names, folder_files.video_folder(path.parent)).items()
    }
    return [
        [video_of.get(line["video"], line["video"]), *(line.get(name, "") for name in _HEADER[1:])] for line in lines
    ]


_READERS = {"a2d": _read_videoset, "folder": _read_labels}


def _write_fold(layout: str, release: Path, folder: Path, rows: Rows, fold_of: Mapping[str, int], fold: int) -> Path:
    """Writes a release whose test split is one fold, and checks that it is read so."""
    folder.mkdir(parents=True, exist_ok=True)
    _link_others(release, folder, TABLES[layout])
    train, test = ("train", "test") if layout == "folder" else ("0", "1")
    split_of = {name: test if number == fold else train for name, number in fold_of.items()} | {EVERY_VIDEO: ""}
    text = io.StringIO()
    table = [[*row[:-1], split_of[row[0]]] for row in rows]
    csv.writer(text, lineterminator="\n").writerows([_HEADER, *table] if layout == "folder" else table)
    replace_text(folder / TABLES[layout], text.getvalue())
    splits = open_release(layout, folder).splits
    expected = {
        split: {name for name in fold_of if split_of[name] == word}
        for split, word in (("train", train), ("test", test))
    }
    if any(set(splits[split]) != expected[split] for split in expected):
        raise InputError(
            f"{folder}: its table is not read as it was meant: give the videos plain names, always spelled alike"
        )
    return folder


def _link_others(release: Path, folder: Path, table: str) -> None:
    """Links to everything in the release but its table.

    Raises:
        InputError: the folder has something else, from another release perhaps.
    """
    expected = {path.name: path.resolve() for path in sorted(release.iterdir()) if path.name != table}
    for path in folder.iterdir():
        if path.name != table and not (path.is_symlink() and path.resolve() == expected.get(path.name)):
            raise InputError(f"{path} is not of this release; choose an empty folder as --output")
    for name, target in expected.items():
        if not (folder / name).is_symlink():
            os.symlink(target, folder / name)


if __name__ == "__main__":
    sys.exit(main())
