"""What a conversion understood, in lines for people."""

from collections.abc import Sequence
from pathlib import Path

from input_pipeline.exports.labelled import Export
from input_pipeline.exports.writing.folder_writer import Written
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.text import first_few, plural

REPORT = "converted.txt"  # in the folder
_MOST_BYTES = 1 << 16
_RESTING = ". An actor that rests is learned only with an action of its own, as 'none'"
_SHOWN_PROBLEMS = _SHOWN_CLASSES = 20


def describe(export: Export, written: Written) -> list[str]:
    """The report: what may be wrong, the tool, the tracks, the actions, how frames were labelled, what is left out."""
    rows = [row for of_video in written.rows.values() for row in of_video]
    tracks = {(name, row.number) for name, of_video in written.rows.items() for row in of_video}
    drawn = written.frames - written.interpolated - written.predicted
    title = f"{export.tool} (predictions)" if written.predicted and not drawn else export.tool
    predicted = f", in {written.predicted} all were predicted or imported, and nobody has changed them"
    lines = [
        *(f"warning: {warning}" for warning in dict.fromkeys(written.warnings)),
        f"tool: {title}",
        f"action: {export.action}",
        f"videos: {len(written.rows)} ({first_few(list(written.rows))}), with {plural(len(tracks), 'track')}",
        f"actors: {first_few(sorted({row.actor for row in rows}), _SHOWN_CLASSES)}",
        f"actions: {first_few(sorted({row.action for row in rows}), _SHOWN_CLASSES)}",
        f"labelled frames: {written.frames}; in {drawn} a person drew a shape, in {written.interpolated} the tool drew "
        f"all of them between those{predicted if written.predicted else ''}",
    ]
    lines += describe_kept_out(written)
    if written.boxes:
        lines.append(f"boxes were filled in {plural(written.boxes, 'frame')}: the network learns rectangles from them")
    for text, tally, hint in (
        ("ignored where the action isn't known", written.without_action, _RESTING),
        ("not to be seen, as others cover it or it lies outside", written.hidden, ""),
    ):
        if tally:
            shown = [f"{track} in {plural(count, 'frame')}" for track, count in tally.most_common()]
            lines.append(f"{text}: {first_few(shown)}{hint}")
    lines += [f"note: {remark}" for remark in dict.fromkeys((*export.remarks, *written.remarks))]
    return [*lines, *describe_problems(written.problems)]


def describe_kept_out(written: Written) -> list[str]:
    """The frames that the user doesn't want, as nobody drew in them."""
    lines = []
    if written.not_drawn:
        lines.append(f"not labelled: {plural(written.not_drawn, 'frame')} in which the tool drew all shapes")
    if written.not_corrected:
        frames = plural(written.not_corrected, "frame")
        lines.append(f"not labelled: {frames} in which all shapes were predicted or imported, and nobody changed them")
    return lines


def describe_problems(problems: Sequence[str]) -> list[str]:
    """The first frames that could not be labelled, and the number of others."""
    more = len(problems) - _SHOWN_PROBLEMS
    lines = [f"left out: {problem}" for problem in problems[:_SHOWN_PROBLEMS]]
    return lines + ([f"left out: {more} more frames"] if more > 0 else [])


def write_report(folder: Path, lines: Sequence[str]) -> None:
    """Leaves a report in the folder that it is about."""
    replace_text(folder / REPORT, "\n".join(lines) + "\n")


def read_report(folder: Path) -> list[str]:
    """The report that `convert` left in a folder; none if there is no such file."""
    if not (folder / REPORT).is_file():
        return []
    with open(folder / REPORT, "rb") as file:
        text = file.read(_MOST_BYTES).decode("utf-8", errors="replace")
    return ["".join(letter for letter in line if letter.isprintable()) for line in text.splitlines()]
