"""Build the decoder in PyTorch.

Exercise 10.5 · 10_from_numpy_to_pytorch · hard · 90 minutes · build

The first long exercise of Part II: a whole LLaMA as one module, forward only, from an empty file. It takes
the weights of Part I under their names, continues from a past, and its logits and gradients are held against
NumPy's. Write as many classes and helpers beside it as you like; the names of the parameters are what ties
them together:

    tok_embeddings.weight (V, C)                      norm.weight (C)        output.weight (V, C), unless tied
    layers.0.attention_norm.weight (C)                layers.0.ffn_norm.weight (C)
    layers.0.attention.wq.weight (H D, C)             layers.0.feed_forward.w_gate.weight (F, C)
    layers.0.attention.wk.weight, wv.weight (K D, C)  layers.0.feed_forward.w_up.weight   (F, C)
    layers.0.attention.wo.weight (C, H D)             layers.0.feed_forward.w_down.weight (C, F)
"""

import torch
from jaxtyping import Float, Int
from torch import nn

from minillama.config import LlamaConfig


class Llama(nn.Module):
    r"""A decoder-only transformer of the LLaMA family.

    Embedding; blocks $h = x + \mathrm{attention}(\mathrm{norm}(x))$,
    $y = h + \mathrm{ffn}(\mathrm{norm}(h))$; a last norm; the head. RMSNorm with eps inside the root; rotary
    positions in the half layout, pair i of a head being (i, i + D/2), turned by position times theta^(-2i/D);
    query head h reads key/value head h // (H / K);
    $\mathrm{ffn}(x) = W_{down}(\mathrm{silu}(W_{gate} x) \odot W_{up} x)$.

    Parameters
    ----------
    cfg : LlamaConfig
        Read `vocab_size, dim, n_layers, n_heads, n_kv_heads, head_dim, hidden_dim, norm_eps, rope_theta` and
        `tie_embeddings`: the head is then the embedding's own parameter. The rest is at its defaults.

    Returns
    -------
    model
        ``model(tokens, past)`` returns logits and a new past, see `forward`.

    Examples
    --------
    >>> model = Llama(LlamaConfig(vocab_size=9, dim=8, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=12))
    >>> logits, past = model(torch.zeros(1, 3, dtype=torch.int64))
    >>> logits.shape, len(past)
    (torch.Size([1, 3, 9]), 2)
    >>> logits, past = model(torch.ones(1, 1, dtype=torch.int64), past)
    >>> logits.shape
    torch.Size([1, 1, 9])
    """

    def __init__(self, cfg: LlamaConfig) -> None:
        """Make the parameters; how they begin is free."""
        raise NotImplementedError

    def forward(
        self, tokens: Int[torch.Tensor, "B T"], past: list | None = None
    ) -> tuple[Float[torch.Tensor, "B T V"], list]:
        """Return the logits of the token that follows each position, and the past for the next call.

        `past` holds one entry for each layer, whatever you want to keep of the positions so far; None: there
        are none. The list that was given is left as it is.
        """
        raise NotImplementedError
