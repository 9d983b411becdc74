# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 04 · Backpropagation
#
# **Question.** A network is a program with thousands or billions of knobs and one number at the end, the loss. How
# does it find out, for the price of about three runs, which way to turn every single knob? And how do you know that
# the answer is right?
#
# In [chapter 01](01_the_whole_tour.md) a model learnt: every parameter was changed a little, in the direction that
# makes the loss smaller, again and again. This chapter is about that direction. It is called the **gradient**, and
# the way to compute it is to run the program backwards.
#
# You will derive it by hand for every part of a small language model: the linear layer, the embedding, the bend in
# between, the loss. Then you will mistrust yourself, which is half the craft. A wrong gradient does not crash. It
# trains, a little worse, and nobody notices. We shall build the instrument that notices, learn where it is blind,
# and only then train: a neural network against the counts of [chapter 03](03_predicting_the_next_token.md), on the
# same text, above the same floor.
#
# If you have never seen a neural network, you are in the right place. We begin with one number.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # small matrices: a second thread only costs

import math
import time
from itertools import islice

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from minillama import reference
from minillama.book.plotting import COLORS, use_style
from minillama.config import LlamaConfig
from minillama.data.packing import IGNORE_INDEX, one_per_row
from minillama.data.stories import Stories
from minillama.tokenizer import Tokenizer

torch.set_num_threads(1)
use_style()
rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. Some words may be new; guess all the same. The end of the chapter compares.

# %%
prediction = {
    "arithmetic of the way back, over that of the way there": 1.0,
    "smallest relative error of a derivative measured by nudging, in float64": 1e-16,
    "of three planted gradient bugs: with how many the loss falls below 0.5": 0,
    "nats per token by which a network beats the best counts, on the same text": 0.5,
}

# %% [markdown]
# ## The idea: one number, and a walk back along the chain
#
# Take the smallest network there is. One input $x$, one weight $w$, one bend, one wish $t$:
#
# $$ a = w\,x, \qquad h = \tanh a, \qquad \ell = \tfrac12 (h - t)^2. $$
#
# The loss $\ell$ says how far the result is from the wish. We want to know: *if $w$ grows a little, by how much does
# $\ell$ grow?* That is the derivative $d\ell/dw$. The chain rule of calculus says that it is a product of local
# slopes, one for each step:
#
# $$ \frac{d\ell}{dw} = \frac{d\ell}{dh}\cdot\frac{dh}{da}\cdot\frac{da}{dw} = (h - t)\cdot(1 - h^2)\cdot x. $$
#
# (The slope of $\tanh$ is $1 - \tanh^2$.) Multiply from left to right, and you walk from the loss back to the
# weight. At every station you hold one number: the derivative of the loss by the value at that station. We write
# `d_h` for $d\ell/dh$, `d_a` for $d\ell/da$, and so on. **`d_` always means: the loss's derivative by.** The whole
# book keeps to it.

# %%
x, w, t = 1.5, 0.4, -1.0
a = w * x
h = math.tanh(a)
loss = 0.5 * (h - t) ** 2
print(f"forwards:  a {a:.3f}   h {h:.3f}   loss {loss:.3f}")

d_loss = 1.0  # how the loss depends on itself
d_h = d_loss * (h - t)
d_a = d_h * (1 - h * h)
d_w, d_x = d_a * x, d_a * w
print(f"backwards: d_h {d_h:.3f}   d_a {d_a:.3f}   d_w {d_w:.3f}   d_x {d_x:.3f}")

# %% tags=["figure", "hide"] alt="A chain of three boxes: times, tanh, half squared distance. Blue arrows run from left to right with the forward values 0.4 and 1.5 into the first box, then a = 0.600, h = 0.537 and the loss 1.181. Below, orange arrows run from right to left with the derivatives: d_loss = 1, d_h = 1.537, d_a = 1.094, and out of the first box d_w = 1.641 and d_x = 0.437"
blue, orange = COLORS["blue"], COLORS["orange"]


def arrow(axes, start, end, color, label, above=True, at=0.5):
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style)
    x_at = start[0] + at * (end[0] - start[0])
    y_at = start[1] + at * (end[1] - start[1]) + (0.1 if above else -0.1)
    axes.text(x_at, y_at, label, color=color, ha="center", va="bottom" if above else "top")


figure, axes = plt.subplots(figsize=(9.2, 2.9))
axes.set(xlim=(-0.1, 9.9), ylim=(-1.25, 1.3))
axes.axis("off")
for centre, text in ((2.1, "×"), (4.7, "tanh"), (7.3, "½ (h − t)²")):
    axes.add_patch(plt.Rectangle((centre - 0.6, -0.5), 1.2, 1, fill=False, edgecolor=COLORS["grey"], lw=1.2))
    axes.text(centre, 0, text, ha="center", va="center", fontsize=12)
arrow(axes, (0.2, 0.72), (1.5, 0.36), blue, f"w = {w}", at=0.3)
arrow(axes, (0.2, 0.05), (1.5, 0.05), blue, f"x = {x}", at=0.45)
arrow(axes, (1.5, -0.12), (0.2, -0.12), orange, f"d_x = {d_x:.3f}", above=False, at=0.55)
arrow(axes, (1.5, -0.42), (0.2, -0.85), orange, "")
axes.text(0.65, -0.82, f"d_w = {d_w:.3f}", color=orange, va="top")
for left, right, value, gradient in (
    (2.7, 4.1, f"a = {a:.3f}", f"d_a = {d_a:.3f}"),
    (5.3, 6.7, f"h = {h:.3f}", f"d_h = {d_h:.3f}"),
    (7.9, 9.3, f"ℓ = {loss:.3f}", "d_ℓ = 1"),
):
    arrow(axes, (left, 0.15), (right, 0.15), blue, value)
    arrow(axes, (right, -0.15), (left, -0.15), orange, gradient, above=False)
axes.text(9.6, 1.15, "forwards: values", color=blue, ha="right")
axes.text(9.6, -1.2, "backwards: the loss's derivative by each value", color=orange, ha="right")
plt.show()

# %% [markdown]
# Look at one box alone. Forwards it takes a value and hands on another. Backwards it takes the derivative of *its
# output* and hands back the derivative of *its input*: it multiplies by its own slope, and that is all it knows. It
# need not know what the loss is, or how long the chain. The slope of $\tanh$ is $1 - h^2$, so it must have **kept**
# its $h$; the multiplication must have kept $x$ and $w$. Keep on the way there what you need on the way back. This
# is the whole of backpropagation; what follows is bookkeeping for arrays.
#
# Is it true? The definition of a derivative is a nudge. So nudge:

# %%
chain = lambda w, x: 0.5 * (math.tanh(w * x) - t) ** 2
nudge = 1e-4
by_w = (chain(w + nudge, x) - chain(w - nudge, x)) / (2 * nudge)
by_x = (chain(w, x + nudge) - chain(w, x - nudge)) / (2 * nudge)
print(f"by w: nudging {by_w:.3f}, chain {d_w:.3f}")
print(f"by x: nudging {by_x:.3f}, chain {d_x:.3f}")

# %% [markdown]
# **Two roads.** If a value is used twice, the loss can be reached from it by two roads, and the derivative is the
# *sum* over the roads. In $y = w \tanh(w)$ the first $w$ contributes $\tanh w$, the second $w\,(1 - \tanh^2 w)$:

# %%
y = lambda w: w * math.tanh(w)
first, second = math.tanh(w), w * (1 - math.tanh(w) ** 2)
print(f"first road {first:.3f} + second road {second:.3f} = {first + second:.3f}")
print(f"by nudging {(y(w + nudge) - y(w - nudge)) / (2 * nudge):.3f}")

# %% [markdown]
# Remember this sum. Many a gradient bug is a forgotten one.
#
# **Downhill.** `d_w` is positive: a larger $w$ makes a larger loss. So make $w$ smaller, by a step in proportion to
# `d_w`. The factor is called the **learning rate**. Do it again:

# %%
w_now, rate = w, 0.3
for step in range(5):
    h = math.tanh(w_now * x)
    d_w_now = (h - t) * (1 - h * h) * x
    loss_now = 0.5 * (h - t) ** 2
    print(f"step {step}: w {w_now:6.3f}   loss {loss_now:.3f}   d_w {d_w_now:.3f}")
    w_now -= rate * d_w_now

# %% [markdown]
# This is *gradient descent*, and you have just trained a network. With a million weights it is the same five lines;
# only the gradient has to come from somewhere. Let us get it.
#
# ## From numbers to arrays: two rules
#
# In a real network the values are arrays. Two rules carry us through the rest of the book.
#
# 1. **`d_y` has the shape of `y`.** Each entry of `y` has its own derivative, and it stands in the same place.
# 2. **What is copied forwards is summed backwards.** One value used in many places has many roads to the loss. (And
#    the reverse: what is summed forwards is copied backwards, since each summand has the same slope, 1.)
#
# ### The linear layer
#
# Nearly all parameters of a LLaMA sit in layers of this one kind. Each output is a weighted sum of all inputs:
#
# $$ y_{no} = \sum_{i} x_{ni}\,W_{oi} + b_o $$
#
# | symbol | what it is | shape |
# |---|---|---|
# | $x$ | input: $N$ vectors of $I$ numbers | (N, I) |
# | $W$ | the weight: one row for each output | (O, I) |
# | $b$ | the bias: one number for each output | (O,) |
# | $y$ | output | (N, O) |
#
# Given $\bar y_{no} = \partial\ell/\partial y_{no}$ (in code `d_out`), we look for three gradients. Take one entry,
# find all its roads, add up.
#
# **An input $x_{ni}$** goes into the outputs $y_{n1}, \dots, y_{nO}$ of its own row, into $y_{no}$ with slope
# $W_{oi}$. So $\bar x_{ni} = \sum_o \bar y_{no} W_{oi}$. As matrices:
#
# $$ \bar x = \bar y\,W $$
#
# **A weight $W_{oi}$** serves every row: it goes into $y_{1o}, \dots, y_{No}$, into $y_{no}$ with slope $x_{ni}$. So
# $\bar W_{oi} = \sum_n \bar y_{no} x_{ni}$:
#
# $$ \bar W = \bar y^{\top} x $$
#
# **A bias $b_o$** is copied into every row, with slope 1. So $\bar b_o = \sum_n \bar y_{no}$: the column sums of
# $\bar y$.
#
# Forgot where the transpose goes? The shapes tell. From $\bar y$ (N, O) and $x$ (N, I) you need something of $W$'s
# shape, (O, I), and there is one product that fits: (O, N) times (N, I). For $\bar x$, (N, I) from (N, O) and (O,
# I): no transpose at all. The index that is summed is always the one that the result does not have.

