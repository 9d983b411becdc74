# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 06 · Rotary positions
#
# **Question.** A LLaMA compares words two at a time, by a product of two vectors. How can such a product know which
# word came first, and how far apart the two stand?
#
# *The dog bit the man* and *the man bit the dog* have the same words. Whatever a model adds up over the words of a
# text, it adds up the same for both, unless the place of each word is in the numbers. LLaMA puts it there by turning:
# each vector is cut into pairs of numbers, each pair is a hand on a dial, and each hand is turned by an angle that
# grows with the position. That is all of it: two lines of code, nothing to learn.
#
# You will see that hardly anything else is possible. Then you will break it. There are two ways to cut a vector into
# pairs; some files use the one and some the other, and nothing in a file says which. A model read in the wrong way
# gives no error. It still answers that the capital of France is Paris. We will measure what it has lost.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # our matrices are small: a second thread only costs

import math
import warnings
from itertools import islice
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import torch

from minillama import Llama, LlamaConfig, Tokenizer, reference
from minillama.book.plotting import COLORS, use_style
from minillama.checkpoints.gguf import read_gguf
from minillama.data.datasets import cached
from minillama.data.packing import Rows, one_per_row
from minillama.data.stories import Stories
from minillama.kernels import ops
from minillama.training import TrainConfig, Trainer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from transformers.models.llama import modeling_llama as hugging_face

use_style()
torch.set_num_threads(1)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares.

# %%
prediction = {
    "a model of the stories, read with the wrong pairs: nats per token (right: 0.2)": 0.4,
    "SmolLM2, a real model, read with the wrong pairs: nats per token (right: 2.1)": 6.0,
    "of SmolLM2's 32 pairs: how many may stop turning before a text of 118 tokens suffers": 4,
    "stories learnt with no positions at all: nats per token above the floor": 0.3,
}

# %% [markdown]
# ## A bag of words
#
# Attention is the subject of [chapter 07](07_attention.md). Here we need one sentence of it. Each position makes
# three vectors out of what it holds: a *query* $q$, what it looks for; a *key* $k$, what it can be found by; a
# *value* $v$, what it hands over. A position compares its query with the keys of all positions up to its own, by the
# **score** $q \cdot k$; a softmax makes the scores into weights that sum to one; and the result is the average of the
# values under these weights. Here it is for the last position of a text.


# %%
def look_back(q, keys, values):
    """Average the values, weighted by the softmax of the scores. q (D,), keys and values (T, D)."""
    scores = keys @ q  # (T,)
    weights = np.exp(scores - scores.max())
    return (weights / weights.sum()) @ values


q, keys, values = rng.normal(size=8), rng.normal(size=(5, 8)), rng.normal(size=(5, 8))
shuffled = np.array([3, 0, 4, 1, 2])
difference = look_back(q, keys, values) - look_back(q, keys[shuffled], values[shuffled])
print("the past in order, or shuffled: same result", bool(np.abs(difference).max() < 1e-14))

# %% [markdown]
# A sum does not care about the order of its terms. As it stands, attention reads its past as a bag of words: all of
# what was said, nothing of when.
#
# ### Adding a position, and what that mixes
#
# The first cure was to add. Give position $m$ a vector $p_m$ of its own, and add it to the word's vector $x$ at the
# bottom of the network: GPT-2 learns a table of such vectors, the transformer of 2017 took sines and cosines. Both
# work. But write out a score, with $q = W_q(x + p_m)$ and $k = W_k(x' + p_n)$:
#
# $$ q \cdot k = \underbrace{x^\top W_q^\top W_k\, x'}_{\text{word, word}} + \underbrace{x^\top W_q^\top W_k\, p_n}_{\text{word, place}} + \underbrace{p_m^\top W_q^\top W_k\, x'}_{\text{place, word}} + \underbrace{p_m^\top W_q^\top W_k\, p_n}_{\text{place, place}} $$
#
# What we would like to say is "five words back". None of the four terms says it. The last comes near: with sines and
# cosines, $p_m \cdot p_n$ does depend on $m - n$ alone. But between the two stand $W_q$ and $W_k$:

# %%
D, length = 64, 200
angles = np.outer(np.arange(length), 10_000.0 ** (-np.arange(0, D, 2) / D))
p = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)  # (200, 64): one row per position
w_q, w_k = rng.normal(size=(2, D, D)) / math.sqrt(D)
five_apart = np.sum(p[5:] * p[:-5], axis=1)
through = np.sum((p[5:] @ w_q.T) * (p[:-5] @ w_k.T), axis=1)
for name, scores in (("bare", five_apart), ("through two matrices", through)):
    print(f"five apart, {name:21} from {scores.min():5.1f} to {scores.max():5.1f}")

# %% [markdown]
# The bare product is the same wherever the two stand. After two matrices it is different at every place, so "five
# back" must be learnt for each place anew. And a learnt table ends: GPT-2's has 1,024 rows, and nothing for the token
# after them.
#
# ## From one demand to rotations
#
# Turn it around. Write the demand down first, and ask what fulfils it. Let $A_m$ be a matrix of $D \times D$ that
# position $m$ applies to its query and its key:
#
# $$ (A_m q)\cdot(A_n k) \;=\; q^\top A_m^\top A_n\, k \quad\text{depends on } m, n \text{ only through } n - m. $$
#
# | symbol | what it is | shape |
# |---|---|---|
# | $q$, $k$ | a query, a key, before anything is done to them | (D,) |
# | $m$, $n$ | their positions, counted from 0 | whole numbers |
# | $A_m$ | what position $m$ does | (D, D) |
# | $G(d)$ | what a score sees of a distance $d = n - m$ | (D, D) |
#
# It must hold for all $q$ and $k$, so $A_m^\top A_n = G(n-m)$. Four short steps:
#
# 1. We may take $A_0 = I$. (Any other invertible matrix can be multiplied into $W_q$ and $W_k$ and forgotten.) Then
#    $m = 0$ says $A_n = G(n)$, and in particular $G(0) = I$.
# 2. Put $m = n$: $A_m^\top A_m = G(0) = I$. **So every $A_m$ is orthogonal: it keeps lengths.** We did not even have
#    to ask for it.
# 3. For an orthogonal matrix the transpose is the inverse, so $G(m)^{-1} G(n) = G(n - m)$, that is
#    $G(m)\,G(d) = G(m + d)$. **Steps add up.** So $G(n) = G(1)^n$: one matrix, applied $n$ times.
# 4. Every orthogonal matrix is, seen in the right basis, made of rotations in planes at right angles to each other.
#    (That is its normal form in linear algebra. One plane may hold a reflection instead; applied $n$ times, it knows
#    odd from even and nothing else.)
#
# $$ G(1) = Q \begin{pmatrix} R(\omega_0) & & \\ & R(\omega_1) & \\ & & \ddots \end{pmatrix} Q^\top, \qquad R(\omega) = \begin{pmatrix} \cos\omega & -\sin\omega \\ \sin\omega & \cos\omega \end{pmatrix}. $$
#
# The change of basis $Q$ can again be multiplied into $W_q$ and $W_k$, which are learnt anyway. What is left:
#
# $$ \boxed{\;A_m = \text{blocks } R(m\,\omega_j) \text{ on pairs of numbers}, \quad j = 0, \dots, D/2 - 1\;} $$
#
# **This is RoPE** (Su and others, 2021, section 3.2). Whoever wants a linear map, the same for queries and keys,
# whose scores depend on distance only, has nothing to choose but the frequencies $\omega_j$, and which two numbers
# form a pair. Mathematics does not care about the second, since it is a matter of $Q$. Files do, and we come to
# that.

