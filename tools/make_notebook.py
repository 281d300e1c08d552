"""Write notebooks/ssa2d_colab.ipynb from notebooks/ssa2d_colab.py, the file to edit.

python -m tools.make_notebook [--check]    # needs the extra `test`
"""

import argparse
import sys
from pathlib import Path

import jupytext
import nbformat

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
SOURCE, NOTEBOOK = FOLDER / "ssa2d_colab.py", FOLDER / "ssa2d_colab.ipynb"


def notebook_text() -> str:
    """The notebook as JSON text, without outputs."""
    notebook = jupytext.read(SOURCE, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # the default is random
    notebook.metadata.pop("jupytext", None)
    return nbformat.writes(notebook, version=4) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only check that the notebook is up to date")
    if not parser.parse_args().check:
        NOTEBOOK.write_text(notebook_text())
    elif NOTEBOOK.read_text() != notebook_text():
        sys.exit(f"{NOTEBOOK} differs from its source {SOURCE}; run python -m tools.make_notebook")


if __name__ == "__main__":
    main()
