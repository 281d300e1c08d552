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
# The first part takes about three minutes on two CPU cores, after the installation: the included small network
# labels a clip and is scored, and then learns a class that it didn't know, on clips that lie in a folder as your own
# would. All clips are drawn: cartoon figures that move in such a way that a single frame doesn't tell the action.
#
# The second part takes about 45 minutes: it trains such a network from scratch, shows how well it labels, labels a
# video of yours, and trains on a folder of labelled videos, which can be your own. At the end it packs the results into
# a zip file to download.
#
# Check the settings, then run all cells (in Colab: Runtime, Run all). A GPU runtime (Runtime, Change runtime type)
# should be faster, but nobody has tried it yet. Colab deletes its machine some time after you leave. Download what you
# want to keep.

# %%
REPOSITORY = ""  # address of ssa2d_jax for `git clone`; not needed if this notebook is in a checkout
DEMO = ""  # options of the first part; "--test_clips=40 --epochs=2" makes it shorter
VARIANT = ""  # "tiny" takes minutes and learns nothing; use it to try the notebook
EPOCHS = 6  # of the training from scratch; fewer epochs take less time and give lower scores
VIDEO = ""  # path of a video to label, or "ask" for Colab's file dialog; "" uses a clip of the sprites
FOLDER = ""  # labelled videos: a folder, a zip file of one, or "ask"; "" makes a folder of sprites
FOLDER_EPOCHS = 100  # of the training on FOLDER
KINETICS = False  # True: the training on FOLDER starts with I3D's Kinetics weights; better for real video

# %%
import os
import shutil
import sys
import warnings
from pathlib import Path

IN_COLAB = "google.colab" in sys.modules
GPU = shutil.which("nvidia-smi") is not None
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the notebook and the trainings share the GPU
if not GPU:
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")  # compiles faster

warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # a line with "!" only starts a program

CHECKOUT = next((folder for folder in (".", "..", "ssa2d_jax") if Path(folder, "main.py").exists()), None)
if CHECKOUT is None:
    assert REPOSITORY, "set REPOSITORY in the cell above, or open this notebook in a checkout of ssa2d_jax"
    # !git clone --quiet --depth 1 {REPOSITORY} ssa2d_jax
    CHECKOUT = "ssa2d_jax"
os.chdir(CHECKOUT)
sys.path.insert(0, os.getcwd())
PYTHON = sys.executable
if IN_COLAB:  # ignore "ERROR: pip's dependency resolver ...": it is about Colab's packages, which aren't needed here
    CUDA = '"jax[cuda12]"' if GPU else ""
    # !{PYTHON} -m pip uninstall --quiet --yes tensorflow  # tensorflow-cpu doesn't work beside it
    # !{PYTHON} -m pip install --quiet -r requirements.txt {CUDA}

# %%
import json

import cv2
import numpy as np
from IPython.display import SVG, Image, Video, display

from input_pipeline.releases import a2d
from ssa2d_jax import Detector
from ssa2d_jax.data.label_space import A2D
from ssa2d_jax.evaluation import metrics
from ssa2d_jax.utils import csv_history
from ssa2d_jax.visualization import charts


def path_of(setting: str) -> Path | None:
    """The file or folder in a setting, or None if it is empty; "ask" opens Colab's file dialog."""
    if setting == "ask":
        from google.colab import files

        setting = next(iter(files.upload()), "")
    return Path(setting).absolute() if setting else None


def show_run(run: str) -> None:
    """Show the curves and scores of a completely trained run."""
    folder = Path(run) / "metrics"
    assert (folder / "test.json").exists(), f"the training of {run} is not complete; read the output of its cell"
    rows = csv_history.read_rows(folder / "training.csv")
    steps = [int(row["step"]) for row in rows]
    losses = {"sum": "loss", "actor": "actor", "action": "action", "foreground": "mask"}
    lines = {label: (steps, [float(row[name]) for row in rows]) for label, name in losses.items()}
    display(SVG(charts.curves(lines, "loss on training clips")))
    print(metrics.table(json.loads((folder / "test.json").read_text()), published=False))


def label_video(run: str, clip: Path) -> None:
    """Label a video, list its tracks and play it. All frames are kept in memory."""
    detector = Detector.from_run(run)
    result = detector(clip)  # for long videos: `for frame in detector.stream(clip)`
    tracks = result.to_tracks()
    if tracks:
        result.write_timeline("timeline.png", tracks)
        display(Image("timeline.png"))
    print("\n".join(track.describe(detector.space) for track in tracks) or "no tracks found")
    result.write_overlay("overlay.mp4")
    show_video("overlay.mp4")


