"""Compile what attention launches, without a GPU, and print what each kernel takes, as JSON.

A script of its own: compiling and interpreting cannot share a process. Run as
``python attention_resources.py HEAD_WIDTH``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas, sm_arch_from_capability
from triton.compiler import ASTSource

from minillama.kernels import triton as raw
from minillama.kernels.triton.launch import Launch, recorded

TARGETS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}
TYPES = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.int32: "*i32"}


def launches(D: int, dtype: torch.dtype, windows: bool) -> list[Launch]:
    """Note what LLaMA's shape of 32 heads over 8 launches: 4,096 positions forward and back, and decoding."""

    def meta(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
        return torch.empty(shape, dtype=dtype, device="meta")

    q, k = (meta(2, 4096, heads, D).transpose(1, 2) for heads in (32, 8))
    first = meta(1, 4096, dtype=torch.int32) if windows else None
    pages, lengths = meta(8, 256, dtype=torch.int32), meta(8, dtype=torch.int32)
    with recorded() as found:
        out, lse = raw.attention(q, k, k, first)
        raw.attention_backward(out, q, k, k, first, out, lse)
        if not windows:
            raw.paged_attention(meta(8, 32, D), meta(1024, 8, 16, D), meta(1024, 8, 16, D), pages, lengths)
    return found


def source(launch: Launch) -> tuple[ASTSource, dict[str, int]]:
    """Describe a launch's arguments as the runtime would: types, and which are multiples of 16."""
    constants: dict[str, Any] = dict(launch.constants)
    options = {name: constants.pop(name) for name in ("num_warps", "num_stages") if name in constants}
    types, multiples = {}, {}
    for i, (name, value) in enumerate(zip(launch.kernel.arg_names, launch.arguments, strict=False)):
        if value is None or (isinstance(value, int) and value == 1):
            constants[name] = value
            continue
        types[name] = (
            TYPES[value.dtype] if isinstance(value, Tensor) else "fp32" if isinstance(value, float) else "i32"
        )
        if isinstance(value, Tensor) or (isinstance(value, int) and value % 16 == 0):
            multiples[(i,)] = [["tt.divisibility", 16]]
    signature = {name: types.get(name, "constexpr") for name in launch.kernel.arg_names}
    return ASTSource(launch.kernel, signature, constexprs=constants, attrs=multiples), options


def resources(launch: Launch, name: str) -> dict[str, Any]:
    """Return shared memory in bytes, registers a thread, and bytes or registers spilled."""
    described, options = source(launch)
    compiled = triton.compile(described, target=TARGETS[name], options=options)
    if name == "gfx942":
        text = compiled.asm["amdgcn"]
        registers = r"\.vgpr_count:\s*(\d+)"
        spilled = r"(?:\.vgpr_spill_count|\.private_segment_fixed_size):\s*(\d+)"
    else:
        capability = TARGETS[name].arch
        with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
            file.write(compiled.asm["ptx"])
            file.flush()
            command = [get_ptxas(capability).path, "-v", "--regAllocOptLevel=2", file.name, "-o", "/dev/null"]
            command.append(f"--gpu-name={sm_arch_from_capability(capability)}")
            text = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        registers, spilled = r"Used (\d+) registers", r"(\d+) bytes spill"
    found = re.search(registers, text)
    assert found is not None, text
    return {
        "kernel": launch.kernel.__name__,
        "target": name,
        "registers": int(found[1]),
        "spilled": sum(map(int, re.findall(spilled, text))),
        "shared": compiled.metadata.shared,
    }


def main() -> None:
    """Print one line of JSON a kernel, target, dtype and kind of mask."""
    for dtype in (torch.bfloat16, torch.float32):
        for windows in (False, True):
            for launch in launches(int(sys.argv[1]), dtype, windows):
                for name in TARGETS:
                    line = resources(launch, name) | {"dtype": str(dtype), "windows": windows}
                    print(json.dumps(line))


if __name__ == "__main__":
    main()
