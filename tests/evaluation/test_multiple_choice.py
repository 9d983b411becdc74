"""Five ways to compare choices, each recomputed from the bare log-likelihoods of the whole texts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from minillama.config import LlamaConfig
from minillama.evaluation.multiple_choice import NORMALISATIONS, Judged, MultipleChoice, correct, judge
from minillama.model import Llama
from minillama.tokenizer import Tokenizer

QUESTIONS = [
    MultipleChoice("Once there was Tom, a shy little", (" mouse", " cat", " dromedary"), 0),
    MultipleChoice("He lost his", (" drum in the tall grass", " hat"), 1),
    MultipleChoice("He ate a", (" pão de queijo", " bread", " naïve café"), 0),
    MultipleChoice("He lost his", (" drum", " shoe"), 0),  # the same prompt again
]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    texts = [question.prompt + choice for question in QUESTIONS for choice in question.choices]
    return Tokenizer.train(texts * 3, 330)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Llama:
    cfg = LlamaConfig(
        vocab_size=tokenizer.vocab_size, dim=24, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=40
    )
    model = Llama(cfg).double()
    model.init_weights(torch.Generator().manual_seed(1))
    return model


def log_likelihood(model: Llama, tokenizer: Tokenizer, context: str, choice: str) -> tuple[float, int]:
    """``log p(choice | context)`` by two whole losses, and the tokens of the choice."""
    sums = []
    for text in (context, context + choice):
        ids = torch.tensor([tokenizer.encode(text, bos=True)])
        logits = model(ids[:, :-1])
        sums.append((F.cross_entropy(logits[0], ids[0, 1:], reduction="sum").item(), ids.shape[1]))
    (before, n), (whole, m) = sums
    return before - whole, m - n


def test_every_normalisation_by_its_definition(model: Llama, tokenizer: Tokenizer) -> None:
    picked: dict[str, list[int]] = {name: [] for name in NORMALISATIONS}
    judged = judge(model, tokenizer, QUESTIONS, unconditional=True)
    for question, one in zip(QUESTIONS, judged, strict=True):
        found = [log_likelihood(model, tokenizer, question.prompt, choice) for choice in question.choices]
        bare = np.array([nats for nats, _ in found])
        alone = np.array([log_likelihood(model, tokenizer, "Answer:", c)[0] for c in question.choices])
        expected = {
            "raw": bare,
            "token": bare / [tokens for _, tokens in found],
            "character": bare / [len(choice.strip()) for choice in question.choices],
            "byte": bare / [len(choice.strip().encode()) for choice in question.choices],
            "unconditional": bare - alone,
        }
        for name in NORMALISATIONS:
            np.testing.assert_allclose(one.scores(name), expected[name], rtol=1e-10)  # float64, two sums
            picked[name].append(one.pick(name))
            assert picked[name][-1] == int(np.argmax(expected[name]))
    assert len({tuple(picks) for picks in picked.values()}) >= 3  # they do differ
    for name in NORMALISATIONS:
        right = [pick == question.answer for pick, question in zip(picked[name], QUESTIONS, strict=True)]
        assert correct(judged, name).tolist() == right


def test_lengths_count_letters_and_bytes_without_the_space() -> None:
    two = np.array([1, 2], dtype=np.int64)
    one = Judged(np.array([-6.0, -6.0]), None, two, 2 * two, 3 * two, 0)
    assert one.scores("raw").tolist() == [-6, -6]
    assert one.scores("token").tolist() == [-6, -3]
    assert one.scores("character").tolist() == [-3, -1.5]
    assert one.scores("byte").tolist() == [-2, -1]
    assert one.pick("raw") == 0  # of equal ones the first
    assert one.pick("byte") == 1


def test_letters_are_not_bytes(model: Llama, tokenizer: Tokenizer) -> None:
    (one,) = judge(model, tokenizer, [QUESTIONS[2]])
    assert one.characters.tolist() == [13, 5, 10]
    assert one.bytes.tolist() == [14, 5, 12]


def test_chance() -> None:
    assert [round(question.chance, 3) for question in QUESTIONS] == [0.333, 0.5, 0.333, 0.5]


@pytest.mark.error_contract
def test_bad_questions_are_refused(model: Llama, tokenizer: Tokenizer) -> None:
    for choices in ((" one",), (" same", " same"), ()):
        with pytest.raises(ValueError, match="at least two, all different"):
            MultipleChoice("p", choices, 0)
    with pytest.raises(ValueError, match="blank"):
        MultipleChoice("p", (" a", "  "), 0)
    for answer in (-1, 2):
        with pytest.raises(ValueError, match="answer is"):
            MultipleChoice("p", (" a", " b"), answer)
    (one,) = judge(model, tokenizer, QUESTIONS[:1])
    with pytest.raises(ValueError, match="not asked for"):
        one.scores("unconditional")
    with pytest.raises(ValueError, match="normalisation is 'letters': expected one of raw, token"):
        one.scores("letters")
    assert math.isfinite(one.scores("raw").sum())
