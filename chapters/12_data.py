# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 12 · Data
#
# **Question.** Most of a web page is not text, most text is not worth reading, and much of what is worth it stands
# there twice. How did LLaMA get from five dumps of the web to 1.4 trillion tokens, and what was thrown away wrongly?
#
# A training set is not found, it is made, in six steps that anybody can write down: take the text out of the pages,
# keep the languages one wants, drop what looks like rubbish, drop what has been seen, mix the sources, cut the result
# into rows. Each step is an opinion in code. A rule that wants sentences throws away poems; a rule that hates
# repetition throws away nursery rhymes.
#
# The trouble with opinions about the web is that nobody knows the truth about it. So we build a crawl of which we
# know everything: which pages are articles, which are spam, which are copies of which. Then every step can be marked
# like an exam. At the end a small LLaMA shows why the copies had to go.

# %%
import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import math
import re
import tempfile
from collections import Counter
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

import datasketch
import matplotlib.pyplot as plt
import numpy as np
import torch

from minillama.book.plotting import COLORS, use_style
from minillama.data import filters, minhash, mixture
from minillama.data.classifier import train_classifier
from minillama.data.cleaning import parts
from minillama.data.corpora import read_corpus
from minillama.data.datasets import cached
from minillama.data.html import extract_text
from minillama.data.language import language_of
from minillama.data.packing import one_per_row, stream
from minillama.data.pages import pages, reference_text
from minillama.data.pipeline import make
from minillama.data.recipe_files import recipe_from
from minillama.data.shards import broken_files, open_shards
from minillama.data.stories import Stories

use_style()
torch.set_num_threads(1)

# %% [markdown]
# ## Predict first
#
# Put your own guesses in place of these. The end of the chapter compares.

# %%
prediction = {
    "times that LLaMA 65B read a token of Wikipedia": 1.0,
    "per cent of good stories that the quality rules throw away": 1.0,
    "similarity of a text and a copy with one word in twenty changed": 0.95,
    "standard error of a similarity of 0.5 read from 128 numbers": 0.01,
    "nats below the floor, for a story that a small corpus holds 32 times": 1.0,
}

# %% [markdown]
# ## The recipe of 2023
#
# Table 1 of the LLaMA paper fits on a card. A *share* is a part of the tokens drawn. *Epochs* says how often each
# document of the source was read, on average, in the run of 1.4 trillion tokens, that of the two larger models.

# %%
TABLE_1 = {  # share in per cent, epochs, size on disk in GB
    "CommonCrawl": (67.0, 1.10, 3300),
    "C4": (15.0, 1.06, 783),
    "GitHub": (4.5, 0.64, 328),
    "Wikipedia": (4.5, 2.45, 83),
    "Books": (4.5, 2.23, 85),
    "ArXiv": (2.5, 1.06, 92),
    "StackExchange": (2.0, 1.03, 78),
}
BUDGET = 1.4e12
print("source         drawn, 10^9   epochs   there are, 10^9   bytes a token")
unique = 0.0
for name, (share, epochs, size) in TABLE_1.items():
    drawn = share / 100 * BUDGET
    there = drawn / epochs
    unique += there
    bytes_ = size * 1e9 / there  # a token
    tokens_ = f"{drawn / 1e9:10.0f} {epochs:10.2f} {there / 1e9:15.0f}"
    print(f"{name:14} {tokens_} {bytes_:15.1f}")
print(f"all            {BUDGET / 1e9:10.0f} {BUDGET / unique:10.2f} {unique / 1e9:15.0f}")

# %% [markdown]
# All columns but the epochs are ours, from $\text{drawn} = \text{share} \times 1.4 \cdot 10^{12}$ and
# $\text{epochs} = \text{drawn} / \text{there are}$. They are a check on the table: divide its sizes by the tokens
# that there are, and every source comes out at 2.8 to 4 bytes a token, the web highest and LaTeX lowest. That is what
# a vocabulary of 32,000 should give: in [chapter 02](02_tokens.md) Mistral's came to 4.1 bytes a token on an
# English sentence and to 3.2 on a line of Python. (Why books are so low the paper does not say.) Together there were
# some 1.26 trillion different tokens, and most of them were read once.
#
# The shares are an opinion too. By its tokens alone Wikipedia would have got 2 % (26 of 1,263 billion). It was given
# 4.5, and so was read two and a half times, while a third of GitHub was never read at all.

# %% tags=["figure", "hide"] alt="Horizontal bars for the seven sources. Left, share of the tokens drawn in per cent: CommonCrawl 67, C4 15, GitHub, Wikipedia and Books 4.5 each, ArXiv 2.5, StackExchange 2. Right, epochs: Wikipedia 2.45 and Books 2.23 stand out, GitHub is at 0.64, all others just above the line at one"
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4), sharey=True)
names = list(TABLE_1)[::-1]
for axes, column, title in ((left, 0, "share of the tokens, %"), (right, 1, "epochs, times read")):
    values = [TABLE_1[name][column] for name in names]
    axes.barh(names, values, color=COLORS["blue" if column == 0 else "orange"], height=0.65)
    for place, value in enumerate(values):
        axes.text(value, place, f" {value:g}", va="center", fontsize=9)
    axes.set(xlabel=title)
    axes.grid(axis="y", visible=False)
right.axvline(1, ls=":", color=COLORS["grey"])
left.set_xlim(0, 78)
right.set_xlim(0, 2.9)
plt.show()

# %% [markdown]
# ## A crawl that we know everything about
#
# `minillama.data.pages` makes web pages. Page number $i$ is a function of $i$. Some hold stories, some dry prose as
# an encyclopaedia would cite it, some the chatter of customers, some are in Portuguese, some are rubbish of five
# kinds. About one in eight is a *copy* of an earlier page in another wrapping, and half of the copies have some words
# changed, at most a tenth. What a page is, it says itself. The steps below do not ask; only the marking does.

# %%
crawl = list(pages(seed=1, count=800))
kinds = Counter("copy" if page.copy_of is not None else page.kind for page in crawl)
print(dict(kinds.most_common()))
article = sum(len("\n".join(page.paragraphs)) for page in crawl)
whole = sum(len(page.html) for page in crawl)
print(f"article / page: {article / whole:.0%} of the characters")
example = next(page for page in crawl if page.kind == "reference")
print(example.html[:700])

# %% [markdown]
# ## Step 1: the text out of the page
#
# Deleting everything between `<` and `>` keeps the menu, the cookie banner and the program in the `<script>`. A
# person sees at once which box holds the article: it has long lines and few links. That is nearly an algorithm. Cut
# the page into blocks; a block stays if it is long, and if little of it is link.


# %%
class Blocks(HTMLParser):
    """Cuts a page into blocks, each as [text, characters of it that are link]."""

    INLINE = ("a", "b", "i", "em", "strong", "span", "code", "br")

    def __init__(self, page):
        super().__init__()
        self.blocks, self.in_link, self.hidden = [["", 0]], 0, 0
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.in_link += tag == "a"
        self.hidden += tag in ("script", "style")
        if tag not in self.INLINE:
            self.blocks.append(["", 0])

    def handle_endtag(self, tag):
        self.in_link -= tag == "a"
        self.hidden -= tag in ("script", "style")
        if tag not in self.INLINE:
            self.blocks.append(["", 0])

    def handle_data(self, text):
        if not self.hidden:
            self.blocks[-1][0] += text
            self.blocks[-1][1] += len(text) * (self.in_link > 0)


def our_text(page, shortest=100, most_link=0.3):
    blocks = [(text.strip(), link) for text, link in Blocks(page).blocks]
    kept = [t for t, link in blocks if len(t) >= shortest and link <= most_link * len(t)]
    return "\n".join(kept)


