#!/usr/bin/env bash
# Expected: imageio's FFMPEG plugin gives every frame of a video once, as its PyAV plugin does, and
# tfds.features.Video, given the path of a video, stores every frame once.
# Seen (imageio 2.38.1, imageio-ffmpeg 0.6.0, PyAV 18.0.0, TFDS 4.9.10): of 30 frames, 15 of 40 ms and 15 of 200 ms, the
# PyAV plugin gives 30, the FFMPEG plugin 86 and TFDS 86: they repeat frames so that all last equally long. The first 15
# are right, frame 20 of the video is their frame 40. Nothing is said. TFDS stores the 30 frames with
# ffmpeg_extra_args=("-fps_mode", "passthrough"); its documentation names that argument, and no case that needs it.
# Who meets it: whoever takes frame numbers of labels from imageio, or puts labels beside a video of a phone in TFDS.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.0.0 imageio==2.38.1 imageio-ffmpeg==0.6.0 numpy==2.4.6 tensorflow-cpu==2.21.0 tensorflow-datasets==4.9.10
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PYTHON' 2>"$folder/log" || { cat "$folder/log"; exit 1; }
import io
import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import imageio
import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np
import tensorflow_datasets as tfds

Path("ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())  # TFDS runs the ffmpeg on the path
os.environ["PATH"] = f"{Path.cwd()}:{os.environ['PATH']}"
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


def numbers(pictures):
    """The numbers of frames, which their grey says."""
    return [round((float(np.mean(picture)) - 16) / 4) for picture in pictures]


def by_tfds(arguments):
    feature = tfds.features.Video(shape=(None, 48, 64, 3), ffmpeg_extra_args=arguments)
    return numbers(iio.imread(io.BytesIO(data), extension=".png") for data in feature.encode_example("a.mp4"))


of_pyav, of_ffmpeg = (numbers(iio.imiter("a.mp4", plugin=name)) for name in ("pyav", "FFMPEG"))
of_tfds, of_passed_through = by_tfds(()), by_tfds(("-fps_mode", "passthrough"))
print(f"imageio {imageio.__version__}: {len(of_pyav)} frames with pyav, {len(of_ffmpeg)} with FFMPEG: {of_ffmpeg}")
print(f"TFDS {tfds.__version__}: {len(of_tfds)} frames, {len(of_passed_through)} with passthrough: {of_tfds}")
if of_pyav != list(range(30)) or of_passed_through != of_pyav:
    sys.exit("the PyAV plugin, or TFDS with passthrough, gives other frames: the behaviour changed")
for found in (of_ffmpeg, of_tfds):
    if len(found) != 86 or found[:15] != list(range(15)) or found[40] != 20:
        sys.exit("the FFMPEG plugin or TFDS gives other frames: the behaviour changed")
PYTHON
