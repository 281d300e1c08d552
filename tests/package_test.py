"""The names that the package offers: imported at their first use, so that the input pipeline never loads jax."""

import subprocess
import sys

SCRIPT = """
import sys
import ssa2d_jax
assert "jax" not in sys.modules and ssa2d_jax.__version__
from ssa2d_jax import Detector, FrameResult, Result, Track
from ssa2d_jax.inference import detector, results, tracker
assert (Detector, FrameResult) == (detector.Detector, results.FrameResult)
assert (Result, Track) == (results.Result, tracker.Track)
assert set(ssa2d_jax.__all__) == {"Detector", "FrameResult", "Result", "Track"}
try:
    ssa2d_jax.Nothing
except AttributeError as error:
    assert "has no attribute 'Nothing'" in str(error)
else:
    raise AssertionError
"""


def test_the_package_offers_the_detector_and_its_results_lazily():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
