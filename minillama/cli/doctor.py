"""`minillama doctor`: what is here, what is missing, and what each missing piece would enable."""

from __future__ import annotations


def doctor() -> None:
    """Report what this machine offers, and what each missing piece would enable."""
