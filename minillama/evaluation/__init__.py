"""Judging a model: loss against the exact floor, the gap by skill, valid stories, where two models part.

Importing the package is cheap: torch is loaded when a name that needs it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .divergence import Divergence as Divergence
    from .divergence import first_divergence as first_divergence
    from .stories import SkillGap as SkillGap
    from .stories import StoryLoss as StoryLoss
    from .stories import gap_by_skill as gap_by_skill
    from .stories import is_valid as is_valid
    from .stories import story_loss as story_loss
    from .stories import token_nats as token_nats
    from .stories import validity as validity

_HOMES = {"Divergence": "divergence", "first_divergence": "divergence"}

__all__ = [
    "Divergence",
    "SkillGap",
    "StoryLoss",
    "first_divergence",
    "gap_by_skill",
    "is_valid",
    "story_loss",
    "token_nats",
    "validity",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, and keep it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES.get(name, 'stories')}", __name__), name)
    globals()[name] = value
    return value
