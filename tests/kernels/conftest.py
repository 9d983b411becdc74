"""Every test of kernels: Triton's interpreted, and the backend in use afterwards as before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minillama import kernels
from minillama.kernels.triton.interpreter import enable


@pytest.fixture(autouse=True)
def _interpreted_and_restored() -> Iterator[None]:
    enable()
    before = kernels.chosen()
    yield
    kernels.use(before)
