import gc
import itertools
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.inference.windows import SlidingWindow, WindowOptions
from ssa2d_jax.utils.errors import InputError


class ByWindow:
    """A forward that remembers the frames it saw; answers window k with background probability values[k]."""

    def __init__(self, values=()):
        self.values, self.shapes, self.seen = list(values), [], []

    def __call__(self, video):
        self.shapes.append(video.shape)
        actor = np.zeros((*video.shape[:2], 2, 2, 8), np.float32)
        for row, clip in enumerate(video):
            actor[row, ..., 0] = self.values[len(self.seen)] if self.values else clip[:, :2, :2, 0] / 100
            self.seen.append(clip[:, 0, 0, 0].tolist())
        return actor, np.zeros((*video.shape[:2], 2, 2, 10), np.float32), actor[..., 0] / 2


def run(forward, count, **settings):
    settings = {"clip_frames": 4, "frame_step": 1, "overlap": 2, "batch_size": 1} | settings
    frames = (np.full((4, 4, 3), i, np.uint8) for i in range(count))
    return np.array(list(SlidingWindow(forward, A2D, WindowOptions(**settings)).probabilities(frames)))


def test_overlaps_are_blended_with_triangular_weights():
    result = run(ByWindow([0.3, 0.6, 0.9]), 8)
    # Weights in a window: 1 2 2 1. Windows start at 0, 2, 4.
    expected = [
        0.3,
        0.3,
        (2 * 0.3 + 0.6) / 3,
        (0.3 + 2 * 0.6) / 3,
        (2 * 0.6 + 0.9) / 3,
        (0.6 + 2 * 0.9) / 3,
        0.9,
        0.9,
    ]
    assert result.shape == (8, 2, 2, 19) and result.dtype == np.float32
    np.testing.assert_allclose(result[:, 1, 1, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(result[:, 1, 1, 18], np.array(expected) / 2, rtol=1e-6)


def test_last_window_ends_with_the_video():
    forward = ByWindow([0.3, 0.6, 0.9])
    result = run(forward, 7)
    assert forward.seen == [[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 6]]
    np.testing.assert_allclose(result[3, 0, 0, 0], (1 * 0.3 + 2 * 0.6 + 1 * 0.9) / 4, rtol=1e-6)
    np.testing.assert_allclose(result[6, 0, 0, 0], 0.9, rtol=1e-6)


def test_short_video_repeats_its_last_frame():
    forward = ByWindow([0.5])
    assert len(run(forward, 2)) == 2
    assert forward.seen == [[0, 1, 1, 1]]


def test_short_video_with_a_step_ends_at_its_last_frame():
    forward = ByWindow()
    result = run(forward, 6, frame_step=3)
    assert forward.seen == [[0, 3, 5, 5]]
    np.testing.assert_allclose(result[:, 0, 0, 0], np.arange(6) / 100, rtol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9, 10, 23])
@pytest.mark.parametrize(
    "step, overlap, batch_size",
    [(1, 0, 1), (1, 3, 1), (1, 2, 3), (2, 2, 1), (2, 0, 1), (2, 3, 1), (3, 1, 2), (3, 0, 1), (4, 3, 1)],
)
def test_every_frame_gets_its_own_probabilities(count, step, overlap, batch_size):
    forward = ByWindow()
    result = run(forward, count, frame_step=step, overlap=overlap, batch_size=batch_size)
    assert len(result) == count
    assert {shape[:2] for shape in forward.shapes} <= {(batch_size, 4)}  # one shape: compiled once
    # The answer is linear in the frame number, so between the frames of a window, too.
    np.testing.assert_allclose(result[:, 0, 0, 0] if count else [], np.arange(count) / 100, rtol=1e-5)


def test_neighbours_take_other_frames_and_own_answers_weigh_more():
    forward = ByWindow([0.2, 0.8])
    result = run(forward, 10, frame_step=2)
    assert forward.seen == [[0, 2, 4, 6], [3, 5, 7, 9]]
    # Weights in a window: 1 2 2 1 for its own frames, half of 1.5 2 1.5 between them.
    expected = {2: 0.2, 3: (1 * 0.2 + 1 * 0.8) / 2, 4: (2 * 0.2 + 0.75 * 0.8) / 2.75, 5: (0.75 * 0.2 + 2 * 0.8) / 2.75}
    np.testing.assert_allclose(result[[*expected], 0, 0, 0], [*expected.values()], rtol=1e-6)


@pytest.mark.parametrize("count", [9, 10, 11, 12, 13, 14, 20])
@pytest.mark.parametrize("step", [2, 3])
def test_the_last_window_takes_other_frames_than_the_one_before_too(count, step):
    forward = ByWindow()
    run(forward, count, frame_step=step)
    starts = [frames[0] for frames in forward.seen]
    assert all((later - earlier) % step for earlier, later in zip(starts, starts[1:], strict=False))
    assert forward.seen[-1][-1] == count - 1 and len(starts) == len(set(starts))


def test_frames_are_let_go_as_soon_as_no_window_needs_them():
    given = []
    frames = (given.append(i) or np.zeros((4, 4, 3), np.uint8) for i in range(100))
    windows = SlidingWindow(ByWindow(), A2D, WindowOptions(clip_frames=4, overlap=2))
    lags = [len(given) - done for done, _ in enumerate(windows.probabilities(frames), 1)]
    assert max(lags) == 5 and windows.count == 49


@pytest.mark.parametrize("step, overlap, batch_size", [(1, 2, 1), (1, 0, 3), (2, 2, 1), (3, 1, 2)])
def test_results_come_soon(step, overlap, batch_size):
    given, options = [], WindowOptions(4, frame_step=step, overlap=overlap, batch_size=batch_size)
    frames = (given.append(i) or np.zeros((4, 4, 3), np.uint8) for i in range(200))
    windows = SlidingWindow(ByWindow(), A2D, options)
    lags = [len(given) - done for done, _ in enumerate(windows.probabilities(frames), 1)]
    assert max(lags) == options.span + (2 * batch_size - 1) * options.stride - 1


def test_settings_and_outputs_are_checked():
    with pytest.raises(InputError, match="overlap is 4 frames, allowed is 0 to 3"):
        run(ByWindow(), 4, overlap=4)
    with pytest.raises(InputError, match="frame_step is 0"):
        run(ByWindow(), 4, frame_step=0)
    with pytest.raises(InputError, match="frames from 0 on are not finite"):
        run(ByWindow([np.nan]), 4)
    with pytest.raises(ValueError, match=r"\(1, 4, 2, 2, 7\).*expected.*\(1, 4, 2, 2, 8\)"):
        run(lambda video: (np.zeros((1, 4, 2, 2, 7)), np.zeros((1, 4, 2, 2, 10)), np.zeros((1, 4, 2, 2))), 4)


def _network_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("network")]


