"""Checks of 18.3: RMSNorm's gradients, their bytes and races. The oracle is autograd in float64."""

import torch
import triton
import triton.language as tl

from minillama.book.exercises import Hole
from minillama.kernels.traffic import measured
from minillama.kernels.triton.interpreter import enable

enable()

BACK = "The way back, and a sum that nobody owns"
NORM = "RMSNorm on it"
TRITON = "Now Triton"
HIDDEN = "Faults that values hide"


def watched(function, dy, x, weight, rstd, programs):
    """Run it under the meter: what it returned, whether a kernel ran, and who touched what."""
    with measured() as meter:
        dx, dweight = function(dy, x, weight, rstd, programs)
    first = next(iter(meter.kernels.values())) if meter.kernels else None
    rows = 2 * x.nbytes + rstd.nbytes + programs * weight.nbytes
    return {
        "dx": dx,
        "dweight": dweight,
        "programs of the kernel": first.programs if first else 0,
        "rows were read more than once": first is not None and first.read > rows,
        "addresses that one program writes and another touches": bool(meter.races),
    }


norm_backward = Hole("norm_backward", through=watched)


def as_asked(dx, dweight, programs):
    return {
        "dx": dx,
        "dweight": dweight,
        "programs of the kernel": programs,
        "rows were read more than once": False,
        "addresses that one program writes and another touches": False,
    }


def by_autograd(dy, x, weight, rstd, programs):
    """Differentiate the forward pass in float64; eps is what the given r tells."""
    wide, w = x.double().requires_grad_(), weight.double().requires_grad_()
    eps = rstd.double() ** -2 - x.double().square().mean(-1)  # (N,)
    y = wide * (wide.square().mean(-1) + eps).rsqrt()[:, None] * w
    y.backward(dy.double())
    return as_asked(wide.grad.to(x.dtype), w.grad.float(), programs)


norm_backward.case(
    "a row of two, by hand",
    as_asked(torch.tensor([[0.196, -0.028]]), torch.tensor([0.2, 0.0]), 1),
    dy=torch.tensor([[1.0, 0.0]]),
    x=torch.tensor([[1.0, 7.0]]),
    weight=torch.ones(2),
    rstd=torch.tensor([0.2]),
    programs=1,
)


def draw(rng, N, C, programs, dtype=torch.float32):
    dy, x = (torch.from_numpy(rng.normal(size=(N, C))).to(dtype) for _ in range(2))
    rstd = (x.double().square().mean(-1) + 0.1).rsqrt().float()
    weight = torch.from_numpy(rng.normal(size=C)).float()
    return {"dy": dy, "x": x, "weight": weight, "rstd": rstd, "programs": programs}


@norm_backward.against(by_autograd, "one program, rows that fill a block", seeds=2)
def one_program(rng):
    return draw(rng, int(rng.integers(2, 5)), 4, 1)


@norm_backward.against(by_autograd, "several programs, rows that do not", seeds=3)
def several(rng):
    return draw(rng, int(rng.integers(7, 12)), int(rng.choice([3, 5, 11])), int(rng.integers(2, 4)))


@norm_backward.against(by_autograd, "more programs than rows", seeds=2)
def more_programs(rng):
    return draw(rng, 3, 6, 5)


@norm_backward.against(by_autograd, "bfloat16, summed in float32", seeds=2)
def sixteen_bits(rng):
    return draw(rng, 30, 5, 2, torch.bfloat16)


@triton.jit
def wrong_kernel(dy, x, weight, rstd, dx, partial, N, C, BLOCK: tl.constexpr, WRONG: tl.constexpr):
    """Compute both gradients with one thing wrong, by name."""
    program = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < C
    w = tl.load(weight + column, mask=inside, other=0.0)
    dweight = tl.zeros([BLOCK], tl.float32)
    stop = tl.minimum(N, tl.num_programs(0)) if WRONG == "one row" else N
    for row in range(program, stop, tl.num_programs(0)):
        r = tl.load(rstd + row)
        v = tl.load(x + row * C + column, mask=inside, other=0.0).to(tl.float32)
        t = v * r
        d = tl.load(dy + row * C + column, mask=inside, other=0.0).to(tl.float32)
        g = d if WRONG == "no weight" else d * w
        n = BLOCK if WRONG == "block" else C
        along = t * (tl.sum(g * t, axis=0) / n)
        if WRONG == "no projection":
            along = t * 0.0
        if WRONG == "not averaged":
            along = t * tl.sum(g * t, axis=0)
        out = g - along if WRONG == "no r" else r * (g - along)
        tl.store(dx + row * C + column, out.to(dx.dtype.element_ty), mask=inside)
        share = d * v if WRONG == "x itself" else d * t
        if WRONG == "race":
            so_far = tl.load(partial + column, mask=inside, other=0.0)
            tl.store(partial + column, so_far + share, mask=inside)
        elif WRONG == "16 bits":
            dweight = (dweight + share).to(dx.dtype.element_ty).to(tl.float32)
        else:
            dweight += share
    if WRONG != "race":
        tl.store(partial + program * C + column, dweight, mask=inside)


