"""Sliding windows: every token once, against a loop that reads each token's own context."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from lm_eval.utils import get_rolling_token_windows

from minillama.config import LlamaConfig
from minillama.evaluation.perplexity import Perplexity, perplexity, windows
from minillama.model import Llama
from minillama.reference import ReferenceLlama
from minillama.tokenizer import Tokenizer

TEXT = "Once there was Tom, a shy little mouse. He lost his drum, and — alas — cried a little. " * 2


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([TEXT], 290)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Llama:
    cfg = LlamaConfig(
        vocab_size=tokenizer.vocab_size, dim=24, n_layers=2, n_heads=6, n_kv_heads=2, hidden_dim=40,
        max_seq_len=24,
    )  # fmt: skip
    model = Llama(cfg).double()
    model.init_weights(torch.Generator().manual_seed(5))
    return model


def nats_of(reference: ReferenceLlama, seen: list[int], token: int) -> float:
    logits = reference.forward(np.array([seen]))[0, -1]
    return float(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[token])


@pytest.mark.parametrize(("context", "stride"), [(24, 24), (24, 12), (24, 1), (7, 3), (5, 5), (1, 1)])
def test_every_token_costs_what_it_costs_in_its_window(
    model: Llama, tokenizer: Tokenizer, context: int, stride: int
) -> None:
    found = perplexity(model, tokenizer, TEXT, context, stride)
    ids = tokenizer.encode(TEXT)
    read = [tokenizer.bos_id, *ids]
    reference = ReferenceLlama(model.cfg, model.state_dict())
    assert len(found.nats) == len(ids)
    for i, token in enumerate(ids):
        # the end of the window that scores token i, counted in tokens scored so far
        end = context if i < context else context + stride * math.ceil((i + 1 - context) / stride)
        first_input = max(0, min(end, len(ids)) - context)
        assert found.nats[i] == pytest.approx(
            nats_of(reference, read[first_input : i + 1], token), abs=1e-11
        )  # float64 on both sides


def test_stride_one_gives_each_token_all_the_context_there_is(model: Llama, tokenizer: Tokenizer) -> None:
    found = perplexity(model, tokenizer, TEXT, context=6, stride=1)
    read = [tokenizer.bos_id, *tokenizer.encode(TEXT)]
    reference = ReferenceLlama(model.cfg, model.state_dict())
    expected = [nats_of(reference, read[max(0, i - 5) : i + 1], read[i + 1]) for i in range(len(read) - 1)]
    np.testing.assert_allclose(found.nats, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("length", [1, 4, 5, 6, 23, 24])
@pytest.mark.parametrize(("context", "stride"), [(5, 5), (5, 3), (5, 1), (1, 1), (30, 7)])
def test_windows_are_those_of_the_harness(length: int, context: int, stride: int) -> None:
    ids = list(range(length))
    theirs = list(get_rolling_token_windows(ids, -1, context, context - stride + 1))
    read = [-1, *ids]
    ours = [(read[start + 1 : end], ids[first:end]) for start, first, end in windows(length, context, stride)]
    assert ours == theirs


def test_units() -> None:
    text = "naïve"  # five letters, six bytes
    reading = Perplexity(np.array([1.0, 2.0, 3.0]), len(text.encode()))
    assert reading.nats_per_token == 2.0
    assert reading.perplexity == pytest.approx(math.e**2)
    assert reading.nats_per_byte == 1.0
    assert reading.bits_per_byte == pytest.approx(1 / math.log(2))


def test_a_model_that_knows_nothing_pays_log_v_and_counts_bytes(tokenizer: Tokenizer) -> None:
    cfg = LlamaConfig(
        vocab_size=tokenizer.vocab_size, dim=8, n_layers=1, n_heads=1, n_kv_heads=1, max_seq_len=16
    )
    model = Llama(cfg)
    torch.nn.init.zeros_(model.output.weight)
    reading = perplexity(model, tokenizer, TEXT)
    assert reading.perplexity == pytest.approx(tokenizer.vocab_size, rel=1e-5)  # float32
    assert reading.bytes == len(TEXT.encode()) > len(TEXT)
    tokens = len(tokenizer.encode(TEXT))
    assert reading.bits_per_byte == pytest.approx(
        tokens * math.log2(tokenizer.vocab_size) / len(TEXT.encode()), rel=1e-5
    )


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("text", "context", "stride", "match"),
    [
        ("", None, None, "the text is empty"),
        ("Tom", 25, None, "context is 25: expected 1 to 24"),
        ("Tom", 0, None, "context is 0"),
        ("Tom", 8, 9, "stride 9: expected 1 <= stride <= context"),
        ("Tom", 8, 0, "stride 0"),
    ],
)
def test_bad_windows_are_refused(
    model: Llama, tokenizer: Tokenizer, text: str, context: int, stride: int, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        perplexity(model, tokenizer, text, context, stride)
