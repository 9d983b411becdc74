"""Judging a model: loss against the exact floor, skills, benchmarks, and where two models part.

    stories, curve                      loss and floor, gap by skill, validity; the picture of a run
    pairs, scoring                      how likely is a continuation after a context?
    perplexity                          a long text, in windows
    multiple_choice, exact_match        answers picked by likelihood; answers written
    prompts, task_file                  questions made into text; questions read from a file
    story_suite                         a benchmark with known chance and ceiling
    intervals, comparison               how much of a score is luck; which of two models is better
    contamination                       was the test in the training data?
    harness                             a model for lm-evaluation-harness
    divergence, traces, peers           where two implementations part

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
