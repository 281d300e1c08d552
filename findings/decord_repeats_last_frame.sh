#!/usr/bin/env bash
# Expected: decord reads the frames that PyAV and OpenCV read from a video that was cut without encoding it again
# (ffmpeg -ss ... -c copy, as many cutting programs do; the file keeps the frames since the key frame before the cut and
# says that they are not shown), and from an MPEG transport stream.
# Seen (decord 0.6.0, PyAV 18.0.0, OpenCV 5.0.0): of the cut video PyAV and OpenCV read 32 frames, those from the cut
# on (though OpenCV's CAP_PROP_FRAME_COUNT says 50); decord counts 50, the hidden ones too, gives the 32 and then the
# last one 18 times more. Of the transport stream of 50 frames decord gives those from the second key frame on (25 to
# 49), and then the last one 25 times more. There is no error, only a line on stderr.
# Who meets it: whoever takes frame numbers of labels from decord, which readers of video data sets are often built on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.0.0 decord==0.6.0 imageio-ffmpeg==0.6.0 numpy==2.4.6 opencv-python-headless==5.0.0.93
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import subprocess
import sys

import av
import cv2
import decord
import imageio_ffmpeg
import numpy as np

FRAMES, GROUP, CUT = 50, 25, 18


def number(picture):
    """The number of a frame, which its grey says."""
    return round((float(np.mean(picture)) - 16) / 4)


def with_av(path):
    with av.open(path) as container:
        return [number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def with_opencv(path):
    capture, numbers = cv2.VideoCapture(path), []
    while True:
        there, picture = capture.read()
        if not there:
            print(f"{path}: OpenCV reads {len(numbers)} frames of {capture.get(cv2.CAP_PROP_FRAME_COUNT):.0f}")
            return numbers
        numbers.append(number(picture))


def with_decord(path):
    reader = decord.VideoReader(path)
    return [number(reader[i].asnumpy()) for i in range(len(reader))]


with av.open("whole.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=25, options={"g": str(GROUP), "bf": "2", "crf": "10"})
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for i in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 16 + 4 * i, np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
subprocess.run([*ffmpeg, "-ss", f"{CUT / 25:.2f}", "-i", "whole.mp4", "-c", "copy", "cut.mp4"], check=True)
subprocess.run([*ffmpeg, "-i", "whole.mp4", "-c", "copy", "whole.ts"], check=True)

every = list(range(FRAMES))
if not with_av("whole.mp4") == with_opencv("whole.mp4") == with_decord("whole.mp4") == every:
    sys.exit("the whole mp4 is not read alike")
for path, shown, found in (
    ("cut.mp4", every[CUT:], every[CUT:] + CUT * every[-1:]),
    ("whole.ts", every, every[GROUP:] + GROUP * every[-1:]),
):
    numbers = with_decord(path)
    print(f"{path}: {len(shown)} frames in PyAV and OpenCV, {len(numbers)} in decord {decord.__version__}: {numbers}")
    if not with_av(path) == with_opencv(path) == shown:
        sys.exit("PyAV or OpenCV reads other frames: the behaviour changed")
    if numbers != found:
        sys.exit("decord reads other frames: the behaviour changed")
PYTHON
