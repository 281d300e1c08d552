"""Moves the actors of the sprites world: one pose per frame for each of the 43 actor-action pairs, and for the fish.

A single frame must not reveal the action. So every posture that a single frame shows (arms up, wings spread, head
down, crouching, a tilted body, legs in mid-stride) is about equally likely in all actions that allow it.
"""

import math

import numpy as np
from jaxtyping import Real

from input_pipeline.sprites.figures.figure import FISH
from input_pipeline.sprites.figures.shapes import Pose
from ssa2d_jax.data.label_space import A2D

_ADULT, _BABY, _BALL, _BIRD, _CAR, _CAT, _DOG = range(1, 8)
SWIMMING = 0  # the fish's own action; its others have A2D's numbers
_TURN = 2 * math.pi

Times = Real[np.ndarray, "F"]  # in frames
Tracks = dict[str, float | bool | Times]  # field of Pose -> its value in every frame


def motion(actor: int, action: int, rng: np.random.Generator, times: Times) -> list[Pose]:
    """One pose for each of `times`; at time 0 the body is at its origin, except for the height of a jump.

    `actor` is a class of A2D or FISH; `action` is a class of A2D, for the fish SWIMMING, jumping or none.
    Periods (frames) and speeds (body sizes per frame) are chosen so that any 16 frames show the action.
    """
    pose = _habits(actor, rng)
    if actor == FISH:
        return _poses(pose, _fish_tracks(action, pose, rng, times), times)
    action_name = A2D.actions[action]
    tracks = {
        "climbing": _climbing,
        "crawling": _crawling,
        "eating": _eating,
        "flying": _flying,
        "jumping": _jumping,
        "rolling": _rolling,
        "running": _running,
        "walking": _walking,
        "none": _none,
    }[action_name](actor, pose, rng, times)
    return _poses(pose, tracks, times)


def _poses(pose: Pose, tracks: Tracks, times: Times) -> list[Pose]:
    """`pose` in every frame, with the values of the tracks."""
    values = {name: np.broadcast_to(track, times.shape).tolist() for name, track in tracks.items()}
    return [pose._replace(**{name: value[i] for name, value in values.items()}) for i in range(len(times))]


def _habits(actor: int, rng: np.random.Generator) -> Pose:
    """A random posture, drawn in the same way for all actions."""
    sometimes = lambda chance, low, high: rng.uniform(low, high) * (rng.random() < chance)
    return Pose(
        gait=rng.uniform(0, _TURN),
        stride=rng.uniform(0.45, 0.75),
        dip=sometimes(0.3, 0.2, 1.0),
        crouch=sometimes(0.5, 0.05, 0.35),
        arms=sometimes(0.5, 0.7, 1.0),
        wing=rng.uniform(-0.8, 1.3),
        spread=bool(rng.random() < 0.4),
        wheel=rng.uniform(0, _TURN),
        tilt=rng.uniform(0, _TURN) if actor == _BALL else rng.uniform(-0.1, 0.1),
    )


def _low(actor: int, rng: np.random.Generator, chance: float) -> Tracks:
    """The low postures that crawling shares with resting, eating and rolling; empty if the posture is not low."""
    low = rng.random() < chance
    if actor in (_ADULT, _BABY):
        return {"fours": bool(low)}
    return {"crouch": rng.uniform(0.7, 1.0)} if low else {}


def _lie(actor: int, pose: Pose, rng: np.random.Generator) -> float:
    """The tilt of a body that stays in place: often any, as in rolling; steep, as in climbing, for cat and bird."""
    chance = rng.random()
    if chance < 0.35:
        return rng.uniform(0, _TURN)
    return rng.uniform(1.1, 1.6) if chance < 0.6 and actor in (_BIRD, _CAT) else pose.tilt


def _gait(pose: Pose, period: float, times: Times) -> Times:
    return pose.gait + _TURN * times / period


