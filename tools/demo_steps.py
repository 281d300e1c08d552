"""The parts of the demo that label and score: with the included weights, then with the ones it has trained."""

import dataclasses
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configs import folder, sprites
from input_pipeline.sprites.a2d_files import write_clip
from input_pipeline.sprites.figures.figure import FISH
from input_pipeline.sprites.motion import SWIMMING
from input_pipeline.sprites.render_a2d import A2dRenderOptions, render_a2d
from input_pipeline.sprites.render_folder import FolderRenderOptions, render_folder
from input_pipeline.sprites.world import plan_clip
from ssa2d_jax.data.label_space import A2D, LabelSpace
from ssa2d_jax.runs.saved_config import as_tuples, flatten
from tools.shipped import standard_split

if TYPE_CHECKING:
    from ml_collections import ConfigDict

    from ssa2d_jax.data.batch import Batches, Source
    from ssa2d_jax.evaluation.evaluate import Evaluator
    from ssa2d_jax.inference.detector import Detector
    from ssa2d_jax.runs.load_run import Run

SPRITES_CLIP, FISH_CLIP = "sprites_clip.mp4", "fish_clip.mp4"
_INPUT = ("data.size", "data.clip_frames", "data.frame_step", "data.store_height")
# Fish are truth of no class that the weights know. They count as this pair, which the fish world doesn't have.
_PLACEHOLDER = ("adult", "climbing")
LONG_CLIPS = {  # seed (chosen for figures that hide one another little), and who appears, as actor and action
    SPRITES_CLIP: (335, (("adult", "walking"), ("dog", "jumping"), ("bird", "flying"), ("ball", "rolling"))),
    FISH_CLIP: (83, (("fish", "swimming"), ("fish", "jumping"), ("cat", "jumping"))),
}


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much the demo does."""

    test_clips: int = 150  # of the sprites world: half of its test split, the first clips
    fish_train: int = 160
    fish_test: int = 40
    labelled: int = 3  # frames of a fish clip; as in the sprites world, so that one compiled program scores both
    epochs: float = 4.0
    clip_frames: int = 60  # of the clips that are labelled for the page


class Paths:
    """Where everything of a demo is, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.page = folder / "index.html"
        self.marker, self.lock = folder / "demo.json", folder / ".lock"
        self.log, self.training_log = folder / "demo.log", folder / "training.log"
        self.data = folder / "data"
        self.sprites_data, self.fish_data = self.data / "sprites", self.data / "fish"
        self.shards = self.data / "prepared"
        self.sprites = folder / "sprites"  # what the weights say of the sprites world
        self.before = folder / "fish_before"  # and of the fish world
        self.run = folder / "fish"  # the training
        self.after = folder / "fish_after"  # what its network says of the fish world


def render_fish(paths: Paths, sizes: Sizes) -> None:
    """Draws the fish world, which is a folder as a user's own data would be."""
    options = FolderRenderOptions(train_clips=sizes.fish_train, test_clips=sizes.fish_test, labelled=sizes.labelled)
    render_folder(paths.fish_data, options)


def _sprites_config(paths: Paths, sizes: Sizes) -> "ConfigDict":
    """The config of the sprites world, with the first clips of its standard test split and a single training clip."""
    config = sprites.get_config()
    config.update_from_flattened_dict(standard_split(paths.sprites_data, paths.shards))
    data = config.data
    data.sprites.test_clips = sizes.test_clips
    data.sprites.processes = data.processes = 1  # the training has the other core
    return config


def render_sprites(paths: Paths, sizes: Sizes) -> None:
    """Draws the first clips of the sprites world's test split, and the two clips that are labelled for the page."""
    values = _sprites_config(paths, sizes).data.sprites
    options = A2dRenderOptions(
        seed=values.seed, train_clips=values.train_clips, test_clips=values.test_clips, size=values.size,
        frames=values.frames, labelled=values.labelled, max_actors=values.max_actors,
    )  # fmt: skip
    render_a2d(paths.sprites_data, options, processes=1)
    for name in LONG_CLIPS:
        _draw_clip(paths.data / name, sizes.clip_frames)


def _draw_clip(path: Path, frames: int) -> None:
    """Draws a longer clip, in which figures come and go."""
    seed, pairs = LONG_CLIPS[path.name]
    codes = [_code(*pair) for pair in pairs]
    clip = plan_clip(np.random.default_rng([FISH, seed]), codes, (256, 256), frames, frames / 2, min(12, frames / 4))
    partial = path.with_name(f"unfinished_{path.name}")
    write_clip(partial, [rgb for rgb, _ in clip.frames()])
    os.replace(partial, path)


def _code(actor: str, action: str) -> int:
    number = FISH if actor == "fish" else A2D.actors.index(actor)
    return 10 * number + (SWIMMING if action == "swimming" else A2D.actions.index(action))


def fish_command(paths: Paths, sizes: Sizes, weights: str, network: Mapping[str, Any]) -> list[str]:
    """The words of the training's command line, after main.py.

    Args:
        paths: of the demo.
        sizes: of the demo.
        weights: name or path of the weights that it starts from.
        network: options in which their network differs from that of configs/folder.py:sprites.
    """
    warm = 0.5
    options = {
        "data.root": paths.fish_data,
        "data.shards_dir": paths.shards,
        "data.processes": 1,
        "train.lr_phases": f"(({warm:g},0.0,1e-3),({sizes.epochs - warm:g},1e-3,0.0))",
        "train.eval_every": round(sizes.epochs * sizes.fish_train / 16),
        "train.log_every": 5,
        "train.image_clips": 0,
        **({} if weights == "sprites" else {"init.run": weights}),
        **network,
    }
    words = [f"--config.{name}={value}" for name, value in options.items()]
    return ["--config=configs/folder.py:sprites", f"--workdir={paths.run}", *words]


