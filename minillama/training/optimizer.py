"""AdamW as LLaMA uses it: weight decay on matrices, none on norms and biases.

References
----------
Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", arXiv 1711.05101; the
hyper-parameters are LLaMA's, arXiv 2302.13971, section 2.3.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..kernels import ops


class AdamW(torch.optim.AdamW):
    """torch's AdamW, groups and state, with the update itself by `kernels.ops.adamw`.

    Of a parameter that is spread over processes (a DTensor), each process moves its own piece.

    Examples
    --------
    >>> weight = nn.Parameter(torch.tensor([1.0, -1.0]))
    >>> weight.grad = torch.tensor([3.0, 0.01])
    >>> AdamW([weight], lr=0.1, weight_decay=0.0).step()
    >>> [round(w, 4) for w in weight.tolist()]  # the first step is lr long, whatever the gradient's size
    [0.9, -1.1]
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient; return what `closure` returns, called first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            by_step: dict[int, list[tuple[Tensor, Tensor, Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.zeros(())
                    state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(parameter) for _ in range(2))
                state["step"] += 1
                tensors = parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"]
                by_step[int(state["step"])].append(tuple(map(_here, tensors)))  # type: ignore[arg-type]
            for step, together in by_step.items():
                ops.adamw(
                    *map(list, zip(*together, strict=True)), step, group["lr"], *group["betas"],
                    group["eps"], group["weight_decay"],
                )  # fmt: skip
        return loss


def _here(tensor: Tensor) -> Tensor:
    """Return this process's piece of a tensor, which shares its memory."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor  # DTensor: slow to import


def adamw(
    model: nn.Module,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.95),
    eps: float = 1e-8,
    weight_decay: float = 0.1,
    decay_embeddings: bool = True,
) -> AdamW:
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
    return AdamW(groups, lr=lr, betas=betas, eps=eps)
