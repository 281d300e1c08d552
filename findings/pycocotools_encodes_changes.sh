#!/usr/bin/env bash
# Expected: pycocotools.mask.encode takes every value but 0 as mask, as NumPy and OpenCV do, or refuses other values
# than 0 and 1; it takes uint8 arrays, in which masks often are 0 and 255, smoothed at the edge, or numbers of
# instances.
# Seen (pycocotools 2.0.11): it notes where a value differs from the one before, down the columns, and takes each change
# for a change between mask and background. 0 and 255 work. A square of 16 pixels, half of them 1, half 2, becomes a
# mask of 20 pixels, of which 8 are in the square; a disc of 1369 pixels whose edge is smoothed becomes one of 972.
# Nothing is said.
# Also seen: masks of frames of different size are no error: iou gives -1, or 0 if their boxes don't overlap, and merge
# an empty mask of size 0x0.
# Who meets it: whoever encodes a label map, or a mask that was resized with interpolation, without comparing it first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 pycocotools==2.0.11
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from pycocotools import mask as coco


def encode(picture):
    return coco.encode(np.asfortranarray(picture))


def wrong(picture):
    """The number of pixels in which the mask isn't `picture != 0`."""
    return int(((picture != 0) != coco.decode(encode(picture)).astype(bool)).sum())


square = np.zeros((10, 10), np.uint8)
square[2:6, 2:6] = 1
two = square.copy()
two[2:4] *= 2  # the upper half is another instance
rows, columns = np.mgrid[:64, :64]
disc = np.clip(20 - np.hypot(rows - 32, columns - 32), -1, 1)
smooth = np.rint(127.5 * (disc + 1)).astype(np.uint8)  # two pixels of its edge are between 0 and 255
pictures = {"0 and 1": square, "0 and 255": 255 * square, "0, 1 and 2": two, "smoothed": smooth}
found = {name: (int((x != 0).sum()), int(coco.area(encode(x))), wrong(x)) for name, x in pictures.items()}
for name, (pixels, area, differ) in found.items():
    print(f"{name}: {pixels} pixels are not 0; the mask has {area} pixels, and {differ} are wrong")
small = encode(np.ones((5, 5), np.uint8))
corner = encode(np.pad(np.ones((2, 2), np.uint8), ((8, 0), (8, 0))))
overlap = [coco.iou([mask], [small], [0]).item() for mask in (encode(square), corner)]
merged = coco.merge([encode(square), small])
print("10x10 and 5x5: iou", overlap, "merge", merged["size"])
assert found["0 and 1"] == found["0 and 255"] == (16, 16, 0), "the behaviour changed"
assert found["0, 1 and 2"] == (16, 20, 20) and found["smoothed"] == (1369, 972, 397), "the behaviour changed"
assert not coco.decode(encode(two))[4:6].all() and coco.decode(encode(two))[2:6, 2:6].sum() == 8
assert overlap == [-1, 0] and merged["size"] == [0, 0], "the behaviour changed"
PYTHON
