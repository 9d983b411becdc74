# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 07 · Attention
#
# **Question.** How does a word find, among all the words before it, the few that matter to it, and what do the parts
# of a trained model look for?
#
# The models of the earlier chapters looked back with their eyes shut. A table of n-grams sees the last few words and
# nothing else. The stack of [chapter 05](05_rmsnorm_and_pre_norm.md) took averages over the past, and how much each
# word counted was fixed by how far back it stood. A cache of recent words only hurt, because it did not know *which
# one, now* ([chapter 03](03_predicting_the_next_token.md)).
#
# What is missing is an average whose weights depend on what is said. That is attention, and it is ten lines of NumPy.
# You will write them with their gradient, and then break them in ten ways, four of which no test of shapes can see.
# Then we open trained models and look at what their heads do. We look for a famous one, the *induction head*. In
# chapter 01's model there is none; the copying there is done by something simpler. So we build a world that needs
# one, watch it appear within a few dozen steps, and take it apart wire by wire. At last we find its relatives in a
# real language model.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # our matrices are small: a second thread only costs

import json
import math
import re
from itertools import islice
from pathlib import Path
from random import Random

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from minillama import Llama, LlamaConfig, Tokenizer, reference
from minillama.book.plotting import COLORS, use_style
from minillama.checkpoints.gguf import read_gguf
from minillama.data.datasets import cached
from minillama.data.packing import Rows, one_per_row
from minillama.data.stories import Stories
from minillama.evaluation import gap_by_skill, story_loss
from minillama.training import TrainConfig, Trainer

use_style()
torch.set_num_threads(1)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares.

# %%
prediction = {
    "64 keys of width 128, scores not divided by sqrt(D): the largest weight, on average": 0.3,
    "a mask that is off by one: loss in nats per token (the floor is 0.19)": 0.15,
    "a model with four heads in all: nats per copied syllable without the right one (with it: 0.0)": 1.0,
    "of SmolLM2's 270 heads: how many give more than half their attention to the first token": 10,
}

# %% [markdown]
# ## The idea: an average that chooses
#
# A Python dictionary takes a query, compares it with its keys, and returns the value of the one key that is equal. No
# key is equal? An error. And there is no gradient: a key that was nearly right learns nothing from it.
#
# Attention is the soft version. A position that wants to know something sends out a **query**, a vector. Every
# position, up to its own, offers two vectors: a **key**, by which it can be found, and a **value**, which it hands
# over. The query is compared with *all* keys, each comparison gives a score, the scores become weights that sum to
# one, and what comes back is the average of the values under these weights. A key that fits well dominates the
# average. One that nearly fits has some say, and so some gradient.
#
# Here is one query with three keys. The numbers are chosen so that you can do it on paper. The vectors have four
# entries, so scores are divided by $\sqrt 4 = 2$; why, we shall see.

# %%
q = np.array([2.0, 2.0, 0.0, 0.0])
keys = np.array([[0, 0, 1, 0], [math.log(2), 0, 0, 0], [0, math.log(5), 0, 1]])
values = np.array([[8.0, 0.0], [0.0, 4.0], [16.0, 0.0]])
scores = keys @ q / math.sqrt(4)  # 0, ln 2, ln 5
weights = np.exp(scores) / np.exp(scores).sum()  # 1, 2 and 5, over 8
print("weights", weights, "  average of the values", weights @ values)

# %% [markdown]
# One eighth of (8, 0), two eighths of (0, 4), five eighths of (16, 0): together (11, 1).
#
# ## One head, in symbols and in code
#
# All positions ask at once. Each makes its query, its key and its value from what it holds, $x_t$, by three learnt
# matrices. With the queries as rows of $q$, and so on:
#
# $$ s = \frac{q\,k^\top}{\sqrt D}, \qquad p_{ij} = \frac{e^{s_{ij}}}{\sum_{j' \le i} e^{s_{ij'}}}\ \text{ for } j \le i, \qquad p_{ij} = 0\ \text{ for } j > i, \qquad y = p\,v. $$
#
# | symbol | what it is | shape |
# |---|---|---|
# | $x$ | what comes in, normalised (chapter 05) | (T, C) |
# | $q = x W_q^\top$, $k = x W_k^\top$, $v = x W_v^\top$ | queries, keys, values | (T, D) each |
# | $s$ | scores: row $i$ belongs to the query at position $i$ | (T, T) |
# | $p$ | weights; each row sums to one | (T, T) |
# | $y$ | what comes out: for each position an average of values | (T, D) |
#
# The condition $j \le i$ is the **causal mask**: a position may look at itself and back, never ahead. Queries and keys
# are turned by RoPE before they meet ([chapter 06](06_rope.md)); the score then knows the distance, and nothing else in
# this chapter changes. Without the turning, attention would see its past as a bag.


