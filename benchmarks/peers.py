"""Compare this package's speed and memory with the same network in PyTorch, and its parts with its network alone.

pip install -e '.[train,openvino,torch]'
python -m benchmarks.peers --output=peers.json          everything, about 15 minutes on two cores
python -m benchmarks.peers --rows=forward,stream        some rows

Programs run in turn, in processes of their own, with the same parameters, whose outputs are compared first. The ratio
is that of the medians of the better one on each side: this package in jax and in OpenVINO, which has no gradients, and
the twin's two layouts. Let nothing else run meanwhile.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

PAPER = {"shape": [1, 16, 224, 224], "width": 1.0}
QUICK_START = {"shape": [8, 8, 64, 64], "width": 0.25}
OWN = ("ssa2d_jax", "openvino")
TWINS = ("torch", "torch_channels_last")
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="write the table as JSON, too")
    parser.add_argument("--rows", default=",".join(ROWS), help=f"of {', '.join(ROWS)}")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    names = arguments.rows.split(",")
    if unknown := sorted(set(names) - set(ROWS)):
        sys.exit(f"error: no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    table: dict[str, Any] = {"machine": machine(), "rows": {}}
    print("  ".join(f"{key} {value}" for key, value in table["machine"].items()))
    for name in names:
        table["rows"][name] = row = ROWS[name](arguments.repeats)
        print(f"{name:<24} {row['ratio']:.2f}  {row['what']}", flush=True)
        for part, value in row["parts"].items():
            print(f"    {part}: {value:.4g}")
    if arguments.output:
        arguments.output.write_text(json.dumps(table, indent=2) + "\n")


def machine() -> dict[str, str]:
    """What ran where."""
    versions = {name: metadata.version(name) for name in ("jax", "openvino", "torch") if _is_installed(name)}
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {"processor": names[0] if names else platform.processor(), "cores": str(os.cpu_count()), **versions}


def network_row(train: bool, setting: dict[str, Any], repeats: int, memory: bool = False) -> Row:
    """Seconds (or peak bytes) of this package's better backend, divided by those of the twin's better layout."""
    names = (*OWN[: 1 if train else 2], *TWINS)
    with tempfile.TemporaryDirectory() as folder:
        programs = [Program(name, setting, train, Path(folder)) for name in names]
        results = [[program.measure() for program in programs] for _ in range(repeats)]
        for program in programs:
            program.end()
    key = "bytes" if memory else "seconds"
    medians = [statistics.median(result[key] for result in column) for column in zip(*results, strict=True)]
    parts = dict(zip(names, medians, strict=True))
    what = f"{key}, {'forward and backward' if train else 'forward'} of {setting['shape']}, width {setting['width']}"
    return {
        "what": f"{what}, divided by the twin's",
        "ratio": _better(parts, OWN) / _better(parts, TWINS),
        "parts": parts,
    }


def _better(parts: dict[str, float], names: tuple[str, ...]) -> float:
    return min(parts[name] for name in names if name in parts)


class Program:
    """A process of peer_process.py."""

    def __init__(self, name: str, setting: dict[str, Any], train: bool, folder: Path) -> None:
        words = [sys.executable, "-m", "benchmarks.peer_process", name, f"--folder={folder}"]
        words += [f"--shape={json.dumps(setting['shape'])}", f"--width={setting['width']}", *["--train"] * train]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read()

    def measure(self) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def end(self) -> None:
        self._process.communicate()

    def _read(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"error: a process ended: {' '.join(map(str, self._process.args))}")  # type: ignore[arg-type]
        return json.loads(line)


def stream_row(repeats: int, files: bool = False) -> Row:
    """Frames a second of a stream with the included model, divided by those of its network on the same windows.

    With `files` of `predict_video`: decoding, tracks and files included.
    """
    import jax

    from ssa2d_jax import Detector
    from ssa2d_jax.inference.predict import predict_video
    from ssa2d_jax.utils.host_memory import keep_freed_memory
    from ssa2d_jax.utils.images import resize

    keep_freed_memory()
    detector, frames = Detector.from_run("sprites"), sprite_frames(800)
    detector.compile()
    options = detector.window_options
    small = [resize(frame, detector.size) for frame in frames]
    starts = range(0, len(small) - options.span + 1, options.stride)
    windows = [np.stack(small[start : start + options.span : options.frame_step])[None] for start in starts]

    def network() -> None:
        for window in windows:
            jax.block_until_ready(detector.forward(window))

    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, "video.mp4")
        write_video(video, frames)

        def whole() -> None:
            if files:
                predict_video(video, Path(folder, "labels"), detector=detector)
            else:
                for _ in detector.stream(frames):
                    pass

        pairs = [(seconds(network), seconds(whole)) for _ in range(repeats)]
    alone, together = (len(frames) / statistics.median(column) for column in zip(*pairs, strict=True))
    parts = {"the network alone, frames a second": alone, "the whole, frames a second": together}
    what = f"frames a second, {'predict' if files else 'a stream'} of 800 frames, divided by the network's alone"
    return {"what": what, "ratio": together / alone, "parts": parts}


def _next(answers: Iterator[Any], clips: np.ndarray) -> Any:
    return next(answers)


def host_row(repeats: int) -> Row:
    """Milliseconds of one core for a frame of predict, by part, with a network that costs nothing."""
    from ssa2d_jax import Detector
    from ssa2d_jax.inference.predict import PredictOptions, predict_video
    from ssa2d_jax.utils.host_memory import keep_freed_memory
    from ssa2d_jax.video.reader import read_frames

    keep_freed_memory()
    detector, frames = Detector.from_run("sprites"), sprite_frames(400)
    detector.compile()
    network, answers = detector.forward, list[Any]()

    def record(clips: np.ndarray) -> Any:
        answers.append(network(clips))
        return answers[-1]

    detector.forward = record
    results = list(detector.stream(frames))
    overlays = np.stack([result.overlay(scale=0) for result in results])

    def cost(function: Callable[[], Any]) -> float:
        found = []
        for _ in range(repeats):
            detector.forward = partial(_next, iter(answers))
            start = time.process_time()
            function()
            found.append(1e3 * (time.process_time() - start) / len(frames))
        return statistics.median(found)

    with tempfile.TemporaryDirectory() as folder:
        video, output = Path(folder, "video.mp4"), Path(folder, "labels")
        write_video(video, frames)
        predict = lambda tracks: predict_video(video, output, detector=detector, options=PredictOptions(tracks=tracks))
        parts = {
            "decoding": cost(lambda: [None for _ in read_frames(video)]),
            "labels": cost(lambda: [None for _ in detector.stream(frames)]),
            "drawing the overlay": cost(lambda: [result.overlay(scale=0) for result in results]),
            "encoding it": cost(lambda: write_video(Path(folder, "overlay.mp4"), overlays)),
        }
        whole, without_tracks = cost(lambda: predict(True)), cost(lambda: predict(False))
    parts["tracks and their files"] = whole - without_tracks
    parts["label maps and the rest"] = whole - sum(parts.values())
    what = "milliseconds of one core for a frame of predict of 400 frames, without the network"
    return {"what": what, "ratio": whole, "parts": parts}


_FIRST_LABELS = (
    "import sys; from ssa2d_jax import Detector; next(iter(Detector.from_run('sprites').stream(sys.argv[1]))).joint"
)


def start_row(repeats: int) -> Row:
    """Seconds from the start of Python to a video's first labels, with compiled programs kept; not a ratio."""
    with tempfile.TemporaryDirectory() as folder:
        video, output = Path(folder, "video.mp4"), Path(folder, "labels")
        write_video(video, sprite_frames(20))
        environment = os.environ | {
            "JAX_COMPILATION_CACHE_DIR": folder,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        }
        whole = [sys.executable, "main.py", "--mode=predict", f"--input={video}", f"--output={output}"]
        run = lambda words: subprocess.run(words, env=environment, check=True, capture_output=True)
        first = seconds(lambda: run(whole))
        labels = [sys.executable, "-c", _FIRST_LABELS, str(video)]
        run(labels)
        pairs = [(seconds(lambda: run(labels)), seconds(lambda: run(whole))) for _ in range(repeats)]
    to_labels, to_end = (statistics.median(column) for column in zip(*pairs, strict=True))
    parts = {
        "`predict` of 20 frames, first start": first,
        "the same, later starts": to_end,
        "from Python to the first labels, later starts": to_labels,
    }
    return {
        "what": "seconds from the start of Python to the first labels, later starts",
        "ratio": to_labels,
        "parts": parts,
    }


