"""Tables of a run's course: csv files that grow by a row now and then, and that a resumed run goes on with."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ssa2d_jax.utils.files import replace_text

_RENAMED = {"update": "step"}  # columns of older runs


class CsvHistory:
    """The table in file `path`, whose first column is the number of updates done.

    Rows of more updates than `done`, and what can't be read, are left out: they are of a run that was killed, and
    come again. A row in place of one that has the same first `keys` columns replaces it.
    """

    def __init__(self, path: Path, columns: Sequence[str], done: int, keys: int = 1):
        self.path, self.columns, self.keys = path, list(columns), keys
        self._rows = [row for row in read(path) if list(row) == self.columns and int(row[columns[0]]) <= done]

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds a row (what has no value in it stays empty) and writes the file, whole."""
        new = {name: _text(row.get(name)) for name in self.columns}
        key = [new[name] for name in self.columns[: self.keys]]
        self._rows = [old for old in self._rows if [old[name] for name in self.columns[: self.keys]] != key] + [new]
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self._rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(self.path, text.getvalue())


def read(path: Path) -> list[dict[str, str]]:
    """The rows of the table in `path` that are whole, as texts by column; none if there is no such file."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
    except (OSError, ValueError, csv.Error):
        return []
    rows = [{_RENAMED.get(name, name): value for name, value in row.items()} for row in rows]
    return [row for row in rows if None not in row and None not in row.values() and next(iter(row.values())).isdigit()]


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
