# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 05 · RMSNorm and pre-norm
#
# **Question.** Why does every layer of LLaMA begin by dividing its input by its own size, and why at the entrance rather
# than at the exit?
#
# A deep network is a long product. Multiply 128 numbers that are all a little above one and you get something
# enormous; a little below, and nothing is left. The layers of a transformer are matrices, but the arithmetic is the
# same, and for the gradient, which travels back through the same layers, it is the same again. Normalisation is how
# a network keeps its numbers near one all the way up and all the way down.
#
# It is four lines of code. You will write them, derive their gradient by hand, and break them in two ways that a hasty
# test lets pass. Then comes the harder question, where the four lines belong. The usual answer is a story about
# gradients that explode or vanish. We will measure the gradients, in stacks of 2 to 64 blocks, and find that the story
# is half right: something else goes wrong first.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # our matrices are small: a second thread only costs

import math
import re
import time
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F

from minillama import reference
from minillama.book.plotting import COLORS, use_style
from minillama.config import LlamaConfig
from minillama.data.stories import Stories

use_style()
rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. Pre-norm means: normalise the input of each layer. Post-norm: normalise
# after the layer's output has been added. Some words may be new; guess all the same. The end of the chapter compares.

# %%
prediction = {
    "post-norm, 64 untrained blocks: gradient of the first over the last's": 0.001,
    "pre-norm, 64 untrained blocks: gradient of the first over the last's": 1.0,
    "nats gained by subtracting the mean: LayerNorm over RMSNorm": 0.05,
    "per cent of LLaMA 7B's parameters that belong to norms": 1.0,
}

# %% [markdown]
# ## The idea: keep the direction, fix the length
#
# At each position of a text, a transformer carries a vector of $C$ numbers, the *residual stream*. A vector is a
# direction and a length. **RMSNorm keeps the direction and sets the length to $\sqrt{C}$.** That is all it does. The
# length $\sqrt C$ is chosen so that a typical entry is about 1, whatever the width.
#
# Its older relative **LayerNorm** does one thing more: first it subtracts the mean of the entries. In pictures,
# subtracting the mean is also a projection: it removes the part of the vector that points along
# $\mathbf{1} = (1, \dots, 1)$, and drops the vector onto the plane at a right angle to it. Then the length is set.

# %% tags=["figure", "hide"] alt="Left: a plane with eleven arrows from grey points at various distances to a circle of radius square root of two; each point moves straight towards the origin or away from it. Right: a sphere in three dimensions. Blue points lie all over the sphere, where RMSNorm puts them; orange points lie on one great circle, where LayerNorm puts the same inputs, at a right angle to the dashed line through the origin and (1, 1, 1)"
figure = plt.figure(figsize=(9.5, 4.4))
axes = figure.add_subplot(1, 2, 1)
angles = np.linspace(0, 2 * np.pi, 200)
axes.plot(math.sqrt(2) * np.cos(angles), math.sqrt(2) * np.sin(angles), color=COLORS["blue"], lw=1)
turn = 2 * np.pi * np.arange(11) / 11
points = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * np.tile([0.35, 2.1, 0.8, 1.8], 3)[:11, None]
on_circle = points / np.sqrt(np.mean(points**2, axis=-1, keepdims=True))
for start, end in zip(points, on_circle, strict=True):
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": COLORS["grey"], "shrinkB": 4})
axes.plot(*points.T, "o", color=COLORS["grey"])
axes.plot(*on_circle.T, "o", color=COLORS["blue"])
axes.text(*(points[1] + [0.08, 0.05]), "$x$")
axes.text(*(on_circle[1] + [-0.1, -0.25]), r"$\hat x$", color=COLORS["blue"])
axes.set(aspect="equal", title="C = 2: RMSNorm, onto a circle", xlabel="channel 1", ylabel="channel 2")

axes = figure.add_subplot(1, 2, 2, projection="3d")
points = rng.normal(size=(60, 3))
rms_out = points / np.sqrt(np.mean(points**2, axis=-1, keepdims=True))
centred = points - points.mean(axis=-1, keepdims=True)
layer_out = centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True))
u, v = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(0, np.pi, 13))
ball = math.sqrt(3) * np.array([np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v)])
axes.plot_wireframe(*ball, color=COLORS["grey"], alpha=0.2, lw=0.6)
axes.plot([-1.5, 1.5], [-1.5, 1.5], [-1.5, 1.5], "--", color=COLORS["grey"], lw=1)
axes.text(1.55, 1.55, 1.55, "$(1,1,1)$", color=COLORS["grey"])
axes.scatter(*rms_out.T, color=COLORS["blue"], s=14, label="RMSNorm of 60 random vectors")
axes.scatter(*layer_out.T, color=COLORS["orange"], s=14, label="LayerNorm of the same")
axes.set_box_aspect((1, 1, 1), zoom=1.45)
axes.set_axis_off()
axes.set_title("C = 3: onto a sphere, or a circle on it")
axes.patch.set_alpha(0)
axes.view_init(elev=18, azim=-20)
figure.legend(*axes.get_legend_handles_labels(), loc="lower right")
plt.show()

# %% [markdown]
# Both throw something away. RMSNorm forgets the length: one number out of $C$. LayerNorm forgets the length and the
# mean: two. With $C = 3$ the difference is visible, a sphere against a circle. With $C = 4096$ it is 4095 dimensions
# against 4094. Keep this in mind when we ask whether the mean matters.
#
# ## RMSNorm in symbols, and in code
#
# $$ r = \Big(\frac{1}{C}\sum_{i=1}^{C} x_i^2 + \varepsilon\Big)^{-1/2}, \qquad \hat x_i = r\,x_i, \qquad y_i = w_i\,\hat x_i $$
#
# | symbol | what it is | shape |
# |---|---|---|
# | $x$ | input: one vector per position | (\*batch, C) |
# | $r$ | one over the root mean square, `inv_rms` | (\*batch, 1) |
# | $\hat x$ | direction of $x$ at length $\sqrt C$, `x_hat` | (\*batch, C) |
# | $w$ | learnt factors, one per channel, 1 at the start: `weight` | (C,) |
# | $\varepsilon$ | a small number that keeps a vector of zeros from dividing by zero: `eps` | one number |
# | $y$ | output: `out` | (\*batch, C) |
#
# Each vector is normalised by itself. No other position and no other text of the batch has a say, so a sentence gets
# the same result alone and in company. (Batch normalisation, the method of image networks, is different there.)


# %%
def rms_norm(x, weight, eps):
    """Set each vector's root mean square to one, then scale the channels."""
    inv_rms = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)  # (*batch, 1)
    x_hat = x * inv_rms
    return x_hat * weight, (x_hat, inv_rms, weight)


x = np.array([[1.0, 7.0], [2.0, 14.0], [0.0, 0.0]])
out, (x_hat, inv_rms, _) = rms_norm(x, weight=np.ones(2), eps=1e-6)
print("out\n", out.round(3))
print(
    "root mean square before",
    (1 / inv_rms[:, 0]).round(3),
    "and after",
    np.sqrt(np.mean(out**2, axis=-1)).round(3),
)

# %% [markdown]
# By hand: the mean square of (1, 7) is (1 + 49) / 2 = 25, the root 5, and so (0.2, 1.4). The second vector is the
# first one doubled, and comes out the same. The third is why $\varepsilon$ is there: zeros stay zeros.
#
# LayerNorm is the same four lines with a mean taken off first and a bias added last:
#
# $$ \tilde x_i = x_i - \frac1C\sum_j x_j, \qquad \hat x_i = \tilde x_i\Big(\frac{1}{C}\sum_j \tilde x_j^2 + \varepsilon\Big)^{-1/2}, \qquad y_i = w_i \hat x_i + b_i $$


# %%
def layer_norm(x, weight, bias, eps):
    """RMSNorm of the centred vector, plus a bias."""
    centred = x - np.mean(x, axis=-1, keepdims=True)
    out, saved = rms_norm(centred, weight, eps)
    return out + bias, saved


print(layer_norm(x, np.ones(2), np.zeros(2), eps=1e-6)[0].round(3))

