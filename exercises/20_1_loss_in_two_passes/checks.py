"""Checks of 20.1: nats, the gradient in the row, and how often memory was asked. The oracle is float64's."""

import math

import numpy as np

from minillama.book.exercises import Hole

PASS = "Two passes over a row"
DIGITS = "Digits that go missing"
TRITON = "The same in Triton"


def watched(function, logits, target, width):
    """Give a row that can be reached by `load` and `store` only, and count what is asked of it."""
    row, loaded, stored, widest = logits.copy(), 0, 0, 0

    def load(start, stop):
        nonlocal loaded, widest
        piece = row[start:stop].copy()
        loaded, widest = loaded + len(piece), max(widest, len(piece))
        return piece

    def store(start, values):
        nonlocal stored, widest
        row[start : start + len(values)] = values
        stored, widest = stored + len(values), max(widest, len(values))

    nats = function(load, store, len(row), target, width)
    return {
        "nats": nats,
        "the row afterwards": row,
        "more than `width` numbers at once": widest > width,
        "logits were loaded more than twice": loaded > 2 * len(row) + 1,
        "places were stored to more than once": stored > len(row),
    }


row_loss = Hole("row_loss", through=watched)


def wanted(nats, gradient):
    return {
        "nats": nats,
        "the row afterwards": np.array(gradient, dtype=np.float32),
        "more than `width` numbers at once": False,
        "logits were loaded more than twice": False,
        "places were stored to more than once": False,
    }


row_loss.case(
    "two logits of zero, by hand",
    wanted(math.log(2), [0.5, -0.5]),
    logits=np.zeros(2, dtype=np.float32),
    target=1,
    width=2,
)
row_loss.case(
    "three to one, by hand, one logit at a time",
    wanted(math.log(4), [0.75, -0.75]),
    logits=np.array([math.log(3), 0.0], dtype=np.float32),
    target=1,
    width=1,
)


def in_float64(logits, target, width):
    largest = max(float(z) for z in logits)
    weights = [math.exp(float(z) - largest) for z in logits]
    others = sum(w for v, w in enumerate(weights) if v != target)
    gradient = [w / math.fsum(weights) - (v == target) for v, w in enumerate(weights)]
    return wanted(math.log1p(others / weights[target]), gradient)


def some(rng, scale=2.0, offset=0.0):
    V = int(rng.integers(7, 24))
    logits = (rng.normal(size=V) * scale + offset).astype(np.float32)
    return {"logits": logits, "target": int(rng.integers(V)), "width": int(rng.integers(2, 6))}


@row_loss.against(in_float64, "random rows", seeds=6)
def ordinary(rng):
    return some(rng)


@row_loss.against(in_float64, "logits of some hundred", seeds=2)
def large(rng):
    return some(rng, scale=200.0)


@row_loss.against(in_float64, "logits near 4,096, the target likely", seeds=4)
def digits(rng):
    given = some(rng, scale=1.0, offset=4096.0)
    given["logits"][given["target"]] = 4096.0 + rng.integers(7, 10)
    return given


@row_loss.against(in_float64, "pieces of tokens that cannot come", seeds=4)
def impossible(rng):
    given = some(rng)
    given["logits"][: given["width"] + 1] = -np.inf
    given["logits"][-1] = -np.inf
    given["target"] = given["width"] + 1
    return given


def passes(
    load, store, V, target, width, *, rescale=True, base_of=None, late=False, naive=False, onehot="guarded"
):
    """`row_loss` with switches for what goes wrong."""
    with np.errstate(all="ignore"):
        held = None if late else load(target, target + 1)[0]
        top, total = np.float32(-np.inf), np.float32(0.0)
        for at in range(0, V, width):
            z = load(at, at + width)
            larger = max(top, z.max())
            base = base_of(larger) if base_of else (larger if larger > -np.inf else np.float32(0.0))
            total = (np.exp(top - base) if rescale else 1) * total + np.exp(z - base).sum()
            top = base if base_of else larger
        for at in range(0, V, width):
            gradient = np.exp(load(at, at + width) - top) / total
            if onehot == "guarded" and at <= target < at + width:
                gradient[target - at] -= 1
            if onehot == "unguarded" and target < at + width:
                gradient[target - at] -= 1
            store(at, gradient)
        if late:
            held = load(target, target + 1)[0]
        if naive:
            return float((top + np.log(total)) - held)
        return float(np.log(total) - (held - top))


