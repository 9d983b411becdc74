"""What is compiled and measured: each raw operation of a backend, at the sizes of a model.

    inputs, outputs = CASES["swiglu"](raw, Tensors("meta", torch.bfloat16), LLAMA)

calls ``raw.swiglu`` with tensors of these sizes. On the device "meta" they have no data, and a recorded
launch is all that comes of it; on the CPU they hold numbers, and the interpreter runs.

A case returns what it read and what it wrote: their bytes, each once, are the least that can move.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..eager import INT4_BLOCK

EPS = 1e-5
Found = tuple[Iterable[Tensor], Iterable[Tensor]]  # inputs, outputs


@dataclass(frozen=True)
class Sizes:
    """Sizes of a batch and of a model, in the letters of the book.

    Attributes
    ----------
    B, T : int
        Sequences and positions, of training.
    C, H, K, D, F, V : int
        Width, heads, heads of keys and values, width of a head, of the feed-forward layer, tokens.
    rows : int
        Of logits at once: the chunk of the chunked loss.
    page : int
        Positions of a page of the cache, from which decoding reads T positions.
    window : int
        Keys that a query sees at most in the cases named so.
    """

    B: int
    T: int
    C: int
    H: int
    K: int
    D: int
    F: int
    V: int
    rows: int
    page: int
    window: int

    @property
    def N(self) -> int:
        """Tokens of the batch."""
        return self.B * self.T


LLAMA = Sizes(B=2, T=4096, C=4096, H=32, K=8, D=128, F=11008, V=32000, rows=512, page=16, window=1024)
"""LLaMA 2 7B's widths, two sequences of 4,096; but 8 key/value heads, so that groups are compiled too."""

THIN = Sizes(B=1, T=16, C=4096, H=8, K=2, D=128, F=11008, V=32000, rows=8, page=4, window=6)
"""As wide, with few rows and heads: what the interpreter gets through in seconds."""


