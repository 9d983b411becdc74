# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 15 · Training at scale
#
# **Question.** While it was trained, LLaMA 65B fitted on no GPU, nor on a machine with eight, and one GPU would have
# computed for more than a lifetime. How do 2,048 of them train one model, and what have they to say to each other so
# that it is the *same* model?
#
# [Chapter 11](11_the_family_by_the_numbers.md) did the sums: 16 bytes a parameter while it is trained, a thousand
# gigabytes for the 65B, and 21 days on 2,048 GPUs. It shared out the bytes with a division sign. This chapter does
# the dividing. It cuts a batch, a matrix, an optimiser; it counts every byte that crosses from one process to
# another; and it checks each time that nothing has changed. At the end two real processes train a LLaMA beside a
# single one, three ways, for twenty steps. The losses should agree. The question is to which digit.
#
# You will need no cluster. Everything that makes distributed training right or wrong happens with two processes on
# one CPU, and most of it with none, in a world that we write in a few lines.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from minillama import Llama, LlamaConfig, accounting, kernels, reference
from minillama.accounting import Device, plan_training
from minillama.book.plotting import COLORS, use_style
from minillama.model.layers import Attention, FeedForward
from minillama.training import Trainer
from minillama.training.recompute import recompute_blocks

torch.set_num_threads(1)
kernels.use("eager")  # PyTorch's own operations: what they count and keep is measured below
use_style()
rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict first

# %%
prediction = {
    "8 processes add up an array of 1 GB, all get the sum: GB that each must send": 8,
    "the same, with 2,048 processes": 2048,
    "waits for the others in a block's forward pass, if its matrices are cut": 7,
    "per cent of 32 blocks' activations that recomputing keeps": 50,
    "per cent more arithmetic that recomputing takes": 100,
    "seconds between two steps of LLaMA 65B on 2,048 GPUs": 60,
    "minutes between two failures of Llama 3 405B's 16,384 GPUs": 1440,
}

# %% [markdown]
# ## The idea: three directions to cut in
#
# A training step is a box of arithmetic. Along one side lie the texts of the batch, along another the width of the
# matrices, along the third the layers. Each side can be cut, and each cut has its price: something that was in one
# place is now in several, and has to be added up or passed on.

# %% tags=["figure", "hide"] alt="Three copies of a box whose sides are labelled batch, width and layers. In the first it is cut into slabs along the batch, in the second along the width, in the third along the layers; one slab of each is coloured. Under them: data parallel, gradients are added up once a step; tensor parallel, activations are added up twice in every block; pipeline, activations are handed on at each cut"
figure, panels = plt.subplots(1, 3, figsize=(9.5, 3.5), subplot_kw={"projection": "3d"})
CUTS = [
    (0, "data parallel", "add up gradients,\nonce a step"),
    (1, "tensor parallel", "add up activations,\ntwice in every block"),
    (2, "pipeline", "hand on activations\nat each cut"),
]
for axes, (along, title, price), color in zip(panels, CUTS, ("blue", "orange", "green"), strict=True):
    for k in range(4):
        start, size = [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]
        start[along], size[along] = k / 4, 0.21
        shade = COLORS[color] if k == 0 else COLORS["grey"]
        axes.bar3d(
            *start,
            *size,
            color=shade,
            alpha=0.9 if k == 0 else 0.22,
            edgecolor="#8888",
            lw=0.4,
        )
    axes.set(xlabel="batch", ylabel="width", zlabel="layers", title=title)
    axes.set_xticks([]), axes.set_yticks([]), axes.set_zticks([])
    for side in (axes.xaxis, axes.yaxis, axes.zaxis):
        side.set_pane_color((0, 0, 0, 0))
        side.labelpad = -12
    axes.patch.set_alpha(0)
    axes.view_init(elev=20, azim=-55)
    axes.text2D(
        0.5,
        -0.1,
        price,
        transform=axes.transAxes,
        ha="center",
        fontsize=10,
        color=COLORS["grey"],
    )
plt.show()

# %% [markdown]
# LLaMA used the first two, Llama 3's 405B all three and a fourth (it cut the texts themselves, along their length).
# Whatever is cut, the same few conversations happen between the processes. So we begin with these.
#
# ## Conversations of many: collectives
#
# A *collective* is an operation that all processes take part in. Four are enough for everything in this chapter. Let
# process $r$ of $n$ hold an array $a^{(r)}$, cut into $n$ chunks $a^{(r)}_0, \dots, a^{(r)}_{n-1}$:
#
# | name | before: process $r$ has | after: process $r$ has |
# |---|---|---|
# | broadcast | process 0 has $a$ | $a$ |
# | all-gather | chunk $a_r$ | all chunks $a_0, \dots, a_{n-1}$ |
# | reduce-scatter | all of $a^{(r)}$ | one chunk of the sum, $\sum_q a^{(q)}_r$ |
# | all-reduce | all of $a^{(r)}$ | the whole sum, $\sum_q a^{(q)}$ |
#
# We need a network that counts. Its processes are only numbers, and a message is a copy:


# %%
class Network:
    """n processes on one machine; what each has sent is counted, in bytes."""

    def __init__(self, n):
        self.n, self.sent = n, [0] * n

    def send(self, source, array):
        self.sent[source] += array.nbytes
        return array.copy()


def all_reduce_naive(arrays, net):
    """Everybody sends everything to everybody, and adds it to its own."""
    sums = []
    for mine in range(net.n):
        total = arrays[mine].copy()
        for other in range(net.n):
            if other != mine:
                total += net.send(other, arrays[other])
        sums.append(total)
    return sums


arrays = [rng.normal(size=1 << 15).astype(np.float32) for _ in range(8)]
net = Network(8)
naive = all_reduce_naive(arrays, net)
times = net.sent[0] / arrays[0].nbytes
print(f"each process sends {times:.2f} times the size of its array")

# %% [markdown]
# Seven times. With 2,048 processes it would be 2,047 times, and no network survives that. The remedy is to notice
# that nobody needs to *do* the whole sum. Let each process be responsible for one chunk. All sit in a ring and send
# to the right.
#
# **Reduce-scatter.** In each of $n-1$ steps a process passes one chunk to its right-hand neighbour, who adds its own
# and passes the sum on in the next step. After $n-1$ steps each chunk has been everywhere once, and stops, complete.
#
# **All-gather.** The complete chunks go round once more, and now they are copied in place of being added.
#
# All-reduce is the one after the other:


# %%
def reduce_scatter(arrays, net):
    """Return each process's list of chunks; chunk r + 1 is complete in process r."""
    n = net.n
    held = [[chunk.copy() for chunk in np.split(array, n)] for array in arrays]
    for step in range(n - 1):  # process r sends chunk r - step; what arrives is one lower
        mail = [net.send(r, held[r][(r - step) % n]) for r in range(n)]
        for r in range(n):
            held[r][(r - 1 - step) % n] += mail[r - 1]
    return held


def all_gather(held, net):
    """Pass the complete chunks on, first process r's chunk r + 1; everybody gets all."""
    n = net.n
    for step in range(n - 1):
        mail = [net.send(r, held[r][(r + 1 - step) % n]) for r in range(n)]
        for r in range(n):
            held[r][(r - step) % n] = mail[r - 1]
    return [np.concatenate(chunks) for chunks in held]


