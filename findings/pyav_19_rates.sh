#!/usr/bin/env bash
# Expected: a stream's average_rate is None where FFmpeg knows none, as in PyAV 18, or at least a number that Fraction
# takes; and code that worked with the Fraction of PyAV 18 works with the rational number of PyAV 19.
# Seen (PyAV 19.0.2, on valid videos of two frames and of fifty): the unknown rate is 0/0, which is false but not None,
# and Fraction(rate) raises ZeroDivisionError. A known rate is no Fraction: round(rate) and f"{rate:.2f}" raise
# TypeError, and the product of two rational numbers is rounded to 31 bits without a word.
# Who meets it: whoever tests "rate is None", rounds a rate, prints it with a format, or multiplies it by a time base.
# Needs Python 3.12 or later: PYTHON=python3.13 findings/pyav_19_rates.sh
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==19.0.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from fractions import Fraction

import av
import numpy as np


def write(name, count, rate):
    with av.open(name, "w") as container:
        stream = container.add_stream("mpeg2video", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(count):
            noise = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode())


def raises(error, call):
    try:
        call()
    except error:
        return True
    return False


write("short.mpg", 2, 25)
with av.open("short.mpg") as container:
    unknown = container.streams.video[0].average_rate
    frames = sum(1 for _ in container.decode(video=0))
write("long.mp4", 50, Fraction(30000, 1001))
with av.open("long.mp4") as container:
    known, ticks = container.streams.video[0].average_rate, container.streams.video[0].time_base
large = type(known)(2_147_483_629, 7) * type(known)(2_147_483_587, 3)
exact = Fraction(2_147_483_629, 7) * Fraction(2_147_483_587, 3)
seen = {
    "two frames are read": frames == 2,
    "unknown is not None, but false": unknown is not None and not unknown,
    "Fraction(unknown) raises ZeroDivisionError": raises(
        ZeroDivisionError, lambda: Fraction(unknown.numerator, unknown.denominator)
    ),
    "a rate is a Fraction": isinstance(known, Fraction),
    "round(rate) raises TypeError": raises(TypeError, lambda: round(known)),
    'f"{rate:.2f}" raises TypeError': raises(TypeError, lambda: f"{known:.2f}"),
    "a product is exact": Fraction(large.numerator, large.denominator) == exact,
}
print(f"PyAV {av.__version__}: unknown {unknown!r}, known {known!r}, time base {ticks!r}, a product {large!r}: {seen}")
if seen != dict(zip(seen, (True, True, True, False, True, True, False), strict=True)):
    sys.exit("the behaviour changed")
PYTHON
