"""Checks of 07.4: attention with grouped heads, backward."""

import numpy as np

from minillama.book.exercises import Hole

STEPS = "The gradient, step by step"
SHARE = "Many heads, and heads that share"

attention_backward = Hole("attention_backward")

ONES = np.ones((1, 2, 1))
attention_backward.case(
    "all values equal: scores do not matter, by hand",
    (np.zeros((1, 2, 1)), np.zeros((1, 2, 1)), np.array([[[1.5], [0.5]]])),
    d_out=ONES,
    q=ONES,
    k=ONES,
    v=ONES,
)
attention_backward.case(
    "two positions, by hand: 1/4 of the difference of the values",
    (np.array([[[0.0], [0.0]]]), np.array([[[2.0], [-2.0]]]), np.array([[[0.5], [0.5]]])),
    d_out=np.array([[[0.0], [1.0]]]),
    q=np.array([[[1.0], [1.0]]]),
    k=np.array([[[3.0], [3.0]]]),
    v=np.array([[[9.0], [1.0]]]),
)
attention_backward.case(
    "two query heads share one key head, by hand: their gradients add up",
    (np.zeros((2, 1, 1)), np.zeros((1, 1, 1)), np.array([[[7.0]]])),
    d_out=np.array([[[2.0]], [[5.0]]]),
    q=np.array([[[1.0]], [[3.0]]]),
    k=np.array([[[2.0]]]),
    v=np.array([[[4.0]]]),
)
attention_backward.case(
    "large scores, by hand: as if they were small",
    (np.array([[[0.0], [0.0]]]), np.array([[[200.0], [-200.0]]]), np.array([[[0.5], [0.5]]])),
    d_out=np.array([[[0.0], [1.0]]]),
    q=np.array([[[100.0], [100.0]]]),
    k=np.array([[[10.0], [10.0]]]),
    v=np.array([[[9.0], [1.0]]]),
)


def forward(q, k, v):
    """Write attention by loops over heads and queries, complex numbers welcome."""
    (H, T, D), K = q.shape, len(k)
    out = np.empty((H, T, D), dtype=np.result_type(q, k, v))
    for h in range(H):
        g = h // (H // K)
        for t in range(T):
            scores = k[g, : t + 1] @ q[h, t] / np.sqrt(D)
            e = np.exp(scores - scores.real.max())
            out[h, t] = e @ v[g, : t + 1] / e.sum()
    return out


def by_complex_step(d_out, q, k, v):
    """Nudge each input along the imaginary axis: the derivative comes out exact, by no formula for it."""
    found = []
    for place, argument in enumerate((q, k, v)):
        gradient = np.empty_like(argument)
        for index in np.ndindex(argument.shape):
            nudged = [a.astype(complex) for a in (q, k, v)]
            nudged[place][index] += 1e-30j
            gradient[index] = np.sum(forward(*nudged) * d_out).imag / 1e-30
        found.append(gradient)
    return tuple(found)


@attention_backward.against(
    by_complex_step, "random arrays, against the derivative by complex steps", seeds=5
)
def arrays(rng):
    K, G = [(2, 2), (1, 3), (2, 3), (3, 1), (2, 2)][int(rng.integers(5))]
    T, D = int(rng.integers(3, 5)), int(rng.integers(2, 5))
    mine, shared = (K * G, T, D), (K, T, D)
    return {
        "d_out": rng.normal(size=mine),
        "q": rng.normal(size=mine),
        "k": rng.normal(size=shared),
        "v": rng.normal(size=shared),
    }


@attention_backward.law(
    "the same constant vector added to all keys changes no weight: d_k sums to zero", arrays, seeds=3
)
def keys_shifted(attention_backward, d_out, q, k, v):
    d_k = attention_backward(d_out, q, k, v)[1]
    return d_k.sum(axis=1), np.zeros((len(k), k.shape[-1]))


