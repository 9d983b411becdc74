"""A reader's function against its hole: right, not started, a named mistake, or the smallest failing case.

By behaviour alone. The function runs on every case, on its own copy of the arguments, and a mistake is
recognised when its results are the reader's on *all* cases. Nothing here guards against malice: the code is
the reader's own.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import report
from .calling import Outcome, call, file_of, misfit, name_of, trimmed
from .compare import difference, relation
from .holes import Case, Function, Given, Hole, Mistake, Raises
from .limits import SECONDS, TimeUp, captured, time_limit
from .report import Finding
from .show import show, to_numpy


@dataclass(frozen=True)
class Failure:
    """A case or a law that does not hold, and the difference in words."""

    stage: str
    given: Given
    expected: str
    outcome: Outcome
    told: str


def diagnose(hole: Hole, function: Function, seconds: float = SECONDS) -> Finding:
    """Return what is to be said about `function` as an answer to `hole`.

    Parameters
    ----------
    hole : Hole
    function : callable
        The reader's.
    seconds : float
        Time for all cases together.
    """
    with captured() as printed, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what NumPy warns of shows in the values
        finding = _diagnose(hole, function, seconds)
    return replace(finding, printed=printed.getvalue())


def _diagnose(hole: Hole, function: Function, seconds: float) -> Finding:
    """Return the finding, without what was printed."""
    cases = hole.cases
    if hole.through is None and (told := misfit(function, cases[0].given)):
        return Finding(hole.name, report.WRONG, told)
    outcomes: list[Outcome] = []
    try:
        with time_limit(seconds):
            for case in cases:
                outcomes.append(call(hole, function, case.given))
                if isinstance(outcomes[-1].error, NotImplementedError):
                    return _blank(hole, begun=len(outcomes) > 1)
            failures = _failed_cases(hole, outcomes) or _broken_laws(hole, function)
    except TimeUp as error:
        running = cases[len(outcomes)].given if len(outcomes) < len(cases) else {}
        return _too_long(hole, running, trimmed(error, file_of(function)), seconds)
    if failures:
        return _wrong(hole, file_of(function), outcomes, failures)
    for case, outcome in zip(cases, outcomes, strict=True):
        if outcome.changed:
            return _changes_arguments(hole, case, outcome)
    return Finding(hole.name, report.RIGHT, f"All {len(hole.checks)} checks passed.", passed=_stages(hole))


def matching(hole: Hole, outcomes: Sequence[Outcome]) -> list[Mistake]:
    """Return the named mistakes whose results on all cases are these."""
    return [mistake for mistake in hole.mistakes if _same(hole, mistake, outcomes)]


def _same(hole: Hole, mistake: Mistake, outcomes: Sequence[Outcome]) -> bool:
    """Say whether a mistake does on every case what the reader's function did."""
    for case, outcome in zip(hole.cases, outcomes, strict=True):
        made = call(hole, mistake.wrong, case.given)
        if type(made.error) is not type(outcome.error):
            return False
        both_ways = (
            (outcome.value, made.value),
            (made.value, outcome.value),
        )  # 2 passes for 2.0, not 2.0 for 2
        if made.error is None and any(
            difference(*pair, hole.tolerance, hole.exact_dtype) for pair in both_ways
        ):
            return False
    return True


def _failed_cases(hole: Hole, outcomes: Sequence[Outcome]) -> list[Failure]:
    """Return the cases that are not right."""
    failures = []
    for case, outcome in zip(hole.cases, outcomes, strict=True):
        if told := _judge(hole, case.expected, outcome):
            wanted = case.expected
            text = f"raises {wanted.error.__name__}" if isinstance(wanted, Raises) else show(wanted)
            failures.append(Failure(case.stage, case.given, text, outcome, told))
    return failures


def _broken_laws(hole: Hole, function: Function) -> list[Failure]:
    """Return the laws that do not hold; asked only when all cases are right."""
    failures = []
    for law in hole.checks:
        if isinstance(law, Case):
            continue
        try:
            found, expected = law.pair(function, *copy.deepcopy(dict(law.given)).values())
        except (Exception, SystemExit) as error:
            failures.append(Failure(law.stage, law.given, "", Outcome(error=error), name_of(error)))
            continue
        if told := _judge(hole, expected, Outcome(found)):
            failures.append(Failure(law.stage, law.given, show(expected), Outcome(found), told))
    return failures


