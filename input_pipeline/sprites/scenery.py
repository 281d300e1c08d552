"""Backgrounds of the sprites world: textures, horizon, clutter, climbing walls, bowls; one canvas per clip."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32, Int32, UInt8

from input_pipeline.sprites.figures.shapes import Colour, Point

Span = tuple[float, float]

DULL: Span = (0.0, 0.4)  # saturation of everything that isn't an actor


def random_colour(rng: np.random.Generator, saturation: Span, value: Span, hue: Span = (0, 180)) -> Colour:
    """A random RGB colour; saturation and value are in [0, 1], hue in [0, 180] as in OpenCV."""
    hsv = np.array([[[rng.uniform(*hue), rng.uniform(*saturation) * 255, rng.uniform(*value) * 255]]])
    red, green, blue = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def texture(rng: np.random.Generator, height: int, width: int) -> UInt8[np.ndarray, "H W 3"]:
    """Noise, stripes, bricks, tiles or a gradient between two random colours."""
    kind = rng.choice(["noise", "fine noise", "stripes", "bricks", "tiles", "gradient"])
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    unit = height / 20
    if kind == "noise":
        mix = _noise(rng, height, width, int(rng.integers(3, 8)))
    elif kind == "fine noise":
        mix = 0.5 * _noise(rng, height, width, 8) + 0.5 * _noise(rng, height, width, int(rng.integers(16, 60)))
    elif kind == "stripes":
        angle = rng.uniform(0, math.pi)
        mix = 0.5 + 0.5 * np.sin((x * math.cos(angle) + y * math.sin(angle)) / (unit * rng.uniform(0.2, 0.8)))
        mix = (mix > 0.5).astype(np.float32) if rng.random() < 0.5 else mix
    elif kind == "bricks":
        mix = _bricks(x, y, unit * rng.uniform(1.5, 3.0), unit * rng.uniform(0.7, 1.5), unit * 0.15)
    elif kind == "tiles":
        side = unit * rng.uniform(0.8, 2.5)
        mix = ((x // side + y // side) % 2).astype(np.float32)
    else:
        angle = rng.uniform(0, 2 * math.pi)
        mix = 0.5 + 0.5 * (math.cos(angle) * (2 * x / width - 1) + math.sin(angle) * (2 * y / height - 1)) / 1.42
    mix = np.clip(0.8 * mix + 0.2 * _noise(rng, height, width, 24), 0, 1)[..., None]
    first, second = (np.array(random_colour(rng, DULL, (0.2, 0.85)), np.float32) for _ in range(2))
    second = first + (second - first) * rng.uniform(0.35, 1.0)
    return (first * (1 - mix) + second * mix).astype(np.uint8)


def _noise(rng: np.random.Generator, height: int, width: int, cells: int) -> Float32[np.ndarray, "H W"]:
    coarse = rng.random((cells, cells), dtype=np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def _bricks(
    x: Float32[np.ndarray, "H W"], y: Float32[np.ndarray, "H W"], length: float, height: float, joint: float
) -> Float32[np.ndarray, "H W"]:
    """1 on the bricks, 0 on the joints; every second row is shifted by half a brick."""
    shifted = x + (y // height % 2) * length / 2
    return ((y % height >= joint) & (shifted % length >= joint)).astype(np.float32)


class Canvas:
    """The background of a clip: `scale` pixels per unit of length, origin in its middle, y up."""

    def __init__(self, rng: np.random.Generator, half_width: float, half_height: float, scale: int):
        self.scale = scale
        self.height, self.width = round(2 * half_height * scale), round(2 * half_width * scale)
        self.pixels = texture(rng, self.height, self.width)
        if rng.random() < 0.65:
            horizon = self._row(rng.uniform(-0.3, 0.15))
            self.pixels[horizon:] = texture(rng, self.height, self.width)[horizon:]
        for _ in range(rng.integers(0, 5)):
            self._clutter(rng)

    def _row(self, y: float) -> int:
        return round(self.height / 2 - y * self.scale)

    def _points(self, points: Sequence[Point]) -> Int32[np.ndarray, "N 2"]:
        """World coordinates in pixels (x right, y down)."""
        return np.array(
            [[self.width / 2 + x * self.scale, self.height / 2 - y * self.scale] for x, y in points], np.int32
        )

    def _clutter(self, rng: np.random.Generator) -> None:
        """Draws a box, a rock or a post that no actor uses."""
        x, y = rng.uniform(-1, 1), rng.uniform(-0.7, 0.6)
        wide, high = rng.uniform(0.03, 0.3), rng.uniform(0.05, 0.45)
        outline = [(x - wide / 2, y), (x - wide / 2, y + high), (x + wide / 2, y + high), (x + wide / 2, y)]
        if rng.random() < 0.4:
            outline[1:3] = [
                (x - wide * rng.random() / 2, y + high),
                (x + wide * rng.random() / 2, y + high * rng.random()),
            ]
        cv2.fillPoly(self.pixels, [self._points(outline)], random_colour(rng, DULL, (0.15, 0.9)))

    def wall(self, rng: np.random.Generator, x: float, width: float) -> None:
        """Draws a climbing wall with ledges around `x`, over the full height of the canvas."""
        left, right = (
            int(np.clip(self._points([(edge, 0)])[0, 0], 0, self.width)) for edge in (x - width / 2, x + width / 2)
        )
        if right - left < 2:
            return
        self.pixels[:, left:right] = texture(rng, self.height, right - left)
        rung = random_colour(rng, DULL, (0.15, 0.9))
        step = max(4, round(rng.uniform(0.08, 0.14) * self.scale))
        for row in range(int(rng.integers(0, step)), self.height, step):
            cv2.line(self.pixels, (left, row), (right - 1, row), rung, max(1, self.scale // 50))

    def bowl(self, rng: np.random.Generator, x: float, y: float, size: float) -> None:
        """Draws a bowl of food that stands at (x, y)."""
        w, h = 0.13 * size, 0.1 * size
        food = self._points([(x, y + h)])[0]
        axes = (max(1, round(w * self.scale)), max(1, round(h * 0.5 * self.scale)))
        cv2.ellipse(self.pixels, food.tolist(), axes, 0, 0, 360, random_colour(rng, DULL, (0.3, 0.8)), -1)
        outline = [(x - 1.2 * w, y + h), (x + 1.2 * w, y + h), (x + 0.8 * w, y), (x - 0.8 * w, y)]
        cv2.fillPoly(self.pixels, [self._points(outline)], random_colour(rng, DULL, (0.4, 0.9)))
