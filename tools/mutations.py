"""Reads damaged copies of every kind of input file, to see that each ends in one of our own errors.

    python -m tools.mutations --count=1000            about five minutes
    python -m tools.mutations --kinds=csv,png

Every copy is damaged in another way, decided by --seed. A process of its own reads them, one after another; it is
replaced when it dies or takes too long. What is not allowed: another exception than InputError, a crash, more than
--seconds for a file, more than --memory megabytes.
"""

import argparse
import collections
import dataclasses
import importlib
import json
import resource
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np

from ssa2d_jax.utils.errors import InputError

_MOST_CHANGES = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="damaged copies of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--memory", type=int, default=1500, help="MB above what the process has without a file")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--reader", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.reader:
        read_forever(arguments.reader)
        return
    kinds = arguments.kinds.split(",")
    if unknown := sorted(set(kinds) - set(KINDS)):
        sys.exit(f"error: no kind {', '.join(unknown)}; there are {', '.join(KINDS)}")
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            failures += run_kind(kind, Path(folder) / kind, arguments)
    sys.exit(f"{failures} copies ended otherwise than in one of our errors" if failures else 0)


def run_kind(kind: str, folder: Path, arguments: argparse.Namespace) -> int:
    """Reads all copies of one kind, prints a line, and returns how many ended in a way that is not allowed."""
    folder.mkdir()
    original = KINDS[kind][0](folder)
    content = original.read_bytes()
    reader = Reader(kind)
    outcomes: collections.Counter[str] = collections.Counter()
    largest, slowest, failed = 0.0, 0.0, []
    for number in range(arguments.count):
        original.write_bytes(mutate(content, np.random.default_rng([arguments.seed, number])))
        answer = reader.read(original, arguments.seconds)
        too_large = answer.megabytes > arguments.memory
        outcome = "memory" if too_large else answer.outcome
        outcomes[outcome] += 1
        if too_large:
            reader.close()
            reader = Reader(kind)
        largest, slowest = max(largest, answer.megabytes), max(slowest, answer.seconds)
        if outcome not in ("read", "InputError"):
            failed.append(f"  {kind}, copy {number}: {outcome} {answer.text}")
    reader.close()
    counts = ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items()))
    print(f"{kind}: {counts}; at most {largest:.0f} MB more, {slowest:.1f} s", flush=True)
    print("\n".join(failed), end="\n" * bool(failed), flush=True)
    return len(failed)


@dataclasses.dataclass(frozen=True)
class Answer:
    """How reading a file ended, with the memory and the time that it took."""

    outcome: str
    megabytes: float = 0.0
    seconds: float = 0.0
    text: str = ""


class Reader:
    """A process that reads files of one kind."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tools.mutations", f"--reader={self._kind}"]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout
        process.stdout.readline()  # it is ready
        return process

    def read(self, path: Path, seconds: float) -> "Answer":
        """How reading the file ended."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        line = self._process.stdout.readline() if ready else ""
        if line:
            return Answer(**json.loads(line))
        self._process.kill()
        outcome = "crash" if ready else "hang"
        self._process.wait()
        self._process = self._start()
        return Answer(outcome)

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()


def read_forever(kind: str) -> None:
    """Reads the files that are named on stdin, and prints how each ended as a line of JSON."""
    import time

    read = KINDS[kind][1]
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers = sys.stdout
    sys.stdout = sys.stderr  # remarks of the readers
    print("ready", file=answers, flush=True)
    base: float | None = None
    for line in sys.stdin:
        start = time.perf_counter()
        outcome, text = "read", ""
        if base is None:
            base = peak()
        try:
            read(Path(line.rstrip("\n")))
        except InputError:
            outcome = "InputError"
        except Exception as error:  # what this program looks for
            outcome, text = "exception", repr(error)[:200]
        answer = Answer(outcome, peak() - base, time.perf_counter() - start, text)
        print(json.dumps(dataclasses.asdict(answer)), file=answers, flush=True)


def mutate(content: bytes, random: np.random.Generator) -> bytes:
    """A damaged copy: bytes are changed, removed, doubled or moved, or the end is missing."""
    data = bytearray(content)
    for _ in range(int(random.integers(1, _MOST_CHANGES + 1))):
        if not data:
            break
        start = int(random.integers(len(data)))
        size = int(random.integers(1, 1 + min(64, len(data) - start)))
        kind = int(random.integers(6))
        if kind == 0:
            data[start] ^= 1 << int(random.integers(8))
        elif kind == 1:
            data[start : start + size] = random.integers(0, 256, size, np.uint8).tobytes()
        elif kind == 2:
            del data[start : start + size]
        elif kind == 3:
            data[start:start] = data[start : start + size]
        elif kind == 4:
            data[start : start + size] = bytes([int(random.choice([0, 255, 48, 57, 45, 44, 34, 91, 123]))]) * size
        elif random.random() < 0.3:
            del data[start:]
    return bytes(data)


def _write_video(folder: Path) -> Path:
    from ssa2d_jax.video.writer import VideoWriter

    random = np.random.default_rng(0)
    with VideoWriter(folder / "a.mp4", height=48, width=64, time_base=Fraction(1, 25)) as writer:
        for i in range(20):
            writer.write(random.integers(0, 256, (48, 64, 3), np.uint8), i)
    return folder / "a.mp4"


def _write_broadcast(folder: Path) -> Path:
    """Interlaced MPEG-2 in a transport stream."""
    from av.codec.context import Flags

    videos = importlib.import_module("tests.fixtures.encoded_video")
    flags = Flags.interlaced_dct | Flags.interlaced_me
    path: Path = videos.encode(folder / "a.ts", map(videos.square, range(20)), codec="mpeg2video", flags=flags)
    return path


