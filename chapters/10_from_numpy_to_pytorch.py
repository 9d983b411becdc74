# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10 · From NumPy to PyTorch
#
# **Question.** You have written a LLaMA whose every gradient is your own. What does PyTorch do for you, what does it
# hide from you, and how do you know that the model it runs is still the same one?
#
# ## Part II: the real thing
#
# Part I ended with a machine that works and that you understand down to the last plus sign. It is also small, runs on
# one core, and reads nobody else's files. Part II lets it grow.
#
# **What the part needs:** chapters [04](04_backpropagation.md) to [09](09_a_llama_in_numpy.md), and no knowledge of
# PyTorch. **What it gives:**
#
# | chapter | what you have afterwards |
# |---|---|
# | 10 | the model in PyTorch, equal to the one in NumPy, with real weights in it |
# | [11](11_the_family_by_the_numbers.md) | the size, compute and memory of every LLaMA, by formula |
# | [12](12_data.md) | a training set made as LLaMA's was: extracted, filtered, deduplicated, mixed |
# | [13](13_training.md) | a training run that survives being killed, and goes on bit for bit |
# | [14](14_scaling_laws.md) | how large, and on how much text |
# | [15](15_training_at_scale.md) | many processes that compute as one |
# | [16](16_evaluation.md) | what a number in a results table is worth |
#
# This chapter is the bridge. We cross it slowly, and look down: first we build PyTorch's central idea ourselves, out
# of the functions of Part I, in some forty lines. Then we let PyTorch have it.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import ast
import inspect
import math
import time
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from itertools import islice

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from minillama import LlamaConfig, reference
from minillama.book.plotting import COLORS, use_style
from minillama.data.packing import one_per_row
from minillama.data.stories import Stories
from minillama.reference import relative_error
from minillama.tokenizer import Tokenizer

torch.set_num_threads(1)
use_style()
rng = np.random.default_rng(0)

# %% [markdown]
# ## Predict first

# %%
prediction = {
    "per cent of the NumPy layers' statements that are backward pass": 50,
    "relative error of the worst gradient, PyTorch against NumPy, in float64": 1e-6,
    "speed of PyTorch over NumPy, training a model 256 wide on one core": 5,
    "gigabytes of logits, in float32, of one LLaMA 3 sequence of 8,192 tokens": 0.5,
    "steps until the weights of two correct programs are a thousandth apart": 10_000,
}

# %% [markdown]
# ## The idea: write down what you did
#
# Look back at the model of chapter 09. Every operation came as a pair, `name` and `name_backward`. The backward pass
# of the whole model then called the second halves in reverse order, and handed each the tuple that its first half had
# saved. You wrote that order down by hand, twice: once going up, once coming down. The second time was dictation.
#
# So let the program take the dictation. While it goes forward, each result remembers **which inputs it came from** and
# **how to send a gradient back to them**. That is a graph of records, and people call it the *tape*. Going back needs
# no knowledge of the model at all: walk the tape in reverse, and where a value was used twice, add.


# %%
class Node:
    """A value that remembers where it came from."""

    def __init__(self, value, parents=(), send=None):
        self.value = value  # an array
        self.parents = parents  # the nodes it was computed from
        self.send = send  # its gradient -> one gradient for each parent
        self.grad = None

    def __add__(self, other):  # both summands get the gradient whole
        return Node(self.value + other.value, (self, other), lambda d_out: (d_out, d_out))


def on_tape(forward, backward):
    """Make one operation, which remembers, of a pair from Part I."""

    def operation(*inputs, **options):
        plain = (x.value if isinstance(x, Node) else x for x in inputs)
        out, saved = forward(*plain, **options)
        parents = [x for x in inputs if isinstance(x, Node)]
        return Node(out, parents, lambda d_out: backward(d_out, saved))

    return operation


def run_backward(last):
    """Give every node behind `last` the gradient of `last` by it."""
    order, seen = [], set()

    def visit(node):
        if id(node) not in seen:
            seen.add(id(node))
            for parent in node.parents:
                visit(parent)
            order.append(node)  # after everything that it needed

    visit(last)
    last.grad = 1.0
    for node in reversed(order):  # before everything that it needed
        if node.parents:
            sent = node.send(node.grad)
            sent = sent if isinstance(sent, tuple) else (sent,)
            for parent, grad in zip(node.parents, sent):
                parent.grad = grad if parent.grad is None else parent.grad + grad


# %% [markdown]
# That is automatic differentiation; PyTorch calls its own *autograd*. Two lines carry it. `order.append` comes after
# the loop over the parents, so that no node sends before everything that used it has sent to it. And `parent.grad +
# grad` is the rule of chapter 09, **where the forward pass copied, the backward pass adds**, now written once for all
# models there will ever be. Try it on three plain numbers, $\ell = a\,b + a$ with $a = 3$ and $b = 5$: by hand,
# $\partial\ell/\partial a = b + 1 = 6$ and $\partial\ell/\partial b = a = 3$.

# %%
product = on_tape(
    lambda a, b: (a * b, (a, b)),
    lambda d_out, saved: (d_out * saved[1], d_out * saved[0]),
)
a, b = Node(3.0), Node(5.0)
run_backward(product(a, b) + a)
print("gradient of a:", a.grad, "  gradient of b:", b.grad)

# %% tags=["figure", "hide"] alt="A graph of four nodes. The inputs a = 3 and b = 5 stand at the bottom. Blue arrows go up from both to the product 15, and from the product and from a to the sum 18. Orange arrows go down beside them: 1 from the sum to the product, 1 from the sum to a, 5 from the product to a, 3 from the product to b. At a the two orange numbers are added to 6"
figure, axes = plt.subplots(figsize=(6.6, 3.5))
axes.set(xlim=(-1.2, 6.4), ylim=(-0.7, 3.6))
axes.axis("off")
places = {"a": (0.6, 0), "b": (4.4, 0), "ab": (3.2, 1.5), "sum": (1.8, 3.0)}
texts = {"a": "a = 3", "b": "b = 5", "ab": "a b = 15", "sum": "a b + a = 18"}
for name, (x, y) in places.items():
    axes.text(x, y, texts[name], ha="center", va="center", color=COLORS["blue"], size=12)
for low, high, sent, side in (
    ("a", "ab", "5", -0.3),
    ("b", "ab", "3", 0.3),
    ("ab", "sum", "1", 0.3),
    ("a", "sum", "1", -0.3),
):
    (x0, y0), (x1, y1) = places[low], places[high]
    up = {
        "arrowstyle": "-|>",
        "color": COLORS["blue"],
        "lw": 1.3,
        "shrinkA": 13,
        "shrinkB": 13,
    }
    down = up | {"color": COLORS["orange"]}
    axes.annotate("", (x1, y1), (x0, y0), arrowprops=up)
    axes.annotate("", (x0 + side, y0), (x1 + side, y1), arrowprops=down)
    axes.text(
        (x0 + x1) / 2 + 1.7 * side,
        (y0 + y1) / 2,
        sent,
        color=COLORS["orange"],
        ha="center",
        fontsize=12,
    )
axes.text(0.6, -0.5, "5 + 1 = 6", color=COLORS["orange"], ha="center", fontsize=12)
axes.text(4.4, -0.5, "3", color=COLORS["orange"], ha="center", fontsize=12)
plt.show()

# %% [markdown]
# Now the whole LLaMA. We take the pairs of Part I as they are, put them on the tape, and write the forward pass. And
# then we do *not* write a backward pass.


# %%
def split(x, D):  # (B, T, n D) -> (B, n, T, D)
    return x.reshape(*x.shape[:2], -1, D).transpose(0, 2, 1, 3)


def join(x):  # (B, n, T, D) -> (B, T, n D)
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


linear = on_tape(reference.linear, reference.linear_backward)
norm = on_tape(reference.rms_norm, reference.rms_norm_backward)
turn = on_tape(reference.rope, reference.rope_backward)
attend = on_tape(reference.attention, reference.attention_backward)
gated = on_tape(reference.swiglu, reference.swiglu_backward)
look_up = on_tape(reference.embedding, reference.embedding_backward)
surprise = on_tape(reference.cross_entropy, reference.cross_entropy_backward)
heads = on_tape(lambda x, D: (split(x, D), None), lambda d_out, _: join(d_out))
unite = on_tape(lambda x: (join(x), x.shape[-1]), lambda d_out, D: split(d_out, D))


