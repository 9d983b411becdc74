"""Checks of 20.2: loss, both gradients, and the memory meanwhile. The oracle goes row by row in float64."""

import math
import tracemalloc

import numpy as np

from minillama.book.exercises import Hole

CHUNKS = "Logits that never exist"
LATE = "Three traps of an early gradient"
MATHEMATICS = "The mathematics"


def watched(function, x, head, targets, weights, rows):
    """Run it; where the vocabulary is large, look at the memory that it took."""
    if len(head) < 1000:
        return function(x, head, targets, weights, rows)
    tracemalloc.start()
    try:
        found = function(x, head, targets, weights, rows)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    chunk, gradients = 4 * rows * len(head), 4 * (x.size + head.size)
    return {
        "loss and gradients": found,
        "more memory than some chunks of logits": most > 6 * chunk + 4 * gradients,
    }


weighted_loss = Hole("weighted_loss", through=watched)

weighted_loss.case(
    "logits zero, two weights, by hand",
    (1.5 * math.log(2), np.zeros((2, 1), np.float32), np.array([[-0.25], [0.25]], np.float32)),
    x=np.ones((2, 1), np.float32),
    head=np.zeros((2, 1), np.float32),
    targets=np.array([0, 1]),
    weights=np.array([1.0, 0.5]),
    rows=2,
)
weighted_loss.case(
    "one position that counts twice, one that does not, by hand",
    (2 * math.log(2), np.array([[-4.0], [0.0]], np.float32), np.zeros((2, 1), np.float32)),
    x=np.zeros((2, 1), np.float32),
    head=np.array([[2.0], [-2.0]], np.float32),
    targets=np.array([0, -100]),
    weights=np.array([2.0, 0.0]),
    rows=1,
)


def row_by_row(x, head, targets, weights, rows):
    x, head = x.astype(np.float64), head.astype(np.float64)
    loss, dx, dhead = 0.0, np.zeros(x.shape), np.zeros(head.shape)
    for i in range(len(x)):
        if weights[i] == 0:
            continue
        z = head @ x[i]
        p = np.exp(z - z.max())
        loss += float(weights[i] * (np.log(p.sum()) + z.max() - z[targets[i]]))
        gradient = p / p.sum()
        gradient[targets[i]] -= 1
        dx[i] = weights[i] * (gradient @ head)
        dhead += weights[i] * np.outer(gradient, x[i])
    found = loss, dx.astype(np.float32), dhead.astype(np.float32)
    if len(head) < 1000:
        return found
    return {"loss and gradients": found, "more memory than some chunks of logits": False}


def some(rng, N, V, rows, dtype=np.float32, scale=1.0):
    C = 3
    weights = rng.uniform(0.2, 2.0, size=N)
    weights[rng.random(N) < 0.3] = 0.0
    weights[-1] = 1.5  # the last chunk counts
    targets = rng.integers(0, V, size=N)
    targets[(weights == 0) & (rng.random(N) < 0.7)] = -100
    return {
        "x": (rng.normal(size=(N, C)) * scale).astype(dtype),
        "head": rng.normal(size=(V, C)).astype(dtype),
        "targets": targets,
        "weights": weights,
        "rows": rows,
    }


@weighted_loss.against(row_by_row, "random arrays, row by row", seeds=5)
def ordinary(rng):
    return some(rng, N=int(rng.integers(8, 12)), V=int(rng.integers(5, 9)), rows=3)


@weighted_loss.against(row_by_row, "logits of some hundred", seeds=2)
def large(rng):
    return some(rng, N=7, V=6, rows=2, scale=100.0)


@weighted_loss.against(row_by_row, "16 bits, a thousand chunks", seeds=1)
def narrow(rng):
    given = some(rng, N=1000, V=4, rows=1, dtype=np.float16)
    given["x"] = np.abs(given["x"]) + np.float16(1)
    given["targets"][:] = 2  # its row of the gradient only ever grows
    return given


@weighted_loss.against(row_by_row, "3,000 tokens: the memory meanwhile", seeds=1)
def wide(rng):
    return some(rng, N=130, V=3000, rows=4)


