"""The errors that end a command with a message instead of a traceback."""

from ssa2d_jax.utils.text import plural


class InputError(ValueError):
    """What the user gave can't be used: the message says which file or value, what is allowed, what to do."""


class Problems(InputError):
    """All that is wrong with a file, one after another in `args`; told in short it is the first of them."""

    def __str__(self) -> str:
        more = f" (and {plural(len(self.args) - 1, 'more problem')}; --mode=check lists all)"
        return self.args[0] + (more if len(self.args) > 1 else "")


class Diverged(RuntimeError):
    """The loss is no longer finite: the message says at which update and what to try."""
