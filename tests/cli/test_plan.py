"""`minillama plan`: the published run, its JSON, devices and paths, and what bad input gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minillama.cli import run
from minillama.cli.errors import UserError
from minillama.cli.plan import PACKAGE_LOGITS
from minillama.cli.quantities import BINARY, SUFFIXES, format_count, parse_count
from minillama.config import LlamaConfig

LLAMA = ["plan", "--model", "llama-1-65b", "--gpus", "2048", "--device", "a100-80gb", "--tokens", "1.4T"]


def told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert run([*arguments, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


def test_the_run_of_the_paper(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(LLAMA) == 0
    page = capsys.readouterr().out
    for line in (
        "65,285,660,672 parameters, on 1.4T tokens",
        "333,787 steps of 2,048 sequences of 2,048 (4.19M tokens)",
        "20.8 days at 380 tokens/s on each of 2,048 GPUs",
        "MFU 49.7%, 47.7% if only 6N counts: as LLaMA 65B's (arXiv 2302.13971, section 2.4)",
        "x 400 W x PUE 1.1 = 450 MWh",
        "x 0.385 t/MWh = 173 t CO2 equivalent",
        "not tensor 1 x data 2048, nothing sharded: 1,023.5 GB too many",
    ):
        assert line in page


def test_json_has_every_number(capsys: pytest.CaptureFixture[str]) -> None:
    found = told([*LLAMA, "--tokens-per-second", "380"], capsys)
    assert found["days"] == pytest.approx(20.8, abs=0.05)
    assert found["assumption"] == "given"
    memory = found["memory"]
    assert isinstance(memory, dict)
    parts = [size for part, size in memory.items() if part not in ("total", "capacity")]
    assert sum(parts) == memory["total"] <= memory["capacity"] == 72e9
    assert found["layout"] == {
        "data": 2048, "tensor": 1, "zero": 3, "recompute": False, "micro_batch": 1, "passes": 1,
    }  # fmt: skip
    assert found["watts"] * found["pue"] * found["gpu_hours"] / 1e6 == pytest.approx(found["mwh"])
    assert found["mwh"] * found["tonnes_per_mwh"] == pytest.approx(found["tonnes"])


def test_405b_with_its_own_batch(capsys: pytest.CaptureFixture[str]) -> None:
    line = "plan --model llama-3.1-405b --gpus 16384 --device h100-80gb --tokens 15.6T --batch 16M"
    found = told(line.split(), capsys)
    assert (found["sequences"], found["seq_len"]) == (2048, 8192)
    layout = found["layout"]
    assert isinstance(layout, dict)
    assert (layout["tensor"], layout["data"]) == (8, 2048)


def test_the_page_tells_why_by_the_nearest_of_each_group(capsys: pytest.CaptureFixture[str]) -> None:
    line = "plan --model llama-3.1-405b --gpus 16384 --device h100-80gb --tokens 15.6T --batch 16M"
    assert run(line.split()) == 0
    told = [one.split(" not ")[1] for one in capsys.readouterr().out.splitlines() if " not tensor" in one]
    idle = "2,048 sequences in a step cannot feed {:,} replicas"
    assert told == [
        *(f"tensor {t} x data {16384 // t}, all sharded: {idle.format(16384 // t)}" for t in (1, 2, 4)),
        "tensor 8 x data 2048, all sharded: 13.9 GB too many",
        "tensor 8 x data 2048, nothing sharded, recomputing: 745.8 GB too many",
        "tensor 8 x data 2048, optimiser sharded, recomputing: 137.2 GB too many",
        "tensor 8 x data 2048, optimiser and gradients sharded, recomputing: 36.6 GB too many",
    ]


def test_a_loss_in_chunks_needs_less(capsys: pytest.CaptureFixture[str]) -> None:
    from minillama.kernels.eager import LOGITS_AT_ONCE

    assert PACKAGE_LOGITS == LOGITS_AT_ONCE
    line = [*LLAMA, "--model", "llama-3.2-1b", "--gpus", "1", "--device", "h100-80gb", "--chunked-loss"]
    memory = told(line, capsys)["memory"]
    assert isinstance(memory, dict)
    assert memory["logits"] == 8 * LOGITS_AT_ONCE


def test_a_config_on_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "shape.json"
    path.write_text(json.dumps(LlamaConfig(max_seq_len=64).to_dict()))
    line = f"plan --model {path} --gpus 1 --tokens 1M --batch 4K".split()
    assert told(line, capsys)["n_params"] == LlamaConfig().n_params()
    path.write_text('{"dim": 64, "n_layer": 2}')
    assert run(line) == 2
    assert "shape.json: LlamaConfig has no field n_layer" in " ".join(capsys.readouterr().err.split())
    path.write_text("{")
    assert run(line) == 2
    assert "shape.json" in capsys.readouterr().err


@pytest.mark.parametrize("written", ["7", "null", '["model_type"]', "{", '"model_type"', "[" * 100_000])
def test_a_config_that_is_none(written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text(written)
    assert run(f"plan --model {tmp_path / 'config.json'} --gpus 1 --tokens 1M".split()) == 2
    heard = capsys.readouterr().err
    assert "config.json" in heard
    assert len(heard) < 400


@pytest.mark.parametrize("format", ["native", "hf", "gguf"])
def test_a_checkpoint_on_disk(format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from minillama import Llama, save

    path = tmp_path / ("run.gguf" if format == "gguf" else "run")
    save(Llama(LlamaConfig()), None, path, format=format)
    line = ["plan", "--gpus", "1", "--tokens", "1M", "--batch", "4K"]
    assert told([*line, "--model", str(path)], capsys)["n_params"] == LlamaConfig().n_params()
    if format == "hf":
        found = told([*line, "--model", str(path / "config.json")], capsys)
        assert found["n_params"] == LlamaConfig().n_params()


def test_no_checkpoint_in_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"plan --model {tmp_path} --gpus 1 --tokens 1M".split()) == 2
    assert "no checkpoint here" in capsys.readouterr().err


def test_devices_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--devices"]) == 0
    page = capsys.readouterr().out
    assert "a100-80gb" in page
    assert "312.0 TFLOP/s" in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["--tokens", "1.4Q"], "--tokens is '1.4Q': expected a whole number above 0"),
        (["--tokens", "-3"], "--tokens is '-3'"),
        (["--tokens", "nan"], "--tokens is 'nan'"),
        (["--tokens", "1e99999999"], "--tokens is '1e99999999'"),
        (["--batch", "4T"], "--batch is '4T'"),
        (["--device", "a100"], "did you mean a100-80gb or a100-40gb?"),
        (["--model", "llama-1-65B"], "did you mean llama-1-65b"),
        (["--model", "mixtral-8x7b"], "expected a dense model"),
        (["--gpus", "0"], "Invalid value for '--gpus'"),
        (["--gpus", "8"], "in the best layout each GPU lacks 59.1 GB of 131.1 GB; 16 GPUs would do"),
        (["--mfu", "0.4", "--tokens-per-second", "9"], "the same thing twice"),
        (["--mfu", "nan"], "mfu is nan"),
        (["--headroom", "1"], "headroom is 1.0"),
        (["--pue", "0.5"], "pue is 0.5"),
    ],
)
def test_bad_input_costs_one_line(
    changes: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*LLAMA, *changes]) == 2
    heard = capsys.readouterr()
    assert heard.out == ""
    assert message in " ".join(heard.err.split())
    assert heard.err.count("\n") == 1


@given(st.integers(1, 10**6), st.sampled_from(sorted(SUFFIXES)))
def test_counts_are_read_exactly(number: int, suffix: str) -> None:
    assert parse_count("--n", f"{number}{suffix.lower()}") == number * SUFFIXES[suffix]
    assert parse_count("--n", f"{number:,}") == number
    assert parse_count("--n", format_count(1000 * number)) == pytest.approx(1000 * number, rel=0.006)


@given(st.text(max_size=8))
def test_no_text_is_too_strange(text: str) -> None:
    try:
        number = parse_count("--n", text, BINARY)
    except UserError as error:
        told = str(error)
        number = None
    if number is None:
        assert "expected a whole number above 0, such as 4, 4K, 4M" in told
    else:
        assert number >= 1
