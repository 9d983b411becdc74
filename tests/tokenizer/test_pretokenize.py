"""Cutting text into words: nothing is lost, and a hostile pattern does not hang us."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.tokenizer import PATTERNS, PreTokenizer, TokenizerError

from .strings import texts


@settings(max_examples=200)
@given(texts, st.sampled_from([*PATTERNS, (r"\d+",), (r"(\w)(\s)", "x*"), ("",), ()]))
def test_words_joined_are_the_text(text, pattern):
    words = PreTokenizer(pattern).split(text)
    assert "".join(words) == text
    assert all(words)


def test_words_of_llama_3_and_4():
    assert PreTokenizer("llama3").split("HelloWorld 2024, we'LL see  \n\n x") == [
        *["HelloWorld", " ", "202", "4", ",", " we", "'LL", " see", "  \n\n", " x"]
    ]
    assert PreTokenizer("llama4").split("HelloWorld 2024, we'LL see") == [
        *["Hello", "World", " ", "202", "4", ",", " we'LL", " see"]
    ]


@pytest.mark.parametrize("pattern", ["(a|a)+$", "(?:a|a)+$"])
def test_a_pattern_of_exponential_time_is_given_up(pattern):
    with pytest.raises(TokenizerError, match="took over 0 s for 61 characters; expected a pattern without"):
        PreTokenizer([pattern]).split("a" * 60 + "b", patience=0.1)


@pytest.mark.parametrize("pattern", ["(a", "[", "(?P<x>", "(" * 5000 + ")" * 5000])
def test_patterns_that_do_not_compile_are_refused(pattern):
    with pytest.raises(TokenizerError, match="not a valid expression"):
        PreTokenizer([pattern])
