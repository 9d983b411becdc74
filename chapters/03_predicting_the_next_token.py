# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · Predicting the next token
#
# **Question.** How well can a machine predict the next token if all it does is count, and what is it that no amount of
# counting will ever see?
#
# Before there were neural networks there was counting. Take a large text, note which word followed which, and you own a
# language model. Markov did it by hand in 1913, with twenty thousand letters of a poem. Shannon did it in 1948, and
# founded a theory to say how good it was. Google did it in 2007 with two trillion tokens; LLaMA was trained on 1.4. And
# a counting machine helped to make LLaMA: it had a say in which pages of the web were fit to be read.
#
# You will build it; it is a page of code. Then we do what cannot be done with text from the internet. In this book's
# little world the truth is known, so the loss of a counting model can be taken apart exactly: so much because the world
# throws dice, so much because the training text was short, so much because the model forgets. The last part no text on
# earth makes smaller.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import random
import textwrap
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice

import matplotlib.pyplot as plt
import numpy as np
import torch

from minillama import reference
from minillama.book.plotting import COLORS, use_style
from minillama.data.corpora import cached, read_corpus
from minillama.data.stories import LEVELS, Stories, StoryError, level1
from minillama.data.stories.narrators import Writer
from minillama.evaluation import gap_by_skill, story_loss
from minillama.tokenizer import Tokenizer

use_style()
torch.set_num_threads(1)

# %% [markdown]
# ## Predict first
#
# A *5-gram* guesses the next token from the four before it. Put your own guesses in place of these.

# %%
prediction = {
    "tokens to look back until nothing is left to gain, in stories of 61 tokens": 10,
    "nats a story that a 5-gram loses with endless training text (the stories cost 11.8)": 2.0,
    "of 100 stories told by a 5-gram, how many obey the rules of the world": 50,
    "per cent of new stories that a 5-gram calls impossible, having read 100": 5.0,
}

# %% [markdown]
# ## The idea: what followed the last time?
#
# Cover the rest of a story with your hand and guess the next token. You use everything: who the hero is, what she lost,
# how English works. An **n-gram** model uses the last $n-1$ tokens and nothing else. It looks up what followed them in
# the training text.

# %%
stories = list(islice(Stories(seed=1, level=1), 6_400))  # as many as the tour's model has read
tokenizer = Tokenizer.train((story.text for story in stories[:2000]), vocab_size=512)
V, BEGIN, END = tokenizer.vocab_size, tokenizer.bos_id, tokenizer.eos_id


def encode(stories):
    """The tokens of each story, with the token that ends it and without the one that begins it."""
    return [tokenizer.encode(story.text, eos=True) for story in stories]


def show(token):
    if token in (BEGIN, END):
        return "begin" if token == BEGIN else "end"
    return tokenizer.decode([token]).replace(" ", "␣")


train = encode(stories)
tune_stories = list(islice(Stories(seed=3, level=1), 300))
held_stories = list(islice(Stories(seed=2, level=1), 1_000))
tune, held = encode(tune_stories), encode(held_stories)
print(V, "tokens in the vocabulary; the first of", len(train), "stories:")
print(textwrap.fill(stories[0].text, 84))


# %% tags=["figure", "hide"] alt="The tokens of the first story in boxes, in four lines. The last one, kite, is to be guessed and outlined in red. The four tokens before it, danced with her blue, are shaded blue: that is all a 5-gram sees. At the end of the first line, forty tokens earlier, blue kite is outlined in green: there the answer was told."
def draw_window(tokens, at, n, told, per_line=18):
    """A story's tokens up to `at`; what an n-gram sees is shaded, what it would need is outlined."""
    lines = [list(range(i, min(i + per_line, at + 1))) for i in range(0, at + 1, per_line)]
    _, axes = plt.subplots(figsize=(10, 0.58 * len(lines) + 0.5))
    for row, places in enumerate(lines):
        x = 0.0
        for i in places:
            text = show(tokens[i])
            width = 0.55 + 0.2 * len(text)
            color, face = COLORS["grey"], 0.0
            if at - n < i < at:
                color, face = COLORS["blue"], 0.22
            if i in told:
                color = COLORS["green"]
            if i == at:
                color, face = COLORS["red"], 0.14
            box = (x, -row), width - 0.08, 0.62
            axes.add_patch(plt.Rectangle(*box, facecolor=color, alpha=face))
            line = 1.8 if i in told or i == at else 0.7
            axes.add_patch(plt.Rectangle(*box, fill=False, edgecolor=color, linewidth=line))
            axes.text(x + width / 2 - 0.04, 0.29 - row, text, ha="center", va="center", fontsize=8.5)
            x += width
    axes.set(xlim=(-0.1, 27.5), ylim=(-len(lines) - 0.25, 0.75))
    legend = (("a 5-gram sees this", "blue"), ("told here", "green"), ("to be guessed", "red"))
    for k, (label, color) in enumerate(legend):
        axes.text(7 * k, -len(lines) - 0.05, "■ " + label, color=COLORS[color], fontsize=9.5)
    axes.axis("off")


ids = train[0]
kite = next(t for t in ids if show(t) == "␣kite")
places = [i for i, t in enumerate(ids) if t == kite]
draw_window(ids, places[-1], 5, told={places[0] - 1, places[0]})
plt.show()

# %% [markdown]
# The toy was named near the beginning, and is wanted again at the end. The 5-gram's window does not reach that far.
# Hold on to this picture; the rest of the chapter measures it.
#
# ## Counting, in symbols and in code
#
# The probability of a story of $T$ tokens is a product, always and exactly (the *chain rule*):
#
# $$ p(x_1, \dots, x_T) = \prod_{t=1}^{T} p(x_t \mid x_1, \dots, x_{t-1}). $$
#
# The n-gram model cuts the condition off, and estimates what is left by relative frequency:
#
# $$ p(x_t \mid x_1, \dots, x_{t-1}) \;\approx\; q(x_t \mid h), \qquad h = (x_{t-n+1}, \dots, x_{t-1}), \qquad q(w \mid h) = \frac{c(h, w)}{c(h)} . $$
#
# | symbol | what it is | shape |
# |---|---|---|
# | $n$ | the order: 1 unigram, 2 bigram, 3 trigram, ... | a number |
# | $h$ | the context: the last $n-1$ tokens | ($n-1$,) integers |
# | $w$ | a possible next token | one of $V$ |
# | $c(h, w)$ | how often $w$ followed $h$ in the training text | a table of $V^{n-1} \times V$, almost empty |
# | $c(h)$ | how often anything followed $h$: the sum of a row | ($V^{n-1}$,) |
# | $q(\cdot \mid h)$ | the model's probabilities | ($V$,), sums to one |
#
# What stands before the first token? Let us put $n-1$ copies of a token `BEGIN` there, so that the first word of a
# story is predicted from the knowledge that it is the first. `BEGIN` itself is never predicted. `END` is: a model of
# stories must know when one is over.


# %%
def count(documents, n, begin=BEGIN):
    """For each context of n - 1 tokens: how often each token followed it."""
    counts = defaultdict(Counter)
    for document in documents:
        padded = [begin] * (n - 1) + list(document)
        for t in range(n - 1, len(padded)):
            counts[tuple(padded[t - n + 1 : t])][padded[t]] += 1
    return counts


TINY = [line.split() for line in ("the cat sat .", "the cat ran .", "a dog sat .")]
for context, followers in count(TINY, 2, begin="·").items():
    print(context, dict(followers))

# %% [markdown]
# Read a line: `cat` was followed once by `sat` and once by `ran`, so $q(\text{sat} \mid \text{cat}) = 1/2$. A real one:

# %%
counts = {n: count(train, n) for n in (1, 2, 3, 4, 5)}
(little,) = tokenizer.encode(" little")
(her,) = tokenizer.encode(" her")
for context in ((little,), (her,), (little, train[0][8])):
    followers = counts[len(context) + 1][context]
    shares = (f"{show(w)} {c / followers.total():.2f}" for w, c in followers.most_common(6))
    print(f"{' '.join(map(show, context)):14}", "  ".join(shares))
print("contexts met:", {n: len(table) for n, table in counts.items()})

# %% [markdown]
# There are $496^4 \approx 6 \cdot 10^{10}$ contexts of four tokens, and 711 of them occur. That is why the table is a
# dictionary. To let the model speak, throw a die weighted by the counts, append the token, move the window:


# %%
def tell(counts, n, rng, longest=120):
    """Draw one token after the other from the counts of order n."""
    tokens = [BEGIN] * (n - 1)
    while len(tokens) < longest and tokens[-1:] != [END]:
        followers = counts[tuple(tokens[len(tokens) - n + 1 :])]
        tokens += rng.choices(list(followers), weights=list(followers.values()))
    return tokenizer.decode([t for t in tokens if t not in (BEGIN, END)])


for n, seed in ((1, 7), (2, 11), (3, 9), (5, 7)):  # of several, some that do not stop at once
    told = tell(counts[n], n, random.Random(seed))
    print(textwrap.fill(f"n = {n}: {textwrap.shorten(told, 330)}", 84), "\n")

