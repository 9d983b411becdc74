# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 20 · Fused cross-entropy and AdamW
#
# **Question.** A loss is one number, and an update needs each weight once. Why, then, is the largest array of a
# training step made for the one, and why does the other go over memory again and again?
#
# At its last step a model multiplies N positions of C numbers by a head of V rows, and gets N V logits. For one text
# of 8,192 tokens and LLaMA 3's vocabulary of 128,256 these are a thousand million numbers, and PyTorch's loss keeps
# three arrays of that size. [Chapter 10](10_from_numpy_to_pytorch.md) flattened this mountain by computing the logits
# piece by piece, twice. Here we do better, and need them once.
#
# The observation behind it is small. The loss is where backpropagation *begins*. Nothing has to be waited for: while a
# logit is there, its gradient can be computed, multiplied on, and both forgotten. It takes the online sum of [chapter
# 19](19_flash_attention.md), a second pass over each row, and some care with a gradient that is early. At the end of
# the step the optimiser has the opposite problem: hardly any arithmetic, and bytes, bytes, bytes.

# %%
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MINILLAMA_BACKEND"] = "triton-interpret"  # Triton's kernels, on the CPU, block by block

import time

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

import minillama
from minillama import LlamaConfig, kernels
from minillama.book.plotting import COLORS, use_style
from minillama.kernels import eager, ops
from minillama.kernels import triton as raw
from minillama.kernels.memory import LiveMemory
from minillama.kernels.operators.losses import in_chunks
from minillama.kernels.roofline import DATA_SHEETS
from minillama.kernels.traffic import measured
from minillama.kernels.triton.launch import recorded

use_style()
torch.set_num_threads(1)
kernels.use("triton-interpret")