# %% tags=["figure", "hide"] alt="Two dials side by side. In the left one a query, at position 1, and a key, at position 3, point in different directions. In the right one query and key stand at positions 6 and 8: both arrows have turned by the same angle, and the arc between them, marked in grey, is as wide as before"
figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.4))
omega, q_angle, k_angle = 0.5, 0.3, 1.2
circle = np.linspace(0, 2 * np.pi, 200)
for axes, (m, n) in zip(panels, ((1, 3), (6, 8)), strict=True):
    axes.plot(np.cos(circle), np.sin(circle), color=COLORS["grey"], lw=0.8)
    ends = q_angle + m * omega, k_angle + n * omega
    arc = np.linspace(*ends, 60)
    axes.fill(
        np.r_[0, 0.42 * np.cos(arc)], np.r_[0, 0.42 * np.sin(arc)], color=COLORS["grey"], alpha=0.25, lw=0
    )
    for angle, place, name, color in ((ends[0], m, "q", "blue"), (ends[1], n, "k", "orange")):
        tip = np.array([np.cos(angle), np.sin(angle)])
        arrow = {"arrowstyle": "-|>", "color": COLORS[color], "lw": 2, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", tip, (0, 0), arrowprops=arrow)
        axes.text(
            *(1.24 * tip), f"${name}$ at {place}", color=COLORS[color], ha="center", va="center", fontsize=11
        )
    axes.set(aspect="equal", xlim=(-1.65, 1.65), ylim=(-1.3, 1.3))
    axes.set_title(f"positions {m} and {n}", loc="center")
    axes.axis("off")
plt.show()

# %% [markdown]
# Both hands have turned by five steps, and the angle between them, which is all that the product sees, is the same.
#
# ### With complex numbers it is one line
#
# Take a pair $(a, b)$ for the complex number $z = a + ib$. To turn by the angle $\varphi$ is to multiply by
# $e^{i\varphi}$. With one such number per pair, $q_j$ and $k_j$ for $j = 0, \dots, D/2-1$, $\overline{k}$ for the
# conjugate:
#
# $$ s(m, n) = \text{Re} \sum_j q_j e^{i m \omega_j}\; \overline{k_j e^{i n \omega_j}} = \text{Re} \sum_j q_j \overline{k_j}\; e^{i (m - n)\omega_j} = \sum_j |q_j|\,|k_j| \cos\big((m-n)\,\omega_j + \varphi_j\big). $$
#
# Read the last form slowly. As a function of the distance, **a score is a sum of $D/2$ waves**. RoPE fixes their
# frequencies. The words choose, through the matrices that have been learnt, how strong each wave is and where it
# begins ($\varphi_j$ is the angle between the two hands before turning). It is a Fourier series, with the query and
# the key as its coefficients.
#
# ## The angle ladder
#
# The frequencies are a geometric sequence:
#
# $$ \omega_j = \theta^{-2j/D}, \qquad j = 0, \dots, D/2 - 1 $$
#
# with $\theta$ = 10,000, called the *base*, `rope_theta` in configurations. (The paper calls the frequencies
# $\theta_i$, counts $i$ from 1, and so writes $-2(i-1)/d$. It is the same sequence.) The first pair turns by one
# radian per position. The last needs some 54,000 positions for one turn. They are the hands of a clock with $D/2$
# hands: the fast ones tell neighbours apart, the slow ones tell near from far.


# %%
def frequencies(D, theta=10_000.0):
    """Radians per position, for each of the D/2 pairs."""
    return theta ** (-np.arange(0, D, 2) / D)


def angle_table(D, positions, theta=10_000.0):
    """Cosines and sines of all angles: (T, D/2) each."""
    angles = np.outer(positions, frequencies(D, theta))
    return np.cos(angles), np.sin(angles)


print("D = 16:", frequencies(16).round(4))
for theta in (10_000, 500_000):
    longest = 2 * np.pi / frequencies(128, theta)[-1]
    print(f"D = 128, base {theta:,}: the slowest pair turns once in {longest:,.0f} positions")

# %% tags=["figure", "hide"] alt="Left: a ladder of dials, eight pairs from left to right and positions 0, 1, 2, 4, 8, 16, 32 and 64 from top to bottom. At position 0 all hands point to the right. The hand of pair 0 has turned by 57 degrees at position 1 and spins on; the hand of pair 2 has made about one turn at position 64; the hands of pairs 4 to 7 hardly leave the right. Right: wavelength in positions against the pair, for 64 pairs, on a logarithmic axis: three straight lines from 6.28 up to 54,000 for base 10,000, 2.6 million for base 500,000 and 5 million for base one million; dotted lines mark contexts of 2,048 and 8,192 tokens"
figure, (ladder, right) = plt.subplots(1, 2, figsize=(10.5, 4.9), width_ratios=(1.25, 1))
places = (0, 1, 2, 4, 8, 16, 32, 64)
for row, m in enumerate(places):
    for j, omega in enumerate(frequencies(16)):
        turned = m * omega
        ladder.add_patch(plt.Circle((j, row), 0.4, fill=False, edgecolor=COLORS["grey"], alpha=0.5, lw=0.8))
        shade = np.linspace(0, min(turned, 2 * np.pi), 60)
        ladder.fill(
            np.r_[j, j + 0.4 * np.cos(shade)],
            np.r_[row, row - 0.4 * np.sin(shade)],
            color=COLORS["blue"],
            alpha=0.18,
            lw=0,
        )
        ladder.plot(
            [j, j + 0.4 * np.cos(turned)],
            [row, row - 0.4 * np.sin(turned)],
            color=COLORS["blue"],
            lw=2,
            solid_capstyle="round",
        )
ladder.set(
    aspect="equal", xlim=(-0.6, 7.6), ylim=(7.6, -0.6), xlabel="pair $j$ of a head with D = 16",
    ylabel="position", title="A clock with eight hands",
)  # fmt: skip
ladder.set_xticks(range(8))
ladder.set_yticks(range(8), [str(m) for m in places])
ladder.grid(False)
ladder.spines[:].set_visible(False)
ladder.tick_params(length=0)
for theta, color, label in (
    (1e4, "blue", "10,000: LLaMA 1 and 2"),
    (5e5, "orange", "500,000: Llama 3"),
    (1e6, "green", "1,000,000: Code Llama"),
):
    right.semilogy(2 * np.pi / frequencies(128, theta), color=COLORS[color], label=label)
for context, label in ((2048, "context of LLaMA 1"), (8192, "context of Llama 3")):
    right.axhline(context, ls=":", color=COLORS["grey"], lw=1)
    right.text(0, context * 1.15, f"{label}, {context:,}", color=COLORS["grey"], fontsize=8.5)
right.set(xlabel="pair $j$ of 64 (D = 128)", ylabel="positions for one turn", title="Wavelength, by base")
right.legend(loc="lower right")
plt.show()

# %% [markdown]
# Go down a column and a hand moves; go along a row and you read a position as a clock face. Pairs above a dotted line
# never complete a turn within that context, and the slowest of them hardly move.
#
# ## Two layouts
#
# Now the code. Which two numbers of the $D$ form pair $j$? There are two habits:
#
# ```
#   interleaved   0 1 | 2 3 | 4 5 | 6 7      pair j is (2j, 2j + 1)      the paper, Meta, GGUF
#   half          0 1 2 3 | 4 5 6 7          pair j is (j, j + D/2)      Hugging Face, minillama
# ```


# %%
def rope_interleaved(x, cos, sin):
    """Turn neighbours. x (..., T, D); cos and sin (T, D/2)."""
    out = np.empty_like(x)
    a, b = x[..., 0::2], x[..., 1::2]
    out[..., 0::2] = a * cos - b * sin
    out[..., 1::2] = a * sin + b * cos
    return out


def rope_half(x, cos, sin):
    """Turn the first half against the second."""
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


one = np.array([[1.0, 2.0, 3.0, 4.0]])  # one position, D = 4
quarter = np.zeros((1, 2)), np.ones((1, 2))  # cosine and sine of a quarter turn, for both pairs
print("interleaved: pairs (1, 2) and (3, 4) become", rope_interleaved(one, *quarter)[0])
print("half:        pairs (1, 3) and (2, 4) become", rope_half(one, *quarter)[0])

# %% [markdown]
# A quarter turn makes $(a, b)$ into $(-b, a)$. Both functions do this, to different pairs. First the property that we
# built them for, to the last digits of float64:

# %%
D = 64
q, k = rng.normal(size=(2, D))
size = np.linalg.norm(q) * np.linalg.norm(k)
shifts = np.arange(0, 1000, 7)
for name, turn in (("interleaved", rope_interleaved), ("half", rope_half)):

    def score(m, n, turn=turn):
        """Scores of q at positions m with k at positions n."""
        turned_q = turn(np.tile(q, (len(m), 1)), *angle_table(D, m))
        turned_k = turn(np.tile(k, (len(n), 1)), *angle_table(D, n))
        return np.sum(turned_q * turned_k, axis=1)

    error = max(np.ptp(score(shifts + d, shifts)) / size for d in range(100))
    assert error < 1e-12
    print(f"{name:12} scores at one distance, anywhere in the text, agree to a relative 1e-12")

# %% [markdown]
# Now the witnesses: complex multiplication (which is how Meta's program does it), Hugging Face's function, and the
# package.

# %%
x = rng.normal(size=(2, 3, 10, D))  # (B, H, T, D)
cos, sin = angle_table(D, np.arange(100, 110))
z = torch.view_as_complex(torch.tensor(x).unflatten(-1, (-1, 2)))  # neighbours become a + ib
by_complex = torch.view_as_real(z * torch.polar(torch.ones(10, 32).double(), torch.tensor(
    np.outer(np.arange(100, 110), frequencies(D))))).flatten(-2).numpy()  # fmt: skip
wide = [torch.tensor(np.concatenate([a, a], axis=-1))[None] for a in (cos, sin)]  # theirs: (1, T, D)
theirs, _ = hugging_face.apply_rotary_pos_emb(torch.tensor(x), torch.tensor(x), *wide)
checks = {
    "interleaved, by complex numbers": (rope_interleaved(x, cos, sin), by_complex),
    "half, by transformers": (rope_half(x, cos, sin), theirs.numpy()),
    "interleaved, by the package": (
        rope_interleaved(x, cos, sin),
        reference.rope(x, cos, sin, layout="interleaved")[0],
    ),
    "half, by the package": (rope_half(x, cos, sin), reference.rope(x, cos, sin)[0]),
}
for name, (ours, other) in checks.items():
    assert reference.relative_error(ours, other) < 1e-14
    print(f"{name:32} equal within 1e-14")
table = reference.rope_table(LlamaConfig(dim=64, n_heads=1, n_kv_heads=1), 100, 110)
assert reference.relative_error(np.stack(table), np.stack([cos, sin])) < 1e-12

# %% [markdown]
# ### Does a score fall with the distance?
#
# It is often said that RoPE makes far words count for less. The paper (section 3.4.3) derives a bound on the score,
# and the bound falls. A bound is not a score. With a score being a sum of waves we can see all there is to see:

# %% tags=["figure", "hide"] alt="Left: three curves against the distance from 0 to 256, relative to distance 0. The paper's bound falls from 1 to 0.2. The average score of a query with itself as key falls in waves from 1 to 0.3. The typical size of the score of two random vectors is flat at 1. Right: the scores of one query with three keys, made to peak at distances 0, 40 and 120: three sharp peaks of equal height at those distances"
distance = np.arange(257)
omega = frequencies(128)
waves = np.exp(1j * np.outer(distance, omega))  # (257, 64)
bound = np.abs(np.cumsum(waves, axis=1)).mean(axis=1)
one_q, others = (rng.normal(size=(2000, 64, 2)) @ [1, 1j] for _ in range(2))
same = (np.abs(one_q) ** 2).mean(axis=0) @ waves.real.T
random = np.sqrt(np.mean((np.real((one_q * others.conj()) @ waves.T)) ** 2, axis=0))
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9))
for curve, color, label in (
    (random, "green", "two random vectors: typical size"),
    (same, "blue", "a vector with itself: average"),
    (bound, "orange", "bound of the paper"),
):
    left.plot(distance, curve / curve[0], color=COLORS[color], label=label)