# %% [markdown]
# Shannon printed such a ladder in 1948. At $n = 1$ words fall from the sky; at 2 each pair of neighbours is decent;
# at 5 every phrase is perfect English, and the story is nonsense. The hero changes name, sex and species from one
# sentence to the next. Each window of five tokens comes from *some* story. They are not the same story.
#
# ## Surprise: cross-entropy and perplexity
#
# "Nonsense" is not a number. Here is one: the mean surprise at what really comes, on text that the model has not
# counted. It is the loss of chapter 01, and its name is the **cross-entropy** of the text under the model:
#
# $$ L = -\frac1T \sum_{t=1}^{T} \ln q(x_t \mid h_t) \quad \text{nats per token.} $$
#
# Three other ways to say the same thing are in use. Divided by $\ln 2 = 0.693$ it is in **bits**. Its exponential
# $e^L$ is the **perplexity**: a die with that many equal faces would surprise us as much. And multiplied by
# tokens per byte it is in nats per byte, which does not depend on the tokenizer
# ([chapter 02](02_tokens.md)).
#
# **Why nothing beats the truth.** Let $p$ be the distribution that a text really comes from, and $q$ a model's. The
# line $u - 1$ touches $\ln u$ at $u = 1$ and lies above it everywhere else. So
#
# $$ \sum_w p(w) \ln\frac{q(w)}{p(w)} \;\le\; \sum_{w:\,p(w) > 0} p(w)\Big(\frac{q(w)}{p(w)} - 1\Big) \;=\; \sum_{w:\,p(w) > 0} q(w) - 1 \;\le\; 0 , $$
#
# and moving $\ln p$ to the other side,
#
# $$ \underbrace{-\sum_w p(w) \ln q(w)}_{\text{cross-entropy}} \;\ge\; \underbrace{-\sum_w p(w) \ln p(w)}_{\text{entropy}}, \qquad \text{equal only for } q = p. $$
#
# This is **Gibbs' inequality**, and three things follow from it. The floor is a floor. The gap, cross-entropy minus
# entropy, is never negative; it is called the Kullback–Leibler divergence, $\mathrm{KL}(p\,\|\,q)$. And relative
# frequencies are no mere habit: let $p$ be the frequencies in the *training* text, and the inequality says that of all
# tables $q(\cdot \mid h)$ none has a lower loss *there*. On other text, that is another question.
#
# ## Zeros
#
# Let us ask it. A single token with $q = 0$ costs $-\ln 0 = \infty$.


# %%
def impossible(counts, n, document):
    """Whether some token of the document never followed its context in training."""
    padded = [BEGIN] * (n - 1) + document
    return any(
        padded[t] not in counts.get(tuple(padded[t - n + 1 : t]), ()) for t in range(n - 1, len(padded))
    )


print("held-out stories called impossible    n = 2      3      4      5     10")
for size in (100, 1_000, 6_400):
    shares = []
    for n in (2, 3, 4, 5, 10):
        table = count(train[:size], n)
        shares.append(np.mean([impossible(table, n, document) for document in held]))
    print(f"{size:18,} training stories    ", "".join(f"{share:7.1%}" for share in shares))

# %% [markdown]
# One such story is enough, and the mean over all is infinite. It gets better with more text and worse with a longer
# context; and this is a world of a hundred different tokens, as regular as a clock. A language model must give every
# token *some* probability, and it has to take it from those that it has seen. This is **smoothing**, and for decades
# it was a large part of the field.
#
# ## One recursion, many rules
#
# The simplest rule adds a little $\alpha$ to every count, as in chapter 02:
#
# $$ q(w \mid h) = \frac{c(h,w) + \alpha}{c(h) + \alpha V}. $$
#
# It is a poor one. It hands the same share to each of the $V$ tokens, whether they are likely or absurd. We know
# better: where the trigram has seen little, *ask the bigram*; where the bigram has seen little, the unigram; and the
# unigram asks the uniform distribution $1/V$, which knows nothing and excludes nothing. Let $h'$ be $h$ without its
# oldest token. Then the rules form a family, **interpolation**:
#
# $$ q_n(w \mid h) = \underbrace{\text{what } h \text{ has seen}}_{\text{a little less than } c(h,w)/c(h)} + \;\underbrace{\text{what is left}}_{\text{a share of 1}} \cdot\; q_{n-1}(w \mid h'). $$
#
# | rule | what $h$ has seen | what is left | idea |
# |---|---|---|---|
# | Jelinek–Mercer | $(1-\lambda)\,c(h,w)/c(h)$ | $\lambda$ | a fixed share, chosen on a third text |
# | Witten–Bell | $c(h,w) / (c(h) + t(h))$ | $t(h)/(c(h)+t(h))$ | as if each novelty had been an event of its own |
# | absolute discounting | $\max(c(h,w) - D, 0)/c(h)$ | $D\,t(h)/c(h)$ | every count pays the same tax $D$ |
#
# Here $t(h)$ is the number of *different* tokens that followed $h$ (their *types*). A context that was followed by
# everything is likely to meet something new; one that was always followed by the same is not. Check that each rule sums
# to one: in the third, $t(h)$ counts each pay $D$, and what is left is exactly what they paid.
#
# In code a rule is one line. It gets the counts of one order and the lower order's answer `p`.


# %%
@dataclass
class Level:
    """The counts of one order, for one context or, with arrays, for many at once."""

    count: np.ndarray  # c(h, w)
    total: np.ndarray  # c(h)
    types: np.ndarray  # t(h)
    once: np.ndarray  # of these types, how many were met once
    twice: np.ndarray  # and twice
    spectrum: tuple = (0, 0, 0, 0)  # n1 to n4: how many n-grams in all were met 1, 2, 3, 4 times

    @property
    def discount(self):
        """D = n1 / (n1 + 2 n2), after Ney, Essen and Kneser (1994); 1/2 where there are no singletons."""
        n1, n2, *_ = self.spectrum
        return n1 / (n1 + 2 * n2) if n1 else 0.5


def plain(level, p):
    return level.count / level.total


def add(alpha):
    return lambda level, p: (level.count + alpha) / (level.total + alpha * V)


def jelinek_mercer(share):
    return lambda level, p: (1 - share) * level.count / level.total + share * p


def witten_bell(level, p):
    return (level.count + level.types * p) / (level.total + level.types)


def absolute(level, p):
    kept = np.maximum(level.count - level.discount, 0)
    return (kept + level.discount * level.types * p) / level.total


# %% [markdown]
# And the recursion, from the uniform distribution upwards. A context that was never met tells nothing: there the lower
# order's answer stands.


# %%
def spectrum(table):
    """How many n-grams were counted once, twice, three and four times."""
    times = Counter(c for followers in table.values() for c in followers.values())
    return tuple(times[k] for k in (1, 2, 3, 4))


def predict(tables, context, rule, names=range(V)):
    """Probabilities of all next tokens. tables[k] belongs to contexts of k tokens."""
    names = list(names)
    p = np.full(len(names), 1 / len(names))
    for k, table in enumerate(tables):
        followers = table.get(tuple(context[len(context) - k :]))
        if followers:
            c = np.array([followers[name] for name in names], dtype=float)
            kinds = np.sum(c > 0), np.sum(c == 1), np.sum(c == 2)
            p = rule(Level(c, c.sum(), *kinds, spectrum(table)), p)
    return p


names = ["the", "a", "cat", "dog", "sat", "ran", "."]
tiny = [count(TINY, n, begin="·") for n in (1, 2)]
print("after cat:      ", "  ".join(f"{name:>5}" for name in names))
for name, rule in (("plain", plain), ("Witten–Bell", witten_bell), ("absolute", absolute)):
    print(f"{name:15} ", "  ".join(f"{p:5.3f}" for p in predict(tiny, ["cat"], rule, names)))

# %% [markdown]
# By hand, Witten–Bell, *sat* after *cat*. The unigram: *sat* is 2 of 12 tokens, 7 types, so
# $(2 + 7 \cdot \frac17)/(12 + 7) = 3/19 = 0.158$. The bigram: *cat* was followed twice, by 2 types, once by *sat*:
# $(1 + 2 \cdot 0.158)/(2+2) = 0.329$. A *dog* after *cat* is now unlikely, not impossible.
#
# ## Kneser–Ney: count company, not occurrences
#
# One idea is still missing, and it is the best one. When is the lower order asked? When the context is new. So the
# unigram should not answer "how frequent is $w$?" but "how likely is $w$ **in a context where it was never seen?**" A
# token may be frequent and yet always follow the same neighbour, as *Francisco* follows *San*. Then it is hopeless
# anywhere else. What counts is in how many *different* contexts it was met:
#
# $$ c_{\text{KN}}(h, w) = \big|\{\,v : c(v, h, w) > 0\,\}\big| \qquad \text{in all orders but the highest.} $$
#
# The same recursion, absolute discounting, with these **continuation counts** below the top: that is interpolated
# Kneser–Ney (Kneser and Ney, 1995; Chen and Goodman, 1999).


# %%
def continuations(table):
    """From the counts of order n + 1: how many different tokens stood before each n-gram."""
    distinct = defaultdict(Counter)
    for context, followers in table.items():
        for token in followers:
            distinct[context[1:]][token] += 1
    return distinct


def kneser_ney_tables(counts, n):
    """Continuation counts below the top, plain counts at the top, for predict(..., absolute)."""
    return [continuations(counts[k + 1]) for k in range(1, n)] + [counts[n]]


company = continuations(counts[2])[()]
frequency = counts[1][()]
print("token       occurred   after so many different tokens")
for word in (" Nothing", " looked", " ball", " little", " her", "."):
    (token,) = tokenizer.encode(word)
    print(f"{show(token):10} {frequency[token]:9,} {company[token]:10}")

