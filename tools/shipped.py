"""The included weights: their whole training from scratch, and the file that goes into the package.

The network is trained with small frames first, which are quicker, then with frames of the clips' own size, then with
enlarged ones: three runs, each of which starts from the weights of the one before.

python -m tools.shipped train [--workdir=runs/sprites_shipped]     # make train; hours; the same command resumes it
python -m tools.shipped pack [--workdir=...] [--output=...]        # rounds kernels to 16 bits and writes the file
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from configs import sprites
from input_pipeline.sprites.render_a2d import A2dRenderOptions, render_a2d
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import duration

ROOT = Path(__file__).resolve().parent.parent
LAST = sprites.SHIPPED[-1]
CONFIG = f"configs/sprites.py:{LAST}"
ABOUT = (
    "trained on the drawn sprites world alone (cartoon figures, 43 actor-action pairs of A2D): for trying the "
    "software; real video needs a training of its own"
)
# The reference of the estimate: a machine with two cores, one of which draws so many clips of this world in a second,
# and how long each run takes there with drawing, preparing and scoring: the sum of parts that were measured alone
# (18, 7 and 3.8 clips a second in training), not one run.
REFERENCE_CLIPS_PER_SECOND = 18.0
REFERENCE_SECONDS = dict(zip(sprites.SHIPPED, (75 * 60.0, 75 * 60.0, 105 * 60.0), strict=True))
_MEASURED_CLIPS = 20


def main() -> int:
    """Runs the command line and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("train", "pack"))
    parser.add_argument("--workdir", type=Path, default=Path("runs/sprites_shipped"))
    parser.add_argument("--output", type=Path, default=ROOT / "ssa2d_jax/pretrained/sprites.safetensors")
    arguments = parser.parse_args()
    try:
        if arguments.command == "train":
            return train(arguments.workdir)
        pack(arguments.workdir, arguments.output)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from there", file=sys.stderr)
        return 130
    return 0


def train(workdir: Path) -> int:
    """Says how long the training takes here, runs it, and scores the run on the standard test split.

    The training scores itself on clips of its own release, which have more labelled frames. Those scores give way to
    the ones on the standard split, as metrics/test.json and the tables beside it.

    Returns:
        The exit code of the command that failed, or 0.
    """
    print(_announcement(workdir), flush=True)
    runs = _runs(workdir)
    for variant in sprites.SHIPPED[_current(runs) :]:
        start = [] if variant == sprites.SHIPPED[0] else [f"--config.init.run={_beginning(runs, variant)}"]
        if code := call_main(f"--config=configs/sprites.py:{variant}", f"--workdir={runs[variant]}", *start):
            return code
    root = Path(sprites.get_config(LAST).data.root)
    options = standard_split(root.with_name("Standard"), root.with_name("prepared_standard"))
    standard = sprites.get_config().data.sprites
    options["data.sprites.labelled"] = standard.labelled
    frames = standard.test_clips * standard.labelled
    print(f"scoring on the standard test split of configs/sprites.py, {frames} labelled frames", flush=True)
    words = [f"--config.{name}={value}" for name, value in {**options, "train.image_clips": 0}.items()]
    if code := call_main("--mode=eval", f"--config={CONFIG}", f"--workdir={workdir}", *words):
        return code
    print(f"the scores on the standard test split are now {_replace_scores(workdir)}", flush=True)
    return 0


def _runs(workdir: Path) -> dict[str, Path]:
    """The workdir of each variant, in the order of training; the last one is `workdir`."""
    last = workdir if workdir.name else workdir.resolve()
    return {one: last.with_name(last.name + one.removeprefix(LAST)) for one in sprites.SHIPPED}


def _current(runs: dict[str, Path]) -> int:
    """The index of the last run that has begun; 0 if none has. It has what the ones before it had learned."""
    return max((index for index, folder in enumerate(runs.values()) if _steps_done(folder)), default=0)


def _beginning(runs: dict[str, Path], variant: str) -> str:
    """The run that a variant's begins with: as its config says, if it has begun, whatever path names it now."""
    from ssa2d_jax.runs.workdir import Workdir

    config = Workdir(runs[variant]).config
    if config.is_file():
        return str(json.loads(config.read_text())["init"]["run"])
    return str(runs[sprites.SHIPPED[sprites.SHIPPED.index(variant) - 1]])


def _steps(variant: str) -> int:
    """Steps of a variant's whole training."""
    from ssa2d_jax.steps import schedule

    config = sprites.get_config(variant)
    train, clips = config.train, config.data.sprites.train_clips
    return sum(schedule.phase_lengths(train.lr_phases, clips, train.batch_size, train.min_steps))


