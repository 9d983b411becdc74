"""Judging a model: loss against the exact floor, the gap by skill, the share of valid stories."""

from .stories import SkillGap, StoryLoss, gap_by_skill, is_valid, story_loss, token_nats, validity

__all__ = ["SkillGap", "StoryLoss", "gap_by_skill", "is_valid", "story_loss", "token_nats", "validity"]
