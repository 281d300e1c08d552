"""Writes small releases in A2D's layout, whose pixels and labels say where they come from."""

from pathlib import Path

import h5py
import numpy as np

from input_pipeline import clip_record, sprites_release

SIZE = (32, 48)  # height, width
CODES = (11, 34, 75)  # adult-climbing, ball-flying, dog-jumping


def frames(count, size=SIZE):
    """uint8 [count, H, W, 3]: red 8 * frame number (from 0), green grows downwards, blue to the right."""
    video = np.zeros((count, *size, 3), np.uint8)
    video[..., 0] = (8 * np.arange(count) % 256)[:, None, None]
    video[..., 1] = np.linspace(0, 255, size[0])[:, None]
    video[..., 2] = np.linspace(0, 255, size[1])
    return video


def jpegs(video, quality, store_height=0):
    """`video` as a clip record stores it."""
    return [clip_record.jpeg(one, store_height=store_height, jpeg_quality=quality) for one in video]


def label(number, size=SIZE):
    """reS_id [H, W] of labelled frame `number` (from 1): three blocks, one pixel further right each frame."""
    codes = np.zeros(size, np.uint8)
    for i, code in enumerate(CODES):
        codes[4 + 9 * i : 11 + 9 * i, 5 + number % 8 : 20 + 6 * i + number % 8] = code
    return codes


def write_mat(path: Path, codes, masks=None, **others):
    """Writes codes [H, W], masks [N, H, W] (one mask as (W, H)) and `others` as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        if codes is not None:
            file["reS_id"] = np.asarray(codes).T
        if masks is not None:
            stored = np.asarray(masks, np.uint8).transpose(0, 2, 1)
            file["reMask"] = stored[0] if len(stored) == 1 else stored
        for name, value in others.items():
            file[name] = value
    return path


def mat_path(release: Path, video, number):
    return release / "Annotations/mat" / video / f"{number:05d}.mat"


def write_video(release: Path, video, labelled=(7, 12, 17), count=24, size=SIZE, label_size=None):
    """A clip of `count` frames with labels at frames `labelled` (from 1)."""
    (release / "clips320H").mkdir(parents=True, exist_ok=True)
    sprites_release.write_clip(release / "clips320H" / f"{video}.mp4", frames(count, size))
    for number in labelled:
        write_mat(mat_path(release, video, number), label(number, label_size or size))


def write_videoset(release: Path, splits, header=False):
    """`splits`: video -> 0 (train) or 1 (test)."""
    rows = [["VID", "label", "start", "end", "height", "width", "frames", "annotated", "split"]] if header else []
    rows += [[video, 11, "0:00", "0:01", *SIZE, 24, 3, split] for video, split in splits.items()]
    release.mkdir(parents=True, exist_ok=True)
    sprites_release.write_videoset(release / "videoset.csv", rows)


def write_release(release: Path, train=6, test=3):
    """A whole release: train videos v00, v01, ..., test videos w00, ... of 24 frames, labels at 7, 12, 17."""
    splits = {f"v{i:02d}": 0 for i in range(train)} | {f"w{i:02d}": 1 for i in range(test)}
    write_videoset(release, splits)
    for video in splits:
        write_video(release, video)
    return release
