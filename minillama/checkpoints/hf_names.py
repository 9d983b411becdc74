"""Hugging Face's names of a LLaMA's weights, and ours.

Both hold queries and keys in the ``half`` layout of rotary positions, so names are all that differs.

References
----------
``modeling_llama.py`` in huggingface/transformers.
"""

from __future__ import annotations

OUTSIDE = {
    "tok_embeddings": "model.embed_tokens",
    "norm": "model.norm",
    "output": "lm_head",
}
WITHIN = {
    "attention_norm": "input_layernorm",
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "feed_forward.w_gate": "mlp.gate_proj",
    "feed_forward.w_up": "mlp.up_proj",
    "feed_forward.w_down": "mlp.down_proj",
}
PARTS = {
    its: our
    for ours, theirs in (OUTSIDE | WITHIN).items()
    for our, its in zip(ours.split("."), theirs.removeprefix("model.").split("."), strict=True)
}  # q_proj: wq, self_attn: attention, ...


def to_hf(name: str) -> str:
    """Translate the name of a weight or bias of ours.

    Raises
    ------
    KeyError
        If Hugging Face's LLaMA has no such weight.

    Examples
    --------
    >>> to_hf("layers.3.attention.wq.weight")
    'model.layers.3.self_attn.q_proj.weight'
    """
    stem, _, kind = name.rpartition(".")
    if not stem.startswith("layers."):
        return f"{OUTSIDE[stem]}.{kind}"
    _, layer, inner = stem.split(".", 2)
    return f"model.layers.{layer}.{WITHIN[inner]}.{kind}"


def from_hf(name: str) -> str:
    """Translate the name of a weight, a bias or a module of Hugging Face's.

    Examples
    --------
    >>> from_hf("model.layers.3.self_attn.q_proj.weight"), from_hf("model.layers.3.self_attn")
    ('layers.3.attention.wq.weight', 'layers.3.attention')
    """
    return ".".join(PARTS.get(part, part) for part in name.removeprefix("model.").split("."))
