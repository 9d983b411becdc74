"""What a device could do: the measured peak that a run's speed is held against."""

from __future__ import annotations

import time

import torch

from .precision import DTYPES


def peak_flops(device: torch.device, dtype: str, seconds: float = 0.3) -> float:
    """Return the FLOP/s of the best of several large matrix products on `device`, in `dtype`.

    Products are made larger until one takes `seconds / 10`. A share of this peak is no MFU by the data sheet:
    it says how much of the time goes into anything but matrix products, and can be had on any machine.
    `minillama.accounting.PEAK_FLOPS` has data sheets.

    Examples
    --------
    >>> peak_flops(torch.device("cpu"), "float32", seconds=0.01) > 1e6
    True
    """
    best, begun, size = 0.0, time.perf_counter(), 128
    a = torch.ones(size, size, dtype=DTYPES[dtype], device=device)
    while best == 0.0 or time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        (a @ a)[0, 0].item()  # the item waits for the device
        took = time.perf_counter() - start
        best = max(best, 2 * size**3 / took)
        if took < seconds / 10:
            size *= 2
            a = torch.ones(size, size, dtype=a.dtype, device=device)
    return best
