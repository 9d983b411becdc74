"""The page of departures: what a box becomes, what is refused, and that the page in git is up to date."""

from __future__ import annotations

import pytest

from minillama.book.departures import departures_page, read_departures
from minillama.book.notebooks import ROOT, ChapterError

CHAPTER = """\
# %% [markdown]
# # 90 · A small chapter
#
# ## First things
#
# > A quotation that is no departure.
#
# > **Departure: a sum, which way.**
# >
# > - **Paper.** From the left
# >   to the right.
# > - **Code.** Pairwise, see [chapter 05](05_rmsnorm_and_pre_norm.md) and |this|.
# > - **Here.** As NumPy does, [why](../floor.md).
# > - **What changes.** The last bit.

# %%
1 + 1

# %% [markdown]
# Text.
#
# ### Second, things
#
# > **Departure: another.**
# >
# > - **Paper.** a
# > - **Code.** b
# > - **Here.** c
# > - **What changes.** d
"""
CONTENTS = """\
[[part]]
title = "T"
about = "a"
needs = "n"
gives = "g"
[[part.chapter]]
slug = "90_a_small_chapter"
title = "A small chapter"
builds = "b"
shows = "s"
"""


def folder(tmp_path, text: str):
    (tmp_path / "contents.toml").write_text(CONTENTS)
    (tmp_path / "90_a_small_chapter.py").write_text(text)
    (tmp_path / "90_a_small_chapter.ipynb").write_text("{}")
    return tmp_path


def test_boxes_become_tables_with_links_to_their_sections(tmp_path):
    first, second = read_departures(folder(tmp_path, CHAPTER))
    assert (first.title, first.section) == ("a sum, which way", "First things")
    assert (second.title, second.section) == ("another", "Second, things")
    assert first.rows["Paper"] == "From the left to the right."
    page = departures_page([first, second])
    assert "## A sum, which way\n" in page
    assert (
        "| **Code** | Pairwise, see [chapter 05](chapters/05_rmsnorm_and_pre_norm.md) and &#124;this&#124;. |"
        in page
    )
    assert "[why](floor.md)" in page
    assert "[Chapter 90, Second, things](chapters/90_a_small_chapter.md#second-things)" in page
    assert "no departure" not in page


def test_a_box_without_all_its_parts_is_refused(tmp_path):
    broken = CHAPTER.replace("# > - **Here.** c\n", "")
    with pytest.raises(ChapterError, match=r"90_a_small.*'another' has Paper, Code, What changes; expected"):
        read_departures(folder(tmp_path, broken))


def test_the_page_in_git_is_what_the_chapters_say():
    assert (ROOT / "docs" / "departures.md").read_text(encoding="utf-8") == departures_page(read_departures())
