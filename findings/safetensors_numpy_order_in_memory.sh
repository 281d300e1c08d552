#!/usr/bin/env bash
# Expected: safetensors.numpy.save writes the values of an array, whatever their order in memory, as it did up to 0.7.0;
# or it refuses arrays that aren't C-contiguous, as safetensors.torch does.
# Seen (safetensors 0.8.0, NumPy 2.4.6): a transposed kernel is written in the order of its memory under its new shape,
# so that it comes back with all values in other places. Nothing is said. 0.7.0 writes it right.
# Who meets it: whoever turns kernels of PyTorch (channels first) into those of Flax (channels last) with NumPy's
# transpose and saves them. np.ascontiguousarray before saving is enough.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/program.py" <<'PYTHON'
import numpy as np
import safetensors
from safetensors.numpy import load, save

kernel = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
turned = kernel.transpose(2, 1, 0)
found = {
    name: bool((load(save({"kernel": x}))["kernel"] == turned).all())
    for name, x in {"transposed": turned, "copied": np.ascontiguousarray(turned)}.items()
}
print("safetensors", safetensors.__version__, "comes back as it was:", found)
PYTHON
for version in 0.7.0 0.8.0; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 safetensors==$version
    said=$("$folder/$version/bin/python" "$folder/program.py")
    echo "$said"
    [[ $version == 0.7.0 ]] && transposed=True || transposed=False
    [[ $said == *"'transposed': $transposed, 'copied': True"* ]] || { echo "the behaviour changed"; exit 1; }
done
