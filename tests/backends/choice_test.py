"""Which backend is taken, and what is said where it can't be."""

import subprocess
import sys
import threading
from importlib import metadata

import jax
import numpy as np
import pytest

from ssa2d_jax.backends import choice
from ssa2d_jax.backends.choice import Network, Unsupported, make_network
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.inference.detector import Detector
from ssa2d_jax.utils.errors import InputError
from tests.fixtures.toy import toy_run
from tests.fixtures.toy_detector import SETTINGS

HAS_OPENVINO = choice.importlib.util.find_spec("openvino") is not None
needs_openvino = pytest.mark.skipif(not HAS_OPENVINO, reason="needs OpenVINO")


@pytest.fixture(scope="module")
def run():
    return toy_run(A2D, encoder="pooled")


@needs_openvino
def test_the_faster_backend_is_taken_by_itself_and_gives_the_same(run, monkeypatch):
    clips = np.random.default_rng(0).integers(0, 256, (1, 4, 32, 32, 3)).astype(np.uint8)
    monkeypatch.setattr(choice.platform, "machine", lambda: "x86_64")
    networks = [make_network(run.model, run.variables, backend=name) for name in ("auto", "openvino", "jax")]
    assert [network.backend for network in networks] == ["openvino", "openvino", "jax"]
    first, second, expected = (network(clips) for network in networks)
    for one, other, third in zip(first, second, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, third, atol=1e-5)


@needs_openvino
@pytest.mark.parametrize("name, value", [("machine", "arm64"), ("default_backend", "gpu")])
def test_where_it_was_not_measured_jax_runs_the_network_unless_openvino_is_asked_for(run, monkeypatch, name, value):
    monkeypatch.setattr(choice.platform if name == "machine" else choice.jax, name, lambda: value)
    assert make_network(run.model, run.variables).backend == "jax"
    assert make_network(run.model, run.variables, backend="openvino").backend == "openvino"


def test_without_openvino_jax_runs_the_network(run, monkeypatch, capsys):
    monkeypatch.setattr(choice.importlib.util, "find_spec", lambda name: None)
    assert make_network(run.model, run.variables).backend == "jax" and "OpenVINO" not in capsys.readouterr().err
    with pytest.raises(InputError, match="OpenVINO is not installed; pip install openvino, or choose backend=jax"):
        make_network(run.model, run.variables, backend="openvino")


@needs_openvino
def test_an_old_openvino_is_not_used(run, monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "2024.6.0")
    assert make_network(run.model, run.variables).backend == "jax"
    with pytest.raises(InputError, match=r"OpenVINO is 2024.6.0 here; pip install 'openvino>=2025.4'"):
        make_network(run.model, run.variables, backend="openvino")


@needs_openvino
def test_a_network_in_bfloat16_is_jax_own(run):
    model = run.model.clone(dtype="bfloat16")
    assert make_network(model, run.variables).backend == "jax"
    with pytest.raises(InputError, match=r"computes in bfloat16 \(model.bfloat16=True\); .* or choose backend=jax"):
        make_network(model, run.variables, backend="openvino")


def test_an_unknown_backend_is_said(run):
    with pytest.raises(InputError, match="backend is 'tensorrt'; allowed: one of auto, jax, openvino"):
        make_network(run.model, run.variables, backend="tensorrt")


def test_a_network_with_an_unknown_operation_falls_back_to_jax(capsys):
    calls = []

    def refuse(clips):
        calls.append("openvino")
        raise Unsupported("there is no rule for jax's operation sin")

    network = Network(refuse, "openvino", lambda: lambda clips: (clips, clips, clips))
    clips = np.zeros((1, 2, 3, 4, 3), np.uint8)
    assert network(clips)[0] is clips and network(clips)[2] is clips
    assert network.backend == "jax" and calls == ["openvino"]
    assert (
        "OpenVINO can't run this network, jax does (there is no rule for jax's operation sin)"
        in capsys.readouterr().err
    )
    with pytest.raises(InputError, match="can't run this network: there is no rule for .* sin; choose backend=jax"):
        Network(refuse, "openvino")(clips)


