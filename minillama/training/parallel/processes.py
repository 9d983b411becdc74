"""The processes of one run: joining those that torchrun started, and what to say when one of them is gone.

torchrun gives each process its number and a place to meet. On GPUs they talk over nccl, on CPUs over gloo;
the command is the same.

    torchrun --nproc-per-node=2 -m minillama train --corpus poems.txt
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from ..device import take_device

TIMEOUT = timedelta(minutes=5)
"""How long a process waits for the others before it gives up: longer than one writes a checkpoint."""


class ProcessLostError(RuntimeError):
    """Another process of the run has ended or hangs: this one cannot go on."""


def under_torchrun() -> bool:
    """Whether torchrun, or what speaks like it, started this process."""
    return all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))


@contextmanager
def process_group(device_name: str = "auto", timeout: timedelta = TIMEOUT) -> Iterator[torch.device]:
    """Join the other processes; yield the device of this one.

    Parameters
    ----------
    device_name : str
        As `take_device` reads it.
    timeout : timedelta
        A collective operation that takes longer ends the run.

    Raises
    ------
    ValueError
        If the device cannot be had.
    ProcessLostError
        Out of the block, in place of what torch raises when another process is gone. The first process to
        notice says so in full; the text of the others is empty, so that the user reads one line.
    """
    device = take_device(device_name)
    store, rank, world = next(iter(dist.rendezvous("env://", timeout=timeout)))
    backend = "nccl" if device.type == "cuda" else "gloo"
    try:
        dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=timeout)
        yield device
    except RuntimeError as error:
        if not _is_lost(error):
            raise
        first = store.add("minillama/lost", 1) == 1
        told = f"another of the run's {world} processes has ended or hangs; process {rank} cannot go on"
        raise ProcessLostError(told if first else "") from error
    dist.destroy_process_group()


def _is_lost(error: RuntimeError) -> bool:
    """Whether torch's error says that a connection broke or a wait was too long."""
    signs = "connection closed", "connection reset", "connection refused", "broken pipe", "timed out"
    return isinstance(error, dist.DistError) or any(sign in str(error).lower() for sign in signs)
