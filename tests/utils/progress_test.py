"""Progress messages, and what is due at which step."""

import itertools
import sys
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


def test_a_long_call_says_how_long_it_has_taken(capsys, monkeypatch):
    with progress.waiting("compiling", "up to a minute", tick=0.1):
        time.sleep(0.35)
    first, *ticks, last = capsys.readouterr().err.splitlines()
    assert first == "compiling; up to a minute" and last == "compiling: took 0 s"
    assert ticks == ["compiling: 0 s so far"] * 2  # after 0.1 s and 0.2 s, the next would be after 0.4 s
    with pytest.raises(KeyError), progress.waiting("compiling"):
        raise KeyError
    assert capsys.readouterr().err == "compiling\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.waiting("compiling", tick=0.1):
        time.sleep(0.25)
        progress.log("another line")
    lines = capsys.readouterr().err.split("\n")
    assert lines[1].startswith("\r\x1b[Kcompiling: 0 s so far") and lines[1].endswith("\r\x1b[Kanother line")


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
