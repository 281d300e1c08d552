#!/usr/bin/env bash
# Expected: libx264 with one thread encodes the same frames to the same bytes, every time.
# Seen (PyAV 18.1.0 with its own x264, x86-64): within one process, small frames come out in several versions; with
# x264's cpu-independent=1, or without its macroblock tree, there is one.
# Who meets it: whoever compares rendered videos, caches them by checksum, or fingerprints a data set by file sizes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import hashlib
import io

import av
import numpy as np


def encode(frames, **options):
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=12, options={"preset": "veryfast", "crf": "18", **options})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return hashlib.sha256(file.getvalue()).hexdigest()


def versions(**options):
    """How many different files 300 encodings give, with other work of the same process between them."""
    seen = set()
    for i in range(300):
        ballast = [np.full(1000 * (i % 17 + 1), i % 256, np.uint8) for _ in range(i % 5)]
        seen.add(encode(frames, **options))
        del ballast
    return len(seen)


random = np.random.default_rng(0)
print(f"av {av.__version__}, avcodec {av.library_versions['libavcodec']}")
found = {}
for height, width in ((24, 32), (24, 48), (40, 40), (48, 64)):
    base = random.integers(0, 256, (height, width, 3), np.uint8)
    frames = np.stack([np.roll(base, i, axis=1) for i in range(14)])
    counts = {
        "defaults": versions(),
        "cpu-independent=1": versions(**{"x264-params": "cpu-independent=1"}),
        "mbtree=0": versions(**{"x264-params": "mbtree=0"}),
    }
    print(f"{width}x{height}: {counts}")
    found[height] = counts
plain = [counts.pop("defaults") for counts in found.values()]
assert max(plain) > 1, "the same frames gave the same bytes at every size: the behaviour changed"
assert all(count == 1 for counts in found.values() for count in counts.values()), "no longer a remedy"
PYTHON
