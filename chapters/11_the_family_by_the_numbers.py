# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · The family by the numbers
#
# **Question.** Seven whole numbers describe a LLaMA. What do they tell, before a single weight is loaded: how many
# parameters, how much memory, how much arithmetic, how many days?
#
# The first exactly, and the rest nearly; for the days one needs a measured speed as well. The largest Llama 3.1 has
# 405,853,388,800 parameters. You will derive that number on paper, all twelve digits of it, and then let PyTorch
# build the model and count. It fits in this notebook, because counting needs no memory.
#
# The same few lines of arithmetic answer questions that decide what gets built. Why do the 64 query heads of Llama 2
# 70B share eight sets of keys? When does attention begin to cost more than everything else? What fills the memory of
# 2,048 GPUs? And they help to read: with them we go through the tables of the papers, and find numbers that were cut
# off where they should have been rounded, a row that does not follow from its own inputs, and a file of Meta's in
# which Llama 2 is somebody else's model.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import subprocess
import sys
import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from minillama import accounting, kernels
from minillama.accounting import Device, DoesNotFitError, Layout, plan_training
from minillama.book.plotting import COLORS, use_style
from minillama.config import LlamaConfig, published
from minillama.model import KVCache, Llama

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for a package that draws progress bars
    import transformers

use_style()
torch.set_num_threads(1)
kernels.use("eager")  # PyTorch's own operations: what they count and keep is compared with formulas below
named = LlamaConfig.named

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares. A gigabyte (GB) is a billion bytes, a KiB
# 1,024 bytes. A GPU is a processor for this kind of arithmetic; LLaMA's was NVIDIA's A100, with 80 GB of memory.

# %%
prediction = {
    "billions of parameters in LLaMA 7B": 7.0,
    "per cent of Llama 3.2 1B's parameters that are its table of embeddings": 5,
    "KiB of cache that one token takes in LLaMA 7B, 16 bits a number": 16,
    "tokens of context at which scores cost LLaMA 7B as much as all parameters": 2048,
    "gigabytes to train LLaMA 7B with AdamW, before the first activation": 27,
    "per cent of 2,048 A100s' arithmetic that LLaMA 65B's training made use of": 80,
    "80-GB GPUs that LLaMA 65B's training needs, for the memory alone": 2,
}

# %% [markdown]
# ## The idea: a model is a strip
#
# Look at the matrices of a LLaMA: the table of embeddings is V × C, the queries' matrix (H·D) × C, the gate F × C,
# the way back from the feed-forward layer C × F. **Every one of them has a side of length C**, the width of the
# residual stream, because every one reads from the stream or writes to it. So lay them side by side, that side
# upright. The model becomes one long strip of height C, and its parameters are an area:
#
# $$ P = C \times \text{length}. $$

# %% tags=["figure", "hide"] alt="Two pairs of horizontal strips of equal height. Upper pair: LLaMA 1 7B, one block of 49,408 columns, cut into q, k, v, o of equal length and longer gate, up and down; and its two tables of 32,000 columns each. Lower pair: Llama 3 8B, one block of 53,248 columns in which k and v are a quarter as long and gate, up and down longer; and two tables of 128,256 columns, together almost five times as long as the block"
figure, axes = plt.subplots(figsize=(9.5, 3.6))
KINDS = {"attention": "blue", "feed-forward": "orange", "tables": "green"}
rows = []
for model in ("llama-1-7b", "llama-3-8b"):
    cfg = named(model)
    q, k, F = cfg.n_heads * cfg.head_dim, cfg.n_kv_heads * cfg.head_dim, cfg.hidden_dim
    title = {"llama-1-7b": "LLaMA 1 7B", "llama-3-8b": "Llama 3 8B"}[model]
    block = [(name, length, "attention") for name, length in (("q", q), ("k", k), ("v", k), ("o", q))]
    block += [(name, F, "feed-forward") for name in ("gate", "up", "down")]
    rows.append((f"{title}: one of 32 blocks", block))
    rows.append((f"{title}: tables", [(n, cfg.vocab_size, "tables") for n in ("embedding", "output head")]))
for y, (title, pieces) in zip((3.3, 2.3, 1.0, 0.0), rows, strict=True):
    start = 0
    for name, length, kind in pieces:
        axes.barh(y, length, 0.62, start, color=COLORS[KINDS[kind]], edgecolor="#8884", linewidth=0.8)
        if length > 3000:
            axes.text(start + length / 2, y, name, ha="center", va="center", color="white", fontsize=8)
        start += length
    axes.text(start + 3000, y, f"{start:,}", va="center")
axes.set_yticks((3.3, 2.3, 1.0, 0.0), [title for title, _ in rows])
axes.set(xlabel="length of the strip (numbers); every strip is C = 4096 high", xlim=(0, 290_000))
axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
axes.grid(visible=False, axis="y")
plt.show()

# %% [markdown]
# Fourteen months of history in one picture, from February 2023 to April 2024: keys and values a quarter as long, the
# feed-forward layer three tenths longer, a vocabulary four times as large. The rest of the chapter is the area of
# such strips, and what follows.
#
# ## The count, in symbols and in code
#
# | symbol | what it is | LLaMA 1 7B |
# |---|---|---|
# | $V$ | tokens in the vocabulary | 32,000 |
# | $C$ | width of the stream, `dim` | 4,096 |
# | $L$ | blocks | 32 |
# | $H$ | query heads in a block | 32 |
# | $K$ | key and value heads in a block, a divisor of $H$ | 32 |
# | $D$ | width of a head | 128 |
# | $F$ | width of the feed-forward layer | 11,008 |
# | $T$ | tokens in a sequence, later on | 2,048 |
#
# A block has the four matrices of [attention](07_attention.md), the three of [SwiGLU](08_swiglu.md) and two norms (C
# weights each, a strip of length 1). Nothing has a bias, and rotary positions have nothing to learn. Around the
# blocks stand the table of embeddings, one last norm and the output head:
#
# $$ P = C\,\Big( \underbrace{2V}_{\text{tables}} + L\,\big(\underbrace{2HD + 2KD}_{\text{q, o; k, v}} + \underbrace{3F}_{\text{gate, up, down}} + \underbrace{2}_{\text{norms}}\big) + \underbrace{1}_{\text{last norm}} \Big) $$
#
# Where the head is *tied*, it is the table of embeddings itself, and $2V$ becomes $V$.


# %%
def parts(cfg):
    """Count the parameters of a LLaMA, part by part."""
    V, C, L, F = cfg.vocab_size, cfg.dim, cfg.n_layers, cfg.hidden_dim
    q, k = cfg.n_heads * cfg.head_dim, cfg.n_kv_heads * cfg.head_dim
    return {
        "embedding": C * V,
        "attention": C * L * (2 * q + 2 * k),
        "feed-forward": C * L * 3 * F,
        "norms": C * (2 * L + 1),
        "output head": 0 if cfg.tie_embeddings else C * V,
    }


cfg = named("llama-1-7b")
for part, n in parts(cfg).items():
    print(f"{part:13}{n:16,}")
total = sum(parts(cfg).values())
print(f"{'all':13}{total:16,} = {cfg.dim} x {total // cfg.dim:,}")

# %% [markdown]
# "7B" is 6.7 billion. A strip of 4,096 by 1,645,121.
#
# ## Configurations: from a file to seven numbers
#
# The weights came with a file `params.json`. Here are LLaMA's, and what Meta's list of models (`sku_list.py`) says of
# the later ones. It is not yet a configuration. The feed-forward width has to be worked out by the rule of [chapter
# 08](08_swiglu.md); a missing `n_kv_heads` means one for each query head; and LLaMA's `vocab_size` is −1, to be
# replaced by whatever the tokenizer has.