# %% [markdown]
# With two channels nothing is left but a sign: (−1, 1) for every input whose second entry is the larger. The picture's
# circle has become two points.
#
# ## The gradient, step by step
#
# Training needs the way back. Let $\ell$ be the loss and write $\bar y = \partial \ell/\partial y$, an array of
# $y$'s shape, `d_out` in the code. We are given $\bar y$ and look for $\bar w$ and $\bar x$.
#
# **The weight** is easy. $y_i = w_i \hat x_i$ for every vector of the batch, and one $w_i$ serves them all, so the
# contributions add up: $\bar w_i = \sum_{\text{vectors}} \bar y_i \hat x_i$. By the same product,
# $\bar{\hat x}_i = \bar y_i w_i$.
#
# **The input** is where it gets interesting, because each $x_j$ acts twice: on its own output, and through $r$ on all
# of them. First, how $r$ depends on $x_j$, by the chain rule:
#
# $$ r = (m + \varepsilon)^{-1/2},\quad m = \frac1C\sum_i x_i^2 \quad\Rightarrow\quad \frac{\partial r}{\partial x_j} = -\tfrac12 (m+\varepsilon)^{-3/2}\cdot\frac{2x_j}{C} = -\frac{r^3 x_j}{C}. $$
#
# Then the product rule on $\hat x_i = r x_i$:
#
# $$ \frac{\partial \hat x_i}{\partial x_j} = r\,\delta_{ij} + x_i\frac{\partial r}{\partial x_j} = r\,\delta_{ij} - \frac{r^3 x_i x_j}{C} = r\Big(\delta_{ij} - \frac{\hat x_i \hat x_j}{C}\Big). $$
#
# In the last step two of the three factors $r$ went into making $x_i$ and $x_j$ into $\hat x_i$ and $\hat x_j$. As a
# matrix, this is worth a frame:
#
# $$ \boxed{\;J = \frac{\partial \hat x}{\partial x} = r\Big(I - \frac{\hat x \hat x^\top}{C}\Big)\;} $$
#
# Since $\hat x$ has length $\sqrt C$, the matrix in brackets is the **projection onto the directions at a right angle
# to $x$**. Everything about RMSNorm's gradient can be read from this:
#
# 1. **No gradient along $x$.** $Jx = 0$ up to $\varepsilon$. Stretching $x$ changes nothing, so the loss cannot care.
# 2. **All other directions are multiplied by $r$, one over the size of $x$.** Large input, small gradient. The whole
#    second half of this chapter hangs on this factor.
# 3. **Scale invariance has a price tag:** if $x$ becomes $a$ times as large, $y$ stays and $\bar x$ shrinks to $1/a$.
#
# Finally $\bar x = J^\top \bar{\hat x}$, and $J$ is symmetric. Written out, with the mean over channels as a number:
#
# $$ \bar x = r\Big(\bar{\hat x} - \hat x \cdot \frac1C\sum_i \bar{\hat x}_i \hat x_i\Big). $$
#
# No matrix of $C \times C$ is ever made: one mean, and a few products.


# %%
def rms_norm_backward(d_out, saved):
    """Gradients of x and weight."""
    x_hat, inv_rms, weight = saved
    d_weight = (d_out * x_hat).reshape(-1, x_hat.shape[-1]).sum(axis=0)  # (*batch, C) -> (C,)
    d_x_hat = d_out * weight
    along = np.mean(d_x_hat * x_hat, axis=-1, keepdims=True)  # how much of it points along x
    return inv_rms * (d_x_hat - x_hat * along), d_weight


x = rng.normal(size=(5, 8))
weight, d_out = rng.normal(1, 0.3, size=8), rng.normal(size=(5, 8))
d_x, d_weight = rms_norm_backward(d_out, rms_norm(x, weight, 0.0)[1])
d_x_of_10x, _ = rms_norm_backward(d_out, rms_norm(10 * x, weight, 0.0)[1])
print("d_x at a right angle to x:   ", np.abs(np.sum(d_x * x, axis=-1)).max() < 1e-13)
print("d_x of 10x, times 10, is d_x:", np.allclose(10 * d_x_of_10x, d_x))

# %% tags=["figure", "hide"] alt="A circle with a vector x outside it and its image x hat on the circle. From x hat an orange arrow shows the gradient that arrives; a dotted line takes away its part along x, and what is left is a red arrow tangent to the circle. The same red arrow starts at x, shorter by the factor one over the root mean square of x"
figure, axes = plt.subplots(figsize=(5.4, 4))
point, incoming = np.array([2.5, 0.9]), np.array([0.25, 0.75])
hat, saved = rms_norm(point, np.ones(2), 0.0)
back, _ = rms_norm_backward(incoming, saved)
tangent = back / saved[1]
axes.plot(math.sqrt(2) * np.cos(angles), math.sqrt(2) * np.sin(angles), color=COLORS["blue"], lw=1)
axes.plot([0, point[0]], [0, point[1]], ":", color=COLORS["grey"], lw=1)
axes.plot(*np.array([hat + tangent, hat + incoming]).T, ":", color=COLORS["orange"])
for start, step, color in ((hat, incoming, "orange"), (hat, tangent, "red"), (point, back, "red")):
    arrow = {"arrowstyle": "-|>", "color": COLORS[color], "lw": 1.8, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", start + step, start, arrowprops=arrow)
axes.plot(*point, "o", color=COLORS["grey"])
axes.plot(*hat, "o", color=COLORS["blue"])
for at, (right, up), label, color in (
    (point, (0.05, -0.17), "$x$", "grey"),
    (hat, (-0.22, -0.12), r"$\hat x$", "blue"),
    (hat + incoming, (-0.15, 0.07), "what arrives", "orange"),
    (hat + tangent, (-0.78, 0.06), "projected", "red"),
    (point + back, (0.07, -0.05), "times $r$", "red"),
):
    axes.text(at[0] + right, at[1] + up, label, color=COLORS[color], fontsize=12)
axes.set(aspect="equal", xlim=(-0.1, 3), ylim=(-0.1, 1.75), xlabel="channel 1", ylabel="channel 2")
plt.show()

# %% [markdown]
# The picture holds the derivation. The gradient that arrives (orange) loses its part along $x$; what is left is tangent
# to the circle. Out at $x$, the same arrow is shorter: $x$ is further out, so a step there moves $\hat x$ less.
#
# LayerNorm adds one more projection. Centring is $\tilde x = (I - \mathbf 1\mathbf 1^\top / C)\,x$, a symmetric
# matrix, so on the way back the same matrix is applied: subtract the mean of the gradient.
#
# $$ \bar x = r\Big(\bar{\hat x} - \text{mean}(\bar{\hat x}) - \hat x\,\text{mean}(\bar{\hat x}\,\hat x)\Big), \qquad \bar b_i = \sum_{\text{vectors}} \bar y_i. $$


# %%
def layer_norm_backward(d_out, saved):
    """Gradients of x, weight and bias."""
    d_centred, d_weight = rms_norm_backward(d_out, saved)
    d_bias = d_out.reshape(-1, d_out.shape[-1]).sum(axis=0)
    return d_centred - np.mean(d_centred, axis=-1, keepdims=True), d_weight, d_bias


# %% [markdown]
# ## Check: three independent witnesses
#
# We derived it and coded it, and the same head made both. So we ask others: the package, finite differences (they know
# nothing of our derivation, only the forward function), and PyTorch with its automatic differentiation, all in float64.

# %%
bias, eps = rng.normal(size=8), 1e-5
ours = {
    "RMSNorm": (rms_norm(x, weight, eps)[0], *rms_norm_backward(d_out, rms_norm(x, weight, eps)[1])),
    "LayerNorm": (
        layer_norm(x, weight, bias, eps)[0],
        *layer_norm_backward(d_out, layer_norm(x, weight, bias, eps)[1]),
    ),
}

out, saved = reference.rms_norm(x, weight, eps)
package = {"RMSNorm": (out, *reference.rms_norm_backward(d_out, saved))}
out, saved = reference.layer_norm(x, weight, bias, eps)
package["LayerNorm"] = (out, *reference.layer_norm_backward(d_out, saved))

inputs = [torch.tensor(a, requires_grad=True) for a in (x, weight, bias)]
outs = F.rms_norm(inputs[0], (8,), inputs[1], eps), F.layer_norm(inputs[0], (8,), *inputs[1:], eps)
autograd = {
    name: (
        out.detach().numpy(),
        *(g.numpy() for g in torch.autograd.grad(out, inputs[:n], torch.tensor(d_out))),
    )
    for (name, n), out in zip((("RMSNorm", 2), ("LayerNorm", 3)), outs, strict=True)
}


def differences(norm, arguments):
    """The gradient of sum(out * d_out) by each argument, by nudging its entries one at a time."""
    for k, argument in enumerate(arguments):

        def loss(a, k=k):
            return np.sum(norm(*arguments[:k], a, *arguments[k + 1 :], eps)[0] * d_out)

        yield reference.numerical_gradient(loss, argument)


numerical = {
    "RMSNorm": list(differences(rms_norm, [x, weight])),
    "LayerNorm": list(differences(layer_norm, [x, weight, bias])),
}
for name in ours:
    worst = lambda others, mine: max(map(reference.relative_error, mine, others))
    assert worst(package[name], ours[name]) < 1e-14
    assert worst(autograd[name], ours[name]) < 1e-14
    assert worst(numerical[name], ours[name][1:]) < 1e-9
    print(f"{name:9} equal to package and torch within 1e-14, to finite differences within 1e-9 (relative)")

# %% [markdown]
# The first two agree to rounding. Finite differences agree to nine digits, which is about as good as they get
# (chapter 04 draws the curve).
#
# ## Two planted mistakes
#
# **The first: $\varepsilon$ outside the root.** `x / (rms + eps)` instead of `x / sqrt(rms² + eps)`. It looks harmless.
# With entries of ordinary size it is:

# %%
print("rms of x    eps inside    eps outside   (root mean square of the output, eps = 1e-6)")
for size in (1.0, 1e-1, 1e-2, 1e-3, 1e-4):
    v = size * rng.choice([-1.0, 1.0], size=64)  # root mean square exactly `size`
    inside = np.sqrt(np.mean(rms_norm(v, np.ones(64), 1e-6)[0] ** 2))
    outside = np.sqrt(np.mean((v / (np.sqrt(np.mean(v * v)) + 1e-6)) ** 2))
    print(f"{size:8.0e} {inside:13.4f} {outside:14.4f}")

# %% [markdown]
# A test with normally distributed input and a tolerance of 1e-5 passes the wrong one. The two part where the input is
# small. Inside the root, $\varepsilon$ is added to the *square* of the size, so 1e-6 begins to show at a size of 1e-2
# and halves the mean square at 1e-3; outside, it is added to the size itself. **A test of a norm needs small inputs.**
# And $\varepsilon$ belongs to the model.
#
# > **Departure: RMSNorm, epsilon.**
# >
# > - **Paper.** The formula of Zhang and Sennrich has no epsilon; the LLaMA papers do not mention theirs.
# > - **Code.** Inside the root, added to the mean square. 1e-6 in LLaMA 1 7B to 33B, 1e-5 in LLaMA 1 65B and in
# >   everything from LLaMA 2 on. Many copies of LLaMA 1 7B say 1e-5 in their configuration; the `params.json` that came
# >   with the weights says 1e-6.
# > - **Here.** `norm_eps` of the configuration, as the weights' own files have it.
# > - **What changes.** For vectors of size 1 nothing to speak of. For small ones the table in this section shows it.
#
# **The second: the projection forgotten.** Whoever takes $r$ for a constant gets the backward `inv_rms * d_x_hat`.

# %%
out, saved = rms_norm(x, weight, eps)
careless = saved[1] * d_out * weight
right, _ = rms_norm_backward(d_out, saved)
angle = lambda a, b: np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b))
print(f"gradient check: relative error {reference.relative_error(careless, numerical['RMSNorm'][0]):.2f}")
print(f"cosine between the careless and the right gradient: {angle(careless, right):.2f}")
for name, gradient in (("careless", careless), ("right", right)):
    print(f"{name:8} gradient along x: {np.abs(np.sum(gradient * x, axis=-1)).max():.4f}")

