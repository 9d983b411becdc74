"""GGUF's names of a LLaMA's weights and of their formats, and ours."""

from __future__ import annotations

from ..quantization import BLOCKS

KINDS = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 8: "Q8_0", 30: "BF16"}
"""Numbers of the formats that are read here, as GGUF has them."""
SIZES = BLOCKS | {"BF16": (1, 2)}
"""Weights in a block, bytes in a block."""
WRITTEN = {"F32": 0, "F16": 1, "BF16": 30}
"""Numbers of the formats that are written here."""
FILE_TYPES = {"F32": 0, "F16": 1, "BF16": 32}
"""``general.file_type``: what most of the weights are."""
NAMES = {
    "tok_embeddings": "token_embd", "attention_norm": "attn_norm", "attention.wq": "attn_q",
    "attention.wk": "attn_k", "attention.wv": "attn_v", "attention.wo": "attn_output", "ffn_norm": "ffn_norm",
    "feed_forward.w_gate": "ffn_gate", "feed_forward.w_up": "ffn_up", "feed_forward.w_down": "ffn_down",
    "norm": "output_norm", "output": "output",
}  # fmt: skip
"""The package's names within a block, and GGUF's."""
DIVISORS = "rope_freqs.weight"


def to_gguf(name: str) -> str:
    """Translate the name of a weight or bias of ours.

    Examples
    --------
    >>> to_gguf("layers.3.attention.wq.weight"), to_gguf("norm.weight")
    ('blk.3.attn_q.weight', 'output_norm.weight')
    """
    stem, _, kind = name.rpartition(".")
    if not stem.startswith("layers."):
        return f"{NAMES[stem]}.{kind}"
    _, layer, inner = stem.split(".", 2)
    return f"blk.{layer}.{NAMES[inner]}.{kind}"
