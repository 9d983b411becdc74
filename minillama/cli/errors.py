"""From an exception to one line for the user: what `main` prints when a command cannot go on.

What the user can put right (a value, a file, a full disk) costs one line and exit status 2; Ctrl-C gives 130,
as in every shell; a mistake of ours also costs one line, with a way to see more, and status 1.
"""

from __future__ import annotations

import errno
import os
import sys

import typer

BAD_INPUT, OUR_MISTAKE, INTERRUPTED = 2, 1, 130  # exit statuses


class UserError(ValueError):
    """Something that the user asked for cannot be done; the message says why, and what can."""

    of_one_process = False  # under torchrun: not met by all processes alike


def debugging() -> bool:
    """Return whether MINILLAMA_DEBUG asks for tracebacks."""
    return os.environ.get("MINILLAMA_DEBUG", "") not in ("", "0")


def report(error: BaseException) -> int:
    """Print one line about an exception to the standard error; return the exit status."""
    if isinstance(error, BrokenPipeError):  # the reader of our output has gone, as in `minillama ... | head`
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for the interpreter's last flush
        return OUR_MISTAKE
    status, line = explain(error)
    if line and not _said_by_another(error):
        from .console import errors

        errors.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    return status


def _said_by_another(error: BaseException) -> bool:
    """Whether torchrun's first process meets, and tells, the same: what the user can put right."""
    alike = isinstance(error, (ValueError, typer.TyperException)) and not getattr(
        error, "of_one_process", False
    )
    return alike and os.environ.get("RANK", "0") != "0"


def explain(error: BaseException) -> tuple[int, str]:
    """Return the exit status and the line for an exception; the line is empty if all has been said.

    Examples
    --------
    >>> explain(FileNotFoundError(2, "No such file or directory", "poems.txt"))
    (2, 'poems.txt: no such file or directory')
    """
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "stopped"
    if isinstance(error, typer.Abort):
        return OUR_MISTAKE, "given up"
    if isinstance(error, typer.TyperException):
        return BAD_INPUT, _one_line(_usage(error))
    if isinstance(error, OSError):
        return BAD_INPUT, _one_line(_system(error))
    if isinstance(error, ValueError):
        return BAD_INPUT, _one_line(str(error))
    if isinstance(error, MemoryError):
        return BAD_INPUT, "there is not enough memory for this: choose something smaller"
    told = _one_line(f"{type(error).__name__}: {error}")
    return OUR_MISTAKE, f"unexpected {told} (this is a mistake in minillama; MINILLAMA_DEBUG=1 shows where)"


def _usage(error: typer.TyperException) -> str:
    """Say what typer says of a wrong command line, and name the command whose help tells more."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    if not message or context is None:
        return message  # empty where the help has been shown instead
    return f"{message.rstrip('.')} ({context.command_path} --help)"


def _system(error: OSError) -> str:
    """Say which file the operating system could not serve, and why."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = "the disk is full: make room there and repeat; what was complete is kept"
    reason = reason[0].lower() + reason[1:]
    return f"{os.fsdecode(error.filename)}: {reason}" if error.filename is not None else reason


def _one_line(text: str) -> str:
    return " ".join(text.split())
