"""Chinchilla's law: the loss that N parameters reach on D tokens, and the best N and D for a budget.

    L(N, D) = E + A / N**alpha + B / D**beta

The constants as printed do not give the paper's own rule of 20 tokens per parameter; those fitted again to
its points do. Both are here under their names. Losses are of Chinchilla's tokenizer and data: compare
them with each other, not with LLaMA's.

References
----------
Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and appendix D.3; Besiroglu et al. 2024, arXiv 2404.10102.
"""

from __future__ import annotations

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
        n_params = scale * (flops / 6) ** (self.beta / both)
        return Optimum(n_params, flops / 6 / n_params)


HOFFMANN = ScalingLaw(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)  # as printed, rounded
HOFFMANN_TEX = ScalingLaw(E=1.6934, A=406.4, B=410.7, alpha=0.3392, beta=0.2849)  # in the paper's source
BESIROGLU = ScalingLaw(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
