"""Arrays by name in a .safetensors file, with what they are as metadata. No framework in here."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_bytes

SUFFIX = ".safetensors"


def save(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Writes `tensors` to `path`, whole or not at all; every value of `metadata` as JSON."""
    from safetensors.numpy import save as as_bytes

    texts = {key: json.dumps(value) for key, value in metadata.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(path, as_bytes({name: np.ascontiguousarray(array) for name, array in tensors.items()}, texts))


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """-> (arrays by name, metadata); raises InputError for a file that is damaged, or none of this kind."""
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _metadata(file)  # noqa: SIM118


def load_metadata(path: Path) -> dict[str, Any]:
    """The metadata alone, without reading an array; raises InputError like `load`."""
    with _opened(path) as file:
        return _metadata(file)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} can't be read as .safetensors ({error}); damaged? Make or fetch it again") from error


def _metadata(file: Any) -> dict[str, Any]:
    return {key: json.loads(text) for key, text in (file.metadata() or {}).items() if key != "format"}
