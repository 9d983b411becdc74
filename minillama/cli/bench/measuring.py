"""Timing of benchmarks: several runs after one for warming up, and the table of what came out."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

from rich.table import Table

from ..console import console

Figure = tuple[str, str, list[float]]
"""What was measured, in which unit, and one value a run."""

RUNS = 5


def seconds(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> list[float]:
    """Return the wall-clock times of `RUNS` runs after one that is not counted."""
    times = []
    for _ in range(RUNS + 1):
        before()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times[1:]


def show(figures: list[Figure], as_json: bool) -> None:
    """Print medians with their smallest and largest value: a table, or one line of JSON."""
    rows = [(what, unit, statistics.median(v), min(v), max(v)) for what, unit, v in figures]
    if as_json:
        print(
            json.dumps(
                [dict(zip(("what", "unit", "median", "min", "max"), row, strict=True)) for row in rows]
            )
        )
        return
    table = Table("what", "median", "min", "max", "unit")
    for what, unit, *values in rows:
        table.add_row(what, *(f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" for value in values), unit)
    console.print(table)
