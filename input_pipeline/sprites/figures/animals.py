"""Draws the cat, the dog and the bird of the sprites world."""

import math
from typing import NamedTuple

from input_pipeline.sprites.figures.shapes import (
    BLACK,
    PALE,
    Colour,
    Look,
    Placement,
    Point,
    Pose,
    Shape,
    along,
    ellipse,
    limb,
    rotate_about,
    shade,
)


class Quadruped(NamedTuple):
    """Sizes of the parts of a four-legged animal; legs have two equal segments."""

    half: float
    girth: float
    leg: float
    neck: float
    head: float
    limb: float


CAT = Quadruped(half=0.2, girth=0.19, leg=0.15, neck=0.14, head=0.115, limb=0.065)
DOG = Quadruped(half=0.2, girth=0.22, leg=0.16, neck=0.15, head=0.115, limb=0.085)


def quadruped(pose: Pose, look: Look, build: Quadruped, cat: bool) -> list[Shape]:
    """A cat or a dog; diagonal legs move together, as in a trot."""
    legs = []
    for phase, hind in ((math.pi, True), (0, False), (0, True), (math.pi, False)):
        swing = pose.stride * 0.85 * math.sin(pose.gait + phase)
        bend = 0.2 + 0.95 * pose.crouch + 0.6 * pose.stride * max(0.0, math.cos(pose.gait + phase))
        legs.append((swing + bend, swing - bend) if hind else (swing - bend, swing + bend))
    height = build.leg * max(math.cos(upper) + math.cos(lower) for upper, lower in legs)
    hip, chest = (-build.half, -0.3 + height), (build.half, -0.3 + height + 0.015)
    roots, colours = (hip, chest, hip, chest), (shade(look.main),) * 2 + (look.main,) * 2
    far_and_near = [
        limb(root, build.leg, *leg, build.limb, colour) for root, leg, colour in zip(roots, legs, colours, strict=True)
    ]
    neck = (chest[0], chest[1] + build.girth * 0.2)
    head = along(neck, 2.3 - 1.7 * pose.dip, build.neck)
    gaze = -0.1 - 0.9 * pose.dip
    body = [
        Shape("line", [hip, chest], build.girth, look.main),
        Shape("line", [neck, head], build.girth * 0.62, look.main),
    ]
    body += _stripes(hip, chest, build, look) if cat else _patches(hip, chest, build, look)
    features = _cat_head if cat else _dog_head
    tail = _cat_tail(hip, pose, look) if cat else _dog_tail(hip, build, pose, look)
    return [*far_and_near[:2], tail, *body, *far_and_near[2:], *features(head, build.head, gaze, look)]


def _stripes(hip: Point, chest: Point, build: Quadruped, look: Look) -> list[Shape]:
    """The dark bars across a tabby cat's back."""
    dark = shade(look.main, 0.3)
    across = [(hip[0] + u * (chest[0] - hip[0]), hip[1] + u * (chest[1] - hip[1])) for u in (0.0, 0.33, 0.66, 1.0)]
    return [Shape("line", [(x, y + build.girth * 0.5), (x - 0.02, y - build.girth * 0.3)], 0.055, dark)
            for x, y in across]  # fmt: skip


def _patches(hip: Point, chest: Point, build: Quadruped, look: Look) -> list[Shape]:
    """A dog's pale chest and a patch of another colour on its back."""
    saddle = (hip[0] + 0.4 * (chest[0] - hip[0]), hip[1] + build.girth * 0.2)
    return [
        Shape("disc", [(chest[0] + 0.02, chest[1] - build.girth * 0.1)], build.girth * 0.42, PALE),
        ellipse(saddle, build.half * 0.55, build.girth * 0.33, 0.0, look.second),
    ]


def _cat_tail(hip: Point, pose: Pose, look: Look) -> Shape:
    root = (hip[0] - 0.04, hip[1] + 0.03)
    curl = 0.25 * math.sin(pose.gait * 0.5)
    first = along(root, -1.5 - curl, 0.13)
    second = along(first, -2.2 - curl, 0.12)
    return Shape("line", [root, first, second, along(second, -3.1 + curl, 0.12)], 0.06, shade(look.main, 0.85))