# %% [markdown]
# The gradient check sees it at once. So does a property test of one line: `sum(d_x * x)` must vanish (for a small
# $\varepsilon$ nearly so). But the careless gradient points almost the right way, only one direction of $C$ is wrong,
# so a model trains with it. Below we try, and see what it costs.
#
# ## In sixteen bits
#
# Large models keep activations in 16 bits. There are two formats, and each breaks this formula in its own way.

# %%
half = np.full(64, 300, dtype=np.float16)
with np.errstate(over="ignore"):
    square = half * half
    print(
        "float16: 300 squared is",
        square[0],
        "and the norm of a vector of 300s is",
        rms_norm(half, np.float16(1), np.float16(1e-6))[0][0],
    )
print(
    "float16: largest number",
    np.finfo(np.float16).max,
    "| 1e-6 becomes",
    f"{np.float16(1e-6):.3e}",
    "| 1e-8 becomes",
    np.float16(1e-8),
)


def to_bfloat16(a):
    """Round float32 to bfloat16: keep the upper 16 bits, the nearest, ties to even."""
    bits = np.asarray(a, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32)


total = np.float32(0)
for _ in range(4096):
    total = to_bfloat16(total + np.float32(1))
print("bfloat16: 1 + 1 + ... + 1, 4096 times, is", total)
values = rng.normal(size=1000).astype(np.float32)
assert np.array_equal(to_bfloat16(values), torch.tensor(values).bfloat16().float().numpy())
ours_16 = reference.rms_norm(half, np.ones(64, np.float16), 1e-6)[0]
print("the package, float16 in and out, on the vector of 300s:", ours_16[0], ours_16.dtype)

# %% [markdown]
# float16 has range for 65,504: the square of 300 is infinity, one over its root is zero, and the layer's output is
# **zeros, without a NaN and without a warning**. bfloat16 has the range of float32 but eight bits of precision: a
# running sum of ones stops at 256, since 256 + 1 rounds to 256. So Meta's code, Hugging Face's and ours take the mean
# square in float32 and cast the result back. This is no exotic case: trained models carry a few channels that are
# larger than the rest by orders of magnitude (Sun and others, 2024, find them in LLaMA 2 7B in channels 1415 and 2533).
#
# > **Departure: RMSNorm, when to cast to 16 bits.**
# >
# > - **Paper.** Zhang and Sennrich (2019, section 3) give the formula in real numbers. Nothing about precision.
# > - **Code.** LLaMA, in Meta's code and in Hugging Face's: the mean square, the root and the division in float32; then
# >   the cast to the input's dtype; then the product with the weight, in 16 bits. Gemma multiplies by $1 + w$, and OLMo 2
# >   by $w$, in float32, and cast last.
# > - **Here.** LLaMA's order, in `minillama.reference.rms_norm`.
# > - **What changes.** In float32 and float64 nothing. In bfloat16 the last bit of some entries, by two roundings in
# >   place of one; the chapter counts them. It matters to whoever compares two programs bit by bit.

# %%
v = rng.normal(size=(1000, 512)).astype(np.float32)
w = to_bfloat16(rng.normal(1, 0.3, size=512))
normal = rms_norm(to_bfloat16(v), np.float32(1), np.float32(1e-6))[0]
llama, gemma = to_bfloat16(to_bfloat16(normal) * w), to_bfloat16(normal * w)
exact = normal.astype(np.float64) * w
print(f"entries that differ: {np.mean(llama != gemma):.0%}")
for name, value in (("cast, then weight", llama), ("weight, then cast", gemma)):
    print(f"{name}: mean relative error {np.mean(np.abs(value - exact) / np.abs(exact)):.1e}")

# %% [markdown]
# Two roundings are worse than one, but not by much. What matters is to do as the model's makers did: whoever compares
# with another program bit by bit has to know the order. The page [Where code departs from the papers](../departures.md) collects such cases.
#
# ## What it costs
#
# The paper that introduced RMSNorm reports 7 to 64% less running time of whole models against LayerNorm (Zhang and
# Sennrich, 2019, abstract). Let us count rather than believe. An array that counts what is done to it:


# %%
class Counted(np.ndarray):
    """An array that counts the operations done on it, and the bytes read and written."""

    operations = moved = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        arrays = [np.asarray(a) for a in inputs]
        result = np.asarray(getattr(ufunc, method)(*arrays, **options))
        Counted.operations += arrays[0].size if method == "reduce" else result.size
        Counted.moved += (
            sum(a.nbytes for a in {id(i): a for i, a in zip(inputs, arrays, strict=True)}.values())
            + result.nbytes
        )
        return result.view(Counted)


rows, dim = 256, 4096
sample = rng.normal(size=(rows, dim)).astype(np.float32)
ones, zeros, tiny = np.ones(dim, np.float32), np.zeros(dim, np.float32), np.float32(1e-6)
minimum = 2 * sample.nbytes  # read x once, write out once
for name, norm, parameters in (("RMSNorm", rms_norm, (ones,)), ("LayerNorm", layer_norm, (ones, zeros))):
    Counted.operations = Counted.moved = 0
    norm(sample.view(Counted), *parameters, tiny)
    print(
        f"{name:9} {Counted.operations / sample.size:.2f} operations per entry, bytes {Counted.moved / minimum:.2f} times the minimum"
    )

