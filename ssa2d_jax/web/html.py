"""Pieces of the page as HTML text; whatever comes from a file or a run is escaped."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.utils.text import plural
from ssa2d_jax.web.label_clip import Labelled, Limits

CSS = """
.gradio-container { width: 100%; max-width: 1100px !important; margin: auto !important }
.told { font-size: 15px; line-height: 1.5 } .told p { margin: .3rem 0 } .quiet { opacity: .7 }
.refused { border-left: 4px solid #c0392b; padding: .4rem .8rem; overflow-wrap: anywhere }
.progress-bar-wrap { width: 40% !important }
@media (max-width: 600px) { .progress-bar-wrap { width: 20% !important } }
.spread { overflow-x: auto; contain: inline-size } .timeline { background: white }
.timeline svg { width: 100%; min-width: 620px; height: auto }
.shares { border-collapse: collapse; width: 100%; font-size: 14px }
.shares, .shares tr { border: 0 !important }
.shares th, .shares td { padding: .2rem .6rem !important; text-align: right; border: 0 !important; white-space: nowrap }
.shares th:first-child, .shares td:first-child { text-align: left }
.shares td.bar { width: 45%; min-width: 90px; padding-right: 0 } .shares .bar div { height: .8rem; border-radius: 2px }
"""
_LEAST = 0.0005  # of all pixels: classes with less share a row


def about(space: LabelSpace, limits: Limits) -> str:
    """What the page is, what it takes, and which classes the network knows."""
    actors, actions = (escape(", ".join(names[1:])) for names in (space.actors, space.actions))
    size = f"{limits.megabytes:g} MB, {limits.seconds:g} seconds and {limits.width}x{limits.height} pixels"
    return (
        "<div class=told><h1>Who does what, where?</h1>"
        "<p>Give a clip: the network labels every pixel of every frame with actor and action.</p>"
        f"<p class=quiet>At most {size}. The clip stays on this machine and is deleted when you leave the page.</p>"
        f"<details class=quiet><summary>{len(space.actors) - 1} actors and {len(space.actions) - 1} actions are known"
        f"</summary><p>Actors: {actors}.</p><p>Actions: {actions}.</p></details></div>"
    )


def error(text: str) -> str:
    """Why there is no result."""
    return f"<div class='told refused' role=alert>{escape(text)}</div>"


def summary(labelled: Labelled) -> str:
    """What was done, in a line or two."""
    frames = plural(labelled.frames, "frame")
    tracks = plural(labelled.tracks, "track") if labelled.tracks else "no actor was seen long enough for a track"
    broken = error(f"Only what could be read is shown: {labelled.broken}") if labelled.broken else ""
    return f"<div class=told role=status>{frames} labelled, {tracks}.</div>{broken}"


def timeline(labelled: Labelled) -> str:
    """The tracks over time; an SVG of charts.py holds no text of others as markup."""
    if labelled.timeline is None:
        return ""
    svg = labelled.timeline[labelled.timeline.index("<svg") :]  # what comes before is for files of their own
    return f"<h3>Tracks</h3><div class='spread timeline' role=img aria-label='Timeline of the tracks'>{svg}</div>"


def shares(found: Mapping[str, Mapping[str, Any]], space: LabelSpace) -> str:
    """A row a class, by their share of all pixels; the background comes last."""
    background = space.joint[0]
    there = {name: row for name, row in found.items() if row["frames"]}
    big = {name: row for name, row in there.items() if row["share"] >= _LEAST or name == background}
    ordered = sorted(big, key=lambda name: (name == background, -big[name]["share"]))
    rows = [_row(name, big[name], space) for name in ordered]
    if len(big) < len(there):
        rows.append(f"<tr class=quiet><td colspan=5>and {len(there) - len(big)} of less than 0.05 % each</td></tr>")
    head = "<tr><th>class</th><th></th><th>pixels</th><th>frames</th><th>confidence</th></tr>"
    return f"<h3>Classes</h3><div class=spread><table class=shares>{head}{''.join(rows)}</table></div>"


def _row(name: str, row: Mapping[str, Any], space: LabelSpace) -> str:
    number = space.joint.index(name)
    red, green, blue = space.joint_colours[number] if number else (150, 150, 150)
    bar = f"<div style='width:{100 * row['share']:.2f}%;background:rgb({red},{green},{blue})'></div>"
    numbers = f"<td>{100 * row['share']:.1f} %</td><td>{row['frames']}</td><td>{row['confidence']:.2f}</td>"
    return f"<tr><td>{escape(name)}</td><td class=bar>{bar}</td>{numbers}</tr>"
