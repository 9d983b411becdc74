"""Under the roof.

Exercise 17.2 · 17_where_the_time_goes · easy · 10 minutes

A roofline answers two questions about an operation that was timed: what keeps it from being faster, and how
far is it from the best that the machine could do. Answer both for one operation.
"""


def under_the_roof(
    flops: float, moved: float, seconds: float, peak: float, bandwidth: float
) -> tuple[str, float]:
    r"""Return which limit the operation would meet first, and how near to it it came.

    The least time is $\max(Q / \beta,\ W / \pi)$. The limit is whichever of the two is longer.

    Parameters
    ----------
    flops : float
        W, what the operation computes, in FLOPs. May be 0: a copy.
    moved : float
        Q, the bytes that it must move; above 0.
    seconds : float
        The time that it took.
    peak : float
        FLOP/s of the machine.
    bandwidth : float
        Bytes/s of its memory.

    Returns
    -------
    str
        ``"memory"``, or ``"arithmetic"``: also where both take as long, at the ridge.
    float
        Least time over time taken: 1.0 for an operation that lies on the roof.

    Examples
    --------
    A machine of 100 FLOP/s and 10 bytes/s has its ridge at 10. With 2 FLOPs a byte, 50 bytes take 5 seconds:

    >>> under_the_roof(flops=100, moved=50, seconds=20, peak=100, bandwidth=10)
    ('memory', 0.25)
    >>> under_the_roof(flops=1000, moved=50, seconds=20, peak=100, bandwidth=10)
    ('arithmetic', 0.5)
    """
    raise NotImplementedError