# %%
LLAMA_1 = {"multiple_of": 256, "norm_eps": 1e-6, "vocab_size": -1}
FILES = {
    "llama-1-7b": {"dim": 4096, "n_layers": 32, "n_heads": 32} | LLAMA_1,
    "llama-1-13b": {"dim": 5120, "n_layers": 40, "n_heads": 40} | LLAMA_1,
    "llama-1-33b": {"dim": 6656, "n_layers": 60, "n_heads": 52} | LLAMA_1,
    "llama-1-65b": {"dim": 8192, "n_layers": 80, "n_heads": 64} | LLAMA_1,
}
FILES["llama-1-65b"]["norm_eps"] = 1e-5
LATER = {"n_kv_heads": 8, "norm_eps": 1e-5}
FILES["llama-2-70b"] = LATER | {"dim": 8192, "n_layers": 80, "n_heads": 64}
FILES["llama-2-70b"] |= {"ffn_dim_multiplier": 1.3, "multiple_of": 4096}
FILES["llama-2-70b"]["vocab_size"] = 32000
LLAMA_3 = LATER | {"vocab_size": 128256, "rope_theta": 500000.0}
for name, *numbers in (
    ("llama-3-8b", 4096, 32, 32, 1.3, 1024),
    ("llama-3-70b", 8192, 80, 64, 1.3, 4096),
    ("llama-3.1-405b", 16384, 126, 128, 1.2, 4096),
    ("llama-3.2-1b", 2048, 16, 32, 1.5, 256),
    ("llama-3.2-3b", 3072, 28, 24, 1.0, 256),
):
    keys = ("dim", "n_layers", "n_heads", "ffn_dim_multiplier", "multiple_of")
    FILES[name] = dict(zip(keys, numbers, strict=True)) | LLAMA_3


def configuration(file, tokenizer_size):
    """Turn a params.json into the numbers of a configuration."""
    hidden = int(file.get("ffn_dim_multiplier", 1.0) * int(2 * 4 * file["dim"] / 3))
    return {
        "vocab_size": tokenizer_size if file["vocab_size"] == -1 else file["vocab_size"],
        "dim": file["dim"],
        "n_layers": file["n_layers"],
        "n_heads": file["n_heads"],
        "n_kv_heads": file.get("n_kv_heads", file["n_heads"]),
        "head_dim": file["dim"] // file["n_heads"],
        "hidden_dim": -(-hidden // file["multiple_of"]) * file["multiple_of"],
        "norm_eps": file["norm_eps"],
        "rope_theta": file.get("rope_theta", 10000.0),
    }


for name, file in FILES.items():
    fields = configuration(file, tokenizer_size=32_000)
    known = named(name).to_dict()
    assert fields == {key: known[key] for key in fields}, name
print(f"{len(FILES)} files and entries give the package's configurations, field by field")

# %% [markdown]
# Mind the smallest of these numbers: $\varepsilon$ is 1e-6 in three sizes of LLaMA 1, and 1e-5 in the 65B and in all
# that came later. LLaMA's paper does not mention it, and many copies of the 7B say 1e-5 ([chapter
# 05](05_rmsnorm_and_pre_norm.md) shows what it changes).
#
# With that, the whole family:

# %%
FAMILY = [
    *(f"llama-1-{size}" for size in ("7b", "13b", "33b", "65b")),
    *(f"llama-2-{size}" for size in ("7b", "13b", "70b")),
    *("llama-3-8b", "llama-3-70b", "llama-3.1-405b", "llama-3.2-1b", "llama-3.2-3b"),
]
print("model              C    L    H   K    D      F       V  context       parameters")
for name in FAMILY:
    cfg, n = named(name), sum(parts(named(name)).values())
    print(f"{name:14} {cfg.dim:5} {cfg.n_layers:4} {cfg.n_heads:4}", end="")
    print(f" {cfg.n_kv_heads:3} {cfg.head_dim:4} {cfg.hidden_dim:6}", end="")
    print(f" {cfg.vocab_size:7} {cfg.max_seq_len:8,} {n:16,}")

# %% [markdown]
# Llama 3.1's 8B and 70B and Llama 3.3's 70B have the shapes of Llama 3 with a longer context, so they have its
# counts. 7B is 6.74 billion, 8B is 8.03, 1B is 1.24. The 33B of the paper is called 30B in its files. And Llama 2's
# 34B, which is not in the table, was never released: its shape is inferred from Code Llama's.
#
# ## Check: count the tensors
#
# A formula and a program that share an author share their mistakes. So let PyTorch count, and other people. On the
# device `meta` a tensor has a shape and a type, and no memory: 405 billion parameters in a moment. Three witnesses:
# our own module from [chapter 10](10_from_numpy_to_pytorch.md), part by part; Hugging Face's, written by others; and
# the package's formula, against the exact count of all models that it knows, LLaMAs or not.


# %%
SIGNS = {"norm": "norms", "attention": "attention", "feed_forward": "feed-forward"}
SIGNS |= {"tok_embeddings": "embedding", "output": "output head"}


def counted(model):
    """Sum up the parameters of a module by the part that their names give away."""
    found = dict.fromkeys(parts(model.cfg), 0)
    for name, tensor in model.named_parameters():
        sign = next(sign for sign in SIGNS if sign in name)  # "attention_norm" is a norm
        found[SIGNS[sign]] += tensor.numel()
    return found


def theirs(cfg, kind="Llama"):
    """Build the model that Hugging Face's transformers makes of the shape."""
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=cfg.vocab_size, hidden_size=cfg.dim, intermediate_size=cfg.hidden_dim,
        num_hidden_layers=cfg.n_layers, num_attention_heads=cfg.n_heads,
        num_key_value_heads=cfg.n_kv_heads, head_dim=cfg.head_dim,
        tie_word_embeddings=cfg.tie_embeddings, pad_token_id=None,
    )  # fmt: skip
    return getattr(transformers, f"{kind}ForCausalLM")(config)


def total(model):
    return sum(tensor.numel() for tensor in model.parameters())


with torch.device("meta"):
    for name in FAMILY:
        cfg = named(name)
        assert counted(Llama(cfg)) == parts(cfg), name
        assert total(theirs(cfg)) == sum(parts(cfg).values()) == cfg.n_params(), name
print(f"{len(FAMILY)} LLaMAs: formula = our tensors = transformers', to the last digit")

# %%
OTHERS = {"mistral-7b-v0.1": "Mistral", "qwen2-0.5b": "Qwen2", "qwen3-0.6b": "Qwen3"}
OTHERS |= {"olmo2-7b": "Olmo2", "gemma-2b": "Gemma", "mixtral-8x7b": "Mixtral"}
print("model                  by our formula     transformers has       difference")
with torch.device("meta"):
    for name, kind in OTHERS.items():
        cfg = named(name)
        ours, found = sum(parts(cfg).values()), total(theirs(cfg, kind))
        assert found == cfg.n_params()
        print(f"{name:16} {ours:20,} {found:20,} {found - ours:16,}")
exact = [named(name).n_params() == one["n_params"] for name, one in published().items()]
print(f"the package, by name: {sum(exact)} of {len(exact)} counts exact")
assert all(exact)
assert len(exact) == 64

