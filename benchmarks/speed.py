"""Measure speed and memory of the network on this machine, compared with a matmul in the same run.

python -m benchmarks.speed                              the paper's size: 16x224x224, width 1, one clip
python -m benchmarks.speed --size 64 --width 0.25 --batch 8 --train
python -m benchmarks.speed --flow                       two streams, and the time to estimate flow
python -m benchmarks.speed --input                      the sprites' input pipeline, after
                                                        python main.py --config=configs/sprites.py --mode=prepare
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from benchmarks.memory import peak_bytes
from ssa2d_jax.models.encoders import ENCODERS
from ssa2d_jax.models.lowering import Lowering, use_lowering
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.host_memory import keep_freed_memory
from ssa2d_jax.video import optical_flow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--size", type=int, default=224, help="height and width in pixels")
    parser.add_argument("--width", type=float, default=1.0, help="multiplies the channels of encoder and decoders")
    parser.add_argument("--encoder", choices=ENCODERS, default="i3d")
    parser.add_argument("--batch", type=int, default=1, help="clips at a time")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--train", action="store_true", help="time forward and backward, too")
    parser.add_argument("--flow", action="store_true", help="two streams; also time flow estimation per frame")
    parser.add_argument("--input", action="store_true", help="time the sprites' input pipeline instead")
    arguments = parser.parse_args()
    keep_freed_memory()
    if arguments.input:
        measure_input()
    else:
        measure_network(arguments)


def measure_network(arguments: argparse.Namespace) -> None:
    width = arguments.width
    model = SSA2D(
        classes=(8, 10),
        encoder=arguments.encoder,
        encoder_width=width,
        decoder_width=width,
        flow=arguments.flow,
    )
    shape = (arguments.batch, arguments.frames, arguments.size, arguments.size, 3)
    inputs = [jax.random.normal(jax.random.key(0), shape)]
    if arguments.flow:
        measure_flow(arguments.size)
        inputs.append(jax.random.normal(jax.random.key(1), (*shape[:4], 2)))
    variables = jax.jit(model.init)(jax.random.key(0, impl="rbg"), *inputs)
    parameters = sum(x.size for x in jax.tree.leaves(variables["params"]))
    clips = f"{arguments.batch} clips of {'x'.join(map(str, shape[1:4]))}"
    print(f"{parameters / 1e6:.2f} M parameters, {clips}, {jax.devices()[0]}")

    forward = jax.jit(model.apply)
    seconds, compiling = timed(forward, variables, *inputs, repeats=arguments.repeats)
    flops, limit = model_flops(model, variables, *inputs), matmul_speed()
    print(f"forward: {seconds / arguments.batch:.3f} s a clip (compiled in {compiling:.0f} s)")
    print(f"  {flops / arguments.batch / 1e9:.1f} GFLOP a clip: {flops / seconds / 1e9:.0f} GFLOP/s")
    print(f"  {100 * flops / seconds / limit:.0f} % of a 2048^3 matmul's {limit / 1e9:.0f} GFLOP/s, same run")
    print(f"  peak memory of the process so far: {peak_gib():.2f} GiB")
    if arguments.train:
        seconds, compiling = timed(gradient_of(model), variables, *inputs, repeats=arguments.repeats)
        print(f"forward and backward: {seconds / arguments.batch:.3f} s a clip (compiled in {compiling:.0f} s)")
        print(f"  {arguments.batch / seconds:.1f} clips a second; peak memory {peak_gib():.2f} GiB")


def gradient_of(model: SSA2D) -> Callable[..., Any]:
    """Compiled gradient of a loss over all outputs, with batch norm in training mode."""

    def loss(params: PyTree, batch_stats: PyTree, *inputs: jax.Array) -> Any:
        variables = {"params": params, "batch_stats": batch_stats}
        outputs, updates = model.apply(variables, *inputs, train=True, mutable=["batch_stats"])
        return sum(jnp.mean(x**2) for x in jax.tree.leaves(outputs)), updates

    gradient = jax.jit(jax.grad(loss, has_aux=True))
    return lambda variables, *inputs: gradient(variables["params"], variables["batch_stats"], *inputs)


def measure_flow(size: int) -> None:
    """Print the time per frame of both methods, on a picture that moves."""
    noise = np.random.default_rng(0).integers(0, 256, (size + 4, size + 4)).astype(np.uint8)
    big = cv2.GaussianBlur(noise, (0, 0), 3)
    for method in optical_flow.METHODS:
        seconds, _ = timed(optical_flow.estimate, big[:-4, :-4], big[2:-2, 1:-3], method, repeats=5)
        print(f"optical flow {method}: {1000 * seconds:.1f} ms a frame of {size}x{size}")


def model_flops(model: SSA2D, variables: PyTree, *inputs: jax.Array) -> float:
    """Floating point operations of a forward pass in its plain form, counted by XLA."""
    with use_lowering(Lowering.PLAIN):
        costs = jax.jit(lambda v, *x: model.apply(v, *x)).lower(variables, *inputs).cost_analysis()
    return costs["flops"] if costs else float("nan")


def matmul_speed(size: int = 2048, dtype: Any = jnp.float32) -> float:
    """Floating point operations a second of a square matmul."""
    x = jax.random.normal(jax.random.key(0), (size, size), dtype)
    seconds, _ = timed(jax.jit(jnp.dot), x, x, repeats=7)
    return 2 * size**3 / seconds


def timed(function: Callable[..., Any], *arguments: Any, repeats: int) -> tuple[float, float]:
    """Returns the median seconds of a call, and the seconds of the first call, which compiles."""
    start = time.perf_counter()
    jax.block_until_ready(function(*arguments))
    compiling, seconds = time.perf_counter() - start, []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), compiling


def peak_gib() -> float:
    return peak_bytes() / 2**30


def measure_input() -> None:
    from configs import sprites
    from input_pipeline import source

    config = sprites.get_config()
    data = config.data
    data.sprites.train_clips = 0  # render nothing
    try:
        batches = source.open_batches(config).train_batches(0)
    except InputError as error:
        sys.exit(f"error: {error}\nrun first: python main.py --config=configs/sprites.py --mode=prepare")
    next(batches)
    count, start = 100, time.perf_counter()
    for _ in range(count):
        next(batches)
    rate = config.train.batch_size * count / (time.perf_counter() - start)
    print(f"input: {rate:.0f} augmented clips of {data.clip_frames}x{data.size[0]}x{data.size[1]} a second")


if __name__ == "__main__":
    main()
