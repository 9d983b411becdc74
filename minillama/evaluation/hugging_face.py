"""The same model in transformers, an implementation that is not ours, and what its operations put out.

The rotary layout is `half` there as here, so that queries and keys compare as they are. Needs
`transformers`, which is imported only when a twin is made. Left out: reading Hugging Face's files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor, nn

from ..config import LlamaConfig
from ..model import Llama
from .traces import Output, in_order, run, watched

if TYPE_CHECKING:
    from transformers import PreTrainedModel

OURS = {
    "embed_tokens": "tok_embeddings", "input_layernorm": "attention_norm", "self_attn": "attention",
    "q_proj": "wq", "k_proj": "wk", "v_proj": "wv", "o_proj": "wo", "post_attention_layernorm": "ffn_norm",
    "mlp": "feed_forward", "gate_proj": "w_gate", "up_proj": "w_up", "down_proj": "w_down",
    "lm_head": "output",
}  # fmt: skip


def our_name(theirs: str) -> str:
    """Translate the name of a module or a weight.

    Examples
    --------
    >>> our_name("model.layers.3.self_attn.q_proj.weight")
    'layers.3.attention.wq.weight'
    """
    return ".".join(OURS.get(part, part) for part in theirs.removeprefix("model.").split("."))


def transformers_twin(model: Llama) -> PreTrainedModel:
    """Build transformers' model of the same configuration, with a copy of the same weights, in float32.

    It is a LlamaForCausalLM; where that lacks what the configuration asks for, Qwen3ForCausalLM (query and
    key norms) or MistralForCausalLM (sliding window), which have the same modules.

    Parameters
    ----------
    model : Llama

    Returns
    -------
    PreTrainedModel
        In evaluation mode, with plain attention, whose weights can be seen.

    Raises
    ------
    ValueError
        If transformers has no model of this configuration.

    Examples
    --------
    >>> type(transformers_twin(Llama(LlamaConfig(n_layers=1, qk_norm=True)))).__name__
    'Qwen3ForCausalLM'
    """
    theirs = _empty_twin(model.cfg)
    weights = {name: tensor.detach().float() for name, tensor in model.state_dict().items()}
    state = {}
    for name, tensor in theirs.state_dict().items():
        missing = name.endswith("o_proj.bias")  # where theirs has one, ours has none: zero
        state[name] = torch.zeros_like(tensor) if missing else weights.pop(our_name(name))
    assert not weights, f"transformers has no place for {', '.join(weights)}"
    theirs.load_state_dict(state, strict=True)
    return theirs.eval()


def _empty_twin(cfg: LlamaConfig) -> PreTrainedModel:
    """Build the model with weights of its own."""
    import transformers

    if cfg.sliding_window is not None and cfg.attention_bias and not cfg.qk_norm:
        raise ValueError("transformers has no LLaMA with both sliding_window and attention_bias: drop one")
    values: dict[str, Any] = {
        "vocab_size": cfg.vocab_size, "hidden_size": cfg.dim, "intermediate_size": cfg.hidden_dim,
        "num_hidden_layers": cfg.n_layers, "num_attention_heads": cfg.n_heads,
        "num_key_value_heads": cfg.n_kv_heads, "head_dim": cfg.head_dim,
        "max_position_embeddings": cfg.max_seq_len, "rms_norm_eps": cfg.norm_eps,
        "rope_parameters": {"rope_theta": cfg.rope_theta, **(cfg.rope_scaling or {"rope_type": "default"})},
        "tie_word_embeddings": cfg.tie_embeddings, "attn_implementation": "eager",
        "pad_token_id": None, "bos_token_id": None, "eos_token_id": None,
    }  # fmt: skip
    if cfg.qk_norm:
        values |= {"attention_bias": cfg.attention_bias, "sliding_window": cfg.sliding_window}
        values |= {"use_sliding_window": cfg.sliding_window is not None, "max_window_layers": 0}
        return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**values))
    if cfg.sliding_window is not None:
        values |= {"sliding_window": cfg.sliding_window}
        return transformers.MistralForCausalLM(transformers.MistralConfig(**values))
    values |= {"attention_bias": cfg.attention_bias}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**values))


def trace_transformers(model: PreTrainedModel, tokens: Integer[np.ndarray, "B T"]) -> dict[str, Output]:
    """Return what every operation of a LLaMA of transformers puts out, by our names, in order.

    Parameters
    ----------
    model : LlamaForCausalLM
        Or one with the same modules, such as MistralForCausalLM or Qwen3ForCausalLM, in evaluation mode.
        With ``attn_implementation="eager"`` the weights of its attention are there too.
    tokens : array (B, T), integer
        Token ids below the vocabulary's size.

    Returns
    -------
    dict of name to array
        As float32: norms, angles and softmax run in float32 there whatever the dtype of the weights, so
        this is what they are good to.

    Examples
    --------
    >>> twin = transformers_twin(Llama(LlamaConfig(n_layers=1)))
    >>> trace_transformers(twin, np.array([[1, 2, 3]]))["layers.0.attention.weights"].shape
    (1, 4, 3, 3)
    """
    seen: dict[str, Tensor] = {}
    with watched(model, seen.__setitem__, our_name) as rotated, _rope_heard(model, rotated):
        run(model, tokens)
    return in_order(seen, model.config.num_hidden_layers, torch.float32)


@contextmanager
def _rope_heard(model: nn.Module, rotated: Callable[[Tensor], None]) -> Iterator[None]:
    """Tell `rotated` what the model's rotation puts out: a function of its module, replaced for the time."""
    home: Any = sys.modules[type(model.get_submodule("model.layers.0.self_attn")).__module__]
    rotate = home.apply_rotary_pos_emb

    def rotate_and_tell(*args: Any, **kwargs: Any) -> Any:
        query, key = rotate(*args, **kwargs)
        rotated(query)
        rotated(key)
        return query, key

    home.apply_rotary_pos_emb = rotate_and_tell
    try:
        yield
    finally:
        home.apply_rotary_pos_emb = rotate
