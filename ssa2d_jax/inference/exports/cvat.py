"""CVAT's XML, version 1.1, and the labels to create a task with; see https://docs.cvat.ai/docs/dataset_management.

Polygons are tracks with key frames ("CVAT for video"). Masks are shapes of single frames ("CVAT for images", which a
video's task takes as well): CVAT has no mask tracks, and of a track with masks its importer keeps the first mask alone.
What belongs together is said by `group_id`, and by the attribute `track_id`, which can be read and set in the tool.
The attribute `predicted` marks a shape as a prediction by a checksum, which is right until its action is corrected.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from jaxtyping import Bool

from ssa2d_jax.data.export_formats import CVAT_ACTION as ACTION
from ssa2d_jax.data.export_formats import CVAT_MARK as MARK
from ssa2d_jax.data.export_formats import CVAT_TRACK as TRACK
from ssa2d_jax.data.export_formats import mark_cvat
from ssa2d_jax.data.palette import distinct_colours
from ssa2d_jax.inference.exports.clip import Clip, ClipTrack
from ssa2d_jax.inference.exports.options import ExportOptions
from ssa2d_jax.inference.exports.polygons import key_frames, polygon_iou, track_polygons
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural

CVAT_XML, CVAT_LABELS = "cvat.xml", "cvat_labels.json"
UNDEFINED = "__undefined__"  # CVAT's word for an attribute without a value: no action
_LONGEST_NAME, _LONGEST_VALUES = 64, 4096  # characters of a label's or attribute's name, and of all values of one


def cvat_run_lengths(crop: Bool[np.ndarray, "height width"]) -> list[int]:
    """CVAT's run lengths of a mask in its box: row by row, first the number of pixels outside the mask."""
    flat = crop.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return [0, *runs] if flat[0] else runs


def check_cvat_names(actors: tuple[str, ...], actions: tuple[str, ...], *, multilabel: bool) -> None:
    """Raises InputError for names that CVAT would shorten, confuse or refuse."""
    attributes = actions if multilabel else (ACTION,)
    for name in (*actors, *attributes):
        if len(name) > _LONGEST_NAME:
            raise InputError(f"cvat: the name {name!r} has {len(name)} characters; CVAT keeps {_LONGEST_NAME}")
    for kind, names in (("actor", actors), ("action", actions)):
        seen = dict[str, str]()
        for name in names:
            other = seen.setdefault(name.strip(), name)
            if other != name:
                raise InputError(f"cvat: the {kind} names {other!r} and {name!r} are one name in CVAT")
    for taken in (TRACK, MARK) if multilabel else (UNDEFINED,):
        if taken in actions:
            raise InputError(f"cvat: an action is named {taken!r}, which has another meaning there; rename the action")
    if not multilabel and len("\n".join((*actions, UNDEFINED))) > _LONGEST_VALUES:
        raise InputError(f"cvat: the names of the actions have more than {_LONGEST_VALUES} characters, CVAT's limit")


