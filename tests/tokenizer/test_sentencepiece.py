"""SentencePiece models of every make that we read, trained by the library on the spot, and broken ones."""

import io
import struct

import pytest
import sentencepiece
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.tokenizer import Tokenizer, TokenizerError
from minillama.tokenizer.bpe import merge_simple
from minillama.tokenizer.sentencepiece_bpe import Piece, SentencePieceBPE
from minillama.tokenizer.sentencepiece_model import read

from .strings import texts
from .test_bpe import english

LLAMA = {"byte_fallback": True, "split_digits": True}
MAKES = {
    "as LLaMA": LLAMA,
    "no bytes": {"byte_fallback": False, "character_coverage": 0.99},
    "no prefix": LLAMA | {"add_dummy_prefix": False},
    "whole pieces": LLAMA | {"user_defined_symbols": ["<sep>", "ka", "to ", "kato", "\n\n"]},
    "control pieces": LLAMA | {"control_symbols": ["[INST]", "[/INST]"]},
    "pieces across words": LLAMA | {"split_by_whitespace": False},
    "no bos, other ids": LLAMA | {"bos_id": -1, "eos_id": 0, "unk_id": 1, "unk_surface": "<?>"},
}


def train(**options) -> bytes:
    """Train a small model as LLaMA's was: BPE, and the text is left as it is."""
    model = io.BytesIO()
    defaults = {
        "model_type": "bpe",
        "vocab_size": 500,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "minloglevel": 2,
    }
    lines = iter(english(4000, seed=3).split("\n"))
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines, model_writer=model, **defaults | options
    )
    return model.getvalue()


@pytest.fixture(scope="module", params=MAKES)
def make(request):
    data = train(**MAKES[request.param])
    return request.param, read(data), sentencepiece.SentencePieceProcessor(model_proto=data)


def test_encodes_as_sentencepiece_does(make):
    name, ours, theirs = make
    assert ours.vocab_size == theirs.vocab_size() == 500
    assert [-1 if i is None else i for i in (ours.bos_id, ours.eos_id)] == [theirs.bos_id(), theirs.eos_id()]

    @settings(max_examples=200)
    @given(texts)
    def check(text):
        for mixed in (text, text + "kato to ka <sep>\n\n[INST]" + text):
            ids = theirs.encode(mixed)
            assert ours.encode(mixed) == ids
            assert ours.decode(ids) == theirs.decode(ids)

    check()
    if name == "no bytes":
        assert theirs.unk_id() in ours.encode("Ω")


@pytest.mark.parametrize("name", ["as LLaMA", "no bytes", "no prefix", "control pieces"])
def test_as_tokenizer_json(name, tmp_path):
    ours = read(train(**MAKES[name]))
    ours.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    theirs.encode_special_tokens = True
    again = Tokenizer.load(tmp_path)

    @settings(max_examples=150)
    @given(texts)
    def check(text):
        ids = ours.encode(text)
        assert theirs.encode(text, add_special_tokens=False).ids == ids
        assert again.encode(text) == ids
        assert again.decode(ids) == ours.decode(ids)

    check()


def test_newer_spelling_of_the_prefix(tmp_path):
    """`Metaspace` puts a space in front only where there is none."""
    theirs = tokenizers.Tokenizer.from_str(read(train(**LLAMA)).to_json())
    theirs.normalizer = tokenizers.normalizers.Sequence([])
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace("▁", "first", split=False)
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.load(tmp_path)
    for text in ("kato", " kato", "  kato", "", "▁to", "\nto"):
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False).ids
    ours.save(tmp_path / "tokenizer.json")
    assert Tokenizer.load(tmp_path).model.prefix == "missing"


def test_whole_pieces_have_no_place_in_a_tokenizer_json():
    with pytest.raises(
        ValueError, match=r"cut out whole, which tokenizer.json cannot express.*Keep the .model"
    ):
        read(train(**MAKES["whole pieces"])).to_json()