def draw(*shape, seed=0, scale=1.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares.

# %%
prediction = {
    "matrix products of the loss in chunks, where the whole one takes 3": 4.0,
    "vocabulary of 131,072: memory of the whole loss over that in chunks": 8.0,
    "bytes that PyTorch's loss moves over those of one kernel, bfloat16": 2.0,
    "bytes a parameter that AdamW moves, operation by operation": 48.0,
    "AdamW in one C loop: how many times faster than operation by operation": 2.0,
}

# %% [markdown]
# ## The idea: the gradient need not wait
#
# In the middle of a network a backward pass waits for the gradient from above. At the loss there is nothing above but
# one number, the factor by which somebody multiplies the loss, and factors can be applied at the end. So forward and
# backward of the last two operations become one loop over chunks of positions:
#
# 1. a chunk's logits: a product with the head;
# 2. the log-sum and the nats of each row, and, **in the place of the logits**, their gradient;
# 3. two products with the gradient: what goes back into the model, and what is added to the head's own gradient.
#
# Then the next chunk takes over the same memory. Here is the product, drawn to scale for LLaMA 3 8B and one text of
# 8,192 tokens: equal areas hold equally many numbers.

# %% tags=["figure", "hide"] alt="Three rectangles drawn to scale. A small blue one at the left, 8,192 positions high and 4,096 wide; a long flat green one on top, 4,096 high and 128,256 wide, the head; and beside and below them the logits, 8,192 high and 128,256 wide, empty but for one thin orange strip of 512 rows"
N, C, V = 8192, 4096, 128_256
figure, axes = plt.subplots(figsize=(9.6, 2.5))
gap = 2500
for left, top, width, height, colour in (
    (0, C + gap, C, N, "blue"),
    (C + gap, 0, V, C, "green"),
    (C + gap, C + gap + 2048, V, 512, "orange"),
):
    axes.add_patch(plt.Rectangle((left, top), width, height, facecolor=COLORS[colour], alpha=0.85))
axes.add_patch(plt.Rectangle((C + gap, C + gap), V, N, facecolor="none", edgecolor=COLORS["grey"]))
for x, y, text in (
    (C + gap + V / 2, C / 2, "head: V by C"),
    (C + gap + V / 2, C + gap + 5600, "logits: N by V, of which only a chunk exists"),
    (C / 2, C + gap + N + 2400, "x: N by C"),
):
    axes.text(x, y, text, ha="center", va="center", color="white" if "head" in text else COLORS["grey"])
axes.set(xlim=(-4500, C + gap + V + 500), ylim=(C + gap + N + 4000, -500), aspect="equal")
axes.axis("off")
plt.show()

# %% [markdown]
# ## The mathematics
#
# | symbol | what it is | shape |
# |---|---|---|
# | $x$ | what the head reads | (N, C) |
# | $W$ | the head | (V, C) |
# | $z = x W^\top$ | logits | (N, V) |
# | $y$ | targets, token numbers | (N,) |
# | $\ell_i = \ln Z_i - z_{i y_i}$, $Z_i = \sum_v e^{z_{iv}}$ | nats of position $i$ | (N,) |
# | $g$ | the gradient of the final loss by $\sum_i \ell_i$: one number | () |
#
# [Chapter 04](04_backpropagation.md) derived the gradient of one row. With $p_{iv} = e^{z_{iv}} / Z_i$, and
# $[v = y_i]$ for the one-hot row, 1 at the target and 0 elsewhere:
#
# $$ \frac{\partial \ell_i}{\partial z_{iv}} = p_{iv} - [v = y_i] $$
#
# and through the product, for the sum over all positions:
#
# $$ dx = g\,(p - \text{onehot})\, W, \qquad dW = g\,(p - \text{onehot})^\top x $$
#
# The first is a matter of each row. The second is a sum over rows, and a sum can be collected chunk by chunk. $g$
# stands before both and can come later. That is all; the rest is bytes and digits.
#
# ## Two passes over a row
#
# $Z$ is kept as chapter 19 kept it: the largest logit so far, and the sum measured against it. Then a second pass
# turns the row into its gradient where it stands. We do it in float32, as a kernel will.


# %%
def turn_into_gradient(z, target, width):
    """Return the nats of one row of logits (V,), read `width` at a time, and leave their gradient in it."""
    wanted = z[target]  # now, or never: it will be written over
    top, total = np.float32(-np.inf), np.float32(0)
    for at in range(0, len(z), width):
        larger = max(top, z[at : at + width].max())
        total = np.exp(top - larger) * total + np.exp(z[at : at + width] - larger).sum()
        top = larger
    for at in range(0, len(z), width):
        z[at : at + width] = np.exp(z[at : at + width] - top) / total
    z[target] -= 1
    return np.log(total) - (wanted - top)


logits = draw(1, 1000, scale=3.0)
exact = logits.double().requires_grad_()
F.cross_entropy(exact, torch.tensor([7])).backward()  # PyTorch's, in float64
for width in (1, 64, 1000):
    row = logits[0].numpy().copy()
    nats = turn_into_gradient(row, 7, width)
    assert abs(nats - F.cross_entropy(exact, torch.tensor([7])).item()) < 1e-5
    assert np.abs(row - exact.grad[0].numpy()).max() < 1e-6
    print(f"{width:4d} at a time: {nats:.4f} nats, the gradient sums to zero within 1e-5")
    assert abs(row.sum()) < 1e-5

# %% [markdown]
# A softmax that first looks for the maximum, then sums, then divides, reads the row three times and writes it once;
# Milakov and Gimelshein (2018) counted these four and made them three. Ours are the same three, and the store goes to
# where the load came from, so that no second row exists.
#
# ## Digits that go missing
#
# Why `log(total) - (wanted - top)` and not the formula as it stands, $\ln Z - z_y$? Both numbers may be large and
# nearly equal. Suppose that all logits are 4,096 and the target's is $d$ more. In float32 the numbers about 4,096 are
# 0.0005 apart:

# %%
print(f"{'d':>3}{'exact nats':>12}{'log Z - z':>12}{'maximum off first':>19}")
for d in (2, 5, 8, 10):
    row = torch.full((50,), 4096.0)
    row[7] += d
    exact_nats = (row.double().logsumexp(0) - row.double()[7]).item()
    naive = (row.logsumexp(0) - row[7]).item()
    ours = turn_into_gradient(row.numpy(), 7, 16)
    print(f"{d:3d}{exact_nats:12.4f}{naive:12.4f}{ours:19.4f}")
    assert abs(ours - exact_nats) < 1e-4 * exact_nats
assert abs(naive - exact_nats) > 0.09 * exact_nats

# %% [markdown]
# The better a model knows the next token, the fewer digits of its loss are left; the last row is off by a tenth. With
# the maximum off, the large numbers are gone before anything is subtracted. (Below 1e-7 nats this version, too, says 0:
# the sum is 1 and a rest that float32 cannot add to 1.) The gradient above is made from the maximum and the sum apart
# and does not suffer. A kernel that keeps $\ln Z$ alone for the way back, as the package's does, has probabilities
# wrong by up to one part in 4,096 here: less than rounding to bfloat16 costs.
#
# ## The same in Triton
#
# One program a row. The interpreter of [chapter 18](18_first_triton_kernels.md) runs it here; the code is what a GPU
# would compile.


# %%
@triton.jit
def loss_kernel(logits, targets, nats, V, BLOCK: tl.constexpr):
    """Write the nats of a row of logits, and its gradient over the row."""
    row = tl.program_id(0).to(tl.int64)
    z = logits + row * V
    target = tl.load(targets + row)
    wanted = tl.load(z + target).to(tl.float32)
    top = float("-inf")
    total = 0.0
    for at in range(0, V, BLOCK):
        column = at + tl.arange(0, BLOCK)
        x = tl.load(z + column, mask=column < V, other=float("-inf")).to(tl.float32)
        larger = tl.maximum(top, tl.max(x, axis=0))
        total = tl.exp(top - larger) * total + tl.sum(tl.exp(x - larger), axis=0)
        top = larger
    tl.store(nats + row, tl.log(total) - (wanted - top))
    for at in range(0, V, BLOCK):
        column = at + tl.arange(0, BLOCK)
        x = tl.load(z + column, mask=column < V, other=float("-inf")).to(tl.float32)
        gradient = tl.exp(x - top) / total - tl.where(column == target, 1.0, 0.0)
        tl.store(z + column, gradient.to(logits.dtype.element_ty), mask=column < V)


def fused_loss(logits, targets, block=256):
    """(N, V), (N,) -> nats (N,); `logits` become their gradient."""
    N, V = logits.shape
    nats = torch.empty(N)
    loss_kernel[(N,)](logits, targets, nats, V, BLOCK=block)
    return nats


N, V = 6, 1000
targets = torch.randint(V, (N,), generator=torch.Generator().manual_seed(1))
for dtype, tolerance in {torch.float32: 1e-6, torch.bfloat16: 2**-8}.items():  # bfloat16 has 8 bits
    logits = draw(N, V, scale=3.0).to(dtype)
    exact = logits.double().requires_grad_()
    wanted = F.cross_entropy(exact, targets, reduction="none")
    wanted.sum().backward()
    with measured() as meter:
        nats = fused_loss(logits, targets)
    assert (nats - wanted).abs().max() < 2e-6 * wanted.max()
    assert (logits.double() - exact.grad).abs().max() < tolerance
    check, b = meter["loss_kernel"], dtype.itemsize
    assert check.read == N * (8 + b + 2 * V * b)
    assert check.written == N * (4 + V * b)
    assert meter.races == []
    print(f"{dtype}: {check.moved / (N * V):.2f} bytes a logit, of which 3 x {b} are the logits themselves")

# %% [markdown]
# Every byte is accounted for: an assertion says where each comes from. What does the same cost in plain PyTorch? Not
# by opinion: a mode that sees each operation adds up what it is given and what it gives. Two operations get a
# correction, since the loss proper picks N numbers out of its (N, V) and reads nothing else of it. What operations
# do *inside* (a softmax reads its row more than once) is left out, in PyTorch's favour.


# %%
class Bytes(TorchDispatchMode):
    """Add up the bytes that each operation takes and gives, at least."""

    moved = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func.is_view or "detach" in str(func):
            return out
        read = args[1:] if "copy_" in str(func) else args  # what is copied over is not read
        given = {x.data_ptr(): x for x in read if isinstance(x, torch.Tensor)}.values()  # each once
        if "nll_loss" not in str(func):
            self.moved += sum(x.nbytes for x in given)
        given_back = out if isinstance(out, tuple) else (out,)
        self.moved += sum(x.nbytes for x in given_back if isinstance(x, torch.Tensor))
        return out


N, V = 256, 4096
logits = draw(N, V).bfloat16().requires_grad_()
targets = torch.randint(V, (N,), generator=torch.Generator().manual_seed(1))
with Bytes() as by_operation:
    F.cross_entropy(logits.float(), targets, reduction="sum").backward()
plain_bytes = by_operation.moved / (N * V)
print(f"bfloat16 logits, PyTorch's loss and gradient: {plain_bytes:.0f} bytes a logit; one kernel: 6")
assert round(plain_bytes) == 36

# %% [markdown]
# To float32 and back (6 + 6), a log-softmax (8), a gradient full of zeros (4), the log-softmax's way back (12): six
# times the bytes. The package has two kernels instead of one, since a loss that stands alone goes back later than it
# goes forward; the second does not read rows without a target. With a target everywhere they move the same six bytes.
# (The z-loss of [chapter 13](13_training.md) is one factor more: the softmax times $1 + 2 \zeta \ln Z$.)
#
# Three planted mistakes of a kernel that writes over its input:


# %%
def after_the_gradient(logits, targets):
    """Nats read from the row when the gradient already stands in it."""
    log_z = logits.logsumexp(1)
    logits.copy_((logits - log_z[:, None]).exp())
    logits[torch.arange(len(targets)), targets] -= 1
    return log_z - logits[torch.arange(len(targets)), targets]


N, V = 64, 500
before = draw(N, V, scale=3.0)
targets = torch.randint(V, (N,), generator=torch.Generator().manual_seed(2))
loss_before = F.cross_entropy(before, targets).item()

a = before.clone()
late = after_the_gradient(a, targets).mean().item()
b = before.clone()
fused_loss(b, targets)
again = fused_loss(b, targets).mean().item()  # the same tensor: no longer logits
probabilities = before.softmax(1).requires_grad_()  # somebody else's tensor, kept for its own way back
doubled = 2 * probabilities
square = doubled.square().sum()  # saves `doubled`
version = doubled._version
fused_loss(doubled.detach(), targets)
unseen = doubled._version == version
square.backward()
wrong = (probabilities.grad - 8 * probabilities).abs().max().item()

print(f"the loss is                          {loss_before:.3f}")
print(f"target's logit read too late:        {late:.3f}")
print(f"the loss of the same tensor again:   {again:.3f}")
print(f"somebody's saved tensor overwritten: its gradient off by {wrong:.1f}, unseen by autograd: {unseen}")
assert abs(late - loss_before) > 1
assert abs(again - loss_before) > 1
assert wrong > 1
assert unseen

# %% [markdown]
# The third is the dangerous one. PyTorch counts the versions of each tensor and would complain if an operation of its
# own had written there. A kernel that stores through a pointer raises no counter. Liger-Kernel's cross-entropy does so,
# and an issue of 2024 (number 272) shows a softmax before it with wrong gradients and no error. Hence a rule: **write
# in place only what nobody else can have seen.** The package's `cross_entropy` gets its logits from a caller and gives
# a new array. The logits of the next section have no other owner.
#
# ## Logits that never exist
#
# Linear layer and loss in one `autograd.Function`. All that the way back needs is computed on the way forward.


# %%
class LossInChunks(torch.autograd.Function):
    """The nats of x W', summed, with the logits of at most `rows` positions at a time."""

    @staticmethod
    def forward(ctx, x, weight, targets, rows):
        loss, dx = x.new_zeros(()), torch.empty_like(x)
        dweight = torch.zeros_like(weight, dtype=torch.float32)
        memory = x.new_empty(min(rows, len(x)), len(weight))  # one chunk's logits; the next chunk's, too
        for at in range(0, len(x), rows):
            some, wanted = x[at : at + rows], targets[at : at + rows]
            z = torch.mm(some, weight.T, out=memory[: len(some)])  # (n, V)
            z -= z.amax(1, keepdim=True)
            of_target = z.gather(1, wanted[:, None])[:, 0]
            total = z.exp_().sum(1)
            loss += (total.log() - of_target).sum()
            z /= total[:, None]
            z[torch.arange(len(some)), wanted] -= 1  # z is its own gradient now
            torch.mm(z, weight, out=dx[at : at + rows])
            torch.addmm(dweight, z.T, some, out=dweight)
        ctx.save_for_backward(dx, dweight)
        return loss

    @staticmethod
    def backward(ctx, g):
        dx, dweight = ctx.saved_tensors
        return g * dx, g * dweight, None, None


def whole(x, weight, targets):
    return F.cross_entropy(x @ weight.T, targets, reduction="sum")


def recomputed(x, weight, targets, rows=16):  # chapter 10's
    parts = zip(x.split(rows), targets.split(rows), strict=True)
    return sum(checkpoint(whole, some, weight, wanted, use_reentrant=False) for some, wanted in parts)


def chunked(x, weight, targets, rows=16):
    return LossInChunks.apply(x, weight, targets, rows)


N, C, V = 100, 24, 700
x, weight = draw(N, C, seed=1), draw(V, C, seed=2, scale=0.5)
targets = torch.randint(V, (N,), generator=torch.Generator().manual_seed(3))


def gradients(loss_of, *inputs, dtype=torch.float32):
    leaves = [t.to(dtype).requires_grad_() for t in inputs]
    loss = loss_of(*leaves, targets)
    return [loss.detach().double(), *(t.double() for t in torch.autograd.grad(0.25 * loss, leaves))]


truth = gradients(whole, x, weight, dtype=torch.float64)
others = {
    "whole, float32": whole,
    "chapter 10's, computed twice": recomputed,
    "in chunks of 16": chunked,
    "PyTorch's own in chunks": lambda *given: F.linear_cross_entropy(
        *given, reduction="sum", options=torch.nn.LinearCrossEntropyOptions(batch_chunk_size=16)
    ),
    "the package's, on Triton": lambda *given: ops.linear_cross_entropy(*given)[0],
}
for name, loss_of in others.items():
    found = gradients(loss_of, x, weight)
    errors = [((a - b).abs().max() / b.abs().max()).item() for a, b in zip(found, truth, strict=True)]
    assert max(errors) < 2e-6, (name, errors)
    print(f"{name:30} loss and both gradients are float64's within 2e-6")

# %% [markdown]
# The loss was multiplied by a quarter on the way, to see that the late factor arrives. And the arithmetic? PyTorch
# counts the operations of matrix products:

# %%
one_product = 2 * N * C * V
for name in ("whole, float32", "chapter 10's, computed twice", "in chunks of 16"):
    with FlopCounterMode(display=False) as counter:
        gradients(others[name], x, weight)
    products = counter.get_total_flops() / one_product
    print(f"{name:30} {products:.0f} products of N by C by V")
assert products == 3

# %% [markdown]
# Three, as for the whole loss: the fourth, which chapter 10 paid for its memory, is not paid here. A gradient that does
# not wait for the way back needs no logits there.
#
# ## Three traps of an early gradient
#
# The gradient is made before anybody has asked for it. So it must not depend on what is said later, and must be
# summed well. Three more planted mistakes, each with a test that it passes.


# %%
class Impatient(LossInChunks):
    @staticmethod
    def backward(ctx, g):
        dx, dweight = ctx.saved_tensors
        for gradient in (dx, dweight):
            gradient.data.mul_(g)  # in place, and as a kernel does it: past the version counter
        return dx, dweight, None, None


def relative(found, wanted):
    return ((found.double() - wanted).abs().max() / wanted.abs().max()).item()


leaves = [t.clone().requires_grad_() for t in (x, weight)]
once, twice = {}, {}
for kind in (LossInChunks, Impatient):
    loss = kind.apply(*leaves, targets, 16)
    once[kind] = relative(torch.autograd.grad(0.25 * loss, leaves[1], retain_graph=True)[0], truth[2])
    twice[kind] = relative(torch.autograd.grad(0.25 * loss, leaves[1])[0], truth[2])
    print(
        f"{kind.__name__:13} gradient of the head, relative error: once {once[kind]:.1f}, again {twice[kind]:.2f}"
    )
assert max(once.values()) < 2e-6
assert twice[LossInChunks] < 2e-6
assert abs(twice[Impatient] - 0.75) < 1e-5

options = torch.nn.LinearCrossEntropyOptions()
loss = F.linear_cross_entropy(*leaves, targets, reduction="sum", options=options)
torch.autograd.grad(loss, leaves, retain_graph=True)
try:
    torch.autograd.grad(loss, leaves)
except RuntimeError as error:
    print("PyTorch's, again:", str(error).split(";")[0])

# %% [markdown]
# **Used twice.** The gradient is multiplied in place, and the second use finds it scaled already: a quarter of a
# quarter. It happens when a graph is kept and gone back through again: for two terms one after the other, or to look at
# a gradient before the step. Had we written `dx.mul_(g)`, PyTorch's counter would have noticed; a kernel raises no
# counter. PyTorch's chunked loss multiplies in place as well, spares itself a copy of both gradients, and refuses a
# second use in words, unless its option `allow_retain_graph` asks for the copy. Ours makes it always.
#
# **A factor for each position.** Suppose that positions have weights: a loss mask, importance, a mean over each text.
# The row's factor can still be put into $dx$, row by row. Into $dW$ it cannot:

# %%
mask = (torch.arange(N) % 3 > 0).double() * torch.linspace(0.2, 2.0, N).double()  # a weight a position
leaves = [t.double().requires_grad_() for t in (x, weight)]
per_row = F.cross_entropy(leaves[0] @ leaves[1].T, targets, reduction="none")
right = torch.autograd.grad((mask * per_row).sum(), leaves)
unweighted = gradients(chunked, x, weight)
late_dx = 4 * unweighted[1] * mask[:, None]  # 4: `gradients` had a quarter
best_factor = (unweighted[2] * right[1]).sum() / unweighted[2].square().sum()
print(f"dx, weighted later: relative error {relative(late_dx, right[0]):.1f}")
print(f"dW, weighted later by the best single factor: {relative(best_factor * unweighted[2], right[1]):.2f}")
assert relative(late_dx, right[0]) < 2e-6
assert relative(best_factor * unweighted[2], right[1]) > 0.1

# %% [markdown]
# $dW$ is a sum over positions, and out of a sum no term can be taken. Such weights must be known when the chunk is
# there. Liger-Kernel's `reduction="none"` multiplied everything by the first position's factor until 2026 (pull request
# 1298). The package's operation returns a sum and nothing else, so that the question cannot be asked wrongly: a target
# of -100 is known in time.
#
# **A sum in 16 bits.** $dW$ collects as many terms as there are chunks. A bfloat16 has 8 bits, so that a term of less
# than 1/512 of what is there already is rounded away. We weigh the two ways: terms in bfloat16 both times, the sum in
# bfloat16 or in float32. Targets are as in a text: few tokens are frequent, and their rows grow steadily. Means over
# three seeds.

# %% tags=["nbval-ignore-output"]
tokens, width, vocabulary = 2048, 16, 64
chunk_counts = [1, 4, 16, 64, 256, 1024]
frequency = 1 / torch.arange(1, vocabulary + 1.0)
errors = {torch.bfloat16: [], torch.float32: []}  # three seeds, each a row
for seed in range(3):
    some_x = (draw(tokens, width, seed=seed) + 1).bfloat16()
    head = draw(vocabulary, width, seed=10 + seed, scale=0.2).bfloat16()
    generator = torch.Generator().manual_seed(20 + seed)
    some_targets = torch.multinomial(frequency, tokens, replacement=True, generator=generator)
    p = (some_x.double() @ head.double().T).softmax(1)
    p[torch.arange(tokens), some_targets] -= 1
    exact_dweight = p.T @ some_x.double()
    for dtype, found in errors.items():
        found.append([])
        for chunks in chunk_counts:
            total = torch.zeros(vocabulary, width, dtype=dtype)
            for some_p, piece in zip(p.bfloat16().chunk(chunks), some_x.chunk(chunks), strict=True):
                total = total + (some_p.float().T @ piece.float()).bfloat16().to(dtype)
            found[-1].append(relative(total, exact_dweight))
narrow_error, wide_error = np.array(errors[torch.bfloat16]), np.array(errors[torch.float32])
for at, chunks in enumerate(chunk_counts):
    narrow, wide = narrow_error[:, at].mean(), wide_error[:, at].mean()
    print(f"{chunks:5d} chunks: summed in bfloat16 {narrow:.2%} off, in float32 {wide:.2%}")

# %%
assert narrow_error[:, -1].min() > 0.04 > 0.01 > wide_error.max()
assert (narrow_error[:, -1] > 8 * narrow_error[:, 0]).all()
print("in bfloat16 the error grows with the number of chunks; in float32 it does not")

# %% [markdown]
# The smaller the chunks, the worse: memory is bought with digits. Users of fused losses saw their training diverge
# (Liger-Kernel, issue 512). Its option `accum_dtype` is the remedy, and so is our `dtype=torch.float32` in the line
# that makes `dweight`. It costs 4 bytes a number of the head, 2.1 GB for LLaMA 3 8B.
#
# ## Memory by vocabulary
#
# The promise of this chapter, measured. 512 positions of width 32, float32, loss and both gradients; all bytes that
# are alive at once, inputs not counted. The chunk may hold $2^{20}$ logits, so that it has fewer rows where the
# vocabulary is larger. Chapter 10's version gets the same chunk.

# %%
N, C, AT_ONCE = 512, 32, 2**20
vocabularies = [2**k for k in range(10, 18)]


def peak(loss_of, V):
    x, weight = draw(N, C, seed=1).requires_grad_(), draw(V, C, seed=2, scale=0.3).requires_grad_()
    targets = torch.randint(V, (N,), generator=torch.Generator().manual_seed(3))
    with LiveMemory() as memory:
        loss_of(x, weight, targets).backward()
    return memory.peak


versions = {
    "whole": whole,
    "in chunks, computed twice": lambda *given: recomputed(*given, rows=AT_ONCE // len(given[1])),
    "in chunks, with its gradient": lambda *given: chunked(*given, rows=AT_ONCE // len(given[1])),
}
peaks = {name: [peak(loss_of, V) for V in vocabularies] for name, loss_of in versions.items()}
both_gradients = [4 * (N + V) * C for V in vocabularies]
print(f"{'V':>8}{'whole':>10}{'twice':>10}{'fused':>10}{'the gradients':>16}   MB")
for at, V in enumerate(vocabularies):
    row = [peaks[name][at] / 1e6 for name in versions]
    print(f"{V:8,}" + "".join(f"{mb:10.1f}" for mb in row) + f"{both_gradients[at] / 1e6:16.1f}")
saved = peaks["whole"][-1] / peaks["in chunks, with its gradient"][-1]
print(f"at {vocabularies[-1]:,} tokens: {saved:.0f} times less")
for at, V in enumerate(vocabularies):
    assert 12 * N * V <= peaks["whole"][at] < 12 * N * V + 4 * V * C + 8 * N * C + 100 * N
    chunk = 4 * min(AT_ONCE, N * V)
    held = max(both_gradients[at] + chunk, 2 * both_gradients[at])  # on the way up, and on the way back
    assert 0 <= peaks["in chunks, with its gradient"][at] - held < 100 * N

# %% tags=["figure", "hide"] alt="Peak memory in megabytes against the vocabulary, 1,024 to 131,072, both axes logarithmic. The whole loss is a straight line of slope one from 6 to 805. The loss in chunks computed twice leaves that line at 2,048 tokens, runs nearly flat at 13 to 17 and ends at 50. The fused one is lowest, nearly flat at 5 to 9 up to 32,768 tokens, and ends at 34, twice the dashed line of the gradients alone, which has slope one from below 1 to 17"
figure, axes = plt.subplots(figsize=(7.6, 4.1))
for (name, found), colour in zip(peaks.items(), ("orange", "green", "blue"), strict=True):
    axes.loglog(vocabularies, np.array(found) / 1e6, "o-", color=COLORS[colour], label=name)
axes.loglog(
    vocabularies, np.array(both_gradients) / 1e6, "--", color=COLORS["grey"], label="the two gradients alone"
)
axes.set(xlabel="vocabulary, tokens", ylabel="most alive at once, MB")
axes.set_xticks(vocabularies, [f"{V // 1024}K" for V in vocabularies])
axes.minorticks_off()
axes.legend()
plt.show()

# %% [markdown]
# The whole loss is a straight line: 12 bytes for each logit, three arrays in float32. In chunks the logits' share is a
# constant that we chose, 4.2 MB for each array. What still grows is dashed: the gradient of the head has V rows, and
# everybody who trains it must hold it. In the end the fused version holds it twice, for the late factor's copy.
# Computing twice, chapter 10's way, still holds three arrays of a chunk instead of one, and in the end three of the
# head: what is summed, the next chunk's term, and the new sum.
#
# And PyTorch's own? Without its `options`, `F.linear_cross_entropy` computes the whole logits: the name promises
# nothing. With them, as in the package's operator, the loop is one operation to PyTorch, and this meter looks at
# operations from outside. But the package's loop can be called beneath its operator:

# %%
V, rows = 8192, 64
x, weight = draw(N, C, seed=1), draw(V, C, seed=2, scale=0.3)
targets = torch.randint(V, (N,), generator=torch.Generator().manual_seed(3))
with LiveMemory() as memory, recorded():  # launches are noted: the interpreter's copies would count
    in_chunks(raw, x, weight, targets, 0.0, True, rows * V)
least = 4 * (N * C + V * C + rows * V)
print(f"the package's loop: {memory.peak / 1e6:.2f} MB, gradients and one chunk are {least / 1e6:.2f}")
assert 0 <= memory.peak - least < 64 * N
without_options = peak(lambda *given: F.linear_cross_entropy(*given, reduction="sum"), V)
assert without_options == peaks["whole"][vocabularies.index(V)]
print(f"F.linear_cross_entropy without options: {without_options / 1e6:.1f} MB, as the whole loss")

# %% [markdown]
# ## How small a chunk?
#
# A chunk of one row would hold least. But each chunk reads the whole head twice and reads and writes the head's whole
# gradient. With bfloat16 logits and head, and $dW$ in float32, a chunk of $n$ rows does three products, $6nCV$
# operations, and moves
#
# $$ \underbrace{2 \cdot 2VC}_{W \text{ twice}} + \underbrace{8VC}_{dW} + \underbrace{12nV}_{\text{logits}} + \underbrace{6nC}_{x,\ dx} \text{ bytes} $$
#
# (the logits are written once, read and written by the loss as above, read by two products). Their quotient is the
# chunk's intensity, to be held against the ridges of [chapter 17](17_where_the_time_goes.md)'s rooflines. By formula,
# for LLaMA 3 8B:


# %%
def intensity(n, C=4096, V=128_256):
    """FLOPs a byte of a chunk of n rows."""
    return 6 * n * C * V / (12 * V * C + 12 * n * V + 6 * n * C)


sizes = [2**k for k in range(4, 14)]
ridges = {machine.name: machine.ridge for machine in DATA_SHEETS.values()}
for name, ridge in ridges.items():
    enough = next(n for n in range(1, 8192) if intensity(n) > ridge)
    print(
        f"{name}: ridge at {ridge:.0f} FLOPs a byte, reached from {enough} rows on: {2 * enough * 128_256 / 1e6:.0f} MB"
    )
default = eager.LOGITS_AT_ONCE // 128_256
print(
    f"the package's chunk of {eager.LOGITS_AT_ONCE:,} logits has {default} rows: {intensity(default):.0f} FLOPs a byte"
)
assert intensity(default) < ridges["A100"] < intensity(512)

# %% tags=["figure", "hide"] alt="FLOPs per byte of a chunk against its rows, 16 to 8,192, both axes logarithmic: a curve that rises with slope one from 8 and bends towards 1,300. Two horizontal lines mark the A100's ridge at 153, crossed near 330 rows, and the H100's at 295, crossed near 690"
figure, axes = plt.subplots(figsize=(7.6, 3.6))
axes.loglog(sizes, [intensity(n) for n in sizes], "o-", color=COLORS["blue"])
for (name, ridge), colour in zip(ridges.items(), ("green", "orange"), strict=True):
    axes.axhline(ridge, color=COLORS[colour], ls="--")
    axes.text(17, ridge * 1.1, f"ridge of the {name}", color=COLORS[colour])
axes.set(xlabel="rows a chunk", ylabel="FLOPs a byte")
axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
axes.minorticks_off()
plt.show()

# %% [markdown]
# A few hundred rows are enough: 85 to 178 MB of logits in place of 12.6 GB ($dW$ not counted), and by this count at no
# loss of speed. Fewer rows, and the products wait for the head. Liger-Kernel chooses rows such that a
# chunk of logits is about as large as $x$; PyTorch has the same rule under the name `aspect_ratio`. The package's
# $2^{24}$ logits were chosen on a CPU (its C kernels take no more than $2^{21}$, which stay in a cache); by this count
# they are too small a chunk for an A100 at this vocabulary. It is a count: nothing here was timed on a GPU.
#
# ## AdamW: all bytes, no arithmetic
#
# The optimiser of [chapter 09](09_a_llama_in_numpy.md), five lines for each parameter. Four numbers come in (weight,
# gradient, both means), three go out: 28 bytes in float32, for a dozen operations. No machine of today has so little
# arithmetic that this would matter. But written line by line, each line goes over memory:

# %%
n = 1 << 16
lr, beta1, beta2, eps, decay = 1e-3, 0.9, 0.95, 1e-8, 0.1
hyper = (lr, beta1, beta2, eps, decay)


def state(*shapes, seed=0):
    """Parameters, gradients, means, squares: four lists."""
    kinds = [[draw(*shape, seed=100 * seed + 10 * k + i) for i, shape in enumerate(shapes)] for k in range(3)]
    return [*kinds, [draw(*shape, seed=500 + i).square() for i, shape in enumerate(shapes)]]


def naive_adamw(p, g, m, v, step):
    m.copy_(beta1 * m + (1 - beta1) * g)
    v.copy_(beta2 * v + (1 - beta2) * g * g)
    length = (m / (1 - beta1**step)) / ((v / (1 - beta2**step)).sqrt() + eps)
    p.copy_(p - lr * decay * p - lr * length)


(p,), (g,), (m,), (v,) = state((n,))
with Bytes() as line_by_line:
    naive_adamw(p, g, m, v, 1)
with Bytes() as in_place:
    eager.adamw([p], [g], [m], [v], 2, *hyper)
naive_bytes, eager_bytes = line_by_line.moved / n, in_place.moved / n
print(
    f"as in the formula: {naive_bytes:.0f} bytes a parameter; with PyTorch's in-place operations: {eager_bytes:.0f}"
)
print("read and written once each: 28")
assert (round(naive_bytes), round(eager_bytes)) == (176, 80)


# %% [markdown]
# One kernel: load four, compute in registers, store three.


# %%
@triton.jit
def adamw_kernel(
    p_ptr, g_ptr, m_ptr, v_ptr, n, keep, rate, weight1, beta2, weight2, unbias2, eps, BLOCK: tl.constexpr
):
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    p = tl.load(p_ptr + at, mask=inside, other=0.0)
    g = tl.load(g_ptr + at, mask=inside, other=0.0)
    m = tl.load(m_ptr + at, mask=inside, other=0.0)
    v = tl.load(v_ptr + at, mask=inside, other=0.0)
    m += weight1 * (g - m)
    v = beta2 * v + weight2 * g * g
    p = keep * p - rate * m / (tl.sqrt(v / unbias2) + eps)  # both corrections, and the decay, in two factors
    tl.store(p_ptr + at, p, mask=inside)
    tl.store(m_ptr + at, m, mask=inside)
    tl.store(v_ptr + at, v, mask=inside)


def fused_adamw(p, g, m, v, step, block=4096):
    n = p.numel()
    keep, rate, unbias2 = 1 - lr * decay, lr / (1 - beta1**step), 1 - beta2**step
    scalars = keep, rate, 1 - beta1, beta2, 1 - beta2, unbias2, eps
    adamw_kernel[(triton.cdiv(n, block),)](p, g, m, v, n, *scalars, BLOCK=block)


n = 10_001  # a rest in the last block
(p,), (g,), _, _ = state((n,))
m, v = torch.zeros(n), torch.zeros(n)
theirs = p.double().requires_grad_()
optimizer = torch.optim.AdamW([theirs], lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=decay)
for step in range(1, 6):
    gradient = g * step
    with measured() as meter:
        fused_adamw(p, gradient, m, v, step)
    theirs.grad = gradient.double()
    optimizer.step()
assert (p - theirs.detach()).abs().max() < 1e-6
assert meter["adamw_kernel"].moved == 28 * n
assert meter.races == []
print("five steps: PyTorch's AdamW in float64 within 1e-6, 28 bytes a parameter, measured")

# %% [markdown]
# What depends on the step's number (`rate`, `unbias2`) is an argument and no `constexpr`: a constant that changes with
# every step would compile the kernel anew with every step.
#
# ## Many tensors, one buffer
#
# LLaMA 7B has 291 tensors. The package starts a kernel for each; we note the launches on tensors without data. If all
# parameters lie in one buffer, one launch does, and elementwise work does not care where a tensor ends:

# %%
with torch.device("meta"):
    parameters = list(minillama.Llama(LlamaConfig.named("llama-1-7b")).parameters())
with recorded() as launches:
    raw.adamw(parameters, parameters, parameters, parameters, 1, *hyper)
smallest = min(t.numel() for t in parameters)
print(
    f"LLaMA 7B: {len(launches)} launches, the smallest for {smallest:,} numbers, all for {sum(t.numel() for t in parameters):,}"
)

shapes = [(64, 48), (48,), (10, 3, 2), (7,)]
apart = state(*shapes)
buffers = [torch.cat([t.flatten() for t in tensors]) for tensors in apart]
with measured() as one_launch:
    raw.adamw(*([buffer] for buffer in buffers), 3, *hyper)
with measured() as many:
    raw.adamw(*apart, 3, *hyper)
for buffer, tensors in zip(buffers, apart, strict=True):
    assert torch.equal(buffer, torch.cat([t.flatten() for t in tensors]))
assert one_launch.total.moved == many.total.moved
print(f"{many.total.launches} launches or {one_launch.total.launches}: the same bits, the same bytes")

# %% [markdown]
# For 7B that saves 290 starts: nothing beside its bytes, but something for a tiny model. What does care where a tensor
# ends is weight decay. Norms have none, so that there are two buffers, or a boundary in one
# ([exercise 20.3](../exercises/20_3_adamw_in_one_launch.md)).
#
# And now by the clock, where we have one: the package's C loop against the same five lines as operations of PyTorch.
# Four million parameters, 64 MiB, more than most caches hold; CPU time on one thread, pairs in turn.

# %% tags=["nbval-ignore-output"]
big = state((2**22,))
ratios = []
for step in range(1, 10):
    seconds = {}
    for backend in ("eager", "cpp"):
        kernels.use(backend)
        begun = time.process_time()
        ops.adamw(*big, step, *hyper)
        seconds[backend] = time.process_time() - begun
    ratios.append(seconds["eager"] / seconds["cpp"])
kernels.use("triton-interpret")
ratios = sorted(ratios[1:])  # the first pair meets memory that was never touched, and the compiler
faster = float(np.median(ratios))
print(
    f"operation by operation over one C loop: {faster:.1f} [{ratios[0]:.1f} to {ratios[-1]:.1f}]; bytes: 80/28 = {80 / 28:.1f}"
)

# %%
assert 1.3 < faster < 10
print("the C loop is faster, by a factor between 1.3 and 10 on any machine that we accept")

# %% [markdown]
# The clock says about what the bytes said. That is what a kernel without arithmetic is: a number of bytes.
#
# ## In the real LLaMA
#
# With LLaMA 1's 32,000 tokens the loss was a nuisance, with 128,256 it is the summit. The LLaMA 3 paper feels it: in
# its pipelines the stage with the output and the loss was the slowest, and gave a layer away (section 3.3.2). By
# formula, for one text of the context that each model was trained with, at most 8,192: the three float32 arrays
# of the whole loss; a chunk of 512 rows in bfloat16 with $dW$ in float32; and, for the optimiser, the bytes of a step
# and the least time for them on one A100, fused (28) and as PyTorch operations in place (80). A run that divides the
# update among its GPUs divides these times, too.

# %%
print(f"{'':17}{'T':>7}{'V':>9}{'whole':>10}{'chunk':>9}{'+ dW':>9}{'AdamW':>13}{'fused':>10}{'unfused':>10}")
bandwidth = DATA_SHEETS["a100-80gb"].bandwidth
for name in ("llama-1-7b", "llama-2-7b", "llama-3-8b", "llama-3.1-405b"):
    cfg = LlamaConfig.named(name)
    T, V, n_params = min(cfg.max_seq_len, 8192), cfg.vocab_size, cfg.n_params()
    row = 12 * T * V, 2 * 512 * V, 4 * V * cfg.dim, 28 * n_params
    times = 28 * n_params / bandwidth, 80 * n_params / bandwidth
    print(
        f"{name:17}{T:7,}{V:9,}" + "".join(f"{b / 1e9:{w}.2f} GB" for b, w in zip(row, (7, 6, 6, 10), strict=True))
        + "".join(f"{s:8.2f} s" for s in times)
    )  # fmt: skip
    if name == "llama-3-8b":
        assert round(row[0] / 1e9, 1) == 12.6

# %% [markdown]
# > **Departure: a gradient that is made before it is asked for.**
# >
# > - **Paper.** Liger Kernel (2024), section 3.2: linear layer and cross-entropy in chunks, the gradient in place of
# >   the logits, in the forward pass.
# > - **Code.** Liger-Kernel sums the head's gradient in the weight's own type unless `accum_dtype` says otherwise.
# >   PyTorch 2.13's `linear_cross_entropy` multiplies the finished gradients in place and refuses a second use.
# > - **Here.** The sum in float32 at least; the late factor makes one copy; a second use gives the right gradient.
# > - **What changes.** 4 bytes a number of the head while the loss is computed, and twice its two gradients while it
# >   goes back. No gradient that is silently wrong.
#
# What has changed since. Cut Cross-Entropy (Wijmans and others, 2024) does not even write the chunk: a kernel makes
# tiles of logits on chip, along both axes, as flash attention does with scores, keeps the log-sum, and makes the
# tiles again on the way back: four products, and no chunk at all. For Gemma 2 (2B) they report 1 MB in place of 24 GB
# for the loss. Tiles that add less to a gradient than its number format can hold are skipped, which buys the fourth
# product back. Liger-Kernel reports 60 % less memory and 20 % more throughput than Hugging Face's models, for all of
# its kernels together. And where the head is cut among GPUs ([chapter 15](15_training_at_scale.md)), the online sum is
# what joins the parts.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
answers = (products, saved, plain_bytes / 6, eager_bytes, faster)
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    print(f"{question}: you said {guess:g}, measured {answer:.1f}")

# %% [markdown]
# ## Exercises
#
# - [20.1](../exercises/20_1_loss_in_two_passes.md) A row's loss in two passes
# - [20.2](../exercises/20_2_loss_with_weights.md) A loss in chunks, with a weight for each position
# - [20.3](../exercises/20_3_adamw_in_one_launch.md) AdamW in one launch, with clipping and two kinds of decay
#
# ## What you can now do
#
# - compute a cross-entropy and its gradient in one pass each, in place, without losing digits;
# - say when a kernel may write over its input, and find the three ways in which that goes wrong;
# - fuse a linear layer with its loss: three products, one chunk of logits, gradients before they are asked for;
# - choose a chunk's size from memory on one side and a roofline on the other;
# - count the bytes of an optimiser, and bring them down to 28 a parameter.
#
# Next: all kernels together, in a decoder that trains. [Chapter 21](21_the_gpu_decoder.md).
#
# ## References
#
# - M. Milakov, N. Gimelshein (2018), *Online normalizer calculation for softmax*, arXiv 1805.02867.
# - P.-L. Hsu and others (2024), *Liger Kernel: efficient Triton kernels for LLM training*, arXiv 2410.10989, section
#   3.2; its repository's [issue 272](https://github.com/linkedin/Liger-Kernel/issues/272) with pull request
#   [1251](https://github.com/linkedin/Liger-Kernel/pull/1251) (in place),
#   [issue 512](https://github.com/linkedin/Liger-Kernel/issues/512) (sums in 16 bits), pull request
#   [1298](https://github.com/linkedin/Liger-Kernel/pull/1298) (a factor for each position).
# - E. Wijmans and others (2024), *Cut your losses in large-vocabulary language models*, arXiv 2411.09009; its
#   [code](https://github.com/apple/ml-cross-entropy).
# - A. Grattafiori and others (2024), *The Llama 3 herd of models*, arXiv 2407.21783, section 3.3.2.
# - PyTorch 2.13, [linear_cross_entropy](https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.linear_cross_entropy.html)
#   and `torch.nn.LinearCrossEntropyOptions`.
# - I. Loshchilov, F. Hutter (2019), *Decoupled weight decay regularization*, arXiv 1711.05101.
# - D. P. Kingma, J. Ba (2015), *Adam: a method for stochastic optimization*, arXiv 1412.6980.
