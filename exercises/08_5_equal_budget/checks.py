"""Checks of 08.5: a fair fight."""

from minillama.book.exercises import Hole

THIRDS = "Two thirds: the same budget in three matrices"
NO_BIAS = "No bias"

gated_width = Hole("gated_width")

gated_width.case("two thirds exactly, by hand", 6, dim=6, plain_width=9, bias=False)
gated_width.case("with biases, by hand", 5, dim=6, plain_width=9, bias=True)
gated_width.case("no whole number: 20 / 3 is 6.67, down to 6", 6, dim=5, plain_width=10, bias=False)
gated_width.case("one channel with biases, by hand: 7 times 3 over 5", 4, dim=1, plain_width=7, bias=True)
gated_width.case("not even one unit can be paid for", 0, dim=4, plain_width=1, bias=False)
gated_width.case("LLaMA 7B's width, before it is rounded up", 10922, dim=4096, plain_width=16384, bias=False)
gated_width.case("the same with biases", 10922, dim=4096, plain_width=16384, bias=True)


def by_trying(dim, plain_width, bias):
    """Count every matrix and bias, and try widths one after another."""

    def size(*shapes):
        return sum(out * inputs + (out if bias else 0) for out, inputs in shapes)

    budget = size((plain_width, dim), (dim, plain_width))
    width = 0
    while size((width + 1, dim), (width + 1, dim), (dim, width + 1)) <= budget:
        width += 1
    return width


@gated_width.against(by_trying, "random sizes, by trying all widths", seeds=10)
def sizes(rng):
    return {
        "dim": int(rng.integers(1, 9)),
        "plain_width": int(rng.integers(2, 60)),
        "bias": bool(rng.integers(2)),
    }


@gated_width.law("one unit more would be beyond the budget", sizes, seeds=4)
def largest(gated_width, dim, plain_width, bias):
    width = gated_width(dim, plain_width, bias)
    unit, budget = 3 * dim + 2 * bias, plain_width * (2 * dim + bias)
    return (width * unit <= budget, (width + 1) * unit > budget), (True, True)


@gated_width.mistake(
    "You rounded up: the gated layer then has more parameters than the plain one. Round down.", see=THIRDS
)
def rounded_up(dim, plain_width, bias):
    return -(-plain_width * (2 * dim + bias) // (3 * dim + 2 * bias))


@gated_width.mistake(
    "The biases were not counted. A plain unit has one, a gated unit two, and that shifts the width.",
    see=NO_BIAS,
)
def no_biases(dim, plain_width, bias):
    return 2 * plain_width // 3


@gated_width.mistake(
    "You gave the gated unit one bias. Its gate and its up are outputs of two matrices, each with a bias.",
    see=NO_BIAS,
)
def one_bias_each(dim, plain_width, bias):
    return plain_width * (2 * dim + bias) // (3 * dim + bias)


@gated_width.mistake(
    "The bias of w_down was counted for the gated layer only. Both layers have it, so it cancels.",
    see=NO_BIAS,
)
def down_bias_once(dim, plain_width, bias):
    return max(0, plain_width * (2 * dim + bias) - dim * bias) // (3 * dim + 2 * bias)


@gated_width.mistake(
    "You kept the width: the gated layer then has half as many parameters again. It must pay for its third"
    " matrix.",
    see=THIRDS,
)
def same_width(dim, plain_width, bias):
    return plain_width


@gated_width.mistake(
    "You multiplied by three halves. Three matrices have to share what two had: the width shrinks.",
    see=THIRDS,
)
def three_halves(dim, plain_width, bias):
    return plain_width * (3 * dim + 2 * bias) // (2 * dim + bias)


@gated_width.mistake(
    "You took half the width, as if the gate doubled the layer. It adds one matrix to two.", see=THIRDS
)
def half(dim, plain_width, bias):
    return plain_width // 2