# %% [markdown]
# Our formula is LLaMA's. Where others differ, the difference names what they added. Mistral is LLaMA with other
# numbers, and as far as counting goes, so is Gemma. Qwen2's 27,648 are biases of queries, keys and values: 24 layers
# × (14 + 2 + 2) heads × 64. Qwen3's 7,168 are norms of queries and keys, 28 layers × 2 × 128. OLMo 2 norms them over
# all heads at once. Mixtral has eight feed-forward networks for one, and a router. The package knows these switches
# ([chapter 33](33_one_template_many_models.md) is about them).
#
# **Llama 4** is built of such networks, called *experts*, too: $E$ of them in a layer, each of width $F_e$, of which
# a token visits one, and another that all tokens visit. The router, $E \times C$, chooses. So the model has two
# sizes: what must be stored, and what one token meets. In the Maverick only every second layer has experts.

# %%
for name in ("llama-4-scout", "llama-4-maverick"):
    cfg = named(name)
    E, layers = cfg.moe.n_experts, cfg.n_layers // cfg.moe.every
    expert, shared = 3 * cfg.dim * cfg.moe.hidden_dim, 3 * cfg.dim * cfg.moe.shared_dim
    count = parts(cfg)
    count["feed-forward"] = (cfg.n_layers - layers) * 3 * cfg.dim * cfg.hidden_dim
    count["feed-forward"] += layers * (E * expert + shared + E * cfg.dim)  # and a router
    stored = sum(count.values())
    met = stored - layers * (E - 1) * expert
    assert (stored, met) == (cfg.n_params(), published()[name]["n_active_params"])
    print(f"{name:16} {stored:15,} stored, {met:14,} met by a token, {met / stored:.1%}")

# %% [markdown]
# (The card says 109 billion for Scout. What is missing here is presumably the part that sees pictures.) [Chapter
# 34](34_llama_3_to_4.md) opens the experts.
#
# ## Five ways to a wrong number
#
# Why insist on the last digit? Because a wrong count is a wrong model. Here are five mistakes that people make, and
# how far each is off.

# %%
in_list = FILES["llama-1-7b"] | {"n_kv_heads": 8, "ffn_dim_multiplier": 1.3}
in_list = configuration(in_list, tokenizer_size=32_000)
changes = {
    "7B: the shape in Meta's list": ("llama-2-7b", in_list),
    "70B: own keys for each head": ("llama-2-70b", {"n_kv_heads": 64}),
    "3.2 1B: the tied head counted again": ("llama-3.2-1b", {"tie_embeddings": False}),
    "3 8B: 128,000 tokens": ("llama-3-8b", {"vocab_size": 128_000}),
}
off = {
    what: named(name).replace(**change).n_params() - named(name).n_params()
    for what, (name, change) in changes.items()
}
off["7B: norms forgotten"] = -parts(named("llama-2-7b"))["norms"]
for what, difference in off.items():
    right = named(changes[what][0] if what in changes else "llama-2-7b").n_params()
    print(f"{what:36} off by {difference:14,}, {abs(difference) / right:8.4%}")
print(f"the list's 7B: {named('llama-2-7b').replace(**in_list).n_params():,}")
print(f"Mistral's 7B:  {named('mistral-7b-v0.1').n_params():,}")

# %% [markdown]
# - **Norms** are four parts in a hundred thousand: any comparison that allows for "rounding" lets their absence pass.
# - **The list.** `sku_list.py` in Meta's repository gives Llama 2 7B eight key/value heads and a multiplier of 1.3.
#   The model card says that the 7B shares no heads, and so do the configurations beside the weights. The shape that
#   the list describes does exist: to the last digit it is Mistral 7B's. One notices by loading: `wk` would have 1,024
#   rows and the file has 4,096.
# - **Own keys and values** for each query head: so it was in LLaMA 1, and in the smaller Llama 2. The 70B shares.
# - **The tied head** is in some files as a second name for the same tensor. A sum over names counts it twice; a sum
#   over tensors does not.
# - **128,000** is printed in Llama 3's table 3. The tokenizer has 128,000 tokens of text and 256 places for special
#   ones, and the table of embeddings has a row for each.
#
# And the −1? Whoever takes it literally asks for a table with minus one rows, gets an error, and is lucky: that
# mistake tells.
#
# > **Departure: vocabulary sizes.**
# >
# > - **Paper.** LLaMA does not print its vocabulary's size. Llama 3 (table 3) prints 128,000.
# > - **Code.** LLaMA's `params.json` says −1, and the program asks the tokenizer, which has 32,000. Llama 3's
# >   configurations say 128,256: 128,000 tokens of text and 256 reserved for special ones.
# > - **Here.** 32,000 and 128,256, the rows of the tables in the files.
# > - **What changes.** 2,097,152 parameters of the 8B, and whether the special tokens of a chat have a row.

# %% [markdown]
# ## The table that the paper prints
#
# LLaMA's table 2, drawn again: the shapes and the training are the paper's, the parameters are counted. The last
# column is ours: tokens of training for each parameter.

# %%
TABLE_2 = {  # printed size, peak learning rate, tokens; a batch has 4M tokens in all four
    "llama-1-7b": ("6.7B", 3.0e-4, 1.0e12),
    "llama-1-13b": ("13.0B", 3.0e-4, 1.0e12),
    "llama-1-33b": ("32.5B", 1.5e-4, 1.4e12),
    "llama-1-65b": ("65.2B", 1.5e-4, 1.4e12),
}
print("printed         counted   dim  heads  layers    rate  batch  tokens  a parameter")
for name, (printed, rate, tokens) in TABLE_2.items():
    cfg, n = named(name), sum(parts(named(name)).values())
    print(f"{printed:>7} {n:15,} {cfg.dim:5} {cfg.n_heads:6} {cfg.n_layers:7}", end="")
    print(f" {rate:.1e}     4M    {tokens / 1e12:.1f}T {tokens / n:12.0f}")

# %% [markdown]
# Three of the four sizes are the count, rounded. The fourth is not: 65,285,660,672 is 65.3 billion, and the paper
# prints 65.2, cut off. A harmless slip, but look what it took to see it.
#
# All four have heads of width 128, so the number of heads follows from the width. Depth and width grow together: the
# 65B is twice as wide as the 7B, and two and a half times as deep.
#
# ## Where the parameters sit

# %% tags=["figure", "hide"] alt="Stacked bars of the share of parameters in ten models. In the four LLaMA 1 about two thirds are feed-forward, one third attention, and the tables shrink from four to one per cent. In Llama 2 70B and Llama 3.1 405B attention is 18 per cent and feed-forward 82 and 81. In Llama 3 8B the tables are 13 per cent; in Llama 3.2 1B the single table is 21 per cent, in 3B 12; in SmolLM2 135M 21"
SHOWN = [*FAMILY[:4], "llama-2-70b", "llama-3-8b", "llama-3.1-405b", *FAMILY[-2:][::-1], "smollm2-135m"]
share = {name: {part: n / named(name).n_params() for part, n in parts(named(name)).items()} for name in SHOWN}
figure, axes = plt.subplots(figsize=(9, 4.2))
left = np.zeros(len(SHOWN))
kinds = ("attention", "feed-forward", "embedding", "output head")
for kind, color in zip(kinds, ("blue", "orange", "green", "purple"), strict=True):
    width = 100 * np.array([share[name][kind] for name in SHOWN])
    axes.barh(range(len(SHOWN)), width, 0.7, left, color=COLORS[color], label=kind)
    for y, (start, size) in enumerate(zip(left, width, strict=True)):
        if size > 2.5:
            axes.text(start + size / 2, y, f"{size:.0f}", ha="center", va="center", color="white", fontsize=9)
    left += width
axes.set_yticks(range(len(SHOWN)), SHOWN)
axes.invert_yaxis()
axes.set(xlabel="share of all parameters (per cent); norms are too thin to be seen", xlim=(0, 100))
axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))
axes.grid(visible=False, axis="y")
plt.show()

