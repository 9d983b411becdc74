"""The two consoles of the command line: results and progress on one, errors on the other."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rich.console import Console

console = Console()  # standard output
errors = Console(stderr=True)


def program() -> str:
    """Return what to type for this program: its name if the shell finds it, else the path it was called by.

    Examples
    --------
    >>> program() in ("minillama", sys.argv[0])
    True
    """
    called = sys.argv[0]
    if Path(called).name != "minillama" or shutil.which("minillama") == called:
        return "minillama"
    return called