messy = """<html><head><title>Corn pudding &#8212; Ann's kitchen</title>
<style>p{margin:0}</style><script>track("p<b");</script></head><body>
<div id=top><a href=/>Home</a> | <a href=/all>All 312 recipes</a> |
<a href=/me>About me</a></div>
<div class=c>We use cookies. By using this page you agree to our use of cookies,
thank you!</div>
<div><p>My grandmother made this pudding when the first corn came in, and she made it in a
<b>black iron pan</b> that nobody else was allowed to wash.
<p>Stir the eggs &amp; the milk, add the corn, and bake it until a knife comes out clean.
<p>Serves six.
<div><a href=/p/1>You may also like: the ten best pies of the summer, number 7 will
surprise you</a></div></div><p>Posted by Ann. <a href=#c>14 comments</a></body>"""
print("TAGS DELETED:", " ".join(re.sub(r"<[^>]*>", "", messy).split())[:230], "...\n")
print("OURS:", our_text(messy, shortest=80), "\n")
print("TRAFILATURA:", extract_text(messy))

# %% [markdown]
# Ours needs a number, the shortest block, and every choice is wrong somewhere. Here, at 80 characters, *Serves six*
# is lost, which belongs to the recipe. The library trafilatura saves it, and with it *Posted by Ann*. Two numbers
# say how good an extractor is, in characters: **recall**, the share of the articles that comes out, and
# **precision**, the share of what comes out that belongs to an article.

# %%
with_prose = [page for page in crawl if page.paragraphs]


def character_scores(extract, *settings):
    """Precision and recall in lines, weighted by their characters."""
    right = found = wanted = 0
    for page in with_prose:
        lines, truth = extract(page.html, *settings).split("\n"), set(page.paragraphs)
        right += sum(len(line) for line in lines if line in truth)
        found += sum(map(len, lines))
        wanted += sum(map(len, truth))
    return right / found, right / wanted


for limit in (20, 60, 100, 200, 300):
    precision, recall = character_scores(our_text, limit)
    print(f"shortest block {limit:3}: precision {precision:6.1%}, recall {recall:6.1%}")
precision, recall = character_scores(extract_text)
print(f"trafilatura        : precision {precision:6.1%}, recall {recall:6.1%}")
assert precision == recall == 1

# %% [markdown]
# On pages as regular as these one number is enough, and trafilatura makes no mistake at all. The real web has pages
# made by a hundred thousand hands, so the package leaves this step to a library that has been tuned on them for
# years, and adds what a crawl needs around it: a bound on the size, and an encoding that is found by rule.
#
# ## Step 2: the language
#
# A naive Bayes classifier over byte n-grams (`py3langid`; LLaMA's pipeline used fastText, a linear model over
# character n-grams) gives a language and a probability. What counts is what happens to texts that are hardly text.

# %%
texts = [extract_text(page.html) for page in crawl]
probes = {
    "a story": next(iter(Stories(0))).text,
    "the same in Portuguese": next(iter(Stories(0, "pt"))).text,
    "two words": "the cat",
    "a line of code": "for i in range(10): print(x[i] + y[i])",
    "a name and a number": "Nokia 3310, 49.99",
    "half and half": "The cat sat on the mat. O gato comeu o rato na cozinha da avó.",
}
for what, text in probes.items():
    code, probability = language_of(text)
    print(f"{what:24} {code:4} {probability:.2f}")

# %% [markdown]
# A short text has no language: `pcm` is Nigerian Pidgin and `lt` is Lithuanian. So a threshold on the probability
# does two things at once: it removes other languages, and it removes what is too short or too odd to have one. CCNet,
# the pipeline that LLaMA used for its crawl, asks for one half, and so do we.
#
# ## Step 3: rules about quality
#
# The package has most of the rules of two papers: Gopher's (Rae and others, 2021, appendix A) and C4's (Raffel and
# others, 2020, section 2.2). Here are two from nothing.


# %%
def too_few_stop_words(text):
    """Gopher: English has at least two of these eight."""
    words = {word.lower() for word in text.split()}
    return len(words & {"the", "be", "to", "of", "and", "that", "have", "with"}) < 2


def share_in_repeats(text, n):
    """Share of the characters in n-word sequences that recur, each counted once."""
    words = text.split()
    grams = [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]
    often = {gram for gram, count in Counter(grams).items() if count > 1}
    inside = {k + j for k, gram in enumerate(grams) if gram in often for j in range(n)}
    return sum(len(words[k]) for k in inside) / max(1, sum(map(len, words)))


for text in texts:
    measured = filters.Measured(text)
    assert too_few_stop_words(text) == filters.RULES["stop words"].broken(measured)
    assert math.isclose(share_in_repeats(text, 5), measured.characters_in_repeated(5))
for rule in filters.RULES.values():
    print(f"{rule.name:18} {rule.source:17} {rule.wants}")

# %% [markdown]
# Now the exam. Every page of the crawl goes through language and rules, and the first objection decides.

# %%
RULES = filters.rules_named(["gopher", "c4"])


def fate(text):
    if not text:
        return "no text"
    code, probability = language_of(text)
    if code != "en" or probability < 0.5:
        return "language"
    return filters.first_broken(text, RULES) or "stays"


fates = [fate(text) for text in texts]
by_kind = {}
for page, what in zip(crawl, fates, strict=True):
    by_kind.setdefault(page.kind, Counter())[what] += 1
for kind, counts in by_kind.items():
    print(f"{kind:10}", ", ".join(f"{what} {n}" for what, n in counts.most_common(4)))
told = by_kind["story"]
wrongly = 1 - told["stays"] / told.total()
print(f"good stories thrown away: {wrongly:.0%}")

# %% tags=["figure", "hide"] alt="Stacked horizontal bars, one for each kind of page. No page without prose stays: menus and spam go for want of stop words, stubs for too few words, symbols and lorem by language. Foreign pages all go by language. Reference and chatter pages all stay. Of the stories about six in seven stay; the rest is thrown away for repeated word sequences"
groups = ["stays", "no text", "language", "stop words", "too few words", "repetition"]
group_of = lambda what: what if what in groups else "repetition"
figure, axes = plt.subplots(figsize=(8.6, 3.7))
order = ["story", "reference", "chatter", "foreign", "menu", "spam", "stub", "symbols", "lorem"]
begin = np.zeros(len(order))
shades = ["green", "grey", "purple", "orange", "blue", "red"]
for group, shade in zip(groups, shades, strict=True):
    part = [
        sum(n for what, n in by_kind[kind].items() if group_of(what) == group) / by_kind[kind].total()
        for kind in order
    ]
    if sum(part):
        axes.barh(order, part, left=begin, color=COLORS[shade], label=group, height=0.7)
        begin += part
axes.invert_yaxis()
axes.set(xlabel="share of the pages of a kind", xlim=(0, 1))
axes.grid(axis="y", visible=False)
axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# Two readings. **No single rule does it.** Code and lorem ipsum have no language, menus and keywords no stop words,
# and a stub is good English but short. And **one story in seven is thrown away, for nothing.** Each is good English
# too, by construction. A page that holds two to four stories says many things twice, as storytellers do, and Gopher's
# limit on repeated five-word sequences does not ask why.
#
# It is not only our stories. Ask the rules about texts that a schoolbook would print:

# %%
REAL = {
    "The House that Jack Built": """This is the farmer sowing the corn,
That kept the cock that crowed in the morn,
That waked the priest all shaven and shorn,
That married the man all tattered and torn,
That kissed the maiden all forlorn,
That milked the cow with the crumpled horn,
That tossed the dog,
That worried the cat,
That killed the rat,
That ate the malt
That lay in the house that Jack built.
This is the cow with the crumpled horn,
That tossed the dog,
That worried the cat,
That killed the rat,
That ate the malt
That lay in the house that Jack built.""",
    "Ozymandias, Shelley": """I met a traveller from an antique land
Who said: Two vast and trunkless legs of stone
Stand in the desert. Near them, on the sand,
Half sunk, a shattered visage lies, whose frown,
And wrinkled lip, and sneer of cold command,
Tell that its sculptor well those passions read
Which yet survive, stamped on these lifeless things,
The hand that mocked them and the heart that fed:
And on the pedestal these words appear:
"My name is Ozymandias, king of kings:
Look on my works, ye Mighty, and despair!"
Nothing beside remains. Round the decay
Of that colossal wreck, boundless and bare
The lone and level sands stretch far away.""",
    "a shopping list": "\n".join(
        f"- {what}" for what in ("milk and butter", "bread", "eggs", "the good cheese")
    ),
    "a Portuguese story": next(iter(Stories(4, "pt"))).text,
    "three lines of Python": "def area(r):\n    # of a circle\n    return 3.14 * r ** 2",
}
for what, text in REAL.items():
    print(f"{what}: {', '.join(filters.broken_rules(text, RULES)) or 'breaks none'}")