@dataclass(frozen=True)
class Tensors:
    """Makes tensors on a device; floats are of one dtype.

    Examples
    --------
    >>> Tensors("meta", torch.bfloat16).floats(2, 3)
    tensor(..., device='meta', size=(2, 3), dtype=torch.bfloat16)
    """

    device: str
    dtype: torch.dtype

    def floats(self, *shape: int) -> Tensor:
        """Return numbers between -1 and 1."""
        n = math.prod(shape)
        return torch.linspace(-1, 1, n, dtype=self.dtype, device=self.device).view(shape)

    def sums(self, *shape: int) -> Tensor:
        """Return zeros in float32: what norms, losses and attention keep of a row."""
        return torch.zeros(shape, device=self.device)

    def whole(self, *shape: int, below: int, dtype: torch.dtype = torch.int32) -> Tensor:
        """Return whole numbers from 0 on, and again from 0 instead of `below`."""
        return (torch.arange(math.prod(shape), device=self.device) % below).to(dtype).view(shape)

    def bits(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Return a quantised weight of zeros."""
        return torch.zeros(shape, dtype=dtype, device=self.device)


def _rms_norm(raw: Any, new: Tensors, s: Sizes) -> Found:
    inputs = new.floats(s.N, s.C), new.floats(s.C)
    return inputs, raw.rms_norm(*inputs, EPS)


def _rms_norm_backward(raw: Any, new: Tensors, s: Sizes) -> Found:
    inputs = new.floats(s.N, s.C), new.floats(s.N, s.C), new.floats(s.C), new.sums(s.N)
    return inputs, raw.rms_norm_backward(*inputs)


def _add_rms_norm(raw: Any, new: Tensors, s: Sizes) -> Found:
    inputs = new.floats(s.N, s.C), new.floats(s.N, s.C), new.floats(s.C)
    return inputs, raw.add_rms_norm(*inputs, EPS)


def _add_rms_norm_backward(raw: Any, new: Tensors, s: Sizes) -> Found:
    inputs = *(new.floats(s.N, s.C) for _ in range(3)), new.floats(s.C), new.sums(s.N)
    return inputs, raw.add_rms_norm_backward(*inputs)


def _rope(inverse: bool) -> Callable[..., Found]:
    def case(raw: Any, new: Tensors, s: Sizes) -> Found:
        q, k = (new.floats(s.B, s.T, heads, s.D).transpose(1, 2) for heads in (s.H, s.K))
        inputs = q, k, new.floats(s.T, s.D // 2), new.floats(s.T, s.D // 2)
        return inputs, raw.rope(*inputs, inverse)

    return case


def _queries_keys_values(new: Tensors, s: Sizes) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = (new.floats(s.B, s.T, heads, s.D).transpose(1, 2) for heads in (s.H, s.K, s.K))
    return q, k, v


def _first(new: Tensors, s: Sizes) -> Tensor:
    return (torch.arange(s.T, dtype=torch.int32, device=new.device) - s.window + 1).clamp(min=0)[None]


def _attention(windows: bool) -> Callable[..., Found]:
    def case(raw: Any, new: Tensors, s: Sizes) -> Found:
        inputs = _queries_keys_values(new, s)
        first = (_first(new, s),) if windows else ()
        return (*inputs, *first), raw.attention(*inputs, *(first or (None,)))

    return case


def _attention_backward(windows: bool) -> Callable[..., Found]:
    def case(raw: Any, new: Tensors, s: Sizes) -> Found:
        q, k, v = _queries_keys_values(new, s)
        dout, out = _queries_keys_values(new, s)[0], _queries_keys_values(new, s)[0]
        first, lse = (_first(new, s),) if windows else (), new.sums(s.B, s.H, s.T)
        found = raw.attention_backward(dout, q, k, v, *(first or (None,)), out, lse)
        return (dout, q, k, v, *first, out, lse), found

    return case


def _paged_attention(raw: Any, new: Tensors, s: Sizes) -> Found:
    pages = s.T // s.page
    kv = (new.floats(s.B * pages, s.K, s.page, s.D) for _ in range(2))
    table, lengths = new.whole(s.B, pages, below=s.B * pages), torch.full_like(new.whole(s.B, below=1), s.T)
    inputs = new.floats(s.B, s.H, s.D), *kv, table, lengths
    return inputs, [raw.paged_attention(*inputs)]


def _swiglu(raw: Any, new: Tensors, s: Sizes) -> Found:
    inputs = new.floats(s.N, s.F), new.floats(s.N, s.F)
    return inputs, [raw.swiglu(*inputs)]


def _swiglu_backward(raw: Any, new: Tensors, s: Sizes) -> Found:
    inputs = tuple(new.floats(s.N, s.F) for _ in range(3))
    return inputs, raw.swiglu_backward(*inputs)


def _cross_entropy(raw: Any, new: Tensors, s: Sizes) -> Found:
    inputs = new.floats(s.rows, s.V), new.whole(s.rows, below=s.V, dtype=torch.int64)
    return inputs, raw.cross_entropy(*inputs)


def _cross_entropy_backward(raw: Any, new: Tensors, s: Sizes) -> Found:
    logits, targets = new.floats(s.rows, s.V), new.whole(s.rows, below=s.V, dtype=torch.int64)
    inputs = new.sums(), logits, targets, new.sums(s.rows)
    raw.cross_entropy_backward(*inputs, 0.0, logits)
    return inputs, [logits]


def _int8_matvec(raw: Any, new: Tensors, s: Sizes) -> Found:
    inputs = new.floats(1, s.H * s.D), new.bits(s.C, s.H * s.D, dtype=torch.int8), new.floats(s.C)
    return inputs, [raw.int8_matvec(*inputs)]


def _int4_matvec(raw: Any, new: Tensors, s: Sizes) -> Found:
    weight = new.bits(s.C, s.H * s.D // 2, dtype=torch.uint8)
    inputs = new.floats(1, s.H * s.D), weight, new.floats(s.C, s.H * s.D // INT4_BLOCK)
    return inputs, [raw.int4_matvec(*inputs)]


def _adamw(raw: Any, new: Tensors, s: Sizes) -> Found:
    gradient = new.floats(s.N, s.C)  # the dtype of training; what is updated is float32
    kept = [new.sums(s.N, s.C) for _ in range(3)]
    tensors = ([kept[0]], [gradient], [kept[1]], [kept[2]])
    raw.adamw(*tensors, 10, 3e-4, 0.9, 0.95, 1e-8, 0.1)
    return [gradient, *kept], kept


CASES: dict[str, Callable[[Any, Tensors, Sizes], Found]] = {
    "rms_norm": _rms_norm,
    "rms_norm backward": _rms_norm_backward,
    "add_rms_norm": _add_rms_norm,
    "add_rms_norm backward": _add_rms_norm_backward,
    "rope": _rope(False),
    "rope backward": _rope(True),
    "attention": _attention(False),
    "attention backward": _attention_backward(False),
    "attention windows": _attention(True),
    "attention windows backward": _attention_backward(True),
    "paged_attention": _paged_attention,
    "swiglu": _swiglu,
    "swiglu backward": _swiglu_backward,
    "cross_entropy": _cross_entropy,
    "cross_entropy backward": _cross_entropy_backward,
    "int8_matvec": _int8_matvec,
    "int4_matvec": _int4_matvec,
    "adamw": _adamw,
}
"""The operations by name; "windows": each query sees `Sizes.window` keys at most."""
