"""The figures' colours: legible on white and dark, apart for every kind of colour vision."""

from __future__ import annotations

import itertools

import matplotlib as mpl
import numpy as np
import pytest

from minillama.book.plotting import COLORS, DARK_PAGE, STYLE, use_style

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
VISION = {
    "typical": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ @ np.ones(3)


def linear(colour: str) -> np.ndarray:
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    dark, light = sorted((TO_XYZ @ linear(colour))[1] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b*, in which a distance of 10 is seen by everyone at a glance."""
    ratio = TO_XYZ @ np.clip(rgb, 0, 1) / WHITE
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("name", COLORS)
@pytest.mark.parametrize("page", ["#ffffff", DARK_PAGE])
def test_every_colour_shows_on_both_pages(name, page):
    assert contrast(COLORS[name], page) >= 3.0


def test_text_is_legible_on_both_pages():
    assert contrast(COLORS["grey"], "#ffffff") >= 4.5
    assert contrast(COLORS["grey"], DARK_PAGE) >= 3.8  # the site brightens figures there; JupyterLab does not


@pytest.mark.parametrize("vision", VISION)
def test_colours_stay_apart(vision):
    seen = {
        name: lab(np.array(VISION[vision]) @ linear(colour))
        for name, colour in COLORS.items()
        if name != "grey"
    }
    closest = min(
        itertools.combinations(seen, 2), key=lambda pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]])
    )
    assert np.linalg.norm(seen[closest[0]] - seen[closest[1]]) > 15, closest


def test_use_style_sets_everything_and_only_that():
    with mpl.rc_context():
        use_style()
        for key, value in STYLE.items():
            set_value = mpl.rcParams[key]
            expected = [value] if key == "font.family" else value
            assert (tuple(set_value) == value) if isinstance(value, tuple) else (set_value == expected), key
