# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 01 · The whole tour
#
# **Question.** How does a machine that can only multiply and add learn to tell a story, and how
# would we know that it has learnt all there was to learn?
#
# On this page a language model is trained from nothing, in less than a minute, on the computer in
# front of you. It is a small one, but it is a LLaMA: the same parts, wired in the same way, as the
# models that Meta released in 2023. We open every part once, look inside, and close it again; the
# rest of the book takes them out one by one and rebuilds each by hand.
#
# So do not try to understand everything here. Watch. And commit yourself to a guess first: a
# prediction that turns out wrong is worth more than a fact that slid by.

# %%
my_guess = {
    "how many times the size of our model is LLaMA 7B": 1_000,
    "share of the trained model's stories without a single mistake": 0.50,
    "seconds of training until half of its stories are right": 60,
}

# %% [markdown]
# ## A small world with a known truth
#
# A model learns from text. Most courses take text from the internet, of which nobody knows how
# predictable it is. A loss of 2.1 on it may be splendid or poor: there is nothing to hold it against.
# This book begins in a smaller world, where the truth is known.

# %%
import textwrap
from itertools import islice

from minillama.data.stories import Stories


def tell(text):
    print(textwrap.fill(text, 84), "\n")


world = Stories(seed=1, level=1)
stories = list(islice(world, 8_000))
for story in stories[:3]:
    tell(story.text)

# %% [markdown]
# A program wrote these, by throwing dice: for the name, for the animal, for what got lost. Between
# the throws it has no freedom. Once the hero is a shy mouse called Mia, she stays one to the end, and
# a shy hero asks for help. The text shows every throw, so we can read the throws back off it:

# %%
import math

derivation = Stories.parse(stories[0].text)
for name, option, p in derivation.choices:
    print(f"{name:<10} {option:<14} probability {p:.3f}   {-math.log(p):5.2f} nats")
print(f"{'all together':<44} {derivation.nats:5.2f} nats")

# %% [markdown]
# The last column is **surprise**. A throw of probability $p$ carries $-\ln p$ units of it, called
# *nats*: nothing if the outcome was certain, 0.69 for a fair coin, more for something rarer.
# Probabilities of separate throws multiply, so their surprises add. The sum is the surprise of the
# whole story, and it is not an estimate. It is the truth about this text, because nothing but those
# throws made it.
#
# The same throws can be spoken in Portuguese, which will serve us when we come to many languages:

# %%
tell(derivation.render("pt"))

# %% [markdown]
# ## Tokens
#
# The model does not read letters. It reads **tokens**: numbers that stand for pieces of text which
# occur often, learnt from the text itself. [Chapter 02](02_tokens.md) builds this from bytes.

# %%
from minillama.tokenizer import Tokenizer

tokenizer = Tokenizer.train((story.text for story in stories[:2000]), vocab_size=512)
ids = tokenizer.encode(stories[0].text, bos=True, eos=True)
print(f"{tokenizer.vocab_size} tokens in the vocabulary; {len(ids)} in the first story, which begins:")
print([tokenizer.decode([i], skip_special=False) for i in ids[:11]])
print(ids[:11])

# %% [markdown]
# Two tokens are not text: one opens each story, one closes it. The closing one matters. A model that
# tells stories has to know when a story is over.
#
# ## What is to be learnt, in symbols
#
# A story is a sequence of $T$ tokens $x_1, x_2, \dots, x_T$ from a vocabulary of $V$. The model is a
# function with parameters $\theta$ that looks at the tokens so far and gives each possible next
# token a probability:
#
# $$ q_\theta(x_t \mid x_1, \dots, x_{t-1}), \qquad \sum_{x=1}^{V} q_\theta(x \mid x_1, \dots, x_{t-1}) = 1. $$
#
# The **loss** is the mean surprise per token at what really comes next:
#
# $$ L(\theta) = -\frac{1}{T} \sum_{t=1}^{T} \ln q_\theta(x_t \mid x_1, \dots, x_{t-1}). $$
#
# | symbol | what it is | shape here |
# |---|---|---|
# | $x$ | token ids of a batch of stories | (B, T) integers |
# | $q_\theta$ | probabilities of the next token, at every position | (B, T, V) |
# | $\theta$ | the parameters: every number that training changes | counted below |
# | $L$ | the loss | one number, in nats per token |
#
# How small can $L$ become? Suppose the world tells stories with probabilities $p$. Then the mean loss
# of *any* model splits into two parts (Cover & Thomas, section 5.4):
#
# $$ \mathbb{E}\,[-\ln q_\theta(x)] \;=\; \underbrace{\mathbb{E}\,[-\ln p(x)]}_{\text{the floor}} \;+\; \underbrace{\mathbb{E}\,[\ln p(x) - \ln q_\theta(x)]}_{\text{the gap, never negative}} $$
#
# The **floor** is the surprise that is in the world: the throws of the dice. The **gap** is what the
# model has still to learn. On text from the internet we see only their sum. Here we know the floor,
# because every story comes with its own $-\ln p(x)$. ([The proof](../floor.md) has a page of its own.)

