"""How a training run is laid out over GPUs, and how many bytes stand for one number.

    replica 0                     replica 1               ...   data
    [GPU 0 | GPU 1 | ... ]        [GPU t | ... ]
     `tensor` GPUs share every matrix

Within a replica each matrix is cut into `tensor` slices, and with it the activations (tensor and sequence
parallelism). The `data` replicas see different sequences; `zero` says what of the training state they share
out among themselves instead of each keeping all. Left out: pipeline, context and expert parallelism.

References
----------
Rajbhandari et al. 2019, ZeRO, arXiv 1910.02054, section 5 (the stages); Korthikanti et al. 2022,
arXiv 2205.05198, section 4.2 (sequence parallelism). LLaMA uses both: arXiv 2302.13971, section 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..fields import set_whole_number


@dataclass(frozen=True)
class Precision:
    """Bytes per number: `MIXED` and `FULL` are the usual two.

    Attributes
    ----------
    weights, gradients : int
        As the forward and backward passes see them.
    optimizer : int
        Per parameter: AdamW's two moments, and in mixed precision the 32-bit copy of the weight.
    activations : int
        Per number kept for the backward pass.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def per_parameter(self) -> int:
        """Bytes that one parameter costs while it is trained."""
        return self.weights + self.gradients + self.optimizer


MIXED = Precision(weights=2, gradients=2, optimizer=12, activations=2)
FULL = Precision(weights=4, gradients=4, optimizer=8, activations=4)


@dataclass(frozen=True)
class Layout:
    """GPUs by what they share.

    Parameters
    ----------
    data : int
        Replicas, each with sequences of its own.
    tensor : int
        GPUs in a replica: each matrix is cut into as many slices.
    zero : int
        What the replicas share out: 0 nothing (DDP), 1 the optimiser's state, 2 gradients too, 3 weights too
        (fully sharded data parallelism, FSDP).
    recompute : bool
        Keep only each block's input, and compute its activations again on the way back.

    Examples
    --------
    >>> layout = Layout(data=256, tensor=8, zero=3)
    >>> layout.gpus, str(layout)
    (2048, 'tensor 8 x data 256, all sharded')
    """

    data: int = 1
    tensor: int = 1
    zero: int = 0
    recompute: bool = False

    def __post_init__(self) -> None:
        set_whole_number(self, "data", at_least=1)
        set_whole_number(self, "tensor", at_least=1)
        set_whole_number(self, "zero", at_least=0)
        if self.zero > 3:
            raise ValueError(f"zero is {self.zero}: expected a stage from 0 (nothing shared) to 3 (all)")

    @property
    def gpus(self) -> int:
        """All of them."""
        return self.data * self.tensor

    def __str__(self) -> str:
        shared = ("nothing sharded", "optimiser sharded", "optimiser and gradients sharded", "all sharded")
        text = f"tensor {self.tensor} x data {self.data}, {shared[self.zero]}"
        return f"{text}, recomputing" if self.recompute else text
