"""Compile what operations launch and print a line of JSON for each kernel."""

from __future__ import annotations

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from . import DTYPES, LIBRARIES, TARGETS, operations
from .cases import CASES, LLAMA
from .compiler import compile_case


def main() -> None:
    """Read the arguments, compile, print."""
    parser = argparse.ArgumentParser(prog="python -m minillama.kernels.compiled")
    parser.add_argument("operations", nargs="*", default=[], metavar="OPERATION", help=", ".join(CASES))
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--dtypes", nargs="+", default=DTYPES, choices=DTYPES)
    parser.add_argument("--head-dim", type=int, default=LLAMA.D)
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--library", default="minillama", choices=LIBRARIES)
    given = parser.parse_args()
    pairs = list(product(given.operations or operations(given.library), given.dtypes))
    names, dtypes = zip(*pairs, strict=True)
    rest = ([value] * len(pairs) for value in (given.head_dim, given.targets, given.library))
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        for rows in pool.map(compile_case, names, dtypes, *rest):
            for row in rows:
                print(row.json(), flush=True)


if __name__ == "__main__":
    main()
