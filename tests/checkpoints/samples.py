"""Small models and tokenizers of every kind for the tests of checkpoints, and what "equal" means there."""

from __future__ import annotations

import io
import warnings
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import sentencepiece
import torch

from minillama.config import LlamaConfig
from minillama.model import Llama
from minillama.tokenizer import Tokenizer
from minillama.tokenizer.alphabet import BYTE_ORDER
from minillama.tokenizer.sentencepiece_model import read as read_sentencepiece
from minillama.tokenizer.tiktoken_ranks import read as read_ranks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it asks for a package that draws progress bars
    import transformers as transformers

LINES = ["the cat sat on the mat, the cat sat on the hat", "Tom's 12345 cats slept; é Ünï 漢字"] * 20
TEXTS = [
    "the cat sat",
    " on the  mat\n\n<|end|></s>",
    "Ünïcode 漢字 123456 \x00\t",
    "",
    "I'LL 👩‍👩‍👧 " + "a" * 50,
]
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip
CONFIGS: dict[str, dict[str, Any]] = {
    "grouped": {},
    "tied": {"tie_embeddings": True},
    "odd sizes": {
        "vocab_size": 611,
        "dim": 30,
        "n_heads": 5,
        "n_kv_heads": 1,
        "hidden_dim": 37,
        "norm_eps": 1e-6,
    },
    "llama 3.1": {"rope_scaling": LLAMA3, "rope_theta": 500_000.0},
}
"""What every format can express."""
WIDER: dict[str, dict[str, Any]] = {
    "linear": {"rope_scaling": {"rope_type": "linear", "factor": 2.5}},
    "heads": {"head_dim": 10, "tie_embeddings": True},
    "biases": {"attention_bias": True, "n_layers": 1},
}
"""What Hugging Face's and GGUF's formats can, and Meta's cannot."""


def config(**changes: Any) -> LlamaConfig:
    base = {"vocab_size": 600, "dim": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "hidden_dim": 48}
    return LlamaConfig.from_dict({**base, "max_seq_len": 64, **changes})


def model(dtype: torch.dtype = torch.float32, seed: int = 0, **changes: Any) -> Llama:
    """A model all of whose weights are random, norms and biases too."""
    made = Llama(config(**changes))
    generator = torch.Generator().manual_seed(seed)
    made.init_weights(generator)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() == 1:
                parameter.normal_(1.0, 0.2, generator=generator)
    return made.to(dtype)


@cache
def byte_level() -> Tokenizer:
    return Tokenizer.train(LINES, 320)


@cache
def ranks() -> Tokenizer:
    return read_ranks(rank_file())


def rank_file() -> bytes:
    words = [b"th", b"the", b" the", b"at", b" c", b" cat", b" s", b" sat", b"12", b"123"]
    tokens = [*(bytes([byte]) for byte in BYTE_ORDER), *words]
    return b"".join(b64encode(token) + b" %d\n" % i for i, token in enumerate(tokens))


@cache
def pieces(**options: Any) -> Tokenizer:
    return read_sentencepiece(sentencepiece_file(**options))


@cache
def sentencepiece_file(**options: Any) -> bytes:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=written, model_type="bpe", vocab_size=320,
        normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True,
        split_digits=True, minloglevel=2, hard_vocab_limit=False, **options,
    )  # fmt: skip
    return written.getvalue()


TOKENIZERS = {"byte-level": byte_level, "ranks": ranks, "SentencePiece": pieces}


def assert_same(a: tuple[Llama, Tokenizer | None], b: tuple[Llama, Tokenizer | None]) -> None:
    """Equal configurations, bit-equal weights of equal dtypes, equal ids."""
    assert a[0].cfg == b[0].cfg
    assert a[0].cfg.rope_scaling == b[0].cfg.rope_scaling
    ours, theirs = a[0].state_dict(), b[0].state_dict()
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype, name
        assert torch.equal(ours[name], theirs[name]), name
    assert_encodes_equally(a[1], b[1])


def assert_encodes_equally(a: Tokenizer | None, b: Tokenizer | None) -> None:
    if a is None or b is None:
        assert a is b
        return
    assert (a.vocab_size, a.bos_id, a.eos_id) == (b.vocab_size, b.bos_id, b.eos_id)
    assert a.special_tokens == b.special_tokens
    for text in TEXTS:
        ids = a.encode(text, bos=a.bos_id is not None, eos=a.eos_id is not None)
        assert b.encode(text, bos=b.bos_id is not None, eos=b.eos_id is not None) == ids
        assert b.decode(ids) == a.decode(ids)
        assert b.encode(text, allowed_special="all") == a.encode(text, allowed_special="all")


def size_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size


def gguf_writer(path: Path, cfg: LlamaConfig) -> gguf.GGUFWriter:
    """The `gguf` library's writer, told the shape of a model as converters tell it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_vocab_size(cfg.vocab_size)
    writer.add_embedding_length(cfg.dim)
    writer.add_block_count(cfg.n_layers)
    writer.add_head_count(cfg.n_heads)
    writer.add_head_count_kv(cfg.n_kv_heads)
    writer.add_feed_forward_length(cfg.hidden_dim)
    writer.add_context_length(cfg.max_seq_len)
    writer.add_rope_freq_base(cfg.rope_theta)
    writer.add_layer_norm_rms_eps(cfg.norm_eps)
    return writer