def llama_loss(w, cfg, tokens, targets):
    """Loss of a LLaMA whose weights are nodes."""
    D, eps = cfg.head_dim, cfg.norm_eps
    cos, sin = reference.rope_table(cfg, 0, tokens.shape[1])
    x = look_up(tokens, w["tok_embeddings.weight"])
    for i in range(cfg.n_layers):
        own = lambda name, i=i: w[f"layers.{i}.{name}.weight"]
        h = norm(x, own("attention_norm"), eps)
        q, k, v = (heads(linear(h, own(f"attention.w{x}")), D) for x in "qkv")
        mixed = attend(turn(q, cos, sin), turn(k, cos, sin), v)
        x = x + linear(unite(mixed), own("attention.wo"))
        h = norm(x, own("ffn_norm"), eps)
        gate, up = (linear(h, own(f"feed_forward.w_{name}")) for name in ("gate", "up"))
        x = x + linear(gated(gate, up), own("feed_forward.w_down"))
    head = "tok_embeddings.weight" if cfg.tie_embeddings else "output.weight"
    return surprise(linear(norm(x, w["norm.weight"], eps), w[head]), targets)


# %%
cfg = LlamaConfig(
    vocab_size=60,
    dim=24,
    n_layers=2,
    n_heads=6,
    n_kv_heads=2,
    hidden_dim=40,
    max_seq_len=64,
)


def unlike_a_start(cfg):
    """Weights in float64, norms not at one: a norm that is not used must show."""
    start = reference.init_weights(cfg, dtype=np.float64)
    return {name: w * rng.normal(1, 0.2, w.shape) for name, w in start.items()}


weights = unlike_a_start(cfg)
x_ids, y_ids = rng.integers(0, cfg.vocab_size, size=(2, 3, 20))
for one_cfg in (cfg, replace(cfg, tie_embeddings=True)):
    own = {name: weights[name] for name in reference.weight_shapes(one_cfg)}
    loss, grads = reference.ReferenceLlama(one_cfg, own).loss_and_grads(x_ids, y_ids)
    nodes = {name: Node(w) for name, w in own.items()}
    last = llama_loss(nodes, one_cfg, x_ids, y_ids)
    run_backward(last)
    errors = [relative_error(nodes[name].grad, grads[name]) for name in own]
    assert last.value == loss
    assert max(errors) < 1e-13
    tied = one_cfg.tie_embeddings
    print(f"tied head {tied!s:5}: loss {loss:.6f}, {len(own)} gradients equal to 1e-13")

# %% [markdown]
# All gradients are there, the tied head's sum included, and nobody wrote down in which order. What has it saved us?
# Count the statements of the NumPy model, forward and backward.

# %%
counted = {"forward": 0, "backward": 0}
model_modules = [
    "linear",
    "norm",
    "rope",
    "attention",
    "activations",
    "softmax",
    "block",
]
for name in model_modules:
    tree = ast.parse(inspect.getsource(import_module(f"minillama.reference.{name}")))
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        half = "backward" if function.name.endswith("_backward") else "forward"
        inside = sum(isinstance(node, ast.stmt) for node in ast.walk(function))
        counted[half] += inside - 2  # the def and the docstring
share = counted["backward"] / sum(counted.values())
print(f"statements in the layers of Part I: {counted}, backward {share:.0%}")

# %% [markdown]
# A third of the statements, and the third in which all of chapter 09's lost gradients were lost.
#
# ## Tensors: arrays with three more things to know
#
# From here on PyTorch. Its array is called a *tensor*, and nearly all you know of NumPy holds: shapes, broadcasting,
# indexing, `@`. Three things are new.
#
# **Its numbers are float32 unless you say otherwise**, where NumPy's are float64; and a tensor lives on a *device*,
# here `cpu`. **It is a view into a storage**, as in NumPy, but PyTorch makes you say so: `view` never copies, and
# refuses where it would have to; `reshape` copies if it must. **It may carry a gradient**, of which soon.

# %%
array = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]])
tensor = torch.from_numpy(array)  # no copy: the same memory
tensor[0, 0] = 9
print("NumPy sees what PyTorch wrote:", array[0, 0], " dtype kept:", tensor.dtype)
print(
    "made anew:",
    torch.tensor([1.5, 2.5]).dtype,
    torch.zeros(2).dtype,
    " device:",
    tensor.device,
)
print(
    "strides, in numbers to step for each axis:",
    tensor.stride(),
    " transposed:",
    tensor.T.stride(),
)
try:
    tensor.T.view(6)
except RuntimeError as refusal:
    print("view refuses:", str(refusal).split(" (")[0])
print("reshape copies:", tensor.T.reshape(6).tolist())

# %% [markdown]
# A *stride* says how far to step in memory for the next index of an axis. A transpose swaps two strides and moves
# nothing. A view reads the same memory under another shape, in the same order. **The two are not the same thing**, and
# where the shapes happen to fit, PyTorch will not say so. Chapter 09's warning about heads, again:

# %%
x = torch.arange(12.0).view(1, 2, 6)  # one text, two positions, three heads of width 2
right = x.view(1, 2, 3, 2).transpose(1, 2)  # (B, T, H, D) -> (B, H, T, D)
wrong = x.view(1, 3, 2, 2)  # (B, H, T, D) at once: the same shape
print("position 0 holds", x[0, 0].tolist())
print("head 1 at position 0, view then transpose:", right[0, 1, 0].tolist())
print("head 1 at position 0, view alone:         ", wrong[0, 1, 0].tolist())

# %% [markdown]
# Head 1 should hold channels 2 and 3. With `view` alone the first head gets channels 0 to 3, as if they were two
# positions, and everything behind slips. No error, no warning, the right shape.
#
# ### The tape is built in
#
# A tensor with `requires_grad=True` puts everything that is computed from it on the tape. `grad_fn` is our `send`,
# `.backward()` is our `run_backward`, `.grad` is our `grad`:

# %%
a, b = (torch.tensor(value, requires_grad=True) for value in (3.0, 5.0))
total = a * b + a
print("how the sum sends back:", total.grad_fn.name())
print("to whom:", [parent.name() for parent, _ in total.grad_fn.next_functions])
total.backward()
print("gradients:", a.grad.item(), b.grad.item())

# %% [markdown]
# The same graph as in the picture. (`AccumulateGrad` stands for a *leaf*, a tensor that was not computed from others.
# It has nobody to send to, and adds what it gets to `.grad`.)
#
# And your own pairs fit in. `torch.autograd.Function` takes a forward and a backward and puts them on PyTorch's tape:
# this is how the fused kernels of Part III will join. PyTorch even brings chapter 04's finite differences along, under
# the name `gradcheck`.


# %%
class HandWrittenNorm(torch.autograd.Function):
    """Chapter 05's RMSNorm, computed by NumPy, on PyTorch's tape."""

    @staticmethod
    def forward(ctx, x, weight, eps):
        arrays = x.detach().numpy(), weight.detach().numpy()
        out, ctx.saved = reference.rms_norm(*arrays, eps)
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx, d_out):
        d_x, d_weight = reference.rms_norm_backward(d_out.numpy(), ctx.saved)
        return torch.from_numpy(d_x), torch.from_numpy(d_weight), None  # none for eps


x = torch.tensor(rng.normal(size=(4, 6)), requires_grad=True)
weight = torch.tensor(rng.normal(size=6), requires_grad=True)
print(
    "gradcheck:",
    torch.autograd.gradcheck(lambda x, w: HandWrittenNorm.apply(x, w, 1e-5), (x, weight)),
)

# %% [markdown]
# ## Modules: weights with names
#
# In Part I the weights lay in a dictionary under names like `layers.1.attention.wq.weight`. In PyTorch a layer is an
# object, an `nn.Module`, that owns its weights; a weight is an `nn.Parameter`, a tensor that requires a gradient. The
# one trick is in the assignment: **whoever writes `self.weight = nn.Parameter(...)` or `self.norm = RMSNorm(...)` has
# entered it in the module's register.** From the registers come the names, which are the paths of attributes; the list
# of parameters for the optimiser; and `state_dict`, the dictionary that is saved to disk.


