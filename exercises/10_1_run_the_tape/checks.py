"""Checks of 10.1: a tape run backward.

The oracle runs the tape forward only, with one input nudged along the imaginary axis: exact, and no
backward pass in it.
"""

import cmath
import math

from minillama.book.exercises import Hole

IDEA = "The idea: write down what you did"

gradients = Hole("gradients", tolerance=1e-9)

gradients.case("a sum, by hand", [1.0, 1.0], inputs=[2.0, 7.0], tape=[("add", 0, 1)])
gradients.case("a product, by hand", [7.0, 2.0], inputs=[2.0, 7.0], tape=[("mul", 0, 1)])
gradients.case("exp(ln 3), by hand", [3.0], inputs=[math.log(3.0)], tape=[("exp", 0)])
gradients.case("no operation at all", [0.0, 1.0], inputs=[2.0, 7.0], tape=[])
gradients.case("used twice, by hand", [6.0, 3.0], inputs=[3.0, 5.0], tape=[("mul", 0, 1), ("add", 2, 0)])
gradients.case("a square, by hand", [6.0], inputs=[3.0], tape=[("mul", 0, 0)])
gradients.case("twice the same, by hand", [2.0], inputs=[3.0], tape=[("add", 0, 0)])
gradients.case(
    "an input and a result that are not used, by hand",
    [4.0, 0.0],
    inputs=[2.0, 7.0],
    tape=[("exp", 1), ("mul", 0, 0)],
)


def along_the_imaginary_axis(inputs, tape):
    """Nudge each input by 1e-30 i, and read the derivative from the imaginary part."""
    found = []
    for nudged in range(len(inputs)):
        values = [complex(x, 1e-30 * (i == nudged)) for i, x in enumerate(inputs)]
        for op, *places in tape:
            x = [values[i] for i in places]
            values.append({"add": sum, "mul": math.prod, "exp": lambda x: cmath.exp(x[0])}[op](x))
        found.append(values[-1].imag / 1e-30)
    return found


@gradients.against(along_the_imaginary_axis, "random tapes, against derivatives by complex steps", seeds=8)
def random_tape(rng):
    n, length = int(rng.integers(1, 4)), int(rng.integers(2, 9))
    tape = []
    for step in range(length):
        op = str(rng.choice(["add", "mul", "exp"], p=[0.4, 0.45, 0.15]))
        recent = max(0, n + step - 4)
        tape.append((op, *(int(i) for i in rng.integers(recent, n + step, size=1 if op == "exp" else 2))))
    return {"inputs": [float(x) for x in rng.uniform(-0.9, 0.9, size=n)], "tape": tape}


@gradients.law("the last value times two: all derivatives times two", random_tape, seeds=4)
def doubled(gradients, inputs, tape):
    last = len(inputs) + len(tape) - 1
    return gradients(inputs, [*tape, ("add", last, last)]), [2 * g for g in gradients(inputs, tape)]


def run(inputs, tape, add=True, back=True, start=0.0, own=False, exp="result", sums=1.0, once=False):
    values = list(inputs)
    for op, *places in tape:
        x = [values[i] for i in places]
        values.append({"add": sum, "mul": math.prod, "exp": lambda x: math.exp(x[0])}[op](x))
    grads = [start] * len(values)
    grads[-1] = 1.0
    steps = list(enumerate(tape, start=len(inputs)))
    for place, (op, *places) in reversed(steps) if back else steps:
        out = grads[place]
        if op == "exp":
            factors = [{"result": values[place], "argument": values[places[0]], "none": 1.0}[exp]]
        elif op == "add":
            factors = [sums, sums]
        else:
            factors = [values[i] for i in (places if own else places[::-1])]
        sent = dict(zip(places, factors, strict=True)).items() if once else zip(places, factors, strict=True)
        for i, factor in sent:
            grads[i] = (grads[i] if add else 0.0) + out * factor
    return grads[: len(inputs)]


@gradients.mistake(
    "A value that is used twice keeps only one of its gradients: what was there is overwritten. Where the"
    " forward pass copied, the backward pass adds.",
    see=IDEA,
)
def overwritten(inputs, tape):
    return run(inputs, tape, add=False)


@gradients.mistake(
    "The tape was run in the order in which it was written. A result must have all its gradient before it"
    " sends any on: begin at the end.",
    see=IDEA,
)
def not_reversed(inputs, tape):
    return run(inputs, tape, back=False)


@gradients.mistake(
    "Each factor of a product got itself as derivative. It gets the *other* factor: d(a b)/da is b.", see=IDEA
)
def own_factor(inputs, tape):
    return run(inputs, tape, own=True)


@gradients.mistake("The derivative of exp(x) was taken to be x. It is the result, exp(x).", see=IDEA)
def exp_by_argument(inputs, tape):
    return run(inputs, tape, exp="argument")


@gradients.mistake("exp passes its gradient on unchanged. It must be multiplied by the result.", see=IDEA)
def exp_forgotten(inputs, tape):
    return run(inputs, tape, exp="none")


@gradients.mistake(
    "All gradients began at one. Only the last value's does: the derivative of it by itself. The others begin"
    " at zero, and are added to.",
    see=IDEA,
)
def all_ones(inputs, tape):
    return run(inputs, tape, start=1.0)


@gradients.mistake(
    "A sum shared its gradient out in halves. Each summand gets it whole: move either by a little, and the"
    " sum moves as much.",
    see=IDEA,
)
def halves(inputs, tape):
    return run(inputs, tape, sums=0.5)


@gradients.mistake(
    "An operation that takes the same value twice sent to it only once: a a has the derivative 2 a, from two"
    " contributions.",
    see=IDEA,
)
def same_value_once(inputs, tape):
    return run(inputs, tape, once=True)
