"""The formulas against published figures, transformers' modules, torch's FLOP counter."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from minillama import kernels
from minillama.accounting import (
    BESIROGLU,
    HOFFMANN,
    HOFFMANN_TEX,
    PEAK_FLOPS,
    ScalingLaw,
    count_flops,
    count_parameters,
    flops_per_token,
    mfu,
    training_days,
)
from minillama.config import LlamaConfig, published
from minillama.model import Llama

named = LlamaConfig.named
TRANSFORMERS = {
    "llama-1-7b": "Llama",
    "llama-3.2-1b": "Llama",  # tied
    "mistral-7b-v0.1": "Mistral",
    "qwen2-0.5b": "Qwen2",  # biases
    "qwen3-0.6b": "Qwen3",  # norms of queries and keys, head by head
    "olmo2-7b": "Olmo2",  # over all heads at once
    "gemma-2b": "Gemma",
    "mixtral-8x7b": "Mixtral",
}


class TestParameters:
    @pytest.mark.parametrize("name", TRANSFORMERS)
    def test_transformers_counts_the_same(self, name: str) -> None:
        import transformers

        cfg = named(name)
        theirs = getattr(transformers, f"{TRANSFORMERS[name]}Config")(
            vocab_size=cfg.vocab_size, hidden_size=cfg.dim, intermediate_size=cfg.hidden_dim,
            num_hidden_layers=cfg.n_layers, num_attention_heads=cfg.n_heads, head_dim=cfg.head_dim,
            num_key_value_heads=cfg.n_kv_heads, tie_word_embeddings=cfg.tie_embeddings, pad_token_id=None,
        )  # fmt: skip
        with torch.device("meta"):
            model = getattr(transformers, f"{TRANSFORMERS[name]}ForCausalLM")(theirs)
        assert sum(p.numel() for p in model.parameters()) == count_parameters(cfg).total

    @pytest.mark.parametrize("name", ["llama-2-70b", "smollm2-135m", "qwen3-0.6b", "qwen2-0.5b"])
    def test_our_model_has_these_parts(self, name: str) -> None:
        count = count_parameters(named(name))
        with torch.device("meta"):
            model = Llama(named(name))
        sizes = {key: p.numel() for key, p in model.named_parameters()}

        def total(*words: str) -> int:
            return sum(size for key, size in sizes.items() if any(word in key for word in words))

        assert count.embedding == sizes["tok_embeddings.weight"]
        assert count.feed_forward == total("feed_forward")
        assert count.norms == total("norm")
        assert count.attention == total("attention.w")
        assert count.output == sizes.get("output.weight", 0)
        assert count.router == count.experts == count.idle == 0

    @pytest.mark.parametrize(
        ("name", "rest"),
        [("llama-1-7b", 6_476_271_616), ("llama-3.2-1b", 973_146_112), ("gemma-2b", 1_981_884_416)],
    )
    def test_without_embedding_and_head(self, name: str, rest: int) -> None:
        assert count_parameters(named(name)).non_embedding == rest

    @pytest.mark.parametrize("name", [name for name in LlamaConfig.names() if named(name).moe])
    def test_experts_that_a_token_does_not_visit(self, name: str) -> None:
        assert count_parameters(named(name)).active == published()[name]["n_active_params"]


class TestFlops:
    @pytest.mark.parametrize(
        "cfg",
        [
            LlamaConfig(),
            LlamaConfig(dim=96, n_heads=6, n_kv_heads=3, n_layers=3, head_dim=10, tie_embeddings=True),
        ],
        ids=["default", "odd"],
    )
    def test_torch_counts_the_same(self, cfg: LlamaConfig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kernels, "_chosen", "eager")  # inside of an operator nothing is counted
        model, tokens = Llama(cfg), torch.zeros(2, 33, dtype=torch.int64)
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as forward:
            logits = model(tokens)
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as backward:
            logits.sum().backward()
        ours = count_flops(cfg, 33, training=False, causal=False)
        assert forward.get_total_flops() == 2 * ours.total  # two rows
        assert (
            forward.get_total_flops() + backward.get_total_flops()
            == 2 * count_flops(cfg, 33, causal=False).total
        )

    @pytest.mark.parametrize("seq_len", [1, 5, 8, 9, 17])
    @pytest.mark.parametrize(
        ("changes", "sees"),
        [
            ({}, lambda layer, q, k: True),
            ({"sliding_window": 4}, lambda layer, q, k: k > q - 4),
            ({"attention_chunk": 4}, lambda layer, q, k: k // 4 == q // 4),
            ({"attention_chunk": 4, "nope_every": 2}, lambda layer, q, k: layer % 2 == 1 or k // 4 == q // 4),
        ],
        ids=["causal", "window", "chunks", "chunks and layers without positions"],
    )
    def test_scores_are_those_that_the_mask_keeps(self, changes, sees, seq_len: int) -> None:
        cfg = LlamaConfig(n_layers=4).replace(**changes)
        pairs = itertools.product(range(4), range(seq_len), range(seq_len))
        kept = sum(k <= q and sees(layer, q, k) for layer, q, k in pairs)
        assert count_flops(cfg, seq_len, training=False).attention == 4 * cfg.n_heads * cfg.head_dim * kept

    def test_papers_count_what_the_products_do_but_for_embedding_and_norms(self) -> None:
        cfg = named("llama-2-7b")
        count = count_parameters(cfg)
        looked_up = 2 * (count.embedding + count.norms)
        ours = count_flops(cfg, 4096, training=False, causal=False)
        assert ours.per_token == flops_per_token(cfg, 4096, training=False) - looked_up

    def test_experts_cost_what_a_token_visits(self) -> None:
        cfg = named("mixtral-8x7b")
        count = count_parameters(cfg)
        assert cfg.flops_per_token(1, training=False) == 2 * count.active + 4 * 32 * 32 * 128
        counted = count_flops(cfg, 1, training=False)
        assert counted.feed_forward + counted.router == 2 * (count.experts - count.idle + count.router)

    @pytest.mark.parametrize(
        ("name", "tokens", "flops"),
        [
            ("llama-1-7b", 1e12, 4.04e22),
            ("llama-1-65b", 1.4e12, 5.48e23),
            ("llama-3.1-405b", 15.6e12, 3.80e25),
        ],
    )
    def test_six_times_parameters_times_tokens(self, name: str, tokens: float, flops: float) -> None:
        assert 6 * named(name).n_params() * tokens == pytest.approx(flops, rel=2e-3)  # three digits printed

    def test_llama_65b_on_2048_chips(self) -> None:
        # arXiv 2302.13971, section 2.4: about 380 tokens/s/GPU on 2048 A100, about 21 days for 1.4T tokens
        cfg = named("llama-1-65b")
        assert mfu(6 * cfg.n_params(), 380, PEAK_FLOPS["a100"]) == pytest.approx(0.477, abs=5e-4)
        assert mfu(cfg.flops_per_token(2048), 380, PEAK_FLOPS["a100"]) == pytest.approx(0.497, abs=5e-4)
        assert training_days(1.4e12, 380 * 2048) == pytest.approx(20.8, abs=0.05)

    @pytest.mark.parametrize(("tflops", "printed"), [(430, 0.43), (400, 0.41), (380, 0.38)])
    def test_llama_3_405b_utilisation(self, tflops: float, printed: float) -> None:
        # arXiv 2407.21783, table 4; it rounds 40.4 % up
        assert mfu(1, tflops * 1e12, PEAK_FLOPS["h100"]) == pytest.approx(printed, abs=0.008)

    def test_lengths_and_rates_must_be_positive(self) -> None:
        with pytest.raises(ValueError, match="seq_len is 0"):
            flops_per_token(LlamaConfig(), 0)
        with pytest.raises(ValueError, match="expected rates above 0"):
            mfu(1.0, 1.0, 0.0)
        with pytest.raises(ValueError, match="tokens_per_second is 0"):
            training_days(1e9, 0.0)


class TestScaling:
    @pytest.mark.parametrize(
        ("law", "flops", "n_params", "tokens", "ratio"),
        [
            (HOFFMANN, 4.04e22, 9.7e9, 0.70e12, 72),
            (HOFFMANN, 5.76e23, 32.2e9, 2.98e12, 93),
            (HOFFMANN, 3.8e25, 213e9, 29.7e12, 139),
            (BESIROGLU, 4.04e22, 18.5e9, 0.364e12, 20),
            (BESIROGLU, 5.76e23, 72.2e9, 1.33e12, 18.4),
            (BESIROGLU, 3.8e25, 619e9, 10.2e12, 16.5),
        ],
    )
    def test_best_use_of_a_budget(
        self, law: ScalingLaw, flops: float, n_params: float, tokens: float, ratio: float
    ) -> None:
        best = law.optimum(flops)
        assert best.n_params == pytest.approx(n_params, rel=0.01)  # two or three digits are given
        assert best.tokens == pytest.approx(tokens, rel=0.01)
        assert best.tokens_per_param == pytest.approx(ratio, rel=0.02)
        assert 6 * best.n_params * best.tokens == pytest.approx(flops)

    @pytest.mark.parametrize(
        "law", [HOFFMANN, HOFFMANN_TEX, BESIROGLU], ids=["printed", "source", "fitted again"]
    )
    def test_nothing_near_the_optimum_is_better(self, law: ScalingLaw) -> None:
        best = law.optimum(1e22)
        for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2.0):
            assert law.loss(best.n_params * factor, best.tokens / factor) > law.loss(*best)

    @pytest.mark.parametrize(
        ("name", "tokens", "printed", "again"),
        [
            ("llama-1-7b", 1e12, 2.054, 2.086),
            ("llama-1-13b", 1e12, 2.017, 2.049),
            ("llama-1-33b", 1.4e12, 1.962, 1.999),
            ("llama-1-65b", 1.4e12, 1.939, 1.976),
            ("llama-3.1-405b", 15.6e12, 1.819, 1.893),
        ],
    )
    def test_predicted_losses(self, name: str, tokens: float, printed: float, again: float) -> None:
        n = named(name).n_params()
        assert HOFFMANN.loss(n, tokens) == pytest.approx(printed, abs=1e-3)  # of the rounded size
        assert BESIROGLU.loss(n, tokens) == pytest.approx(again, abs=1e-3)

    def test_what_cannot_be(self) -> None:
        with pytest.raises(ValueError, match="expected more than 0 parameters and tokens: 0, 1"):
            HOFFMANN.loss(0, 1)
        with pytest.raises(ValueError, match="flops is -1"):
            HOFFMANN.optimum(-1)
