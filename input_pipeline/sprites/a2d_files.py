"""Writes the files of an A2D release: clips, MATLAB v7.3 annotations, colour pictures, README, csv."""

from collections.abc import Sequence
from pathlib import Path

import av
import h5py
import numpy as np
from jaxtyping import Bool, Shaped, UInt8
from numpy.typing import DTypeLike

from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.utils.images import encode_png

FRAME_RATE = 12  # frames per second
# Without the last option, x264 may encode the same small frames differently from one call to the next: its macroblock
# tree then uses vector instructions that depend on more than the frames, even with a single thread.
_H264 = {"preset": "veryfast", "crf": "18", "x264-params": "cpu-independent=1"}
_USERBLOCK = 512  # bytes before the HDF5 data, for MATLAB's header
_HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"


def write_clip(path: Path, frames: Sequence[UInt8[np.ndarray, "H W 3"]] | UInt8[np.ndarray, "F H W 3"]) -> None:
    """Encodes RGB frames of even height and width as H.264; the same frames give the same file."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options=_H264)
        stream.height, stream.width, stream.pix_fmt, stream.thread_count = height, width, "yuv420p", 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_annotation(path: Path, owners: UInt8[np.ndarray, "H W"], codes: Sequence[int]) -> None:
    """Writes the .mat file of one frame as in A2D: every array is transposed, with one entry per visible instance.

    Args:
        path: of the new file.
        owners: 0 is the background, k the instance with the label code `codes[k - 1]`.
        codes: label codes, 10 * actor + action.
    """
    visible = [owner for owner in range(1, len(codes) + 1) if (owners == owner).any()]
    masks = [(owners == owner).T for owner in visible]  # [W, H] each
    code_of = np.array([0, *codes], np.uint8)
    # Built in memory and written at once: HDF5's many small writes would take most of the time.
    with h5py.File(path.name, "w", driver="core", backing_store=False, userblock_size=_USERBLOCK) as file:
        _put(file, "reS_id", code_of[owners].T, "uint8")
        _put(file, "reMask", (masks[0] if len(masks) == 1 else np.stack(masks)).astype(np.uint8), "uint8")
        _put(file, "reBBox", np.array([_box(mask) for mask in masks], np.float64).T, "double")
        _put(file, "id", np.array([[codes[owner - 1] for owner in visible]], np.float64), "double")
        names = [A2D.joint[A2D.joint_of[divmod(codes[owner - 1], 10)]] for owner in visible]
        references = np.empty((1, len(visible)), h5py.ref_dtype)
        for i, name in enumerate(names):
            text = np.frombuffer(name.encode("utf-16-le"), np.uint16)[:, None]
            references[0, i] = _put(file, f"#refs#/{i}", text, "char").ref
        _put(file, "class", references, "cell", dtype=h5py.ref_dtype)
        file.flush()
        image = file.id.get_file_image()  # without the user block
    path.write_bytes(_HEADER.ljust(_USERBLOCK, b"\x00") + image)


def _put(
    file: h5py.File, name: str, array: Shaped[np.ndarray, "..."], matlab_class: str, dtype: DTypeLike | None = None
) -> h5py.Dataset:
    """Writes an array with the attribute that names its MATLAB class."""
    compression = {"compression": "gzip", "compression_opts": 1} if array.size > 1024 else {}
    dataset = file.create_dataset(name, data=array, dtype=dtype, **compression)
    dataset.attrs["MATLAB_class"] = np.bytes_(matlab_class)
    return dataset


def _box(mask: Bool[np.ndarray, "W H"]) -> tuple[int, int, int, int]:
    """(x1, y1, x2, y2) of a mask: counted from 1 as in MATLAB, both corners inside."""
    columns, rows = ((np.flatnonzero(mask.any(axis=axis)) + 1).tolist() for axis in (1, 0))
    return columns[0], rows[0], columns[-1], rows[-1]


def write_colours(path: Path, owners: UInt8[np.ndarray, "H W"], codes: Sequence[int]) -> None:
    """Writes the labels of one frame as a PNG in A2D's palette; `owners` and `codes` as in `write_annotation`."""
    palette = np.array([(0, 0, 0), *(A2D.colour(*divmod(code, 10)) for code in codes)], np.uint8)
    path.write_bytes(encode_png(palette[owners], compression=1))


def write_readme(path: Path) -> None:
    """Writes the table NAME ID Valid R G B of all 63 combinations."""
    valid = set(A2D.pairs)
    rows = ["Rendered figures in the layout of the A2D release.", "", "NAME ID Valid R G B"]
    for actor in range(1, len(A2D.actors)):
        for action in range(1, len(A2D.actions)):
            colour = " ".join(map(str, A2D.colour(actor, action)))
            name = f"{A2D.actors[actor]}-{A2D.actions[action]}"
            rows.append(f"{name} {10 * actor + action} {int((actor, action) in valid)} {colour}")
    path.write_text("\n".join(rows) + "\n")


def write_videoset(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Writes rows of vid, label, start, end, height, width, frames, annotated frames, split."""
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
