"""Draws the adult and the baby of the sprites world, upright or on hands and knees."""

import math
from typing import NamedTuple

from input_pipeline.sprites.figures.shapes import (
    BLACK,
    PALE,
    Colour,
    Look,
    Point,
    Pose,
    Shape,
    along,
    limb,
    rotate_about,
    shade,
)


class Person(NamedTuple):
    """Sizes of the parts of a person; legs and arms have two equal segments."""

    leg: float
    torso: float
    girth: float
    arm: float
    head: float
    limb: float


ADULT = Person(leg=0.225, torso=0.29, girth=0.2, arm=0.16, head=0.1, limb=0.11)
BABY = Person(leg=0.12, torso=0.26, girth=0.24, arm=0.12, head=0.215, limb=0.11)


def _face(head: Point, build: Person, turn: float, look: Look) -> list[Shape]:
    """A person's head: hair (a tuft for a baby), then the face with nose and eye; `turn` is the angle of the gaze."""
    size = build.head
    place = rotate_about(head, size, turn)
    hair = Shape("disc", [place(-0.2, 0.18)], size, look.dark)
    tuft = Shape("line", [place(-0.2, 0.6), place(0.1, 1.15)], size * 0.25, look.dark)
    return [
        tuft if build is BABY else hair,
        Shape("disc", [place(0.12, -0.1)], size * 0.88, look.skin),
        Shape("disc", [place(0.95, -0.15)], size * 0.2, look.skin),
        Shape("disc", [place(0.5, 0.1)], size * 0.17, BLACK),
    ]


def _legwear(build: Person, look: Look) -> Colour:
    """The colour of the trousers; a baby's legs are bare."""
    return look.skin if build is BABY else look.second


def _nappy(hip: Point, build: Person) -> list[Shape]:
    return [Shape("disc", [hip], build.girth * 0.6, PALE)] if build is BABY else []


def upright(pose: Pose, look: Look, build: Person) -> list[Shape]:
    """A person on two legs; the lower foot is always on the ground."""
    legs = []
    for phase in (pose.gait, pose.gait + math.pi):
        thigh = pose.stride * math.sin(phase) + pose.crouch
        legs.append((thigh, thigh - 0.12 - 1.1 * pose.stride * max(0.0, math.cos(phase)) - 1.9 * pose.crouch))
    height = build.leg * max(math.cos(upper) + math.cos(lower) for upper, lower in legs)
    hip = (0.0, -0.5 + height + build.limb / 2)
    lean = 0.06 + 0.55 * pose.dip + 0.35 * pose.crouch
    neck = along(hip, math.pi - lean, build.torso)
    shoulder = along(hip, math.pi - lean, build.torso * 0.85)
    head = along(neck, math.pi - lean - 0.5 * pose.dip, build.head * 0.95)
    arms = []
    for phase in (pose.gait + math.pi, pose.gait):
        down = 0.8 * pose.stride * math.sin(phase) + 0.5 * pose.dip
        up = 2.75 + 0.45 * math.sin(phase)
        upper = down + (up - down) * pose.arms
        lower = upper + 0.35 + 1.9 * pose.dip * (1 - pose.arms) - 0.6 * pose.arms * max(0.0, math.sin(phase))
        arms.append((upper, lower))
    trousers, sleeve = _legwear(build, look), shade(look.main, 0.85)
    return [
        limb(shoulder, build.arm, *arms[1], build.limb * 0.85, shade(look.skin)),
        limb(hip, build.leg, *legs[1], build.limb, shade(trousers)),
        limb(hip, build.leg, *legs[0], build.limb, trousers),
        Shape("line", [hip, shoulder], build.girth, look.main),
        *_nappy(hip, build),
        Shape("line", [shoulder, neck], build.limb, look.skin),
        *_face(head, build, -lean - 0.6 * pose.dip, look),
        limb(shoulder, build.arm, *arms[0], build.limb * 0.85, look.skin),
        Shape("line", [shoulder, along(shoulder, arms[0][0], build.arm * 0.8)], build.limb, sleeve),
    ]


def on_fours(pose: Pose, look: Look, build: Person) -> list[Shape]:
    """A person on hands and knees."""
    floor = -0.24
    swing = [0.7 * pose.stride * math.sin(pose.gait + phase) for phase in (0, math.pi)]
    thigh = build.leg * 1.1
    hip = (-build.torso * 0.62, floor + thigh + build.limb / 2)
    bend = 0.9 * pose.dip
    shoulder = (build.torso * 0.52, floor + 2 * build.arm * math.cos(bend) + build.limb / 2)
    gaze = 0.25 - 0.9 * pose.dip
    head = (
        shoulder[0] + build.head * 0.9 * math.cos(gaze) + 0.04,
        shoulder[1] + build.head * (0.5 + math.sin(gaze)),
    )
    shapes = []
    for far, (arm, leg) in ((True, swing), (False, swing[::-1])):
        knee = along(hip, leg, thigh)
        foot = along(knee, leg - 1.35, build.leg * 0.9)
        dim = 0.65 if far else 1.0
        shapes += [
            Shape("line", [hip, knee, foot], build.limb, shade(_legwear(build, look), dim)),
            limb(shoulder, build.arm, arm - bend, arm + bend, build.limb * 0.85, shade(look.skin, dim)),
        ]
    torso = Shape("line", [hip, shoulder], build.girth, look.main)
    return [*shapes[:2], torso, *_nappy(hip, build), shapes[2], *_face(head, build, gaze, look), shapes[3]]
