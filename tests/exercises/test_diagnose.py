"""What a reader is told about functions of every kind of wrongness."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

import numpy as np
import pytest
import torch

from minillama.book.exercises import Hole, Raises
from minillama.book.exercises.diagnose import diagnose
from minillama.book.exercises.report import Report


def center(x):
    return x - x.mean(axis=-1, keepdims=True)


@pytest.fixture
def hole() -> Hole:
    """The task: subtract each row's mean."""
    made = Hole("center")
    made.case("one row", np.array([[-1.0, 1.0]]), x=np.array([[1.0, 3.0]]))
    made.case("two rows", np.array([[-1.0, 1.0], [0.0, 0.0]]), x=np.array([[1.0, 3.0], [5.0, 5.0]]))

    @made.against(lambda x: np.stack([row - sum(row) / len(row) for row in x]), "random rows", seeds=3)
    def rows(rng):
        return {"x": rng.normal(size=(3, int(rng.integers(4, 7))))}

    @made.law("adding a number changes nothing", rows)
    def shift(center, x):
        return center(x + 7), center(x)

    @made.mistake("You took the mean of all rows together.", see="Means")
    def overall(x):
        return x - x.mean()

    @made.mistake("You took the mean of each column.", see="Means")
    def columns(x):
        return x - x.mean(axis=0)

    return made


def test_right(hole: Hole) -> None:
    finding = diagnose(hole, center)
    assert (finding.status, finding.says) == ("right", "All 9 checks passed.")


def test_not_started(hole: Hole) -> None:
    def blank(x):
        raise NotImplementedError

    assert diagnose(hole, blank).status == "not started"


def test_half_started(hole: Hole) -> None:
    def half(x):
        if len(x) > 1:
            raise NotImplementedError
        return center(x)

    finding = diagnose(hole, half)
    assert finding.status == "error"
    assert "still raises NotImplementedError on some" in finding.says


def test_a_named_mistake_with_the_smallest_case_and_where_to_read(hole: Hole) -> None:
    finding = diagnose(hole, lambda x: x - np.average(x))
    assert (finding.status, finding.mistake) == ("mistake", "overall")
    assert finding.given == "x = array([[1., 3.],\n           [5., 5.]])"
    assert finding.passed == ("one row",)
    text = str(Report("03.1", "03_predicting_the_next_token", (finding,)))
    assert "Read: chapter 03, “Means”." in text


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: None, "nothing was returned (None); a `return` may be missing"),
        (lambda x: center(x).tolist(), "a list of length 1, expected a NumPy array of shape (1, 2)"),
        (lambda x: center(x)[0], "the shape is (2,), expected (1, 2)"),
        (lambda x: center(x).astype(int), "the array holds whole numbers (int64), expected floats (float64)"),
        (lambda x: center(x) / 0 * 0, "NaN (not a number) at [0, 0], expected -1.0"),
        (lambda x: 2 * center(x), "Over all cases, every value is the expected one times 2."),
        (lambda x: -center(x), "Over all cases, every value has the opposite sign."),
        (lambda x: center(x) + 3, "Over all cases, every value is the expected one plus 3."),
        (lambda x: center(x).T, "Over all cases, every result is the expected one transposed."),
        (lambda x: torch.tensor(center(x)), "a torch tensor of shape (1, 2), expected a NumPy array"),
        (lambda: None, "It takes (), but it is called with 1 arguments: (x)."),
        (lambda x, y: None, "It takes (x, y), but it is called with 1 arguments: (x)."),
    ],
)
def test_a_wrong_answer_in_words(hole: Hole, function, said: str) -> None:
    finding = diagnose(hole, function)
    assert finding.status == "wrong"
    assert said in finding.says


def test_the_smallest_failing_case_of_the_first_failing_stage(hole: Hole) -> None:
    def wrong_for_wide(x):
        return center(x) if x.shape[1] < 4 else 0 * x

    finding = diagnose(hole, wrong_for_wide)
    assert finding.says.startswith("Stage “random rows”: ")
    assert finding.passed == ("one row", "two rows")
    assert finding.given.count("\n") == 2  # three rows


def test_a_broken_law(hole: Hole) -> None:
    finding = diagnose(hole, lambda x: center(x) if abs(x).max() < 6 else 0 * x)
    assert finding.says.startswith("Stage “adding a number changes nothing”: ")


def test_an_argument_changed_in_place(hole: Hole) -> None:
    def in_place(x):
        x -= x.mean(axis=-1, keepdims=True)
        return x

    finding = diagnose(hole, in_place)
    assert finding.status == "wrong"
    assert "The result is right, but the function changes its argument `x` in place" in finding.says


