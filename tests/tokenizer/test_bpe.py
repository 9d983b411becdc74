"""The merge loop and the trainer: the fast against the simple, ours against the `tokenizers` library."""

import json
import random
from collections import Counter
from itertools import pairwise

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.tokenizer.alphabet import BYTE_ORDER, LETTERS, from_letters, to_letters
from minillama.tokenizer.bpe import merge, merge_simple, train_bpe
from minillama.tokenizer.pretokenize import PATTERNS, PreTokenizer


def train_simple(words: dict[bytes, int], vocab_size: int) -> tuple[list[bytes], list[tuple[int, int]]]:
    """Train by counting everything again in each round: the specification of `train_bpe`."""
    tokens = [bytes([byte]) for byte in BYTE_ORDER]
    merges = []
    rows = {word: [tokens.index(bytes([byte])) for byte in word] for word in words}
    while len(tokens) < vocab_size:
        counts = Counter()
        for word, row in rows.items():
            for pair in pairwise(row):
                counts[pair] += words[word]
        if not counts:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], pair))
        token = tokens[pair[0]] + tokens[pair[1]]
        if token not in tokens:
            tokens.append(token)
        merges.append(pair)
        new = tokens.index(token)
        for word, row in rows.items():
            joined = []
            for symbol in row:
                if joined and (joined[-1], symbol) == pair:
                    joined[-1] = new
                else:
                    joined.append(symbol)
            rows[word] = joined
    return tokens, merges


@settings(max_examples=300, deadline=None)
@given(
    st.text("abcd", max_size=40),
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), max_size=8, unique=True),
    st.randoms(use_true_random=False),
)
def test_fast_merge_equals_simple_merge(word, pairs, rng):
    """Over random rules, of which later ones join what earlier ones made, in any order of rank."""
    rules, symbols = {}, list("abcd")
    for left, right in pairs:
        longer = (rng.choice(symbols), rng.choice(symbols))
        for pair in ((left, right), longer):
            rules.setdefault(pair, (rng.randrange(8), "".join(pair)))
            symbols.append("".join(pair))
    assert merge(word, rules.get) == merge_simple(word, rules.get)


def test_equal_ranks_merge_from_the_left():
    rules = {("a", "a"): (0, "aa")}
    assert merge_simple("aaaaa", rules.get) == merge("aaaaa", rules.get) == ["aa", "aa", "a"]


def test_a_long_word_is_merged_in_seconds_not_hours():
    """The simple loop would need some 10^10 steps for this word."""
    rules = {(i, i): (i, i + 1) for i in range(8)}
    merged = merge([0] * 100_000, rules.get)
    assert merged == [8] * 390 + [7, 5]
    assert sum(2**symbol for symbol in merged) == 100_000


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.text("abc ", min_size=1, max_size=9).map(str.encode), st.integers(1, 9), max_size=8)
)
def test_training_equals_its_specification(words):
    assert train_bpe(words, 256 + 30) == train_simple(words, 256 + 30)


def test_order_of_words_does_not_matter():
    words = {b"hug": 5, b"pug": 5, b"hugs": 5, b"bun": 5}
    backwards = dict(reversed(words.items()))
    assert train_bpe(words, 270) == train_bpe(backwards, 270)


def test_one_token_by_two_merges():
    """("ab", "c") and ("a", "bc") both give "abc": one token, two merges."""
    words = {b"bcbc": 50, b"ab": 100, b"abc": 30, b"xabcy": 5, b"a": 1}
    tokens, merges = train_bpe(words, 300)
    assert len(set(tokens)) == len(tokens)
    assert (tokens, merges) == train_simple(words, 300)


def english(n_words: int, seed: int) -> str:
    rng = random.Random(seed)
    syllables = ["ka", "to", "ri", "the", "an", "mo", "sel", "ver", "ing", "é", "ß", "漢", "12", "7"]
    lexicon = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(400)]
    words = rng.choices(lexicon, weights=[1 / (i + 1) for i in range(400)], k=n_words)
    return " ".join(word + rng.choice(["", "", "", ",", ".\n", "!  "]) for word in words)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_training_equals_the_tokenizers_library(seed):
    text = english(20_000, seed)
    counts = Counter(word.encode() for word in PreTokenizer("llama3").split(text))
    tokens, merges = train_bpe(counts, 1024)
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Split(tokenizers.Regex(PATTERNS["llama3"][0]), "isolated"),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=1024, initial_alphabet=alphabet, show_progress=False)
    theirs.train_from_iterator([text], trainer)
    assert theirs.get_vocab() == {to_letters(token): i for i, token in enumerate(tokens)}
    expected = [tuple(pair) for pair in json.loads(theirs.to_str())["model"]["merges"]]
    assert [(to_letters(tokens[left]), to_letters(tokens[right])) for left, right in merges] == expected


def test_letters_of_all_bytes():
    assert sorted(BYTE_ORDER) == list(range(256))
    assert set(LETTERS.values()) == set(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    assert [LETTERS[byte] for byte in BYTE_ORDER] == sorted(LETTERS.values())
    assert from_letters(to_letters(bytes(range(256)))) == bytes(range(256))
