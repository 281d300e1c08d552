"""The csv files in which a run keeps its history; a resumed run continues them."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from ssa2d_jax.utils.files import replace_text

_RENAMED = {"update": "step"}  # columns of older runs


class CsvHistory:
    """A table in the csv file `path`. Its first column is the number of finished training steps.

    Drops unreadable rows and rows after step `last_step`: a killed run wrote them and the resumed run writes them
    again. A new row replaces the row with the same values in the first `key_columns` columns.
    """

    def __init__(self, path: Path, columns: Sequence[str], last_step: int, key_columns: int = 1) -> None:
        self.path, self.columns = path, list(columns)
        self._keys = self.columns[:key_columns]
        rows = (row for row in read_rows(path) if list(row) == self.columns)
        self._rows = [row for row in rows if int(row[columns[0]]) <= last_step]

    def add(self, row: Mapping[str, object]) -> None:
        """Adds a row, with empty cells for missing values, and writes the whole file."""
        new = {column: _format(row.get(column)) for column in self.columns}
        key = [new[column] for column in self._keys]
        self._rows = [old for old in self._rows if [old[column] for column in self._keys] != key] + [new]
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns)
        writer.writeheader()
        writer.writerows(self._rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(self.path, text.getvalue())


def read_rows(path: Path) -> list[dict[str, str]]:
    """The complete rows of the table in `path`, as text by column; an empty list if the file can't be read."""
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
    except (OSError, ValueError, csv.Error):
        return []
    rows = [{_RENAMED.get(column, column): value for column, value in row.items()} for row in rows]
    return [row for row in rows if None not in row and None not in row.values() and next(iter(row.values())).isdigit()]


def _format(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
