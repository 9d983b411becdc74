"""All that can be known of the kernels without a GPU, in one table: resources, bytes, intensity.

    found = report(["swiglu"], targets=["sm_80"])
    found["kernels"], found["moved"], found["intensity"], found["liger"]

joins `compiled` (what the compilers say), `moved` (what the meter counted) and `work` (what an operation
computes and moves at least), for our kernels and, where it has been fetched, for Liger-Kernel's. It is plain
data, to be saved as JSON: `docs/data/kernels.json` is one, and the site's page on kernels is checked against
it. Nothing in it is a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

import torch

from ..config import LlamaConfig
from .compiled import DTYPES, TARGETS, Compiled, checked_names, operations, resources
from .compiled.cases import LLAMA, THIN
from .compiled.liger import REQUIREMENT
from .eager import INT4_BLOCK
from .moved import Moved, moved
from .work import Work, forward_work, training_work

Told = Callable[[Compiled | Moved], None]


def report(
    asked: Sequence[str] | None = None,
    targets: Sequence[str] = TARGETS,
    dtypes: Sequence[str] = DTYPES,
    jobs: int = 1,
    told: Told | None = None,
    liger: bool = False,
) -> dict[str, Any]:
    """Compile and count, and return everything as plain data.

    Parameters
    ----------
    asked, targets, dtypes, jobs, told
        As of `compiled.resources`; `told` is given rows of both kinds.
    liger : bool
        Take Liger-Kernel's too.

    Returns
    -------
    dict
        "kernels" and "moved": rows with the fields of `Compiled` and `Moved`, and their "faults";
        "intensity": FLOPs, least bytes and their ratio of each operation at `LLAMA` sizes; "liger": the first
        two of Liger-Kernel; "triton", "sizes" and "counted": under which conditions.

    Raises
    ------
    ValueError
        As `compiled.resources`.
    """
    names = checked_names(asked, targets, dtypes)
    found: dict[str, Any] = {
        "triton": version("triton"),
        "sizes": asdict(LLAMA),
        "counted": asdict(THIN),
        **_both(names, targets, dtypes, jobs, told, "minillama"),
        "intensity": [row for dtype in dtypes for row in intensities(dtype) if row["operation"] in names],
    }
    if liger:
        shared = [name for name in operations("liger") if asked is None or name in names]
        found["liger"] = {"version": REQUIREMENT, **_both(shared, targets, dtypes, jobs, told, "liger")}
    return found


def _both(
    names: Sequence[str],
    targets: Sequence[str],
    dtypes: Sequence[str],
    jobs: int,
    told: Told | None,
    library: str,
) -> dict[str, Any]:
    kernels = resources(names, targets, dtypes, jobs=jobs, told=told, library=library)
    counted = moved(names, dtypes, told=told, library=library)
    ours = library == "minillama"
    return {
        "kernels": [
            asdict(row)
            | {"narrow": row.narrow, "resident": row.resident}
            | ({"faults": row.faults()} if ours else {})
            for row in kernels
        ],
        "moved": [asdict(row) | ({"faults": row.faults()} if ours else {}) for row in counted],
    }


def intensities(dtype: str) -> list[dict[str, Any]]:
    """Return FLOPs, least bytes and FLOPs a byte of each operation at `LLAMA` sizes, windows left out.

    Examples
    --------
    >>> next(row["intensity"] for row in intensities("float32") if row["operation"] == "adamw")
    0.5
    """
    s, kind = LLAMA, getattr(torch, dtype)
    cfg = replace(LlamaConfig.named("llama-2-7b"), n_kv_heads=s.K, n_layers=1)
    works = {work.name: work for work in training_work(cfg, s.B, s.T, kind)}
    decoding = forward_work(cfg, s.B, 1, past=s.T - 1, dtype=kind)
    works["paged_attention"] = next(work for work in decoding if work.name == "attention")
    for name, bits in (("int8_matvec", 8), ("int4_matvec", 4 + 8 * kind.itemsize / INT4_BLOCK)):
        weights = s.C * s.H * s.D
        works[name] = Work(name, 2 * weights, int(weights * bits / 8), 1)
    return [
        {
            "operation": name,
            "dtype": dtype,
            "flops": w.flops // w.calls,
            "bytes": w.bytes // w.calls,
            "intensity": w.intensity,
        }
        for name in operations()
        if (w := works.get(name)) is not None
    ]


HEADS = "registers", "spilled", "KiB", "narrow", "resident", "asked"
"""Of `beside`: as in `Compiled`; bytes asked for, for each byte that has to move."""


def beside(found: dict[str, Any], dtype: str = "bfloat16", separator: str = "/") -> list[tuple[str, ...]]:
    """Return ours and Liger-Kernel's of each operation and GPU, as "ours/Liger's" for each of `HEADS`.

    Its cross-entropy makes the gradient at once: it stands beside both of ours, the larger figure of each,
    and the least is that of its one pass.
    """
    lines = []
    for name in dict.fromkeys(row["operation"] for row in found["liger"]["moved"]):
        if name in ("cross_entropy backward", "linear_cross_entropy"):
            continue
        both = (name, "cross_entropy backward") if name == "cross_entropy" else (name,)
        (least,) = (
            row["least"]
            for row in found["liger"]["moved"]
            if (row["operation"], row["dtype"]) == (name, dtype)
        )
        for target in dict.fromkeys(row["target"] for row in found["kernels"]):
            theirs = _cells(found["liger"], (name,), target, dtype, least)
            cells = zip(_cells(found, both, target, dtype, least), theirs, strict=True)
            lines.append((name, target, *(f"{cell}{separator}{other}" for cell, other in cells)))
    return lines


def _cells(found: dict[str, Any], names: Sequence[str], target: str, dtype: str, least: int) -> list[str]:
    rows = [
        row for row in found["kernels"]
        if row["operation"] in names and (row["target"], row["dtype"]) == (target, dtype)
    ]  # fmt: skip
    counted = [row for row in found["moved"] if row["operation"] in names and row["dtype"] == dtype]
    return [
        str(max(row["registers"] for row in rows)),
        str(sum(row["spilled"] for row in rows)),
        f"{max(row['shared'] for row in rows) / 1024:.1f}",
        str(max(sum(row["narrow"]) for row in rows)),
        str(min(row["resident"] for row in rows)),
        f"{sum(row['asked'] for row in counted) / least:.2f}",
    ]
