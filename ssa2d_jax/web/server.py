"""make web: a page in the browser that labels a clip. On this machine alone; Ctrl-C ends it and deletes all clips.

python -m ssa2d_jax.web.server --workdir=runs/demo --examples=path/to/clips
"""

import argparse
import importlib.util
import math
import os
import sys
import tempfile
import time
from pathlib import Path

from ssa2d_jax.inference.detector import Detector
from ssa2d_jax.inference.predict import SUFFIXES
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.signals import StopSignal
from ssa2d_jax.web.label_clip import Limits

MOST_EXAMPLES = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", default="runs/demo", help="of a run, or a file that export_weights wrote")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--examples", type=Path, help="folder of clips that can be picked")
    parser.add_argument("--max_seconds", type=float, default=20, help="of a clip")
    parser.add_argument("--max_megabytes", type=float, default=64, help="of a clip's file")
    arguments = parser.parse_args()
    limits = Limits(arguments.max_seconds, arguments.max_megabytes)
    if not 0 < arguments.port < 2**16:
        parser.error(f"--port is {arguments.port}; allowed: 1 to {2**16 - 1}")
    for name in ("max_seconds", "max_megabytes"):
        if not 0 < getattr(arguments, name) < math.inf:
            parser.error(f"--{name} is {getattr(arguments, name)}; allowed: more than 0")
    try:
        return serve(arguments.workdir, arguments.port, find_examples(arguments.examples), limits)
    except (InputError, OSError) as error:
        log(f"error: {error}")
        return 2
    except KeyboardInterrupt:  # before the page was there
        return 130


def find_examples(folder: Path | None) -> dict[str, Path]:
    """The videos in a folder by their names, of very many the first; InputError if it is none."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --examples is a folder of videos")
    clips = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if len(clips) > MOST_EXAMPLES:
        log(f"{folder}: of {len(clips)} clips the first {MOST_EXAMPLES} can be picked")
    return {path.name: path for path in clips[:MOST_EXAMPLES]}


def serve(workdir: str, port: int, examples: dict[str, Path], limits: Limits) -> int:
    """Shows the page until Ctrl-C or SIGTERM -> the exit code. InputError for a run or a port that can't be used."""
    if importlib.util.find_spec("gradio") is None:
        raise InputError("the page needs gradio: pip install -r requirements-web.txt")
    detector = Detector.from_run(workdir)
    log("compiling the network")
    detector.compile()
    with (
        tempfile.TemporaryDirectory(prefix="ssa2d-web-", ignore_cleanup_errors=True) as folder,
        StopSignal("closing the page") as stop,
    ):
        # Before Gradio is imported: all that it or anybody here puts down for a while goes with this folder.
        os.environ["GRADIO_TEMP_DIR"] = tempfile.tempdir = folder
        from ssa2d_jax.web.app import build, open_page

        blocks = build(detector, limits, examples, Path(folder))
        log(f"open {open_page(blocks, port, limits)} in a browser; Ctrl-C ends it")
        while not stop.requested:
            time.sleep(0.2)
        blocks.close(verbose=False)
    return 128 + stop.requested


if __name__ == "__main__":
    sys.exit(main())
