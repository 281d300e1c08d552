"""From a program of jax to a graph of OpenVINO: one rule for each primitive that the networks of models/ have.

OpenVINO has a converter of its own for programs of jax, but it reads none that has an activation function (2026.4.1
with jax 0.10.2).
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn

from ssa2d_jax.backends.choice import Unsupported
from ssa2d_jax.backends.jaxpr_evaluation import Evaluation, inputs_of, outputs_of
from ssa2d_jax.backends.openvino_values import (
    CHANNELS_FIRST,
    Tensor,
    Value,
    common_order,
    constant,
    in_order,
    natural,
    natural_order,
    only_tensor,
    reshaped,
    result,
    unmerged,
)
from ssa2d_jax.backends.quiet_openvino import openvino, ops

Rule: TypeAlias = Callable[[JaxprEqn, Sequence[Value]], list[Tensor]]
_ONES, _ZEROS = [1, 1, 1], [0, 0, 0]
_DTYPES = {"uint8": openvino.Type.u8, "float32": openvino.Type.f32}


def build_model(program: ClosedJaxpr) -> openvino.Model:
    """Builds the graph of a program.

    Raises:
        Unsupported: it has an operation without a rule.
    """
    parameters, arguments = [], list[Value]()
    for variable in program.jaxpr.invars:
        shape = tuple(variable.aval.shape)
        parameters.append(ops.parameter(shape, _dtype(variable.aval.dtype)))
        arguments.append(Tensor(parameters[-1].output(0), shape, natural_order(shape)))
    outputs = Evaluation[Tensor](_apply).run(program, arguments)
    return openvino.Model([ops.result(natural(value)) for value in outputs], parameters)


def _apply(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    name = equation.primitive.name
    if name not in _RULES:
        raise Unsupported(f"there is no rule for jax's operation {name}")
    dtypes = {_dtype(array.dtype) for array in (*inputs_of(equation), *outputs_of(equation))}
    _require(name in _FOR_BYTES or dtypes == {openvino.Type.f32}, equation)
    return _RULES[name](equation, values)


def _dtype(dtype: Any) -> openvino.Type:
    if str(dtype) not in _DTYPES:
        raise Unsupported(f"there are no rules for numbers of the type {dtype}")
    return _DTYPES[str(dtype)]


def _require(condition: bool, equation: JaxprEqn) -> None:
    if not condition:
        raise Unsupported(f"there is no rule for this form of jax's operation {equation}")


def _elementwise(operation: Callable[..., Any]) -> Rule:
    def rule(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
        order, shape = common_order(values), outputs_of(equation)[0].shape
        is_whole = any(isinstance(value, Tensor) and value.shape == shape for value in values)
        outputs = [in_order(value, order, whole=not is_whole) for value in values]
        return result(equation, operation(*outputs), order)

    return rule


def _rsqrt(x: openvino.Output) -> Any:
    return ops.divide(constant(np.ones((), np.float32)), ops.sqrt(x))


def _convert(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    tensor = only_tensor(values)
    node = ops.convert(tensor.output, _dtype(equation.params["new_dtype"]))
    return [dataclasses.replace(tensor, output=node.output(0))]


def _convolution(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    x, kernel = values
    parameters, axes = equation.params, equation.params["dimension_numbers"]
    is_plain = parameters["feature_group_count"] == parameters["batch_group_count"] == 1
    _require(is_plain and axes.lhs_spec == axes.out_spec == CHANNELS_FIRST, equation)
    _require(isinstance(kernel, np.ndarray), equation)
    weights = np.asarray(kernel).transpose(axes.rhs_spec)  # [Cout, Cin, kt, kh, kw]
    before, after = ([pad[end] for pad in parameters["padding"]] for end in (0, 1))
    strides, dilation = list(parameters["window_strides"]), list(parameters["rhs_dilation"])
    if list(parameters["lhs_dilation"]) == _ONES:
        _require(min(*before, *after) >= 0, equation)
        node = ops.convolution(in_order(x, CHANNELS_FIRST), constant(weights), strides, before, after, dilation)
        return result(equation, node, CHANNELS_FIRST)
    _require(strides == dilation == _ONES, equation)
    # Zeros between the inputs: the transposed convolution with the kernel turned round, whose padding takes outputs
    # away. Where none is left to take away at the end, zeros come there instead.
    begin, end = (
        [taps - 1 - pad for taps, pad in zip(weights.shape[2:], side, strict=True)] for side in (before, after)
    )
    _require(min(begin) >= 0, equation)
    node = ops.convolution_backprop_data(
        in_order(x, CHANNELS_FIRST),
        constant(weights[:, :, ::-1, ::-1, ::-1].swapaxes(0, 1)),
        list(parameters["lhs_dilation"]),
        pads_begin=begin,
        pads_end=[max(0, pad) for pad in end],
        dilations=_ONES,
        output_padding=[max(0, -pad) for pad in end],
    )
    return result(equation, node, CHANNELS_FIRST)


def _max_pool(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    parameters = equation.params
    window, strides, padding = (parameters[name] for name in ("window_dimensions", "window_strides", "padding"))
    untouched = (1, 1, (0, 0))
    is_map = len(window) == 5 and all((window[i], strides[i], padding[i]) == untouched for i in (0, 4))
    # A window that lies wholly in the padding has no maximum.
    is_map = is_map and all(max(pad) < taps for pad, taps in zip(padding, window, strict=True))
    _require(is_map and {*parameters["base_dilation"], *parameters["window_dilation"]} == {1}, equation)
    begin, end = ([pad[side] for pad in padding[1:4]] for side in (0, 1))
    x = in_order(only_tensor(values), CHANNELS_FIRST)
    return result(equation, ops.max_pool(x, list(strides[1:4]), _ONES, begin, end, list(window[1:4])), CHANNELS_FIRST)


def _product(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    """A product with a constant matrix along one axis."""
    (left, right), batch = equation.params["dimension_numbers"]
    matrix, tensor = values if isinstance(values[0], np.ndarray) else values[::-1]
    of_matrix, of_tensor = (left, right) if isinstance(values[0], np.ndarray) else (right, left)
    is_matrix = isinstance(matrix, np.ndarray) and matrix.ndim == 2 and isinstance(tensor, Tensor)
    _require(is_matrix and len(left) == 1 and not any(batch), equation)
    assert isinstance(matrix, np.ndarray) and isinstance(tensor, Tensor)
    matrix, axis, is_left = matrix.swapaxes(0, of_matrix[0]), of_tensor[0], isinstance(values[0], np.ndarray)  # [I, O]
    if tensor.map_shape and axis == 1 and not is_left:
        map_shape = (*tensor.map_shape[:4], matrix.shape[1])
        node = _pointwise(dataclasses.replace(tensor, shape=tensor.map_shape, map_shape=()), matrix)
        return [Tensor(node.output(0), outputs_of(equation)[0].shape, CHANNELS_FIRST, map_shape)]
    tensor = unmerged(tensor)
    place = tensor.order.index(axis)
    lengths = [tensor.shape[number] for number in tensor.order]
    inner = math.prod(lengths[place + 1 :])
    if place == len(lengths) - 1:
        node = ops.matmul(tensor.output, constant(matrix), False, False)
    else:
        rows = reshaped(tensor.output, (math.prod(lengths[:place]), lengths[place], inner))
        node = ops.matmul(constant(matrix), rows, True, False)
    output = reshaped(node.output(0), [*lengths[:place], matrix.shape[1], *lengths[place + 1 :]])
    # The new axis comes first where the matrix is on the left, else last; the others keep their order.
    new = 0 if is_left else len(lengths) - 1
    others = [number - (number > axis) + is_left for number in tensor.order]
    order = tuple(new if position == place else number for position, number in enumerate(others))
    return [Tensor(output, outputs_of(equation)[0].shape, order)]


def _pointwise(tensor: Tensor, matrix: np.ndarray) -> Any:
    """A map's channels times a matrix [Cin, Cout]: a convolution of one tap."""
    kernel = constant(matrix.T[..., None, None, None])
    return ops.convolution(in_order(tensor, CHANNELS_FIRST), kernel, _ONES, _ZEROS, _ZEROS, _ONES)


