"""GGUF weights: small files written by the `gguf` library, SmolLM2's, and broken ones."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.checkpoints import CheckpointError
from minillama.checkpoints.gguf import read_gguf
from minillama.checkpoints.gguf_names import SIZES
from minillama.config import LlamaConfig
from minillama.data.corpora import fetch
from minillama.quantization import dequantize
from minillama.reference import ReferenceLlama, init_weights, permute_rows
from minillama.tokenizer import Tokenizer

from .samples import gguf_writer

CFG = LlamaConfig(vocab_size=40, dim=64, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=96, max_seq_len=32)
THEIRS = {
    "tok_embeddings": "token_embd", "attention_norm": "attn_norm", "attention.wq": "attn_q",
    "attention.wk": "attn_k", "attention.wv": "attn_v", "attention.wo": "attn_output", "ffn_norm": "ffn_norm",
    "feed_forward.w_gate": "ffn_gate", "feed_forward.w_up": "ffn_up", "feed_forward.w_down": "ffn_down",
}  # fmt: skip


def write(path, cfg: LlamaConfig, weights: dict[str, np.ndarray], kind: str, leave_out: str = "") -> None:
    """A file as converters write it: matrices in `kind`, norms in F32, rotated rows interleaved."""
    writer = gguf_writer(path, cfg)
    for name, value in weights.items():
        if name == leave_out:
            continue
        if "wq" in name or "wk" in name:
            value = permute_rows(value, cfg.n_heads if "wq" in name else cfg.n_kv_heads, to="interleaved")
        stem = name.removesuffix(".weight")
        if stem.startswith("layers."):
            _, layer, inner = stem.split(".", 2)
            theirs = f"blk.{layer}.{THEIRS[inner]}.weight"
        else:
            theirs = {"norm": "output_norm", "output": "output"}.get(stem, THEIRS.get(stem)) + ".weight"
        quantized = gguf.GGMLQuantizationType[kind if value.ndim > 1 else "F32"]
        writer.add_tensor(theirs, gguf.quants.quantize(value, quantized), raw_dtype=quantized)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.mark.parametrize("kind", SIZES)
def test_a_file_of_the_gguf_library_gives_the_weights_back(tmp_path, kind):
    cfg = CFG.replace(tie_embeddings=kind == "Q8_0")
    weights = init_weights(cfg, seed=3)
    write(tmp_path / "m.gguf", cfg, weights, kind)
    found_cfg, found = read_gguf(tmp_path / "m.gguf")
    assert found_cfg == cfg
    assert list(found) == list(weights)
    quantized = gguf.GGMLQuantizationType[kind]
    for name, value in weights.items():
        if value.ndim > 1:
            value = gguf.quants.dequantize(gguf.quants.quantize(value, quantized), quantized)
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@given(seed=st.integers(0, 2**32 - 1), blocks=st.integers(1, 5))
@settings(max_examples=20)
@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q8_0"])
def test_blocks_equal_the_gguf_library_bit_for_bit(kind, seed, blocks):
    values = np.random.default_rng(seed).normal(size=32 * blocks).astype(np.float32)
    raw = gguf.quants.quantize(values, gguf.GGMLQuantizationType[kind])
    expected = gguf.quants.dequantize(raw, gguf.GGMLQuantizationType[kind])
    np.testing.assert_array_equal(dequantize(raw, kind), expected)


@pytest.mark.slow
def test_smollm2_knows_a_capital_and_its_tensors_equal_the_gguf_librarys():
    path = fetch("smollm2")
    cfg, weights = read_gguf(path)
    assert (cfg.dim, cfg.n_layers, cfg.n_heads, cfg.n_kv_heads, cfg.vocab_size) == (576, 30, 9, 3, 49152)
    assert sum(w.size for w in weights.values()) == cfg.n_params()
    theirs = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    for name, other, heads in (
        ("layers.7.attention.wk.weight", "blk.7.attn_k.weight", 3),
        ("layers.29.feed_forward.w_down.weight", "blk.29.ffn_down.weight", None),
    ):
        expected = gguf.quants.dequantize(theirs[other].data, theirs[other].tensor_type)
        expected = permute_rows(expected, heads, to="half") if heads else expected
        np.testing.assert_array_equal(weights[name], expected)
    tokenizer = Tokenizer.load(path)
    ids = tokenizer.encode("The capital of France is Paris. The capital of Italy is")
    model = ReferenceLlama(cfg, weights, np.float32)
    assert tokenizer.decode(model.generate(np.array([ids]), 1)[0].tolist()) == " Rome"


def test_reference_of_a_read_file_equals_torch_of_the_same_weights(tmp_path):
    from minillama.model import Llama

    weights = init_weights(CFG, seed=4)
    write(tmp_path / "m.gguf", CFG, weights, "F32")
    cfg, found = read_gguf(tmp_path / "m.gguf")
    tokens = np.random.default_rng(0).integers(0, 40, size=(2, 9))
    model = Llama(cfg).double()
    model.load_state_dict({name: torch.tensor(w, dtype=torch.float64) for name, w in weights.items()})
    with torch.no_grad():
        expected = model(torch.tensor(tokens)).numpy()
    np.testing.assert_allclose(ReferenceLlama(cfg, found).forward(tokens), expected, atol=1e-12)


@pytest.mark.error_contract
def test_what_is_broken_is_named(tmp_path):
    path, weights = tmp_path / "m.gguf", init_weights(CFG)
    with pytest.raises(CheckpointError, match=r"m\.gguf: there is no such file"):
        read_gguf(path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"is empty; expected a GGUF file"):
        read_gguf(path)
    path.write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(CheckpointError, match=r"begins with b'PK.*expected b'GGUF'"):
        read_gguf(path)
    write(path, CFG, weights, "F32", leave_out="layers.1.ffn_norm.weight")
    with pytest.raises(
        CheckpointError, match=r"tensor blk\.1\.ffn_norm\.weight is missing; expected.*\(64,\)"
    ):
        read_gguf(path)
    write(path, CFG, weights | {"norm.weight": np.ones(63, np.float32)}, "F32")
    with pytest.raises(CheckpointError, match=r"tensor output_norm\.weight has shape \(63,\).* for \(64,\)"):
        read_gguf(path)
    write(path, CFG, weights | {"output.weight": np.full((40, 64), np.inf, np.float32)}, "F32")
    with pytest.raises(CheckpointError, match=r"weights in 'output\.weight' that are not finite"):
        read_gguf(path)
    write(path, CFG, weights, "Q8_0")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"ends at offset \d+; expected 'output\.weight' to end at"):
        read_gguf(path)
    with pytest.raises(ValueError, match=r"33 bytes are not whole blocks of Q8_0: expected a multiple of 34"):
        dequantize(np.zeros(33, np.uint8), "Q8_0")
    with pytest.raises(ValueError, match=r"'Q9' is not known: expected one of F32"):
        dequantize(np.zeros(34, np.uint8), "Q9")


@given(data=st.data())
@settings(max_examples=150)
def test_a_damaged_file_gives_a_model_or_one_clear_error(tmp_path_factory, data):
    """Bytes of the head are exchanged, or the end is cut off: no crash and no other exception."""
    path = tmp_path_factory.mktemp("gguf") / "m.gguf"
    write(path, CFG, init_weights(CFG), "Q8_0")
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, 3000))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        raw = raw[: data.draw(st.integers(1, len(raw)))]
    path.write_bytes(raw)
    try:
        cfg, weights = read_gguf(path)
    except CheckpointError as error:
        told = str(error)
    else:
        told = str(path)
        assert sum(w.size for w in weights.values()) == cfg.n_params()
    assert str(path) in told
