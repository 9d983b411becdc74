"""Energy and carbon of a training run, as the LLaMA paper counts them.

    MWh = GPU-hours x watts x PUE / 10**6          tonnes = MWh x intensity

PUE, power usage effectiveness, is what the whole building draws over what the machines draw. The intensity
0.385 is the United States' average; the paper uses it for every model so that they compare, wherever they
were trained. Left out: making the machines, CPUs and network, runs that failed.

References
----------
Touvron et al. 2023, arXiv 2302.13971, section 6 and table 15; the method is Wu et al. 2022, arXiv 2111.00364.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..fields import positive_number

PUE = 1.1
TONNES_PER_MWH = 0.385  # CO2 equivalent


@dataclass(frozen=True)
class Footprint:
    """What a run took.

    Attributes
    ----------
    gpu_hours : float
    mwh : float
        Electricity, the building's share included.
    tonnes : float
        Of CO2 equivalent.
    """

    gpu_hours: float
    mwh: float
    tonnes: float


def footprint(
    gpu_hours: float, watts: float, pue: float = PUE, tonnes_per_mwh: float = TONNES_PER_MWH
) -> Footprint:
    """Return energy and carbon of so many GPU-hours.

    Parameters
    ----------
    gpu_hours : float
    watts : float
        Of one GPU.
    pue : float
        At least 1.
    tonnes_per_mwh : float
        The grid's intensity.

    Raises
    ------
    ValueError
        If a number cannot be what it is.

    Examples
    --------
    >>> took = footprint(1_022_362, watts=400)  # LLaMA 65B; the paper prints 449 MWh and 173 t
    >>> round(took.mwh, 1), round(took.tonnes, 1)
    (449.8, 173.2)
    """
    positive_number("gpu_hours", gpu_hours)
    positive_number("watts", watts)
    positive_number("tonnes_per_mwh", tonnes_per_mwh)
    if positive_number("pue", pue) < 1:
        raise ValueError(
            f"pue is {pue}: expected at least 1, a building draws what its machines draw and more"
        )
    mwh = gpu_hours * watts * pue / 1e6
    return Footprint(gpu_hours, mwh, mwh * tonnes_per_mwh)
