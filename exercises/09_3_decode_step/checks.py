"""Checks of 09.3: one decoding step with a cache."""

import math

import numpy as np

from minillama.book.exercises import Hole

CACHE = "Speaking: the key/value cache"
BLOCK = "A block, forward"

decode_step = Hole("decode_step", tolerance=1e-9)

decode_step.case(
    "an empty cache: the first position sees itself alone, by hand",
    (
        np.array([[6.0, 8.0], [6.0, 8.0]]),
        np.array([[[1.0, 0.0]]]),
        np.array([[[6.0, 8.0]]]),
    ),
    q=np.array([[5.0, -3.0], [1.0, 2.0]]),
    k=np.array([[1.0, 0.0]]),
    v=np.array([[6.0, 8.0]]),
    k_cache=np.zeros((1, 0, 2)),
    v_cache=np.zeros((1, 0, 2)),
    theta=10_000.0,
)
decode_step.case(
    "a query of zeros looks at all three alike, by hand: (3 + 6 + 9) / 3",
    (
        np.array([[6.0, 0.0]]),
        np.array([[[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]]]),
        np.array([[[3.0, 1.0], [6.0, 1.0], [9.0, -2.0]]]),
    ),
    q=np.zeros((1, 2)),
    k=np.zeros((1, 2)),
    v=np.array([[9.0, -2.0]]),
    k_cache=np.array([[[1.0, 1.0], [2.0, 2.0]]]),
    v_cache=np.array([[[3.0, 1.0], [6.0, 1.0]]]),
    theta=10_000.0,
)


def number_by_number(q, k, v, k_cache, v_cache, theta):
    """Complex numbers for the rotation, Python sums for the rest, one head and one key after another."""
    (heads, width), (groups, past) = q.shape, k_cache.shape[:2]
    half = width // 2

    def turned(vector):
        pairs = [
            complex(vector[i], vector[i + half]) * complex(math.cos(angle), math.sin(angle))
            for i, angle in ((i, past * theta ** (-2 * i / width)) for i in range(half))
        ]
        return [z.real for z in pairs] + [z.imag for z in pairs]

    keys = [[list(row) for row in k_cache[g]] + [turned(k[g])] for g in range(groups)]
    values = [[list(row) for row in v_cache[g]] + [list(v[g])] for g in range(groups)]
    out = []
    for h in range(heads):
        g, query = h * groups // heads, turned(q[h])
        powers = [
            math.exp(math.fsum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(width))
            for key in keys[g]
        ]
        total = math.fsum(powers)
        out.append(
            [
                math.fsum(p / total * row[i] for p, row in zip(powers, values[g], strict=True))
                for i in range(width)
            ]
        )
    return np.array(out), np.array(keys), np.array(values)


@decode_step.against(number_by_number, "random heads, against complex numbers and loops", seeds=6)
def heads(rng):
    H, K = [(2, 1), (4, 2), (6, 2)][int(rng.integers(3))]
    S, D = int(rng.integers(2, 6)), int(rng.choice([4, 6]))
    return {
        "q": rng.normal(size=(H, D)),
        "k": rng.normal(size=(K, D)),
        "v": rng.normal(size=(K, D)),
        "k_cache": rng.normal(size=(K, S, D)),
        "v_cache": rng.normal(size=(K, S, D)),
        "theta": float(rng.choice([100.0, 10_000.0])),
    }


@decode_step.law("scores of a thousand do no harm: the larger one wins", lambda rng: {"size": 40.0}, seeds=1)
def stable(decode_step, size):
    key, zero = np.array([[size, 0.0]]), np.zeros((1, 0, 2))
    _, k_cache, v_cache = decode_step(key, key, np.ones((1, 2)), zero, zero, 1e4)
    out, *_ = decode_step(key, -key, np.full((1, 2), 7.0), k_cache, v_cache, 1e4)
    return out, np.ones((1, 2))


