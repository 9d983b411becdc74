"""Count a LLaMA's parameters: two tables, a norm, and the blocks."""


def count_parameters(
    vocab_size: int, dim: int, n_layers: int, n_heads: int, n_kv_heads: int, hidden_dim: int
) -> int:
    kv_dim = dim // n_heads * n_kv_heads  # width of all keys together, and of all values
    attention = 2 * dim * dim + 2 * dim * kv_dim  # queries and output, keys and values
    feed_forward = 3 * dim * hidden_dim  # gate, up, down
    block = attention + feed_forward + 2 * dim  # and two norms
    return 2 * vocab_size * dim + n_layers * block + dim  # embedding and output head, blocks, last norm