def network_options(run_config: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the network and its input in which the config of a run differs from configs/folder.py:sprites.

    Larger frames are left out: the demo has no time to train with them.
    """
    saved, given = flatten(run_config), flatten(folder.get_config("sprites").to_dict())
    names = [name for name in given if name.startswith("model.") or name in _INPUT]
    if math.prod(saved["data.size"]) > math.prod(given["data.size"]):
        names = [name for name in names if name not in ("data.size", "data.store_height")]
    return {name: as_tuples(saved[name]) for name in names if name in saved and saved[name] != given[name]}


def load(path: Path) -> "Run":
    """Loads a run: weights and config."""
    from ssa2d_jax.runs.load_run import load_run_as_saved

    return load_run_as_saved(path)


def make_detector(run: "Run") -> "Detector":
    """A detector with the options of `predict`; it compiles when it labels its first clip."""
    from ssa2d_jax.inference.detector import Detector

    return Detector.from_loaded_run(run, overlap=run.config.predict.overlap)


def label(detector: "Detector", clip: Path, out_folder: Path) -> None:
    """Writes overlay.mp4, tracks, timeline.png, events.csv and the other files of `predict`."""
    from ssa2d_jax.inference.predict import predict_video

    if out_folder.exists():
        shutil.rmtree(out_folder)  # of an earlier demo
    predict_video(clip, out_folder, detector=detector)


def _source(config: "ConfigDict", run: "Run") -> "Source":
    """The batches of a config's data, in the shape that a run takes."""
    from input_pipeline.source import open_batches

    for name in _INPUT:
        group, option = name.split(".")
        config[group][option] = as_tuples(run.config[group][option])
    return open_batches(config)


def make_evaluator(run: "Run", paths: Paths, sizes: Sizes) -> "Evaluator":
    """An evaluator of a run on the sprites world, whose test clips it prepares."""
    from ssa2d_jax.evaluation.evaluate import Evaluator

    source = _source(_sprites_config(paths, sizes), run)
    return Evaluator.from_model(
        run.model, run.space, source, paths.sprites, threshold=run.threshold, published=False, image_clips=0
    )


def score(run: "Run", evaluator: "Evaluator") -> Mapping[str, Any]:
    """Scores a run on the test clips of the sprites world; the content of metrics/test.json."""
    from ssa2d_jax.steps import devices

    return evaluator.score("test", run.step, devices.replicate(run.variables)).result


def read_ious(workdir: Path) -> dict[str, float]:
    """IoU in percent of every actor and joint class of a scored run."""
    from ssa2d_jax.evaluation.scored_run import read_run

    scored = read_run(workdir, "test", workdir.name)
    return {score.name: score.iou for kind in ("actor", "joint") for score in scored.classes[kind]}


def score_before(run: "Run", evaluator: "Evaluator", paths: Paths) -> dict[str, float]:
    """IoU in percent of every class of the fish world's test split, by the weights as they are, with all their classes.

    Classes that they don't have get 0: nothing can be labelled with them. A figure of such a class that is taken for
    another counts as a mistake of that other class.
    """
    from ssa2d_jax.evaluation.evaluate import evaluate
    from ssa2d_jax.steps import devices

    config = folder.get_config("sprites")
    config.data.root, config.data.shards_dir, config.data.processes = str(paths.fish_data), str(paths.shards), 1
    source = _source(config, run)
    space, known = source.space, run.space
    actors, actions = _translate(space, known)

    def batches() -> "Batches":
        for batch in source.eval_batches("test"):
            batch["action"] = actions[batch["actor"], batch["action"]]
            batch["actor"] = actors[batch["actor"]]
            yield batch

    frames = source.label_frames["test"]
    totals = evaluate(evaluator.eval_step, devices.replicate(run.variables), batches(), known, frames, "the fish world")
    ious: dict[str, float] = {}
    for kind, placeholder in (("actor", _PLACEHOLDER[0]), ("joint", "-".join(_PLACEHOLDER))):
        by_name = dict(zip(known.names[kind], totals.per_class()[kind]["iou"].tolist(), strict=True))
        by_name.pop(placeholder)
        ious |= {name: by_name.get(name, 0.0) for name in space.names[kind]}
    return ious


def _translate(space: LabelSpace, known: LabelSpace) -> tuple[np.ndarray, np.ndarray]:
    """Tables from classes of `space` to those of `known`: [actor] and [actor, action]; see `_PLACEHOLDER`."""
    placeholder = known.actors.index(_PLACEHOLDER[0]), known.actions.index(_PLACEHOLDER[1])
    actors, actions = np.arange(256, dtype=np.uint8), np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    for actor, action in space.pairs:
        name = space.actors[actor], space.actions[action]
        pair = (
            (known.actors.index(name[0]), known.actions.index(name[1]))
            if "-".join(name) in known.joint
            else placeholder
        )
        actors[actor], actions[actor, action] = pair
    return actors, actions
