"""The paper's Table 2 in one command: the same training, once for every variant of the network and every seed."""

import csv
import io
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from ssa2d_jax.data.batch import Source
from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.evaluation.published import FULL_MODEL, PUBLISHED_ABLATIONS
from ssa2d_jax.runs import config_paths, initial_weights
from ssa2d_jax.runs.claim import claim_run
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.runtime import processes
from ssa2d_jax.training.loop import read_scores, train
from ssa2d_jax.training.setup import total_steps
from ssa2d_jax.utils import commands
from ssa2d_jax.utils.errors import Diverged, InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import log

# The full model may have any value of these.
BASE_OPTIONS = {
    "flow", "encoder", "feature_gating", "decoder_input", "action_context", "actor_context",
    "context_endpoints", "context_dropout",
}  # fmt: skip
Variants = Mapping[str, Mapping[str, Any]]  # name -> the options of config.model that it changes
Scores = dict[str, dict[int, dict[str, float]]]  # variant -> seed -> mIoU by kind of label, of the finished runs


def run_ablation(
    config: ConfigDict,
    variants: Variants,
    workdir: Path,
    make_source: Callable[[ConfigDict], Source],
    read_weights: initial_weights.ReadWeights | None = None,
) -> Scores:
    """Trains and scores `config` as each of `config.ablate.variants`, with each of `config.ablate.seeds`.

    Each run has its own workdir, `workdir`/<variant>/seed<n>. Finished runs are not trained again, and interrupted
    runs go on. The tables in `workdir` are written after every run. If a run fails, the others are still trained, but
    not if it fails in one of several processes alone.

    Args:
        variants: what `config.ablate.variants` may name, besides "full", which changes nothing.
        make_source: opens the data of a config.
        read_weights: see `loop.train`.

    Raises:
        InputError: a variant is unknown or changes nothing, `config` is not the full model, or runs have failed; the
            message lists those.
    """
    _check_variants(config, variants)
    plan = [(variant, seed) for seed in config.ablate.seeds for variant in config.ablate.variants]
    split, published = config.train.eval_splits[0], config.eval.published
    scores: Scores = {}
    failures = []
    for number, (variant, seed) in enumerate(plan, 1):
        run_config, folder = variant_config(config, variants, variant, seed), workdir / variant / f"seed{seed}"
        log(f"\nrun {number} of {len(plan)}: {variant}, seed {seed}, in {folder}")
        try:
            processes.on_first(lambda: config_paths.check_init_paths(run_config.init, folder))  # noqa: B023  at once
            result = _train_or_read(run_config, folder, make_source(run_config), split, read_weights)
        except (InputError, Diverged) as error:
            if not processes.is_of_all(error):  # the others still work on this run, and would wait for this process
                raise
            log(f"failed: {error}")
            failures.append(f"{folder}: {error}")
            continue
        scores.setdefault(variant, {})[seed] = {kind: result[kind]["miou"] for kind in KINDS}
        _write_tables(Workdir(workdir), scores, split, published)
        jax.clear_caches()
    if scores:
        files = Workdir(workdir)
        written = f"written: {files.ablation_table}, {files.ablation_csv.name}"
        log(f"\n{markdown(scores, split, published=published)}\n{written}")
    if failures:
        raise InputError(f"{len(failures)} of {len(plan)} runs failed, the others are done: {'; '.join(failures)}")
    return scores


def _check_variants(config: ConfigDict, variants: Variants) -> None:
    """Raises InputError unless `config` is the full model and every variant of `config.ablate` changes it."""
    unknown = [name for name in config.ablate.variants if name != FULL_MODEL and name not in variants]
    if unknown:
        raise InputError(f"config.ablate.variants names {unknown}; there are {[FULL_MODEL, *variants]}")
    ablated = {option for options in variants.values() for option in options} - BASE_OPTIONS
    present = sorted(
        (option, value)
        for options in variants.values()
        for option, value in options.items()
        if option in ablated and config.model[option] == value
    )
    if present:
        raise InputError(
            f"the config is an ablation already ({', '.join(f'model.{name} = {value!r}' for name, value in present)}); "
            f"{commands.short('ablate')} begins with the full model, and config.ablate.variants names the others"
        )
    for name in config.ablate.variants:
        if name != FULL_MODEL and same_model(variant_config(config, variants, name, 0), config):
            raise InputError(
                f"config.ablate.variants: {name} changes nothing, the full model has it already; leave it out"
            )


