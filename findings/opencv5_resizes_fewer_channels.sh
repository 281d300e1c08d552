#!/usr/bin/env bash
# Expected: OpenCV 5 resizes an array [H, W, C] wherever OpenCV 4 does, which takes up to 512 channels: feature maps of a
# network (256 to 512 channels), one-hot labels or logits of hundreds of classes.
# Seen (opencv-python-headless 5.0.0.93): from 129 channels on it raises "m->dims <= 2", which says nothing of channels:
# an array with more than 128 is taken for one of three dimensions. 4.12.0.88 resizes 129, 256 and 512 channels.
# Who meets it: whoever enlarges feature maps or class scores with cv2.resize and has not pinned OpenCV below 5.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/program.py" <<'PYTHON'
import cv2
import numpy as np

found = {}
for channels in (128, 129, 256, 512):
    x = np.random.default_rng(0).random((6, 8, channels), np.float32)
    try:
        y = cv2.resize(x, (16, 12), interpolation=cv2.INTER_LINEAR)
        planes = [cv2.resize(np.ascontiguousarray(x[..., c]), (16, 12)) for c in (0, channels - 1)]
        assert y.shape == (12, 16, channels) and np.allclose(y[..., [0, -1]], np.stack(planes, -1), atol=1e-5)
        found[channels] = "resized"
    except cv2.error as error:
        found[channels] = f"error: {error.err}"
print(cv2.__version__, found)
PYTHON
for version in 4.12.0.88 5.0.0.93; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==$version numpy==2.2.6
    said=$("$folder/$version/bin/python" "$folder/program.py")
    echo "$said"
    if [[ $version == 4* ]]; then
        [[ $said != *error* ]] || { echo "OpenCV 4 behaves otherwise"; exit 1; }
    else
        [[ $said == *"128: 'resized'"* && $said == *"129: 'error: m->dims <= 2'"* && $said == *"512: 'error"* ]] ||
            { echo "the behaviour changed"; exit 1; }
    fi
done
