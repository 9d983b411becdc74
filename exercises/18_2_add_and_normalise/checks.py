"""Checks of 18.2: the sum and its norm, values and bytes. The oracle goes row by row in float64."""

import math

import torch
import triton
import triton.language as tl

from minillama.book.exercises import Hole
from minillama.kernels.traffic import measured
from minillama.kernels.triton.interpreter import enable

enable()

NORM = "RMSNorm on it"
TRITON = "Now Triton"
ADD = "Add and normalise"


def watched(function, x, residual, weight, eps):
    """Run it under the meter: what it returned, whether a kernel ran, and what it moved."""
    with measured() as meter:
        y, total = function(x, residual, weight, eps)
    return {
        "y": y,
        "total": total,
        "a Triton kernel ran": bool(meter.kernels),
        "rows were read more than once": meter.total.read > 2 * x.nbytes + len(x) * weight.nbytes,
        "two programs touched one place": bool(meter.races),
    }


add_and_normalise = Hole("add_and_normalise", through=watched)


def row_by_row(x, residual, weight, eps):
    """Add, round and normalise in Python's float64."""
    total = (residual.double() + x.double()).to(x.dtype)
    y = torch.empty_like(total, dtype=torch.float64)
    for row, t in enumerate(total.double().tolist()):
        size = math.sqrt(sum(v * v for v in t) / len(t) + eps)
        y[row] = torch.tensor([v / size * w for v, w in zip(t, weight.double().tolist(), strict=True)])
    return as_asked(y.to(x.dtype), total)


def as_asked(y, total):
    return {
        "y": y,
        "total": total,
        "a Triton kernel ran": True,
        "rows were read more than once": False,
        "two programs touched one place": False,
    }


add_and_normalise.case(
    "a row of two, by hand",
    as_asked(torch.tensor([[2.0, 1.4]]), torch.tensor([[1.0, 7.0]])),
    x=torch.tensor([[1.0, 4.0]]),
    residual=torch.tensor([[0.0, 3.0]]),
    weight=torch.tensor([10.0, 1.0]),
    eps=0.0,
)


def draw(rng, N, C, dtype, eps, scale=1.0):
    x, residual = (torch.from_numpy(rng.normal(size=(N, C)) * scale).to(dtype) for _ in range(2))
    return {
        "x": x,
        "residual": residual,
        "weight": torch.from_numpy(rng.normal(size=C)).to(dtype),
        "eps": eps,
    }


@add_and_normalise.against(row_by_row, "float32, rows that fill a block", seeds=2)
def round_rows(rng):
    return draw(rng, int(rng.integers(2, 4)), 4, torch.float32, 1e-5)


@add_and_normalise.against(row_by_row, "float32, rows that do not, and an eps that counts", seeds=3)
def odd_rows(rng):
    return draw(rng, int(rng.integers(2, 5)), int(rng.choice([3, 5, 11])), torch.float32, 0.3)


@add_and_normalise.against(row_by_row, "bfloat16, where the sum is rounded", seeds=3)
def sixteen_bits(rng):
    return draw(rng, 4, 13, torch.bfloat16, 1e-5, scale=10.0)


