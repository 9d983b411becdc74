# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · SwiGLU
#
# **Question.** Two thirds of a LLaMA sit in layers that look at one position at a time. What do they do there, and
# why do they have a gate?
#
# Attention carries things from one position to another. What it brings has to be worked on: somebody has to know that
# what was lost in a pond is wet. That is the feed-forward layer's business. It is the plainest part of the machine,
# two or three matrices and a bend, and the largest.
#
# The bend was a ReLU in 2017, a GELU in GPT-2, and in LLaMA it is a product of two numbers, SwiGLU. You will write
# all three, derive the gradient, and see what a product can do that no bend can. Then we ask what it is worth: the
# same parameters, the same arithmetic, the same text, five seeds. The paper that proposed it found a clear gain and
# no reason for it. We will find a reason, and look hard for the gain.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # our matrices are small: a second thread only costs

import json
import math
import re
from collections import Counter
from dataclasses import replace
from itertools import islice, product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from minillama import reference
from minillama.accounting import count_parameters
from minillama.book.plotting import COLORS, use_style
from minillama.config import LlamaConfig
from minillama.data.packing import one_per_row
from minillama.data.stories import Stories
from minillama.reference.block import Place, self_attention, self_attention_backward, within

use_style()
torch.set_num_threads(1)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares.

# %%
prediction = {
    "per cent of LLaMA 7B's parameters that are in feed-forward layers": 33,
    "gated units that are needed to multiply two numbers exactly": 8,
    "largest distance between GELU and the short cut that GPT-2 takes": 0.01,
    "per cent of a trained ReLU layer's units that are silent at a word": 50,
    "nats per word that SwiGLU gains over ReLU at our size, same budget": 0.05,
}

# %% [markdown]
# ## Why a layer that looks at one position
#
# [Attention](07_attention.md) is an average of values. Once the weights are given, it is *linear*: twice the values,
# twice the output; the output of a sum is the sum of the outputs.

# %%
q, k = rng.normal(size=(2, 1, 2, 5, 4))  # (B, H, T, D) each: one text, two heads
v_1, v_2 = rng.normal(size=(2, 1, 2, 5, 4))
mix = lambda v: reference.attention(q, k, v)[0]
sums = np.allclose(mix(v_1 + v_2), mix(v_1) + mix(v_2))
multiples = np.allclose(mix(3 * v_1), 3 * mix(v_1))
print("attention(v1 + v2) is attention(v1) + attention(v2):", sums)
print("attention(3 v1) is 3 attention(v1):                 ", multiples)

# %% [markdown]
# Queries and keys decide *where from*, and they do it by a softmax, which is not linear at all. But *what* is carried
# passes through nothing but weighted sums. Nothing in it can say "if lost **and** in a pond, then wet". For that,
# something has to bend. The transformer puts it into a layer of its own, and spends most of its parameters there:

# %%
counted = count_parameters(LlamaConfig.named("llama-1-7b"))
for part in ("embedding", "attention", "feed_forward", "norms", "output"):
    size = getattr(counted, part)
    print(f"{part:13} {size:13,}  {size / counted.total:7.3%}")
in_blocks = counted.attention + counted.feed_forward + counted.norms
print(f"feed-forward as a share of the blocks: {counted.feed_forward / in_blocks:.1%}")

# %% [markdown]
# Two thirds: the same share that the 2017 transformer had, as we shall see not by accident.
#
# ## The idea: a memory of keys and values
#
# Take the layer without a gate, and look at one position's vector $x$. There is a matrix that widens, a bend, and a
# matrix that comes back:
#
# $$ h_f = \operatorname{bend}\Big(\sum_c W^{\text{up}}_{fc}\, x_c\Big), \qquad y = \sum_f h_f\, W^{\text{down}}_{:,f} $$
#
# Read it unit by unit. Row $f$ of $W^{\text{up}}$ is a pattern: the dot product says how well $x$ matches it. Column
# $f$ of $W^{\text{down}}$ is a message: it is written to the residual stream, as strongly as the pattern matched. So
# the layer is a memory of $F$ entries, each a **key** to be matched and a **value** to be written (Geva and others,
# 2021). Attention has keys and values too; there they are made from the text, here they are learnt and stay.

# %% tags=["figure", "hide"] alt="Diagram from left to right: a column of 6 cells, x; a matrix of 10 rows and 6 columns, W up, with its second row framed in orange as a key; a column of 10 cells, h, of which few are coloured after the bend; a matrix of 6 rows and 10 columns, W down, with its second column framed in orange as a value; a column of 6 cells, the output y"
picture = np.random.default_rng(4)
x_drawn, keys, values = picture.normal(size=6), picture.normal(size=(10, 6)), picture.normal(size=(6, 10))
h_drawn = np.maximum(keys @ x_drawn, 0)
figure, axes = plt.subplots(figsize=(9, 3.4))
parts = (
    (0, x_drawn[:, None], "$x$"),
    (2.4, keys, r"$W^{\mathrm{up}}$"),
    (10.6, h_drawn[:, None], "$h$"),
    (13.4, values, r"$W^{\mathrm{down}}$"),
    (25.6, (values @ h_drawn)[:, None], "$y$"),
)
for left, array, name in parts:
    rows, columns = array.shape
    box = (left, left + columns, -rows / 2, rows / 2)
    top = np.abs(array).max()
    axes.imshow(array, extent=box, cmap="RdBu_r", vmin=-1.3 * top, vmax=1.3 * top, origin="upper")
    axes.add_patch(
        plt.Rectangle((left, -rows / 2), columns, rows, fill=False, edgecolor=COLORS["grey"], lw=0.8)
    )
    axes.text(left + columns / 2, rows / 2 + 0.4, name, ha="center", va="bottom", fontsize=12)
for corner, width, height in (((2.4, 3), 6, 1), ((10.6, 3), 1, 1), ((14.4, -3), 1, 6)):
    axes.add_patch(plt.Rectangle(corner, width, height, fill=False, edgecolor=COLORS["orange"], lw=2.5))
axes.text(5.4, -5.7, "a row: the key", ha="center", va="top", color=COLORS["orange"])
axes.text(11.1, -5.7, "match", ha="center", va="top", color=COLORS["orange"])
axes.text(13.4, -3.7, "a column: the value", ha="left", va="top", color=COLORS["orange"])
for at, sign in ((1.7, r"$\rightarrow$"), (9.5, "bend"), (12.5, r"$\rightarrow$"), (24.5, r"$\rightarrow$")):
    axes.text(at, 0, sign, ha="center", va="center")
axes.set(xlim=(-0.5, 27.2), ylim=(-6.8, 6.6), aspect="equal")
axes.axis("off")
plt.show()

# %% [markdown]
# A memory by hand. The stream says whether something is *lost*, whether a *pond* is near, and has one channel that is
# always 1. One unit shall answer "wet" if both hold:

# %%
print("lost pond   ReLU(lost + pond - 1)   ReLU(lost) * pond")
for lost, pond in product((0, 1, 2), repeat=2):
    print(f"{lost:4} {pond:4} {max(lost + pond - 1, 0):23} {max(lost, 0) * pond:19}")

# %% [markdown]
# With yes and no, both are a perfect AND. (The $-1$ is a threshold, and needs the channel that is always 1.) But a
# stream does not carry yes and no, it carries amounts. Twice as lost and no pond: the sum is fooled, the product is
# not. Keep the second column in mind. It is the whole chapter.
#
# ## Three bends
#
# $$ \operatorname{ReLU}(x) = x\cdot[x > 0], \qquad \operatorname{GELU}(x) = x\cdot\Phi(x), \qquad \operatorname{SiLU}(x) = x\cdot\sigma(x) $$
#
# Here $\Phi(x)$ is the share of a standard normal distribution below $x$, and $\sigma(x) = 1/(1+e^{-x})$. All three
# are of one form: **$x$ times a gate that $x$ itself opens**. ReLU's gate is a step, the others are soft. SiLU is
# also called Swish. The slopes follow from the product rule, and with $\varphi$ for the bell curve, $\Phi$'s
# derivative:
#
# $$ \operatorname{GELU}'(x) = \Phi(x) + x\,\varphi(x), \qquad \operatorname{SiLU}'(x) = \sigma(x) + x\,\sigma(x)\,(1-\sigma(x)) $$
#
# $\Phi$ needs the error function, $\Phi(x) = \frac12\big(1 + \operatorname{erf}(x/\sqrt2)\big)$, which NumPy lacks.
# GPT-2 took a short cut through the hyperbolic tangent, which the paper on GELU offers as an approximation. Each of
# our functions returns value and slope.


# %%
def exact_gelu(x):
    phi_integral = 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    phi = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return x * phi_integral, phi_integral + x * phi


