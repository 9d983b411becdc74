"""Figures of GPUs on the page: the numbers by hand, the plain truth without any, and the page in git."""

from __future__ import annotations

import copy

import pytest
from kernels.test_gpu_figures import VALUES

from minillama.book.gpu_page import BEGIN, END, NONE, gpu_page, tables, with_figures
from minillama.book.notebooks import ROOT
from minillama.kernels.gpu_figures import CONTESTANTS, GpuFigures


def test_the_tables_hold_what_was_measured() -> None:
    lines = tables(GpuFigures.from_dict(VALUES)).splitlines()
    assert lines[0].startswith("Commit `0123abc`, seed 0, bfloat16, kernels of `triton`; torch 2.13.0.")
    assert "600 TFLOP/s in products, 3,000 GB/s; 75 GiB of memory" in lines[0]
    (eager,) = (line for line in lines if line.startswith("| eager |"))
    assert eager.startswith("| eager | 300 [100..500] | 107 | ")
    assert eager.endswith(" | 0.00 | 4.5000 |")
    (ours,) = (line for line in lines if line.startswith("| ours |"))
    assert ours.endswith(" | - | 4.5000 |")
    assert "| `rms_norm` | 4,000 [4,000..4,000], 25% | - | - | 2,000 [1,000..3,000], 50% |" in lines
    assert lines[-1] == "- liger: not installed"


def test_a_device_without_a_known_data_sheet_has_no_share_of_it() -> None:
    values = copy.deepcopy(VALUES) | {"device": "NVIDIA T4"}
    for line in tables(GpuFigures.from_dict(values)).splitlines():
        if line.startswith(("| eager", "| ours")):
            assert line.split(" | ")[4] == "-"


def test_without_figures_the_page_says_so_and_with_figures_it_shows_them() -> None:
    page = f"above\n{BEGIN}yesterday\n{END}below\n"
    none = with_figures(page, [])
    assert NONE in none
    assert "yesterday" not in none
    figures = GpuFigures.from_dict(VALUES)
    shown = with_figures(none, [figures, figures])
    assert shown.count("### NVIDIA H100 80GB HBM3") == 2
    assert tables(figures) in shown
    assert NONE not in shown
    assert with_figures(shown, []) == none


@pytest.mark.error_contract
def test_a_lost_marker_is_named() -> None:
    with pytest.raises(ValueError, match="lacks a marker"):
        with_figures("a page", [])


def test_the_page_in_git_is_up_to_date_and_names_every_contestant() -> None:
    page = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
    assert page == gpu_page()
    for who in CONTESTANTS:
        assert f"| `{who}` |" in page
