"""transformers' LLaMA with our weights: an implementation that is not ours, to compare with.

Its code computes the norms' statistics, the rotary angles and the loss in float32, whatever the model's
dtype, so that a model in float64 is exact to some seven digits only. `float64_throughout` widens these
places, and nothing else: what is compared then is the formula.

Left out: other peers (llama.cpp: chapter 24).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from ..checkpoints.hf_names import to_hf
from ..config import LlamaConfig
from ..reference.weights import checked_weights


class _Widened:
    """The torch module, but for two names: its float32 is float64."""

    float = float32 = torch.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


def transformers_twin(cfg: LlamaConfig, weights: Mapping[str, Any]) -> nn.Module:
    """Build transformers' ``LlamaForCausalLM`` in float64 with our weights.

    Parameters
    ----------
    cfg : LlamaConfig
    weights : mapping of name to array or tensor
        By our names, as in ``Llama.state_dict()``.

    Returns
    -------
    LlamaForCausalLM
        Run it under `float64_throughout`, where more than seven digits are asked for.

    Raises
    ------
    ValueError
        If transformers' LLaMA cannot be what the configuration asks for, or a weight is missing or misshapen.
    ImportError
        If transformers is not installed.

    Examples
    --------
    >>> from ..reference import ReferenceLlama
    >>> model = ReferenceLlama(LlamaConfig(vocab_size=99, dim=32, n_layers=1))
    >>> tokens = np.array([[3, 1, 4, 1, 5]])
    >>> with float64_throughout(), torch.no_grad():
    ...     logits = transformers_twin(model.cfg, model.weights)(torch.tensor(tokens)).logits.numpy()
    >>> bool(np.abs(logits - model.forward(tokens)).max() < 1e-12)
    True
    """
    if cfg.extensions or cfg.qk_norm or cfg.sliding_window:
        asked = [*cfg.extensions, *(name for name in ("qk_norm", "sliding_window") if getattr(cfg, name))]
        raise ValueError(f"transformers' LLaMA has no {', '.join(asked)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a package that draws progress bars
        import transformers
    theirs = transformers.LlamaConfig(
        vocab_size=cfg.vocab_size, hidden_size=cfg.dim, intermediate_size=cfg.hidden_dim,
        num_hidden_layers=cfg.n_layers, num_attention_heads=cfg.n_heads, num_key_value_heads=cfg.n_kv_heads,
        head_dim=cfg.head_dim, max_position_embeddings=cfg.max_seq_len, rms_norm_eps=cfg.norm_eps,
        rope_parameters={"rope_theta": cfg.rope_theta, **(cfg.rope_scaling or {"rope_type": "default"})},
        tie_word_embeddings=cfg.tie_embeddings, attention_bias=cfg.attention_bias, mlp_bias=False,
        bos_token_id=None, eos_token_id=None,
        attn_implementation="sdpa",  # type: ignore[call-arg]
    )  # fmt: skip
    with float64_throughout():
        model: nn.Module = transformers.LlamaForCausalLM(theirs).double()
    ours = checked_weights(cfg, weights, np.float64)
    state = {to_hf(name): torch.from_numpy(value) for name, value in ours.items()}
    if cfg.tie_embeddings:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    if cfg.attention_bias:  # theirs has one behind the output projection too
        zero = torch.zeros(cfg.dim, dtype=torch.float64)
        state |= {f"model.layers.{layer}.self_attn.o_proj.bias": zero for layer in range(cfg.n_layers)}
    model.load_state_dict(state, strict=True)
    return model.eval()


@contextmanager
def float64_throughout() -> Iterator[None]:
    """Make transformers' LLaMA compute in float64 also where its code names float32.

    Examples
    --------
    >>> with float64_throughout():
    ...     print(torch.ones(1).float().dtype)
    torch.float64
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a package that draws progress bars
        from transformers import modeling_rope_utils
        from transformers.models.llama import modeling_llama

    places = [(torch.Tensor, "float"), (modeling_llama, "torch"), (modeling_rope_utils, "torch")]
    before = [getattr(*place) for place in places]  # within another such context, already wide
    try:
        for place, wide in zip(places, (torch.Tensor.double, _Widened(), _Widened()), strict=True):
            setattr(*place, wide)
        yield
    finally:
        for place, narrow in zip(places, before, strict=True):
            setattr(*place, narrow)