# %%
def softmax(x):
    """Scores to weights, over the last axis. -inf becomes weight 0."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def one_head(q, k, v):
    """q, k, v (T, D). Return the averages (T, D) and the weights (T, T)."""
    T, D = q.shape
    scores = q @ k.T / math.sqrt(D)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    weights = softmax(scores)
    return weights @ v, weights


T = 6
q, k, v = rng.normal(size=(3, T, 8))
out, weights = one_head(2 * q, k, v)
print(weights.round(2))

# %% tags=["figure", "hide"] alt="Three square matrices of six rows and six columns, queries downwards and keys to the right. Left: scores, positive and negative, all over the square. Middle: the same scores, with the triangle above the diagonal empty. Right: weights, in which each row of the lower triangle sums to one; the first row has a single cell of weight one, and later rows have one or two dark cells"
scores = 2 * q @ k.T / math.sqrt(8)
figure, panels = plt.subplots(1, 3, figsize=(10, 3.5))
masked = np.where(np.tri(T, dtype=bool), scores, np.nan)
for axes, matrix, title, cmap, limits in (
    (panels[0], scores, "scores $s$", "RdBu_r", (-4, 4)),
    (panels[1], masked, "the future masked", "RdBu_r", (-4, 4)),
    (panels[2], np.where(np.isnan(masked), np.nan, weights), "weights $p$", "Blues", (0, 1)),
):
    axes.imshow(matrix, cmap=cmap, vmin=limits[0], vmax=limits[1])
    for i in range(T):
        for j in range(T):
            if not np.isnan(matrix[i, j]):
                strong = abs(matrix[i, j]) > 0.55 * limits[1]
                axes.text(
                    j, i, f"{matrix[i, j]:.1f}", ha="center", va="center", fontsize=8.5,
                    color="white" if strong else "#333333",
                )  # fmt: skip
    axes.set(xlabel="key, position", title=title)
    axes.grid(False)
    axes.set_xticks(range(T))
    axes.set_yticks(range(T))
panels[0].set_ylabel("query, position")
plt.show()

# %% [markdown]
# Read a row of the right matrix: it is where that position looks. The first has no choice. Nothing says that a
# position looks at itself.
#
# ## A softmax that does not overflow
#
# The formula above has $e^{s}$ in it, and `softmax` has $e^{s - \max s}$. Why?

# %%
large = np.array([88.0, 89.0, 90.0], dtype=np.float32)
with np.errstate(over="ignore", invalid="ignore"):
    print("exp of 88 and 89 in float32:", np.exp(large[:2]))
    print("as in the formula:", np.exp(large) / np.exp(large).sum())
    print("exp of 12 in float16:", np.exp(np.float16(12)))
print("largest subtracted:", softmax(large).round(4))

# %% [markdown]
# float32 ends at $3.4 \cdot 10^{38}$, which is $e^{88.7}$, and float16 at 65,504, which is $e^{11.1}$. Beyond that stands
# infinity, and infinity over infinity is no number. The cure costs nothing, because **a softmax does not care about a
# constant**. For any $c$:
#
# $$ \frac{e^{s_j - c}}{\sum_{j'} e^{s_{j'} - c}} = \frac{e^{-c}\,e^{s_j}}{e^{-c}\sum_{j'} e^{s_{j'}}} = \frac{e^{s_j}}{\sum_{j'} e^{s_{j'}}}. $$
#
# With $c = \max s$ the largest term of the sum is exactly 1. No term can overflow, the sum lies between 1 and the
# number of keys, and what underflows to 0 is what would have been rounded away. Scores of plus or minus a million
# are now harmless.
#
# One case is left: a row with **nothing to look at**. Its largest score is $-\infty$, and $-\infty - (-\infty)$ is no
# number.

# %%
nothing = np.full(3, -np.inf)
with np.errstate(invalid="ignore"):
    print("softmax of nothing but -inf:", softmax(nothing))
lowest = np.full(3, np.finfo(np.float32).min)
print("the same with float32's lowest number in place of -inf:", softmax(lowest).round(3))
some = torch.ones(1, 1, 1, 3)
empty = torch.zeros(1, 3, dtype=torch.bool)
print("torch's fused attention:", F.scaled_dot_product_attention(some[..., :1], some.mT, some.mT, empty).flatten())

# %% [markdown]
# Three programs, three answers: not a number; an average over everything that was forbidden; zero. With a causal mask
# alone it cannot happen, for every position sees itself. It happens where padding is masked too, and there the second
# answer is the most dangerous one, since nothing looks wrong.
#
# > **Departure: attention, the number that stands for "forbidden".**
# >
# > - **Paper.** Vaswani and others (2017, section 3.2.3): set to $-\infty$ the input of the softmax.
# > - **Code.** Meta's LLaMA adds a matrix of 0 and $-\infty$. Hugging Face's eager attention adds the lowest finite
# >   number of the dtype. PyTorch's fused function takes booleans.
# > - **Here.** $-\infty$; a mask with an empty row is refused with an error.
# > - **What changes.** Nothing, as long as every row has something to see. If not: NaN, an average over forbidden
# >   values, or zeros, as printed above.
#
# ## Why the square root
#
# Take a query and a key with independent entries of mean 0 and variance 1; after a norm and a fresh matrix that is
# about what they are. Their product is a sum of $D$ terms, each of variance 1, so **the variance of a raw score is
# $D$**, and its standard deviation $\sqrt D$. Divide by $\sqrt D$, and scores have size 1 whatever the width. Does it
# matter? Let us see 64 such scores go through a softmax, for heads of different width. We look at the largest
# weight, and at how much gradient a softmax lets through. Its derivative is (derived below)
# $\partial p_i / \partial s_j = p_i(\delta_{ij} - p_j)$; the trace, $\sum_i p_i(1-p_i)$, tells its size.

# %%
WIDTHS = (2, 4, 8, 16, 32, 64, 128, 256)
found = {}
for D in WIDTHS:
    raw = np.einsum("nd,nkd->nk", rng.normal(size=(1000, D)), rng.normal(size=(1000, 64, D)))
    for name, scores in (("not divided", raw), ("divided", raw / math.sqrt(D))):
        p = softmax(scores)
        found[name, D] = scores.std(), p.max(axis=-1).mean(), (p * (1 - p)).sum(axis=-1).mean()
print("64 keys            standard deviation   largest weight   gradient let through")
for D in (16, 128):
    for name in ("not divided", "divided"):
        spread, top, slope = found[name, D]
        print(f"D = {D:3}, {name:12} {spread:14.1f} {top:18.2f} {slope:16.2f}")

# %% tags=["figure", "hide"] alt="Two panels against the head width D from 2 to 256. Left: the largest of 64 weights; divided by the square root of D it is flat at 0.12, not divided it rises from 0.2 to 0.85. Right: the gradient that the softmax lets through; divided it is flat at 0.96, not divided it falls from 0.9 to 0.2"
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
for name, color in (("not divided", "red"), ("divided", "blue")):
    label = "divided by $\\sqrt{D}$" if name == "divided" else name
    for axes, item in ((left, 1), (right, 2)):
        axes.plot(WIDTHS, [found[name, D][item] for D in WIDTHS], "o-", color=COLORS[color], label=label)
for axes, title in ((left, "largest of 64 weights, mean"), (right, "gradient let through, $\\sum p(1-p)$")):
    axes.set(xscale="log", xlabel="head width $D$", ylabel=title, ylim=(0, 1.03))
    axes.set_xticks(WIDTHS, [str(D) for D in WIDTHS])
    axes.minorticks_off()
left.legend()
plt.show()

# %% [markdown]
# Undivided, a wide head starts its life with its mind made up: one key has most of the weight, by chance, and the
# softmax is so flat there that hardly a gradient comes through to change it. Divided, it begins as chapter 05 assumed,
# looking about evenly at everything. Nothing is lost by dividing, since the matrices $W_q$ and $W_k$ can learn any
# scale. It is a choice of where to start. (Vaswani and others, 2017, footnote 4, give the argument on the variance,
# and say that they *suspect* the consequence.)
#
# ## Many heads, and heads that share
#
# One average is not much: a position may want to know who is speaking *and* what the last word was. So a layer has $H$
# heads, each with queries, keys and values of its own, $D = C/H$ wide. They work side by side; their outputs are
# laid end to end, and a last matrix $W_o$ maps them back to the width of the stream. In code it is one matrix for all
# heads, and a reshape.
#
# In **grouped-query attention** (Ainslie and others, 2023) several query heads share one head of keys and values:
#
# ```
#   query heads      0 1 2 3   4 5 6 7        H = 8
#                     \|/|      \|/|
#   key/value heads    0          1           K = 2      query head h reads key/value head h // (H/K)
# ```
#
# Keys and values are what must be remembered while text is generated, so $K$ heads instead of $H$ make that memory
# $H/K$ times smaller ([chapter 11] counts it). With $K = H$ it is the old multi-head attention.


# %%
def split(x, n):
    """(B, T, n D) -> (B, n, T, D)"""
    return x.reshape(*x.shape[:2], n, -1).transpose(0, 2, 1, 3)


def join(x):
    """(B, n, T, D) -> (B, T, n D)"""
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def causal(T, S):
    """Which of S keys may each of T queries see? The queries are the last T of the S positions."""
    return np.arange(S) <= np.arange(S - T, S)[:, None]


def attention(q, k, v):
    """q (B, H, T, D); k, v (B, K, S, D). Return (B, H, T, D) and what backward needs."""
    (H, T, D), (K, S) = q.shape[1:], k.shape[1:3]
    k_h, v_h = (np.repeat(a, H // K, axis=1) for a in (k, v))  # (B, H, S, D): 0 0 0 0 1 1 1 1
    scores = q @ k_h.swapaxes(-1, -2) / math.sqrt(D)  # (B, H, T, S)
    weights = softmax(np.where(causal(T, S), scores, -np.inf))
    return weights @ v_h, (q, k_h, v_h, weights, K)


print(causal(3, 5).astype(int))

# %% [markdown]
# The mask has a second shape, for later. While text is generated, the keys of all earlier positions are kept, and
# only the newest positions ask: $T$ queries, the last of $S$ positions. **The mask is aligned at its lower right
# corner**: the last query sees everything. It is easily aligned at the upper left instead, and then the newest token
# sees only the beginning of the text.
#
# > **Departure: causal attention, when there are fewer queries than keys.**
# >
# > - **Paper.** Knows only squares: as many queries as keys.
# > - **Code.** FlashAttention since version 2.1 aligns at the lower right; before, at the upper left. PyTorch's
# >   `scaled_dot_product_attention(is_causal=True)` aligns at the upper left, to this day (2.13). Hugging Face
# >   therefore passes the flag only when it means the same thing, and a mask otherwise.
# > - **Here.** Lower right.
# > - **What changes.** Nothing in training, where $T = S$. In generation with a cache, everything: the test "the same
# >   with a cache" in the table below.
#
# A layer, then: project, turn, attend, project back.


# %%
def self_attention(x, w, H, K, cos, sin):
    """x (B, T, C) -> (B, T, C). w: wq (H D, C), wk and wv (K D, C), wo (C, H D)."""
    q, k, v = (split(x @ w[name].T, n) for name, n in (("wq", H), ("wk", K), ("wv", K)))
    q, k = (reference.rope(a, cos, sin)[0] for a in (q, k))
    mixed, _ = attention(q, k, v)
    return join(mixed) @ w["wo"].T


cfg = LlamaConfig(dim=32, n_layers=1, n_heads=8, n_kv_heads=2, hidden_dim=64)
llama = reference.ReferenceLlama(cfg)
x = rng.normal(size=(2, 7, 32))
seen = {}
llama.forward(rng.integers(0, cfg.vocab_size, size=(2, 7)), record=seen.__setitem__)
w = {name: llama.weights[f"layers.0.attention.{name}.weight"] for name in ("wq", "wk", "wv", "wo")}
cos, sin = reference.rope_table(cfg, 0, 7)
ours = self_attention(seen["layers.0.attention_norm"], w, 8, 2, cos, sin)
assert reference.relative_error(ours, seen["layers.0.attention.wo"]) < 1e-14
print("a layer of the package's LLaMA: equal within 1e-14")

# %% [markdown]
# There is another way to see $W_o$. Cut it into $H$ slices of $D$ columns, one for each head. Then the layer's output
# is a *sum over heads*, each of which writes to the stream by itself:
#
# $$ \text{out} = \sum_{h=1}^{H} y^{(h)}\, {W_o^{(h)}}^\top. $$
#
# So a head can be removed without touching the others: set its slice to zero. We shall do that a lot.

# %%
D = cfg.head_dim
mixed = seen["layers.0.attention.mixed"]  # (B, T, H D)
heads = [mixed[..., h * D : (h + 1) * D] @ w["wo"][:, h * D : (h + 1) * D].T for h in range(8)]
print("the sum of what eight heads write is the layer's output:", np.allclose(sum(heads), ours))

# %% [markdown]
# ## The gradient, step by step
#
# Bars mean derivatives of the loss, as in chapter 05: $\bar y$ comes in, $\bar q, \bar k, \bar v$ are looked for. There
# are two matrix products with a softmax between them. The products are chapter 04's rule, twice:
#
# $$ y = p\,v \;\Rightarrow\; \bar p = \bar y\,v^\top,\quad \bar v = p^\top \bar y; \qquad s = \frac{q k^\top}{\sqrt D} \;\Rightarrow\; \bar q = \frac{\bar s\,k}{\sqrt D},\quad \bar k = \frac{\bar s^\top q}{\sqrt D}. $$
#
# Between them stands one row of the softmax, $p_i = e^{s_i}/Z$ with $Z = \sum_j e^{s_j}$. A score acts on its own
# weight through the numerator, and on all of them through $Z$, since $\partial Z/\partial s_j = e^{s_j}$:
#
# $$ \frac{\partial p_i}{\partial s_j} = \frac{e^{s_i}\delta_{ij}}{Z} - \frac{e^{s_i}\, e^{s_j}}{Z^2} = p_i(\delta_{ij} - p_j), \qquad\text{as a matrix}\qquad \boxed{\;J = \text{diag}(p) - p\,p^\top\;} $$
#
# Read it. It is symmetric. Its rows sum to zero: adding a constant to all scores changes nothing. A weight of 0 has a
# row and a column of zeros: **what is masked gets no gradient, and gives none.** And a weight of 1 too, for then all
# others are 0: a head that is perfectly sure has stopped learning. Applied to $\bar p$, no matrix is needed:
#
# $$ \bar s_j = \sum_i \bar p_i\, p_i(\delta_{ij} - p_j) = p_j\Big(\bar p_j - \sum_i \bar p_i\, p_i\Big). $$
#
# The sum is the mean of $\bar p$ under the weights themselves. So **a score rises if its value did more good than the
# average that was taken**. That is all that a head ever learns by.
#
# At last the groups. One head of keys served $H/K$ query heads. What serves several gets the sum of their gradients.


# %%
def attention_backward(d_out, saved):
    """Gradients of q (B, H, T, D), k and v (B, K, S, D)."""
    q, k_h, v_h, weights, K = saved
    (B, H, S, D) = k_h.shape
    d_weights = d_out @ v_h.swapaxes(-1, -2)  # (B, H, T, S)
    d_v = weights.swapaxes(-1, -2) @ d_out  # (B, H, S, D)
    average = np.sum(d_weights * weights, axis=-1, keepdims=True)
    d_scores = weights * (d_weights - average) / math.sqrt(D)
    d_q = d_scores @ k_h
    d_k = d_scores.swapaxes(-1, -2) @ q
    grouped = lambda a: a.reshape(B, K, H // K, S, D).sum(axis=2)  # (B, H, S, D) -> (B, K, S, D)
    return d_q, grouped(d_k), grouped(d_v)


# %% [markdown]
# ### Three witnesses
#
# The package, PyTorch's fused attention with its own backward, and finite differences. Four query heads, two heads
# of keys and values, and in the second case fewer queries than keys.

# %%
for T, S in ((5, 5), (3, 6)):
    q, d_out = rng.normal(size=(2, 2, 4, T, 8))
    k, v = rng.normal(size=(2, 2, 2, S, 8))
    out, saved = attention(q, k, v)
    ours = (out, *attention_backward(d_out, saved))
    package_out, package_saved = reference.attention(q, k, v)
    package = (package_out, *reference.attention_backward(d_out, package_saved))
    leaves = [torch.tensor(a, requires_grad=True) for a in (q, k, v)]
    mask = torch.tensor(causal(T, S))
    fused = F.scaled_dot_product_attention(*leaves, attn_mask=mask, enable_gqa=True)
    fused.backward(torch.tensor(d_out))
    theirs = (fused.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves))

    def loss(changed, place):
        arguments = [q, k, v]
        arguments[place] = changed
        return float(np.sum(attention(*arguments)[0] * d_out))

    numerical = [
        reference.numerical_gradient(lambda a, n=n: loss(a, n), (q, k, v)[n]) for n in range(3)
    ]
    worst = lambda others, mine: max(map(reference.relative_error, mine, others))
    assert worst(package, ours) < 1e-13
    assert worst(theirs, ours) < 1e-13
    assert worst(numerical, ours[1:]) < 1e-8
    print(f"T = {T}, S = {S}: package and torch within 1e-13, finite differences within 1e-8 (relative)")

# %% [markdown]
# ## The leak test
#
# The worst bug of this chapter makes everything look better. If a position sees ahead, even by one, it sees the word
# that it is asked to predict. Nothing crashes and the loss falls. So test it directly, by what a causal model *means*:
#
# > Change the token at position $t$. Every output before $t$ must stay as it was, bit for bit. (And the output at $t$
# > must change, or you have tested nothing.)
#
# No reference implementation is needed, it works on a whole model as well as on a layer, and it allows no tolerance:
# what was not looked at cannot have changed, not in the last bit.


# %%
def leaks(attend, T=7, D=8):
    """Does any output depend on a later position? `attend` maps (1, H, T, D) thrice to the like."""
    dice = np.random.default_rng(7)
    q, k, v = dice.normal(size=(3, 1, 2, T, D))
    before = attend(q, k, v)
    for t in range(1, T):
        others = [a.copy() for a in (q, k, v)]
        for a in others:
            a[:, :, t] = dice.normal(size=(1, 2, D))
        after = attend(*others)
        if np.array_equal(after[:, :, t], before[:, :, t]):
            raise AssertionError(f"position {t} was changed, and its own output was not")
        if not np.array_equal(after[:, :, :t], before[:, :, :t]):
            return True
    return False


print("ours leaks:", leaks(lambda *qkv: attention(*qkv)[0]))

# %% [markdown]
# ### Ten ways to get it wrong
#
# Now mistakes. Each is attention with one thing done as somebody once did it. And five tests: are shape and row sums
# right; does it leak; does a query of zeros give the plain average over the past; is the last position alone, with
# all keys kept, the same as the last row of all; does it agree with PyTorch?


# %%
def variant(
    q, k, v, allowed=causal, scale=lambda D: math.sqrt(D), axis=-1, masking="before", share=np.repeat
):
    """Attention with some part exchanged."""
    (H, T, D), (K, S) = q.shape[1:], k.shape[1:3]
    tiled = lambda a: np.tile(a, (1, H // K, 1, 1))
    k, v = (tiled(a) if share is np.tile else np.repeat(a, H // K, axis=1) for a in (k, v))
    scores, mask = q @ k.swapaxes(-1, -2) / scale(D), allowed(T, S)
    if masking == "before":
        scores = np.where(mask, scores, -np.inf)
    if masking == "times zero":
        scores = scores * mask
    with np.errstate(invalid="ignore"):
        e = np.exp(scores - scores.max(axis=axis, keepdims=True))
        weights = e / e.sum(axis=axis, keepdims=True)
    if masking == "after":
        weights = weights * mask
    return weights @ v, weights


MISTAKES = {
    "right": {},
    "no mask": {"allowed": lambda T, S: np.ones((T, S), bool)},
    "sees one ahead": {"allowed": lambda T, S: np.arange(S) <= np.arange(S - T, S)[:, None] + 1},
    "does not see itself": {"allowed": lambda T, S: np.arange(S) < np.arange(S - T, S)[:, None]},
    "mask aligned at upper left": {"allowed": lambda T, S: np.tri(T, S, dtype=bool)},
    "masked after the softmax": {"masking": "after"},
    "masked scores set to zero": {"masking": "times zero"},
    "softmax over the queries": {"axis": -2},
    "sqrt(D) forgotten": {"scale": lambda D: 1.0},
    "divided by D": {"scale": lambda D: D},
    "shared heads in the wrong order": {"share": np.tile},
}
q = rng.normal(size=(2, 4, 6, 8))
k, v = rng.normal(size=(2, 2, 2, 6, 8))
by_torch = F.scaled_dot_product_attention(
    *(torch.tensor(a) for a in (q, k, v)), is_causal=True, enable_gqa=True
).numpy()
past = np.cumsum(np.repeat(v, 2, axis=1), axis=2) / np.arange(1, 7)[:, None]
TESTS = {
    "sums": lambda f: f(q, k, v)[0].shape == q.shape and np.allclose(f(q, k, v)[1].sum(axis=-1), 1),
    "leak": lambda f: not leaks(lambda *qkv: f(*qkv)[0]),
    "average": lambda f: np.allclose(f(0 * q, v, v)[0], np.repeat(past, 1, axis=1)),
    "cache": lambda f: np.allclose(f(q[:, :, -1:], k, v)[0], f(q, k, v)[0][:, :, -1:]),
    "torch": lambda f: np.allclose(f(q, k, v)[0], by_torch),
}
print(f"{'':34}" + "".join(f"{name:>9}" for name in TESTS))
for name, change in MISTAKES.items():
    f = lambda *qkv, change=change: variant(*qkv, **change)
    results = []
    for test in TESTS.values():
        try:
            results.append("ok" if test(f) else "FAILS")
        except AssertionError:
            results.append("FAILS")
    print(f"{name:34}" + "".join(f"{result:>9}" for result in results))

# %% [markdown]
# Go down the columns. The test of shapes and sums sees hardly any of them. **The leak test sees what looks ahead**,
# and one thing more: masking *after* the softmax. There the forbidden weights are gone, but the denominator has seen
# the future. Only the mask at the wrong corner gets past PyTorch's own function, for that has it at the same corner
# when asked so, and in a square the corners agree. The forgotten root, and the order of shared heads, are seen by
# nothing but another implementation: a model trained with them would be a good model. It would only not be LLaMA, and
# no LLaMA's weights would work in it.
#
# ### What one position ahead is worth
#
# "Sees one ahead" is the most common of these: `triu(..., diagonal=1)` where `diagonal=0` belongs, or the reverse. Let
# us train with it, on chapter 01's stories, and beside it the right one. Both are the package's small LLaMA.

# %%
stories = list(islice(Stories(seed=1, level=1), 5_000))
held_out = list(islice(Stories(seed=2, level=1), 120))
tokenizer = Tokenizer.train((story.text for story in stories[:2000]), vocab_size=512)
story_rows = one_per_row([tokenizer.encode(story.text, bos=True, eos=True) for story in stories])
tour = LlamaConfig(
    vocab_size=tokenizer.vocab_size, dim=64, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=172, max_seq_len=96
)  # fmt: skip


class OneAhead(Llama):
    def _mask(self, start, end):
        return torch.ones(end - start, end, dtype=torch.bool).tril(1 + start)


def train(model, rows, seed, steps, batch_size, lr=5e-3, warmup=50):
    """Train, and yield the model after each step."""
    model.init_weights(torch.Generator().manual_seed(seed))
    config = TrainConfig(steps=steps, batch_size=batch_size, lr=lr, warmup=warmup)
    for step in Trainer(model, Rows(rows.tokens, rows.targets, seed), config):
        yield step.step, model


for _, cheat in train(OneAhead(tour), story_rows, 0, 80, 16):
    pass
for _, teller in train(Llama(tour), story_rows, 0, 250, 16):
    pass
cheating, honest = (story_loss(model, tokenizer, held_out) for model in (cheat, teller))

# %% tags=["nbval-ignore-output"]
print(f"floor {honest.floor:.3f} nats per token")
print(f"right, 250 steps {honest.loss:.3f};  seeing one ahead, 80 steps {cheating.loss:.4f}")

# %%
assert 0 < honest.gap < 0.03
assert cheating.loss < 0.2 * cheating.floor
print("one ahead: less than a fifth of what is possible")

# %% [markdown]
# A loss far below the floor, with a mask that is right in all but one diagonal. On ordinary text, where nobody knows
# the floor, this is a record.
#
# ## Who copies, in chapter 01's model?
#
# [Chapter 01](01_the_whole_tour.md) saw the skill of *copying* appear suddenly, and said that two layers must learn to
# work together for it. It promised that we would find the head. The honest model above is that chapter's. Its weights
# go into the package's NumPy model, whose `record` lets us listen to everything, and we remove its eight heads one
# by one.


# %%
def for_numpy(model):
    return {name: weight.detach().numpy() for name, weight in model.state_dict().items()}


def without(cfg, weights, layer, head):
    """The weights with one head's slice of wo set to zero."""
    name = f"layers.{layer}.attention.wo.weight"
    changed = weights[name].copy()
    changed[:, head * cfg.head_dim : (head + 1) * cfg.head_dim] = 0
    return weights | {name: changed}


