#!/usr/bin/env bash
# Expected, as the documentation of VideoReformatter.reformat says: dst_color_trc "sets frame metadata only; it does not
# perform a pixel-level transfer function conversion".
# Seen (PyAV 18.1.0 with its own FFmpeg): the pixels are converted. A frame tagged as HLG becomes other RGB with
# dst_color_trc than without.
# Who meets it: whoever retags frames and gets other colours; and whoever looks for HDR to SDR without a filter graph,
# since this is it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc

frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), (200, 120, 60), np.uint8), format="rgb24")
frame = frame.reformat(format="yuv420p10le")
frame.color_trc, frame.color_primaries, frame.colorspace = 18, 9, 9  # HLG, BT.2020
plain = frame.reformat(format="rgb24")
tagged = frame.reformat(format="rgb24", dst_color_trc=ColorTrc.BT709, dst_color_primaries=ColorPrimaries.BT709)
first, second = (picture.to_ndarray()[16, 16].tolist() for picture in (plain, tagged))
print(f"PyAV {av.__version__}: without {first}, with dst_color_trc {second}")
if np.abs(np.subtract(first, second)).max() < 10:
    sys.exit("the pixels are the same: the behaviour changed")
PYTHON
