"""Log-likelihoods of continuations, against float64 NumPy that reads every prefix on its own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from minillama.config import LlamaConfig
from minillama.evaluation import scoring
from minillama.evaluation.pairs import Request, encode_pair, prefix_id
from minillama.evaluation.scoring import score
from minillama.model import Llama
from minillama.reference import ReferenceLlama
from minillama.tokenizer import Tokenizer

TEXT = "Once there was Tom, a shy little mouse. He lost his drum and cried a little. " * 5


def tiny(**changes: object) -> Llama:
    base: dict[str, object] = {
        "vocab_size": 53, "dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 2, "hidden_dim": 40,
        "max_seq_len": 16,
    }  # fmt: skip
    model = Llama(LlamaConfig.from_dict(base | changes)).double()
    model.init_weights(torch.Generator().manual_seed(3))
    return model


def by_hand(model: Llama, context: tuple[int, ...], target: tuple[int, ...]) -> tuple[np.ndarray, bool]:
    """One token after another, each from a forward pass of its own, in NumPy."""
    reference = ReferenceLlama(model.cfg, model.state_dict())
    nats, greedy, seen = [], True, list(context)
    for token in target:
        logits = reference.forward(np.array([seen[-model.cfg.max_seq_len :]]))[0, -1]
        nats.append(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[token])
        greedy = greedy and int(np.argmax(logits)) == token
        seen.append(token)
    return np.array(nats), greedy


def requests(seed: int, model: Llama) -> list[Request]:
    """Contexts of all lengths, some shared by several targets, one of which is the model's own choice."""
    rng = np.random.default_rng(seed)
    made = []
    for length in (1, 2, 3, 5, 9, 13):
        context = tuple(map(int, rng.integers(0, 53, length)))
        made += [Request(context, tuple(map(int, rng.integers(0, 53, n)))) for n in rng.integers(1, 4, 3)]
    for length in (1, 4, 7, 11):
        context = tuple(map(int, rng.integers(0, 53, length)))
        best = int(model(torch.tensor([context]))[0, -1].argmax())
        made.append(Request(context, (best,)))
    return [made[i] for i in rng.permutation(len(made))]


@pytest.mark.parametrize("changes", [{}, {"sliding_window": 4}, {"tie_embeddings": True}])
def test_scores_equal_numpys_in_any_company(changes: dict[str, object]) -> None:
    model = tiny(**changes)
    asked = requests(1, model)
    scores = score(model, asked)
    assert {one.greedy for one in scores} == {True, False}
    for request, found in zip(asked, scores, strict=True):
        nats, greedy = by_hand(model, *request)
        np.testing.assert_allclose(found.nats, nats, rtol=0, atol=1e-12)  # float64 on both sides
        assert found.greedy is greedy
        assert found.log_likelihood == pytest.approx(-nats.sum(), abs=1e-12)


def test_small_batches_and_small_heads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()
    asked = requests(2, model)
    told: list[tuple[int, int]] = []
    whole = score(model, asked, lambda done, of: told.append((done, of)))
    monkeypatch.setattr(scoring, "POSITIONS_AT_ONCE", 7)
    monkeypatch.setattr(scoring, "LOGITS_AT_ONCE", 2 * 53)
    for a, b in zip(whole, score(model, asked), strict=True):
        np.testing.assert_allclose(a.nats, b.nats, rtol=0, atol=1e-12)
    assert told[-1] == (len(asked), len(asked))
    assert all(a < b for (a, _), (b, _) in pairwise(told))


def test_a_context_that_is_too_long_loses_its_beginning() -> None:
    model = tiny()
    rng = np.random.default_rng(4)
    ids = tuple(map(int, rng.integers(0, 53, 40)))
    (long,) = score(model, [Request(ids[:37], ids[37:])])
    (short,) = score(model, [Request(ids[40 - 17 : 37], ids[37:])])  # 16 inputs and the last target
    np.testing.assert_allclose(long.nats, short.nats, rtol=0, atol=1e-12)
    (full,) = score(model, [Request(ids[:1], ids[1:17])])  # a target as long as the model's context
    np.testing.assert_allclose(full.nats, by_hand(model, ids[:1], ids[1:17])[0], rtol=0, atol=1e-12)


def test_half_precision_is_read_in_float32() -> None:
    model = tiny().to(torch.bfloat16)
    (found,) = score(model, [Request((1, 2, 3), (4, 5))])
    assert found.nats.dtype == np.float64
    assert (found.nats * 2**7 % 1).any()  # finer than bfloat16, whose last bit at 4 nats is 1/64


@pytest.mark.error_contract
def test_what_cannot_be_scored_is_refused() -> None:
    model = tiny()
    for request in (Request((), (1,)), Request((1,), ())):
        with pytest.raises(ValueError, match="empty"):
            score(model, [request])
    with pytest.raises(ValueError, match="17 tokens, the model's context 16"):
        score(model, [Request((1,), tuple(range(17)))])


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([TEXT], 300)


@pytest.mark.parametrize(
    ("context", "continuation"),
    [
        ("a shy little", " mouse"),
        ("a shy little ", "mouse"),
        ("a shy  \n ", " mouse"),
        ("", "Tom"),
        ("  ", "Tom"),
    ],
)
def test_a_pair_is_cut_where_the_context_ends(tokenizer: Tokenizer, context: str, continuation: str) -> None:
    request = encode_pair(tokenizer, context, continuation)
    assert request.context[0] == tokenizer.bos_id
    assert tokenizer.decode(request.context + request.target) == context + continuation
    assert tokenizer.decode(request.context) == context.rstrip()
    without = Tokenizer(tokenizer.model, {"<e>": tokenizer.eos_id}, None, "<e>")
    bare = encode_pair(without, context, continuation)
    assert bare.target == request.target
    assert bare.context == (request.context[1:] or (tokenizer.eos_id,))  # an empty context needs a prefix


@pytest.mark.error_contract
def test_pairs_without_a_token_are_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="adds no token"):
        encode_pair(tokenizer, "Tom", "")
    without = Tokenizer(tokenizer.model, {})
    with pytest.raises(ValueError, match="no token that begins or ends"):
        prefix_id(without)
    assert prefix_id(Tokenizer(tokenizer.model, {"<e>": 299}, None, "<e>")) == 299
