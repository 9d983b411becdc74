"""Liger-Kernel's kernels of the same operations, to stand beside ours: fetched, compiled, measured alike.

    fetch_liger()                             # once: version 0.8.5, its wheel pinned by SHA-256
    resources(["rms_norm"], library="liger")

Nothing is installed and nothing of ours imports it: a process that compiles or counts unpacks the wheel into
a folder of its own. Liger asks which GPU it runs on and chooses tiles and warps by the answer; here it is
told the target's, except for the number of multiprocessors, of which its RMSNorm's backward pass starts a
program each: it sees one. Its cross-entropy makes the gradient in the pass that makes the loss, in place of
the logits, so that one case of it stands beside two of ours.

Liger's RMSNorm multiplies bfloat16 by bfloat16, which our interpreter refuses; there it runs in float16,
which has as many bytes.

References
----------
Hsu et al., Liger Kernel: Efficient Triton Kernels for LLM Training (2024), arXiv 2410.10989.
https://github.com/linkedin/Liger-Kernel, BSD 2-Clause.
"""

from __future__ import annotations

import atexit
import importlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...data.datasets import cache_dir
from ...data.fetch import FetchError, Progress, download, file_sha256
from .cases import EPS, Found, Sizes, Tensors

REQUIREMENT = "liger-kernel==0.8.5"
SHA256 = "60789cd576af073ab9b192b570d2597fd0cdad489cd62fb44fb16256d43754c9"
BYTES = 910117
FAMILIES = {"sm_80": "ampere_ada", "sm_90": "hopper", "sm_100": "blackwell", "gfx942": "cdna3"}


def liger_wheel() -> Path:
    """Return where the wheel is kept, whether it is there or not."""
    return cache_dir() / "liger" / "liger_kernel-0.8.5-py3-none-any.whl"


def fetch_liger(progress: Progress | None = None) -> Path:
    """Bring the wheel into the cache, unless it is there and intact, and return its path.

    Raises
    ------
    FetchError
        (an OSError) If it cannot be had, or is not what was pinned.
    """
    wheel = liger_wheel()
    if wheel.is_file() and file_sha256(wheel) == SHA256:
        return wheel
    wheel.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".liger-", dir=wheel.parent) as folder:
        brought = download(REQUIREMENT, SHA256, Path(folder), progress)
        if file_sha256(brought) != SHA256:
            raise FetchError(f"{REQUIREMENT}: what came is not what was pinned; nothing was kept")
        brought.replace(wheel)
    return wheel


