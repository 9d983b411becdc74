"""The tables of the site's page on kernels, from the report that was saved.

    minillama kernels report --liger --output docs/data/kernels.json
    python -m minillama.book.pages

The second writes them between the markers in docs/kernels.md; a test compares the page with the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..kernels.report import HEADS, beside
from .markers import between
from .notebooks import ROOT

PAGE, DATA = ROOT / "docs" / "kernels.md", ROOT / "docs" / "data" / "kernels.json"


def kernels_page() -> str:
    """Return `docs/kernels.md` with the tables of the saved report."""
    return with_tables(PAGE.read_text(encoding="utf-8"), json.loads(DATA.read_text(encoding="utf-8")))


def with_tables(page: str, found: dict[str, Any]) -> str:
    """Return the page with each table written anew between its markers."""
    for name, table in (("resources", resources(found)), ("bytes", moved(found)), ("liger", liger(found))):
        page = between(page, f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->\n", f"\n{table}\n")
    return page


def resources(found: dict[str, Any]) -> str:
    """Return what each kernel takes in bfloat16: registers, KiB of shared memory, narrow bytes, by GPU."""
    targets = list(dict.fromkeys(row["target"] for row in found["kernels"]))
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in found["kernels"]:
        if row["dtype"] == "bfloat16":
            narrow = "+".join(map(str, row["narrow"]))
            cell = f"{row['registers']}, {row['spilled']}, {row['shared'] / 1024:.1f}, {narrow}"
            lines.setdefault((row["operation"], row["kernel"]), {})[row["target"]] = cell
    rows = ((name, f"`{kernel}`", *(of[t] for t in targets)) for (name, kernel), of in lines.items())
    return _table(("operation", "kernel", *targets), rows)


def moved(found: dict[str, Any]) -> str:
    """Return the bytes that each operation moves in bfloat16, with its arithmetic for each of the least."""
    intensity = {(row["operation"], row["dtype"]): row["intensity"] for row in found["intensity"]}
    rows = []
    for row in found["moved"]:
        key = row["operation"], row["dtype"]
        if row["dtype"] == "bfloat16":
            ratios = (f"{row[what] / row['least']:.2f}" for what in ("once", "asked"))
            per_byte = f"{intensity[key]:,.{2 if intensity[key] < 100 else 0}f}" if key in intensity else ""
            rows.append((row["operation"], f"{row['least']:,}", *ratios, per_byte))
    return _table(("operation", "least bytes", "moved / least", "asked / least", "FLOP / byte"), rows)


def liger(found: dict[str, Any]) -> str:
    """Return ours and Liger-Kernel's side by side, in bfloat16."""
    return _table(("operation", "GPU", *HEADS), beside(found, separator=" / "))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