left.set(xlabel="distance, positions", ylabel="relative to distance 0", ylim=(0, 1.45), title="On average")
left.legend(loc="upper right")
one_query = one_q[0]
for peak, color in ((0, "blue"), (40, "orange"), (120, "green")):
    key = one_query * np.exp(1j * peak * omega)
    right.plot(
        distance, np.real((one_query * key.conj()) @ waves.T), color=COLORS[color], label=f"made for {peak}"
    )
right.set(xlabel="distance, positions", ylabel="score $q \\cdot k$", title="One query, three keys")
right.legend()
plt.show()

# %%
print(f"distance 250: bound {bound[250] / bound[0]:.2f}, a vector with itself {same[250] / same[0]:.2f}")
assert 0.93 < random.min() / random[0] < random.max() / random[0] < 1.07
print("two random vectors: the same at every distance, within 7 per cent")

# %% [markdown]
# - Two unrelated vectors score about as high at distance 250 as at 0. **No decay.** A rotation keeps lengths, and a
#   random vector turned is a random vector.
# - A query that meets *itself* falls off, in waves: at distance 0 all waves are in step, further on they are not.
# - And a model can have whatever it wants: the three keys on the right are one vector, turned so that all waves are
#   in step at 0, at 40 or at 120. Far or near, the peak is as high.
#
# So the ladder gives a model means to prefer near words, and no duty to. Barbero and others (2024) argue the same. In
# Gemma 7B they find the fast pairs used to look at one particular place, and the slow ones used most of all: for
# meaning, they suspect.
#
# ## One permutation between them
#
# Let $P$ be the permutation that sorts a vector from the interleaved order into the half order: first all the first
# members of the pairs, then all the second.
#
# $$ (Px)_j = x_{2j}, \qquad (Px)_{j + D/2} = x_{2j+1}. $$
#
# Turning pair $j$ is the same act wherever its two numbers are kept, so
#
# $$ \text{rope}_\text{half}(P x) = P\,\text{rope}_\text{interleaved}(x). $$
#
# And $Pq \cdot Pk = q \cdot k$, because a permutation applied to both only reorders the sum. **Sorted queries and
# keys, turned in the half layout, give the scores of the unsorted ones turned in the interleaved layout.** Since
# $Pq = P(W_q x) = (P W_q)\,x$, it is enough to sort the *rows* of $W_q$ and $W_k$ once, head by head. Values are not
# turned, so $W_v$ and $W_o$ stay as they are.


# %%
def permute_rows(weight, n_heads, to):
    """Reorder the rows of a query or key projection, head by head, into the layout `to`."""
    heads = weight.reshape(n_heads, -1, *weight.shape[1:])  # (n_heads D, C) -> (n_heads, D, C)
    D = heads.shape[1]
    order = np.r_[0:D:2, 1:D:2]  # 0 2 4 ... 1 3 5 ...
    if to == "interleaved":
        order = np.argsort(order)  # the way back
    return heads[:, order].reshape(weight.shape)


C, H, K, D = 12, 4, 2, 8  # width of the stream, query heads, key heads, width of a head
w_q, w_k, stream = rng.normal(size=(H * D, C)), rng.normal(size=(K * D, C)), rng.normal(size=(5, C))
cos, sin = angle_table(D, np.arange(5))


