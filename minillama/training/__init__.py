"""Training: optimiser, schedule, the loop with exact resume, and the recipe of the tour."""

from ..reference import cosine
from .optimizer import adamw
from .trainer import Step, TrainConfig, Trainer, TrainingError

__all__ = ["Step", "TrainConfig", "Trainer", "TrainingError", "adamw", "cosine"]
