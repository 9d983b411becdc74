"""The recipe of the tour: which stories, which tokenizer, which model, which steps.

`minillama tour` trains this, and chapter 01 a smaller one. The numbers come from the measurements in
docs/log.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

import torch

from ..config import LlamaConfig
from ..data.packing import Rows, one_per_row
from ..data.stories import Stories, Story
from ..model import Llama
from ..tokenizer import Tokenizer
from .trainer import TrainConfig

HELD_OUT_SEED = 1_000_003  # added to a run's seed: the held-out stories' own
TOKENIZER_STORIES = 3000  # the tokenizer learns from that many of the training stories
STEPS = {1: 800, 2: 3000, 3: 8000}  # level 1 is learnt in a minute; the others show what more time buys
VOCABULARY = {1: 512, 2: 1024, 3: 2048}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a tour, but for its seed.

    Parameters
    ----------
    level : int
        Level of the story world.
    model : LlamaConfig
        Its `vocab_size` is what the tokenizer may learn at most.
    training : TrainConfig
    held_out : int
        Fresh stories that the loss and the floor are read on.

    Examples
    --------
    >>> Recipe.for_level(1).training.steps
    800
    """

    level: int
    model: LlamaConfig
    training: TrainConfig
    held_out: int = 500

    @classmethod
    def for_level(cls, level: int, steps: int | None = None) -> Recipe:
        """Return the recipe for a level of the world, with other `steps` than its own if given.

        Raises
        ------
        ValueError
            If there is no such level.
        """
        if level not in STEPS:
            raise ValueError(f"level is {level}: expected one of {', '.join(map(str, STEPS))}")
        model = LlamaConfig(
            vocab_size=VOCABULARY[level], dim=128, n_layers=2 * level, n_heads=4, n_kv_heads=2,
            hidden_dim=344, max_seq_len=256,
        )  # fmt: skip
        steps = STEPS[level] if steps is None else steps
        training = TrainConfig(steps, batch_size=16, lr=5e-3 / level, warmup=50, checkpoint_every=200)
        return cls(level, model, training)

    def write_stories(self, seed: int) -> list[Story]:
        """Return as many training stories as the run reads, none of them twice (40,000 at most)."""
        needed = self.training.steps * self.training.batch_size
        return list(islice(Stories(seed, level=self.level), min(max(needed, TOKENIZER_STORIES), 40_000)))

    def held_out_stories(self, seed: int) -> list[Story]:
        """Return stories of another seed, to read the loss on."""
        return list(islice(Stories(seed + HELD_OUT_SEED, level=self.level), self.held_out))

    def train_tokenizer(self, stories: list[Story]) -> Tokenizer:
        """Return a tokenizer trained on the first of the stories."""
        return Tokenizer.train((story.text for story in stories[:TOKENIZER_STORIES]), self.model.vocab_size)

    def rows(self, stories: list[Story], tokenizer: Tokenizer, seed: int) -> Rows:
        """Return the stories as training rows, one story each."""
        documents = [tokenizer.encode(story.text, bos=True, eos=True) for story in stories]
        return one_per_row(documents, seed)

    def new_model(self, seed: int, vocab_size: int) -> Llama:
        """Return the model at its random start, with a row for each token there is."""
        model = Llama(replace(self.model, vocab_size=vocab_size))
        model.init_weights(torch.Generator().manual_seed(seed))
        return model
