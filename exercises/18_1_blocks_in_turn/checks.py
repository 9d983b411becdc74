"""Checks of 18.1: a kernel on a block machine that notes who touches what. The oracle goes cell by cell."""

import math

import numpy as np

from minillama.book.exercises import Hole

MASKS = "The idea: one program, one block"
MACHINE = "An interpreter in sixty lines"
OWNERS = "The way back, and a sum that nobody owns"

GAP = 64  # cells between two arrays


class Machine:
    """The chapter's block machine; lanes that belong to no array are counted here, and read NaN."""

    def __init__(self, programs, x, y):
        self.programs, self.n, self.strays, self.read = programs, len(x), 0, 0
        self.memory = np.full(3 * len(x) + 4 * GAP, np.nan)
        self.memory[GAP : GAP + self.n] = x
        self.memory[2 * GAP + self.n : 2 * GAP + 2 * self.n] = y
        self.writers = [set() for _ in self.memory]

    def __repr__(self):
        return f"a machine of {self.programs} programs"

    def cells(self, address, mask):
        """Return the addresses that the mask lets through, and where they lie, strays left out."""
        address, mask = np.broadcast_arrays(address, mask)
        array = (address - GAP) // (self.n + GAP)
        inside = ((address - GAP) % (self.n + GAP) < self.n) & (array >= 0) & (array < 3)
        self.strays += int((mask & ~inside).sum())
        return address, mask & inside

    def load(self, address, mask=True, other=np.nan):
        """Return the cells at `address`."""
        address, mask = self.cells(address, mask)
        self.read += int(mask.sum())
        return np.where(mask, self.memory[np.where(mask, address, 0)], other)

    def store(self, address, values, mask=True):
        """Write `values` there, and note by whom."""
        address, mask = self.cells(address, mask)
        self.memory[address[mask]] = np.broadcast_to(values, address.shape)[mask]
        for cell in address[mask].tolist():
            self.writers[cell].add(self.program)


def launched(function, m, x, y, out, factor, n, BLOCK):
    """Run the kernel for each program: what is in `out`, and how it came there."""
    for program in range(m.programs):
        m.program = program
        function(m, x, y, out, factor, n, BLOCK)
    return {
        "out": m.memory[out : out + n],
        "written by the programs": [sorted(m.writers[cell]) for cell in range(out, out + n)],
        "lanes outside of every array": m.strays,
        "elements read": m.read,
    }


scaled_add = Hole("scaled_add", through=launched)


def cell_by_cell(m, x, y, out, factor, n, BLOCK):
    """Go through the elements in pure Python."""
    return {
        "out": np.array([factor * float(m.memory[x + i]) + float(m.memory[y + i]) for i in range(n)]),
        "written by the programs": [[i // BLOCK % m.programs] for i in range(n)],
        "lanes outside of every array": 0,
        "elements read": 2 * n,
    }


def given(x, y, factor, programs, BLOCK):
    n = len(x)
    places = {"x": GAP, "y": 2 * GAP + n, "out": 3 * GAP + 2 * n}
    return {"m": Machine(programs, x, y), **places, "factor": factor, "n": n, "BLOCK": BLOCK}


scaled_add.case(
    "two programs, five elements, by hand",
    {
        "out": np.array([12.0, 24.0, 36.0, 48.0, 60.0]),
        "written by the programs": [[0], [0], [1], [1], [0]],
        "lanes outside of every array": 0,
        "elements read": 10,
    },
    **given([1.0, 2.0, 3.0, 4.0, 5.0], [10.0, 20.0, 30.0, 40.0, 50.0], 2.0, 2, 2),
)


@scaled_add.against(cell_by_cell, "a program for each block", seeds=3)
def each_block(rng):
    n = int(rng.integers(5, 12))
    return given(rng.normal(size=n), rng.normal(size=n), 3.0, -(-n // 4), 4)


@scaled_add.against(cell_by_cell, "fewer programs than blocks", seeds=4)
def fewer(rng):
    n, programs = int(rng.integers(25, 40)), int(rng.integers(2, 4))
    return given(rng.normal(size=n), rng.normal(size=n), -0.5, programs, 4)


@scaled_add.against(cell_by_cell, "more programs than blocks", seeds=2)
def more(rng):
    n = int(rng.integers(5, 8))
    return given(rng.normal(size=n), rng.normal(size=n), 0.25, 5, 4)


def blocks(m, x, y, out, factor, n, BLOCK, first=None, step=None, stop=None, mask=None, swap=False):
    """Run the kernel with one thing changed."""
    first = m.program * BLOCK if first is None else first
    for at in range(first, n if stop is None else stop, m.programs * BLOCK if step is None else step):
        lane = at + np.arange(BLOCK)
        inside = lane < n if mask is None else mask(lane)
        left, right = m.load(x + lane, inside), m.load(y + lane, inside)
        m.store(out + lane, left + factor * right if swap else factor * left + right, inside)


@scaled_add.mistake(
    "No lane was masked: the last block reaches past the end of the arrays, and writes there too.", see=MASKS
)
def no_mask(m, x, y, out, factor, n, BLOCK):
    blocks(m, x, y, out, factor, n, BLOCK, mask=lambda lane: np.full(lane.shape, True))


@scaled_add.mistake("The mask lets lane n through; the last element is n - 1.", see=MASKS)
def one_lane_too_many(m, x, y, out, factor, n, BLOCK):
    blocks(m, x, y, out, factor, n, BLOCK, mask=lambda lane: lane <= n)


@scaled_add.mistake(
    "Each program did its first block and stopped. With fewer programs than blocks, go on by P blocks.",
    see=OWNERS,
)
def one_block_each(m, x, y, out, factor, n, BLOCK):
    first = m.program * BLOCK
    blocks(m, x, y, out, factor, n, BLOCK, stop=min(n, first + 1))


@scaled_add.mistake(
    "The values are right, but each program went on to its neighbour's block, and blocks are written by"
    " several programs. The next block of a program lies P blocks on.",
    see=OWNERS,
)
def block_by_block(m, x, y, out, factor, n, BLOCK):
    blocks(m, x, y, out, factor, n, BLOCK, step=BLOCK)


@scaled_add.mistake(
    "The values are right, but every program took neighbouring blocks. Asked were p, p + P, p + 2P: then"
    " programs that run at once are at neighbouring places.",
    see=OWNERS,
)
def a_share_each(m, x, y, out, factor, n, BLOCK):
    share = math.ceil(math.ceil(n / BLOCK) / m.programs) * BLOCK
    first = m.program * share
    blocks(m, x, y, out, factor, n, BLOCK, first=first, stop=min(n, first + share), step=BLOCK)


@scaled_add.mistake(
    "The first lane of a program was its number, not its number times BLOCK: blocks overlap.", see=MACHINE
)
def number_for_an_offset(m, x, y, out, factor, n, BLOCK):
    blocks(m, x, y, out, factor, n, BLOCK, first=m.program)


@scaled_add.mistake(
    "A program's next block was looked for P elements on. It is P blocks on: times BLOCK.", see=OWNERS
)
def step_of_programs(m, x, y, out, factor, n, BLOCK):
    blocks(m, x, y, out, factor, n, BLOCK, step=m.programs)


@scaled_add.mistake("The factor went to y; it belongs to x.", see=MACHINE)
def factor_on_y(m, x, y, out, factor, n, BLOCK):
    blocks(m, x, y, out, factor, n, BLOCK, swap=True)
