"""One look for every figure of the book.

A figure is stored once and shown on white paper, on the site's dark page and in JupyterLab's two themes.
So it has no background, its text and axes are a grey in the middle, and every colour keeps a contrast of at
least 3:1 against white and against the dark page (`DARK_PAGE`). The palette stays apart for the three kinds
of colour blindness; tests/book/test_plotting.py computes both.

Figures are PNG at twice the screen's resolution, and not SVG: GitHub and JupyterLab show them alike, nbval
does not compare them, and two runs on one machine give the same bytes.

Left out: themes to choose from. Sources: WCAG 2.2, success criteria 1.4.3 and 1.4.11; the idea of a palette
for everyone is Okabe and Ito's (2008), whose own yellow and sky blue vanish on white.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
from cycler import cycler

COLORS: dict[str, str] = {
    "blue": "#0b6cb0",
    "orange": "#c98200",
    "green": "#109a86",
    "red": "#bb4432",
    "purple": "#c67ab8",
    "grey": "#737373",
}
"""The palette by name. Plots take the first five in this order; grey is for text, axes, references."""

DARK_PAGE = "#14161b"
"""The darkest background that a figure is shown on: the site's dark page."""

STYLE: dict[Any, object] = {
    "axes.axisbelow": True,
    "axes.edgecolor": COLORS["grey"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": COLORS["grey"],
    "axes.labelsize": 10.5,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=[COLORS[name] for name in COLORS if name != "grey"]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": COLORS["grey"],
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.edgecolor": "none",
    "figure.facecolor": "none",
    "figure.figsize": (7.2, 3.8),
    "figure.titlesize": 12,
    "font.family": "DejaVu Sans",  # matplotlib brings it along: the same shapes on every machine
    "font.size": 10,
    "grid.alpha": 0.28,
    "grid.color": COLORS["grey"],
    "grid.linewidth": 0.6,
    "hatch.color": COLORS["grey"],
    "image.cmap": "viridis",
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "legend.labelcolor": COLORS["grey"],
    "lines.linewidth": 1.9,
    "lines.markersize": 5,
    "mathtext.fontset": "cm",  # Computer Modern, as the site's formulas
    "patch.edgecolor": "none",
    "savefig.dpi": 200,
    "savefig.edgecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "minillama",
    "text.color": COLORS["grey"],
    "xtick.color": COLORS["grey"],
    "xtick.labelsize": 9.5,
    "ytick.color": COLORS["grey"],
    "ytick.labelsize": 9.5,
}
"""Settings of matplotlib, by its own names; sizes in points, figures in inches."""


def use_style() -> None:
    """Set the book's look for every figure drawn from here on, in a notebook also the format PNG at 2x.

    Examples
    --------
    >>> use_style()
    >>> mpl.rcParams["figure.facecolor"]
    'none'
    """
    mpl.rcParams.update(STYLE)
    if _in_notebook():
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        # Without the library's version in the file, an upgrade that draws the same leaves the same bytes.
        set_matplotlib_formats("retina", metadata={"Software": None})


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this, and not Python or a test."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")
