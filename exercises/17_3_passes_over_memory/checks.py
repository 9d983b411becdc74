"""Checks of 17.3: bytes of a chain of steps and of one kernel. The oracle keeps a log of every access."""

from minillama.book.exercises import Hole

PASSES = "Passes over memory"
KERNEL = "A kernel of your own"

traffic = Hole("traffic")
SQUARE = [("s", ("x", "x")), ("y", ("s", "x"))]
NORM = [  # RMSNorm in float32, rows of four numbers: 400 bytes a tensor, 100 a statistic
    ("square", ("x",)),
    ("mean", ("square",)),
    ("rstd", ("mean",)),
    ("scaled", ("x", "rstd")),
    ("y", ("scaled", "w")),
]
NORM_SIZES = {"x": 400, "square": 400, "mean": 100, "rstd": 100, "scaled": 400, "y": 400, "w": 16}


def chain(steps, sizes, wanted):
    return {"steps": steps, "sizes": sizes, "wanted": wanted}


hundred = dict.fromkeys("xsy", 100)
traffic.case("x * x + x, by hand", (500, 200), **chain(SQUARE, hundred, {"y"}))
traffic.case("the middle is wanted too, by hand", (500, 300), **chain(SQUARE, hundred, {"s", "y"}))
traffic.case("RMSNorm in five steps, by hand", (3216, 816), **chain(NORM, NORM_SIZES, {"y"}))


def logged(steps, sizes, wanted):
    """Write down every access; then strike out, of the fused kernel's, what never leaves the chip."""
    log = []
    for out, inputs in steps:
        read = []
        for name in inputs:
            if name not in read:
                read.append(name)
        log += [(name, "read") for name in read] + [(out, "written")]
    separate = 0
    for name, _ in log:
        separate += sizes[name]
    fused, here = 0, []
    for name, way in log:
        if way == "written":
            here.append(name)
            fused += sizes[name] if name in wanted else 0
        elif name not in here:
            here.append(name)
            fused += sizes[name]
    return separate, fused


for title, given in {
    "sizes differ, and one tensor is nobody's input": chain(SQUARE, {"x": 1, "s": 3, "y": 8, "z": 50}, {"y"}),
    "RMSNorm, its statistic kept for the way back": chain(NORM, NORM_SIZES, {"y", "rstd"}),
}.items():
    traffic.case(title, logged(**given), **given)


@traffic.against(logged, "random chains, access by access", seeds=12)
def chains(rng):
    names = ["a", "b", "c", "d"]
    steps = []
    for i in range(int(rng.integers(2, 7))):
        inputs = tuple(str(name) for name in rng.choice(names, size=int(rng.integers(1, 4))))
        steps.append((f"t{i}", inputs))
        names.append(f"t{i}")
    made = [out for out, _ in steps]
    wanted = {made[-1]} | {name for name in made if rng.random() < 0.3}
    return chain(steps, {name: int(rng.integers(1, 1000)) for name in names}, wanted)


@traffic.law("tensors of twice the size move twice the bytes", chains)
def twice(traffic, steps, sizes, wanted):
    separate, fused = traffic(steps, sizes, wanted)
    return traffic(steps, {name: 2 * n for name, n in sizes.items()}, wanted), (2 * separate, 2 * fused)


def one_by_one(steps, sizes):
    return sum(sizes[out] + sum(sizes[name] for name in set(inputs)) for out, inputs in steps)


def parts(steps):
    made = {out for out, _ in steps}
    return made, {name for _, inputs in steps for name in inputs} - made


def total(names, sizes):
    return sum(sizes[name] for name in names)


@traffic.mistake(
    "One by one, a step that names an input twice reads it twice in your count. It has it in hand: x"
    " * x reads x once.",
    see=PASSES,
)
def twice_in_a_step(steps, sizes, wanted):
    separate = sum(sizes[out] + total(inputs, sizes) for out, inputs in steps)
    return separate, total(parts(steps)[1] | wanted, sizes)


@traffic.mistake(
    "One by one, you counted each tensor once over the whole chain. Between two steps it goes to"
    " memory and must be read again: that is what fusing saves.",
    see=PASSES,
)
def kept_between_steps(steps, sizes, wanted):
    made, needed = parts(steps)
    return total(made | needed, sizes), total(needed | wanted, sizes)


@traffic.mistake("One by one, the outputs are missing: each step writes what it makes.", see=PASSES)
def outputs_not_written(steps, sizes, wanted):
    separate = sum(total(set(inputs), sizes) for _, inputs in steps)
    return separate, total(parts(steps)[1] | wanted, sizes)


@traffic.mistake(
    "Fused, an input is read as often as steps use it in your count. The kernel has it at hand after"
    " the first time.",
    see=KERNEL,
)
def fused_reads_again(steps, sizes, wanted):
    made, _ = parts(steps)
    reads = sum(total(set(inputs) - made, sizes) for _, inputs in steps)
    return one_by_one(steps, sizes), reads + total(wanted, sizes)


@traffic.mistake(
    "Fused, you wrote all that steps make. What is needed only inside stays inside: only the wanted"
    " is written.",
    see=KERNEL,
)
def fused_writes_all(steps, sizes, wanted):
    made, needed = parts(steps)
    return one_by_one(steps, sizes), total(needed | made, sizes)


@traffic.mistake(
    "Fused, only the last step's output is written in your count. Other results may be wanted too.",
    see=KERNEL,
)
def only_the_last(steps, sizes, wanted):
    return one_by_one(steps, sizes), total(parts(steps)[1] | {steps[-1][0]}, sizes)


@traffic.mistake(
    "Fused, a wanted tensor that a later step uses is written and read back in your count. It is"
    " still at hand.",
    see=KERNEL,
)
def read_back(steps, sizes, wanted):
    _, needed = parts(steps)
    used = {name for _, inputs in steps for name in inputs}
    return one_by_one(steps, sizes), total(needed | wanted, sizes) + total(wanted & used, sizes)


@traffic.mistake(
    "Fused, the first step's inputs are read and no others. Later steps bring inputs of their own, as"
    " a weight.",
    see=KERNEL,
)
def inputs_of_the_first_step(steps, sizes, wanted):
    return one_by_one(steps, sizes), total(set(steps[0][1]) | wanted, sizes)


@traffic.mistake(
    "Fused, every tensor of `sizes` that no step makes is read in your count, used or not. What"
    " nobody needs is not read.",
    see=KERNEL,
)
def reads_the_unused(steps, sizes, wanted):
    made, _ = parts(steps)
    return one_by_one(steps, sizes), total((set(sizes) - made) | wanted, sizes)


@traffic.mistake("You counted tensors. Bytes were asked for, and tensors differ in size.", see=PASSES)
def tensors_not_bytes(steps, sizes, wanted):
    ones = dict.fromkeys(sizes, 1)
    return one_by_one(steps, ones), total(parts(steps)[1] | wanted, ones)
