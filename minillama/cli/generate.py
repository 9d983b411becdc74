"""`minillama generate`: let a checkpoint continue a text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .errors import UserError


def generate(
    checkpoint: Annotated[Path, typer.Option(help="Directory of a run, such as runs/tour.")],
    prompt: Annotated[str, typer.Option(help="Text to continue. Empty: begin a text of its own.")] = "",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Upper bound on the tokens to write.")] = 200,
    temperature: Annotated[float, typer.Option(help="0 is greedy; 1 samples what was learnt.")] = 0.0,
    top_k: Annotated[int | None, typer.Option(help="Keep the k most likely tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Keep the most likely tokens up to this mass.")] = None,
    min_p: Annotated[
        float | None, typer.Option(help="Keep tokens at least this much as likely as the best.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed tells the same text.")] = None,
) -> None:
    """Continue a prompt with a trained model."""
    from ..checkpoints import load
    from ..inference import Sampling, generate_stream

    sampling = Sampling(temperature, top_k, top_p, min_p)
    model, tokenizer = load(checkpoint)
    if tokenizer is None:
        raise UserError(f"{checkpoint}: the checkpoint holds no tokenizer, so it cannot read text")
    sys.stdout.write(prompt)
    for piece in generate_stream(model, tokenizer, prompt, max_new_tokens, sampling, seed):
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")
