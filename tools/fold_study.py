"""What each part of a recipe with a frozen encoder brings: cross-validation on the training clips of a release.

python -m tools.fold_study --release=path/to/Release [--layout=folder] [--variants=full,no_actor_context,...]

The encoder reads every training clip once as it is, and `--versions` times augmented; what it makes of them is kept
(4.5 MB a clip and version at 96x128), and the decoders of every variant are trained from these files. A variant changes
`<layout>.py:kinetics` by names of that config or by options, joined by +: "no_atrous+train.ema_decay=0.0". Each is
trained on all folds but one and scored on that one, for every seed. The table (study.md) has the mIoU over all folds
together, and how each variant differs from the first, fold by fold: its mean, and the mean difference that these runs
could show at all (two-sided t-test at 5 %, as if folds were independent). The test split is not touched. The same
command goes on where it was interrupted: trained decoders are kept in --workdir, too, and a variant that changes only
eval.* is not trained again.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import scipy.stats
from flax.traverse_util import flatten_dict, unflatten_dict
from flax.typing import VariableDict
from ml_collections import ConfigDict

from configs import a2d, default, folder
from input_pipeline.source import open_batches
from ssa2d_jax.data.batch import Source
from ssa2d_jax.data.label_space import BACKGROUND, IGNORE, KINDS
from ssa2d_jax.evaluation.metrics import Matrix, scores
from ssa2d_jax.runs.overrides import set_option
from ssa2d_jax.utils import safetensors_file
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import Progress, log
from tools import fetch_weights, probe_endpoints
from tools.endpoint_files import EndpointFiles, video_of, write
from tools.fold_training import Clips, score, train
from tools.folds import divide

VARIANTS = (
    "full,no_actor_context,no_action_context,mixed_5c,eval.mask_vote=0.0,train.ema_decay=0.0,"
    "no_actor_prior,no_ssa_masking,no_atrous,no_multi_scale"
)
ENDPOINTS = ("Conv3d_2c_3x3", "Mixed_3c", "Mixed_4f", "Mixed_5c")
_VERSION = 1  # higher after a change by which the same config trains or decides in another way
Results = dict[tuple[int, int], dict[str, Matrix]]  # by fold and seed, confusion matrices by kind of label


def main() -> int:
    """Runs the command line and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", type=Path, required=True)
    parser.add_argument("--layout", choices=("a2d", "folder"), default="a2d")
    parser.add_argument("--workdir", type=Path, default=Path("runs/fold_study"))
    parser.add_argument("--variants", default=VARIANTS, help="the first is what the others are compared with")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--versions", type=int, default=8, help="of every training clip")
    parser.add_argument("--size", default="96,128", help="height and width of the encoder's input")
    parser.add_argument("--weights", type=Path, default=fetch_weights.OUTPUT)
    arguments = parser.parse_args()
    try:
        variants = {name: read_variant(arguments.layout, name, arguments) for name in arguments.variants.split(",")}
        clips = read_clips(next(iter(variants.values())), arguments)
        results = {name: _score_variant(name, config, clips, arguments) for name, config in variants.items()}
    except (InputError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    table = markdown(results)
    replace_text(arguments.workdir / "study.md", table)
    print(table, end="")
    log(f"written: {arguments.workdir / 'study.md'}")
    return 0


def read_variant(layout: str, name: str, arguments: argparse.Namespace) -> ConfigDict:
    """The config of a variant.

    Raises:
        ValueError: it has no such name or option.
    """
    config = {"a2d": a2d, "folder": folder}[layout].get_config("kinetics")
    config.data.root, config.data.shards_dir = str(arguments.release), str(arguments.workdir / "prepared")
    height, width = map(int, arguments.size.split(","))
    config.data.size, config.train.batch_size, config.eval.batch_size = (height, width), 1, 1
    (_, _, rate), (_, _, last) = config.train.lr_phases
    config.train.lr_phases, config.train.min_steps = ((1.0, 0.0, rate), (arguments.epochs - 1.0, rate, last)), 0
    kept = config.data.to_dict(), config.augment.to_dict()
    for word in [] if name == "full" else name.split("+"):
        option, equals, value = word.partition("=")
        if equals:
            try:
                set_option(config, option, value)
            except InputError as error:
                raise ValueError(f"variant {name!r}: {option} can't be {value!r} ({error})") from None
        elif word not in default.NETWORK_VARIANTS:
            raise ValueError(f"no variant {word!r}; allowed: full, {', '.join(default.NETWORK_VARIANTS)}, option=value")
        else:
            default.shape_network(config, [word])
    if (config.data.to_dict(), config.augment.to_dict()) != kept:
        raise ValueError(f"variant {name!r}: what is kept has the recipe's data and augmentation; leave them")
    if config.model.flow or config.model.encoder != "i3d" or not config.model.freeze_encoder_stats:
        raise ValueError(f"variant {name!r}: the encoder has to be the frozen I3D for RGB, whose endpoints are kept")
    return config


def read_clips(config: ConfigDict, arguments: argparse.Namespace) -> Clips:
    """Reads the release, and what the encoder makes of its training clips.

    Raises:
        InputError: the release or the weights can't be read, or there are too few videos.
    """
    source = open_batches(config)
    if source.space.multilabel:
        raise InputError("the clips have several actions a pixel; this tool decides for one")
    encoder = probe_endpoints.make_encoder(str(arguments.weights))
    of_weights = zlib.crc32(arguments.weights.read_bytes())
    mark = _mark([source.identity, config.augment.to_dict(), config.data.size, arguments.versions, of_weights])
    place = arguments.workdir / "endpoints" / mark
    encode = lambda video: {name: x for name, x in encoder(video).items() if name in ENDPOINTS}
    plain = write(
        place / "plain", source.eval_batches("train"), encode, Progress("encoding", "clips", source.train_clips)
    )
    total = arguments.versions * source.train_clips
    augmented = write(
        place / "augmented", _first(source, total), encode, Progress("encoding, augmented", "clips", total)
    )
    kinds = {video_of(name): _kind(plain, number) for number, name in reversed(list(enumerate(plain.clip_ids)))}
    if not 2 <= arguments.folds <= len(kinds):
        raise InputError(f"{len(kinds)} training videos can't be divided into {arguments.folds} folds")
    return Clips(augmented, plain, divide(kinds, arguments.folds), source.space, mark)


def _first(source: Source, clips: int) -> Any:
    return (batch for _, batch in zip(range(clips), source.train_batches(0), strict=False))


def _kind(clips: EndpointFiles, number: int) -> tuple[str, ...]:
    """The pair that covers most of a clip's labels, by which folds are balanced."""
    actor, action = (clips.labels[name][number].ravel().astype(np.int64) for name in ("actor", "action"))
    shown = (actor != BACKGROUND) & (actor != IGNORE)
    if not shown.any():
        return ("",)
    pairs, pixels = np.unique(actor[shown] * 256 + action[shown], return_counts=True)
    return (f"{pairs[pixels.argmax()]:05d}",)


def _score_variant(name: str, config: ConfigDict, clips: Clips, arguments: argparse.Namespace) -> Results:
    """Trains and scores what is not finished yet."""
    results: Results = {}
    for seed in map(int, arguments.seeds.split(",")):
        for fold in range(arguments.folds):
            config.seed = seed
            place, about = arguments.workdir / "results", _about(config.to_dict(), clips, arguments)
            path = place / f"{name}_fold{fold}_seed{seed}_{about}.npz"
            if not path.is_file():
                log(f"{name}, fold {fold + 1} of {arguments.folds}, seed {seed}")
                matrices = score(config, _trained(config, clips, fold, arguments), clips, fold)
                place.mkdir(parents=True, exist_ok=True)
                np.savez_compressed(path.with_suffix(".part.npz"), **matrices)  # type: ignore[arg-type]
                path.with_suffix(".part.npz").rename(path)
                jax.clear_caches()  # or the programs of every training stay in memory
            with np.load(path) as file:
                results[fold, seed] = dict(file)
    return results


def _trained(config: ConfigDict, clips: Clips, fold: int, arguments: argparse.Namespace) -> VariableDict:
    """Decoders, trained now or read: what only scoring depends on is not trained again."""
    about = _about({name: part for name, part in config.to_dict().items() if name != "eval"}, clips, arguments)
    path = arguments.workdir / "weights" / f"fold{fold}_{about}{safetensors_file.SUFFIX}"
    if not path.is_file():
        variables = train(config, clips, fold)
        safetensors_file.save(path, {k: np.asarray(x) for k, x in flatten_dict(variables, sep="/").items()}, {})
    tensors, _ = safetensors_file.load(path)
    return unflatten_dict(tensors, sep="/")


def _about(config: Mapping[str, Any], clips: Clips, arguments: argparse.Namespace) -> str:
    """A mark of what a result depends on."""
    return _mark([_VERSION, config, arguments.folds, clips.mark])


def _mark(values: Sequence[Any]) -> str:
    return f"{zlib.crc32(json.dumps(values, default=str).encode()):08x}"


def markdown(results: Mapping[str, Results]) -> str:
    """The table of a study: a row for every variant."""
    first, *_ = results
    rows = ["| | actor | action | joint | foreground IoU | joint, against the first | could show |", "|" + "---|" * 7]
    for name, of_variant in results.items():
        seeds = sorted({seed for _, seed in of_variant})
        together = [
            {kind: np.sum([m[kind] for (_, s), m in of_variant.items() if s == seed], axis=0) for kind in KINDS}
            for seed in seeds
        ]
        mean = lambda values: f"{np.mean(values):.1f}"
        cells = [mean([scores(matrices[kind])["miou"] for matrices in together]) for kind in KINDS]
        cells.append(mean([_foreground_iou(matrices["joint"]) for matrices in together]))
        differences = [
            scores(of_variant[key]["joint"])["miou"] - scores(results[first][key]["joint"])["miou"]
            for key in of_variant if key in results[first]
        ]  # fmt: skip
        cells += ["", ""] if name == first else [f"{np.mean(differences):+.1f}", _least_visible(differences)]
        rows.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(rows) + "\n"


def _foreground_iou(joint: Matrix) -> float:
    return float(100 * joint[1:, 1:].sum() / max(1, joint.sum() - joint[0, 0]))


def _least_visible(differences: Sequence[float]) -> str:
    """The smallest mean of so many differences, with their spread, that a t-test at 5 % tells from 0."""
    count = len(differences)
    if count < 2:
        return ""
    return f"{scipy.stats.t.ppf(0.975, count - 1) * np.std(differences, ddof=1) / count**0.5:.1f}"


if __name__ == "__main__":
    sys.exit(main())
