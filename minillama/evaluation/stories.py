"""A model read against the stories' own probabilities: loss, exact floor, gap, skills, validity.

The world of `minillama.data.stories` knows ``-log p(text)`` of each story. The mean of that number
over held-out stories is the floor of the loss, and the difference

    gap = (nats the model needs - nats the world needs) / tokens

estimates the Kullback-Leibler divergence from the world to the model, per token, on the very same
stories: noise that both share cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float64

from ..data.packing import IGNORE_INDEX
from ..data.stories import Stories, Story
from ..model import Llama
from ..tokenizer import Tokenizer


@dataclass(frozen=True)
class StoryLoss:
    """A model's loss on whole stories, and the floor below it.

    Parameters
    ----------
    model_nats, story_nats : float
        Sums over all stories: what the model needs, what the world needs.
    tokens : int
        Tokens predicted, the end tokens included.
    stories : int
    """

    model_nats: float
    story_nats: float
    tokens: int
    stories: int

    @property
    def loss(self) -> float:
        """Nats per token of the model."""
        return self.model_nats / self.tokens

    @property
    def floor(self) -> float:
        """Nats per token that no model can beat in expectation."""
        return self.story_nats / self.tokens

    @property
    def gap(self) -> float:
        """Nats per token above the floor."""
        return self.loss - self.floor


@torch.no_grad()
def token_nats(
    model: Llama, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 64
) -> list[Float64[np.ndarray, " _"]]:
    """Return ``-log p`` of every token of every text, each followed by the end token, in nats.

    Parameters
    ----------
    model : Llama
    tokenizer : Tokenizer
        With a beginning and an end token.
    texts : sequence of str
    batch_size : int
        Texts per forward pass.

    Returns
    -------
    list of float64 arrays
        One per text, of length ``len(tokenizer.encode(text, eos=True))``.
    """
    encoded = [tokenizer.encode(text, bos=True, eos=True) for text in texts]
    nats: list[np.ndarray] = [np.empty(0)] * len(texts)
    by_length = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
    device = model.tok_embeddings.weight.device
    for start in range(0, len(by_length), batch_size):
        chosen = by_length[start : start + batch_size]
        longest = max(len(encoded[i]) for i in chosen)
        table = torch.full((len(chosen), longest), IGNORE_INDEX)
        for row, i in enumerate(chosen):
            table[row, : len(encoded[i])] = torch.tensor(encoded[i])
        targets = table[:, 1:].to(device)
        logits = model(table[:, :-1].clamp(min=0).to(device))  # (B, T, V)
        losses = F.cross_entropy(logits.mT, targets, ignore_index=IGNORE_INDEX, reduction="none")
        for row, i in enumerate(chosen):
            nats[i] = losses[row, : len(encoded[i]) - 1].double().cpu().numpy()
    return nats


def story_loss(model: Llama, tokenizer: Tokenizer, stories: Sequence[Story]) -> StoryLoss:
    """Return the model's loss on `stories`, each read on its own from the beginning token.

    Raises
    ------
    ValueError
        If there are no stories.
    """
    if not stories:
        raise ValueError("no stories to read: give at least one")
    nats = token_nats(model, tokenizer, [story.text for story in stories])
    return StoryLoss(
        model_nats=float(sum(n.sum() for n in nats)),
        story_nats=sum(story.nats for story in stories),
        tokens=sum(len(n) for n in nats),
        stories=len(stories),
    )


@dataclass(frozen=True)
class SkillGap:
    """The share of the gap that falls on one skill; sums are over all stories read."""

    model_nats: float
    story_nats: float
    tokens: int


def gap_by_skill(model: Llama, tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, SkillGap]:
    """Split the gap over the skills that the stories ask for.

    A story's derivation cuts its text into stretches, each with the skill that predicting it takes
    (see `minillama.data.stories`). A token belongs to the stretch of its first byte that is not a
    space; the end token to the last stretch.

    Returns
    -------
    dict
        Skill to `SkillGap`; the model's nats, the stories' nats and the tokens each add up to
        those of `story_loss`.
    """
    totals: dict[str, list[float]] = {}
    for text, nats in zip(texts, token_nats(model, tokenizer, texts), strict=True):
        spans = Stories.parse(text).spans
        ends = np.array([len(text[: span.end].encode()) for span in spans])
        for span in spans:
            total = totals.setdefault(span.skill, [0.0, 0.0, 0])
            total[1] += span.nats
        at = 0
        for token, n in zip(tokenizer.encode(text, eos=True), nats, strict=True):
            piece = b"" if token == tokenizer.eos_id else tokenizer.token_bytes(token)
            first = at + len(piece) - len(piece.lstrip(b" "))
            place = min(int(np.searchsorted(ends, first, side="right")), len(spans) - 1)
            total = totals[spans[place].skill]
            total[0] += float(n)
            total[2] += 1
            at += len(piece)
    return {skill: SkillGap(t[0], t[1], int(t[2])) for skill, t in totals.items()}


def is_valid(text: str, level: int | None = None) -> bool:
    """Say whether `text` is a story of the world (of `level`, if given).

    Examples
    --------
    >>> is_valid("Once upon a time, nothing rhymed.")
    False
    """
    try:
        derivation = Stories.parse(text)
    except ValueError:
        return False
    return level is None or derivation.level == level


def validity(texts: Sequence[str], level: int | None = None) -> float:
    """Return the share of `texts` that are stories of the world (of `level`, if given)."""
    if not texts:
        raise ValueError("no texts to judge: give at least one")
    return sum(is_valid(text, level) for text in texts) / len(texts)
