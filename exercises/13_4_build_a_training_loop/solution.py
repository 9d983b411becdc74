"""Solution of 13.4."""

import math

import numpy as np
from jaxtyping import Float


class Run:
    """Batches and rates are functions of the step's number; the rest is state."""

    def __init__(
        self,
        x: Float[np.ndarray, "N P"],
        y: Float[np.ndarray, " N"],
        seed: int,
        steps: int,
        batch_size: int,
        accumulate: int,
        warmup: int,
        lr: float,
        max_norm: float,
    ) -> None:
        """Begin at zero."""
        self.x, self.y, self.seed, self.steps = x, y, seed, steps
        self.batch_size, self.accumulate, self.warmup = batch_size, accumulate, warmup
        self.lr, self.max_norm = lr, max_norm
        self.done = 0
        self.w, self.m, self.v = (np.zeros(x.shape[1]) for _ in range(3))

    def batch(self) -> np.ndarray:
        """Return the rows of the next batch."""
        epoch, place = divmod(self.done, len(self.x) // self.batch_size)
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.x))
        return order[place * self.batch_size : (place + 1) * self.batch_size]

    def rate(self) -> float:
        """Return the rate of the next step."""
        if self.done < self.warmup:
            return self.lr * (self.done + 1) / (self.warmup + 1)
        progress = (self.done - self.warmup) / (self.steps - 1 - self.warmup)
        return self.lr * (0.1 + 0.9 * (1 + math.cos(math.pi * progress)) / 2)

    def step(self) -> float:
        """Add up the micro-batches, clip, and do one step of Adam."""
        rows = self.batch()
        targets = int(np.isfinite(self.y[rows]).sum())
        loss, gradient = 0.0, np.zeros_like(self.w)
        for part in np.split(rows, self.accumulate):
            part = part[np.isfinite(self.y[part])]
            error = self.x[part] @ self.w - self.y[part]
            loss += float(error @ error) / 2 / targets
            gradient += error @ self.x[part] / targets
        norm = float(np.linalg.norm(gradient))
        if norm > self.max_norm:
            gradient *= self.max_norm / norm
        rate = self.rate()
        self.done += 1
        self.m = 0.9 * self.m + 0.1 * gradient
        self.v = 0.95 * self.v + 0.05 * gradient**2
        m_hat, v_hat = self.m / (1 - 0.9**self.done), self.v / (1 - 0.95**self.done)
        self.w = self.w - rate * m_hat / (np.sqrt(v_hat) + 1e-8)
        return loss

    def state(self) -> dict[str, np.ndarray | int | float]:
        """Return copies of weights, both means and the number of steps."""
        return {"w": self.w.copy(), "m": self.m.copy(), "v": self.v.copy(), "done": self.done}

    def load(self, state: dict[str, np.ndarray | int | float]) -> None:
        """Take copies back."""
        self.w, self.m, self.v = (np.array(state[name]) for name in ("w", "m", "v"))
        self.done = int(state["done"])
