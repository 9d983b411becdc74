"""What the kernels move, by formula: the sentences of their docstrings, to be compared with what is counted.

`ASKED` has the bytes that programs ask for, where tiles are those of a GPU (attention's and the quantised
products' those of the interpreter). `EXTRA` has what an operation moves beyond the least, its inputs and
outputs once, even if caches serve every byte that is asked for twice: partial results between two kernels,
and what two kernels both read. What is in neither is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from ..eager import INT4_BLOCK
from .cases import Sizes

TILE = 4096  # elements of a program; a test compares these with the kernels' own
PARTIALS = 256
OUTPUTS = 256

Formula = Callable[[Sizes, int], int]  # of sizes and bytes of a number


def _norm(tensors: int) -> Formula:
    return lambda s, b: tensors * s.N * s.C * b + 4 * s.N + _norm_tiles(s) * s.C * b


def _norm_backward(tensors: int) -> Formula:
    def formula(s: Sizes, b: int) -> int:
        programs = min(_norm_tiles(s), PARTIALS)
        return tensors * s.N * s.C * b + 4 * s.N + programs * s.C * b + 8 * programs * s.C + s.C * b

    return formula


def _norm_tiles(s: Sizes) -> int:
    return ceil(s.N / max(1, TILE // s.C))


def _rope(s: Sizes, b: int) -> int:
    return 2 * s.N * (s.H + s.K) * s.D * b + s.N * s.D * b


def _attention(windows: bool) -> Formula:
    """One tile of queries, and one of keys: n_i is T."""

    def formula(s: Sizes, b: int) -> int:
        return s.B * s.H * (4 * s.T * s.D * b + 4 * s.T + windows * 4 * s.T)

    return formula


def _attention_backward(windows: bool) -> Formula:
    def formula(s: Sizes, b: int) -> int:
        heads, rows = s.B * s.H, s.T * s.D * b
        delta = heads * (2 * rows + 4 * s.T)
        dq = heads * (5 * rows + 8 * s.T + windows * 4 * s.T)
        dkv = (
            s.B * s.K * 4 * rows + heads * (2 * rows + 8 * s.T + windows * 4 * s.T) + windows * 4 * s.B * s.K
        )
        return delta + dq + dkv

    return formula


def _paged_attention(s: Sizes, b: int) -> int:
    """One part a sequence."""
    partial = s.B * (s.T * s.K * (2 * s.D * b + 4) + s.H * s.D * (b + 4)) + 4 * s.B * (s.H + s.K)
    return partial + s.B * (4 * s.H * s.D + s.H * s.D * b) + 4 * s.B * s.H


def _cross_entropy_backward(s: Sizes, b: int) -> int:
    tiles = ceil(s.V / TILE)  # of a row, a program each
    return 2 * s.rows * s.V * b + (8 + 4 + 4) * s.rows * tiles


def _int8_matvec(s: Sizes, b: int) -> int:
    inputs = s.H * s.D
    return s.C * (inputs + b) + ceil(s.C / OUTPUTS) * inputs * b + s.C * b


def _int4_matvec(s: Sizes, b: int) -> int:
    inputs = s.H * s.D
    return s.C * (inputs // 2 + inputs // INT4_BLOCK * b) + ceil(s.C / OUTPUTS) * inputs * b + s.C * b


ASKED: dict[str, Formula] = {
    "rms_norm": _norm(2),
    "rms_norm backward": _norm_backward(3),
    "add_rms_norm": _norm(4),
    "add_rms_norm backward": _norm_backward(4),
    "rope": _rope,
    "rope backward": _rope,
    "attention": _attention(False),
    "attention backward": _attention_backward(False),
    "attention windows": _attention(True),
    "attention windows backward": _attention_backward(True),
    "paged_attention": _paged_attention,
    "swiglu": lambda s, b: 3 * s.N * s.F * b,
    "swiglu backward": lambda s, b: 5 * s.N * s.F * b,
    "cross_entropy": lambda s, b: s.rows * s.V * b + s.rows * b + 16 * s.rows,
    "cross_entropy backward": _cross_entropy_backward,
    "int8_matvec": _int8_matvec,
    "int4_matvec": _int4_matvec,
    "adamw": lambda s, b: s.N * s.C * (24 + b),
}


def _partial_sums(s: Sizes, b: int) -> int:
    return 8 * min(_norm_tiles(s), PARTIALS) * s.C


def _read_by_two(windows: bool) -> Formula:
    """Count delta, written once and read twice; what dq and dk, dv both read; dout, read by delta too."""

    def formula(s: Sizes, b: int) -> int:
        queries, keys, number = s.B * s.H * s.T * s.D * b, s.B * s.K * s.T * s.D * b, 4 * s.B * s.H * s.T
        return 3 * queries + 2 * keys + 4 * number + windows * (4 * s.T + 4 * s.B)

    return formula


EXTRA: dict[str, Formula] = {
    "rms_norm backward": _partial_sums,
    "add_rms_norm backward": _partial_sums,
    "attention backward": _read_by_two(False),
    "attention windows backward": _read_by_two(True),
    "paged_attention": lambda s, b: 8 * s.B * s.H * (s.D + 1),
}
