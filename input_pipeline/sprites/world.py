"""Renders one clip of the sprites world: camera, actors and who hides whom, with exact masks."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from input_pipeline.sprites import scenery
from input_pipeline.sprites.figures import figure
from input_pipeline.sprites.motion import motion
from input_pipeline.sprites.shapes import Look, Pose

SMALLEST, LARGEST = 0.34, 1.02  # body size in heights of the frame
_SPOTS = 6  # places tried for an actor, of which the one with most room is taken
_CLIMBING, _EATING = 1, 3
_SUPERSAMPLING = 3  # odd, so that a pixel's centre is a sample
_FIXED_POINT = 4  # fractional bits of OpenCV's drawing coordinates


@dataclasses.dataclass(frozen=True)
class Sprite:
    """One actor of a clip: label code, size in frame heights, place at the middle, one pose a frame."""

    code: int
    size: float
    x: float
    y: float
    facing: int
    look: Look
    poses: list[Pose]


@dataclasses.dataclass(frozen=True)
class Camera:
    """Centre (x, y) and zoom for every frame: [F, 3] float."""

    path: np.ndarray

    def view(self, frame: int, height: int, width: int) -> np.ndarray:
        """[2, 3] float, world coordinates (y up, unit = frame height) to pixels (x right, y down)."""
        x, y, zoom = self.path[frame]
        scale = zoom * height
        return np.array([[scale, 0, width / 2 - scale * x], [0, -scale, height / 2 + scale * y]])


class Clip:
    """A clip of `codes` (one label code an actor): plan it, then iterate over `frames()`.

    `size` is (height, width) in pixels, `count` the number of frames and `middle` the frame around which
    every actor is in view, for at least `margin` frames to both sides.
    """

    def __init__(self, rng: np.random.Generator, codes: Sequence[int], size: tuple[int, int], count: int,
                 middle: float, margin: float):  # fmt: skip
        self.size = size
        times = np.arange(count) - middle
        self.camera = camera(rng, times)
        drift = float(np.abs(self.camera.path[np.abs(times) <= margin, :2]).max())
        sprites = []
        for code in codes:
            sprites.append(_sprite(rng, code, size[1] / size[0], times, margin, drift, sprites))
        # Painter's order: who stands lower in the picture is nearer.
        self.sprites = sorted(sprites, key=lambda sprite: -(sprite.y - 0.4 * sprite.size))
        self._background = background(rng, self.sprites, size)

    def frames(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields (rgb uint8 [H, W, 3], owner uint8 [H, W]); owner k >= 1 is `sprites[k - 1]`."""
        for frame in range(len(self.camera.path)):
            yield self._draw(frame)

    def _draw(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        height, width = self.size
        view = self.camera.view(frame, height, width)
        layer = _fine(_seen(self._background, view, height, width))
        for owner, sprite in enumerate(self.sprites, start=1):
            draw_sprite(layer, sprite, frame, view, owner)
        rgb = cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA)[..., :3]
        centre = _SUPERSAMPLING // 2
        owners = layer[centre::_SUPERSAMPLING, centre::_SUPERSAMPLING, 3]
        return np.ascontiguousarray(rgb), np.ascontiguousarray(owners)


