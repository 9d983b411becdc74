"""AdamW and gradient clipping: how a gradient becomes a step.

Left out: fused and sharded versions (chapters 15 and 20). Chapter 09 derives what stands here.

References
----------
Kingma and Ba 2015, Adam, arXiv 1412.6980, algorithm 1. Loshchilov and Hutter 2019, Decoupled Weight Decay
Regularization, arXiv 1711.05101, algorithm 2. Clipping: Pascanu, Mikolov and Bengio 2013, arXiv 1211.5063.
The defaults are LLaMA's, arXiv 2302.13971, section 2.3, where it says.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .weights import Weights


class AdamW:
    """Adam with weight decay kept apart from the gradient.

    For each weight w with gradient g, at step t = 1, 2, ...:

        m = beta1 m + (1 - beta1) g              running mean of the gradient
        v = beta2 v + (1 - beta2) g**2           running mean of its square
        w = w - lr decay w - lr (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + eps)

    Decay is applied to matrices, not to vectors (norms and biases).

    Parameters
    ----------
    lr : float
        Learning rate where `update` is given none.
    betas : (float, float)
        Memory of the two means, as the share kept in each step.
    eps : float
        Keeps a weight with no gradient from dividing by zero; in the units of the gradient.
    weight_decay : float
        Share of a matrix that is taken off in each step, in units of the learning rate.

    Attributes
    ----------
    step : int
        Updates so far.
    m, v : dict of name to array
        The two means: twice the memory of the weights.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    The first step has the size of the learning rate, whatever the gradient's:

    >>> weights, optimizer = {"w": np.array([1.0, 1.0])}, AdamW(lr=0.1)
    >>> optimizer.update(weights, {"w": np.array([1e-3, -50.0])})
    >>> weights["w"].round(4)
    array([0.9, 1.1])
    """

    def __init__(
        self,
        lr: float = 3e-4,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.1,
    ) -> None:
        if not (lr >= 0 and eps >= 0 and weight_decay >= 0 and all(0 <= beta < 1 for beta in betas)):
            raise ValueError(
                f"lr {lr}, betas {betas}, eps {eps}, weight_decay {weight_decay}: expected none to be"
                " negative, and betas below 1"
            )
        self.lr, self.betas, self.eps, self.weight_decay = lr, betas, eps, weight_decay
        self.step = 0
        self.m: Weights = {}
        self.v: Weights = {}

    def update(self, weights: Weights, grads: Mapping[str, np.ndarray], lr: float | None = None) -> None:
        """Change `weights` in place by one step against `grads`.

        Parameters
        ----------
        weights, grads : dict of name to array
            Weights without a gradient stay as they are.
        lr : float, optional
            This step's learning rate.
        """
        self.step += 1
        lr = self.lr if lr is None else lr
        beta1, beta2 = self.betas
        size = lr / (1 - beta1**self.step)  # bias correction of m, taken into the step
        root = (1 - beta2**self.step) ** 0.5
        for name, g in grads.items():
            w = weights[name]
            m = self.m.setdefault(name, np.zeros_like(w))
            v = self.v.setdefault(name, np.zeros_like(w))
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            if w.ndim >= 2:
                w *= 1 - lr * self.weight_decay
            w -= size * m / (np.sqrt(v) / root + self.eps)


def clip_gradients(grads: Mapping[str, np.ndarray], max_norm: float) -> float:
    """Scale all gradients down together if their common norm exceeds `max_norm`; return the norm before.

    Parameters
    ----------
    grads : dict of name to array
        Changed in place.
    max_norm : float
        LLaMA: 1.0.

    Returns
    -------
    float
        The square root of the sum of all squares, before clipping.

    Examples
    --------
    >>> grads = {"a": np.array([3.0]), "b": np.array([4.0])}
    >>> clip_gradients(grads, 1.0), grads["b"]
    (5.0, array([0.8]))
    """
    norm = float(np.sqrt(sum(np.sum(np.square(g, dtype=np.float64)) for g in grads.values())))
    if norm > max_norm:
        for g in grads.values():
            g *= max_norm / norm
    return norm
