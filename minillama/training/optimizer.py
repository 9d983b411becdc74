"""AdamW as LLaMA uses it: weight decay on matrices, none on norms and biases.

References
----------
Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", arXiv 1711.05101; the
hyper-parameters are LLaMA's, arXiv 2302.13971, section 2.3.
"""

from __future__ import annotations

import torch
from torch import nn

FUSED_ON = ("cpu", "cuda", "mps", "xpu")  # device types for which torch has one kernel for the whole update


def adamw(
    model: nn.Module,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.95),
    eps: float = 1e-8,
    weight_decay: float = 0.1,
    decay_embeddings: bool = True,
) -> torch.optim.AdamW:
    """Return AdamW over two groups of `model`'s parameters: those that decay and those that do not.

    Parameters
    ----------
    model : nn.Module
    lr : float
        Peak learning rate; the trainer multiplies it by the schedule.
    betas, eps, weight_decay
        As in Kingma & Ba's and Loshchilov & Hutter's notation.
    decay_embeddings : bool
        Whether the weights of `nn.Embedding` are decayed as the other matrices are. LLaMA's papers do not
        say; nanoGPT decays them. A row that a batch does not use has no gradient, and is decayed all the
        same. A tied head goes with its embedding.

    Examples
    --------
    >>> [group["weight_decay"] for group in adamw(nn.Linear(3, 2), lr=1e-3).param_groups]
    [0.1, 0.0]
    """
    spared = {
        id(module.weight)
        for module in model.modules()
        if isinstance(module, nn.Embedding) and not decay_embeddings
    }
    parameters = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.dim() >= 2 and id(p) not in spared]
    kept = [p for p in parameters if p.dim() < 2 or id(p) in spared]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]
    fused = all(p.device.type in FUSED_ON for p in parameters)
    return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps, fused=fused)
