r"""Convert a checkpoint.

Exercise 06.5 · 06_rope · medium · 25 minutes

A checkpoint comes from Meta: query and key rows are interleaved. Your program turns halves. Move what must
be moved, in every layer, and leave the rest alone. The model has grouped queries: fewer key heads than
query heads.

Think before you write: which of wq, wk, wv, wo are turned? What becomes of a bias that is added to a query
before it is turned?
"""

import numpy as np
from jaxtyping import Float


def convert_checkpoint(
    weights: dict[str, Float[np.ndarray, "..."]], n_heads: int, n_kv_heads: int
) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the checkpoint in the half layout.

    Within each head of D rows, new row j is old row 2j and new row j + D/2 is old row 2j + 1.

    Parameters
    ----------
    weights : dict of name to array
        Names such as "tok_embeddings.weight", "layers.0.attention.wq.weight" (n_heads * D, C),
        "layers.0.attention.wk.weight" (n_kv_heads * D, C), "layers.0.attention.wv.weight",
        "layers.0.attention.wo.weight" (C, n_heads * D). Some models have biases:
        "layers.0.attention.wq.bias" (n_heads * D,), and the same for wk and wv.
    n_heads, n_kv_heads : int
        Query heads; key and value heads.

    Returns
    -------
    dict of name to array
        A new dictionary with the same names and shapes. `weights` and its arrays are left alone.

    Examples
    --------
    >>> weights = {"layers.0.attention.wq.weight": np.arange(8.0)[:, None], "norm.weight": np.ones(1)}
    >>> convert_checkpoint(weights, n_heads=2, n_kv_heads=1)["layers.0.attention.wq.weight"][:, 0]
    array([0., 2., 1., 3., 4., 6., 5., 7.])
    """
    raise NotImplementedError
