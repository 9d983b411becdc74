"""Run every check of the project in order and end with one summary: what `make test` does.

    python tests/run_all.py            everything
    python tests/run_all.py --quick    lint, types, layers and the quick tests: `make check`

A step that fails does not stop the ones after it; the exit status is 1 if any failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest"]
UNIT = ["-n", "2", "tests", "--ignore=tests/site", "--ignore=tests/chapters", "--ignore=tests/exercises"]
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # two workers share the cores

Step = tuple[str, list[str], dict[str, str]]

LINT: list[Step] = [
    ("lint", [str(BIN / "ruff"), "check", "."], {}),
    ("format", [str(BIN / "ruff"), "format", "--check", "."], {}),
    ("types", [str(BIN / "mypy")], {}),
    ("layers", [str(BIN / "lint-imports")], {}),
]
QUICK: list[Step] = [
    ("quick tests", [*PYTEST, *UNIT, "-m", "not slow"], ONE_THREAD),
]
FULL: list[Step] = [
    ("unit tests", [*PYTEST, *UNIT], ONE_THREAD),
    ("docstring examples", [*PYTEST, "--doctest-modules", "minillama"], {}),
    (
        "run-time shapes",
        [*PYTEST, *UNIT, "-m", "not error_contract and not slow"],
        ONE_THREAD | {"MINILLAMA_CHECK_SHAPES": "1"},
    ),
    ("chapter pairs", [sys.executable, "-m", "minillama.book.pairing", "check"], {}),
    ("chapter rules", [*PYTEST, "tests/chapters"], {}),
    (
        "chapters (nbval)",
        [*PYTEST, "--nbval", "chapters", "-n", "2", "--dist", "loadfile", "--nbval-current-env",
         "--nbval-cell-timeout=120", "--nbval-sanitize-with", "tests/chapters/sanitise.cfg"],
        {},
    ),
    ("exercises", [*PYTEST, "tests/exercises"], {}),
    ("site and browser", [*PYTEST, "tests/site"], {}),
]  # fmt: skip


def main() -> int:
    """Run the steps, print a table, return the exit status."""
    steps = LINT + (QUICK if "--quick" in sys.argv[1:] else FULL)
    results: list[tuple[str, bool, float]] = []
    for name, command, extra in steps:
        print(f"\n=== {name} ===", flush=True)
        start = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, env=os.environ | extra, check=False)
        results.append((name, done.returncode == 0, time.monotonic() - start))
    print("\n=== summary ===")
    for name, passed, seconds in results:
        print(f"{'ok    ' if passed else 'FAILED'}  {name:<20} {seconds:7.1f} s")
    failed = sum(not passed for _, passed, _ in results)
    print(f"{len(results) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
