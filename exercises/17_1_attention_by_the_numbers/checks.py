"""Checks of 17.1: FLOPs and bytes of attention. The oracle walks through all pairs and all numbers."""

from minillama.book.exercises import Hole

COUNT = "Counting: FLOPs and bytes"
PASSES = "Passes over memory"
TOKEN = "One token at a time"

attention_work = Hole("attention_work")


def shape(B, H, K, D, T, past, size):
    return {"B": B, "H": H, "K": K, "D": D, "T": T, "past": past, "size": size}


attention_work.case("one head, two positions, by hand", (27, 32), **shape(1, 1, 1, 1, 2, 0, 4))
attention_work.case("two query heads share one key head, by hand", (18, 24), **shape(1, 2, 1, 1, 1, 0, 4))
attention_work.case("one new position after two, by hand", (39, 32), **shape(1, 1, 1, 2, 1, 2, 2))


def one_by_one(B, H, K, D, T, past, size):
    """Walk through every pair and touch every number."""
    flops, touched = 0, set()
    for b in range(B):
        for h in range(H):
            for t in range(T):
                for d in range(D):
                    touched |= {("q", b, h, t, d), ("out", b, h, t, d)}
                for s in range(past + T):
                    if s > past + t:
                        break  # not seen
                    for d in range(D):
                        flops += 2  # score: multiply, add
                        touched |= {("k", b, h * K // H, s, d), ("v", b, h * K // H, s, d)}
                        flops += 2  # mixing: multiply, add
                    flops += 5  # softmax
    return flops, size * len(touched)


@attention_work.against(one_by_one, "random shapes, pair by pair and number by number", seeds=10)
def shapes(rng):
    K = int(rng.integers(1, 3))
    return shape(
        int(rng.integers(1, 4)),
        K * int(rng.integers(1, 4)),
        K,
        int(rng.integers(2, 5)),
        int(rng.integers(1, 6)),
        int(rng.integers(0, 5)),
        int(rng.choice([2, 4])),
    )


@attention_work.law("twice the sequences are twice the work and twice the bytes", shapes)
def twice(attention_work, B, *rest):
    flops, moved = attention_work(B, *rest)
    return attention_work(2 * B, *rest), (2 * flops, 2 * moved)


def count(B, H, K, D, T, past, size, *, pairs=None, per_pair=None, keys=None, tensors=(2, 2), besides=0):
    """Count with one thing replaced."""
    pairs = B * H * (T * past + T * (T + 1) // 2) if pairs is None else pairs
    keys = B * K * (past + T) * D if keys is None else keys
    per_pair = 4 * D + 5 if per_pair is None else per_pair
    return pairs * per_pair, size * (tensors[0] * B * H * T * D + tensors[1] * keys + besides)


@attention_work.mistake(
    "Your FLOPs are those of all T queries with all keys. The mask is causal: new query t sees the"
    " cache and t + 1 new keys. The last sees all, the first does not.",
    see=COUNT,
)
def no_mask(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, past, size, pairs=B * H * T * (past + T))


@attention_work.mistake(
    "Query t was given t keys. It sees itself too: t + 1 of the new ones.",
    see=COUNT,
)
def not_itself(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, past, size, pairs=B * H * (T * past + T * (T - 1) // 2))


@attention_work.mistake(
    "The cache is missing: queries see the past keys too, and these must be read, with their values.",
    see=TOKEN,
)
def no_cache(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, 0, size)


@attention_work.mistake(
    "The cached keys are in your FLOPs and not in your bytes. Nobody computes them again, but they"
    " must be read.",
    see=TOKEN,
)
def cache_not_read(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, past, size, keys=B * K * T * D)


@attention_work.mistake(
    "Your bytes read keys and values once for each query head. There are K heads of them, and each is"
    " read once.",
    see=COUNT,
)
def keys_repeated(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, past, size, keys=B * H * (past + T) * D)


@attention_work.mistake(
    "Your FLOPs are those of K heads. Sharing keys saves bytes and no arithmetic: all H query heads compute.",
    see=COUNT,
)
def heads_shared_work(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, past, size, pairs=B * K * (T * past + T * (T + 1) // 2))


@attention_work.mistake(
    "The matrix of scores is in your bytes, written and read again. It is neither input nor output: a"
    " kernel that keeps it near need not move it.",
    see=PASSES,
)
def scores_moved(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, past, size, besides=2 * B * H * T * (past + T))


@attention_work.mistake("The output is missing in your bytes: it is as large as the queries.", see=COUNT)
def no_output(*args):
    return count(*args, tensors=(1, 2))


@attention_work.mistake("The values are missing in your bytes: they are as large as the keys.", see=COUNT)
def no_values(*args):
    return count(*args, tensors=(2, 1))


@attention_work.mistake(
    "A multiplication with its addition was counted as one FLOP, or one of the two products is"
    " missing: a pair is worth 4 D and 5.",
    see=COUNT,
)
def half_the_products(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, past, size, per_pair=2 * D + 5)


@attention_work.mistake("The softmax is missing: five FLOPs for each pair.", see=COUNT)
def no_softmax(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, past, size, per_pair=4 * D)


@attention_work.mistake("You counted numbers where bytes were asked for: times `size`.", see=COUNT)
def numbers_not_bytes(B, H, K, D, T, past, size):
    return count(B, H, K, D, T, past, 1)
