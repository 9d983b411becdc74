"""One loop: from a program's first block on, over all programs' blocks at each step."""

from typing import Any

import numpy as np


def scaled_add(m: Any, x: int, y: int, out: int, factor: float, n: int, BLOCK: int) -> None:
    for first in range(m.program * BLOCK, n, m.programs * BLOCK):
        lane = first + np.arange(BLOCK)
        inside = lane < n
        m.store(out + lane, factor * m.load(x + lane, inside) + m.load(y + lane, inside), inside)
