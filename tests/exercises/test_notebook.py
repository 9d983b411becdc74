"""The exercises from a notebook's cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from minillama.book import exercises
from minillama.book.exercises.progress import Progress


def right(model_nats, story_nats, tokens):
    return (model_nats.sum() - story_nats.sum()) / tokens.sum()


def test_right_is_remembered(clone: Path) -> None:
    told = exercises.check("01.1", right)
    assert told.right
    assert repr(told).startswith("01.1 gap_to_floor: right")
    assert "**✓ 01.1 gap_to_floor: right**" in told._repr_markdown_()
    assert Progress.read(clone / "exercises")["01.1"].done


def test_a_mistake_is_named(clone: Path) -> None:
    told = exercises.check("01.1", lambda model, story, tokens: np.mean((model - story) / tokens))
    assert [finding.mistake for finding in told.findings] == ["mean_of_ratios"]
    markdown = told._repr_markdown_()
    assert "averaged over the stories" in markdown
    assert "```python\n  given    model_nats = array([9., 7.])\n" in markdown
    assert not Progress.read(clone / "exercises")["01.1"].done


def test_by_name(clone: Path) -> None:
    assert exercises.check("01.1", gap_to_floor=right).right


def test_some_functions_of_several(clone: Path) -> None:
    several = next(exercise for exercise in exercises.all_exercises() if len(exercise.tasks) > 1)
    first, second = several.holes()[:2]
    told = exercises.check(several.id, several.solution(first))
    assert [finding.status for finding in told.findings][:2] == ["right", "not started"]
    assert not told.right
    assert (
        exercises.check(several.id, **{second.name: several.solution(second)}).findings[1].status == "right"
    )


def test_without_a_function_the_file_is_checked(clone: Path) -> None:
    assert exercises.check("01.1").blank


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("functions", "named", "said"),
    [
        ((right, right), {}, "2 functions given: exercise 01.1 asks for gap_to_floor"),
        ((), {"gap": right}, "asks for gap_to_floor, not for gap"),
        ((0.5,), {}, "gap_to_floor is a float: give the function itself, without calling it"),
    ],
)
def test_what_cannot_be_checked(clone: Path, functions, named, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        exercises.check("01.1", *functions, **named)


def test_an_endless_loop_ends(clone: Path) -> None:
    def loops(model_nats, story_nats, tokens):
        while True:
            pass

    assert exercises.check("01.1", loops, seconds=0.2).findings[0].status == "stopped"


def test_show_and_hints(clone: Path) -> None:
    shown = exercises.show("01.1")._repr_markdown_()
    assert shown.startswith("### 01.1 The gap to the floor\n\n*easy, 10 minutes*\n\n")
    assert "```python\ndef gap_to_floor(" in shown
    assert shown.endswith("    raise NotImplementedError\n```")
    for number in (1, 2, 3):
        assert repr(exercises.hint("01.1")).startswith(f"**Hint {number} of 3.**")
    everything = repr(exercises.hint("01.1"))
    assert all(f"**Hint {number}.**" in everything for number in (1, 2, 3))
