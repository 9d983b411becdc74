"""Steps of training: ours, transformers' and the NumPy reference's, in turns."""

from __future__ import annotations

import time

from . import measuring
from .measuring import Figure


def figures(steps: int = 20) -> list[Figure]:
    """Time steps of the tour's shape in turns, so that all meet the same weather."""
    import numpy as np
    import torch
    import transformers

    from ...model import Llama
    from ...reference import AdamW, ReferenceLlama
    from ...training import adamw
    from ...training.tour import Recipe

    torch.set_num_threads(2)
    cfg = Recipe.for_level(1).model
    ours = Llama(cfg)
    theirs = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=cfg.vocab_size, hidden_size=cfg.dim, intermediate_size=cfg.hidden_dim,
            num_hidden_layers=cfg.n_layers, num_attention_heads=cfg.n_heads,
            num_key_value_heads=cfg.n_kv_heads, max_position_embeddings=cfg.max_seq_len,
        )
    )  # fmt: skip
    tokens = torch.randint(0, cfg.vocab_size, (16, 64), generator=torch.Generator().manual_seed(0))
    reference, reference_optimizer = ReferenceLlama(cfg, dtype=np.float32), AdamW(1e-3)
    arrays = tokens.numpy(), tokens.roll(-1, 1).numpy()
    optimizers = {"ours": adamw(ours, 1e-3), "transformers": torch.optim.AdamW(theirs.parameters(), lr=1e-3)}

    def our_step() -> None:
        optimizers["ours"].zero_grad()
        ours.loss(tokens, tokens.roll(-1, 1)).backward()
        optimizers["ours"].step()

    def their_step() -> None:
        optimizers["transformers"].zero_grad()
        theirs(tokens, labels=tokens).loss.backward()
        optimizers["transformers"].step()

    def reference_step() -> None:
        reference_optimizer.update(reference.weights, reference.loss_and_grads(*arrays)[1])

    contestants = {"ours": our_step, "transformers": their_step, "reference in NumPy": reference_step}
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for run in range(measuring.RUNS + 1):
        for name, step in contestants.items():
            start = time.perf_counter()
            for _ in range(steps):
                step()
            if run:  # the first is for warming up
                times[name].append(time.perf_counter() - start)
    speeds = [
        (f"training, the tour's shape, {name}", "tokens/s", [tokens.numel() * steps / t for t in runs])
        for name, runs in times.items()
    ]
    ratio = [theirs / ours for ours, theirs in zip(times["ours"], times["transformers"], strict=True)]
    return [*speeds, ("ours over transformers, pair by pair", "times", ratio)]
