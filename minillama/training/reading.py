"""From rows to what a process computes on: the micro-batches of a step, and the loss on held-out rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from ..data.packing import IGNORE_INDEX, Batches
from .config import TrainConfig
from .placement import LossSums, Placement
from .precision import autocast


@dataclass(frozen=True)
class MicroBatch:
    """Rows that go through the model at once: this process's share of a part of a batch.

    Parameters
    ----------
    tokens, targets : int64 tensors, shape (B, T)
    documents : int64 tensor, shape (B, T), optional
        Where positions are to see their own document only.
    """

    tokens: Int[Tensor, "B T"]
    targets: Int[Tensor, "B T"]
    documents: Int[Tensor, "B T"] | None


def micro_batches(
    rows: Batches, index: int, config: TrainConfig, placement: Placement, device: torch.device
) -> list[MicroBatch]:
    """Return batch number `index`, cut into `config.accumulate` micro-batches.

    The batch does not depend on how it is cut, nor on how many processes share it.
    """
    arrays = list(rows.batch(index, config.batch_size))
    if config.mask_documents:
        arrays.append(rows.documents(index, config.batch_size))
    parts = (np.split(array, config.accumulate) for array in arrays)
    return [_placed(part, placement, device) for part in zip(*parts, strict=True)]


def evaluate(
    loss_sums: LossSums,
    rows: Batches,
    count: int | None,
    config: TrainConfig,
    placement: Placement,
    device: torch.device,
) -> float:
    """Return the mean loss in nats per target over the first `count` rows of the first epoch (None: all).

    As many rows at a time as in training, and the last ones filled up with rows that do not count, so that
    every process has the same work.
    """
    count = len(rows) if count is None else min(count, len(rows))
    at_once = config.batch_size // config.accumulate
    sums = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad(), autocast(device, config.dtype):
        for arrays in _pieces(rows, count, at_once, config.mask_documents):
            micro = _placed(arrays, placement, device)
            _, nats = loss_sums(micro.tokens, micro.targets, micro.documents, 0.0)
            counted = (micro.targets != IGNORE_INDEX).sum()
            sums += placement.total(torch.stack([nats, counted.to(nats.dtype)])).cpu()
    return float(sums[0] / sums[1])


def _placed(arrays: tuple[np.ndarray, ...], placement: Placement, device: torch.device) -> MicroBatch:
    """Take this process's share of tokens, targets and perhaps documents, and bring it to the device."""
    shares = [torch.from_numpy(np.ascontiguousarray(placement.rows(array))).to(device) for array in arrays]
    return MicroBatch(shares[0], shares[1], shares[2] if len(shares) > 2 else None)


def _pieces(
    rows: Batches, count: int, at_once: int, with_documents: bool
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield `count` rows in pieces of `at_once`; row number i is batch number i of one row."""
    for start in range(0, count, at_once):
        size, first = (at_once, start // at_once) if start + at_once <= count else (1, start)
        last = first + 1 if size == at_once else count
        parts = [
            (*rows.batch(i, size), *([rows.documents(i, size)] if with_documents else []))
            for i in range(first, last)
        ]
        tokens, targets, *documents = (np.concatenate(part) for part in zip(*parts, strict=True))
        missing = ((0, at_once - len(tokens)), (0, 0))
        yield (
            np.pad(tokens, missing),
            np.pad(targets, missing, constant_values=IGNORE_INDEX),
            *(np.pad(array, missing) for array in documents),
        )
