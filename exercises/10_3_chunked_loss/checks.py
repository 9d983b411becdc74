"""Checks of 10.3: value, both gradients, and what was alive meanwhile.

The oracle derives the gradients by hand, in NumPy and float64: softmax minus one at the target.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from minillama.book.exercises import Hole
from minillama.kernels.memory import LiveMemory

MOUNTAIN = "The mountain, and how to flatten it"


def measured(function, x, head, targets, rows):
    """Run it forward and back; loss, gradients, and how many positions' logits were alive and kept."""
    x, head = x.clone().requires_grad_(), head.clone().requires_grad_()
    row = len(head) * head.itemsize
    with LiveMemory() as memory:
        loss = function(x, head, targets, rows)
        kept = memory.now
        if isinstance(loss, torch.Tensor) and loss.requires_grad:
            loss.backward()
    none = torch.full((1,), math.inf)
    found = {
        "loss": loss.detach() if isinstance(loss, torch.Tensor) else loss,
        "gradient of x": none if x.grad is None else x.grad,
        "gradient of head": none if head.grad is None else head.grad,
    }
    if len(head) < 50:  # too small to tell logits from the rest
        return found
    return found | {
        "logits of more than `rows` positions at once": memory.largest > max(rows * row, head.nbytes),
        "logits kept on the tape": kept > rows * row,
    }


chunked_loss = Hole("chunked_loss", through=measured)

chunked_loss.case(
    "two tokens, logits zero, by hand: ln 2",
    {
        "loss": torch.tensor(math.log(2), dtype=torch.float64),
        "gradient of x": torch.zeros(3, 1, dtype=torch.float64),
        "gradient of head": torch.zeros(2, 1, dtype=torch.float64),
    },
    x=torch.zeros(3, 1, dtype=torch.float64),
    head=torch.ones(2, 1, dtype=torch.float64),
    targets=torch.tensor([0, 1, -100]),
    rows=2,
)
chunked_loss.case(
    "one target counts, by hand: softmax minus one at the target",
    {
        "loss": torch.tensor(math.log(4), dtype=torch.float64),
        "gradient of x": torch.tensor([[0.75 * math.log(3)], [0.0]], dtype=torch.float64),
        "gradient of head": torch.tensor([[0.75], [-0.75]], dtype=torch.float64),
    },
    x=torch.ones(2, 1, dtype=torch.float64),
    head=torch.tensor([[math.log(3)], [0.0]], dtype=torch.float64),
    targets=torch.tensor([1, -100]),
    rows=1,
)


def by_hand(x, head, targets, rows):
    x, head, targets = x.numpy(), head.numpy(), targets.numpy()
    z = x @ head.T
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    counted = np.flatnonzero(targets != -100)
    loss = -np.log(p[counted, targets[counted]]).mean()
    p[counted, targets[counted]] -= 1
    p *= (targets != -100)[:, None] / len(counted)
    found = {"loss": np.array(loss), "gradient of x": p @ head, "gradient of head": p.T @ x}
    found = {name: torch.from_numpy(value) for name, value in found.items()}
    if len(head) < 50:
        return found
    return found | {"logits of more than `rows` positions at once": False, "logits kept on the tape": False}


def some(rng, V):
    N, rows, C = int(rng.integers(70, 90)), int(rng.integers(4, 7)), 3
    N += N % rows == 0  # the last chunk is shorter
    targets = rng.integers(0, V, size=N)
    targets[rng.random(N) < 0.3] = -100
    targets[-1] = 0
    x, head = rng.normal(size=(N, C)), rng.normal(size=(V, C))
    return {
        "x": torch.from_numpy(x),
        "head": torch.from_numpy(head),
        "targets": torch.from_numpy(targets),
    } | {"rows": rows}


chunked_loss.against(by_hand, "random tensors, loss and gradients against NumPy", seeds=3)(
    lambda rng: some(rng, 7)
)
large = chunked_loss.against(by_hand, "many tokens: what was alive meanwhile", seeds=3)(
    lambda rng: some(rng, 120)
)


