"""Data of one's own, written small: videos or folders of frames, instance PNGs, labels.csv."""

import cv2
import numpy as np
from a2d_fixture import frames
from PIL import Image

from input_pipeline import sprites_release

SIZE = (32, 48)
TABLE = """video,instance,actor,action,first,last
a,1,worker,lifting,,
a,2,fork lift,driving,0,9
a,2,fork lift,waiting,10,
b,1,worker,walking,,
c,1,worker,lifting,,
c,3,fork lift,driving,,
d,1,worker,walking,,
"""
INSTANCES = {"a": (1, 2), "b": (1,), "c": (1, 3), "d": (1,)}
LABELLED = (3, 12)


def instances(name, number):
    """Instance numbers int [H, W] of labelled frame `number`: blocks beside one another, further right each frame."""
    picture = np.zeros(SIZE, np.uint8)
    for i, instance in enumerate(INSTANCES[name]):
        picture[4 + 14 * i : 16 + 14 * i, number : number + 12] = instance
    picture[:2] = 255  # void
    return picture


def write_png(path, picture):
    """As DAVIS has it: a palette, whose colours say nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(picture, mode="P")
    image.putpalette(bytes((7 * i) % 256 for i in range(768)))
    image.save(path)


def write_folder(root, table=TABLE, davis=False, count=20):
    """Four videos of `count` frames, frames 3 and 12 labelled; as a DAVIS folder, or as video files."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "labels.csv").write_text(table)
    for name in INSTANCES:
        video = frames(count, SIZE)
        if davis:
            place = root / "JPEGImages" / "480p" / name
            place.mkdir(parents=True)
            for i, frame in enumerate(video):
                cv2.imwrite(str(place / f"{i:05d}.jpg"), frame[..., ::-1])
        else:
            (root / "videos").mkdir(exist_ok=True)
            sprites_release.write_clip(root / "videos" / f"{name}.mp4", video)
        for number in LABELLED:
            folder = root / ("Annotations/480p" if davis else "labels") / name
            write_png(folder / f"{number:05d}.png", instances(name, number))
    return root
