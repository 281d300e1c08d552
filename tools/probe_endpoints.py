"""How much each endpoint of the Kinetics encoder knows: a linear probe, without any training of the network.

python -m tools.probe_endpoints --release=path/to/Release [--layout=folder] [--size=96,128]

For every endpoint, ridge regression from the features of one cell to the share of foreground in it, at an eighth of
the input's size. It is fitted on the training clips but a third, and scored on that third, by intersection over union
with the cells that are half foreground or more; every third in turn. The test split is not touched.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, UInt8

from configs import a2d, folder
from input_pipeline.releases.layouts import LAYOUTS
from input_pipeline.source import open_batches
from ssa2d_jax.data.batch import HostBatch, Source
from ssa2d_jax.data.label_space import IGNORE
from ssa2d_jax.models.encoders import ENCODER
from ssa2d_jax.models.i3d import I3D
from ssa2d_jax.models.units import Endpoints
from ssa2d_jax.pretrained.load_encoder import fill_encoder
from ssa2d_jax.pretrained.reader import read_weights
from ssa2d_jax.steps.inputs import normalize
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.progress import Progress
from tools import fetch_weights
from tools.endpoint_files import video_of

FOLDS, PENALTY, THRESHOLD = 3, 0.1, 0.35
CELL = 8  # pixels of the input on a side
Features = Float32[np.ndarray, "frames cells C"]
Encoder = Callable[[UInt8[np.ndarray, "1 T H W 3"]], Endpoints]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--layout", choices=sorted(set(LAYOUTS) - {"vidor"}), default="a2d")
    parser.add_argument("--size", default="96,128", help="height and width of the encoder's input")
    parser.add_argument("--shards", default="data/probe", help="folder for the prepared clips")
    parser.add_argument("--weights", default=str(fetch_weights.OUTPUT))
    arguments = parser.parse_args()
    try:
        config = {"a2d": a2d, "folder": folder}[arguments.layout].get_config("kinetics")
        config.data.root, config.data.shards_dir = str(arguments.release), arguments.shards
        height, width = map(int, arguments.size.split(","))
        config.data.size, config.eval.batch_size = (height, width), 1
        for name, score in probe(open_batches(config), arguments.weights, (height, width)).items():
            print(f"{name:24s} {100 * score:.1f}")
    except (InputError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def probe(source: Source, weights: str, size: tuple[int, int]) -> dict[str, float]:
    """The mean intersection over union of each endpoint's probe, by the endpoint's name."""
    features, truth, videos = _read(source, make_encoder(weights), size)
    fold = {name: number % FOLDS for number, name in enumerate(sorted(set(videos)))}
    folds = np.array([fold[name] for name in videos])
    together = {"Mixed_3c and Mixed_4f": np.concatenate([features["Mixed_3c"], features["Mixed_4f"]], -1)}
    return {name: _score(x, truth, folds) for name, x in (features | together).items()}


def make_encoder(weights: str) -> Encoder:
    """The encoder with trained weights, as a function of a batch's video."""
    model = I3D()
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 4, 32, 32, 3)))
    whole = {kind: {ENCODER: tree} for kind, tree in shapes.items()}
    filled, _ = fill_encoder(whole, read_weights(weights), "rgb", weights)
    variables = {kind: tree[ENCODER] for kind, tree in filled.items()}
    return jax.jit(lambda video: model.apply(variables, normalize(video)))


def _read(
    source: Source, encoder: Encoder, size: tuple[int, int]
) -> tuple[dict[str, Features], Float32[np.ndarray, "frames cells"], list[str]]:
    """Features of every labelled frame's cells by endpoint, the share of foreground in them, and the frame's video."""
    features: dict[str, list[np.ndarray]] = {}
    truth, videos = [], []
    progress = Progress("reading features", "labelled frames", source.label_frames["train"])
    for batch in source.eval_batches("train"):
        endpoints = {name: np.asarray(x[0]) for name, x in encoder(batch["video"]).items()}
        for label, time in _labels(batch):
            truth.append(_shrink((label != 0).astype(np.float32), size).ravel())
            videos.append(video_of(str(batch["clip_id"][0])))
            for name, x in endpoints.items():
                cells = _grid(x[min(len(x) - 1, time * len(x) // batch["video"].shape[1])], size)
                features.setdefault(name, []).append(cells.reshape(-1, cells.shape[-1]))
            progress.add(1)
    return {name: np.stack(x) for name, x in features.items()}, np.stack(truth), videos


def _labels(batch: HostBatch) -> Iterator[tuple[np.ndarray, int]]:
    """The labelled frames of a batch of one clip: the actors, ignored pixels as background, and the time."""
    height, width = batch["label_size"][0]
    for number in np.flatnonzero(batch["label_valid"][0]):
        actor = batch["actor"][0, number, :height, :width]
        yield np.where(actor == IGNORE, 0, actor), int(batch["label_time"][0, number])


def _shrink(share: Float32[np.ndarray, "h w"], size: tuple[int, int]) -> Float32[np.ndarray, "y x"]:
    """Means over the cells."""
    rows, columns = size[0] // CELL, size[1] // CELL
    enlarged = jax.image.resize(share, size, "nearest")
    return np.asarray(enlarged).reshape(rows, CELL, columns, CELL).mean((1, 3))


def _grid(x: Float32[np.ndarray, "h w C"], size: tuple[int, int]) -> Float32[np.ndarray, "y x C"]:
    """An endpoint's features at one time, on the grid of cells."""
    shape = (size[0] // CELL, size[1] // CELL, x.shape[-1])
    return np.asarray(jax.image.resize(x, shape, "linear"))


def _score(x: Features, truth: Float32[np.ndarray, "frames cells"], folds: np.ndarray) -> float:
    """Intersection over union of all folds together."""
    common = union = 0
    for fold in range(FOLDS):
        found = _fit(x[folds != fold], truth[folds != fold], x[folds == fold]) > THRESHOLD
        true = truth[folds == fold] >= 0.5
        common, union = common + (found & true).sum(), union + (found | true).sum()
    return float(common / max(1, union))


def _fit(
    x: Features, truth: Float32[np.ndarray, "frames cells"], other: Features
) -> Float32[np.ndarray, "others cells"]:
    """Ridge regression on standardised features and a constant; the predictions for other frames."""
    mean, deviation = x.mean((0, 1)), x.std((0, 1)) + 1e-3
    design = lambda x: np.concatenate([(x - mean) / deviation, np.ones((*x.shape[:2], 1), np.float32)], -1)
    rows = design(x).reshape(-1, x.shape[-1] + 1)
    gram = rows.T @ rows / len(rows) + PENALTY * np.eye(rows.shape[1], dtype=np.float32)
    return design(other) @ np.linalg.solve(gram, rows.T @ truth.ravel() / len(rows))


if __name__ == "__main__":
    sys.exit(main())
