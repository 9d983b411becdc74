"""One loop twice: for each tile of queries, over the tiles of keys up to its last query."""

import numpy as np
import torch
import triton
import triton.language as tl
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


def flash_numpy(
    q: Float[np.ndarray, "T D"], k: Float[np.ndarray, "T D"], v: Float[np.ndarray, "T D"], M: int, N: int
) -> tuple[Float[np.ndarray, "T D"], Float[np.ndarray, " T"]]:
    T, D = q.shape
    out, log_sums = np.zeros((T, D)), np.zeros(T)
    for start in range(0, T, M):
        row = np.arange(start, min(start + M, T))
        top, total, acc = np.full(len(row), -np.inf), np.zeros(len(row)), np.zeros((len(row), D))
        for at in range(0, row[-1] + 1, N):
            key = np.arange(at, min(at + N, T))
            s = q[row] @ k[key].T / np.sqrt(D)  # (M, N)
            s = np.where(key <= row[:, None], s, -np.inf)
            larger = np.maximum(top, s.max(axis=1))  # finite: every query sees key 0
            p, again = np.exp(s - larger[:, None]), np.exp(top - larger)
            total = again * total + p.sum(axis=1)
            acc = again[:, None] * acc + p @ v[key]
            top = larger
        out[row], log_sums[row] = acc / total[:, None], top + np.log(total)
    return out, log_sums


@triton.jit
def flash_kernel(q, k, v, out, T, scale, M: tl.constexpr, N: tl.constexpr, D: tl.constexpr):
    row = tl.program_id(0) * M + tl.arange(0, M)
    column = tl.arange(0, D)
    queries = tl.load(q + row[:, None] * D + column, mask=(row < T)[:, None], other=0.0)
    top = tl.full([M], float("-inf"), tl.float32)
    total = tl.zeros([M], tl.float32)
    acc = tl.zeros([M, D], tl.float32)
    for at in range(0, tl.minimum(tl.program_id(0) * M + M, T), N):
        key = at + tl.arange(0, N)
        place = key[:, None] * D + column
        keys = tl.load(k + place, mask=(key < T)[:, None], other=0.0)
        s = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        s = tl.where(key[None, :] <= row[:, None], s, float("-inf"))
        larger = tl.maximum(top, tl.max(s, axis=1))
        p = tl.exp(s - larger[:, None])
        again = tl.exp(top - larger)
        values = tl.load(v + place, mask=(key < T)[:, None], other=0.0)
        total = again * total + tl.sum(p, axis=1)
        acc = again[:, None] * acc + tl.dot(p, values, input_precision="ieee")
        top = larger
    tl.store(out + row[:, None] * D + column, acc / total[:, None], mask=(row < T)[:, None])


def flash_triton(
    q: Float[torch.Tensor, "T D"],
    k: Float[torch.Tensor, "T D"],
    v: Float[torch.Tensor, "T D"],
    M: int,
    N: int,
) -> Float[torch.Tensor, "T D"]:
    T, D = q.shape
    out = torch.empty_like(q)
    flash_kernel[(triton.cdiv(T, M),)](q, k, v, out, T, D**-0.5, M=M, N=N, D=D)
    return out