# %%
def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))  # 1 / (1 + exp(-x)), which cannot overflow this way


def relu(x):
    return np.maximum(x, 0), (x > 0).astype(x.dtype)


def gelu(x):
    """The tanh form."""
    t = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    inner_slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    return 0.5 * x * (1 + t), 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner_slope


def silu(x):
    s = sigmoid(x)
    return x * s, s + x * s * (1 - s)


# %%
line = np.linspace(-8, 8, 160_001)
exact = exact_gelu(line)[0]
distance = np.abs(gelu(line)[0] - exact)
apart = lambda value: np.abs(value - exact).max()
print(f"GELU and its tanh form: {distance.max():.1e} apart at most,", end=" ")
print(f"{abs(line[distance.argmax()]):.2f} away from 0")
print(f"GELU and x sigmoid(1.702 x): {apart(line * sigmoid(1.702 * line)):.1e}")
for name, bend in (("ReLU", relu), ("GELU", exact_gelu), ("SiLU", silu)):
    value, slope = bend(line)
    where = line[value.argmin()] if value.min() < 0 else 0.0
    print(f"{name}: lowest value {value.min():5.2f} at {where:5.2f},", end=" ")
    print(f"slope {slope.min():5.2f} to {slope.max():.2f}, at -6 {bend(np.array(-6.0))[1]:.0e}")


# %% tags=["figure", "hide"] alt="Three panels over x from minus 5 to 5. Left, the gates: a step at zero for ReLU, and two S-shaped curves from 0 to 1 for GELU and SiLU, GELU's the steeper. Middle, x times the gate: ReLU is zero and then a straight line; GELU and SiLU follow it closely and dip below zero, SiLU down to minus 0.28 near minus 1.3. Right, the slopes: ReLU's jumps from 0 to 1; those of GELU and SiLU go below zero on the left and rise above 1 on the right before both settle"
figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.3))
short = np.linspace(-5, 5, 1001)
for (name, bend), color in zip(
    (("ReLU", relu), ("GELU", exact_gelu), ("SiLU", silu)), ("blue", "orange", "green"), strict=True
):
    value, slope = bend(short)
    gate = np.where(short == 0, 0.5, value / np.where(short == 0, 1, short))
    for axes, curve in zip(panels, (gate, value, slope), strict=True):
        axes.plot(short, curve, color=COLORS[color], label=name)
for axes, title in zip(panels, ("the gate", "x times the gate", "its slope"), strict=True):
    axes.set(title=title, xlabel="x")
panels[1].set_ylim(-0.6, 3)
panels[0].legend()
plt.show()

# %% [markdown]
# > **Departure: GELU, two functions under one name.**
# >
# > - **Paper.** Hendrycks and Gimpel (2016, section 2) define $x\,\Phi(x)$, and offer the tanh form and
# >   $x\,\sigma(1.702x)$ as approximations for speed.
# > - **Code.** GPT-2 is the tanh form (`gelu_new` in Hugging Face's configuration), and so is Gemma's gate
# >   (`gelu_pytorch_tanh`). PyTorch's `F.gelu` is the exact one unless told otherwise.
# > - **Here.** `minillama.reference.gelu` is the tanh form.
# > - **What changes.** At most 5e-4 in a value: the cell above. No model will notice, a comparison to seven digits
# >   will.
#
# ### The dead ReLU
#
# Where a ReLU's input is negative its slope is exactly zero. If a unit's input is negative for *every* vector that
# the data ever produce, no gradient will reach it again: it is dead. SiLU and GELU keep a slope below zero, though
# GELU's has all but vanished at −6. How much of a danger is it? In a layer without bias, less than its fame:
# if the vectors lie all around, a unit without a threshold is silent on half of them, not on all.

# %%
x = reference.rms_norm(rng.normal(size=(4000, 64)), np.ones(64), 1e-6)[0]
w = rng.normal(size=(256, 64)) / 8
for threshold in (0.0, -2.0, -4.0):
    active = x @ w.T + threshold > 0
    never = np.mean(~active.any(axis=0))
    print(f"bias {threshold:4}: fires on {active.mean():6.2%} of the vectors; never: {never:6.1%} of units")

# %% [markdown]
# It takes a bias that has wandered off to kill a unit. LLaMA's layers have none. At the end we count the dead in a
# trained layer.
#
# ## A gate is a product
#
# All three bends are $x$ times a gate, and the gate is opened by the same $x$. The step to LLaMA is to let
# **another** dot product open it:
#
# $$ h = \operatorname{bend}(W^{\text{gate}} x) \odot (W^{\text{up}} x) $$
#
# with $\odot$ for the product entry by entry. Each unit has two keys now. One says what to write and how much, the
# other whether. The family, named by the bend (Dauphin and others, 2016; Shazeer, 2020):
#
# | bend of the gate | name |
# |---|---|
# | none | bilinear |
# | $\sigma$ | GLU, gated linear unit |
# | ReLU | ReGLU |
# | GELU | GEGLU |
# | SiLU = Swish | **SwiGLU** |
#
# A product of two numbers that both depend on $x$: no sum of ReLUs is that. How many units does it take to multiply?
# **Two, and exactly.** The soft gates of $a$ and $-a$ add up to one, $\sigma(a) + \sigma(-a) = 1$, so
#
# $$ \operatorname{SiLU}(a) - \operatorname{SiLU}(-a) = a\,\sigma(a) + a\,\sigma(-a) = a $$
#
# and a unit with keys $(a, b)$ plus one with keys $(-a, -b)$ gives
#
# $$ \operatorname{SiLU}(a)\,b + \operatorname{SiLU}(-a)\,(-b) = a\,b. $$
#
# The bend has vanished from the result. The same two units do it with ReLU, and with GELU in the gate, since their
# gates add up to one as well.

# %%
a, b = rng.normal(0, 3, size=(2, 1000))
for name, bend in (("ReGLU", relu), ("GEGLU", exact_gelu), ("SwiGLU", silu)):
    two_units = bend(a)[0] * b + bend(-a)[0] * (-b)
    print(f"{name:6}: two units make a * b within 1e-12: {np.abs(two_units - a * b).max() < 1e-12}")
glu = sigmoid(a) * b - sigmoid(-a) * b
print(f"GLU   : two units give tanh(a / 2) * b: {np.allclose(glu, np.tanh(a / 2) * b)}")

# %% [markdown]
# GLU is the odd one out: its gate is bounded, so it can choose but not multiply.
#
# Without a gate there is an obstacle in principle. A ReLU layer without bias obeys $f(2x) = 2f(x)$, and a product
# wants $f(2x) = 4f(x)$. With a constant channel it can bend its way along, fold by fold. So let us race them: fit
# $a\,b$ on a square, at equal numbers of parameters. And be fair: a second task, the **larger of** $a$ and $b$, which
# is made for folds. (ReLU has it exactly: $b + \operatorname{ReLU}(a - b)$.) Inputs are $a$, $b$ and a constant 1; an
# ungated unit has 4 parameters, a gated one 7; five random starts each.

# %%
side = np.linspace(-1, 1, 12)
grid_a, grid_b = (g.ravel() for g in np.meshgrid(side, side))
points = np.stack([grid_a, grid_b, np.ones(144)], axis=-1)  # (N, 3)
TASKS = {
    "the product a · b": grid_a * grid_b,
    "the larger of a and b": np.maximum(grid_a, grid_b),
}


def fit(target, bend, gated, units, starts=5, steps=800):
    """Train by Adam, all starts at once. Return relative errors, and the learnt function."""
    rng = np.random.default_rng(0)
    w = [rng.normal(size=(starts, 3, units)) for _ in range(1 + gated)]
    w.append(rng.normal(0, 0.5 / math.sqrt(units), size=(starts, units, 1)))
    mean, square = [np.zeros_like(a) for a in w], [np.zeros_like(a) for a in w]

    def layer(points):
        up = points @ w[0]  # (N, 3) @ (starts, 3, units)
        value, slope = bend(points @ w[-2])  # of the gate, or of the unit itself
        return value * up if gated else value, value, slope, up

    for step in range(1, steps + 1):
        hidden, value, slope, up = layer(points)
        error = hidden @ w[-1] - target[:, None]  # (starts, N, 1)
        d_out = 2 * error / len(points)
        d_hidden = d_out @ w[-1].transpose(0, 2, 1)
        grads = [points.T @ (d_hidden * value)] if gated else []
        grads.append(points.T @ (d_hidden * slope * (up if gated else 1)))
        grads.append(hidden.transpose(0, 2, 1) @ d_out)
        rate = 0.01 * (1 + math.cos(math.pi * step / steps))
        for a, g, m, s in zip(w, grads, mean, square, strict=True):
            m += 0.1 * (g - m)
            s += 0.01 * (g * g - s)
            a -= rate * m / (1 - 0.9**step) / (np.sqrt(s / (1 - 0.99**step)) + 1e-8)
    relative = np.sqrt(np.mean(error**2, axis=(1, 2)) / target.var())
    return relative, lambda points: (layer(points)[0] @ w[-1])[..., 0]


