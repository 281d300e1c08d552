#!/usr/bin/env bash
# Expected: clu.metrics.Std, which is there to be logged beside clu.metrics.Average, gives the standard deviation of the
# values to float32's precision, and computes with the jax that clu installs.
# Seen (clu 0.0.12): with jax 0.9.2 it does for 1, 2, 4; but 10000, 10001, 10002 and 256.1, 256.2, 256.3 have a
# deviation of exactly 0 (true: 0.816 and 0.082), and 20.00, 20.01, 20.02 one that is 4 % wrong: it is the mean of the
# squares minus the square of the mean, in float32. With jax 0.10.2, which clu allows, compute() raises a TypeError for
# any values: jnp.clip no longer knows a_min.
# Who meets it: whoever logs how step times, pixel counts or gradients vary; it looks as if they did not vary.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/program.py" <<'PYTHON'
import jax
import numpy as np
from clu import metrics

print("jax", jax.__version__)
for values in ([1, 2, 4], [10000, 10001, 10002], [256.1, 256.2, 256.3], [20.0, 20.01, 20.02]):
    x = np.array(values, np.float32)
    try:
        found = f"{float(metrics.Std.from_model_output(x).compute()):.6f}"
    except TypeError as error:
        found = f"TypeError: {error}"
    print(values, "true", f"{np.std(x, dtype=np.float64):.6f}", "found", found)
PYTHON
for version in 0.9.2 0.10.2; do
    [[ $version == 0.9* ]] && flax=0.12.4 || flax=0.12.8
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check \
        clu==0.0.12 flax==$flax jax==$version jaxlib==$version numpy==2.2.6
    said=$(JAX_PLATFORMS=cpu "$folder/$version/bin/python" -W ignore "$folder/program.py")
    echo "$said"
    if [[ $version == 0.9* ]]; then
        [[ $said == *"[1, 2, 4] true 1.247219 found 1.247219"* && $said == *"10002] true 0.816497 found 0.000000"* &&
            $said == *"256.3] true 0.08"*" found 0.000000"* && $said == *"20.02] true 0.0081"*" found 0.007812"* ]] ||
            { echo "the behaviour changed"; exit 1; }
    else
        [[ $(grep -c "found TypeError.*a_min" <<<"$said") == 4 ]] || { echo "the behaviour changed"; exit 1; }
    fi
done
