"""Check a folder of HTML pages: links and pictures between them exist, and no element of a page names another host.

It reads href and src of a, img, link, script, source and video, and the place after #. It doesn't read what style
sheets and scripts fetch, and doesn't follow links to other hosts.

python -m tools.check_site docs/_build/html
"""

import argparse
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LINKS = {"a": "href", "img": "src", "link": "href", "script": "src", "source": "src", "video": "src"}


class _Page(HTMLParser):
    """The links of a page, each with its element, and the places that links can name."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.places = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.places |= {value for value in (values.get("id"), values.get("name")) if value}
        link = values.get(_LINKS.get(tag, ""))
        if link:
            self.links.append((tag, link))


def find_problems(folder: Path) -> list[str]:
    """A line for every link in the folder's pages that leads nowhere, and for what is fetched from elsewhere."""
    pages = {path.resolve(): _Page(path) for path in sorted(folder.rglob("*.html"))}
    if not pages:
        return [f"{folder}: no HTML page in this folder; make docs writes them to docs/_build/html"]
    problems = []
    for path, page in pages.items():
        for tag, link in page.links:
            problem = _problem(path, tag, link, pages)
            if problem:
                problems.append(f"{path.relative_to(folder.resolve())}: {link}: {problem}")
    return problems


def _problem(path: Path, tag: str, link: str, pages: dict[Path, _Page]) -> str:
    """What is wrong with a link; "" for nothing."""
    parts = urlsplit(link)
    if parts.scheme == "data" or (tag == "a" and (parts.scheme or parts.netloc)):
        return ""
    if parts.scheme or parts.netloc:
        return "is fetched from elsewhere, so the page doesn't work from disk"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "no such file"
    if target in pages and unquote(parts.fragment) not in pages[target].places:
        return f"the page has no place {parts.fragment!r}"
    return ""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(words).folder
    problems = find_problems(folder)
    if problems:
        sys.exit("\n".join(problems))
    print(f"{folder}: all links lead somewhere")


if __name__ == "__main__":
    main()