# %% [markdown]
# *Nothing* stands 8,322 times in the training text, and always after the same token, a full stop. For Kneser–Ney it
# is a rare bird. (In these stories most tokens are of that kind. Will the idea still pay? We will see.)
#
# > **Departure: Kneser–Ney, one discount or three.**
# >
# > - **Paper.** Kneser and Ney (1995) *back off*: the lower order is asked only for tokens that the context has never
# >   seen, with one discount $D$. Chen and Goodman (1999) interpolate, and use three discounts, for counts of 1, 2, and
# >   3 or more, because the best discount, when they measured it, differed.
# > - **Code.** What runs under the name of Kneser–Ney is mostly Chen and Goodman's second version. KenLM's `lmplz`
# >   estimates it and nothing else. CCNet, through which LLaMA's web text went, calls it with
# >   `-o 5 --discount_fallback`.
# > - **Here.** Interpolated, one discount for each order, estimated from the counts.
# > - **What changes.** In the table under *Which rule?*, three discounts gain 0.03 to 0.04 nats per token on
# >   Shakespeare, and lose up to 0.1 on our stories.


# %%
def taxed(level, p, d1, d2, d3):
    """Interpolated discounting: counts of 1, 2, and 3 or more pay d1, d2, d3."""
    paid = np.array([0, d1, d2, d3])[np.minimum(level.count, 3).astype(int)]
    left = d1 * level.once + d2 * level.twice + d3 * (level.types - level.once - level.twice)
    return (level.count - paid + left * p) / level.total


def three_discounts(level, p):
    """Chen and Goodman's estimates of the three, or KenLM's defaults where a text breaks them."""
    n1, n2, n3, n4 = level.spectrum
    if min(level.spectrum) > 0:
        y = n1 / (n1 + 2 * n2)
        d = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
        if all(0 <= tax <= k for tax, k in zip(d, (1, 2, 3), strict=True)):
            return taxed(level, p, *d)
    return taxed(level, p, 0.5, 1.0, 1.5)


# %% [markdown]
# ## Check: does it sum to one, and does anyone else agree?
#
# We ask three witnesses. First, arithmetic: for forty contexts, half of them drawn at random and mostly never seen,
# each rule's probabilities must sum to one. It takes a line, and it finds most mistakes that people make in
# smoothing.

# %%
rng = np.random.default_rng(0)
small = {n: count(train[:50], n) for n in (1, 2, 3, 4)}
plain_tables, kn_tables = [small[n] for n in (1, 2, 3)], kneser_ney_tables(small, 3)
for name, tables, rule in (
    ("add 1/10", plain_tables, add(0.1)),
    ("Jelinek–Mercer", plain_tables, jelinek_mercer(0.2)),
    ("Witten–Bell", plain_tables, witten_bell),
    ("Kneser–Ney", kn_tables, absolute),
    ("three discounts", kn_tables, three_discounts),
):
    known = list(small[3])
    contexts = [known[i] for i in rng.integers(len(known), size=20)]
    contexts += [tuple(rng.integers(V, size=2).tolist()) for _ in range(20)]
    sums = [predict(tables, context, rule).sum() for context in contexts]
    assert np.allclose(sums, 1, atol=1e-12)
    print(f"{name:16} sums to one in {len(sums)} contexts")

# %% [markdown]
# Second, the definition. Kneser–Ney again, straight from the formulas: no tables, no recursion upwards, exact
# fractions, and every count found by looking through the whole text.


# %%
def by_definition(w, h, documents, top, D):
    """q(w | h) of interpolated Kneser-Ney, by the book and by brute force."""
    padded = [["·"] * top + document for document in documents]

    def number(gram):  # occurrences at the top, different tokens in front of it below
        hits = [
            tuple(p[i - 1 : i + len(gram)])
            for p in padded
            for i in range(1, len(p) - len(gram) + 1)
            if p[i : i + len(gram)] == list(gram) and i + len(gram) > top
        ]
        return len(hits) if len(gram) == top else len(set(hits))

    lower = Fraction(1, len(names))
    if h:
        lower = by_definition(w, h[1:], documents, top, D)
    numbers = {x: number((*h, x)) for x in names}
    total, types = sum(numbers.values()), sum(c > 0 for c in numbers.values())
    if not total:
        return lower
    return (max(numbers[w] - D, 0) + D * types * lower) / total


tiny = {n: count(TINY, n, begin="·") for n in (1, 2, 3)}
half = lambda level, p: absolute(replace(level, spectrum=(0, 0, 0, 0)), p)  # with D = 1/2
for context in (("the", "cat"), ("·", "·"), ("dog", "cat"), ("cat", "dog"), ("ran", ".")):
    ours = predict(kneser_ney_tables(tiny, 3), context, half, names)
    exact = [by_definition(w, context, TINY, 3, Fraction(1, 2)) for w in names]
    assert sum(exact) == 1
    assert np.allclose(ours, [float(q) for q in exact], atol=1e-15)
print("trigram, tiny corpus: equal to the definition in every context tried; for one,")
print("q(sat | the cat) =", by_definition("sat", ("the", "cat"), TINY, 3, Fraction(1, 2)))

# %% [markdown]
# Third, the package. `minillama.evaluation` measures losses on stories and splits them by skill; chapter 01 used it. It
# wants a model that turns tokens into scores. The logarithms of our probabilities *are* scores (softmax of $\ln q$ is
# $q$), so a counting model can be dressed up as a LLaMA:


# %%
class Counting:
    """An n-gram behind the face of a model: tokens (B, T) in, scores (B, T, V) out."""

    def __init__(self, tables, rule):
        self.tables, self.rule = tables, rule
        self.tok_embeddings = torch.nn.Embedding(1, 1)  # only asked where it lives

    def __call__(self, tokens):
        n, scores = len(self.tables), []
        for row in tokens.tolist():
            padded = [BEGIN] * (n - 2) + row
            contexts = [padded[t : t + n - 1] for t in range(len(row))]
            scores.append([np.log(predict(self.tables, c, self.rule)) for c in contexts])
        return torch.tensor(np.array(scores))


few = held_stories[:12]
nats = []
for document in encode(few):
    padded = [BEGIN, BEGIN, *document]
    for t in range(2, len(padded)):
        nats.append(-np.log(predict(kn_tables, padded[t - 2 : t], absolute)[padded[t]]))
theirs = story_loss(Counting(kn_tables, absolute), tokenizer, few)
print(f"12 stories, trigram: ours {np.mean(nats):.4f}, the package's story_loss {theirs.loss:.4f}")
scores = Counting(kn_tables, absolute)(torch.tensor([[BEGIN, *train[0][:-1]]])).numpy()[0]
loss, _ = reference.cross_entropy(scores, np.array(train[0]))
own = -np.mean(scores[np.arange(len(train[0])), train[0]])
print(f"one story: ours {own:.4f}, minillama.reference.cross_entropy {loss:.4f}")
assert abs(np.mean(nats) - theirs.loss) < 1e-9
assert abs(own - loss) < 1e-12

# %% [markdown]
# ## The same, a hundred times faster
#
# Dictionaries are clear and slow. From here on we want millions of tokens. The trick: give each context a *number*. If
# the last $k-1$ tokens before position $t$ have the number $a$, then $a V + x_t$ names the k-gram that ends there;
# `np.unique` counts these names and renumbers them without gaps, and the new number is the context of the *next*
# position. One sort for each order, and no window is ever cut out.
#
# ```
#   position    t           t+1
#   token       x           y
#   context     a     .---> g          order k:      context a, then x: k-gram number g
#   k-gram      g ----'                order k + 1:  context g, then y, one place to the right
# ```


# %%
def levels(train, held, n, vocab_size):
    """The counts that every held-out token meets: (plain, continuation), one Level per order in each."""
    tokens = np.concatenate([*train, *held]).astype(np.int64)
    lengths = np.array([len(document) for document in (*train, *held)])
    first = np.cumsum(lengths) - lengths  # where each document begins
    seen = np.arange(len(tokens)) < lengths[: len(train)].sum()  # only these are counted

    def level(count, of, gram, context):
        total, types, once, twice = (
            np.bincount(of, weight) for weight in (count, count > 0, count == 1, count == 2)
        )
        numbers = tuple(int(np.sum(count == k)) for k in (1, 2, 3, 4))
        at = context[~seen]
        return Level(count[gram[~seen]], total[at], types[at], once[at], twice[at], numbers)

    context = np.zeros(len(tokens), np.int64)  # order 1: everybody has the same, empty context
    plain, below, last = [], [], ()
    for k in range(1, n + 1):
        names, gram = np.unique(context * vocab_size + tokens, return_inverse=True)
        of = names // vocab_size  # the context of each k-gram
        count = np.bincount(gram[seen], minlength=len(names))
        plain.append(level(count, of, gram, context))
        if k > 1:  # each k-gram that was met puts one more token before the (k - 1)-gram it ends in
            place = np.zeros(len(names), np.int64)
            place[gram[seen]] = np.flatnonzero(seen)  # somewhere that it was met
            company = np.bincount(last[1][place[count > 0]], minlength=len(last[0]))
            below.append(level(company, *last))
        last = of, gram, context
        context = np.concatenate([[0], gram[:-1]])
        context[first] = len(names)  # all beginnings share one context: so many times BEGIN
    return plain, below


def probabilities(levels, rule, vocab_size):
    """The probability of every held-out token: `predict` for all of them at once."""
    p = np.full(len(levels[0].count), 1 / vocab_size)
    for level in levels:
        met = level.total > 0
        p = np.where(met, rule(replace(level, total=np.maximum(level.total, 1)), p), p)
    return p


def kneser_ney(found, n, vocab_size, rule=absolute):
    """Probabilities of order n, from what `levels` found for n or more."""
    plain, below = found
    return probabilities([*below[: n - 1], plain[n - 1]], rule, vocab_size)


