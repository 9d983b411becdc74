"""Kernels made worse on purpose, compiled in a process of its own: a line of JSON with each one's faults.

Each is a launch of ours with one thing changed that no value would show.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import torch

from minillama.kernels import triton as raw
from minillama.kernels.compiled.cases import CASES, LLAMA, Tensors
from minillama.kernels.compiled.compiler import compiled, started
from minillama.kernels.triton.launch import Launch

META = Tensors("meta", torch.bfloat16)


def launch(name: str, **changed: Any) -> Launch:
    with started() as launches:
        CASES[name](raw, META, LLAMA)
    return replace(launches[0], constants=launches[0].constants | changed)


def strided() -> Launch:
    """SwiGLU of a tensor whose rows begin anywhere: no address is known to be a multiple of 16."""
    wide = META.floats(LLAMA.N, LLAMA.F + 1)[:, : LLAMA.F]
    with started() as launches:
        raw.swiglu(wide, wide)
    return launches[0]


WORSE = {
    "as it is": launch("rms_norm"),
    "a tile for one warp": launch("rms_norm", ROWS=4, num_warps=1),
    "large tiles in many stages": launch("attention", M=128, N=128, num_stages=4),
    "odd rows": strided(),
}

if __name__ == "__main__":
    for name, start in WORSE.items():
        print(json.dumps([name, compiled(start, "sm_80").faults()]), flush=True)