@chunked_loss.law("the size of the chunks changes nothing but memory", large, seeds=2)
def any_rows(chunked_loss, x, head, targets, rows):
    found = [chunked_loss(x, head, targets, n) for n in (rows, 3 * rows)]
    return found, [by_hand(x, head, targets, rows)["loss"]] * 2


def nats(x, head, targets, reduction="sum"):
    return F.cross_entropy(x @ head.T, targets, ignore_index=-100, reduction=reduction)


def pieces(x, targets, rows):
    return list(zip(x.split(rows), targets.split(rows), strict=True))


def kept_out(function, *arguments):
    return checkpoint(function, *arguments, use_reentrant=False)


@chunked_loss.mistake(
    "The mean of the chunks' means: a target in a chunk where few count weighs more than one where many do."
    " Add sums, and divide once by the number of all that count.",
    see=MOUNTAIN,
)
def mean_of_means(x, head, targets, rows):
    means = [kept_out(nats, a, head, b, "mean") for a, b in pieces(x, targets, rows) if (b != -100).any()]
    return torch.stack(means).mean()


@chunked_loss.mistake(
    "The sum was divided by all N positions. Those with target -100 do not count, neither above nor below the"
    " line.",
    see=MOUNTAIN,
)
def ignored_counted(x, head, targets, rows):
    return torch.stack([kept_out(nats, a, head, b) for a, b in pieces(x, targets, rows)]).sum() / len(x)


@chunked_loss.mistake("The sum of the nats was returned. Divide by the number of targets.", see=MOUNTAIN)
def only_summed(x, head, targets, rows):
    return torch.stack([kept_out(nats, a, head, b) for a, b in pieces(x, targets, rows)]).sum()


@chunked_loss.mistake(
    "The last, shorter chunk was left out: there are N // rows whole chunks, and a rest.", see=MOUNTAIN
)
def rest_dropped(x, head, targets, rows):
    whole = [part for part in pieces(x, targets, rows) if len(part[0]) == rows]
    return torch.stack([kept_out(nats, a, head, b) for a, b in whole]).sum() / (targets != -100).sum()


@chunked_loss.mistake(
    "Loss and gradients are right, but all logits existed at once: that is the loss without chunks.",
    see=MOUNTAIN,
)
def whole(x, head, targets, rows):
    return nats(x, head, targets) / (targets != -100).sum()


@chunked_loss.mistake(
    "The chunks are small, but the tape keeps them all: each chunk's softmax waits for the way back, and"
    " together they are all logits. Let `checkpoint` compute them again.",
    see=MOUNTAIN,
)
def no_checkpoint(x, head, targets, rows):
    return (
        torch.stack([nats(a, head, b) for a, b in pieces(x, targets, rows)]).sum() / (targets != -100).sum()
    )


@chunked_loss.mistake(
    "`rows` chunks were made, where chunks of `rows` positions were asked for: `split` takes the size,"
    " `chunk` the number.",
    see=MOUNTAIN,
)
def number_for_size(x, head, targets, rows):
    parts = zip(x.chunk(rows), targets.chunk(rows), strict=True)
    return torch.stack([kept_out(nats, a, head, b) for a, b in parts]).sum() / (targets != -100).sum()


@chunked_loss.mistake(
    "The value is right, but no gradient comes back: the chunks' losses were made Python numbers, or computed"
    " under no_grad.",
    see="What autograd hides",
)
def numbers(x, head, targets, rows):
    total = sum(nats(a, head, b).item() for a, b in pieces(x, targets, rows))
    return torch.tensor(total / (targets != -100).sum().item(), dtype=x.dtype)


@chunked_loss.mistake(
    "No gradient reaches x: each chunk was cut off the tape with detach. The body of the model would never"
    " learn.",
    see="What autograd hides",
)
def detached(x, head, targets, rows):
    parts = [kept_out(nats, a.detach(), head, b) for a, b in pieces(x, targets, rows)]
    return torch.stack(parts).sum() / (targets != -100).sum()