fast = -np.log(kneser_ney(levels(train[:50], encode(few), 3, V), 3, V))
assert np.allclose(fast, nats, atol=1e-12)
print(f"simple and fast agree on all {len(fast)} tokens to twelve digits")

# %% [markdown]
# The rules were written for one context and run unchanged on arrays of all held-out tokens. That is NumPy's gift to
# those who write formulas instead of loops.
#
# ## Which rule?
#
# Some constants have to be chosen, and not on the text that gives the verdict: that would be looking at the answers. So
# there are three texts: one to count, one to choose $\alpha$ and $\lambda$ (**tune**), one to judge (**held out**).
# Witten–Bell and Kneser–Ney have nothing to choose; their constants come out of the counts. We take 5-grams, and three
# worlds: the stories of level 1; those of level 3, which are longer and have two heroes and fifteen kinds of plot; and
# Shakespeare's plays.


# %%
@dataclass
class World:
    """Texts to count, to choose on and to judge by, as tokens, with the floor if it is known."""

    tokenizer: Tokenizer
    train: list
    tune: list
    held: list
    floor: float | None = None

    @property
    def V(self):
        return self.tokenizer.vocab_size


def nats_of(stories):
    return sum(story.nats for story in stories)


def tokens_of(documents):
    return sum(map(len, documents))


first_world = World(tokenizer, train, tune, held, nats_of(held_stories) / tokens_of(held))

long_stories = list(islice(Stories(seed=1, level=3), 20_000))
long_tokenizer = Tokenizer.train((story.text for story in long_stories[:2000]), vocab_size=1024)
long_held_stories = list(islice(Stories(seed=2, level=3), 1_000))
encode_long = lambda stories: [
    np.array(long_tokenizer.encode(story.text, eos=True), dtype=np.int32) for story in stories
]
long_world = World(
    long_tokenizer,
    encode_long(long_stories),
    encode_long(islice(Stories(seed=3, level=3), 300)),
    encode_long(long_held_stories),
)
long_world.floor = nats_of(long_held_stories) / tokens_of(long_world.held)

text = "\n".join(read_corpus(cached("shakespeare")))
cuts = int(0.9 * len(text)), int(0.95 * len(text))
plays = text[: cuts[0]], text[cuts[0] : cuts[1]], text[cuts[1] :]
play_tokenizer = Tokenizer.train([plays[0]], vocab_size=1024)
encode_play = lambda text: [np.array(play_tokenizer.encode(text), dtype=np.int32)]
play_world = World(play_tokenizer, *map(encode_play, plays))


ALPHAS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SHARES = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6)


def verdict(world, size, n=5):
    """Loss of each rule on the held-out text, in nats per token."""
    one_text = len(world.train) == 1  # then `size` counts its tokens, not stories
    parts = [world.train[0][:size]] if one_text else world.train[:size]
    plain, below = levels(parts, [*world.tune, *world.held], n, world.V)
    cut = tokens_of(world.tune)

    def losses(rule, chain=plain):
        nats = -np.log(probabilities(chain, rule, world.V))
        return nats[:cut].mean(), nats[cut:].mean()  # to choose by, to judge by

    continued = [*below[: n - 1], plain[n - 1]]
    return {
        "add-α": min(losses(add(alpha)) for alpha in ALPHAS)[1],
        "J–M": min(losses(jelinek_mercer(share)) for share in SHARES)[1],
        "W–B": losses(witten_bell)[1],
        "absolute": losses(absolute)[1],
        "K–N": losses(absolute, continued)[1],
        "K–N, three": losses(three_discounts, continued)[1],
    }


table = {}
for name, world, sizes in (
    ("level 1, stories", first_world, (100, 6_400)),
    ("level 3, stories", long_world, (100, 1_000, 20_000)),
    ("Shakespeare, tokens", play_world, (100_000, 2_000_000)),
):
    for size in sizes:
        table[name, size] = verdict(world, size)
print(f"{'nats per token':28}", "".join(f"{rule:>11}" for rule in table[name, size]))
for (name, size), row in table.items():
    print(f"{name:19}{size:10,}", "".join(f"{loss:11.3f}" for loss in row.values()))
print(f"floor: level 1 {first_world.floor:.3f}, level 3 {long_world.floor:.3f}, Shakespeare: nobody knows")

# %% [markdown]
# Read it by columns, and hold what you have heard against it.
#
# - **Add-α** is the worst, even with the best of five values. On the plays it gives away up to a nat per token.
# - **Kneser–Ney** is best in every row, or level with the best, among the rules with at most one constant an order.
#   Its lead over Witten–Bell is a tenth of a nat on a hundred stories of level 3, four tenths on the plays, and
#   nothing on level 1, where after 6,400 stories the counts are so good that no rule matters.
# - **Three discounts** were found to be consistently better than one (Chen and Goodman, 1999). On Shakespeare they are,
#   by a few hundredths. On our stories they are *worse*, by up to a tenth.
#
# Why? Chen and Goodman's estimates rise with the count. Set them by hand, rising, level or falling, and look at the
# tune text:

# %%
print("K–N with discounts set by hand, nats per token of the tune text")
for name, world, size in (("level 3, 1,000 stories", long_world, 1_000), ("Shakespeare", play_world, None)):
    plain, below = levels(world.train[:size], world.tune, 5, world.V)
    for taxes in ((0.8, 1.2, 1.5), (0.8, 0.8, 0.8), (0.8, 0.6, 0.4)):
        q = probabilities([*below[:4], plain[4]], lambda level, p, d=taxes: taxed(level, p, *d), world.V)
        print(f"{name:23} {taxes!s:16} {-np.log(q).mean():.3f}")

# %% [markdown]
# The plays want discounts that rise, the stories want them to fall. In a world so regular, what was met three times
# is nearly certain to be met again, and a tax on it is wasted. No rule is best by nature; each is best for texts of a
# kind. We stay with one discount.
#
# ## Four units, two vocabularies
#
# Here are the orders 1 to 5 on level 1, with Kneser–Ney and 6,400 stories, in all units at once.


# %%
def in_units(nats, n_tokens, n_words, n_bytes, n_stories):
    """One sum of nats, told in six ways."""
    token = nats / n_tokens
    perplexities = [np.exp(nats / n) for n in (n_tokens, n_words, n_bytes)]
    return [token, token / np.log(2), *perplexities, nats / n_bytes, nats / n_stories]


n_bytes = sum(len(story.text.encode()) for story in held_stories)
n_words = sum(len(story.text.split()) for story in held_stories)
sizes = (tokens_of(held), n_words, n_bytes, len(held))
found = levels(train, held, 5, V)
losses = {n: -np.log(kneser_ney(found, n, V)) for n in (1, 2, 3, 4, 5)}
print("         nats/   bits/   --- perplexity per ---   nats/   nats/   gap, nats")
print("         token   token    token    word    byte    byte   story   per token")
rows = [(f"n = {n}", loss.sum()) for n, loss in losses.items()]
for name, total in [*rows, ("floor", nats_of(held_stories))]:
    row = in_units(total, *sizes)
    gap = (total - nats_of(held_stories)) / sizes[0]
    shown = "{:8.3f} {:7.3f} {:8.2f} {:7.2f} {:7.3f} {:7.4f} {:7.2f}".format(*row)
    print(f"{name:5}", shown, f"{gap:9.3f}" if gap else "")

# %% [markdown]
# The bigram is a leap, the trigram a step, and then it gets hard: at $n = 5$ the model still needs more than twice the
# nats that the stories cost. Its perplexity of 1.5 looks splendid, but most tokens are forced here, and 1 is the least
# that there is. A perplexity without a floor, and without saying *per what*, is no result. This 5-gram has three.
#
# > **Departure: perplexity, per what?**
# >
# > - **Paper.** The older literature, Chen and Goodman among it, gives perplexity per *word*. LLaMA's paper plots the
# >   training loss per *token* of its own tokenizer (Figure 1).
# > - **Code.** CCNet's `perplexity.py` scores each line by itself, with base-10 logarithms, and divides by its
# >   SentencePiece pieces plus one for the end of the line. Others divide by tokens of whatever tokenizer the model
# >   has.
# > - **Here.** Nats per token, the tokenizer and the floor named; nats per byte where vocabularies differ.
# > - **What changes.** The table's three columns of perplexity: one model, one text, one loss.
#
# The vocabulary changes more than the unit. An n-gram remembers $n - 1$ *tokens*, whatever they hold. So let us cut the
# same stories by smaller vocabularies:

# %%
print("     V   tokens/story   5-gram sees   nats/token   perplexity   nats/byte   gap, nats/story")
for size in (258, 300, 400, 512):
    tok = Tokenizer.train((story.text for story in stories[:2000]), vocab_size=size)
    cut = (
        [tok.encode(s.text, eos=True) for s in stories],
        [tok.encode(s.text, eos=True) for s in held_stories],
    )
    loss = -np.log(kneser_ney(levels(*cut, 5, tok.vocab_size), 5, tok.vocab_size))
    density = n_bytes / len(loss)
    print(
        f"{tok.vocab_size:6} {len(loss) / len(held):14.1f} {4 * density:7.1f} bytes {loss.mean():12.3f}"
        f" {np.exp(loss.mean()):12.3f} {loss.sum() / n_bytes:11.4f}"
        f" {(loss.sum() - nats_of(held_stories)) / len(held):17.2f}"
    )

