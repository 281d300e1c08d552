"""The trained networks that come with the package, by name. Nothing heavy is imported here."""

from pathlib import Path

from ssa2d_jax.utils.errors import InputError

SPRITES = "sprites"
DEFAULT = SPRITES  # what labels a video where no run is named
_FILES = {SPRITES: Path(__file__).with_name("sprites.safetensors")}


def find_run(run: str | Path | None = None) -> Path:
    """The place of a run that a user names: a path, or the name of weights that come with the package.

    None is `DEFAULT`, whatever lies in the current folder. A name that was given is a path first, if there is a run:
    a file, or a folder with a config.json.

    Raises:
        InputError: the package lacks the file of the weights.
    """
    if run is None:
        return _shipped_file(DEFAULT)
    path = Path(run)
    if str(run) not in _FILES or path.is_file() or (path / "config.json").is_file():
        return path
    return _shipped_file(str(run))


def shipped_name(path: Path) -> str | None:
    """The name of the weights in `path`, or None if they do not come with the package."""
    return next((name for name, file in _FILES.items() if file == path), None)


def _shipped_file(name: str) -> Path:
    file = _FILES[name]
    if not file.is_file():
        raise InputError(
            f"{file} is missing; the weights {name!r} come with the package: install it again (in a checkout: "
            "git checkout that file), or name another run"
        )
    return file
