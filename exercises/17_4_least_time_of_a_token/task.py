"""The least time of a token.

Exercise 17.4 · 17_where_the_time_goes · easy · 15 minutes

A server writes to several readers at once: one step brings each of them one token. How long does a step take
at least, and how many tokens a second is that? Take the step as one operation: all of its bytes against the
bandwidth, all of its FLOPs against the peak.
"""

from collections.abc import Sequence


def decode(
    weight_bytes: float,
    flops_per_token: float,
    cache_bytes: float,
    lengths: Sequence[int],
    peak: float,
    bandwidth: float,
) -> tuple[float, float]:
    r"""Return the least seconds of a step, and the tokens a second that it brings.

    The weights are read once a step, whoever it is for. Each sequence reads its own cache. Each computes
    its own token.

    Parameters
    ----------
    weight_bytes : float
        Bytes of all weights.
    flops_per_token : float
        FLOPs for one token of one sequence.
    cache_bytes : float
        Bytes of keys and values for one position.
    lengths : sequence of int
        Positions in the cache of each sequence; at least one sequence.
    peak : float
        FLOP/s.
    bandwidth : float
        Bytes/s.

    Returns
    -------
    float
        Seconds of one step, at least.
    float
        Tokens a second, of all sequences together, at most.

    Examples
    --------
    100 bytes of weights, and caches of 10 and 30 positions of 5 bytes: 300 bytes at 50 a second.

    >>> decode(100.0, 20.0, 5.0, [10, 30], peak=1000.0, bandwidth=50.0)
    (6.0, 0.3333333333333333)
    """
    raise NotImplementedError
