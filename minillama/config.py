"""The shape of a model: `LlamaConfig`, validated and frozen, and the published models by name.

The fields down to `sliding_window` describe a LLaMA; their defaults are the small model of the book. The
fields below say how followers of the template differ (experts, Gemma's GeGLU, OLMo 2's norm placement, Llama
4's layers without positions), so that every published model can be named and counted: `models.json` holds
their shapes. Nothing is computed here: counts are in `minillama.accounting`, and a model says itself which
of the fields it cannot build.

References
----------
LLaMA: arXiv 2302.13971, table 2. Llama 2: arXiv 2307.09288. Llama 3: arXiv 2407.21783, table 3. Where the
paper is silent, the configuration files that came with the weights; `models.json` notes what none confirms.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from .fields import known_fields, positive_number, set_field, set_positive_number, set_whole_number

if TYPE_CHECKING:
    Derived = int
else:
    Derived = int | None  # None is accepted, and replaced before anybody can read it

ROPE_SCALINGS: dict[str, set[str]] = {
    "linear": {"factor"},
    "llama3": {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"},
}
CHOICES: dict[str, tuple[str, ...]] = {
    "qk_norm_kind": ("per_head", "full", "unweighted"),
    "activation": ("swiglu", "geglu_tanh"),
    "norm_placement": ("pre", "post_sublayer"),
}


@dataclass(frozen=True)
class MoEConfig:
    """Experts in place of one feed-forward network: each token is sent to a few of many.

    Parameters
    ----------
    n_experts : int
        Experts in a layer; the router has one row for each.
    n_active : int
        Experts that each token visits.
    hidden_dim : int
        Width of one expert.
    shared_dim : int
        Width of the expert that every token visits as well; 0 for none.
    every : int
        One layer in `every` has experts (the last of each group); the others stay dense.

    Examples
    --------
    >>> LlamaConfig.named("mixtral-8x7b").moe
    MoEConfig(n_experts=8, n_active=2, hidden_dim=14336, shared_dim=0, every=1)
    """

    n_experts: int
    n_active: int
    hidden_dim: int
    shared_dim: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        for name in ("n_experts", "n_active", "hidden_dim", "every"):
            set_whole_number(self, name, at_least=1)
        set_whole_number(self, "shared_dim", at_least=0)
        if self.n_active > self.n_experts:
            raise ValueError(f"n_active is {self.n_active}: expected at most n_experts, {self.n_experts}")


@dataclass(frozen=True)
class LlamaConfig:
    """The shape of a LLaMA, checked when it is made.

    Parameters
    ----------
    vocab_size : int
        Tokens in the vocabulary: rows of the embedding.
    dim : int
        Width of the residual stream.
    n_layers : int
        Blocks.
    n_heads, n_kv_heads : int
        Query heads, and key/value heads that they share (a divisor of `n_heads`). `n_kv_heads=None` gives
        every query head its own.
    hidden_dim : int
        Width of the feed-forward network; `ffn_dim` elsewhere.
    max_seq_len : int
        Longest sequence, in tokens.
    head_dim : int
        Width of a head, even. None: `dim // n_heads`.
    rope_theta : float
        Base of the rotary positions.
    rope_scaling : dict, optional
        ``rope_type`` ``"linear"`` (with ``factor``) or ``"llama3"`` (with ``factor``, ``low_freq_factor``,
        ``high_freq_factor``, ``original_max_position_embeddings``).
    norm_eps : float
        Added to the mean square under RMSNorm's root.
    tie_embeddings : bool
        The output head is the embedding.
    attention_bias : bool
        The query, key and value projections (not the output projection) add a bias.
    qk_norm : bool
        Queries and keys are normalised before they meet.
    sliding_window : int, optional
        A position sees itself and the `sliding_window - 1` positions before it.
    qk_norm_kind : str
        ``"per_head"`` (Qwen 3), ``"full"``: over all heads at once (OLMo 2), ``"unweighted"`` (Llama 4).
    activation : str
        ``"swiglu"``, or Gemma's ``"geglu_tanh"``.
    norm_placement : str
        ``"pre"``: before attention and feed-forward; ``"post_sublayer"``: after each, before its result is
        added to the residual stream (OLMo 2).
    norm_offset_one : bool
        Norms multiply by `1 + weight` (Gemma).
    scale_embeddings : bool
        Embeddings are multiplied by `sqrt(dim)` (Gemma).
    attention_chunk : int, optional
        Positions see only their own chunk of this many (Llama 4).
    nope_every : int, optional
        One layer in `nope_every` has no positions, and sees everything before it (Llama 4).
    moe : MoEConfig, optional
        Experts.

    Raises
    ------
    ValueError
        If a field cannot be what it is, or two do not fit: the text names both.

    Examples
    --------
    >>> cfg = LlamaConfig(dim=256, n_heads=8)
    >>> cfg.head_dim, cfg.n_params()
    (32, 1976576)
    >>> LlamaConfig.named("llama-2-70b").n_kv_heads
    8
    """

    vocab_size: int = 512
    dim: int = 128
    n_layers: int = 4
    n_heads: int = 4
    n_kv_heads: Derived = 2
    hidden_dim: int = 344
    max_seq_len: int = 256
    head_dim: Derived = None  # type: ignore[assignment]
    rope_theta: float = 10_000.0
    rope_scaling: dict[str, Any] | None = field(default=None, hash=False)
    norm_eps: float = 1e-5
    tie_embeddings: bool = False
    attention_bias: bool = False
    qk_norm: bool = False
    sliding_window: int | None = None
    qk_norm_kind: str = "per_head"
    activation: str = "swiglu"
    norm_placement: str = "pre"
    norm_offset_one: bool = False
    scale_embeddings: bool = False
    attention_chunk: int | None = None
    nope_every: int | None = None
    moe: MoEConfig | None = None

    def __post_init__(self) -> None:
        set_field(self, "n_kv_heads", self.n_heads if self.n_kv_heads is None else self.n_kv_heads)
        for name in ("vocab_size", "dim", "n_layers", "n_heads", "n_kv_heads", "hidden_dim", "max_seq_len"):
            set_whole_number(self, name, at_least=1)
        for name in ("sliding_window", "attention_chunk", "nope_every"):
            if getattr(self, name) is not None:
                set_whole_number(self, name, at_least=1)
        for name in ("rope_theta", "norm_eps"):
            set_positive_number(self, name)
        for name in ("tie_embeddings", "attention_bias", "qk_norm", "norm_offset_one", "scale_embeddings"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}: expected True or False")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}: expected one of {', '.join(choices)}")
        self._check_heads()
        set_field(self, "rope_scaling", _checked_scaling(self.rope_scaling))
        if self.moe is not None and not isinstance(self.moe, MoEConfig):
            raise ValueError(f"moe is {self.moe!r}: expected a MoEConfig or None")

    def _check_heads(self) -> None:
        """Check that heads, key/value heads and widths fit, and settle `head_dim`."""
        if self.n_heads % self.n_kv_heads:
            raise ValueError(
                f"n_heads {self.n_heads} is not a multiple of n_kv_heads {self.n_kv_heads}:"
                " every key/value head serves the same number of query heads"
            )
        if self.head_dim is None:
            if self.dim % self.n_heads:
                raise ValueError(
                    f"dim {self.dim} is not a multiple of n_heads {self.n_heads}:"
                    " change one of them, or give head_dim"
                )
            set_field(self, "head_dim", self.dim // self.n_heads)
        set_whole_number(self, "head_dim", at_least=2)
        if self.head_dim % 2:
            raise ValueError(f"head_dim is {self.head_dim}: expected an even number, as positions turn pairs")

    @classmethod
    def named(cls, name: str) -> LlamaConfig:
        """Return a published model's configuration; `names` lists them.

        Examples
        --------
        >>> LlamaConfig.named("llama-3.1-405b").n_layers
        126
        """
        if name not in published():
            near = get_close_matches(str(name), published(), 3)
            advice = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(published())}"
            raise ValueError(f"no published model is called {name!r}: {advice}")
        return cls.from_dict(published()[name]["config"])

    @classmethod
    def names(cls) -> list[str]:
        """Return the names of the published models, oldest family first."""
        return list(published())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LlamaConfig:
        """Build a configuration from `to_dict`'s result or from part of it; unknown keys are an error.

        Examples
        --------
        >>> LlamaConfig.from_dict({"dim": 64, "n_layer": 2})
        Traceback (most recent call last):
            ...
        ValueError: LlamaConfig has no field n_layer: did you mean n_layers?
        """
        known = known_fields(cls, values)
        if isinstance(known.get("moe"), Mapping):
            known["moe"] = MoEConfig(**known_fields(MoEConfig, known["moe"]))
        return cls(**known)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain values, ready for JSON."""
        return dataclasses.asdict(self)

    def replace(self, **changes: Any) -> LlamaConfig:
        """Return a copy with some fields changed, checked again.

        `head_dim` is a field like the others and stays: to follow a new `dim`, pass `head_dim=None`.

        Examples
        --------
        >>> LlamaConfig().replace(n_layers=2).n_layers
        2
        """
        return dataclasses.replace(self, **known_fields(type(self), changes))

    @property
    def extensions(self) -> tuple[str, ...]:
        """Names of the fields by which this is not a LLaMA 1, 2 or 3, but a follower of the template."""
        fields = dataclasses.fields(self)
        first = [f.name for f in fields].index("qk_norm_kind")
        return tuple(f.name for f in fields[first:] if getattr(self, f.name) != f.default)

    def n_params(self) -> int:
        """Count the parameters, exactly; see `minillama.accounting.count_parameters` for the parts."""
        from .accounting import count_parameters

        return count_parameters(self).total

    def flops_per_token(self, seq_len: int, training: bool = True) -> int:
        """Count floating-point operations per token: forward and, if training, backward."""
        from .accounting import flops_per_token

        return flops_per_token(self, seq_len, training)

    def kv_cache_bytes(self, batch: int, seq_len: int, dtype_bytes: int = 2) -> int:
        """Count the bytes of the keys and values of `batch` sequences of `seq_len` tokens."""
        from .accounting import kv_cache_bytes

        return kv_cache_bytes(self, batch, seq_len, dtype_bytes)


