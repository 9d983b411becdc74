"""Checks of 10.2: grouped, causal attention whose queries are the last of all positions."""

import math

import numpy as np
import torch

from minillama.book.exercises import Hole

MOUNTAIN = "The mountain, and how to flatten it"

attention = Hole("attention")


def along(*numbers):
    return torch.tensor(numbers).view(1, 1, -1, 1)


attention.case(
    "one query sees all, by hand",
    along(3.0),
    q=torch.zeros(1, 1, 1, 1),
    k=torch.ones(1, 1, 3, 1),
    v=along(1.0, 2.0, 6.0),
)
attention.case(
    "a square: means of all up to here, by hand",
    along(1.0, 1.5, 3.0),
    q=torch.zeros(1, 1, 3, 1),
    k=torch.ones(1, 1, 3, 1),
    v=along(1.0, 2.0, 6.0),
)
attention.case(
    "two new queries, by hand",
    along(1.5, 3.0),
    q=torch.zeros(1, 1, 2, 1),
    k=torch.ones(1, 1, 3, 1),
    v=along(1.0, 2.0, 6.0),
)
attention.case(
    "four query heads, two key/value heads, by hand",
    torch.tensor([10.0, 10.0, 20.0, 20.0]).view(1, 4, 1, 1),
    q=torch.zeros(1, 4, 1, 1),
    k=torch.ones(1, 2, 1, 1),
    v=torch.tensor([10.0, 20.0]).view(1, 2, 1, 1),
)


def one_query_at_a_time(q, k, v):
    """Loops in NumPy: for each query, the keys it may see, and no mask."""
    q, k, v = q.numpy(), k.numpy(), v.numpy()
    (B, H, T, D), (K, S) = q.shape, k.shape[1:3]
    out = np.zeros((B, H, T, D))
    for b, h, t in np.ndindex(B, H, T):
        shared, end = h // (H // K), S - T + t + 1
        power = np.exp(k[b, shared, :end] @ q[b, h, t] / math.sqrt(D))
        out[b, h, t] = power @ v[b, shared, :end] / power.sum()
    return torch.from_numpy(out)


@attention.against(one_query_at_a_time, "random tensors, against loops", seeds=6)
def some(rng):
    B, K, G, T, D = (int(n) for n in rng.integers([1, 2, 2, 2, 2], [3, 4, 4, 5, 6]))
    S = T + int(rng.integers(0, 4))
    shapes = {"q": (B, K * G, T, D), "k": (B, K, S, D), "v": (B, K, S, D)}
    return {name: torch.from_numpy(rng.normal(size=shape)) for name, shape in shapes.items()}


@attention.law("the last query alone gives the same as among the others", some, seeds=3)
def alone(attention, q, k, v):
    return attention(q[:, :, -1:], k, v), attention(q, k, v)[:, :, -1:]


def mixed(q, k, v, diagonal="lower right", share="interleaved", power=0.5, axis=-1, negate=False, late=False):
    (H, T, D), (K, S) = q.shape[1:], k.shape[1:3]
    if share == "interleaved":
        k, v = (x.repeat_interleave(H // K, dim=1) for x in (k, v))
    elif share == "tiled":
        k, v = (x.repeat(1, H // K, 1, 1) for x in (k, v))
    else:
        k, v = (x[:, :1].expand(-1, H, -1, -1) for x in (k, v))
    ends = {"lower right": S - T, "upper left": 0, "one ahead": S - T + 1, "all": S}
    seen = torch.ones(T, S, dtype=torch.bool).tril(ends[diagonal])
    scores = q @ k.transpose(-1, -2) * D**-power
    if late:
        return scores.softmax(axis).masked_fill(~seen, 0.0) @ v
    return scores.masked_fill(~seen, -math.inf).softmax(axis) @ v


@attention.mistake(
    "The mask is aligned at the upper left: the first query sees the first key alone, wherever it stands."
    " That is what is_causal=True means. With a past, query t stands at position S - T + t.",
    see=MOUNTAIN,
)
def is_causal(q, k, v):
    return mixed(q, k, v, diagonal="upper left")


@attention.mistake("Nothing is masked: a query sees the positions after its own.", see=MOUNTAIN)
def no_mask(q, k, v):
    return mixed(q, k, v, diagonal="all")


@attention.mistake(
    "A query sees one position too many, the one after its own: the diagonal is S - T, not S - T + 1.",
    see=MOUNTAIN,
)
def one_ahead(q, k, v):
    return mixed(q, k, v, diagonal="one ahead")


@attention.mistake(
    "Key/value heads were repeated in the order 0 1 0 1: `repeat`, where `repeat_interleave` gives 0 0 1 1.",
    see="The model, again",
)
def tiled(q, k, v):
    return mixed(q, k, v, share="tiled")


@attention.mistake(
    "All query heads read the first key/value head. Each group of H/K has one of its own.",
    see="The model, again",
)
def first_only(q, k, v):
    return mixed(q, k, v, share="first")


@attention.mistake(
    "The scores were not divided by the root of D. (The fused function does it by itself.)",
    see="The model, again",
)
def not_scaled(q, k, v):
    return mixed(q, k, v, power=0.0)


@attention.mistake(
    "The scores were divided by the root of D twice: scaled_dot_product_attention does it already.",
    see=MOUNTAIN,
)
def scaled_twice(q, k, v):
    return mixed(q, k, v, power=1.0)


@attention.mistake(
    "The mask was applied after the softmax: the weights of what is seen no longer sum to one.", see=MOUNTAIN
)
def masked_late(q, k, v):
    return mixed(q, k, v, late=True)