# %% [markdown]
# **Feed-forward layers are two thirds of LLaMA 1**, whatever its size, and that follows from the strip: a block is
# $4C$ of attention and $3F \approx 8C$ of feed-forward long. In symbols, $P \approx 12\,L\,C^2$. **Sharing keys and
# values moved the balance to four fifths**: in Llama 2 70B attention shrank to $2C + 2C/8$, and what was saved went
# into $F$ ([chapter 08](08_swiglu.md) did it step by step).
#
# **The tables do not grow with depth.** In the 405B they are one per cent. In a small model with Llama 3's vocabulary
# they would be a third of it. So Llama 3.2's small ones have one table and use it twice, as embedding and as output
# head:

# %%
print("model             parameters, tied   of it table           untied   of it tables")
for name in ("llama-3.2-1b", "llama-3.2-3b", "llama-3-8b", "llama-3.1-405b"):
    cfg = named(name)
    tied, untied = (cfg.replace(tie_embeddings=tie).n_params() for tie in (True, False))
    table = untied - tied
    print(f"{name:14} {tied:19,} {table / tied:13.1%}", end="")
    print(f" {untied:16,} {2 * table / untied:14.1%}")

# %% [markdown]
# Untied, the 1B would be a 1.5B of which every third parameter sits in a table. Tied, it is still every fifth. The 8B
# and the 405B are not tied (their first column is what they would have). There a second table costs 7.0 and 0.5 per
# cent. That the cost is the reason is our reading of the arithmetic; the model card does not give one.
#
# ## The cache: what one token leaves behind
#
# When a model speaks, it keeps the keys and values of every token it has seen ([chapter 09](09_a_llama_in_numpy.md)):
# in each of $L$ blocks, for each of $K$ heads, a key and a value of width $D$.
#
# $$ \text{bytes per token} = 2\,L\,K\,D \times \text{bytes per number} $$


# %%
def cache_bytes(cfg, tokens, number=2):
    """Keys and values of so many tokens, 16 bits a number."""
    return 2 * cfg.n_layers * cfg.n_kv_heads * cfg.head_dim * number * tokens


print("model            H    K   bytes per token    KiB   4,096 tokens   131,072 tokens")
later = ("llama-2-70b", "llama-3.1-8b", "llama-3.1-405b", "llama-3.2-1b")
for name in (*FAMILY[:4:3], *later):
    cfg = named(name)
    real = KVCache(cfg, batch=1, capacity=131_072, dtype=torch.bfloat16, device="meta")
    assert real.keys.nbytes + real.values.nbytes == cache_bytes(cfg, 131_072)
    assert cfg.kv_cache_bytes(1, 131_072) == cache_bytes(cfg, 131_072)
    each, short, long = (cache_bytes(cfg, tokens) for tokens in (1, 4096, 131_072))
    print(f"{name:15} {cfg.n_heads:3} {cfg.n_kv_heads:4} {each:17,}", end="")
    print(f" {each / 1024:6.0f} {short / 1e9:11.2f} GB {long / 1e9:13.1f} GB")

# %% [markdown]
# The last column was also counted on tensors of the device `meta`. One token of text leaves half a mebibyte in the
# 7B. The 70B, ten times as large, leaves less.

# %% tags=["figure", "hide"] alt="Two panels. Left: bars of cache per token in KiB for five models with a head of keys and values for each query head against the shared ones they have: LLaMA 1 7B 512 and 512, Llama 2 70B 2,560 against 320, Llama 3.1 8B 512 against 128, 405B 8,064 against 504, on a logarithmic axis. Right: for Llama 3.1 8B, cache in gigabytes against tokens from 1,000 to 131,072, both axes logarithmic: two parallel lines a factor four apart; the shared one reaches the 16 gigabytes of the weights just below 131,072 tokens, the other at a quarter of that"
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), width_ratios=(1, 1.1))
SHOWN = ["llama-1-7b", "llama-2-70b", "llama-3.1-8b", "llama-3.1-405b"]
for offset, (label, color) in enumerate((("K = H", "grey"), ("as it is", "blue"))):
    kib = [
        cache_bytes(named(name) if offset else named(name).replace(n_kv_heads=named(name).n_heads), 1) / 1024
        for name in SHOWN
    ]
    bars = left.bar(np.arange(4) + 0.4 * offset - 0.2, kib, 0.38, color=COLORS[color], label=label)
    left.bar_label(bars, fmt="{:,.0f}", color=COLORS["grey"], fontsize=8.5, padding=2)
left.set_xticks(range(4), [name.removeprefix("llama-") for name in SHOWN])
left.set(yscale="log", ylim=(60, 20_000), ylabel="cache per token (KiB, 16 bits a number)")
left.legend(loc="upper left")
tokens = np.geomspace(1024, 131_072, 50)
cfg = named("llama-3.1-8b")
for kv, label, color in ((cfg.n_heads, "K = H = 32", "grey"), (8, "K = 8, as it is", "blue")):
    right.plot(
        tokens, cache_bytes(cfg.replace(n_kv_heads=kv), 1) * tokens / 1e9, color=COLORS[color], label=label
    )
right.axhline(2 * cfg.n_params() / 1e9, ls="--", lw=1.2, color=COLORS["orange"])
right.text(1100, 2 * cfg.n_params() / 1e9 * 1.12, "all weights, 16.1 GB", color=COLORS["orange"], fontsize=9)
right.set(xscale="log", yscale="log", xlabel="tokens of one text", ylabel="cache (GB)", title="Llama 3.1 8B")
right.legend(loc="lower right")
plt.show()

# %% [markdown]
# On the right is the reason for sharing, or **grouped queries**: at its full context the 8B's cache is as large as
# the model. With keys and values for each query head it would be four times the model, for a single reader. The cache
# is read anew for each token that is written, so this is time as well as space ([chapters 22](22_generation.md) and
# [26](26_llama_2.md)).
#
# ## The arithmetic: FLOPs per token
#
# A matrix of $n$ weights, applied to one token's vector, does $n$ multiplications and $n$ additions: **2 FLOPs a
# weight**. On the way back, [chapter 04](04_backpropagation.md) needed two more products of the same size, one for
# the gradient of the input and one for the gradient of the weights: 4 more. Hence the most useful formula of the
# trade:
#
# $$ \text{training} \approx 6P \text{ FLOPs per token}, \qquad \text{inference} \approx 2P. $$
#
# It leaves out attention's own products, which have no weights: each query meets $T$ keys, in $H$ heads of width $D$,
# and then mixes $T$ values. That is $2 \cdot 2\,HDT$ FLOPs a token and block forward, three times that in training:
#
# $$ \text{training} = 6P + 12\,L\,H\,D\,T \text{ FLOPs per token.} $$
#
# This is the convention of PaLM, a model of Google's (its appendix B), in which utilisation is usually stated. It is
# generous on two counts. The table of embeddings is looked up, not multiplied, but $P$ has it. And a causal mask
# forbids half of the scores, but the formula counts all. We count both ways, and let PyTorch count what it does:


# %%
def flops_per_token(cfg, T):
    """Training, PaLM's convention."""
    per_key = 12 * cfg.n_layers * cfg.n_heads * cfg.head_dim
    return 6 * sum(parts(cfg).values()) + per_key * T


def products_per_token(cfg, T, causal=True):
    """Training, matrix products only: no table, no norms, scores that a mask keeps."""
    per_key = 12 * cfg.n_layers * cfg.n_heads * cfg.head_dim
    keys = (T + 1) / 2 if causal else T  # that a query meets, on average
    count, head = parts(cfg), cfg.vocab_size * cfg.dim
    return 6 * (count["attention"] + count["feed-forward"] + head) + per_key * keys


