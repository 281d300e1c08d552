"""Progress messages, and what is due at which step."""

import itertools
import sys
import threading
import time

import pytest

from ssa2d_jax.utils import progress


def test_what_is_due():
    due = lambda every, total=10: [done for done in range(total + 1) if progress.is_due(done, every, total)]
    assert due(0) == [10]
    assert due(4) == [4, 8, 10]
    assert due(5) == [5, 10]
    assert due(100) == [10]


def test_durations_in_words():
    words = [progress.duration(s) for s in (0.4, 42, 59.6, 185, 3600, 7620)]
    assert words == ["0 s", "42 s", "1 min 00 s", "3 min 05 s", "1 h 00 min", "2 h 07 min"]


def test_progress_shows_rate_and_time_left(capsys):
    p = progress.Progress("reading", "frames", 100, every_seconds=0.0)
    p.start = time.monotonic() - 100.0  # what comes before the first count is not measured
    p.add(10)
    assert capsys.readouterr().err == "reading: 10 of 100 frames\n"
    p.start = time.monotonic() - 1.0
    p.add(10)
    line = capsys.readouterr().err
    assert line.startswith("reading: 20 of 100 frames, ") and line.endswith(" 8 s left\n")
    assert " per second, " in line
    unknown = progress.Progress("reading", "frames", None, every_seconds=0.0)
    unknown.add(3)
    unknown.add(3)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "reading: 3 frames" and second.startswith("reading: 6 frames, ")


class _Ended:
    """In place of an event: four waits pass, on a clock of their own; the fifth is ended."""

    def __init__(self):
        self.now, self.waits = 0.0, []

    def wait(self, seconds):
        self.now += seconds
        self.waits.append(seconds)
        return len(self.waits) > 4


def test_a_long_call_says_how_long_it_has_taken(capsys, monkeypatch):
    ended = _Ended()
    monkeypatch.setattr(progress.time, "monotonic", lambda: ended.now)
    progress._tick("compiling", 10.0, ended, start=0.0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"compiling: {text} so far" for text in ("10 s", "20 s", "40 s", "1 min 20 s")]
    ended = _Ended()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    progress._tick("compiling", 10.0, ended, start=0.0)
    progress.log("another line")
    texts = capsys.readouterr().err.split("\r\x1b[K")
    assert texts[1:] == [f"compiling: {n} s so far" for n in (10, 20, 30, 40)] + ["another line\n"]


def test_a_call_says_that_it_begins_and_its_ticks_end_with_it(capsys, monkeypatch):
    before = set(threading.enumerate())
    with progress.waiting("compiling", "up to a minute"):
        (ticking,) = set(threading.enumerate()) - before
    with pytest.raises(KeyError), progress.waiting("drawing"):
        (also_ticking,) = set(threading.enumerate()) - before
        raise KeyError
    assert not ticking.is_alive() and not also_ticking.is_alive()
    assert capsys.readouterr().err == "compiling; up to a minute\ndrawing\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.waiting("compiling", tick=0.01):
        time.sleep(0.5)
    assert capsys.readouterr().err.endswith(" so far\r\x1b[K")  # what comes next begins a line


def test_progress_logs_less_often_over_time(capsys, monkeypatch):
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    p = progress.Progress("reading", "frames", 3600)
    logged = []
    for second in range(3600):
        now = float(second)
        p.add(1)
        logged += [second] * bool(capsys.readouterr().err)
    waits = [after - before for before, after in itertools.pairwise(logged)]
    assert waits == sorted(waits) and waits[0] == 6 and waits[-1] == 30
    assert sum(second < 240 for second in logged) < 25