def _write_tiff(folder: Path) -> Path:
    from PIL import Image

    pages = [Image.fromarray(np.full((48, 64, 3), 40 * i, np.uint8)) for i in range(4)]
    pages[0].save(folder / "a.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    return folder / "a.tif"


def _read_video(path: Path) -> None:
    from ssa2d_jax.video.reader import probe, read_frames

    probe(path)
    for _ in read_frames(path, max_pixels=1 << 20):
        pass


def _write_png(folder: Path) -> Path:
    from ssa2d_jax.utils.images import write_png

    labels = np.zeros((48, 64), np.uint8)
    labels[10:30, 10:40], labels[20:40, 30:60] = 1, 2
    write_png(folder / "00000.png", labels)
    return folder / "00000.png"


def _read_png(path: Path) -> None:
    from input_pipeline.releases.label_files.meaning import read_instances

    read_instances(path, (1, 2))


def _write_csv(folder: Path) -> Path:
    rows = ["video,instance,actor,action,first,last,split"]
    rows += [f"clip_{i},{1 + i % 3},dog,{'running' if i % 2 else 'sitting'},{i},{i + 9},train" for i in range(12)]
    rows += ["clip_90,1,cat,sitting,0,,test"]
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder / "labels.csv"


def _read_csv(path: Path) -> None:
    from input_pipeline.releases import folder_table

    folder_table.read_table(path.parent)


def _json_content(video: Mapping[str, object], segment: Callable[[int], object]) -> dict[str, object]:
    annotations = [
        {"id": i, "video_id": 1, "category_id": i, "iscrowd": 0, "action": "running",
         "segmentations": [segment(i) if frame % 2 else None for frame in range(6)]}
        for i in (1, 2)
    ]  # fmt: skip
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    return {"videos": [{"id": 1, **video}], "annotations": annotations, "categories": categories}


def _segment(i: int) -> dict[str, object]:
    return {"size": [12, 16], "counts": [10 * i, 30, 192 - 10 * i - 30]}


def _write_youtube_vis(folder: Path) -> Path:
    names = [f"a/{i:05d}.jpg" for i in range(6)]
    content = _json_content({"height": 12, "width": 16, "file_names": names}, _segment)
    (folder / "instances.json").write_text(json.dumps(content))
    return folder / "instances.json"


def _write_tracks(folder: Path) -> Path:
    content = _json_content({"height": 12, "width": 16, "file_name": "a.mp4", "length": 6}, _segment)
    for annotation in content["annotations"]:  # type: ignore[attr-defined]
        del annotation["action"]
        annotation["actions"] = [{"action": "running", "first": 0, "last": 5}]
    (folder / "tracks.json").write_text(json.dumps(content))
    return folder / "tracks.json"


def _read_json(path: Path) -> None:
    from input_pipeline.releases import youtube_vis

    name = "a" if path.name == "tracks.json" else None
    for video in youtube_vis.read_videos(path, name).values():
        for frame in video.frames:
            frame.draw()


def _write_mat(folder: Path) -> Path:
    import h5py

    codes = np.zeros((48, 32), np.uint8)
    codes[10:30, 8:20] = 11
    with h5py.File(folder / "00001.mat", "w") as file:
        file["reS_id"], file["reMask"] = codes, (codes > 0).astype(np.uint8)[None]
    return folder / "00001.mat"


def _read_mat(path: Path) -> None:
    from input_pipeline.releases.a2d import read_annotation

    read_annotation(path)


def _write_weights(folder: Path) -> Path:
    from ssa2d_jax.utils import safetensors_file

    tensors = {f"layer_{i}/kernel": np.ones((3, 4), np.float32) for i in range(4)}
    safetensors_file.save(folder / "a.safetensors", tensors, {"step": 1, "config": {"a": [1, 2]}})
    return folder / "a.safetensors"


def _write_torch(folder: Path) -> Path:
    """What torch.save writes of tensors in bfloat16 and float32."""
    weights = importlib.import_module("tests.fixtures.fake_weights")
    half = weights.TorchTensor("BFloat16Storage", b"\x80\x3f" * 12, 12, 0, (3, 4), (4, 1))
    weights.write_torch(folder / "a.pt", {"state_dict": {"a.weight": half, "a.bias": np.ones(3, np.float32)}})
    return folder / "a.pt"


def _read_torch(path: Path) -> None:
    from ssa2d_jax.pretrained import reader

    reader.read_weights(str(path))


def _read_weights(path: Path) -> None:
    from ssa2d_jax.pretrained import reader
    from ssa2d_jax.utils import safetensors_file

    safetensors_file.load(path)
    reader.read_weights(str(path))


# Writes a valid file into a folder; reads a file.
KINDS: Mapping[str, tuple[Callable[[Path], Path], Callable[[Path], None]]] = {
    "mp4": (_write_video, _read_video),
    "ts": (_write_broadcast, _read_video),
    "tiff": (_write_tiff, _read_video),
    "png": (_write_png, _read_png),
    "csv": (_write_csv, _read_csv),
    "youtube_vis": (_write_youtube_vis, _read_json),
    "tracks": (_write_tracks, _read_json),
    "mat": (_write_mat, _read_mat),
    "safetensors": (_write_weights, _read_weights),
    "torch": (_write_torch, _read_torch),
}


if __name__ == "__main__":
    main()
