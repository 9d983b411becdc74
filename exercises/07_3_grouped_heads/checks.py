"""Checks of 07.3: grouped value heads, joined and projected."""

import numpy as np

from minillama.book.exercises import Hole

SHARE = "Many heads, and heads that share"

mix_heads = Hole("mix_heads")

mix_heads.case(
    "four query heads, two value heads, one position, by hand",
    np.array([[[10.0, 10.0, 20.0, 20.0]]]),
    weights=np.ones((1, 4, 1, 1)),
    v=np.array([[[[10.0]], [[20.0]]]]),
    wo=np.eye(4),
)
mix_heads.case(
    "two positions of two channels, by hand",
    np.array([[[1.0, 2.0, 5.0, 6.0], [2.0, 3.0, 7.0, 8.0]]]),
    weights=np.array([[[[1.0, 0.0], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]]]),
    v=np.array([[[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]]),
    wo=np.eye(4),
)
mix_heads.case(
    "a projection that is not symmetric, by hand: the channels move one place",
    np.array([[[20.0, 10.0]]]),
    weights=np.ones((1, 2, 1, 1)),
    v=np.array([[[[10.0]], [[20.0]]]]),
    wo=np.array([[0.0, 1.0], [1.0, 0.0]]),
)


def one_at_a_time(weights, v, wo):
    """Loop over texts, heads and positions; each head writes through its own slice of wo."""
    (B, H, T, S), (_, K, _, D) = weights.shape, v.shape
    out = np.zeros((B, T, len(wo)))
    for b in range(B):
        for h in range(H):
            for t in range(T):
                average = sum(weights[b, h, t, s] * v[b, h // (H // K), s] for s in range(S))
                out[b, t] += wo[:, h * D : (h + 1) * D] @ average
    return out


def some(rng, square):
    B, K, G, T, D = (int(rng.integers(2, 4)) for _ in range(5))
    S, H = T + int(rng.integers(0, 2)), K * G
    weights = rng.random((B, H, T, S))
    return {
        "weights": weights / weights.sum(axis=-1, keepdims=True),
        "v": rng.normal(size=(B, K, S, D)),
        "wo": rng.normal(size=(H * D if square else H * D + 1, H * D)),
    }


@mix_heads.against(one_at_a_time, "random arrays, wo square, against loops", seeds=4)
def square(rng):
    return some(rng, square=True)


@mix_heads.against(one_at_a_time, "random arrays, wo not square, against loops", seeds=3)
def oblong(rng):
    return some(rng, square=False)


@mix_heads.law("the layer is a sum: half the weights, half the output", oblong, seeds=2)
def halved(mix_heads, weights, v, wo):
    return mix_heads(0.5 * weights, v, wo), 0.5 * mix_heads(weights, v, wo)


def mixed(weights, v, share=np.repeat):
    G = weights.shape[1] // v.shape[1]
    return weights @ (np.tile(v, (1, G, 1, 1)) if share is np.tile else np.repeat(v, G, axis=1))


def joined(heads):
    return heads.transpose(0, 2, 1, 3).reshape(heads.shape[0], heads.shape[2], -1)


@mix_heads.mistake(
    "The value heads were repeated in the wrong order, 0 1 0 1 in place of 0 0 1 1: np.tile, or h % K, where"
    " np.repeat, or h // (H/K), belongs.",
    see=SHARE,
)
def tiled(weights, v, wo):
    return joined(mixed(weights, v, np.tile)) @ wo.T


@mix_heads.mistake(
    "All query heads read the first value head. Each group of H/K has one of its own.", see=SHARE
)
def first_only(weights, v, wo):
    return joined(weights @ v[:, :1]) @ wo.T


@mix_heads.mistake(
    "The heads were joined by a reshape alone. In memory (B, H, T, D) holds all positions of one head"
    " before the next head: move the axis first, to (B, T, H, D).",
    see=SHARE,
)
def no_transpose(weights, v, wo):
    heads = mixed(weights, v)
    return heads.reshape(heads.shape[0], heads.shape[2], -1) @ wo.T


@mix_heads.mistake(
    "The channels were joined in the wrong order: channel 0 of all heads, then channel 1 of all. Head h"
    " holds the channels h D to (h + 1) D - 1.",
    see=SHARE,
)
def channels_first(weights, v, wo):
    heads = mixed(weights, v)
    return heads.transpose(0, 2, 3, 1).reshape(heads.shape[0], heads.shape[2], -1) @ wo.T


@mix_heads.mistake(
    "wo was not transposed. It has one row for each output channel, so the product is joined @ wo.T; with"
    " a square wo the other one runs too.",
    see=SHARE,
)
def not_transposed(weights, v, wo):
    return joined(mixed(weights, v)) @ wo


@mix_heads.mistake(
    "The output was divided by the number of heads. Heads add up; nobody takes a mean.", see=SHARE
)
def mean_of_heads(weights, v, wo):
    return joined(mixed(weights, v)) @ wo.T / weights.shape[1]


@mix_heads.mistake(
    "The weights of each group were averaged, as if its query heads were one. They share values, not"
    " weights.",
    see=SHARE,
)
def group_mean(weights, v, wo):
    B, H, T, S = weights.shape
    K = v.shape[1]
    shared = weights.reshape(B, K, H // K, T, S).mean(axis=2)
    return joined(np.repeat(shared @ v, H // K, axis=1)) @ wo.T
