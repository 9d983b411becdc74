"""Bytes of every operation against formula and minimum; a kernel that moves more is found out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from minillama.kernels import moved as module
from minillama.kernels import triton as raw
from minillama.kernels.compiled import formulas
from minillama.kernels.compiled.cases import CASES, LLAMA, THIN, Tensors
from minillama.kernels.moved import count, moved
from minillama.kernels.report import intensities
from minillama.kernels.triton.launch import recorded
from minillama.kernels.triton.matvec import INTERPRETED_OUTPUTS
from minillama.kernels.triton.rms_norm import PARTIALS
from minillama.kernels.triton.tiles import TILE


@triton.jit
def product(gate, up, y, spare, n, TWICE: tl.constexpr, SPARE: tl.constexpr, SIZE: tl.constexpr):
    """SwiGLU as it should be, or with `gate` loaded twice, or with a copy of the result."""
    i = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    g = tl.load(gate + i, mask=i < n, other=0.0).to(tl.float32)
    u = tl.load(up + i, mask=i < n, other=0.0).to(tl.float32)
    s = tl.sigmoid(g)
    if TWICE:
        g = tl.load(gate + i, mask=i < n, other=0.0).to(tl.float32)
    out = (g * s * u).to(y.dtype.element_ty)
    tl.store(y + i, out, mask=i < n)
    if SPARE:
        tl.store(spare + i, out, mask=i < n)


def worse(twice: bool, spare: bool) -> SimpleNamespace:
    def swiglu(gate: Tensor, up: Tensor) -> Tensor:
        y, copy, n = torch.empty_like(gate), torch.empty_like(gate), gate.numel()
        product[(triton.cdiv(n, 2**16),)](gate, up, y, copy, n, TWICE=twice, SPARE=spare, SIZE=2**16)
        return y

    return SimpleNamespace(swiglu=swiglu)


@pytest.mark.slow
def test_every_operation_moves_what_its_formula_says() -> None:
    found = moved(dtypes=["bfloat16"])
    assert [row.operation for row in found] == list(CASES)
    assert [(row.operation, row.faults()) for row in found if row.faults()] == []
    assert all(row.once >= row.least > 0 for row in found)


@pytest.mark.parametrize(
    ("twice", "spare", "fault"),
    [
        (False, False, None),
        (True, False, "1409024 bytes are asked for: by its formula 1056768"),
        (False, True, "1409024 bytes are moved: at least 1056768, and 0 by its formula"),
    ],
)
def test_a_kernel_that_moves_more_is_found_out(
    twice: bool, spare: bool, fault: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES["swiglu"]
    monkeypatch.setattr(module, "CASES", {"swiglu": lambda _, new, s: case(worse(twice, spare), new, s)})
    faults = count("minillama", "swiglu", "bfloat16").faults()
    assert (faults == []) if fault is None else (fault in faults)


def test_formulas_know_the_kernels_tiles() -> None:
    assert (formulas.TILE, formulas.PARTIALS) == (TILE, PARTIALS)
    assert formulas.OUTPUTS == INTERPRETED_OUTPUTS
    assert set(formulas.ASKED) == set(CASES)
    assert set(formulas.EXTRA) < set(CASES)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_least_is_what_the_roofline_counts(dtype: torch.dtype) -> None:
    """Two accounts of one number: sums of tensors here, formulas of `work` there."""
    known = {row["operation"]: row["bytes"] for row in intensities(str(dtype).removeprefix("torch."))}
    s, size = LLAMA, dtype.itemsize
    for name in ("rms_norm", "add_rms_norm", "rope", "swiglu", "attention"):
        with recorded() as launches:
            inputs, outputs = CASES[name](raw, Tensors("meta", dtype), LLAMA)
        assert launches
        assert sum(t.nbytes for t in [*inputs, *outputs]) == known[name], name
    assert known["swiglu backward"] == 5 * s.N * s.F * size


def test_thin_is_as_wide_as_llama() -> None:
    assert (THIN.C, THIN.D, THIN.F, THIN.V) == (LLAMA.C, LLAMA.D, LLAMA.F, LLAMA.V)