def all_reduce(arrays, net):
    return all_gather(reduce_scatter(arrays, net), net)


for n in (2, 4, 8, 64):
    net, parts = Network(n), [rng.normal(size=6400) for _ in range(n)]
    found = all_reduce(parts, net)
    assert all(np.allclose(one, sum(parts), rtol=0, atol=1e-12) for one in found)
    share = {sent / parts[0].nbytes for sent in net.sent}
    expected = 2 * (n - 1) / n
    assert all(math.isclose(one, expected) for one in share)
    print(f"{n:3} processes: each sends {share.pop():.3f} times its array", end=", ")
    print(f"2(n-1)/n = {expected:.3f}")

# %% tags=["figure", "hide"] alt="Seven small 4 by 4 grids in a row; rows are processes, columns chunks. In the first every cell says 1. Over three steps of reduce-scatter a diagonal of cells grows to 2, 3 and 4; then each process has one chunk with 4 contributions. Over three steps of all-gather the fours spread until all sixteen cells say 4"
n, states = 4, []
held = [np.ones(n, int) for _ in range(n)]  # how many contributions are in each chunk
states.append(np.array(held))
for step in range(n - 1):
    mail = [held[r][(r - step) % n] for r in range(n)]
    for r in range(n):
        held[r][(r - 1 - step) % n] += mail[r - 1]
    states.append(np.array(held))
for step in range(n - 1):
    mail = [held[r][(r + 1 - step) % n] for r in range(n)]
    for r in range(n):
        held[r][(r - step) % n] = mail[r - 1]
    states.append(np.array(held))
titles = ["before", *(f"add {k}" for k in (1, 2, 3)), *(f"copy {k}" for k in (1, 2, 3))]
figure, panels = plt.subplots(1, 7, figsize=(9.5, 2.1))
for axes, state, title in zip(panels, states, titles, strict=True):
    axes.imshow(state, cmap="Blues", vmin=-1.5, vmax=5)
    for (row, column), value in np.ndenumerate(state):
        axes.text(
            column,
            row,
            value,
            ha="center",
            va="center",
            color="white" if value > 2 else "#333333",
        )
    axes.set(title=title, xticks=[], yticks=[])
    axes.grid(visible=False)
panels[0].set(ylabel="process", xlabel="chunk")
plt.show()

# %% [markdown]
# Read the picture row by row. After three additions each process owns one finished chunk, a 4; after three copies
# everybody has all of them. In each step each process sends one chunk of $S/n$ bytes, so
#
# $$ \text{sent by each process} = \underbrace{\tfrac{n-1}{n}S}_{\text{reduce-scatter}} + \underbrace{\tfrac{n-1}{n}S}_{\text{all-gather}} = 2\,\tfrac{n-1}{n}\,S \;<\; 2S. $$
#
# **However many processes there are, each sends less than twice its array.** That is the sentence that large training
# runs stand on. (No all-reduce among the processes alone can do with less: Patarasuk and Yuan, 2009. What does grow
# is the number of steps, $2(n-1)$, each with its delay. For small arrays libraries use trees, whose steps grow only
# as $\log n$.)
#
# And keep in mind that the all-reduce fell into two halves. Half of what is called "sharding" is the art of doing
# something clever between them.
#
# ### Same numbers, same bits
#
# Adding in float32 depends on the order. In the naive version everybody began with its own array. Do all processes
# get the same sum?

# %%
ring = all_reduce(arrays, Network(8))
for name, sums in (("everyone by itself", naive), ("ring", ring)):
    differ = [np.mean(one != sums[0]) for one in sums[1:]]
    print(
        f"{name:18} share that differs from process 0's:",
        *(f"{share:4.0%}" for share in differ),
    )
exact = sum(array.astype(np.float64) for array in arrays)
largest = np.abs(ring[0] - exact).max()
spacing = np.spacing(np.float32(8))
print(f"ring: largest error {largest / spacing:.1f} spacings of float32 at 8")
assert all(np.array_equal(one, ring[0]) for one in ring)
assert min(np.mean(one != naive[0]) for one in naive[2:]) > 0.05

# %% [markdown]
# The naive way gives the processes slightly different sums (but for the first two: $a+b=b+a$). Each would take a
# slightly different step, and from then on they would hold different weights without anybody noticing, a little more
# so every day. In the ring a chunk is added up **once**, along one path, and then copied: same bits everywhere. A sum
# that everyone can reproduce is worth more than one that everyone computes.
#
# ## Cut the batch: data parallel
#
# Every process has the whole model, and its own rows of the batch. The loss is the mean over all targets, so its
# gradient is a sum of what the processes can find out alone, over one number that they cannot:
#
# $$ \ell = \frac{\sum_{r} \ell_r}{\sum_r m_r}, \qquad \nabla \ell = \frac{1}{\sum_r m_r}\,\sum_r \nabla \ell_r, $$
#
# with $\ell_r$ the nats of process $r$'s targets, summed, and $m_r$ their number. One all-reduce of a number, one of
# the gradients, and each process takes the same step as one process would with the whole batch.
#
# There is a trap in this formula. Libraries *average* gradients over the processes, and it is natural to let each
# process divide by its own number of targets. Then the result is a mean of means:
#
# $$ \frac1n \sum_r \frac{\nabla \ell_r}{m_r} \;\ne\; \frac{\sum_r \nabla \ell_r}{\sum_r m_r} \quad\text{unless all } m_r \text{ are equal.} $$
#
# Let us see how much it matters. Eight rows, two to a process, and in some of them most targets are padding (or
# another speaker's words, in [chapter 27](27_instruction_tuning.md)).

# %%
cfg = LlamaConfig(
    vocab_size=64,
    dim=32,
    n_layers=2,
    n_heads=4,
    n_kv_heads=2,
    hidden_dim=64,
    max_seq_len=32,
)
model = Llama(cfg)
model.init_weights(torch.Generator().manual_seed(0))
model = model.double()
tokens = torch.from_numpy(rng.integers(0, 64, (8, 17)))
inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].clone()
lengths = torch.tensor([16, 16, 16, 14, 4, 3, 2, 2])
targets[torch.arange(16) >= lengths[:, None]] = -100  # ignored


def gradient(rows, divide_by):
    """The gradient of the summed nats of some rows, over a number, as one long vector."""
    model.zero_grad()
    loss, _ = model.loss_sums(inputs[rows], targets[rows])
    (loss / divide_by).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()]).numpy()


shares = [slice(2 * r, 2 * r + 2) for r in range(4)]  # the rows of process r
counts = [int((targets[rows] != -100).sum()) for rows in shares]
alone = gradient(slice(0, 8), sum(counts))
summed = sum(gradient(rows, sum(counts)) for rows in shares)
averaged = sum(gradient(*pair) for pair in zip(shares, counts, strict=True)) / 4
distance = lambda a, b: np.linalg.norm(a - b) / np.linalg.norm(b)
print("targets in each process:", counts)
assert distance(summed, alone) < 1e-14
print("sum over all, one division: equal to one process within 1e-14 (relative)")
print(f"mean of the processes' means: {distance(averaged, alone):.0%} off")

