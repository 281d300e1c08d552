"""The contract between the input pipeline and the model: what a batch holds. No framework in here.

    video        [B, T, H, W, 3] uint8     RGB; normalised to [-1, 1] on the device
    flow         [B, T, H, W, 2] float32   two streams only: right, down to the next frame, in [-1, 1] (1 = 20 pixels)
    label_time   [B, L] int32              position in the clip, 0 <= t < T, of each labelled frame
    label_valid  [B, L] bool               false: padding
    actor        [B, L, h, w] uint8        actor class, 255 = ignore
    action       [B, L, h, w] uint8        action class, 255 = ignore; or, where a pixel may have several actions:
                 [B, L, h, w, A] bool      which of them it has (no background; the actor says what to ignore)
    label_size   [B, 2] int32              (height, width) of the label maps; beyond it they are padding (255)
    clip_valid   [B] bool                  false: padding of the last batch

While training, h, w = H, W. For evaluation the maps keep the annotated frames' own size, padded to one
size a batch, and the whole frame (not a crop) is what `video` shows, so that maps and frames cover
the same field of view. `clip_id`, if there, is a list of B strings that names video and frames.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ssa2d_jax.data.label_space import A2D, LabelSpace
from ssa2d_jax.utils.errors import InputError

Batch = Mapping[str, np.ndarray]
Batches = Iterator[Batch]

_DTYPES = {
    "video": np.uint8,
    "label_time": np.int32,
    "label_valid": np.bool_,
    "actor": np.uint8,
    "action": np.uint8,
    "label_size": np.int32,
    "clip_valid": np.bool_,
}
_SHAPES = {
    "video": "BTHW3",
    "label_time": "BL",
    "label_valid": "BL",
    "actor": "BLhw",
    "action": "BLhw",
    "label_size": "B2",
    "clip_valid": "B",
}
KEYS = tuple(_DTYPES)
OPTIONAL = {"flow": (np.float32, "BTHW2")}
_SEVERAL = {"action": (np.bool_, "BLhwA")}


SPLITS = ("train", "test")


def check_batch(batch: Batch) -> None:
    """Raises InputError when `batch` breaks the contract at the top of this file."""
    sizes: dict[str, int] = {"2": 2, "3": 3}
    layout = {key: (_DTYPES[key], _SHAPES[key]) for key in KEYS} | {k: v for k, v in OPTIONAL.items() if k in batch}
    if np.ndim(batch.get("action")) == 5:
        layout |= _SEVERAL
    for key, (dtype, letters) in layout.items():
        if key not in batch:
            raise InputError(f"batch has no {key!r}; it needs {', '.join(KEYS)}")
        array = np.asarray(batch[key])
        if array.dtype != dtype:
            raise InputError(f"batch[{key!r}] is {array.dtype}, expected {np.dtype(dtype)}")
        if array.ndim != len(letters):
            raise InputError(f"batch[{key!r}] has shape {array.shape}, expected [{', '.join(letters)}]")
        for letter, size in zip(letters, array.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise InputError(
                    f"batch[{key!r}] has shape {array.shape}, so {letter} = {size}; "
                    f"another array or the layout says {letter} = {sizes[letter]}"
                )
    frames, (height, width) = sizes["T"], (sizes["h"], sizes["w"])
    time, size = np.asarray(batch["label_time"]), np.asarray(batch["label_size"])
    if ((time < 0) | (time >= frames)).any():
        raise InputError(f"batch['label_time'] goes from {time.min()} to {time.max()}, the clips have {frames} frames")
    if (size < 1).any() or (size > (height, width)).any():
        raise InputError(f"batch['label_size'] has {size.tolist()}, beyond the label maps' {height}x{width}")


def device_arrays(batch: Batch) -> dict[str, np.ndarray]:
    """The arrays of `batch` that go to the device: KEYS and what there is of OPTIONAL, no names or other extras."""
    return {key: np.asarray(batch[key]) for key in (*KEYS, *OPTIONAL) if key in KEYS or key in batch}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where batches come from: what the input pipeline hands to training and evaluation.

    `train_batches(step)` goes on for ever, starting with the batch of update `step` (0 = the first);
    `eval_batches(split)` goes once through a split, every labelled frame exactly once. `identity` is another
    string for other data: a run goes on only with the data that it was begun with. `space` has the labels' classes.
    """

    train_clips: int
    label_frames: Mapping[str, int]  # by split
    left_out: Mapping[str, int]  # videos that could not be used, by split
    identity: str
    train_batches: Callable[[int], Batches]
    eval_batches: Callable[[str], Batches]
    space: LabelSpace = A2D
