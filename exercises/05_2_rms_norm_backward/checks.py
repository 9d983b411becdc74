"""Checks of 05.2: RMSNorm, backward."""

import numpy as np

from minillama.book.exercises import Hole

STEPS = "The gradient, step by step"
PLANTED = "Two planted mistakes"

rms_norm_backward = Hole("rms_norm_backward")

rms_norm_backward.case(
    "one vector, by hand",
    (np.array([0.196, -0.028]), np.array([0.2, 0.0])),
    d_out=np.array([1.0, 0.0]),
    x=np.array([1.0, 7.0]),
    weight=np.ones(2),
    eps=0.0,
)
rms_norm_backward.case(
    "what points along x leaves nothing, by hand",
    (np.zeros((2, 2)), np.array([0.6, 29.4])),
    d_out=np.array([[1.0, 7.0], [-2.0, -14.0]]),
    x=np.array([[5.0, 35.0], [-5.0, -35.0]]),
    weight=np.ones(2),
    eps=0.0,
)
rms_norm_backward.case(
    "a vector of zeros: only eps is left, by hand",
    (np.array([[2.0, -4.0]]), np.zeros(2)),
    d_out=np.array([[1.0, -1.0]]),
    x=np.zeros((1, 2)),
    weight=np.array([1.0, 2.0]),
    eps=0.25,
)


def by_complex_step(d_out, x, weight, eps):
    """Nudge each input along the imaginary axis: the derivative comes out exact, by no formula for it."""

    def nudged(x, weight):
        out = weight * x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
        return np.sum(out * d_out).imag / 1e-30

    d_x, d_weight = np.empty_like(x), np.empty_like(weight)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape, dtype=complex)
        step[place] = 1e-30j
        d_x[place] = nudged(x + step, weight)
    for i in range(len(weight)):
        step = np.zeros(weight.shape, dtype=complex)
        step[i] = 1e-30j
        d_weight[i] = nudged(x, weight + step)
    return d_x, d_weight


@rms_norm_backward.against(by_complex_step, "random arrays, against the derivative by complex steps", seeds=6)
def arrays(rng):
    leading = [(3,), (2, 3), (2, 2, 3)][int(rng.integers(3))]
    dim = int(rng.integers(4, 7))
    return {
        "d_out": rng.normal(0.3, 1.0, size=(*leading, dim)),
        "x": rng.normal(0.5, 1.0, size=(*leading, dim)),
        "weight": rng.normal(1.0, 0.5, size=dim),
        "eps": float(rng.choice([1e-6, 0.1, 1.0])),
    }


@rms_norm_backward.law("d_x is at a right angle to x, if eps is 0", arrays, seeds=3)
def right_angle(rms_norm_backward, d_out, x, weight, eps):
    d_x, _ = rms_norm_backward(d_out, x, weight, 0.0)
    return np.sum(d_x * x, axis=-1), np.zeros(x.shape[:-1])


def backward(d_out, x, weight, eps, project=1.0, gain=True, divide=1, eps_in_back=True, axis=-1):
    """Return the gradients with some of their parts left out or done wrongly."""
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + (eps if eps_in_back else 0.0))
    x_hat = np.divide(x, rms, out=np.zeros_like(x), where=rms > 0)
    d_x_hat = d_out * weight if gain else d_out
    along = np.mean(d_x_hat * x_hat, axis=axis, keepdims=True) * project
    d_x = (d_x_hat - x_hat * along) / np.where(rms > 0, rms, 1.0) ** divide
    return d_x, (d_out * x_hat).reshape(-1, x.shape[-1]).sum(axis=0)


def normed(x, eps):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)


@rms_norm_backward.mistake(
    "The second part of d_x is missing: you took the root mean square for a constant, but x changes it."
    " Subtract what points along x: d_x must be at a right angle to it.",
    see=PLANTED,
)
def no_projection(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps, project=0.0)


@rms_norm_backward.mistake("The projection was added. It takes the part along x away.", see=STEPS)
def projection_added(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps, project=-1.0)


@rms_norm_backward.mistake(
    "The part along x was subtracted C times: the sum over the channels was taken where the mean belongs."
    " x_hat has length sqrt(C), not 1.",
    see=STEPS,
)
def projection_sum(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps, project=x.shape[-1])


@rms_norm_backward.mistake(
    "The projection was made with x where x_hat belongs, so its size is that of x squared.",
    see=STEPS,
)
def projection_of_x(d_out, x, weight, eps):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    d_x_hat = d_out * weight
    return (d_x_hat - x * np.mean(d_x_hat * x, axis=-1, keepdims=True)) / rms, backward(
        d_out, x, weight, eps
    )[1]


@rms_norm_backward.mistake(
    "The mean in the projection runs over the whole array. Each vector has a projection of its own: axis"
    " -1, with keepdims.",
    see=STEPS,
)
def projection_shared(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps, axis=None)


@rms_norm_backward.mistake(
    "d_x was not divided by the root mean square: a large x needs a larger step to turn as far.", see=STEPS
)
def not_divided(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps, divide=0)


@rms_norm_backward.mistake(
    "d_x was divided by the root mean square twice. One of the two factors has already made x into x_hat.",
    see=STEPS,
)
def divided_twice(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps, divide=2)


@rms_norm_backward.mistake(
    "The weight is missing in d_x. The gradient passes through y = w · x_hat first: d_x_hat = d_out · w.",
    see=STEPS,
)
def no_weight(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps, gain=False)


@rms_norm_backward.mistake(
    "eps is missing: what the backward makes again must be what the forward had, with eps inside the root.",
    see=STEPS,
)
def no_eps(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps, eps_in_back=False)


@rms_norm_backward.mistake(
    "d_weight was not summed: it has the shape of x. One weight served all vectors, so their contributions"
    " add up to one vector of C numbers.",
    see=STEPS,
)
def weight_not_summed(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps)[0], d_out * normed(x, eps)


@rms_norm_backward.mistake(
    "d_weight was summed over the first axis only. With more axes in front of the channels, sum over all"
    " of them.",
    see=STEPS,
)
def weight_first_axis(d_out, x, weight, eps):
    product = d_out * normed(x, eps)
    return backward(d_out, x, weight, eps)[0], product.sum(axis=0) if x.ndim > 1 else product


@rms_norm_backward.mistake(
    "d_weight is a mean over the vectors. It is their sum: a mean, if one is wanted, is already in the loss.",
    see=STEPS,
)
def weight_mean(d_out, x, weight, eps):
    product = (d_out * normed(x, eps)).reshape(-1, x.shape[-1])
    return backward(d_out, x, weight, eps)[0], product.mean(axis=0)


@rms_norm_backward.mistake(
    "d_weight was made with x. What the weight multiplied is x_hat, the normalised vector.", see=STEPS
)
def weight_of_x(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps)[0], (d_out * x).reshape(-1, x.shape[-1]).sum(axis=0)


@rms_norm_backward.mistake(
    "The two gradients are right, but in the wrong order: d_x first, then d_weight.", see=STEPS
)
def swapped(d_out, x, weight, eps):
    return backward(d_out, x, weight, eps)[::-1]
