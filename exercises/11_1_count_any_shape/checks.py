"""Checks of 11.1: parameters of any shape, to the last digit."""

import math

from minillama.book.exercises import Hole

COUNT = "The count, in symbols and in code"
CHECK = "Check: count the tensors"
WRONG = "Five ways to a wrong number"
NAMES = ("vocab_size", "dim", "n_layers", "n_heads", "n_kv_heads", "head_dim", "hidden_dim")
SWITCHES = ("tied", "qkv_bias", "qk_norm")

count_any_shape = Hole("count_any_shape")


def shape(numbers, switches=(False, False, False)):
    return dict(zip(NAMES, numbers, strict=True)) | dict(zip(SWITCHES, switches, strict=True))


count_any_shape.case("one block, by hand", 54, **shape((3, 2, 1, 2, 1, 1, 4)))
count_any_shape.case("tied, by hand", 48, **shape((3, 2, 1, 2, 1, 1, 4), (True, False, False)))
count_any_shape.case("biases, by hand", 58, **shape((3, 2, 1, 2, 1, 1, 4), (False, True, False)))
count_any_shape.case(
    "norms of queries and keys, by hand", 56, **shape((3, 2, 1, 2, 1, 1, 4), (False, False, True))
)
count_any_shape.case("LLaMA 7B", 6_738_415_616, **shape((32_000, 4096, 32, 32, 32, 128, 11_008)))
count_any_shape.case(
    "Llama 3.2 1B, tied", 1_235_814_400, **shape((128_256, 2048, 16, 32, 8, 64, 8192), (True, False, False))
)
count_any_shape.case(
    "Qwen2 0.5B, tied, with biases",
    494_032_768,
    **shape((151_936, 896, 24, 14, 2, 64, 4864), (True, True, False)),
)
count_any_shape.case(
    "Qwen3 0.6B: heads together twice as wide as the stream, norms of queries and keys",
    596_049_920,
    **shape((151_936, 1024, 28, 16, 8, 128, 3072), (True, False, True)),
)


def tensor_by_tensor(V, C, L, H, K, D, F, tied, qkv_bias, qk_norm):
    """List the shape of every tensor that a checkpoint would hold, and count entries."""
    tensors = [(V, C)]
    for _ in range(L):
        for heads in (H, K, K):  # queries, keys, values
            for _ in range(heads):
                tensors.append((D, C))
                if qkv_bias:
                    tensors.append((D,))
        if qk_norm:
            tensors += [(D,), (D,)]
        tensors += [(C, H * D), (F, C), (F, C), (C, F), (C,), (C,)]
    tensors.append((C,))
    if not tied:
        tensors.append((V, C))
    return sum(math.prod(tensor) for tensor in tensors)


@count_any_shape.against(tensor_by_tensor, "random shapes, against a list of all tensors", seeds=10)
def shapes(rng):
    kv = int(rng.integers(1, 4))
    numbers = (
        int(rng.integers(10, 60)),
        int(rng.integers(3, 20)),
        int(rng.integers(1, 5)),
        kv * int(rng.integers(2, 4)),
        kv,
        int(rng.integers(2, 7)),
        int(rng.integers(5, 40)),
    )
    return shape(numbers, [bool(rng.integers(2)) for _ in SWITCHES])


@count_any_shape.law("one more token in the vocabulary costs dim, tied, and twice that untied", shapes)
def one_more_token(count_any_shape, V, *rest):
    dim, tied = rest[0], rest[-3]
    return count_any_shape(V + 1, *rest) - count_any_shape(V, *rest), dim * (1 if tied else 2)


def build(
    V, C, L, H, K, D, F, tied, qkv_bias, qk_norm, *, tables=None, q=None, kv=None, bias=None, norm=None
):
    """Count with some of the parts replaced."""
    q, kv = H * D if q is None else q, K * D if kv is None else kv
    tables = (1 if tied else 2) if tables is None else tables
    bias = q + 2 * kv if bias is None else bias
    norm = 2 * D if norm is None else norm
    block = C * (2 * q + 2 * kv + 3 * F + 2) + qkv_bias * bias + qk_norm * norm
    return C * tables * V + L * block + C


