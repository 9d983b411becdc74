"""Triton's interpreter: switched on late, exact in bfloat16, and loud where it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
import triton
import triton.language as tl
from kernels.proofs import bits, draw, strict
from triton.runtime.errors import InterpreterError

from minillama.kernels.triton.interpreter import interpreted


@triton.jit
def cast(x, y, n, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    tl.store(y + i, tl.load(x + i, mask=i < n, other=0).to(y.dtype.element_ty), mask=i < n)


@triton.jit
def product(a, b, c, SIZE: tl.constexpr):
    i, j = tl.arange(0, SIZE)[:, None], tl.arange(0, SIZE)[None, :]
    tl.store(c + i * SIZE + j, tl.dot(tl.load(a + i * SIZE + j), tl.load(b + i * SIZE + j)))


@triton.jit
def library(x, y, n, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    v = tl.load(x + i, mask=i < n, other=-float("inf")).to(tl.float32)
    share = tl.softmax(v) + tl.sigmoid(v) + tl.cumsum(tl.where(i < n, v, 0.0), 0)
    lowest = tl.min(tl.where(i < n, v, float("inf")), 0)
    tl.store(y + i, share + tl.max(v, 0) + lowest + tl.cdiv(n, 2) + v.max(), mask=i < n)


@triton.jit
def careless(x, y, n, OP: tl.constexpr, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    v = tl.load(x + i, mask=i < n, other=0.0)
    if OP == "add":
        v = v + v
    if OP == "maximum":
        v = tl.maximum(v, v)
    if OP == "compare":
        v = tl.where(v > v, v, v)
    if OP == "negate":
        v = -v
    if OP == "exp":
        v = tl.exp(v.to(tl.float32)).to(v.dtype) * v
    if OP == "sum":
        v = tl.sum(v, 0) + tl.zeros([SIZE], tl.float32)
    if OP == "fma":
        v = tl.fma(v, v, v)
    if OP == "atomic":
        tl.atomic_add(y + i, v, mask=i < n)
    tl.store(y + i, v.to(y.dtype.element_ty), mask=i < n)


@triton.jit
def without_other(x, y, n, SIZE: tl.constexpr):
    i = tl.arange(0, SIZE)
    v = tl.load(x + i, mask=i < n).to(tl.float32)
    tl.store(y, tl.sum(v, 0))


SCRIPT = """
import sys, torch
from minillama import kernels
from minillama.kernels import eager, ops

@torch.library.custom_op("late::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2

kernels.use("eager")
twice(torch.ones(2))
assert "triton" in sys.modules  # torch._dynamo brought it, to be compiled
import triton
from kernels.test_interpreter import library
assert type(library) is triton.runtime.JITFunction
kernels.use("triton-interpret")
x, weight = torch.randn(5, 7), torch.randn(7)
torch.testing.assert_close(ops.rms_norm(x, weight, 1e-5), eager.rms_norm(x, weight, 1e-5))
y = torch.zeros(7)
library[(1,)](x[0], y, 7, SIZE=8)
v = x[0]
expected = v.softmax(0) + v.sigmoid() + v.cumsum(0) + 2 * v.max() + v.min() + 4
torch.testing.assert_close(y, expected)
kernels.use("eager")
kernels.use("triton-interpret")
print("done")
"""


def test_switching_on_late_interprets_what_was_compiled() -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("TRITON_INTERPRET", "MINILLAMA_BACKEND")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=env | {"PYTHONPATH": os.pathsep.join(["tests", "."]), "MINILLAMA_CHECK_SHAPES": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "done\n", done.stderr


def test_tritons_own_library_runs() -> None:
    assert interpreted()
    v, y = draw(7), torch.zeros(7)
    library[(1,)](v, y, 7, SIZE=8)
    expected = v.softmax(0) + v.sigmoid() + v.cumsum(0) + 2 * v.max() + v.min() + 4
    torch.testing.assert_close(y, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("source", [torch.float32, torch.float64, torch.float16, torch.int32])
def test_casts_to_bfloat16_round_as_pytorch_does(source: torch.dtype) -> None:
    if source == torch.int32:
        x = torch.randint(-(2**24), 2**24, (1000,), generator=torch.Generator().manual_seed(0)).to(source)
    else:
        ties = 1 + torch.arange(64) * 2.0**-8  # every second one lies between two bfloat16
        special = torch.tensor([0.0, -0.0, float("inf"), -float("inf"), float("nan"), 1e-40, 3.4e38])
        x = torch.cat([draw(900, dtype=torch.float32), ties, -ties, special]).to(source)
    y = torch.zeros(len(x), dtype=torch.bfloat16)
    cast[(1,)](x, y, len(x), SIZE=1024 if len(x) <= 1024 else 2048)
    expected = x.to(torch.float32).to(torch.bfloat16)
    number = ~expected.isnan()
    assert torch.equal(y.isnan(), ~number)
    assert torch.equal(bits(y[number]), bits(expected[number]))


@pytest.mark.parametrize("target", [torch.float32, torch.float16, torch.float64])
def test_casts_from_bfloat16_keep_values(target: torch.dtype) -> None:
    x = draw(1000, dtype=torch.bfloat16)
    y = torch.zeros(1000, dtype=target)
    cast[(1,)](x, y, 1000, SIZE=1024)
    assert torch.equal(y, x.to(target))


def test_products_of_bfloat16_are_summed_in_float32() -> None:
    a, b = draw(16, 16, dtype=torch.bfloat16), draw(16, 16, dtype=torch.bfloat16, seed=1)
    c = torch.zeros(16, 16)
    product[(1,)](a, b, c, SIZE=16)
    torch.testing.assert_close(c.double(), a.double() @ b.double(), rtol=0, atol=1e-5)  # 16 roundings


@pytest.mark.parametrize("op", ["add", "maximum", "compare", "negate", "exp", "sum", "fma", "atomic"])
def test_arithmetic_of_bfloat16_is_an_error(op: str) -> None:
    x, y = draw(16, dtype=torch.bfloat16), torch.zeros(16, dtype=torch.bfloat16)
    with pytest.raises(InterpreterError, match=r"of bfloat16: interpreted kernels need \.to\(tl\.float32\)"):
        careless[(1,)](x, y, 16, OP=op, SIZE=16)
    assert not y.any()
    careless[(1,)](x.float(), y.float(), 16, OP=op, SIZE=16)
    careless[(1,)](x, y, 16, OP="nothing", SIZE=16)
    assert torch.equal(x, y)


def test_overflow_is_infinity_and_no_warning() -> None:
    y = torch.zeros(2)
    careless[(1,)](torch.tensor([200.0, 1.0]), y, 2, OP="exp", SIZE=2)
    assert y[0] == float("inf")


def test_masked_lanes_without_a_value_poison_strict_loads() -> None:
    x, y = torch.ones(5), torch.zeros(1)
    without_other[(1,)](x, y, 5, SIZE=8)
    assert y == 5  # as luck has it
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        with strict():
            without_other[(1,)](x.to(dtype), y, 5, SIZE=8)
        assert y.isnan()
