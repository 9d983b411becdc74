"""All-reduce in a ring.

Exercise 15.1 · 15_training_at_scale · medium · 30 minutes

n processes hold an array each; in the end all shall hold the sum. They sit in a ring, and a process can send
to its right-hand neighbour only: process r to process r + 1, the last one to process 0. First chunks are
added up on their way round, then the finished ones are copied on their way round.
"""

import numpy as np
from jaxtyping import Float


def ring_all_reduce(
    arrays: list[Float[np.ndarray, " N"]],
) -> tuple[list[Float[np.ndarray, " N"]], list[int]]:
    """Return what each process holds in the end, and how many numbers each has sent.

    Every array is cut into n chunks of equal length. In step 0 process r sends chunk r; in each later step
    of the first half it sends the chunk that it has just added to. In step s it is therefore chunk r - s,
    counted round the ring. The second half goes on in the same way, and what arrives replaces what was there.

    Parameters
    ----------
    arrays : list of n float arrays, shape (N,)
        One for each process, n at least 1, N a multiple of n. Leave them as they are.

    Returns
    -------
    sums : list of n float arrays, shape (N,)
        What process r holds. Each chunk has been added up once, in the order of the ring.
    sent : list of n int
        Numbers, not bytes.

    Examples
    --------
    >>> sums, sent = ring_all_reduce([np.array([1.0, 2.0]), np.array([10.0, 20.0])])
    >>> sums, sent
    ([array([11., 22.]), array([11., 22.])], [2, 2])
    """
    raise NotImplementedError
