"""Sinks that work beside the network."""

import threading
from fractions import Fraction

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.inference.frame_labels import frame_labels
from ssa2d_jax.inference.label_stream import BackgroundSink
from ssa2d_jax.inference.results import FrameResult

GRID = np.full((1, 1, 19), 0.1, np.float32)
LABELS = frame_labels(GRID, 2, 2, A2D, 0.5)


def result(index):
    return FrameResult(index, np.zeros((2, 2, 3), np.uint8), None, Fraction(1), LABELS, GRID, A2D)


def test_frames_keep_their_order_in_another_thread():
    seen, threads = [], set()

    def sink(frame, instances):
        assert instances is None
        seen.append(frame.index)
        threads.add(threading.current_thread())

    with BackgroundSink(sink) as background:
        for frame in range(50):
            background(result(frame), [])
    assert seen == list(range(50)) and threading.current_thread() not in threads


@pytest.mark.parametrize("fails_at", [0, 48, 49])
def test_what_a_sink_raises_comes_out(fails_at):
    def sink(frame, instances):
        if frame.index == fails_at:
            raise OSError(f"disk full at {frame.index}")

    with pytest.raises(OSError, match=f"disk full at {fails_at}"), BackgroundSink(sink) as background:
        for frame in range(50):
            background(result(frame), None)


def test_few_frames_wait():
    given, go_on, most = [], threading.Event(), 0

    def sink(frame, instances):
        nonlocal most
        go_on.wait(5)
        most = max(most, len(given) - frame.index)

    with BackgroundSink(sink) as background:
        for frame in range(20):
            if frame == 4:
                go_on.set()
            given.append(frame)
            background(result(frame), None)
    assert most <= 6


def test_an_error_outside_is_not_hidden_and_ends_the_work():
    seen = []
    with pytest.raises(KeyError), BackgroundSink(lambda frame, instances: seen.append(frame.index)) as background:
        background(result(0), None)
        raise KeyError
    assert seen in ([], [0])
