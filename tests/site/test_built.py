"""The built files: the same pages twice, no broken link, no raw formula, nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from minillama.book.contents import read_contents
from minillama.book.notebooks import ROOT

from .built_html import broken_link, read

pytestmark = pytest.mark.site

RAW_FORMULA = re.compile(r"\$\S[^$\n]*\$|\$\$|\\\(|\\\[")


def test_the_committed_navigation_is_the_generated_one(project):
    assert (project / "mkdocs.yml").read_text() == (ROOT / "mkdocs.yml").read_text(), (
        "run `make book`, commit mkdocs.yml"
    )


def test_both_builders_make_the_same_pages(sites):
    assert sites["mkdocs"].pages() == sites["zensical"].pages()
    assert "No issues found" in sites["zensical"].log


def test_every_written_chapter_has_its_page(site):
    for part in read_contents():
        assert (site.folder / "chapters" / f"part_{part.number}" / "index.html").is_file()
        for chapter in part.chapters:
            assert (site.folder / "chapters" / f"{chapter.slug}.html").is_file() == chapter.written


def test_no_link_is_broken(site):
    broken = {}
    for name in site.pages():
        page = site.folder / name
        if name.name == "404.html":  # its links begin at the root of wherever the site is put
            continue
        for link in read(page).links:
            if fault := broken_link(page, link, site.folder):
                broken[f"{name} -> {link}"] = fault
    assert broken == {}


def test_every_picture_has_alt_text_and_a_size(site):
    for name in site.pages():
        for image in read(site.folder / name).images:
            if "figure" in (image.get("class") or ""):
                assert len(image["alt"]) > 40, name
                assert {"width", "height"} <= set(image), name


def test_formulas_are_rendered(site):
    total = 0
    for name in site.pages():
        page = read(site.folder / name)
        total += page.formulas
        assert RAW_FORMULA.findall(" ".join(page.text)) == [], name
    sources = "".join(path.read_text() for path in (ROOT / "chapters").glob("[0-9]*.py"))
    assert total >= sources.count("$$") // 2


def test_pages_name_no_other_server_but_in_links_to_read(site):
    loads = re.compile(r"""<(?:script|img|iframe|link(?! rel="canonical"))[^>]*(?:src|href)=["']?https?:""")
    for name in site.pages():
        assert loads.findall((site.folder / name).read_text(encoding="utf-8")) == [], name
    styles = "".join(path.read_text() for path in site.folder.rglob("*.css"))
    assert re.findall(r"url\(\s*[\"']?(?:https?:)?//", styles) == []


def test_downloads_are_the_chapters_own_files(site):
    for path in (site.folder / "chapters" / "files").iterdir():
        assert path.read_bytes() == (ROOT / "chapters" / path.name).read_bytes()