small = LlamaConfig(vocab_size=700, dim=96, n_layers=3, n_heads=6, hidden_dim=256)
model, tokens = Llama(small), torch.zeros(2, 64, dtype=torch.int64)
with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
    model(tokens).sum().backward()
measured = counter.get_total_flops() / tokens.numel()
print(f"PyTorch counted {measured:,.0f} FLOPs per token")
print(f"products, all scores {products_per_token(small, 64, causal=False):,.0f}")
print(f"products, causal {products_per_token(small, 64):,.0f}")
print(f"PaLM's convention {flops_per_token(small, 64):,}, 6P {6 * small.n_params():,}")
assert measured == products_per_token(small, 64, causal=False)
assert flops_per_token(small, 64) == small.flops_per_token(64)

# %% [markdown]
# Equal to the last operation. Now, when does attention matter?

# %% tags=["figure", "hide"] alt="Share of attention's score and mixing products in all training FLOPs against sequence length from 512 to one million tokens, logarithmic axis, causal count, for Llama 3.2 1B, 8B, 70B and 405B. All four curves rise in an S from a few per cent to nearly one hundred; the 1B crosses 50 per cent at about 38 thousand tokens, the 8B and 70B at about 61 and 105 thousand, the 405B at 196 thousand. Dots mark 8,192 tokens, where the shares lie between 4 and 18 per cent"
figure, axes = plt.subplots(figsize=(7.8, 4))
lengths = np.geomspace(512, 2**20, 200)
for name in ("llama-3.2-1b", "llama-3-8b", "llama-3-70b", "llama-3.1-405b"):
    cfg = named(name)
    matrices = products_per_token(cfg, -1)  # at T = -1 no key is met
    share = lambda T, cfg=cfg, m=matrices: 100 * (1 - m / products_per_token(cfg, T))
    (line,) = axes.plot(lengths, share(lengths), label=name)
    axes.plot(8192, share(8192), "o", color=line.get_color())
axes.axvline(8192, ls=":", lw=1, color=COLORS["grey"])
axes.text(8192 * 0.93, 70, "8,192 tokens", ha="right", color=COLORS["grey"])
axes.axhline(50, ls=":", lw=1, color=COLORS["grey"])
axes.set(xscale="log", xlabel="tokens in the sequence, T", ylabel="attention's share of the FLOPs (per cent)")
axes.set_xticks([512, 2048, 8192, 32_768, 131_072, 2**20], ["512", "2K", "8K", "32K", "128K", "1M"])
axes.minorticks_off()
axes.legend()
plt.show()


# %%
def crossing(cfg):
    """The T at which all scores cost as much as 6P."""
    return 6 * cfg.n_params() / (12 * cfg.n_layers * cfg.n_heads * cfg.head_dim)


print("                T where scores cost as much as 6P     attention's share, causal,")
print("model             all scores      6C  causal scores               at 8,192 tokens")
for name in ("llama-3.2-1b", "llama-1-7b", "llama-3-8b", "llama-3-70b", "llama-3.1-405b"):
    cfg = named(name)
    share = 1 - products_per_token(cfg, -1) / products_per_token(cfg, 8192)
    levels = f"{crossing(cfg):12,.0f} {6 * cfg.dim:7,} {2 * crossing(cfg):14,.0f}"
    print(f"{name:15} {levels} {share:29.1%}")

# %% [markdown]
# The crossing can be had on paper. Set $6P = 12\,LHDT$ with $P \approx 12\,LC^2$ and $HD = C$: **$T = 6C$**, six
# times the width of the stream. For the 405B that is 98,304, and the exact count gives 98,299; so close is luck, as
# what its shared keys save happens to be what its tables cost. (The 8B and the 1B lie higher, for their tables are
# heavy.) Wide models have room for long texts: the wider, the less attention weighs at the same length. At 8,192
# tokens, four times what LLaMA was trained on, "attention is quadratic" is a true sentence about a small part of the
# bill.
#
# ## Utilisation: what 380 tokens a second mean
#
# LLaMA's paper reports one speed (section 2.4): the 65B, on 2,048 A100 with 80 GB, did about 380 tokens a second on
# each. The data sheet of an A100 promises 312 TFLOP/s in 16 bits: $312 \times 10^{12}$ operations a second. What was
# done over what could have been is called **model FLOPs utilisation**, MFU:
#
# $$ \text{MFU} = \frac{\text{tokens per second} \times \text{FLOPs per token}}{\text{peak FLOP/s}}, \qquad \text{days} = \frac{\text{tokens}}{\text{tokens per second} \times 86{,}400}. $$
#
# On the left, speed and peak are those of one GPU, or both of all; on the right, the speed is that of all together.

# %%
# dense, 16 bits, FLOP/s; sheets that say twice as much take half the weights for zero
A100, H100 = 312e12, 989.4e12
cfg = named("llama-1-65b")
counts = {"6P": 6 * cfg.n_params(), "6P and scores": flops_per_token(cfg, 2048)}
for label, flops in counts.items():
    rate = 380 * flops
    assert accounting.mfu(flops, 380, A100) == rate / A100
    print(f"{label:13} {flops / 1e9:.1f} GFLOP/token, {rate / 1e12:.1f} TFLOP/s", end="")
    print(f", MFU {rate / A100:.1%}")
days = 1.4e12 / (380 * 2048) / 86_400
print(f"{days:.1f} days for 1.4T tokens")

# %% [markdown]
# The paper says about 21 days, and that is what its speed gives. It is half of what the chips could do, and that is
# good: of the twelve runs whose tables we shall read, only one did better. Where the other half goes is the subject
# of [chapter 17](17_where_the_time_goes.md): waiting for memory, waiting for other GPUs, arithmetic that the formula
# does not count.
#
# What do you get? Here is the MFU of the core that this notebook runs on, by the same formula: first its peak, from
# one large product of matrices, then a training step of a small LLaMA.


# %% tags=["nbval-ignore-output"]
a = torch.randn(1024, 1024)
small = LlamaConfig(dim=256, n_kv_heads=4, hidden_dim=688)  # 4 layers, 512 tokens
model, tokens = Llama(small), torch.zeros(4, 256, dtype=torch.int64)
seconds = {"product": [], "step": []}
for _ in range(7):  # in turns, as others may be using the machine; the best counts
    start = time.perf_counter()
    a @ a
    seconds["product"].append(time.perf_counter() - start)
    start = time.perf_counter()
    model.loss(tokens, tokens).backward()
    seconds["step"].append(time.perf_counter() - start)
peak = 2 * 1024**3 / min(seconds["product"])
speed = tokens.numel() / min(seconds["step"])
here = speed * flops_per_token(small, 256) / peak
years = 6 * named("llama-1-65b").n_params() * 1.4e12 / (here * peak) / (365.25 * 86_400)
print(f"one core: {peak / 1e9:.0f} GFLOP/s")
print(f"a LLaMA with {small.n_params() / 1e6:.1f}M parameters: {speed:,.0f} tokens/s")
print(f"MFU {here:.0%}")
print(f"at that rate LLaMA 65B's training takes {years:,.0f} years")

# %%
assert 0.1 < here < 1.5  # above 1: somebody else had the core while its peak was measured
print("the MFU of this core is in the band that we expect")

