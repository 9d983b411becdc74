# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 18 · First Triton kernels
#
# **Question.** How does one write a program for a processor that one does not have, and know that it is right, that
# no two of its parts get in each other's way, and that it moves no byte too many?
#
# [Chapter 17](17_where_the_time_goes.md) found where the time of a LLaMA goes when the matrix products are done:
# norms, rotations, gates. They compute next to nothing. They wait for memory, and as PyTorch operations they wait
# several times, since each little step writes its result out for the next one to read in. The remedy is a **fused
# kernel**: one trip in, all the arithmetic in **registers**, the few places right beside it, and one trip out.
#
# Triton is a language for such kernels, embedded in Python. You write what *one program* does with *one block* of
# numbers; the GPU runs thousands of them at once. That is the whole idea, and it fits into sixty lines of NumPy,
# which is how we begin: with an interpreter of your own. It counts every byte, and it notices when two programs touch
# one address. Then the real thing, four kernels forward and backward, and at the end the package's versions of them
# are compiled for four GPUs, none of which has to be in your machine.

# %%
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MINILLAMA_BACKEND"] = "triton-interpret"  # Triton's kernels, on the CPU, block by block

import math
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from minillama import kernels, reference
from minillama.book.plotting import COLORS, use_style
from minillama.kernels import eager, ops
from minillama.kernels.traffic import measured

use_style()
torch.set_num_threads(1)
kernels.use("triton-interpret")
rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares.

# %%
prediction = {
    "a program reads 32 floats down a column: share of the bytes moved that it asked for": 0.5,
    "RMSNorm in bfloat16, written as PyTorch operations: its bytes over the fused kernel's": 3.0,
    "SwiGLU backward that computes the sigmoid again: its bytes over PyTorch's": 1.0,
    "two programs race for one sum, run one after the other: relative error of the result": 0.5,
    "the same race, all programs at once: relative error": 0.5,
}

# %% [markdown]
# ## The idea: one program, one block
#
# Memory is one long row of cells. A program has a number. From it, it computes the addresses of its block, loads the
# block, computes, stores. The places of a block are its **lanes**. Block sizes are powers of two (the hardware deals
# its threads out evenly) and arrays are not, so the last block hangs over the end; a **mask** says which of its lanes
# are real.
#
# Nothing but memory is shared. A program cannot see another's numbers, there is no order among programs, and no way to
# wait for one. This is what makes it simple, and it is where the mistakes come from.
#
# ## An interpreter in sixty lines
#
# A memory, a way to put arrays into it, `launch`, `load`, `store`. All else follows from the log of what was touched:
# bytes, races, and the pictures below. Two decisions make it strict. Cells that nobody wrote hold NaN, and so does a
# masked lane for which the program names no other value: whoever uses one will see it. And an address outside of
# every array stops the program.


