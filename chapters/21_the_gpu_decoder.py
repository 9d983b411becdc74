# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 21 · The GPU decoder
#
# **Question.** The same model, computed by PyTorch, by our C, by our Triton kernels. How would you know that it is the
# same model? And what may you say about its speed on a GPU that you do not have?
#
# Part III has made the pieces: norms, rotations and gates in [chapter 18](18_first_triton_kernels.md), attention in
# [chapter 19](19_flash_attention.md), the loss and the optimiser in [chapter 20](20_fused_cross_entropy_and_adamw.md).
# Each was compared with float64, one call at a time. Now they are put together, and three new questions come up. Who
# chooses which code runs? What does PyTorch know of a kernel that it did not write: its gradient, its shapes, its place
# in a compiled graph? And does a model *train* on kernels as it trains without?
#
# The last one has a strict answer and a sloppy one. The sloppy one is that the loss falls. We shall plant five bugs,
# and under each of them the loss falls.

# %%
import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import re
import time
import warnings
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from minillama import LlamaConfig, kernels
from minillama.accounting import flops_per_token, mfu
from minillama.book.plotting import COLORS, use_style
from minillama.data.packing import stream
from minillama.data.stories import Stories
from minillama.kernels import cpu, eager, gpu_figures, ops
from minillama.kernels import triton as raw
from minillama.kernels.roofline import DATA_SHEETS
from minillama.kernels.triton.launch import recorded
from minillama.kernels.work import training_work
from minillama.model import Llama, layers, llama
from minillama.tokenizer import Tokenizer
from minillama.training.precision import autocast
from minillama.training.throughput import peak_flops

DEVICE = "cpu"  # "cuda": the same curves and step times on a GPU
FUSED = {"cpu": ["cpp", "triton-interpret"], "cuda": ["triton"]}[DEVICE]

use_style()
torch.set_num_threads(1)
# `rope_table` keeps its tables; inside a graph it is traced like any other function
warnings.filterwarnings("ignore", message="Dynamo detected a call to a `functools.lru_cache`")
warnings.filterwarnings("ignore", message="dynamo_pgo force disabled")
print("on", DEVICE + ": eager,", ", ".join(FUSED))

# %% [markdown]
# `DEVICE` is the one variable to change on a machine with a GPU. `triton-interpret` runs the GPU's kernels on the CPU,
# block by block in Python; `triton` runs them on the GPU. Nothing in this chapter was run on a GPU by us: that path is
# there, and untried.
#
# ## Predict first

# %%
prediction = {
    "16 steps in float32: the largest distance from float64 of any backend, nats": 1e-4,
    "planted bugs, of five, under which the loss still falls to within 0.1 nats": 2,
    "kernels that torch.compile makes of one layer, forward, without products and attention": 10,
    "share of a LLaMA-2-7B step on an H100 that is no matrix product, at the least": 0.05,
}

# %% [markdown]
# ## The idea: a table
#
# The model does not call kernels. It calls *operations*, by name, and a table says who computes each. A backend is a
# row of the table. A row may have gaps: where a backend has nothing of its own, the plain version stands in, so that
# a model can run on a backend from the day that it has its first kernel.

# %% tags=["figure", "hide"] alt="A grid of three rows and eleven columns. Rows are the backends eager, cpp and triton; columns are the operations from rms_norm to adamw. All cells of eager are filled in blue. cpp is filled in orange except for paged_attention, which is empty and marked eager. triton is filled in green throughout. Linear_cross_entropy is hatched in both fused rows, being made of cross_entropy and matrix products"
own = {"cpp": cpu, "triton": raw}
figure, axes = plt.subplots(figsize=(9.6, 2.7))
for row, (backend, colour) in enumerate(
    zip(("eager", "cpp", "triton"), ("blue", "orange", "green"), strict=True)
):
    for column, name in enumerate(ops.OPERATIONS):
        made_of = "cross_entropy" if name == "linear_cross_entropy" else name
        there = backend == "eager" or hasattr(own[backend], made_of)
        axes.add_patch(
            plt.Rectangle(
                (column + 0.05, row + 0.08), 0.9, 0.84, edgecolor=COLORS[colour if there else "grey"],
                facecolor=COLORS[colour] if there else "none", alpha=0.8,
                hatch="///" if backend != "eager" and made_of != name else None,
            )
        )  # fmt: skip
        if not there:
            axes.text(column + 0.5, row + 0.5, "eager", ha="center", va="center", fontsize=8)
axes.set(xlim=(0, len(ops.OPERATIONS)), ylim=(3, 0), yticks=(0.5, 1.5, 2.5))
axes.set_yticklabels(("eager", "cpp", "triton"))
axes.set_xticks(np.arange(len(ops.OPERATIONS)) + 0.5)
axes.set_xticklabels(ops.OPERATIONS, rotation=28, ha="right")
axes.grid(False)
axes.set_title("who computes what; hatched: matrix products by PyTorch, the rest in our kernel")
plt.show()

# %% [markdown]
# ## The mathematics: three yardsticks
#
# | symbol | what it is | unit |
# |---|---|---|
# | $\ell_t$, $\ell^{64}_t$ | loss of step $t$ on a backend, and in float64 on the eager one | nats |
# | $u_t$ | distance between neighbouring float32 numbers at $\ell^{64}_t$ | nats |
# | $F, B$ | FLOPs and least bytes of an operation | FLOP, bytes |
# | $P, W$ | a device's peak and its memory's bandwidth | FLOP/s, bytes/s |
# | $\tau$ | measured seconds of a step or call | s |
#
# **The same curve.** Two backends add in different orders, so their losses differ in the last digits, and steps carry
# the difference on. A backend follows the curve while
#
# $$ \left| \ell_t - \ell^{64}_t \right| \le 8\, u_t $$
#
# For a loss of 2 to 8 nats, $8 u_t$ is 2 to 4 millionths of a nat. Whether 8 is a fair number will be measured, not
# believed: by a *twin*, the eager model begun from weights that were each moved by about a rounding.
#
# **The least time.** An operation needs its arithmetic and its bytes, and at best they overlap
# ([chapter 17](17_where_the_time_goes.md)). Over the operations of a step,
#
# $$ \tau \ge \sum_\text{operations} \max\left( \frac{F}{P},\ \frac{B}{W} \right) $$
#
# **The shares.** What was measured is held against the device: $B / (\tau W)$ is a kernel's share of the bandwidth,
# and a step's share of the peak is the MFU of [chapter 11](11_the_family_by_the_numbers.md), which counts the FLOPs
# that the *model* needs, whatever the program computed besides.
#
# ## A table in twenty lines


