"""make demo: label a clip, score the included weights, teach them a new class, and show all of it on one page.

python -m tools.demo [--workdir=runs/demo]
"""

import argparse
import dataclasses
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configs import folder
from ssa2d_jax.utils import locks
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.signals import Stopped
from tools import demo_steps
from tools.demo_steps import FISH_CLIP, SPRITES_CLIP, Paths, Sizes
from tools.demo_terminal import Background, Terminal

ROOT = Path(__file__).resolve().parent.parent
VERSION = 1  # increased when an earlier demo's files can't be used any more
_DRAW_FISH = "Draw a world with a fish, which the weights don't know, as a folder of your own data"
_DRAW = "Draw the first clips of the sprites world's test split"
_LABEL = "Label a clip with the included weights"
_SCORE = "Score them on these clips"
_BEFORE = "Score them on the world with the fish: before"
_TRAIN = "Train on the world with the fish (began in the background, right after it was drawn)"
_AFTER = "Label the clip with the fish again: after"


def main(words: Sequence[str] | None = None) -> int:
    """Runs the demo and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path, default=Path("runs/demo"), help="folder of everything that it writes")
    parser.add_argument("--weights", default="sprites", help="name of included weights, or an exported file")
    for field in dataclasses.fields(Sizes):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    arguments = vars(parser.parse_args(words))
    workdir, weights = arguments.pop("workdir"), arguments.pop("weights")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA's "Very slow compile?" is no error
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the training beside it shares the GPU, if any
    # Compiles faster; a step takes as long as without it.
    os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=1 " + os.environ.get("XLA_FLAGS", "")
    again = "run it again: it goes on with what is finished"
    earlier = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: it ends the training, too
    try:
        _run(Paths(workdir), weights, Sizes(**arguments))
    except InputError as error:
        return _end(f"error: {error}", 2)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return _end(f"error: {what}; make room or choose another --workdir, then {again}", 2)
    except (KeyboardInterrupt, Stopped):
        return _end(f"interrupted; {again}", 130)
    finally:
        signal.signal(signal.SIGTERM, earlier)
    return 0


def _end(text: str, code: int) -> int:
    print(text, file=sys.stderr, flush=True)
    return code


def _run(paths: Paths, weights: str, sizes: Sizes) -> None:
    start = time.monotonic()
    print(f"Takes two to three minutes on two cores; everything goes to {paths.folder}\n", flush=True)
    from ssa2d_jax.pretrained.shipped import find_run
    from ssa2d_jax.runs import weights_file
    from tools import demo_page

    file = find_run(weights)
    metadata = weights_file.load_metadata(file)
    _check_folder(paths)
    with locks.try_lock(paths.lock, f"{paths.folder}: another demo runs here; wait for it"):
        _claim(paths, {"version": VERSION, "weights": metadata.get("checksum"), **dataclasses.asdict(sizes)})
        terminal = Terminal(paths.log)
        network = demo_steps.network_options(metadata["config"])
        words = demo_steps.fish_command(paths, sizes, weights, network)
        try:
            shown = _steps(terminal, paths, file, sizes, words)
        except InputError:
            paths.marker.write_text("failed\n")  # the next demo starts over
            raise
    after, about = demo_steps.read_ious(paths.run), metadata.get("about", "")
    seconds = time.monotonic() - start
    own_size = tuple(metadata["config"]["data"]["size"])
    results = demo_page.Results(
        *shown, after, about, command=words, times=terminal.times, seconds=seconds, test_clips=sizes.test_clips,
        sizes=(own_size, network.get("data.size", folder.get_config("sprites").data.size)),
    )  # fmt: skip
    demo_page.write(paths, results)
    terminal.say("\n" + "\n".join(demo_page.summary(paths, results)))


def _steps(
    terminal: Terminal, paths: Paths, file: Path, sizes: Sizes, words: list[str]
) -> tuple[Mapping[str, Any], dict[str, float]]:
    """Runs all steps; `words` are the training's command line.

    Returns:
        The scores of the weights on the sprites' test clips, and their IoUs in the fish world.
    """
    with terminal.step(_DRAW_FISH):
        demo_steps.render_fish(paths, sizes)
    command = [sys.executable, str(ROOT / "main.py"), *words]
    with Background(command, Path.cwd(), paths.training_log) as training:
        shown = _label_and_score(terminal, paths, file, sizes)
        with terminal.step(_TRAIN, training.log):
            training.wait()
    with terminal.step(_AFTER):
        demo_steps.label(demo_steps.make_detector(demo_steps.load(paths.run)), paths.data / FISH_CLIP, paths.after)
    return shown


def _check_folder(paths: Paths) -> None:
    """Makes the demo's folder. Raises InputError if it holds something else."""
    if paths.folder.exists() and not paths.folder.is_dir():
        raise InputError(f"{paths.folder} is a file; choose another --workdir")
    paths.folder.mkdir(parents=True, exist_ok=True)
    others = [path.name for path in paths.folder.iterdir() if path != paths.lock]
    if others and not paths.marker.exists():
        raise InputError(
            f"{paths.folder} holds something else ({others[0]}); move it away, or choose another --workdir"
        )


def _claim(paths: Paths, contents: dict[str, Any]) -> None:
    """Begins a demo in its folder, or goes on with one; what another kind of demo left behind is deleted first."""
    text = json.dumps(contents, indent=1) + "\n"
    if paths.marker.exists() and paths.marker.read_text() != text:
        print(f"{paths.folder} holds a demo of another kind, or one that failed; starting over")
        for path in [path for path in paths.folder.iterdir() if path != paths.lock]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    paths.marker.write_text(text)


def _label_and_score(
    terminal: Terminal, paths: Paths, file: Path, sizes: Sizes
) -> tuple[Mapping[str, Any], dict[str, float]]:
    """The scores of the weights on the sprites' test clips, and their IoUs in the fish world."""
    with terminal.step(_DRAW):
        demo_steps.render_sprites(paths, sizes)
    with terminal.step(_LABEL):
        run = demo_steps.load(file)
        detector = demo_steps.make_detector(run)
        demo_steps.label(detector, paths.data / SPRITES_CLIP, paths.sprites)
        demo_steps.label(detector, paths.data / FISH_CLIP, paths.before)
    with terminal.step(_SCORE):
        evaluator = demo_steps.make_evaluator(run, paths, sizes)
        scores = demo_steps.score(run, evaluator)
    with terminal.step(_BEFORE):
        return scores, demo_steps.score_before(run, evaluator, paths)


if __name__ == "__main__":
    sys.exit(main())