def test_an_error_is_shown_in_the_readers_own_lines(hole: Hole) -> None:
    def raises(x):
        return helper(x)

    def helper(x):
        return x.mean(axis=7)

    finding = diagnose(hole, raises)
    assert finding.status == "error"
    assert "in raises:\n    return helper(x)" in finding.trace
    assert "in helper:\n    return x.mean(axis=7)" in finding.trace
    assert finding.trace.endswith("AxisError: axis 7 is out of bounds for array of dimension 2")
    assert "_methods.py" not in finding.trace


def test_endless_recursion_is_shown_in_a_few_lines(hole: Hole) -> None:
    def forever(x):
        return forever(x)

    finding = diagnose(hole, forever)
    assert "RecursionError" in finding.trace
    assert len(finding.trace.splitlines()) < 12


def test_an_endless_loop_is_stopped_and_located(hole: Hole) -> None:
    def loops(x):
        while True:
            with suppress(Exception):  # the time limit is none
                x = x + 1

    begun = time.monotonic()
    finding = diagnose(hole, loops, seconds=0.2)
    assert time.monotonic() - begun < 2
    assert finding.status == "stopped"
    assert finding.given == "x = array([[1., 3.]])"
    assert "in loops" in finding.trace


def test_an_endless_loop_inside_a_law(hole: Hole) -> None:
    def loops(x):
        while abs(x).max() > 6:
            pass
        return center(x)

    assert diagnose(hole, loops, seconds=0.2).status == "stopped"


def test_leaving_the_program_is_an_error(hole: Hole) -> None:
    finding = diagnose(hole, lambda x: sys.exit())
    assert finding.status == "error"
    assert finding.trace.endswith("SystemExit: the code calls sys.exit()")


def test_what_is_printed_is_kept_short_and_shown(hole: Hole, capsys: pytest.CaptureFixture[str]) -> None:
    def chatty(x):
        print("shape", x.shape, "x" * 100_000)
        return center(x)

    finding = diagnose(hole, chatty)
    assert finding.printed.startswith("shape (1, 2) xxx")
    assert len(finding.printed) <= 2000
    assert capsys.readouterr().out == ""


def test_text_that_cannot_be_encoded_does_no_harm(hole: Hole) -> None:
    def broken(x):
        print("\udcff")
        raise ValueError("\udcff")

    finding = diagnose(hole, broken)
    assert finding.printed == "?\n" * 5
    assert finding.trace.endswith("ValueError: ?")
    str(Report("05.1", "05_rmsnorm_and_pre_norm", (finding,))).encode("utf-8")


def test_a_case_that_must_be_refused() -> None:
    hole = Hole("half")
    hole.case("even", 2, n=4)
    hole.case("odd numbers are refused", Raises(ValueError), n=3)

    def refuses(n):
        if n % 2:
            raise ValueError(n)
        return n // 2

    assert diagnose(hole, refuses).status == "right"
    finding = diagnose(hole, lambda n: n // 2)
    assert "1 was returned, expected a ValueError" in finding.says
    assert (finding.expected, finding.found) == ("raises ValueError", "1")


def test_a_mistake_may_be_an_exception() -> None:
    hole = Hole("first")
    hole.case("some", 1, x=[1, 2])
    hole.case("none", None, x=[])

    @hole.mistake("An empty list has no first element: return None.", see="Lists")
    def always(x):
        return x[0]

    assert diagnose(hole, lambda x: x[0]).mistake == "always"
    assert diagnose(hole, lambda x: x[0] if x else None).status == "right"


def test_torch_tensors() -> None:
    hole = Hole("double")
    hole.case("by hand", torch.tensor([2.0, 4.0]), x=torch.tensor([1.0, 2.0]))
    assert diagnose(hole, lambda x: 2 * x).status == "right"
    assert "at [1]: 5.0, expected 4.0" in diagnose(hole, lambda x: x * x + 1).says
    assert "changes its argument `x`" in diagnose(hole, lambda x: x.mul_(2)).says
    assert diagnose(hole, lambda x: 2 * x.bfloat16()).status == "right"


def test_the_dtype_counts_where_the_hole_says_so() -> None:
    hole = Hole("same", exact_dtype=True)
    hole.case("float32 stays float32", np.ones(2, np.float32), x=np.ones(2, np.float32))
    assert "the dtype is float64, expected float32" in diagnose(hole, lambda x: x.astype(np.float64)).says


def test_a_hole_may_be_a_class() -> None:
    hole = Hole("Counter", through=lambda counter, steps: [counter().step() for _ in range(steps)])
    hole.case("one each time", [1, 1], steps=2)

    class Counter:
        def step(self):
            return 1

    assert diagnose(hole, Counter).status == "right"


def test_a_report_survives_json(hole: Hole) -> None:
    findings = tuple(diagnose(hole, f) for f in (center, lambda x: x - x.mean(), lambda x: 1 / 0))
    told = Report("05.1", "05_rmsnorm_and_pre_norm", findings)
    assert Report.from_json(told.to_json()) == told
    assert not told.right
