"""Ten thousand hypothesis strings through every kind of vocabulary as shipped: the ids of its own library.

The strings are drawn once and serve all. Where one encodes differently, the shortest is shown.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import pytest
import sentencepiece
import tiktoken
import tiktoken.load
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minillama.data.corpora import fetch
from minillama.tokenizer import PATTERNS, Tokenizer
from minillama.tokenizer.files import load_tokenizer

from .strings import texts

pytestmark = pytest.mark.slow  # and needs what `minillama data fetch tokenizers` and `smollm2` bring

COUNT = 10_000
DRAWS = 2_000  # of up to 21 strings each; some 7 are new


emoji = st.text("😀🤖❤🏽🏿\u200d\ufe0f🇧🇷🇩🏴👩🔬👨🚀🫠🧑‍🦽☺✌", min_size=1, max_size=12)
marks = st.text("aeioun\u0300\u0301\u0302\u0303\u0308\u0323\u0327\u0336\u20dd\u0e33\u093c", max_size=15)
spaces = st.text(" \t\n\r\x0b\u00a0\u1680\u2002\u2009\u200b\u2028\u202f\u3000\ufeff▁", max_size=12)
runs = st.builds(  # long, without a space
    lambda piece, n: piece * n, st.text("abzeö漢😀7-'.", min_size=1, max_size=3), st.integers(20, 300)
)
pieces = st.lists(st.one_of(texts, emoji, marks, spaces, runs), min_size=6, max_size=6)


@cache
def strings() -> list[str]:
    """All different: what hypothesis draws, six pieces at a time, each alone and joined to its neighbours."""
    found: dict[str, None] = {}

    @settings(max_examples=DRAWS, database=None, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(pieces)
    def collect(drawn: list[str]) -> None:
        for start in range(6):
            found.update(("".join(drawn[start:end]), None) for end in range(start + 1, 7))

    collect()
    return list(found)[:COUNT]


@cache
def broken() -> list[bytes]:
    """The strings as UTF-8 with a byte lost, changed or put in: most of them are no longer UTF-8."""
    rng, found = random.Random(0), []
    for text in strings():
        data = bytearray(text.encode()[:200])
        place = rng.randrange(len(data) + 1)
        data[place : place + rng.randrange(2)] = rng.randbytes(rng.randrange(3))
        found.append(bytes(data))
    return found


def assert_equal(
    given: Iterable[str | bytes | Sequence[int]], ours: Callable[..., object], theirs: Callable[..., object]
) -> None:
    """Compare two functions on everything given; tell of the shortest on which they differ."""
    differing = [one for one in given if ours(one) != theirs(one)]
    if differing:
        shortest = min(differing, key=len)
        pytest.fail(
            f"{len(differing)} differ, as {shortest!r}: ours {ours(shortest)}, theirs {theirs(shortest)}"
        )


def tiktoken_encoding(version: int, tok: Tokenizer) -> tiktoken.Encoding:
    return tiktoken.Encoding(
        name=f"llama-{version}",
        pat_str="|".join(PATTERNS[f"llama{version}"]),
        mergeable_ranks=tiktoken.load.load_tiktoken_bpe(str(fetch("tokenizers") / f"llama-{version}.model")),
        special_tokens=tok.special_tokens,
    )


def as_json(tok: Tokenizer, folder) -> tuple[Tokenizer, tokenizers.Tokenizer]:
    """The same vocabulary as a tokenizer.json, read by us and by the library."""
    tok.save(folder / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs.encode_special_tokens = True  # names of special tokens in a text are text
    return Tokenizer.load(folder), theirs


def test_the_strings_are_what_they_should_be() -> None:
    drawn = strings()
    assert len(set(drawn)) == COUNT
    assert sum("\u0301" in text or "\u0327" in text for text in drawn) > COUNT / 20
    assert sum(any(ord(c) > 0x1F000 for c in text) for text in drawn) > COUNT / 20
    assert sum(max(map(len, text.split()), default=0) > 200 for text in drawn) > COUNT / 20
    assert sum(data.decode("utf-8", "replace").encode() != data for data in broken()) > COUNT / 5


def test_rank_file_against_tiktoken() -> None:
    tok = load_tokenizer(fetch("tokenizers") / "llama-3.model")
    theirs = tiktoken_encoding(3, tok)
    assert_equal(strings(), tok.encode, theirs.encode_ordinary)
    assert_equal(map(tok.encode_bytes, broken()), tok.decode, theirs.decode)


def test_sentencepiece_model_against_sentencepiece() -> None:
    tok = load_tokenizer(fetch("tokenizers") / "mistral-v1.model")
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(fetch("tokenizers") / "mistral-v1.model"))
    assert_equal(strings(), tok.encode, theirs.encode)
    assert_equal(map(tok.encode_bytes, broken()), tok.decode, theirs.decode)


def test_byte_fallback_in_tokenizer_json_against_tokenizers(tmp_path) -> None:
    tok, theirs = as_json(load_tokenizer(fetch("tokenizers") / "mistral-v1.model"), tmp_path)
    assert_equal(strings(), tok.encode, lambda text: theirs.encode(text, add_special_tokens=False).ids)
    # Where a run of byte tokens is not UTF-8, its decoder replaces also the characters in it that are whole.
    assert_equal(map(tok.encode, strings()), tok.decode, theirs.decode)


@pytest.mark.parametrize("name", ["llama-3.model", "smollm2"])
def test_byte_level_tokenizer_json_against_tokenizers(name, tmp_path) -> None:
    shipped = fetch("tokenizers") / name if name.endswith(".model") else fetch(name)
    tok, theirs = as_json(Tokenizer.load(shipped), tmp_path)
    assert_equal(strings(), tok.encode, lambda text: theirs.encode(text, add_special_tokens=False).ids)
    assert_equal(map(tok.encode_bytes, broken()), tok.decode, theirs.decode)
