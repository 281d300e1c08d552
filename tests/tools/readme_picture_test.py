"""The moving picture of the README: clips side by side, in a file that is small enough."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.writer import VideoWriter
from tools import readme_picture


def _clip(folder, name, frames, value):
    path = folder / name
    with VideoWriter(path, height=64, width=96, time_base=Fraction(1, 25)) as writer:
        for i in range(frames):
            writer.write(np.full((64, 96, 3), value + 10 * i, np.uint8), i)
    return str(path)


def test_clips_side_by_side_cut_to_the_shortest(tmp_path, capsys):
    clips = [_clip(tmp_path, "a.mp4", 5, 20), _clip(tmp_path, "b.mp4", 4, 120), _clip(tmp_path, "c.mp4", 4, 200)]
    output = tmp_path / "new" / "picture.webp"
    readme_picture.main([*clips, f"--output={output}", "--columns=2", "--width=198", "--rate=10"])
    with Image.open(output) as picture:
        assert (picture.n_frames, picture.size, picture.info["loop"]) == (4, (198, 134), 0)
        picture.seek(3)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
        assert picture.info["duration"] == 100
    for (y, x), value in {(30, 50): 50, (30, 150): 150, (100, 50): 230, (100, 150): 255}.items():
        assert abs(pixels[y, x] - value).max() < 8
    assert "4 frames" in capsys.readouterr().out


def test_quality_falls_until_the_file_is_small_enough():
    noise = list(np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8))
    best = len(readme_picture.encode(noise, 8, 10**7))
    assert len(readme_picture.encode(noise, 8, best - 1)) < best
    with pytest.raises(InputError, match="smaller --width"):
        readme_picture.encode(noise, 8, 1000)