@needs_openvino
def test_an_error_of_openvino_is_a_sentence(run, monkeypatch):
    from ssa2d_jax.backends import openvino_network

    class Broken:
        def compile_model(self, *_):
            raise RuntimeError("Exception from src/plugin.cpp:1:\nCheck 'false' failed at a.cpp:2:\nno such device")

    monkeypatch.setattr(openvino_network.openvino, "Core", Broken)
    network = make_network(run.model, run.variables, backend="openvino")
    with pytest.raises(InputError, match="OpenVINO can't run this network: no such device; choose backend=jax"):
        network(np.zeros((1, 4, 32, 32, 3), np.uint8))


@needs_openvino
def test_threads_share_a_network(run):
    network = make_network(run.model, run.variables, backend="openvino")
    clips = [np.full((1, 4, 32, 32, 3), 50 * number, np.uint8) for number in range(4)]
    expected, found = [network(one)[0] for one in clips], {}

    def work(number):
        for _ in range(5):
            found[number] = network(clips[number])[0]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, one in enumerate(expected):
        np.testing.assert_array_equal(found[number], one)


@needs_openvino
def test_importing_openvino_reports_nothing_and_leaves_nothing(tmp_path):
    script = """
import multiprocessing.process, os, sys, time
started = []
multiprocessing.process.BaseProcess.start = started.append
before = dict(os.environ)
from ssa2d_jax.backends.quiet_openvino import openvino
openvino.Core()
time.sleep(0.5)
print(started, "openvino_telemetry" in sys.modules, dict(os.environ) == before, os.listdir(os.environ["HOME"]))
"""
    words = [sys.executable, "-c", script]
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n")[0] == "[] False True []", done.stderr


def test_a_detector_says_what_runs_its_network(run):
    assert "jax runs it" in repr(Detector(**SETTINGS, forward=make_network(run.model, run.variables, backend="jax")))
    assert Detector(**SETTINGS, forward=lambda clips: ()).backend == ""


@needs_openvino
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_a_network_that_diverged_is_jax_own_since_openvino_would_hide_it(run, value):
    variables = jax.tree.map(np.array, run.variables)
    kernels = [x for x in jax.tree.leaves(variables) if x.ndim == 5]
    kernels[3].flat[0] = value
    network = make_network(run.model, variables)
    assert network.backend == "jax"
    if np.isnan(value):
        outputs = network(np.full((1, 4, 32, 32, 3), 200, np.uint8))
        assert not all(np.isfinite(output).all() for output in outputs)  # so that it is said
    with pytest.raises(InputError, match="has parameters that are not finite: .* earlier step, or choose backend=jax"):
        make_network(run.model, variables, backend="openvino")


@needs_openvino
def test_an_openvino_that_is_broken_is_said(run, monkeypatch, capsys):
    def broken(name):
        raise error

    for error in (metadata.PackageNotFoundError("openvino"), ValueError("invalid literal"), OSError("no libtbb.so")):
        monkeypatch.setattr(metadata, "version", broken)
        assert make_network(run.model, run.variables).backend == "jax"
        assert "note: OpenVINO can't be loaded" in capsys.readouterr().err
        with pytest.raises(InputError, match=rf"can't be loaded \({type(error).__name__}: .*; pip install --force-re"):
            make_network(run.model, run.variables, backend="openvino")
    monkeypatch.setattr(metadata, "version", lambda name: "2026.4.1")
    monkeypatch.setitem(sys.modules, "ssa2d_jax.backends.quiet_openvino", None)  # importing it is an ImportError
    assert make_network(run.model, run.variables).backend == "jax"
    with pytest.raises(InputError, match="can't be loaded .ModuleNotFoundError"):
        make_network(run.model, run.variables, backend="openvino")


def test_threads_that_meet_an_unknown_operation_at_once_make_one_network_of_jax(capsys):
    together, made = threading.Barrier(4), []

    def refuse(clips):
        together.wait(10)
        raise Unsupported("no rule")

    def fallback():
        made.append(1)
        return lambda clips: (clips, clips, clips)

    network = Network(refuse, "openvino", fallback)
    threads = [threading.Thread(target=network, args=(np.zeros((1, 1, 1, 1, 3), np.uint8),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and capsys.readouterr().err.count("jax does (no rule)") == 1
