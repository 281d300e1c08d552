"""One HTML page of one or more runs: the paper's tables and figures. It opens from disk and fetches nothing."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.data.layouts import LAYOUT_TITLES
from ssa2d_jax.evaluation import metrics, predicted_scores
from ssa2d_jax.evaluation.published import PUBLISHED_A2D, PUBLISHED_VIDOR
from ssa2d_jax.evaluation.scored_run import ScoredRun, read_run, seeds_name, unscored_message, unscored_runs
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.files import replace_text, write_if_permitted
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.text import first_few, plural
from ssa2d_jax.visualization import charts

_PICTURES_TEXT = (
    "From left to right: the frame, the truth, the prediction, and the foreground mask (white: surely an actor). Above "
    "the frame stand the clip's name and its agreement: the share of equal joint labels among the pixels that truth or "
    "prediction calls foreground."
)
_PICTURE_GROUPS = {
    "clip": "First clips of the split",
    "best": "Clips with the best labels",
    "worst": "Clips with the worst labels",
}
_SCORES_TEXT = (
    "Percent. glo: the share of all pixels with the right label; ave: the mean over the classes of that share; mIoU: "
    "the mean over the classes of intersection over union. Joint: both actor and action must be right. All background: "
    "what a network scores that sees no actor anywhere."
)
_KIND_TITLES = {"actor": "actor", "action": "action", "joint": "actor and action (joint)"}
_MOST_BARS = 60  # classes in a chart; if there are more, those with most pixels
_CSS = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .7rem; text-align: right }
th:first-child, td:first-child { text-align: left } thead th { border-bottom: 2px solid #222 }
thead th[colspan] { text-align: center; border-bottom: 1px solid #999 }
.scores th:nth-child(3n+2), .scores td:nth-child(3n+2), .scores th[colspan] { border-left: 1px solid #ccc }
.scores thead tr:first-child th:first-child { border-bottom: 0 }
nav { background: #f4f4f4; padding: .5rem 1rem; margin: 1rem 0 } nav ul { margin: .2rem 0; columns: 20rem }
.quiet { color: #666; font-size: 13px }
tr.ours { font-weight: 600 } tr.published td { color: #666 } .spread { overflow-x: auto }
img { max-width: 100%; display: block; margin: .5rem 0 } figure { margin: 1.5rem 0 } figcaption { color: #555 }
pre { background: #f4f4f4; padding: 1rem; overflow-x: auto } h2 { margin-top: 2.5rem }
"""


def write_report(folder: Path, split: str) -> Path:
    """Writes report.html into `folder`, from all runs in it (or the run that it is) with scores on `split`.

    Runs without scores, and runs whose files can't be read, are listed on the page and on stderr. If the page may not
    be written there, the scores are printed instead.

    Raises:
        InputError: no run has scores.
    """
    runs, left_out = _read_runs(folder, split)
    if not runs:
        for line in left_out[1:]:
            log(line)
        message = f"{folder}: no run in there was scored on {split!r} (no metrics/{split}.json that can be read)"
        more = " (others are listed above)" if left_out[1:] else ""
        raise InputError("; ".join([message, *left_out[:1]]) + more)
    for line in left_out:
        log(line)
    files = Workdir(folder)
    tables = [path.read_text() for path in sorted(folder.glob(f"**/{files.ablation_table.name}"))]
    text = page(runs, split, tables, left_out)
    if write_if_permitted(lambda: replace_text(files.report, text), folder):
        log(f"{plural(len(runs), 'run')}: open {files.report}")
    else:
        for run in runs:
            log(f"\n{run.name}, {split}, percent\n{metrics.table(run.scores, published=run.published)}")
    return files.report


def _read_runs(folder: Path, split: str) -> tuple[list[ScoredRun], list[str]]:
    """The runs with scores, and a line of text for each of the others."""
    runs, left_out = [], [unscored_message(workdir, split) for workdir in unscored_runs(folder, split)]
    for workdir in (files.folder for files in Workdir.scored(folder, split)):
        name = str(workdir.relative_to(folder)) if workdir != folder else folder.name
        try:
            runs.append(read_run(workdir, split, name))
        except (OSError, ValueError, KeyError, TypeError) as error:
            left_out.append(f"left out: {workdir} ({error!r})")
    return runs, left_out


