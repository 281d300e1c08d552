"""What a frozen encoder makes of clips, kept on disk, and networks that take it from there instead of video."""

import contextlib
import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import numpy as np

from ssa2d_jax.data.batch import HostBatch
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.models.units import Endpoints
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress

Arrays = dict[str, np.ndarray]
_LABELS, _ABOUT = "labels.npz", "about.json"


def video_of(clip_id: str) -> str:
    """The name of the video of a clip, whose id ends with a colon and its labelled frames."""
    return clip_id.rpartition(":")[0] or clip_id


@contextlib.contextmanager
def endpoints_given(endpoints: Endpoints) -> Iterator[None]:
    """Networks that are initialised or applied inside take these for their encoder's, which is not run."""

    def answer(following: Callable[..., Any], inputs: Any, options: Any, context: nn.module.InterceptorContext) -> Any:
        if context.module.name == ENCODER and context.method_name == "__call__":
            return endpoints
        return following(*inputs, **options)

    with nn.intercept_methods(answer):
        yield


class EndpointFiles:
    """Endpoints of clips, as float16, and the clips' labels.

    `clip_ids`: of the clips, in order; one that was read in several versions is there several times.
    """

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / _ABOUT).read_text())
        self.clip_ids: list[str] = about["clip_ids"]
        self.endpoints = {
            name: np.memmap(folder / f"{name}.bin", np.float16, "r", shape=(len(self.clip_ids), *shape))
            for name, shape in about["shapes"].items()
        }
        with np.load(folder / _LABELS) as file:
            self.labels: Arrays = dict(file)

    def read(self, numbers: Sequence[int]) -> tuple[Arrays, Arrays]:
        """A batch of clips: labels as in a `HostBatch`, without video, and endpoints as float32."""
        endpoints = {name: array[list(numbers)].astype(np.float32) for name, array in self.endpoints.items()}
        labels = {name: array[list(numbers)] for name, array in self.labels.items()}
        return labels | {"clip_valid": np.ones(len(numbers), bool)}, endpoints


def write(
    folder: Path, batches: Iterable[HostBatch], encode: Callable[..., Mapping[str, Any]], progress: Progress
) -> EndpointFiles:
    """Writes the endpoints of batches of one clip, unless `folder` has them; half-written ones are begun again.

    Args:
        folder: for the files.
        batches: read only if it has to be.
        encode: from a batch's video to endpoints by name.
        progress: counts clips.
    """
    if not (folder / _ABOUT).is_file():
        unfinished = folder.with_name(f".{folder.name}")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        _write(unfinished, batches, encode, progress)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(unfinished, folder)
    return EndpointFiles(folder)


def _write(
    folder: Path, batches: Iterable[HostBatch], encode: Callable[..., Mapping[str, Any]], progress: Progress
) -> None:
    labels: list[Arrays] = []
    clip_ids: list[str] = []
    shapes: dict[str, tuple[int, ...]] = {}
    with contextlib.ExitStack() as stack:
        files: dict[str, Any] = {}
        for batch in batches:
            for name, array in encode(batch["video"]).items():
                if name not in files:
                    files[name] = stack.enter_context(open(folder / f"{name}.bin", "wb"))
                clip = np.asarray(array, np.float16)[0]
                shapes[name] = clip.shape
                files[name].write(clip.tobytes())
            if not clip_ids:
                _check_space(folder, shapes, progress.total)
            names = ("label_time", "label_valid", "label_size", "actor", "action")
            labels.append({name: np.asarray(batch[name])[0] for name in names})  # type: ignore[literal-required]
            clip_ids.append(str(batch["clip_id"][0]))
            progress.add(1)
    np.savez_compressed(folder / _LABELS, **_stack(labels))
    (folder / _ABOUT).write_text(json.dumps({"clip_ids": clip_ids, "shapes": shapes}))


def _check_space(folder: Path, shapes: Mapping[str, Sequence[int]], clips: int | None) -> None:
    """Raises InputError if the files of so many clips are larger than what is free on their disk."""
    needed = (clips or 0) * sum(2 * math.prod(shape) for shape in shapes.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{folder.parent} needs {needed / 1e9:.1f} GB for the endpoints, and {free / 1e9:.1f} GB are free; "
            "choose fewer --versions, a smaller --size or another --workdir"
        )


def _stack(labels: Sequence[Arrays]) -> dict[str, Any]:
    """Arrays of all clips, padded to one size: false, 0, and IGNORE in the maps."""
    stacked: dict[str, Any] = {}
    for name in labels[0]:
        arrays = [clip[name] for clip in labels]
        shape = np.max([array.shape for array in arrays], axis=0)
        fill = IGNORE if name in ("actor", "action") else 0
        stacked[name] = np.full((len(arrays), *shape), fill, arrays[0].dtype)
        for number, array in enumerate(arrays):
            stacked[name][(number, *map(slice, array.shape))] = array
    return stacked