@cache
def published() -> dict[str, dict[str, Any]]:
    """Read `models.json`: per model its family, its fields, its exact count, and notes on doubts."""
    text = resources.files("minillama").joinpath("models.json").read_text(encoding="utf-8")
    models: dict[str, dict[str, Any]] = json.loads(text)
    return models


def _checked_scaling(scaling: object) -> dict[str, Any] | None:
    """Return a copy of a rope_scaling with its kind under ``rope_type`` and all its numbers there."""
    if scaling is None:
        return None
    if not isinstance(scaling, Mapping):
        raise ValueError(f"rope_scaling is {scaling!r}: expected a dictionary or None")
    numbers = dict(scaling)
    kind = numbers.pop("rope_type", None) or numbers.pop("type", None)  # older files say "type"
    if kind not in ROPE_SCALINGS:
        raise ValueError(f"rope_scaling has rope_type {kind!r}: expected one of {', '.join(ROPE_SCALINGS)}")
    expected = ROPE_SCALINGS[kind]
    if numbers.keys() != expected:
        raise ValueError(f"rope_scaling {kind!r} has {sorted(numbers)}: expected {sorted(expected)}")
    for name, value in numbers.items():
        positive_number(f"rope_scaling[{name!r}]", value)
    return {"rope_type": kind, **numbers}
