"""The folder of a rendered release: it appears when it is complete and records its options."""

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from input_pipeline.workers import Workers
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.locks import wait_for_lock
from ssa2d_jax.utils.progress import Progress

_PARAMETERS_FILE = "render.json"

Task = TypeVar("Task")
Row = TypeVar("Row")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RenderOptions:
    """What a rendered release depends on, apart from the version of its world.

    Attributes:
        seed: of everything that is drawn at random.
        train_clips: clips of the train split.
        test_clips: clips of the test split.
        size: (height, width) in pixels.
        frames: per clip.
    """

    seed: int
    train_clips: int
    test_clips: int
    size: tuple[int, int]
    frames: int

    def clips(self, split: str) -> int:
        """The clips of a split."""
        return {"train": self.train_clips, "test": self.test_clips}[split]


def render_once(folder: Path, world: Mapping[str, int], options: RenderOptions, render: Callable[[Path], None]) -> None:
    """Lets `render` fill `folder`, unless it already holds the same rendering.

    One process renders at a time; the others wait.

    Args:
        folder: of the release.
        world: name and version of the world that is drawn.
        options: of the rendering; together with `world` the content of render.json.
        render: fills an empty folder.

    Raises:
        InputError: the folder holds anything else.
    """
    parameters = {**world, **dataclasses.asdict(options), "size": list(options.size)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with wait_for_lock(folder.with_name(f".{folder.name}.lock"), "another process renders here; waiting for it"):
        if _is_rendered(folder, parameters):
            return
        partial = folder.with_name(f"{folder.name}.incomplete")
        shutil.rmtree(partial, ignore_errors=True)  # left by a killed process: nobody else holds the lock
        try:
            partial.mkdir()
            render(partial)
            (partial / _PARAMETERS_FILE).write_text(json.dumps(parameters, indent=1) + "\n")
            os.rename(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def render_clips(render: Callable[[Task], Row], tasks: Sequence[Task], processes: int) -> list[Row]:
    """Returns [render(task) for task in tasks], logging progress; `render` must be picklable if `processes` > 1."""
    progress, rows = Progress("rendering", "clips", len(tasks)), []
    with Workers(processes) as workers:
        for _, row in workers.in_order(render, tasks):
            if isinstance(row, Exception):
                raise row
            rows.append(row)
            progress.add(1)
    return rows


def _is_rendered(folder: Path, parameters: dict[str, Any]) -> bool:
    """False for a missing or empty folder, true for the same rendering; InputError otherwise."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        saved = json.loads((folder / _PARAMETERS_FILE).read_text())
    except (OSError, ValueError):
        raise InputError(
            f"{folder} exists and is not a rendered release (no readable {_PARAMETERS_FILE}); choose another folder"
        ) from None
    if saved != parameters:
        changes = [
            f"{key} is {saved.get(key)} in the folder, {value} in the request"
            for key, value in parameters.items()
            if saved.get(key) != value
        ]
        raise InputError(f"{folder} holds another rendering ({'; '.join(changes)}); delete it or choose another folder")
    return True


def run_command(command: Callable[[], None]) -> int:
    """Runs a command line's `command`, prints an error as one line, and returns the exit code."""
    try:
        command()
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; no incomplete files remain", file=sys.stderr)
        return 130
    return 0
