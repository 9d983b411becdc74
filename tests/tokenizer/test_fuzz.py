"""Files with random damage: each loads and works, or is refused with one clear error."""

import copy
import json
import random
import time

import pytest

from minillama.tokenizer import Tokenizer, TokenizerError

from .test_gguf_vocab import byte_level_table, gguf, sentencepiece_table
from .test_sentencepiece import LLAMA, train
from .test_tiktoken_ranks import BYTES, WORDS, rank_file

SEEDS = range(60)
JUNK = [
    None,
    True,
    -1,
    0,
    3.5,
    10**30,
    "",
    "a",
    "<s>",
    "▁",
    "\ud800",
    "a b",
    [],
    {},
    [[]],
    ["a", "b"],
    {"id": 1},
]
TEXT = "to be, or not to be: é 漢字 12345 <|end|> <s>\n\n  "


def small_json() -> bytes:
    return Tokenizer.train(["to be or not to be"], 262).to_json().encode()


FILES = {
    "tokenizer.json": small_json,
    "llama2.json": lambda: Tokenizer.from_json(_sentencepiece_json()).to_json().encode(),
    "sentencepiece.model": lambda: train(**LLAMA),
    "ranks.model": lambda: rank_file(BYTES + WORDS),
    "byte-level.gguf": lambda: gguf(byte_level_table()),
    "sentencepiece.gguf": lambda: gguf(sentencepiece_table()),
}


def _sentencepiece_json() -> str:
    from minillama.tokenizer.sentencepiece_model import read

    return read(train(**LLAMA)).to_json()


def damage_bytes(data: bytes, rng: random.Random) -> bytes:
    """Cut, flip, repeat or insert bytes at one to three places."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        # Half of the damage goes to the beginning and end, where headers and options stand.
        place = rng.choice([rng.randrange(len(broken)), rng.randrange(min(64, len(broken))), len(broken) - 1])
        kind = rng.randrange(5)
        if kind == 0:
            broken[place] = rng.randrange(256)
        elif kind == 1:
            broken[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del broken[place : place + rng.randint(1, 200)]
        elif kind == 3:
            broken[place:place] = broken[place : place + rng.randint(1, 200)]
        else:
            broken[place:place] = rng.randbytes(rng.randint(1, 20))
        if not broken:
            break
    return bytes(broken if rng.random() < 0.8 else broken[: rng.randrange(len(broken) + 1)])


def damage_json(data: bytes, rng: random.Random) -> bytes:
    """Put junk for some value, or take it away, or move an entry elsewhere."""
    root = json.loads(data)
    for _ in range(rng.randint(1, 2)):
        node, parent, key = root, None, None
        while isinstance(node, dict | list) and node and (parent is None or rng.random() < 0.8):
            parent, key = node, rng.choice(list(node) if isinstance(node, dict) else range(len(node)))
            node = node[key]
        if parent is None:
            break
        kind = rng.randrange(4)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[rng.choice(["a", "type", "<s>", "\ud800", "id"])] = parent.pop(key)
        else:
            parent[key] = copy.deepcopy(rng.choice(JUNK))
    return json.dumps(root).encode()


def load(path) -> Tokenizer | TokenizerError:
    """Load the file or return the refusal; any other exception is a fault of ours."""
    try:
        return Tokenizer.load(path)
    except TokenizerError as error:
        return error


def outcome(path) -> str:
    """Use the file as far as it can be used."""
    tok = load(path)
    if isinstance(tok, TokenizerError):
        assert str(tok).startswith(f"{path}: ")
        assert len(str(tok)) < 600
        assert "\n" not in str(tok)
        return "refused"
    ids = tok.encode(TEXT)
    assert all(0 <= i < tok.vocab_size for i in ids)
    assert isinstance(tok.decode(range(tok.vocab_size), skip_special=False), str)
    tok.encode(TEXT, allowed_special="all")
    tok.decode(ids)
    return "works"


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(name, tmp_path):
    data, path = FILES[name](), tmp_path / name
    path.write_bytes(data)
    assert outcome(path) == "works"
    outcomes = []
    for seed in SEEDS:
        rng = random.Random(seed)
        damage = damage_json if name.endswith("json") and seed % 2 else damage_bytes
        path.write_bytes(damage(data, rng))
        started = time.process_time()
        outcomes.append(outcome(path))
        assert time.process_time() - started < 5
    assert 10 < outcomes.count("refused") < len(SEEDS)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_configs(seed, tmp_path):
    rng = random.Random(seed)
    (tmp_path / "tokenizer.json").write_bytes(small_json())
    config = {"bos_token": {"content": "<|begin|>"}, "eos_token": "<|end|>"}
    damage = damage_json if seed % 2 else damage_bytes
    (tmp_path / "tokenizer_config.json").write_bytes(damage(json.dumps(config).encode(), rng))
    tok = load(tmp_path)
    if isinstance(tok, TokenizerError):
        assert str(tok).startswith(f"{tmp_path / 'tokenizer.json'}: tokenizer_config.json beside it: ")
    else:
        assert {tok.bos_id, tok.eos_id} <= {260, 261, None}
