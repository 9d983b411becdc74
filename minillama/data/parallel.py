"""Work for several processes whose results come in the order of the work, a bounded number at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")
AHEAD = 2  # pieces of work for each process that may be under way


def in_order(function: Callable[[Work], Result], work: Iterable[Work], workers: int = 1) -> Iterator[Result]:
    """Apply a function to each piece of work, in `workers` processes; results come in order.

    Parameters
    ----------
    function : callable
        At the top of a module, so that another process can find it.
    work : iterable
        Taken from as needed: never more than a few pieces are in memory.
    workers : int
        1: in this process.

    Raises
    ------
    BrokenProcessPool
        If a process dies. An exception in the function is raised here.

    Examples
    --------
    >>> list(in_order(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    if workers == 1:
        yield from map(function, work)
        return
    waiting: deque[Future[Result]] = deque()
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_follow_parent)
    try:
        for piece in work:
            waiting.append(pool.submit(function, piece))
            if len(waiting) >= AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
    """Leave Ctrl-C to the parent, and end when that is killed, which no finally clause would see."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
