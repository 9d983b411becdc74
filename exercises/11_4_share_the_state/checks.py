"""Checks of 11.4: the state of training, shared out."""

from minillama.book.exercises import Hole, Raises

MEMORY = "Memory: what training holds"
SPREAD = "Spreading it"

share_the_state = Hole("share_the_state")


def run(n_params, data, tensor, stage):
    return {"n_params": n_params, "data": data, "tensor": tensor, "stage": stage}


share_the_state.case("one GPU, by hand", (14, 14, 84), **run(7, 1, 1, 0))
share_the_state.case("stage 0: five copies, by hand", (20, 20, 120), **run(10, 5, 1, 0))
share_the_state.case("stage 1, by hand", (100, 100, 120), **run(100, 5, 2, 1))
share_the_state.case("stage 2, by hand", (100, 20, 120), **run(100, 5, 2, 2))
share_the_state.case("stage 3, by hand", (20, 20, 120), **run(100, 5, 2, 3))
share_the_state.case("7 in 2 slices: 4; among 3 replicas: 2", (4, 4, 24), **run(7, 3, 2, 3))
share_the_state.case("11 in 2 slices: 6; among 5 replicas: 2", (12, 4, 24), **run(11, 5, 2, 2))
for stage in (-1, 4):
    share_the_state.case("there is no such stage", Raises(ValueError), **run(100, 5, 2, stage))


def dealt_out(n_params, data, tensor, stage):
    """Deal out every parameter like cards and look at the fullest hand."""

    def largest_hand(cards, hands):
        dealt = [0] * hands
        for card in range(cards):
            dealt[card % hands] += 1
        return max(dealt)

    slice_ = largest_hand(n_params, tensor)
    share = largest_hand(slice_, data)
    held = {"weights": slice_, "gradients": slice_, "moments": slice_}
    for part in ("moments", "gradients", "weights")[:stage]:
        held[part] = share
    sizes = {"weights": (2,), "gradients": (2,), "moments": (4, 4, 4)}
    return tuple(sum(sizes[part]) * held[part] for part in held)


@share_the_state.against(dealt_out, "random layouts, dealt out one by one", seeds=10)
def layouts(rng):
    return run(
        int(rng.integers(50, 2000)),
        int(rng.integers(2, 9)),
        int(rng.choice([1, 2, 4, 8])),
        int(rng.integers(4)),
    )


@share_the_state.law("on one GPU every stage holds 16 bytes for each parameter", layouts, seeds=4)
def sixteen_bytes(share_the_state, n_params, data, tensor, stage):
    return [sum(share_the_state(n_params, 1, 1, each)) for each in range(4)], [16 * n_params] * 4


def state(n, data, tensor, stage, *, firsts=(3, 2, 1), sizes=(2, 2, 12), divide=lambda a, b: -(-a // b)):
    """Share out with other stages or bytes."""
    if stage not in (0, 1, 2, 3):
        raise ValueError(stage)
    whole = divide(n, tensor)
    share = divide(whole, data)
    return tuple(
        size * (share if stage >= first else whole) for size, first in zip(sizes, firsts, strict=True)
    )


@share_the_state.mistake(
    "Your stages are in the opposite order: the first to be shared out is the optimiser's state, the largest"
    " and the least often needed.",
    see=SPREAD,
)
def weights_first(*args):
    return state(*args, firsts=(1, 2, 3))


@share_the_state.mistake("Your stage 1 shares out gradients as well. That is stage 2.", see=SPREAD)
def gradients_at_one(*args):
    return state(*args, firsts=(3, 1, 1))


@share_the_state.mistake(
    "Each of your stages shares out one part only. They add up: stage 3 shares out weights, gradients and the"
    " optimiser's state.",
    see=SPREAD,
)
def one_part_each(n, data, tensor, stage):
    whole, share = state(n, data, tensor, 0), state(n, data, tensor, 3)
    return tuple(s if stage == first else w for w, s, first in zip(whole, share, (3, 2, 1), strict=True))


@share_the_state.mistake(
    "You shared out everything from stage 1 on. Stage 1 is the optimiser's state, 2 adds the gradients, 3 the"
    " weights.",
    see=SPREAD,
)
def all_at_once(*args):
    return state(*args, firsts=(1, 1, 1))


@share_the_state.mistake(
    "You left out the slices: `tensor` GPUs cut every matrix, whatever the stage.", see=SPREAD
)
def no_slices(n, data, tensor, stage):
    return state(n, data, 1, stage)


@share_the_state.mistake(
    "You shared out the state among all GPUs, `data` times `tensor`, on top of the slices. A slice is shared"
    " out among the `data` replicas alone.",
    see=SPREAD,
)
def sliced_twice(n, data, tensor, stage):
    return tuple(
        after if sharded != whole else whole
        for whole, sharded, after in zip(
            state(n, data, tensor, 0), state(n, data, tensor, stage), state(n, data * tensor, tensor, stage),
            strict=True,
        )
    )  # fmt: skip


@share_the_state.mistake(
    "The 32-bit copy of the weights is missing: AdamW in mixed precision keeps 12 bytes a parameter, the copy"
    " and two moments.",
    see=MEMORY,
)
def two_moments_only(*args):
    return state(*args, sizes=(2, 2, 8))


@share_the_state.mistake(
    "You counted weights and gradients in 32 bits. In mixed precision the passes use 16; the 32-bit weight is"
    " the optimiser's.",
    see=MEMORY,
)
def all_in_32_bits(*args):
    return state(*args, sizes=(4, 4, 12))


@share_the_state.mistake("You counted parameters, not bytes.", see=MEMORY)
def parameters(*args):
    return state(*args, sizes=(1, 1, 1))


@share_the_state.mistake(
    "You rounded down. The fullest GPU counts, since it is the one that overflows.", see=SPREAD
)
def rounded_down(*args):
    return state(*args, divide=lambda a, b: a // b)


@share_the_state.mistake(
    "A stage that does not exist was accepted. There are 0, 1, 2 and 3: anything else is a ValueError.",
    see=SPREAD,
)
def any_stage(n, data, tensor, stage):
    return state(n, data, tensor, min(max(stage, 0), 3))