cfg = LlamaConfig.named("llama-1-7b")
norms = 2 * cfg.n_layers + 1
share = norms * 4 * cfg.dim / (2 * cfg.n_params())
print(f"LLaMA 7B: {norms} norms, {share:.3%} of the forward pass's operations")

# %% [markdown]
# Four operations per entry against seven. But nobody waits for those: they are less than a ten-thousandth of the
# model's arithmetic. What a norm costs is **memory traffic**. Written in NumPy, each line reads and writes the whole
# array, and LayerNorm has more lines. A fused kernel (chapter 18) reads $x$ once and writes $y$ once, whichever of the
# two it is, and little is left of the difference. Who is faster is then a question of who has been fused:

# %% tags=["nbval-ignore-output"]
torch.set_num_threads(1)
big = np.random.default_rng(0).normal(size=(2048, 2048)).astype(np.float32)
big_torch, one, zero = torch.tensor(big), np.ones(2048, np.float32), np.zeros(2048, np.float32)
runs = {
    "NumPy RMSNorm": lambda: rms_norm(big, one, tiny),
    "NumPy LayerNorm": lambda: layer_norm(big, one, zero, tiny),
    "torch RMSNorm": lambda: F.rms_norm(big_torch, (2048,), torch.tensor(one), 1e-6),
    "torch LayerNorm": lambda: F.layer_norm(big_torch, (2048,), torch.tensor(one), torch.tensor(zero), 1e-6),
}
seconds = {name: [] for name in runs}
for _ in range(7):
    for name, run in runs.items():
        start = time.perf_counter()
        run()
        seconds[name].append(time.perf_counter() - start)
for name, times in seconds.items():
    print(f"{name:16} {1e3 * np.median(times):6.1f} ms")

# %% [markdown]
# In torch 2.13, on a CPU, LayerNorm is one kernel and RMSNorm is put together from a power, a mean, a root and two
# products (`torch.profiler` lists them), so the simpler of the two is the slower. The paper's 7 to 64% should be read
# in the same way: they compare programs of 2019, not formulas.
#
# ## Where to put it
#
# A layer of a transformer adds something to the residual stream: $x + f(x)$, where $f$ is attention or a feed-forward
# network. There are two natural places for the norm:
#
# ```
#   post-norm (2017)              pre-norm (GPT-2, LLaMA)          no norm
#
#   x ─┬── f ──(+)── norm ──      x ─┬── norm ── f ──(+)──        x ─┬── f ──(+)──
#      └────────┘                    └────────────────┘              └────────┘
#
#   x ← norm(x + f(x))            x ← x + f(norm(x))               x ← x + f(x)
#                                 and one more at the very end
# ```
#
# The 2017 transformer normalised the sum. GPT-2 moved the norm to the entrance, and LLaMA "normalize[s] the input of
# each transformer sub-layer, instead of normalizing the output" for stability (section 2.2 of its paper).
#
# > **Departure: where the norm stands.**
# >
# > - **Paper.** Vaswani and others (2017): after the sum, norm(x + f(x)).
# > - **Code.** GPT-2 and since: before the layer, x + f(norm(x)), and one more norm after the last layer. The LLaMA
# >   paper (section 2.2) says so, but not that last norm, which its code has: 2 · layers + 1 norms in all. OLMo 2
# >   normalises the layer's output, x + norm(f(x)); Gemma 2 normalises both.
# > - **Here.** LLaMA's; `norm_placement` of the configuration names the others.
# > - **What changes.** Whether a deep stack trains at all without a careful start: *Experiment 2*, below.
#
# What should we expect? Say that $f$, given input of mean square 1, returns output of mean square $c$, in a random
# direction. Random directions in high dimensions are at right angles, so mean squares add:
#
# | after $k$ layers | mean square of the stream | share of it that is still the word's embedding |
# |---|---|---|
# | no norm | $(1+c)^k$ | $(1+c)^{-k}$ |
# | post-norm | $1$ | $(1+c)^{-k}$ |
# | pre-norm | $1 + ck$ | $1/(1+ck)$ |
#
# Without norms the stream explodes. Post-norm holds it at 1, but divides everything by $\sqrt{1+c}$ at every layer, so
# what came in is diluted exponentially. Pre-norm lets the stream grow, slowly, and every layer sees it at size 1.
#
# Now the way back, for pre-norm. At the end of $K$ layers stands one last norm, which multiplies the gradient by one
# over the size of its input, $1/\sqrt{1+cK}$ (fact 2 above). Below it, at every layer the gradient takes two roads: the
# straight one, and the one through $f$, whose norm has the factor $1/\sqrt{1+ck}$. If $f$ treats a gradient as it
# treats a signal, the mean square grows by $1 + c/(1+ck)$ each time, and the product telescopes:
#
# $$ \|\bar x_k\|^2 = \frac{\|\bar y\|^2}{1+cK}\prod_{i=k}^{K-1}\Big(1+\frac{c}{1+ci}\Big) = \frac{\|\bar y\|^2}{1+cK}\cdot\frac{1+cK}{1+ck} = \frac{\|\bar y\|^2}{1+ck}. $$
#
# A prediction with nothing to fit: **in pre-norm the gradient at layer $k$ is the gradient at the output divided by
# the size of the stream at $k$**. How many layers come after does not matter. For post-norm the same argument gives a
# growth by $1 + c$ through the layer and a division by $1 + c$ through the norm: the gradient should neither grow nor
# shrink. Let us see.
#
# ## A stack of blocks, by hand
#
# Two kinds of layers alternate, as in LLaMA: one that *mixes positions* and one that works on *each position alone*.
# We call the two together a block. Attention is the subject of chapter 07. Before it is trained it looks about evenly
# at all that came before, so a fixed average over the past is a fair stand-in; ours has four heads with memories of
# different lengths. The other layer is a network with one hidden layer and ReLU.


# %%
@cache
def averages(T, dtype, half_lives=(0.5, 2, 8, 1e9)):
    """One causal average per head, (H, T, T): weights halve every `half_lives` tokens, rows sum to one."""
    age = np.arange(T)[:, None] - np.arange(T)
    weights = np.where(age >= 0, 0.5 ** (np.maximum(age, 0) / np.array(half_lives)[:, None, None]), 0)
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(dtype)


