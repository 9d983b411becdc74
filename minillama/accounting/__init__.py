"""What a model costs, by formula: parameters, FLOPs, bytes, days, carbon, and the loss that a budget buys.

    parameters.py  how many numbers, part by part
    compute.py     FLOPs per token, utilisation of a chip, days of training
    layout.py      how a run is spread over GPUs
    memory.py      the key/value cache, and what each GPU holds in training
    devices.py     GPUs by their data sheets
    fitting.py     the least elaborate layout that fits
    energy.py      megawatt-hours and tonnes
    plan.py        all of it for one training run
    scaling.py     Chinchilla's law, as published and as fitted again; its optima
    scaling_fit.py the law fitted to runs, with error bars (needs NumPy: import it by name)

Everything here is arithmetic on a `LlamaConfig`; nothing is allocated, so a 405-billion-parameter model is
counted as fast as a small one.

    >>> from minillama import LlamaConfig
    >>> count_parameters(LlamaConfig.named("llama-2-7b")).total
    6738415616
"""

from .compute import PEAK_FLOPS, FlopCount, count_flops, flops_per_token, mfu, training_days
from .devices import DEVICES, Device
from .energy import Footprint, footprint
from .fitting import DoesNotFitError, Fit, Rejected
from .layout import FULL, MIXED, Layout, Precision
from .memory import TrainingMemory, activation_bytes_per_token, kv_cache_bytes, training_memory
from .parameters import ParameterCount, count_parameters
from .plan import Plan, plan_training
from .scaling import BESIROGLU, HOFFMANN, HOFFMANN_TEX, Optimum, ScalingLaw

__all__ = [
    "BESIROGLU",
    "DEVICES",
    "FULL",
    "HOFFMANN",
    "HOFFMANN_TEX",
    "MIXED",
    "PEAK_FLOPS",
    "Device",
    "DoesNotFitError",
    "Fit",
    "FlopCount",
    "Footprint",
    "Layout",
    "Optimum",
    "ParameterCount",
    "Plan",
    "Precision",
    "Rejected",
    "ScalingLaw",
    "TrainingMemory",
    "activation_bytes_per_token",
    "count_flops",
    "count_parameters",
    "flops_per_token",
    "footprint",
    "kv_cache_bytes",
    "mfu",
    "plan_training",
    "training_days",
    "training_memory",
]
