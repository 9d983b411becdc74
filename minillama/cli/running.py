"""A training run under the user's eyes: steps, readings, and Ctrl-C between steps, never inside one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType

from ..training import Trainer, TrainingError
from .errors import UserError
from .live import RunDisplay


class StopRequest:
    """Whether the user has asked to stop."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def deferred_interrupt() -> Iterator[StopRequest]:
    """Hold back the first Ctrl-C (or SIGTERM) until the caller looks for it; a second one acts at once."""
    request = StopRequest()

    def handle(number: int, frame: FrameType | None) -> None:
        if request.asked:
            raise KeyboardInterrupt
        request.asked = True

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_steps(
    trainer: Trainer,
    display: RunDisplay,
    read_at: Collection[int] = (),
    read: Callable[[], None] = lambda: None,
) -> bool:
    """Do the remaining steps, call `read` after those in `read_at`, and save; return False if stopped early.

    Raises
    ------
    UserError
        If the loss or a gradient is no longer finite; the last checkpoint stays as it is.
    """
    with display, deferred_interrupt() as stop:
        try:
            for done in trainer:
                display.update(done)
                if done.step in read_at:
                    read()
                if trainer.placement.agreed(stop.asked):
                    break
        except TrainingError as error:
            raise UserError(
                f"{error}. What was saved in {trainer.run_dir} before is whole; try a smaller --lr"
            ) from None
    trainer.save()
    return trainer.step == trainer.config.steps