# %% [markdown]
# The lower two rows are the better models, and the upper two have the better perplexity. With 258 tokens, which are
# single bytes, a 5-gram sees four letters; with 496 it sees four words. The floor per story is the same for all four,
# so the last column compares what can be compared.
#
# ## Two planted mistakes
#
# **The first: a score that is no probability.** It is tempting to skip the bookkeeping: take the longest context that
# has seen the token, and each time that one has not, go to the shorter one and multiply by 0.4. Brants and others
# (2007) did so with two trillion tokens. They called it *Stupid Backoff*, and were right to use it: a translator only
# compares scores. But suppose that somebody takes the scores for probabilities.


# %%
def stupid(level, p):
    return np.where(level.count > 0, level.count / level.total, 0.4 * p)


hundred = train[:100]
hundred_tables = [count(hundred, n) for n in (1, 2, 3, 4, 5)]
padded = [[BEGIN] * 4 + document for document in held[:10]]
contexts = [tuple(row[t - 4 : t]) for row in padded for t in range(4, len(row))]
hundred_found = levels(hundred, held, 5, V)
for name, rule in (("stupid backoff", stupid), ("Witten–Bell", witten_bell)):
    loss = -np.log(probabilities(hundred_found[0], rule, V)).mean()
    sums = [predict(hundred_tables, context, rule).sum() for context in contexts]
    print(f"{name:15} loss {loss:.3f}   all tokens sum to {np.mean(sums):.3f} on average")
print(f"Kneser–Ney      loss {-np.log(kneser_ney(hundred_found, 5, V)).mean():.3f}")

# %% [markdown]
# The impostor wins. It beats every honest model of the table above, because it hands out more than there is: each
# context promises 1 to what it has seen, and then something to the rest. No curve looks odd and no test of the loss
# complains. The sum over the vocabulary does, at once.
#
# **The second: the judge has read the text.** Measure the loss on the training text itself, and the larger $n$ looks
# the better. Gibbs promised that the plain frequencies are unbeatable there, and they are: they beat the floor.


# %%
SIZES, LONGEST = (100, 1_000, 10_000), 12
on_training, on_held = {}, {}
for size in SIZES:
    documents = long_world.train[:size]
    own = documents[:300]  # a part of what was counted
    own_floor = nats_of(long_stories[: len(own)]) / tokens_of(own)
    on_training[size] = [
        -np.mean(np.log(level.count / level.total)) - own_floor
        for level in levels(documents, own, LONGEST, long_world.V)[0]
    ]
    found = levels(documents, long_world.held, LONGEST, long_world.V)
    on_held[size] = [
        -np.log(kneser_ney(found, n, long_world.V)).mean() - long_world.floor for n in range(1, LONGEST + 1)
    ]
print("level 3, nats per token above the floor")
print("stories    n = 5: training, held out     n = 12: training, held out")
for size in SIZES:
    row = [values[n - 1] for n in (5, 12) for values in (on_training[size], on_held[size])]
    print(f"{size:7,} {row[0]:18.3f} {row[1]:9.3f} {row[2]:21.3f} {row[3]:9.3f}")
assert all(on_training[size][-1] < 0 for size in (100, 1_000))

# %% tags=["figure", "hide"] alt="Nats per token above the floor against the order n from 2 to 12, for level 3 and 100, 1,000 and 10,000 training stories. Solid lines, held out: all fall steeply to n of about 4 and then stay flat, near 1.4, 0.5 and 0.3. Dashed lines, the training text: the smallest text falls below the floor's line at n of 5, the middle one at n of 9; the largest reaches it at 12."
figure, axes = plt.subplots(figsize=(7.6, 4))
orders = np.arange(1, LONGEST + 1)
for color, size in zip(("orange", "green", "blue"), SIZES, strict=True):
    axes.plot(orders, on_held[size], "o-", color=COLORS[color], label=f"{size:,} stories, held out")
    axes.plot(orders, on_training[size], "o--", color=COLORS[color], label="training text", mfc="none")
axes.axhline(0, color=COLORS["red"], lw=1.2)
axes.text(1.85, 0.03, "floor", color=COLORS["red"], va="bottom")
axes.set(xlim=(1.8, 12.2), ylim=(-0.3, 2.7), xlabel="order $n$", ylabel="nats per token above the floor")
axes.set_xticks(range(2, 13))
axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, 1.2), columnspacing=1.2)
plt.show()

# %% [markdown]
# This is what **overfitting** looks like, in its purest form. The dashed lines go down to the red one and through it,
# the shortest text first, to where no honest loss can be. A long context has often been met just once, so its only
# follower gets the probability 1: the model recites. On new stories the same contexts are no help, and the solid
# lines go flat. (They do not rise, because Kneser–Ney knows when to ask the lower order. Plain frequencies would be
# at infinity.)
#
# ## Experiment 1: will more text do it?
#
# The held-out loss can be high for two reasons. The counts may be poor, because the text was short: more text cures it.
# Or the window may be short: nothing cures it. So give the models more text and watch. Bars are the standard deviation
# over three separate training texts (fewer where they do not fit).

# %%
ORDERS = (2, 3, 4, 5)


