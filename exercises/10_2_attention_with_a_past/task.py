"""Grouped attention that may have a past.

Exercise 10.2 · 10_from_numpy_to_pytorch · medium · 20 minutes

The queries are the last T of S positions. In training T is S; with a cache T is 1, or as many as came in.
Write the function that serves both, for query heads that share key/value heads, by the formula or with
PyTorch's `scaled_dot_product_attention`. Its flag `is_causal` is a trap where T is less than S.
"""

import torch
from jaxtyping import Float


def attention(
    q: Float[torch.Tensor, "B H T D"], k: Float[torch.Tensor, "B K S D"], v: Float[torch.Tensor, "B K S D"]
) -> Float[torch.Tensor, "B H T D"]:
    r"""Average the values that each query may see, weighted by how well their keys answer it.

    The weights are $\mathrm{softmax}(q k^\top / \sqrt D)$ over the keys up to the query's own position. Query
    t of T stands at position S - T + t. Query head h reads key/value head h // (H / K).

    Parameters
    ----------
    q : float tensor of shape (B, H, T, D)
    k, v : float tensors of shape (B, K, S, D)
        K divides H; S is at least T.

    Returns
    -------
    float tensor of shape (B, H, T, D)

    Examples
    --------
    Queries of zero weigh all they see alike. One query, three positions, and it sees all of them:

    >>> v = torch.tensor([1.0, 2.0, 6.0]).view(1, 1, 3, 1)
    >>> attention(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 3, 1), v).flatten().tolist()
    [3.0]

    Two queries: the first of them stands at position 1.

    >>> attention(torch.zeros(1, 1, 2, 1), torch.ones(1, 1, 3, 1), v).flatten().tolist()
    [1.5, 3.0]
    """
    raise NotImplementedError
