"""Values of a graph of OpenVINO that stand for jax's arrays, and the orders in which their axes lie.

A transposition costs nothing: a tensor knows in which order its axes lie. Maps [B, T, H, W, C] get their channels
first, as OpenVINO's convolutions take them, and stay so.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from jax.extend.core import JaxprEqn

from ssa2d_jax.backends.choice import Unsupported
from ssa2d_jax.backends.jaxpr_evaluation import outputs_of, without_repetitions
from ssa2d_jax.backends.quiet_openvino import openvino, ops

CHANNELS_FIRST = (0, 4, 1, 2, 3)


@dataclasses.dataclass(frozen=True)
class Tensor:
    """The output of a node, which stands for an array of jax.

    Attributes:
        output: of the node.
        shape: the array's.
        order: the array's axes in the order in which they lie in `output`.
        map_shape: [B, T, H, W, C] if the array is [B * T * H * W, C] and `output` is that map, in `order`; or ().
    """

    output: openvino.Output
    shape: tuple[int, ...]
    order: tuple[int, ...]
    map_shape: tuple[int, ...] = ()


Value: TypeAlias = np.ndarray | Tensor


def natural_order(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(range(len(shape)))


def constant(x: np.ndarray | Sequence[int]) -> openvino.Output:
    return ops.constant(np.asarray(x, order="C")).output(0)


def in_order(value: Value, order: Sequence[int], *, whole: bool = False) -> openvino.Output:
    """The value with its axes in this order; a constant that repeats itself stays small, unless `whole`."""
    if isinstance(value, np.ndarray):
        stored = value if whole else without_repetitions(value)
        return constant(stored.transpose(order) if value.ndim else value)
    if not value.shape:
        return value.output
    if value.map_shape:
        return in_order(from_rows(value), order)
    if value.order == tuple(order):
        return value.output
    return ops.transpose(value.output, constant([value.order.index(axis) for axis in order])).output(0)


def natural(value: Value) -> openvino.Output:
    """The value as it is in jax."""
    return in_order(value, natural_order(value.shape), whole=True)


def from_rows(tensor: Tensor) -> Tensor:
    """The array [B * T * H * W, C] of a map."""
    output = in_order(dataclasses.replace(tensor, shape=tensor.map_shape, map_shape=()), range(5))
    return Tensor(reshaped(output, tensor.shape), tensor.shape, (0, 1))


def reshaped(output: openvino.Output, shape: Sequence[int]) -> openvino.Output:
    return ops.reshape(output, constant(np.array(shape, np.int64)), special_zero=False).output(0)


def common_order(values: Sequence[Value]) -> tuple[int, ...]:
    """The order for values that belong together; maps have their channels first."""
    axes = max(value.ndim if isinstance(value, np.ndarray) else len(value.shape) for value in values)
    return CHANNELS_FIRST if axes == 5 else tuple(range(axes))


def only_tensor(values: Sequence[Value]) -> Tensor:
    """The one input of an equation; an equation of constants alone gets no rule."""
    (value,) = values
    assert isinstance(value, Tensor)
    return value


def unmerged(tensor: Tensor) -> Tensor:
    """The tensor with all of its own axes in its output."""
    return from_rows(tensor) if tensor.map_shape else tensor


def result(equation: JaxprEqn, node: Any, order: Sequence[int] | None = None) -> list[Tensor]:
    """The output of a node for an equation's; `Unsupported` if the node's has another shape than jax's."""
    shape = outputs_of(equation)[0].shape
    order = natural_order(shape) if order is None else tuple(order)
    found, expected = list(node.get_output_shape(0)), [shape[axis] for axis in order]
    if found != expected:
        raise Unsupported(f"there is no rule for this form of jax's operation {equation} ({found} for {expected})")
    return [Tensor(node.output(0), shape, order)]
