"""Named arrays with JSON metadata in a .safetensors file. No framework in here."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_bytes

SUFFIX = ".safetensors"


def save(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, object]) -> None:
    """Writes `tensors` to `path` atomically, with every value of `metadata` as JSON."""
    from safetensors.numpy import save as serialize

    texts = {key: json.dumps(value) for key, value in metadata.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(path, serialize({name: np.ascontiguousarray(array) for name, array in tensors.items()}, texts))


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays by name and the metadata; raises InputError for a damaged file or another kind of file."""
    with _open(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _metadata(file)  # noqa: SIM118


def load_metadata(path: Path) -> dict[str, Any]:
    """The metadata alone, without reading an array; raises InputError like `load`."""
    with _open(path) as file:
        return _metadata(file)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} can't be read as .safetensors ({error}); if it is damaged, write or download it again"
        ) from error


def _metadata(file: Any) -> dict[str, Any]:
    return {key: json.loads(text) for key, text in (file.metadata() or {}).items() if key != "format"}
