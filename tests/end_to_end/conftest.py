import warnings

import pytest

from ssa2d_jax.cli import app
from tests.fixtures.main_process import ROOT


@pytest.fixture
def run_here(monkeypatch, capfd):
    """Does what main.py does, in this process -> (exit code, last line of stderr, everything said)."""
    monkeypatch.chdir(ROOT)

    def run(*flags):
        capfd.readouterr()
        with warnings.catch_warnings(action="ignore"):  # of libraries, as in a process of its own
            code = app.main(flags, program="main.py", default_command="train")
        said = capfd.readouterr()
        lines = [line for line in said.err.splitlines() if line.strip()]
        return code, lines[-1] if lines else "", said.out + said.err

    return run
