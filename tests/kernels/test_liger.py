"""Fetching Liger-Kernel's wheel: once, whole, and only what was pinned."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from minillama.data.fetch import FetchError
from minillama.kernels.compiled import liger


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Have an empty cache, and a package index that gives out a small file; return what it is asked for."""
    requests: list[str] = []

    def download(requirement: str, sha256: str, into: Path, progress: Any = None) -> Path:
        requests.append(requirement)
        brought = into / "wheel"
        brought.write_bytes(b"kernels")
        return brought

    monkeypatch.setenv("MINILLAMA_CACHE", str(tmp_path))
    monkeypatch.setattr(liger, "download", download)
    return requests


def test_the_wheel_is_fetched_once(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liger, "SHA256", hashlib.sha256(b"kernels").hexdigest())
    wheel = liger.fetch_liger()
    assert wheel == liger.liger_wheel()
    assert wheel.read_bytes() == b"kernels"
    assert liger.fetch_liger() == wheel
    assert asked == ["liger-kernel==0.8.5"]
    wheel.write_bytes(b"broken")
    assert liger.fetch_liger().read_bytes() == b"kernels"
    assert len(asked) == 2
    assert list(wheel.parent.iterdir()) == [wheel]


@pytest.mark.error_contract
def test_what_was_not_pinned_is_not_kept(asked: list[str]) -> None:
    with pytest.raises(FetchError, match="what came is not what was pinned; nothing was kept"):
        liger.fetch_liger()
    assert list(liger.liger_wheel().parent.iterdir()) == []
