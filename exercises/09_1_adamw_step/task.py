r"""One step of AdamW.

Exercise 09.1 · 09_a_llama_in_numpy · medium · 15 minutes

The optimiser that trained LLaMA, for one array of weights. Two running means, two corrections, one
division, and a decay that keeps out of all of it. Nearly every wrong version trains, only worse, so that
nobody notices.
"""

import numpy as np
from jaxtyping import Float


def adamw_step(
    w: Float[np.ndarray, "*shape"],
    g: Float[np.ndarray, "*shape"],
    m: Float[np.ndarray, "*shape"],
    v: Float[np.ndarray, "*shape"],
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    r"""Return the weights after one step, and the two running means after it.

    $m \leftarrow \beta_1 m + (1-\beta_1)\,g$, $v \leftarrow \beta_2 v + (1-\beta_2)\,g^2$,
    $\hat m = m/(1-\beta_1^t)$, $\hat v = v/(1-\beta_2^t)$,
    $w \leftarrow w - \eta\,\lambda\,w - \eta\,\hat m/(\sqrt{\hat v}+\varepsilon)$.

    Parameters
    ----------
    w, g : float arrays of one shape
        Weights, and the gradient of the loss by them. Leave all arrays as they are.
    m, v : float arrays of the same shape
        Running means of the gradient and of its square before this step. Zeros before the first.
    step : int
        The number t of this step. The first is 1.
    lr : float
        Learning rate of this step, $\eta$.
    beta1, beta2 : float
        Share of each mean that is kept in a step.
    eps : float
        In the units of the gradient.
    weight_decay : float
        $\lambda$, in units of the learning rate, as in PyTorch.

    Returns
    -------
    w, m, v : float arrays of the same shape
        New ones.

    Examples
    --------
    The first step has the length of the learning rate, whatever the gradient, plus the decay: here 0.1 and
    0.1 · 0.5 · 2.

    >>> zero = np.zeros(1)
    >>> w, m, v = adamw_step(np.array([2.0]), np.array([4.0]), zero, zero, 1, 0.1, 0.5, 0.75, 0.0, 0.5)
    >>> w, m, v
    (array([1.8]), array([2.]), array([4.]))
    """
    raise NotImplementedError
