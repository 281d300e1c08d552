"""Which backend runs a trained network: "jax", "openvino", or "auto", the faster one that can be had."""

import importlib.util
import platform
import threading
from collections.abc import Callable
from importlib import metadata

import jax
import numpy as np
from flax.typing import VariableDict
from jaxtyping import Float32, UInt8

from ssa2d_jax.data.backends import AUTO, BACKENDS, JAX, OPENVINO
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.forward import make_forward as make_jax_forward
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log

OLDEST_OPENVINO = (2025, 4)
# OpenVINO's maximum of NaN and 0 is 0: activations hide numbers that are not finite, and so the network is one to jax
# that has them or may get them. Parameters of networks that were trained are below 1e5.
_LARGEST_PARAMETER = 1e15

Outputs = tuple[
    Float32[np.ndarray | jax.Array, "B T h w actors"],
    Float32[np.ndarray | jax.Array, "B T h w actions"],
    Float32[np.ndarray | jax.Array, "B T h w"],
]  # actor, action, foreground
Forward = Callable[[UInt8[np.ndarray, "B T H W C"]], Outputs]


class Unsupported(Exception):
    """A backend can't run a network."""


class Network:
    """A trained network, from clips to probabilities on the network's own grid; `backend` says what runs it."""

    def __init__(self, forward: Forward, backend: str, fallback: Callable[[], Forward] | None = None) -> None:
        """Names a function's backend.

        Args:
            forward: runs the network; may raise `Unsupported`.
            backend: "jax" or "openvino".
            fallback: makes the function of jax that replaces one that raised this; None: InputError instead.
        """
        self._forward, self.backend, self._fallback = forward, backend, fallback
        self._lock = threading.Lock()

    def __call__(self, clips: UInt8[np.ndarray, "B T H W C"]) -> Outputs:
        """Runs the network; the first call for clips of a shape compiles it.

        Raises:
            InputError: the backend can't run it, and there is no other.
        """
        try:
            return self._forward(clips)
        except Unsupported as error:
            if self._fallback is None:
                raise InputError(f"OpenVINO can't run this network: {error}; choose backend=jax") from error
            self._fall_back(error)
        return self._forward(clips)

    def _fall_back(self, reason: Unsupported) -> None:
        with self._lock:  # another thread may have come first
            if self.backend != JAX and self._fallback is not None:
                log(f"OpenVINO can't run this network, jax does ({reason})")
                self._forward, self.backend = self._fallback(), JAX


def check_backend(backend: str) -> None:
    """Raises InputError unless there is such a backend, here; whatever the network is."""
    if backend not in BACKENDS:
        raise InputError(f"backend is {backend!r}; allowed: one of {', '.join(BACKENDS)}")
    if backend == OPENVINO and (obstacle := _missing()):
        raise InputError(f"backend is openvino, but {obstacle}, or choose backend=jax")


def make_network(model: SSA2D, variables: VariableDict, multilabel: bool = False, backend: str = AUTO) -> Network:
    """Makes a network ready to run.

    Args:
        model: the network.
        variables: its parameters and statistics.
        multilabel: whether actions are independent, each with its own probability.
        backend: one of `BACKENDS`. "auto" is OpenVINO where it is installed, jax computes on an x86-64 processor, and
            the network computes in float32 with finite parameters; otherwise jax.

    Raises:
        InputError: there is no such backend, or it is not to be had here.
    """
    check_backend(backend)
    make_fallback = lambda: make_jax_forward(model, variables, multilabel)
    if backend == JAX or (backend == AUTO and not _is_measured()):
        return Network(make_fallback(), JAX)
    obstacle = _missing()
    if obstacle and _is_installed():  # who installed it expects it
        log(f"note: {obstacle}; jax runs the network")
    obstacle = obstacle or _obstacle(model, variables)
    if backend == OPENVINO and obstacle:
        raise InputError(f"backend is openvino, but {obstacle}, or choose backend=jax")
    if obstacle:
        return Network(make_fallback(), JAX)
    from ssa2d_jax.backends.openvino_network import make_openvino_forward

    forward = make_openvino_forward(model, variables, multilabel)
    return Network(forward, OPENVINO, make_fallback if backend == AUTO else None)


def _is_installed() -> bool:
    return importlib.util.find_spec("openvino") is not None


def _missing() -> str:
    """What is wrong with OpenVINO here, and what to do; empty if it can be used."""
    if not _is_installed():
        return "OpenVINO is not installed; pip install openvino"
    oldest = ".".join(map(str, OLDEST_OPENVINO))
    try:
        version = metadata.version("openvino")
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_OPENVINO:
            return f"OpenVINO is {version} here; pip install 'openvino>={oldest}'"
        import ssa2d_jax.backends.quiet_openvino  # noqa: F401
    except (metadata.PackageNotFoundError, ImportError, AttributeError, OSError, RuntimeError, ValueError) as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        return f"OpenVINO can't be loaded ({reason}); pip install --force-reinstall 'openvino>={oldest}'"
    return ""


def _obstacle(model: SSA2D, variables: VariableDict) -> str:
    """Why OpenVINO can't run this network, and what to do; empty if it can."""
    if np.dtype(model.dtype) != np.float32:
        return f"the network computes in {np.dtype(model.dtype)} (model.bfloat16=True); train with float32"
    for array in jax.tree.leaves(variables):
        # NaN is not below anything.
        if array.size and not max(abs(float(np.min(array))), abs(float(np.max(array)))) < _LARGEST_PARAMETER:
            return "the network has parameters that are not finite: its training diverged; choose an earlier step"
    return ""


def _is_measured() -> bool:
    """Whether OpenVINO was found to be the faster one on such a machine."""
    return jax.default_backend() == "cpu" and platform.machine() in ("x86_64", "AMD64")
