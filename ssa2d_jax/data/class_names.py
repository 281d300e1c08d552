"""Names of classes: how they are spelled, and which are allowed. No framework in here."""

import unicodedata

LONGEST = 100  # characters
CLASS_NAME_RULE = (
    f"a class name is printable text of at most {LONGEST} characters with a letter, digit or symbol, and is not "
    "'background'"
)
JOINERS = "\u200c\u200d"  # invisible, but Persian, Hindi and other scripts are spelled with them
_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060"  # byte order mark, zero-width space, marks of direction, word joiner


def clean_name(text: str) -> str:
    """`text` in the one spelling that names have here.

    Letters with marks are single characters where Unicode has them (NFC: a Mac writes them as several), every space is
    a plain one, and there are none at the ends.
    """
    spaces = "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)
    return unicodedata.normalize("NFC", spaces.strip(" \t\r\n" + _INVISIBLE))


def is_class_name(name: str) -> bool:
    """Whether an actor or action may have this name, after `clean_name`; see CLASS_NAME_RULE."""
    kinds = {unicodedata.category(character)[0] for character in name}
    return (
        0 < len(name) <= LONGEST
        and name != "background"
        and all(character.isprintable() or character in JOINERS for character in name)
        and bool(kinds & {"L", "N", "S"})
        and unicodedata.category(name[0])[0] != "M"  # a mark without a letter
    )
