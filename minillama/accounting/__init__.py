"""What a model costs, by formula: parameters, FLOPs, bytes, days, and the loss that a budget buys.

    parameters.py  how many numbers, part by part
    compute.py     FLOPs per token, utilisation of a chip, days of training
    memory.py      the key/value cache, and what training keeps
    scaling.py     Chinchilla's law, as published and as fitted again

Everything here is arithmetic on a `LlamaConfig`; nothing is allocated, so a 405-billion-parameter model is
counted as fast as a small one.

    >>> from minillama import LlamaConfig
    >>> count_parameters(LlamaConfig.named("llama-2-7b")).total
    6738415616
"""

from .compute import PEAK_FLOPS, FlopCount, count_flops, flops_per_token, mfu, training_days
from .memory import TrainingMemory, kv_cache_bytes, training_memory
from .parameters import ParameterCount, count_parameters
from .scaling import BESIROGLU, HOFFMANN, HOFFMANN_TEX, Optimum, ScalingLaw

__all__ = [
    "BESIROGLU",
    "HOFFMANN",
    "HOFFMANN_TEX",
    "PEAK_FLOPS",
    "FlopCount",
    "Optimum",
    "ParameterCount",
    "ScalingLaw",
    "TrainingMemory",
    "count_flops",
    "count_parameters",
    "flops_per_token",
    "kv_cache_bytes",
    "mfu",
    "training_days",
    "training_memory",
]
