"""What is left beside the weights, divided by what a token takes; in bits, to stay with whole numbers."""


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
    left = 8 * memory - n_params * weight_bits  # bits
    token = 2 * n_layers * n_kv_heads * head_dim * cache_bits  # a key and a value
    return max(left, 0) // (batch * token)
