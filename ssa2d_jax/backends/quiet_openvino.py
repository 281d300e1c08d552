"""OpenVINO, imported without its side effects; every other module takes it from here.

Of its own accord `import openvino` (2026.4) gives the user a number, kept in ~/intel, starts a process by a fork, which
can hang beside jax' threads, reports the import to a service in the internet, and sets TF_CPP_MIN_LOG_LEVEL. Without
the package openvino_telemetry it reports nothing; so it does not find it here.
"""

import os
import sys

_REPORTS = "openvino_telemetry"
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"

_reports, _log_level = sys.modules.get(_REPORTS), os.environ.get(_LOG_LEVEL)
sys.modules[_REPORTS] = None  # type: ignore[assignment]  # importing it is an ImportError now
try:
    import openvino as openvino
    from openvino import opset13 as ops
finally:
    if _reports is None:
        del sys.modules[_REPORTS]
    else:
        sys.modules[_REPORTS] = _reports
    if _log_level is None:
        os.environ.pop(_LOG_LEVEL, None)
    else:
        os.environ[_LOG_LEVEL] = _log_level

__all__ = ["openvino", "ops"]
