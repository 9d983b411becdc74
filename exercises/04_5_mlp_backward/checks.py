"""Checks of 04.5: a network with one hidden layer, backward."""

import numpy as np

from minillama.book.exercises import Hole

IDEA = "The idea: one number, and a walk back along the chain"
RULES = "From numbers to arrays: two rules"
LINEAR = "The linear layer"
MODEL = "A language model from these parts"
PLANTED = "Three planted bugs"

mlp_backward = Hole("mlp_backward")

HALF = float(np.arctanh(0.5))  # tanh of it is 0.5, the slope there 0.75

mlp_backward.case(
    "one number through, at a = 0, by hand",
    (np.array([[15.0]]), np.array([[10.0]]), np.array([5.0]), np.array([[0.0]])),
    d_out=np.array([[1.0]]),
    x=np.array([[2.0]]),
    w1=np.array([[3.0]]),
    b1=np.array([-6.0]),
    w2=np.array([[5.0]]),
)
mlp_backward.case(
    "one number through, at h = 1/2 with the slope 3/4, by hand",
    (np.array([[12.0]]), np.array([[6.0 * HALF]]), np.array([6.0]), np.array([[1.0]])),
    d_out=np.array([[2.0]]),
    x=np.array([[HALF]]),
    w1=np.array([[2.0]]),
    b1=np.array([-HALF]),
    w2=np.array([[4.0]]),
)
mlp_backward.case(
    "one vector alone, without axes in front, by hand",
    (np.array([3.0, 6.0]), np.array([[3.0 * HALF, 0.0]]), np.array([3.0]), np.array([[0.5]])),
    d_out=np.array([1.0]),
    x=np.array([HALF, 0.0]),
    w1=np.array([[1.0, 2.0]]),
    b1=np.array([0.0]),
    w2=np.array([[4.0]]),
)


def by_complex_step(d_out, x, w1, b1, w2):
    """Nudge each input along the imaginary axis: the derivative comes out exact, by no formula for it."""
    inputs = [x, w1, b1, w2]

    def nudged(inputs):
        x, w1, b1, w2 = inputs
        return np.sum(np.tanh(x @ w1.T + b1) @ w2.T * d_out).imag / 1e-30

    gradients = []
    for k, array in enumerate(inputs):
        gradient = np.empty_like(array)
        for place in np.ndindex(array.shape):
            step = np.zeros(array.shape, dtype=complex)
            step[place] = 1e-30j
            gradient[place] = nudged([*inputs[:k], array + step, *inputs[k + 1 :]])
        gradients.append(gradient)
    return tuple(gradients)


@mlp_backward.against(by_complex_step, "random arrays, against the derivative by complex steps", seeds=6)
def arrays(rng):
    leading = [(4,), (2, 3), (2, 2, 2)][int(rng.integers(3))]
    n_in, n_hidden, n_out = (int(n) for n in rng.permutation([2, 3, 4]))
    return {
        "d_out": rng.normal(0.3, 1.0, size=(*leading, n_out)),
        "x": rng.normal(0.5, 1.0, size=(*leading, n_in)),
        "w1": rng.normal(0.0, 0.7, size=(n_hidden, n_in)),
        "b1": rng.normal(0.3, 0.7, size=n_hidden),
        "w2": rng.normal(0.2, 1.0, size=(n_out, n_hidden)),
    }


@mlp_backward.law("twice d_out gives twice every gradient", arrays, seeds=3)
def linear_in_d_out(mlp_backward, d_out, x, w1, b1, w2):
    twice = mlp_backward(2 * d_out, x, w1, b1, w2)
    return twice, tuple(2 * g for g in mlp_backward(d_out, x, w1, b1, w2))


def rows_of(x):
    return x.reshape(-1, x.shape[-1])


