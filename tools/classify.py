"""Names Kinetics-400's classes that fit a video best: the smoke test of imported I3D weights.

python -m tools.classify --weights=weights/i3d_kinetics400_rgb.safetensors clip.mp4 another.mp4

The middle of the video, up to --frames consecutive frames of it, the shorter side resized to 256, the middle 224x224.
"""

import argparse
import sys
from pathlib import Path

import cv2
import jax
import numpy as np

from ssa2d_jax.pretrained import i3d_classifier
from ssa2d_jax.pretrained.reader import read_weights
from ssa2d_jax.steps.inputs import normalize
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.video.reader import read_frames

ROOT = Path(__file__).resolve().parent.parent

SIDE, CROP = 256, 224
LEAST = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=Path("weights/i3d_kinetics400_rgb.safetensors"))
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--top", type=int, default=3)
    parser.add_argument("videos", nargs="+", type=Path)
    arguments = parser.parse_args()
    try:
        model, variables = i3d_classifier.variables_of(read_weights(arguments.weights), str(arguments.weights))
        classes = i3d_classifier.kinetics_classes()
        if model.classes != len(classes):
            raise InputError(f"{arguments.weights} has {model.classes} classes, Kinetics-400 has {len(classes)}")
        forward = jax.jit(lambda video: jax.nn.softmax(model.apply(variables, normalize(video))[0][0]))
        for path in arguments.videos:
            probabilities = np.asarray(forward(clip(path, arguments.frames)[None]))
            best = np.argsort(-probabilities)[: arguments.top]
            print(f"{path.name}: " + ", ".join(f"{classes[i]} {probabilities[i]:.2f}" for i in best), flush=True)
    except InputError as error:
        sys.exit(f"error: {error}")


def clip(path: Path, frames: int) -> np.ndarray:
    """The middle of a video: uint8 [T, 224, 224, 3], T at most `frames`; a short one repeats, up to 16."""
    shown = [_small(frame.rgb) for frame in read_frames(path)]
    count = max(LEAST, min(frames, len(shown)) // 8 * 8)
    start = max(0, (len(shown) - count) // 2)
    return np.stack([shown[i % len(shown)] for i in range(start, start + count)])


def _small(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    scale = SIDE / min(height, width)
    size = (max(CROP, round(width * scale)), max(CROP, round(height * scale)))
    frame = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
    top, left = (frame.shape[0] - CROP) // 2, (frame.shape[1] - CROP) // 2
    return frame[top : top + CROP, left : left + CROP].copy()  # a view would keep the whole frame


if __name__ == "__main__":
    main()