@triton.jit
def wrong_kernel(x, residual, weight, y, total, C, eps, BLOCK: tl.constexpr, WRONG: tl.constexpr):
    """Add and normalise with one thing wrong, by name."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < C
    place = row * C + column
    mine = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
    stream = tl.load(residual + place, mask=inside, other=0.0).to(tl.float32)
    kept = (mine + stream).to(total.dtype.element_ty)
    t = kept.to(tl.float32)
    if WRONG == "not rounded":
        t = mine + stream
    if WRONG == "read back":
        tl.store(total + place, kept, mask=inside)
        t = tl.load(total + place, mask=inside, other=0.0).to(tl.float32)
    if WRONG == "post-norm":
        t = mine
    n = BLOCK if WRONG == "block" else C
    if WRONG == "eps outside":
        r = 1 / (tl.sqrt(tl.sum(t * t, axis=0) / n) + eps)
    elif WRONG == "sum for mean":
        r = tl.rsqrt(tl.sum(t * t, axis=0) + eps)
    else:
        r = tl.rsqrt(tl.sum(t * t, axis=0) / n + eps)
    w = tl.load(weight + column, mask=inside, other=0.0).to(tl.float32)
    out = t * r * w
    if WRONG == "post-norm":
        kept = (stream + out).to(total.dtype.element_ty)
    tl.store(total + place, kept, mask=inside)
    tl.store(y + place, out.to(y.dtype.element_ty), mask=inside)


@triton.jit
def narrow_kernel(x, residual, total, n, BLOCK: tl.constexpr):
    """Add in the dtype of what was loaded."""
    lane = tl.arange(0, BLOCK)
    a = tl.load(x + lane, mask=lane < n, other=0.0)
    tl.store(total + lane, a + tl.load(residual + lane, mask=lane < n, other=0.0), mask=lane < n)


def start(x, residual, weight, eps, wrong):
    N, C = x.shape
    y, total = torch.empty_like(x), torch.empty_like(x)
    block = triton.next_power_of_2(C)
    wrong_kernel[(N,)](x, residual, weight, y, total, C, eps, BLOCK=block, WRONG=wrong)
    return y, total


@add_and_normalise.mistake(
    "x alone was normalised, and the result added to the stream: that is a norm after the layer. In a"
    " pre-norm block the sum comes first, and its norm goes to the next layer.",
    see=ADD,
)
def norm_before_the_addition(x, residual, weight, eps):
    return start(x, residual, weight, eps, "post-norm")


@add_and_normalise.mistake(
    "Both results are right and in the wrong order: y first, then the sum. A caller would take the norm for"
    " the stream, and train another model.",
    see=ADD,
)
def swapped(x, residual, weight, eps):
    return start(x, residual, weight, eps, "")[::-1]


@add_and_normalise.mistake(
    "The stream came back normalised: as `total` the sum itself was asked for.", see=ADD
)
def norm_for_the_stream(x, residual, weight, eps):
    y, _ = start(x, residual, weight, eps, "")
    return y, y.clone()


@add_and_normalise.mistake(
    "In bfloat16 the norm is that of the sum before it was rounded. What is stored is the rounded one, and"
    " the way back sees no other: normalise that.",
    see=ADD,
)
def norm_of_the_unrounded(x, residual, weight, eps):
    return start(x, residual, weight, eps, "not rounded")


@add_and_normalise.mistake(
    "The square sum was divided by the size of the block. The lanes after the row's end add nothing to it,"
    " and they do not count: divide by C.",
    see=NORM,
)
def divided_by_the_block(x, residual, weight, eps):
    return start(x, residual, weight, eps, "block")


@add_and_normalise.mistake("The squares were summed and not averaged: divide by C.", see=NORM)
def sum_for_mean(x, residual, weight, eps):
    return start(x, residual, weight, eps, "sum for mean")


@add_and_normalise.mistake("eps was added to the root; it belongs under it, to the mean square.", see=NORM)
def eps_outside(x, residual, weight, eps):
    return start(x, residual, weight, eps, "eps outside")


@add_and_normalise.mistake(
    "The values are right, but the sum was stored and read back. It was in registers all the while: a quarter"
    " more traffic for nothing.",
    see=ADD,
)
def sum_read_back(x, residual, weight, eps):
    return start(x, residual, weight, eps, "read back")


@add_and_normalise.mistake(
    "Two bfloat16 numbers were added as they are. In the interpreter that is refused; `.to(tl.float32)` on"
    " the line that loads.",
    see=TRITON,
)
def sixteen_bit_arithmetic(x, residual, weight, eps):
    y, total = start(x, residual, weight, eps, "")
    if x.dtype == torch.bfloat16:
        narrow_kernel[(1,)](x, residual, total, x.numel(), BLOCK=64)
    return y, total


@add_and_normalise.mistake(
    "The values are right, but no Triton kernel was started: these are PyTorch's operations.", see=TRITON
)
def no_kernel(x, residual, weight, eps):
    total = residual + x
    wide = total.float()
    size = (wide.square().mean(-1, keepdim=True) + eps).sqrt()
    return (wide / size * weight.float()).to(x.dtype), total


add_and_normalise.survives(
    "other=0.0 -> other=1.0 #3", "the weight of a lane after the row's end meets a store that is masked"
)
