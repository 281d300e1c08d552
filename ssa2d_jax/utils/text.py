"""Pieces of text that messages and tables share."""

import csv
import difflib
import io
from collections.abc import Iterable, Sequence

SHOWN = 5  # items of a long list that a message names


def plural(count: int, unit: str) -> str:
    """A count with its unit: 1 video, 2 videos."""
    return f"{count:,} {unit}" + "s" * (count != 1)


def size_text(size: Sequence[int]) -> str:
    """The width and height of a picture of `size` (height, width, ...): 640x480."""
    return f"{size[1]}x{size[0]}"


def first_few(items: Sequence[str], shown: int = SHOWN, separator: str = ", ") -> str:
    """The first `shown` items and the number of others: "a, b and 3 more"."""
    rest = len(items) - shown
    joint = " and " if separator == ", " else f"{separator}and "
    return separator.join(items[:shown]) + (f"{joint}{rest} more" if rest > 0 else "")


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows, including the header, as the text of a csv file."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """A hint at the allowed name that is most like one that isn't: "; did you mean 'coco'?" or ""."""
    by_plain = {other.casefold(): other for other in allowed}
    near = difflib.get_close_matches(name.strip().casefold(), list(by_plain), 1, 0.7)
    return f"; did you mean {by_plain[near[0]]!r}?" if near else ""
