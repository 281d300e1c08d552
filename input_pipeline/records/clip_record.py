"""The clip record: a window of frames around its labelled frames, with their regions. No framework in here.

features.py describes the same record to TFDS.

video            name of the video
first_frame      number of frames[0] in the video, from 0
frames           [F] JPEG bytes
flow             [F] PNG bytes, uint8 [h, 2 w]: flow from each frame to the next frame of the clip, packed as in
                 optical_flow.py, horizontal beside vertical; [0] in records without flow
label_position   [L] index into `frames` of every labelled frame
label_frame      [L] numbers of the labelled frames in the annotation: from 1, in your own data from 0
label_size       [2] height and width of the region maps
regions          [L] PNG bytes, uint16 [height, width]: region number, 0 = background
region_count     [L] regions of each labelled frame; the tables below list them frame after frame
region_actor     [R] actor class
region_actions   [R, action classes] bool: in A2D exactly one class (maybe the background), in VidOR any number
region_ignore    [R] bool: true = the region is ignored
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from input_pipeline.releases.regions import Regions
from ssa2d_jax.utils.images import encode_jpeg, encode_png, resize

Record = dict[str, Any]  # field -> value, as described above


@dataclasses.dataclass(frozen=True)
class Window:
    """Frames `first` to `last` around the frames `labelled`; all are counted from 0 and included."""

    labelled: tuple[int, ...]
    first: int
    last: int


def divide_into_windows(
    labelled: Sequence[int], frames: int, *, clip_frames: int, frame_step: int, label_span: int
) -> list[Window]:
    """Puts every labelled frame of a video into exactly one window.

    Labelled frames share a window if they lie within `label_span` frames (the first and the last included) and if one
    clip can contain them all. A window contains every frame of the video that a clip around its labelled frames can
    reach.

    Args:
        labelled: numbers of the labelled frames, from 0, ascending.
        frames: number of frames of the video.
        clip_frames: frames of a clip.
        frame_step: a clip takes every `frame_step`-th frame.
        label_span: see above.
    """
    groups: list[list[int]] = []
    reach = (clip_frames - 1) * frame_step
    for frame in labelled:
        distance = frame - groups[-1][0] if groups else None
        if distance is not None and distance < label_span and distance <= reach and distance % frame_step == 0:
            groups[-1].append(frame)
        else:
            groups.append([frame])
    return [Window(tuple(group), max(0, group[-1] - reach), min(frames - 1, group[0] + reach)) for group in groups]


def encode(
    video: str,
    window: Window,
    frames: Sequence[bytes],
    flow: Sequence[bytes],
    regions: Sequence[Regions],
    first_number: int = 1,
) -> Record:
    """Makes a clip record.

    Args:
        video: name of the video.
        window: the frames of the record.
        frames: all frames of the window, from `encode_frame`.
        flow: their flow, from `encode_flow`; empty for a record without flow.
        regions: of the labelled frames of the window.
        first_number: number of the first frame of a video in the annotation.
    """
    return {
        "video": video,
        "first_frame": window.first,
        "frames": list(frames),
        "flow": list(flow),
        "label_position": np.array([frame - window.first for frame in window.labelled], np.int64),
        "label_frame": np.array([frame + first_number for frame in window.labelled], np.int64),
        "label_size": np.array(regions[0].map.shape, np.int64),
        "regions": [encode_png(label.map) for label in regions],
        "region_count": np.array([len(label.actor) for label in regions], np.int64),
        "region_actor": np.concatenate([label.actor for label in regions]).astype(np.int64),
        "region_actions": np.concatenate([label.actions for label in regions]),
        "region_ignore": np.concatenate([label.ignore for label in regions]),
    }


def encode_frame(frame: UInt8[np.ndarray, "H W 3"], *, store_height: int, jpeg_quality: int) -> bytes:
    """An RGB frame as JPEG, `store_height` pixels high; 0 = unchanged."""
    height, width = frame.shape[:2]
    if store_height not in (0, height):
        frame = resize(frame, (store_height, max(1, round(width * store_height / height))))
    return encode_jpeg(frame, jpeg_quality)


def encode_flow(flow: UInt8[np.ndarray, "h w 2"]) -> bytes:
    """Packed flow as PNG, horizontal beside vertical."""
    return encode_png(np.concatenate([flow[..., 0], flow[..., 1]], axis=1))
