"""The specification: every layer of LLaMA in NumPy, forward and backward by hand.

Each layer is a pair of functions. `name(...)` returns its output and what the backward needs;
`name_backward(d_out, saved)` returns the gradient of every input, in the order of the arguments. `d_y`
always means the derivative of the loss by `y`, and has y's shape. The dtype follows the input: float64
for checks, float32 for speed. There is no torch here and no automatic differentiation.
"""

from .gradient_check import numerical_gradient, relative_error
from .norm import layer_norm, layer_norm_backward, rms_norm, rms_norm_backward

__all__ = [
    "layer_norm",
    "layer_norm_backward",
    "numerical_gradient",
    "relative_error",
    "rms_norm",
    "rms_norm_backward",
]
