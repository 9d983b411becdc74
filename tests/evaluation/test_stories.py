"""Loss, floor and skills of models whose loss is known without asking them."""

from __future__ import annotations

import math
from itertools import islice

import pytest
import torch

from minillama.config import LlamaConfig
from minillama.data.stories import Stories
from minillama.evaluation import gap_by_skill, is_valid, story_loss, token_nats, validity
from minillama.model import Llama
from minillama.tokenizer import Tokenizer

STORIES = list(islice(Stories(7, level=1), 40))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([story.text for story in STORIES], 400)


def model_for(tokenizer: Tokenizer) -> Llama:
    cfg = LlamaConfig(
        vocab_size=tokenizer.vocab_size, dim=16, n_layers=1, n_heads=2, n_kv_heads=1, hidden_dim=32
    )
    model = Llama(cfg)
    model.init_weights(torch.Generator().manual_seed(0))
    return model


def test_a_model_that_knows_nothing_pays_log_v_for_each_token(tokenizer: Tokenizer) -> None:
    model = model_for(tokenizer)
    torch.nn.init.zeros_(model.output.weight)
    reading = story_loss(model, tokenizer, STORIES)
    assert reading.tokens == sum(len(tokenizer.encode(story.text, eos=True)) for story in STORIES)
    assert reading.loss == pytest.approx(math.log(tokenizer.vocab_size), rel=1e-6)
    assert reading.floor == pytest.approx(sum(story.nats for story in STORIES) / reading.tokens, rel=1e-12)


def test_nats_of_a_text_do_not_depend_on_its_neighbours(tokenizer: Tokenizer) -> None:
    model = model_for(tokenizer)
    together = token_nats(model, tokenizer, [story.text for story in STORIES], batch_size=7)
    for story, nats in zip(STORIES[:5], together, strict=False):
        alone = token_nats(model, tokenizer, [story.text])[0]
        assert alone == pytest.approx(nats, abs=1e-5)
        ids = torch.tensor([tokenizer.encode(story.text, bos=True, eos=True)])
        assert model.loss(ids[:, :-1], ids[:, 1:]).item() == pytest.approx(nats.mean(), rel=1e-5)


def test_skills_add_up_to_the_whole(tokenizer: Tokenizer) -> None:
    model = model_for(tokenizer)
    whole = story_loss(model, tokenizer, STORIES)
    skills = gap_by_skill(model, tokenizer, [story.text for story in STORIES])
    assert len(skills) >= 3
    assert sum(s.model_nats for s in skills.values()) == pytest.approx(whole.model_nats, rel=1e-9)
    assert sum(s.story_nats for s in skills.values()) == pytest.approx(whole.story_nats, rel=1e-9)
    assert sum(s.tokens for s in skills.values()) == whole.tokens
    assert all(s.tokens > 0 for s in skills.values())


def test_validity_counts_whole_stories_of_the_level() -> None:
    text = STORIES[0].text
    assert is_valid(text)
    assert is_valid(text, level=1)
    assert not is_valid(text, level=2)
    assert not is_valid(text[:-1])
    assert not is_valid(text + " " + text)
    assert validity([text, text[:-3], "", text]) == 0.5


@pytest.mark.error_contract
def test_nothing_to_read_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="no stories"):
        story_loss(model_for(tokenizer), tokenizer, [])
    with pytest.raises(ValueError, match="no texts"):
        validity([])
