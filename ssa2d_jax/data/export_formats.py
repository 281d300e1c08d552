"""The formats of labelling tools that predictions are written in: their names and titles."""

EXPORT_FORMATS = {"cvat": "CVAT for video 1.1", "coco": "COCO 1.0", "youtube_vis": "YouTube-VIS", "labelme": "labelme"}
CONTRIBUTOR = "ssa2d_jax predict"  # what the files say who drew them, so that their shapes are known as predictions
EXPORT_SHAPES = ("masks", "polygons")
FORMATS_RULE = f"'' (none), or one or more of {', '.join(EXPORT_FORMATS)} with commas between, each once"


def split_formats(text: str) -> tuple[str, ...]:
    """The names in a text like "cvat,coco", unchecked; none if it is empty."""
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def are_formats(text: str) -> bool:
    """Whether `text` names different formats with commas between, or none."""
    names = split_formats(text)
    return set(names) <= set(EXPORT_FORMATS) and len(set(names)) == len(names)
