"""`minillama exercise ...`, as a reader types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minillama.book.exercises import Exercise, all_exercises
from minillama.book.exercises.progress import NAME, Progress

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100", "EDITOR": "false"}


def run(*arguments: str, answer: str = "", expect: int = 0) -> str:
    """Run `minillama exercise` here, and return what it printed."""
    command = [sys.executable, "-m", "minillama", "exercise", *arguments]
    done = subprocess.run(command, input=answer, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == expect, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def solve(exercise: Exercise) -> None:
    """Write the solution into the reader's file."""
    solution = exercise.folder / "solution.py"
    parts = [solution.read_text(encoding="utf-8")] if solution.exists() else []
    for hole in exercise.holes():
        if hole.solution:
            module, _, name = hole.solution.partition(":")
            parts.append(f"from {module} import {name} as {hole.name}")
    exercise.work_path.write_text("\n".join(parts), encoding="utf-8")


def test_done_in_order_from_a_fresh_clone_all_pass(clone: Path) -> None:
    exercises = all_exercises()
    for exercise, following in zip(exercises, [*exercises[1:], None], strict=True):
        assert run("start").startswith(f"{exercise.id} {exercise.title}\n")
        solve(exercise)
        told = run("check")
        assert ("every exercise is done" if following is None else f"Next: {following.id}") in told
    assert run("start") == "Every exercise is done.\n"
    rows = json.loads(run("list", "--json"))
    assert [row["id"] for row in rows] == [exercise.id for exercise in exercises]
    assert all(row["done"] for row in rows)


def test_from_blank_to_right_with_every_command(clone: Path) -> None:
    assert "0 of" in run("list")
    started = run("start", "1.1")
    assert f"Write in  {Path('exercises/01_1_gap_to_floor/work.py')}\n" in started
    work = clone / "exercises/01_1_gap_to_floor/work.py"
    assert "not started" in run("check", expect=1)
    assert run("hint").startswith("Hint 1 of 3\n")
    assert run("hint", "01.1").startswith("Hint 2 of 3\n")
    text = work.read_text(encoding="utf-8")
    mine = text.replace(
        "raise NotImplementedError", "return float(((model_nats - story_nats) / tokens).mean())"
    )
    work.write_text(mine, encoding="utf-8")
    told = run("check", expect=1)
    assert "averaged over the stories" in told
    assert "`minillama exercise hint 01.1` gives a hint" in told
    report = json.loads(run("check", "--json", expect=1))
    assert (report["right"], report["findings"][0]["mistake"]) == (False, "mean_of_ratios")
    assert "Begun in" in run("start", "01.1")  # the file is left as it is
    assert work.read_text(encoding="utf-8") == mine
    told = run("solution", answer="y\n")
    assert told.startswith("Show the solution of 01.1 (1 hint not read yet)?")
    assert "tokens.sum()" in told
    assert run("reset", "--yes").strip().endswith("is blank again; your version is now work.1.py")
    assert work.read_text(encoding="utf-8") == text
    assert (work.parent / "work.1.py").read_text(encoding="utf-8") == mine
    assert "2 hints, solution seen" in run("list")


def test_no_is_taken_for_an_answer(clone: Path) -> None:
    assert "def gap_to_floor" not in run("solution", "01.1", answer="n\n", expect=1)
    assert not Progress.read(clone / "exercises")["01.1"].solution
    run("start", "01.1")
    work = clone / "exercises/01_1_gap_to_floor/work.py"
    work.write_text("mine = 1\n", encoding="utf-8")
    run("reset", "01.1", answer="n\n", expect=1)
    assert work.read_text(encoding="utf-8") == "mine = 1\n"


@pytest.mark.parametrize("verb", ["start", "check", "watch", "hint", "solution", "reset"])
def test_an_unknown_id_is_one_line_and_status_2(clone: Path, verb: str) -> None:
    told = run(verb, "01.9", expect=2)
    assert (
        told == "there is no exercise '01.9': did you mean 01.1? `minillama exercise list` shows them all\n"
    )


def test_no_id_and_none_begun(clone: Path) -> None:
    told = run("check", expect=2)
    assert told.startswith("which exercise? Give its id")
    assert told.count("\n") == 1


def test_a_broken_progress_file_costs_one_line(clone: Path) -> None:
    (clone / NAME).write_text("{broken", encoding="utf-8")
    told = run("list")
    assert told.count(".exercises.json could not be read") == 1
    assert (clone / f"{NAME}.bak").read_text(encoding="utf-8") == "{broken"
    assert "could not be read" not in run("list")


def test_watch_checks_each_saved_version_until_it_is_right(exercise: Exercise, clone: Path) -> None:
    command = [sys.executable, "-u", "-m", "minillama", "exercise", "watch", "01.1"]
    with (clone / "told.txt").open("w") as told:
        watching = subprocess.Popen(command, stdout=told, stderr=told, env=ENVIRONMENT)
    try:
        wait_for(clone / "told.txt", "not started")
        text = exercise.task_path.read_text(encoding="utf-8")
        exercise.work_path.write_text(text.replace("raise NotImplementedError", "return 1"), encoding="utf-8")
        wait_for(clone / "told.txt", "expected 0.25")
        shutil.copyfile(exercise.folder / "solution.py", exercise.work_path)
        assert watching.wait(30) == 0
    finally:
        watching.kill()
        watching.wait()
    assert "All 13 checks passed." in (clone / "told.txt").read_text(encoding="utf-8")
    assert Progress.read(clone / "exercises")["01.1"].done


def wait_for(path: Path, text: str) -> None:
    """Wait until a file contains a text."""
    end = time.monotonic() + 30
    while text not in path.read_text(encoding="utf-8"):
        assert time.monotonic() < end, path.read_text(encoding="utf-8")
        time.sleep(0.05)
