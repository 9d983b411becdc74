"""Runs that end by a kill: one process imports torch, and forks a run for each way to die.

Called as ``killed_runs.py DIRECTORY CASES``, where CASES is JSON: name of the run's folder -> [how, value].

    bytes N     the file system takes N bytes of the checkpoint of step 3, then the kernel ends the process
    fsync 0     killed when the checkpoint's bytes are to be synced: written, not yet renamed
    renamed 0   killed right after the rename
    after S     kill -9, S seconds after the first step: anywhere
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from training.runs import new_trainer

STEPS = 4000
CHANGES: dict[str, object] = {"steps": STEPS, "checkpoint_every": 1, "accumulate": 2}


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying_from(step: int, run: Callable[[], Path], how: str, size: int) -> None:
    """Save, or rather die while saving."""
    if how == "bytes":
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it; the default is to end at once
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    elif how == "fsync":
        os.fsync = die
    elif how == "renamed":
        replace = Path.replace

        def replace_and_die(self: Path, target: Path) -> Path:
            replace(self, target)
            die()
            raise AssertionError

        Path.replace = replace_and_die  # type: ignore[method-assign, assignment]
    run()


def live(directory: Path, how: str, value: float, told: int) -> None:
    """Train until the end comes."""
    trainer = new_trainer(directory, **CHANGES)
    save = trainer.save
    if how != "after":
        trainer.save = lambda: dying_from(3, save, how, int(value)) if trainer.step == 3 else save()  # type: ignore[method-assign, assignment, return-value]
    for step in trainer:
        if step.step == 1:
            os.write(told, b".")


def main() -> None:
    torch.set_num_threads(1)
    directory = Path(sys.argv[1])
    for parameter in (warm := new_trainer()).model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    warm.optimizer.step()  # imports what torch imports late, once for all children
    for name, (how, value) in json.loads(sys.argv[2]).items():
        hears, told = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                live(directory / name, how, value, told)
            finally:
                os._exit(1)
        os.close(told)
        if how == "after":
            os.read(hears, 1)
            time.sleep(value)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(hears)
        expected = signal.SIGXFSZ if how == "bytes" else signal.SIGKILL
        assert os.WIFSIGNALED(status), (name, status)
        assert os.WTERMSIG(status) == expected, (name, status)


if __name__ == "__main__":
    main()
