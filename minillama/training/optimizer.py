"""AdamW as LLaMA uses it: weight decay on matrices, none on norms.

References
----------
Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", arXiv 1711.05101; the
hyper-parameters are LLaMA's, arXiv 2302.13971, section 2.3.
"""

from __future__ import annotations

import torch
from torch import nn


def adamw(
    model: nn.Module,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.95),
    eps: float = 1e-8,
    weight_decay: float = 0.1,
) -> torch.optim.AdamW:
    """Return AdamW over two groups of `model`'s parameters: matrices (decayed) and vectors (not).

    Parameters
    ----------
    model : nn.Module
    lr : float
        Peak learning rate; the trainer multiplies it by the schedule.
    betas, eps, weight_decay
        As in Kingma & Ba's and Loshchilov & Hutter's notation.

    Examples
    --------
    >>> [group["weight_decay"] for group in adamw(nn.Linear(3, 2), lr=1e-3).param_groups]
    [0.1, 0.0]
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps, fused=True)