# %% tags=["figure", "hide"] alt="Three rows of rectangles drawn to scale. Forwards: out, 5 by 4, is x, 5 by 3, times the transposed weight, 3 by 4. Backwards for the input: d_x, 5 by 3, is d_out, 5 by 4, times the weight, 4 by 3. Backwards for the weight: d_W, 4 by 3, is the transposed d_out, 4 by 5, times x, 5 by 3"
N_, I_, O_ = 5, 3, 4
figure, panels = plt.subplots(1, 3, figsize=(10.8, 2.9))
for axes, title, blocks in (
    (
        panels[0],
        "forwards",
        [("out", N_, O_, "NO", blue), ("x", N_, I_, "NI", blue), ("$W^T$", I_, O_, "IO", blue)],
    ),
    (
        panels[1],
        "backwards, to the input",
        [("d_x", N_, I_, "NI", orange), ("d_out", N_, O_, "NO", orange), ("$W$", O_, I_, "OI", blue)],
    ),
    (
        panels[2],
        "backwards, to the weight",
        [("d_W", O_, I_, "OI", orange), ("d_out$^T$", O_, N_, "ON", orange), ("x", N_, I_, "NI", blue)],
    ),
):
    left = 0.6
    for k, (name, height, width, letters, color) in enumerate(blocks):
        axes.add_patch(
            plt.Rectangle((left, -height / 2), width, height, facecolor=color, alpha=0.18, edgecolor="none")
        )
        axes.add_patch(plt.Rectangle((left, -height / 2), width, height, fill=False, edgecolor=color, lw=1.3))
        axes.text(left + width / 2, 0, name, ha="center", va="center", fontsize=12, color=color)
        axes.text(left + width / 2, height / 2 + 0.15, letters[1], ha="center", va="bottom", fontsize=9)
        axes.text(left - 0.15, 0, letters[0], ha="right", va="center", fontsize=9)
        left += width + 1.9
        if k < 2:
            axes.text(left - 1.3, 0, "=·"[k], ha="center", va="center", fontsize=15)
    axes.set(xlim=(-0.1, 16.9), ylim=(-3.1, 3.6), aspect="equal", title=title)
    axes.axis("off")
plt.show()


# %%
def rows_of(x):
    """All vectors of an array, one below the other."""
    return x.reshape(-1, x.shape[-1])  # (*batch, C) -> (N, C)


def linear(x, weight, bias):
    """Return x W^T + b, for any number of leading axes."""
    return x @ weight.T + bias, (x, weight)


def linear_backward(d_out, saved):
    """Gradients of x, weight and bias."""
    x, weight = saved
    d_x = d_out @ weight  # (*batch, O) @ (O, I)
    d_weight = rows_of(d_out).T @ rows_of(x)  # (O, N) @ (N, I)
    d_bias = rows_of(d_out).sum(axis=0)  # copied to every row, so summed over the rows
    return d_x, d_weight, d_bias


x = np.array([[1.0, 2.0], [3.0, 4.0]])
weight, bias = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.zeros(3)
out, saved = linear(x, weight, bias)
print("out", out.tolist())
d_out = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 10.0]])
d_x, d_weight, d_bias = linear_backward(d_out, saved)
print("d_x", d_x.tolist(), "\nd_weight", d_weight.tolist(), "\nd_bias", d_bias.tolist())

# %% [markdown]
# Check it with your finger. The loss depends on two outputs: on the first of row 0, with slope 1, and on the third
# of row 1, with slope 10. The third output is the sum of both inputs, so both inputs of row 1 get 10. The third row
# of `d_weight` is ten times the inputs of row 1. The second output matters to nobody, and its weights get zeros.
#
# ### Which way a matrix lies
#
# > **Departure: which way a weight matrix lies.**
# >
# > - **Paper.** Vaswani and others (2017, section 3.3) write $xW_1 + b_1$: a row vector times a matrix of shape (in,
# >   out).
# > - **Code.** `torch.nn.Linear`, and with it every LLaMA checkpoint, stores (out, in) and computes $x W^\top$.
# >   GPT-2 in Hugging Face's transformers keeps the paper's (in, out), in a class of its own, `Conv1D`.
# > - **Here.** (out, in), as in the checkpoints.
# > - **What changes.** A rectangular matrix that lies the wrong way is refused. A *square* one is not, and LLaMA
# >   7B's four attention matrices are square, 4096 by 4096. The chapter shows what comes out.

# %%
square, vectors = rng.normal(size=(64, 64)), rng.normal(size=(100, 64))
right_way, wrong_way = vectors @ square.T, vectors @ square
correlation = np.corrcoef(right_way.ravel(), wrong_way.ravel())[0, 1]
print(f"no error; correlation between the two results: {abs(correlation):.1f}")

# %% [markdown]
# ### The embedding
#
# A token is a number without meaning, the address of a row. The **embedding** looks the row up:
# `out = weight[token]`. It is the first layer of every language model. Looking up is copying, so on the way back we
# sum, by rule 2: the gradient of row $v$ is the sum of `d_out` over all places where token $v$ stood.
#
# $$ y_{n} = E_{\text{token}_n}, \qquad \bar E_v = \sum_{n:\ \text{token}_n = v} \bar y_n $$
#
# Here NumPy has a trap ready. Token 1 occurs twice:

# %%
tokens = np.array([1, 0, 1])
d_out = np.array([[1.0], [10.0], [100.0]])

assigned, plus_equals, added = np.zeros((3, 1)), np.zeros((3, 1)), np.zeros((3, 1))
assigned[tokens] = d_out
plus_equals[tokens] += d_out
np.add.at(added, tokens, d_out)
for name, result in (("=", assigned), ("+=", plus_equals), ("np.add.at", added)):
    print(f"{name:10}", result.ravel())

# %% [markdown]
# The second line looks right and is wrong. NumPy reads `E[tokens]`, adds, and writes back: of two additions to one
# row only the last survives. `np.add.at` adds one by one. Keep this bug in mind; it will be planted.


# %%
def embedding(tokens, weight):
    """Pick one row of a table for each token."""
    return weight[tokens], (tokens, weight)


def embedding_backward(d_out, saved):
    """Gradient of the table: each row is the sum over the places where its token stood."""
    tokens, weight = saved
    d_weight = np.zeros_like(weight)
    np.add.at(d_weight, tokens, d_out)
    return d_weight


def tanh(a):
    """Bend each number; keep the result."""
    out = np.tanh(a)
    return out, out


def tanh_backward(d_out, out):
    return d_out * (1 - out * out)


# %% [markdown]
# The bend acts on each number alone, so its backward is the one from our chain, entry by entry. Without a bend there
# would be no point in two layers: a linear function of a linear function is linear.
#
# ### Softmax and cross-entropy
#
# The last layer gives one score for each token of the vocabulary, the **logits** $z_1, \dots, z_V$. Any numbers,
# positive or negative. The **softmax** makes them probabilities, and the loss is the surprise at the token $t$ that
# really came:
#
# $$ p_v = \frac{e^{z_v}}{\sum_u e^{z_u}}, \qquad \ell = -\ln p_t = \ln \sum_u e^{z_u} - z_t. $$
#
# The second form is the one to differentiate. Its two parts:
#
# $$ \frac{\partial}{\partial z_v} \ln \sum_u e^{z_u} = \frac{e^{z_v}}{\sum_u e^{z_u}} = p_v, \qquad \frac{\partial z_t}{\partial z_v} = \begin{cases} 1 & v = t \\ 0 & \text{otherwise.} \end{cases} $$
#
# Together, the most beautiful line of this chapter:
#
# $$ \boxed{\;\frac{\partial \ell}{\partial z} = p - \text{onehot}(t)\;} $$
#
# What the model believes, minus what happened. Read off it:
#
# 1. **It sums to zero.** To raise one score and to lower all others is the same thing.
# 2. **Every wrong token is pushed down in proportion to the belief in it**, and the right one is pulled up by the
#    disbelief, $1 - p_t$. A model that is sure and right learns nothing from this token. One that is sure and wrong
#    learns most.
# 3. **No entry is larger than 1.** However absurd the score, the pull is bounded.

# %% tags=["figure", "hide"] alt="Left: blue bars, the probabilities of six words after 'she lost her'. kite has 0.45, hat 0.25, ball 0.15, the others less. The word that came, ball, is marked. Right: orange bars, the gradient: positive for all words in proportion to their probability, and minus 0.85 for ball"
words = ["kite", "hat", "ball", "drum", "boat", "pond"]
belief, came = np.array([0.45, 0.25, 0.15, 0.08, 0.05, 0.02]), 2
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9))
left.bar(words, belief, color=COLORS["blue"], width=0.6)
left.set(title="what the model believes, p", ylabel="probability", ylim=(0, 0.62))
left.annotate(
    "came", (2, 0.16), (2, 0.33), ha="center", arrowprops={"arrowstyle": "->", "color": COLORS["grey"]}
)
right.bar(words, belief - (np.arange(6) == came), color=COLORS["orange"], width=0.6)
right.axhline(0, color=COLORS["grey"], lw=0.8)
right.set(title="the gradient, p − onehot", ylabel="d_logits", ylim=(-1, 0.6))
plt.show()

