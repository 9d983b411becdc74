"""Checks of 20.3: values, launches and bytes. The oracle is PyTorch's AdamW in float64, with two groups."""

import torch
import triton
import triton.language as tl

from minillama.book.exercises import Hole
from minillama.kernels.traffic import measured
from minillama.kernels.triton.interpreter import enable

enable()

ADAMW = "AdamW: all bytes, no arithmetic"
BUFFER = "Many tensors, one buffer"


def watched(function, p, g, m, v, *rest):
    """Run it on copies under the meter: what it left, how often a kernel ran, and what it moved."""
    tensors = [x.clone() for x in (p, g, m, v)]
    with measured() as meter:
        function(*tensors, *rest)
    total = meter.total
    return {
        "p, g, m, v": tuple(tensors),
        "kernels started": total.launches,
        "more than 28 bytes a number, and the factor, were moved": total.moved
        > 28 * len(p) + 4 * total.programs,
        "the factor was not loaded by a kernel": total.launches > 0 and total.moved <= 28 * len(p),
        "two programs wrote one place": bool(meter.races),
    }


clipped_adamw = Hole("clipped_adamw", through=watched, tolerance=2e-6)


def wanted(*tensors):
    return {
        "p, g, m, v": tensors,
        "kernels started": 1,
        "more than 28 bytes a number, and the factor, were moved": False,
        "the factor was not loaded by a kernel": False,
        "two programs wrote one place": False,
    }


clipped_adamw.case(
    "the first step, by hand: one number decays, one does not",
    wanted(
        torch.tensor([1.8, 1.9]), torch.tensor([8.0, 8.0]), torch.tensor([2.0, 2.0]), torch.tensor([4.0, 4.0])
    ),
    p=torch.tensor([2.0, 2.0]),
    g=torch.tensor([8.0, 8.0]),
    m=torch.zeros(2),
    v=torch.zeros(2),
    factor=torch.tensor(0.5),
    decayed=1,
    step=1,
    lr=0.1,
    beta1=0.5,
    beta2=0.75,
    eps=0.0,
    weight_decay=0.5,
)


