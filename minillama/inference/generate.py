"""Text from a model: feed the prompt once, then one token at a time through the key/value cache."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from ..model import KVCache, Llama
from ..tokenizer import Tokenizer
from .sampling import Sampling


@torch.no_grad()
def generate_ids(
    model: Llama,
    prompt: Int[Tensor, "B T"],
    max_new_tokens: int,
    sampling: Sampling,
    generator: torch.Generator | None = None,
) -> Iterator[Int[Tensor, " B"]]:
    """Yield the next token of every sequence, step by step.

    Parameters
    ----------
    model : Llama
    prompt : int64 tensor, shape (B, T), T >= 1
        B prompts of one length.
    max_new_tokens : int
        Steps at most; fewer where the model's `max_seq_len` ends them.
    sampling : Sampling
    generator : torch.Generator, optional
        Source of chance.

    Yields
    ------
    int64 tensor, shape (B,)

    Raises
    ------
    ValueError
        If a prompt is empty or fills the context already.
    """
    batch, length = prompt.shape
    room = model.cfg.max_seq_len - length
    if length == 0:
        raise ValueError("the prompt is empty: give at least one token, such as the tokenizer's bos_id")
    if room < 1:
        raise ValueError(
            f"the prompt has {length} tokens, the model's context {model.cfg.max_seq_len}: shorten it"
        )
    steps = min(max_new_tokens, room)
    weight = model.tok_embeddings.weight
    cache = KVCache(model.cfg, batch, length + steps, weight.dtype, weight.device)
    tokens = prompt.to(weight.device)
    for _ in range(steps):
        tokens = sampling(model(tokens, cache=cache)[:, -1], generator)[:, None]  # (B, 1)
        yield tokens[:, 0]


def generate_stream(
    model: Llama,
    tokenizer: Tokenizer,
    prompt: str,
    max_new_tokens: int = 64,
    sampling: Sampling | None = None,
    seed: int | None = None,
) -> Iterator[str]:
    """Yield the continuation of `prompt` piece by piece, each piece whole characters.

    Stops at the tokenizer's end token. Bytes that are not UTF-8 yet wait for the next token.
    """
    ids = tokenizer.encode(prompt, bos=tokenizer.bos_id is not None)
    if not ids:
        raise ValueError("the prompt is empty and this tokenizer has no beginning token: give some text")
    generator = (
        None if seed is None else torch.Generator(model.tok_embeddings.weight.device).manual_seed(seed)
    )
    tokens = torch.tensor([ids])
    new: list[int] = []
    said = ""
    for step in generate_ids(model, tokens, max_new_tokens, sampling or Sampling(0.0), generator):
        token = int(step)
        if token == tokenizer.eos_id:
            break
        new.append(token)
        text = tokenizer.decode(new)
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):
            yield text[len(said) :]
            said = text
    rest = tokenizer.decode(new)[len(said) :]
    if rest:
        yield rest


def generate(
    model: Llama,
    tokenizer: Tokenizer,
    prompt: str,
    max_new_tokens: int = 64,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | None = None,
) -> str:
    """Continue `prompt` and return the new text, without the prompt.

    Parameters
    ----------
    model : Llama
    tokenizer : Tokenizer
    prompt : str
    max_new_tokens : int
        Upper bound; the end token or the context's end stop earlier.
    temperature, top_k, top_p, min_p
        As in `Sampling`; temperature 0 (the default) is greedy.
    seed : int, optional
        The same seed gives the same text on the same machine.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a sampling value is out of range or the prompt does not fit the context.
    """
    sampling = Sampling(temperature, top_k, top_p, min_p)
    return "".join(generate_stream(model, tokenizer, prompt, max_new_tokens, sampling, seed))


def sample_texts(
    model: Llama,
    tokenizer: Tokenizer,
    count: int,
    max_new_tokens: int,
    temperature: float = 1.0,
    seed: int = 0,
    prompt: str = "",
) -> list[str]:
    """Return `count` texts sampled side by side from the beginning token and `prompt`, end token cut off.

    A text that did not end within `max_new_tokens` is returned as far as it came.
    """
    ids = tokenizer.encode(prompt, bos=True)
    generator = torch.Generator(model.tok_embeddings.weight.device).manual_seed(seed)
    rows: list[list[int]] = [[] for _ in range(count)]
    ended = torch.zeros(count, dtype=torch.bool)
    tokens = torch.tensor([ids]).expand(count, -1)
    for step in generate_ids(model, tokens, max_new_tokens, Sampling(temperature), generator):
        step = step.cpu()
        ended |= step == tokenizer.eos_id
        for row in (~ended).nonzero().flatten().tolist():
            rows[row].append(int(step[row]))
        if bool(ended.all()):
            break
    return [prompt + tokenizer.decode(row) for row in rows]
