#!/usr/bin/env bash
# Expected: imageio's FFMPEG plugin gives every frame of a video once, as its PyAV plugin does.
# Seen (imageio 2.38.1, imageio-ffmpeg 0.6.0, PyAV 18.0.0): of 30 frames, 15 of 40 ms and 15 of 200 ms, the PyAV plugin
# gives 30 and the FFMPEG plugin 86: it repeats frames so that all last equally long. The first 15 are right, frame 20
# of the video is its frame 40. Nothing is said.
# Who meets it: whoever takes frame numbers of labels from imageio, or passes its pictures on with such numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.0.0 imageio==2.38.1 imageio-ffmpeg==0.6.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from fractions import Fraction

import av
import imageio
import imageio.v3 as iio
import numpy as np

MILLISECONDS = 15 * [40] + 15 * [200]
with av.open("a.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=25, options={"bf": "0", "crf": "10"})
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1000)
    for i in range(30):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 16 + 4 * i, np.uint8), format="rgb24")
        frame.pts, frame.time_base = sum(MILLISECONDS[:i]), Fraction(1, 1000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
number = lambda picture: round((float(np.mean(picture)) - 16) / 4)
of_pyav, of_ffmpeg = ([number(x) for x in iio.imiter("a.mp4", plugin=name)] for name in ("pyav", "FFMPEG"))
print(f"imageio {imageio.__version__}: {len(of_pyav)} frames with pyav, {len(of_ffmpeg)} with FFMPEG: {of_ffmpeg}")
if of_pyav != list(range(30)):
    sys.exit("the PyAV plugin gives other frames: the behaviour changed")
if len(of_ffmpeg) <= 40 or of_ffmpeg[:15] != list(range(15)) or of_ffmpeg[40] == 40:
    sys.exit("the FFMPEG plugin gives other frames: the behaviour changed")
PYTHON
