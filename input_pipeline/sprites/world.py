"""A clip of the sprites world: camera, actors and occlusions, with exact masks."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Float, Float64, UInt8

from input_pipeline.sprites import scenery
from input_pipeline.sprites.figures.figure import figure
from input_pipeline.sprites.figures.shapes import Look, Pose
from input_pipeline.sprites.motion import Times, motion

SMALLEST, LARGEST = 0.34, 1.02  # body size in heights of the frame
_SPOTS = 6  # random positions for an actor; the one with the most room is taken
_CLIMBING, _EATING = 1, 3
_SUPERSAMPLING = 3  # odd: the centre of a pixel is one of the samples
_FIXED_POINT = 4  # fractional bits of OpenCV's drawing coordinates

View = Float[np.ndarray, "2 3"]  # world coordinates (y up, unit = frame height) to pixels (x right, y down)
Background = UInt8[np.ndarray, "h w 4"]  # RGB and owner, which is 0


@dataclasses.dataclass(frozen=True)
class Sprite:
    """One actor of a clip: label code, size in frame heights, position at time 0, one pose per frame."""

    code: int
    size: float
    x: float
    y: float
    facing: int  # 1 right, -1 left
    look: Look
    poses: list[Pose]


@dataclasses.dataclass(frozen=True)
class Camera:
    """Centre (x, y) and zoom in every frame."""

    path: Float64[np.ndarray, "F 3"]

    def view(self, frame: int, height: int, width: int) -> View:
        """The map from the world to the pixels of a frame."""
        x, y, zoom = self.path[frame]
        scale = zoom * height
        return np.array([[scale, 0, width / 2 - scale * x], [0, -scale, height / 2 + scale * y]])


@dataclasses.dataclass
class SpriteClip:
    """Everything that a clip shows; `sprites` are ordered from far to near, `size` is (height, width) in pixels."""

    size: tuple[int, int]
    camera: Camera
    sprites: list[Sprite]
    background: Background

    def frames(self) -> Iterator[tuple[UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W"]]]:
        """Yields (RGB, owners) of every frame: owner k >= 1 of a pixel is `sprites[k - 1]`, 0 is the background."""
        for frame in range(len(self.camera.path)):
            yield self._draw(frame)

    def _draw(self, frame: int) -> tuple[UInt8[np.ndarray, "H W 3"], UInt8[np.ndarray, "H W"]]:
        height, width = self.size
        view = self.camera.view(frame, height, width)
        layer = _supersample(_visible_background(self.background, view, height, width))
        for owner, sprite in enumerate(self.sprites, start=1):
            draw_sprite(layer, sprite, frame, view, owner)
        rgb = cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA)[..., :3]
        centre = _SUPERSAMPLING // 2
        owners = layer[centre::_SUPERSAMPLING, centre::_SUPERSAMPLING, 3]
        return np.ascontiguousarray(rgb), np.ascontiguousarray(owners)


def plan_clip(
    rng: np.random.Generator, codes: Sequence[int], size: tuple[int, int], count: int, middle: float, margin: float
) -> SpriteClip:
    """Draws camera, actors and background of a clip at random.

    Args:
        rng: the only source of randomness.
        codes: one label code per actor.
        size: (height, width) in pixels.
        count: number of frames.
        middle: the frame around which every actor is in view.
        margin: every actor is in view for at least this many frames before and after `middle`.
    """
    times = np.arange(count) - middle
    camera = draw_camera(rng, times)
    drift = float(np.abs(camera.path[np.abs(times) <= margin, :2]).max())
    sprites: list[Sprite] = []
    for code in codes:
        sprites.append(_sprite(rng, code, size[1] / size[0], times, margin, drift, sprites))
    # Painter's order: the lower an actor stands in the picture, the nearer it is.
    sprites = sorted(sprites, key=lambda sprite: -(sprite.y - 0.4 * sprite.size))
    return SpriteClip(size, camera, sprites, draw_background(rng, sprites, size))


def draw_sprite(layer: UInt8[np.ndarray, "h w 4"], sprite: Sprite, frame: int, view: View, owner: int) -> None:
    """Paints `sprite` on a supersampled layer; colour and owner in one call, so that masks are exact."""
    pose = sprite.poses[frame]
    shapes = figure(sprite.code // 10, pose, sprite.look)
    c, s = np.cos(pose.tilt), np.sin(pose.tilt)
    body = np.array([[sprite.facing * c, -sprite.facing * s], [s, c]]) * sprite.size
    position = np.array([sprite.x + sprite.facing * pose.x * sprite.size, sprite.y + pose.y * sprite.size])
    scale = sprite.size * view[0, 0] * _SUPERSAMPLING
    points = np.array([point for shape in shapes for point in shape.points]) @ (view[:, :2] @ body).T
    points = (points + view[:, :2] @ position + view[:, 2]) * _SUPERSAMPLING - 0.5
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


def draw_camera(rng: np.random.Generator, times: Times) -> Camera:
    """A random camera that drifts, zooms and shakes a little."""
    pan = rng.uniform(-0.005, 0.005, 2) * (rng.random() < 0.8)
    zoom = np.exp(rng.uniform(-0.006, 0.006) * times) * rng.uniform(0.92, 1.08)
    shake = [rng.uniform(0, 0.006) * np.sin(2 * np.pi * (times / rng.uniform(5, 12) + rng.random())) for _ in range(2)]
    return Camera(np.stack([pan[0] * times + shake[0], pan[1] * times + shake[1], zoom], axis=1))


def _sprite(
    rng: np.random.Generator,
    code: int,
    aspect: float,
    times: Times,
    margin: float,
    drift: float,
    others: Sequence[Sprite],
) -> Sprite:
    """A random actor that stays in view while |time| <= `margin`, far from the `others`; `drift` is the camera's."""
    size = float(rng.uniform(SMALLEST, LARGEST))
    poses = motion(code // 10, code % 10, rng, times)
    near = [pose for pose, time in zip(poses, times, strict=True) if abs(time) <= margin]
    # Fast and large actors would leave the picture between the labelled frames: slow them down a little.
    reach = max(abs(pose.x) for pose in near) * size
    slowdown = min(1.0, 0.36 * aspect / max(reach, 1e-6))
    poses = [pose._replace(x=pose.x * slowdown) for pose in poses]
    above, below = max(pose.y for pose in near) * size, min(pose.y for pose in near) * size
    room = max(0.0, 0.46 * aspect - 0.3 * size - reach * slowdown - drift)
    low, high = -0.42 + 0.3 * size - below + drift, 0.42 - 0.3 * size - above - drift
    low, high = (low, high) if low < high else ((low + high) / 2,) * 2
    spots = [(rng.uniform(-room, room), rng.uniform(low, high)) for _ in range(_SPOTS)]
    distance = lambda spot: min((math.dist(spot, (o.x, o.y)) / (size + o.size) for o in others), default=0.0)
    x, y = max(spots, key=distance)
    return Sprite(code, size, x, y, int(rng.choice([-1, 1])), draw_look(rng), poses)


def draw_look(rng: np.random.Generator) -> Look:
    """Random colours of a figure."""
    bright, any_colour = ((0.55, 1.0), (0.55, 1.0)), ((0.4, 1.0), (0.4, 1.0))
    main, second = (scenery.random_colour(rng, *span) for span in (bright, any_colour))
    skin = scenery.random_colour(rng, (0.3, 0.6), (0.35, 1.0), hue=(8, 16))
    beak = scenery.random_colour(rng, (0.8, 1.0), (0.8, 1.0), hue=(8, 22))
    dark = scenery.random_colour(rng, (0.0, 0.8), (0.08, 0.35))
    return Look(main, second, skin, beak, dark, int(rng.integers(2, 4)))


def draw_background(rng: np.random.Generator, sprites: Sequence[Sprite], size: tuple[int, int]) -> Background:
    """A random background for frames of `size` (height, width), with `height` pixels per unit of length."""
    canvas = scenery.Canvas(rng, 0.5 * size[1] / size[0] + 0.5, 1.0, size[0])
    for sprite in sprites:
        # Walls and bowls also stand beside actors that do not use them, or they would reveal the action.
        if sprite.code % 10 == _CLIMBING or rng.random() < 0.5:
            canvas.wall(rng, sprite.x + sprite.facing * 0.2 * sprite.size, rng.uniform(0.6, 1.2) * sprite.size)
    for sprite in sprites:
        if rng.random() < (0.7 if sprite.code % 10 == _EATING else 0.25):
            canvas.bowl(rng, sprite.x + sprite.facing * 0.45 * sprite.size, sprite.y - 0.4 * sprite.size, sprite.size)
    return cv2.cvtColor(canvas.pixels, cv2.COLOR_RGB2RGBA) * np.array([1, 1, 1, 0], np.uint8)


def _visible_background(background: Background, view: View, height: int, width: int) -> UInt8[np.ndarray, "H W 4"]:
    """The part of the background that the camera shows, at the size of a frame."""
    scale = view[0, 0] / height  # the canvas has `height` pixels per unit
    rows, columns = background.shape[:2]
    middle = view @ np.array([0.0, 0.0, 1.0])
    warp = np.array([[scale, 0, middle[0] - scale * columns / 2], [0, scale, middle[1] - scale * rows / 2]])
    return cv2.warpAffine(background, warp, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def _supersample(picture: UInt8[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "h w 4"]:
    return np.repeat(np.repeat(picture, _SUPERSAMPLING, axis=0), _SUPERSAMPLING, axis=1)
