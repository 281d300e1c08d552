"""One HTML page of a run or several: the paper's tables and figures, opening from disk with nothing fetched."""

import base64
import csv
import dataclasses
import html
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.evaluation import metrics
from ssa2d_jax.evaluation.published import PUBLISHED_A2D, PUBLISHED_VIDOR
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils import csv_history
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.text import plural
from ssa2d_jax.visualization import charts

PAGE = "report.html"
SHOWN = ("clip", "best", "worst")  # kinds of pictures, see pictures.py
_SHOWN_TEXT = (
    "The split's first clips, those that the labels fit best, and worst; over each its agreement: of the pixels that "
    "truth or prediction calls foreground, the share whose joint labels are the same."
)
_LAYOUTS = {"a2d": "A2D layout", "vidor": "VidOR layout", "folder": "your own data"}
_MOST_BARS = 60  # classes in a chart; of more, those with most pixels
_CSS = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .7rem; text-align: right }
th:first-child, td:first-child { text-align: left } thead th { border-bottom: 2px solid #222 }
tr.ours { font-weight: 600 } tr.published td { color: #666 } .spread { overflow-x: auto }
img { max-width: 100%; display: block; margin: .5rem 0 } figure { margin: 1.5rem 0 } figcaption { color: #555 }
pre { background: #f4f4f4; padding: 1rem; overflow-x: auto } h2 { margin-top: 2.5rem }
"""


@dataclasses.dataclass(frozen=True)
class Scored:
    """What a run's workdir says of itself."""

    name: str
    result: dict[str, Any]  # metrics/<split>.json
    classes: dict[str, list[tuple[str, float, int]]]  # kind -> (class, IoU in percent, pixels of the truth)
    pictures: list[Path]
    layout: str  # config.data.layout
    milliseconds: float | None  # a frame, see `speed.json`
    loss: tuple[list[float], list[float]]  # updates and training losses
    published: bool  # whether the papers' scores are of these data (config.eval.published)
    course: tuple[list[float], list[float]]  # updates and joint mIoU of the evaluations while it trained


def write_report(folder: Path, split: str) -> Path:
    """Writes `PAGE` into `folder` from all runs in it (or the run that it is) that were scored on `split`.

    InputError if there is none. Runs that were never scored, or whose files can't be read, are listed there and here.
    """
    runs, left_out = [], [_told(workdir, split) for workdir in _unscored(folder, split)]
    for workdir in sorted(path.parents[1] for path in folder.glob(f"**/metrics/{split}.json")):
        try:
            runs.append(
                read_run(workdir, split, str(workdir.relative_to(folder)) if workdir != folder else folder.name)
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            left_out.append(f"left out: {workdir} ({error!r})")
    for one in left_out if runs else left_out[1:]:
        log(one)
    if not runs:
        told = f"{folder}: no run in there was scored on {split!r} (no metrics/{split}.json that can be read)"
        raise InputError("; ".join([told, *left_out[:1]]) + (" (others are listed above)" if left_out[1:] else ""))
    tables = [path.read_text() for path in sorted(folder.glob(f"**/{Workdir(folder).ablation_table.name}"))]
    target = folder / PAGE
    replace_text(target, page(runs, split, tables, left_out))
    log(f"{plural(len(runs), 'run')}: open {target}")
    return target


def _unscored(folder: Path, split: str) -> list[Path]:
    """The runs in `folder`, or that it is, without scores on `split`: workdirs with a config and checkpoints."""
    runs = sorted({path.parents[1] for path in folder.glob("**/checkpoints/[0-9]*")})
    return [
        run for run in runs if (run / "config.json").is_file() and not (run / "metrics" / f"{split}.json").is_file()
    ]


def _told(workdir: Path, split: str) -> str:
    """That the run in `workdir` has no scores on `split`, and the command that gives it some."""
    command = f"python main.py --workdir={shlex.quote(str(workdir))} --mode=eval"
    try:
        scored = json.loads((workdir / "config.json").read_text())["train"]["eval_splits"]
    except (OSError, ValueError, KeyError, TypeError):
        scored = (split,)
    knob = "" if split in scored else f" --config.train.eval_splits=\"('{split}',)\""
    return f"not scored, left out: {workdir}; score it: {command}{knob}"


def read_run(workdir: Path, split: str, name: str) -> Scored:
    """The run in `workdir`; ValueError, KeyError, TypeError or OSError if its files are not what they should be."""
    result = json.loads((workdir / "metrics" / f"{split}.json").read_text())
    config = json.loads((workdir / "config.json").read_text())
    classes: dict[str, list[tuple[str, float, int]]] = {kind: [] for kind in KINDS}
    with open(workdir / "metrics" / f"{split}_per_class.csv", newline="") as file:
        for row in csv.DictReader(file):
            classes[row["kind"]].append((row["class"], float(row["iou"] or "nan"), int(row["truth_pixels"])))
    for kind in KINDS:
        {score: float(result[kind][score]) for score in metrics.SCORES}  # all there
    speed = workdir / "speed.json"
    milliseconds = float(json.loads(speed.read_text())["milliseconds_a_frame"]) if speed.exists() else None
    pictures = [path for kind in SHOWN for path in sorted((workdir / "pictures").glob(f"{split}_{kind}_*.png"))]
    loss = csv_history.read_rows(workdir / "metrics/training.csv")
    course = [row for row in csv_history.read_rows(workdir / "metrics/scores.csv") if row["split"] == split]
    layout = config["data"].get("layout", "a2d")
    if layout not in _LAYOUTS:
        raise ValueError(f"its data.layout is {layout!r}")
    return Scored(
        name=name,
        result=result,
        classes=classes,
        pictures=pictures,
        layout=layout,
        milliseconds=milliseconds,
        loss=_columns(loss, "loss"),
        course=_columns(course, "joint_miou"),
        published=bool(config.get("eval", {}).get("published")),
    )


def _columns(rows: Sequence[Mapping[str, str]], name: str) -> tuple[list[float], list[float]]:
    return [float(row["step"]) for row in rows], [float(row[name]) for row in rows]


def page(runs: Sequence[Scored], split: str, tables: Sequence[str] = (), left_out: Sequence[str] = ()) -> str:
    """The whole page as HTML. `tables`: of ablations, in Markdown; `left_out`: what is said of other runs."""
    parts = [f"<h1>SSA2D: {plural(len(runs), 'run')}, split {html.escape(split)}</h1>"]
    if left_out:
        parts.append(f"<ul>{''.join(f'<li>{html.escape(one)}</li>' for one in left_out)}</ul>")
    data = {(run.layout, str(run.result.get("data", ""))) for run in runs}
    for layout, name in sorted(data):
        some = [run for run in runs if (run.layout, str(run.result.get("data", ""))) == (layout, name)]
        parts += [f"<h2>Scores, {_LAYOUTS[layout]}</h2>", f"<p>Data: {html.escape(name or 'not said')}</p>"]
        parts += [score_table(some, layout == "vidor"), *_per_class(some)]
    parts += _curves(runs)
    timed = [(run.name, run.milliseconds, run.result["joint"]["miou"]) for run in runs if run.milliseconds]
    if timed:
        caption = "The network's time a frame against joint mIoU (the paper's Figure 1); speed.json names the device."
        parts += ["<h2>Time and score</h2>", _figure(charts.time_and_score(timed), caption)]
    for table in tables:
        parts += ["<h2>Ablations</h2>", _from_markdown(table)]
    for run in runs:
        if run.pictures:
            parts.append(f"<h2>What {html.escape(run.name)} sees</h2>")
            parts.append(f"<p>{_SHOWN_TEXT}</p>")
            parts += [_png(path, f"{path.stem}: frame, truth, prediction, foreground mask") for path in run.pictures]
    body = "\n".join(parts)
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>SSA2D report</title>"
        f"<style>{_CSS}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def score_table(runs: Sequence[Scored], vidor: bool) -> str:
    """The paper's Table 1 (or its VidOR table) with the runs as rows: glo, ave, mIoU of actor, action, joint.

    The papers' own rows come along where a run's config says that its data are theirs.
    """
    heads = "".join(f"<th colspan=3>{kind}</th>" for kind in KINDS)
    names = "".join(f"<th>{name}</th>" for name in ("glo", "ave", "mIoU") * 3)
    rows = []
    for run in runs:
        rows.append(_row(run.name, metrics.figures(run.result), "ours"))
        if "frequent" in run.result:
            rows.append(_row("its most frequent classes", metrics.figures(run.result["frequent"]), ""))
        precision = run.result.get("mean_average_precision", {})
        if precision:
            told = ", ".join(f"{name.replace('_', ', ')} {value:.1f}" for name, value in precision.items())
            rows.append(f"<tr><td>mean average precision</td><td colspan=9>{html.escape(told)}</td></tr>")
    rows.append(_row("all background", metrics.figures(runs[0].result["background_baseline"]), "published"))
    if published := any(run.published for run in runs):
        data, others = ("VidOR", PUBLISHED_VIDOR) if vidor else ("A2D", PUBLISHED_A2D)
        rows += [_row(f"{name}, {data} test, published", row, "published") for name, row in others.items()]
    told = "Percent. The published rows are of the data set itself." if published else "Percent."
    return (
        f"<div class=spread><table><thead><tr><th></th>{heads}</tr><tr><th></th>{names}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div><p>{told}</p>"
    )


def _from_markdown(text: str) -> str:
    """A Markdown table with a sentence before it, as `ablate.markdown` writes it, as HTML."""
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [[html.escape(cell.strip()) for cell in line.strip("| ").split("|")] for line in lines if line[0] == "|"]
    told = " ".join(html.escape(line) for line in lines if line[0] != "|")
    cells = lambda row, kind: "<tr>" + "".join(f"<{kind}>{cell}</{kind}>" for cell in row) + "</tr>"
    if len(rows) < 2:
        return f"<p>{told}</p>"
    head, _, *body = rows
    head = ["", *head[1:]] if len(head) == len(rows[-1]) else ["", *head]
    table = f"<thead>{cells(head, 'th')}</thead><tbody>{''.join(cells(row, 'td') for row in body)}</tbody>"
    return f"<p>{told}</p><div class=spread><table>{table}</table></div>"


def _row(name: str, figures: Sequence[Sequence[float]], kind: str) -> str:
    cells = "".join(f"<td>{value:.1f}</td>" for three in figures for value in three)
    return f"<tr class='{kind}'><td>{html.escape(name)}</td>{cells}</tr>"


def _per_class(runs: Sequence[Scored]) -> list[str]:
    """A bar chart of every kind of label: each class's IoU, the runs beside one another (the paper's Figure 3)."""
    parts = ["<h2>Class by class</h2>"]
    for kind in KINDS:
        pixels = {name: count for run in runs for name, _, count in run.classes[kind] if count}
        shown = sorted(sorted(pixels, key=lambda name: -pixels[name])[:_MOST_BARS], key=list(pixels).index)
        if not shown:
            continue
        seeds: dict[str, list[list[float]]] = {}
        for run in runs:
            of_class = {name: iou for name, iou, _ in run.classes[kind]}
            heights = [of_class.get(name, float("nan")) for name in shown]
            seeds.setdefault(re.sub(r"(^|/)seed\d+$", "", run.name) or run.name, []).append(heights)
        values = {
            f"{name}, mean of {len(each)} seeds" if len(each) > 1 else name: np.mean(each, axis=0).tolist()
            for name, each in seeds.items()
        }
        left_out = f", the {_MOST_BARS} with most pixels" if len(pixels) > _MOST_BARS else ""
        parts.append(_figure(charts.bars(shown, values), f"IoU of every {kind} class in the truth{left_out}, percent."))
    return parts


def _curves(runs: Sequence[Scored]) -> list[str]:
    """Loss, and joint mIoU where a run was evaluated more than once, over the updates of training."""
    told = {
        "loss": ({run.name: run.loss for run in runs if len(run.loss[0]) > 1}, "Training loss."),
        "joint mIoU, percent": (
            {run.name: run.course for run in runs if len(run.course[0]) > 1},
            "Joint mIoU while training.",
        ),
    }
    figures = [_figure(charts.curves(lines, label), caption) for label, (lines, caption) in told.items() if lines]
    return ["<h2>Training</h2>", *figures] if figures else []


def _figure(svg: str, caption: str) -> str:
    data = base64.b64encode(svg.encode()).decode()
    text = html.escape(caption)
    return f"<figure><img alt='{text}' src='data:image/svg+xml;base64,{data}'><figcaption>{text}</figcaption></figure>"


def _png(path: Path, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption)
    return f"<figure><img alt='{text}' src='data:image/png;base64,{data}'><figcaption>{text}</figcaption></figure>"