# %% [markdown]
# **Overflow.** $e^{1000}$ is beyond float64, $e^{89}$ beyond float32. But adding a constant to all scores changes no
# probability, so subtract the largest first: $\ln \sum_u e^{z_u} = m + \ln \sum_u e^{z_u - m}$. Now the largest
# exponential is $e^0 = 1$, and what underflows did not matter.

# %%
scores = np.array([1000.0, 1001.0])
with np.errstate(over="ignore"):
    print("naive: ", np.log(np.sum(np.exp(scores))))
print("shifted:", round(scores.max() + np.log(np.sum(np.exp(scores - scores.max()))), 4))

# %% [markdown]
# **The mean, and what does not count.** A batch has many targets; the loss is their mean. But texts have different
# lengths, and the shorter ones are filled up to a rectangle. Filled places have the target −100, *ignore me*, and
# neither add to the sum nor to the number $M$ that it is divided by:
#
# $$ \ell = \frac1M \sum_{n\ \text{counts}} -\ln p_{n,t_n}, \qquad \bar z_n = \begin{cases} (p_n - \text{onehot}(t_n)) / M & n\ \text{counts} \\ 0 & \text{otherwise.} \end{cases} $$
#
# | symbol | what it is | shape |
# |---|---|---|
# | $z$, $p$, $\bar z$ | logits, probabilities, gradient of the logits | (\*batch, V) |
# | $t$ | targets: token ids, or −100 | (\*batch) integers |
# | $M$ | how many targets count | one number |


# %%
def cross_entropy(logits, targets):
    """Mean surprise in nats over the targets that count."""
    counts = targets != IGNORE_INDEX
    index = np.where(counts, targets, 0)[..., None]  # any valid token where nothing counts
    shifted = logits - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=-1, keepdims=True)
    surprise = (np.log(total) - np.take_along_axis(shifted, index, axis=-1))[..., 0]
    return np.sum(surprise * counts) / counts.sum(), (exponentials / total, index, counts)


def cross_entropy_backward(d_loss, saved):
    """Probabilities minus one-hot, over the number that counts."""
    probabilities, index, counts = saved
    d_logits = probabilities.copy()
    at_target = np.take_along_axis(probabilities, index, axis=-1) - 1
    np.put_along_axis(d_logits, index, at_target, axis=-1)
    return d_logits * (counts * (d_loss / counts.sum())).astype(d_logits.dtype)[..., None]


loss, saved = cross_entropy(np.zeros((2, 4)), np.array([3, IGNORE_INDEX]))
print(f"four equal scores: loss {loss:.4f}, and ln 4 is {math.log(4):.4f}")
print(cross_entropy_backward(1.0, saved) + 0.0)  # + 0.0 makes of -0 a 0

# %% [markdown]
# ### Which targets the mean is over
#
# > **Departure: the mean over which targets?**
# >
# > - **Paper.** The LLaMA papers do not say how the loss of a batch is averaged.
# > - **Code.** PyTorch's `cross_entropy` divides by the targets that are not −100. A batch too large for the memory
# >   is cut into pieces whose gradients are added up, and Hugging Face's Trainer took the mean of the pieces' means.
# >   If the pieces hold different numbers of targets, that is another loss. It was noticed and mended in October
# >   2024 (transformers, pull request 34191): pieces are summed, then divided by the count of all.
# > - **Here.** One mean over all targets of the batch that count.
# > - **What changes.** A token in a short piece weighs more than one in a long piece. The chapter prints by how
# >   much the gradient differs.

# %%
logits, targets = rng.normal(size=(2, 50, 8)), rng.integers(0, 8, size=(2, 50))
targets[1, 5:] = IGNORE_INDEX  # the second piece has 5 targets, the first 50
gradient_of = lambda z, t: cross_entropy_backward(1.0, cross_entropy(z, t)[1])
together = gradient_of(logits, targets)
pieces = np.stack([gradient_of(logits[k], targets[k]) for k in range(2)]) / 2
for name, g in (("one mean over all", together), ("mean of two means", pieces)):
    share = np.abs(g[1]).sum() / np.abs(g).sum()
    print(f"{name}: the short piece has 9% of the targets and {share:.0%} of the gradient")

# %% [markdown]
# ## A language model from these parts
#
# Bengio, Ducharme, Vincent and Jauvin (2003) built a neural language model that beat the best n-grams of its day, in
# perplexity by 24% on one corpus and by 8% on another. It looks at the last $n$ tokens, as an n-gram does. But it
# does not look them up in a table of all contexts. Each token becomes a vector, the $n$ vectors are laid side by
# side, and a small network makes scores of them:
#
# $$ x = [E_{t_1}, \dots, E_{t_n}], \qquad h = \tanh(W_1 x + b_1), \qquad z = W_2 h + b_2, \qquad \ell = \text{cross-entropy}(z, t). $$

# %% tags=["figure", "hide"] alt="The network as a row of five boxes: embedding, linear, tanh, linear, cross-entropy. Blue arrows lead from tokens of shape (B, T, n) through x (B, T, nC), a and h (B, T, F) and logits (B, T, V) to the loss. Orange arrows lead back under them with the same shapes, d_x, d_a, d_h and d_logits. Below the embedding and the two linear boxes orange arrows point down to the gradients of the parameters: d_E of shape (V, C), d_W1 of shape (F, nC) with d_b1, d_W2 of shape (V, F) with d_b2"
figure, axes = plt.subplots(figsize=(10.6, 2.8))
axes.set(xlim=(-0.2, 15.6), ylim=(-2.0, 1.0))
axes.axis("off")
places = {"embedding": 2.0, "linear": 4.9, "tanh": 7.8, "linear ": 10.7, "cross-\nentropy": 13.6}
for name, centre in places.items():
    axes.add_patch(plt.Rectangle((centre - 0.7, -0.5), 1.4, 1, fill=False, edgecolor=COLORS["grey"], lw=1.2))
    axes.text(centre, 0, name.strip(), ha="center", va="center", fontsize=10)
arrow(axes, (0, 0.15), (1.3, 0.15), blue, "tokens\n(B, T, n)")
labels = (("x", "(B,T,nC)"), ("a", "(B,T,F)"), ("h", "(B,T,F)"), ("logits", "(B,T,V)"))
for k, (name, shape) in enumerate(labels):
    left, right = 2.7 + 2.9 * k, 4.2 + 2.9 * k
    arrow(axes, (left, 0.15), (right, 0.15), blue, f"{name}\n{shape}")
    arrow(axes, (right, -0.15), (left, -0.15), orange, f"d_{name}", above=False)
arrow(axes, (14.3, 0.15), (15.3, 0.15), blue, "loss")
arrow(axes, (15.3, -0.15), (14.3, -0.15), orange, "1", above=False)
for centre, label in ((2.0, "d_E (V, C)"), (4.9, "d_W₁ (F, nC)\nd_b₁ (F)"), (10.7, "d_W₂ (V, F)\nd_b₂ (V)")):
    arrow(axes, (centre, -0.5), (centre, -1.25), orange, "", above=False)
    axes.text(centre, -1.35, label, color=orange, ha="center", va="top")
axes.text(7.8, -1.35, "no parameters", color=COLORS["grey"], ha="center", va="top")
plt.show()

# %% [markdown]
# | symbol | in the code | what it is | shape |
# |---|---|---|---|
# | $t_1 \dots t_n$ | `windows` | the last n tokens, at each of T positions of B stories | (B, T, n) |
# | $E$ | `embed` | one vector of C numbers per token | (V, C) |
# | $x$ | `x` | the n vectors side by side | (B, T, nC) |
# | $W_1, b_1$ | `hidden`, `hidden_bias` | first linear layer | (F, nC), (F,) |
# | $h$ | `h` | hidden layer, F numbers between −1 and 1 | (B, T, F) |
# | $W_2, b_2$ | `output`, `output_bias` | second linear layer | (V, F), (V,) |
# | $z$ | `logits` | one score per token of the vocabulary | (B, T, V) |
#
# The text is chapter 01's: stories of level 1, with its tokenizer. Few of its tokens ever occur in these stories, so
# we renumber those that do, and save four fifths of the output layer. Each story is a row; before its beginning
# stand as many begin tokens as the window needs.

# %%
n_stories = 16_000  # 1,000 to train on; the rest for one comparison
every_story = list(islice(Stories(seed=1, level=1), n_stories))
held_out = list(islice(Stories(seed=2, level=1), 300))  # stories that training never shows
tokenizer = Tokenizer.train((story.text for story in every_story[:2000]), vocab_size=512)
encode = lambda stories: [tokenizer.encode(one.text, bos=True, eos=True) for one in stories]
documents, test_documents = encode(every_story), encode(held_out)
occurring = sorted(set().union(*documents, *test_documents))
number = {token: i for i, token in enumerate(occurring)}
token_text = [tokenizer.decode([token], skip_special=False) for token in occurring]
renumber = lambda docs: [[number[token] for token in doc] for doc in docs]
documents, test_documents = renumber(documents), renumber(test_documents)
V, BEGIN = len(occurring), number[tokenizer.bos_id]

rows, test_rows = one_per_row(documents[:1000]), one_per_row(test_documents)
n_test = int(np.sum(test_rows.targets != IGNORE_INDEX))
floor = sum(story.nats for story in held_out) / n_test
filling = np.mean(rows.targets == IGNORE_INDEX)
n_train = np.sum(rows.targets != IGNORE_INDEX)
print(f"of {tokenizer.vocab_size} tokens {V} occur; 1,000 stories have {n_train:,} to be predicted")
print(f"rows {rows.tokens.shape}, of their targets {filling:.0%} are filling")
print(f"held out: 300 stories, {n_test:,} tokens, floor {floor:.4f} nats per token")


