"""What each process of tests/training/test_parallel.py runs, under torchrun; process 0 writes what it found.

python -m torch.distributed.run --nproc-per-node=N parallel_worker.py JOB DIRECTORY
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from minillama.config import LlamaConfig
from minillama.data.packing import IGNORE_INDEX, Rows
from minillama.model import Llama
from minillama.training import Placement, Step, TrainConfig, Trainer
from minillama.training.parallel import DataParallel, Sharded, process_group

CFG = LlamaConfig(
    vocab_size=33, dim=24, n_layers=2, n_heads=4, n_kv_heads=2, head_dim=6, hidden_dim=40, max_seq_len=12
)
UNUSUAL = CFG.replace(tie_embeddings=True, attention_bias=True, qk_norm=True)
CONFIG = TrainConfig(steps=20, batch_size=8, lr=1e-2, warmup=3, grad_clip=0.5)
EVERYTHING = replace(CONFIG, steps=6, accumulate=2, z_loss=1e-2, mask_documents=True, recompute=True)
SAVED_AT, RESUMED = 10, 4  # steps before a checkpoint, steps done with those of others
CASES = {
    "plain, float32": (CFG, CONFIG, torch.float32),
    "everything, float64": (UNUSUAL, EVERYTHING, torch.float64),
}


def rows() -> Rows:
    """Rows in which processes have unequal numbers of targets to predict."""
    rng = np.random.default_rng(5)
    ids = rng.integers(0, CFG.vocab_size, (40, 13)) // rng.integers(1, 4, (40, 1))
    targets = ids[:, 1:].copy()
    targets[rng.random(targets.shape) < rng.random((40, 1)) * 0.8] = IGNORE_INDEX
    documents = np.cumsum(rng.random((40, 12)) < 0.2, axis=1)
    return Rows(ids[:, :-1].copy(), targets, seed=1, document_ids=documents)


def trainer(
    cfg: LlamaConfig,
    config: TrainConfig,
    dtype: torch.dtype,
    placement: Placement | None = None,
    run_dir: Path | None = None,
) -> Trainer:
    """The same run, wherever it is placed."""
    model = Llama(cfg)
    model.init_weights(torch.Generator().manual_seed(7))
    return Trainer(model.to(dtype), rows(), config, None, run_dir, placement)


def curve(run: Iterable[Step]) -> list[tuple[float, float, int]]:
    """Loss, norm of the gradient, and number of targets of the steps."""
    return [(step.loss, step.grad_norm, step.tokens) for step in run]


def compare(device: torch.device, directory: Path) -> dict[str, Any]:
    """Train every case on every placement, save on the way, and go on with the checkpoints of others."""
    found: dict[str, Any] = {}
    count = dist.get_world_size()
    places: dict[str, Placement] = {"FSDP x TP": Sharded(device, tensor=2)}
    if count == 2:
        places = {"DDP": DataParallel(device), "FSDP": Sharded(device), "TP": Sharded(device, tensor=2)}
    for name, placement in places.items():
        run = trainer(*CASES["plain, float32"], placement, directory / "saved" / name)
        mine: dict[str, Any] = {"held out": run.evaluate(rows(), 11)}
        first = curve(itertools.islice(run, SAVED_AT))
        run.save()
        mine["plain, float32"] = first + curve(run)
        mine["everything, float64"] = curve(trainer(*CASES["everything, float64"], placement))
        for other in sorted((directory / f"for-{count}").iterdir()):
            resumed = Trainer.resume(other, rows(), placement)
            mine[f"from {other.name}"] = curve(itertools.islice(resumed, RESUMED))
        found[name] = mine
    return found


def die() -> None:
    """Run the command line; the second process is killed in its seventh step."""
    from minillama import cli

    step = Trainer._one_step

    def until(self: Trainer) -> object:
        if self.step == 6 and dist.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self)

    Trainer._one_step = until  # type: ignore[assignment, method-assign]
    sys.exit(cli.run(sys.argv[3:]))


def main() -> None:
    job, directory = sys.argv[1], Path(sys.argv[2])
    torch.set_num_threads(1)
    if job == "die":
        die()
    warnings.simplefilter("error")
    with process_group() as device:
        found = compare(device, directory)
        if dist.get_rank() == 0:
            (directory / f"found-{dist.get_world_size()}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
