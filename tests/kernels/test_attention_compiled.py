"""Attention compiled for four GPUs at LLaMA's shapes: nothing spilled, and within their shared memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SHARED = {"sm_80": 163, "sm_90": 227, "sm_100": 227, "gfx942": 64}  # KiB that a program may take
SCRIPT = Path(__file__).with_name("attention_resources.py")


@pytest.mark.slow
@pytest.mark.parametrize("D", [64, 128])
def test_no_kernel_spills_or_takes_too_much_shared_memory(D: int, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment.pop("MINILLAMA_BACKEND", None)
    environment |= {"TRITON_DEFAULT_FP_FUSION": "1", "TRITON_CACHE_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, str(SCRIPT), str(D)], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    kernels = {
        "attention_forward", "attention_delta", "attention_dq", "attention_dkv", "paged_attention_partial",
        "attention_join",
    }  # fmt: skip
    assert {line["kernel"] for line in found} == kernels
    assert len(found) == 4 * 2 * (6 + 4)  # targets, dtypes, kernels without and with windows
    assert [line for line in found if line["spilled"]] == []
    assert [line for line in found if line["shared"] > SHARED[line["target"]] * 1024] == []
