"""Reads one annotation of YouTube-VIS's JSON: its actor, its masks, and what it does when."""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

from input_pipeline.releases.json_fields import Entry, read_field, shorten, whole_number
from ssa2d_jax.data.class_names import CLASS_NAME_RULE, clean_name, is_class_name
from ssa2d_jax.utils.errors import InputError
from ssa2d_jax.utils.text import plural


class Span(NamedTuple):
    """An action from frame `first` to `last`."""

    action: str
    first: int
    last: int


class Masks(NamedTuple):
    """Frame numbers, and for each its run lengths, not checked yet, or None."""

    frames: list[int]
    run_lengths: list[object]


def read_id(entry: Entry, key: str) -> str:
    """An id, which may be a whole number or a text, as a text: files mix 1, 1.0 and "1".

    Raises:
        InputError: It is missing, or of another type.
    """
    value = entry.get(key)
    number = whole_number(value)
    if number is None and not (isinstance(value, str) and value):
        found = shorten(value) if key in entry else "missing"
        raise InputError(f"{key} is {found}; expected a whole number or a text")
    return str(value if number is None else number)


def read_crowd(entry: Entry) -> bool:
    """Whether an annotation is a crowd."""
    crowd = entry.get("iscrowd")
    if crowd not in (None, 0, 1):
        raise InputError(f"iscrowd is {shorten(crowd)}; allowed: 0 or 1")
    return bool(crowd)


def read_actor(entry: Entry, categories: Mapping[str, Entry]) -> str:
    """The actor of an annotation: the name of its category."""
    key, shown = read_id(entry, "category_id"), shorten(entry["category_id"])
    if key not in categories:
        raise InputError(f"category_id is {shown}, but no category has that id; add it to categories")
    name = categories[key].get("name")
    if not isinstance(name, str) or not is_class_name(clean_name(name)):
        raise InputError(f"the name of its category {shown} is {shorten(name)}; {CLASS_NAME_RULE}")
    written = entry.get("category")
    if written is not None and (not isinstance(written, str) or clean_name(written) != clean_name(name)):
        raise InputError(f"category is {shorten(written)}, but category_id {shown} is {name!r}")
    return clean_name(name)


def read_masks(entry: Entry, video: str, length: int) -> Masks:
    """The masks of an annotation in a video of `length` frames."""
    masks = [_only_element(mask) for mask in read_field(entry, "segmentations", list)]
    if entry.get("frames") is None:
        if len(masks) != length:
            frames = plural(length, "frame")
            raise InputError(f"has {plural(len(masks), 'segmentation')}, but video {video} has {frames}")
        return Masks(list(range(length)), masks)
    numbers = [whole_number(number) for number in read_field(entry, "frames", list)]
    frames_read = [number for number in numbers if number is not None and 0 <= number < length]
    ascending = all(number < following for number, following in itertools.pairwise(frames_read))
    if len(frames_read) < len(numbers) or not ascending:
        raise InputError(f"frames must be ascending numbers from 0 to {length - 1}")
    if len(masks) != len(frames_read):
        raise InputError(f"has {plural(len(masks), 'segmentation')}, but {plural(len(frames_read), 'frame')}")
    return Masks(frames_read, masks)


def _only_element(mask: object) -> object:
    """The run lengths in a list of one element, as some programs write them; anything else unchanged."""
    is_alone = isinstance(mask, list) and len(mask) == 1 and (mask[0] is None or isinstance(mask[0], dict))
    return mask[0] if is_alone and isinstance(mask, list) else mask


def read_actions(entry: Entry, masks: Masks, length: int) -> tuple[list[Span], set[int]]:
    """What an annotation does when, and the frames that have null for an action."""
    action, actions = entry.get("action"), entry.get("actions")
    if action is not None and actions is not None:
        raise InputError("has both action and actions; keep one of them")
    if actions is not None:
        return [_read_span(i, span, length) for i, span in enumerate(read_field(entry, "actions", list))], set()
    if action is None:
        raise InputError("action is missing; expected a text, or a list with a text or null for every frame")
    if not isinstance(action, list):
        return [Span(_read_action("action", action), 0, length - 1)], set()
    if len(action) != len(masks.frames):
        raise InputError(f"has {plural(len(action), 'action')}, but {plural(len(masks.frames), 'segmentation')}")
    names = [None if name is None else _read_action(f"action[{i}]", name) for i, name in enumerate(action)]
    in_frames = zip(masks.frames, names, masks.run_lengths, strict=True)
    masked = [(frame, name) for frame, name, mask in in_frames if mask is not None]
    spans = []
    for name, group in itertools.groupby(masked, lambda pair: pair[1]):
        numbers = [frame for frame, _ in group]
        if name is not None:
            spans.append(Span(name, numbers[0], numbers[-1]))
    return spans, {frame for frame, name in masked if name is None}


def _read_action(place: str, name: object) -> str:
    if not isinstance(name, str) or not is_class_name(clean_name(name)):
        raise InputError(f"{place} is {shorten(name)}; {CLASS_NAME_RULE}")
    return clean_name(name)


def _read_span(i: int, span: object, length: int) -> Span:
    values = span if isinstance(span, dict) else {}
    first, last = whole_number(values.get("first")), whole_number(values.get("last"))
    if first is None or last is None or not 0 <= first <= last < length:
        expected = f'{{"action", "first", "last"}} with frames from 0 to {length - 1}'
        raise InputError(f"actions[{i}] is {shorten(span)}; expected {expected}")
    if values.get("action") is None:
        raise InputError(f"actions[{i}] has no action")
    return Span(_read_action(f"actions[{i}]", values["action"]), first, last)
