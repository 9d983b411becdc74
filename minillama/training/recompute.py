"""Activation checkpointing: keep a block's input, and compute the rest of it again when the gradient comes.

    forward    x0 -> [block 1] -> x1 -> [block 2] -> x2        kept: x0, x1
    backward         x1 -> [block 2 again, then its gradient], x0 -> [block 1 again, then its gradient]

Memory for activations falls from all blocks to one, for one more forward pass: a third more arithmetic.
Losses and gradients stay the same to the last bit.

References
----------
Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174.
"""

from __future__ import annotations

import functools

from torch.utils.checkpoint import checkpoint

from ..model import Llama


def recompute_blocks(model: Llama) -> None:
    """Let every block of `model` recompute its activations in the backward pass, in place.

    Names and values of the parameters stay. Call it before the model is spread over processes.

    Parameters
    ----------
    model : Llama

    Examples
    --------
    >>> import torch
    >>> from minillama.config import LlamaConfig
    >>> model = Llama(LlamaConfig(vocab_size=300, dim=32, n_layers=2, n_heads=4, n_kv_heads=2))
    >>> tokens = torch.arange(8)[None]
    >>> before = model.loss(tokens, tokens)
    >>> recompute_blocks(model)
    >>> bool(before == model.loss(tokens, tokens))
    True
    """
    for block in model.layers:
        block.forward = functools.partial(checkpoint, block.forward, use_reentrant=False)