# %% [markdown]
# ## Memory: what training holds
#
# To *run* a 7B in 16 bits takes 13.5 GB. To *train* it takes eight times that, before the first token is read. AdamW
# ([chapter 09](09_a_llama_in_numpy.md)) keeps two running means for each weight, its *moments*, in 32 bits. In *mixed
# precision* the passes use 16-bit weights and give 16-bit gradients, while the true weights are kept in 32 bits, as a
# step of the optimiser is often smaller than what 16 bits resolve ([chapter 05](05_rmsnorm_and_pre_norm.md) shows how
# few digits they have):
#
# | kept for each parameter | bytes |
# |---|---|
# | weight, 16 bits | 2 |
# | gradient, 16 bits | 2 |
# | true weight, 32 bits | 4 |
# | first moment, 32 bits | 4 |
# | second moment, 32 bits | 4 |
# | **together** | **16** |
#
# All in 32 bits, as in chapter 09, it is 4 + 4 + 0 + 4 + 4, again 16.
#
# Then the **activations**: whatever the backward pass will need again. Go through a block as you wrote it in chapter
# 09 and note what each step saved. Per token:
#
# | saved | numbers |
# |---|---|
# | input of the first norm; its output, which q, k and v read | $2C$ |
# | queries, keys, values, turned | $HD + 2KD$ |
# | the heads' mixed values, which the output matrix reads | $HD$ |
# | input of the second norm; its output, which gate and up read | $2C$ |
# | gate, its SiLU, up, the product of the last two, which down reads | $4F$ |
#
# The weights of attention, $T$ for each query and head, would be the largest entry: $32 \times 2{,}048 = 65{,}536$ in
# the 7B. They are not in the table: attention as it is computed today (and as LLaMA computed it, section 2.4) makes
# them again in the backward pass and keeps one 32-bit number for each query and head. Chapter 19 builds that. At the
# end come $2C$ for the last norm, and two 32-bit numbers for each entry of the vocabulary: log-probabilities, and
# their gradient.


# %%
def activation_bytes(cfg, recompute=False, number=2):
    """Bytes that the forward pass keeps of one token, without the logits."""
    C, L, D = cfg.dim, cfg.n_layers, cfg.head_dim
    numbers = 4 * C + 2 * D * (cfg.n_heads + cfg.n_kv_heads) + 4 * cfg.hidden_dim
    block = number * numbers + 4 * cfg.n_heads
    blocks = block + L * C * number if recompute else L * block
    return blocks + 2 * C * number


def kept_by_torch(cfg, T):
    """Sum up what PyTorch keeps for the backward pass, but for the parameters."""
    model, tokens, kept = Llama(cfg), torch.zeros(1, T, dtype=torch.int64), {}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()  # views of one memory count once
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.loss(tokens, tokens)
    return sum(storage.nbytes() for storage in kept.values())


wide = LlamaConfig(vocab_size=900, dim=256, n_heads=8, n_layers=3, hidden_dim=700)
for cfg in (LlamaConfig(), wide):
    formula = 128 * (activation_bytes(cfg, number=4) + 4 * cfg.vocab_size)
    ratio = kept_by_torch(cfg, 128) / formula
    print(f"by the table {formula / 1e6:.2f} MB, PyTorch kept {ratio:.1f} times as much")
    assert 1.0 < ratio < 1.2

# %% [markdown]
# (Without the gradient of the logits, which is not there yet.) PyTorch keeps a fifth more than our table. Its norm
# saves the vector before the weights as well, and the mixed values are there twice: as attention leaves them, and in
# the order in which the output matrix reads them. The formula is a floor that is nearly reached. (Fused kernels fall
# below it: they compute the SiLU again, and their loss keeps no logits. Part III builds them.)
#
# If that is too much, there is a trade: keep only each block's input, $C$ numbers, and compute the block's inside
# again when the backward pass arrives there. Then one block's inside is there at a time. It costs one more forward
# pass, a third more arithmetic ($8P$ in place of $6P$).

# %%
print("                  state, GB                    one sequence, GB")
print("model           weights   grads   optim.    kept  recomp.  logits      T")
for name in (*FAMILY[:4], "llama-3-8b", "llama-3.1-405b"):
    cfg, n, T = named(name), named(name).n_params(), min(named(name).max_seq_len, 8192)
    kept, again = (T * activation_bytes(cfg, recompute) for recompute in (False, True))
    sizes = {"weights": 2 * n, "gradients": 2 * n, "optimizer": 12 * n}
    sizes |= {"activations": kept, "again": again, "logits": 8 * T * cfg.vocab_size}
    package = vars(accounting.training_memory(cfg, 1, T))
    assert all(package[part] == size for part, size in sizes.items() if part != "again")
    columns = "".join(f"{size / 1e9:8.1f}" for size in sizes.values())
    print(f"{name:14} {columns} {T:6,}")

# %% [markdown]
# LLaMA 7B: 108 GB of state, 10 GB of activations for one text. LLaMA's GPUs had 80. **Not even the smallest LLaMA
# could be trained like this on one GPU.** So the state has to be spread.
#
# ## Spreading it
#
# Two ways, which [chapter 15](15_training_at_scale.md) builds. Here we need only what they do to the bytes.
#
# ```
#            replica 0                 replica 1            ...  replica d-1
#   ┌────────┬────────┬─────┐  ┌────────┬────────┬─────┐
#   │ GPU 0  │ GPU 1  │ ... │  │ GPU t  │        │     │         each replica reads texts of its own
#   └────────┴────────┴─────┘  └────────┴────────┴─────┘
#    t slices of every matrix,
#    and of the activations
# ```
#
# - **Data parallel, sharded.** $d$ copies of the model, the *replicas*, train on different texts. Each could hold
#   everything, but that would be the same everything $d$ times. Share it out: each keeps $1/d$ of the optimiser's
#   state (ZeRO stage 1), of the gradients too (2), of the weights too (3, called *fully sharded*). Weights are then
#   gathered block by block, just before they are used, and forgotten. Activations are not shared: they belong to
#   different texts.
# - **Tensor parallel.** $t$ GPUs cut every matrix into slices and work on one text together. That divides everything
#   by $t$, activations too (those of the norms, if their positions are dealt out as well: *sequence parallelism*).
#   But the GPUs have to exchange results twice in every block, and twice again on the way back. So it usually stays
#   within a machine of eight GPUs with fast links.


# %%
def per_gpu(cfg, T, data, tensor=1, recompute=False):
    """Bytes on each GPU, all sharded: state, whole for a moment, activations, logits."""
    count = parts(cfg)
    block = (count["attention"] + count["feed-forward"]) / cfg.n_layers
    tables = count["embedding"] + count["output head"]
    # whole: the weights of this block and the next, the tables, a block's gradients
    whole = 2 * (2 * block + tables) + 2 * block if data > 1 else 0
    state = 16 * sum(count.values()) / data
    kept = T * activation_bytes(cfg, recompute)
    return np.array([state, whole, kept, 8 * T * cfg.vocab_size]) / tensor


cfg = named("llama-1-65b")
for data, tensor, recompute in ((2048, 1, False), (256, 8, False), (16, 1, True)):
    ours = per_gpu(cfg, 2048, data, tensor, recompute)
    layout = Layout(data=data, tensor=tensor, zero=3, recompute=recompute)
    package = accounting.training_memory(cfg, 1, 2048, layout)
    assert abs(ours.sum() / package.total - 1) < 1e-3  # the package leaves norms whole
    columns = "  ".join(f"{part / 1e9:5.1f}" for part in ours)
    print(f"{layout!s:46} {columns}  = {ours.sum() / 1e9:5.1f} GB")

