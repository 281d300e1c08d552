"""The demo's page, and the summary that it prints at its end."""

import csv
import dataclasses
import html
import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from configs import sprites
from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.evaluation import metrics
from ssa2d_jax.evaluation.scored_run import read_run
from ssa2d_jax.runs.workdir import Workdir
from ssa2d_jax.utils import csv_history
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import duration
from ssa2d_jax.visualization import charts
from tools.demo_steps import Paths

_EVENTS = 12  # rows of events.csv that the page shows
_EVENT_COLUMNS = ("Subject", "Behavior", "Start (s)", "Stop (s)", "Duration (s)", "Confidence")
_CSS = """
:root { color-scheme: light } * { box-sizing: border-box }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 66rem; margin: 0 auto; padding: 2rem 1.2rem 4rem }
html { color: #1d2530 }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem } h2 { margin: 3rem 0 .5rem; font-size: 1.35rem }
.lead { font-size: 1.1rem; color: #445 } .note { color: #556; font-size: .93rem }
.pair { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); align-items: start }
figure { margin: 1rem 0 } figcaption { color: #556; font-size: .9rem; margin-top: .3rem }
video, img, svg { width: 100%; height: auto; display: block; border-radius: 6px } video { background: #000 }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #e3e6ea }
thead th { border-bottom: 2px solid #1d2530 }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
tr.strong td { font-weight: 650 } tr.weak td { color: #667 }
td.new:after { content: "new"; background: #0072b2; color: #fff; border-radius: 4px; font-size: .72rem }
td.new:after { padding: .05rem .35rem; margin-left: .5rem }
pre { background: #f3f5f7; padding: .8rem 1rem; border-radius: 6px; overflow-x: auto; font-size: .88rem }
.scroll { overflow-x: auto }
"""


@dataclasses.dataclass(frozen=True)
class Results:
    """What the demo found out.

    Attributes:
        scores: of the weights on the sprites' test clips, as in metrics/test.json.
        before: IoU in percent of every class of the fish world, by the weights; 0 for the classes that they lack.
        after: the same after the training; NaN where undefined.
        about: what the weights are good for.
        command: the words of the training's command line.
        times: seconds of each step, by title.
        seconds: that the whole demo took, with what lies between its steps.
        test_clips: how many of the sprites' test clips were scored, the first ones.
        sizes: height and width of the network's input, of the weights and in the training.
    """

    scores: Mapping[str, Any]
    before: Mapping[str, float]
    after: Mapping[str, float]
    about: str
    command: Sequence[str]
    times: Mapping[str, float]
    seconds: float
    test_clips: int
    sizes: tuple[Sequence[int], Sequence[int]]

    def tested(self) -> str:
        """What the scores are of, in words."""
        return f"the first {self.test_clips} of {sprites.get_config().data.sprites.test_clips} sprites test clips"

    def training_size(self) -> str:
        """A sentence about the size of the training's frames, if it is another one than that of the weights; or ""."""
        of_weights, of_training = (f"{height}x{width}" for height, width in self.sizes)
        if of_weights == of_training:
            return ""
        return (
            f" To be quick, the training, and the labels and scores after it, have frames of {of_training}; the "
            f"included weights were trained with {of_weights}."
        )

    def classes(self) -> list[tuple[str, float, float, bool]]:
        """Name, IoU before and after, and whether it is new, of every class of the fish world; new ones first."""
        rows = [
            (name, self.before[name], after, name.partition("-")[0] == "fish")
            for name, after in self.after.items()
            if name != "background" and not math.isnan(after)
        ]
        return sorted(rows, key=lambda row: (not row[3], "-" in row[0]))


def summary(paths: Paths, results: Results) -> list[str]:
    """The lines that the demo ends with."""
    width = max(len(name) for name, *_ in results.classes())
    frames, seconds = results.scores["frames"], duration(results.seconds)
    return [
        f"The included weights, on {frames} labelled frames of {results.tested()}, percent:",
        metrics.table(results.scores, published=False),
        "",
        "IoU on the test clips of the world with the fish, percent:",
        f"  {'':{width}}  before  after",
        *(
            f"  {name:{width}}  {before:6.1f} {after:6.1f}{'  new' * new}"
            for name, before, after, new in results.classes()
        ),
        "",
        f"{seconds}. Open {paths.page}",
        "Next: your own clip    ssa2d predict --input=clip.mp4 --output=out   (in .venv/bin)",
        "      your own labels  docs/own_data.md      the page in the browser  make web",
    ]


