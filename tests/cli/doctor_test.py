"""The report for bug reports: whole, and going on when something is broken."""

from pathlib import Path

from ssa2d_jax.cli import doctor
from ssa2d_jax.video import writer

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"


def test_the_report_names_versions_devices_and_tests_that_passed():
    found = dict(doctor.report(REQUIREMENTS))
    assert found["jax"] == "0.10.2" and found["av"] != "not installed"
    assert found["devices"].count("(cpu)") == 4 and "libavcodec" in found["decoder"]
    assert found["video, written and read"].startswith("well") and found["a small network"].startswith("well")


def test_what_is_broken_is_told_and_the_rest_goes_on(tmp_path, monkeypatch):
    (tmp_path / "requirements.txt").write_text("# none\nno-such-package==1\n")

    def broken(*_, **__):
        raise OSError("no encoder")

    monkeypatch.setattr(writer, "VideoWriter", broken)
    monkeypatch.setattr(doctor, "_devices", broken)
    monkeypatch.setattr(doctor, "_network", lambda: "well")
    found = dict(doctor.report(tmp_path / "requirements.txt"))
    assert found["no-such-package"] == "not installed"
    assert found["devices"] == "FAILED: OSError: no encoder" and found["processors"].isdecimal()
    assert found["video, written and read"].startswith("FAILED: OSError: no encoder")
    assert found["a small network"].startswith("well")
