"""The sums of Winograd's minimal filtering: several outputs of a filter with fewer products than outputs times taps.

Source: Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast Algorithms for Convolutional
Neural Networks", CVPR 2016, section 4. Inputs, taps and outputs are seen as values of polynomials at chosen points
(the Toom-Cook construction). The points decide the float error: 1/2 and -2 have a smaller one than 2 and -2 (Barabasz
et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020).
"""

import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-2))
MOST_PRODUCTS = len(POINTS) + 1

Weights = tuple[tuple[float, ...], ...]


class Filtering(NamedTuple):
    """Which sums to take of a block's inputs and of the taps, each pair of which is multiplied, and of the products."""

    inputs: Weights  # [products, products]
    taps: Weights  # [products, taps]
    outputs: Weights  # [block, products]


@functools.cache
def minimal_filtering(block: int, taps: int) -> Filtering:
    """F(block, taps): `block` outputs in a row, output i being the sum over k of tap k times input i + k.

    It takes block + taps - 1 products, one for each input.

    Raises:
        ValueError: more than `MOST_PRODUCTS` products.
    """
    products = block + taps - 1
    if products > MOST_PRODUCTS:
        raise ValueError(f"F({block}, {taps}) needs {products} products, at most {MOST_PRODUCTS} are possible")
    points = POINTS[: products - 1]  # the last product is that at infinity
    others = [[other for other in points if other != point] for point in points]
    last = [int(k == taps - 1) for k in range(taps)]
    scales = [math.prod(point - other for other in rest) for point, rest in zip(points, others, strict=True)]
    return Filtering(
        inputs=_floats([*(_expand(rest, products) for rest in others), _expand(points, products)]),
        taps=_floats([*([p**k / s for k in range(taps)] for p, s in zip(points, scales, strict=True)), last]),
        outputs=_floats([[*(point**i for point in points), int(i == block - 1)] for i in range(block)]),
    )


def _expand(roots: Sequence[Fraction], length: int) -> list[Fraction]:
    """The coefficients of the product of (x - root), from the constant one on, with zeros up to `length`."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted, scaled = [Fraction(0), *coefficients], [*(root * value for value in coefficients), Fraction(0)]
        coefficients = [one - other for one, other in zip(shifted, scaled, strict=True)]
    return coefficients + [Fraction(0)] * (length - len(coefficients))


def _floats(rows: Sequence[Sequence[Fraction | int]]) -> Weights:
    return tuple(tuple(float(value) for value in row) for row in rows)
