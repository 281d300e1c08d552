"""Compare an update of this package's Muon with optax's, whose changes are the same, and with Adam's.

python -m benchmarks.optimizers               the quick start's network
python -m benchmarks.optimizers --width=1     the paper's

The programs run in turn; medians. Let nothing else run meanwhile.
"""

import argparse
import statistics
import time

import jax
import numpy as np
import optax

from configs import sprites
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.steps import optimizer
from ssa2d_jax.steps.state import build_model, variable_shapes
from ssa2d_jax.utils.host_memory import keep_freed_memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=float, help="of encoder and decoders")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    keep_freed_memory()
    config = sprites.get_config()
    config.train.clip_gradient, config.train.temporal_lr_scale = 0.0, 1.0
    if arguments.width:
        config.model.encoder_width = config.model.decoder_width = arguments.width
    model = build_model(config.model, A2D, stats_axis=None)
    shapes = variable_shapes(model, config)["params"]
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: jax.numpy.asarray(rng.standard_normal(x.shape, np.float32)), shapes)
    rate = lambda _: 1e-3
    rules = {
        "muon, this package": optimizer.make_optimizer(config.train, rate),
        "muon, optax": optax.contrib.muon(rate, muon_weight_dimension_numbers=optimizer.as_matrices),
        "adam, optax": optax.adamw(1e-3),
    }
    programs = {}
    for name, rule in rules.items():
        state = rule.init(params)
        start = time.perf_counter()
        program = jax.jit(rule.update).lower(params, state, params).compile()
        programs[name] = program, state, time.perf_counter() - start
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(arguments.repeats + 1):  # the first isn't counted
        for name, (program, state, _) in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program(params, state, params))
            times[name].append(time.perf_counter() - start)
    print(f"{sum(x.size for x in jax.tree.leaves(params)) / 1e6:.2f} M parameters")
    for name, seconds in times.items():
        print(f"{name:<20} {1000 * statistics.median(seconds[1:]):7.1f} ms, compiled in {programs[name][2]:.1f} s")


if __name__ == "__main__":
    main()