def _dog_tail(hip: Point, build: Quadruped, pose: Pose, look: Look) -> Shape:
    root = (hip[0] - build.girth * 0.35, hip[1] + build.girth * 0.25)
    return Shape("line", [root, along(root, -2.3 + 0.3 * math.sin(pose.gait), 0.13)], 0.06, look.main)


def _cat_head(head: Point, size: float, gaze: float, look: Look) -> list[Shape]:
    place = rotate_about(head, size, gaze)
    return [
        Shape("polygon", [place(-0.95, 0.2), place(-0.75, 1.8), place(0.0, 0.85)], 0, shade(look.main, 0.75)),
        Shape("polygon", [place(0.0, 0.8), place(0.55, 1.8), place(0.9, 0.3)], 0, shade(look.main, 0.75)),
        Shape("disc", [head], size, look.main),
        Shape("disc", [place(0.75, -0.3)], size * 0.36, PALE),
        Shape("disc", [place(0.35, 0.2)], size * 0.2, BLACK),
    ]


def _dog_head(head: Point, size: float, gaze: float, look: Look) -> list[Shape]:
    place = rotate_about(head, size, gaze)
    return [
        Shape("line", [place(0.4, -0.25), place(1.45, -0.35)], size * 0.85, PALE),
        Shape("disc", [place(1.85, -0.15)], size * 0.27, BLACK),
        Shape("disc", [head], size, look.main),
        ellipse(place(-0.45, -0.3), size * 0.42, size * 1.0, gaze - 0.2, look.dark),
        Shape("disc", [place(0.4, 0.3)], size * 0.17, BLACK),
    ]


def bird(pose: Pose, look: Look) -> list[Shape]:
    """A bird on two legs, its wings folded or spread."""
    hip = (0.0, -0.36 + 0.1 * (2 - 1.1 * pose.crouch))
    turn = 0.25 - 0.75 * pose.dip
    c, s = math.cos(turn), math.sin(turn)
    place = lambda x, y: (hip[0] + x * c - (y + 0.12) * s, hip[1] + x * s + (y + 0.12) * c)
    legs = []
    for phase in (math.pi, 0):
        swing = pose.stride * math.sin(pose.gait + phase)
        bend = 0.2 + 0.85 * pose.crouch + 0.7 * pose.stride * max(0.0, math.cos(pose.gait + phase))
        legs.append(limb(hip, 0.11, swing - bend, swing + bend, 0.04, look.beak))
        foot = legs[-1].points[-1]
        legs.append(Shape("line", [foot, (foot[0] + 0.08, foot[1])], 0.035, look.beak))
    wings = [_wing(place, pose, shift, shade(look.second, dim)) for shift, dim in ((0.08, 0.65), (0.0, 1.0))]
    head = place(0.27, 0.17)
    tail = [place(-0.16, 0.06), place(-0.48, 0.12), place(-0.5, -0.06), place(-0.14, -0.06)]
    return [
        *(wings[:1] if pose.spread else []),
        *legs,
        Shape("polygon", tail, 0, shade(look.second, 0.8)),
        ellipse(place(0, 0), 0.25, 0.15, turn, look.main),
        Shape("line", [place(0.14, 0.04), head], 0.15, look.main),
        Shape("polygon", [place(0.33, 0.24), place(0.53, 0.13), place(0.33, 0.1)], 0, look.beak),
        Shape("disc", [head], 0.11, look.main),
        Shape("disc", [place(0.3, 0.2)], 0.03, BLACK),
        wings[1],
    ]


def _wing(place: Placement, pose: Pose, shift: float, colour: Colour) -> Shape:
    if not pose.spread:
        folded = [place(0.12, 0.06), place(-0.02, 0.1), place(-0.34, 0.02), place(-0.05, -0.08)]
        return Shape("polygon", folded, 0, colour)
    up, back = 0.5 * math.sin(pose.wing), 0.3 * math.cos(pose.wing)
    tip = place(shift - 0.02 - back, 0.05 + up)
    bend = place(shift + 0.12 - 0.5 * back, 0.05 + 0.75 * up)
    return Shape("polygon", [place(shift + 0.12, 0.05), bend, tip, place(shift - 0.17, 0.03)], 0, colour)
