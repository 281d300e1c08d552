"""Who does what in an export that says only who is where: by the user's table, or by classes called actor:action."""

from collections.abc import Sequence

from input_pipeline.exports.actions import SEPARATOR
from input_pipeline.exports.doings import read_doings
from input_pipeline.exports.labelled import Export, LabelledVideo, ReadOptions
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few

_UNNAMED = "object"  # what the report calls an instance of which nothing is known


class Doers:
    """Finds the actions of instances, and knows in the end whether there were any."""

    def __init__(self, options: ReadOptions) -> None:
        self._table, self._has_actions, self._first = options.table, False, ""
        self._doings = read_doings(options.table) if options.table else None

    def find(
        self, video: str, frame: int, number: int, actor: str | None = None, action: str | None = None
    ) -> tuple[str, str | None]:
        """The actor class and the action of an instance in a frame.

        Args:
            video: The video's name in the export.
            frame: As the export counts.
            number: Of the instance.
            actor, action: What the export says of it; None if it doesn't.
        """
        if action is None and actor and SEPARATOR in actor:
            actor, _, action = (part.strip() for part in actor.partition(SEPARATOR))
        if self._doings:
            actor, found = self._doings.find(video, number, actor, frame)
            action = found or action
        self._first = self._first or f"instance {number} of {video!r}, frame {frame}"
        if action and not actor:
            raise InputError(f"instance {number} of {video}, frame {frame}: has an action, but no actor")
        self._has_actions |= bool(action)
        return actor or _UNNAMED, action or None

    def export(self, place: str, tool: str, videos: Sequence[LabelledVideo], remarks: Sequence[str] = ()) -> Export:
        """What was understood. Raises InputError, with `place`, if no instance has an action."""
        if not self._has_actions and self._doings and self._first:
            raise InputError(f"{place}: no row of {self._table} says what one of its instances does, as {self._first}")
        if not self._has_actions:
            raise InputError(
                f"{place}: says who is where, but not what they do; write a csv table with the columns video, "
                "instance, actor, action, first, last (--config.convert.table=...), or name classes as "
                f"actor{SEPARATOR}action"
            )
        unused = self._doings.unused() if self._doings else []
        lost = [f"rows of the table about which nothing was found: {first_few(unused)}"] if unused else []
        action = f"the table {self._table}" if self._doings else "the export's own"
        return Export(tool, videos, action, [*remarks, *lost])
