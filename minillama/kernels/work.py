"""What each operation of a model computes and moves at least, by formula: the rows of a roofline.

    forward_work(cfg, batch, seq_len)      one row an operation: FLOPs, bytes, calls
    training_work(cfg, batch, seq_len)     forward, loss, backward and the optimiser

FLOPs: each addition, subtraction, multiplication, division, root, exponential and logarithm is one; signs,
comparisons and copies are none. A sum of n terms takes n additions, so a product of matrices takes two for
each weight and row, as everywhere. Bytes: each input is read once and each output written once, however
often an implementation goes over them. A fused kernel can move as little; `minillama.kernels.traffic` counts.

Left out: the mask's making, the cache's copies, a tied embedding's two gradients meeting, sums of partial
results; and everything that a follower of the template added.

References
----------
Intensity: Williams, Waterman, Patterson 2009, as in `roofline.py`. The backward pass of attention: Dao et al.
2022, arXiv 2205.14135, algorithm 4 (scores are computed again: five products where forward has two).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ..accounting import count_parameters
from ..config import LlamaConfig

INDEX = 8  # bytes of a token id
STATISTIC = 4  # bytes of the float32 number a row that norms, attention and loss keep for the way back


@dataclass(frozen=True)
class Work:
    """What all calls of one operation compute, and move at least.

    Attributes
    ----------
    name : str
        As in `minillama.kernels.ops`, or the weights of a matrix product.
    flops, bytes : int
        Of all calls together.
    calls : int

    Examples
    --------
    >>> Work("swiglu", flops=400, bytes=1200, calls=2).intensity
    0.3333333333333333
    """

    name: str
    flops: int
    bytes: int
    calls: int

    @property
    def intensity(self) -> float:
        """FLOPs for each byte."""
        return self.flops / self.bytes


def linear(name: str, N: int, I: int, O: int, size: int, calls: int = 1) -> Work:  # noqa: E741
    """Return the work of `calls` products of (N, I) by a weight (O, I), `size` bytes a number.

    Examples
    --------
    >>> linear("wq", N=1, I=4096, O=4096, size=2).intensity  # a token: a multiply-add for each weight read
    0.9995119570522206
    """
    return Work(name, calls * 2 * N * I * O, calls * size * (N * I + I * O + N * O), calls)


def forward_work(
    cfg: LlamaConfig, batch: int, seq_len: int, past: int = 0, dtype: torch.dtype = torch.float32
) -> list[Work]:
    """Return the operations of one forward pass, logits for every position, in the order they first run.

    Parameters
    ----------
    cfg : LlamaConfig
    batch, seq_len : int
        B sequences of T new tokens.
    past : int
        Tokens in the key/value cache; T = 1 is a step of decoding.
    dtype : torch.dtype
        Of weights and activations.

    Returns
    -------
    list of Work
        Layers folded into one row an operation; matrices of one shape, either way round, too.

    Raises
    ------
    ValueError
        If a count is not possible, or the configuration is beyond LLaMA 1 to 3.

    Examples
    --------
    >>> cfg = LlamaConfig.named("llama-2-7b")
    >>> token = forward_work(cfg, batch=1, seq_len=1, past=1000, dtype=torch.bfloat16)
    >>> round(sum(work.bytes for work in token) / 1e9, 2)  # 13.2 of weights, 0.5 of cache
    13.75
    """
    sizes = _Sizes(cfg, batch, seq_len, past, dtype)
    return [*sizes.body(backward=False, kept=False), *sizes.head(kept=False)[:1]]


def training_work(
    cfg: LlamaConfig, batch: int, seq_len: int, dtype: torch.dtype = torch.float32
) -> list[Work]:
    """Return the operations of one training step: forward, loss, backward, AdamW.

    Names of backward rows end in "backward". The parameters of AdamW, their gradients and both means are
    float32 whatever the dtype: 28 bytes each. Attention computes its scores again on the way back; nothing
    else is computed twice.

    Examples
    --------
    >>> rows = training_work(LlamaConfig.named("llama-2-7b"), batch=1, seq_len=4096, dtype=torch.bfloat16)
    >>> products = [work for work in rows if work.name.startswith(("w", "output"))]
    >>> share = sum(work.flops for work in products) / sum(work.flops for work in rows)
    >>> round(share, 2)
    0.91
    """
    sizes = _Sizes(cfg, batch, seq_len, 0, dtype)
    n_params = count_parameters(cfg).total
    return [
        *sizes.body(backward=False, kept=True),
        *sizes.head(kept=True),
        *sizes.head_backward(),
        *sizes.body(backward=True, kept=True),
        Work("adamw", 14 * n_params, 28 * n_params, 1),
    ]


@dataclass(frozen=True)
class _Sizes:
    """The formulas, for one shape. Letters as in `minillama.kernels.eager`; b is the bytes of a number."""

    cfg: LlamaConfig
    B: int
    T: int
    past: int
    dtype: torch.dtype

    def __post_init__(self) -> None:
        unknown = [*self.cfg.extensions]
        unknown += [
            name for name in ("qk_norm", "attention_bias", "sliding_window") if getattr(self.cfg, name)
        ]
        if unknown:
            raise ValueError(f"no formula for {', '.join(unknown)}: leave them at their defaults")
        if min(self.B, self.T) < 1 or self.past < 0:
            raise ValueError(
                f"batch {self.B}, seq_len {self.T}, past {self.past}: expected at least 1, 1 and 0"
            )

    def body(self, backward: bool, kept: bool) -> list[Work]:
        """List embedding, blocks and last norm; if `kept`, what the way back needs is written too."""
        cfg, N, b = self.cfg, self.B * self.T, self.dtype.itemsize
        C, F, D, H, K, L = cfg.dim, cfg.hidden_dim, cfg.head_dim, cfg.n_heads, cfg.n_kv_heads, cfg.n_layers
        statistics = STATISTIC * N if kept else 0
        rows, weight, angles = b * N * C, b * C, b * self.T * D  # bytes; cosines and sines
        pairs = self.B * H * (self.T * self.past + self.T * (self.T + 1) // 2)  # scores that the mask keeps
        queries, keys = b * N * H * D, b * self.B * (self.past + self.T) * K * D  # bytes
        turned = N * (H + K) * D  # numbers

        def row(name: str, flops: int, moved: int, calls: int) -> Work:
            return Work(name, calls * flops, calls * moved, calls)

        heads = [linear("wq wo", N, C, H * D, b, 2 * L), linear("wk wv", N, C, K * D, b, 2 * L)]
        feed_forward = linear("w_gate w_up w_down", N, C, F, b, 3 * L)
        rope = row("rope", 3 * turned, 2 * b * turned + angles, L)
        add = row("add", N * C, 3 * rows, L)
        if not backward:
            attended = 2 * (queries + keys) + statistics * H
            return [
                row("embedding", 0, INDEX * N + 2 * rows, 1),
                row("rms_norm", N * (4 * C + 4), 2 * rows + weight + statistics, L + 1),
                *heads,
                rope,
                row("attention", pairs * (4 * D + 5), attended, L),
                row("add_rms_norm", N * (5 * C + 4), 4 * rows + weight + statistics, L),
                feed_forward,
                row("swiglu", 4 * N * F, 3 * b * N * F, L),
                add,
            ]
        attended = 4 * (queries + keys) + statistics * H
        rows_back = [
            row("rms_norm", N * (9 * C + 1), 3 * rows + 2 * weight + statistics, L + 1),
            add,  # where the stream forks, its two gradients meet
            row("swiglu", 10 * N * F, 5 * b * N * F, L),
            _both(feed_forward),
            row("add_rms_norm", N * (10 * C + 1), 4 * rows + 2 * weight + statistics, L),
            row("attention", pairs * (10 * D + 6) + 2 * N * H * D, attended, L),
            rope,
            *map(_both, heads),
            row("embedding", N * C, INDEX * N + rows + b * cfg.vocab_size * C, 1),
        ]
        return [replace(work, name=f"{work.name} backward") for work in rows_back]

    def head(self, kept: bool) -> list[Work]:
        """List the logits and their loss."""
        N, V, b = self.B * self.T, self.cfg.vocab_size, self.dtype.itemsize
        log_z = STATISTIC * N if kept else 0
        moved = b * N * V + (INDEX + STATISTIC) * N + log_z
        return [
            linear("output", N, self.cfg.dim, V, b),
            Work("cross_entropy", N * (3 * V + 3), moved, 1),
        ]

    def head_backward(self) -> list[Work]:
        """List the gradient of the logits, in their place, and both products."""
        output, _ = self.head(kept=True)
        N, V, b = self.B * self.T, self.cfg.vocab_size, self.dtype.itemsize
        moved = 2 * b * N * V + (INDEX + STATISTIC) * N
        return [
            Work("cross_entropy backward", N * (3 * V + 1), moved, 1),
            replace(_both(output), name="output backward"),
        ]


def _both(product: Work) -> Work:
    """Return the two products of the way back: the gradients of input and weight cost what forward costs."""
    return Work(product.name, 2 * product.flops, 2 * product.bytes, 2 * product.calls)