# %% [markdown]
# Nothing crashes, the loss falls, and the model learns from the four targets of the last process as much as from the
# thirty-two of the first. With rows that are full, as in pretraining, the two are the same. That is why this mistake
# lives so long: it is built in one project and goes off in the next.
#
# > **Departure: what "averaging gradients" averages.**
# >
# > - **Paper.** PyTorch's distributed data parallel (Li and others, 2020) averages the gradients of the processes'
# >   own losses.
# > - **Code.** It divides by the number of processes, whatever they counted. A loop in which each process returns its
# >   own mean loss trains on a mean of means.
# > - **Here.** `Llama.loss_sums` returns sums. The trainer adds up the targets over all processes first, divides
# >   once, and multiplies by the number of processes, to undo the average.
# > - **What changes.** Nothing while all have equally many targets; the last line above where they have not.
#
# How many bytes? The gradients of a 7B in 16 bits are 13.5 GB, so a step sends nearly 27 GB from every GPU, whatever
# their number. That can be had cheaply, because most of it overlaps: the gradient of the last layer is ready first,
# and travels while the next-to-last is still being computed. `DistributedDataParallel` does that, in buckets.
#
# ## Cut the optimiser: ZeRO
#
# In data parallel, $n$ processes hold $n$ copies of everything, and spend the same arithmetic $n$ times on the same
# step of AdamW. Look at the all-reduce again. **Between its two halves every process has one finished chunk of the
# gradient.** For a step of AdamW on the *weights* of that chunk it needs nothing else: the moments of that chunk, and
# no others. So let it take the step there and then, and let the all-gather carry new weights in place of gradients.


# %%
def sharded_step(weights, gradients, optimizers, net):
    """One AdamW step, each process on its own chunk; return every process's weights."""
    n = net.n
    held = reduce_scatter(gradients, net)
    own = [np.split(weights[r], n) for r in range(n)]
    for r in range(n):
        mine = (r + 1) % n  # the chunk that is complete here
        piece = {"w": own[r][mine][None]}  # (1, N/n): a matrix, so that it decays
        optimizers[r].update(piece, {"w": held[r][mine][None]})
        own[r][mine] = piece["w"][0]
    return all_gather(own, net)


n, size = 8, 4096
start = rng.normal(size=size)
whole, whole_optimizer = {"w": start[None].copy()}, reference.AdamW(lr=0.1)
weights, optimizers = (
    [start.copy() for _ in range(n)],
    [reference.AdamW(lr=0.1) for _ in range(n)],
)
net = Network(n)
for _ in range(5):
    gradients = [rng.normal(size=size) for _ in range(n)]
    in_order = np.concatenate(  # summed as the ring sums: chunk c begins in process c
        [sum(np.split(gradients[(c + k) % n], n)[c] for k in range(n)) for c in range(n)]
    )
    whole_optimizer.update(whole, {"w": in_order[None]})
    weights = sharded_step(weights, gradients, optimizers, net)
assert all(np.array_equal(one, whole["w"][0]) for one in weights)
moments = [sum(m.nbytes for m in (o.m["w"], o.v["w"])) for o in optimizers]
times = net.sent[0] / 5 / start.nbytes
print("after 5 steps: all 8 processes have the weights of one AdamW, bit for bit")
print(f"moments in each: {moments[0]:,} bytes; in one alone: {2 * start.nbytes:,}")
print(f"sent by each process in a step: {times:.2f} times the weights")

# %% [markdown]
# One eighth of the moments, one eighth of AdamW's arithmetic, the same traffic, the same bits. There is hardly a
# catch (clipping needs the norm of the whole gradient: one number more to add up). This is **ZeRO** (Rajbhandari and
# others, 2019), in three stages:
#
# | stage | shared out | traffic of each process, in weights |
# |---|---|---|
# | 0, DDP | nothing | all-reduce: $2\,(n-1)/n$ |
# | 1 | moments (and the 32-bit weights) | reduce-scatter, all-gather: $2\,(n-1)/n$ |
# | 2 | gradients too: a chunk that is not mine is dropped once sent | the same |
# | 3, FSDP | weights too: gathered block by block, forward, and again backward | two all-gathers, one reduce-scatter: $3\,(n-1)/n$ |
#
# The third stage is the first that costs anything: half as much again on the network. For that, what a process holds
# all the time falls to $1/n$ of everything, and it has whole weights for only one block at a time. The picture shows
# one training step of a model with eight blocks, in the order in which things happen:

# %% tags=["figure", "hide"] alt="Memory of one of eight processes during a step of a model of eight blocks, in bytes per parameter of the model, against the passes of the blocks: eight forward, eight backward, and the optimiser. Data parallel starts at 14 and rises to 16 during backward. ZeRO 1 starts at 3.5 and rises to 5.5. ZeRO 2 stays between 3.5 and 4. ZeRO 3 goes between 1.75 and 2.5 in teeth, one for each block"
blocks, n = 8, 8
order = [*range(blocks), *reversed(range(blocks))]  # forward, then backward


def memory_over_a_step(stage):
    """Bytes per parameter in one process, after each block's pass: weights, gradients, moments."""
    moments = 12 / (n if stage >= 1 else 1)
    weights = 2 / (n if stage >= 3 else 1)
    gradients, found = 0.0, []
    for k, _ in enumerate(order):
        whole = 2 / blocks * (1 - 1 / n) if stage >= 3 else 0  # this block's gathered weights
        if k >= blocks:
            gradients += 2 / blocks / (n if stage >= 2 else 1)
            whole += 2 / blocks if stage >= 2 else 0  # its gradient, before it is scattered
        found += [moments + weights + gradients + whole, moments + weights + gradients]
    return [*found, moments + weights + gradients]


figure, axes = plt.subplots(figsize=(8, 3.9))
names = [
    "data parallel (DDP)",
    "ZeRO 1: moments shared",
    "ZeRO 2: gradients too",
    "ZeRO 3: weights too (FSDP)",
]
for stage, (name, color) in enumerate(zip(names, ("blue", "orange", "green", "red"), strict=True)):
    curve = memory_over_a_step(stage)
    axes.step(np.arange(len(curve)) / 2, curve, where="post", color=COLORS[color], label=name)
axes.axvline(blocks, ls=":", color=COLORS["grey"], lw=1)
(
    axes.text(blocks - 0.2, 1.2, "forward", ha="right"),
    axes.text(blocks + 0.2, 1.2, "backward"),
)
axes.set(
    xlabel="passes through blocks",
    ylabel="held by one of 8 processes\n(bytes per parameter of the model)",
    yscale="log",
    ylim=(1, 30),
)
axes.set_yticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
axes.minorticks_off()
axes.legend(loc="upper left", ncols=2, fontsize=9)
plt.show()

