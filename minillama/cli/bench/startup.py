"""How long a process takes to start."""

from __future__ import annotations

import subprocess
import sys

from .measuring import Figure, seconds


def figures() -> list[Figure]:
    """Time the command and the import as whole processes, beside an empty one."""
    commands = {
        "python, bare": [sys.executable, "-c", "pass"],
        "python, import minillama": [sys.executable, "-c", "import minillama"],
        "minillama --help": [sys.executable, "-m", "minillama", "--help"],
    }
    return [
        (name, "s", seconds(lambda command=command: _run(command)))  # type: ignore[misc]
        for name, command in commands.items()
    ]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