# %% [markdown]
# # Three minutes
#
# `make demo` in a checkout runs this command. It draws the test clips of two worlds, labels a clip of each and scores
# the included network. Meanwhile it trains it on the world with the fish.

# %%
# !{PYTHON} -m tools.demo --workdir=runs/demo {DEMO} 2>&1 | cat

# %% [markdown]
# A clip that the network has never seen, with its labels: a colour for each pair of actor and action. Below, who does
# what when: each bar is a figure that was followed, its colours are the actions. The page `runs/demo/index.html` shows
# all of this and more.


# %%
def show_video(path: str) -> None:
    """Play a video in the notebook."""
    display(Video(path, embed=True, width=480, html_attributes="controls loop autoplay muted"))


show_video("runs/demo/sprites/overlay.mp4")
display(Image("runs/demo/sprites/timeline.png"))

# %% [markdown]
# The same in Python: frames in, labels out. `result.joint` holds the class of every pixel, `[frames, height, width]`.

# %%
detector = Detector.from_run("sprites")
result = detector("runs/demo/data/sprites_clip.mp4")
for number, name in enumerate(detector.space.joint):
    if (share := (result.joint == number).mean()) > 0.01:
        print(f"{name}: {100 * share:.1f} % of the pixels")

# %% [markdown]
# ## A class that it didn't know
#
# The labelled videos, in the layout that your own can have: `labels.csv`, `videos/` and a PNG of instance numbers for
# each labelled frame. Then the loss of the training and the labels before and after it. The table above has the scores
# before and after.

# %%
print(*Path("runs/demo/data/fish/labels.csv").read_text().splitlines()[:6], "...", sep="\n")
rows = csv_history.read_rows(Path("runs/demo/fish/metrics/training.csv"))
loss = {"loss": ([int(row["step"]) for row in rows], [float(row["loss"]) for row in rows])}
display(SVG(charts.curves(loss, "loss on training clips")))
show_video("runs/demo/fish_before/overlay.mp4")
show_video("runs/demo/fish_after/overlay.mp4")

# %% [markdown]
# # From scratch
#
# The first run renders 3,300 clips. Then the network is trained and evaluated; the output shows the progress twice a
# minute. If the cell was stopped, run it again: it continues from there. If it doesn't end with scores, the training
# is not complete.

# %%
CONFIG = "configs/sprites.py" + (f":{VARIANT}" if VARIANT else "")
PHASES = "" if VARIANT else f"--config.train.lr_phases='((0.2,0.0,3e-3),({EPOCHS - 0.2:g},3e-3,0.0))'"
# !{PYTHON} main.py --config={CONFIG} --workdir=runs/sprites {PHASES}

# %% [markdown]
# ## What it learned
#
# The losses should fall; the action loss falls last. The scores are in percent, on the test split: *glo* is the share
# of correct pixels, *ave* the mean class accuracy, *mIoU* the mean intersection over union. *joint* means that actor
# and action are both correct. After 6 epochs the joint mIoU is about 40. *All background* is the score of predicting
# background everywhere. A network with a similar score, such as `tiny`, has learned nothing.

# %%
show_run("runs/sprites")

# %% [markdown]
# The two best and the two worst test clips: a frame, the truth, the prediction and the predicted foreground. The text
# above the frame names the clip, its labelled frames and its agreement: among the pixels that are foreground in truth
# or prediction, the share with the correct actor and action. The last picture is the confusion matrix of the actions.

# %%
for name in ("best_0", "best_1", "worst_1", "worst_0"):
    display(Image(f"runs/sprites/pictures/test_{name}.png"))
display(Image("runs/sprites/pictures/test_confusion_action.png"))

# %% [markdown]
# ## Label a video
#
# The network knows only sprites, so it sees sprites in a real `VIDEO`, too. Tracks are instances that are derived from
# the labels. Each track has a bar: its length shows when the instance is visible, its colours show the actions. The
# percentage beside a name in the video is the confidence.

# %%
sprites = a2d.A2DRelease(Path("data") / f"sprites{VARIANT and '_tiny'}" / "Release")
clip = path_of(VIDEO) or sprites.video(sprites.splits["test"][0])
label_video("runs/sprites", clip)

# %% [markdown]
# ## Train on your own labelled videos
#
# `FOLDER` (or its zip file) contains
#
# - `labels.csv`, a table with the columns `video,instance,actor,action`: the actor class and the action of each
#   instance; the table defines the classes
# - `videos/<video>.mp4`
# - `labels/<video>/<frame>.png` for each frame that you labelled: the instance number of every pixel, 0 = background
#
# docs/own_data.md explains more: instances that change their action, other layouts, the test split, and how
# to correct predictions and train on them. Here 16 clips of the sprites become such a folder, with classes that the
# network doesn't know: persons, animals and things, moving or still.

