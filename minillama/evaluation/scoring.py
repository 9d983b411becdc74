"""The one thing that every benchmark asks of a model: how likely a continuation is after a context.

    context   Once there was Tom, a shy little mouse. ... That night the little
    target                                                                       mouse dreamed of
    nats                                                                         0.02  0.41    0.03

Requests with one context in common, such as the answers of a multiple-choice question, read it once: its keys
and values are kept and shared. All others are read side by side, sorted by length so that little is padding.
Logits are computed for the target's positions alone: with 49,152 tokens in a vocabulary, the logits of a long
context would be larger than the model.

Left out: sharing the part that different contexts have in common, such as few-shot examples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int
from torch import Tensor

from ..model import KVCache, Llama
from .pairs import Request

POSITIONS_AT_ONCE = 4096
"""Positions of one forward pass, padding included: about as many as fill two cores."""
LOGITS_AT_ONCE = 2**24
"""Logits held at a time: 64 MiB in float32."""

Progress = Callable[[int, int], None]
"""Told (requests done, requests in all)."""


@dataclass(frozen=True)
class Score:
    """What a continuation costs a model.

    Parameters
    ----------
    nats : float64 array, shape (n,)
        ``-log p`` of each token of the target, given all before it.
    greedy : bool
        Whether each of them was the most likely token at its place.
    """

    nats: Float64[np.ndarray, " n"]
    greedy: bool

    @property
    def log_likelihood(self) -> float:
        """``log p(target | context)``, in nats; at most 0."""
        return -float(self.nats.sum())


@torch.no_grad()
def score(model: Llama, requests: Sequence[Request], progress: Progress | None = None) -> list[Score]:
    """Return what each continuation costs, in the order of the requests.

    A context that does not fit loses its beginning.

    Parameters
    ----------
    model : Llama
    requests : sequence of Request
    progress : function, optional
        Told how many requests are done, and of how many.

    Returns
    -------
    list of Score

    Raises
    ------
    ValueError
        If a context or target is empty, or a target alone is longer than the model's context.

    Examples
    --------
    >>> from ..config import LlamaConfig
    >>> model = Llama(LlamaConfig(vocab_size=300, dim=32, n_layers=1))
    >>> torch.nn.init.zeros_(model.output.weight).shape  # it knows nothing: every token costs log 300
    torch.Size([300, 32])
    >>> one, two = score(model, [Request((1, 2, 3), (4,)), Request((1, 2, 3), (4, 5))])
    >>> round(one.log_likelihood, 3), round(two.log_likelihood, 3)
    (-5.704, -11.408)
    """
    longest = model.cfg.max_seq_len
    for context, target in requests:
        if not context or not target:
            raise ValueError("a context or target is empty: give at least one token of each")
        if len(target) > longest:
            raise ValueError(
                f"a target has {len(target)} tokens, the model's context {longest}: score it in windows,"
                " as minillama.evaluation.perplexity does"
            )
    fitting = [_fit(request, longest) for request in requests]
    scores: dict[int, Score] = {}
    for batch in _batches(fitting):
        chosen = [fitting[i] for i in batch]
        shared = len(batch) > 1 and len({request.context for request in chosen}) == 1
        hidden = _after_shared_context(model, chosen) if shared else _side_by_side(model, chosen)
        scores |= zip(batch, _read(model, hidden, [request.target for request in chosen]), strict=True)
        if progress is not None:
            progress(len(scores), len(requests))
    return [scores[i] for i in range(len(requests))]


def _fit(request: Request, longest: int) -> Request:
    """Shorten a context from its beginning until the request can be read."""
    room = longest + 1 - len(request.target)  # the last token of the target is never an input
    return Request(request.context[-room:], request.target)


def _batches(requests: Sequence[Request]) -> list[list[int]]:
    """Put the requests of one context together, and the others side by side, the longest first."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, request in enumerate(requests):
        groups.setdefault(request.context, []).append(i)
    batches: list[list[int]] = []
    for group in groups.values():
        if len(group) > 1:
            batches += _cut(sorted(group, key=lambda i: -len(requests[i].target)), requests, shared=True)
    single = [group[0] for group in groups.values() if len(group) == 1]
    return batches + _cut(sorted(single, key=lambda i: -sum(map(len, requests[i]))), requests, shared=False)


def _cut(longest_first: list[int], requests: Sequence[Request], shared: bool) -> list[list[int]]:
    """Cut a list into batches that fit `POSITIONS_AT_ONCE`."""
    batches, start = [], 0
    while start < len(longest_first):
        context, target = requests[longest_first[start]]
        rows = max(1, POSITIONS_AT_ONCE // (len(target) + (0 if shared else len(context))))
        batches.append(longest_first[start : start + rows])
        start += rows
    return batches


def _table(rows: Sequence[Sequence[int]], model: Llama) -> Int[Tensor, "B T"]:
    """Lay ids side by side, padded on the right; what stands there is never read."""
    table = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for line, ids in zip(table, rows, strict=True):
        line[: len(ids)] = torch.tensor(ids)
    return table.to(model.tok_embeddings.weight.device)


def _side_by_side(model: Llama, requests: Sequence[Request]) -> list[Tensor]:
    """Return for each request the hidden vectors that predict its target, (n, C)."""
    hidden = model.hidden(_table([(*context, *target[:-1]) for context, target in requests], model))
    return [
        x[len(context) - 1 : len(context) - 1 + len(target)]
        for x, (context, target) in zip(hidden, requests, strict=True)
    ]


def _after_shared_context(model: Llama, requests: Sequence[Request]) -> list[Tensor]:
    """Return the same for requests with one context, which is read once; its last token starts each row."""
    context = requests[0].context
    rows = _table([(context[-1], *target[:-1]) for _, target in requests], model)
    first, weight = len(context) - 1, model.tok_embeddings.weight
    cache = KVCache(model.cfg, len(rows), first + rows.shape[1], weight.dtype, weight.device)
    if first:
        alone = KVCache(model.cfg, 1, first, weight.dtype, weight.device)
        model.hidden(_table([context[:-1]], model), alone)
        cache.keys[..., :first, :], cache.values[..., :first, :] = alone.keys, alone.values
        cache.length = first
    hidden = model.hidden(rows, cache)
    return [x[: len(target)] for x, (_, target) in zip(hidden, requests, strict=True)]


def _read(model: Llama, hidden: Sequence[Tensor], targets: Sequence[Sequence[int]]) -> list[Score]:
    """Turn the hidden vectors (n, C) before each target into what it costs; one product with the head."""
    x = torch.cat(list(hidden))
    wanted = torch.tensor([token for target in targets for token in target], device=x.device)
    nats, best = [], []
    rows = max(1, LOGITS_AT_ONCE // model.cfg.vocab_size)
    for some, ids in zip(x.split(rows), wanted.split(rows), strict=True):
        logits = model.output(some).to(torch.promote_types(x.dtype, torch.float32))  # (rows, V)
        nats.append(logits.logsumexp(-1) - logits.gather(-1, ids[:, None])[:, 0])
        best.append(logits.argmax(-1) == ids)
    sizes = [len(target) for target in targets]
    return [
        Score(some.double().cpu().numpy(), bool(greedy.all()))
        for some, greedy in zip(torch.cat(nats).split(sizes), torch.cat(best).split(sizes), strict=True)
    ]