def chunks(x, head, targets, weights, rows, *, onehot=None, soft=None, total_dtype=np.float32, whole=False,
           products=np.float32, shift=True, add=True, rest=True, plain_index=False):  # fmt: skip
    """`weighted_loss` with switches for what goes wrong."""
    N = len(x)
    x, head = x.astype(products), head.astype(products)
    loss, dx, dhead = 0.0, np.zeros(x.shape, np.float32), np.zeros(head.shape, total_dtype)
    rows = N if whole else rows
    with np.errstate(all="ignore"):
        for at in range(0, N if rest else N - N % rows, rows):
            here = slice(at, at + rows)
            piece, w = x[here], weights[here].astype(np.float32)
            index = targets[here] if plain_index else np.maximum(targets[here], 0)
            place = np.arange(len(piece)), index
            z = (piece @ head.T).astype(np.float32)
            if shift:
                z -= z.max(axis=1, keepdims=True)
            of_target = z[place]
            np.exp(z, out=z)
            total = z.sum(axis=1)
            loss += float(w @ (np.log(total) - of_target))
            z *= ((w if soft is None else soft(w)) / total)[:, None]
            z[place] -= w if onehot is None else onehot(w)
            dx[here] = z @ head
            term = (z.T @ piece.astype(np.float32)).astype(total_dtype)
            dhead = dhead + term if add else term
    return loss, dx, dhead.astype(np.float32)


@weighted_loss.mistake(
    "The gradient of the head was summed without weights, and multiplied by their mean. Out of a sum no"
    " position's weight can be had: put it into the logits' gradient first.",
    see=LATE,
)
def weighted_too_late(x, head, targets, weights, rows):
    loss, dx, _ = chunks(x, head, targets, weights, rows)
    _, _, dhead = chunks(x, head, targets, (targets >= 0).astype(float), rows)
    return loss, dx, dhead * np.float32(weights.mean())


@weighted_loss.mistake(
    "The loss is weighted, its gradients are not: they are those of the plain sum.", see=MATHEMATICS
)
def gradients_unweighted(x, head, targets, weights, rows):
    loss, _, _ = chunks(x, head, targets, weights, rows)
    return loss, *chunks(x, head, targets, (targets >= 0).astype(float), rows)[1:]


@weighted_loss.mistake(
    "The softmax was weighted, the 1 at the target was not. The weight stands before both.", see=MATHEMATICS
)
def onehot_unweighted(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights, rows, onehot=lambda w: (w > 0).astype(np.float32))


@weighted_loss.mistake(
    "The weights were multiplied in twice on the way back: the gradient has their squares.", see=MATHEMATICS
)
def weighted_twice(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights, rows, soft=np.square, onehot=np.square)


@weighted_loss.mistake(
    "The gradient of the head is the last chunk's alone: each chunk adds its term.", see=CHUNKS
)
def overwritten(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights, rows, add=False)


@weighted_loss.mistake(
    "The last, shorter chunk was left out: there are N // rows whole chunks, and a rest.", see=CHUNKS
)
def rest_dropped(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights, rows, rest=False)


@weighted_loss.mistake(
    "The gradient of the head was summed in the head's own 16 bits (zeros_like keeps the dtype): after some"
    " hundred chunks a term is too small to be added.",
    see=LATE,
)
def summed_narrow(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights, rows, total_dtype=head.dtype)


@weighted_loss.mistake(
    "The logits were computed in 16 bits. Convert before the product: each logit has three digits otherwise.",
    see=LATE,
)
def narrow_products(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights, rows, products=x.dtype)


@weighted_loss.mistake(
    "No maximum was taken off: exponentials of logits of some hundred are infinite.",
    see="Digits that go missing",
)
def no_maximum(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights, rows, shift=False)


@weighted_loss.mistake(
    "Loss and gradients are right, but all logits existed at once.", see="Memory by vocabulary"
)
def whole_logits(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights, rows, whole=True)


@weighted_loss.mistake(
    "-100 was used as an index. It counts from the end: with fewer than 100 tokens there is no such place,"
    " and with more it is a wrong one that nothing reports.",
    see=LATE,
)
def plain_index(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights, rows, plain_index=True)


@weighted_loss.mistake(
    "Everything was divided by the sum of the weights: that is a mean. A sum was asked for; who wants a mean"
    " divides the weights.",
    see=MATHEMATICS,
)
def a_mean(x, head, targets, weights, rows):
    return chunks(x, head, targets, weights / weights.sum(), rows)
