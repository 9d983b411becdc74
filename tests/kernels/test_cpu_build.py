"""The C kernels' build: cached, safe when two processes build at once, one line when it cannot be done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHOW = "from minillama import kernels; print(kernels.unable('cpp'))"


def start(cache: Path, code: str = SHOW, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {"MINILLAMA_CACHE": str(cache)} | environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_two_processes_build_at_once_and_a_third_finds_it(tmp_path: Path) -> None:
    said = [process.communicate()[0] for process in [start(tmp_path), start(tmp_path)]]
    assert said == ["None\n", "None\n"]
    (built,) = (tmp_path / "kernels").iterdir()  # one library, nothing temporary
    written = built.stat().st_mtime_ns
    assert start(tmp_path).communicate()[0] == "None\n"
    assert [f.stat().st_mtime_ns for f in (tmp_path / "kernels").iterdir()] == [written]


@pytest.mark.slow
def test_a_compiler_that_fails_is_one_line_and_never_another_backend(tmp_path: Path) -> None:
    broken = tmp_path / "broken-cc"
    broken.write_text("#!/bin/sh\necho 'kernels.c:1: error: no such thing' >&2\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    out, _ = start(tmp_path / "cache", CC=str(broken)).communicate()
    assert out == f"{broken} failed: kernels.c:1: error: no such thing\n"
    out, _ = start(tmp_path / "cache", CC="no-such-compiler").communicate()
    assert out == "no C compiler: CC=no-such-compiler is not on the PATH\n"
    use = "from minillama import kernels; kernels.use('cpp')"
    asked = start(tmp_path / "cache", use, CC=str(broken))
    _, err = asked.communicate()
    assert asked.returncode == 1
    assert "backend 'cpp' cannot run here: " in err
    assert list((tmp_path / "cache" / "kernels").iterdir()) == []


@pytest.mark.slow
def test_a_damaged_library_is_built_anew(tmp_path: Path) -> None:
    start(tmp_path).communicate()
    (built,) = (tmp_path / "kernels").iterdir()
    built.write_bytes(b"not a library")
    assert start(tmp_path).communicate()[0] == "None\n"
    assert list((tmp_path / "kernels").iterdir()) == [built]
    assert built.stat().st_size > 10_000


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "kernels").write_text("a file, not a folder", encoding="utf-8")
    out, _ = start(tmp_path).communicate()
    assert f"{tmp_path / 'kernels'}" in out
    assert "cannot be used: " in out
    assert out.count("\n") == 1
