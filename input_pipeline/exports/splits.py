"""Whether a name of a tool's subset, or of its file, means the train or the test split."""

import re

_NAMES = {
    "train": ("train", "training"),
    "test": ("test", "testing", "val", "valid", "validation"),
}


def split_of(name: str) -> str:
    """The split that a name means, e.g. instances_val.json; "" if it means neither, or both."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    found = [split for split, names in _NAMES.items() if words & set(names)]
    return found[0] if len(found) == 1 else ""
