"""A small run that the tests of training share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from minillama.config import LlamaConfig
from minillama.data.packing import Rows, stream
from minillama.model import Llama
from minillama.training import TrainConfig, Trainer

CFG = LlamaConfig(vocab_size=32, dim=16, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=32, max_seq_len=16)


def rows(seed: int = 3) -> Rows:
    ids = np.random.default_rng(0).integers(0, 32, 2000).tolist()
    return stream([ids[start : start + 30] for start in range(0, 2000, 30)], seq_len=16, seed=seed)


def new_model() -> Llama:
    model = Llama(CFG)
    model.init_weights(torch.Generator().manual_seed(0))
    return model


def new_trainer(run_dir: Path | None = None, **changes: object) -> Trainer:
    config = TrainConfig(**({"steps": 12, "batch_size": 4, "lr": 1e-2, "warmup": 3} | changes))  # type: ignore[arg-type]
    return Trainer(new_model(), rows(), config, None, run_dir)


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])
