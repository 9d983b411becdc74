"""The small chapter of tests/book/data, built once for all tests here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from minillama.book import pairing

SOURCE = Path(__file__).parent / "data" / "90_a_small_chapter.py"


@pytest.fixture(scope="session")
def built_once(tmp_path_factory):
    """A folder with the small chapter's pair, to be left as it is."""
    folder = tmp_path_factory.mktemp("chapters")
    path = Path(shutil.copy(SOURCE, folder))
    assert pairing.build(path) == "executed"
    return path


@pytest.fixture
def pair(built_once, tmp_path):
    """A copy of the pair, to be changed."""
    shutil.copytree(built_once.parent, tmp_path / "chapters")
    return tmp_path / "chapters" / SOURCE.name
