"""The specification: LLaMA in NumPy, every layer and the whole, forward and backward by hand.

Each layer is a pair of functions. `name(...)` returns its output and what the backward needs;
`name_backward(d_out, saved)` returns the gradient of every input, in the order of the arguments. `d_y`
always means the derivative of the loss by `y`, and has y's shape. The dtype follows the input: float64
for checks, float32 for speed. There is no torch here and no automatic differentiation.

The modules, in the order of the book:

    gradient_check.py   finite differences
    linear.py           the linear layer and the embedding
    softmax.py          softmax and cross-entropy
    norm.py             RMSNorm, LayerNorm
    rope.py             rotary positions in both layouts
    attention.py        causal attention with grouped queries
    activations.py      ReLU, GELU, SiLU, SwiGLU
    weights.py          names, shapes and the random start
    block.py            one block
    cache.py            keys and values kept
    llama.py            ReferenceLlama, the whole
    optimizer.py        AdamW, clipping
    schedule.py         warm-up and cosine
    training.py         the loop
"""

from .activations import (
    gelu,
    gelu_backward,
    relu,
    relu_backward,
    silu,
    silu_backward,
    swiglu,
    swiglu_backward,
)
from .attention import attention, attention_backward, causal_mask
from .block import Place, block, block_backward
from .cache import KVCache
from .gradient_check import numerical_gradient, relative_error
from .linear import embedding, embedding_backward, linear, linear_backward
from .llama import ReferenceLlama
from .norm import layer_norm, layer_norm_backward, rms_norm, rms_norm_backward
from .optimizer import AdamW, clip_gradients
from .rope import permute_rows, rope, rope_backward, rope_frequencies, rope_table
from .schedule import cosine
from .softmax import cross_entropy, cross_entropy_backward, softmax, softmax_backward
from .training import Step, train
from .weights import init_weights, weight_shapes

__all__ = [
    "AdamW",
    "KVCache",
    "Place",
    "ReferenceLlama",
    "Step",
    "attention",
    "attention_backward",
    "block",
    "block_backward",
    "causal_mask",
    "clip_gradients",
    "cosine",
    "cross_entropy",
    "cross_entropy_backward",
    "embedding",
    "embedding_backward",
    "gelu",
    "gelu_backward",
    "init_weights",
    "layer_norm",
    "layer_norm_backward",
    "linear",
    "linear_backward",
    "numerical_gradient",
    "permute_rows",
    "relative_error",
    "relu",
    "relu_backward",
    "rms_norm",
    "rms_norm_backward",
    "rope",
    "rope_backward",
    "rope_frequencies",
    "rope_table",
    "silu",
    "silu_backward",
    "softmax",
    "softmax_backward",
    "swiglu",
    "swiglu_backward",
    "train",
    "weight_shapes",
]
