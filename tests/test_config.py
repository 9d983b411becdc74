"""`LlamaConfig`: what it settles, what it refuses, and that every published model is counted exactly."""

from __future__ import annotations

import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minillama.config import LlamaConfig, MoEConfig, published

error_contract = pytest.mark.error_contract


def test_the_defaults_are_the_public_ones() -> None:
    assert LlamaConfig() == LlamaConfig(
        vocab_size=512, dim=128, n_layers=4, n_heads=4, n_kv_heads=2, hidden_dim=344, max_seq_len=256,
        head_dim=None, rope_theta=10_000.0, rope_scaling=None, norm_eps=1e-5, tie_embeddings=False,
        attention_bias=False, qk_norm=False, sliding_window=None,
    )  # fmt: skip
    assert LlamaConfig().head_dim == 32


@error_contract
def test_every_query_head_has_its_own_keys_where_none_are_asked_for() -> None:
    assert LlamaConfig(n_heads=8, n_kv_heads=None).n_kv_heads == 8  # type: ignore[arg-type]


@error_contract
def test_numbers_of_other_types_become_int_and_float() -> None:
    cfg = LlamaConfig(dim=np.int64(64), rope_theta=500_000)  # type: ignore[arg-type]
    assert (type(cfg.dim), type(cfg.rope_theta)) == (int, float)


WRONG = [
    ({"dim": 0}, "dim is 0: expected a whole number of at least 1"),
    ({"dim": -8}, "dim is -8"),
    ({"dim": 64.0}, "dim is 64.0: expected a whole number"),
    ({"n_layers": True}, "n_layers is True"),
    ({"vocab_size": "512"}, "vocab_size is '512'"),
    ({"max_seq_len": None}, "max_seq_len is None"),
    ({"n_heads": 3, "n_kv_heads": 2}, "n_heads 3 is not a multiple of n_kv_heads 2"),
    ({"dim": 130}, "dim 130 is not a multiple of n_heads 4: change one of them, or give head_dim"),
    ({"head_dim": 5}, "head_dim is 5: expected an even number"),
    ({"head_dim": 0}, "head_dim is 0"),
    ({"rope_theta": 0.0}, "rope_theta is 0.0: expected a finite number above 0"),
    ({"norm_eps": float("nan")}, "norm_eps is nan"),
    ({"norm_eps": float("inf")}, "norm_eps is inf"),
    ({"norm_eps": "1e-5"}, "norm_eps is '1e-5'"),
    ({"tie_embeddings": 1}, "tie_embeddings is 1: expected True or False"),
    ({"sliding_window": 0}, "sliding_window is 0"),
    ({"activation": "relu"}, "activation is 'relu': expected one of swiglu, geglu_tanh"),
    ({"rope_scaling": 8.0}, "rope_scaling is 8.0: expected a dictionary or None"),
    ({"rope_scaling": {"rope_type": "magic"}}, "rope_type 'magic': expected one of linear, llama3"),
    ({"rope_scaling": {"factor": 8.0}}, "rope_type None"),
    ({"rope_scaling": {"rope_type": "linear"}}, "has []: expected ['factor']"),
    ({"rope_scaling": {"rope_type": "linear", "factor": -1}}, "rope_scaling['factor'] is -1"),
    ({"moe": 8}, "moe is 8: expected a MoEConfig"),
    (
        {"moe": {"n_experts": 2, "n_active": 3, "hidden_dim": 8}},
        "n_active is 3: expected at most n_experts, 2",
    ),
    ({"moe": {"experts": 2}}, "MoEConfig has no field experts: did you mean n_experts?"),
    ({"n_layer": 2}, "LlamaConfig has no field n_layer: did you mean n_layers?"),
    ({"ffn": 2}, "LlamaConfig has no field ffn: expected vocab_size, dim"),
]


