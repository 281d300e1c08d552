"""Finds the row numbers that R and pandas write as first column of a table unless they are told not to."""

import re
from collections.abc import Sequence

from ssa2d_jax.utils.text import plural

Lines = tuple[tuple[int, tuple[str, ...]], ...]  # each with its number in the file
# Without a name; as pandas, R and readr call such a column when they read it and write it again.
_NAMES = re.compile(r"|unnamed: \d+(\.\d+)*|x(\.\d+)?|\.\.\.\d+|index|rownames|row\.names")


def drop_row_numbers(header: Sequence[str], lines: Lines) -> tuple[tuple[str, ...], Lines, tuple[str, ...]]:
    """The columns, lower case, and lines without first columns of row numbers, and what was left out, in words.

    A column is dropped if all its cells are whole numbers and its name says nothing, or if it has no place in the
    header at all, as R's write.table leaves it.
    """
    names = list(header)
    dropped = []
    are_longer = all(len(cells) == len(names) + 1 and cells[-1] for _, cells in lines)
    if names and are_longer and len({cells[0] for _, cells in lines}) == len(lines):
        names.insert(0, "")
    while len(names) > 1 and _NAMES.fullmatch(names[0]) and lines and all(_has_number(cells) for _, cells in lines):
        dropped.append(names.pop(0))
        lines = tuple((number, cells[1:]) for number, cells in lines)
    if not dropped:
        return tuple(header), lines, ()
    which = "the first column" if len(dropped) == 1 else f"the first {plural(len(dropped), 'column')}"
    called = ", ".join(repr(name) if name else "without a name" for name in dropped)
    return tuple(names), lines, (f"{which} ({called}) numbers the rows and is not read",)


def _has_number(cells: tuple[str, ...]) -> bool:
    return bool(cells) and re.fullmatch(r"\d+", cells[0], re.ASCII) is not None
