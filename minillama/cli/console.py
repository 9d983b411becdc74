"""The two consoles of the command line: results and progress on one, errors on the other."""

from __future__ import annotations

from rich.console import Console

console = Console()  # standard output
errors = Console(stderr=True)
