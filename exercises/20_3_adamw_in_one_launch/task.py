"""AdamW in one launch.

Exercise 20.3 · 20_fused_cross_entropy_and_adamw · hard · 45 minutes

All parameters of a model lie in one buffer, matrices first and norms after them; gradients and both means lie
in three more. One Triton kernel is to do the whole update: scale the gradients so that they are clipped, move
the means, correct their bias, let the matrices decay and the norms not. The checker counts 28 bytes a number.
"""

import torch
import triton  # noqa: F401 - for your kernel
import triton.language as tl  # noqa: F401
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


def clipped_adamw(
    p: Float[torch.Tensor, " n"],
    g: Float[torch.Tensor, " n"],
    m: Float[torch.Tensor, " n"],
    v: Float[torch.Tensor, " n"],
    factor: Float[torch.Tensor, ""],
    decayed: int,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> None:
    r"""Update `p`, `m` and `v` in place, by a kernel of your own that is started once.

    With $\hat g = factor \cdot g$: $m \leftarrow \beta_1 m + (1-\beta_1)\,\hat g$, $v \leftarrow \beta_2 v +
    (1-\beta_2)\,\hat g^2$, $p \leftarrow (1 - \eta\lambda)\,p - \eta\,\frac{m}{1-\beta_1^t} \big/
    \left(\sqrt{\tfrac{v}{1-\beta_2^t}} + \varepsilon\right)$, where $\lambda$ counts for the first `decayed`
    numbers only.

    Parameters
    ----------
    p, g, m, v : float32 tensor of shape (n,)
        Parameters, their gradient (leave it as it is), the running means of it and of its square.
    factor : float32 tensor of shape ()
        By which gradients are clipped. It is on the device: each program loads it, and nothing waits for it.
    decayed : int
        How many numbers decay, from the first on. The boundary may be anywhere.
    step : int
        The number t of this step. The first is 1.
    lr, beta1, beta2, eps, weight_decay : float
        $\eta$, $\beta_1$, $\beta_2$, $\varepsilon$, $\lambda$.

    Returns
    -------
    None

    Examples
    --------
    The first step has the length of the learning rate, whatever the gradient. The first number decays as
    well, by 0.1 · 0.5 · 2.

    >>> p, g, m, v = torch.full((2,), 2.0), torch.full((2,), 8.0), torch.zeros(2), torch.zeros(2)
    >>> clipped_adamw(p, g, m, v, torch.tensor(0.5), 1, 1, 0.1, 0.5, 0.75, 0.0, 0.5)
    >>> [round(x, 4) for x in p.tolist()], m.tolist(), v.tolist()
    ([1.8, 1.9], [2.0, 2.0], [4.0, 4.0])
    """
    raise NotImplementedError
