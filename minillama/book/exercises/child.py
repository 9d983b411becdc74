"""The process in which the reader's file runs: checks it, and writes the report as JSON.

Run by `runner`, as ``python -m minillama.book.exercises.child FOLDER REPORT SECONDS``. The report goes to a
file of its own, so nothing that the reader's code prints can get mixed up with it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import ModuleType

from . import report
from .calling import trimmed
from .catalogue import Exercise, read_exercise
from .diagnose import diagnose
from .holes import Hole
from .limits import TimeUp, captured, time_limit
from .loading import load_file
from .report import Finding, Report
from .show import describe

MEMORY = 4 * 2**30  # bytes that the process may write to; a chapter takes two at most


def check_file(exercise: Exercise, seconds: float) -> Report:
    """Return what is to be said about the exercise's work.py, run in this process."""
    holes = exercise.holes()
    end = time.monotonic() + seconds
    module = _load(exercise.work_path, seconds)
    if isinstance(module, Finding):
        return Report(exercise.id, exercise.chapter, (module,))
    findings = (_check_hole(hole, vars(module).get(hole.name), end) for hole in holes)
    return Report(exercise.id, exercise.chapter, tuple(findings))


def _load(path: Path, seconds: float) -> ModuleType | Finding:
    """Return the reader's file as a module, or say why it does not run."""
    with captured() as printed:
        try:
            with time_limit(seconds):
                return load_file(path)
        except (Exception, SystemExit) as error:
            trace = trimmed(error, str(path))
            return Finding(
                path.name, report.ERROR, "The file does not run.", trace=trace, printed=printed.getvalue()
            )
        except TimeUp as error:
            says = f"Loading the file took longer than {seconds:.2g} seconds, so it was stopped."
            return Finding(path.name, report.STOPPED, says, trace=trimmed(error, str(path)))


def _check_hole(hole: Hole, function: object, end: float) -> Finding:
    """Check one function of the file, in the time that the others left."""
    if function is None:
        return Finding(hole.name, report.WRONG, f"The file has no function `{hole.name}`: was it renamed?")
    if not callable(function):
        return Finding(hole.name, report.WRONG, f"`{hole.name}` is {describe(function)}, not a function.")
    left = end - time.monotonic()
    if left < 0.1:
        return Finding(hole.name, report.STOPPED, "Not checked: the functions before it took all the time.")
    return diagnose(hole, function, left)


def limit_memory() -> None:
    """Make the system refuse more than `MEMORY`, where it can: the reader's code then gets a MemoryError."""
    try:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, hard))
    except (ImportError, ValueError, OSError):
        return


def main() -> None:
    """Check FOLDER's work.py and write the report."""
    folder, target, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    limit_memory()
    told = check_file(read_exercise(folder), seconds)
    part = target.with_suffix(".part")
    part.write_text(told.to_json(), encoding="utf-8")
    os.replace(part, target)
    os._exit(0)  # threads that the reader's code left behind are not waited for


if __name__ == "__main__":
    main()
