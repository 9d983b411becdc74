r"""Your share of the loss.

Exercise 15.2 · 15_training_at_scale · easy · 15 minutes

n processes have a part of the batch each. DDP derives what each process gives it, and **averages** the
gradients over the processes. The loss that is meant is the mean over all targets of the whole batch, wherever
they are, and some processes have more of them than others. What has each process to give?
"""

from jaxtyping import Float, Int
from torch import Tensor


def own_share(
    logits: Float[Tensor, "B T V"], targets: Int[Tensor, "B T"], counts: list[int]
) -> Float[Tensor, ""]:
    r"""Return the number whose gradient a process has to give to DDP.

    With $\ell_r$ the nats of process r's targets, summed, and $m_r$ their number, the gradient that is meant
    is that of $\sum_r \ell_r / \sum_r m_r$. What arrives is $\frac1n \sum_r \nabla s_r$, of the shares $s_r$
    that the processes return.

    Parameters
    ----------
    logits : float tensor, shape (B, T, V)
        Of this process's rows.
    targets : int64 tensor, shape (B, T)
        -100 where nothing is to be predicted. All of them may be.
    counts : list of n int
        The number of targets in each of the n processes, this one included; at least one in all.

    Returns
    -------
    Tensor, shape ()
        In nats.

    Examples
    --------
    Four classes, all alike: each target costs log 4. Two targets here, one in the other process: 2 of the 3
    are here, and the average over 2 processes has to be made good.

    >>> import math
    >>> import torch
    >>> share = own_share(torch.zeros(1, 3, 4), torch.tensor([[1, 2, -100]]), [2, 1])
    >>> round(float(share) / math.log(4), 3)
    1.333
    """
    raise NotImplementedError
