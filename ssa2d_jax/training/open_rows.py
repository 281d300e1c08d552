"""Rows of metrics/training.csv that are not full yet when a checkpoint is saved.

A row has the means of several steps. A run that goes on from a checkpoint amid them would otherwise write the means of
the rest alone, other numbers than an unbroken run's.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ssa2d_jax.utils.files import replace_text

_KEPT = 2  # of this checkpoint, which may never be finished, and of the one before


class OpenRow(NamedTuple):
    """Sums of a row's values over its `steps` so far."""

    sums: Mapping[str, float]
    steps: int


EMPTY = OpenRow({}, 0)


def write_open_row(path: Path, step: int, row: OpenRow) -> None:
    """Keeps the row of checkpoint `step`, to be called before the checkpoint is saved."""
    kept = {number: one for number, one in _read(path).items() if number < step}
    kept = dict(sorted(kept.items())[-(_KEPT - 1) :]) | {step: row}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_text(path, json.dumps({str(number): one._asdict() for number, one in kept.items()}) + "\n")


def read_open_row(path: Path, step: int) -> OpenRow:
    """The row of checkpoint `step`; `EMPTY` if none was kept, as before version 0.2."""
    return _read(path).get(step, EMPTY)


def _read(path: Path) -> dict[int, OpenRow]:
    try:
        rows = json.loads(path.read_text())
        return {
            int(step): OpenRow({str(name): float(value) for name, value in row["sums"].items()}, int(row["steps"]))
            for step, row in rows.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # there is none, or not a readable one: a row will have the means of fewer steps
