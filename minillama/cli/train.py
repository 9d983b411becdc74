"""`minillama train`: train a LLaMA on your own text files."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import console, program
from .errors import UserError

if TYPE_CHECKING:
    from ..data.packing import Rows
    from ..tokenizer import Tokenizer
    from ..training import Trainer

HELD_OUT = 20  # one part in twenty of the text is kept back to read the loss on
READINGS = 8  # times that the held-out loss is read during a run
READ_ROWS = 64  # held-out rows in each reading but the last, which takes all


def train(
    corpus: Annotated[
        Path | None, typer.Option(help="A text file (UTF-8), or a folder of .txt and .md files.")
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Directory for checkpoint, log and picture; new or empty.")
    ] = Path("runs/train"),
    tokenizer: Annotated[
        Path | None, typer.Option(help="Use this tokenizer instead of training one.")
    ] = None,
    vocab_size: Annotated[int, typer.Option(help="Tokens to learn from the corpus.")] = 1024,
    dim: Annotated[int, typer.Option(min=2, help="Width of the residual stream.")] = 192,
    n_layers: Annotated[int, typer.Option("--layers", min=1, help="Blocks.")] = 4,
    n_heads: Annotated[int, typer.Option("--heads", min=1, help="Query heads.")] = 6,
    n_kv_heads: Annotated[int, typer.Option("--kv-heads", min=1, help="Key/value heads.")] = 2,
    hidden_dim: Annotated[
        int | None, typer.Option(min=1, help="Feed-forward width. Default: 8/3 of dim.")
    ] = None,
    seq_len: Annotated[int, typer.Option(min=2, help="Tokens per row, and the model's context.")] = 256,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows per step.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 1000,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 2e-3,
    warmup: Annotated[int, typer.Option(min=0, help="Steps of linear warm-up.")] = 50,
    checkpoint_every: Annotated[
        int, typer.Option(min=0, help="Steps between checkpoints; 0: at the end only.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="All that is random follows from it.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with a run that was stopped (give its --corpus and --seed).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON at the end, and nothing else.")
    ] = False,
) -> None:
    """Train a LLaMA on your own text, with a tokenizer of its own."""
    if corpus is None:
        raise UserError(
            "what shall it read? Give --corpus FILE_OR_FOLDER (or `minillama tour` for the stories)"
        )
    directory = resume if resume is not None else out
    if resume is None and directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UserError(
            f"{directory} is there already and not empty: name another by --out, or use --resume {directory}"
        )

    from ..config import LlamaConfig
    from ..data.corpora import read_corpus

    documents = read_corpus(corpus)
    shape = LlamaConfig(
        vocab_size=max(vocab_size, 1), dim=dim, n_layers=n_layers, n_heads=n_heads, n_kv_heads=n_kv_heads,
        hidden_dim=hidden_dim if hidden_dim is not None else 8 * math.ceil(dim / 3), max_seq_len=seq_len,
    )  # fmt: skip

    import torch

    from ..checkpoints import load
    from ..model import Llama
    from ..tokenizer import Tokenizer
    from ..training import TrainConfig, Trainer

    torch.set_num_threads(threads)
    if resume is not None:
        known = load(resume)[1]
        if known is None:
            raise UserError(f"{resume}: the checkpoint holds no tokenizer")
    elif tokenizer is not None:
        known = Tokenizer.load(tokenizer)
    else:
        _say(as_json, f"learning {vocab_size} tokens from {_size(documents)} of text ...")
        known = Tokenizer.train(documents, vocab_size)
    text = _split(documents, known, seq_len, seed)
    if resume is not None:
        trainer = Trainer.resume(resume, text.rows)
    else:
        config = TrainConfig(steps, batch_size, lr, warmup, checkpoint_every=checkpoint_every)
        cfg = shape.replace(vocab_size=known.vocab_size)
        model = Llama(cfg)
        model.init_weights(torch.Generator().manual_seed(seed))
        trainer = Trainer(model, text.rows, config, known, directory)
    n_params = sum(p.numel() for p in trainer.model.parameters())
    _say(as_json, f"{text.rows.targets.size:,} tokens to train on, {n_params:,} parameters")
    _run(trainer, text, directory, as_json)


@dataclass(frozen=True)
class SplitText:
    """A corpus as training rows and held-out rows, and the bytes that a held-out token stands for."""

    rows: Rows
    held_out: Rows
    bytes_per_token: float


def _split(documents: list[str], tokenizer: Tokenizer, seq_len: int, seed: int) -> SplitText:
    """Keep the last part of the tokens back; documents are joined by the tokenizer's end token."""
    from ..data.packing import stream

    ids = [token for text in documents for token in tokenizer.encode(text, eos=tokenizer.eos_id is not None)]
    cut = len(ids) - max(seq_len + 1, len(ids) // HELD_OUT)
    if cut < seq_len + 1:
        raise UserError(
            f"the corpus has {len(ids)} tokens: expected at least {2 * (seq_len + 1)} for --seq-len {seq_len}"
        )
    held_out = ids[cut:]
    bytes_per_token = len(tokenizer.decode_bytes(held_out)) / len(held_out)
    return SplitText(stream([ids[:cut]], seq_len, seed), stream([held_out], seq_len, seed), bytes_per_token)


def _run(trainer: Trainer, text: SplitText, directory: Path, quiet: bool) -> None:
    """Train to the end or to Ctrl-C, and report."""
    from ..evaluation.curve import draw_curve
    from .live import RunDisplay
    from .running import run_steps

    steps = trainer.config.steps
    display = RunDisplay(console, "minillama train", steps, quiet)
    readings: list[tuple[int, float]] = []

    def read() -> None:
        display.held_out = _held_out_loss(trainer, text.held_out, READ_ROWS)
        readings.append((trainer.step, display.held_out))
        display.sample = _sample(trainer)

    begun = time.monotonic()
    if not run_steps(trainer, display, {round(steps * k / READINGS) for k in range(1, READINGS)}, read):
        _say(quiet, f"stopped at step {trainer.step}; the checkpoint is in {directory}")
        _say(quiet, f"go on: the same command with --resume {directory}")
        raise KeyboardInterrupt
    losses = [json.loads(line)["loss"] for line in (directory / "log.jsonl").read_text().splitlines()]
    loss = _held_out_loss(trainer, text.held_out, len(text.held_out))
    draw_curve(losses, [*readings, (trainer.step, loss)], None, directory / "loss.png")
    result = {
        "loss": loss,
        "nats_per_byte": loss / text.bytes_per_token,
        "seconds": time.monotonic() - begun,
        "tokens_per_second": display.tokens_per_second,
    }
    if quiet:
        print(json.dumps(result))
        return
    per_byte = result["nats_per_byte"]
    _say(
        quiet,
        f"\nheld-out loss {loss:.3f} nats a token, {per_byte:.3f} nats a byte "
        f"({per_byte / math.log(2):.3f} bits), after {result['seconds']:.0f} s\n"
        f"{directory}/  checkpoint, loss.png, log.jsonl\n\n"
        f'  {program()} generate --checkpoint {directory} --prompt "The" --temperature 0.8',
    )


def _held_out_loss(trainer: Trainer, rows: Rows, count: int, at_once: int = 16) -> float:
    """Return the mean loss over the first `count` held-out rows, in nats per token."""
    import torch

    nats = 0.0
    tokens, targets = (torch.from_numpy(array[:count]) for array in (rows.tokens, rows.targets))
    with torch.no_grad():
        for batch in zip(tokens.split(at_once), targets.split(at_once), strict=True):
            nats += float(trainer.model.loss(*batch)) * len(batch[0])
    return nats / len(tokens)


def _sample(trainer: Trainer) -> str:
    from ..inference import sample_texts

    assert trainer.tokenizer is not None
    length = min(60, trainer.model.cfg.max_seq_len - 1)
    return " ".join(sample_texts(trainer.model, trainer.tokenizer, 1, length, 0.8, trainer.step)[0].split())


def _size(documents: list[str]) -> str:
    return f"{sum(len(text) for text in documents) / 1e6:.1f} million characters"


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        console.print(text, soft_wrap=True, highlight=False)
