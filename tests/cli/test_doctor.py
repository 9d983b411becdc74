"""`minillama doctor` on this machine, and on a poorer one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from minillama.cli import doctor, run

NAMES = {
    "python", "system", "processor", "torch", "gpu", "compiler", "triton", "browser", "node", "disk",
    "cache", "shakespeare", "tokenizers", "smollm2",
}  # fmt: skip


def test_everything_is_looked_for(capsys) -> None:
    assert run(["doctor", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert {finding["name"] for finding in findings} == NAMES
    for finding in findings:
        assert set(finding) == {"name", "here", "what", "enables"}
        assert finding["what"] if finding["here"] else finding["enables"]


def test_what_is_missing_says_what_it_would_enable(
    capsys, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "")
    monkeypatch.setenv("MINILLAMA_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    assert run(["doctor"]) == 0
    told = capsys.readouterr().out
    assert "missing: the CPU engine's C kernels" in told
    assert "`minillama data fetch shakespeare` brings" in told
    assert "everything that trains or runs a model needs it" in told


def test_a_program_that_does_not_run_is_no_fault_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CC", str(broken))
    assert "does not run" in doctor._compiler().what


def test_a_gpu_is_named_with_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    card = SimpleNamespace(name="NVIDIA H200", total_memory=141 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    gpu = next(finding for finding in doctor._torch() if finding.name == "gpu")
    assert gpu.here
    assert gpu.what == "NVIDIA H200 (141 GiB), NVIDIA H200 (141 GiB)"
