# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 19 · Flash attention
#
# **Question.** Attention compares every position with every earlier one. Must a computer ever hold all of these
# comparisons at once?
#
# In [chapter 07](07_attention.md) the answer was a matrix: T rows of scores, T columns, a softmax along each row, a
# product with the values. At 4,096 positions that is 16.8 million numbers a head, and LLaMA 7B has 32 heads in each of
# 32 layers. They are written to memory, read for the softmax, written again, read again for the product, and kept for
# the way back. [Chapter 17](17_where_the_time_goes.md) showed what that costs: the arithmetic waits for the memory.
#
# The answer is no, and it needs no approximation. A softmax seems to want the whole row, since it divides by the sum
# of all of it. But a sum can be kept while it grows, and what was divided by too little can be put right later. From
# this one observation follow a forward pass that walks through the keys in tiles, a backward pass that remembers one
# number a query, and a way to read a long cache with many processors at once. You will write all three, first in
# NumPy; then we look at the same loops in Triton and count every byte that they move.

# %%
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MINILLAMA_BACKEND"] = "triton-interpret"  # Triton's kernels, on the CPU, block by block

import math

import matplotlib.pyplot as plt
import numpy as np
import torch

from minillama import LlamaConfig, kernels
from minillama.book.plotting import COLORS, use_style
from minillama.kernels import eager, ops
from minillama.kernels import triton as raw
from minillama.kernels.memory import LiveMemory
from minillama.kernels.traffic import measured
from minillama.kernels.triton.launch import recorded

use_style()
torch.set_num_threads(1)
kernels.use("triton-interpret")
rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares.

# %%
prediction = {
    "twice the length: plain attention's memory grows by a factor of": 4.0,
    "twice the length: flash attention's memory grows by a factor of": 1.0,
    "twice the length: the bytes that flash attention reads grow by a factor of": 2.0,
    "error of flash attention over that of the plain one, float32, 512 positions": 2.0,
    "share of the tiles that a causal mask lets one skip, 16 tiles by 16": 0.5,
}

# %% [markdown]
# ## The idea: put it right when you know better
#
# You walk along a query's row of scores, a *tile* of keys at a time (some dozens of neighbours), and want $\sum_j
# e^{s_j} v_j / \sum_j e^{s_j}$. To keep the exponentials from overflowing, the largest score is subtracted from all.
# But you have not seen all. So subtract the largest **so far**. When a larger one turns up, everything gathered until
# then was measured against the wrong maximum, and all of it is off by the same factor: multiply it by $e^{\text{old} -
# \text{new}}$ and go on.
#
# Three things are kept for each query, whatever the length of the text: the maximum, the sum, and the weighted sum of
# values. The scores of a tile live for a moment and are gone.
#
# On the site, the square below can be walked through tile by tile (arrow keys or the buttons); thick frames are tiles
# on an edge, dashed ones are never loaded. On paper, the picture after it stands for the walk.
#
# <div data-widget="attention-tiles"></div>

# %% tags=["figure", "hide"] alt="Three squares of six by six tiles, queries downwards and keys to the right. Causal: tiles under the diagonal are filled, those on it hatched, those above it empty. Window: filled and hatched tiles in a band along the diagonal only. Decoding: one row of queries, its keys cut in three parts of two tiles each, and a note that each part returns an average and its sum"
figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.3), width_ratios=(1, 1, 1))


def draw_tile(axes, row, column, kind, colour="blue"):
    hatch = "////" if kind == "edge" else None
    face = COLORS[colour] if kind == "full" else "none"
    edge = COLORS[colour] if kind != "skipped" else COLORS["grey"]
    axes.add_patch(
        plt.Rectangle(
            (column + 0.06, row + 0.06), 0.88, 0.88, facecolor=face, edgecolor=edge, hatch=hatch,
            alpha=0.35 if kind == "skipped" else 0.85,
        )
    )  # fmt: skip


for row in range(6):
    for column in range(6):
        kind = "skipped" if column > row else "edge" if column == row else "full"
        draw_tile(panels[0], row, column, kind)
        band = "skipped" if column > row or column < row - 2 else "full" if column == row - 1 else "edge"
        draw_tile(panels[1], row, column, band)
