#!/usr/bin/env bash
# Expected: openvino.convert_model takes the jaxpr of a function with relu, as its documents say of jax and Flax models.
# Seen (OpenVINO 2026.4.1, jax 0.10.2): relu, which has a derivative of its own, ends in an AttributeError: the converter
# takes the equation's parameters for numbers, and among them are functions. silu has no such derivative but is jitted,
# and there is no rule for the operation "jit", as jax calls it since the name "pjit" went. max(x, 0) is converted.
# Who meets it: whoever wants to run a network of jax or Flax in OpenVINO.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    openvino==2026.4.1 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1 ml_dtypes==0.6.0 opt_einsum==3.4.0 packaging==25.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import jax
import jax.numpy as jnp
import openvino


def convert(function):
    try:
        openvino.convert_model(jax.make_jaxpr(function)(jnp.ones((1, 4))))
        return "converted"
    except Exception as error:
        text = str(error)
        return "AttributeError" if "AttributeError" in text else "no rule: jit" if "operations: jit" in text else text


functions = {"x + 1": lambda x: x + 1, "max(x, 0)": lambda x: jnp.maximum(x, 0), "relu": jax.nn.relu, "silu": jax.nn.silu}
seen = {name: convert(function) for name, function in functions.items()}
print(openvino.__version__, jax.__version__, seen)
expected = {"x + 1": "converted", "max(x, 0)": "converted", "relu": "AttributeError", "silu": "no rule: jit"}
sys.exit(0 if seen == expected else f"this has changed; it was {expected}")
PYTHON
