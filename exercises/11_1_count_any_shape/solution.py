"""Count a LLaMA's parameters, and those of its followers with three switches."""


def count_any_shape(
    vocab_size: int,
    dim: int,
    n_layers: int,
    n_heads: int,
    n_kv_heads: int,
    head_dim: int,
    hidden_dim: int,
    tied: bool,
    qkv_bias: bool,
    qk_norm: bool,
) -> int:
    q, kv = n_heads * head_dim, n_kv_heads * head_dim
    block = dim * (2 * q + 2 * kv + 3 * hidden_dim + 2)  # the strip of one block: length times height
    if qkv_bias:
        block += q + 2 * kv
    if qk_norm:
        block += 2 * head_dim
    tables = 1 if tied else 2
    return dim * tables * vocab_size + n_layers * block + dim
