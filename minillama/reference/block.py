"""One block of LLaMA, forward and backward, composed of the layers: where the equations meet.

    x ──┬── attention_norm ── attention ──(+)──┬── ffn_norm ── feed_forward ──(+)── out
        └──────────────────────────────────┘   └───────────────────────────────┘

On the way back every fork becomes a sum: the gradient that comes down the residual stream, plus the one
that comes through the branch. Chapter 09 puts it together.

`w` holds one block's weights by their names within it, "attention.wq.weight" and so on. `record` is
called with the name and the array of every operation, in order: the divergence finder and the attention
pictures listen there.

References
----------
Touvron et al. 2023, LLaMA, arXiv 2302.13971, section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..config import LlamaConfig
from .activations import swiglu, swiglu_backward
from .attention import attention, attention_backward
from .cache import KVCache
from .linear import linear, linear_backward
from .norm import rms_norm, rms_norm_backward
from .rope import rope, rope_backward

Record = Callable[[str, np.ndarray], object]
Grads = dict[str, np.ndarray]


class Place(NamedTuple):
    """Where a call stands: which positions, what they may see, and what has been computed before."""

    cos: Float[np.ndarray, "T D2"]
    sin: Float[np.ndarray, "T D2"]
    mask: Bool[np.ndarray, "T S"]
    cache: KVCache | None = None
    layer: int = 0


def ignore(name: str, value: np.ndarray) -> None:
    """Record nothing."""


def self_attention(
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cfg: LlamaConfig,
    place: Place,
    record: Record = ignore,
) -> tuple[Float[np.ndarray, "B T C"], dict[str, Any]]:
    """Project to queries, keys and values, turn, attend, project back. Names in `w` start at "wq.weight".

    Returns
    -------
    out : array (B, T, C)
    saved : dict
        For `self_attention_backward`.
    """
    saved: dict[str, Any] = {}
    heads = {}
    for name in ("wq", "wk", "wv"):
        flat, saved[name] = linear(x, w[f"{name}.weight"], w.get(f"{name}.bias"))
        record(name, flat)
        heads[name] = flat.reshape(*flat.shape[:-1], -1, cfg.head_dim)  # (B, T, H D) -> (B, T, H, D)
    if cfg.qk_norm:
        for name in ("q", "k"):
            normed, saved[f"{name}_norm"] = rms_norm(
                heads[f"w{name}"], w[f"{name}_norm.weight"], cfg.norm_eps
            )
            record(f"{name}_norm", normed)
            heads[f"w{name}"] = normed
    q, k, v = (heads[name].transpose(0, 2, 1, 3) for name in ("wq", "wk", "wv"))  # (B, H | K, T, D)
    q, saved["q_rope"] = rope(q, place.cos, place.sin)
    k, saved["k_rope"] = rope(k, place.cos, place.sin)
    record("q_rope", q)
    record("k_rope", k)
    if place.cache is not None:
        k, v = place.cache.extend(place.layer, k, v)  # (B, K, S, D)
    mixed, saved["attention"] = attention(q, k, v, place.mask)
    record("weights", saved["attention"].weights)
    flat = _join_heads(mixed)
    record("mixed", flat)
    out, saved["wo"] = linear(flat, w["wo.weight"])
    record("wo", out)
    return out, saved


def self_attention_backward(
    d_out: Float[np.ndarray, "B T C"], saved: dict[str, Any], cfg: LlamaConfig
) -> tuple[Float[np.ndarray, "B T C"], Grads]:
    """Return the gradient of `x`, and those of the weights by name."""
    grads: Grads = {}
    d_flat, grads["wo.weight"], _ = linear_backward(d_out, saved["wo"])
    d_q, d_k, d_v = attention_backward(_split_heads(d_flat, cfg.head_dim), saved["attention"])
    d_q, d_k = rope_backward(d_q, saved["q_rope"]), rope_backward(d_k, saved["k_rope"])
    d_heads = {"wq": d_q, "wk": d_k, "wv": d_v}
    d_x = np.zeros((*d_out.shape[:-1], saved["wq"].x.shape[-1]), d_out.dtype)
    for name, d_head in d_heads.items():
        if f"{name[1]}_norm" in saved:
            d_normed = d_head.transpose(0, 2, 1, 3)  # (B, H, T, D) -> (B, T, H, D)
            d_normed, grads[f"{name[1]}_norm.weight"] = rms_norm_backward(d_normed, saved[f"{name[1]}_norm"])
            d_head = d_normed.transpose(0, 2, 1, 3)
        d_part, grads[f"{name}.weight"], d_bias = linear_backward(_join_heads(d_head), saved[name])
        if d_bias is not None:
            grads[f"{name}.bias"] = d_bias
        d_x += d_part  # x went three ways
    return d_x, grads


def feed_forward(
    x: Float[np.ndarray, "B T C"], w: Mapping[str, np.ndarray], record: Record = ignore
) -> tuple[Float[np.ndarray, "B T C"], dict[str, Any]]:
    """Widen, gate, come back: ``w_down (silu(w_gate x) * w_up x)``. Names in `w` start at "w_gate.weight"."""
    saved: dict[str, Any] = {}
    gate, saved["w_gate"] = linear(x, w["w_gate.weight"])  # (B, T, C) -> (B, T, F)
    up, saved["w_up"] = linear(x, w["w_up.weight"])
    hidden, saved["swiglu"] = swiglu(gate, up)
    out, saved["w_down"] = linear(hidden, w["w_down.weight"])  # (B, T, F) -> (B, T, C)
    for name, value in (("w_gate", gate), ("w_up", up), ("swiglu", hidden), ("w_down", out)):
        record(name, value)
    return out, saved


def feed_forward_backward(
    d_out: Float[np.ndarray, "B T C"], saved: dict[str, Any]
) -> tuple[Float[np.ndarray, "B T C"], Grads]:
    """Return the gradient of `x`, and those of the weights by name."""
    grads: Grads = {}
    d_hidden, grads["w_down.weight"], _ = linear_backward(d_out, saved["w_down"])
    d_gate, d_up = swiglu_backward(d_hidden, saved["swiglu"])
    d_x_gate, grads["w_gate.weight"], _ = linear_backward(d_gate, saved["w_gate"])
    d_x_up, grads["w_up.weight"], _ = linear_backward(d_up, saved["w_up"])
    return d_x_gate + d_x_up, grads


def block(
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cfg: LlamaConfig,
    place: Place,
    record: Record = ignore,
) -> tuple[Float[np.ndarray, "B T C"], dict[str, Any]]:
    """Run one pre-norm block: ``h = x + attention(norm(x))``, ``out = h + feed_forward(norm(h))``.

    Parameters
    ----------
    x : array (B, T, C), float
        The residual stream.
    w : mapping of name to array
        The block's weights: "attention_norm.weight", "attention.wq.weight" and so on.
    cfg : LlamaConfig
    place : Place
        Positions, mask and cache.
    record : callable, optional
        Called with name and array of every operation.

    Returns
    -------
    out : array (B, T, C)
    saved : dict
        For `block_backward`.

    Examples
    --------
    With the two writing matrices at zero, a block passes its input on:

    >>> from .weights import init_weights
    >>> from .rope import rope_table
    >>> from .attention import causal_mask
    >>> cfg = LlamaConfig(dim=8, n_heads=2, n_kv_heads=1, hidden_dim=12, n_layers=1)
    >>> w = within(init_weights(cfg, dtype=np.float64), "layers.0.")
    >>> w["attention.wo.weight"][:] = w["feed_forward.w_down.weight"][:] = 0
    >>> x = np.arange(24.0).reshape(1, 3, 8)
    >>> out, saved = block(x, w, cfg, Place(*rope_table(cfg, 0, 3), causal_mask(3, 3)))
    >>> bool(np.array_equal(out, x))
    True
    """
    saved: dict[str, Any] = {}
    normed, saved["attention_norm"] = rms_norm(x, w["attention_norm.weight"], cfg.norm_eps)
    record("attention_norm", normed)
    mixed, saved["attention"] = self_attention(
        normed, within(w, "attention."), cfg, place, under("attention.", record)
    )
    h = x + mixed
    record("attention_residual", h)
    normed, saved["ffn_norm"] = rms_norm(h, w["ffn_norm.weight"], cfg.norm_eps)
    record("ffn_norm", normed)
    widened, saved["feed_forward"] = feed_forward(
        normed, within(w, "feed_forward."), under("feed_forward.", record)
    )
    return h + widened, saved


def block_backward(
    d_out: Float[np.ndarray, "B T C"], saved: dict[str, Any], cfg: LlamaConfig
) -> tuple[Float[np.ndarray, "B T C"], Grads]:
    """Return the gradient of the block's input, and those of its weights by name.

    Each residual connection hands `d_out` down unchanged and adds what comes through its branch.
    """
    grads: Grads = {}
    d_normed, inner = feed_forward_backward(d_out, saved["feed_forward"])
    grads |= {f"feed_forward.{name}": grad for name, grad in inner.items()}
    d_branch, grads["ffn_norm.weight"] = rms_norm_backward(d_normed, saved["ffn_norm"])
    d_h = d_out + d_branch
    d_normed, inner = self_attention_backward(d_h, saved["attention"], cfg)
    grads |= {f"attention.{name}": grad for name, grad in inner.items()}
    d_branch, grads["attention_norm.weight"] = rms_norm_backward(d_normed, saved["attention_norm"])
    return d_h + d_branch, grads


def within(weights: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the weights whose names begin with `prefix`, by the rest of their names.

    Examples
    --------
    >>> list(within({"layers.0.wq": np.zeros(1), "norm": np.zeros(1)}, "layers.0."))
    ['wq']
    """
    return {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}


def under(prefix: str, record: Record) -> Record:
    """Put `prefix` before every recorded name."""
    return record if record is ignore else lambda name, value: record(prefix + name, value)


def _join_heads(x: Float[np.ndarray, "B H T D"]) -> Float[np.ndarray, "B T HD"]:
    """Put a position's heads side by side."""
    B, H, T, D = x.shape
    return x.transpose(0, 2, 1, 3).reshape(B, T, H * D)  # (B, H, T, D) -> (B, T, H, D) -> (B, T, H D)


def _split_heads(x: Float[np.ndarray, "B T HD"], head_dim: int) -> Float[np.ndarray, "B H T D"]:
    """Undo `_join_heads`."""
    B, T, _ = x.shape
    return x.reshape(B, T, -1, head_dim).transpose(0, 2, 1, 3)  # (B, T, H D) -> (B, H, T, D)
