"""`minillama bench`: the speeds that the documents speak of, measured on this machine.

Medians of several runs with their smallest and largest value. No test asserts any of them: what a machine
reaches depends on the machine, and on what else it is doing.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.table import Table

from .console import console

app = typer.Typer(help="Measure how fast things are here.", invoke_without_command=True)

Figure = tuple[str, str, list[float]]  # what, unit, one value a run

RUNS = 5
AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of a table.")]


@app.callback()
def everything(context: typer.Context, as_json: AsJson = False) -> None:
    """Measure start-up, stories, tokenizer and training, one after another."""
    if context.invoked_subcommand is None:
        _show([*_startup(), *_stories(), *_tokenizer(), *_train()], as_json)


@app.command()
def startup(as_json: AsJson = False) -> None:
    """Time `minillama --help` and `import minillama` as whole processes."""
    _show(_startup(), as_json)


@app.command()
def stories(as_json: AsJson = False) -> None:
    """Tell and parse stories of each level."""
    _show(_stories(), as_json)


@app.command()
def tokenizer(as_json: AsJson = False) -> None:
    """Learn vocabularies from five megabytes of stories, and encode them."""
    _show(_tokenizer(), as_json)


@app.command()
def train(as_json: AsJson = False) -> None:
    """Train the tour's model, transformers' LLaMA and the NumPy reference of the same shape in turns."""
    _show(_train(), as_json)


def _startup() -> list[Figure]:
    commands = {
        "python, bare": [sys.executable, "-c", "pass"],
        "python, import minillama": [sys.executable, "-c", "import minillama"],
        "minillama --help": [sys.executable, "-m", "minillama", "--help"],
    }
    return [
        (name, "s", _seconds(lambda command=command: _run(command)))  # type: ignore[misc]
        for name, command in commands.items()
    ]


def _stories() -> list[Figure]:
    from itertools import islice

    from ..data.stories import LEVELS, Stories

    figures: list[Figure] = []
    for level in LEVELS:
        texts = [story.text for story in islice(Stories(0, level=level), 2000)]
        told = _seconds(lambda level=level: list(islice(Stories(0, level=level), 2000)))  # type: ignore[misc]
        parsed = _seconds(lambda texts=texts: [Stories.nats(text) for text in texts])  # type: ignore[misc]
        figures.append((f"level {level} told", "stories/s", [2000 / t for t in told]))
        figures.append((f"level {level} parsed", "stories/s", [2000 / t for t in parsed]))
    return figures


def _tokenizer() -> list[Figure]:
    from ..data.stories import Stories
    from ..tokenizer import Tokenizer

    source, texts, size = Stories(0), [], 0
    while size < 5_000_000:
        texts.append(source.sample().text)
        size += len(texts[-1].encode())
    figures: list[Figure] = [
        (f"learn {v} tokens from 5 MB", "s", _seconds(lambda v=v: Tokenizer.train(texts, v)))  # type: ignore[misc]
        for v in (512, 2048)
    ]
    serialised = Tokenizer.train(texts, 2048).to_json()
    fresh = [Tokenizer.from_json(serialised) for _ in range(RUNS)]
    encoding = _seconds(
        lambda: [fresh[-1].encode(text) for text in texts], before=lambda: fresh.append(fresh.pop(0))
    )
    figures.append(("encode, cold cache", "MB/s", [size / 1e6 / t for t in encoding]))
    return figures


def _train(steps: int = 20) -> list[Figure]:
    """Time steps of the tour's shape in turns, so that all meet the same weather."""
    import numpy as np
    import torch
    import transformers

    from ..model import Llama
    from ..reference import AdamW, ReferenceLlama
    from ..training import adamw
    from ..training.tour import Recipe

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
    for run in range(RUNS + 1):
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


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _seconds(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> list[float]:
    """Return the wall-clock times of `RUNS` runs after one that is not counted."""
    times = []
    for _ in range(RUNS + 1):
        before()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times[1:]


def _show(figures: list[Figure], as_json: bool) -> None:
    rows = [(what, unit, statistics.median(v), min(v), max(v)) for what, unit, v in figures]
    if as_json:
        print(
            json.dumps(
                [dict(zip(("what", "unit", "median", "min", "max"), row, strict=True)) for row in rows]
            )
        )
        return
    table = Table("what", "median", "min", "max", "unit")
    for what, unit, *values in rows:
        table.add_row(what, *(f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" for value in values), unit)
    console.print(table)
