"""The rules that every chapter keeps: its pair, its tags, its figures, its Markdown, its anatomy."""

from __future__ import annotations

import re

import pytest

from minillama.book import notebooks, pairing
from minillama.book.contents import read_contents

SOURCES = notebooks.chapter_sources()
IGNORED_AT_MOST = 0.2  # of the code cells may print what depends on the machine
KNOWN_TAGS = {"figure", "hide", "nbval-ignore-output", "raises-exception"}
LAST_SECTIONS = ["Exercises", "What you can now do", "References"]
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def prose(path):
    """The text of all Markdown cells, without code fences and code within a line."""
    cells = [cell.source for cell in notebooks.read_source(path).cells if cell.cell_type == "markdown"]
    return re.sub(r"`[^`\n]+`", "`code`", FENCED.sub("", "\n\n".join(cells)))


def code_cells(path):
    return [cell for cell in notebooks.read_source(path).cells if cell.cell_type == "code"]


def test_the_notebook_is_the_source_executed(path):
    assert pairing.faults(path) == []


def test_tags_are_known_and_few_outputs_go_unchecked(path):
    tags = [set(cell.metadata.get("tags", [])) for cell in code_cells(path)]
    assert set().union(*tags) <= KNOWN_TAGS
    ignored = sum("nbval-ignore-output" in one for one in tags)
    assert ignored <= IGNORED_AT_MOST * len(tags), f"{ignored} of {len(tags)} code cells are not compared"


def test_every_figure_is_one_picture_with_alt_text(path):
    built = notebooks.read_built(path.with_suffix(".ipynb"))
    for cell in built.cells:
        pictures = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
        if not pictures:
            assert "alt" not in cell.metadata, f"{cell.id}: alt text and no figure"
            continue
        assert len(pictures) == 1, (
            f"{cell.id}: {len(pictures)} pictures; is the figure returned by the last line?"
        )
        assert "figure" in cell.metadata.get("tags", []), f"{cell.id}: tag it `figure`"
        assert len(cell.metadata.get("alt", "").split()) >= 8, f"{cell.id}: describe what the figure shows"
        kinds = [output.output_type for output in cell.outputs]
        assert "execute_result" not in kinds, f"{cell.id}: the last line's value is printed above the figure"


def test_one_title_with_the_number_of_the_file(path):
    chapter = next(one for part in read_contents() for one in part.chapters if one.slug == path.stem)
    titles = re.findall(r"^# (.*)$", prose(path), re.MULTILINE)
    assert titles == [f"{chapter.number} · {chapter.title}"]


def test_anatomy(path):
    text = prose(path)
    assert "**Question.**" in text
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[-3:] == LAST_SECTIONS
    assert any("real LLaMA" in heading for heading in headings)


def test_markdown_reads_the_same_in_jupyter_and_on_the_site(path):
    text = prose(path)
    for line, before in zip(text.splitlines()[1:], text.splitlines(), strict=False):
        if re.match(r"([-*]|\d+\.) ", line) and before.strip():
            assert re.match(r"([-*]|\d+\.) |  ", before), (
                f"an empty line is missing before the list: {line!r}"
            )
        if line.startswith("|") and before.strip():
            assert before.startswith("|"), f"an empty line is missing before the table: {line!r}"
        assert not re.match(r" {1,3}([-*]|\d+\.) ", line), (
            f"indent lists within lists by four spaces: {line!r}"
        )
    for block in re.split(r"\n\s*\n", text):
        if "$$" in block:
            assert re.fullmatch(r"\s*\$\$.*\$\$\s*", block, re.DOTALL), (
                f"a paragraph of its own for: {block!r}"
            )
            assert block.count("$$") == 2, f"one formula a paragraph: {block!r}"
    assert not re.findall(r"^#.*\$.*$", text, re.MULTILINE), (
        "no formulas in headings: they become part of addresses"
    )


def test_no_machine_and_no_clock_in_the_source(path):
    source = path.read_text(encoding="utf-8")
    assert not re.findall(r"/(?:home|Users|work|tmp)/\w+", source)
    assert not re.findall(r"https?://(?:localhost|127\.)", source)
