"""The formats of labelling tools that predictions are written in: their names, and how they mark predictions."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from ssa2d_jax.utils.text import did_you_mean

EXPORT_FORMATS = {"cvat": "CVAT for video 1.1", "coco": "COCO 1.0", "youtube_vis": "YouTube-VIS", "labelme": "labelme"}
CVAT_ACTION, CVAT_TRACK = "action", "track_id"  # attributes in CVAT
CVAT_MARK = "predicted"  # the attribute in CVAT that has `mark_cvat`
CONTRIBUTOR = "ssa2d_jax predict"  # of COCO's files
LABELME_MARK = "predicted"  # the field of a shape of labelme that has `mark_labelme`
LABELME_VIDEO = "video"  # the field of a file of labelme that has the name of the video's file
EXPORT_SHAPES = ("masks", "polygons")
FORMATS_RULE = f"'' (none), or one or more of {', '.join(EXPORT_FORMATS)} with commas between, each once"


def split_formats(text: str) -> tuple[str, ...]:
    """The names in a text like "cvat,coco", in small letters, unchecked; none if it is empty."""
    return tuple(name.strip().lower() for name in text.split(",")) if text.strip() else ()


def are_formats(text: str) -> bool:
    """Whether `text` names different formats with commas between, or none."""
    names = split_formats(text)
    return set(names) <= set(EXPORT_FORMATS) and len(set(names)) == len(names)


def unknown_format(text: str) -> str:
    """A hint at what is wrong with the names in a text: "; did you mean 'coco'?" or ""."""
    unknown = [name for name in split_formats(text) if name not in EXPORT_FORMATS]
    return did_you_mean(unknown[0], EXPORT_FORMATS) if unknown else ""


def mark_cvat(attributes: Mapping[str, str]) -> str:
    """Eight hex digits that change with a shape's action, its ticked boxes and its track.

    CVAT itself notes in `source` that a person has changed a shape or its label, but not that of an attribute.
    """
    values = {name.strip(): value.strip() for name, value in attributes.items() if name != CVAT_MARK}
    shown = sorted(
        (name, value) for name, value in values.items() if name in (CVAT_ACTION, CVAT_TRACK) or value == "true"
    )
    return f"{zlib.crc32(json.dumps(shown).encode()):08x}"


def mark_labelme(shape: Mapping[str, Any], mask: Bool[np.ndarray, "h w"] | None) -> str:
    """Eight hex digits that change with everything that a person can change in a shape of labelme.

    Args:
        shape: as in its file.
        mask: its mask, which labelme encodes anew.
    """
    flags = shape["flags"] if isinstance(shape.get("flags"), Mapping) else {}
    content = [
        shape.get("label"),
        shape.get("shape_type"),
        shape.get("group_id"),
        shape.get("description") or "",
        sorted(name for name, is_set in flags.items() if is_set is True),
        [[round(float(number), 3) for number in point] for point in shape.get("points", ())],
    ]
    value = zlib.crc32(json.dumps(content).encode())
    return f"{value if mask is None else zlib.crc32(np.packbits(mask).tobytes(), value):08x}"