def start(dy, x, weight, rstd, programs, wrong):
    N, C = x.shape
    dx, partial = torch.zeros_like(x), torch.zeros(programs, C)
    block = triton.next_power_of_2(C)
    wrong_kernel[(programs,)](dy, x, weight, rstd, dx, partial, N, C, BLOCK=block, WRONG=wrong)
    return dx, partial


def added(dy, x, weight, rstd, programs, wrong):
    dx, partial = start(dy, x, weight, rstd, programs, wrong)
    return dx, partial.sum(0)


@norm_backward.mistake(
    "The values are right, and on a GPU they would not be: several programs load, add and store the same"
    " sums, and one overwrites what another added. Give each a row of its own.",
    see=BACK,
)
def race(dy, x, weight, rstd, programs):
    return added(dy, x, weight, rstd, programs, "race")


@norm_backward.mistake(
    "Each program did one row. There are more rows than programs: go on by the number of programs.", see=BACK
)
def one_row_each(dy, x, weight, rstd, programs):
    return added(dy, x, weight, rstd, programs, "one row")


@norm_backward.mistake(
    "The weight's gradient is that of the first program's rows alone: add up all rows of partial sums.",
    see=BACK,
)
def first_share_alone(dy, x, weight, rstd, programs):
    dx, partial = start(dy, x, weight, rstd, programs, "")
    return dx, partial[0]


@norm_backward.mistake(
    "The partial sums were rounded to 16 bits at each row. Keep them in float32 and round at the end.",
    see=HIDDEN,
)
def sums_in_sixteen_bits(dy, x, weight, rstd, programs):
    return added(dy, x, weight, rstd, programs, "16 bits")


@norm_backward.mistake(
    "dx is r g: what points along x was not taken away. Every element of x also acts through r.", see=BACK
)
def no_projection(dy, x, weight, rstd, programs):
    return added(dy, x, weight, rstd, programs, "no projection")


@norm_backward.mistake("g t was summed and not averaged: divide by C.", see=BACK)
def not_averaged(dy, x, weight, rstd, programs):
    return added(dy, x, weight, rstd, programs, "not averaged")


@norm_backward.mistake(
    "The mean of g t was taken over the block. Divide by C: masked lanes do not count.", see=NORM
)
def divided_by_the_block(dy, x, weight, rstd, programs):
    return added(dy, x, weight, rstd, programs, "block")


@norm_backward.mistake("dx lacks the weight: g is dy times w.", see=BACK)
def no_weight(dy, x, weight, rstd, programs):
    return added(dy, x, weight, rstd, programs, "no weight")


@norm_backward.mistake("dx lacks the factor r in front.", see=BACK)
def no_r(dy, x, weight, rstd, programs):
    return added(dy, x, weight, rstd, programs, "no r")


@norm_backward.mistake(
    "The weight's gradient sums dy x. The weight was multiplied by t, the normalised x: dy t.", see=BACK
)
def x_not_normalised(dy, x, weight, rstd, programs):
    return added(dy, x, weight, rstd, programs, "x itself")


@norm_backward.mistake(
    "The values are right, but no Triton kernel was started: these are PyTorch's operations.", see=TRITON
)
def no_kernel(dy, x, weight, rstd, programs):
    t, g = x.float() * rstd[:, None], dy.float() * weight
    dx = rstd[:, None] * (g - t * (g * t).mean(-1, keepdim=True))
    return dx.to(x.dtype), (dy.float() * t).sum(0)


for survivor in ("other=0.0 -> other=1.0", "other=0.0 -> other=1.0 #2", "other=0.0 -> other=1.0 #3"):
    norm_backward.survives(
        survivor,
        "one 0 among dy, x and weight in a masked lane is enough: the sum takes their product",
    )
