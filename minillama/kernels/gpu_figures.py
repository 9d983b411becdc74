"""What was measured on GPUs: the files that `minillama bench gpu` writes, one a device, read and checked.

    load(folder)     the figures of every GPU in it, an empty list where nobody has measured yet
    read(path)       one file

A file holds what was measured (seconds of every run, bytes, losses) and what is needed to measure it again.
Shares, medians and rates follow from that and are computed here. `docs/gpu.md` describes the format.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ..accounting import flops_per_token, mfu
from ..config import LlamaConfig
from ..fields import known_fields, positive_number, set_field, set_whole_number
from .roofline import DATA_SHEETS, Machine
from .work import Work

FORMAT = 1
RUNS = 5
"""How often each contestant runs, all in turns."""
CONTESTANTS = ("eager", "torch.compile", "liger", "ours")
SHEETS = {"NVIDIA A100-SXM4-80GB": "a100-80gb", "NVIDIA H100 80GB HBM3": "h100-80gb"}
"""Names by which PyTorch knows the devices of `DATA_SHEETS`."""


@dataclass(frozen=True)
class StepFigures:
    """Training steps of one contestant.

    Attributes
    ----------
    seconds : list of float
        Of a step, the mean over each run.
    losses : list of float
        Nats a target, one for each step from the first: every contestant begins with the same weights and
        reads the same tokens.
    peak_bytes : int or None
        The most memory at once: weights, moments, gradients, activations. None: not measured, on a CPU.
    """

    seconds: list[float]
    losses: list[float]
    peak_bytes: int | None = None

    def __post_init__(self) -> None:
        _check_times("seconds", self.seconds)
        _check_numbers("losses", self.losses)
        if self.peak_bytes is not None:
            set_whole_number(self, "peak_bytes", at_least=1)


@dataclass(frozen=True)
class TrainingFigures:
    """Training steps of one model by every contestant.

    Attributes
    ----------
    model : LlamaConfig
    batch, seq_len : int
        B rows of T tokens a step.
    steps : dict of str to StepFigures
        By contestant.
    """

    model: LlamaConfig
    batch: int
    seq_len: int
    steps: dict[str, StepFigures]

    def __post_init__(self) -> None:
        for name in ("batch", "seq_len"):
            set_whole_number(self, name, at_least=1)
        _check_contestants("steps", self.steps)

    def tokens_per_second(self, who: str) -> float:
        """Return the median over the runs of contestant `who`."""
        return self.batch * self.seq_len / median(self.steps[who].seconds)


@dataclass(frozen=True)
class OperationFigures:
    """One operation by every contestant that has it.

    Attributes
    ----------
    name : str
        As in `minillama.kernels.work`: "rms_norm", "rms_norm backward".
    flops, bytes : int
        Of one call, and at least: see `Work`.
    seconds : dict of str to list of float
        Of one call, the mean over each run, by contestant.
    """

    name: str
    flops: int
    bytes: int
    seconds: dict[str, list[float]]

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ValueError(f"name is {self.name!r}: expected a text")
        set_whole_number(self, "flops", at_least=0)
        set_whole_number(self, "bytes", at_least=1)
        _check_contestants("seconds", self.seconds)
        for who, times in self.seconds.items():
            _check_times(f"seconds of {who}", times)


@dataclass(frozen=True)
class GpuFigures:
    """What one run of `minillama bench gpu` measured on one device.

    Attributes
    ----------
    device : str
        The name by which PyTorch knows it.
    device_type : str
        "cuda", or "cpu" for a rehearsal.
    memory_bytes : int
    peak_flops, bandwidth : float
        FLOP/s of the best matrix products in `dtype`, bytes/s of the best of three simple loops; measured.
    backend : str
        Whose kernels "ours" are.
    dtype : str
        Of matrix products in training (weights are float32), and of the operations' tensors.
    seed : int
    commit : str
        Of this repository; ends in "-dirty" where files differed from it.
    versions : dict of str to str
    training : TrainingFigures
    operations : list of OperationFigures
    absent : dict of str to str
        Why a contestant is missing.
    """

    device: str
    device_type: str
    memory_bytes: int
    peak_flops: float
    bandwidth: float
    backend: str
    dtype: str
    seed: int
    commit: str
    versions: dict[str, str]
    training: TrainingFigures
    operations: list[OperationFigures]
    absent: dict[str, str]

    def __post_init__(self) -> None:
        for name in ("device", "device_type", "backend", "dtype", "commit"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ValueError(f"{name} is {getattr(self, name)!r}: expected a text")
        if self.device_type not in ("cuda", "cpu"):
            raise ValueError(f"device_type is {self.device_type!r}: expected cuda or cpu")
        set_whole_number(self, "memory_bytes", at_least=1)
        set_whole_number(self, "seed", at_least=0)
        for name in ("peak_flops", "bandwidth"):
            set_field(self, name, positive_number(name, getattr(self, name)))
        for name in ("versions", "absent"):
            values = getattr(self, name)
            if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
                raise ValueError(f"{name} is {values!r}: expected a dictionary of texts")

    @property
    def measured(self) -> Machine:
        """The roof that was measured beside the figures."""
        return Machine(self.device, self.bandwidth, self.peak_flops)

    @property
    def sheet(self) -> Machine | None:
        """The roof by the data sheet, where `DATA_SHEETS` has the device; dense bfloat16."""
        return DATA_SHEETS[SHEETS[self.device]] if self.device in SHEETS else None

    def mfu(self, who: str, peak_flops: float | None = None) -> float:
        """Return the share of `peak_flops` (None: the measured ones) that training by `who` made use of."""
        work = flops_per_token(self.training.model, self.training.seq_len)
        return mfu(work, self.training.tokens_per_second(who), peak_flops or self.peak_flops)

    def bandwidth_share(self, operation: OperationFigures, who: str) -> float:
        """Return the least bytes of `operation` a second, as a share of the measured bandwidth."""
        return operation.bytes / median(operation.seconds[who]) / self.bandwidth

    def roof_share(self, operation: OperationFigures, who: str) -> float:
        """Return the least time under the measured roof over the median time."""
        least = self.measured.seconds(Work(operation.name, operation.flops, operation.bytes, 1))
        return least / median(operation.seconds[who])

    def to_dict(self) -> dict[str, Any]:
        """Return what a file holds, ready for JSON; `from_dict` reads it back."""
        values = asdict(self)
        values["training"]["model"] = self.training.model.to_dict()
        return {"format": FORMAT, **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GpuFigures:
        """Build figures from `to_dict`'s result.

        Raises
        ------
        ValueError
            If the format is another, a field is missing, unknown or out of range: the text names it.
        """
        if not isinstance(values, Mapping) or values.get("format") != FORMAT:
            raise ValueError(f"expected a dictionary with format {FORMAT}")
        values = {name: value for name, value in values.items() if name != "format"}
        try:
            made = known_fields(cls, values)
            training = known_fields(TrainingFigures, made["training"])
            training["model"] = LlamaConfig.from_dict(training["model"])
            steps = _dictionary("steps", training["steps"])
            training["steps"] = {
                who: StepFigures(**known_fields(StepFigures, one)) for who, one in steps.items()
            }
            made["training"] = TrainingFigures(**training)
            if not isinstance(made["operations"], list):
                raise ValueError("operations: expected a list")
            made["operations"] = [
                OperationFigures(**known_fields(OperationFigures, one)) for one in made["operations"]
            ]
            return cls(**made)
        except (KeyError, TypeError) as error:  # TypeError: a dataclass lacks an argument, and says which
            raise ValueError(f"a field is missing: {error}") from None


def read(path: str | Path) -> GpuFigures:
    """Read one file of figures.

    Raises
    ------
    ValueError
        If it is not one: the text names the file and what is wrong.
    OSError
        If it cannot be read.
    """
    try:
        return GpuFigures.from_dict(
            json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_no_number)
        )
    except ValueError as error:  # of json and of UTF-8, too
        raise ValueError(f"{path}: not the figures of a GPU: {error}") from None


def load(folder: str | Path) -> list[GpuFigures]:
    """Return the figures of every GPU whose file is in `folder`, by the files' names.

    Returns
    -------
    list of GpuFigures
        Empty if there is no file yet, or no folder.

    Raises
    ------
    ValueError
        If a file is not one of figures, or its device is no GPU.

    Examples
    --------
    >>> load("no/such/folder")
    []
    """
    found = []
    for path in sorted(Path(folder).glob("*.json")):
        figures = read(path)
        if figures.device_type != "cuda":
            raise ValueError(f"{path}: measured on {figures.device}, which is no GPU: take the file away")
        found.append(figures)
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number that was measured")


def _dictionary(name: str, values: object) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ValueError(f"{name}: expected a dictionary by contestant")
    return values


def _check_contestants(name: str, values: object) -> None:
    for who in _dictionary(name, values):
        if who not in CONTESTANTS:
            raise ValueError(f"{name}: {who!r} is no contestant: expected some of {', '.join(CONTESTANTS)}")


def _check_numbers(name: str, values: object) -> None:
    if not isinstance(values, list) or not values:
        raise ValueError(f"{name}: expected a list of numbers, not {values!r}")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{name}: {value!r} is no finite number")


def _check_times(name: str, values: object) -> None:
    _check_numbers(name, values)
    assert isinstance(values, list)
    if len(values) != RUNS or min(values) <= 0:
        raise ValueError(f"{name} is {values}: expected {RUNS} times above 0")
