"""Every kernel compiled for four GPUs at LLaMA's sizes; each gate shut in the face of a worse kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from minillama.kernels import triton as raw
from minillama.kernels.compiled import SHARED, TARGETS, Access, Compiled, operations, resources
from minillama.kernels.compiled.assembly import accesses
from minillama.kernels.compiled.cases import CASES, LLAMA, Sizes, Tensors
from minillama.kernels.compiled.liger import LIGER_CASES

KERNELS = {
    "adamw_step", "attention_delta", "attention_dkv", "attention_dq", "attention_forward", "attention_join",
    "column_sums", "cross_entropy_forward", "cross_entropy_gradient", "int4_matvec_kernel",
    "int8_matvec_kernel", "paged_attention_partial", "rms_norm_forward", "rms_norm_gradient", "rope_turn",
    "swiglu_forward", "swiglu_gradient",
}  # fmt: skip
SAVED = (
    Path(__file__).parents[2] / "docs" / "data" / "kernels.json"
)  # minillama kernels report --liger --output
ATTENTION = ["attention", "attention backward", "attention windows", "attention windows backward"]


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


@pytest.mark.slow
def test_no_kernel_spills_or_takes_too_much_or_loads_narrowly() -> None:
    found = resources(dtypes=["bfloat16"], jobs=2)
    found += resources(targets=["sm_80", "gfx942"], dtypes=["float32"], jobs=2)  # the oldest, and the other
    assert {row.kernel for row in found} == KERNELS
    assert {row.operation for row in found} == set(CASES)
    assert len(found) == (len(TARGETS) + 2) * 25  # launches of all cases
    assert [(*_key(row), row.faults()) for row in found if row.faults()] == []
    assert all(row.registers > 0 and row.accesses and row.resident >= row.threads for row in found)
    saved = {}
    for row in json.loads(SAVED.read_text(encoding="utf-8"))["kernels"]:
        fields = {k: v for k, v in row.items() if k not in ("narrow", "resident", "faults")}
        kept = Compiled(**fields | {"accesses": tuple(Access(*a) for a in row["accesses"])})
        saved[_key(kept)] = kept
    assert [row for row in found if row != saved[_key(row)]] == []  # else: save the report anew


def _key(row: Compiled) -> tuple[str, str, str, str]:
    return row.operation, row.kernel, row.dtype, row.target


@pytest.mark.slow
def test_heads_of_64_do_not_either() -> None:
    found = resources(ATTENTION[-1:], dtypes=["bfloat16"], head_dim=64, jobs=1)
    found += resources(ATTENTION[:1], targets=["sm_80", "gfx942"], dtypes=["float32"], head_dim=64)
    assert len(found) == 3 * len(TARGETS) + 2
    assert [(row.kernel, row.target, row.faults()) for row in found if row.faults()] == []


@pytest.mark.slow
def test_a_kernel_made_worse_fails_each_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.delenv("MINILLAMA_BACKEND", raising=False)
    script = Path(__file__).with_name("worse.py")
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    faults = dict(json.loads(line) for line in run.stdout.splitlines())
    assert faults.pop("as it is") == []
    (spilled, *_) = faults.pop("a tile for one warp")
    assert spilled.endswith(" spilled")
    assert any(
        "bytes of shared memory: sm_80 has 163 KiB" in fault
        for fault in faults.pop("large tiles in many stages")
    )
    assert faults.pop("odd rows") == ["64 bytes of its loads come less than 16 at a time: 4 may"]
    assert faults == {}


def test_gates_stand_where_the_gpus_end() -> None:
    def row(target: str, spilled: int = 0, shared: int = 0, *loads: Access) -> Compiled:
        return Compiled("swiglu", "swiglu_forward", "float32", target, 1, 256, 32, spilled, shared, loads)

    for target, kib in SHARED.items():
        assert row(target, shared=kib * 1024).faults() == []
        assert len(row(target, shared=kib * 1024 + 1).faults()) == 1
        assert row(target, spilled=4).faults() == ["4 spilled"]
    wide, narrow = Access("load", 16, 9), Access("load", 4, 1)
    assert row("sm_90", 0, 0, wide, narrow).faults() == []
    assert len(row("sm_90", 0, 0, wide, narrow, Access("store", 2, 3)).faults()) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ld.global.v2.b64 {%rd1, %rd2}, [%rd3];", [("load", 16)]),
        ("@%p1 ld.global.L1::evict_first.v4.b32 {...}, [%rd3];", [("load", 16)]),
        ("st.global.b16 [ %rd1 + 0 ], { %rs1 };", [("store", 2)]),
        ("cp.async.cg.shared.global [ %r1 + 0 ], [ %rd1 + 0 ], 0x10, %r2;  // .global", [("load", 16)]),
        ("cp.async.ca.shared.global [ %r1 + 0 ], [ %rd1 + 0 ], 0x8, %r2;", [("load", 8)]),
        ("ld.shared.v4.b32 {...}, [%r1]; ld.param.b64 %rd1, [x]; .global", []),
        ("\tglobal_load_dwordx4 v[0:3], v[4:5], off\n", [("load", 16)]),
        ("\tbuffer_store_short v1, v2, s[0:3], 0", [("store", 2)]),
        ("\tbuffer_load_ubyte v1, v2, s[0:3], 0 offen\n\ts_load_dwordx8 s[0:7], s[0:1], 0x0", [("load", 1)]),
    ],
)  # fmt: skip
def test_widths_are_read_from_the_text(text: str, found: list[tuple[str, int]]) -> None:
    assert [(a.kind, a.bytes) for a in accesses(text)] == found
    assert all(a.times == 1 for a in accesses(text))


def test_cases_are_the_backends_raw_functions() -> None:
    called = {name.removesuffix(" backward").removesuffix(" windows") for name in CASES}
    assert called == {name for name in dir(raw) if name in raw.__all__ and not name.endswith("_backward")} - {
        "DTYPES"
    }
    assert set(LIGER_CASES) - set(CASES) == {"linear_cross_entropy"}
    assert operations() == tuple(CASES)


def test_cases_have_the_sizes_of_the_model() -> None:
    seen: dict[str, list[tuple[int, ...]]] = {}

    class Spy:
        def __getattr__(self, name: str):
            def function(*arguments: object) -> torch.Tensor:
                seen[name] = [tuple(a.shape) for a in arguments if isinstance(a, torch.Tensor)]
                return torch.empty(0)

            return function

    s: Sizes = LLAMA
    for case in CASES.values():
        case(Spy(), Tensors("meta", torch.bfloat16), s)
    assert seen["swiglu"] == [(8192, 11008), (8192, 11008)]
    assert seen["attention"][:3] == [(2, 32, 4096, 128), (2, 8, 4096, 128), (2, 8, 4096, 128)]
    assert seen["rms_norm"] == [(8192, 4096), (4096,)]
    assert seen["cross_entropy"][0] == (512, 32000)


@pytest.mark.error_contract
def test_what_is_unknown_is_named() -> None:
    with pytest.raises(ValueError, match="there is no 'gelu' to compile: expected one of rms_norm, "):
        resources(["gelu"])
    with pytest.raises(ValueError, match="there is no 'sm_70' to compile: expected one of sm_80, "):
        resources(targets=["sm_70"])
    with pytest.raises(ValueError, match="there is no library 'other': expected one of minillama, liger"):
        resources(library="other")


@pytest.mark.error_contract
def test_without_triton_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minillama.kernels.compiled.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"triton is not installed: pip install 'minillama\[gpu\]'"):
        resources(["rms_norm"])


@pytest.mark.error_contract
def test_liger_must_have_been_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MINILLAMA_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match="is not there: `minillama bench kernels` brings it"):
        resources(["rms_norm"], library="liger")
