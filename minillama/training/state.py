"""What a checkpoint holds of a run besides weights and optimiser, as JSON, checked when it is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..fields import known_fields, positive_number, set_field, set_whole_number
from .config import TrainConfig
from .watch import WINDOW


@dataclass(frozen=True)
class RunState:
    """Where a run stands.

    Parameters
    ----------
    step : int
        Steps done.
    config : TrainConfig
    rows : str
        Fingerprint of what it reads.
    loss_scale : float, optional
        Of a float16 run.
    good_steps : int
        Steps since the loss scale last moved.
    watch : dict of str to list of float
        Memory of the spike watch.
    device, backend : str, optional
        What computed the last step: the device's type, and whose kernels.

    Raises
    ------
    ValueError
        If a value cannot be what it is.
    """

    step: int
    config: TrainConfig
    rows: str
    loss_scale: float | None = None
    good_steps: int = 0
    watch: dict[str, list[float]] = field(default_factory=dict)
    device: str | None = None
    backend: str | None = None

    def __post_init__(self) -> None:
        set_whole_number(self, "step", at_least=0)
        set_whole_number(self, "good_steps", at_least=0)
        if (self.config.dtype == "float16") != (self.loss_scale is not None):
            raise ValueError(f"loss_scale is {self.loss_scale}, dtype {self.config.dtype!r}: they do not fit")
        if self.loss_scale is not None:
            set_field(self, "loss_scale", positive_number("loss_scale", self.loss_scale))
        if not isinstance(self.watch, dict):
            raise ValueError(f"watch is {self.watch!r}: expected a dictionary")
        for name, values in self.watch.items():
            if len(values) > WINDOW or not all(isinstance(value, float) for value in values):
                raise ValueError(f"watch of {name}: expected at most {WINDOW} floats")
        for name in ("device", "backend"):
            if not isinstance(getattr(self, name), str | None):
                raise ValueError(f"{name} is {getattr(self, name)!r}: expected a text")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunState:
        """Build from `to_dict`'s result; TypeError or ValueError if it is no such thing."""
        known = known_fields(cls, values)
        return cls(**known | {"config": TrainConfig.from_dict(known["config"])})

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain values, ready for JSON."""
        return dataclasses.asdict(self)
