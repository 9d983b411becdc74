"""One training run by several processes, with torch.distributed: started by torchrun, on one machine or many.

    processes.py    joining the others, and what happens when one of them is gone
    data.py         DataParallel: a copy of the model in every process (DDP)
    sharded.py      Sharded: FSDP2, tensor parallelism, or both
    tensor.py       a LLaMA's matrices cut over processes

The trainer is the same as for one process; see `minillama.training.placement`.
"""

from .data import DataParallel
from .processes import TIMEOUT, ProcessLostError, process_group, under_torchrun
from .sharded import Sharded
from .tensor import split_tensors

__all__ = [
    "TIMEOUT",
    "DataParallel",
    "ProcessLostError",
    "Sharded",
    "process_group",
    "split_tensors",
    "under_torchrun",
]
