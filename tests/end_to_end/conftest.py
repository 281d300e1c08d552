import signal
import warnings

import pytest

from ssa2d_jax.cli import app
from tests.fixtures.main_process import ROOT

LONGEST = 300  # seconds: what should be refused and isn't would download a data set


def _too_long(number, frame):
    raise AssertionError(f"not done after {LONGEST} s")


@pytest.fixture
def run_here(monkeypatch, capfd):
    """Does what main.py does, in this process -> (exit code, last line of stderr, everything said)."""
    monkeypatch.chdir(ROOT)
    before = signal.signal(signal.SIGALRM, _too_long)

    def run(*flags):
        capfd.readouterr()
        signal.alarm(LONGEST)
        with warnings.catch_warnings(action="ignore"):  # of libraries, as in a process of its own
            code = app.main(flags, program="main.py", default_command="train")
        signal.alarm(0)
        said = capfd.readouterr()
        lines = [line for line in said.err.splitlines() if line.strip()]
        return code, lines[-1] if lines else "", said.out + said.err

    yield run
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert not (ROOT / "w").exists()  # the workdir of what is refused
