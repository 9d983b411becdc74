"""Check everything first, then copy in place, off the tape."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn


def load_arrays(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    parameters = dict(module.named_parameters())
    if differing := parameters.keys() ^ arrays.keys():
        raise ValueError(f"missing or left over: {sorted(differing)}")
    for name, parameter in parameters.items():
        if arrays[name].shape != parameter.shape:
            raise ValueError(f"{name} has shape {arrays[name].shape}, expected {tuple(parameter.shape)}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(torch.from_numpy(arrays[name]))
