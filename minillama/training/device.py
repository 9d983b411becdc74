"""Which device a process computes on, and whose kernels: by name, or the best that is here.

What was asked for by name is had, or an error says why not; nothing else is taken in its place.
"""

from __future__ import annotations

import os

import torch

from .. import kernels

DEVICES = ("auto", "cpu", "cuda")
_ONLY_ON = {"cpp": "cpu", "triton-interpret": "cpu", "triton": "cuda"}  # eager computes anywhere


def take_device(name: str) -> torch.device:
    """Return the device of this process, and make it PyTorch's own; under torchrun all have GPUs, or none.

    Parameters
    ----------
    name : str
        ``"cpu"``, ``"cuda"``, or ``"auto"``: a GPU where there is one for each process of this machine.

    Raises
    ------
    ValueError
        If the name is another, or there are too few GPUs.

    Examples
    --------
    >>> take_device("cpu")
    device(type='cpu')
    """
    if name not in DEVICES:
        raise ValueError(f"device is {name!r}: expected one of {', '.join(DEVICES)}")
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and gpus < processes):
        return torch.device("cpu")
    if gpus == 0:
        raise ValueError("device 'cuda' cannot be had here: PyTorch sees no GPU")
    if gpus < processes:
        raise ValueError(f"{processes} processes on this machine want a GPU each: PyTorch sees {gpus}")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device


def use_backend(name: str, device: torch.device) -> None:
    """Choose whose kernels compute on `device` from here on, for this process.

    Parameters
    ----------
    name : str
        As in `kernels.use`.
    device : torch.device

    Raises
    ------
    ValueError
        If that backend is unknown, cannot run on this machine, or not on that device.

    Examples
    --------
    >>> use_backend("triton", torch.device("cpu"))
    Traceback (most recent call last):
        ...
    ValueError: backend 'triton' computes on cuda alone, and the device is cpu
    """
    only = _ONLY_ON.get(name, device.type)
    if only != device.type:
        raise ValueError(f"backend {name!r} computes on {only} alone, and the device is {device.type}")
    kernels.use(name)
