#!/usr/bin/env bash
# Expected: on a CPU, the kernel's gradient of a dense layer costs the same whether its input is [B, T, H, W, C] or the
# same numbers as [N, C]; nothing is copied in either case, as all axes but the last are summed.
# Seen (jax and jaxlib 0.10.2, flax 0.12.8, x86-64): with five axes the compiled program first writes the gradient of
# the output transposed, channels first, which took as long as the product itself; flattened to two axes it doesn't.
# Who meets it: whoever trains flax.linen.Dense, or convolutions of 1x1x1, on images or video on CPUs.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2 flax==0.12.8 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import re
import time

import flax
import flax.linen as nn
import jax
import jaxlib
import numpy as np

random = np.random.default_rng(0)
x = random.normal(size=(8, 4, 32, 32, 96)).astype(np.float32)
cotangent = random.normal(size=(8, 4, 32, 32, 108)).astype(np.float32)
layer = nn.Dense(108, use_bias=False)
kernel = layer.init(jax.random.key(0), x[0, 0, 0])["params"]["kernel"]


def five_axes(kernel, x):
    return layer.apply({"params": {"kernel": kernel}}, x)


def flattened(kernel, x):
    return five_axes(kernel, x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)


print(f"jax {jax.__version__}, jaxlib {jaxlib.__version__}, flax {flax.__version__}")
copies, gradients = {}, {}
for function in (five_axes, flattened):
    gradient = jax.jit(lambda k, x, g: jax.vjp(lambda k: function(k, x), k)[1](g)[0])
    program = gradient.lower(kernel, x, cotangent).compile()
    lines = re.findall(r"= (f32\[[\d,]+\])\S* (?:copy|transpose)\(", program.as_text())
    large = [shape for shape in lines if np.prod([int(size) for size in shape[4:-1].split(",")]) == cotangent.size]
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        gradients[function] = jax.block_until_ready(program(kernel, x, cotangent))
        seconds.append(time.perf_counter() - start)
    copies[function] = large
    print(f"{function.__name__}: {1e3 * min(seconds):.1f} ms, copied first: {', '.join(large) or 'nothing'}")
np.testing.assert_allclose(gradients[five_axes], gradients[flattened], atol=0.05)
assert copies[five_axes], "nothing is copied any more: the behaviour changed"
assert not copies[flattened], "no longer a remedy"
PYTHON
