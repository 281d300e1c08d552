"""Serves a page that labels clips, on this machine only; Ctrl-C ends it and deletes all clips.

ssa2d web
ssa2d web --workdir=runs/own --examples=path/to/clips
python -m ssa2d_jax.web.server --workdir=runs/own --examples=path/to/clips
"""

import argparse
import importlib.util
import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ssa2d_jax.pretrained import shipped
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import is_clutter
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.signals import StopSignal
from ssa2d_jax.web.limits import Limits

MAX_EXAMPLES = 100
_DESCRIPTION = "Serve a page that labels clips, on this machine only; Ctrl-C ends it and deletes all clips."


def main(arguments: Sequence[str] | None = None, program: str = "ssa2d web") -> int:
    """Runs the command and returns its exit code; jax is imported only after the arguments are checked.

    Args:
        arguments: those of the command line, by default of this process.
        program: what the user typed, for messages.
    """
    options = _parse(arguments, program)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA's "Very slow compile?" is no error
    limits = Limits(options.max_seconds, options.max_megabytes)
    try:
        check_gradio()
        return serve(options.workdir, options.port, find_examples(options.examples), limits)
    except (InputError, OSError) as error:
        log(f"error: {error}")
        return 2
    except KeyboardInterrupt:  # before the page was there
        return 130


def _parse(arguments: Sequence[str] | None, program: str) -> argparse.Namespace:
    """The options; ends the process with code 2 for values that are not allowed."""
    parser = argparse.ArgumentParser(prog=program, description=_DESCRIPTION)
    parser.add_argument(
        "--workdir",
        default=shipped.DEFAULT,
        help="folder of a run, or a file of its exported weights; by default the weights that come with the package",
    )
    parser.add_argument("--port", type=int, default=7860, help="of the page's address")
    parser.add_argument("--examples", type=Path, help="folder of clips that visitors can pick")
    parser.add_argument("--max_seconds", type=float, default=20, help="the longest clip that is allowed")
    parser.add_argument("--max_megabytes", type=float, default=64, help="the largest clip that is allowed")
    options = parser.parse_args(arguments)
    if not 0 < options.port < 2**16:
        parser.error(f"--port is {options.port}; allowed: 1 to {2**16 - 1}")
    for name in ("max_seconds", "max_megabytes"):
        if not 0 < getattr(options, name) < math.inf:
            parser.error(f"--{name} is {getattr(options, name)}; allowed: more than 0")
    return options


def check_gradio() -> None:
    """Raises InputError unless Gradio is installed."""
    if importlib.util.find_spec("gradio") is None:
        raise InputError("the page needs Gradio; install it: pip install '<checkout>[web]' (or run: make web)")


def find_examples(folder: Path | None) -> dict[str, Path]:
    """The videos in a folder by name, at most `MAX_EXAMPLES`; InputError if there is no such folder."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --examples is a folder of videos")
    from ssa2d_jax.video.container import VIDEO_SUFFIXES

    paths = sorted(path for path in folder.iterdir() if not is_clutter(path.name))
    clips = [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]
    if len(clips) > MAX_EXAMPLES:
        log(f"{folder}: {len(clips)} clips; visitors can pick from the first {MAX_EXAMPLES}")
    return {path.name: path for path in clips[:MAX_EXAMPLES]}


def serve(workdir: str | Path, port: int, examples: Mapping[str, Path], limits: Limits) -> int:
    """Serves the page until Ctrl-C or SIGTERM and returns the exit code.

    Args:
        workdir: of a run, or a file of its exported weights.
        port: of the page's address.
        examples: clips that visitors can pick, by name.
        limits: what an uploaded clip may have.

    Raises:
        InputError: the run or the port cannot be used, or Gradio is missing.
    """
    check_gradio()
    from ssa2d_jax.inference.detector import Detector

    detector = Detector.from_run(workdir)
    detector.compile()
    with (
        tempfile.TemporaryDirectory(prefix="ssa2d-web-", ignore_cleanup_errors=True) as folder,
        StopSignal("closing the page") as stop,
    ):
        # Before Gradio is imported: its temporary files and all others of this process are deleted with this folder.
        os.environ["GRADIO_TEMP_DIR"] = tempfile.tempdir = folder
        from ssa2d_jax.web.app import build, open_page

        page = build(detector, str(workdir), limits, examples, Path(folder))
        log(f"open {open_page(page, port, limits)} in a browser; Ctrl-C ends it")
        while not stop.requested:
            time.sleep(0.2)
        page.close(verbose=False)
    return 128 + stop.requested


if __name__ == "__main__":
    sys.exit(main(program="python -m ssa2d_jax.web.server"))