def variant_config(config: ConfigDict, variants: Variants, variant: str, seed: int) -> ConfigDict:
    """A copy of `config` with another variant of the network and another seed."""
    result = ConfigDict(config.to_dict())
    result.seed = seed
    result.model.update(variants.get(variant, {}))
    return result


def same_model(config: ConfigDict, other: ConfigDict) -> bool:
    """Whether two configs describe the same network."""
    return config.model.to_dict() == other.model.to_dict()


def _train_or_read(
    config: ConfigDict,
    folder: Path,
    source: Source,
    split: str,
    read_weights: initial_weights.ReadWeights | None,
) -> Mapping[str, Any]:
    """The scores of the run in `folder`; it is trained first if it is not finished."""
    path = Workdir(folder).scores(split)
    with claim_run(folder, config, source):
        saved = processes.on_first(lambda: read_scores(path, total_steps(config, source), source, split))
        if saved is not None:
            log(f"finished before: {path}")
            return saved
    return train(config, folder, source, read_weights)[split]


def _write_tables(files: Workdir, scores: Scores, split: str, published: bool) -> None:
    def write() -> None:
        replace_text(files.ablation_table, markdown(scores, split, published=published))
        replace_text(files.ablation_csv, as_csv(scores))

    processes.on_first(write)


def summary(scores: Scores) -> list[dict[str, Any]]:
    """One row per variant: number of seeds, and by kind of label mean, deviation and difference to the full model.

    The deviation is that of the sample, None for one seed. The difference is the mean of the differences to the full
    model's run with the same seed, None if there is no such run.
    """
    rows = []
    full_runs = scores.get(FULL_MODEL, {})
    for variant, runs in scores.items():
        row: dict[str, Any] = {"form": variant, "seeds": len(runs)}  # the csv file's columns keep their first names
        for kind in KINDS:
            values = [run[kind] for run in runs.values()]
            differences = [run[kind] - full_runs[seed][kind] for seed, run in runs.items() if seed in full_runs]
            row[kind] = statistics.mean(values)
            row[f"{kind}_deviation"] = statistics.stdev(values) if len(values) > 1 else None
            row[f"{kind}_difference"] = statistics.mean(differences) if differences else None
        rows.append(row)
    return rows


def markdown(scores: Scores, split: str, *, published: bool) -> str:
    """The table as in the paper: mIoU of actor, action and joint, in percent; if `published`, with the paper's."""
    lines = [f"mIoU on {split}, percent; in brackets the difference to the full model with the same seeds.", ""]
    heads = ["", *KINDS, "seeds", *(["published (A2D)"] if published else [])]
    lines += [_line(heads), _line(["---"] * len(heads))]
    for row in summary(scores):
        cells = [row["form"].replace("_", " "), *(_cell(row, kind) for kind in KINDS), str(row["seeds"])]
        if published:
            cells.append(" / ".join(f"{value:.1f}" for value in PUBLISHED_ABLATIONS.get(row["form"], ())) or "-")
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _cell(row: Mapping[str, Any], kind: str) -> str:
    text = f"{row[kind]:.1f}"
    if row[f"{kind}_deviation"] is not None:
        text += f" ± {row[f'{kind}_deviation']:.1f}"
    if row["form"] != FULL_MODEL and row[f"{kind}_difference"] is not None:
        text += f" ({row[f'{kind}_difference']:+.1f})"
    return text


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def as_csv(scores: Scores) -> str:
    """`summary` as the text of a csv file, in full precision."""
    rows, text = summary(scores), io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
