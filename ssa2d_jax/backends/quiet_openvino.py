"""OpenVINO, imported without its side effects; every other module takes it from here.

Of its own accord `import openvino` (2026.4.1) gives the user a number, kept in ~/intel, and starts a process by a fork,
which can hang beside jax's threads, to report the import to a service in the internet. It does so by the package
openvino_telemetry, and does nothing where that can't be imported; so it can't be here.
"""

import sys

_REPORTS = "openvino_telemetry"

_earlier = sys.modules.get(_REPORTS)
sys.modules[_REPORTS] = None  # type: ignore[assignment]  # importing it is an ImportError now
try:
    import openvino as openvino
    from openvino import opset13 as ops
finally:
    if _earlier is None:
        del sys.modules[_REPORTS]
    else:
        sys.modules[_REPORTS] = _earlier

__all__ = ["openvino", "ops"]
