"""How an exercise says what is right: holes, cases, laws and named mistakes.

A `Hole` is one function that the reader writes. `checks.py` of an exercise builds its holes from top to
bottom, simplest check first:

    relu = Hole("relu")
    relu.case("one number below zero", 0.0, x=-2.0)            # a value worked out by hand

    @relu.against(oracle, "random arrays, against NumPy", seeds=4)
    def arrays(rng):                                           # arguments from a seed
        return {"x": rng.normal(size=5)}

    @relu.law("doubling the input doubles the output", arrays)
    def doubling(relu, x):                                     # a property: two values to be equal
        return relu(2 * x), 2 * relu(x)

    @relu.mistake("You returned |x|: numbers below zero must become zero.", see="Gates")
    def absolute(x):                                           # a wrong answer that people really give
        return np.abs(x)

It describes and does not run: `diagnose` runs it. The expected values come from a literal or from an
oracle of its own, never from the reader's code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

Function = Callable[..., Any]
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Raises:
    """Expected instead of a value: the function refuses these arguments.

    Parameters
    ----------
    error : type
        The exception, or a base class of it.
    """

    error: type[Exception]


@dataclass(frozen=True)
class Case:
    """Arguments, and the result they must lead to.

    Parameters
    ----------
    stage : str
        The group it belongs to, as the reader sees it.
    given : mapping
        Argument names to values; they are passed by position, in this order.
    expected : object
        A value, or `Raises`.
    """

    stage: str
    given: Given
    expected: Any


@dataclass(frozen=True)
class Law:
    """A property: arguments, and two values made with the reader's function that must be equal."""

    stage: str
    given: Given
    pair: Callable[..., tuple[Any, Any]]


@dataclass(frozen=True)
class Mistake:
    """A named wrong answer.

    Parameters
    ----------
    name : str
        Short and unique within the hole.
    wrong : function
        The mistake made on purpose.
    says : str
        What the reader is told: what the result equals, and why it is not what was asked for.
    see : str
        Heading of the chapter's section that explains it.
    """

    name: str
    wrong: Function
    says: str
    see: str


class Hole:
    """One function that the reader writes, with everything that is known about right and wrong.

    Parameters
    ----------
    name : str
        The function's name in task.py.
    solution : str, optional
        Where the package has the function, ``"minillama.reference.norm:rms_norm"``: then the package is the
        solution. Without it, solution.py holds a function of that name.
    tolerance : float
        Greatest difference that counts as equal, absolute and relative.
    exact_dtype : bool
        Whether float32 for float64 counts as wrong. Whole numbers for floats always do.
    through : function, optional
        ``through(function, *arguments)`` makes the value that is compared. For holes whose result says
        too little by itself: a class, say, or a function that returns a function.

    Examples
    --------
    >>> double = Hole("double")
    >>> double.case("by hand", 6, x=3)
    >>> [case.expected for case in double.cases]
    [6]
    """

    def __init__(
        self,
        name: str,
        *,
        solution: str | None = None,
        tolerance: float = 1e-5,
        exact_dtype: bool = False,
        through: Function | None = None,
    ) -> None:
        self.name = name
        self.solution = solution
        self.tolerance = tolerance
        self.exact_dtype = exact_dtype
        self.through = through
        self.mistakes: list[Mistake] = []
        self.survivors: dict[str, str] = {}
        self._sources: list[Callable[[], list[Case | Law]]] = []

    def case(self, stage: str, expected: Any, /, **given: Any) -> None:
        """Add one case with a known result.

        Parameters
        ----------
        stage : str
            Group it belongs to; several cases may share one.
        expected : object
            The right result, or `Raises`.
        **given : object
            The arguments, in the order of the function's parameters.
        """
        self._sources.append(lambda: [Case(stage, given, expected)])

    def against(
        self, oracle: Function, stage: str, /, seeds: int = 6
    ) -> Callable[[Callable[[np.random.Generator], Given]], Callable[[np.random.Generator], Given]]:
        """Add cases from seeds, their results from an independent oracle; decorates ``make(rng) -> given``.

        Parameters
        ----------
        oracle : function
            Takes the same arguments by position. Not the solution: float64 NumPy written another way, torch,
            finite differences.
        stage : str
        seeds : int
            Number of cases, with the seeds 0, 1, 2, ...: let the first ones be small.
        """

        def add(make: Callable[[np.random.Generator], Given]) -> Callable[[np.random.Generator], Given]:
            def cases() -> list[Case | Law]:
                asked = [make(np.random.default_rng(seed)) for seed in range(seeds)]
                again = [make(np.random.default_rng(seed)) for seed in range(seeds)]  # the oracle's own copy
                return [Case(stage, a, oracle(*b.values())) for a, b in zip(asked, again, strict=True)]

            self._sources.append(cases)
            return make

        return add

    def law(
        self, stage: str, make: Callable[[np.random.Generator], Given], /, seeds: int = 4
    ) -> Callable[[Callable[..., tuple[Any, Any]]], Callable[..., tuple[Any, Any]]]:
        """Add a property; decorates ``pair(function, *arguments) -> (found, expected)``.

        Parameters
        ----------
        stage : str
            The property in words: "adding one number to every logit changes nothing".
        make : function
            ``make(rng) -> given``, as for `against`.
        seeds : int
        """

        def add(pair: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
            self._sources.append(
                lambda: [Law(stage, make(np.random.default_rng(seed)), pair) for seed in range(seeds)]
            )
            return pair

        return add

    def mistake(self, says: str, /, *, see: str) -> Callable[[Function], Function]:
        """Add a named wrong answer; decorates the function that makes it, whose name is the mistake's name.

        Parameters
        ----------
        says : str
            The diagnosis, addressed to the reader.
        see : str
            Heading of the section in the exercise's chapter.
        """

        def add(wrong: Function) -> Function:
            self.mistakes.append(Mistake(wrong.__name__, wrong, says, see))
            return wrong

        return add

    def survives(self, mutant: str, reason: str, /) -> None:
        """State that a mutated solution is as right as the solution, and why.

        Parameters
        ----------
        mutant : str
            Its name, as ``python -m minillama.book.exercises.mutation 05.1`` prints it.
        reason : str
        """
        self.survivors[mutant] = reason

    @cached_property
    def checks(self) -> list[Case | Law]:
        """All cases and laws, in the order in which they were added."""
        return [check for source in self._sources for check in source()]

    @property
    def cases(self) -> Sequence[Case]:
        """The cases alone: what mistakes are compared on."""
        return [check for check in self.checks if isinstance(check, Case)]
