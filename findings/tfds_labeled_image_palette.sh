#!/usr/bin/env bash
# Expected: tfds.features.LabeledImage, which is made for labels of segmentation, given the path of a PNG with a palette
# (the labels of DAVIS and PASCAL VOC), stores its class numbers, as it does for an array of them, or refuses it; and
# refuses numbers that are no class.
# Seen (TFDS 4.9.10, TensorFlow 2.21.0): the file is stored as it is and decoded as the brightness of the palette's
# colours: classes 0, 1, 2 come back as 0, 38, 75, although there are three classes. Of a 16-bit PNG with instances 300
# and 600 come 1 and 2, the upper bytes; so different instances become one. Nothing is said, in both cases. An array
# comes back as it was; numbers beyond the classes, too.
# Who meets it: whoever gives LabeledImage or Image paths of masks, as is usual for pictures.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 pillow==12.0.0 tensorflow-cpu==2.21.0 tensorflow-datasets==4.9.10
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON' 2>"$folder/log" || { cat "$folder/log"; exit 1; }
import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

classes = np.array([[0, 1, 2]], np.uint8)
picture = Image.fromarray(classes)
picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])  # the first colours of DAVIS and PASCAL VOC
picture.save("palette.png")
assert Image.open("palette.png").mode == "P" and (np.asarray(Image.open("palette.png")) == classes).all()
Image.fromarray(np.array([[0, 300, 301, 600]], np.uint16)).save("instances.png")
feature = tfds.features.LabeledImage(labels=["background", "dog", "cat"])
found = {
    name: feature.decode_example(feature.encode_example(value)).numpy().ravel().tolist()
    for name, value in {
        "palette": "palette.png",
        "16 bits": "instances.png",
        "array": classes[..., None],
        "array beyond the classes": classes[..., None] + 100,
    }.items()
}
print("TFDS", tfds.__version__, found)
assert found["array"] == [0, 1, 2] and found["array beyond the classes"] == [100, 101, 102], "the behaviour changed"
assert found["palette"] == [0, 38, 75] and found["16 bits"] == [0, 1, 1, 2], "the behaviour changed"
PYTHON
