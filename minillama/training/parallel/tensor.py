r"""Tensor parallelism: every matrix of a LLaMA cut over n processes, so that each block meets twice.

                     cut by columns        cut by rows
    attention   x ── wq, wk, wv ── heads ── wo     ──(+)   all-reduce: the sum over the processes
    SwiGLU      x ── w_gate, w_up ── silu ── w_down ──(+)  all-reduce

    embedding   rows of the vocabulary: a process looks up its own, zeros elsewhere, then the sum
    output      the same rows: V/n logits a process; the loss needs three numbers a position from the others

"Columns" are those of y = x W: outputs, rows of `nn.Linear.weight`. Norms are kept whole by everyone. The
layout is torch's (`parallelize_module`, DTensor); the loss over a cut vocabulary is written out here, with
its z-loss. Left out: sequence parallelism.

References
----------
Shoeybi et al. 2019, Megatron-LM, arXiv 1909.08053, section 3.
"""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Partial, Placement, Replicate, distribute_module
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    RowwiseParallel,
    parallelize_module,
)

from ...config import LlamaConfig
from ...kernels.eager import IGNORE_INDEX, in_chunks
from ...model import Llama


def split_tensors(model: Llama, mesh: DeviceMesh) -> None:
    """Cut `model` over the processes of the one-dimensional `mesh`, in place: its parameters become DTensors.

    Parameters
    ----------
    model : Llama
        The same in every process; a tied head stays tied.
    mesh : DeviceMesh
        Of n processes.

    Raises
    ------
    ValueError
        If heads or feed-forward width cannot be shared out evenly.
    """
    check_divisible(model.cfg, mesh.size())
    plan: dict[str, ParallelStyle] = {
        "tok_embeddings": RowwiseParallel(input_layouts=Replicate()),
        "norm": _Whole(Replicate()),
        "output": ColwiseParallel(output_layouts=Replicate()),
    }
    by_head = _Whole(Partial())  # (B, T, heads, D): each process has heads of its own
    for index in range(model.cfg.n_layers):
        block: dict[str, ParallelStyle] = {
            name: _Whole(Replicate()) for name in ("attention_norm", "ffn_norm")
        }
        block |= {f"attention.{name}": ColwiseParallel() for name in ("wq", "wk", "wv")}
        block |= {f"feed_forward.{name}": ColwiseParallel() for name in ("w_gate", "w_up")}
        block |= {name: RowwiseParallel() for name in ("attention.wo", "feed_forward.w_down")}
        if model.cfg.qk_norm:
            block |= {f"attention.{name}": by_head for name in ("q_norm", "k_norm")}
        plan |= {f"layers.{index}.{name}": style for name, style in block.items()}
    parallelize_module(model, mesh, plan)
    if model.cfg.tie_embeddings:
        model.output.weight = model.tok_embeddings.weight
    model._head_loss = functools.partial(_vocabulary_parallel_loss, model, mesh)  # type: ignore[method-assign]


def check_divisible(cfg: LlamaConfig, n: int) -> None:
    """Raise ValueError unless `n` processes can share the heads and the feed-forward width evenly.

    Examples
    --------
    >>> check_divisible(LlamaConfig(n_heads=4, n_kv_heads=2), 4)
    Traceback (most recent call last):
    ...
    ValueError: n_kv_heads is 2: 4 tensor-parallel processes cannot share it evenly; use fewer
    """
    for name in ("n_kv_heads", "n_heads", "hidden_dim"):
        value = getattr(cfg, name)
        if value % n:
            raise ValueError(
                f"{name} is {value}: {n} tensor-parallel processes cannot share it evenly; use fewer"
            )


class _Whole(ParallelStyle):
    """A norm whose weight every process holds whole. It runs on plain tensors: kernels know no DTensor.

    `gradient` says what a process's gradient of the weight is: the whole, or a part of the sum.
    """

    def __init__(self, gradient: Placement) -> None:
        super().__init__()
        self.gradient = gradient

    def _apply(self, module: nn.Module, device_mesh: DeviceMesh) -> nn.Module:
        def forward(*tensors: Tensor) -> Any:
            assert isinstance(module.weight, DTensor)
            weight = module.weight.to_local(grad_placements=[self.gradient])
            return type(module).forward(SimpleNamespace(weight=weight, eps=module.eps), *tensors)

        distribute_module(module, device_mesh)
        module.forward = forward
        return module


def _vocabulary_parallel_loss(
    model: Llama, mesh: DeviceMesh, x: Float[Tensor, "N C"], targets: Int[Tensor, " N"], z_loss: float
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """`ops.linear_cross_entropy` with logits of which no process has more than its share of the vocabulary.

    log Z = log sum exp needs the largest logit and the sum of all processes; the target's logit is with one.
    """
    share = -(-model.cfg.vocab_size // mesh.size())  # rows of the vocabulary with a process
    head = functools.partial(_head_loss, model, mesh, mesh.get_local_rank() * share, z_loss)
    return in_chunks(head, x, targets, share)


def _head_loss(
    model: Llama,
    mesh: DeviceMesh,
    first: int,
    z_loss: float,
    x: Float[Tensor, "N C"],
    targets: Int[Tensor, " N"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return loss and nats of N positions; this process has the vocabulary from row `first` on."""
    spread = DTensor.from_local(x, mesh, [Replicate()], run_check=False)
    product = F.linear(spread, model.output.weight)  # (N, C) -> (N, V), cut by columns
    assert isinstance(product, DTensor)
    logits = product.to_local()  # (N, V/n)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    largest = logits.detach().amax(-1)  # (N,)
    dist.all_reduce(largest, dist.ReduceOp.MAX, group=mesh.get_group())
    log_z = _sum_over(mesh, (logits - largest[:, None]).exp().sum(-1)).log() + largest  # (N,)
    column = targets - first  # (N,)
    mine = (column >= 0) & (column < logits.shape[1])
    column = column.clamp(0, logits.shape[1] - 1)
    hit = _sum_over(mesh, logits.gather(1, column[:, None])[:, 0] * mine)  # (N,)
    counted = (targets != IGNORE_INDEX).to(logits.dtype)  # (N,)
    nats = ((log_z - hit) * counted).sum()
    return nats + z_loss * (log_z.square() * counted).sum(), nats.detach()


def _sum_over(mesh: DeviceMesh, x: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Return the sum of every process's `x`; the gradient comes back to each of them."""
    partial = DTensor.from_local(x, mesh, [Partial()], run_check=False)
    return partial.redistribute(placements=[Replicate()]).to_local()