# %% tags=["figure", "hide"] alt="Memory on each GPU for training LLaMA 65B, fully sharded, against the number of GPUs from 1 to 2,048, both axes logarithmic. The state falls as a straight line from 1,045 GB to half a gigabyte. Activations of one sequence stay at 50 GB, recomputed ones at 3.4. The total with all activations kept flattens at 57 GB and crosses the red line of 72 GB between 64 and 128 GPUs; recomputing, it flattens near 10 GB and crosses it between 16 and 32"
figure, axes = plt.subplots(figsize=(8, 4.2))
gpus = 2 ** np.arange(12)
kept, again = (np.array([per_gpu(cfg, 2048, d, recompute=r) for d in gpus]) / 1e9 for r in (False, True))
axes.plot(gpus, kept.sum(axis=1), "-o", color=COLORS["blue"], label="total")
axes.plot(gpus, again.sum(axis=1), "-o", color=COLORS["orange"], label="total, recomputing")
axes.plot(gpus, kept[:, 0], ":", color=COLORS["grey"], label="state: 16 bytes a parameter, shared out")
axes.plot(gpus, kept[:, 2], "--", lw=1.2, color=COLORS["blue"], label="activations of one sequence")
axes.plot(gpus, again[:, 2], "--", lw=1.2, color=COLORS["orange"], label="the same, recomputing")
axes.axhline(72, lw=1, color=COLORS["red"])
axes.text(1.05, 78, "nine tenths of 80 GB", color=COLORS["red"], fontsize=9)
axes.set(
    xscale="log", yscale="log", xlabel="GPUs, all sharded", ylabel="memory on each (GB)", ylim=(0.4, 2500)
)
axes.set_xticks(gpus, [f"{n:,}" for n in gpus], fontsize=8.5)
axes.minorticks_off()
axes.legend(loc="upper right", fontsize=8.5)
plt.show()

# %% [markdown]
# The state melts away as GPUs are added; **activations do not**. With 2,048 GPUs the 65B's weights, gradients and
# moments are half a gigabyte on each, and one sequence's activations are 50. What fills the memory then is what the
# model has just computed, and not what it knows.
#
# ## The planner
#
# All these formulas together make a planner. It tries layouts from the plainest to the most elaborate and takes the
# first that fits, with a tenth of the memory left free; time, energy and carbon follow. Its one guess is how well the
# GPUs will be used, and it says whose figure it takes. On the command line:

# %%
command = "plan --model llama-1-65b --gpus 2048 --device a100-80gb --tokens 1.4T"
arguments = [sys.executable, "-m", "minillama", *command.split()]
plain = {key: value for key, value in os.environ.items() if "COLOR" not in key}
done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True, env=plain)
print(done.stdout)

# %% [markdown]
# The 21 days of the paper, which are no prediction, as they come from its own speed; and the energy and the carbon of
# its table 15, but for one megawatt-hour, of which more below. Next, the smallest cluster that can train each model
# at all, if we double the GPUs until it fits:

# %%
smallest = {}
print("model              80-GB GPUs   layout")
gpu = Device.named("a100-80gb")
for name in ("llama-3.2-1b", *FAMILY[:4], "llama-2-70b", "llama-3.1-405b"):
    for gpus in (2**k for k in range(11)):
        try:
            found = plan_training(named(name), gpus, gpu, tokens=10**9)
        except DoesNotFitError:
            continue
        print(f"{name:15} {gpus:12}    {found.fit.layout}")
        smallest[name] = gpus
        break
few = plan_training(named("llama-1-65b"), 16, gpu, tokens=1_400_000_000_000)
print(f"LLaMA 65B's 1.4T tokens on 16 GPUs: {few.days / 365.25:.1f} years")

# %% [markdown]
# (A GPU's memory is all that counts here; one can also move the moments to the host's, and wait.) The 65B needs 16
# GPUs, the 405B 128. LLaMA's 2,048 were not there for the memory. They were there for the time: a 128th of the GPUs,
# which moreover compute a third again, would have taken ten years.
#
# Two things the planner does not know, and the makers of LLaMA did. It knows no network: whether gathering 65 billion
# weights over and over hides behind the arithmetic ([chapter 15](15_training_at_scale.md) asks). LLaMA's paper
# (section 2.4) says that it used model and sequence parallelism where our plan has none, overlapped the communication
# with the computation, and, by a backward pass written by hand, kept the activations that are costly to make again.
# And it knows no pipelines, in which each GPU holds some of the layers and hands its result to the next. Llama 3's
# 405B was cut into 16 such stages as well (its table 4: 8 tensor × 16 pipeline × 128 data), and nothing was computed
# again; our planner puts the same 16,384 GPUs to use by recomputing, and loses a quarter of the speed:

# %%
big = plan_training(
    named("llama-3.1-405b"),
    gpus=16_384,
    device=Device.named("h100-80gb"),
    tokens=15_600_000_000_000,
    batch_tokens=2**24,  # table 4
)
print(f"{big.fit.layout}: {big.fit.memory.total / 1e9:.1f} GB")
print(f"{big.days:.0f} days, MFU {big.mfu:.1%}: {big.assumption}")
print(f"the card's 30.84M hours on 16,384 GPUs: {30.84e6 / 16_384 / 24:.0f} days")
for one in big.fit.rejected:
    if one.layout.zero == 3 and not one.layout.recompute:
        print(f"not {one.layout}: {one.reason}")

# %% [markdown]
# Recomputing costs: 97 days by the plan, against 78 by the hours on the model's card. And the first obstacle is not
# memory at all: a step has 2,048 sequences, and seven of eight replicas would have nothing to do. Eight GPUs must
# share one sequence.
#
# ## In the real LLaMA: reading the tables
#
# **Hours.** The papers and model cards print tokens and GPU-hours, a data sheet the peak. With the count, that is a
# statement about utilisation: $6P \times \text{tokens}$, over $\text{hours} \times 3600 \times \text{peak}$.

# %%
# tokens, GPU-hours, peak: LLaMA's tables 2 and 15, the cards of Llama 2, 3 and 3.1;
HOURS = {  # the 405B's tokens are from its paper
    "llama-1-7b": (1.0e12, 82_432, A100),
    "llama-1-13b": (1.0e12, 135_168, A100),
    "llama-1-33b": (1.4e12, 530_432, A100),
    "llama-1-65b": (1.4e12, 1_022_362, A100),
    "llama-2-7b": (2e12, 184_320, A100),
    "llama-2-13b": (2e12, 368_640, A100),
    "llama-2-70b": (2e12, 1_720_320, A100),
    "llama-3-8b": (15e12, 1.3e6, H100),
    "llama-3-70b": (15e12, 6.4e6, H100),
    "llama-3.1-8b": (15e12, 1.46e6, H100),
    "llama-3.1-70b": (15e12, 7.0e6, H100),
    "llama-3.1-405b": (15.6e12, 30.84e6, H100),
}
implied = {}
print("model             GPU-hours  hours on 2,048   MFU (6P)  tokens/s on each")
for name, (tokens, hours, peak) in HOURS.items():
    implied[name] = 6 * named(name).n_params() * tokens / (hours * 3600 * peak)
    print(f"{name:15} {hours:11,.0f} {hours / 2048:15,.2f} {implied[name]:10.1%}", end="")
    print(f" {tokens / hours / 3600:17,.0f}")
print(f"20.8 days x 24 h x 2,048 GPUs = {20.8 * 24 * 2048:,.1f} hours")

# %% tags=["figure", "hide"] alt="Horizontal bars of the utilisation that twelve published runs' GPU-hours imply. LLaMA 1 between 44 and 51 per cent, Llama 2 between 38 and 43, Llama 3 8B 16 and 70B 28, Llama 3.1 8B 14, 70B 25 and 405B 35 per cent; a tick at 41 per cent marks what Llama 3's paper reports for the 405B's steps"
figure, axes = plt.subplots(figsize=(8, 4.3))
colors = ["blue"] * 4 + ["orange"] * 3 + ["green"] * 5
bars = axes.barh(
    list(implied), [100 * value for value in implied.values()], 0.7, color=[COLORS[c] for c in colors]
)
axes.bar_label(bars, fmt="{:.0f}", color=COLORS["grey"], padding=4)
axes.plot([41, 41], [10.6, 11.4], color=COLORS["red"])
axes.text(42, 11, "its steps, says the paper", color=COLORS["red"], va="center", fontsize=9)
axes.invert_yaxis()
axes.grid(visible=False, axis="y")
axes.set(xlabel="utilisation that the printed GPU-hours imply (per cent, 6P)", xlim=(0, 60))
plt.show()