# %%
held_out = list(islice(Stories(seed=2, level=1), 300))  # stories that training never shows
floor_per_story = sum(story.nats for story in held_out) / len(held_out)
n_tokens = sum(len(tokenizer.encode(story.text, eos=True)) for story in held_out)
tokens_per_story = n_tokens / len(held_out)
floor = floor_per_story / tokens_per_story
print(f"{floor_per_story:.2f} nats a story, {tokens_per_story:.1f} tokens a story")
print(f"floor {floor:.4f} nats per token")

# %% [markdown]
# ## The machine, and one token's way through it
#
# Here is all of it. Each box is a chapter.

# %% tags=["hide", "figure"] alt="Diagram of the LLaMA decoder. Token ids enter at the bottom and become vectors. The residual stream runs upwards as a straight line. From it branch off, in each of two blocks, an RMSNorm followed by attention with rotary positions, and an RMSNorm followed by a SwiGLU feed-forward layer; each branch is added back. At the top a final RMSNorm and the output head give probabilities of the next token. Chapter numbers stand beside each part."
import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb

from minillama.book.plotting import COLORS, use_style

use_style()


def draw_machine():
    _, axes = plt.subplots(figsize=(7.6, 6.2))
    axes.set(xlim=(0, 10), ylim=(0, 11.2))
    axes.axis("off")
    ink = plt.rcParams["text.color"]

    def box(x, y, width, text, chapter, color):
        axes.add_patch(
            plt.Rectangle((x, y - 0.36), width, 0.72, facecolor=(*to_rgb(color), 0.13), edgecolor=color)
        )
        axes.text(x + width / 2, y, text, ha="center", va="center", color=ink)
        axes.text(x + width + 0.12, y, chapter, ha="left", va="center", fontsize=8, color=color)

    def arrow(*points):
        for start, end in zip(points[:-2], points[1:-1]):
            axes.plot(*zip(start, end), color=ink, linewidth=1)
        axes.annotate(
            "", points[-1], points[-2], arrowprops={"arrowstyle": "-|>", "color": ink, "linewidth": 1}
        )

    trunk = 2.0
    blue, orange, green, purple = (COLORS[name] for name in ("blue", "orange", "green", "purple"))
    arrow((trunk, 1.1), (trunk, 9.4))
    box(0.6, 0.72, 2.8, "token ids → vectors", "ch. 02, 03", purple)
    for bottom, name in ((1.6, "block 1"), (5.4, "block 2")):
        axes.add_patch(
            plt.Rectangle((1.1, bottom), 8.2, 3.5, fill=False, edgecolor=ink, alpha=0.35, linestyle=":")
        )
        axes.text(9.15, bottom + 0.15, name, ha="right", va="bottom", fontsize=8, color=ink)
        for y, what, chapter, color in (
            (bottom + 0.3, "attention + RoPE", "ch. 06, 07", orange),
            (bottom + 1.95, "SwiGLU", "ch. 08", green),
        ):
            arrow((trunk, y), (3.0, y), (3.0, y + 0.45), (3.4, y + 0.45))
            box(3.4, y + 0.45, 1.5, "RMSNorm", "05", blue)
            arrow((5.25, y + 0.45), (5.7, y + 0.45))
            box(5.7, y + 0.45, 2.1, what, chapter, color)
            arrow((6.75, y + 0.81), (6.75, y + 1.15), (trunk + 0.18, y + 1.15))
            axes.text(
                trunk,
                y + 1.15,
                "+",
                ha="center",
                va="center",
                color=ink,
                fontsize=13,
                bbox={"boxstyle": "circle,pad=0.12", "facecolor": "none", "edgecolor": ink},
            )
    box(0.6, 9.8, 2.8, "RMSNorm, output head", "ch. 05, 09", blue)
    arrow((trunk, 10.16), (trunk, 10.75))
    axes.text(trunk, 10.95, "a probability for each next token", ha="center", color=ink)
    axes.text(0.75, 5.25, "residual stream", rotation=90, ha="center", va="center", fontsize=8, color=ink)
    plt.show()


