"""Attention by the numbers.

Exercise 17.1 · 17_where_the_time_goes · medium · 20 minutes

Before you write a kernel, know what it must do. Count what causal attention computes, and what it must move
at least, for any number of sequences, heads, shared key heads, new positions and cached ones. The scores are
nobody's input and nobody's output.
"""


def attention_work(B: int, H: int, K: int, D: int, T: int, past: int, size: int) -> tuple[int, int]:
    r"""Return the FLOPs of causal attention, and the bytes that it must read and write.

    Query t of the T new ones sees the `past` cached positions, and the new ones up to its own. For each
    pair of a query and a key that it sees, in each query head: D multiplications and D additions for the
    score; five FLOPs of the softmax (scale, less the maximum, exponential, sum, division); D
    multiplications and D additions to mix in the value.

    Parameters
    ----------
    B : int
        Sequences.
    H, K : int
        Query heads, and key and value heads; each of these serves H / K query heads.
    D : int
        Width of a head, the same for queries, keys and values.
    T : int
        New positions: queries a sequence.
    past : int
        Positions whose keys and values lie in the cache already.
    size : int
        Bytes of a number.

    Returns
    -------
    int
        FLOPs.
    int
        Bytes: every query, key and value read once, every output written once.

    Examples
    --------
    One head of width 1, two positions: they see 1 + 2 keys, 4 + 5 FLOPs each; q, k, v, out have 2 numbers.

    >>> attention_work(B=1, H=1, K=1, D=1, T=2, past=0, size=4)
    (27, 32)

    A token of LLaMA 2 7B after 999 others, one layer, 16 bits: two FLOPs for each of the keys' and values'
    numbers, and hardly more than one for each byte.

    >>> attention_work(B=1, H=32, K=32, D=128, T=1, past=999, size=2)
    (16544000, 16400384)
    """
    raise NotImplementedError
