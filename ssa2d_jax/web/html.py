"""Pieces of the page as HTML text; everything that comes from a file or a run is escaped."""

from collections.abc import Mapping
from html import escape

from ssa2d_jax.data.label_space import LabelSpace
from ssa2d_jax.inference.frame_labels import ClassStatistics
from ssa2d_jax.utils.text import plural
from ssa2d_jax.web.label_clip import LabelledClip
from ssa2d_jax.web.limits import Limits

CSS = """
.gradio-container { width: 100%; max-width: 1100px !important; margin: auto !important }
.message { font-size: 15px; line-height: 1.5 } .message p { margin: .3rem 0 } .quiet { opacity: .7 }
.refused { border-left: 4px solid #c0392b; padding: .4rem .8rem; overflow-wrap: anywhere }
.thumbnails .thumbnail-item { aspect-ratio: 1 } .thumbnails .caption-label { font-size: 11px }
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
_MIN_SHARE = 0.0005  # of all pixels: classes with less have one row together


def about(network: str, note: str, space: LabelSpace, limits: Limits) -> str:
    """What the page does, what it accepts, which network labels, what it is good for, and which classes it knows."""
    good_for = f" {escape(note)}" if note else ""
    actors, actions = (escape(", ".join(names[1:])) for names in (space.actors, space.actions))
    size = f"{limits.megabytes:g} MB, {limits.seconds:g} seconds and {limits.width}x{limits.height} pixels"
    return (
        "<div class=message><h1>Who does what, where?</h1>"
        "<p>Choose a clip: the network labels every pixel of every frame with actor and action.</p>"
        f"<p>Network: <b>{escape(network)}</b>.{good_for}</p>"
        f"<p class=quiet>At most {size}. The clip stays on this machine and is deleted when you leave the page.</p>"
        f"<details class=quiet><summary>The network knows {len(space.actors) - 1} actors and "
        f"{len(space.actions) - 1} actions</summary><p>Actors: {actors}.</p><p>Actions: {actions}.</p></details></div>"
    )


def error(text: str) -> str:
    """Why there is no result."""
    return f"<div class='message refused' role=alert>{escape(text)}</div>"


def summary(clip: LabelledClip) -> str:
    """What was done, in one or two lines."""
    frames = plural(clip.frames, "frame")
    tracks = plural(clip.tracks, "track") if clip.tracks else "no actor was visible long enough for a track"
    broken = error(f"Only what could be read is shown: {clip.broken}") if clip.broken else ""
    remarks = "".join(f"<p class=quiet>{escape(remark)}</p>" for remark in clip.remarks)
    return f"<div class=message role=status>{frames} labelled, {tracks}.{remarks}</div>{broken}"


def timeline(clip: LabelledClip) -> str:
    """The tracks over time; the SVG contains no text from files or runs as markup."""
    if clip.timeline is None:
        return ""
    svg = clip.timeline[clip.timeline.index("<svg") :]  # without the header of an SVG file
    return f"<h3>Tracks</h3><div class='spread timeline' role=img aria-label='Timeline of the tracks'>{svg}</div>"


def shares(statistics: Mapping[str, ClassStatistics], space: LabelSpace) -> str:
    """A table with a row for each class, largest share of the pixels first; the background comes last."""
    background = space.joint[0]
    present = {name: row for name, row in statistics.items() if row["frames"]}
    large = {name: row for name, row in present.items() if row["share"] >= _MIN_SHARE or name == background}
    ordered = sorted(large, key=lambda name: (name == background, -large[name]["share"]))
    rows = [_row(name, large[name], space) for name in ordered]
    if len(large) < len(present):
        rows.append(f"<tr class=quiet><td colspan=5>and {len(present) - len(large)} of less than 0.05 % each</td></tr>")
    head = "<tr><th>class</th><th></th><th>pixels</th><th>frames</th><th>confidence</th></tr>"
    return f"<h3>Classes</h3><div class=spread><table class=shares>{head}{''.join(rows)}</table></div>"


def _row(name: str, row: ClassStatistics, space: LabelSpace) -> str:
    """A row of the table, with a bar in the colour of the class."""
    number = space.joint.index(name)
    red, green, blue = space.joint_colours[number] if number else (150, 150, 150)
    bar = f"<div style='width:{100 * row['share']:.2f}%;background:rgb({red},{green},{blue})'></div>"
    numbers = f"<td>{100 * row['share']:.1f} %</td><td>{row['frames']}</td><td>{row['confidence']:.2f}</td>"
    return f"<tr><td>{escape(name)}</td><td class=bar>{bar}</td>{numbers}</tr>"