def page(runs: Sequence[ScoredRun], split: str, tables: Sequence[str] = (), left_out: Sequence[str] = ()) -> str:
    """The whole page as HTML.

    Args:
        tables: of ablations, in Markdown.
        left_out: a line of text for every run that is not shown.
    """
    sections: list[tuple[str, list[str]]] = []
    for layout, data in sorted({(run.layout, run.data) for run in runs}):
        group = [run for run in runs if (run.layout, run.data) == (layout, data)]
        of_data = _of_data(group, layout, len({run.data for run in runs}) > 1)
        sections.append((f"Scores{of_data}", [_describe_data(group), score_table(group, layout == "vidor")]))
        whole = [(run.group, run.name, run.predicted) for run in group if run.predicted is not None]
        sections.append((f"Whole videos{of_data}", predicted_scores.table(whole)))
        sections.append((f"Class by class{of_data}", _class_charts(group)))
    sections += [("Training", _curves(runs)), ("Time and score", _time_and_score(runs))]
    sections += [("Ablations", [_table_from_markdown(table)]) for table in tables]
    sections += [(f"What {run.name} sees", _pictures(run, split)) for run in runs]
    sections = [(title, parts) for title, parts in sections if parts]
    head = [f"<h1>SSA2D: {plural(len(runs), 'run')}, scored on the split {html.escape(split)}</h1>"]
    if left_out:
        head.append(f"<ul>{''.join(f'<li>{html.escape(line)}</li>' for line in left_out)}</ul>")
    head.append(_contents([title for title, _ in sections]))
    body = [f"<h2 id=s{i}>{html.escape(title)}</h2>\n" + "\n".join(parts) for i, (title, parts) in enumerate(sections)]
    text = "\n".join([*head, *body])
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>SSA2D report</title>"
        f"<style>{_CSS}</style></head>\n<body>\n{text}\n</body></html>\n"
    )


def _contents(titles: Sequence[str]) -> str:
    """Links to the sections."""
    links = "".join(f"<li><a href='#s{i}'>{html.escape(title)}</a></li>" for i, title in enumerate(titles))
    return f"<nav><ul>{links}</ul></nav>"


def _of_data(group: Sequence[ScoredRun], layout: str, several: bool) -> str:
    """What the headings of a group of runs add: the layout, and their names if there are several groups."""
    names = f": {first_few([run.name for run in group], 3)}" if several else ""
    return f", {LAYOUT_TITLES[layout]}{names}"


def _describe_data(group: Sequence[ScoredRun]) -> str:
    """The data of runs that were scored on the same, in words, and under the name of their prepared folder."""
    words = "; ".join(dict.fromkeys(run.data_words for run in group if run.data_words))
    data = html.escape(group[0].data.partition(",")[0])
    name = f" <span class=quiet>Prepared as <code>{data}</code>.</span>" if data else ""
    return f"<p>Data: {html.escape(words) or 'unknown'}.{name}</p>"


def _pictures(run: ScoredRun, split: str) -> list[str]:
    """The run's pictures in groups, each numbered."""
    parts = [f"<p>{_PICTURES_TEXT}</p>"] if run.pictures else []
    for group, title in _PICTURE_GROUPS.items():
        paths = [path for path in run.pictures if path.stem.startswith(f"{split}_{group}_")]
        if paths:
            parts.append(f"<h3>{title}</h3>")
        parts += [_png(path, f"{title}: {number} of {len(paths)}") for number, path in enumerate(paths, 1)]
    return parts


def score_table(runs: Sequence[ScoredRun], vidor: bool) -> str:
    """The paper's Table 1 (or its VidOR table) with the runs as rows: glo, ave, mIoU of actor, action, joint.

    The papers' own rows follow if a run's config says that its data are the papers'.
    """
    heads = "".join(f"<th colspan=3>{_KIND_TITLES[kind]}</th>" for kind in KINDS)
    names = "".join(f"<th>{name}</th>" for name in ("glo", "ave", "mIoU") * 3)
    rows = []
    for run in runs:
        rows.append(_row(run.name, metrics.paper_row(run.scores), "ours"))
        if "frequent" in run.scores:
            rows.append(_row("its most frequent classes", metrics.paper_row(run.scores["frequent"]), ""))
        precision = run.scores.get("mean_average_precision", {})
        if precision:
            text = ", ".join(f"{name.replace('_', ', ')} {value:.1f}" for name, value in precision.items())
            rows.append(f"<tr><td>mean average precision</td><td colspan=9>{html.escape(text)}</td></tr>")
    baseline = metrics.paper_row(runs[0].scores["background_baseline"])
    rows.append(_row("all background", baseline, "published"))
    if published := any(run.published for run in runs):
        data, others = ("VidOR", PUBLISHED_VIDOR) if vidor else ("A2D", PUBLISHED_A2D)
        rows += [_row(f"{name}, {data} test, published", row, "published") for name, row in others.items()]
    note = _SCORES_TEXT + (
        " The published rows are the papers' scores on the data set itself: compare them only if that was scored."
        if published
        else ""
    )
    return (
        f"<div class=spread><table class=scores><thead><tr><th></th>{heads}</tr><tr><th></th>{names}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div><p>{note}</p>"
    )


