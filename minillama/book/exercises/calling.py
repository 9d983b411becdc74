"""Calling a function that may do anything: what it returned, what it raised, which arguments it changed."""

from __future__ import annotations

import copy
import inspect
import traceback
from dataclasses import dataclass
from typing import Any

from .compare import difference
from .holes import Function, Given, Hole
from .limits import TimeUp
from .show import is_tensor

FRAMES = 4  # of the reader's own that a traceback shows
LONGEST = 600  # characters of an error's text


@dataclass(frozen=True)
class Outcome:
    """What one call led to: a value or an error, and the arguments that it changed."""

    value: Any = None
    error: BaseException | None = None
    changed: tuple[str, ...] = ()


def call(hole: Hole, function: Function, given: Given) -> Outcome:
    """Call a function on a copy of the arguments, and note what it did to them."""
    arguments = copy.deepcopy(dict(given))
    try:
        if hole.through is None:
            value = function(*arguments.values())
        else:
            value = hole.through(function, *arguments.values())
    except (Exception, SystemExit) as error:
        return Outcome(error=error)
    return Outcome(value, changed=tuple(name for name in given if _changed(arguments[name], given[name])))


def _changed(after: Any, before: Any) -> bool:
    """Say whether a call left a trace in an argument; in random generators and the like it may."""
    return (is_tensor(before) or hasattr(before, "__len__")) and difference(after, before, 0.0) is not None


def misfit(function: Function, given: Given) -> str | None:
    """Say, before the call, that a function cannot take these arguments by position."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # a builtin without a signature
        return None
    try:
        signature.bind(*given.values())
    except TypeError:
        names = ", ".join(given)
        return f"It takes {_bare(signature)}, but it is called with {len(given)} arguments: ({names})."
    return None


def _bare(signature: inspect.Signature) -> str:
    """Return the parameters' names without their types."""
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


def trimmed(error: BaseException, file: str) -> str:
    """Return the traceback, cut down to the frames in the reader's own file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    lines = [f"line {frame.lineno}, in {frame.name}:\n    {frame.line or ''}" for frame in frames[-FRAMES:]]
    return "\n".join(lines if isinstance(error, TimeUp) else [*lines, name_of(error)])


def file_of(function: Function) -> str:
    """Return the file in which a function or a class was written."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is not None:
        return str(code.co_filename)
    try:
        return inspect.getfile(function)
    except (TypeError, OSError):
        return ""


def name_of(error: BaseException) -> str:
    """Return an exception as Python prints it; not more than some lines."""
    if isinstance(error, SystemExit):
        return "SystemExit: the code calls sys.exit()"
    text = "".join(traceback.format_exception_only(error)).strip().encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."
