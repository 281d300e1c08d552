# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # SSA2D: which actor does which action, in every pixel of a video
#
# Trains a small network on a rendered world, shows its course and its answers, labels a video of yours, and fine-tunes
# on a folder of your own. Half an hour on two CPU cores; less on a GPU runtime (Runtime, Change runtime type), where
# nobody has tried it yet.

# %%
import json
import os
import sys
from pathlib import Path

IN_COLAB = "google.colab" in sys.modules
REPOSITORY = os.environ.get("SSA2D_REPOSITORY", "")  # where to clone ssa2d_jax from, if this isn't a checkout of it
VARIANT = os.environ.get("SSA2D_VARIANT", "")  # "tiny": seconds instead of minutes; learns nothing, tries everything

if not Path("main.py").exists():
    assert REPOSITORY, "set REPOSITORY to the address of ssa2d_jax's repository, or open this notebook in a checkout"
    # !git clone --depth 1 {REPOSITORY} ssa2d_jax
    os.chdir("ssa2d_jax")
sys.path.insert(0, os.getcwd())
if IN_COLAB:
    # !pip install --quiet -r requirements.txt "jax[cuda12]==0.10.2"
    pass
PYTHON = sys.executable

# %% [markdown]
# ## Train
#
# Renders the sprites world, trains and scores itself. The same line again goes on where it stopped.

# %%
CONFIG = "configs/sprites.py" + (f":{VARIANT}" if VARIANT else "")
# !{PYTHON} main.py --config={CONFIG} --workdir=runs/colab

# %% [markdown]
# ## Its course, and its best and worst answers

# %%
import matplotlib.pyplot as plt

from ssa2d_jax import history, metrics

# %matplotlib inline
rows = history.read(Path("runs/colab/metrics/training.csv"))
plt.figure(figsize=(6, 3))
for name in ("loss", "actor", "action", "mask"):
    plt.plot([int(row["update"]) for row in rows], [float(row[name]) for row in rows], "o-", markersize=3, label=name)
plt.xlabel("updates")
plt.ylim(bottom=0)
plt.legend()
plt.show()
print(metrics.table(json.loads(Path("runs/colab/metrics/test.json").read_text()), published=False))

# %%
from IPython.display import Image, Video, display

for name in ("best_0", "worst_0"):
    display(Image(f"runs/colab/pictures/test_{name}.png"))

# %% [markdown]
# ## Label a video
#
# In Colab you are asked for a file; elsewhere a test clip is taken.

# %%
clip = sorted(Path("data").glob("sprites*/Release/clips320H/*_test_*.mp4"))[0]
if IN_COLAB:
    from google.colab import files

    uploaded = files.upload()
    clip = Path(next(iter(uploaded), clip))

# %%
from ssa2d_jax import Detector

detector = Detector.from_run("runs/colab")
result = detector(clip)  # a long video: `for frame in detector.stream(clip)`
result.write_overlay("overlay.mp4")
for track in result.to_tracks():
    print(track.told(detector.space))
Video("overlay.mp4", embed=True, width=384)

# %% [markdown]
# ## Fine-tune on a folder of your own
#
# `labels.csv`, the videos, and an instance PNG for every frame that you labelled. Here such a folder is made of a few
# clips of the sprites world, with classes of its own; put yours in its place.

# %%
import shutil

import cv2
import numpy as np

from input_pipeline import a2d_release
from ssa2d_jax.label_space import A2D

OWN = Path("data/own")
shutil.rmtree(OWN, ignore_errors=True)
(OWN / "videos").mkdir(parents=True)
release = a2d_release.Release(clip.parents[1] if not IN_COLAB else sorted(Path("data").glob("sprites*/Release"))[0])
lines = ["video,instance,actor,action"]
for name in release.splits["train"][:12]:
    shutil.copy(release.video(name), OWN / "videos")
    (OWN / "labels" / name).mkdir(parents=True)
    for frame, file in release.labelled(name).items():
        regions = release.regions(name, frame, file)
        picture = np.where(regions.map > 0, np.append(0, regions.codes)[regions.map], 0).astype(np.uint8)
        cv2.imwrite(str(OWN / "labels" / name / f"{frame}.png"), picture)  # its code is the instance
        for code in regions.codes:
            line = f"{name},{code},my {A2D.actors[code // 10]},{A2D.actions[code % 10]}"
            lines += [line] if line not in lines else []
(OWN / "labels.csv").write_text("\n".join(lines) + "\n")
print("\n".join(lines[:6]))

# %%
# !{PYTHON} main.py --config=configs/folder.py --mode=check --config.data.release={OWN} --output=data/own_check
display(Image("data/own_check/check.png"))

# %%
# The network of the run to begin with; outputs for other classes start at random.
data, model = (json.loads(Path("runs/colab/config.json").read_text())[key] for key in ("data", "model"))
same = {f"data.{key}": data[key] for key in ("clip_frames", "frame_step", "label_span", "store_height")}
same |= {f"model.{key}": model[key] for key in ("encoder_width", "decoder_width")}
FLAGS = " ".join(f"--config.{key}={value}" for key, value in same.items())
FLAGS += f" --config.data.size='{tuple(data['size'])}' --config.predict.overlap={data['clip_frames'] // 2}"
FLAGS += " --config.init.run=runs/colab --config.train.batch_size=4 --config.train.phases='((2.0,1e-3,1e-3),)'"
# !{PYTHON} main.py --config=configs/folder.py --workdir=runs/own --config.data.release={OWN} {FLAGS}

# %%
own = Detector.from_run("runs/own")
print("knows:", ", ".join(own.space.joint[1:6]), "...")
plt.imshow(own(clip)[5].overlay())
plt.axis("off")
plt.show()