# %%
class RMSNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):  # (B, T, C) -> (B, T, C)
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps) * self.weight


class FeedForward(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.w_gate = nn.Linear(cfg.dim, cfg.hidden_dim, bias=False)  # holds (F, C)
        self.w_up = nn.Linear(cfg.dim, cfg.hidden_dim, bias=False)
        self.w_down = nn.Linear(cfg.hidden_dim, cfg.dim, bias=False)

    def forward(self, x):  # (B, T, C) -> (B, T, F) -> (B, T, C)
        return self.w_down(F.silu(self.w_gate(x)) * self.w_up(x))


print([name for name, _ in FeedForward(cfg).named_parameters()])
print({name: tuple(w.shape) for name, w in RMSNorm(24, 1e-5).state_dict().items()})

# %% [markdown]
# `nn.Linear` is chapter 04's linear layer: $y = x W^\top$, one row of $W$ for each output, with a bias unless told
# otherwise. LLaMA has none.
#
# ## The model, again
#
# | symbol | what it is | shape |
# |---|---|---|
# | $x$ | residual stream | (B, T, C) |
# | $q$ | queries, H heads of width D | (B, H, T, D) |
# | $k, v$ | keys and values, K heads; S positions, which with a cache are more than T | (B, K, S, D) |
# | cos, sin | of the angles of D/2 pairs at each position | (T, D/2) |
# | mask | true where a query may look | (T, S) |
# | logits | one number for each token that might follow | (B, T, V) |
#
# Attention stands here as a formula first, $\text{softmax}(q k^\top/\sqrt D)\,v$, where a score, one of (B, H, T, S),
# is set to $-\infty$ if the mask is false, and each key/value head serves H/K query heads. So there is something to
# measure PyTorch's *fused* version against, the one that does all of it in a single operation. We keep the small
# functions outside the classes: further down we will exchange them for wrong ones.


# %%
def split_heads(x, D):
    return x.view(*x.shape[:2], -1, D).transpose(1, 2)  # (B, T, n D) -> (B, n, T, D)


def join_heads(x):
    return x.transpose(1, 2).flatten(2)  # (B, n, T, D) -> (B, T, n D)


def rope_table(cfg, start, end, dtype):
    i = torch.arange(0, cfg.head_dim, 2, dtype=torch.float64)
    positions = torch.arange(start, end, dtype=torch.float64)
    angles = torch.outer(positions, cfg.rope_theta ** (-i / cfg.head_dim))  # (T, D/2)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rope(x, cos, sin):  # pairs (i, i + D/2): the half layout of chapter 06
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def causal_mask(T, S):  # the queries are the last T of S positions
    return torch.ones(T, S, dtype=torch.bool).tril(S - T)


def attention(q, k, v):
    share = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(share, dim=1) for x in (k, v))  # K heads -> H heads
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5  # (B, H, T, S)
    seen = causal_mask(q.shape[2], k.shape[2])
    return scores.masked_fill(~seen, -math.inf).softmax(-1) @ v


# %%
class Attention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.D = cfg.head_dim
        self.wq = nn.Linear(cfg.dim, cfg.n_heads * self.D, bias=False)
        self.wk = nn.Linear(cfg.dim, cfg.n_kv_heads * self.D, bias=False)
        self.wv = nn.Linear(cfg.dim, cfg.n_kv_heads * self.D, bias=False)
        self.wo = nn.Linear(cfg.n_heads * self.D, cfg.dim, bias=False)

    def forward(self, x, cos, sin, past=None):
        q, k, v = (split_heads(w(x), self.D) for w in (self.wq, self.wk, self.wv))
        q, k = rope(q, cos, sin), rope(k, cos, sin)
        if past is not None:
            k, v = past.extend(k, v)  # (B, K, T, D) -> (B, K, S, D)
        return self.wo(join_heads(attention(q, k, v)))


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.attention_norm = RMSNorm(cfg.dim, cfg.norm_eps)
        self.attention = Attention(cfg)
        self.ffn_norm = RMSNorm(cfg.dim, cfg.norm_eps)
        self.feed_forward = FeedForward(cfg)

    def forward(self, x, cos, sin, past=None):
        x = x + self.attention(self.attention_norm(x), cos, sin, past)
        return x + self.feed_forward(self.ffn_norm(x))


class Past:
    """Keys and values of one layer, for all positions so far."""

    def __init__(self):
        self.k = self.v = None

    def extend(self, k, v):
        self.k = k if self.k is None else torch.cat([self.k, k], dim=2)
        self.v = v if self.v is None else torch.cat([self.v, v], dim=2)
        return self.k, self.v


