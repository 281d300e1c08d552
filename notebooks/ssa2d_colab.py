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
# A small network learns a rendered world, the sprites. Its course, its scores and its answers are shown; it labels a
# video, and goes on learning from a folder of labelled videos, where yours may stand. What came of it is packed up to
# take home.
#
# Look through the settings, then run all cells (in Colab: Runtime, Run all). All of it takes about three quarters of an
# hour on two CPU cores with nothing else to do, most of which is the first training. A GPU runtime (Runtime, Change
# runtime type) should need less; nobody has tried it yet. Colab takes its machine back some time after you leave, and
# what isn't downloaded is lost then.

# %%
REPOSITORY = ""  # address of ssa2d_jax that `git clone` takes; not needed where this notebook lies in a checkout
VARIANT = ""  # "tiny": minutes; learns nothing, tries everything
EPOCHS = 6  # of training; half of them take half the time and teach less
VIDEO = ""  # a video to label, its path, or "ask" for Colab's dialog; "" takes a clip of the sprites
FOLDER = ""  # labelled videos to learn from, a folder or a zip of one, or "ask"; "" makes one of sprites
FOLDER_EPOCHS = 100
KINETICS = False  # True: learning from FOLDER begins with I3D's Kinetics weights, as real video wants it

# %%
import os
import shutil
import sys
import warnings
from pathlib import Path

IN_COLAB = "google.colab" in sys.modules
GPU = shutil.which("nvidia-smi") is not None
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # this kernel and the trainings share the GPU
if not GPU:
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")  # compiles in two thirds of the time

warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)  # a line with "!" forks only to start a program

if not Path("main.py").exists():
    if not Path("ssa2d_jax").exists():
        assert REPOSITORY, "set REPOSITORY in the cell above, or open this notebook in a checkout of ssa2d_jax"
        # !git clone --quiet --depth 1 {REPOSITORY} ssa2d_jax
    os.chdir("ssa2d_jax")
sys.path.insert(0, os.getcwd())
PYTHON = sys.executable
if IN_COLAB:  # "ERROR: pip's dependency resolver ..." is about packages of Colab's that aren't needed here
    CUDA = '"jax[cuda12]==0.10.2"' if GPU else ""
    # !{PYTHON} -m pip uninstall --quiet --yes tensorflow  # tensorflow-cpu doesn't work on top of it
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
from ssa2d_jax.inference.timeline import timeline
from ssa2d_jax.utils import csv_history
from ssa2d_jax.visualization import charts


def given(setting: str) -> Path | None:
    """The file or folder that a setting names; Colab's dialog asks for it if it is "ask"."""
    if setting == "ask":
        from google.colab import files

        setting = next(iter(files.upload()), "")
    return Path(setting).absolute() if setting else None


def show_run(run: str) -> None:
    """Course and scores of a run that was trained to its end."""
    folder = Path(run) / "metrics"
    assert (folder / "test.json").exists(), f"{run} was not trained to its end; see what its cell says"
    rows = csv_history.read_rows(folder / "training.csv")
    updates = [int(row["update"]) for row in rows]
    losses = {"sum": "loss", "actor": "actor", "action": "action", "foreground": "mask"}
    lines = {told: (updates, [float(row[name]) for row in rows]) for told, name in losses.items()}
    display(SVG(charts.curves(lines, "loss on training clips")))
    print(metrics.table(json.loads((folder / "test.json").read_text()), published=False))


def label(run: str, clip: Path) -> None:
    """Labels a video, tells its tracks and plays it; of its frames all are kept in memory."""
    detector = Detector.from_run(run)
    result = detector(clip)  # frame by frame: `for frame in detector.stream(clip)`
    tracks = result.to_tracks()
    if tracks:
        seconds = [float(i / (result.rate or 25)) for i in range(len(result) + 1)]
        display(SVG(timeline(tracks, detector.space, seconds)))
    print("\n".join(track.describe(detector.space) for track in tracks) or "nobody was found")
    result.write_overlay("overlay.mp4", scale=max(1, round(480 / result[0].frame.shape[0])))
    display(Video("overlay.mp4", embed=True, width=480, html_attributes="controls loop autoplay muted"))


# %% [markdown]
# ## Train
#
# Renders 3,300 clips the first time, trains and scores itself; two lines a minute say how far it is. Run the cell
# again after a stop, and it goes on from there. It ends with scores; no scores, no training.

# %%
CONFIG = "configs/sprites.py" + (f":{VARIANT}" if VARIANT else "")
PHASES = "" if VARIANT else f"--config.train.lr_phases='((0.2,0.0,3e-3),({EPOCHS - 0.2:g},3e-3,0.0))'"
# !{PYTHON} main.py --config={CONFIG} --workdir=runs/sprites {PHASES}

