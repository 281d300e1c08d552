"""Finds a class by its name."""

import difflib

from ssa2d_jax.data.class_names import clean_name
from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.errors import InputError


def find_class(space: LabelSpace, name: str) -> tuple[str, int]:
    """The kind (actor, action or joint) and the number of the class of this name; a name of two kinds is an actor's.

    Raises:
        InputError: there is no such class; says which one may be meant.
    """
    for spelling in (name, clean_name(name)):
        for kind, names in space.names.items():
            if spelling in names:
                return kind, names.index(spelling)
    known = [other for names in space.names.values() for other in names]
    near = difflib.get_close_matches(name, known, 1)
    hint = (
        f"did you mean {near[0]!r}?"
        if near
        else f"the actors are {', '.join(space.actors[1:])}; the actions {', '.join(space.actions[1:])}"
    )
    raise InputError(f"no class {name!r}; {hint}")