def turn(x, position, theta, sign=1.0, interleaved=False):
    """Rotate heads by the angles of one position, in either layout."""
    half = x.shape[-1] // 2
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    angles = sign * position * theta ** (-np.arange(half) / half)
    cos, sin = np.cos(angles), np.sin(angles)
    out = np.empty_like(x)
    first, second = (
        (slice(0, None, 2), slice(1, None, 2)) if interleaved else (slice(half), slice(half, None))
    )
    out[..., first], out[..., second] = a * cos - b * sin, b * cos + a * sin
    return out


def step(
    q,
    k,
    v,
    k_cache,
    v_cache,
    theta,
    at=0,
    sign=1.0,
    interleaved=False,
    turn_q=True,
    turn_k=True,
    turn_v=False,
    again=False,
    scale=0.5,
    tile=False,
    see_new=True,
    weights_axis=-1,
    position=None,
):
    """Do the step with some of its parts exchanged."""
    (H, D), (K, S) = q.shape, k_cache.shape[:2]
    place = S + at if position is None else position

    def rotate(x):
        return turn(x, place, theta, sign, interleaved)

    q, k, v = rotate(q) if turn_q else q, rotate(k) if turn_k else k, rotate(v) if turn_v else v
    new_k, new_v = np.concatenate([k_cache, k[:, None]], 1), np.concatenate([v_cache, v[:, None]], 1)
    seen_k, seen_v = (new_k, new_v) if see_new or not S else (k_cache, v_cache)
    if again:
        seen_k = np.concatenate([rotate(k_cache), k[:, None]], 1)
        new_k = seen_k
    spread = (lambda x: np.tile(x, (H // K, 1, 1))) if tile else (lambda x: np.repeat(x, H // K, axis=0))
    scores = np.einsum("hd,hsd->hs", q, spread(seen_k)) * D**-scale
    weights = np.exp(scores - scores.max(axis=weights_axis, keepdims=True))
    weights /= weights.sum(axis=weights_axis, keepdims=True)
    return np.einsum("hs,hsd->hd", weights, spread(seen_v)), new_k, new_v


@decode_step.mistake(
    "Query and key were rotated as if they stood at position 0, which is not at all. With a cache the"
    " position is counted from the beginning of the text, not of the chunk at hand: here it is S.",
    see=CACHE,
)
def position_zero(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, position=0)


@decode_step.mistake(
    "The new position was numbered S + 1. Counting begins at 0, so with S positions in the cache it is S.",
    see=CACHE,
)
def one_too_far(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, at=1)


@decode_step.mistake(
    "The new key went into the cache without its rotation. Nobody will rotate it later: it has to happen"
    " now.",
    see=CACHE,
)
def key_not_turned(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, turn_k=False)


@decode_step.mistake(
    "The query was not rotated: scores must depend on the distance of query and key.", see=CACHE
)
def query_not_turned(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, turn_q=False)


@decode_step.mistake("The values were rotated too. RoPE turns queries and keys only.", see=BLOCK)
def values_turned(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, turn_v=True)


@decode_step.mistake(
    "The keys in the cache were rotated once more. They got their rotation when they came in, each for its"
    " own position.",
    see=CACHE,
)
def turned_again(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, again=True)


@decode_step.mistake(
    "The pairs are those of the interleaved layout, (2i, 2i + 1). Asked for is half: (i, i + D/2).", see=BLOCK
)
def other_layout(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, interleaved=True)


@decode_step.mistake("The rotation goes the wrong way round: the sign of the sines is reversed.", see=BLOCK)
def wrong_way(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, sign=-1.0)


@decode_step.mistake(
    "Key/value heads were dealt out in turn (np.tile). Neighbouring queries share one: head h reads h //"
    " (H/K), as np.repeat does.",
    see=BLOCK,
)
def tiled(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, tile=True)


@decode_step.mistake(
    "The new position does not see itself: its own key and value must be in the cache before it attends.",
    see=CACHE,
)
def not_itself(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, see_new=False)


@decode_step.mistake("The scores were not divided by sqrt(D).", see=BLOCK)
def not_scaled(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, scale=0.0)


@decode_step.mistake("The scores were divided by D. It is its root.", see=BLOCK)
def scaled_by_d(q, k, v, k_cache, v_cache, theta):
    return step(q, k, v, k_cache, v_cache, theta, scale=1.0)
