"""Checks of 11.2: how long a text fits beside the weights."""

from fractions import Fraction
from math import ceil

from minillama.book.exercises import Hole

CACHE = "The cache: what one token leaves behind"

longest_context = Hole("longest_context")


def given(memory, n_params, L, K, D, batch=1, weight_bits=16, cache_bits=16):
    return {
        "memory": memory, "n_params": n_params, "n_layers": L, "n_kv_heads": K, "head_dim": D,
        "batch": batch, "weight_bits": weight_bits, "cache_bits": cache_bits,
    }  # fmt: skip


longest_context.case("80 bytes left, 16 a token, by hand", 5, **given(100, 10, 1, 1, 4))
longest_context.case("a rest is no token, by hand", 4, **given(99, 10, 1, 1, 4))
longest_context.case("two texts, three blocks, by hand", 2, **given(240, 20, 3, 1, 4, batch=2))
longest_context.case("two heads, 8-bit cache, 4-bit weights, by hand", 7, **given(65, 16, 1, 2, 2, 1, 4, 8))
longest_context.case("not even the weights fit", 0, **given(15, 10, 1, 1, 4))
longest_context.case("Llama 3.1 8B on 24 GB", 60_573, **given(24 * 10**9, 8_030_261_248, 32, 8, 128))
longest_context.case("LLaMA 7B on 24 GB", 20_071, **given(24 * 10**9, 6_738_415_616, 32, 32, 128))
longest_context.case(
    "Llama 2 70B on 48 GB, weights in 4 bits, four texts, cache in 8 bits",
    20_617,
    **given(48 * 10**9, 68_976_648_192, 80, 8, 128, 4, 4, 8),
)


def by_filling(memory, n_params, L, K, D, batch, weight_bits, cache_bits):
    """Lay down token after token, in exact fractions of a byte, until nothing more fits."""
    used, tokens = Fraction(n_params * weight_bits, 8), 0
    while True:
        for _ in range(batch):
            for _ in range(L * K):
                used += Fraction(D * cache_bits, 8) + Fraction(D * cache_bits, 8)  # key, value
        if used > memory:
            return tokens
        tokens += 1


@longest_context.against(by_filling, "random sizes, filled token by token", seeds=10)
def sizes(rng):
    n_params = int(rng.integers(10, 400))
    return given(
        int(n_params * rng.uniform(1.5, 6)) + 500,
        n_params,
        int(rng.integers(1, 4)),
        int(rng.integers(1, 4)),
        2 * int(rng.integers(1, 4)),
        int(rng.integers(1, 4)),
        int(rng.choice([4, 8, 16])),
        int(rng.choice([4, 8, 16])),
    )


@longest_context.law("what fits fits, and one token more does not", sizes)
def just_fits(longest_context, memory, n_params, L, K, D, batch, weight_bits, cache_bits):
    tokens = longest_context(memory, n_params, L, K, D, batch, weight_bits, cache_bits)
    room = 8 * memory - n_params * weight_bits
    size = [2 * L * K * D * batch * cache_bits * n for n in (tokens, tokens + 1)]
    return [one <= room for one in size], [True, False]


def divide(memory, n_params, L, K, D, batch, weight_bits, cache_bits, *, factor=2, rounded=int):
    """Divide with some of it changed."""
    left = max(8 * memory - n_params * weight_bits, 0)
    return rounded(Fraction(left, factor * L * K * D * batch * cache_bits))


@longest_context.mistake(
    "You counted keys or values alone. A token leaves both, so it takes twice as much.", see=CACHE
)
def keys_only(*args):
    return divide(*args, factor=1)


@longest_context.mistake("You counted one block. Every block has keys and values of its own.", see=CACHE)
def one_block(memory, n_params, L, *rest):
    return divide(memory, n_params, 1, *rest)


@longest_context.mistake(
    "You counted one head. Every key/value head of a block keeps a key and a value of its own.", see=CACHE
)
def one_head(memory, n_params, L, K, *rest):
    return divide(memory, n_params, L, 1, *rest)


@longest_context.mistake(
    "The batch is missing: each text has a cache of its own, and they share the memory.", see=CACHE
)
def one_text(memory, n_params, L, K, D, batch, *rest):
    return divide(memory, n_params, L, K, D, 1, *rest)


@longest_context.mistake("The weights are missing: they take their place first.", see=CACHE)
def no_weights(memory, n_params, *rest):
    return divide(memory, 0, *rest)


@longest_context.mistake(
    "You counted the weights once for every text. All texts read the same weights; only the cache is their"
    " own.",
    see=CACHE,
)
def weights_per_text(memory, n_params, L, K, D, batch, *rest):
    return divide(memory, n_params * batch, L, K, D, batch, *rest)


@longest_context.mistake("You rounded up: the last token does not fit whole.", see=CACHE)
def rounded_up(*args):
    return divide(*args, rounded=ceil)


@longest_context.mistake(
    "Your result is negative where the weights alone are too large. No token fits then: 0.", see=CACHE
)
def negative(memory, n_params, L, K, D, batch, weight_bits, cache_bits):
    return (8 * memory - n_params * weight_bits) // (2 * L * K * D * batch * cache_bits)


@longest_context.mistake(
    "You took bits for bytes: eight bits are one byte, and `memory` is in bytes.", see=CACHE
)
def bits_for_bytes(memory, n_params, L, K, D, batch, weight_bits, cache_bits):
    return max(memory - n_params * weight_bits, 0) // (2 * L * K * D * batch * cache_bits)


@longest_context.mistake(
    "You gave weights and cache the same number of bits. They may differ: a model in 4 bits often keeps its"
    " cache in 16.",
    see=CACHE,
)
def same_bits(memory, n_params, L, K, D, batch, weight_bits, cache_bits):
    return divide(memory, n_params, L, K, D, batch, cache_bits, cache_bits)


longest_context.survives(
    "max(left, 0) -> max(left, 1)", "one bit left is room for no token: a key and a value take more"
)