# %%
def windows_of(tokens, n):
    """At each position the last n tokens, itself included: (B, T) -> (B, T, n)."""
    padded = np.pad(tokens, ((0, 0), (n - 1, 0)), constant_values=BEGIN)
    return np.lib.stride_tricks.sliding_window_view(padded, n, axis=1)


first = windows_of(rows.tokens[:1], 4)[0]
for position in (0, 1, 2, 8):
    follows = token_text[rows.targets[0, position]]
    print([token_text[i] for i in first[position]], "->", repr(follows))

# %% [markdown]
# Now the network. Each layer is a pair, forward and backward, and the pairs stand in a table. That will let us
# exchange one of them for a broken one. Read `forward` downwards and `backward` right after it: the same lines, in
# reverse order.

# %%
LAYERS = {
    "embedding": (embedding, embedding_backward),
    "linear": (linear, linear_backward),
    "tanh": (tanh, tanh_backward),
    "cross_entropy": (cross_entropy, cross_entropy_backward),
}


def forward(model, windows, layers=LAYERS):
    """Return the logits and what every layer has kept."""
    vectors, saved_embed = layers["embedding"][0](windows, model["embed"])  # (B, T, n, C)
    x = vectors.reshape(*windows.shape[:-1], -1)  # (B, T, n C): side by side
    a, saved_hidden = layers["linear"][0](x, model["hidden"], model["hidden_bias"])
    h, saved_tanh = layers["tanh"][0](a)
    logits, saved_output = layers["linear"][0](h, model["output"], model["output_bias"])
    return logits, (vectors.shape, saved_embed, saved_hidden, saved_tanh, saved_output)


def backward(d_logits, saved, layers=LAYERS):
    """Return the gradient of every parameter."""
    shape, saved_embed, saved_hidden, saved_tanh, saved_output = saved
    grads = {}
    linear_back = layers["linear"][1]
    d_h, grads["output"], grads["output_bias"] = linear_back(d_logits, saved_output)
    d_a = layers["tanh"][1](d_h, saved_tanh)
    d_x, grads["hidden"], grads["hidden_bias"] = linear_back(d_a, saved_hidden)
    grads["embed"] = layers["embedding"][1](d_x.reshape(shape), saved_embed)
    return grads


def loss_of(model, windows, targets, layers=LAYERS):
    logits, saved = forward(model, windows, layers)
    loss, saved_loss = layers["cross_entropy"][0](logits, targets)
    return loss, (saved, saved_loss)


def loss_and_grads(model, windows, targets, layers=LAYERS):
    loss, (saved, saved_loss) = loss_of(model, windows, targets, layers)
    return loss, backward(layers["cross_entropy"][1](1.0, saved_loss), saved, layers)


def init(rng, n, vocab_size=V, dim=16, hidden_dim=128, embed_std=0.02, dtype=np.float32):
    """Draw random parameters. Variance one over the number of inputs keeps sums near 1."""
    normal = lambda *shape, std: rng.normal(0, std, size=shape).astype(dtype)
    return {
        "embed": normal(vocab_size, dim, std=embed_std),
        "hidden": normal(hidden_dim, n * dim, std=1 / math.sqrt(n * dim)),
        "hidden_bias": np.zeros(hidden_dim, dtype),
        "output": normal(vocab_size, hidden_dim, std=0.5 / math.sqrt(hidden_dim)),
        "output_bias": np.zeros(vocab_size, dtype),
    }


model = init(np.random.default_rng(0), n=8)
loss, grads = loss_and_grads(model, windows_of(rows.tokens[:4], 8), rows.targets[:4])
n_model = sum(array.size for array in model.values())
print(f"{n_model:,} parameters; untrained loss {loss:.2f}, and ln V is {math.log(V):.2f}")
print({name: g.shape for name, g in grads.items()})

# %% [markdown]
# Twenty lines and a gradient for every parameter, each of its parameter's shape. The untrained loss is that of blind
# guessing, $\ln V$: a good first test of any language model. Are the gradients right? We have only our derivation to
# say so, and that is no witness.
#
# ## Finite differences, and how wrong they are
#
# The witness is the definition. Nudge a parameter, and look how the loss changes:
#
# $$ \text{one-sided:}\ \ \frac{\ell(\theta + h) - \ell(\theta)}{h}, \qquad\qquad \text{central:}\ \ \frac{\ell(\theta + h) - \ell(\theta - h)}{2h}. $$
#
# It knows nothing of our backward, only the forward. But how small should $h$ be? A mathematician says: as small as
# possible. A computer says: not so fast. Expand both by Taylor:
#
# $$ \frac{\ell(\theta+h) - \ell(\theta)}{h} = \ell' + \tfrac{h}{2}\,\ell'' + \dots, \qquad\quad \frac{\ell(\theta+h) - \ell(\theta-h)}{2h} = \ell' + \tfrac{h^2}{6}\,\ell''' + \dots $$
#
# In the central one the terms with $h$, $h^3$, ... cancel. So the **truncation** error falls as $h$, or as $h^2$.
# But each loss carries a **rounding** error of about $u\,|\ell|$, where $u$ is $1.1\cdot10^{-16}$ in float64 and
# $6\cdot10^{-8}$ in float32. We take the difference of two nearly equal numbers, and divide what is left by the tiny
# $h$: an error of about $u|\ell|/h$, which *grows* as $h$ shrinks. One falls, one rises. The best $h$ is where they
# meet, up to factors near 1:
#
# | | truncation | best $h$ | error there | float64 | float32 |
# |---|---|---|---|---|---|
# | one-sided | $h$ | $u^{1/2}$ | $u^{1/2}$ | $10^{-8}$ at $h = 10^{-8}$ | $2\cdot10^{-4}$ at $h = 2\cdot10^{-4}$ |
# | central | $h^2$ | $u^{1/3}$ | $u^{2/3}$ | $2\cdot10^{-11}$ at $h = 5\cdot10^{-6}$ | $2\cdot10^{-5}$ at $h = 4\cdot10^{-3}$ |
#
# Let us draw it. We nudge all parameters of a small network at once, along a direction $u$ of length 1. Then
# $\ell(\theta + h u)$ is a function of the one number $h$, and its derivative is the sum of gradient times $u$. For
# $u$ we take the direction of the gradient itself, where the slope is steepest.


# %%
def small_case(rng, vocab_size=12, dtype=np.float64):
    """Build a small network and a batch with repeated tokens and ignored targets."""
    sizes = {"vocab_size": vocab_size, "dim": 4, "hidden_dim": 6, "embed_std": 1.0}
    model = init(rng, n=3, dtype=dtype, **sizes)
    windows = rng.integers(0, vocab_size, size=(2, 5, 3))
    targets = rng.integers(0, vocab_size, size=(2, 5))
    targets[1, 2:] = IGNORE_INDEX
    return model, windows, targets


def unit(direction):
    """Scale a direction, one array per parameter, to length 1 in all."""
    length = math.sqrt(sum(np.sum(v * v) for v in direction.values()))
    return {name: v / v.dtype.type(length) for name, v in direction.items()}


def moved(model, u, h):
    return {name: a + h * u[name] for name, a in model.items()}


def slope(grads, u):
    return sum(np.sum(grads[name] * u[name], dtype=np.float64) for name in u)


WAYS = {
    "one-sided": lambda f, h: (f(h) - f(0)) / h,
    "central": lambda f, h: (f(h) - f(-h)) / (2 * h),
    "complex step": lambda f, h: f(1j * h).imag / h,
}


def one_case(seed, dtype, steps, ways):
    """Relative error of each way at each step, and what Taylor and rounding predict."""
    model, windows, targets = small_case(np.random.default_rng(seed), dtype=dtype)
    u = unit(loss_and_grads(model, windows, targets)[1])
    wide = {name: a.astype(np.float64) for name, a in model.items()}
    f = lambda h: loss_of(moved(model, u, h), windows, targets)[0]
    slope_at = lambda h: slope(loss_and_grads(moved(wide, u, h), windows, targets)[1], u)
    exact, above, below = slope_at(0.0), slope_at(1e-3), slope_at(-1e-3)
    second, third = (above - below) / 2e-3, (above - 2 * exact + below) / 1e-6
    found = np.array([[float(WAYS[way](f, h)) for h in steps.tolist()] for way in ways])
    predicted = np.array([second / 2, third / 6, loss_of(wide, windows, targets)[0]])
    return np.abs(found / exact - 1), np.abs(predicted / exact)


def curve(dtype, steps, ways, cases=25):
    """Return the medians over random networks."""
    results = [one_case(seed, dtype, steps, ways) for seed in range(cases)]
    errors, predicted = (np.median(part, axis=0) for part in zip(*results, strict=True))
    return dict(zip(ways, errors, strict=True)), predicted


steps_64, steps_32 = np.logspace(-15, 0, 46), np.logspace(-7, 0, 29)
curve_64, predicted_64 = curve(np.float64, steps_64, list(WAYS))
curve_32, predicted_32 = curve(np.float32, steps_32, ["one-sided", "central"])

