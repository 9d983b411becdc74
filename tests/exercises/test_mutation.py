"""The mutants of a solution: what is changed, what is left alone, and that each one runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from minillama.book.exercises import Exercise, Hole, Raises
from minillama.book.exercises.mutation import mutants, survivors

SOLUTION = '''"""A solution with one of everything; 1 + 1 stays as it is."""
import math

LIMIT = 3

def helper(x):
    return -x

def other_hole(x):
    return x * 5

def gap_to_floor(x: "1 + 1", scale=2.0):
    """Not 2 + 2 either."""
    if x is None or not x >= LIMIT:
        raise ValueError(f"{x + 1} is less than {LIMIT - 1}")
    total = 0.0
    total += helper(x) ** 2
    return math.fsum([total, 0.5][:-1]) / scale if True else "a" * 3
'''

EXPECTED = {
    "-x -> +x",
    "x is None or not x >= LIMIT -> x is None and (not x >= LIMIT)",
    "x is None -> x is not None",
    "not x >= LIMIT -> not not x >= LIMIT",
    "x >= LIMIT -> x > LIMIT",
    "total = 0.0 -> total = 1.0",
    "total += helper(x) ** 2 -> total -= helper(x) ** 2",
    "helper(x) ** 2 -> helper(x) * 2",
    "helper(x) ** 2 -> helper(x) ** 3",
    "[total, 0.5] -> [total, 1.0]",
    ":-1 -> :-0",
    "math.fsum([total, 0.5][:-1]) / scale -> math.fsum([total, 0.5][:-1]) * scale",
    "'a' * 3 -> 'a' / 3",
    "'a' * 3 -> 'a' * 4",
}


@pytest.fixture
def hole(exercise: Exercise) -> Hole:
    """Return a hole whose solution is SOLUTION."""
    (exercise.folder / "solution.py").write_text(SOLUTION, encoding="utf-8")
    made = Hole("gap_to_floor")
    made.case("4", 8.0, x=4)
    made.case("3", 4.5, x=3)
    made.case("2", Raises(ValueError), x=2)
    return made


def test_each_place_is_changed_once_and_what_is_no_code_never(exercise: Exercise, hole: Hole) -> None:
    names = [mutant.name for mutant in mutants(exercise, hole)]
    conditional = 'math.fsum([total, 0.5][:-1]) / scale if {} else "a" * 3'.replace('"', "'")
    assert set(names) == EXPECTED | {f"{conditional.format(True)} -> {conditional.format(False)}"}
    assert len(set(names)) == len(names)


def test_survivors_are_found(exercise: Exercise, hole: Hole) -> None:
    alive, made = survivors(exercise, hole)
    assert made == len(EXPECTED) + 1
    # A sign under a square, a half that is cut off, what stands behind `if True`: no case can see these.
    assert set(alive) == {
        "-x -> +x",
        "[total, 0.5] -> [total, 1.0]",
        "'a' * 3 -> 'a' / 3",
        "'a' * 3 -> 'a' * 4",
    }


def test_the_package_may_be_the_solution(exercise: Exercise) -> None:
    hole = Hole("describe", solution="minillama.book.exercises.show:describe")
    hole.case("a list", "a list of length 1", value=[0])
    hole.case("nothing", "None", value=None)
    named = {mutant.name: mutant.function for mutant in mutants(exercise, hole)}
    assert named["value is None -> value is not None"]([0]) == "None"


def test_equal_changes_are_numbered(exercise: Exercise, tmp_path: Path) -> None:
    path = exercise.folder / "solution.py"
    path.write_text("def gap_to_floor(x):\n    x = x + 1\n    x = x + 1\n    return x\n", encoding="utf-8")
    names = [mutant.name for mutant in mutants(exercise, Hole("gap_to_floor"))]
    assert names == ["x + 1 -> x - 1", "x + 1 -> x + 2", "x + 1 -> x - 1 #2", "x + 1 -> x + 2 #2"]