# %% [markdown]
# PyTorch calls stage 3 *fully sharded data parallel*; FSDP2, its present form, is the function `fully_shard`. Put it
# around each block, and a hook before the block's forward pass gathers its weights, and a hook after it drops them.
#
# ## Cut the matrices: tensor parallel
#
# With ZeRO each process still computes with whole matrices. Now we cut the arithmetic. Take the feed-forward layer of
# [chapter 08](08_swiglu.md), with $x$ of shape (T, C), $W_g, W_u$ (C, F) and $W_d$ (F, C):
#
# $$ y = \big(\operatorname{silu}(x W_g) \odot x W_u\big)\,W_d. $$
#
# Cut $W_g$ and $W_u$ by **columns**, $W_d$ by **rows**, into $n$ parts each. A column of $xW_g$ needs only a column
# of $W_g$; silu and $\odot$ act on each entry alone; and a product of matrices is a sum over the inner index, which
# can be added up in parts:
#
# $$ y = \sum_{f=1}^{F} h_f\,(W_d)_{f,:} = \sum_{r=1}^{n} \underbrace{\big(\operatorname{silu}(x W_g^{(r)}) \odot x W_u^{(r)}\big)\,W_d^{(r)}}_{y^{(r)}\text{, by process } r \text{ alone}}. $$
#
# ```
#            ┌── W_g (1), W_u (1) ── silu, ⊙ ── W_d (1) ── y (1) ──┐
#        x ──┤                                                     (+) ── y
#            └── W_g (2), W_u (2) ── silu, ⊙ ── W_d (2) ── y (2) ──┘
# ```
#
# Between the two products nobody speaks. One all-reduce at the end. And the order matters: rows first would need a
# sum *before* silu, since $\operatorname{silu}(a+b) \ne \operatorname{silu}(a) + \operatorname{silu}(b)$.


# %%
def columns(linear, r, n):
    """Part r of a linear layer, cut by outputs: x (..., in) -> (..., out / n)."""
    return linear.weight.chunk(n, dim=0)[r]  # nn.Linear keeps (out, in)


def rows(linear, r, n):
    """Part r, cut by inputs: (..., in / n) -> a summand of (..., out)."""
    return linear.weight.chunk(n, dim=1)[r]


def feed_forward_part(layer, x, r, n):
    gate, up = (F.linear(x, columns(w, r, n)) for w in (layer.w_gate, layer.w_up))
    return F.linear(F.silu(gate) * up, rows(layer.w_down, r, n))


torch.manual_seed(0)
layer = FeedForward(cfg.replace(hidden_dim=96)).double()
x = torch.randn(2, 5, 32, dtype=torch.float64)
for n in (2, 3, 4):
    cut = sum(feed_forward_part(layer, x, r, n) for r in range(n))
    assert (cut - layer(x)).abs().max() < 1e-14
print("feed-forward layer in 2, 3, 4 parts: the sum equals the whole within 1e-14")
halves = [F.linear(x.chunk(2, -1)[r], rows(layer.w_gate, r, 2)) for r in range(2)]
wrong, right = sum(map(F.silu, halves)), F.silu(layer.w_gate(x))
off = (wrong - right).norm() / right.norm()
print(f"rows first, silu of the parts: {off:.0%} off")

# %% [markdown]
# **Attention** cuts itself: its heads do not know of each other until the output matrix. Give each process a share of
# the query heads and the key/value heads that they read ($W_q, W_k, W_v$ by columns), and the rows of $W_o$ that
# belong to them. Again one sum at the end. A process with half of the heads is an `Attention` with half of the heads:

# %%
from minillama.model.rope import rope_table

cos, sin = rope_table(cfg, 0, 5, torch.float64)
attention = Attention(cfg).double()


def attention_part(attention, r, n):
    """An attention layer with a share of the heads, cut out of the whole one."""
    part = Attention(
        cfg.replace(
            n_heads=cfg.n_heads // n,
            n_kv_heads=cfg.n_kv_heads // n,
            head_dim=cfg.head_dim,
        )
    ).double()
    with torch.no_grad():
        for name in ("wq", "wk", "wv"):
            getattr(part, name).weight.copy_(columns(getattr(attention, name), r, n))
        part.wo.weight.copy_(rows(attention.wo, r, n))
    return part


x.requires_grad_()
weighting = torch.randn(2, 5, 32, dtype=torch.float64)  # stands for what comes after
whole = attention(x, cos, sin, None)
(d_whole,) = torch.autograd.grad((whole * weighting).sum(), x)
outputs, d_parts = [], []
for r in range(2):
    out = attention_part(attention, r, 2)(x, cos, sin, None)
    outputs.append(out)
    d_parts += torch.autograd.grad((out * weighting).sum(), x)
assert (sum(outputs) - whole).abs().max() < 1e-14
assert (sum(d_parts) - d_whole).abs().max() < 1e-14
print("attention in 2 parts: outputs add up to the whole within 1e-14,")
print("and so do the gradients of x")
off = (d_parts[0] - d_whole).norm() / d_whole.norm()
print(f"gradient of x in process 0 alone: {off:.0%} off")

# %% [markdown]
# The last line is the other half of the story. Going back, the gradient of $y$ is copied to all processes (the sum
# was linear), and the gradients of $x$ **have to be added up**, since $x$ was read by all. Forward: copy in, sum out.
# Backward: copy in, sum out, at the other end. So each block speaks four times, twice on the way up (after $W_o$,
# after $W_d$) and twice on the way down (before $W_q, W_k, W_v$; before $W_g, W_u$). Each time it is an all-reduce of
# (T, C) numbers for each text, and the arithmetic has to wait for it. Data parallel speaks once a step and in the
# background. That is why tensor parallelism stays within a machine.
#
# > **Departure: key/value heads when there are more processes than heads.**
# >
# > - **Paper.** Llama 3's 405B has 8 key/value heads (table 3 of its paper): they can be cut into at most 8.
# > - **Code.** Meta's list of released models has a second entry for the 405B, for 16-way model parallel files, with
# >   `n_kv_heads` 16. It gives no reason. 8 heads, each held twice, would be one.
# > - **Here.** `minillama train --tensor-parallel N` refuses an N that does not divide `n_kv_heads`, by name.
# > - **What changes.** Nothing in what is computed. Who takes that 16 for the model's shape counts parameters that
# >   are not there.
#
# ### The vocabulary
#
# The output head is one more matrix to cut by columns: process $r$ has the logits of its share of the vocabulary. To
# gather them would be wasteful; they are the largest activation of all. The loss of one position is
#
# $$ -\log p(\text{target}) = \log \sum_{v} e^{z_v} - z_{\text{target}}, $$
#
# and needs three numbers a position from the others: the largest logit (so that nothing overflows), the sum of the
# exponentials, and the target's logit, which one process has.


# %%
def vocabulary_parallel_loss(logits, targets):
    """Nats of each position, from logits that are cut: a list of n arrays (N, V / n)."""
    width = logits[0].shape[1]
    largest = np.max([part.max(axis=1) for part in logits], axis=0)  # all-reduce: max
    total = sum(np.exp(part - largest[:, None]).sum(axis=1) for part in logits)  # sum
    hit = np.zeros(len(targets))
    for r, part in enumerate(logits):  # all-reduce: sum, with zeros but in one process
        column = targets - r * width
        mine = (column >= 0) & (column < width)
        hit[mine] += part[mine, column[mine]]
    return largest + np.log(total) - hit


