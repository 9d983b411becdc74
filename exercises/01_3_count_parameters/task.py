"""Count a LLaMA's parameters.

Exercise 01.3 · 01_the_whole_tour · easy · 15 minutes

"7B" is a count: all the numbers that training changes. Six numbers of a model's configuration are enough to
find it, and you know every part by now. With C = dim, D = dim / n_heads, F = hidden_dim and V = vocab_size:

| part | weights | shape |
|---|---|---|
| embedding | one table | V × C |
| each block: attention | queries, for `n_heads` heads | C × (n_heads · D) |
| | keys, for `n_kv_heads` heads; values, the same | C × (n_kv_heads · D) |
| | output | (n_heads · D) × C |
| each block: SwiGLU | gate, up and down | C × F, C × F, F × C |
| each block: two RMSNorms | one weight per channel | C each |
| at the end | one more RMSNorm | C |
| | the output head, a matrix of its own | V × C |

There are no biases, and RoPE has nothing to learn.
"""


def count_parameters(
    vocab_size: int, dim: int, n_layers: int, n_heads: int, n_kv_heads: int, hidden_dim: int
) -> int:
    """Return the number of parameters of a LLaMA.

    Parameters
    ----------
    vocab_size : int
        V, tokens in the vocabulary.
    dim : int
        C, width of the residual stream; a multiple of `n_heads`.
    n_layers : int
        Number of blocks.
    n_heads : int
        Query heads in each block, each of width dim / n_heads.
    n_kv_heads : int
        Key heads, and as many value heads, of the same width; at most `n_heads`.
    hidden_dim : int
        F, width inside the feed-forward layer.

    Returns
    -------
    int
        A count: a whole number, not a float.

    Examples
    --------
    Embedding and output head 6 each; in the one block 16 for attention, 24 for SwiGLU and 4 for the norms;
    2 for the last norm:

    >>> count_parameters(vocab_size=3, dim=2, n_layers=1, n_heads=1, n_kv_heads=1, hidden_dim=4)
    58
    """
    raise NotImplementedError