@settings(max_examples=400)
@given(
    st.lists(st.text("ab▁\n", min_size=2, max_size=4), unique=True, max_size=6), st.text("ab \n", max_size=20)
)
def test_cutting_a_text_to_remember_its_parts_changes_nothing(longer, text):
    """Whichever pieces there are, also across words and lines, against merging the text as a whole."""
    names = ["<unk>", "a", "b", "▁", "\n", *longer]
    scores = {name: -float(i) for i, name in enumerate(names)}
    pieces = [Piece(name, scores[name], "unknown" if name == "<unk>" else "text") for name in names]

    def rule(pair):
        merged = "".join(pair)
        return (-scores[merged], merged) if merged in scores else None

    expected = [names.index(symbol) for symbol in merge_simple(text.replace(" ", "▁"), rule)]
    assert SentencePieceBPE(pieces, prefix="never").encode(text) == expected


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def field(number: int, value: bytes | int | float) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def piece(text: str | bytes, score: float | bytes = 0.0, kind: int | bytes = 1) -> bytes:
    text = text if isinstance(text, bytes) else text.encode()
    return field(1, field(1, text) + field(2, score) + field(3, kind))


UNK = piece("<unk>", 0.0, 2)
BPE = field(2, field(3, 2)) + field(3, field(4, 0))


def test_smallest_model():
    tok = read(UNK + piece("a") + field(99, 7) + field(98, b"unknown fields are passed over") + BPE)
    assert tok.encode("aXYa") == [0, 1, 0, 1]
    assert tok.decode([1, 0, 1]) == "a ⁇ a"


BROKEN = {
    "unigram": (UNK + field(2, field(3, 1)), r"the model type is 1; expected 2 \(BPE\)"),
    "no trainer": (UNK, "the model type is 1; expected 2"),
    "squeezes spaces": (UNK + field(2, field(3, 2)), "remove_extra_whitespaces is 1; expected 0"),
    "normalisation": (UNK + BPE + field(3, field(2, b"table")), "has a normalisation table"),
    "suffix": (UNK + BPE + field(2, field(24, 1)), "treat_whitespace_as_suffix is 1; expected 0"),
    "no pieces": (BPE, "has 0 byte pieces and the unknown piece None; expected all 256"),
    "one byte": (UNK + piece("<0x41>", 0.0, 6) + BPE, "has 1 byte pieces"),
    "odd byte": (UNK + piece("<0xGG>", 0.0, 6) + BPE, "piece 1 is the byte '<0xGG>'; expected '<0x00>'"),
    "twice": (UNK + piece("a") + piece("a") + BPE, "pieces 1 and 2 are both 'a'; expected all different"),
    "empty piece": (UNK + piece("") + BPE, "piece 1 is empty"),
    "two unknown": (UNK + piece("x", 0.0, 2) + BPE, "pieces 0 and 1 are both unknown"),
    "unused": (UNK + piece("x", 0.0, 5) + BPE, "piece 1 has type 5; expected one of"),
    "type is text": (UNK + piece("x", 0.0, b"5") + BPE, "piece 1 has type bytes; expected one of"),
    "score nan": (
        UNK + piece("x", float("nan")) + BPE,
        "piece 1 at offset 18 has no finite float32 as score",
    ),
    "score is text": (UNK + piece("x", b"1") + BPE, "piece 1 at offset 18 has no finite float32 as score"),
    "not UTF-8": (UNK + piece(b"\xff") + BPE, "is not UTF-8 at offset 20; expected a string"),
    "piece is a number": (field(1, 5) + BPE, "field 1 at offset 0 is a number; expected bytes"),
    "gigantic": (
        b"\x0a" + varint(1 << 40) + b"abc",
        "field 1 at offset 0 has 1099511627776 bytes; expected at most",
    ),
    "endless varint": (b"\x0a" + b"\x80" * 20, "the number at offset 1 does not end"),
    "wire type": (UNK + b"\x0b", "has wire type 3 at offset 16"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_models_are_refused(name, tmp_path):
    data, message = BROKEN[name]
    with pytest.raises(TokenizerError, match=message):
        read(data)


def test_pieces_must_cover_something():
    with pytest.raises(TokenizerError, match="expected all 256 bytes, or none and an unknown piece"):
        SentencePieceBPE([Piece("a")])
