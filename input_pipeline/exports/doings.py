"""A table of who does what when, for exports that say only who is where (`config.convert.table`)."""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ssa2d_jax.utils.errors import InputError, Problems

_REQUIRED, _OPTIONAL = ("action",), ("video", "instance", "actor", "first", "last")
_MOST_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class Doing:
    """A row. None and "" stand for every video, instance or actor; `last` None: to the end."""

    place: str
    video: str
    instance: int | None
    actor: str
    action: str
    first: int
    last: int | None

    def is_about(self, video: str, instance: int, actor: str | None, frame: int) -> bool:
        """Whether the row is about an instance in a frame; `actor` is its class where the export says it."""
        return (
            self.video in ("", video)
            and self.instance in (None, instance)
            and (self.instance is not None or self.actor in ("", actor))
            and self.first <= frame
            and (self.last is None or frame <= self.last)
        )


class Doings:
    """The rows of a table."""

    def __init__(self, rows: list[Doing]) -> None:
        self._rows = rows
        self._used: set[str] = set()

    def find(self, video: str, instance: int, actor: str | None, frame: int) -> tuple[str | None, str | None]:
        """The actor class and the action of an instance in a frame; None where no row says them.

        Raises InputError where two rows say different things.
        """
        rows = [row for row in self._rows if row.is_about(video, instance, actor, frame)]
        self._used.update(row.place for row in rows)
        actions = sorted({row.action for row in rows})
        actors = sorted({row.actor for row in rows if row.actor} | ({actor} if actor else set()))
        for kind, found in (("action", actions), ("actor", actors)):
            if len(found) > 1:
                names = " and ".join(map(repr, found))
                raise InputError(f"instance {instance} of {video}, frame {frame}: has the {kind}s {names}")
        return next(iter(actors), None), next(iter(actions), None)

    def unused(self) -> list[str]:
        """The places of rows about which nothing was found."""
        return [row.place for row in self._rows if row.place not in self._used]


def read_doings(path: str) -> Doings:
    """Reads the table: columns action, and video, instance, actor, first, last where they are needed.

    Frames are counted as in the names of the labels.

    Raises:
        InputError: The file can't be used.
        Problems: Lines can't be used.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise InputError(f"{file}: is larger than {_MOST_BYTES >> 20} MiB")
        lines = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; config.convert.table is a csv file") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: not a csv file in UTF-8 ({error})") from error
    header = [cell.strip().lower() for cell in lines[0]] if lines else []
    allowed = (*_REQUIRED, *_OPTIONAL)
    if not set(_REQUIRED) <= set(header) <= set(allowed) or len(set(header)) < len(header):
        columns = ", ".join(allowed)
        raise InputError(f"{file}: line 1 is {header or 'missing'}; allowed are the columns {columns}, each once")
    rows, problems = [], []
    for number, cells in enumerate(lines[1:], 2):
        if any(cell.strip() for cell in cells):
            try:
                rows.append(_row(f"{file}, line {number}", header, cells))
            except InputError as error:
                problems.append(str(error))
    if problems:
        raise Problems(*problems)
    return Doings(rows)


def _row(place: str, header: Sequence[str], cells: Sequence[str]) -> Doing:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise InputError(f"{place}: has {len(cells)} cells, but line 1 {len(header)}")
    by_name = dict(zip(header, cells, strict=False))
    text = {name: by_name.get(name, "").strip() for name in (*_REQUIRED, *_OPTIONAL)}
    if not text["action"]:
        raise InputError(f"{place}: has no action")
    if not text["instance"] and not text["actor"]:
        raise InputError(f"{place}: names neither an instance nor an actor")
    whole: dict[str, int | None] = {}
    for name in ("instance", "first", "last"):
        if text[name] and not (text[name].isdecimal() and len(text[name]) < 10):
            raise InputError(f"{place}: {name} is {text[name][:40]!r}; expected a whole number")
        whole[name] = int(text[name]) if text[name] else None
    first, last = whole["first"] or 0, whole["last"]
    if last is not None and last < first:
        raise InputError(f"{place}: last is before first")
    return Doing(place, text["video"], whole["instance"], text["actor"], text["action"], first, last)