# %% tags=["figure", "hide"] alt="Two log-log panels of the relative error against the step. Left, float64: the one-sided difference is a V with its tip near a step of 5e-8 and an error of about 1e-8; the central difference a V with its tip near 1e-5 and an error of about 2e-11; dotted lines of slopes 1, 2 and minus 1 lie on the arms. The complex step falls with slope 2 and then stays flat at about 1e-16. Right, float32: the tips are near 1e-3 and 1e-2, with errors of about 1e-4 and 1e-5; a horizontal line marks 1e-7, which nothing reaches"
figure, panels = plt.subplots(1, 2, figsize=(10.4, 4.4), sharey=True)
style = {"one-sided": ("orange", "s-"), "central": ("blue", "o-"), "complex step": ("green", "^-")}
for axes, steps, found, (second, third, value), roundoff, name in (
    (panels[0], steps_64, curve_64, predicted_64, 2.0**-53, "float64"),
    (panels[1], steps_32, curve_32, predicted_32, 2.0**-24, "float32"),
):
    for way, errors in found.items():
        color, marker = style[way]
        axes.loglog(
            steps, np.maximum(errors, roundoff), marker, color=COLORS[color], label=way, ms=3.5, lw=1.2
        )
    for line in (second * steps, third * steps**2, roundoff * value / steps):
        axes.loglog(steps, line, ":", color=COLORS["grey"], lw=1.5)
    axes.axhline(1e-7, color=COLORS["red"], lw=1, ls="--")
    axes.set(xlabel="step h", ylim=(1e-17, 30), title=name)
panels[0].set_ylabel("relative error of the derivative")
panels[0].text(1e-15, 1.5e-7, "what a check asks for", color=COLORS["red"], fontsize=9)
panels[0].legend(loc="upper center", bbox_to_anchor=(0.56, 1.0))
panels[1].text(2e-2, 5e-2, "dotted: predicted\nfrom Taylor and u|ℓ|/h", fontsize=9, va="bottom", ha="right")
plt.show()


# %%
def fitted_slope(steps, errors, low, high):
    inside = (steps > low) & (steps < high)
    return np.polyfit(np.log(steps[inside]), np.log(errors[inside]), 1)[0]


right_one = fitted_slope(steps_64, curve_64["one-sided"], 1e-6, 1e-2)
right_two = fitted_slope(steps_64, curve_64["central"], 1e-4, 1e-1)
print(f"float64, right arm: one-sided {right_one:.1f}, central {right_two:.1f}")
left_arm = fitted_slope(steps_64, curve_64["central"], 1e-13, 1e-7)
print("left arm between -1.2 and -0.8:", -1.2 < left_arm < -0.8)
best = {way: (steps_64[np.argmin(e)], e.min()) for way, e in curve_64.items()}
best_32 = {way: (steps_32[np.argmin(e)], e.min()) for way, e in curve_32.items()}
for (step, error), (low, high), (least, most) in (
    (best["one-sided"], (1e-9, 1e-6), (1e-10, 1e-7)),
    (best["central"], (1e-6, 1e-4), (1e-12, 1e-9)),
    (best_32["central"], (1e-3, 1e-1), (1e-7, 1e-4)),
):
    assert low < step < high
    assert least < error < most
assert best["complex step"][1] < 1e-15
better = best["one-sided"][1] / best["central"][1]
print("central better than one-sided, float64, by a factor of 100 to 1000:", 100 < better < 1000)
print("central, float64: best step between 1e-6 and 1e-4, error between 1e-12 and 1e-9")
print("central, float32: best step between 1e-3 and 1e-1, error never below 1e-7")

# %% [markdown]
# The dotted lines are predictions with nothing to fit: $\ell''$ and $\ell'''$ were taken from our backward, the rest
# is $u$. The measured arms lie on them. Four things to take away:
#
# - **The best step is not small.** For the central difference in float64 it is near $10^{-5}$. At $10^{-12}$ the
#   answer has four digits left, and looks no less confident.
# - **Central differences cost twice as much as one-sided ones, and are some hundred times better.**
# - **Check in float64.** In float32 the tip of the V lies above the red line, whatever the step. A check that must
#   accept errors of $10^{-4}$ cannot tell a small bug from noise.
# - **The complex step has no left arm.** Nudge by $ih$ along the imaginary axis:
#   $\ell(\theta + ih) = \ell + ih\,\ell' - \dots$, and the derivative is the imaginary part over $h$. No difference
#   is taken, so nothing cancels (Squire and Trapp, 1998; errors below $u$ are drawn at $u$). It works only if the
#   program does: no absolute values, no decision that hangs on the nudge. Ours ran unchanged, since the largest
#   score, which is subtracted, cancels.
#
# One more trap before we rely on it. At a kink there is no derivative, and near one the nudge steps over it. ReLU,
# the bend $\max(x, 0)$ of many networks, has a kink at 0:

# %%
relu = lambda x: max(x, 0.0)
for at in (3e-6, 1e-3):
    found = (relu(at + 1e-5) - relu(at - 1e-5)) / 2e-5
    print(f"at {at:.0e}: slope by central differences {found:.2f}, true 1")

# %% [markdown]
# There the *check* is wrong. A single entry that fails among thousands deserves a look at its input before you doubt
# your backward.
#
# ## The gradient check
#
# Now the verdict on our twenty lines: every parameter of the small network, nudged one by one, in float64. The
# measure is the package's `relative_error`: the largest difference over the largest entry.


# %%
def check(model, windows, targets, layers=LAYERS):
    """Relative error of each parameter's gradient against central differences."""
    _, grads = loss_and_grads(model, windows, targets, layers)
    errors = {}
    for name, array in model.items():

        def loss_with(values, name=name):
            return loss_of(model | {name: values}, windows, targets, layers)[0]

        by_nudging = reference.numerical_gradient(loss_with, array)
        errors[name] = reference.relative_error(grads[name], by_nudging)
    return errors


case = small_case(np.random.default_rng(1))
errors = check(*case)
for name, error in errors.items():
    print(f"{name:12} {case[0][name].size:3} entries, error below 1e-7: {error < 1e-7}")
print("all below 1e-8:", max(errors.values()) < 1e-8)

# %% [markdown]
# And two more witnesses: the package's own layers, and PyTorch, which derives the backward by itself (it keeps a
# record of the operations on the way there and walks it backwards, calling for each a hand-written pair like ours).

# %%
model, windows, targets = case
PACKAGE = {
    "embedding": (reference.embedding, reference.embedding_backward),
    "linear": (reference.linear, reference.linear_backward),
    "tanh": LAYERS["tanh"],
    "cross_entropy": (reference.cross_entropy, reference.cross_entropy_backward),
}
loss, ours = loss_and_grads(model, windows, targets)
package_loss, package = loss_and_grads(model, windows, targets, PACKAGE)

p = {name: torch.tensor(a, requires_grad=True) for name, a in model.items()}
x = F.embedding(torch.tensor(windows), p["embed"]).flatten(-2)
h = torch.tanh(F.linear(x, p["hidden"], p["hidden_bias"]))
logits = F.linear(h, p["output"], p["output_bias"])
torch_loss = F.cross_entropy(logits.flatten(0, 1), torch.tensor(targets).flatten())
torch_loss.backward()

for name, other_loss, other in (
    ("package", package_loss, package),
    ("PyTorch", torch_loss.item(), {k: v.grad.numpy() for k, v in p.items()}),
):
    worst = max(reference.relative_error(ours[k], other[k]) for k in ours)
    assert abs(loss - other_loss) < 1e-14
    assert worst < 1e-13
    print(f"{name}: loss and all gradients equal within 1e-13")

# %% [markdown]
# ## Three planted bugs
#
# Here are three mistakes that people make, and a fourth for comparison. Each is one line, each returns the right
# shapes, none raises an error.


# %%
def mean_over_all(d_loss, saved):
    """Divide by all targets, the ignored ones too."""
    counts = saved[2]
    return cross_entropy_backward(d_loss * counts.sum() / counts.size, saved)


def last_one_wins(d_out, saved):
    """Use += with an index that occurs twice."""
    tokens, weight = saved
    d_weight = np.zeros_like(weight)
    d_weight[tokens] += d_out
    return d_weight


def no_slope(d_out, out):
    """Forget that tanh bends."""
    return d_out


def slope_of_input(d_out, a):
    """Put the input where the slope 1 - out² needs the output."""
    return d_out * (1 - a * a)


BUGS = {
    "mean over all targets": {"cross_entropy": (cross_entropy, mean_over_all)},
    "embedding assigned": {"embedding": (embedding, last_one_wins)},
    "slope of tanh forgotten": {"tanh": (tanh, no_slope)},
    "slope by tanh's input": {"tanh": (lambda a: (np.tanh(a), a), slope_of_input)},
}
ORDER = ["output_bias", "output", "hidden_bias", "hidden", "embed"]  # along the way back


def report(title, case):
    """One line for each bug: the relative error of each gradient."""
    print(f"{title:24}", *(f"{name:>11}" for name in ORDER))
    for bug, pair in ({"(no bug)": {}} | BUGS).items():
        errors = check(*case, LAYERS | pair)
        cells = ["ok" if errors[name] < 1e-7 else f"{errors[name]:.2f}" for name in ORDER]
        print(f"{bug:24}", *(f"{cell:>11}" for cell in cells))


report("relative error", case)

# %% [markdown]
# All are found, and by a wide margin: a bug is not off by $10^{-6}$ but by a third, or by all. More than that, **the
# table says where they are.** The columns stand in the order of the way back. What comes before the bug is right,
# what comes after it is wrong. In the first row everything is wrong: look at the loss. In the second, only the
# embedding. In the last two the output layer is right and the hidden layer is not, and between them lies the bend.
#
# ### A check sees only the batch it is given
#
# Now a lazy check of the same bugs. One window of three different tokens, one target, and a network fresh from an
# initialisation that sets the embedding to zero, as people do with parts that shall begin by doing nothing.

# %%
lazy_model, *_ = small_case(np.random.default_rng(2))
lazy_model["embed"] *= 0
lazy_case = (lazy_model, np.array([[[3, 7, 5]]]), np.array([[4]]))
report("lazy check", lazy_case)

