"""Files of figures: read back as written, rates from seconds by hand, and each way to be bad refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minillama import LlamaConfig
from minillama.kernels.gpu_figures import GpuFigures, load, read

CFG = LlamaConfig(vocab_size=100, dim=16, n_layers=1, n_heads=2, n_kv_heads=1, hidden_dim=32, max_seq_len=8)
VALUES: dict[str, Any] = {
    "format": 1,
    "device": "NVIDIA H100 80GB HBM3",
    "device_type": "cuda",
    "memory_bytes": 80 * 10**9,
    "peak_flops": 600e12,
    "bandwidth": 3e12,
    "backend": "triton",
    "dtype": "bfloat16",
    "seed": 0,
    "commit": "0123abc",
    "versions": {"torch": "2.13.0"},
    "training": {
        "model": CFG.to_dict(),
        "batch": 4,
        "seq_len": 8,
        "steps": {
            "eager": {"seconds": [0.5, 0.1, 0.2, 0.3, 0.4], "losses": [4.6, 4.5], "peak_bytes": 1000},
            "ours": {"seconds": [0.1] * 5, "losses": [4.6, 4.5], "peak_bytes": None},
        },
    },
    "operations": [
        {
            "name": "rms_norm",
            "flops": 10,
            "bytes": 3 * 10**9,
            "seconds": {"eager": [4e-3] * 5, "ours": [1e-3, 2e-3, 1e-3, 3e-3, 2e-3]},
        }
    ],
    "absent": {"liger": "not installed"},
}


def changed(*path: str | int, to: object) -> dict[str, Any]:
    values = copy.deepcopy(VALUES)
    inner: Any = values
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return values


def written(folder: Path, values: object, name: str = "h100.json") -> Path:
    (folder / name).write_text(json.dumps(values))
    return folder / name


def test_a_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    assert read(written(tmp_path, VALUES)).to_dict() == VALUES


def test_rates_and_shares_follow_from_the_median_seconds() -> None:
    figures = GpuFigures.from_dict(VALUES)
    assert figures.training.tokens_per_second("eager") == pytest.approx(32 / 0.3)
    n_params = 2 * 100 * 16 + 16 * (16 + 8 + 8 + 16) + 3 * 16 * 32 + 3 * 16
    work = 6 * n_params + 12 * 1 * 16 * 8  # 6 N + 12 L H D T
    assert figures.mfu("ours") == pytest.approx(work * 32 / 0.1 / 600e12)
    assert figures.mfu("ours", 300e12) == pytest.approx(2 * figures.mfu("ours"))
    (norm,) = figures.operations
    assert figures.bandwidth_share(norm, "eager") == pytest.approx(0.25)
    assert figures.bandwidth_share(norm, "ours") == pytest.approx(0.5)
    assert figures.roof_share(norm, "ours") == pytest.approx(0.5)  # memory is its limit


def test_compute_is_the_roof_where_it_takes_longer() -> None:
    values = changed("operations", 0, "flops", to=6 * 10**11)  # as long as its bytes: a millisecond
    longer = changed("operations", 0, "flops", to=12 * 10**11)
    shares = [
        figures.roof_share(figures.operations[0], "eager")
        for figures in map(GpuFigures.from_dict, (values, longer))
    ]
    assert shares == pytest.approx([0.25, 0.5])


def test_the_data_sheet_is_known_by_the_devices_name() -> None:
    sheet = GpuFigures.from_dict(VALUES).sheet
    assert sheet is not None
    assert sheet.bandwidth == 3350e9
    assert GpuFigures.from_dict(changed("device", to="NVIDIA T4")).sheet is None


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    written(tmp_path, VALUES, "b.json")
    written(tmp_path, changed("device", to="NVIDIA A100-SXM4-80GB"), "a.json")
    (tmp_path / "README.md").write_text("not figures")
    assert [figures.device for figures in load(tmp_path)] == ["NVIDIA A100-SXM4-80GB", VALUES["device"]]


def test_no_file_and_no_folder_are_no_figures(tmp_path: Path) -> None:
    assert load(tmp_path) == load(tmp_path / "none") == []


@pytest.mark.error_contract
def test_a_rehearsal_on_a_cpu_is_no_figure_of_a_gpu(tmp_path: Path) -> None:
    path = written(tmp_path, changed("device_type", to="cpu"), "cpu.json")
    assert read(path).device_type == "cpu"
    with pytest.raises(ValueError, match=r"cpu\.json: measured on NVIDIA H100 .*, which is no GPU"):
        load(tmp_path)


def without(*path: str | int) -> dict[str, Any]:
    values = copy.deepcopy(VALUES)
    inner: Any = values
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return values


EAGER = ("training", "steps", "eager")
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "a list": (list, "expected a dictionary with format 1"),
    "another format": (lambda: changed("format", to=2), "expected a dictionary with format 1"),
    "no device": (lambda: without("device"), "missing: .*'device'"),
    "no training": (lambda: without("training"), "missing: 'training'"),
    "no steps": (lambda: without("training", "steps"), "missing: 'steps'"),
    "no operations": (lambda: without("operations"), "missing: 'operations'"),
    "no losses": (lambda: without(*EAGER, "losses"), "missing: .*'losses'"),
    "an unknown field": (lambda: changed("devise", to="x"), "no field devise: did you mean device"),
    "an empty name": (lambda: changed("device", to=""), "device is ''"),
    "another type": (lambda: changed("device_type", to="tpu"), "device_type is 'tpu'"),
    "no memory": (lambda: changed("memory_bytes", to=0), "memory_bytes is 0"),
    "no bandwidth": (lambda: changed("bandwidth", to=0), "bandwidth is 0"),
    "a seed of its own": (lambda: changed("seed", to=-1), "seed is -1"),
    "versions in a list": (lambda: changed("versions", to=["x"]), "versions is"),
    "an absence without reason": (lambda: changed("absent", to={"liger": None}), "absent is"),
    "another contestant": (
        lambda: changed("training", "steps", "jax", to=VALUES["training"]["steps"]["eager"]),
        "'jax' is no contestant",
    ),
    "steps in a list": (lambda: changed("training", "steps", to=[]), "steps: expected a dictionary"),
    "half a step": (lambda: changed("training", "batch", to=0.5), "batch is 0.5"),
    "four runs": (lambda: changed(*EAGER, "seconds", to=[0.1] * 4), "expected 5 times above 0"),
    "no time": (lambda: changed(*EAGER, "seconds", to=[0.0] * 5), "expected 5 times above 0"),
    "a time that is none": (lambda: changed(*EAGER, "seconds", to=["1"] * 5), "'1' is no finite number"),
    "a loss beyond numbers": (lambda: changed(*EAGER, "losses", to=[float("nan")]), "NaN is no number"),
    "no memory at all": (lambda: changed(*EAGER, "peak_bytes", to=0), "peak_bytes is 0"),
    "a bad model": (lambda: changed("training", "model", "dim", to=-1), "dim"),
    "an operation that is a text": (lambda: changed("operations", to=["rms_norm"]), "OperationFigures"),
    "operations by name": (lambda: changed("operations", to={}), "operations: expected a list"),
    "an operation without bytes": (lambda: changed("operations", 0, "bytes", to=0), "bytes is 0"),
    "an operation without name": (lambda: changed("operations", 0, "name", to=1), "name is 1"),
}


@pytest.mark.error_contract
@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_one_line_that_names_it(what: str, tmp_path: Path) -> None:
    make, match = BAD[what]
    path = written(tmp_path, make())
    with pytest.raises(ValueError, match=match) as raised:
        load(tmp_path)
    text = str(raised.value)
    assert text.startswith(f"{path}: not the figures of a GPU: ")
    assert len(text.splitlines()) == 1


@pytest.mark.error_contract
@pytest.mark.parametrize("content", [b"", b"{", b"\xff"])
def test_what_is_not_json_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.json: not the figures of a GPU"):
        load(tmp_path)
