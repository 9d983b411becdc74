"""The roofline's rows against three other counts: PyTorch's, the meter's, and one number at a time by hand.

By hand: each operation is written out below in scalar steps, over arrays that note every element touched,
with numbers that count every operation on them. Its results must be the eager operation's, so that what was
counted is what was meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from kernels.proofs import draw
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from minillama import LlamaConfig, kernels
from minillama.accounting import count_flops, count_parameters
from minillama.kernels import eager
from minillama.kernels import triton as raw
from minillama.kernels.roofline import DATA_SHEETS, Machine, measured_bandwidth
from minillama.kernels.traffic import measured
from minillama.kernels.work import Work, forward_work, linear, training_work
from minillama.model import Llama

EPS = 1e-5
CFG = LlamaConfig(
    vocab_size=11, dim=6, n_layers=3, n_heads=4, n_kv_heads=2, head_dim=4, hidden_dim=5, max_seq_len=64
)
B, T = 2, 3
N, C, F, D, H, K, V = B * T, 6, 5, 4, 4, 2, 11


class Tally:
    """FLOPs done, and which elements were read and written."""

    def __init__(self) -> None:
        self.flops = 0
        self.read: dict[tuple[int, Any], int] = {}
        self.written: dict[tuple[int, Any], int] = {}

    @property
    def bytes(self) -> int:
        return sum(self.read.values()) + sum(self.written.values())

    def number(self, value: float = 0.0) -> Number:
        return Number(value, self)

    def array(self, values: Tensor, size: int | None = None) -> Array:
        return Array(values, size or values.element_size(), self)


class Number:
    """A float that counts what is done with it; its sign and comparisons are free."""

    def __init__(self, value: float, tally: Tally) -> None:
        self.value, self.tally = value, tally

    def _counted(self, value: float) -> Number:
        self.tally.flops += 1
        return Number(value, self.tally)

    def __add__(self, other: Any) -> Number:
        return self._counted(self.value + _value(other))

    def __sub__(self, other: Any) -> Number:
        return self._counted(self.value - _value(other))

    def __rsub__(self, other: Any) -> Number:
        return self._counted(_value(other) - self.value)

    def __mul__(self, other: Any) -> Number:
        return self._counted(self.value * _value(other))

    def __truediv__(self, other: Any) -> Number:
        return self._counted(self.value / _value(other))

    def __rtruediv__(self, other: Any) -> Number:
        return self._counted(_value(other) / self.value)

    def __neg__(self) -> Number:
        return Number(-self.value, self.tally)

    def exp(self) -> Number:
        return self._counted(math.exp(self.value))

    def log(self) -> Number:
        return self._counted(math.log(self.value))

    def sqrt(self) -> Number:
        return self._counted(math.sqrt(self.value))


def _value(x: Any) -> float:
    return x.value if isinstance(x, Number) else x


class Array:
    """Numbers in memory, `size` bytes each: every element that is touched is noted, once."""

    def __init__(self, values: Tensor, size: int, tally: Tally) -> None:
        self.values, self.size, self.tally = values.double(), size, tally

    def __getitem__(self, index: Any) -> Number:
        self.tally.read[id(self), index] = self.size
        return Number(self.values[index].item(), self.tally)

    def __setitem__(self, index: Any, number: Number) -> None:
        self.tally.written[id(self), index] = self.size
        self.values[index] = number.value

    def index(self, place: int) -> int:
        """Read a token id."""
        return int(self[place].value)


def total(tally: Tally, terms: Iterator[Number]) -> Number:
    found = tally.number()
    for term in terms:
        found = found + term
    return found


def rms_norm(t: Tally, x: Array, w: Array, y: Array, rstd: Array, residual: Array | None = None) -> None:
    for n in range(N):
        row = [x[n, c] for c in range(C)]
        if residual is not None:
            row = [residual[n, c] + row[c] for c in range(C)]
        r = 1 / (total(t, (v * v for v in row)) / C + EPS).sqrt()
        for c in range(C):
            y[n, c] = row[c] * r * w[c]
        rstd[n] = r


def test_rms_norm_with_and_without_addition() -> None:
    x, residual, weight = draw(N, C), draw(N, C, seed=1), draw(C, seed=2)
    t = Tally()
    y, rstd = t.array(torch.zeros(N, C)), t.array(torch.zeros(N))
    rms_norm(t, t.array(x), t.array(weight), y, rstd)
    same(y, eager.rms_norm(x, weight, EPS))
    agrees(t, training("rms_norm"))
    assert bytes_of(forward("rms_norm")) == t.bytes - 4 * N, "nobody keeps the statistic"

    t = Tally()
    y, sums, rstd = t.array(torch.zeros(N, C)), t.array(torch.zeros(N, C)), t.array(torch.zeros(N))
    rms_norm(t, t.array(x), t.array(weight), y, rstd, t.array(residual))
    for n in range(N):
        for c in range(C):
            sums.tally.written[id(sums), (n, c)] = 4
    same(y, eager.add_rms_norm(x, residual, weight, EPS)[0])
    agrees(t, training("add_rms_norm"))


@pytest.mark.parametrize("added", [False, True], ids=["rms_norm", "add_rms_norm"])
def test_rms_norm_backward(added: bool) -> None:
    x, weight = draw(N, C).requires_grad_(), draw(C, seed=1).requires_grad_()
    dy, dtotal = draw(N, C, seed=2), draw(N, C, seed=3)
    eager.rms_norm(x, weight, EPS).backward(dy)
    rstd = (x.detach().square().mean(-1) + EPS).rsqrt()
    t = Tally()
    a = [t.array(v.detach()) for v in (dy, x, weight, rstd, dtotal)]
    dx, dweight = t.array(torch.zeros(N, C)), t.array(torch.zeros(C))
    sums = [t.number() for _ in range(C)]
    for n in range(N):
        r = a[3][n]
        hat = [a[1][n, c] * r for c in range(C)]
        g = [a[0][n, c] * a[2][c] for c in range(C)]
        mean = total(t, (u * v for u, v in zip(g, hat, strict=True))) / C
        for c in range(C):
            sums[c] = sums[c] + a[0][n, c] * hat[c]
            own = (g[c] - hat[c] * mean) * r
            dx[n, c] = own + a[4][n, c] if added else own
    for c in range(C):
        dweight[c] = sums[c]
    assert x.grad is not None
    same(dx, x.grad + dtotal if added else x.grad)
    same(dweight, weight.grad)
    agrees(t, training("add_rms_norm backward" if added else "rms_norm backward"))


def test_rope_both_ways() -> None:
    q, k = draw(B, H, T, D), draw(B, K, T, D, seed=1)
    angle = draw(T, D // 2, seed=2)
    t = Tally()
    cos, sin = t.array(angle.cos()), t.array(angle.sin())
    outs = []
    for x in (q, k):
        a, out = t.array(x), t.array(torch.zeros_like(x))
        for b in range(B):
            for h in range(x.shape[1]):
                for p in range(T):
                    for i in range(D // 2):
                        first, second = a[b, h, p, i], a[b, h, p, i + D // 2]
                        out[b, h, p, i] = first * cos[p, i] - second * sin[p, i]
                        out[b, h, p, i + D // 2] = second * cos[p, i] + first * sin[p, i]
        outs.append(out)
    for out, exact in zip(outs, eager.rope(q, k, angle.cos(), angle.sin()), strict=True):
        same(out, exact)
    agrees(t, forward("rope"))
    agrees(t, training("rope backward"))


def test_swiglu_both_ways() -> None:
    gate, up, dy = draw(N, F).requires_grad_(), draw(N, F, seed=1).requires_grad_(), draw(N, F, seed=2)
    exact = eager.swiglu(gate, up)
    exact.backward(dy)
    t, back = Tally(), Tally()
    g, u, y = t.array(gate.detach()), t.array(up.detach()), t.array(torch.zeros(N, F))
    bg, bu, bdy = (back.array(v.detach()) for v in (gate, up, dy))
    dgate, dup = back.array(torch.zeros(N, F)), back.array(torch.zeros(N, F))
    for n in range(N):
        for f in range(F):
            y[n, f] = g[n, f] / ((-g[n, f]).exp() + 1) * u[n, f]
            s = 1 / ((-bg[n, f]).exp() + 1)
            silu = bg[n, f] * s
            dup[n, f] = bdy[n, f] * silu
            dgate[n, f] = bdy[n, f] * bu[n, f] * (s + silu * (1 - s))
    same(y, exact.detach())
    same(dgate, gate.grad)
    same(dup, up.grad)
    agrees(t, forward("swiglu"))
    agrees(back, training("swiglu backward"))


@pytest.mark.parametrize("past", [0, 4])
def test_attention(past: int) -> None:
    S = past + T
    q, k, v = draw(B, H, T, D), draw(B, K, S, D, seed=1), draw(B, K, S, D, seed=2)
    t = Tally()
    aq, ak, av = t.array(q), t.array(k), t.array(v)
    out, lse = t.array(torch.zeros(B, H, T, D)), t.array(torch.zeros(B, H, T))
    for b in range(B):
        for h in range(H):
            kv = h // (H // K)
            for p in range(T):
                seen = range(past + p + 1)
                scores = [
                    total(t, (aq[b, h, p, d] * ak[b, kv, s, d] for d in range(D))) * D**-0.5 for s in seen
                ]
                largest = max(score.value for score in scores)
                weights = [(score - largest).exp() for score in scores]
                Z = total(t, iter(weights))
                weights = [weight / Z for weight in weights]
                for d in range(D):
                    out[b, h, p, d] = total(t, (weights[s] * av[b, kv, s, d] for s in seen))
                lse[b, h, p] = Number(largest + math.log(Z.value), Tally())  # a few a row: not in the formula
    same(out, eager.attention(q, k, v))
    found = forward("attention", past)
    assert flops_of(found) == t.flops
    assert bytes_of(found) == t.bytes - 4 * B * H * T, "nobody keeps the statistic"
    if past == 0:
        agrees(t, training("attention"))


def test_attention_backward() -> None:
    q, k, v = (draw(B, n, T, D, seed=i).requires_grad_() for i, n in enumerate((H, K, K)))
    dout = draw(B, H, T, D, seed=4)
    exact = eager.attention(q, k, v)
    exact.backward(dout)
    scores = q @ k.repeat_interleave(H // K, 1).mT * D**-0.5
    scores = scores.masked_fill(~eager.visible(None, T, T), -math.inf)
    t = Tally()
    a = [t.array(x.detach()) for x in (q, k, v, exact, dout, scores.logsumexp(-1))]
    aq, ak, av, out, do, lse = a
    dq, dk, dv = (t.array(torch.zeros(B, n, T, D)) for n in (H, K, K))
    for b in range(B):
        sums = {(i, h, p, d): t.number() for i in "kv" for h in range(K) for p in range(T) for d in range(D)}
        for h in range(H):
            kv = h // (H // K)
            for p in range(T):
                delta = total(t, (do[b, h, p, d] * out[b, h, p, d] for d in range(D)))
                own = [t.number() for _ in range(D)]
                for s in range(p + 1):
                    score = total(t, (aq[b, h, p, d] * ak[b, kv, s, d] for d in range(D))) * D**-0.5
                    prob = (score - lse[b, h, p]).exp()
                    dprob = total(t, (do[b, h, p, d] * av[b, kv, s, d] for d in range(D)))
                    ds = prob * (dprob - delta) * D**-0.5
                    for d in range(D):
                        own[d] = own[d] + ds * ak[b, kv, s, d]
                        sums["k", kv, s, d] = sums["k", kv, s, d] + ds * aq[b, h, p, d]
                        sums["v", kv, s, d] = sums["v", kv, s, d] + prob * do[b, h, p, d]
                for d in range(D):
                    dq[b, h, p, d] = own[d]
        for (i, h, p, d), number in sums.items():
            (dk if i == "k" else dv)[b, h, p, d] = number
    for mine, leaf in ((dq, q), (dk, k), (dv, v)):
        same(mine, leaf.grad)
    agrees(t, training("attention backward"))


def test_cross_entropy_both_ways() -> None:
    logits = draw(N, V).requires_grad_()
    targets = torch.tensor([3, 0, 10, 5, 5, 1])
    exact, _ = eager.cross_entropy(logits, targets)
    exact.backward()
    t, back = Tally(), Tally()
    x, at, nats, log_z = (t.array(v) for v in (logits.detach(), targets, torch.zeros(N), torch.zeros(N)))
    bx, bat, blog_z = back.array(logits.detach()), back.array(targets), back.array(log_z.values, size=4)
    for n in range(N):
        largest = max(x[n, i].value for i in range(V))
        Z = total(t, ((x[n, i] - largest).exp() for i in range(V)))
        log_z[n] = Z.log() + largest
        nats[n] = t.number(log_z.values[n].item()) - x[n, at.index(n)]
        blog_z.values[n] = log_z.values[n]
        target = bat.index(n)
        for i in range(V):
            share = (bx[n, i] - blog_z[n]).exp()
            bx[n, i] = (share - 1 if i == target else share) * 1.0
    assert math.isclose(nats.values.sum().item(), exact.item(), rel_tol=1e-6)
    same(bx, logits.grad)
    agrees(t, training("cross_entropy"))
    agrees(back, training("cross_entropy backward"))


def test_addition_and_embedding() -> None:
    table, ids = draw(V, C), torch.tensor([1, 2, 3, 10, 0, 5])
    t, fork = Tally(), Tally()
    at, weight, x = t.array(ids), t.array(table), t.array(torch.zeros(N, C))
    a, b, out = fork.array(draw(N, C)), fork.array(draw(N, C, seed=1)), fork.array(torch.zeros(N, C))
    for n in range(N):
        for c in range(C):
            x[n, c] = weight[at.index(n), c]
            out[n, c] = a[n, c] + b[n, c]
    same(x, table[ids])
    agrees(t, forward("embedding"))
    agrees(fork, forward("add"))
    agrees(fork, training("add backward"))

    back = Tally()
    at, dx, gradient = back.array(ids), back.array(draw(N, C)), back.array(torch.zeros(V, C))
    sums = [[back.number() for _ in range(C)] for _ in range(V)]
    for n in range(N):
        for c in range(C):
            sums[at.index(n)][c] = sums[at.index(n)][c] + dx[n, c]
    for v in range(V):
        for c in range(C):
            gradient[v, c] = sums[v][c]
    agrees(back, training("embedding backward"))


def test_adamw() -> None:
    n, step, lr, beta1, beta2, decay = 5, 3, 0.1, 0.9, 0.95, 0.2
    start = [draw(n, seed=i).abs() if i == 3 else draw(n, seed=i) for i in range(4)]
    exact = [x.clone() for x in start]
    eager.adamw(
        *([x] for x in exact), step=step, lr=lr, beta1=beta1, beta2=beta2, eps=EPS, weight_decay=decay
    )
    t = Tally()
    p, g, mean, square = (t.array(x) for x in start)
    for i in range(n):
        gradient, old_mean, old_square = g[i], mean[i], square[i]
        new_mean = old_mean + (gradient - old_mean) * (1 - beta1)
        new_square = old_square * beta2 + gradient * gradient * (1 - beta2)
        root = (new_square / (1 - beta2**step)).sqrt() + EPS
        p[i] = p[i] * (1 - lr * decay) - new_mean * (lr / (1 - beta1**step)) / root
        mean[i], square[i] = new_mean, new_square
    for mine, its in zip((p, mean, square), (exact[0], exact[2], exact[3]), strict=True):
        same(mine, its)
    (row,) = training("adamw")
    n_params = count_parameters(CFG).total
    assert (row.flops * n, row.bytes * n) == (t.flops * n_params, t.bytes * n_params)


@pytest.mark.parametrize(("batch", "T"), [(1, 1), (2, 7)])
def test_products_are_those_that_pytorch_counts(batch: int, T: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_chosen", "eager")  # inside of an operator nothing is counted
    model, tokens = Llama(CFG), torch.ones(batch, T, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        model(tokens)
    assert products(counter) == sum(w.flops for w in forward_work(CFG, batch, T) if is_product(w))
    with FlopCounterMode(display=False) as counter:
        model.loss(tokens, tokens).backward()
    assert products(counter) == sum(w.flops for w in training_work(CFG, batch, T) if is_product(w))


def test_products_and_scores_are_those_of_the_accounting() -> None:
    for cfg, T in ((CFG, 9), (LlamaConfig.named("llama-2-70b"), 4096)):
        counted = count_flops(cfg, T, training=False)
        rows = forward_work(cfg, 1, T)
        assert sum(w.flops for w in rows if is_product(w)) == counted.total - counted.attention
        (attention,) = [w for w in rows if w.name == "attention"]
        scores = counted.attention // (4 * cfg.head_dim)
        assert attention.flops == counted.attention + 5 * scores


def test_a_product_moves_its_three_matrices() -> None:
    work = linear("w", 3, 5, 7, size=2, calls=4)
    assert (work.flops, work.calls) == (4 * 3 * 7 * (5 + 5), 4)
    tensors = [torch.zeros(3, 5), torch.zeros(7, 5), torch.zeros(3, 7)]
    assert work.bytes == 4 * sum(x.bfloat16().nbytes for x in tensors)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_elementwise_bytes_are_those_that_kernels_move(dtype: torch.dtype) -> None:
    x, weight, rstd = draw(N, C, dtype=dtype), draw(C, dtype=dtype), draw(N)
    gate = draw(N, F, dtype=dtype)
    q, k = draw(B, H, T, D, dtype=dtype), draw(B, K, T, D, dtype=dtype)
    cos, sin = draw(T, D // 2, dtype=dtype), draw(T, D // 2, dtype=dtype)
    logits, targets, one = draw(N, V, dtype=dtype), torch.arange(N), torch.ones(())
    partial = 2 * C * 4  # float32 sums of the weight's gradient, written by one kernel and read by the next
    runs: dict[str, tuple[Callable[[], object], int]] = {
        "rms_norm": (lambda: raw.rms_norm(x, weight, EPS), 0),
        "rms_norm backward": (lambda: raw.rms_norm_backward(x, x.clone(), weight, rstd), partial),
        "add_rms_norm": (lambda: raw.add_rms_norm(x, x.clone(), weight, EPS), 0),
        "add_rms_norm backward": (
            lambda: raw.add_rms_norm_backward(x, x.clone(), x.clone(), weight, rstd),
            partial,
        ),
        "rope": (lambda: raw.rope(q, k, cos, sin, False), 0),
        "swiglu": (lambda: raw.swiglu(gate, gate.clone()), 0),
        "swiglu backward": (lambda: raw.swiglu_backward(gate, gate.clone(), gate.clone()), 0),
        "cross_entropy": (lambda: raw.cross_entropy(logits, targets), 0),
        "cross_entropy backward": (
            lambda: raw.cross_entropy_backward(one, logits, targets, rstd, 0.0, logits),
            one.nbytes,
        ),
    }
    for name, (run, besides) in runs.items():
        with measured() as meter:
            run()
        (row,) = training(name, dtype)
        assert row.bytes == row.calls * (meter.total.moved_once - besides), name


def test_layers_multiply_all_but_the_ends() -> None:
    one, three = (training_work(replace(CFG, n_layers=n), B, T) for n in (1, 3))
    ends = {"embedding", "output", "cross_entropy", "adamw"}
    for a, b in zip(one, three, strict=True):
        kind = a.name.removesuffix(" backward")
        if kind == "rms_norm":
            assert (a.calls, b.calls, b.flops) == (2, 4, 2 * a.flops)
        elif kind != "adamw":
            times = 1 if kind in ends else 3
            assert (b.calls, b.flops, b.bytes) == (times * a.calls, times * a.flops, times * a.bytes)


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, "batch 0"),
        ({"seq_len": 0}, "seq_len 0"),
        ({"past": -1}, "past -1"),
        ({"cfg": LlamaConfig.named("mistral-7b-v0.1")}, "sliding_window"),
    ],
)
def test_what_cannot_be_counted_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forward_work(**({"cfg": CFG, "batch": 1, "seq_len": 1} | arguments))


def test_the_roof() -> None:
    machine = Machine("m", bandwidth=10.0, peak=40.0)
    assert machine.ridge == 4.0
    assert [machine.attainable(x) for x in (0.0, 1.0, 4.0, 8.0)] == [0.0, 10.0, 40.0, 40.0]
    for work in (Work("low", 30, 60, 1), Work("ridge", 400, 100, 1), Work("high", 800, 100, 1)):
        assert math.isclose(machine.seconds(work) * machine.attainable(work.intensity), work.flops)
    assert machine.seconds(Work("copy", 0, 50, 1)) == 5.0
    for bad in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="bandwidth"):
            Machine("m", bad, 1.0)
    assert {name: round(m.ridge) for name, m in DATA_SHEETS.items()} == {"a100-80gb": 153, "h100-80gb": 295}


def test_bandwidth_counts_the_tensors_that_a_loop_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that ticks once a reading, every run takes one second."""
    ticks = iter(range(1000))
    monkeypatch.setattr("minillama.kernels.roofline.time.perf_counter", lambda: float(next(ticks)))
    assert measured_bandwidth(size=4096, seconds=5.0) == {"read": 4096.0, "copy": 8192.0, "triad": 12288.0}


