"""Meta's directories: as torch saves them, in one and in several shards, and as we write them."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

import minillama
from minillama.checkpoints import CheckpointError
from minillama.checkpoints.meta_params import hidden_dim, read_params, write_params
from minillama.config import LlamaConfig
from minillama.model import Llama
from minillama.reference import permute_rows
from minillama.tokenizer import Tokenizer
from minillama.tokenizer.tiktoken_ranks import read as read_ranks

from .samples import (
    CONFIGS,
    LLAMA3,
    TOKENIZERS,
    assert_encodes_equally,
    assert_same,
    model,
    rank_file,
    sentencepiece_file,
)

META = {"w_gate": "w1", "w_down": "w2", "w_up": "w3"}
PARAMS = {"dim": 32, "n_layers": 2, "n_heads": 4, "multiple_of": 8, "norm_eps": 1e-05}


def as_meta(made: Llama) -> dict[str, torch.Tensor]:
    """The weights by Meta's names, in the interleaved layout, with the table that LLaMA 1 and 2 store."""
    cfg, state = made.cfg, {}
    for name, tensor in made.state_dict().items():
        theirs = ".".join(META.get(part, part) for part in name.split("."))
        for part, heads in (("wq", cfg.n_heads), ("wk", cfg.n_kv_heads)):
            if f".{part}." in name:
                rows = permute_rows(tensor.float().numpy(), heads, to="interleaved")
                tensor = torch.from_numpy(rows).to(tensor.dtype)
        state[theirs] = tensor
    return state | {"rope.freqs": torch.ones(cfg.head_dim // 2)}


def cut(state: dict[str, torch.Tensor], n: int, table_axis: int) -> list[dict[str, torch.Tensor]]:
    """Cut the weights as Meta's parallel layers hold them."""
    shards: list[dict[str, torch.Tensor]] = [{} for _ in range(n)]
    for name, tensor in state.items():
        axis = None if tensor.dim() == 1 else 1 if ".wo." in name or ".w2." in name else 0
        axis = table_axis if name.startswith("tok_") else axis
        parts = [tensor] * n if axis is None else tensor.chunk(n, axis)
        for shard, part in zip(shards, parts, strict=True):
            shard[name] = part.clone()
    return shards


def written(path: Path, shards: list[dict[str, torch.Tensor]], **params: Any) -> Path:
    path.mkdir(exist_ok=True)
    for i, shard in enumerate(shards):
        torch.save(shard, path / f"consolidated.{i:02d}.pth")
    (path / "params.json").write_text(json.dumps(params))
    return path


@pytest.mark.parametrize("n_shards", [1, 2, 4])
@pytest.mark.parametrize("table_axis", [0, 1])
def test_shards_are_put_together(tmp_path: Path, n_shards: int, table_axis: int) -> None:
    made = model(torch.bfloat16, n_kv_heads=4, hidden_dim=88, max_seq_len=2048)
    written(tmp_path, cut(as_meta(made), n_shards, table_axis), **PARAMS, vocab_size=-1)
    assert_same(minillama.load(tmp_path, dtype=None), (made, None))


def test_llama_3s_directory(tmp_path: Path) -> None:
    """Grouped queries, a multiplier, scaled positions, ranks; other files in the way."""
    made = model(torch.bfloat16, hidden_dim=112, rope_theta=500_000.0, rope_scaling=LLAMA3, max_seq_len=2048)
    more = {"n_kv_heads": 2, "vocab_size": 600, "ffn_dim_multiplier": 1.3, "rope_theta": 500_000.0}
    written(tmp_path, cut(as_meta(made), 2, 0), **PARAMS | more, use_scaled_rope=True)
    (tmp_path / "tokenizer.model").write_bytes(rank_file())
    (tmp_path / "checklist.chk").write_text("")
    assert_same(minillama.load(tmp_path, dtype=torch.bfloat16), (made, read_ranks(rank_file())))


def test_llama_2s_tokenizer(tmp_path: Path) -> None:
    made = model(hidden_dim=88, max_seq_len=2048)
    written(tmp_path, [as_meta(made)], **PARAMS, n_kv_heads=2, vocab_size=-1)
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_file())
    assert_same(minillama.load(str(tmp_path)), (made, TOKENIZERS["SentencePiece"]()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", CONFIGS)
def test_what_we_write_torch_reads(tmp_path: Path, shape: str, dtype: torch.dtype) -> None:
    made = model(dtype, **CONFIGS[shape])
    minillama.save(made, None, tmp_path / "m", format="meta")
    file = tmp_path / "m" / "consolidated.00.pth"
    expected = as_meta(made)
    del expected["rope.freqs"]
    for options in ({}, {"mmap": True}):
        found = torch.load(file, weights_only=True, **options)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
        assert found["norm.weight"].data_ptr() % 64 == 0
        tied = found["output.weight"].data_ptr() == found["tok_embeddings.weight"].data_ptr()
        assert tied is made.cfg.tie_embeddings
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
    params = json.loads((tmp_path / "m" / "params.json").read_text())
    width = hidden_dim(params["dim"], params["multiple_of"], params.get("ffn_dim_multiplier"))
    assert width == made.cfg.hidden_dim
    assert "max_seq_len" not in params  # Meta's code passes it itself, and would complain
    assert_same(minillama.load(tmp_path / "m", dtype=None), (made, None))


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_tokenizers_are_written_in_metas_formats_where_these_suffice(tmp_path: Path, kind: str) -> None:
    ours = TOKENIZERS[kind]()
    for tokenizer in (ours, Tokenizer.from_json(ours.to_json())):
        minillama.save(model(), tokenizer, tmp_path / "m", format="meta")
        names = {file.name for file in (tmp_path / "m").glob("tokenizer*")}
        assert names == {"tokenizer.json" if kind == "byte-level" else "tokenizer.model"}
        assert_encodes_equally(minillama.load(tmp_path / "m")[1], ours)
    if kind == "ranks":
        assert (tmp_path / "m" / "tokenizer.model").read_bytes() == rank_file()


def test_published_models_are_recognised_and_their_params_are_metas(tmp_path: Path) -> None:
    """What params.json does not say comes from the configuration of the same shape."""
    names = ("llama-1-65b", "llama-2-70b", "llama-3-8b", "llama-3.1-405b", "llama-3.2-1b", "codellama-34b")
    for name in names:
        cfg = LlamaConfig.named(name)
        assert read_params(tmp_path, write_params(cfg), cfg.vocab_size, cfg.tie_embeddings) == cfg
    said = write_params(LlamaConfig.named("llama-2-70b"))
    assert said["ffn_dim_multiplier"] == 1.3  # as Meta's own file says
    cfg = LlamaConfig.named("llama-3.2-1b")
    tied = read_params(tmp_path, write_params(cfg), cfg.vocab_size, tied=True)
    assert tied.rope_scaling is not None
    assert tied.rope_scaling["factor"] == 32.0


@pytest.mark.error_contract
def test_what_metas_format_cannot_express_is_refused(tmp_path: Path) -> None:
    for changes, told in (
        ({"sliding_window": 8}, "sliding_window is 8: Meta's format cannot say so"),
        ({"qk_norm": True}, "qk_norm is True: Meta's format cannot say so"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"head_dim": 10}, "head_dim is 10: Meta's format cannot say so, it would mean 8"),
        ({"dim": 30}, "cannot express this model: .*dim 30 is not a multiple of n_heads 4"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, "rope_scaling is .*linear"),
        ({"rope_scaling": LLAMA3 | {"factor": 16.0}}, "rope_scaling is .*16.0"),
    ):
        with pytest.raises(ValueError, match=told):
            minillama.save(model(**{"head_dim": 8, **changes}), None, tmp_path / "m", format="meta")
    assert not (tmp_path / "m").exists()


class Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/this-must-not-exist",)


@pytest.mark.error_contract
def test_pickles_of_other_things_are_refused(tmp_path: Path) -> None:
    made = model(hidden_dim=88)
    state = as_meta(made)
    good = written(tmp_path / "m", [state], **PARAMS, n_kv_heads=2)
    file = good / "consolidated.00.pth"
    assert minillama.load(good)[0].cfg.vocab_size == 600
    expanded = torch.zeros(1).expand(10**6, 10**6)
    for held, told in (
        (state | {"norm.weight": Code()}, "not a file of tensors alone: asks for (posix|nt).system"),
        ([state], "holds a list; expected tensors by name"),
        (state | {"norm.weight": 1.0}, "'norm.weight' is a float; expected tensors by name"),
        (state | {3: torch.ones(1)}, "3 is a Tensor; expected tensors by name"),
        (state | {"tok_embeddings.weight": expanded}, r"\(1000000, 1000000\) has no plain bytes of its own"),
        (state | {"norm.weight": torch.ones(32).to_sparse()}, "'norm.weight' .* has no plain bytes"),
        (state | {"norm.weight": torch.ones(32, dtype=torch.complex64)}, "has no plain bytes .*complex64"),
        (state | {"norm.weight": torch.ones(32, dtype=torch.int8)}, "norm.weight is I8; expected floats"),
        (state | {"norm.weight": torch.ones(31)}, r"norm.weight has shape \(31,\).* asks for \(32,\)"),
        (state | {"more": torch.ones(31)}, "unknown tensor 'more'"),
        ({k: v for k, v in state.items() if k != "layers.1.feed_forward.w3.weight"}, "w3.weight is missing"),
        (state | {"tok_embeddings.weight": torch.ones(3)}, r"has shape \(3,\); expected two axes"),
    ):
        torch.save(held, file)
        with pytest.raises(CheckpointError, match=told) as caught:
            minillama.load(good)
        assert str(good) in str(caught.value)
    torch.save(state, file, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="is not a whole archive of tensors"):
        minillama.load(good)
    torch.save(state, file)
    packed = zipfile.ZipFile(good / "packed", "w", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(file) as archive, packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    (good / "packed").replace(file)
    with pytest.raises(CheckpointError, match=r"has '.*data\.pkl' packed; expected an archive of plain"):
        minillama.load(good)


@pytest.mark.error_contract
def test_shards_and_params_that_do_not_fit_are_named(tmp_path: Path) -> None:
    made = model(n_kv_heads=4, hidden_dim=88)
    shards = cut(as_meta(made), 2, 1)
    good = written(tmp_path / "m", shards, **PARAMS)
    assert minillama.load(good)[0].cfg.n_kv_heads == 4
    for params, told in (
        ({"dim": 32, "n_layers": 2}, "n_heads is missing; expected dim, n_layers"),
        (PARAMS | {"moe_args": {}}, "'moe_args' is unknown"),
        (PARAMS | {"multiple_of": 0}, "multiple_of is 0: expected a whole number"),
        (PARAMS | {"ffn_dim_multiplier": "1.3"}, "ffn_dim_multiplier is '1.3': expected a finite number"),
        (PARAMS | {"dim": 10**400}, "describes no model"),
        (PARAMS | {"use_scaled_rope": 1}, "use_scaled_rope is 1, expected true or false"),
        (PARAMS | {"multiple_of": 256}, r"w1.weight has shape \(88, 32\).* asks for \(256, 32\)"),
        (PARAMS | {"vocab_size": 601}, r"tok_embeddings.weight has shape \(600, 32\)"),
        (PARAMS | {"n_layers": 10**9}, "tensors cannot make 1000000000 layers"),
    ):
        (good / "params.json").write_text(json.dumps(params))
        with pytest.raises(CheckpointError, match=told):
            minillama.load(good)
    (good / "params.json").write_text(json.dumps(PARAMS))
    torch.save(shards[1] | {"norm.weight": torch.ones(32)}, good / "consolidated.01.pth")
    with pytest.raises(CheckpointError, match=r"01\.pth: norm.weight differs from that in .*00\.pth"):
        minillama.load(good)
    for shard, file in zip(shards, ("00", "01"), strict=True):
        torch.save(shard | {"more": torch.ones(2, 2)}, good / f"consolidated.{file}.pth")
    with pytest.raises(CheckpointError, match="unknown tensor 'more'"):
        minillama.load(good)
    torch.save(shards[0], good / "consolidated.00.pth")
    torch.save({k: v for k, v in shards[1].items() if k != "norm.weight"}, good / "consolidated.01.pth")
    with pytest.raises(CheckpointError, match=r"01\.pth: 'norm.weight' is nothing; expected"):
        minillama.load(good)
    (good / "consolidated.01.pth").rename(good / "consolidated.02.pth")
    with pytest.raises(CheckpointError, match=r"has consolidated\.00\.pth, consolidated\.02\.pth; expected"):
        minillama.load(good)
    (good / "params.json").unlink()
    with pytest.raises(CheckpointError, match=r"params\.json: there is no such file"):
        minillama.load(good)