def write(paths: Paths, results: Results) -> None:
    """Writes index.html. It shows files of the demo's folder, which can be moved as a whole."""
    parts = [*_head(results), *_labelled(paths), *_scores(paths, results), *_new_class(paths, results)]
    parts += [*_times(results), *_next_steps()]
    body = "\n".join(parts)
    replace_text(
        paths.page,
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>SSA2D: the demo</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<style>{_CSS}</style></head>\n<body>\n{body}\n</body></html>\n",
    )


def _head(results: Results) -> list[str]:
    about = f"<p class=note>{html.escape(results.about)}</p>" if results.about else ""
    return [
        "<h1>SSA2D: who does what, in every pixel of a video</h1>",
        "<p class=lead>A network that names, for every pixel of every frame, the actor (a cat, a ball) and its action "
        "(jumping, rolling). This page shows what <code>make demo</code> has just done on your computer: it labelled a "
        "clip with the small included network, scored that network, and taught it a class that it didn't "
        "know.</p>",
        "<p class=note>All clips are drawn: cartoon figures, which the network sees in small frames. They "
        "move in such a way that a single frame doesn't tell the action. The network knows nothing of real video.</p>",
        about,
    ]


def _labelled(paths: Paths) -> list[str]:
    with open(paths.sprites / "events.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        "<h2>A clip and its labels</h2>",
        "<div class=pair>",
        _video(paths, paths.data / "sprites_clip.mp4", "The clip, which the network has never seen."),
        _video(paths, paths.sprites / "overlay.mp4", "Its labels: a colour for every pair of actor and action."),
        "</div>",
        _picture(paths, paths.sprites / "timeline.png", "Who does what when: a bar for every figure that was followed, "
                 "coloured by its action."),
        f"<p>The same as a table, <code>{paths.sprites.name}/events.csv</code>; BORIS opens <code>events.boris</code> "
        "beside it. Among the other files there are the masks of every figure (<code>tracks.json</code>) and of every "
        "frame (<code>labels.npz</code>).</p>",
        _table(list(_EVENT_COLUMNS), [[row[name] for name in _EVENT_COLUMNS] for row in rows[:_EVENTS]]),
        f"<p class=note>And {len(rows) - _EVENTS} more rows.</p>" if len(rows) > _EVENTS else "",
    ]  # fmt: skip


def _scores(paths: Paths, results: Results) -> list[str]:
    head = ["", *(f"{kind} {name}" for kind in KINDS for name in ("glo", "ave", "mIoU"))]
    ours, nothing = (metrics.paper_row(row) for row in (results.scores, results.scores["background_baseline"]))
    number = lambda rows: [f"{value:.1f}" for row in rows for value in row]
    rows = [["this network", *number(ours)], ["all background", *number(nothing)]]
    with open(Workdir(paths.sprites).class_scores("test"), newline="") as file:
        joint = [row for row in csv.DictReader(file) if row["kind"] == "joint" and row["class"] != "background"]
    names, ious = [row["class"] for row in joint], [float(row["iou"] or "nan") for row in joint]
    return [
        "<h2>How good it is</h2>",
        f"<p>On {results.scores['frames']} labelled frames of {results.tested()}, in percent. "
        "<i>glo</i> is the share of correct pixels, <i>ave</i> the mean accuracy of the classes, <i>mIoU</i> their "
        "mean intersection over union; <i>joint</i> means that actor and action are both correct. Most pixels are "
        "background: the second row is what a network gets that calls everything background.</p>",
        _table(head, rows, ["strong", "weak"]),
        _figure(charts.bars(names, {"IoU": ious}), "IoU of each of the 43 pairs of actor and action."),
    ]