def forward(name: str, past: int = 0) -> list[Work]:
    return [work for work in forward_work(CFG, B, T, past) if work.name == name]


def training(name: str, dtype: torch.dtype = torch.float32) -> list[Work]:
    return [work for work in training_work(CFG, B, T, dtype) if work.name == name]


def flops_of(rows: list[Work]) -> int:
    (row,) = rows
    assert row.flops % row.calls == 0
    return row.flops // row.calls


def bytes_of(rows: list[Work]) -> int:
    (row,) = rows
    assert row.bytes % row.calls == 0
    return row.bytes // row.calls


def agrees(tally: Tally, rows: list[Work]) -> None:
    assert (flops_of(rows), bytes_of(rows)) == (tally.flops, tally.bytes)


def same(mine: Array, its: Tensor | None) -> None:
    assert its is not None
    torch.testing.assert_close(mine.values, its.detach().double(), rtol=2e-5, atol=2e-6)


def is_product(work: Work) -> bool:
    return work.name.startswith(("wq", "wk", "w_gate", "output"))


def products(counter: FlopCounterMode) -> int:
    counts = counter.get_flop_counts()["Global"]
    return sum(
        n for operation, n in counts.items() if str(operation) in ("aten.mm", "aten.addmm", "aten.bmm")
    )