for column in range(6):
    draw_tile(panels[2], 0, column, "full", ["blue", "orange", "green"][column // 2])
titles = ("causal: 21 of 36 tiles", "a window of two tiles: 15", "decoding: 3 programs, then join")
for axes, title in zip(panels, titles, strict=True):
    axes.set(xlim=(0, 6), ylim=(6, 0), aspect="equal", xticks=[], yticks=[], title=title, xlabel="keys")
    axes.grid(False)
panels[0].set_ylabel("queries")
panels[2].spines[:].set_visible(False)
panels[2].set(xlabel="")
panels[2].text(
    3, 1.5, "keys\n\neach part returns an average\nand its sum; a join follows", ha="center", va="top"
)
plt.show()

# %% [markdown]
# Filled: every query of the tile sees every key of it, no mask is needed. Hatched: on the edge, masked. Empty: never
# loaded, never computed.
#
# ## The mathematics
#
# One head, one tile of $M$ queries, and the keys in tiles of $N$.
#
# | symbol | what it is | shape |
# |---|---|---|
# | $q$ | the queries of the tile | (M, D) |
# | $k, v$ | the keys and values of one tile | (N, D) |
# | $s = q k^\top / \sqrt D$ | scores of the tile | (M, N) |
# | $m$ | largest score so far, `top` | (M,) |
# | $\ell$ | $\sum e^{s - m}$ so far, `total` | (M,) |
# | $a$ | $\sum e^{s - m} v$ so far, `acc` | (M, D) |
#
# With a new tile, $m' = \max(m, \max_j s_j)$, and
#
# $$ \ell' = e^{m - m'} \ell + \sum_j e^{s_j - m'}, \qquad a' = e^{m - m'} a + \sum_j e^{s_j - m'} v_j $$
#
# Why it is exact: claim that after any number of tiles $\ell = \sum_j e^{s_j - m}$ over all keys seen. It holds at
# the start (nothing seen, $\ell = 0$). If it holds before a tile, then $e^{m-m'} \ell = \sum_j e^{s_j - m'}$ over the
# same keys, and the new tile's terms complete the sum. The same for $a$. At the end $a / \ell$ is the softmax average,
# and $L = m + \ln \ell$ is the logarithm of $\sum_j e^{s_j}$ over the whole row, `lse` in the code (log of the sum of
# exponentials). The way back will need it.
#
# In code, a row of scores in four tiles:


# %%
def online(scores, values, width):
    """Average `values` by the softmax of `scores`, `width` of them at a time."""
    top, total, acc = -np.inf, 0.0, np.zeros(values.shape[1])
    for at in range(0, len(scores), width):
        s, v = scores[at : at + width], values[at : at + width]
        larger = max(top, s.max())
        p = np.exp(s - larger)
        again = np.exp(top - larger)  # 1 unless a larger score has turned up; 0 at the first tile
        total = again * total + p.sum()
        acc = again * acc + p @ v
        top = larger
        print(f"keys {at:2d} on: maximum {top:.2f}, sum {total:.3f}, old parts times {again:.3f}")
    return acc / total, top + np.log(total)


scores, values = rng.normal(size=16) * 3, rng.normal(size=(16, 2))
found, log_sum = online(scores, values, width=4)
weights = np.exp(scores) / np.exp(scores).sum()
print("the softmax over all 16 at once gives the same")
assert np.allclose(found, weights @ values, rtol=1e-13, atol=1e-15)
assert np.isclose(log_sum, np.log(np.exp(scores).sum()), rtol=1e-14)

# %% [markdown]
# ## A head in tiles
#
# Now for all queries, with the causal mask. The queries are the last $T$ of $S$ positions: in training $T = S$; when
# a prompt goes on from a cache, $T < S$. Query row $t$ stands at position $S - T + t$. A tile of queries needs keys
# up to its last position and no more, and this is all that *causal skipping* is: the loop ends there.


# %%
def flash_forward(q, k, v, M, N, window=None):
    """Attend from each of q's rows (T, D) to k and v (S, D); returns out, log of sums, tiles computed."""
    (T, D), S = q.shape, len(k)
    out, lse, tiles = np.zeros((T, D)), np.zeros(T), 0
    for i in range(0, T, M):
        row = np.arange(i, min(i + M, T))
        position = S - T + row
        begin = np.zeros(len(row), int) if window is None else np.maximum(position - window + 1, 0)
        top, total = np.full(len(row), -np.inf), np.zeros(len(row))
        acc = np.zeros((len(row), D))
        for j in range(begin.min(), position.max() + 1, N):  # what nobody sees is never reached
            key = np.arange(j, min(j + N, position.max() + 1))
            s = q[row] @ k[key].T / math.sqrt(D)  # (M, N)
            s[(key > position[:, None]) | (key < begin[:, None])] = -np.inf
            larger = np.maximum(top, s.max(axis=1))
            base = np.where(larger == -np.inf, 0.0, larger)  # a row that has seen nothing yet
            p, again = np.exp(s - base[:, None]), np.exp(top - base)
            total = again * total + p.sum(axis=1)
            acc = again[:, None] * acc + p @ v[key]
            top, tiles = larger, tiles + 1
        out[row], lse[row] = acc / total[:, None], top + np.log(total)
    return out, lse, tiles


def plain(q, k, v, window=None):
    """The same with the whole matrix of scores."""
    (T, D), S = q.shape, len(k)
    s = q @ k.T / math.sqrt(D)  # (T, S)
    position, key = np.arange(S - T, S)[:, None], np.arange(S)
    s[(key > position) | (window is not None and key <= position - (window or 0))] = -np.inf
    p = np.exp(s - s.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True) @ v


q, k, v = rng.normal(size=(37, 20)), rng.normal(size=(53, 20)), rng.normal(size=(53, 20))
for window in (None, 9):
    for M, N in ((1, 1), (8, 16), (64, 64)):
        out, _, tiles = flash_forward(q, k, v, M, N, window)
        assert np.allclose(out, plain(q, k, v, window), rtol=1e-12, atol=1e-13)
        print(f"window {window}, tiles of {M} by {N}: {tiles} computed")

# %% [markdown]
# One function, tiles of any size, also of sizes that divide nothing: the same result to the last digits of float64.
# Against the package and against PyTorch, which know nothing of our loop:

# %%
as_heads = [torch.from_numpy(x)[None, None] for x in (q, k, v)]
oracle = eager.attention(*as_heads)[0, 0].numpy()  # PyTorch's own, float64
triton_out = ops.attention(*(x.float() for x in as_heads))[0, 0].double().numpy()
mine = flash_forward(q, k, v, 8, 16)[0]
assert np.abs(mine - oracle).max() < 1e-13
assert np.abs(triton_out - oracle).max() < 2e-6 * np.abs(oracle).max()
print("NumPy tiles, Triton's tiles and PyTorch agree")

# %% [markdown]
# ## What skipping saves
#
# With $n$ by $n$ tiles, the causal mask leaves $n(n+1)/2$: a share of $\frac{n+1}{2n}$, half and a little. The little
# is the diagonal, where half of each tile is computed for nothing. A window of $w$ keys leaves a band: the work then
# grows with $T w$ and no longer with $T^2$.

# %%
long_q = rng.normal(size=(256, 4))
for n in (4, 16, 64):
    tiles = flash_forward(long_q, long_q, long_q, 256 // n, 256 // n)[2]
    assert tiles == n * (n + 1) // 2
    print(f"{n:2d} by {n:2d} tiles: {tiles:4d} of {n * n:4d} computed, {1 - tiles / n**2:.3f} skipped")
band = [flash_forward(long_q[:T], long_q[:T], long_q[:T], 8, 8, window=16)[2] for T in (64, 128, 256)]
print("a window of 16 keys, tiles of 8, lengths 64, 128, 256:", band, "tiles")

# %% [markdown]
# ## Heads that share keys
#
# With grouped queries, head $h$ of $H$ reads key head $\lfloor h / (H/K) \rfloor$ of $K$. No key is copied: the
# kernel divides its own number and starts at another address.

# %%
H, K = 6, 2
heads_q, heads_k, heads_v = rng.normal(size=(H, 12, 8)), *rng.normal(size=(2, K, 12, 8))
G = H // K
grouped = [flash_forward(heads_q[h], heads_k[h // G], heads_v[h // G], 4, 4)[0] for h in range(H)]
as_torch = [torch.from_numpy(x)[None] for x in (heads_q, heads_k, heads_v)]
assert np.allclose(grouped, eager.attention(*as_torch)[0].numpy(), atol=1e-13)
print("query heads 0 to 5 read key heads", [h // G for h in range(H)])

# %% [markdown]
# ## Three planted mistakes
#
# Each gives right shapes, and somewhere right numbers.


# %%
def broken(q, k, v, M, N, window=None, rescale=True, start=-1e30, aligned_left=False):
    """`flash_forward` with one thing wrong."""
    (T, D), S = q.shape, len(k)
    out = np.zeros((T, D))
    for i in range(0, T, M):
        row = np.arange(i, min(i + M, T))
        position = row + (0 if aligned_left else S - T)
        begin = np.zeros(len(row), int) if window is None else np.maximum(position - window + 1, 0)
        top, total, acc = np.full(len(row), start), np.zeros(len(row)), np.zeros((len(row), D))
        for j in range(begin.min(), position.max() + 1, N):
            key = np.arange(j, min(j + N, position.max() + 1))
            s = q[row] @ k[key].T / math.sqrt(D)
            s[(key > position[:, None]) | (key < begin[:, None])] = -np.inf
            larger = np.maximum(top, s.max(axis=1))
            with np.errstate(invalid="ignore"):
                p, again = np.exp(s - larger[:, None]), np.exp(top - larger)
            if not rescale:
                again = np.ones_like(again)
            total = again * total + p.sum(axis=1)
            acc = again[:, None] * acc + p @ v[key]
            top = larger
        out[row] = acc / total[:, None]
    return out


square = (k, k, v)  # T = S = 53
cases = {
    "one tile holds all": (square, 64, 64, None),
    "tiles of 8": (square, 8, 8, None),
    "a window of 5": (square, 16, 8, 5),
    "T = 37, S = 53": ((q, k, v), 8, 8, None),
}
mistakes = {
    "none": {},
    "old parts not rescaled": {"rescale": False},
    "minus infinity unguarded": {"start": -np.inf},
    "causal from the left": {"aligned_left": True},
}
print(f"{'largest error':24}" + "".join(f"{name:>20}" for name in cases))
errors = {}
for name, wrong in mistakes.items():
    for case, (inputs, M, N, window) in cases.items():
        difference = np.abs(broken(*inputs, M, N, window, **wrong) - plain(*inputs, window)).max()
        errors[name, case] = 0.0 if difference < 1e-12 else difference
    print(f"{name:24}" + "".join(f"{errors[name, case]:20.2f}" for case in cases))
assert not any(errors["none", case] for case in cases)
unscaled, left = "old parts not rescaled", "causal from the left"
assert errors[unscaled, "one tile holds all"] == 0 < errors[unscaled, "tiles of 8"]
assert errors["minus infinity unguarded", "tiles of 8"] == 0
assert math.isnan(errors["minus infinity unguarded", "a window of 5"])
assert errors[left, "a window of 5"] == 0 < errors[left, "T = 37, S = 53"]

# %% [markdown]
# Read the zeros: each mistake has a test that it passes. The first is invisible as long as one tile holds the whole
# test, the third as long as $T = S$: small round shapes pass.
#
# The second is the subtle one. Where a query sees *nothing* of a tile, the largest score is $-\infty$, and $-\infty -
# (-\infty)$ is not a number. Under a plain causal mask each row sees the first tile, and nothing is ever wrong. With
# a window, a query's tiles may *begin* with an invisible one (the table's are 16 queries by 8 keys; with as many keys
# as queries nothing would show, since the loop begins at the first key in sight). Here the row with no mistake starts
# its maximum at $-10^{30}$ instead, and `flash_forward` guards the case by `base`. The masks of many programs are
# -1e30 and not $-\infty$: then an invisible tile counts each of its keys with $e^0 = 1$, and the first visible score
# wipes that out, for $e^{-10^{30}} = 0$. It heals, unless a query sees nothing at all, and then it gets the mean of
# what it must not see. The package gives zeros.
#
# ## The way back
#
# The plain backward pass reads the whole matrix of weights $P$ (T, S), kept from the forward pass. But a weight is
# cheap to compute again from what we kept: $P_{ij} = e^{s_{ij} - L_i}$, one number $L_i$ a query. The formulas are
# [chapter 07](07_attention.md)'s, written for whole matrices ($dO$ is the gradient of the output, $\odot$ multiplies
# element by element, and $\delta_i$ is taken off all of row $i$):
#
# $$ dV = P^\top dO, \qquad dP = dO\,V^\top, \qquad dS = P \odot (dP - \delta), \qquad \delta_i = \sum_j P_{ij}\, dP_{ij} $$
#
# $$ dQ = \tfrac{1}{\sqrt D}\, dS\, K, \qquad dK = \tfrac{1}{\sqrt D}\, dS^\top Q $$
#
# $\delta$ looks like a row sum over all keys, which would need a pass of its own. It does not:
#
# $$ \delta_i = \sum_j P_{ij} \sum_d dO_{id} V_{jd} = \sum_d dO_{id} \sum_j P_{ij} V_{jd} = \sum_d dO_{id}\, O_{id} $$
#
# The output is known, so $\delta$ is a dot product of two rows of $D$ numbers. Then no tile needs another.


# %%
def flash_backward(dout, q, k, v, out, lse, M, N):
    """Gradients of q (T, D), k and v (S, D), tile by tile, from each query's log of sums."""
    (T, D), S = q.shape, len(k)
    dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
    delta = (dout * out).sum(axis=1)  # (T,)
    for j in range(0, S, N):
        key = np.arange(j, min(j + N, S))
        for i in range(max(0, j - (S - T)) // M * M, T, M):  # queries before these keys: skipped
            row = np.arange(i, min(i + M, T))
            p = np.exp(q[row] @ k[key].T / math.sqrt(D) - lse[row, None])
            p[key > (S - T + row)[:, None]] = 0.0
            ds = p * (dout[row] @ v[key].T - delta[row, None])
            dv[key] += p.T @ dout[row]
            dk[key] += ds.T @ q[row] / math.sqrt(D)
            dq[row] += ds @ k[key] / math.sqrt(D)
    return dq, dk, dv


dout = rng.normal(size=q.shape)
out, lse, _ = flash_forward(q, k, v, 8, 16)
gradients = flash_backward(dout, q, k, v, out, lse, 8, 16)
step = 1e-6
for name, x, gradient in zip("qkv", (q, k, v), gradients, strict=True):
    direction = rng.normal(size=x.shape)
    moved = [{"q": q, "k": k, "v": v} | {name: x + sign * step * direction} for sign in (1, -1)]
    up, down = ((plain(**inputs) * dout).sum() for inputs in moved)
    slope, mine = (up - down) / (2 * step), (gradient * direction).sum()
    assert abs(slope - mine) < 1e-7 * abs(slope) + 1e-7
leaves = [x.detach().float().requires_grad_() for x in as_heads]
ops.attention(*leaves).backward(torch.from_numpy(dout)[None, None].float())
for leaf, gradient in zip(leaves, gradients, strict=True):
    assert np.abs(leaf.grad[0, 0].numpy() - gradient).max() < 2e-6 * np.abs(gradient).max()
print("finite differences, NumPy tiles and the package's Triton kernels agree on dq, dk, dv")

# %% [markdown]
# In NumPy one double loop fills all three. On a GPU it cannot: programs that run at once would add to the same row of
# `dq`, and either they wait for one another (atomics, and then sums in an order that changes from run to run) or they
# do not share. The package's kernels do not share. One kernel walks along rows and owns `dq`; another walks down
# columns and owns `dk` and `dv`, and for grouped heads sums over the group before it stores. Scores are computed
# twice, seven products of tiles where five would do, and two runs give the same bits.
#
# > **Departure: attention's gradients, in one kernel or in two.**
# >
# > - **Paper.** FlashAttention's algorithm 4 computes all three gradients in one loop over tiles. FlashAttention-2
# >   (section 3.2) gives tiles of keys to programs that run at once, and they add to `dq` by atomic operations.
# > - **Code.** flash-attn so, with an option `deterministic` that costs time and memory.
# > - **Here.** Two kernels, each the only writer of what it sums: `dq` along rows, `dk` and `dv` down columns.
# > - **What changes.** Seven products of tiles instead of five. Two runs give the same bits, which an exact resume of
# >   training needs.
#
# ## The same loop in Triton
#
# `minillama/kernels/triton/attention.py` is the function above with other names. This is its inner loop:

# %%
import inspect

source = inspect.getsource(raw.attention.__globals__["attend"].fn)
print(source[source.index("    for at") :].rstrip())

# %% [markdown]
# Two things are new. The exponential is a power of two, for which GPUs have an instruction, so the scale holds
# $\log_2 e$. And `p` is cast to the values' dtype before the product, since tensor cores multiply 16-bit numbers and
# add in 32. How exact is that? We compare with float64, on five draws each, plain attention in the same dtype beside
# it:


# %% tags=["nbval-ignore-output"]
def spelled_out(q, k, v):
    """Attention with its T x T matrices, as PyTorch operations: in the dtype it is given."""
    T = q.shape[2]
    s = q @ k.mT / math.sqrt(q.shape[-1])
    s = s.masked_fill(~torch.ones(T, T, dtype=torch.bool).tril(), -torch.inf)
    return s.softmax(-1) @ v


errors = {}
for dtype in (torch.float32, torch.bfloat16):
    for T in (64, 512):
        found = []
        for seed in range(5):
            g = torch.Generator().manual_seed(seed)
            x = [torch.randn(1, 1, T, 64, generator=g, dtype=torch.float64).to(dtype) for _ in range(3)]
            exact = spelled_out(*(y.double() for y in x))
            largest = exact.abs().max()
            for f in (ops.attention, spelled_out):
                found.append(((f(*x).double() - exact).abs().max() / largest).item())
        flash, usual = np.array(found).reshape(5, 2).T
        errors[dtype, T] = flash.mean() / usual.mean()
        name = str(dtype).removeprefix("torch.")
        print(f"{name:9} T = {T:4d}: flash {flash.mean():.0e}, plain {usual.mean():.0e}")
        assert flash.max() < {torch.float32: 2e-6, torch.bfloat16: 8e-3}[dtype]
        assert flash.mean() < 2 * usual.mean()

# %% [markdown]
# It is no approximation. In float32 the error is some roundings, as the plain version's is. In bfloat16 it is the
# rounding of the result itself, one part in 256 or less; the sums inside lose nothing to it. The words "fast
# attention" are also used for methods that drop or compress scores. This is not one of them.
#
# ## Memory against length
#
# Now the promise. We count the bytes of all tensors that are alive at once ([chapter
# 10](10_from_numpy_to_pytorch.md)'s meter), forward and backward, one head of width 64 in float32. What the
# operations make counts, not their inputs. The kernels' launches are noted and not run here (`recorded`): Triton's
# interpreter copies a kernel's arguments, which a GPU does not, and the copies would count.


# %%
def peak(T, flash):
    x = [torch.randn(1, 1, T, 64, generator=torch.Generator().manual_seed(i)) for i in range(4)]
    if flash:
        with recorded(), LiveMemory() as memory:
            out, lse = raw.attention(*x[:3], None)
            raw.attention_backward(x[3], *x[:3], None, out, lse)
    else:
        leaves = [y.requires_grad_() for y in x[:3]]
        with LiveMemory() as memory:
            spelled_out(*leaves).backward(x[3])
    return memory.peak


lengths = [128, 256, 512, 1024, 2048]
plain_bytes, flash_bytes = ([peak(T, flash) for T in lengths] for flash in (False, True))
print(f"{'length':>8}{'plain, MB':>12}{'flash, MB':>12}{'ratio':>8}")
for T, a, b in zip(lengths, plain_bytes, flash_bytes, strict=True):
    print(f"{T:8d}{a / 1e6:12.2f}{b / 1e6:12.2f}{a / b:8.0f}")
plain_growth = plain_bytes[-1] / plain_bytes[-2]
flash_growth = flash_bytes[-1] / flash_bytes[-2]
print(f"from 1024 to 2048: plain times {plain_growth:.2f}, flash times {flash_growth:.2f}")
assert all(b == 4 * T * (4 * 64 + 2) for T, b in zip(lengths, flash_bytes, strict=True))
assert 3.8 < plain_growth < 4.05

# %% [markdown]
# Flash attention's figure is a formula: out, dq, dk, dv of 64 numbers a position and two numbers more, $L$ and
# $\delta$; an assertion in the cell says so. Twice the length, twice the memory. The plain one's quadruples.
#
# And the traffic? Here the common telling, "linear memory, therefore little traffic", is wrong by a whole power. Each
# tile of queries reads all keys before it, so the bytes read grow with $T^2 / M$: quadratic still, divided by the
# height of the tile. [Chapter 18](18_first_triton_kernels.md)'s meter counts them at every load.


# %%
def read(T, M):
    raw.attention.__globals__["INTERPRETED_TILE"] = M
    x = [torch.randn(1, 1, T, 64, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    with measured() as meter:
        raw.attention(*x, None)
    raw.attention.__globals__["INTERPRETED_TILE"] = 256
    assert meter.races == []
    return meter["attention_forward"].read


traffic = {M: [read(T, M) for T in lengths] for M in (64, 256)}
for M, found in traffic.items():
    keys = [sum(min((i + 1) * M, T) for i in range(-(-T // M))) for T in lengths]
    assert found == [4 * 64 * (T + 2 * n) for T, n in zip(lengths, keys, strict=True)]
    print(f"tiles of {M:3d}: MB read", [round(b / 1e6, 2) for b in found])
read_growth = traffic[64][-1] / traffic[64][-2]
print(f"tiles of 64, from 1024 to 2048: times {read_growth:.2f}")

# %% tags=["figure", "hide"] alt="Two panels on logarithmic axes against the length, 128 to 2048. Left, peak memory: plain attention climbs with nearly slope two from 0.3 to 56 megabytes, flash attention with slope one from 0.13 to 2.1 megabytes. Right, bytes read by the flash kernel: tiles of 64 and of 256 queries both approach slope two, the larger tiles a factor of nearly four lower"
figure, panels = plt.subplots(1, 2, figsize=(9.2, 3.7))
panels[0].loglog(lengths, np.array(plain_bytes) / 1e6, "o-", color=COLORS["orange"], label="plain")
panels[0].loglog(lengths, np.array(flash_bytes) / 1e6, "o-", color=COLORS["blue"], label="flash")
panels[0].set(title="alive at once, forward and backward", ylabel="MB")
for (M, found), colour in zip(traffic.items(), ("green", "purple"), strict=True):
    panels[1].loglog(lengths, np.array(found) / 1e6, "o-", color=COLORS[colour], label=f"tiles of {M}")
panels[1].set(title="read by the flash kernel, forward", ylabel="MB")
for axes in panels:
    axes.set(xlabel="length, tokens", xticks=lengths, xticklabels=lengths)
    axes.minorticks_off()
    axes.legend()
plt.show()

# %% [markdown]
# So there are three laws, not one. The arithmetic is what it was: quadratic, half of it skipped. The memory is
# linear. The traffic is quadratic over $M$, and that is enough: each key that is loaded meets $M$ queries, 4 M D
# operations for 4 D bytes in 16 bits, $M$ operations a byte. An A100's ridge lies at about 150 ([chapter
# 17](17_where_the_time_goes.md): 312 teraFLOPS in bfloat16 over 2.0 terabytes a second, by its data sheet). Tiles of
# 128 come near it, and caches serve some of the rest. That is a prediction from counted bytes: nothing in this chapter
# was timed on a GPU.
#
# ## One query, a long past
#
# When a model writes, each step has one query and a long cache. There are no rows of queries to deal out to
# processors: a batch of 1 with 8 key heads is 8 programs, on a GPU of 108 or more multiprocessors. So the keys are
# cut instead. Each program attends to its part and returns its own softmax average with its $L$ (*split-K*, or
# flash decoding). How are they joined?
# By the same trick once more, for parts $o_i$ with log-sums $L_i$:
#
# $$ L = \ln \sum_i e^{L_i}, \qquad o = \sum_i e^{L_i - L}\, o_i $$


# %%
def join(outs, log_sums):
    """Join softmax averages (parts, D) of disjoint keys by the weight of their sums."""
    weights = np.exp(log_sums - log_sums.max())
    return weights @ outs / weights.sum()


one = q[-1:]  # the last query sees all 53 keys
whole = flash_forward(one, k, v, 1, 16)[0][0]
for cuts in ([20], [1, 7, 30], list(range(1, 53))):
    pieces = zip(np.split(k, cuts), np.split(v, cuts), strict=True)
    parts = [flash_forward(one, some_k, some_v, 1, 16) for some_k, some_v in pieces]
    joined = join(np.array([p[0][0] for p in parts]), np.array([p[1][0] for p in parts]))
    assert np.allclose(joined, whole, rtol=1e-12)
    plain_mean = np.mean([p[0][0] for p in parts], axis=0)
    print(
        f"{len(parts):2d} parts joined; a plain mean would be off by {np.abs(plain_mean - whole).max():.2f}"
    )

# %% [markdown]
# Any cut gives the same. In the package the cache lies in pages (chapter 25 says why), and the query heads of a group
# share a program, so that each key is read once for all of them:

# %%
B, H, K, page, D = 2, 8, 2, 16, 64
lengths_now = torch.tensor([1500, 333], dtype=torch.int32)
pages = torch.randperm(256, generator=torch.Generator().manual_seed(0))[: 2 * 96].reshape(2, 96).int()
g = torch.Generator().manual_seed(1)
new_q, k_pages, v_pages = (torch.randn(*s, generator=g) for s in ((B, H, D), *[(256, K, page, D)] * 2))
with measured() as meter:
    decoded = ops.paged_attention(new_q, k_pages, v_pages, pages, lengths_now)
exact = eager.paged_attention(new_q.double(), k_pages.double(), v_pages.double(), pages, lengths_now)
assert (decoded - exact).abs().max() < 2e-6 * exact.abs().max()
cache_bytes = int(lengths_now.sum()) * K * 2 * D * 4
partial = meter["paged_attention_partial"]
print(f"{partial.programs} programs; the keys and values seen are {cache_bytes / 1e6:.2f} MB")
print(f"read {partial.read / 1e6:.2f} MB: {partial.read / cache_bytes - 1:.1%} more than those")
assert cache_bytes < partial.read < 1.02 * cache_bytes
assert meter.races == []

# %% [markdown]
# ## In the real LLaMA
#
# LLaMA 1 was trained this way. Section 2.4 of its paper: an efficient causal attention from the xformers library, after
# Rabe and Staats (2021) and with FlashAttention's backward pass. It neither stores the attention weights nor computes
# the scores that are masked. What it spared, for one sequence of each model's context, in 16 bits:

# %%
for name in ("llama-1-7b", "llama-2-70b", "llama-3.1-8b"):
    cfg = LlamaConfig.named(name)
    T, heads = cfg.max_seq_len, cfg.n_heads
    matrix, kept = 2 * heads * T * T, heads * T * (2 * cfg.head_dim + 4)
    print(f"{name:13} {T:7,} tokens: scores {matrix / 1e9:9,.2f} GB a layer, out and L {kept / 1e9:6.3f} GB")

# %% [markdown]
# At 2,048 tokens the matrix was a nuisance. At 131,072 it would be more than the memory of thirteen GPUs of 80 GB,
# for one layer and one sequence. Long context does not merely gain from flash attention; without it, it does not
# exist.
#
# What has changed since: FlashAttention-2 (2023) put the loop over keys innermost, as here, and the queries' tiles in
# parallel, as Phil Tillet's Triton version had done before (section 3.2 of the paper); FlashAttention-3 (2024)
# overlaps the products of one tile with the exponentials of another on Hopper, and adds 8-bit floats. Windows came to
# this family with Mistral 7B (4,096 keys), packed documents with a mask that keeps them apart with LLaMA 3, where it
# mattered little in ordinary pretraining and much in training on very long sequences (section 3.2 of its paper). Both
# are a list of integers to the package's `attention`: the first key that each query may see.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
answers = (
    plain_growth, flash_growth, read_growth, errors[torch.float32, 512], 1 - 17 / 32,
)  # fmt: skip
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    print(f"{question}: you said {guess:g}, measured {answer:.2f}")

# %% [markdown]
# ## Exercises
#
# - [19.1](../exercises/19_1_join_parts.md) Join what two programs found
# - [19.2](../exercises/19_2_which_tiles.md) Which keys a tile of queries needs
# - [19.3](../exercises/19_3_build_flash_attention.md) Build flash attention: NumPy, then Triton (this part's build)
#
# ## What you can now do
#
# - derive the online softmax and say why it is exact;
# - write attention in tiles, forward and backward, with a causal mask, windows and shared heads;
# - say what flash attention saves (memory: a power of T), divides (traffic: by M) and leaves (arithmetic);
# - find the three mistakes that small round tests let pass;
# - cut a long cache among programs and join what they found.
#
# Next: the other matrix that need never exist, T by V logits.
#
# ## References
#
# - T. Dao and others (2022), *FlashAttention: fast and memory-efficient exact attention with IO-awareness*,
#   arXiv 2205.14135, algorithm 1 and appendix B.
# - T. Dao (2023), *FlashAttention-2: faster attention with better parallelism and work partitioning*,
#   arXiv 2307.08691, section 3.
# - M. Milakov, N. Gimelshein (2018), *Online normalizer calculation for softmax*, arXiv 1805.02867.
# - M. N. Rabe, C. Staats (2021), *Self-attention does not need O(n²) memory*, arXiv 2112.05682.
# - J. Shah and others (2024), *FlashAttention-3*, arXiv 2407.08608.
# - W. Kwon and others (2023), *Efficient memory management for large language model serving with PagedAttention*,
#   arXiv 2309.06180.
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.4.
# - A. Grattafiori and others (2024), *The Llama 3 herd of models*, arXiv 2407.21783, section 3.2.
