#!/usr/bin/env bash
# Expected: tfds.features.LabeledImage, which is made for labels of segmentation, given the path of a PNG with a palette
# (the labels of DAVIS and PASCAL VOC), gives its class numbers back, as it does for an array of them, or refuses it;
# and refuses numbers that are no class. The same of tfds.features.Image with one channel.
# Seen (TFDS 4.9.10, TensorFlow 2.21.0): the file is stored as it is, and decoded (decode_example, as for tf.data) as
# the brightness of the palette's colours: classes 0, 1, 2 come back as 0, 38, 75, although there are three classes. Of
# a 16-bit PNG with instances 300, 301 and 600 come 1, 1 and 2, the upper bytes, unless dtype=np.uint16 was said; so
# different instances become one. Nothing is said, in both cases. An array comes back as it was; numbers beyond the
# classes, too.
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
labels = tfds.features.LabeledImage(labels=["background", "dog", "cat"])
deep = tfds.features.LabeledImage(labels=["background", "dog", "cat"], dtype=np.uint16)
image = tfds.features.Image(shape=(None, None, 1))
found = {
    name: feature.decode_example(feature.encode_example(value)).numpy().ravel().tolist()
    for name, feature, value in [
        ("palette", labels, "palette.png"),
        ("palette, Image", image, "palette.png"),
        ("16 bits", labels, "instances.png"),
        ("16 bits, uint16", deep, "instances.png"),
        ("array", labels, classes[..., None]),
        ("array beyond the classes", labels, classes[..., None] + 100),
    ]
}
print("TFDS", tfds.__version__, found)
assert found["array"] == [0, 1, 2] and found["array beyond the classes"] == [100, 101, 102], "the behaviour changed"
assert found["palette"] == found["palette, Image"] == [0, 38, 75], "the behaviour changed"
assert found["16 bits"] == [0, 1, 1, 2] and found["16 bits, uint16"] == [0, 300, 301, 600], "the behaviour changed"
PYTHON
