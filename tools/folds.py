"""Cross-validation: from the training videos of a release, releases in which every fold once is the test split.

python -m tools.folds --release=path/to/Release [--layout=folder] --output=data/folds [--folds=3]

Choices (options, lengths, parts of the network) are made on these; the test split is left for the last number. The
folds have the same mix of what a video's first row says, as far as that goes. Only the table is written anew
(videoset.csv, or labels.csv with its column split); everything else is linked to the release.
"""

import argparse
import csv
import io
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from input_pipeline.releases.folder_table import REQUIRED
from input_pipeline.releases.layouts import open_release
from input_pipeline.releases.tables.csv_text import read_csv
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.text import first_few, plural

TABLES = {"a2d": "videoset.csv", "folder": "labels.csv"}
# Of labels.csv as it is written: the video first and the split last, as in videoset.csv.
_HEADER = ("video", "actor", "action", "instance", "first", "last", "split")


def main() -> int:
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
        InputError: the release can't be read, has no such table or too few training videos.
    """
    path = release / TABLES[layout]
    if not path.is_file():
        raise InputError(f"{path}: no such file; folds can only be made of a release with this table")
    videos = open_release(layout, release).splits["train"]
    if not 2 <= folds <= len(videos):
        raise InputError(f"{plural(len(videos), 'training video')} can't be divided into {folds} folds")
    rows = _read_folder(path) if layout == "folder" else list(csv.reader(io.StringIO(path.read_text())))
    name_of = {spelling: name for name in videos for spelling in (Path(name).stem, name)}
    kinds = {name_of[row[0]]: _kind(layout, row) for row in reversed(rows) if row and row[0] in name_of}
    if missing := [name for name in videos if name not in kinds]:
        raise InputError(f"{path}: no row names {first_few(missing)} as the videos are called; write these names there")
    fold_of = divide({name: kinds[name] for name in videos}, folds)
    folders = []
    for fold in range(folds):
        folder = output / f"fold_{fold}"
        folder.mkdir(parents=True, exist_ok=True)
        _link_others(release, folder, path.name)
        split = ("train", "test") if layout == "folder" else ("0", "1")
        split_of = {spelling: split[fold_of[name] == fold] for spelling, name in name_of.items()} | {"*": ""}
        table = [[*row[:-1], split_of[row[0]]] for row in rows if row and row[0] in split_of]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([_HEADER, *table] if layout == "folder" else table)
        replace_text(folder / path.name, text.getvalue())
        folders.append(folder)
    return folders


def _kind(layout: str, row: list[str]) -> tuple[str, ...]:
    """What a video's row says of it: actor and action."""
    return tuple(row[1:3] if layout == "folder" else row[1:2])


def _read_folder(path: Path) -> list[list[str]]:
    """The lines of labels.csv in the order of `_HEADER`."""
    text = read_csv(path, REQUIRED)
    lines = [text.by_column(f"{path}, line {number}", cells) for number, cells in text.lines]
    return [[line.get(name, "") for name in _HEADER] for line in lines]


def divide(kinds: Mapping[str, tuple[str, ...]], folds: int) -> dict[str, int]:
    """The fold of every video: those of one kind, by name, go to the folds in turn, and the next kind goes on."""
    alike = defaultdict(list)
    for name, kind in kinds.items():
        alike[kind].append(name)
    ordered = [name for kind in sorted(alike) for name in sorted(alike[kind])]
    return {name: number % folds for number, name in enumerate(ordered)}


def _link_others(release: Path, folder: Path, table: str) -> None:
    """Links to everything in the release but its table."""
    for path in sorted(release.iterdir()):
        link = folder / path.name
        if path.name != table and not link.is_symlink():
            link.symlink_to(path.resolve())


if __name__ == "__main__":
    sys.exit(main())
