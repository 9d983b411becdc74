"""Sampling's distributions by hand, and generation through the cache."""

from __future__ import annotations

import pytest
import torch

import minillama
from minillama.config import LlamaConfig
from minillama.inference import Sampling, generate_ids, generate_stream, sample_texts
from minillama.model import Llama
from minillama.tokenizer import Tokenizer

LOGITS = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["the cat sat on the mat, the dog sat on the cat"] * 3, 280)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Llama:
    cfg = LlamaConfig(
        vocab_size=tokenizer.vocab_size,
        dim=32,
        n_layers=2,
        n_heads=4,
        n_kv_heads=2,
        hidden_dim=64,
        max_seq_len=48,
    )
    model = Llama(cfg)
    model.init_weights(torch.Generator().manual_seed(0))
    return model


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), [0.5, 0.25, 0.15, 0.1]),
        (Sampling(temperature=0.5), [0.25 / 0.345, 0.0625 / 0.345, 0.0225 / 0.345, 0.01 / 0.345]),
        (Sampling(top_k=2), [2 / 3, 1 / 3, 0, 0]),
        (Sampling(top_p=0.6), [2 / 3, 1 / 3, 0, 0]),  # the token that crosses 0.6 stays
        (Sampling(top_p=0.4), [1, 0, 0, 0]),
        (Sampling(min_p=0.3), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0]),
        (Sampling(temperature=0), [1, 0, 0, 0]),
        (Sampling(top_k=99, top_p=1.0), [0.5, 0.25, 0.15, 0.1]),
    ],
)
def test_distributions_computed_by_hand(sampling: Sampling, expected: list[float]) -> None:
    torch.testing.assert_close(
        sampling.probabilities(LOGITS), torch.tensor([expected], dtype=torch.float32), rtol=1e-6, atol=1e-7
    )


def test_drawn_frequencies_follow_the_distribution() -> None:
    draws = Sampling()(LOGITS.expand(20_000, -1), torch.Generator().manual_seed(0))
    shares = draws.bincount(minlength=4) / 20_000
    standard_error = (LOGITS.exp() * (1 - LOGITS.exp()) / 20_000).sqrt()[0]
    assert ((shares - LOGITS.exp()[0]).abs() < 4 * standard_error).all()


def test_greedy_generation_equals_the_argmax_without_a_cache(model: Llama) -> None:
    prompt = torch.tensor([[1, 2, 3], [7, 8, 9]])
    steps = torch.stack(list(generate_ids(model, prompt, 10, Sampling(0.0))), dim=1)
    grown = prompt
    for _ in range(10):
        with torch.no_grad():
            grown = torch.cat([grown, model(grown)[:, -1].argmax(-1, keepdim=True)], dim=1)
    assert torch.equal(steps, grown[:, 3:])


def test_streamed_pieces_join_to_the_text_and_seeds_repeat(model: Llama, tokenizer: Tokenizer) -> None:
    text = minillama.generate(model, tokenizer, "the cat", max_new_tokens=30, temperature=1.0, seed=5)
    pieces = list(generate_stream(model, tokenizer, "the cat", 30, Sampling(1.0), seed=5))
    assert "".join(pieces) == text
    assert text == minillama.generate(model, tokenizer, "the cat", max_new_tokens=30, temperature=1.0, seed=5)
    assert text != minillama.generate(model, tokenizer, "the cat", max_new_tokens=30, temperature=1.0, seed=6)


def test_samples_end_at_the_end_token_and_at_the_context(model: Llama, tokenizer: Tokenizer) -> None:
    texts = sample_texts(model, tokenizer, count=7, max_new_tokens=1000, seed=1)
    assert len(texts) == 7
    assert len(set(texts)) == 7
    assert all("<|end|>" not in text for text in texts)


@pytest.mark.error_contract
def test_values_out_of_range_are_refused(model: Llama, tokenizer: Tokenizer) -> None:
    for wrong in ({"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}, {"min_p": 2.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Sampling(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the prompt has 49 tokens, the model's context 48"):
        list(generate_ids(model, torch.zeros(1, 49, dtype=torch.int64), 1, Sampling()))
    with pytest.raises(ValueError, match="the prompt is empty"):
        list(generate_ids(model, torch.zeros(1, 0, dtype=torch.int64), 1, Sampling()))
