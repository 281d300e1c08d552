"""A process of benchmarks/peers.py: the network of one program, which runs once for every line on stdin.

Prints a line of JSON after each: the seconds that it took, and the process' peak memory. All programs hold the same
parameters; their outputs are compared before anything is timed.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import peak_bytes
from ssa2d_jax.utils.host_memory import keep_freed_memory

Run = Callable[[], list[np.ndarray]]
CLASSES = (8, 10)
LARGEST_DIFFERENCE = 1e-3  # of an output of the twin, relative to the largest output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", choices=["ssa2d_jax", "openvino", "torch", "torch_channels_last"])
    parser.add_argument("--folder", type=Path, required=True, help="where parameters and outputs are")
    parser.add_argument("--shape", type=json.loads, required=True, help="[clips, frames, height, width]")
    parser.add_argument("--width", type=float, required=True)
    parser.add_argument("--train", action="store_true", help="forward and backward")
    arguments = parser.parse_args()
    keep_freed_memory()
    video = np.random.default_rng(0).uniform(-1, 1, (*arguments.shape, 3)).astype(np.float32)
    if arguments.program == "ssa2d_jax":
        run = own(video, arguments.width, arguments.train, arguments.folder)
    elif arguments.program == "openvino":
        run = own_in_openvino(video, arguments.width, arguments.folder)
    else:
        run = twin(video, arguments.train, arguments.folder, arguments.program == "torch_channels_last")
    run()
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(json.dumps({"seconds": time.perf_counter() - start, "bytes": peak_bytes()}), flush=True)


def own(video: np.ndarray, width: float, train: bool, folder: Path) -> Run:
    """The network in this package; writes parameters and outputs into `folder`."""
    import jax
    import jax.numpy as jnp
    from flax.traverse_util import flatten_dict

    from benchmarks.speed import gradient_of
    from ssa2d_jax.models.ssa2d import SSA2D

    model, random = SSA2D(classes=CLASSES, encoder_width=width, decoder_width=width), np.random.default_rng(1)
    x = jnp.asarray(video)
    variables = jax.jit(model.init)(jax.random.key(0), x)
    # Biases and statistics that a new network does not have, so that the comparison sees them, too.
    noise = lambda a: 0.05 * np.abs(random.standard_normal(a.shape, np.float32)) if a.ndim < 5 else 0.0
    variables = jax.tree.map(lambda a: a + noise(a), variables)
    forward = jax.jit(model.apply)
    paths = {"/".join(path): np.asarray(value) for path, value in flatten_dict(variables).items()}
    arrays: dict[str, Any] = paths | {f"outputs/{i}": y for i, y in enumerate(forward(variables, x))}
    np.savez(folder / "network.npz", **arrays)
    function: Callable[..., Any] = gradient_of(model) if train else forward
    return lambda: jax.block_until_ready(function(variables, x))


def own_in_openvino(video: np.ndarray, width: float, folder: Path) -> Run:
    """The network in this package with OpenVINO as its backend, with the parameters in `folder`."""
    import jax
    from flax.traverse_util import unflatten_dict

    from ssa2d_jax.backends.openvino_network import prepare
    from ssa2d_jax.models.ssa2d import SSA2D

    arrays = dict(np.load(folder / "network.npz"))
    expected = {path.removeprefix("outputs/"): arrays.pop(path) for path in list(arrays) if path.startswith("outputs/")}
    variables = unflatten_dict({tuple(path.split("/")): x for path, x in arrays.items()})
    model = SSA2D(classes=CLASSES, encoder_width=width, decoder_width=width)
    request = prepare(lambda x: model.apply(variables, x), jax.ShapeDtypeStruct(video.shape, video.dtype))
    arrays.clear()
    variables.clear()
    run = lambda: list(request.infer([video]).values())
    compare(run(), expected)
    return run


def twin(video: np.ndarray, train: bool, folder: Path, channels_last: bool) -> Run:
    """The network in PyTorch, with the parameters in `folder`."""
    import torch

    from benchmarks.torch_twin import Twin

    arrays = dict(np.load(folder / "network.npz"))
    part = lambda prefix: {path.removeprefix(prefix): x for path, x in arrays.items() if path.startswith(prefix)}
    layout = torch.channels_last_3d if channels_last else torch.contiguous_format
    x = torch.from_numpy(video).permute(0, 4, 1, 2, 3).contiguous(memory_format=layout)
    with torch.inference_mode():
        outputs = Twin(part("params/"), part("batch_stats/"), channels_last, train=False)(x)
        compare([y.permute(0, 2, 3, 4, 1).numpy() for y in outputs], part("outputs/"))
    network = Twin(part("params/"), part("batch_stats/"), channels_last, train)
    arrays.clear()

    def forward() -> Any:
        with torch.inference_mode():
            return network(x)

    def gradient() -> Any:
        network.zero_grad(set_to_none=True)
        torch.stack([(y**2).mean() for y in network(x)]).sum().backward()

    return gradient if train else forward


def compare(outputs: list[np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Ends the process unless a program's outputs are those of this package in jax."""
    for i, y in enumerate(outputs):
        difference = np.abs(y - expected[str(i)]).max() / np.abs(expected[str(i)]).max()
        if not difference < LARGEST_DIFFERENCE:
            sys.exit(f"error: output {i} differs by {difference:.2g} of the largest value")


if __name__ == "__main__":
    main()