def _gone(seconds=5.0):
    """Whether the windows' threads end."""
    end = time.monotonic() + seconds
    while _network_threads() and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    return not _network_threads()


def _background(forward, frames):
    options = WindowOptions(clip_frames=4, overlap=2)
    return SlidingWindow(forward, A2D, options, background=True).probabilities(frames)


def test_in_the_background_the_network_runs_beside_the_frames_in_one_thread():
    threads, own = set(), threading.current_thread()
    forward = ByWindow()

    def noting(video):
        threads.add(threading.current_thread())
        return forward(video)

    frames = [np.full((4, 4, 3), i, np.uint8) for i in range(13)]
    found = list(_background(noting, iter(frames)))
    np.testing.assert_array_equal(found, run(ByWindow(), 13))
    assert len(threads) == 1 and own not in threads and _gone()
    threads.clear()
    run(noting, 5)
    assert threads == {own}


def test_a_frame_is_read_while_the_network_works_on_those_before():
    reading, forward = threading.Event(), ByWindow()

    def waiting(video):
        assert reading.wait(10), "no frame was read meanwhile"
        return forward(video)

    def frames():
        for i in range(9):
            if i == 4:  # the first window is on its way
                reading.set()
            yield np.full((4, 4, 3), i, np.uint8)

    assert len(list(_background(waiting, frames()))) == 9


def test_no_thread_stays_after_an_early_end_or_an_error():
    endless = (np.full((4, 4, 3), i % 250, np.uint8) for i in itertools.count())
    results = _background(ByWindow(), endless)
    next(results)
    results.close()
    assert _gone()

    def broken():
        yield from (np.zeros((4, 4, 3), np.uint8) for _ in range(6))
        raise InputError("frame 6 is damaged")

    with pytest.raises(InputError, match="frame 6 is damaged"):
        list(_background(ByWindow(), broken()))
    assert _gone()

    def fails(video):
        raise InputError("the network fails")

    with pytest.raises(InputError, match="the network fails"):
        list(_background(fails, iter(np.zeros((9, 4, 4, 3), np.uint8))))
    assert _gone()


def test_a_program_may_end_within_a_stream():
    script = """
import itertools
import numpy as np
from tests.inference.windows_test import ByWindow, _background
results = _background(ByWindow(), (np.zeros((4, 4, 3), np.uint8) for _ in itertools.count()))
next(results)
print("ends")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ends\n", "")
