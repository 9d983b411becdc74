"""Sixteen bits in training: which operations run in them, and the loss scale that float16 needs.

    format     sign exponent fraction   largest     smallest normal   step above 1
    float32     1      8       23       3.4e38        1.2e-38           1.2e-7
    bfloat16    1      8        7       3.4e38        1.2e-38           7.8e-3
    float16     1      5       10       65504         6.1e-5            9.8e-4

Weights, gradients and the optimiser's state stay in float32 ("master weights"): autocast casts what enters a
matrix product. bfloat16 has float32's range and needs nothing else. In float16 small gradients become zero on
their way back, so the loss is multiplied by a large number first, and the gradient divided by it afterwards.

References
----------
Micikevicius et al. 2018, Mixed Precision Training, arXiv 1710.03740, section 3.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SMALLEST_SCALE = 1.0


def autocast(device: torch.device, dtype: str) -> AbstractContextManager[object]:
    """Return a context in which matrix products run in `dtype`; nothing is changed by ``"float32"``."""
    if dtype == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=DTYPES[dtype])


@dataclass
class LossScale:
    """The number that a float16 run multiplies its loss by, and how it moves.

    Where a gradient overflows, its step is left out and the scale is halved; after `growth_interval` steps
    without that it is doubled. The same rule and numbers as torch.amp.GradScaler's; here the trainer tells
    whether it overflowed, because it alone knows the gradient's norm over all processes.

    Parameters
    ----------
    scale : float
        A power of two, so that multiplying and dividing by it rounds nothing.
    good_steps : int
        Since the scale last moved.
    growth_interval : int
        Steps.

    Examples
    --------
    >>> scale = LossScale(growth_interval=2)
    >>> [scale.update(overflowed) or scale.scale for overflowed in (True, False, False, False)]
    [32768.0, 32768.0, 65536.0, 65536.0]
    """

    scale: float = 2.0**16
    good_steps: int = 0
    growth_interval: int = 2000

    def update(self, overflowed: bool) -> None:
        """Move the scale after a step."""
        if overflowed:
            self.scale, self.good_steps = self.scale / 2, 0
            return
        self.good_steps += 1
        if self.good_steps == self.growth_interval:
            self.scale, self.good_steps = self.scale * 2, 0
