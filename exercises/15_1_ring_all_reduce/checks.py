"""Checks of 15.1: all-reduce in a ring."""

from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

COLLECTIVES = "Conversations of many: collectives"
BITS = "Same numbers, same bits"

ring_all_reduce = Hole("ring_all_reduce", tolerance=1e-12)

ring_all_reduce.case(
    "two processes, by hand",
    ([np.array([11.0, 22.0]), np.array([11.0, 22.0])], [2, 2]),
    arrays=[np.array([1.0, 2.0]), np.array([10.0, 20.0])],
)
ring_all_reduce.case(
    "three processes, chunks of two",
    ([np.array([111.0, 222.0, 333.0, 444.0, 555.0, 666.0])] * 3, [8, 8, 8]),
    arrays=[np.array([1.0, 2, 3, 4, 5, 6]) * 10.0**k for k in range(3)],
)
ring_all_reduce.case(
    "one process alone has nobody to send to", ([np.array([3.0, 4.0])], [0]), arrays=[np.array([3.0, 4.0])]
)


def exactly(arrays):
    """Add exact fractions; the count is the ring's formula."""
    n, size = len(arrays), len(arrays[0])
    total = [float(sum(Fraction(float(array[k])) for array in arrays)) for k in range(size)]
    return [np.array(total)] * n, [2 * (n - 1) * size // n] * n


@ring_all_reduce.against(exactly, "random arrays, against exact fractions", seeds=6)
def processes(rng):
    n = int(rng.integers(2, 6))
    size = n * int(rng.integers(1, 4))
    return {"arrays": [rng.normal(size=size) for _ in range(n)]}


@ring_all_reduce.law(
    "float32: every process has the same bits", lambda rng: {"arrays": _single(rng)}, seeds=3
)
def same_bits(ring_all_reduce, arrays):
    sums, _ = ring_all_reduce(arrays)
    return max(float(np.abs(one - sums[0]).max()) for one in sums), 0.0


def _single(rng):
    return [(rng.normal(size=50) * 1e6).astype(np.float32) for _ in range(5)]


@ring_all_reduce.mistake(
    "Everybody has sent its whole array to everybody: n - 1 times its size. In the ring it is 2 (n - 1) / n"
    " times, less than twice, however many there are.",
    see=COLLECTIVES,
)
def everybody_to_everybody(arrays):
    n = len(arrays)
    return [np.sum(arrays, axis=0)] * n, [(n - 1) * array.size for array in arrays]


@ring_all_reduce.mistake(
    "One process has collected everything and sent the sum to all. It sends and receives n - 1 whole arrays"
    " while the others wait; the ring shares that out.",
    see=COLLECTIVES,
)
def through_one(arrays):
    n, size = len(arrays), arrays[0].size
    return [np.sum(arrays, axis=0)] * n, [(n - 1) * size] + [size] * (n - 1)


@ring_all_reduce.mistake(
    "The second round is missing: each process has one finished chunk, and the rest is half done."
    " That was reduce-scatter; an all-gather has to follow.",
    see=COLLECTIVES,
)
def no_second_round(arrays):
    return _ring(arrays, copies=0)


@ring_all_reduce.mistake(
    "The second round adds again. What goes round there is finished: it replaces what was there.",
    see=COLLECTIVES,
)
def adds_twice(arrays):
    return _ring(arrays, replace=False)


@ring_all_reduce.mistake(
    "Each round has n steps. The last one brings every chunk back to where it began, and it is added once too"
    " often: n - 1 steps are enough.",
    see=COLLECTIVES,
)
def one_step_too_many(arrays):
    return _ring(arrays, extra=1)


@ring_all_reduce.mistake(
    "The result was divided by the number of processes. All-reduce adds; whether a mean is wanted is for the"
    " caller to know.",
    see=COLLECTIVES,
)
def mean(arrays):
    sums, sent = _ring(arrays)
    return [one / len(arrays) for one in sums], sent


@ring_all_reduce.mistake(
    "Half of what was sent is missing in the count: both rounds send n - 1 chunks.", see=COLLECTIVES
)
def counted_one_round(arrays):
    sums, sent = _ring(arrays)
    return sums, [count // 2 for count in sent]


@ring_all_reduce.mistake(
    "The count is in bytes. Numbers were asked for: a float64 has eight bytes.", see=COLLECTIVES
)
def counted_bytes(arrays):
    sums, sent = _ring(arrays)
    return sums, [count * arrays[0].itemsize for count in sent]


@ring_all_reduce.mistake(
    "Each process has added up the arrays in its own order, its own first. The sums differ in their last"
    " bits, and replicas that step by them drift apart. Each chunk has to be added up once, and copied.",
    see=BITS,
)
def own_order(arrays):
    n = len(arrays)
    sums = []
    for r in range(n):
        total = arrays[r].copy()
        for k in range(1, n):
            total = total + arrays[(r + k) % n]
        sums.append(total)
    return sums, [2 * (n - 1) * arrays[0].size // n] * n


def _ring(arrays, copies=None, replace=True, extra=0):
    """Do the ring with a step more or less, or with a second round that adds."""
    n = len(arrays)
    held = [np.split(array.copy(), n) for array in arrays]
    sent = [0] * n
    adding = n - 1 + extra
    for step in range(adding + (adding if copies is None else copies)):
        mail = [held[r][(r - step) % n].copy() for r in range(n)]
        for r in range(n):
            sent[r - 1] += mail[r - 1].size
            chunk = (r - 1 - step) % n
            if step < adding or not replace:
                held[r][chunk] = held[r][chunk] + mail[r - 1]
            else:
                held[r][chunk] = mail[r - 1]
    return [np.concatenate(chunks) for chunks in held], sent
