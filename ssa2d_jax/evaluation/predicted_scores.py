"""Scores of the labels that `predict` wrote for whole test videos, and their table for the report."""

import html
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ssa2d_jax.data.label_space import KINDS
from ssa2d_jax.evaluation.boundaries import TOLERANCE
from ssa2d_jax.utils.progress import log
from ssa2d_jax.utils.text import plural

Scores = Mapping[str, Any]  # mIoU by kind of label, "boundary", "flicker", "frames" and "left_out"
_TEXT = (
    "From the files that predict wrote: windows are blended over whole videos. Boundary: F-score of outlines within "
    f"{TOLERANCE * 320:.0f} pixels at a height of 320. Flicker: the share of pixels that change their class from frame "
    "to frame where the picture is still. Percent."
)


def read_scores(path: Path, step: int | None) -> Scores | None:
    """The scores in a file; None if there is none, and, with a line in the log, if it is damaged or of another step."""
    if not path.is_file():
        return None
    try:
        scores: Scores = json.loads(path.read_text())
        if scores["step"] != step:
            log(
                f"left out: {path} is of step {scores['step']}, the other scores of step {step}; make real does it anew"
            )
            return None
        return scores if _row(scores) and _note("", scores) else None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        log(f"left out: {path} can't be read ({error!r}); make real writes it anew")
        return None


def _row(scores: Scores) -> list[float]:
    """The numbers of a table's row."""
    miou = [float(scores[kind]["miou"]) for kind in KINDS]
    return [*miou, *(float(scores["boundary"][kind]) for kind in KINDS), float(scores["flicker"])]


def _note(name: str, scores: Scores) -> str:
    """What the scores are of."""
    left_out = f", {plural(len(scores['left_out']), 'video')} left out" if scores["left_out"] else ""
    return f"{name}: {plural(int(scores['frames']), 'labelled frame')}{left_out}"


def table(runs: Sequence[tuple[str, str, Scores]]) -> list[str]:
    """Parts of an HTML page: the scores of runs.

    Args:
        runs: the group of each, its name and its scores. Groups of several seeds get a row with their mean and sample
            standard deviation.
    """
    if not runs:
        return []
    cells = lambda texts: "".join(f"<td>{text}</td>" for text in texts)
    groups: dict[str, list[list[float]]] = defaultdict(list)
    body = []
    for group, name, scores in runs:
        groups[group].append(_row(scores))
        body.append(f"<tr class=ours><td>{html.escape(name)}</td>{cells(_texts(groups[group][-1]))}</tr>")
    for group, rows in groups.items():
        if len(rows) > 1:
            pairs = zip(_texts(np.mean(rows, 0)), _texts(np.std(rows, 0, ddof=1)), strict=True)
            name = html.escape(f"{group}, mean ± deviation".removeprefix(", "))
            body.append(f"<tr><td>{name}</td>{cells(f'{mean} ± {spread}' for mean, spread in pairs)}</tr>")
    kinds = "".join(f"<th>{kind}</th>" for kind in (*KINDS, *KINDS))
    notes = "; ".join(html.escape(_note(name, scores)) for _, name, scores in runs)
    return [
        f"<p>{_TEXT} <span class=quiet>{notes}.</span></p>",
        "<div class=spread><table><thead><tr><th></th><th colspan=3>mIoU</th><th colspan=3>boundary</th><th></th></tr>"
        f"<tr><th></th>{kinds}<th>flicker</th></tr></thead><tbody>{''.join(body)}</tbody></table></div>",
    ]


def _texts(row: Sequence[float] | np.ndarray) -> list[str]:
    *scores, flicker = row
    return [*(f"{score:.1f}" for score in scores), f"{flicker:.2f}"]
