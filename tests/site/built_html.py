"""What a built page holds: its ids, its links, its pictures, its text outside code."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

NO_TEXT = {"code", "pre", "script", "style", "annotation", "samp", "svg"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Page:
    """One page."""

    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    images: list[dict[str, str]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    formulas: int = 0


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.silent = 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in NO_TEXT and tag not in VOID:
            self.silent += 1
        if "id" in given:
            self.page.ids.add(given["id"])
        self.page.links += [given[name] for name in ("href", "src") if given.get(name)]
        if tag == "img":
            self.page.images.append(given)
        if given.get("class") == "katex":
            self.page.formulas += 1

    def handle_endtag(self, tag):
        if tag in NO_TEXT:
            self.silent -= 1

    def handle_data(self, data):
        if not self.silent:
            self.page.text.append(data)


@cache
def read(path: Path) -> Page:
    """Return what a page holds."""
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def broken_link(page: Path, link: str, folder: Path) -> str | None:
    """Say what is wrong with a link of a page, if it leads within the site; an anchor must exist."""
    address = urlsplit(link)
    if address.scheme or address.netloc:
        return None
    target = (page.parent / unquote(address.path)).resolve() if address.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(folder.resolve()):
        return "leads out of the site"
    if not target.is_file():
        return "no such file"
    if address.fragment and target.suffix == ".html" and unquote(address.fragment) not in read(target).ids:
        return "no such anchor"
    return None
