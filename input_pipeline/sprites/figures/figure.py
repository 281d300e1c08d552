"""Draws each of the actors of the sprites worlds in a given pose."""

from input_pipeline.sprites.figures.animals import CAT, DOG, bird, quadruped
from input_pipeline.sprites.figures.fish import fish
from input_pipeline.sprites.figures.people import ADULT, BABY, on_fours, upright
from input_pipeline.sprites.figures.shapes import Look, Pose, Shape
from input_pipeline.sprites.figures.things import ball, car

FISH = 8  # the actor that A2D does not have


def figure(actor: int, pose: Pose, look: Look) -> list[Shape]:
    """The shapes of `actor`, farthest first, without the pose's tilt and position.

    Args:
        actor: a class of A2D (1 adult ... 7 dog), or FISH.
        pose: its posture.
        look: its colours.
    """
    if actor in (1, 2):
        build = ADULT if actor == 1 else BABY
        return on_fours(pose, look, build) if pose.fours else upright(pose, look, build)
    if actor in (6, 7):
        return quadruped(pose, look, CAT if actor == 6 else DOG, actor == 6)
    return {3: ball, 4: bird, 5: car, FISH: fish}[actor](pose, look)
