"""The exercises on disk: where they are, what each one says, how its checks and solution are loaded.

An exercise is a folder `exercises/CC_N_slug/` of four files; exercises/README.md describes them. Reading the
catalogue runs nothing but `ast`: `checks.py` and `solution.py` are imported only when asked for.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from .holes import Function, Hole
from .loading import load_file

DIFFICULTIES = ("easy", "medium", "hard")
WORK = "work.py"  # the reader's copy of task.py, ignored by git
_FOLDER = re.compile(r"\d\d_\d+_[a-z0-9_]+")
_FACTS = re.compile(r"Exercise (\d\d\.\d+) · (\d\d_[a-z0-9_]+) · (\w+) · (\d+) minutes( · build)?")
_HINT = re.compile(r"^## Hint (\d)\s*$", re.MULTILINE)


class ExerciseError(ValueError):
    """An exercise's folder does not follow the format, or there are no exercises here."""


@dataclass(frozen=True)
class Task:
    """One function or class of task.py: its name, its docstring, its code as written."""

    name: str
    doc: str
    code: str


@dataclass(frozen=True)
class Exercise:
    """One exercise, as its files describe it.

    Parameters
    ----------
    folder : Path
    id : str
        "05.1": chapter and number.
    title : str
    chapter : str
        The chapter's slug with its number, "05_rmsnorm_and_pre_norm".
    difficulty : str
        One of "easy", "medium", "hard".
    minutes : int
        What it takes a reader who has read the chapter.
    build : bool
        Whether it is a part's "build": an hour or two, a thing to keep.
    text : str
        The task in Markdown.
    tasks : tuple of Task
        What is to be written, in order.
    hints : tuple of str
        Three, in Markdown, from a nudge to nearly all.
    """

    folder: Path
    id: str
    title: str
    chapter: str
    difficulty: str
    minutes: int
    build: bool
    text: str
    tasks: tuple[Task, ...]
    hints: tuple[str, ...]

    @property
    def slug(self) -> str:
        """The folder's name, "05_1_rms_norm": also the name of the exercise's page."""
        return self.folder.name

    @property
    def order(self) -> tuple[int, int]:
        """Chapter and number, to sort by."""
        chapter, number = self.id.split(".")
        return int(chapter), int(number)

    @property
    def task_path(self) -> Path:
        """The blank."""
        return self.folder / "task.py"

    @property
    def work_path(self) -> Path:
        """The reader's copy, which need not exist."""
        return self.folder / WORK

    def holes(self) -> list[Hole]:
        """Return the checks, one `Hole` for each of `tasks`, in the same order."""
        module = load_file(self.folder / "checks.py")
        found = {hole.name: hole for hole in vars(module).values() if isinstance(hole, Hole)}
        names = [task.name for task in self.tasks]
        if sorted(found) != sorted(names):
            raise ExerciseError(
                f"{self.folder.name}: task.py asks for {names}, checks.py checks {sorted(found)}"
            )
        return [found[name] for name in names]

    def solution_module(self, hole: Hole) -> ModuleType:
        """Return the module that holds the hole's solution: solution.py, or one of the package."""
        if hole.solution is None:
            return load_file(self.folder / "solution.py")
        return importlib.import_module(hole.solution.partition(":")[0])

    def solution(self, hole: Hole) -> Function:
        """Return the hole's right answer."""
        name = hole.name if hole.solution is None else hole.solution.partition(":")[2]
        function: Function = getattr(self.solution_module(hole), name)
        return function

    def solution_source(self) -> str:
        """Return the right answer as text: solution.py, or the package's own functions."""
        path = self.folder / "solution.py"
        parts = [path.read_text(encoding="utf-8")] if path.exists() else []
        for hole in self.holes():
            if hole.solution is not None:
                module, _, name = hole.solution.partition(":")
                source = inspect.getsource(self.solution(hole))
                parts.append(f"# {name} of {module}: the package has it\n{source}")
        return "\n\n".join(parts)