class Llama(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.tok_embeddings = nn.Embedding(cfg.vocab_size, cfg.dim)
        self.layers = nn.ModuleList(Block(cfg) for _ in range(cfg.n_layers))
        self.norm = RMSNorm(cfg.dim, cfg.norm_eps)
        self.output = nn.Linear(cfg.dim, cfg.vocab_size, bias=False)
        if cfg.tie_embeddings:
            self.output.weight = self.tok_embeddings.weight  # one parameter, two names

    def hidden(self, tokens, pasts=None):  # (B, T) -> (B, T, C)
        x = self.tok_embeddings(tokens)
        start = pasts[0].k.shape[2] if pasts and pasts[0].k is not None else 0
        cos, sin = rope_table(self.cfg, start, start + tokens.shape[1], x.dtype)
        for i, block in enumerate(self.layers):
            x = block(x, cos, sin, pasts[i] if pasts else None)
        return self.norm(x)

    def forward(self, tokens, pasts=None):  # (B, T) -> (B, T, V)
        return self.output(self.hidden(tokens, pasts))

    def loss(self, tokens, targets):
        logits = self(tokens).flatten(0, 1)  # (B, T, V) -> (B T, V)
        return F.cross_entropy(logits, targets.flatten(), ignore_index=-100)


# %% [markdown]
# Forward only, and about as long as the forward half of chapter 09. Three details deserve a look. `nn.ModuleList` is a
# list that registers what it holds; a Python list would not. A tied head is not a copy: the *same* parameter gets a
# second name. And `Past` is chapter 09's cache; in training there is none.
#
# ## Check: the same model, to the last digits
#
# Names agree by design, so the weights of Part I go in through `load_state_dict`. It is strict: a missing or an
# unexpected name is an error, a wrong shape too. (A wrong *dtype* is not: numbers are converted to that of the
# parameter, without a word. Hence `.to(dtype)` first.)


# %%
def with_weights(cfg, weights, kind=None, dtype=torch.float64):
    """Build the torch model and load NumPy's weights."""
    model = (kind or Llama)(cfg).to(dtype)
    state = {name: torch.from_numpy(w) for name, w in weights.items()}
    if cfg.tie_embeddings:
        state["output.weight"] = state["tok_embeddings.weight"]
    model.load_state_dict(state)
    return model


numpy_model = reference.ReferenceLlama(cfg, weights)
numpy_logits = numpy_model.forward(x_ids)
numpy_loss, numpy_grads = numpy_model.loss_and_grads(x_ids, y_ids)

model = with_weights(cfg, weights)
x, y = torch.from_numpy(x_ids), torch.from_numpy(y_ids)
loss = model.loss(x, y)
loss.backward()
worst = {"logits": relative_error(model(x).detach().numpy(), numpy_logits)}
print(f"loss, NumPy {numpy_loss:.10f}, PyTorch {loss.item():.10f}")
print(f"{'':35} {'shape':>8}   largest   relative error")
for name, parameter in model.named_parameters():
    found, expected = parameter.grad.numpy(), numpy_grads[name]
    worst[name] = relative_error(found, expected)
    said = "below 1e-12" if worst[name] < 1e-12 else f"{worst[name]:.0e}"
    shape = " x ".join(map(str, found.shape))
    print(f"{name:35} {shape:>8}   {np.abs(expected).max():.1e}   {said}")
assert worst["logits"] < 1e-12
assert max(worst.values()) < 1e-10

# %% [markdown]
# (*Largest* is the largest entry of the gradient, and the error is relative to it.) **Logits and every gradient, equal
# to NumPy's** in all but the last digits of float64. This is the table that the rest of the book stands on: your
# backward pass and PyTorch's tape are two roads, and they meet. The package's `minillama.Llama` is the third, and
# Hugging Face's `transformers`, a library that is not ours, the fourth. It does some steps in float32 whatever the
# model's type; `float64_throughout` widens them, so that there are digits to compare.

# %%
from minillama.checkpoints.hf_names import from_hf
from minillama.evaluation.peers import float64_throughout, transformers_twin
from minillama.model import Llama as PackageLlama

package = with_weights(cfg, weights, PackageLlama)
package.loss(x, y).backward()
package_grads = {name: p.grad.numpy() for name, p in package.named_parameters()}

with float64_throughout():
    theirs = transformers_twin(cfg, weights)
    said = theirs(x, labels=x)
    their_logits = said.logits.detach().numpy()
    F.cross_entropy(said.logits.flatten(0, 1), y.flatten()).backward()
their_grads = {from_hf(name): p.grad.numpy() for name, p in theirs.named_parameters()}

for witness, logits, grads in (
    ("minillama.Llama", package(x).detach().numpy(), package_grads),
    ("transformers", their_logits, their_grads),
):
    errors = [relative_error(grads[name], own) for name, own in numpy_grads.items()]
    assert relative_error(logits, numpy_logits) < 1e-12
    assert max(errors) < 1e-10
    print(f"{witness:16} logits and {len(errors)} gradients equal to NumPy's")

# %% [markdown]
# > **Departure: who shifts the targets.**
# >
# > - **Paper.** The loss is that of the *next* token: position $t$ is asked for token $t + 1$.
# > - **Code.** transformers shifts inside the model: one passes `labels=tokens`, and the last position is dropped.
# > - **Here.** `loss(tokens, targets)` takes targets that the caller has shifted, so that packed rows can say for
# >   themselves where a text ends.
# > - **What changes.** Nothing, if one knows. Whoever gives shifted targets to transformers trains a model to guess
# >   the token after next.

# %%
ours = model.loss(x[:, :-1], x[:, 1:]).item()
assert abs(ours - said.loss.item()) < 1e-12
print(f"their loss with labels=tokens  {said.loss.item():.6f}")
print(f"our loss with targets shifted  {ours:.6f}")

# %% [markdown]
# One configuration proves little: with `theta` at its default nobody would notice that it is never read. So a small
# likeness of each kind of published LLaMA: its ratio of query to key/value heads, its theta and scaling, its epsilon,
# its tied or untied head. (The two that scale their frequencies go through the package's class; ours above does not
# know scaling yet, which chapter 30 explains. Their original context is set to 16 here, so that there is something to
# scale.) Float64 against NumPy, float32 against transformers. The two columns on the right are the bounds that the cell
# asserts; the picture has what was measured.

# %%
FAMILY = ["llama-1-7b", "llama-2-7b", "llama-2-70b", "llama-3-8b"]
FAMILY += ["llama-3.1-8b", "llama-3.2-1b", "smollm2-135m"]
SHORT = {"original_max_position_embeddings": 16}
agreement = {}
print(f"like{'':12}heads   theta    scaled  tied    = NumPy, 64 bit        = HF, 32 bit")
for name in FAMILY:
    base = LlamaConfig.named(name)
    H = 2 * base.n_heads // base.n_kv_heads
    small = base.replace(
        vocab_size=60,
        dim=6 * H,
        n_layers=2,
        n_heads=H,
        n_kv_heads=2,
        head_dim=6,
        hidden_dim=31,
        max_seq_len=64,
        rope_scaling=base.rope_scaling and base.rope_scaling | SHORT,
    )
    own = unlike_a_start(small)
    numpy_twin = reference.ReferenceLlama(small, own)
    torch_twin = with_weights(small, own, PackageLlama if base.rope_scaling else Llama)
    torch_twin.loss(x, y).backward()
    _, expected = numpy_twin.loss_and_grads(x_ids, y_ids)
    grads = dict(torch_twin.named_parameters())
    with torch.no_grad():
        hf = transformers_twin(small, own).float()(x).logits
        agreement[name] = (
            relative_error(torch_twin(x).numpy(), numpy_twin.forward(x_ids)),
            max(relative_error(p.grad.numpy(), expected[n]) for n, p in grads.items()),
            ((torch_twin.float()(x) - hf).abs().max() / hf.abs().max()).item(),
        )
    bounds = (1e-10, 1e-9, 2e-5)
    assert all(error < most for error, most in zip(agreement[name], bounds, strict=True))
    print(
        f"{name:14} {H:2} : 2  {base.rope_theta:8,.0f}  {bool(base.rope_scaling)!s:6}"
        f"  {base.tie_embeddings!s:5}   1e-10, gradients 1e-9   2e-5"
    )

# %% tags=["figure", "hide"] alt="Dots on a logarithmic axis for seven LLaMAs, one row each. Blue circles, torch against NumPy in float64, logits, and orange squares, worst gradient, lie near 1e-15. Green diamonds, torch against transformers in float32, logits, lie just below 1e-6. Dotted lines mark the roundings of the two number formats, 1e-16 and 6e-8"
figure, axes = plt.subplots(figsize=(8.6, 3.6))
for column, (label, mark, color) in enumerate(
    (
        ("= NumPy, float64, logits", "o", "blue"),
        ("= NumPy, float64, worst gradient", "s", "orange"),
        ("= transformers, float32, logits", "D", "green"),
    )
):
    axes.semilogx(
        [max(agreement[name][column], 1e-17) for name in FAMILY],
        range(len(FAMILY)),
        mark,
        color=COLORS[color],
        label=label,
    )
for place, text in ((2**-53, "rounding, float64"), (2**-24, "rounding, float32")):
    axes.axvline(place, ls=":", color=COLORS["grey"])
    axes.text(place * 1.2, -0.75, text, fontsize=8.5, va="center")
axes.set_yticks(range(len(FAMILY)), [f"like {name}" for name in FAMILY])
axes.set(xlabel="relative error of the torch model", xlim=(3e-17, 1e-2), ylim=(6.6, -1.1))
axes.legend(loc="center", bbox_to_anchor=(0.44, 0.5))
plt.show()

# %% [markdown]
# Two clouds, each a little to the right of its number format's rounding. That distance is how far apart two right
# answers are, and it is the yardstick for everything that follows: **an error of $10^{-15}$ is arithmetic, an error of
# $10^{-3}$ is a bug, and to see the difference you must compare in float64.** In float32 there is little room between
# the two, and in bfloat16 none.
#
# ## What autograd hides
#
# ### It keeps things
#
# Our tape kept what each pair had `saved`. PyTorch's does too, and one can look over its shoulder: a pair of hooks
# sees every tensor that goes on the tape. A larger model, so that sizes tell; attention by formula, as above.


# %%
def kept_for_backward(run, model):
    """Shape and bytes of all that the tape keeps, except the parameters themselves."""
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = (tuple(tensor.shape), storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = run()
    del out
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    return [entry for place, entry in kept.items() if place not in own]


wide = LlamaConfig(
    vocab_size=8192,
    dim=64,
    n_layers=4,
    n_heads=4,
    n_kv_heads=2,
    hidden_dim=172,
    max_seq_len=1024,
)
torch.manual_seed(0)
big = Llama(wide)
B, T, V = 1, 1024, wide.vocab_size
tokens, targets = torch.randint(0, V, (2, B, T))
kinds = "log of the softmax", "attention and its masks", "everything else"
parts = dict.fromkeys(kinds, 0)
for shape, size in kept_for_backward(lambda: big.loss(tokens, targets), big):
    square = shape[-2:] == (T, T)
    head = "log of the softmax" if V in shape else "everything else"
    parts["attention and its masks" if square else head] += size
for kind, size in parts.items():
    print(f"{kind:26} {size / 2**20:6.1f} MiB")
size = sum(p.nbytes for p in big.parameters())
print(f"the parameters themselves  {size / 2**20:6.1f} MiB")

# %% [markdown]
# The tape weighs many times the model. Two things on it outgrow the rest: the attention weights, with $T^2$, and what
# cross-entropy keeps of the logits, the logarithms of their softmax, with $V$. We will get rid of both.
#
# ### It trusts you
#
# The tape holds tensors, not copies. Change one in place, and what it will use on the way back is no longer what went
# forward. PyTorch counts the changes of each tensor and complains. Not so if one goes behind its back with `.data`, as
# much old code does: then the tape does not even know that anything happened.

# %%
a = torch.tensor([1.0, 2.0], requires_grad=True)
y_right = a.exp()
y_right.mul_(2)  # the trailing underscore: in place
try:
    y_right.sum().backward()
except RuntimeError as refusal:
    print("complains:", str(refusal).split(":")[0])
y_silent = 3 * a
y_silent.data.mul_(2)  # behind its back
y_silent.sum().backward()
print("computes 6 a:", y_silent.tolist(), "  with the gradient of 3 a:", a.grad.tolist())

# %% [markdown]
# The result is that of $6a$, the gradient that of $3a$. Nothing complains, and a model with a gradient that is half of
# what it should be still learns.
#
# ### It adds, and it remembers
#
# `.grad` is added to, not replaced: two backward passes make the sum. That is a gift where a batch is too large and is
# done in portions ([chapter 13](13_training.md)), and a bug where `zero_grad` was forgotten. And the tape lives as long
# as its last node does. `total += loss`, written to watch the mean loss, keeps the tape of every step.

# %%
a = torch.tensor([1.0, 2.0], requires_grad=True)
for passes in (1, 2):
    (a * a).sum().backward()
    print(f"gradient of a squared after {passes} backward passes: {a.grad.tolist()}")

# %% [markdown]
# To see memory we need a meter. The size of a process, as the operating system tells it, is of little use: it need not
# shrink when a tensor dies. The package has a better one. It listens to every operation, counts the bytes of each new
# storage and takes them off when the storage is freed. Its figures follow from the code alone, so that two machines
# agree on them:

# %%
from minillama.kernels.memory import LiveMemory

print(f"{'after step':32}", *(f"{step:6}" for step in range(1, 6)))
for keeping, what in (
    (True, "total = total + loss"),
    (False, "total = total + loss.item()"),
):
    total, seen = 0.0, []
    with LiveMemory() as memory:
        for _ in range(5):
            loss = big.loss(tokens[:, :256], targets[:, :256])
            total = total + (loss if keeping else loss.item())
            seen.append(memory.now / 2**20)
    print(f"{what:27} MiB: ", *(f"{mib:6.0f}" for mib in seen))
    assert (seen[-1] > 4.9 * seen[0]) is keeping
    del loss, total

# %% [markdown]
# (In a training loop `backward` would free most of it, not all. In an evaluation loop nothing does.) The cure is
# `torch.no_grad()`, under which nothing goes on the tape, or `.item()`, which makes a Python number.
#
# ## The mountain, and how to flatten it
#
# Now let the meter run through one training step, operation by operation. Live memory climbs as the tape fills, and
# comes down as the backward pass takes from it: a mountain. We build three versions of the step and draw them together
# below.


# %%
class Timeline(LiveMemory):
    """Live bytes after every operation."""

    def __init__(self):
        super().__init__()
        self.history = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = super().__torch_dispatch__(func, types, args, kwargs)
        self.history.append(self.now)
        return out


def timeline(loss_of):
    big.zero_grad()
    with Timeline() as memory:
        loss_of(tokens, targets).backward()
    return memory


curves = {"attention by formula, loss whole": timeline(big.loss)}

# %% [markdown]
# **First, attention.** The (B, H, T, T) weights are on the tape because our formula names them. Nobody needs them
# whole: a softmax can be computed piece by piece, if one keeps the running maximum and sum, and once more on the way
# back (Rabe and Staats, 2021; Dao and others, 2022). PyTorch has that fused, under the name
# `scaled_dot_product_attention`, SDPA for short. (Chapter 19 derives it and writes it.) Same numbers, and it knows
# grouped heads:


# %%
sdpa = F.scaled_dot_product_attention


def fused_attention(q, k, v):
    T, S = q.shape[2], k.shape[2]
    mask = None if T == S else causal_mask(T, S)
    return sdpa(q, k, v, attn_mask=mask, is_causal=T == S, enable_gqa=True)


by_formula = attention
q = torch.randn(2, 6, 7, 4, dtype=torch.float64)
k, v = torch.randn(2, 2, 2, 9, 4, dtype=torch.float64)
for S in (7, 9):  # without a past, and with one of two positions
    given = q, k[:, :, :S], v[:, :, :S]
    assert (fused_attention(*given) - by_formula(*given)).abs().max() < 1e-14
print("fused attention = the formula, with and without a past")

# %% [markdown]
# The mask where there is a past is needed: `is_causal=True` means that the *first* query sees the *first* key, as
# [chapter 07](07_attention.md) warned. On squares that is the same, so that training is right and generation is not.
# With unit vectors for values one can see who is seen:

# %%
q_new, k_all = torch.randn(1, 1, 1, 4), torch.randn(1, 1, 5, 4)
units = torch.eye(5)[None, None]
trap = sdpa(q_new, k_all, units, is_causal=True)[0, 0, 0]
good = fused_attention(q_new, k_all, units)[0, 0, 0]
print("one new query, five keys. Weights with is_causal=True:", trap.tolist())
print("weights above zero with the mask:", int((good > 0).sum()))

# %% [markdown]
# The newest token, asked what to say next, sees the very first token of the text and nothing else.
#
# **Second, the logits.** There are $B\,T\,V$ of them, and beside them stand their softmax and their gradient, three
# such arrays at the summit. But the loss is a sum over positions. So take the positions in chunks: compute a chunk's
# logits, its share of the loss, and forget the logits. On the way back compute them again. `checkpoint`, an idea of
# Chen and others (2016), does the forgetting: it runs a function without keeping anything but its inputs, and runs it
# once more when the gradient comes. Chapter 09 met that trick in LLaMA's own backward pass: keep the outputs that are
# dear, make the rest again.


# %%
def nats_of(x, head, targets):  # (N, C), (V, C), (N,) -> sum over the N positions
    return F.cross_entropy(x @ head.T, targets, ignore_index=-100, reduction="sum")


def chunked_loss(x, head, targets, rows):
    """Mean nats per target, with the logits of `rows` positions at a time."""
    nats = [
        checkpoint(nats_of, some, head, these, use_reentrant=False)
        for some, these in zip(x.split(rows), targets.split(rows), strict=True)
    ]
    return torch.stack(nats).sum() / (targets != -100).sum()


def chunked(tokens, targets, rows=64):
    x = big.hidden(tokens).flatten(0, 1)
    return chunked_loss(x, big.output.weight, targets.flatten(), rows)


attention = fused_attention
curves["fused attention, loss whole"] = timeline(big.loss)
whole_grads = {name: p.grad.clone() for name, p in big.named_parameters()}
curves["fused attention, loss in chunks"] = timeline(chunked)
for name, p in big.named_parameters():
    assert relative_error(p.grad.numpy(), whole_grads[name].numpy()) < 1e-5, name
peaks = {name: memory.peak / 2**20 for name, memory in curves.items()}
for name, mib in peaks.items():
    print(f"{name:34} at most {mib:6.1f} MiB alive")

# %% tags=["figure", "hide"] alt="Live memory in MiB over one training step, from 0 to 100 per cent of its operations, for three versions. With attention by formula the curve climbs in four stairs to about 90 MiB, leaps to 186 at the loss, and falls in four stairs, with a needle at every stair. With fused attention there are no stairs, only a low hill of some 20 MiB with one needle of 118 at the loss. With the loss in chunks as well, the hill alone is left, with small teeth on it, below 30 MiB"
figure, axes = plt.subplots(figsize=(8.6, 3.9))
for (name, memory), color in zip(curves.items(), ("red", "orange", "blue"), strict=True):
    history = np.array(memory.history) / 2**20
    axes.plot(
        np.linspace(0, 100, len(history)),
        history,
        color=COLORS[color],
        label=name,
        lw=1.5,
    )
axes.set(
    xlabel="per cent of the step's operations",
    ylabel="MiB alive, without the parameters",
    xlim=(0, 100),
    ylim=(0, None),
)
axes.legend(loc="upper right")
plt.show()

# %% [markdown]
# The summit is gone, and no gradient has changed by more than rounding. The price: the head's forward product is
# computed twice. In the sizes of the real thing, for one sequence of the published length or of 8,192 tokens, whichever
# is shorter: how large are the logits, how large are one layer's attention weights, and which share of all products
# with weights is the head's?

# %%
print(f"{'':17}{'T':>8} {'V':>9} {'logits':>11}   attention, one layer   head's share")
for name in ("llama-1-7b", "llama-2-7b", "llama-3-8b", "llama-3.1-405b"):
    real = LlamaConfig.named(name)
    length, head = min(real.max_seq_len, 8192), real.vocab_size * real.dim
    logits_gb = 4e-9 * length * real.vocab_size
    weights_gb = 4e-9 * real.n_heads * length**2
    products = real.n_params() - head  # the embedding is looked up: no product
    print(
        f"{name:17}{length:8,} {real.vocab_size:9,} {logits_gb:8.2f} GB"
        f" {weights_gb:19.1f} GB {head / products:16.1%}"
    )
    if name == "llama-3-8b":
        llama_3_logits = logits_gb

# %% [markdown]
# The attention column was the trouble first, and fused attention is the answer that everybody has by now. The logits
# column became one with LLaMA 3's vocabulary: three arrays of four gigabytes for a single text. `minillama.Llama.loss`
# goes in chunks by itself; chapter 20 makes one kernel of it.
#
# ## What it costs, and what it is not
#
# PyTorch is fast. Is it fast because it is PyTorch? One core, float32, forward and backward, the same numbers on both
# sides:


# %%
def tokens_per_second(width, layers, vocab, B, T, rounds=3):
    own_cfg = LlamaConfig(
        vocab_size=vocab,
        dim=width,
        n_layers=layers,
        n_heads=4,
        n_kv_heads=2,
        hidden_dim=width * 8 // 3,
        max_seq_len=T,
    )
    start = reference.init_weights(own_cfg)
    array_model = reference.ReferenceLlama(own_cfg, start, np.float32)
    tensor_model = with_weights(own_cfg, start, dtype=torch.float32)
    ids, nexts = rng.integers(0, vocab, size=(2, B, T))
    ids_t, nexts_t = torch.from_numpy(ids), torch.from_numpy(nexts)

    def by_torch():
        tensor_model.zero_grad()
        tensor_model.loss(ids_t, nexts_t).backward()

    spent = {"NumPy": [], "PyTorch": []}
    for attempt in range(rounds + 1):  # side by side, the first not counted
        for name, run in (
            ("NumPy", lambda: array_model.loss_and_grads(ids, nexts)),
            ("PyTorch", by_torch),
        ):
            begun = time.process_time()
            run()
            if attempt:
                spent[name].append(time.process_time() - begun)
    return {name: B * T / np.median(times) for name, times in spent.items()}


# %% tags=["nbval-ignore-output"]
speed = {
    "64 wide": tokens_per_second(64, 2, 512, 16, 96),
    "256 wide": tokens_per_second(256, 2, 2048, 4, 256),
}
for name, rates in speed.items():
    ratio = rates["PyTorch"] / rates["NumPy"]
    print(
        f"{name:9}",
        *(f"{k} {v:8,.0f} tokens/s" for k, v in rates.items()),
        f"  ratio {ratio:.2f}",
    )

# %%
ratios = [rates["PyTorch"] / rates["NumPy"] for rates in speed.values()]
assert all(0.4 < ratio < 2.5 for ratio in ratios)
print("on one core, PyTorch and NumPy are within a factor of 2.5, either way")

# %% [markdown]
# No great difference. The heavy work is matrix products, and both hand them to a library of hand-tuned machine code.
# The gain of PyTorch lies elsewhere: nobody has to write the backward pass, and the same operations run on many cores
# and on a GPU. (`minillama.Llama` makes its masks and angles on the device of its tokens; our class takes the CPU for
# granted.) NumPy was not the slow way. It was the way without a tape.
#
# ## Equal, and for how long?
#
# The two programs agree to the last digits on one step. Do they agree on a training run? Each step begins where the
# last one ended, so the roundings of one step are the input of the next. They may fade, or pile up, or multiply. We
# start both from the same weights, feed both the same stories, and watch the weights part: in two precisions, at two
# learning rates, with two seeds. The optimiser is AdamW, ours from chapter 09 and PyTorch's own.

# %%
stories = list(islice(Stories(seed=1, level=1), 600))
tokenizer = Tokenizer.train((story.text for story in stories), vocab_size=400)
rows = one_per_row([tokenizer.encode(s.text, bos=True, eos=True) for s in stories])
STEPS, RATES, SEEDS = 160, (1e-3, 2e-2), (0, 1)
story_cfg = LlamaConfig(
    vocab_size=tokenizer.vocab_size,
    dim=32,
    n_layers=2,
    n_heads=4,
    n_kv_heads=2,
    hidden_dim=86,
    max_seq_len=rows.tokens.shape[1],
)


def length_of(weights, minus=None):
    """Length of all weights as one vector, or of a difference."""
    differences = (w - minus[name] if minus else w for name, w in weights.items())
    return math.sqrt(sum(np.sum(d * d) for d in differences))


def distances(precision, rate, seed):
    """By step: relative distance of the weights; both losses; NumPy's last weights."""
    start = reference.init_weights(story_cfg, seed=seed)
    array_model = reference.ReferenceLlama(story_cfg, start, getattr(np, precision))
    tensor_model = with_weights(story_cfg, start, dtype=getattr(torch, precision))
    ours = reference.AdamW(rate, weight_decay=0.0)
    parameters = tensor_model.parameters()
    theirs = torch.optim.AdamW(parameters, rate, (0.9, 0.95), 1e-8, weight_decay=0.0)
    apart, losses = [], []
    for step in range(STEPS):
        ids, nexts = rows.batch(step, 2)
        loss, grads = array_model.loss_and_grads(ids, nexts)
        ours.update(array_model.weights, grads)
        theirs.zero_grad()
        tensor_loss = tensor_model.loss(torch.from_numpy(ids), torch.from_numpy(nexts))
        tensor_loss.backward()
        theirs.step()
        named = {name: w.detach().numpy() for name, w in tensor_model.named_parameters()}
        difference = length_of(array_model.weights, named)
        apart.append(difference / length_of(array_model.weights))
        losses.append((float(loss), tensor_loss.item()))
    return np.array(apart), np.array(losses), array_model.weights


# %% tags=["nbval-ignore-output"]
runs = {
    (precision, rate, seed): distances(precision, rate, seed)
    for precision in ("float64", "float32")
    for rate in RATES
    for seed in SEEDS
}
steps = (1, 40, 80, STEPS)
print(f"{'apart after step':27}", *(f"{n:6}" for n in steps), "  loss: NumPy  PyTorch")
for (precision, rate, seed), (apart, losses, _) in runs.items():
    told = " ".join(f"{apart[step - 1]:6.0e}" for step in steps)
    last = " ".join(f"{loss:8.3f}" for loss in losses[-20:].mean(axis=0))
    print(f"{precision}, rate {rate:5g}, seed {seed} {told}      {last}")

# %% tags=["figure", "hide"] alt="Two panels of the distance between NumPy's and PyTorch's weights against the step, on logarithmic axes. Left, at learning rate 0.001, four nearly flat curves over 160 steps: two in float64 between 1e-16 and 1e-14, two in float32 near 1e-7. Right, at 0.02, all four rise in nearly straight lines by several powers of ten: those in float64 to between 1e-10 and 1e-8, those in float32 to about 0.1, where they bend"
figure, panels = plt.subplots(1, 2, figsize=(9.4, 3.9), sharey=True)
for axes, rate in zip(panels, RATES, strict=True):
    for precision, color in (("float32", "orange"), ("float64", "blue")):
        for seed, style in zip(SEEDS, ("-", "--"), strict=True):
            axes.semilogy(
                np.arange(1, STEPS + 1),
                runs[precision, rate, seed][0],
                style,
                color=COLORS[color],
                lw=1.5,
                label=f"{precision}, seed {seed}",
            )
    axes.set(title=f"learning rate {rate:g}", xlabel="step", ylim=(3e-17, 3))
panels[0].set(ylabel="distance of the weights, relative")
panels[0].legend(loc="upper left", ncols=2)
plt.show()

# %%
growth = {key: apart[-1] / apart[0] for key, (apart, *_) in runs.items()}
for precision, digits in (("float64", 1e-12), ("float32", 1e-4)):
    for seed in SEEDS:
        assert growth[precision, 1e-3, seed] < 30
        assert runs[precision, 1e-3, seed][0][-1] < digits
        assert growth[precision, 2e-2, seed] > 300
        for rate in RATES:
            loss, their_loss = runs[precision, rate, seed][1][-20:].mean(axis=0)
            assert abs(loss - their_loss) < 0.05
print(f"growth of the distance in {STEPS} steps, in all four pairs of a rate:")
print("rate 0.001: by a factor below 30;  rate 0.02: by more than 300")
print("losses of the two programs: less than 0.05 nats apart, everywhere")

# %% [markdown]
# (The losses are means over the last twenty steps, in nats per token.) Three things to read:
#
# - **At the low rate the distance hardly grows**, two or three times in 160 steps. The two programs in float64 still
#   agree to a dozen digits and more.
# - **At the high rate the roundings multiply.** A straight line on a logarithmic axis is a constant factor for every
#   step. In float32 the weights differ, in the end, in their first or second digit.
# - **The lines have much the same slope in both precisions**, until a distance near one bends them. More digits buy
#   steps, and nothing else. (The jump at the beginning of one float32 run we have not looked into.)
#
# Is one of the programs at fault? There is a control. Take *one* program, ours in NumPy, and start it twice, the second
# time with a single weight moved by a ten-billionth. If that distance grows alike, the programs are innocent.

# %% tags=["nbval-ignore-output"]
control = {}
for rate in RATES:
    start = reference.init_weights(story_cfg, seed=0, dtype=np.float32)
    nudged = {name: w.astype(np.float64) for name, w in start.items()}
    nudged["layers.0.attention.wq.weight"][0, 0] += 1e-10
    twin = reference.ReferenceLlama(story_cfg, nudged)
    optimizer = reference.AdamW(rate, weight_decay=0.0)
    for step in range(STEPS):
        optimizer.update(twin.weights, twin.loss_and_grads(*rows.batch(step, 2))[1])
    control[rate] = length_of(twin.weights, runs["float64", rate, 0][2])
    print(f"rate {rate:5g}: from 1e-10 to {control[rate]:.0e} in {STEPS} steps")
assert control[2e-2] > 100 * control[1e-3]

# %% [markdown]
# It does: kept small at the low rate, magnified thousandfold and more at the high one. It is the training that
# magnifies, whoever computes it. The valley of [chapter 09](09_a_llama_in_numpy.md) suggests a reason. Along a
# direction in which the loss has the second derivative $\lambda$, its steepness there, a step of gradient descent at
# learning rate $\eta$ (both plain numbers) multiplies an error by $1 - \eta\lambda$: where it is flat the error stays,
# where it is steep it shrinks, and beyond $\eta\lambda = 2$ it grows. Cohen and others (2021) measured that gradient
# descent on whole data sets drives $\lambda$ up to that edge by itself; Adam has an edge of its own (Cohen and others,
# 2022). We have not measured $\lambda$ here.
#
# So what can "equal" mean? **Compare implementations on one step, in float64: there they must agree to the last digits.
# Do not compare weights after a long run.** What must agree late is the *quality*, within the spread of seeds. In the
# table, the two programs' losses at the high rate in float32 are about a hundredth of a nat apart, less than the two
# seeds are. And a run can be repeated bit for bit only by doing the same operations in the same order; that is what
# [chapter 13](13_training.md) does to resume one.
#
# ## Real weights in it
#
# Our class reads what the world has trained. SmolLM2-135M is a LLaMA in all but name: 30 layers, 9 query heads on 3
# key/value heads, tied head. `read_gguf` gives its weights as NumPy arrays, 135 million float32 numbers; half a
# gigabyte, so we take care to hold them once. Three things help: a model built on the device `meta` has shapes and no
# numbers; `from_numpy` shares memory; and `assign=True` puts the tensors themselves into the parameters' places.

# %%
from minillama.checkpoints.gguf import read_gguf
from minillama.data.corpora import cached

smol_cfg, arrays = read_gguf(cached("smollm2"))
smol_tokenizer = Tokenizer.load(cached("smollm2"))
with torch.device("meta"):
    smol = Llama(smol_cfg)
state = {name: torch.from_numpy(array) for name, array in arrays.items()}
state["output.weight"] = state["tok_embeddings.weight"]
smol.load_state_dict(state, assign=True)
print(f"parameters by the formula   {smol_cfg.n_params():,}")
print(f"parameters of the model     {sum(p.numel() for p in smol.parameters()):,}")

# %% [markdown]
# Count, always. The model has 28 million parameters too many: **`assign` has cut the tie.** The head is now a second
# parameter, which shares its memory with the embedding. Read, it is right. Trained, its two gradients would not be
# added, and an optimiser would step over the same numbers twice. One line ties it again:

# %%
smol.output.weight = smol.tok_embeddings.weight
assert sum(p.numel() for p in smol.parameters()) == smol_cfg.n_params()


@torch.no_grad()  # nobody will go back: no tape
def speak(prompt, count):
    ids = torch.tensor([smol_tokenizer.encode(prompt)])
    pasts = [Past() for _ in range(smol_cfg.n_layers)]
    told = []
    for _ in range(count):
        logits = smol(ids, pasts)  # (1, T, V): first the prompt, then one token at a time
        ids = logits[:, -1:].argmax(-1)
        told.append(ids.item())
    return smol_tokenizer.decode(told)


said = speak("The capital of Italy is", 6)
print("The capital of Italy is" + said.splitlines()[0])
assert said.startswith(" Rome")

# %% [markdown]
# The model that you wrote in this chapter, with weights that somebody else trained, finishes your sentence. (`Past` is
# chapter 09's cache. The package's `KVCache` makes room for all positions at once and writes into it;
# `model(tokens, cache=cache)` is the same call.)
#
# ## Planted mistakes
#
# Eight mistakes that people make on this bridge. None of them is exotic, and all but one run without a word. And four
# quick tests: are the **parameters** as many as the formula says; are the **logits** NumPy's, and the
# **gradients**, both in float64; and does a text read through the **cache** in odd portions give the same logits.

# %%
tied = replace(cfg, tie_embeddings=True)
tied_weights = {name: w for name, w in weights.items() if name != "output.weight"}
tied_reference = reference.ReferenceLlama(tied, tied_weights)
tied_logits, (_, tied_grads) = (
    tied_reference.forward(x_ids),
    tied_reference.loss_and_grads(x_ids, y_ids),
)


@contextmanager
def planted(**functions):
    """Exchange functions of this notebook for a while."""
    before = {name: globals()[name] for name in functions}
    globals().update(functions)
    try:
        yield
    finally:
        globals().update(before)


def verdicts(spoil):
    """The four tests on a model that `spoil` may spoil, or that PyTorch refused."""
    state = {name: torch.from_numpy(w) for name, w in tied_weights.items()}
    state["output.weight"] = state["tok_embeddings.weight"]
    spoilt = spoil(Llama(tied).double())
    spoilt.load_state_dict(state, strict=False)
    try:
        spoilt.loss(x, y).backward()
    except RuntimeError:
        return ["PyTorch refuses"]
    with torch.no_grad():
        logits, pasts = spoilt(x), [Past() for _ in range(tied.n_layers)]
        portions = [spoilt(part, pasts) for part in x.split([7, 1, 4, 8], dim=1)]
    grads = {name: p.grad for name, p in spoilt.named_parameters()}
    right = [
        grads.get(name) is not None and relative_error(grads[name].numpy(), own) < 1e-9
        for name, own in tied_grads.items()
    ]
    return [
        sum(p.numel() for p in spoilt.parameters()) == tied.n_params(),
        relative_error(logits.numpy(), tied_logits) < 1e-10,
        all(right),
        bool((torch.cat(portions, dim=1) - logits).abs().max() < 1e-10),
    ]


# %%
def scaled_behind_the_tape(q, k, v):
    q.data.mul_(q.shape[-1] ** -0.5)
    return sdpa(q, k, v, causal_mask(q.shape[2], k.shape[2]), scale=1.0, enable_gqa=True)


def always_is_causal(q, k, v):
    return sdpa(q, k, v, is_causal=True, enable_gqa=True)


def keys_without_gradient(q, k, v):  # "what goes into the cache needs none"
    return fused_attention(q, k.detach(), v)


def angles_in_16_bits(cfg, start, end, dtype):
    frequencies = cfg.rope_theta ** (-torch.arange(0, cfg.head_dim, 2) / cfg.head_dim)
    angles = torch.outer(torch.arange(start, end).bfloat16(), frequencies.bfloat16())
    return angles.cos().to(dtype), angles.sin().to(dtype)


def layers_in_a_list(model):
    del model.layers
    torch.manual_seed(0)
    model.layers = [Block(tied).double() for _ in range(tied.n_layers)]
    return model


def head_copied(model):
    model.output.weight = nn.Parameter(model.tok_embeddings.weight.detach().clone())
    return model


class AddsInPlace(Block):
    def forward(self, x, cos, sin, past=None):
        x += self.attention(self.attention_norm(x), cos, sin, past)
        x += self.feed_forward(self.ffn_norm(x))
        return x


MISTAKES = {
    "none": {},
    "heads by view alone": {
        "split_heads": lambda x, D: x.view(x.shape[0], -1, x.shape[1], D),
    },
    "layers in a Python list": {"spoil": layers_in_a_list},
    "tied head, copied": {"spoil": head_copied},
    "queries scaled through .data": {"attention": scaled_behind_the_tape},
    "is_causal=True, always": {"attention": always_is_causal},
    "angles in bfloat16": {"rope_table": angles_in_16_bits},
    "residual added in place": {"Block": AddsInPlace},
    "keys without gradient": {"attention": keys_without_gradient},
}
table = {}
for name, exchanged in MISTAKES.items():
    functions = dict(exchanged)
    spoil = functions.pop("spoil", lambda model: model)
    with planted(**functions):
        table[name] = verdicts(spoil)
print(f"{'mistake':30} parameters   logits   gradients   cache")
for name, found in table.items():
    marks = found if len(found) == 1 else ["right" if ok else "WRONG" for ok in found]
    print(f"{name:30}", " ".join(f"{mark:10}" for mark in marks).rstrip())
assert table["none"] == [True] * 4
caught = [name for name, found in table.items() if False in found or len(found) == 1]
assert caught == list(MISTAKES)[1:]
assert sum(found[1:2] == [True] for found in table.values()) == 1 + 4  # four wrong ones

# %% [markdown]
# Read the columns. **No single test finds them all, and the logits, which everybody checks, are right in four of the
# eight.** A mistake in the backward pass needs the gradients; one in the cache needs the cache; a copied tie shows in
# the count. One mistake PyTorch refuses by itself: the norm still needs the $x$ that the sum in place has overwritten.
# (The Python list comes as far as the table only because `verdicts` loads with `strict=False`, as people do to make
# `load_state_dict` stop complaining. It had been right.)
#
# Two more have no place in the table, since they are mistakes of the loop: `zero_grad` forgotten (gradients of all
# steps so far, summed), and the tape kept alive (above). And one hides in the test itself: float64 weights that went
# silently into a float32 model, and are "almost equal" for ever after.
#
# When a table like this says WRONG, the next question is *where*. Chapter 09's finder takes PyTorch models too:
# `minillama inspect diff reference torch` names the first operation that parts.
#
# ## In the real LLaMA
#
# - **It was PyTorch, with the autograd taken out where it hurt.** The paper (section 2.4) reports a memory-efficient
#   causal attention from the xformers library, which never stores the attention weights; and a backward pass of the
#   transformer layers written by hand, in place of autograd's, to keep the outputs of the linear layers and recompute
#   the cheap rest. That is this chapter's mountain at 65 billion parameters, and `torch.autograd.Function` is the door
#   through which such code comes in.
# - **What was published is a forward pass.** Meta's first `model.py` runs under `inference_mode`, so that there is
#   never a tape, and computes the logits of the last position alone: for generating text no others are needed.
# - **Since then** the fused attention has moved into PyTorch itself as SDPA, and LLaMA 3's 128,256 tokens have made the
#   logits the next summit.
#
# > **Departure: where the cache lives.**
# >
# > - **Paper.** Is about training, which needs none.
# > - **Code.** Meta's keeps `cache_k` and `cache_v` as attributes of each attention module, made for the largest batch
# >   and length, and fills them in every call. transformers passes a cache object in and out.
# > - **Here.** An argument: `model(tokens, cache=cache)`.
# > - **What changes.** No number. But with the cache inside, a model has a past: what a call returns depends on the
# >   calls before it, and two conversations in one model overwrite each other's.
#
# > **Departure: islands of float32.**
# >
# > - **Paper.** Formulas, without number formats.
# > - **Code.** transformers computes the norms' mean squares, the angles and the loss in float32, whatever the model's
# >   type. Meta's does the same for the norms, the rotation, the softmax and the last logits.
# > - **Here.** The norms by PyTorch's fused operation; angles in float64; the loss in float32 at least.
# > - **What changes.** In float32 next to nothing. In 16 bits they keep digits that would be lost
# >   ([chapter 05](05_rmsnorm_and_pre_norm.md) measured it for the norm). In *float64* they are holes: transformers is
# >   right to seven digits only, until `float64_throughout` fills them, as above.
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
parted = [np.argmax(runs["float32", 2e-2, seed][0] > 1e-3) + 1 for seed in SEEDS]
answers = (
    100 * share,
    max(worst.values()),
    speed["256 wide"]["PyTorch"] / speed["256 wide"]["NumPy"],
    llama_3_logits,
    np.mean(parted),
)
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    print(f"{question}: you said {guess:g}, measured {answer:.2g}")

# %% [markdown]
# (The last one at the high rate in float32. At the low rate 160 steps did not suffice.)
#
# ## Exercises
#
# - [10.1](../exercises/10_1_run_the_tape.md) Run a tape backward
# - [10.2](../exercises/10_2_attention_with_a_past.md) Grouped attention that may have a past
# - [10.3](../exercises/10_3_chunked_loss.md) A loss that never holds all logits
# - [10.4](../exercises/10_4_load_weights.md) Load the weights, and miss nothing
# - [10.5](../exercises/10_5_build_the_decoder.md) Build the decoder: the first long exercise of Part II
#
# ## What you can now do
#
# - write automatic differentiation from nothing, and say which two lines of it carry the rest;
# - tell a view from a transpose, a parameter from a tensor, a tie from a copy, a mask from a flag;
# - write LLaMA in PyTorch, and prove in four quick tests that it is the model you meant;
# - read the memory of a training step, and take the two largest pieces off it without changing a gradient;
# - say for how long two right programs agree, and what that depends on.
#
# Next: you can build a LLaMA of any size. How large are the real ones, part by part, and what does each number cost?
# [Chapter 11](11_the_family_by_the_numbers.md) counts.
#
# ## References
#
# - A. Paszke and others (2019), *PyTorch: an imperative style, high-performance deep learning library*, arXiv
#   1912.01703.
# - A. G. Baydin and others (2018), *Automatic differentiation in machine learning: a survey*, arXiv 1502.05767.
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.4; its published code, in the branch
#   [llama_v1](https://github.com/meta-llama/llama/blob/57b0eb62de0636e75af471e49e2f1862d908d9d8/llama/model.py).
# - M. N. Rabe, C. Staats (2021), *Self-attention does not need O(n²) memory*, arXiv 2112.05682; T. Dao and others
#   (2022), *FlashAttention*, arXiv 2205.14135.
# - T. Chen and others (2016), *Training deep nets with sublinear memory cost*, arXiv 1604.06174: checkpointing.
# - J. Cohen and others (2021), *Gradient descent on neural networks typically occurs at the edge of stability*, arXiv
#   2103.00065; J. Cohen and others (2022), *Adaptive gradient methods at the edge of stability*, arXiv 2207.14484: for
#   Adam with $\beta_1 = 0.9$ they find the edge at $38/\eta$, after each direction is scaled as Adam scales it.
# - L. Ben Allal and others (2025), *SmolLM2*, arXiv 2502.02737.
