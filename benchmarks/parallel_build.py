"""Measure how much faster two processes prepare videos in VidOR's layout than one, as a ratio within one run.

python -m benchmarks.parallel_build
"""

import argparse
import functools
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    # Imported here because the worker processes import this file, too.
    from input_pipeline.records.options import VidorOptions
    from input_pipeline.records.prepare import prepare_vidor
    from input_pipeline.sprites.render_vidor import VidorRenderOptions, render_vidor

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--frames", type=int, default=240, help="frames in a video (VidOR has 1000 on average)")
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--flow", default="", help="tvl1 or dis")
    arguments = parser.parse_args()
    options = VidorOptions(
        clip_frames=16, labels_per_clip=4, clips_per_video=4, store_height=0, jpeg_quality=95,
        flow=arguments.flow, flow_height=112 if arguments.flow else 0,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        release, seconds = f"{folder}/Release", {}
        test_clips = arguments.videos // 5
        clips = VidorRenderOptions(
            seed=0, train_clips=arguments.videos - test_clips, test_clips=test_clips,
            size=(arguments.height, arguments.width), frames=arguments.frames,
        )  # fmt: skip
        render_vidor(release, clips)
        for processes in (1, 2):
            start = time.perf_counter()
            prepare_vidor(release, f"{folder}/prepared{processes}", options, processes=processes)
            seconds[processes] = time.perf_counter() - start
        limit = machine_limit(Path(release))
    print(f"{arguments.videos} videos of {arguments.frames} frames, {arguments.width}x{arguments.height}: one process "
          f"{seconds[1]:.1f} s, two {seconds[2]:.1f} s, {seconds[1] / seconds[2]:.2f} times faster")  # fmt: skip
    print(f"decoding alone: two processes are {limit:.2f} times faster on this machine")


def machine_limit(release: Path) -> float:
    """How many times faster two running processes decode the release's videos than one."""
    from input_pipeline import workers
    from input_pipeline.releases import vidor

    files = [path for split in ("train", "test") for path in vidor.annotation_files(release, split)]
    work, seconds = functools.partial(_decode, release=release), {}
    for processes in (1, 2):
        with workers.Workers(processes) as pool:
            list(pool.in_order(work, files[:8]))  # starts the processes
            start = time.perf_counter()
            results = [result for _, result in pool.in_order(work, files)]
            seconds[processes] = time.perf_counter() - start
            failed = [result for result in results if isinstance(result, Exception)]
            if failed:
                raise failed[0]
    return seconds[1] / seconds[2]


def _decode(path: Path, release: Path) -> int:
    from input_pipeline.releases import vidor
    from ssa2d_jax.video.reader import read_frames

    return sum(1 for _ in read_frames(vidor.read_annotation(path, release).video, threads=1))


if __name__ == "__main__":
    main()