def _new_class(paths: Paths, results: Results) -> list[str]:
    run = read_run(paths.run, "test", "fish")
    rows = csv_history.read_rows(Workdir(paths.run).training_history)
    steps = [float(row["step"]) for row in rows]
    losses = {"sum": "loss", "actor": "actor", "action": "action"}
    curves = {label: (steps, [float(row[name]) for row in rows]) for label, name in losses.items()}
    table = [[name, f"{before:.1f}", f"{after:.1f}"] for name, before, after, _ in results.classes()]
    new = {name for name, *_, new in results.classes() if new}
    scored = {"joint mIoU": (run.joint_miou.steps, run.joint_miou.values)}
    return [
        "<h2>A class that it didn't know</h2>",
        f"<p>The second world has fish, which swim, jump or rest, beside cats and balls. Its clips lie in "
        f"<code>{paths.fish_data.relative_to(paths.folder)}</code> as your own would: <code>labels.csv</code>, "
        "<code>videos/</code> and <code>labels/</code> with a PNG of instance numbers for every labelled frame. "
        f"{int(max(steps, default=0))} training steps, from the included weights.</p>",
        "<div class=pair>",
        _video(paths, paths.before / "overlay.mp4", "Before: fish are taken for something else, or for nothing."),
        _video(paths, paths.after / "overlay.mp4", "After the training."),
        "</div>",
        "<p>IoU on its test clips, in percent. Before: the weights as they are, with all their classes; they have no "
        f"fish, so that is 0. Cat and ball it knew before.{results.training_size()}</p>",
        _table(["class", "before", "after"], table, new=new),
        "<div class=pair>",
        _figure(charts.curves(curves, "loss on training clips"), "The training: the loss and two of its parts."),
        _figure(charts.curves(scored, "joint mIoU, percent"), "The score on the test clips during the training."),
        "</div>",
        "<p>The command, which also trains on your own data:</p>",
        f"<pre>python main.py {html.escape(' '.join(map(shlex.quote, results.command)))}</pre>",
    ]


def _times(results: Results) -> list[str]:
    rows = [[title, duration(seconds)] for title, seconds in results.times.items()]
    rows.append(["together", duration(results.seconds)])
    return [
        "<h2>How long it took</h2>",
        "<p class=note>The training ran beside the other steps; its row is the time that was left to wait for it.</p>",
        _table(["step", "time"], rows, [*[""] * (len(rows) - 1), "strong"]),
    ]


def _next_steps() -> list[str]:
    return [
        "<h2>Next</h2>",
        "<p>In the folder of the project, after <code>source .venv/bin/activate</code>:</p>",
        "<pre># label your own clip; the included network knows only drawn figures\n"
        "ssa2d predict --input=clip.mp4 --output=out\n\n"
        "# check and train on your own labelled videos (docs/own_data.md)\n"
        "python main.py --config=configs/folder.py --mode=check --config.data.root=my_folder\n"
        "python main.py --config=configs/folder.py:kinetics --workdir=runs/own --config.data.root=my_folder\n\n"
        "# the page that labels clips in the browser\n"
        "make web\n\n"
        "# the whole training of the included weights; says beforehand how long it takes\n"
        "make train</pre>",
        "<p>README.md and the pages in <code>docs/</code> say more (<code>make docs</code> builds them as a site).</p>",
    ]


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], styles: Sequence[str] = (), new: Iterable[str] = ()
) -> str:
    """An HTML table; `styles` are classes of its rows, `new` the first cells that are marked."""
    lines = []
    for i, row in enumerate(rows):
        first, *others = (html.escape(cell) for cell in row)
        mark = " class=new" if row[0] in new else ""
        style = f" class='{styles[i]}'" if i < len(styles) and styles[i] else ""
        lines.append(f"<tr{style}><td{mark}>{first}</td>{''.join(f'<td>{cell}</td>' for cell in others)}</tr>")
    heads = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    return f"<div class=scroll><table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"


def _figure(svg: str, caption: str) -> str:
    drawing = svg[svg.index("<svg") :]
    return f"<figure>{drawing}<figcaption>{html.escape(caption)}</figcaption></figure>"


def _picture(paths: Paths, path: Path, caption: str) -> str:
    address, text = html.escape(str(path.relative_to(paths.folder).as_posix())), html.escape(caption)
    return f"<figure><img src='{address}' alt='{text}'><figcaption>{text}</figcaption></figure>"


def _video(paths: Paths, path: Path, caption: str) -> str:
    address = html.escape(str(path.relative_to(paths.folder).as_posix()))
    video = f"<video src='{address}' autoplay loop muted playsinline controls></video>"
    return f"<figure>{video}<figcaption>{html.escape(caption)}</figcaption></figure>"
