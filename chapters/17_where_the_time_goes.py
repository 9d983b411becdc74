# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 17 · Where the time goes
#
# **Question.** A training step takes as long as it takes. How long would it have to take at least, and which of its
# operations are to blame for the difference?
#
# ## Part III: kernels of your own
#
# Part II made the model real and left its speed to PyTorch. Part III takes it back. A *kernel* is the function that
# runs on the processor for one operation of the model. PyTorch brings kernels that were written for everybody. You will
# write your own, for this model, and they will do in one pass over memory what PyTorch does in several.
#
# **What the part needs:** chapters [10](10_from_numpy_to_pytorch.md), [11](11_the_family_by_the_numbers.md) and
# [13](13_training.md); for this chapter, a C compiler. No GPU: what can be proven about a GPU kernel without one is
# proven here, and what cannot is said to be so. **What it gives:**
#
# | chapter | what you have afterwards |
# |---|---|
# | 17 | a measure of every operation: what it computes, what it must move, how far it is from the best |
# | [18](18_first_triton_kernels.md) | norms, rotations and SwiGLU in Triton, their bytes counted one by one |
# | [19](19_flash_attention.md) | attention without its matrix |
# | [20](20_fused_cross_entropy_and_adamw.md) | a loss without its logits, and the optimiser in one pass |
# | [21](21_the_gpu_decoder.md) | the model on these kernels, on whatever machine there is |
#
# Part IV does not need this one. But if you ever asked why a GPU that can do 312 trillion operations a second needs
# almost seven milliseconds for one token of LLaMA 2 7B, this is the chapter.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
os.environ["KINETO_LOG_LEVEL"] = "99"  # PyTorch's profiler need not announce itself

import ctypes
import math
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from minillama import Llama, LlamaConfig, kernels
from minillama.book.plotting import COLORS, use_style
from minillama.kernels import cpu, ops
from minillama.kernels.roofline import DATA_SHEETS, Machine, measured_bandwidth
from minillama.kernels.work import Work, forward_work, training_work
from minillama.model.rope import rope_table
from minillama.training.throughput import peak_flops

use_style()
torch.set_num_threads(1)
kernels.use("eager")

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares. GB is a billion bytes, a FLOP one
# addition, multiplication, division, root or exponential, and "GFLOP/s" a billion of them a second.

# %%
prediction = {
    "per cent of a training step's time that goes into matrix products": 90,
    "bytes that RMSNorm written in PyTorch moves for each float32 number (8 are needed)": 12,
    "FLOPs that one core can do in the time in which a byte comes from memory": 1,
    "how much faster a step could be if all but products and attention were free": 1.1,
    "tokens a second at most, LLaMA 2 7B, one sequence on an A100": 2000,
    "the same with 64 sequences at once: how many times as many": 64,
}

# %% [markdown]
# ## The idea: two roads
#
# To compute, a processor needs numbers, and the numbers lie in memory. Bytes arrive at some rate, the *bandwidth*
# $\beta$; arithmetic is done at some rate, the *peak* $\pi$. Both go on at the same time. An operation that moves
# $Q$ bytes and computes $W$ FLOPs is done when the slower of the two is done, and not before:
#
# $$ t \ge \max\left( \frac{Q}{\beta},\ \frac{W}{\pi} \right) \qquad\text{or}\qquad \frac{W}{t} \le \min\left( \beta\, I,\ \pi \right), \quad I = \frac{W}{Q} $$
#
# | symbol | what it is | unit |
# |---|---|---|
# | $W$ | work of the operation | FLOP |
# | $Q$ | traffic: bytes that it must read and write | byte |
# | $I = W/Q$ | intensity: what is done with each byte | FLOP/byte |
# | $\beta$ | bandwidth of the memory | byte/s |
# | $\pi$ | peak of the arithmetic | FLOP/s |
# | $\pi/\beta$ | the ridge: the intensity at which both take as long | FLOP/byte |
#
# Drawn over $I$ on logarithmic axes, the right side is a slope that ends in a flat top: a roof. Williams, Waterman
# and Patterson named it so in 2009. Left of the ridge an operation waits for bytes, and no cleverness in its
# arithmetic helps. Right of it the arithmetic is the limit.
#
# So there are three things to find out: where the time goes now, what each operation must compute and move, and how
# high this machine's roof is. Then we put the operations under the roof and look at the gaps.
#
# ## A profile in fifteen lines
#
# The model is a LLaMA of 5 million parameters, the batch 4 sequences of 256 tokens. PyTorch lets one listen to every
# operation that it runs, on the way forward and on the way back, and a clock is all that must be added.
#
# Which clock? The one on the wall runs on while other programs have the processor. `process_time` counts what this
# process got, which on a shared machine is the steadier one. It is right here because we use one thread and no GPU.

# %%
cfg = LlamaConfig(
    vocab_size=4096, dim=256, n_layers=4, n_heads=8, n_kv_heads=8, hidden_dim=688, max_seq_len=256,
)  # fmt: skip
B, T, C, F_, V, H, D = 4, 256, cfg.dim, cfg.hidden_dim, cfg.vocab_size, cfg.n_heads, cfg.head_dim
N = B * T
torch.manual_seed(0)
model = Llama(cfg)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
tokens = torch.randint(0, V, (B, T + 1))
print(f"{cfg.n_params():,} parameters, {N:,} tokens a step")


def step():
    """One step of training, in four phases that we do not tell apart."""
    model.loss(tokens[:, :-1], tokens[:, 1:]).backward()
    optimizer.step()
    optimizer.zero_grad()


class Profile(TorchDispatchMode):
    """Add up the CPU time of every operation that PyTorch runs, by its name."""

    def __init__(self):
        super().__init__()
        self.seconds, self.calls = Counter(), Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        begun = time.process_time()
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        self.seconds[name] += time.process_time() - begun
        self.calls[name] += 1
        return out


def kind(name):
    """Sort an operation of PyTorch's into one of three drawers."""
    if name in ("mm", "addmm", "bmm"):
        return "matrix products"
    return "attention" if name.startswith("_scaled_dot_product") else "everything else"


# %% tags=["nbval-ignore-output"]
for _ in range(2):  # the first steps meet cold caches and memory that was never touched
    step()
whole = []
with Profile() as own:
    for _ in range(3):
        begun = time.process_time()
        step()
        whole.append(time.process_time() - begun)
in_operations = sum(own.seconds.values())
shares = Counter()
for name, seconds in own.seconds.items():
    shares[kind(name)] += seconds / in_operations
print(f"a step takes {np.mean(whole) * 1e3:.0f} ms; in operations {in_operations / sum(whole):.0%} of it")
for name, share in shares.most_common():
    print(f"{name:16} {share:6.1%}")
