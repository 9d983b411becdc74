"""Rank files: the format's rules, on small files; the real ones are in `test_real_vocabularies`."""

from base64 import b64encode

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.tokenizer import PATTERNS, Tokenizer, TokenizerError
from minillama.tokenizer.alphabet import BYTE_ORDER
from minillama.tokenizer.tiktoken_ranks import read

BYTES = [bytes([byte]) for byte in BYTE_ORDER]
WORDS = [b"ab", b"bc", b"abc", b"ca", b"bca", b" a", b" abc", b"aa", b"aaa", b"abcab", b"zebra"]


def rank_file(tokens: list[bytes]) -> bytes:
    return b"".join(b64encode(token) + b" %d\n" % i for i, token in enumerate(tokens))


def test_words_merge_by_rank_alone():
    """ "zebra" has no parts in the vocabulary but is found whole; "zebras" is not."""
    tok = read(rank_file(BYTES + WORDS))
    assert [tok.token_bytes(i) for i in tok.encode("zebra")] == [b"zebra"]
    assert [tok.token_bytes(i) for i in tok.encode("zebras")] == [b"z", b"e", b"b", b"r", b"a", b"s"]
    assert [tok.token_bytes(i) for i in tok.encode("abca abcab")] == [b"abc", b"a", b" abc", b"ab"]


@settings(max_examples=300)
@given(st.text("abcz 1é\n", max_size=30))
def test_encodes_as_tiktoken_does(text):
    tok = read(rank_file(BYTES + WORDS))
    theirs = tiktoken.Encoding(
        "small",
        pat_str=PATTERNS["llama3"][0],
        mergeable_ranks={token: i for i, token in enumerate(BYTES + WORDS)},
        special_tokens={},
    )
    assert tok.encode(text) == theirs.encode(text)
    assert tok.decode(tok.encode(text)) == text


def test_special_tokens_follow_the_ranks():
    tok = read(rank_file(BYTES))
    assert tok.vocab_size == 256 + 256
    assert list(tok.special_tokens.values()) == list(range(256, 512))
    assert tok.token_bytes(tok.bos_id) == b"<|begin_of_text|>"
    assert tok.token_bytes(tok.eos_id) == b"<|end_of_text|>"


def test_a_directory_as_meta_ships_it(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(rank_file(BYTES))
    assert Tokenizer.load(tmp_path).vocab_size == 512
    Tokenizer.train(["ab"], 259).save(tmp_path / "tokenizer.json")
    assert Tokenizer.load(tmp_path).vocab_size == 259


BROKEN = {
    "hole": (rank_file(BYTES) + b"YWI= 257\n", "line 257 has rank b'257'; expected 256"),
    "rank twice": (rank_file(BYTES) + b"YWI= 255\n", "line 257 has rank b'255'; expected 256"),
    "token twice": (rank_file([*BYTES, b"a"]), "ids 64 and 256 are both b'a'"),
    "no rank": (rank_file(BYTES) + b"YWI=\n", "line 257 has rank b''; expected 256"),
    "rank is huge": (rank_file(BYTES) + b"YWI= " + b"9" * 10_000, "line 257 has rank b'9999"),
    "no base64": (rank_file(BYTES) + b"Y*I= 256\n", "line 257 begins with b'Y\\*I='; expected base64"),
    "cut base64": (rank_file(BYTES) + b"YWI 256\n", "line 257 begins with b'YWI'; expected base64"),
    "empty line": (rank_file(BYTES) + b"\n", "line 257 holds no token"),
    "byte missing": (rank_file(BYTES[:-1]), "1 of the 256 single bytes are no tokens, the first is 0xad"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused(name, tmp_path):
    data, message = BROKEN[name]
    path = tmp_path / "tokenizer.model"
    path.write_bytes(data)
    with pytest.raises(TokenizerError, match=message) as caught:
        Tokenizer.load(path)
    assert str(caught.value).startswith(f"{path}: ")
