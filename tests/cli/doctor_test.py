"""The report for bug reports: complete, and it continues when something is broken."""

from importlib import metadata
from pathlib import Path

import numpy as np
from packaging.requirements import Requirement

from ssa2d_jax.cli import doctor
from ssa2d_jax.video import writer


def _pinned(package):
    """The version that requirements.txt has for this Python."""
    lines = (Path(__file__).resolve().parents[2] / "requirements.txt").read_text().splitlines()
    pins = [Requirement(line.split("#")[0]) for line in lines if line.startswith(package)]
    (pin,) = (pin for pin in pins if pin.name == package and (pin.marker is None or pin.marker.evaluate()))
    return next(iter(pin.specifier)).version


def test_the_report_names_versions_devices_and_tests_that_passed():
    found = dict(doctor.report())
    installed = {distribution.name for distribution in metadata.distributions()}
    assert found["jax"] == _pinned("jax") and found["av"] != "not installed"
    assert found["tensorflow-datasets"] == "4.9.10" and "gradio" not in found and "pytest" not in found
    assert len({"tensorflow", "tensorflow-cpu"} & found.keys()) == 1
    assert found["devices"].count("(cpu)") == 4 and "libavcodec" in found["decoder"]
    assert found["video, written and read"].startswith("works") and found["a small network"].startswith("works")
    assert found["the same in OpenVINO"].startswith("works" if "openvino" in installed else "not installed")


def test_what_is_broken_is_reported_and_the_rest_goes_on(monkeypatch):
    def broken(*_, **__):
        raise OSError("no encoder")

    monkeypatch.setattr(writer, "VideoWriter", broken)
    packages = {"no-such-package": "", "nor-this": "train", "this-neither": "openvino"}
    monkeypatch.setattr(doctor, "_packages", lambda: packages)
    monkeypatch.setattr(doctor, "_devices", broken)
    monkeypatch.setattr(doctor, "_network", lambda: "works")
    monkeypatch.setattr(doctor, "_outputs", lambda backend: [np.full(3, 0.5 if backend == "jax" else 0.4)])
    found = dict(doctor.report())
    assert found["no-such-package"].startswith("not installed, but needed")
    assert found["nor-this"].startswith("not installed; labelling videos does not need it, training does: ")
    assert found["this-neither"].startswith("not installed; labelling videos on a CPU is faster with it: pip install")
    assert found["devices"] == "FAILED: OSError: no encoder" and found["processors"].isdecimal()
    assert found["video, written and read"].startswith("FAILED: OSError: no encoder")
    assert found["a small network"].startswith("works")
    if "openvino" in {distribution.name for distribution in metadata.distributions()}:
        assert found["the same in OpenVINO"] == "FAILED: probabilities differ by 0.1"
