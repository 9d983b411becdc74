"""What a measured step made of its device.

Exercise 21.2 · 21_the_gpu_decoder · medium · 20 minutes

Somebody timed a training step a few times and knows, of each operation in it, the FLOPs and the least bytes.
Say what the device was used for: the model FLOPs utilisation, the least time under its roof, and which share
of the measured time that is.
"""

import numpy as np
from jaxtyping import Float


def shares(
    seconds: Float[np.ndarray, " R"],
    model_flops: float,
    flops: Float[np.ndarray, " N"],
    moved: Float[np.ndarray, " N"],
    peak: float,
    bandwidth: float,
) -> tuple[float, float, float]:
    r"""Return MFU, least seconds, and the share of the measured time that the least seconds are.

    The time of a step is the median of the runs without the first, which warms up. The least time is
    $\sum_i \max(F_i / P,\ B_i / W)$: within an operation bytes and arithmetic overlap, and operations follow
    one another.

    Parameters
    ----------
    seconds : float array of shape (R,)
        Of a step in each run, two runs at least.
    model_flops : float
        FLOPs that the model needs for the step's tokens: MFU counts these, and nothing that was computed
        again.
    flops, moved : float arrays of shape (N,)
        $F_i$ and $B_i$: FLOPs and least bytes of each operation that the program runs.
    peak : float
        P, FLOP/s.
    bandwidth : float
        W, bytes/s.

    Returns
    -------
    float
        MFU, a share.
    float
        The least time, seconds.
    float
        The least time over the measured one.

    Examples
    --------
    Two operations on a device of 100 FLOP/s and 10 bytes/s. The first computes for 3 s while 1 s of bytes
    come; the second waits 2 s for its bytes. The step took 10 s, and 600 FLOPs were the model's own:

    >>> runs = np.array([99.0, 10.0, 9.0, 14.0])
    >>> shares(runs, 600.0, np.array([300.0, 50.0]), np.array([10.0, 20.0]), peak=100.0, bandwidth=10.0)
    (0.6, 5.0, 0.5)
    """
    raise NotImplementedError
