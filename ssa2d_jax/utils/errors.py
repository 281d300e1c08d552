"""Errors that end a command with a message instead of a traceback."""

from ssa2d_jax.utils import commands
from ssa2d_jax.utils.text import plural

OF_ALL = "of all processes"  # a note of errors that every process of a run raises at the same place
OF_FIRST = "of the first process, which says it"  # a note of errors that the other processes raise, too


class InputError(ValueError):
    """Unusable input. The message says which file or value, what is allowed, and what to do."""


class Problems(InputError):
    """Every problem in a file, as `args`. `str()` shows the first and the number of others."""

    def __str__(self) -> str:
        more = f" (and {plural(len(self.args) - 1, 'more problem')}; {commands.short('check')} lists all)"
        return self.args[0] + (more if len(self.args) > 1 else "")


class Diverged(RuntimeError):
    """The loss is no longer finite. The message says at which step, and what to try."""
