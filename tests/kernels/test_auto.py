"""What ``auto`` means on a CPU: C where it can be compiled, eager for what C refuses, one notice else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from kernels.proofs import draw
from torch import Tensor

from minillama import Llama, LlamaConfig, kernels
from minillama.kernels import eager, ops

CFG = LlamaConfig(vocab_size=61, dim=24, n_layers=2, n_heads=6, n_kv_heads=2, hidden_dim=40, max_seq_len=32)


def states(**dtypes: torch.dtype) -> list[list[Tensor]]:
    """Parameters, gradients, means and squares of AdamW: one tensor each."""
    names = ("parameter", "gradient", "mean", "square")
    return [[draw(3, 5, seed=i).abs().to(dtypes.get(name, torch.float32))] for i, name in enumerate(names)]


def gaps(*shape: int) -> Tensor:
    return draw(*shape, 2)[..., 0]


EIGHT = torch.randint(-127, 128, (4, 6), dtype=torch.int8, generator=torch.Generator().manual_seed(0))
FOUR = torch.randint(0, 256, (4, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
HERE = {  # what the C kernels refuse, and what they say
    "gaps": ("swiglu", lambda: (gaps(3, 5), draw(3, 5)), r"gate has strides \(10, 2\)"),
    "gaps in a weight": ("rms_norm", lambda: (draw(3, 5), gaps(5), 1e-5), "weight has strides"),
    "float64": ("int8_matvec", lambda: (draw(2, 6).double(), EIGHT, draw(4).double()), "x has dtype"),
    "scale": ("int4_matvec", lambda: (draw(2, 32), FOUR, draw(4, 1)), "scale has dtype torch.float32"),
    "bfloat16 gradients": (
        "adamw",
        lambda: (*states(gradient=torch.bfloat16), 3, 1e-3, 0.9, 0.95, 1e-8, 0.1),
        r"gradients\[0\] has dtype torch.bfloat16",
    ),
}


@pytest.fixture(autouse=True)
def _auto() -> None:
    kernels.use("auto")


def test_it_is_c_on_a_cpu_and_eager_on_a_device_without_kernels() -> None:
    assert kernels.backend("cpu") == "cpp"
    assert kernels.backend("meta") == "eager"
    assert ops.swiglu is ops.swiglu  # what torch.compile guards on
    x = torch.empty(3, 5, device="meta")
    assert ops.swiglu(x, x).device.type == "meta"


@pytest.mark.parametrize("case", HERE.values(), ids=HERE)
def test_eager_computes_what_c_does_not_take(case: tuple[str, Callable[[], tuple[Any, ...]], str]) -> None:
    name, draw_arguments, _ = case
    found, expected = draw_arguments(), draw_arguments()
    outputs = getattr(ops, name)(*found), getattr(eager, name)(*expected)
    if name == "adamw":  # in place
        outputs = found[:4], expected[:4]
    torch.testing.assert_close(*outputs, rtol=0, atol=0)


@pytest.mark.parametrize("case", HERE.values(), ids=HERE)
@pytest.mark.error_contract
def test_by_name_it_is_an_error(case: tuple[str, Callable[[], tuple[Any, ...]], str]) -> None:
    name, draw_arguments, said = case
    kernels.use("cpp")
    with pytest.raises(ValueError, match=f"{said}.*: expected|{said}.*the cpp backend expects"):
        getattr(ops, name)(*draw_arguments())


@pytest.mark.error_contract
def test_what_is_wrong_for_every_backend_stays_an_error() -> None:
    with pytest.raises(ValueError, match="up has shape"):
        ops.swiglu(draw(3, 5), draw(3, 6))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch's own use
def test_tangents_are_not_lost() -> None:
    gate, up, tangent = draw(3, 5), draw(3, 5, seed=1), draw(3, 5, seed=2)
    found = torch.func.jvp(lambda x: ops.swiglu(x, up), (gate,), (tangent,))
    expected = torch.func.jvp(lambda x: eager.swiglu(x, up), (gate,), (tangent,))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert expected[1].abs().max() > 0.1
    kernels.use("cpp")
    with pytest.raises(ValueError, match=r"forward_ad is at work: the cpp backend expects neither"):
        torch.func.jvp(lambda x: ops.swiglu(x, up), (gate,), (tangent,))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache`")  # the table of angles
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_model_is_one_graph_for_torch_compile_and_its_bits_do_not_move(dtype: torch.dtype) -> None:
    model = Llama(CFG)
    model.init_weights(torch.Generator().manual_seed(0))
    tokens = torch.randint(0, 61, (2, 9), generator=torch.Generator().manual_seed(1))

    def run(loss_sums: Callable[..., tuple[Tensor, Tensor]]) -> list[Tensor]:
        model.zero_grad()
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss, _ = loss_sums(tokens, tokens)
        loss.backward()
        return [loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]

    once, again = run(model.loss_sums), run(model.loss_sums)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    compiled = run(torch.compile(model.loss_sums, fullgraph=True, backend="aot_eager"))
    torch.testing.assert_close(compiled, once, rtol=0, atol=0)


def test_without_a_compiler_one_notice_and_eager() -> None:
    code = (
        "import torch; from minillama import kernels; from minillama.kernels import ops\n"
        "x = torch.ones(2, 3); ops.swiglu(x, x); ops.rms_norm(x, x[0], 1e-5)\n"
        "print(kernels.backend(), ops._TABLE.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MINILLAMA_BACKEND": "auto", "CC": "no-such-compiler"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "eager dict_keys(['eager'])\n"
    assert done.stderr == (
        "kernels in plain PyTorch, for want of compiled ones: "
        "no C compiler: CC=no-such-compiler is not on the PATH\n"
    )


def test_importing_builds_nothing() -> None:
    code = (
        "import minillama.model, minillama.training; from minillama import kernels\n"
        "from minillama.kernels.cpu import build\nprint(build.library.cache_info().currsize, kernels._auto)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 {}\n"
