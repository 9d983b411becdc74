"""Hugging Face's ``config.json`` and our `LlamaConfig`, both ways.

Read are the model types ``llama`` and ``mistral``, in the spelling of transformers 5 (``rope_parameters``)
and the older one (``rope_theta`` beside ``rope_scaling``), which is what we write, as both versions read it.
A missing key means what transformers' classes mean by it.

References
----------
``configuration_llama.py`` and ``configuration_mistral.py`` in huggingface/transformers, version 5.23.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..config import LlamaConfig
from .errors import CheckpointError

FIELDS = {
    "vocab_size": "vocab_size", "dim": "hidden_size", "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads", "n_kv_heads": "num_key_value_heads", "hidden_dim": "intermediate_size",
    "max_seq_len": "max_position_embeddings", "head_dim": "head_dim", "norm_eps": "rms_norm_eps",
    "tie_embeddings": "tie_word_embeddings", "attention_bias": "attention_bias",
    "sliding_window": "sliding_window",
}  # fmt: skip
"""Our fields and theirs, but for the rotary ones."""
_COMMON = {"num_key_value_heads": None, "head_dim": None, "rms_norm_eps": 1e-6, "tie_word_embeddings": False}
DEFAULTS: dict[str, dict[str, Any]] = {
    "llama": {**_COMMON, "max_position_embeddings": 2048, "attention_bias": False, "sliding_window": None},
    "mistral": {
        **_COMMON,
        "max_position_embeddings": 131_072,
        "attention_bias": False,
        "sliding_window": 4096,
    },
}
"""What transformers takes for a missing key; the sizes have to be there."""
SAME_MODEL = {
    "hidden_act": "silu",
    "mlp_bias": False,
    "partial_rotary_factor": 1.0,
    "quantization_config": None,
}
"""Keys that would make it another model, and the one value that does not."""


def read_config(where: Path, table: Mapping[str, Any]) -> LlamaConfig:
    """Translate the contents of a ``config.json``; CheckpointError if they describe no LLaMA of ours.

    Examples
    --------
    >>> read_config(Path("c"), {"model_type": "qwen"})
    Traceback (most recent call last):
        ...
    minillama.checkpoints.errors.CheckpointError: c: the architecture is 'qwen'; expected llama or mistral
    """
    kind = table.get("model_type")
    if not isinstance(kind, str) or kind not in DEFAULTS:
        raise CheckpointError(f"{where}: the architecture is {kind!r:.60}; expected {' or '.join(DEFAULTS)}")
    for key, value in SAME_MODEL.items():
        if table.get(key, value) != value:
            raise CheckpointError(f"{where}: {key} is {table[key]!r:.60}; expected {value!r}, as in a LLaMA")
    values = DEFAULTS[kind] | dict(table)
    try:
        theta, scaling = _read_rope(table)
        fields = {ours: values[theirs] for ours, theirs in FIELDS.items()}
        if kind == "llama":
            fields["sliding_window"] = None  # transformers' LLaMA has none, whatever the file says
        return LlamaConfig(**fields, rope_theta=theta, rope_scaling=scaling)
    except KeyError as error:
        raise CheckpointError(
            f"{where}: has no {error.args[0]}, which the shape of the model needs"
        ) from None
    except (ValueError, TypeError, OverflowError) as error:
        raise CheckpointError(f"{where}: describes no model: {error!s:.200}") from None


def write_config(cfg: LlamaConfig, dtype: str, bos: int | None, eos: int | None) -> dict[str, Any]:
    """Return the contents of a ``config.json``.

    Parameters
    ----------
    cfg : LlamaConfig
    dtype : str
        Torch's name of the weights' dtype.
    bos, eos : int, optional
        Ids of the tokens that begin and end a text.

    Raises
    ------
    ValueError
        If transformers has no such model under the names ``llama`` and ``mistral``.

    Examples
    --------
    >>> write_config(LlamaConfig(sliding_window=16), "float32", None, None)["model_type"]
    'mistral'
    """
    if cfg.qk_norm:
        raise ValueError(
            "qk_norm is True: Hugging Face's LLaMA has no query and key norms; use format 'native'"
        )
    if cfg.sliding_window is not None and cfg.attention_bias:
        raise ValueError(
            "sliding_window and attention_bias: Hugging Face's LLaMA has no window and its Mistral no biases;"
            " use format 'native'"
        )
    kind = "llama" if cfg.sliding_window is None else "mistral"
    table: dict[str, Any] = {"architectures": [f"{kind.capitalize()}ForCausalLM"], "model_type": kind}
    table |= {theirs: getattr(cfg, ours) for ours, theirs in FIELDS.items()}
    if kind == "llama":
        del table["sliding_window"]
    else:
        del table["attention_bias"]
    table |= {"rope_theta": cfg.rope_theta, "rope_scaling": cfg.rope_scaling, "hidden_act": "silu"}
    return table | {"bos_token_id": bos, "eos_token_id": eos, "dtype": dtype}


def _read_rope(table: Mapping[str, Any]) -> tuple[Any, dict[str, Any] | None]:
    """Return the base of the rotary positions and their scaling, from either spelling."""
    given = table.get("rope_parameters") or table.get("rope_scaling") or {}
    if not isinstance(given, Mapping):
        raise ValueError(f"the rotary positions are {given!r:.60}, expected a table")
    numbers = dict(given)
    theta = numbers.pop("rope_theta", table.get("rope_theta", 10_000.0))
    older, kind = numbers.pop("type", None), numbers.pop("rope_type", None)
    kind = kind or older or "default"
    if numbers.pop("partial_rotary_factor", 1.0) != 1.0:
        raise ValueError("partial_rotary_factor is not 1: only part of a head would turn")
    if kind == "default":
        return theta, None
    if kind == "linear":
        numbers.pop("original_max_position_embeddings", None)  # written by some, used by none
    return theta, {"rope_type": kind, **numbers}
