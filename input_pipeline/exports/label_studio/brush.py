"""Label Studio's run lengths of brush masks: RGBA values of a picture, packed bit by bit."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from input_pipeline.exports.labelled import Size
from ssa2d_jax.utils.errors import InputError

_CHANNELS = 4
_ALPHA = 3


def decode_brush(data: Sequence[int], size: Size) -> Bool[np.ndarray, "H W"]:
    """The pixels that a brush covers, however little.

    Args:
        data: Bytes. After the number of values (32 bits), their width in bits less one (5) and four lengths less one (4
            each) come runs: a bit for "one value, repeated", two that choose one of the four lengths, the number of
            values less one in so many bits, and the value or values.
        size: Height and width of the picture.

    Raises:
        InputError: The data are no bytes, or do not describe a picture of `size`.
    """
    if not all(type(byte) is int and 0 <= byte <= 255 for byte in data):
        raise InputError("its run lengths are not bytes")
    bits = _Bits(bytes(data))
    count, width = bits.read(32), bits.read(5) + 1
    if count != size[0] * size[1] * _CHANNELS:
        raise InputError(f"its run lengths are of {count} values; expected {size[1]}x{size[0]} pixels of {_CHANNELS}")
    if width > 8:
        raise InputError(f"its run lengths have values of {width} bits; at most 8 are read")
    lengths = [bits.read(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8)
    place = 0
    while place < count:
        is_repeated = bits.read(1)
        end = place + bits.read(lengths[bits.read(2)]) + 1
        if end > count:
            raise InputError("its run lengths go beyond the picture")
        if is_repeated:
            values[place:end] = bits.read(width)
        else:
            values[place:end] = [bits.read(width) for _ in range(place, end)]
        place = end
    return values.reshape(*size, _CHANNELS)[..., _ALPHA] > 0


class _Bits:
    """Reads numbers of any width from bytes, the highest bit first."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def read(self, width: int) -> int:
        """The number in the next `width` bits. Raises InputError beyond the end."""
        start, end = self._place, self._place + width
        if end > 8 * len(self._data):
            raise InputError("its run lengths break off")
        self._place = end
        last = (end + 7) // 8
        number = int.from_bytes(self._data[start // 8 : last]) >> (8 * last - end)
        return number & ((1 << width) - 1)
