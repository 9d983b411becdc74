"""Checks of 20.4: bytes apart and together. The oracle plays the steps, value by value."""

from minillama.book.exercises import Hole

ADAMW = "AdamW: all bytes, no arithmetic"
TRITON = "The same in Triton"

fusion_bytes = Hole("fusion_bytes")

fusion_bytes.case(
    "one step alone: nothing to gain",
    (12, 12),
    steps=[("y", ("x", "w"))],
    sizes={"x": 4, "w": 4, "y": 4},
    kept={"y"},
)
fusion_bytes.case(
    "a step that writes over what it reads, by hand",
    (12, 12),
    steps=[("m", ("m", "g"))],
    sizes={"m": 4, "g": 4},
    kept={"m", "g"},
)
fusion_bytes.case(
    "AdamW for one number, PyTorch's operations in place, the gradient in bfloat16",
    (76, 26),
    steps=[
        ("m", ("m", "g")),
        ("v", ("v",)),
        ("v", ("v", "g", "g")),
        ("root", ("v",)),
        ("root", ("root",)),
        ("root", ("root",)),
        ("p", ("p",)),
        ("p", ("p", "m", "root")),
    ],
    sizes={"p": 4, "g": 2, "m": 4, "v": 4, "root": 4},
    kept={"p", "g", "m", "v"},
)
fusion_bytes.case(
    "a result that is written twice, and one that nobody wants",
    (46, 12),
    steps=[("y", ("x",)), ("z", ("y",)), ("y", ("z", "x")), ("unused", ("y",))],
    sizes={"x": 4, "y": 8, "z": 2, "unused": 2},
    kept={"y"},
)


def played(steps, sizes, kept):
    """Give each value a birth, before the kernel or in a step: the first are loaded, the last stored."""
    value_of = {name: (name, "before") for name in sizes}
    apart, loads = 0, []
    for number, (result, read) in enumerate(steps):
        for name in sizes:
            if name in read:
                apart += sizes[name]
                if value_of[name][1] == "before" and name not in loads:
                    loads.append(name)
        value_of[result] = (result, number)
        apart += sizes[result]
    stores = [name for name in kept if value_of[name][1] != "before"]
    return apart, sum(sizes[name] for name in loads + stores)


@fusion_bytes.against(played, "random programs, value by value", seeds=12)
def programs(rng):
    there = ["a", "b", "c"]
    names, steps = list(there), []
    for _ in range(int(rng.integers(2, 7))):
        read = tuple(str(rng.choice(names)) for _ in range(int(rng.integers(1, 4))))
        result = str(rng.choice([*names, "d", "e", "f"]))
        steps.append((result, read))
        names.append(result)
    sizes = {name: int(rng.integers(1, 9)) for name in [*there, "d", "e", "f"]}
    kept = {name for name in names if rng.random() < 0.5} | {steps[-1][0]}
    return {"steps": steps, "sizes": sizes, "kept": kept}


def count(steps, sizes, kept, *, once=True, registers=True, stores="kept"):
    """`fusion_bytes` with switches for what goes wrong."""
    apart, loaded, written = 0, [], []
    for result, read in steps:
        apart += sizes[result] + sum(sizes[name] for name in (set(read) if once else read))
        loaded += [name for name in read if not (registers and name in written) and name not in loaded]
        written += [] if result in written else [result]
    out = {
        "kept": [name for name in written if name in kept],
        "all": written,
        "kept alone": list(kept),
        "last": [steps[-1][0]],
        "new": [name for name in written if name in kept and name not in loaded],
    }[stores]
    return apart, sum(sizes[name] for name in loaded + out)


@fusion_bytes.mistake(
    "An array that a step names twice was counted twice. It is loaded once: g times g needs one g.", see=ADAMW
)
def twice(steps, sizes, kept):
    return count(steps, sizes, kept, once=False)


@fusion_bytes.mistake(
    "The kernel loads what it has computed itself. What an earlier step wrote is in a register already.",
    see=ADAMW,
)
def loads_its_own(steps, sizes, kept):
    return count(steps, sizes, kept, registers=False)


@fusion_bytes.mistake(
    "The kernel stores everything that a step writes. What nobody needs afterwards stays in registers.",
    see=ADAMW,
)
def stores_all(steps, sizes, kept):
    return count(steps, sizes, kept, stores="all")


@fusion_bytes.mistake(
    "The kernel stores arrays that no step has changed. They are where they were.", see=ADAMW
)
def stores_unchanged(steps, sizes, kept):
    return count(steps, sizes, kept, stores="kept alone")


@fusion_bytes.mistake(
    "The kernel stores the last step's result only. Other results may be needed, too: AdamW's two means.",
    see=ADAMW,
)
def stores_the_last(steps, sizes, kept):
    return count(steps, sizes, kept, stores="last")


@fusion_bytes.mistake(
    "An array that is read and written was counted once. It comes in and goes out: two directions, as a"
    " running mean does.",
    see=TRITON,
)
def one_direction(steps, sizes, kept):
    return count(steps, sizes, kept, stores="new")


@fusion_bytes.mistake(
    "A name that is read before it is written was taken for one made by the kernel, since some later step"
    " writes it. The order matters: its first values have to be loaded.",
    see=ADAMW,
)
def order_ignored(steps, sizes, kept):
    apart, _ = count(steps, sizes, kept)
    written = {result for result, _ in steps}
    read = {name for _, names in steps for name in names}
    return apart, sum(sizes[name] for name in [*(read - written), *(written & kept)])


@fusion_bytes.mistake(
    "The kernel's figure is for what it reads only. Stores are traffic as well.", see=TRITON
)
def loads_only(steps, sizes, kept):
    apart, both = count(steps, sizes, kept)
    return apart, both - sum(sizes[name] for name in {result for result, _ in steps} & kept)