# %%
RACERS = {"ReLU": (relu, False), "GELU": (gelu, False), "SwiGLU": (silu, True)}
race = {
    (task, name, units): fit(target, *layer, units)[0]
    for task, target in TASKS.items()
    for name, layer in RACERS.items()
    for units in ((1, 2, 4, 8, 16) if layer[1] else (2, 4, 7, 14, 28))
}
middle = {key: np.median(errors) for key, errors in race.items()}
multiply, choose = TASKS
assert middle[multiply, "SwiGLU", 4] < 0.2 * middle[multiply, "ReLU", 7]
assert middle[multiply, "SwiGLU", 8] < 0.3 * middle[multiply, "ReLU", 14]
assert middle[choose, "ReLU", 7] < 0.2 * middle[choose, "SwiGLU", 4]
assert middle[choose, "ReLU", 14] < 0.2 * middle[choose, "SwiGLU", 8]
print("SwiGLU multiplies better, ReLU chooses better, each by more than a factor of three")

# %% tags=["figure", "hide"] alt="Two panels of relative error on a logarithmic scale against the number of parameters, 7 to 112, with bars from the best to the worst of five starts. Left, the product: SwiGLU starts at 0.06 with a single unit and falls to 0.006; GELU needs 28 parameters for 0.04; ReLU falls from 0.87 to 0.03. Right, the larger of two: ReLU reaches a few thousandths from 28 parameters on, GELU and SwiGLU stay at 0.03 to 0.1"
figure, panels = plt.subplots(1, 2, figsize=(9.4, 3.7), sharey=True)
for axes, task in zip(panels, TASKS, strict=True):
    for (name, layer), color in zip(RACERS.items(), ("blue", "orange", "red"), strict=True):
        sizes = [u for t, n, u in race if (t, n) == (task, name)]
        errors = np.array([np.maximum(race[task, name, u], 1e-4) for u in sizes])
        centre = np.median(errors, axis=1)
        spread = [centre - errors.min(axis=1), errors.max(axis=1) - centre]
        shift = {"ReLU": 0.97, "GELU": 1.0, "SwiGLU": 1.03}[name]
        parameters = np.array(sizes) * (7 if layer[1] else 4) * shift
        axes.errorbar(parameters, centre, spread, fmt="o-", capsize=3, color=COLORS[color], label=name)
    axes.set(title=task, xlabel="parameters", xscale="log", yscale="log")
    axes.set_xticks([7, 14, 28, 56, 112], ["7", "14", "28", "56", "112"])
    axes.minorticks_off()
panels[0].set_ylabel("error over the target's spread")
panels[0].legend()
plt.show()

# %% tags=["figure", "hide"] alt="Three square colour maps of a product over a and b from minus 1 to 1. Left, the truth: a smooth saddle with hyperbolic contour lines. Middle, 7 ReLU units: the saddle made of flat facets with straight contour lines that break at folds. Right, 4 SwiGLU units: smooth, hardly to be told from the truth"
figure, panels = plt.subplots(1, 3, figsize=(9.4, 3.5), sharey=True)
fine = np.linspace(-1, 1, 101)
fine_a, fine_b = np.meshgrid(fine, fine)
fine_points = np.stack([fine_a.ravel(), fine_b.ravel(), np.ones(fine_a.size)], axis=-1)
maps = {"the truth, a · b": fine_a * fine_b}
for name, units in (("ReLU", 7), ("SwiGLU", 4)):
    errors, learnt = fit(TASKS[multiply], *RACERS[name], units)
    typical = np.argsort(errors)[2]  # the start with the median error
    maps[f"{units} {name} units, 28 parameters"] = learnt(fine_points)[typical].reshape(101, 101)