def loop_row(repeats: int) -> Row:
    """Seconds of a step of the quick start's training loop, divided by those of forward and backward alone."""
    import jax
    import jax.numpy as jnp

    from benchmarks.speed import gradient_of
    from configs import sprites
    from input_pipeline.source import open_batches
    from ssa2d_jax.models.ssa2d import SSA2D
    from ssa2d_jax.steps import devices
    from ssa2d_jax.steps.state import build_model, init_state
    from ssa2d_jax.training import setup
    from ssa2d_jax.utils.host_memory import keep_freed_memory

    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        config = sprites.get_config()
        config.data.root, config.data.shards_dir = f"{folder}/Release", f"{folder}/prepared"
        config.data.sprites.train_clips, config.data.sprites.test_clips = 200, 45
        source = open_batches(config)
        parts = setup.make_step(config, source)
        model: SSA2D = build_model(config.model, source.space, stats_axis=None)
        state = init_state(model, parts.optimizer, config)
        variables = jax.tree.map(jnp.array, {"params": state.params, "batch_stats": state.batch_stats})
        batches, gradient = source.train_batches(0), gradient_of(model)
        x = jnp.asarray(next(batches)["video"], jnp.float32) / 127.5 - 1
        state = devices.replicate(state)

        def network() -> None:
            for _ in range(10):
                jax.block_until_ready(gradient(variables, x))

        def loop() -> None:
            nonlocal state
            for _ in range(10):
                state, sums = parts.train_step(state, devices.shard(next(batches)))
            jax.block_until_ready((state, sums))

        network()
        loop()
        pairs = [(seconds(network) / 10, seconds(loop) / 10) for _ in range(repeats)]
    alone, together = (statistics.median(column) for column in zip(*pairs, strict=True))
    found = {"forward and backward, seconds": alone, "the whole step, seconds": together}
    return {
        "what": "seconds of a training step, divided by forward and backward",
        "ratio": together / alone,
        "parts": found,
    }


