"""Name the Kinetics-400 classes that fit a video best: a smoke test of imported I3D weights.

python -m tools.classify --weights=weights/i3d_kinetics400_rgb.safetensors clip.mp4 another.mp4

The input is up to --frames consecutive frames from the middle of the video, resized so that the shorter side has 256
pixels and cropped to the central 224x224.
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

SIDE, CROP = 256, 224
MIN_FRAMES = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=Path("weights/i3d_kinetics400_rgb.safetensors"))
    parser.add_argument("--frames", type=int, default=64, help="maximum number of frames")
    parser.add_argument("--top", type=int, default=3, help="number of classes to print")
    parser.add_argument("videos", nargs="+", type=Path)
    arguments = parser.parse_args()
    try:
        model, variables = i3d_classifier.make_classifier(read_weights(arguments.weights), str(arguments.weights))
        classes = i3d_classifier.kinetics_classes()
        if model.classes != len(classes):
            raise InputError(f"{arguments.weights} has {model.classes} classes; Kinetics-400 has {len(classes)}")
        forward = jax.jit(lambda video: jax.nn.softmax(model.apply(variables, normalize(video))[0][0]))
        for path in arguments.videos:
            probabilities = np.asarray(forward(clip(path, arguments.frames)[None]))
            best = np.argsort(-probabilities)[: arguments.top]
            print(f"{path.name}: " + ", ".join(f"{classes[i]} {probabilities[i]:.2f}" for i in best), flush=True)
    except InputError as error:
        sys.exit(f"error: {error}")


def clip(path: Path, frames: int) -> np.ndarray:
    """The middle of a video, uint8 [T, 224, 224, 3].

    T is a multiple of 8, from 16 up to `frames`. A video of fewer than 16 frames is repeated.
    """
    cropped = [_resize_and_crop(frame.rgb) for frame in read_frames(path)]
    count = max(MIN_FRAMES, min(frames, len(cropped)) // 8 * 8)
    start = max(0, (len(cropped) - count) // 2)
    return np.stack([cropped[i % len(cropped)] for i in range(start, start + count)])


def _resize_and_crop(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    scale = SIDE / min(height, width)
    size = (max(CROP, round(width * scale)), max(CROP, round(height * scale)))
    frame = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
    top, left = (frame.shape[0] - CROP) // 2, (frame.shape[1] - CROP) // 2
    return frame[top : top + CROP, left : left + CROP].copy()  # a view would keep the whole frame in memory


if __name__ == "__main__":
    main()