def write_cvat(clip: Clip, folder: Path, options: ExportOptions) -> list[str]:
    """Writes cvat.xml and cvat_labels.json into `folder`; returns remarks on what they don't hold."""
    labels = _labels(clip)
    (folder / CVAT_LABELS).write_text(json.dumps(labels, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with open(folder / CVAT_XML, "w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
        _write_meta(file, clip, labels, "interpolation" if clip.pictures is None else "annotation")
        if options.shapes == "polygons":
            remarks = _write_tracks(file, clip, options.iou)
        else:
            remarks = _write_images(file, clip, options.step)
        file.write("</annotations>\n")
    return remarks


def _labels(clip: Clip) -> list[dict[str, object]]:
    """The labels as CVAT's "Raw" editor takes them: an actor is a label, the action a mutable attribute."""
    text = {"input_type": "text", "values": [""], "default_value": ""}
    own = [{"name": TRACK, "mutable": False, **text}, {"name": MARK, "mutable": True, **text}]
    if clip.multilabel:
        values = ["false"]
        attributes = [
            {"name": name, "input_type": "checkbox", "mutable": True, "values": values, "default_value": "false"}
            for name in clip.actions
        ]
    else:
        names = [*clip.actions, UNDEFINED]
        attributes = [
            {"name": ACTION, "input_type": "select", "mutable": True, "values": names, "default_value": UNDEFINED}
        ]
    colours = distinct_colours(len(clip.actors))
    return [
        {
            "name": name,
            "color": "#{:02x}{:02x}{:02x}".format(*colour),
            "type": "any",
            "attributes": [*attributes, *own],
        }
        for name, colour in zip(clip.actors, colours, strict=True)
    ]


def _write_meta(file: TextIO, clip: Clip, labels: list[dict[str, object]], mode: str) -> None:
    """The head, which importers other than CVAT's own read the labels and the frames' size from."""
    lines = ["<meta>", "  <task>", f"    <name>{escape(_printable(clip.name))}</name>"]
    lines += [f"    <size>{clip.length}</size>", f"    <mode>{mode}</mode>", "    <overlap>0</overlap>"]
    lines += ["    <start_frame>0</start_frame>", f"    <stop_frame>{clip.length - 1}</stop_frame>"]
    lines += ["    <frame_filter></frame_filter>", "    <labels>"]
    for label in labels:
        lines += ["      <label>", f"        <name>{escape(str(label['name']))}</name>"]
        lines += [f"        <color>{label['color']}</color>", "        <type>any</type>", "        <attributes>"]
        attributes = label["attributes"]
        assert isinstance(attributes, list)
        for attribute in attributes:
            tags = {**attribute, "mutable": str(attribute["mutable"]), "values": "\n".join(attribute["values"])}
            lines += ["          <attribute>"]
            lines += [f"            <{tag}>{escape(value)}</{tag}>" for tag, value in tags.items()]
            lines += ["          </attribute>"]
        lines += ["        </attributes>", "      </label>"]
    lines += ["    </labels>", f"    <original_size><width>{clip.width}</width><height>{clip.height}</height>"]
    lines += ["    </original_size>", "  </task>", "</meta>"]
    file.write("".join(f"  {line}\n" for line in lines))


def _write_images(file: TextIO, clip: Clip, step: int) -> list[str]:
    """A mask for each track and frame."""
    for frame, shown in clip.by_frame(step):
        if not shown:
            continue
        name = clip.picture_name(frame) if clip.pictures is None else clip.pictures[frame].name
        size = f'width="{clip.width}" height="{clip.height}"'
        file.write(f'  <image id="{frame}" name={quoteattr(_printable(name))} {size}>\n')
        for track, i in shown:
            x, y, width, height = track.boxes[i]
            runs = ", ".join(map(str, cvat_run_lengths(track.crop(i))))
            file.write(
                f'    <mask label={quoteattr(track.actor)} source="auto" occluded="0" rle="{runs}" left="{x}" '
                f'top="{y}" width="{width}" height="{height}" z_order="0" group_id="{track.number}">\n'
            )
            file.writelines(_attributes(track, _values(clip, track, i, track.actions[i])))
            file.write("    </mask>\n")
        file.write("  </image>\n")
    return []


def _write_tracks(file: TextIO, clip: Clip, iou: float) -> list[str]:
    """A track of polygons for each track, the larger ones below. The remark says where a polygon can't keep `iou`."""
    frames = keys = poor = 0
    sizes = [np.mean([width * height for _, _, width, height in track.boxes]) for track in clip]
    layers = np.argsort(np.argsort(sizes)[::-1]).tolist()  # polygons have no holes: what lies in one has to be above it
    for track, layer in zip(clip, layers, strict=True):
        shapes = track_polygons(track, iou)
        polygons, chosen = shapes.polygons, key_frames(track, shapes)
        poor += sum(polygon_iou(polygons[i], track.masks[i]) < iou for i in chosen)
        frames, keys = frames + len(track.frames), keys + len(chosen)
        done = tuple(name for name in clip.actions if any(name in names for names in track.actions))
        file.write(f'  <track id="{track.number}" label={quoteattr(track.actor)} source="auto">\n')
        for place, i in enumerate(chosen):
            values = _values(clip, track, i, done)
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in polygons[i].tolist())
            file.writelines(_polygon(track, track.frames[i], layer, points, values, outside=False))
            following = track.frames[chosen[place + 1]] if place + 1 < len(chosen) else clip.length
            is_last = place + 1 == len(chosen)
            if following > track.frames[i] + 1 and (is_last or chosen[place + 1] == i + 1):  # hidden until then
                file.writelines(_polygon(track, track.frames[i] + 1, layer, points, values, outside=True))
        file.write("  </track>\n")
    remarks = [f"{plural(keys, 'key frame')} for {plural(frames, 'mask')}"]
    if poor:
        remarks.append(
            f"{plural(poor, 'polygon')} have an IoU below {iou:g} with the mask (holes, several parts or thin ones, "
            "which masks keep)"
        )
    return remarks


def _polygon(
    track: ClipTrack, frame: int, layer: int, points: str, values: Mapping[str, str], *, outside: bool
) -> Iterator[str]:
    yield (
        f'    <polygon frame="{frame}" outside="{int(outside)}" occluded="0" keyframe="1" points="{points}" '
        f'z_order="{layer}">\n'
    )
    yield from _attributes(track, values)
    yield "    </polygon>\n"


def _values(clip: Clip, track: ClipTrack, i: int, done: tuple[str, ...]) -> dict[str, str]:
    """The attributes that say what a track does in the `i`-th of its frames.

    Multi-label: a box to tick for each action in `done`; those of the others keep CVAT's default, unticked.
    """
    if clip.multilabel:
        return {name: "true" if name in track.actions[i] else "false" for name in done}
    return {ACTION: track.actions[i][0] if track.actions[i] else UNDEFINED}


def _attributes(track: ClipTrack, values: Mapping[str, str]) -> Iterator[str]:
    whole = {**values, TRACK: str(track.number)}
    for name, value in {**whole, MARK: mark_cvat(whole)}.items():
        yield f"      <attribute name={quoteattr(name)}>{escape(value)}</attribute>\n"


def _printable(text: str) -> str:
    """The name of a file, with what XML can't hold replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