def draw_sprite(layer: np.ndarray, sprite: Sprite, frame: int, view: np.ndarray, owner: int) -> None:
    """Paints `sprite` on `layer` [3H, 3W, 4] uint8; colour and owner in one call, so that masks are exact."""
    pose = sprite.poses[frame]
    shapes = figure(sprite.code // 10, pose, sprite.look)
    c, s = np.cos(pose.tilt), np.sin(pose.tilt)
    body = np.array([[sprite.facing * c, -sprite.facing * s], [s, c]]) * sprite.size
    place = np.array([sprite.x + sprite.facing * pose.x * sprite.size, sprite.y + pose.y * sprite.size])
    scale = sprite.size * view[0, 0] * _SUPERSAMPLING
    points = np.array([point for shape in shapes for point in shape.points]) @ (view[:, :2] @ body).T
    points = (points + view[:, :2] @ place + view[:, 2]) * _SUPERSAMPLING - 0.5
    points = np.rint(points * (1 << _FIXED_POINT)).astype(np.int32)
    start = 0
    for shape in shapes:
        part = points[start : start + len(shape.points)]
        start += len(shape.points)
        colour = (*shape.colour, owner)
        if shape.kind == "polygon":
            cv2.fillPoly(layer, [part], colour, cv2.LINE_8, _FIXED_POINT)
        elif shape.kind == "line":
            thickness = max(1, round(shape.width * scale))
            cv2.polylines(layer, [part], False, colour, thickness, cv2.LINE_8, _FIXED_POINT)
        else:
            radius = round(shape.width * scale * (1 << _FIXED_POINT))
            cv2.circle(layer, part[0].tolist(), radius, colour, -1, cv2.LINE_8, _FIXED_POINT)


def camera(rng: np.random.Generator, times: np.ndarray) -> Camera:
    """A camera that drifts, zooms and shakes a little, at random."""
    pan = rng.uniform(-0.005, 0.005, 2) * (rng.random() < 0.8)
    zoom = np.exp(rng.uniform(-0.006, 0.006) * times) * rng.uniform(0.92, 1.08)
    shake = [rng.uniform(0, 0.006) * np.sin(2 * np.pi * (times / rng.uniform(5, 12) + rng.random())) for _ in range(2)]
    return Camera(np.stack([pan[0] * times + shake[0], pan[1] * times + shake[1], zoom], axis=1))


def _sprite(rng: np.random.Generator, code: int, aspect: float, times: np.ndarray, margin: float, drift: float,
            others: Sequence[Sprite]) -> Sprite:  # fmt: skip
    size = float(rng.uniform(SMALLEST, LARGEST))
    poses = motion(code // 10, code % 10, rng, times)
    near = [pose for pose, time in zip(poses, times, strict=True) if abs(time) <= margin]
    # Fast and large actors would leave the picture between the labelled frames: hold them back a little.
    reach = max(abs(pose.x) for pose in near) * size
    hold = min(1.0, 0.36 * aspect / max(reach, 1e-6))
    poses = [pose._replace(x=pose.x * hold) for pose in poses]
    above, below = max(pose.y for pose in near) * size, min(pose.y for pose in near) * size
    room = max(0.0, 0.46 * aspect - 0.3 * size - reach * hold - drift)
    low, high = -0.42 + 0.3 * size - below + drift, 0.42 - 0.3 * size - above - drift
    low, high = (low, high) if low < high else ((low + high) / 2,) * 2
    spots = [(rng.uniform(-room, room), rng.uniform(low, high)) for _ in range(_SPOTS)]
    room_left = lambda spot: min((math.dist(spot, (o.x, o.y)) / (size + o.size) for o in others), default=0.0)
    x, y = max(spots, key=room_left)
    return Sprite(code, size, x, y, int(rng.choice([-1, 1])), look(rng), poses)


def look(rng: np.random.Generator) -> Look:
    """A figure's colours, at random."""
    bright, any_colour = ((0.55, 1.0), (0.55, 1.0)), ((0.4, 1.0), (0.4, 1.0))
    main, second = (scenery.random_colour(rng, *span) for span in (bright, any_colour))
    skin = scenery.random_colour(rng, (0.3, 0.6), (0.35, 1.0), hue=(8, 16))
    beak = scenery.random_colour(rng, (0.8, 1.0), (0.8, 1.0), hue=(8, 22))
    dark = scenery.random_colour(rng, (0.0, 0.8), (0.08, 0.35))
    return Look(main, second, skin, beak, dark, int(rng.integers(2, 4)))


def background(rng: np.random.Generator, sprites: Sequence[Sprite], size: tuple[int, int]) -> np.ndarray:
    """[h, w, 4] uint8, the fourth channel (owner) 0."""
    canvas = scenery.Canvas(rng, 0.5 * size[1] / size[0] + 0.5, 1.0, size[0])
    for sprite in sprites:
        # Scenery of one action stands beside other actors as well, or it would give the action away.
        if sprite.code % 10 == _CLIMBING or rng.random() < 0.5:
            canvas.wall(rng, sprite.x + sprite.facing * 0.2 * sprite.size, rng.uniform(0.6, 1.2) * sprite.size)
    for sprite in sprites:
        if rng.random() < (0.7 if sprite.code % 10 == _EATING else 0.25):
            canvas.bowl(rng, sprite.x + sprite.facing * 0.45 * sprite.size, sprite.y - 0.4 * sprite.size, sprite.size)
    return cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2RGBA) * np.array([1, 1, 1, 0], np.uint8)


def _seen(background: np.ndarray, view: np.ndarray, height: int, width: int) -> np.ndarray:
    """What the camera sees of the background: [height, width, 4]."""
    scale = view[0, 0] / height  # the canvas has `height` pixels a unit
    rows, columns = background.shape[:2]
    middle = view @ np.array([0.0, 0.0, 1.0])
    warp = np.array([[scale, 0, middle[0] - scale * columns / 2], [0, scale, middle[1] - scale * rows / 2]])
    return cv2.warpAffine(background, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def _fine(picture: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(picture, _SUPERSAMPLING, axis=0), _SUPERSAMPLING, axis=1)