SKILLS = ("grammar", "copy", "coreference", "rule")
texts = [story.text for story in held_out[:60]]


def skill_gaps(weights):
    """Gap to the floor, nats per token of the skill."""
    model = Llama(tour)
    model.load_state_dict({name: torch.tensor(weight) for name, weight in weights.items()})
    found = gap_by_skill(model, tokenizer, texts)
    return [(found[s].model_nats - found[s].story_nats) / found[s].tokens for s in SKILLS]


teller_weights = for_numpy(teller)
whole = skill_gaps(teller_weights)
removed = {(l, h): skill_gaps(without(tour, teller_weights, l, h)) for l in range(2) for h in range(4)}

# %% tags=["nbval-ignore-output"]
print("gap, nats per token    " + "".join(f"{skill:>13}" for skill in SKILLS))
print(f"{'whole model':23}" + "".join(f"{gap:13.2f}" for gap in whole))
for (layer, head), gaps in removed.items():
    print(f"without layer {layer}, head {head}" + "".join(f"{gap:13.2f}" for gap in gaps))

# %% [markdown]
# Several heads hurt copying when they are gone. What do they look at? Take the places where a word is about to be
# said again (the hero's name, the animal, the colour of the thing that was lost), and ask how much of each head's
# attention lies on the place where that word was said first.

