"""A rendered release's folder: there when it is whole, and known by the parameters that it was rendered with."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.locks import wait_for_lock

_PARAMETERS_FILE = "render.json"


def render_once(folder: Path, parameters: dict[str, Any], render: Callable[[Path], None]) -> None:
    """Has `render` fill `folder` unless it holds the rendering of the same `parameters` already.

    Raises InputError if it holds anything else. One process renders at a time; the others wait.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with wait_for_lock(folder.with_name(f".{folder.name}.lock"), "another process renders here; waiting for it"):
        if _already_there(folder, parameters):
            return
        partial = folder.with_name(f"{folder.name}.incomplete")
        shutil.rmtree(partial, ignore_errors=True)  # of a rendering that was killed: nobody else holds the lock
        try:
            partial.mkdir()
            render(partial)
            (partial / _PARAMETERS_FILE).write_text(json.dumps(parameters, indent=1) + "\n")
            os.rename(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _already_there(folder: Path, parameters: dict[str, Any]) -> bool:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        found = json.loads((folder / _PARAMETERS_FILE).read_text())
    except (OSError, ValueError):
        raise InputError(
            f"{folder} exists and is not a rendered release (no readable {_PARAMETERS_FILE}); choose another folder"
        ) from None
    if found != parameters:
        changed = [f"{key} {found.get(key)} there, {value} asked for"
                   for key, value in parameters.items() if found.get(key) != value]  # fmt: skip
        raise InputError(f"{folder} holds another rendering ({'; '.join(changed)}); delete it or choose another folder")
    return True
