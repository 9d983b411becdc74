"""Checks of 01.3: the parameters of a LLaMA, counted."""

import math

from minillama.book.exercises import Hole

WAY = "The machine, and one token's way through it"

count_parameters = Hole("count_parameters")

count_parameters.case(
    "one block, one head, by hand",
    58,
    vocab_size=3,
    dim=2,
    n_layers=1,
    n_heads=1,
    n_kv_heads=1,
    hidden_dim=4,
)
count_parameters.case(
    "two query heads share one key and value head, by hand",
    188,
    vocab_size=3,
    dim=4,
    n_layers=2,
    n_heads=2,
    n_kv_heads=1,
    hidden_dim=2,
)
count_parameters.case(
    "a model of this chapter's size",
    156_480,
    vocab_size=512,
    dim=64,
    n_layers=2,
    n_heads=4,
    n_kv_heads=2,
    hidden_dim=172,
)
count_parameters.case(
    "LLaMA 7B",
    6_738_415_616,
    vocab_size=32_000,
    dim=4096,
    n_layers=32,
    n_heads=32,
    n_kv_heads=32,
    hidden_dim=11_008,
)
count_parameters.case(
    "Llama 2 70B",
    68_976_648_192,
    vocab_size=32_000,
    dim=8192,
    n_layers=80,
    n_heads=64,
    n_kv_heads=8,
    hidden_dim=28_672,
)


def weight_by_weight(vocab_size, dim, n_layers, n_heads, n_kv_heads, hidden_dim):
    """List the shape of every weight, and count entries."""
    head_dim = dim // n_heads
    shapes = [(vocab_size, dim)]
    for _ in range(n_layers):
        shapes += [(dim, head_dim)] * n_heads  # queries, head by head
        shapes += [(dim, head_dim)] * n_kv_heads + [(dim, head_dim)] * n_kv_heads
        shapes += [(head_dim * n_heads, dim), (dim,), (dim,)]
        shapes += [(dim, hidden_dim), (dim, hidden_dim), (hidden_dim, dim)]
    shapes += [(dim,), (vocab_size, dim)]
    return sum(math.prod(shape) for shape in shapes)


@count_parameters.against(weight_by_weight, "random sizes, against a list of all weights")
def sizes(rng):
    shared, kv_heads = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    n_heads = shared * kv_heads
    return {
        "vocab_size": int(rng.integers(10, 50)),
        "dim": n_heads * int(rng.integers(2, 6)),
        "n_layers": int(rng.integers(1, 5)),
        "n_heads": n_heads,
        "n_kv_heads": kv_heads,
        "hidden_dim": int(rng.integers(5, 40)),
    }


@count_parameters.law("one more block always adds the same number", sizes)
def one_more(count_parameters, vocab_size, dim, n_layers, *rest):
    one, two, three = (count_parameters(vocab_size, dim, n, *rest) for n in (1, 2, 3))
    return three - two, two - one


def llama(V, C, L, H, K, F, *, tables=2, ffn=3, norms=2, last=1, wo=1, biases=0):
    """Count with some of the parts left out or counted wrongly."""
    kv = C // H * K
    block = (1 + wo) * C * C + 2 * C * kv + ffn * C * F + norms * C + biases * (2 * C + 2 * kv + 2 * F + C)
    return tables * V * C + L * block + last * C


@count_parameters.mistake(
    "You counted the table of embeddings and the output head as one. Some small models do share it"
    ' ("tied"), LLaMA does not: each has V × C numbers of its own.',
    see=WAY,
)
def tied(*sizes):
    return llama(*sizes, tables=1)


@count_parameters.mistake(
    "You gave every query head keys and values of its own. There are only `n_kv_heads` of those, so the"
    " matrices of keys and values are smaller: C × (n_kv_heads · D).",
    see=WAY,
)
def own_keys(V, C, L, H, K, F):
    return llama(V, C, L, H, H, F)


@count_parameters.mistake(
    "You took `n_kv_heads` for the width of keys and values. It is the number of heads: each is"
    " D = dim / n_heads wide.",
    see=WAY,
)
def heads_for_width(V, C, L, H, K, F):
    return 2 * V * C + L * (2 * C * C + 2 * C * K + 3 * C * F + 2 * C) + C


@count_parameters.mistake(
    "One of the feed-forward layer's three matrices is missing. SwiGLU has a gate beside up and down.",
    see=WAY,
)
def no_gate(*sizes):
    return llama(*sizes, ffn=2)


@count_parameters.mistake(
    "The RMSNorms are missing: each has a weight per channel, two in every block and one at the end.", see=WAY
)
def no_norms(*sizes):
    return llama(*sizes, norms=0, last=0)


@count_parameters.mistake(
    "You counted one RMSNorm per block. There are two, one before attention and one before the"
    " feed-forward layer.",
    see=WAY,
)
def one_norm(*sizes):
    return llama(*sizes, norms=1)


@count_parameters.mistake("The last RMSNorm, after all blocks, is missing: C numbers.", see=WAY)
def no_last_norm(*sizes):
    return llama(*sizes, last=0)


@count_parameters.mistake(
    "Attention's output matrix is missing: what the heads found goes through C × C weights before it is"
    " added to the residual stream.",
    see=WAY,
)
def no_output(*sizes):
    return llama(*sizes, wo=0)


@count_parameters.mistake(
    "You counted a bias for each matrix. LLaMA has none: GPT-2 did, and they turned out not to be needed.",
    see=WAY,
)
def biases(*sizes):
    return llama(*sizes, biases=1)


@count_parameters.mistake(
    "You counted a single block. Multiply the block's part, and only that, by `n_layers`.", see=WAY
)
def one_block(V, C, L, H, K, F):
    return llama(V, C, 1, H, K, F)


@count_parameters.mistake(
    "The number is right, but it is a float. A count is a whole number: divide with `//`, not with `/`.",
    see=WAY,
)
def as_float(*sizes):
    return float(llama(*sizes))
