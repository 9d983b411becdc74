"""A process's share of the loss: its sum, over all targets, times the number of processes."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def own_share(
    logits: Float[Tensor, "B T V"], targets: Int[Tensor, "B T"], counts: list[int]
) -> Float[Tensor, ""]:
    """Return the number whose gradient a process has to give to DDP."""
    nats = F.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"
    )  # a sum: nan cannot come of no targets
    return nats * len(counts) / sum(counts)