logits, chosen = rng.normal(size=(7, 48)) * 200, rng.integers(0, 48, 7)
found = vocabulary_parallel_loss(np.split(logits, 4, axis=1), chosen)
expected = F.cross_entropy(torch.tensor(logits), torch.tensor(chosen), reduction="none")
assert np.abs(found - expected.numpy()).max() < 1e-11
print(f"vocabulary in 4 parts: nats up to {found.max():.0f} equal torch's within 1e-11")

# %% [markdown]
# ## Cut the layers: the pipeline
#
# The third cut is the easiest to see and the hardest to fill. Process 0 has the first layers, process 1 the next. A
# text passes through, and while process 1 works on it, process 0 takes the next one. With $p$ stages and $m$
# micro-batches, each stage has $m$ forward and $m$ backward passes to do, and somebody is always waiting at the ends:

# %%
p, m = 4, 8
for stage in range(p):
    before, after = "." * stage, "." * (p - 1 - stage)
    forward, backward = before + "01234567" + after, after + "abcdefgh" + before
    print(f"stage {stage}   {forward} | {backward}")
idle = 1 - m / (m + p - 1)
print(f"0-7 forward, a-h backward, . waiting: {idle:.0%} of the time", end=", ")
print(f"(p-1)/(m+p-1) = {(p - 1) / (m + p - 1):.0%}")

# %% [markdown]
# This waiting is called the *bubble*. It shrinks with more micro-batches (parts of the batch that follow each other),
# whose activations, in this order of things, all have to be kept. Pipelines send little (one
# activation at each cut, to one neighbour), so they can go where the network is slow. Our library has none. Llama 3's
# 405B has 126 layers and not 128 because one was taken from its pipeline's first stage and one from the last, which
# have the embedding and the head to carry besides (section 3.3.2 of its paper).
#
# ## Keep less: activation checkpointing
#
# Chapter 11 found that sharding does not shrink activations, and named the trade: forget what is inside a block, and
# compute it again when the gradient comes. That is a dozen lines:


# %%
class Again(torch.autograd.Function):
    """A block that keeps its input alone, and is computed again on the way back."""

    @staticmethod
    def forward(context, x, block):
        context.block = block
        context.save_for_backward(x)
        return block(x)  # autograd is off in here: nothing is kept

    @staticmethod
    def backward(context, d_out):
        (x,) = context.saved_tensors
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            out = context.block(x)
        torch.autograd.backward(out, d_out)  # adds to the gradients of the weights
        return x.grad, None


def deep(n_layers):
    model = Llama(cfg.replace(n_layers=n_layers, dim=64, hidden_dim=172, head_dim=16))
    model.init_weights(torch.Generator().manual_seed(1))
    return model


def by_hand(model):
    """The model's loss, every block through `Again`."""
    x = model.tok_embeddings(inputs)
    cos, sin = rope_table(model.cfg, 0, inputs.shape[1], x.dtype)
    for block in model.layers:
        x = Again.apply(x, lambda x, block=block: block(x, cos, sin, None))
    logits = model.output(model.norm(x))
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def plainly(model):
    return model.loss(inputs, targets)


def by_package(model):
    recompute_blocks(model)
    return model.loss(inputs, targets)


def measured(loss_of, n_layers):
    """Bytes kept for the backward pass, FLOPs of a step, and the gradient."""
    model, kept = deep(n_layers), {}
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage  # held, so that no other takes its address
        return tensor

    with FlopCounterMode(display=False) as counter:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = loss_of(model)
        held = sum(storage.nbytes() for storage in kept.values())
        loss.backward()
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    return held, counter.get_total_flops(), gradient


usual, own, package = (measured(way, 32) for way in (plainly, by_hand, by_package))
assert torch.equal(usual[2], package[2])
assert torch.allclose(usual[2], own[2], rtol=0, atol=1e-6 * float(usual[2].abs().max()))
print("gradients of 32 blocks: package bit for bit, ours within 1e-6 of the largest")
for name, (held, flops, _) in (("keeping", usual), ("ours", own), ("package", package)):
    print(f"{name:8} keeps {held / usual[0]:6.1%} of the bytes", end=", ")
    print(f"takes {flops / usual[1]:.2f} times the FLOPs")
skipped = (own[1] - package[1]) / (own[1] - usual[1])
print(f"the package leaves out {skipped:.0%} of what ours does again")

# %% [markdown]
# A few per cent of the memory. For ours the price is a third more arithmetic: forward 1, backward 2, and forward once
# more. The package's pays less, and that is worth a thought. It is `torch.utils.checkpoint`, which computes again
# until it has every number that the backward pass will ask for, and then stops. What a block does last is $W_d$'s
# product, and nobody asks for its result: the gradient of a product needs its inputs. So a quarter of this block is
# never computed a second time. (PyTorch counted the FLOPs, from the shapes of the products that it ran. On a CPU it
# does not see those inside attention; with 16 tokens they are few.)

# %% tags=["figure", "hide"] alt="Bytes kept for the backward pass against the number of blocks, 1 to 32, both axes logarithmic. Keeping everything rises in proportion, from 0.8 to 22 megabytes. Recomputing rises more slowly, from 0.2 to 1.2 megabytes"
depths = (1, 2, 4, 8, 16, 32)
kept = {way: [measured(way, L)[0] / 1e6 for L in depths] for way in (plainly, by_package)}
figure, axes = plt.subplots(figsize=(7.2, 3.6))
axes.loglog(depths, kept[plainly], "-o", color=COLORS["blue"], label="keeping all activations")
axes.loglog(depths, kept[by_package], "-o", color=COLORS["orange"], label="recomputing each block")
axes.set(xlabel="blocks", ylabel="kept after the forward pass (MB)")
axes.set_xticks(depths, depths)
axes.minorticks_off()
axes.legend()
plt.show()

# %% [markdown]
# There are points between: keep the products, which are dear to compute, and recompute norms and activation
# functions, which are cheap. That is what LLaMA did: its authors wrote the backward pass by hand, to keep the outputs
# of linear layers and compute little else again (section 2.4).
#
# ## Two processes
#
# Now the real thing. This file is all of it: a model, the rows of a batch, and the trainer of
# [chapter 13](13_training.md), which does not know where its model lives. A *placement* tells it. `DataParallel` is
# PyTorch's DDP, `Sharded` its FSDP2, and with `tensor=2` its tensor parallelism.

