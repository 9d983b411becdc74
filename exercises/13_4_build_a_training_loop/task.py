r"""Build a training loop that can be broken off.

Exercise 13.4 · 13_training · hard · 90 minutes · build

Everything of chapter 13 in one loop. Micro-batches that add up,
clipping, Adam, warm-up and cosine, an order of the data that is a function of seed and step, and a state from
which another object goes on as if nothing had happened: to the last bit.

The model is as small as can be, so that the loop is all there is: a prediction is `x @ w`, the loss of one
target is half its squared error, and a target of NaN is one to ignore.
"""

import numpy as np
from jaxtyping import Float


class Run:
    r"""A training run over `steps` steps of linear regression, weights from zero.

    Batch $i$ (from 0): with N rows and B rows a batch there are N // B batches an epoch; batch i is place
    i % (N // B) of epoch i // (N // B), whose order is
    ``np.random.default_rng((seed, epoch)).permutation(N)``, cut into pieces of B; what is left over is not
    used in that epoch. It is cut, in order, into `accumulate` micro-batches of equal length, which go through
    the model one by one. A batch has at least one target.

    The gradient is that of the mean loss over all targets of the *batch*. If it is longer than `max_norm`, it
    is shortened to `max_norm`. Then Adam without decay, betas 0.9 and 0.95, eps 1e-8 outside the root, with
    bias correction; a rate of $(i+1)/(w+1)$ of `lr` in step $i < w$ = `warmup`, afterwards half a cosine from
    1 at step w down to 0.1 at the last step.

    Parameters
    ----------
    x : float array of shape (N, P)
    y : float array of shape (N,)
        Targets; NaN: ignore.
    seed : int
        Of the order.
    steps, batch_size, accumulate, warmup : int
        `accumulate` divides `batch_size`; more than warmup + 1 steps.
    lr, max_norm : float

    Returns
    -------
    run
        Call `step` for each step; `state` and `load` to break off and go on.

    Examples
    --------
    Adam's first step has the length of the rate, here a half of 0.2, towards the targets:

    >>> run = Run(np.ones((4, 1)), np.full(4, 3.0), 0, 9, 4, 2, 1, 0.2, 1.0)
    >>> run.step(), run.w.round(3)
    (4.5, array([0.1]))
    >>> other = Run(np.ones((4, 1)), np.full(4, 3.0), 0, 9, 4, 2, 1, 0.2, 1.0)
    >>> other.load(run.state())
    >>> other.step() == run.step()
    True
    """

    def __init__(
        self,
        x: Float[np.ndarray, "N P"],
        y: Float[np.ndarray, " N"],
        seed: int,
        steps: int,
        batch_size: int,
        accumulate: int,
        warmup: int,
        lr: float,
        max_norm: float,
    ) -> None:
        """Keep what is given; the weights are `self.w`, zeros of shape (P,)."""
        raise NotImplementedError

    def step(self) -> float:
        """Do the next step, change `self.w`, and return the mean loss of its batch before the update."""
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray | int | float]:
        """Return all that another `Run`, made with the same arguments, needs to go on from here.

        Later steps of this run must not change what was returned.
        """
        raise NotImplementedError

    def load(self, state: dict[str, np.ndarray | int | float]) -> None:
        """Go on from what `state` returned; the caller keeps it, and may load it again."""
        raise NotImplementedError
