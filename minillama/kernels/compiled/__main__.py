"""Compile what operations launch and print a line of JSON for each kernel."""

from __future__ import annotations

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from itertools import product

from . import DTYPES, TARGETS
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
    given = parser.parse_args()
    pairs = list(product(given.operations or CASES, given.dtypes))
    names, dtypes = zip(*pairs, strict=True)
    rest = [given.head_dim] * len(pairs), [given.targets] * len(pairs)
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        for rows in pool.map(compile_case, names, dtypes, *rest):
            for row in rows:
                print(row.json(), flush=True)


if __name__ == "__main__":
    main()