@error_contract
@pytest.mark.parametrize(("fields", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be_is_refused_by_name(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is compared below
        LlamaConfig.from_dict(fields)
    assert message in str(caught.value)


@error_contract
def test_from_dict_wants_a_dictionary() -> None:
    with pytest.raises(ValueError, match="expected a dictionary of its fields, not list"):
        LlamaConfig.from_dict([1])  # type: ignore[arg-type]


def test_frozen_hashable_and_picklable() -> None:
    cfg = LlamaConfig.named("llama-3.1-8b")
    with pytest.raises(dataclasses.FrozenInstanceError):
        cfg.dim = 1  # type: ignore[misc]
    assert {cfg: 1}[LlamaConfig.named("llama-3.1-8b")] == 1
    assert pickle.loads(pickle.dumps(cfg)) == cfg


def test_a_scaling_is_copied_and_its_older_spelling_understood() -> None:
    given_scaling = {"type": "linear", "factor": 2.0}
    cfg = LlamaConfig(rope_scaling=given_scaling)
    given_scaling["factor"] = 3.0
    assert cfg.rope_scaling == {"rope_type": "linear", "factor": 2.0}


some_changes = st.fixed_dictionaries(
    {},
    optional={
        "vocab_size": st.integers(1, 10**6),
        "tie_embeddings": st.booleans(),
        "norm_eps": st.floats(1e-9, 1),
    },
)


@given(st.sampled_from(LlamaConfig.names()), some_changes)
def test_a_dictionary_through_json_gives_the_same_configuration(
    name: str, changes: dict[str, object]
) -> None:
    cfg = LlamaConfig.named(name).replace(**changes)
    assert LlamaConfig.from_dict(json.loads(json.dumps(cfg.to_dict()))) == cfg


def test_replace_checks_again_and_keeps_the_rest() -> None:
    cfg = LlamaConfig().replace(dim=256, head_dim=None)
    assert (cfg.head_dim, cfg.n_layers) == (64, 4)
    with pytest.raises(ValueError, match="no field layers: did you mean n_layers"):
        cfg.replace(layers=2)


@pytest.mark.parametrize("name", LlamaConfig.names())
def test_every_published_model_has_its_exact_count(name: str) -> None:
    facts = published()[name]
    cfg = LlamaConfig.named(name)
    assert cfg.n_params() == facts["n_params"]
    # nothing in the file is a default in disguise, or lost on the way
    assert {key: cfg.to_dict()[key] for key in facts["config"] if key != "moe"} == {
        key: value for key, value in facts["config"].items() if key != "moe"
    }


def test_names_are_those_of_the_published_models() -> None:
    names = LlamaConfig.names()
    assert len(names) == 64
    assert {
        "llama-1-7b",
        "llama-2-70b",
        "llama-3.1-405b",
        "llama-4-scout",
        "mixtral-8x7b",
        "gemma-2b",
    } <= set(names)


def test_an_unknown_name_is_answered_by_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"'llama-2-70B': did you mean llama-2-70b"):
        LlamaConfig.named("llama-2-70B")
    with pytest.raises(ValueError, match="known are llama-1-7b, llama-1-13b"):
        LlamaConfig.named("gpt")


def test_extensions_name_what_is_no_plain_llama() -> None:
    plain = [name for name in LlamaConfig.names() if not LlamaConfig.named(name).extensions]
    assert {"llama-1-7b", "llama-3.1-405b", "qwen3-8b", "mistral-7b-v0.1"} <= set(plain)
    assert LlamaConfig.named("gemma-2b").extensions == ("activation", "norm_offset_one", "scale_embeddings")
    assert LlamaConfig.named("olmo2-7b").extensions == ("qk_norm_kind", "norm_placement")
    assert LlamaConfig.named("llama-4-scout").moe == MoEConfig(16, 1, 8192, shared_dim=8192)


@pytest.mark.parametrize("name", ["gemma-2b", "olmo2-1b", "mixtral-8x7b", "llama-4-scout"])
def test_the_model_says_what_it_cannot_build(name: str) -> None:
    from minillama.model import Llama

    cfg = LlamaConfig.named(name)
    with pytest.raises(ValueError, match=f"Llama cannot build {cfg.extensions[0]}"):
        Llama(cfg)
