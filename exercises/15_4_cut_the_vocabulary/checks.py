"""Checks of 15.4: the loss when no process has all logits."""

import math

import numpy as np

from minillama.book.exercises import Hole

VOCABULARY = "The vocabulary"

three_numbers = Hole("three_numbers", tolerance=1e-9)

three_numbers.case(
    "two tokens in process 1; one target is here, one with process 0",
    (np.array([5.0, 1.0]), np.array([2.0, 2.0]), np.array([5.0, 0.0])),
    logits=np.array([[5.0, 5.0], [1.0, 1.0]]),
    targets=np.array([3, 0]),
    rank=1,
)
three_numbers.case(
    "large logits must not overflow",
    (np.array([1000.0]), np.array([1.0 + math.exp(-1)]), np.array([999.0])),
    logits=np.array([[999.0, 1000.0]]),
    targets=np.array([0]),
    rank=0,
)
three_numbers.case(
    "an ignored target is nowhere",
    (np.array([2.0]), np.array([1.0 + math.exp(-1)]), np.array([0.0])),
    logits=np.array([[2.0, 1.0]]),
    targets=np.array([-100]),
    rank=0,
)


def one_by_one(logits, targets, rank):
    """Go through positions and tokens one at a time."""
    largest, total, hit = (np.zeros(len(logits)) for _ in range(3))
    for k, row in enumerate(logits):
        largest[k] = max(row)
        total[k] = math.fsum(math.exp(z - max(row)) for z in row)
        for column, z in enumerate(row):
            if rank * len(row) + column == targets[k]:
                hit[k] = z
    return largest, total, hit


@three_numbers.against(one_by_one, "random logits, against one token at a time", seeds=6)
def parts(rng):
    N, W = int(rng.integers(1, 6)), int(rng.integers(2, 5))
    targets = rng.integers(0, 3 * W, N)
    targets[rng.random(N) < 0.2] = -100
    return {"logits": rng.normal(size=(N, W)) * 3 - 1, "targets": targets, "rank": int(rng.integers(3))}


def numbers(logits, targets, rank, top=None, offset=None, outside=0.0, shifted=True):
    """Find the three numbers with some parts exchanged."""
    largest = logits.max(axis=1) if top is None else top
    width = logits.shape[1]
    column = targets - (rank * width if offset is None else offset)
    here = (column >= 0) & (column < width)
    hit = np.full(len(targets), outside)
    hit[here] = logits[here, column[here]]
    with np.errstate(over="ignore"):
        total = np.exp(logits - largest[:, None] if shifted else logits).sum(axis=1)
    return largest, total, hit


@three_numbers.mistake(
    "The sum is of e to the logits as they are. With logits of 800 it overflows: subtract the largest"
    " first, and tell the others which it was.",
    see=VOCABULARY,
)
def not_shifted(logits, targets, rank):
    return numbers(logits, targets, rank, shifted=False)


@three_numbers.mistake(
    "One largest logit was taken for all positions. Each position has its own; where it lies far below,"
    " the sum becomes zero and its logarithm infinite.",
    see=VOCABULARY,
)
def one_for_all(logits, targets, rank):
    return numbers(logits, targets, rank, top=np.full(len(logits), logits.max()))


@three_numbers.mistake(
    "The target was looked up as if this process had the first tokens. Its columns begin at token rank * W.",
    see=VOCABULARY,
)
def no_offset(logits, targets, rank):
    return numbers(logits, targets, rank, offset=0)


@three_numbers.mistake(
    "The first token here is taken to be number rank, and not rank * W: the offset counts processes, not"
    " tokens.",
    see=VOCABULARY,
)
def offset_of_one(logits, targets, rank):
    return numbers(logits, targets, rank, offset=rank)


@three_numbers.mistake(
    "Where the target is elsewhere the hit is minus infinity. Hits are added up over the processes: what"
    " is not here has to be 0.",
    see=VOCABULARY,
)
def minus_infinity(logits, targets, rank):
    return numbers(logits, targets, rank, outside=-np.inf)


@three_numbers.mistake(
    "Every target was found here, wrapped around: a target of another process, and -100 too, gives some"
    " logit of this one. First ask whether it is here.",
    see=VOCABULARY,
)
def wrapped(logits, targets, rank):
    largest, total, _ = numbers(logits, targets, rank)
    column = (targets - rank * logits.shape[1]) % logits.shape[1]
    return largest, total, logits[np.arange(len(targets)), column]


@three_numbers.mistake(
    "The hit has the largest logit taken off. The others have other largest ones: tell the logit as it is.",
    see=VOCABULARY,
)
def hit_shifted(logits, targets, rank):
    largest, total, hit = numbers(logits, targets, rank)
    return largest, total, np.where(hit == 0, 0.0, hit - largest)


mean_nats = Hole("mean_nats", tolerance=1e-9)

