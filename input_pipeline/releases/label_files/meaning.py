"""Which instances a label PNG shows: the stored numbers, unless a program has rewritten them but not the colours.

Programs that shrink PNGs (oxipng, zopflipng, pngquant, asset pipelines) keep the colour of every pixel and may change
the number behind it. The colours of DAVIS and PASCAL VOC, and grey palettes, still say what was meant.
"""

import collections
import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from input_pipeline.releases.label_files import png
from input_pipeline.releases.label_files.png import Header
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import first_few, plural

Colour = tuple[int, int, int]
Numbers = tuple[int, ...]  # of every stored number that occurs, in ascending order of these
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_DAVIS_COLOURS = 22  # of DAVIS; the others are grey
_REMEDY = "save it as grey of 8 bits with the instance numbers, and keep programs that shrink PNGs away from it"


def read_instances(path: Path, instances: Collection[int]) -> tuple[Int64[np.ndarray, "H W"], str]:
    """Reads the instance of every pixel of a PNG.

    Args:
        path: The PNG.
        instances: The instances that its video may show; needed only where numbers and colours disagree.

    Returns:
        The instances, and a remark if they are not the stored numbers; else "".

    Raises:
        InputError: It cannot be read, or there is no telling which instances are meant.
    """
    stored, header = png.read_numbers(path)
    used = tuple(np.flatnonzero(np.bincount(stored.ravel())).tolist())
    meant, remark = _meant(path, header, used, frozenset(instances))
    if meant == used:
        return stored, remark
    lookup = np.zeros(used[-1] + 1, np.int64)
    lookup[list(used)] = meant
    return lookup[stored], remark


def is_plain(header: Header) -> bool:
    """Whether the stored numbers of such a PNG, as Pillow gives them, are the instances."""
    if header.is_grey:
        return header.bits not in (2, 4)
    colours = _as_colours(header.colours)
    if not header.has_palette or _swapped_background(colours, range(len(colours))):
        return not header.has_palette
    if not all(map(_is_known, colours)) or set(colours) <= {_BLACK, _WHITE}:
        return True
    return any(_in_order(palette, colours, range(len(colours))) for palette in _palettes().values())


def check_together(files: Iterable[Path]) -> None:
    """Raises InputError if the PNGs of a video contradict one another: a program has changed some of them."""
    headers = {path: png.read_header(path) for path in files}
    known = {path: header for path, header in headers.items() if header}
    _check_palettes({path: header for path, header in known.items() if header.has_palette})
    _check_depths({path: header for path, header in known.items() if header.is_grey})


def _check_depths(headers: Mapping[Path, Header]) -> None:
    """Raises InputError if white pixels of few bits may be the 255 that other PNGs have."""
    deep = [path for path, header in headers.items() if header.bits == 8]
    shallow = {path: header for path, header in headers.items() if header.bits < 8}
    ignoring = next((path for path in deep if _highest(path) == IGNORE), None) if shallow else None
    white = [path for path, header in shallow.items() if _highest(path) == (1 << header.bits) - 1] if ignoring else []
    if ignoring and white:
        bits = plural(headers[white[0]].bits, "bit")
        raise InputError(
            f"{white[0]}: has {bits}, and white may be {IGNORE}, which {ignoring.name} has in 8 bits; {_REMEDY}"
        )


def _highest(path: Path) -> int:
    try:
        return int(png.read_numbers(path)[0].max())
    except InputError:  # which is reported when its regions are read
        return 0


def _check_palettes(headers: Mapping[Path, Header]) -> None:
    """Raises InputError if a colour that has no meaning of its own has different numbers."""
    seen: set[bytes] = set()
    first: dict[Colour, tuple[int, Path]] = {}
    for path, header in headers.items():
        if header.colours.tobytes() in seen:
            continue
        seen.add(header.colours.tobytes())
        colours = _as_colours(header.colours)
        if all(map(_is_known, colours)):
            continue
        counts = collections.Counter(colours)
        for number, colour in enumerate(colours):
            other, where = first.setdefault(colour, (number, path))
            if other != number and counts[colour] == 1:
                raise InputError(
                    f"{path}: the colour {colour} is number {number} in its palette, but {other} in {where.name}; an "
                    "optimiser may have changed the order. Save the labels of a video with the same palette"
                )


def _meant(path: Path, header: Header, used: Numbers, instances: frozenset[int]) -> tuple[Numbers, str]:
    """The instances that are meant by the stored numbers `used`, and a remark."""
    if header.has_palette:
        return _by_palette(path, header, used, instances)
    if header.is_grey and header.bits < 8:
        return _by_brightness(path, header, used, instances)
    if header.is_grey and header.bits == 8:
        own = set(used) - {0, IGNORE}
        wide = {257 * number for number in own}
        if own and wide <= instances:
            raise InputError(
                f"{path}: says {_text(own)} in 8 bits, but a program may have made that of {_text(wide)} in 16 bits, "
                "and these are instances of this video; number the instances from 1 to 254"
            )
    return used, ""


def _by_brightness(path: Path, header: Header, used: Numbers, instances: frozenset[int]) -> tuple[Numbers, str]:
    """Reads grey of 1, 2 or 4 bits: the numbers, unless only the brightnesses are instances."""
    step, bits = png.brightness_step(header), plural(header.bits, "bit")
    brightness = tuple(step * number for number in used)
    if not _show(brightness, instances):
        return used, ""
    if set(used) - {0} <= instances:
        raise InputError(f"{path}: says {_text(used)} in {bits}, or {_text(brightness)} as brightness; {_REMEDY}")
    return brightness, f"has {bits} per pixel: the brightness was read, not the number"


