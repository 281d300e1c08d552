"""The clip record: a window of frames round its labelled frames, with regions and what each of them is.

No framework in here; record_features.py tells TFDS of it.

video            name of the video
first_frame      number of frames[0] in the video, from 0
frames           [F] JPEG bytes
flow             [F] PNG bytes, uint8 [h, 2 w]: flow from each frame to the clip's next, as optical_flow.py packs it,
                 horizontal beside vertical; [0] where the records were made without flow
label_position   [L] index into `frames` of every labelled frame
label_frame      [L] the labelled frames' numbers as annotated: from 1, of one's own data from 0
label_size       [2] height and width of the region maps
regions          [L] PNG bytes, uint16 [height, width]: region number, 0 = background
region_count     [L] regions of each labelled frame; the tables below list them one frame after another
region_actor     [R] actor class
region_actions   [R, action classes] action classes: one of A2D's, background among them; any number of VidOR's
region_ignore    [R] true: the region counts nowhere
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from input_pipeline.releases.regions import Regions


@dataclasses.dataclass(frozen=True)
class Window:
    """Frames `first` to `last` (from 0, both included) round the labelled frames `labelled` (from 0)."""

    labelled: tuple[int, ...]
    first: int
    last: int


def windows(
    labelled: Sequence[int], frames: int, *, clip_frames: int, frame_step: int, label_span: int
) -> list[Window]:
    """Divides the labelled frames (from 0, ascending) of a video of `frames` frames into windows.

    Each is in exactly one. They share a window when they are at most `label_span` frames apart, first to last
    counted in, and one clip (`clip_frames` frames at `frame_step`) can hold them all. The window has every
    frame that a clip round its labelled frames could reach, as far as the video has them.
    """
    groups: list[list[int]] = []
    reach = (clip_frames - 1) * frame_step
    for frame in labelled:
        group = groups[-1] if groups else None
        fits = group and frame - group[0] < label_span and frame - group[0] <= reach
        if fits and (frame - group[0]) % frame_step == 0:
            group.append(frame)
        else:
            groups.append([frame])
    return [Window(tuple(g), max(0, g[-1] - reach), min(frames - 1, g[0] + reach)) for g in groups]


def encode(
    video: str,
    window: Window,
    frames: Sequence[bytes],
    flow: Sequence[bytes],
    regions: Sequence[Regions],
    first_number: int = 1,
) -> dict[str, Any]:
    """A clip record. `frames`, `flow`: the window's, of `jpeg` and `flow_png`; `regions`: of its labelled frames.

    `first_number`: what the first frame of a video is called.
    """
    return {
        "video": video,
        "first_frame": window.first,
        "frames": list(frames),
        "flow": list(flow),
        "label_position": np.array([frame - window.first for frame in window.labelled], np.int64),
        "label_frame": np.array([frame + first_number for frame in window.labelled], np.int64),
        "label_size": np.array(regions[0].map.shape, np.int64),
        "regions": [_png(one.map) for one in regions],
        "region_count": np.array([len(one.actor) for one in regions], np.int64),
        "region_actor": np.concatenate([one.actor for one in regions]).astype(np.int64),
        "region_actions": np.concatenate([one.actions for one in regions]),
        "region_ignore": np.concatenate([one.ignore for one in regions]),
    }


def jpeg(frame: np.ndarray, *, store_height: int, jpeg_quality: int) -> bytes:
    """A frame, uint8 RGB [H, W, 3], as it is stored: `store_height` pixels high (0: as it is)."""
    bgr = cv2.cvtColor(_resized(frame, store_height), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    return data.tobytes()


def flow_png(flow: np.ndarray) -> bytes:
    """Packed flow, uint8 [h, w, 2], as it is stored."""
    return _png(np.concatenate([flow[..., 0], flow[..., 1]], axis=1))


def _resized(frame: np.ndarray, height: int) -> np.ndarray:
    if height in (0, frame.shape[0]):
        return frame
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    shrinks = height < frame.shape[0]
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _png(picture: np.ndarray) -> bytes:
    _, data = cv2.imencode(".png", picture)
    return data.tobytes()
