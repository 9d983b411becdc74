"""From logits to the next token: temperature, and three ways to cut off the tail.

Order, as in the common libraries: temperature, then top-k, then top-p, then min-p, each on the
distribution that the one before left. Temperature 0 is greedy: the largest logit.

References
----------
Top-k: Fan et al. 2018, arXiv 1805.04833. Top-p (nucleus): Holtzman et al. 2019, arXiv 1904.09751.
Min-p: Nguyen et al. 2024, arXiv 2407.01082.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How to choose the next token.

    Parameters
    ----------
    temperature : float
        Logits are divided by it; 0 takes the most likely token.
    top_k : int, optional
        Keep the k most likely tokens.
    top_p : float, optional
        Keep the fewest most likely tokens whose probabilities reach `top_p` together; the one that
        crosses it stays.
    min_p : float, optional
        Keep tokens at least `min_p` times as likely as the most likely one.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> Sampling(temperature=0.0)(torch.tensor([[0.1, 2.0, 0.3]]))
    tensor([1])
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature is {self.temperature}: expected a number of at least 0")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}: expected at least 1")
        for name, value in (("top_p", self.top_p), ("min_p", self.min_p)):
            if value is not None and not 0 < value <= 1:
                raise ValueError(f"{name} is {value}: expected more than 0 and at most 1")

    def probabilities(self, logits: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
        """Return the distribution that the next token is drawn from; each row sums to one."""
        if self.temperature == 0:
            return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
        p = (logits / self.temperature).softmax(-1)
        if self.top_k is not None and self.top_k < p.shape[-1]:
            p = _keep(p, p >= p.topk(self.top_k, dim=-1).values[:, -1:])
        if self.top_p is not None:
            ordered, index = p.sort(dim=-1, descending=True)
            before = ordered.cumsum(-1) - ordered  # mass of the tokens more likely than this one
            p = _keep(p, torch.zeros_like(p, dtype=torch.bool).scatter(-1, index, before < self.top_p))
        if self.min_p is not None:
            p = _keep(p, p >= self.min_p * p.max(-1, keepdim=True).values)
        return p

    def __call__(
        self, logits: Float[Tensor, "B V"], generator: torch.Generator | None = None
    ) -> Int[Tensor, " B"]:
        """Draw one token for each row of `logits`."""
        if self.temperature == 0:
            return logits.argmax(-1)
        return torch.multinomial(self.probabilities(logits), 1, generator=generator).squeeze(-1)


def _keep(p: Float[Tensor, "B V"], kept: Tensor) -> Float[Tensor, "B V"]:
    """Set the probabilities outside `kept` to zero and scale the rest up to one."""
    p = p * kept
    return p / p.sum(-1, keepdim=True)
