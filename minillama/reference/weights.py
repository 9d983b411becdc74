"""The weights of a LLaMA by name: which there are, how they begin, and whether a given set is whole.

The names are those of `minillama.Llama.state_dict`; matrices are (out, in):

    tok_embeddings.weight                        (V, C)
    layers.N.attention_norm.weight               (C,)
    layers.N.attention.wq.weight                 (H D, C)
    layers.N.attention.wk.weight, wv             (K D, C)
    layers.N.attention.wo.weight                 (C, H D)
    layers.N.attention.wq.bias, wk, wv           (H D,) (K D,)   with attention_bias
    layers.N.attention.q_norm.weight, k_norm     (D,)            with qk_norm
    layers.N.ffn_norm.weight                     (C,)
    layers.N.feed_forward.w_gate.weight, w_up    (F, C)
    layers.N.feed_forward.w_down.weight          (C, F)
    norm.weight                                  (C,)
    output.weight                                (V, C)          but for a tied head
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..config import LlamaConfig

Weights = dict[str, np.ndarray]


def weight_shapes(cfg: LlamaConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight by its name, in the order of the forward pass.

    Raises
    ------
    ValueError
        If the configuration asks for what a follower of the template added: it is named.

    Examples
    --------
    >>> list(weight_shapes(LlamaConfig(n_layers=1)).items())[:3]  # doctest: +NORMALIZE_WHITESPACE
    [('tok_embeddings.weight', (512, 128)), ('layers.0.attention_norm.weight', (128,)),
     ('layers.0.attention.wq.weight', (128, 128))]
    """
    if cfg.extensions:
        raise ValueError(
            f"the reference cannot build {', '.join(cfg.extensions)}: leave them at their defaults"
        )
    C, D, F, V = cfg.dim, cfg.head_dim, cfg.hidden_dim, cfg.vocab_size
    queries, keys = cfg.n_heads * D, cfg.n_kv_heads * D
    block: dict[str, tuple[int, ...]] = {
        "attention_norm.weight": (C,),
        "attention.wq.weight": (queries, C),
        "attention.wk.weight": (keys, C),
        "attention.wv.weight": (keys, C),
        "attention.wo.weight": (C, queries),
    }
    if cfg.attention_bias:
        block |= {"attention.wq.bias": (queries,), "attention.wk.bias": (keys,), "attention.wv.bias": (keys,)}
    if cfg.qk_norm:
        block |= {"attention.q_norm.weight": (D,), "attention.k_norm.weight": (D,)}
    block |= {
        "ffn_norm.weight": (C,),
        "feed_forward.w_gate.weight": (F, C),
        "feed_forward.w_up.weight": (F, C),
        "feed_forward.w_down.weight": (C, F),
    }
    shapes: dict[str, tuple[int, ...]] = {"tok_embeddings.weight": (V, C)}
    for layer in range(cfg.n_layers):
        shapes |= {f"layers.{layer}.{name}": shape for name, shape in block.items()}
    shapes["norm.weight"] = (C,)
    if not cfg.tie_embeddings:
        shapes["output.weight"] = (V, C)
    return shapes


def init_weights(cfg: LlamaConfig, seed: int = 0, dtype: type | np.dtype = np.float32) -> Weights:
    """Draw all weights: normal with standard deviation 1/sqrt(fan-in), norms at one, biases at zero.

    The two matrices of a block that write to the residual stream are divided by ``sqrt(2 n_layers)``, so
    that the stream's variance does not grow with depth (Radford et al. 2019, GPT-2, section 2.3). The
    embedding has 1/sqrt(C). The papers on LLaMA do not say how its weights began.

    Parameters
    ----------
    cfg : LlamaConfig
    seed : int
    dtype : dtype
        Of the result; the numbers are drawn in float64, so that every dtype begins at the same place.

    Returns
    -------
    dict of name to array

    Examples
    --------
    >>> weights = init_weights(LlamaConfig(dim=64, n_heads=4, n_layers=2))
    >>> print(f"{weights['layers.0.attention.wq.weight'].std():.2f}, expected {64**-0.5}")
    0.13, expected 0.125
    """
    rng = np.random.default_rng(seed)
    weights: Weights = {}
    for name, shape in weight_shapes(cfg).items():
        if len(shape) == 1:
            weights[name] = np.full(shape, 0.0 if name.endswith("bias") else 1.0, dtype)
            continue
        std = shape[1] ** -0.5  # fan-in; of the embedding, its width
        if name.endswith(("wo.weight", "w_down.weight")):
            std /= (2 * cfg.n_layers) ** 0.5
        weights[name] = rng.normal(0.0, std, size=shape).astype(dtype)
    return weights


def checked_weights(cfg: LlamaConfig, given: Mapping[str, Any], dtype: type | np.dtype) -> Weights:
    """Return copies of the weights as arrays of `dtype`, in order.

    Parameters
    ----------
    cfg : LlamaConfig
    given : mapping of name to array
        Arrays, or what NumPy can make one of, or torch tensors, such as those of a ``state_dict``.
        With a tied head an ``output.weight`` may be there if it equals the embedding.
    dtype : dtype

    Raises
    ------
    ValueError
        If one is missing, unknown or misshapen: the text names it.

    Examples
    --------
    >>> checked_weights(LlamaConfig(), {}, np.float64)
    Traceback (most recent call last):
        ...
    ValueError: 39 weights are missing, the first is tok_embeddings.weight
    """
    shapes, given = weight_shapes(cfg), dict(given)
    if cfg.tie_embeddings and "output.weight" in given:
        head, table = _as_array(given.pop("output.weight"), dtype), given.get("tok_embeddings.weight")
        if table is None or not np.array_equal(head, _as_array(table, dtype)):
            raise ValueError("output.weight differs from tok_embeddings.weight, but tie_embeddings is True")
    missing = [name for name in shapes if name not in given]
    if missing:
        raise ValueError(f"{len(missing)} weights are missing, the first is {missing[0]}")
    unknown = [name for name in given if name not in shapes]
    if unknown:
        raise ValueError(f"{len(unknown)} weights do not belong to this configuration, such as {unknown[0]}")
    weights = {name: _as_array(given[name], dtype) for name in shapes}
    for name, shape in shapes.items():
        if weights[name].shape != shape:
            raise ValueError(f"{name} has shape {weights[name].shape}, expected {shape}")
    return weights


def _as_array(value: Any, dtype: type | np.dtype) -> np.ndarray:
    """Copy an array or a tensor; a parameter is first taken out of torch's graph."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().double().numpy()  # by way of float64: NumPy knows no bfloat16
    return np.array(value, dtype=dtype)