def back(d_out, x, w1, b1, w2, slope=lambda a: 1 - np.tanh(a) ** 2, bias=1.0, into_w2=np.tanh):
    """Return the gradients, with some of their parts exchanged."""
    a = x @ w1.T + bias * b1
    d_a = (d_out @ w2) * slope(a)
    d_w2 = rows_of(d_out).T @ rows_of(into_w2(a))
    return d_a @ w1, rows_of(d_a).T @ rows_of(x), rows_of(d_a).sum(axis=0), d_w2


@mlp_backward.mistake(
    "The slope of tanh is missing: you walked from d_h to d_x as if there were no bend. A network trained"
    " so learns all the same, which is why one checks.",
    see=PLANTED,
)
def no_slope(d_out, x, w1, b1, w2):
    return back(d_out, x, w1, b1, w2, slope=np.ones_like)


@mlp_backward.mistake(
    "The slope was made of a, tanh's input: 1 - a². It is 1 - h², with its output. Beyond |a| = 1 yours"
    " even turns the sign.",
    see=PLANTED,
)
def slope_of_input(d_out, x, w1, b1, w2):
    return back(d_out, x, w1, b1, w2, slope=lambda a: 1 - a * a)


@mlp_backward.mistake("The square is missing in the slope of tanh: it is 1 - h², not 1 - h.", see=IDEA)
def no_square(d_out, x, w1, b1, w2):
    return back(d_out, x, w1, b1, w2, slope=lambda a: 1 - np.tanh(a))


@mlp_backward.mistake("The slope is h (1 - h). That is the sigmoid's; tanh has the slope 1 - h².", see=IDEA)
def sigmoid_slope(d_out, x, w1, b1, w2):
    return back(d_out, x, w1, b1, w2, slope=lambda a: np.tanh(a) * (1 - np.tanh(a)))


@mlp_backward.mistake(
    "The bias was forgotten when h was made again. What the backward makes again must be what the forward"
    " had.",
    see=MODEL,
)
def bias_forgotten(d_out, x, w1, b1, w2):
    return back(d_out, x, w1, b1, w2, bias=0.0)


@mlp_backward.mistake("d_w2 was made with a. What w2 multiplied is h, after the bend.", see=LINEAR)
def w2_before_the_bend(d_out, x, w1, b1, w2):
    return back(d_out, x, w1, b1, w2, into_w2=lambda a: a)


@mlp_backward.mistake(
    "d_w1 and d_b1 were made with d_h. Between them and the output stands the bend too: use d_a, as for d_x.",
    see=IDEA,
)
def weights_without_the_bend(d_out, x, w1, b1, w2):
    d_x, _, _, d_w2 = back(d_out, x, w1, b1, w2)
    _, d_w1, d_b1, _ = back(d_out, x, w1, b1, w2, slope=np.ones_like)
    return d_x, d_w1, d_b1, d_w2


@mlp_backward.mistake(
    "The gradients of the weights are means over the vectors. They are sums: a mean, if one is wanted, is"
    " already in the loss.",
    see=RULES,
)
def means(d_out, x, w1, b1, w2):
    d_x, d_w1, d_b1, d_w2 = back(d_out, x, w1, b1, w2)
    n = len(rows_of(x))
    return d_x, d_w1 / n, d_b1 / n, d_w2 / n


@mlp_backward.mistake(
    "d_b1 was summed over the first axis only. With more axes in front of the last, sum over all of them;"
    " with none in front there is nothing to sum.",
    see=LINEAR,
)
def bias_first_axis(d_out, x, w1, b1, w2):
    d_x, d_w1, _, d_w2 = back(d_out, x, w1, b1, w2)
    d_a = (d_out @ w2) * (1 - np.tanh(x @ w1.T + b1) ** 2)
    return d_x, d_w1, d_a.sum(axis=0), d_w2


@mlp_backward.mistake(
    "The gradients of both weights are transposed. A gradient has the shape of what it belongs to: (out,"
    " in).",
    see=RULES,
)
def transposed(d_out, x, w1, b1, w2):
    d_x, d_w1, d_b1, d_w2 = back(d_out, x, w1, b1, w2)
    return d_x, d_w1.T, d_b1, d_w2.T
