"""Checks of 19.3: causal attention in tiles, values and bytes. The oracle goes key by key in float64."""

import math

import numpy as np
import torch
import triton
import triton.language as tl

from minillama.book.exercises import Hole
from minillama.kernels.traffic import measured
from minillama.kernels.triton.interpreter import enable

enable()

TILES = "A head in tiles"
ONLINE = "The mathematics"
SKIP = "What skipping saves"
PLANTED = "Three planted mistakes"
TRITON = "The same loop in Triton"

flash_numpy = Hole("flash_numpy")


def key_by_key(q, k, v, M, N):
    T, D = q.shape
    out, log_sums = np.zeros((T, D)), np.zeros(T)
    for t in range(T):
        scores = [sum(q[t, d] * k[s, d] for d in range(D)) / math.sqrt(D) for s in range(t + 1)]
        largest = max(scores)
        weights = [math.exp(score - largest) for score in scores]
        out[t] = sum(w * v[s] for s, w in enumerate(weights)) / sum(weights)
        log_sums[t] = largest + math.log(sum(weights))
    return out, log_sums


flash_numpy.case(
    "scores of zero, by hand",
    (np.array([[2.0], [3.0], [6.0]]), np.log([1.0, 2.0, 3.0])),
    q=np.zeros((3, 1)),
    k=np.ones((3, 1)),
    v=np.array([[2.0], [4.0], [12.0]]),
    M=2,
    N=1,
)


def arrays(rng, scale=1.0):
    T, D = int(rng.integers(5, 16)), int(rng.integers(2, 5))
    q, k, v = rng.normal(size=(3, T, D)) * scale
    return {"q": q, "k": k, "v": v, "M": int(rng.integers(2, 7)), "N": int(rng.integers(2, 7))}


@flash_numpy.against(key_by_key, "random arrays, key by key", seeds=6)
def random_arrays(rng):
    return arrays(rng)


@flash_numpy.against(key_by_key, "scores of some thousand", seeds=3)
def large(rng):
    return arrays(rng, scale=50.0)


def tiled(q, k, v, M, N, keep=1, scale=None, mask=True, first=0.0, base=True):
    """`flash_numpy` with switches for what goes wrong."""
    T, D = q.shape
    out, log_sums = np.zeros((T, D)), np.zeros(T)
    for start in range(0, T, M):
        row = np.arange(start, min(start + M, T))
        top, total, acc = np.full(len(row), -np.inf), np.zeros(len(row)), np.zeros((len(row), D))
        for at in range(0, row[-1] + 1, N):
            key = np.arange(at, min(at + N, T))
            s = q[row] @ k[key].T * (1 / math.sqrt(D) if scale is None else scale(D))
            if mask:
                s = np.where(key <= row[:, None], s, -np.inf)
            larger = np.maximum(top, s.max(axis=1)) if base else np.zeros(len(row))
            with np.errstate(all="ignore"):
                p = np.exp(s - larger[:, None])
                again = np.exp(top - larger) if base else np.ones(len(row))
                total = (again if keep != 0 else 1) * total + p.sum(axis=1)
                acc = (again[:, None] if keep == 1 else 1) * acc + p @ v[key]
            top = larger
        with np.errstate(all="ignore"):
            out[row], log_sums[row] = acc / total[:, None], top + np.log(total)
    return out, log_sums


@flash_numpy.mistake(
    "Neither the sum nor the weighted values were rescaled when the maximum grew: the earlier tiles count by"
    " the old one.",
    see=PLANTED,
)
def never_rescaled(q, k, v, M, N):
    return tiled(q, k, v, M, N, keep=0)


@flash_numpy.mistake(
    "The sum was rescaled when the maximum grew, the weighted values were not. Both hang on it.", see=ONLINE
)
def sum_alone_rescaled(q, k, v, M, N):
    return tiled(q, k, v, M, N, keep=2)