def _walking(actor: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    return {"gait": _gait(pose, rng.uniform(13, 17), times), "x": rng.uniform(0.015, 0.025) * times}


def _running(actor: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    speed = rng.uniform(0.05, 0.07) * times
    if actor == _CAR:
        bounce = 0.012 * np.sin(_TURN * times / rng.uniform(5, 8))
        return {"wheel": pose.wheel + _TURN * times / rng.uniform(9, 12), "x": speed, "y": bounce}
    return {"gait": _gait(pose, rng.uniform(6.5, 8.5), times), "x": speed}


def _crawling(actor: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    gait = _gait(pose, rng.uniform(13, 17), times)
    return {"gait": gait, "x": rng.uniform(0.006, 0.012) * times, **_low(actor, rng, chance=1.0)}


def _climbing(actor: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    tracks: Tracks = {"gait": _gait(pose, rng.uniform(9, 12), times), "y": rng.uniform(0.025, 0.04) * times}
    if actor in (_ADULT, _BABY):
        return {**tracks, "arms": rng.uniform(0.7, 1.0), "crouch": rng.uniform(0.15, 0.35)}
    return {**tracks, "tilt": rng.uniform(1.1, 1.6)}


def _eating(actor: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    dip = 0.5 - 0.5 * np.cos(pose.gait * 3 + _TURN * times / rng.uniform(8, 12))
    sway = pose.gait + 0.1 * np.sin(_TURN * times / rng.uniform(12, 20))
    return {
        "dip": rng.uniform(0.8, 1.0) * dip,
        "gait": sway,
        "arms": 0.0,
        "tilt": _lie(actor, pose, rng),
        **_low(actor, rng, chance=0.4),
    }


def _flying(actor: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    rise, sag = rng.uniform(-0.012, 0.012), rng.uniform(0.0003, 0.0015)
    path: Tracks = {"x": rng.uniform(0.04, 0.06) * times, "y": rise * times - sag * times**2}
    if actor == _BIRD:
        beat = _TURN * times / rng.uniform(6.5, 8.5) + pose.gait
        return {
            **path,
            "wing": 0.2 + 1.1 * np.sin(beat),
            "spread": True,
            "y": rise * times - 0.04 * np.sin(beat),
        }
    if actor == _CAR:
        return {**path, "tilt": np.arctan2(rise - 2 * sag * times, 0.05)}
    return {**path, "tilt": _slow_spin(pose, rng, times)}


def _jumping(actor: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    period = rng.uniform(11, 15)
    phase = (times / period + rng.random()) % 1.0
    air = np.clip(phase / 0.8, 0, 1)  # a fifth of every jump is spent on the ground
    tracks: Tracks = {"x": rng.uniform(0.0, 0.02) * times, "y": rng.uniform(0.25, 0.4) * 4 * air * (1 - air)}
    if actor == _BALL:
        return {**tracks, "tilt": _slow_spin(pose, rng, times)}
    tilt = _lie(actor, pose, rng)
    if actor == _CAR:
        return {**tracks, "tilt": tilt + 0.15 * np.sin(_TURN * phase)}
    landing = np.where(phase > 0.8, np.sin(math.pi * (phase - 0.8) / 0.2), 0.0)
    gait = pose.gait + 0.3 * np.sin(_TURN * phase)
    return {**tracks, "tilt": tilt, "crouch": pose.crouch + 0.6 * landing, "gait": gait}


def _rolling(actor: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    turned = rng.uniform(0, _TURN) - _TURN * times / rng.uniform(15, 22)
    speed = rng.uniform(0.02, 0.045) * times
    low: Tracks = {} if actor in (_BALL, _CAR) else _low(actor, rng, chance=0.4)
    return {"tilt": turned, "x": speed, **low}


def _none(actor: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    tilt = pose.tilt if actor == _BALL else _lie(actor, pose, rng)
    sway = np.sin(_TURN * times / rng.uniform(14, 22))
    low: Tracks = {} if actor in (_BALL, _CAR) else _low(actor, rng, chance=0.5)
    return {"tilt": tilt + 0.02 * sway, "gait": pose.gait + 0.08 * sway, **low}


def _slow_spin(pose: Pose, rng: np.random.Generator, times: Times) -> Times:
    return pose.tilt + rng.choice([-1.0, 1.0]) * _TURN * times / rng.uniform(60, 100)


def _fish_tracks(action: int, pose: Pose, rng: np.random.Generator, times: Times) -> Tracks:
    """A fish that swims along its own axis, jumps in arcs, or rests; in all of these it may point up or down."""
    tilt = rng.uniform(-0.9, 0.9) if rng.random() < 0.7 else pose.tilt
    shape: Tracks = {"stride": rng.uniform(0.5, 1.0), "crouch": rng.uniform(0.0, 1.0)}
    if action == SWIMMING:
        way = rng.uniform(0.03, 0.045) * times
        gait = _gait(pose, rng.uniform(6.5, 9.0), times)
        return {**shape, "gait": gait, "tilt": tilt, "x": way * math.cos(tilt), "y": way * math.sin(tilt)}
    if A2D.actions[action] == "jumping":
        period, height, speed = rng.uniform(11, 15), rng.uniform(0.25, 0.4), rng.uniform(0.01, 0.03)
        phase = (times / period + rng.random()) % 1.0
        air = np.clip(phase / 0.8, 0, 1)
        steep = math.atan2(4 * height / (0.8 * period), speed)
        # It follows its arc, and turns back up in the fifth of the jump that it is in the water.
        arc = np.where(phase < 0.8, steep * (1 - 2 * air), steep * (2 * (phase - 0.8) / 0.2 - 1))
        gait = pose.gait + 0.4 * np.sin(_TURN * phase)
        return {**shape, "gait": gait, "tilt": 0.8 * arc, "x": speed * times, "y": height * 4 * air * (1 - air)}
    sway = np.sin(_TURN * times / rng.uniform(14, 22))
    return {**shape, "gait": pose.gait + 0.08 * sway, "tilt": tilt + 0.02 * sway}
