"""The training loop: draw a batch, go forward and back, clip, step; nothing else.

Left out: checkpoints, exact resume and everything else that a long run needs (`minillama.training`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ..data.packing import Rows
from .llama import ReferenceLlama
from .optimizer import AdamW, clip_gradients
from .schedule import cosine


@dataclass(frozen=True)
class Step:
    """What one step did.

    Parameters
    ----------
    step : int
        Steps done so far, this one included.
    loss : float
        Mean nats per token of the batch, before the update.
    lr : float
        Learning rate used.
    grad_norm : float
        Norm of the gradient before clipping.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float


def train(
    model: ReferenceLlama,
    rows: Rows,
    steps: int,
    batch_size: int = 16,
    lr: float = 5e-3,
    warmup: int = 0,
    weight_decay: float = 0.1,
    max_norm: float = 1.0,
) -> Iterator[Step]:
    """Train `model` in place, yielding each step as it is done.

    Parameters
    ----------
    model : ReferenceLlama
    rows : Rows
        Batch i of them goes into step i.
    steps : int
        Length of the run, which the schedule needs to know.
    batch_size : int
        Rows per step.
    lr : float
        Peak learning rate: a linear warm-up to it, then a cosine down to a tenth (see `cosine`).
    warmup : int
        Steps of warm-up.
    weight_decay : float
        Of `AdamW`.
    max_norm : float
        Gradients longer than this are scaled down to it.

    Yields
    ------
    Step

    Raises
    ------
    ArithmeticError
        If loss or gradient are no longer finite; the weights are as before that step.

    References
    ----------
    Touvron et al. 2023, LLaMA, arXiv 2302.13971, section 2.3.

    Examples
    --------
    >>> from ..config import LlamaConfig
    >>> from ..data.packing import stream
    >>> model = ReferenceLlama(LlamaConfig(8, dim=16, n_layers=1, n_heads=2, n_kv_heads=1, hidden_dim=32))
    >>> rows = stream([[1, 2, 3, 4, 5, 6, 7] * 20], seq_len=16)
    >>> losses = [step.loss for step in train(model, rows, steps=20, batch_size=4, lr=1e-2)]
    >>> losses[-1] < losses[0] / 2
    True
    """
    optimizer = AdamW(weight_decay=weight_decay)
    for step in range(steps):
        loss, grads = model.loss_and_grads(*rows.batch(step, batch_size))
        norm = clip_gradients(grads, max_norm)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise ArithmeticError(
                f"step {step + 1}: the loss is {loss}, the gradient's norm {norm}; weights are as before it"
            )
        rate = lr * cosine(step, steps, warmup)
        optimizer.update(model.weights, grads, rate)
        yield Step(step + 1, loss, rate, norm)
