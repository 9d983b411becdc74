"""Solution of 14.3."""

import numpy as np
from jaxtyping import Float


def isoflop_vertex(n_params: Float[np.ndarray, " R"], losses: Float[np.ndarray, " R"]) -> float:
    """Fit the parabola in log N; its lowest point, back from the logarithm."""
    square, slope, _ = np.polyfit(np.log(n_params), losses, 2)
    if square <= 0:
        raise ValueError("the parabola has no lowest point: train sizes on both sides of the optimum")
    return float(np.exp(-slope / (2 * square)))
