"""The contract between the input pipeline and the model: what a batch holds. No framework in here.

In the shapes, B is the number of clips, T of frames in a clip, L of labelled frames in a clip, A of actions; H, W is
the network's input size and h, w that of the label maps.

For training, h, w = H, W. For evaluation, the maps keep the annotated frames' own size, padded to one size per batch,
and `video` shows the whole frames (not a crop), so that maps and frames have the same field of view.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NotRequired, TypedDict, cast, get_args, get_type_hints

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from ssa2d_jax.data.label_space import A2D, LabelSpace
from ssa2d_jax.utils.errors import InputError


class HostBatch(TypedDict):
    """A batch in numpy, as the input pipeline makes it; `check_batch` compares one with these types."""

    video: UInt8[np.ndarray, "B T H W 3"]  # RGB; normalised to [-1, 1] on the device
    label_time: Int32[np.ndarray, "B L"]  # each labelled frame's position in the clip, 0 <= t < T
    label_valid: Bool[np.ndarray, "B L"]  # false: padding
    actor: UInt8[np.ndarray, "B L h w"]  # actor class, 255 = ignore
    # Action class, 255 = ignore; multi-label: which actions a pixel has, without the background, and `actor` says which
    # pixels to ignore.
    action: UInt8[np.ndarray, "B L h w"] | Bool[np.ndarray, "B L h w A"]
    label_size: Int32[np.ndarray, "B 2"]  # (height, width) of the label maps; beyond it they are padding (255)
    clip_valid: Bool[np.ndarray, " B"]  # false: padding of the last batch
    # For two streams: right, down to the next frame, in [-1, 1] (1 = 20 pixels).
    flow: NotRequired[Float32[np.ndarray, "B T H W 2"]]
    clip_id: NotRequired[Sequence[str]]  # B names of video and frames; they stay on the host


Batches = Iterator[HostBatch]
ArrayType = Any  # a shape and dtype of jaxtyping, which is a class only while the program runs

_ARRAYS: Mapping[str, ArrayType] = {key: kind for key, kind in get_type_hints(HostBatch).items() if key != "clip_id"}
KEYS = tuple(key for key in _ARRAYS if key in HostBatch.__required_keys__)

SPLITS = ("train", "test")


def check_batch(batch: HostBatch) -> None:
    """Raises InputError if `batch` breaks the contract at the top of this file."""
    arrays = cast(Mapping[str, np.ndarray], batch)
    sizes: dict[str, int] = {}
    for key, array_type in _ARRAYS.items():
        if key in arrays:
            array = np.asarray(arrays[key])
            _check_array(key, array, _type_of_rank(array_type, array.ndim), sizes)
        elif key in KEYS:
            raise InputError(f"batch has no {key!r}; it needs {', '.join(KEYS)}")
    time, size = np.asarray(batch["label_time"]), np.asarray(batch["label_size"])
    frames, (height, width) = sizes["T"], (sizes["h"], sizes["w"])
    if ((time < 0) | (time >= frames)).any():
        raise InputError(
            f"batch['label_time'] goes from {time.min()} to {time.max()}, but the clips have {frames} frames"
        )
    if (size < 1).any() or (size > (height, width)).any():
        raise InputError(f"batch['label_size'] has {size.tolist()}, beyond the label maps' {height}x{width}")


def _type_of_rank(array_type: ArrayType, rank: int) -> ArrayType:
    """The one of several allowed types that has `rank` dimensions, or the first."""
    kinds = get_args(array_type) or (array_type,)
    return next((kind for kind in kinds if len(kind.dim_str.split()) == rank), kinds[0])


def _check_array(key: str, array: np.ndarray, expected: ArrayType, sizes: dict[str, int]) -> None:
    """Compares dtype and shape with `expected`; `sizes` are the known sizes of its dimensions and gets the new ones."""
    if array.dtype.name not in expected.dtypes:
        raise InputError(f"batch[{key!r}] is {array.dtype}, expected {expected.dtypes[0]}")
    dimensions = expected.dim_str.split()
    if array.ndim != len(dimensions):
        raise InputError(f"batch[{key!r}] has shape {array.shape}, expected [{', '.join(dimensions)}]")
    for name, size in zip(dimensions, array.shape, strict=True):
        known = int(name) if name.isdigit() else sizes.setdefault(name, size)
        if known != size:
            raise InputError(
                f"batch[{key!r}] has shape {array.shape}, so {name} = {size}; "
                f"another array or the layout says {name} = {known}"
            )


def device_arrays(batch: HostBatch) -> dict[str, np.ndarray]:
    """The arrays of `batch` that the device needs, by name; without `clip_id` and other extras."""
    arrays = cast(Mapping[str, np.ndarray], batch)
    return {key: np.asarray(arrays[key]) for key in _ARRAYS if key in KEYS or key in arrays}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where batches come from: what the input pipeline gives to training and evaluation.

    Attributes:
        train_clips: the number of clips in the training split.
        label_frames: the number of labelled frames by split.
        left_out: the number of unusable videos by split.
        identity: a text that differs for other data: a run resumes only with the data that it began with.
        train_batches: returns endless training batches; the first one is that of training step `step` (0 = the first).
        eval_batches: returns the batches of one pass through a split, with every labelled frame exactly once.
        space: the classes of the labels.
    """

    train_clips: int
    label_frames: Mapping[str, int]
    left_out: Mapping[str, int]
    identity: str
    train_batches: Callable[[int], Batches]
    eval_batches: Callable[[str], Batches]
    space: LabelSpace = A2D
