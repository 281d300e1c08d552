#!/usr/bin/env bash
# Expected: Orbax refuses to restore an array into a template of another shape, as it does for jax arrays ("Requested
# shape: (2, 6) is not compatible with the stored shape: (3, 4)"), whatever kind of array the template holds; its
# arguments for restoring arrays are strict by default.
# Seen (orbax-checkpoint 0.12.8, jax 0.10.2): a NumPy array as template gives the stored shape (3, 4) without a word, by
# StandardCheckpointer and CheckpointManager, and so does a jax.ShapeDtypeStruct if the array was saved from NumPy. The
# template's dtype is obeyed at the same time: float32 becomes int8, and 1.75 becomes 1.
# Who meets it: whoever restores weights into NumPy arrays and relies on the template, for example after the number of
# classes changed: a bias of another length may even broadcast.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 orbax-checkpoint==0.12.8
cd "$folder"
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON' 2>"$folder/log" || { cat "$folder/log"; exit 1; }
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

folder = pathlib.Path.cwd()
saved = {"numpy": np.full((3, 4), 1.75, np.float32), "jax": jnp.full((3, 4), 1.75)}
templates = {
    "jax array": jnp.zeros((2, 6)),
    "ShapeDtypeStruct": jax.ShapeDtypeStruct((2, 6), jnp.float32),
    "numpy array": np.zeros((2, 6), np.float32),
    "numpy int8": np.zeros((2, 6), np.int8),
}


def result(restore):
    try:
        array = restore()["w"]
        return f"{array.shape} {array.dtype} {array.ravel()[0]}"
    except ValueError as error:
        return "refused: " + str(error).split(".")[0]


print("orbax-checkpoint", ocp.__version__, "jax", jax.__version__)
found = {}
with ocp.StandardCheckpointer() as checkpointer:
    for source, array in saved.items():
        checkpointer.save(folder / source, {"w": array})
        checkpointer.wait_until_finished()
        for name, template in templates.items():
            found[source, name] = result(lambda: checkpointer.restore(folder / source, {"w": template}))
with ocp.CheckpointManager(folder / "manager") as manager:
    manager.save(0, args=ocp.args.StandardSave({"w": saved["jax"]}))
    manager.wait_until_finished()
    restore = lambda: manager.restore(0, args=ocp.args.StandardRestore({"w": templates["numpy array"]}))
    found["jax, by CheckpointManager", "numpy array"] = result(restore)
for (source, name), text in found.items():
    print(f"saved from {source}, template {name}: {text}")

kept = "(3, 4) float32 1.75"
expected = {
    ("numpy", "ShapeDtypeStruct"): kept,
    ("numpy", "numpy array"): kept,
    ("jax", "numpy array"): kept,
    ("jax, by CheckpointManager", "numpy array"): kept,
    ("numpy", "numpy int8"): "(3, 4) int8 1",
    ("jax", "numpy int8"): "(3, 4) int8 1",
}
for place, text in found.items():
    right = text == expected[place] if place in expected else text.startswith("refused: Requested shape: (2, 6)")
    assert right, f"the behaviour changed: {place}: {text}"
PYTHON
