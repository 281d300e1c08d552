"""Where the configs of a checkout are, whatever the current folder: beside the package that is running."""

import importlib.util
import sys
from pathlib import Path

import ssa2d_jax


def add_checkout() -> Path | None:
    """Makes the `configs` package of the checkout importable and returns its folder; None without a checkout.

    The command `ssa2d` of an editable installation knows the packages alone, not the configs beside them.
    """
    root = Path(ssa2d_jax.__file__).resolve().parents[1]
    if (root / "configs" / "default.py").is_file():
        if importlib.util.find_spec("configs") is None:
            sys.path.append(str(root))
        return root
    return None


def find_config(path: Path) -> Path:
    """The config file `path`; one that isn't there is looked up in the checkout: configs/sprites.py from anywhere."""
    root = add_checkout()
    if path.is_file() or root is None or path.is_absolute():
        return path
    return root / path if (root / path).is_file() else path
