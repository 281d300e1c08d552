"""Writes ssa2d_colab.ipynb from notebook/ssa2d_colab.py, which is what is edited.

python -m tools.make_notebook [--check]    # needs requirements-test.txt
"""

import argparse
import sys
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parent.parent

SOURCE, NOTEBOOK = ROOT / "notebooks" / "ssa2d_colab.py", ROOT / "notebooks" / "ssa2d_colab.ipynb"


def notebook() -> str:
    """The notebook's text, without outputs."""
    made = jupytext.read(SOURCE, fmt="py:percent")
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number}"  # random otherwise
    made.metadata.pop("jupytext", None)
    return nbformat.writes(made, version=4) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the notebook is not the source's")
    if not parser.parse_args().check:
        NOTEBOOK.write_text(notebook())
    elif NOTEBOOK.read_text() != notebook():
        sys.exit(f"{NOTEBOOK} is not what {SOURCE} gives; run python -m tools.make_notebook")


if __name__ == "__main__":
    main()
