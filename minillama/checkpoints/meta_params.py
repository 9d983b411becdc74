"""Meta's ``params.json`` and our `LlamaConfig`, both ways.

The file does not say how wide the feed-forward network is, but how to compute it; it may say -1 for the size
of the vocabulary; and it says nothing of the context's length, which Meta's code takes as an argument, nor of
a tied head, which shows in the weights. What is not said is taken from the published model of this shape, if
there is one.

References
----------
``ModelArgs``, ``FeedForward`` and ``apply_scaling`` in ``models/llama3`` of meta-llama/llama-models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

from ..config import LlamaConfig
from ..fields import positive_number, whole_number
from .errors import CheckpointError

DEFAULTS: dict[str, Any] = {
    "n_kv_heads": None, "vocab_size": -1, "multiple_of": 256, "ffn_dim_multiplier": None, "norm_eps": 1e-5,
    "rope_theta": 10_000.0, "use_scaled_rope": False,
}  # fmt: skip
NEEDED = ("dim", "n_layers", "n_heads")
IGNORED = ("max_batch_size", "max_seq_len")
SCALING = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip
"""What ``use_scaled_rope`` means in Meta's code; of LLaMA 3.2, the published configuration says factor 32."""
MAX_SEQ_LEN = 2048
"""Context of a model of no published shape: the default of ``ModelArgs``."""
USUAL = (256, 1024, 4096, 512, 128, 64, 32, 16, 8), (None, 1.3, 1.5)
"""Values of ``multiple_of`` and ``ffn_dim_multiplier`` that are tried first."""


def hidden_dim(dim: int, multiple_of: int, multiplier: float | None) -> int:
    """Compute the width of the feed-forward network as Meta's code does.

    Examples
    --------
    >>> hidden_dim(4096, 256, None), hidden_dim(8192, 4096, 1.3)  # LLaMA 7B, Llama 2 70B
    (11008, 28672)
    """
    hidden = int(2 * (4 * dim) / 3)
    if multiplier is not None:
        hidden = int(multiplier * hidden)
    return multiple_of * ((hidden + multiple_of - 1) // multiple_of)


def read_params(
    where: Path, params: Mapping[str, Any], n_rows: int, tied: bool, max_seq_len: object = None
) -> LlamaConfig:
    """Translate the contents of a ``params.json``.

    Parameters
    ----------
    where : Path
        For the error.
    params : mapping
    n_rows : int
        Rows of the embedding, for a vocabulary of -1.
    tied : bool
        The weights have no output head of their own.
    max_seq_len : int, optional
        None: that of the published model of this shape, or 2,048.

    Raises
    ------
    CheckpointError
        If it describes no LLaMA of ours.

    Examples
    --------
    >>> params = {"dim": 4096, "n_layers": 32, "n_heads": 32, "multiple_of": 256, "norm_eps": 1e-06}
    >>> read_params(Path("p"), params, 32000, tied=False) == LlamaConfig.named("llama-1-7b")
    True
    """
    unknown = sorted(params.keys() - {*DEFAULTS, *NEEDED, *IGNORED})
    missing = [key for key in NEEDED if key not in params]
    if unknown or missing:
        wrong = f"{unknown[0]!r:.60} is unknown" if unknown else f"{missing[0]} is missing"
        raise CheckpointError(f"{where}: {wrong}; expected {', '.join((*NEEDED, *DEFAULTS))}")
    given = DEFAULTS | dict(params)
    try:
        multiplier = given["ffn_dim_multiplier"]
        hidden = hidden_dim(
            whole_number("dim", given["dim"], 1),
            whole_number("multiple_of", given["multiple_of"], 1),
            None if multiplier is None else positive_number("ffn_dim_multiplier", multiplier),
        )
        if not isinstance(given["use_scaled_rope"], bool):
            raise ValueError(f"use_scaled_rope is {given['use_scaled_rope']!r:.60}, expected true or false")
        cfg = LlamaConfig(
            vocab_size=n_rows if given["vocab_size"] == -1 else given["vocab_size"],
            hidden_dim=hidden, max_seq_len=MAX_SEQ_LEN, tie_embeddings=tied,
            rope_scaling=SCALING if given["use_scaled_rope"] else None,
            **{key: given[key] for key in (*NEEDED, "n_kv_heads", "rope_theta", "norm_eps")},
        )  # fmt: skip
        like = published_like(cfg)
        cfg = cfg if like is None else like.replace(tie_embeddings=tied)
        return cfg if max_seq_len is None else cfg.replace(max_seq_len=max_seq_len)
    except (ValueError, TypeError, OverflowError) as error:
        raise CheckpointError(f"{where}: describes no model: {error!s:.200}") from None


def published_like(cfg: LlamaConfig) -> LlamaConfig | None:
    """Return the first of Meta's published models that is this one in all that a ``params.json`` says."""

    def said(one: LlamaConfig) -> LlamaConfig:
        scaling = None if one.rope_scaling is None else SCALING
        return one.replace(max_seq_len=MAX_SEQ_LEN, tie_embeddings=False, rope_scaling=scaling)

    meta = (LlamaConfig.named(name) for name in LlamaConfig.names() if "llama-" in name)
    return next((one for one in meta if said(one) == said(cfg)), None)


def write_params(cfg: LlamaConfig) -> dict[str, Any]:
    """Return the contents of a ``params.json``.

    Raises
    ------
    ValueError
        If it would not be read back as this configuration: the text names what cannot be said.

    Examples
    --------
    >>> write_params(LlamaConfig(attention_bias=True))
    Traceback (most recent call last):
        ...
    ValueError: attention_bias is True: Meta's format cannot say so, it would mean False; use format 'native'
    """
    rows = product(USUAL[1], USUAL[0])
    multiplier, multiple = next(
        (row for row in rows if hidden_dim(cfg.dim, row[1], row[0]) == cfg.hidden_dim),
        ((cfg.hidden_dim + 0.5) / int(8 * cfg.dim / 3), 1),
    )
    params: dict[str, Any] = {
        "dim": cfg.dim, "n_layers": cfg.n_layers, "n_heads": cfg.n_heads, "n_kv_heads": cfg.n_kv_heads,
        "vocab_size": cfg.vocab_size, "multiple_of": multiple, "norm_eps": cfg.norm_eps,
        "rope_theta": cfg.rope_theta,
    }  # fmt: skip
    if multiplier is not None:
        params["ffn_dim_multiplier"] = multiplier
    if cfg.rope_scaling is not None:
        params["use_scaled_rope"] = True
    try:
        again = read_params(Path("params.json"), params, cfg.vocab_size, cfg.tie_embeddings, cfg.max_seq_len)
    except CheckpointError as error:
        raise ValueError(f"Meta's format cannot express this model: {error}") from None
    for name in (field.name for field in fields(cfg)):
        if getattr(again, name) != getattr(cfg, name):
            raise ValueError(
                f"{name} is {getattr(cfg, name)!r}: Meta's format cannot say so, it would mean"
                f" {getattr(again, name)!r}; use format 'native'"
            )
    return params