# %%
keeping = tempfile.TemporaryDirectory()
folder = Path(keeping.name)
(folder / "twenty_steps.py").write_text('''
import json, os, signal, sys, torch
from minillama import Llama, LlamaConfig
from minillama.data.packing import stream
from minillama.data.stories import Stories
from minillama.training import TrainConfig, Trainer

def rows():
    world = Stories(seed=15)
    return stream([list(world.sample().text.encode()) for _ in range(60)], seq_len=64)

def trainer(placement=None, run_dir=None):
    model = Llama(LlamaConfig(vocab_size=256, dim=64, n_layers=2, n_heads=4, n_kv_heads=2,
                              hidden_dim=172, max_seq_len=64))
    model.init_weights(torch.Generator().manual_seed(0))
    config = TrainConfig(steps=20, batch_size=8, lr=1e-2, warmup=3,
                         checkpoint_every=5 if run_dir else 0)
    return Trainer(model, rows(), config, run_dir=run_dir, placement=placement)

def losses(placement=None):
    return [step.loss for step in trainer(placement)]

def compare(device, out):
    found = {"DDP": losses(DataParallel(device)), "FSDP2": losses(Sharded(device)),
             "tensor parallel": losses(Sharded(device, tensor=2))}
    if torch.distributed.get_rank() == 0:
        json.dump(found, open(out, "w"))

def die(device, run_dir):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun ends the survivor: let it say first what it saw
    for step in trainer(Sharded(device), run_dir):
        if step.step == 12 and torch.distributed.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    from minillama.training.parallel import DataParallel, Sharded, process_group
    torch.set_num_threads(1)
    with process_group() as device:
        {"compare": compare, "die": die}[sys.argv[1]](device, sys.argv[2])
''')  # fmt: skip
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
TORCHRUN += ["--standalone", "--nproc-per-node=2", folder / "twenty_steps.py"]
done = subprocess.run(
    [*TORCHRUN, "compare", folder / "two.json"],
    capture_output=True,
    text=True,
)
assert done.returncode == 0, done.stderr[-2000:]
two = json.loads((folder / "two.json").read_text())
sys.path.insert(0, str(folder))
import twenty_steps

one = twenty_steps.losses()
print(f"one process: {one[0]:.2f} nats a byte at step 1, {one[-1]:.2f} at step 20")

# %% tags=["nbval-ignore-output"]
for name, losses in two.items():
    worst = max(abs(a - b) for a, b in zip(losses, one, strict=True))
    print(f"{name:16} largest difference from one process: {worst:.1e} nats")

# %%
for losses in two.values():
    assert len(losses) == 20
    assert max(abs(a - b) for a, b in zip(losses, one, strict=True)) < 2e-6
print("all three: within 2e-6 nats over 20 steps, in float32")

# %% tags=["figure", "hide"] alt="Two panels over 20 training steps. Left, the loss in nats a byte of one process and of two processes by DDP, FSDP2 and tensor parallelism: one curve, falling from about 6 to 3, on which the markers of all four lie. Right, the absolute differences from one process: at each step they are zero, or one or two times 2.4e-7 nats, which is the spacing of float32 at 3 and drawn as a dashed line"
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.7))
steps = np.arange(1, 21)
left.plot(steps, one, color=COLORS["grey"], lw=5, alpha=0.5, label="one process")
for (name, losses), color, marker in zip(two.items(), ("blue", "orange", "green"), "ov^", strict=True):
    left.plot(steps, losses, marker, color=COLORS[color], ms=4, label=f"two: {name}")
    right.plot(
        steps,
        1e7 * np.abs(np.subtract(losses, one)),
        "-" + marker,
        color=COLORS[color],
        label=name,
    )
left.set(xlabel="step", ylabel="loss (nats a byte)", title="Four runs")
left.legend(fontsize=9)
right.axhline(
    1e7 * np.spacing(np.float32(3)),
    color=COLORS["grey"],
    ls="--",
    lw=1,
    label="spacing of float32",
)
right.set(
    xlabel="step",
    ylabel="difference (1e-7 nats)",
    title="and what sets them apart",
)
right.set(ylim=(-0.2, 7))
right.legend(fontsize=9, ncols=2, loc="upper left")
for axes in (left, right):
    axes.set_xticks([1, 5, 10, 15, 20])
plt.show()

# %% [markdown]
# **One model.** Its weights were once in two places, once in halves, and once cut through every matrix, and the
# losses differ in the seventh digit, by no more than a few spacings of float32. What is left is the order of
# additions. In float64 the package's tests find less than 1e-12, with tied heads, unequal targets and four processes
# in a 2 × 2 grid.
#
# This is the check to insist on. A wrong distributed program nearly always trains: with a gradient summed where it
# should be averaged (the clipping hides it), with half of the batch read twice, with a norm's gradient from one half
# of the heads. Its loss falls, only less. Compare with one process, step by step, on unequal targets, and look at the
# gradient's norm as well.
#
# On the command line it is the same trainer:
#
# ```
# torchrun --nproc-per-node=2 -m minillama train --corpus poems.txt --parallel fsdp
# torchrun --nproc-per-node=8 -m minillama train --corpus poems.txt --parallel fsdp --tensor-parallel 2 --recompute
# ```
#
# **With GPUs nothing changes.** If there is one for each process, the processes talk through NCCL, NVIDIA's library of
# collectives, in place of gloo, the one for CPUs. NCCL makes the ring of this chapter out of NVLink, the fast links
# inside a machine, and network cards. The commands are the same. What this page cannot show is speed: two processes
# on two cores only share what one would have had.
#
# ## When one of them dies
#
# In 54 days of training the 405B, its 16,384 GPUs were interrupted 466 times, 419 of them unexpectedly (Llama 3's
# paper, section 3.3.4). One dead process stops all: the next collective never ends. So a run has to notice (time
# limits), end, and start again from a checkpoint. How often should it write one? If writing takes $\delta$ seconds,
# and failures come at random every $M$ seconds on average, then writing every $\tau$ seconds costs a share of the
# time
#
# $$ \underbrace{\frac{\delta}{\tau}}_{\text{writing}} + \underbrace{\frac{\tau}{2M}}_{\text{half an interval lost at each failure}}, \qquad \text{least at } \tau^{*} = \sqrt{2\,\delta M} $$
#
# (Young, 1974). The 405B's state at 12 bytes a parameter, onto a file system that takes 2 TB/s (section 3.3.1):

# %%
M = 54 * 86_400 / 419
delta = 12 * LlamaConfig.named("llama-3.1-405b").n_params() / 2e12
best = math.sqrt(2 * delta * M)
lost = lambda tau: delta / tau + tau / (2 * M)
print(f"a failure every {M / 60:.0f} minutes; a checkpoint of 4.9 TB takes {delta:.1f} s")
for name, tau in (("best", best), ("every hour", 3600), ("every 20 s", 20)):
    print(f"{name:11} {tau:5.0f} s apart: {lost(tau):5.1%} of the time lost")


def simulated(tau, failures=4000):
    """The share lost where failures come at random; what was not saved is done again."""
    gaps = np.random.default_rng(1).exponential(M, failures)
    kept = np.floor(gaps / (tau + delta)) * tau  # seconds of work that a checkpoint saved
    return 1 - kept.sum() / gaps.sum()


for tau in (best, 3600, 20):
    assert abs(simulated(tau) - lost(tau)) < 0.03
print("simulated with 4,000 failures: within 3 percentage points of the formula")

# %% [markdown]
# With a checkpoint every few minutes the failures cost 2 per cent. (Noticing the failure and starting again cost
# more; the paper reports over 90 per cent of effective training time.) Nobody can send 5 TB through one process, so
# each writes what it holds. `minillama` uses PyTorch's distributed checkpoints: files of slices, which any other
# number of processes can read, each fetching the slices that it needs.
#
# Let us do it. The same twenty steps, two processes, FSDP2, a checkpoint every five steps. After the twelfth, the
# second process is killed. Then *one* process, this notebook, goes on where the two stopped.