def scores(w_q, w_k, turn):
    """Scores of all heads, (H, T, T): query head h meets key head h // (H/K)."""
    q = (stream @ w_q.T).reshape(5, -1, D).transpose(1, 0, 2)  # (T, H D) -> (H, T, D)
    k = (stream @ w_k.T).reshape(5, -1, D).transpose(1, 0, 2)
    return turn(q, cos, sin) @ turn(k, cos, sin).repeat(H // K, axis=0).transpose(0, 2, 1)


meta = scores(w_q, w_k, rope_interleaved)
sorted_q, sorted_k = permute_rows(w_q, H, "half"), permute_rows(w_k, K, "half")
assert reference.relative_error(scores(sorted_q, sorted_k, rope_half), meta) < 1e-14
assert np.array_equal(permute_rows(sorted_q, H, "interleaved"), w_q)
assert np.array_equal(reference.permute_rows(w_q, H, to="half"), sorted_q)
print("rows sorted, other layout: the same scores within 1e-14; and back: the same weights")
print("one head's rows, sorted:", permute_rows(np.arange(8), 1, "half"))

# %% tags=["figure", "hide"] alt="Rows of a projection with two heads of width 8, as two columns of 16 coloured cells. On the left, interleaved: each colour, standing for one pair, fills two neighbouring rows. On the right, half: in each head of eight rows the four colours appear once in the upper four rows and once in the lower four. Thin lines connect each row with its new place and never leave the head"
figure, axes = plt.subplots(figsize=(6.4, 4.6))
moved = permute_rows(np.arange(16), 2, "half")
tints = [COLORS[name] for name in ("blue", "orange", "green", "purple")]
for row in range(16):
    pair = (row % 8) // 2
    to = int(np.argwhere(moved == row)[0, 0])
    for x0, y in ((0, row), (3, to)):
        gap = 0.5 * (y >= 8)
        axes.add_patch(plt.Rectangle((x0, y + gap), 1, 0.86, facecolor=tints[pair]))
        axes.text(
            x0 + 0.5, y + gap + 0.45, f"{row % 8}", ha="center", va="center", color="white", fontsize=8.5
        )
    axes.plot(
        [1.08, 2.92],
        [row + 0.45 + 0.5 * (row >= 8), to + 0.45 + 0.5 * (to >= 8)],
        color=tints[pair],
        lw=1,
        alpha=0.8,
    )
for y, name in ((4, "head 0"), (12.5, "head 1")):
    axes.text(-0.2, y, name, ha="right", va="center")
axes.text(0.5, -0.35, "interleaved", ha="center")
axes.text(3.5, -0.35, "half", ha="center")
axes.text(4.25, 4, "one colour: one pair", va="center")
axes.set(xlim=(-1.2, 6.3), ylim=(16.8, -1))
axes.axis("off")
plt.show()

# %% [markdown]
# One detail is easily missed. With grouped queries (LLaMA 2 70B and almost everything since) $W_k$ has fewer heads
# than $W_q$. Cut into the wrong number of heads, its rows are sorted across the borders of heads, or within halves of
# one:

# %%
print("two key heads of 8 rows, as 2 heads:", permute_rows(np.arange(16), 2, "half"))
print("the same rows, as if 4 heads:       ", permute_rows(np.arange(16), 4, "half"))
wrong_k = permute_rows(w_k, H, "half")
print("scores differ by", f"{reference.relative_error(scores(sorted_q, wrong_k, rope_half), meta):.0%}")

# %% [markdown]
# No error, no warning: the shapes fit. It is found by comparing scores with another program.
#
# > **Departure: RoPE, which two numbers form a pair.**
# >
# > - **Paper.** RoFormer turns neighbours, $(x_1, x_2), (x_3, x_4), \dots$ (section 3.4.2, equation 34); so does the
# >   program that its authors published.
# > - **Code.** Meta's LLaMA does the same: it views neighbours as complex numbers. Hugging Face's LLaMA turns the
# >   first half against the second (`rotate_half`), and its converter sorts the rows of $W_q$ and $W_k$ to match.
# >   llama.cpp turns neighbours for the architecture `llama`, and its converter from Hugging Face sorts the rows
# >   back; for Qwen 2, Gemma or Phi-3 it turns halves and sorts nothing. No field in the files says which: programs
# >   go by the name of the architecture.
# > - **Here.** The package holds `half`, and each reader of a foreign format sorts where it must.
# > - **What changes.** Nothing, if rows and function agree. If not, the loss printed under *A trained model in the
# >   wrong layout*: from near the floor to some nats above it.
#
# ## The way back
#
# The gradient is the shortest of the book. Forward, each vector is multiplied by a rotation: $y = A_m x$. So
# $\bar x = A_m^\top \bar y$, and the transpose of a rotation is the rotation by the opposite angle:
#
# $$ \bar a = \bar y_a \cos\varphi + \bar y_b \sin\varphi, \qquad \bar b = -\bar y_a \sin\varphi + \bar y_b \cos\varphi. $$
#
# **To go back, turn back.** The gradient keeps its length exactly, whatever the position and however many layers:
# there is nothing here that could explode or vanish. And there is no weight, hence no gradient for one.


# %%
def rope_half_backward(d_out, cos, sin):
    return rope_half(d_out, cos, -sin)


x, d_out = rng.normal(size=(2, 2, 5, 8))  # two arrays of (2, T, D)
found = rope_half_backward(d_out, cos, sin)
numerical = reference.numerical_gradient(lambda x: float(np.sum(rope_half(x, cos, sin) * d_out)), x)
leaf = torch.tensor(x, requires_grad=True)
wide = [torch.tensor(np.concatenate([a, a], axis=-1))[None] for a in (cos, sin)]
hugging_face.apply_rotary_pos_emb(leaf[None], leaf[None], *wide)[0].backward(torch.tensor(d_out)[None])
package = reference.rope_backward(d_out, reference.rope(x, cos, sin)[1])
assert reference.relative_error(found, numerical) < 1e-9
assert reference.relative_error(found, leaf.grad.numpy()) < 1e-14
assert reference.relative_error(found, package) < 1e-14
print("backward: finite differences within 1e-9, transformers with autograd and package within 1e-14")
print("length kept:", np.allclose(np.linalg.norm(found, axis=-1), np.linalg.norm(d_out, axis=-1)))

# %% [markdown]
# ## Angles need more than sixteen bits
#
# An angle grows with the position, and only its remainder after full turns counts. So what matters is not the
# relative error of $m\,\omega_j$ but the absolute one, in radians. At position 100,000 the fast pair has made 15,915
# turns; to know its hand to a hundredth of a radian takes seven digits. float32 has seven. bfloat16 has between two
# and three: it cannot even count past 256.


# %%
def to_bfloat16(a):
    """Round to bfloat16: keep the upper 16 bits of float32, the nearest, ties to even."""
    bits = np.asarray(a, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).view(np.float32)


ROUND = {
    "float32": lambda a: np.asarray(a, dtype=np.float32),
    "float16": lambda a: np.asarray(a, dtype=np.float16),
    "bfloat16": to_bfloat16,
}


def cosines(positions, rounding, omega):
    """Cosines of angles of which positions, frequencies and products were all rounded."""
    rounding = ROUND[rounding]
    with np.errstate(over="ignore", invalid="ignore"):
        product = rounding(
            rounding(positions)[:, None].astype(np.float32) * rounding(omega).astype(np.float32)
        )
        return np.cos(product.astype(np.float64))


omega = frequencies(128, 500_000.0)  # Llama 3's
print("positions 255 to 260 in bfloat16:", to_bfloat16(np.arange(255, 261)).astype(int))
print("largest error of a cosine         near position      200    2,000   20,000  131,000")
for name in ROUND:
    worst = []
    for m in (200, 2_000, 20_000, 131_000):
        near = np.arange(m - 64, m)
        worst.append(np.max(np.abs(cosines(near, name, omega) - np.cos(np.outer(near, omega)))))
    print(f"positions, frequencies, angles in {name:9}", *(f"{w:8.0e}" for w in worst))

# %% [markdown]
# Near position 2,000 the cosines of bfloat16 are off by as much as a cosine can be, 2; float16 counts to 65,504, and
# then comes infinity, whose cosine is no number. float32 is good for the contexts of today, with a margin that is not
# large. So the package computes angles in float64, once, and rounds the cosines. To round *those* does little harm:
# their error is a few parts in a thousand at most, at every position alike.

# %% tags=["figure", "hide"] alt="Two panels. Left: cosine of the fastest pair at positions 1024 to 1084; the exact cosine is a fast wave, and the one with angles in bfloat16 is a staircase of eight positions to a step. Right: largest error of a cosine against the position from 10 to 200,000 on logarithmic axes; float32 climbs from a millionth to a hundredth; float16 reaches 1 near position 2,500; bfloat16 reaches 1 near position 300"
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
near = np.arange(1024, 1085)
left.plot(near, np.cos(near), "o-", ms=3, lw=1, color=COLORS["blue"], label="exact")
left.step(
    near, cosines(near, "bfloat16", omega[:1])[:, 0], where="mid", color=COLORS["red"], label="bfloat16"
)
left.set(
    xlabel="position", ylabel="cosine of pair 0", ylim=(-1.1, 1.6), title="Eight neighbours, one position"
)
left.legend(loc="upper right", ncols=2)
places = np.unique(np.geomspace(10, 200_000, 60).astype(int))
for name, color in (("bfloat16", "red"), ("float16", "orange"), ("float32", "green")):
    worst = [
        np.max(
            np.abs(cosines(np.arange(m, m + 32), name, omega) - np.cos(np.outer(np.arange(m, m + 32), omega)))
        )
        for m in places
    ]
    right.loglog(places, worst, color=COLORS[color], label=f"all in {name}")
right.set(xlabel="position", ylabel="largest error of a cosine", title="Where the angle is lost")
right.legend(loc="lower right")
plt.show()

# %% [markdown]
# > **Departure: RoPE, the precision of the angles.**
# >
# > - **Paper.** Says nothing about number formats.
# > - **Code.** Meta's LLaMA makes its table in float32, casts queries and keys up, turns them in float32, and casts
# >   back. Hugging Face's could end up in the dtype of the model, until early 2024 (issue 25681 and pull request
# >   29285 of transformers; GPT-NeoX had the same, issue 1003). Now its angles are float32, whatever the model; the
# >   cosines are then cast to the model's dtype, and the turning itself happens there.
# > - **Here.** Angles in float64, cosines and sines rounded once to the dtype of the model.
# > - **What changes.** Between float32 and float64 nothing that one would notice. With angles in bfloat16, the loss
# >   of SmolLM2 as printed under *Move the text*: it depends on where the text stands.
#
# ## A trained model in the wrong layout
#
# So far vectors were random. Now we take a model that has learnt, and change the layout under it. As in [chapter
# 01](01_the_whole_tour.md) the package trains a small LLaMA on level-1 stories (two layers, four query heads and two
# key heads of width 16, so 8 pairs a head), three times from three seeds. The trained weights go into
# `ReferenceLlama`, the NumPy model of the package, where we can exchange the parts that this chapter is about.

# %%
world = list(islice(Stories(seed=1, level=1), 4_000))
tokenizer = Tokenizer.train((story.text for story in world[:2000]), vocab_size=512)
documents = [tokenizer.encode(story.text, bos=True, eos=True) for story in world]
held_out = list(islice(Stories(seed=2, level=1), 150))
test = one_per_row([tokenizer.encode(story.text, bos=True, eos=True) for story in held_out])
counts = test.targets >= 0  # the rest is padding
floor = sum(story.nats for story in held_out) / counts.sum()
cfg = LlamaConfig(
    vocab_size=tokenizer.vocab_size,
    dim=64,
    n_layers=2,
    n_heads=4,
    n_kv_heads=2,
    hidden_dim=172,
    max_seq_len=96,
)
print(f"floor {floor:.4f} nats per token; longest story {counts.sum(axis=1).max()} tokens")


def train(cfg, rows, seed, steps, batch_size, lr, warmup=30):
    """Train a Llama, and return its weights for NumPy."""
    model = Llama(cfg)
    model.init_weights(torch.Generator().manual_seed(seed))
    for _ in Trainer(model, rows, TrainConfig(steps, batch_size, lr, warmup)):
        pass
    return {name: w.detach().numpy() for name, w in model.state_dict().items()}


SEEDS = range(3)
story_rows = one_per_row(documents)
trained = [train(cfg, story_rows, seed, 250, 8, 5e-3) for seed in SEEDS]


# %%
def token_nats(model, rows):
    """Surprise at each target, in nats: (B, T)."""
    logits = model.forward(rows.tokens).astype(np.float64)  # (B, T, V)
    logits -= logits.max(axis=-1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_p, np.maximum(rows.targets, 0)[..., None], axis=-1)[..., 0]


def story_loss(model):
    return token_nats(model, test)[counts].mean()


def reordered(cfg, weights, to, key_heads=None):
    """The same weights, with the rows of all wq and wk moved to the other layout."""
    moved = dict(weights)
    for layer in range(cfg.n_layers):
        for name, heads in (("wq", cfg.n_heads), ("wk", key_heads or cfg.n_kv_heads)):
            full = f"layers.{layer}.attention.{name}.weight"
            moved[full] = permute_rows(weights[full], heads, to)
    return moved


WAYS = {
    "right": lambda weights: weights,
    "read in the wrong layout": lambda weights: reordered(cfg, weights, "interleaved"),
    "sorted there and back": lambda w: reordered(cfg, reordered(cfg, w, "interleaved"), "half"),
    "back with 4 key heads": lambda w: reordered(cfg, reordered(cfg, w, "interleaved"), "half", 4),
}
models = {
    (way, seed): reference.ReferenceLlama(cfg, change(trained[seed]), np.float32)
    for way, change in WAYS.items()
    for seed in SEEDS
}
losses = {way: np.array([story_loss(models[way, seed]) for seed in SEEDS]) for way in WAYS}

# %% tags=["nbval-ignore-output"]
print(f"nats per token, three seeds; the floor is {floor:.3f}")
for way, loss in losses.items():
    print(f"{way:25}", *(f"{one:6.3f}" for one in loss))

# %%
assert losses["right"].max() < floor + 0.1
assert np.array_equal(losses["sorted there and back"], losses["right"])
assert losses["read in the wrong layout"].min() > floor + 1
assert losses["back with 4 key heads"].min() > floor + 0.3
print("right: less than 0.1 nats above the floor; in the wrong layout: more than 1 nat above it")

# %% [markdown]
# Nothing was changed but the order of some rows, and the model falls from the floor to well over a nat above it, in
# every seed. Sorted back, it is the same model bit for bit. Sorted back with the wrong number of key heads, it is
# not.
#
# *Where* does it go wrong? Look at the loss by position:

# %% tags=["figure", "hide"] alt="Mean loss against the position in the story, three thin lines for three seeds each and their mean as a thick one. In the right layout the loss is near 0 but for some ten peaks of up to 2 nats, where the story's dice fall. In the wrong layout it agrees at the first three positions, then leaves the other line, with peaks of 5 nats and more, and stays between 1 and 4 in the second half of the story"
figure, axes = plt.subplots(figsize=(8, 3.8))
at = [place for place in range(test.tokens.shape[1]) if counts[:, place].all()]
for way, color in (("read in the wrong layout", "red"), ("right", "blue")):
    by_place = np.array([token_nats(models[way, seed], test)[:, at].mean(axis=0) for seed in SEEDS])
    axes.plot(at, by_place.T, color=COLORS[color], lw=0.7, alpha=0.45)
    axes.plot(at, by_place.mean(axis=0), color=COLORS[color], label=way)
axes.set(
    xlabel="position in the story, tokens", ylabel="nats per token", title="Right at position 0, then lost"
)
axes.legend()
plt.show()

# %%
right, wrong = (models[way, 0].forward(test.tokens) for way in ("right", "read in the wrong layout"))
apart = np.abs(right - wrong).max(axis=(0, 2)) / np.abs(right).max()  # by position
assert apart[0] < 1e-5 < 1e-2 < apart[1]
print("position 0: the same logits within 1e-5; position 1: apart by more than 1e-2")

# %% [markdown]
# At position 0 every angle is zero, so there is nothing to get wrong: the logits agree. From position 1 on they do
# not. Remember this fingerprint. **A port whose first logits agree with the original and whose second do not has its
# positions wrong.** (And a test with a prompt of one token tests no position.)
#
# ## Planted mistakes, and the tests that see them
#
# There are more ways to get it wrong. Which test would see which? Here are eight, each a function that turns `x`,
# whose first row stands at position `start`; then five tests for each, and at last the loss of the trained model with
# that mistake built in. The fifth test compares scores with those of `transformers`.


# %%
def turned(x, start=0, change=lambda angles: angles, turn=rope_half):
    """RoPE of x (..., T, D), whose first row stands at position `start`."""
    angles = np.outer(np.arange(start, start + x.shape[-2]), frequencies(x.shape[-1]))
    angles = change(angles)
    return turn(x, np.cos(angles), np.sin(angles))


def half_exponent(x, start):
    """theta ** (-j / D) where theta ** (-2 j / D) belongs."""
    angles = np.outer(np.arange(start, start + x.shape[-2]), np.sqrt(frequencies(x.shape[-1])))
    return rope_half(x, np.cos(angles), np.sin(angles))


def no_minus(x, cos, sin):
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos + b * sin, a * sin + b * cos], axis=-1)


