"""Checks of 04.1: the linear layer, backward."""

import numpy as np

from minillama.book.exercises import Hole

RULES = "From numbers to arrays: two rules"
LINEAR = "The linear layer"
WAY = "Which way a matrix lies"

linear_backward = Hole("linear_backward")

linear_backward.case(
    "two vectors, three outputs, by hand",
    (
        np.array([[1.0, 0.0], [10.0, 10.0]]),
        np.array([[1.0, 2.0], [0.0, 0.0], [30.0, 40.0]]),
        np.array([1.0, 0.0, 10.0]),
    ),
    d_out=np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 10.0]]),
    x=np.array([[1.0, 2.0], [3.0, 4.0]]),
    weight=np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
)
linear_backward.case(
    "a square weight that is not symmetric, by hand",
    (np.array([[3.0, 4.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [6.0, 8.0]]), np.array([0.0, 2.0])),
    d_out=np.array([[0.0, 1.0], [0.0, 1.0]]),
    x=np.array([[1.0, 2.0], [5.0, 6.0]]),
    weight=np.array([[1.0, 2.0], [3.0, 4.0]]),
)
linear_backward.case(
    "one vector alone, by hand",
    (np.array([2.0, 6.0]), np.array([[10.0, 20.0]]), np.array([2.0])),
    d_out=np.array([2.0]),
    x=np.array([5.0, 10.0]),
    weight=np.array([[1.0, 3.0]]),
)


def road_by_road(d_out, x, weight):
    """Walk over all single products and add up."""
    d_x, d_weight, d_bias = np.zeros_like(x), np.zeros_like(weight), np.zeros(len(weight))
    for place in np.ndindex(x.shape[:-1]):
        for o in range(weight.shape[0]):
            d_bias[o] += d_out[(*place, o)]
            for i in range(weight.shape[1]):
                d_x[(*place, i)] += d_out[(*place, o)] * weight[o, i]
                d_weight[o, i] += d_out[(*place, o)] * x[(*place, i)]
    return d_x, d_weight, d_bias


@linear_backward.against(road_by_road, "random arrays, against loops over single products", seeds=6)
def arrays(rng):
    leading = [(4,), (2, 3), (2, 1, 3)][int(rng.integers(3))]
    n_in, n_out = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    return {
        "d_out": rng.normal(0.3, 1.0, size=(*leading, n_out)),
        "x": rng.normal(0.5, 1.0, size=(*leading, n_in)),
        "weight": rng.normal(0.2, 1.0, size=(n_out, n_in)),
    }


@linear_backward.law("the loss changes by the same amount if x or the weight grows by 1%", arrays, seeds=3)
def same_product(linear_backward, d_out, x, weight):
    d_x, d_weight, _ = linear_backward(d_out, x, weight)
    return np.sum(d_x * x), np.sum(d_weight * weight)


def rows_of(x):
    return x.reshape(-1, x.shape[-1])


def right(d_out, x, weight):
    return d_out @ weight, rows_of(d_out).T @ rows_of(x), rows_of(d_out).sum(axis=0)


@linear_backward.mistake(
    "d_weight is transposed: its shape is (in, out). A gradient has the shape of what it belongs to, and"
    " the weight is (out, in), one row for each output.",
    see=WAY,
)
def weight_transposed(d_out, x, weight):
    d_x, d_weight, d_bias = right(d_out, x, weight)
    return d_x, d_weight.T, d_bias


@linear_backward.mistake(
    "You multiplied d_out by the transposed weight. The forward was x times the transposed weight; the"
    " way back is d_out times the weight as it stands: (N, O) times (O, I). A square weight does not"
    " complain.",
    see=LINEAR,
)
def times_transpose(d_out, x, weight):
    _, d_weight, d_bias = right(d_out, x, weight)
    return d_out @ weight.T, d_weight, d_bias


@linear_backward.mistake(
    "d_weight is a mean over the vectors. It is their sum: a mean, if one is wanted, is already in the loss.",
    see=LINEAR,
)
def weight_mean(d_out, x, weight):
    d_x, d_weight, d_bias = right(d_out, x, weight)
    return d_x, d_weight / len(rows_of(x)), d_bias


@linear_backward.mistake(
    "d_bias is a mean over the vectors. The bias was copied into every row, and what is copied forwards"
    " is summed backwards.",
    see=RULES,
)
def bias_mean(d_out, x, weight):
    d_x, d_weight, _ = right(d_out, x, weight)
    return d_x, d_weight, rows_of(d_out).mean(axis=0)


@linear_backward.mistake(
    "Weight and bias both have the mean over the vectors. They served every vector, so their gradients"
    " are sums.",
    see=RULES,
)
def both_means(d_out, x, weight):
    d_x, d_weight, d_bias = right(d_out, x, weight)
    return d_x, d_weight / len(rows_of(x)), d_bias / len(rows_of(x))


@linear_backward.mistake(
    "d_bias was summed over the first axis only. With more axes in front of the last, sum over all of"
    " them; with none in front there is nothing to sum.",
    see=LINEAR,
)
def bias_first_axis(d_out, x, weight):
    d_x, d_weight, _ = right(d_out, x, weight)
    return d_x, d_weight, d_out.sum(axis=0)


@linear_backward.mistake(
    "d_bias was summed over the outputs: one number for each vector. Each output has a bias of its own;"
    " the sum runs over the vectors.",
    see=LINEAR,
)
def bias_last_axis(d_out, x, weight):
    d_x, d_weight, _ = right(d_out, x, weight)
    return d_x, d_weight, d_out.sum(axis=-1)


@linear_backward.mistake(
    "d_bias has the shape of d_out: it was not summed. One bias served all vectors, so their"
    " contributions add up to O numbers.",
    see=RULES,
)
def bias_not_summed(d_out, x, weight):
    d_x, d_weight, _ = right(d_out, x, weight)
    return d_x, d_weight, d_out


@linear_backward.mistake(
    "There is one d_weight for each index in front. The weight is one and served them all: lay all"
    " vectors one below the other, so that the product sums over every one of them.",
    see=LINEAR,
)
def weight_per_text(d_out, x, weight):
    d_x, _, d_bias = right(d_out, x, weight)
    if x.ndim == 1:
        return d_x, np.outer(d_out, x), d_bias
    return d_x, np.swapaxes(d_out, -1, -2) @ x, d_bias


@linear_backward.mistake(
    "The gradients are right, but in the wrong order: x first, then weight, then bias.", see=LINEAR
)
def weight_first(d_out, x, weight):
    d_x, d_weight, d_bias = right(d_out, x, weight)
    return d_weight, d_x, d_bias
