"""A training run planned by arithmetic: layout, memory, days, energy, carbon.

Each number is a formula of `minillama.accounting` on stated inputs; the one that is a guess, how well the
GPUs will be used, is named in the result and can be replaced. Left out: failures and restarts, evaluation,
data, the price.

References
----------
Touvron et al. 2023, arXiv 2302.13971, section 2.4 (speed, days) and section 6 (energy, carbon).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import LlamaConfig
from ..fields import positive_number, whole_number
from .compute import flops_per_token, training_days
from .compute import mfu as utilisation
from .devices import Device
from .energy import PUE, TONNES_PER_MWH, Footprint, footprint
from .fitting import Fit, Task, fit
from .layout import MIXED, Precision
from .parameters import count_parameters

BATCH_TOKENS = 2**22  # "a batch size of 4M tokens", section 2.3
LONGEST = 8192  # tokens that Llama 3 was pre-trained on, before its context was made longer
HEADROOM = 0.1  # of the memory, for the driver, communication and the allocator's losses
RECOMPUTED = 3 / 4  # 6 N useful operations of the 8 N that are done


@dataclass(frozen=True)
class Plan:
    """What a run takes.

    Attributes
    ----------
    cfg : LlamaConfig
    device : Device
    gpus : int
    tokens, seq_len : int
        To train on; in one sequence.
    sequences : int
        In a step, over all GPUs.
    capacity : float
        Bytes of each GPU that may be filled.
    fit : Fit
        Layout and memory, and what does not fit.
    tokens_per_second : float
        On one GPU.
    assumption : str
        Where that speed is from.
    footprint : Footprint
    """

    cfg: LlamaConfig
    device: Device
    gpus: int
    tokens: int
    seq_len: int
    sequences: int
    capacity: float
    fit: Fit
    tokens_per_second: float
    assumption: str
    footprint: Footprint

    @property
    def passes(self) -> int:
        """Micro-batches that a replica takes in one step."""
        return -(-self.sequences // (self.fit.layout.data * self.fit.micro_batch))

    @property
    def steps(self) -> int:
        """Steps of the optimiser."""
        return -(-self.tokens // (self.sequences * self.seq_len))

    @property
    def mfu(self) -> float:
        """Utilisation in PaLM's count: ``6 N + 12 L H D T`` FLOPs a token."""
        useful = flops_per_token(self.cfg, self.seq_len)
        return utilisation(useful, self.tokens_per_second, self.device.peak_flops)

    @property
    def mfu_6n(self) -> float:
        """Utilisation where only ``6 N`` counts."""
        return utilisation(
            6 * count_parameters(self.cfg).active, self.tokens_per_second, self.device.peak_flops
        )

    @property
    def days(self) -> float:
        """Without a pause."""
        return training_days(self.tokens, self.tokens_per_second * self.gpus)


def plan_training(
    cfg: LlamaConfig,
    gpus: int,
    device: Device,
    tokens: int,
    *,
    seq_len: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    mfu: float | None = None,
    tokens_per_second: float | None = None,
    watts: float | None = None,
    pue: float = PUE,
    tonnes_per_mwh: float = TONNES_PER_MWH,
    headroom: float = HEADROOM,
    precision: Precision = MIXED,
    logits_at_once: int | None = None,
) -> Plan:
    """Plan a training run.

    Parameters
    ----------
    cfg : LlamaConfig
        Without experts.
    gpus : int
    device : Device
    tokens : int
        To train on.
    seq_len : int, optional
        Tokens in a sequence. Default: `max_seq_len`, but no more than 8192.
    batch_tokens : int
        Tokens in a step.
    mfu : float, optional
        Utilisation in PaLM's count. Default: the device's, times 3/4 where the layout computes again.
    tokens_per_second : float, optional
        Of one GPU, in place of `mfu`.
    watts : float, optional
        Of one GPU. Default: the device's.
    pue, tonnes_per_mwh : float
        As in `footprint`.
    headroom : float
        Share of the memory that stays free.
    precision : Precision
    logits_at_once : int, optional
        As in `training_memory`.

    Returns
    -------
    Plan

    Raises
    ------
    DoesNotFitError
        If no layout fits; the message says by how much.
    ValueError
        If a number cannot be what it is.

    Examples
    --------
    >>> cfg, device = LlamaConfig.named("llama-1-65b"), Device.named("a100-80gb")
    >>> found = plan_training(cfg, 2048, device, tokens=1_400_000_000_000)
    >>> f"{found.days:.1f} days, {found.footprint.mwh:.0f} MWh, {found.footprint.tonnes:.0f} t"
    '20.8 days, 450 MWh, 173 t'
    >>> str(found.fit.layout), f"{found.fit.memory.total / 1e9:.0f} GB"
    ('tensor 1 x data 2048, all sharded', '57 GB')
    """
    gpus, tokens = whole_number("gpus", gpus, 1), whole_number("tokens", tokens, 1)
    if not 0 <= headroom < 1:
        raise ValueError(f"headroom is {headroom}: expected a share of the memory, from 0 to less than 1")
    length = whole_number("seq_len", min(cfg.max_seq_len, LONGEST) if seq_len is None else seq_len, 1)
    sequences = whole_number("batch_tokens", batch_tokens, 1) // length
    if sequences < 1:
        raise ValueError(f"batch_tokens is {batch_tokens}: expected at least one sequence of {length}")
    capacity = (1 - headroom) * device.memory
    found = fit(Task(cfg, sequences, length, capacity, precision, logits_at_once), gpus)
    speed, assumption = _speed(cfg, device, length, found.layout.recompute, mfu, tokens_per_second)
    hours = tokens / speed / 3600
    used = footprint(hours, device.watts if watts is None else watts, pue, tonnes_per_mwh)
    return Plan(cfg, device, gpus, tokens, length, sequences, capacity, found, speed, assumption, used)


def _speed(
    cfg: LlamaConfig,
    device: Device,
    seq_len: int,
    recompute: bool,
    mfu: float | None,
    tokens_per_second: float | None,
) -> tuple[float, str]:
    """Return tokens per second on one GPU, and who says so."""
    most = device.peak_flops / flops_per_token(cfg, seq_len)
    if tokens_per_second is not None:
        if mfu is not None:
            raise ValueError("mfu and tokens_per_second say the same thing twice: give one of them")
        if positive_number("tokens_per_second", tokens_per_second) > most:
            raise ValueError(
                f"tokens_per_second is {tokens_per_second:g}: at its peak one {device.name} does {most:,.0f}"
            )
        return tokens_per_second, "given"
    assumption = "given"
    if mfu is None:
        mfu, assumption = device.mfu, device.mfu_source
        if recompute:
            mfu, assumption = mfu * RECOMPUTED, f"{assumption}, times 3/4 for computing again"
    if positive_number("mfu", mfu) > 1:
        raise ValueError(f"mfu is {mfu}: expected a share of the peak, at most 1")
    return mfu * most, assumption
