"""The watch over loss and gradient: it finds planted jumps and nothing else, and gets used to a new level."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minillama.training import SpikeWatch
from minillama.training.watch import ENOUGH, WINDOW


def falling_run(steps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Losses that fall and gradient norms that wander, both with noise."""
    rng = np.random.default_rng(seed)
    loss = 2 + 3 * np.exp(-np.arange(steps) / 200) + rng.normal(0, 0.05, steps)
    norm = np.exp(rng.normal(0, 0.25, steps))
    return loss, norm


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_jump_is_found_and_nothing_else(seed: int) -> None:
    loss, norm = falling_run(2000, seed)
    loss[[700, 1500]] += 2.0
    norm[[900, 1600]] *= 100
    watch = SpikeWatch(10.0)
    found = {step: said for step in range(2000) if (said := watch.look(float(loss[step]), float(norm[step])))}
    assert found == {700: "loss", 900: "grad_norm", 1500: "loss", 1600: "grad_norm"}


def test_jumps_do_not_hide_the_next_one() -> None:
    """A mean and a standard deviation would be moved by the first ten."""
    watch = SpikeWatch(10.0)
    loss, norm = falling_run(WINDOW, 0)
    for step in range(WINDOW):
        watch.look(float(loss[step]), float(norm[step]))
    assert [watch.look(9.0, 1.0) for _ in range(10)] == ["loss"] * 10


def test_a_new_level_becomes_the_normal_one() -> None:
    watch = SpikeWatch(10.0)
    for _ in range(WINDOW):
        watch.look(2.0, 1.0)
    said = [watch.look(3.0, 1.0) for _ in range(WINDOW)]
    assert said == ["loss"] * (WINDOW // 2) + [None] * (WINDOW // 2)


def test_nothing_is_judged_before_there_is_enough() -> None:
    watch = SpikeWatch(10.0)
    assert [watch.look(10.0**step, 1.0) for step in range(ENOUGH)] == [None] * ENOUGH
    assert watch.look(1e300, 0.0) == "loss"  # and a gradient of zero is no error


def test_the_memory_survives_a_checkpoint() -> None:
    loss, norm = falling_run(300, 3)
    loss[250] += 2.0
    whole, first = SpikeWatch(10.0), SpikeWatch(10.0)
    expected = [whole.look(*pair) for pair in zip(loss.tolist(), norm.tolist(), strict=True)]
    said = [first.look(*pair) for pair in zip(loss[:245].tolist(), norm[:245].tolist(), strict=True)]
    second = SpikeWatch(10.0)
    second.remember(first.memory())
    assert (
        said + [second.look(*pair) for pair in zip(loss[245:].tolist(), norm[245:].tolist(), strict=True)]
        == expected
    )
    assert expected[250] == "loss"
    assert all(math.isfinite(value) for values in second.memory().values() for value in values)
