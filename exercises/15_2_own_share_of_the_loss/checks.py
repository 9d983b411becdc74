"""Checks of 15.2: what each process gives to DDP."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from minillama.book.exercises import Hole

DATA = "Cut the batch: data parallel"

own_share = Hole("own_share", tolerance=1e-6)

own_share.case(
    "two of three targets are here",
    torch.tensor(4 * math.log(4) / 3, dtype=torch.float64),
    logits=torch.zeros(1, 3, 4, dtype=torch.float64),
    targets=torch.tensor([[1, 2, -100]]),
    counts=[2, 1],
)
own_share.case(
    "no target is here: nothing to derive, and no nan",
    torch.tensor(0.0, dtype=torch.float64),
    logits=torch.zeros(2, 2, 3, dtype=torch.float64),
    targets=torch.full((2, 2), -100),
    counts=[0, 5, 1],
)


def entry_by_entry(logits, targets, counts):
    """Sum minus log p one target at a time, in float64."""
    total = 0.0
    for row, chosen in zip(logits.double().numpy(), targets.numpy(), strict=True):
        for z, target in zip(row, chosen, strict=True):
            if target >= 0:
                total -= math.log(math.exp(z[target]) / sum(math.exp(value) for value in z))
    return torch.tensor(total / sum(counts) * len(counts), dtype=logits.dtype)


@own_share.against(entry_by_entry, "random logits, against a loop over the targets", seeds=6)
def rows(rng):
    b, t, v = (int(rng.integers(1, 4)) for _ in range(3))
    targets = rng.integers(0, v + 1, (b, t + 1))
    targets[rng.random(targets.shape) < 0.4] = -100
    own = int((targets >= 0).sum())
    others = [int(n) for n in rng.integers(1, 9, int(rng.integers(1, 4)))]
    return {
        "logits": torch.tensor(rng.normal(size=(b, t + 1, v + 1)), dtype=torch.float64),
        "targets": torch.tensor(targets),
        "counts": [*others, own],
    }


@own_share.law("the shares' mean is the mean over all targets of the whole batch", rows, seeds=3)
def mean_of_shares(own_share, logits, targets, counts):
    other = torch.full_like(targets, -100)
    other[0, 0] = 1
    own = int((targets >= 0).sum())
    shares = [own_share(logits, which, [own, 1]) for which in (targets, other)]
    both = torch.cat([logits, logits]).flatten(0, 1), torch.cat([targets, other]).flatten()
    return float(sum(shares)) / 2, float(F.cross_entropy(*both))


def nats(logits, targets, reduction="sum"):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction=reduction)


@own_share.mistake(
    "This is the mean over your own targets. DDP makes a mean of means of it, in which the targets of a"
    " process with few of them weigh more; and a process without any gives nan.",
    see=DATA,
)
def own_mean(logits, targets, counts):
    return nats(logits, targets, "mean")


@own_share.mistake(
    "The number of processes is missing: the gradients are averaged afterwards, so the result is n times too"
    " small. Multiply by n to undo it.",
    see=DATA,
)
def not_undone(logits, targets, counts):
    return nats(logits, targets) / sum(counts)


@own_share.mistake(
    "The sum was divided by the number of processes once more, in place of being multiplied by it: DDP has"
    " that in hand already.",
    see=DATA,
)
def divided_again(logits, targets, counts):
    return nats(logits, targets) / sum(counts) / len(counts)


@own_share.mistake(
    "The sum itself: the division by the number of all targets is missing. A batch twice as large would give"
    " a step twice as long.",
    see=DATA,
)
def undivided(logits, targets, counts):
    return nats(logits, targets) * len(counts)


@own_share.mistake(
    "Ignored positions count in the divisor: it is the number of positions of all processes, as if each had"
    " as many rows as you. Padding would make the step shorter.",
    see=DATA,
)
def positions_counted(logits, targets, counts):
    return nats(logits, targets) / targets.numel()


@own_share.mistake(
    "The sum was divided by the number of targets of the fullest process, in place of that of all.",
    see=DATA,
)
def over_the_largest(logits, targets, counts):
    return nats(logits, targets) / max(counts)


@own_share.mistake(
    "Ignored positions are in the sum: -100 was taken for a target, counted from the end.", see=DATA
)
def ignored_counted(logits, targets, counts):
    wrapped = targets.remainder(logits.shape[-1])
    return nats(logits, wrapped) * len(counts) / sum(counts)


@own_share.mistake(
    "The loss is in bits: a logarithm to base 2. The model is trained in nats, and the gradient is 1.44 times"
    " too long.",
    see=DATA,
)
def in_bits(logits, targets, counts):
    return nats(logits, targets) * len(counts) / sum(counts) / np.log(2)