_ = draw_machine()

# %% [markdown]
# Its shape is written down in one object. Here it is two blocks deep and 64 numbers wide:

# %%
import torch

from minillama import Llama, LlamaConfig

torch.set_num_threads(1)
cfg = LlamaConfig(
    vocab_size=tokenizer.vocab_size,
    dim=64,  # width of the residual stream
    n_layers=2,  # blocks
    n_heads=4,  # attention heads that ask ...
    n_kv_heads=2,  # ... and heads that answer: each answers two (chapter 07)
    hidden_dim=172,  # width inside the feed-forward layer
    max_seq_len=96,
)
model = Llama(cfg)
model.init_weights(torch.Generator().manual_seed(0))
counted = sum(parameter.numel() for parameter in model.parameters())
print(f"{cfg.n_params():,} parameters by the formula, {counted:,} counted")

# %% [markdown]
# All of them are random numbers as yet. We send the first story through, one station at a time.
# **Embedding**: each token id picks its row of a table, a vector of 64 numbers.

# %%
x_ids = torch.tensor([ids])  # (B, T), with B = 1
with torch.no_grad():
    x = model.tok_embeddings(x_ids)
print("ids", tuple(x_ids.shape), " vectors", tuple(x.shape))

# %% [markdown]
# **RMSNorm** gives every vector the same length, so that no layer is shouted at
# ([chapter 05](05_rmsnorm_and_pre_norm.md)):

# %%
block = model.layers[0]
with torch.no_grad():
    normed = block.attention_norm(x)
root_mean_square = lambda v: v.square().mean(-1).sqrt()[0]
print("root mean square of the first tokens")
print("before:", [f"{r:.2f}" for r in root_mean_square(x)[:5]])
print("after: ", [f"{r:.2f}" for r in root_mean_square(normed)[:5]])

# %% [markdown]
# **Attention** lets each position look back at earlier ones and fetch what it needs (chapter 07).
# Which ones it looks at follows from comparing two vectors, a *query* and a *key*, which **RoPE** has
# turned by an angle that grows with the position (chapter 06). Looking ahead is forbidden: the model
# would read the answer.

# %%
from minillama.kernels import ops
from minillama.model.rope import rope_table

with torch.no_grad():
    heads = lambda x: x.unflatten(-1, (-1, cfg.head_dim)).transpose(1, 2)  # (B, H, T, D)
    T = x_ids.shape[1]
    cos, sin = rope_table(cfg, 0, T)  # the angles of positions 0 to T - 1
    q, k = heads(block.attention.wq(normed)), heads(block.attention.wk(normed))
    q, k = ops.rope(q, k, cos, sin)
    scores = q[0, 0] @ k[0, 0].T / cfg.head_dim**0.5  # (T, T): head 0
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    weights = scores.masked_fill(~causal, float("-inf")).softmax(-1)
print("where the fourth token looks:", [f"{w:.2f}" for w in weights[3, :6]])
print("sum of its weights:", f"{weights[3].sum():.2f}")

# %% [markdown]
# **SwiGLU**, the feed-forward layer, then works on each position alone (chapter 08), and both add
# what they found to the residual stream. After two blocks the **output head** turns each position's
# vector into one score for each token of the vocabulary, and a softmax turns those into probabilities:

