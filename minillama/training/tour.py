"""The recipe of the tour: which stories, which tokenizer, which model, which steps.

`minillama tour` and chapter 01 train this. The numbers come from the measurements in docs/log.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice

import torch

from ..config import LlamaConfig
from ..data.packing import Rows, one_per_row
from ..data.stories import Stories, Story
from ..model import Llama
from ..tokenizer import Tokenizer
from .trainer import TrainConfig

HELD_OUT_SEED = 1_000_003  # added to a run's seed: the held-out stories' own


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a tour, but for its seed.

    Parameters
    ----------
    level : int
        Level of the story world.
    stories : int
        Stories written for training.
    held_out : int
        Fresh stories that the loss and the floor are read on.
    model : LlamaConfig
    training : TrainConfig
    """

    level: int = 1
    stories: int = 30_000
    held_out: int = 500
    model: LlamaConfig = field(
        default_factory=lambda: LlamaConfig(
            vocab_size=512, dim=128, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=344, max_seq_len=256
        )
    )
    training: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            steps=1000, batch_size=8, lr=5e-3, warmup=50, checkpoint_every=250
        )
    )

    def write_stories(self, seed: int) -> list[Story]:
        """Return the training stories of this seed."""
        return list(islice(Stories(seed, level=self.level), self.stories))

    def held_out_stories(self, seed: int) -> list[Story]:
        """Return stories of another seed, to read the loss on."""
        return list(islice(Stories(seed + HELD_OUT_SEED, level=self.level), self.held_out))

    def train_tokenizer(self, stories: list[Story]) -> Tokenizer:
        """Return a tokenizer trained on the first two thousand stories."""
        return Tokenizer.train((story.text for story in stories[:2000]), self.model.vocab_size)

    def rows(self, stories: list[Story], tokenizer: Tokenizer, seed: int) -> Rows:
        """Return the stories as training rows, one story each."""
        documents = [tokenizer.encode(story.text, bos=True, eos=True) for story in stories]
        return one_per_row(documents, seed)

    def new_model(self, seed: int, vocab_size: int) -> Llama:
        """Return the model at its random start, with a row for each token there is."""
        model = Llama(replace(self.model, vocab_size=vocab_size))
        model.init_weights(torch.Generator().manual_seed(seed))
        return model
