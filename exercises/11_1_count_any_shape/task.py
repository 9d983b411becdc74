"""Count any shape.

Exercise 11.1 · 11_the_family_by_the_numbers · medium · 20 minutes

Exercise 01.3 counted a plain LLaMA. Later models are LLaMAs with small changes: Llama 3.2 ties its output
head, Qwen 2 adds biases, Qwen 3 norms queries and keys and gives its heads a width of their own. Write one
function for all of them, exact to the last digit.
"""


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
    """Return the number of parameters.

    A plain LLaMA has the table of embeddings, in each block four matrices of attention, three of SwiGLU and
    two norms, then one last norm and the output head. The three switches change that.

    Parameters
    ----------
    vocab_size : int
        V, rows of the table of embeddings, and of the output head.
    dim : int
        C, width of the residual stream.
    n_layers : int
        Number of blocks.
    n_heads : int
        Query heads in a block.
    n_kv_heads : int
        Key heads, and as many value heads.
    head_dim : int
        D, width of every head. It need not be dim / n_heads: the heads together are n_heads D wide.
    hidden_dim : int
        F, width inside the feed-forward layer.
    tied : bool
        The output head is the table of embeddings, and is not counted again.
    qkv_bias : bool
        The projections to queries, keys and values add a bias. The one back to the stream does not.
    qk_norm : bool
        Each query and each key is normalised, head by head. A block has one weight vector of length D for all
        its query heads, and one for all its key heads.

    Returns
    -------
    int

    Examples
    --------
    Tied, so one table of 3 x 2 numbers. In the block 2 x 2 for queries and 2 x 2 for the way back, 2 for keys
    and 2 for values, 3 x 2 x 4 for SwiGLU, 2 x 2 for norms. Then 2 for the last norm. That is
    6 + 4 + 4 + 2 + 2 + 24 + 4 + 2:

    >>> count_any_shape(3, 2, 1, n_heads=2, n_kv_heads=1, head_dim=1, hidden_dim=4,
    ...                 tied=True, qkv_bias=False, qk_norm=False)
    48

    With biases one number more for each of two query heads, the key head and the value head:

    >>> count_any_shape(3, 2, 1, n_heads=2, n_kv_heads=1, head_dim=1, hidden_dim=4,
    ...                 tied=True, qkv_bias=True, qk_norm=False)
    52
    """
    raise NotImplementedError