def _transpose(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    tensor, permutation = unmerged(only_tensor(values)), list(equation.params["permutation"])
    shape = tuple(tensor.shape[axis] for axis in permutation)
    return [Tensor(tensor.output, shape, tuple(permutation.index(axis) for axis in tensor.order))]


def _reshape(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    tensor, shape = only_tensor(values), outputs_of(equation)[0].shape
    _require(equation.params.get("dimensions") is None or equation.primitive.name == "squeeze", equation)
    if shape == tensor.shape:
        return [tensor]
    if shape == tensor.map_shape:
        return [dataclasses.replace(tensor, shape=shape, map_shape=())]
    if len(tensor.shape) == 5 and len(shape) == 2 and shape[1] == tensor.shape[4]:
        return [dataclasses.replace(tensor, shape=shape, map_shape=tensor.shape)]
    return [Tensor(reshaped(natural(tensor), shape), shape, natural_order(shape))]


def _broadcast(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    tensor, shape = only_tensor(values), equation.params["shape"]
    axes = equation.params["broadcast_dimensions"]
    lengths = [tensor.shape[axes.index(axis)] if axis in axes else 1 for axis in range(len(shape))]
    return result(equation, ops.broadcast(reshaped(natural(tensor), lengths), constant(np.array(shape, np.int64))))


def _concatenate(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    order, axis = common_order(values), equation.params["dimension"]
    outputs = [in_order(value, order, whole=True) for value in values]
    return result(equation, ops.concat(outputs, order.index(axis)), order)


def _split(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    tensor, lengths = unmerged(only_tensor(values)), np.array(equation.params["sizes"], np.int64)
    place = np.int64(tensor.order.index(equation.params["axis"]))
    node = ops.variadic_split(tensor.output, constant(np.array(place)), constant(lengths))
    return [Tensor(node.output(i), array.shape, tensor.order) for i, array in enumerate(outputs_of(equation))]


def _slice(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
    tensor, parameters = unmerged(only_tensor(values)), equation.params
    steps = parameters["strides"] or (1,) * len(tensor.shape)
    triple = [
        constant(np.array([numbers[axis] for axis in tensor.order], np.int64))
        for numbers in (parameters["start_indices"], parameters["limit_indices"], steps)
    ]
    return result(equation, ops.slice(tensor.output, *triple), tensor.order)


def _reduce(operation: Callable[..., Any]) -> Rule:
    def rule(equation: JaxprEqn, values: Sequence[Value]) -> list[Tensor]:
        tensor, axes = unmerged(only_tensor(values)), equation.params["axes"]
        places = constant(np.array([tensor.order.index(axis) for axis in axes], np.int64))
        left = [axis for axis in tensor.order if axis not in axes]
        order = [sorted(left).index(axis) for axis in left]
        return result(equation, operation(tensor.output, places, False), order)

    return rule


# Of bytes, OpenVINO's arithmetic differs from jax's.
_FOR_BYTES = {
    "convert_element_type",
    "transpose",
    "reshape",
    "squeeze",
    "broadcast_in_dim",
    "concatenate",
    "split",
    "slice",
}
_RULES: dict[str, Rule] = {
    "add": _elementwise(ops.add),
    "sub": _elementwise(ops.subtract),
    "mul": _elementwise(ops.multiply),
    "div": _elementwise(ops.divide),
    "max": _elementwise(ops.maximum),
    "exp": _elementwise(ops.exp),
    "logistic": _elementwise(ops.sigmoid),
    "rsqrt": _elementwise(_rsqrt),
    "convert_element_type": _convert,
    "conv_general_dilated": _convolution,
    "reduce_window_max": _max_pool,
    "dot_general": _product,
    "transpose": _transpose,
    "reshape": _reshape,
    "squeeze": _reshape,
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "split": _split,
    "slice": _slice,
    "reduce_max": _reduce(ops.reduce_max),
    "reduce_sum": _reduce(ops.reduce_sum),
}
