"""Every operation by each contestant of `bench gpu`, forward and backward, with the least it must move.

Shapes are those of one layer of a model and of its head; decoding has its own. Tensors are drawn anew for
every call, outside what is timed: some implementations write over their inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from ... import kernels
from ...config import LlamaConfig
from ...kernels import eager, ops
from ...kernels.eager import INT4_BLOCK
from ...kernels.work import Work, training_work
from ...model.rope import rope_table

PAGE = 16  # positions in a page of the cache
OF_LIGER = ("rms_norm", "add_rms_norm", "rope", "swiglu", "cross_entropy")
Function = Callable[..., Any]


@dataclass(frozen=True)
class Sizes:
    """How large the operations' tensors are.

    Attributes
    ----------
    cfg : LlamaConfig
    batch, seq_len : int
        Of training.
    sequences, cached : int
        Of a step of decoding: sequences, and positions of each in the cache.
    parameters : int
        Of AdamW, in four square matrices.
    """

    cfg: LlamaConfig
    batch: int
    seq_len: int
    sequences: int
    cached: int
    parameters: int


@dataclass(frozen=True)
class Timed:
    """Something to time: ``work(prepare())``, of which `prepare` is not timed."""

    prepare: Callable[[], Any]
    work: Callable[[Any], object]


@dataclass(frozen=True)
class Case:
    """An operation and its arguments: the first few of them get gradients, and are cloned for every call."""

    name: str
    arguments: tuple[Any, ...]
    with_gradient: int = 0

    def fresh(self) -> tuple[Any, ...]:
        """Return the arguments for a call."""
        first, rest = self.arguments[: self.with_gradient], self.arguments[self.with_gradient :]
        return (*(x.clone().requires_grad_() for x in first), *rest)

    def forward(self, function: Function) -> Timed:
        """Return the call itself; what the way back needs is kept."""
        return Timed(self.fresh, lambda arguments: function(*arguments))

    def backward(self, function: Function) -> Timed:
        """Return the way back alone."""

        def prepare() -> Any:
            arguments = self.fresh()
            results = function(*arguments)
            results = results if isinstance(results, tuple) else (results,)
            outputs = [x for x in results if isinstance(x, Tensor) and x.requires_grad]
            return outputs, arguments[: self.with_gradient], [torch.ones_like(x) for x in outputs]

        return Timed(prepare, lambda given: torch.autograd.grad(*given))


def cases(sizes: Sizes, device: torch.device, dtype: torch.dtype, seed: int) -> list[Case]:
    """Draw the arguments of every operation."""
    chance = torch.Generator(device).manual_seed(seed)

    def draw(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        return torch.randn(*shape, generator=chance, device=device).to(dtype)

    def whole(high: int, *shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
        return torch.randint(0, high, shape, generator=chance, device=device).to(dtype)

    cfg, B, T, S = sizes.cfg, sizes.batch, sizes.seq_len, sizes.sequences
    N, C, F, V, H, K, D = (
        B * T,
        cfg.dim,
        cfg.hidden_dim,
        cfg.vocab_size,
        cfg.n_heads,
        cfg.n_kv_heads,
        cfg.head_dim,
    )
    cos, sin = rope_table(cfg, 0, T, dtype, device)
    q, k, v = (draw(B, T, heads, D).transpose(1, 2) for heads in (H, K, K))  # as the model has them
    pages = torch.randperm(S * sizes.cached // PAGE, generator=chance, device=device).to(torch.int32)
    lengths = torch.full((S,), sizes.cached, dtype=torch.int32, device=device)
    side = int((sizes.parameters // 4) ** 0.5)
    lists = [[draw(side, side, dtype=torch.float32) for _ in range(4)] for _ in range(4)]
    lists[3] = [square.abs() for square in lists[3]]
    return [
        Case("rms_norm", (draw(N, C), draw(C), cfg.norm_eps), 2),
        Case("add_rms_norm", (draw(N, C), draw(N, C), draw(C), cfg.norm_eps), 3),
        Case("rope", (q, k, cos, sin), 2),
        Case("attention", (q, k, v), 3),
        Case("swiglu", (draw(N, F), draw(N, F)), 2),
        Case("cross_entropy", (draw(N, V), whole(V, N)), 1),
        Case("adamw", (*lists, 10, 1e-3, 0.9, 0.95, 1e-8, 0.1)),
        Case(
            "paged_attention",
            (draw(S, H, D), *(draw(len(pages), K, PAGE, D) for _ in range(2)), pages.view(S, -1), lengths),
        ),
        Case(
            "int8_matvec",
            (draw(1, C), whole(255, F, C, dtype=torch.int8), draw(F, dtype=torch.float32)),
        ),
        Case(
            "int4_matvec",
            (
                draw(1, C),
                whole(255, F, C // 2, dtype=torch.uint8),
                draw(F, C // INT4_BLOCK, dtype=torch.float16),
            ),
        ),
    ]


def least(sizes: Sizes, dtype: torch.dtype) -> dict[str, Work]:
    """Return what one call of each operation computes and moves at least, by name."""
    cfg, S, b = sizes.cfg.replace(n_layers=1), sizes.sequences, dtype.itemsize
    rows = {
        work.name: replace(work, flops=work.flops // work.calls, bytes=work.bytes // work.calls, calls=1)
        for work in training_work(cfg, sizes.batch, sizes.seq_len, dtype)
    }
    C, F, H, K, D = cfg.dim, cfg.hidden_dim, cfg.n_heads, cfg.n_kv_heads, cfg.head_dim
    vectors, cached = b * (C + F), S * sizes.cached
    tables = 4 * (S + cached // PAGE)  # lengths, and the numbers of pages
    own = [
        Work("adamw", 14 * sizes.parameters, 28 * sizes.parameters, 1),
        Work("paged_attention", cached * H * (4 * D + 5), 2 * b * (cached * K * D + S * H * D) + tables, 1),
        Work("int8_matvec", 2 * C * F, C * F + 4 * F + vectors, 1),
        Work("int4_matvec", 2 * C * F, C * F * 9 // 16 + vectors, 1),
    ]
    return rows | {work.name: work for work in own}


def functions(name: str, backend: str) -> dict[str, Callable[[], Function]]:
    """Return how to get operation `name` from each contestant that has it."""

    def ours() -> Function:
        kernels.use(backend)
        function: Function = getattr(ops, name)
        return function

    plain: Function = getattr(eager, name)
    theirs = {"liger": lambda: liger()[name]} if name in OF_LIGER else {}
    return {"eager": lambda: plain, "torch.compile": lambda: torch.compile(plain), **theirs, "ours": ours}


def liger() -> dict[str, Function]:
    """Return the operations of Liger-Kernel, called as ours are.

    Its cross-entropy computes the gradient on the way forward, in the place of the logits.
    """
    theirs = import_module("liger_kernel.ops")

    def rope(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> Any:
        return theirs.LigerRopeFunction.apply(q, k, cos, sin, None, 1, q.shape[-1])

    return {
        "rms_norm": lambda x, weight, eps: theirs.LigerRMSNormFunction.apply(
            x, weight, eps, 0.0, "llama", False
        ),
        "add_rms_norm": lambda x, residual, weight, eps: theirs.LigerFusedAddRMSNormFunction.apply(
            x, residual, weight, eps, 0.0, "llama", False
        ),
        "rope": rope,
        "swiglu": lambda gate, up: theirs.LigerSiLUMulFunction.apply(gate, up),
        "cross_entropy": lambda logits, targets: theirs.LigerCrossEntropyFunction.apply(
            logits, targets, None, -100, 0.0, 0.0, "sum"
        )[0],
    }