# %%
class Table:
    """Operations by backend: `table.rope` is the chosen backend's, or else the eager one."""

    def __init__(self, rows, able=None):
        self.rows, self.able, self.chosen = rows, able or {}, "eager"

    def use(self, name):
        if name not in self.rows:
            raise ValueError(f"unknown backend {name!r}: expected one of {', '.join(self.rows)}")
        if reason := self.able.get(name):
            raise ValueError(f"backend {name!r} cannot run here: {reason}")
        self.chosen = name

    def __getattr__(self, operation):
        if operation not in self.rows["eager"]:
            raise AttributeError(f"no operation {operation!r}: the table has {', '.join(self.rows['eager'])}")
        return self.rows[self.chosen].get(operation, self.rows["eager"][operation])


PLAIN = {name: getattr(eager, name) for name in ops.OPERATIONS}


def swiglu_by_hand(gate, up):
    return gate / (1 + torch.exp(-gate)) * up


mine = Table(
    {"eager": PLAIN, "mine": {"swiglu": swiglu_by_hand}, "triton": {}},
    able={"triton": "PyTorch sees no GPU"},
)
mine.use("mine")
print("swiglu is", mine.swiglu.__name__ + ", rope is", mine.rope.__module__)
for attempt in (lambda: mine.use("trition"), lambda: mine.use("triton"), lambda: mine.swigloo):
    try:
        attempt()
    except (ValueError, AttributeError) as error:
        print(f"{type(error).__name__}: {error}")

# %% [markdown]
# Three errors, each in one line, and none of them a warning. The middle one matters most. Who asks for `triton` and
# silently gets the plain version will time the plain version, publish the times, and wonder. So the rule: **`auto` may
# choose, a name may not be replaced.** The package's table is this one with devices and an observer added, and it
# refuses in the same places:

# %%
before = kernels.chosen()
for name in ("trition", "triton"):
    try:
        kernels.use(name)
    except ValueError as error:
        print(error)
assert kernels.chosen() == before  # a refusal changes nothing

# %% [markdown]
# (Where there is a GPU, the second line is missing.) Does the package's model run on our table? It finds its
# operations under the name `ops` in two modules; we put the table there.


# %%
@contextmanager
def on(table):
    """Let the model compute by `table`."""
    with patch.object(layers, "ops", table), patch.object(llama, "ops", table):
        yield


stories = list(islice(Stories(0, level=1), 600))
tokenizer = Tokenizer.train((story.text for story in stories[:300]), 320)
T = 128
rows = stream([tokenizer.encode(story.text) for story in stories], T, seed=0)


def batch(index):
    """Row `index` of the shuffled rows: tokens and targets (1, T)."""
    tokens, targets = rows.batch(index, 1)[:2]
    return torch.from_numpy(tokens).to(DEVICE), torch.from_numpy(targets).to(DEVICE)


CFG = LlamaConfig(
    vocab_size=tokenizer.vocab_size,
    dim=64,
    n_layers=2,
    n_heads=2,
    n_kv_heads=1,
    hidden_dim=176,
    max_seq_len=T,
)


def fresh(dtype=torch.float32, seed=0):
    """Return a model whose weights are drawn in float32 from `seed`, on every backend the same."""
    model = Llama(CFG)
    model.init_weights(torch.Generator().manual_seed(seed))
    return model.to(DEVICE, dtype)


model = fresh()
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
kernels.use("eager")
loss = model.loss(*batch(0))
with on(mine):
    ours = model.loss(*batch(0))
print(f"loss {loss:.4f}; on our table {ours:.4f}")
assert abs(loss - ours) < 8 * np.spacing(np.float32(loss.item()))

# %% [markdown]
# ## An operator that PyTorch did not write
#
# A kernel is a function from addresses to addresses. PyTorch cannot differentiate it, and a compiler cannot look into
# it. `torch.library` lets one say the three things that are missing. We take SwiGLU once more, and compute it in
# NumPy, so that PyTorch really sees nothing:
#
# | what | answers | who asks |
# |---|---|---|
# | the operator | what comes out, which inputs are written to | everybody |
# | its *fake* | which shape and dtype come out | the compiler, which has no data |
# | its gradient | gradients of the inputs from those of the output | autograd |


# %%
def silu_of(gate):
    sigmoid = 1 / (1 + np.exp(-gate))
    return sigmoid, gate * sigmoid


@torch.library.custom_op("book::swiglu", mutates_args=())
def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    return torch.from_numpy(silu_of(gate.numpy())[1] * up.numpy())