def curve(world, sizes):
    """Gap by training size and order: mean and standard deviation over up to three separate texts."""
    gaps = {}
    for size in sizes:
        runs = []
        for k in range(min(3, len(world.train) // size)):
            found = levels(world.train[k * size : (k + 1) * size], world.held, max(ORDERS), world.V)
            runs.append([-np.log(kneser_ney(found, n, world.V)).mean() - world.floor for n in ORDERS])
        gaps[size] = np.mean(runs, axis=0), np.std(runs, axis=0)
    return gaps


curves = {
    1: curve(first_world, (10, 30, 100, 300, 1_000, 2_000, 6_400)),
    3: curve(long_world, (30, 100, 300, 1_000, 3_000, 6_000, 20_000)),
}
for level, gaps in curves.items():
    print(f"level {level}, gap in nats per token:   " + "            ".join(f"n = {n}" for n in ORDERS))
    for size, (mean, spread) in gaps.items():
        row = "  ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True))
        print(f"{size:22,} stories  {row}")

# %% tags=["figure", "hide"] alt="Two panels: gap to the floor in nats per token against the number of training stories, on a logarithmic axis, for n of 2 to 5 with small error bars. Left, level 1: all four lines fall until about 300 stories and then run level, at 0.79, 0.32, 0.26 and 0.22. Right, level 3: the lines for n of 2 and 3 run level at 2.0 and 0.7; those for 4 and 5 still fall at 20,000 stories, at 0.39 and 0.31."
figure, panels = plt.subplots(1, 2, figsize=(10, 3.9))
for axes, (level, gaps), top in zip(panels, curves.items(), (1.4, 3.4), strict=True):
    for k, n in enumerate(ORDERS):
        color = COLORS[("orange", "green", "purple", "blue")[k]]
        means, spreads = np.array([[mean[k], spread[k]] for mean, spread in gaps.values()]).T
        axes.errorbar(list(gaps), means, spreads, fmt="o-", capsize=3, color=color, label=f"n = {n}")
    axes.axhline(0, color=COLORS["red"], lw=1.2)
    axes.text(max(gaps), 0.015 * top, "floor", color=COLORS["red"], ha="right", va="bottom")
    axes.set(xscale="log", ylim=(-0.03 * top, top), xlabel="stories counted", title=f"Level {level}")
panels[0].set_ylabel("gap, nats per token")
panels[1].legend()
plt.show()

# %% [markdown]
# At level 1 everything stands still. From 1,000 to 6,400 stories the 5-gram gains a few thousandths of a nat and
# stays at 0.22 above the floor, more than the floor itself. At level 3 the bigram has stopped and the trigram nearly,
# while the 5-gram still gains. It looks as if each order had a floor of its own. But that is what any curve seems to
# say where somebody stopped extending it. We can do better.
#
# ## Experiment 2: all the text there is
#
# Level 1 is finite. Its program makes about ten choices with a few options each, so its stories can be *listed*, every
# single one with its probability. To count on that list, each story weighted by its probability, is to count on a text
# of infinite length. What is lost then is lost for good.
#
# `minillama.data.stories` runs its story programs with different *narrators*: one throws dice, one reads a text back.
# We add one that tells everything. It is an odometer: take the first option wherever there is a choice, and after
# each story turn the last wheel that still can.


# %%
class Everything(Writer):
    """A narrator that tells every story of a program, one after the other."""

    def __init__(self):
        super().__init__("en")
        self.wheels = []  # for each choice on the way: [option taken, options there are]

    def settle(self, choice):
        if self.at == len(self.wheels):
            self.wheels.append([0, len(choice.words)])
        self.at += 1
        return self.wheels[self.at - 1][0]

    def stories(self, program):
        """Yield (sentences, nats) of every story."""
        while True:
            self._written, self.nats, self.at = [], 0.0, 0
            program(self)
            yield self._written, self.nats
            while self.wheels and self.wheels[-1][0] + 1 == self.wheels[-1][1]:
                self.wheels.pop()
            if not self.wheels:
                return
            self.wheels[-1][0] += 1


pieces, rows, costs = {}, [], []  # sentences are few: each is encoded once
for sentences, cost in Everything().stories(LEVELS[1]):
    row = []
    for i, sentence in enumerate(sentences):
        if sentence not in pieces:
            pieces[sentence] = tokenizer.encode(sentence if i else sentence[1:])
        row += pieces[sentence]
    rows.append(np.array([*row, END], dtype=np.int16))
    costs.append(cost)
chance = np.exp(-np.array(costs))
entropy = np.sum(chance * costs)
mean_length = np.sum(chance * [len(row) for row in rows])
print(f"{len(rows):,} stories; their probabilities sum to {chance.sum():.12f}")
print(
    f"entropy {entropy:.4f} nats a story, {mean_length:.2f} tokens, {entropy / mean_length:.4f} nats per token"
)
held_cost = [story.nats for story in held_stories]
error = np.std(held_cost) / np.sqrt(len(held_cost))
print(f"the held-out stories: {np.mean(held_cost):.2f} ± {error:.2f} nats a story")
listed = {tuple(row.tolist()): cost for row, cost in zip(rows[::97], costs[::97], strict=True)}
assert all(
    abs(Stories.nats(tokenizer.decode(list(row[:-1]))) - cost) < 1e-9
    for row, cost in islice(listed.items(), 200)
)

# %% [markdown]
# So many stories there are. (The parser confirms the nats of 200 of them.) The floor is no longer a mean over a sample:
# it is the entropy itself.
#
# Now the loss of an n-gram that has counted them all. Call $b$ a *beginning*: what has been told up to some token. It
# occurs with probability $P(b)$, and the truth about what follows is $p(w \mid b)$. The n-gram sees only the last
# $n - 1$ tokens of $b$. All beginnings that end alike form a group $g$, and the counts give them one common answer, the
# mean over the group:
#
# $$ q_n(w \mid g) = \frac{\sum_{b \in g} P(b)\, p(w \mid b)}{\sum_{b \in g} P(b)}, \qquad \text{gap}_n = \sum_b P(b)\; \mathrm{KL}\big(p(\cdot \mid b) \,\|\, q_n(\cdot \mid g(b))\big). $$
#
# By Gibbs no function of the last $n-1$ tokens does better than $q_n$: not a smoothed table, not a neural network with
# that window. This gap is the **price of forgetting**, the part of the loss that is long-range. (In the language of
# information theory it is the mutual information between the next token and what lies further back, given the window.)
#
# The beginnings form a tree: each node is one token longer than its parent. We build it column by column.


# %%
def tree_of(rows, chance):
    """Every beginning of every story once: its parent, its last token, its probability. Node 0 is empty."""
    longest = max(map(len, rows))
    table = np.full((len(rows), longest), -1, dtype=np.int16)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    alive, node = np.arange(len(rows)), np.zeros(len(rows), np.int64)
    parents, tokens, weights, size = [np.array([0])], [np.array([BEGIN])], [np.array([1.0])], 1
    for column in table.T:
        going_on = column[alive] >= 0
        alive, node = alive[going_on], node[going_on]
        names, place = np.unique(node * V + column[alive], return_inverse=True)
        parents.append(names // V)
        tokens.append(names % V)
        weights.append(np.bincount(place, chance[alive]))
        node, size = size + place, size + len(names)
    return np.concatenate(parents), np.concatenate(tokens), np.concatenate(weights)


parent, token, weight = tree_of(rows, chance)
del rows
truth = weight / weight[parent]  # p(last token | the rest of the beginning)
again = -np.sum(weight[1:] * np.log(truth[1:]))
print(f"{len(parent):,} beginnings; the tree's entropy, {again:.4f} nats a story, is the same")
assert abs(again - entropy) < 1e-9

# %% [markdown]
# Then the groups: at order 1 there is one, and each further order splits them by the token one step further back.
# Most beginnings are settled early: once the whole group agrees about what follows, no longer memory will change it,
# and they need not be looked at again. That makes it fast.


# %%
def price_of_forgetting(parent, token, weight, truth):
    """Yield, for n = 1, 2, ..., the gap in nats a story, split by the token that was to be predicted."""
    node = np.arange(1, len(parent))  # a node's own token is what is predicted; its parent is the context
    back, group = parent[node], np.zeros(len(node), np.int64)  # `back` walks towards the beginning
    while len(node):
        names, place = np.unique(group * V + token[node], return_inverse=True)
        sums = np.bincount(place, weight[node])
        totals = np.bincount(names // V, sums)
        q = (sums / totals[names // V])[place]
        yield np.bincount(token[node], weight[node] * np.log(truth[node] / q), minlength=V)
        open_ = (np.bincount(group, np.abs(q - truth[node]) > 1e-9) > 0)[group]
        node, back, group = node[open_], back[open_], group[open_]
        group = np.unique(group * V + token[back], return_inverse=True)[1]
        back = parent[back]  # before the beginning there is only BEGIN


forgotten = np.array(list(price_of_forgetting(parent, token, weight, truth)))
price = forgotten.sum(axis=1)  # nats a story, by order
del parent, token, weight, truth
print("  n    price of forgetting, nats a story    per token     share of the stories' own nats")
for n in (1, 2, 3, 4, 5, 10, 20, 30, 40, 49, 50):
    value = price[n - 1]
    print(f"{n:3} {value:24.3f} {value / mean_length:22.4f} {value / entropy:19.0%}")
needed = int(np.argmax(price < 1e-9)) + 1
print(f"the first order with nothing left to gain: {needed}")
assert np.all(np.diff(price) < 1e-9)

# %% [markdown]
# There it is, to as many digits as you like. A 5-gram with an *endless* training text loses 13.4 nats a story, in a
# world whose stories cost 11.8. More than half of its loss is neither the world's dice nor a lack of text. It is
# amnesia. (The flat ends of experiment 1 were right: 0.221 there, 0.219 here.) And the memory that it takes to lose
# nothing is not ten tokens, and not twenty. It is 49.
#
# What is being forgotten? The tree tells, since each term belongs to a token. And how far can one *really* get with
# 6,400 stories? For that, Kneser–Ney with windows of up to 50.


# %%
def ids_of(choice):
    """The tokens of a choice's words, where they are one token."""
    coded = [tokenizer.encode(" " + text) for word in choice.words for text in [word.key]]
    return [code[0] for code in coded if len(code) == 1]


FACTS = {
    "she or he": [tokenizer.encode(w)[0] for w in (" she", " he", " her", " his", " She", " He")],
    "red kite, blue ball, ...": ids_of(level1.COLOURS) + ids_of(level1.TOYS),
    "cat, mouse, ...": ids_of(level1.KINDS["f"]),
    "Mia, Tom, ...": ids_of(level1.NAMES),
    "brave or shy": ids_of(level1.TRAITS),
}
parts = {name: forgotten[:, ids].sum(axis=1) for name, ids in FACTS.items()}
parts["the rest"] = price - sum(parts.values())
print("forgotten by a 5-gram with endless text")
print("                      nats a story   order that remembers it all")
for name, part in parts.items():
    print(f"{name:26} {part[4]:6.2f} {int(np.argmax(part < 1e-9)) + 1:12}")

TRIED = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50)
learnt = {}
for size in (640, 6_400):
    found = levels(train[:size], held, max(TRIED), V)
    learnt[size] = [
        (-np.log(kneser_ney(found, n, V)).sum() - nats_of(held_stories)) / len(held) for n in TRIED
    ]
    best = int(np.argmin(learnt[size]))
    print(
        f"{size:,} stories: best at n = {TRIED[best]}, {learnt[size][best]:.1f} nats a story above the floor,"
        f" {price[TRIED[best] - 1]:.1f} of them forgetting"
    )

# %% tags=["figure", "hide"] alt="A staircase of stacked areas: the price of forgetting in nats a story against the order n from 3 to 52. It starts at 19 at n = 3, is 13.4 at 5, falls to a plateau of 6.8 between 17 and 25, and then in steps to exactly zero at 50. Colours show what is forgotten: she or he only up to 16; the weather and the like up to 27; brave or shy up to 40; the hero's name up to 41; the colour and toy up to 46; the kind of animal up to 50. Two lines for models trained on 640 and 6,400 stories follow the staircase down to n = 5 and about 10 and then leave it: they are lowest at 16, with 10.9 and 8.2 nats, and end at 11.7 and 9.7. A green line at 1.2 is marked the tour's LLaMA."
figure, axes = plt.subplots(figsize=(9, 5))
orders = np.arange(1, len(price) + 3)
shades = ("orange", "purple", "blue", "green", "red", "grey")
stacked = [np.append(part, [0.0] * (len(orders) - len(part))) for part in reversed(parts.values())]
axes.stackplot(
    orders,
    stacked,
    step="mid",
    colors=[COLORS[c] for c in reversed(shades)],
    alpha=0.55,
    labels=list(reversed(parts)),
)
for size, style in ((640, "s:"), (6_400, "o--")):
    axes.plot(TRIED, learnt[size], style, color=COLORS["grey"], lw=1.6, ms=4)
    label = f"learnt from {size:,} stories"
    axes.text(51.5, learnt[size][-1] + 0.25, label, ha="right", va="bottom")
axes.annotate(
    "a 5-gram,\nendless text:\n13.4",
    (5, price[4]),
    (7.6, 15.2),
    arrowprops={"arrowstyle": "->", "color": COLORS["grey"]},
)
axes.set(
    xlim=(2.5, 52),
    ylim=(0, 20),
    xlabel="order $n$: the model sees $n-1$ tokens back",
    ylabel="nats a story above the floor",
)
axes.axhline(0.02 * mean_length, ls="-.", color=COLORS["green"], lw=1.4)
axes.text(51.8, 0.02 * mean_length + 0.15, "the tour's LLaMA", color=COLORS["green"], ha="right", va="bottom")
handles, labels = axes.get_legend_handles_labels()
axes.legend(handles[::-1], labels[::-1], title="forgotten", loc="upper right", ncols=2)
plt.show()

# %% [markdown]
# This is the picture to remember. **The coloured part is amnesia.** Each step is something said once and wanted
# again. Whether the hero is *she* or *he* is remembered by an order of 16, for pronouns repeat it; *brave or shy* and
# the name take 40 and 41; the toy and its colour 46; the kind of animal, told in the first sentence and wanted in the
# last, takes 50. On the plateau between 17 and 25 a longer window buys nothing at all, since nothing is repeated at
# that distance.
#
# **The white part below a dashed line is lack of text.** The line of 6,400 stories follows the staircase down at
# first, and then leaves it. Its best order is 16, and there it is still 8.2 nats above the floor, 6.9 for forgetting
# and the rest for want of text. A longer window remembers more and is no better, for of the 5.5 million beginnings
# 6,400 stories of 61 tokens show 390,000 at the most, and a context that was never seen as a whole teaches nothing.
# Long memory costs text, exponentially; short memory costs nats. Every n-gram is caught between the two.
#
# And far below both runs the green line. Below it the LLaMA of chapter 01 ended, which had read 6,400 stories as
# well: a cell there asserts a gap of less than 0.02 nats per token. It looks back over the whole story, *and* it does
# not need to have seen the story before. For it the last sentence asks for the animal, whichever it was. Counting
# cannot say "whichever". To a table, *the little mouse* and *the little bear* are two addresses, with nothing in
# common.
#
# ## Experiment 3: grammar or memory?
#
# Level 3 is too large to be listed. But each of its stories says of each token what it takes to predict it (chapter
# 01's *skills*), and the dice's nats belong to *choice* alone. So the gap can be split. First the function, and a
# check against the package's own `gap_by_skill`.


# %%
def skills(stories, documents, tokenizer):
    """For each token: the skill it takes, how far back the same token stood last; nats of the dice by skill."""
    skill, distance, dice = [], [], Counter()
    for story, document in zip(stories, documents, strict=True):
        spans = story.derivation.spans
        ends = np.array([len(story.text[: span.end].encode()) for span in spans])
        for span in spans:
            dice[span.skill] += span.nats
        at, last = 0, {}
        for i, t in enumerate(map(int, document)):
            piece = b"" if t == tokenizer.eos_id else tokenizer.token_bytes(t)
            begin = at + len(piece) - len(piece.lstrip(b" "))  # the first byte that is no space
            span = min(int(np.searchsorted(ends, begin, side="right")), len(spans) - 1)
            skill.append(spans[span].skill)
            distance.append(i - last[t] if t in last else 10**6)
            at, last[t] = at + len(piece), i
    return np.array(skill), np.array(distance), dice


def split(nats, skill, dice):
    """Gap by skill: nats of the model minus nats of the dice, over all tokens of the skill."""
    return {name: nats[skill == name].sum() - dice[name] for name in sorted(set(skill))}


skill, _, dice = skills(few, encode(few), tokenizer)
mine = split(np.array(nats), skill, dice)
theirs = gap_by_skill(Counting(kn_tables, absolute), tokenizer, [story.text for story in few])
for name, gap in theirs.items():
    assert abs(gap.model_nats - gap.story_nats - mine[name]) < 1e-6
print("gap by skill, on the 12 stories of the check: equal to the package's gap_by_skill")

# %%
skill, distance, dice = skills(long_held_stories, long_world.held, long_tokenizer)
MOST = 6
found = levels(long_world.train, long_world.held, MOST, long_world.V)
nats_by_order = {n: -np.log(kneser_ney(found, n, long_world.V)) for n in range(1, MOST + 1)}
by_skill = {n: split(nats, skill, dice) for n, nats in nats_by_order.items()}
total = {n: sum(gaps.values()) for n, gaps in by_skill.items()}
print("level 3,         share of    ----- gap, nats per token of the skill -----   of the gap")
print("20,000 stories     tokens   n = 2    n = 3    n = 4    n = 5    n = 6          at n = 5")
for name in sorted(by_skill[5], key=by_skill[5].get, reverse=True):
    n_tokens = np.sum(skill == name)
    row = "".join(f"{by_skill[n][name] / n_tokens:9.3f}" for n in (2, 3, 4, 5, 6))
    print(f"{name:16} {n_tokens / len(skill):7.1%} {row} {by_skill[5][name] / total[5]:12.0%}")

# %% [markdown]
# Grammar is what n-grams are good at: from 1.8 nats per token at $n = 2$ to less than a tenth at 6, and falling.
# Copying stops at 1.6. It is a twelfth of the tokens and *almost half of the gap*. And two-hop facts, which follow
# from two things told apart, stop at 1. Is it really distance? For each token that is to be copied, we know how far
# back the same token stood last.

# %%
EDGES = (3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 400)
copied = {}
print("tokens to be copied: nats per token (± standard error), by distance to the last time")
print("distance        tokens      n = 3          n = 4          n = 5          n = 6")
for low, high in zip(EDGES[:-1], EDGES[1:], strict=True):
    here = (skill == "copy") & (distance >= low) & (distance < high)
    for n in (3, 4, 5, 6):
        sample = nats_by_order[n][here]
        copied[n, low] = sample.mean(), sample.std() / np.sqrt(here.sum())
    row = "    ".join("{:.2f} ± {:.2f}".format(*copied[n, low]) for n in (3, 4, 5, 6))
    print(f"{low:3} to {high - 1:3} {here.sum():10,}      {row}")

# %% tags=["figure", "hide"] alt="Two panels, level 3. Left: gap in nats per token, on a logarithmic axis, against the order n from 1 to 6 for six skills. All start near 5 to 6; grammar and ending fall to below 0.1 and keep falling; choice and rule fall to 0.2 to 0.3; two-hop and copy bend and run level at 1.0 and 1.6. Right: nats per token for words to be copied against the distance to the word's last occurrence, for n of 4, 5 and 6. Within the window, distances up to 3, 4 and 5, the loss is near 0.1 to 0.8; beyond 8 tokens all three lie together between 1.2 and 2.7."
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
styles = {
    "copy": "red",
    "two-hop": "purple",
    "rule": "grey",
    "choice": "green",
    "grammar": "blue",
    "ending": "orange",
}
for name, color in styles.items():
    values = [by_skill[n][name] / np.sum(skill == name) for n in range(1, MOST + 1)]
    left.semilogy(range(1, MOST + 1), values, "o-", color=COLORS[color])
    nudge = {"rule": 1.0, "choice": 1.0, "grammar": 1.02, "ending": 0.95}.get(name, 1.0)
    left.text(6.12, values[-1] * nudge, name, color=COLORS[color], va="center")
left.set(xlim=(0.8, 7.2), ylim=(0.03, 9), xlabel="order $n$", ylabel="gap, nats per token of the skill")
left.set_xticks(range(1, 7))
left.set_title("What falls and what stays")
for n, style, color in ((4, "s-", "green"), (5, "o-", "blue"), (6, "^-", "orange")):
    middle = [np.sqrt(low * (high - 1)) for low, high in zip(EDGES[:-1], EDGES[1:], strict=True)]
    means, errors = np.array([copied[n, low] for low in EDGES[:-1]]).T
    right.errorbar(
        middle, means, errors, fmt=style, color=COLORS[color], capsize=2, label=f"n = {n}, sees {n - 1} back"
    )
right.set(xscale="log", ylim=(0, 3), xlabel="distance to the same token, in tokens", ylabel="nats per token")
right.set_xticks([3, 5, 10, 20, 50, 100, 200], ["3", "5", "10", "20", "50", "100", "200"])
right.minorticks_off()
right.set_title("Words to be copied")
right.legend(loc="lower right")
plt.show()

# %% [markdown]
# Go along a row of the table. At distance 3 the 3-gram is lost (4.1 nats), the 4-gram sees the word for the first time
# and the loss drops to a fifth; at distance 5 it is the 6-gram that sees it. From distance 8 on the last three columns
# hardly differ: no model sees the word, and all that is left is to guess from habit.
#
# ## What it tells
#
# Tell 400 stories with the plain counts of each order, let the parser judge, and ask of each valid story whether it
# stands word for word in the training text.


# %%
def is_story(text):
    try:
        return Stories.parse(text).level == 1
    except StoryError:
        return False


known = {story.text for story in stories}
judged = {}
print("  n   valid   valid and not in the training text   (of 400 told)")
for n in (2, 3, 5, 10, 20, 30, 35, 40, 45, 50):
    table, dice = count(train, n), random.Random(n)
    told = [tell(table, n, dice) for _ in range(400)]
    valid = [text for text in told if is_story(text)]
    judged[n] = len(valid), sum(text not in known for text in valid)
    print(f"{n:3} {judged[n][0]:7} {judged[n][1]:12}")
assert judged[5][0] == 0
assert max(new for _, new in judged.values()) < 20

# %% tags=["figure", "hide"] alt="Per cent of 400 told stories that are valid, against the order n from 2 to 50: zero up to 20, then a steep rise through 50 per cent at 40 to 100 at 50. A second line, valid stories that are not in the training text, lies on the bottom, at most half a per cent."
figure, axes = plt.subplots(figsize=(7.2, 3.5))
axes.plot(list(judged), [v / 4 for v, _ in judged.values()], "o-", color=COLORS["blue"])
axes.plot(list(judged), [new / 4 for _, new in judged.values()], "s-", color=COLORS["red"])
axes.text(38.6, 62, "valid", color=COLORS["blue"], ha="right")
axes.text(50, 5, "valid and new", color=COLORS["red"], ha="right", va="bottom")
axes.set(xlabel="order $n$", ylabel="per cent of 400 stories", ylim=(-3, 104))
plt.show()

# %% [markdown]
# Not one story of the 5-gram holds together. With longer windows the stories become valid, and in the same measure they
# become *quotations*. Between nonsense and recitation a table has almost nothing to offer. The tour's model told valid
# stories in more than nine cases of ten, and most of its stories stood nowhere in its training text.
#
# ## A memory without aim
#
# One could try to cure the amnesia cheaply. Words that were said will be said again, so mix the 5-gram with the share
# that each token has in what was told so far, a *cache* (Kuhn and De Mori, 1990):
#
# $$ q = (1 - \beta)\,q_5 + \beta\,q_\text{cache}. $$


# %%
def cache_share(documents, window=200):
    """For each token, its share among the last `window` tokens of its document."""
    shares = []
    for document in documents:
        recent = Counter()
        for i, t in enumerate(document.tolist()):
            shares.append(recent[t] / max(min(i, window), 1))
            recent[t] += 1
            if i >= window:
                recent[int(document[i - window])] -= 1
    return np.array(shares)


play_found = levels(play_world.train, play_world.held, 5, play_world.V)
play_5 = kneser_ney(play_found, 5, play_world.V)
print("change of the loss, nats per token, when β of the probability goes to the cache")
print("                 β = 0.01     0.02     0.05     0.10")
for name, q, documents in (
    ("level 3", np.exp(-nats_by_order[5]), long_world.held),
    ("Shakespeare", play_5, play_world.held),
):
    share = cache_share(documents)
    changes = [np.mean(np.log(q / ((1 - b) * q + b * share))) for b in (0.01, 0.02, 0.05, 0.1)]
    print(f"{name:16}", "".join(f"{change:+9.3f}" for change in changes))

# %% [markdown]
# On Shakespeare it helps a little. On the stories it only hurts. There are two heroes, two animals, several colours,
# and the cache remembers them all, all the time; what is missing is *which one, now*. A memory is worth what its
# address is worth. [Chapter 07](07_attention.md) builds one that is addressed by content: attention.
#
# ## Text without a floor
#
# Nobody knows the entropy of English. All that a model of Shakespeare can prove is an upper bound: by Gibbs, its
# cross-entropy is above the truth, if it is measured on text that it has not seen.

# %%
play_bytes = len(plays[2].encode())
print("Shakespeare, 1,024 tokens   nats per token    nats per byte    bits per byte")
for n in (1, 2, 3, 4, 5):
    loss = -np.log(kneser_ney(play_found, n, play_world.V))
    row = loss.mean(), loss.sum() / play_bytes, loss.sum() / play_bytes / np.log(2)
    print(f"n = {n} {row[0]:33.3f} {row[1]:16.3f} {row[2]:16.2f}")

# %% [markdown]
# A word trigram that had counted 583 million words came to 1.75 bits per character on other English (Brown and others,
# 1992, who present it as an upper bound for just this reason). Shannon (1951) let people guess letter by letter, with
# the last hundred letters before their eyes, and computed from their success that the entropy of English without
# punctuation lies between 0.6 and 1.3 bits per letter. Different texts and alphabets, so not to be subtracted from each
# other. But Shannon's readers looked back over a hundred letters and our 5-gram looks over some ten, and that will be
# part of the difference.
#
# What part of our 2.1 bits is dice, what is lack of text and what is amnesia? For the plays, no one can say. That is
# why this book keeps a small world beside them.
#
# ## In the real LLaMA
#
# **A counting model chose its food.** Two thirds of LLaMA 1's training text, 67%, came from the web, through a
# pipeline called CCNet that "filters low quality content with an n-gram language model" (section 2.1 and Table 1 of
# the paper). CCNet (Wenzek and others, 2020) trains a Kneser–Ney 5-gram on Wikipedia, and sorts pages by its
# perplexity: what Wikipedia's habits make surprising is likely to be no good prose. Head, middle and tail are cut at
# its 30th and 60th percentile (in the published code); which of them LLaMA kept, its paper does not say. Our own
# small version, with Shakespeare for a Wikipedia:

# %%
shuffled = plays[2][5_000:5_600].split()
random.Random(0).shuffle(shuffled)
pages = {
    "Shakespeare, unseen": plays[2][5_000:5_600],
    "his words, shuffled": " ".join(shuffled),
    "a story of level 3": long_held_stories[0].text,
    "the same in Portuguese": long_held_stories[0].derivation.render("pt"),
    "a web page": "HOME | LOGIN | CART (0)\nBUY NOW!!! Best price $19.99 -70% *** FREE shipping ***\n"
    "Copyright 2019 Example Ltd. All rights reserved. Cookies | Terms | FAQ | Contact us\n" * 2,
}
coded = [np.array(play_tokenizer.encode(page), dtype=np.int32) for page in pages.values()]
surprise = -np.log(kneser_ney(levels(play_world.train, coded, 5, play_world.V), 5, play_world.V))
ends = np.cumsum([len(ids) for ids in coded])
print("                         perplexity per token    nats per byte")
for (name, page), loss in zip(pages.items(), np.split(surprise, ends[:-1]), strict=True):
    print(f"{name:24} {np.exp(loss.mean()):16,.0f} {loss.sum() / len(page.encode()):19.2f}")

# %% [markdown]
# Prose comes first, then words without order, and junk last: the filter does what it should. But look at the fourth
# line. It is the very story of the third, told in flawless Portuguese. What such a model measures is not quality but
# likeness to its own text, and so CCNet first finds out the language of a page and has one model for each. Chapter 12
# comes back to it.
#
# **Nobody stopped counting.** Brants and others (2007) counted up to two trillion tokens, and had 300 billion
# different n-grams. Liu and others (2024) built an index of five trillion tokens in which the window may be as long
# as it likes (*Infini-gram*): the longest context that occurs at all predicts 47% of the tokens of human text
# correctly, where a 5-gram gets 29% (their project page). Mixed with a neural model it lowers the perplexity of even
# the largest LLaMA 2. That is the right half of our staircase, on real text: with enough text a long window pays. And
# it is quotation, as in *What it tells*.
#
# **LLaMA's own loss** is this chapter's: mean nats per token, on a vocabulary of 32,000 (Figure 1 of the paper). It is
# a cross-entropy without a known floor, and comparable only to losses with the same tokenizer.
#
# ## Your predictions

# %%
hundred_table = count(train[:100], 5)
measured = (
    needed - 1,
    price[4],
    judged[5][0] / 4,
    100 * np.mean([impossible(hundred_table, 5, document) for document in held]),
)
for (question, guess), value in zip(prediction.items(), measured, strict=True):
    print(f"{question}:\n    you said {guess:g}, measured {value:.3g}")

# %% [markdown]
# ## Exercises
#
# - [03.1](../exercises/03_1_count_ngrams.md): count n-grams, with what stands before the first token.
# - [03.2](../exercises/03_2_add_alpha.md): add α to every count.
# - [03.3](../exercises/03_3_perplexity.md): perplexity of a padded batch.
# - [03.4](../exercises/03_4_mixture_weights.md): find the weights of a mixture on a third text.
# - [03.5](../exercises/03_5_kneser_ney.md): Kneser–Ney for a bigram.
#
# ## What you can now do
#
# - Build an n-gram model with honest probabilities, and prove that they are honest by adding them up.
# - Say what cross-entropy, perplexity, bits and nats per byte are, turn one into the other, and ask "per what?".
# - Prove in three lines that no model beats the entropy.
# - Tell lack of text from lack of memory, and say which one more text cures.
# - Recognise overfitting, leaked test text and unnormalised scores by a loss that is too good.
#
# Next: the table's cells know nothing of each other. [Chapter 04](04_backpropagation.md) keeps the short window, and
# puts in place of the table a function whose parts are shared by all contexts. It has to be trained, and for that we
# need gradients.
#
# ## References
#
# - A. A. Markov (1913), translated 2006 as *An example of statistical investigation of the text Eugene Onegin
#   concerning the connection of samples in chains*, Science in Context 19(4), 591–600.
# - C. E. Shannon (1948), *A mathematical theory of communication*, Bell System Technical Journal 27, section 3: the
#   ladder of approximations to English; (1951), *Prediction and entropy of printed English*, ibid. 30, 50–64.
# - F. Jelinek, R. L. Mercer (1980), *Interpolated estimation of Markov source parameters from sparse data*.
# - I. H. Witten, T. C. Bell (1991), *The zero-frequency problem*, IEEE Transactions on Information Theory 37(4).
# - H. Ney, U. Essen, R. Kneser (1994), *On structuring probabilistic dependences in stochastic language modelling*,
#   Computer Speech and Language 8, 1–38: absolute discounting and its estimate.
# - R. Kneser, H. Ney (1995), *Improved backing-off for m-gram language modeling*, ICASSP, 181–184.
# - S. F. Chen, J. Goodman (1999), *An empirical study of smoothing techniques for language modeling*, Computer Speech
#   and Language 13, 359–394. Still the best introduction.
# - R. Kuhn, R. De Mori (1990), *A cache-based natural language model for speech recognition*, IEEE Transactions on
#   Pattern Analysis and Machine Intelligence 12(6), 570–583.
# - P. F. Brown and others (1992), *An estimate of an upper bound for the entropy of English*, Computational Linguistics
#   18(1), 31–40.
# - T. Brants and others (2007), *Large language models in machine translation*, EMNLP-CoNLL, 858–867.
# - K. Heafield (2011), *KenLM: faster and smaller language model queries*, WMT; its estimation program is `lmplz`.
# - G. Wenzek and others (2020), *CCNet: extracting high quality monolingual datasets from web crawl data*, arXiv
#   1911.00359; its code is in `facebookresearch/cc_net`.
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.1 and Figure 1.
# - J. Liu and others (2024), *Infini-gram: scaling unbounded n-gram language models to a trillion tokens*, arXiv
#   2401.17377.
# - T. M. Cover, J. A. Thomas (2006), *Elements of information theory*, 2nd edition, chapter 2: Gibbs' inequality there
#   is called the information inequality.
