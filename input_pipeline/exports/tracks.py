"""Gathers shapes that are listed by picture into tracks."""

from collections.abc import Hashable

from input_pipeline.exports.labelled import Shape, Track


class TrackBuilder:
    """Tracks of a video, from its shapes in any order of frames."""

    def __init__(self) -> None:
        self._shapes: dict[tuple[str | None, Hashable], dict[int, list[Shape]]] = {}
        self._counts: dict[tuple[int, str | None], int] = {}

    def add(self, frame: int, actor: str | None, shape: Shape, key: object = None) -> None:
        """Adds a shape.

        Args:
            frame: Its frame.
            actor: Its actor class; None: its pixels are ignored.
            shape: The shape.
            key: What tells the instances of an actor class apart, and finds them again in other frames; shapes with the
                same one in a frame are parts of an instance. None: every shape is an instance, and the n-th of its
                class in each frame are called one track.
        """
        if key is None:
            count = self._counts[frame, actor] = self._counts.get((frame, actor), 0) + 1
            key = ("unnamed", count)
        self._shapes.setdefault((actor, key), {}).setdefault(frame, []).append(shape)

    def tracks(self) -> list[Track]:
        """The tracks, in the order in which they were begun."""
        return [Track(_name(actor, key), actor, shapes) for (actor, key), shapes in self._shapes.items()]


def _name(actor: str | None, key: object) -> str:
    if isinstance(key, str) and actor and actor in key:
        return key
    return f"{actor or 'ignored'} {key[1] if isinstance(key, tuple) else key}"