# %%
done = subprocess.run(
    [*TORCHRUN, "die", folder / "run"],
    capture_output=True,
    text=True,
)
assert done.returncode != 0
said = [line for line in done.stderr.splitlines() if "cannot go on" in line]
print(said[-1].split("ProcessLostError: ")[1])
print("left behind:", *sorted(path.name for path in (folder / "run").glob("[!.]*")))
run = Trainer.resume(folder / "run", twenty_steps.rows())
begun = run.step
finished = [step.loss for step in run]
worst = max(abs(a - b) for a, b in zip(finished, one[begun:], strict=True))
assert worst < 2e-6
print(f"one process goes on from step {begun}; steps {begun + 1} to {run.step}", end=" ")
print("are those of the unbroken run within 2e-6 nats")

# %% [markdown]
# The survivor noticed at once, because its connection broke; had the other only fallen asleep, it would have waited
# for five minutes. The two steps after the checkpoint were lost and done again: by the formula it is half an
# interval, two and a half, on average. And the weights, which had been in two halves, with their moments, were put
# together by whoever needed them. On the command line, `--resume` does this. With the same number of processes as
# before the result is the unbroken run's bit for bit; the package's tests kill a process to see it.
#
# ## In the real LLaMA
#
# **The 21 days.** Section 2.4 of the paper: about 380 tokens a second on each of 2,048 A100 with 80 GB.

# %%
N, gpus, speed = LlamaConfig.named("llama-1-65b").n_params(), 2048, 380
plan = plan_training(
    LlamaConfig.named("llama-1-65b"),
    gpus,
    Device.named("a100-80gb"),
    tokens=1_400_000_000_000,
    tokens_per_second=speed,
)
days = 1.4e12 / (gpus * speed) / 86_400
step = 2**22 / (gpus * speed)
assert math.isclose(plan.days, days)
assert math.isclose(plan.mfu_6n, 6 * N * speed / 312e12)
print(f"{days:.1f} days; {plan.steps:,} steps of 4M tokens, one every {step:.1f} s")
print(f"MFU {plan.mfu_6n:.1%} counting 6N FLOPs a token", end=", ")
print(f"{plan.mfu:.1%} with the scores of attention")
took = plan.footprint
print(f"{took.gpu_hours:,.0f} GPU-hours, {took.mwh:.0f} MWh", end=", ")
print(f"{took.tonnes:.0f} t CO2 equivalent")
memory = plan.fit.memory
print(f"the planner's layout: {plan.fit.layout};", end=" ")
print(f"{memory.total / 1e9:.0f} GB on each, {memory.activations / 1e9:.0f} of activations")
print("\ntable 15     GPU-hours   MWh printed, computed   tonnes printed, computed")
for run, hours, mwh, tonnes in (
    ("LLaMA-7B", 82_432, 36, 14),
    ("LLaMA-13B", 135_168, 59, 23),
    ("LLaMA-33B", 530_432, 233, 90),
    ("LLaMA-65B", 1_022_362, 449, 173),
):
    took = accounting.footprint(hours, watts=400, pue=1.1, tonnes_per_mwh=0.385)
    print(f"{run:10} {hours:11,} {mwh:12} {took.mwh:10.1f}", end="")
    print(f"{tonnes:16} {took.tonnes:10.1f}")

# %% [markdown]
# Energy is GPU-hours × 400 W × 1.1 for the building, carbon 0.385 tonnes a megawatt-hour (section 6). The table's
# hours for the 65B are 20.8 days to the digit: [chapter 11](11_the_family_by_the_numbers.md) looks at it closely.
# Here we can answer what it had to leave open. By memory alone the 65B fits with everything sharded over 2,048 GPUs
# and no matrix cut, and that is the layout which `minillama plan` proposes. **Would the network have carried it?** A
# step takes 5.4 seconds. Everything that is sent has to fit into that.
#
# It is not enough to count what each GPU sends. Eight of them stand in one machine, joined by fast links, and only
# what leaves the machine goes through a network card. A ring can be laid so that it visits the eight one after the
# other before it goes to the next machine: then one hop in eight leaves. And with as many rings as there are cards,
# each with its share of the array and each leaving through another card, all cards work. Let there be a card of 200
# Gb/s for each GPU, as in NVIDIA's own machines with eight A100s. (NCCL reckons in the same way: of the $n-1$ steps
# of a gather it takes as many to be between machines as there are machines, less one.)


# %%
net = Network(32)  # four machines of eight in a row: 7 sends to 8, 15 to 16, ...
all_reduce([np.zeros(64) for _ in range(32)], net)
leave = sum(net.sent[7::8]) / sum(net.sent)
assert leave == 1 / 8
print(f"a ring through 4 machines of 8: {leave:.3f} of the bytes leave a machine")


def traffic(tensor):
    """GB in a step of LLaMA 65B: sent by a GPU within its replica, between; by a card."""
    cfg, data, side = LlamaConfig.named("llama-1-65b"), gpus // tensor, min(tensor, 8)
    between = 3 * 2 * N / tensor * (data - 1) / data  # two gathers, one scatter, 16 bits
    tokens = 2**22 / data  # of one replica
    one = 2 * (tensor - 1) / tensor * tokens * cfg.dim * 2  # an all-reduce of (tokens, C)
    within = 4 * cfg.n_layers * one
    card = (between * side / 8, within / 8 if tensor > 8 else 0)  # one hop in 8 / side
    return within / 1e9, between / 1e9, [sent / 1e9 for sent in card]


NVLINK, CARD = 300, 25  # GB/s in one direction: A100's NVLink, a card of 200 Gb/s
print("\n           a GPU sends               a card sends           arithmetic")
print("tensor   within    between    weights   activations          waits")
for tensor in (1, 2, 4, 8, 16):
    within, between, (weights, acts) = traffic(tensor)
    wait = max(within / NVLINK, acts / CARD)
    print(f"{tensor:6} {within:5.0f} GB {between:7.0f} GB {weights:7.0f} GB", end="")
    print(f"{acts:11.0f} GB {wait:10.1f} s = {wait / step:3.0%}")
whole, _ = traffic(1)[1:]
print(f"no matrix cut: a GPU sends {whole / step:.0f} GB/s,", end=" ")
print(f"a card {whole / 8 / step:.0f} GB/s of its {CARD}")

# %% [markdown]
# With whole matrices each GPU sends 73 GB every second, all the time. If all of it went through a card of 25 GB/s, as
# in a ring that is laid carelessly, the run would take nearly three times as long. But seven eighths stay inside the
# machines, and a card sends 9. **And the cut changes nothing in that**, up to eight GPUs to a matrix: in each gather
# every machine has to be told once all the weights that it does not have, whichever of its GPUs asks for them. By
# bytes alone the network would have carried the uncut layout.
#
# The last column is the price of a cut: activations that are added up while the arithmetic waits, as if each link
# gave all that its maker says. Inside a machine that is a tenth of the step at most. With 16 GPUs to a matrix the
# sums go through the cards, and it is nearly a third. That is why one stops at eight.
#
# Why then did the 65B cut its matrices at all? *The paper's reason is memory* (section 2.4). It wanted to keep
# activations in place of computing them again, and to have room for them it used model and sequence parallelism,
# "as described by" Korthikanti and others (2022); the communication was overlapped with the arithmetic as far as
# possible. It prints neither its layout nor its network, nor whether weights were sharded. The rest is *our
# reckoning*. First, what has to fit if they were not:

