"""SentencePiece models and rank files that we write, read by their libraries: equal ids."""

from __future__ import annotations

import pytest
import sentencepiece
import tiktoken
import tiktoken.load
from hypothesis import given, settings

from minillama.data.corpora import fetch
from minillama.tokenizer import PATTERNS, Tokenizer, sentencepiece_writer, tiktoken_writer
from minillama.tokenizer.files import load_tokenizer
from minillama.tokenizer.sentencepiece_model import read as read_sentencepiece
from minillama.tokenizer.tiktoken_ranks import read as read_ranks

from .strings import texts
from .test_sentencepiece import LLAMA, MAKES, train
from .test_tiktoken_ranks import BYTES, WORDS, rank_file


@pytest.mark.parametrize("name", MAKES)
def test_a_sentencepiece_model_comes_back(name: str) -> None:
    ours = read_sentencepiece(train(**MAKES[name]))
    data = sentencepiece_writer.write(ours)
    theirs, again = sentencepiece.SentencePieceProcessor(model_proto=data), read_sentencepiece(data)
    assert [-1 if i is None else i for i in (ours.bos_id, ours.eos_id)] == [theirs.bos_id(), theirs.eos_id()]
    assert again.special_tokens == ours.special_tokens
    assert again.model.pieces == ours.model.pieces

    @settings(max_examples=60)
    @given(texts)
    def check(text: str) -> None:
        ids = ours.encode(text + "kato <sep>\n\n[INST]" + text)
        assert theirs.encode(text + "kato <sep>\n\n[INST]" + text) == ids
        assert again.encode(text + "kato <sep>\n\n[INST]" + text) == ids
        assert again.decode(ids) == ours.decode(ids) == theirs.decode(ids)

    check()


@pytest.mark.parametrize(
    "name", ["as LLaMA", "no bytes", "no prefix", "control pieces", "pieces across words"]
)
def test_merges_of_a_tokenizer_json_become_scores(name: str) -> None:
    original = read_sentencepiece(train(**MAKES[name]))
    ours = Tokenizer.from_json(original.to_json())
    assert ours.model.merges is not None
    theirs = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_writer.write(ours))

    @settings(max_examples=60)
    @given(texts)
    def check(text: str) -> None:
        assert theirs.encode(text) == ours.encode(text) == original.encode(text)

    check()


def test_a_rank_file_comes_back_byte_for_byte() -> None:
    data = rank_file(BYTES + WORDS)
    ours = read_ranks(data)
    assert tiktoken_writer.write(ours) == data
    assert tiktoken_writer.write(Tokenizer.from_json(ours.to_json())) == data


@pytest.mark.error_contract
def test_what_the_files_cannot_express_is_refused() -> None:
    trained = Tokenizer.train(["the cat sat on the mat"] * 3, 270)
    pieces = read_sentencepiece(train(**LLAMA))
    with pytest.raises(ValueError, match="is a ByteLevelBPE; expected SentencePiece's BPE"):
        sentencepiece_writer.write(trained)
    with pytest.raises(ValueError, match="is a SentencePieceBPE; expected byte-level BPE"):
        tiktoken_writer.write(pieces)
    with pytest.raises(ValueError, match="a rank file cannot express the tokenizer: expected the pattern"):
        tiktoken_writer.write(trained)
    root = pieces.to_json()
    newer = Tokenizer.from_json(root)
    newer.model.prefix = "missing"
    with pytest.raises(ValueError, match="a space in front of a text only if there is none"):
        sentencepiece_writer.write(newer)
    merges = dict(sorted(newer.model.merges.items(), key=lambda item: -item[1])[:-1])
    newer.model.prefix, newer.model.merges = "always", merges
    with pytest.raises(ValueError, match="merges are not every way to put its pieces together"):
        sentencepiece_writer.write(newer)
    always = Tokenizer(pieces.model, pieces.special_tokens, always_special=["<s>"])
    with pytest.raises(ValueError, match="'<s>' is recognised in text before SentencePiece sees it"):
        sentencepiece_writer.write(always)


@pytest.mark.slow
def test_real_vocabularies_come_back(tmp_path) -> None:
    """LLaMA 3's ranks byte for byte, also by way of a tokenizer.json, and Mistral's pieces."""
    path = fetch("tokenizers") / "llama-3.model"
    tok = load_tokenizer(path)
    for ours in (tok, Tokenizer.from_json(tok.to_json())):
        (tmp_path / "ranks").write_bytes(tiktoken_writer.write(ours))
    ranks = tiktoken.load.load_tiktoken_bpe(str(tmp_path / "ranks"))
    assert ranks == tiktoken.load.load_tiktoken_bpe(str(path))
    assert PATTERNS["llama3"] == tok.model.pretokenizer.patterns
    mistral = load_tokenizer(fetch("tokenizers") / "mistral-v1.model")
    theirs = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_writer.write(mistral))
    text = "The capital of France is  Paris.\n\té漢字 123 👩‍👧"
    assert theirs.encode(text) == mistral.encode(text)
    assert (theirs.bos_id(), theirs.eos_id()) == (mistral.bos_id, mistral.eos_id)