def back(d_out, q, k, v, average=1.0, over=-1, root=0.5, groups="sum", mask=True, swap=(), bend=None):
    """Return the gradients with some part exchanged."""
    (H, T, D), K = q.shape, len(k)
    spread = (
        (lambda a: np.tile(a, (H // K, 1, 1))) if groups == "tile" else lambda a: np.repeat(a, H // K, axis=0)
    )
    k_h, v_h = spread(k), spread(v)
    scores = q @ k_h.swapaxes(1, 2) / np.sqrt(D)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf) if mask else scores
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    g = d_out @ v_h.swapaxes(1, 2)
    d_s = p * (g - average * np.sum(g * p, axis=over, keepdims=True)) if bend is None else bend(p, g)
    d_s = d_s / D**root
    d_k = (d_s if "k" in swap else d_s.swapaxes(1, 2)) @ q
    d_v = (p if "v" in swap else p.swapaxes(1, 2)) @ d_out
    if groups == "tile":
        d_k, d_v = (a.reshape(H // K, K, T, D).sum(axis=0) for a in (d_k, d_v))
    else:
        total = np.mean if groups == "mean" else np.sum
        d_k, d_v = (total(a.reshape(K, H // K, T, D), axis=1) for a in (d_k, d_v))
    return d_s @ k_h, d_k, d_v


@attention_backward.mistake(
    "The second part of the softmax's gradient is missing: each score also moves the sum that all weights"
    " are divided by. Subtract sum(d_weights * weights) of the row.",
    see=STEPS,
)
def no_average(d_out, q, k, v):
    return back(d_out, q, k, v, average=0.0)


@attention_backward.mistake(
    "You used p (1 - p), the diagonal of the softmax's Jacobian. The weights of a row hang together: it"
    " has entries off the diagonal too.",
    see=STEPS,
)
def diagonal(d_out, q, k, v):
    return back(d_out, q, k, v, bend=lambda p, g: p * (1 - p) * g)


@attention_backward.mistake(
    "The sum of d_weights * weights runs over the queries. It belongs to one query: over the keys, the"
    " last axis.",
    see=STEPS,
)
def over_queries(d_out, q, k, v):
    return back(d_out, q, k, v, over=-2)


@attention_backward.mistake(
    "The factor 1/sqrt(D) is missing in d_q and d_k. It stood between product and scores, so it comes"
    " again on the way back.",
    see=STEPS,
)
def no_root(d_out, q, k, v):
    return back(d_out, q, k, v, root=0.0)


@attention_backward.mistake("d_q and d_k were divided by D. The factor is 1/sqrt(D), once.", see=STEPS)
def root_twice(d_out, q, k, v):
    return back(d_out, q, k, v, root=1.0)


@attention_backward.mistake(
    "d_v was made with the weights as they are. Going back, a value gets from each query what it gave: the"
    " weights transposed. T by T is square, so the shapes do not tell.",
    see=STEPS,
)
def weights_not_transposed(d_out, q, k, v):
    return back(d_out, q, k, v, swap=("v",))


@attention_backward.mistake(
    "d_k was made with d_scores as it is. A key collects from all queries that looked at it: d_scores"
    " transposed.",
    see=STEPS,
)
def scores_not_transposed(d_out, q, k, v):
    return back(d_out, q, k, v, swap=("k",))


@attention_backward.mistake(
    "The gradients of a group were averaged. One head of keys and values served several query heads, and"
    " what serves several gets the *sum* of their gradients.",
    see=STEPS,
)
def group_mean(d_out, q, k, v):
    return back(d_out, q, k, v, groups="mean")


@attention_backward.mistake(
    "The heads were shared in the wrong order, 0 1 0 1 in place of 0 0 1 1. Query head h reads key head h"
    " // (H/K).",
    see=SHARE,
)
def tiled(d_out, q, k, v):
    return back(d_out, q, k, v, groups="tile")


@attention_backward.mistake(
    "The mask was forgotten when the weights were made again: queries then see later keys, and these get"
    " gradients.",
    see=STEPS,
)
def no_mask(d_out, q, k, v):
    return back(d_out, q, k, v, mask=False)


@attention_backward.mistake("The three gradients are right, in the wrong order: d_q, d_k, d_v.", see=STEPS)
def other_order(d_out, q, k, v):
    d_q, d_k, d_v = back(d_out, q, k, v)
    return d_q, d_v, d_k
