"""Vocabularies in GGUF files: small ones made here, and SmolLM2's."""

import struct

import pytest
import tokenizers
from hypothesis import given, settings
from tokenizers import models, pre_tokenizers

from minillama.data.corpora import fetch
from minillama.tokenizer import Tokenizer, TokenizerError
from minillama.tokenizer.alphabet import to_letters
from minillama.tokenizer.gguf_vocab import NUMBERS, from_metadata, read_metadata
from minillama.tokenizer.sentencepiece_model import read as read_sentencepiece

from .strings import texts
from .test_bpe import english
from .test_sentencepiece import LLAMA, train

TOK = Tokenizer.train([english(4000, seed=5)], 400)


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def value(item) -> bytes:
    """Kind and value as GGUF writes them."""
    if isinstance(item, bool):
        return struct.pack("<I?", 7, item)
    if isinstance(item, int):
        return struct.pack("<II", 4, item)
    if isinstance(item, float):
        return struct.pack("<If", 6, item)
    if isinstance(item, str):
        return struct.pack("<I", 8) + string(item)
    kind, form = {bool: (7, "?"), int: (5, "i"), float: (6, "f"), str: (8, "")}[type(item[0])]
    items = b"".join(map(string, item)) if kind == 8 else struct.pack(f"<{len(item)}{form}", *item)
    return struct.pack("<IIQ", 9, kind, len(item)) + items


def gguf(table: dict) -> bytes:
    entries = [string(key) + value(item) for key, item in table.items()]
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries) + b"weights"


def byte_level_table(pre: str = "llama-bpe") -> dict:
    model = TOK.model
    names = [to_letters(token) for token in model.tokens[:-2]]
    return {
        "general.architecture": "llama",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": [*names, "<|begin|>", "<|end|>"],
        "tokenizer.ggml.token_type": [1] * len(names) + [3, 3],
        "tokenizer.ggml.merges": [f"{names[left]} {names[right]}" for left, right in model.merges],
        "tokenizer.ggml.bos_token_id": TOK.bos_id,
        "tokenizer.ggml.eos_token_id": TOK.eos_id,
    }


def sentencepiece_table() -> dict:
    pieces = read_sentencepiece(train(**LLAMA)).model.pieces
    types = {"text": 1, "unknown": 2, "control": 3, "byte": 6}
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [piece.text for piece in pieces],
        "tokenizer.ggml.scores": [piece.score for piece in pieces],
        "tokenizer.ggml.token_type": [types[piece.kind] for piece in pieces],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.add_space_prefix": True,
    }


def test_byte_level_vocabulary(tmp_path):
    (tmp_path / "model.gguf").write_bytes(gguf(byte_level_table()))
    tok = Tokenizer.load(tmp_path / "model.gguf")
    assert (tok.vocab_size, tok.bos_id, tok.eos_id) == (400, 398, 399)
    for text in (english(300, seed=6), "<|end|>", "é\x00\n\n  x"):
        assert tok.encode(text) == TOK.encode(text)
        assert tok.decode(tok.encode(text, eos=True)) == text


def test_sentencepiece_vocabulary(tmp_path):
    (tmp_path / "model.gguf").write_bytes(gguf(sentencepiece_table()))
    tok, original = Tokenizer.load(tmp_path / "model.gguf"), read_sentencepiece(train(**LLAMA))
    assert (tok.vocab_size, tok.bos_id, tok.eos_id) == (500, 1, 2)
    text = english(300, seed=6) + "<s> é 漢"
    assert tok.encode(text, bos=True) == original.encode(text, bos=True)
    assert tok.decode(tok.encode(text)) == text
    without = from_metadata(sentencepiece_table() | {"tokenizer.ggml.add_space_prefix": False})
    assert without.decode(without.encode(" ka")) == " ka"


def test_tokens_of_the_user_are_recognised_in_text():
    table = byte_level_table()
    table["tokenizer.ggml.token_type"][-1] = 4
    tok = from_metadata(table)
    assert tok.encode("<|end|><|begin|>")[0] == 399
    assert 398 not in tok.encode("<|end|><|begin|>")


def test_every_kind_of_number():
    numbers = {f"n{kind}": struct.pack(f"<I{letter}", kind, 1) for kind, letter in NUMBERS.items()}
    entries = b"".join(string(key) + item for key, item in numbers.items())
    table = read_metadata(b"GGUF" + struct.pack("<IQQ", 2, 0, len(numbers)) + entries)
    assert table == dict.fromkeys(numbers, 1)


