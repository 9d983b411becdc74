"""Traces: three implementations agree operation by operation; each planted bug is named where it stands."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch

from minillama import kernels
from minillama.config import LlamaConfig
from minillama.evaluation.divergence import compare, first_divergence, trace_reference
from minillama.evaluation.peers import transformers_twin
from minillama.evaluation.traces import operation_names, trace_torch, trace_transformers
from minillama.kernels import eager, ops
from minillama.model import Llama
from minillama.reference import ReferenceLlama, rope

TOKENS = np.random.default_rng(1).integers(0, 61, (2, 9))
LLAMAS: list[dict[str, Any]] = [
    {},
    {"n_kv_heads": 6},
    {"n_kv_heads": 1, "tie_embeddings": True},
    {"attention_bias": True, "head_dim": 10},
    {"rope_scaling": {"rope_type": "linear", "factor": 4.0}},
]
ONLY_OURS: list[dict[str, Any]] = [
    {"sliding_window": 3},
    {"qk_norm": True},
    {"qk_norm": True, "sliding_window": 1, "attention_bias": True},
]


def small(**changes: Any) -> LlamaConfig:
    base: dict[str, Any] = {
        "vocab_size": 61, "dim": 24, "n_layers": 3, "n_heads": 6, "n_kv_heads": 2, "hidden_dim": 40,
        "max_seq_len": 32, "rope_theta": 100.0,
    }  # fmt: skip
    return LlamaConfig.from_dict(base | changes)


def torch_model(**changes: Any) -> Llama:
    """A float64 model in which norms and biases count too."""
    model, generator = Llama(small(**changes)).double(), torch.Generator().manual_seed(0)
    model.init_weights(generator)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.normal_(1.0, 0.3, generator=generator)
    return model


def reference(**changes: Any) -> ReferenceLlama:
    model = torch_model(**changes)
    return ReferenceLlama(model.cfg, model.state_dict())


def twin(model: Llama, attention: str = "eager") -> Any:
    made: Any = transformers_twin(model.cfg, model.state_dict())
    made.set_attn_implementation(attention)
    return made


@pytest.mark.parametrize("changes", LLAMAS + ONLY_OURS)
def test_torch_agrees_with_the_reference_operation_by_operation(changes: dict[str, Any]) -> None:
    model = torch_model(**changes)
    expected, found = trace_reference(reference(**changes), TOKENS), trace_torch(model, TOKENS)
    hidden = {f"layers.{layer}.attention.weights" for layer in range(3)}
    assert expected.keys() - found.keys() == hidden
    assert list(found) == [name for name in expected if name not in hidden]
    assert first_divergence(expected, found, tolerance=1e-13) is None
    assert first_divergence(found, expected, tolerance=1e-13) is None


@pytest.mark.parametrize("changes", LLAMAS)
def test_transformers_agrees_with_the_reference_operation_by_operation(changes: dict[str, Any]) -> None:
    theirs = twin(torch_model(**changes))
    expected, found = trace_reference(reference(**changes), TOKENS), trace_transformers(theirs, TOKENS)
    assert list(found) == list(expected)
    assert first_divergence(expected, found, tolerance=1e-13) is None


def test_names_are_the_references_in_its_order() -> None:
    assert list(trace_reference(reference(qk_norm=True), TOKENS)) == operation_names(3)


def test_fused_attention_of_transformers_hides_its_weights() -> None:
    model = torch_model()
    found = trace_transformers(twin(model, "sdpa"), TOKENS)
    assert list(found) == list(trace_torch(model, TOKENS))


def test_float32_agrees_by_its_own_tolerance_and_no_tighter() -> None:
    model = torch_model()
    expected, found = trace_reference(reference(), TOKENS), trace_torch(model.float(), TOKENS)
    assert found["output"].dtype == np.float32
    assert first_divergence(expected, found) is None
    assert first_divergence(expected, found, tolerance=1e-9) is not None
    assert max(error for _, error in compare(expected, found)) > 1e-9


def test_bfloat16_can_be_traced() -> None:
    model = torch_model()
    found = trace_torch(model.bfloat16(), TOKENS)
    assert found["output"].dtype == np.float32
    assert first_divergence(trace_reference(reference(), TOKENS), found, tolerance=0.1) is None
    rounded = ReferenceLlama(model.cfg, model.state_dict())  # from tensors that NumPy has no dtype for
    assert np.array_equal(rounded.weights["norm.weight"], model.norm.weight.detach().double().numpy())


def test_tracing_leaves_no_hook_behind() -> None:
    model, untraced = torch_model(), ops.rope
    trace_torch(model, TOKENS)
    trace_transformers(theirs := twin(model), TOKENS)
    for module in (*model.modules(), *theirs.modules()):
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert ops.rope is untraced
    with pytest.raises(ValueError, match="33 positions"):
        trace_torch(model, np.zeros((1, 33), dtype=int))
    assert not any(module._forward_hooks for module in model.modules())
    assert ops.rope is untraced


# Planted bugs. Each returns the trace of a model that is wrong in one place.


def edited(edit: Callable[[dict[str, np.ndarray]], object]) -> dict[str, np.ndarray]:
    model = reference()
    edit(model.weights)
    return trace_reference(model, TOKENS)


def reconfigured(**changes: Any) -> dict[str, np.ndarray]:
    right = reference()
    return trace_reference(ReferenceLlama(right.cfg.replace(**changes), right.weights), TOKENS)


def swap_gate_and_up(weights: dict[str, np.ndarray]) -> None:
    for layer in range(3):
        gate, up = (weights[f"layers.{layer}.feed_forward.{name}.weight"] for name in ("w_gate", "w_up"))
        gate[:], up[:] = up.copy(), gate.copy()


def one_number_of_wk(weights: dict[str, np.ndarray]) -> None:
    weights["layers.1.attention.wk.weight"][3, 5] *= 1.01


def put_nan(weights: dict[str, np.ndarray]) -> None:
    weights["layers.2.feed_forward.w_down.weight"][7, 0] = np.nan


def put_infinity(weights: dict[str, np.ndarray]) -> None:
    weights["norm.weight"][2] = np.inf


@pytest.mark.parametrize(
    ("bug", "name"),
    [
        (lambda: edited(swap_gate_and_up), "layers.0.feed_forward.w_gate"),
        (lambda: edited(one_number_of_wk), "layers.1.attention.wk"),
        (lambda: edited(put_nan), "layers.2.feed_forward.w_down"),
        (lambda: edited(put_infinity), "norm"),
        (lambda: reconfigured(norm_eps=1e-6), "layers.0.attention_norm"),
        (lambda: reconfigured(rope_theta=101.0), "layers.0.attention.q_rope"),
        (lambda: reconfigured(sliding_window=8), "layers.0.attention.weights"),  # of 9 positions
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_number_is_named_where_it_first_acts(
    bug: Callable[[], dict[str, np.ndarray]], name: str
) -> None:
    expected = trace_reference(reference(), TOKENS)
    parted = first_divergence(expected, bug())
    assert parted is not None
    assert parted.name == name
    order = list(expected)
    assert (parted.place, parted.of) == (order.index(name) + 1, len(order))
    assert parted.last_agreed == order[order.index(name) - 1]
    assert parted.agreed_to == 0  # the very same code before the bug


def at_call(n: int, wrong: Callable[..., Any], right: Callable[..., Any]) -> Callable[..., Any]:
    """Return `right`, which is `wrong` at its n-th call, counted from 1."""
    calls = iter(range(1, 1000))
    return lambda *args: (wrong if next(calls) == n else right)(*args)


def interleaved(
    q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:  # Meta's pairs, (2i, 2i + 1)
    turned = (rope(x.numpy(), cos.numpy(), sin.numpy(), "interleaved")[0] for x in (q, k))
    return tuple(map(torch.from_numpy, turned))


def other_heads(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: Any) -> torch.Tensor:
    """Query head h reads key/value head h % K."""
    groups = q.shape[1] // k.shape[1]
    return eager.attention(q, k.repeat(1, groups, 1, 1), v.repeat(1, groups, 1, 1), mask)


@pytest.mark.parametrize(
    ("operation", "wrong", "call", "name"),
    [
        ("rope", interleaved, 2, "layers.1.attention.q_rope"),
        ("rope", lambda q, k, cos, sin: (eager.rope(q, k, cos, sin)[0], k), 3, "layers.2.attention.k_rope"),
        ("attention", other_heads, 2, "layers.1.attention.mixed"),
        ("attention", lambda q, k, v, mask: eager.attention(q, k, v, torch.ones(9, 9) > 0), 1,
         "layers.0.attention.mixed"),  # no causal mask
        ("swiglu", lambda gate, up: eager.swiglu(up, gate), 3, "layers.2.feed_forward.swiglu"),
        ("add_rms_norm", lambda x, r, w, eps: eager.add_rms_norm(x, r, w, 0.0), 2, "layers.1.ffn_norm"),
        ("add_rms_norm", lambda x, r, w, eps: (eager.rms_norm(x + r, w, eps), r), 3,
         "layers.2.attention_residual"),  # the sum is normalised and forgotten
        ("rms_norm", lambda x, w, eps: eager.rms_norm(x, torch.ones_like(w), eps), 4, "norm"),
    ],
)  # fmt: skip
def test_a_wrong_operation_of_torch_is_named(
    operation: str, wrong: Callable[..., Any], call: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "_chosen", "eager")
    expected = trace_reference(reference(), TOKENS)
    table = ops._TABLE["eager"]
    monkeypatch.setitem(table, operation, at_call(call, wrong, table[operation]))
    parted = first_divergence(expected, trace_torch(torch_model(), TOKENS))
    assert parted is not None
    assert parted.name == name
    assert parted.agreed_to < 1e-13


def test_a_forgotten_residual_is_named() -> None:
    model = torch_model()

    def without_residual(x: torch.Tensor, *place: Any) -> torch.Tensor:
        block = model.layers[1]
        normed, x = block.ffn_norm(block.attention(block.attention_norm(x), *place), torch.zeros_like(x))
        return x + block.feed_forward(normed)

    model.layers[1].forward = without_residual
    parted = first_divergence(trace_reference(reference(), TOKENS), trace_torch(model, TOKENS))
    assert parted is not None
    assert (parted.name, parted.last_agreed) == ("layers.1.attention_residual", "layers.1.attention.wo")


def test_bugs_of_the_reference_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trace_torch(torch_model(), TOKENS)

    def turned_wrongly(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> Any:
        return rope(x, cos, sin, "interleaved")

    monkeypatch.setattr(import_module("minillama.reference.block"), "rope", at_call(3, turned_wrongly, rope))
    parted = first_divergence(expected, trace_reference(reference(), TOKENS))
    assert parted is not None
    assert parted.name == "layers.1.attention.q_rope"
    monkeypatch.undo()
    llama = import_module("minillama.reference.llama")
    monkeypatch.setattr(llama, "causal_mask", lambda T, S, window: np.ones((T, S), bool))
    theirs = trace_transformers(twin(torch_model()), TOKENS)
    parted = first_divergence(theirs, trace_reference(reference(), TOKENS))
    assert parted is not None
    assert parted.name == "layers.0.attention.weights"


def test_a_bug_of_transformers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.models.llama import modeling_llama

    right = modeling_llama.apply_rotary_pos_emb

    def key_forgotten(q: Any, k: Any, *place: Any, **more: Any) -> Any:
        return right(q, k, *place, **more)[0], k

    monkeypatch.setattr(modeling_llama, "apply_rotary_pos_emb", at_call(2, key_forgotten, right))
    planted = modeling_llama.apply_rotary_pos_emb
    found = trace_transformers(twin(torch_model()), TOKENS)
    parted = first_divergence(trace_reference(reference(), TOKENS), found)
    assert parted is not None
    assert parted.name == "layers.1.attention.k_rope"
    assert modeling_llama.apply_rotary_pos_emb is planted