plays = read_corpus(cached("shakespeare"))
scenes = [part for play in plays for part in parts(play, 4000)]
counts = Counter(filters.first_broken(scene, RULES) for scene in scenes)
lost = 1 - counts[None] / len(scenes)
print(f"\nShakespeare: {lost:.0%} of {len(scenes)} parts thrown away,")
print("for", ", ".join(f"{what} {n}" for what, n in counts.most_common(4) if what))

# %% [markdown]
# The nursery rhyme goes for repeating itself, the sonnet because its lines do not end like sentences, and more than
# four in ten parts of Shakespeare with it. The Portuguese story goes for lack of English stop words: **a rule without
# a language is an English rule.** C4's own reading of *line ends* is worse for verse than ours: it keeps the page and
# drops every line that does not end in punctuation. What is left of a poem then, nobody has written.
#
# A filter is judged by what it throws away. Look at twenty of them before you run it on twenty billion.
#
# ### A classifier instead of a rule
#
# LLaMA added one more opinion: "we trained a linear model to classify pages used as references in Wikipedia v.s.
# randomly sampled pages, and discarded pages not classified as references" (section 2.1). Ours is logistic regression
# on hashed words and pairs of words. Good examples: encyclopaedic prose. Random ones: what has survived so far.

# %%
staying = [k for k, what in enumerate(fates) if what == "stays"]
good = [reference_text(0, number) for number in range(150)]
model = train_classifier(good, [texts[k] for k in staying[:200]])
scores = {"reference": [], "chatter": [], "story": []}
for k in staying[200:]:
    scores[crawl[k].kind].append(model.probability(texts[k]))
for kind, values in scores.items():
    print(f"{kind:10} {np.mean(np.array(values) >= 0.5):4.0%} of {len(values)} stay")

# %% [markdown]
# The chatter is gone, and so are all stories. The model does not know what is good. It knows what an encyclopaedia
# sounds like, and keeps that. Remember it when a paper says *quality*: it is always a likeness to something somebody
# has chosen. (The random examples hold reference pages too, unmarked, and it still works: they only lower the
# probability.)
#
# ## Step 4: duplicates, the exact ones
#
# White space and case are ignored, the rest is hashed; a set of hashes remembers what has come by. This costs one
# look for each document and finds all copies that are really copies.

# %%
survivors = [k for k in staying if crawl[k].paragraphs]


def digest(text):
    return hash(" ".join(text.casefold().split()))


seen, exact = set(), []
for k in survivors:
    if digest(texts[k]) in seen:
        exact.append(k)
    seen.add(digest(texts[k]))
planted = [k for k in survivors if crawl[k].copy_of in survivors]
identical = [k for k in planted if crawl[k].edited == 0]
print(f"planted copies {len(planted)}, unchanged {len(identical)}; found {len(exact)}")
assert set(identical) <= set(exact)
(extra,) = set(exact) - set(identical)
assert crawl[extra].paragraphs == crawl[crawl[extra].copy_of].paragraphs

# %% [markdown]
# A copy counts as planted here if its original has stayed too. One more is found than is marked as unchanged: its
# paragraphs are so short that its share of changes came to no word at all, and the hash is right.
#
# ### What LLaMA 1 did: count lines
#
# CCNet looked for duplicates among *lines*, over many pages at once. That needs no idea of what a page is: whatever
# stands on many pages is no article. Take the laxest extractor from above, which lets the banner in, and drop the
# lines that occur on more than so many pages. CCNet's own limit is the strictest: a line that is found a second time
# goes everywhere, its first occurrence too.

# %%
lax = [our_text(page.html, 20).split("\n") for page in with_prose]
on_pages = Counter(line for lines in lax for line in set(lines))


def rare_lines(page, most):
    lines = our_text(page, 20).split("\n")
    return "\n".join(line for line in lines if on_pages[line] <= most)


for most in (800, 20, 6, 3, 1):
    precision, recall = character_scores(rare_lines, most)
    print(f"on {most:3} pages at most: precision {precision:5.1%}, recall {recall:6.1%}")

# %% [markdown]
# The banner stands everywhere and goes at the first limit. The footers, with their names and years, come in many
# versions and take a stricter one. At a limit of one hardly anything is left but articles, and one in seven of those
# has gone too: copies went *together with their originals*. It is extraction without a parser, and it has a price.
#
# ## Near duplicates: what does "nearly the same" mean?
#
# Cut a text into all its sequences of $n$ words, its **shingles**. A text becomes a set. Two texts resemble each
# other if their sets overlap: the **Jaccard similarity** of sets $X$ and $Y$ is
#
# $$ s = J(X, Y) = \frac{|X \cap Y|}{|X \cup Y|}, \qquad 0 \le s \le 1. $$
#
# | symbol | what it is | shape |
# |---|---|---|
# | $N$ | texts | a number |
# | $X$, $Y$ | sets of shingles, in the code `a`, `b` | sets |
# | $n$ | words a shingle | a number, here 5 |
# | $s$ | similarity | a number |
# | $e$, $q$ | share of words changed, share of shingles that survive | numbers |
# | $K$ | numbers in a signature, `size` | a number, here 128 |
# | $h_k$ | hash function number $k$ | from shingles to 32-bit integers |
# | $m$ | signature, $m_k = \min_{x \in X} h_k(x)$ | (K,) |
# | $B$, $R$ | bands, and rows a band; $BR \le K$ | numbers |
#
# Change a share $e$ of the words at random. A shingle survives if none of its $n$ words was hit: a share
# $q = (1-e)^n$ of them. Of two sets of $S$ shingles each, $qS$ are common, and together they have $2S - qS$. So
#
# $$ s \approx \frac{q}{2 - q}, \qquad q = (1 - e)^n. $$


# %%
def shingles(text, n=5):
    words = re.findall(r"\w+", text.casefold())
    return {" ".join(words[k : k + n]) for k in range(max(1, len(words) - n + 1))}


def jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else 1.0


told = [" ".join(page.paragraphs) for page in crawl if page.kind == "story"]
base = " ".join(told).split()[:4000]
print("words changed     similarity with shingles of 1, 2, 5, 10 words  (formula)")
rng = np.random.default_rng(0)
for e in (0.01, 0.05, 0.1, 0.2):
    changed = [f"new{k}" if rng.random() < e else word for k, word in enumerate(base)]
    line = []
    for n in (1, 2, 5, 10):
        s = jaccard(shingles(" ".join(base), n), shingles(" ".join(changed), n))
        q = (1 - e) ** n
        line.append(f"{s:.2f} ({q / (2 - q):.2f})")
    print(f"{e:13.0%}    ", "   ".join(line))
twentieth = 0.95**5 / (2 - 0.95**5)
print(f"one word in twenty, shingles of 5, by the formula: {twentieth:.2f}")