# %%
big = LlamaConfig.named("llama-1-65b")
print("GB on each GPU, for 2,048 GPUs, a step in one pass")
for tensor in (1, 8):
    for zero, what in ((2, "weights whole"), (3, "weights sharded")):
        layout = accounting.Layout(data=gpus // tensor, tensor=tensor, zero=zero)
        need = accounting.training_memory(big, tensor, 2048, layout, logits_at_once=2048)
        print(f"   tensor {tensor}, {what:15} {need.total / 1e9:4.0f} of 80")

block = (N - 2 * big.vocab_size * big.dim - big.dim) / big.n_layers  # its weights
forward = step / 3 / big.n_layers  # of a step: a third forward, two thirds backward
print(f"\na block: {2 * block / 1e9:.2f} GB; its forward pass takes {1e3 * forward:.0f} ms")
for tensor in (1, 8):
    hops, between = gpus // tensor - 1, gpus // 8 - 1  # of a gather; from machine to machine
    delay = (hops - between) * 3.4e-6 + between * 14e-6
    sending = 2 * block / 8 / (CARD * 1e9)
    print(f"   tensor {tensor}: gathered in {hops:4} steps:", end=" ")
    print(f"{1e3 * delay:3.0f} ms of delays + {1e3 * sending:.0f} ms of sending")

# %% [markdown]
# So there are three reasons to cut:
#
# - **Memory.** If the processes keep their weights and do not gather them (ZeRO 2), 65 billion of them fit only cut.
#   Sharded, they fit either way.
# - **Whole texts.** A step's 4M tokens are 2,048 sequences of 2,048. Unless matrices or texts are cut, a GPU takes at
#   least one. 2,048 GPUs are just possible, with one sequence each, whose activations all lie on one GPU. With more
#   GPUs, a smaller batch or longer texts it is over. With eight to a matrix there are 256 replicas of eight
#   sequences.
# - **Delay.** A ring of 2,047 steps waits 2,047 times. NCCL's tables allow 3.4 microseconds for a step over NVLink
#   and 14 over the network (`tuning.cc`; an older version had 9.6). So a gather takes most of the time that a block
#   computes, and must go right every time to stay hidden; through 255 steps it takes half. And its messages are
#   eight times as long, which networks like better.
#
# At LLaMA's size it could have been done without. It would have been tight, and no larger run could follow. (The table assumes
# that a replica takes its share of a step in one pass: with more passes the weights are gathered more often.)
#
# **The 405B** (Llama 3's paper, table 4) was such a larger run, and was cut in every direction. Eight GPUs share each
# matrix, 16 such groups form a pipeline, and 128 pipelines read different texts. In the last stage, with texts of
# 131,072 tokens, 16 groups share one text (*context parallelism*). A step has 16M tokens:

# %%
print("   GPUs = tensor x context x pipeline x data   TFLOP/s   MFU   sequences")
for total, cuts, rate, length in (
    (8_192, (8, 1, 16, 64), 430, 8192),
    (16_384, (8, 1, 16, 128), 400, 8192),
    (16_384, (8, 16, 16, 8), 380, 131_072),
):
    assert math.prod(cuts) == total
    shape = " x ".join(f"{cut:3}" for cut in cuts)
    print(f"{total:7,} = {shape} {rate:17} {rate / 989.4:7.1%} {2**24 // length:9,}")
    if total == 16_384 and cuts[1] == 1:
        n_405 = LlamaConfig.named("llama-3.1-405b").n_params()
        seconds = 2**24 * 6 * n_405 / (total * rate * 1e12)
print(f"16M tokens in {seconds:.1f} s a step")

# %% [markdown]
# There are far fewer sequences than GPUs: data parallelism alone could not use them. (The paper prints an MFU of 41
# per cent in the second row, where its rounded 400 gives 40.4.) Data parallelism was FSDP without gathering the
# weights a second time; no activations were recomputed at 8K; the gradients were added up in float32 (section 3.3.2).
# The order of the four is the order of how much they have to say: matrices are cut where the links are fastest, and
# the batch where they are slowest.
#
# ## Your predictions

# %%
found = [
    2 * 7 / 8,
    2 * 2047 / 2048,
    2,
    100 * package[0] / usual[0],
    100 * (package[1] / usual[1] - 1),
    step,
    M / 60,
]
for (what, guess), value in zip(prediction.items(), found, strict=True):
    print(f"{what:72} guessed {guess:5g}, found {value:5.1f}")

# %% [markdown]
# ## Exercises
#
# - [15.1](../exercises/15_1_ring_all_reduce.md): the ring, with the count of what is sent.
# - [15.2](../exercises/15_2_own_share_of_the_loss.md): what each process has to derive, so that averaged gradients
#   are the gradient of the mean.
# - [15.3](../exercises/15_3_cut_the_feed_forward.md): the parts of a SwiGLU layer, whose sum is the whole.
# - [15.4](../exercises/15_4_cut_the_vocabulary.md): the loss when no process has all logits.
#
# ## What you can now do
#
# - Write all-reduce, reduce-scatter and all-gather, and say what each process sends, whatever their number.
# - Explain DDP, the stages of ZeRO and FSDP as one all-reduce taken apart.
# - Cut a LLaMA's matrices so that each block waits twice, and prove the cut right in one process.
# - Trade activations for arithmetic, and measure both sides.
# - Train one model in several processes, and know by which test a wrong program gives itself away.
# - Count what a layout sends over each link, and what limits it besides; and say how often to write a checkpoint.
#
# [Chapter 16](16_evaluation.md) asks what all this training was good for.
#
# ## References
#
# - Touvron and others (2023), *LLaMA*, arXiv 2302.13971: section 2.4; section 6 with table 15.
# - Grattafiori and others (2024), *The Llama 3 Herd of Models*, arXiv 2407.21783: section 3.3, table 4.
# - Rajbhandari and others (2019), *ZeRO: Memory Optimizations Toward Training Trillion Parameter Models*,
#   arXiv 1910.02054.
# - Zhao and others (2023), *PyTorch FSDP*, arXiv 2304.11277; Li and others (2020), *PyTorch Distributed*,
#   arXiv 2006.15704.
# - Shoeybi and others (2019), *Megatron-LM*, arXiv 1909.08053: columns, then rows. Korthikanti and others (2022),
#   arXiv 2205.05198: sequence parallelism, and recomputing only what is cheap.
# - Huang and others (2018), *GPipe*, arXiv 1811.06965: the pipeline and its bubble.
# - Chen and others (2016), *Training Deep Nets with Sublinear Memory Cost*, arXiv 1604.06174.
# - P. Patarasuk, X. Yuan (2009), *Bandwidth optimal all-reduce algorithms for clusters of workstations*, Journal of
#   Parallel and Distributed Computing 69(2).
# - NVIDIA, *NCCL*, `src/graph/tuning.cc` in github.com/NVIDIA/nccl: steps and delays of its rings.
# - J. W. Young (1974), *A first order approximation to the optimum checkpoint interval*, Communications of the
#   ACM 17(9).