# %% [markdown]
# **Not one is found.** Nothing was ignored, so both means agree. No token occurred twice, so nothing had to be
# added. And where $a = 0$ the slope of $\tanh$ is 1, whatever formula you use. A gradient check does not prove a
# program; it proves a program *on a batch*. Make the batch ugly: repeated tokens, ignored targets, axes of different
# lengths, numbers of ordinary size, nothing at zero.
#
# ### Would training have told you?
#
# Surely a broken gradient shows when one trains? First the training loop. It is the loop of our one-number network
# with one addition, **momentum**: the step follows a running sum of gradients, like a ball that keeps nine tenths of
# its speed. The learning rate falls to zero in a straight line, so that the end is calm. Each step sees four stories
# drawn at random.

# %%
FAST = LAYERS | {"embedding": PACKAGE["embedding"]}  # the same sums, faster than add.at


def train(n, seed, layers=FAST, steps=1500, stories=4, rate=0.4, keep=0.9, **sizes):
    """Train with a context of n tokens. Return the model and the loss of each step."""
    rng = np.random.default_rng(seed)
    model = init(rng, n, **sizes)
    speed = {name: np.zeros_like(a) for name, a in model.items()}
    windows, losses = windows_of(rows.tokens, n), []
    for step in range(steps):
        chosen = rng.integers(len(windows), size=stories)
        loss, grads = loss_and_grads(model, windows[chosen], rows.targets[chosen], layers)
        losses.append(float(loss))
        for name, array in model.items():
            speed[name] = keep * speed[name] + grads[name]
            array -= rate * (1 - step / steps) * speed[name]
    return model, np.array(losses)


def surprises(model, n):
    """Nats for each held-out token, row after row."""
    logits, _ = forward(model, windows_of(test_rows.tokens, n), FAST)
    counts = test_rows.targets != IGNORE_INDEX
    z = logits[counts] - logits[counts].max(axis=-1, keepdims=True)
    return np.log(np.exp(z).sum(axis=-1)) - z[np.arange(n_test), test_rows.targets[counts]]


# %%
CONTEXTS, SEEDS = (2, 4, 8, 16), range(3)
trained = {(n, seed): train(n, seed) for n in CONTEXTS for seed in SEEDS}
held = {(n, seed): surprises(model, n).mean() for (n, seed), (model, _) in trained.items()}

QUIET = list(BUGS)[:3]
broken = {(bug, seed): train(8, seed, FAST | BUGS[bug]) for bug in QUIET for seed in (0, 1)}
held_broken = {key: surprises(model, 8).mean() for key, (model, _) in broken.items()}
with np.errstate(all="ignore"):
    _, loud = train(8, 0, FAST | BUGS["slope by tanh's input"], steps=300)

# %% tags=["nbval-ignore-output"]
right = np.array([held[8, seed] for seed in SEEDS])
print("held-out loss, and the spread between seeds")
print(f"{'right gradient':24} {right.mean():.4f}   {np.ptp(right):.4f}")
for bug in QUIET:
    pair = np.array([held_broken[bug, seed] for seed in range(2)])
    print(f"{bug:24} {pair.mean():.4f}   {np.ptp(pair):.4f}")

# %%
unharmed = [bug for bug in QUIET if abs(held_broken[bug, 0] - right.mean()) < 0.01]
print("within a hundredth of a nat of the right gradient:", unharmed)
print("slope by tanh's input: loss after 300 steps", loud[-1])
assigned_cost = np.mean([held_broken["embedding assigned", seed] for seed in (0, 1)]) - right.mean()
assert 0.02 < assigned_cost < 0.08
fallen = sum(broken[bug, 0][1][-50:].mean() < 0.5 for bug in QUIET)
print("quiet bugs with which the loss falls below 0.5:", fallen, "of 3")

# %% tags=["figure", "hide"] alt="Loss against the training step on logarithmic axes for four runs. The right gradient, the mean over all targets and the forgotten slope of tanh lie on one another from 4.6 down to 0.36. The assigned embedding falls some 70 steps later and ends at 0.4"
figure, axes = plt.subplots(figsize=(7.6, 3.9))
smooth = lambda losses, k=25: np.convolve(losses, np.ones(k) / k, mode="valid")
runs = {"right gradient": trained[8, 0][1]} | {bug: broken[bug, 0][1] for bug in QUIET}
for (name, losses), color, line in zip(
    runs.items(), ("grey", "blue", "red", "green"), ("-", "--", "-", ":"), strict=True
):
    curve_of_run = smooth(losses)
    wide = 4.5 if name == "right gradient" else 1.8
    alpha = 0.5 if name == "right gradient" else 1
    axes.loglog(
        np.arange(len(curve_of_run)) + 13,
        curve_of_run,
        line,
        color=COLORS[color],
        lw=wide,
        alpha=alpha,
        label=name,
    )
axes.set(xlabel="training step", ylabel="loss, nats per token (mean of 25 steps)", ylim=(0.3, 6))
axes.set_yticks([0.3, 0.5, 1, 2, 4], ["0.3", "0.5", "1", "2", "4"])
axes.set_xticks([20, 50, 100, 200, 500, 1000], ["20", "50", "100", "200", "500", "1000"])
axes.minorticks_off()
axes.legend()
plt.show()

# %% [markdown]
# Three wrong gradients, and three losses that fall as losses should.
#
# - **Mean over all targets** only shortens every step, here by the 6% that are filling. Nobody would see it. With
#   rows that are half empty it would halve the learning rate, and differently in each batch.
# - **Embedding assigned** costs a few hundredths of a nat. One would go on to tune the learning rate.
# - **The forgotten slope** costs nothing that we can measure. The slope of $\tanh$ is a number between 0 and 1.
#   Leaving it out stretches the gradient of each hidden unit, but never turns its sign. Networks learn even if the
#   way back uses *random* matrices in place of $W^\top$ (Lillicrap and others, 2016). Learning is forgiving, and
#   therefore hides bugs.
# - **The slope by tanh's input** is the same mistake one letter further. There $1 - a^2$ does turn the sign, as soon
#   as $|a| > 1$, and the run ends in NaN. That is the lucky case.
#
# A falling loss shows that the gradient points roughly downhill. It does not show that it is the gradient.
#
# ## A check for large models
#
# Nudging parameters one by one takes two forward passes for each. Our largest network has some 47,000. But nothing
# forces us to nudge one at a time: along a random direction $u$, *all* entries are checked by one number, since
# $\frac{d}{dh}\ell(\theta + hu) = \sum_i g_i u_i$ and a wrong $g$ will not conspire with random $u$. One direction
# for each array keeps the table's gift of saying where:


# %%
def directional_check(model, windows, targets, layers, rng, step=1e-5):
    """Check each array along one random direction: two forward passes for each array."""
    _, grads = loss_and_grads(model, windows, targets, layers)
    errors = {}
    for name in ORDER:
        u = unit({name: rng.normal(size=model[name].shape)})
        nudged = [model | moved({name: model[name]}, u, h) for h in (step, -step)]
        above, below = (loss_of(one, windows, targets, layers)[0] for one in nudged)
        by_nudge, by_gradient = (above - below) / (2 * step), slope(grads, u)
        errors[name] = abs(by_nudge - by_gradient) / max(abs(by_nudge), abs(by_gradient))
    return errors


large = {name: a.astype(np.float64) for name, a in trained[16, 0][0].items()}
some = (windows_of(rows.tokens[:4], 16), rows.targets[:4])
n_large = sum(a.size for a in large.values())
print(f"{n_large:,} parameters; forward passes one by one {2 * n_large:,}, by directions {2 * len(large)}")
for bug, pair in ({"(no bug)": {}} | BUGS).items():
    errors = directional_check(large, *some, LAYERS | pair, np.random.default_rng(4))
    assert all(error < 1e-5 or error > 1e-2 for error in errors.values())
    cells = ["ok" if errors[name] < 1e-5 else "wrong" for name in ORDER]
    print(f"{bug:24}", *(f"{cell:>11}" for cell in cells))

# %% [markdown]
# The threshold is $10^{-5}$ here, no longer $10^{-7}$. In a random direction the slope is small, since its many
# terms of both signs nearly cancel, while the rounding error of the loss stays what it was. That still leaves a wide
# gap to the bugs.
#
# ## What a gradient costs
#
# A linear layer of $I$ inputs and $O$ outputs takes $IO$ multiplications and $IO$ additions for each vector: $2IO$
# operations forwards. Backwards there are *two* products of that size, $\bar y W$ and $\bar y^\top x$. So the way
# back costs twice the way there, and both together three times. A parameter of a matrix is used once per token,
# hence the rule that you will meet again in chapter 11: **2 operations per parameter and token forwards, 4
# backwards, 6 in all.**


# %%
def operations(n, dim=16, hidden_dim=128):
    """Count multiplications and additions per token in the matrix products."""
    forwards = 2 * (n * dim * hidden_dim + hidden_dim * V)
    return forwards, 2 * forwards


there, back = operations(16)
in_matrices = large["hidden"].size + large["output"].size
print(f"per token: {there:,} operations forwards, {back:,} backwards")
print(f"per parameter of a matrix: {there / in_matrices:.0f} and {back / in_matrices:.0f}")
by_nudges = there * (n_large + 1)
print(f"by one-sided nudges: {by_nudges:,}, or {by_nudges / (there + back):,.0f} times as many")
kept = {"x": 16 * 16, "h": 128, "probabilities": V}
print("numbers kept per token for the way back:", kept)

# %% tags=["nbval-ignore-output"]
batch_model = trained[16, 0][0]
batch = (windows_of(rows.tokens[:64], 16), rows.targets[:64])
timings = {"forwards": [], "both ways": []}
for _ in range(9):
    for name, run in (("forwards", loss_of), ("both ways", loss_and_grads)):
        start = time.perf_counter()
        run(batch_model, *batch, FAST)
        timings[name].append(time.perf_counter() - start)
ms = {name: 1e3 * np.median(times) for name, times in timings.items()}
ratio = ms["both ways"] / ms["forwards"]
print(f"forwards {ms['forwards']:.1f} ms, both ways {ms['both ways']:.1f} ms: {ratio:.1f} times")