TURNS = {
    "right": turned,
    "the other layout": lambda x, start: turned(x, start, turn=rope_interleaved),
    "turned the other way": lambda x, start: turned(x, start, np.negative),
    "exponent j/D, not 2j/D": half_exponent,
    "radians made degrees": lambda x, start: turned(x, start, np.rad2deg),
    "minus forgotten": lambda x, start: turned(x, start, turn=no_minus),
    "cos and sin exchanged": lambda x, start: turned(x, start, turn=lambda x, c, s: rope_half(x, s, c)),
    "counted from the chunk": lambda x, start: turned(x, 0),
    "counted from 1": lambda x, start: turned(x, start + 1),
}

# %%
q, k = (np.tile(v, (32, 1)) for v in rng.normal(size=(2, 16)))  # one query and one key, at 32 positions
at = torch.arange(32)[None]
their_table = hugging_face.LlamaRotaryEmbedding(
    hugging_face.LlamaConfig(hidden_size=16, num_attention_heads=1)
)(torch.tensor(q), at)
their_q, their_k = hugging_face.apply_rotary_pos_emb(
    torch.tensor(q)[None, None], torch.tensor(k)[None, None], *their_table
)
their_scores = (their_q @ their_k.mT)[0, 0].numpy()


def tests(turn):
    """Which of five tests `turn` passes."""
    whole, table = turn(q, 0), turn(q, 0) @ turn(k, 0).T  # (T, D), and scores (T, T)
    parts = np.concatenate([turn(q[:16], 0), turn(q[16:], 16)])
    return {
        "length": np.allclose(np.linalg.norm(whole, axis=1), np.linalg.norm(q, axis=1)),
        "distance": np.allclose(table[1:, 1:], table[:-1, :-1]),
        "position 0": np.allclose(whole[0], q[0]),
        "chunks": np.allclose(parts, whole),
        "peer": np.allclose(table, their_scores, atol=1e-4),
    }


