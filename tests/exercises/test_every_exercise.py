"""What holds for each exercise: it can be solved, its mistakes are named, its blank is blank."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import time
from functools import cache
from pathlib import Path

import pytest

from minillama.book.exercises import Exercise, Hole, all_exercises, report
from minillama.book.exercises.calling import call
from minillama.book.exercises.catalogue import exercise_folders, read_exercise
from minillama.book.exercises.diagnose import diagnose, matching
from minillama.book.exercises.loading import load_file
from minillama.book.exercises.mutation import survivors

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = exercise_folders(ROOT / "exercises")
SECTIONS = ("Parameters", "Returns", "Examples")

# What a chapter brings from the package: later exercises may import it, earlier ones may not.
BROUGHT = {
    "minillama.config": 1,
    "minillama.data.stories": 1,
    "minillama.tokenizer": 2,
    "minillama.reference.norm": 5,
    "minillama.reference.rope": 6,
    "minillama.reference.attention": 7,
    "minillama.reference.activations": 8,
    "torch": 10,
    "minillama.kernels": 17,
    "triton": 18,
}
FREE = {
    "numpy",
    "jaxtyping",
    "math",
    "collections",
    "itertools",
    "functools",
    "re",
    "heapq",
    "dataclasses",
    "typing",
}


@pytest.fixture(params=FOLDERS, ids=[folder.name for folder in FOLDERS])
def exercise(request: pytest.FixtureRequest) -> Exercise:
    return read_exercise(request.param)


@cache
def mutation(folder: Path) -> dict[str, tuple[list[str], int]]:
    """Return each hole's surviving mutants, and how many mutants there were."""
    exercise = read_exercise(folder)
    return {hole.name: survivors(exercise, hole) for hole in holes(folder)}


@cache
def holes(folder: Path) -> list[Hole]:
    return read_exercise(folder).holes()


def test_the_solution_is_right_and_quick(exercise: Exercise) -> None:
    for hole in holes(exercise.folder):
        begun = time.process_time()
        finding = diagnose(hole, exercise.solution(hole))
        assert finding.status == report.RIGHT, f"{hole.name}: {finding}"
        assert time.process_time() - begun < (5 if exercise.order[0] >= 10 else 2)


def test_the_blank_is_reported_as_not_started(exercise: Exercise) -> None:
    blank = load_file(exercise.task_path)
    for hole in holes(exercise.folder):
        assert diagnose(hole, getattr(blank, hole.name)).status == report.BLANK


def test_every_mistake_gets_its_own_diagnosis_and_no_other(exercise: Exercise) -> None:
    for hole in holes(exercise.folder):
        assert len(hole.mistakes) >= 3, f"{hole.name} names {len(hole.mistakes)} mistakes; three is the least"
        for mistake in hole.mistakes:
            finding = diagnose(hole, mistake.wrong)
            assert (finding.status, finding.mistake) == (report.MISTAKE, mistake.name)
            outcomes = [call(hole, mistake.wrong, case.given) for case in hole.cases]
            assert [other.name for other in matching(hole, outcomes)] == [mistake.name]


def test_checks_are_staged_and_have_an_oracle(exercise: Exercise) -> None:
    for hole in holes(exercise.folder):
        stages = list(dict.fromkeys(check.stage for check in hole.checks))
        assert len(stages) >= 3, f"{hole.name} has only the stages {stages}"
        assert len(hole.cases) >= 4


