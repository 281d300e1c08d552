"""The documentation site: `make docs` builds it with Sphinx from the Markdown files here and the docstrings."""

import inspect
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import ssa2d_jax  # noqa: E402

project = "ssa2d_jax"
author = "The ssa2d_jax authors"
version = release = ssa2d_jax.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_copy_source = False
myst_heading_anchors = 4  # links to headings, as code hosts name them
suppress_warnings = ["myst.header"]  # the README begins inside the first page
default_role = "code"
highlight_language = "none"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_use_ivar = True

# Documents outside this folder, and what links to them become: pages of the site that include them, or a file.
_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "../LICENSE",
}


# Classes that one makes by calling them; the others come from methods, and their constructors are of no interest.
_CALLED = {"ssa2d_jax.inference.predict.PredictOptions"}


def setup(app: Sphinx) -> None:
    app.connect("source-read", lambda app, page, content: _link_pages(content))
    app.connect("include-read", lambda app, path, page, content: _link_pages(content))
    app.connect("autodoc-process-docstring", _keep_properties, priority=600)  # after Napoleon, at 500
    app.connect("autodoc-process-signature", _hide_constructor)


def _link_pages(content: list[str]) -> None:
    """Makes links to the documents in _PAGES links to their pages."""
    for name, page in _PAGES.items():
        content[0] = re.sub(rf"\]\((?:\.\./)?{re.escape(name)}", f"]({page}", content[0])


def _keep_properties(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Takes back what Napoleon makes of a property: it reads "A: b." as a type A and a description b."""
    if what == "property":
        lines[:] = [*inspect.cleandoc(value.__doc__ or "").splitlines(), ""]


def _hide_constructor(
    app: Sphinx, what: str, name: str, value: object, options: object, signature: str | None, annotation: str
) -> tuple[str, str] | None:
    return ("", "") if what == "class" and signature and name not in _CALLED else None
