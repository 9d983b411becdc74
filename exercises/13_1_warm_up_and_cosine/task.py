r"""Warm-up and cosine.

Exercise 13.1 · 13_training · easy · 15 minutes

The learning rate of every step of a run, LLaMA's way: a line up, half a cosine down to a tenth. Four lines,
and each of their ends can be off by one.
"""


def learning_rate(step: int, steps: int, warmup: int, peak: float, floor: float) -> float:
    r"""Return the learning rate of one step.

    Step number $i$ counts from 0, the last is $n - 1$. During the $w$ steps of warm-up the rate rises in a
    line, $(i+1)/(w+1)$ of the peak, so that step $w$ is the first one with the whole peak. From there it
    falls along half a cosine, and the last step has exactly the share `floor` of the peak.

    Parameters
    ----------
    step : int
        Number i of the step, from 0 to steps - 1.
    steps : int
        Steps n of the whole run; more than warmup + 1.
    warmup : int
        Steps w of warm-up; 0 for none.
    peak : float
        The largest rate.
    floor : float
        The last rate, as a share of the peak.

    Returns
    -------
    float

    Examples
    --------
    A run of 7 steps with two of warm-up; in the middle of the fall, the rate is half-way between 9 and 1.8:

    >>> [round(learning_rate(i, 7, 2, 9.0, 0.2), 4) for i in (0, 1, 2, 4, 6)]
    [3.0, 6.0, 9.0, 5.4, 1.8]
    """
    raise NotImplementedError
