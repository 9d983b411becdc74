"""GPUs as their data sheets have them: memory, peak rate, power; and the utilisation that long runs reached.

Peak rates are dense and in 16 bits; sheets that say twice as much assume sparse weights. Memory is the
sheet's number of gigabytes, taken as 10**9 bytes; what a driver reports is a few per cent more.

Sources: NVIDIA's data sheets of A100, H100, H200 and HGX B200. Utilisation: LLaMA, arXiv 2302.13971,
section 2.4 (380 tokens/s on each of 2,048 A100: 49.7 % in PaLM's count); Llama 3, arXiv 2407.21783, table 4
(400 TFLOP/s on each of 16,384 H100; how it counts them is not said).
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from ..fields import set_positive_number
from .compute import PEAK_FLOPS


@dataclass(frozen=True)
class Device:
    """A GPU.

    Attributes
    ----------
    name : str
    memory : float
        Bytes.
    peak_flops : float
        Dense 16-bit FLOP/s.
    watts : float
        The most it draws.
    mfu : float
        Utilisation to assume, in PaLM's count, attention included.
    mfu_source : str
        Which run reached it.
    """

    name: str
    memory: float
    peak_flops: float
    watts: float
    mfu: float
    mfu_source: str

    def __post_init__(self) -> None:
        for name in ("memory", "peak_flops", "watts", "mfu"):
            set_positive_number(self, name)

    @classmethod
    def named(cls, name: str) -> Device:
        """Return a device of `DEVICES`.

        Examples
        --------
        >>> Device.named("a100-80gb").watts
        400.0
        >>> Device.named("a100")
        Traceback (most recent call last):
            ...
        ValueError: no device is called 'a100': did you mean a100-80gb or a100-40gb?
        """
        if name not in DEVICES:
            near = get_close_matches(name, DEVICES, 2, cutoff=0.5)
            advice = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(DEVICES)}"
            raise ValueError(f"no device is called {name!r}: {advice}")
        return DEVICES[name]


_LLAMA_1 = (0.497, "as LLaMA 65B's (arXiv 2302.13971, section 2.4)")
_LLAMA_3 = (0.404, "as Llama 3 405B's (arXiv 2407.21783, table 4)")
_AS_H100 = (0.404, "assumed to be an H100's (arXiv 2407.21783, table 4)")

DEVICES: dict[str, Device] = {
    device.name: device
    for device in (
        Device("a100-40gb", 40e9, PEAK_FLOPS["a100"], 400, *_LLAMA_1),
        Device("a100-80gb", 80e9, PEAK_FLOPS["a100"], 400, *_LLAMA_1),
        Device("h100-80gb", 80e9, PEAK_FLOPS["h100"], 700, *_LLAMA_3),
        Device("h100-pcie-80gb", 80e9, PEAK_FLOPS["h100-pcie"], 350, *_AS_H100),
        Device("h200-141gb", 141e9, PEAK_FLOPS["h100"], 700, *_AS_H100),
        Device("b200-180gb", 180e9, PEAK_FLOPS["b200"], 1000, *_AS_H100),
    )
}
