"""Bad input of every operation on every backend: one ValueError, "<what was given>: expected <what was not>".

`GOOD` holds arguments that every backend takes; each test spoils one of them, and demands that the message
names a tensor and what is wrong with it. Shapes that are small: nothing that is refused runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from kernels.proofs import draw
from torch import Tensor

from minillama import kernels
from minillama.kernels import ops
from minillama.kernels.operators import Backend

BACKENDS = ("eager", "cpp", "triton-interpret", "auto")
BITS = torch.arange(-60, 100, dtype=torch.int8).reshape(5, 32)
GOOD: dict[str, dict[str, Tensor]] = {
    "rms_norm": {"x": draw(3, 8), "weight": draw(8)},
    "add_rms_norm": {"x": draw(3, 8), "residual": draw(3, 8), "weight": draw(8)},
    "rope": {"q": draw(2, 4, 5, 8), "k": draw(2, 2, 5, 8), "cos": draw(5, 4), "sin": draw(5, 4)},
    "attention": {
        "q": draw(2, 4, 5, 8), "k": draw(2, 2, 7, 8), "v": draw(2, 2, 7, 8),
        "mask": torch.tensor([0, 0, 1, 2, 3]),
    },
    "swiglu": {"gate": draw(3, 8), "up": draw(3, 8)},
    "cross_entropy": {"logits": draw(3, 9), "targets": torch.tensor([0, 8, -100])},
    "linear_cross_entropy": {"x": draw(3, 4), "weight": draw(9, 4), "targets": torch.tensor([0, 8, -100])},
    "paged_attention": {
        "q": draw(2, 4, 8), "k_pages": draw(5, 2, 4, 8), "v_pages": draw(5, 2, 4, 8),
        "pages": torch.tensor([[3, 1], [0, 4]]), "lengths": torch.tensor([6, 1]),
    },
    "int8_matvec": {"x": draw(2, 32), "weight": BITS, "scale": draw(5)},
    "int4_matvec": {"x": draw(2, 64), "weight": BITS.view(torch.uint8), "scale": draw(5, 2).half()},
    "adamw": {
        "parameters": draw(3, 4), "gradients": draw(3, 4), "means": draw(3, 4), "squares": draw(3, 4) ** 2,
    },
}  # fmt: skip
NUMBERS: dict[str, tuple[Any, ...]] = {
    "rms_norm": (1e-5,),
    "add_rms_norm": (1e-5,),
    "adamw": (1, 1e-3, 0.9, 0.95, 1e-8, 0.1),
}
ARGUMENTS = [(name, argument) for name, arguments in GOOD.items() for argument in arguments]
BATCH = {
    "rope": ("q", "k"),
    "attention": ("q", "k", "v"),
    "linear_cross_entropy": ("x", "targets"),
    "paged_attention": ("q", "pages", "lengths"),
    "rms_norm": ("x",), "add_rms_norm": ("x", "residual"), "swiglu": ("gate", "up"),
    "cross_entropy": ("logits", "targets"), "int8_matvec": ("x",), "int4_matvec": ("x",),
}  # fmt: skip
"""What grows with the batch."""
FREE = {
    ("rms_norm", "x", 0), ("rope", "q", 1), ("rope", "k", 1), ("cross_entropy", "logits", 1),
    ("linear_cross_entropy", "weight", 0), ("paged_attention", "pages", 1), ("int8_matvec", "x", 0),
    ("int4_matvec", "x", 0),
}  # fmt: skip
"""Axes of one argument alone: a longer one is another size, not a mistake."""

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_argument = pytest.mark.parametrize(("name", "argument"), ARGUMENTS, ids=map("-".join, ARGUMENTS))


def call(backend: str, name: str, **spoilt: Tensor) -> Any:
    """Run an operation on its good arguments, some of them spoilt."""
    kernels.use(backend)
    arguments = [x.clone(memory_format=torch.preserve_format) for x in GOOD[name].values()]
    arguments = list((dict(zip(GOOD[name], arguments, strict=True)) | spoilt).values())
    if name == "adamw":
        getattr(ops, name)(*([x] for x in arguments), *NUMBERS[name])
        return arguments
    return getattr(ops, name)(*arguments, *NUMBERS.get(name, ()))


def refused(backend: str, name: str, message: str, **spoilt: Tensor) -> str:
    """Assert that the spoilt arguments are refused with this message, and return all of it."""
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        call(backend, name, **spoilt)
    return str(caught.value)


def called(name: str, argument: str) -> str:
    """Return what messages call an argument, as a pattern."""
    return argument + (r"\[0\]" if name == "adamw" else "")


def fused(backend: str, name: str) -> bool:
    return backend not in ("eager", "auto") and not (backend == "cpp" and "attention" in name)


def tensors(found: Any) -> list[Tensor]:
    return [found] if isinstance(found, Tensor) else list(found)


@every_backend
@pytest.mark.parametrize("name", ops.OPERATIONS)
def test_the_good_arguments_are_taken(backend: str, name: str) -> None:
    for found in tensors(call(backend, name)):
        assert found.isfinite().all()


@pytest.mark.error_contract
@every_backend
@every_argument
def test_other_dtypes(backend: str, name: str, argument: str) -> None:
    good = GOOD[name][argument]
    wrong = [torch.int32, torch.bool, torch.complex64]
    if not good.is_floating_point():
        wrong = [torch.float32, torch.int16, torch.complex64]
    for dtype in wrong:
        message = rf"{called(name, argument)} has dtype {dtype}: expected "
        refused(backend, name, message, **{argument: good.to(dtype)})


@pytest.mark.error_contract
@every_backend
@every_argument
def test_two_float_dtypes_that_do_not_mix(backend: str, name: str, argument: str) -> None:
    alone = {"attention": "qkv", "paged_attention": ("q", "k_pages", "v_pages"), "rope": "qk"}
    alone |= {"swiglu": ("gate", "up"), "linear_cross_entropy": ("x", "weight")}
    if argument not in alone.get(name, ()):
        return
    first, second, *_ = alone[name]
    named, given, other = (
        (second, "float32", "bfloat16") if argument == first else (argument, "bfloat16", "float32")
    )
    message = f"{named} has dtype torch.{given}: expected torch.{other}, as {first}"
    refused(backend, name, message, **{argument: GOOD[name][argument].bfloat16()})


@pytest.mark.error_contract
@every_backend
@every_argument
def test_a_tensor_elsewhere(backend: str, name: str, argument: str) -> None:
    first, second, *_ = GOOD[name]
    message = rf"{called(name, argument)} is on meta: expected cpu, as {called(name, first)}"
    if argument == first:
        message = rf"{called(name, second)} is on cpu: expected meta, as {called(name, first)}"
    refused(backend, name, message, **{argument: GOOD[name][argument].to("meta")})


@every_backend
@pytest.mark.parametrize("name", ops.OPERATIONS)
def test_tensors_without_data_give_one_without_data(backend: str, name: str) -> None:
    expected = tensors(call(backend, name))
    found = tensors(call(backend, name, **{k: x.to("meta") for k, x in GOOD[name].items()}))
    assert [(x.shape, x.dtype) for x in found] == [(x.shape, x.dtype) for x in expected]
    assert {x.device.type for x in found} == {"meta"}


@pytest.mark.error_contract
@every_backend
@every_argument
def test_gaps_in_the_last_axis(backend: str, name: str, argument: str) -> None:
    good = GOOD[name][argument]
    spread = torch.stack([good, good + 1], -1)[..., 0]
    if fused(backend, name):
        strides = re.escape(str(spread.stride()))
        refused(
            backend, name, f"{called(name, argument)} has strides {strides}: expected ", **{argument: spread}
        )
    else:
        pairs = zip(
            tensors(call(backend, name)), tensors(call(backend, name, **{argument: spread})), strict=True
        )
        for x, y in pairs:
            assert (x - y).abs().max() <= 2e-6 * x.abs().max()  # sums in another order at most


def other_shapes(x: Tensor) -> Iterator[tuple[int | None, Tensor]]:
    """Yield `x` with an axis more, less, none at all, and each of its axes longer by one."""
    yield None, x[None]
    yield None, x[0]
    yield None, x.flatten()[0]
    for axis in range(x.dim()):
        yield axis, torch.cat([x, x.narrow(axis, 0, 1)], axis)


@pytest.mark.error_contract
@every_backend
@every_argument
def test_other_shapes(backend: str, name: str, argument: str) -> None:
    names = "|".join(called(name, x) for x in GOOD[name])
    tried = 0
    for axis, wrong in other_shapes(GOOD[name][argument]):
        if (name, argument, axis) in FREE or (axis is None and other_ranks_fit(name, argument, wrong)):
            continue
        said = refused(backend, name, rf"({names}) has (shape|heads of width|\d+ )", **{argument: wrong})
        assert ": expected " in said
        tried += 1
    assert tried


def other_ranks_fit(name: str, argument: str, wrong: Tensor) -> bool:
    """Return whether a number of axes is fine: rows of RMSNorm in a batch, a mask of a batch of one."""
    if argument == "mask":
        return wrong.dim() == 2
    return (name, argument) == ("rms_norm", "x") and wrong.dim() > 0


@pytest.mark.error_contract
@every_backend
@every_argument
def test_an_axis_of_length_zero(backend: str, name: str, argument: str) -> None:
    good = GOOD[name][argument]
    for axis in range(good.dim()):
        names = "|".join(called(name, x) for x in GOOD[name])
        said = refused(backend, name, f"({names}) has ", **{argument: good.narrow(axis, 0, 0)})
        assert ": expected " in said


@pytest.mark.error_contract
@every_backend
@pytest.mark.parametrize("name", BATCH)
def test_an_empty_batch(backend: str, name: str) -> None:
    empty = {argument: GOOD[name][argument][:0] for argument in BATCH[name]}
    shape = re.escape(str(tuple(empty[BATCH[name][0]].shape)))
    refused(
        backend, name, f"{BATCH[name][0]} has shape {shape}: expected one axis or more, none of 0", **empty
    )


@pytest.mark.error_contract
@every_backend
def test_adamw_of_nothing(backend: str) -> None:
    kernels.use(backend)
    with pytest.raises(ValueError, match="parameters has no tensor: expected at least one"):
        ops.adamw([], [], [], [], *NUMBERS["adamw"])
    with pytest.raises(ValueError, match=r"1 parameters, 0 gradients, .*: expected as many of each"):
        ops.adamw([draw(2)], [], [draw(2)], [draw(2)], *NUMBERS["adamw"])
    with pytest.raises(ValueError, match="step is 0: expected 1 or more"):
        ops.adamw([draw(2)], [draw(2)], [draw(2)], [draw(2)], 0, *NUMBERS["adamw"][1:])


@pytest.mark.error_contract
@every_backend
def test_adamw_refuses_all_before_it_moves_any(backend: str) -> None:
    kernels.use(backend)
    state = [[draw(3, seed=i), draw(2, seed=i)] for i in range(4)]
    before = [x.clone() for xs in state for x in xs]
    state[1][1] = state[1][1][:1]
    with pytest.raises(
        ValueError, match=r"gradients\[1\] has shape \(1,\): expected \(2,\), by parameters\[1\]"
    ):
        ops.adamw(*state, *NUMBERS["adamw"])
    state[1][1] = before[3].to(torch.float16 if backend == "cpp" else torch.int64)
    with pytest.raises(ValueError, match=r"gradients\[1\] has dtype torch\.\w+: .*expect"):
        ops.adamw(*state, *NUMBERS["adamw"])
    state[1][1] = before[3]
    assert all(map(torch.equal, (x for xs in state for x in xs), before))


@pytest.mark.error_contract
@every_backend
@pytest.mark.parametrize("argument", GOOD["adamw"])
def test_adamw_of_rows_with_gaps(backend: str, argument: str) -> None:
    good = GOOD["adamw"][argument]
    spread = good.repeat_interleave(2, dim=0)[::2]
    if fused(backend, "adamw"):
        message = rf"{argument}\[0\] has strides \(8, 1\): expected no gaps"
        refused(backend, "adamw", message, **{argument: spread})
    else:
        moved = call(backend, "adamw", **{argument: spread})
        for x, y in zip(moved, call("eager", "adamw"), strict=True):
            torch.testing.assert_close(x, y, rtol=1e-6, atol=1e-6)


HEADS = r"q has 3 heads, k and v 2: expected a multiple"
SPECIAL: list[tuple[str, dict[str, Tensor], str]] = [
    ("attention", {"q": draw(2, 3, 5, 8)}, HEADS),
    ("paged_attention", {"q": draw(2, 3, 8)}, HEADS),
    ("attention", {"q": draw(2, 4, 8, 8)}, r"q has 8 positions: expected 7 at most, k's"),
    ("rope", {"q": draw(2, 4, 5, 7)}, r"q has heads of width 7: expected an even width"),
    ("attention", {"mask": torch.ones(7, 5).bool()}, r"mask has shape \(7, 5\): expected \(..., 5, 7\)"),
    ("attention", {"mask": torch.ones(3, 1, 5, 7).bool()}, r"mask has shape \(3, 1, 5, 7\): expected"),
    ("attention", {"mask": torch.ones(1, 1, 1, 5, 7).bool()}, r"mask has shape \(1, 1, 1, 5, 7\): expected"),
    ("int4_matvec", {"x": draw(2, 48)}, r"x has 48 inputs: expected a multiple of 32"),
    ("cross_entropy", {"targets": torch.tensor([0, 9, 1])}, r"targets\[1\] is 9: expected 0 to 8, tokens"),
    ("cross_entropy", {"targets": torch.tensor([0, 1, -1])}, r"targets\[2\] is -1: expected 0 to 8"),
    ("linear_cross_entropy", {"targets": torch.tensor([2**40, 1, 1])}, r"targets\[0\] is 1099511627776: "),
    ("paged_attention", {"pages": torch.tensor([[3, 5], [0, 4]])}, r"pages\[0, 1\] is 5: expected 0 to 4"),
    ("paged_attention", {"pages": torch.tensor([[3, 1], [-1, 4]])}, r"pages\[1, 0\] is -1: expected 0 to 4"),
    ("paged_attention", {"lengths": torch.tensor([9, 1])}, r"lengths\[0\] is 9: expected 0 to 8, positions"),
    ("paged_attention", {"lengths": torch.tensor([6, -1])}, r"lengths\[1\] is -1: expected 0 to 8"),
]  # fmt: skip


@pytest.mark.error_contract
@every_backend
@pytest.mark.parametrize(
    ("name", "spoilt", "message"), SPECIAL, ids=lambda x: x if isinstance(x, str) else ""
)
def test_what_only_one_operation_demands(
    backend: str, name: str, spoilt: dict[str, Tensor], message: str
) -> None:
    refused(backend, name, message, **spoilt)


@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (4, 5, 7), (2, 1, 5, 7), (1, 4, 5, 7)])
def test_masks_of_booleans_that_eager_takes(shape: tuple[int, ...]) -> None:
    assert call("eager", "attention", mask=torch.ones(shape).bool()).shape == (2, 4, 5, 8)


@pytest.mark.error_contract
def test_what_a_backend_has_no_kernels_for() -> None:
    interpreted = "the triton-interpret backend expects "
    for name, arguments in GOOD.items():
        first = next(iter(arguments))
        wide = {k: x.double() for k, x in arguments.items() if x.dtype == torch.float32}
        refused(
            "triton-interpret", name, f"{called(name, first)} has dtype torch.float64: {interpreted}", **wide
        )
    mask = torch.ones(5, 7).bool()
    refused("triton-interpret", "attention", f"mask has dtype torch.bool: {interpreted}None or", mask=mask)


@pytest.mark.error_contract
def test_a_tensor_where_a_backend_does_not_run() -> None:
    triton = Backend("triton", None, "cuda", (torch.float32,))
    with pytest.raises(ValueError, match="weight is on cpu: the triton backend expects cuda"):
        triton.accepts(x=torch.ones(2, device="meta"), weight=torch.ones(2))
    triton.accepts(x=torch.ones(2, device="meta"))


def test_products_of_two_dtypes_under_autocast_are_not_refused() -> None:
    weight = GOOD["linear_cross_entropy"]["weight"].bfloat16()
    for backend in BACKENDS:
        with torch.autocast("cpu", torch.bfloat16):
            loss, _ = call(backend, "linear_cross_entropy", weight=weight)
        assert loss.isfinite()