@pytest.mark.slow
def test_smollm2():
    """Against the `tokenizers` library, given the tokens and merges of the same file."""
    path = fetch("smollm2")
    ours = Tokenizer.load(path)
    assert (ours.vocab_size, len(ours.special_tokens)) == (49_152, 17)
    assert (ours.bos_id, ours.eos_id) == (1, 2)
    assert ours.token_bytes(1) == b"<|im_start|>"
    with path.open("rb") as file:
        table = read_metadata(file.read(4 << 20))
    vocab = {token: i for i, token in enumerate(table["tokenizer.ggml.tokens"])}
    merges = [tuple(merge.split(" ")) for merge in table["tokenizer.ggml.merges"]]
    theirs = tokenizers.Tokenizer(models.BPE(vocab, merges))
    digits, byte_level = (
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    )
    theirs.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])

    @settings(max_examples=300)
    @given(texts)
    def check(text):
        ids = theirs.encode(text).ids
        assert ours.encode(text) == ids

    check()


def changed(**entries) -> bytes:
    return gguf(byte_level_table() | {f"tokenizer.ggml.{key}": item for key, item in entries.items()})


BROKEN = {
    "version": (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "is GGUF version 1; expected 2 or 3"),
    "cut": (gguf(byte_level_table())[:999], "ends at offset 999; expected"),
    "many entries": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60),
        "ends at offset 24; expected the length of a",
    ),
    "long string": (
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62),
        f"ends at offset 32; expected a string of {1 << 62} bytes at offset 32",
    ),
    "long array": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("a") + struct.pack("<IIQ", 9, 5, 1 << 61),
        f"expected {1 << 61} numbers at offset",
    ),
    "many strings": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("a") + struct.pack("<IIQ", 9, 8, 1 << 61),
        f"expected {1 << 61} strings at offset",
    ),
    "array of arrays": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("a") + struct.pack("<IIQ", 9, 9, 1),
        "has a value of kind 9 before offset",
    ),
    "kind": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + string("a") + struct.pack("<I", 13),
        "a value of kind 13",
    ),
    "not UTF-8": (
        b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"\xff",
        "is not UTF-8 at offset 32; expected a string",
    ),
    "key twice": (
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + 2 * (string("a") + value(1)),
        "the key 'a' at offset 41 is there twice",
    ),
    "no model": (gguf({"a": 1}), "tokenizer.ggml.model is missing; expected 'gpt2' or 'llama'"),
    "other model": (changed(model="bert"), "tokenizer.ggml.model is 'bert'; expected"),
    "other pattern": (changed(pre="deepseek"), "tokenizer.ggml.pre is 'deepseek'; expected one of llama-bpe"),
    "tokens of another kind": (
        changed(tokens=[1, 2]),
        "tokenizer.ggml.tokens is a list; expected a list of str",
    ),
    "pattern no text": (changed(pre=[1]), "tokenizer.ggml.pre is \\[1\\]; expected one of llama-bpe"),
    "bos no id": (
        changed(bos_token_id=[1]),
        "tokenizer.ggml.bos_token_id is a list; expected the id of a token",
    ),
    "tokens no list": (changed(tokens=7), "tokenizer.ggml.tokens is a int; expected a list of str"),
    "too few types": (changed(token_type=[1, 1]), "token_type has 2 entries of the types .*; expected 400"),
    "unknown type": (changed(token_type=[9] * 400), r"token_type has 400 entries of the types \[9\]"),
    "odd letters": (changed(token_type=[1] * 400, tokens=["漢"] * 400, merges=["漢 漢"]), "character '漢'"),
    "merge": (changed(merges=["a"]), r"tokenizer.ggml.merges\[0\] is 'a'; expected two tokens"),
    "few scores": (
        gguf(sentencepiece_table() | {"tokenizer.ggml.scores": [1.0]}),
        "tokenizer.ggml.scores has 1 entries; expected 500",
    ),
    "score nan": (
        gguf(sentencepiece_table() | {"tokenizer.ggml.scores": [float("nan")] * 500}),
        "tokenizer.ggml.scores has 500 entries; expected 500 finite ones",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused(name, tmp_path):
    data, message = BROKEN[name]
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    with pytest.raises(TokenizerError, match=message) as caught:
        Tokenizer.load(path)
    assert str(caught.value).startswith(f"{path}: ")
