"""The `Tokenizer` class: round trips, special tokens, and what bad arguments get."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.tokenizer import Tokenizer

from .strings import texts

CORPUS = [
    "Once upon a time a small fox found a red ball. 'Is this yours?' asked the fox.\n" * 3,
    "été 漢字 12",
]
TOK = Tokenizer.train(CORPUS, 300)


@settings(max_examples=300, deadline=None)
@given(texts, st.booleans(), st.booleans())
def test_round_trip_of_text(text, bos, eos):
    ids = TOK.encode(text, bos=bos, eos=eos)
    assert TOK.decode(ids) == text
    assert TOK.decode_bytes(ids) == text.encode()
    assert all(0 <= i < TOK.vocab_size for i in ids)
    assert (ids[:1] == [TOK.bos_id], ids[-1:] == [TOK.eos_id]) == (bos, eos)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_round_trip_of_bytes(data):
    assert TOK.decode_bytes(TOK.encode_bytes(data)) == data


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, TOK.vocab_size - 1), max_size=30))
def test_any_ids_decode(ids):
    text = TOK.decode(ids)
    assert TOK.decode_bytes(ids).decode("utf-8", errors="replace") == text


@settings(max_examples=200, deadline=None)
@given(texts)
def test_special_tokens_never_come_from_text(text):
    for mixed in (text, f"{text}<|begin|>", f"<|end|>{text}", "<|e" + "nd|>"):
        assert not set(TOK.encode(mixed)) & set(TOK.special_tokens.values())
        assert TOK.decode(TOK.encode(mixed)) == mixed


def test_a_text_that_repeats_a_special_token_in_training_does_not_make_it():
    tok = Tokenizer.train(["<|end|> " * 100], 300)
    assert tok.eos_id not in tok.encode("<|end|>")
    assert tok.decode(tok.encode("<|end|>")) == "<|end|>"


def test_allowed_special_tokens_are_recognised():
    ids = TOK.encode("a<|end|>b<|begin|>", allowed_special="all")
    assert ids == [*TOK.encode("a"), TOK.eos_id, *TOK.encode("b"), TOK.bos_id]
    ids = TOK.encode("a<|end|>b<|begin|>", allowed_special=["<|end|>"])
    assert ids == [*TOK.encode("a"), TOK.eos_id, *TOK.encode("b<|begin|>")]
    assert TOK.decode(ids, skip_special=False) == "a<|end|>b<|begin|>"
    assert TOK.decode(ids) == "ab<|begin|>"


def test_layout_of_ids():
    assert TOK.vocab_size == 300
    assert [TOK.token_bytes(i) for i in (0, 1, 256)] == [b"!", b'"', b" a"]
    assert (TOK.bos_id, TOK.eos_id) == (298, 299)
    assert TOK.token_bytes(298) == b"<|begin|>"
    assert sorted(TOK.token_bytes(i) for i in range(256)) == [bytes([byte]) for byte in range(256)]


def test_tokens_do_not_cross_words():
    tok = Tokenizer.train(["of the of the of the " * 50], 300)
    assert tok.encode("of the") == [*tok.encode("of"), *tok.encode(" the")]


def test_texts_may_be_any_iterable_and_in_any_order():
    assert Tokenizer.train(iter(CORPUS[::-1]), 300).model.tokens == TOK.model.tokens


def test_vocabulary_stops_when_there_is_nothing_left_to_merge():
    tok = Tokenizer.train(["ab ab"], 4096)
    assert tok.vocab_size == 256 + 2 + 2  # "ab", " ab" and the special tokens
    assert tok.eos_id == tok.vocab_size - 1
    assert [tok.token_bytes(i) for i in tok.encode("ab ab")] == [b"ab", b" ab"]


def test_smallest_vocabulary_is_bytes_and_special_tokens():
    tok = Tokenizer.train(["hello"], 258)
    assert [tok.token_bytes(i) for i in tok.encode("né")] == [b"n", b"\xc3", b"\xa9"]


def test_more_special_tokens_and_another_pattern():
    tok = Tokenizer.train(["a1b22"], 270, special_tokens=["<a>", "<b>", "<user>"], pattern=[r"\d"])
    assert (tok.bos_id, tok.eos_id) == (tok.special_tokens["<a>"], tok.special_tokens["<b>"])
    assert tok.encode("<user>", allowed_special="all") == [tok.special_tokens["<user>"]]
    assert [tok.token_bytes(i) for i in tok.encode("b22")] == [b"b", b"2", b"2"]


def test_cache_stays_bounded_and_changes_nothing(monkeypatch):
    monkeypatch.setattr("minillama.tokenizer.byte_level.CACHE_WORDS", 4)
    tok = Tokenizer.train(CORPUS, 300)
    for _ in range(2):
        assert tok.encode(CORPUS[0]) == TOK.encode(CORPUS[0])
        assert len(tok.model._cache) <= 4


@pytest.mark.parametrize("size", [-1, 0, 255, 256, 257])
def test_too_small_a_vocabulary_is_refused(size):
    with pytest.raises(ValueError, match=f"vocab_size is {size}; expected at least 258.*larger"):
        Tokenizer.train(CORPUS, size)


@pytest.mark.parametrize("nothing", [[], [""], ["", ""], iter([])])
def test_empty_training_text_is_refused(nothing):
    with pytest.raises(ValueError, match="texts holds no characters; expected some text"):
        Tokenizer.train(nothing, 300)


@pytest.mark.error_contract
def test_a_single_str_is_not_a_list_of_texts():
    with pytest.raises(ValueError, match=r"texts is one str; .* Give \[text\]"):
        Tokenizer.train("abc", 300)


@pytest.mark.error_contract
@pytest.mark.parametrize("text", [None, b"abc", 3])
def test_text_must_be_str(text):
    with pytest.raises(ValueError, match=f"text is a {type(text).__name__}; expected a str"):
        TOK.encode(text)
    with pytest.raises(ValueError, match=f"text is a {type(text).__name__}; expected a str"):
        Tokenizer.train(["a", text], 300)


def test_lone_surrogates_are_refused_where_they_stand():
    with pytest.raises(ValueError, match=r"lone surrogate U\+D83D at position 2; expected"):
        TOK.encode("ab\ud83d")


@pytest.mark.parametrize("bad", [-1, 300, 10**9])
def test_ids_outside_the_vocabulary_are_refused(bad):
    for call in (lambda: TOK.decode([3, bad]), lambda: TOK.token_bytes(bad)):
        with pytest.raises(ValueError, match=f"token id is {bad}; expected 0 to 299"):
            call()


@pytest.mark.parametrize("names", [(), ("<a>",), ("<a>", "<a>"), ("<a>", "")])
def test_special_tokens_must_be_two_different_names(names):
    with pytest.raises(ValueError, match=r"special_tokens is .* at least two different names"):
        Tokenizer.train(CORPUS, 300, special_tokens=names)


def test_unknown_special_token_is_refused():
    with pytest.raises(ValueError, match=r"allowed_special has \['<x>'\]; expected 'all' or some"):
        TOK.encode("a", allowed_special=["<x>"])


def test_unknown_pattern_is_refused():
    with pytest.raises(ValueError, match="unknown pattern 'llama9'; expected one of llama3"):
        Tokenizer.train(CORPUS, 300, pattern="llama9")