def in_chunks(turn):
    """Turn a text in chunks of 16 positions, as a model does that keeps its past in a cache."""

    def turn_all(x, cos, sin):
        parts = [turn(x[..., s : s + 16, :], s) for s in range(0, x.shape[-2], 16)]
        return np.concatenate(parts, axis=-2).astype(x.dtype), None

    return mock.patch("minillama.reference.block.rope", turn_all)


# %% tags=["nbval-ignore-output"]
mistaken = {}
print(f"{'':24}length  distance  position 0  chunks  peer  nats per token")
for name, turn in TURNS.items():
    with in_chunks(turn):
        mistaken[name] = story_loss(models["right", 0])
    seen = ["NO"[: 2 * (not ok)] or "ok" for ok in tests(turn).values()]
    row = "{:24}{:^6}  {:^8}  {:^10}  {:^6}  {:^4}".format(name, *seen)
    print(row, f"{mistaken[name]:8.1f}")

# %%
failed = {name: [test for test, ok in tests(turn).items() if not ok] for name, turn in TURNS.items()}
for name, some in failed.items():
    print(f"{name:24} seen by", ", ".join(some) or "nothing")
harmless = [name for name in TURNS if abs(mistaken[name] - losses["right"][0]) < 1e-4]
assert harmless == ["right", "counted from 1"]
assert min(loss for name, loss in mistaken.items() if name not in harmless) > floor + 0.3

# %% [markdown]
# Go through the rows. The first four mistakes pass every test that looks at the function alone: they keep lengths,
# they know distances, they leave position 0 alone. They are *perfectly good rotary embeddings*, only not the one that
# the weights were trained with. No property can tell them from the right one, because nothing is wrong with them. A
# model trained with the first or the second would be as good as ours: pairs and the sense of turning are pure
# convention. (The third is RoPE with the base 100, since $10000^{-j/D} = 100^{-2j/D}$.) **A convention can be tested
# only against someone who shares it**: a peer, or a trained model.
#
# The rest is seen by some property. *Minus forgotten* is no rotation, and length sees it. *Exchanged* turns the other
# way from a quarter turn ahead: its loss is that of the wrong direction, and position 0 betrays it. *Counted from the
# chunk* is right as long as a text comes in one piece, as in training. It shows when a model writes, keeps the keys
# of what it has written, and gets its text in pieces: each begins at position 0 again. The last, *counted from 1*, is
# no mistake at all: only distances count, and the loss is unchanged.
#
# ## The same with a real model
#
# Was it our toy? SmolLM2-135M is a LLaMA (30 layers, 9 query heads and 3 key heads of width 64, base 100,000), made
# by Hugging Face. We have it as a GGUF file with 4-bit weights. In that file the rows are interleaved; `read_gguf`
# sorts them into the half layout. We sort them back, and so have what a careless reader has.

# %%
smol_cfg, weights = read_gguf(cached("smollm2"))
smol_tokenizer = Tokenizer.load(cached("smollm2"))
smol = reference.ReferenceLlama(smol_cfg, weights, np.float32)
del weights  # the model has its own copy
text = (
    "The Moon is the only natural satellite of the Earth. It orbits our planet at an average distance of about"
    " 384,000 kilometres, roughly thirty times the diameter of the Earth. Because the Moon turns once on its axis"
    " in the same time that it takes to go once around the Earth, we always see the same side of it. The tides of"
    " the oceans are caused by the gravity of the Moon and, to a lesser degree, of the Sun. In July 1969, Neil"
    " Armstrong and Buzz Aldrin became the first people to walk on its surface."
)
ids = np.array([smol_tokenizer.encode(text)])
passage = Rows(ids[:, :-1], ids[:, 1:], seed=0)


def reorder_smol(to):
    """Move the rows of all wq and wk in place."""
    for name, array in reordered(smol_cfg, smol.weights, to).items():
        smol.weights[name] = array


right_nats = token_nats(smol, passage)[0]
reorder_smol("interleaved")
wrong_nats = token_nats(smol, passage)[0]
wrong_loss = wrong_nats.mean()
print(f"{ids.size} tokens. nats per token: right {right_nats.mean():.2f}, wrong layout {wrong_loss:.2f}")
print(f"perplexity: right {np.exp(right_nats.mean()):.0f}, wrong layout {np.exp(wrong_loss):.0f}")
assert abs(right_nats[0] - wrong_nats[0]) < 1e-3

# %%
PROMPTS = ("The capital of France is", "Water boils when")


def continued(prompt, n=20):
    tokens = smol.generate(np.array([smol_tokenizer.encode(prompt)]), n)[0]
    return smol_tokenizer.decode(tokens.tolist()).replace("\n", "⏎")


answers = {"wrong": [continued(prompt) for prompt in PROMPTS]}
reorder_smol("half")
answers["right"] = [continued(prompt) for prompt in PROMPTS]

# %% tags=["nbval-ignore-output"]
for number, prompt in enumerate(PROMPTS):
    print(f"{prompt} ...")
    for layout in ("right", "wrong"):
        print(f"   {layout}: {answers[layout][number]}")

# %%
print("wrong layout, the capital of France:", answers["wrong"][0].split("⏎")[0].strip())

# %% tags=["figure", "hide"] alt="Surprise in nats at each of the 118 tokens of a paragraph on the Moon, as dots for both layouts, with a running mean over 15 tokens. At the first token the dots coincide. The running mean of the right layout falls from 4 to about 1.5, that of the wrong layout stays near 4 throughout"
figure, axes = plt.subplots(figsize=(8, 3.8))
window = np.ones(15)
for nats, color, label in ((wrong_nats, "red", "wrong layout"), (right_nats, "blue", "right")):
    axes.plot(nats, ".", color=COLORS[color], alpha=0.45)
    running = np.convolve(nats, window, "same") / np.convolve(np.ones_like(nats), window, "same")
    axes.plot(running, color=COLORS[color], label=f"{label}, mean of 15 tokens")
axes.set(xlabel="position, tokens", ylabel="nats", title="SmolLM2-135M reads about the Moon")
axes.legend()
plt.show()

# %% [markdown]
# Nearly twice the loss, and the answer that everybody tries first is right: *Paris*. To name it takes hardly any
# order. After a few more words the wrong layout turns in circles. So this bug survives a demonstration. It does not
# survive a loss, or a comparison of logits, and either takes a second.
#
# Why is the damage not even greater? The words are still there, and a bag of words goes a long way with English: with
# no turning at all the loss is printed below, and it is not much higher. In the right layout the loss falls as the
# text goes on and more can be known; in the wrong one it does not. What the model has lost is the use of what it
# read.
#
# ## Which pairs matter?
#
# Stop some of the hands, so that they no longer turn, and read the loss. In blue, only the fastest pairs turn, more of
# them from left to right, and at the right end none is stopped.

# %%
SMOL = frequencies(64, smol_cfg.rope_theta)


def with_table(positions, angles, rounding=np.asarray):
    """Exchange the package's table of angles for ours, for a while."""

    def make(cfg, start, end, dtype):
        turn = angles(positions[start:end])
        return rounding(np.cos(turn)).astype(dtype), rounding(np.sin(turn)).astype(dtype)

    return mock.patch("minillama.reference.llama.rope_table", make)


def loss_when_kept(kept, omega, loss):
    """The loss with the frequencies of all pairs but the `kept` set to zero."""
    some = np.where(np.isin(np.arange(len(omega)), kept), omega, 0)
    with with_table(np.arange(200), lambda places: np.outer(places, some)):
        return loss()


smol_loss = lambda: token_nats(smol, passage).mean()
toy_loss = lambda: story_loss(models["right", 0])
STEPS = (0, 4, 6, 8, 10, 12, 16, 32)
smol_kept = np.array([loss_when_kept(range(n), SMOL, smol_loss) for n in STEPS])
smol_slow = np.array([loss_when_kept(range(n, 32), SMOL, smol_loss) for n in STEPS[1:6]])
toy_kept = np.array([loss_when_kept(range(n), frequencies(16), toy_loss) for n in range(9)])