def _by_palette(path: Path, header: Header, used: Numbers, instances: frozenset[int]) -> tuple[Numbers, str]:
    """Reads a palette's places; if the colours are known and in another order, the colours."""
    colours = _as_colours(header.colours)
    if used[-1] >= _count_places(colours) or not all(map(_is_known, colours)):
        _check_background(path, colours, used)
        return used, ""
    if any(_in_order(palette, colours, used) for palette in _palettes().values()):
        return used, ""
    all_grey = all(len(set(colours[number])) == 1 for number in used)  # as in masks of black and white
    readings = {name: _by_colour(palette, colours, used) for name, palette in _palettes().items()}
    fitting = {
        name: numbers
        for name, numbers in readings.items()
        if numbers and set(numbers) <= instances | {0, IGNORE} and (_show(numbers, instances) or not all_grey)
    }
    if not fitting:
        _check_background(path, colours, used)
        return used, ""
    name, meant = next(iter(fitting.items()))
    # Programs that shrink PNGs drop unused colours: a palette that has a few may be the user's own.
    unused = {colour for colour in colours if len(set(colour)) > 1} - {colours[number] for number in used}
    is_own = 0 < len(unused) < _DAVIS_COLOURS // 2
    is_mask = all_grey and set(meant) <= {0, IGNORE}
    has_own_background = 0 in used and 0 not in meant
    is_doubtful = is_own or is_mask or has_own_background
    if len(set(fitting.values())) > 1 or (is_doubtful and _show(used, instances)):
        pairs = [
            f"{number} has the colour of {place} ({name})"
            for name, places in fitting.items()
            for number, place in zip(used, places, strict=True)
            if number != place
        ]
        raise InputError(f"{path}: numbers and colours of its palette disagree: {first_few(pairs)}; {_REMEDY}")
    return meant, f"its palette is not in the usual order: read by its colours ({name}), not by its numbers"


def _check_background(path: Path, colours: Sequence[Colour], used: Numbers) -> None:
    """Raises InputError if the numbers are to be read, but the colours say that another one than 0 is background."""
    swapped = _swapped_background(colours, used)
    if swapped:
        raise InputError(
            f"{path}: {swapped} in its palette, but 0 is the background: its numbers or its colours may be inverted; "
            f"{_REMEDY}, 0 = background"
        )


def _swapped_background(colours: Sequence[Colour], used: Iterable[int]) -> str:
    """Which of the used numbers has the colour of the background, or 0 that of an object; "" if none has.

    Black is one's own object at most among several colours of one's own; white may be one's own background.
    """
    shown = {number: colours[number] for number in used if number < len(colours)}
    are_known = all(map(_is_known, shown.values()))
    black = colours.index(_BLACK) if _BLACK in colours else 0  # later ones only fill the palette
    if black and black in shown and (are_known or len(set(colours)) == 2):
        return f"black is number {black}"
    return "white is number 0" if are_known and shown.get(0) == _WHITE else ""


def _count_places(colours: Sequence[Colour]) -> int:
    """The number of colours without the black ones that fill the palette."""
    last = max((place for place, colour in enumerate(colours) if colour != _BLACK), default=0)
    return max(last, colours.index(_BLACK) if _BLACK in colours else 0) + 1


def _show(numbers: Iterable[int], instances: frozenset[int]) -> bool:
    """Whether these can be numbers of a label that shows at least one of the instances."""
    return set(numbers) <= instances | {0, IGNORE} and not instances.isdisjoint(numbers)


def _in_order(palette: Sequence[Colour], colours: Sequence[Colour], places: Iterable[int]) -> bool:
    return all(colours[place] == palette[place] for place in places)


def _by_colour(palette: Sequence[Colour], colours: Sequence[Colour], used: Numbers) -> Numbers:
    """The places of the used colours in a known palette; () if it does not have them all."""
    places = {colour: place for place, colour in reversed(list(enumerate(palette)))}
    found = [places.get(colours[number]) for number in used]
    return tuple(place for place in found if place is not None) if None not in found else ()


@functools.cache
def _palettes() -> Mapping[str, Sequence[Colour]]:
    """The palettes whose colours have a number, by name.

    PASCAL VOC distributes the bits of a number over red, green and blue, from the highest bit down. DAVIS has 191
    instead of 192 in the first colours, and grey after these.
    """
    voc = np.zeros((256, 3), np.int64)
    for bit in range(8):
        voc[:, bit % 3] |= (np.arange(256) >> bit & 1) << 7 - bit // 3
    grey = [(level, level, level) for level in range(256)]
    first = np.where(voc[:_DAVIS_COLOURS] == 192, 191, voc[:_DAVIS_COLOURS])
    return {"PASCAL VOC": _as_colours(voc), "DAVIS": [*_as_colours(first), *grey[_DAVIS_COLOURS:]], "grey": grey}


@functools.cache
def _known_colours() -> frozenset[Colour]:
    return frozenset(colour for palette in _palettes().values() for colour in palette)


def _is_known(colour: Colour) -> bool:
    return colour in _known_colours()


def _as_colours(rows: UInt8[np.ndarray, "N 3"] | Int64[np.ndarray, "N 3"]) -> list[Colour]:
    return [(red, green, blue) for red, green, blue in rows.tolist()]


def _text(numbers: Iterable[int]) -> str:
    return first_few([str(number) for number in sorted(numbers) if number])
