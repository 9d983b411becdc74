"""The page on the floor prints what it says, and its formula for instructions holds."""

from __future__ import annotations

import doctest
from math import log
from pathlib import Path

import pytest

from minillama.data.stories import Stories
from minillama.data.stories.level1 import NAMES
from minillama.data.stories.tasks import Instruction

PAGE = Path(__file__).parents[2] / "docs" / "floor.md"


def test_the_page_prints_what_it_says() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False)
    assert results.attempted > 10
    assert results.failed == 0


def test_a_story_given_its_hero_costs_its_nats_less_the_hero() -> None:
    """-log p(story | hero) by the formula of the page, against the sum over the choices that are left."""
    request = Instruction("Write a story about Lily.", {"hero": "Lily"}, 1, "en")
    stories = [story for story, _ in zip(Stories(41, level=1), range(4000), strict=False)]
    met = [story for story in stories if request.satisfied_by(story.text)]
    chance = NAMES.p[NAMES.index["Lily"]]
    assert len(met) / len(stories) == pytest.approx(chance, abs=4 * (chance / len(stories)) ** 0.5)
    for story in met:
        left = sum(-log(chosen.p) for chosen in story.derivation.choices[1:])
        assert story.nats + log(chance) == pytest.approx(left, abs=1e-9)
