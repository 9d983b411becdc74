"""`minillama convert`: formats by name and by option, what bad input gets, and how much memory it takes."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from minillama import Llama, LlamaConfig, Tokenizer, load, save
from minillama.cli import run
from minillama.reference.weights import weight_shapes

CFG = LlamaConfig(vocab_size=300, dim=24, n_layers=2, n_heads=6, n_kv_heads=2, hidden_dim=40, max_seq_len=32)
LARGE = LlamaConfig(vocab_size=2048, dim=1024, n_layers=12, n_heads=16, n_kv_heads=16, hidden_dim=2560)
BEYOND = 200 << 20
"""Bytes that a conversion may take beyond its largest tensor."""


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    save(Llama(CFG), Tokenizer.train(["the cat sat on the mat, the cat sat"] * 5, 280), tmp_path / "a")
    return tmp_path / "a"


def test_a_checkpoint_goes_round(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [("b", "hf"), ("c.gguf", None), ("d", "meta"), ("e", None)]
    before = checkpoint
    for name, format in steps:
        asked = [] if format is None else ["--format", format]
        assert run(["convert", str(before), str(tmp_path / name), *asked]) == 0
        told = capsys.readouterr()
        assert told.err == ""
        assert told.out.count("\n") == 1
        assert told.out.startswith(f"{tmp_path / name}: 21 tensors, 0.")
        before = tmp_path / name
    model, tokenizer = load(checkpoint)
    again, same = load(before)
    assert again.cfg == model.cfg
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in model.state_dict().items())
    assert tokenizer is not None
    assert same is not None
    assert same.encode("the cat", bos=True, eos=True) == tokenizer.encode("the cat", bos=True, eos=True)


def test_json_and_dtype_and_force(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "b.gguf"
    sizes = []
    for dtype in ("float32", "bfloat16"):
        assert run(["convert", str(checkpoint), str(target), "--dtype", dtype, "--force", "--json"]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        told = json.loads(out)
        assert (told["source_format"], told["format"], told["tensors"]) == ("native", "gguf", 21)
        assert told["bytes"] == target.stat().st_size
        sizes.append(told["bytes"])
    assert sizes[1] < 0.7 * sizes[0]
    assert load(target, dtype=None)[0].norm.weight.dtype == torch.bfloat16


def test_bad_input_is_one_line_and_status_2(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(told: str, *arguments: str) -> None:
        assert run(["convert", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert told in err
        assert err.count("\n") == 1

    there, new = str(checkpoint), str(tmp_path / "new")
    refused("nowhere: no checkpoint here", "nowhere", new)
    refused("is there already: name another place", there, there)
    refused("format is 'onnx': expected one of native, hf, gguf, meta", there, new, "--format", "onnx")
    refused("dtype is 'int8'", there, new, "--dtype", "int8")
    refused("Missing argument", there)
    save(Llama(CFG.replace(qk_norm=True)), None, tmp_path / "norms")
    refused("qk_norm is True: GGUF's LLaMA has none", str(tmp_path / "norms"), new + ".gguf")
    (checkpoint / "minillama.safetensors").write_bytes(b"\x00" * 100)
    refused("not a whole safetensors file", there, new)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "norms"]


def sparse(path: Path) -> int:
    """A checkpoint of ours full of zeros that take no room on the disk; return its largest tensor's bytes."""
    header: dict[str, object] = {
        "__metadata__": {"format": "minillama-1", "config": json.dumps(LARGE.to_dict())}
    }
    place = 0
    sizes = {name: 4 * math.prod(shape) for name, shape in weight_shapes(LARGE).items()}
    for name, shape in weight_shapes(LARGE).items():
        offsets = [place, place + sizes[name]]
        header[f"model.{name}"] = {"dtype": "F32", "shape": list(shape), "data_offsets": offsets}
        place += sizes[name]
    text = json.dumps(header).encode()
    path.mkdir()
    with (path / "minillama.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + place)
    assert place > 500 << 20
    return max(sizes.values())


def peak(code: str) -> int:
    """Return the largest resident set of a process that runs this code; its ru_maxrss would know ours too."""
    code += "; print([line.split()[1] for line in open('/proc/self/status') if 'VmHWM' in line][0])"
    environment = os.environ | {"MINILLAMA_CHECK_SHAPES": "0"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return int(done.stdout.splitlines()[-1]) * 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
def test_it_takes_one_tensor_and_200_megabytes(tmp_path: Path) -> None:
    """600 MB of weights pass through. A format that torch reads or writes begins at what torch takes."""
    largest = sparse(tmp_path / "native")
    torch_alone = peak("import torch")
    command = "from minillama.cli import run; assert run({}) == 0"
    for source, target, format, beginning in (
        ("native", "hf", "hf", 0),
        ("hf", "m.gguf", "gguf", 0),
        ("m.gguf", "meta", "meta", torch_alone),
        ("meta", "again.gguf", "gguf", torch_alone),
    ):
        asked = ["convert", str(tmp_path / source), str(tmp_path / target), "--format", format, "--json"]
        assert peak(command.format(asked)) <= beginning + largest + BEYOND
        if source != "native":
            subprocess.run(["rm", "-r", str(tmp_path / source)], check=True)
    assert peak(command.format(["inspect", str(tmp_path / "again.gguf"), "--json"])) <= 100 << 20