@torch.library.custom_op("book::swiglu_backward", mutates_args=())
def swiglu_backward(dy: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    (sigmoid, silu), dy, up = silu_of(gate.numpy()), dy.numpy(), up.numpy()
    slope = sigmoid + silu * (1 - sigmoid)  # of silu
    return torch.from_numpy(dy * up * slope), torch.from_numpy(dy * silu)


x = [torch.randn(5, 7, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(2)]
leaves = [y.clone().requires_grad_() for y in x]
print("values right:", torch.allclose(swiglu(*x), eager.swiglu(*x), rtol=1e-12))

# %% [markdown]
# Values alone. To autograd the operator is a dead end, and to a compiler a box of unknown size:


# %%
def graphs(function, *arguments):
    """Trace `function` into one graph, or raise; return the graph's operations. Nothing is compiled."""
    seen = []

    def keep(module, inputs):
        seen.append([node for node in module.graph.nodes if node.op.startswith("call")])
        return module

    torch._dynamo.reset()
    torch.compile(function, backend=keep, fullgraph=True)(*arguments)
    (operations,) = seen
    return operations


try:
    graphs(lambda gate, up: swiglu(gate, up) + 1, *x)
except Exception as error:
    print("the compiler:", re.search(r"There was no fake impl registered", str(error)).group())
try:
    swiglu(*leaves).sum().backward()
except RuntimeError as error:
    print("autograd:", re.search(r"no autograd formula was registered", str(error)).group())

# %% [markdown]
# Now the fakes and the gradient. The backward pass is an operator too: a graph of the backward pass needs its shapes
# as well.


# %%
@swiglu.register_fake
def _(gate, up):
    return torch.empty_like(gate)


@swiglu_backward.register_fake
def _(dy, gate, up):
    return torch.empty_like(gate), torch.empty_like(up)


def save(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def gradient(ctx, dy):
    return swiglu_backward(dy, *ctx.saved_tensors)


swiglu.register_autograd(gradient, setup_context=save)

print("opcheck:", torch.library.opcheck(swiglu, tuple(leaves)))
assert torch.autograd.gradcheck(swiglu, leaves)
names = [node.target for node in graphs(lambda gate, up: swiglu(gate, up) + 1, *x)]
print("one graph:", [str(name) if "book" in str(name) else name.__name__ for name in names])

# %% [markdown]
# `opcheck` compares what was said with what happens: the schema, the fake's shapes and dtypes against the real ones,
# the gradient's registration, and the operator under the compiler's tracing. `gradcheck` compares the gradient with
# finite differences. Neither does the other's work, as two lies show:


# %%
def lied_to(name, fake=None, backward=gradient):
    """Make the operator again under another name, with one thing wrong."""
    operator = torch.library.custom_op(f"book::{name}", swiglu._init_fn, mutates_args=())
    operator.register_fake(fake or (lambda gate, up: torch.empty_like(gate)))
    operator.register_autograd(backward, setup_context=save)
    return operator


def verdicts(operator):
    found = []
    for check in (torch.library.opcheck, torch.autograd.gradcheck):
        try:
            check(operator, tuple(leaves))
            found.append("passes")
        except Exception as error:
            found.append(type(error).__name__)
    return found


def swapped(ctx, dy):
    return swiglu_backward(dy, *ctx.saved_tensors)[::-1]


for lie, operator in {
    "no lie": lied_to("honest"),
    "the fake says float32": lied_to(
        "float32", fake=lambda gate, up: torch.empty_like(gate, dtype=torch.float32)
    ),
    "the gradients are swapped": lied_to("swapped", backward=swapped),
}.items():
    opcheck, gradcheck = verdicts(operator)
    print(f"{lie:27} opcheck {opcheck:14} gradcheck {gradcheck}")

# %% [markdown]
# The swapped gradients have the right shapes, so no check of shapes can find them. The package makes all of its
# operators in this way, one pair of raw functions at a time (`minillama/kernels/operators/`), the same for C and
# Triton. Our NumPy operator goes into the table like any other, and the model trains on it:

# %%
mine.rows["numpy"] = {"swiglu": swiglu}
mine.use("numpy")
on_cpu, first = fresh().cpu(), [tensor.cpu() for tensor in batch(0)]
parameters = list(on_cpu.parameters())
with on(mine):
    through_numpy = torch.autograd.grad(on_cpu.loss(*first), parameters)
for found, right in zip(through_numpy, torch.autograd.grad(on_cpu.loss(*first), parameters), strict=True):
    assert (found - right).abs().max() < 2e-6 * right.abs().max()
print("every gradient of the model agrees, with SwiGLU computed in NumPy")

# %% [markdown]
# ## One graph, or many
#
# `torch.compile` runs Python once with stand-ins for tensors, writes down the operations, and compiles what it has
# written. Where Python asks for a *value*, there is none. The graph ends there, Python runs in between, and a second
# graph begins: a **graph break**. Nothing fuses across it.


# %%
def careful_step(tokens, targets):
    loss = model.loss(tokens, targets)
    if loss > 100:  # asks for the value
        raise ValueError("diverged")
    return loss * 2


torch._dynamo.reset()
broken = torch._dynamo.explain(careful_step)(*batch(0))
print(f"with a look at the loss: {broken.graph_count} graphs, {broken.graph_break_count} break")
assert broken.graph_break_count == 1
for backend in ["eager", *FUSED]:
    kernels.use(backend)
    calls = graphs(model.loss, *batch(0))
    print(
        f"{backend}: one graph, {sum('minillama' in str(node.target) for node in calls)} calls to our operators"
    )

# %% [markdown]
# `fullgraph=True` makes a break an error, so those lines are proofs: the whole loss is one graph on every backend.
# Without the operators' fakes and gradients, all but eager's would be errors.
#
# ## What the compiler fuses, and what it leaves
#
# `torch.compile` fuses by itself, and it is the first thing that hand-written kernels must be compared with. We let
# it write the code for one block, forward and backward, and read which calls are in it. The code is not compiled,
# only written: compiling takes far longer than the whole step.


# %%
import torch._functorch.config
import torch._inductor.config
from torch._inductor.utils import get_code


def compiled_calls(block, *arguments):
    """Return the calls in inductor's code for `block`, forward and backward."""
    settings = {"force_disable_caches": True, "cpp.vec_isa_ok": True}
    with (
        torch._inductor.config.patch(settings),
        torch._functorch.config.patch(force_non_lazy_backward_lowering=True),
    ):
        written = get_code(torch.compile(block, fullgraph=True), *arguments)
    pattern = r"cpp_fused_\w+|extern_kernels\.\w+|aten\.\w+(?=\.default\()"
    bodies = [
        code[code.index("def call(") : code.index("runner = ")] for code in written if "def call(" in code
    ]
    return [re.findall(pattern, re.sub(r"#.*", "", body)) for body in bodies]


kernels.use("eager")
block = Llama(CFG).layers[0]
stream_in = torch.randn(1, T, CFG.dim, generator=torch.Generator().manual_seed(0)).requires_grad_()
cos, sin = torch.ones(T, 16), torch.zeros(T, 16)
calls = dict(zip(("forward", "backward"), compiled_calls(block, stream_in, cos, sin, None), strict=True))
made = {way: [call for call in found if call.startswith("cpp_fused")] for way, found in calls.items()}
for way, found in calls.items():
    products = sum("mm" in call for call in found)
    print(f"{way}: {products} matrix products and attention by libraries, {len(made[way])} kernels made:")
    for call in made[way]:
        fused_names = re.sub(
            r"(unsafe_view|view|transpose|expand|slice|split)_", "", call.removeprefix("cpp_fused_")
        )
        print("   ", fused_names.strip("_"))

# %% [markdown]
# Each name lists what was fused, views left out, and ends in a number. Forward: 0 is RMSNorm, 1 the rotation of queries
# and keys, 2 a copy that turns attention's output round, 3 the sum with the stream *and* the norm after it, which is
# our `add_rms_norm`, found by the compiler itself, 4 SwiGLU, 5 the last sum. What is left alone: products of matrices
# go to a library, and so does attention, because PyTorch was given a fused attention by hand. **Fusing loops does not
# lead to flash attention**: the online softmax is another algorithm, with another order of sums. Nor does it lead to a
# loss in chunks.
#
# How does our row of the table compare? We count launches without a GPU: raw functions take tensors of the device
# `meta`, shapes without data, and `recorded()` notes what they would start. Shapes of one layer of LLaMA-2-7B, 4,096
# tokens, bfloat16. Beside it, the eager version: every PyTorch operation that is not a mere view, and the bytes of
# its inputs and outputs.


# %%
class Count(TorchDispatchMode):
    """Count operations that compute or copy, and the bytes of what they read and write."""

    def __init__(self):
        super().__init__()
        self.operations = self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        before, after = ([t for t in tree_leaves(x) if isinstance(t, Tensor)] for x in ((args, kwargs), out))
        view = func.is_view or func.name() in ("aten::_unsafe_view", "aten::empty_like", "aten::detach")
        if after and not view:
            self.operations += 1
            self.bytes += sum(t.nbytes for t in before + after)
        return out


SEVEN = LlamaConfig.named("llama-2-7b")
N, C, F, H, D = 4096, SEVEN.dim, SEVEN.hidden_dim, SEVEN.n_heads, SEVEN.head_dim


def empty(*shape, dtype=torch.bfloat16):
    return torch.empty(*shape, dtype=dtype, device="meta", requires_grad=dtype == torch.bfloat16)


def eagerly(name, *tensors, **scalars):
    """Count the plain version, forward and backward."""
    with Count() as counted:
        out = getattr(eager, name)(*tensors, **scalars)
        outs = [y for y in (out if isinstance(out, tuple) else (out,)) if y.requires_grad]
        torch.autograd.grad(
            outs, [x for x in tensors if x.requires_grad], [torch.empty_like(y) for y in outs]
        )
    return counted


heads = 1, H, N, D
stats = empty(N, dtype=torch.float32)
angles = [torch.empty(N, D // 2, dtype=torch.bfloat16, device="meta") for _ in range(2)]
normed = empty(N, C), empty(C)
gates = empty(N, F), empty(N, F)
layer = {
    "rms_norm": (
        eagerly("rms_norm", *normed, eps=1e-5),
        lambda: (raw.rms_norm(*normed, 1e-5), raw.rms_norm_backward(normed[0], *normed, stats)),
    ),
    "rope": (
        eagerly("rope", empty(*heads), empty(*heads), *angles),
        lambda: [raw.rope(empty(*heads), empty(*heads), *angles, inverse) for inverse in (False, True)],
    ),
    "add_rms_norm": (
        eagerly("add_rms_norm", empty(N, C), *normed, eps=1e-5),
        lambda: (
            raw.add_rms_norm(empty(N, C), *normed, 1e-5),
            raw.add_rms_norm_backward(empty(N, C), empty(N, C), *normed, stats),
        ),
    ),
    "swiglu": (
        eagerly("swiglu", *gates),
        lambda: (raw.swiglu(*gates), raw.swiglu_backward(gates[0], *gates)),
    ),
}
least = {work.name: work for work in training_work(SEVEN, 1, N, torch.bfloat16)}
A100, H100 = DATA_SHEETS["a100-80gb"], DATA_SHEETS["h100-80gb"]
print(f"{'one layer of 7B, both ways':27}{'eager: operations, GB':>24}{'fused: launches, GB':>22}")
spelled, fused, launched = 0, 0, []
for name, (counted, run) in layer.items():
    with recorded() as launches:
        run()
    bytes_least = sum(least[f"{name}{way}"].bytes // least[f"{name}{way}"].calls for way in ("", " backward"))
    launched += [start.kernel.__name__ for start in launches]
    spelled, fused = spelled + counted.bytes, fused + bytes_least
    print(
        f"{name:27}{counted.operations:16d}{counted.bytes / 1e9:8.2f}{len(launches):14d}{bytes_least / 1e9:8.2f}"
    )
    assert bytes_least < counted.bytes / 1.5
print(f"bytes in all: {spelled / fused:.1f} times as many when spelled out")
print("launches:", ", ".join(dict.fromkeys(launched)))

# %% [markdown]
# The fused column's bytes are the least that the operation can move. [Chapter 18](18_first_triton_kernels.md) counts
# the kernels' own at each load and store: just those, and for the norms' way back some per cent more. Two things keep
# this table from being a triumph. On a GPU, PyTorch has a fused RMSNorm of its own (pull request 153666), where this
# count, made on shapes alone, sees it spelled out. And by number of kernels `torch.compile` is close: it made 6 and 7
# for a layer; we launch 10, and the sums around them stay PyTorch's. In the backward pass it merges the stream's sums
# with the norms' gradients, which our operators, closed boxes, do not let it. What the hand-written row has for itself
# is the loss whose logits never exist, attention's own tiles, sums that are proven, and no wait for a compiler. Which
# is faster on a GPU we do not know.
#
# ## One loss curve
#
# Now the experiment. One seed, one row of 128 tokens a step, AdamW; the loop is six lines, and whatever the table has
# comes from the table.


# %%
def train(backend, steps, dtype=torch.float32, products="float32", table=None, twin=None, seed=0):
    """Train a fresh model; return the loss of every step."""
    kernels.use(backend)
    model = fresh(dtype, seed)
    parameters = list(model.parameters())
    if twin is not None:  # move each weight by about a rounding
        g = torch.Generator().manual_seed(twin)
        for p in parameters:
            p.data *= 1 + 2.0**-23 * (2 * torch.rand(p.shape, generator=g) - 1).to(p)
    means, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    losses = []
    with on(table or ops):
        for step in range(steps):
            with autocast(torch.device(DEVICE), products):
                loss = model.loss(*batch(step))
            gradients = torch.autograd.grad(loss, parameters)
            rate = 3e-3 * min(1, (step + 1) / 5)
            ops.adamw(parameters, gradients, means, squares, step + 1, rate, 0.9, 0.95, 1e-8, 0.1)
            losses.append(loss.item())
    return np.array(losses)


STEPS = 16
LONG = 200
exact = train("eager", LONG, dtype=torch.float64)
band = 8 * np.spacing(exact.astype(np.float32)).astype(np.float64)
curves = {backend: train(backend, STEPS) for backend in ["eager", *FUSED]}
print(f"float64: {exact[0]:.3f} nats at the first step, {exact[STEPS - 1]:.3f} at step {STEPS}")
for backend, losses in curves.items():
    assert (np.abs(losses - exact[:STEPS]) < band[:STEPS]).all(), backend
    print(f"{backend}: inside the band at each of {STEPS} steps, last loss {losses[-1]:.4f}")

# %% [markdown]
# Three programs that share no line of arithmetic for norms, rotations, attention, gates, loss and update give one
# curve, to within a few units of the seventh digit. And a wrong kernel, what would it do? Five bugs that are easily
# made. Four of them compute the right outputs: only a gradient is wrong.


# %%
class InBfloat16(torch.autograd.Function):
    """The identity; its gradient was summed up in bfloat16."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, dy):
        return dy.bfloat16().to(dy.dtype)


def stuck_weight(x, weight, eps):
    return eager.rms_norm(x, weight.detach() + 0 * weight, eps)


def fixed_scale(x, weight, eps):
    return x * (x.square().mean(-1, keepdim=True) + eps).rsqrt().detach() * weight


def outside(x, weight, eps):
    return x / (x.square().mean(-1, keepdim=True).sqrt() + eps) * weight


def turned_on(q, k, cos, sin):
    right, wrong = eager.rope(q, k, cos, sin), eager.rope(q, k, cos, -sin)
    return tuple(y.detach() + (z - z.detach()) for y, z in zip(right, wrong, strict=True))


def rough_head(x, weight, targets, z_loss=0.0):
    return eager.linear_cross_entropy(x, InBfloat16.apply(weight), targets, z_loss)


bugs = {
    "RMSNorm's weight gets no gradient": {"rms_norm": stuck_weight},
    "RMSNorm's scale is taken as fixed, backward": {"rms_norm": fixed_scale},
    "eps outside the root": {"rms_norm": outside},
    "RoPE turned on, not back, backward": {"rope": turned_on},
    "the head's gradient rounded to bfloat16": {"linear_cross_entropy": rough_head},
}


def first_outside(losses):
    """Return the first step, from 1, whose loss is outside the band."""
    return next((t + 1 for t, loss in enumerate(losses) if not abs(loss - exact[t]) <= band[t]), None)


print(f"{'right':45}last loss {exact[STEPS - 1]:.2f}")
still_falls = 0
for bug, wrong in bugs.items():
    table = Table({"eager": PLAIN, "bug": wrong})
    table.use("bug")
    curves[bug] = train("eager", STEPS, table=table)
    left = first_outside(curves[bug])
    still_falls += abs(curves[bug][-1] - exact[STEPS - 1]) < 0.1
    assert left is not None, bug
    assert curves[bug][-1] < exact[0] - 1.5, bug
    when = f"from step {left}" if left <= 2 else "later"
    print(f"{bug:45}last loss {curves[bug][-1]:.2f}, outside the band {when}")

# %% [markdown]
# Every one of them learns, and four of five end within a tenth of a nat of the right run. Without the right curve
# beside it, each would pass for a run that goes well. The band sees them all; four by the second step, and the mildest,
# one rounding of one gradient to 8 bits, some steps later.
#
# Mind the comparison in `first_outside`. It asks for *not inside*; with *outside* instead, a loss of NaN would never
# count, because every comparison with NaN is false.
#
# Is the band fair? Twins say so: eager once more, from weights that differ by a rounding. If a twin stayed far inside,
# the band would be loose; if it left, too tight. And how long does it hold?

# %% tags=["nbval-ignore-output"]
spread = {
    "eager": np.abs(train("eager", LONG) - exact),
    "a twin": np.abs(train("eager", LONG, twin=1) - exact),
}
spans = [(0, STEPS), (STEPS, 50), (50, 100), (100, LONG)]
print("largest distance from float64, nats, over steps")
print(f"{'':12}" + "".join(f"{a + 1:>8d} to {b:3d}" for a, b in spans))
for name, distance in spread.items():
    print(f"{name:12}" + "".join(f"{distance[a:b].max():15.1e}" for a, b in spans))
largest = max(np.abs(curves[name] - exact[:STEPS]).max() for name in ["eager", *FUSED])
print(f"the twin's share of the band in {STEPS} steps: {(spread['a twin'][:STEPS] / band[:STEPS]).max():.2f}")
print(f"largest of all backends in {STEPS} steps: {largest:.1e}; the band: {band[:STEPS].max():.1e}")

# %%
twin_in_band = (spread["a twin"][:STEPS] / band[:STEPS]).max()
assert 0.05 < twin_in_band < 1
assert all(distance[100:].max() > 2 * distance[:STEPS].max() for distance in spread.values())
assert largest < band[:STEPS].max()
print(
    f"in {STEPS} steps the twin uses a twentieth of the band at least, and not all; by step {LONG} it is farther"
)

# %% [markdown]
# So rounding alone uses up a part of the band, and with time more than all of it: training amplifies small differences,
# and for a loss below 4 nats the band reaches no further than 2 millionths. **A band must be stated with a number of
# steps.** "The loss curves match" after 10,000 steps can only mean that they match as well as two twins do. One seed
# and one small model are behind these figures.
#
# ## In sixteen bits
#
# On a GPU one trains in bfloat16: half the bytes, and on an A100 sixteen times the rate of plain float32 (312 and 19.5
# teraFLOPS, by its data sheet). Products run in 16 bits; the weights, the sums of their gradients and AdamW's means
# stay in float32. Why these **master weights** are needed, two lines show:

# %%
short, long = torch.ones((), dtype=torch.bfloat16), torch.ones(())
for _ in range(100):
    short += 1e-3
    long += 1e-3
print(f"100 steps of 0.001 on a weight of 1: bfloat16 {short.item():.3f}, float32 {long.item():.3f}")
small = torch.tensor(2.0**-30)
print(f"a gradient of 2**-30: float16 {small.half().item():.1e}, bfloat16 {small.bfloat16().item():.1e}")
print(f"bfloat16's next number after 1: {1 + torch.finfo(torch.bfloat16).eps:.4f}")

# %% [markdown]
# A step of 0.001 is less than half the way to the next number, and rounds away every time. The second line is why
# bfloat16 needs no loss scale ([chapter 13](13_training.md)): it has float32's range, and float16 has not.
#
# What does it do to the curve?

# %%
ROUGH = 6
rough = {backend: train(backend, ROUGH, products="bfloat16") for backend in ["eager", *FUSED]}
for backend, losses in rough.items():
    distance = np.abs(losses - exact[:ROUGH])
    assert 100 * band[:ROUGH].max() < distance.max() < 2e-2
    print(f"{backend} in bfloat16: outside the band from step {first_outside(losses)},", end=" ")
    print(f"by more than 100 times; within 0.02 nats for {ROUGH} steps")
hidden = [bug for bug in bugs if np.abs(curves[bug][:ROUGH] - exact[:ROUGH]).max() < 5e-3]
print("bugs within 0.005 nats for as long:", *hidden, sep="\n   ")

# %% [markdown]
# All of it in one picture:

# %% tags=["figure", "hide"] alt="Two panels over steps 1 to 16. Left, the loss on linear axes falls from 6.4 to 3.55 nats; the curves lie on one another, and only the bug of the fixed scale wanders up to 0.3 above. Right, distance from float64 on a logarithmic axis: eager, cpp and triton-interpret stay at or below one millionth, inside a grey band that reaches to 4 then 2 millionths; the head's bug starts among them, leaves the band at step seven, comes back and leaves again; eps outside the root lies mostly near one ten-thousandth, two more bugs mostly between a thousandth and a few hundredths among the bfloat16 curves, and the fixed scale around a tenth"
figure, (left, right) = plt.subplots(1, 2, figsize=(9.8, 4.6), width_ratios=(1, 1.7))
at = np.arange(1, STEPS + 1)
left.plot(at, exact[:STEPS], color=COLORS["blue"], lw=5, alpha=0.3)
right.fill_between(at, 1e-8, band[:STEPS], color=COLORS["grey"], alpha=0.25)
right.text(1, 1.4e-8, "the band", fontsize=9)
looks = [("-", name) for name in ("blue", "orange", "green")[: 1 + len(FUSED)]]
looks += [(":", "purple"), ("--", "red"), ("-.", "grey"), ("--", "purple"), (":", "red")]
looks += looks[: 1 + len(FUSED)]  # in bfloat16, drawn thick
drawn = curves | {f"{backend} in bfloat16": losses for backend, losses in rough.items()}
for (name, losses), (style, colour) in zip(drawn.items(), looks, strict=True):
    steps = at[: len(losses)]
    distance = np.maximum(np.abs(losses - exact[: len(losses)]), 1e-8)
    left.plot(steps, losses, color=COLORS[colour], ls=style, lw=1.2)
    right.semilogy(
        steps,
        distance,
        color=COLORS[colour],
        ls=style,
        lw=1.4 if name in curves else 2.8,
        alpha=1 if name in curves else 0.6,
        label=name,
    )
left.set(
    xlabel="step", ylabel="loss, nats a token", title="what one usually looks at", xticks=(1, 4, 8, 12, 16)
)
right.set(
    xlabel="step", ylabel="distance from float64, nats", title="where one should", xticks=(1, 4, 8, 12, 16)
)
right.set_ylim(1e-8, 1)
right.legend(fontsize=7, ncol=1, loc="center left", bbox_to_anchor=(1.0, 0.5))
plt.show()

# %% [markdown]
# bfloat16 moves the loss by a thousandth of a nat or two: nothing that the left panel could show, and hundreds of times
# the band. In 16 bits the bugs just listed could not be told from rounding. Hence an order of work: **prove a kernel in
# float32, then train in bfloat16**. (`tests/kernels` proves each kernel in 16 bits too, one call at a time, against the
# error that the plain version makes in the same format.)
#
# ## What was measured, and where
#
# *On the machine that ran this page.* A model of four layers, one thread, eager and C in turns, processor time. The
# interpreter is left out: its step would measure nothing but patience.

# %% tags=["nbval-ignore-output"]
LARGER = LlamaConfig(
    vocab_size=2048, dim=256, n_layers=4, n_heads=8, n_kv_heads=4, hidden_dim=688, max_seq_len=128
)
larger = Llama(LARGER).to(DEVICE)
some = torch.randint(0, 2048, (2, 129), generator=torch.Generator().manual_seed(0)).to(DEVICE)
state = [[torch.zeros_like(p) for p in larger.parameters()] for _ in range(2)]


def step_time(backend, model=larger, tokens=some, state=state):
    """Return the seconds of one training step: processor time, or on a GPU the clock's."""
    clock = time.process_time if DEVICE == "cpu" else time.perf_counter
    kernels.use(backend)
    parameters = list(model.parameters())
    start = clock()
    gradients = torch.autograd.grad(model.loss(tokens[:, :-1], tokens[:, 1:]), parameters)
    ops.adamw(parameters, gradients, *state, 1, 1e-4, 0.9, 0.95, 1e-8, 0.1)
    parameters[-1].sum().item()  # waits for the device
    return clock() - start


times = {backend: [] for backend in ("eager", FUSED[0])}
for turn in range(8):
    for backend, found in times.items():
        seconds = step_time(backend)
        if turn:  # the first warms up
            found.append(seconds)
peak = peak_flops(torch.device(DEVICE), "float32")
work = flops_per_token(LARGER, 128)
print(
    f"{sum(p.numel() for p in larger.parameters()):,} parameters, peak of a product {peak / 1e9:.0f} GFLOP/s"
)
shares = {}
for backend, found in times.items():
    tokens_a_second = 256 / median(found)
    shares[backend] = mfu(work, tokens_a_second, peak)
    print(
        f"{backend:6} {1e3 * median(found):5.0f} ms a step, {tokens_a_second:7,.0f} tokens/s, MFU {shares[backend]:.0%}"
    )
ratio = median(a / b for a, b in zip(*times.values(), strict=True))
print(f"eager over {FUSED[0]}: {ratio:.2f}, the median of 7 pairs")

# %%
assert all(0.05 < share < 1.5 for share in shares.values())
assert 0.7 < ratio < 3
print("in the band: an MFU of 5 % to 150 %, and eager takes 0.7 to 3 times as long")

# %% [markdown]
# (Above 100 % would mean that others slowed the machine while its peak was measured.)
#
# *Compiled for four GPUs, run on none.* `minillama kernels report` compiles every kernel for A100, H100, B200 and
# MI300X and reads what it takes of each; bytes are counted in the interpreter and compared with their formulas
# ([chapter 18](18_first_triton_kernels.md) does it before your eyes). What it wrote down, for what a training step
# launches in bfloat16, under the compiler's names of the four, `sm_80`, `sm_90`, `sm_100` and `gfx942` (a norm's rows
# are those with the addition, RoPE's those of the way back):

# %%
DATA = next(folder for folder in (Path("../docs/data"), Path("docs/data")) if folder.is_dir())
report = json.loads((DATA / "kernels.json").read_text(encoding="utf-8"))
targets = ("sm_80", "sm_90", "sm_100", "gfx942")
step_of = ("rms_norm", "add_rms_norm", "rope", "attention", "swiglu", "cross_entropy", "adamw")
in_step = [name + way for name in step_of for way in ("", " backward")]
compiled = [row for row in report["kernels"] if row["dtype"] == "bfloat16" and row["operation"] in in_step]
print(f"{'registers of a thread; shared KiB':34}" + "".join(f"{target:>12}" for target in targets))
for kernel in dict.fromkeys(row["kernel"] for row in compiled):
    on_target = {row["target"]: row for row in compiled if row["kernel"] == kernel}  # of two norms, the last
    cells = [f"{on_target[t]['registers']}; {on_target[t]['shared'] / 1024:.1f}" for t in targets]
    print(f"{kernel:34}" + "".join(f"{cell:>12}" for cell in cells))
counted = [row for row in report["moved"] if row["dtype"] == "bfloat16" and row["operation"] in in_step]
assert {row["operation"] for row in counted} == {name for name in in_step if name != "adamw backward"}
more = [row["operation"] for row in counted if row["once"] > row["least"]]
spilled_bytes = sum(row["spilled"] for row in compiled)
print(
    f"spilled: {spilled_bytes} bytes; the least bytes and not one more: {len(counted) - len(more)} of {len(counted)}"
)
print("some more:", ", ".join(more))
assert spilled_bytes == 0
assert all("backward" in name for name in more)

# %% [markdown]
# Attention's three large kernels take most registers and most shared memory: their tiles live there. What moves more
# than the least are three ways back. The norms' keep partial sums of the weight's gradient (some per cent at LLaMA's
# sizes; [chapter 18](18_first_triton_kernels.md) has the formula), and attention's two kernels read queries, keys and
# values twice. None of this is a time.
#
# *On GPUs.* `make bench-gpu` measures step time, MFU, memory and each kernel's share of the bandwidth, ours beside
# eager and `torch.compile`, five runs each, and writes a file that this cell reads:

# %%
figures = gpu_figures.load(DATA / "gpu")
for found in figures:
    print(
        f"{found.device}, {found.dtype}: peak {found.peak_flops / 1e12:.0f} TFLOP/s, {found.bandwidth / 1e12:.2f} TB/s"
    )
    for who in found.training.steps:
        print(
            f"    {who:14}{found.training.tokens_per_second(who):10,.0f} tokens/s, MFU {found.mfu(who):.0%}"
        )
if not figures:
    print("Nobody has measured these kernels on a GPU yet: there are no such figures.")

# %% [markdown]
# ## What a step takes at the least
#
# What can be said without a GPU is a bound. Least bytes and FLOPs of each operation are formulas
# ([chapter 17](17_where_the_time_goes.md)), peak and bandwidth stand on data sheets, and no program is faster than
# the roof. **This is a prediction, nothing in it was measured**: LLaMA-2-7B, one sequence of 4,096 tokens, bfloat16,
# perfect kernels, no waiting, and more memory than the A100 or the H100 has.


# %%
def least_times(machine, cfg, batch, seq_len):
    """Return the least seconds of a training step, by kind of operation."""
    kinds = dict.fromkeys(("matrix products", "attention", "norms, gates, loss, sums", "AdamW"), 0.0)
    for work in training_work(cfg, batch, seq_len, torch.bfloat16):
        product = work.name.startswith(("w", "output"))
        kind = 0 if product else 1 if work.name.startswith("attention") else 3 if work.name == "adamw" else 2
        kinds[list(kinds)[kind]] += machine.seconds(work)
    return kinds


predicted = {machine.name: least_times(machine, SEVEN, 1, 4096) for machine in (A100, H100)}
held = 16 * SEVEN.n_params() / 1e9
print(f"weights, gradients, both means: {held:.0f} GB; on the GPUs' boards: 80 GB")
print(f"{'least ms, predicted':28}" + "".join(f"{name:>8}" for name in predicted))
for kind in predicted["A100"]:
    print(f"{kind:28}" + "".join(f"{1e3 * found[kind]:8.1f}" for found in predicted.values()))
print(
    f"H100 over A100: arithmetic {H100.peak / A100.peak:.1f}, bandwidth {H100.bandwidth / A100.bandwidth:.1f}"
)
other = {name: 1 - found["matrix products"] / sum(found.values()) for name, found in predicted.items()}
print(f"{'share of no product':28}" + "".join(f"{share:8.0%}" for share in other.values()))
for name, found in predicted.items():
    speed = 4096 / sum(found.values())
    share = mfu(flops_per_token(SEVEN, 4096), speed, {"A100": A100, "H100": H100}[name].peak)
    print(f"{name}: at most {speed:,.0f} tokens/s, an MFU of {share:.0%}")
spelled_out = {}
for machine in (A100, H100):
    extra = SEVEN.n_layers * (spelled - fused) / machine.bandwidth
    spelled_out[machine.name] = extra
    step = sum(predicted[machine.name].values())
    print(
        f"{machine.name}: spelled out, norms, RoPE and gates add {1e3 * extra:.0f} ms: {extra / step:.0%} of the step"
    )

# %% tags=["figure", "hide"] alt="Four horizontal bars, predicted milliseconds a step: A100 with fused kernels 689, A100 spelled out 788, H100 fused 252, H100 spelled out 312. Matrix products take three quarters of the fused A100 bar and two thirds of the fused H100 bar; attention is small, AdamW larger; what spelling out adds is hatched at the end"
figure, axes = plt.subplots(figsize=(9.2, 3.0))
labels = []
for row, (name, spelled_too) in enumerate((n, s) for n in predicted for s in (False, True)):
    begin = 0.0
    parts = dict(predicted[name]) | ({"added where spelled out": spelled_out[name]} if spelled_too else {})
    for (kind, seconds), colour in zip(
        parts.items(), ("blue", "orange", "green", "purple", "red"), strict=False
    ):
        axes.barh(
            row, 1e3 * seconds, left=begin, color=COLORS[colour], height=0.7, label=kind if row < 2 else None,
            hatch="///" if colour == "red" else None, alpha=0.85,
        )  # fmt: skip
        begin += 1e3 * seconds
    labels.append(f"{name}, {'spelled out' if spelled_too else 'fused'}")
axes.set(
    yticks=range(4), yticklabels=labels, ylim=(3.6, -0.6), xlabel="ms a step, a prediction from data sheets"
)
handles, names = axes.get_legend_handles_labels()
unique = dict(zip(names, handles, strict=True))
axes.legend(unique.values(), unique.keys(), fontsize=7.5, loc="lower right")
plt.show()

# %% [markdown]
# (MFU counts attention as if nothing were masked, the bound counts what the mask keeps: so a bound may come out a few
# per cent high.) The faster the tensor cores, the more the rest weighs. An H100 has 3.2 times an A100's arithmetic and
# 1.6 times its bandwidth, so what moves bytes takes a larger share of its step. AdamW looks heavy because one sequence
# is a tiny batch: it runs once an update, however many sequences the update has. What fusing the small operations saves
# is real and bounded: the hatched part. It is the reason for chapters 18 to 20, and it is not a factor of ten.
#
# ## Training on a GPU
#
# The same code path, named on the command line:
#
# ```
# minillama train --corpus text/ --device cuda --backend triton --dtype bf16
# torchrun --nproc-per-node 8 -m minillama train --corpus text/ --device cuda --backend triton --dtype bf16
# ```
#
# and on a CPU, slowly, through the same kernels:
#
# ```
# minillama train --corpus text/ --device cpu --backend triton-interpret \
#     --dim 64 --layers 2 --heads 2 --kv-heads 1 --seq-len 64 --batch-size 1 --steps 20
# ```
#
# Device, backend and dtype are written into the checkpoint. What cannot run is refused, as above, in one line. Under
# `torchrun` each process takes its own GPU, and the operators run inside [chapter 15](15_training_at_scale.md)'s
# placements: the table knows nothing of processes.
#
# ## In the real LLaMA
#
# LLaMA 1 was trained on hand-written parts (section 2.4): causal attention from the xformers library, which neither
# stores the weights nor computes what is masked, and backward passes of their own for the transformer's layers, so
# that the expensive outputs, those of the linear layers, could be kept rather than computed again. The speed that the
# paper gives, 380 tokens a second on each of 2,048 A100 for the 65B, against the bound of this chapter:

# %%
big = LlamaConfig.named("llama-1-65b")
bound = least_times(A100, big, 1, 2048)
without_update = sum(bound.values()) - bound["AdamW"]
print(f"bound for the 65B on an A100: {2048 / without_update:.0f} tokens/s; reported: 380")
print(f"the reported speed is {380 * without_update / 2048:.0%} of the bound,", end=" ")
print(f"MFU {mfu(flops_per_token(big, 2048), 380, A100.peak):.1%}")
for gpus, teraflops in ((8192, 430), (16384, 400), (16384, 380)):
    print(
        f"Llama 3 405B on {gpus:6,} H100: {teraflops} TFLOP/s on each, {teraflops / 989.4:.1%} of the data sheet's 989"
    )

# %% [markdown]
# (AdamW is left out of that bound: spread over 2,048 GPUs and 4 million tokens a step, it is next to nothing.) The
# other half is communication, recomputing, waiting, and products that do not reach the peak. Llama 3's figures are its
# paper's (section 3.3, table 4, which gives them as 38 to 43 %; how it counts FLOPs it does not say). A generation of
# GPUs later the share had not risen: chips that compute faster are harder to feed, as the bars above say.
#
# What has changed since: with `torch.compile` (2023) fusing the small operations takes one line, and PyTorch has taken
# in fused attention, RMSNorm, AdamW and, in the version used here, `F.linear_cross_entropy`. What is still
# written by hand is what a compiler does not find: attention, losses, quantised products.
#
# ## Your predictions

# %%
answers = (None, still_falls, len(made["forward"]), other["H100"])
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    measured = "under 4e-06" if answer is None else f"{answer:.2g}"
    print(f"{question}: you said {guess:g}, it is {measured}")

# %% [markdown]
# ## Exercises
#
# - [21.1](../exercises/21_1_operation_table.md) An operation table that never falls back in silence
# - [21.2](../exercises/21_2_shares_of_a_step.md) What a measured step made of its device
# - [21.3](../exercises/21_3_follow_the_curve.md) Until when two curves agree
#
# ## What you can now do
#
# - put a table between a model and its kernels, and refuse where others fall back;
# - make an operator of foreign code: its fake, its gradient, and the two checks that it needs;
# - find a graph break, and prove that there is none;
# - read in a compiler's code what it has fused, and what it never will;
# - hold a loss curve against a band that is justified, and say for how many steps it can hold;
# - say of each figure on a GPU whether it was measured, counted or predicted.
#
# Part III ends here. Part IV runs the model: one token at a time, where everything is bytes.
#
# ## References
#
# - J. Ansel and others (2024), *PyTorch 2: faster machine learning through dynamic Python bytecode transformation and
#   graph compilation*, ASPLOS 2024, doi:10.1145/3620665.3640366.
# - PyTorch 2.13 documentation, *torch.library* (custom_op, register_fake, register_autograd, opcheck), and *Common
#   graph breaks*.
# - PyTorch, pull request 153666, *Fused RMSNorm implementation*.
# - A. Chowdhery and others (2022), *PaLM*, arXiv 2204.02311, appendix B: MFU.
# - P. Micikevicius and others (2018), *Mixed precision training*, arXiv 1710.03740, section 3.
# - S. Williams, A. Waterman, D. Patterson (2009), *Roofline*, doi:10.1145/1498765.1498785.
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.4.
# - A. Grattafiori and others (2024), *The Llama 3 herd of models*, arXiv 2407.21783, section 3.3 and table 4.