@flash_numpy.mistake("The scores were not divided by the square root of D.", see="The mathematics")
def no_scale(q, k, v, M, N):
    return tiled(q, k, v, M, N, scale=lambda D: 1.0)


@flash_numpy.mistake("The scores were divided by D, not by its square root.", see="The mathematics")
def divided_by_d(q, k, v, M, N):
    return tiled(q, k, v, M, N, scale=lambda D: 1 / D)


@flash_numpy.mistake(
    "Tiles after the diagonal were skipped, but those on it not masked: queries see keys after their own.",
    see=TILES,
)
def diagonal_unmasked(q, k, v, M, N):
    return tiled(q, k, v, M, N, mask=False)


@flash_numpy.mistake(
    "No maximum was taken off: exponentials of large scores are infinite, and infinity over infinity is NaN.",
    see=ONLINE,
)
def no_maximum(q, k, v, M, N):
    return tiled(q, k, v, M, N, base=False)


@flash_numpy.mistake(
    "The log-sum lacks the maximum: ln of the sum is measured against it, so add it back.", see=ONLINE
)
def log_sum_without_maximum(q, k, v, M, N):
    out, log_sums = tiled(q, k, v, M, N)
    s = np.where(np.tril(np.ones((len(q), len(q)))) > 0, q @ k.T / math.sqrt(q.shape[1]), -np.inf)
    return out, log_sums - s.max(axis=1)