def pytorchs(p, g, m, v, factor, decayed, step, lr, beta1, beta2, eps, weight_decay):
    """Ask torch.optim.AdamW, in float64, with a group that decays and one that does not."""
    leaves = [torch.nn.Parameter(part.double()) for part in (p[:decayed], p[decayed:])]
    groups = [
        {"params": [leaves[0]], "weight_decay": weight_decay},
        {"params": [leaves[1]], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=lr, betas=(beta1, beta2), eps=eps)
    parts = (slice(None, decayed), slice(decayed, None))
    for leaf, part in zip(leaves, parts, strict=True):
        leaf.grad = (g[part] * factor).double()
        optimizer.state[leaf] = {
            "step": torch.tensor(float(step - 1)),
            "exp_avg": m[part].double(),
            "exp_avg_sq": v[part].double(),
        }
    optimizer.step()
    means, squares = (
        torch.cat([optimizer.state[leaf][name] for leaf in leaves]).float()
        for name in ("exp_avg", "exp_avg_sq")
    )
    return wanted(torch.cat([leaf.detach() for leaf in leaves]).float(), g, means, squares)


def some(rng, n, decayed):
    p, g, m = (torch.from_numpy(rng.normal(size=n)).float() for _ in range(3))
    v = torch.from_numpy(rng.uniform(0.1, 2.0, size=n)).float()
    factor = torch.tensor(float(rng.uniform(0.2, 0.9)))
    return {
        "p": p, "g": g, "m": m, "v": v, "factor": factor, "decayed": decayed, "step": int(rng.integers(2, 9)),
        "lr": 0.1, "beta1": 0.9, "beta2": 0.95, "eps": 0.01, "weight_decay": 0.3,
    }  # fmt: skip


@clipped_adamw.against(pytorchs, "one block, against PyTorch's", seeds=4)
def small(rng):
    n = int(rng.integers(5, 40))
    return some(rng, n, decayed=int(rng.integers(2, n - 1)))


@clipped_adamw.against(pytorchs, "many blocks, a rest, the boundary inside of one", seeds=2)
def many(rng):
    return some(rng, n=10_001, decayed=7_777)


@triton.jit
def wrong_kernel(
    p_ptr, g_ptr, m_ptr, v_ptr, factor, n, decayed, shrink, decay, rate, beta1, beta2, unbias2, eps,
    BLOCK: tl.constexpr, WRONG: tl.constexpr,
):  # fmt: skip
    """Update with one thing wrong, by name."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    p = tl.load(p_ptr + at, mask=inside, other=0.0)
    raw = tl.load(g_ptr + at, mask=inside, other=0.0)
    m = tl.load(m_ptr + at, mask=inside, other=0.0)
    v = tl.load(v_ptr + at, mask=inside, other=0.0)
    clip = tl.load(factor)
    g = raw * clip
    if WRONG == "not clipped":
        g = raw
    if WRONG == "step clipped":
        g = raw
    if WRONG == "coupled":
        g += tl.where(at < decayed, decay, 0.0) * p
    m = beta1 * m + (1 - beta1) * g
    if WRONG == "square not clipped":
        v = beta2 * v + (1 - beta2) * raw * raw
    else:
        v = beta2 * v + (1 - beta2) * g * g
    length = rate * m / (tl.sqrt(v / unbias2) + eps)
    if WRONG == "eps inside":
        length = rate * m / tl.sqrt(v / unbias2 + eps)
    if WRONG == "step clipped":
        length *= clip
    if WRONG == "all decay":
        p = p - shrink * p
    elif WRONG == "norms decay":
        p = p - tl.where(at >= decayed, shrink, 0.0) * p
    elif WRONG == "whole blocks":
        p = p - tl.where(tl.program_id(0) * BLOCK < decayed, shrink, 0.0) * p
    elif WRONG != "coupled":
        p = p - tl.where(at < decayed, shrink, 0.0) * p
    tl.store(p_ptr + at, p - length, mask=inside)
    tl.store(m_ptr + at, m, mask=inside)
    tl.store(v_ptr + at, v, mask=inside)
    if WRONG == "gradient stored":
        tl.store(g_ptr + at, g, mask=inside)


def start(p, g, m, v, factor, decayed, step, lr, beta1, beta2, eps, weight_decay, wrong="", correct=True):
    rate, unbias2 = (lr / (1 - beta1**step), 1 - beta2**step) if correct else (lr, 1.0)
    scalars = len(p), decayed, lr * weight_decay, weight_decay, rate, beta1, beta2, unbias2, eps
    grid = (triton.cdiv(len(p), 1024),)
    wrong_kernel[grid](p, g, m, v, factor, *scalars, BLOCK=1024, WRONG=wrong)


@clipped_adamw.mistake("The gradient was not multiplied by the factor: nothing is clipped.", see=ADAMW)
def not_clipped(*given):
    start(*given, wrong="not clipped")


@clipped_adamw.mistake(
    "The factor was applied to the step. Clipping is of the gradient, and both means see it clipped; Adam's"
    " step has the length of the rate anyhow.",
    see=ADAMW,
)
def step_clipped(*given):
    start(*given, wrong="step clipped")


@clipped_adamw.mistake(
    "The mean of the squares took the gradient as it was. The square is that of the clipped gradient, too.",
    see=ADAMW,
)
def square_not_clipped(*given):
    start(*given, wrong="square not clipped")


@clipped_adamw.mistake("Everything decays. Norms do not: where(at < decayed, ...) for each lane.", see=BUFFER)
def all_decay(*given):
    start(*given, wrong="all decay")


@clipped_adamw.mistake("The wrong side of the boundary decays: matrices come first.", see=BUFFER)
def norms_decay(*given):
    start(*given, wrong="norms decay")


@clipped_adamw.mistake(
    "The boundary was taken for a block's: the block in which it lies decays whole. Compare each lane's own"
    " place.",
    see=BUFFER,
)
def whole_blocks(*given):
    start(*given, wrong="whole blocks")


@clipped_adamw.mistake(
    "The decay went into the gradient: that is Adam with a penalty, whose pull is divided by the root, too.",
    see=ADAMW,
)
def coupled(*given):
    start(*given, wrong="coupled")


@clipped_adamw.mistake("The bias is not corrected: divide by 1 - beta**step, both means.", see=ADAMW)
def not_corrected(*given):
    start(*given, correct=False)


@clipped_adamw.mistake("eps stands under the root. Adam adds it to the root.", see=ADAMW)
def eps_inside(*given):
    start(*given, wrong="eps inside")


@clipped_adamw.mistake(
    "The clipped gradient was stored: 4 bytes a number more, and the gradient is no longer the caller's. Keep"
    " it in a register.",
    see=ADAMW,
)
def gradient_stored(*given):
    start(*given, wrong="gradient stored")


@clipped_adamw.mistake(
    "The values are right, but two kernels ran, one for what decays and one for the rest. One launch does:"
    " the boundary is a comparison.",
    see=BUFFER,
)
def two_launches(p, g, m, v, factor, decayed, *rest):
    for part, here in ((slice(None, decayed), decayed), (slice(decayed, None), 0)):
        start(p[part], g[part], m[part], v[part], factor, here, *rest)


@clipped_adamw.mistake(
    "The values are right, but the factor was brought to the host: on a GPU everything would wait for it."
    " Pass the tensor, and load it in the kernel.",
    see=ADAMW,
)
def brought_to_the_host(p, g, m, v, factor, decayed, step, lr, beta1, beta2, eps, weight_decay):
    clipped = g * factor.item()
    n, block = len(p), 1024
    rate, unbias2 = lr / (1 - beta1**step), 1 - beta2**step
    host_kernel[(triton.cdiv(n, block),)](
        p, clipped, m, v, n, decayed, lr * weight_decay, rate, beta1, beta2, unbias2, eps, BLOCK=block
    )


@triton.jit
def host_kernel(
    p_ptr, g_ptr, m_ptr, v_ptr, n, decayed, shrink, rate, beta1, beta2, unbias2, eps, BLOCK: tl.constexpr
):
    """Update with a gradient that is clipped already."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    p = tl.load(p_ptr + at, mask=inside, other=0.0)
    g = tl.load(g_ptr + at, mask=inside, other=0.0)
    m = beta1 * tl.load(m_ptr + at, mask=inside, other=0.0) + (1 - beta1) * g
    v = beta2 * tl.load(v_ptr + at, mask=inside, other=0.0) + (1 - beta2) * g * g
    p = p - tl.where(at < decayed, shrink, 0.0) * p - rate * m / (tl.sqrt(v / unbias2) + eps)
    tl.store(p_ptr + at, p, mask=inside)
    tl.store(m_ptr + at, m, mask=inside)
    tl.store(v_ptr + at, v, mask=inside)


@clipped_adamw.mistake(
    "The values are right, but no Triton kernel ran: PyTorch's operations did, a pass over memory each.",
    see=ADAMW,
)
def no_kernel(p, g, m, v, factor, decayed, step, lr, beta1, beta2, eps, weight_decay):
    clipped = g * factor
    m.lerp_(clipped, 1 - beta1)
    v.mul_(beta2).addcmul_(clipped, clipped, value=1 - beta2)
    p[:decayed] *= 1 - lr * weight_decay
    p.addcdiv_(m, (v / (1 - beta2**step)).sqrt_().add_(eps), value=-lr / (1 - beta1**step))
