"""Runs a network in OpenVINO on the CPU, in float32."""

import threading
from collections.abc import Callable

import jax
import numpy as np
from flax.typing import VariableDict
from jaxtyping import Float32, UInt8

from ssa2d_jax.backends.choice import Unsupported
from ssa2d_jax.backends.openvino_graph import build_model
from ssa2d_jax.backends.quiet_openvino import openvino
from ssa2d_jax.models.lowering import Lowering, use_lowering
from ssa2d_jax.models.ssa2d import SSA2D
from ssa2d_jax.steps.forward import probabilities

Probabilities = tuple[
    Float32[np.ndarray, "B T h w actors"], Float32[np.ndarray, "B T h w actions"], Float32[np.ndarray, "B T h w"]
]  # actor, action, foreground
# Of its own accord OpenVINO rounds to bfloat16 on processors that have such products.
_OPTIONS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}


def make_openvino_forward(
    model: SSA2D, variables: VariableDict, multilabel: bool = False
) -> Callable[[UInt8[np.ndarray, "B T H W C"]], Probabilities]:
    """What `steps.forward.make_forward` makes, in OpenVINO; differs from it by float32's rounding.

    The first call with clips of a shape prepares the network for this shape, and raises `Unsupported` if it can't.
    Calls from several threads wait for one another.
    """
    network = lambda clips: probabilities(model, variables, clips, multilabel, whole=False)
    requests = dict[tuple[int, ...], openvino.InferRequest]()
    lock = threading.Lock()

    def forward(clips: UInt8[np.ndarray, "B T H W C"]) -> Probabilities:
        with lock:
            if clips.shape not in requests:
                requests[clips.shape] = prepare(network, jax.ShapeDtypeStruct(clips.shape, clips.dtype))
            actor, action, foreground = requests[clips.shape].infer([clips]).values()
        return actor, action, foreground

    return forward


def prepare(function: Callable[..., object], *inputs: jax.ShapeDtypeStruct) -> openvino.InferRequest:
    """Makes a program of OpenVINO from a function of arrays, for inputs of these shapes and dtypes.

    Raises:
        Unsupported: there is no rule for one of its operations, or OpenVINO can't compile it.
    """
    with use_lowering(Lowering.PLAIN):
        program = jax.make_jaxpr(function)(*inputs)
    graph = build_model(program)
    try:
        return openvino.Core().compile_model(graph, "CPU", _OPTIONS).create_infer_request()
    except RuntimeError as error:
        raise Unsupported((str(error).splitlines() or ["it says no reason"])[0]) from error
