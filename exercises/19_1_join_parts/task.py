"""Join what several programs found.

Exercise 19.1 · 19_flash_attention · easy · 15 minutes

In split-K decoding each program attends to a part of the keys and returns its softmax average and the
logarithm of its sum of exponentials. Join them, for all heads at once. A part may have had no keys at all.
"""

import numpy as np
from jaxtyping import Float


def join_parts(
    outs: Float[np.ndarray, "P H D"], log_sums: Float[np.ndarray, "P H"]
) -> tuple[Float[np.ndarray, "H D"], Float[np.ndarray, " H"]]:
    r"""Return the average over the keys of all parts, and the logarithm of their sum.

    $L = \ln \sum_p e^{L_p}$ and $o = \sum_p e^{L_p - L}\, o_p$. Neither may
    overflow, however large the $L_p$.

    Parameters
    ----------
    outs : float array of shape (P, H, D)
        What each part found for each head. Of a part without keys: anything, NaN too.
    log_sums : float array of shape (P, H)
        In nats; $-\infty$ for a part without keys. Each head has one part with keys at least.

    Returns
    -------
    float array of shape (H, D)
        The joined averages.
    float array of shape (H,)
        The joined log-sums, in nats.

    Examples
    --------
    One head, and the second part's sum is three times the first's:

    >>> out, log_sum = join_parts(np.array([[[0.0]], [[4.0]]]), np.array([[0.0], [np.log(3.0)]]))
    >>> round(float(out[0, 0]), 6), round(float(log_sum[0]), 6) == round(float(np.log(4.0)), 6)
    (3.0, True)
    """
    raise NotImplementedError
