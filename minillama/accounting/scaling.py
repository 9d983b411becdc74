"""Chinchilla's law: the loss that N parameters reach on D tokens, and the best N and D for a budget.

    L(N, D) = E + A / N**alpha + B / D**beta

E is what no model can learn away, the second term the price of a finite model, the third of finite data. The
constants as printed do not give the paper's own rule of 20 tokens per parameter; those fitted again to
its points do. Both are here under their names. Losses are of Chinchilla's tokenizer and data: compare
them with each other, not with LLaMA's. How such constants are found is in `scaling_fit.py`.

References
----------
Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and appendix D.3; Besiroglu et al. 2024, arXiv 2404.10102;
Sardana et al. 2024, arXiv 2401.00448, for the cost of use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Optimum(NamedTuple):
    """The best use of a budget."""

    n_params: float
    tokens: float

    @property
    def tokens_per_param(self) -> float:
        """D / N."""
        return self.tokens / self.n_params

    @property
    def flops(self) -> float:
        """Floating-point operations of the training, 6 N D."""
        return 6 * self.n_params * self.tokens


@dataclass(frozen=True)
class ScalingLaw:
    """``L(N, D) = E + A / N**alpha + B / D**beta``, in nats per token.

    Examples
    --------
    >>> round(HOFFMANN.loss(6.738e9, 1e12), 3), round(BESIROGLU.loss(6.738e9, 1e12), 3)
    (2.054, 2.086)
    """

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    @property
    def n_exponent(self) -> float:
        """The a in ``N_opt ~ C**a``: ``beta / (alpha + beta)``; the tokens grow with the power 1 - a.

        Examples
        --------
        >>> round(HOFFMANN.n_exponent, 4), round(BESIROGLU.n_exponent, 4)
        (0.4516, 0.5126)
        """
        return self.beta / (self.alpha + self.beta)

    def loss(self, n_params: float, tokens: float) -> float:
        """Return the predicted loss in nats per token."""
        if n_params <= 0 or tokens <= 0:
            raise ValueError(f"expected more than 0 parameters and tokens: {n_params}, {tokens}")
        return self.E + self.A / n_params**self.alpha + self.B / tokens**self.beta

    def optimum(self, flops: float) -> Optimum:
        """Return the N and D of least loss with ``6 N D`` equal to the budget.

        Setting the derivative along ``D = C / (6 N)`` to zero gives ``N = G (C/6)**(beta / (alpha + beta))``
        with ``G = (alpha A / (beta B))**(1 / (alpha + beta))``.

        Examples
        --------
        >>> best = BESIROGLU.optimum(5.76e23)  # Gopher's budget, and Chinchilla's
        >>> round(best.n_params / 1e9, 1), round(best.tokens_per_param, 1)
        (72.2, 18.4)
        """
        if flops <= 0:
            raise ValueError(f"flops is {flops}: expected more than 0")
        both = self.alpha + self.beta
        scale = (self.alpha * self.A / (self.beta * self.B)) ** (1 / both)
        n_params = scale * (flops / 6) ** self.n_exponent
        return Optimum(n_params, flops / 6 / n_params)

    def tokens_to_reach(self, loss: float, n_params: float) -> float:
        """Return the D with which N parameters reach a loss; infinity if no amount of data is enough.

        Solves the law for D: ``D = (B / (L - E - A / N**alpha))**(1 / beta)``.

        Examples
        --------
        >>> target = BESIROGLU.loss(70e9, 1.4e12)
        >>> f"{BESIROGLU.tokens_to_reach(target, 70e9):.3g}, {BESIROGLU.tokens_to_reach(target, 30e9):.3g}"
        '1.4e+12, 4.98e+12'
        >>> BESIROGLU.tokens_to_reach(target, 3e9)
        inf
        """
        if n_params <= 0:
            raise ValueError(f"n_params is {n_params}: expected more than 0")
        left = loss - self.E - self.A / n_params**self.alpha
        return (self.B / left) ** (1 / self.beta) if left > 0 else math.inf

    def lifetime_optimum(self, loss: float, inference_tokens: float) -> Optimum:
        """Return the N and D that reach a loss with the least compute over a model's whole life.

        Training costs ``6 N D``, use ``2 N D_inf``. Along the curve of equal loss, with ``u = A / N**alpha``
        and ``R = L - E``, the derivative of the sum is zero where

            D (alpha u / (beta (R - u)) - 1) = D_inf / 3

        whose left side is negative up to the optimum of training and grows beyond it: one root, found by
        halving. Without use it is that optimum.

        Parameters
        ----------
        loss : float
            To be reached, in nats per token; above E.
        inference_tokens : float
            D_inf, all tokens that will ever be read or written, 0 or more.

        Raises
        ------
        ValueError
            If the loss is not above E, or the tokens are negative.

        Examples
        --------
        >>> target = BESIROGLU.loss(*BESIROGLU.optimum(5.76e23))
        >>> [round(BESIROGLU.lifetime_optimum(target, D_inf).n_params / 1e9) for D_inf in (0, 1e12, 1e13)]
        [72, 57, 34]
        """
        if loss <= self.E or not 0 <= inference_tokens < math.inf:
            raise ValueError(
                f"loss {loss}, inference_tokens {inference_tokens}: expected a loss above E = {self.E:g}, "
                "which no model reaches, and 0 tokens or more"
            )
        reducible, low, high = loss - self.E, 0.0, 1.0  # u as a share of R lies between
        while high - low > 1e-15:
            share = (low + high) / 2
            tokens = (self.B / (reducible * (1 - share))) ** (1 / self.beta)
            surplus = tokens * (self.alpha * share / (self.beta * (1 - share)) - 1)
            low, high = (share, high) if surplus < inference_tokens / 3 else (low, share)
        n_params = (self.A / (reducible * low)) ** (1 / self.alpha)
        return Optimum(n_params, (self.B / (reducible * (1 - low))) ** (1 / self.beta))


HOFFMANN = ScalingLaw(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)  # as printed, rounded
HOFFMANN_TEX = ScalingLaw(E=1.6934, A=406.4, B=410.7, alpha=0.3392, beta=0.2849)  # in the paper's source
BESIROGLU = ScalingLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