# %% [markdown]
# **One word in twenty, and the similarity is down to 0.63.** Long shingles are strict: they ask for long passages in
# common. Short ones are lax: all texts in the same style have most of their single words in common. (For $n=1$ the
# formula fails. It takes every shingle for another one, but words repeat, and a set counts each once: our 4,000 words
# are few different ones, and every change adds a new one.) Five is a common choice for words.
#
# ## MinHash: the similarity of two sets from a few numbers
#
# Comparing sets is slow, and there are $N^2/2$ pairs. Broder's idea (1997) is a proof of three lines. Give every
# possible shingle a random number, the same in all texts, and keep for each text only the *smallest* number among its
# shingles. Take the union $X \cup Y$. **Each of its members is equally likely to have the smallest number of all.**
# The two minima are equal exactly if that member lies in both sets. So
#
# $$ P\big(\min_{x \in X} h(x) = \min_{x \in Y} h(x)\big) = \frac{|X \cap Y|}{|X \cup Y|} = s. $$
#
# One coin that shows heads with probability $s$. Toss it $K$ times, with $K$ hash functions: the share of heads
# estimates $s$, without bias, with standard deviation $\sqrt{s(1-s)/K}$. A text of any length has become $K$ numbers.

# %% tags=["figure", "hide"] alt="A table of six shingles in the rows, with marks that say which of the texts X and Y hold them, and four columns of random ranks from 1 to 6. In each column the smallest rank of X and of Y is outlined. In the first column both are the same shingle, river rises in, which lies in both texts; in the other three they differ"
three_words = lambda text: re.findall(r"(?=\b(\w+ \w+ \w+)\b)", text)
in_x = three_words("the river rises in the hills")
in_y = three_words("a river rises in the mountains")
shown = list(dict.fromkeys(in_x + in_y))
ranks = np.stack([np.random.default_rng(k).permutation(6) + 1 for k in (1, 2, 3, 5)], axis=1)
figure, axes = plt.subplots(figsize=(8.6, 3.2))
axes.set(xlim=(-3.2, 6.2), ylim=(6.8, -1.2))
axes.set_axis_off()
agree = []
for row, text in enumerate(shown):
    axes.text(-3.1, row, text, va="center", fontsize=11)
    for column, member, shade in ((0, in_x, "blue"), (1, in_y, "orange")):
        if text in member:
            axes.plot(column, row, "o", color=COLORS[shade], ms=9)
    for k in range(4):
        axes.text(2.4 + k, row, str(ranks[row, k]), va="center", ha="center", fontsize=11)
for k in range(4):
    lowest = []
    for member, shade, grow in ((in_x, "blue", 0.0), (in_y, "orange", 0.14)):
        row = min((shown.index(text) for text in member), key=lambda row: ranks[row, k])
        lowest.append(row)
        box = plt.Rectangle((2.08 + k - grow / 2, row - 0.36 - grow / 2), 0.64 + grow, 0.72 + grow)
        box.set(fill=False, edgecolor=COLORS[shade], lw=2)
        axes.add_patch(box)
    agree.append(lowest[0] == lowest[1])
    axes.text(2.4 + k, 6.4, "equal" if agree[-1] else "differ", ha="center", fontweight="bold",
              color=COLORS["green" if agree[-1] else "grey"])  # fmt: skip
for column, text in enumerate(("X", "Y")):
    axes.text(column, -0.8, text, ha="center", fontsize=12, fontweight="bold")
for k in range(4):
    axes.text(2.4 + k, -0.8, f"$h_{k + 1}$", ha="center", fontsize=14)
plt.show()
assert len(set(in_x) & set(in_y)) / len(shown) == 2 / 6
assert agree == [True, False, False, False]

# %% [markdown]
# *The river rises in the hills* and *a river rises in the mountains*, in shingles of three words: six in the union,
# two in common, $s = 1/3$. Four random orders; in one of them the smallest is shared. Four tosses say 0.25. It takes
# more tosses than that to tell 0.25 from 0.33.
#
# A random order of $2^{32}$ shingles would fill 16 GiB, and we want $K$ of them. So a hash function plays the part:
# multiply by an odd number, add another, keep the upper half of the 64 bits.


