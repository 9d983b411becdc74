"""Finding exercises, and what is said about a folder that does not follow the format."""

from __future__ import annotations

from pathlib import Path

import pytest

from minillama.book.exercises import Exercise, ExerciseError, all_exercises, find_exercise
from minillama.book.exercises.catalogue import exercises_root, read_exercise


@pytest.mark.parametrize(
    "id", ["01.1", "1.1", "01_1", "01_1_gap_to_floor", "exercises/01_1_gap_to_floor/work.py"]
)
def test_names_of_an_exercise(id: str) -> None:
    assert find_exercise(id).title == "The gap to the floor"


@pytest.mark.parametrize(
    ("id", "near"), [("01.9", "01.1"), ("gap_to_flor", "01_1_gap_to_floor"), ("", "01.1")]
)
def test_an_unknown_name_gets_the_nearest(id: str, near: str) -> None:
    with pytest.raises(ExerciseError, match=f"there is no exercise '{id}': did you mean {near}?"):
        find_exercise(id)


def test_fields(exercise: Exercise) -> None:
    assert (exercise.id, exercise.chapter, exercise.difficulty) == ("01.1", "01_the_whole_tour", "easy")
    assert (exercise.minutes, exercise.build, len(exercise.hints)) == (10, False, 3)
    task = exercise.tasks[0]
    assert task.name == "gap_to_floor"
    assert task.code.startswith('def gap_to_floor(\n    model_nats: Float[np.ndarray, " N"],\n')
    assert task.doc.startswith("Return how far a model is above the floor")
    names: dict[str, object] = {}
    exec("import numpy as np\nfrom jaxtyping import Float, Int\n" + task.code, names)
    assert callable(names["gap_to_floor"])


def test_in_order() -> None:
    orders = [exercise.order for exercise in all_exercises()]
    assert orders == sorted(orders)


def test_the_clone_around_the_working_directory_counts(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(clone / "exercises" / "01_1_gap_to_floor")
    assert exercises_root() == clone / "exercises"


def test_outside_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minillama.book.exercises.catalogue.__file__", str(tmp_path / "a/b/c/d/catalogue.py"))
    with pytest.raises(ExerciseError, match="they live in the repository"):
        exercises_root()


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("task.py", "Exercise 01.1", "Exercise 01.2", "must carry the folder's number"),
        ("task.py", "· easy ·", "· trivial ·", "must carry the folder's number and one of"),
        ("task.py", "· 10 minutes", "", "expected such as 'Exercise 05.1"),
        ("hints.md", "## Hint 2", "## Hint two", "hints.md: expected the headings"),
    ],
)
def test_a_folder_against_the_format(exercise: Exercise, file: str, old: str, new: str, said: str) -> None:
    path = exercise.folder / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ExerciseError, match=said):
        read_exercise(exercise.folder)


def test_a_missing_file(exercise: Exercise) -> None:
    (exercise.folder / "hints.md").unlink()
    with pytest.raises(ExerciseError, match=r"01_1_gap_to_floor: hints\.md is missing"):
        read_exercise(exercise.folder)


def test_checks_for_another_function(exercise: Exercise) -> None:
    path = exercise.folder / "checks.py"
    path.write_text("from minillama.book.exercises import Hole\nother = Hole('other')\n", encoding="utf-8")
    with pytest.raises(ExerciseError, match=r"task\.py asks for"):
        exercise.holes()
