"""A loss that never holds all logits.

Exercise 10.3 · 10_from_numpy_to_pytorch · medium · 25 minutes

A head of V rows makes V logits at each of N positions. The loss is a sum over positions, so that they need
not all exist at once: neither on the way up, nor on the tape, nor on the way back.
"""

import torch
from jaxtyping import Float, Int


def chunked_loss(
    x: Float[torch.Tensor, "N C"],
    head: Float[torch.Tensor, "V C"],
    targets: Int[torch.Tensor, " N"],
    rows: int,
) -> Float[torch.Tensor, ""]:
    r"""Return the mean cross-entropy in nats, with the logits of at most `rows` positions at a time.

    $\frac{1}{n} \sum_t \left(\ln \sum_v e^{z_{tv}} - z_{t,\,target_t}\right)$ with
    $z = x\,\mathrm{head}^\top$, over the n positions whose target is not -100. Gradients flow to `x` and
    `head`, and the tape keeps no logits.

    Parameters
    ----------
    x : float tensor of shape (N, C)
        What the head reads.
    head : float tensor of shape (V, C)
    targets : int64 tensor of shape (N,)
        A token each, or -100: does not count.
    rows : int
        Positions whose logits may exist at the same time; it need not divide N.

    Returns
    -------
    float tensor of shape ()

    Examples
    --------
    All logits zero, so that each of two tokens has half the probability: ln 2.

    >>> loss = chunked_loss(torch.zeros(3, 1), torch.ones(2, 1), torch.tensor([0, 1, -100]), rows=2)
    >>> round(loss.item(), 4)
    0.6931
    """
    raise NotImplementedError
