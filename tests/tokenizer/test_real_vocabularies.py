"""The vocabularies of real models, read by us and by the libraries that they were made for: equal ids."""

from functools import cache

import pytest
import sentencepiece
import tiktoken
import tiktoken.load
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.data.corpora import fetch
from minillama.tokenizer import PATTERNS, Tokenizer, TokenizerError
from minillama.tokenizer.files import load_tokenizer

from .strings import texts

pytestmark = pytest.mark.slow  # and needs what `minillama data fetch tokenizers` brings

# Number of ids, of them special; ids of tokens that a chat needs (Meta's llama-models 0.3.0).
LLAMA = {
    3: (128_256, 256, {"<|begin_of_text|>": 128_000, "<|eot_id|>": 128_009, "<|python_tag|>": 128_010}),
    4: (
        202_048,
        2048,
        {"<|begin_of_text|>": 200_000, "<|header_start|>": 200_005, "<|image_start|>": 200_080},
    ),
}


@cache
def ours(name: str) -> Tokenizer:
    return load_tokenizer(fetch("tokenizers") / name)


@cache
def tiktoken_encoding(version: int) -> tiktoken.Encoding:
    path = fetch("tokenizers") / f"llama-{version}.model"
    return tiktoken.Encoding(
        name=f"llama-{version}",
        pat_str="|".join(PATTERNS[f"llama{version}"]),
        mergeable_ranks=tiktoken.load.load_tiktoken_bpe(str(path)),
        special_tokens=ours(path.name).special_tokens,
    )


@pytest.mark.parametrize("version", [3, 4])
def test_llama_ranks_encode_as_tiktoken_does(version):
    tok, theirs = ours(f"llama-{version}.model"), tiktoken_encoding(version)

    @settings(max_examples=400)
    @given(texts)
    def check(text):
        ids = theirs.encode(text, disallowed_special=())
        assert tok.encode(text) == ids
        assert tok.decode(ids) == text
        named = f"<|begin_of_text|>{text}<|end_of_text|>"
        assert tok.encode(named, allowed_special="all") == theirs.encode(named, allowed_special="all")

    check()


@pytest.mark.parametrize("version", [3, 4])
def test_llama_special_tokens(version):
    tok = ours(f"llama-{version}.model")
    vocab_size, n_special, ids = LLAMA[version]
    assert (tok.vocab_size, len(tok.special_tokens)) == (vocab_size, n_special)
    assert (tok.bos_id, tok.eos_id) == (vocab_size - n_special, vocab_size - n_special + 1)
    assert {name: tok.special_tokens[name] for name in ids} == ids
    assert tok.token_bytes(vocab_size - 1).startswith(b"<|reserved_special_token_")


def test_last_named_special_tokens_of_llama_4():
    tok = ours("llama-4.model")
    assert tok.special_tokens["<|reasoning_thinking_end|>"] == 201_143
    assert tok.special_tokens["<|vision_reserved_special_token_1047|>"] == 201_133
    assert tok.special_tokens["<|text_post_train_reserved_special_token_68|>"] == 200_079


def test_llama_3_as_tokenizer_json(tmp_path):
    """A rank file has no merges; those that we write make the `tokenizers` library agree."""
    tok = ours("llama-3.model")
    tok.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    theirs.encode_special_tokens = True
    again = Tokenizer.load(tmp_path)
    assert (again.vocab_size, again.bos_id, again.eos_id) == (tok.vocab_size, tok.bos_id, tok.eos_id)

    @settings(max_examples=200)
    @given(texts)
    def check(text):
        ids = tok.encode(text, bos=True)
        assert theirs.encode(text).ids == ids
        assert again.encode(text, bos=True) == ids

    check()


@cache
def sentencepiece_processor(name: str) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_file=str(fetch("tokenizers") / name))


def test_mistral_encodes_as_sentencepiece_does():
    tok, theirs = ours("mistral-v1.model"), sentencepiece_processor("mistral-v1.model")
    assert (tok.vocab_size, tok.bos_id, tok.eos_id) == (32_000, 1, 2)

    @settings(max_examples=400)
    @given(texts)
    def check(text):
        ids = theirs.encode(text)
        assert tok.encode(text) == ids
        assert tok.decode(ids) == theirs.decode(ids)
        assert tok.encode(text, bos=True, eos=True) == theirs.encode(text, add_bos=True, add_eos=True)

    check()


@settings(max_examples=300)
@given(texts)
def test_round_trip_through_mistral(text):
    text = text.replace("▁", "_")
    tok = ours("mistral-v1.model")
    assert tok.decode(tok.encode(text, bos=True)) == text


@settings(max_examples=200)
@given(st.binary(max_size=30))
def test_round_trip_of_bytes_through_mistral(data):
    tok = ours("mistral-v1.model")
    if "▁".encode() not in data:
        assert tok.decode_bytes(tok.encode_bytes(data)) == data


def test_mistral_as_tokenizer_json(tmp_path):
    tok = ours("mistral-v1.model")
    tok.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    theirs.encode_special_tokens = True
    again = Tokenizer.load(tmp_path)
    assert (again.vocab_size, again.bos_id, again.eos_id) == (32_000, 1, 2)

    @settings(max_examples=200)
    @given(texts)
    def check(text):
        ids = tok.encode(text, bos=True)
        assert theirs.encode(text).ids == ids
        assert again.encode(text, bos=True) == ids
        assert again.decode(ids) == text.replace("▁", " ")

    check()


@pytest.mark.parametrize("text", ["ab" * 50_000, " " * 100_000, "漢字" * 20_000], ids=["ab", "spaces", "han"])
@pytest.mark.parametrize("name", ["mistral-v1.model", "llama-3.model"])
def test_long_runs(name, text):
    ids = ours(name).encode(text)
    if name == "mistral-v1.model":
        assert ids == sentencepiece_processor(name).encode(text)
    assert ours(name).decode(ids) == text


def test_a_cut_file_is_refused(tmp_path):
    for name in ("mistral-v1.model", "llama-3.model"):
        data = (fetch("tokenizers") / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2 + 1])
        with pytest.raises(TokenizerError, match=f"{name}: "):
            Tokenizer.load(tmp_path / name)
