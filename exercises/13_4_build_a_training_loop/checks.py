"""Checks of 13.4: an unbroken run against torch and whole batches, and a broken one against the unbroken."""

import copy
import math

import numpy as np
import torch

from minillama.book.exercises import Hole

RESUME = "Broken off and resumed"
ACCUMULATION = "A batch that does not fit: accumulation"
CLIPPING = "One bad batch: clipping, and the watch"
SCHEDULE = "The rate over time: warm-up and cosine"
STEP = "The step, four times over"


def lived(kind, x, y, seed, steps, batch_size, accumulate, warmup, lr, max_norm, broken_at):
    """Run it whole; run it again, break off, go on in a new object, twice from the same state."""

    def new():
        return kind(x.copy(), y.copy(), seed, steps, batch_size, accumulate, warmup, lr, max_norm)

    whole = new()
    losses = [float(whole.step()) for _ in range(steps)]
    found = {"losses": np.array(losses), "weights": np.array(whole.w, dtype=float)}
    first = new()
    for _ in range(broken_at):
        first.step()
    state = first.state()
    first.step()
    kept = copy.deepcopy(state)
    for name in ("resumed", "resumed once more from the same state"):
        second = new()
        second.load(state)
        rest = [float(second.step()) for _ in range(steps - broken_at)]
        same = rest == losses[broken_at:] and np.array_equal(second.w, whole.w)
        found.setdefault("losses after going on", np.array(rest))
        found[f"{name}: equal to the unbroken run, bit for bit"] = bool(same)
    found["the state is as it was when it was asked for"] = all(
        np.array_equal(kept[key], state[key]) for key in kept
    )
    return found


def expected(x, y, seed, steps, batch_size, accumulate, warmup, lr, max_norm, broken_at):
    """Whole batches in torch, by autograd and torch.optim.Adam; the order is a list, written down once."""
    order = []
    for epoch in range(steps):
        permutation = np.random.default_rng((seed, epoch)).permutation(len(x))
        order += [permutation[i : i + batch_size] for i in range(0, len(x) - batch_size + 1, batch_size)]
    w = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([w], lr=lr, betas=(0.9, 0.95))
    down = torch.linspace(0, torch.pi, steps - warmup, dtype=torch.float64).cos() * 0.45 + 0.55
    rates = [(i + 1) / (warmup + 1) for i in range(warmup)] + down.tolist()
    losses = []
    for rows, rate in zip(order, rates, strict=False):
        features, targets = torch.from_numpy(x[rows]), torch.from_numpy(y[rows])
        counted = ~targets.isnan()
        loss = 0.5 * (features[counted] @ w - targets[counted]).square().mean()
        losses.append(float(loss))
        adam.zero_grad()
        loss.backward()
        w.grad *= min(1.0, max_norm / float(w.grad.norm())) if w.grad.any() else 1.0
        adam.param_groups[0]["lr"] = lr * rate
        adam.step()
    return {
        "losses": np.array(losses),
        "weights": w.detach().numpy(),
        "losses after going on": np.array(losses[broken_at:]),
        **RESUMED,
    }


Run = Hole("Run", through=lived, tolerance=1e-5)

RESUMED = {
    "resumed: equal to the unbroken run, bit for bit": True,
    "resumed once more from the same state: equal to the unbroken run, bit for bit": True,
    "the state is as it was when it was asked for": True,
}
SMALL = {"seed": 0, "steps": 3, "batch_size": 2, "accumulate": 2, "warmup": 1, "lr": 0.2, "max_norm": 1.0}
Run.case(
    "nothing to learn, by hand: the targets are zero",
    {
        "losses": np.zeros(3),
        "weights": np.zeros(1),
        "losses after going on": np.zeros(2),
        **RESUMED,
    },
    x=np.ones((4, 1)),
    y=np.zeros(4),
    **SMALL,
    broken_at=1,
)
Run.case(
    "two clipped steps, by hand: 0.2, and a tenth of that",
    {
        "losses": np.array([4.5, 3.92]),
        "weights": np.array([0.22]),
        "losses after going on": np.array([3.92]),
        **RESUMED,
    },
    x=np.ones((2, 1)),
    y=np.full(2, 3.0),
    **SMALL | {"steps": 2, "warmup": 0},
    broken_at=1,
)
Run.case(
    "a gradient as small as eps, by hand: half a step",
    {
        "losses": np.array([0.5, 0.5]),
        "weights": np.array([0.11]),
        "losses after going on": np.array([0.5]),
        **RESUMED,
    },
    x=np.full((2, 1), 1e-8),
    y=np.ones(2),
    **SMALL | {"steps": 2, "warmup": 0},
    broken_at=1,
)


