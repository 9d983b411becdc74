"""Checks of 18.4: SwiGLU's gradients, values and bytes. The oracle takes differences in float64."""

import math

import torch
import triton
import triton.language as tl
from triton.runtime.errors import InterpreterError

from minillama.book.exercises import Hole
from minillama.kernels.traffic import measured
from minillama.kernels.triton.interpreter import enable

enable()

MASKS = "The idea: one program, one block"
GATE = "SwiGLU: compute it again"
TRITON = "Now Triton"
LEDGER = "The ledger"


def watched(function, dy, gate, up):
    """Run it under the meter: what it returned, what was started, and what it moved."""
    strayed = False
    with measured() as meter:
        try:
            dgate, dup = function(dy, gate, up)
        except InterpreterError as error:
            if not isinstance(error.__cause__, IndexError):
                raise
            strayed, dgate, dup = True, None, None
    return {
        "dgate": dgate,
        "dup": dup,
        "programs": meter.total.programs,
        "lanes outside of every tensor": strayed,
        "bytes more than 3 tensors in and 2 out": max(0, meter.total.moved - 5 * gate.nbytes),
        "addresses that two programs touch": bool(meter.races),
    }


gate_backward = Hole("gate_backward", through=watched)


def as_asked(dgate, dup):
    return {
        "dgate": dgate,
        "dup": dup,
        "programs": -(-dup.numel() // 16),
        "lanes outside of every tensor": False,
        "bytes more than 3 tensors in and 2 out": 0,
        "addresses that two programs touch": False,
    }


def number_by_number(dy, gate, up):
    """Take central differences of x times sigmoid in Python's float64."""

    def silu(v):
        return v / (1 + math.exp(-v))

    flat = [t.double().flatten().tolist() for t in (dy, gate, up)]
    h = 1e-4
    dgate = [d * u * (silu(g + h) - silu(g - h)) / (2 * h) for d, g, u in zip(*flat, strict=True)]
    dup = [d * silu(g) for d, g, _ in zip(*flat, strict=True)]
    return as_asked(*(torch.tensor(v).reshape(gate.shape).to(gate.dtype) for v in (dgate, dup)))


gate_backward.case(
    "a gate of 0, by hand",
    as_asked(torch.tensor([[2.0]]), torch.tensor([[0.0]])),
    dy=torch.tensor([[1.0]]),
    gate=torch.tensor([[0.0]]),
    up=torch.tensor([[4.0]]),
)


def draw(rng, N, F, dtype=torch.float32):
    dy, gate, up = (torch.from_numpy(rng.normal(size=(N, F))).to(dtype) for _ in range(3))
    return {"dy": dy, "gate": 2 * gate, "up": up}


@gate_backward.against(number_by_number, "blocks that are full", seeds=2)
def full(rng):
    return draw(rng, 2 * int(rng.integers(1, 3)), 8)


@gate_backward.against(number_by_number, "a block with a rest", seeds=3)
def rest(rng):
    return draw(rng, 3, 11)


@gate_backward.against(number_by_number, "bfloat16", seeds=2)
def sixteen_bits(rng):
    return draw(rng, 3, 7, torch.bfloat16)


@triton.jit
def wrong_kernel(dy, gate, up, dgate, dup, n, BLOCK: tl.constexpr, WRONG: tl.constexpr):
    """Compute both gradients with one thing wrong, by name."""
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < (n + 1 if WRONG == "one more" else n)
    if WRONG == "no mask":
        inside = lane >= 0
    d = tl.load(dy + lane, mask=inside, other=0.0).to(tl.float32)
    g = tl.load(gate + lane, mask=inside, other=0.0).to(tl.float32)
    u = tl.load(up + lane, mask=inside, other=0.0).to(tl.float32)
    s = tl.sigmoid(g)
    slope = s * (1 + g * (1 - s))
    if WRONG == "sigmoid is constant":
        slope = s
    if WRONG == "sigmoid's slope alone":
        slope = s * (1 - s)
    if WRONG == "g forgotten":
        slope = s * (1 + (1 - s))
    if WRONG == "sign":
        slope = s * (1 - g * (1 - s))
    du = d * g if WRONG == "no gate" else d * g * s
    if WRONG == "read twice":
        du = tl.load(gate + lane, mask=inside, other=0.0).to(tl.float32) * s * d
    tl.store(dgate + lane, (d * u * slope).to(dgate.dtype.element_ty), mask=inside)
    tl.store(dup + lane, du.to(dup.dtype.element_ty), mask=inside)


def start(dy, gate, up, wrong):
    dgate, dup, n = torch.empty_like(gate), torch.empty_like(up), gate.numel()
    wrong_kernel[(triton.cdiv(n, 16),)](dy, gate, up, dgate, dup, n, BLOCK=16, WRONG=wrong)
    return dgate, dup


@gate_backward.mistake(
    "The sigmoid was taken for a constant: dgate is dy u s. It hangs on g as well, so the product rule has a"
    " second term.",
    see=GATE,
)
def sigmoid_is_constant(dy, gate, up):
    return start(dy, gate, up, "sigmoid is constant")


@gate_backward.mistake(
    "dgate has the sigmoid's slope, s (1 - s), alone. What is differentiated is g times s.", see=GATE
)
def sigmoid_alone(dy, gate, up):
    return start(dy, gate, up, "sigmoid's slope alone")


@gate_backward.mistake("In dgate's second term the factor g is missing: s + g s (1 - s).", see=GATE)
def g_forgotten(dy, gate, up):
    return start(dy, gate, up, "g forgotten")


@gate_backward.mistake("dgate's second term has the wrong sign: s + g s (1 - s).", see=GATE)
def wrong_sign(dy, gate, up):
    return start(dy, gate, up, "sign")


@gate_backward.mistake("dup is dy g: the sigmoid was left out. What stood beside u was g s.", see=GATE)
def no_sigmoid_in_dup(dy, gate, up):
    return start(dy, gate, up, "no gate")


@gate_backward.mistake("The two gradients came back in the wrong order: gate's first.", see=GATE)
def swapped(dy, gate, up):
    return start(dy, gate, up, "")[::-1]


@gate_backward.mistake(
    "No lane was masked. The last block reaches past the tensors' ends; on a GPU it would write into whatever"
    " lies there.",
    see=MASKS,
)
def no_mask(dy, gate, up):
    return start(dy, gate, up, "no mask")


@gate_backward.mistake(
    "The values are right, but the gate was read twice: it was in registers, and a fifth more traffic is the"
    " price.",
    see=LEDGER,
)
def gate_read_twice(dy, gate, up):
    return start(dy, gate, up, "read twice")


@gate_backward.mistake(
    "The values are right, but no Triton kernel was started: these are PyTorch's operations.", see=TRITON
)
def no_kernel(dy, gate, up):
    d, g, u = dy.float(), gate.float(), up.float()
    s = g.sigmoid()
    return (d * u * s * (1 + g * (1 - s))).to(gate.dtype), (d * g * s).to(up.dtype)
