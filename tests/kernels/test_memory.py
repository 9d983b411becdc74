"""The meter of live memory, on arithmetic that one can do in the head."""

from __future__ import annotations

import torch
from torch.utils.checkpoint import checkpoint

from minillama.kernels.memory import LiveMemory

KB = 1000  # of float32: 4,000 bytes


def test_what_is_freed_counts_no_longer() -> None:
    with LiveMemory() as memory:
        a = torch.zeros(KB)
        b = a + 1
        assert (memory.now, memory.peak) == (8 * KB, 8 * KB)
        del a
        assert memory.now == 4 * KB
        c = torch.cat([b, b, b])
        assert (memory.now, memory.peak, memory.largest) == (16 * KB, 16 * KB, 12 * KB)
    del b, c
    assert (memory.now, memory.peak) == (0, 16 * KB)


def test_views_and_changes_in_place_cost_nothing() -> None:
    outside = torch.zeros(10, 100)
    with LiveMemory() as memory:
        outside.t().reshape(-1, 1).mul_(2)  # a transpose cannot be flattened without a copy
        assert memory.peak == 4 * KB
        outside.add_(1)
        views = [outside[2:], outside.unflatten(1, (4, 25)), outside.expand(2, 10, 100)]
        assert memory.now == 0
    assert len(views) == 3


def test_what_autograd_keeps_is_seen() -> None:
    x = torch.zeros(KB, requires_grad=True)
    with LiveMemory() as memory:
        y = x.exp().exp().sum()  # each exp keeps its output
        assert 8 * KB <= memory.now < 9 * KB
        y.backward()
        assert x.grad is not None
        assert 4 * KB <= memory.now < 5 * KB  # the gradient, and y
    with LiveMemory() as memory:
        y = checkpoint(lambda x: x.exp().exp().sum(), x, use_reentrant=False)
        assert memory.now < KB