# %%
with torch.no_grad():
    probabilities = model(x_ids).softmax(-1)  # (B, T, V)
    untrained = model.loss(x_ids[:, :-1], x_ids[:, 1:])
print("probabilities", tuple(probabilities.shape))
print("they sum, at each position, to", f"{probabilities[0, 5].sum():.3f}")
print(f"loss before training {untrained:.1f} nats a token")
print(f"blind guessing costs ln V = {math.log(cfg.vocab_size):.1f}")

# %% [markdown]
# The untrained machine is about as good as blind guessing, a little worse even, for it guesses
# with conviction. From here to a storyteller there is one idea left.
#
# ## Learning
#
# Change every parameter a little, in the direction that makes the loss on these stories smaller. Then
# take other stories and do it again. The direction is the gradient, which chapter 04 derives by hand;
# the size of the step is AdamW's business (chapters 09 and 13). A batch here is 16 stories, each in a
# row of its own, and there are 400 steps: the model reads 6,400 stories, none of them twice.

# %%
import numpy as np

from minillama.data.packing import one_per_row
from minillama.evaluation import gap_by_skill, story_loss, validity
from minillama.inference import sample_texts
from minillama.training import TrainConfig, Trainer

documents = [tokenizer.encode(story.text, bos=True, eos=True) for story in stories]
rows = one_per_row(documents, seed=0)
config = TrainConfig(steps=400, batch_size=16, lr=5e-3, warmup=50)
trainer = Trainer(model, rows, config, tokenizer)
print("rows", rows.tokens.shape, "; the target of each token is the one after it:", end=" ")
print(np.array_equal(rows.tokens[0, 1:5], rows.targets[0, :4]))

# %%
losses, readings, by_skill, seconds = [], [], [], 0.0
read_texts = [story.text for story in held_out[:100]]
read_at = {10, 20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400}
for step in trainer:
    losses.append(step.loss)
    seconds += step.seconds
    if step.step in read_at:
        reading = story_loss(model, tokenizer, held_out[:150])
        valid = validity(sample_texts(model, tokenizer, 40, 90, seed=step.step), level=1)
        readings.append((step.step, reading.gap, valid, seconds))
        by_skill.append(gap_by_skill(model, tokenizer, read_texts))

# %% tags=["nbval-ignore-output"]
print("  step   gap to the floor   valid stories   seconds so far")
for at, gap, valid, spent in readings:
    print(f"{at:6d} {gap:13.4f} nats {valid:14.0%} {spent:15.1f}")

# %% tags=["figure"] alt="Two charts over 400 training steps. Left: the training loss falls from above 6 nats per token to the dashed line of the floor at about 0.19 within some 200 steps. Right: the gap between held-out loss and floor, on a logarithmic scale, falls from several nats to about a thousandth of a nat."
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
steps = range(1, len(losses) + 1)
left.plot(steps, losses, color=COLORS["blue"], linewidth=1, label="loss of each batch")
left.axhline(floor, color=COLORS["red"], linestyle="--", label=f"floor, {floor:.3f}")
left.set(xlabel="step", ylabel="nats per token", ylim=(0, 2))
left.legend()
at, gaps, *_ = zip(*readings)
right.semilogy(at, gaps, "o-", color=COLORS["blue"])
_ = right.set(xlabel="step", ylabel="gap to the floor, nats per token")
plt.show()

# %% [markdown]
# The loss falls, and then it *stops*, just above the dashed line. Without the line we might ask
# whether a longer run or a larger model would bring it down further. With the line we know: there is
# nothing left to learn. The claim of this chapter, as a cell that would fail if it were not so:

# %%
final = story_loss(model, tokenizer, held_out)
assert 0 < final.gap < 0.02, final.gap
print("the loss ends within two hundredths of a nat of the floor:", final.gap < 0.02)

# %% [markdown]
# ## What it tells

# %% tags=["nbval-ignore-output"]
texts = sample_texts(model, tokenizer, count=400, max_new_tokens=90, seed=7)
for text in texts[:3]:
    tell(text)

# %% [markdown]
# These are not copies. The model draws each next token from its own probabilities, so its throws are
# its own. How many of its stories obey every rule of the world? The parser that read the dice off the
# stories decides. And how many stand word for word among the stories it was trained on?

