"""What every operation of a torch model puts out, under the names of the reference: the finder's eyes.

The model is watched, not changed: hooks on its modules see what goes in and comes out, and are taken off
again. Left out: gradients, and the cache.

    outputs of   tok_embeddings, the norms, wq wk wv wo, w_gate w_up w_down, the blocks, output; ours has
                 ffn_norm put out the sum as well (= attention_residual)
    inputs of    wo (= mixed), w_down (= swiglu), and of transformers ffn_norm (= attention_residual)
    rope         q_rope, k_rope: no module has them; the operation table reports them, and of transformers
                 the function that turns them
    weights      of transformers with eager attention. Ours is fused and never holds them all: what comes
                 before and after is compared
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from ..checkpoints.hf_names import from_hf
from ..kernels import ops
from ..model import Llama
from ..model.layers import AddRMSNorm
from .peers import float64_throughout

INSIDE = (
    "attention_norm", "attention.wq", "attention.wk", "attention.wv", "attention.q_norm", "attention.k_norm",
    "attention.q_rope", "attention.k_rope", "attention.weights", "attention.mixed", "attention.wo",
    "attention_residual", "ffn_norm", "feed_forward.w_gate", "feed_forward.w_up", "feed_forward.swiglu",
    "feed_forward.w_down",
)  # fmt: skip
READ_BY = {
    "attention.wo": "attention.mixed",
    "ffn_norm": "attention_residual",
    "feed_forward.w_down": "feed_forward.swiglu",
}

Output = Float[np.ndarray, "..."]  # of an operation: any shape
Record = Callable[[str, Tensor], None]


def operation_names(n_layers: int) -> list[str]:
    """Return the names of all operations of a LLaMA, in the order of the reference.

    Examples
    --------
    >>> names = operation_names(2)
    >>> len(names), names[1], names[-3:]
    (39, 'layers.0.attention_norm', ['layers.1', 'norm', 'output'])
    """
    names = ["tok_embeddings"]
    for layer in range(n_layers):
        names += [*(f"layers.{layer}.{part}" for part in INSIDE), f"layers.{layer}"]
    return [*names, "norm", "output"]


def trace_torch(model: Llama, tokens: Integer[np.ndarray, "B T"]) -> dict[str, Output]:
    """Return what every operation of a `minillama.Llama` puts out, by name, in order.

    Parameters
    ----------
    model : Llama
        On any device, of any float dtype; ``model.double()`` compares best.
    tokens : array (B, T), integer
        Token ids below `vocab_size`.

    Returns
    -------
    dict of name to array
        In the model's dtype; bfloat16, which NumPy does not know, as float32.

    Raises
    ------
    ValueError
        If there are more tokens than `max_seq_len`.

    Examples
    --------
    The reference and the torch model agree to the last digits of float64:

    >>> from minillama.config import LlamaConfig
    >>> from minillama.evaluation.divergence import first_divergence, trace_reference
    >>> from minillama.reference import ReferenceLlama
    >>> model, tokens = Llama(LlamaConfig(n_layers=2)).double(), np.array([[3, 1, 4, 1, 5]])
    >>> reference = ReferenceLlama(model.cfg, model.state_dict())
    >>> first_divergence(trace_reference(reference, tokens), trace_torch(model, tokens)) is None
    True
    """
    seen: dict[str, Tensor] = {}
    with watched(model, seen.__setitem__) as rotated:

        def hear(operation: str, output: Any) -> None:
            if operation == "rope":
                for tensor in output:
                    rotated(tensor)

        with ops.observed(hear):
            run(model, tokens)
    return in_order(seen, model.cfg.n_layers)


def trace_transformers(model: nn.Module, tokens: Integer[np.ndarray, "B T"]) -> dict[str, Output]:
    """Return what every operation of transformers' LLaMA puts out, by our names, in order.

    Parameters
    ----------
    model : LlamaForCausalLM
        In evaluation mode. One of float64 runs under `float64_throughout`. After
        ``model.set_attn_implementation("eager")`` the weights of its attention are there too.
    tokens : array (B, T), integer
        Token ids below the vocabulary's size.

    Returns
    -------
    dict of name to array
        In the model's dtype; bfloat16, which NumPy does not know, as float32.

    Examples
    --------
    >>> from minillama.config import LlamaConfig
    >>> from minillama.evaluation.divergence import first_divergence
    >>> from minillama.evaluation.peers import transformers_twin
    >>> model, tokens = Llama(LlamaConfig(n_layers=2)).double(), np.array([[3, 1, 4, 1, 5]])
    >>> twin = transformers_twin(model.cfg, model.state_dict())
    >>> first_divergence(trace_torch(model, tokens), trace_transformers(twin, tokens)) is None
    True
    """
    seen: dict[str, Tensor] = {}
    config: Any = model.config
    precision = float64_throughout if next(model.parameters()).dtype == torch.float64 else nullcontext
    with watched(model, seen.__setitem__, from_hf) as rotated, precision(), _rope_heard(model, rotated):
        run(model, tokens)
    return in_order(seen, config.num_hidden_layers)


@contextmanager
def watched(
    model: nn.Module, record: Record, name_of: Callable[[str], str] = str
) -> Iterator[Callable[[Tensor], None]]:
    """Record what the modules of `model` read and put out, by ``name_of(module's name)``, until the end.

    Yields a function that takes each rotated tensor: the first inside an attention is the query, the second
    the key.
    """
    rotations: list[str] = []  # still to come in the attention that runs

    def begin(name: str, module: nn.Module, args: Any) -> None:
        rotations[:] = [f"{name}.q_rope", f"{name}.k_rope"]

    def reads(name: str, module: nn.Module, args: Any) -> None:
        record(name, args[0])

    def puts_out(name: str, module: nn.Module, args: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            record(name, output)
        elif isinstance(module, AddRMSNorm):
            normed, stream = output
            record(name.removesuffix("ffn_norm") + READ_BY["ffn_norm"], stream)
            record(name, normed)
        elif name.endswith(".attention") and output[1] is not None:
            record(f"{name}.weights", output[1])

    def rotated(output: Tensor) -> None:
        if rotations:
            record(rotations.pop(0), output)

    with ExitStack() as hooks:
        for module_name, module in model.named_modules():
            name = name_of(module_name)
            _, _, part = name.removeprefix("layers.").partition(".")  # "layers.3.ffn_norm" -> "ffn_norm"
            if isinstance(module, nn.Identity):
                continue  # stands where a configuration has no operation
            handles = [module.register_forward_hook(partial(puts_out, name))]
            if part in READ_BY and not isinstance(module, AddRMSNorm):  # that reads the branch alone
                read = name.removesuffix(part) + READ_BY[part]
                handles.append(module.register_forward_pre_hook(partial(reads, read)))
            if part == "attention":
                handles.append(module.register_forward_pre_hook(partial(begin, name)))
            for handle in handles:
                hooks.callback(handle.remove)
        yield rotated


def run(model: nn.Module, tokens: Integer[np.ndarray, "B T"]) -> None:
    """Run the model on tokens, where its weights are, without gradients."""
    device = next(model.parameters()).device
    with torch.no_grad():
        model(torch.tensor(tokens, dtype=torch.int64, device=device))


def in_order(seen: dict[str, Tensor], n_layers: int) -> dict[str, Output]:
    """Return copies of what was seen as arrays, in the reference's order; what is no operation is dropped."""
    trace = {}
    for name in operation_names(n_layers):
        if name in seen:
            value = seen[name].detach()
            value = value.float() if value.dtype == torch.bfloat16 else value
            trace[name] = value.cpu().numpy().copy()
    return trace


@contextmanager
def _rope_heard(model: nn.Module, rotated: Callable[[Tensor], None]) -> Iterator[None]:
    """Tell `rotated` what the model's rotation puts out: a function of its module, replaced for the time."""
    home: Any = sys.modules[type(model.get_submodule("model.layers.0.self_attn")).__module__]
    rotate = home.apply_rotary_pos_emb

    def rotate_and_tell(*args: Any, **kwargs: Any) -> Any:
        query, key = rotate(*args, **kwargs)
        rotated(query)
        rotated(key)
        return query, key

    home.apply_rotary_pos_emb = rotate_and_tell
    try:
        yield
    finally:
        home.apply_rotary_pos_emb = rotate
