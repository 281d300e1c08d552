"""Commands that messages tell the user to run, in the words of the program that the user started."""

import shlex

MAIN = "main.py"
CONSOLE = "ssa2d"
_program = MAIN  # where nothing was started by a command line, too


def use_program(name: str) -> None:
    """Sets the program whose commands messages name: main.py of a checkout, or the console command ssa2d."""
    global _program  # one process is one program
    _program = name


def command(name: str, *flags: str) -> str:
    """The command `name` with `flags`, to copy: `python main.py --mode=predict --input=...`, `ssa2d predict ...`."""
    start = f"python {MAIN} --mode={name}" if _program == MAIN else f"{CONSOLE} {name}"
    return " ".join([start, *map(shlex.quote, flags)])


def short(name: str) -> str:
    """The command `name` without flags, for a sentence: --mode=predict, or ssa2d predict."""
    return f"--mode={name}" if _program == MAIN else f"{CONSOLE} {name}"