mean_nats.case(
    "four tokens alike",
    math.log(4),
    largest=np.zeros((2, 1)),
    total=np.full((2, 1), 2.0),
    hit=np.zeros((2, 1)),
    targets=np.array([3]),
)
mean_nats.case(
    "the larger logits are with the second process, far above; one position is ignored",
    1.5 + math.log1p(math.exp(-900)),
    largest=np.array([[100.0, 3.0], [1000.0, 2.0]]),
    total=np.array([[1.0, 1.0], [1.0, 1.0]]),
    hit=np.array([[0.0, 0.0], [998.5, 0.0]]),
    targets=np.array([1, -100]),
)


def directly(largest, total, hit, targets):
    """Undo the subtraction in exact order: log of the sum of all, one position after the other."""
    kept = [k for k, target in enumerate(targets) if target != -100]
    costs = []
    for k in kept:
        z = math.fsum(t * math.exp(m) for t, m in zip(total[:, k], largest[:, k], strict=True))
        costs.append(math.log(z) - math.fsum(hit[:, k]))
    return math.fsum(costs) / len(costs)


@mean_nats.against(directly, "random numbers, against logarithms of whole sums", seeds=6)
def told(rng):
    n, N = int(rng.integers(2, 5)), int(rng.integers(1, 5))
    targets = rng.integers(0, 9, N)
    targets[1:][rng.random(N - 1) < 0.5] = -100
    hit = np.zeros((n, N))
    hit[rng.integers(0, n, N), np.arange(N)] = rng.normal(size=N) * (targets >= 0)
    return {
        "largest": rng.normal(size=(n, N)) * 2,
        "total": rng.uniform(1, 3, (n, N)),
        "hit": hit,
        "targets": targets,
    }


@mean_nats.law("all logits 800 higher: the same loss", told, seeds=3)
def shifted_up(mean_nats, largest, total, hit, targets):
    up = hit.copy()
    up[0] += 800
    return mean_nats(largest + 800, total, up, targets), mean_nats(largest, total, hit, targets)


def mean(nats, targets):
    return float(nats[targets != -100].mean())


@mean_nats.mistake(
    "The sums were added as they came. Each is relative to its own process's largest logit: bring them to one"
    " first, by a factor of e to the difference.",
    see=VOCABULARY,
)
def added_as_they_are(largest, total, hit, targets):
    return mean(largest.max(axis=0) + np.log(total.sum(axis=0)) - hit.sum(axis=0), targets)


@mean_nats.mistake(
    "The factor is the wrong way round: a sum relative to a *smaller* number than the common one has to"
    " shrink.",
    see=VOCABULARY,
)
def factor_upside_down(largest, total, hit, targets):
    top = largest.max(axis=0)
    with np.errstate(over="ignore"):
        return mean(top + np.log((total * np.exp(top - largest)).sum(axis=0)) - hit.sum(axis=0), targets)


@mean_nats.mistake(
    "The subtraction was undone before adding: e to the largest logit, which overflows where logits are"
    " large.",
    see=VOCABULARY,
)
def overflowing(largest, total, hit, targets):
    with np.errstate(over="ignore", invalid="ignore"):
        return mean(np.log((total * np.exp(largest)).sum(axis=0)) - hit.sum(axis=0), targets)


@mean_nats.mistake("The largest logit was taken off and never put back.", see=VOCABULARY)
def never_put_back(largest, total, hit, targets):
    top = largest.max(axis=0)
    return mean(np.log((total * np.exp(largest - top)).sum(axis=0)) - hit.sum(axis=0), targets)


@mean_nats.mistake(
    "Ignored positions are in the mean. They have a cost like any other, but nobody asked for it.",
    see=VOCABULARY,
)
def ignored_counted(largest, total, hit, targets):
    top = largest.max(axis=0)
    return float((top + np.log((total * np.exp(largest - top)).sum(axis=0)) - hit.sum(axis=0)).mean())


@mean_nats.mistake("This is the sum over the targets. The mean was asked for.", see=VOCABULARY)
def summed(largest, total, hit, targets):
    top = largest.max(axis=0)
    nats = top + np.log((total * np.exp(largest - top)).sum(axis=0)) - hit.sum(axis=0)
    return float(nats[targets != -100].sum())


@mean_nats.mistake(
    "The hit was taken from the process with the largest logit. The target is with whichever process has it;"
    " the others told 0, so add them up.",
    see=VOCABULARY,
)
def hit_of_the_largest(largest, total, hit, targets):
    top = largest.max(axis=0)
    found = hit[largest.argmax(axis=0), np.arange(len(targets))]
    return mean(top + np.log((total * np.exp(largest - top)).sum(axis=0)) - found, targets)


@mean_nats.mistake(
    "Each process's own loss was computed and averaged. Each of them is normalised over a part of the"
    " vocabulary alone: probabilities have to share one sum.",
    see=VOCABULARY,
)
def own_losses(largest, total, hit, targets):
    return mean((largest + np.log(total)).mean(axis=0) - hit.sum(axis=0), targets)