def _replace_scores(workdir: Path) -> Path:
    """Gives the scores on other data than the run's the names of those on its test split; returns the first of them."""
    from ssa2d_jax.runs.workdir import Workdir

    files = Workdir(workdir)
    for path in (files.scores, files.class_scores, files.clip_agreement):
        os.replace(path("another_test"), path("test"))
    return files.scores("test")


def standard_split(root: Path, shards: Path) -> dict[str, str | int]:
    """Options with which configs/sprites.py stands for its test split alone, in folders of its own.

    The test clips don't depend on the number of training clips, of which there has to be one.
    """
    return {"data.root": str(root), "data.shards_dir": str(shards), "data.sprites.train_clips": 1}


def _announcement(workdir: Path) -> str:
    """What is going to be trained, and how long it may take here."""
    runs, clips = _runs(workdir), sprites.get_config(LAST).data.sprites.train_clips
    steps = {variant: _steps(variant) for variant in runs}
    done = {variant: min(_steps_done(folder), steps[variant]) for variant, folder in runs.items()}
    for variant in sprites.SHIPPED[: _current(runs)]:
        done[variant] = steps[variant]
    text = f"{clips:,} clips, " + ", then ".join(f"{steps[one]:,} steps into {folder}" for one, folder in runs.items())
    if done == steps:
        return f"{text}: the training is finished"
    rate = _drawing_rate()
    left = sum(REFERENCE_SECONDS[variant] * (1 - done[variant] / steps[variant]) for variant in runs)
    seconds, whole = left * REFERENCE_CLIPS_PER_SECOND / rate, sum(REFERENCE_SECONDS.values())
    so_far = sum(done.values())
    rest = f"the {sum(steps.values()) - so_far:,} steps after {so_far:,}" if so_far else "everything"
    return (
        f"{text}: about {duration(60 * round(seconds / 60))} for {rest} on two cores like this one. This is estimated "
        f"from the {rate:.0f} clips a second that one core draws here; the reference is {duration(whole)} "
        f"for everything where it draws {REFERENCE_CLIPS_PER_SECOND:.0f}. Once steps run, they say how much time is "
        "left. The same command resumes."
    )


def _steps_done(workdir: Path) -> int:
    """The step of the newest checkpoint; 0 if there is none."""
    from ssa2d_jax.runs.workdir import Workdir

    return max(
        (int(path.name) for path in Workdir(workdir).checkpoints.glob("[0-9]*") if path.name.isdigit()), default=0
    )


def call_main(*words: str) -> int:
    """Runs main.py and returns its exit code; SIGTERM and Ctrl-C are left to it, so that it can save."""
    process = subprocess.Popen([sys.executable, str(ROOT / "main.py"), *words])
    earlier = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # it got the signal, too, and ends when it has saved
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _drawing_rate() -> float:
    """Clips that one core draws in a second, as a measure of its speed."""
    options = A2dRenderOptions(seed=1, train_clips=_MEASURED_CLIPS, test_clips=1, frames=20, labelled=3)
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        render_a2d(Path(folder) / "clips", options, processes=1)
        return (_MEASURED_CLIPS + 1) / (time.monotonic() - start)


def pack(workdir: Path, output: Path) -> None:
    """Writes the run's newest weights, with float16 kernels, as the file of the package.

    The file's config names the folders of `CONFIG`, wherever the run had its data. Its scores are those of the
    weights before rounding.

    Raises:
        InputError: the run in `workdir` is another one or not finished, or was not scored on the test split of
            configs/sprites.py.
    """
    from ssa2d_jax.runs import weights_file
    from ssa2d_jax.runs.load_run import load_run_as_saved
    from ssa2d_jax.runs.workdir import Workdir

    run, shipped, standard = load_run_as_saved(workdir), sprites.get_config(LAST), sprites.get_config()
    phases, steps = [tuple(phase) for phase in run.config.train.lr_phases], _steps(LAST)
    if phases != [tuple(phase) for phase in shipped.train.lr_phases] or run.step != steps:
        raise InputError(f"{workdir} is not {CONFIG} trained to its end, step {steps}; make train does that")
    frames = standard.data.sprites.test_clips * standard.data.sprites.labelled
    scores = Workdir(workdir).scores("test")
    scored = json.loads(scores.read_text()) if scores.is_file() else {}
    if (scored.get("step"), scored.get("frames")) != (run.step, frames):
        raise InputError(f"{workdir} was not scored on the {frames} frames of configs/sprites.py; make train does that")
    config = run.config.to_dict()
    config["data"] |= {key: shipped.data[key] for key in ("root", "shards_dir")}
    config["init"]["run"] = shipped.init.run
    weights_file.save_run(
        output, run.variables, step=run.step, config=config, space=run.space, workdir=workdir,
        half=True, about=ABOUT,
    )  # fmt: skip
    print(f"written: {output}, {os.path.getsize(output) / 1e6:.1f} MB, step {run.step}")


if __name__ == "__main__":
    sys.exit(main())
