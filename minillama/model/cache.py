"""The key/value cache: what attention has computed for earlier positions, kept for later ones.

layer 0   keys   (B, K, capacity, D)   values (B, K, capacity, D)
layer 1   ...                          filled from the left; `length` positions are valid
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..config import LlamaConfig


class KVCache:
    """Keys and values of one batch of sequences, for every layer.

    Parameters
    ----------
    cfg : LlamaConfig
    batch : int
        Number of sequences.
    capacity : int, optional
        Positions to make room for; `cfg.max_seq_len` by default.
    dtype, device : optional
        Of the stored tensors; they must be the model's.

    Attributes
    ----------
    length : int
        Positions filled so far; the next token has this position.

    Examples
    --------
    >>> KVCache(LlamaConfig(), batch=1, capacity=16).length
    0
    """

    def __init__(
        self,
        cfg: LlamaConfig,
        batch: int,
        capacity: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.capacity = cfg.max_seq_len if capacity is None else capacity
        self.length = 0
        shape = (cfg.n_layers, batch, cfg.n_kv_heads, self.capacity, cfg.head_dim)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros(shape, dtype=dtype, device=device)

    def extend(
        self, layer: int, k: Float[Tensor, "B K T D"], v: Float[Tensor, "B K T D"]
    ) -> tuple[Float[Tensor, "B K S D"], Float[Tensor, "B K S D"]]:
        """Store `k` and `v` of `layer` behind what is there; return all S = length + T positions.

        `length` stays: the model advances it once, after its last layer.
        """
        end = self.length + k.shape[2]
        if end > self.capacity:
            raise ValueError(
                f"the cache holds {self.capacity} positions, {end} were asked for: make it larger"
            )
        self.keys[layer, :, :, self.length : end] = k
        self.values[layer, :, :, self.length : end] = v
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]