# %% tags=["nbval-ignore-output"]
share = validity(texts, level=1)
seen = {story.text for story in stories}
copied = sum(text in seen for text in texts) / len(texts)
print(f"valid {share:.1%}    word for word in the training set {copied:.1%}")

# %%
print("more than nine stories in ten are without a mistake:", share > 0.9)
print("most were never in the training set:", copied < 0.5)
assert share > 0.9
assert copied < 0.5

# %% [markdown]
# When one fails, the parser says where. These are the mistakes that a person would laugh at: a kite
# lost and a ball found, a mouse who falls asleep as a bear.

# %% tags=["nbval-ignore-output"]
from minillama.data.stories import StoryError

broken = [text for text in texts if validity([text]) == 0]
for text in broken[:2]:
    try:
        Stories.parse(text)
    except StoryError as error:
        tell(text)
        tell(f"-> {error}")
print(len(broken), "of", len(texts), "do not parse")

# %% [markdown]
# ## What it learnt first
#
# The derivation tells us more than a sum. It marks which words were *forced by grammar*, which
# *repeat* something said before, which *follow from a rule* such as "the shy ask for help", and which
# were fresh throws of the dice. So the gap can be split by skill.

# %% tags=["figure"] alt="Line chart of the gap in nats per token against the training step, both on logarithmic scales, one line for each skill. All begin near five nats. Grammar, coreference and endings fall together to a hundredth of a nat by step 60. Copying stays near one nat until step 100, then falls a hundredfold in sixty steps. The fresh choices fall slowest and are the largest gap at the end."
figure, axes = plt.subplots(figsize=(7.5, 3.8))
at = sorted(read_at)
for color, skill in zip(COLORS.values(), by_skill[0]):
    gaps = [(s[skill].model_nats - s[skill].story_nats) / s[skill].tokens for s in by_skill]
    axes.loglog(at, np.maximum(gaps, 1e-5), "o-", color=color, label=skill, markersize=4)
axes.set(xlabel="step", ylabel="gap, nats per token of the skill")
_ = axes.legend(ncols=2)
plt.show()

# %% [markdown]
# Every skill has its own moment. *Grammar* comes first: for words that always follow each other it is
# enough to know the word before. *Copying* is another matter. To write *Mia* again in the sixth sentence,
# the model must look back for the place where the name was said. The usual explanation is that two layers have
# to learn to work together for that. For a while nothing seems to happen, and the gap stays near one nat a token;
# then, within some sixty steps, it falls a hundredfold. Chapter 07 tests the explanation, finds the head that does it
# and draws it. *Choice* is what is left at the end: not what may come, which was clear long before, but
# exactly how often. Odds can only be learnt by counting.
#
# The cell below would fail if the order were another: at step 60 the gap on words to be copied is still
# more than ten times that on grammar.


# %%
def gap_per_token(reading, skill):
    s = reading[skill]
    return (s.model_nats - s.story_nats) / s.tokens


early = by_skill[at.index(60)]
ratio = gap_per_token(early, "copy") / gap_per_token(early, "grammar")
assert ratio > 10, ratio
print("at step 60, copying lags behind grammar:", ratio > 10)

# %% [markdown]
# ## Is it really a LLaMA?
#
# A claim like that needs a witness that is not ours. Hugging Face's `transformers` has its own
# implementation of LLaMA. We hand it our trained weights, under its own names for them, and ask both
# for the logits of one story.

# %% tags=["hide"]
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for progress bars that we do not need
    import transformers

theirs = transformers.LlamaForCausalLM(
    transformers.LlamaConfig(
        vocab_size=cfg.vocab_size,
        hidden_size=cfg.dim,
        intermediate_size=cfg.hidden_dim,
        num_hidden_layers=cfg.n_layers,
        num_attention_heads=cfg.n_heads,
        num_key_value_heads=cfg.n_kv_heads,
        max_position_embeddings=cfg.max_seq_len,
        rms_norm_eps=cfg.norm_eps,
        tie_word_embeddings=False,
    )
)
their_names = {
    "tok_embeddings.": "model.embed_tokens.",
    "layers.": "model.layers.",
    "attention_norm.": "input_layernorm.",
    "ffn_norm.": "post_attention_layernorm.",
    "attention.w": "self_attn.w",
    "feed_forward.w_": "mlp.",
    "output.": "lm_head.",
}