def _row(name: str, values: Sequence[Sequence[float]], css_class: str) -> str:
    cells = "".join(f"<td>{value:.1f}</td>" for kind in values for value in kind)
    return f"<tr class='{css_class}'><td>{html.escape(name)}</td>{cells}</tr>"


def _table_from_markdown(text: str) -> str:
    """A Markdown table after a sentence, as `ablation.markdown` writes it, as HTML."""
    lines = [line for line in text.splitlines() if line.strip()]
    rows = [[html.escape(cell.strip()) for cell in line.strip("| ").split("|")] for line in lines if line[0] == "|"]
    sentence = " ".join(html.escape(line) for line in lines if line[0] != "|")
    cells = lambda row, tag: "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in row) + "</tr>"
    if len(rows) < 2:
        return f"<p>{sentence}</p>"
    head, _, *body = rows
    head = ["", *head[1:]] if len(head) == len(rows[-1]) else ["", *head]
    table = f"<thead>{cells(head, 'th')}</thead><tbody>{''.join(cells(row, 'td') for row in body)}</tbody>"
    return f"<p>{sentence}</p><div class=spread><table>{table}</table></div>"


def _class_charts(runs: Sequence[ScoredRun]) -> list[str]:
    """A bar chart for every kind of label: each class's IoU, the runs side by side (the paper's Figure 3)."""
    parts = []
    for kind in KINDS:
        pixels = {score.name: score.pixels for run in runs for score in run.classes[kind] if score.pixels}
        shown = sorted(sorted(pixels, key=lambda name: -pixels[name])[:_MOST_BARS], key=list(pixels).index)
        if not shown:
            continue
        left_out = f", the {_MOST_BARS} with most pixels" if len(pixels) > _MOST_BARS else ""
        bars = _mean_ious(runs, kind, shown)
        of = f", {next(iter(bars))}" if len(bars) == 1 < len(runs) else ""  # one row of bars has no legend
        caption = f"IoU of every {kind} class in the truth{left_out}, percent{of}."
        parts.append(_figure(charts.bars(shown, bars), caption))
    return parts


def _mean_ious(runs: Sequence[ScoredRun], kind: str, names: Sequence[str]) -> dict[str, list[float]]:
    """The IoU of each class in `names`, by run; runs that differ in their seed only are one row, their mean."""
    seeds: dict[str, list[list[float]]] = {}
    shown_names: dict[str, str] = {}
    for run in runs:
        ious = {score.name: score.iou for score in run.classes[kind]}
        seeds.setdefault(run.group, []).append([ious.get(class_name, float("nan")) for class_name in names])
        count = len(seeds[run.group])
        shown_names[run.group] = seeds_name(run.group, count) if count > 1 else run.group or run.name
    return {shown_names[group]: np.mean(rows, axis=0).tolist() for group, rows in seeds.items()}


def _curves(runs: Sequence[ScoredRun]) -> list[str]:
    """Loss over the training steps, and joint mIoU of runs that were evaluated more than once."""
    charts_by_label = {
        "loss": ({run.name: run.losses for run in runs if len(run.losses.steps) > 1}, "Training loss."),
        "joint mIoU, percent": (
            {run.name: run.joint_miou for run in runs if len(run.joint_miou.steps) > 1},
            "Joint mIoU during training.",
        ),
    }
    return [
        _figure(charts.curves(lines, label), caption) for label, (lines, caption) in charts_by_label.items() if lines
    ]


def _time_and_score(runs: Sequence[ScoredRun]) -> list[str]:
    """Time per frame against joint mIoU, of the runs that were timed."""
    points = [
        (run.name, run.milliseconds_per_frame, run.scores["joint"]["miou"])
        for run in runs
        if run.milliseconds_per_frame
    ]
    caption = (
        "The network's time per frame against joint mIoU (the paper's Figure 1); speed.json names the device of each "
        "run."
    )
    return [_figure(charts.time_and_score(points), caption)] if points else []


def _figure(svg: str, caption: str) -> str:
    return _image(svg.encode(), "image/svg+xml", caption)


def _png(path: Path, caption: str) -> str:
    return _image(path.read_bytes(), "image/png", caption)


def _image(data: bytes, media_type: str, caption: str) -> str:
    text, encoded = html.escape(caption), base64.b64encode(data).decode()
    return (
        f"<figure><img alt='{text}' src='data:{media_type};base64,{encoded}'><figcaption>{text}</figcaption></figure>"
    )