# %% [markdown]
# Why does one walk *back*, and not forwards with all derivatives in hand? The chain rule is a product of matrices,
# and one may multiply from either end. From the loss, the left end is a single row: each step is a row times a
# matrix. From the parameters it is a whole matrix each time. For one loss and many parameters, walk back:

# %%
n_x, n_h = 256, 128
print(f"a product (1×{V})({V}×{n_h})({n_h}×{n_x}) takes")
print(f"from the loss  {V * n_h + n_h * n_x:9,} multiplications")
print(f"from the input {V * n_h * n_x + V * n_x:9,}")

# %% [markdown]
# That a gradient of any number of variables costs only a small multiple of the function is known as the *cheap
# gradient principle*; the factor is often below 5 (Griewank and Walther, 2008). What one pays with is memory:
# everything that was kept has to lie there until the way back comes by. For a deep model that is the larger bill,
# and chapters 15 and 20 are about it.
#
# ## Experiment: a network against counts
#
# Now the instrument is calibrated, and we may read what it says. The same 1,000 stories for two kinds of model:
#
# - **the network**, with a context of 2, 4, 8 or 16 tokens, three seeds each (trained above, 1,500 steps);
# - **counts**, as in [chapter 03](03_predicting_the_next_token.md), of the same contexts. Long contexts are rare, so
#   they are smoothed by shorter ones, by the rule of Witten and Bell (1991): with $c$ the count of a continuation,
#   $N$ of the context and $T$ the number of *different* continuations it has had,
#   $p = (c + \lambda T\,p_\text{shorter}) / (N + \lambda T)$. A context that keeps surprising is trusted less. In
#   the paper $\lambda$ is 1. We call it *caution*, try 1, 4, 16 and 32, and for each context let the counts have the
#   one that turns out best on the held-out stories. That is cheating in their favour, and we shall see why it has to
#   be.


# %%
def with_targets(table, n):
    """Context and target of every place that counts: (places, n + 1)."""
    counts = table.targets != IGNORE_INDEX
    contexts = windows_of(table.tokens, n)[counts]
    return np.column_stack([contexts, table.targets[counts]]).astype(np.int16)


def count_model(train, test, caution):
    """For contexts of 0, 1, ... n tokens: the probability of each test token, and N."""
    both = np.concatenate([train, test]).astype(np.int64)
    p, results, context = np.full(len(test), 1 / V), [], np.zeros(len(both), np.int64)
    for length in range(train.shape[1]):
        if length:  # one token more: give each different context a number
            context = np.unique(context * V + both[:, -1 - length], return_inverse=True)[1]
        seen, asked = context[: len(train)], context[len(train) :]
        pairs, pair_counts = np.unique(seen * V + train[:, -1], return_counts=True)
        N = np.bincount(seen, minlength=context.max() + 1)[asked]
        T = np.bincount(pairs // V, minlength=context.max() + 1)[asked]
        wanted = asked * V + test[:, -1]
        place = np.searchsorted(pairs, wanted).clip(max=len(pairs) - 1)
        c = np.where(pairs[place] == wanted, pair_counts[place], 0)
        p = np.where(N > 0, (c + caution * T * p) / np.maximum(N + caution * T, 1), p)
        results.append((p, N))
    return results


CAUTION = (1, 4, 16, 32)
test_table = with_targets(test_rows, 16)
tables = {"1,000": with_targets(rows, 16), "16,000": with_targets(one_per_row(documents), 16)}
counted = {(size, k): count_model(tables[size], test_table, k) for size in tables for k in CAUTION}
count_loss = {key: np.array([-np.log(p).mean() for p, _ in parts]) for key, parts in counted.items()}
best_counts = {size: np.min([count_loss[size, k] for k in CAUTION], axis=0) for size in tables}
print("context                        ", *(f"{n:6}" for n in CONTEXTS))
print("counts,  1,000 stories         ", *(f"{count_loss['1,000', 1][n]:6.3f}" for n in CONTEXTS))
for size in tables:
    print(f"counts, {size:>6}, best caution   ", *(f"{best_counts[size][n]:6.3f}" for n in CONTEXTS))
print("best caution for 1,000 stories and 16 tokens:", end=" ")
print(min(CAUTION, key=lambda k: count_loss["1,000", k][16]))
print(f"floor {floor:.3f}")

# %% tags=["nbval-ignore-output"]
mean_loss = {n: np.mean([held[n, seed] for seed in SEEDS]) for n in CONTEXTS}
print("network, 1,000 stories         ", *(f"{mean_loss[n]:6.3f}" for n in CONTEXTS))
spread = [np.std([held[n, seed] for seed in SEEDS], ddof=1) for n in CONTEXTS]
print("± standard deviation of seeds  ", *(f"{one:6.4f}" for one in spread))

# %%
gain = best_counts["1,000"].min() - mean_loss[16]
assert 0.01 < gain < 0.03
ahead = {n: best_counts["1,000"][n] - mean_loss[n] for n in CONTEXTS}
print("context 2, 4, 8: network and counts equal within 0.01:", end=" ")
print(all(abs(ahead[n]) < 0.01 for n in (2, 4, 8)))
print("context 16: network ahead of the best counts by 0.01 to 0.03:", 0.01 < ahead[16] < 0.03)
first_try = count_loss["1,000", 1][16] - mean_loss[16]
print("            and of the counts of 1991 by more than 0.1:", first_try > 0.1)
against = abs(mean_loss[16] - best_counts["16,000"][16])
print("            as good as the best counts of 16 times the text, within 0.01:", against < 0.01)

# %% tags=["figure", "hide"] alt="Left: held-out loss against the context, 1 to 16 tokens. Counts from 1,000 stories with caution 1 fall to 0.37 at 8 tokens and rise to 0.48 at 16. With the best caution they go on falling to 0.33, and from 16,000 stories to 0.31. The network trained on 1,000 stories lies with them at contexts of 2, 4 and 8, and reaches 0.31 at 16. A dashed line marks the floor, 0.194. Right: bars of the loss by how often the last 16 tokens occurred in the training text. Where they occurred a hundred times or more, counts and network are equal; where they occurred one to four times, counts with caution 1 are near 0.8, with caution 16 a little above the network, which is near 0.3"
figure, (left, right) = plt.subplots(1, 2, figsize=(10.6, 4.2))
lengths = np.arange(1, 17)
for values, marker, color, name in (
    (count_loss["1,000", 1], "s:", "grey", "counts, 1,000 stories, caution 1"),
    (best_counts["1,000"], "s-", "orange", "counts, 1,000, best caution"),
    (best_counts["16,000"], "s--", "green", "counts, 16,000, best caution"),
):
    left.plot(lengths, values[1:], marker, color=COLORS[color], ms=3.5, lw=1.5, label=name)
losses = list(mean_loss.values())
left.errorbar(
    CONTEXTS, losses, spread, fmt="o-", color=COLORS["blue"], capsize=3, label="network, 1,000 stories"
)
left.axhline(floor, color=COLORS["red"], ls="--", lw=1.2)
left.text(1, floor + 0.012, "floor", color=COLORS["red"])
left.set(xscale="log", ylim=(0.15, 0.75), xlabel="context, tokens", ylabel="held-out loss, nats per token")
left.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
left.minorticks_off()
left.legend(loc="upper right")

occurred = counted["1,000", 1][16][1]
nets = surprises(trained[16, 0][0], 16)
buckets = ((0, 0), (1, 4), (5, 19), (20, 99), (100, 10**9))
bars = {f"counts, caution {k}": -np.log(counted["1,000", k][16][0]) for k in (1, 16)} | {"network": nets}
for k, ((name, values), color) in enumerate(zip(bars.items(), ("grey", "orange", "blue"), strict=True)):
    heights = [values[(occurred >= low) & (occurred <= high)].mean() for low, high in buckets]
    right.bar(np.arange(5) + 0.27 * (k - 1), heights, 0.25, color=COLORS[color], label=name)
shares = [np.mean((occurred >= low) & (occurred <= high)) for low, high in buckets]
names = ("never", "1–4", "5–19", "20–99", "100+")
right.set_xticks(range(5), [f"{name}\n({share:.0%})" for name, share in zip(names, shares, strict=True)])
right.set(
    xlabel="how often the last 16 tokens stood in the training text\n(share of held-out tokens)",
    ylabel="loss, nats per token",
    title="context 16, 1,000 stories",
)
right.legend()
plt.show()

# %% [markdown]
# - **With 2, 4 or 8 tokens of context, counting is as good as the network.** A count over a context that occurs
#   often *is* the right probability; there is nothing to generalise.
# - **With 16 tokens the network is ahead**, and as good as counts from sixteen times the text. The right panel shows
#   where that comes from. If the context stood in the text a hundred times, all agree. The gain is in contexts that
#   are rare or new.
# - **How far ahead depends on the opponent.** Against Witten and Bell's rule as printed, the network wins by a sixth
#   of a nat. Against the same counts with more caution, by a fiftieth. One knob of the baseline moved the result
#   more than the whole network did. Whoever reports a victory has to say how hard the loser was allowed to try.
# - **Seeds hardly matter**: their standard deviation is below a thousandth of a nat, and all models read the same
#   held-out stories.
#
# Against the floor there is still a tenth of a nat to go, and more text would hardly bring it: counts from 16,000
# stories stop at the same place. Sixteen tokens are not a story. Who the hero was and what she lost stands further
# back. A wider window costs parameters for each position; [chapter 07](07_attention.md) finds a better way to look
# back.
#
# ### What the vectors have learnt
#
# How can a network know what follows words it never saw together? Because to it *Lily* and *Mia* may be nearly the
# same vector. Nobody told it. Let us look: the vectors of some words, projected on the two directions in which they
# differ most (their principal components), of a network with a context of 4 and of one with 16.

# %%
GROUPS = {
    "girls": ["Mia", "Ana", "Lily", "Rosa"],
    "boys": ["Tom", "Leo", "Max", "Otto"],
    "animals": ["cat", "rabbit", "bear", "mouse", "duck", "pig"],
    "colours": ["red", "blue", "green", "yellow"],
    "things": ["kite", "ball", "drum", "hat", "boat"],
}


def vectors_of(model, words):
    return model["embed"][[token_text.index(" " + word) for word in words]].astype(float)


def likeness(model, one, other):
    """Mean cosine between the vectors of two groups, a word with itself left out."""
    a, b = (vectors_of(model, GROUPS[group]) for group in (one, other))
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    cosines = a @ b.T
    return cosines[~np.eye(len(a), dtype=bool)].mean() if one == other else cosines.mean()


# %% tags=["figure", "hide"] alt="Two scatter plots of word vectors on their first two principal components. Left, context 4: all eight names, girls and boys, lie in one heap; things, colours and animals lie in regions of their own. Right, context 16: the girls' names and the boys' names lie in two separate heaps"
def label(axes, words, points, colors):
    """Write each word beside its point, where no other word stands yet."""
    axes.margins(0.16)
    axes.autoscale_view()
    axes.figure.canvas.draw()
    taken = [(x, y, x, y) for x, y in axes.transData.transform(points)]
    for word, point, color in zip(words, axes.transData.transform(points), colors, strict=True):
        width, height = 7.4 * len(word) + 2, 12
        sides = ((6, -4), (-6 - width, -4), (-width / 2, 7), (-width / 2, -17), (8, 9), (8, -18))
        for dx, dy in (*sides, *((1.8 * dx, 1.8 * dy) for dx, dy in sides)):
            box = (point[0] + dx, point[1] + dy, point[0] + dx + width, point[1] + dy + height)
            if all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in taken):
                break
        taken.append(box)
        place = axes.transData.inverted().transform(box[:2])
        axes.text(*place, word, fontsize=8.5, color=color)


