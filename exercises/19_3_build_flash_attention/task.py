"""Build flash attention.

Exercise 19.3 · 19_flash_attention · hard · 90 minutes · build

Causal attention of one head, tile by tile, first in NumPy, then as a Triton kernel. The T by T scores may
never exist. The kernel runs here on the CPU, program by program, in Triton's interpreter; the checker counts
the bytes that it loads, and notices keys that were loaded for nothing.
"""

import numpy as np
import torch
import triton  # noqa: F401 - for your kernel
import triton.language as tl  # noqa: F401
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


def flash_numpy(
    q: Float[np.ndarray, "T D"], k: Float[np.ndarray, "T D"], v: Float[np.ndarray, "T D"], M: int, N: int
) -> tuple[Float[np.ndarray, "T D"], Float[np.ndarray, " T"]]:
    r"""Return causal attention and each query's log-sum, M queries and N keys at a time.

    $\mathrm{softmax}(q k^\top / \sqrt D)\, v$, where query t sees the keys 0 to t. M and N need not divide T.

    Parameters
    ----------
    q, k, v : float array of shape (T, D)
    M, N : int
        Queries and keys of a tile.

    Returns
    -------
    float array of shape (T, D)
        The softmax averages of `v`.
    float array of shape (T,)
        $\ln \sum_{s \le t} e^{q_t k_s / \sqrt D}$, in nats.

    Examples
    --------
    Scores of zero: averages over what has been seen, and logarithms of how many keys that were.

    >>> out, log_sums = flash_numpy(np.zeros((2, 1)), np.zeros((2, 1)), np.array([[2.0], [4.0]]), M=1, N=1)
    >>> out.tolist(), [round(float(x), 6) for x in log_sums]
    ([[2.0], [3.0]], [0.0, 0.693147])
    """
    raise NotImplementedError


def flash_triton(
    q: Float[torch.Tensor, "T D"],
    k: Float[torch.Tensor, "T D"],
    v: Float[torch.Tensor, "T D"],
    M: int,
    N: int,
) -> Float[torch.Tensor, "T D"]:
    r"""Return the same averages by a Triton kernel of your own, one program for each M queries.

    Write the kernel above this function, under ``@triton.jit``; here, make the output and start it. Each
    masked load needs ``other=0.0``. No tile of keys may be loaded that lies wholly after the tile's queries.

    Parameters
    ----------
    q, k, v : float32 tensor of shape (T, D)
        Contiguous; D is a power of two.
    M, N : int
        Queries and keys of a tile, powers of two.

    Returns
    -------
    float32 tensor of shape (T, D)

    Examples
    --------
    >>> ones = torch.ones(3, 16)
    >>> v = torch.tensor([[0.0], [2.0], [4.0]]).repeat(1, 16)
    >>> flash_triton(0 * ones, ones, v, M=2, N=2)[:, 0].tolist()
    [0.0, 1.0, 2.0]
    """
    raise NotImplementedError
