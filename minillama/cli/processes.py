"""A command under torchrun: where its model is placed, who speaks, and what if a process is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .console import console
from .errors import UserError

if TYPE_CHECKING:
    import torch

    from ..training import Placement

PARALLEL = ("ddp", "fsdp")


class LostError(UserError):
    """Another process has ended: whichever notices first says so."""

    of_one_process = True


@contextmanager
def placed(
    parallel: str, tensor_parallel: int, threads: int | None, run_dir: Path, device: str = "auto"
) -> Iterator[Placement]:
    """Yield where the model goes: this process alone, or under torchrun the grid of all of them.

    `device` is as `minillama.training.device.take_device` reads it.

    The console is quiet in every process but the first. After the block the run's checkpoint is one file.

    Raises
    ------
    UserError
        If the options do not fit the number of processes, or another process has ended: the text says where
        the last checkpoint is.
    """
    import torch

    from ..training.parallel import ProcessLostError, process_group, under_torchrun

    torch.set_num_threads(threads or (1 if under_torchrun() else 2))
    if parallel not in PARALLEL:
        raise UserError(f"--parallel is {parallel!r}: expected one of {', '.join(PARALLEL)}")
    if not under_torchrun():
        if tensor_parallel > 1:
            raise UserError(
                f"--tensor-parallel {tensor_parallel} needs as many processes: begin the command with"
                f" torchrun --nproc-per-node={tensor_parallel} -m minillama"
            )
        from ..training import Placement
        from ..training.device import take_device

        yield Placement(take_device(device))
        return
    try:
        with process_group(device) as own:
            placement = _placement(parallel, tensor_parallel, own)
            console.quiet = not placement.is_main
            yield placement
            _finish(placement, run_dir)
    except ProcessLostError as error:
        raise LostError(_told(str(error), run_dir)) from error


def _placement(parallel: str, tensor_parallel: int, device: torch.device) -> Placement:
    from ..training.parallel import DataParallel, Sharded

    if tensor_parallel == 1 and parallel == "ddp":
        return DataParallel(device)
    return Sharded(device, tensor_parallel)


def _finish(placement: Placement, run_dir: Path) -> None:
    """Make one file of what the processes hold, which every other command can read."""
    from ..checkpoints.runs import consolidate

    if placement.is_main:
        consolidate(run_dir)
    placement.barrier()


def _told(reason: str, run_dir: Path) -> str:
    """Say what the user can do; nothing where another process has said it."""
    from ..checkpoints.runs import latest_step

    if not reason:
        return ""
    step = latest_step(run_dir)
    if step is None:
        return f"{reason}. There is no checkpoint yet: begin again"
    return f"{reason}. The checkpoint of step {step} is whole: go on with --resume {run_dir}"