class Liger:
    """The modules of `liger_kernel.ops` by name, told which GPU they run on."""

    def __init__(self, target: str) -> None:
        if "liger_kernel" not in sys.modules:
            folder = tempfile.mkdtemp(prefix="minillama-liger-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            with zipfile.ZipFile(liger_wheel()) as wheel:
                wheel.extractall(folder)
            sys.path.insert(0, folder)
        for name in ("rms_norm", "rope", "swiglu", "cross_entropy", "fused_linear_cross_entropy"):
            module = importlib.import_module(f"liger_kernel.ops.{name}")
            for question, answer in (("infer_device_arch", FAMILIES[target]), ("is_hip", target[0] == "g")):
                if hasattr(module, question):
                    setattr(module, question, lambda answer=answer: answer)
            setattr(self, name, module)

    def __getattr__(self, name: str) -> Any:  # the modules, to a type checker
        raise AttributeError(name)

    def interpret(self) -> None:
        """Lend the interpreter two things that these kernels ask for: 1 / root, and a number's own ``to``."""
        import triton.language as tl
        from triton.runtime import interpreter as its

        class Number(float):
            def to(self, dtype: Any) -> Number:
                return self

        convert = its._implicit_cvt
        its._implicit_cvt = lambda value: Number(value) if isinstance(value, float) else convert(value)
        self.rms_norm.rsqrt = lambda x: tl.rsqrt(x, _semantic=its.interpreter_semantic)


def _rms_norm(liger: Liger, new: Tensors, s: Sizes) -> Found:
    inputs = new.floats(s.N, s.C), new.floats(s.C)
    y, _, rstd, *_ = liger.rms_norm.rms_norm_forward(*inputs, EPS, 0.0, "llama", None)
    return inputs, (y, rstd)


def _rms_norm_backward(liger: Liger, new: Tensors, s: Sizes) -> Found:
    dy, x, weight, rstd = new.floats(s.N, s.C), new.floats(s.N, s.C), new.floats(s.C), new.sums(s.N)
    block, warps = liger.rms_norm.calculate_settings(s.C)
    casting = liger.rms_norm._CASTING_MODE_LLAMA.value
    found = liger.rms_norm.rms_norm_backward(dy, x, weight, rstd, 0.0, casting, block, warps, True, None)
    return (dy, x, weight, rstd), found


def _rope(backward: bool) -> Callable[..., Found]:
    def case(liger: Liger, new: Tensors, s: Sizes) -> Found:
        q, k = (new.floats(s.B, s.T, heads, s.D).transpose(1, 2) for heads in (s.H, s.K))
        cos, sin = new.floats(1, s.T, s.D), new.floats(1, s.T, s.D)
        rope = liger.rope.rope_backward if backward else liger.rope.rope_forward
        halves = cos[..., : s.D // 2], sin[..., : s.D // 2]  # of which it reads the first
        return (q, k, *halves), rope(q, k, cos, sin)[:2]

    return case


def _swiglu(liger: Liger, new: Tensors, s: Sizes) -> Found:
    inputs = new.floats(s.N, s.F), new.floats(s.N, s.F)
    return inputs, liger.swiglu.swiglu_forward(*inputs)[2:]


def _swiglu_backward(liger: Liger, new: Tensors, s: Sizes) -> Found:
    gate, up, dy = (new.floats(s.N, s.F) for _ in range(3))
    return (gate, up, dy), liger.swiglu.swiglu_backward(gate, up, dy)


def _targets(s: Sizes) -> Tensor:
    return torch.arange(s.rows) % s.V  # on the CPU: Liger counts them before it launches


def _cross_entropy(liger: Liger, new: Tensors, s: Sizes) -> Found:
    logits, targets = new.floats(s.rows, s.V).requires_grad_(), _targets(s)
    with torch.no_grad():
        liger.cross_entropy.cross_entropy_forward(
            logits, targets, None, -100, 0.0, 0.0, "sum", None, False
        )  # and the gradient, in place
    return (logits, targets), (logits, new.floats(s.rows))


def _cross_entropy_backward(liger: Liger, new: Tensors, s: Sizes) -> Found:
    gradient, scale = new.floats(s.rows, s.V), torch.tensor(0.5)
    return (gradient, scale), [liger.cross_entropy.cross_entropy_backward(gradient, scale)]


def _linear_cross_entropy(liger: Liger, new: Tensors, s: Sizes) -> Found:
    """Leave the products aside: their width decides nothing about the kernel between them."""
    x, weight = new.floats(s.rows, 64).requires_grad_(), new.floats(s.V, 64).requires_grad_()
    with torch.no_grad():
        liger.fused_linear_cross_entropy.fused_linear_cross_entropy_forward(
            x, weight, _targets(s), reduction="sum", chunk_mem_const=s.V // 64
        )  # one chunk
    logits = new.floats(s.rows, s.V)
    return (logits, _targets(s)), (logits, new.sums(s.rows))


LIGER_CASES: dict[str, Callable[[Liger, Tensors, Sizes], Found]] = {
    "rms_norm": _rms_norm,
    "rms_norm backward": _rms_norm_backward,
    "rope": _rope(False),
    "rope backward": _rope(True),
    "swiglu": _swiglu,
    "swiglu backward": _swiglu_backward,
    "cross_entropy": _cross_entropy,
    "cross_entropy backward": _cross_entropy_backward,
    "linear_cross_entropy": _linear_cross_entropy,
}
"""What Liger has of our operations; "cross_entropy backward" multiplies its gradient by that of the loss."""
