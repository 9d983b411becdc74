"""Training: optimiser, schedule, the loop with exact resume, and the recipe of the tour."""

from ..reference import cosine
from .config import TrainConfig
from .log import Step
from .optimizer import adamw
from .placement import Placement
from .precision import LossScale
from .trainer import Trainer, TrainingError
from .watch import SpikeWatch

__all__ = [
    "LossScale",
    "Placement",
    "SpikeWatch",
    "Step",
    "TrainConfig",
    "Trainer",
    "TrainingError",
    "adamw",
    "cosine",
]
