"""The longest context.

Exercise 11.2 · 11_the_family_by_the_numbers · easy · 15 minutes

A model speaks on one GPU. Its weights take their place, and what is left is for the cache: every token of
every text leaves a key and a value in each key/value head of each block. How many tokens fit?
"""


def longest_context(
    memory: int,
    n_params: int,
    n_layers: int,
    n_kv_heads: int,
    head_dim: int,
    batch: int,
    weight_bits: int,
    cache_bits: int,
) -> int:
    """Return how many tokens each of `batch` texts may have.

    One token's cache is a key and a value of `head_dim` numbers, for each key/value head of each block.

    Parameters
    ----------
    memory : int
        Bytes that may be filled.
    n_params : int
        Weights, all kept at `weight_bits` each.
    n_layers : int
        Blocks.
    n_kv_heads : int
        Key/value heads in a block.
    head_dim : int
        Width of each.
    batch : int
        Texts at the same time, all of the same length.
    weight_bits, cache_bits : int
        Bits of one weight, and of one number of the cache: 16, 8, 4. There are 8 bits in a byte.

    Returns
    -------
    int
        Whole tokens; 0 if not even the weights fit.

    Examples
    --------
    100 bytes, 20 for the weights; a token takes 2 x 1 x 1 x 4 numbers of 2 bytes, 16 bytes:

    >>> longest_context(100, 10, n_layers=1, n_kv_heads=1, head_dim=4, batch=1, weight_bits=16, cache_bits=16)
    5

    Llama 3.1 8B, 24 GB, everything in 16 bits:

    >>> longest_context(24 * 10**9, 8_030_261_248, 32, 8, 128, batch=1, weight_bits=16, cache_bits=16)
    60573
    """
    raise NotImplementedError