@Run.against(expected, "whole runs, against whole batches in torch", seeds=5)
def runs(rng):
    accumulate = int(rng.integers(2, 4))
    batch_size = 3 * accumulate
    N, P = int(2 * batch_size + rng.integers(1, batch_size)), int(rng.integers(2, 4))
    x = rng.normal(size=(N, P)) * rng.choice([0.3, 1.0, 3.0], size=(N, 1))
    y = x @ rng.normal(0, 2, size=P) + rng.normal(size=N)
    y[rng.permutation(N)[: N // 3]] = np.nan
    warmup = int(rng.integers(1, 3))
    return {
        "x": x,
        "y": y,
        "seed": int(rng.integers(1, 99)),
        "steps": warmup + int(rng.integers(8, 12)),
        "batch_size": batch_size,
        "accumulate": accumulate,
        "warmup": warmup,
        "lr": 0.3,
        "max_norm": float(rng.choice([0.5, 2.0])),
        "broken_at": warmup + 3,
    }


class Wrong:
    """The loop with one of its parts exchanged."""

    def __init__(self, switch, x, y, seed, steps, batch_size, accumulate, warmup, lr, max_norm):
        self.switch, self.x, self.y, self.seed, self.steps = switch, x, y, seed, steps
        self.batch_size, self.accumulate, self.warmup = batch_size, accumulate, warmup
        self.lr, self.max_norm = lr, max_norm
        self.done = self.adams = self.drawn = 0
        self.w, self.m, self.v = (np.zeros(x.shape[1]) for _ in range(3))

    def clipped(self, gradient):
        """Shorten a gradient."""
        norm = float(np.linalg.norm(gradient))
        return gradient * (self.max_norm / norm) if norm > self.max_norm else gradient

    def rate(self, number, steps, warmup):
        """Give the rate of a step."""
        if self.switch == "no schedule":
            return self.lr
        if number < warmup:
            return self.lr * (number + 1) / (warmup + 1)
        progress = (number - warmup) / (steps - 1 - warmup)
        return self.lr * (0.1 + 0.9 * (1 + math.cos(math.pi * min(progress, 1.0))) / 2)

    def adam(self, gradient, rate):
        """Do one step of Adam."""
        self.adams += 1
        if self.switch == "same arrays":
            self.m *= 0.9
            self.m += 0.1 * gradient
            self.v *= 0.95
            self.v += 0.05 * gradient**2
            self.w -= (
                rate * (self.m / (1 - 0.9**self.adams)) / (np.sqrt(self.v / (1 - 0.95**self.adams)) + 1e-8)
            )
            return
        self.m = 0.9 * self.m + 0.1 * gradient
        self.v = 0.95 * self.v + 0.05 * gradient**2
        self.w = self.w - rate * (self.m / (1 - 0.9**self.adams)) / (
            np.sqrt(self.v / (1 - 0.95**self.adams)) + 1e-8
        )

    def step(self):
        """Do the next step."""
        epoch, place = divmod(self.drawn, len(self.x) // self.batch_size)
        if self.switch == "one order":
            epoch = 0
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.x))
        rows = order[place * self.batch_size : (place + 1) * self.batch_size]
        targets = int(np.isfinite(self.y[rows]).sum())
        loss, gradient = 0.0, np.zeros_like(self.w)
        begin = self.w
        for part in np.split(rows, self.accumulate):
            part = part[np.isfinite(self.y[part])]
            error = self.x[part] @ begin - self.y[part]
            loss += float(error @ error) / 2 / targets
            divisor = targets
            if self.switch == "mean of means":
                divisor = max(len(part), 1) * self.accumulate
            elif self.switch == "rows":
                divisor = self.batch_size
            one = error @ self.x[part] / divisor
            if self.switch == "clip first":
                one = self.clipped(one)
            if self.switch == "running clip":
                gradient = self.clipped(gradient + one)
                continue
            if self.switch == "every micro-batch":
                self.adam(
                    self.clipped(one * self.accumulate),
                    self.rate(self.done, self.steps, self.warmup),
                )
                continue
            gradient = one if self.switch == "last one" else gradient + one
        if self.switch not in ("clip first", "running clip", "not clipped"):
            gradient = self.clipped(gradient)
        rate = self.rate(self.done, self.steps, self.warmup)
        if self.switch == "micro schedule":
            rate = self.rate(self.done * self.accumulate, self.steps, self.warmup)
        if self.switch != "every micro-batch":
            self.adam(gradient, rate)
        self.done += 1
        self.drawn += 1
        return loss

    def state(self):
        """Return the state, or nearly."""
        names = ("w", "m", "v", "done", "adams", "drawn")
        if self.switch == "same arrays":
            return {name: getattr(self, name) for name in names}
        state = {name: copy.copy(getattr(self, name)) for name in names}
        if self.switch == "means forgotten":
            state |= {"m": 0 * self.m, "v": 0 * self.v, "adams": 0}
        if self.switch == "count forgotten":
            state["adams"] = 0
        if self.switch == "schedule anew":
            state["done"] = 0
        if self.switch == "data anew":
            state["drawn"] = 0
        if self.switch == "weights only":
            state |= {"m": 0 * self.m, "v": 0 * self.v, "adams": 0, "done": 0, "drawn": 0}
        if self.switch == "rounded":
            state["w"] = self.w.astype(np.float32).astype(np.float64)
        return state

    def load(self, state):
        """Go on."""
        for name, value in state.items():
            setattr(self, name, value if self.switch == "same arrays" else copy.copy(value))


@Run.mistake(
    "The micro-batches' means were averaged. Where they hold different numbers of targets, that is another"
    " gradient: divide each sum by the targets of the whole batch.",
    see=ACCUMULATION,
)
def mean_of_means(*arguments):
    return Wrong("mean of means", *arguments)


@Run.mistake(
    "The gradient was divided by the rows of the batch. The loss is a mean over its targets: ignored ones do"
    " not count.",
    see=ACCUMULATION,
)
def divided_by_rows(*arguments):
    return Wrong("rows", *arguments)


@Run.mistake(
    "Only the last micro-batch has a say: the gradient was set anew for each, rather than added to.",
    see=ACCUMULATION,
)
def last_micro_batch(*arguments):
    return Wrong("last one", *arguments)


@Run.mistake(
    "Adam stepped after every micro-batch. Accumulating means: one step for all of them together.",
    see=ACCUMULATION,
)
def step_each(*arguments):
    return Wrong("every micro-batch", *arguments)


@Run.mistake(
    "Every micro-batch's gradient was clipped by itself. There is one gradient to clip, when all are added.",
    see=CLIPPING,
)
def clip_each(*arguments):
    return Wrong("clip first", *arguments)


@Run.mistake(
    "The gradient was clipped while it was still being added up. Clip once, after the last micro-batch.",
    see=CLIPPING,
)
def clip_before_the_end(*arguments):
    return Wrong("running clip", *arguments)


@Run.mistake("The gradient was not clipped: one bad batch may go as far as it likes.", see=CLIPPING)
def not_clipped(*arguments):
    return Wrong("not clipped", *arguments)


@Run.mistake(
    "The schedule counts micro-batches: the rate has come down long before the run is over. It counts steps.",
    see=SCHEDULE,
)
def scheduled_by_micro_batch(*arguments):
    return Wrong("micro schedule", *arguments)


@Run.mistake("The rate is the same in every step: warm-up and cosine are missing.", see=SCHEDULE)
def no_schedule(*arguments):
    return Wrong("no schedule", *arguments)


@Run.mistake("All epochs have the order of the first. The seed of epoch e is the pair (seed, e).", see=RESUME)
def one_order(*arguments):
    return Wrong("one order", *arguments)


@Run.mistake(
    "The unbroken run is right; the resumed one begins with Adam's means at zero: they are not in the state.",
    see=RESUME,
)
def means_forgotten(*arguments):
    return Wrong("means forgotten", *arguments)


@Run.mistake("The weights in the state were rounded to float32: nearly equal is not equal.", see=RESUME)
def rounded_weights(*arguments):
    return Wrong("rounded", *arguments)


@Run.mistake(
    "Adam's count of steps begins anew on resuming, while its means are complete: the bias correction"
    " inflates them.",
    see=RESUME,
)
def count_forgotten(*arguments):
    return Wrong("count forgotten", *arguments)


@Run.mistake(
    "The resumed run begins its schedule anew, warm-up and all: the step is not in the state.", see=RESUME
)
def schedule_anew(*arguments):
    return Wrong("schedule anew", *arguments)


@Run.mistake(
    "The resumed run reads the data from the beginning: rows are seen twice, and others never.", see=RESUME
)
def data_anew(*arguments):
    return Wrong("data anew", *arguments)


@Run.mistake(
    "Only the weights are in the state. Adam's means, its count and the number of the step belong to it too.",
    see=RESUME,
)
def weights_only(*arguments):
    return Wrong("weights only", *arguments)


@Run.mistake(
    "The state holds the run's own arrays, and later steps change them in place: what was saved is not what"
    " it was. Copy on the way out and on the way in.",
    see=RESUME,
)
def same_arrays(*arguments):
    return Wrong("same arrays", *arguments)


Run.survives("self.done < self.warmup -> self.done <= self.warmup", "at step w both formulas give the peak")
Run.survives("norm > self.max_norm -> norm >= self.max_norm", "at the limit itself the factor is one")