# %%
KINDS = ("name", "kind", "colour", "toy")


def copies(story):
    """For each kind of word: where it was said first, and the position from which it is said again."""
    ids = tokenizer.encode(story.text, bos=True)
    ends = np.cumsum([0] + [len(tokenizer.token_bytes(i)) for i in ids[1:]])
    for choice in story.derivation.choices:
        places = [m.start() for m in re.finditer(rf"\b{choice.option}\b", story.text)]
        if choice.name in KINDS and len(places) > 1:
            first, last = (int(np.searchsorted(ends, place, side="right")) for place in (places[0], places[-1]))
            yield choice.name, first, last - 1


def listen(cfg, weights, tokens):
    """Everything that the NumPy model computes on these tokens, by name."""
    seen = {}
    reference.ReferenceLlama(cfg, weights, np.float32).forward(tokens, record=seen.__setitem__)
    return seen


on_first = {(l, h): {kind: [] for kind in KINDS} for l in range(2) for h in range(4)}
for story in held_out[:60]:
    seen = listen(tour, teller_weights, np.array([tokenizer.encode(story.text, bos=True)]))
    for kind, first, asks in copies(story):
        for (l, h), found_there in on_first.items():
            found_there[kind].append(seen[f"layers.{l}.attention.weights"][0, h, asks, first])
on_first = {head: {kind: np.mean(w) for kind, w in kinds.items()} for head, kinds in on_first.items()}

# %% tags=["nbval-ignore-output"]
print("attention on the word's first place   " + "".join(f"{kind:>9}" for kind in KINDS))
for (layer, head), kinds in on_first.items():
    print(f"  layer {layer}, head {head}" + " " * 20 + "".join(f"{kinds[kind]:9.2f}" for kind in KINDS))

# %%
best = {kind: max(on_first, key=lambda head: on_first[head][kind]) for kind in KINDS}
print("most attention on the first place: name", best["name"], " colour", best["colour"], " (layer, head)")
assert best["name"][0] == 0
assert on_first[best["name"]]["name"] > 0.3
print("a name is looked up in the first layer already")
