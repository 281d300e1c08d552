"""Which way of reading videos shards were built with: the fingerprint of a release doesn't tell."""

from pathlib import Path

from ssa2d_jax.utils import commands
from ssa2d_jax.utils.files import replace_text
from ssa2d_jax.utils.progress import log

VERSION = 2  # raise it when frames of some videos become others, and say in _CHANGES of which
_FILE = "video_reader.txt"  # in the folder of the shards; those of version 1 have none
_CHANGES = {
    2: "interlaced, HDR or untagged HD, have pixels that aren't square, damaged places or an orientation in the stream",
}  # by the version that brought them: videos that ...


def note_version(shards: Path) -> None:
    """Notes beside shards that this version built them."""
    replace_text(shards / _FILE, f"{VERSION}\n")


def warn_of_earlier(shards: Path) -> None:
    """Logs which videos are read otherwise now, if an earlier version built these shards. They stay usable."""
    version = _read_version(shards)
    changes = [change for number, change in _CHANGES.items() if number > version]
    if changes:
        log(
            f"warning: {shards}: built by an earlier version; videos that are {'; '.join(changes)} are read otherwise "
            f"now, by predict, too. If yours are: delete the folder and build it again with {commands.short('prepare')}"
        )


def _read_version(shards: Path) -> int:
    try:
        return int((shards / _FILE).read_text())
    except (OSError, ValueError):
        return 1
