"""Where a number that is not finite came from: the module or the parameter to name when a run must stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


def first_not_finite(model: nn.Module, forward: Callable[[], object]) -> str | None:
    """Run `forward` and name the first module of `model` with an output that is not finite; None if all are.

    Examples
    --------
    >>> from math import inf
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    >>> _ = model[1].weight.data.fill_(inf)
    >>> first_not_finite(model, lambda: model(torch.ones(1, 2)))
    '1'
    """
    found: list[str] = []

    def listen(name: str) -> torch.utils.hooks.RemovableHandle:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            tensors = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
            if not found and not all(bool(tensor.isfinite().all()) for tensor in tensors):
                found.append(name)

        return modules[name].register_forward_hook(hook)

    modules = {name: module for name, module in model.named_modules() if name}
    handles = [listen(name) for name in modules]
    try:
        with torch.no_grad():
            forward()
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def first_bad_gradient(parameters: Iterable[tuple[str, Tensor]]) -> str | None:
    """Name the first parameter with a gradient that is not finite; None if all are."""
    for name, parameter in parameters:
        if parameter.grad is not None and not bool(parameter.grad.isfinite().all()):
            return name
    return None
