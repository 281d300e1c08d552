#!/usr/bin/env bash
# Expected: the frames of an AVI with packed B-frames (two pictures of MPEG-4 in one packet, as DivX and Xvid wrote it)
# come out of the decoder in display order with times that rise by one frame, as FFmpeg's best effort timestamp does.
# Seen (PyAV 18.1.0 with its own FFmpeg): the pictures are in order, VideoFrame.pts is not: 1, 3, 2, 5, 4, ... Only
# VideoFrame.dts rises: 1, 2, 3, 4, 5, ...
# Who meets it: whoever looks up frames by time, or writes them again with their pts, in clips of older action data sets.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from fractions import Fraction

import av
import numpy as np

with av.open("a.avi", "w") as container:
    stream = container.add_stream("mpeg4", rate=25, options={"bf": "1", "g": "12", "b": "2M"})
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for i in range(12):
        rgb = np.full((48, 64, 3), 40, np.uint8)
        rgb[10:26, 3 * i : 3 * i + 16] = 230
        container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
    container.mux(stream.encode())

PICTURE, USER_DATA = b"\0\0\1\xb6", b"\0\0\1\xb2DivX503b1393p"
NOT_CODED = PICTURE + bytes([0b01010000, 0b01001111])  # a P picture without content stands where the B picture was
with av.open("a.avi") as source, av.open("packed.avi", "w") as container:
    stream = container.add_stream_from_template(source.streams.video[0])
    chunks = []
    for data in (bytes(packet) for packet in source.demux(video=0) if packet.size):
        is_b = data[data.index(PICTURE) + 4] >> 6 == 2
        chunks += [chunks.pop() + data, NOT_CODED] if is_b else [data]
    start = min(place for place in (chunks[0].find(b"\0\0\1\xb3"), chunks[0].find(PICTURE)) if place >= 0)
    chunks[0] = chunks[0][:start] + USER_DATA + chunks[0][start:]
    for number, data in enumerate(chunks):
        packet = av.Packet(data)
        packet.stream, packet.time_base, packet.pts, packet.dts = stream, Fraction(1, 25), number, number
        container.mux(packet)
with av.open("packed.avi") as container:
    frames = list(container.decode(video=0))
edges = [int((frame.to_ndarray(format="rgb24")[18].mean(-1) > 130).argmax()) for frame in frames]
pts, dts = [frame.pts for frame in frames], [frame.dts for frame in frames[:-1]]  # the last is flushed, without dts
print(f"PyAV {av.__version__}: left edges {edges}, pts {pts}, dts {dts}")
if edges != sorted(edges) or dts != sorted(dts):
    sys.exit("the pictures or dts are out of order: the behaviour changed")
if pts == sorted(pts):
    sys.exit("pts rises: the behaviour changed")
PYTHON
