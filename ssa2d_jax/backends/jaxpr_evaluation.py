"""Evaluates a program of jax on values of another library; what depends on constants alone is computed in numpy."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal

Tensor = TypeVar("Tensor")
Value: TypeAlias = np.ndarray | Tensor
# From an equation and the values of its inputs, at least one of which is no constant, to those of its outputs.
Rule: TypeAlias = Callable[[JaxprEqn, Sequence[Value[Tensor]]], Sequence[Tensor]]

# Calls of other programs, and which of their parameters that is.
_CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "custom_jvp_call": "call_jaxpr"}
_ELEMENTWISE: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "rsqrt": lambda x: np.reciprocal(np.sqrt(x)),
}


class Evaluation(Generic[Tensor]):
    """Evaluates programs with one set of rules, a rule for each primitive by name.

    Constants stay numpy arrays. One that only repeats values along an axis takes no more memory than these.
    """

    def __init__(self, rule: Rule[Tensor]) -> None:
        self._rule = rule

    def run(self, program: ClosedJaxpr, arguments: Sequence[Value[Tensor]]) -> list[Value[Tensor]]:
        """Returns the values of the program's outputs for those of its inputs."""
        jaxpr = program.jaxpr
        values = dict(zip(jaxpr.constvars, map(np.asarray, program.consts), strict=True))
        values |= dict(zip(jaxpr.invars, arguments, strict=True))

        def read(atom: object) -> Value[Tensor]:
            return np.asarray(atom.val) if isinstance(atom, Literal) else values[atom]

        for equation in jaxpr.eqns:
            inputs = [read(atom) for atom in equation.invars]
            values |= dict(zip(equation.outvars, self._apply(equation, inputs), strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _apply(self, equation: JaxprEqn, inputs: list[Value[Tensor]]) -> Sequence[Value[Tensor]]:
        name = equation.primitive.name
        if name in _CALLS:
            return self.run(equation.params[_CALLS[name]], inputs)
        if name == "stop_gradient":
            return inputs
        constants = [value for value in inputs if isinstance(value, np.ndarray)]
        if len(constants) == len(inputs):
            return _fold(equation, constants)
        return self._rule(equation, inputs)


def outputs_of(equation: JaxprEqn) -> list[jax.core.ShapedArray]:
    """Shapes and dtypes of an equation's outputs."""
    return [cast(jax.core.ShapedArray, variable.aval) for variable in equation.outvars]


def inputs_of(equation: JaxprEqn) -> list[jax.core.ShapedArray]:
    """Shapes and dtypes of an equation's inputs."""
    return [cast(jax.core.ShapedArray, variable.aval) for variable in equation.invars]


def without_repetitions(x: np.ndarray) -> np.ndarray:
    """The array with length 1 along the axes along which it only repeats what is at their start."""
    return x[tuple(slice(0, 1) if stride == 0 else slice(None) for stride in x.strides)]


def _fold(equation: JaxprEqn, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """The outputs of an equation of constants."""
    name, parameters, shape = equation.primitive.name, equation.params, outputs_of(equation)[0].shape
    if name in _ELEMENTWISE and inputs[0].dtype == np.float32:
        small = _ELEMENTWISE[name](*map(without_repetitions, inputs))
        return [np.broadcast_to(small, shape)]
    if name == "broadcast_in_dim":
        axes = parameters["broadcast_dimensions"]
        lengths = [inputs[0].shape[axes.index(axis)] if axis in axes else 1 for axis in range(len(shape))]
        return [np.broadcast_to(inputs[0].reshape(lengths), shape)]
    if name == "squeeze" or (name == "reshape" and parameters["dimensions"] is None):
        return [inputs[0].reshape(shape)]
    if name == "transpose":
        return [inputs[0].transpose(parameters["permutation"])]
    if name == "convert_element_type":
        return [inputs[0].astype(parameters["new_dtype"])]
    outputs = equation.primitive.bind(*map(jnp.asarray, inputs), **parameters)
    return [np.asarray(output) for output in (outputs if equation.primitive.multiple_results else [outputs])]
