#!/usr/bin/env bash
# Expected: where an H.264 stream says once, in a message of its first picture (display orientation SEI), that pictures
# are shown turned by a quarter, VideoFrame.rotation is 90 for all of them: the message holds until another one comes.
# Seen (PyAV 18.1.0 with its own FFmpeg): 90 for the first frame, 0 for all others.
# Who meets it: whoever turns frames by their own rotation: the first is upright, the rest lies on its side, and stacking
# them fails, or, at 180 degrees, is silently wrong.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

with av.open("a.h264", "w") as container:
    stream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for _ in range(6):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
    container.mux(stream.encode())
with av.open("a.h264") as container, open("turned.h264", "wb") as file:
    stream = container.streams.video[0]
    insert = BitStreamFilterContext("h264_metadata=display_orientation=insert:rotate=90", stream)
    for packet in container.demux(stream):
        for out in insert.filter(packet if packet.size else None):
            file.write(bytes(out))
with av.open("turned.h264") as container:
    rotations = [frame.rotation for frame in container.decode(video=0)]
print(f"PyAV {av.__version__}: {rotations}")
if rotations != [90, 0, 0, 0, 0, 0]:
    sys.exit("the behaviour changed")
PYTHON