# %% [markdown]
# What one can read there:
#
# - **The 65B's hours are 20.8 days**, to the digit: 20.8 × 24 × 2,048 is 1,022,361.6. So they seem to be computed
#   from the speed, as we do, and not read off a meter. Five of the other six A100 runs are whole hours on 2,048 GPUs
#   (or twice as many on 1,024), and the sixth, the 7B, on 512. Who rounded them, and why, we do not know.
# - **LLaMA 1 and 2 used 38 to 51 per cent** of the chips. The best is LLaMA 1's 13B.
# - **Llama 3's hours say 14 to 35 per cent**, though the paper reports 38 to 43 for the steps of the 405B (table 4).
#   Hours on a card may hold more than steps: restarts, evaluation, longer contexts, where $6P$ leaves attention out,
#   more than one run. Small models may have had slower steps. "15T+" tokens is a lower bound, too. Which of these it
#   is, the cards do not say. At 41 per cent fewer than half of the 8B's hours would have done.
#
# **Energy and carbon.** Table 15 of LLaMA's paper takes 400 W a GPU, a PUE of 1.1 (what the building draws over what
# the machines draw) and 0.385 tonnes of CO2 equivalent a megawatt-hour, the American average.

# %%
TABLE_15 = {
    "OPT-175B": (809_472, 356, 137),
    "BLOOM-175B": (1_082_880, 475, 183),
    "LLaMA-7B": (82_432, 36, 14),
    "LLaMA-13B": (135_168, 59, 23),
    "LLaMA-33B": (530_432, 233, 90),
    "LLaMA-65B": (1_022_362, 449, 173),
}
print("run          GPU-hours   MWh printed  computed   tonnes printed  computed")
for run, (hours, mwh, tonnes) in TABLE_15.items():
    took = accounting.footprint(hours, watts=400, pue=1.1, tonnes_per_mwh=0.385)
    print(f"{run:11} {hours:10,} {mwh:13} {took.mwh:9.2f} {tonnes:16} {took.tonnes:9.2f}")
whole = 2638e6 / (400 * 1.1 * 2048 * 24)
print(f"the whole project, 2,638 MWh: {whole:.0f} days of 2,048 GPUs")

# %% [markdown]
# The 65B's megawatt-hours are **cut off**, not rounded: 449.84 is printed as 449. (In the other rows both give the
# same.) The tonnes are rounded. BLOOM's row does not follow from its inputs: 476 would. And the project as a whole,
# about five months on 2,048 GPUs by the paper, has the energy of 122 days of them at full power, four months. These
# are trifles. But a table that one can recompute is worth more than one that one has to believe, and this one can be,
# to the paper's credit.
#
# Later cards print hours and tonnes and neither PUE nor intensity. Only the product of the two can be had:

# %%
CARDS = {  # GPU-hours, watts, tonnes
    "llama-2-7b": (184_320, 400, 31.22),
    "llama-2-13b": (368_640, 400, 62.44),
    "llama-2-70b": (1_720_320, 400, 291.42),
    "llama-3-8b": (1.3e6, 700, 390),
    "llama-3-70b": (6.4e6, 700, 1900),
    "llama-3.1-8b": (1.46e6, 700, 420),
    "llama-3.1-70b": (7.0e6, 700, 2040),
    "llama-3.1-405b": (30.84e6, 700, 8930),
}
print(f"LLaMA 1: 1.1 x 0.385 = {1.1 * 0.385:.4f} tonnes per MWh drawn by the GPUs")
for name, (hours, watts, tonnes) in CARDS.items():
    print(f"{name:15} {tonnes / (hours * watts / 1e6):.4f}")

# %% [markdown]
# Llama 2's is LLaMA 1's product, within the rounding of its tonnes. So is Llama 3's, within that of hours and tonnes.
# Llama 3.1 used another: its most exact row, the 405B's, has 0.414. What stands behind it, more sun in the grid or a
# better building, cannot be known from the card.
#
# > **Departure: the sizes in the names.**
# >
# > - **Paper.** 7B, 13B, 33B and 65B, with 6.7B, 13.0B, 32.5B and 65.2B in table 2.
# > - **Code.** The files have 6.738, 13.016, 32.529 and 65.286 billion parameters; those of the 33B are called 30B.
# > - **Here.** The paper's names, `llama-1-33b` among them, and exact counts.
# > - **What changes.** Nothing in the model. A program that looks for a file "33B" does not find it, and 65.2 is no
# >   rounding of 65.286.
#
# ## Your predictions

# %%
cfg, one_b = named("llama-1-7b"), named("llama-3.2-1b")
found = [
    cfg.n_params() / 1e9,
    100 * parts(one_b)["embedding"] / one_b.n_params(),
    cache_bytes(cfg, 1) / 1024,
    crossing(cfg),
    16 * cfg.n_params() / 1e9,
    100 * 380 * 6 * named("llama-1-65b").n_params() / A100,
    smallest["llama-1-65b"],
]
for (what, guess), value in zip(prediction.items(), found, strict=True):
    print(f"{what:78} guessed {guess:7g}, found {value:9,.1f}")

# %% [markdown]
# ## Exercises
#
# - [11.1](../exercises/11_1_count_any_shape.md): count the parameters of any shape, with tied heads, biases and norms
#   of queries and keys.
# - [11.2](../exercises/11_2_longest_context.md): say how long a text fits beside the weights.
# - [11.3](../exercises/11_3_implied_mfu.md): read the utilisation off a model card's GPU-hours.
# - [11.4](../exercises/11_4_share_the_state.md): share out the state of training, stage by stage.
#
# ## What you can now do
#
# - Count any LLaMA's parameters from its configuration, exactly, and say where a wrong count comes from.
# - Turn a `params.json` into a configuration, and mistrust one that was copied.
# - Say what a context costs in memory, and what sharing heads saves.
# - Convert between tokens per second, utilisation, days, GPU-hours, energy and carbon, and check a published table.
# - Say whether a training run fits, on how many GPUs, and what fills them.
#
# [Chapter 12](12_data.md) makes the tokens that all this arithmetic is spent on.
#
# ## References
#
# - Touvron and others (2023), *LLaMA: Open and Efficient Foundation Language Models*, arXiv 2302.13971: table 2,
#   sections 2.3 and 2.4, section 6 with table 15.
# - Touvron and others (2023), *Llama 2: Open Foundation and Fine-Tuned Chat Models*, arXiv 2307.09288, and its model
#   card.
# - Grattafiori and others (2024), *The Llama 3 Herd of Models*, arXiv 2407.21783: tables 3 and 4; the model cards of
#   Llama 3, 3.1 and 3.2.
# - Chowdhery and others (2022), *PaLM*, arXiv 2204.02311, appendix B: utilisation and how to count for it.
# - Kaplan and others (2020), *Scaling Laws for Neural Language Models*, arXiv 2001.08361, section 2.1: the factor 6.
# - Ainslie and others (2023), *GQA*, arXiv 2305.13245: shared keys and values.
# - Rajbhandari and others (2019), *ZeRO*, arXiv 1910.02054: 16 bytes a parameter, and how to share them out.
# - Korthikanti and others (2022), *Reducing Activation Recomputation in Large Transformer Models*, arXiv 2205.05198:
#   the count of activations, there for GPT.