def test_nothing_of_the_answer_is_in_the_blank(exercise: Exercise) -> None:
    tree = ast.parse(exercise.task_path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            assert all(isinstance(part, ast.FunctionDef | ast.Expr) for part in node.body), node.name
        assert isinstance(node, ast.Expr | ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        doc, *rest = function.body
        assert ast.get_docstring(function), function.name
        assert [ast.unparse(statement) for statement in rest] == ["raise NotImplementedError"], function.name
        blank = exercise.task_path.read_text(encoding="utf-8").splitlines()
        assert not any("#" in line for line in blank[doc.end_lineno : rest[0].end_lineno]), (
            "a comment in the body"
        )


def test_docstrings_and_hints_are_complete(exercise: Exercise) -> None:
    assert len(exercise.title) > 3
    assert len(exercise.text) > 80
    assert 3 <= exercise.minutes <= 120
    assert [hint for hint in exercise.hints if len(hint) < 30] == []
    for task in exercise.tasks:
        for section in SECTIONS:
            assert f"\n{section}\n{'-' * len(section)}\n" in task.doc, f"{task.name} has no section {section}"
    names = {
        task.name: list(inspect.signature(exercise.solution(hole)).parameters)
        for task, hole in pairs(exercise)
    }
    blank = load_file(exercise.task_path)
    assert {name: list(inspect.signature(getattr(blank, name)).parameters) for name in names} == names


def test_the_examples_hold_for_the_solution(exercise: Exercise) -> None:
    names = vars(load_file(exercise.task_path)) | {
        hole.name: exercise.solution(hole) for hole in holes(exercise.folder)
    }
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for task in exercise.tasks:
        examples = doctest.DocTestParser().get_doctest(
            task.doc, dict(names), task.name, str(exercise.task_path), 0
        )
        assert examples.examples, f"{task.name} has no example"
        runner.run(examples)
    assert runner.summarize(verbose=False).failed == 0


def test_nothing_is_needed_that_comes_later_in_the_book(exercise: Exercise) -> None:
    files = [exercise.task_path, exercise.folder / "solution.py"]
    needed = {name for path in files if path.exists() for name in imported(path)}
    needed |= {hole.solution.partition(":")[0] for hole in holes(exercise.folder) if hole.solution}
    for name in needed - FREE:
        chapter = next((n for known, n in BROUGHT.items() if f"{name}.".startswith(f"{known}.")), None)
        assert chapter is not None, f"{name}: say in BROUGHT which chapter brings it"
        assert chapter <= exercise.order[0], f"{name} comes in chapter {chapter}"


def test_diagnoses_point_into_the_chapter(exercise: Exercise) -> None:
    chapter = ROOT / "chapters" / f"{exercise.chapter}.py"
    for hole in holes(exercise.folder):
        assert all(len(mistake.says) > 30 for mistake in hole.mistakes)
    if chapter.exists():
        headings = set(re.findall(r"^# ##+ (.+)$", chapter.read_text(encoding="utf-8"), re.MULTILINE))
        for hole in holes(exercise.folder):
            assert {mistake.see for mistake in hole.mistakes} <= headings
        assert f"{exercise.slug}.md" in chapter.read_text(encoding="utf-8"), "the chapter does not link to it"


def test_surviving_mutants_are_listed_and_explained(exercise: Exercise) -> None:
    for hole in holes(exercise.folder):
        alive, _ = mutation(exercise.folder)[hole.name]
        assert sorted(hole.survivors) == sorted(alive)
        assert all(len(reason) > 20 for reason in hole.survivors.values())


def test_mutants_are_rejected_in_at_least_95_percent_of_cases() -> None:
    counted = [found for folder in FOLDERS for found in mutation(folder).values()]
    total = sum(made for _, made in counted)
    alive = sum(len(names) for names, _ in counted)
    assert total >= 3 * len(FOLDERS), "too few mutants to say anything"
    assert alive <= 0.05 * total, f"{alive} of {total} mutants survive"


def test_numbers_run_without_gaps_and_every_chapter_has_two() -> None:
    exercises = all_exercises(ROOT / "exercises")
    for chapter in (ROOT / "chapters").glob("[0-9][0-9]_*.py"):
        numbers = [exercise.order[1] for exercise in exercises if exercise.chapter == chapter.stem]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= 2 or chapter.stem.startswith("35"), (
            f"{chapter.stem} has {len(numbers)} exercises"
        )


def pairs(exercise: Exercise) -> list:
    return list(zip(exercise.tasks, holes(exercise.folder), strict=True))


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, the standard library's by their first name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name if name.startswith("minillama") else name.partition(".")[0] for name in names}
