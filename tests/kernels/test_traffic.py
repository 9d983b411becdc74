"""The meter of bytes, strays and races, on kernels whose traffic one can count by hand."""

from __future__ import annotations

import pytest
import torch
import triton
import triton.language as tl
from kernels.proofs import draw
from triton.runtime.errors import InterpreterError

from minillama.kernels.traffic import Traffic, measured


@triton.jit
def scaled(x, factor, y, n, stride, SIZE: tl.constexpr):
    """y = factor[0] x, program p from p * stride on."""
    i = tl.program_id(0) * stride + tl.arange(0, SIZE)
    v = tl.load(x + i, mask=i < n, other=0.0) * tl.load(factor)
    tl.store(y + i, v, mask=i < n)


@triton.jit
def summed(x, total, n, ATOMIC: tl.constexpr, SIZE: tl.constexpr):
    i = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    part = tl.sum(tl.load(x + i, mask=i < n, other=0.0), 0)
    if ATOMIC:
        tl.atomic_add(total, part)
    else:
        tl.store(total, tl.load(total) + part)


@triton.jit
def shifted(x, n, SIZE: tl.constexpr):
    """x[i + 1] = x[i] in place: a program reads what its neighbour writes."""
    i = tl.program_id(0) * SIZE + tl.arange(0, SIZE)
    tl.store(x + i + 1, tl.load(x + i, mask=i < n, other=0.0), mask=i < n)


def test_bytes_are_those_of_the_lanes_that_the_masks_let_through() -> None:
    x, factor, y = draw(100), torch.ones(1), torch.empty(100)
    with measured() as meter:
        scaled[(4,)](x, factor, y, 100, 32, SIZE=32)
    assert meter["scaled"] == Traffic(
        launches=1, programs=4, read=400 + 4 * 4, written=400, read_once=400 + 4, written_once=400
    )
    assert meter["scaled"].moved == 816
    assert meter["scaled"].moved_once == 804
    assert meter.races == []
    assert torch.equal(x, y)


def test_launches_add_up_and_16_bits_count_two_bytes() -> None:
    x, factor, y = (t.half() for t in (draw(100), torch.ones(1), torch.empty(100)))
    with measured() as meter:
        for _ in range(3):
            scaled[(1,)](x, factor, y, 100, 128, SIZE=128)
        summed[(1,)](x.float(), torch.zeros(1), 100, ATOMIC=False, SIZE=128)
    assert (meter["scaled"].launches, meter["scaled"].read, meter["scaled"].written) == (3, 606, 600)
    assert meter.total.read == 606 + 404
    assert meter.total.launches == 4
    with pytest.raises(KeyError, match="no kernel 'copy' was launched: scaled, summed"):
        meter["copy"]


def test_two_programs_that_store_to_one_address_race() -> None:
    x, factor, y = draw(100), torch.ones(1), torch.empty(100)
    with measured() as meter:
        scaled[(4,)](x, factor, y, 100, 24, SIZE=32)  # tiles overlap by 8: three seams
    assert meter.races == ["scaled: 24 addresses are written by two programs"]
    assert meter["scaled"].written == 4 * (32 + 32 + 32 + 28)
    assert meter["scaled"].written_once == 400


def test_reading_what_another_program_writes_races() -> None:
    with measured() as meter:
        shifted[(3,)](torch.zeros(97), 96, SIZE=32)
    assert meter.races == ["shifted: 2 addresses are written by one program and read by another"]
    with measured() as meter:
        shifted[(1,)](torch.zeros(97), 96, SIZE=128)
    assert meter.races == []


def test_atomic_sums_do_not_race_and_plain_ones_do() -> None:
    x = draw(100)
    for atomic, races in ((True, []), (False, ["written by two", "read by another"])):
        total = torch.zeros(1)
        with measured() as meter:
            summed[(4,)](x, total, 100, ATOMIC=atomic, SIZE=32)
        assert len(meter.races) == len(races)
        assert all(words in race for words, race in zip(races, meter.races, strict=True))
        assert (meter["summed"].read, meter["summed"].written) == (400 + 16, 16)
        torch.testing.assert_close(total[0], x.sum())  # the interpreter runs programs in turn: no proof


def test_a_lane_outside_of_every_argument_stops_the_kernel() -> None:
    whole = draw(200)
    x, factor, y = whole[:90], torch.ones(1), torch.empty(200)[:100]
    with (
        measured(),
        pytest.raises(InterpreterError, match=r"program \(2, 0, 0\) of scaled: 6 of 32 lanes read"),
    ):
        scaled[(4,)](x, factor, y, 100, 32, SIZE=32)
    scaled[(4,)](whole, factor, y, 100, 32, SIZE=32)  # the meter is gone
    with measured() as meter:
        scaled[(4,)](whole[::2][:100], factor, y, 100, 32, SIZE=32)  # strides have gaps: inside of the extent
    assert meter["scaled"].read_once == 404


def test_meters_nest() -> None:
    x, factor, y = draw(64), torch.ones(1), torch.empty(64)
    with measured() as outer:
        with measured() as inner:
            scaled[(1,)](x, factor, y, 64, 64, SIZE=64)
        scaled[(1,)](x, factor, y, 64, 64, SIZE=64)
    assert (inner["scaled"].launches, outer["scaled"].launches) == (1, 2)
