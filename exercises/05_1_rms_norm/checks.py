"""Checks of 05.1: RMSNorm, forward."""

import math

import numpy as np

from minillama.book.exercises import Hole

SYMBOLS = "RMSNorm in symbols, and in code"
IDEA = "The idea: keep the direction, fix the length"
PLANTED = "Two planted mistakes"
SIXTEEN = "In sixteen bits"

rms_norm = Hole("rms_norm", exact_dtype=True)

rms_norm.case(
    "one vector, by hand",
    np.array([0.2, 14.0]),
    x=np.array([1.0, 7.0]),
    weight=np.array([1.0, 10.0]),
    eps=0.0,
)
rms_norm.case(
    "two vectors of different length, by hand",
    np.array([[0.2, 1.4, -0.2, -1.4], [1.0, 1.0, 1.0, 1.0]]),
    x=np.array([[1.0, 7.0, -1.0, -7.0], [3.0, 3.0, 3.0, 3.0]]),
    weight=np.ones(4),
    eps=0.0,
)
rms_norm.case(
    "a small vector, where eps counts, by hand: sqrt(9 + 16) = 5",
    np.array([[0.6, -0.6], [0.0, 0.0]]),
    x=np.array([[3.0, -3.0], [0.0, 0.0]]),
    weight=np.ones(2),
    eps=16.0,
)
rms_norm.case(
    "float16, whose squares overflow",
    np.array([[1.0, -2.0], [1.0, -2.0]], dtype=np.float16),
    x=np.array([[300.0, -300.0], [20.0, -20.0]], dtype=np.float16),
    weight=np.array([1.0, 2.0], dtype=np.float16),
    eps=0.0,
)


def entry_by_entry(x, weight, eps):
    """Walk over all vectors with Python's own numbers."""
    out = np.empty_like(x)
    for place in np.ndindex(x.shape[:-1]):
        vector = [float(value) for value in x[place]]
        size = math.sqrt(math.fsum(value * value for value in vector) / len(vector) + eps)
        out[place] = [w * value / size for w, value in zip(weight.tolist(), vector, strict=True)]
    return out


@rms_norm.against(entry_by_entry, "random arrays, against loops over single numbers", seeds=6)
def arrays(rng):
    leading = [(), (3,), (2, 3), (2, 2, 3)][int(rng.integers(4))]
    dim = int(rng.integers(4, 8))
    return {
        "x": rng.normal(0.5, 1.0, size=(*leading, dim)),
        "weight": rng.normal(1.0, 0.5, size=dim),
        "eps": float(rng.choice([1e-6, 1e-5, 0.1])),
    }


@rms_norm.law("ten times the input gives the same output, if eps is 0", arrays, seeds=3)
def scale(rms_norm, x, weight, eps):
    return rms_norm(10 * x, weight, 0.0), rms_norm(x, weight, 0.0)


def norm(x, weight, eps, axis=-1, statistic=np.mean, work=np.float32):
    """RMSNorm with some of its parts exchanged."""
    wide = x.astype(np.promote_types(x.dtype, work))
    size = np.sqrt(statistic(wide**2, axis=axis, keepdims=True) + eps)
    return (wide / size).astype(x.dtype) * weight


@rms_norm.mistake(
    "Your result equals LayerNorm's: the mean was subtracted. RMSNorm leaves the mean where it is.", see=IDEA
)
def layer_norm(x, weight, eps):
    wide = x.astype(np.promote_types(x.dtype, np.float32))
    return norm(wide - wide.mean(axis=-1, keepdims=True), weight, eps).astype(x.dtype)


@rms_norm.mistake(
    "Your result equals LayerNorm's: the mean was subtracted. RMSNorm leaves the mean where it is. (And in"
    " float16 the squares need float32: 300 squared is beyond its largest number.)",
    see=IDEA,
)
def layer_norm_in_its_own_dtype(x, weight, eps):
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + eps) * weight


@rms_norm.mistake(
    "eps was added to the root. It belongs inside, to the mean square: with small vectors that is another"
    " number.",
    see=PLANTED,
)
def eps_outside(x, weight, eps):
    wide = x.astype(np.promote_types(x.dtype, np.float32))
    size = np.sqrt(np.mean(wide**2, axis=-1, keepdims=True)) + eps
    with np.errstate(invalid="ignore"):
        return (wide / size).astype(x.dtype) * weight


@rms_norm.mistake(
    "eps is missing. A vector of zeros then divides zero by zero, and small vectors come out too large.",
    see=SYMBOLS,
)
def no_eps(x, weight, eps):
    with np.errstate(invalid="ignore"):
        return norm(x, weight, 0.0)


@rms_norm.mistake(
    "You divided by the length of the vector, the root of the *sum* of squares. The root *mean* square is"
    " smaller by sqrt(C): the result must have length sqrt(C), not 1.",
    see=IDEA,
)
def length(x, weight, eps):
    return norm(x, weight, eps, statistic=np.sum)


@rms_norm.mistake("You divided by the mean square. The root is missing.", see=SYMBOLS)
def no_root(x, weight, eps):
    wide = x.astype(np.promote_types(x.dtype, np.float32))
    return (wide / (np.mean(wide**2, axis=-1, keepdims=True) + eps)).astype(x.dtype) * weight


@rms_norm.mistake(
    "You divided by the mean of the absolute values. RMSNorm squares, takes the mean, then the root: large"
    " entries count for more.",
    see=SYMBOLS,
)
def mean_absolute(x, weight, eps):
    wide = x.astype(np.promote_types(x.dtype, np.float32))
    with np.errstate(invalid="ignore"):
        return (wide / (np.mean(np.abs(wide), axis=-1, keepdims=True) + eps)).astype(x.dtype) * weight


@rms_norm.mistake(
    "The mean was taken along the first axis, over different vectors. Each vector is normalised by itself,"
    " over its own channels: the last axis.",
    see=SYMBOLS,
)
def first_axis(x, weight, eps):
    return norm(x, weight, eps, axis=0)


@rms_norm.mistake(
    "The mean was taken over the whole array, so the vectors share one size. Each is normalised by its"
    " own: axis -1, with keepdims.",
    see=SYMBOLS,
)
def all_axes(x, weight, eps):
    return norm(x, weight, eps, axis=None)


@rms_norm.mistake("The weight was added. It multiplies.", see=SYMBOLS)
def weight_added(x, weight, eps):
    return norm(x, np.ones_like(weight), eps) + weight


@rms_norm.mistake(
    "The weight is missing: after the division each channel is multiplied by its own factor.", see=SYMBOLS
)
def no_weight(x, weight, eps):
    return norm(x, np.ones_like(weight), eps)


@rms_norm.mistake(
    "You multiplied by 1 + weight. Gemma does, and starts its weights at 0; LLaMA multiplies by the weight.",
    see="In the real LLaMA",
)
def one_plus_weight(x, weight, eps):
    return norm(x, 1 + weight, eps)


@rms_norm.mistake(
    "In float16 you get zeros: 300 squared is infinity there, and whatever is divided by infinity is 0."
    " Take the mean square in float32.",
    see=SIXTEEN,
)
def overflow(x, weight, eps):
    with np.errstate(over="ignore"):
        size = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + x.dtype.type(eps))
        return x / size * weight


@rms_norm.mistake(
    "The numbers are right, but float16 came in and float32 goes out. Cast back to the dtype of x, or the"
    " next layer takes twice the memory.",
    see=SIXTEEN,
)
def stays_wide(x, weight, eps):
    wide = x.astype(np.promote_types(x.dtype, np.float32))
    return norm(wide, weight.astype(wide.dtype), eps)
