"""Which backend runs a trained network: "jax", "openvino", or "auto", the faster one that can be had."""

import importlib.util
import platform
from collections.abc import Callable
from importlib import metadata

import jax
import numpy as np
from flax.typing import VariableDict
from jaxtyping import Float32, UInt8

from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.forward import make_forward as make_jax_forward
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import log

BACKENDS = ("auto", "jax", "openvino")
OLDEST_OPENVINO = (2025, 4)

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
            forward: runs the network; may raise `Unsupported`, at its first call for clips of a shape.
            backend: "jax" or "openvino".
            fallback: makes the function of jax that replaces one that raised this; None: InputError instead.
        """
        self._forward, self.backend, self._fallback = forward, backend, fallback

    def __call__(self, clips: UInt8[np.ndarray, "B T H W C"]) -> Outputs:
        try:
            return self._forward(clips)
        except Unsupported as error:
            if self._fallback is None:
                raise InputError(f"OpenVINO can't run this network: {error}; choose backend=jax") from error
            log(f"OpenVINO can't run this network, jax does ({error})")
            self._forward, self.backend = self._fallback(), "jax"
        return self._forward(clips)


def make_network(model: SSA2D, variables: VariableDict, multilabel: bool = False, backend: str = "auto") -> Network:
    """Makes a network ready to run.

    Args:
        model: the network.
        variables: its parameters and statistics.
        multilabel: whether actions are independent, each with its own probability.
        backend: one of `BACKENDS`. "auto" is OpenVINO where it is installed, jax computes on an x86-64 processor and
            the network computes in float32; otherwise jax.

    Raises:
        InputError: there is no such backend, or it is not to be had here.
    """
    if backend not in BACKENDS:
        raise InputError(f"backend is {backend!r}, allowed is {', '.join(BACKENDS)}")
    make_fallback = lambda: make_jax_forward(model, variables, multilabel)
    if backend == "jax":
        return Network(make_fallback(), "jax")
    obstacle = _obstacle(model)
    if backend == "openvino" and obstacle:
        raise InputError(f"backend is openvino, but {obstacle}")
    if obstacle or (backend == "auto" and not _is_measured()):
        return Network(make_fallback(), "jax")
    from ssa2d_jax.backends.openvino_network import make_openvino_forward

    forward = make_openvino_forward(model, variables, multilabel)
    return Network(forward, "openvino", make_fallback if backend == "auto" else None)


def _obstacle(model: SSA2D) -> str:
    """Why OpenVINO can't run this network, and what to do; empty if it can."""
    if importlib.util.find_spec("openvino") is None:
        return "OpenVINO is not installed; pip install openvino, or choose backend=jax"
    version = metadata.version("openvino")
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_OPENVINO:
        oldest = ".".join(map(str, OLDEST_OPENVINO))
        return f"OpenVINO is {version} here; pip install 'openvino>={oldest}', or choose backend=jax"
    if np.dtype(model.dtype) != np.float32:
        return f"the network computes in {np.dtype(model.dtype)} (model.bfloat16=True); choose backend=jax"
    return ""


def _is_measured() -> bool:
    """Whether OpenVINO was found to be the faster one on such a machine."""
    return jax.default_backend() == "cpu" and platform.machine() in ("x86_64", "AMD64")