# %% [markdown]
# ## What it learnt
#
# The losses should fall, those of the actions last. Of the scores, in percent of the test split, *glo* is the share of
# pixels that are right, *ave* the same class by class, averaged, *mIoU* the mean intersection over union; *joint* wants
# actor and action right at once. The joint mIoU is about 40 after the 6 epochs. *All background* is what an answer
# gets that never sees anybody: what isn't well above it has learnt nothing, as `tiny` doesn't.

# %%
show_run("runs/sprites")

# %% [markdown]
# Its two best and two worst test clips, each a frame, the truth, its answer, and where it expects anybody at all. Over
# the frame stand the clip, which of its frames are labelled, and how much of what truth or answer call foreground has
# the right actor and action. Then what it takes each action for.

# %%
for name in ("best_0", "best_1", "worst_1", "worst_0"):
    display(Image(f"runs/sprites/pictures/test_{name}.png"))
display(Image("runs/sprites/pictures/test_confusion_action.png"))

# %% [markdown]
# ## Label a video
#
# It knows sprites and nothing else: in a real `VIDEO` it sees sprites, too. Tracks are instances, read out of the
# labels: a bar lasts as long as one is seen, and its colours are what it does. The percentage at a name on the video is
# how sure it is there.

# %%
sprites = a2d.Release(Path("data") / f"sprites{VARIANT and '_tiny'}" / "Release")
clip = given(VIDEO) or sprites.video(sprites.splits["test"][0])
label("runs/sprites", clip)

# %% [markdown]
# ## Learn from labelled videos of your own
#
# `FOLDER` (or the zip of it) has in it
#
# - `labels.csv`, a table with the columns `video,instance,actor,action`: who each instance is, and what it does; the
#   classes are those that it names
# - `videos/<video>.mp4`
# - `labels/<video>/<frame>.png` for each frame that you labelled: of every pixel the instance, 0 = background
#
# "Your own data" in README.md has the rest: instances that do one thing after another, other layouts, which videos
# become the test split, how predictions are corrected and learnt from. Here 16 clips of the sprites become such a
# folder, with classes that the network doesn't know: persons, animals and things, moving or still.

# %%
PERSONS, ANIMALS, STILL = ("adult", "baby"), ("bird", "cat", "dog"), ("eating", "none")


def write_folder(folder: Path, clips: int) -> None:
    """A folder as it is described above, of sprites."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "videos").mkdir(parents=True)
    lines = ["video,instance,actor,action"]
    for name in sprites.splits["train"][:clips]:
        shutil.copy(sprites.video(name), folder / "videos")
        (folder / "labels" / name).mkdir(parents=True)
        for frame, file in sprites.labelled(name).items():
            regions = sprites.regions(name, frame, file)
            instances = np.append(0, regions.codes)[regions.map]  # those of one class are one instance
            cv2.imwrite(str(folder / "labels" / name / f"{frame}.png"), instances.astype(np.uint8))
            for code in regions.codes:
                who, does = A2D.actors[code // 10], A2D.actions[code % 10]
                actor = "person" if who in PERSONS else "animal" if who in ANIMALS else "thing"
                line = f"{name},{code},{actor},{'still' if does in STILL else 'moving'}"
                lines += [line] if line not in lines else []
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    print(*lines[:6], "...", sep="\n")


def unpacked(archive: Path, folder: Path) -> Path:
    """What is in a zip: `folder`, or the one folder in it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.unpack_archive(archive, folder)
    inside = [path for path in folder.iterdir() if not path.name.startswith(("__", "."))]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


folder = given(FOLDER) or Path("data/own")
if not FOLDER:
    write_folder(folder, 16)
elif folder.is_file():
    folder = unpacked(folder, Path("data/unpacked"))

# %% [markdown]
# A check first: it names the file and frame of everything that is wrong. See whether the labels lie where they should.

# %%
# !{PYTHON} main.py --config=configs/folder.py --mode=check --config.data.root='{folder}' --output=data/own_check
Image("data/own_check/check.png")

# %% [markdown]
# Then it learns, beginning with the network that knows sprites, or (`KINETICS`) with a larger one whose encoder was
# trained on real videos. 100 epochs of 12 clips are 150 updates of 8, which is few; below 100 updates it says how many
# epochs it would rather have.

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
label("runs/own", clip)

# %% [markdown]
# ## Take it home
#
# Both networks label the video once more. `ssa2d_results.zip`, which Colab downloads, has of each
#
# - `<network>.safetensors`: the network, for `Detector.from_run("own.safetensors")` or
#   `main.py --workdir=own.safetensors --mode=predict --input=... --output=...`
# - `<network>/overlay.mp4`: the video with its labels
# - `<network>/tracks.json` and `tracks.csv`: who does what, from when to when, and where
# - `<network>/labels.npz`: classes of every pixel, `actor`, `action` and `joint`, each [frames, height, width]
# - `<network>/summary.json`: of every class, in how many frames it is, how large and how sure

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