# %%
class BlockMachine:
    """A memory of float32 cells, and programs that load and store blocks of it."""

    def __init__(self, cells=2**18):
        self.memory = np.full(cells, np.nan, np.float32)
        self.arrays = []  # the first address of each, and the one after its last
        self.log = []  # (program, "read" or "written", addresses, mask) of the last launch

    def put(self, values):
        """Lay `values` into memory, with a gap before them; return the address of the first."""
        flat = np.asarray(values, np.float32).ravel()
        first = (self.arrays[-1][1] // 8 + 2) * 8 if self.arrays else 8
        self.arrays.append((first, first + flat.size))
        self.memory[first : first + flat.size] = flat
        return first

    def empty(self, cells):
        """Set `cells` aside, full of NaN; return the address of the first."""
        return self.put(np.full(cells, np.nan))

    def get(self, first, *shape):
        """Return an array of `shape` from address `first` on."""
        return self.memory[first : first + math.prod(shape)].reshape(shape).copy()

    def launch(self, kernel, programs, *arguments, order=None, at_once=False):
        """Run `kernel` for each program, in `order`; `at_once`: each sees memory as it was before."""
        self.log, self.programs = [], programs
        self.seen = self.memory.copy() if at_once else self.memory
        for self.program in range(programs) if order is None else order:
            kernel(self, *arguments)

    def load(self, address, mask=True, other=np.nan):
        """Return the cells at `address`, an array of any shape; `other` where `mask` is false."""
        address, mask = self.note("read", address, mask)
        return np.where(mask, self.seen[np.where(mask, address, 0)], np.float32(other))

    def store(self, address, values, mask=True):
        """Write `values` to the cells at `address` where `mask` is true."""
        address, mask = self.note("written", address, mask)
        self.memory[address[mask]] = np.broadcast_to(values, address.shape)[mask]

    def note(self, what, address, mask):
        """Keep what is touched; refuse an address that belongs to no array."""
        address, mask = np.broadcast_arrays(address, mask)
        stray = mask & ~np.any([(first <= address) & (address < end) for first, end in self.arrays], 0)
        if stray.any():
            raise IndexError(f"program {self.program}: {stray.sum()} lanes {what} outside of every array")
        self.log.append((self.program, what, address, mask))
        return address, mask

    def bytes(self, what):
        """Return the bytes "read" or "written", each as often as a program asked."""
        return 4 * sum(int(mask.sum()) for _, kind, _, mask in self.log if kind == what)

    def races(self):
        """Return the addresses that one program writes and another one reads or writes."""
        touched = {"read": {}, "written": {}}
        for program, kind, address, mask in self.log:
            for cell in address[mask].tolist():
                touched[kind].setdefault(cell, set()).add(program)
        return [c for c, by in touched["written"].items() if len(by | touched["read"].get(c, set())) > 1]


# %% [markdown]
# The first kernel of every course: add two vectors. Program $p$ takes the elements $p \cdot \mathrm{BLOCK}$ to
# $(p + 1) \cdot \mathrm{BLOCK} - 1$.


# %%
def add(m, x, y, out, n, BLOCK):
    lane = m.program * BLOCK + np.arange(BLOCK)
    inside = lane < n
    m.store(out + lane, m.load(x + lane, inside) + m.load(y + lane, inside), inside)


def add_without_mask(m, x, y, out, n, BLOCK):
    lane = m.program * BLOCK + np.arange(BLOCK)
    m.store(out + lane, m.load(x + lane) + m.load(y + lane))


n, BLOCK = 21, 8
x, y = rng.normal(size=(2, n)).astype(np.float32)
m = BlockMachine()
at_x, at_y, at_out = m.put(x), m.put(y), m.empty(n)
m.launch(add, math.ceil(n / BLOCK), at_x, at_y, at_out, n, BLOCK)
assert np.array_equal(m.get(at_out, n), x + y)
adding = m.log
print(
    f"{m.programs} programs read {m.bytes('read')} bytes and wrote {m.bytes('written')}; races: {m.races()}"
)
assert (m.bytes("read"), m.bytes("written")) == (2 * 4 * n, 4 * n)
try:
    m.launch(add_without_mask, math.ceil(n / BLOCK), at_x, at_y, at_out, n, BLOCK)
except IndexError as error:
    print("without a mask:", error)
assert m.program == 2

# %% tags=["figure", "hide"] alt="Three rows of cells, x, y and out, 21 each, coloured by program: cells 0 to 7 blue, 8 to 15 orange, 16 to 20 green. Three hatched cells after the end of each row belong to the green program and are masked"
THREE = [COLORS[name] for name in ("blue", "orange", "green")]
figure, axes = plt.subplots(figsize=(9, 2.3))
for program, _, address, mask in adding:
    for cell, real in zip(address.tolist(), mask.tolist(), strict=True):
        row = next(i for i, first in enumerate((at_x, at_y, at_out)) if first <= cell < first + 24)
        box = plt.Rectangle(
            (cell - (at_x, at_y, at_out)[row] + 0.06, row + 0.1), 0.88, 0.8,
            facecolor=THREE[program] if real else "none", edgecolor=THREE[program], hatch=None if real else "////",
        )  # fmt: skip
        axes.add_patch(box)
for program in range(3):
    axes.text(
        (4, 12, 18.5)[program], -0.25, f"program {program}", ha="center", color=THREE[program], fontsize=10
    )
axes.text(22.5, -0.25, "masked", ha="center", color=COLORS["grey"], fontsize=10)
axes.axvline(n, color=COLORS["grey"], linewidth=1.2)
axes.set(xlim=(0, 24), ylim=(3, -0.7), xticks=[0, 8, 16, 21, 24], yticks=[0.5, 1.5, 2.5], xlabel="element")
axes.set_yticklabels(["x", "y", "out"])
axes.grid(False)
plt.show()

# %% [markdown]
# Every cell once, the tail masked. Drawn from the log, not by hand.
#
# ## RMSNorm on it
#
# Chapter 05's norm, $y = x \, r \, w$ with $r = 1/\sqrt{\mathrm{mean}(x^2) + \varepsilon}$. One program takes one row
# whole: $C$ numbers, in a block of the next power of two. The row is in registers when its square sum is known, and
# need not be read again.


# %%
def norm(m, x, weight, y, C, eps, BLOCK):
    column = np.arange(BLOCK)
    inside = column < C
    t = m.load(x + m.program * C + column, inside, other=0.0)
    r = 1 / np.sqrt((t * t).sum() / C + eps)
    m.store(y + m.program * C + column, t * r * m.load(weight + column, inside), inside)


def norm_in_two_passes(m, x, weight, y, C, eps, BLOCK):
    """The same in pieces of `BLOCK`: the row is read once for its size, and once more to be scaled."""
    total = 0.0
    for first in range(0, C, BLOCK):
        column = first + np.arange(BLOCK)
        t = m.load(x + m.program * C + column, column < C, other=0.0)
        total += (t * t).sum()
    r = 1 / np.sqrt(total / C + eps)
    for first in range(0, C, BLOCK):
        column = first + np.arange(BLOCK)
        t = m.load(x + m.program * C + column, column < C)
        m.store(y + m.program * C + column, t * r * m.load(weight + column, column < C), column < C)


def norm_without_other(m, x, weight, y, C, eps, BLOCK):
    column = np.arange(BLOCK)
    t = m.load(x + m.program * C + column, column < C)
    r = 1 / np.sqrt((t * t).sum() / C + eps)
    m.store(y + m.program * C + column, t * r * m.load(weight + column, column < C), column < C)


N, C, eps = 6, 13, 1e-5
x, weight = rng.normal(size=(N, C)).astype(np.float32), rng.normal(size=C).astype(np.float32)
exact, _ = reference.rms_norm(x.astype(np.float64), weight.astype(np.float64), eps)
for kernel, size in ((norm, 16), (norm_in_two_passes, 4), (norm_without_other, 16)):
    m = BlockMachine()
    at_x, at_w, at_y = m.put(x), m.put(weight), m.empty(N * C)
    m.launch(kernel, N, at_x, at_w, at_y, C, eps, size)
    found = m.get(at_y, N, C)
    verdict = "NaN" if np.isnan(found).any() else "right" if np.abs(found - exact).max() < 1e-6 else "wrong"
    print(f"{kernel.__name__:20} {verdict:5}, read {m.bytes('read')}, wrote {m.bytes('written')} bytes")
    assert verdict == ("NaN" if kernel is norm_without_other else "right")
    assert m.bytes("read") == 4 * N * C * (3 if kernel is norm_in_two_passes else 2)

# %% [markdown]
# Three lessons in three lines. Of the bytes read, half are `x` and half the weight, which each program fetches anew;
# a cache serves all but the first, and we shall count both ways, *asked for* and *once*. The version in two passes
# has the same result and reads `x` twice: half as much again, and no test of values would tell. And a forgotten
# `other` poisons the sum. Triton's own manual leaves such lanes undefined; its compilers of today happen to give 0,
# and so does its interpreter, so that the fault sleeps until the day a backend decides otherwise. Ours wakes it at
# once.
#
# ## What the memory really moves
#
# A GPU's memory does not deliver single bytes. It delivers **sectors** of 32, aligned. Threads go in groups of 32,
# called **warps**; the 32 lanes that a warp loads together are served by as many sectors as they touch. Lanes side by
# side share them; that is called *coalesced*. So besides how many bytes a program asks for, it matters which. From the
# log:


# %%
def sectors(log):
    """Return the 32-byte sectors that each group of 32 lanes touches, as arrays of numbers."""
    found = []
    for _, _, address, mask in log:
        lanes, real = address.ravel(), mask.ravel()
        found += [np.unique(lanes[i : i + 32][real[i : i + 32]] * 4 // 32) for i in range(0, lanes.size, 32)]
    return found


def read_block(m, x, rows, columns, width, first_row, first_column):
    """Read `rows` by `columns` cells of a matrix whose rows are `width` long."""
    row = (first_row + np.arange(rows))[:, None]
    m.load(x + row * width + first_column + np.arange(columns)[None, :])


wide = 32
blocks = {
    "along a row": (1, 32, 5, 0),
    "a row, begun at 3": (1, 26, 5, 3),
    "down a column": (32, 1, 0, 13),
    "a tile of 4 by 8": (4, 8, 12, 8),
}
touched, useful = {}, {}
for name, (rows, columns, *place) in blocks.items():
    m = BlockMachine()
    at_x = m.put(np.zeros((32, wide)))
    m.launch(read_block, 1, at_x, rows, columns, wide, *place)
    (numbers,) = sectors(m.log)
    touched[name] = (m.log[0][2].ravel() - at_x, numbers - at_x * 4 // 32)
    useful[name] = m.bytes("read") / (32 * len(numbers))
    print(
        f"{name:18} asked {m.bytes('read'):4d} bytes, moved {32 * len(numbers):5d}: {useful[name]:6.1%} useful"
    )
assert useful["along a row"] == useful["a tile of 4 by 8"] == 1
assert useful["down a column"] == 1 / 8

# %% tags=["figure", "hide"] alt="Four squares, each a matrix of 32 by 32 cells in sectors of eight. Along a row: one row of four sectors, all blue. A row begun at column 3: blue from 3 to 28, the rest of its four sectors orange. Down a column: one blue column, and the other seven cells of each of its 32 sectors orange. A tile of 4 by 8: one block of four sectors, all blue"
figure, panels = plt.subplots(1, 4, figsize=(10.4, 3.1), sharey=True)
for axes, (name, (cells, numbers)) in zip(panels, touched.items(), strict=True):
    for number in numbers.tolist():
        axes.add_patch(
            plt.Rectangle((number % 4 * 8, number // 4), 8, 1, facecolor=COLORS["orange"], alpha=0.9)
        )
    for cell in cells.tolist():
        axes.add_patch(plt.Rectangle((cell % wide, cell // wide), 1, 1, facecolor=COLORS["blue"]))
    axes.set(xlim=(0, wide), ylim=(wide, 0), aspect="equal", title=f"{name}\n{useful[name]:.1%} useful")
    axes.set(xticks=range(0, 33, 8), yticks=range(0, 33, 8), xlabel="column")
panels[0].set_ylabel("row")
plt.show()

# %% [markdown]
# Blue was asked for, orange came along. Down a column, seven of eight bytes travel for nothing, unless a cache keeps
# them until somebody wants them. So a program takes rows, or tiles whose rows fill sectors. In all kernels below the
# lanes run along the last axis. Sectors of 32 bytes are NVIDIA's; other makers have other sizes, and the rule is the
# same.
#
# ## The way back, and a sum that nobody owns
#
# [Chapter 05](05_rmsnorm_and_pre_norm.md) derived the gradients. With $t = x r$, the normalised row, and
# $g = dy \odot w$, both of shape (C,):
#
# $$ dx = r \left( g - t \cdot \mathrm{mean}(g \odot t) \right), \qquad dw = \sum_{\text{rows}} dy \odot t $$
#
# The first belongs to one row, so to one program. The second is a sum over all rows. Whose is it? The obvious kernel
# lets every program add its row to `dw`: load, add, store.


# %%
def racing(m, dy, x, dw, N, C, eps, BLOCK):
    column = np.arange(BLOCK)
    inside = column < C
    t = m.load(x + m.program * C + column, inside, other=0.0)
    t = t / np.sqrt((t * t).sum() / C + eps)
    part = m.load(dy + m.program * C + column, inside) * t
    m.store(dw + column, m.load(dw + column, inside) + part, inside)


def partial_sums(m, dy, x, partial, N, C, eps, BLOCK):
    """Each program takes every P-th row, keeps its sum in registers, and stores it in a row of its own."""
    column = np.arange(BLOCK)
    inside = column < C
    total = np.zeros(BLOCK, np.float32)
    for row in range(m.program, N, m.programs):
        t = m.load(x + row * C + column, inside, other=0.0)
        t = t / np.sqrt((t * t).sum() / C + eps)
        total += m.load(dy + row * C + column, inside, other=0.0) * t
    m.store(partial + m.program * C + column, total, inside)


N, C = 24, 13
x, dy = rng.normal(size=(2, N, C)).astype(np.float32)
wide_x = x.astype(np.float64)
exact = (dy * wide_x / np.sqrt((wide_x**2).mean(axis=1, keepdims=True) + eps)).sum(axis=0)
schedules = {
    "one after the other": {},
    "the other way round": {"order": range(N - 1, -1, -1)},
    "all at once": {"at_once": True},
}
race_error = {}
for name, schedule in schedules.items():
    m = BlockMachine()
    at_dy, at_x, at_dw = m.put(dy), m.put(x), m.put(np.zeros(C))
    m.launch(racing, N, at_dy, at_x, at_dw, N, C, eps, 16, **schedule)
    race_error[name] = np.abs(m.get(at_dw, C) - exact).max() / np.abs(exact).max()
    print(f"racing, {name:20} off by {race_error[name]:6.1%}, races at {len(m.races())} addresses")
    assert len(m.races()) == C
m = BlockMachine()
at_dy, at_x, at_part = m.put(dy), m.put(x), m.empty(4 * C)
m.launch(partial_sums, 4, at_dy, at_x, at_part, N, C, eps, 16, at_once=True)
error = np.abs(m.get(at_part, 4, C).sum(axis=0) - exact).max() / np.abs(exact).max()
print(f"partial sums, all at once    off by {error:6.1%}, races at {len(m.races())} addresses")
assert race_error["one after the other"] < 1e-6 < 0.5 < race_error["all at once"]
assert m.races() == []
assert error < 1e-6

# %% tags=["figure", "hide"] alt="Two maps of eight rows by sixteen columns, drawn from the logs; columns 13 to 15 are hatched, masked lanes. Left, racing: each row of x has the colour of its program, one of eight, and below it the row of dw is red, touched by all eight. Right, partial sums: the rows of x alternate between two colours, rows 0, 2, 4, 6 and 1, 3, 5, 7, and below are two rows of partial sums, each in its program's colour"
figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
few = 8
for axes, kernel, programs in ((panels[0], racing, few), (panels[1], partial_sums, 2)):
    m = BlockMachine()
    at_dy, at_x, at_sum = m.put(dy[:few]), m.put(x[:few]), m.put(np.zeros((programs, C)))
    m.launch(kernel, programs, at_dy, at_x, at_sum, few, C, eps, 16)
    shared = set(m.races())
    shades = plt.cm.viridis(np.linspace(0.3, 0.9, programs))
    for program, _, address, mask in m.log:
        for lane, (cell, real) in enumerate(zip(address.tolist(), mask.tolist(), strict=True)):
            first = at_sum if address[0] >= at_sum else at_x if address[0] >= at_x else at_dy
            if first == at_dy:
                continue  # dy is touched as x is
            row = (address[0] - first) // C + (few + 0.6 if first == at_sum else 0)
            colour = COLORS["red"] if cell in shared else shades[program]
            hatch = None if real else "////"
            axes.add_patch(
                plt.Rectangle(
                    (lane + 0.06, row + 0.08), 0.88, 0.84, facecolor=colour if real else "none",
                    edgecolor="none" if real else COLORS["grey"], hatch=hatch, linewidth=0.5,
                )
            )  # fmt: skip
    axes.set(
        xlim=(0, 16),
        ylim=(few + 2.8, 0),
        xlabel="column",
        xticks=[0, C, 16],
        title=kernel.__name__.replace("_", " "),
    )
    axes.grid(False)
panels[0].set(yticks=[4, few + 1.1], yticklabels=["rows of x", "dw"])
panels[1].text(16.3, few + 1.1, "partial", va="center", fontsize=9.5)
plt.show()

# %% [markdown]
# The four lines above the picture are the most important ones of the chapter. An interpreter runs programs in turn,
# forwards or backwards, and in turn the faulty kernel is *right*. On a GPU, where programs run at once, almost
# everything it adds is lost. No test of values can tell the two kernels apart where programs take turns. The log can:
# two programs touched one address, and one of them wrote.
#
# There are two ways out. *Atomic* additions, which the memory carries out one by one: right, but in an order that
# changes from run to run, and float sums hang on their order. Or partial sums: few programs, many rows each, and
# every program stores its own. A second, small kernel adds them up. Two runs give the same bits, and this is what we
# take.
#
# > **Departure: who sums the weight's gradient.**
# >
# > - **Paper.** Zhang and Sennrich state the gradients, not who adds what.
# > - **Code.** Triton's own tutorial on layer norm lets programs take turns at a few rows of partial sums, behind locks.
# >   Liger-Kernel's first version kept the products of all rows, a tensor as large as x, and summed that; now each
# >   program has a row of its own.
# > - **Here.** A row of its own for each of at most 256 programs, in float32, added up in order by a second kernel.
# > - **What changes.** No locks, no atomics: the same bits at every run, which an exact resume of training needs.
#
# ## Now Triton
#
# Triton's words for what you wrote: `tl.program_id(0)` for `m.program`, `tl.arange` for `np.arange`, `tl.load` and
# `tl.store` with the same masks. Pointers stand for the first address, and a pointer knows its dtype. Sizes of blocks
# are compile-time constants, `tl.constexpr`. The decorator `@triton.jit` makes a kernel of a function. Here Triton's
# own interpreter runs it, program by program; compiled, the same text is what a GPU runs.
#
# Three habits, each a trap avoided: `.to(tl.float32)` on the line that loads, and back on the line that stores;
# `.to(tl.int64)` for whatever is multiplied by a row's length; `other=0.0` for what is summed. The forward pass keeps
# each row's $r$ in `rstd`, for the way back.

# %%
import triton
import triton.language as tl

from minillama.kernels import triton as raw  # the package's kernels, tensors in and out


@triton.jit
def norm_forward(x, weight, y, rstd, C, eps, BLOCK: tl.constexpr):
    """Normalise one row of x (N, C); keep r for the way back."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < C
    t = tl.load(x + row * C + column, mask=inside, other=0.0).to(tl.float32)
    r = tl.rsqrt(tl.sum(t * t, axis=0) / C + eps)
    w = tl.load(weight + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + row * C + column, (t * r * w).to(y.dtype.element_ty), mask=inside)
    tl.store(rstd + row, r)


@triton.jit
def norm_backward(dy, dtotal, x, weight, rstd, dx, partial, N, C, BLOCK: tl.constexpr):
    """Every P-th row: its dx, with `dtotal` added if there is one; and this program's share of dweight."""
    program = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < C
    w = tl.load(weight + column, mask=inside, other=0.0).to(tl.float32)
    dweight = tl.zeros([BLOCK], tl.float32)
    for row in range(program, N, tl.num_programs(0)):
        r = tl.load(rstd + row)
        t = tl.load(x + row * C + column, mask=inside, other=0.0).to(tl.float32) * r
        d = tl.load(dy + row * C + column, mask=inside, other=0.0).to(tl.float32)
        g = d * w
        out = r * (g - t * (tl.sum(g * t, axis=0) / C))
        if dtotal is not None:
            out += tl.load(dtotal + row * C + column, mask=inside, other=0.0).to(tl.float32)
        tl.store(dx + row * C + column, out.to(dx.dtype.element_ty), mask=inside)
        dweight += d * t
    tl.store(partial + program * C + column, dweight, mask=inside)


@triton.jit
def sum_rows(partial, out, P, C, BLOCK: tl.constexpr):
    """Add the P rows of `partial` (P, C) in order, a block of columns a program."""
    column = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float32)
    for row in range(P):
        total += tl.load(partial + row * C + column, mask=column < C, other=0.0)
    tl.store(out + column, total.to(out.dtype.element_ty), mask=column < C)


# %% [markdown]
# Around a kernel stands a function of tensors: it makes the outputs and starts `kernel[programs](arguments)`.

# %%
PARTIALS = 4


def rms_norm(x, weight, eps):
    N, C = x.shape
    y, rstd = torch.empty_like(x), x.new_empty(N, dtype=torch.float32)
    norm_forward[(N,)](x, weight, y, rstd, C, eps, BLOCK=triton.next_power_of_2(C))
    return y, rstd


def rms_norm_backward(dy, x, weight, rstd, dtotal=None):
    N, C = x.shape
    P = min(N, PARTIALS)
    dx, dweight, partial = (
        torch.empty_like(x),
        torch.empty_like(weight),
        x.new_empty(P, C, dtype=torch.float32),
    )
    norm_backward[(P,)](dy, dtotal, x, weight, rstd, dx, partial, N, C, BLOCK=triton.next_power_of_2(C))
    sum_rows[(triton.cdiv(C, 64),)](partial, dweight, P, C, BLOCK=64)
    return dx, dweight


def draw(*shape, dtype=torch.float32, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


x, weight, dy = draw(24, 123), draw(123, seed=1), draw(24, 123, seed=2)
y, rstd = rms_norm(x, weight, eps)
dx, dweight = rms_norm_backward(dy, x, weight, rstd)
numpy_y, saved = reference.rms_norm(x.double().numpy(), weight.double().numpy(), eps)
numpy_dx, numpy_dweight = reference.rms_norm_backward(dy.double().numpy(), saved)
for name, found, exact in (("y", y, numpy_y), ("dx", dx, numpy_dx), ("dweight", dweight, numpy_dweight)):
    error = np.abs(found.numpy() - exact).max() / np.abs(exact).max()
    assert error < 1e-6
print("y, dx and dweight equal chapter 05's in float64, within one part in a million")

# %% [markdown]
# And the race, planted once more? The package's meter, `measured`, does for Triton's interpreter what your log does
# for the machine. It sees the address of every lane.


# %%
@triton.jit
def racing_sum(dy, x, rstd, dweight, C, BLOCK: tl.constexpr):
    """Each row's program adds its share of dweight to what is there."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < C
    t = tl.load(x + row * C + column, mask=inside, other=0.0) * tl.load(rstd + row)
    share = tl.load(dy + row * C + column, mask=inside, other=0.0) * t
    tl.store(dweight + column, tl.load(dweight + column, mask=inside, other=0.0) + share, mask=inside)


raced = torch.zeros_like(weight)
with measured() as meter:
    racing_sum[(24,)](dy, x, rstd, raced, 123, BLOCK=128)
    rms_norm_backward(dy, x, weight, rstd)
assert np.abs(raced.numpy() - numpy_dweight).max() < 1e-6 * np.abs(numpy_dweight).max()
print("the racing kernel's values are right; the meter says:")
for race in meter.races:
    print("   ", race)
assert len(meter.races) == 2
assert all("racing_sum" in race for race in meter.races)

# %% [markdown]
# ## Add and normalise
#
# In a pre-norm block each norm comes right after an addition: the attention's output is added to the stream, and the
# sum is normalised for the feed-forward layer. As two kernels the sum is written and read back. As one, it is written
# and used. Two results leave the kernel: the sum `total`, which is the stream from here on, and its norm `y`.
#
# Two details decide whether it is right. First, the stream goes on as `total`, not as `y`. Whoever takes one for the
# other has built a post-norm network of a kind: right shapes, another model. Second, in 16 bits the sum is rounded
# when it is stored, and the norm must be that of the *rounded* sum, for the way back will see no other.
#
# On the way back two gradients meet at the sum, that through the norm and that along the stream, `dtotal`. They are
# added in `norm_backward` above, in the same trip.


# %%
@triton.jit
def add_norm_forward(x, residual, weight, y, total, rstd, C, eps, BLOCK: tl.constexpr):
    """total = residual + x, rounded to its dtype; y is its norm."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < C
    t = tl.load(x + row * C + column, mask=inside, other=0.0).to(tl.float32)
    t += tl.load(residual + row * C + column, mask=inside, other=0.0).to(tl.float32)
    kept = t.to(total.dtype.element_ty)
    tl.store(total + row * C + column, kept, mask=inside)
    t = kept.to(tl.float32)
    r = tl.rsqrt(tl.sum(t * t, axis=0) / C + eps)
    w = tl.load(weight + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + row * C + column, (t * r * w).to(y.dtype.element_ty), mask=inside)
    tl.store(rstd + row, r)


def add_rms_norm(x, residual, weight, eps):
    N, C = x.shape
    y, total, rstd = torch.empty_like(x), torch.empty_like(x), x.new_empty(N, dtype=torch.float32)
    add_norm_forward[(N,)](x, residual, weight, y, total, rstd, C, eps, BLOCK=triton.next_power_of_2(C))
    return y, total, rstd


# %% [markdown]
# ## RoPE: the way back is the way forth, reversed
#
# Each pair $(a, b)$ of a head, $i$ and $i + D/2$, turns by the angle of its position ([chapter 06](06_rope.md)):
# $a' = a \cos - b \sin$, $b' = b \cos + a \sin$. A rotation's transpose is its inverse, so the backward pass is the
# same kernel with $-\sin$. Nothing of the forward pass need be kept.
#
# A token's heads share their angles. So a program takes one token with all its heads, a tile of heads by pairs, and
# loads cosines and sines once:


# %%
@triton.jit
def turn(x, cos, sin, out, T, H, HALF, sign, HEADS: tl.constexpr, PAIRS: tl.constexpr):
    """Turn all heads of one token of x (B, T, H, 2 HALF) by its angles, or back, if `sign` is -1."""
    token = tl.program_id(0).to(tl.int64)
    head, i = tl.arange(0, HEADS)[:, None], tl.arange(0, PAIRS)[None, :]
    c = tl.load(cos + token % T * HALF + i, mask=i < HALF, other=0.0).to(tl.float32)
    s = tl.load(sin + token % T * HALF + i, mask=i < HALF, other=0.0).to(tl.float32) * sign
    inside = (head < H) & (i < HALF)
    place = (token * H + head) * 2 * HALF + i
    a = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
    b = tl.load(x + place + HALF, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + place, (a * c - b * s).to(out.dtype.element_ty), mask=inside)
    tl.store(out + place + HALF, (b * c + a * s).to(out.dtype.element_ty), mask=inside)


def rope(x, cos, sin, sign=1):
    B, T, H, D = x.shape
    out = torch.empty_like(x)
    sizes = {"HEADS": triton.next_power_of_2(H), "PAIRS": triton.next_power_of_2(D // 2)}
    turn[(B * T,)](x, cos, sin, out, T, H, D // 2, sign, **sizes)
    return out


q = draw(2, 5, 3, 12)
angles = torch.arange(5)[:, None] * 10000 ** (-torch.arange(6) / 6)
cos, sin = angles.cos(), angles.sin()
there_and_back = rope(rope(q, cos, sin), cos, sin, sign=-1)
print("turned, and turned back: the same, within one part in a million")
assert (there_and_back - q).abs().max() < 1e-6
assert not torch.allclose(rope(q, cos, sin), q, atol=0.1)

# %% [markdown]
# ## SwiGLU: compute it again
#
# $y = g\,\sigma(g)\,u$. With $s = \sigma(g)$ the gradients are ([chapter 08](08_swiglu.md))
#
# $$ du = dy\; g\, s, \qquad dg = dy\; u\, s\, (1 + g\,(1 - s)) $$
#
# PyTorch keeps $g\,s$ from the forward pass for the way back: in bfloat16, two bytes written and two read for each
# number. The kernel keeps nothing. It has $g$ in its registers anyway, and an exponential costs less than four bytes
# of traffic. Rows do not matter here, so the numbers are one long vector.


# %%
@triton.jit
def gate_forward(gate, up, y, n, BLOCK: tl.constexpr):
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    g = tl.load(gate + lane, mask=lane < n, other=0.0).to(tl.float32)
    u = tl.load(up + lane, mask=lane < n, other=0.0).to(tl.float32)
    tl.store(y + lane, (g * tl.sigmoid(g) * u).to(y.dtype.element_ty), mask=lane < n)


@triton.jit
def gate_backward(dy, gate, up, dgate, dup, n, BLOCK: tl.constexpr):
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    d = tl.load(dy + lane, mask=lane < n, other=0.0).to(tl.float32)
    g = tl.load(gate + lane, mask=lane < n, other=0.0).to(tl.float32)
    u = tl.load(up + lane, mask=lane < n, other=0.0).to(tl.float32)
    s = tl.sigmoid(g)
    tl.store(dgate + lane, (d * u * s * (1 + g * (1 - s))).to(dgate.dtype.element_ty), mask=lane < n)
    tl.store(dup + lane, (d * g * s).to(dup.dtype.element_ty), mask=lane < n)


def swiglu(gate, up, BLOCK=1024):
    y, n = torch.empty_like(gate), gate.numel()
    gate_forward[(triton.cdiv(n, BLOCK),)](gate, up, y, n, BLOCK=BLOCK)
    return y


def swiglu_backward(dy, gate, up, BLOCK=1024):
    dgate, dup, n = torch.empty_like(gate), torch.empty_like(up), gate.numel()
    gate_backward[(triton.cdiv(n, BLOCK),)](dy, gate, up, dgate, dup, n, BLOCK=BLOCK)
    return dgate, dup


# %% [markdown]
# ## Check: yours, the package's, PyTorch's, and the truth
#
# `minillama/kernels/triton/` has the same four kernels, and more for the real world: strides, so that slices need no
# copy; several narrow rows a program; queries and keys turned in one launch. `ops` picks the backend and adds
# gradients. We compare three ways with float64 on the same inputs: the largest error, over the largest number. The
# shapes are odd on purpose.


# %% tags=["nbval-ignore-output"]
def with_gradients(operation, inputs, cotangents):
    """Return the outputs of `operation` and the gradients of its float inputs."""
    leaves = [a.detach().clone().requires_grad_() for a in inputs]
    outputs = operation(*leaves)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    torch.autograd.backward(outputs, [c.to(o.dtype) for c, o in zip(cotangents, outputs, strict=True)])
    return [o.detach() for o in outputs] + [a.grad for a in leaves]


def mine(name, inputs, cotangents):
    """Return the same from this chapter's kernels."""
    if name == "rms_norm":
        x, weight = inputs
        y, rstd = rms_norm(x, weight, eps)
        return [y, *rms_norm_backward(cotangents[0], x, weight, rstd)]
    if name == "add_rms_norm":
        x, residual, weight = inputs
        y, total, rstd = add_rms_norm(x, residual, weight, eps)
        dtotal, dweight = rms_norm_backward(cotangents[0], total, weight, rstd, cotangents[1])
        return [y, total, dtotal, dtotal, dweight]
    if name == "rope":
        heads_last = [a.transpose(1, 2).contiguous() for a in (*inputs, *cotangents)]
        turned = [rope(a, cos, sin, sign) for a, sign in zip(heads_last, (1, 1, -1, -1), strict=True)]
        return [a.transpose(1, 2) for a in turned]
    return [swiglu(*inputs), *swiglu_backward(cotangents[0], *inputs)]


def operations(table):
    return {
        "rms_norm": lambda x, w: table.rms_norm(x, w, eps),
        "add_rms_norm": lambda x, r, w: table.add_rms_norm(x, r, w, eps),
        "rope": lambda q, k: table.rope(q, k, cos.to(q.dtype), sin.to(q.dtype)),
        "swiglu": table.swiglu,
    }


N, C, T = 37, 123, 7
angles = torch.arange(T)[:, None] * 10000 ** (-torch.arange(10) / 10)
shapes = {
    "rms_norm": [(N, C), (C,)],
    "add_rms_norm": [(N, C), (N, C), (C,)],
    "rope": [(2, 3, T, 20), (2, 1, T, 20)],
    "swiglu": [(N, C), (N, C)],
}
results = {"rms_norm": 1, "add_rms_norm": 2, "rope": 2, "swiglu": 1}  # how many outputs
errors = {}
print(f"{'':26}{'mine':>9}{'package':>9}{'PyTorch':>9}")
for dtype in (torch.float32, torch.bfloat16):
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    for name, wanted in shapes.items():
        inputs = [draw(*shape, dtype=dtype, seed=i) for i, shape in enumerate(wanted)]
        cotangents = [
            draw(*shape, dtype=dtype, seed=9 + i) for i, shape in enumerate(wanted[: results[name]])
        ]
        wide = [[a.double() for a in some] for some in (inputs, cotangents)]
        exact = with_gradients(operations(eager)[name], *wide)
        rows = (
            mine(name, inputs, cotangents),
            with_gradients(operations(ops)[name], inputs, cotangents),
            with_gradients(operations(eager)[name], inputs, cotangents),
        )
        for who, found in zip(("mine", "package", "PyTorch"), rows, strict=True):
            off = [
                ((f.double() - e).abs().max() / e.abs().max()).item()
                for f, e in zip(found, exact, strict=True)
            ]
            errors[dtype, name, who] = max(off)
        line = "".join(f"{errors[dtype, name, who]:9.0e}" for who in ("mine", "package", "PyTorch"))
        print(f"{str(dtype).removeprefix('torch.'):10}{name:16}{line}")
bound = {torch.float32: 2e-6, torch.bfloat16: 8e-3}
assert all(error < bound[dtype] for (dtype, _, _), error in errors.items())

# %% [markdown]
# Fused does not mean approximate. In float32 all three lose a rounding or two. In bfloat16 too, and there a rounding
# is up to one part in 256; the kernels round where they store, separate operations at every step.
#
# ## The ledger
#
# Now the promise: no byte too many. The least that any kernel can move is each input once and each output once. The
# meter counts what the kernels do. Beside it, PyTorch. There each operation is a kernel of its own, so we add up the
# bytes of the tensors that go into each and come out, views excepted.


# %%
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Moved(TorchDispatchMode):
    """Add up the bytes of what every PyTorch operation is given and returns."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if not func.is_view and "empty" not in func._opname:
            self.bytes += nbytes((args, kwargs, out))
        return out


def nbytes(tensors):
    """Return the bytes of all tensors in some nest of lists; what is repeated by a stride of 0 counts once."""
    found = [a for a in tree_leaves(tensors) if isinstance(a, torch.Tensor)]
    return sum(min(a.numel() * a.itemsize, a.untyped_storage().nbytes()) for a in found)


def spelled_norm(x, weight):  # as in Meta's model.py
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).type_as(x) * weight


def spelled_add_norm(x, residual, weight):
    total = residual + x
    return spelled_norm(total, weight), total


def spelled_rope(q, k):
    def turned(a):
        first, second = a.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)

    return turned(q), turned(k)


def spelled_swiglu(gate, up):
    return torch.nn.functional.silu(gate) * up


bf16 = partial(draw, dtype=torch.bfloat16)
N, C, T, H, K, D = 64, 256, 32, 4, 2, 64
x, r, dy, dr, weight = *(bf16(N, C, seed=i) for i in range(4)), bf16(C, seed=9)
rstd = torch.ones(N)
q, k = bf16(2, T, H, D), bf16(2, T, K, D)  # as a model makes them: a token's heads lie together
angles = torch.arange(T)[:, None] * 10000 ** (-torch.arange(D // 2) / (D // 2))
cos, sin = angles.cos().bfloat16(), angles.sin().bfloat16()
qt, kt = q.transpose(1, 2), k.transpose(1, 2)

passes = {  # name: inputs, mine, the package's, PyTorch's, backward?
    "RMSNorm": ((x, weight), lambda: rms_norm(x, weight, eps), lambda: raw.rms_norm(x, weight, eps), spelled_norm),
    "RMSNorm backward": (
        (dy, x, weight, rstd), lambda: rms_norm_backward(dy, x, weight, rstd),
        lambda: raw.rms_norm_backward(dy, x, weight, rstd), (spelled_norm, (x, weight)),
    ),
    "add + RMSNorm": (
        (x, r, weight), lambda: add_rms_norm(x, r, weight, eps), lambda: raw.add_rms_norm(x, r, weight, eps),
        spelled_add_norm,
    ),
    "add + RMSNorm backward": (
        (dy, dr, x, weight, rstd), lambda: rms_norm_backward(dy, x, weight, rstd, dr),
        lambda: raw.add_rms_norm_backward(dy, dr, x, weight, rstd), (spelled_add_norm, (x, r, weight)),
    ),
    "RoPE": (
        (q, k, cos, sin), lambda: [rope(a, cos, sin) for a in (q, k)],
        lambda: raw.rope(qt, kt, cos, sin, False), spelled_rope,
    ),
    "RoPE backward": (
        (q, k, cos, sin), lambda: [rope(a, cos, sin, -1) for a in (q, k)],
        lambda: raw.rope(qt, kt, cos, sin, True), (spelled_rope, (qt, kt)),
    ),
    "SwiGLU": ((x, r), lambda: swiglu(x, r), lambda: raw.swiglu(x, r), spelled_swiglu),
    "SwiGLU backward": (
        (dy, x, r), lambda: swiglu_backward(dy, x, r), lambda: raw.swiglu_backward(dy, x, r),
        (spelled_swiglu, (x, r)),
    ),
}  # fmt: skip


def pytorch_bytes(spelled, inputs):
    """Return the bytes that operations move, forward or (given as a pair) backward."""
    if not isinstance(spelled, tuple):
        with Moved() as moved:
            spelled(*((qt, kt) if spelled is spelled_rope else inputs))
        return moved.bytes
    function, arguments = spelled
    leaves = [a.detach().requires_grad_() for a in arguments]
    outputs = function(*leaves)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    cotangents = [torch.ones_like(o) for o in outputs]
    with Moved() as moved:
        torch.autograd.grad(outputs, leaves, cotangents)
    return moved.bytes


ledger = {}
print(f"{'bytes a number, bfloat16':26}{'least':>7}{'mine':>7}{'package':>9}{'asked for':>11}{'PyTorch':>9}")
for name, (inputs, my_kernel, package_kernel, spelled) in passes.items():
    with measured() as my_meter:
        my_kernel()
    with measured() as meter:
        outputs = package_kernel()
    assert my_meter.races == meter.races == []
    sums = 0
    if "Norm backward" in name:  # rows of partial sums, written and read
        sums = 2 * 4 * C * np.array([min(N, PARTIALS), meter["rms_norm_gradient"].programs])
    least = nbytes((inputs, outputs))
    mine_once, once = np.array([my_meter.total.moved_once, meter.total.moved_once]) - sums
    assert once == least
    assert mine_once - least == (nbytes((cos, sin)) if "RoPE" in name else 0)
    numbers = q.numel() + k.numel() if "RoPE" in name else x.numel()
    asked = my_meter.total.moved - np.ravel(sums)[0]
    row = [least, mine_once, once, asked, pytorch_bytes(spelled, inputs)]
    ledger[name] = [b / numbers for b in row]
    print(f"{name:26}" + "".join(f"{b:{w}.2f}" for b, w in zip(ledger[name], (7, 7, 9, 11, 9), strict=True)))
print(f"partial sums of 256 programs, 8,192 rows: {8 * 256 / (6 * 8192):.0%} of RMSNorm backward")

# %% tags=["figure", "hide"] alt="Horizontal bars for eight passes: bytes moved for each number by PyTorch's operations in orange and by the fused kernel in blue. RMSNorm 36 against 4, backward 92 against 6, add and RMSNorm 42 against 8, backward 98 against 8, RoPE and its backward about 19 and 21 against 4, SwiGLU 10 against 6, backward 18 against 10"
figure, axes = plt.subplots(figsize=(8.2, 4.2))
place = np.arange(len(ledger))
for column, colour, label, shift in (
    (4, "orange", "PyTorch's operations", 0.2),
    (2, "blue", "fused kernel = least", -0.2),
):
    values = [row[column] for row in ledger.values()]
    axes.barh(place - shift, values, height=0.36, color=COLORS[colour], label=label)
    for at, value in zip(place, values, strict=True):
        axes.text(value + 0.8, at - shift, f"{value:.0f}", va="center", fontsize=9)
axes.set(yticks=place, yticklabels=list(ledger), xlabel="bytes moved for each number, bfloat16")
axes.invert_yaxis()
axes.grid(axis="y", visible=False)
axes.legend(loc="lower right")
plt.show()

# %% [markdown]
# *Least* counts each input and output once; *package* is what the meter saw, and an assertion demands that the two
# are equal to the byte. So are yours, but for RoPE, where queries and keys in two launches fetch the angles twice.
# *Asked for* is what your programs requested in all: more where each fetches the weight or a token's angles anew,
# which caches serve. Partial sums are left out of the columns: 8 bytes times $P$ times $C$, some per cent with the
# package's $P$ of 256.
#
# The PyTorch column is the surprise. RMSNorm in bfloat16 as Meta's code spells it moves nine times what it must, for
# every little step goes through memory, and in float32 at that; backward, fifteen times. One sees why frameworks now
# carry a fused norm of their own, and why a compiler that fuses for you, like torch.compile, has much to gain here.
# These are counts. How much time they cost on a GPU, a GPU must say.
#
# ## Faults that values hide
#
# A race, a missing mask, a missing `other`: these the machine caught above. Four more, three of them found in kernels
# that people trained with.
#
# **In place.** A gradient has the shape of the one that came in, so why not write `dx` over `dy` and save memory?
# Because somebody else may need `dy`. Where a norm's output is added to a stream, autograd hands the *same* tensor to
# both. Liger-Kernel did this, and Gemma 2, which has a norm right before each addition, did not converge (pull
# request 376, November 2024). LLaMA has none there, and came to no harm.


# %%
class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, in_place):
        y, rstd = rms_norm(x, weight, eps)
        ctx.save_for_backward(x, weight, rstd)
        ctx.in_place = in_place
        return y

    @staticmethod
    def backward(ctx, dy):
        dx, dweight = rms_norm_backward(dy, *ctx.saved_tensors)
        if ctx.in_place:
            dx = dy.copy_(dx)
        return dx, dweight, None


x, weight, cotangent = draw(24, 64), draw(64, seed=1), draw(24, 64, seed=2)
for where, stream_first in (("norm before the addition (Gemma 2)", True), ("norm of the sum (LLaMA)", False)):
    found = {}
    for in_place in (False, True):
        leaf, w = x.clone().requires_grad_(), weight.clone().requires_grad_()
        stream = leaf * 1.0
        out = (
            stream + Norm.apply(leaf * 2.0, w, in_place)
            if stream_first
            else Norm.apply(stream + leaf, w, in_place)
        )
        out.backward(cotangent.clone())
        found[in_place] = leaf.grad
    error = ((found[True] - found[False]).abs().max() / found[False].abs().max()).item()
    print(f"in place, {where:35}: gradient off by {error:.2f}")
    assert (error > 0.1) == stream_first

# %% [markdown]
# **Sums in sixteen bits.** The weight's gradient is a sum over all tokens. In bfloat16, with 8 significant bits, a
# sum soon stops growing: what is added is less than half a unit in its last place. In Liger-Kernel a variant for
# narrow rows reduced in bfloat16 until pull request 950 (November 2025). Below, rows are added one after the other,
# the worst order; a tree of sums drifts less, and drifts.

# %%
drift = {}
for rows in (64, 1024, 16384):
    terms = draw(rows, 64, seed=3).add(0.3).bfloat16()  # that lean to one side
    exact = terms.double().sum(0)
    low = torch.zeros(64, dtype=torch.bfloat16)
    for term in terms:
        low += term
    for name, total in (("bfloat16", low), ("float32", terms.float().sum(0))):
        drift[rows, name] = ((total.double() - exact).abs().mean() / exact.abs().mean()).item()
    print(f"{rows:6,} rows: bfloat16 off by {drift[rows, 'bfloat16']:.1%}")
    assert drift[rows, "float32"] < 1e-6
assert drift[64, "bfloat16"] < 0.1 < 0.5 < drift[16384, "bfloat16"]

# %% [markdown]
# **Thirty-two bits for an address.** `tl.program_id` is a 32-bit integer. Times 4,096 it passes $2^{31}$ at row
# 524,288, half a million tokens, and turns negative. Liger-Kernel's RMSNorm crashed there (issue 803). No test of
# ordinary size sees it; the package's tests let a kernel loose on a tensor of that size, of whose memory only a few
# pages are ever touched.


# %%
@triton.jit
def offsets(out, first_row, C, WIDE: tl.constexpr):
    row = first_row + tl.program_id(0)
    if WIDE:
        row = row.to(tl.int64)
    tl.store(out + tl.program_id(0), row * C)


for is_wide in (False, True):
    out = torch.zeros(2, dtype=torch.int64)
    with np.errstate(over="ignore"):
        offsets[(2,)](out, 524_287, 4096, WIDE=is_wide)
    print(f"{64 if is_wide else 32} bits: rows 524,287 and 524,288 begin at {out[0]:,} and {out[1]:,}")
    assert (out[1] > 0) == is_wide

# %% [markdown]
# **bfloat16 in the interpreter.** NumPy has no bfloat16. Triton's interpreter keeps its bits in 16-bit integers, and
# in the version pinned here it calculates with those integers. The package's own `kernels/triton/bfloat16.py` repairs
# the casts and refuses the arithmetic. A process without it shows what would come out:

# %%
SCRIPT = """
import torch, triton, triton.language as tl

@triton.jit
def double(x, y, WIDE: tl.constexpr):
    v = tl.load(x)
    if WIDE:
        v = v.to(tl.float32)
    tl.store(y, (v + v).to(tl.bfloat16))

x, y = torch.tensor([1.5], dtype=torch.bfloat16), torch.zeros(1, dtype=torch.bfloat16)
for wide in (False, True):
    double[(1,)](x, y, WIDE=wide)
    print(f"1.5 + 1.5 = {y.item():.3g}", "in float32" if wide else "in bfloat16")
"""


def in_a_process(script, **environment):
    """Run a script by itself: what a process imported first decides how Triton behaves."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("TRITON_INTERPRET", "MINILLAMA_BACKEND")
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.py"
        path.write_text(script)
        done = subprocess.run(
            [sys.executable, str(path)], capture_output=True, text=True, env=kept | environment, check=True
        )
    return done.stdout


stock = in_a_process(SCRIPT, TRITON_INTERPRET="1")
print(stock.rstrip())
assert "= 3 in float32" in stock
assert "= 3 in bfloat16" not in stock


@triton.jit
def doubled(x, y):
    v = tl.load(x)
    tl.store(y, v + v)


try:
    doubled[(1,)](torch.ones(1, dtype=torch.bfloat16), torch.ones(1, dtype=torch.bfloat16))
except Exception as error:
    refusal = str(error.__cause__ or error)
print("with the repair:", refusal.splitlines()[-1])
assert ".to(tl.float32)" in refusal

# %% [markdown]
# What sees what, then:
#
# | fault | right values in a small CPU test? | seen by |
# |---|---|---|
# | mask forgotten | often: the neighbour's cells are there | an address that belongs to no argument |
# | `other` forgotten | yes, while backends give 0 | NaN in its place |
# | a row read twice | yes | counted bytes |
# | a race | yes: programs run in turn | who touched which address |
# | gradient in place | yes, alone | comparing the inputs before and after |
# | sums in 16 bits | yes, with few rows | float64 beside it, and many rows |
# | 32-bit offsets | yes | a tensor of more than $2^{31}$ elements |
# | bfloat16 arithmetic, interpreted | no, or by luck | an error where it happens |
#
# ## Compiled for GPUs that are not here
#
# Triton's compiler needs no GPU. It asks a driver which one there is, and in the driver's place the package answers
# with a name. Out comes the machine's text, and with it numbers that decide how a kernel will run, before it ever has:
#
# - **registers** of a thread. A multiprocessor of NVIDIA's has 65,536 for all its threads;
# - **spills**: values that found no register and go through memory after all. More than none is a mistake;
# - **shared memory** of a program: at most 163 KiB on an A100, 227 on an H100 or B200, 64 on an MI300X;
# - the **width** of its accesses. A thread that fetches 16 bytes at once makes full sectors; this is coalescing, read
#   off the compiled text.
#
# Compiling and interpreting cannot share a process, so `resources` starts others.

# %%
from minillama.kernels.compiled import SHARED, resources

GPU = {"sm_80": "A100", "sm_90": "H100", "sm_100": "B200", "gfx942": "MI300X"}
compiled = resources(["add_rms_norm", "rms_norm backward", "rope", "swiglu backward"], dtypes=["bfloat16"])
compiled.sort(key=lambda row: row.kernel)
print(
    f"{'kernel':20}{'GPU':>8}{'threads':>9}{'registers':>11}{'spilled':>9}{'shared':>8}{'wide':>7}{'narrow':>8}"
)
for row in compiled:
    loaded = sum(access.bytes * access.times for access in row.accesses if access.kind == "load")
    narrow = row.narrow[0]
    print(
        f"{row.kernel:20}{GPU[row.target]:>8}{row.threads:9}{row.registers:11}{row.spilled:9}{row.shared:8}"
        f"{loaded - narrow:7}{narrow:8}"
    )
assert len(compiled) == 5 * 4
assert all(row.spilled == 0 and row.shared <= 1024 * SHARED[row.target] for row in compiled)
assert not any(row.faults() for row in compiled)

# %% [markdown]
# `rms_norm_forward` is here with the addition. Threads and shared memory (in bytes) are those of one program; *wide*
# are the bytes of a thread's loads that come 16 at a time, *narrow* the others. Nothing spills, nothing is near a
# limit. With 32 registers a thread, as the forward norm has on an H100, a multiprocessor holds 65,536 / 32 = 2,048
# threads, all that it will take; the backward norm keeps a row of sums in registers besides, and pays with fewer
# threads. What is narrow is the backward norm's load of $r$, one number a row.
#
# And where does the width come from? Triton must *prove* that addresses are neighbours and aligned. One kernel, three
# pairs of strides:

# %%
SCRIPT = """
import torch, triton, triton.language as tl
from minillama.kernels.compiled.compiler import compiled
from minillama.kernels.triton.launch import Launch

@triton.jit
def copy(x, y, row_stride, column_stride, BLOCK: tl.constexpr):
    lane = tl.arange(0, BLOCK) * column_stride + tl.program_id(0) * row_stride
    tl.store(y + lane, tl.load(x + lane))

x = torch.empty(1, dtype=torch.bfloat16, device="meta")
for what, strides in {
    "along rows of 4,096": (4096, 1), "along rows of 4,095": (4095, 1), "down the columns": (1, 4096),
}.items():
    found = compiled(Launch(copy, (1,), (x, x, *strides), {"BLOCK": 4096, "num_warps": 8}), "sm_90")
    widths = sorted({access.bytes for access in found.accesses if access.kind == "load"})
    print(f"{what:20} a thread loads {widths} bytes at once")
"""
widths = in_a_process(SCRIPT)
print(widths.rstrip())
assert [line.split("loads ")[1] for line in widths.splitlines()] == [
    f"[{n}] bytes at once" for n in (16, 2, 2)
]

# %% [markdown]
# The middle line is a trap of its own: a row one number shorter, and the second row no longer begins at a multiple of
# 16 bytes, so every load falls apart. LLaMA's widths are multiples of 256 ([chapter 08](08_swiglu.md)). All of this
# is what the compiler says, and it is tested in this project for every kernel. What it cannot say is how fast they
# are.
#
# ## In the real LLaMA
#
# LLaMA 1's paper names two such savings (section 2.4): an attention from the xformers library that never stores the
# scores, which is [chapter 19](19_flash_attention.md), and a backward pass that keeps the expensive activations, the
# outputs of the linear layers, and computes the others again. Norms and gates are among the others: what
# `gate_backward` does in registers, they did across a layer. The code that Meta published for its models is spelled
# out as in the ledger's last column, PyTorch operation by operation: it is meant to be read.
#
# Triton itself comes from Harvard and IBM (Tillet, Kung and Cox, 2019): programs over tiles, with a compiler that
# places the threads. Kernels for this family followed in the open. Liger-Kernel, from LinkedIn (2024), has RMSNorm,
# RoPE, SwiGLU and the losses of [chapter 20](20_fused_cross_entropy_and_adamw.md) in Triton; its paper reports a
# fifth more training throughput and 60% less memory, on average over several models against Hugging Face's code. The
# addition fused into the norm joined in July 2025 (pull request 812). Its tests need a GPU. Of the faults above, one
# came to light in a model that did not converge, one in a crash on very long sequences.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
answers = (
    useful["down a column"], ledger["RMSNorm"][4] / ledger["RMSNorm"][2],
    ledger["SwiGLU backward"][2] / ledger["SwiGLU backward"][4],
    race_error["one after the other"], race_error["all at once"],
)  # fmt: skip
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    print(f"{question}: you said {guess:g}, measured {answer:.2g}")

# %% [markdown]
# ## Exercises
#
# - [18.1](../exercises/18_1_blocks_in_turn.md) Few programs, many blocks: on your block machine
# - [18.2](../exercises/18_2_add_and_normalise.md) Add and normalise: a Triton kernel with two outputs
# - [18.3](../exercises/18_3_norm_backward.md) RMSNorm's way back: partial sums and no races
# - [18.4](../exercises/18_4_gate_backward.md) SwiGLU's way back, computed again
#
# ## What you can now do
#
# - write what one program does with one block: offsets, masks, `other`;
# - read from addresses how much a memory really moves, and why lanes run along rows;
# - fuse a norm, an addition, a rotation and a gate, forward and backward, and state the least bytes of each;
# - say why a race passes every test of values in an interpreter, and catch it all the same;
# - find out what a kernel takes of a GPU that you do not have.
#
# Next: the operation whose intermediate results are the largest of all, attention.
#
# ## References
#
# - P. Tillet, H. T. Kung, D. Cox (2019), *Triton: an intermediate language and compiler for tiled neural network
#   computations*, MAPL 2019.
# - P.-L. Hsu and others (2024), *Liger Kernel: efficient Triton kernels for LLM training*, arXiv 2410.10989; its
#   repository linkedin/Liger-Kernel, issue 803 and pull requests 376, 812, 950.
# - B. Zhang, R. Sennrich (2019), *Root mean square layer normalization*, arXiv 1910.07467, section 3.
# - J. Su and others (2021), *RoFormer*, arXiv 2104.09864, section 3.4.
# - N. Shazeer (2020), *GLU variants improve Transformer*, arXiv 2002.05202, section 2.
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.4.
# - Triton's tutorial *Layer normalization*, `python/tutorials/05-layer-norm.py` of triton-lang/triton.
# - NVIDIA, *CUDA C++ best practices guide*, the section on coalesced access to global memory.
# - PyTorch pull request 127311 (2024): masked lanes of `tl.load` without `other` are undefined by Triton's
#   specification, and 0 in its backends of today.