@count_any_shape.mistake(
    "The tied head was counted again. It is the same tensor as the table of embeddings under a second name.",
    see=WRONG,
)
def tied_counted_twice(*args):
    return build(*args, tables=2)


@count_any_shape.mistake(
    "With `tied` you left both tables out. One is still there: it is used twice.", see=WRONG
)
def tied_counted_never(*args):
    return build(*args, tables=0 if args[7] else 2)


@count_any_shape.mistake(
    "You counted one table in all cases. Without `tied`, the output head is a second one.", see=COUNT
)
def always_one_table(*args):
    return build(*args, tables=1)


@count_any_shape.mistake(
    "You took dim for the width of all query heads together. It is n_heads times head_dim, which in Qwen 3"
    " 0.6B is twice dim.",
    see=COUNT,
)
def heads_as_wide_as_the_stream(V, C, *rest):
    return build(V, C, *rest, q=C)


@count_any_shape.mistake(
    "You took all four matrices of attention for squares of dim by dim. Queries are n_heads times head_dim"
    " wide, keys and values n_kv_heads times head_dim.",
    see=COUNT,
)
def four_squares(V, C, *rest):
    return build(V, C, *rest, q=C, kv=C)


@count_any_shape.mistake(
    "You gave every query head keys and values of its own. There are n_kv_heads of those.", see=WRONG
)
def own_keys(V, C, L, H, K, D, *rest):
    return build(V, C, L, H, K, D, *rest, kv=H * D)


@count_any_shape.mistake(
    "You counted a bias for the way back to the stream as well. `qkv_bias` means queries, keys and values.",
    see=CHECK,
)
def bias_on_the_way_back(V, C, L, H, K, D, *rest):
    return build(V, C, L, H, K, D, *rest, bias=(H + 2 * K) * D + C)


@count_any_shape.mistake(
    "You gave keys and values biases as long as the queries'. A bias has one number for each output of its"
    " matrix, and keys and values have fewer.",
    see=CHECK,
)
def biases_all_as_long(V, C, L, H, K, D, *rest):
    return build(V, C, L, H, K, D, *rest, bias=3 * H * D)


@count_any_shape.mistake("You counted the biases once, not in every block.", see=COUNT)
def biases_once(V, C, L, H, K, D, F, tied, qkv_bias, qk_norm):
    one = (H + 2 * K) * D
    return build(V, C, L, H, K, D, F, tied, False, qk_norm) + qkv_bias * one


@count_any_shape.mistake(
    "You norm all heads at once, as OLMo 2 does. Here one vector of head_dim weights serves all query heads,"
    " and one all key heads.",
    see=CHECK,
)
def norms_over_all_heads(V, C, L, H, K, D, *rest):
    return build(V, C, L, H, K, D, *rest, norm=(H + K) * D)


@count_any_shape.mistake(
    "You gave the norms of queries and keys dim weights each, as the block's own norms have. These act on"
    " single heads: head_dim weights each.",
    see=CHECK,
)
def norms_as_wide_as_the_stream(V, C, *rest):
    return build(V, C, *rest, norm=2 * C)


@count_any_shape.mistake(
    "You counted one norm for queries and keys together. They have a vector of weights each.", see=CHECK
)
def one_norm_for_both(V, C, L, H, K, D, *rest):
    return build(V, C, L, H, K, D, *rest, norm=D)


@count_any_shape.mistake(
    "The last norm, after all blocks, is missing: dim numbers. A comparison that allows for rounding would"
    " not see it.",
    see=WRONG,
)
def no_last_norm(V, C, *rest):
    return build(V, C, *rest) - C


@count_any_shape.mistake("The norms of the blocks are missing: two of dim numbers in each.", see=WRONG)
def no_block_norms(V, C, L, *rest):
    return build(V, C, L, *rest) - 2 * C * L