for axes, (title, surface) in zip(panels, maps.items(), strict=True):
    axes.imshow(surface, extent=(-1, 1, -1, 1), origin="lower", cmap="RdBu_r", vmin=-1.2, vmax=1.2)
    axes.contour(fine, fine, surface, np.linspace(-0.8, 0.8, 9), colors=COLORS["grey"], linewidths=0.9)
    axes.set_title(title, fontsize=10)
    axes.set(xlabel="a", aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    axes.grid(visible=False)
panels[0].set_ylabel("b")
plt.show()

# %% [markdown]
# One picture each for what they are. **A ReLU folds a plane; a gate multiplies.** Neither can do the other's trick
# cheaply, and GELU stands between. Whether a language model has more use for products or for folds, no argument will
# tell. That is what experiments are for.
#
# ## SwiGLU in symbols, and in code
#
# $$ g = W^{\text{gate}} x, \qquad u = W^{\text{up}} x, \qquad h = \operatorname{SiLU}(g) \odot u, \qquad y = W^{\text{down}} h $$
#
# | symbol | what it is | shape |
# |---|---|---|
# | $x$ | input, one vector per position, normalised | (B, T, C) |
# | $W^{\text{gate}}, W^{\text{up}}$ | the two keys of each unit, row by row | (F, C) |
# | $g, u$ | how well each key matches: `gate`, `up` | (B, T, F) |
# | $h$ | what each unit says: `hidden` | (B, T, F) |
# | $W^{\text{down}}$ | what each unit writes, column by column | (C, F) |
# | $y$ | output, added to the residual stream | (B, T, C) |
#
# No position looks at another: the layer could be applied to a shuffled text and would return the same, shuffled.


# %%
def swiglu(gate, up):
    """Return silu(gate) * up, and what the way back needs."""
    value, slope = silu(gate)
    return value * up, (value, slope, up)


print(swiglu(np.array([0.0, 1.0, -1.0, 20.0]), np.array([5.0, 10.0, 10.0, 3.0]))[0].round(4))

# %% [markdown]
# A gate of 0 is shut, whatever stands behind it. A gate of 1 lets through $\sigma(1) = 0.73$ of 10. A gate of −1 lets
# through a little, with the sign turned: SiLU is not quite a gate. At 20 it does not open further, it *amplifies*:
# 60.
#
# ## The gradient, step by step
#
# Given $\bar h = \partial\ell/\partial h$, called `d_out`, we look for $\bar g$ and $\bar u$. The product rule hands
# each factor the other one:
#
# $$ \bar u = \bar h \odot \operatorname{SiLU}(g), \qquad \bar g = \bar h \odot u \odot \operatorname{SiLU}'(g), \qquad \operatorname{SiLU}'(g) = \sigma(g)\big(1 + g\,(1-\sigma(g))\big) $$
#
# Three things to read off:
#
# 1. **The gradient of `up` has no bend in it.** Where the gate is open, it passes as through a plain matrix. That was
#    Dauphin's reason for gates in 2016: a linear path for the gradient.
# 2. **Each key learns only through the other.** Where `up` is zero the gate learns nothing, and the other way round.
#    Two small factors make a very small gradient, two large ones a very large one.
# 3. **The input went two ways**, into `gate` and into `up`, so its gradient is a sum:
#    $\bar x = W^{\text{gate}\top} \bar g + W^{\text{up}\top} \bar u$.


# %%
def swiglu_backward(d_out, saved):
    """Gradients of gate and up."""
    value, slope, up = saved
    return d_out * up * slope, d_out * value


# %% [markdown]
# The layer around it, with a gate or without one, so that all kinds run through the same lines:


# %%
def feed_forward(x, w, bend, gated=True):
    """The layer with a gate, or without one. Return its output and what the way back needs."""
    up, saved_up = reference.linear(x, w["w_up"])  # (*batch, C) -> (*batch, F)
    if gated:
        gate, saved_gate = reference.linear(x, w["w_gate"])
        value, slope = bend(gate)
        hidden, saved = value * up, (saved_up, value, saved_gate, up, slope)
    else:
        hidden, slope = bend(up)
        saved = (saved_up, slope)
    out, saved_down = reference.linear(hidden, w["w_down"])  # (*batch, F) -> (*batch, C)
    return out, (saved, saved_down), hidden


def feed_forward_backward(d_out, saved):
    """The gradient of x, and those of the matrices by name."""
    (saved_up, *rest), saved_down = saved
    grads = {}
    d_hidden, grads["w_down"], _ = reference.linear_backward(d_out, saved_down)
    if len(rest) == 1:  # no gate
        d_x, grads["w_up"], _ = reference.linear_backward(d_hidden * rest[0], saved_up)
        return d_x, grads
    value, saved_gate, up, slope = rest
    d_x_up, grads["w_up"], _ = reference.linear_backward(d_hidden * value, saved_up)
    d_x_gate, grads["w_gate"], _ = reference.linear_backward(d_hidden * up * slope, saved_gate)
    return d_x_up + d_x_gate, grads  # x went two ways


# %% [markdown]
# Check: against the package, against torch's automatic differentiation, and against finite differences.

# %%
gate, up, d_out = rng.normal(0, 2, size=(3, 4, 6))
ours = (swiglu(gate, up)[0], *swiglu_backward(d_out, swiglu(gate, up)[1]))
out, saved = reference.swiglu(gate, up)
package = (out, *reference.swiglu_backward(d_out, saved))
inputs = [torch.tensor(a, requires_grad=True) for a in (gate, up)]
out = F.silu(inputs[0]) * inputs[1]
by_torch = torch.autograd.grad(out, inputs, torch.tensor(d_out))
autograd = (out.detach().numpy(), *(g.numpy() for g in by_torch))
numerical = (
    reference.numerical_gradient(lambda g: np.sum(swiglu(g, up)[0] * d_out), gate),
    reference.numerical_gradient(lambda u: np.sum(swiglu(gate, u)[0] * d_out), up),
)
worst = lambda others, mine: max(map(reference.relative_error, mine, others))
assert worst(package, ours) < 1e-14
assert worst(autograd, ours) < 1e-14
assert worst(numerical, ours[1:]) < 1e-8
for bend, name in ((relu, "relu"), (gelu, "gelu"), (silu, "silu")):
    assert reference.relative_error(bend(gate)[0], getattr(reference, name)(gate)[0]) < 1e-14
assert reference.relative_error(exact_gelu(gate)[0], F.gelu(torch.tensor(gate)).numpy()) < 1e-14
glued = F.glu(torch.tensor(np.hstack([up, gate]))).numpy()
assert np.allclose(glued, up * sigmoid(gate))  # torch's own GLU: the gate is the second half
print("equal to package and torch within 1e-14, to finite differences within 1e-8")

# %% [markdown]
# And the whole layer, every matrix and the input, of each kind that we shall train:

# %%
MATRICES = ("w_gate", "w_up", "w_down")
x, d_out = rng.normal(size=(2, 3, 5))
matrices = dict(zip(MATRICES, (rng.normal(size=s) for s in ((7, 5), (7, 5), (5, 7))), strict=True))
for bend, gated in product((relu, gelu, silu), (False, True)):
    w = {name: matrices[name] for name in MATRICES if gated or name != "w_gate"}
    d_x, grads = feed_forward_backward(d_out, feed_forward(x, w, bend, gated)[1])
    for name, array, found in (("x", x, d_x), *((n, w[n], grads[n]) for n in w)):

        def loss(values, name=name, w=w, bend=bend, gated=gated):
            changed = w if name == "x" else w | {name: values}
            return np.sum(feed_forward(values if name == "x" else x, changed, bend, gated)[0] * d_out)

        assert reference.relative_error(found, reference.numerical_gradient(loss, array)) < 1e-7
print("all gradients of six kinds of layer agree with finite differences")

# %% [markdown]
# ## Three planted mistakes
#
# **Swapped**: `gate * silu(up)`. **GLU's sigmoid**: `sigmoid(gate) * up`. **No product rule**: the right forward, but
# for the slope only $\sigma(g)(1-\sigma(g))$. The first two come with a backward that is right for what they compute.
# Which test sees which?


# %%
def glu(gate, up):
    s = sigmoid(gate)
    return s * up, (s, s * (1 - s), up)


def no_product_rule(gate, up):
    out, (value, _, up) = swiglu(gate, up)
    return out, (value, sigmoid(gate) * (1 - sigmoid(gate)), up)


forwards = {
    "right": (swiglu, swiglu_backward),
    "swapped": (lambda g, u: swiglu(u, g), lambda d, saved: swiglu_backward(d, saved)[::-1]),
    "sigmoid": (glu, swiglu_backward),
    "no product rule": (no_product_rule, swiglu_backward),
}
near = lambda found, expected: np.allclose(found, expected, rtol=1e-4, atol=1e-4)
one, d_out = np.ones(1), rng.normal(size=(4, 6))
tests = {
    "shape": lambda f, back: f(gate, up)[0].shape == up.shape,
    "a gate of 0 is shut": lambda f, back: near(f(0 * gate, up)[0], 0),
    "by hand: (1, 10) gives 7.3106": lambda f, back: near(f(one, 10 * one)[0], 7.3106),
    "gate = up gives silu(x) x": lambda f, back: near(f(up, up)[0], silu(up)[0] * up),
    "gradient check": lambda f, back: near(
        back(d_out, f(gate, up)[1])[0],
        reference.numerical_gradient(lambda g: np.sum(f(g, up)[0] * d_out), gate),
    ),
    "by hand: (2, 10) gives 17.6159": lambda f, back: near(f(2 * one, 10 * one)[0], 17.6159),
    "torch, random numbers": lambda f, back: near(f(gate, up)[0], autograd[0]),
}
print(" " * 32 + "".join(f"{name:>16}" for name in forwards))
for test, passes in tests.items():
    verdicts = ("passes" if passes(*pair) else "CAUGHT" for pair in forwards.values())
    print(f"{test:32}" + "".join(f"{verdict:>16}" for verdict in verdicts))

# %% [markdown]
# - A **gradient check cannot see a wrong forward**: swapped and sigmoid agree with their own derivatives to the last
#   digit.
# - The hand-made example with a gate of 1 lets the sigmoid pass, because $1\cdot\sigma(1)$ and $\sigma(1)$ are one
#   number. A gate of 2 tells them apart. Choose test values at which the mistakes differ.
# - Gate equal to up, which is what a lazy test with one random array does, cannot see a swap.
#
# A model that is *trained* swapped is none the worse: it is SwiGLU with its two matrices renamed. The mistake shows
# on the day when somebody loads weights that were trained the other way. We shall do that below. Forgetting the
# product rule is another matter, since the gradient is wrong from the first step on; we shall train with it, too.
#
# ## Two thirds: the same budget in three matrices
#
# A gate costs a third matrix. To compare layers and not budgets, the width has to pay for it. Without a gate the
# width was $4C$ by custom, which makes $2\cdot C\cdot 4C = 8C^2$ parameters. With three matrices of width $F$:
#
# $$ 3\,C\,F = 2\,C\cdot 4C \quad\Rightarrow\quad F = \tfrac23\cdot 4C = \tfrac83 C $$
#
# That is the "two thirds" of the paper. Beside attention's $4C^2$ it makes two thirds of a block, as in 2017. The
# number of multiplications in a matrix product is the number of parameters, per position; so **equal parameters are
# equal FLOPs**, in the products. What is not equal are the bends. Let us count all of it, by an array that counts
# what is done to it:


# %%
class Counted(np.ndarray):
    """An array that counts the operations on it, one per number; a tanh counts as one."""

    operations = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        result = getattr(ufunc, method)(*(np.asarray(a) for a in inputs), **options)
        Counted.operations += np.asarray(result).size
        return np.asarray(result).view(Counted)


SCALE = math.sqrt(2 / math.pi)
VALUES = {  # the values alone, without the slopes, and whether there is a gate
    "ReLU": (lambda g: np.maximum(g, 0), False),
    "GELU": (lambda g: 0.5 * g * (1 + np.tanh(SCALE * (g + 0.044715 * g * g * g))), False),
    "SwiGLU": (lambda g: g * sigmoid(g), True),
}
print("   C   kind      width   parameters   FLOPs in products   in the rest")
for C, (name, (bend, gated)) in product((48, 4096), VALUES.items()):
    width = 8 * C * C // ((3 if gated else 2) * C)
    Counted.operations, numbers = 0, np.ones(1000).view(Counted)
    hidden = bend(numbers) * numbers if gated else bend(numbers)
    parameters, rest = (3 if gated else 2) * C * width, Counted.operations // 1000 * width
    print(f"{C:5} {name:8} {width:6} {parameters:12,} {2 * parameters:18,} {rest / (2 * parameters):13.3%}")

# %% [markdown]
# At LLaMA's width the bends are a few ten-thousandths of the arithmetic, and in ours a few per cent at most. (For 4096
# channels the widths differ by a fraction of a unit, because $\frac83 C$ is no whole number. That brings us to the next
# point.)
#
# ### Multiples
#
# $\frac83\cdot 4096 = 10922.67$, and LLaMA 7B has 11008. The program that came with the weights rounds up to a
# multiple of 256, and from Llama 2's 70B on there is also a multiplier. The whole rule, and every model that we know
# the ingredients of:


# %%
def hidden_dim(dim, multiplier=1.0, multiple_of=256):
    """Return two thirds of 4 dim, times the multiplier, up to a multiple."""
    hidden = int(multiplier * int(2 * 4 * dim / 3))
    return -(-hidden // multiple_of) * multiple_of


RULES = {
    "llama-1-7b": (1.0, 256),
    "llama-1-13b": (1.0, 256),
    "llama-1-33b": (1.0, 256),
    "llama-1-65b": (1.0, 256),
    "llama-2-70b": (1.3, 4096),
    "llama-3-8b": (1.3, 1024),
    "llama-3.1-405b": (1.2, 4096),
    "llama-3.2-1b": (1.5, 256),
    "llama-3.2-3b": (1.0, 256),
}
print("model              dim   8/3 dim   multiplier, multiple    width = dim times")
for name, (multiplier, multiple_of) in RULES.items():
    cfg = LlamaConfig.named(name)
    width = hidden_dim(cfg.dim, multiplier, multiple_of)
    assert width == cfg.hidden_dim
    print(
        f"{name:15} {cfg.dim:6} {8 * cfg.dim / 3:9.1f} {multiplier:12} {multiple_of:9}"
        f" {width:8} {width / cfg.dim:11.3f}"
    )

# %% [markdown]
# "Make SwiGLU hidden layer size multiple of large power of 2", says a comment in Meta's code, and no more. Hardware
# likes such numbers: NVIDIA's guide to matrix products wants dimensions aligned to 128 bytes on an A100, which is 64
# numbers of 16 bits.
#
# The multiplier has a reason, too, in an appendix of the Llama 2 paper (A.2.1). Sharing keys and values among query
# heads ([chapter 07](07_attention.md)) makes attention smaller, and there the authors widened the feed-forward layers
# by 1.3 "to keep a similar overall parameter count". With that, the 65B of LLaMA 1 can be turned into the 70B of
# Llama 2, step by step:

# %%
old, new = LlamaConfig.named("llama-1-65b"), LlamaConfig.named("llama-2-70b")
shared = old.replace(n_kv_heads=8)
for label, cfg in (
    ("LLaMA 1 65B", old),
    ("8 key/value heads", shared),
    ("and width 28672", shared.replace(hidden_dim=28672)),
):
    print(f"{label:18} {cfg.n_params():15,}")
assert shared.replace(hidden_dim=28672).n_params() == new.n_params()

# %% [markdown]
# > **Departure: the width of the feed-forward layer.**
# >
# > - **Paper.** "We use a dimension of 2/3 4d instead of 4d as in PaLM" (LLaMA, section 2.2). PaLM has SwiGLU at the
# >   full $4d$, three matrices and half as many parameters again.
# > - **Code.** Meta's: `int(2 * hidden_dim / 3)`, times `ffn_dim_multiplier` if there is one, rounded *up* to
# >   `multiple_of`. Hugging Face's, llama.cpp's: the finished number, `intermediate_size`, `feed_forward_length`; no
# >   rule.
# > - **Here.** The finished number, `hidden_dim`.
# > - **What changes.** With the paper's rule alone 7B would have no whole width at all; rounded as in the code, it
# >   has 11008, 0.8% more. For Llama 2 70B the paper's rule gives 21,845, a quarter less than the 28,672 it has.
#
# ## No bias
#
# None of these matrices has a bias, and nor have attention's. What would they cost?

# %%
cfg = LlamaConfig.named("llama-1-7b")
in_attention = 4 * cfg.dim  # queries, keys, values, output
in_feed_forward = 2 * cfg.hidden_dim + cfg.dim
biases = cfg.n_layers * (in_attention + in_feed_forward)
print(f"{biases:,} biases in LLaMA 7B, {biases / cfg.n_params():.3%} of its parameters")

# %% [markdown]
# Next to nothing: memory is not why they went. "No biases were used in any of the dense kernels or layer norms. We
# found this to result in increased training stability for large models", says the PaLM paper (section 2), and no
# more. We have seen two things that speak for it: a unit without a threshold is hard to kill, and a constant channel
# of the stream can stand in for a bias where one is wanted. And each bias would be one more small array to read from
# memory, for one addition per number.
#
# ## The experiment: one budget, five layers
#
# Now the comparison. A small transformer reads stories word by word; attention, norms, embedding, batches and their
# order are the same for all, and so are the initial weights outside the feed-forward layer. That layer has $8C^2$
# parameters: width $4C$ without a gate, $\frac83C$ with one. Everything else is the reader's own from chapters 04 to
# 07, here from the package, where it has the same names. (Chapter 09 puts it together in peace.)

# %%
KINDS = {  # the bend, and whether there is a gate
    "ReLU": (relu, False),
    "GELU": (gelu, False),
    "SiLU": (silu, False),
    "SwiGLU": (silu, True),
    "bilinear": (lambda x: (x, np.ones_like(x)), True),
}


class World:
    """Stories as rows of words, to learn from and held out, and the exact floor of the latter."""

    def __init__(self, level, n_train=6000, n_held_out=200):
        words_of = lambda text: ["<begin>", *re.findall(r"\w+|[^\w\s]", text), "<end>"]
        told = list(islice(Stories(seed=1, level=level), n_train))
        held_out = list(islice(Stories(seed=2, level=level), n_held_out))
        self.words = sorted({word for story in told + held_out for word in words_of(story.text)})
        number = {word: i for i, word in enumerate(self.words)}
        numbers_of = lambda story: [number[word] for word in words_of(story.text)]
        rows_of = lambda stories: one_per_row([numbers_of(story) for story in stories])
        self.train, self.held_out = rows_of(told), rows_of(held_out)
        self.floor = sum(s.nats for s in held_out) / np.sum(self.held_out.targets != -100)


def start(cfg, kind, seed, budget):
    """Weights of a LLaMA with feed-forward layers of a kind, `budget` parameters each."""
    bend, gated = KINDS[kind]
    C, F = cfg.dim, budget // ((3 if gated else 2) * cfg.dim)
    weights = reference.init_weights(cfg.replace(hidden_dim=C), seed)  # the same for all kinds
    own = np.random.default_rng(seed)  # of the feed-forward layers
    size = np.sqrt(np.mean(bend(np.random.default_rng(0).normal(size=100_000))[0] ** 2))
    for layer in range(cfg.n_layers):
        here = f"layers.{layer}.feed_forward."
        del weights[here + "w_gate.weight"]
        matrix = lambda rows, columns, std: own.normal(0, std, (rows, columns)).astype(np.float32)
        weights[here + "w_up.weight"] = matrix(F, C, C**-0.5)
        if gated:
            weights[here + "w_gate.weight"] = matrix(F, C, C**-0.5)
        # the bends let through more or less: every kind shall begin with an output of one size
        weights[here + "w_down.weight"] = matrix(C, F, (2 * cfg.n_layers * F) ** -0.5 / size)
    return weights


# %% [markdown]
# The forward and the backward pass of the whole. Line for line it is what a LLaMA does:

# %%
EPS = 1e-5


def run(weights, cfg, kind, tokens, targets, way_back=feed_forward_backward, record=None):
    """Loss and gradients of a pre-norm transformer with the chosen feed-forward layer."""
    T, grads, tape = tokens.shape[1], {}, []
    angles = reference.rope_table(cfg, 0, T, weights["norm.weight"].dtype)
    place = Place(*angles, reference.causal_mask(T, T))
    x, saved_tokens = reference.embedding(tokens, weights["tok_embeddings.weight"])  # (B, T, C)
    for layer in range(cfg.n_layers):
        w = within(weights, f"layers.{layer}.")
        u, norm_1 = reference.rms_norm(x, w["attention_norm.weight"], EPS)
        mixed, attended = self_attention(u, within(w, "attention."), cfg, place)
        x = x + mixed
        u, norm_2 = reference.rms_norm(x, w["ffn_norm.weight"], EPS)
        matrices = within(w, "feed_forward.")
        matrices = {name.removesuffix(".weight"): array for name, array in matrices.items()}
        out, fed, hidden = feed_forward(u, matrices, *KINDS[kind])
        x = x + out
        tape.append((norm_1, attended, norm_2, fed))
        if record is not None:
            record.append(hidden)
    u, norm = reference.rms_norm(x, weights["norm.weight"], EPS)
    logits, head = reference.linear(u, weights["output.weight"])
    loss, surprise = reference.cross_entropy(logits, targets)
    if way_back is None:
        return loss

    d_logits = reference.cross_entropy_backward(1.0, surprise)
    d_u, grads["output.weight"], _ = reference.linear_backward(d_logits, head)
    d_x, grads["norm.weight"] = reference.rms_norm_backward(d_u, norm)
    for layer, (norm_1, attended, norm_2, fed) in reversed(list(enumerate(tape))):
        here = f"layers.{layer}."
        d_u, inner = way_back(d_x, fed)
        grads |= {f"{here}feed_forward.{name}.weight": grad for name, grad in inner.items()}
        d_branch, grads[here + "ffn_norm.weight"] = reference.rms_norm_backward(d_u, norm_2)
        d_x = d_x + d_branch
        d_u, inner = self_attention_backward(d_x, attended, cfg)
        grads |= {f"{here}attention.{name}": grad for name, grad in inner.items()}
        d_branch, grads[here + "attention_norm.weight"] = reference.rms_norm_backward(d_u, norm_1)
        d_x = d_x + d_branch
    grads["tok_embeddings.weight"] = reference.embedding_backward(d_x, saved_tokens)
    return loss, grads


# %% [markdown]
# With SwiGLU inside it *is* a LLaMA, so there is an oracle: the package's reference model must give the same loss and
# the same gradients.

# %%
easy = World(level=1)
tokens, targets = easy.train.batch(0, batch_size=4)
cfg = LlamaConfig(vocab_size=len(easy.words), dim=24, n_layers=2, n_heads=2, n_kv_heads=2, hidden_dim=64)
weights = start(cfg, "SwiGLU", seed=0, budget=8 * 24 * 24)
weights = {name: array.astype(np.float64) for name, array in weights.items()}
loss, grads = run(weights, cfg, "SwiGLU", tokens, targets)
expected_loss, expected = reference.ReferenceLlama(cfg, weights).loss_and_grads(tokens, targets)
assert abs(loss - expected_loss) < 1e-12
assert all(reference.relative_error(grads[name], expected[name]) < 1e-12 for name in expected)
print("loss and all gradients equal to the package's LLaMA within 1e-12")


# %%
def train(world, kind, rate, seed, *, dim, n_layers, n_heads, steps, way_back=feed_forward_backward):
    """Train with AdamW, warm-up and cosine. Return the held-out gap to the floor, and the model."""
    cfg = LlamaConfig(
        vocab_size=len(world.words), dim=dim, n_layers=n_layers, n_heads=n_heads, n_kv_heads=n_heads
    )
    weights = start(cfg, kind, seed, budget=8 * dim * dim)
    optimizer = reference.AdamW()
    rows = replace(world.train, seed=seed)  # the same batches for all kinds
    for step in range(steps):
        tokens, targets = rows.batch(step, batch_size=8)
        longest = np.sum(targets != -100, axis=1).max()
        _, grads = run(weights, cfg, kind, tokens[:, :longest], targets[:, :longest], way_back)
        reference.clip_gradients(grads, 1.0)
        optimizer.update(weights, grads, rate * reference.cosine(step, steps, warmup=steps // 10))
    rows = world.held_out
    return run(weights, cfg, kind, rows.tokens, rows.targets, None) - world.floor, weights, cfg


# %% [markdown]
# ### A small one, live
#
# First a small model on the smallest world: one block, 24 channels, 160 steps. Three kinds, two learning rates,
# five seeds. One seed means the same start and the same batches for all, so the differences can be taken in pairs.

# %%
SMALL = {"dim": 24, "n_layers": 1, "n_heads": 2, "steps": 160}
SMALL_RATES, SEEDS = (5e-3, 2e-2), range(5)
trained = {
    (kind, rate, seed): train(easy, kind, rate, seed, **SMALL)
    for kind in ("ReLU", "GELU", "SwiGLU")
    for rate in SMALL_RATES
    for seed in SEEDS
}
small = {run_of: gap for run_of, (gap, *_) in trained.items()}


def compare(gaps, kind, rate, other, other_rate):
    """Return the mean difference in pairs of equal seed, and half its 95% interval (Student, n = 5)."""
    differences = np.array([gaps[kind, rate, s] - gaps[other, other_rate, s] for s in SEEDS])
    return differences.mean(), 2.776 * differences.std(ddof=1) / math.sqrt(len(differences))


def best_rate(gaps, kind, rates):
    return min(rates, key=lambda rate: np.mean([gaps[kind, rate, s] for s in SEEDS]))


# %% tags=["nbval-ignore-output"]
print(f"floor {easy.floor:.3f} nats per word; gap to it, mean ± deviation over five seeds")
for kind in ("ReLU", "GELU", "SwiGLU"):
    cells = [[small[kind, rate, s] for s in SEEDS] for rate in SMALL_RATES]
    print(
        f"{kind:7}",
        "  ".join(
            f"{rate:5g}: {np.mean(c):.3f} ± {np.std(c, ddof=1):.3f}"
            for rate, c in zip(SMALL_RATES, cells, strict=True)
        ),
    )
for rate in SMALL_RATES:
    difference, half = compare(small, "SwiGLU", rate, "ReLU", rate)
    print(f"SwiGLU minus ReLU, both at {rate:5g}: {difference:+.3f} ± {half:.3f} (95% interval)")

# %%
assert all(abs(compare(small, "SwiGLU", rate, "ReLU", rate)[0]) < 0.05 for rate in SMALL_RATES)
by_rate = [
    np.mean([small[kind, rate, s] for kind in ("ReLU", "GELU", "SwiGLU") for s in SEEDS])
    for rate in SMALL_RATES
]
print("the rate moves the gap by more than 0.03 nats:", by_rate[0] - by_rate[1] > 0.03)

# %% [markdown]
# The learning rate moves the gap by a tenth of a nat. The kind of layer moves it by about a hundredth, and so does
# another seed. Both intervals contain zero: at this size and length **nobody can tell SwiGLU from ReLU**. Perhaps the
# run is too short. So: more of everything.
#
# ### A larger one, from a file
#
# Two blocks, 48 channels, 1,200 steps, and the world of two friends who talk. Five kinds of layer now: the SiLU layer
# without a gate, and the bilinear layer, a gate without a bend, tell the two ingredients of SwiGLU apart. Three
# rates, five seeds: 75 runs. That is too long for a page that you are waiting for, so the results lie in a file, and
# `MINILLAMA_LONG=1 python chapters/08_swiglu.py` makes it anew, in a quarter of an hour.

# %%
LONG = {"level": 2, "dim": 48, "n_layers": 2, "n_heads": 4, "steps": 1200}
LONG_SHAPE = {name: value for name, value in LONG.items() if name != "level"}
LONG_RATES = (2e-3, 4e-3, 8e-3)
FILE = next(f for f in (Path("data"), Path("chapters/data")) if f.is_dir()) / "08_swiglu.json"
hard = World(LONG["level"])

if os.environ.get("MINILLAMA_LONG"):
    recorded = {"settings": LONG, "gaps": {}}
    for kind, rate, seed in product(KINDS, LONG_RATES, SEEDS):
        gap, *_ = train(hard, kind, rate, seed, **LONG_SHAPE)
        recorded["gaps"][f"{kind} {rate:g} {seed}"] = round(gap, 5)
        FILE.write_text(json.dumps(recorded, indent=1) + "\n")

recorded = json.loads(FILE.read_text())
assert recorded["settings"] == LONG
long = {
    (kind, float(rate), int(seed)): gap
    for (kind, rate, seed), gap in ((name.split(), gap) for name, gap in recorded["gaps"].items())
}
assert set(long) == set(product(KINDS, LONG_RATES, SEEDS))
print(f"{len(long)} runs; {len(hard.words)} words, floor {hard.floor:.3f} nats per word")
print("gap to the floor, mean ± standard deviation over five seeds, by learning rate")
for kind in KINDS:
    cells = [np.array([long[kind, rate, s] for s in SEEDS]) for rate in LONG_RATES]
    print(
        f"{kind:8}",
        "  ".join(
            f"{r:5g}: {c.mean():.4f} ± {c.std(ddof=1):.4f}" for r, c in zip(LONG_RATES, cells, strict=True)
        ),
    )

# %%
own_rate = {kind: best_rate(long, kind, LONG_RATES) for kind in KINDS}
against_relu = {
    kind: compare(long, kind, own_rate[kind], "ReLU", own_rate["ReLU"]) for kind in KINDS if kind != "ReLU"
}
print("each at its own best rate, minus ReLU at its best; 95% interval of the mean")
for kind, (difference, half) in against_relu.items():
    verdict = "within noise" if abs(difference) < half else "beyond noise"
    print(f"{kind:8} at {own_rate[kind]:g}: {difference:+.4f} ± {half:.4f} nats per word, {verdict}")
in_pairs = [long["SwiGLU", own_rate["SwiGLU"], s] - long["ReLU", own_rate["ReLU"], s] for s in SEEDS]
print("SwiGLU minus ReLU, seed by seed:", "  ".join(f"{difference:+.4f}" for difference in in_pairs))

# %% tags=["figure", "hide"] alt="Two panels. Left, the gap to the floor against the learning rate, 0.002 to 0.008, mean and standard deviation over five seeds, for five kinds of layer: at 0.002 and 0.004 all lie between 0.016 and 0.024 with bars that overlap, at 0.008 SwiGLU is highest, at 0.032, with a long bar. Right, for GELU, SiLU, SwiGLU and bilinear, the difference to ReLU, each at its own best rate: five dots for the seeds, and the mean with its 95 per cent interval beside a dashed line at zero"
figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.9), width_ratios=(1.15, 1))
HUES = dict(zip(KINDS, ("blue", "orange", "green", "red", "purple"), strict=True))
for k, kind in enumerate(KINDS):
    cells = np.array([[long[kind, rate, s] for s in SEEDS] for rate in LONG_RATES])
    shifted = np.array(LONG_RATES) * 1.03 ** (k - 2)
    left.errorbar(
        shifted,
        cells.mean(axis=1),
        cells.std(axis=1, ddof=1),
        fmt="o-",
        capsize=3,
        color=COLORS[HUES[kind]],
        label=kind,
    )
left.set(xscale="log", xlabel="learning rate", ylabel="gap to the floor, nats per word", ylim=(0, None))
left.set_xticks(LONG_RATES, [f"{r:g}" for r in LONG_RATES])
left.minorticks_off()
left.legend(ncols=2, loc="lower left")
for place, (kind, (difference, half)) in enumerate(against_relu.items()):
    pairs = [long[kind, own_rate[kind], s] - long["ReLU", own_rate["ReLU"], s] for s in SEEDS]
    right.plot([place - 0.18] * len(pairs), pairs, "o", color=COLORS[HUES[kind]], alpha=0.5, ms=4)
    right.errorbar(place + 0.08, difference, half, fmt="D", capsize=4, color=COLORS[HUES[kind]])
right.axhline(0, ls="--", color=COLORS["grey"], lw=1)
right.set_xticks(range(len(against_relu)), against_relu)
right.set(ylabel="gap minus ReLU's, nats per word", xlim=(-0.6, len(against_relu) - 0.4))
right.grid(axis="x", visible=False)
plt.show()

# %%
for rate in LONG_RATES:
    difference, half = compare(long, "SwiGLU", rate, "ReLU", rate)
    verdict = "within noise" if abs(difference) < half else "beyond noise"
    print(f"SwiGLU minus ReLU, both at {rate:g}: {difference:+.4f} ± {half:.4f}, {verdict}")
relative_gain = (1.997 - 1.944) / 1.997  # Shazeer 2020, table 1: ReLU and SwiGLU after 65,536 steps
our_loss = hard.floor + np.mean([long["ReLU", own_rate["ReLU"], s] for s in SEEDS])
gain_here = relative_gain * our_loss
print(f"Shazeer's gain, {relative_gain:.1%} of the loss, would be {gain_here:.4f} nats here")
seeds_needed = (1.96 * np.std(in_pairs, ddof=1) / (gain_here / 2)) ** 2
print(f"seeds for an interval of plus or minus half of that: {math.ceil(seeds_needed)}")

# %% [markdown]
# The file's numbers were made beforehand. So one of its runs is done again here, in front of you: SwiGLU, seed 0, at
# its best rate. On the machine that made the file it gives the recorded number; on another, rounding differs, and
# after 1,200 steps the run is another one of the same kind. It must come to lie within the spread of the seeds.

# %%
again, weights, cfg = train(hard, "SwiGLU", own_rate["SwiGLU"], 0, **LONG_SHAPE)
assert abs(again - long["SwiGLU", own_rate["SwiGLU"], 0]) < 0.012
print("the run done again lies within 0.012 nats of the recorded one")

# %% [markdown]
# **At its own best rate, every layer is within noise of every other.** Four things to take home from a null result:
#
# - **The dots.** On one seed SwiGLU is a hundredth of a nat worse than ReLU, on another five thousandths better.
#   Whoever trains once can report either, in good faith.
# - **The rates.** From the lowest rate to the highest the sign of the difference changes, and at the highest SwiGLU is
#   behind by a hair more than noise. Whoever compares at that rate alone has a result to publish; at their own best,
#   both are at 0.004, and it is gone. A drift that way is what one expects of a product, in which a step moves both
#   factors, but of three intervals one lies beside zero easily.
# - **The ingredients.** Neither the bend alone, SiLU, nor the gate alone, the bilinear layer, stands out.
# - **What we could have seen.** Shazeer's gain, as a share of the loss, would be 0.006 nats here, and our interval is
#   wider than that. The experiment does not contradict him: it is too small to see what he saw. "Not found" is not
#   "not there", and the cell above says how many seeds it would take.
#
# ### The careless gradient, trained
#
# As promised: SwiGLU trained with the slope $\sigma(1-\sigma)$ alone.


# %% tags=["nbval-ignore-output"]
def careless_backward(d_out, saved):
    (saved_up, value, saved_gate, up, _), saved_down = saved
    s = sigmoid(reference.linear(saved_gate.x, saved_gate.weight)[0])
    saved = (saved_up, value, saved_gate, up, s * (1 - s)), saved_down
    return feed_forward_backward(d_out, saved)


options = SMALL | {"way_back": careless_backward}
careless = [train(easy, "SwiGLU", 2e-2, seed, **options)[0] for seed in range(3)]
careful = [small["SwiGLU", 2e-2, seed] for seed in range(3)]
print(f"three seeds: right gradient {np.mean(careful):.3f}, careless {np.mean(careless):.3f}")
assert np.mean(careless) < 1

# %% [markdown]
# A hundredth of a nat, no more than another seed makes. In [chapter 05](05_rmsnorm_and_pre_norm.md) the careless
# gradient was clearly slower; here the loss keeps silent, and only the gradient check speaks. Whoever looks for bugs by
# looking at losses will not find this one.
#
# ## What the units have learnt
#
# Back to the memory of keys and values, with the model just trained. For each unit of its second layer we look up the
# held-out words at which it speaks loudest, and ask what it then writes: its column of $W^{\text{down}}$, seen
# through the output head, raises the logits of some words. The most faithful units, those whose thirty loudest
# moments fall on one and the same word:

# %% tags=["nbval-ignore-output"]
heard = []
rows = hard.held_out
run(weights, cfg, "SwiGLU", rows.tokens, rows.targets, None, record=heard)
here = rows.targets != -100
words_read, loudness = rows.tokens[here], heard[1][here]  # (N,), (N, F)
head = weights["output.weight"] * weights["norm.weight"]  # (V, C)
readout = head @ weights["layers.1.feed_forward.w_down.weight"]  # (V, C) @ (C, F)
units = []
for unit in range(loudness.shape[1]):
    loudest = np.argsort(-np.abs(loudness[:, unit]))[:30]
    word, times = Counter(words_read[loudest].tolist()).most_common(1)[0]
    sign = np.sign(loudness[loudest, unit].sum())
    written = [hard.words[w] for w in np.argsort(-sign * readout[:, unit])[:4]]
    units.append((times, np.abs(loudness[loudest, unit]).mean(), hard.words[word], unit, written))
units.sort(reverse=True)
shown = {}
for times, _, word, unit, written in units:
    shown.setdefault(word, (unit, times, written))
for word, (unit, times, written) in list(shown.items())[:9]:
    print(f"unit {unit:3}: {times} of 30 at {word!r:12} and it writes: {'  '.join(written)}")
faithful = np.mean([times >= 20 for times, *_ in units])
print(f"{faithful:.0%} of {len(units)} units have one word in 20 or more of their 30 loudest moments")

# %%
assert faithful > 0.1

# %% [markdown]
# It reads like an index. At *my* a unit proposes colours, at *shared* numbers, at *us* verbs, at *was* where it was
# hidden: what follows such a word in our stories. These are the bigrams of [chapter 03](03_predicting_the_next_token.md), found again as rows and columns of a matrix. Geva and others find in large
# models what this suggests, "shallow patterns" in the lower layers and meaning further up. About half of our units
# are not so plain, and this view shows only half of a unit: it has two keys, and we looked at their product.
#
# ### How many speak at once
#
# Take the small models that we trained side by side. At a given word, how many of the units carry nine tenths of the
# squared length of $h$? How many of a ReLU layer's are exactly zero, and are any dead?


# %% tags=["nbval-ignore-output"]
def hidden_of(kind, seed):
    """What the units of a trained small model say at every held-out word."""
    _, weights, cfg = trained[kind, 2e-2, seed]
    heard, rows = [], easy.held_out
    run(weights, cfg, kind, rows.tokens, rows.targets, None, record=heard)
    return heard[0][rows.targets != -100]


def carriers(hidden):
    """Return the mean share of units that carry 90% of the squared length."""
    share = -np.sort(-(hidden**2), axis=1)
    share = np.cumsum(share, axis=1) / np.sum(share, axis=1, keepdims=True)
    return np.mean(np.sum(share < 0.9, axis=1) + 1) / hidden.shape[1]


spread_out = {
    kind: np.mean([carriers(hidden_of(kind, s)) for s in SEEDS]) for kind in ("ReLU", "GELU", "SwiGLU")
}
for kind, share in spread_out.items():
    width = hidden_of(kind, 0).shape[1]
    print(f"{kind:7} {share:4.0%} of {width} units, {share * width:.0f} of them, carry nine tenths of h")
relu_hidden = [hidden_of("ReLU", s) for s in SEEDS]
silent = np.mean([np.mean(h == 0) for h in relu_hidden])
dead = sum(int(np.sum(~(h > 0).any(axis=0))) for h in relu_hidden)
print(f"ReLU: {silent:.0%} of the units are silent at a word; dead in all five models: {dead}")
assert 0.5 < silent < 0.98
assert dead <= 5

# %% [markdown]
# At any one word a few units do the talking. More than half of a ReLU layer's are silent, and none is dead, as the
# geometry without bias had it.
#
# ### The swap, in a trained model
#
# And the second promise: the model just trained, with gate and up exchanged.

# %% tags=["nbval-ignore-output"]
swapped = dict(weights)
for layer in range(cfg.n_layers):
    gate_name, up_name = (f"layers.{layer}.feed_forward.{name}.weight" for name in ("w_gate", "w_up"))
    swapped[gate_name], swapped[up_name] = weights[up_name], weights[gate_name]
wrong = run(swapped, cfg, "SwiGLU", rows.tokens, rows.targets, None) - hard.floor
print(f"gap to the floor {again:.3f} nats per word; with gate and up swapped {wrong:.2f}")
assert wrong > 10 * again

# %% [markdown]
# No error, no warning, and the gap is more than ten times what it was. A swapped checkpoint looks like a badly
# trained model.
#
# > **Departure: which of the three matrices is the gate.**
# >
# > - **Paper.** Dauphin and others (2016) write the gate second, $(xW + b)\odot\sigma(xV + c)$; Shazeer (2020,
# >   equation 6) writes it first, $\big(\operatorname{Swish}(xW)\odot xV\big)W_2$.
# > - **Code.** Meta's files have `w1` for the gate, `w3` for up, `w2` for down. Hugging Face's LLaMA says
# >   `gate_proj`, `up_proj`, `down_proj`; its Phi-3 has gate and up in one matrix, the gate in the first half of the
# >   rows; its gpt-oss has them row by row in turn. PyTorch's `F.glu` takes the *second* half for the gate.
# > - **Here.** `w_gate`, `w_up`, `w_down`, three matrices.
# > - **What changes.** All of them have the same shapes, so no program complains about a swap. The cell above shows
# >   what it does.
#
# ## In the real LLaMA
#
# "We replace the ReLU non-linearity by the SwiGLU activation function, introduced by Shazeer (2020) to improve the
# performance", says the LLaMA paper (section 2.2), and credits PaLM with the idea. Shazeer's paper is short, and this
# is its central measurement (table 1). The loss on held-out text of a T5 model that fills gaps, 12 + 12 layers, 768
# channels, width 3072 without and 2048 with a gate; in brackets the standard deviation over four runs:
#
# | layer | 65,536 steps | 524,288 steps |
# |---|---|---|
# | ReLU | 1.997 (0.005) | 1.677 |
# | GELU | 1.983 (0.005) | 1.679 |
# | Swish | 1.994 (0.003) | 1.683 |
# | GLU | 1.982 (0.006) | 1.663 |
# | bilinear | 1.960 (0.005) | 1.648 |
# | ReGLU | 1.953 (0.003) | 1.645 |
# | GEGLU | 1.942 (0.004) | 1.633 |
# | SwiGLU | 1.944 (0.010) | 1.636 |
#
# Read it as we read ours. After the long run the bends alone, 1.677 to 1.683, differ hardly more than the short runs
# spread. There every gate beats every bend. **Even the bilinear layer does, which has no bend at all**: it is the
# product that counts, and only then what bends. Between GEGLU and SwiGLU the difference is 0.003, and nobody can say
# from this table which is better. The gain is 0.04 to 0.05 nats, several times the spread of the runs, in a model
# thousands of times the size of ours, after thousands of times as many words.
#
# As for why: "We offer no explanation as to why these architectures seem to work; we attribute their success, as all
# else, to divine benevolence" (section 4). We have offered one, that gates multiply, and shown it on a task where it
# is true. That language is such a task, our stories have not shown.
#
# How the family went on:
#
# | model | bend and gate | width over channels |
# |---|---|---|
# | GPT-2 | GELU (tanh), no gate, biases | 4 |
# | PaLM | SwiGLU, no biases | 4 |
# | LLaMA 1, Llama 2 7B and 13B | SwiGLU, no biases | 2.67, rounded up |
# | Llama 2 70B, Llama 3 8B and 70B, Mistral 7B | SwiGLU, no biases | 3.5 |
# | Gemma | GEGLU (tanh), no biases | 8 |
# | gpt-oss | SwiGLU with both factors clamped, $\operatorname{up} + 1$, experts | — |

# %%
for name in ("mistral-7b-v0.1", "gemma-2b", "qwen2-7b", "phi-3-mini-4k", "smollm2-135m"):
    cfg = LlamaConfig.named(name)
    share = count_parameters(cfg).feed_forward / cfg.n_params()
    ratio = cfg.hidden_dim / cfg.dim
    print(f"{name:16} {cfg.activation:10} width {cfg.hidden_dim:6} = {ratio:.2f} dim, {share:.0%} of all")

# %% [markdown]
# Two thirds of $4C$ was a rule for a fair comparison. Once the comparison was won, it became a number like any
# other. In Meta's code SiLU is computed in the numbers' own 16 bits, unlike the norm and the softmax, which are
# lifted to 32 first: it is a function of single numbers, nothing is summed, and no errors add up.
#
# A last use of the memory's picture: the share of silent units is work that need not be done. In a trained T5 of base
# size only 3% of a ReLU layer's entries are not zero (Li and others, 2022). A SwiGLU layer has no zeros, and who
# wants to save that work has to look for small numbers instead.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
answers = (
    100 * counted.feed_forward / counted.total,
    2,
    distance.max(),
    100 * silent,
    -against_relu["SwiGLU"][0],
)
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    print(f"{question}: you said {guess:g}, it is {answer:.2g}")

# %% [markdown]
# ## Exercises
#
# - [08.1](../exercises/08_1_gelu_slope.md) The slope of GELU
# - [08.2](../exercises/08_2_feed_forward.md) A SwiGLU layer, forward
# - [08.3](../exercises/08_3_swiglu_backward.md) SwiGLU, backward
# - [08.4](../exercises/08_4_hidden_dim.md) Where 11008 comes from
# - [08.5](../exercises/08_5_equal_budget.md) A fair fight
#
# ## What you can now do
#
# - write the feed-forward layer of GPT-2 and of LLaMA with their gradients, and say what a gate can do that a bend
#   cannot;
# - choose test values that tell a swapped gate, a sigmoid and a forgotten product rule apart;
# - compute the width of any LLaMA's layers, and turn the 65B into the 70B;
# - compare two architectures fairly: same parameters, same arithmetic, each at its own learning rate, in pairs over
#   seeds;
# - say "within noise" when it is.
#
# Next: all parts are on the table. Chapter 09 puts them together, and trains.
#
# ## References
#
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.2.
# - N. Shazeer (2020), *GLU variants improve Transformer*, arXiv 2002.05202.
# - Y. Dauphin, A. Fan, M. Auli, D. Grangier (2016), *Language modeling with gated convolutional networks*, arXiv
#   1612.08083.
# - A. Chowdhery and others (2022), *PaLM*, arXiv 2204.02311, section 2.
# - H. Touvron and others (2023), *Llama 2*, arXiv 2307.09288, appendix A.2.1.
# - D. Hendrycks, K. Gimpel (2016), *Gaussian error linear units (GELUs)*, arXiv 1606.08415.
# - P. Ramachandran, B. Zoph, Q. Le (2017), *Searching for activation functions*, arXiv 1710.05941 (Swish).
# - S. Elfwing, E. Uchibe, K. Doya (2017), *Sigmoid-weighted linear units*, arXiv 1702.03118 (SiLU).
# - M. Geva, R. Schuster, J. Berant, O. Levy (2021), *Transformer feed-forward layers are key-value memories*, arXiv
#   2012.14913.
# - Z. Li and others (2022), *The lazy neuron phenomenon*, arXiv 2210.06313.
# - NVIDIA, *Matrix multiplication background user's guide*, section on tensor cores.