def their_name(name):
    for ours, its in their_names.items():
        name = name.replace(ours, its)
    for letter in "qkvo":
        name = name.replace(f"self_attn.w{letter}.", f"self_attn.{letter}_proj.")
    for part in ("gate", "up", "down"):
        name = name.replace(f"mlp.{part}.", f"mlp.{part}_proj.")
    return "model.norm.weight" if name == "norm.weight" else name


renamed = {their_name(name): tensor for name, tensor in model.state_dict().items()}
theirs.load_state_dict(renamed)
# %%
with torch.no_grad():
    ours, its = model(x_ids), theirs(x_ids).logits
difference = ((ours - its).abs().max() / its.abs().max()).item()
assert difference < 2e-5, difference
print("logits agree with transformers' LLaMA to float32's precision:", difference < 2e-5)

# %% [markdown]
# ## A mistake that the floor gives away
#
# Suppose someone forgets the mask in attention, so that each position may look *ahead*. Nothing
# crashes. The loss falls faster than ever. On ordinary text one would be delighted; here we see at
# once that something is wrong.


# %%
class LeakyLlama(Llama):
    def _mask(self, start, end, documents):
        return torch.ones(end - start, end, dtype=torch.bool)  # everyone sees everything


leaky = LeakyLlama(cfg)
leaky.init_weights(torch.Generator().manual_seed(0))
for step in Trainer(leaky, rows, TrainConfig(steps=120, batch_size=16, lr=5e-3, warmup=50)):
    pass
cheating = story_loss(leaky, tokenizer, held_out)
print("loss below the floor:", cheating.loss < 0.8 * cheating.floor)
assert cheating.loss < 0.8 * cheating.floor

# %% [markdown]
# A loss below the floor is not a good result. It is a proof that the model has seen the answer. Keep
# this in mind whenever a number looks too good; exercise 01.1 lets you compute the gap yourself.
#
# ## Was it luck?
#
# One run proves little: another seed draws other weights and another order of the stories. So we
# train twice more, with 250 steps each to save time, and look at the spread.


# %%
def train_once(seed, steps=250):
    fresh = Llama(cfg)
    fresh.init_weights(torch.Generator().manual_seed(seed))
    config = TrainConfig(steps=steps, batch_size=16, lr=5e-3, warmup=50)
    for _ in Trainer(fresh, one_per_row(documents, seed=seed), config):
        pass
    told = sample_texts(fresh, tokenizer, 200, 90, seed=seed)
    return story_loss(fresh, tokenizer, held_out).gap, validity(told, level=1)


runs = {seed: train_once(seed) for seed in (1, 2)}

# %% tags=["nbval-ignore-output"]
for seed, (gap, valid) in runs.items():
    print(f"seed {seed}: gap {gap:.4f} nats per token, {valid:.1%} valid after 250 steps")

# %%
learnt = [gap < 0.03 and valid > 0.7 for gap, valid in runs.values()]
assert all(learnt), runs
print("within 0.03 nats of the floor, and seven stories in ten valid:", end=" ")
print(sum(learnt), "of", len(learnt), "runs")

# %% [markdown]
# ## In the real LLaMA
#
# What separates this from the models in the news? Not the parts. The sizes.

# %%
llama_7b = LlamaConfig.named("llama-1-7b")
our_tokens = config.steps * config.batch_size * tokens_per_story
table = [
    ("layers", cfg.n_layers, llama_7b.n_layers),
    ("width of the residual stream", cfg.dim, llama_7b.dim),
    ("vocabulary", cfg.vocab_size, llama_7b.vocab_size),
    ("context, tokens", cfg.max_seq_len, llama_7b.max_seq_len),
    ("parameters", cfg.n_params(), llama_7b.n_params()),
    ("tokens of training", our_tokens, 1.0e12),
    ("operations of training", 6 * cfg.n_params() * our_tokens, 6 * llama_7b.n_params() * 1.0e12),
]


