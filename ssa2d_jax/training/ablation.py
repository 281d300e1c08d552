"""The paper's Table 2 in one command: the same training, once for every form of the network and every seed."""

import csv
import io
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from ssa2d_jax.data.batch import Source
from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.evaluation.published import FULL_MODEL, PUBLISHED_ABLATIONS
from ssa2d_jax.runs import initial_weights
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.steps import optimizer
from ssa2d_jax.training.loop import claim_run, train
from ssa2d_jax.utils.errors import Diverged, InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import log

BASE = {"flow", "encoder", "feature_gating"}  # knobs that the full model may have either way
Scores = dict[str, dict[int, dict[str, float]]]  # form -> seed -> mIoU by label kind, of what is done


def run_ablation(
    config: ConfigDict,
    forms: Mapping[str, Mapping[str, Any]],
    workdir: Path,
    make_source: Callable[[ConfigDict], Source],
    read_weights: initial_weights.ReadWeights | None = None,
) -> Scores:
    """Trains and scores `config` as each of `config.ablate.variants`, with each of `config.ablate.seeds`.

    `forms`: name -> knobs of config.model that it changes; "full" changes none. Each run has its own workdir,
    `workdir`/<form>/seed<n>; what is done is not done again, and a run that was interrupted goes on. After
    every run, `TABLE` and `TABLE_CSV` in `workdir` are written anew. One that fails is listed at the end, as
    InputError, and the others are done.
    """
    unknown = [form for form in config.ablate.variants if form != FULL_MODEL and form not in forms]
    if unknown:
        raise InputError(f"config.ablate.variants names {unknown}; there are {[FULL_MODEL, *forms]}")
    changed = {knob for knobs in forms.values() for knob in knobs} - BASE
    shaped = sorted(knob for form in forms.values() for knob in form.items() if knob[0] in changed
                    and config.model[knob[0]] == knob[1])  # fmt: skip
    if shaped:
        raise InputError(
            f"the config is an ablation already ({', '.join(f'model.{knob} = {value!r}' for knob, value in shaped)}); "
            "--mode=ablate begins with the full model, and config.ablate.variants names the others"
        )
    idle = [
        form
        for form in config.ablate.variants
        if form != FULL_MODEL and same_model(variant_config(config, forms, form, 0), config)
    ]
    if idle:
        raise InputError(
            f"config.ablate.variants: {idle[0]} changes nothing, the full model has it already; leave it out"
        )
    plan = [(form, seed) for seed in config.ablate.seeds for form in config.ablate.variants]
    split, scores, failures = config.train.eval_splits[0], {}, []
    for number, (form, seed) in enumerate(plan, 1):
        one, folder = variant_config(config, forms, form, seed), workdir / form / f"seed{seed}"
        log(f"\nrun {number} of {len(plan)}: {form}, seed {seed}, in {folder}")
        try:
            initial_weights.check_paths(one.init, folder)
            result = _result(one, folder, make_source(one), split, read_weights)
        except (InputError, Diverged) as error:
            log(f"failed: {error}")
            failures.append(f"{folder}: {error}")
            continue
        scores.setdefault(form, {})[seed] = {kind: result[kind]["miou"] for kind in KINDS}
        replace_text(Workdir(workdir).ablation_table, markdown(scores, split, published=config.eval.published))
        replace_text(Workdir(workdir).ablation_csv, as_csv(scores))
        jax.clear_caches()
    if scores:
        log(
            "\n"
            + markdown(scores, split, published=config.eval.published)
            + f"\nwritten: {Workdir(workdir).ablation_table}, {Workdir(workdir).ablation_csv.name}"
        )
    if failures:
        raise InputError(f"{len(failures)} of {len(plan)} runs failed, the others are done: {'; '.join(failures)}")
    return scores


def variant_config(config: ConfigDict, forms: Mapping[str, Mapping[str, Any]], form: str, seed: int) -> ConfigDict:
    """`config` in another form of the network and with another seed; nothing else differs."""
    one = ConfigDict(config.to_dict())
    one.seed = seed
    one.model.update(forms.get(form, {}))
    return one


def same_model(one: ConfigDict, other: ConfigDict) -> bool:
    """Whether two configs describe one network."""
    return one.model.to_dict() == other.model.to_dict()


def _result(
    config: ConfigDict,
    folder: Path,
    source: Source,
    split: str,
    read_weights: initial_weights.ReadWeights | None,
) -> dict[str, Any]:
    """The scores of the run in `folder`, which is trained as far as that is not done yet."""
    total = sum(optimizer.phase_lengths(config.train.lr_phases, source.train_clips, config.train.batch_size))
    path = folder / "metrics" / f"{split}.json"
    with claim_run(folder, config, source):
        try:
            done = json.loads(path.read_text())
            if done["step"] == total and done["data"] == source.identity:
                log(f"done before: {path}")
                return done
        except (OSError, ValueError, KeyError, TypeError):
            pass  # not scored yet
    return train(config, folder, source, read_weights)[split]


def summary(scores: Scores) -> list[dict[str, Any]]:
    """One row a form: number of seeds, and for each label kind mean, deviation and difference to the full model.

    The deviation is the sample's, None for one seed. The difference is the mean over the seeds of
    the difference to the full run of the same seed, None where there is none.
    """
    rows = []
    for form, runs in scores.items():
        row: dict[str, Any] = {"form": form, "seeds": len(runs)}
        for kind in KINDS:
            values = [run[kind] for run in runs.values()]
            full = scores.get(FULL_MODEL, {})
            differences = [run[kind] - full[seed][kind] for seed, run in runs.items() if seed in full]
            row[kind] = statistics.mean(values)
            row[f"{kind}_deviation"] = statistics.stdev(values) if len(values) > 1 else None
            row[f"{kind}_difference"] = statistics.mean(differences) if differences else None
        rows.append(row)
    return rows


def markdown(scores: Scores, split: str, *, published: bool) -> str:
    """The table as the paper prints it: mIoU of actor, action and joint, in percent."""
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
    """`summary` as a csv file, in full precision."""
    rows, text = summary(scores), io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
