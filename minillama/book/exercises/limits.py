"""What a reader's code may take: time, and space for what it prints."""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import FrameType

SECONDS = 20.0  # for one check
PRINTED = 2000  # characters kept of what the code prints


class TimeUp(BaseException):
    """The time limit is reached. Not an Exception, so that the reader's own ``except`` lets it pass."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeUp` in the body after so many seconds, and every second from then on.

    It works by SIGALRM: in the main thread, on systems that have it. Elsewhere there is no limit.
    """
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Printed(io.StringIO):
    """Takes what is printed, and keeps the beginning."""

    def write(self, text: str) -> int:
        """Keep as much of `text` as there is space for; what is no valid text is shown as question marks."""
        kept = text[: max(0, PRINTED - self.tell())]
        super().write(kept.encode("utf-8", "replace").decode("utf-8"))
        return len(text)


@contextmanager
def captured() -> Iterator[Printed]:
    """Collect what the body prints, instead of showing it."""
    printed = Printed()
    with redirect_stdout(printed), redirect_stderr(printed):
        yield printed
