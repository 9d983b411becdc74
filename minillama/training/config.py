"""How to train: `TrainConfig`, every option of a run, checked when it is made.

Left out: what the run reads (`minillama.data`), the shape of the model (`LlamaConfig`) and how it is spread
over processes (`Placement`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..fields import known_fields, set_positive_number, set_whole_number
from .precision import DTYPES

FREE_TO_CHANGE = ("checkpoint_every", "evaluate_every", "evaluate_rows", "sample_every", "recompute")
"""Fields that a resumed run may have otherwise: they decide what is shown and kept, not what comes out."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults are LLaMA's where it says (arXiv 2302.13971, section 2.3).

    Parameters
    ----------
    steps : int
        Optimiser steps in the whole run.
    batch_size : int
        Rows per step, over all micro-batches and processes.
    lr : float
        Peak learning rate.
    warmup : int
        Steps of linear warm-up.
    min_lr : float
        Learning rate at the end, as a share of the peak.
    weight_decay, beta1, beta2, eps : float
        Of AdamW.
    grad_clip : float
        Largest norm of the gradient over all parameters; longer ones are scaled down to it.
    checkpoint_every : int
        Steps between checkpoints; 0 writes only where the caller asks.
    accumulate : int
        Micro-batches that a step's rows are cut into: less memory, the same gradient.
    dtype : str
        ``"float32"``: as the weights are. ``"bfloat16"`` and ``"float16"``: matrix products in 16 bits, by
        autocast; weights and optimiser stay as they are. float16 scales the loss (see `LossScale`).
    z_loss : float
        Weight of ``(log Z)**2``, which holds the logits near zero; PaLM: 1e-4. LLaMA has none.
    mask_documents : bool
        A position sees its own document only, where a row holds several.
    decay_embeddings : bool
        The embedding is decayed as the other matrices are.
    on_spike : str
        What to do where loss or gradient jump (see `SpikeWatch`): ``"log"`` it, or ``"skip"`` the update.
    spike_deviations : float
        How many robust standard deviations above the median make a jump.
    evaluate_every, sample_every : int
        Steps between readings of the held-out loss, and between samples; 0: never.
    evaluate_rows : int
        Held-out rows in each reading.
    recompute : bool
        Keep a block's input alone for the backward pass and compute the rest again: less memory, a third more
        arithmetic, the same numbers (see `recompute_blocks`).
    compile : bool
        Let `torch.compile` fuse what it can: slow to begin, then faster.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> TrainConfig(steps=100).beta2
    0.95
    """

    steps: int
    batch_size: int = 16
    lr: float = 3e-4
    warmup: int = 0
    min_lr: float = 0.1
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    grad_clip: float = 1.0
    checkpoint_every: int = 0
    accumulate: int = 1
    dtype: str = "float32"
    z_loss: float = 0.0
    mask_documents: bool = False
    decay_embeddings: bool = True
    on_spike: str = "log"
    spike_deviations: float = 10.0
    evaluate_every: int = 0
    evaluate_rows: int = 64
    sample_every: int = 0
    recompute: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "evaluate_rows"):
            set_whole_number(self, name, at_least=1)
        for name in ("warmup", "checkpoint_every", "evaluate_every", "sample_every"):
            set_whole_number(self, name, at_least=0)
        for name in ("lr", "eps", "grad_clip", "spike_deviations"):
            set_positive_number(self, name)
        for name, below in {"weight_decay": math.inf, "z_loss": math.inf, "beta1": 1, "beta2": 1}.items():
            _check_range(self, name, 0 <= getattr(self, name) < below, f"at least 0 and below {below}")
        _check_range(self, "min_lr", 0 <= self.min_lr <= 1, "a share of the peak, from 0 to 1")
        _check_range(self, "dtype", self.dtype in DTYPES, f"one of {', '.join(DTYPES)}")
        _check_range(self, "on_spike", self.on_spike in ("log", "skip"), "'log' or 'skip'")
        for name in ("mask_documents", "decay_embeddings", "recompute", "compile"):
            _check_range(self, name, isinstance(getattr(self, name), bool), "True or False")
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of accumulate {self.accumulate}:"
                " every micro-batch holds the same number of rows"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Build a configuration from `to_dict`'s result or part of it; unknown keys are an error.

        Examples
        --------
        >>> TrainConfig.from_dict({"steps": 3, "acumulate": 2})
        Traceback (most recent call last):
            ...
        ValueError: TrainConfig has no field acumulate: did you mean accumulate?
        """
        return cls(**known_fields(cls, values))

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain values, ready for JSON."""
        return dataclasses.asdict(self)

    def changes(self, other: TrainConfig) -> list[str]:
        """Name the fields of `other` by which a run would compute something else, with both values.

        Examples
        --------
        >>> TrainConfig(100).changes(TrainConfig(100, lr=1e-3, checkpoint_every=5))
        ['lr (0.0003 to 0.001)']
        """
        return [
            f"{name} ({mine} to {theirs})"
            for name, mine in self.to_dict().items()
            if name not in FREE_TO_CHANGE and (theirs := getattr(other, name)) != mine
        ]


def _check_range(config: TrainConfig, name: str, fits: bool, expected: str) -> None:
    if not fits:
        raise ValueError(f"{name} is {getattr(config, name)!r}: expected {expected}")