# %% tags=["figure", "hide"] alt="Two panels, loss against the number of fastest pairs that turn. Left, the story model with 8 pairs: loss falls from about 1.6 with none nearly to the floor with three, and stays. Right, SmolLM2 with 32 pairs: loss falls from 4.2 with none to 2.1 with ten, and stays; a second curve, in which the fastest pairs are stopped and the others turn, climbs from 2.1 to above 4"
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9))
left.plot(range(9), toy_kept, "o-", color=COLORS["blue"])
left.axhline(floor, ls=":", color=COLORS["grey"])
left.text(8, floor - 0.11, "floor", color=COLORS["grey"], ha="right")
left.set(
    xlabel="pairs that turn, fastest first, of 8", ylabel="nats per token", title="Stories, up to 65 tokens"
)
right.plot(STEPS, smol_kept, "o-", color=COLORS["blue"], label="only these turn")
right.plot(
    (0, *STEPS[1:6]),
    [smol_kept[-1], *smol_slow],
    "s--",
    color=COLORS["orange"],
    label="only these stand still",
)
right.set(xlabel="the fastest pairs, of 32", ylabel="nats per token", title="SmolLM2, 119 tokens")
right.legend()
for axes in (left, right):
    axes.set_ylim(bottom=0)
plt.show()

# %%
print("SmolLM2:  no pair turns", f"{smol_kept[0]:.1f};  the fastest 10", f"{smol_kept[4]:.1f};  all 32", f"{smol_kept[-1]:.1f}")  # fmt: skip
print("          the fastest 10 stand still, the others turn", f"{smol_slow[3]:.1f}")


def fast_only(x, cos, sin):
    """Turn all pairs, then remove the slow ones from every score."""
    turned = rope_half(x, cos, sin)
    turned[..., 10:32] = turned[..., 42:] = 0
    return turned, None


with mock.patch("minillama.reference.block.rope", fast_only):
    without_slow = smol_loss()
print(f"          the slow 22 taken out of the scores {without_slow:.1f}")
print(f"pair 10 turns once in {2 * np.pi / SMOL[10]:.0f} positions; the text has {ids.size} tokens")
assert abs(smol_kept[4] - smol_kept[-1]) < 0.1
assert toy_kept[3] < losses["right"][0] + 0.05
assert toy_kept[0] > floor + 1

# %% [markdown]
# Of SmolLM2's 32 pairs, 22 may stop for good, and on this text the loss does not change in its first decimal. They
# are those that make about half a turn at most in the whole text. They are not idle: take their numbers out of the
# scores altogether, as the last line does, and the model breaks. A pair that stands still compares *what* two words
# are, wherever they stand. The ten fast ones hold all the order. Stop those, and the model is about as bad as in the
# wrong layout. (A longer text would need more of them: it is a matter of turns, not of numbers.)
#
# ### Move the text
#
# Only distances count. So a text that stands at position 60,000 must be as easy as at position 0, even though SmolLM2
# was never trained beyond 8,192. And angles that were computed in bfloat16 must show.

# %%
STARTS = {"exact": (0, 1024, 8192, 60000), "bfloat16": (0, 128, 256, 512, 1024, 4096, 8192, 60000)}
exact = lambda places: np.outer(places, SMOL)
coarse = lambda places: to_bfloat16(np.outer(to_bfloat16(places), to_bfloat16(SMOL)))
shifted = {}
for name, angles in (("exact", exact), ("bfloat16", coarse)):
    for start in STARTS[name]:
        with with_table(start + np.arange(200), angles):
            shifted[name, start] = smol_loss()
spread = np.ptp([shifted["exact", start] for start in STARTS["exact"]])
assert spread < 1e-3
print("exact angles: the same loss within 0.001 nats, wherever the text stands")
with with_table(8192 + np.arange(200), exact, to_bfloat16):
    print(f"exact angles, cosines and sines rounded to bfloat16, at 8,192: {smol_loss():.1f}")
for start in (0, 1024, 8192):
    print(f"angles in bfloat16, text at position {start:5,}: {shifted['bfloat16', start]:.1f} nats per token")

# %% tags=["figure", "hide"] alt="Loss of SmolLM2 against the position at which the text begins, from 0 to 60,000. With exact angles a flat line at 2.1. With angles in bfloat16 the line is the same up to 128 and then climbs, to 3 at 1,024 and about 4 at 60,000"
figure, axes = plt.subplots(figsize=(7.2, 3.6))
for name, color, label in (("bfloat16", "red", "angles in bfloat16"), ("exact", "blue", "angles in float64")):
    axes.plot(STARTS[name], [shifted[name, s] for s in STARTS[name]], "o-", color=COLORS[color], label=label)
axes.set_xscale("symlog", linthresh=128)
axes.set_xticks([0, 128, 1024, 8192, 60000], ["0", "128", "1,024", "8,192", "60,000"])
axes.minorticks_off()
axes.set(xlabel="position of the text's first token", ylabel="nats per token", ylim=(0, 4.6))
axes.legend(loc="lower right")
plt.show()

# %% [markdown]
# The flat line is the relative-position property, seen in a real model. It does not mean that SmolLM2 can read texts
# of 60,000 tokens: *distances* beyond 8,192 are new to it, and chapter 30 is about them. The climbing line is the bug
# of the box above. No short test can see it.
#
# ## Does a model need it?
#
# We began with a bag of words. But that was one layer. Let us see what becomes of a model without any positions: once
# on the stories, with two layers, and once on a task that is about nothing but order.
#
# The task is an *echo*: five different tokens of sixteen, in random order, over and over. From the fifth token on,
# the next is always the one that stood five back, so the floor is 0. A reader who sees a bag can count. He knows
# which tokens of the current round are still to come, not their order, so he has 4, 3, 2, 1 or, at the start of a
# round, again 4 candidates. On average that costs $(2\ln 4 + \ln 3 + \ln 2 + 0)/5$ nats, and no reader of bags can do
# better.
#
# One layer; 32 positions in training, 64 in the test; with RoPE, with nothing, and with a learnt vector per position,
# added at the bottom.