print("calls a step:", {name: n // 3 for name, n in own.calls.most_common(6)})

# %%
assert 0.5 < in_operations / sum(whole) < 1.0
assert 0.3 < shares["matrix products"] < 0.95
assert shares["attention"] < 0.4
kinds = {kind(name) for name in own.calls}
print(len(kinds), "kinds;", own.calls["mm"] // 3, "matrix products a step")

# %% [markdown]
# Each of the 29 weight matrices is used once on the way forward and twice on the way back: 87 products. The rest of the
# time goes into attention and into small change: hundreds of multiplications, additions and copies. (The part of a step
# that is in no operation goes into Python and PyTorch's own bookkeeping.)

# %% tags=["figure", "hide"] alt="Horizontal bars: the twelve operations of PyTorch that took most time in a training step, as shares. Matrix products, mm, are far ahead at about half or more; behind them the two attention kernels and, each with some per cent, multiplications, the softmax of the loss, additions, concatenations and the fused optimiser"
figure, axes = plt.subplots(figsize=(8.2, 3.8))
top = own.seconds.most_common(12)[::-1]
colour = {"matrix products": "blue", "attention": "green", "everything else": "orange"}
for y, (name, seconds) in enumerate(top):
    axes.barh(y, 100 * seconds / in_operations, color=COLORS[colour[kind(name)]])
axes.set_yticks(
    range(len(top)), [name.removeprefix("_").replace("scaled_dot_product_", "") for name, _ in top]
)
for label, shade in colour.items():
    axes.barh(0, 0, color=COLORS[shade], label=f"{label}: {shares[label]:.0%}")
axes.set(xlabel="per cent of the time in operations")
axes.legend(loc="lower right")
plt.show()

# %% [markdown]
# ### Check: PyTorch's own profiler
#
# It times the same operations with the clock on the wall and from inside PyTorch. Under another clock and on another
# step, shares move by some per cent; a drawer that we had forgotten would show.

# %%
with profile(activities=[ProfilerActivity.CPU]) as theirs:
    step()
spent = Counter()
for event in theirs.key_averages():
    spent[kind(event.key.removeprefix("aten::"))] += event.self_cpu_time_total
their_shares = {name: spent[name] / spent.total() for name in shares}
assert all(abs(their_shares[name] - shares[name]) < 0.2 for name in shares)
print("both profilers give every drawer the same share within 0.2")

# %% [markdown]
# ## A ruler for memory
#
# How fast do bytes come? It depends on where they are. Memory is a ladder: a few kilobytes next to the arithmetic,
# megabytes around, gigabytes far away, each step larger and slower than the one before. The processor keeps what was
# used last on the near steps, the *caches*, without being asked.
#
# To measure the ladder we want a loop with nothing around it, so we leave Python for six lines of C. The compiler
# makes a library of them, `ctypes` loads it, and from then on it is a function like any other:

# %%
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fopenmp-simd")
folder = tempfile.TemporaryDirectory()


def compiled(source, flags=FLAGS):
    """Compile C with the compiler of this machine, and load the library that comes out."""
    names = (os.environ.get("CC", "cc"), "gcc", "clang")
    compiler = next((found for found in map(shutil.which, names) if found), None)
    if compiler is None:
        raise RuntimeError("this chapter needs a C compiler: install gcc or clang, or name yours in CC")
    path = Path(folder.name) / f"{len(list(Path(folder.name).iterdir()))}.so"
    command = [compiler, *flags, "-shared", "-fPIC", "-x", "c", "-", "-o", path, "-lm"]
    subprocess.run(command, input=source, text=True, check=True)
    return ctypes.CDLL(str(path))


ruler = compiled("""
void scale(float *x, float a, long n, long times) {
    for (long t = 0; t < times; t++) {
        for (long i = 0; i < n; i++) x[i] *= a;
        __asm__ volatile("" ::: "memory");  /* the compiler may not merge the passes into one */
    }
}
""").scale
ruler.argtypes = [ctypes.c_void_p, ctypes.c_float, ctypes.c_long, ctypes.c_long]
ruler.restype = None
five = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
ruler(five.data_ptr(), 2.0, 5, 3)
print(five.tolist())
assert five.tolist() == [8.0, 16.0, 24.0, 32.0, 40.0]

# %% [markdown]
# `argtypes` matters: without it ctypes would take every integer for one of 32 bits.
#
# Each pass reads every number and writes it back: 8 bytes for each float32. We go over arrays from 16 KiB to 512 MiB,
# as often as it takes, and keep the fastest of several runs, since what disturbs a run can only make it slower.


# %%
def fastest(run, seconds=0.1):
    """Return the CPU time of the fastest of several runs; one before them is not counted."""
    run()
    times = []
    while sum(times) < seconds or len(times) < 3:
        begun = time.process_time()
        run()
        times.append(time.process_time() - begun)
    return min(times)


def bandwidth(sizes):
    """Return the bytes a second of `scale`, both ways together, for arrays of these sizes in bytes."""
    array, found = np.ones(max(sizes) // 4, np.float32), []
    for size in sizes:
        passes = max(1, 2**26 // size)
        took = fastest(lambda n=size // 4, passes=passes: ruler(array.ctypes.data, 1.0, n, passes), 0.05)
        found.append(2 * size * passes / took)
    return found


sizes = [2**k for k in range(14, 30)]  # bytes
ladder = bandwidth(sizes)
near, far = max(ladder), ladder[-1]
assert ladder.index(near) < len(sizes) - 4
assert 1.5 < near / far < 200

# %% tags=["figure", "hide"] alt="Bandwidth in gigabytes a second on a logarithmic axis against the size of the array, 16 kibibytes to 512 mebibytes. The curve is a staircase downwards: a high plateau while the array fits the nearest cache, lower ones for the next caches, and the lowest at the right end, which is memory"
figure, axes = plt.subplots(figsize=(8.2, 3.6))
axes.loglog(sizes, np.array(ladder) / 1e9, "o-", color=COLORS["blue"])
for rate, words, at in ((near, "nearest cache", -1), (far, "memory", 0)):
    axes.axhline(rate / 1e9, color=COLORS["grey"], linestyle="--", linewidth=1)
    axes.annotate(
        f"{words}: {rate / 1e9:.0f} GB/s", (sizes[at], rate / 1e9), xytext=(0, 5),
        textcoords="offset points", ha="right" if at else "left", color=COLORS["grey"],
    )  # fmt: skip
axes.set(xlabel="size of the array", ylabel="GB/s, read and written")
axes.set_xticks(
    [2**14, 2**17, 2**20, 2**23, 2**26, 2**29], ["16 KiB", "128 KiB", "1 MiB", "8 MiB", "64 MiB", "512 MiB"]
)
rates = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
axes.set_yticks(rates, rates)
axes.minorticks_off()
axes.set_ylim(0.7 * min(ladder) / 1e9, 1.6 * near / 1e9)
plt.show()

# %% [markdown]
# A staircase. The steps are the caches of the processor that built this page; on yours they lie elsewhere. A GPU has
# the same ladder under other names. FlashAttention's paper gives an A100's: 40 to 80 GB of memory at 1.5 to 2.0 TB/s,
# and in each of 108 multiprocessors 192 KB on the chip, about 19 TB/s together (section 2.1). Ten times as fast, and
# thousands of times smaller. The whole art of this part is to do as much as possible with a number before it goes
# back up the ladder.
#
# ## The roof of this machine
#
# The peak is measured as everybody does: by the best matrix product. Beside ours, what the package's functions find.
# They go by the clock on the wall and are therefore lower whenever somebody else is at work here. And their loops are
# others: `read` only reads, `copy` and `triad` write to another place than they read from, where a processor may fetch
# what it is about to overwrite, and nobody counts that.

# %% tags=["nbval-ignore-output"]
products = {}
for size in (512, 768, 1024):
    a = torch.ones(size, size)
    products[size] = 2 * size**3 / fastest(lambda a=a: a @ a, 0.25)
peak = max(products.values())
memory = Machine("memory", bandwidth=far, peak=peak)
cache = Machine("nearest cache", bandwidth=near, peak=peak)
print("our peak", *(f"{rate / 1e9:.0f}" for rate in products.values()), "GFLOP/s for", *products, "square")
for machine in (memory, cache):
    print(
        f"{machine.name:14} {machine.bandwidth / 1e9:6.1f} GB/s, ridge at {machine.ridge:5.1f} FLOPs a byte"
    )
packaged = measured_bandwidth()
print("the package:", *(f"{name} {rate / 1e9:.1f} GB/s," for name, rate in packaged.items()), end=" ")
their_peak = peak_flops(torch.device("cpu"), "float32")
print(f"peak {their_peak / 1e9:.0f} GFLOP/s")

# %%
assert 1 < memory.ridge < 100
assert 0.05 < their_peak / peak < 1.6
assert all(0.05 < rate / far < 4 for rate in packaged.values())
print("the ridge lies between 1 and 100 FLOPs a byte")

# %% [markdown]
# Several operations for each byte, then: a number that is fetched, used once and put back wastes the machine. Two
# cautions. The peak is that of *products*, which use the widest instructions there are. And an exponential, which we
# count as one FLOP, takes many instructions. There are lower ceilings inside the house.
#
# ## Counting: FLOPs and bytes
#
# What must an operation move? Read every input once, write every output once. What must it compute? We count as
# Part II did, each arithmetic operation as one. Three by hand, for $N$ positions and $b$ bytes a number:
#
# | operation | FLOPs | bytes | intensity in float32 |
# |---|---|---|---|
# | product with a weight (F, C) | $2 N C F$ | $b\,(N C + C F + N F)$ | grows with the matrix |
# | RMSNorm, width C | $N (4 C + 4)$ | $b\,(2 N C + C)$ | about 1/2 |
# | SwiGLU, width F | $4 N F$ | $3\, b\, N F$ | 1/3 |
#
# RMSNorm's four per number: square, add to the sum, times $1/\text{rms}$, times the weight; four more per row:
# divide the sum by $C$, add $\varepsilon$, take the root, and one over it. SwiGLU's four, with the gate $g$ and the
# $u$ that it lets through: $e^{-g}$, one plus it, $g$ over that, times $u$.


# %%
def product_intensity(rows, inputs, outputs, b):
    """FLOPs a byte of (rows, inputs) times a weight (outputs, inputs), at b bytes a number."""
    numbers = rows * inputs + inputs * outputs + rows * outputs
    return 2 * rows * inputs * outputs / (b * numbers)


def per_call(rows):
    """Name -> (FLOPs, bytes) of one call."""
    return {row.name: (row.flops // row.calls, row.bytes // row.calls) for row in rows}


by_formula = per_call(forward_work(cfg, B, T))
assert by_formula["rms_norm"] == (N * (4 * C + 4), 4 * (2 * N * C + C))
assert by_formula["swiglu"] == (4 * N * F_, 4 * 3 * N * F_)
flops, moved = by_formula["w_gate w_up w_down"]
assert flops / moved == product_intensity(N, C, F_, 4)
print(f"a gate of {C} x {F_} for {N} positions: {flops / moved:.1f} FLOPs a byte")
for side in (64, 256, 1024, 4096):
    print(f"square products, side {side:4}: {product_intensity(side, side, side, 4):6.1f}")

# %% [markdown]
# A square product of side $n$ has intensity $n/6$ in float32: $2 n^3$ operations on $3 n^2$ numbers. That is why large
# matrices are the one thing that computers do near their peak. `minillama.kernels.work` has the formula for every
# operation of the model, forward and backward. PyTorch can count products too, and knows nothing of our formulas:

# %%
rows = training_work(cfg, B, T)
with FlopCounterMode(display=False) as counter:
    model.loss(tokens[:, :-1], tokens[:, 1:]).backward()
counted = sum(n for name, n in counter.get_flop_counts()["Global"].items() if "mm" in str(name))
ours = sum(row.flops for row in rows if row.name.startswith(("w", "output")))
print(f"products of a step: PyTorch counts {counted:,} FLOPs, we {ours:,}")
assert counted == ours
total, update = sum(row.flops for row in rows), rows[-1]
print(f"they are {ours / total:.1%} of all FLOPs")
print(f"AdamW is {update.flops / total:.1%} of them, and moves {update.bytes / 1e6:.0f} MB")
optimizer.zero_grad()

# %% [markdown]
# Nearly all of the FLOPs are in products, and yet a good part of the time is not. FLOPs are the wrong measure for what
# is left over.
#
# ## Passes over memory
#
# Why is the rest so slow? Let us count what PyTorch moves. Each of its operations reads its inputs from memory and
# writes its output back, for the next operation to read again. The meter listens as the profile did, and adds up bytes;
# an operation that only looks at a tensor in another way (`view`, `transpose`) moves none.


# %%
class Traffic(TorchDispatchMode):
    """Add up what PyTorch's operations read and write: distinct inputs once, outputs once, an operation."""

    def __init__(self):
        super().__init__()
        self.bytes, self.log = 0, []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if not func.is_view and name not in ("_unsafe_view", "detach", "empty", "empty_like"):
            inputs = {id(x): x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)}
            outputs = [x for x in tree_leaves(out) if isinstance(x, torch.Tensor)]
            moved = sum(min(x.nbytes, x.untyped_storage().nbytes()) for x in (*inputs.values(), *outputs))
            self.bytes += moved
            self.log.append((name, moved))
        return out


def meta_norm(x, weight, eps=1e-5):
    """RMSNorm as Meta's published code for LLaMA writes it: in float32 inside, whatever comes in."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).type_as(x) * weight


per_element = {}
for dtype in (torch.float32, torch.bfloat16):
    x, weight = torch.ones(64, 4096, dtype=dtype), torch.ones(4096, dtype=dtype)
    with Traffic() as traffic:
        meta_norm(x, weight)
    per_element[dtype] = traffic.bytes / x.numel()
    name = str(dtype).removeprefix("torch.")
    print(f"{name}: {per_element[dtype]:.1f} bytes a number; a read and a write are {2 * dtype.itemsize}")
    print("   ", *(f"{op} {moved / x.numel():.0f}" for op, moved in traffic.log if moved > x.numel()))
assert round(per_element[torch.float32]) == 28
assert round(per_element[torch.bfloat16]) == 36

# %% [markdown]
# 28 bytes where 8 would do, and in bfloat16 36 where 4 would do, nine times as many. Nobody wrote a slow function
# here. It is the price of putting small functions together: between any two of them the whole tensor goes to memory
# and comes back.
#
# Here is the same count for five operations of the model that are neither product nor attention, forward and backward
# together, in float32: PyTorch's operations as `minillama.kernels.eager` calls them, and the least.


# %%
def leaf(*shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=g).requires_grad_()


cos, sin = rope_table(cfg, 0, T, torch.float32, torch.device("cpu"))
targets = torch.randint(0, V, (N,), generator=torch.Generator().manual_seed(1))
x, residual, norm_weight = leaf(N, C), leaf(N, C, seed=1), leaf(C)
gate, up, logits = leaf(N, F_), leaf(N, F_, seed=1), leaf(N, V)
q, k, v = (leaf(B, H, T, D, seed=i) for i in range(3))
CALLS = {  # one call of each, and the leaves that want a gradient
    "rms_norm": (lambda: (ops.rms_norm(x, norm_weight, 1e-5),), (x, norm_weight)),
    "add_rms_norm": (lambda: ops.add_rms_norm(x, residual, norm_weight, 1e-5), (x, residual, norm_weight)),
    "rope": (lambda: ops.rope(q, k, cos, sin), (q, k)),
    "swiglu": (lambda: (ops.swiglu(gate, up),), (gate, up)),
    "cross_entropy": (lambda: ops.cross_entropy(logits, targets)[:1], (logits,)),
}


def backward_of(name):
    """Run a call, and return the function that goes back through it."""
    call, leaves = CALLS[name]
    outputs = call()
    along = [torch.ones_like(out) for out in outputs]
    return lambda: torch.autograd.grad(outputs, leaves, along, retain_graph=True)


both_ways = per_call(rows)
excess = {}
print(f"{'operation':15}{'PyTorch, MB':>12}{'least, MB':>11}{'ratio':>7}")
for name in CALLS:
    with Traffic() as traffic:
        backward_of(name)()
    least = both_ways[name][1] + both_ways[f"{name} backward"][1]
    excess[name] = traffic.bytes / least
    print(f"{name:15}{traffic.bytes / 1e6:12.1f}{least / 1e6:11.1f}{excess[name]:7.1f}")
assert all(ratio > 1.3 for ratio in excess.values())

# %% [markdown]
# That is what *fusing* is about: one kernel for the whole operation, so that a number comes down the ladder once.
# (Where PyTorch has such a kernel itself, and on a GPU it has more of them, there is less to win. Attention is one,
# AdamW another.)
#
# ## A kernel of your own
#
# RMSNorm, fused, in C. A row of C numbers is read for its sum of squares and read again to be scaled. The second time
# it comes from the nearest cache, where 256 or 4,096 floats easily stay: twice in the code, once from memory.

# %%
RMS_NORM = """
#include <math.h>

/* y = x / sqrt(mean(x^2) + eps) * w, row by row; x and y are (N, C) without gaps, w is (C,). */
void rms_norm(const float *x, const float *w, float *restrict y, long N, long C, float eps) {
    for (long n = 0; n < N; n++) {
        const float *row = x + n * C;
        float *out = y + n * C;
        float squares = 0;
        #pragma omp simd reduction(+ : squares)
        for (long c = 0; c < C; c++)
            squares += row[c] * row[c];
        float r = 1 / sqrtf(squares / C + eps);
        for (long c = 0; c < C; c++)
            out[c] = row[c] * r * w[c];
    }
}
"""


def as_function(library):
    """Give the C function a face that takes tensors."""
    kernel = library.rms_norm
    kernel.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_long] * 2 + [ctypes.c_float]
    kernel.restype = None

    def rms_norm(x, weight, eps=1e-5):
        for tensor in (x, weight):  # a pointer knows neither dtype nor strides
            assert tensor.dtype == torch.float32
            assert tensor.is_contiguous()
        y = torch.empty_like(x)
        width = x.shape[-1]
        kernel(x.data_ptr(), weight.data_ptr(), y.data_ptr(), x.numel() // width, width, eps)
        return y

    return rms_norm


fused = as_function(compiled(RMS_NORM))

# %% [markdown]
# ### Check: against float64
#
# Odd shapes, rows of one, numbers far from one. The allowance: no more than twice the error of the version in
# PyTorch, in the same precision, and one rounding.

# %%
for shape, scale in (((5, 123), 1.0), ((1, 1), 1.0), ((64, 4096), 1e4), ((3, 7, 256), 1e-2)):
    g = torch.Generator().manual_seed(0)
    some, weight = scale * torch.randn(shape, generator=g), torch.randn(shape[-1], generator=g)
    wide = some.double()
    exact = wide / (wide.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight.double()
    errors = [(f(some, weight).double() - exact).abs().max().item() for f in (fused, meta_norm)]
    error, usual = np.array(errors) / exact.abs().max().item()
    assert error <= 2 * usual + 1.2e-7
    assert error < 5e-7
    print(f"{'x'.join(map(str, shape)):8} largest error below 5e-7 of the largest value")

# %% [markdown]
# ### What it gains
#
# Side by side, in turns, so that whatever disturbs one disturbs all: the version in PyTorch's small operations, our
# kernel, the package's, and ours compiled without `-fopenmp-simd`, so that the pragma is ignored. Two
# tensors of 1 MiB: rows of this model's width and rows of a 7B's. (Much larger ones come fresh from the system at
# every call, and that is what would be measured: see the planted mistakes.)

# %% tags=["nbval-ignore-output"]
in_order = as_function(compiled(RMS_NORM, ("-O3", "-march=native", "-fno-math-errno")))


def side_by_side(runs, seconds=0.4):
    """Return the least CPU time of each, all in turns."""
    for run in runs.values():
        run()
    times = {name: [] for name in runs}
    while sum(map(sum, times.values())) < seconds or len(times[next(iter(runs))]) < 3:
        for name, run in runs.items():
            begun = time.process_time()
            run()
            times[name].append(time.process_time() - begun)
    return {name: min(found) for name, found in times.items()}


norm_seconds = {}
for shape in ((N, C), (64, 4096)):
    some, weight = torch.ones(shape), torch.ones(shape[1])
    candidates = {
        "PyTorch": lambda some=some, weight=weight: meta_norm(some, weight),
        "ours": lambda some=some, weight=weight: fused(some, weight),
        "ours, sum in order": lambda some=some, weight=weight: in_order(some, weight),
        "the package's": lambda some=some, weight=weight: cpu.rms_norm(some, weight, 1e-5),
    }
    norm_seconds[shape] = side_by_side(candidates)
    for name, seconds in norm_seconds[shape].items():
        rate = 8 * some.numel() / seconds / 1e9
        print(f"{shape!s:13} {name:19} {seconds * 1e3:7.3f} ms   {rate:5.1f} GB/s of the bytes needed")

# %%
for found in norm_seconds.values():
    assert found["ours"] < 0.8 * found["PyTorch"]
    assert found["ours"] < 1.1 * found["ours, sum in order"]
    assert 0.3 < found["ours"] / found["the package's"] < 3
print("one loop in C beats the chain of operations, and is as fast as the package's within a factor of three")

# %% [markdown]
# The pragma is worth a closer look. Additions of floats must be done in the order written, since another order rounds
# differently; so a compiler that is true to the language adds one number at a time and waits for each sum. `omp simd
# reduction` permits another order *in this loop*, and eight or sixteen numbers are added at once.
#
# There is a famous option that permits it everywhere, `-ffast-math`. It also promises the compiler that there are no
# infinities and no NaNs. Then this happens:

# %%
IS_NAN = "int any_nan(const float *x, long n) { for (long i = 0; i < n; i++) if (x[i] != x[i]) return 1; return 0; }"
broken_loss = torch.tensor([2.1, float("nan"), 2.0])
for flags in (("-O3",), ("-O3", "-ffinite-math-only")):
    library = compiled(IS_NAN, flags)
    library.any_nan.argtypes = [ctypes.c_void_p, ctypes.c_long]
    found = bool(library.any_nan(broken_loss.data_ptr(), 3))
    print(f"{' '.join(flags):24} a NaN in {broken_loss.tolist()}: {found}")
    assert found == (len(flags) == 1)

# %% [markdown]
# The check was removed as useless: the promise says that it can never be true. (We asked for only this one of
# `-ffast-math`'s permissions. With the whole, some compilers also switch the processor's handling of very small
# numbers, for every other library in the process.) A mask is made of infinities, and a training run that blows up is
# noticed by its NaN. The package's C is compiled without, and says loop by loop what may be reordered.
#
# ## Every operation under the roof
#
# Now all of them, forward and backward, one call each on the tensors of this model, eager and with the package's C
# kernels. For each: least FLOPs and least bytes by formula, time by the clock. The horizontal place of a mark is
# the formula's and the same for both; its height is measured.

# %%
w_query, w_gate, w_down, w_output = leaf(C, C), leaf(F_, C), leaf(C, F_), leaf(V, C)
hidden = leaf(N, F_, seed=2)
CALLS |= {
    "add": (lambda: (x + residual,), (x, residual)),
    "attention": (lambda: (ops.attention(q, k, v),), (q, k, v)),
    "wq wo": (lambda: (F.linear(x, w_query),), (x, w_query)),
    "w_gate w_up w_down": (lambda: (F.linear(x, w_gate),), (x, w_gate)),
    "output": (lambda: (F.linear(x, w_output),), (x, w_output)),
}
state = [[torch.rand(count) for count in (1_000_000,) * 4] for _ in range(4)]
hyper = {"step": 10, "lr": 1e-3, "beta1": 0.9, "beta2": 0.95, "eps": 1e-8, "weight_decay": 0.1}
ADAMW = Work("adamw", 14 * 4_000_000, 28 * 4_000_000, 1)


def on(backend, run):
    """Return `run` on a backend; the choice itself is not worth timing."""

    def chosen():
        kernels.use(backend)
        return run()

    return chosen


measured = {"eager": {}, "cpp": {}}  # backend -> name -> seconds of one call
for name, (call, _) in CALLS.items():
    ways = {}
    for backend in measured:
        kernels.use(backend)
        ways[backend] = {name: call, f"{name} backward": backward_of(name)}
    for way in (name, f"{name} backward"):
        if way == "add backward":
            continue  # nothing is computed: both inputs get the gradient itself
        found = side_by_side({b: on(b, ways[b][way]) for b in ways}, seconds=0.25)
        for backend, seconds in found.items():
            measured[backend][way] = seconds
found = side_by_side({b: on(b, lambda: ops.adamw(*state, **hyper)) for b in measured}, seconds=0.4)
for backend, seconds in found.items():
    measured[backend]["adamw"] = seconds
kernels.use("eager")

# %% [markdown]
# One thing to mind: on the way back, one call for a product does two products, and the formula counts each.

# %% tags=["nbval-ignore-output"]
PRODUCTS = ("w", "output")
at = {row.name: row for row in rows} | {"adamw": ADAMW}


def one_call(name):
    """FLOPs and bytes of what was timed once."""
    row = at[name]
    each = 2 if name.startswith(PRODUCTS) and name.endswith("backward") else 1
    return Work(name, each * row.flops // row.calls, each * row.bytes // row.calls, 1)


print(f"{'':28}{'FLOP/byte':>10}{'eager':>9}{'C':>9}  GFLOP/s {'eager':>9}{'C':>8}  GB/s needed")
marks = {}
for name in measured["eager"]:
    work = one_call(name)
    marks[name] = [work.flops / measured[b][name] for b in measured]
    moved = [work.bytes / measured[b][name] / 1e9 for b in measured]
    print(
        f"{name:28}{work.intensity:10.2f}{marks[name][0] / 1e9:9.1f}{marks[name][1] / 1e9:9.1f}"
        f"{'':9}{moved[0]:10.1f}{moved[1]:8.1f}"
    )

# %%
small = [name for name in marks if not name.startswith((*PRODUCTS, "attention"))]
large = [name for name in marks if name.startswith(PRODUCTS)]
assert all(one_call(name).intensity < 1 for name in small)
assert all(one_call(name).intensity > 40 for name in large)
assert max(one_call(name).intensity for name in small) < memory.ridge
for name, reached in marks.items():
    assert all(rate < 1.7 * cache.attainable(one_call(name).intensity) for rate in reached), name
typical = [np.median([marks[name][0] for name in some]) / peak for some in (small, large)]
assert typical[0] < 0.1 < 0.3 < typical[1]
assert marks["attention"][0] < np.median([marks[name][0] for name in large])
print(f"{len(small)} small operations, all below 1 FLOP a byte and left of the ridge")
print(f"{len(large)} products, all above 40; no mark through the roof")

# %% tags=["figure", "hide"] alt="A roofline on logarithmic axes: intensity from 0.05 to 300 FLOPs a byte against GFLOP/s reached. Two slopes, for memory and for the nearest cache, end in one flat top. At the left, below intensity 1, some twenty marks of small operations lie between 1 and 20 GFLOP/s, a hundredth to a tenth of the peak. At the right, above 50, the products lie near the flat top, and attention at about 35 well below it"
figure, axes = plt.subplots(figsize=(9.4, 5.2))
intensities = np.geomspace(0.05, 300, 200)
for machine, style in ((memory, "-"), (cache, "--")):
    roof = [machine.attainable(i) / 1e9 for i in intensities]
    axes.loglog(intensities, roof, style, color=COLORS["grey"], label=f"roof: {machine.name}")
FAMILIES = {
    "norms": ("norm", "orange"), "rope": ("rope", "green"), "swiglu": ("swiglu", "purple"),
    "loss": ("cross", "red"), "adamw": ("adamw", "blue"), "addition": ("add", "grey"),
    "attention": ("attention", "green"), "products": (PRODUCTS, "blue"),
}  # fmt: skip


def family(name):
    """Find what an operation belongs to, and its colour."""
    for words, (key, shade) in FAMILIES.items():
        if name.startswith(key) if isinstance(key, tuple) else key in name:
            return words, shade
    raise KeyError(name)


seen = set()
for name, (plain, with_c) in marks.items():
    words, shade = family(name)
    i, shape = one_call(name).intensity, "^" if name in large else "D" if words == "attention" else "o"
    axes.loglog(i, plain / 1e9, shape, color=COLORS[shade], fillstyle="none", markersize=7)
    axes.loglog(
        i, with_c / 1e9, shape, color=COLORS[shade], markersize=6, label=None if words in seen else words
    )
    seen.add(words)
axes.plot([], [], "o", color=COLORS["grey"], fillstyle="none", label="hollow: PyTorch; filled: C")
axes.axvline(memory.ridge, color=COLORS["grey"], linestyle=":", linewidth=1)
axes.text(memory.ridge * 1.06, 20, "ridge of memory", color=COLORS["grey"])
axes.set(xlabel="intensity, FLOPs a byte (least bytes)", ylabel="GFLOP/s reached")
rates = [0.5, 1, 2, 5, 10, 20, 50, 100, 200]
axes.set_yticks(rates, rates)
axes.set_xticks([0.1, 1, 10, 100], [0.1, 1, 10, 100])
axes.minorticks_off()
axes.set_ylim(0.3, 1.6 * peak / 1e9)
axes.legend(loc="lower right", fontsize=8, ncols=2)
plt.show()

# %% [markdown]
# This picture is the map of Part III. Read it from the right. The products lie near the flat top: nothing to gain
# there but better products. Attention has nearly the intensity of a product and does not reach its height. And
# everything else lies on the left, at a hundredth of the peak or a few: not because it is badly written, but because it
# has nothing to compute. There the only way up is to move fewer bytes.
#
# The left half is easier to read in bytes. For each small operation, the bytes that it needs over the time that it
# takes, PyTorch and C:

# %% tags=["figure", "hide"] alt="Twelve rows, one for each small operation, over gigabytes a second of needed bytes on a logarithmic axis. In each a hollow mark for PyTorch and a filled one for the package's C kernel are joined by a line. Everywhere but for the addition the filled mark is further right, up to three times; vertical lines show the bandwidth of memory and of the nearest cache"
figure, axes = plt.subplots(figsize=(9.0, 4.6))
for y, name in enumerate(small[::-1]):
    shade = COLORS[family(name)[1]]
    plain, with_c = (one_call(name).bytes / measured[backend][name] / 1e9 for backend in measured)
    axes.semilogx([plain, with_c], [y, y], color=shade, linewidth=1.5)
    axes.semilogx(plain, y, "o", color=shade, fillstyle="none", markersize=8)
    axes.semilogx(with_c, y, "o", color=shade, markersize=8)
axes.set_yticks(range(len(small)), small[::-1])
for rate, words in ((far, "memory"), (near, "nearest cache")):
    axes.axvline(rate / 1e9, color=COLORS["grey"], linestyle="--", linewidth=1)
    axes.text(0.97 * rate / 1e9, len(small) - 0.4, words, ha="right", color=COLORS["grey"], fontsize=9)
axes.plot([], [], "o", color=COLORS["grey"], fillstyle="none", label="PyTorch")
axes.plot([], [], "o", color=COLORS["grey"], label="the package's C")
rates = [1, 2, 5, 10, 20, 50, 100, 200]
axes.set_xticks(rates, rates)
axes.minorticks_off()
axes.set(xlabel="GB/s of the bytes needed", ylim=(-0.6, len(small) + 0.2))
axes.legend(loc="lower right", bbox_to_anchor=(0.93, 0.02), fontsize=8)
plt.show()

# %% [markdown]
# Four things to be careful about. Some marks lie beyond the memory's rate, because this model's tensors fit caches;
# those of a 7B do not. A mark far below it does not always move too much: in SwiGLU and in the loss the exponentials
# have a ceiling of their own, and whether a loop computes them one at a time or eight at once decides more than its
# passes do. The package's kernels are called through PyTorch, which keeps the books for the way back, and on a
# tensor of 1 MiB those books can cost more than the norm: called without them, further up, the same kernel reached a
# higher rate. And each call was repeated on the same tensors, which flatters all of them: in a real step they were last
# used some time ago.
#
# ## Amdahl's law
#
# What would it be worth? If a share $s$ of the time is made $f$ times as fast, the rest stays what it is:
#
# $$ \text{speed-up} = \frac{1}{(1 - s) + s / f} \le \frac{1}{1 - s} $$
#
# Gene Amdahl's argument of 1967, made for machines with many processors, holds for kernels as well. With the shares
# of our own profile, and beside it the step itself on both backends, in turns:

# %% tags=["nbval-ignore-output"]
s = shares["everything else"]
cap = 1 / (1 - s)
for factor in (1.5, 2, 4, math.inf):
    print(f"all small operations {factor:4g} times as fast: the step {1 / (1 - s + s / factor):.2f} times")
steps = {"eager": [], "cpp": []}
for attempt in range(4):
    for backend, times in steps.items():
        kernels.use(backend)
        begun = time.process_time()
        step()
        if attempt:
            times.append(time.process_time() - begun)
kernels.use("eager")
pairs = np.array(steps["eager"]) / np.array(steps["cpp"])
print(f"the step with the package's C kernels: {np.median(pairs):.2f} [{pairs.min():.2f}..{pairs.max():.2f}]")
one_kind = {"wk wv": "wq wo", "wk wv backward": "wq wo backward"}  # of the same shape, not measured twice
alone = 0.0
for row in rows:
    name = one_kind.get(row.name, row.name)
    if name in measured["eager"]:
        alone += measured["eager"][name] * row.flops / one_call(name).flops
print(f"all operations measured alone add up to {alone / np.mean(steps['eager']):.0%} of the step")

# %%
assert 1.02 < cap < 3.5
assert 0.4 < np.median(pairs) < 1.5 * cap
assert 0.2 < alone / np.mean(steps["eager"]) < 1.3
print("the step gains no more than one and a half times the cap, which leaves its attention as it was")

# %% [markdown]
# The cap is low, and that is the honest news: on this kind of machine a step is mostly products, and if all the rest
# were free it would be no faster than the line with `inf` says. What the package's C gains on your machine, the line
# after it says. (That includes its attention, which the cap leaves as it is.)
#
# On a GPU the balance is another one. Tensor cores make products cheap, the ridge moves far to the right, and what
# waits for memory becomes a larger share. How large, the formulas can say: one step of LLaMA 2 7B on one sequence of
# 4,096 tokens, on an A100 and an H100 by their data sheets.

# %%
a100, h100 = DATA_SHEETS["a100-80gb"], DATA_SHEETS["h100-80gb"]
seven = LlamaConfig.named("llama-2-7b")
large_step = [row for row in training_work(seven, 1, 4096, torch.bfloat16) if row.name != "adamw"]
fused_share = {}
for gpu in (a100, h100):
    least = {row.name: gpu.seconds(row) for row in large_step}
    rest = sum(t for name, t in least.items() if not name.startswith((*PRODUCTS, "attention")))
    total = sum(least.values())
    fused_share[gpu.name] = rest / total
    nine = rest * 36 / 4
    print(
        f"{gpu.name}: ridge {gpu.ridge:.0f}; at the roof {total * 1e3:,.0f} ms, small operations {rest / total:.1%};"
        f" if each moved nine times its least, {nine / (total - rest + nine):.0%}"
    )
lowest = min(row.intensity for row in large_step if row.name.startswith(PRODUCTS))
print(f"no product of this step has less than {lowest:,.0f} FLOPs a byte")
assert lowest > h100.ridge
assert fused_share["A100"] < fused_share["H100"] < 0.15

# %% [markdown]
# With every kernel at its best the small operations are 4 and 8 per cent of the step. If all of them moved nine times
# the bytes, as RMSNorm in small pieces did, they would be 29 and 44, and the newer GPU is the worse off, since its
# arithmetic has grown more than its bandwidth. (The optimiser's step is left out: it comes once a batch, however many
# sequences are in it.) These are predictions by formula. No GPU was timed for this chapter.
#
# ## One token at a time
#
# So far a batch had a thousand positions or more. A model that writes has one, for each sequence: the next. Then the
# product with a weight becomes a product of a matrix and a vector, every weight is fetched to be used in one
# multiplication and one addition, and the intensity in bfloat16 is 2 FLOPs for 2 bytes: less than a thousandth of what
# it was in the step above, and left of every ridge.
#
# The way out is company. With $B$ sequences at once each weight that was fetched serves $B$ times. Up to the ridge,
# the others ride for free. Is it so? A gate of LLaMA 7B in float32 (180 MB) against 1 to 128 tokens. Two such
# matrices take turns, so that neither waits in a cache.


# %%
def gate_seconds(batches, out=11008, width=4096):
    """Return the seconds of one product for each batch, measured, and at the roof."""
    big = [torch.ones(out, width) for _ in range(2)]
    took, roof = [], []
    for batch in batches:
        some = torch.ones(batch, width)
        took.append(fastest(lambda some=some: [F.linear(some, one) for one in big], 0.3) / 2)
        numbers = batch * width + out * width + batch * out
        roof.append(memory.seconds(Work("gate", 2 * batch * out * width, 4 * numbers, 1)))
    return took, roof


batches = [1, 2, 4, 8, 16, 32, 64, 128]
took, roof = gate_seconds(batches)
ride = 32 * took[0] / took[5]
assert ride > 3
print("32 tokens at once: more than three times the tokens a second of one at a time")

# %% [markdown]
# And the prediction for the whole of LLaMA 2 7B, in bfloat16, with 1,000 tokens behind each sequence. What must be
# read in each step is all of the weights but the table of embeddings, once, and for each sequence its own cache.

# %%
weights = 2 * seven.n_params()
cache_bytes = seven.kv_cache_bytes(1, 1000)
print(f"weights {weights / 1e9:.1f} GB, cache of one sequence {cache_bytes / 1e9:.2f} GB")
tokens_per_second = {}
for gpu in (a100, h100):
    for batch in (1, 4, 16, 64):
        token = forward_work(seven, batch, 1, past=1000, dtype=torch.bfloat16)
        least = sum(gpu.seconds(row) for row in token)
        tokens_per_second[gpu.name, batch] = batch / least
        held = (weights + batch * cache_bytes) / 1e9
        intensity = sum(row.flops for row in token) / sum(row.bytes for row in token)
        print(
            f"{gpu.name} {batch:3} sequences: {least * 1e3:5.1f} ms a step, {batch / least:6,.0f} tokens/s, "
            f"{intensity:5.1f} FLOPs a byte, {held:4.0f} GB"
        )
single = tokens_per_second["A100", 1]
company = tokens_per_second["A100", 64] / single
print(f"64 sequences on the A100: {company:.0f} times the tokens of one")
assert a100.bandwidth / weights > single
crowd = forward_work(seven, 10**6, 1, past=1000, dtype=torch.bfloat16)
limit = sum(row.flops for row in crowd) / sum(row.bytes for row in crowd)
fit = int((80e9 - weights) // cache_bytes)
print(f"{fit} sequences fit into 80 GB; however many there were, intensity would stay below {limit:.0f}")
assert limit < a100.ridge

# %% tags=["figure", "hide"] alt="Two panels over the batch on logarithmic axes. Left: milliseconds of one product with a 180 megabyte weight on this machine; the roof's prediction is flat and then rises in proportion, the measured times lie above it, flat at first. Right: predicted tokens a second of LLaMA 2 7B on an A100 and an H100, rising with the batch but ever more slowly, below the dashed lines of proportional growth"
figure, panels = plt.subplots(1, 2, figsize=(9.4, 3.8))
panels[0].loglog(batches, np.array(took) * 1e3, "o-", color=COLORS["blue"], label="measured")
panels[0].loglog(batches, np.array(roof) * 1e3, "--", color=COLORS["grey"], label="the roof's prediction")
panels[0].set(title="a gate of 7B on this machine", ylabel="ms")
milliseconds = [1, 2, 5, 10, 20, 50, 100, 200, 500]
panels[0].set_yticks(milliseconds, milliseconds)
panels[0].set_ylim(0.6 * min(roof) * 1e3, 1.6 * max(took) * 1e3)
many = [1, 2, 4, 8, 16, 32, 64]
for gpu, shade in ((a100, "green"), (h100, "purple")):
    rates = [
        b / sum(gpu.seconds(row) for row in forward_work(seven, b, 1, past=1000, dtype=torch.bfloat16))
        for b in many
    ]
    panels[1].loglog(many, rates, "o-", color=COLORS[shade], label=f"{gpu.name}, at the roof")
    panels[1].loglog(many, [rates[0] * b for b in many], ":", color=COLORS[shade])
panels[1].set(title="LLaMA 2 7B: prediction", ylabel="tokens a second, all sequences")
for axes, ticks in zip(panels, (batches, many), strict=True):
    axes.set_xlabel("sequences at once")
    axes.set_xticks(ticks, ticks)
    axes.minorticks_off()
    axes.legend(fontsize=8)
plt.show()

# %% [markdown]
# On the left the measured times lie above the theory: our ruler counts what it reads and what it writes back, and
# weights are only read: compare the package's `read`. And in between a library of products, made for large matrices,
# may go by detours: a bend in the curve is probably a change of its method. On the right, the dotted lines would be
# company for free. The curves fall short of them because the caches are nobody's company: each sequence reads its own.
# At 64 sequences most of the bytes are caches, and no number of sequences reaches the ridge of 153. This is why Llama 2
# 70B shares its keys and values ([chapter 26](26_llama_2.md)), why weights are stored in 4 bits ([chapter
# 23](23_quantisation.md)), and why servers batch what strangers ask ([chapter 25](25_serving.md)).
#
# ## Planted mistakes
#
# Three ways to measure a number that is wrong and looks right.
#
# **The first run.** Memory that was asked for is not there yet: the system hands out each page when it is first
# touched. We fill 64 MiB, fresh and again:

# %%
ratios, cleared = [], torch.empty(2**24)
cleared.fill_(0.0)
for _ in range(5):
    begun = time.process_time()
    fresh = torch.empty(2**24)
    fresh.fill_(0.0)
    between = time.process_time()
    fresh.fill_(0.0)
    ratios.append((between - begun) / (time.process_time() - between))
    del fresh
first_run = np.median(ratios)
assert first_run > 1.2
print("filling 64 MiB for the first time takes longer than the second time")

# %% [markdown]
# How much longer, the last cell of this section says. On a GPU the same mistake is larger, since a first call
# compiles and loads; and it has a sister. A GPU's call returns before the work is done, and a clock that does not
# wait for it (`torch.cuda.synchronize`) measures how fast Python can ask.
#
# **The copy that never left the cache.** A bandwidth measured on an array of 16 KiB is that of the nearest cache. As
# the memory's it is wrong by the height of the whole staircase. With such a slope under the roof, every operation
# seems far from its best, and every machine seems to have its ridge at the far left.
#
# **The bytes that are moved, for the bytes that must be.** This one is subtle. Divide what an operation *does* move by
# its time, and you learn how busy the memory was, not how well it was used.

# %% tags=["nbval-ignore-output"]
found = norm_seconds[N, C]
count = N * C
moved = {name: (28 if name == "PyTorch" else 8) * count / found[name] / 1e9 for name in ("PyTorch", "ours")}
needed = {name: 8 * count / found[name] / 1e9 for name in moved}
for name in moved:
    print(f"{name:8} GB/s by the bytes it moves {moved[name]:5.1f}, by the bytes needed {needed[name]:5.1f}")
print(f"first fill over second: {first_run:.1f} times; nearest cache over memory: {near / far:.0f} times")

# %%
assert moved["PyTorch"] > 0.4 * moved["ours"]
assert needed["ours"] > 1.2 * needed["PyTorch"]
print("by their own bytes the two look alike, within a factor of 2.5; by the bytes needed ours is ahead")

# %% [markdown]
# By its own bytes, PyTorch's norm is a decent program: the memory is busy. Only the other column shows that most of
# the traffic need not be. An efficiency must be measured against what the task demands, and never against what the
# solution does.
#
# ## In the real LLaMA
#
# The 65B was trained on 2,048 A100s at about 380 tokens a second and GPU (section 2.4 of the paper). Batches had 4
# million tokens, sequences 2,048. If every operation of such a step ran at the roof, with no communication and
# nothing computed twice:

# %%
big_cfg = LlamaConfig.named("llama-1-65b")
sequences, gpus = 2048, 2048
step_rows = training_work(big_cfg, sequences, 2048, torch.bfloat16)
at_roof = sum(a100.seconds(row) for row in step_rows) / gpus
best_rate = sequences * 2048 / gpus / at_roof
mfu = 6 * big_cfg.n_params() * 380 / a100.peak
in_products = sum(a100.seconds(row) for row in step_rows if row.name.startswith(PRODUCTS)) / gpus / at_roof
print(f"at the roof {best_rate:.0f} tokens/s a GPU, {in_products:.1%} of the time in products")
print(f"reached 380: {380 / best_rate:.1%} of the roof; MFU by 6N {mfu:.1%}")
assert 0.45 < 380 / best_rate < 0.55

# %% [markdown]
# About half. Where the other half went, the paper does not itemise, but its section 2.4 lists what was fought:
# attention that does not store its weights (xformers, with FlashAttention's backward pass); activations kept
# instead of computed again, for which the backward pass of the transformer was written by hand; and communication
# between GPUs, overlapped with computation as far as possible. The first is [chapter 19](19_flash_attention.md), the
# last two were [chapter 15](15_training_at_scale.md).
#
# Since then the ridge has moved on to the right: 153 FLOPs a byte for an A100, 295 for an H100, by their data sheets
# in bfloat16. What this chapter says of small operations is truer on the newer machine.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
answers = (100 * shares["matrix products"], per_element[torch.float32], memory.ridge, cap, single, company)
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    print(f"{question}: you said {guess:g}, found {answer:.3g}")

# %% [markdown]
# ## Exercises
#
# - [17.1](../exercises/17_1_attention_by_the_numbers.md) What attention computes and must move
# - [17.2](../exercises/17_2_under_the_roof.md) Which roof, and how near
# - [17.3](../exercises/17_3_passes_over_memory.md) Count the passes of an expression, fused and not
# - [17.4](../exercises/17_4_least_time_of_a_token.md) The least time of a token (optional)
#
# ## What you can now do
#
# - profile a step by listening to its operations, and say by which clock;
# - count the FLOPs and the least bytes of an operation, and place it on a roofline that you measured;
# - write a kernel in C, call it from Python, and prove it against float64;
# - say what a fused kernel can gain, for itself (bytes) and for the whole (Amdahl);
# - predict the least time of a token on a machine that you do not have;
# - catch a measurement that is of the first run, of the cache, or of bytes nobody needed.
#
# Next: the same kernels for machines with thousands of programs at once, and an interpreter to run them without one.
# [Chapter 18](18_first_triton_kernels.md).
#
# ## References
#
# - S. Williams, A. Waterman, D. Patterson (2009), *Roofline: an insightful visual performance model for multicore
#   architectures*, Communications of the ACM 52(4), 65-76, doi:10.1145/1498765.1498785.
# - J. D. McCalpin (1995), *Memory bandwidth and machine balance in current high performance computers*, IEEE TCCA
#   Newsletter (the STREAM benchmark).
# - G. M. Amdahl (1967), *Validity of the single processor approach to achieving large scale computing capabilities*,
#   AFIPS spring joint computer conference.
# - T. Dao and others (2022), *FlashAttention*, arXiv 2205.14135, section 2.1.
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.4.
# - NVIDIA, data sheets of the A100 80GB and the H100 (SXM, dense bfloat16).
