"""Checks the reader's file in a process of its own, which may loop for ever, print for ever or die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from . import report
from .catalogue import Exercise
from .limits import SECONDS
from .report import Finding, Report

GRACE = 4.0  # seconds for start-up, and for the child to stop itself at the limit, before it is killed
PACKAGE_PARENT = str(Path(__file__).resolve().parents[3])


def check_work(exercise: Exercise, seconds: float = SECONDS) -> Report:
    """Return what is to be said about the exercise's work.py.

    Parameters
    ----------
    exercise : Exercise
    seconds : float
        Time that the reader's code may take.

    Returns
    -------
    Report
        A blank one if there is no work.py yet.
    """
    if not exercise.work_path.exists():
        says = f"`minillama exercise start {exercise.id}` opens it."
        return _about_all(exercise, report.BLANK, says)
    with tempfile.TemporaryDirectory() as scratch:
        target, errors = Path(scratch) / "report.json", Path(scratch) / "errors.txt"
        with errors.open("wb") as stream:
            ended = _run(exercise, target, seconds, stream.fileno())
        if target.exists():
            return Report.from_json(target.read_text(encoding="utf-8"))
        last = errors.read_text(encoding="utf-8", errors="replace")[-1500:].strip()
    return _without_report(exercise, ended, seconds, last)


def _run(exercise: Exercise, target: Path, seconds: float, errors: int) -> int | None:
    """Run the child to its end and return its exit status; None if it had to be killed."""
    paths = [PACKAGE_PARENT, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.child", str(exercise.folder), str(target), str(seconds)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,
    )
    try:
        return process.wait(seconds + GRACE)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child and of what it started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _without_report(exercise: Exercise, ended: int | None, seconds: float, last: str) -> Report:
    """Tell that the process ended before it could report."""
    if ended is None:
        says = (
            f"The code was still running after {seconds:.2g} seconds and could not be interrupted, so its"
            " process was killed: is there a loop that does not end?"
        )
    elif ended < 0:
        name = signal.Signals(-ended).name
        memory = " That is how the system ends a process that takes all memory." if name == "SIGKILL" else ""
        says = f"The process died of {name} before the check was through.{memory}"
    else:
        says = f"The process ended itself (status {ended}) before the check was through: is os._exit called?"
    return _about_all(exercise, report.STOPPED, says, last if ended else "")


def _about_all(exercise: Exercise, status: str, says: str, trace: str = "") -> Report:
    """Return a report that says the same of all functions."""
    names = [task.name for task in exercise.tasks]
    finding = Finding(names[0] if len(names) == 1 else "work.py", status, says, trace=trace)
    return Report(exercise.id, exercise.chapter, (finding,))