@row_loss.mistake(
    "The sum was not shrunk when a larger logit turned up: earlier pieces are measured by the old maximum.",
    see=PASS,
)
def not_rescaled(load, store, V, target, width):
    return passes(load, store, V, target, width, rescale=False)


@row_loss.mistake(
    "No maximum was taken off: exponentials of logits of some hundred are infinite.", see=DIGITS
)
def no_maximum(load, store, V, target, width):
    with np.errstate(all="ignore"):
        held, total = load(target, target + 1)[0], np.float32(0.0)
        for at in range(0, V, width):
            total = total + np.exp(load(at, at + width)).sum()
        for at in range(0, V, width):
            gradient = np.exp(load(at, at + width)) / total
            if at <= target < at + width:
                gradient[target - at] -= 1
            store(at, gradient)
        return float(np.log(total) - held)


@row_loss.mistake(
    "The target's logit was loaded after the gradient had been stored: what stands there then is a"
    " probability less 1.",
    see=TRITON,
)
def too_late(load, store, V, target, width):
    return passes(load, store, V, target, width, late=True)


@row_loss.mistake(
    "The gradient is right, but the nats are log Z minus the logit, two large numbers that differ by little:"
    " float32 has no digits left for it. Take the maximum off both first.",
    see=DIGITS,
)
def digits_lost(load, store, V, target, width):
    return passes(load, store, V, target, width, naive=True)


@row_loss.mistake(
    "Where a piece holds nothing but minus infinity, minus infinity was subtracted from itself: NaN, and it"
    " stays in the sum.",
    see=TRITON,
)
def unguarded(load, store, V, target, width):
    return passes(load, store, V, target, width, base_of=lambda larger: larger)


@row_loss.mistake(
    "The values are right, but the row was read three times: once for the maximum, once for the sum. Keep"
    " both in one pass.",
    see=PASS,
)
def three_passes(load, store, V, target, width):
    held = load(target, target + 1)[0]
    starts = range(0, V, width)
    top = max(load(at, at + width).max() for at in starts)
    total = sum(np.exp(load(at, at + width) - top).sum() for at in starts)
    for at in starts:
        gradient = np.exp(load(at, at + width) - top) / total
        if at <= target < at + width:
            gradient[target - at] -= 1
        store(at, gradient)
    return float(np.log(total) - (held - top))


@row_loss.mistake(
    "The values are right, but the whole row was loaded at once. It does not fit: take `width` at a time.",
    see=PASS,
)
def all_at_once(load, store, V, target, width):
    return passes(load, store, V, target, V)


@row_loss.mistake(
    "In the pieces after the target's, `target - start` is negative, and Python counts it from the end of the"
    " piece: 1 is subtracted there as well, or it is no index at all.",
    see=PASS,
)
def negative_index(load, store, V, target, width):
    return passes(load, store, V, target, width, onehot="unguarded")


@row_loss.mistake("The row holds the softmax. Its gradient is 1 less at the target.", see="The mathematics")
def no_onehot(load, store, V, target, width):
    return passes(load, store, V, target, width, onehot="never")


@row_loss.mistake(
    "Each piece was stored as soon as it was read, divided by the sum so far. The sum is known after the last"
    " piece only: hence the second pass.",
    see=PASS,
)
def one_pass(load, store, V, target, width):
    held = load(target, target + 1)[0]
    top, total = np.float32(-np.inf), np.float32(0.0)
    for at in range(0, V, width):
        z = load(at, at + width)
        larger = max(top, z.max())
        base = larger if larger > -np.inf else np.float32(0.0)
        total = np.exp(top - base) * total + np.exp(z - base).sum()
        top = larger
        gradient = np.exp(z - base) / (total or np.float32(1.0))
        if at <= target < at + width:
            gradient[target - at] -= 1
        store(at, gradient)
    return float(np.log(total) - (held - top))


row_loss.survives(
    "(-np.inf, 0.0) -> (-np.inf, 1.0)",
    "the first piece multiplies it by e to minus infinity, 0",
)