def watched(function, q, k, v, M, N):
    """Run it under the meter: what it found, whether a kernel ran, and whether it read too much."""
    inputs = [x.clone() for x in (q, k, v)]
    with measured() as meter:
        out = function(*inputs, M, N)
    T, D = q.shape
    needed = sum(min(-(-min(i + M, T) // N) * N, T) for i in range(0, T, M))  # whole tiles of keys
    return {
        "result": out,
        "a Triton kernel ran": bool(meter.kernels),
        "keys after the tile's queries were loaded": meter.total.read > 4 * D * (T + 2 * needed),
        "two programs wrote one place": bool(meter.races),
    }


flash_triton = Hole("flash_triton", through=watched)


def whole(q, k, v, M, N):
    """Ask the oracle, in NumPy and float64."""
    out, _ = key_by_key(*(x.double().numpy() for x in (q, k, v)), M, N)
    return {
        "result": torch.from_numpy(out).float(),
        "a Triton kernel ran": True,
        "keys after the tile's queries were loaded": False,
        "two programs wrote one place": False,
    }


@flash_triton.against(whole, "values that fit one tile", seeds=2)
def one_tile(rng):
    return tensors(rng, T=int(rng.integers(3, 8)), M=8, N=8)


@flash_triton.against(whole, "several tiles, and a rest", seeds=3)
def several(rng):
    return tensors(rng, T=int(rng.integers(18, 24)), M=8, N=4)


@flash_triton.against(whole, "scores of some thousand", seeds=2)
def extreme(rng):
    return tensors(rng, T=11, M=4, N=8, scale=30.0)


def tensors(rng, T, M, N, scale=1.0):
    q, k, v = (torch.from_numpy(rng.normal(size=(T, 4)) * scale).float() for _ in range(3))
    return {"q": q, "k": k, "v": v, "M": M, "N": N}


@triton.jit
def wrong_kernel(
    q, k, v, out, T, scale, M: tl.constexpr, N: tl.constexpr, D: tl.constexpr, WRONG: tl.constexpr
):  # fmt: skip
    """Attend with one thing wrong, by name."""
    row = tl.program_id(0) * M + tl.arange(0, M)
    column = tl.arange(0, D)
    queries = tl.load(q + row[:, None] * D + column, mask=(row < T)[:, None], other=0.0)
    top = tl.full([M], float("-inf"), tl.float32)
    total = tl.zeros([M], tl.float32)
    acc = tl.zeros([M, D], tl.float32)
    stop = T if WRONG == "all keys" else tl.minimum(tl.program_id(0) * M + M, T)
    for at in range(0, stop, N):
        key = at + tl.arange(0, N)
        place = key[:, None] * D + column
        keys = tl.load(k + place, mask=(key < T)[:, None], other=0.0)
        s = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        if WRONG == "unmasked":
            s = tl.where((key < T)[None, :], s, float("-inf"))
        else:
            s = tl.where(key[None, :] <= row[:, None], s, float("-inf"))
        larger = tl.maximum(top, tl.max(s, axis=1))
        if WRONG == "no maximum":
            larger = tl.zeros([M], tl.float32)
        if WRONG == "base two":
            p = tl.exp2(s - larger[:, None])
            again = tl.exp2(top - larger)
        else:
            p = tl.exp(s - larger[:, None])
            again = tl.exp(top - larger)
        if WRONG == "not rescaled" or WRONG == "no maximum":
            again = tl.full([M], 1.0, tl.float32)
        values = tl.load(v + place, mask=(key < T)[:, None], other=0.0)
        total = again * total + tl.sum(p, axis=1)
        acc = again[:, None] * acc + tl.dot(p, values, input_precision="ieee")
        top = larger
    if WRONG != "not divided":
        acc = acc / total[:, None]
    tl.store(out + row[:, None] * D + column, acc, mask=(row < T)[:, None])


def start(q, k, v, M, N, wrong, scale=None):
    T, D = q.shape
    out = torch.empty_like(q)
    factor = D**-0.5 if scale is None else scale
    wrong_kernel[(triton.cdiv(T, M),)](q, k, v, out, T, factor, M=M, N=N, D=D, WRONG=wrong)
    return out


@flash_triton.mistake(
    "What earlier tiles gave was not rescaled when the maximum grew. With one tile nothing shows.",
    see=PLANTED,
)
def kernel_not_rescaled(q, k, v, M, N):
    return start(q, k, v, M, N, "not rescaled")


@flash_triton.mistake(
    "The values are right, but every program loads all keys, and masks those after its queries. Let the loop"
    " end at the tile's last query: half of the traffic.",
    see=SKIP,
)
def nothing_skipped(q, k, v, M, N):
    return start(q, k, v, M, N, "all keys")


@flash_triton.mistake(
    "The loop ends at the tile's last query, but within the tile queries see keys after their own. Mask by"
    " key <= row.",
    see=TILES,
)
def kernel_unmasked(q, k, v, M, N):
    return start(q, k, v, M, N, "unmasked")


@flash_triton.mistake(
    "The exponentials are powers of two, but the scale lacks log2(e): exp(x) = exp2(x log2(e)).", see=TRITON
)
def base_two(q, k, v, M, N):
    return start(q, k, v, M, N, "base two")


@flash_triton.mistake("No maximum was taken off: large scores overflow.", see=ONLINE)
def kernel_without_maximum(q, k, v, M, N):
    return start(q, k, v, M, N, "no maximum")


@flash_triton.mistake(
    "The weighted sum of the values was stored: divide by the sum of the weights.", see=ONLINE
)
def not_divided(q, k, v, M, N):
    return start(q, k, v, M, N, "not divided")


@flash_triton.mistake("The scores were not divided by the square root of D.", see=ONLINE)
def kernel_without_scale(q, k, v, M, N):
    return start(q, k, v, M, N, "", scale=1.0)


@flash_triton.mistake(
    "The values are right, but no Triton kernel was started: this is PyTorch's own.", see=TRITON
)
def no_kernel(q, k, v, M, N):
    return torch.nn.functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]


for survivor in ("other=0.0 -> other=1.0", "other=0.0 -> other=1.0 #2", "other=0.0 -> other=1.0 #3"):
    flash_triton.survives(
        survivor,
        "queries after the last are never stored, their keys are masked, and their values meet a weight of 0",
    )