# %%
def our_signature(hashes, size=128, seed=0):
    """uint32 (S,) -> (K,): the least value of each function (a h + b mod 2^64) >> 32."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 1 << 64, size=(2, size, 1), dtype=np.uint64)
    values = (a | np.uint64(1)) * hashes.astype(np.uint64) + b  # (K, S), modulo 2^64
    return (values >> np.uint64(32)).min(axis=1).astype(np.uint32)


def two_sets(s, union, rng):
    """Two random sets whose Jaccard similarity is s."""
    both = round(s * union)
    hashes = rng.choice(1 << 32, size=union, replace=False).astype(np.uint32)
    cut = both + (union - both) // 2
    return hashes[:cut], np.r_[hashes[:both], hashes[cut:]]


a, b = two_sets(0.5, 300, rng)
hasher = minhash.MinHasher(size=128, seed=0)
assert np.array_equal(our_signature(a), hasher.signature(a))
assert len(set(a) & set(b)) / len(set(a) | set(b)) == 0.5
assert minhash.jaccard(np.sort(a), np.sort(b)) == 0.5
print("true 0.500, estimated", np.mean(our_signature(a) == our_signature(b)).round(3))


# %%
def errors(s, size, trials=300):
    """Estimate minus truth, under `trials` seeds."""
    found = []
    for seed in range(trials):
        a, b = two_sets(s, 100, rng)
        equal = our_signature(a, size, seed) == our_signature(b, size, seed)
        found.append(equal.mean() - s)
    return np.array(found)


SIZES = (16, 64, 256, 1024)
measured = {s: [errors(s, size) for size in SIZES] for s in (0.2, 0.5, 0.9)}
for s, groups_ in measured.items():
    for size, found in zip(SIZES, groups_, strict=True):
        sigma = math.sqrt(s * (1 - s) / size)
        assert abs(found.mean()) < 4 * sigma / math.sqrt(len(found))  # no bias
        assert abs(found.std() / sigma - 1) < 0.16  # known to 1 / sqrt(2 x 300) = 4 %
print(f"s = 0.5, K = 128: standard error {math.sqrt(0.25 / 128):.3f}")

# a peer: datasketch, on the same sets
gaps = []
for trial in range(80):
    a, b = two_sets(0.5, 100, rng)
    sketches = [datasketch.MinHash(256, seed=trial) for _ in "ab"]
    for sketch, members in zip(sketches, (a, b), strict=True):
        sketch.update_batch([int(h).to_bytes(4, "little") for h in members])
    gaps.append(sketches[0].jaccard(sketches[1]) - 0.5)
assert 0.7 < np.std(gaps) / math.sqrt(0.25 / 256) < 1.3  # 80 trials know a spread to 8 %
print(f"datasketch, K = 256: spread {np.std(gaps):.3f}, the formula says {0.5 / 16:.3f}")

# %% tags=["figure", "hide"] alt="Standard error of the estimated similarity against the numbers in a signature, both axes logarithmic. Points for similarities 0.2, 0.5 and 0.9 lie within their error bars, or near, on straight lines, the formula, that fall to a half whenever K is four times as large: for 0.5 from about 0.125 at 16 to 0.016 at 1024"
figure, axes = plt.subplots(figsize=(6.6, 3.8))
grid = np.geomspace(12, 1400, 50)
for (s, groups_), shade in zip(measured.items(), ("blue", "orange", "green"), strict=True):
    spread = [found.std() for found in groups_]
    axes.errorbar(SIZES, spread, yerr=np.array(spread) / math.sqrt(600), fmt="o", capsize=3,
                  color=COLORS[shade], label=f"s = {s}")  # fmt: skip
    axes.plot(grid, np.sqrt(s * (1 - s) / grid), color=COLORS[shade], lw=1)
axes.set(xscale="log", yscale="log", xlabel="K, numbers in a signature",
         ylabel="standard error of the estimate")  # fmt: skip
axes.set_xticks(SIZES, SIZES)
axes.set_yticks([0.01, 0.03, 0.1], ["0.01", "0.03", "0.1"])
axes.minorticks_off()
axes.legend()
plt.show()

# %% [markdown]
# > **Departure: MinHash without permutations.**
# >
# > - **Paper.** Broder: random permutations of all shingles; each member of a set is equally likely to come first.
# > - **Code.** Nobody permutes. datasketch up to 1.x computed $(a x + b) \bmod (2^{61}-1)$ and kept 32 bits; since
# >   2.0 $a x + b \bmod 2^{32}$ with odd $a$, because the old form let different shingles collide in large sets.
# > - **Here.** $(a x + b \bmod 2^{64})$, upper 32 bits, $a$ odd, after shingles have been mixed to 32 bits.
# > - **What changes.** "Equally likely" becomes "nearly so": none of these families has the property of the proof.
# >   The cell above finds no bias; a text of millions of shingles would need more bits.
#
# ## LSH: finding the pairs without looking at all pairs
#
# Signatures make one comparison cheap. There are still $N^2/2$ of them. **Locality-sensitive hashing**: cut the $K$
# numbers into $B$ bands of $R$ and use each band as a key in a table of its own. Two texts become *candidates* if
# they agree in all $R$ numbers of at least one band:
#
# $$ P(\text{candidate}) = 1 - (1 - s^R)^B. $$
#
# $s^R$: all of one band agree. $1 - s^R$: this band fails. To the power $B$: all fail. The curve is an S, and its
# steep part lies near $s = (1/B)^{1/R}$. Choosing $B$ and $R$ is choosing what to miss and what to look at in vain.

# %%
PLANS = {(32, 4): "blue", (16, 8): "orange", (8, 16): "green"}
steps = np.array([0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
TRIALS = 200
hits = {plan: np.zeros(len(steps)) for plan in PLANS}
for place, s in enumerate(steps):
    for trial in range(TRIALS):
        a, b = two_sets(s, 60, rng)
        same = our_signature(a, 128, trial) == our_signature(b, 128, trial)
        for bands, rows in PLANS:
            hits[bands, rows][place] += same.reshape(bands, rows).all(axis=1).any()

for (bands, rows), count in hits.items():
    p = minhash.candidate_probability(steps, bands, rows)
    assert np.allclose(p, 1 - (1 - steps**rows) ** bands)
    sigma = np.sqrt(p * (1 - p) / TRIALS)
    assert np.all(np.abs(count / TRIALS - p) <= 4 * sigma + 1 / TRIALS)
    print(f"{bands:2} bands of {rows:2}: steep near {(1 / bands) ** (1 / rows):.2f}")

# %% tags=["figure", "hide"] alt="Probability of becoming candidates against similarity: three S-shaped curves. 32 bands of 4 rise around 0.4, 16 bands of 8 around 0.7, 8 bands of 16 around 0.88. Measured points lie on the curves within three of their standard errors"
figure, axes = plt.subplots(figsize=(7, 3.8))
line = np.linspace(0, 1, 200)
for (bands, rows), shade in PLANS.items():
    axes.plot(line, 1 - (1 - line**rows) ** bands, color=COLORS[shade], label=f"{bands} bands of {rows}")
    share = hits[bands, rows] / TRIALS
    bar = np.sqrt(share * (1 - share) / TRIALS)
    axes.errorbar(steps, share, yerr=bar, fmt="o", color=COLORS[shade], capsize=3)
axes.set(xlabel="similarity s", ylabel="probability of being a candidate")
axes.legend(loc="upper left")
plt.show()

# %% [markdown]
# ## The experiment: duplicates found against duplicates planted
#
# All documents that stayed, each with its signature. For each we take the highest estimated similarity to an
# *earlier* one. If it is at least the threshold, the document goes. Marking: a document should go if it is a copy of
# one that stayed. Recall is now the share of copies that go, precision the share of copies among what goes. We mark
# edited copies alone; the exact ones are found at every threshold.


# %%
def best_earlier(n):
    """For each survivor, the highest estimated similarity to one before it."""
    table = np.stack([hasher.signature(minhash.shingles(texts[k], n)) for k in survivors])
    best = np.zeros(len(table))
    for row in range(1, len(table)):
        best[row] = (table[:row] == table[row]).mean(axis=1).max()
    return best, table


is_copy = np.array([k in planted for k in survivors])
unchanged = np.array([k in exact for k in survivors])
edited = is_copy & ~unchanged
thresholds = np.arange(0.3, 1.0, 0.05)
curves = {}
for n in (1, 3, 5):
    best, table = best_earlier(n)
    gone = (best[None] >= thresholds[:, None]) & ~unchanged  # (thresholds, documents)
    right, all_gone = (gone & edited).sum(axis=1), gone.sum(axis=1)
    nothing = np.where(all_gone > 0, 1.0, np.nan)  # precision of nothing is no number
    curves[n] = right / edited.sum(), nothing * right / np.maximum(1, all_gone)
print(f"{len(survivors)} documents, {edited.sum()} edited copies,")
print(f"so a recall of one half is known to ± {math.sqrt(0.25 / edited.sum()):.2f}")
for n, t in ((5, 0.4), (5, 0.5), (5, 0.7), (5, 0.8), (1, 0.8), (1, 0.95)):
    place = int(np.argmin(np.abs(thresholds - t)))
    recall, precision = (curve[place] for curve in curves[n])
    marks = f"recall {recall:.2f}, precision {precision:.2f}"
    print(f"shingles of {n}, threshold {t:4}: {marks}")

# %% tags=["figure", "hide"] alt="Two panels against the threshold from 0.3 to 0.95, three lines each for shingles of 1, 3 and 5 words. Left, recall of edited copies: with single words it stays at one until 0.9; with 5 words it falls from one at 0.3 to a tenth at 0.8. Right, precision: with 5 words it rises from 0.3 to above 0.9 at 0.65; with single words it stays below 0.2 up to 0.75 and reaches one at 0.95. Three words lie between the two"
figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.7), sharey=True)
for (n, both), shade in zip(curves.items(), ("green", "orange", "blue"), strict=True):
    for axes, values in zip(panels, both, strict=True):
        label = f"{n} word" + "s" * (n > 1)
        axes.plot(thresholds, values, "o-", color=COLORS[shade], ms=4, label=label)
panels[0].set(ylabel="share", title="recall of edited copies", xlabel="threshold on the similarity")
panels[1].set(title="precision", xlabel="threshold on the similarity")
panels[0].set_ylim(0, 1.05)
panels[0].legend(title="shingles of", loc="lower left")
plt.show()

# %% [markdown]
# There is no threshold that is right. With shingles of five words and 0.8, a common choice, nothing is thrown away
# wrongly and nine edited copies in ten stay. At 0.4 nearly all copies go, and with them twice as many documents that
# are none. (At most a tenth of the words is changed, and by the table above that alone takes the similarity down to
# 0.4.)
#
# The best mark goes to an outsider: single words at 0.95. Do not copy it. It is an artefact of how the copies were
# planted: a changed word was replaced by another word of the same text, so the set of single words hardly changes.
# **Whoever plants the duplicates decides which detector wins.** The real web edits dates, names and endings, and
# there single words would find every two texts of one style.
#
# Who are the documents that go wrongly?

# %%
best, table = best_earlier(5)
kinds_ = np.array([crawl[k].kind for k in survivors])
for t in (0.4, 0.5, 0.6):
    wrong = (best >= t) & ~is_copy & ~unchanged
    print(f"threshold {t}: wrongly gone", dict(Counter(kinds_[wrong].tolist())))

pairs = len(survivors) * (len(survivors) - 1) // 2
for bands, rows in PLANS:
    index, looked_at = minhash.LshIndex(bands, rows), 0
    for signature in table:
        looked_at += len(index.candidates(signature))
        index.add(signature)
    print(f"{bands:2} bands of {rows:2}: {looked_at:5} of {pairs} pairs looked at")

# %% [markdown]
# The chatter, again: reviews that fill the same template with another product. Are those duplicates? The planted
# truth says no. Somebody who trains a language model may well say yes. Lee and others (2022) looked at what
# near-duplicate detection finds in C4 and found just this, texts from templates that differ in a place name or a
# product. **What is a duplicate is a decision about the task, not a property of the texts.**
#
# And LSH pays: at 16 bands of 8 only a thousandth of the pairs was looked at. At a billion documents all pairs are
# $5 \cdot 10^{17}$.
#
# ### Two planted mistakes
#
# *The seed forgotten.* If two machines draw their hash functions from different seeds, signatures of one and the
# same text agree in nothing. No error is raised; the pipeline reports a wonderfully clean crawl.
#
# *Minimum over the wrong axis.* The array is (K, S) for $S$ shingles. The minimum over the functions instead of the
# shingles gives S numbers, and sets of equal size can still be compared.

# %%
a, b = two_sets(0.8, 128, rng)
print(f"true similarity {minhash.jaccard(np.sort(a), np.sort(b)):.2f}")
print(f"other seed: {np.mean(our_signature(a, 128, 0) == our_signature(b, 128, 1)):.2f}")


def wrong_axis(hashes, size=128):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 1 << 64, size=(2, size, 1), dtype=np.uint64)
    values = (x | np.uint64(1)) * hashes.astype(np.uint64) + y
    return (values >> np.uint64(32)).min(axis=0)


assert len(a) == len(b)
print(f"wrong axis: {np.mean(wrong_axis(a) == wrong_axis(b)):.2f}")
later = np.r_[np.uint32(7), a[:-1]]  # the same text, with one shingle put in front
moved = np.mean(wrong_axis(a) == wrong_axis(later))
print(f"wrong axis, a text and the same one place later: {moved:.2f}")

# %% [markdown]
# The wrong axis compares shingles by their *place*: here the common ones happen to stand first in both, and the
# result looks plausible. Put one shingle in front, and a text no longer resembles itself. The test that catches this
# is the one above: many pairs of known similarity, under many seeds, mean error within four standard errors of zero.
# The forgotten seed it catches only if both signatures are made as they will be made later, each in a process of its
# own.
#
# ## Step 5: the mixture
#
# Shares are of *tokens*. We draw *documents*. If source $i$ shall have the share $w_i$ and its documents have the
# mean length $\ell_i$, draw it with probability $p_i \propto w_i / \ell_i$. Within a source, documents come in a
# shuffled order, all of them once before any comes again; then a new shuffle, the next epoch.


# %%
def our_draw(lengths, shares, budget, rng):
    """Tokens drawn from each source."""
    p = np.array([w / of.mean() for w, of in zip(shares, lengths, strict=True)])
    p /= p.sum()
    waiting, drawn = [[] for _ in lengths], np.zeros(len(lengths))
    while drawn.sum() < budget:
        source = rng.choice(len(lengths), p=p)
        if not waiting[source]:
            order = rng.permutation(len(lengths[source]))  # a new epoch
            waiting[source] = order.tolist()
        drawn[source] += lengths[source][waiting[source].pop()]
    return drawn


words = lambda texts: np.array([len(text.split()) for text in texts])
lengths = {
    "web": words([texts[k] for k in survivors]),
    "books, by scene": words(scenes),
    "wiki": words(good),
}
shares = np.array([0.82, 0.09, 0.09])


def thirty_runs(lengths):
    """Tokens from each source in 30 runs of 60,000 words, (30, sources)."""
    seeds = [np.random.default_rng(seed) for seed in range(30)]
    return np.array([our_draw(lengths, shares, 60_000, seed) for seed in seeds])


runs = thirty_runs(list(lengths.values()))
came = runs / runs.sum(axis=1, keepdims=True)
expected = mixture.share_errors(list(lengths.values()), shares, 60_000)
for k, name in enumerate(lengths):
    epochs = runs[:, k].mean() / lengths[name].sum()
    print(f"{name:16} asked {shares[k]:.3f}  came out {came[:, k].mean():.3f}"
          f" ± {came[:, k].std():.3f} (derived {expected[k]:.3f})"
          f"  epochs {epochs:.2f}")  # fmt: skip
assert np.all(np.abs(came.mean(axis=0) - shares) < 4 * expected / math.sqrt(30))
assert np.all(np.abs(came.std(axis=0) / expected - 1) < 0.5)

# the same with whole plays: 42 documents of some 21,500 words
whole = [lengths["web"], words(plays), lengths["wiki"]]
lumpy = thirty_runs(whole)
books = lumpy[:, 1] / lumpy.sum(axis=1)
print(f"books as whole plays: {books.mean():.2f} ± {books.std():.2f},"
      f" none at all in {np.mean(books == 0):.0%} of the runs")  # fmt: skip

# %% [markdown]
# The mixture comes out as asked, within an error that can be derived before drawing:
# $\operatorname{Var}(\text{share}_i) \approx \mathbb E[(L\,1_i - w_i L)^2] / (n\, \bar\ell^{\,2})$, where $n$
# documents are drawn, a drawn one has $L$ tokens, $\bar\ell$ on average, and $1_i$ is 1 if it comes from source $i$
# and else 0. At 1.4 trillion tokens it is nothing. In small runs it is not: **whole plays are drawn in lumps**, and
# most runs see none or far too much. Cutting long documents is the cure, and a recipe has the key `cut` for it.
#
# ## Step 6: rows, and what stands beside what
#
# A row has $T$ tokens and documents have any length. `one_per_row` (chapter 01) pads; `stream` joins all documents,
# each between its *bos* and its *eos*, and cuts every $T$ tokens. Only the end is lost, which fills no row, and
# strangers share a row. Two questions at each border: may a position look across it, and is what follows an *eos*
# worth predicting?


# %%
def our_rows(documents, T, bos):
    """Tokens, targets, documents, each (R, T), from framed documents joined and cut."""
    joined = np.concatenate(documents)
    R = (len(joined) - 1) // T
    tokens, following = joined[: R * T].reshape(R, T), joined[1 : R * T + 1].reshape(R, T)
    targets = np.where(following == bos, -100, following)  # nothing tells what comes next
    return tokens, targets, np.cumsum(tokens == bos, axis=1)


BOS, EOS = 98, 99
small = [np.r_[BOS, np.arange(n) + 10 * k, EOS] for k, n in enumerate((3, 5, 2, 4, 6))]
tokens, targets, documents = our_rows(small, 8, BOS)
print(tokens, targets, documents, sep="\n")
assert np.array_equal(tokens, stream(small, 8).tokens)

# %% tags=["figure", "hide"] alt="Left, three rows of eight squares, coloured by document: two documents run over the ends of rows, and each row holds parts of two. Right, the attention mask of the second row: two triangles on the diagonal, one for each document, instead of one large triangle"
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), width_ratios=[1.5, 1])
row_colors = ["blue", "orange", "green", "purple", "red"]
number = np.concatenate([np.full(len(d), k) for k, d in enumerate(small)])[: tokens.size]
for place, (token, document) in enumerate(zip(tokens.ravel(), number, strict=True)):
    row, column = divmod(place, 8)
    left.add_patch(plt.Rectangle((column, row), 0.94, 0.86, color=COLORS[row_colors[document]]))
    text = {BOS: "bos", EOS: "eos"}.get(int(token), str(token))
    left.text(column + 0.47, row + 0.43, text, ha="center", va="center", color="white", fontsize=9)
left.set(xlim=(-0.1, 8), ylim=(len(tokens), -0.15), title="documents of any length, rows of eight")
left.set_axis_off()
sees = np.tril(documents[1][:, None] == documents[1][None])
for q in range(8):
    for k in range(8):
        shade = COLORS[row_colors[number[8 + q]]] if sees[q, k] else COLORS["grey"]
        right.add_patch(plt.Rectangle((k, q), 0.92, 0.92, color=shade, alpha=1 if sees[q, k] else 0.12))
right.set(xlim=(-0.1, 8), ylim=(8, -0.1), xlabel="key", ylabel="query", aspect="equal",
          title="row 2: who may look at whom")  # fmt: skip
right.grid(visible=False)
right.set_xticks([])
right.set_yticks([])
plt.show()

# %%
framed = [np.r_[BOS, np.zeros(n, int), EOS] for n in words([texts[k] for k in survivors])]
longest = max(map(len, framed))
padding = 1 - sum(map(len, framed)) / (len(framed) * longest)
rows_, _, ids = our_rows(framed, 1024, BOS)
strangers = [np.tril(one[:, None] != one[None]).sum() for one in ids]
across = np.mean(strangers) / (1024 * 1025 / 2)
print(f"one document a row: {padding:.0%} of all positions are padding")
print(f"stream of 1024: {across:.0%} of all (query, key) pairs join two documents")

# %% [markdown]
# So with short documents most of what a position of a plain stream may look at is strangers. Does it matter? The
# model has to learn to ignore what stands before the last *bos*, which attention can learn. Llama 3 masks it and
# reports "limited impact" at its standard length, but calls it important when rows grow very long.
#
# > **Departure: who may look across a border.**
# >
# > - **Paper.** LLaMA 1 and 2 do not say. The Llama 3 paper (section 3.2): a mask keeps documents of a row apart.
# > - **Code.** nanoGPT and most small trainers cut rows out of one stream at any place and mask nothing.
# > - **Here.** `stream` and `open_shards` give document numbers beside the tokens; `Llama.loss` takes them or
# >   leaves them.
# > - **What changes.** Little at ordinary lengths. The loss is not the same number, though: with a mask the first
# >   tokens of each document are predicted from less.
#
# ## All of it: `minillama data make`
#
# A recipe is a TOML file. Here is a small one, run in a temporary folder. What comes out are files of token ids, two
# bytes each, nothing else in them, and a manifest with the count and the SHA-256 of each.

# %%
RECIPE = {
    "seed": 1, "tokens": 150_000, "vocab_size": 512, "shard_tokens": 50_000,
    "held_out": 0.05,
    "deduplicate": {"bands": 25, "rows": 5, "threshold": 0.7},
    "source": [
        {"name": "wiki", "kind": "references", "share": 9, "documents": 60},
        {"name": "contos", "kind": "stories", "share": 9, "documents": 60,
         "language": "pt"},
        {"name": "web", "kind": "pages", "share": 82, "documents": 500,
         "languages": ["en"], "rules": ["gopher", "c4"]},
    ],
}  # fmt: skip
folder = Path(tempfile.mkdtemp())
manifest = make(recipe_from(RECIPE), folder / "made")
even = lambda source: np.full(source["documents"], source["tokens"] / source["documents"])
lengths_ = [even(source) for source in manifest.sources]  # as if all were equally long
off = mixture.share_errors(lengths_, [9, 9, 82], manifest.tokens("train"))
print("          in   dropped   left    tokens    asked   came out  expected   epochs")
for row, error in zip(manifest.sources, off, strict=True):
    print(f"{row['name']:7}{row['documents_in']:5}{sum(row['dropped'].values()):10}"
          f"{row['documents']:7}{row['tokens']:10,}{row['asked_share'] / 100:9.1%}"
          f"{row['share']:11.1%}   ± {error:.1%}{row['epochs']:9.2f}")  # fmt: skip
dropped = Counter(manifest.sources[2]["dropped"])
print("web dropped:", dict(dropped.most_common(5)))
print([(shard.file, shard.tokens) for shard in manifest.splits["train"]])

# %% [markdown]
# The shares came out as asked, each within two of its expected errors: with so few documents no nearer. Each stage
# leaves what it has done in pieces, and a piece gets its name only when it is whole. So the run can be killed
# anywhere and started again, and ends with the same bytes, whatever the number of processes (tests kill it in many
# places to see). Then the check that a shard is still what it was:

# %%
make(recipe_from(RECIPE), folder / "again")
content = lambda run, shard: (folder / run / shard.file).read_bytes()
same = [content("made", s) == content("again", s) for s in manifest.splits["train"]]
rows = open_shards(folder / "made", seq_len=128)
tokens, targets = rows.batch(0, batch_size=4)
print("made twice, same bytes:", all(same), " rows:", len(rows), " batch:", tokens.shape)

shard = folder / "made" / "train-00001.bin"
data = bytearray(shard.read_bytes())
data[12_345] ^= 1  # one bit of a hundred thousand bytes
shard.write_bytes(data)
for line in broken_files(folder / "made"):
    print(line.split("/")[-1])

# %% [markdown]
# One bit, and the file is named. Without the hash it would be a wrong word somewhere in an epoch.
#
# ## What duplicates do to a model
#
# Why all this work to remove copies? Because a model learns them by heart. The story world lets us see it as nothing
# else can: for each story we know $-\log p$, the nats that it costs whoever knows the world perfectly. **No honest
# model can get below that on average. Whoever pays much less for a story has seen it.**
#
# So: 500 different stories, and 36 more of which six come once, six twice, and so on up to 32 times. Three passes of
# a small LLaMA over all of it, with two seeds. How much does each story cost afterwards, compared with its own floor?
# The error bars are over stories: each counts once, with the mean of its two models.

# %%
from minillama.config import LlamaConfig
from minillama.model import Llama
from minillama.tokenizer import Tokenizer

TIMES, EACH, PASSES = (1, 2, 4, 8, 16, 32), 6, 3
often = np.repeat(TIMES, EACH)
told = list(dict.fromkeys(story.text for story in islice(Stories(0, level=1), 640)))
once, rest = told[:500], told[500:]  # all of them different
marked, unseen = rest[: len(often)], rest[len(often) : len(often) + 60]
assert len(marked) == len(often)
assert len(unseen) == 60
tokenizer = Tokenizer.train(once, 400)
encode = lambda text: tokenizer.encode(text, bos=True, eos=True)
training = once + [text for text, n in zip(marked, often, strict=True) for _ in range(n)]
batches = one_per_row([encode(text) for text in training], seed=1)


def train(seed, rate=4e-3, size=16):
    """A small LLaMA after three passes over all rows."""
    model = Llama(
        LlamaConfig(vocab_size=tokenizer.vocab_size, dim=64, n_layers=2, n_heads=4,
                    n_kv_heads=2, hidden_dim=176, max_seq_len=128, tie_embeddings=True)
    )  # fmt: skip
    model.init_weights(torch.Generator().manual_seed(seed))
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    for step in range(PASSES * (len(batches) // size)):
        optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 20)
        tokens, targets = map(torch.from_numpy, batches.batch(step, size))
        optimizer.zero_grad()
        model.loss(tokens, targets).backward()
        optimizer.step()
    return model


def above_floor(model, text):
    """Nats that the model pays for a text beyond what it costs who knows the world."""
    ids = torch.tensor([encode(text)])
    with torch.no_grad():
        paid = model.loss(ids[:, :-1], ids[:, 1:]).item() * (ids.shape[1] - 1)
    return paid - Stories.nats(text)


models = [train(seed) for seed in (0, 1)]
costs = lambda texts: np.array([[above_floor(m, text) for text in texts] for m in models])
excess, excess_unseen = costs(marked), costs(unseen)  # (models, stories)
floor = np.mean([Stories.nats(text) for text in marked])


def mean_and_error(values):
    """Mean over all stories, and its standard error; values are (models, stories)."""
    stories = values.mean(axis=0)
    return stories.mean(), stories.std(ddof=1) / math.sqrt(len(stories))


found = {n: mean_and_error(excess[:, often == n]) for n in TIMES}
never = mean_and_error(excess_unseen)

# %% tags=["nbval-ignore-output"]
print(f"a story costs {floor:.1f} nats on average, to who knows the world")
print(f"unseen            : {never[0]:+.1f} ± {never[1]:.1f}")
for n, (mean, error) in found.items():
    gap, known = mean - never[0], math.hypot(error, never[1])
    print(f"read {PASSES} x {n:2} times: {mean:+.1f} ± {error:.1f},", end=" ")
    print(f"against unseen {gap:+.1f} ± {known:.1f}")

# %%
assert 0 < never[0] < 5
assert abs(found[1][0] - never[0]) < 2.5  # once a pass leaves no mark that we could see
assert found[4][0] < never[0]
assert found[16][0] < 0
assert -8 < found[32][0] < -2  # and 32 times leaves one that no honest model could have

# %% tags=["figure", "hide"] alt="Nats above the floor against the number of copies in the corpus, from 1 to 32 on a logarithmic axis. Six stories stand side by side around each number, each with a point for each of two models; over them the means with error bars. At 1 and 2 copies the mean is about three nats above zero, near the band of the unseen stories; at 4 and 8 it is lower but above zero; at 16 it is two nats below zero and at 32 four, each by several of its errors"
figure, axes = plt.subplots(figsize=(7, 3.9))
beside = np.tile(2 ** np.linspace(-0.22, 0.22, EACH), len(TIMES))  # a group, side by side
for one in excess:
    axes.plot(often * beside, one, "o", ms=3.5, alpha=0.75, color=COLORS["blue"], lw=0)
means, bars = np.array(list(found.values())).T
axes.errorbar(TIMES, means, yerr=bars, fmt="o-", color=COLORS["orange"], capsize=3, label="mean")
axes.axhline(never[0], ls=":", color=COLORS["green"], label="stories never seen")
axes.axhspan(never[0] - never[1], never[0] + never[1], color=COLORS["green"], alpha=0.2, lw=0)
axes.axhline(0, color=COLORS["grey"], lw=1, label="floor: who knows the world")
axes.set(xscale="log", xlabel="copies of the story in the corpus", ylabel="nats above the floor")
axes.set_xticks(TIMES, TIMES)
axes.minorticks_off()
axes.legend()
plt.show()

# %% [markdown]
# A story that stands in the corpus once or twice is about as dear as one never seen: the differences are within two
# of their errors. At four copies it is cheaper. The means do not fall at every step, and six stories a group are too
# few to ask for it. From 16 copies on they lie below the floor, and end far below what anybody could pay on average
# who only knows how stories are told.
#
# Could that be luck? Let $p$ be the world and $q$ the model. For a story drawn from the world,
# $\mathbb E_p[q/p] = \sum q \le 1$, and so by Markov's inequality $q/p \ge e^{k}$ has a probability of at most
# $e^{-k}$. The same holds for six stories together, where $p$ and $q$ are products of six. **Nats below the floor are
# evidence, in the units of evidence.** (Our stories are drawn anew where the world repeats itself, which it does so
# seldom that the bound moves by far less than a nat.)

# %%
below = -excess[:, often == 32].sum(axis=1)  # nats, six stories together, for each model
assert below.min() > 10  # well below what we found, so that it holds on any machine
print(f"chance that an honest model is so far below: less than {math.exp(-10):.0e}")

# %% [markdown]
# It is not better understanding. It is memory, bought with parameters and steps that the other stories could have
# used. Carlini and others (2023) found the same in models of real size: the chance that a text can be extracted word
# for word grows with the logarithm of its copies. Lee and others (2022): after deduplication, models emit memorised
# text ten times less often.
#
# Note what is *not* shown here: that a model trained without copies is better on unseen text. With a corpus this
# small we would only measure that it has seen fewer rows.
#
# ## In the real LLaMA
#
# All from section 2.1 of the paper, in its order.
#
# | source | what was done |
# |---|---|
# | CommonCrawl | five dumps, 2017 to 2020, through CCNet: duplicates removed **line by line**, language by fastText, quality by an n-gram model of Wikipedia; then the classifier for pages that Wikipedia cites |
# | C4 | taken as it is, since another cleaning of the same web helped |
# | GitHub | Apache, BSD and MIT licences; rules on line length and letters; boilerplate removed; exact duplicates by file |
# | Wikipedia | June to August 2022, 20 languages in Latin or Cyrillic script; formatting removed |
# | Books | Gutenberg and Books3; a book goes if more than 90 % of it is in another |
# | ArXiv | LaTeX; everything before the first section and the bibliography removed, comments too, macros expanded |
# | StackExchange | the 28 largest sites, HTML removed, answers sorted by score |
#
# So **MinHash over documents was not in LLaMA 1's own pipeline**, though it is often told so. It is in Llama 3's,
# which removes duplicates three times over: by address, by document with MinHash over everything, and by line, where
# a line goes that occurs more than six times in thirty million documents. Of the last its authors say that it removes
# frequent text of high quality too, and that results got better all the same (section 3.1).
#
# Much else changed after the first paper. It named every source; LLaMA 2 says "a new mix of publicly available online
# data", 2 trillion tokens of it, and no table. Llama 3 trained on some 15 trillion, about half of it general
# knowledge, a quarter mathematics and reasoning, 17 % code and 8 % other languages (section 3.1.2), chosen with the
# help of two classifiers: LLaMA 1's idea again, pages that Wikipedia would cite, and a larger one whose examples
# Llama 2 had labelled by instruction. The first LLaMA is the last of its family whose recipe others could set out to
# copy from the paper, as RedPajama did in April 2023. It is also the one that named Books3: books copied without
# leave, over which Meta has been before the courts since July 2023 (*Kadrey v. Meta*).
#
# ## Your predictions

# %% tags=["nbval-ignore-output"]
answers = (2.45, 100 * wrongly, twentieth, math.sqrt(0.25 / 128), -found[32][0])
for (question, guess), answer in zip(prediction.items(), answers, strict=True):
    print(f"{question}: you said {guess:g}, measured {answer:.2g}")

# %% [markdown]
# ## Exercises
#
# - [12.1](../exercises/12_1_minhash_signature.md) A MinHash signature
# - [12.2](../exercises/12_2_lsh_candidates.md) Candidates from bands
# - [12.3](../exercises/12_3_mixture_epochs.md) From shares to epochs and draws
# - [12.4](../exercises/12_4_pack_documents.md) Pack documents into rows
#
# ## What you can now do
#
# - read Table 1 of the LLaMA paper and recompute from it what is not printed;
# - write an extractor, a quality rule, a MinHash signature, an LSH index, a mixture and a packer, and test each;
# - say of a filter what it throws away wrongly, and of a threshold what it misses;
# - choose bands and rows from the curve, and the size of a signature from the error that you can live with;
# - tell from a loss below the floor that a model has seen the text.
#
# Next: the rows are ready. Chapter 13 trains on them, and survives being killed.
#
# ## References
#
# - H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.1 and table 1.
# - G. Wenzek and others (2020), *CCNet*, arXiv 1911.00359, and its code, `cc_net/dedup.py`, for the lines.
# - C. Raffel and others (2020), *Exploring the limits of transfer learning*, arXiv 1910.10683, section 2.2 (C4).
# - J. W. Rae and others (2021), *Scaling language models* (Gopher), arXiv 2112.11446, appendix A.
# - A. Z. Broder (1997), *On the resemblance and containment of documents*.
# - P. Indyk, R. Motwani (1998), *Approximate nearest neighbors*, for locality-sensitive hashing; J. Leskovec, A.
#   Rajaraman, J. Ullman, *Mining of massive datasets*, chapter 3.
# - K. Lee and others (2022), *Deduplicating training data makes language models better*, arXiv 2107.06499.
# - N. Carlini and others (2023), *Quantifying memorization across neural language models*, arXiv 2202.07646.
# - M. Weber and others (2024), *RedPajama: an open dataset for training large language models*, arXiv 2411.12372.
# - H. Touvron and others (2023), *Llama 2*, arXiv 2307.09288; A. Grattafiori and others (2024), *The Llama 3 herd of
#   models*, arXiv 2407.21783, sections 3.1 and 3.2.
# - A. Barbaresi (2021), *Trafilatura*; M. Lui, T. Baldwin (2012), *langid.py*.
