"""The least elaborate layout that fits into the GPUs' memory, and why those before it do not.

Layouts are tried in the order of what they cost: first without computing anything twice, then with; the
replica on one GPU, then on 2, 4, 8 (never on more than a node, whose links are fast); within that, ZeRO's
stages from 0 to 3. Left out: whether the network keeps up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ..config import LlamaConfig
from .layout import Layout, Precision
from .memory import TrainingMemory, training_memory

NODE = 8  # GPUs with fast links among themselves, as in NVIDIA's DGX and HGX machines
ENOUGH = 2**20  # GPUs beyond which nobody is advised to go


class DoesNotFitError(ValueError):
    """No layout fits; the message says by how much, and how many GPUs would do."""


@dataclass(frozen=True)
class Rejected:
    """A layout that does not do, and why."""

    layout: Layout
    reason: str


@dataclass(frozen=True)
class Fit:
    """A layout that does.

    Attributes
    ----------
    layout : Layout
    micro_batch : int
        Sequences that a replica takes at once: the largest power of two that fits.
    memory : TrainingMemory
        Of each GPU.
    rejected : tuple of Rejected
        What was tried before.
    """

    layout: Layout
    micro_batch: int
    memory: TrainingMemory
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True)
class Task:
    """What has to fit.

    Attributes
    ----------
    cfg : LlamaConfig
    sequences, seq_len : int
        Sequences in a step over all GPUs, and tokens in each.
    capacity : float
        Bytes that each GPU offers.
    precision : Precision
    logits_at_once : int or None
        As in `training_memory`.
    """

    cfg: LlamaConfig
    sequences: int
    seq_len: int
    capacity: float
    precision: Precision
    logits_at_once: int | None = None

    def memory(self, layout: Layout, micro_batch: int) -> TrainingMemory:
        """Count what each GPU would hold."""
        return training_memory(
            self.cfg, micro_batch, self.seq_len, layout, self.precision, self.logits_at_once
        )


def fit(task: Task, gpus: int) -> Fit:
    """Return the first layout that fits.

    Raises
    ------
    DoesNotFitError
        If none does.

    Examples
    --------
    >>> from .layout import MIXED
    >>> found = fit(Task(LlamaConfig.named("llama-2-7b"), 1024, 4096, 72e9, MIXED), gpus=8)
    >>> str(found.layout), found.micro_batch, len(found.rejected)
    ('tensor 1 x data 8, optimiser sharded', 1, 1)
    """
    rejected: list[Rejected] = []
    shortages: list[float] = []
    for layout in layouts(gpus):
        reason = _impossible(task, layout)
        if reason is None:
            memory = task.memory(layout, micro_batch=1)
            over = memory.total - task.capacity
            if over <= 0:
                micro_batch = _largest(task, layout)
                return Fit(layout, micro_batch, task.memory(layout, micro_batch), tuple(rejected))
            reason = f"{_gb(over)} too many"
            shortages.append(over)
        rejected.append(Rejected(layout, reason))
    raise DoesNotFitError(_advice(task, gpus, rejected[-1], shortages))


def layouts(gpus: int) -> Iterator[Layout]:
    """Yield the layouts of so many GPUs, the least elaborate first."""
    for recompute, tensor in product((False, True), (1, 2, 4, NODE)):
        if gpus % tensor == 0:
            data = gpus // tensor
            for zero in range(4 if data > 1 else 1):
                yield Layout(data, tensor, zero, recompute)


def _impossible(task: Task, layout: Layout) -> str | None:
    """Say why a layout cannot be, whatever the memory."""
    for name in ("n_heads", "n_kv_heads", "hidden_dim"):
        if getattr(task.cfg, name) % layout.tensor:
            return f"{name} {getattr(task.cfg, name)} cannot be cut into {layout.tensor}"
    if layout.data > task.sequences:
        return f"{task.sequences:,} sequences in a step cannot feed {layout.data:,} replicas"
    return None


def _largest(task: Task, layout: Layout) -> int:
    """Return the largest power of two of sequences that fits at once, without more than a step has."""
    micro_batch = 1
    while (
        2 * micro_batch * layout.data <= task.sequences
        and task.memory(layout, 2 * micro_batch).total <= task.capacity
    ):
        micro_batch *= 2
    return micro_batch


def _advice(task: Task, gpus: int, last: Rejected, shortages: list[float]) -> str:
    """Say by how much it does not fit, and what would."""
    if not shortages:
        return (
            f"no layout of {gpus:,} GPUs is possible. The last one tried, {last.layout}: {last.reason};"
            " make the batch larger, or take another number of GPUs"
        )
    lack = f"in the best layout each GPU lacks {_gb(min(shortages))} of {_gb(task.capacity + min(shortages))}"
    more = 2 * gpus
    while more <= ENOUGH:
        for layout in layouts(more):
            if _impossible(task, layout) is None and task.memory(layout, 1).total <= task.capacity:
                return f"it does not fit: {lack}; {more:,} GPUs would do ({layout})"
        more *= 2
    return f"it does not fit: {lack}, and more GPUs do not help: shorten the sequences"


def _gb(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
