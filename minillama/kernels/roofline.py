"""The roofline: how fast a machine can run an operation, by what the operation computes and moves.

    attainable FLOP/s = min(peak, bandwidth x intensity)         intensity = FLOPs / bytes

    Machine(name, bandwidth, peak)         a roof; `DATA_SHEETS` has two
    measured_bandwidth()                   the slope of the roof over this machine

`work.py` has the operations; `minillama.training.throughput.peak_flops` measures the flat part. Left out:
caches, latencies, and lower ceilings (without vector instructions, with one thread): a roof is a bound.

References
----------
Williams, Waterman, Patterson 2009, "Roofline: an insightful visual performance model for multicore
architectures", Communications of the ACM 52(4), 65-76, doi:10.1145/1498765.1498785. The loops: McCalpin
1995, "Memory bandwidth and machine balance in current high performance computers" (STREAM).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..accounting import PEAK_FLOPS
from .work import Work


@dataclass(frozen=True)
class Machine:
    """A roof: how fast bytes come, and how fast numbers are computed once they are there.

    Parameters
    ----------
    name : str
    bandwidth : float
        Of the memory, bytes/s.
    peak : float
        FLOP/s, in the dtype at hand.

    Raises
    ------
    ValueError
        If a rate is not above 0 and finite.
    """

    name: str
    bandwidth: float
    peak: float

    def __post_init__(self) -> None:
        for field in ("bandwidth", "peak"):
            rate = getattr(self, field)
            if not (math.isfinite(rate) and rate > 0):
                raise ValueError(f"{self.name}: {field} is {rate}: expected a rate above 0")

    @property
    def ridge(self) -> float:
        """The intensity, in FLOPs/byte, from which on the arithmetic is the limit."""
        return self.peak / self.bandwidth

    def attainable(self, intensity: float) -> float:
        """Return the FLOP/s under the roof at `intensity` FLOPs/byte.

        Examples
        --------
        >>> a100 = DATA_SHEETS["a100-80gb"]
        >>> round(a100.ridge), a100.attainable(1.0) / 1e12, a100.attainable(1000.0) / 1e12
        (153, 2.039, 312.0)
        """
        return min(self.peak, self.bandwidth * intensity)

    def seconds(self, work: Work) -> float:
        """Return the least time for `work`: that of its bytes or of its FLOPs, whichever is longer.

        Examples
        --------
        >>> slow = Machine("slow", bandwidth=100.0, peak=1000.0)
        >>> slow.seconds(Work("copy", 0, 50, 1)), slow.seconds(Work("product", 5000, 50, 1))
        (0.5, 5.0)
        """
        return max(work.bytes / self.bandwidth, work.flops / self.peak)


DATA_SHEETS = {  # NVIDIA's data sheets: SXM boards of 80 GB, dense bfloat16
    "a100-80gb": Machine("A100", 2039e9, PEAK_FLOPS["a100"]),
    "h100-80gb": Machine("H100", 3350e9, PEAK_FLOPS["h100"]),
}


def measured_bandwidth(
    device: torch.device | str = "cpu", size: int = 2**28, seconds: float = 0.3
) -> dict[str, float]:
    """Return the bytes/s of three simple loops, the best of several runs each, by name.

    Each goes over tensors of `size` bytes, which must exceed the caches by far: else it is their rate. `read`
    sums one up, `copy` reads one and writes another, `triad` writes ``x + 2 y``. Bytes are counted as the
    loop asks for them; where a processor reads a line before it writes it, more are moved.

    Parameters
    ----------
    device : torch.device or str
    size : int
        Bytes of each of the three tensors.
    seconds : float
        For each loop, at least.

    Examples
    --------
    >>> sorted(measured_bandwidth(size=2**20, seconds=0.01))
    ['copy', 'read', 'triad']
    """
    x, y, z = (torch.ones(size // 4, device=device) for _ in range(3))
    loops: dict[str, tuple[Callable[[], torch.Tensor], int]] = {
        "read": (lambda: x.sum(), 1),
        "copy": (lambda: z.copy_(x), 2),
        "triad": (lambda: torch.add(x, y, alpha=2.0, out=z), 3),
    }
    found = {}
    for name, (run, tensors) in loops.items():
        run()  # the first run meets memory that was never touched
        best, begun = math.inf, time.perf_counter()
        while best == math.inf or time.perf_counter() - begun < seconds:
            start = time.perf_counter()
            run().flatten()[0].item()  # the item waits for the device
            best = min(best, time.perf_counter() - start)
        found[name] = tensors * x.nbytes / best
    return found
