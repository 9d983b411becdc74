"""`tokenizer.json`: what we save, the `tokenizers` library reads alike; what it saves, we do."""

import json

import pytest
import tokenizers
from hypothesis import given, settings
from tokenizers import models, pre_tokenizers, trainers

from minillama.tokenizer import PATTERNS, Tokenizer, TokenizerError

from .strings import texts
from .test_bpe import english

TEXT = english(20_000, seed=7) + "\nWe're here, they'll say: it's 1,234 o'clock!\n\n" * 40
TOKENIZERS = {
    pattern: Tokenizer.train([TEXT], 600, pattern=row)
    for pattern, row in [*PATTERNS.items(), ("one", [r"\s"])]
}


def as_theirs(tok: Tokenizer, path) -> tokenizers.Tokenizer:
    tok.save(path)
    theirs = tokenizers.Tokenizer.from_file(str(path))
    theirs.encode_special_tokens = True  # the names of special tokens in a text are text, as with us
    return theirs


@pytest.mark.parametrize("pattern", TOKENIZERS)
def test_what_we_save_encodes_alike(pattern, tmp_path):
    ours = TOKENIZERS[pattern]
    theirs = as_theirs(ours, tmp_path / "tokenizer.json")
    assert theirs.get_vocab_size() == ours.vocab_size == 600

    @settings(max_examples=300, deadline=None)
    @given(texts)
    def check(text):
        ids = theirs.encode(text, add_special_tokens=False).ids
        assert ours.encode(text) == ids
        assert ours.decode(ids) == theirs.decode(ids) == text
        assert ours.encode(text, bos=True) == theirs.encode(text).ids

    check()


@pytest.mark.parametrize(
    "text", ["ab" * 50_000, " " * 100_000, "kato12é" * 15_000], ids=["ab", "spaces", "mixed"]
)
def test_long_runs_encode_alike(text, tmp_path):
    ours = TOKENIZERS["llama3"]
    assert (
        ours.encode(text) == as_theirs(ours, tmp_path / "t.json").encode(text, add_special_tokens=False).ids
    )


@pytest.mark.parametrize("pattern", TOKENIZERS)
def test_save_and_load(pattern, tmp_path):
    ours = TOKENIZERS[pattern]
    ours.save(tmp_path / "tokenizer.json")
    for path in (tmp_path, tmp_path / "tokenizer.json", str(tmp_path)):
        again = Tokenizer.load(path)
        assert again.model.tokens == ours.model.tokens
        assert again.model.merges == ours.model.merges
        assert (again.bos_id, again.eos_id) == (ours.bos_id, ours.eos_id)
        assert again.special_tokens == ours.special_tokens
        assert again.encode(TEXT[:5000]) == ours.encode(TEXT[:5000])
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tokenizer.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.json", "tokenizer.json"]


def test_own_names_of_special_tokens_survive(tmp_path):
    tok = Tokenizer.train([TEXT], 300, special_tokens=["<|end|>", "<s>", "<|user|>"])
    tok.save(tmp_path / "tokenizer.json")
    again = Tokenizer.load(tmp_path)
    assert (again.bos_id, again.eos_id) == (297, 298)
    assert again.special_tokens == {"<|end|>": 297, "<s>": 298, "<|user|>": 299}


