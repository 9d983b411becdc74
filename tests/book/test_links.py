"""Links in their two forms: pages for the site, files for notebooks."""

from __future__ import annotations

import pytest

from minillama.book.links import links_to_files, links_to_pages

PAIRS = [
    ("[a](05_rmsnorm.md#why)", "[a](05_rmsnorm.ipynb#why)"),
    ("[a](../exercises/05_1_rms_norm.md)", "[a](../exercises/05_1_rms_norm/task.py)"),
    ("[a](../floor.md#proof)", "[a](../docs/floor.md#proof)"),
    ("[a](../api/model.md)", "[a](../docs/api/model.md)"),
]
OTHERS = ["[a](https://example.org/05_x.md)", "[a](#below)", "[a](figures/x.png)", "`05_x.md` (05_x.md)"]


@pytest.mark.parametrize(("page", "file"), PAIRS)
def test_each_form_leads_to_the_other(page, file):
    assert links_to_files(page) == file
    assert links_to_pages(file) == page


@pytest.mark.parametrize(("page", "file"), PAIRS)
def test_what_has_its_form_already_keeps_it(page, file):
    assert links_to_files(file) == file
    assert links_to_pages(page) == page


@pytest.mark.parametrize("link", OTHERS)
def test_other_links_stay(link):
    assert links_to_files(link) == links_to_pages(link) == link