def exercises_root() -> Path:
    """Return the folder `exercises/` of this checkout: around the working directory, else beside the package.

    Raises
    ------
    ExerciseError
        Outside a checkout: the exercises are not part of the installed package.
    """
    here = Path.cwd()
    beside_package = Path(__file__).resolve().parents[3]
    for root in (here, *here.parents, beside_package):
        if any((root / "exercises").glob("01_1_*/task.py")):
            return root / "exercises"
    raise ExerciseError(
        "no exercises here: they live in the repository, so clone it and run this inside the clone"
    )


def exercise_folders(root: Path | None = None) -> list[Path]:
    """Return the exercises' folders, in the book's order."""
    found = [folder for folder in (root or exercises_root()).iterdir() if _FOLDER.fullmatch(folder.name)]
    return sorted(found, key=lambda folder: [int(number) for number in folder.name.split("_")[:2]])


def all_exercises(root: Path | None = None) -> list[Exercise]:
    """Return every exercise, in the book's order.

    Examples
    --------
    >>> all_exercises()[0].id
    '01.1'
    """
    return [read_exercise(folder) for folder in exercise_folders(root)]


def find_exercise(id: str, root: Path | None = None) -> Exercise:
    """Return the exercise "05.1"; "5.1", "05_1", the folder's name and its path are understood too.

    Raises
    ------
    ExerciseError
        Naming the nearest id.
    """
    folders = {id_of(folder): folder for folder in exercise_folders(root)}
    parts = re.fullmatch(r"(\d{1,2})[._](\d+)", id.strip())
    wanted = f"{int(parts[1]):02d}.{int(parts[2])}" if parts else id.strip()
    for known, folder in folders.items():
        if known == wanted or folder.name in wanted.split("/"):
            return read_exercise(folder)
    names = [*folders, *(folder.name for folder in folders.values())]
    near = max(names, key=lambda name: difflib.SequenceMatcher(None, wanted, name).ratio())
    raise ExerciseError(
        f"there is no exercise {id!r}: did you mean {near}? `minillama exercise list` shows them all"
    )


def id_of(folder: Path) -> str:
    """Return the id that a folder's name says: "05.1" for 05_1_rms_norm."""
    chapter, number = folder.name.split("_")[:2]
    return f"{chapter}.{number}"


def read_exercise(folder: Path) -> Exercise:
    """Return the exercise in `folder`.

    Raises
    ------
    ExerciseError
        If a file is missing or does not follow the format; the text says which and how it should look.
    """
    source = _text(folder / "task.py")
    tree = ast.parse(source)
    title, facts, text = [*(ast.get_docstring(tree) or "").split("\n\n", 2), "", "", ""][:3]
    said = _FACTS.fullmatch(facts)
    if not said:
        raise ExerciseError(
            f"{folder.name}/task.py: the docstring's second paragraph is {facts!r}, expected such as"
            " 'Exercise 05.1 · 05_rmsnorm_and_pre_norm · easy · 10 minutes'"
        )
    id, chapter, difficulty, minutes, build = said.groups()
    if (id, chapter[:2]) != (id_of(folder), folder.name[:2]) or difficulty not in DIFFICULTIES:
        raise ExerciseError(
            f"{folder.name}/task.py: {facts!r} must carry the folder's number and one of {DIFFICULTIES}"
        )
    hints = _HINT.split(_text(folder / "hints.md"))
    if hints[1::2] != ["1", "2", "3"]:
        raise ExerciseError(
            f"{folder.name}/hints.md: expected the headings '## Hint 1', '## Hint 2', '## Hint 3'"
        )
    return Exercise(
        folder=folder,
        id=id,
        title=title.rstrip("."),
        chapter=chapter,
        difficulty=difficulty,
        minutes=int(minutes),
        build=build is not None,
        text=text,
        tasks=tuple(_tasks(source, tree)),
        hints=tuple(hint.strip() for hint in hints[2::2]),
    )


def _tasks(source: str, tree: ast.Module) -> list[Task]:
    """Return the public functions and classes of a blank."""
    public = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    )
    return [
        Task(node.name, ast.get_docstring(node) or "", ast.get_source_segment(source, node) or "")
        for node in public
    ]


def _text(path: Path) -> str:
    """Return a file's text, or say that it is missing."""
    if not path.exists():
        raise ExerciseError(f"{path.parent.name}: {path.name} is missing")
    return path.read_text(encoding="utf-8")
