"""What operations move, counted: the meter of `traffic` over each of them, in a process of its own.

    moved(["swiglu"])     # [Moved("swiglu", "bfloat16", asked=..., once=..., formula=..., least=...), ...]

The kernels run in Triton's interpreter at `THIN` sizes, LLaMA's widths with few rows, in tiles as large as on
a GPU. Three figures meet: the bytes that were *asked* for; the same, but each byte *once* a launch; and the
*least*, inputs and outputs once. `Moved.faults` compares them with `compiled.formulas`, to the byte.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

from .compiled import DTYPES, checked_names
from .compiled.cases import CASES, THIN, Tensors
from .compiled.formulas import ASKED, EXTRA
from .compiled.liger import LIGER_CASES, Liger


@dataclass(frozen=True)
class Moved:
    """The bytes that one operation moves.

    Attributes
    ----------
    operation, dtype : str
    asked, once : int
        Read and written: as often as programs asked, and each byte once a launch.
    least : int
        Of inputs and outputs, each once.
    races : int
        Kinds of conflicts between programs.
    """

    operation: str
    dtype: str
    asked: int
    once: int
    least: int
    races: int

    def faults(self) -> list[str]:
        """Return where this is not what the formulas say, in words; empty if all is well.

        Examples
        --------
        >>> row = Moved("swiglu", "bfloat16", asked=1_409_024, once=1_056_768, least=1_056_768, races=0)
        >>> row.faults()
        ['1409024 bytes are asked for: by its formula 1056768']
        """
        size = 2 if self.dtype == "bfloat16" else 4
        asked, extra = (
            ASKED[self.operation](THIN, size),
            EXTRA.get(self.operation, lambda s, b: 0)(THIN, size),
        )
        found = [f"{self.races} kinds of races"] if self.races else []
        if self.asked != asked:
            found.append(f"{self.asked} bytes are asked for: by its formula {asked}")
        if self.once != self.least + extra:
            found.append(f"{self.once} bytes are moved: at least {self.least}, and {extra} by its formula")
        return found


def moved(
    operations: Sequence[str] | None = None,
    dtypes: Sequence[str] = DTYPES,
    told: Callable[[Moved], None] | None = None,
    library: str = "minillama",
) -> list[Moved]:
    """Count what operations of a library move; arguments as of `compiled.resources`."""
    names = checked_names(operations, dtypes=dtypes, library=library)
    command = [sys.executable, "-m", "minillama.kernels.moved", library, *dtypes, "--", *names]
    environment = os.environ | {"MINILLAMA_BACKEND": "triton-interpret", "TRITON_INTERPRET": "1"}
    rows = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            rows.append(Moved(**json.loads(line)))
            if told is not None:
                told(rows[-1])
    if process.returncode != 0:
        raise RuntimeError(f"the process that counts bytes ended with status {process.returncode}")
    return rows


def count(library: str, name: str, dtype: str) -> Moved:
    """Count what one operation moves, in this process, which must interpret."""
    import torch

    from . import triton as raw
    from .traffic import measured

    has: Any
    if library == "liger":
        dtype_here, has, cases = "float16" if dtype == "bfloat16" else dtype, Liger("sm_90"), LIGER_CASES
        has.interpret()
    else:
        dtype_here, has, cases = dtype, raw, CASES
    with measured() as meter:
        inputs, outputs = cases[name](has, Tensors("cpu", getattr(torch, dtype_here)), THIN)
    least = sum(t.nbytes for t in [*inputs, *outputs])
    return Moved(name, dtype, meter.total.moved, meter.total.moved_once, least, len(meter.races))


def main(library: str, *rest: str) -> None:
    """Print one line of JSON for each operation and dtype: LIBRARY DTYPE... -- OPERATION..."""
    from . import use
    from .triton import tiles

    use("triton-interpret")
    tiles.INTERPRETED_TILE = tiles.TILE
    dtypes, names = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    for name, dtype in product(names, dtypes):
        print(json.dumps(asdict(count(library, name, dtype))), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
