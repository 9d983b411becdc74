"""Generated pages: contents, parts, exercises, the navigation; minutes counted as the pages say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from minillama import kernels
from minillama.book import pages
from minillama.book.contents import read_contents
from minillama.book.exercise_pages import exercise_list_page, exercise_page
from minillama.book.exercises import all_exercises
from minillama.book.notebooks import ROOT, chapter_sources


@pytest.fixture(scope="module")
def parts():
    return read_contents()


@pytest.fixture(scope="module")
def exercises():
    return all_exercises()


def test_contents_are_numbered_without_gaps(parts):
    chapters = [chapter for part in parts for chapter in part.chapters]
    assert [chapter.number for chapter in chapters] == [f"{n:02d}" for n in range(1, 36)]
    assert {path.stem for path in chapter_sources()} <= {chapter.slug for chapter in chapters}


def test_every_exercise_belongs_to_a_chapter(parts, exercises):
    slugs = {chapter.slug for part in parts for chapter in part.chapters}
    assert {exercise.chapter for exercise in exercises} <= slugs


def test_planned_chapters_have_no_link(parts):
    planned = replace(parts[1], chapters=tuple(replace(one, written=False) for one in parts[1].chapters))
    page = pages.part_page(planned, [])
    assert page.count("planned</p>") == len(planned.chapters)
    assert all(f"{chapter.slug}.md" not in page for chapter in planned.chapters)
    assert f"{planned.chapters[0].slug}.md" not in pages.contents_page([planned], [])


def test_minutes_count_words_and_visible_cells():
    visible = [new_code_cell("x") for _ in range(7)]
    hidden = [new_code_cell("x", metadata={"tags": ["hide"]}) for _ in range(50)]
    notebook = new_notebook(cells=[new_markdown_cell("word " * 1000), *visible, *hidden])
    assert pages.minutes_of(notebook) == 15  # 1000 / 200 + 7 = 12, rounded up to five


def test_an_exercise_page_has_everything_and_hides_the_answer(parts, exercises):
    exercise = exercises[0]
    page = exercise_page(exercise, parts[0].chapters[0])
    assert page.count("??? tip") == 3
    assert page.index("## If you are stuck") < page.index("Hint 1") < page.index("Solution")
    solution = exercise.solution_source().strip().splitlines()[-1]
    assert f"    {solution}" in page.partition('??? success "Solution"')[2]
    assert solution not in page.partition("## If you are stuck")[0]
    assert f"minillama exercise start {exercise.id}" in page


def test_all_exercises_are_listed_and_in_the_navigation(parts, exercises):
    chapters = {chapter.slug: chapter for part in parts for chapter in part.chapters}
    listed = exercise_list_page(exercises, chapters)
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = yaml.safe_load(pages.with_navigation(config, parts, exercises))["nav"]
    text = str(nav)
    for exercise in exercises:
        assert f"({exercise.slug}.md)" in listed
        assert f"'exercises/{exercise.slug}.md'" in text
    for part in parts:
        assert f"'chapters/{part.page}'" in text


def test_the_navigation_is_written_in_place(parts, exercises):
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    once = pages.with_navigation(config, parts, exercises)
    assert pages.with_navigation(once, parts, exercises) == once
    assert once.partition(pages.NAV_BEGIN)[0] == config.partition(pages.NAV_BEGIN)[0]
    assert once.partition(pages.NAV_END)[2] == config.partition(pages.NAV_END)[2]
    with pytest.raises(ValueError, match="lacks a marker"):
        pages.with_navigation("nav: []\n", parts, exercises)


def test_pages_are_written_and_old_ones_removed(tmp_path):
    docs, config = tmp_path / "docs", tmp_path / "mkdocs.yml"
    config.write_text(f"nav:\n{pages.NAV_BEGIN}{pages.NAV_END}", encoding="utf-8")
    (docs / "chapters").mkdir(parents=True)
    (docs / "chapters" / "99_gone.md").write_text("old", encoding="utf-8")
    written = pages.write_pages(docs, config)
    assert not (docs / "chapters" / "99_gone.md").exists()
    assert all(path.is_file() for path in written)
    pictures = {path.name for path in (docs / "chapters" / "figures").iterdir()}
    shown = {
        name
        for page in (docs / "chapters").glob("*.md")
        for name in re.findall(r"figures/(\w+\.png)", page.read_text())
    }
    assert pictures == shown
    before = {path: path.stat().st_mtime_ns for path in written}
    assert pages.write_pages(docs, config) == written
    assert before == {path: path.stat().st_mtime_ns for path in written}


def test_reading_the_exercises_leaves_the_backend_as_it_was(exercises):
    before = kernels.chosen()
    for exercise in exercises:
        exercise.solution_source()
    assert kernels.chosen() == before