# %%
def echo(seed, rows, length, period=5):
    """Rows of `period` different tokens, repeated."""
    rng = np.random.default_rng(seed)
    order = rng.permuted(np.tile(np.arange(16), (rows, 1)), axis=1)[:, :period]
    tokens = np.tile(order, length // period + 2)[:, : length + 1]
    targets = tokens[:, 1:].copy()
    targets[:, : period - 1] = -100  # nothing to echo yet
    return Rows(tokens[:, :-1].copy(), targets, seed)


class PlacedEmbedding(torch.nn.Embedding):
    """An embedding that adds a learnt vector for each position."""

    def __init__(self, vocab_size, dim, length):
        super().__init__(vocab_size, dim)
        self.place = torch.nn.Parameter(torch.zeros(length, dim))

    def forward(self, tokens):
        return super().forward(tokens) + self.place[: tokens.shape[1]]


def train_echo(kind, seed):
    """Loss at each position of longer texts, after 150 steps."""
    cfg = LlamaConfig(
        vocab_size=16, dim=32, n_layers=1, n_heads=2, n_kv_heads=2, hidden_dim=64, max_seq_len=64
    )
    model = Llama(cfg)
    if kind == "learnt":
        model.tok_embeddings = PlacedEmbedding(16, 32, 64)
    model.init_weights(torch.Generator().manual_seed(seed))
    turn = ops.rope if kind == "RoPE" else lambda q, k, cos, sin: (q, k)
    longer = echo(99, 200, 64)
    with mock.patch.object(ops, "rope", turn):
        for _ in Trainer(model, echo(seed, 5000, 32), TrainConfig(150, 32, 1e-2, 20)):
            pass
        with torch.no_grad():
            logits = model(torch.tensor(longer.tokens))
    loss = torch.nn.functional.cross_entropy
    return loss(logits.mT, torch.tensor(longer.targets), reduction="none").mean(dim=0).numpy()


echoes = {kind: np.array([train_echo(kind, seed) for seed in SEEDS]) for kind in ("RoPE", "none", "learnt")}
bag = (2 * math.log(4) + math.log(3) + math.log(2)) / 5
print(f"floor 0; floor of a bag of words {bag:.2f}; blind guessing ln 16 = {math.log(16):.2f}")

# %% tags=["nbval-ignore-output"]
for kind, curves in echoes.items():
    within, beyond = curves[:, 4:32].mean(axis=1), curves[:, 32:].mean(axis=1)
    print(f"{kind:7} nats within the trained length", within.round(2), " beyond it", beyond.round(2))

# %%
within = {kind: curves[:, 4:32].mean(axis=1) for kind, curves in echoes.items()}
beyond = {kind: curves[:, 32:].mean(axis=1) for kind, curves in echoes.items()}
assert within["RoPE"].max() < 0.6
assert within["learnt"].max() < 0.2
assert within["none"].min() > bag
assert beyond["learnt"].min() > math.log(16)
assert beyond["RoPE"].mean() < math.log(16) - 0.3
print("no positions: above the floor of the bag. Learnt ones: fine, and beyond the end worse than guessing")
print("RoPE: fine, and beyond the end better than guessing")

# %% tags=["figure", "hide"] alt="Loss by position on the echo task, three seeds each. Without positions the curves stay near 1.8 nats at all positions, in small waves. With RoPE and with learnt positions they are at zero up to position 32. Beyond, the learnt ones jump up at once and zigzag, mostly between 4 and 9 nats, above the dotted line of blind guessing at 2.77; those of RoPE stay at zero for some ten positions and then rise, two of them to the dotted line"
figure, axes = plt.subplots(figsize=(8, 4))
for kind, color in (("learnt", "orange"), ("none", "red"), ("RoPE", "blue")):
    for seed, curve in enumerate(echoes[kind]):
        label = {"none": "no positions", "learnt": "learnt, added", "RoPE": "RoPE"}[kind]
        axes.plot(np.arange(4, 64), curve[4:], color=COLORS[color], lw=1.2, label=None if seed else label)
axes.axvspan(0, 31.5, color=COLORS["grey"], alpha=0.1, lw=0)
axes.text(1, 9.1, "trained length", color=COLORS["grey"])
axes.axhline(math.log(16), ls=":", color=COLORS["grey"])
axes.text(16, math.log(16) + 0.12, "blind guessing", color=COLORS["grey"])
axes.set(xlabel="position, tokens", ylabel="nats per token", xlim=(0, 64), ylim=(-0.2, 10))
axes.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
plt.show()

# %% [markdown]
# - **Without positions** one layer stays above the bag's floor, as it must.
# - **Learnt positions** do the task to perfection, and fall to pieces one token after the trained length: rows of the
#   table that were never trained are noise.
# - **RoPE** does the task, holds for a while beyond, and then fails too, more slowly and not in every seed. "Five
#   back" is the same everywhere, but more keys compete for the weight now, at distances that were never seen.
#
# Now the stories, with two layers and no positions at all:

# %%
with mock.patch.object(ops, "rope", lambda q, k, cos, sin: (q, k)):
    without = [train(cfg, story_rows, seed, 250, 8, 5e-3) for seed in SEEDS]
with mock.patch("minillama.reference.block.rope", lambda x, cos, sin: (x, None)):
    gap_without = (
        np.array([story_loss(reference.ReferenceLlama(cfg, w, np.float32)) for w in without]) - floor
    )
gap_with = losses["right"] - floor

# %% tags=["nbval-ignore-output"]
error = math.hypot(gap_with.std(ddof=1), gap_without.std(ddof=1)) / math.sqrt(3)
print("nats per token above the floor, with RoPE ", gap_with.round(3))
print("                       without positions  ", gap_without.round(3))
print(f"difference {gap_without.mean() - gap_with.mean():.3f} ± {error:.3f} (standard error)")

# %%
assert gap_without.max() < 0.15
print("stories without positions: less than 0.15 nats above the floor in each of", len(gap_without), "seeds")

# %% [markdown]
# It learns them almost as well. The difference is some hundredths of a nat, and three seeds do not make it sure. Two
# things help. Our stories are so regular that a bag of their words gives away nearly everything. And the *mask* knows
# the order: position 7 sees seven tokens before it and position 8 sees eight, so an average over the past can tell
# places apart, and a second layer can use what the first has noted. Haviv and others (2022) found this in language
# models; Kazemnejad and others (2023) found that on some tasks models without positions go beyond their trained
# length better than all others. Compare with the left end of the curve under *Which pairs matter*: there we took the
# rotation from a model that had learnt to use it, and it broke. **To do without is one thing, to be left without
# another.**
#
# ## In the real LLaMA
#
# "We remove the absolute positional embeddings, and instead, add rotary positional embeddings (RoPE), introduced by
# Su et al. (2021), at each layer of the network" (LLaMA, section 2.2). *At each layer*: queries and keys are turned
# anew in every block. The stream itself and the values carry no position, so what a word means is written the same
# way wherever it stands.

# %%
print("model             D      base  context  turns of the slowest pair  pairs with a full turn")
for name in ("llama-1-7b", "llama-2-7b", "llama-3-8b", "codellama-7b", "smollm2-135m", "mistral-7b-v0.3"):
    real = LlamaConfig.named(name)
    turns = real.max_seq_len * frequencies(real.head_dim, real.rope_theta) / (2 * np.pi)
    print(
        f"{name:16} {real.head_dim:3} {real.rope_theta:9,.0f} {real.max_seq_len:8,} {turns[-1]:16.3f}", end=""
    )
    print(f"{np.sum(turns >= 1):18} of {len(turns)}")

# %% [markdown]
# LLaMA 1 and 2 have the base 10,000, Llama 3 has 500,000, Code Llama went to 1,000,000 for its training on longer
# texts. A larger base slows the slow hands, so that a longer context still fits into one turn of theirs; the fast
# ones keep their speed. From Llama 3.1 on the frequencies are rescaled as well, which chapter 30 derives. Llama 4
# leaves RoPE out of every fourth layer.
#
# What it costs: no weights; six operations per pair, on queries and keys only. Chapter 18 does it in one kernel.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
enough = next(n for n, loss in zip(STEPS, smol_kept) if loss < smol_kept[-1] + 0.05)
measured = (losses["read in the wrong layout"].mean(), wrong_loss, 32 - enough, gap_without.mean())
for (question, guess), answer in zip(prediction.items(), measured, strict=True):
    print(f"{question}: you said {guess:g}, measured {answer:.2g}")

# %% [markdown]
# ## Exercises
#
# - [06.1](../exercises/06_1_rope_table.md) The table of angles
# - [06.2](../exercises/06_2_rope_half.md) Turn in the half layout
# - [06.3](../exercises/06_3_rope_interleaved.md) Turn in the interleaved layout, and back
# - [06.4](../exercises/06_4_permute_rows.md) Sort the rows of a projection
# - [06.5](../exercises/06_5_convert_checkpoint.md) Convert a checkpoint
#
# ## What you can now do
#
# - derive RoPE from one demand, and say what is forced in it and what is a convention;
# - write it in both layouts, with its gradient, and move a checkpoint from one to the other, with grouped queries;
# - recognise wrong positions by their fingerprint: first logits right, second wrong;
# - choose tests: which mistakes a property can see, and which only a peer can;
# - say which pairs hold the order in a text of a given length, and in which number format their angles survive.
#
# Next: we have scores that know words and places. [Chapter 07](07_attention.md) makes them into attention.
#
# ## References
#
# - J. Su, Y. Lu, S. Pan, A. Murtadha, B. Wen, Y. Liu (2021), *RoFormer: Enhanced transformer with rotary position
#   embedding*, arXiv 2104.09864, sections 3.2 and 3.4.
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.2.
# - A. Vaswani and others (2017), *Attention is all you need*, arXiv 1706.03762, section 3.5; A. Radford and others
#   (2019), *Language models are unsupervised multitask learners*.
# - F. Barbero and others (2024), *Round and round we go! What makes rotary positional encodings useful?*, arXiv
#   2410.06205.
# - A. Haviv and others (2022), *Transformer language models without positional encodings still learn positional
#   information*, arXiv 2203.16634.
# - A. Kazemnejad and others (2023), *The impact of positional encoding on length generalization in transformers*,
#   arXiv 2305.19466.
# - B. Rozière and others (2023), *Code Llama*, arXiv 2308.12950; A. Grattafiori and others (2024), *The Llama 3 herd
#   of models*, arXiv 2407.21783.
# - Programs read: Meta's `llama/model.py`; `modeling_llama.py` and `convert_llama_weights_to_hf.py` of transformers;
#   `convert_hf_to_gguf.py` and `llama-model.cpp` of llama.cpp. Issues: transformers 25199 and 25681, pull request
#   29285; gpt-neox 1003.