def _judge(hole: Hole, expected: Any, outcome: Outcome) -> str | None:
    """Say what is wrong with one outcome."""
    if isinstance(expected, Raises):
        if isinstance(outcome.error, expected.error):
            return None
        came = name_of(outcome.error) if outcome.error else f"{show(outcome.value)} was returned"
        return f"{came}, expected a {expected.error.__name__}"
    if outcome.error is not None:
        return name_of(outcome.error)
    return difference(outcome.value, expected, hole.tolerance, hole.exact_dtype)


def _wrong(hole: Hole, file: str, outcomes: list[Outcome], failures: list[Failure]) -> Finding:
    """Tell a wrong answer: by the mistake's words if it is one, and by the first stage's smallest case."""
    first = min((f for f in failures if f.stage == failures[0].stage), key=lambda f: _size(f.given))
    broken = {failure.stage for failure in failures}
    finding = Finding(
        hole.name,
        report.WRONG,
        f"Stage “{first.stage}”: {first.told}.",
        given=_assignments(first.given),
        expected=first.expected,
        found=name_of(first.outcome.error) if first.outcome.error else show(first.outcome.value),
        passed=tuple(stage for stage in _stages(hole) if stage not in broken and _is_case(hole, stage)),
    )
    if named := matching(hole, outcomes):
        it = named[0]
        return replace(finding, status=report.MISTAKE, says=it.says, mistake=it.name, see=it.see)
    if first.outcome.error is not None:
        trace = trimmed(first.outcome.error, file)
        says = f"Stage “{first.stage}”: your code raised an error."
        return replace(finding, status=report.ERROR, says=says, found="", trace=trace)
    common = relation(
        (outcome.value, case.expected)
        for outcome, case in zip(outcomes, hole.cases, strict=True)
        if outcome.error is None and not isinstance(case.expected, Raises)
    )
    return replace(finding, says=f"{finding.says} Over all cases, {common}.") if common else finding


def _blank(hole: Hole, begun: bool) -> Finding:
    """Tell a function that raises NotImplementedError."""
    if begun:
        return Finding(hole.name, report.ERROR, "It still raises NotImplementedError on some arguments.")
    return Finding(hole.name, report.BLANK, "It still raises NotImplementedError.")


def _too_long(hole: Hole, given: Given, trace: str, seconds: float) -> Finding:
    """Tell a function that does not come to an end."""
    after = f"It was still running after {seconds:.2g} seconds and was stopped"
    says = f"{after}: is there a loop that does not end?"
    return Finding(hole.name, report.STOPPED, says, given=_assignments(given), trace=trace)


def _changes_arguments(hole: Hole, case: Case, outcome: Outcome) -> Finding:
    """Tell a function whose results are right, but which writes into what it was given."""
    names = " and ".join(f"`{name}`" for name in outcome.changed)
    return Finding(
        hole.name,
        report.WRONG,
        f"The result is right, but the function changes its argument {names} in place, and the caller may"
        " still need it. Work on a copy, or make something new: `x = x + 1`, not `x += 1`.",
        given=_assignments(case.given),
        passed=_stages(hole),
    )


def _assignments(given: Given) -> str:
    """Return the arguments as assignments, one a line."""
    return "\n".join(
        f"{name} = {show(value)}".replace("\n", "\n" + " " * (len(name) + 3)) for name, value in given.items()
    )


def _stages(hole: Hole) -> tuple[str, ...]:
    """Return the stages' names, in order."""
    return tuple(dict.fromkeys(check.stage for check in hole.checks))


def _is_case(hole: Hole, stage: str) -> bool:
    """Say whether a stage is one of cases, not of laws."""
    return any(case.stage == stage for case in hole.cases)


def _size(value: Any) -> int:
    """Return roughly how much there is to look at in a value."""
    if isinstance(value, dict):
        return sum(_size(v) for v in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return 1 + sum(_size(v) for v in value)
    if isinstance(value, str | bytes):
        return len(value)
    return to_numpy(value).size if hasattr(value, "shape") else 1
