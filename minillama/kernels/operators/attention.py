"""Attention of a sequence on itself, and of one new token on a paged cache, as operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .. import checks, eager
from .backend import Backend, Uncovered, accumulator, define, like


def attention(backend: Backend) -> Callable[..., Tensor]:
    """Make ``attention(q, k, v, mask) -> out``; the mask is None or the first key that a query may see."""
    raw = backend.raw

    def forward(q: Tensor, k: Tensor, v: Tensor, first: Tensor | None) -> tuple[Tensor, Tensor]:
        return raw.attention(q, k, v, first)

    def fake(q: Tensor, k: Tensor, v: Tensor, first: Tensor | None) -> tuple[Tensor, Tensor]:
        return torch.empty_like(q), q.new_empty(q.shape[:3], dtype=accumulator(q.dtype))

    def gradient(
        dout: Tensor, q: Tensor, k: Tensor, v: Tensor, first: Tensor | None, out: Tensor, lse: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        return raw.attention_backward(dout, q, k, v, first, out, lse)

    def fake_gradient(
        dout: Tensor, q: Tensor, k: Tensor, v: Tensor, first: Tensor | None, out: Tensor, lse: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        return torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)

    backward_operator = define(backend, "attention_backward", gradient, fake_gradient)

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        q, k, v, first = inputs
        out, lse = output
        ctx.save_for_backward(q, k, v, first, out, lse)

    def backward(ctx: Any, dout: Tensor, _: Tensor) -> Any:
        if dout.stride(-1) != 1:
            dout = dout.contiguous()
        return *backward_operator(dout, *ctx.saved_tensors), None

    operator = define(backend, "attention", forward, fake, backward, save)

    def checked(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        checks.attention(q, k, v, mask)
        if hasattr(raw, "attends") and not raw.attends(q):
            return eager.attention(q, k, v, mask)
        backend.accepts(q=q, k=k, v=v, mask=mask)
        if mask is not None:
            if mask.dtype == torch.bool:
                raise Uncovered(
                    f"mask has dtype {mask.dtype}: the {backend.name} backend expects None or integers, the"
                    " first key that each query may see; the eager backend takes any mask"
                )
            mask = (mask if mask.dim() == 2 else mask[None]).to(torch.int32).contiguous()  # (1 or B, T)
        return operator(q, k, v, mask)[0]

    return checked


def paged_attention(backend: Backend) -> Callable[..., Tensor]:
    """Make ``paged_attention(q, k_pages, v_pages, pages, lengths) -> out``, without gradient."""
    raw = backend.raw

    def forward(q: Tensor, k_pages: Tensor, v_pages: Tensor, pages: Tensor, lengths: Tensor) -> Tensor:
        return raw.paged_attention(q, k_pages, v_pages, pages, lengths)

    def fake(q: Tensor, k_pages: Tensor, v_pages: Tensor, pages: Tensor, lengths: Tensor) -> Tensor:
        return like(q)

    operator = define(backend, "paged_attention", forward, fake)

    def checked(q: Tensor, k_pages: Tensor, v_pages: Tensor, pages: Tensor, lengths: Tensor) -> Tensor:
        checks.paged_attention(q, k_pages, v_pages, pages, lengths)
        backend.accepts(q=q, k_pages=k_pages, v_pages=v_pages, pages=pages, lengths=lengths)
        return operator(q, k_pages, v_pages, pages.to(torch.int32), lengths.to(torch.int32))

    return checked
