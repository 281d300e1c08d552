"""Make one moving picture of several overlays, side by side: the picture at the top of the README.

python -m tools.readme_picture --output=docs/images/overlay.webp out/first/overlay.mp4 out/second/overlay.mp4

writes an animated WebP that repeats for ever. The clips are cut to the shortest. The quality falls until the file is
small enough.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.images import resize
from ssa2d_jax.video.reader import read_frames

_QUALITIES = (80, 70, 60, 50, 40, 30)
_GAP = 6  # pixels between the clips


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", type=Path, help="videos, by rows")
    parser.add_argument("--output", required=True, type=Path, help="a .webp file")
    parser.add_argument("--columns", type=int, default=3)
    parser.add_argument("--width", type=int, default=960, help="of the whole picture in pixels")
    parser.add_argument("--rate", type=float, default=8.0, help="frames per second")
    parser.add_argument("--megabytes", type=float, default=3.0, help="the largest file that is allowed")
    arguments = parser.parse_args(words)
    try:
        pictures = mosaic([_read(path) for path in arguments.clips], arguments.columns, arguments.width)
        data = encode(pictures, arguments.rate, int(arguments.megabytes * 1e6))
    except InputError as error:
        sys.exit(f"error: {error}")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_bytes(data)
    print(f"{arguments.output}: {len(pictures)} frames, {len(data) / 1e6:.2f} MB")


def mosaic(
    clips: Sequence[Sequence[UInt8[np.ndarray, "_ _ 3"]]], columns: int, width: int
) -> list[UInt8[np.ndarray, "H W 3"]]:
    """Puts clips side by side, in rows of `columns` of equal size, on white; raises InputError without frames."""
    frames = min(map(len, clips))
    if not frames:
        raise InputError("a clip has no frame; give videos with at least one")
    columns = min(columns, len(clips))
    tile = (width - _GAP * (columns - 1)) // columns
    height = round(tile * clips[0][0].shape[0] / clips[0][0].shape[1])
    rows = -(-len(clips) // columns)
    pictures = []
    for i in range(frames):
        picture = np.full((rows * (height + _GAP) - _GAP, columns * (tile + _GAP) - _GAP, 3), 255, np.uint8)
        for number, clip in enumerate(clips):
            y, x = (number // columns) * (height + _GAP), (number % columns) * (tile + _GAP)
            picture[y : y + height, x : x + tile] = resize(clip[i], (height, tile))
        pictures.append(picture)
    return pictures


def encode(pictures: Sequence[UInt8[np.ndarray, "H W 3"]], rate: float, most_bytes: int) -> bytes:
    """An animated WebP of the best quality that fits into `most_bytes`; raises InputError if none does."""
    first, *others = (Image.fromarray(picture) for picture in pictures)
    for quality in _QUALITIES:
        file = io.BytesIO()
        options = {"duration": round(1000 / rate), "loop": 0, "quality": quality, "method": 6}
        first.save(file, "WEBP", save_all=True, append_images=others, **options)
        if file.tell() <= most_bytes:
            return file.getvalue()
    raise InputError(
        f"the picture has {file.tell() / 1e6:.1f} MB at quality {quality}; allowed: {most_bytes / 1e6:.1f} MB; give a "
        "smaller --width or fewer clips"
    )


def _read(path: Path) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    return [frame.rgb for frame in read_frames(path)]


if __name__ == "__main__":
    main()