figure, panels = plt.subplots(1, 2, figsize=(10.6, 5))
tints = [COLORS[name] for name in ("red", "blue", "orange", "green", "purple")]
for axes, n in zip(panels, (4, 16), strict=True):
    model = trained[n, 0][0]
    cloud = np.concatenate([vectors_of(model, words) for words in GROUPS.values()])
    _, _, components = np.linalg.svd(cloud - cloud.mean(axis=0), full_matrices=False)
    flat, begun, colors = (cloud - cloud.mean(axis=0)) @ components[:2].T, 0, []
    for (group, words), tint in zip(GROUPS.items(), tints, strict=True):
        axes.plot(*flat[begun : begun + len(words)].T, "o", color=tint, label=group, ms=4.5)
        begun, colors = begun + len(words), colors + [tint] * len(words)
    axes.set(title=f"context {n}", xlabel="first principal component", ylabel="second")
    label(axes, [word for words in GROUPS.values() for word in words], flat, colors)
panels[0].legend(loc="lower right")
plt.show()

# %% tags=["nbval-ignore-output"]
wide_start, _ = train(16, 0, embed_std=1.0)
models = {
    "context 4": trained[4, 0][0],
    "context 16": trained[16, 0][0],
    "context 16, wide start": wide_start,
}
print(f"{'mean cosine of vectors':24} {'girls, girls':>13} {'boys, boys':>11} {'girls, boys':>12}")
for name, model in models.items():
    pairs = (("girls", "girls"), ("boys", "boys"), ("girls", "boys"))
    print(f"{name:24}", *(f"{likeness(model, *pair):12.2f}" for pair in pairs))
wide_loss = surprises(wide_start, 16).mean()
print(f"held-out loss: start at 0.02 {mean_loss[16]:.3f}, wide start at 1 {wide_loss:.3f}")

# %%
mean_likeness = lambda n, *pair: np.mean([likeness(trained[n, s][0], *pair) for s in SEEDS])
assert min(mean_likeness(n, g, g) for n in (4, 16) for g in ("girls", "boys")) > 0.6
assert mean_likeness(4, "girls", "boys") > 0.6
assert mean_likeness(16, "girls", "boys") < 0
assert likeness(wide_start, "girls", "girls") < 0.4
assert abs(wide_loss - mean_loss[16]) < 0.02
print("girls and boys, three seeds: alike with context 4, opposite with context 16")

# %% [markdown]
# Names, animals, colours, things: the groups of the grammar, found from nothing but the pull of $p - \text{onehot}$.
# And the two pictures differ in one telling point. **With 4 tokens of context, Mia and Tom are alike; with 16 they
# stand at opposite ends.** For the next four words it makes no difference whether the hero is Mia or Tom. Some words
# later the story says *she* or *he*, and only a network that still has the name in its window has a reason to tell
# girls from boys. The vectors hold what the task rewards.
#
# One warning, for you will read a lot about what embeddings mean. The last line of the table is the same network,
# but its embedding began at a size of 1 in place of 0.02. Its loss is about as good, and its vectors show next to
# nothing: each word kept the random place where it began, and the layer above learnt to live with it. A meaning that
# can be *seen* in the vectors is not necessary for a network that works.
#
# ## In the real LLaMA
#
# You may think that only a textbook derives gradients by hand. The LLaMA paper, section 2.4: to train faster, they
# implemented the backward of the transformer layers by hand instead of relying on PyTorch's autograd. The reason is
# the memory bill. One saves memory by throwing kept values away and computing them again on the way back
# (*checkpointing*, chapter 15). By hand they could choose: keep what is expensive to compute, such as the outputs of
# linear layers, and compute the cheap rest again. Kernels for attention, norms and the loss are still written as
# hand-made pairs; part III writes some.

# %%
cfg = LlamaConfig.named("llama-1-7b")
n_params = cfg.n_params()
print(f"LLaMA 7B: {n_params:,} parameters")
print(f"one gradient by central differences: {2 * n_params:.2e} forward passes")
print(f"1.0T tokens at 6 operations per parameter and token: {6 * n_params * 1e12:.1e}")
logits_bytes = 2048 * cfg.vocab_size * 4
print(f"probabilities of one text of 2,048 tokens, float32: {logits_bytes / 2**20:.0f} MiB")

# %% [markdown]
# What is different there, in the terms of this chapter:
#
# | here | LLaMA |
# |---|---|
# | biases in both linear layers | none |
# | $\tanh$ | SwiGLU ([chapter 08](08_swiglu.md)) |
# | the last 16 tokens, side by side | all 2,048, by attention ([chapter 07](07_attention.md)) |
# | gradient descent with momentum | AdamW ([chapter 09](09_a_llama_in_numpy.md)) |
# | embedding, linear, softmax cross-entropy | the same |
#
# **Who invented it?** Several people, several times; Baydin and others (2018) tell the history. Among the first was
# Linnainmaa (1970), in a master's thesis, and for another purpose: he wanted to know how rounding errors of single
# steps add up in the result, which is the left arm of our V. Rumelhart, Hinton and Williams (1986) showed that it
# makes networks learn useful inner representations, and made it known.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
answers = (back / there, best["central"][1], fallen, gain)
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    print(f"{question}: you said {guess:g}, measured {answer:.2g}")

# %% [markdown]
# ## Exercises
#
# - [04.1](../exercises/04_1_linear_backward.md) The linear layer, backward
# - [04.2](../exercises/04_2_embedding_backward.md) The embedding, backward
# - [04.3](../exercises/04_3_cross_entropy.md) Cross-entropy, forward and backward
# - [04.4](../exercises/04_4_directional_difference.md) The slope along a direction
# - [04.5](../exercises/04_5_mlp_backward.md) A network with one hidden layer, backward
#
# ## What you can now do
#
# - derive the backward of a layer by indices, and check the transposes by shapes;
# - say why a bias, an embedding row or any other thing that is used twice has a gradient that is a sum;
# - write softmax and cross-entropy with their gradient from memory, without overflow, and say what the mean is over;
# - choose the step of a finite difference, and say what error to expect in float64 and in float32;
# - test a gradient so that bugs cannot hide, and read off the table in which layer they are;
# - say what a gradient costs, and why a falling loss proves little.
#
# Next: our network is two layers deep. Stack more, and the numbers grow or vanish on the way up and on the way back.
# [Chapter 05](05_rmsnorm_and_pre_norm.md) keeps them near one.
#
# ## References
#
# - D. E. Rumelhart, G. E. Hinton, R. J. Williams (1986), *Learning representations by back-propagating errors*,
#   Nature 323, 533–536.
# - S. Linnainmaa (1970), *The representation of the cumulative rounding error of an algorithm as a Taylor expansion
#   of the local rounding errors* (in Finnish), master's thesis, University of Helsinki.
# - Y. Bengio, R. Ducharme, P. Vincent, C. Jauvin (2003), *A neural probabilistic language model*, Journal of Machine
#   Learning Research 3, 1137–1155.
# - A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind (2018), *Automatic differentiation in machine
#   learning: a survey*, Journal of Machine Learning Research 18, arXiv 1502.05767.
# - A. Griewank, A. Walther (2008), *Evaluating derivatives: principles and techniques of algorithmic
#   differentiation*, 2nd edition, SIAM.
# - W. Squire, G. Trapp (1998), *Using complex variables to estimate derivatives of real functions*, SIAM Review 40,
#   110–112.
# - I. H. Witten, T. C. Bell (1991), *The zero-frequency problem*, IEEE Transactions on Information Theory 37,
#   1085–1094.
# - T. P. Lillicrap, D. Cownden, D. B. Tweed, C. J. Akerman (2016), *Random synaptic feedback weights support error
#   backpropagation for deep learning*, Nature Communications 7, 13276.
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.4.
# - A. Vaswani and others (2017), *Attention is all you need*, arXiv 1706.03762.
