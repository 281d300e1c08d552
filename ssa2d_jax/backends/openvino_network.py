"""Runs a network in OpenVINO on the CPU, in float32."""

import threading
from collections.abc import Callable

import jax
import numpy as np
from flax.typing import VariableDict
from jaxtyping import UInt8

from ssa2d_jax.backends.choice import Forward, Outputs, Unsupported
from ssa2d_jax.backends.openvino_graph import build_model
from ssa2d_jax.backends.quiet_openvino import openvino
from ssa2d_jax.models.lowering import Lowering, use_lowering
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.forward import probabilities

# Of its own accord OpenVINO rounds to bfloat16 on processors that have such products.
_OPTIONS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


def make_openvino_forward(model: SSA2D, variables: VariableDict, multilabel: bool = False) -> Forward:
    """What `steps.forward.make_forward` makes, in OpenVINO; differs from it by float32's rounding.

    The first call with clips of a shape prepares the network for it, and forgets an earlier shape. Calls from several
    threads wait for one another. A call raises `Unsupported` if OpenVINO can't run the network.
    """
    network = lambda clips: probabilities(model, variables, clips, multilabel, whole=False)
    requests = dict[tuple[int, ...], openvino.InferRequest]()
    lock = threading.Lock()

    def forward(clips: UInt8[np.ndarray, "B T H W C"]) -> Outputs:
        with lock:
            if clips.shape not in requests:
                requests.clear()
                requests[clips.shape] = prepare(network, jax.ShapeDtypeStruct(clips.shape, clips.dtype))
            try:
                actor, action, foreground = requests[clips.shape].infer([clips]).values()
            except RuntimeError as error:
                raise Unsupported(_reason(error)) from error
        return actor, action, foreground

    return forward


def prepare(function: Callable[..., object], *inputs: jax.ShapeDtypeStruct) -> openvino.InferRequest:
    """Makes a program of OpenVINO from a function of arrays, for inputs of these shapes and dtypes.

    Raises:
        Unsupported: there is no rule for one of its operations, or OpenVINO can't compile it.
    """
    with use_lowering(Lowering.PLAIN):
        program = jax.make_jaxpr(function)(*inputs)
    try:
        return openvino.Core().compile_model(build_model(program), "CPU", _OPTIONS).create_infer_request()
    except (RuntimeError, TypeError, ValueError) as error:  # OpenVINO's own, and a form that a rule did not expect
        raise Unsupported(_reason(error)) from error


def _reason(error: Exception) -> str:
    """An error's first line that says more than where in OpenVINO's source it was raised."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = (line for line in lines if not line.startswith(("Exception from", "Check '")))
    return next(telling, lines[0] if lines else type(error).__name__)