def readable(number):
    return f"{number:,.0f}" if number < 1e6 else f"{number:.2e}"


print(f"{'':30}{'this page':>12}{'LLaMA 7B':>12}{'ratio':>14}")
for what, small, large in table:
    print(f"{what:30}{readable(small):>12}{readable(large):>12}{large / small:14,.0f}")

# %% [markdown]
# The 7B's shape and its trillion tokens are in the paper's Table 2, its vocabulary of 32,000 in Meta's
# published files; *operations* uses the usual estimate of six per parameter and token (chapter 11). The
# paper gives the time as well: 82,432 hours of one A100 GPU for the smallest model, and for the largest,
# with 65 billion parameters, about 21 days on 2,048 of them (Touvron et al. 2023, Table 15 and section 2.4).
#
# What has changed since: vocabularies have grown to 128,000 tokens and more, training sets from one to
# fifteen trillion tokens and beyond, and heads that share their keys and values, as ours do here, came
# in with the larger models of LLaMA 2. The block in the picture above has stayed. Part VI shows how
# Mistral, Qwen, Yi and many others are this template with a few flags changed.
#
# And your guesses?

# %%
truth = {
    "how many times the size of our model is LLaMA 7B": llama_7b.n_params() / cfg.n_params(),
    "share of the trained model's stories without a single mistake": share,
    "seconds of training until half of its stories are right": next(
        spent for _, _, valid, spent in readings if valid >= 0.5
    ),
}

# %% tags=["nbval-ignore-output"]
for what, guess in my_guess.items():
    print(f"{what}: you said {guess:,}, it is {truth[what]:,.{0 if truth[what] > 100 else 2}f}")

# %% [markdown]
# ## A map of the book
#
# | part | you build | with |
# |---|---|---|
# | I, chapters 01–09 | a LLaMA with every gradient derived by hand | NumPy |
# | II, 10–16 | the same model in PyTorch, real checkpoints, data, training at scale, evaluation | PyTorch |
# | III, 17–21 | fused kernels, proven without a GPU and ready for one | C and Triton |
# | IV, 22–25 | generation, quantisation, a real model on a laptop, a server | C, GGUF, HTTP |
# | V, 26–29 | LLaMA 2: instructions, adapters, feedback | the same stories, as tasks |
# | VI, 30–35 | long context, code, languages, and the family that grew from the template | all of it |
#
# ## Exercises
#
# - [01.1](../exercises/01_1_gap_to_floor.md): compute the gap to the floor from sums of nats.
# - [01.2](../exercises/01_2_sample_next.md): draw the next token from logits.
# - [01.3](../exercises/01_3_count_parameters.md): count a LLaMA's parameters by hand.
#
# ## What you can now do
#
# - Say what a language model is: a function from the tokens so far to probabilities of the next.
# - Name the parts of a LLaMA, in order, and what each is for.
# - Read a loss against its floor, and distrust one that lies below it.
# - Train one: `make tour` does it with a larger model and keeps the result, and
#   `minillama train --corpus FILE` does it on text of your own ([how that goes](../real_text.md)).
#
# ## References
#
# - Touvron et al. 2023, *LLaMA: Open and Efficient Foundation Language Models*,
#   [arXiv 2302.13971](https://arxiv.org/abs/2302.13971). Short, and readable after this chapter.
# - Touvron et al. 2023, *Llama 2: Open Foundation and Fine-Tuned Chat Models*,
#   [arXiv 2307.09288](https://arxiv.org/abs/2307.09288).
# - Vaswani et al. 2017, *Attention Is All You Need*, [arXiv 1706.03762](https://arxiv.org/abs/1706.03762).
# - Cover & Thomas 2006, *Elements of Information Theory*, 2nd edition, Wiley: chapter 2 for entropy and
#   divergence, section 5.4 for the cost of a wrong model.
# - Eldan & Li 2023, *TinyStories*, [arXiv 2305.07759](https://arxiv.org/abs/2305.07759): how small a model
#   can be and still tell a story. Our world is smaller yet, and its truth is known.