def pixels_row(repeats: int) -> Row:
    """Seconds for a pixel of the network in OpenVINO at several sizes, in turn: the largest divided by the smallest."""
    sizes = (64, 112, 224, 448)
    keys = {(name, size): f"{name}, {size}x{size}, nanoseconds a pixel" for size in sizes for name in OWN}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            Path(folder, str(size)).mkdir()
        start = lambda name, size: Program(
            name, {"shape": [1, 16, size, size], "width": 1.0}, False, Path(folder, str(size))
        )
        programs = {key: start(*key) for key in keys}
        rounds = [{key: program.measure()["seconds"] for key, program in programs.items()} for _ in range(repeats)]
        for program in programs.values():
            program.end()
    found = {key: 1e9 * statistics.median(one[key] for one in rounds) / (16 * key[1] ** 2) for key in keys}
    ours = [value for (name, _), value in found.items() if name == "openvino"]
    what = "cost of a pixel in OpenVINO, the largest of these sizes divided by the smallest"
    return {"what": what, "ratio": max(ours) / min(ours), "parts": {keys[key]: value for key, value in found.items()}}


def frames_row(repeats: int) -> Row:
    """Seconds for a frame of streams of several lengths: the largest divided by the smallest."""
    from ssa2d_jax import Detector

    detector, frames = Detector.from_run("sprites"), sprite_frames(200)
    detector.compile()
    parts = {}
    for length in (16, 200, 2000):
        video = np.resize(frames, (length, *frames.shape[1:]))
        stream = lambda video=video: sum(1 for _ in detector.stream(video))
        found = statistics.median(seconds(stream) for _ in range(repeats))
        parts[f"{length} frames, milliseconds a frame"] = 1e3 * found / length
    what = "cost of a frame, the largest of these lengths divided by the smallest"
    return {"what": what, "ratio": max(parts.values()) / min(parts.values()), "parts": parts}


def sprite_frames(number: int) -> np.ndarray:
    """Frames [number, 128, 128, 3] of the sprites world, 20 a clip."""
    from input_pipeline.sprites.world import plan_clip
    from ssa2d_jax.data.label_space import A2D

    random, frames = np.random.default_rng(0), list[np.ndarray]()
    while len(frames) < number:
        actor, action = A2D.pairs[random.integers(len(A2D.pairs))]
        frames += [rgb for rgb, _ in plan_clip(random, [10 * actor + action], (128, 128), 20, 10.0, 8.0).frames()]
    return np.stack(frames[:number])


def write_video(path: Path, frames: np.ndarray) -> None:
    from ssa2d_jax.video.writer import VideoWriter

    with VideoWriter(path, height=frames.shape[1], width=frames.shape[2], time_base=Fraction(1, 12)) as writer:
        for i, frame in enumerate(frames):
            writer.write(frame, i)


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


ROWS: dict[str, Callable[[int], Row]] = {
    "forward": lambda repeats: network_row(False, PAPER, repeats),
    "gradient": lambda repeats: network_row(True, PAPER, repeats),
    "forward_small": lambda repeats: network_row(False, QUICK_START, repeats),
    "gradient_small": lambda repeats: network_row(True, QUICK_START, repeats),
    "forward_memory": lambda repeats: network_row(False, PAPER, 1, memory=True),
    "loop": loop_row,
    "stream": stream_row,
    "predict": lambda repeats: stream_row(repeats, files=True),
    "host": host_row,
    "start": start_row,
    "pixels": pixels_row,
    "frames": frames_row,
}

if __name__ == "__main__":
    main()