def per_head(x, a):
    """Apply head h's average, a[h], to the h-th part of the channels."""
    (B, T, C), H = x.shape, len(a)
    heads = x.reshape(B, T, H, C // H).transpose(0, 2, 1, 3)  # (B, H, T, C/H)
    return (a @ heads).transpose(0, 2, 1, 3).reshape(B, T, C)


def rows_of(x):
    return x.reshape(-1, x.shape[-1])  # (B, T, C) -> (B T, C)


def mix(x, w):
    mixed = per_head(x @ w["value"], averages(x.shape[1], x.dtype))
    return mixed @ w["write"], (x, mixed)


def mix_backward(d_out, saved, w):
    x, mixed = saved
    back = averages(x.shape[1], x.dtype).transpose(0, 2, 1)  # the transposed average: from where it came
    d_value = per_head(d_out @ w["write"].T, back)
    grads = {"value": rows_of(x).T @ rows_of(d_value), "write": rows_of(mixed).T @ rows_of(d_out)}
    return d_value @ w["value"].T, grads


# %%
def mlp(x, w):
    hidden = np.maximum(x @ w["up"], 0)  # (B, T, C) -> (B, T, F)
    return hidden @ w["write"], (x, hidden)


def mlp_backward(d_out, saved, w):
    x, hidden = saved
    d_hidden = (d_out @ w["write"].T) * (hidden > 0)
    grads = {"up": rows_of(x).T @ rows_of(d_hidden), "write": rows_of(hidden).T @ rows_of(d_out)}
    return d_hidden @ w["up"].T, grads


# %% [markdown]
# Then the stack. Each layer has a norm of its own, and the wirings differ in two lines of `forward` and the same two of
# `backward`, in reverse order. Matrices begin as normal random numbers of variance one over the width of their input.
# ReLU cuts away half of the mean square, so the feed-forward layer begins with $c = 1/2$.

# %%
LAYERS = {"mix": (mix, mix_backward), "mlp": (mlp, mlp_backward)}
NORMS = {"rms": (rms_norm, rms_norm_backward), "layer": (layer_norm, layer_norm_backward)}
EPS = 1e-5


def build(
    rng,
    n_blocks,
    vocab_size,
    dim=64,
    hidden_dim=128,
    norm="rms",
    damp=1.0,
    kinds=("mix", "mlp"),
    dtype=np.float32,
):
    """Weights of a stack of layers. `damp` scales the matrices that write to the stream."""
    matrix = lambda i, o: (rng.normal(size=(i, o)) / math.sqrt(i)).astype(dtype)
    gains = lambda: [np.ones(dim, dtype)] + [np.zeros(dim, dtype)] * (norm == "layer")
    model = {"embed": rng.normal(size=(vocab_size, dim)).astype(dtype), "layers": []}
    sizes = {
        "mix": {"value": (dim, dim), "write": (dim, dim)},
        "mlp": {"up": (dim, hidden_dim), "write": (hidden_dim, dim)},
    }
    for kind in kinds * n_blocks:
        w = {name: matrix(*shape) for name, shape in sizes[kind].items()}
        w["write"] *= dtype(damp)
        model["layers"].append((kind, w, gains()))
    return model | {"last": gains(), "output": matrix(dim, vocab_size), "norm": norm}


# %%
def forward(model, tokens, wiring):
    """Return the input of the output matrix, the stream at every depth, and a tape for backward."""
    norm, x = NORMS[model["norm"]][0], model["embed"][tokens]  # (B, T) -> (B, T, C)
    streams, tape = [x], []
    for kind, w, gain in model["layers"]:
        u, saved_norm = norm(x, *gain, EPS) if wiring == "pre" else (x, None)
        y, saved_layer = LAYERS[kind][0](u, w)
        x = x + y
        if wiring == "post":
            x, saved_norm = norm(x, *gain, EPS)
        streams.append(x)
        tape.append((saved_layer, saved_norm))
    h, saved_last = norm(x, *model["last"], EPS) if wiring == "pre" else (x, None)
    return h, streams, (tape, saved_last)


# %%
def backward(model, d_h, tape, wiring):
    """Return the gradients of the weights of every layer, of the last norm, and of the stream at every depth."""
    norm_backward, (tape, saved_last) = NORMS[model["norm"]][1], tape
    if wiring == "pre":
        d_x, *d_last = norm_backward(d_h, saved_last)
    else:
        d_x, d_last = d_h, [np.zeros_like(g) for g in model["last"]]
    d_streams, d_layers = [d_x], []
    for (kind, w, gain), (saved_layer, saved_norm) in zip(model["layers"][::-1], tape[::-1], strict=True):
        d_gain = [np.zeros_like(g) for g in gain]
        if wiring == "post":
            d_x, *d_gain = norm_backward(d_x, saved_norm)
        d_u, d_w = LAYERS[kind][1](d_x, saved_layer, w)
        if wiring == "pre":
            d_u, *d_gain = norm_backward(d_u, saved_norm)
        d_x = d_x + d_u
        d_streams.append(d_x)
        d_layers.append((d_w, d_gain))
    return d_layers[::-1], d_last, d_streams[::-1]


# %%
def cross_entropy(logits, targets):
    """Mean loss in nats, and its gradient: probabilities minus one at the target, over their number."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    hit = np.eye(logits.shape[-1], dtype=logits.dtype)[targets]
    return -np.sum(log_p * hit) / targets.size, (np.exp(log_p) - hit) / logits.dtype.type(targets.size)


def run(model, tokens, targets, wiring):
    """Return loss, gradients, the stream at every depth, and the gradients there and at the output."""
    h, streams, tape = forward(model, tokens, wiring)
    loss, d_logits = cross_entropy(h @ model["output"], targets)
    d_h = d_logits @ model["output"].T
    d_layers, d_last, d_streams = backward(model, d_h, tape, wiring)
    one_hot = np.eye(len(model["embed"]), dtype=h.dtype)[tokens.ravel()]
    grads = {
        "embed": one_hot.T @ rows_of(d_streams[0]),
        "output": rows_of(h).T @ rows_of(d_logits),
        "last": d_last,
        "layers": d_layers,
    }
    return loss, grads, streams, d_streams, d_h


def arrays_of(model, grads=None):
    """All parameters in one fixed order, or all their gradients in the same order."""
    if grads is None:
        layers = [a for _, w, gain in model["layers"] for a in [*w.values(), *gain]]
        return [model["embed"], model["output"], *model["last"], *layers]
    layers = [
        a
        for (_, w, _), (d_w, d_gain) in zip(model["layers"], grads["layers"], strict=True)
        for a in [*(d_w[k] for k in w), *d_gain]
    ]
    return [grads["embed"], grads["output"], *grads["last"], *layers]


# %% [markdown]
# All that follows rests on these gradients. So first the check: every parameter of a small stack, in all wirings and
# with both norms.

# %%
tokens, targets = rng.integers(0, 5, size=(2, 2, 4))
for wiring in ("pre", "post", "none"):
    for norm in ("rms", "layer"):
        model = build(
            np.random.default_rng(1), 2, vocab_size=5, dim=4, hidden_dim=5, norm=norm, dtype=np.float64
        )
        found = arrays_of(model, run(model, tokens, targets, wiring)[1])
        worst_error = 0.0
        for parameter, gradient in zip(arrays_of(model), found, strict=True):

            def loss_at(values, parameter=parameter, model=model, wiring=wiring):
                before = parameter.copy()
                parameter[...] = values
                loss = run(model, tokens, targets, wiring)[0]
                parameter[...] = before
                return loss

            worst_error = max(
                worst_error,
                reference.relative_error(gradient, reference.numerical_gradient(loss_at, parameter)),
            )
        assert worst_error < 1e-7, (wiring, norm, worst_error)
print("all gradients agree with finite differences to a relative error below 1e-7")

# %% [markdown]
# ## Experiment 1: the gradient's size, 2 to 64 blocks
#
# The text is that of [chapter 01](01_the_whole_tour.md): stories, here cut into words, each word to be predicted from
# those before it. Stacks of 2 to 64 blocks (4 to 128 layers), six random initialisations of each, nothing trained
# yet. For every layer we keep the size of the stream, the gradient on it, and the gradient of the feed-forward
# layer's second matrix, the one that writes to the stream. (That is the $W^2$ of which Xiong and others, 2020, prove
# their theorem.)

# %%
world = Stories(seed=1, level=1)
stories = [["<begin>", *re.findall(r"\w+|[^\w\s]", world.sample().text)] for _ in range(2000)]
vocabulary = sorted({word for story in stories for word in story})
number = {word: i for i, word in enumerate(vocabulary)}
corpus = np.array([number[word] for story in stories for word in story])
V = len(vocabulary)


def batch(rng, B=8, T=32):
    """B stretches of T words, and at each position the word that follows."""
    start = rng.integers(0, len(corpus) - T - 1, size=B)
    rows = corpus[start[:, None] + np.arange(T + 1)]
    return rows[:, :-1], rows[:, 1:]


frequency = np.bincount(corpus) / len(corpus)
word_entropy = -np.sum(frequency * np.log(frequency))
print(f"{len(corpus):,} words, {V} different; the entropy of single words is {word_entropy:.2f} nats")

# %%
DEPTHS, SEEDS = (2, 4, 8, 16, 32, 64), range(6)


def rms(a):
    return float(np.sqrt(np.mean(np.square(a, dtype=np.float64))))


def likeness(stream):
    """Mean cosine between the vectors at different positions of one text: 1 if all point the same way."""
    unit = stream / np.linalg.norm(stream.astype(np.float64), axis=-1, keepdims=True)
    T = stream.shape[1]
    return float((np.sum(unit.sum(axis=1) ** 2, axis=-1) - T).mean() / (T * (T - 1)))


def measure(wiring, n_blocks, seed, **options):
    """Size of the stream, of the gradients, and likeness of positions in a fresh stack."""
    rng = np.random.default_rng(seed)
    model = build(rng, n_blocks, V, **options)
    _, grads, streams, d_streams, d_output = run(model, *batch(rng), wiring)
    return {
        "weight gradient": [np.linalg.norm(d_w["write"]) for d_w, _ in grads["layers"] if "up" in d_w],
        "stream": [rms(x) for x in streams],  # per layer
        "stream gradient": [rms(d) / rms(d_output) for d in d_streams],
        "likeness": [likeness(x) for x in streams],
    }


# %%
measured = {
    (wiring, L): [measure(wiring, L, seed) for seed in SEEDS]
    for wiring in ("pre", "post", "none")
    for L in DEPTHS
}


def typical(wiring, L, key):
    """Geometric mean over the seeds, and the factor that is one standard deviation: sizes are compared by ratios."""
    logs = np.log([run[key] for run in measured[wiring, L]])
    return np.exp(logs.mean(axis=0)), np.exp(logs.std(axis=0))


print("gradient of the writing matrix (geometric mean of six seeds ×÷ one standard deviation)")
for wiring in ("none", "post", "pre"):
    for L in (2, 16, 64):
        size, factor = typical(wiring, L, "weight gradient")
        print(
            f"{wiring:5} {L:2} blocks   first {size[0]:8.2g} ×÷ {factor[0]:.1f}   last {size[-1]:8.2g} ×÷ {factor[-1]:.1f}"
        )
for wiring in ("post", "pre"):
    lasts = [typical(wiring, L, "weight gradient")[0][-1] for L in DEPTHS]
    print(
        f"{wiring}-norm, last block: grows as L to the power {np.polyfit(np.log(DEPTHS), np.log(lasts), 1)[0]:.1f}"
    )
assert typical("none", 64, "weight gradient")[0][0] > 1e14

# %% tags=["figure", "hide"] alt="Three panels on logarithmic axes. First block: the weight gradient against the number of blocks; without norms it climbs from 3 to ten to the sixteenth, while pre-norm and post-norm lie flat near 1. Inside 64 blocks: the gradient on the stream, layer by layer; post-norm stays near 1 over all 128 layers with a wide band over seeds, pre-norm falls from 0.8 at the first layer to 0.1 at the last, close to the dashed prediction. Last block: the weight gradient against the number of blocks; post-norm grows slightly from 0.8 to 1.2, pre-norm falls parallel to the dashed line of slope minus one half"
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.9))
TINT = {"pre": COLORS["blue"], "post": COLORS["orange"], "none": COLORS["red"], "damped": COLORS["green"]}
NAME = {"pre": "pre-norm", "post": "post-norm", "none": "no norm", "damped": "post-norm, damped start"}
STYLE = {"pre": "o-", "post": "s-", "none": "^-"}
for axes, block, wirings in ((left, 0, ("none", "post", "pre")), (right, -1, ("post", "pre"))):
    for wiring in wirings:
        size, factor = np.array(
            [[part[block] for part in typical(wiring, L, "weight gradient")] for L in DEPTHS]
        ).T
        bars = np.array([size - size / factor, size * factor - size])
        axes.errorbar(
            DEPTHS, size, yerr=bars, fmt=STYLE[wiring], capsize=3, color=TINT[wiring], label=NAME[wiring]
        )
    axes.set(
        xscale="log", yscale="log", xlabel="blocks in the stack, $L$", ylabel="norm of the weight gradient"
    )
    axes.set_xticks(DEPTHS, [str(L) for L in DEPTHS])
    axes.minorticks_off()
left.set_title("First block")
right.plot(DEPTHS, 0.6 / np.sqrt(DEPTHS), "--", color=COLORS["grey"], label="slope of $1/\\sqrt{L}$")
right.set_title("Last block")
for wiring in ("post", "pre"):
    size, factor = typical(wiring, 64, "stream gradient")
    middle.plot(size, color=TINT[wiring], label=NAME[wiring])
    middle.fill_between(range(129), size / factor, size * factor, color=TINT[wiring], alpha=0.25, lw=0)
middle.plot(1 / typical("pre", 64, "stream")[0], "--", color=COLORS["grey"], label="1 / size of the stream")
middle.set(
    yscale="log", xlabel="layer of 128", ylabel="gradient on the stream, output = 1", title="Inside 64 blocks"
)
for axes in (left, middle, right):
    axes.legend()
plt.show()

# %%
ends = [0, 64, 128]
print("pre-norm, 64 blocks, at layers 0, 64, 128")
print("size of the stream  ", typical("pre", 64, "stream")[0][ends].round(1))
print("gradient, predicted ", (1 / typical("pre", 64, "stream")[0])[ends].round(2))
print("gradient, measured  ", typical("pre", 64, "stream gradient")[0][ends].round(2))
off = 1 / (typical("pre", 64, "stream")[0] * typical("pre", 64, "stream gradient")[0])
print(f"predicted over measured, all layers: {off.min():.1f} to {off.max():.1f}")
alone = [measure("pre", 64, seed, kinds=("mlp",)) for seed in SEEDS]
off_alone = 1 / np.exp(np.mean([np.log(r["stream"]) + np.log(r["stream gradient"]) for r in alone], axis=0))
print(f"the same in stacks without mixing layers: {off_alone.min():.2f} to {off_alone.max():.2f}")
assert 0.85 < off_alone.min() < off_alone.max() < 1.15
first_over_last = {}
for wiring in ("post", "pre"):
    size, _ = typical(wiring, 64, "weight gradient")
    first_over_last[wiring] = size[0] / size[-1]
for wiring, ratio in first_over_last.items():
    print(f"{wiring:4}: gradient of the first block over that of the last {ratio:.1g}")

# %% [markdown]
# Read the panels one by one, and hold what you have heard against them.
#
# - **Without norms** the gradient of the first block grows with every block, to $10^{16}$ at 64. That the usual story
#   has right, and a norm in either place cures it.
# - **The last block** does what Xiong and others prove (Theorem 1): with post-norm its gradient does not fall with
#   depth, with pre-norm it falls as $1/\sqrt L$. The reason is the factor $r$ of the last norm, which stands at the end
#   of a stream that has grown.
# - **Inside pre-norm** the prediction has the right shape, and is off by the factor printed above. The assumption that
#   $f$ treats a gradient as it treats a signal is at fault: the mixing layers pass on better what positions share.
#   Without mixing layers the prediction holds to about a tenth. So the gradient is *largest in the first block*, and the
#   depth of the stack does not matter to it.
# - **Post-norm** neither explodes nor vanishes, as the argument said. Between its first and its last block the gradient
#   changes less than pre-norm's does.
#
# The last two points are not the common telling. The same paper expects, by what it calls a preliminary analysis, and
# finds in a translation model with 6 and 6 layers (sections 3.3 and 3.4), that post-norm's gradient decays towards
# the input and pre-norm's is the same everywhere. Our stack is another machine, with fixed averages for attention and
# without a decoder, so this refutes nothing. But others too found the early gradients of pre-norm language models
# much larger than the late ones (Shleifer and others, 2021), and concluded that unbalanced gradients are not the root
# of post-norm's trouble (Liu and others, 2020). What is, then?
#
# ## What goes wrong first
#
# Go back to the table. In post-norm, and without norms too, the embedding's share of the stream falls as $(1+c)^{-k}$.
# What takes its place is what the layers wrote, and a layer that averages over the past writes much the same at one
# position and at the next. So the positions of a text should become more and more alike. We have measured that too.

# %% tags=["figure", "hide"] alt="One minus the mean cosine between positions, on a logarithmic axis, against the layer, in stacks of 32 blocks. No norm and post-norm fall together in a straight line from 1 to about 0.002; pre-norm falls slowly to 0.3; post-norm with damped writing matrices stays near 0.9"
measured["damped", 32] = [measure("post", 32, seed, damp=1 / math.sqrt(2 * 32)) for seed in SEEDS]
figure, axes = plt.subplots(figsize=(7.2, 3.9))
for wiring in ("damped", "pre", "post", "none"):
    for seed, result in enumerate(measured[wiring, 32]):
        axes.plot(
            1 - np.array(result["likeness"]), color=TINT[wiring], lw=1, label=None if seed else NAME[wiring]
        )
axes.set(
    yscale="log",
    xlabel="layer of 64",
    ylabel="1 − mean cosine between positions",
    title="How different are the positions of one text?",
)
axes.legend()
plt.show()

# %%
for wiring in ("pre", "post"):
    difference = {L: np.mean([1 - run["likeness"][-1] for run in measured[wiring, L]]) for L in DEPTHS}
    print(f"{wiring:4} blocks", "   ".join(f"{L}: {d:.1g}" for L, d in difference.items()))

# %% [markdown]
# At the top of 32 untrained post-norm blocks, the vectors of all words of a text agree but for parts in a thousand;
# at 64, for parts in a million. The output can hardly depend on the input. The gradient that comes down has a healthy
# *size*, but nothing in it tells one word from another. This is known as *rank collapse* (Dong and others, 2021).
# Noci and others (2022) show it for post-norm transformers of increasing depth. Pre-norm loses difference too, but
# slowly: there the share falls as $1/(1+ck)$ only.
#
# The explanation can be put to the test. If dilution is the fault, a smaller $c$ at the start must cure it, *with the
# norms left where they are*. Divide the matrices that write to the stream by $\sqrt{2L}$, and $c$ becomes $c/2L$. Over
# $2L$ layers the embedding keeps a share of $(1 + c/2L)^{-2L} > e^{-c}$, however deep the stack: the green lines. (GPT-2,
# with pre-norm, starts its residual layers with the same factor, section 2.3 of its paper.) Does it train, then?
#
# ## Experiment 2: does it train?
#
# Each stack gets 60 steps of Adam, which chapter 09 derives. *Warm-up* means that the learning rate rises from zero
# over the first 20 steps. One line to watch is the entropy of single words: a model that cannot tell positions apart
# can do no better than to learn how often each word occurs, and stops there. The stacks are 32 wide; four seeds
# (three at the outer learning rates), bars are standard deviations.


# %%
def train(wiring, n_blocks, rate, seed, steps=60, warm_up=0, **options):
    """Train with Adam, each step on a fresh batch. Return the losses and the model."""
    rng = np.random.default_rng(seed)
    model = build(rng, n_blocks, V, dim=32, hidden_dim=64, **options)
    arrays = arrays_of(model)
    theta = np.concatenate([a.ravel() for a in arrays])  # all parameters in one row
    ends = np.cumsum([a.size for a in arrays])[:-1]
    mean, square, losses = np.zeros_like(theta), np.zeros_like(theta), []
    for step in range(1, steps + 1):
        loss, grads, *_ = run(model, *batch(rng), wiring)
        losses.append(float(loss))
        g = np.concatenate([a.ravel() for a in arrays_of(model, grads)])
        mean += 0.1 * (g - mean)
        square += 0.05 * (g * g - square)
        slow = min(1, step / warm_up) if warm_up else 1
        theta -= rate * slow * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.95**step)) + 1e-8)
        for a, values in zip(arrays, np.split(theta, ends), strict=True):
            a[...] = values.reshape(a.shape)
    return np.array(losses), model


# %%
def final(*arguments, seeds=range(4), **options):
    """Mean loss of the last ten steps, for each seed."""
    return np.array([train(*arguments, seed, **options)[0][-10:].mean() for seed in seeds])


WAYS = {"pre-norm": ("pre", 0), "post-norm": ("post", 0), "post-norm, warm-up": ("post", 20)}
SIZES, RATES = (2, 4, 8, 16), (3e-3, 1e-2, 3e-2)
by_depth = {(way, L): final(wiring, L, 1e-2, warm_up=up) for way, (wiring, up) in WAYS.items() for L in SIZES}
by_rate = {(way, 1e-2): by_depth[way, 8] for way in WAYS}
by_rate |= {
    (way, r): final(wiring, 8, r, warm_up=up, seeds=range(3))
    for way, (wiring, up) in WAYS.items()
    for r in (3e-3, 3e-2)
}

assert all(by_depth["pre-norm", L].max() < 1.1 for L in SIZES)
assert all(by_depth["post-norm", L].max() < 1.1 for L in (2, 4))
assert all(by_depth[way, 16].min() > word_entropy - 0.3 for way in ("post-norm", "post-norm, warm-up"))
assert by_depth["post-norm", 8].min() > word_entropy - 0.5
assert by_depth["post-norm, warm-up", 8].mean() < word_entropy - 1

# %% tags=["figure", "hide"] alt="Two panels of the loss after 60 steps with error bars over seeds; a dotted line at 4.07 marks the entropy of single words. Left, against the number of blocks at learning rate 0.01: pre-norm stays near 0.65 from 2 to 16 blocks. Post-norm is as good at 2 and 4 blocks, and at 8 and 16 sits on the dotted line. With warm-up it reaches about 2.3 with a large error bar at 8 blocks, and is on the line at 16. Right, against the learning rate at 8 blocks: pre-norm is lowest at every rate; post-norm without warm-up learns at 0.003 only"
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.9), sharey=True)
for k, (way, style) in enumerate(zip(WAYS, ("o-", "s-", "s--"), strict=True)):
    for axes, results, places in ((left, by_depth, SIZES), (right, by_rate, RATES)):
        values = [results[way, place] for place in places]
        shifted = np.array(places) * 1.03 ** (k - 1)  # side by side, so that no bar hides another
        axes.errorbar(
            shifted,
            [v.mean() for v in values],
            [v.std() for v in values],
            fmt=style,
            capsize=3,
            label=way,
            color=COLORS[("blue", "orange", "red")[k]],
        )
for axes, places, label in (
    (left, SIZES, "blocks, at learning rate 0.01"),
    (right, RATES, "learning rate, at 8 blocks"),
):
    axes.axhline(word_entropy, ls=":", color=COLORS["grey"])
    axes.set(xscale="log", xlabel=label, ylim=(0, 4.6))
    axes.set_xticks(places, [f"{p:g}" for p in places])
    axes.minorticks_off()
left.text(2, word_entropy + 0.08, "stuck: entropy of single words", color=COLORS["grey"])
left.set(ylabel="loss after 60 steps, nats per word")
left.legend(loc="center left")
plt.show()

# %% tags=["nbval-ignore-output"]
for way in WAYS:
    print(
        f"{way:19}",
        "  ".join(
            f"{L:2} blocks {by_depth[way, L].mean():.2f} ± {by_depth[way, L].std():.2f}" for L in SIZES
        ),
    )
pre_warm = final("pre", 8, 1e-2, warm_up=20)
print(f"pre-norm with warm-up, 8 blocks {pre_warm.mean():.2f} ± {pre_warm.std():.2f}")
damped = {up: final("post", 16, 1e-2, warm_up=up, damp=1 / math.sqrt(2 * 16)) for up in (0, 20)}
for up, losses in damped.items():
    print(
        f"post-norm, 16 blocks, damped start, warm-up of {up:2} steps {losses.mean():.2f} ± {losses.std():.2f}"
    )
patient = train("post", 16, 1e-3, seed=2, steps=200)[0][-10:].mean()
print(f"post-norm, 16 blocks, a tenth of the rate and 200 steps, one seed {patient:.2f}")
assert damped[20].max() < 1.2
assert damped[0].max() < word_entropy - 0.5
assert patient < word_entropy - 0.5

# %% [markdown]
# - **Shallow stacks do not care.** With 2 or 4 blocks post-norm is about as good as pre-norm. (Real attention is less
#   forgiving: Xiong and others, section 3.2, see a post-norm transformer with 6 layers fail without warm-up.)
# - **At 8 blocks post-norm without warm-up is stuck, and warm-up frees it**, in some seeds more than in others: look at
#   the error bar. Pre-norm needs no warm-up; at this rate it only costs time. So far the common telling is right.
# - **At 16 blocks warm-up does not free post-norm**, not in 60 steps at this rate. The loss at which it is stuck says
#   why: it is the entropy of single words. A tenth of the rate and three times the patience get it loose.
# - **The damped start frees it at once.** Same norms, same places, same depth, same rate: with warm-up it comes close
#   to pre-norm, and even without it moves. So it was not the norm on the way back that stopped the learning. It was
#   dilution on the way up.
#
# Pre-norm is a way to get a small $c$ for nothing: a layer writes something of size $\sqrt c$ into a stream of size
# $\sqrt{1+ck}$. Early layers change the stream much and late ones little. That is also its price: many of the late
# layers of large pre-norm models contribute less than one would expect (Sun and others, 2025, call it the curse of
# depth).
#
# ### What the last norm is for
#
# Pre-norm needs one more norm, after all layers. Without it the logits would grow with depth, and with them the loss
# before the first step:

# %%
for L in (2, 64):
    model = build(np.random.default_rng(0), L, V)
    tokens, targets = batch(np.random.default_rng(0))
    h, streams, _ = forward(model, tokens, "pre")
    for name, top in (("with", h), ("without", streams[-1])):
        logits = top @ model["output"]
        print(
            f"{L:2} blocks, {name:7} the last norm: logits of size {rms(logits):4.1f}, loss {cross_entropy(logits, targets)[0]:4.1f}"
        )
print(f"loss of a model that knows nothing, ln V: {math.log(V):.1f}")

# %% [markdown]
# ### The careless gradient, trained
#
# We promised to train with the backward that forgets the projection.

# %% tags=["nbval-ignore-output"]
NORMS["careless"] = (
    rms_norm,
    lambda d_out, saved: (saved[1] * d_out * saved[2], rms_norm_backward(d_out, saved)[1]),
)
careless_loss = final("pre", 4, 1e-2, norm="careless")
print(
    f"4 blocks, right gradient {by_depth['pre-norm', 4].mean():.2f}, careless gradient {careless_loss.mean():.2f} ± {careless_loss.std():.2f}"
)
assert careless_loss.max() < 1.6
assert careless_loss.min() > by_depth["pre-norm", 4].max() + 0.1

# %% [markdown]
# It trains, to a loss near 1. Whoever has nothing to compare it with would go on to tune the learning rate. The
# gradient check takes a second and tells.
#
# ## Is the mean subtraction needed?
#
# First an argument, then a measurement. LayerNorm is RMSNorm of the centred vector. In a pre-norm stack every vector of
# the stream is a sum: an embedding, and what the writing matrices added. Centring is linear. So centre the rows of the
# embedding and of the writing matrices once and for all, and the stream is centred by itself: from then on RMSNorm does
# what LayerNorm did.

# %%
layered = build(np.random.default_rng(3), 4, V, norm="layer", dtype=np.float64)
for _, _, (gain, _) in layered["layers"]:
    gain *= rng.normal(1, 0.3, size=gain.shape)  # as if trained
tokens, targets = batch(rng)
with_layer_norm = forward(layered, tokens, "pre")[0] @ layered["output"]

centre = lambda a: a - a.mean(axis=-1, keepdims=True)
rewritten = {
    "embed": centre(layered["embed"]),
    "layers": [(kind, w | {"write": centre(w["write"])}, gain[:1]) for kind, w, gain in layered["layers"]],
    "last": layered["last"][:1],
    "output": layered["output"],
    "norm": "rms",
}
with_rms_norm = forward(rewritten, tokens, "pre")[0] @ rewritten["output"]
assert reference.relative_error(with_rms_norm, with_layer_norm) < 1e-12
print("LayerNorm's logits, computed with RMSNorm: equal to a relative 1e-12")

# %% [markdown]
# **What a pre-norm network with LayerNorm (and no bias) computes, a network with RMSNorm can compute too**, at the same
# size (Jiang and others, 2023). Giving up the mean gives up nothing. But does LayerNorm perhaps *learn* faster? Eight
# seeds, the same start and the same batches for both, and LayerNorm may have its bias:

# %% tags=["nbval-ignore-output"]
last_20 = lambda norm, seed: train("pre", 4, 1e-2, seed, steps=100, norm=norm)[0][-20:].mean()
rms_loss, layer_loss = (np.array([last_20(norm, seed) for seed in range(8)]) for norm in ("rms", "layer"))
gain = rms_loss - layer_loss  # positive: LayerNorm is better
error = gain.std(ddof=1) / math.sqrt(len(gain))
print(
    f"RMSNorm {rms_loss.mean():.3f}, LayerNorm {layer_loss.mean():.3f}, spread between seeds {rms_loss.std():.3f}"
)
print(f"LayerNorm gains {gain.mean():.3f} ± {error:.3f} nats (pairs of equal seed; standard error)")
assert abs(gain.mean()) < 0.03

# %% [markdown]
# LayerNorm gains nothing. The difference is a few thousandths of a nat, less than the luck of the seed, and if it is
# more than noise it is in RMSNorm's favour. Zhang and Sennrich reported the same at their sizes, "comparable
# performance". It is as the pictures had it: of $C$ directions, the mean is one.
#
# ## In the real LLaMA
#
# > **Departure: RMSNorm's weight starts at one, or at zero.**
# >
# > - **Paper.** Zhang and Sennrich (2019): the result is multiplied by a gain, which starts at 1.
# > - **Code.** LLaMA so. Gemma stores $w$ and multiplies by $1 + w$, with $w$ starting at 0.
# > - **Here.** LLaMA's; configurations of the Gemma family carry `norm_offset_one`.
# > - **What changes.** The function that can be learnt is the same. Loading the weights of one as those of the other
# >   silences or doubles every channel.
#
# "To improve the training stability, we normalize the input of each transformer sub-layer, instead of normalizing the
# output. We use the RMSNorm normalizing function", says the LLaMA paper in section 2.2, and no more. The
# $\varepsilon$ is not in it; it stands in the files that come with the weights.

# %%
print("model          norms  length      in norms          of all    eps")
for name in ("llama-1-7b", "llama-1-65b", "llama-2-70b", "llama-3.1-405b", "smollm2-135m"):
    cfg = LlamaConfig.named(name)
    norms = 2 * cfg.n_layers + 1
    share = norms * cfg.dim / cfg.n_params()
    print(f"{name:15} {norms:4} {cfg.dim:7} {norms * cfg.dim:11,} {share:14.4%} {cfg.norm_eps:9.0e}")

# %% [markdown]
# Two norms a block and one at the end: in the LLaMAs a few hundred-thousandths of the parameters. LLaMA 1 has
# $\varepsilon$ = 1e-6 in the sizes 7B to 33B and 1e-5 in the 65B; from LLaMA 2 on it is 1e-5. Many copies of the
# first 7B carry a configuration with 1e-5. What that changes, the table under *Two planted mistakes* shows: little,
# but for small vectors.
#
# What others do, each a line of difference:
#
# | model | norm |
# |---|---|
# | GPT-2, GPT-3 | pre-norm LayerNorm with bias |
# | LLaMA 1 to 3, Mistral, Qwen 2 | pre-norm RMSNorm, two a block |
# | Gemma | RMSNorm times $1 + w$, with $w$ starting at 0, so that weight decay pulls the factor to 1 |
# | Gemma 2 | RMSNorm before *and* after each sub-layer |
# | OLMo 2 | no norm at the entrance; the sub-layer's *output* is normalised, then added: $x + \text{norm}(f(x))$ |
# | Qwen 3, OLMo 2 | RMSNorm also on queries and keys (chapter 34) |
#
# OLMo 2's is not the post-norm of 2017, though it is often called so: the norm stands inside the branch, and the stream
# itself is never divided. Every layer writes at size 1, so in the table of *Where to put it* it belongs to the row of
# pre-norm.
#
# The factors $w$ need not cost anything at run time. Since $(\hat x \odot w)\,W = \hat x\,(\text{diag}(w)\,W)$, they
# can be multiplied into the rows of the matrix that follows. Exercise 05.4 does it.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
cfg = LlamaConfig.named("llama-1-7b")
answers = (
    first_over_last["post"],
    first_over_last["pre"],
    gain.mean(),
    100 * (2 * cfg.n_layers + 1) * cfg.dim / cfg.n_params(),
)
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    print(f"{question}: you said {guess:g}, measured {answer:.2g}")

# %% [markdown]
# ## Exercises
#
# - [05.1](../exercises/05_1_rms_norm.md) RMSNorm, forward
# - [05.2](../exercises/05_2_rms_norm_backward.md) RMSNorm, backward
# - [05.3](../exercises/05_3_pre_norm_block.md) Wire a pre-norm block
# - [05.4](../exercises/05_4_fold_the_weight.md) Fold the norm's weight away
#
# ## What you can now do
#
# - write RMSNorm and LayerNorm with their gradients from memory, and say in one sentence what each does to a vector;
# - test a norm so that a wrong $\varepsilon$ or a forgotten projection cannot hide;
# - say where 16 bits break it, and in which order LLaMA casts;
# - predict the gradient at every depth of a pre-norm stack from the size of the stream;
# - tell from the loss at which a deep network is stuck what it can no longer see.
#
# Next: the model so far knows no order but that of its averages. Chapter 06 gives it positions.
#
# ## References
#
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.2.
# - B. Zhang, R. Sennrich (2019), *Root mean square layer normalization*, arXiv 1910.07467.
# - J. L. Ba, J. R. Kiros, G. E. Hinton (2016), *Layer normalization*, arXiv 1607.06450.
# - R. Xiong and others (2020), *On layer normalization in the transformer architecture*, arXiv 2002.04745.
# - L. Liu and others (2020), *Understanding the difficulty of training transformers*, arXiv 2004.08249.
# - S. Shleifer, J. Weston, M. Ott (2021), *NormFormer*, arXiv 2110.09456.
# - Y. Dong, J.-B. Cordonnier, A. Loukas (2021), *Attention is not all you need: pure attention loses rank doubly
#   exponentially with depth*, arXiv 2103.03404.
# - L. Noci and others (2022), *Signal propagation in transformers*, arXiv 2206.03126.
# - Z. Jiang and others (2023), *Pre-RMSNorm and Pre-CRMSNorm transformers*, arXiv 2305.14858.
# - M. Sun and others (2024), *Massive activations in large language models*, arXiv 2402.17762.
# - W. Sun and others (2025), *The curse of depth in large language models*, arXiv 2502.05795.
# - A. Vaswani and others (2017), *Attention is all you need*, arXiv 1706.03762; A. Radford and others (2019), *Language
#   models are unsupervised multitask learners*, section 2.3.