@pytest.mark.parametrize("ignore_merges", [False, True])
@pytest.mark.parametrize("kind", ["gpt2", "smollm"])
def test_what_the_library_trains_encodes_alike(kind, ignore_merges, tmp_path):
    theirs = tokenizers.Tokenizer(models.BPE(ignore_merges=ignore_merges))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    digits = pre_tokenizers.Digits(individual_digits=True)
    theirs.pre_tokenizer = byte_level if kind == "gpt2" else pre_tokenizers.Sequence([digits, byte_level])
    theirs.decoder = tokenizers.decoders.ByteLevel()
    theirs.train_from_iterator(
        [TEXT],
        trainers.BpeTrainer(
            vocab_size=600,
            special_tokens=["<|endoftext|>", "<|im_start|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    theirs.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text(
        '{"bos_token": {"content": "<|im_start|>"}, "eos_token": "<|endoftext|>"}'
    )
    ours = Tokenizer.load(tmp_path)
    assert (ours.vocab_size, ours.bos_id, ours.eos_id) == (600, 1, 0)
    theirs.encode_special_tokens = True

    @settings(max_examples=200, deadline=None)
    @given(texts)
    def check(text):
        assert ours.encode(text) == theirs.encode(text).ids
        assert ours.encode("<|im_start|>" + text, allowed_special="all")[0] == 1

    check()


def test_a_special_token_named_like_another_token_cannot_be_saved(tmp_path):
    tok = Tokenizer.train(["the the"], 260, special_tokens=["the", "<e>"])
    with pytest.raises(ValueError, match="special token 'the' is written like token 257; expected a name"):
        tok.save(tmp_path / "tokenizer.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("unk_token", [None, "<unk>"])
def test_missing_bytes_are_dropped_or_unknown(unk_token, tmp_path):
    """The library learns only the bytes of its text, unless told otherwise."""
    theirs = tokenizers.Tokenizer(models.BPE(unk_token=unk_token))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = tokenizers.decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>", "<s>"], show_progress=False)
    theirs.train_from_iterator([TEXT], trainer)
    theirs.encode_special_tokens = True
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.load(tmp_path)
    ours.save(tmp_path / "again.json")
    again = Tokenizer.load(tmp_path / "again.json")

    @settings(max_examples=200)
    @given(texts)
    def check(text):
        ids = theirs.encode(text).ids
        assert ours.encode(text) == ids
        assert again.encode(text) == ids

    check()
    assert ours.encode("a\x00k") == [*ours.encode("a"), *([0] if unk_token else []), *ours.encode("k")]


def test_bos_token_may_be_absent(tmp_path):
    TOKENIZERS["llama3"].save(tmp_path / "tokenizer.json")
    (tmp_path / "tokenizer_config.json").write_text('{"bos_token": null, "eos_token": "<|end|>"}')
    tok = Tokenizer.load(tmp_path)
    assert (tok.bos_id, tok.eos_id) == (None, 599)
    with pytest.raises(ValueError, match="no token that begins a text"):
        tok.encode("a", bos=True)


def edited(change) -> bytes:
    tok = Tokenizer.train(["to be or not to be"], 262)
    from minillama.tokenizer.hf_json_writer import write

    root = json.loads(write(tok))
    change(root)
    return json.dumps(root).encode()


BROKEN = {
    "holes in ids": (lambda r: r["model"]["vocab"].update(be=5000), "no token has id 256"),
    "id twice": (lambda r: r["model"]["vocab"].update(be=3), "id 3 belongs to '\\$' and 'be'"),
    "id is a string": (
        lambda r: r["model"]["vocab"].update(be="3"),
        "the id of 'be' is '3'; expected an integer",
    ),
    "id is true": (
        lambda r: r["model"]["vocab"].update(be=True),
        "the id of 'be' is True; expected an integer",
    ),
    "unknown letter": (lambda r: r["model"]["vocab"].update({"漢": 262}), "'漢'; expected the letters"),
    "no model": (lambda r: r.pop("model"), "model is missing; expected a dict"),
    "vocab is a list": (lambda r: r["model"].update(vocab=[]), "model.vocab is a list; expected a dict"),
    "another model": (lambda r: r["model"].update(type="Unigram"), "model.type is 'Unigram'; expected 'BPE'"),
    "dropout": (lambda r: r["model"].update(dropout=0.1), "model.dropout is 0.1; expected none"),
    "merges missing": (lambda r: r["model"].pop("merges"), "model.merges is missing; expected a list"),
    "merge of three": (
        lambda r: r["model"]["merges"].append("a b c"),
        r"merges\[4\] is 'a b c'; expected two",
    ),
    "merge of unknown": (
        lambda r: r["model"]["merges"].append("a be?"),
        r"merges\[4\] has 'be\?', which is not in",
    ),
    "merge to nothing": (
        lambda r: r["model"]["merges"].append("a a"),
        "joins b'a' and b'a', but b'aa' is no token",
    ),
    "normalizer": (lambda r: r.update(normalizer={"type": "NFC"}), "normalizer is set; expected null"),
    "no pre-tokeniser": (
        lambda r: r.update(pre_tokenizer=None),
        r"pre_tokenizer is \[\]; expected byte-level BPE, or",
    ),
    "other split": (
        lambda r: r["pre_tokenizer"]["pretokenizers"][0].update(behavior="Removed"),
        "expected 'Digits', or 'Split' by a Regex, Isolated",
    ),
    "broken pattern": (
        lambda r: r["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": "(a"}),
        "not a valid expression: missing",
    ),
    "added token without id": (lambda r: r["added_tokens"][0].pop("id"), r"added_tokens\[0\].id is missing"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused(name, tmp_path):
    change, message = BROKEN[name]
    path = tmp_path / "tokenizer.json"
    path.write_bytes(edited(change))
    with pytest.raises(TokenizerError, match=message) as caught:
        Tokenizer.load(path)
    assert str(caught.value).startswith(f"{path}: ")


RAW = {
    "truncated": (b'{"model": {"type": "BPE"', "is not JSON: .* at offset 24"),
    "not UTF-8": (b'{"a": "\xff"}', "is not UTF-8 at offset 7"),
    "duplicate key": (b'{"a": 1, "a": 2}', "the key 'a' stands twice"),
    "deep": (b'{"a":' * 100_000, "is nested too deeply|is not JSON"),
    "empty": (b"", "begins with b''; expected a tokenizer.json"),
    "binary": (b"\x00\x01\x02\x03", "expected a tokenizer.json"),
}


@pytest.mark.parametrize("name", RAW)
def test_files_that_are_no_json_are_refused(name, tmp_path):
    data, message = RAW[name]
    path = tmp_path / "tokenizer.json"
    path.write_bytes(data)
    with pytest.raises(TokenizerError, match=message):
        Tokenizer.load(path)


def test_a_gigantic_file_is_not_read(tmp_path):
    path = tmp_path / "tokenizer.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: takes no room
    with pytest.raises(
        TokenizerError, match="has 1,099,511,627,776 bytes; expected a tokenizer file of at most"
    ):
        Tokenizer.load(path)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    path.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        TOKENIZERS["llama3"].save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"]
    assert path.read_text() == "old"