# %%
PERSONS, ANIMALS, STILL = ("adult", "baby"), ("bird", "cat", "dog"), ("eating", "none")


def write_folder(folder: Path, clips: int) -> None:
    """Write a folder as described above, with clips of the sprites."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "videos").mkdir(parents=True)
    lines = ["video,instance,actor,action"]
    for name in sprites.splits["train"][:clips]:
        shutil.copy(sprites.video(name), folder / "videos")
        (folder / "labels" / name).mkdir(parents=True)
        for frame, file in sprites.labels(name).items():
            regions = sprites.regions(name, frame, file)
            instances = np.append(0, regions.codes)[regions.map]  # all instances of a class become one instance
            cv2.imwrite(str(folder / "labels" / name / f"{frame}.png"), instances.astype(np.uint8))
            for code in regions.codes:
                actor, action = A2D.actors[code // 10], A2D.actions[code % 10]
                new_actor = "person" if actor in PERSONS else "animal" if actor in ANIMALS else "thing"
                line = f"{name},{code},{new_actor},{'still' if action in STILL else 'moving'}"
                lines += [line] if line not in lines else []
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    print(*lines[:6], "...", sep="\n")


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip file into `folder`; returns `folder`, or the only folder in it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.unpack_archive(archive, folder)
    paths = [path for path in folder.iterdir() if not path.name.startswith(("__", "."))]
    return paths[0] if len(paths) == 1 and paths[0].is_dir() else folder


folder = path_of(FOLDER) or Path("data/own")
if not FOLDER:
    write_folder(folder, 16)
elif folder.is_file():
    folder = unpack(folder, Path("data/unpacked"))

# %% [markdown]
# First a check: it names the file and the frame of every problem. Look whether the labels are in the right places.

# %%
# !{PYTHON} main.py --config=configs/folder.py --mode=check --config.data.root='{folder}' --output=data/own_check
Image("data/own_check/check.png")

# %% [markdown]
# Then the training. It starts from the network that knows sprites or, with `KINETICS`, from a larger one whose encoder
# was trained on real videos. 100 epochs of 12 clips are 150 steps of 8 clips, which is few; with `KINETICS` they become
# 200. Below 100 steps, training suggests more.

# %%
if KINETICS:
    # !{PYTHON} -m tools.fetch_weights
    START = "--config=configs/folder.py:kinetics"
else:
    START = "--config=runs/sprites/config.json --config.init.run=runs/sprites --config.data.shards_dir=data/folder"
    START += " --config.data.layout=folder --config.data.sprites.train_clips=0"
START += f" --config.train.lr_phases='(({0.05 * FOLDER_EPOCHS:g},0.0,2e-3),({0.95 * FOLDER_EPOCHS:g},2e-3,0.0))'"
# !{PYTHON} main.py {START} --workdir=runs/own --config.data.root='{folder}' --config.train.log_every=10

# %%
show_run("runs/own")
display(Image("runs/own/pictures/test_best_0.png"))
label_video("runs/own", clip)

# %% [markdown]
# ## Download the results
#
# Both networks label the video once more. Colab downloads `ssa2d_results.zip`, which contains for each network
#
# - `<network>.safetensors`: the network, for `Detector.from_run("own.safetensors")` or
#   `ssa2d predict --workdir=own.safetensors --input=... --output=...` (after `pip install .` in a checkout)
# - `<network>/overlay.mp4`: the video with its labels
# - `<network>/timeline.png`: who does what when, as a picture
# - `<network>/events.csv` and `events.boris`: the same as a table in seconds, and as a project for BORIS
# - `<network>/tracks.json` and `tracks.csv`: who does what, when and where
# - `<network>/labels.npz`: the classes of every pixel, `actor`, `action` and `joint`, each [frames, height, width]
# - `<network>/summary.json`: for every class, the number of frames, share of the pixels and mean confidence

# %%
# !{PYTHON} main.py --workdir=runs/sprites --mode=predict --input='{clip}' --output=results/sprites
# !{PYTHON} main.py --workdir=runs/sprites --mode=export_weights --output=results/sprites.safetensors
# !{PYTHON} main.py --workdir=runs/own --mode=predict --input='{clip}' --output=results/own
# !{PYTHON} main.py --workdir=runs/own --mode=export_weights --output=results/own.safetensors
archive = shutil.make_archive("ssa2d_results", "zip", "results")
print(archive)
if IN_COLAB:
    from google.colab import files

    files.download(archive)
