"""Answers trimmed, normalised and compared; generation that stops where it should."""

from __future__ import annotations

import pytest
import torch

from minillama.config import LlamaConfig
from minillama.evaluation.exact_match import (
    answer_all,
    continue_until,
    exact_match,
    normalise_answer,
    trim_answer,
)
from minillama.inference import Sampling, generate
from minillama.model import Llama
from minillama.tokenizer import Tokenizer

TEXT = "Q: Who lost it?\nA: Tom, the mouse.\nQ: Who found it?\nA: Mia.\n" * 4


@pytest.mark.parametrize(
    ("text", "trimmed"),
    [
        (" The Tiber, which is long.", "The Tiber"),
        ("\n\n Tom\nQ: next", "Tom"),
        ("Paris", "Paris"),
        ("3.14", "3"),  # the convention's price
        ("", ""),
        (". Tom", ""),
    ],
)
def test_answers_end_at_the_first_stop(text: str, trimmed: str) -> None:
    assert trim_answer(text) == trimmed


def test_other_stops() -> None:
    assert trim_answer(" 3.14 and so on", (" and",)) == "3.14"
    assert trim_answer(" all of it.", ()) == "all of it."


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Beatles!", "beatles"),
        ("an apple a day", "apple day"),
        ("Theatre", "theatre"),  # an article is a word
        ("U.S.A.", "usa"),
        ("São Paulo", "são paulo"),
        ("the", ""),
    ],
)
def test_normalisation(text: str, normal: str) -> None:
    assert normalise_answer(text) == normal


def test_exact_match_takes_any_accepted_answer_and_no_more() -> None:
    assert exact_match("the tiber.", ["River Tiber", "Tiber"])
    assert not exact_match("Tiber in Italy", ["River Tiber", "Tiber"])
    assert not exact_match("Tibers", ["Tiber"])


@pytest.fixture(scope="module")
def parrot() -> tuple[Llama, Tokenizer]:
    """A model that has learnt one text by heart."""
    tokenizer = Tokenizer.train([TEXT], 300)
    torch.manual_seed(0)
    model = Llama(
        LlamaConfig(
            vocab_size=tokenizer.vocab_size, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_seq_len=160
        )
    )
    ids = torch.tensor([tokenizer.encode(TEXT[: len(TEXT) // 4], bos=True, eos=True)])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        model.loss(ids[:, :-1], ids[:, 1:]).backward()
        optimiser.step()
    return model.eval(), tokenizer


def test_it_stops_at_the_text_or_the_end_token(parrot: tuple[Llama, Tokenizer]) -> None:
    model, tokenizer = parrot
    prompt = tokenizer.encode("Q: Who lost it?\nA:", bos=True)
    assert continue_until(model, tokenizer, prompt, ("\n",)) == " Tom, the mouse."
    assert continue_until(model, tokenizer, prompt, ("\n", "the mo")) == " Tom, "
    assert continue_until(model, tokenizer, prompt, (), 100) == TEXT[: len(TEXT) // 4][18:]
    assert continue_until(model, tokenizer, prompt, (), 2) == tokenizer.decode(
        tokenizer.encode(TEXT)[len(prompt) - 1 : len(prompt) + 1]
    )
    assert answer_all(model, tokenizer, ["Q: Who lost it?\nA:"]) == ["Tom"]


def test_greedy_equals_generate_and_sampling_its_seed(parrot: tuple[Llama, Tokenizer]) -> None:
    model, tokenizer = parrot
    prompt = tokenizer.encode("Who", bos=True)
    assert continue_until(model, tokenizer, prompt, (), 20) == generate(model, tokenizer, "Who", 20)
    hot = Sampling(5.0)
    found = [continue_until(model, tokenizer, prompt, (), 20, hot, seed) for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.error_contract
def test_an_empty_stop_is_refused(parrot: tuple[Llama, Tokenizer]) -> None:
    with pytest.raises(ValueError, match="stop at is empty"):
        continue_until(*parrot, [1], ("",))
